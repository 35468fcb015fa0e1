// The web entry in a browser: the conformance cases' first file, and a trap.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { bundle, read } from './support.mjs';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const names = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];
const browser = process.env.CHROME ?? names.find((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0);
const skip = browser === undefined;
if (skip) console.log('SKIPPED toolgate-wasm in a browser: no Chromium here; set CHROME to one');

const cases = read('cases/gate.jsonl').trimEnd().split('\n').map((line) => JSON.parse(line));
const expected = read('expected/gate.jsonl').trimEnd().split('\n');

const PAGE = `<!doctype html><title>toolgate</title><script type="module">
import { Engine } from './web.js';
const report = (found) => fetch('/report', { method: 'POST', body: JSON.stringify(found) });
try {
  const cases = await (await fetch('/cases')).json();
  const found = [];
  const engines = {};
  for (const { name, bundle, call } of cases) {
    engines[bundle] ??= await Engine.load(await (await fetch('/bundle/' + bundle)).text());
    found.push([name, engines[bundle].decideJson(call)]);
  }
  const [engine] = Object.values(engines);
  const Real = WebAssembly.Instance;
  let traps = 0;
  WebAssembly.Instance = class extends Real { constructor(...args) { super(...args); traps += 1; } };
  // calls where there is hardly any stack left, and then with more and more of it
  let frames = 0;
  let fine = false;
  const down = () => {
    try { down(); } catch {}
    frames += 1;
    if (!fine && (traps === 0 || frames % 200 === 0)) try { engine.decideJson(cases[0].call); fine = true; } catch {}
  };
  down();
  const many = await engine.decideMany(cases.map(({ call }) => call));
  await report({ found, traps, after: engine.decideJson(cases[0].call), many: many.length });
} catch (error) {
  await report({ error: String(error?.stack ?? error) });
}
</script>`;

test('in a browser', { skip, timeout: 120_000 }, async () => {
  let done;
  const reported = new Promise((resolve) => {
    done = resolve;
  });
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const send = (type, body) => response.writeHead(200, { 'content-type': type }).end(body);
    if (pathname === '/') return send('text/html', PAGE);
    if (pathname === '/cases') return send('application/json', JSON.stringify(cases));
    if (pathname.startsWith('/bundle/')) return send('application/json', bundle(path.basename(pathname)));
    if (pathname === '/report') {
      let body = '';
      request.on('data', (chunk) => (body += chunk)).on('end', () => {
        response.end();
        done(JSON.parse(body));
      });
      return undefined;
    }
    try {
      const file = readFileSync(path.join(dist, path.basename(pathname)));
      return send(pathname.endsWith('.wasm') ? 'application/wasm' : 'text/javascript', file);
    } catch {
      return response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const profile = mkdtempSync(path.join(tmpdir(), 'toolgate-browser-'));
  const child = spawn(
    browser,
    ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`],
    { stdio: 'ignore' },
  );
  const closed = new Promise((resolve) => child.once('exit', resolve));
  try {
    const failed = closed.then((code) => ({ error: `${browser} ended with ${code}` }));
    const { error, found, traps, after, many } = await Promise.race([reported, failed]);
    assert.equal(error, undefined);
    assert.deepEqual(found, cases.map(({ name }, index) => [name, expected[index]]));
    assert.equal(many, cases.length);
    assert.equal(after, expected[0]);
    assert.ok(traps > 0, 'no trap was seen');
  } finally {
    child.kill();
    await closed;
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
