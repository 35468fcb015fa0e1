//! What the policies say of one question, once each has counted the approvals in force on its own terms.

use smallvec::SmallVec;

use crate::compile::build::Compiled;
use crate::compile::policies::{Brief, Policy};
use crate::data::decision::{Effect, StepUp};
use crate::data::reason::Reason;
use crate::eval::approval::{Asked, Matter, Users};
use crate::eval::detail::Refusal;
use crate::eval::ladder::{Row, Rung, Truth, Verdict, climb};
use crate::eval::question::{Question, Truths};

/// What a policy says, before and after the approvals in force are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruled {
    /// The policy's number.
    pub(crate) policy: u32,
    /// At no, the user's and the manager's approval.
    pub(crate) asked: [Truth; 3],
    /// At the three rungs: each at least with the approvals in force that count for this policy.
    pub(crate) row: Row,
    /// Whether time alone could change what it says.
    pub(crate) timed: bool,
}

/// What the policies that apply say, in the order of their ids. One that does not apply says nothing.
pub(crate) type Rows = SmallVec<[Ruled; 16]>;

/// Asks every policy, and counts for each the approvals in force on its own terms.
///
/// `kept` is for what all policies said, to go on from if the agent held more.
pub(crate) fn ruled(
    question: &Question<'_>,
    matter: &Matter<'_>,
    mut kept: Option<&mut Truths>,
) -> Result<Rows, Refusal<'static>> {
    // FAIL-CLOSED: a_request_cedar_does_not_take_is_denied, never asked in another form
    let mut rows = Rows::new();
    let said = |policy, brief: &Brief, asked: [Truth; 3]| {
        if let Some(kept) = &mut kept {
            kept.push((policy, asked));
        }
        // what is false whatever humans say has no say, unless time can change it
        if !matches!(asked, [Truth::False, Truth::False, Truth::False]) || brief.timed {
            let row = row(brief.effect, asked, Rung::InForce, Rung::InForce);
            rows.push(Ruled { policy, asked, row, timed: brief.timed });
        }
    };
    question.ask_each(|_| true, said).map_err(|error| Refusal::new(Reason::EvaluationError, error))?;
    if matter.has_approvals() {
        let most = levels(&rows, matter);
        // where any call might be meant, a yes to one call may count for it or not
        let least = match matter.asked {
            Asked::AnyCall { tool, .. } => {
                levels(&rows, &Matter { asked: Asked::AnyCall { tool, approved: false }, ..*matter })
            }
            Asked::Call { .. } | Asked::Token => most.clone(),
        };
        for (ruled, (least, most)) in rows.iter_mut().zip(least.into_iter().zip(most)) {
            ruled.row = row(ruled.row.effect, ruled.asked, least, most);
        }
    }
    Ok(rows)
}

/// What a policy says at each rung, given how far the approvals in force count for it, at least and at most.
pub(crate) fn row(effect: Effect, asked: [Truth; 3], least: Rung, most: Rung) -> Row {
    // mostly it says the same whatever humans say
    if matches!(asked, [Truth::True, Truth::True, Truth::True] | [Truth::False, Truth::False, Truth::False]) {
        return Row { effect, at: asked };
    }
    // FAIL-CLOSED: forbid_error_denies, also where an approval in force would hide the rung it errs at
    let broken = effect == Effect::Forbid && asked.contains(&Truth::Error);
    let at = Rung::ALL.map(|rung| best(effect, asked, rung.max(least), rung.max(most)));
    Row { effect, at: if broken { asked } else { at } }
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
fn levels(rows: &[Ruled], matter: &Matter<'_>) -> SmallVec<[Rung; 16]> {
    let stand_ins = stand_ins(rows.iter().map(|ruled| (ruled.policy, ruled.asked)), matter);
    let level = |ruled: &Ruled| {
        let policy = matter.engine.policy(ruled.policy);
        policy.map_or(Rung::InForce, |policy| matter.in_force(policy, &stand_ins))
    };
    rows.iter().map(level).collect()
}

/// Who said yes in the manager's place, for some policy that only a manager moves.
pub(crate) fn stand_ins(truths: impl Iterator<Item = (u32, [Truth; 3])>, matter: &Matter<'_>) -> Users {
    let moved = truths.filter(|(_, [_, self_approval, manager])| self_approval != manager);
    let moved: SmallVec<[&Policy; 16]> = moved.filter_map(|(number, _)| matter.engine.policy(number)).collect();
    matter.stand_ins(&moved)
}

/// Climbs the ladder with the approvers that this matter has.
pub(crate) fn verdict(matter: &Matter<'_>, ruled: &[Ruled]) -> Verdict {
    climb(ruled.iter().map(|ruled| ruled.row), |rung| !matter.approvers(rung, ruled).is_empty())
}

/// What the user would have to do first, if that would open the way: everything that forbids can be remedied, and
/// without it the call would be allowed.
pub(crate) fn remedy<'e>(engine: &'e Compiled, ruled: &[Ruled]) -> Option<&'e StepUp> {
    let forbids = |row: &Row| row.effect == Effect::Forbid && row.is(Truth::True, Rung::Manager);
    let mut step_up = None;
    for ruled in ruled.iter().filter(|ruled| forbids(&ruled.row)) {
        step_up = step_up.or(Some(engine.policy(ruled.policy)?.terms.step_up.as_ref()?));
    }
    let rest = ruled.iter().map(|ruled| ruled.row).filter(|row| !forbids(row));
    step_up.filter(|_| matches!(climb(rest, |_| true), Verdict::Allowed(_)))
}
