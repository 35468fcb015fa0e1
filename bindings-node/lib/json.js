'use strict';
// A JavaScript value as JSON text: exactly what it stands for, or refused.
//
// `JSON.stringify` drops what it does not know, turns NaN into null and a Map into {}, rounds, and asks `toJSON`. Here
// every property is read once, what was looked at is what is written, and the one reader in the engine judges the text.

const { CallError, said } = require('./error.js');

const { stringify } = JSON;
const { isFinite, isInteger, isSafeInteger } = Number;
const { isArray } = Array;
const { keys, getPrototypeOf } = Object;
const { toISOString } = Date.prototype;
const { toString } = Object.prototype;
/** Methods as they are now, whatever is put in their place later. */
const own = (method) => Function.prototype.call.bind(method);
const [codeAt, matches] = [own(String.prototype.charCodeAt), own(RegExp.prototype.test)];
const [lookUp, keep] = [own(Map.prototype.get), own(Map.prototype.set)];
const { get: typedArrayOf } = Object.getOwnPropertyDescriptor(getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);

/** Text that needs no escapes. */
const PLAIN = /^[ !#-[\]-~]*$/;
const LONE = /\p{Surrogate}/gu;
/** Text of at most so many characters is short. */
const SHORT = 40;
/** Keys as they are written: the same ones come in every call. So many are kept, whoever sends them. */
const KEYS = 1_024;
const [firsts, others] = [new Map(), new Map()];
/** Deeper than any limit of an engine that is of use. What contains itself gets here. */
const DEPTH = 128;
/** Values in one text: of what may hold a snapshot, and of all else. */
const MANY = 64_000_000;
const FEW = 1_000_000;
/** Members that are there whatever an agent writes into its arguments. */
const REQUIRED = [['subject', 'null'], ['tool', 'null'], ['session', '{}'], ['now', 'null']];

/** The text of a call, or its bytes. */
function call(value) {
  if (typeof value === 'string') return wellFormed(value);
  // a copy: somebody else may write to shared memory while it is read
  if (typedArrayOf.call(value) === 'Uint8Array') return new Uint8Array(value);
  return refusing(() => new Writer(FEW).call(value));
}

/** The text of anything else that is an object: a viewer, a token request, a change. */
function request(value) {
  return typeof value === 'string' ? wellFormed(value) : refusing(() => new Writer(FEW).object(value, 0, true));
}

/** The text of the sources of an engine. */
function sources(value) {
  return typeof value === 'string' ? wellFormed(value) : refusing(() => new Writer(MANY).object(value, 0, false));
}

/** What a getter or a proxy throws is a refusal as well. */
function refusing(write) {
  try {
    return write();
  } catch (error) {
    if (error instanceof CallError) throw error;
    const faults = [said('value_not_json', 'reading it failed', 'give a plain object', '')];
    throw new CallError(faults, { cause: error });
  }
}

/** A lone surrogate is no character: as an escape it reaches the reader, which refuses it at its place. */
function wellFormed(text) {
  return text.isWellFormed() ? text : text.replace(LONE, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
}

function quote(text) {
  return isPlainText(text) ? `"${text}"` : stringify(text);
}

/** For what is short a look at each character costs less than a regular expression. */
function isPlainText(text) {
  if (text.length > SHORT) return matches(PLAIN, text);
  for (let index = 0; index < text.length; index += 1) {
    const code = codeAt(text, index);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return true;
}

/** What stands before the value of a member, the first of its object or another. */
function head(key, first) {
  const known = first ? firsts : others;
  let text = lookUp(known, key);
  if (text === undefined) {
    text = `${first ? '{' : ','}${quote(key)}:`;
    if (key.length <= SHORT && known.size < KEYS) keep(known, key, text);
  }
  return text;
}

class Writer {
  constructor(left) {
    this.left = left;
    this.path = [];
  }

  call(value) {
    const names = [];
    let text = '';
    let args;
    for (const key of this.members(value, 0)) {
      const member = value[key];
      if (member === undefined) continue;
      names.push(key);
      if (key === 'arguments' && typeof member === 'string') {
        args = wellFormed(member);
        continue;
      }
      this.path[0] = key;
      const known = (key === 'subject' || key === 'session') && typeof member === 'object';
      const written = known ? this.object(member, 1, true) : this.value(member, 1);
      text += head(key, text === '') + written;
    }
    if (args === undefined) return text === '' ? '{}' : `${text}}`;
    // FAIL-CLOSED: no part of a call speaks for another. With every member there, one that the agent's text brings along
    // is there twice, and the reader refuses it.
    for (const [name, none] of REQUIRED) {
      if (!names.includes(name)) text += head(name, text === '') + none;
    }
    return `${text},"arguments":${args}}`;
  }

  /** An object. In one of toolgate's own, a member that is undefined is none. */
  object(value, depth, own) {
    if (value === null) return 'null';
    let text = '';
    for (const key of this.members(value, depth)) {
      const member = value[key];
      if (own && member === undefined) continue;
      this.path[depth] = key;
      const written = this.value(member, depth + 1);
      text += head(key, text === '') + written;
    }
    return text === '' ? '{}' : `${text}}`;
  }

  value(value, depth) {
    if (--this.left < 0) this.refuse(depth, 'it is too large', 'make it smaller', 'limit_exceeded');
    if (typeof value === 'string') return quote(value);
    if (typeof value === 'number') {
      if (isSafeInteger(value) || (isFinite(value) && !isInteger(value))) return `${value}`;
      return this.refuse(
        depth,
        isFinite(value) ? `${value} may have been rounded` : `${value} is no JSON`,
        isFinite(value) ? 'give a BigInt, or the JSON text it came in' : 'give a finite number',
      );
    }
    if (typeof value === 'boolean') return value ? 'true' : 'false';
    if (value === null) return 'null';
    if (typeof value === 'bigint') return `${value}`;
    if (typeof value !== 'object') return this.refuse(depth, `${nameOf(value)} is no JSON`, 'leave it out');
    if (isArray(value)) return this.array(value, depth);
    if (isPlain(value)) return this.object(value, depth, false);
    if (toString.call(value) === '[object Date]') return this.date(value, depth);
    return this.refuse(depth, `${nameOf(value)} is no plain object`, 'give a plain one with the same members');
  }

  array(value, depth) {
    this.enter(value, depth);
    let text = '';
    for (let index = 0; index < value.length; index += 1) {
      this.path[depth] = index;
      const written = this.value(value[index], depth + 1);
      text += (index === 0 ? '[' : ',') + written;
    }
    return text === '' ? '[]' : `${text}]`;
  }

  date(value, depth) {
    try {
      return `"${toISOString.call(value)}"`;
    } catch {
      return this.refuse(depth, 'the date is invalid', 'give a valid one');
    }
  }

  /** The keys of what is an object and nothing more. */
  members(value, depth) {
    if (typeof value !== 'object' || value === null || isArray(value) || !isPlain(value)) {
      this.refuse(depth, `${nameOf(value)} is no plain object`, 'give a plain one, or a JSON text');
    }
    this.enter(value, depth);
    return keys(value);
  }

  enter(value, depth) {
    if (depth > DEPTH) this.refuse(DEPTH, 'it is nested too deep, or contains itself', 'make it flatter', 'limit_exceeded');
    if (typeof value.toJSON === 'function') {
      this.refuse(depth, 'it has a `toJSON`', 'call it and give what it returns');
    }
  }

  refuse(depth, message, help, code = 'value_not_json') {
    const pointer = this.path.slice(0, depth).map((key) => `/${`${key}`.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    throw new CallError([said(code, message, help, pointer.join(''))]);
  }

  /** What a getter or a proxy throws is a refusal as well. */
  refusal(error) {
    if (error instanceof CallError) return error;
    return new CallError([said('value_not_json', 'reading it failed', 'give a plain object', '')], { cause: error });
  }
}

/** Not an instance of a class. The third is an object of another realm, such as a test runner's. */
function isPlain(value) {
  const prototype = getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || getPrototypeOf(prototype) === null;
}

function nameOf(value) {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value !== 'object') return `a ${typeof value}`;
  const name = value.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a \`${name}\`` : 'this object';
}

module.exports = { call, request, sources };
