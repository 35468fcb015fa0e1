//! `context.input` of one call: its arguments checked against the tool's plan, and kept as cells.
//!
//! Accepts what [`check`](crate::load::arguments::check) accepts, with the values it gives, in one walk over the tape.
//! Why something is refused is for `check` to say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use crate::compile::plan::{Check, Entries, Fields, FreeForm, OtherFields, Parts, Place, Plan, Rule, place_of};
use crate::data::names::{index, number};
use crate::data::number::{to_decimal4, to_i64};
use crate::data::value::{Attr, Cell, Frame, Ip};
use crate::load::arguments::{parse_date, parse_date_time};
use crate::load::canonical;
use crate::load::tape::{Item, Kind, same};

/// The arguments are not what the tool's types allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// Room for the cells of one call, to be used again.
#[derive(Debug)]
pub(crate) struct Space {
    cells: SmallVec<[Cell; 64]>,
    made: String,
    root: Cell,
}

impl Default for Space {
    fn default() -> Self {
        Self { cells: SmallVec::new(), made: String::new(), root: Cell::Missing }
    }
}

impl Space {
    /// What the cells are ranges of. The plan and the item are those that were bound.
    pub(crate) fn frame<'a>(&'a self, plan: &'a Plan, item: Item<'a>) -> Frame<'a> {
        Frame { given: item.source(), made: &self.made, cells: &self.cells, shapes: &plan.shapes }
    }

    /// `context.input`: a record.
    pub(crate) fn root(&self) -> Cell {
        self.root
    }
}

/// Checks the arguments and keeps what the plan wants of them. Once refused, the space holds nothing of use.
pub(crate) fn bind(plan: &Plan, item: Item<'_>, space: &mut Space) -> Result<(), Refused> {
    space.cells.clear();
    space.made.clear();
    // The first shape is the empty one.
    space.root = Cell::Record { start: 0, shape: 0 };
    if let Some(root) = &plan.root {
        space.root = Binder { shapes: &plan.shapes, space }.fields(root, item)?;
    }
    Ok(())
}

struct Binder<'p, 's> {
    shapes: &'p [Box<[Attr]>],
    space: &'s mut Space,
}

/// A set that is empty, or of which only the presence is read.
const EMPTY_SET: Cell = Cell::Set { start: 0, len: 0 };

impl Binder<'_, '_> {
    fn value(&mut self, check: &Check, item: Item<'_>) -> Result<Cell, Refused> {
        match (check, item.kind()) {
            (Check::Json(free), kind) => Ok(self.free_form(free, item, kind)),
            (Check::Bool, Kind::True) => Ok(Cell::Bool(true)),
            (Check::Bool, Kind::False) => Ok(Cell::Bool(false)),
            // FAIL-CLOSED: each_type_and_its_twin
            (Check::Long, Kind::Number) => item.number().and_then(to_i64).map(Cell::Long).ok_or(Refused),
            (Check::Decimal, Kind::Number) => item.number().and_then(to_decimal4).map(Cell::Decimal).ok_or(Refused),
            (Check::Text, Kind::Given | Kind::Made) => Ok(self.text(item)),
            (Check::OneOf(values), Kind::Given | Kind::Made) => {
                let text = item.text().ok_or(Refused)?;
                if is_one_of(values, text) { Ok(self.text(item)) } else { Err(Refused) }
            }
            (Check::Instant { date, time }, Kind::Given | Kind::Made) => {
                let text = item.text().ok_or(Refused)?;
                let day = || if *date { parse_date(text) } else { None };
                let moment = || if *time { parse_date_time(text) } else { None };
                day().or_else(moment).map(Cell::Datetime).ok_or(Refused)
            }
            (Check::Ip { v4, v6 }, Kind::Given | Kind::Made) => {
                let text = item.text().ok_or(Refused)?;
                address(*v4, *v6, text).map(Cell::Ip).ok_or(Refused)
            }
            (Check::Set { element, keep }, Kind::Array) => self.set(element, *keep, item),
            (Check::Sets(parts), Kind::Array) => self.sets(parts, item),
            (Check::Record(fields), _) => self.fields(fields, item),
            (Check::Map(entries), Kind::Object) => self.entries(entries, item.members()),
            (Check::Union(parts), _) => self.union(parts, item),
            _ => Err(Refused),
        }
    }

