// The package as it is published, installed into an empty folder outside the repository.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = path.join(here, '..');
const tools = path.join(root, 'node_modules', '.bin');
const folder = mkdtempSync(path.join(tmpdir(), 'toolgate-wasm-'));
const installed = path.join(folder, 'node_modules', 'toolgate-wasm');
after(() => rmSync(folder, { recursive: true, force: true }));

function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', ...options });
  // a script with a module in it is long
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${error ?? ''}${stdout}${stderr}`.slice(0, 4_000));
  return stdout.trim();
}

/** What a program prints. */
function printed(file, text) {
  writeFileSync(path.join(folder, file), text);
  return run(process.execPath, [file]);
}

const USE = `const engine = new Engine(${JSON.stringify(readFileSync(path.join(root, '../policies/conformance/bundles/small.json'), 'utf8'))});
const call = { subject: { user: 'alice', client: 'cc' }, tool: 'crm/find', arguments: { query: 'x' }, now: '2026-11-20T10:00:00Z' };
console.log(engine.decide(call).outcome, engine.decide('{').reason);`;
const ANSWER = 'auto_approve invalid_request';

before(() => {
  const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root }));
  writeFileSync(path.join(folder, 'package.json'), '{"private": true}');
  run('npm', ['install', '--no-audit', '--no-fund', '--offline', `./${filename}`]);
});

test('what is published is one module, with what it needs and nothing else', () => {
  const files = readdirSync(installed, { recursive: true }).map((file) => file.replaceAll('\\', '/')).sort();
  assert.deepEqual(
    files.filter((file) => statSync(path.join(installed, file)).isFile()),
    [
      'LICENSE', 'README.md', 'dist/core.js', 'dist/index.d.cts', 'dist/index.d.ts', 'dist/node.cjs', 'dist/node.js',
      'dist/shared.d.cts', 'dist/shared.d.ts', 'dist/toolgate.wasm', 'dist/toolgate.wasm.d.ts', 'dist/web.js',
      'dist/workerd.js', 'package.json',
    ],
  );
  const wasm = readFileSync(path.join(installed, 'dist/toolgate.wasm'));
  // no path of the machine that it was built on
  for (const trace of ['/home/', '/root/', '/.cargo/', '/.rustup/', root]) {
    assert.equal(wasm.indexOf(trace), -1, `it has ${trace} in it`);
  }
});

test('every file that the package names is there', () => {
  const { exports, main, module, types } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
  const named = [main, module, types];
  const walk = (value) => (typeof value === 'string' ? named.push(value) : Object.values(value).forEach(walk));
  walk(exports);
  for (const file of named) assert.ok(statSync(path.join(installed, file)).isFile(), file);
});

test('ESM in Node', () => {
  assert.equal(printed('esm.mjs', `import { Engine } from 'toolgate-wasm';\n${USE}`), ANSWER);
});

test('CommonJS in Node', () => {
  assert.equal(printed('commonjs.cjs', `const { Engine } = require('toolgate-wasm');\n${USE}`), ANSWER);
});

test('the web entry, given its module', () => {
  const program = `import { readFileSync } from 'node:fs';
import { Engine, init } from 'toolgate-wasm/web';
let before; try { new Engine('{}'); } catch (error) { before = error.code; }
let missing; await init('data:text/plain,nothing').catch((error) => { missing = error.code; });
await init(readFileSync('node_modules/toolgate-wasm/dist/toolgate.wasm'));
console.log(before, missing);
${USE}`;
  assert.equal(printed('web.mjs', program), `not_initialised not_initialised\n${ANSWER}`);
});

test('types, for ESM and for CommonJS', () => {
  for (const file of ['types.ts', 'types.cts', 'tsconfig.json']) cpSync(path.join(here, file), path.join(folder, file));
  run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '--project', 'tsconfig.json']);
  // and in a project for bundlers
  const bundler = { extends: './tsconfig.json', compilerOptions: { module: 'esnext', moduleResolution: 'bundler' }, files: ['types.ts'] };
  writeFileSync(path.join(folder, 'tsconfig.bundler.json'), JSON.stringify(bundler));
  run(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '--project', 'tsconfig.bundler.json']);
});

test('a bundle by esbuild', () => {
  const bundled = (file, text, options) => {
    writeFileSync(path.join(folder, file), text);
    const out = path.join(folder, 'out', file);
    mkdirSync(path.dirname(out), { recursive: true });
    run(path.join(tools, 'esbuild'), [file, '--bundle', '--format=esm', `--outfile=${out}`, '--target=es2022', '--log-level=warning', ...options]);
    return readFileSync(out, 'utf8');
  };
  // the module inside the script
  const inside = `import wasm from 'toolgate-wasm/toolgate.wasm';\nimport { Engine, init } from 'toolgate-wasm';\nawait init(wasm);\n${USE}`;
  bundled('inside.mjs', inside, ['--loader:.wasm=binary', '--platform=browser']);
  assert.equal(run(process.execPath, ['out/inside.mjs']), ANSWER);
  // the module beside it, compiled by the runtime, as workers have it
  const worker = bundled('worker.mjs', `import { Engine } from 'toolgate-wasm';\n${USE}`, [
    '--conditions=workerd', '--external:*.wasm',
  ]);
  assert.match(worker, /from "\.\/toolgate\.wasm"|from ".*toolgate\.wasm"/);
  // the module beside it, fetched
  const beside = bundled('beside.mjs', `import { Engine, init } from 'toolgate-wasm';\nawait init();\n${USE}`, ['--platform=browser']);
  assert.match(beside, /new URL\("\.\/toolgate\.wasm", import\.meta\.url\)/);
  assert.doesNotMatch(beside, /node:fs/);
});
