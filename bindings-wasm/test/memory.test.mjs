// Memory does not grow with calls. TOOLGATE_CALLS says how many: 1,000,000 in the nightly run.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createRequire } from 'node:module';

const { Engine, Live } = createRequire(import.meta.url)('../dist/node.cjs');
import { bundle, call } from './support.mjs';

const CALLS = Number(process.env.TOOLGATE_CALLS ?? 60_000);
const DRIFT = 2 * 1024 * 1024;

test(`memory after ${CALLS} calls`, () => {
  // the module's memory only ever grows: whoever makes an instance sees it
  const memories = [];
  const real = WebAssembly.Instance;
  WebAssembly.Instance = class extends real {
    constructor(...args) {
      super(...args);
      memories.push(super.exports.memory);
    }
  };
  try {
    const engine = new Engine(bundle('company'));
    const live = new Live(engine);
    const objects = [call(), call({ tool: 'crm/update', arguments: { id: '1' } }), call({ tool: 'crm/nothing' })];
    const texts = [...objects.map((it) => JSON.stringify(it)), '{', `"${'x'.repeat(300_000)}"`];
    const viewer = { subject: call().subject, now: call().now };
    let version = 100;
    const round = (calls) => {
      for (let n = 0; n < calls; n += 1) {
        engine.decide(objects[n % objects.length]);
        live.decideJson(texts[n % 4]);
        if (n % 100 === 0) {
          engine.decideJson(texts[4]);
          engine.decideToken({ ...viewer, audience: 'x' });
          live.visibleTools(viewer);
          live.engine.free();
          const changed = engine.withDelta({ version, issued_at: call().now });
          live.swap(changed);
          changed.free();
          version += 1;
        }
        if (n % 10_000 === 0) new Engine(bundle('small')).free();
      }
    };
    const heap = () => {
      global.gc();
      return process.memoryUsage().heapUsed;
    };
    round(20_000);
    const [wasm, js] = [memories[0].buffer.byteLength, heap()];
    round(CALLS / 2);
    const grown = { wasm: memories[0].buffer.byteLength - wasm, js: heap() - js };
    console.log(`${CALLS} calls: the module's memory grew by ${grown.wasm} bytes, JavaScript's by ${grown.js}`);
    assert.equal(memories.length, 1, 'nothing trapped');
    assert.ok(grown.wasm <= DRIFT && grown.js <= DRIFT, JSON.stringify(grown));
  } finally {
    WebAssembly.Instance = real;
  }
});
