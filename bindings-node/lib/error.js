'use strict';
// What is thrown. Whatever it is, nothing was decided, so nothing may run.

/** The base of all that toolgate throws. `code` is that of the first of `errors`. */
class ToolgateError extends Error {
  constructor(errors, options) {
    super(errors.map((error) => error.text).join('\n'), options);
    this.code = errors[0].code;
    this.errors = Object.freeze(errors.map(Object.freeze));
  }
}

/** Sources, a change or a request that are refused; whatever was in use stays in use. */
class LoadError extends ToolgateError {}

/** A JavaScript value that stands for no JSON. */
class CallError extends ToolgateError {}

/** A fault of toolgate's own. The engine can be used on. */
class InternalError extends ToolgateError {}

for (const Class of [ToolgateError, LoadError, CallError, InternalError]) {
  Object.defineProperty(Class.prototype, 'name', { value: Class.name, configurable: true, writable: true });
}

/** One error, in the form of those that the engine has. */
function said(code, message, help, pointer = null) {
  const place = pointer ? `at \`${pointer}\`: ` : '';
  return { code, message, help, file: null, pointer, line: null, column: null, text: `${place}${message} (${help})` };
}

/** What the addon threw. */
function thrown(error) {
  if (error instanceof ToolgateError) return error;
  let errors;
  try {
    ({ errors } = JSON.parse(error.message));
  } catch {
    const help = 'nothing was decided, so nothing may run; please report this';
    return new InternalError([said('internal', String(error?.message ?? error), help)], { cause: error });
  }
  return errors[0].code === 'panic' ? new InternalError(errors) : new LoadError(errors);
}

module.exports = { ToolgateError, LoadError, CallError, InternalError, said, thrown };
