#!/usr/bin/env node
// A decision in WebAssembly in Node: toolgate and cedar-wasm in its stateful mode, taking turns in one run, on the
// company of bindings-node/bench.
//
//   cd bindings-wasm && ./build.sh && (cd bench && npm ci) && node bench/bench.mjs [SECONDS] [POLICIES…]
//
// The table goes to stdout as Markdown.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import os from 'node:os';

import { calls as company, sources } from '../../bindings-node/bench/company.mjs';
import { CALLS, compare, contestants, micros, table } from '../../bindings-node/bench/race.mjs';
import { Engine } from '../dist/node.js';

const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs');
const [seconds = 3, ...sizes] = process.argv.slice(2).map(Number);

const rows = [];
for (const count of sizes.length > 0 ? sizes : [10, 1_000]) {
  const engine = new Engine(sources(count));
  const calls = company(CALLS);
  const texts = calls.map((call) => JSON.stringify(call));
  const { allowed, cedars } = contestants(cedar, engine, count, calls);
  assert.ok(allowed > 0 && allowed < CALLS);
  const times = compare([
    { calls: texts, run: (call) => engine.decideJson(call) },
    { calls: texts, run: (call) => engine.decide(call) },
    { calls, run: (call) => engine.decide(call) },
    ...cedars,
  ], seconds);
  const [, , object, ofOwn, ofAll] = times;
  rows.push([count, ...times.map(micros), `${(ofOwn / object).toFixed(0)} ×`, `${(ofAll / object).toFixed(0)} ×`, `${allowed} of ${CALLS}`]);
}

console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, Node ${process.version}, load ${os.loadavg()[0].toFixed(2)}; µs a decision`);
const head = ['policies', 'decideJson(text)', 'decide(text)', 'decide(object)', 'cedar-wasm, own entities', 'cedar-wasm, snapshot', 'own ÷ decide(object)', 'snapshot ÷ decide(object)', 'both allow'];
console.log(table(head, rows));
