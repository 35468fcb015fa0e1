//! Finds the policies whose scope matches a request, without looking at the others.
//!
//! Policies are kept by action (any, a group, one) and, within that, by what they say of the principal and of the
//! resource. A request looks into the few places where policies about it can be. What is left open by a policy is a
//! place of its own, which is always looked into. Memory grows with the policies and the actions they list.

use std::collections::BTreeMap;

use smallvec::{Array, SmallVec};

use crate::compile::scope::{Actions, Bound, Scope};
use crate::data::names::{index, number};
use crate::data::value::Ent;

/// Policies, found by scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Sorted by bucket, principal and resource.
    entries: Vec<Entry>,
    /// The entries of a bucket that say the same of the principal.
    places: Vec<Range>,
    /// What the named principals of each bucket are, sorted.
    named: Vec<Ent>,
    buckets: Vec<Bucket>,
    /// The bucket of an action or of a group of actions.
    actions: Table,
    /// The place of a bucket and a principal, or what the principal is in.
    principals: Table,
    /// A bit for each entity that some policy names as something a principal is in; by kind, then by number.
    flags: Vec<Vec<u64>>,
}

/// What is asked: a request and what its entities are in, themselves aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) principal: Ent,
    /// By kind; the numbers are sorted. What is listed twice, or in two lists of a kind, is found once.
    pub(crate) principal_in: &'a [(u32, &'a [u32])],
    pub(crate) action: Ent,
    pub(crate) action_in: &'a [Ent],
    pub(crate) resource: Ent,
    pub(crate) resource_in: &'a [(u32, &'a [u32])],
}

/// The policies about an action: those that let the principal open, and those that name it.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Principal: any.
    open: Range,
    /// Principal: some type. Sorted by it.
    typed: Range,
    /// Which of the named ones.
    named: Range,
    /// A bit for each of them, by hash: most that are not named are known by it.
    filter: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range {
    start: u32,
    end: u32,
}

/// One policy in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    principal: Key,
    resource: Key,
    policy: u32,
    /// Whether the action has to be exactly the bucket's.
    exact_action: bool,
}

/// A bound, ordered for searching: open ones first, then those of a type, then those of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    class: Class,
    entity: Ent,
    /// Whether it has to be exactly this entity.
    exact: bool,
    /// The type it has to have besides.
    kind: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Open,
    Typed,
    Named,
}

/// Places that are scanned rather than searched.
const FEW: usize = 8;

const NOBODY: Ent = Ent { kind: u32::MAX, id: u32::MAX };

impl Index {
    /// The index over policies, which are numbered in this order.
    pub(crate) fn new<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> Self {
        let mut buckets: BTreeMap<Ent, Vec<Entry>> = BTreeMap::new();
        // there is always a bucket for policies about any action, and it is the first
        let mut any_action = Vec::new();
        for (policy, scope) in scopes.into_iter().enumerate() {
            let entry = Entry {
                principal: Key::new(scope.principal),
                resource: Key::new(scope.resource),
                policy: number(policy),
                exact_action: matches!(scope.action, Actions::Eq(_)),
            };
            match &scope.action {
                Actions::Any => any_action.push(entry),
                Actions::Eq(action) => buckets.entry(*action).or_default().push(entry),
                Actions::In(some) => {
                    some.iter().for_each(|action| buckets.entry(*action).or_default().push(entry));
                }
            }
        }
        let all = any_action.len().saturating_add(buckets.values().map(Vec::len).sum());
        let (actions, principals) = (Table::new(buckets.len()), Table::new(all));
        let mut index = Self { actions, principals, ..Self::default() };
        index.add(any_action);
        for (action, entries) in buckets {
            let bucket = index.add(entries);
            index.actions.add(0, action, bucket);
        }
        index.entries.shrink_to_fit();
        index.places.shrink_to_fit();
        index.named.shrink_to_fit();
        index.buckets.shrink_to_fit();
        index
    }

