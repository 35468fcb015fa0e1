// What the package offers, and what it does with what its people have: dates, promises, workers.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import * as esm from 'toolgate';
import { NOW, acme, alice, find, pay, sources } from './support.mjs';

const { Engine, Live, LoadError, CallError, ToolgateError } = esm;
const require = createRequire(import.meta.url);
const engine = new Engine(sources());
const bot = { subject: { user: 'nobody', client: 'cc' }, tool: 'crm/find', now: NOW };

test('import and require give the same', () => {
  const cjs = require('toolgate');
  assert.deepEqual(Object.keys(cjs).sort(), Object.keys(esm).filter((name) => name !== 'default').sort());
  for (const name of Object.keys(cjs)) assert.equal(cjs[name], esm[name], name);
});

test('the five outcomes, as data', () => {
  const { outcomes, reasons, visibilities } = esm;
  assert.deepEqual(outcomes, ['auto_approve', 'self_approve', 'manager_approve', 'deny', 'ticket_fallback']);
  assert.ok(reasons.includes('policy_denied') && Object.isFrozen(reasons));
  assert.deepEqual(visibilities, ['callable', 'needs_approval', 'requestable', 'hidden']);
});

test('a decision has everything the host needs, and is frozen to its depth', () => {
  const run = engine.decide(find());
  assert.deepEqual([run.outcome, run.reason, run.allowed], ['auto_approve', 'allowed_held', true]);
  const ask = engine.decide(pay(1));
  assert.deepEqual([ask.outcome, ask.allowed], ['self_approve', false]);
  assert.deepEqual(ask.approval_request.approvers, ['alice']);
  assert.equal(ask.approval_request.valid_for, 'PT1H');
  assert.equal(ask.engine, engine.digest);
  const denied = engine.decide(bot);
  assert.deepEqual([denied.outcome, denied.reason, denied.allowed], ['deny', 'subject_unknown', false]);
  assert.equal(denied.guidance.url, 'https://help.example/');
  const frozen = (value) => {
    assert.ok(Object.isFrozen(value), inspect(value));
    for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) frozen(member);
  };
  const token = engine.decideToken({ subject: alice, audience: 'https://none.example/', now: NOW });
  const views = engine.visibleTools({ subject: alice, now: NOW });
  for (const answer of [run, ask, denied, token, views, engine.report, engine.policyIds]) frozen(answer);
  assert.throws(() => {
    denied.outcome = 'auto_approve';
  }, TypeError);
  assert.throws(() => {
    denied.allowed = true;
  }, TypeError);
});

test('a decision is what its text says, whatever has to be said', () => {
  const permit = (id, description) => `@id("${id}") @description("${description}") permit (principal, action, resource);`;
  const said = (policies, call = find()) => {
    const engine = new Engine({ ...sources(), policies });
    const decision = engine.decide(call);
    assert.equal(JSON.stringify(decision), engine.decideJson(call));
    assert.deepEqual(new Live(engine).decide(call), decision);
    return decision;
  };
  // in characters of one, two and four bytes
  for (const description of ['a', 'x'.repeat(126), 'x'.repeat(127), 'x'.repeat(128), 'é'.repeat(300), 'ø😀'.repeat(300)]) {
    const { policies } = said(permit('one', description));
    assert.deepEqual(policies, [{ id: 'one', effect: 'permit', description }]);
    assert.ok(Object.isFrozen(policies[0]));
  }
  for (const count of [2, 127, 128, 200]) {
    const { policies } = said(Array.from({ length: count }, (_, number) => permit(`p${number}`, 'ä\\"\\\\')).join('\n'));
    assert.deepEqual(policies.map(({ description }) => description), Array(count).fill('ä"\\'));
  }
  const { policies, allowed } = said('@id("no") forbid (principal, action, resource);');
  assert.deepEqual([policies, allowed], [[{ id: 'no', effect: 'forbid', description: null }], false]);
  // up to the longest that comes packed, and beyond
  const lengths = Array.from({ length: 80 }, (_, number) => 'x'.repeat(16_270 + number));
  for (const message of ['Fråga "IT" 😀', ...lengths, 'é'.repeat(16_384), '😀'.repeat(16_384)]) {
    const overlay = sources().overlay.replace('Ask the IT desk', message.replaceAll('"', '\\"'));
    const guided = new Engine({ ...sources(), overlay });
    assert.equal(guided.decide(bot).guidance.message, message);
    assert.equal(JSON.stringify(guided.decide(bot)), guided.decideJson(bot));
  }
  for (const call of ['', '{', 'ü', Buffer.from([0xff]), bot, find(1), pay(1), { ...find(), tool: 'crm/ü\u0000' }]) said('@id("a") permit (principal, action, resource);', call);
});

