//! Approvals in force: which recorded yes counts for which policy, and whom to ask for one.

use std::cell::OnceCell;

use smallvec::SmallVec;

use crate::compile::build::Compiled;
use crate::compile::inventory::{ServerEntry, ToolEntry};
use crate::compile::people::Recorded;
use crate::compile::policies::{ApproverNumber, Policy};
use crate::compile::symbols;
use crate::data::canonical::Written;
use crate::data::decision::Effect;
use crate::data::id::SubjectRef;
use crate::data::policy::Terms;
use crate::data::reason::Reason;
use crate::data::snapshot::{ApprovalKind, Reuse, Scope};
use crate::data::time::Instant;
use crate::data::value::Ent;
use crate::eval::binding::binding;
use crate::eval::facts::{Facts, earliest};
use crate::eval::ladder::{Rung, Truth};
use crate::eval::ruling::Ruled;
use crate::load::asking::Asking;
use crate::load::tape::Item;

/// One call or token, as far as approvals are concerned.
pub(crate) struct Matter<'a> {
    pub(crate) engine: &'a Compiled,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) server: &'a ServerEntry,
    /// What unlocks it.
    pub(crate) entitlements: &'a [u32],
    pub(crate) asked: Asked<'a>,
    pub(crate) now: Instant,
}

/// What the yes would be for.
#[derive(Clone, Copy)]
pub(crate) enum Asked<'a> {
    /// A call, by its tool and binding.
    Call { tool: &'a ToolEntry, binding: &'a Binding<'a> },
    /// Some call of a tool, which might be one that was approved by itself.
    AnyCall { tool: &'a ToolEntry, approved: bool },
    /// A scope in a token. Only a yes to the whole server covers it.
    Token,
}

/// The digest that an approval of exactly one call carries, worked out if somebody asks.
pub(crate) struct Binding<'a> {
    digest: OnceCell<Written>,
    subject: SubjectRef<'a>,
    tool: &'a str,
    arguments: Item<'a>,
    definition: &'a str,
}

impl<'a> Binding<'a> {
    pub(crate) fn new<'c: 'a>(asking: &Asking<'c>, tool: &'a ToolEntry) -> Self {
        let Asking { subject, tool: name, arguments, .. } = *asking;
        Self { digest: OnceCell::new(), subject, tool: name, arguments, definition: &tool.digest }
    }

    pub(crate) fn get(&self) -> &str {
        let digest = || binding(self.subject, self.tool, self.arguments, self.definition);
        self.digest.get_or_init(digest).as_str()
    }
}

/// Users, by number.
pub(crate) type Users = SmallVec<[u32; 16]>;

impl<'a> Matter<'a> {
    /// Who stands in for the manager here: whoever may, for some policy that only a manager moves.
    pub(crate) fn stand_ins(&self, moved_by_manager: &[&Policy]) -> Users {
        let mut all = Users::new();
        for approved in self.approvals().filter(|approved| approved.approval.kind == ApprovalKind::Manager) {
            let may = |policy: &&Policy| self.fits(approved, &policy.terms) && self.may_approve(approved.by, policy);
            if moved_by_manager.iter().any(may) {
                all.push(approved.by);
            }
        }
        all
    }

    /// Whether anything was ever approved for the subject.
    pub(crate) fn has_approvals(&self) -> bool {
        !self.facts.approvals.is_empty()
    }

    /// How far the approvals in force count for one policy, each within that policy's own terms.
    pub(crate) fn in_force(&self, policy: &Policy, stand_ins: &[u32]) -> Rung {
        let counting = self.approvals().filter_map(|approved| self.counts(approved, policy, stand_ins));
        counting.max().unwrap_or(Rung::InForce)
    }

    /// When the approvals that count for a policy stop to: the first of them.
    pub(crate) fn end(&self, policy: &Policy, stand_ins: &[u32]) -> Option<Instant> {
        let counting = self.approvals().filter(|approved| self.counts(approved, policy, stand_ins).is_some());
        counting.map(|approved| end(approved, &policy.terms)).min()
    }

