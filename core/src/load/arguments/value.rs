//! Checks the arguments of a call against their types, and gives them as typed values.
//!
//! Exact or refused: nothing is rounded, cut, converted or filled in. A text stays a text whatever it contains, so
//! `{"__entity": …}` is an object like any other.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::fault::Fault;
use super::{Arguments, Extras, Map, Member, Record, Slot, Text, Type, shown, time};
use crate::data::canonical::canonical;
use crate::data::json::Json;
use crate::error::Error;

/// A value of one of the [`Type`]s.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Bool(bool),
    Long(i64),
    /// Ten thousand times the number.
    Decimal(i64),
    String(String),
    /// Milliseconds since 1970, years 0 to 9999.
    Datetime(i64),
    /// An address as Cedar reads it.
    Ip(String),
    Set(Vec<Self>),
    Record(BTreeMap<String, Self>),
}

/// The attributes of `context.input` for a call with these arguments, or why the call is refused.
pub(crate) fn check(arguments: &Arguments, input: &Json) -> Result<BTreeMap<String, Value>, Error> {
    match &arguments.root {
        Some(root) => {
            record(root, input).map_err(|error| if error.pointer().is_none() { error.at_pointer("") } else { error })
        }
        None => Ok(BTreeMap::new()),
    }
}

fn record(ty: &Record, value: &Json) -> Result<BTreeMap<String, Value>, Error> {
    let given = value.as_object().ok_or_else(|| wrong_type("object", value))?;
    let mut attributes = BTreeMap::new();
    for (name, member) in &ty.members {
        match given.get(name) {
            Some(value) => {
                if let Some(value) = self::member(member, value).map_err(|error| error.under(&shown(name)))? {
                    attributes.insert(name.clone(), value);
                }
            }
            // FAIL-CLOSED: a_missing_required_argument_is_refused
            None if member.required => {
                return Err(Fault::Missing(name).into());
            }
            None => {}
        }
    }
    let mut extras = given.iter().filter(|(name, _)| !ty.members.contains_key(*name));
    match &ty.extras {
        // FAIL-CLOSED: an_undeclared_argument_is_refused
        Extras::Refused => {
            if let Some((name, _)) = extras.next() {
                return Err(Fault::Undeclared(name).into());
            }
        }
        Extras::Typed(ty) => {
            attributes.insert(super::EXTRAS.to_owned(), map(ty, extras)?);
        }
        Extras::LeftOut(_) => {}
    }
    Ok(attributes)
}

/// `None` for what a policy does not see.
fn member(member: &Member, value: &Json) -> Result<Option<Value>, Error> {
    match &member.slot {
        Slot::Typed { nullable: true, .. } | Slot::Null if *value == Json::Null => Ok(None),
        Slot::Typed { ty, .. } => self::value(ty, value).map(Some),
        Slot::Null => Err(wrong_type("null", value)),
        Slot::LeftOut(_) => Ok(None),
        // FAIL-CLOSED: a_member_whose_schema_is_false_is_refused
        Slot::Refused => Err(Fault::NothingFits.into()),
    }
}

fn value(ty: &Type, value: &Json) -> Result<Value, Error> {
    match (ty, value) {
        (Type::Json, _) => Ok(free_form(value)),
        (Type::Bool, Json::Bool(bool)) => Ok(Value::Bool(*bool)),
        // FAIL-CLOSED: a_number_that_is_not_exact_is_refused
        (Type::Long, Json::Number(number)) => {
            number.as_i64().map(Value::Long).ok_or_else(|| Fault::NoLong(number.as_str()).into())
        }
        (Type::Decimal, Json::Number(number)) => {
            number.as_decimal4().map(Value::Decimal).ok_or_else(|| Fault::NoDecimal(number.as_str()).into())
        }
        (Type::Text(ty), Json::String(text)) => self::text(ty, text),
        (Type::Set(element), Json::Array(elements)) => {
            let elements = elements.iter().enumerate();
            elements
                .map(|(index, found)| self::value(element, found).map_err(|error| error.under(&index.to_string())))
                .collect::<Result<_, _>>()
                .map(Value::Set)
        }
        (Type::Sets { null, parts }, Json::Array(elements)) => sets(*null, parts, elements),
        (Type::Record(ty), _) => record(ty, value).map(Value::Record),
        (Type::Map(ty), Json::Object(members)) => map(ty, members.iter()),
        (Type::OneOf { null, parts }, _) => one_of(*null, parts, value),
        (Type::Nothing, _) => Err(Fault::NothingFits.into()),
        // FAIL-CLOSED: a_value_of_another_kind_is_refused
        (ty, found) => Err(wrong_type(ty.kind(), found)),
    }
}

