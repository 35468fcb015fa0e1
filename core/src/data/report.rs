//! What loading found that is no error.

use serde::Serialize;

use crate::data::id::ToolId;

/// What loading found that is no error, but worth knowing before going live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How the arguments of each tool could be typed.
    pub tools: Vec<ToolReport>,
    /// Everything else, in the order it was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many tools' arguments are typed as far as `typing`.
    pub fn count(&self, typing: Typing) -> usize {
        self.tools.iter().filter(|tool| tool.typing == typing).count()
    }
}

/// How one tool's arguments could be typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToolReport {
    /// The tool.
    pub tool: ToolId,
    /// How far policies can see its arguments.
    pub typing: Typing,
    /// What is left out or free-form, and why.
    pub notes: Vec<TypingNote>,
}

/// How far policies can see a tool's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Typing {
    /// All of them.
    Full,
    /// Some are left out of `context.input`.
    Partial,
    /// None; a call's arguments are not checked.
    Untyped,
}

/// One part of a tool's schema that needs a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypingNote {
    /// JSON pointer into the `inputSchema`.
    pub pointer: String,
    /// Whether policies cannot see it at all; otherwise it reaches them as free-form JSON.
    pub left_out: bool,
    /// Why.
    pub reason: String,
}

/// One thing worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its class.
    pub kind: FindingKind,
    /// What it is about.
    pub about: Option<About>,
    /// The name or glob in it that the finding is about.
    pub names: Option<String>,
    /// In a sentence.
    pub message: String,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct About {
    /// `policy`, `server`, `file`, `user`, `group`, `service principal`, `grant` or `kill switch`.
    pub what: &'static str,
    /// Its id; of a kill switch the list it is in.
    pub id: String,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, message: impl Into<String>) -> Self {
        Self { kind, about: None, names: None, message: message.into() }
    }

    pub(crate) fn about(mut self, what: &'static str, id: &str) -> Self {
        self.about = Some(About { what, id: id.into() });
        self
    }

    pub(crate) fn about_policy(self, id: &str) -> Self {
        self.about("policy", id)
    }

    pub(crate) fn naming(mut self, name: &str) -> Self {
        self.names = Some(name.into());
        self
    }
}

/// The classes of findings. Codes are stable; new ones may be added.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A tool list with more pages than were given.
    CatalogIncomplete,
    /// An overlay entry for something the catalog does not have.
    OverlayUnused,
    /// A pin that denies more than it pins.
    PinUnusable,
    /// A policy that applies to no tool of this catalog.
    PolicyInert,
    /// A policy that is asked of Cedar's own evaluator, since the compiler does not know all of it. Right, but slower.
    PolicyNotCompiled,
    /// Cedar's validator warns.
    PolicyWarning,
    /// An id that nothing defines. It grants nothing.
    ReferenceUnknown,
    /// A server reached by token for which none can be issued.
    TokenPathIncomplete,
}
