// Written by hand and checked by `test/types.ts`; `test/shapes.test.mjs` holds every answer of the engine against it.

/** An instant: a `Date`, or RFC 3339 text such as `2026-11-20T10:00:00Z`. */
export type Time = Date | string;

/**
 * What stands for JSON. A BigInt is the integer it is, a `Date` its RFC 3339 text. Everything else that is no JSON throws
 * a {@link CallError}: NaN, `undefined`, a Map, an instance of a class, a list with holes, an integer beyond 2^53 that
 * JavaScript may have rounded, something that contains itself.
 */
export type Json = string | number | boolean | bigint | null | Date | readonly Json[] | { readonly [key: string]: Json };

/** An agent: a user working through a client. */
export interface Agent {
  readonly user: string;
  readonly client: string;
  readonly service_principal?: undefined;
}

/** An autonomous agent with an owner. */
export interface ServicePrincipal {
  readonly service_principal: string;
  readonly user?: undefined;
  readonly client?: undefined;
}

export type Subject = Agent | ServicePrincipal;

/** What the host knows of a session. Of what is absent, the worst is assumed. */
export interface Session {
  readonly id?: string | null | undefined;
  /** Calls run so far. */
  readonly calls?: number | bigint | null | undefined;
  /** What has flowed into the session: the `gains_labels` of every call that was run. */
  readonly labels?: readonly string[] | null | undefined;
  /** When the user last authenticated. */
  readonly authenticated_at?: Time | null | undefined;
  /** The authentication context class. */
  readonly acr?: string | null | undefined;
  /** How calls reach the host. */
  readonly channel?: string | null | undefined;
}

/** A `file:` `URL`. */
export interface FileUrl {
  readonly href: string;
  readonly protocol: string;
}

/** One call to decide. */
export interface Call {
  readonly subject: Subject;
  /** `server/name`. */
  readonly tool: string;
  /** An object, or the JSON text of one, which reaches the engine as it is. Absent: none. */
  readonly arguments?: { readonly [name: string]: Json } | string | undefined;
  readonly session?: Session | undefined;
  /** The time of the decision. The engine has no clock. */
  readonly now: Time;
}

/** A call: an object, its JSON text, or the bytes of that. */
export type CallInput = Call | string | Uint8Array;

/** What is to happen with a call. */
export type Outcome = 'auto_approve' | 'self_approve' | 'manager_approve' | 'deny' | 'ticket_fallback';

/** Why a call may run. */
export type AllowedReason = 'allowed_held' | 'allowed_by_approval';
/** Why a human must say yes to a call. */
export type ApprovalReason = 'approval_required' | 'approval_expired' | 'out_of_scope' | 'approval_unverifiable';
/** Why a call is denied. */
export type DenyReason =
  | 'policy_denied'
  | 'step_up_required'
  | 'grant_pending'
  | 'subject_unknown'
  | 'subject_inactive'
  | 'client_not_allowed'
  | 'owner_inactive'
  | 'kill_switch_active'
  | 'server_paused'
  | 'tool_unknown'
  | 'tool_not_approved'
  | 'tool_definition_changed'
  | 'argument_invalid'
  | 'snapshot_stale'
  | 'evaluation_error'
  | 'limit_exceeded'
  | 'invalid_request';
/** Why a call ends with a ticket. */
export type TicketReason = 'ineligible' | 'agent_not_entitled' | 'approver_unresolved';
/** Why a token, or a scope of it, is refused. */
export type TokenReason =
  | 'unknown_scope'
  | 'scope_not_enabled'
  | 'no_grant'
  | 'target_not_registered'
  | 'audience_is_issuer';
/** Every reason there is. */
export type Reason =
  | AllowedReason
  | ApprovalReason
  | 'not_held_requestable'
  | DenyReason
  | TicketReason
  | TokenReason;

export type Operation = 'read' | 'write' | 'delete';