    /// Adds the policies that match to an empty list, in their order and each once.
    pub(crate) fn find<A: Array<Item = u32>>(&self, asked: &Asked<'_>, into: &mut SmallVec<A>) {
        let mut above = Above { asked, named: None };
        self.look_into(0, true, &mut above, into);
        if let Some(bucket) = self.actions.get(0, asked.action) {
            self.look_into(bucket, true, &mut above, into);
        }
        for group in asked.action_in {
            if *group != asked.action
                && let Some(bucket) = self.actions.get(0, *group)
            {
                self.look_into(bucket, false, &mut above, into);
            }
        }
        into.sort_unstable();
        // one policy may list an action and its group
        into.dedup();
    }

    /// Adds a bucket; its number.
    fn add(&mut self, mut entries: Vec<Entry>) -> u32 {
        entries.sort_unstable();
        entries.dedup();
        let bucket = number(self.buckets.len());
        let first = self.entries.len();
        let (mut open, mut typed, mut places) = (0usize, 0usize, Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            match entry.principal.class {
                Class::Open => open = at.saturating_add(1),
                Class::Typed => typed = at.saturating_add(1),
                Class::Named => places.push((entry.principal.entity, at)),
            }
        }
        let typed = typed.max(open);
        let at = |offset: usize| number(first.saturating_add(offset));
        let (named, mut filter) = (number(self.named.len()), 0u64);
        let mut ends = places.iter().map(|(_, at)| *at).skip(1).chain([entries.len()]);
        for (entity, start) in &places {
            let end = ends.next().unwrap_or(*start);
            let range = Range { start: at(*start), end: at(end) };
            if self.named.get(index(named)..).and_then(<[Ent]>::last) == Some(entity) {
                if let Some(last) = self.places.last_mut() {
                    last.end = range.end;
                }
                continue;
            }
            self.principals.add(bucket, *entity, number(self.places.len()));
            self.flag(*entity);
            filter |= bit(*entity);
            self.named.push(*entity);
            self.places.push(range);
        }
        self.buckets.push(Bucket {
            open: Range { start: at(0), end: at(open) },
            typed: Range { start: at(open), end: at(typed) },
            named: Range { start: named, end: number(self.named.len()) },
            filter,
        });
        self.entries.append(&mut entries);
        bucket
    }

    fn look_into<A: Array<Item = u32>>(
        &self,
        bucket: u32,
        is_action: bool,
        above: &mut Above<'_, '_>,
        into: &mut SmallVec<A>,
    ) {
        let Some(Bucket { open, typed, named, filter }) = self.buckets.get(index(bucket)) else { return };
        let asked = above.asked;
        self.take(*open, is_action, false, asked, into);
        if !typed.is_empty() {
            let kind = asked.principal.kind;
            let range = self.narrow(*typed, |entry| entry.principal.entity.kind, kind);
            self.take(range, is_action, false, asked, into);
        }
        if named.is_empty() {
            return;
        }
        let mut look_up = |entity: Ent, is_principal: bool| {
            if filter & bit(entity) != 0
                && let Some(place) = self.principals.get(bucket, entity)
                && let Some(range) = self.places.get(index(place))
            {
                self.take(*range, is_action, is_principal, asked, into);
            }
        };
        look_up(asked.principal, true);
        // a name among what the principal is in is searched for; the other way it is mostly a look at a bit
        let names = named.of(&self.named);
        if names.len().saturating_mul(FEW) <= above.len() {
            for entity in names {
                if is_among(*entity, asked.principal_in) && *entity != asked.principal {
                    look_up(*entity, false);
                }
            }
            return;
        }
        for entity in above.named(&self.flags) {
            look_up(*entity, false);
        }
    }

