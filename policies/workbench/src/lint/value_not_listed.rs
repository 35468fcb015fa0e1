//! A text that an argument is compared with and can never be.

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind};

use super::arguments::{Argument, Kind, look};
use super::condition::{argument, elements, text, walk};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "value_not_listed",
    level: Level::Error,
    title: "an argument compared with a value that its schema does not list",
    page: include_str!("../../docs/lints/value_not_listed.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        let mut compared: Vec<(Vec<&str>, &Expr)> = Vec::new();
        walk(condition, &mut |part| compared.extend(values(part)));
        if compared.is_empty() {
            continue;
        }
        let tools = subject.tools_of(policy);
        for (path, value) in compared {
            let Some(wanted) = text(value) else { continue };
            let mut listed: Option<Vec<&str>> = None;
            // every tool that has the argument must list its values, and none this one
            let all = tools.iter().all(|tool| match look(tool, &path) {
                Argument::Absent => true,
                Argument::Known { kind: Kind::Listed(texts) | Kind::ListedItems(texts), .. } => {
                    let never = !texts.contains(&wanted);
                    listed.get_or_insert_default().extend(texts);
                    never
                }
                _ => false,
            });
            let Some(listed) = listed.filter(|_| all) else { continue };
            let message = format!(
                "`{}` is never `{wanted}`: a call with that value is refused before policy `{}` is asked",
                path.join("."),
                policy.id()
            );
            let mut known = listed;
            known.sort_unstable();
            known.dedup();
            let near = known.iter().find(|known| super::label_misspelt::is_near(known, wanted));
            let help = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it is one of `{}`", known.join("`, `")),
            };
            findings.find(("policy", policy.id()), policy.at(value), message, help);
        }
    }
}

/// The arguments that an expression compares, each with a text.
fn values(part: &Expr) -> Vec<(Vec<&str>, &Expr)> {
    let ExprKind::BinaryApp { op, arg1, arg2 } = part.expr_kind() else { return Vec::new() };
    match op {
        BinaryOp::Eq => [(arg1, arg2), (arg2, arg1)]
            .into_iter()
            .filter_map(|(path, value)| Some((argument(path)?, value.as_ref())))
            .collect(),
        BinaryOp::Contains | BinaryOp::ContainsAny | BinaryOp::ContainsAll => {
            let mut found = Vec::new();
            for (path, other) in [(arg1, arg2), (arg2, arg1)] {
                let Some(path) = argument(path) else { continue };
                match elements(other) {
                    Some(items) => found.extend(items.iter().map(|item| (path.clone(), item))),
                    None => found.push((path, other.as_ref())),
                }
            }
            found
        }
        _ => Vec::new(),
    }
}