/** What a yes covers. `call` is the `binding` of one call. */
export type Scope =
  | { readonly call: string }
  | { readonly tool: string }
  | { readonly operation: Operation; readonly server: string }
  | { readonly server: string };

/** A policy that made the difference. */
export interface DeterminingPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly description: string | null;
}

/** Whom to ask for a yes to this call, and what to record when it is given. */
export interface ApprovalRequest {
  /** The `kind` of the approval to record. */
  readonly kind: 'self' | 'manager';
  /** Users who may say yes; one is enough. */
  readonly approvers: readonly string[];
  readonly subject: Agent | ServicePrincipal;
  readonly scope: Scope;
  /** ISO 8601, such as `PT1H`; null: good for this call only. */
  readonly valid_for: string | null;
  /** `sha256:…` of exactly this call. */
  readonly binding: string;
}

interface AccessRequestBase {
  /** Users who may agree; one is enough. Empty for `auto`. */
  readonly approvers: readonly string[];
  /** The longest the grant may last, ISO 8601. */
  readonly max_duration: string | null;
}

/** What to ask for so that the agent holds what it needs: an entitlement or a profile. */
export type AccessRequest<A extends 'auto' | 'self' | 'manager' = 'auto' | 'self' | 'manager'> = AccessRequestBase & {
  /** Who must agree. */
  readonly approval: A;
} & (
    | { readonly entitlement: string; readonly profile?: undefined }
    | { readonly profile: string; readonly entitlement?: undefined }
  );

/** Help written by the administrator. */
export interface Guidance {
  readonly message: string;
  readonly url: string | null;
}

/** What the user must do about their own session first. */
export interface StepUp {
  readonly remedy: string;
  readonly acr_values: readonly string[];
  /** ISO 8601. */
  readonly max_age: string | null;
}

/** The credential to run a call with: a name, never a secret. */
export interface Credential {
  readonly mode: 'shared' | 'personal' | 'none';
  readonly ref: string | null;
}

/** What every decision has. */
interface DecisionBase {
  /** Whether the call may run now. The only question for a host that cannot ask and request. */
  readonly allowed: boolean;
  /** More on the reason, for the record; never for the agent. */
  readonly detail: string | null;
  /** The policies that made the difference. */
  readonly policies: readonly DeterminingPolicy[];
  /** The first instant at which time alone could change this answer. */
  readonly valid_until: string | null;
  /** The same as a `Date`, made anew each time. */
  readonly validUntil: Date | null;
  /** One sentence for the agent. */
  readonly agent_message: string;
  /** The digest of everything the engine was built from. */
  readonly engine: string;
  /** The version of the snapshot decided on; a BigInt beyond 2^53. */
  readonly snapshot_version: number | bigint;
}

/** What a call has that runs now, or after a yes. */
interface MayRun extends DecisionBase {
  readonly detail: null;
  readonly guidance: null;
  readonly step_up: null;
  readonly credential: Credential | null;
  /** What the host must know how to do; one it does not know means: do not run. */
  readonly obligations: readonly string[];
  /** What the session's labels grow by if the call is run. */
  readonly gains_labels: readonly string[];
}

/** A refusal offers nothing. */
interface Refusal extends DecisionBase {
  readonly allowed: false;
  readonly approval_request: null;
  readonly access_request: null;
  readonly guidance: Guidance | null;
  readonly credential: null;
  readonly obligations: readonly never[];
  readonly gains_labels: readonly never[];
}

/** The call runs. */
export interface Allowed extends MayRun {
  readonly outcome: 'auto_approve';
  readonly allowed: true;
  readonly reason: AllowedReason;
  readonly approval_request: null;
  readonly access_request: null;
}

/** The call runs once access has been requested; nobody has to agree. */
export interface AutoAccess extends MayRun {
  readonly outcome: 'auto_approve';
  readonly allowed: false;
  readonly reason: 'not_held_requestable';
  readonly approval_request: null;
  readonly access_request: AccessRequest<'auto'>;
}

