//! The naive model: decides from a world's numbers and from `DESIGN.md` alone, and never asks toolgate.

use std::cell::Cell;
use std::collections::BTreeSet;

use toolgate::{Outcome, Reason};

use crate::world::{
    Approval, Approver, Call, Condition, GROUPS, Holder, Killed, MINUTE, Policy, Requestable, STAR, Scope,
    ServicePrincipal, Subject, TOOLS, USERS, VALID, What, Who, World,
};

/// What a policy is asked about.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Call(usize),
    Request(usize),
    Scope(usize),
}

#[derive(Clone)]
pub(crate) struct Person {
    requester: usize,
    manager: Option<usize>,
    groups: BTreeSet<usize>,
    own: Vec<usize>,
    pub(crate) ents: BTreeSet<usize>,
    profiles: BTreeSet<usize>,
    pending: Vec<(i64, bool, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Allowed(usize),
    Unresolved,
    Forbidden,
    Undecidable,
    Nothing,
}

/// True, false, or error.
pub(crate) type Truth = Result<bool, ()>;

pub(crate) struct Model<'a> {
    world: &'a World,
    call: &'a Call,
    /// What an unknown set of session labels is taken for: all there are, or none.
    all_labels: Cell<bool>,
}

impl<'a> Model<'a> {
    pub(crate) fn new(world: &'a World, call: &'a Call) -> Self {
        Self { world, call, all_labels: Cell::default() }
    }

    /// Design §2.1: every gate that is shut. Which is named first is not said, so any of them will do.
    pub(crate) fn gate(&self) -> Vec<Reason> {
        let (world, call) = (self.world, self.call);
        let mut shut = Vec::new();
        let Killed { tenant, server, tool, client } = world.killed;
        if call.now >= -60 * MINUTE + world.max_age {
            shut.push(Reason::SnapshotStale);
        }
        match call.subject {
            Subject::Agent(user, via) => {
                match world.users.get(user) {
                    None => shut.push(Reason::SubjectUnknown),
                    Some(user) if !user.active => shut.push(Reason::SubjectInactive),
                    _ => {}
                }
                if via >= 2 {
                    shut.push(Reason::ClientNotAllowed);
                }
                if client == Some(via) {
                    shut.push(Reason::KillSwitchActive);
                }
            }
            Subject::ServicePrincipal(id) => {
                let principal = &world.principals[id];
                if !principal.active {
                    shut.push(Reason::SubjectInactive);
                }
                if !world.users[principal.owner].active {
                    shut.push(Reason::OwnerInactive);
                }
            }
        }
        if tenant {
            shut.push(Reason::KillSwitchActive);
        }
        match world.tools.get(call.tool) {
            None => shut.push(Reason::ToolUnknown),
            Some(it) => {
                if server == Some(TOOLS[call.tool]) || tool == Some(call.tool) {
                    shut.push(Reason::KillSwitchActive);
                }
                if world.servers[TOOLS[call.tool]].paused {
                    shut.push(Reason::ServerPaused);
                }
                if it.state != 0 {
                    shut.push(Reason::ToolNotApproved);
                }
                if call.wrong {
                    shut.push(Reason::ArgumentInvalid);
                }
            }
        }
        shut
    }

    /// Who calls, and what they hold at an instant.
    pub(crate) fn person(&self, now: i64) -> Person {
        let world = self.world;
        let (requester, manager, direct, own) = match self.call.subject {
            Subject::Agent(user, _) => {
                (user, world.users[user].manager, world.users[user].groups.clone(), world.users[user].own.clone())
            }
            Subject::ServicePrincipal(id) => {
                let ServicePrincipal { owner, manager, groups, .. } = &world.principals[id];
                (*owner, manager.or(world.users[*owner].manager), groups.clone(), vec![])
            }
        };
        let groups = self.upwards(&direct);
        let mut person = Person {
            requester,
            manager: manager.filter(|m| *m != requester && world.users[*m].active),
            groups,
            own,
            ents: BTreeSet::new(),
            profiles: BTreeSet::new(),
            pending: vec![],
        };
        for grant in &world.grants {
            let mine = match (&grant.to, self.call.subject) {
                (Holder::User(u), Subject::Agent(user, _)) => *u == user,
                (Holder::Via(u, c), Subject::Agent(user, client)) => (*u, *c) == (user, client),
                (Holder::Group(g), Subject::Agent(..)) => person.groups.contains(g),
                (Holder::ServicePrincipal(p), Subject::ServicePrincipal(id)) => *p == id,
                _ => false,
            };
            if mine && grant.from.is_none_or(|from| from <= now) && grant.until.is_none_or(|until| now < until) {
                self.give(&mut person, grant.profile, grant.what);
            } else if mine && grant.from.is_some_and(|from| from > now) {
                person.pending.push((grant.from.unwrap(), grant.profile, grant.what));
            }
        }
        person
    }

