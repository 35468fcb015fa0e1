// What JavaScript has beyond JSON: each value is the JSON it stands for, without loss, or refused before anything is
// decided.

import assert from 'node:assert/strict';
import test from 'node:test';
import vm from 'node:vm';
import { CallError, Engine, InternalError, LoadError, ToolgateError } from 'toolgate';
import { NOW, alice, find, pay, sources } from './support.mjs';

const engine = new Engine(sources());
const free = (value) => ({ subject: alice, tool: 'crm/free', arguments: { value }, now: NOW });

/** Decided as the text is. What `crm/free` is asked with is in the answer, as a digest. */
const same = (call, text) => assert.equal(engine.decideJson(call), engine.decideJson(text));

/** Refused before anything is decided, at that place. */
function refused(call, pointer, code = 'value_not_json') {
  assert.throws(
    () => engine.decide(call),
    (error) => {
      assert.ok(error instanceof CallError && error instanceof ToolgateError && error instanceof Error);
      assert.equal(error.name, 'CallError');
      assert.equal(error.code, code, error.message);
      assert.equal(error.errors[0].pointer, pointer, error.message);
      assert.ok(error.errors[0].help);
      return true;
    },
  );
  return assert.rejects(engine.decideMany([find(), call]), CallError);
}

test('a value that stands for no JSON is refused at its place', async () => {
  const cyclic = { a: [] };
  cyclic.a.push(cyclic);
  const list = [];
  list.push(list);
  class Money {
    amount = 1;
  }
  const sparse = [1, 2, 3];
  delete sparse[1];
  const values = [
    NaN, Infinity, -Infinity, undefined, () => 1, Symbol('s'), new Map([['a', 1]]), new Set([1]), new Money(),
    new Number(1), new String('a'), new Boolean(false), Object(1n), /a/, new Error('e'), Promise.resolve(1),
    new Uint8Array(2), new ArrayBuffer(2), new Date(NaN), new WeakMap(), Object.create({ inherited: 1 }),
  ];
  for (const value of values) {
    await refused(free(value), '/arguments/value');
    await refused(free([0, { 'a/b~': value }]), '/arguments/value/1/a~1b~0');
  }
  await refused(free(sparse), '/arguments/value/1');
  await refused(free(Array(4_000_000_000)), '/arguments/value/0');
  for (const value of [cyclic, list]) {
    assert.throws(() => engine.decide(free(value)), { code: 'limit_exceeded' });
  }
  for (const call of [undefined, null, 1, true, 1n, [], [find()], new Map(), () => find()]) {
    assert.throws(() => engine.decide(call), CallError, String(call));
  }
});

test('the twins: what does stand for JSON', () => {
  const { stringify } = JSON;
  const honest = [
    null, true, '', 'ä€😀', '\u0000\u001f"\\\u007f\u2028', 0, -1, 1.5, 1e-7, 5e-324, 0.1, 2 ** 53 - 1, -(2 ** 53 - 1), [], {},
    [[], [{}]], { a: { b: [1, 'x', null] } }, { '': 1, ' ': 2, 'a"b': 3 },
  ];
  for (const value of honest) same(free(value), stringify(free(value)));
  const bare = Object.assign(Object.create(null), { a: 1 });
  same(free(bare), stringify(free({ a: 1 })));
  same(free(vm.runInNewContext('({a: [1, new Date(0)]})')), stringify(free({ a: [1, '1970-01-01T00:00:00.000Z'] })));
  same(free(new Date(0)), stringify(free('1970-01-01T00:00:00.000Z')));
  same(free(-0), stringify(free(0)).replace('"value":0', '"value":-0'));
});

test('integers of any size are exact', () => {
  assert.equal(engine.decide(pay(9007199254740993n)).reason, 'policy_denied');
  assert.equal(engine.decide(pay(9007199254740992n)).outcome, 'self_approve', 'the twin');
  assert.equal(engine.decide(pay(2n ** 63n - 1n)).outcome, 'self_approve');
  assert.equal(engine.decide(pay(2n ** 63n)).reason, 'argument_invalid');
  assert.equal(engine.decide(pay(-(2n ** 63n))).outcome, 'self_approve');
  // a number of that size may have been another one before JavaScript read it
  // eslint-disable-next-line no-loss-of-precision
  for (const rounded of [9007199254740993, 2 ** 53, -(2 ** 53), 1e21, 1e300]) refused(pay(rounded), '/arguments/amount');
  assert.equal(engine.decide(pay(2 ** 53 - 1)).outcome, 'self_approve');
  const text = (amount) => ({ ...pay(0), arguments: `{"amount":${amount}}` });
  assert.equal(engine.decide(text('9007199254740993')).reason, 'policy_denied');
  assert.equal(engine.decide(text('9007199254740992')).outcome, 'self_approve');
});

