'use strict';
// Decisions as frozen objects, each read once from the text that the engine gave.

const native = require('./native.js');

const { parse } = JSON;
const { freeze, values } = Object;
const { isSafeInteger } = Number;
/** Methods as they are now, whatever is put in their place later. */
const [codeAt, slice] = [String.prototype.charCodeAt, String.prototype.slice].map((method) => Function.prototype.call.bind(method));

const NONE = freeze([]);
const { outcomes, reasons } = parse(native.codes());
const EFFECTS = ['permit', 'forbid'];
/** What `pack` leaves out: all that is nested, if nothing of it is there. */
const EMPTY = [null, null, null, null, null, NONE, NONE];
const BRACE = 0x7b;

/** One of five outcomes and everything the host needs to act on it. */
class Decision {
  constructor(said) {
    this.outcome = said.outcome;
    this.reason = said.reason;
    this.detail = said.detail;
    this.policies = list(said.policies);
    this.approval_request = frozen(said.approval_request);
    this.access_request = frozen(said.access_request);
    this.guidance = frozen(said.guidance);
    this.step_up = frozen(said.step_up);
    this.credential = frozen(said.credential);
    this.obligations = list(said.obligations);
    this.gains_labels = list(said.gains_labels);
    this.valid_until = said.valid_until;
    this.agent_message = said.agent_message;
    this.engine = said.engine;
    this.snapshot_version = said.snapshot_version;
    freeze(this);
  }

  /** Whether the call may run now, with nothing to ask and nothing to request first. */
  get allowed() {
    return this.outcome === 'auto_approve' && this.access_request === null;
  }

  /** `valid_until` as a `Date`. */
  get validUntil() {
    return this.valid_until === null ? null : new Date(this.valid_until);
  }
}
freeze(Decision.prototype);

function decision(text) {
  // what is too long to be packed is JSON
  return new Decision(codeAt(text, 0) === BRACE ? exact(parse(text), text) : unpack(text));
}

/** What is being unpacked, and how far it is read. */
let packed = '';
let at = 0;

/** The members that `pack` in `src/lib.rs` put into one text, in its order. */
function unpack(text) {
  packed = text;
  at = 3;
  const count = codeAt(text, 2);
  const policies = [];
  for (let index = 0; index < count; index += 1) {
    const effect = EFFECTS[codeAt(text, at)];
    at += 1;
    policies[index] = { id: next(), effect, description: next() };
  }
  const detail = next();
  const nested = next();
  const members = nested === null ? EMPTY : parse(nested);
  const valid_until = next();
  const agent_message = next();
  const engine = next();
  const version = next();
  const number = +version;
  return {
    outcome: outcomes[codeAt(text, 0)],
    reason: reasons[codeAt(text, 1)],
    detail,
    policies,
    approval_request: members[0],
    access_request: members[1],
    guidance: members[2],
    step_up: members[3],
    credential: members[4],
    obligations: members[5],
    gains_labels: members[6],
    valid_until,
    agent_message,
    engine,
    snapshot_version: isSafeInteger(number) ? number : BigInt(version),
  };
}

/** The next text: two characters are its length and one more, 0 is null. */
function next() {
  const length = (codeAt(packed, at) << 7) | codeAt(packed, at + 1);
  at += 2;
  if (length === 0) return null;
  const begin = at;
  at += length - 1;
  return slice(packed, begin, at);
}

/** The decisions of one batch, all by one engine. */
function decisions(text) {
  return freeze(parse(text).map((said) => new Decision(exact(said, text))));
}

/** Any other answer. */
function answer(text) {
  const said = parse(text);
  return frozen(said === null || said.snapshot_version === undefined ? said : exact(said, text));
}

/** A version beyond 2^53 is a BigInt, not a number nearby. */
function exact(said, text) {
  if (!isSafeInteger(said.snapshot_version)) {
    // in a string its quotes would be escaped: only the member itself looks like this
    said.snapshot_version = BigInt(/"snapshot_version":(\d+)/.exec(text)[1]);
  }
  return said;
}

function list(items) {
  return items.length === 0 ? NONE : frozen(items);
}

function frozen(value) {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of values(value)) if (typeof member === 'object') frozen(member);
  return freeze(value);
}

module.exports = { decision, decisions, answer };