    fn fields(&mut self, fields: &Fields, item: Item<'_>) -> Result<Cell, Refused> {
        if item.kind() != Kind::Object {
            return Err(Refused);
        }
        let start = self.record(fields.shape);
        let declared = |key: &Item<'_>| fields.find(key.key_hash(), key.text().unwrap_or_default());
        let (mut required, mut others) = (0u32, false);
        for (key, value) in item.members() {
            let Some(field) = declared(&key) else {
                if let OtherFields::Refused = fields.extras {
                    return Err(Refused);
                }
                others = true;
                continue;
            };
            required = required.wrapping_add(u32::from(field.required));
            match &field.rule {
                Rule::Typed { nullable: true, .. } | Rule::Null if value.kind() == Kind::Null => {}
                // the usual ones without a call
                Rule::Typed { check: Check::Text, .. } if value.kind() == Kind::Given => {
                    let cell = self.text(value);
                    self.put(start, field.place, cell);
                }
                Rule::Typed { check: Check::OneOf(values), .. } if value.kind() == Kind::Given => {
                    if !is_one_of(values, value.text().unwrap_or_default()) {
                        return Err(Refused);
                    }
                    let cell = self.text(value);
                    self.put(start, field.place, cell);
                }
                Rule::Typed { check, .. } => {
                    let cell = self.value(check, value)?;
                    self.put(start, field.place, cell);
                }
                Rule::Anything => {}
                Rule::Null | Rule::Refused => return Err(Refused),
            }
        }
        // Each key is there once, so all are there if as many are there.
        if required != fields.required {
            return Err(Refused);
        }
        if let OtherFields::Typed { entries, place } = &fields.extras {
            let cell = if others {
                self.entries(entries, item.members().filter(|(key, _)| declared(key).is_none()))?
            } else {
                self.entries(entries, std::iter::empty())?
            };
            self.put(start, *place, cell);
        }
        Ok(Cell::Record { start, shape: fields.shape })
    }

