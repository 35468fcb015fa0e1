//! Conditions as Cedar understands them: paths, texts, and which way a part moves the whole.

use std::fmt::Write as _;
use std::ops::Range;

use cedar_policy_core::ast::{BinaryOp, EntityUID, Expr, ExprKind, Literal, UnaryOp, Var};

/// Where an expression stands in its file.
pub(super) fn span(expr: &Expr) -> Option<Range<usize>> {
    expr.source_loc().map(|loc| loc.start()..loc.end())
}

/// The direct parts of an expression.
pub(super) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr.expr_kind() {
        ExprKind::If { test_expr, then_expr, else_expr } => vec![test_expr, then_expr, else_expr],
        ExprKind::And { left, right } | ExprKind::Or { left, right } => vec![left, right],
        ExprKind::UnaryApp { arg, .. } => vec![arg],
        ExprKind::BinaryApp { arg1, arg2, .. } => vec![arg1, arg2],
        ExprKind::ExtensionFunctionApp { args, .. } => args.iter().collect(),
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. }
        | ExprKind::Like { expr, .. }
        | ExprKind::Is { expr, .. } => vec![expr],
        ExprKind::Set(items) => items.iter().collect(),
        ExprKind::Record(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

/// Calls `visit` on an expression and everything in it.
pub(super) fn walk<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    visit(expr);
    children(expr).into_iter().for_each(|child| walk(child, visit));
}

/// `context.input.amount` → `["context", "input", "amount"]`.
pub(super) fn path(expr: &Expr) -> Option<Vec<&str>> {
    match expr.expr_kind() {
        ExprKind::Var(var) => Some(vec![name(*var)]),
        ExprKind::GetAttr { expr, attr } => {
            let mut path = path(expr)?;
            path.push(attr);
            Some(path)
        }
        _ => None,
    }
}

/// Whether an expression is exactly this path.
pub(super) fn is_path(expr: &Expr, wanted: &[&str]) -> bool {
    path(expr).is_some_and(|path| path == wanted)
}

/// `context.input.a.b` → `["a", "b"]`.
pub(super) fn argument(expr: &Expr) -> Option<Vec<&str>> {
    let path = path(expr)?;
    path.strip_prefix(&["context", "input"]).filter(|rest| !rest.is_empty()).map(<[_]>::to_vec)
}

/// The argument whose presence is asked for: `context.input has a.b` → `["a", "b"]`.
pub(super) fn asked_for(expr: &Expr) -> Option<Vec<&str>> {
    let (base, names): (&Expr, Vec<&str>) = match expr.expr_kind() {
        ExprKind::HasAttr { expr, attr } => (expr, vec![attr.as_str()]),
        ExprKind::ExtHasAttr { expr, attrs } => (expr, attrs.iter().map(AsRef::as_ref).collect()),
        _ => return None,
    };
    let mut path = path(base)?;
    path.extend(names);
    path.strip_prefix(&["context", "input"]).filter(|rest| !rest.is_empty()).map(<[_]>::to_vec)
}

/// A text as it is written.
pub(super) fn text(expr: &Expr) -> Option<&str> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::String(text)) => Some(text),
        _ => None,
    }
}

/// `true` or `false` as it is written.
pub(super) fn boolean(expr: &Expr) -> Option<bool> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::Bool(value)) => Some(*value),
        _ => None,
    }
}

/// An entity as it is written.
pub(super) fn entity(expr: &Expr) -> Option<&EntityUID> {
    match expr.expr_kind() {
        ExprKind::Lit(Literal::EntityUID(uid)) => Some(uid),
        _ => None,
    }
}

/// `Toolgate::Client::"cursor"` → `("Client", "cursor")`; nothing for types of another namespace.
pub(super) fn named(uid: &EntityUID) -> Option<(String, &str)> {
    let kind = uid.entity_type().to_string();
    Some((kind.strip_prefix("Toolgate::")?.to_owned(), uid.eid().as_ref()))
}

/// The elements of a set as it is written.
pub(super) fn elements(expr: &Expr) -> Option<&[Expr]> {
    match expr.expr_kind() {
        ExprKind::Set(items) => Some(items),
        _ => None,
    }
}

/// Which way a part moves the whole condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// If it holds, the condition is nearer to holding.
    With,
    /// If it holds, the condition is nearer to not holding.
    Against,
    /// Either.
    Both,
}

impl Way {
    fn turned(self) -> Self {
        match self {
            Self::With => Self::Against,
            Self::Against => Self::With,
            Self::Both => Self::Both,
        }
    }
}

