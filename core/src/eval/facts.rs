//! The gate: who calls, what is called, and whether either may be at all. Each refusal has its own code.

use std::collections::BTreeSet;

use crate::compile::build::Compiled;
use crate::compile::directory::{Directory, Held};
use crate::data::catalog::{Server, Tool, ToolState};
use crate::data::id::{Subject, ToolId};
use crate::data::reason::Reason;
use crate::data::snapshot::{ClientState, Grant, Granted};
use crate::data::time::Instant;

/// How far a host's clock may lag behind the one that issued the snapshot. AuthZEN's approval profile calls 30 s
/// typical and more than 60 s not recommended.
const CLOCK_SKEW: std::time::Duration = std::time::Duration::from_secs(60);

/// Why the gate stays shut, and what the record should say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// What the snapshot says about a subject that may call.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) subject: &'a Subject,
    /// The human behind the call: the user, or a service principal's owner. Their yes is the `self_approve`.
    pub(crate) requester: &'a str,
    /// The groups the subject is directly in.
    pub(crate) direct_groups: &'a [String],
    /// Those and all groups above them.
    pub(crate) groups: BTreeSet<&'a str>,
    /// The human's own entitlements; empty for a service principal.
    pub(crate) human_entitlements: &'a [String],
    /// Every grant that names the agent, in force or not.
    pub(crate) grants: Vec<&'a Grant>,
    /// What the agent holds now.
    pub(crate) held: Held,
    /// What it was granted from a later instant on.
    pub(crate) pending: Vec<(&'a Granted, Instant)>,
    /// Who approves what needs a manager: active, and not the requester.
    pub(crate) manager: Option<&'a str>,
}

/// Establishes who calls. Nothing here depends on the tool.
pub(crate) fn subject<'a>(engine: &'a Compiled, subject: &'a Subject, now: Instant) -> Result<Facts<'a>, Refusal> {
    let directory = &engine.directory;
    fresh(engine, now)?;
    let switches = &directory.snapshot.kill_switches;
    if switches.tenant {
        return Err(Refusal::new(Reason::KillSwitchActive, "the tenant is switched off"));
    }
    let (requester, direct_groups, human_entitlements, manager) = match subject {
        Subject::Agent { user: id, client } => {
            let user = directory
                .user(id)
                .ok_or_else(|| Refusal::new(Reason::SubjectUnknown, format!("user `{}`", id.escape_debug())))?;
            if !user.active {
                return Err(Refusal::new(Reason::SubjectInactive, format!("user `{id}`")));
            }
            if switches.clients.contains(client) {
                return Err(Refusal::new(Reason::KillSwitchActive, format!("client `{client}` is switched off")));
            }
            allowed_client(directory, client)?;
            (user.id.as_str(), user.groups.as_slice(), user.entitlements.as_slice(), user.manager.as_deref())
        }
        Subject::ServicePrincipal { id } => {
            let principal = directory.service_principal(id).ok_or_else(|| {
                Refusal::new(Reason::SubjectUnknown, format!("service principal `{}`", id.escape_debug()))
            })?;
            if !principal.active {
                return Err(Refusal::new(Reason::SubjectInactive, format!("service principal `{id}`")));
            }
            // FAIL-CLOSED: autonomous_agent_needs_an_active_owner. Nobody answers for it otherwise.
            let Some(owner) = directory.active_user(&principal.owner) else {
                return Err(Refusal::new(Reason::OwnerInactive, format!("owner `{}` of `{id}`", principal.owner)));
            };
            let manager = principal.manager.as_deref().or(owner.manager.as_deref());
            (owner.id.as_str(), principal.groups.as_slice(), &[][..], manager)
        }
    };
    let groups = directory.with_ancestors(direct_groups);
    let mut held = Held::default();
    let mut pending = Vec::new();
    let grants = directory.grants_to(subject, &groups);
    for grant in &grants {
        match grant.from {
            _ if grant.in_force(now) => held.add(&grant.what, directory),
            Some(from) if from > now => pending.push((&grant.what, from)),
            _ => {}
        }
    }
    // FAIL-CLOSED: nobody_is_their_own_manager
    let manager = manager.filter(|id| *id != requester && directory.active_user(id).is_some());
    Ok(Facts { subject, requester, direct_groups, groups, human_entitlements, grants, held, pending, manager })
}

