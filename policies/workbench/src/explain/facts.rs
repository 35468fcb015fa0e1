//! The facts that a decision rests on, in sentences: people, clients, the tool, what is held and what could be.

use std::collections::BTreeSet;

use serde::Serialize;
use toolgate::facts::{ClientState, Granted, Holder, OperationSource, RequestApproval, Snapshot, ToolState};
use toolgate::trace::{Consultation, Standing, Trace, Truth};
use toolgate::{Call, Decision, Effect, Engine, Instant, Operation, Reason, Subject};

use super::{asked_policies, standing};

/// The tool that was called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolFact {
    /// What it does to the world.
    pub operation: Operation,
    /// Who says so.
    pub operation_source: OperationSource,
    /// Whether it may be used at all.
    pub state: ToolState,
    /// What running it brings into a session, or can do to one.
    pub labels: Vec<String>,
    /// Whether it handles sensitive data.
    pub sensitive: bool,
    /// The entitlements that unlock it: any of them.
    pub entitlements: Vec<EntitlementFact>,
}

/// An entitlement that unlocks the tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntitlementFact {
    /// Its id.
    pub id: String,
    /// What the subject has to do with it.
    pub relation: Relation,
    /// Who must agree to a request, if it can be requested.
    pub request_approval: Option<RequestApproval>,
    /// The groups whose members may request it.
    pub requestable_by: Vec<String>,
    /// Through what it may be requested, if not by itself: a profile.
    pub profile: Option<String>,
    /// When a grant begins that is made already.
    pub from: Option<Instant>,
}

/// What a subject has to do with an entitlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The agent holds it.
    Held,
    /// It is granted, from a later instant on.
    Pending,
    /// The agent does not hold it, and it may be asked for.
    Requestable,
    /// The agent does not hold it and may not ask for it.
    Ineligible,
    /// Nobody can say: the call was refused before.
    Unknown,
}

/// The tool, if there is one.
pub(super) fn tool(
    engine: &Engine,
    snapshot: &Snapshot,
    call: &Call,
    consultation: Option<&Consultation>,
) -> Option<ToolFact> {
    let tool = engine.catalog().tools.get(&call.tool)?;
    let groups = groups(snapshot, &call.subject);
    let may = |by: &[String]| by.iter().any(|group| group == "*" || groups.contains(group.as_str()));
    let entitlement = |id: &String| {
        let defined = snapshot.entitlements.iter().find(|entitlement| entitlement.id == *id);
        let own = defined.filter(|entitlement| may(&entitlement.requestable_by));
        let profiles = snapshot.profiles.iter().filter(|profile| profile.entitlements.contains(id));
        let profile = profiles.clone().find(|profile| may(&profile.requestable_by));
        let from = pending(snapshot, call, id);
        let relation = match consultation {
            None => Relation::Unknown,
            Some(consultation) if consultation.held.contains(id) => Relation::Held,
            Some(_) if from.is_some() => Relation::Pending,
            Some(_) if own.is_some() || profile.is_some() => Relation::Requestable,
            Some(_) => Relation::Ineligible,
        };
        let requestable = relation == Relation::Requestable;
        let request = own.map(|own| own.request_approval).or(profile.map(|profile| profile.request_approval));
        EntitlementFact {
            id: id.clone(),
            relation,
            request_approval: request.filter(|_| requestable),
            requestable_by: defined.map(|entitlement| entitlement.requestable_by.clone()).unwrap_or_default(),
            profile: profile.filter(|_| requestable && own.is_none()).map(|profile| profile.id.clone()),
            from: from.filter(|_| relation == Relation::Pending),
        }
    };
    Some(ToolFact {
        operation: tool.operation,
        operation_source: tool.operation_source,
        state: tool.state,
        labels: tool.labels.clone(),
        sensitive: tool.sensitive,
        entitlements: tool.entitlements.iter().map(entitlement).collect(),
    })
}

