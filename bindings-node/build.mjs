#!/usr/bin/env node
// Builds the addon for this machine into `prebuilds`, with the workspace's target folder: `node build.mjs [--release]`.
// Each platform is built on itself: what is in `prebuilds` when the package is packed is what the package has.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const { target } = createRequire(import.meta.url)('./lib/target.js');
const release = process.argv.includes('--release');

const built = execFileSync(
  'cargo',
  ['build', '--locked', '-p', 'toolgate-node', '--message-format=json-render-diagnostics', ...(release ? ['--release'] : [])],
  { cwd: path.join(here, '..'), encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
);
const addon = built
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .find((message) => message.reason === 'compiler-artifact' && message.target.name === 'toolgate_node');

const prebuilds = path.join(here, 'prebuilds');
const file = path.join(prebuilds, `${target()}.node`);
mkdirSync(prebuilds, { recursive: true });
// another process may have the old one loaded: it keeps its bytes
copyFileSync(addon.filenames[0], `${file}.new`);
rmSync(file, { force: true });
renameSync(`${file}.new`, file);
console.log(path.relative(process.cwd(), file));
