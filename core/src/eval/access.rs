//! What could be asked for: entitlements that are missing, may be requested, and would open the way.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::compile::build::Compiled;
use crate::compile::inventory::{Candidate, ToolEntry};
use crate::data::decision::AccessRequest;
use crate::data::snapshot::RequestApproval;
use crate::data::time::Instant;
use crate::eval::facts::Facts;
use crate::eval::ladder::{Rung, Truth};
use crate::eval::question::{Question, Target};
use crate::load::people::What;

impl Candidate {
    pub(crate) fn what(&self) -> What {
        if self.is_profile { What::Profile(self.number) } else { What::Entitlement(self.number) }
    }

    /// Who must agree to it, as a rung of the ladder.
    pub(crate) fn rung(&self) -> Rung {
        match self.approval {
            RequestApproval::Auto => Rung::InForce,
            RequestApproval::SelfApproval => Rung::SelfApproval,
            RequestApproval::Manager => Rung::Manager,
        }
    }

    /// Whether somebody who may agree to it is known.
    pub(crate) fn can_be_agreed(&self, facts: &Facts<'_>) -> bool {
        self.approval != RequestApproval::Manager || facts.manager.is_some()
    }

    /// The request.
    pub(crate) fn request<'e>(&'e self, facts: &Facts<'_>, engine: &'e Compiled) -> AccessRequest<'e> {
        let approver = match self.approval {
            RequestApproval::Auto => None,
            RequestApproval::SelfApproval => Some(facts.requester),
            RequestApproval::Manager => facts.manager,
        };
        let people = &engine.people;
        let id = Some(Cow::Borrowed(self.id.as_str()));
        let (entitlement, profile, max_duration) = if self.is_profile {
            (None, id, people.profile(self.number).and_then(|profile| profile.max_duration))
        } else {
            (id, None, people.entitlement(self.number).and_then(|entitlement| entitlement.max_duration))
        };
        let approvers = approver.map(|user| Cow::Borrowed(engine.user_name(user)));
        AccessRequest {
            entitlement,
            profile,
            approval: self.approval,
            approvers: approvers.into_iter().collect(),
            max_duration,
        }
    }
}

/// Everything that unlocks the tool, is not held, not about to be, and may be requested; in order of preference.
pub(crate) fn candidates<'e>(
    engine: &'e Compiled,
    facts: &Facts<'_>,
    tool: &'e ToolEntry,
) -> impl Iterator<Item = &'e Candidate> {
    let missing = |id: u32| tool.guarded.entitlements.binary_search(&id).is_ok() && !facts.held.has(id);
    tool.askable.iter().filter(move |candidate| {
        let (wanted, defined) = if candidate.is_profile {
            let Some(profile) = engine.people.profile(candidate.number) else { return false };
            let gives = profile.entitlements.iter().any(|id| missing(*id));
            (!facts.held.has_profile(candidate.number) && gives, profile)
        } else {
            let Some(entitlement) = engine.people.entitlement(candidate.number) else { return false };
            (missing(candidate.number), entitlement)
        };
        let may = defined.by_everyone || defined.requestable_by.iter().any(|id| facts.groups.binary_search(id).is_ok());
        let pending = || facts.pending.iter().any(|(what, _)| *what == candidate.what());
        wanted && may && !pending()
    })
}

/// The grants not begun yet that give one of the tool's entitlements, soonest first.
pub(crate) fn pending(engine: &Compiled, facts: &Facts<'_>, tool: &ToolEntry) -> SmallVec<[(What, Instant); 2]> {
    let unlocks = |id: &u32| tool.guarded.entitlements.binary_search(id).is_ok();
    let gives = |what: &What| match what {
        What::Entitlement(id) => unlocks(id),
        What::Profile(id) => engine.people.profile(*id).is_some_and(|profile| profile.entitlements.iter().any(unlocks)),
    };
    let mut all: SmallVec<[(What, Instant); 2]> =
        facts.pending.iter().filter(|(what, _)| gives(what)).copied().collect();
    all.sort_by_key(|(_, from)| *from);
    all
}

/// Whether policies forbid asking for something, each entitlement asked about once: for one subject, session and
/// instant, whatever the tool.
#[derive(Default)]
pub(crate) struct Forbidden {
    /// Sorted.
    known: SmallVec<[(u32, [bool; 3]); 4]>,
}

impl Forbidden {
    /// Whether a policy forbids asking for it, even when those agreed who must agree to it.
    pub(crate) fn forbids(&mut self, question: &Question<'_>, candidate: &Candidate) -> bool {
        let engine = question.engine;
        if !engine.forbids_requests {
            return false;
        }
        let single = [candidate.number];
        let entitlements = match engine.people.profile(candidate.number) {
            Some(profile) if candidate.is_profile => profile.entitlements,
            _ => &single[..],
        };
        entitlements.iter().any(|id| {
            let place = self.known.binary_search_by_key(id, |(known, _)| *known);
            let known = place.ok().and_then(|place| self.known.get(place)).map(|(_, at)| *at);
            let [none, self_approval, manager] = known.unwrap_or_else(|| {
                let at = forbidden_at(question, *id);
                self.known.insert(place.unwrap_or_else(|free| free), (*id, at));
                at
            });
            match candidate.rung() {
                Rung::InForce => none,
                Rung::SelfApproval => self_approval,
                Rung::Manager => manager,
            }
        })
    }
}

/// At which rungs a policy forbids asking for an entitlement. An error forbids at all.
fn forbidden_at(question: &Question<'_>, entitlement: u32) -> [bool; 3] {
    let own = [entitlement];
    let asked = Question { target: Target::Request { entitlement, own: &own }, before: None, ..*question };
    let mut forbidden = [false; 3];
    match asked.ask_some(|policy| policy.forbids_requests) {
        Ok(truths) => {
            for (_, at) in truths {
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
