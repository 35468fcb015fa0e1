'use strict';
// toolgate in WebAssembly. Text goes to the engine and comes back; see index.d.ts. What it is called and what it takes
// is as in the package `toolgate` for Node, whose `lib` this is put together with (assemble.js).

const json = require('./json.js');
const { answer, decision } = require('./decision.js');
const { CallError, InternalError, LoadError, ToolgateError, said } = require('./error.js');

const inspected = Symbol.for('nodejs.util.inspect.custom');
/** How long the event loop is kept from its other work at a time. */
const SLICE = 8;

/**
 * `instantiate` makes an instance of a module. `platform.module` finds the module at once, if that can be done here;
 * `platform.source` says where it lies. `codes` are those of the engine.
 */
module.exports = (instantiate, platform, codes) => {
  let compiled;
  let compiling;
  let instance;
  /** Whether a call went into the instance and did not come back. */
  let inside = false;

  /** What an engine was made of: texts. With them it can be made again in another instance. */
  class Holder {
    constructor(recipe, live = false) {
      this.recipe = recipe;
      this.live = live;
    }
  }

  /** What a holder stands for in the instance that is in use now. */
  function held(holder) {
    instance ??= start();
    let it = instance.held.get(holder);
    if (it === undefined) {
      it = holder.live ? live(holder.recipe) : made(holder.recipe);
      instance.held.set(holder, it);
    }
    return it;
  }

  function start() {
    compiled ??= platform.module?.();
    if (compiled === undefined) {
      throw new ToolgateError([
        said('not_initialised', 'the module is not there yet', '`await init()` first, or load by `await Engine.load(…)`'),
      ]);
    }
    return { glue: instantiate(compiled), held: new WeakMap() };
  }

  function made(recipe) {
    if (recipe === undefined) {
      throw new ToolgateError([said('freed', 'this was freed', 'load another, or free it later')]);
    }
    const deltas = [];
    while (recipe.before !== undefined) {
      deltas.push(recipe.delta);
      recipe = recipe.before;
    }
    let engine = instance.glue.Engine.load(limited(recipe));
    while (deltas.length > 0) {
      const before = engine;
      try {
        engine = before.with(deltas.pop());
      } finally {
        before.free();
      }
    }
    return engine;
  }

  function live(recipe) {
    const engine = made(recipe);
    try {
      return new instance.glue.Live(engine);
    } finally {
      engine.free();
    }
  }

  /** Sources with the limits of the engine that they were loaded in the place of. */
  function limited({ text, limits }) {
    return limits === undefined ? text : `{"limits":${limits},${text.slice(text.indexOf('{') + 1)}`;
  }

  function limitsOf(recipe) {
    while (recipe.before !== undefined) recipe = recipe.before;
    if (recipe.limits !== undefined) return recipe.limits;
    const { limits } = JSON.parse(recipe.text);
    return limits === undefined || limits === null ? undefined : JSON.stringify(limits);
  }

  /**
   * Runs what may throw in the instance. It throws texts: anything else is a trap (a defect, no memory, no stack), after
   * which the instance is not used again. The next call starts another, and what is held is made again from its texts.
   */
  function asking(ask) {
    // FAIL-CLOSED: an instance that a call did not come back from decides nothing more
    if (inside) instance = undefined;
    inside = true;
    try {
      const result = ask();
      inside = false;
      return result;
    } catch (error) {
      if (error instanceof ToolgateError) {
        inside = false;
        throw error;
      }
      if (typeof error === 'string') {
        inside = false;
        throw new LoadError(JSON.parse(error).errors);
      }
      instance = undefined;
      const help = 'nothing was decided, so nothing may run; the next call gets a fresh instance; please report this';
      throw new InternalError([said('panic', String(error?.message ?? error), help)], { cause: error });
    }
  }

  /** What an engine answers, and so does a `Live`. */
  class Decides {
    #holder;

    constructor(holder) {
      this.#holder = holder;
      Object.freeze(this);
    }

    decide(call) {
      return decision(this.decideJson(call));
    }

    decideJson(call) {
      const text = json.call(call);
      return asking(() => decided(held(this.#holder), text));
    }

    async decideMany(calls) {
      const texts = Array.from(calls, json.call);
      const holder = this.#holder;
      // all by the engine that is in use now
      const engine = holder.live ? engineOf(holder) : holder;
      const decisions = [];
      let until = performance.now() + SLICE;
      for (const text of texts) {
        if (performance.now() > until) {
          await pause();
          until = performance.now() + SLICE;
        }
        decisions.push(decision(asking(() => decided(held(engine), text))));
      }
      if (holder.live) free(engine);
      return Object.freeze(decisions);
    }

    visibleTools(viewer) {
      const text = json.request(viewer);
      return answer(asking(() => held(this.#holder).visible_tools(text)));
    }

    decideToken(request) {
      const text = json.request(request);
      return answer(asking(() => held(this.#holder).decide_token(text)));
    }

    free() {
      free(this.#holder);
    }

    /** What it is kept by. Only for what is below. */
    static holder(decides) {
      return decides.#holder;
    }
  }

  const { holder: holderOf } = Decides;
  delete Decides.holder;

  function decided(it, text) {
    return typeof text === 'string' ? it.decide(text) : it.decide_bytes(text);
  }

  function free(holder) {
    holder.recipe = undefined;
    const it = instance?.held.get(holder);
    if (it === undefined) return;
    instance.held.delete(holder);
    asking(() => it.free());
  }

  /** A holder of the engine that a live one has in use. */
  function engineOf(holder) {
    const engine = new Holder(holder.recipe);
    asking(() => {
      const it = held(holder).engine();
      instance.held.set(engine, it);
    });
    return engine;
  }

  /** The engine that comes of another one. */
  function next(holder, recipe, make) {
    const engine = new Holder(recipe);
    asking(() => {
      const it = make(held(holder));
      instance.held.set(engine, it);
    });
    return new Engine(engine);
  }

  class Engine extends Decides {
    #described;

    constructor(sources) {
      super(sources instanceof Holder ? sources : loaded(json.sources(sources)));
    }

    static async load(sources) {
      const text = json.sources(sources);
      await init();
      return new Engine(loaded(text));
    }

    async reload(sources) {
      const text = json.sources(sources);
      const holder = holderOf(this);
      return next(holder, { text, limits: limitsOf(kept(holder)) }, (engine) => engine.reload(text));
    }

    withDelta(delta) {
      const text = json.request(delta);
      const holder = holderOf(this);
      return next(holder, { before: kept(holder), delta: text }, (engine) => engine.with(text));
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
      return asking(() => held(holderOf(this)).schema());
    }

    get #description() {
      this.#described ??= answer(asking(() => held(holderOf(this)).describe()));
      return this.#described;
    }

    [inspected](_, options, inspect) {
      const { digest, snapshotVersion, policyIds } = this;
      return `Engine ${inspect({ digest, snapshotVersion, policies: policyIds.length }, options)}`;
    }
  }

  function loaded(text) {
    const holder = new Holder({ text });
    asking(() => held(holder));
    return holder;
  }

  function kept({ recipe }) {
    return recipe ?? made(undefined);
  }

  class Live extends Decides {
    constructor(engine) {
      const holder = new Holder(kept(engineHolder(engine)), true);
      asking(() => {
        // another handle on the same engine, not one more of it
        const it = held(engineHolder(engine));
        instance.held.set(holder, new instance.glue.Live(it));
      });
      super(holder);
    }

    get engine() {
      return new Engine(engineOf(holderOf(this)));
    }

    swap(engine) {
      const [holder, other] = [holderOf(this), engineHolder(engine)];
      asking(() => held(holder).swap(held(other)));
      holder.recipe = other.recipe;
    }

    apply(delta) {
      const text = json.request(delta);
      const holder = holderOf(this);
      asking(() => held(holder).apply(text));
      holder.recipe = { before: holder.recipe, delta: text };
    }

    [inspected](_, options, inspect) {
      const { engine } = this;
      try {
        return `Live { ${inspect(engine, options)} }`;
      } finally {
        engine.free();
      }
    }
  }

  function engineHolder(engine) {
    if (engine instanceof Engine) return holderOf(engine);
    throw new ToolgateError([said('wrong_type', 'this is no `Engine`', 'load one with `new Engine(…)`')]);
  }

  /** Gets the module, from `source` or from where it lies beside this file. */
  async function init(source) {
    compiled ??= source === undefined ? platform.module?.() : undefined;
    if (compiled !== undefined) return;
    compiling ??= compile(source ?? platform.source()).finally(() => {
      compiling = undefined;
    });
    compiled = await compiling;
  }

  for (const Class of [Decides, Engine, Live]) {
    if (Class === Decides && Symbol.dispose !== undefined) Class.prototype[Symbol.dispose] = Class.prototype.free;
    Object.freeze(Class.prototype);
    Object.freeze(Class);
  }

  const { outcomes, reasons, visibilities } = answer(codes);
  return { init, Engine, Live, ToolgateError, LoadError, CallError, InternalError, outcomes, reasons, visibilities };
};

async function compile(given) {
  try {
    let source = await given;
    if (source instanceof WebAssembly.Module) return source;
    const { URL, Request, Response, fetch } = globalThis;
    if (typeof source === 'string' || isA(URL, source) || isA(Request, source)) source = await fetch(source);
    if (!isA(Response, source)) return await WebAssembly.compile(source);
    if (!source.ok) throw new Error(`${source.url}: ${source.status} ${source.statusText}`);
    const streams = source.headers.get('content-type')?.startsWith('application/wasm');
    return await (streams ? WebAssembly.compileStreaming(source) : WebAssembly.compile(await source.arrayBuffer()));
  } catch (error) {
    const help = 'serve toolgate.wasm beside the script, or give `init` its URL, its bytes or the compiled module';
    throw new ToolgateError([said('not_initialised', `the module cannot be had: ${error?.message ?? error}`, help)], {
      cause: error,
    });
  }
}

function isA(Class, value) {
  return Class !== undefined && value instanceof Class;
}

/** Lets the event loop do its other work. A timer would wait for milliseconds in a browser. */
function pause() {
  const { setImmediate, MessageChannel } = globalThis;
  return new Promise((resolve) => {
    if (setImmediate !== undefined) return setImmediate(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
