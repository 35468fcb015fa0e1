//! JSON as plain data: what the strict reader gives and the decision works on.
//!
//! Owns the value and its compact text. Refuses nothing: what may be a value is for the reader to say.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

pub use crate::data::number::Number;

/// A JSON value, exactly as it was sent: numbers keep their text, so nothing is rounded before it is judged.
///
/// Objects are sorted by key and have no duplicates; [`Json::parse`] refuses a text that does.
///
/// ```
/// use toolgate::Json;
/// let call = Json::parse(br#"{"amount": 12.50, "to": "alice"}"#)?;
/// assert_eq!(call.get("to").and_then(Json::as_str), Some("alice"));
/// assert_eq!(call.to_string(), r#"{"amount":12.50,"to":"alice"}"#);
/// # Ok::<(), toolgate::Error>(())
/// ```
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
    Array(Vec<Self>),
    /// An object.
    Object(BTreeMap<String, Self>),
}

impl Json {
    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The fields, if this is an object.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Object(fields) = self { Some(fields) } else { None }
    }

    /// The field `key`, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// What kind of value this is: `null`, `boolean`, `number`, `string`, `array` or `object`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }
}

/// Compact JSON. Control characters and line separators are escaped: the text is one line and safe in a log.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number.as_str()),
            Self::String(text) => quote(f, text, escaped_for_people),
            Self::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { "," })?;
                }
                f.write_char(']')
            }
            Self::Object(fields) => {
                f.write_char('{')?;
                for (index, (key, value)) in fields.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    quote(f, key, escaped_for_people)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

/// Numbers: exactly as an integer where they are one of 64 bits, else as the nearest double; one that no finite
/// double is near (`1e400`) is an error. For exact numbers use the `Display` form.
impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields),
        }
    }
}

macro_rules! from {
    ($($source:ty, $value:ident => $json:expr;)*) => {
        $(impl From<$source> for Json {
            fn from($value: $source) -> Self { $json }
        })*
    };
}

from! {
    bool, value => Self::Bool(value);
    i64, value => Self::Number(value.into());
    u64, value => Self::Number(value.into());
    Number, value => Self::Number(value);
    &str, value => Self::String(value.to_owned());
    String, value => Self::String(value);
    Vec<Self>, value => Self::Array(value);
    BTreeMap<String, Self>, value => Self::Object(value);
}

/// A value of any shape, for the parts of a format that are JSON themselves. Numbers stay exact.
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(EXACT, AnyJson)
    }
}

/// Asks the reader for the text of a number. To other deserializers it is any name.
pub(crate) const EXACT: &str = "$toolgate::Json";

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }

    /// Only `from_json` sends bytes, and only for a number.
    fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Json, E> {
        let number = std::str::from_utf8(text).ok().and_then(Number::parse);
        number.map(Json::Number).ok_or_else(|| E::invalid_type(Unexpected::Bytes(text), &self))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Json, E> {
        // The fewest digits that name the double, which is what its author wrote. Neither infinity has any.
        let plain = (1e-7..1e21).contains(&value.abs()) || value == 0.0;
        let text = if plain { value.to_string() } else { format!("{value:e}") };
        let number = Number::parse(&text);
        number.map(Json::Number).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, Json>()? {
            if fields.contains_key(&key) {
                return Err(de::Error::custom(format_args!("the key {} is given twice", Json::from(key))));
            }
            fields.insert(key, value);
        }
        Ok(Json::Object(fields))
    }
}

/// Writes a JSON string; `escaped` says which characters beside `"`, `\` and U+0000 to U+001F to write as `\u`.
pub(crate) fn quote(out: &mut impl Write, text: &str, escaped: fn(char) -> bool) -> fmt::Result {
    out.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\u{8}' => out.write_str("\\b")?,
            '\t' => out.write_str("\\t")?,
            '\n' => out.write_str("\\n")?,
            '\u{c}' => out.write_str("\\f")?,
            '\r' => out.write_str("\\r")?,
            _ if char < ' ' || escaped(char) => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
            _ => out.write_char(char)?,
        }
    }
    out.write_char('"')
}

fn escaped_for_people(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_safe_line() {
        let json = Json::from(BTreeMap::from([("a\n\"".to_owned(), Json::from("\u{1b}[0m\u{85}\u{2028}é😀\\"))]));
        assert_eq!(json.to_string(), r#"{"a\n\"":"\u001b[0m\u0085\u2028é😀\\"}"#);
        assert_eq!(Json::parse(json.to_string().as_bytes()).unwrap(), json);
        let json = Json::from(vec![Json::Null, true.into(), 1_i64.into(), Json::Array(vec![])]);
        assert_eq!(json.to_string(), "[null,true,1,[]]");
    }

    #[test]
    fn serialized_numbers_are_exact_or_the_nearest_double() {
        let out = |text: &str| serde_json::to_string(&Json::parse(text.as_bytes()).unwrap()).map_err(|e| e.to_string());
        let text = r#"{"a":[1,-9223372036854775808,18446744073709551615,0.1,null,true,"x"]}"#;
        assert_eq!(out(text).unwrap(), text);
        assert_eq!(out("1e3").unwrap(), "1000");
        assert_eq!(out("1e-999999999999999999999").unwrap(), "0.0");
        assert!(out("1e400").unwrap_err().contains("too big for a double"));
    }

    #[test]
    fn parts_of_a_value() {
        let json = Json::parse(br#"{"a":[1],"s":"x"}"#).unwrap();
        assert_eq!(json.get("a").and_then(Json::as_array).map(<[_]>::len), Some(1));
        assert_eq!(json.get("s").and_then(Json::as_str), Some("x"));
        assert_eq!((json.get("b"), json.as_str(), Json::from("a").get("a")), (None, None, None));
        let kinds = ["null", "true", "1", "\"\"", "[]", "{}"].map(|text| Json::parse(text.as_bytes()).unwrap().kind());
        assert_eq!(kinds, ["null", "boolean", "number", "string", "array", "object"]);
    }
}
