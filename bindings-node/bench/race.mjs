// What the benches for JavaScript have in common: contestants that take turns, and cedar-wasm as its users run it.

import assert from 'node:assert/strict';
import { policies, question } from './company.mjs';

/** Milliseconds of one turn. */
const TURN = 12;
export const CALLS = 256;

export const micros = (time) => (time < 100 ? time.toFixed(2) : time.toFixed(0));
export const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

/** A table in Markdown. */
export function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '--:')), ...rows.map(line)].join('\n');
}

/** The median over turns of the time of one call, in microseconds. */
export function compare(contestants, seconds) {
  for (const each of contestants) {
    const begun = performance.now();
    let number = 0;
    // long enough for the runtime to compile what is hot
    while (performance.now() - begun < 500) each.run(each.calls[number++ % CALLS]);
    const time = (performance.now() - begun) / number;
    Object.assign(each, { batch: Math.max(1, Math.round(TURN / time)), times: [], at: 0 });
  }
  const until = performance.now() + seconds * 1_000 * contestants.length;
  while (performance.now() < until || contestants[0].times.length < 5) {
    for (const each of contestants) {
      const start = process.hrtime.bigint();
      for (let number = 0; number < each.batch; number += 1) each.run(each.calls[(each.at = (each.at + 1) % CALLS)]);
      each.times.push(Number(process.hrtime.bigint() - start) / each.batch / 1_000);
    }
  }
  return contestants.map(({ times }) => median(times));
}

/** cedar-wasm in its stateful mode: with the entities of each call, and with all. It has to agree on every call. */
export function contestants(cedar, engine, count, calls) {
  const set = `p${count}`;
  const parsed = cedar.preparsePolicySet(set, { staticPolicies: policies(count).join('\n') });
  assert.equal(parsed.type, 'success', JSON.stringify(parsed));
  const asked = (all) => calls.map((call) => ({ ...question(call, all), preparsedPolicySetId: set, validateRequest: false }));
  const [own, snapshot] = [asked(false), asked(true)];
  let allowed = 0;
  for (const [number, one] of own.entries()) {
    const { type, response } = cedar.statefulIsAuthorized(one);
    assert.equal(type, 'success');
    assert.deepEqual(response.diagnostics.errors, []);
    assert.equal(response.decision === 'allow', engine.decide(calls[number]).allowed, 'both say the same');
    if (response.decision === 'allow') allowed += 1;
  }
  const run = (question) => cedar.statefulIsAuthorized(question);
  return { allowed, cedars: [{ calls: own, run }, { calls: snapshot, run }] };
}
