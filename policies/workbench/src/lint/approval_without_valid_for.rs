//! A policy that an approval moves, and that does not say for how long.

use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "approval_without_valid_for",
    level: Level::Warning,
    title: "a policy that an approval moves, without `@valid_for`",
    page: include_str!("../../docs/lints/approval_without_valid_for.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in &subject.policies {
        if reads_approval(policy) && policy.annotation("valid_for").is_none() {
            let message =
                format!("policy `{}` counts an approval for as long as the approval itself runs", policy.id());
            let help = "say how old a yes may be, such as `@valid_for(\"15m\")`";
            findings.find(("policy", policy.id()), policy.head(), message, help);
        }
    }
}

/// Whether an approval changes what the policy says.
pub(super) fn reads_approval(policy: &Policy<'_>) -> bool {
    policy.reads(&["context", "approval"])
        || policy.reads(&["context"])
            && policy.condition().is_some_and(|condition| {
                // the context as a whole, compared or passed on
                let (mut whole, mut under) = (0usize, 0usize);
                super::condition::walk(condition, &mut |expr| {
                    if super::condition::is_path(expr, &["context"]) {
                        whole = whole.saturating_add(1);
                    }
                    if let cedar_policy_core::ast::ExprKind::GetAttr { expr, .. }
                    | cedar_policy_core::ast::ExprKind::HasAttr { expr, .. }
                    | cedar_policy_core::ast::ExprKind::ExtHasAttr { expr, .. } = expr.expr_kind()
                        && super::condition::is_path(expr, &["context"])
                    {
                        under = under.saturating_add(1);
                    }
                });
                whole > under
            })
}
