//! The decision: one of five outcomes and everything the host needs to act on it.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::id::{Subject, ToolId};
use crate::data::reason::Reason;
use crate::data::snapshot::{ApprovalKind, RequestApproval, Scope};
use crate::data::time::{Instant, iso};

/// What is to happen with a call.
///
/// | outcome | the host |
/// |---|---|
/// | `auto_approve` | runs the call; with an access request, files that first |
/// | `self_approve` | asks the user (a service principal's owner), then decides again |
/// | `manager_approve` | asks the approvers named in the request, then decides again |
/// | `deny` | refuses |
/// | `ticket_fallback` | refuses and tells where a human can help |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Run it.
    AutoApprove,
    /// Ask the user.
    SelfApprove,
    /// Ask the manager, or who stands in the manager's place.
    ManagerApprove,
    /// Refuse it.
    Deny,
    /// Refuse it and say where a human can help.
    TicketFallback,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] =
        [Self::AutoApprove, Self::SelfApprove, Self::ManagerApprove, Self::Deny, Self::TicketFallback];

    /// The name in `snake_case`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutoApprove => "auto_approve",
            Self::SelfApprove => "self_approve",
            Self::ManagerApprove => "manager_approve",
            Self::Deny => "deny",
            Self::TicketFallback => "ticket_fallback",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The answer to a [`Call`](crate::Call). Only [`Engine::decide`](crate::Engine::decide) makes one.
///
/// What the engine already has is borrowed from it, so that a decision costs few allocations and touches no counter
/// that other threads use. [`into_owned`](Decision::into_owned) makes one that outlives the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Decision<'e> {
    /// What is to happen.
    pub outcome: Outcome,
    /// Why, as a code. For the record; what the agent is told is [`agent_message`](Self::agent_message).
    pub reason: Reason,
    /// More on the reason, for the record: the argument at fault, the kill switch. Never for the agent.
    pub detail: Option<String>,
    /// The policies that made the difference, by id.
    pub policies: Vec<DeterminingPolicy<'e>>,
    /// Whom to ask for a yes to this call, and what that yes would cover.
    pub approval_request: Option<ApprovalRequest<'e>>,
    /// What to ask for so that the agent holds what it needs.
    pub access_request: Option<AccessRequest<'e>>,
    /// Help written by the administrator for whoever is refused.
    pub guidance: Option<Cow<'e, Guidance>>,
    /// What the user must do about their own session first.
    pub step_up: Option<Cow<'e, StepUp>>,
    /// The credential to run the call with: a name, never a secret.
    pub credential: Option<Cow<'e, Credential>>,
    /// What the host must know how to do; one it does not know means: do not run.
    pub obligations: Vec<Cow<'e, str>>,
    /// Labels that the session gains if the call is run; the host feeds them back with the next call.
    pub gains_labels: Cow<'e, [String]>,
    /// The first instant at which time alone could change this answer; never, if absent.
    pub valid_until: Option<Instant>,
    /// One sentence for the agent. In toolgate's own words a tool that the agent may not see and one that does not
    /// exist sound alike.
    pub agent_message: Cow<'static, str>,
    /// The digest of everything the engine was built from.
    pub engine: Cow<'e, str>,
    /// The version of the snapshot decided on.
    pub snapshot_version: u64,
}

impl Decision<'_> {
    /// Whether the call may run now, with nothing to ask and nothing to request first. The only question that a host
    /// which cannot do either needs.
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::AutoApprove && self.access_request.is_none()
    }

    /// The same, borrowed from nothing.
    pub fn into_owned(self) -> Decision<'static> {
        Decision {
            outcome: self.outcome,
            reason: self.reason,
            detail: self.detail,
            policies: self.policies.into_iter().map(DeterminingPolicy::into_owned).collect(),
            approval_request: self.approval_request.map(ApprovalRequest::into_owned),
            access_request: self.access_request.map(AccessRequest::into_owned),
            guidance: self.guidance.map(owned),
            step_up: self.step_up.map(owned),
            credential: self.credential.map(owned),
            obligations: self.obligations.into_iter().map(owned).collect(),
            gains_labels: owned(self.gains_labels),
            valid_until: self.valid_until,
            agent_message: self.agent_message,
            engine: owned(self.engine),
            snapshot_version: self.snapshot_version,
        }
    }
}

