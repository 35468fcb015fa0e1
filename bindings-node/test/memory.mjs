// Prints how much more memory the process has after so many calls than near their beginning.

import { Engine, Live } from 'toolgate';
import { NOW, alice, find, pay, sources } from './support.mjs';

const count = Number(process.argv[2]);
const live = new Live(new Engine(sources()));
const asked = [find(), pay(1), pay(9007199254740993n), JSON.stringify(find()), '{', Buffer.from(JSON.stringify(pay(2)))];

function round(calls) {
  for (let number = 0; number < calls; number += 1) {
    live.decide(asked[number % asked.length]);
    if (number % 1_000 === 0) {
      live.visibleTools({ subject: alice, now: NOW });
      try {
        live.decide({ now: NaN });
      } catch {}
      try {
        live.apply('{');
      } catch {}
    }
  }
}

/** Resident memory, at its least: what the collectors have not given back yet is no leak. */
async function resident() {
  let least = Infinity;
  for (let time = 0; time < 8; time += 1) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
    least = Math.min(least, process.memoryUsage.rss());
  }
  return least;
}

// V8 moves its own heap about by some MiB: the least of the last rounds is set against the least of the first
const ROUNDS = 12;
round(150_000);
const after = [];
for (let number = 0; number < ROUNDS; number += 1) {
  round(Math.ceil(count / ROUNDS));
  await live.decideMany(asked);
  after.push(await resident());
}
const drift = Math.min(...after.slice(-4)) - Math.min(...after.slice(0, 4));
console.log(JSON.stringify({ calls: count, drift, after }));
