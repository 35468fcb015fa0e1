//! Approvals in force: which recorded yes counts for which policy, and whom to ask for one.

use std::collections::BTreeSet;

use crate::compile::build::Compiled;
use crate::compile::policies::Policy;
use crate::data::catalog::{Server, Tool};
use crate::data::decision::Effect;
use crate::data::id::Subject;
use crate::data::policy::{Approver, Terms};
use crate::data::reason::Reason;
use crate::data::snapshot::{Approval, ApprovalKind, Reuse, Scope};
use crate::data::time::Instant;
use crate::eval::facts::Facts;
use crate::eval::ladder::{Row, Rung, Truth};

/// One call, as far as approvals are concerned.
pub(crate) struct Matter<'a> {
    pub(crate) engine: &'a Compiled,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) tool: &'a Tool,
    pub(crate) server: &'a Server,
    /// The call's binding; `None` if the arguments are not known, and any might have been approved.
    pub(crate) binding: Option<&'a str>,
    pub(crate) now: Instant,
}

impl<'a> Matter<'a> {
    /// How far the approvals in force count for one policy, each within that policy's own terms.
    pub(crate) fn in_force(&self, terms: &Terms) -> Rung {
        let counting = self.approvals().filter(|approval| self.counts(approval, terms));
        counting.map(|approval| rung(approval.kind)).max().unwrap_or(Rung::InForce)
    }

    /// The users who may say yes at a rung, given what the policies say there. Empty: nobody.
    pub(crate) fn approvers(&self, rung: Rung, policies: &[Policy], rows: &[Row]) -> Vec<String> {
        if rung != Rung::Manager {
            return vec![self.facts.requester.to_string()];
        }
        // those that only a manager moves have a say in who stands in the manager's place
        let mut lists = asking(policies, rows, Rung::SelfApproval, rung).map(|terms| self.eligible(terms)).peekable();
        let Some(first) = lists.peek().cloned() else { return self.eligible_by(&[]).into_iter().collect() };
        let lists: Vec<_> = lists.collect();
        if lists.iter().any(BTreeSet::is_empty) {
            return Vec::new();
        }
        let common: BTreeSet<String> =
            first.iter().filter(|id| lists.iter().all(|list| list.contains(*id))).cloned().collect();
        // nobody can speak for all of them: ask for one, and for the next when that yes is in force
        (if common.is_empty() { first } else { common }).into_iter().collect()
    }

    /// Why a yes is asked for although there may have been one.
    pub(crate) fn why_ask(&self, policies: &[Policy], rows: &[Row], asked: Rung) -> Reason {
        let mut why = Reason::ApprovalRequired;
        for approval in self.approvals().filter(|approval| approval.from <= self.now) {
            let concerns = match &approval.scope {
                Scope::Operation { server, .. } => *server == self.tool.id.server,
                _ => self.covers(&approval.scope),
            };
            // only what such a yes could move tells anything about it: the user's own never stood in for the manager's
            let could = rung(approval.kind).min(asked);
            let moved: Vec<&Terms> = asking(policies, rows, Rung::InForce, could).collect();
            if !concerns || moved.is_empty() || moved.iter().any(|terms| self.counts(approval, terms)) {
                continue;
            }
            let found = if self.now >= approval.until || moved.iter().all(|terms| !within(approval, terms, self.now)) {
                Reason::ApprovalExpired
            } else if !self.covers(&approval.scope) || moved.iter().all(|terms| approval.scope.width() > terms.reuse) {
                Reason::OutOfScope
            } else {
                Reason::ApprovalUnverifiable
            };
            // what is wrong with a yes that has not run out says more than that another has
            if why == Reason::ApprovalRequired || why == Reason::ApprovalExpired {
                why = found;
            }
        }
        why
    }

    /// The instants at which an approval begins or stops to count, later than now.
    pub(crate) fn boundaries(&self, policies: &'a [Policy]) -> impl Iterator<Item = Instant> {
        self.approvals().flat_map(move |approval| {
            let ages = policies.iter().filter_map(|policy| policy.terms.valid_for);
            ages.map(|age| approval.from.saturating_add(age)).chain([approval.from, approval.until])
        })
    }