    fn upwards(&self, direct: &[usize]) -> BTreeSet<usize> {
        let mut groups: BTreeSet<usize> = direct.iter().copied().collect();
        for g in 0..GROUPS {
            if groups.contains(&g) {
                groups.extend(self.world.groups[g].iter().copied());
            }
        }
        groups
    }

    fn give(&self, person: &mut Person, profile: bool, what: usize) {
        if profile {
            person.profiles.insert(what);
            person.ents.extend(self.world.profiles[what].ents.iter().copied());
        } else {
            person.ents.insert(what);
        }
    }

    /// Design §2, Cedar's own rules: `level` 0 nobody, 1 the user, 2 the manager too.
    fn eval(&self, c: &Condition, person: &Person, target: Target, level: usize) -> Truth {
        let (world, call) = (self.world, self.call);
        let calls = call.calls.unwrap_or(i64::MAX);
        let (ents, labels, sensitive, production): (Vec<usize>, &[usize], bool, bool) = match target {
            Target::Call(t) => (
                world.tools[t].ents.clone(),
                &world.tools[t].labels,
                world.tools[t].sensitive,
                world.servers[TOOLS[t]].production,
            ),
            Target::Request(e) => (vec![e], &[], false, true),
            Target::Scope(s) => (world.scopes[s].ents.clone(), &[], world.scopes[s].sensitive, true),
        };
        Ok(match c {
            Condition::SelfYes => level >= 1,
            Condition::ManagerYes => level >= 2,
            Condition::Held => ents.iter().any(|e| person.ents.contains(e)),
            Condition::Group(g) => person.groups.contains(g),
            Condition::Ent(e) => person.ents.contains(e),
            Condition::Label(l) => labels.contains(l),
            Condition::Sensitive => sensitive,
            Condition::Production => production,
            Condition::SessionLabel(l) => {
                call.labels.as_ref().map_or_else(|| self.all_labels.get(), |all| all.contains(l))
            }
            Condition::Calls(n) => calls > *n,
            Condition::Before(t) => call.now < *t,
            Condition::SignedInLongAgo => call.signed_in.is_none_or(|at| at > call.now || call.now - at > 60 * MINUTE),
            Condition::Amount(n) => call.amount.is_some_and(|amount| amount > *n),
            Condition::AmountTimes => match call.amount {
                Some(amount) => amount.checked_mul(1000).ok_or(())? > 50,
                None => false,
            },
            Condition::CallsPlus => calls.checked_add(1).ok_or(())? > 5,
            Condition::Web => call.web,
            Condition::Not(c) => !self.eval(c, person, target, level)?,
            Condition::And(a, b) => self.eval(a, person, target, level)? && self.eval(b, person, target, level)?,
            Condition::Or(a, b) => self.eval(a, person, target, level)? || self.eval(b, person, target, level)?,
        })
    }

    /// Design §3: of what the host leaves out, the worst is assumed; of unknown labels both extremes are tried.
    pub(crate) fn says(&self, p: &Policy, person: &Person, target: Target, level: usize) -> Truth {
        let [all, none] = [true, false].map(|all| {
            self.all_labels.set(all);
            self.says_with(p, person, target, level)
        });
        let (all, none) = (all?, none?);
        Ok(if p.forbid { all || none } else { all && none })
    }

    fn says_with(&self, p: &Policy, person: &Person, target: Target, level: usize) -> Truth {
        let who = match p.who {
            Who::Any => true,
            Who::Agent => matches!(self.call.subject, Subject::Agent(..)),
            Who::ServicePrincipal => matches!(self.call.subject, Subject::ServicePrincipal(_)),
            Who::Group(g) => person.groups.contains(&g),
            Who::Ent(e) => person.ents.contains(&e),
        };
        let what = match (&p.what, target) {
            (What::Any, _) | (What::Request, Target::Request(_)) | (What::IssueToken, Target::Scope(_)) => true,
            (What::Operation(op), Target::Call(t)) => self.world.tools[t].operation == *op,
            (What::Tool(tool), Target::Call(t)) => *tool == t,
            (What::Tools(tools), Target::Call(t)) => tools.contains(&t),
            _ => false,
        };
        let server = match (p.server, target) {
            (None, _) => true,
            (Some(s), Target::Call(t)) => TOOLS[t] == s,
            _ => false,
        };
        Ok(who
            && what
            && server
            && p.when.as_ref().map_or(Ok(true), |c| self.eval(c, person, target, level))?
            && !p.unless.as_ref().map_or(Ok(false), |c| self.eval(c, person, target, level))?)
    }