/** A human must say yes to the call. With an access request, which nobody has to agree to, file that first. */
export interface AsksApproval<O extends 'self_approve' | 'manager_approve', K extends 'self' | 'manager'> extends MayRun {
  readonly outcome: O;
  readonly allowed: false;
  readonly reason: ApprovalReason | 'not_held_requestable';
  readonly approval_request: ApprovalRequest & { readonly kind: K };
  readonly access_request: AccessRequest<'auto'> | null;
}

/** A human must agree to the agent's access. */
export interface AsksAccess<O extends 'self_approve' | 'manager_approve', K extends 'self' | 'manager'> extends MayRun {
  readonly outcome: O;
  readonly allowed: false;
  readonly reason: 'not_held_requestable';
  readonly approval_request: null;
  readonly access_request: AccessRequest<K>;
}

/** Run it, or file the access request and then run it. */
export type AutoApprove = Allowed | AutoAccess;
/** Ask the user (a service principal's owner), then decide again. */
export type SelfApprove = AsksApproval<'self_approve', 'self'> | AsksAccess<'self_approve', 'self'>;
/** Ask the approvers named in the request, then decide again. */
export type ManagerApprove = AsksApproval<'manager_approve', 'manager'> | AsksAccess<'manager_approve', 'manager'>;
/** Refuse it. */
export type Deny = Refusal & { readonly outcome: 'deny' } & (
    | { readonly reason: 'step_up_required'; readonly step_up: StepUp }
    | { readonly reason: Exclude<DenyReason, 'step_up_required'>; readonly step_up: null }
  );
/** Refuse it and say where a human can help. */
export interface TicketFallback extends Refusal {
  readonly outcome: 'ticket_fallback';
  readonly reason: TicketReason;
  readonly step_up: null;
}

/** The answer to a call, frozen to its depth. Narrow it by `outcome` or by `allowed`. */
export type Decision = AutoApprove | SelfApprove | ManagerApprove | Deny | TicketFallback;

export type Visibility = 'callable' | 'needs_approval' | 'requestable' | 'hidden';

/** Who looks at the tools. */
export interface Viewer {
  readonly subject: Subject;
  readonly session?: Session | undefined;
  readonly now: Time;
}

/** The best that some arguments could reach on a tool. Leave hidden ones out of a list. */
export interface VisibleTool {
  readonly tool: string;
  readonly visibility: Visibility;
}

/** A request for a short-lived token, after the host has verified who asks. */
export interface TokenRequest {
  readonly subject: Subject;
  /** The issuer of the server's authorization server. */
  readonly audience: string;
  /** The server's resource identifier. */
  readonly resource?: string | null | undefined;
  /** Separated by spaces; absent: every enabled one that is held. */
  readonly scope?: string | null | undefined;
  readonly session?: Session | undefined;
  readonly now: Time;
}

export interface TokenClaims {
  readonly aud: string;
  readonly resource: string | null;
  readonly scope: string;
  /** Seconds from `now`. */
  readonly expires_in: number;
}

/** Which scopes a token may carry. Without claims there is to be no token. */
export interface TokenDecision {
  readonly granted: readonly string[];
  readonly refused: readonly { readonly scope: string; readonly reason: Reason; readonly detail: string }[];
  readonly claims: TokenClaims | null;
  readonly reason: Reason;
  readonly detail: string | null;
  readonly policies: readonly DeterminingPolicy[];
  readonly obligations: readonly string[];
  readonly gains_labels: readonly string[];
  readonly engine: string;
  readonly snapshot_version: number | bigint;
}

interface Requestable {
  readonly id: string;
  readonly owners?: readonly string[];
  readonly requestable_by?: readonly string[];
  readonly request_approval?: 'auto' | 'self' | 'manager';
  readonly max_duration?: string | null;
}

export type Holder =
  | { readonly user: string; readonly client?: string }
  | { readonly group: string }
  | { readonly service_principal: string };

