'use strict';
// The addon for this machine. What was built is in the package: nothing is downloaded or built when it is installed.

const { existsSync } = require('node:fs');
const path = require('node:path');
const { target } = require('./target.js');

const file = path.join(__dirname, '..', 'prebuilds', `${target()}.node`);
if (!existsSync(file)) {
  throw new Error(
    `toolgate has no addon for ${target()}: ${file} is missing. Build it with \`node build.mjs\` in bindings-node of the ` +
      'repository, or use the package `toolgate-wasm`',
  );
}
module.exports = require(file);
