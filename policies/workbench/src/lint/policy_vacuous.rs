//! A policy whose condition never holds.

use super::facts::{Truth, truth};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "policy_vacuous",
    level: Level::Error,
    title: "a policy whose condition never holds",
    page: include_str!("../../docs/lints/policy_vacuous.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        if truth(condition, &policy.facts(), &|_| None) == Truth::False {
            let message = format!("the condition of policy `{}` holds for no request", policy.id());
            let help = "look for parts that exclude each other; correct one of them, or remove the policy";
            let first = policy.text.clauses.first().map(|clause| policy.place(&clause.span));
            findings.find(("policy", policy.id()), first.unwrap_or_else(|| policy.head()), message, help);
        }
    }
}
