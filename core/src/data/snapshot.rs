//! The entitlement snapshot: people, agents, what they hold and what was approved, at one version.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::id::{Operation, Subject, ToolId};
use crate::data::time::{Instant, iso};

/// Everything the decision knows about people and permissions, valid for `max_age` from `issued_at`.
///
/// A reference to something that is not defined grants nothing: an unknown group has no members, an unknown
/// manager approves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Grows with each snapshot.
    pub version: u64,
    /// When it was made.
    pub issued_at: Instant,
    /// How long it may be decided on; after that every call is denied as `snapshot_stale`.
    #[serde(with = "iso")]
    pub max_age: Duration,
    /// People.
    #[serde(default)]
    pub users: Vec<User>,
    /// Groups of people and service principals; they nest.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// The programs agents work through.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// Autonomous agents.
    #[serde(default)]
    pub service_principals: Vec<ServicePrincipal>,
    /// Permissions for agents that can be requested or have owners. Others need no definition.
    #[serde(default)]
    pub entitlements: Vec<Entitlement>,
    /// Bundles of entitlements.
    #[serde(default)]
    pub profiles: Vec<Profile>,
    /// Who holds what.
    #[serde(default)]
    pub grants: Vec<Grant>,
    /// The recorded human yeses.
    #[serde(default)]
    pub approvals: Vec<Approval>,
    /// What is switched off at once.
    #[serde(default)]
    pub kill_switches: KillSwitches,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Unique among users.
    pub id: String,
    /// False once the person has left or is suspended: every call of their agents is denied.
    pub active: bool,
    /// The user who approves what needs a manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Groups the user is directly in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The human's own entitlements. They are never the agent's.
    #[serde(default)]
    pub entitlements: Vec<String>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Unique among groups.
    pub id: String,
    /// Groups whose members include this group's.
    #[serde(default)]
    pub parents: Vec<String>,
}

/// A program that agents work through.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Unique among clients; from the verified token, never what the client says of itself.
    pub id: String,
    /// Who uses it.
    pub kind: ClientKind,
    /// Whether it may be used.
    pub state: ClientState,
}

/// Who uses a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientKind {
    /// One person.
    Personal,
    /// Several people.
    Shared,
    /// A service.
    Service,
    /// A short-lived job.
    Ephemeral,
}

impl ClientKind {
    /// The name in `snake_case`, as policies see it in `principal.client.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Shared => "shared",
            Self::Service => "service",
            Self::Ephemeral => "ephemeral",
        }
    }
}

/// Whether a client may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientState {
    /// In use.
    Active,
    /// In use, not shown in lists.
    Hidden,
    /// No longer allowed.
    Closed,
    /// Gone.
    Deleted,
}

/// An autonomous agent, answered for by its owner.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ServicePrincipal {
    /// Unique among service principals.
    pub id: String,
    /// Whether it may act.
    pub active: bool,
    /// The user who answers for it, and whose yes is its `self_approve`.
    pub owner: String,
    /// The user who approves what needs a manager; the owner's manager if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// Groups it is directly in.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A permission for agents.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entitlement {
    /// Unique among entitlements.
    pub id: String,
    /// Users who answer for it.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Groups whose members may ask for it, or `*` for everyone. Absent: it cannot be requested.
    #[serde(default)]
    pub requestable_by: Vec<String>,
    /// Who must agree to a request; the manager if absent.
    #[serde(default)]
    pub request_approval: RequestApproval,
    /// The longest a requested grant may last.
    #[serde(default, with = "iso::option", skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Duration>,
}

/// A bundle of entitlements.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Unique among profiles.
    pub id: String,
    /// What it bundles.
    pub entitlements: Vec<String>,
    /// Users who answer for it.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Groups whose members may ask for it, or `*` for everyone. Absent: it cannot be requested.
    #[serde(default)]
    pub requestable_by: Vec<String>,
    /// Who must agree to a request; the manager if absent.
    #[serde(default)]
    pub request_approval: RequestApproval,
    /// The longest a requested grant may last.
    #[serde(default, with = "iso::option", skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Duration>,
}

/// Who must agree to a request. Ordered by friction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestApproval {
    /// Nobody: asking is enough.
    Auto,
    /// The user, or a service principal's owner.
    #[serde(rename = "self")]
    SelfApproval,
    /// The manager.
    #[default]
    Manager,
}

/// An entitlement or a profile, given to a holder for a time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "RawGrant", into = "RawGrant")]
pub struct Grant {
    /// Unique among grants.
    pub id: String,
    /// Who holds it.
    pub to: Holder,
    /// What is held.
    pub what: Granted,
    /// When it begins; always has if absent.
    pub from: Option<Instant>,
    /// The first instant at which it is over; never if absent.
    pub until: Option<Instant>,
}

/// What a grant gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Granted {
    /// One entitlement.
    Entitlement(String),
    /// All entitlements of a profile.
    Profile(String),
}

/// Who holds a grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "RawHolder", into = "RawHolder")]
pub enum Holder {
    /// All of a user's agents.
    User(String),
    /// A user's agents that work through one client.
    UserClient {
        /// The user's id.
        user: String,
        /// The client's id.
        client: String,
    },
    /// The agents of a group's users, nested groups included. Service principals hold only what is granted to
    /// them by name: an autonomous agent should not gain rights because a group does.
    Group(String),
    /// A service principal.
    ServicePrincipal(String),
}

