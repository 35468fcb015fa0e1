// The cases that every language replays, to the byte. See policies/conformance/README.md.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';

import { Engine, ToolgateError, outcomes, reasons } from '../dist/node.js';
import { randomCalls } from '../../bindings-node/test/random.mjs';
import { bundle, files, read } from './support.mjs';

const engines = Object.fromEntries(
  files('bundles').map((file) => [file.replace('.json', ''), new Engine(read(`bundles/${file}`))]),
);

function errors(ask) {
  try {
    return ask();
  } catch (error) {
    assert.ok(error instanceof ToolgateError, error);
    return JSON.stringify({ errors: error.errors });
  }
}

/** What an answer that is handed out as an object was as text. */
const text = (value) => JSON.stringify(value, (_, it) => (typeof it === 'bigint' ? assert.fail('beyond 2^53') : it));

function replay(engine, { fill = [], delta, call, hex, token, view }) {
  const filled = (it) => fill.reduce((all, [mark, run, times]) => all.replaceAll(mark, run.repeat(times)), it);
  return errors(() => {
    const changed = delta === undefined ? engine : engine.withDelta(delta);
    try {
      if (call !== undefined) return changed.decideJson(filled(call));
      if (hex !== undefined) return changed.decideJson(Buffer.from(hex, 'hex'));
      if (token !== undefined) return text(changed.decideToken(filled(token)));
      return text(changed.visibleTools(view));
    } finally {
      if (changed !== engine) changed.free();
    }
  });
}

let total = 0;
const seen = { outcomes: new Set(), reasons: new Set() };
for (const file of files('cases')) {
  test(`conformance: ${file}`, () => {
    const cases = read(`cases/${file}`).trimEnd().split('\n').map((line) => JSON.parse(line));
    const expected = read(`expected/${file}`).trimEnd().split('\n');
    assert.equal(cases.length, expected.length);
    cases.forEach((one, index) => {
      assert.equal(replay(engines[one.bundle], one), expected[index], one.name);
      if (one.call !== undefined && one.delta === undefined && one.fill === undefined) {
        // as bytes, and as an object, it is the same
        const engine = engines[one.bundle];
        const wellFormed = one.call.isWellFormed();
        if (wellFormed) assert.equal(engine.decideJson(new TextEncoder().encode(one.call)), expected[index], one.name);
        const { outcome, reason, allowed } = engine.decide(one.call);
        assert.deepEqual([outcome, reason], [one.outcome, one.reason], one.name);
        assert.equal(allowed, outcome === 'auto_approve' && JSON.parse(expected[index]).access_request === null);
      }
      seen.outcomes.add(one.outcome);
      seen.reasons.add(one.reason);
      total += 1;
    });
  });
}

test('the cases cover every outcome and every reason', () => {
  assert.ok(total >= 300, `${total}`);
  assert.deepEqual(outcomes.filter((outcome) => !seen.outcomes.has(outcome)), []);
  assert.deepEqual(reasons.filter((reason) => !seen.reasons.has(reason)), []);
  console.log(`${total} cases replayed`);
});

test('20,000 random calls', () => {
  const random = JSON.parse(read('random.json'));
  const texts = randomCalls(random);
  const all = createHash('sha256');
  const counts = {};
  for (const one of texts) {
    const answer = engines[random.bundle].decideJson(one);
    const [, outcome] = /^\{"outcome":"(\w+)"/.exec(answer);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
    all.update(answer).update('\n');
  }
  const expected = JSON.parse(read('expected/random.json'));
  assert.deepEqual(counts, expected.outcomes);
  assert.equal(`sha256:${all.digest('hex')}`, expected.decisions);
  assert.equal(texts.length, 20_000);
});

test('an engine loaded of text and of an object is the same', () => {
  for (const file of files('bundles')) {
    const engine = new Engine(JSON.parse(bundle(file.replace('.json', ''))));
    assert.equal(engine.digest, engines[file.replace('.json', '')].digest);
    engine.free();
  }
});
