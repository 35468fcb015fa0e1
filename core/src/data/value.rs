//! Values as policies see them: plain, copyable, and borrowed from wherever they already are.
//!
//! Owns the shapes only. What an operator makes of them is the evaluator's, what a call's arguments make of them the
//! binder's.

use std::net::IpAddr;

use crate::data::names::index;

/// The number of an attribute name.
pub(crate) type Attr = u32;

/// An entity: the number of its type, and its number among those of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ent {
    pub(crate) kind: u32,
    pub(crate) id: u32,
}

/// An address or a range of them, as Cedar's `ipaddr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ip {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

/// A value during one evaluation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Bool(bool),
    Long(i64),
    String(&'a str),
    Entity(Ent),
    /// Ten thousand times the number.
    Decimal(i64),
    /// Milliseconds since 1970.
    Datetime(i64),
    /// Milliseconds.
    Duration(i64),
    Ip(Ip),
    Set(Set<'a>),
    Record(Record<'a>),
}

/// A set, in the form it already has. Duplicates and order mean nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Set<'a> {
    /// The engine's: sorted, without duplicates.
    Const(&'a [Const]),
    /// Entities of one type, sorted by number, without duplicates.
    Entities { kind: u32, ids: &'a [u32] },
    /// Texts, in any order, perhaps repeated.
    Texts(&'a [&'a str]),
    /// The call's, as given: so many cells from there on.
    Given { frame: &'a Frame<'a>, start: u32, len: u32 },
    /// Made by the evaluator, in its own scratch.
    Built { start: u32, len: u32 },
}

/// A record, in the form it already has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Record<'a> {
    /// The engine's: sorted by attribute, without duplicates.
    Const(&'a [(Attr, Const)]),
    /// The call's: from there on one cell for each attribute of the shape, `Missing` where there is none.
    Given { frame: &'a Frame<'a>, start: u32, shape: u32 },
    /// The request's own: sorted by attribute.
    Fields(&'a [(Attr, Value<'a>)]),
    /// Made by the evaluator, in its own scratch: sorted by attribute.
    Built { start: u32, len: u32 },
}

/// A value that the engine owns. Sets are sorted and without duplicates, records sorted by attribute, so that equal
/// values are equal here. The order has no other meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Const {
    Bool(bool),
    Long(i64),
    String(Box<str>),
    Entity(Ent),
    Decimal(i64),
    Datetime(i64),
    Duration(i64),
    Ip(Ip),
    Set(Box<[Self]>),
    Record(Box<[(Attr, Self)]>),
}

impl Const {
    /// The value, borrowed.
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Long(value) => Value::Long(*value),
            Self::String(text) => Value::String(text),
            Self::Entity(entity) => Value::Entity(*entity),
            Self::Decimal(value) => Value::Decimal(*value),
            Self::Datetime(value) => Value::Datetime(*value),
            Self::Duration(value) => Value::Duration(*value),
            Self::Ip(ip) => Value::Ip(*ip),
            Self::Set(items) => Value::Set(Set::Const(items)),
            Self::Record(fields) => Value::Record(Record::Const(fields)),
        }
    }
}

/// One value of a call's arguments, as checked against the tool's types. Plain data: the texts are ranges of bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// An optional member that is not given.
    Missing,
    Bool(bool),
    Long(i64),
    Decimal(i64),
    Datetime(i64),
    Ip(Ip),
    /// A text that stands in the call's own bytes.
    Given {
        start: u32,
        end: u32,
    },
    /// A text that had to be made: unescaped, or written in canonical form.
    Made {
        start: u32,
        end: u32,
    },
    /// A text that is always the same, such as the name of a JSON kind.
    Word(&'static str),
    /// So many cells from there on, as given.
    Set {
        start: u32,
        len: u32,
    },
    /// One cell for each attribute of the shape from there on.
    Record {
        start: u32,
        shape: u32,
    },
}

/// The arguments of one call: what its cells are ranges of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// The JSON text that the arguments stand in.
    pub(crate) given: &'a str,
    /// The texts that had to be made.
    pub(crate) made: &'a str,
    pub(crate) cells: &'a [Cell],
    /// The attributes of each shape, sorted.
    pub(crate) shapes: &'a [Box<[Attr]>],
}

impl<'a> Frame<'a> {
    /// What a cell holds; `None` for a missing one.
    #[inline]
    pub(crate) fn value(&'a self, cell: Cell) -> Option<Value<'a>> {
        let text = |text: &'a str, start: u32, end: u32| text.get(index(start)..index(end)).map(Value::String);
        match cell {
            Cell::Missing => None,
            Cell::Bool(value) => Some(Value::Bool(value)),
            Cell::Long(value) => Some(Value::Long(value)),
            Cell::Decimal(value) => Some(Value::Decimal(value)),
            Cell::Datetime(value) => Some(Value::Datetime(value)),
            Cell::Ip(ip) => Some(Value::Ip(ip)),
            Cell::Given { start, end } => text(self.given, start, end),
            Cell::Made { start, end } => text(self.made, start, end),
            Cell::Word(word) => Some(Value::String(word)),
            Cell::Set { start, len } => Some(Value::Set(Set::Given { frame: self, start, len })),
            Cell::Record { start, shape } => Some(Value::Record(Record::Given { frame: self, start, shape })),
        }
    }

    /// The cells of a set.
    pub(crate) fn items(&self, start: u32, len: u32) -> &[Cell] {
        self.cells.get(index(start)..index(start.saturating_add(len))).unwrap_or_default()
    }

    /// The attributes of a record and its cells.
    pub(crate) fn members(&self, start: u32, shape: u32) -> impl Iterator<Item = (Attr, Cell)> {
        let cells = self.cells.get(index(start)..).unwrap_or_default();
        self.attrs(shape).iter().copied().zip(cells.iter().copied())
    }

    #[inline]
    fn attrs(&self, shape: u32) -> &[Attr] {
        self.shapes.get(index(shape)).map_or(&[], |attrs| attrs)
    }
}

impl<'a> Record<'a> {
    /// An attribute. Of a record in the evaluator's scratch only the evaluator knows.
    #[inline]
    pub(crate) fn get(self, attr: Attr) -> Option<Value<'a>> {
        match self {
            Self::Const(fields) => {
                let at = fields.binary_search_by_key(&attr, |(known, _)| *known).ok()?;
                fields.get(at).map(|(_, value)| value.value())
            }
            Self::Given { frame, start, shape } => {
                // few are kept
                let attrs = frame.attrs(shape);
                let at = match attrs.len() {
                    0..=8 => attrs.iter().position(|known| *known == attr)?,
                    _ => attrs.binary_search(&attr).ok()?,
                };
                frame.value(*frame.cells.get(index(start).checked_add(at)?)?)
            }
            Self::Fields(fields) => field(fields, attr),
            Self::Built { .. } => None,
        }
    }
}

/// An attribute among some that are sorted.
pub(crate) fn field<'a>(fields: &[(Attr, Value<'a>)], attr: Attr) -> Option<Value<'a>> {
    let at = fields.binary_search_by_key(&attr, |(known, _)| *known).ok()?;
    fields.get(at).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_small() {
        assert_eq!((size_of::<Value<'_>>(), size_of::<Option<Value<'_>>>()), (32, 32));
    }
}
