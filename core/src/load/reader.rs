//! From the bytes of one JSON text to its tape, and to the place of a fault.
//!
//! Owns the grammar of RFC 8259 and the limits. One pass, no recursion, and no allocation but for escapes and faults.

mod place;
mod string;

pub(crate) use self::string::plain_end;

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::data::json::Json;
use crate::data::names::{index, number};
use crate::data::number::number_prefix;
use crate::error::{Error, ErrorKind};
use crate::load::json::JsonLimits;
use crate::load::tape::{Item, Kind, Node, Tape, hash};

impl Tape {
    /// Reads one JSON text, in the place of what was read before. Every error has the pointer and the span of the
    /// place.
    pub(crate) fn read<'t>(&'t mut self, bytes: &'t [u8], limits: &JsonLimits) -> Result<Item<'t>, Error> {
        // The tape counts bytes in 32 bits.
        let most = limits.bytes.min(usize::try_from(u32::MAX).unwrap_or(usize::MAX));
        // FAIL-CLOSED: size_is_refused_before_content
        if bytes.len() > most {
            let message = format!("{} bytes of JSON, where {most} are allowed", bytes.len());
            return Err(Error::new(ErrorKind::LimitExceeded, message).at_pointer("").at_span("", 0, 0));
        }
        let (text, broken) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, false),
            // What comes before the broken byte is read first, so that the error can say in which value it lies.
            Err(error) => {
                (std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or(""), true)
            }
        };
        let first = Reader::new(text, broken, limits, self).document();
        if first.is_err() {
            // Quick reading finds a key given twice when its object ends; which fault comes first is said by care.
            let mut reader = Reader::new(text, broken, limits, self);
            reader.keys = Some(Vec::new());
            if let Err(fault) = reader.document().and(first) {
                return Err(reader.place(*fault));
            }
        }
        Ok(self.root(text))
    }
}

/// What is wrong, from which byte to which.
struct Fault {
    kind: ErrorKind,
    message: String,
    help: &'static str,
    start: usize,
    end: usize,
}

type Step<T> = Result<T, Box<Fault>>;

/// In the place of an open array or object that there is not.
const NONE: u32 = u32::MAX;

/// What stands in `seen` once two keys of an object may be the same.
const MAYBE_TWICE: u64 = u64::MAX;

