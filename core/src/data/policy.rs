//! What a policy's annotations say: data only, the outcome is in the Cedar condition.

use std::borrow::Cow;
use std::time::Duration;

use crate::data::decision::{DeterminingPolicy, Effect, Guidance, StepUp};
use crate::data::snapshot::Reuse;

/// A policy's annotations, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// `@id`
    pub(crate) id: String,
    pub(crate) effect: Effect,
    /// `@description`
    pub(crate) description: Option<String>,
    /// `@valid_for`: an approval counts for the policy while it is younger than this.
    pub(crate) valid_for: Option<Duration>,
    /// `@reuse`: the widest approval scope that counts for the policy.
    pub(crate) reuse: Reuse,
    /// `@approvers`: who stands in the manager's place; empty: the manager.
    pub(crate) approvers: Vec<Approver>,
    /// `@guidance` and `@ticket`
    pub(crate) guidance: Option<Guidance>,
    /// `@obligations`
    pub(crate) obligations: Vec<String>,
    /// `@remedy`
    pub(crate) step_up: Option<StepUp>,
}

impl Terms {
    /// What a decision says of the policy.
    pub(crate) fn determining(&self) -> DeterminingPolicy<'_> {
        DeterminingPolicy {
            id: Cow::Borrowed(&self.id),
            effect: self.effect,
            description: self.description.as_deref().map(Cow::Borrowed),
        }
    }
}

/// Who may stand in the manager's place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Approver {
    /// The server's owner.
    ServerOwner,
    /// The owners of the tool's entitlements.
    EntitlementOwner,
    /// The active users of a group, nested groups included.
    Group(String),
    /// One user.
    User(String),
}
