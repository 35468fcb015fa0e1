#!/usr/bin/env node
// A decision in Node: toolgate, cedar-wasm in its stateful mode, and the core without Node, taking turns in one run.
//
//   cd bindings-node && node build.mjs --release && (cd bench && npm ci) && node bench/bench.mjs [SECONDS] [POLICIES…]
//
// The table goes to stdout as Markdown.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import toolgate from '../index.js';
import { calls as company, policies, question, sources } from './company.mjs';

const { Engine } = toolgate;
const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs');
const root = fileURLToPath(new URL('../..', import.meta.url));
const [seconds = 3, ...sizes] = process.argv.slice(2).map(Number);
const TURN = 12;
const CALLS = 256;

const micros = (time) => (time < 100 ? time.toFixed(2) : time.toFixed(0));
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];

/** What a gateway reads of a decision. All of it is there before anything is read: a decision is made whole. */
let read = 0;
function use({ outcome, reason, allowed, agent_message, valid_until }) {
  if (allowed) read += 1;
  read += outcome.length + reason.length + agent_message.length + (valid_until === null ? 0 : valid_until.length);
}

/** The median over turns of the time of one call, in microseconds. */
function compare(contestants) {
  for (const each of contestants) {
    const begun = performance.now();
    each.run(each.calls[0]);
    for (let number = 0; number < 3_000 && performance.now() - begun < 500; number += 1) each.run(each.calls[number % CALLS]);
    const start = performance.now();
    for (let number = 0; number < 20; number += 1) each.run(each.calls[number]);
    const [time] = [(performance.now() - start) / 20];
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
let outcomes = '';
const folder = mkdtempSync(path.join(os.tmpdir(), 'toolgate-bench-'));
for (const count of sizes.length > 0 ? sizes : [10, 1_000]) {
  const bundle = JSON.stringify(sources(count));
  const engine = new Engine(bundle);
  const calls = company(CALLS);
  const texts = calls.map((call) => JSON.stringify(call));
  const set = `p${count}`;
  const parsed = cedar.preparsePolicySet(set, { staticPolicies: policies(count).join('\n') });
  assert.equal(parsed.type, 'success', JSON.stringify(parsed));
  const asked = (all) => calls.map((call) => ({ ...question(call, all), preparsedPolicySetId: set, validateRequest: false }));
  const answers = asked(false).map((question, number) => {
    const { type, response } = cedar.statefulIsAuthorized(question);
    assert.equal(type, 'success');
    assert.deepEqual(response.diagnostics.errors, []);
    assert.equal(response.decision === 'allow', engine.decide(calls[number]).allowed, 'both say the same');
    return response.decision;
  });
  const allowed = answers.filter((answer) => answer === 'allow').length;
  const tally = {};
  for (const call of calls) tally[engine.decide(call).outcome] = (tally[engine.decide(call).outcome] ?? 0) + 1;
  outcomes += `${count} policies: ${JSON.stringify(tally)}, cedar-wasm allows the same ${allowed}\n`;

  const file = path.join(folder, 'bench.json');
  writeFileSync(file, JSON.stringify({ sources: bundle, calls: texts }));
  const core = () => {
    const args = ['run', '--quiet', '--release', '-p', 'toolgate-node', '--example', 'core_time', '--', file];
    return Number(execFileSync('cargo', args, { cwd: root, encoding: 'utf8' }));
  };
  const before = core();
  const [json, text, object, own, all] = compare([
    { calls: texts, run: (call) => engine.decideJson(call) },
    { calls: texts, run: (call) => use(engine.decide(call)) },
    { calls, run: (call) => use(engine.decide(call)) },
    { calls: asked(false), run: (question) => cedar.statefulIsAuthorized(question) },
    { calls: asked(true), run: (question) => cedar.statefulIsAuthorized(question) },
  ]);
  const inCore = Math.min(before, core());
  const many = Array.from({ length: 20_000 }, (_, number) => texts[number % CALLS]);
  const together = [];
  for (let time = 0; time < 5; time += 1) {
    const start = performance.now();
    await engine.decideMany(many);
    together.push(((performance.now() - start) * 1_000) / many.length);
  }
  const times = [inCore, json, text, object, median(together), own, all].map(micros);
  rows.push([count, ...times, micros(json - inCore), micros(text - inCore), micros(object - inCore), `${(own / text).toFixed(0)} ×`, `${(all / text).toFixed(0)} ×`]);
}
rmSync(folder, { recursive: true });

const { stdout: uptime } = spawnSync('uptime', { encoding: 'utf8' });
console.log(`${os.cpus()[0].model}, ${os.cpus().length} cores, Node ${process.version};${uptime?.trimEnd() ?? ''}\n${outcomes}`);
const head = ['policies', 'core', 'decideJson(text)', 'decide(text)', 'decide(object)', 'decideMany, each', 'cedar-wasm, own entities', 'cedar-wasm, snapshot', 'adds: text to text', 'adds: text', 'adds: object', 'own ÷ decide(text)', 'snapshot ÷ decide(text)'];
const line = (cells) => `| ${cells.join(' | ')} |`;
console.log([line(head), line(head.map(() => '--:')), ...rows.map(line)].join('\n'));