    /// The users who may say yes at a rung, given what the policies say there. Empty: nobody.
    pub(crate) fn approvers(&self, rung: Rung, rows: &[Ruled]) -> Users {
        if rung != Rung::Manager {
            return Users::from_slice(&[self.facts.requester]);
        }
        // those that only a manager moves have a say in who stands in the manager's place
        let moved = asking(self.engine, rows, Rung::SelfApproval, rung);
        if moved.is_empty() {
            return self.facts.manager.into_iter().collect();
        }
        let of = |effect| {
            let policies = moved.iter().filter(move |policy| policy.terms.effect == effect);
            policies.map(|policy| self.eligible(policy)).collect::<SmallVec<[Users; 8]>>()
        };
        // every forbid must be lifted, and one of the permits is enough
        let (forbids, mut permits) = (of(Effect::Forbid), of(Effect::Permit));
        let any_permit = permits.is_empty();
        permits.retain(|list| !list.is_empty());
        if forbids.iter().any(SmallVec::is_empty) || (permits.is_empty() && !any_permit) {
            return Users::new();
        }
        let speaking = if any_permit { &forbids } else { &permits };
        let mut speaks_for_all: Users = speaking.iter().flatten().copied().collect();
        speaks_for_all.retain(|id| forbids.iter().all(|list| list.contains(id)));
        if !speaks_for_all.is_empty() {
            return self.by_name(speaks_for_all);
        }
        // nobody speaks for all of them: ask for the first, and for the next when that yes is in force
        forbids.into_iter().chain(permits).next().map_or_else(Users::new, |list| self.by_name(list))
    }

