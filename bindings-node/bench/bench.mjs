#!/usr/bin/env node
// A decision in Node: toolgate, cedar-wasm in its stateful mode, and the core without Node, taking turns in one run.
//
//   cd bindings-node && node build.mjs --release && (cd bench && npm ci) && node bench/bench.mjs [SECONDS] [POLICIES…]
//
// The table goes to stdout as Markdown.

import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import toolgate from '../index.js';
import { calls as company, sources } from './company.mjs';
import { CALLS, compare, contestants, median, micros, table } from './race.mjs';

const { Engine } = toolgate;
const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs');
const root = fileURLToPath(new URL('../..', import.meta.url));
const [seconds = 3, ...sizes] = process.argv.slice(2).map(Number);

/** What a gateway reads of a decision. All of it is there before anything is read: a decision is made whole. */
let read = 0;
function use({ outcome, reason, allowed, agent_message, valid_until }) {
  if (allowed) read += 1;
  read += outcome.length + reason.length + agent_message.length + (valid_until === null ? 0 : valid_until.length);
}

const rows = [];
let outcomes = '';
const folder = mkdtempSync(path.join(os.tmpdir(), 'toolgate-bench-'));
for (const count of sizes.length > 0 ? sizes : [10, 1_000]) {
  const bundle = JSON.stringify(sources(count));
  const engine = new Engine(bundle);
  const calls = company(CALLS);
  const texts = calls.map((call) => JSON.stringify(call));
  const { allowed, cedars } = contestants(cedar, engine, count, calls);
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
    ...cedars,
  ], seconds);
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
console.log(table(head, rows));
