// Values that JSON has no words for, and values made to mislead: the JSON they stand for, or nothing at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import vm from 'node:vm';

import { CallError, Engine, ToolgateError } from '../dist/node.js';
import { bundle, call } from './support.mjs';

const engine = new Engine(bundle('small'));

/** A value under a key that may be anything. */
const ask = (any) => engine.decide({ ...call(), arguments: { query: 'x', any } });
const refused = (any, code = 'value_not_json') =>
  assert.throws(
    () => ask(any),
    (error) => {
      assert.ok(error instanceof CallError, error);
      assert.equal(error.code, code, `${error}`);
      return true;
    },
  );

test('the twins', () => {
  for (const any of [null, true, 1, 1.5, -1, 'x', '', [], [1, 'x', null], {}, { a: { b: 1 } }, 2n ** 53n + 1n, 1e-7]) {
    assert.equal(ask(any).outcome, 'auto_approve', String(any));
  }
  assert.equal(ask(new Date(0)).outcome, 'auto_approve');
  assert.equal(ask(vm.runInNewContext('({ a: [1] })')).outcome, 'auto_approve', 'of another realm');
  assert.equal(ask(Object.assign(Object.create(null), { a: 1 })).outcome, 'auto_approve');
});

test('what JSON has no words for', () => {
  const holes = [1, 2, 3];
  delete holes[1];
  class Mine {
    a = 1;
  }
  for (const any of [
    Number.NaN, Infinity, -Infinity, 2 ** 53, 1e300, undefined, [undefined], holes, () => 1, Symbol('s'), new Map([[1, 2]]),
    new Set(), new Mine(), Object(1), Object('x'), /x/, new Uint8Array(4), new ArrayBuffer(4), Promise.resolve(1),
    new Date(Number.NaN), new Error('x'), new Proxy(new Map(), {}), { toJSON: () => 1 }, { a: { b: [Number.NaN] } },
  ]) {
    refused(any);
  }
});

test('what contains itself', () => {
  const loop = { a: [] };
  loop.a.push(loop);
  refused(loop, 'limit_exceeded');
  // 2^100 of them
  let wide = ['x'];
  for (let n = 0; n < 100; n += 1) wide = [wide, wide];
  refused(wide, 'limit_exceeded');
});

test('what is read twice is read once', () => {
  let reads = 0;
  const two = Object.defineProperty({}, 'a', { enumerable: true, get: () => (reads += 1) });
  const decided = engine.decide({ ...call(), arguments: { query: 'x', any: two } });
  assert.equal(decided.outcome, 'auto_approve');
  assert.equal(reads, 1);
  refused(Object.defineProperty({}, 'a', { enumerable: true, get: () => { throw new Error('no'); } }));
  refused(new Proxy({}, { ownKeys: () => { throw 'a text, as the engine throws'; } }));
});

test('keys of prototypes are keys', () => {
  const proto = JSON.parse('{"__proto__": {"a": 1}, "constructor": 1, "toString": "x", "hasOwnProperty": null}');
  assert.equal(ask(proto).outcome, 'auto_approve');
  assert.equal({}.a, undefined);
  const inherits = Object.create({ subject: { user: 'alice', client: 'cc' } });
  assert.throws(() => engine.decide(Object.assign(inherits, call())), { code: 'value_not_json' });
  const polluted = { ...call() };
  delete polluted.subject;
  Object.prototype.subject = call().subject;
  try {
    assert.equal(engine.decide(polluted).reason, 'invalid_request', 'what is inherited counts for nothing');
  } finally {
    delete Object.prototype.subject;
  }
});

test('calls that are none', () => {
  for (const none of ['', ' ', '{', 'null', '[]', '{}', '"x"', '\ud800', '{"subject":"\ud800"}', '\0', '{"a":1}{']) {
    const decision = engine.decide(none);
    assert.deepEqual([decision.outcome, decision.reason], ['deny', 'invalid_request'], none);
  }
  for (const none of [new Uint8Array(), new Uint8Array([0xff]), Buffer.from('{"a":"\xff"}', 'latin1')]) {
    assert.equal(engine.decide(none).reason, 'invalid_request');
  }
  for (const none of [undefined, null, 1, true, [], () => 1, new Map(), new Date()]) {
    assert.throws(() => engine.decide(none), ToolgateError);
  }
});

test('a lone surrogate is no character', () => {
  const sources = { ...call(), arguments: { query: 'a\ud83d' } };
  assert.equal(engine.decide(sources).reason, 'invalid_request');
  assert.equal(engine.decide(JSON.stringify(sources)).reason, 'invalid_request');
  assert.equal(engine.decide({ ...call(), arguments: '{"query":"\ud83d"}' }).reason, 'invalid_request');
  assert.equal(engine.decide({ ...call(), arguments: { query: '\ud83d\ude00' } }).outcome, 'auto_approve', 'the twin');
});

test('large and deep calls are denied at once', () => {
  for (const text of ['['.repeat(1_000_000), `{"a":${'['.repeat(300)}`, `"${'x'.repeat(10_000_000)}"`, ' '.repeat(1_000_000)]) {
    const decision = engine.decide(text);
    assert.equal(decision.outcome, 'deny');
    assert.match(decision.reason, /^(limit_exceeded|invalid_request)$/);
  }
});

test('policies at the bounds load, beyond them they are refused', () => {
  const load = (condition) => {
    const policies = `@id("p") permit (principal, action, resource) when { ${condition} };`;
    const { limits, ...sources } = JSON.parse(bundle('small'));
    return new Engine({ ...sources, policies });
  };
  const nested = (depth) => `${'('.repeat(depth)}true${')'.repeat(depth)}`;
  const ifs = (depth) => `${'if true then '.repeat(depth)}true${' else false'.repeat(depth)}`;
  const chain = (links) => Array.from({ length: links }, () => 'context.now > datetime("2020-01-01")').join(' && ');
  for (const [make, fine] of [[nested, 25], [ifs, 25], [chain, 200]]) {
    const engine = load(make(fine));
    assert.equal(engine.decide(call()).outcome, 'auto_approve', make.name);
  }
  for (const [make, most] of [[nested, 3_000], [ifs, 800], [chain, 270 * 100]]) {
    assert.throws(() => load(make(most)), { name: 'LoadError' }, make.name);
  }
  assert.equal(engine.decide(call()).outcome, 'auto_approve', 'nothing trapped');
});
