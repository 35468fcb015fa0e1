//! TOML by way of [`Json`], so that both formats say the same of the same mistake.
//!
//! Owns the way from a pointer back to a place in the text. Refuses numbers that are none: `inf` and `nan`.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::data::json::{Json, Number};
use crate::error::{Error, ErrorKind};
use crate::load::de::from_json;

/// Reads TOML that [`scan::toml`](crate::load::scan::toml) has let through. Every error has a span, and those of
/// fields and types a pointer. A date is read as its text; `inf` and `nan` are refused.
pub(crate) fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let table = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        Error::new(ErrorKind::TomlSyntax, error.message()).at_span(text, span.start, span.end)
    })?;
    let json = table_to_json(table.get_ref()).map_err(|(error, span)| error.at_span(text, span.start, span.end))?;
    from_json(&json).map_err(|error| {
        let pointer = error.pointer().unwrap_or("").to_owned();
        let span = span_at(table.get_ref(), &pointer, error.kind() == ErrorKind::UnknownField).unwrap_or_default();
        error.at_span(text, span.start, span.end)
    })
}

type Misplaced = (Error, Range<usize>);

/// Recursive, within the nesting that the scan has let through.
fn table_to_json(table: &DeTable<'_>) -> Result<Json, Misplaced> {
    let fields = table.iter().map(|(key, value)| Ok((key.get_ref().clone().into_owned(), value_to_json(value)?)));
    fields.collect::<Result<_, _>>().map(Json::Object)
}

fn value_to_json(value: &Spanned<DeValue<'_>>) -> Result<Json, Misplaced> {
    let number = |text: Option<String>| {
        text.as_deref().and_then(Number::parse).map(Json::Number).ok_or_else(|| {
            let error = Error::new(ErrorKind::WrongType, "this number is infinite, undefined or too big");
            (error, value.span())
        })
    };
    match value.get_ref() {
        DeValue::String(text) => Ok(Json::from(text.as_ref())),
        DeValue::Integer(integer) => {
            number(i128::from_str_radix(integer.as_str(), integer.radix()).ok().map(|value| value.to_string()))
        }
        DeValue::Float(float) => number(Some(float.as_str().trim_start_matches('+').to_owned())),
        DeValue::Boolean(value) => Ok(Json::Bool(*value)),
        DeValue::Datetime(value) => Ok(Json::String(value.to_string())),
        DeValue::Array(items) => items.iter().map(value_to_json).collect::<Result<_, _>>().map(Json::Array),
        DeValue::Table(table) => table_to_json(table),
    }
}

/// Where in the text the pointer points: to a key, or to its value. To what is near, if the value is not there.
fn span_at(table: &DeTable<'_>, pointer: &str, at_key: bool) -> Option<Range<usize>> {
    let mut span = None;
    let mut inside: Option<&DeValue<'_>> = None;
    for segment in pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")) {
        let fields = match inside {
            None => table,
            Some(DeValue::Table(fields)) => fields,
            Some(DeValue::Array(items)) => {
                let item = items.get(segment.parse::<usize>().ok()?)?;
                (span, inside) = (Some(item.span()), Some(item.get_ref()));
                continue;
            }
            Some(_) => return span,
        };
        let Some((key, value)) = fields.iter().find(|(key, _)| key.get_ref().as_ref() == segment) else { return span };
        (span, inside) = (Some(if at_key { key.span() } else { value.span() }), Some(value.get_ref()));
    }
    span
}