test('lone surrogates are refused, wherever they are', () => {
  for (const half of ['\ud800', 'a\udc00', '\udc00\ud800']) {
    assert.equal(engine.decide(find(half)).reason, 'invalid_request');
    assert.equal(engine.decide({ ...find(), [half]: 1 }).reason, 'invalid_request');
    assert.equal(engine.decide(free({ [half]: 1 })).reason, 'invalid_request');
    assert.equal(engine.decide(JSON.stringify(find('?')).replace('?', half)).reason, 'invalid_request');
    assert.equal(engine.decide({ ...find(), arguments: `{"query":"${half}"}` }).reason, 'invalid_request');
    assert.equal(engine.decide(half).reason, 'invalid_request');
  }
  assert.equal(engine.decide(find('😀')).outcome, 'auto_approve', 'the twin');
});

test('keys that mean something to JavaScript mean nothing here', () => {
  const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', '__entity', '0'];
  for (const key of keys) {
    const parsed = JSON.parse(`{"${key}":1}`);
    same(free(parsed), JSON.stringify(free(0)).replace('"value":0', `"value":{"${key}":1}`));
    // where only some members are known, it is unknown
    assert.equal(engine.decide(JSON.parse(JSON.stringify(find()).replace('{', `{"${key}":1,`))).reason, 'invalid_request');
  }
  // a prototype is no member
  assert.equal(engine.decide({ ...find(), arguments: { __proto__: null, query: 'a' } }).outcome, 'auto_approve');
  assert.throws(() => engine.decide(Object.create(find())), CallError);
  // the same key twice is one key before toolgate sees it
  same(free({ 1: 'a', '1': 'b' }), JSON.stringify(free({ 1: 'b' })));
  assert.equal(engine.decide(JSON.stringify(free(0)).replace('"value":0', '"value":0,"value":0')).reason, 'invalid_request');
});

test('toJSON is not asked', () => {
  const sly = { query: 'secret', toJSON: () => ({ query: 'harmless' }) };
  refused({ ...find(), arguments: sly }, '/arguments');
  refused({ ...find(), arguments: Object.defineProperty({ query: 'a' }, 'toJSON', { value: () => ({}) }) }, '/arguments');
  assert.throws(() => engine.decide({ ...find(), toJSON: () => find() }), CallError);
  same(free({ toJSON: 1 }), JSON.stringify(free({ toJSON: 1 })));
  Object.prototype.toJSON = () => find();
  try {
    assert.throws(() => engine.decide(find('other')), CallError);
  } finally {
    delete Object.prototype.toJSON;
  }
});

test('getters and proxies are asked once, and what they throw is a refusal', () => {
  const answers = ['first', 'second'];
  const getter = Object.defineProperty({}, 'value', { enumerable: true, get: () => answers.shift() });
  same({ ...free(0), arguments: getter }, JSON.stringify(free('first')));
  assert.deepEqual(answers, ['second']);
  const reads = [];
  const get = (target, key) => reads.push(key) && target[key];
  same(new Proxy(free('x'), { get }), JSON.stringify(free('x')));
  assert.equal(reads.filter((key) => key === 'arguments').length, 1);
  for (const thrown of [new TypeError('no'), 'no', undefined]) {
    const fail = () => {
      throw thrown;
    };
    const traps = [{ get: fail }, { ownKeys: fail }, { getPrototypeOf: fail }];
    const hostile = [Object.defineProperty(find(), 'session', { enumerable: true, get: fail }), ...traps.map((trap) => new Proxy(find(), trap))];
    for (const value of hostile) {
      for (const call of [value, free(value), free([value])]) {
        assert.throws(() => engine.decide(call), (error) => error instanceof CallError && error.cause === thrown);
      }
    }
  }
  const { proxy: revoked, revoke } = Proxy.revocable({}, {});
  revoke();
  assert.throws(() => engine.decide(revoked), CallError);
  assert.throws(() => engine.decide(free(revoked)), CallError);
  assert.equal(engine.decide(find()).allowed, true, 'and the engine goes on');
});

test('what is huge or deep is refused quickly', () => {
  let deep = 1;
  for (let level = 0; level < 100_000; level += 1) deep = [deep];
  assert.throws(() => engine.decide(free(deep)), { code: 'limit_exceeded' });
  let level40 = 1;
  for (let level = 0; level < 40; level += 1) level40 = [level40];
  assert.equal(engine.decide(free(level40)).reason, 'limit_exceeded');
  // one value in 2^60 places
  let wide = 'x';
  for (let level = 0; level < 60; level += 1) wide = [wide, wide];
  assert.throws(() => engine.decide(free(wide)), { code: 'limit_exceeded' });
  assert.equal(engine.decide(free('x'.repeat(300_000))).reason, 'limit_exceeded');
  assert.equal(engine.decide(free(Array(20_000).fill(0))).reason, 'limit_exceeded');
});

