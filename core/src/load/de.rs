//! From [`Json`] to the structs of the formats, with the place of every error.
//!
//! Owns the messages about fields and types. Refuses unknown fields where the struct does, and numbers that the field
//! cannot hold exactly.

use std::collections::btree_map;
use std::fmt::{self, Display};
use std::slice;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use crate::data::json::{EXACT, Json};
use crate::error::{Error, ErrorKind};
pub(crate) use crate::load::toml::from_toml;

/// Reads a value as a `T`. Every error has the JSON pointer of the value, or field, at fault.
pub(crate) fn from_json<T: DeserializeOwned>(json: &Json) -> Result<T, Error> {
    T::deserialize(At(json)).map_err(|Fault(error)| match error.pointer() {
        Some(_) => error,
        None => error.at_pointer(""),
    })
}

/// An error on its way out, which learns its pointer from the values it passes.
#[derive(Debug)]
struct Fault(Error);

impl Fault {
    fn wrong_type(message: impl Into<String>) -> Self {
        Self(Error::new(ErrorKind::WrongType, message))
    }

    fn under(self, key: &str) -> Self {
        Self(self.0.under(key))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self(Error::new(ErrorKind::InvalidValue, message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) | Unexpected::Bytes(_) => "a number",
            Unexpected::Str(_) | Unexpected::Char(_) => "a string",
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Seq => "an array",
            _ => "an object",
        };
        Self::wrong_type(format!("expected {}, found {found}", plain(expected)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Str(text) => Json::from(text).to_string(),
            Unexpected::Signed(value) => value.to_string(),
            Unexpected::Unsigned(value) => value.to_string(),
            Unexpected::Bool(value) => value.to_string(),
            _ => "this value".to_owned(),
        };
        Self(Error::new(ErrorKind::InvalidValue, format!("expected {}, found {}", plain(expected), cut(&found))))
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::wrong_type(format!("expected {}, found {length} items", plain(expected)))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        let error = Error::new(ErrorKind::InvalidValue, format!("{} is not a value here", named(variant)));
        Self(if known.is_empty() { error } else { error.help(format!("known values: {}", list(known))) })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let help =
            if known.is_empty() { "there are none".to_owned() } else { format!("known fields: {}", list(known)) };
        Self(Error::new(ErrorKind::UnknownField, format!("{} is not a field here", named(field))).help(help))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::wrong_type(format!("`{field}` is missing"))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self(Error::new(ErrorKind::JsonDuplicateKey, format!("`{field}` is given twice")))
    }
}

/// What serde's own visitors call structs and enums, without the name of the type.
fn plain(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.split(' ').next() {
        Some("struct" | "map") => "an object".to_owned(),
        Some("enum" | "variant") => "one of the known values".to_owned(),
        Some("tuple") => "an array of another length".to_owned(),
        Some("unit") => "null".to_owned(),
        _ => text,
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The user's text in backticks, on one line and not too long.
fn named(text: &str) -> String {
    format!("`{}`", cut(Json::from(text).to_string().trim_matches('"')))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= 64 { text.to_owned() } else { text.chars().take(63).chain(['…']).collect() }
}

/// A value to be read.
#[derive(Clone, Copy)]
struct At<'de>(&'de Json);

impl<'de> At<'de> {
    fn expected<T>(self, what: &str) -> Result<T, Fault> {
        let found = match self.0 {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        };
        Err(Fault::wrong_type(format!("expected {what}, found {found}")))
    }

    fn integer<T: TryFrom<i64> + TryFrom<u64>>(self, least: &dyn Display, most: &dyn Display) -> Result<T, Fault> {
        let Json::Number(number) = self.0 else { return self.expected("a whole number") };
        let signed = number.as_i64().and_then(|value| T::try_from(value).ok());
        signed.or_else(|| number.as_u64().and_then(|value| T::try_from(value).ok())).ok_or_else(|| {
            let found = cut(number.as_str());
            Fault::wrong_type(format!("expected a whole number from {least} to {most}, found `{found}`"))
        })
    }

    fn items<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Json::Array(items) = self.0 else { return self.expected("an array") };
        let mut items = Items { rest: items.iter(), index: 0 };
        let value = visitor.visit_seq(&mut items)?;
        if items.rest.len() == 0 {
            return Ok(value);
        }
        Err(Fault::wrong_type("there are more items than expected").under(&items.index.to_string()))
    }

    fn fields<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Json::Object(fields) = self.0 else { return self.expected("an object") };
        visitor.visit_map(Fields { rest: fields.iter(), current: None })
    }
}

