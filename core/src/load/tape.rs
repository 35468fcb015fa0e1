//! JSON read once and laid out flat: one small node for each value and key, in the order of the text.
//!
//! Owns the layout and the way around in it. Refuses nothing: [`Reader`](crate::load::json) fills it, strictly.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::data::json::{Json, Number};
use crate::data::names::index;

/// What a node is. A key is a text before its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    False,
    True,
    /// Text in the source.
    Number,
    /// Text in the source, without escapes.
    Given,
    /// Text that had escapes: in what was made.
    Made,
    Array,
    Object,
}

impl Kind {
    /// What JSON calls it, as [`Json::kind`] does.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::False | Self::True => "boolean",
            Self::Number => "number",
            Self::Given | Self::Made => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Of a text: where it is, in the source or in what was made. Of an array or object nothing, once it is closed.
    pub(super) start: u32,
    pub(super) end: u32,
    /// The node after this value; of a key the [`hash`] of its text.
    pub(super) next: u32,
}

/// Room for one JSON text, to be used again. Usual calls fit without an allocation.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    pub(super) nodes: SmallVec<[Node; 128]>,
    /// The texts that had escapes, without them.
    pub(super) made: String,
}

impl Tape {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.made.clear();
    }

    /// The outermost value of the text that was read.
    pub(super) fn root<'t>(&'t self, text: &'t str) -> Item<'t> {
        Item { nodes: &self.nodes, text, made: &self.made, at: 0 }
    }
}

/// A value of a tape, or a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'t> {
    nodes: &'t [Node],
    text: &'t str,
    made: &'t str,
    at: u32,
}

/// No members.
static EMPTY: [Node; 1] = [Node { kind: Kind::Object, start: 0, end: 0, next: 1 }];

impl<'t> Item<'t> {
    /// An object without members.
    pub(crate) fn empty() -> Self {
        Self { nodes: &EMPTY, text: "", made: "", at: 0 }
    }