struct Reader<'a> {
    text: &'a str,
    /// The text goes on with a byte that is not UTF-8.
    broken: bool,
    limits: &'a JsonLimits,
    tape: &'a mut Tape,
    values: usize,
    /// The innermost array or object whose end has not come yet, whether it is an object, and how many there are.
    /// While one is open, its `next` is the one around it.
    open: u32,
    in_object: bool,
    depth: usize,
    /// One bit for each key of the innermost object, by its hash, or [`MAYBE_TWICE`]. While an object is not the
    /// innermost, its `start` and `end` keep these.
    seen: u64,
    /// When reading with care: the keys of every open object (of an array, none).
    keys: Option<Vec<BTreeSet<String>>>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, broken: bool, limits: &'a JsonLimits, tape: &'a mut Tape) -> Self {
        tape.clear();
        Self { text, broken, limits, tape, values: 0, open: NONE, in_object: false, depth: 0, seen: 0, keys: None }
    }

    /// The place in the text goes from hand to hand, so that it stays in a register.
    fn document(&mut self) -> Step<()> {
        // FAIL-CLOSED: table_of_refused_texts (the byte order mark)
        if self.text.starts_with('\u{feff}') {
            return Err(self.syntax(0, "a byte order mark before the JSON", "save the file without one"));
        }
        let bytes = self.text.as_bytes();
        let mut at = 0;
        loop {
            at = space(bytes, at);
            self.values = self.values.wrapping_add(1);
            // FAIL-CLOSED: each_limit_has_a_last_accepted_and_a_first_refused
            if self.values > self.limits.nodes {
                return Err(self.limit(at, format!("more than {} values", self.limits.nodes)));
            }
            match bytes.get(at) {
                Some(b'"') => at = self.string(at)?,
                Some(b'-' | b'0'..=b'9') => at = self.number(at)?,
                Some(first @ (b'[' | b'{')) => {
                    let (after, complete) = self.begin(at, *first == b'{')?;
                    at = after;
                    if !complete {
                        continue;
                    }
                }
                Some(b'n') => at = self.word(at, b"null", Kind::Null)?,
                Some(b't') => at = self.word(at, b"true", Kind::True)?,
                Some(b'f') => at = self.word(at, b"false", Kind::False)?,
                _ => return Err(self.expected(at, "a value")),
            }
            // A value is complete: close what closes after it.
            loop {
                at = space(bytes, at);
                if self.open == NONE {
                    return self.end(at);
                }
                match (bytes.get(at), self.in_object) {
                    (Some(b','), false) => {
                        at = at.wrapping_add(1);
                        break;
                    }
                    (Some(b','), true) => {
                        at = self.key(at.wrapping_add(1))?;
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => {
                        at = at.wrapping_add(1);
                        self.close(at)?;
                    }
                    (_, true) => return Err(self.expected(at, "`,` or `}` after this field")),
                    (_, false) => return Err(self.expected(at, "`,` or `]` after this item")),
                }
            }
        }
    }

    fn end(&self, at: usize) -> Step<()> {
        // FAIL-CLOSED: table_of_refused_texts (trailing bytes)
        if at < self.text.len() || self.broken {
            return Err(self.expected(at, "nothing more: the JSON text ends before this"));
        }
        Ok(())
    }

    /// Reads the bracket and, of an object, the first key; or both brackets, and then the value is complete.
    fn begin(&mut self, at: usize, object: bool) -> Step<(usize, bool)> {
        // FAIL-CLOSED: nesting_is_refused_fast
        if self.depth >= self.limits.depth {
            return Err(self.limit(at, format!("nested more than {} deep", self.limits.depth)));
        }
        let inside = space(self.text.as_bytes(), at.wrapping_add(1));
        let (kind, closing) = if object { (Kind::Object, b'}') } else { (Kind::Array, b']') };
        if self.text.as_bytes().get(inside) == Some(&closing) {
            self.push(kind, 0, 0);
            return Ok((inside.wrapping_add(1), true));
        }
        let seen = self.seen;
        if let Some(around) = self.tape.nodes.get_mut(index(self.open)) {
            (around.start, around.end) = (high(seen), low(seen));
        }
        let open = number(self.tape.nodes.len());
        self.tape.nodes.push(Node { kind, start: 0, end: 0, next: self.open });
        self.open = open;
        self.in_object = object;
        self.depth = self.depth.saturating_add(1);
        self.seen = 0;
        if let Some(keys) = &mut self.keys {
            keys.push(BTreeSet::new());
        }
        Ok((if object { self.key(inside)? } else { inside }, false))
    }

    /// Closes the innermost array or object, which ended before `at`.
    #[inline]
    fn close(&mut self, at: usize) -> Step<()> {
        if self.seen == MAYBE_TWICE && self.in_object {
            self.each_key_once(at)?;
        }
        let next = number(self.tape.nodes.len());
        let mut around = NONE;
        if let Some(closed) = self.tape.nodes.get_mut(index(self.open)) {
            around = closed.next;
            closed.next = next;
        }
        self.open = around;
        self.depth = self.depth.saturating_sub(1);
        if let Some(around) = self.tape.nodes.get(index(around)) {
            self.in_object = around.kind == Kind::Object;
            self.seen = (u64::from(around.start) << 32) | u64::from(around.end);
        }
        if let Some(keys) = &mut self.keys {
            keys.pop();
        }
        Ok(())
    }

    /// Reads `"key":` of the innermost object.
    #[inline]
    fn key(&mut self, at: usize) -> Step<usize> {
        let bytes = self.text.as_bytes();
        let opening = space(bytes, at);
        if bytes.get(opening) != Some(&b'"') {
            return Err(self.expected(opening, "a key in double quotes"));
        }
        let start = opening.wrapping_add(1);
        let end = plain_end(bytes, start);
        let mut after = end.wrapping_add(1);
        let hashed;
        if bytes.get(end) == Some(&b'"') && end.wrapping_sub(start) <= self.limits.string_bytes {
            hashed = hash(bytes.get(start..end).unwrap_or_default());
            self.tape.nodes.push(Node { kind: Kind::Given, start: low32(start), end: low32(end), next: hashed });
        } else {
            after = self.string(opening)?;
            hashed = hash(self.text_of(number(self.tape.nodes.len().saturating_sub(1))).as_bytes());
            if let Some(key) = self.tape.nodes.last_mut() {
                key.next = hashed;
            }
        }
        if self.keys.is_some() {
            self.remember(opening, after)?;
        }
        let bit = 1u64 << (hashed >> 26);
        self.seen = if self.seen & bit == 0 { self.seen | bit } else { MAYBE_TWICE };
        after = space(bytes, after);
        if bytes.get(after) == Some(&b':') {
            Ok(after.wrapping_add(1))
        } else {
            Err(self.expected(after, "`:` after the key"))
        }
    }

    /// With care: refuses the last key if the innermost object has it already.
    #[cold]
    fn remember(&mut self, start: usize, end: usize) -> Step<()> {
        let key = self.text_of(number(self.tape.nodes.len().saturating_sub(1))).to_owned();
        let message = format!("the key {} is given twice", Json::from(key.as_str()));
        let known = self.keys.as_mut().and_then(|keys| keys.last_mut());
        // FAIL-CLOSED: a_key_given_twice_is_refused_in_any_spelling
        if known.is_some_and(|known| !known.insert(key)) {
            return Err(self.fault(ErrorKind::JsonDuplicateKey, start, end, message, "keep one of the two"));
        }
        Ok(())
    }

    /// Refuses the innermost object, which is complete, if it has a key twice. Bounded by sorting, whatever the keys.
    #[inline(never)]
    fn each_key_once(&self, end: usize) -> Step<()> {
        // The hash, and where the key is.
        let mut keys: SmallVec<[u64; 32]> = SmallVec::new();
        let nodes = &self.tape.nodes;
        let mut at = index(self.open).saturating_add(1);
        while let (Some(key), Some(value)) = (nodes.get(at), nodes.get(at.saturating_add(1))) {
            keys.push((u64::from(key.next) << 32) | u64::from(number(at)));
            at = index(value.next);
        }
        keys.sort_unstable();
        let mut twice = false;
        for run in keys.chunk_by(|left, right| high(*left) == high(*right)).filter(|run| run.len() > 1) {
            let mut texts: SmallVec<[&str; 32]> = run.iter().map(|key| self.text_of(low(*key))).collect();
            texts.sort_unstable();
            twice |= !texts.is_sorted_by(|left, right| left < right);
        }
        // FAIL-CLOSED: a_key_given_twice_is_refused_in_any_spelling
        if twice {
            let message = "a key is given twice".to_owned();
            return Err(self.fault(ErrorKind::JsonDuplicateKey, end, end, message, "keep one of the two"));
        }
        Ok(())
    }

    /// The text of the string or key at this node.
    fn text_of(&self, at: u32) -> &str {
        let Some(node) = self.tape.nodes.get(index(at)) else { return "" };
        let text = if node.kind == Kind::Given { self.text } else { &self.tape.made };
        text.get(index(node.start)..index(node.end)).unwrap_or_default()
    }

    #[inline]
    fn push(&mut self, kind: Kind, start: u32, end: u32) {
        let next = low32(self.tape.nodes.len().wrapping_add(1));
        self.tape.nodes.push(Node { kind, start, end, next });
    }

    fn word(&mut self, at: usize, word: &[u8], kind: Kind) -> Step<usize> {
        if !self.text.as_bytes().get(at..).unwrap_or_default().starts_with(word) {
            return Err(self.expected(at, "a value"));
        }
        self.push(kind, 0, 0);
        Ok(at.saturating_add(word.len()))
    }

    #[inline]
    fn number(&mut self, at: usize) -> Step<usize> {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        // Most numbers are a few digits and nothing more.
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let plain = rest.first().is_some_and(|first| matches!(first, b'1'..=b'9'))
            && !rest.get(digits).is_some_and(|next| matches!(next, b'.' | b'e' | b'E'));
        let length = match if plain { Ok(digits) } else { number_prefix(rest) } {
            Ok(length) => length,
            Err(wrong) => return Err(self.no_number(at.saturating_add(wrong))),
        };
        if length > self.limits.string_bytes {
            return Err(self.limit(at, format!("a number of more than {} bytes", self.limits.string_bytes)));
        }
        let end = at.wrapping_add(length);
        self.push(Kind::Number, low32(at), low32(end));
        Ok(end)
    }

    #[cold]
    fn no_number(&self, wrong: usize) -> Box<Fault> {
        if wrong >= self.text.len() {
            return self.expected(wrong, "a digit");
        }
        let help = "a number has digits on both sides of a point, and no leading zero";
        self.syntax(wrong, "this is not a number of JSON", help)
    }

    /// Here should be something else: says what is here instead.
    #[cold]
    fn expected(&self, at: usize, what: &str) -> Box<Fault> {
        let found = match self.text.get(at..).and_then(|rest| rest.chars().next()) {
            // FAIL-CLOSED: table_of_refused_texts (invalid UTF-8)
            None if self.broken => {
                let message = "a byte that is not UTF-8";
                return self.syntax(self.text.len(), message, "save the text as UTF-8");
            }
            None => "the end of the text".to_owned(),
            Some(char) if char.is_ascii_graphic() => format!("`{char}`"),
            Some(char) => format!("U+{:04X}", u32::from(char)),
        };
        self.syntax(at, &format!("expected {what}, found {found}"), "")
    }

    fn syntax(&self, start: usize, message: &str, help: &'static str) -> Box<Fault> {
        let char = self.text.get(start..).and_then(|rest| rest.chars().next());
        let end = start.saturating_add(char.map_or(0, char::len_utf8));
        self.fault(ErrorKind::JsonSyntax, start, end, message.to_owned(), help)
    }

    #[cold]
    fn limit(&self, start: usize, message: String) -> Box<Fault> {
        self.fault(ErrorKind::LimitExceeded, start, start.saturating_add(1), message, "")
    }

    #[expect(clippy::unused_self, reason = "reads as the other constructors of faults do")]
    fn fault(&self, kind: ErrorKind, start: usize, end: usize, message: String, help: &'static str) -> Box<Fault> {
        Box::new(Fault { kind, message, help, start, end })
    }
}

/// The first byte from `at` on that is no space.
#[inline]
fn space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(at) {
        at = at.wrapping_add(1);
    }
    at
}

/// A place in the text or on the tape: neither is longer than 32 bits can count.
#[inline]
fn low32(place: usize) -> u32 {
    place as u32
}

fn high(word: u64) -> u32 {
    u32::try_from(word >> 32).unwrap_or(0)
}

fn low(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or(0)
}