fn owned<T: ToOwned + ?Sized>(value: Cow<'_, T>) -> Cow<'static, T> {
    Cow::Owned(value.into_owned())
}

/// A policy that made the difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeterminingPolicy<'e> {
    /// Its `@id`.
    pub id: Cow<'e, str>,
    /// What it does.
    pub effect: Effect,
    /// Its `@description`.
    pub description: Option<Cow<'e, str>>,
}

impl DeterminingPolicy<'_> {
    /// The same, borrowed from nothing.
    pub fn into_owned(self) -> DeterminingPolicy<'static> {
        DeterminingPolicy { id: owned(self.id), effect: self.effect, description: self.description.map(owned) }
    }
}

/// What a policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Allows, unless something forbids.
    Permit,
    /// Refuses, whatever permits.
    Forbid,
}

/// Whom to ask for a yes, and what to record when it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalRequest<'e> {
    /// Whose yes: the `kind` of the approval to record.
    pub kind: ApprovalKind,
    /// Users who may say yes; one is enough.
    pub approvers: Vec<Cow<'e, str>>,
    /// Whom the yes is for.
    pub subject: Subject,
    /// The widest scope every determining policy accepts.
    pub scope: Cow<'e, Scope>,
    /// The longest every determining policy accepts; absent: good for this call only, however the host bounds it.
    #[serde(with = "iso::option")]
    pub valid_for: Option<Duration>,
    /// SHA-256 of the RFC 8785 form of subject, tool, arguments and tool definition.
    pub binding: String,
}

impl ApprovalRequest<'_> {
    /// The same, borrowed from nothing.
    pub fn into_owned(self) -> ApprovalRequest<'static> {
        ApprovalRequest {
            kind: self.kind,
            approvers: self.approvers.into_iter().map(owned).collect(),
            subject: self.subject,
            scope: owned(self.scope),
            valid_for: self.valid_for,
            binding: self.binding,
        }
    }
}

/// What to ask for so that the agent holds what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessRequest<'e> {
    /// The entitlement to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entitlement: Option<Cow<'e, str>>,
    /// The profile to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Cow<'e, str>>,
    /// Who must agree.
    pub approval: RequestApproval,
    /// Users who may agree; one is enough. Empty for `auto`.
    pub approvers: Vec<Cow<'e, str>>,
    /// The longest the grant may last.
    #[serde(with = "iso::option")]
    pub max_duration: Option<Duration>,
}

impl AccessRequest<'_> {
    /// The same, borrowed from nothing.
    pub fn into_owned(self) -> AccessRequest<'static> {
        AccessRequest {
            entitlement: self.entitlement.map(owned),
            profile: self.profile.map(owned),
            approval: self.approval,
            approvers: self.approvers.into_iter().map(owned).collect(),
            max_duration: self.max_duration,
        }
    }
}

/// Help written by the administrator.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Guidance {
    /// What to do.
    pub message: String,
    /// Where.
    #[serde(default)]
    pub url: Option<String>,
}

/// What the user must do about their own session first (RFC 9470).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepUp {
    /// What is asked: `reauthenticate`.
    pub remedy: String,
    /// The authentication context classes that would do, if the policy names any.
    pub acr_values: Vec<String>,
    /// How fresh the authentication must be, if the policy says.
    #[serde(with = "iso::option")]
    pub max_age: Option<Duration>,
}

/// The credential a server is called with: a name, never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Whose it is.
    pub mode: CredentialMode,
    /// Where the host finds it.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
}

/// Whose credential a server is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialMode {
    /// One for all.
    Shared,
    /// The user's own.
    Personal,
    /// None is needed.
    None,
}

/// A tool as a subject sees it, whatever arguments it might send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VisibleTool<'e> {
    /// The tool.
    pub tool: Cow<'e, ToolId>,
    /// The best that some arguments could reach.
    pub visibility: Visibility,
}

/// The best a subject could reach on a tool with some arguments. Ordered from most to least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Some arguments may run at once.
    Callable,
    /// Some arguments may run after a yes.
    NeedsApproval,
    /// Access can be asked for.
    Requestable,
    /// No arguments lead anywhere: leave it out of the list.
    Hidden,
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Callable => "callable",
            Self::NeedsApproval => "needs_approval",
            Self::Requestable => "requestable",
            Self::Hidden => "hidden",
        })
    }
}
