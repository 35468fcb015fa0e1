// A trap allows nothing, breaks nothing else, and leaves nothing behind.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { bundle, call, sources } from './support.mjs';

// what a panic ends in, in a module of its own
const { stop } = new WebAssembly.Instance(
  new WebAssembly.Module(
    new Uint8Array([
      0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 115, 116, 111, 112, 0, 0, 10, 5, 1, 3, 0, 0, 11,
    ]),
  ),
).exports;

/** Stops within the export of this name, if there is one. */
let armed;
let instances = 0;
const Real = WebAssembly.Instance;
WebAssembly.Instance = class extends Real {
  constructor(...args) {
    super(...args);
    instances += 1;
    const exports = {};
    for (const [name, it] of Object.entries(super.exports)) {
      exports[name] = typeof it === 'function' ? (...them) => (armed === name ? stop() : it(...them)) : it;
    }
    return { exports };
  }
};

const { Engine, InternalError, Live, ToolgateError } = createRequire(import.meta.url)('../dist/node.cjs');
const expected = new Engine(bundle('company')).decideJson(call());
assert.match(expected, /^\{"outcome":"auto_approve"/);

/** Stops in what `work` does, and sees that it throws as it should. */
function trapped(name, work) {
  armed = name;
  try {
    assert.throws(work, (error) => {
      assert.ok(error instanceof InternalError && error instanceof ToolgateError, error);
      assert.equal(error.code, 'panic');
      assert.ok(error.cause instanceof WebAssembly.RuntimeError);
      return true;
    });
  } finally {
    armed = undefined;
  }
}

test('the call that traps throws, the next one works, and so do other engines', () => {
  const [one, two] = [new Engine(bundle('company')), new Engine(bundle('small'))];
  const small = two.decideJson(call());
  const before = instances;
  trapped('engine_decide', () => one.decide(call()));
  assert.equal(one.decideJson(call()), expected);
  assert.equal(two.decideJson(call()), small);
  assert.equal(instances, before + 1);
  trapped('engine_decide_bytes', () => two.decideJson(new Uint8Array()));
  trapped('engine_decide', () => one.decideJson(call()));
  assert.equal(two.decideJson(call()), small);
  trapped('engine_load', () => new Engine(bundle('small')));
  assert.equal(one.decideJson(call()), expected);
  trapped('engine_visible_tools', () => one.visibleTools({ subject: call().subject, now: call().now }));
  trapped('engine_decide_token', () => one.decideToken('{}'));
  two.free();
  assert.throws(() => two.decide(call()), { code: 'freed' });
  assert.equal(one.decideJson(call()), expected);
});

test('what was changed is as it was changed', () => {
  const engine = new Engine(bundle('company'));
  const revoke = { version: 43, issued_at: '2026-11-20T09:30:00Z', grants: { revoke: ['g-alice'] } };
  const add = { version: 44, issued_at: '2026-11-20T09:40:00Z', grants: { revoke: ['g-bob'] } };
  const changed = engine.withDelta(revoke);
  const live = new Live(engine);
  live.apply(revoke);
  live.apply(add);
  const all = () => [engine, changed, live, live.engine].map((it) => it.decideJson(call()));
  const before = all();
  assert.notEqual(before[0], before[1]);
  for (const [name, work] of [
    ['live_decide', () => live.decide(call())],
    ['live_apply', () => live.apply({ ...add, version: 45 })],
    ['live_swap', () => live.swap(engine)],
    ['engine_with', () => engine.withDelta(revoke)],
  ]) {
    trapped(name, work);
    assert.deepEqual(all(), before, name);
    assert.equal(live.engine.snapshotVersion, 44);
    assert.throws(() => live.apply(add), { code: 'snapshot_older' });
    assert.throws(() => live.swap(engine), { code: 'snapshot_older' });
  }
});

test('an engine loaded in the place of another keeps its limits, also in a fresh instance', async () => {
  const small = sources('small');
  const { limits, ...rest } = small;
  for (const input of [small, JSON.stringify(small)]) {
    const first = new Engine(input);
    const second = await (await first.reload(rest)).reload(`\n${JSON.stringify(rest)}`);
    const long = { ...call(), arguments: { query: 'x'.repeat(limits.string_bytes + 1) } };
    const before = second.decideJson(long);
    assert.match(before, /"limit_exceeded"/);
    assert.equal(new Engine(rest).decide(long).outcome, 'auto_approve', 'the twin');
    trapped('engine_decide', () => second.decide(call()));
    assert.equal(second.decideJson(long), before);
  }
});

test('many calls that one of traps are all refused', async () => {
  const engine = new Engine(bundle('company'));
  armed = 'engine_decide';
  await assert.rejects(engine.decideMany([call(), call()]), { code: 'panic' });
  armed = undefined;
  assert.equal((await engine.decideMany([call()]))[0].outcome, 'auto_approve');
});

test('where there is no stack left there is no decision, and with stack there is one again', () => {
  const engine = new Engine(bundle('company'));
  const text = JSON.stringify(call());
  const decided = new Set();
  let refused = 0;
  let frames = 0;
  const down = () => {
    try {
      down();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    // the frames nearest to the end of the stack come first; from some on it is enough
    frames += 1;
    if (decided.size > 0 || (frames > 400 && frames % 200 !== 0)) return;
    try {
      decided.add(engine.decideJson(text));
    } catch {
      refused += 1;
    }
  };
  down();
  assert.ok(refused > 0);
  assert.deepEqual([...decided], [expected]);
  assert.equal(engine.decideJson(text), expected);
});

test('many traps leave no memory behind', () => {
  const engine = new Engine(bundle('small'));
  const measure = () => {
    global.gc?.();
    const { external, arrayBuffers, heapUsed } = process.memoryUsage();
    return external + arrayBuffers + heapUsed;
  };
  const trap = () => {
    trapped('engine_decide', () => engine.decide(call()));
    assert.equal(engine.decide(call()).outcome, 'auto_approve');
  };
  for (let n = 0; n < 5; n += 1) trap();
  const before = measure();
  for (let n = 0; n < 40; n += 1) trap();
  const grown = measure() - before;
  // each instance has a stack of 8 MiB: a few that wait to be collected are no leak, 40 are
  assert.ok(grown < 100 * 1024 * 1024, `${grown} bytes more`);
});