    /// Who may say yes in the manager's place for one policy.
    fn eligible(&self, p: &Policy, person: &Person) -> BTreeSet<usize> {
        let world = self.world;
        if p.approvers.is_empty() {
            return person.manager.into_iter().collect();
        }
        let tool = &world.tools[self.call.tool];
        let named = p.approvers.iter().flat_map(|approver| match approver {
            Approver::ServerOwner => vec![world.servers[TOOLS[self.call.tool]].owner],
            Approver::EntitlementOwner => {
                tool.ents.iter().filter_map(|e| world.ents[*e].as_ref()).flat_map(|e| e.owners.clone()).collect()
            }
            Approver::Group(g) => (0..USERS).filter(|u| self.upwards(&world.users[*u].groups).contains(g)).collect(),
            Approver::User(u) => vec![*u],
        });
        named.filter(|u| *u != person.requester && world.users[*u].active).collect()
    }

    /// Design §2.2: how far the approvals in force count for one policy.
    fn in_force(&self, p: &Policy, person: &Person) -> usize {
        let world = self.world;
        // who said yes in the manager's place, for something that only a manager moves: as good as the user's own yes
        let target = Target::Call(self.call.tool);
        let moved = |q: &&Policy| self.says(q, person, target, 1) != self.says(q, person, target, 2);
        let stands_in = |a: &Approval| {
            world.policies.iter().filter(moved).any(|q| self.fits(a, q) && self.eligible(q, person).contains(&a.by))
        };
        let level = |a: &Approval| match a.manager {
            _ if !self.fits(a, p) => 0,
            true if self.eligible(p, person).contains(&a.by) => 2,
            true => usize::from(stands_in(a)),
            false => usize::from(a.by == person.requester),
        };
        world.approvals.iter().map(level).max().unwrap_or(0)
    }

    fn fits(&self, a: &Approval, p: &Policy) -> bool {
        let (world, call) = (self.world, self.call);
        let (covers, width) = match a.scope {
            Scope::Call(c) => {
                let other = &world.calls[c];
                let same = (other.subject, other.tool, other.amount) == (call.subject, call.tool, call.amount);
                (same && !other.wrong, 0)
            }
            Scope::Tool(t) => (t == call.tool, 1),
            Scope::Operation(op, s) => (op == world.tools[call.tool].operation && s == TOOLS[call.tool], 2),
            Scope::Server(s) => (s == TOOLS[call.tool], 3),
        };
        let young = VALID[p.valid_for].is_none_or(|(_, minutes)| call.now - a.from < minutes * MINUTE);
        a.subject == call.subject && a.from <= call.now && call.now < a.until && covers && width <= p.reuse && young
    }

    /// Design §2.3 to 2.5. `consent`: whether the approvals in force count.
    fn ladder(&self, person: &Person, consent: bool) -> Verdict {
        let target = Target::Call(self.call.tool);
        let policies = &self.world.policies;
        let says = |p: &Policy, level| self.says(p, person, target, level);
        if policies.iter().any(|p| p.forbid && (0..3).any(|level| says(p, level).is_err())) {
            return Verdict::Undecidable;
        }
        let holds = |p: &Policy, rung: usize| {
            let in_force = if consent { self.in_force(p, person) } else { 0 };
            says(p, rung.max(in_force)) == Ok(true)
        };
        let permit = |rung| policies.iter().any(|p| !p.forbid && holds(p, rung));
        let allowed = |rung| permit(rung) && !policies.iter().any(|p| p.forbid && holds(p, rung));
        // somebody for every forbid that only a manager moves, and for one of the permits
        let resolves = || {
            let moved = policies
                .iter()
                .filter(|p| if p.forbid { holds(p, 1) && !holds(p, 2) } else { !permit(1) && holds(p, 2) });
            let (forbids, permits): (Vec<_>, Vec<_>) = moved.partition(|p| p.forbid);
            let somebody = |p: &&Policy| !self.eligible(p, person).is_empty();
            match (forbids.is_empty(), permits.is_empty()) {
                (true, true) => person.manager.is_some(),
                (_, no_permits) => forbids.iter().all(somebody) && (no_permits || permits.iter().any(somebody)),
            }
        };
        match (0..3).find(|rung| allowed(*rung) && (*rung < 2 || resolves())) {
            Some(rung) => Verdict::Allowed(rung),
            None if allowed(2) => Verdict::Unresolved,
            None if policies.iter().any(|p| p.forbid && holds(p, 2)) => Verdict::Forbidden,
            None => Verdict::Nothing,
        }
    }

