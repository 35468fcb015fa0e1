//! The one reader of JSON: RFC 8259 to the letter, within limits.
//!
//! Owns the limits, and the step from bytes to [`Json`] by way of a [`Tape`]. Refuses whatever another reader might
//! understand differently: a key given twice, half a surrogate pair, a byte order mark, anything after the value. No
//! recursion on the input.

use crate::data::json::Json;
use crate::error::Error;
use crate::limits::Limits;
use crate::load::tape::{Item, Tape};

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
    Tape::default().read(bytes, limits).map(Item::to_json)
}

/// The lines of a JSON Lines text that are not blank, numbered from 1. A line may end in CR LF.
pub(crate) fn read_lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..)
        .zip(bytes.split(|byte| *byte == b'\n'))
        .map(|(number, line)| (number, line.strip_suffix(b"\r").unwrap_or(line)))
        .filter(|(_, line)| line.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r')))
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
