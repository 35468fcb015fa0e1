// Deciding keeps nothing. The nightly run makes a million calls: TOOLGATE_MEMORY_CALLS=1000000.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const calls = Number(process.env.TOOLGATE_MEMORY_CALLS ?? 60_000);
const MOST = 2 * 1024 * 1024;

test(`memory after ${calls} calls`, () => {
  const script = fileURLToPath(new URL('memory.mjs', import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--expose-gc', script, `${calls}`], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const { drift } = JSON.parse(stdout);
  assert.ok(drift <= MOST, `${drift} bytes`);
});
