//! What is wrong with a suite, where, and what to do.

use std::fmt;

/// A place in a text file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1; 0 if it is not known.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A fault of a suite: it does not load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file, as the user would type it.
    pub file: Box<str>,
    /// What is wrong.
    pub message: Box<str>,
    /// Where in the text.
    pub place: Option<Place>,
    /// The JSON pointer of the value.
    pub pointer: Option<Box<str>>,
    /// The line at fault.
    pub line: Option<Box<str>>,
    /// What to do.
    pub help: Option<Box<str>>,
}

impl Fault {
    /// `message` is about `file`.
    pub(crate) fn new(file: impl Into<Box<str>>, message: impl Into<Box<str>>) -> Self {
        Self { file: file.into(), message: message.into(), place: None, pointer: None, line: None, help: None }
    }

    /// Places it in the text of the file.
    pub(crate) fn at(mut self, place: Place, text: &str) -> Self {
        if place.line > 0 {
            self.place = Some(place);
            self.line = text.lines().nth(place.line.saturating_sub(1)).map(Into::into);
        }
        self
    }

    pub(crate) fn pointer(mut self, pointer: &str) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Says what to do.
    pub(crate) fn help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help.get_or_insert_with(|| help.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        if let Some(pointer) = self.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
            write!(f, ": at `{pointer}`")?;
        }
        write!(f, ": {}", self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

impl std::error::Error for Fault {}
