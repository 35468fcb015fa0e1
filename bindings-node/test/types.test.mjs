// The types: what they promise and refuse (`types.ts`), and that every answer of the engine is one of theirs. The answers
// are written out as literals, in which the compiler finds a member too many as well as one too few.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Engine, outcomes, reasons, visibilities } from 'toolgate';
import { bundle, lines, read, themes } from './support.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Runs the compiler on files; what it says. */
function tsc(...files) {
  const folder = here('generated');
  const config = { extends: '../tsconfig.json', files };
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(config));
  const { status, stdout, stderr } = spawnSync(process.execPath, [here('../node_modules/typescript/bin/tsc'), '-p', folder], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

function generated(name, text) {
  writeFileSync(here(`generated/${name}`), text);
  return name;
}

test.before(() => {
  rmSync(here('generated'), { recursive: true, force: true });
  mkdirSync(here('generated'));
});

test('what the types promise and refuse', () => {
  const { status, said } = tsc('../types.ts', generated('esm.mts', "import { Engine, type Decision } from 'toolgate';\nnew Engine('{}').decide('{}') satisfies Decision;\n"));
  assert.equal(status, 0, said);
});

const literal = (decision) => {
  const until = decision.validUntil === null ? 'null' : `new Date(${decision.validUntil.getTime()})`;
  return JSON.stringify({ ...decision, allowed: decision.allowed }).replace(/}$/, `,"validUntil":${until}}`);
};
const list = (type, texts) => `[\n${[...new Set(texts)].join(',\n')}\n] satisfies ${type}[];\n`;
const head = "import type { Decision, Outcome, Reason, TokenDecision, Visibility, VisibleTool } from 'toolgate';\n";

test('every answer is one of the types', () => {
  const engines = Object.fromEntries(['company', 'locked', 'small', 'types'].map((name) => [name, new Engine(bundle(name))]));
  const answers = { call: [], token: [], view: [] };
  for (const theme of themes()) {
    for (const line of lines(`cases/${theme}.jsonl`)) {
      const each = JSON.parse(line);
      const engine = engines[each.bundle];
      if (each.fill !== undefined || each.delta !== undefined) continue;
      if (each.call !== undefined) answers.call.push(literal(engine.decide(each.call)));
      if (each.token !== undefined) answers.token.push(JSON.stringify(engine.decideToken(each.token)));
      if (each.view !== undefined && each.error === undefined) answers.view.push(JSON.stringify(engine.visibleTools(each.view)));
    }
  }
  // each shape that the random calls have, once
  const { bundle: name, slots } = JSON.parse(read('random.json'));
  const shapes = new Map();
  let state = 1;
  const next = (length) => (state = (state * 48271) % 0x7fffffff) % length;
  for (let number = 0; number < 20_000; number += 1) {
    const decision = engines[name].decide(slots.map((slot) => slot[next(slot.length)]).join(''));
    const shape = Object.entries(decision).map(([key, value]) => (key === 'reason' || key === 'outcome' ? value : value === null || value.length === 0));
    shapes.set(`${shape}`, literal(decision));
  }
  assert.ok(answers.call.length > 300 && shapes.size > 20 && answers.token.length > 20 && answers.view.length > 5);
  const all = (type, codes) => `({ ${codes.map((code) => `${code}: 1`)} }) satisfies Record<${type}, 1>;\n`;
  const file = generated(
    'answers.ts',
    head + list('Decision', [...answers.call, ...shapes.values()]) + list('TokenDecision', answers.token) + list('VisibleTool[]', answers.view) +
      all('Outcome', outcomes) + all('Reason', reasons) + all('Visibility', visibilities),
  );
  const { status, said } = tsc(file);
  assert.equal(status, 0, said.slice(0, 3_000));
});

test('the twin: an answer that is none of the types is found', () => {
  const decision = literal(new Engine(bundle('small')).decide('{'));
  const wrong = [
    decision.replace('"outcome":"deny"', '"outcome":"auto_approve"'),
    decision.replace('"allowed":false', '"allowed":true'),
    decision.replace('"step_up":null', '"step_up":{"remedy":"reauthenticate","acr_values":[],"max_age":null}'),
    decision.replace('"invalid_request"', '"ineligible"'),
    decision.replace('"credential":null', '"credential":null,"more":1'),
    decision.replace('"credential":null,', ''),
  ];
  const file = generated('wrong.ts', head + wrong.map((each) => list('Decision', [each])).join(''));
  const { status, said } = tsc(file);
  assert.notEqual(status, 0);
  assert.equal(said.match(/error TS/g).length, wrong.length, said);
});
