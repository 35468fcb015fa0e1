import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { test } from 'node:test';

import * as toolgate from '../dist/node.js';
import { NOW, bundle, call, sources } from './support.mjs';

const { Engine, Live, LoadError, ToolgateError } = toolgate;
const engine = new Engine(bundle('company'));
const revoke = { version: 43n, issued_at: new Date('2026-11-20T09:30:00Z'), grants: { revoke: ['g-alice'] } };

test('ESM and CommonJS are one', () => {
  const required = createRequire(import.meta.url)('../dist/node.cjs');
  assert.deepEqual(Object.keys(toolgate).sort(), Object.keys(required).sort());
  for (const name of Object.keys(required)) assert.equal(toolgate[name], required[name]);
});

test('a decision is what its text says', () => {
  const decision = engine.decide(call());
  const said = JSON.parse(engine.decideJson(call()));
  assert.deepEqual({ ...decision }, said);
  assert.equal(decision.allowed, true);
  assert.ok(Object.isFrozen(decision) && Object.isFrozen(decision.policies));
  assert.equal(JSON.stringify(decision), engine.decideJson(call()));
  const asks = engine.decide(call({ tool: 'crm/update', arguments: { id: '1' } }));
  assert.equal(asks.outcome, 'self_approve');
  assert.equal(asks.allowed, false);
  assert.deepEqual(asks.approval_request.approvers, ['alice']);
});

test('instants are dates or texts, integers may be BigInt', () => {
  const text = engine.decideJson(call());
  assert.equal(engine.decideJson(call({ now: new Date(NOW) })), text);
  const pay = (amount) => engine.decideJson(call({ tool: 'crm/pay', arguments: { amount } }));
  assert.equal(pay(50n), pay(50));
  assert.match(pay(2n ** 63n), /"outcome":"deny"/);
});

test('a version beyond 2^53 stays itself', () => {
  const late = sources('small');
  late.snapshot.version = 2n ** 63n - 1n;
  const engine = new Engine(late);
  assert.equal(engine.snapshotVersion, 2n ** 63n - 1n);
  assert.equal(engine.decide(call()).snapshot_version, 2n ** 63n - 1n);
  assert.equal(engine.decideToken({ subject: call().subject, audience: 'x', now: NOW }).snapshot_version, 2n ** 63n - 1n);
});

test('arguments as text cannot speak for the rest', () => {
  assert.equal(engine.decideJson(call({ arguments: '{"query":"acme"}' })), engine.decideJson(call()));
  const sly = engine.decide(call({ arguments: '{"query":"acme"},"session":{"labels":[]}' }));
  assert.deepEqual([sly.outcome, sly.reason], ['deny', 'invalid_request']);
});

test('many calls are decided as one by one, and let others have their turn', async () => {
  const calls = Array.from({ length: 20_000 }, (_, n) => (n % 3 === 0 ? '{' : call({ session: { calls: n } })));
  let turns = 0;
  let going = true;
  const turn = () => {
    turns += 1;
    if (going) setImmediate(turn);
  };
  setImmediate(turn);
  const all = await engine.decideMany(calls);
  going = false;
  assert.equal(all.length, calls.length);
  for (const n of [0, 1, 2, 19_999]) assert.deepEqual(all[n], engine.decide(calls[n]));
  assert.ok(turns > 1, `${turns} turns`);
});

test('many calls are decided by one engine, also if another comes into use', async () => {
  const live = new Live(engine);
  const calls = Array.from({ length: 5_000 }, () => JSON.stringify(call()));
  const asked = live.decideMany(calls);
  live.apply(revoke);
  const decisions = await asked;
  assert.ok(decisions.every((decision) => decision.allowed));
  assert.equal(live.decide(call()).allowed, false);
  live.free();
});

test('tools are shown', () => {
  const shown = engine.visibleTools({ subject: call().subject, now: new Date(NOW) });
  assert.deepEqual(shown.find(({ tool }) => tool === 'crm/update'), { tool: 'crm/update', visibility: 'needs_approval' });
  assert.throws(() => engine.visibleTools({ subject: call().subject }), { code: 'wrong_type' });
});