test('a call is an object, a text or bytes', () => {
  const text = JSON.stringify(find());
  const wanted = engine.decideJson(text);
  for (const call of [find(), new TextEncoder().encode(text), Buffer.from(text), { ...find(), arguments: '{"query":"acme"}' }]) {
    assert.equal(engine.decideJson(call), wanted);
  }
  const sparse = { ...find(), session: undefined, subject: { ...alice, service_principal: undefined } };
  assert.equal(engine.decideJson(sparse), wanted, 'undefined members of a call are none');
  assert.equal(engine.decide({ ...bot, arguments: undefined }).reason, 'subject_unknown');
  assert.equal(engine.decide({ ...find(), sesion: {} }).reason, 'invalid_request', 'unknown members are refused');
  assert.equal(engine.decide({}).reason, 'invalid_request');
});

test('dates come and go', () => {
  const at = (now) => engine.decide({ ...pay(1), now });
  assert.equal(JSON.stringify(at(new Date(NOW))), JSON.stringify(at(NOW)));
  assert.equal(at(new Date('2026-11-21T09:00:00Z')).reason, 'snapshot_stale');
  assert.equal(at(new Date('2026-11-21T08:59:59.999Z')).outcome, 'self_approve', 'the twin');
  assert.throws(() => at(new Date('never')), CallError);
  assert.equal(at(new Date(8.64e15)).reason, 'invalid_request', 'the year 275760');
  const { validUntil, valid_until } = at(NOW);
  assert.deepEqual(validUntil, new Date(valid_until));
  assert.equal(engine.decide('').validUntil, null);
  const session = { authenticated_at: new Date(NOW), calls: 3n, labels: ['private-data'] };
  assert.equal(engine.decide({ ...find(), session }).allowed, true);
  const snapshot = { ...sources().snapshot, issued_at: new Date('2026-11-20T09:00:00Z') };
  assert.equal(new Engine({ ...sources(), snapshot }).decide(find()).allowed, true);
});

test('many calls are decided as one by one, off the event loop', async () => {
  const calls = Array.from({ length: 2_000 }, (_, number) => (number % 7 === 0 ? '{' : number % 2 ? find(`${number}`) : JSON.stringify(pay(number))));
  let ticks = 0;
  const tick = setInterval(() => (ticks += 1), 1);
  const pending = engine.decideMany(calls);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const decisions = await pending;
  clearInterval(tick);
  assert.ok(ticks > 0);
  assert.ok(Object.isFrozen(decisions));
  assert.deepEqual(decisions.map((each) => JSON.stringify(each)), calls.map((call) => engine.decideJson(call)));
  assert.equal(JSON.stringify(await engine.decideMany(new Set(calls), { threads: 1 })), JSON.stringify(await engine.decideMany(new Set(calls))));
  assert.deepEqual(await engine.decideMany([]), []);
  assert.equal((await engine.decideMany([Buffer.from(JSON.stringify(find()))]))[0].allowed, true);
  for (const none of [undefined, null, 5, 'calls', { length: 1 }, Buffer.from('[]')]) {
    await assert.rejects(engine.decideMany(none), CallError);
  }
  for (const threads of [-1, 1.5, NaN, '2', 2 ** 31]) await assert.rejects(engine.decideMany([], { threads }), CallError);
});

