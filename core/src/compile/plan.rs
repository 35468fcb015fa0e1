//! How the arguments of one tool are checked and what of them is kept for policies.
//!
//! Owns the plan, laid out for one walk over a call. Everything the types require is checked, as
//! [`check`](crate::load::arguments::check) does it; cells are kept only for what policies read.

use crate::compile::reads::Read;
use crate::data::names::{Names, index, number};
use crate::data::value::Attr;
use crate::load::arguments::{Arguments, EXTRAS, Extras, Map, Record, Slot, Text, Type};
use crate::load::tape::{Kind, hash, same};

/// What becomes of the arguments of one tool.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// `None` if they go unchecked and `context.input` is empty.
    pub(crate) root: Option<Fields>,
    /// The attributes of each record, sorted.
    pub(crate) shapes: Vec<Box<[Attr]>>,
}

/// How one value is checked and kept.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Json(FreeForm),
    Bool,
    Long,
    Decimal,
    Text,
    /// One of these, sorted.
    OneOf(Box<[Box<str>]>),
    Instant {
        date: bool,
        time: bool,
    },
    Ip {
        v4: bool,
        v6: bool,
    },
    /// The elements are kept, or only checked.
    Set {
        element: Box<Self>,
        keep: bool,
    },
    /// An array of several kinds: a record of sets, or with one kind only a set.
    Sets(Box<Parts>),
    Record(Box<Fields>),
    Map(Box<Entries>),
    Union(Box<Parts>),
    Nothing,
}

/// Any JSON value: a record of what is read of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreeForm {
    pub(crate) shape: u32,
    pub(crate) kind: Option<Place>,
    pub(crate) keys: Option<Place>,
    pub(crate) text: Option<Place>,
}

/// Where among the cells of its record a value is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) slot: u32,
    /// Of a set its elements are kept. Otherwise only its presence is read.
    pub(crate) keep: bool,
}

/// An object with declared members.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) shape: u32,
    /// Sorted by name.
    members: Box<[Field]>,
    /// The members by the hash of their names, in open addressing over a power of two; each is one more than its
    /// place among them. Empty if names share hashes beyond reason: then the order finds them.
    table: Box<[(u32, u32)]>,
    /// How many members a call must carry.
    pub(crate) required: u32,
    pub(crate) extras: OtherFields,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    name: Box<str>,
    pub(crate) required: bool,
    pub(crate) place: Option<Place>,
    pub(crate) rule: Rule,
}

#[derive(Clone, Debug)]
pub(crate) enum Rule {
    Typed { check: Check, nullable: bool },
    Null,
    Anything,
    Refused,
}

/// What becomes of members that are not declared.
#[derive(Clone, Debug)]
pub(crate) enum OtherFields {
    Refused,
    Anything,
    Typed { entries: Entries, place: Option<Place> },
}

/// An object of any names: a record of its keys and its entries.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    pub(crate) shape: u32,
    pub(crate) keys: Option<Place>,
    pub(crate) entries: Option<Place>,
    /// How values are checked; `None` if they are not.
    pub(crate) value: Option<Check>,
    /// The record of one entry: its shape, and the places of its key and its value.
    pub(crate) entry: (u32, Place, Place),
}

/// Several kinds, each with its own check.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) shape: u32,
    /// `null` is a value here, in none of the parts.
    pub(crate) null: bool,
    /// Null, boolean, number, string, array, object.
    pub(crate) kinds: [Option<Part>; 6],
    /// The only part of [`Check::Sets`], which needs no record around it: whether its elements are kept.
    pub(crate) alone: Option<bool>,
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) place: Option<Place>,
    pub(crate) check: Check,
}

/// How many slots of a table are looked at for one name.
const PROBES: usize = 8;

/// What policies read of a value.
#[derive(Clone, Copy)]
enum Want<'r> {
    /// Nothing at all, not even its presence.
    Nothing,
    Everything,
    Some(&'r Read),
}

impl<'r> Want<'r> {
    fn of(read: &'r Read) -> Self {
        if read.whole { Self::Everything } else { Self::Some(read) }
    }

    fn under(self, name: &str) -> Self {
        match self {
            Self::Some(read) => read.under.get(name).map_or(Self::Nothing, Self::of),
            other => other,
        }
    }

    fn whole(self) -> bool {
        matches!(self, Self::Everything)
    }

