// One company for all contestants: the same policies, and the same people as a snapshot and as Cedar's entities.

export const NOW = '2026-11-20T10:00:00Z';
const TOOLS = 100;
const USERS = 30;
const CLIENTS = 2;

const tools = Array.from({ length: TOOLS }, (_, number) => ({
  server: `s${number % 5}`,
  name: `tool${number}`,
  id: `s${number % 5}/tool${number}`,
  operation: ['read', 'write'][number % 2],
  entitlement: `e${number % 10}`,
}));
const held = (user) => Array.from({ length: 5 }, (_, number) => `e${(user + number) % 10}`);

/** Ten policies that every company has, then limits on one tool each. */
export function policies(count) {
  const general = [
    'permit (principal, action in Toolgate::Action::"read", resource) when { principal in resource.entitlements };',
    'permit (principal, action in Toolgate::Action::"write", resource) when { principal in resource.entitlements && context.input.amount <= 1000 };',
    '@valid_for("1h") @reuse("tool") permit (principal, action in Toolgate::Action::"write", resource) when { principal in resource.entitlements && context.approval.self };',
    'forbid (principal, action in Toolgate::Action::"delete", resource);',
    'forbid (principal, action, resource) when { resource.sensitive };',
    'forbid (principal, action, resource) when { resource.labels.contains("external-sink") && context.session.labels.contains("private-data") } unless { context.approval.manager };',
    'forbid (principal is Toolgate::Agent, action in Toolgate::Action::"write", resource) when { principal.client.kind == "shared" };',
    'forbid (principal, action in Toolgate::Action::"write", resource) when { !resource.trusted } unless { context.approval.manager };',
    'forbid (principal, action in Toolgate::Action::"write", resource) when { context.session.calls > 1000 } unless { context.approval.self };',
    'forbid (principal, action in Toolgate::Action::"write", resource) when { context.input.note like "*password*" };',
  ];
  const own = Array.from({ length: Math.max(0, count - general.length) }, (_, number) => {
    const tool = tools[number % TOOLS];
    return `forbid (principal, action == Toolgate::Action::"${tool.id}", resource) when { context.input.amount == ${50_000 + number} } unless { context.approval.manager };`;
  });
  return [...general, ...own].slice(0, count).map((policy, number) => `@id("p${number}") ${policy}`);
}

export function sources(count) {
  const catalog = {};
  for (const { server, name, operation } of tools) {
    const inputSchema = {
      type: 'object',
      properties: { amount: { type: 'integer' }, note: { type: 'string' }, tags: { type: 'array', items: { type: 'string' } } },
      required: ['amount', 'note'],
    };
    const annotations = { readOnlyHint: operation === 'read', destructiveHint: false };
    (catalog[server] ??= []).push({ name, inputSchema, annotations });
  }
  let overlay = '';
  for (const server of Object.keys(catalog)) {
    overlay += `[servers.${server}]\ntrusted = true\ndefault_state = "approved"\n`;
    for (const tool of tools.filter((tool) => tool.server === server)) {
      overlay += `[[servers.${server}.rules]]\ntools = ["${tool.name}"]\nentitlements = ["${tool.entitlement}"]\n`;
    }
  }
  const users = Array.from({ length: USERS }, (_, user) => user);
  return {
    policies: policies(count),
    catalog,
    overlay,
    snapshot: {
      version: 1,
      issued_at: '2026-11-20T09:00:00Z',
      max_age: 'PT24H',
      users: users.map((user) => ({ id: `u${user}`, active: true, groups: ['staff'] })),
      groups: [{ id: 'staff' }],
      clients: Array.from({ length: CLIENTS }, (_, client) => ({ id: `c${client}`, kind: 'personal', state: 'active' })),
      grants: users.flatMap((user) => held(user).map((entitlement) => ({ id: `${user}-${entitlement}`, to: { user: `u${user}` }, entitlement }))),
    },
  };
}

/** Calls of which about half may run. */
export function calls(count) {
  return Array.from({ length: count }, (_, number) => ({
    subject: { user: `u${(number * 7) % USERS}`, client: `c${number % CLIENTS}` },
    tool: tools[(number * 13) % TOOLS].id,
    arguments: { amount: (number * 37) % 2_000, note: `order ${number} for the warehouse in Bergen`, tags: ['new', 'checked'] },
    session: { id: `s-${number}`, calls: number % 50, labels: [] },
    now: NOW,
  }));
}

const uid = (type, id) => ({ type: `Toolgate::${type}`, id });
const ref = (type, id) => ({ __entity: uid(type, id) });
const entity = (type, id, attrs = {}, parents = []) => ({ uid: uid(type, id), attrs, parents });
const agent = (user, client) =>
  entity('Agent', `u${user}#c${client}`, { user: ref('User', `u${user}`), client: ref('Client', `c${client}`) }, [
    ...held(user).map((id) => uid('Entitlement', id)),
    uid('Group', 'staff'),
  ]);
const ofTool = (tool) => [
  entity('Tool', tool.id, { entitlements: [ref('Entitlement', tool.entitlement)], labels: [], sensitive: false, trusted: true }, [uid('Server', tool.server)]),
  entity('Action', tool.id, {}, [uid('Action', tool.operation)]),
];
const ofClient = (client) => entity('Client', `c${client}`, { kind: 'personal' });

/** Everything that the snapshot and the catalog say, as Cedar's entities. */
export const everyone = [
  ...tools.flatMap(ofTool),
  ...Array.from({ length: USERS * CLIENTS }, (_, number) => agent(Math.floor(number / CLIENTS), number % CLIENTS)),
  ...Array.from({ length: CLIENTS }, (_, client) => ofClient(client)),
];

/** A call as Cedar's question, with all of the entities or those that it needs. */
export function question({ subject, tool, arguments: input, session }, all) {
  const [user, client] = [Number(subject.user.slice(1)), Number(subject.client.slice(1))];
  return {
    principal: uid('Agent', `${subject.user}#${subject.client}`),
    action: uid('Action', tool),
    resource: uid('Tool', tool),
    context: { input, approval: { self: false, manager: false }, session: { calls: session.calls, labels: session.labels } },
    entities: all ? everyone : [...ofTool(tools.find(({ id }) => id === tool)), agent(user, client), ofClient(client)],
  };
}
