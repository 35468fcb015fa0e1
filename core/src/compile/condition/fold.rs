//! What operators make of constants, before anything is asked.

use crate::compile::condition::operators::{self, Binary, Unary};
use crate::compile::condition::scalar;
use crate::data::value::{Attr, Const};

/// What is known of an operation on constants.
pub(super) enum Folded {
    Known(Const),
    Error,
    /// It depends on the world.
    Open,
}

/// A set as a constant: sorted, without duplicates.
pub(super) fn set(mut items: Vec<Const>) -> Const {
    items.sort();
    items.dedup();
    Const::Set(items.into_boxed_slice())
}

/// An attribute of a record.
pub(super) fn get(fields: &[(Attr, Const)], attr: Attr) -> Option<&Const> {
    let at = fields.binary_search_by_key(&attr, |(known, _)| *known).ok()?;
    fields.get(at).map(|(_, value)| value)
}

/// Whether a value may stand on the right of `in`.
pub(super) fn can_hold_entities(value: &Const) -> bool {
    match value {
        Const::Entity(_) => true,
        Const::Set(items) => items.iter().all(|item| matches!(item, Const::Entity(_))),
        _ => false,
    }
}

/// `None` is an error.
pub(super) fn unary(op: Unary, value: &Const) -> Option<Const> {
    match (op, value) {
        (Unary::IsEmpty, Const::Set(items)) => Some(Const::Bool(items.is_empty())),
        _ => operators::unary(op, value.value()).and_then(scalar),
    }
}

pub(super) fn binary(op: Binary, left: &Const, right: &Const) -> Folded {
    let truth = |value: bool| Folded::Known(Const::Bool(value));
    match (op, left, right) {
        (Binary::Eq, left, right) => truth(left == right),
        (Binary::NotEq, left, right) => truth(left != right),
        (Binary::Contains, Const::Set(items), one) => truth(items.binary_search(one).is_ok()),
        (Binary::ContainsAll, Const::Set(items), Const::Set(all)) => {
            truth(all.iter().all(|one| items.binary_search(one).is_ok()))
        }
        (Binary::ContainsAny, Const::Set(items), Const::Set(all)) => {
            truth(all.iter().any(|one| items.binary_search(one).is_ok()))
        }
        (Binary::In, Const::Entity(_), right) if can_hold_entities(right) => Folded::Open,
        (Binary::GetTag | Binary::HasTag, Const::Entity(_), Const::String(_)) => Folded::Open,
        _ => operators::binary(op, left.value(), right.value()).and_then(scalar).map_or(Folded::Error, Folded::Known),
    }
}