    /// What it is.
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        self.nodes.get(index(self.at)).map_or(Kind::Null, |node| node.kind)
    }

    /// The source that [`Kind::Given`] texts and numbers stand in.
    pub(crate) fn source(&self) -> &'t str {
        self.text
    }

    /// Where the text is, in the source or in what was made.
    #[inline]
    pub(crate) fn range(&self) -> (u32, u32) {
        self.nodes.get(index(self.at)).map_or((0, 0), |node| (node.start, node.end))
    }

    /// The text of a string or key.
    #[inline]
    pub(crate) fn text(&self) -> Option<&'t str> {
        let node = self.nodes.get(index(self.at))?;
        match node.kind {
            Kind::Given => self.text.get(index(node.start)..index(node.end)),
            Kind::Made => self.made.get(index(node.start)..index(node.end)),
            _ => None,
        }
    }

    /// The number, as it was sent.
    #[inline]
    pub(crate) fn number(&self) -> Option<&'t str> {
        let node = self.nodes.get(index(self.at)).filter(|node| node.kind == Kind::Number)?;
        self.text.get(index(node.start)..index(node.end))
    }

    /// The [`hash`] of a key. Of a value it means nothing.
    #[inline]
    pub(crate) fn key_hash(&self) -> u32 {
        self.nodes.get(index(self.at)).map_or(0, |node| node.next)
    }

    /// Where on its tape it is.
    #[inline]
    pub(crate) fn place(&self) -> u32 {
        self.at
    }

    /// The value of the key at that place of the same tape.
    #[inline]
    pub(crate) fn value_of(self, key: u32) -> Self {
        Self { at: key.saturating_add(1), ..self }
    }

    /// The elements of an array; of anything else none.
    #[inline]
    pub(crate) fn elements(self) -> Elements<'t> {
        let (at, end) = self.inside(Kind::Array);
        Elements { next: Self { at, ..self }, end }
    }

    /// The keys and values of an object, in the order of the text; of anything else none.
    #[inline]
    pub(crate) fn members(self) -> Members<'t> {
        let (at, end) = self.inside(Kind::Object);
        Members { next: Self { at, ..self }, end }
    }

    /// The same as a tree.
    pub(crate) fn to_json(self) -> Json {
        let mut open: Vec<Open<'t>> = Vec::new();
        let mut item = self;
        loop {
            let mut value = match item.kind() {
                Kind::Null => Json::Null,
                Kind::False => Json::Bool(false),
                Kind::True => Json::Bool(true),
                Kind::Number => item.number().and_then(Number::parse).map_or(Json::Null, Json::Number),
                Kind::Given | Kind::Made => Json::String(item.text().unwrap_or_default().to_owned()),
                Kind::Array => {
                    let mut elements = item.elements();
                    match elements.next() {
                        None => Json::Array(Vec::new()),
                        Some(first) => {
                            open.push(Open::Array(Vec::new(), elements));
                            item = first;
                            continue;
                        }
                    }
                }
                Kind::Object => {
                    let mut members = item.members();
                    match members.next() {
                        None => Json::Object(BTreeMap::new()),
                        Some((key, first)) => {
                            open.push(Open::Object(Vec::new(), key, members));
                            item = first;
                            continue;
                        }
                    }
                }
            };
            // A value is complete: put it where it belongs, and close what closes after it.
            loop {
                match open.pop() {
                    None => return value,
                    Some(Open::Array(mut items, mut rest)) => {
                        items.push(value);
                        if let Some(next) = rest.next() {
                            open.push(Open::Array(items, rest));
                            item = next;
                            break;
                        }
                        value = Json::Array(items);
                    }
                    Some(Open::Object(mut fields, key, mut rest)) => {
                        fields.push((key.text().unwrap_or_default().to_owned(), value));
                        if let Some((key, next)) = rest.next() {
                            open.push(Open::Object(fields, key, rest));
                            item = next;
                            break;
                        }
                        value = Json::Object(fields.into_iter().collect());
                    }
                }
            }
        }
    }

    /// The nodes of what is inside.
    #[inline]
    fn inside(&self, kind: Kind) -> (u32, u32) {
        match self.nodes.get(index(self.at)) {
            Some(node) if node.kind == kind => (self.at.saturating_add(1), node.next),
            _ => (0, 0),
        }
    }

    /// The node after this value.
    #[inline]
    fn after(&self) -> u32 {
        self.nodes.get(index(self.at)).map_or(u32::MAX, |node| node.next)
    }
}

/// An array or object that is not complete, and what of it is still to come.
enum Open<'t> {
    Array(Vec<Json>, Elements<'t>),
    Object(Vec<(String, Json)>, Item<'t>, Members<'t>),
}

#[derive(Clone)]
pub(crate) struct Elements<'t> {
    next: Item<'t>,
    end: u32,
}

impl<'t> Iterator for Elements<'t> {
    type Item = Item<'t>;

    #[inline]
    fn next(&mut self) -> Option<Item<'t>> {
        let item = self.next;
        (item.at < self.end).then(|| {
            self.next.at = item.after();
            item
        })
    }
}

#[derive(Clone)]
pub(crate) struct Members<'t> {
    next: Item<'t>,
    end: u32,
}

impl<'t> Iterator for Members<'t> {
    type Item = (Item<'t>, Item<'t>);

    #[inline]
    fn next(&mut self) -> Option<(Item<'t>, Item<'t>)> {
        let key = self.next;
        (key.at < self.end).then(|| {
            let value = Item { at: key.at.saturating_add(1), ..key };
            self.next.at = value.after();
            (key, value)
        })
    }
}

/// Whether two texts are equal: without a call for the short ones that names are.
#[inline]
pub(crate) fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    match (left.first_chunk::<8>(), left.last_chunk::<8>(), right.first_chunk::<8>(), right.last_chunk::<8>()) {
        // the two words overlap or meet
        (Some(first), Some(last), Some(others), Some(other)) if left.len() <= 16 => first == others && last == other,
        (Some(_), ..) => left == right,
        _ => match (left.first_chunk::<4>(), left.last_chunk::<4>(), right.first_chunk::<4>(), right.last_chunk::<4>())
        {
            (Some(first), Some(last), Some(others), Some(other)) => first == others && last == other,
            _ => left.iter().zip(right).all(|(left, right)| left == right),
        },
    }
}