/// Calls `visit` on every part of a condition that joins no others, with its way.
pub(super) fn parts<'e>(expr: &'e Expr, way: Way, visit: &mut dyn FnMut(&'e Expr, Way)) {
    match expr.expr_kind() {
        ExprKind::And { left, right } | ExprKind::Or { left, right } => {
            parts(left, way, visit);
            parts(right, way, visit);
        }
        ExprKind::UnaryApp { op: UnaryOp::Not, arg } => parts(arg, way.turned(), visit),
        ExprKind::If { test_expr, then_expr, else_expr } => {
            let tested = match (boolean(then_expr), boolean(else_expr)) {
                (Some(true), _) | (_, Some(false)) => way,
                (Some(false), _) | (_, Some(true)) => way.turned(),
                _ => Way::Both,
            };
            parts(test_expr, tested, visit);
            parts(then_expr, way, visit);
            parts(else_expr, way, visit);
        }
        ExprKind::BinaryApp { op: BinaryOp::Eq, arg1, arg2 } => match (boolean(arg1), boolean(arg2)) {
            (_, Some(value)) => parts(arg1, if value { way } else { way.turned() }, visit),
            (Some(value), _) => parts(arg2, if value { way } else { way.turned() }, visit),
            _ => visit(expr, way),
        },
        _ => visit(expr, way),
    }
}

/// A part of a condition, and what it must be.
type Needed<'e> = (&'e Expr, bool);

/// What must all be so for an expression to be `value`: parts, each with what it must be.
pub(super) fn needed<'e>(expr: &'e Expr, value: bool, into: &mut Vec<(&'e Expr, bool)>) {
    match expr.expr_kind() {
        ExprKind::And { left, right } if value => {
            needed(left, true, into);
            needed(right, true, into);
        }
        ExprKind::Or { left, right } if !value => {
            needed(left, false, into);
            needed(right, false, into);
        }
        ExprKind::UnaryApp { op: UnaryOp::Not, arg } => needed(arg, !value, into),
        _ => into.push((expr, value)),
    }
}

/// Calls `visit` on every part of what must be so for an expression to be `value`, with what it must be itself, and with
/// what must be so along with it: `a && (b || c)` asks for `b` with `a` beside it.
pub(super) fn alternatives<'e>(
    expr: &'e Expr,
    value: bool,
    beside: &[Needed<'e>],
    visit: &mut dyn FnMut(&'e Expr, bool, &[Needed<'e>]),
) {
    let mut all = Vec::new();
    needed(expr, value, &mut all);
    let choice = |part: &Expr| matches!(part.expr_kind(), ExprKind::And { .. } | ExprKind::Or { .. });
    let mut here = beside.to_vec();
    here.extend(all.iter().filter(|(part, _)| !choice(part)));
    for (part, value) in all {
        if choice(part) {
            for operand in chain(part, !value) {
                alternatives(operand, value, &here, visit);
            }
        } else {
            visit(part, value, &here);
        }
    }
}

/// The operands of a chain of `&&` (or of `||`), in their order.
pub(super) fn chain(expr: &Expr, and: bool) -> Vec<&Expr> {
    fn collect<'e>(expr: &'e Expr, and: bool, into: &mut Vec<&'e Expr>) {
        match expr.expr_kind() {
            ExprKind::And { left, right } if and => {
                collect(left, and, into);
                collect(right, and, into);
            }
            ExprKind::Or { left, right } if !and => {
                collect(left, and, into);
                collect(right, and, into);
            }
            _ => into.push(expr),
        }
    }
    let mut all = Vec::new();
    collect(expr, and, &mut all);
    all
}

/// A text that is the same for what is the same but for blanks, comments and parentheses.
pub(super) fn key(expr: &Expr) -> String {
    let mut out = String::new();
    write_key(expr, &mut out);
    out
}

fn write_key(expr: &Expr, out: &mut String) {
    let head = match expr.expr_kind() {
        ExprKind::Lit(literal) => {
            let _ = write!(out, "{literal}");
            return;
        }
        ExprKind::Var(var) => return out.push_str(name(*var)),
        ExprKind::GetAttr { expr, attr } => {
            write_key(expr, out);
            let _ = write!(out, ".{attr:?}");
            return;
        }
        ExprKind::HasAttr { attr, .. } => format!("has {attr:?}"),
        ExprKind::ExtHasAttr { attrs, .. } => format!("has {:?}", attrs.iter().collect::<Vec<_>>()),
        ExprKind::Like { pattern, .. } => format!("like {:?}", pattern.get_elems()),
        ExprKind::Is { entity_type, .. } => format!("is {entity_type}"),
        ExprKind::UnaryApp { op, .. } => op.to_string(),
        ExprKind::BinaryApp { op, .. } => op.to_string(),
        ExprKind::ExtensionFunctionApp { fn_name, .. } => fn_name.to_string(),
        ExprKind::And { .. } => "&&".into(),
        ExprKind::Or { .. } => "||".into(),
        ExprKind::If { .. } => "if".into(),
        ExprKind::Set(_) => "set".into(),
        ExprKind::Record(fields) => format!("record {:?}", fields.keys().collect::<Vec<_>>()),
        // nothing that a static policy has; its place keeps it apart from all others
        _ => format!("other {:?}", span(expr)),
    };
    out.push('(');
    out.push_str(&head);
    for child in children(expr) {
        out.push(' ');
        write_key(child, out);
    }
    out.push(')');
}

fn name(var: Var) -> &'static str {
    match var {
        Var::Principal => "principal",
        Var::Action => "action",
        Var::Resource => "resource",
        Var::Context => "context",
    }
}