/// A recorded human yes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Unique among approvals.
    pub id: String,
    /// Whose yes it is. A manager's counts as both.
    pub kind: ApprovalKind,
    /// The user who said yes.
    pub by: String,
    /// Exactly whose calls it covers.
    pub subject: Subject,
    /// Which of their calls.
    pub scope: Scope,
    /// When it begins.
    pub from: Instant,
    /// The first instant at which it is over.
    pub until: Instant,
}

/// Whose yes an approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalKind {
    /// The user's own, or a service principal's owner's.
    #[serde(rename = "self")]
    SelfApproval,
    /// The manager's, or of whom a policy's `@approvers` puts in the manager's place.
    Manager,
}

/// Which calls an approval covers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "RawScope", into = "RawScope")]
pub enum Scope {
    /// One call: its `binding`.
    Call(String),
    /// Every call of a tool.
    Tool(ToolId),
    /// Every call of one operation on a server.
    Operation {
        /// The operation.
        operation: Operation,
        /// The server's id.
        server: String,
    },
    /// Every call on a server.
    Server(String),
}

/// How widely an approval may be reused, from one call to a whole server. Ordered by width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reuse {
    /// That call only.
    #[default]
    Call,
    /// That tool.
    Tool,
    /// That operation on that server.
    Operation,
    /// That server.
    Server,
}

impl Scope {
    /// How wide the scope is.
    pub fn width(&self) -> Reuse {
        match self {
            Self::Call(_) => Reuse::Call,
            Self::Tool(_) => Reuse::Tool,
            Self::Operation { .. } => Reuse::Operation,
            Self::Server(_) => Reuse::Server,
        }
    }
}

/// What is switched off at once, whatever policies say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KillSwitches {
    /// Everything.
    #[serde(default)]
    pub tenant: bool,
    /// Servers by id.
    #[serde(default)]
    pub servers: Vec<String>,
    /// Tools.
    #[serde(default)]
    pub tools: Vec<ToolId>,
    /// Clients by id.
    #[serde(default)]
    pub clients: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawGrant {
    id: String,
    to: Holder,
    #[serde(skip_serializing_if = "Option::is_none")]
    entitlement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Instant>,
}

impl TryFrom<RawGrant> for Grant {
    type Error = &'static str;

    fn try_from(raw: RawGrant) -> Result<Self, Self::Error> {
        let what = match (raw.entitlement, raw.profile) {
            (Some(id), None) => Granted::Entitlement(id),
            (None, Some(id)) => Granted::Profile(id),
            _ => return Err("a grant gives either an `entitlement` or a `profile`"),
        };
        Ok(Self { id: raw.id, to: raw.to, what, from: raw.from, until: raw.until })
    }
}

impl From<Grant> for RawGrant {
    fn from(grant: Grant) -> Self {
        let (entitlement, profile) = match grant.what {
            Granted::Entitlement(id) => (Some(id), None),
            Granted::Profile(id) => (None, Some(id)),
        };
        Self { id: grant.id, to: grant.to, entitlement, profile, from: grant.from, until: grant.until }
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawHolder {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_principal: Option<String>,
}

impl TryFrom<RawHolder> for Holder {
    type Error = &'static str;

    fn try_from(raw: RawHolder) -> Result<Self, Self::Error> {
        match (raw.user, raw.client, raw.group, raw.service_principal) {
            (Some(user), None, None, None) => Ok(Self::User(user)),
            (Some(user), Some(client), None, None) => Ok(Self::UserClient { user, client }),
            (None, None, Some(group), None) => Ok(Self::Group(group)),
            (None, None, None, Some(id)) => Ok(Self::ServicePrincipal(id)),
            _ => Err("a holder is `user`, `user` with `client`, `group` or `service_principal`"),
        }
    }
}

impl From<Holder> for RawHolder {
    fn from(holder: Holder) -> Self {
        match holder {
            Holder::User(user) => Self { user: Some(user), ..Self::default() },
            Holder::UserClient { user, client } => Self { user: Some(user), client: Some(client), ..Self::default() },
            Holder::Group(group) => Self { group: Some(group), ..Self::default() },
            Holder::ServicePrincipal(id) => Self { service_principal: Some(id), ..Self::default() },
        }
    }
}

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawScope {
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<ToolId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

impl TryFrom<RawScope> for Scope {
    type Error = &'static str;

    fn try_from(raw: RawScope) -> Result<Self, Self::Error> {
        match (raw.call, raw.tool, raw.operation, raw.server) {
            (Some(binding), None, None, None) => Ok(Self::Call(binding)),
            (None, Some(tool), None, None) => Ok(Self::Tool(tool)),
            (None, None, Some(operation), Some(server)) => Ok(Self::Operation { operation, server }),
            (None, None, None, Some(server)) => Ok(Self::Server(server)),
            _ => Err("a scope is `call`, `tool`, `operation` with `server`, or `server`"),
        }
    }
}

impl From<Scope> for RawScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Call(binding) => Self { call: Some(binding), ..Self::default() },
            Scope::Tool(tool) => Self { tool: Some(tool), ..Self::default() },
            Scope::Operation { operation, server } => {
                Self { operation: Some(operation), server: Some(server), ..Self::default() }
            }
            Scope::Server(server) => Self { server: Some(server), ..Self::default() },
        }
    }
}
