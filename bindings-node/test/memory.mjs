// Prints how much more memory the process has after so many calls than after its first ones.

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

round(Math.min(count, 100_000));
await live.decideMany(asked);
const before = await resident();
round(count);
await live.decideMany(asked);
console.log(JSON.stringify({ calls: count, drift: (await resident()) - before }));
