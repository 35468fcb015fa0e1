// The random calls of policies/conformance, as texts.

export function randomCalls({ seed, calls, slots }) {
  let state = seed;
  const next = (count) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % count;
  };
  return Array.from({ length: calls }, () => slots.map((slot) => slot[next(slot.length)]).join(''));
}
