//! The rule you must trust: from what each policy says at three rungs to what happens with the call.
//!
//! The same policies are asked three times: with the approvals in force, as if the user said yes now, and as if
//! the manager did too. The lowest rung at which the call is allowed is the answer. Nothing here knows Cedar.

use serde::Serialize;

use crate::data::decision::Effect;

/// How much human consent a question assumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Only the approvals in force.
    InForce,
    /// As if the user said yes now.
    SelfApproval,
    /// As if the manager did too.
    Manager,
}

impl Rung {
    /// The rungs, from the lowest.
    pub const ALL: [Self; 3] = [Self::InForce, Self::SelfApproval, Self::Manager];
}

/// What a policy says of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// It applies.
    True,
    /// It does not.
    False,
    /// It cannot be evaluated.
    Error,
}

/// What one policy says at each rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) effect: Effect,
    pub(crate) at: [Truth; 3],
}

impl Row {
    pub(crate) fn is(&self, truth: Truth, rung: Rung) -> bool {
        let [in_force, self_approval, manager] = self.at;
        truth
            == match rung {
                Rung::InForce => in_force,
                Rung::SelfApproval => self_approval,
                Rung::Manager => manager,
            }
    }
}

/// Where the ladder leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Allowed from this rung on, and whoever must say yes is known.
    Allowed(Rung),
    /// Some rung would be allowed, and nobody who may say yes is known.
    Unresolved,
    /// A forbid holds whatever humans say.
    Forbidden,
    /// A forbid could not be evaluated.
    Undecidable,
    /// Nothing permits it.
    NotPermitted,
}

/// Climbs the ladder. `resolves` says whether somebody who may say yes at that rung is known.
pub(crate) fn climb(rows: impl Iterator<Item = Row>, resolves: impl Fn(Rung) -> bool) -> Verdict {
    // whether some permit holds at each rung, and whether some forbid does
    let (mut permitted, mut forbidden, mut broken) = ([false; 3], [false; 3], false);
    for Row { effect, at } in rows {
        let holds = match effect {
            Effect::Permit => &mut permitted,
            Effect::Forbid => &mut forbidden,
        };
        for (holds, truth) in holds.iter_mut().zip(at) {
            *holds |= truth == Truth::True;
            broken |= effect == Effect::Forbid && truth == Truth::Error;
        }
    }
    // FAIL-CLOSED: forbid_error_denies. Cedar skips a forbid that errs and may answer Allow; it might have held.
    if broken {
        return Verdict::Undecidable;
    }
    let rungs = || Rung::ALL.into_iter().zip(permitted.into_iter().zip(forbidden));
    let allowed = || rungs().filter(|(_, (permitted, forbidden))| *permitted && !*forbidden).map(|(rung, _)| rung);

    if let Some(rung) = allowed().find(|rung| *rung == Rung::InForce || resolves(*rung)) {
        return Verdict::Allowed(rung);
    }
    if allowed().next().is_some() {
        // FAIL-CLOSED: unresolved_approver_is_no_approver. Never a lower rung because the right one has nobody on it.
        return Verdict::Unresolved;
    }
    match forbidden {
        [_, _, true] => Verdict::Forbidden,
        [_, _, false] => Verdict::NotPermitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMIT_ALWAYS: Row = Row { effect: Effect::Permit, at: [Truth::True; 3] };
    const PERMIT_SELF: Row = Row { effect: Effect::Permit, at: [Truth::False, Truth::True, Truth::True] };
    const FORBID_UNLESS_MANAGER: Row = Row { effect: Effect::Forbid, at: [Truth::True, Truth::True, Truth::False] };

    fn everybody(_: Rung) -> bool {
        true
    }

    /// All multisets of {permit, forbid} × {true, false, error} of size 0 to 4: 210 of them.
    #[test]
    fn every_combination_agrees_with_the_table() {
        let mut kinds = Vec::new();
        for effect in [Effect::Permit, Effect::Forbid] {
            for truth in [Truth::True, Truth::False, Truth::Error] {
                kinds.push(Row { effect, at: [truth; 3] });
            }
        }
        let mut sets: Vec<Vec<usize>> = vec![vec![]];
        let mut all = sets.clone();
        for _ in 0..4 {
            sets = sets
                .iter()
                .flat_map(|set| {
                    (set.last().copied().unwrap_or(0)..6).map(move |next| [set.as_slice(), &[next]].concat())
                })
                .collect();
            all.extend(sets.clone());
        }
        assert_eq!(all.len(), 210);
        for set in all {
            let rows: Vec<Row> = set.iter().map(|&kind| kinds[kind]).collect();
            let has = |effect, truth| rows.iter().any(|row| row.effect == effect && row.at[0] == truth);
            // the table, read from Cedar's side: what plain Cedar answers, and what toolgate makes of it
            let cedar_allows = has(Effect::Permit, Truth::True) && !has(Effect::Forbid, Truth::True);
            let expected = match (cedar_allows, has(Effect::Forbid, Truth::Error)) {
                (_, true) => Verdict::Undecidable,
                (true, false) => Verdict::Allowed(Rung::InForce),
                (false, false) if has(Effect::Forbid, Truth::True) => Verdict::Forbidden,
                (false, false) => Verdict::NotPermitted,
            };
            assert_eq!(climb(rows.iter().copied(), everybody), expected, "{rows:?}");
        }
    }

    #[test]
    fn forbid_error_denies() {
        for rung in 0..3 {
            let mut broken = Row { effect: Effect::Forbid, at: [Truth::False; 3] };
            assert_eq!(
                climb([PERMIT_ALWAYS, broken].into_iter(), everybody),
                Verdict::Allowed(Rung::InForce),
                "the twin"
            );
            broken.at[rung] = Truth::Error;
            assert_eq!(climb([PERMIT_ALWAYS, broken].into_iter(), everybody), Verdict::Undecidable);
        }
    }

    #[test]
    fn permit_error_is_no_permit() {
        let broken = Row { effect: Effect::Permit, at: [Truth::Error; 3] };
        assert_eq!(climb([broken].into_iter(), everybody), Verdict::NotPermitted);
        assert_eq!(climb([broken, PERMIT_ALWAYS].into_iter(), everybody), Verdict::Allowed(Rung::InForce));
    }

    #[test]
    fn the_lowest_rung_wins() {
        assert_eq!(climb([PERMIT_SELF].into_iter(), everybody), Verdict::Allowed(Rung::SelfApproval));
        assert_eq!(climb([PERMIT_SELF, FORBID_UNLESS_MANAGER].into_iter(), everybody), Verdict::Allowed(Rung::Manager));
        assert_eq!(climb([PERMIT_SELF, PERMIT_ALWAYS].into_iter(), everybody), Verdict::Allowed(Rung::InForce));
    }

    #[test]
    fn unresolved_approver_is_no_approver() {
        let rows = [PERMIT_SELF, FORBID_UNLESS_MANAGER];
        assert_eq!(climb(rows.iter().copied(), everybody), Verdict::Allowed(Rung::Manager), "the twin");
        assert_eq!(climb(rows.iter().copied(), |rung| rung != Rung::Manager), Verdict::Unresolved);
        // a higher rung may stand in for a lower one, whose yes it includes
        assert_eq!(climb([PERMIT_SELF].into_iter(), |rung| rung == Rung::Manager), Verdict::Allowed(Rung::Manager));
    }
}
