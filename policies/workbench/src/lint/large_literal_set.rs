//! A list in a policy that belongs into the catalog.

use super::condition::{elements, walk};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "large_literal_set",
    level: Level::Note,
    title: "a long list in a policy",
    page: include_str!("../../docs/lints/large_literal_set.md"),
    run,
};

/// How many elements are not remarked on.
const FINE: usize = 50;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let mut say = |count: usize, place, instead: &str| {
            let message = format!("policy `{}` lists {count} things", policy.id());
            findings.find(("policy", policy.id()), place, message, instead);
        };
        if policy.actions.tools.len() > FINE {
            let instead = "give the tools an operation or a label in catalog.toml, and read that";
            say(policy.actions.tools.len(), policy.place(&policy.text.action.span), instead);
        }
        let Some(condition) = policy.condition() else { continue };
        walk(condition, &mut |part| {
            if let Some(items) = elements(part).filter(|items| items.len() > FINE) {
                say(items.len(), policy.at(part), "make it a label, a group or an entitlement, and read that");
            }
        });
    }
}
