//! What a policy's condition reads, seen in Cedar's public syntax tree.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, UnaryOp, Var};

use crate::data::time::Instant;

/// Calls `visit` on an expression and everything in it. The tree's depth is bounded when the text is read.
pub(crate) fn walk<'a>(expr: &'a Expr, visit: &mut impl FnMut(&'a Expr)) {
    visit(expr);
    for child in children(expr) {
        walk(child, visit);
    }
}

/// The direct parts of an expression.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => vec![expr],
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::Is { expr, in_expr, .. } => {
            std::iter::once(expr.as_ref()).chain(in_expr.iter().map(Arc::as_ref)).collect()
        }
        Expr::IfThenElse { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        Expr::Set(items) => items.iter().map(Arc::as_ref).collect(),
        Expr::Record(fields) => fields.values().map(Arc::as_ref).collect(),
        _ => Vec::new(),
    }
}

/// The condition of a clause.
pub(crate) fn condition(clause: &Clause) -> &Expr {
    match clause {
        Clause::When(expr) | Clause::Unless(expr) => expr,
    }
}

/// `context.session.labels` → `(context, [session, labels])`; `None` if the base is not a variable.
pub(crate) fn path(expr: &Expr) -> Option<(&Var, Vec<&str>)> {
    match expr {
        Expr::Var(var) => Some((var, Vec::new())),
        Expr::GetAttr { expr, attr } => {
            let (var, mut attrs) = path(expr)?;
            attrs.push(attr.as_str());
            Some((var, attrs))
        }
        _ => None,
    }
}

/// Whether the value could depend on the call's arguments.
pub(crate) fn reads_input(expr: &Expr) -> bool {
    match expr {
        Expr::GetAttr { expr: base, attr } if is_context(base) => attr == "input",
        Expr::HasAttr { expr: base, attrs } if is_context(base) => attrs.first() == "input",
        // the context as a whole, compared or passed on
        Expr::Var(Var::Context) => true,
        other => children(other).into_iter().any(reads_input),
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(Var::Context))
}

/// When a condition can change with time alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Only at these instants: it compares `context.now` with fixed instants, or does not read it.
    At(Vec<Instant>),
    /// At any millisecond.
    Always,
}

impl Clock {
    /// Puts the instants in order, each once.
    pub(crate) fn sort(&mut self) {
        if let Self::At(instants) = self {
            instants.sort_unstable();
            instants.dedup();
        }
    }

    /// The first fixed instant after `now` at which the condition could change.
    pub(crate) fn next_fixed(&self, now: Instant) -> Option<Instant> {
        let Self::At(instants) = self else { return None };
        instants.get(instants.partition_point(|at| *at <= now)).copied()
    }

    /// The first instant after `now` at which the condition could change.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::At(_) => self.next_fixed(now),
            // Cedar sees milliseconds, so the next one is the first that can differ
            Self::Always => Instant::from_unix_millis(now.unix_millis().saturating_add(1)),
        }
    }
}

/// Reads off a condition when time alone could change it.
pub(crate) fn clock(expr: &Expr, into: &mut Clock) {
    if let Expr::BinaryOp { op, left, right } = expr
        && matches!(op, BinaryOp::Less | BinaryOp::LessEq | BinaryOp::Greater | BinaryOp::GreaterEq)
    {
        let bound = match (is_now(left), is_now(right)) {
            (true, false) => datetime(right),
            (false, true) => datetime(left),
            _ => None,
        };
        if let Some(bound) = bound {
            // `<=` and `>` change one millisecond later than `<` and `>=`; both instants are kept
            if let Clock::At(instants) = into {
                instants.extend([bound, bound.saturating_add(std::time::Duration::from_millis(1))]);
            }
            return;
        }
    }
    if is_now(expr) || is_context(expr) {
        *into = Clock::Always;
        return;
    }
    // the context's other members do not move with time
    if let Expr::GetAttr { expr: base, .. } | Expr::HasAttr { expr: base, .. } = expr
        && is_context(base)
    {
        return;
    }
    for child in children(expr) {
        clock(child, into);
    }
}

fn is_now(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { expr: base, attr } if is_context(base) && attr == "now")
}

fn datetime(expr: &Expr) -> Option<Instant> {
    let Expr::UnaryOp { op: UnaryOp::Datetime, expr } = expr else { return None };
    let Expr::Literal(Literal::String(text)) = expr.as_ref() else { return None };
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_string() };
    text.parse().ok()
}

/// Whether the value could depend on the session's labels.
pub(crate) fn reads_labels(expr: &Expr) -> bool {
    match expr {
        Expr::GetAttr { expr: base, attr } if is_session(base) => attr == "labels",
        Expr::HasAttr { expr: base, .. } if is_session(base) => false,
        Expr::GetAttr { expr: base, attr } if is_context(base) => attr == "session",
        Expr::HasAttr { expr: base, .. } if is_context(base) => false,
        Expr::Var(Var::Context) => true,
        other => children(other).into_iter().any(reads_labels),
    }
}