    fn entries<'t>(
        &mut self,
        entries: &Entries,
        members: impl Iterator<Item = (Item<'t>, Item<'t>)> + Clone,
    ) -> Result<Cell, Refused> {
        let start = self.record(entries.shape);
        let kept = |place: Option<Place>| place.is_some_and(|place| place.keep);
        let (keep_keys, keep_entries) = (kept(entries.keys), kept(entries.entries));
        let count = if keep_keys || keep_entries { members.clone().count() } else { 0 };
        let keys = self.reserve(if keep_keys { count } else { 0 });
        let rows = self.reserve(if keep_entries { count } else { 0 });
        let (shape, key_place, value_place) = entries.entry;
        for (at, (key, value)) in (0u32..).zip(members) {
            if let Some(check) = &entries.value {
                let cell = self.value(check, value)?;
                if keep_entries {
                    let row = self.record(shape);
                    let text = self.text(key);
                    self.put(row, Some(key_place), text);
                    self.put(row, Some(value_place), cell);
                    self.set_cell(rows.saturating_add(at), Cell::Record { start: row, shape });
                }
            }
            if keep_keys {
                let text = self.text(key);
                self.set_cell(keys.saturating_add(at), text);
            }
        }
        let set = |keep: bool, start: u32| if keep { Cell::Set { start, len: number(count) } } else { EMPTY_SET };
        self.put(start, entries.keys, set(keep_keys, keys));
        self.put(start, entries.entries, set(keep_entries, rows));
        Ok(Cell::Record { start, shape: entries.shape })
    }

    fn set(&mut self, element: &Check, keep: bool, item: Item<'_>) -> Result<Cell, Refused> {
        let len = if keep { item.elements().count() } else { 0 };
        let start = self.reserve(len);
        for (at, element_item) in (start..).zip(item.elements()) {
            let cell = self.value(element, element_item)?;
            if keep {
                self.set_cell(at, cell);
            }
        }
        Ok(Cell::Set { start, len: number(len) })
    }

    /// Which kind an element is decides the set; `null` is in none.
    fn sets(&mut self, parts: &Parts, item: Item<'_>) -> Result<Cell, Refused> {
        // For each kind: its set, where the next element goes, and whether they are kept.
        let mut counts = [0usize; 6];
        for element in item.elements() {
            if let Some(count) = counts.get_mut(place_of(element.kind())) {
                *count = count.saturating_add(1);
            }
        }
        let mut sets = [(EMPTY_SET, 0u32, false); 6];
        for ((set, count), part) in sets.iter_mut().zip(counts).zip(&parts.kinds) {
            let keep = |place: Option<Place>| parts.alone.unwrap_or_else(|| place.is_some_and(|place| place.keep));
            if part.as_ref().is_some_and(|part| keep(part.place)) {
                let start = self.reserve(count);
                *set = (Cell::Set { start, len: number(count) }, start, true);
            }
        }
        for element in item.elements() {
            let kind = place_of(element.kind());
            let Some(Some(part)) = parts.kinds.get(kind) else {
                if parts.null && element.kind() == Kind::Null {
                    continue;
                }
                return Err(Refused);
            };
            let cell = self.value(&part.check, element)?;
            if let Some((_, at, true)) = sets.get_mut(kind) {
                self.set_cell(*at, cell);
                *at = at.saturating_add(1);
            }
        }
        let of_parts = || sets.iter().zip(&parts.kinds).filter_map(|((set, ..), part)| Some((*set, part.as_ref()?)));
        if parts.alone.is_some() {
            return of_parts().next().map(|(set, _)| set).ok_or(Refused);
        }
        let start = self.record(parts.shape);
        for (set, part) in of_parts() {
            self.put(start, part.place, set);
        }
        Ok(Cell::Record { start, shape: parts.shape })
    }

    /// Which kind it is decides the member; `null` is the record with none.
    fn union(&mut self, parts: &Parts, item: Item<'_>) -> Result<Cell, Refused> {
        let start = self.record(parts.shape);
        match parts.kinds.get(place_of(item.kind())) {
            Some(Some(part)) => {
                let cell = self.value(&part.check, item)?;
                self.put(start, part.place, cell);
            }
            _ if parts.null && item.kind() == Kind::Null => {}
            _ => return Err(Refused),
        }
        Ok(Cell::Record { start, shape: parts.shape })
    }

    fn free_form(&mut self, free: &FreeForm, item: Item<'_>, kind: Kind) -> Cell {
        let start = self.record(free.shape);
        if free.kind.is_some() {
            self.put(start, free.kind, Cell::Word(kind.name()));
        }
        if let Some(place) = free.keys {
            let count = if place.keep { item.members().count() } else { 0 };
            let keys = self.reserve(count);
            if place.keep {
                for (at, (key, _)) in (keys..).zip(item.members()) {
                    let text = self.text(key);
                    self.set_cell(at, text);
                }
            }
            self.put(start, free.keys, Cell::Set { start: keys, len: number(count) });
        }
        if free.text.is_some() {
            let begin = number(self.space.made.len());
            canonical::write(&mut self.space.made, item);
            self.put(start, free.text, Cell::Made { start: begin, end: number(self.space.made.len()) });
        }
        Cell::Record { start, shape: free.shape }
    }

    #[inline]
    fn text(&mut self, item: Item<'_>) -> Cell {
        let (start, end) = item.range();
        if item.kind() == Kind::Given {
            return Cell::Given { start, end };
        }
        let start = number(self.space.made.len());
        self.space.made.push_str(item.text().unwrap_or_default());
        Cell::Made { start, end: number(self.space.made.len()) }
    }

    /// The first cell of a new record, all of whose members are missing so far.
    fn record(&mut self, shape: u32) -> u32 {
        let len = self.shapes.get(index(shape)).map_or(0, |shape| shape.len());
        self.reserve(len)
    }

    fn reserve(&mut self, len: usize) -> u32 {
        let start = self.space.cells.len();
        self.space.cells.resize(start.saturating_add(len), Cell::Missing);
        number(start)
    }

    #[inline]
    fn put(&mut self, record: u32, place: Option<Place>, cell: Cell) {
        if let Some(place) = place {
            self.set_cell(record.saturating_add(place.slot), cell);
        }
    }

    #[inline]
    fn set_cell(&mut self, at: u32, cell: Cell) {
        if let Some(slot) = self.space.cells.get_mut(index(at)) {
            *slot = cell;
        }
    }
}

/// Whether the text is among these, which are sorted.
fn is_one_of(values: &[Box<str>], text: &str) -> bool {
    if values.len() <= 16 {
        values.iter().any(|value| same(value, text))
    } else {
        values.binary_search_by(|value| value.as_ref().cmp(text)).is_ok()
    }
}

/// One address, as Cedar's `ip()` reads it: a range of one.
fn address(v4: bool, v6: bool, text: &str) -> Option<Ip> {
    let four = || if v4 { text.parse::<Ipv4Addr>().ok() } else { None };
    let six = || if v6 { text.parse::<Ipv6Addr>().ok() } else { None };
    let four = four().map(|address| Ip { address: IpAddr::V4(address), prefix: 32 });
    four.or_else(|| six().map(|address| Ip { address: IpAddr::V6(address), prefix: 128 }))
}

#[cfg(test)]
#[path = "input_tests.rs"]
mod tests;
