//! What the policies say of one question, once each has counted the approvals in force on its own terms.

use std::collections::BTreeSet;

use crate::compile::policies::Policy;
use crate::data::decision::{Effect, StepUp};
use crate::data::reason::Reason;
use crate::eval::approval::{Asked, Matter};
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
    let most = levels(policies, &truths, matter);
    // where any call might be meant, a yes to one call may count for it or not
    let least = match matter.asked {
        Asked::AnyCall { tool, .. } => {
            levels(policies, &truths, &Matter { asked: Asked::AnyCall { tool, approved: false }, ..*matter })
        }
        Asked::Call { .. } | Asked::Token => most.clone(),
    };
    let levels = least.into_iter().zip(most);
    Ok(policies
        .iter()
        .zip(truths)
        .zip(levels)
        .map(|((policy, asked), (least, most))| {
            let effect = policy.terms.effect;
            // FAIL-CLOSED: forbid_error_denies, also where an approval in force would hide the rung it errs at
            let broken = effect == Effect::Forbid && asked.contains(&Truth::Error);
            let at = Rung::ALL.map(|rung| best(effect, asked, rung.max(least), rung.max(most)));
            Ruled { asked, row: Row { effect, at: if broken { asked } else { at } } }
        })
        .collect())
}

/// What a policy says at the level, of those that are possible, at which it opens most.
fn best(effect: Effect, asked: [Truth; 3], least: Rung, most: Rung) -> Truth {
    let row = Row { effect, at: asked };
    let mut possible = Rung::ALL.into_iter().filter(|level| (least..=most).contains(level));
    let (opens, otherwise) = match effect {
        Effect::Permit => (Truth::True, Truth::False),
        Effect::Forbid => (Truth::False, Truth::True),
    };
    if possible.any(|level| row.is(opens, level)) { opens } else { otherwise }
}

/// How far the approvals in force count for each policy.
fn levels(policies: &[Policy], truths: &[[Truth; 3]], matter: &Matter<'_>) -> Vec<Rung> {
    let stand_ins = stand_ins(policies, truths, matter);
    policies.iter().map(|policy| matter.in_force(&policy.terms, &stand_ins)).collect()
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
