//! Names as numbers: what a decision compares are numbers, and texts are looked up once.

/// Names of one kind, numbered from 0 in the order they are added. Exact bytes: nothing is folded.
///
/// One text for all of them and one table: a name costs its bytes and about 14 more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    text: String,
    /// Where each name ends in the text.
    ends: Vec<u32>,
    /// Open addressing over a power of two; a slot is the upper half of the hash and one more than the number.
    table: Vec<(u32, u32)>,
}

impl Names {
    /// The number of a name, given to it if it has none yet.
    ///
    /// Beyond 4 GiB of names or 2^32 - 1 of them, further ones share the last number; the limits of loading are far
    /// below.
    pub(crate) fn add(&mut self, name: &str) -> u32 {
        if self.ends.len().saturating_mul(5) >= self.table.len().saturating_mul(4) {
            self.grow();
        }
        let hash = hash(name);
        let (found, slot) = self.find(Some(name), hash);
        if let Some(id) = found {
            return id;
        }
        let id = number(self.ends.len());
        self.text.push_str(name);
        self.ends.push(number(self.text.len()));
        if let Some(slot) = self.table.get_mut(slot) {
            *slot = (tag(hash), id.saturating_add(1));
        }
        id
    }

    /// The number of a name.
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        self.find(Some(name), hash(name)).0
    }

    /// The name of a number; empty for none of these.
    pub(crate) fn name(&self, id: u32) -> &str {
        let at = index(id);
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| index(*end));
        let end = self.ends.get(at).map_or(start, |end| index(*end));
        self.text.get(start..end).unwrap_or_default()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        number(self.ends.len())
    }

    /// Gives back what was reserved for more.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The number, if the name is there, and the slot where it is or would be. Without a name, a free slot.
    fn find(&self, name: Option<&str>, hash: u64) -> (Option<u32>, usize) {
        let mask = self.table.len().wrapping_sub(1);
        let mut slot = usize::try_from(hash & 0xffff_ffff).unwrap_or(0) & mask;
        // a free slot ends the search, and a fifth of them is free
        while let Some(&(known, id)) = self.table.get(slot) {
            let Some(id) = id.checked_sub(1) else { break };
            if known == tag(hash) && name.is_some_and(|name| self.name(id) == name) {
                return (Some(id), slot);
            }
            slot = slot.wrapping_add(1) & mask;
        }
        (None, slot)
    }

    fn grow(&mut self) {
        let size = self.table.len().saturating_mul(2).max(16);
        self.table = vec![(0, 0); size];
        for id in 0..self.len() {
            let hash = hash(self.name(id));
            let (_, slot) = self.find(None, hash);
            if let Some(slot) = self.table.get_mut(slot) {
                *slot = (tag(hash), id.saturating_add(1));
            }
        }
    }
}

fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(u32::MAX)
}

/// A number of something there are fewer than 2^32 of.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// A number as an index.
pub(crate) fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

/// Multiply and fold, eight bytes at a time. Names come from the administrator's own files and a call only looks them
/// up, so nobody outside can fill the table with collisions.
fn hash(name: &str) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |state: u64, word: u64| {
        let wide = u128::from(state ^ word).wrapping_mul(u128::from(K));
        u64::try_from((wide >> 64) ^ (wide & u128::from(u64::MAX))).unwrap_or(0)
    };
    let mut state = K ^ u64::try_from(name.len()).unwrap_or(0).wrapping_mul(0xa076_1d64_78bd_642f);
    let mut rest = name.as_bytes();
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        state = fold(state, u64::from_le_bytes(*word));
        rest = after;
    }
    let last = rest.iter().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
    fold(fold(state, last), 0x1d8e_4e27_c47d_124f)
}

#[cfg(test)]
impl Names {
    /// The bytes it takes.
    pub(crate) fn size(&self) -> usize {
        let table = self.table.capacity().saturating_mul(8);
        self.text.capacity().saturating_add(self.ends.capacity().saturating_mul(4)).saturating_add(table)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn names_keep_their_numbers() {
        let mut names = Names::default();
        assert_eq!((names.get("a"), names.get(""), names.len(), names.name(0)), (None, None, 0, ""));
        let mut known = BTreeMap::new();
        for n in 0..10_000u32 {
            let name = format!("{}user-{n}", "x".repeat(index(n % 19)));
            assert_eq!(names.add(&name), n);
            known.insert(name, n);
        }
        for (name, id) in &known {
            assert_eq!((names.get(name), names.add(name), names.name(*id)), (Some(*id), *id, name.as_str()));
        }
        assert_eq!((names.len(), names.get("user"), names.name(10_000)), (10_000, None, ""));
    }

    #[test]
    fn odd_names_are_names() {
        let mut names = Names::default();
        let odd = ["", "\0", "\0\0", "a", "a\0", "é", "e\u{301}", "12345678", "123456789", "12345678\0"];
        for (id, name) in odd.iter().enumerate() {
            assert_eq!(names.add(name), number(id), "{name:?}");
        }
        for (id, name) in odd.iter().enumerate() {
            assert_eq!((names.get(name), names.name(number(id))), (Some(number(id)), *name));
        }
        names.shrink();
        assert!(names.size() < 400, "{}", names.size());
    }
}