test('bytes that change while many are decided are not looked at again', async () => {
  const bytes = Buffer.from(JSON.stringify(find()));
  const pending = engine.decideMany(Array(500).fill(bytes));
  bytes.fill(0);
  assert.ok((await pending).every(({ allowed }) => allowed));
});

test('what a subject sees, and what a token may carry', () => {
  const viewer = { subject: alice, now: new Date(NOW) };
  const wanted = [['crm/find', 'callable'], ['crm/free', 'needs_approval'], ['crm/pay', 'needs_approval']];
  for (const asked of [viewer, JSON.stringify(viewer)]) {
    assert.deepEqual(engine.visibleTools(asked).map(({ tool, visibility }) => [tool, visibility]), wanted);
  }
  assert.throws(() => engine.visibleTools({ ...viewer, tool: 'crm/find' }), (error) => error instanceof LoadError && error.code === 'unknown_field');
  const refused = engine.decideToken({ subject: alice, audience: 'https://none.example/', now: NOW });
  assert.deepEqual([refused.claims, refused.reason, refused.granted], [null, 'target_not_registered', []]);
});

test('what keeps sources from loading is said with its place', async () => {
  const broken = { ...sources(), policies: { 'a.cedar': '@id("a") permit (principal, action, resource) when { principal.nope };' } };
  const check = (error) => {
    assert.ok(error instanceof LoadError && error instanceof ToolgateError && error instanceof Error);
    assert.deepEqual([error.name, error.code, error.errors[0].file, error.errors[0].line], ['LoadError', 'policy_validation', 'a.cedar', 1]);
    assert.equal(error.message, error.errors.map(({ text }) => text).join('\n'));
    assert.ok(Object.isFrozen(error.errors) && Object.isFrozen(error.errors[0]));
    return true;
  };
  assert.throws(() => new Engine(broken), check);
  assert.throws(() => new Engine(JSON.stringify(broken)), check);
  await assert.rejects(Engine.load(broken), check);
  await assert.rejects(engine.reload(broken), check);
  assert.equal((await Engine.load(sources())).digest, engine.digest);
  assert.equal((await engine.reload(sources())).digest, engine.digest);
  await assert.rejects(engine.reload({ ...sources(), limits: { call_bytes: 1 } }), LoadError);
  assert.equal(new Engine({ ...sources(), limits: { call_bytes: 100 } }).decide(find('x'.repeat(99))).reason, 'limit_exceeded');
});

test('a bundle is loaded from its folder', async () => {
  const acme_engine = Engine.fromBundle(acme);
  assert.ok(acme_engine.policyIds.length > 0);
  assert.ok(acme_engine.report.tools.length > 0);
  assert.match(acme_engine.schema, /namespace Toolgate/);
  assert.equal(Engine.fromBundle(pathToFileURL(acme)).digest, acme_engine.digest);
  assert.equal((await Engine.loadBundle(acme)).digest, acme_engine.digest);
  const missing = (error) => error instanceof LoadError && error.code === 'file_unreadable' && error.errors[0].file.endsWith('nowhere');
  assert.throws(() => Engine.fromBundle(path.join(acme, 'nowhere')), missing);
  await assert.rejects(Engine.loadBundle(path.join(acme, 'nowhere')), missing);
  assert.throws(() => Engine.fromBundle(new URL('https://example.com/')), CallError);
  assert.throws(() => Engine.fromBundle(), CallError);
});

