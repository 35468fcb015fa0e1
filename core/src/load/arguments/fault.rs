//! What is wrong with the arguments of a call, in words.
//!
//! Owns the texts, and [`explain`], which finds in a tape the fault that [`check`](super::check) finds in a tree.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::{Arguments, Extras, Map, Record, Slot, Text, Type, time};
use crate::data::json::Json;
use crate::data::number::{to_decimal4, to_i64};
use crate::error::{Error, ErrorKind};
use crate::load::tape::{Item, Kind};

/// Where and what, as [`Error::brief`] of the error of [`check`](super::check) has it; `None` if nothing is wrong.
pub(crate) fn explain(arguments: &Arguments, item: Item<'_>) -> Option<String> {
    record(arguments.root.as_ref()?, item, None).err()
}

/// Why a value is refused.
pub(super) enum Fault<'a> {
    Missing(&'a str),
    Undeclared(&'a str),
    Kind { expected: &'static str, found: Found<'a> },
    NoPart { null: bool, parts: &'a BTreeMap<&'static str, Type>, found: Found<'a> },
    NoLong(&'a str),
    NoDecimal(&'a str),
    NoSuchText { expected: &'a Text, found: &'a str },
    NothingFits,
}

/// A value of another kind than expected, with what can be shown of it.
pub(super) struct Found<'a> {
    kind: &'static str,
    text: Option<&'a str>,
}

impl<'a> From<&'a Json> for Found<'a> {
    fn from(json: &'a Json) -> Self {
        let text = match json {
            Json::String(text) => Some(text.as_str()),
            Json::Number(number) => Some(number.as_str()),
            Json::Bool(bool) => Some(if *bool { "true" } else { "false" }),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        };
        Self { kind: json.kind(), text }
    }
}

impl<'a> From<Item<'a>> for Found<'a> {
    fn from(item: Item<'a>) -> Self {
        let text = match item.kind() {
            Kind::Given | Kind::Made => item.text(),
            Kind::Number => item.number(),
            Kind::True => Some("true"),
            Kind::False => Some("false"),
            Kind::Null | Kind::Array | Kind::Object => None,
        };
        Self { kind: item.kind().name(), text }
    }
}

impl From<Fault<'_>> for Error {
    fn from(fault: Fault<'_>) -> Self {
        let (kind, help) = match fault {
            Fault::Missing(_) => (ErrorKind::WrongType, Some("give it a value")),
            Fault::Undeclared(_) => (ErrorKind::UnknownField, Some("give only what the tool's `inputSchema` declares")),
            Fault::Kind { .. } | Fault::NoPart { .. } => (ErrorKind::WrongType, None),
            Fault::NoLong(_) | Fault::NoDecimal(_) => (ErrorKind::InvalidValue, Some("nothing is rounded")),
            Fault::NoSuchText { .. } => (ErrorKind::InvalidValue, None),
            Fault::NothingFits => (ErrorKind::InvalidValue, Some("leave it out")),
        };
        let error = Self::new(kind, fault.to_string());
        if let Some(help) = help { error.help(help) } else { error }
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "required argument `{}` is missing", Shown(name)),
            Self::Undeclared(name) => write!(f, "argument `{}` is not declared", Shown(name)),
            Self::Kind { expected, found } => write!(f, "expected {expected}{found}"),
            Self::NoPart { null, parts, found } => {
                f.write_str("expected ")?;
                for (at, kind) in parts.keys().copied().chain(null.then_some("null")).enumerate() {
                    f.write_str(if at == 0 { "" } else { " or " })?;
                    f.write_str(kind)?;
                }
                found.fmt(f)
            }
            Self::NoLong(found) => {
                write!(f, "expected a whole number between -2^63 and 2^63-1, found `{}`", Shown(found))
            }
            Self::NoDecimal(found) => {
                let expected = "a number below 922337203685477 with at most 4 decimal places";
                write!(f, "expected {expected}, found `{}`", Shown(found))
            }
            Self::NoSuchText { expected, found } => {
                f.write_str("expected ")?;
                match expected {
                    Text::Open => f.write_str("a string")?,
                    Text::OneOf(values) => {
                        for (at, value) in values.iter().take(6).enumerate() {
                            write!(f, "{}`{}`", if at == 0 { "one of " } else { ", " }, Shown(value))?;
                        }
                        f.write_str(if values.len() > 6 { ", …" } else { "" })?;
                    }
                    Text::Instant { date: true, time: false } => f.write_str("a date such as `2026-01-31`")?,
                    Text::Instant { .. } => f.write_str("an RFC 3339 date-time such as `2026-01-31T09:00:00.000Z`")?,
                    Text::Ip { v4: true, v6: false } => f.write_str("an IPv4 address")?,
                    Text::Ip { v4: false, v6: true } => f.write_str("an IPv6 address")?,
                    Text::Ip { .. } => f.write_str("an IP address")?,
                }
                write!(f, ", found `{}`", Shown(found))
            }
            Self::NothingFits => f.write_str("no value is allowed here"),
        }
    }
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", found {}", self.kind)?;
        match self.text {
            Some(text) => write!(f, " `{}`", Shown(text)),
            None => Ok(()),
        }
    }
}