    /// Why a yes is asked for although there may have been one.
    pub(crate) fn why_ask(&self, rows: &[Ruled], asked: Rung) -> Reason {
        let mut why = Reason::ApprovalRequired;
        for approved in self.approvals().filter(|approved| approved.approval.from <= self.now) {
            let approval = &approved.approval;
            let concerns = match &approval.scope {
                Scope::Operation { server, .. } => *server == self.server.id,
                _ => self.covers(&approval.scope),
            };
            // only what such a yes could move tells anything about it: the user's own never stood in for the manager's
            let could = rung(approval.kind).min(asked);
            let moved = asking(self.engine, rows, Rung::InForce, could);
            if !concerns || moved.is_empty() || moved.iter().any(|policy| self.counts(approved, policy, &[]).is_some())
            {
                continue;
            }
            let too_wide = |policy: &&Policy| approval.scope.width() > policy.terms.reuse;
            let found = if moved.iter().all(|policy| self.now >= end(approved, &policy.terms)) {
                Reason::ApprovalExpired
            } else if !self.covers(&approval.scope) || moved.iter().all(too_wide) {
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

    /// The first instant later than now at which an approval begins or stops to count for one of these policies.
    pub(crate) fn next_change(&self, rows: &[Ruled]) -> Option<Instant> {
        let mut next = None;
        for Recorded { approval, .. } in self.approvals() {
            let ages = rows.iter().filter_map(|ruled| self.engine.policy(ruled.policy)?.terms.valid_for);
            let ends = ages.map(|age| Some(approval.from.saturating_add(age)));
            next = earliest(next, ends.chain([Some(approval.from), Some(approval.until)]), self.now);
        }
        next
    }

    /// What was ever approved for the subject.
    pub(crate) fn approvals(&self) -> impl Iterator<Item = &'a Recorded> + use<'a> {
        self.facts.approvals.iter()
    }

    /// How far one yes counts for one policy.
    // FAIL-CLOSED: a_yes_counts_only_within_the_terms. Interval, scope, width, age and approver must all fit.
    pub(crate) fn counts(&self, approved: &Recorded, policy: &Policy, stand_ins: &[u32]) -> Option<Rung> {
        let by = approved.by;
        if !self.fits(approved, &policy.terms) {
            return None;
        }
        match approved.approval.kind {
            ApprovalKind::SelfApproval => (by == self.facts.requester).then_some(Rung::SelfApproval),
            ApprovalKind::Manager if self.may_approve(by, policy) => Some(Rung::Manager),
            // a yes in the manager's place counts as both, and for others that need a manager it is none
            ApprovalKind::Manager => stand_ins.contains(&by).then_some(Rung::SelfApproval),
        }
    }

    fn fits(&self, approved: &Recorded, terms: &Terms) -> bool {
        let approval = &approved.approval;
        approval.from <= self.now
            && self.now < end(approved, terms)
            && self.covers(&approval.scope)
            && approval.scope.width() <= terms.reuse
    }

    /// Whether a yes of that scope is about this.
    pub(crate) fn covers(&self, scope: &Scope) -> bool {
        let tool = match self.asked {
            Asked::Call { tool, .. } | Asked::AnyCall { tool, .. } => Some(tool),
            Asked::Token => None,
        };
        match scope {
            Scope::Call(binding) => match self.asked {
                Asked::Call { binding: this, .. } => this.get() == binding,
                Asked::AnyCall { approved, .. } => approved,
                Asked::Token => false,
            },
            Scope::Tool(id) => tool.is_some_and(|tool| tool.id == *id),
            Scope::Operation { operation, server } => {
                tool.is_some_and(|tool| tool.operation == *operation) && *server == self.server.id
            }
            Scope::Server(server) => *server == self.server.id,
        }
    }

    /// Whether one user may say yes in the manager's place, for one policy.
    fn may_approve(&self, user: u32, policy: &Policy) -> bool {
        // FAIL-CLOSED: the_requester_is_not_the_approver
        if user == self.facts.requester || !self.engine.people.is_active(user) {
            return false;
        }
        if policy.approvers.is_empty() {
            return self.facts.manager == Some(user);
        }
        let groups = || self.engine.people.user(user).map_or(&[][..], |user| user.groups);
        policy.approvers.iter().any(|approver| match approver {
            ApproverNumber::ServerOwner => self.server.owner == Some(user),
            ApproverNumber::EntitlementOwner => self.entitlement_owners().any(|owner| owner == user),
            ApproverNumber::Group(group) => groups().binary_search(group).is_ok(),
            ApproverNumber::User(id) => *id == user,
        })
    }

    /// Everybody who may say yes in the manager's place.
    fn eligible(&self, policy: &Policy) -> Users {
        if policy.approvers.is_empty() {
            return self.facts.manager.into_iter().collect();
        }
        let people = &self.engine.people;
        let mut all = Users::new();
        for approver in &policy.approvers {
            match approver {
                ApproverNumber::ServerOwner => all.extend(self.server.owner),
                ApproverNumber::EntitlementOwner => all.extend(self.entitlement_owners()),
                ApproverNumber::Group(group) => all.extend(people.active_members(*group)),
                ApproverNumber::User(user) => all.push(*user),
            }
        }
        // FAIL-CLOSED: the_requester_is_not_the_approver
        all.retain(|id| *id != self.facts.requester && people.is_active(*id));
        all
    }

    fn entitlement_owners(&self) -> impl Iterator<Item = u32> {
        let defined = self.entitlements.iter().filter_map(|id| self.engine.people.entitlement(*id));
        defined.flat_map(|entitlement| entitlement.owners.iter().copied())
    }

    /// Each user once, in the order of their names.
    fn by_name(&self, mut users: Users) -> Users {
        users.sort_unstable_by(|left, right| self.engine.user_name(*left).cmp(self.engine.user_name(*right)));
        users.dedup();
        users
    }
}

/// The policies that a yes at rung `to` moves from what they say at `from`, in the order of their ids.
pub(crate) fn asking<'a>(engine: &'a Compiled, rows: &[Ruled], from: Rung, to: Rung) -> SmallVec<[&'a Policy; 16]> {
    // a permit that holds anyway needs nobody's yes, so one that would hold after it asks for nothing
    let permitted = rows.iter().any(|ruled| ruled.row.effect == Effect::Permit && ruled.row.is(Truth::True, from));
    let moves = rows.iter().filter(|ruled| match ruled.row.effect {
        Effect::Permit => !permitted && !ruled.row.is(Truth::True, from) && ruled.row.is(Truth::True, to),
        Effect::Forbid => ruled.row.is(Truth::True, from) && !ruled.row.is(Truth::True, to),
    });
    moves.filter_map(|ruled| engine.policy(ruled.policy)).collect()
}

/// What a yes would cover: the widest scope that every asking policy accepts; none for this call alone.
pub(crate) fn scope(tool: &ToolEntry, reuse: Reuse) -> Option<&Scope> {
    let [of_tool, of_operation, of_server] = &tool.scopes;
    match reuse {
        Reuse::Call => None,
        Reuse::Tool => Some(of_tool),
        Reuse::Operation => Some(of_operation),
        Reuse::Server => Some(of_server),
    }
}

/// The first instant at which an approval no longer counts for a policy: its own end, or the policy's age limit.
pub(crate) fn end(approved: &Recorded, terms: &Terms) -> Instant {
    let Recorded { approval, .. } = approved;
    terms.valid_for.map_or(approval.until, |age| approval.until.min(approval.from.saturating_add(age)))
}

fn rung(kind: ApprovalKind) -> Rung {
    match kind {
        ApprovalKind::SelfApproval => Rung::SelfApproval,
        ApprovalKind::Manager => Rung::Manager,
    }
}

impl Compiled {
    /// The name of a user.
    pub(crate) fn user_name(&self, number: u32) -> &str {
        self.symbols.name(Ent { kind: symbols::USER, id: number }).1
    }
}
