//! What the record should say about a refusal: kept as parts, and written only if somebody writes it.

use std::fmt;

use crate::data::reason::Reason;
use crate::data::time::Instant;

/// Why the gate stays shut, and what the record should say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal<'a> {
    pub(crate) reason: Reason,
    pub(crate) detail: Detail<'a>,
}

impl<'a> Refusal<'a> {
    pub(crate) fn new(reason: Reason, detail: impl Into<Detail<'a>>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// `before `name` after`, the name as something from outside: escaped.
    pub(crate) fn about(reason: Reason, before: &'static str, name: &'a str, after: &'static str) -> Self {
        Self { reason, detail: Detail::About { before, name, after } }
    }
}

/// What the record should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detail<'a> {
    /// Known when the engine was loaded, or always the same.
    Said(&'a str),
    /// Made for this call.
    Made(Box<str>),
    /// A name, and what about it.
    About { before: &'static str, name: &'a str, after: &'static str },
    /// The owner of a service principal.
    Owner { owner: &'a str, of: &'a str },
    /// More than the limit of something.
    Exceeded { what: &'static str, count: usize, unit: &'static str, limit: usize },
    /// The snapshot is over.
    Ended { version: u64, at: Instant },
    /// The snapshot is not begun.
    Begins { version: u64, at: Instant },
    /// A grant is not begun.
    Granted { from: Instant },
    /// The arguments do not fit; which one is worked out by whoever wants to know.
    Arguments,
}

impl<'a> From<&'a str> for Detail<'a> {
    fn from(text: &'a str) -> Self {
        Self::Said(text)
    }
}

impl From<String> for Detail<'_> {
    fn from(text: String) -> Self {
        Self::Made(text.into())
    }
}

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(text) => f.write_str(text),
            Self::Made(text) => f.write_str(text),
            Self::About { before, name, after } => write!(f, "{before}`{}`{after}", name.escape_debug()),
            Self::Owner { owner, of } => write!(f, "owner `{owner}` of `{of}`"),
            Self::Exceeded { what, count, unit, limit } => write!(f, "{what} {count} {unit}; the limit is {limit}"),
            Self::Ended { version, at } => write!(f, "version {version} ended at {at}"),
            Self::Begins { version, at } => write!(f, "version {version} begins at {at}"),
            Self::Granted { from } => write!(f, "granted from {from} on"),
            Self::Arguments => f.write_str("the arguments are not what the tool declares"),
        }
    }
}
