//! Two policies that say the same.

use std::collections::{BTreeSet, HashMap};

use super::condition::{key, needed};
use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "policy_duplicate",
    level: Level::Warning,
    title: "two policies with the same effect, scope and condition",
    page: include_str!("../../docs/lints/policy_duplicate.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for (policy, first) in duplicates(subject) {
        let message =
            format!("policy `{}` has the effect, the scope and the condition of `{}`", policy.id(), first.id());
        let help = "keep one; if their annotations differ, decide which terms are meant";
        findings.find(("policy", policy.id()), policy.head(), message, help);
    }
}

/// Each policy that repeats one before it, with that one.
pub(super) fn duplicates<'s, 'a>(subject: &'s Subject<'a>) -> Vec<(&'s Policy<'a>, &'s Policy<'a>)> {
    let mut seen: HashMap<String, &Policy<'a>> = HashMap::with_capacity(subject.policies.len());
    let mut found = Vec::new();
    for policy in &subject.policies {
        match seen.entry(said(policy)) {
            std::collections::hash_map::Entry::Occupied(first) => found.push((policy, *first.get())),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(policy);
            }
        }
    }
    found
}

/// Effect, scope and condition as a text: the parts that must all hold in one order.
fn said(policy: &Policy<'_>) -> String {
    let mut parts = Vec::new();
    if let Some(condition) = policy.condition() {
        needed(condition, true, &mut parts);
    }
    let parts: BTreeSet<(String, bool)> = parts.into_iter().map(|(part, value)| (key(part), value)).collect();
    let (principal, resource) = (policy.principal(), policy.resource());
    format!("{:?} {principal:?} {:?} {resource:?} {parts:?}", policy.text.effect, policy.actions)
}
