//! What a tool's `inputSchema` says about its arguments, as types a policy can rely on.
//!
//! The schema comes from the tool's server and is not trusted: it is unfolded within limits, nothing is fetched, and
//! what cannot be typed is left out of `context.input` with a note, never guessed. Everything here is plain data,
//! without Cedar; `compile::arguments` says it in Cedar's words.

mod fault;
mod lower;
mod path;
mod refs;
mod shape;
mod time;
mod unfold;
mod value;

use std::collections::BTreeMap;

pub(crate) use self::fault::explain;
pub(crate) use self::path::{PathAnswer, closest};
pub(crate) use self::shape::Text;
pub(crate) use self::time::{parse_date, parse_date_time, write as write_instant};
pub(crate) use self::value::{Value, check};
use crate::data::json::Json;
use crate::limits::Limits;

/// The member that holds the arguments a schema admits without declaring them.
pub(crate) const EXTRAS: &str = "*";

/// The types of one tool's arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arguments {
    /// `context.input`; `None` if the schema as a whole is of no use. Then `context.input` is empty and the
    /// arguments go unchecked.
    pub(crate) root: Option<Record>,
    /// What is free-form or left out, and why.
    pub(crate) notes: Vec<Note>,
}

/// The type of one value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    /// Any JSON value: its kind, its member names and its canonical text.
    Json,
    Bool,
    Long,
    Decimal,
    Text(Text),
    Set(Box<Self>),
    /// An array of several kinds: a record with one set per kind, named after it, so that a policy can look for a
    /// literal in one. If `null` may stand among the elements, it is in none of them.
    Sets {
        null: bool,
        parts: BTreeMap<&'static str, Self>,
    },
    Record(Record),
    Map(Map),
    /// Several JSON kinds: a record with one optional member per kind, named after it, of which a value has the one
    /// for its own kind. If `null` is a value here, it is the record with none.
    OneOf {
        null: bool,
        parts: BTreeMap<&'static str, Self>,
    },
    /// No value at all: the elements of an array that must be empty.
    Nothing,
}

/// An object with declared members.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) extras: Extras,
}

/// One declared member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    /// A call must carry it.
    pub(crate) required: bool,
    pub(crate) slot: Slot,
}

/// What a policy sees of a member.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    /// An attribute of that type, absent if `null` is given where that is allowed.
    Typed { ty: Type, nullable: bool },
    /// Nothing: only `null` can be given.
    Null,
    /// Nothing: whatever is given goes unchecked, for this reason.
    LeftOut(String),
    /// Nothing: the schema is `false`.
    Refused,
}

impl Member {
    /// The type of the attribute, if there is one, and whether it is always there.
    pub(crate) fn attribute(&self) -> Option<(&Type, bool)> {
        match &self.slot {
            Slot::Typed { ty, nullable } => Some((ty, self.required && !nullable)),
            Slot::Null | Slot::LeftOut(_) | Slot::Refused => None,
        }
    }
}

/// What becomes of members that are not declared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Extras {
    /// The call is refused.
    Refused,
    /// They stand under [`EXTRAS`].
    Typed(Map),
    /// They go unchecked and unseen, for this reason.
    LeftOut(String),
}

/// An object of any names: the set of its keys and, if the values can be typed, the set of its entries.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map {
    pub(crate) value: Option<Box<Type>>,
}

/// Something a policy author or administrator should know about one argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The JSON pointer of the argument, `*` standing for every element of an array or value of a map.
    pub(crate) pointer: String,
    pub(crate) kind: NoteKind,
    pub(crate) reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoteKind {
    /// Typed as any JSON value.
    FreeForm,
    /// Not in `context.input`.
    LeftOut,
}

/// How much of a tool's arguments a policy can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coverage {
    /// All of it, be it partly as free-form JSON.
    Full,
    /// Some is left out.
    Partial,
    /// Nothing.
    Untyped,
}

/// The types of the arguments of a tool with this `inputSchema`. Never fails: a schema that is of no use gives an
/// untyped tool and a note.
pub(crate) fn type_arguments(schema: &Json, limits: &Limits) -> Arguments {
    // MCP wants an object with `type`; what says nothing at all takes anything, and policies see its names at least
    let says_nothing = match schema {
        Json::Null | Json::Bool(true) => true,
        Json::Object(members) => members.is_empty(),
        _ => false,
    };
    if says_nothing {
        let anything = [("type", Json::from("object")), ("additionalProperties", Json::Bool(true))];
        let anything = Json::Object(anything.map(|(key, value)| (key.to_owned(), value)).into());
        let mut arguments = type_arguments(&anything, limits);
        let reason = "the tool declares no schema, so it takes any argument".to_owned();
        arguments.notes = vec![Note { pointer: String::new(), kind: NoteKind::FreeForm, reason }];
        return arguments;
    }
    match unfold::unfold(schema, limits) {
        Ok(shape) => lower::lower(shape),
        // FAIL-CLOSED: a_schema_that_unfolds_to_too_many_types_is_untyped
        Err(shape::TooMany) => Arguments::untyped(format!(
            "the schema unfolds to more than {} types; simplify it or raise `schema_nodes`",
            limits.schema_nodes
        )),
    }
}

impl Arguments {
    fn untyped(reason: String) -> Self {
        Self { root: None, notes: vec![Note { pointer: String::new(), kind: NoteKind::LeftOut, reason }] }
    }

    /// How much a policy can see.
    pub(crate) fn coverage(&self) -> Coverage {
        if self.root.is_none() {
            Coverage::Untyped
        } else if self.notes.iter().any(|note| note.kind == NoteKind::LeftOut) {
            Coverage::Partial
        } else {
            Coverage::Full
        }
    }

    /// Whether some argument is typed as any JSON value.
    #[cfg(test)]
    pub(crate) fn has_free_form(&self) -> bool {
        self.notes.iter().any(|note| note.kind == NoteKind::FreeForm)
    }
}

/// One more step of a JSON pointer.
fn step(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", shown(key).replace('~', "~0").replace('/', "~1"))
}

/// A text from outside for a message: at most 64 characters, control and invisible characters escaped.
fn shown(text: &str) -> String {
    fault::Shown(text).to_string()
}

#[cfg(test)]
pub(crate) mod tests;
