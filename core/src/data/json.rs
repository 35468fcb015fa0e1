//! JSON as plain data: what the strict reader gives and the decision works on.

use std::collections::BTreeMap;

/// A JSON value, exactly as it was sent: numbers keep their text, so nothing is rounded before it is judged.
///
/// Objects are sorted by key and have no duplicates; [`Json::parse`] refuses a text that does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as text.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}
