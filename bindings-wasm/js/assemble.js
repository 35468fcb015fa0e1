// Puts the package together: node assemble.js GLUE OUT
//
// GLUE is what wasm-bindgen wrote for a plain script, beside it the module. It keeps one instance in its variables, so it
// becomes the body of a function: each call of that has its own, and what is left of one that trapped is garbage.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [glue, out] = process.argv.slice(2);
const read = (path) => readFileSync(join(here, path), 'utf8').trimEnd();

// the modules that are the same in Node's package, and ours, as functions in one script
const modules = {
  './error.js': '../../bindings-node/lib/error.js',
  './json.js': '../../bindings-node/lib/json.js',
  './decision.js': '../../bindings-node/lib/decision.js',
  './api.js': 'api.js',
};
const functions = Object.entries(modules).map(
  ([name, path]) => `${JSON.stringify(name)}(module, require) {\n${read(path)}\n}`,
);
const instantiate = `function instantiate(compiled) {
${readFileSync(glue, 'utf8').trimEnd()}
wasm_bindgen.initSync({ module: compiled });
return wasm_bindgen;
}`;
const core = (codes) => `// Made by build.sh. See js/ and bindings-node/lib in the repository.
${instantiate}
const modules = {
${functions.join(',\n')}
};
const loaded = {};
function load(name) {
  if (loaded[name] === undefined) {
    const module = { exports: {} };
    modules[name](module, load);
    loaded[name] = module.exports;
  }
  return loaded[name];
}
const CODES = ${JSON.stringify(codes)};
const make = (platform) => load('./api.js')(instantiate, platform, CODES);`;

const wasm = readFileSync(join(out, 'toolgate.wasm'));
const codes = new Function('compiled', `${instantiate}\nreturn instantiate(compiled).codes();`)(new WebAssembly.Module(wasm));

const found = new Function('codes', `${core(codes)}\nreturn make({});`)(codes);
const all = Object.keys(found).join(', ');
const write = (name, text) => writeFileSync(join(out, name), `${text.trim()}\n`);

write('core.js', `${core(codes)}\nexport { make };`);
write(
  'node.cjs',
  `'use strict';
${core(codes)}
const { readFileSync } = require('node:fs');
const path = require('node:path');
module.exports = make({ module: () => new WebAssembly.Module(readFileSync(path.join(__dirname, 'toolgate.wasm'))) });`,
);
write('node.js', `import toolgate from './node.cjs';\nexport const { ${all} } = toolgate;`);
write(
  'web.js',
  `import { make } from './core.js';
export const { ${all} } = make({ source: () => new URL('./toolgate.wasm', import.meta.url) });`,
);
write(
  'workerd.js',
  `import compiled from './toolgate.wasm';
import { make } from './core.js';
export const { ${all} } = make({ module: () => compiled });`,
);
const types = { 'index.d.ts': read('index.d.ts'), 'shared.d.ts': read('../../bindings-node/index.d.ts') };
for (const [name, text] of Object.entries(types)) {
  write(name, text);
  write(name.replace('.d.ts', '.d.cts'), text.replaceAll("'./shared.js'", "'./shared.cjs'"));
}
write('toolgate.wasm.d.ts', '/** What a bundler makes of it: its bytes, its URL, or the compiled module. `init` takes each. */\ndeclare const wasm: any;\nexport default wasm;');