    /// Design §2: the outcome, and the reasons that may be given for it.
    pub(crate) fn decide(&self) -> (Outcome, Vec<Reason>, bool) {
        let shut = self.gate();
        if !shut.is_empty() {
            return (Outcome::Deny, shut, false);
        }
        let rungs = [Outcome::AutoApprove, Outcome::SelfApprove, Outcome::ManagerApprove];
        let (world, person) = (self.world, self.person(self.call.now));
        let verdict = self.ladder(&person, true);
        match verdict {
            Verdict::Allowed(0) => {
                let held = self.ladder(&person, false) == Verdict::Allowed(0);
                return (
                    Outcome::AutoApprove,
                    vec![if held { Reason::AllowedHeld } else { Reason::AllowedByApproval }],
                    false,
                );
            }
            Verdict::Allowed(rung) => {
                let mut why = vec![Reason::ApprovalRequired];
                let mine: Vec<_> = world
                    .approvals
                    .iter()
                    .filter(|a| a.subject == self.call.subject && a.from <= self.call.now)
                    .collect();
                if !mine.is_empty() {
                    why.extend([Reason::OutOfScope, Reason::ApprovalUnverifiable, Reason::ApprovalExpired]);
                }
                return (rungs[rung], why, false);
            }
            Verdict::Undecidable => return (Outcome::Deny, vec![Reason::EvaluationError], false),
            _ => {}
        }
        // step 6: least friction (who must agree, then what the call still needs), then id
        let wanted: Vec<usize> =
            world.tools[self.call.tool].ents.iter().copied().filter(|e| !person.ents.contains(e)).collect();
        let may = |a: &Requestable| a.by.iter().any(|g| *g == STAR || person.groups.contains(g));
        let mut candidates: Vec<(usize, String, bool, usize, Vec<usize>)> = Vec::new();
        for &e in &wanted {
            if let Some(requestable) = world.ents[e].as_ref().filter(|requestable| may(requestable)) {
                candidates.push((requestable.approval, world.id("e", e), false, e, vec![e]));
            }
        }
        for (f, requestable) in world.profiles.iter().enumerate() {
            if may(requestable) && !person.profiles.contains(&f) && requestable.ents.iter().any(|e| wanted.contains(e))
            {
                candidates.push((requestable.approval, world.id("f", f), true, f, requestable.ents.clone()));
            }
        }
        candidates.retain(|(_, _, profile, what, _)| {
            !person.pending.iter().any(|(_, also, one)| (also, one) == (profile, what))
        });
        let mut unresolved = false;
        let mut offers = Vec::new();
        for (approval, id, profile, what, ents) in candidates {
            let mut richer = person.clone();
            self.give(&mut richer, profile, what);
            let Verdict::Allowed(rung) = self.ladder(&richer, true) else { continue };
            let refused = ents.iter().any(|e| {
                let says = |p: &Policy, level| self.says(p, &person, Target::Request(*e), level);
                world
                    .policies
                    .iter()
                    .any(|p| p.forbid && (says(p, approval) == Ok(true) || (0..3).any(|level| says(p, level).is_err())))
            });
            if refused {
                continue;
            }
            if approval == 2 && person.manager.is_none() {
                unresolved = true;
                continue;
            }
            // what asking alone gives still needs the yes that the call needs
            let outcome = if approval == 0 { rung } else { approval };
            offers.push((approval, rung, id, profile, outcome));
        }
        if let Some((.., outcome)) = offers.into_iter().min() {
            return (rungs[outcome], vec![Reason::NotHeldRequestable], true);
        }
        for (_, profile, what) in &person.pending {
            let mut richer = person.clone();
            self.give(&mut richer, *profile, *what);
            let gives = if *profile { world.profiles[*what].ents.clone() } else { vec![*what] };
            let concerns = gives.iter().any(|e| world.tools[self.call.tool].ents.contains(e));
            if concerns && matches!(self.ladder(&richer, true), Verdict::Allowed(_)) {
                return (Outcome::Deny, vec![Reason::GrantPending], false);
            }
        }
        if unresolved {
            return (Outcome::TicketFallback, vec![Reason::ApproverUnresolved], false);
        }
        match verdict {
            Verdict::Forbidden => (Outcome::Deny, vec![Reason::PolicyDenied, Reason::StepUpRequired], false),
            Verdict::Unresolved => (Outcome::TicketFallback, vec![Reason::ApproverUnresolved], false),
            _ => {
                let held = world.tools[self.call.tool].ents.iter().any(|e| person.ents.contains(e));
                let human = world.tools[self.call.tool].ents.iter().any(|e| person.own.contains(e));
                let why = if !held && human { Reason::AgentNotEntitled } else { Reason::Ineligible };
                (Outcome::TicketFallback, vec![why], false)
            }
        }
    }
}
