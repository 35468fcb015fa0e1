//! A permit that does not ask what the agent holds.

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, PrincipalOrResourceConstraint};
use toolgate::Effect;

use super::condition::{elements, entity, is_path, named};
use super::facts::{Truth, truth};
use super::scope::Bound;
use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "permit_without_entitlement",
    level: Level::Warning,
    title: "a permit that asks for no entitlement",
    page: include_str!("../../docs/lints/permit_without_entitlement.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in subject.with(Effect::Permit).filter(|policy| policy.actions.about_tools()) {
        let bound_to_one = in_entitlement(policy);
        // an empty-handed agent
        let holds_nothing = |expr: &Expr| asks_for_entitlement(expr).then_some(false);
        let needs = policy
            .condition()
            .is_some_and(|condition| truth(condition, &policy.facts(), &holds_nothing) == Truth::False);
        if needs || bound_to_one {
            continue;
        }
        let message = format!("policy `{}` permits whoever it applies to, whatever the agent holds", policy.id());
        let help = "add `principal in resource.entitlements` to what must hold";
        findings.find(("policy", policy.id()), policy.head(), message, help);
    }
}

/// `principal in resource.entitlements`, or in an entitlement or a profile by name.
fn asks_for_entitlement(expr: &Expr) -> bool {
    let ExprKind::BinaryApp { op: BinaryOp::In, arg1, arg2 } = expr.expr_kind() else { return false };
    let unlocks =
        |expr: &Expr| entity(expr).and_then(named).is_some_and(|(kind, _)| kind == "Entitlement" || kind == "Profile");
    is_path(arg1, &["principal"])
        && (is_path(arg2, &["resource", "entitlements"])
            || unlocks(arg2)
            || elements(arg2).is_some_and(|items| items.iter().all(unlocks)))
}

fn in_entitlement(policy: &Policy<'_>) -> bool {
    match policy.principal() {
        PrincipalOrResourceConstraint::In(_) | PrincipalOrResourceConstraint::IsIn(..) => {
            Bound::of(policy.principal()).is_within(&["Entitlement", "Profile"])
        }
        _ => false,
    }
}
