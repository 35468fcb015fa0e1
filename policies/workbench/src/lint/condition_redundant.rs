//! A condition, or a part of one, that cannot be but true, or false: it decides nothing.

use std::ops::Range;

use cedar_policy_core::ast::Expr;

use super::condition::span;
use super::facts::{Reasoner, Truth};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "condition_redundant",
    level: Level::Warning,
    title: "a condition, or a part of one, that decides nothing",
    page: include_str!("../../docs/lints/condition_redundant.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        let mut constants: Vec<(Range<usize>, String, bool)> = Vec::new();
        let mut constant = |part: &Expr, value| {
            if let Some(span) = span(part) {
                constants.push((span, policy.written(part), value));
            }
        };
        let whole = Reasoner { given: &|_| None, constant: &mut constant, overflow: &mut |_| {} }
            .truth(condition, &policy.facts());
        match whole {
            // `policy_vacuous` says so
            Truth::False => {}
            Truth::True => {
                let message = format!("the condition of policy `{}` holds for every request", policy.id());
                let first = policy.text.clauses.first().map(|clause| policy.place(&clause.span));
                let help = "leave it out, so that it is seen that the policy always applies, or correct it";
                findings.find(("policy", policy.id()), first.unwrap_or_else(|| policy.head()), message, help);
            }
            Truth::Open => {
                constants.sort_by_key(|(span, ..)| (span.start, std::cmp::Reverse(span.end)));
                let mut end = 0usize;
                for (span, written, value) in constants {
                    // what lies in another is said by it
                    if span.start < end {
                        continue;
                    }
                    end = span.end;
                    let message =
                        format!("`{written}` cannot be but {value} where policy `{}` asks for it", policy.id());
                    let help = "it follows from the parts before it, or contradicts them: correct it, or leave it out";
                    findings.find(("policy", policy.id()), policy.place(&span), message, help);
                }
            }
        }
    }
}
