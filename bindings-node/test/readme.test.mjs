// What the README shows works, and prints what it says.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from './support.mjs';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/```js\n([^]*?)```\n\n```text\n([^]*?)```/g)];

test('there are examples, and each says what it prints', () => {
  assert.equal(examples.length, 3);
  assert.equal(readme.match(/```js\n/g).length, examples.length);
});

test('the README of the project', (t) => {
  const project = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [[, script, printed]] = project.matchAll(/```js\n([^]*? \/\/ (self_approve .*\n))```/g);
  const folder = mkdtempSync(path.join(fileURLToPath(new URL('.', import.meta.url)), 'readme-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, 'example.mjs'), script);
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  assert.equal(execFileSync(process.execPath, [path.join(folder, 'example.mjs')], { cwd, encoding: 'utf8' }), printed);
});

for (const [, script, printed] of examples) {
  test(`README: ${script.split('\n').findLast((line) => line)}`, (t) => {
    // inside the package, where its name is known
    const folder = mkdtempSync(path.join(fileURLToPath(new URL('.', import.meta.url)), 'readme-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'example.mjs');
    writeFileSync(file, script);
    assert.equal(execFileSync(process.execPath, [file], { cwd: root, encoding: 'utf8' }), printed);
  });
}
