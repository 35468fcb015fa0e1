// Deciding keeps nothing. The nightly run makes a million calls: TOOLGATE_CALLS=1000000.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const calls = Number(process.env.TOOLGATE_CALLS ?? 60_000);
const MOST = 2 * 1024 * 1024;

test(`memory after ${calls} calls`, () => {
  const script = fileURLToPath(new URL('memory.mjs', import.meta.url));
  // V8 doubles the space for what is young at a moment of its own, once in millions of calls: here it stays as it is
  const flags = ['--expose-gc', '--max-semi-space-size=1'];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, script, `${calls}`], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { drift } = JSON.parse(stdout);
  assert.ok(drift <= MOST, `${drift} bytes`);
});
