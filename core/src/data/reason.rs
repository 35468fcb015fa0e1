//! The reason codes: one closed list. Adding one changes what hosts must handle.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)*) => {
        /// Why a decision came out as it did. Exhaustive on purpose: a host that matches on it is told by its
        /// compiler when there is a new one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable `snake_case` code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

reasons! {
    /// What the agent holds is enough.
    AllowedHeld = "allowed_held",
    /// An approval in force made the difference.
    AllowedByApproval = "allowed_by_approval",
    /// A human must say yes.
    ApprovalRequired = "approval_required",
    /// There was a yes; its time is over.
    ApprovalExpired = "approval_expired",
    /// There is a yes; it is wider or narrower than what a policy accepts here.
    OutOfScope = "out_of_scope",
    /// There is a yes by somebody who may not give it.
    ApprovalUnverifiable = "approval_unverifiable",
    /// An entitlement is missing that can be asked for.
    NotHeldRequestable = "not_held_requestable",
    /// The missing entitlement is granted, from a later instant on.
    GrantPending = "grant_pending",
    /// No policy permits it, and nothing that could be asked for would change that.
    Ineligible = "ineligible",
    /// A policy forbids it.
    PolicyDenied = "policy_denied",
    /// The human holds the entitlement; their agent does not and cannot ask for it.
    AgentNotEntitled = "agent_not_entitled",
    /// The snapshot does not know the subject.
    SubjectUnknown = "subject_unknown",
    /// The subject is no longer active.
    SubjectInactive = "subject_inactive",
    /// The client is unknown, closed or deleted.
    ClientNotAllowed = "client_not_allowed",
    /// The service principal's owner is unknown or no longer active.
    OwnerInactive = "owner_inactive",
    /// Switched off by a kill switch.
    KillSwitchActive = "kill_switch_active",
    /// The server is paused.
    ServerPaused = "server_paused",
    /// The catalog does not know the tool.
    ToolUnknown = "tool_unknown",
    /// The tool is disabled, or nobody approved it yet.
    ToolNotApproved = "tool_not_approved",
    /// The tool's definition is not the pinned one.
    ToolDefinitionChanged = "tool_definition_changed",
    /// The arguments are not what the tool declares.
    ArgumentInvalid = "argument_invalid",
    /// The user must authenticate again first.
    StepUpRequired = "step_up_required",
    /// A human must say yes, and nobody who may is to be found.
    ApproverUnresolved = "approver_unresolved",
    /// The snapshot is too old, or not begun.
    SnapshotStale = "snapshot_stale",
    /// A forbid could not be evaluated.
    EvaluationError = "evaluation_error",
    /// The call is larger or deeper than the limits.
    LimitExceeded = "limit_exceeded",
    /// The call is not a call.
    InvalidRequest = "invalid_request",
    /// Token path: the server has no such scope.
    UnknownScope = "unknown_scope",
    /// Token path: the scope is not enabled.
    ScopeNotEnabled = "scope_not_enabled",
    /// Token path: the agent holds nothing that unlocks the scope.
    NoGrant = "no_grant",
    /// Token path: no server is registered for this audience and resource.
    TargetNotRegistered = "target_not_registered",
    /// Token path: the audience is the issuer itself.
    AudienceIsIssuer = "audience_is_issuer",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
