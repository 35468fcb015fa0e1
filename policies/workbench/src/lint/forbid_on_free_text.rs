//! A list of texts that are not let through, compared with an argument that can be any text: other spellings pass.

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind};
use toolgate::Effect;

use super::arguments::{Argument, Kind, look};
use super::condition::{alternatives, argument, elements, text};
use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "forbid_on_free_text",
    level: Level::Warning,
    title: "a forbid on how a free text is spelled",
    page: include_str!("../../docs/lints/forbid_on_free_text.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        // what lets a call through: the permit holds, or the forbid does not
        let passes = policy.text.effect == Effect::Permit;
        let mut found: Vec<(&Expr, Vec<&str>)> = Vec::new();
        alternatives(condition, passes, &[], &mut |part, value, beside| {
            let Some(path) = compared(part).filter(|_| !value) else { return };
            // a list of what is allowed bounds what has to be thought of
            let allowed = |(other, value): &(&Expr, bool)| *value && compared(other).as_ref() == Some(&path);
            if !beside.iter().any(allowed) {
                found.push((part, path));
            }
        });
        found.retain(|(_, path)| is_free(subject, policy, path));
        let mut said: Vec<Vec<&str>> = Vec::new();
        for (part, path) in found {
            // one finding for each argument, at its first text
            if said.contains(&path) {
                continue;
            }
            let (name, written) = (path.join("."), policy.written(part));
            let message = format!(
                "`{name}` can be any text, and what `{written}` is to stop passes policy `{}` in another spelling",
                policy.id()
            );
            let help = "list what is allowed instead, or type the argument: an `enum` in its schema, a number, a label";
            findings.find(("policy", policy.id()), policy.at(part), message, help);
            said.push(path);
        }
    }
}

/// The argument that a part compares with texts as they are written.
pub(super) fn compared(part: &Expr) -> Option<Vec<&str>> {
    match part.expr_kind() {
        ExprKind::Like { expr, .. } => argument(expr),
        ExprKind::BinaryApp { op, arg1, arg2 } => {
            let texts = |expr: &Expr| elements(expr).is_some_and(|items| items.iter().all(|item| text(item).is_some()));
            match op {
                BinaryOp::Eq if text(arg2).is_some() => argument(arg1),
                BinaryOp::Eq if text(arg1).is_some() => argument(arg2),
                BinaryOp::Contains if texts(arg1) => argument(arg2),
                BinaryOp::Contains if text(arg2).is_some() => argument(arg1),
                BinaryOp::ContainsAny | BinaryOp::ContainsAll if texts(arg2) => argument(arg1),
                BinaryOp::ContainsAny if texts(arg1) => argument(arg2),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether an argument can be any text in a tool that the policy is about.
pub(super) fn is_free(subject: &Subject<'_>, policy: &Policy<'_>, path: &[&str]) -> bool {
    let free = |argument| matches!(argument, Argument::Known { kind: Kind::Free | Kind::FreeItems, .. });
    subject.tools_of(policy).into_iter().any(|tool| free(look(tool, path)))
}
