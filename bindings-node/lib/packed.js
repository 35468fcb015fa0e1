'use strict';
// Decisions as the addon packs them, which is quicker to read than JSON.

const { Decision, decision } = require('./decision.js');
const native = require('./native.js');

const { parse } = JSON;
const { isSafeInteger } = Number;
/** Methods as they are now, whatever is put in their place later. */
const [codeAt, slice] = [String.prototype.charCodeAt, String.prototype.slice].map((method) => Function.prototype.call.bind(method));

const { outcomes, reasons } = parse(native.codes());
const EFFECTS = ['permit', 'forbid'];
/** What `pack` leaves out: all that is nested, if nothing of it is there. */
const EMPTY = [null, null, null, null, null, [], []];
const BRACE = 0x7b;

/** The decision in a text that the addon packed; what is too long for that is JSON. */
function unpacked(text) {
  return codeAt(text, 0) === BRACE ? decision(text) : new Decision(unpack(text));
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

module.exports = { unpacked };