/// A text from outside for a message: at most 64 characters, control and invisible characters escaped.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= 64 && self.0.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return f.write_str(self.0);
        }
        for (index, char) in self.0.chars().enumerate() {
            if index == 64 {
                return f.write_char('…');
            }
            // `escape_debug` leaves what can be seen as it is; quotes and backslashes need no escape here.
            if matches!(char, '"' | '\'' | '\\') {
                f.write_char(char)?;
            } else {
                char.escape_debug().try_for_each(|char| f.write_char(char))?;
            }
        }
        Ok(())
    }
}

/// The way to a value: one step, and the steps before it.
#[derive(Clone, Copy)]
struct Path<'p> {
    before: Option<&'p Self>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Name(&'p str),
    Index(usize),
}

/// As a JSON pointer.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.before.map_or(Ok(()), |before| before.fmt(f))?;
        match self.step {
            Step::Name(name) => {
                f.write_char('/')?;
                write!(Escaped(f), "{}", Shown(name))
            }
            Step::Index(index) => write!(f, "/{index}"),
        }
    }
}

/// Writes on, with the two characters escaped that mean something in a JSON pointer.
struct Escaped<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(['~', '/']) {
            match (part.strip_suffix('~'), part.strip_suffix('/')) {
                (Some(plain), _) => write!(self.0, "{plain}~0")?,
                (_, Some(plain)) => write!(self.0, "{plain}~1")?,
                _ => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// The text of a fault at that place.
#[cold]
fn say(path: Option<&Path<'_>>, fault: &Fault<'_>) -> String {
    let mut out = String::with_capacity(160);
    let written = match path {
        Some(path) => write!(out, "at `{path}`: {fault}"),
        None => write!(out, "{fault}"),
    };
    debug_assert!(written.is_ok(), "writing to a string failed");
    out
}

type Members<'t> = SmallVec<[(&'t str, Item<'t>); 12]>;

/// The members in the order of their names, as a tree has them.
fn sorted(item: Item<'_>) -> Members<'_> {
    let mut members: Members<'_> = item.members().map(|(key, value)| (key.text().unwrap_or_default(), value)).collect();
    members.sort_unstable_by(|left, right| left.0.cmp(right.0));
    members
}

fn record(ty: &Record, item: Item<'_>, path: Option<&Path<'_>>) -> Result<(), String> {
    if item.kind() != Kind::Object {
        return Err(say(path, &Fault::Kind { expected: "object", found: item.into() }));
    }
    let given = sorted(item);
    for (name, member) in &ty.members {
        let found = given.binary_search_by(|(key, _)| (*key).cmp(name)).ok().and_then(|at| given.get(at));
        let Some((_, item)) = found else {
            if member.required {
                return Err(say(path, &Fault::Missing(name)));
            }
            continue;
        };
        let here = Path { before: path, step: Step::Name(name) };
        match &member.slot {
            Slot::Typed { nullable: true, .. } | Slot::Null if item.kind() == Kind::Null => {}
            Slot::Typed { ty, .. } => value(ty, *item, &here)?,
            Slot::Null => return Err(say(Some(&here), &Fault::Kind { expected: "null", found: (*item).into() })),
            Slot::LeftOut(_) => {}
            Slot::Refused => return Err(say(Some(&here), &Fault::NothingFits)),
        }
    }
    let mut extras = given.iter().filter(|(name, _)| !ty.members.contains_key(*name));
    match &ty.extras {
        Extras::Refused => match extras.next() {
            Some((name, _)) => Err(say(path, &Fault::Undeclared(name))),
            None => Ok(()),
        },
        Extras::Typed(ty) => map(ty, extras, path),
        Extras::LeftOut(_) => Ok(()),
    }
}

fn map<'t>(
    ty: &Map,
    mut members: impl Iterator<Item = &'t (&'t str, Item<'t>)>,
    path: Option<&Path<'_>>,
) -> Result<(), String> {
    let Some(ty) = &ty.value else { return Ok(()) };
    members.try_for_each(|(name, item)| value(ty, *item, &Path { before: path, step: Step::Name(name) }))
}

fn value(ty: &Type, item: Item<'_>, path: &Path<'_>) -> Result<(), String> {
    let number = || item.number().unwrap_or_default();
    let wrong = |fault: Fault<'_>| Err(say(Some(path), &fault));
    let each = |check: &dyn Fn(Item<'_>, &Path<'_>) -> Result<(), String>| {
        item.elements()
            .enumerate()
            .try_for_each(|(index, item)| check(item, &Path { before: Some(path), step: Step::Index(index) }))
    };
    match (ty, item.kind()) {
        (Type::Json, _) | (Type::Bool, Kind::True | Kind::False) => Ok(()),
        (Type::Long, Kind::Number) if to_i64(number()).is_some() => Ok(()),
        (Type::Long, Kind::Number) => wrong(Fault::NoLong(number())),
        (Type::Decimal, Kind::Number) if to_decimal4(number()).is_some() => Ok(()),
        (Type::Decimal, Kind::Number) => wrong(Fault::NoDecimal(number())),
        (Type::Text(ty), Kind::Given | Kind::Made) => {
            let text = item.text().unwrap_or_default();
            if fits(ty, text) { Ok(()) } else { wrong(Fault::NoSuchText { expected: ty, found: text }) }
        }
        (Type::Set(element), Kind::Array) => each(&|item, path| value(element, item, path)),
        (Type::Sets { null, parts }, Kind::Array) => each(&|item, path| part(*null, parts, item, path)),
        (Type::Record(ty), _) => record(ty, item, Some(path)),
        (Type::Map(ty), Kind::Object) => map(ty, sorted(item).iter(), Some(path)),
        (Type::OneOf { null, parts }, _) => part(*null, parts, item, path),
        (Type::Nothing, _) => wrong(Fault::NothingFits),
        _ => wrong(Fault::Kind { expected: ty.kind(), found: item.into() }),
    }
}

fn part(null: bool, parts: &BTreeMap<&'static str, Type>, item: Item<'_>, path: &Path<'_>) -> Result<(), String> {
    let kind = item.kind().name();
    let whole = if kind == "number" { parts.get("integer") } else { None };
    match whole.or_else(|| parts.get(kind)) {
        Some(ty) => value(ty, item, path),
        None if null && item.kind() == Kind::Null => Ok(()),
        None => Err(say(Some(path), &Fault::NoPart { null, parts, found: item.into() })),
    }
}

fn fits(ty: &Text, text: &str) -> bool {
    match ty {
        Text::Open => true,
        Text::OneOf(values) => values.contains(text),
        Text::Instant { date, time } => {
            *date && time::parse_date(text).is_some() || *time && time::parse_date_time(text).is_some()
        }
        Text::Ip { v4, v6 } => *v4 && text.parse::<Ipv4Addr>().is_ok() || *v6 && text.parse::<Ipv6Addr>().is_ok(),
    }
}

impl Type {
    /// What JSON calls the values.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Json | Self::OneOf { .. } | Self::Nothing => "a JSON value",
            Self::Bool => "boolean",
            Self::Long => "integer",
            Self::Decimal => "number",
            Self::Text(_) => "string",
            Self::Set(_) | Self::Sets { .. } => "array",
            Self::Record(_) | Self::Map(_) => "object",
        }
    }
}
