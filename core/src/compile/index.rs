//! Finds the policies whose scope matches a request, without looking at the others.
//!
//! Policies are kept by action (any, a group, one), within that by the resource they name, and within that by what they
//! say of the principal. A request looks into the few places where policies about it can be. What is left open by a
//! policy is a place of its own, which is always looked into. Memory grows with the policies and the actions they list.

use std::collections::BTreeMap;

use smallvec::{Array, SmallVec};

use crate::compile::scope::{Actions, Bound, Scope};
use crate::data::names::{index, number};
use crate::data::value::Ent;

/// Policies, found by scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Sorted by bucket and principal.
    entries: Vec<Entry>,
    /// The entries of a bucket that say the same of the principal.
    places: Vec<Range>,
    /// What the named principals of each bucket are, sorted.
    named: Vec<Ent>,
    buckets: Vec<Bucket>,
    /// The bucket of an action or of a group of actions, with whatever resource.
    actions: Table,
    /// The bucket of one of those and a resource that its policies name.
    resources: Table,
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

/// The policies about an action, and about one resource or whatever resource: those that let the principal open, and
/// those that name it.
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
    /// Whether policies about the action name resources; those have buckets of their own.
    resources: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Range {
    start: u32,
    end: u32,
}

/// One policy in one place: what it says of the principal, and what has to be besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    class: Class,
    entity: Ent,
    policy: u32,
    /// What has to be exactly what the place is of, and not only in it.
    exact: u8,
    /// The types that principal and resource have to have, or [`ANY`].
    kinds: [u32; 2],
}

const EXACT_PRINCIPAL: u8 = 1;
const EXACT_ACTION: u8 = 2;
const EXACT_RESOURCE: u8 = 4;

/// In the place of a type.
const ANY: u32 = u32::MAX;

/// What is said of the principal: nothing, its type, or an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Open,
    Typed,
    Named,
}

/// So many names are searched for where there is one.
const FEW: usize = 8;

const NOBODY: Ent = Ent { kind: u32::MAX, id: u32::MAX };

