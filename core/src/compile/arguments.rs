//! The arguments of a tool in Cedar's words: the type of `context.input`, and its value for one call.
//!
//! Values are made by constructor, never read by Cedar's JSON parser, so no argument becomes an entity reference or an
//! extension call. The schema text is data too: every name in it is a JSON string.

use std::collections::BTreeMap;

use cedar_policy::RestrictedExpression;

use crate::data::json::Json;
use crate::error::{Error, ErrorKind};
use crate::load::arguments::{Arguments, EXTRAS, Extras, Map, Record, Text, Type, Value, check, write_instant};

/// The common type of free-form values; see [`json_common_type`].
pub(crate) const JSON_TYPE: &str = "Toolgate::Json";

/// The type of `context.input` in Cedar's JSON schema format.
pub(crate) fn cedar_type(arguments: &Arguments) -> Json {
    arguments.root.as_ref().map_or_else(|| attributes([]), record_type)
}

/// What the common type `Json` of the namespace `Toolgate` stands for.
pub(crate) fn json_common_type() -> Json {
    attributes([
        ("kind".to_owned(), named("String"), true),
        ("keys".to_owned(), set(named("String")), true),
        ("text".to_owned(), named("String"), true),
    ])
}

/// `context.input` for a call with these arguments, or why the call is refused.
pub(crate) fn bind(arguments: &Arguments, input: &Json) -> Result<RestrictedExpression, Error> {
    record(check(arguments, input)?)
}

fn type_of(ty: &Type) -> Json {
    match ty {
        // No value is of the type `Nothing`; the set still needs an element type.
        Type::Json | Type::Nothing => object([("type", text("EntityOrCommon")), ("name", text(JSON_TYPE))]),
        Type::Bool => named("Boolean"),
        Type::Long => named("Long"),
        Type::Decimal => extension("decimal"),
        Type::Text(Text::Open | Text::OneOf(_)) => named("String"),
        Type::Text(Text::Instant { .. }) => extension("datetime"),
        Type::Text(Text::Ip { .. }) => extension("ipaddr"),
        Type::Set(element) => set(type_of(element)),
        Type::Sets { parts, .. } => {
            let mut sets = parts.iter().map(|(kind, ty)| ((*kind).to_owned(), set(type_of(ty)), true));
            match (parts.len(), sets.next()) {
                (1, Some((_, only, _))) => only,
                (_, first) => attributes(first.into_iter().chain(sets)),
            }
        }
        Type::Record(record) => record_type(record),
        Type::Map(map) => map_type(map),
        Type::OneOf { parts, .. } => {
            attributes(parts.iter().map(|(kind, ty)| ((*kind).to_owned(), type_of(ty), false)))
        }
    }
}

fn record_type(record: &Record) -> Json {
    let declared = record.members.iter().filter_map(|(name, member)| {
        let (ty, always) = member.attribute()?;
        Some((name.clone(), type_of(ty), always))
    });
    let extras = match &record.extras {
        Extras::Typed(map) => Some((EXTRAS.to_owned(), map_type(map), true)),
        Extras::Refused | Extras::LeftOut(_) => None,
    };
    attributes(declared.chain(extras))
}

fn map_type(map: &Map) -> Json {
    let entry = map.value.as_ref().map(|value| {
        attributes([("key".to_owned(), named("String"), true), ("value".to_owned(), type_of(value), true)])
    });
    let keys = ("keys".to_owned(), set(named("String")), true);
    attributes([keys].into_iter().chain(entry.map(|entry| ("entries".to_owned(), set(entry), true))))
}

fn attributes(attributes: impl IntoIterator<Item = (String, Json, bool)>) -> Json {
    let attributes = attributes.into_iter().map(|(name, mut ty, required)| {
        if let Json::Object(ty) = &mut ty {
            ty.insert("required".to_owned(), Json::Bool(required));
        }
        (name, ty)
    });
    object([("type", text("Record")), ("attributes", Json::Object(attributes.collect()))])
}

fn named(name: &str) -> Json {
    object([("type", text(name))])
}

fn extension(name: &str) -> Json {
    object([("type", text("Extension")), ("name", text(name))])
}

fn set(element: Json) -> Json {
    object([("type", text("Set")), ("element", element)])
}

fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
}

fn text(text: &str) -> Json {
    Json::String(text.to_owned())
}

fn record(attributes: BTreeMap<String, Value>) -> Result<RestrictedExpression, Error> {
    let attributes = attributes.into_iter().map(|(name, value)| Ok((name, expression(value)?)));
    RestrictedExpression::new_record(attributes.collect::<Result<Vec<_>, Error>>()?)
        .map_err(|error| Error::new(ErrorKind::InvalidValue, error.to_string()))
}

fn expression(value: Value) -> Result<RestrictedExpression, Error> {
    Ok(match value {
        Value::Bool(bool) => RestrictedExpression::new_bool(bool),
        Value::Long(long) => RestrictedExpression::new_long(long),
        Value::Decimal(scaled) => RestrictedExpression::new_decimal(decimal(scaled)),
        Value::String(text) => RestrictedExpression::new_string(text),
        Value::Datetime(at) => RestrictedExpression::new_datetime(
            write_instant(at).ok_or_else(|| Error::new(ErrorKind::InvalidValue, "not an instant Cedar can hold"))?,
        ),
        Value::Ip(address) => RestrictedExpression::new_ip(address),
        Value::Set(values) => {
            RestrictedExpression::new_set(values.into_iter().map(expression).collect::<Result<Vec<_>, _>>()?)
        }
        Value::Record(attributes) => record(attributes)?,
    })
}

/// The number as Cedar's `decimal` reads it.
fn decimal(scaled: i64) -> String {
    let sign = if scaled < 0 { "-" } else { "" };
    let digits = scaled.unsigned_abs();
    format!("{sign}{}.{:04}", digits / 10_000, digits % 10_000)
}

#[cfg(test)]
pub(crate) mod tests;
