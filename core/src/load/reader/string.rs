//! Strings and their escapes.

use smallvec::SmallVec;

use super::{Fault, Reader, Step};
use crate::data::names::number;
use crate::load::tape::Kind;

impl Reader<'_> {
    /// Reads a string: where its text is.
    #[inline]
    pub(super) fn string(&mut self) -> Step<(Kind, u32, u32)> {
        let opening = self.at;
        let start = opening.wrapping_add(1);
        let end = plain_end(self.text.as_bytes(), start);
        // FAIL-CLOSED: each_limit_has_a_last_accepted_and_a_first_refused
        if end.wrapping_sub(start) > self.limits.string_bytes {
            return Err(self.long_string(opening));
        }
        self.at = end;
        if self.peek() == Some(b'"') {
            self.at = end.wrapping_add(1);
            return Ok((Kind::Given, number(start), number(end)));
        }
        self.string_with_escapes(opening, start)
    }

    /// Reads the rest of a string after the first run of plain text, which began at `start`.
    fn string_with_escapes(&mut self, opening: usize, start: usize) -> Step<(Kind, u32, u32)> {
        let begin = self.tape.made.len();
        let mut plain = start;
        loop {
            self.tape.made.push_str(self.text.get(plain..self.at).unwrap_or_default());
            if self.tape.made.len().saturating_sub(begin) > self.limits.string_bytes {
                return Err(self.long_string(opening));
            }
            match self.peek() {
                Some(b'"') => {
                    self.at = self.at.saturating_add(1);
                    return Ok((Kind::Made, number(begin), number(self.tape.made.len())));
                }
                Some(b'\\') => {
                    let char = self.escape()?;
                    self.tape.made.push(char);
                }
                Some(control) => {
                    let message = format!("a bare control character U+{control:04X} in a string");
                    return Err(self.syntax(self.at, &message, "write it as an escape such as `\\n` or `\\u0000`"));
                }
                None => return Err(self.expected("the closing `\"` of this string")),
            }
            plain = self.at;
            self.at = plain_end(self.text.as_bytes(), plain);
        }
    }

    fn long_string(&self, opening: usize) -> Box<Fault> {
        self.limit(opening, format!("a string of more than {} bytes", self.limits.string_bytes))
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
        let mut units: SmallVec<[u16; 2]> = SmallVec::from_slice(&[unit]);
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
}

/// Where from `at` on the first byte is that is not plain text in a string: a quote, a backslash or a control
/// character. Eight bytes at a time: a byte of `found` has its highest bit set where one is, and perhaps after it.
#[inline]
fn plain_end(bytes: &[u8], at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word;
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero(word ^ ONES.wrapping_mul(0x22));
        let backslash = zero(word ^ ONES.wrapping_mul(0x5c));
        let found = (control | quote | backslash) & ONES.wrapping_mul(0x80);
        if found != 0 {
            let plain = usize::try_from(found.trailing_zeros() >> 3).unwrap_or(0);
            return bytes.len().wrapping_sub(rest.len()).wrapping_add(plain);
        }
        rest = after;
    }
    let plain = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
    bytes.len().wrapping_sub(rest.len()).wrapping_add(plain)
}
