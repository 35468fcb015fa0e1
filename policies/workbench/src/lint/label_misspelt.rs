//! A label that a policy reads and nothing gives, while something gives one that is spelled almost like it.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind};

use super::condition::{elements, is_path, text, walk};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "label_misspelt",
    level: Level::Warning,
    title: "a policy reads a label that nothing gives, and that looks like one that something does",
    page: include_str!("../../docs/lints/label_misspelt.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let tools = subject.catalog.tools.values().flat_map(|tool| &tool.labels);
    let scopes = subject.catalog.servers.values().flat_map(|server| server.scopes.values());
    let given: BTreeSet<&str> = tools.chain(scopes.flat_map(|scope| &scope.labels)).map(String::as_str).collect();
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        walk(condition, &mut |part| {
            for value in labels(part) {
                let Some(label) = text(value).filter(|label| !given.contains(label)) else { continue };
                let Some(near) = given.iter().find(|given| is_near(given, label)) else { continue };
                let message =
                    format!("policy `{}` reads the label `{label}`, which no tool or scope gives", policy.id());
                let help = format!("did you mean `{near}`?");
                findings.find(("policy", policy.id()), policy.at(value), message, help);
            }
        });
    }
}

/// The labels that an expression looks for.
fn labels(part: &Expr) -> Vec<&Expr> {
    let ExprKind::BinaryApp { op: BinaryOp::Contains | BinaryOp::ContainsAny | BinaryOp::ContainsAll, arg1, arg2 } =
        part.expr_kind()
    else {
        return Vec::new();
    };
    let has_labels =
        |expr: &Expr| is_path(expr, &["resource", "labels"]) || is_path(expr, &["context", "session", "labels"]);
    let other = match (has_labels(arg1), has_labels(arg2)) {
        (true, false) => arg2,
        (false, true) => arg1,
        _ => return Vec::new(),
    };
    elements(other).map_or_else(|| vec![other.as_ref()], |items| items.iter().collect())
}

/// Whether two names look alike: the same but for case and punctuation, or one or two slips apart.
pub(super) fn is_near(one: &str, other: &str) -> bool {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let (one, other) = (plain(one), plain(other));
    let slips = match one.chars().count().min(other.chars().count()) {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    distance(&one, &other) <= slips
}

/// How many characters to add, drop or change to get from one text to the other.
pub(super) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut next = vec![at.saturating_add(1)];
        for ((above, diagonal), d) in row.iter().skip(1).zip(&row).zip(&other) {
            let changed = diagonal.saturating_add(usize::from(c != *d));
            let left = next.last().copied().unwrap_or(0);
            next.push(changed.min(above.saturating_add(1)).min(left.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", "")), (3, 3));
        assert!(is_near("external-sink", "external_sink") && is_near("private-data", "privat-data"));
        assert!(!is_near("private-data", "public-data") && !is_near("pii", "pci"));
    }
}