/// A number for a key: quick to make from few bytes, so different keys may well share one.
#[inline]
pub(crate) fn hash(key: &[u8]) -> u32 {
    let word = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    let (first, last) = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
            (Some(first), Some(last)) => (word(first), word(last)),
            _ => match key {
                [a, b, c] => (u64::from(*a), u64::from(*b) | (u64::from(*c) << 8)),
                [a, b] => (u64::from(*a), u64::from(*b)),
                [a] => (u64::from(*a), 0),
                _ => (0, 0),
            },
        },
    };
    let length = u64::try_from(key.len()).unwrap_or(0).wrapping_mul(0xa076_1d64_78bd_642f);
    let mixed = (first ^ length).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ last;
    u32::try_from(mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).unwrap_or(0)
}

/// Whether JSON could write the text without escapes.
#[cfg(test)]
fn text_kind(text: &str) -> Kind {
    if crate::load::reader::plain_end(text.as_bytes(), 0) == text.len() { Kind::Given } else { Kind::Made }
}

#[cfg(test)]
impl<'t> Item<'t> {
    /// The value of that key, if this is an object that has it.
    pub(crate) fn get(self, key: &str) -> Option<Self> {
        let hash = hash(key.as_bytes());
        self.members().find(|(name, _)| name.key_hash() == hash && name.text() == Some(key)).map(|(_, value)| value)
    }
}

#[cfg(test)]
impl Tape {
    /// Lays out a value that is no text; one is made for it, which has its strings and numbers in a row.
    ///
    /// Beyond 4 GiB of text the rest reads as empty; the limits of a call are far below.
    pub(crate) fn build(&mut self, json: &Json) -> Item<'_> {
        enum Todo<'j> {
            Value(&'j Json),
            Key(&'j str),
            End(u32),
        }
        self.clear();
        let mut todo = vec![Todo::Value(json)];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Key(key) => self.push_made(text_kind(key), key, hash(key.as_bytes())),
                Todo::End(at) => {
                    let next = crate::data::names::number(self.nodes.len());
                    if let Some(node) = self.nodes.get_mut(index(at)) {
                        node.next = next;
                    }
                }
                Todo::Value(value) => {
                    let at = crate::data::names::number(self.nodes.len());
                    let next = at.saturating_add(1);
                    let plain = |kind| Node { kind, start: 0, end: 0, next };
                    match value {
                        Json::Null => self.nodes.push(plain(Kind::Null)),
                        Json::Bool(true) => self.nodes.push(plain(Kind::True)),
                        Json::Bool(false) => self.nodes.push(plain(Kind::False)),
                        Json::Number(number) => self.push_made(Kind::Number, number.as_str(), next),
                        Json::String(text) => self.push_made(text_kind(text), text, next),
                        Json::Array(items) => {
                            self.nodes.push(plain(Kind::Array));
                            todo.push(Todo::End(at));
                            todo.extend(items.iter().rev().map(Todo::Value));
                        }
                        Json::Object(fields) => {
                            self.nodes.push(plain(Kind::Object));
                            todo.push(Todo::End(at));
                            for (key, value) in fields.iter().rev() {
                                todo.extend([Todo::Value(value), Todo::Key(key)]);
                            }
                        }
                    }
                }
            }
        }
        Item { nodes: &self.nodes, text: &self.made, made: &self.made, at: 0 }
    }

    fn push_made(&mut self, kind: Kind, text: &str, next: u32) {
        let start = crate::data::names::number(self.made.len());
        self.made.push_str(text);
        self.nodes.push(Node { kind, start, end: crate::data::names::number(self.made.len()), next });
    }
}

#[cfg(test)]
#[path = "tape_tests.rs"]
mod tests;
