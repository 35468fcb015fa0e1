//! What an expression is, as far as it is known.

use crate::compile::condition::operators::Binary;
use crate::compile::symbols::attr;
use crate::data::value::{Attr, Const, Value};
use crate::eval::machine::Attribute;

/// What a condition may be, one bit for each level of approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    /// True.
    pub(crate) t: u8,
    /// False.
    pub(crate) f: u8,
    /// An error.
    pub(crate) e: u8,
}

/// What an expression is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Res<'a> {
    Known(Value<'a>),
    Error,
    /// Any value, or an error.
    Unknown,
    /// A record, certainly.
    AnyRecord,
    /// A truth value, certainly.
    AnyBool,
}

/// Whether something is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum There {
    Yes,
    No,
    Unknown,
}

impl Bits {
    pub(super) const NOTHING: Self = Self { t: 0, f: 0, e: 0 };

    #[inline]
    pub(super) fn known(value: bool, mask: u8) -> Self {
        if value { Self { t: mask, f: 0, e: 0 } } else { Self { t: 0, f: mask, e: 0 } }
    }

    #[inline]
    pub(super) fn error(mask: u8) -> Self {
        Self { t: 0, f: 0, e: mask }
    }

    /// An expression that is the same at all levels, as a truth value.
    #[inline]
    pub(super) fn of(res: &Res<'_>, mask: u8) -> Self {
        match res {
            Res::Known(Value::Bool(value)) => Self::known(*value, mask),
            Res::Known(_) | Res::Error | Res::AnyRecord => Self::error(mask),
            Res::AnyBool => Self { t: mask, f: mask, e: 0 },
            Res::Unknown => Self { t: mask, f: mask, e: mask },
        }
    }

    pub(super) fn not(self) -> Self {
        Self { t: self.f, f: self.t, e: self.e }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { t: self.t | other.t, f: self.f | other.f, e: self.e | other.e }
    }
}

#[inline]
pub(super) fn known<'a>(value: bool) -> Res<'a> {
    Res::Known(Value::Bool(value))
}

/// Whether something is there, as a truth value.
pub(super) fn there<'a>(there: There) -> Res<'a> {
    match there {
        There::Yes => known(true),
        There::No => known(false),
        There::Unknown => Res::AnyBool,
    }
}

/// Whether an attribute is there. Where there is no entity there is none.
pub(super) fn is_there(attribute: Attribute<'_>) -> There {
    match attribute {
        Attribute::Value(_) | Attribute::UnknownRecord => There::Yes,
        Attribute::Missing | Attribute::NoEntity => There::No,
        Attribute::Unknown => There::Unknown,
    }
}

/// What it is to read an attribute: an error if there is none.
#[inline]
pub(super) fn found(attribute: Attribute<'_>) -> Res<'_> {
    match attribute {
        Attribute::Value(value) => Res::Known(value),
        Attribute::Missing | Attribute::NoEntity => Res::Error,
        Attribute::Unknown => Res::Unknown,
        Attribute::UnknownRecord => Res::AnyRecord,
    }
}

/// What is certain of an operation when an operand is not; neither is an error.
pub(super) fn unknown_binary<'a>(op: Binary, left: &Res<'a>, right: &Res<'a>) -> Res<'a> {
    let certain = |res: &Res<'_>| matches!(res, Res::AnyRecord | Res::AnyBool);
    match (op, left, right) {
        // equality asks of any two values, and is no error
        (Binary::Eq | Binary::NotEq, Res::Unknown, _) | (Binary::Eq | Binary::NotEq, _, Res::Unknown) => Res::Unknown,
        (Binary::Eq | Binary::NotEq, left, right) => {
            let is_record = |res: &Res<'_>| matches!(res, Res::AnyRecord | Res::Known(Value::Record(_)));
            let is_bool = |res: &Res<'_>| matches!(res, Res::AnyBool | Res::Known(Value::Bool(_)));
            if (is_record(left) && is_record(right)) || (is_bool(left) && is_bool(right)) {
                Res::AnyBool
            } else {
                known(op == Binary::NotEq)
            }
        }
        (Binary::Contains, Res::Known(Value::Set(_)), right) if certain(right) => Res::AnyBool,
        (Binary::Contains, Res::Unknown, _) => Res::Unknown,
        // all other operators want something else than a record or a truth value
        (_, left, right) if certain(left) || certain(right) => Res::Error,
        _ => Res::Unknown,
    }
}

/// `context.approval` at the one level of a mask.
pub(super) fn approvals(mask: u8) -> Option<&'static [(Attr, Const)]> {
    const fn both(by_self: bool, manager: bool) -> [(Attr, Const); 2] {
        // sorted by attribute
        [(attr::SELF, Const::Bool(by_self)), (attr::MANAGER, Const::Bool(manager))]
    }
    static LEVELS: [[(Attr, Const); 2]; 3] = [both(false, false), both(true, false), both(true, true)];
    let [none, by_self, manager] = &LEVELS;
    match mask {
        0b001 => Some(none),
        0b010 => Some(by_self),
        0b100 => Some(manager),
        _ => None,
    }
}
