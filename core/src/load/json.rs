//! The one reader of JSON: RFC 8259 to the letter, within limits.
//!
//! Owns the step from bytes to [`Json`]. Refuses whatever another reader might understand differently: a key given
//! twice, half a surrogate pair, a byte order mark, anything after the value. No recursion on the input.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::data::json::{Json, Number};
use crate::data::number::number_prefix;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

impl Json {
    /// Reads one JSON text as strictly as a call is read, within the default [`Limits`] of a call.
    ///
    /// ```
    /// use toolgate::Json;
    /// assert!(Json::parse(br#"{"path": "/tmp/a", "lines": [1, 2]}"#).is_ok());
    /// let error = Json::parse(br#"{"path": "/tmp/a", "p\u0061th": "/etc/passwd"}"#).unwrap_err();
    /// assert_eq!(error.code(), "json_duplicate_key");
    /// assert_eq!(error.pointer(), Some("/path"));
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        read(bytes, &JsonLimits::call(&Limits::default()))
    }
}

/// The part of [`Limits`] that one JSON text is read within.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonLimits {
    /// Bytes of the text.
    pub(crate) bytes: usize,
    /// Values in it, the outermost included.
    pub(crate) nodes: usize,
    /// Arrays and objects around a value. A scalar document has depth 0, `[1]` has depth 1.
    pub(crate) depth: usize,
    /// Bytes of one string, key or number.
    pub(crate) string_bytes: usize,
}

impl JsonLimits {
    /// For the arguments of one call.
    pub(crate) fn call(limits: &Limits) -> Self {
        Self {
            bytes: limits.call_bytes,
            nodes: limits.call_nodes,
            depth: limits.depth,
            string_bytes: limits.string_bytes,
        }
    }

    /// For one `tools/list`.
    pub(crate) fn catalog(limits: &Limits) -> Self {
        Self {
            bytes: limits.catalog_bytes,
            nodes: limits.catalog_nodes,
            depth: limits.depth,
            string_bytes: limits.catalog_bytes,
        }
    }

    /// For the snapshot.
    pub(crate) fn snapshot(limits: &Limits) -> Self {
        Self {
            bytes: limits.snapshot_bytes,
            nodes: limits.snapshot_nodes,
            depth: limits.depth,
            string_bytes: limits.snapshot_bytes,
        }
    }
}

/// Reads one JSON text. Every error has the pointer and the span of the place.
pub(crate) fn read(bytes: &[u8], limits: &JsonLimits) -> Result<Json, Error> {
    // FAIL-CLOSED: size_is_refused_before_content
    if bytes.len() > limits.bytes {
        let message = format!("{} bytes of JSON, where {} are allowed", bytes.len(), limits.bytes);
        return Err(Error::new(ErrorKind::LimitExceeded, message).at_pointer("").at_span("", 0, 0));
    }
    let (text, broken) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, false),
        // What comes before the broken byte is read first, so that the error can say in which value it lies.
        Err(error) => (std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or(""), true),
    };
    let mut reader = Reader { text, broken, limits, at: 0, nodes: 0, open: Vec::new() };
    reader.document().map_err(|fault| reader.place(*fault))
}

/// The lines of a JSON Lines text that are not blank, numbered from 1. A line may end in CR LF.
pub(crate) fn read_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| line.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r')))
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

/// An array or object whose end has not come yet. The key is that of the value being read.
enum Open {
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>, String),
}

struct Reader<'a> {
    text: &'a str,
    /// The text goes on with a byte that is not UTF-8.
    broken: bool,
    limits: &'a JsonLimits,
    at: usize,
    nodes: usize,
    open: Vec<Open>,
}

