//! What could be asked for: entitlements that are missing, may be requested, and would open the way.

use std::collections::BTreeMap;

use crate::compile::build::Compiled;
use crate::compile::directory::Held;
use crate::data::catalog::Tool;
use crate::data::decision::AccessRequest;
use crate::data::snapshot::{Granted, RequestApproval};
use crate::data::time::Instant;
use crate::eval::facts::Facts;
use crate::eval::ladder::{Rung, Truth};
use crate::eval::referee::{self, Question, Target};

/// Something the subject could ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    // the order is the order of preference: least friction, then id
    pub(crate) approval: RequestApproval,
    pub(crate) id: String,
    pub(crate) is_profile: bool,
}

impl Candidate {
    pub(crate) fn what(&self) -> Granted {
        if self.is_profile { Granted::Profile(self.id.clone()) } else { Granted::Entitlement(self.id.clone()) }
    }

    /// Who must agree to it, as a rung of the ladder.
    pub(crate) fn rung(&self) -> Rung {
        match self.approval {
            RequestApproval::Auto => Rung::InForce,
            RequestApproval::SelfApproval => Rung::SelfApproval,
            RequestApproval::Manager => Rung::Manager,
        }
    }

    /// What the agent would hold if it were given this.
    pub(crate) fn added_to(&self, facts: &Facts<'_>, engine: &Compiled) -> Held {
        let mut held = facts.held.clone();
        held.add(&self.what(), &engine.directory);
        held
    }

    /// The request, if somebody who may agree to it is known.
    pub(crate) fn request(&self, facts: &Facts<'_>, engine: &Compiled) -> Option<AccessRequest> {
        let approvers = match self.approval {
            RequestApproval::Auto => Vec::new(),
            RequestApproval::SelfApproval => vec![facts.requester.to_string()],
            RequestApproval::Manager => vec![facts.manager?.to_string()],
        };
        let directory = &engine.directory;
        let max_duration = if self.is_profile {
            directory.profile(&self.id).and_then(|profile| profile.max_duration)
        } else {
            directory.entitlement(&self.id).and_then(|entitlement| entitlement.max_duration)
        };
        let id = Some(self.id.clone());
        let (entitlement, profile) = if self.is_profile { (None, id) } else { (id, None) };
        Some(AccessRequest { entitlement, profile, approval: self.approval, approvers, max_duration })
    }
}

/// Everything that unlocks the tool, is not held, not about to be, and may be requested; in order of preference.
pub(crate) fn candidates(engine: &Compiled, facts: &Facts<'_>, tool: &Tool) -> Vec<Candidate> {
    let directory = &engine.directory;
    let may = |groups: &[String]| groups.iter().any(|group| group == "*" || facts.groups.contains(group.as_str()));
    let missing: Vec<&String> = tool.entitlements.iter().filter(|id| !facts.held.entitlements.contains(*id)).collect();
    let entitlements = missing.iter().filter_map(|id| directory.entitlement(id)).filter(|e| may(&e.requestable_by));
    let profiles = directory
        .snapshot
        .profiles
        .iter()
        .filter(|profile| !facts.held.profiles.contains(&profile.id) && may(&profile.requestable_by))
        .filter(|profile| profile.entitlements.iter().any(|id| missing.contains(&id)));
    let mut all: Vec<Candidate> = entitlements
        .map(|e| Candidate { approval: e.request_approval, id: e.id.clone(), is_profile: false })
        .chain(profiles.map(|p| Candidate { approval: p.request_approval, id: p.id.clone(), is_profile: true }))
        .filter(|candidate| !facts.pending.iter().any(|(what, _)| **what == candidate.what()))
        .collect();
    all.sort();
    all.dedup();
    all
}

/// The grants not begun yet that give one of the tool's entitlements, soonest first.
pub(crate) fn pending<'a>(engine: &Compiled, facts: &Facts<'a>, tool: &Tool) -> Vec<(&'a Granted, Instant)> {
    let gives = |what: &Granted| match what {
        Granted::Entitlement(id) => tool.entitlements.contains(id),
        Granted::Profile(id) => engine
            .directory
            .profile(id)
            .is_some_and(|profile| profile.entitlements.iter().any(|id| tool.entitlements.contains(id))),
    };
    let mut all: Vec<_> = facts.pending.iter().filter(|(what, _)| gives(what)).copied().collect();
    all.sort_by_key(|(_, from)| *from);
    all
}

/// Whether policies forbid asking for something, each entitlement asked about once.
#[derive(Default)]
pub(crate) struct Forbidden {
    known: BTreeMap<String, [bool; 3]>,
}

impl Forbidden {
    /// Whether a policy forbids asking for it, even when those agreed who must agree to it.
    pub(crate) fn forbids(&mut self, question: &Question<'_>, candidate: &Candidate) -> bool {
        let engine = question.engine;
        if !engine.policies.iter().any(|policy| policy.forbids_requests) {
            return false;
        }
        let single = [candidate.id.clone()];
        let entitlements = match engine.directory.profile(&candidate.id) {
            Some(profile) if candidate.is_profile => profile.entitlements.as_slice(),
            _ => &single[..],
        };
        entitlements.iter().any(|id| {
            let [none, self_approval, manager] =
                *self.known.entry(id.clone()).or_insert_with(|| forbidden_at(question, id));
            match candidate.rung() {
                Rung::InForce => none,
                Rung::SelfApproval => self_approval,
                Rung::Manager => manager,
            }
        })
    }
}

/// At which rungs a policy forbids asking for an entitlement. An error forbids at all.
fn forbidden_at(question: &Question<'_>, entitlement: &str) -> [bool; 3] {
    let asked = Question { target: Target::Request { entitlement }, ..*question };
    let mut forbidden = [false; 3];
    match referee::ask_some(&asked, |policy| policy.forbids_requests) {
        Ok(truths) => {
            for at in truths {
                let broken = at.contains(&Truth::Error);
                for (forbidden, truth) in forbidden.iter_mut().zip(at) {
                    *forbidden |= broken || truth == Truth::True;
                }
            }
        }
        // FAIL-CLOSED: what_cannot_be_asked_of_policies_cannot_be_requested
        Err(_) => forbidden = [true; 3],
    }
    forbidden
}