/** Who holds what, from (included) until (excluded). */
export type Grant = {
  readonly id: string;
  readonly to: Holder;
  readonly from?: Time | null;
  readonly until?: Time | null;
} & ({ readonly entitlement: string } | { readonly profile: string });

/** A recorded human yes. */
export interface Approval {
  readonly id: string;
  readonly kind: 'self' | 'manager';
  readonly by: string;
  readonly subject: Subject;
  readonly scope: Scope;
  readonly from: Time;
  readonly until: Time;
}

/** People, agents, what they hold and what was approved, at one version. */
export interface Snapshot {
  readonly version: number | bigint;
  readonly issued_at: Time;
  /** ISO 8601, such as `PT24H`. */
  readonly max_age: string;
  readonly users?: readonly {
    readonly id: string;
    readonly active: boolean;
    readonly manager?: string | null;
    readonly groups?: readonly string[];
    readonly entitlements?: readonly string[];
  }[];
  readonly groups?: readonly { readonly id: string; readonly parents?: readonly string[] }[];
  readonly clients?: readonly {
    readonly id: string;
    readonly kind: 'personal' | 'shared' | 'service' | 'ephemeral';
    readonly state: 'active' | 'hidden' | 'closed' | 'deleted';
  }[];
  readonly service_principals?: readonly {
    readonly id: string;
    readonly active: boolean;
    readonly owner: string;
    readonly manager?: string | null;
    readonly groups?: readonly string[];
  }[];
  readonly entitlements?: readonly Requestable[];
  readonly profiles?: readonly (Requestable & { readonly entitlements: readonly string[] })[];
  readonly grants?: readonly Grant[];
  readonly approvals?: readonly Approval[];
  readonly kill_switches?: {
    readonly tenant?: boolean;
    readonly servers?: readonly string[];
    readonly tools?: readonly string[];
    readonly clients?: readonly string[];
  };
}

/** What changed since a snapshot. What is revoked goes first. */
export interface Delta {
  /** Greater than that of the snapshot it changes. */
  readonly version: number | bigint;
  readonly issued_at: Time;
  readonly grants?: { readonly add?: readonly Grant[]; readonly revoke?: readonly string[] } | undefined;
  readonly approvals?: { readonly add?: readonly Approval[]; readonly revoke?: readonly string[] } | undefined;
}

/** How much input is accepted. See `Limits` of the Rust crate for what each means and the default. */
export interface Limits {
  readonly call_bytes?: number;
  readonly call_nodes?: number;
  readonly string_bytes?: number;
  readonly depth?: number;
  readonly policy_bytes?: number;
  readonly policy_file_bytes?: number;
  readonly catalog_bytes?: number;
  readonly catalog_nodes?: number;
  readonly schema_nodes?: number;
  readonly snapshot_bytes?: number;
  readonly snapshot_lines_bytes?: number;
  readonly snapshot_nodes?: number;
  readonly group_depth?: number;
  readonly name_bytes?: number;
}

interface SourcesBase {
  /** Cedar: a text, several, or texts by file name. */
  readonly policies: string | readonly string[] | { readonly [file: string]: string };
  /** By server id what the server answers to `tools/list`, or the text of it. */
  readonly catalog?: { readonly [server: string]: unknown };
  /** The text of `catalog.toml`. Without it no tool is approved. */
  readonly overlay?: string;
}

/** The sources of one engine. */
export type Sources = SourcesBase & { readonly limits?: Limits } & (
    | { readonly snapshot: Snapshot | string; readonly snapshot_lines?: never }
    | { readonly snapshot_lines: string; readonly snapshot?: never }
  );

/** The sources of an engine that keeps the limits of another. */
export type ReloadSources = Sources & { readonly limits?: never };

/** What loading found that is no error. */
export interface Report {
  readonly tools: readonly {
    readonly tool: string;
    readonly typing: 'full' | 'partial' | 'untyped';
    readonly notes: readonly { readonly pointer: string; readonly left_out: boolean; readonly reason: string }[];
  }[];
  readonly findings: readonly { readonly kind: string; readonly about: string | null; readonly message: string }[];
}

