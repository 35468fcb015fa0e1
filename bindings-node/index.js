'use strict';
// toolgate: decides AI agents' tool calls. Text goes to the engine and comes back; see index.d.ts.

const { inspect } = require('node:util');
const native = require('./lib/native.js');
const json = require('./lib/json.js');
const { answer, decisions } = require('./lib/decision.js');
const { CallError, InternalError, LoadError, ToolgateError, said, thrown } = require('./lib/error.js');
const { unpacked } = require('./lib/packed.js');

/** What an engine answers, and so does a `Live`. */
class Decides {
  #native;

  constructor(handle) {
    this.#native = handle;
  }

  decide(call) {
    return unpacked(this.#decide(call, true));
  }

  decideJson(call) {
    return this.#decide(call, false);
  }

  #decide(call, packed) {
    const text = json.call(call);
    try {
      return typeof text === 'string' ? this.#native.decide(text, packed) : this.#native.decideBytes(text, packed);
    } catch (error) {
      throw thrown(error);
    }
  }

  async decideMany(calls, { threads = 0 } = {}) {
    if (!Number.isInteger(threads) || threads < 0 || threads > 1024) {
      throw new CallError([said('invalid_value', `\`${threads}\` is no number of threads`, 'give 1 to 1024, or 0 for all')]);
    }
    if (typeof calls !== 'object' || typeof calls?.[Symbol.iterator] !== 'function' || ArrayBuffer.isView(calls)) {
      throw new CallError([said('wrong_type', 'these are no calls', 'give a list of them')]);
    }
    const texts = Array.from(calls, (call) => json.call(call));
    return decisions(await asked(() => this.#native.decideMany(texts, threads)));
  }

  visibleTools(viewer) {
    return answer(asking(() => this.#native.visibleTools(json.request(viewer))));
  }

  decideToken(request) {
    return answer(asking(() => this.#native.decideToken(json.request(request))));
  }

  /** What the addon knows it by. Only for the classes below. */
  static handle(decides) {
    return decides.#native;
  }
}

const { handle } = Decides;
delete Decides.handle;

class Engine extends Decides {
  #described;

  constructor(sources) {
    super(sources instanceof native.Engine ? sources : asking(() => native.Engine.load(json.sources(sources))));
    Object.freeze(this);
  }

  static async load(sources) {
    return new Engine(await asked(() => native.Engine.loadAside(json.sources(sources))));
  }

  static fromBundle(path) {
    return new Engine(asking(() => native.Engine.loadBundle(folder(path))));
  }

  static async loadBundle(path) {
    return new Engine(await asked(() => native.Engine.loadBundleAside(folder(path))));
  }

  async reload(sources) {
    return new Engine(await asked(() => handle(this).reloadAside(json.sources(sources))));
  }

  withDelta(delta) {
    return new Engine(asking(() => handle(this).with(json.request(delta))));
  }

  get digest() {
    return this.#description.engine;
  }

  get snapshotVersion() {
    return this.#description.snapshot_version;
  }

  get policyIds() {
    return this.#description.policies;
  }

  get report() {
    return this.#description.report;
  }

  get schema() {
    return asking(() => handle(this).schema());
  }

  get #description() {
    this.#described ??= answer(asking(() => handle(this).describe()));
    return this.#described;
  }

  [inspect.custom](_, options) {
    const { digest, snapshotVersion, policyIds } = this;
    return `Engine ${inspect({ digest, snapshotVersion, policies: policyIds.length }, options)}`;
  }
}

class Live extends Decides {
  constructor(engine) {
    super(new native.Live(handleOf(engine)));
    Object.freeze(this);
  }

  get engine() {
    return new Engine(handle(this).engine());
  }

  swap(engine) {
    asking(() => handle(this).swap(handleOf(engine)));
  }

  apply(delta) {
    asking(() => handle(this).apply(json.request(delta)));
  }

  [inspect.custom](_, options) {
    return `Live { ${inspect(this.engine, options)} }`;
  }
}

function handleOf(engine) {
  if (engine instanceof Engine) return handle(engine);
  throw new CallError([said('wrong_type', 'this is no `Engine`', 'load one with `new Engine(…)`')]);
}

function folder(path) {
  if (typeof path === 'string') return path;
  if (path instanceof URL && path.protocol === 'file:') return require('node:url').fileURLToPath(path);
  throw new CallError([said('wrong_type', 'this is no path', 'give a string or a file: URL')]);
}

/** Runs what may throw in the addon. */
function asking(ask) {
  try {
    return ask();
  } catch (error) {
    throw thrown(error);
  }
}

/** The same for a promise. */
async function asked(ask) {
  try {
    return await ask();
  } catch (error) {
    throw thrown(error);
  }
}

for (const Class of [Decides, Engine, Live]) {
  Object.freeze(Class.prototype);
  Object.freeze(Class);
}

const { outcomes, reasons, visibilities } = answer(native.codes());

exports.Engine = Engine;
exports.Live = Live;
exports.ToolgateError = ToolgateError;
exports.LoadError = LoadError;
exports.CallError = CallError;
exports.InternalError = InternalError;
exports.outcomes = outcomes;
exports.reasons = reasons;
exports.visibilities = visibilities;
