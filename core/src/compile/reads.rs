//! What a policy could notice of the action it is asked about: which parts of the context it reads, and whether it
//! looks at the action itself.
//!
//! Cedar gives an expression its type from the types of its parts. So two actions give a condition the same types as
//! soon as they do so for everything recorded here.

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::pst::{Expr, Policy, Var};

use crate::compile::inspect;

/// The parts of a record that are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reads {
    /// Its value as such is: anything about its type could matter.
    pub(crate) whole: bool,
    /// Members whose presence is read, and what is read of them.
    pub(crate) members: BTreeMap<String, Self>,
}

/// What a policy's conditions could notice of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notices {
    pub(crate) context: Reads,
    /// Whether `action` stands in a condition.
    pub(crate) action: bool,
}

impl Notices {
    /// What the conditions of a policy could notice. The scope is not among them.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut notices = Self::default();
        policy.body().clauses().iter().for_each(|clause| notices.read(inspect::condition(clause)));
        notices
    }

    /// What is read of the arguments, if anything is.
    pub(crate) fn input(&self) -> Option<Reads> {
        if self.context.whole {
            return Some(Reads { whole: true, members: BTreeMap::new() });
        }
        self.context.members.get("input").cloned()
    }

    fn read(&mut self, expr: &Expr) {
        match expr {
            Expr::Var(Var::Action) => self.action = true,
            Expr::Var(Var::Principal | Var::Resource) | Expr::Literal(_) => {}
            Expr::Var(Var::Context) | Expr::GetAttr { .. } | Expr::HasAttr { .. } => {
                let (base, asked) = match expr {
                    Expr::HasAttr { expr, attrs } => (expr.as_ref(), attrs.iter().map(|attr| attr.as_str()).collect()),
                    _ => (expr, Vec::new()),
                };
                match inspect::path(base) {
                    Some((Var::Context, mut path)) => {
                        let whole = asked.is_empty();
                        path.extend(asked);
                        self.context.mark(&path, whole);
                    }
                    Some((Var::Action, _)) => self.action = true,
                    Some(_) => {}
                    // of another value: read whatever that is made of
                    None => match base {
                        Expr::GetAttr { expr, .. } => self.read(expr),
                        other => self.read(other),
                    },
                }
            }
            Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => self.read(expr),
            Expr::BinaryOp { left, right, .. } => [left, right].into_iter().for_each(|part| self.read(part)),
            Expr::Is { expr, in_expr, .. } => {
                self.read(expr);
                in_expr.iter().for_each(|part| self.read(part));
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                [cond, then_expr, else_expr].into_iter().for_each(|part| self.read(part));
            }
            Expr::Set(items) => items.iter().map(Arc::as_ref).for_each(|part| self.read(part)),
            Expr::Record(fields) => fields.values().map(Arc::as_ref).for_each(|part| self.read(part)),
            // what a later Cedar may add could read anything
            _ => {
                self.action = true;
                self.context.whole = true;
            }
        }
    }
}

impl Reads {
    fn mark(&mut self, path: &[&str], whole: bool) {
        match path.split_first() {
            None => self.whole |= whole,
            Some((name, rest)) => self.members.entry((*name).to_owned()).or_default().mark(rest, whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cedar_policy::Policy as CedarPolicy;

    fn of(condition: &str) -> Notices {
        let policy = CedarPolicy::parse(None, format!("permit (principal, action, resource) {condition};")).unwrap();
        Notices::of(&policy.to_pst().unwrap())
    }

    /// `a.b` for a presence, `a.b!` for a value.
    fn written(reads: &Reads, path: &str, into: &mut Vec<String>) {
        if reads.whole || reads.members.is_empty() {
            into.push(format!("{path}{}", if reads.whole { "!" } else { "" }));
        }
        for (name, inner) in &reads.members {
            written(inner, &format!("{path}.{name}"), into);
        }
    }

    #[test]
    fn paths_are_read_as_far_as_they_go() {
        for (condition, wanted) in [
            ("", &["context"][..]),
            ("when { context.input.amount > 5 }", &["context.input.amount!"]),
            ("when { context.input has a && context.input.a.b like \"x\" }", &["context.input.a.b!"]),
            ("when { context has input.a.b }", &["context.input.a.b"]),
            (
                "when { context.input[\"a b\"] has c.d || context.input.e }",
                &["context.input.a b.c.d", "context.input.e!"],
            ),
            ("unless { {x: context.input}.x.y == 1 }", &["context.input!"]),
            ("when { {x: context}.x has input }", &["context!"]),
            (
                "when { (if context.input has a then context.input else context.input).a == 1 }",
                &["context.input!", "context.input.a"],
            ),
            ("when { [context.now].contains(context.now) && resource.labels.contains(\"a\") }", &["context.now!"]),
            (
                "when { principal in resource.entitlements } unless { context.approval.self }",
                &["context.approval.self!"],
            ),
            (
                "when { context.input.tags.isEmpty() || !context.input.flag || -context.input.n < 1 }",
                &["context.input.flag!", "context.input.n!", "context.input.tags!"],
            ),
            ("when { context.input.ip.isInRange(ip(\"10.0.0.0/8\")) }", &["context.input.ip!"]),
            ("when { resource is Toolgate::Tool in [context.input.x] }", &["context.input.x!"]),
        ] {
            let mut found = Vec::new();
            written(&of(condition).context, "context", &mut found);
            assert_eq!(found, wanted, "{condition}");
        }
    }

    #[test]
    fn the_action_is_seen_wherever_it_stands() {
        for condition in [
            "when { action == Toolgate::Action::\"a/b\" }",
            "when { [action].contains(action) }",
            "when { {a: {b: action}}.a.b in Toolgate::Action::\"read\" }",
            "when { action has x }",
            "when { action.x.y == 1 }",
        ] {
            assert!(of(condition).action, "{condition}");
        }
        assert!(!of("when { context.action == 1 && resource == Toolgate::Action::\"read\" }").action);
    }
}