    fn approvals(&self) -> impl Iterator<Item = &'a Approval> {
        let subject: &Subject = self.facts.subject;
        self.engine.directory.snapshot.approvals.iter().filter(move |approval| approval.subject == *subject)
    }

    // FAIL-CLOSED: a_yes_counts_only_within_the_terms. Interval, scope, width, age and approver must all fit.
    fn counts(&self, approval: &Approval, terms: &Terms) -> bool {
        approval.from <= self.now
            && self.now < approval.until
            && self.covers(&approval.scope)
            && approval.scope.width() <= terms.reuse
            && within(approval, terms, self.now)
            && match approval.kind {
                ApprovalKind::SelfApproval => approval.by == self.facts.requester,
                ApprovalKind::Manager => self.eligible(terms).contains(&approval.by),
            }
    }

    fn covers(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Call(binding) => self.binding.is_none_or(|this| this == binding),
            Scope::Tool(tool) => *tool == self.tool.id,
            Scope::Operation { operation, server } => {
                *operation == self.tool.operation && *server == self.tool.id.server
            }
            Scope::Server(server) => *server == self.tool.id.server,
        }
    }

    fn eligible(&self, terms: &Terms) -> BTreeSet<String> {
        self.eligible_by(&terms.approvers)
    }

    /// Who may say yes in the manager's place: active, and never the requester.
    fn eligible_by(&self, approvers: &[Approver]) -> BTreeSet<String> {
        if approvers.is_empty() {
            return self.facts.manager.map(ToString::to_string).into_iter().collect();
        }
        let directory = &self.engine.directory;
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for approver in approvers {
            match approver {
                Approver::ServerOwner => all.extend(self.server.owner.as_deref()),
                Approver::EntitlementOwner => {
                    let defined = self.tool.entitlements.iter().filter_map(|id| directory.entitlement(id));
                    all.extend(defined.flat_map(|entitlement| &entitlement.owners).map(String::as_str));
                }
                Approver::Group(group) => all.extend(directory.active_members(group)),
                Approver::User(user) => all.extend([user.as_str()]),
            }
        }
        // FAIL-CLOSED: the_requester_is_not_the_approver
        all.retain(|id| *id != self.facts.requester && directory.active_user(id).is_some());
        all.into_iter().map(ToString::to_string).collect()
    }
}

/// The policies that a yes at rung `to` moves from what they say at `from`, in the order of their ids.
pub(crate) fn asking<'a>(
    policies: &'a [Policy],
    rows: &'a [Row],
    from: Rung,
    to: Rung,
) -> impl Iterator<Item = &'a Terms> {
    // a permit that holds anyway needs nobody's yes, so one that would hold after it asks for nothing
    let permitted = rows.iter().any(|row| row.effect == Effect::Permit && row.is(Truth::True, from));
    policies.iter().zip(rows).filter_map(move |(policy, row)| {
        let moves = match row.effect {
            Effect::Permit => !permitted && !row.is(Truth::True, from) && row.is(Truth::True, to),
            Effect::Forbid => row.is(Truth::True, from) && !row.is(Truth::True, to),
        };
        moves.then_some(&policy.terms)
    })
}

/// The scope to ask for: the widest that every asking policy accepts.
pub(crate) fn scope(tool: &Tool, reuse: Reuse, binding: &str) -> Scope {
    match reuse {
        Reuse::Call => Scope::Call(binding.into()),
        Reuse::Tool => Scope::Tool(tool.id.clone()),
        Reuse::Operation => Scope::Operation { operation: tool.operation, server: tool.id.server.clone() },
        Reuse::Server => Scope::Server(tool.id.server.clone()),
    }
}

fn within(approval: &Approval, terms: &Terms, now: Instant) -> bool {
    terms.valid_for.is_none_or(|age| now < approval.from.saturating_add(age))
}

fn rung(kind: ApprovalKind) -> Rung {
    match kind {
        ApprovalKind::SelfApproval => Rung::SelfApproval,
        ApprovalKind::Manager => Rung::Manager,
    }
}