/** What an engine answers. A call that cannot be read is a denial; a value that stands for no JSON throws. */
interface Decides {
  /**
   * Decides one call.
   *
   * @throws {CallError} if a value stands for no JSON. Nothing was decided, so nothing may run.
   */
  decide(call: CallInput): Decision;

  /** The same as JSON text: the bytes that every language's toolgate gives. */
  decideJson(call: CallInput): string;

  /**
   * Decides many calls off the event loop, in their order. On so many threads at most; 0 = all there are.
   */
  decideMany(calls: Iterable<CallInput>, options?: { readonly threads?: number }): Promise<readonly Decision[]>;

  /** What a subject sees of every tool. */
  visibleTools(viewer: Viewer | string): readonly VisibleTool[];

  /** Decides which scopes a token may carry. */
  decideToken(request: TokenRequest | string): TokenDecision;
}

/** Policies, catalog and snapshot, compiled. Never changes. Each worker thread loads its own. */
export class Engine {
  /**
   * Loads sources: an object, or the JSON text of one.
   *
   * @throws {LoadError} with every fault that was found
   */
  constructor(sources: Sources | string);
  /** The same off the event loop. */
  static load(sources: Sources | string): Promise<Engine>;
  /** Loads the folder of a bundle, which has a `toolgate.toml`. */
  static fromBundle(path: string | FileUrl): Engine;
  /** The same off the event loop. */
  static loadBundle(path: string | FileUrl): Promise<Engine>;
  /** Loads other sources in this one's place, off the event loop, with the same limits; quicker where little changed. */
  reload(sources: ReloadSources | string): Promise<Engine>;
  /** The same engine after grants and approvals were added and revoked. */
  withDelta(delta: Delta | string): Engine;

  /** The digest of everything the engine was built from; every decision names it. */
  readonly digest: string;
  /** A BigInt beyond 2^53. */
  readonly snapshotVersion: number | bigint;
  /** Sorted. */
  readonly policyIds: readonly string[];
  readonly report: Report;
  /** The Cedar schema that policies are checked against. */
  readonly schema: string;
}
export interface Engine extends Decides {}

/** The engine in use, swapped whole: a swap counts from the next decision on, and never goes to an older snapshot. */
export class Live {
  constructor(engine: Engine);
  /** The engine in use at the moment. */
  readonly engine: Engine;
  /** Puts another engine in its place. */
  swap(engine: Engine): void;
  /** Adds and revokes grants and approvals. */
  apply(delta: Delta | string): void;
}
export interface Live extends Decides {}

/** One thing that is wrong: what, where, and what to do. */
export interface Fault {
  /** Stable `snake_case`. */
  readonly code: string;
  readonly message: string;
  readonly help: string;
  readonly file: string | null;
  /** JSON pointer of the value. */
  readonly pointer: string | null;
  readonly line: number | null;
  readonly column: number | null;
  /** All of it on one line. */
  readonly text: string;
}

/** The base of all that toolgate throws. Whatever it is, nothing was decided, so nothing may run. */
export class ToolgateError extends Error {
  protected constructor();
  /** That of the first of `errors`. */
  readonly code: string;
  /** At least one. */
  readonly errors: readonly Fault[];
}

/** Sources, a change or a request that are refused; whatever was in use stays in use. */
export class LoadError extends ToolgateError {
  protected constructor();
}

/** A JavaScript value that stands for no JSON. `errors[0].pointer` says where it is. */
export class CallError extends ToolgateError {
  protected constructor();
}

/** A fault of toolgate's own. The engine can be used on. */
export class InternalError extends ToolgateError {
  protected constructor();
}

export const outcomes: readonly Outcome[];
export const reasons: readonly Reason[];
export const visibilities: readonly Visibility[];