    /// What is read of the elements of a set: all of each, or nothing.
    fn elements(self) -> Self {
        if self.whole() { Self::Everything } else { Self::Nothing }
    }
}

impl Plan {
    /// The plan for a tool's arguments, of which policies read that. New attribute names get their numbers.
    pub(crate) fn new(arguments: &Arguments, read: &Read, attrs: &mut Names) -> Self {
        let mut planner = Planner { attrs, shapes: vec![Box::default()] };
        let root = arguments.root.as_ref().map(|root| planner.fields(root, Want::of(read)));
        Self { root, shapes: planner.shapes }
    }
}

impl Fields {
    /// The declared member of that name, by its hash.
    #[inline]
    pub(crate) fn find(&self, hash: u32, name: &str) -> Option<&Field> {
        if self.table.is_empty() {
            let at = self.members.binary_search_by(|field| field.name.as_ref().cmp(name)).ok()?;
            return self.members.get(at);
        }
        let mask = self.table.len().wrapping_sub(1);
        let mut slot = index(hash) & mask;
        // A free slot ends the search.
        for _ in 0..PROBES {
            let &(known, place) = self.table.get(slot)?;
            let place = place.checked_sub(1)?;
            if known == hash {
                let field = self.members.get(index(place))?;
                if same(&field.name, name) {
                    return Some(field);
                }
            }
            slot = slot.wrapping_add(1) & mask;
        }
        None
    }
}

struct Planner<'a> {
    attrs: &'a mut Names,
    shapes: Vec<Box<[Attr]>>,
}

impl Planner<'_> {
    fn check(&mut self, ty: &Type, want: Want<'_>) -> Check {
        match ty {
            Type::Json => Check::Json(self.free_form(want)),
            Type::Bool => Check::Bool,
            Type::Long => Check::Long,
            Type::Decimal => Check::Decimal,
            Type::Text(Text::Open) => Check::Text,
            Type::Text(Text::OneOf(values)) => Check::OneOf(values.iter().map(|value| value.as_str().into()).collect()),
            Type::Text(Text::Instant { date, time }) => Check::Instant { date: *date, time: *time },
            Type::Text(Text::Ip { v4, v6 }) => Check::Ip { v4: *v4, v6: *v6 },
            Type::Set(element) => {
                Check::Set { element: Box::new(self.check(element, want.elements())), keep: want.whole() }
            }
            Type::Sets { null, parts } => {
                let alone = (parts.len() == 1).then_some(want.whole());
                let (shape, places) =
                    self.shape(parts.keys().copied(), if alone.is_some() { Want::Nothing } else { want });
                let mut kinds = Kinds::default();
                for ((name, ty), place) in parts.iter().zip(places) {
                    let part = if alone.is_some() { want } else { want.under(name) };
                    kinds.put(name, Part { place, check: self.check(ty, part.elements()) });
                }
                Check::Sets(Box::new(Parts { shape, null: *null, kinds: kinds.0, alone }))
            }
            Type::Record(record) => Check::Record(Box::new(self.fields(record, want))),
            Type::Map(map) => Check::Map(Box::new(self.entries(map, want))),
            Type::OneOf { null, parts } => {
                let (shape, places) = self.shape(parts.keys().copied(), want);
                let mut kinds = Kinds::default();
                for ((name, ty), place) in parts.iter().zip(places) {
                    kinds.put(name, Part { place, check: self.check(ty, want.under(name)) });
                }
                Check::Union(Box::new(Parts { shape, null: *null, kinds: kinds.0, alone: None }))
            }
            Type::Nothing => Check::Nothing,
        }
    }

    fn fields(&mut self, record: &Record, want: Want<'_>) -> Fields {
        let typed = |slot: &Slot| matches!(slot, Slot::Typed { .. });
        let names = record.members.iter().filter(|(_, member)| typed(&member.slot)).map(|(name, _)| name.as_str());
        let extras = matches!(record.extras, Extras::Typed(_)).then_some(EXTRAS);
        let (shape, places) = self.shape(names.chain(extras), want);
        let mut places = places.into_iter();
        let mut members = Vec::with_capacity(record.members.len());
        for (name, member) in &record.members {
            let (place, rule) = match &member.slot {
                Slot::Typed { ty, nullable } => {
                    let check = self.check(ty, want.under(name));
                    (places.next().flatten(), Rule::Typed { check, nullable: *nullable })
                }
                Slot::Null => (None, Rule::Null),
                Slot::LeftOut(_) => (None, Rule::Anything),
                Slot::Refused => (None, Rule::Refused),
            };
            members.push(Field { name: name.as_str().into(), required: member.required, place, rule });
        }
        let extras = match &record.extras {
            Extras::Refused => OtherFields::Refused,
            Extras::LeftOut(_) => OtherFields::Anything,
            Extras::Typed(map) => {
                OtherFields::Typed { entries: self.entries(map, want.under(EXTRAS)), place: places.next().flatten() }
            }
        };
        let required = number(members.iter().filter(|field| field.required).count());
        let table = table(&members).into();
        Fields { shape, members: members.into(), table, required, extras }
    }

    fn entries(&mut self, map: &Map, want: Want<'_>) -> Entries {
        let names = ["keys"].into_iter().chain(map.value.as_ref().map(|_| "entries"));
        let (shape, places) = self.shape(names, want);
        let mut places = places.into_iter();
        let (keys, entries) = (places.next().flatten(), places.next().flatten());
        let value = map.value.as_ref().map(|ty| self.check(ty, want.under("entries").elements()));
        let (shape_of_entry, places) = self.shape(["key", "value"], Want::Everything);
        let place = |at: usize| places.get(at).copied().flatten().unwrap_or(Place { slot: 0, keep: true });
        Entries { shape, keys, entries, value, entry: (shape_of_entry, place(0), place(1)) }
    }

    fn free_form(&mut self, want: Want<'_>) -> FreeForm {
        let (shape, places) = self.shape(["kind", "keys", "text"], want);
        let place = |at: usize| places.get(at).copied().flatten();
        FreeForm { shape, kind: place(0), keys: place(1), text: place(2) }
    }

    /// The shape of the wanted ones of these attributes, and the place of each. No name is given twice.
    fn shape<'n>(&mut self, names: impl IntoIterator<Item = &'n str>, want: Want<'_>) -> (u32, Vec<Option<Place>>) {
        let wanted: Vec<_> = names
            .into_iter()
            .map(|name| match want.under(name) {
                Want::Nothing => None,
                want => Some((self.attrs.add(name), want.whole())),
            })
            .collect();
        let mut attrs: Vec<Attr> = wanted.iter().flatten().map(|(attr, _)| *attr).collect();
        attrs.sort_unstable();
        let place = |(attr, keep)| attrs.binary_search(&attr).ok().map(|slot| Place { slot: number(slot), keep });
        let places = wanted.into_iter().map(|wanted| wanted.and_then(place)).collect();
        let known = self.shapes.iter().position(|shape| **shape == *attrs);
        let shape = known.unwrap_or_else(|| {
            self.shapes.push(attrs.into());
            self.shapes.len().saturating_sub(1)
        });
        (number(shape), places)
    }
}