fn is_session(expr: &Expr) -> bool {
    matches!(expr, Expr::GetAttr { expr: base, attr } if is_context(base) && attr == "session")
}

/// Whether the value could depend on what the principal holds: on what something is in, or whether it is there.
pub(crate) fn reads_held(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op: BinaryOp::In, .. }
        | Expr::Is { in_expr: Some(_), .. }
        | Expr::Literal(Literal::EntityUID(_)) => true,
        other => children(other).into_iter().any(reads_held),
    }
}

/// Every text in a condition.
pub(crate) fn texts(expr: &Expr, into: &mut BTreeSet<String>) {
    walk(expr, &mut |part| {
        if let Expr::Literal(Literal::String(text)) = part {
            into.insert(text.to_string());
        }
    });
}

/// The parts of a condition that are all needed for it to hold: `a && b && c` gives three.
pub(crate) fn conjuncts(clause: &Clause) -> Vec<(bool, &Expr)> {
    fn split<'a>(expr: &'a Expr, into: &mut Vec<(bool, &'a Expr)>) {
        match expr {
            Expr::BinaryOp { op: BinaryOp::And, left, right } => {
                split(left, into);
                split(right, into);
            }
            other => into.push((true, other)),
        }
    }
    match clause {
        Clause::When(expr) => {
            let mut all = Vec::new();
            split(expr, &mut all);
            all
        }
        Clause::Unless(expr) => vec![(false, expr)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::Policy;

    fn clauses(condition: &str) -> Vec<Clause> {
        let policy = Policy::parse(None, format!("permit (principal, action, resource) {condition};")).unwrap();
        policy.to_pst().unwrap().body().clauses().clone()
    }

    fn input(text: &str) -> bool {
        clauses(text).iter().any(|clause| reads_input(condition(clause)))
    }

    #[test]
    fn arguments_are_seen_however_they_are_read() {
        for reads in [
            "when { context.input.amount > 5 }",
            "unless { context has input && true }",
            "when { context has input.amount }",
            "when { principal in resource.entitlements && { a: context.input }.a.b == 1 }",
            "when { { a: context } == { a: context } }",
        ] {
            assert!(input(reads), "{reads}");
        }
        for does_not in [
            "",
            "when { context.approval.self }",
            "when { resource.labels.contains(\"input\") }",
            "when { context has session }",
        ] {
            assert!(!input(does_not), "{does_not}");
        }
    }

    #[test]
    fn time_is_seen_however_it_is_read() {
        let of = |text: &str| {
            let mut all = Clock::At(vec![]);
            clauses(text).iter().for_each(|clause| clock(condition(clause), &mut all));
            all
        };
        assert_eq!(of("when { context.approval.self }"), Clock::At(vec![]));
        let Clock::At(instants) = of("when { context.now < datetime(\"2026-12-01\") }") else { panic!("fixed") };
        assert_eq!(instants[0].to_string(), "2026-12-01T00:00:00Z");
        assert_eq!(of("when { context.now.toTime() < duration(\"9h\") }"), Clock::Always);
        assert_eq!(of("when { context.now == context.session.authenticated_at }"), Clock::Always);
        assert_eq!(of("when { {a: context} == {a: context} }"), Clock::Always);
    }

    #[test]
    fn what_is_held_is_seen_however_it_is_read() {
        let reads = |text: &str| clauses(text).iter().any(|clause| reads_held(condition(clause)));
        for text in [
            "when { principal in resource.entitlements }",
            "unless { true && (principal is Toolgate::Agent in Toolgate::Group::\"a\") }",
            "when { Toolgate::Profile::\"a\" has x }",
            "when { [Toolgate::Profile::\"a\"].contains(principal) }",
            "when { {a: principal in resource}.a }",
        ] {
            assert!(reads(text), "{text}");
        }
        for text in
            ["", "when { resource.sensitive && context.input.amount > 3 }", "when { principal is Toolgate::Agent }"]
        {
            assert!(!reads(text), "{text}");
        }
    }

    #[test]
    fn labels_are_seen_however_they_are_read() {
        let reads = |text: &str| clauses(text).iter().any(|clause| reads_labels(condition(clause)));
        for text in [
            "when { context.session.labels.contains(\"a\") }",
            "when { {seen: context.session.labels}.seen.contains(\"a\") }",
            "when { {all: context.session}.all.labels.contains(\"a\") }",
            "when { {all: context}.all.session.labels.contains(\"a\") }",
        ] {
            assert!(reads(text), "{text}");
        }
        for text in [
            "when { resource.labels.contains(\"a\") }",
            "when { context.session.calls > 3 }",
            "when { context has session }",
        ] {
            assert!(!reads(text), "{text}");
        }
        let mut found = BTreeSet::new();
        clauses("when { [\"c\"].containsAny(context.session.labels) || resource.labels.contains(\"d\") }")
            .iter()
            .for_each(|clause| texts(condition(clause), &mut found));
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["c", "d"]);
    }
}
