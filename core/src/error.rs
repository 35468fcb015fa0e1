//! The one error type of loading: what is wrong, where, and what to do next.
//!
//! Deciding never returns an error (a fault is a [`Decision`](crate::Decision) that denies); loading does.

use std::fmt;

/// Why a source was refused: a stable code, the file, the place in it, and the way out.
///
/// ```
/// use toolgate::Json;
/// let error = Json::parse(br#"{"a":1,"a":2}"#).unwrap_err();
/// assert_eq!(error.code(), "json_duplicate_key");
/// assert_eq!(error.pointer(), Some("/a"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    message: String,
    help: Option<String>,
    file: Option<String>,
    pointer: Option<String>,
    span: Option<Span>,
}

impl Error {
    /// An error of `kind`; the message is lower case, with the user's text in backticks.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner { kind, message: message.into(), help: None, file: None, pointer: None, span: None }),
        }
    }

    /// Says what to do next.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.inner.help.get_or_insert_with(|| help.into());
        self
    }

    /// Names the file (or other source), unless an inner call already did.
    pub(crate) fn in_file(mut self, file: impl Into<String>) -> Self {
        self.inner.file.get_or_insert_with(|| file.into());
        self
    }

    /// Places the error at a byte span of a text source, with line and column counted from 1.
    pub(crate) fn at_span(mut self, text: &str, start: usize, end: usize) -> Self {
        let before = text.get(..start.min(text.len())).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        self.inner.span = Some(Span {
            start,
            end,
            line: before.matches('\n').count().saturating_add(1),
            column: before.get(line_start..).unwrap_or("").chars().count().saturating_add(1),
        });
        self
    }

    /// Places the error on a line of a JSON Lines source.
    pub(crate) fn on_line(mut self, line: usize) -> Self {
        let column = self.inner.span.map_or(1, |span| span.column);
        self.inner.span = Some(Span { start: 0, end: 0, line, column });
        self
    }

    /// Places the error at a JSON value. The empty pointer is the whole document.
    pub(crate) fn at_pointer(mut self, pointer: impl Into<String>) -> Self {
        self.inner.pointer = Some(pointer.into());
        self
    }

    /// Puts the place one level deeper: the error lies under `key` of an object or array.
    pub(crate) fn under(mut self, key: &str) -> Self {
        let rest = self.inner.pointer.take().unwrap_or_default();
        self.inner.pointer = Some(format!("/{}{rest}", key.replace('~', "~0").replace('/', "~1")));
        self
    }

    /// The class of the fault.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The stable `snake_case` code of the kind.
    pub fn code(&self) -> &'static str {
        self.inner.kind.code()
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What to do next.
    pub fn next_step(&self) -> &str {
        self.inner.help.as_deref().unwrap_or_else(|| self.inner.kind.next_step())
    }

    /// The file or other source that was refused.
    pub fn file(&self) -> Option<&str> {
        self.inner.file.as_deref()
    }

    /// The JSON pointer (RFC 6901) of the refused value.
    pub fn pointer(&self) -> Option<&str> {
        self.inner.pointer.as_deref()
    }

    /// The place in a text source.
    pub fn span(&self) -> Option<Span> {
        self.inner.span
    }
}

impl Error {
    /// Where and what, without what to do.
    pub(crate) fn brief(&self) -> String {
        let mut out = String::new();
        // writing to a string does not fail
        let _ = self.write_brief(&mut out);
        out
    }

    fn write_brief(&self, f: &mut impl fmt::Write) -> fmt::Result {
        if let Some(file) = &self.inner.file {
            f.write_str(file)?;
            if let Some(span) = self.inner.span {
                write!(f, ":{}:{}", span.line, span.column)?;
            }
            f.write_str(": ")?;
        } else if let Some(span) = self.inner.span {
            write!(f, "line {}, column {}: ", span.line, span.column)?;
        }
        if let Some(pointer) = self.inner.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
            write!(f, "at `{pointer}`: ")?;
        }
        f.write_str(&self.inner.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_brief(f)?;
        match &self.inner.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error[{}]({self})", self.code())
    }
}

/// A place in a text source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte, from 0.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $next:literal;)*) => {
        /// The classes of load errors. Codes are stable; new ones may be added.
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $variant,)* }

        impl ErrorKind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable `snake_case` code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What to do next, where the error itself knows nothing better.
            fn next_step(self) -> &'static str {
                match self { $(Self::$variant => $next,)* }
            }
        }
    };
}

kinds! {
    /// Two definitions of one id.
    DuplicateId = "duplicate_id", "keep one of them, or give each its own id";
    /// A value of the right type that means nothing here: an empty id, an interval that ends before it begins.
    InvalidValue = "invalid_value", "write a value that means something here";
    /// An object key given twice (RFC 8259 section 4 leaves the meaning open; one strict reader does not).
    JsonDuplicateKey = "json_duplicate_key", "keep one of the two";
    /// Not JSON as RFC 8259 has it.
    JsonSyntax = "json_syntax", "mend the JSON at this place";
    /// Bigger, deeper or longer than [`Limits`](crate::Limits) allows.
    LimitExceeded = "limit_exceeded", "make it smaller, or raise the limit";
    /// An id that could be mistaken for another: control, bidirectional, invisible or confusable characters.
    NameUnsafe = "name_unsafe", "rename it";
    /// An annotation toolgate does not know, or one whose value it cannot read.
    PolicyAnnotation = "policy_annotation", "correct or remove the annotation";
    /// A `has` test for an argument or attribute that exists nowhere the policy applies.
    PolicyAttribute = "policy_attribute", "correct the name";
    /// A policy without an `@id`.
    PolicyId = "policy_id", "give the policy an `@id`";
    /// Not Cedar.
    PolicySyntax = "policy_syntax", "mend the Cedar at this place";
    /// Cedar, but not valid against the catalog's schema, or impossible to satisfy.
    PolicyValidation = "policy_validation", "`toolgate schema` prints what policies are checked against";
    /// The Cedar schema could not be built from the catalog.
    Schema = "schema", "look at the tool that was changed last";
    /// Groups that contain each other.
    SnapshotCycle = "snapshot_cycle", "take one of the parents out";
    /// A snapshot that is not newer than the one in use.
    SnapshotOlder = "snapshot_older", "swap in one with a newer version";
    /// Not TOML.
    TomlSyntax = "toml_syntax", "mend the TOML at this place";
    /// A field nobody knows.
    UnknownField = "unknown_field", "correct its spelling, or remove it";
    /// A value of the wrong type, or a missing field.
    WrongType = "wrong_type", "write a value of the expected type";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_the_file_the_place_and_the_way_out() {
        let error = Error::new(ErrorKind::InvalidValue, "group `ghost` is not defined")
            .at_pointer("")
            .under("groups")
            .under("a/b")
            .in_file("snapshot.json")
            .help("add it to `groups`");
        assert_eq!(
            error.to_string(),
            "snapshot.json: at `/a~1b/groups`: group `ghost` is not defined (add it to `groups`)"
        );
        let error = Error::new(ErrorKind::PolicySyntax, "unexpected `;`").at_span("a\nbc;", 4, 5).in_file("p.cedar");
        assert_eq!(error.to_string(), "p.cedar:2:3: unexpected `;`");
        assert_eq!(error.next_step(), "mend the Cedar at this place");
    }

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<_> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
    }
}
