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

impl Json {
    /// The member of that name, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(elements) = self { Some(elements) } else { None }
    }

    /// The name of the JSON kind: `null`, `boolean`, `number`, `string`, `array` or `object`.
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

/// A JSON number as it was written; equal by value. Stand-in: the real one replaces it on merge.
#[derive(Clone, Debug)]
pub struct Number {
    text: String,
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Number {
    /// Reads a number as RFC 8259 has it.
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?),
            None => (unsigned, 0_i64),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) || !numeric(whole) || !numeric(fraction) {
            return None;
        }
        let digits = format!("{whole}{fraction}");
        let kept = digits.trim_end_matches('0').trim_start_matches('0');
        let trailing = i64::try_from(digits.len().checked_sub(digits.trim_end_matches('0').len())?).ok()?;
        let exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(trailing)?;
        let zero = kept.is_empty();
        Some(Self {
            text: text.to_owned(),
            negative: !zero && text.starts_with('-'),
            digits: kept.to_owned(),
            exponent: if zero { 0 } else { exponent },
        })
    }

    /// The value, if it is a whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.scaled(0)
    }

    /// Ten thousand times the value, if that is a whole number that fits.
    pub fn as_decimal4(&self) -> Option<i64> {
        self.scaled(4)
    }

    /// The number as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn scaled(&self, places: i64) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        let shift = u32::try_from(self.exponent.checked_add(places)?).ok()?;
        let value = self.digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(shift)?)?;
        i64::try_from(if self.negative { value.checked_neg()? } else { value }).ok()
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        (self.negative, &self.digits, self.exponent) == (other.negative, &other.digits, other.exponent)
    }
}

impl Eq for Number {}
