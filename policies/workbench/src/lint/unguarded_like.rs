//! A `like` that opens something, with nothing that says what else the text must not be.

use cedar_policy_core::ast::{Expr, ExprKind, PatternElem};
use toolgate::Effect;

use super::condition::{alternatives, argument};
use super::forbid_on_free_text::{compared, is_free};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "unguarded_like",
    level: Level::Warning,
    title: "a pattern that lets through more than it seems to",
    page: include_str!("../../docs/lints/unguarded_like.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        let passes = policy.text.effect == Effect::Permit;
        let mut open: Vec<(&Expr, Vec<&str>, String)> = Vec::new();
        alternatives(condition, passes, &[], &mut |part, value, beside| {
            let ExprKind::Like { expr, pattern } = part.expr_kind() else { return };
            let Some(path) = argument(expr).filter(|_| value) else { return };
            let guards = |(other, value): &(&Expr, bool)| !*value && compared(other).as_ref() == Some(&path);
            if pattern.iter().any(|element| *element == PatternElem::Wildcard) && !beside.iter().any(guards) {
                open.push((part, path, pattern.to_string()));
            }
        });
        open.retain(|(_, path, _)| is_free(subject, policy, path));
        for (part, path, pattern) in open {
            let message = format!(
                "`{}` is enough for policy `{}` to let a call through: {}",
                policy.written(part),
                policy.id(),
                more_than_meant(&pattern)
            );
            let name = path.join(".");
            let help = format!(
                "say as well what it must not be, such as `!(context.input.{name} like \"*..*\")`, or compare whole texts"
            );
            findings.find(("policy", policy.id()), policy.at(part), message, help);
        }
    }
}

/// What else matches.
fn more_than_meant(pattern: &str) -> String {
    let example = match pattern.strip_suffix('*') {
        Some(start) if start.ends_with('/') && start.contains("://") => format!("{start}../?to=anywhere"),
        Some(start) if start.ends_with('/') => format!("{start}../../etc/passwd"),
        Some(start) if start.contains("://") => format!("{start}.evil.example"),
        Some(start) => format!("{start} and anything after it"),
        None => pattern.replace('*', "anything/../"),
    };
    format!("so is `{}`", example.replace('*', ""))
}
