//! What may come of a call, as a letter.

use toolgate::{Decision, Outcome};

/// What may come of a call, from most to least. The outcome alone does not say it: after an access request it is the
/// outcome of that request, and a denial may ask for no more than a fresh sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grade {
    rank: u8,
}

impl Grade {
    const LETTERS: [char; 9] = ['A', 'S', 'M', 'd', 'a', 's', 'm', 'T', 'D'];

    /// Every grade there is, from most to least.
    pub fn all() -> impl Iterator<Item = Self> {
        (0u8..).zip(Self::LETTERS).map(|(rank, _)| Self { rank })
    }

    /// Of a decision.
    pub fn of(decision: &Decision<'_>) -> Self {
        let asks = decision.access_request.is_some();
        let rank = match decision.outcome {
            Outcome::AutoApprove => {
                if asks {
                    4
                } else {
                    0
                }
            }
            Outcome::SelfApprove => {
                if asks {
                    5
                } else {
                    1
                }
            }
            Outcome::ManagerApprove => {
                if asks {
                    6
                } else {
                    2
                }
            }
            Outcome::Deny if decision.step_up.is_some() => 3,
            Outcome::TicketFallback => 7,
            Outcome::Deny => 8,
        };
        Self { rank }
    }

    /// The letter it is shown as: capital for an outcome, small for one that needs something first.
    pub fn letter(self) -> char {
        Self::LETTERS.get(usize::from(self.rank)).copied().unwrap_or('D')
    }

    /// The outcome.
    pub fn outcome(self) -> Outcome {
        match self.letter() {
            'A' | 'a' => Outcome::AutoApprove,
            'S' | 's' => Outcome::SelfApprove,
            'M' | 'm' => Outcome::ManagerApprove,
            'T' => Outcome::TicketFallback,
            _ => Outcome::Deny,
        }
    }

    /// What the letter means.
    pub fn meaning(self) -> &'static str {
        match self.letter() {
            'A' => "runs at once",
            'S' => "the user (a service principal's owner) says yes",
            'M' => "the manager, or who stands in, says yes",
            'd' => "refused until the user has signed in again",
            'a' => "access must be requested; nobody has to agree",
            's' => "access must be requested; the user says yes",
            'm' => "access must be requested; the manager says yes",
            'T' => "refused, with a ticket to open",
            _ => "refused",
        }
    }

    /// Whether there is a way at all.
    pub fn leads_anywhere(self) -> bool {
        self.rank < 7
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_grade_has_a_letter_of_its_own() {
        let letters: BTreeSet<char> = Grade::all().map(Grade::letter).collect();
        assert_eq!(letters.len(), Grade::all().count());
        assert!(Grade::all().all(|grade| grade.leads_anywhere() != matches!(grade.letter(), 'T' | 'D')));
        for grade in Grade::all() {
            assert_eq!(
                grade.letter().to_ascii_uppercase(),
                grade.outcome().as_str().to_uppercase().chars().next().unwrap()
            );
        }
    }
}