impl Index {
    /// The index over policies, which are numbered in this order.
    pub(crate) fn new<'a>(scopes: impl IntoIterator<Item = &'a Scope>) -> Self {
        // there is always a bucket for policies about any action, and it is the first
        let mut buckets = BTreeMap::from([((None, None), Vec::new())]);
        for (policy, scope) in scopes.into_iter().enumerate() {
            let (entry, resource) = Entry::new(number(policy), scope);
            let actions = match &scope.action {
                Actions::Any => &[][..],
                Actions::Eq(action) => std::slice::from_ref(action),
                Actions::In(some) => some,
            };
            let any = matches!(scope.action, Actions::Any).then_some(None);
            for action in actions.iter().map(|action| Some(*action)).chain(any) {
                // under whatever resource it is found that there are some with one
                buckets.entry((action, None)).or_default();
                buckets.entry((action, resource)).or_default().push(entry);
            }
        }
        let count = buckets.values().map(Vec::len).sum();
        let named = buckets.keys().filter(|(_, resource)| resource.is_some()).count();
        let (actions, resources) = (Table::new(buckets.len().saturating_sub(named)), Table::new(named));
        let mut all = Self { actions, resources, principals: Table::new(count), ..Self::default() };
        let mut whatever = 0;
        for ((action, resource), entries) in buckets {
            let bucket = all.add(entries);
            match resource {
                None => {
                    whatever = bucket;
                    if let Some(action) = action {
                        all.actions.add(0, action, bucket);
                    }
                }
                // that of whatever resource came before
                Some(resource) => {
                    all.resources.add(whatever, resource, bucket);
                    if let Some(bucket) = all.buckets.get_mut(index(whatever)) {
                        bucket.resources = true;
                    }
                }
            }
        }
        all.entries.shrink_to_fit();
        all.places.shrink_to_fit();
        all.named.shrink_to_fit();
        all.buckets.shrink_to_fit();
        all
    }

    /// Adds the policies that match to a list, in their order and each once.
    pub(crate) fn find<A: Array<Item = u32>>(&self, asked: &Asked<'_>, into: &mut SmallVec<A>) {
        self.look(&mut Above { asked, named: None, more: false }, into);
    }

    /// The same of the policies that name something of what the principal is in, when the others are there already.
    pub(crate) fn find_more<A: Array<Item = u32>>(&self, asked: &Asked<'_>, into: &mut SmallVec<A>) {
        self.look(&mut Above { asked, named: None, more: true }, into);
    }

    fn look<A: Array<Item = u32>>(&self, above: &mut Above<'_, '_>, into: &mut SmallVec<A>) {
        let asked = above.asked;
        self.look_under(0, EXACT_ACTION, above, into);
        if let Some(bucket) = self.actions.get(0, asked.action) {
            self.look_under(bucket, EXACT_ACTION, above, into);
        }
        for group in asked.action_in {
            if *group != asked.action
                && let Some(bucket) = self.actions.get(0, *group)
            {
                self.look_under(bucket, 0, above, into);
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
            match entry.class {
                Class::Open => open = at.saturating_add(1),
                Class::Typed => typed = at.saturating_add(1),
                Class::Named => places.push((entry.entity, at)),
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
            resources: false,
        });
        self.entries.append(&mut entries);
        bucket
    }

    /// Looks into the bucket of an action and whatever resource, and into those of the resource and what it is in.
    fn look_under<A: Array<Item = u32>>(
        &self,
        bucket: u32,
        exact: u8,
        above: &mut Above<'_, '_>,
        into: &mut SmallVec<A>,
    ) {
        self.look_into(bucket, exact, above, into);
        if !self.buckets.get(index(bucket)).is_some_and(|bucket| bucket.resources) {
            return;
        }
        let asked = above.asked;
        if let Some(named) = self.resources.get(bucket, asked.resource) {
            self.look_into(named, exact | EXACT_RESOURCE, above, into);
        }
        for (kind, ids) in asked.resource_in {
            for id in *ids {
                let entity = Ent { kind: *kind, id: *id };
                if entity != asked.resource
                    && let Some(named) = self.resources.get(bucket, entity)
                {
                    self.look_into(named, exact, above, into);
                }
            }
        }
    }

    fn look_into<A: Array<Item = u32>>(
        &self,
        bucket: u32,
        exact: u8,
        above: &mut Above<'_, '_>,
        into: &mut SmallVec<A>,
    ) {
        let Some(Bucket { open, typed, named, filter, .. }) = self.buckets.get(index(bucket)) else { return };
        let asked = above.asked;
        let all = !above.more;
        if all {
            self.take(*open, exact, asked, into);
        }
        if all && !typed.is_empty() {
            let range = self.narrow(*typed, |entry| entry.entity.kind, asked.principal.kind);
            self.take(range, exact, asked, into);
        }
        if named.is_empty() {
            return;
        }
        let mut look_up = |entity: Ent, exact: u8| {
            if let Some(place) = self.principals.get(bucket, entity)
                && let Some(range) = self.places.get(index(place))
            {
                self.take(*range, exact, asked, into);
            }
        };
        if all && filter & bit(asked.principal) != 0 {
            look_up(asked.principal, exact | EXACT_PRINCIPAL);
        }
        // a name among what the principal is in is searched for; the other way it is mostly a look at a bit
        let names = named.of(&self.named);
        if names.len().saturating_mul(FEW) <= above.len() {
            for entity in names {
                if is_among(*entity, asked.principal_in) && *entity != asked.principal {
                    look_up(*entity, exact);
                }
            }
            return;
        }
        for (entity, bit) in above.named(&self.flags) {
            if filter & bit != 0 {
                look_up(*entity, exact);
            }
        }
    }

    /// Takes those of some entries that match: all that is left to see are types, and what has to be exact.
    #[inline]
    fn take<A: Array<Item = u32>>(&self, range: Range, exact: u8, asked: &Asked<'_>, into: &mut SmallVec<A>) {
        for entry in range.of(&self.entries) {
            let [principal, resource] = entry.kinds;
            if entry.exact & !exact == 0
                && (principal == ANY || principal == asked.principal.kind)
                && (resource == ANY || resource == asked.resource.kind)
            {
                into.push(entry.policy);
            }
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
    /// Each with its [`bit`].
    named: Option<SmallVec<[(Ent, u64); 32]>>,
    /// Whether nothing else is looked for.
    more: bool,
}

impl Above<'_, '_> {
    /// How many there are to go through.
    fn len(&self) -> usize {
        let all = || self.asked.principal_in.iter().fold(0usize, |sum, (_, ids)| sum.saturating_add(ids.len()));
        self.named.as_ref().map_or_else(all, SmallVec::len)
    }

    fn named(&mut self, flags: &[Vec<u64>]) -> &[(Ent, u64)] {
        let asked = self.asked;
        self.named.get_or_insert_with(|| {
            let mut named = SmallVec::new();
            for (kind, ids) in asked.principal_in {
                let Some(flags) = flags.get(index(*kind)).filter(|flags| !flags.is_empty()) else { continue };
                for id in *ids {
                    let entity = Ent { kind: *kind, id: *id };
                    if is_flagged(flags, *id) && entity != asked.principal {
                        named.push((entity, bit(entity)));
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

impl Entry {
    /// The entry of a policy, and the resource under which it is kept.
    fn new(policy: u32, scope: &Scope) -> (Self, Option<Ent>) {
        let principal = Part::new(scope.principal);
        let resource = Part::new(scope.resource);
        let (class, entity) = match (principal.entity, principal.kind) {
            (Some(entity), _) => (Class::Named, entity),
            (None, ANY) => (Class::Open, NOBODY),
            (None, kind) => (Class::Typed, Ent { kind, id: 0 }),
        };
        let exact = [
            (principal.exact, EXACT_PRINCIPAL),
            (matches!(scope.action, Actions::Eq(_)), EXACT_ACTION),
            (resource.exact, EXACT_RESOURCE),
        ];
        let exact = exact.into_iter().filter(|(is, _)| *is).fold(0, |all, (_, bit)| all | bit);
        (Self { class, entity, policy, exact, kinds: [principal.kind, resource.kind] }, resource.entity)
    }
}

/// A bound, taken apart.
struct Part {
    entity: Option<Ent>,
    /// Whether it has to be exactly this entity.
    exact: bool,
    kind: u32,
}

impl Part {
    fn new(bound: Bound) -> Self {
        let of = |entity, exact, kind| Self { entity, exact, kind };
        match bound {
            Bound::Any => of(None, false, ANY),
            Bound::Is(kind) => of(None, false, kind),
            Bound::Eq(entity) => of(Some(entity), true, ANY),
            Bound::In(entity) => of(Some(entity), false, ANY),
            Bound::IsIn(kind, entity) => of(Some(entity), false, kind),
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
            self.resources.slots.capacity().saturating_mul(size_of::<Slot>()),
            self.actions.slots.capacity().saturating_mul(size_of::<Slot>()),
            self.principals.slots.capacity().saturating_mul(size_of::<Slot>()),
        ]
        .into_iter()
        .fold(flags, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests;
