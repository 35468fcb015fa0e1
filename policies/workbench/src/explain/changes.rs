//! What would change the outcome: each is tried on the engine, none is guessed.

use std::time::Duration;

use serde::Serialize;
use toolgate::facts::{Approval, ApprovalKind, Changes, Grant, Granted, Holder, Scope, Snapshot};
use toolgate::trace::{Consultation, Truth};
use toolgate::{Call, Delta, Effect, Engine, Json, Number, Outcome, Reason, Subject};

use super::conditions::{self, New};
use super::{Case, Explanation};
use crate::source::{self, PolicyFile};

/// The id of what is tried and never kept.
const TRIED: &str = "toolgate-explain-tries-this";
/// How many changes of one kind are tried.
const MOST: usize = 8;

/// Something that would change the outcome, or that might be thought to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What kind of change it is.
    pub kind: Kind,
    /// What would be different.
    pub what: String,
    /// What would come out.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
}

/// What would be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The agent holds one more entitlement.
    Entitlement,
    /// Somebody says yes.
    Approval,
    /// An argument has another value.
    Argument,
    /// The session has another history, or the user signed in another way.
    Session,
    /// Nothing but the time.
    Time,
}

/// Tries what could be different. Not in the list: what would make no difference, save a yes that does not suffice.
pub(super) fn changes(
    engine: &Engine,
    snapshot: &Snapshot,
    files: &[PolicyFile],
    call: &Call,
    consultation: &Option<Consultation>,
    explained: &Explanation<'_>,
) -> Vec<Change> {
    let mut tries = Tries {
        engine,
        snapshot,
        call,
        before: (explained.decision.outcome, explained.decision.reason),
        found: Vec::new(),
    };
    if let Some(consultation) = consultation {
        tries.entitlements(consultation);
        tries.approvals(explained);
        tries.values(&Case { files, consultation });
        tries.session();
    }
    if let Some(at) = explained.decision.valid_until {
        let later = Call { now: at, ..call.clone() };
        // told even if it changes nothing: it is when to ask again
        let decision = engine.decide(&later);
        tries.push(Kind::Time, format!("at {at}, all else unchanged"), (decision.outcome, decision.reason));
    }
    tries.found
}

struct Tries<'a> {
    engine: &'a Engine,
    snapshot: &'a Snapshot,
    call: &'a Call,
    before: (Outcome, Reason),
    found: Vec<Change>,
}

