//! Ids that are seldom asked for, by the million: sorted, and each written as what it does not share with the one
//! before. `g123456` takes about two and a half bytes.

use std::cmp::Ordering;

use crate::data::names::{index, number};

/// Distinct ids, ranked from 0 in [`order`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    /// One id after the other. A byte below [`OTHER`]: as long as the one before, and that many bytes of it are new.
    /// [`OTHER`]: the length and how much of the one before begins it, as varints. Then what is new.
    bytes: Vec<u8>,
    /// Where every [`BLOCK`]th begins, which shares nothing.
    blocks: Vec<u32>,
    len: u32,
}

const BLOCK: u32 = 32;
const OTHER: u8 = 0xff;

/// Shorter ids first, then by their bytes: ids that are counted up are in order.
pub(crate) fn order(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

impl Ids {
    /// Ids that ascend in [`order`].
    pub(crate) fn new<'a>(ascending: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        let mut before: &[u8] = &[];
        for id in ascending.map(str::as_bytes) {
            let first = all.len.is_multiple_of(BLOCK);
            if first {
                all.blocks.push(number(all.bytes.len()));
            }
            let shared = if first { 0 } else { id.iter().zip(before).take_while(|(one, other)| one == other).count() };
            let new = id.get(shared..).unwrap_or_default();
            match u8::try_from(new.len()) {
                Ok(count) if count < OTHER && !first && id.len() == before.len() => all.bytes.push(count),
                _ => {
                    all.bytes.push(OTHER);
                    write(&mut all.bytes, id.len());
                    write(&mut all.bytes, shared);
                }
            }
            all.bytes.extend_from_slice(new);
            all.len = all.len.saturating_add(1);
            before = id;
        }
        all.bytes.shrink_to_fit();
        all.blocks.shrink_to_fit();
        all
    }

    /// The rank of an id.
    pub(crate) fn find(&self, id: &str) -> Option<u32> {
        let id = id.as_bytes();
        let not_after = |start: &u32| {
            let mut reader = self.from(*start);
            reader.next_id().is_some_and(|first| order(first, id) != Ordering::Greater)
        };
        let block = self.blocks.partition_point(not_after).checked_sub(1)?;
        let mut reader = self.from(*self.blocks.get(block)?);
        let first = number(block).saturating_mul(BLOCK);
        (first..first.saturating_add(BLOCK)).find(|_| reader.next_id() == Some(id))
    }

    /// Every id, by rank.
    pub(crate) fn iter(&self) -> impl Iterator<Item = String> {
        let mut reader = self.from(0);
        (0..self.len).map(move |_| String::from_utf8_lossy(reader.next_id().unwrap_or_default()).into_owned())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    fn from(&self, start: u32) -> Reader<'_> {
        Reader { rest: self.bytes.get(index(start)..).unwrap_or_default(), id: Vec::new() }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    id: Vec<u8>,
}

impl Reader<'_> {
    fn next_id(&mut self) -> Option<&[u8]> {
        let (&head, rest) = self.rest.split_first()?;
        self.rest = rest;
        let new = if head == OTHER {
            let length = self.varint()?;
            let shared = self.varint()?;
            self.id.truncate(shared);
            length.checked_sub(self.id.len())?
        } else {
            let new = usize::from(head);
            self.id.truncate(self.id.len().checked_sub(new)?);
            new
        };
        let (bytes, rest) = self.rest.split_at_checked(new)?;
        self.rest = rest;
        self.id.extend_from_slice(bytes);
        Some(&self.id)
    }

    fn varint(&mut self) -> Option<usize> {
        let mut value = 0usize;
        for shift in (0..usize::BITS).step_by(7) {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                break;
            }
        }
        Some(value)
    }
}

fn write(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or(0));
}

/// One number for each place; the usual order takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order(Option<Box<[u32]>>);

impl Order {
    /// A permutation.
    pub(crate) fn new(all: Vec<u32>) -> Self {
        let usual = all.iter().enumerate().all(|(at, to)| number(at) == *to);
        Self((!usual).then(|| all.into_boxed_slice()))
    }

    /// Where a place leads.
    pub(crate) fn get(&self, at: u32) -> u32 {
        self.0.as_ref().map_or(at, |all| all.get(index(at)).copied().unwrap_or(at))
    }
}

#[cfg(test)]
impl Ids {
    /// The bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity().saturating_add(self.blocks.capacity().saturating_mul(4))
    }
}

#[cfg(test)]
impl Order {
    /// The bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.0.as_ref().map_or(0, |all| all.len().saturating_mul(4))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counted_ids_are_small() {
        let all: Vec<String> = (0..100_000).map(|n| format!("g{n}")).collect();
        let ids = Ids::new(all.iter().map(String::as_str));
        assert!(ids.size() < 270_000, "{}", ids.size());
        assert_eq!((ids.find("g0"), ids.find("g99999"), ids.find("g100000")), (Some(0), Some(99_999), None));
        assert_eq!(Ids::default().find("g"), None);
    }

    #[test]
    fn an_order_leads_where_it_says() {
        let usual = Order::new(vec![0, 1, 2]);
        let other = Order::new(vec![2, 0, 1]);
        assert_eq!((usual.get(2), usual.size(), other.get(0), other.get(2), other.size()), (2, 0, 2, 1, 12));
    }

    proptest! {
        #[test]
        fn every_id_is_found_and_no_other(
            some in proptest::collection::btree_set("[ab]{0,3}|g[0-9]{1,3}|é[éè]{0,2}|x{300}[ab]{0,2}|x{120,130}", 0..200),
            others in proptest::collection::vec("[ab]{0,4}|g[0-9]{1,4}|é[éè]{0,2}", 0..50),
        ) {
            let mut all: Vec<&str> = some.iter().map(String::as_str).collect();
            all.sort_by(|one, other| order(one.as_bytes(), other.as_bytes()));
            let ids = Ids::new(all.iter().copied());
            prop_assert_eq!(ids.iter().collect::<Vec<_>>(), all.clone());
            for (rank, id) in all.iter().enumerate() {
                prop_assert_eq!(ids.find(id), Some(number(rank)));
            }
            let some: BTreeSet<&str> = some.iter().map(String::as_str).collect();
            for other in &others {
                prop_assert_eq!(ids.find(other).is_some(), some.contains(other.as_str()));
            }
        }
    }
}