test("an agent's text speaks for no other part of the call", () => {
  const honest = { ...find(), arguments: '{"query":"a"}' };
  assert.equal(engine.decide(honest).allowed, true);
  same(honest, JSON.stringify(find('a')));
  const brought = ['"session":{"labels":[]}', '"subject":{"user":"alice","client":"cc"}', '"tool":"crm/find"', `"now":"${NOW}"`,
    '"arguments":{}', '"\\u0073ession":{}', '"other":1'];
  for (const member of brought) {
    for (const text of [`{},${member}`, `{"query":"a"},${member}`, `{}},{${member}`, `{}}`, `${member}`, `{},${member}}`]) {
      for (const missing of [[], ['session'], ['subject'], ['tool'], ['now'], ['subject', 'tool', 'now']]) {
        const call = { session: {}, ...find(), arguments: text };
        for (const name of missing) delete call[name];
        const decision = engine.decide(call);
        assert.equal(decision.reason, 'invalid_request', engine.decideJson(call) + text);
        for (const name of missing) call[name] = undefined;
        assert.equal(engine.decide(call).reason, 'invalid_request');
      }
    }
  }
  for (const text of ['', ' ', 'null', '[]', '1', '"a"', '{"query":"a"', '{"query":"a"} {}']) {
    assert.equal(engine.decide({ ...find(), arguments: text }).reason, 'invalid_request', text);
  }
});

test('bytes are read as they are', () => {
  const bytes = new TextEncoder().encode(JSON.stringify(find()));
  same(bytes, JSON.stringify(find()));
  same(Buffer.from(bytes), JSON.stringify(find()));
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  same(shared, JSON.stringify(find()));
  same(new Uint8Array(Buffer.concat([Buffer.from('xx'), bytes]).buffer, 2, 0), '');
  assert.equal(engine.decide(new Uint8Array([0x22, 0xff, 0x22])).reason, 'invalid_request');
  assert.throws(() => engine.decide(new DataView(bytes.buffer)), CallError);
});

test('sources, changes and requests are held to the same', () => {
  const without = sources();
  assert.throws(() => new Engine({ ...without, policies: new Map() }), { code: 'value_not_json' });
  assert.throws(() => new Engine({ ...without, policies: { 'a.cedar': undefined } }), { code: 'value_not_json' });
  assert.throws(() => new Engine({ ...without, overlay: undefined }), { code: 'value_not_json' }, 'is it there or not?');
  assert.throws(() => new Engine(), CallError);
  assert.throws(() => new Engine(null), LoadError);
  assert.throws(() => engine.withDelta({ version: NaN }), CallError);
  assert.throws(() => engine.withDelta('{'), LoadError);
  assert.throws(() => engine.visibleTools({ subject: alice, now: new Date(NaN) }), CallError);
  assert.throws(() => engine.visibleTools(5), CallError);
  assert.throws(() => engine.visibleTools({ subject: alice }), LoadError);
  assert.equal(engine.decideToken('{').reason, 'invalid_request');
  assert.throws(() => engine.decideToken({ scope: Symbol('all') }), CallError);
});

test('a built-in that is replaced later changes nothing', () => {
  const { parse, stringify } = JSON;
  JSON.parse = () => ({ outcome: 'auto_approve', access_request: null });
  JSON.stringify = () => '{}';
  try {
    assert.equal(engine.decide(pay(9007199254740993n)).allowed, false);
  } finally {
    Object.assign(JSON, { parse, stringify });
  }
  for (const frozen of [Engine, Engine.prototype, engine, Object.getPrototypeOf(engine.decide(find()))]) {
    assert.ok(Object.isFrozen(frozen));
  }
});

test('a panic is an exception, and poisons nothing', async (t) => {
  const { createRequire } = await import('node:module');
  const native = createRequire(import.meta.url)('../lib/native.js');
  if (!native.panicNow) return t.skip('SKIPPED a release has no way to panic on purpose');
  const { thrown } = createRequire(import.meta.url)('../lib/error.js');
  for (const panic of [async () => native.panicNow(), native.panicAside]) {
    const error = thrown(await panic().then(assert.fail, (error) => error));
    assert.ok(error instanceof InternalError && error instanceof ToolgateError);
    assert.equal(error.code, 'panic');
    assert.match(error.message, /on purpose/);
  }
  assert.equal(engine.decide(find()).allowed, true);
  assert.equal((await engine.decideMany([find()]))[0].allowed, true);
});
