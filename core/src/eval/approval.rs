//! Approvals in force: which recorded yes counts for which policy, and whom to ask for one.

use std::collections::{BTreeMap, BTreeSet};

use crate::compile::build::Compiled;
use crate::compile::policies::Policy;
use crate::data::catalog::{Server, Tool};
use crate::data::decision::Effect;
use crate::data::policy::{Approver, Terms};
use crate::data::reason::Reason;
use crate::data::snapshot::{Approval, ApprovalKind, Reuse, Scope};
use crate::data::time::Instant;
use crate::eval::facts::Facts;
use crate::eval::ladder::{Row, Rung, Truth};

/// One call or token, as far as approvals are concerned.
pub(crate) struct Matter<'a> {
    pub(crate) engine: &'a Compiled,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) server_id: &'a str,
    pub(crate) server: &'a Server,
    /// What unlocks it.
    pub(crate) entitlements: &'a [String],
    pub(crate) asked: Asked<'a>,
    pub(crate) now: Instant,
}

/// What the yes would be for.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// A call, by its tool and binding.
    Call { tool: &'a Tool, binding: &'a str },
    /// Some call of a tool, which might be one that was approved by itself.
    AnyCall { tool: &'a Tool, approved: bool },
    /// A scope in a token. Only a yes to the whole server covers it.
    Token,
}

impl<'a> Matter<'a> {
    /// A call of a tool, known or not.
    pub(crate) fn of_tool(
        engine: &'a Compiled,
        facts: &'a Facts<'a>,
        tool: &'a Tool,
        server: &'a Server,
        asked: Asked<'a>,
        now: Instant,
    ) -> Self {
        Self { engine, facts, server_id: &tool.id.server, server, entitlements: &tool.entitlements, asked, now }
    }

