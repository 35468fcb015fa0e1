// Compiled, never run: what is to be an error is marked, and an error where none is marked fails as well.
import { Engine, Live, LoadError, ToolgateError, init, outcomes, type Call, type Decision, type Outcome } from 'toolgate-wasm';

const call: Call = {
  subject: { user: 'alice', client: 'cc' },
  tool: 'crm/find',
  arguments: { query: 'acme', limit: 10n, since: new Date() },
  session: { labels: ['private-data'], calls: 3 },
  now: new Date(),
};

function handle(decision: Decision): string {
  switch (decision.outcome) {
    case 'auto_approve':
      if (decision.allowed) return decision.credential?.mode ?? 'none';
      return decision.access_request.approval satisfies 'auto';
    case 'self_approve':
    case 'manager_approve':
      if (decision.approval_request !== null) return decision.approval_request.approvers.join();
      return decision.access_request.approvers.join();
    case 'deny':
      return decision.step_up?.remedy ?? decision.reason;
    case 'ticket_fallback':
      return decision.guidance?.message ?? '';
    default:
      return decision satisfies never;
  }
}

export async function use(): Promise<void> {
  await init();
  await init('https://example.com/toolgate.wasm');
  await init(new Uint8Array());
  using engine = await Engine.load({ policies: ['permit (principal, action, resource);'], snapshot: '{}' });
  handle(engine.decide(call));
  const text: string = engine.decideJson(JSON.stringify(call));
  const many: readonly Decision[] = await engine.decideMany([call, text, new Uint8Array()]);
  const live = new Live(engine);
  live.apply({ version: 2n, issued_at: new Date(), grants: { revoke: ['g'] } });
  live.swap(engine.withDelta({ version: 3, issued_at: 'x' }));
  live.free();
  const all: readonly Outcome[] = outcomes;
  for (const shown of engine.visibleTools({ subject: call.subject, now: call.now })) shown.visibility satisfies string;
  engine.decideToken({ subject: call.subject, audience: 'x', now: 'y' }).claims?.expires_in.toFixed();
  try {
    new Engine('');
  } catch (error) {
    if (error instanceof LoadError) error.errors[0]?.pointer?.length;
    if (error instanceof ToolgateError) error.code.length;
  }
  void many;
  void all;

  // @ts-expect-error there are no files here
  Engine.fromBundle('acme');
  // @ts-expect-error an agent has a client
  engine.decide({ ...call, subject: { user: 'alice' } });
  // @ts-expect-error the engine has no clock
  engine.decide({ subject: call.subject, tool: 'crm/find' });
  // @ts-expect-error a misspelt member
  engine.decide({ ...call, args: {} });
  // @ts-expect-error a decision is not to be changed
  engine.decide(call).outcome = 'auto_approve';
  // @ts-expect-error a denial offers nothing
  if (engine.decide(call).outcome === 'deny') engine.decide(call).access_request.approval;
  // @ts-expect-error limits stay
  void engine.reload({ policies: '', snapshot: '', limits: {} });
}