/// When a grant of the entitlement begins that names the subject and is not begun.
fn pending(snapshot: &Snapshot, call: &Call, id: &str) -> Option<Instant> {
    let groups = groups(snapshot, &call.subject);
    let names = |holder: &Holder| match (&call.subject, holder) {
        (Subject::Agent { user, .. }, Holder::User(to)) => user == to,
        (Subject::Agent { user, client }, Holder::UserClient { user: to, client: through }) => {
            user == to && client == through
        }
        (Subject::Agent { .. }, Holder::Group(group)) => groups.contains(group.as_str()),
        (Subject::ServicePrincipal { id }, Holder::ServicePrincipal(to)) => id == to,
        _ => false,
    };
    let gives = |what: &Granted| match what {
        Granted::Entitlement(given) => given == id,
        Granted::Profile(given) => snapshot
            .profiles
            .iter()
            .any(|profile| profile.id == *given && profile.entitlements.iter().any(|one| one == id)),
    };
    let begins = snapshot.grants.iter().filter(|grant| names(&grant.to) && gives(&grant.what));
    begins.filter_map(|grant| grant.from).filter(|from| *from > call.now).min()
}

/// The groups that a subject is in, those above included.
fn groups<'s>(snapshot: &'s Snapshot, subject: &Subject) -> BTreeSet<&'s str> {
    let direct = match subject {
        Subject::Agent { user, .. } => snapshot.users.iter().find(|known| known.id == *user).map(|user| &user.groups),
        Subject::ServicePrincipal { id } => {
            snapshot.service_principals.iter().find(|known| known.id == *id).map(|principal| &principal.groups)
        }
    };
    let mut all = BTreeSet::new();
    let mut open: Vec<&str> = direct.into_iter().flatten().map(String::as_str).collect();
    while let Some(group) = open.pop() {
        if all.insert(group) {
            let above = snapshot.groups.iter().filter(|known| known.id == group).flat_map(|known| &known.parents);
            open.extend(above.map(String::as_str));
        }
    }
    all
}

/// Who calls, and what is known about them.
pub(super) fn facts(_: &Engine, snapshot: &Snapshot, call: &Call, trace: &Trace<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let user = |id: &String| {
        let Some(user) = snapshot.users.iter().find(|known| known.id == *id) else {
            return format!("the snapshot has no user `{id}`");
        };
        let active = if user.active { "active" } else { "not active" };
        let manager = user.manager.as_ref().map_or("no manager".into(), |manager| format!("manager {manager}"));
        format!("user {id}: {active}, {manager}, {}", listed("groups", &user.groups))
    };
    match &call.subject {
        Subject::Agent { user: id, client } => {
            all.push(user(id));
            all.push(match snapshot.clients.iter().find(|known| known.id == *client) {
                Some(known) => format!("client {client}: {}, {}", known.kind.as_str(), state(known.state)),
                None => format!("the snapshot has no client `{client}`"),
            });
        }
        Subject::ServicePrincipal { id } => match snapshot.service_principals.iter().find(|known| known.id == *id) {
            Some(known) => {
                let active = if known.active { "active" } else { "not active" };
                let manager = known.manager.as_ref().map_or("its owner's manager".into(), |id| format!("manager {id}"));
                let groups = listed("groups", &known.groups);
                all.push(format!("service principal {id}: {active}, owner {}, {manager}, {groups}", known.owner));
                all.push(user(&known.owner));
            }
            None => all.push(format!("the snapshot has no service principal `{id}`")),
        },
    }
    if let Some(consultation) = &trace.consultation {
        all.push(format!("the agent holds {}", listed("entitlements", &consultation.held)));
        if !consultation.profiles.is_empty() {
            all.push(format!("by the {}", listed("profiles", &consultation.profiles)));
        }
        let session = match &call.session.labels {
            Some(labels) => listed("labels", &labels.iter().cloned().collect::<Vec<_>>()),
            None => "unknown labels, which counts as all of them".into(),
        };
        all.push(format!("the session has {session}"));
    }
    all
}

fn listed(what: &str, items: &[String]) -> String {
    const MOST: usize = 12;
    if items.is_empty() {
        return format!("no {what}");
    }
    let rest = items.len().saturating_sub(MOST);
    let shown = items.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if rest > 0 { format!("{what} {shown} and {rest} more") } else { format!("{what} {shown}") }
}

