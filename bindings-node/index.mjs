import toolgate from './index.js';

export const { Engine, Live, ToolgateError, LoadError, CallError, InternalError, outcomes, reasons, visibilities } = toolgate;
