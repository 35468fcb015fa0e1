// Checked by tsc, never run: what the types promise, and what they refuse.

import {
  CallError,
  Engine,
  type AccessRequest,
  type ApprovalRequest,
  type Call,
  type Decision,
  type Deny,
  type Guidance,
  LoadError,
  Live,
  type Outcome,
  type Reason,
  ToolgateError,
  outcomes,
} from 'toolgate';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => undefined;

declare const engine: Engine;
const now = new Date();
const subject = { user: 'alice', client: 'claude-code' };

// calls
const call: Call = { subject, tool: 'crm/pay', arguments: { amount: 9007199254740993n, at: now, list: [1, null, 'x'] }, now };
engine.decide(call);
engine.decide({ ...call, session: undefined, arguments: '{"amount":1}', now: '2026-11-20T10:00:00Z' });
engine.decide({ subject: { service_principal: 'bot' }, tool: 'crm/pay', now });
engine.decide('{}');
engine.decide(new Uint8Array());
// @ts-expect-error the time is the host's to give
engine.decide({ subject, tool: 'crm/pay' });
// @ts-expect-error an agent has a client
engine.decide({ ...call, subject: { user: 'alice' } });
// @ts-expect-error one or the other
engine.decide({ ...call, subject: { user: 'alice', client: 'cc', service_principal: 'bot' } });
// @ts-expect-error unknown member
engine.decide({ ...call, sesion: {} });
// @ts-expect-error a Map is no JSON
engine.decide({ ...call, arguments: { value: new Map() } });
// @ts-expect-error a function is no JSON
engine.decide({ ...call, arguments: { value: () => 1 } });
// @ts-expect-error arguments are an object
engine.decide({ ...call, arguments: [1] });
// @ts-expect-error a clock reading is no instant
engine.decide({ ...call, now: Date.now() });

// decisions: narrowed by the outcome
declare const decision: Decision;
holds<Equal<Decision['outcome'], Outcome>>();
switch (decision.outcome) {
  case 'auto_approve': {
    holds<Equal<typeof decision.approval_request, null>>();
    holds<Equal<typeof decision.guidance, null>>();
    if (decision.access_request === null) {
      holds<Equal<typeof decision.reason, 'allowed_held' | 'allowed_by_approval'>>();
      holds<Equal<typeof decision.allowed, true>>();
    } else {
      holds<Equal<typeof decision.access_request.approval, 'auto'>>();
      holds<Equal<typeof decision.allowed, false>>();
    }
    break;
  }
  case 'self_approve':
  case 'manager_approve': {
    holds<Equal<typeof decision.allowed, false>>();
    if (decision.approval_request === null) {
      const { approvers }: AccessRequest = decision.access_request;
      void approvers;
    } else {
      const { binding, scope }: ApprovalRequest = decision.approval_request;
      void binding;
      if ('tool' in scope) scope.tool satisfies string;
    }
    break;
  }
  case 'deny': {
    decision satisfies Deny;
    const guidance: Guidance | null = decision.guidance;
    void guidance;
    if (decision.reason === 'step_up_required') decision.step_up.acr_values satisfies readonly string[];
    else holds<Equal<typeof decision.step_up, null>>();
    holds<Equal<typeof decision.credential, null>>();
    break;
  }
  case 'ticket_fallback': {
    holds<Equal<typeof decision.reason, 'ineligible' | 'agent_not_entitled' | 'approver_unresolved'>>();
    break;
  }
  default:
    decision satisfies never;
}
if (decision.allowed) {
  holds<Equal<typeof decision.outcome, 'auto_approve'>>();
  holds<Equal<typeof decision.access_request, null>>();
}
// @ts-expect-error frozen
decision.outcome = 'auto_approve';
// @ts-expect-error frozen to its depth
decision.policies.push({ id: 'x', effect: 'permit', description: null });
// @ts-expect-error no such outcome
if (decision.outcome === 'allow') void 0;
// @ts-expect-error only some decisions have it
void decision.approval_request.binding;
// @ts-expect-error a version may be a BigInt
decision.snapshot_version satisfies number;

// engines
const source = { policies: 'permit (principal, action, resource);', snapshot: '{}' };
new Engine(source);
new Engine({ ...source, policies: { 'a.cedar': '' }, catalog: { crm: { tools: [] } }, limits: { depth: 16 } });
new Engine({ policies: [''], snapshot_lines: '' });
// @ts-expect-error no snapshot
new Engine({ policies: '' });
// @ts-expect-error which one counts?
new Engine({ ...source, snapshot_lines: '' });
// @ts-expect-error no such limit
new Engine({ ...source, limits: { bytes: 1 } });
// @ts-expect-error keeps its limits
engine.reload({ ...source, limits: { depth: 1 } });
new Engine({
  policies: '',
  snapshot: {
    version: 1,
    issued_at: now,
    max_age: 'PT24H',
    users: [{ id: 'alice', active: true }],
    clients: [{ id: 'cc', kind: 'personal', state: 'active' }],
    grants: [{ id: 'g', to: { user: 'alice' }, entitlement: 'crm:use', until: now }],
    approvals: [{ id: 'a', kind: 'self', by: 'alice', subject, scope: { tool: 'crm/pay' }, from: now, until: now }],
  },
});
Engine.load(source) satisfies Promise<Engine>;
Engine.fromBundle('acme') satisfies Engine;
Engine.loadBundle({ href: 'file:///acme', protocol: 'file:' }) satisfies Promise<Engine>;
engine.decideJson(call) satisfies string;
engine.decideMany(new Set([call, '{}', new Uint8Array()]), { threads: 2 }) satisfies Promise<readonly Decision[]>;
engine.visibleTools({ subject, now }).filter(({ visibility }) => visibility !== 'hidden');
engine.decideToken({ subject, audience: 'https://a.example/', now }).claims?.expires_in satisfies number | undefined;
engine.withDelta({ version: 2n, issued_at: now, grants: { revoke: ['g'] } }) satisfies Engine;
// @ts-expect-error an engine does not change
engine.apply({ version: 2, issued_at: now });
const live = new Live(engine);
live.apply({ version: 2, issued_at: now, approvals: { add: [] } });
live.swap(engine) satisfies void;
live.decide(call) satisfies Decision;
// @ts-expect-error not another Live
live.swap(live);
holds<Equal<(typeof outcomes)[number], Outcome>>();

// errors
declare const error: unknown;
if (error instanceof LoadError) error.errors[0]?.pointer satisfies string | null | undefined;
if (error instanceof CallError) error satisfies ToolgateError satisfies Error;
if (error instanceof ToolgateError) error.code satisfies string;
// @ts-expect-error only toolgate makes them
new LoadError();

// every reason is some decision's or some token's
type Decided = Decision['reason'];
holds<Equal<Exclude<Reason, Decided>, 'unknown_scope' | 'scope_not_enabled' | 'no_grant' | 'target_not_registered' | 'audience_is_issuer'>>();