impl Tries<'_> {
    fn push(&mut self, kind: Kind, what: String, (outcome, reason): (Outcome, Reason)) {
        if !self.found.iter().any(|known| known.kind == kind && known.what == what) {
            self.found.push(Change { kind, what, outcome, reason });
        }
    }

    /// Keeps a change that makes a difference.
    fn keep(&mut self, kind: Kind, what: String, after: (Outcome, Reason)) {
        if after != self.before {
            self.push(kind, what, after);
        }
    }

    /// What comes out if the snapshot has that grant and that approval too.
    fn with(&self, grant: Option<Grant>, approval: Option<Approval>) -> Option<(Outcome, Reason)> {
        let delta = Delta {
            version: self.snapshot.version.checked_add(1)?,
            issued_at: self.snapshot.issued_at,
            grants: Changes { add: grant.into_iter().collect(), revoke: Vec::new() },
            approvals: Changes { add: approval.into_iter().collect(), revoke: Vec::new() },
        };
        let engine = self.engine.with(&delta).ok()?;
        let decision = engine.decide(self.call);
        Some((decision.outcome, decision.reason))
    }

    fn entitlements(&mut self, consultation: &Consultation) {
        let to = match &self.call.subject {
            Subject::Agent { user, client } => Holder::UserClient { user: user.clone(), client: client.clone() },
            Subject::ServicePrincipal { id } => Holder::ServicePrincipal(id.clone()),
        };
        for id in consultation.unlocking.iter().filter(|id| !consultation.held.contains(id)).take(MOST) {
            let what = Granted::Entitlement(id.clone());
            let grant = Grant { id: TRIED.into(), to: to.clone(), what, from: None, until: None };
            if let Some(after) = self.with(Some(grant), None) {
                self.keep(Kind::Entitlement, format!("the agent holds `{id}`"), after);
            }
        }
    }

    /// The yes that is asked for; and where the manager's is, the user's own, which does not suffice.
    fn approvals(&mut self, explained: &Explanation<'_>) {
        let Some(request) = &explained.decision.approval_request else { return };
        if explained.decision.access_request.is_some() {
            return;
        }
        let now = self.call.now;
        let yes = |kind, by: &str, scope: Scope, long: Duration| Approval {
            id: TRIED.into(),
            kind,
            by: by.into(),
            subject: self.call.subject.clone(),
            scope,
            from: now,
            until: now.saturating_add(long),
        };
        let long = request.valid_for.unwrap_or(Duration::from_secs(60));
        if request.kind == ApprovalKind::Manager
            && let Some(own) = self.person()
        {
            let own = yes(ApprovalKind::SelfApproval, &own, Scope::Call(request.binding.clone()), long);
            if let Some(after) = self.with(None, Some(own.clone())) {
                self.push(Kind::Approval, format!("{}'s own yes", own.by), after);
            }
        }
        let approvers: Vec<String> = request.approvers.iter().map(ToString::to_string).collect();
        for by in approvers.iter().take(MOST) {
            let given = yes(request.kind, by, request.scope.clone().into_owned(), long);
            if let Some(after) = self.with(None, Some(given)) {
                let whose =
                    if request.kind == ApprovalKind::Manager { "yes in the manager's place" } else { "own yes" };
                let whose = if self.manager().as_deref() == Some(by) { "yes, as the manager" } else { whose };
                self.push(Kind::Approval, format!("{by}'s {whose}"), after);
            }
        }
    }

    /// The human behind the call.
    fn person(&self) -> Option<String> {
        match &self.call.subject {
            Subject::Agent { user, .. } => Some(user.clone()),
            Subject::ServicePrincipal { id } => {
                let known = self.snapshot.service_principals.iter().find(|known| known.id == *id)?;
                Some(known.owner.clone())
            }
        }
    }

    fn manager(&self) -> Option<String> {
        let own = match &self.call.subject {
            Subject::Agent { .. } => None,
            Subject::ServicePrincipal { id } => {
                self.snapshot.service_principals.iter().find(|known| known.id == *id)?.manager.clone()
            }
        };
        let person = self.person()?;
        own.or_else(|| self.snapshot.users.iter().find(|known| known.id == person)?.manager.clone())
    }

    /// Values on the other side of the bounds that policies compare with.
    fn values(&mut self, case: &Case<'_>) {
        let mut tried = Vec::new();
        for traced in &case.consultation.policies {
            // a forbid that holds should not, and a permit that does not should
            let holds = super::at(traced, toolgate::trace::Rung::InForce) == Truth::True;
            if holds != (traced.effect == Effect::Forbid) {
                continue;
            }
            let Some((file, policy)) = source::find(case.files, &traced.id) else { continue };
            for node in policy.operands() {
                for want in [false, true] {
                    tried.extend(conditions::remedy(file, node, want));
                }
            }
        }
        tried.dedup();
        for (path, new) in tried.into_iter().take(MOST.saturating_mul(2)) {
            if let Some((kind, what, call)) = self.changed(&path, &new) {
                let decision = self.engine.decide(&call);
                self.keep(kind, what, (decision.outcome, decision.reason));
            }
        }
    }

    /// The call with another value of one fact that comes from the call.
    fn changed(&self, path: &[String], new: &New) -> Option<(Kind, String, Call)> {
        let mut call = self.call.clone();
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let shown = match new {
            New::Long(value) => value.to_string(),
            New::Decimal(text) => text.clone(),
            New::Text(text) => format!("\"{text}\""),
        };
        let what = format!("`{}` is {shown}", path.join("."));
        match (parts.as_slice(), new) {
            (["context", "input", argument @ ..], _) => {
                let value = match new {
                    New::Text(text) => Json::String(text.clone()),
                    New::Long(value) => Json::Number(Number::from(*value)),
                    New::Decimal(text) => Json::Number(Number::parse(text)?),
                };
                *at(&mut call.arguments, argument)? = value;
                Some((Kind::Argument, what, call))
            }
            (["context", "session", "acr"], New::Text(text)) => {
                call.session.acr = Some(text.clone());
                Some((Kind::Session, format!("the user signed in with `{text}`"), call))
            }
            (["context", "channel"], New::Text(text)) => {
                call.session.channel = Some(text.clone());
                Some((Kind::Session, what, call))
            }
            (["context", "session", "calls"], New::Long(value)) => {
                call.session.calls = Some(u64::try_from(*value).ok()?);
                Some((Kind::Session, what, call))
            }
            _ => None,
        }
    }

    /// A session that has seen nothing.
    fn session(&mut self) {
        if self.call.session.labels.as_ref().is_some_and(|labels| labels.is_empty()) {
            return;
        }
        let mut call = self.call.clone();
        call.session.labels = Some(Default::default());
        let decision = self.engine.decide(&call);
        self.keep(Kind::Session, "the session has seen nothing".into(), (decision.outcome, decision.reason));
    }
}

/// The value at a path, if it is there.
fn at<'j>(json: &'j mut Json, path: &[&str]) -> Option<&'j mut Json> {
    let Some((first, rest)) = path.split_first() else { return Some(json) };
    match json {
        Json::Object(fields) => at(fields.get_mut(*first)?, rest),
        _ => None,
    }
}
