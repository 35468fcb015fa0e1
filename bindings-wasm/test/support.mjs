import { readFileSync, readdirSync } from 'node:fs';

export const conformance = new URL('../../policies/conformance/', import.meta.url);

export function read(path) {
  return readFileSync(new URL(path, conformance), 'utf8');
}

export function files(folder) {
  return readdirSync(new URL(folder, conformance)).sort();
}

/** The text of a bundle's sources. */
export function bundle(name) {
  return read(`bundles/${name}.json`);
}

/** The same as an object. */
export function sources(name) {
  return JSON.parse(bundle(name));
}

export const NOW = '2026-11-20T10:00:00Z';

/** A call that company's alice may run. */
export function call(more = {}) {
  return { subject: { user: 'alice', client: 'cc' }, tool: 'crm/find', arguments: { query: 'acme' }, now: NOW, ...more };
}
