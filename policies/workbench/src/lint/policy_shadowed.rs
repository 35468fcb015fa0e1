//! A policy that never matters, because a forbid holds whenever it does.

use std::collections::{BTreeSet, HashMap};

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind};
use toolgate::Effect;

use super::approval_without_valid_for::reads_approval;
use super::condition::{key, needed, text};
use super::facts::{Truth, truth};
use super::policy_duplicate::duplicates;
use super::scope::covers;
use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "policy_shadowed",
    level: Level::Warning,
    title: "a policy that a forbid makes pointless",
    page: include_str!("../../docs/lints/policy_shadowed.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let duplicates: BTreeSet<&str> = duplicates(subject).into_iter().map(|(policy, _)| policy.id()).collect();
    let index = Index::new(subject);
    for policy in &subject.policies {
        // a forbid with words of its own still has them said
        let speaks = ["guidance", "ticket", "remedy", "obligations"].iter().any(|key| policy.annotation(key).is_some());
        if duplicates.contains(policy.id()) || policy.text.effect == Effect::Forbid && speaks {
            continue;
        }
        let mut known = policy.facts();
        if let Some(condition) = policy.condition() {
            known.assume(condition, true);
            if truth(condition, &policy.facts(), &|_| None) == Truth::False {
                continue;
            }
        }
        let holds = |forbid: &&Policy<'_>| {
            forbid.id() != policy.id()
                && covers(forbid, policy, subject)
                && forbid.condition().is_none_or(|condition| truth(condition, &known, &|_| None) == Truth::True)
        };
        if let Some(forbid) = index.candidates(policy, subject).into_iter().find(holds) {
            let message = format!(
                "policy `{}` never matters: `{}` forbids whatever it applies to, and no approval lifts that",
                policy.id(),
                forbid.id()
            );
            let help = format!("remove it, or narrow `{}`", forbid.id());
            findings.find(("policy", policy.id()), policy.head(), message, help);
        }
    }
}

/// The forbids that no approval lifts, by something that a policy must say for one of them to follow from it: so that
/// not every policy is compared with every forbid.
struct Index<'s, 'a> {
    by_part: HashMap<String, Vec<&'s Policy<'a>>>,
    by_action: HashMap<String, Vec<&'s Policy<'a>>>,
}

impl<'s, 'a> Index<'s, 'a> {
    fn new(subject: &'s Subject<'a>) -> Self {
        let forbids: Vec<_> = subject.with(Effect::Forbid).filter(|policy| !reads_approval(policy)).collect();
        let parts: Vec<Vec<String>> = forbids.iter().map(|policy| subjects(policy)).collect();
        let mut often: HashMap<&str, usize> = HashMap::new();
        for part in parts.iter().flatten() {
            let count = often.entry(part).or_default();
            *count = count.saturating_add(1);
        }
        let mut index = Self { by_part: HashMap::new(), by_action: HashMap::new() };
        for (forbid, parts) in forbids.into_iter().zip(&parts) {
            match parts.iter().min_by_key(|part| often.get(part.as_str())) {
                Some(rarest) => index.by_part.entry(rarest.clone()).or_default().push(forbid),
                None => {
                    for action in actions(forbid) {
                        index.by_action.entry(action).or_default().push(forbid);
                    }
                }
            }
        }
        index
    }

    fn candidates(&self, policy: &Policy<'_>, subject: &Subject<'_>) -> Vec<&'s Policy<'a>> {
        let mut keys = actions(policy);
        // what covers all of its actions covers the first
        keys.truncate(1);
        let operation = policy.actions.tools.first().and_then(|name| subject.tool(name));
        keys.extend(operation.map(|tool| tool.operation.as_str().to_owned()));
        keys.push("*".into());
        let by_action = keys.iter().filter_map(|key| self.by_action.get(key));
        let parts = subjects(policy);
        let by_part = parts.iter().filter_map(|part| self.by_part.get(part));
        by_action.chain(by_part).flatten().copied().collect()
    }
}

/// What a policy's scope names, one key an action; tools before operations.
fn actions(policy: &Policy<'_>) -> Vec<String> {
    let actions = &policy.actions;
    if actions.any {
        return vec!["*".into()];
    }
    let mut keys: Vec<String> = actions.tools.iter().cloned().collect();
    keys.extend(actions.operations.iter().map(|&operation| operation.to_owned()));
    keys.extend(
        [(actions.request, "request"), (actions.token, "issue_token")]
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| (*name).to_owned()),
    );
    keys
}

/// What the parts that must hold are about. One that a forbid needs can follow only from one about the same.
fn subjects(policy: &Policy<'_>) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(condition) = policy.condition() {
        needed(condition, true, &mut parts);
    }
    parts.into_iter().filter_map(|(part, _)| about(part)).collect()
}

fn about(part: &Expr) -> Option<String> {
    let is_number = |expr: &Expr| matches!(expr.expr_kind(), ExprKind::Lit(_));
    match part.expr_kind() {
        // may follow from one of its own parts
        ExprKind::Or { .. } | ExprKind::And { .. } | ExprKind::If { .. } | ExprKind::Lit(_) => None,
        ExprKind::BinaryApp { op: BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Eq, arg1, arg2 } => {
            match (is_number(arg1), is_number(arg2)) {
                (true, _) => Some(key(arg2)),
                (_, true) => Some(key(arg1)),
                _ if is_instant(arg1) => Some(key(arg2)),
                _ if is_instant(arg2) => Some(key(arg1)),
                // two things that are compared may follow from what is known of either
                _ => None,
            }
        }
        ExprKind::BinaryApp { op: BinaryOp::Contains, arg1, arg2 } if matches!(arg1.expr_kind(), ExprKind::Set(_)) => {
            Some(key(arg2))
        }
        ExprKind::Is { .. } | ExprKind::Like { .. } => None,
        _ => Some(key(part)),
    }
}

fn is_instant(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::ExtensionFunctionApp { args, .. } if args.first().and_then(text).is_some())
}
