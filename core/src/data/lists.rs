//! Lists of numbers, each kept once: a million agents share a few thousand sets of groups.

use std::collections::HashMap;

use crate::data::names::{index, number};

/// Distinct lists, numbered from 0. What is not there is the empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    items: Vec<u32>,
    /// Where each list ends.
    ends: Vec<u32>,
}

impl Lists {
    /// The list of a number.
    pub(crate) fn get(&self, id: u32) -> &[u32] {
        let at = index(id);
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| index(*end));
        self.ends.get(at).and_then(|end| self.items.get(start..index(*end))).unwrap_or_default()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        number(self.ends.len())
    }
}

/// [`Lists`] that still grow.
#[derive(Debug, Default)]
pub(crate) struct ListTable {
    lists: Lists,
    known: HashMap<Box<[u32]>, u32>,
}

impl ListTable {
    /// The number of a list, given to it if it has none yet.
    pub(crate) fn add(&mut self, list: &[u32]) -> u32 {
        if let Some(id) = self.known.get(list) {
            return *id;
        }
        let id = self.lists.len();
        self.lists.items.extend_from_slice(list);
        self.lists.ends.push(number(self.lists.items.len()));
        self.known.insert(list.into(), id);
        id
    }

    /// The lists so far.
    pub(crate) fn lists(&self) -> &Lists {
        &self.lists
    }

    /// The same lists of other numbers, each under the number it had.
    pub(crate) fn map(self, to: impl Fn(u32) -> u32) -> Self {
        let mut all = Self::default();
        for id in 0..self.lists.len() {
            let list: Vec<u32> = self.lists.get(id).iter().map(|item| to(*item)).collect();
            all.add(&list);
        }
        all
    }

    /// The lists, without what was needed to find one.
    pub(crate) fn finish(mut self) -> Lists {
        self.lists.items.shrink_to_fit();
        self.lists.ends.shrink_to_fit();
        self.lists
    }
}

#[cfg(test)]
impl Lists {
    /// The bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.items.capacity().saturating_add(self.ends.capacity()).saturating_mul(4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_are_one() {
        let mut table = ListTable::default();
        let all: [&[u32]; 5] = [&[], &[1], &[1, 2], &[2, 1], &[1, 1]];
        for _ in 0..2 {
            for (id, list) in all.iter().enumerate() {
                assert_eq!(table.add(list), number(id));
            }
        }
        let lists = table.map(|item| item + 10).finish();
        assert_eq!((lists.len(), lists.get(2), lists.get(4), lists.get(0)), (5, &[11, 12][..], &[11, 11][..], &[][..]));
        assert_eq!(lists.get(5), &[] as &[u32]);
        assert_eq!(lists.size(), (7 + 5) * 4);
    }
}
