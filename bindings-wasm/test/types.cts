// The types as CommonJS sees them.
import toolgate = require('toolgate-wasm');

const engine: toolgate.Engine = new toolgate.Engine({ policies: '', snapshot: '{}' });
export const decision: toolgate.Decision = engine.decide('{}');
