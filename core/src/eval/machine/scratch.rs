//! What conditions build while they are evaluated, and what is asked of sets and records in whatever form they are.
//!
//! Sets are compared pairwise while that is cheap. Beyond that they are sorted first, so that arguments with long
//! lists cost no more than their length times its logarithm.

use std::cmp::Ordering;

use crate::compile::condition::operators::same;
use crate::compile::condition::scalar;
use crate::data::names::{index, number};
use crate::data::value::{Attr, Const, Record, Set, Value, field};
use crate::load::tape::same as same_text;

/// Pairs that are compared one by one.
const PAIRS: usize = 4_096;

/// Constants that are searched one by one.
const FEW: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Scratch<'a> {
    /// Items of sets and fields of records whose building is not finished; the attribute of an item means nothing.
    pub(super) pending: Vec<(Attr, Value<'a>)>,
    pub(super) items: Vec<Value<'a>>,
    pub(super) fields: Vec<(Attr, Value<'a>)>,
}

impl<'a> Scratch<'a> {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        self.items.clear();
        self.fields.clear();
    }

    /// The set of what is pending from there on.
    pub(super) fn set(&mut self, pending: usize) -> Value<'a> {
        let start = number(self.items.len());
        self.items.extend(self.pending.drain(pending..).map(|(_, value)| value));
        Value::Set(Set::Built { start, len: number(self.items.len()).saturating_sub(start) })
    }

    /// The record of what is pending from there on.
    pub(super) fn record(&mut self, pending: usize) -> Value<'a> {
        let start = self.fields.len();
        self.fields.extend(self.pending.drain(pending..));
        if let Some(fields) = self.fields.get_mut(start..) {
            fields.sort_by_key(|(attr, _)| *attr);
        }
        let len = self.fields.len().saturating_sub(start);
        Value::Record(Record::Built { start: number(start), len: number(len) })
    }

    /// An attribute of a record.
    pub(super) fn get(&self, record: Record<'a>, attr: Attr) -> Option<Value<'a>> {
        match record {
            Record::Built { start, len } => field(self.fields(start, len), attr),
            record => record.get(attr),
        }
    }

    /// Whether a test holds for any item of a set.
    pub(super) fn any(&self, set: Set<'a>, test: &mut dyn FnMut(Value<'a>) -> bool) -> bool {
        match set {
            Set::Const(items) => items.iter().any(|item| test(item.value())),
            Set::Entities { kind, ids } => {
                ids.iter().any(|id| test(Value::Entity(crate::data::value::Ent { kind, id: *id })))
            }
            Set::Texts(texts) => texts.iter().any(|text| test(Value::String(text))),
            Set::Given { frame, start, len } => {
                frame.items(start, len).iter().any(|cell| frame.value(*cell).is_some_and(&mut *test))
            }
            Set::Built { start, len } => self.items(start, len).iter().any(|item| test(*item)),
        }
    }

    /// Whether two values are the same. Values of different types are not.
    pub(super) fn equal(&self, left: Value<'a>, right: Value<'a>) -> bool {
        same(&left, &right).unwrap_or_else(|| {
            if self.few_pairs(left, right) {
                self.equal_pairwise(left, right)
            } else {
                self.constant(left) == self.constant(right)
            }
        })
    }

    /// Whether a value is in a set.
    pub(super) fn contains(&self, set: Set<'a>, value: Value<'a>) -> bool {
        if matches!(value, Value::Set(_) | Value::Record(_)) {
            let whole = Value::Set(set);
            if self.few_pairs(whole, value) {
                return self.any(set, &mut |item| self.equal_pairwise(item, value));
            }
            let Const::Set(items) = self.constant(whole) else { return false };
            return items.binary_search(&self.constant(value)).is_ok();
        }
        match (set, value) {
            (set, Value::String(text)) => self.contains_text(set, text),
            (Set::Const(items), value) if items.len() > FEW => {
                items.binary_search_by(|item| compare(item, &value)).is_ok()
            }
            (Set::Entities { kind, ids }, Value::Entity(entity)) => {
                entity.kind == kind && ids.binary_search(&entity.id).is_ok()
            }
            (Set::Entities { .. }, _) => false,
            (Set::Texts(_), _) => false,
            (set, value) => self.any(set, &mut |item| same(&item, &value) == Some(true)),
        }
    }

    /// Whether a text is in a set.
    pub(super) fn contains_text(&self, set: Set<'a>, text: &str) -> bool {
        match set {
            Set::Const(items) if items.len() > FEW => {
                items.binary_search_by(|item| compare(item, &Value::String(text))).is_ok()
            }
            Set::Const(items) => items.iter().any(|item| matches!(item, Const::String(item) if same_text(item, text))),
            Set::Texts(texts) => texts.iter().any(|item| same_text(item, text)),
            Set::Entities { .. } => false,
            set => self.any(set, &mut |item| matches!(item, Value::String(item) if item == text)),
        }
    }

    /// Whether all of one set are in another.
    pub(super) fn contains_all(&self, set: Set<'a>, all: Set<'a>) -> bool {
        if self.is_searched(set, all) || self.few_pairs(Value::Set(set), Value::Set(all)) {
            return !self.any(all, &mut |item| !self.contains(set, item));
        }
        let (Const::Set(set), Const::Set(all)) = (self.constant(Value::Set(set)), self.constant(Value::Set(all)))
        else {
            return false;
        };
        all.iter().all(|item| set.binary_search(item).is_ok())
    }

    /// Whether two sets have something in common.
    pub(super) fn contains_any(&self, left: Set<'a>, right: Set<'a>) -> bool {
        if self.is_searched(right, left) {
            return self.any(left, &mut |item| self.contains(right, item));
        }
        if self.is_searched(left, right) || self.few_pairs(Value::Set(left), Value::Set(right)) {
            return self.any(right, &mut |item| self.contains(left, item));
        }
        let (Const::Set(left), Const::Set(right)) = (self.constant(Value::Set(left)), self.constant(Value::Set(right)))
        else {
            return false;
        };
        left.iter().any(|item| right.binary_search(item).is_ok())
    }

    /// Whether the items of one set are looked up in the other without walking through it.
    fn is_searched(&self, set: Set<'a>, items: Set<'a>) -> bool {
        matches!(set, Set::Const(_) | Set::Entities { .. })
            && match items {
                Set::Entities { .. } | Set::Texts(_) => true,
                // sorted: sets and records are the last
                Set::Const(items) => !matches!(items.last(), Some(Const::Set(_) | Const::Record(_))),
                items => !self.any(items, &mut |item| matches!(item, Value::Set(_) | Value::Record(_))),
            }
    }

    fn equal_pairwise(&self, left: Value<'a>, right: Value<'a>) -> bool {
        match (left, right) {
            (Value::Set(left), Value::Set(right)) => {
                let within = |one: Set<'a>, other: Set<'a>| {
                    !self.any(one, &mut |item| !self.any(other, &mut |other| self.equal_pairwise(item, other)))
                };
                within(left, right) && within(right, left)
            }
            (Value::Record(left), Value::Record(right)) => {
                let within = |one: Record<'a>, other: Record<'a>| {
                    !self.any_field(one, &mut |attr, value| {
                        !self.get(other, attr).is_some_and(|other| self.equal_pairwise(value, other))
                    })
                };
                // the second way only asks for what the first did not see
                within(left, right) && !self.any_field(right, &mut |attr, _| self.get(left, attr).is_none())
            }
            (left, right) => same(&left, &right) == Some(true),
        }
    }

    fn any_field(&self, record: Record<'a>, test: &mut dyn FnMut(Attr, Value<'a>) -> bool) -> bool {
        match record {
            Record::Const(fields) => fields.iter().any(|(attr, value)| test(*attr, value.value())),
            Record::Given { frame, start, shape } => {
                frame.members(start, shape).any(|(attr, cell)| frame.value(cell).is_some_and(|value| test(attr, value)))
            }
            Record::Fields(fields) => fields.iter().any(|(attr, value)| test(*attr, *value)),
            Record::Built { start, len } => self.fields(start, len).iter().any(|(attr, value)| test(*attr, *value)),
        }
    }

    fn few_pairs(&self, left: Value<'a>, right: Value<'a>) -> bool {
        let (mut first, mut second) = (0, 0);
        self.weigh(left, &mut first);
        self.weigh(right, &mut second);
        first.saturating_mul(second) <= PAIRS
    }

    /// Counts the values in a value, until there are too many.
    fn weigh(&self, value: Value<'a>, weight: &mut usize) -> bool {
        *weight = weight.saturating_add(1);
        match value {
            _ if *weight > PAIRS => true,
            Value::Set(set) => self.any(set, &mut |item| self.weigh(item, weight)),
            Value::Record(record) => self.any_field(record, &mut |_, value| self.weigh(value, weight)),
            _ => false,
        }
    }

    /// The value as a constant, whose order and equality are plain.
    fn constant(&self, value: Value<'a>) -> Const {
        match value {
            Value::Set(set) => {
                let mut items = Vec::new();
                self.any(set, &mut |item| {
                    items.push(self.constant(item));
                    false
                });
                items.sort();
                items.dedup();
                Const::Set(items.into_boxed_slice())
            }
            Value::Record(record) => {
                let mut fields = Vec::new();
                self.any_field(record, &mut |attr, value| {
                    fields.push((attr, self.constant(value)));
                    false
                });
                Const::Record(fields.into_boxed_slice())
            }
            other => scalar(other).unwrap_or(Const::Bool(false)),
        }
    }

    fn items(&self, start: u32, len: u32) -> &[Value<'a>] {
        self.items.get(index(start)..index(start.saturating_add(len))).unwrap_or_default()
    }

    fn fields(&self, start: u32, len: u32) -> &[(Attr, Value<'a>)] {
        self.fields.get(index(start)..index(start.saturating_add(len))).unwrap_or_default()
    }
}

/// The order of constants, between a constant and a value that is neither a set nor a record.
fn compare(constant: &Const, value: &Value<'_>) -> Ordering {
    match (constant, value) {
        (Const::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Const::Long(left), Value::Long(right))
        | (Const::Decimal(left), Value::Decimal(right))
        | (Const::Datetime(left), Value::Datetime(right))
        | (Const::Duration(left), Value::Duration(right)) => left.cmp(right),
        (Const::String(left), Value::String(right)) => (**left).cmp(*right),
        (Const::Entity(left), Value::Entity(right)) => left.cmp(right),
        (Const::Ip(left), Value::Ip(right)) => left.cmp(right),
        (constant, value) => rank(&constant.value()).cmp(&rank(value)),
    }
}

/// The order of the types of constants.
fn rank(value: &Value<'_>) -> u8 {
    match value {
        Value::Bool(_) => 0,
        Value::Long(_) => 1,
        Value::String(_) => 2,
        Value::Entity(_) => 3,
        Value::Decimal(_) => 4,
        Value::Datetime(_) => 5,
        Value::Duration(_) => 6,
        Value::Ip(_) => 7,
        Value::Set(_) => 8,
        Value::Record(_) => 9,
    }
}
