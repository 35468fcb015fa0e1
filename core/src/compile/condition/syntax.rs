//! Cedar's public syntax tree, as the compiler walks it.

use cedar_policy::pst::{BinaryOp, Expr, UnaryOp};

use crate::compile::condition::operators::{Binary, Unary};

/// The operand that is evaluated first, of those expressions that always evaluate it as a value.
pub(super) fn first_operand(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::UnaryOp { op: UnaryOp::Not, .. } => None,
        Expr::BinaryOp { op: BinaryOp::And | BinaryOp::Or, .. } => None,
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. }
        | Expr::Is { expr, .. } => Some(expr),
        Expr::BinaryOp { left, .. } => Some(left),
        _ => None,
    }
}

/// The parts of a chain of `&&` or `||` in the order in which they are evaluated.
pub(super) fn chain<'a>(op: BinaryOp, expr: &'a Expr, into: &mut Vec<(bool, &'a Expr)>) {
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match expr {
            Expr::BinaryOp { op: found, left, right } if *found == op => open.extend([right.as_ref(), left.as_ref()]),
            other => into.push((true, other)),
        }
    }
}

/// An operator with one operand, if it is known.
pub(super) fn unary(op: UnaryOp) -> Option<Unary> {
    Some(match op {
        UnaryOp::Neg => Unary::Neg,
        UnaryOp::IsEmpty => Unary::IsEmpty,
        UnaryOp::Datetime => Unary::Datetime,
        UnaryOp::Decimal => Unary::Decimal,
        UnaryOp::Duration => Unary::Duration,
        UnaryOp::Ip => Unary::Ip,
        UnaryOp::IsIPv4 => Unary::IsIpv4,
        UnaryOp::IsIPV6 => Unary::IsIpv6,
        UnaryOp::IsLoopback => Unary::IsLoopback,
        UnaryOp::IsMulticast => Unary::IsMulticast,
        UnaryOp::ToDate => Unary::ToDate,
        UnaryOp::ToTime => Unary::ToTime,
        UnaryOp::ToMilliseconds => Unary::ToMilliseconds,
        UnaryOp::ToSeconds => Unary::ToSeconds,
        UnaryOp::ToMinutes => Unary::ToMinutes,
        UnaryOp::ToHours => Unary::ToHours,
        UnaryOp::ToDays => Unary::ToDays,
        _ => return None,
    })
}

/// An operator with two operands, if it is known.
pub(super) fn binary(op: BinaryOp) -> Option<Binary> {
    Some(match op {
        BinaryOp::Eq => Binary::Eq,
        BinaryOp::NotEq => Binary::NotEq,
        BinaryOp::Less => Binary::Less,
        BinaryOp::LessEq => Binary::LessEq,
        BinaryOp::Greater => Binary::Greater,
        BinaryOp::GreaterEq => Binary::GreaterEq,
        BinaryOp::Add => Binary::Add,
        BinaryOp::Sub => Binary::Sub,
        BinaryOp::Mul => Binary::Mul,
        BinaryOp::In => Binary::In,
        BinaryOp::Contains => Binary::Contains,
        BinaryOp::ContainsAll => Binary::ContainsAll,
        BinaryOp::ContainsAny => Binary::ContainsAny,
        BinaryOp::GetTag => Binary::GetTag,
        BinaryOp::HasTag => Binary::HasTag,
        BinaryOp::IsInRange => Binary::IsInRange,
        BinaryOp::Offset => Binary::Offset,
        BinaryOp::DurationSince => Binary::DurationSince,
        BinaryOp::DecimalLessThan => Binary::DecimalLess,
        BinaryOp::DecimalLessEq => Binary::DecimalLessEq,
        BinaryOp::DecimalGreater => Binary::DecimalGreater,
        BinaryOp::DecimalGreaterEq => Binary::DecimalGreaterEq,
        _ => return None,
    })
}