    /// Who stands in for the manager here: whoever may, for some policy that only a manager moves.
    pub(crate) fn stand_ins<'p>(&self, moved_by_manager: impl Iterator<Item = &'p Terms>) -> BTreeSet<String> {
        let candidates: Vec<&Terms> = moved_by_manager.collect();
        let given = self.approvals().filter(|approval| approval.kind == ApprovalKind::Manager);
        let mut all = BTreeSet::new();
        for approval in given {
            if candidates.iter().any(|terms| self.fits(approval, terms) && self.may_approve(&approval.by, terms)) {
                all.insert(approval.by.clone());
            }
        }
        all
    }

    /// How far the approvals in force count for one policy, each within that policy's own terms.
    pub(crate) fn in_force(&self, terms: &Terms, stand_ins: &BTreeSet<String>) -> Rung {
        let counting = self.approvals().filter_map(|approval| self.counts(approval, terms, stand_ins));
        counting.max().unwrap_or(Rung::InForce)
    }

    /// When the approvals that count for a policy stop to: the first of them.
    pub(crate) fn end(&self, terms: &Terms, stand_ins: &BTreeSet<String>) -> Option<Instant> {
        let counting = self.approvals().filter(|approval| self.counts(approval, terms, stand_ins).is_some());
        counting.map(|approval| end(approval, terms)).min()
    }

    /// The users who may say yes at a rung, given what the policies say there. Empty: nobody.
    pub(crate) fn approvers(&self, rung: Rung, policies: &[Policy], rows: &[Row]) -> Vec<String> {
        if rung != Rung::Manager {
            return vec![self.facts.requester.to_string()];
        }
        // those that only a manager moves have a say in who stands in the manager's place
        let moved: Vec<&Terms> = asking(policies, rows, Rung::SelfApproval, rung).collect();
        if moved.is_empty() {
            return self.eligible(&[]).into_iter().collect();
        }
        let mut lists: BTreeMap<&[Approver], BTreeSet<String>> = BTreeMap::new();
        for terms in &moved {
            lists.entry(&terms.approvers).or_insert_with(|| self.eligible(&terms.approvers));
        }
        let of = |effect| {
            let terms = moved.iter().filter(move |terms| terms.effect == effect);
            terms.filter_map(|terms| lists.get(terms.approvers.as_slice())).collect::<Vec<_>>()
        };
        // every forbid must be lifted, and one of the permits is enough
        let (forbids, mut permits) = (of(Effect::Forbid), of(Effect::Permit));
        let any_permit = permits.is_empty();
        permits.retain(|list| !list.is_empty());
        if forbids.iter().any(|list| list.is_empty()) || (permits.is_empty() && !any_permit) {
            return Vec::new();
        }
        let lifts_all = |id: &&String| forbids.iter().all(|list| list.contains(*id));
        let speaks_for_all: BTreeSet<&String> = match any_permit {
            true => forbids.iter().flat_map(|list| list.iter()).filter(lifts_all).collect(),
            false => permits.iter().flat_map(|list| list.iter()).filter(lifts_all).collect(),
        };
        if !speaks_for_all.is_empty() {
            return speaks_for_all.into_iter().cloned().collect();
        }
        // nobody speaks for all of them: ask for the first, and for the next when that yes is in force
        forbids.first().or_else(|| permits.first()).map(|list| list.iter().cloned().collect()).unwrap_or_default()
    }

    /// Why a yes is asked for although there may have been one.
    pub(crate) fn why_ask(&self, policies: &[Policy], rows: &[Row], asked: Rung) -> Reason {
        let mut why = Reason::ApprovalRequired;
        for approval in self.approvals().filter(|approval| approval.from <= self.now) {
            let concerns = match &approval.scope {
                Scope::Operation { server, .. } => *server == self.server_id,
                _ => self.covers(&approval.scope),
            };
            // only what such a yes could move tells anything about it: the user's own never stood in for the manager's
            let could = rung(approval.kind).min(asked);
            let moved: Vec<&Terms> = asking(policies, rows, Rung::InForce, could).collect();
            let nobody = BTreeSet::new();
            if !concerns
                || moved.is_empty()
                || moved.iter().any(|terms| self.counts(approval, terms, &nobody).is_some())
            {
                continue;
            }
            let found = if moved.iter().all(|terms| self.now >= end(approval, terms)) {
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
        self.engine.directory.approvals_for(self.facts.subject)
    }

    // FAIL-CLOSED: a_yes_counts_only_within_the_terms. Interval, scope, width, age and approver must all fit.
    fn counts(&self, approval: &Approval, terms: &Terms, stand_ins: &BTreeSet<String>) -> Option<Rung> {
        if !self.fits(approval, terms) {
            return None;
        }
        match approval.kind {
            ApprovalKind::SelfApproval => (approval.by == self.facts.requester).then_some(Rung::SelfApproval),
            ApprovalKind::Manager if self.may_approve(&approval.by, terms) => Some(Rung::Manager),
            // a yes in the manager's place counts as both, and for others that need a manager it is none
            ApprovalKind::Manager => stand_ins.contains(&approval.by).then_some(Rung::SelfApproval),
        }
    }

    fn fits(&self, approval: &Approval, terms: &Terms) -> bool {
        approval.from <= self.now
            && self.now < end(approval, terms)
            && self.covers(&approval.scope)
            && approval.scope.width() <= terms.reuse
    }

    fn covers(&self, scope: &Scope) -> bool {
        let tool = match self.asked {
            Asked::Call { tool, .. } | Asked::AnyCall { tool, .. } => Some(tool),
            Asked::Token => None,
        };
        match scope {
            Scope::Call(binding) => match self.asked {
                Asked::Call { binding: this, .. } => this == binding,
                Asked::AnyCall { approved, .. } => approved,
                Asked::Token => false,
            },
            Scope::Tool(id) => tool.is_some_and(|tool| tool.id == *id),
            Scope::Operation { operation, server } => {
                tool.is_some_and(|tool| tool.operation == *operation) && *server == self.server_id
            }
            Scope::Server(server) => *server == self.server_id,
        }
    }

    /// Whether one user may say yes in the manager's place, for one policy.
    fn may_approve(&self, id: &str, terms: &Terms) -> bool {
        // FAIL-CLOSED: the_requester_is_not_the_approver
        let Some(user) = self.engine.directory.active_user(id).filter(|user| user.id != self.facts.requester) else {
            return false;
        };
        if terms.approvers.is_empty() {
            return self.facts.manager == Some(id);
        }
        terms.approvers.iter().any(|approver| match approver {
            Approver::ServerOwner => self.server.owner.as_deref() == Some(id),
            Approver::EntitlementOwner => self.entitlement_owners().any(|owner| owner == id),
            Approver::Group(group) => self.engine.directory.with_ancestors(&user.groups).contains(group.as_str()),
            Approver::User(user) => user == id,
        })
    }

    /// Everybody who may say yes in the manager's place.
    fn eligible(&self, approvers: &[Approver]) -> BTreeSet<String> {
        if approvers.is_empty() {
            return self.facts.manager.map(ToString::to_string).into_iter().collect();
        }
        let directory = &self.engine.directory;
        let mut all: BTreeSet<&str> = BTreeSet::new();
        for approver in approvers {
            match approver {
                Approver::ServerOwner => all.extend(self.server.owner.as_deref()),
                Approver::EntitlementOwner => all.extend(self.entitlement_owners()),
                Approver::Group(group) => all.extend(directory.active_members(group)),
                Approver::User(user) => all.extend([user.as_str()]),
            }
        }
        // FAIL-CLOSED: the_requester_is_not_the_approver
        all.retain(|id| *id != self.facts.requester && directory.active_user(id).is_some());
        all.into_iter().map(ToString::to_string).collect()
    }

    fn entitlement_owners(&self) -> impl Iterator<Item = &str> {
        let defined = self.entitlements.iter().filter_map(|id| self.engine.directory.entitlement(id));
        defined.flat_map(|entitlement| &entitlement.owners).map(String::as_str)
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

/// The first instant at which an approval no longer counts for a policy: its own end, or the policy's age limit.
fn end(approval: &Approval, terms: &Terms) -> Instant {
    terms.valid_for.map_or(approval.until, |age| approval.until.min(approval.from.saturating_add(age)))
}

fn rung(kind: ApprovalKind) -> Rung {
    match kind {
        ApprovalKind::SelfApproval => Rung::SelfApproval,
        ApprovalKind::Manager => Rung::Manager,
    }
}