    /// Takes those of some entries that match. Their principal does, but for what `Key` says besides.
    fn take<A: Array<Item = u32>>(
        &self,
        range: Range,
        is_action: bool,
        is_principal: bool,
        asked: &Asked<'_>,
        into: &mut SmallVec<A>,
    ) {
        let mut one = |entry: &Entry, is_resource: bool| {
            let principal = &entry.principal;
            let matches = (is_action || !entry.exact_action)
                && (is_principal || !principal.exact)
                && principal.kind.is_none_or(|kind| kind == asked.principal.kind)
                && (is_resource || !entry.resource.exact)
                && entry.resource.kind.is_none_or(|kind| kind == asked.resource.kind);
            if matches {
                into.push(entry.policy);
            }
        };
        let entries = range.of(&self.entries);
        if entries.len() <= FEW {
            for entry in entries {
                match entry.resource.class {
                    Class::Open | Class::Typed => one(entry, false),
                    Class::Named if entry.resource.entity == asked.resource => one(entry, true),
                    Class::Named if is_among(entry.resource.entity, asked.resource_in) => one(entry, false),
                    Class::Named => {}
                }
            }
            return;
        }
        // by principal first and resource next: groups of entries that say the same of the principal
        let mut rest = entries;
        while let Some(first) = rest.first() {
            // mostly all of them do
            let same = match rest.last() {
                Some(last) if last.principal == first.principal => rest.len(),
                _ => rest.partition_point(|entry| entry.principal == first.principal),
            };
            let (group, after) = rest.split_at_checked(same).unwrap_or((rest, &[]));
            let unnamed = group.partition_point(|entry| entry.resource.class != Class::Named);
            let (unnamed, named) = group.split_at_checked(unnamed).unwrap_or((group, &[]));
            unnamed.iter().for_each(|entry| one(entry, false));
            let of = |entity: Ent| {
                let start = named.partition_point(|entry| entry.resource.entity < entity);
                let from = named.get(start..).unwrap_or_default();
                from.iter().take_while(move |entry| entry.resource.entity == entity)
            };
            if !named.is_empty() {
                of(asked.resource).for_each(|entry| one(entry, true));
                for (kind, ids) in asked.resource_in {
                    for id in *ids {
                        let entity = Ent { kind: *kind, id: *id };
                        if entity != asked.resource {
                            of(entity).for_each(|entry| one(entry, false));
                        }
                    }
                }
            }
            rest = after;
        }
    }

    /// The part of a sorted range that has this key.
    fn narrow(&self, range: Range, key: impl Fn(&Entry) -> u32, wanted: u32) -> Range {
        let entries = range.of(&self.entries);
        let start = entries.partition_point(|entry| key(entry) < wanted);
        let end = entries.partition_point(|entry| key(entry) <= wanted);
        Range { start: range.start.saturating_add(number(start)), end: range.start.saturating_add(number(end)) }
    }

    fn flag(&mut self, entity: Ent) {
        let (kind, word) = (index(entity.kind), index(entity.id >> 6));
        if self.flags.len() <= kind {
            self.flags.resize(kind.saturating_add(1), Vec::new());
        }
        if let Some(flags) = self.flags.get_mut(kind) {
            if flags.len() <= word {
                flags.resize(word.saturating_add(1), 0);
            }
            if let Some(word) = flags.get_mut(word) {
                *word |= 1 << (entity.id & 63);
            }
        }
    }
}

/// What the principal is in, as far as some policy names it: gathered once, for all buckets.
struct Above<'s, 'a> {
    asked: &'s Asked<'a>,
    named: Option<SmallVec<[Ent; 16]>>,
}

impl Above<'_, '_> {
    /// How many there are to go through.
    fn len(&self) -> usize {
        let all = || self.asked.principal_in.iter().fold(0usize, |sum, (_, ids)| sum.saturating_add(ids.len()));
        self.named.as_ref().map_or_else(all, SmallVec::len)
    }

    fn named(&mut self, flags: &[Vec<u64>]) -> &[Ent] {
        let asked = self.asked;
        self.named.get_or_insert_with(|| {
            let mut named = SmallVec::new();
            for (kind, ids) in asked.principal_in {
                let Some(flags) = flags.get(index(*kind)).filter(|flags| !flags.is_empty()) else { continue };
                for id in *ids {
                    let entity = Ent { kind: *kind, id: *id };
                    if is_flagged(flags, *id) && entity != asked.principal {
                        named.push(entity);
                    }
                }
            }
            named
        })
    }
}

