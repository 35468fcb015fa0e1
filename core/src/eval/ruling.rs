//! What the policies say of one question, once each has counted the approvals in force on its own terms.

use std::collections::BTreeSet;

use crate::compile::policies::Policy;
use crate::data::decision::{Effect, StepUp};
use crate::data::reason::Reason;
use crate::eval::approval::Matter;
use crate::eval::facts::Refusal;
use crate::eval::ladder::{Row, Rung, Truth, Verdict, climb};
use crate::eval::referee::{self, Question};

/// What a policy says, before and after the approvals in force are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruled {
    /// At no, the user's and the manager's approval.
    pub(crate) asked: [Truth; 3],
    /// At the three rungs: each at least with the approvals in force that count for this policy.
    pub(crate) row: Row,
}

/// Asks every policy, and counts for each the approvals in force on its own terms.
pub(crate) fn ruled(question: &Question<'_>, matter: &Matter<'_>) -> Result<Vec<Ruled>, Refusal> {
    // FAIL-CLOSED: a_request_cedar_does_not_take_is_denied, never asked in another form
    let truths = referee::ask(question).map_err(|error| Refusal::new(Reason::EvaluationError, error))?;
    let policies = &question.engine.policies;
    let stand_ins = stand_ins(policies, &truths, matter);
    Ok(policies
        .iter()
        .zip(truths)
        .map(|(policy, asked)| {
            let [_, self_approval, manager] = asked;
            let at = match matter.in_force(&policy.terms, &stand_ins) {
                Rung::InForce => asked,
                Rung::SelfApproval => [self_approval, self_approval, manager],
                Rung::Manager => [manager; 3],
            };
            // FAIL-CLOSED: forbid_error_denies, also where an approval in force would hide the rung it errs at
            let broken = policy.terms.effect == Effect::Forbid && asked.contains(&Truth::Error);
            let at = if broken { asked } else { at };
            Ruled { asked, row: Row { effect: policy.terms.effect, at } }
        })
        .collect())
}

/// Who said yes in the manager's place, for some policy that only a manager moves.
pub(crate) fn stand_ins(policies: &[Policy], truths: &[[Truth; 3]], matter: &Matter<'_>) -> BTreeSet<String> {
    let moved = policies.iter().zip(truths).filter(|(_, [_, self_approval, manager])| self_approval != manager);
    matter.stand_ins(moved.map(|(policy, _)| &policy.terms))
}

/// Climbs the ladder with the approvers that this matter has.
pub(crate) fn verdict(matter: &Matter<'_>, ruled: &[Ruled]) -> Verdict {
    let rows: Vec<Row> = ruled.iter().map(|ruled| ruled.row).collect();
    climb(&rows, |rung| !matter.approvers(rung, &matter.engine.policies, &rows).is_empty())
}

/// What the user would have to do first, if that would open the way: everything that forbids can be remedied, and
/// without it the call would be allowed.
pub(crate) fn remedy(policies: &[Policy], ruled: &[Ruled]) -> Option<StepUp> {
    let forbids = |row: &Row| row.effect == Effect::Forbid && row.is(Truth::True, Rung::Manager);
    let mut step_up = None;
    for (policy, _) in policies.iter().zip(ruled).filter(|(_, ruled)| forbids(&ruled.row)) {
        step_up = step_up.or(Some(policy.terms.step_up.clone()?));
    }
    let rest: Vec<Row> = ruled.iter().map(|ruled| ruled.row).filter(|row| !forbids(row)).collect();
    step_up.filter(|_| matches!(climb(&rest, |_| true), Verdict::Allowed(_)))
}