test('changes make another engine, or change the one in use', () => {
  const revoke = { version: 8, issued_at: new Date('2026-11-20T09:30:00Z'), grants: { revoke: ['g'] } };
  const live = new Live(engine);
  const without = engine.withDelta(revoke);
  assert.deepEqual([engine.decide(find()).allowed, without.decide(find()).allowed, live.decide(find()).allowed], [true, false, true]);
  assert.deepEqual([engine.snapshotVersion, without.snapshotVersion], [7, 8]);
  live.apply(revoke);
  assert.equal(live.decide(find()).allowed, false);
  assert.equal(live.engine.digest, without.digest);
  for (const again of [() => live.apply(revoke), () => live.swap(engine)]) {
    assert.throws(again, (error) => error instanceof LoadError && error.code === 'snapshot_older');
  }
  assert.equal(live.engine.snapshotVersion, 8);
  live.swap(new Engine({ ...sources(), snapshot: { ...sources().snapshot, version: 9 } }));
  assert.equal(live.decide(find()).allowed, true);
  for (const none of [undefined, {}, live, Object.create(Engine.prototype)]) {
    assert.throws(() => live.swap(none), Error);
    assert.throws(() => new Live(none), Error);
  }
  assert.equal(live.engine.snapshotVersion, 9);
});

test('a Live answers what its engine answers', async () => {
  const live = new Live(engine);
  const viewer = { subject: alice, now: NOW };
  const request = { subject: alice, audience: 'https://none.example/', now: NOW };
  assert.equal(live.decideJson(find()), engine.decideJson(find()));
  assert.equal(live.decideJson(Buffer.from('{')), engine.decideJson('{'));
  assert.deepEqual(live.visibleTools(viewer), engine.visibleTools(viewer));
  assert.deepEqual(live.decideToken(request), engine.decideToken(request));
  const pending = live.decideMany(Array(300).fill(find()));
  live.apply({ version: 8, issued_at: NOW, grants: { revoke: ['g'] } });
  assert.ok((await pending).every(({ allowed }) => allowed), 'a batch is decided with the engine it began with');
  assert.ok((await live.decideMany([find()])).every(({ allowed }) => !allowed));
});

test('a snapshot version beyond 2^53 is exact', async () => {
  const version = 2n ** 60n + 1n;
  const snapshot = { ...sources().snapshot, version };
  const late = new Engine({ ...sources(), snapshot });
  assert.equal(late.snapshotVersion, version);
  assert.equal(late.decide(find('"snapshot_version":1')).snapshot_version, version);
  assert.ok((await late.decideMany([find(), pay(1)])).every(({ snapshot_version }) => snapshot_version === version));
  assert.equal(late.decideToken('{').snapshot_version, version);
  assert.match(late.decideJson(find()), new RegExp(`"snapshot_version":${version}}$`));
});

test('an engine is shown in short', () => {
  assert.match(inspect(engine), /^Engine \{[^]*sha256:[^]*snapshotVersion: 7/);
  assert.match(inspect(new Live(engine)), /^Live \{ Engine/);
});

test('each worker loads its own', async () => {
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { Engine } = require('toolgate');
    const engine = new Engine(workerData.sources);
    parentPort.postMessage(workerData.calls.map((call) => engine.decideJson(call)));`;
  const calls = [find(), pay(1), pay(9007199254740993n)];
  const answers = await Promise.all([1, 2, 3].map(() => new Promise((resolve, reject) => {
    const worker = new Worker(script, { eval: true, workerData: { sources: sources(), calls } });
    worker.on('message', resolve).on('error', reject);
  })));
  for (const answer of answers) assert.deepEqual(answer, calls.map((call) => engine.decideJson(call)));
});

test('the command', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'toolgate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (...args) => spawnSync(process.execPath, [require.resolve('../bin/toolgate.js'), ...args], { encoding: 'utf8', cwd: folder });
  assert.match(run('--version').stdout, /^toolgate \d/);
  assert.equal(run('check', acme).status, 0);
  const nowhere = run('check', 'nowhere');
  assert.equal(nowhere.status, 2);
  assert.match(nowhere.stderr, /there is no such folder/);
  assert.equal(run().status, 2);
  writeFileSync(path.join(folder, 'calls.jsonl'), `${JSON.stringify(bot)}\n`);
  const decided = run('decide', acme, '--calls', 'calls.jsonl', '--json');
  assert.equal(JSON.parse(decided.stdout).outcome, 'deny', decided.stderr);
  // into a pipe that closes early
  execFileSync('sh', ['-c', '"$0" "$1" --help | head -1', process.execPath, require.resolve('../bin/toolgate.js')]);
});