impl Reader<'_> {
    fn document(&mut self) -> Step<Json> {
        // FAIL-CLOSED: table_of_refused_texts (the byte order mark)
        if self.text.starts_with('\u{feff}') {
            return Err(self.syntax(0, "a byte order mark before the JSON", "save the file without one"));
        }
        loop {
            let Some(mut value) = self.value()? else { continue };
            // A value is complete: put it where it belongs, and close what closes after it.
            loop {
                self.space();
                match self.open.last_mut() {
                    None => return self.end(value),
                    Some(Open::Array(items)) => {
                        items.push(value);
                        if self.eat(b',') {
                            break;
                        } else if !self.eat(b']') {
                            return Err(self.expected("`,` or `]` after this item"));
                        }
                    }
                    Some(Open::Object(fields, key)) => {
                        fields.insert(std::mem::take(key), value);
                        if self.eat(b',') {
                            self.key()?;
                            break;
                        } else if !self.eat(b'}') {
                            return Err(self.expected("`,` or `}` after this field"));
                        }
                    }
                }
                value = match self.open.pop() {
                    Some(Open::Array(items)) => Json::Array(items),
                    Some(Open::Object(fields, _)) => Json::Object(fields),
                    None => return Err(self.expected("a value")),
                };
            }
        }
    }

    fn end(&self, value: Json) -> Step<Json> {
        // FAIL-CLOSED: table_of_refused_texts (trailing bytes)
        if self.at < self.text.len() || self.broken {
            return Err(self.expected("nothing more: the JSON text ends before this"));
        }
        Ok(value)
    }

    /// Reads a scalar or an empty array or object; of a longer one the beginning, and says `None`.
    fn value(&mut self) -> Step<Option<Json>> {
        self.space();
        self.nodes = self.nodes.saturating_add(1);
        // FAIL-CLOSED: each_limit_has_a_last_accepted_and_a_first_refused
        if self.nodes > self.limits.nodes {
            return Err(self.limit(self.at, format!("more than {} values", self.limits.nodes)));
        }
        let Some(first) = self.peek() else { return Err(self.expected("a value")) };
        match first {
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'"' => Ok(Some(Json::String(self.string()?))),
            b'-' | b'0'..=b'9' => self.number(),
            b'[' | b'{' => {
                // FAIL-CLOSED: nesting_is_refused_fast
                if self.open.len() >= self.limits.depth {
                    let message = format!("nested more than {} deep", self.limits.depth);
                    return Err(self.limit(self.at, message));
                }
                self.at = self.at.saturating_add(1);
                self.space();
                match first {
                    b'[' if self.eat(b']') => Ok(Some(Json::Array(Vec::new()))),
                    b'[' => {
                        self.open.push(Open::Array(Vec::new()));
                        Ok(None)
                    }
                    _ if self.eat(b'}') => Ok(Some(Json::Object(BTreeMap::new()))),
                    _ => {
                        self.open.push(Open::Object(BTreeMap::new(), String::new()));
                        self.key()?;
                        Ok(None)
                    }
                }
            }
            _ => Err(self.expected("a value")),
        }
    }

    /// Reads `"key":` of the innermost object.
    fn key(&mut self) -> Step<()> {
        self.space();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        let key = self.string()?;
        let Some(Open::Object(fields, slot)) = self.open.last_mut() else { return Err(self.expected("a value")) };
        slot.clone_from(&key);
        // FAIL-CLOSED: a_key_given_twice_is_refused_in_any_spelling
        if let Entry::Occupied(_) = fields.entry(key) {
            let message = format!("the key {} is given twice", Json::from(slot.as_str()));
            return Err(self.fault(ErrorKind::JsonDuplicateKey, start, self.at, message, "keep one of the two"));
        }
        self.space();
        if self.eat(b':') { Ok(()) } else { Err(self.expected("`:` after the key")) }
    }

    fn word(&mut self, word: &str, value: Json) -> Step<Option<Json>> {
        let rest = self.text.get(self.at..).unwrap_or("");
        if !rest.starts_with(word) {
            return Err(self.expected("a value"));
        }
        self.at = self.at.saturating_add(word.len());
        Ok(Some(value))
    }

    fn number(&mut self) -> Step<Option<Json>> {
        let rest = self.text.get(self.at..).unwrap_or("");
        let length = match number_prefix(rest.as_bytes()) {
            Ok(length) => length,
            Err(wrong) => {
                self.at = self.at.saturating_add(wrong);
                let help = "a number has digits on both sides of a point, and no leading zero";
                return Err(match self.peek() {
                    None => self.expected("a digit"),
                    Some(_) => self.syntax(self.at, "this is not a number of JSON", help),
                });
            }
        };
        if length > self.limits.string_bytes {
            return Err(self.limit(self.at, format!("a number of more than {} bytes", self.limits.string_bytes)));
        }
        self.at = self.at.saturating_add(length);
        match rest.get(..length).and_then(Number::parse) {
            Some(number) => Ok(Some(Json::Number(number))),
            None => Err(self.expected("a number")),
        }
    }

    fn string(&mut self) -> Step<String> {
        let opening = self.at;
        self.at = self.at.saturating_add(1);
        let mut string = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or("");
            let plain = rest.bytes().position(|byte| byte < b' ' || matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
            string.push_str(rest.get(..plain).unwrap_or(""));
            // FAIL-CLOSED: each_limit_has_a_last_accepted_and_a_first_refused
            if string.len() > self.limits.string_bytes {
                let message = format!("a string of more than {} bytes", self.limits.string_bytes);
                return Err(self.limit(opening, message));
            }
            self.at = self.at.saturating_add(plain);
            match self.peek() {
                Some(b'"') => {
                    self.at = self.at.saturating_add(1);
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(control) => {
                    let message = format!("a bare control character U+{control:04X} in a string");
                    return Err(self.syntax(self.at, &message, "write it as an escape such as `\\n` or `\\u0000`"));
                }
                None => return Err(self.expected("the closing `\"` of this string")),
            }
        }
    }

    fn escape(&mut self) -> Step<char> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let char = match rest.get(1) {
            Some(b'u') => return self.unicode_escape(start),
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(*plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(_) => {
                let help =
                    "only `\\\"`, `\\\\`, `\\/`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t` and `\\u` with four hex digits";
                return Err(self.syntax(start, "an escape that JSON does not have", help));
            }
            None => {
                self.at = self.text.len();
                return Err(self.expected("the rest of this escape"));
            }
        };
        self.at = start.saturating_add(2);
        Ok(char)
    }

    fn unicode_escape(&mut self, start: usize) -> Step<char> {
        let unit = self.code_unit(start)?;
        let mut units = vec![unit];
        self.at = start.saturating_add(6);
        let more = self.text.get(self.at..).unwrap_or("");
        if (0xd800..0xdc00).contains(&unit) && more.starts_with("\\u") {
            units.push(self.code_unit(self.at)?);
            self.at = self.at.saturating_add(6);
        }
        // FAIL-CLOSED: table_of_refused_texts (lone surrogates)
        match char::decode_utf16(units).next() {
            Some(Ok(char)) => Ok(char),
            _ => Err(self.syntax(start, "half a surrogate pair", "write the character itself, or both halves")),
        }
    }

    /// The four hex digits of a `\u` escape at `start`.
    fn code_unit(&mut self, start: usize) -> Step<u16> {
        let from = start.saturating_add(2);
        let digits = self.text.as_bytes().get(from..).unwrap_or_default();
        let hex: String =
            digits.iter().take(4).take_while(|b| b.is_ascii_hexdigit()).copied().map(char::from).collect();
        match u16::from_str_radix(&hex, 16) {
            Ok(unit) if hex.len() == 4 => Ok(unit),
            _ => {
                self.at = from.saturating_add(hex.len());
                Err(self.expected("four hex digits after `\\u`"))
            }
        }
    }

    fn space(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let run = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at = self.at.saturating_add(run);
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at = self.at.saturating_add(usize::from(found));
        found
    }

    /// Here should be something else: says what is here instead.
    fn expected(&self, what: &str) -> Box<Fault> {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            // FAIL-CLOSED: table_of_refused_texts (invalid UTF-8)
            None if self.broken => {
                let message = "a byte that is not UTF-8";
                return self.syntax(self.text.len(), message, "save the text as UTF-8");
            }
            None => "the end of the text".to_owned(),
            Some(char) if char.is_ascii_graphic() => format!("`{char}`"),
            Some(char) => format!("U+{:04X}", u32::from(char)),
        };
        self.syntax(self.at, &format!("expected {what}, found {found}"), "")
    }

    fn syntax(&self, start: usize, message: &str, help: &'static str) -> Box<Fault> {
        let char = self.text.get(start..).and_then(|rest| rest.chars().next());
        let end = start.saturating_add(char.map_or(0, char::len_utf8));
        self.fault(ErrorKind::JsonSyntax, start, end, message.to_owned(), help)
    }

    fn limit(&self, start: usize, message: String) -> Box<Fault> {
        self.fault(ErrorKind::LimitExceeded, start, start.saturating_add(1), message, "")
    }

    #[expect(clippy::unused_self, reason = "reads as the other constructors of faults do")]
    fn fault(&self, kind: ErrorKind, start: usize, end: usize, message: String, help: &'static str) -> Box<Fault> {
        Box::new(Fault { kind, message, help, start, end })
    }

    /// The error of a fault that lies in what is open now.
    fn place(&self, fault: Fault) -> Error {
        let mut error = Error::new(fault.kind, fault.message).at_pointer("");
        let duplicate = fault.kind == ErrorKind::JsonDuplicateKey;
        for open in self.open.iter().rev() {
            error = match open {
                Open::Array(items) => error.under(&items.len().to_string()),
                // Before its first key, an object has only itself to point at.
                Open::Object(fields, key) if key.is_empty() && !duplicate && !fields.contains_key("") => error,
                Open::Object(_, key) => error.under(key),
            };
        }
        if !fault.help.is_empty() {
            error = error.help(fault.help);
        }
        error.at_span(self.text, fault.start, fault.end)
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
