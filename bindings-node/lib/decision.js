'use strict';
// Decisions as frozen objects, each read once from the text that the engine gave.

const { parse } = JSON;
const { freeze, values } = Object;
const { isSafeInteger } = Number;

const NONE = freeze([]);

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
  return new Decision(exact(parse(text), text));
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

module.exports = { Decision, decision, decisions, answer };
