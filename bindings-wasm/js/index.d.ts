/// <reference lib="esnext.disposable" />

// What the package `toolgate` for Node has as well is the same, and in shared.d.ts. What differs is here.

import type { CallInput, Decision, Delta, ReloadSources, Report, Sources, TokenDecision, TokenRequest, Viewer, VisibleTool } from './shared.js';

export * from './shared.js';

/**
 * Where the module is: a URL, a `Request`, a `Response`, its bytes, a `WebAssembly.Module`, or the promise of one.
 */
export type ModuleSource = string | object;

/**
 * Gets the module. Without a source it is the one beside the script. In Node and in workerd it is there without asking,
 * and {@link Engine.load} asks by itself.
 *
 * @throws {ToolgateError} with the code `not_initialised`
 */
export function init(source?: ModuleSource | undefined): Promise<void>;

/**
 * What an engine answers. A call that cannot be read is a denial; a value that stands for no JSON throws. So does a trap,
 * as an {@link InternalError}: nothing was decided, so nothing may run. What is held is then made again in a fresh
 * instance, and the next call works.
 */
interface Decides {
  /** Decides one call. */
  decide(call: CallInput): Decision;
  /** The same as JSON text: the bytes that every language's toolgate gives. */
  decideJson(call: CallInput): string;
  /** Decides many calls, in their order, all by the engine in use. The event loop gets its turn in between. */
  decideMany(calls: Iterable<CallInput>, options?: { readonly threads?: number }): Promise<readonly Decision[]>;
  /** What a subject sees of every tool. */
  visibleTools(viewer: Viewer | string): readonly VisibleTool[];
  /** Decides which scopes a token may carry. */
  decideToken(request: TokenRequest | string): TokenDecision;
  /** Gives its memory back now; whatever is asked of it from then on throws. Without it the garbage collector does. */
  free(): void;
}

/** Policies, catalog and snapshot, compiled. Never changes. */
export class Engine {
  /**
   * Loads sources: an object, or the JSON text of one. Where the module takes time to come (browsers, bundles), `init`
   * goes first.
   *
   * @throws {LoadError} with every fault that was found
   */
  constructor(sources: Sources | string);
  /** The same, after {@link init}. */
  static load(sources: Sources | string): Promise<Engine>;
  /** Loads other sources in this one's place, with the same limits; quicker where little changed. */
  reload(sources: ReloadSources | string): Promise<Engine>;
  /** The same engine after grants and approvals were added and revoked. */
  withDelta(delta: Delta | string): Engine;

  /** The digest of everything the engine was built from; every decision names it. */
  readonly digest: string;
  /** A BigInt beyond 2^53. */
  readonly snapshotVersion: number | bigint;
  /** Sorted. */
  readonly policyIds: readonly string[];
  readonly report: Report;
  /** The Cedar schema that policies are checked against. */
  readonly schema: string;

  [Symbol.dispose](): void;
}
export interface Engine extends Decides {}

/** The engine in use, swapped whole: a swap counts from the next decision on, and never goes to an older snapshot. */
export class Live {
  /** Begins with an engine, which may be freed. */
  constructor(engine: Engine);
  /** The engine in use at the moment, to be freed by whoever asks. */
  readonly engine: Engine;
  /** Puts another engine in its place, which may be freed. */
  swap(engine: Engine): void;
  /**
   * Adds and revokes grants and approvals. Their texts are kept until the next `swap`, so that a trap loses none of them.
   */
  apply(delta: Delta | string): void;

  [Symbol.dispose](): void;
}
export interface Live extends Decides {}
