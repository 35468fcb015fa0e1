//! A forbid that only looks at an optional argument if it is there: leaving it out goes past it.

use std::collections::BTreeSet;

use cedar_policy_core::ast::Expr;
use toolgate::Effect;

use super::arguments::{Argument, look};
use super::condition::{asked_for, walk};
use super::facts::{Truth, truth};
use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "forbid_behind_has",
    level: Level::Warning,
    title: "a forbid that leaving out an optional argument goes past",
    page: include_str!("../../docs/lints/forbid_behind_has.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in subject.with(Effect::Forbid) {
        let Some(condition) = policy.condition() else { continue };
        let optional = optional(subject, policy, condition);
        let without = |names: &BTreeSet<String>| {
            let absent = |expr: &Expr| {
                let path = asked_for(expr)?.join(".");
                names.contains(&path).then_some(false)
            };
            truth(condition, &policy.facts(), &absent) == Truth::False
        };
        let one: Vec<&(String, &Expr)> = optional.iter().filter(|(name, _)| without(&[name.clone()].into())).collect();
        let mut seen = BTreeSet::new();
        for (name, at) in &one {
            if seen.insert(name) {
                say(policy, &[name.as_str()], at, findings);
            }
        }
        let all: BTreeSet<String> = optional.iter().map(|(name, _)| name.clone()).collect();
        if one.is_empty()
            && let Some((_, at)) = optional.first()
            && without(&all)
        {
            say(policy, &all.iter().map(String::as_str).collect::<Vec<_>>(), at, findings);
        }
    }
}

fn say(policy: &Policy<'_>, names: &[&str], at: &Expr, findings: &mut Findings) {
    let (last, all) = (names.last().copied().unwrap_or_default(), names.join("`, `"));
    let message = format!("policy `{}` forbids nothing to a call that leaves out `{all}`", policy.id());
    let help = format!(
        "forbid what is not known to be harmless: `!(context.input has {last} && …)`, as in `toolgate check --explain \
         forbid_behind_has`"
    );
    findings.find(("policy", policy.id()), policy.at(at), message, help);
}

/// The arguments that the condition asks for and that some call may leave out.
fn optional<'p>(subject: &Subject<'_>, policy: &Policy<'_>, condition: &'p Expr) -> Vec<(String, &'p Expr)> {
    let mut asked = Vec::new();
    walk(condition, &mut |expr| {
        if let Some(path) = asked_for(expr) {
            asked.push((path, expr));
        }
    });
    if asked.is_empty() {
        return Vec::new();
    }
    let tools = subject.tools_of(policy);
    asked.retain(|(path, _)| {
        tools.iter().any(|tool| matches!(look(tool, path), Argument::Known { optional: true, .. }))
    });
    asked.into_iter().map(|(path, expr)| (path.join("."), expr)).collect()
}
