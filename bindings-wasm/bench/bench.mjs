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

import { calls as company, policies, question, sources } from '../../bindings-node/bench/company.mjs';
import { Engine } from '../dist/node.js';

const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs');
const [seconds = 3, ...sizes] = process.argv.slice(2).map(Number);
/** Milliseconds of one turn. */
const TURN = 12;
const CALLS = 256;

const micros = (time) => (time < 100 ? time.toFixed(2) : time.toFixed(0));
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

/** The median over turns of the time of one call, in microseconds. */
function compare(contestants) {
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

const rows = [];
for (const count of sizes.length > 0 ? sizes : [10, 1_000]) {
  const engine = new Engine(sources(count));
  const calls = company(CALLS);
  const texts = calls.map((call) => JSON.stringify(call));
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
  assert.ok(allowed > 0 && allowed < CALLS);
  const times = compare([
    { calls: texts, run: (call) => engine.decideJson(call) },
    { calls: texts, run: (call) => engine.decide(call) },
    { calls, run: (call) => engine.decide(call) },
    { calls: own, run: (question) => cedar.statefulIsAuthorized(question) },
    { calls: snapshot, run: (question) => cedar.statefulIsAuthorized(question) },
  ]);
  const [, , object, ofOwn, ofAll] = times;
  rows.push([count, ...times.map(micros), `${(ofOwn / object).toFixed(0)} ×`, `${(ofAll / object).toFixed(0)} ×`, `${allowed} of ${CALLS}`]);
}

console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, Node ${process.version}, load ${os.loadavg()[0].toFixed(2)}; µs a decision`);
const head = ['policies', 'decideJson(text)', 'decide(text)', 'decide(object)', 'cedar-wasm, own entities', 'cedar-wasm, snapshot', 'own ÷ decide(object)', 'snapshot ÷ decide(object)', 'both allow'];
const line = (cells) => `| ${cells.join(' | ')} |`;
console.log([line(head), line(head.map(() => '--:')), ...rows.map(line)].join('\n'));