/// Which kind it is decides the member; `null` is the record with none.
fn one_of(null: bool, parts: &BTreeMap<&'static str, Type>, value: &Json) -> Result<Value, Error> {
    let member = part(null, parts, value)?.map(|(name, ty)| Ok((name.to_owned(), self::value(ty, value)?)));
    member.into_iter().collect::<Result<_, Error>>().map(Value::Record)
}

/// Which kind an element is decides the set; `null` is in none. One kind alone needs no record around its set.
fn sets(null: bool, parts: &BTreeMap<&'static str, Type>, elements: &[Json]) -> Result<Value, Error> {
    let mut sets: BTreeMap<String, Vec<Value>> = parts.keys().map(|name| ((*name).to_owned(), Vec::new())).collect();
    for (index, element) in elements.iter().enumerate() {
        let place = |error: Error| error.under(&index.to_string());
        if let Some((name, ty)) = part(null, parts, element).map_err(place)? {
            let element = self::value(ty, element).map_err(place)?;
            sets.entry(name.to_owned()).or_default().push(element);
        }
    }
    let mut sets = sets.into_iter().map(|(name, set)| (name, Value::Set(set)));
    match (sets.len(), sets.next()) {
        (1, Some((_, only))) => Ok(only),
        (_, first) => Ok(Value::Record(first.into_iter().chain(sets).collect())),
    }
}

/// The part of a union that a value belongs to: none for `null`.
fn part<'a>(
    null: bool,
    parts: &'a BTreeMap<&'static str, Type>,
    value: &Json,
) -> Result<Option<(&'static str, &'a Type)>, Error> {
    let kind = value.kind();
    let name = if kind == "number" && parts.contains_key("integer") { "integer" } else { kind };
    match parts.get_key_value(name) {
        Some((name, ty)) => Ok(Some((*name, ty))),
        None if null && *value == Json::Null => Ok(None),
        None => Err(Fault::NoPart { null, parts, found: value.into() }.into()),
    }
}

fn text(ty: &Text, text: &str) -> Result<Value, Error> {
    let value = match ty {
        Text::Open => Some(Value::String(text.to_owned())),
        Text::OneOf(values) => values.get(text).cloned().map(Value::String),
        Text::Instant { date, time } => None
            .or_else(|| if *date { time::parse_date(text) } else { None })
            .or_else(|| if *time { time::parse_date_time(text) } else { None })
            .map(Value::Datetime),
        Text::Ip { v4, v6 } => None
            .or_else(|| if *v4 { text.parse::<Ipv4Addr>().ok().map(|ip| ip.to_string()) } else { None })
            .or_else(|| if *v6 { text.parse::<Ipv6Addr>().ok().map(write_v6) } else { None })
            .map(Value::Ip),
    };
    value.ok_or_else(|| Fault::NoSuchText { expected: ty, found: text }.into())
}

/// Eight groups in full: Cedar refuses the dotted form of an address that embeds an IPv4 one.
fn write_v6(address: Ipv6Addr) -> String {
    address.segments().map(|segment| format!("{segment:x}")).join(":")
}

fn map<'a>(ty: &Map, members: impl Iterator<Item = (&'a String, &'a Json)>) -> Result<Value, Error> {
    let (mut keys, mut entries) = (Vec::new(), Vec::new());
    for (key, member) in members {
        if let Some(ty) = &ty.value {
            let value = self::value(ty, member).map_err(|error| error.under(&shown(key)))?;
            entries.push(Value::Record(BTreeMap::from([
                ("key".to_owned(), Value::String(key.clone())),
                ("value".to_owned(), value),
            ])));
        }
        keys.push(Value::String(key.clone()));
    }
    let mut map = BTreeMap::from([("keys".to_owned(), Value::Set(keys))]);
    if ty.value.is_some() {
        map.insert("entries".to_owned(), Value::Set(entries));
    }
    Ok(Value::Record(map))
}

fn free_form(value: &Json) -> Value {
    let keys = value.as_object().map(|members| members.keys().cloned().map(Value::String).collect());
    Value::Record(BTreeMap::from([
        ("kind".to_owned(), Value::String(value.kind().to_owned())),
        ("keys".to_owned(), Value::Set(keys.unwrap_or_default())),
        ("text".to_owned(), Value::String(canonical(value))),
    ]))
}

fn wrong_type(expected: &'static str, found: &Json) -> Error {
    Fault::Kind { expected, found: found.into() }.into()
}
