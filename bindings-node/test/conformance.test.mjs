// The cases that every language replays, and the random calls, to the byte.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { Engine, Live, LoadError } from 'toolgate';
import { randomCalls } from './random.mjs';
import { bundle, lines, read, themes } from './support.mjs';

const engines = new Map(['company', 'locked', 'small', 'types'].map((name) => [name, new Engine(bundle(name))]));

/** The answers of an engine as objects, written out again: nothing may be lost on the way. */
function replay(engine, { delta, fill = [], call, hex, token, view }) {
  const filled = (text) => fill.reduce((text, [mark, run, times]) => text.replaceAll(mark, run.repeat(times)), text);
  try {
    if (delta !== undefined) engine = engine.withDelta(delta);
    if (call !== undefined) {
      const text = engine.decideJson(filled(call));
      assert.equal(JSON.stringify(engine.decide(filled(call))), text);
      assert.equal(new Live(engine).decideJson(filled(call)), text);
      return text;
    }
    if (hex !== undefined) return engine.decideJson(Buffer.from(hex, 'hex'));
    if (token !== undefined) return JSON.stringify(engine.decideToken(filled(token)));
    return JSON.stringify(engine.visibleTools(view));
  } catch (error) {
    assert.ok(error instanceof LoadError, error);
    return JSON.stringify({ errors: error.errors });
  }
}

let count = 0;
for (const theme of themes()) {
  test(`conformance: ${theme}`, () => {
    const expected = lines(`expected/${theme}.jsonl`);
    const cases = lines(`cases/${theme}.jsonl`).map((line) => JSON.parse(line));
    assert.equal(cases.length, expected.length);
    cases.forEach((each, index) => {
      assert.equal(replay(engines.get(each.bundle), each), expected[index], each.name);
      count += 1;
    });
  });
}

test('conformance: there are cases', () => assert.ok(count >= 300, `${count}`));

test('random calls are decided to the byte, one by one and together', async () => {
  const random = JSON.parse(read('random.json'));
  const wanted = JSON.parse(read('expected/random.json'));
  const engine = engines.get(random.bundle);
  const calls = randomCalls(random);
  assert.equal(calls.length, 20_000);
  const digest = (texts) => {
    const hash = createHash('sha256');
    for (const text of texts) hash.update(text).update('\n');
    return `sha256:${hash.digest('hex')}`;
  };
  const together = await engine.decideMany(calls);
  const outcomes = {};
  for (const { outcome } of together) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  assert.deepEqual(outcomes, wanted.outcomes);
  assert.equal(digest(together.map((decision) => JSON.stringify(decision))), wanted.decisions);
  assert.equal(digest(calls.map((call) => engine.decideJson(call))), wanted.decisions);
});