test('tokens carry what is held', () => {
  const request = {
    subject: call().subject,
    audience: 'https://auth.files.example/',
    resource: 'https://files.example/',
    now: NOW,
  };
  const decision = engine.decideToken(request);
  assert.equal(decision.reason, 'allowed_held');
  assert.ok(decision.granted.length > 0 && decision.claims.expires_in > 0);
  const refused = engine.decideToken({ ...request, hurry: 1 });
  assert.deepEqual([refused.granted, refused.reason], [[], 'invalid_request']);
});

test('what does not load says where and why', async () => {
  const broken = { ...sources('small'), policies: { 'a.cedar': '\n  permit' } };
  for (const load of [async () => new Engine(broken), () => Engine.load(broken), () => engine.reload(broken)]) {
    const error = await load().catch((error) => error);
    assert.ok(error instanceof LoadError && error instanceof ToolgateError && error instanceof Error);
  }
  assert.throws(() => new Engine(broken), { name: 'LoadError', code: 'policy_syntax' });
  const [fault] = (() => {
    try {
      return new Engine(broken);
    } catch (error) {
      return error.errors;
    }
  })();
  assert.deepEqual([fault.file, fault.line], ['a.cedar', 2]);
});

test('an engine in use', async () => {
  const live = new Live(engine);
  assert.equal(live.decide(call()).allowed, true);
  assert.throws(() => live.swap({}), { code: 'wrong_type' });
  live.apply(revoke);
  assert.equal(live.decide(call()).outcome, 'ticket_fallback');
  assert.equal(live.engine.snapshotVersion, 43);
  assert.throws(() => live.swap(engine), { name: 'LoadError', code: 'snapshot_older' });
  assert.throws(() => live.apply('{"version": 44}'), { name: 'LoadError' });
  assert.equal(live.decide(call()).outcome, 'ticket_fallback', 'what is refused changes nothing');
  const { limits, ...next } = sources('company');
  const again = await engine.reload({ ...next, snapshot: { ...next.snapshot, version: 50 } });
  live.swap(again);
  again.free();
  assert.equal(live.decide(call()).snapshot_version, 50);
  assert.match(inspect(live), /^Live \{ Engine \{\s+digest: 'sha256:/);
  assert.equal(engine.withDelta(revoke).decide(call()).allowed, false);
  assert.equal(engine.decide(call()).allowed, true, 'the engine itself never changes');
});

test('what is freed says so, and can be freed again', () => {
  const mine = new Engine(bundle('small'));
  const live = new Live(mine);
  mine.free();
  mine.free();
  for (const ask of [() => mine.decide(call()), () => mine.digest, () => new Live(mine), () => mine.withDelta(revoke)]) {
    assert.throws(ask, { name: 'ToolgateError', code: 'freed' });
  }
  assert.equal(live.decide(call()).allowed, true, 'what is in use does not go with it');
  live[Symbol.dispose]();
  assert.throws(() => live.decide(call()), { code: 'freed' });
});

test('an engine describes itself', () => {
  assert.match(engine.digest, /^sha256:[0-9a-f]{64}$/);
  assert.ok(engine.policyIds.length > 10 && engine.report.tools.length > 10);
  assert.match(engine.schema, /namespace Toolgate/);
  assert.equal(toolgate.outcomes.length, 5);
  assert.match(inspect(engine), /^Engine \{\s+digest/);
});

test('nothing that decides can be changed from outside', () => {
  'use strict';
  for (const it of [engine, Engine, Engine.prototype, Live.prototype, Object.getPrototypeOf(Engine.prototype)]) {
    assert.ok(Object.isFrozen(it));
  }
});

test('init is there, and has nothing to do', async () => {
  await toolgate.init();
  await toolgate.init(new Uint8Array());
  assert.equal(engine.decide(call()).allowed, true);
});