fn state(state: ClientState) -> &'static str {
    match state {
        ClientState::Active => "active",
        ClientState::Hidden => "hidden (in use, not listed)",
        ClientState::Closed => "closed",
        ClientState::Deleted => "deleted",
    }
}

/// Why the outcome is what it is.
pub(super) fn because(engine: &Engine, snapshot: &Snapshot, call: &Call, trace: &Trace<'_>) -> String {
    let decision = &trace.decision;
    if asked_policies(decision.reason) {
        by_policies(call, trace)
    } else {
        at_the_gate(engine, snapshot, call, decision)
    }
}

fn by_policies(call: &Call, trace: &Trace<'_>) -> String {
    let decision = &trace.decision;
    let named = |effect: Effect| {
        let ids = decision.policies.iter().filter(|policy| policy.effect == effect).map(|policy| policy.id.as_ref());
        ids.collect::<Vec<_>>().join(", ")
    };
    let ask = decision.approval_request.as_ref().map(|request| request.approvers.join(" or ")).unwrap_or_default();
    let unlocking = trace.consultation.iter().flat_map(|asked| asked.unlocking.iter().cloned()).collect::<Vec<_>>();
    let none_of = || unlocking.join(", ");
    match decision.reason {
        Reason::AllowedHeld => {
            format!("{} permits it, nothing forbids it, and no yes is needed", named(Effect::Permit))
        }
        Reason::AllowedByApproval => {
            format!("{} permits it on the strength of a yes on record{}", named(Effect::Permit), yeses(trace))
        }
        Reason::ApprovalRequired => format!("nobody has said yes yet: {ask} must"),
        Reason::ApprovalExpired => format!("a yes there was is over{}; {ask} must say yes again", yeses(trace)),
        Reason::OutOfScope => format!("a yes there is does not cover this{}; {ask} must say yes", yeses(trace)),
        Reason::ApprovalUnverifiable => {
            format!("a yes there is was given by somebody who may not{}; {ask} must say yes", yeses(trace))
        }
        Reason::NotHeldRequestable => {
            let request = decision.access_request.as_ref();
            let what = request.and_then(|request| request.entitlement.as_deref().or(request.profile.as_deref()));
            format!("the agent does not hold {}, which may be asked for", what.unwrap_or("what it needs"))
        }
        Reason::GrantPending => {
            let detail = decision.detail.clone().unwrap_or_default();
            format!("what the agent needs is {detail}; until then it is refused")
        }
        Reason::Ineligible => {
            let holds = trace.consultation.iter().any(|asked| unlocking.iter().any(|id| asked.held.contains(id)));
            if unlocking.is_empty() {
                "no policy permits it, and no entitlement unlocks this tool".into()
            } else if holds {
                "no policy permits it, although the agent holds an entitlement of the tool".into()
            } else {
                format!(
                    "the agent holds none of what unlocks the tool ({}), may not ask for it, and no policy permits it without",
                    none_of()
                )
            }
        }
        Reason::AgentNotEntitled => format!(
            "the person holds what unlocks the tool ({}), but their agent does not and may not ask for it",
            none_of()
        ),
        Reason::PolicyDenied => format!("{} forbids it, whoever says yes", named(Effect::Forbid)),
        Reason::StepUpRequired => {
            format!(
                "{} forbids it until the user signs in again, and signing in again would lift that",
                named(Effect::Forbid)
            )
        }
        Reason::ApproverUnresolved => match &decision.detail {
            Some(detail) if detail.contains("could be requested") => detail.clone(),
            _ => format!("somebody must say yes, and nobody who may is known, active and not {}", person(call)),
        },
        Reason::EvaluationError => {
            let asked = trace.consultation.iter().flat_map(|asked| &asked.policies);
            let errs = asked.filter(|policy| policy.effect == Effect::Forbid && policy.at.contains(&Truth::Error));
            let ids: Vec<&str> = errs.map(|policy| policy.id.as_str()).collect();
            let what = if ids.is_empty() { decision.detail.clone().unwrap_or_default() } else { ids.join(", ") };
            format!("{what} could not be evaluated, and a forbid in error is taken to hold")
        }
        other => other.code().into(),
    }
}

fn person(call: &Call) -> String {
    match &call.subject {
        Subject::Agent { user, .. } => format!("{user}, who asks"),
        Subject::ServicePrincipal { .. } => "the owner, who asks".into(),
    }
}

