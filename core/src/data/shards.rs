//! A map of which changed copies share nearly all with the one they were made from.

use std::borrow::Borrow;
use std::sync::Arc;

/// A sorted map in 256 parts. A change copies the part it is in, and nothing while no other copy holds that.
#[derive(Clone, Debug)]
pub(crate) struct Shards<K, V> {
    /// Empty, or all of them.
    parts: Arc<Vec<Part<K, V>>>,
}

type Part<K, V> = Arc<Vec<(K, V)>>;

const PARTS: usize = 256;

/// A key says which part it is in; a borrowed one says the same.
pub(crate) trait Spread: Ord {
    /// Any number; its upper bits decide.
    fn spread(&self) -> u64;
}

impl Spread for u64 {
    fn spread(&self) -> u64 {
        self.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Spread for str {
    fn spread(&self) -> u64 {
        self.bytes()
            .fold(0, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23))
    }
}

impl Spread for Arc<str> {
    fn spread(&self) -> u64 {
        str::spread(self)
    }
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        Self { parts: Arc::default() }
    }
}

impl<K: Spread + Clone, V: Clone> Shards<K, V> {
    /// What a key leads to.
    pub(crate) fn get<Q: Spread + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let part = self.parts.get(part(key))?;
        let at = part.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        part.get(at).map(|(_, value)| value)
    }

    /// Puts a value in, in the place of another under the same key.
    pub(crate) fn set(&mut self, key: K, value: V) {
        let parts = Arc::make_mut(&mut self.parts);
        if parts.is_empty() {
            parts.resize_with(PARTS, Arc::default);
        }
        let Some(part) = parts.get_mut(part(&key)).map(Arc::make_mut) else { return };
        match part.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => {
                if let Some((_, old)) = part.get_mut(at) {
                    *old = value;
                }
            }
            Err(at) => part.insert(at, (key, value)),
        }
    }

    /// Takes a value out.
    pub(crate) fn remove<Q: Spread + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let Some(part) = Arc::make_mut(&mut self.parts).get_mut(part(key)).map(Arc::make_mut) else { return };
        if let Ok(at) = part.binary_search_by(|(known, _)| known.borrow().cmp(key)) {
            part.remove(at);
        }
    }

    /// All of it, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flat_map(|part| part.iter()).map(|(key, value)| (key, value))
    }
}

impl<K: Spread, V> FromIterator<(K, V)> for Shards<K, V> {
    /// Of several under one key, the first.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut parts: Vec<Vec<(K, V)>> = Vec::new();
        for (key, value) in all {
            if parts.is_empty() {
                parts.resize_with(PARTS, Vec::new);
            }
            if let Some(part) = parts.get_mut(part(&key)) {
                part.push((key, value));
            }
        }
        let sorted = parts.into_iter().map(|mut part| {
            part.sort_by(|(one, _), (other, _)| one.cmp(other));
            part.dedup_by(|(later, _), (first, _)| later == first);
            part.shrink_to_fit();
            Arc::new(part)
        });
        Self { parts: Arc::new(sorted.collect()) }
    }
}

fn part<Q: Spread + ?Sized>(key: &Q) -> usize {
    usize::try_from(key.spread() >> 56).unwrap_or(0)
}

#[cfg(test)]
impl<K: Spread + Clone, V: Clone> Shards<K, V> {
    /// The bytes it takes, without what keys and values hold elsewhere.
    pub(crate) fn size(&self) -> usize {
        let parts =
            self.parts.iter().map(|part| part.capacity().saturating_mul(size_of::<(K, V)>()).saturating_add(56));
        parts.sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_copy_is_a_map_of_its_own(
            first in proptest::collection::vec((0u64..400, any::<u8>()), 0..100),
            changes in proptest::collection::vec((0u64..400, proptest::option::of(any::<u8>())), 0..300),
        ) {
            let mut plain: BTreeMap<u64, u8> = BTreeMap::new();
            first.iter().for_each(|(key, value)| { plain.entry(*key).or_insert(*value); });
            let mut shards: Shards<u64, u8> = first.iter().copied().collect();
            let mut copies = vec![(plain.clone(), shards.clone())];
            for (key, value) in changes {
                match value {
                    Some(value) => { plain.insert(key, value); shards.set(key, value); }
                    None => { plain.remove(&key); shards.remove(&key); }
                }
                copies.push((plain.clone(), shards.clone()));
            }
            for (plain, shards) in copies {
                prop_assert_eq!(shards.iter().map(|(key, value)| (*key, *value)).collect::<BTreeMap<_, _>>(), plain.clone());
                for key in 0..400 {
                    prop_assert_eq!(shards.get(&key), plain.get(&key));
                }
            }
        }
    }

    #[test]
    fn a_borrowed_key_finds_its_part() {
        let mut shards: Shards<Arc<str>, u32> = Shards::default();
        assert_eq!(shards.get("a"), None);
        shards.remove("a");
        for n in 0..2_000u32 {
            shards.set(format!("g{n}").into(), n);
        }
        assert_eq!((shards.get("g0"), shards.get("g1999"), shards.get("g2000")), (Some(&0), Some(&1999), None));
        let used = shards.parts.iter().filter(|part| !part.is_empty()).count();
        assert!(used > 200, "{used}");
    }
}
