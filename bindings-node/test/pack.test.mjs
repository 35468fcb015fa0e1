// The tarball: packed, installed into an empty folder outside the repository, without the network, and used there.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { acme, find, root, sources } from './support.mjs';

const source = fileURLToPath(new URL('..', import.meta.url));
const pack = JSON.parse(readFileSync(path.join(source, 'package.json')));

test('the tarball works where nothing else is', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'toolgate-pack-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const npm = (...args) => execFileSync('npm', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  const [{ filename, files }] = JSON.parse(npm('pack', '--json', '--pack-destination', folder, source));
  const names = files.map((file) => file.path);
  const wanted = ['LICENSE', 'README.md', 'bin/toolgate.js', 'index.d.mts', 'index.d.ts', 'index.js', 'index.mjs', 'package.json'];
  const inside = ['lib/decision.js', 'lib/error.js', 'lib/json.js', 'lib/native.js', 'lib/packed.js', 'lib/target.js'];
  assert.deepEqual(names.filter((name) => !name.startsWith('prebuilds/')).sort(), [...wanted, ...inside].sort());
  assert.ok(names.some((name) => /^prebuilds\/[\w-]+\.node$/.test(name)));

  writeFileSync(path.join(folder, 'package.json'), '{"private": true}');
  npm('install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', filename);

  const script = (load) => `${load}
    const engine = new Engine(${JSON.stringify(sources())});
    console.log(engine.decide(${JSON.stringify(find())}).outcome, Engine.fromBundle(${JSON.stringify(acme)}).policyIds.length > 0);`;
  const run = (name, text) => {
    writeFileSync(path.join(folder, name), text);
    return execFileSync(process.execPath, [name], { cwd: folder, encoding: 'utf8' });
  };
  assert.equal(run('esm.mjs', script("import { Engine } from 'toolgate';")), 'auto_approve true\n');
  assert.equal(run('cjs.cjs', script("const { Engine } = require('toolgate');")), 'auto_approve true\n');

  const npx = (...args) => spawnSync('npx', ['--no-install', 'toolgate', ...args], { cwd: folder, encoding: 'utf8' });
  assert.match(npx('--version').stdout, /^toolgate \d/);
  assert.equal(npx('check', acme).status, 0);
  assert.equal(npx('check', 'nowhere').status, 2);

  for (const [name, text] of [['types.mts', ''], ['types.cts', '']]) {
    writeFileSync(path.join(folder, name), `${text}import { Engine, type Decision } from 'toolgate';\nnew Engine('').decide('') satisfies Decision;\n`);
    const tsc = [path.join(source, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--module', 'nodenext', '--types', '', name];
    const { status, stdout } = spawnSync(process.execPath, tsc, { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  }
});

test('what is published says what it is', () => {
  const cargo = readFileSync(path.join(root, 'Cargo.toml'), 'utf8');
  const said = (name) => new RegExp(`^${name} = "(.*)"`, 'm').exec(cargo)[1];
  assert.equal(pack.version, said('version'));
  assert.equal(pack.license, said('license'));
  assert.equal(pack.repository.url, `git+${said('repository')}.git`);
  assert.ok(pack.keywords.length >= 5 && pack.description && pack.types && pack.engines.node);
  assert.equal(pack.scripts.install ?? pack.scripts.postinstall, undefined, 'nothing runs when it is installed');
  assert.equal(pack.dependencies, undefined);
  assert.equal(readFileSync(path.join(source, 'LICENSE'), 'utf8'), readFileSync(path.join(root, 'LICENSE'), 'utf8'));
});

test('the Rust of the addon stays thin', () => {
  const lines = readFileSync(path.join(source, 'src/lib.rs'), 'utf8').trimEnd().split('\n').length;
  assert.ok(lines <= 350, `${lines} lines`);
});