macro_rules! integers {
    ($($method:ident, $visit:ident, $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.integer::<$type>(&<$type>::MIN, &<$type>::MAX)?)
        })*
    };
}

impl<'de> Deserializer<'de> for At<'de> {
    type Error = Fault;

    integers! {
        deserialize_i8, visit_i8, i8;
        deserialize_i16, visit_i16, i16;
        deserialize_i32, visit_i32, i32;
        deserialize_i64, visit_i64, i64;
        deserialize_u8, visit_u8, u8;
        deserialize_u16, visit_u16, u16;
        deserialize_u32, visit_u32, u32;
        deserialize_u64, visit_u64, u64;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Json::Null => visitor.visit_unit(),
            Json::Bool(value) => visitor.visit_bool(*value),
            Json::String(text) => visitor.visit_borrowed_str(text),
            Json::Array(_) => self.items(visitor),
            Json::Object(_) => self.fields(visitor),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => visitor.visit_i64(value),
                (_, Some(value)) => visitor.visit_u64(value),
                // Nobody asked for a double, and to give one would round.
                _ => self.deserialize_i64(visitor),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Json::Bool(value) = self.0 { visitor.visit_bool(*value) } else { self.expected("true or false") }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Json::Number(number) = self.0 else { return self.expected("a number") };
        match number.to_f64() {
            Some(value) => visitor.visit_f64(value),
            None => Err(Fault::wrong_type(format!("the number `{}` is too big", cut(number.as_str())))),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Json::String(text) = self.0 { visitor.visit_borrowed_str(text) } else { self.expected("a string") }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Json::Null = self.0 { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Json::Null = self.0 { visitor.visit_unit() } else { self.expected("null") }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Json::Number(number) if name == EXACT => visitor.visit_bytes(number.as_str().as_bytes()),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.items(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        match self.0 {
            Json::Array(items) if items.len() != length => {
                let found = items.len();
                Err(Fault::wrong_type(format!("expected an array of {length} items, found {found}")))
            }
            _ => self.items(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.fields(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.fields(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let one = match self.0 {
            Json::String(name) => Some((name, None)),
            Json::Object(fields) if fields.len() == 1 => fields.iter().next().map(|(name, value)| (name, Some(value))),
            Json::Object(_) => return Err(Fault::wrong_type(format!("expected one field of {}", list(variants)))),
            _ => None,
        };
        match one {
            Some((name, value)) => visitor.visit_enum(Variant { name, value }),
            None => self.expected(&format!("one of {}", list(variants))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

struct Items<'de> {
    rest: slice::Iter<'de, Json>,
    index: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(item) = self.rest.next() else { return Ok(None) };
        let value = seed.deserialize(At(item)).map_err(|fault| fault.under(&self.index.to_string()))?;
        self.index = self.index.saturating_add(1);
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Fields<'de> {
    rest: btree_map::Iter<'de, String, Json>,
    current: Option<(&'de str, &'de Json)>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.current = Some((key, value));
        seed.deserialize(Key(key)).map(Some).map_err(|fault| fault.under(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, value)) = self.current.take() else { return Err(de::Error::custom("a value without a key")) };
        seed.deserialize(At(value)).map_err(|fault| fault.under(key))
    }
}

/// A key to be read: a string, or what is made of one.
struct Key<'de>(&'de str);

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Variant<'de> {
    name: &'de str,
    /// None if only the name was given.
    value: Option<&'de Json>,
}

impl<'de> Variant<'de> {
    fn value(&self) -> Result<At<'de>, Fault> {
        let name = self.name;
        self.value.map(At).ok_or_else(|| {
            Fault(
                Error::new(ErrorKind::WrongType, format!("`{name}` needs a value"))
                    .help(format!("write {{{}: …}}", Json::from(name))),
            )
        })
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        match seed.deserialize(Key(self.name)) {
            Ok(value) => Ok((value, self)),
            Err(fault) => Err(if self.value.is_some() { fault.under(self.name) } else { fault }),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.value {
            None | Some(Json::Null) => Ok(()),
            Some(_) => Err(Fault::wrong_type(format!("`{}` takes no value", self.name)).under(self.name)),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.value()?).map_err(|fault| fault.under(self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Fault> {
        self.value()?.deserialize_tuple(length, visitor).map_err(|fault| fault.under(self.name))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.value()?.fields(visitor).map_err(|fault| fault.under(self.name))
    }
}

#[cfg(test)]
#[path = "de_tests.rs"]
mod tests;