#[derive(Default)]
struct Kinds([Option<Part>; 6]);

impl Kinds {
    fn put(&mut self, name: &str, part: Part) {
        let at = match name {
            "null" => place_of(Kind::Null),
            "boolean" => place_of(Kind::True),
            "integer" | "number" => place_of(Kind::Number),
            "string" => place_of(Kind::Given),
            "array" => place_of(Kind::Array),
            _ => place_of(Kind::Object),
        };
        // integers before numbers, as the check has it
        if let Some(slot @ None) = self.0.get_mut(at) {
            *slot = Some(part);
        }
    }
}

/// Where in [`Parts::kinds`] values of a kind are.
pub(crate) fn place_of(kind: Kind) -> usize {
    match kind {
        Kind::Null => 0,
        Kind::False | Kind::True => 1,
        Kind::Number => 2,
        Kind::Given | Kind::Made => 3,
        Kind::Array => 4,
        Kind::Object => 5,
    }
}

fn table(members: &[Field]) -> Vec<(u32, u32)> {
    let size = members.len().saturating_mul(2).next_power_of_two();
    let mask = size.wrapping_sub(1);
    let mut table = vec![(0, 0); size];
    for (at, field) in members.iter().enumerate() {
        let hash = hash(field.name.as_bytes());
        let start = index(hash);
        let free = (0..PROBES)
            .map(|probe| start.wrapping_add(probe) & mask)
            .find(|slot| matches!(table.get(*slot), Some((_, 0))));
        match free.and_then(|slot| table.get_mut(slot)) {
            Some(slot) => *slot = (hash, number(at).saturating_add(1)),
            None => return Vec::new(),
        }
    }
    table
}