/// The yeses on record that are about this call, with what each is worth.
fn yeses(trace: &Trace<'_>) -> String {
    let mut all: Vec<String> = Vec::new();
    let policies = trace.consultation.iter().flat_map(|asked| &asked.policies);
    let determining = |id: &str| trace.decision.policies.iter().any(|policy| policy.id == id);
    for policy in policies.filter(|policy| determining(&policy.id)) {
        for approval in policy.approvals.iter().filter(|approval| approval.standing != Standing::NotThisCall) {
            let text = format!("{} by {}, for {}: {}", approval.id, approval.by, policy.id, standing(approval));
            if !all.contains(&text) {
                all.push(text);
            }
        }
    }
    if all.is_empty() { String::new() } else { format!(" ({})", all.join("; ")) }
}

/// The fact that kept the gate shut.
fn at_the_gate(engine: &Engine, snapshot: &Snapshot, call: &Call, decision: &Decision<'_>) -> String {
    let (catalog, tool) = (engine.catalog(), &call.tool);
    let detail = decision.detail.clone().unwrap_or_else(|| "no detail".into());
    let server = catalog.servers.get(&tool.server);
    let found = catalog.tools.get(tool);
    match decision.reason {
        Reason::SubjectUnknown => format!("the snapshot does not know the subject: {detail}"),
        Reason::SubjectInactive => format!("`active` is false in the snapshot: {detail}"),
        Reason::ClientNotAllowed => format!("{detail} in the snapshot, so no agent works through it"),
        Reason::OwnerInactive => format!("nobody answers for the service principal: {detail} is unknown or not active"),
        Reason::KillSwitchActive => format!("a kill switch is on: {detail}"),
        Reason::ServerPaused => format!("the overlay says `paused = true` of server `{}`", tool.server),
        Reason::ToolUnknown => match server {
            None => format!("the catalog has no server `{}`", tool.server),
            Some(_) => {
                let near = nearest_name(engine, tool);
                let near = near.map_or_else(String::new, |near| format!("; nearest is `{near}`"));
                format!("server `{}` has no tool `{}`{near}", tool.server, tool.name)
            }
        },
        Reason::ToolNotApproved => match found.map(|tool| tool.state) {
            Some(ToolState::Disabled) => "the overlay says `disabled` of the tool".into(),
            _ => "nobody approved the tool: the overlay gives it no `state`, and its server no `default_state`".into(),
        },
        Reason::ToolDefinitionChanged => match found {
            Some(found) => format!(
                "the tool is pinned to {} and its definition now is {}: look at what changed, then pin it anew",
                found.pin.as_deref().unwrap_or("nothing"),
                found.definition.digest
            ),
            None => detail,
        },
        Reason::ArgumentInvalid => format!("the arguments are not what the tool declares: {detail}"),
        Reason::SnapshotStale => {
            let end = snapshot.issued_at.saturating_add(snapshot.max_age);
            format!("the snapshot is good from {} until {end}, and the call is of {}", snapshot.issued_at, call.now)
        }
        Reason::LimitExceeded | Reason::InvalidRequest => no_call(decision),
        other => format!("{}: {detail}", other.code()),
    }
}

/// Why something is not even a call.
pub(super) fn no_call(decision: &Decision<'_>) -> String {
    let what = if decision.reason == Reason::LimitExceeded { "the call is beyond a limit" } else { "this is no call" };
    decision.detail.as_ref().map_or_else(|| what.into(), |detail| format!("{what}: {detail}"))
}

/// The tool of the same server whose name is most like the one that was called.
fn nearest_name(engine: &Engine, tool: &toolgate::ToolId) -> Option<String> {
    let names = engine.catalog().tools.keys().filter(|known| known.server == tool.server);
    let wanted: String = tool.name.chars().take(128).collect();
    let likeness = names.map(|known| {
        let name: String = known.name.chars().take(128).collect();
        let ratio = similar::TextDiff::from_chars(wanted.as_str(), name.as_str()).ratio();
        (ratio, known.name.clone())
    });
    let best = likeness.max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    (best.0 > 0.5).then_some(best.1)
}