/// Finds the tool and whether it may be used at all.
pub(crate) fn tool<'a>(engine: &'a Compiled, id: &ToolId) -> Result<(&'a Tool, &'a Server), Refusal> {
    let switches = &engine.directory.snapshot.kill_switches;
    let unknown = || Refusal::new(Reason::ToolUnknown, format!("`{}`", id.to_string().escape_debug()));
    let server = engine.catalog.servers.get(&id.server).ok_or_else(unknown)?;
    let tool = engine.catalog.tools.get(id).ok_or_else(unknown)?;
    if switches.servers.contains(&id.server) {
        return Err(Refusal::new(Reason::KillSwitchActive, format!("server `{}` is switched off", id.server)));
    }
    if switches.tools.contains(id) {
        return Err(Refusal::new(Reason::KillSwitchActive, format!("tool `{id}` is switched off")));
    }
    if server.paused {
        return Err(Refusal::new(Reason::ServerPaused, format!("server `{}`", id.server)));
    }
    match tool.state {
        ToolState::Approved => {}
        ToolState::Disabled => return Err(Refusal::new(Reason::ToolNotApproved, format!("`{id}` is disabled"))),
        // FAIL-CLOSED: a_tool_nobody_approved_is_refused
        ToolState::Unset => return Err(Refusal::new(Reason::ToolNotApproved, format!("nobody approved `{id}` yet"))),
    }
    // FAIL-CLOSED: a_changed_definition_is_refused. What was approved is not what the server publishes now.
    if tool.pin.as_ref().is_some_and(|pin| *pin != tool.definition.digest) {
        return Err(Refusal::new(Reason::ToolDefinitionChanged, format!("`{id}` is now {}", tool.definition.digest)));
    }
    Ok((tool, server))
}

/// When the snapshot may be decided on: `[issued_at - skew, issued_at + max_age)`.
pub(crate) fn snapshot_interval(engine: &Compiled) -> [Instant; 2] {
    let snapshot = &engine.directory.snapshot;
    [snapshot.issued_at.saturating_sub(CLOCK_SKEW), snapshot.issued_at.saturating_add(snapshot.max_age)]
}

/// The first instant at which the snapshot is too old.
pub(crate) fn snapshot_end(engine: &Compiled) -> Instant {
    let [_, end] = snapshot_interval(engine);
    end
}

fn fresh(engine: &Compiled, now: Instant) -> Result<(), Refusal> {
    let [begin, end] = snapshot_interval(engine);
    let snapshot = &engine.directory.snapshot;
    // FAIL-CLOSED: a_stale_snapshot_decides_nothing
    if now >= end {
        return Err(Refusal::new(Reason::SnapshotStale, format!("version {} ended at {end}", snapshot.version)));
    }
    // FAIL-CLOSED: a_snapshot_from_the_future_decides_nothing. One of the two clocks is wrong.
    if now < begin {
        return Err(Refusal::new(
            Reason::SnapshotStale,
            format!("version {} begins at {}", snapshot.version, snapshot.issued_at),
        ));
    }
    Ok(())
}

fn allowed_client(directory: &Directory, id: &str) -> Result<(), Refusal> {
    match directory.client(id).map(|client| client.state) {
        Some(ClientState::Active | ClientState::Hidden) => Ok(()),
        Some(ClientState::Closed) => Err(Refusal::new(Reason::ClientNotAllowed, format!("client `{id}` is closed"))),
        Some(ClientState::Deleted) => Err(Refusal::new(Reason::ClientNotAllowed, format!("client `{id}` is deleted"))),
        None => Err(Refusal::new(Reason::ClientNotAllowed, format!("client `{}` is unknown", id.escape_debug()))),
    }
}
