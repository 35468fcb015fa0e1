//! Strings and their escapes.

use smallvec::SmallVec;

use super::{Fault, Reader, Step, low32};
use crate::data::names::number;
use crate::load::tape::Kind;

impl Reader<'_> {
    /// Reads a string: makes a node of it, and gives the place after it.
    #[inline(always)]
    pub(super) fn string(&mut self, opening: usize) -> Step<usize> {
        let bytes = self.text.as_bytes();
        let start = opening.wrapping_add(1);
        let end = plain_end(bytes, start);
        // FAIL-CLOSED: each_limit_has_a_last_accepted_and_a_first_refused
        if end.wrapping_sub(start) > self.limits.string_bytes {
            return Err(self.long_string(opening));
        }
        if bytes.get(end) == Some(&b'"') {
            self.push(Kind::Given, low32(start), low32(end));
            return Ok(end.wrapping_add(1));
        }
        self.string_with_escapes(opening, end)
    }

    /// Reads the rest of a string after the first run of plain text, which ended before `at`.
    #[cold]
    fn string_with_escapes(&mut self, opening: usize, mut at: usize) -> Step<usize> {
        let begin = self.tape.made.len();
        let mut plain = opening.saturating_add(1);
        loop {
            self.tape.made.push_str(self.text.get(plain..at).unwrap_or_default());
            if self.tape.made.len().saturating_sub(begin) > self.limits.string_bytes {
                return Err(self.long_string(opening));
            }
            match self.text.as_bytes().get(at) {
                Some(b'"') => {
                    self.push(Kind::Made, number(begin), number(self.tape.made.len()));
                    return Ok(at.saturating_add(1));
                }
                Some(b'\\') => {
                    let (char, after) = self.escape(at)?;
                    self.tape.made.push(char);
                    plain = after;
                    at = plain_end(self.text.as_bytes(), plain);
                }
                Some(control) => {
                    let message = format!("a bare control character U+{control:04X} in a string");
                    return Err(self.syntax(at, &message, "write it as an escape such as `\\n` or `\\u0000`"));
                }
                None => return Err(self.expected(at, "the closing `\"` of this string")),
            }
        }
    }

    fn long_string(&self, opening: usize) -> Box<Fault> {
        self.limit(opening, format!("a string of more than {} bytes", self.limits.string_bytes))
    }

    /// The character of the escape at `start`, and the place after it.
    fn escape(&self, start: usize) -> Step<(char, usize)> {
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
            None => return Err(self.expected(self.text.len(), "the rest of this escape")),
        };
        Ok((char, start.saturating_add(2)))
    }

    fn unicode_escape(&self, start: usize) -> Step<(char, usize)> {
        let unit = self.code_unit(start)?;
        let mut units: SmallVec<[u16; 2]> = SmallVec::from_slice(&[unit]);
        let mut after = start.saturating_add(6);
        let more = self.text.get(after..).unwrap_or("");
        if (0xd800..0xdc00).contains(&unit) && more.starts_with("\\u") {
            units.push(self.code_unit(after)?);
            after = after.saturating_add(6);
        }
        // FAIL-CLOSED: table_of_refused_texts (lone surrogates)
        match char::decode_utf16(units).next() {
            Some(Ok(char)) => Ok((char, after)),
            _ => Err(self.syntax(start, "half a surrogate pair", "write the character itself, or both halves")),
        }
    }

    /// The four hex digits of a `\u` escape at `start`.
    fn code_unit(&self, start: usize) -> Step<u16> {
        let from = start.saturating_add(2);
        let rest = self.text.as_bytes().get(from..).unwrap_or_default();
        let (mut unit, mut digits) = (0u16, 0usize);
        for digit in rest.iter().take(4).map_while(|byte| char::from(*byte).to_digit(16)) {
            unit = (unit << 4) | u16::try_from(digit).unwrap_or(0);
            digits = digits.saturating_add(1);
        }
        if digits == 4 {
            Ok(unit)
        } else {
            Err(self.expected(from.saturating_add(digits), "four hex digits after `\\u`"))
        }
    }
}

/// Where from `at` on the first byte is that is not plain text in a string: a quote, a backslash or a control
/// character. Eight bytes at a time: a byte of `found` has its highest bit set where one is, and perhaps after it.
#[inline(always)]
pub(crate) fn plain_end(bytes: &[u8], at: usize) -> usize {
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
