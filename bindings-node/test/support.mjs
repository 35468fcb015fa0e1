// What the tests share. They use the package by its name, as everybody else does.

import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const acme = path.join(root, 'policies/examples/acme');
export const conformance = (name) => path.join(root, 'policies/conformance', name);
export const read = (name) => readFileSync(conformance(name), 'utf8');
export const lines = (name) => read(name).split('\n').filter(Boolean);
export const themes = () => readdirSync(conformance('cases')).map((file) => file.replace('.jsonl', ''));
export const bundle = (name) => read(`bundles/${name}.json`);

export const NOW = '2026-11-20T10:00:00Z';
export const alice = { user: 'alice', client: 'cc' };

/** A small company: reads run, writes ask the user, large amounts the manager. */
export const sources = () => ({
  policies: {
    'all.cedar': `
      @id("reads") permit (principal, action in Toolgate::Action::"read", resource)
      when { principal in resource.entitlements };
      @id("writes") @valid_for("1h") @reuse("tool")
      permit (principal, action in Toolgate::Action::"write", resource)
      when { principal in resource.entitlements && context.approval.self };
      @id("exact") forbid (principal, action == Toolgate::Action::"crm/pay", resource)
      when { context.input.amount == 9007199254740993 };
    `,
  },
  catalog: {
    crm: [
      { name: 'find', inputSchema: { type: 'object', properties: { query: { type: 'string' } } }, annotations: { readOnlyHint: true } },
      {
        name: 'pay',
        inputSchema: { type: 'object', properties: { amount: { type: 'integer' } }, required: ['amount'] },
        annotations: { readOnlyHint: false, destructiveHint: false },
      },
      // any arguments, and a yes is needed: its request has the digest of them
      { name: 'free', inputSchema: { type: 'object' }, annotations: { readOnlyHint: false, destructiveHint: false } },
    ],
  },
  overlay: `
    [tenant]
    guidance = { message = "Ask the IT desk", url = "https://help.example/" }
    [servers.crm]
    trusted = true
    default_state = "approved"
    [[servers.crm.rules]]
    tools = ["*"]
    entitlements = ["crm:use"]
  `,
  snapshot: {
    version: 7,
    issued_at: '2026-11-20T09:00:00Z',
    max_age: 'PT24H',
    users: [{ id: 'alice', active: true }],
    clients: [{ id: 'cc', kind: 'personal', state: 'active' }],
    grants: [{ id: 'g', to: { user: 'alice' }, entitlement: 'crm:use' }],
  },
});

export const find = (query = 'acme') => ({ subject: alice, tool: 'crm/find', arguments: { query }, now: NOW });
export const pay = (amount) => ({ subject: alice, tool: 'crm/pay', arguments: { amount }, now: NOW });