/// One of 64 bits, by hash.
fn bit(entity: Ent) -> u64 {
    let mixed = (entity.id ^ entity.kind.rotate_left(16)).wrapping_mul(0x9e37_79b9);
    1u64.wrapping_shl(mixed >> 26)
}

fn is_flagged(flags: &[u64], id: u32) -> bool {
    flags.get(index(id >> 6)).is_some_and(|word| word & (1 << (id & 63)) != 0)
}

fn is_among(entity: Ent, above: &[(u32, &[u32])]) -> bool {
    above.iter().any(|(kind, ids)| entity.kind == *kind && ids.binary_search(&entity.id).is_ok())
}

impl Key {
    fn new(bound: Bound) -> Self {
        let of = |class, entity, exact, kind| Self { class, entity, exact, kind };
        match bound {
            Bound::Any => of(Class::Open, NOBODY, false, None),
            Bound::Is(kind) => of(Class::Typed, Ent { kind, id: 0 }, false, Some(kind)),
            Bound::Eq(entity) => of(Class::Named, entity, true, None),
            Bound::In(entity) => of(Class::Named, entity, false, None),
            Bound::IsIn(kind, entity) => of(Class::Named, entity, false, Some(kind)),
        }
    }
}

impl Range {
    fn is_empty(self) -> bool {
        self.start >= self.end
    }

    fn of<T>(self, items: &[T]) -> &[T] {
        items.get(index(self.start)..index(self.end)).unwrap_or_default()
    }
}

/// Numbers by a number and an entity: open addressing, at most half full, never asked to forget.
#[derive(Clone, Debug, Default)]
struct Table {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    group: u32,
    entity: Ent,
    /// One more than the number; 0 is a free slot.
    value: u32,
}

impl Table {
    fn new(entries: usize) -> Self {
        let free = Slot { group: 0, entity: NOBODY, value: 0 };
        let size = entries.saturating_mul(2).checked_next_power_of_two().unwrap_or(0).max(2);
        Self { slots: vec![free; size] }
    }

    /// Sets the number of what is not there yet. There is room for as many as were announced.
    fn add(&mut self, group: u32, entity: Ent, value: u32) {
        let slot = self.slot(group, entity);
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = Slot { group, entity, value: value.saturating_add(1) };
        }
    }

    fn get(&self, group: u32, entity: Ent) -> Option<u32> {
        self.slots.get(self.slot(group, entity))?.value.checked_sub(1)
    }

    /// Where it is or would be.
    fn slot(&self, group: u32, entity: Ent) -> usize {
        let mask = self.slots.len().wrapping_sub(1);
        let key = (u64::from(entity.kind) << 32) | u64::from(entity.id);
        let mixed = (key ^ u64::from(group).wrapping_mul(0xa076_1d64_78bd_642f)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut slot = usize::try_from(mixed >> 32).unwrap_or(0) & mask;
        while let Some(found) = self.slots.get(slot) {
            if found.value == 0 || (found.group == group && found.entity == entity) {
                break;
            }
            slot = slot.wrapping_add(1) & mask;
        }
        slot
    }
}

#[cfg(test)]
impl Index {
    /// The bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let flags = self.flags.iter().fold(0usize, |sum, bits| sum.saturating_add(bits.capacity().saturating_mul(8)));
        [
            self.entries.capacity().saturating_mul(size_of::<Entry>()),
            self.places.capacity().saturating_mul(size_of::<Range>()),
            self.named.capacity().saturating_mul(size_of::<Ent>()),
            self.buckets.capacity().saturating_mul(size_of::<Bucket>()),
            self.actions.slots.capacity().saturating_mul(size_of::<Slot>()),
            self.principals.slots.capacity().saturating_mul(size_of::<Slot>()),
        ]
        .into_iter()
        .fold(flags, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests;
