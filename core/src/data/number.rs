//! Numbers as they were sent.
//!
//! Owns the grammar of a number, its exact value and its one text. Refuses to round: a number is an integer or a
//! four-place decimal exactly, or not at all.

use std::borrow::Cow;
use std::fmt;

use serde::ser::{Error as _, Serialize, Serializer};

/// A JSON number of any size and precision. Two are equal if they denote the same decimal value: `1`, `1.0`, `10e-1`.
///
/// ```
/// use toolgate::Number;
/// let third = Number::parse("1e3").unwrap();
/// assert_eq!(third, Number::from(1000_i64));
/// assert_eq!((third.as_str(), third.as_i64()), ("1e3", Some(1000)));
/// assert_eq!(Number::parse("01"), None);
/// ```
#[derive(Clone)]
pub struct Number {
    text: Box<str>,
}

impl Number {
    /// Reads a number as RFC 8259 writes it: no sign `+`, no leading zero, no bare point.
    pub fn parse(text: &str) -> Option<Self> {
        (number_prefix(text.as_bytes()) == Ok(text.len())).then(|| Self { text: text.into() })
    }

    /// The text as it was sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value, if it is exactly an integer of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        to_i64(&self.text)
    }

    /// The value, if it is exactly an unsigned integer of 64 bits.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        to_u64(&self.text)
    }

    /// Ten thousand times the value, if that is exactly an integer of 64 bits: the value as a Cedar `decimal`.
    pub(crate) fn as_decimal4(&self) -> Option<i64> {
        to_decimal4(&self.text)
    }

    /// The nearest double, if a finite one is near.
    pub(crate) fn to_f64(&self) -> Option<f64> {
        let decimal = self.decimal();
        // Normalised first: the standard parser saturates long exponents before it counts the digits.
        let value: f64 = match &decimal.exponent {
            Exponent::Small(exponent) => format!("{}0{}e{exponent}", decimal.sign(), decimal.digits).parse().ok()?,
            Exponent::Big(text) if text.starts_with('-') => 0.0,
            Exponent::Big(_) => return None,
        };
        value.is_finite().then_some(value)
    }

    /// The one text of this value, as long as the spelling plus a constant. Equal values have equal texts, and since
    /// each text denotes its value exactly, different values have different texts.
    ///
    /// The layout is that of ECMAScript with as many digits as the value has; see
    /// [`canonical`](crate::data::canonical::canonical).
    pub(crate) fn canonical(&self) -> String {
        self.decimal().layout()
    }

    fn decimal(&self) -> Decimal<'_> {
        Decimal::read(&self.text)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self { text: value.to_string().into() }
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self { text: value.to_string().into() }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.decimal() == other.decimal()
    }
}

impl Eq for Number {}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// As [`Json`](crate::Json) does.
impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(value) = self.as_i64() {
            serializer.serialize_i64(value)
        } else if let Some(value) = self.as_u64() {
            serializer.serialize_u64(value)
        } else if let Some(value) = self.to_f64() {
            serializer.serialize_f64(value)
        } else {
            Err(S::Error::custom(format_args!("the number `{self}` is too big for a double")))
        }
    }
}

/// How many bytes of `text` are a number, at its start; if none is, where it goes wrong.
pub(crate) fn number_prefix(text: &[u8]) -> Result<usize, usize> {
    let digits = |at: usize| -> Result<usize, usize> {
        let run = text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if run == 0 { Err(at) } else { Ok(at.saturating_add(run)) }
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let leading_zero = text.get(at) == Some(&b'0');
    let integer_end = digits(at)?;
    if leading_zero && integer_end != at.saturating_add(1) {
        return Err(at);
    }
    at = integer_end;
    if text.get(at) == Some(&b'.') {
        at = digits(at.saturating_add(1))?;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at.saturating_add(1)), Some(b'+' | b'-')));
        at = digits(at.saturating_add(1).saturating_add(sign))?;
    }
    Ok(at)
}

/// [`Number::as_i64`] of a text that is known to be a number.
pub(crate) fn to_i64(text: &str) -> Option<i64> {
    // Most are plain integers.
    text.parse().ok().or_else(|| i64::try_from(scaled(text, 0)?).ok())
}

/// [`Number::as_u64`] of a text that is known to be a number.
pub(crate) fn to_u64(text: &str) -> Option<u64> {
    u64::try_from(scaled(text, 0)?).ok()
}

/// [`Number::as_decimal4`] of a text that is known to be a number.
pub(crate) fn to_decimal4(text: &str) -> Option<i64> {
    i64::try_from(scaled(text, 4)?).ok()
}

/// Writes [`Number::canonical`] of a text that is known to be a number.
pub(crate) fn write_canonical(out: &mut String, text: &str) {
    if is_canonical(text) {
        out.push_str(text);
    } else {
        out.push_str(&Decimal::read(text).layout());
    }
}

/// Whether a number is surely its own canonical text: at most 20 digits, no exponent, no zero that could be left out,
/// and no point that ECMAScript would put elsewhere.
fn is_canonical(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let (integer, fraction) = match unsigned.split_once('.') {
        Some((integer, fraction)) => (integer.as_bytes(), Some(fraction.as_bytes())),
        None => (unsigned.as_bytes(), None),
    };
    let whole = match (integer, fraction) {
        (b"0", None) => return unsigned.len() == text.len(),
        (b"0", Some([b'1'..=b'9', ..])) => true,
        (b"0", _) => false,
        _ => digits(integer),
    };
    whole
        && unsigned.len() <= 20
        && fraction.is_none_or(|part| digits(part) && !matches!(part.last(), None | Some(b'0')))
}

/// The value times `10^places`, if that is exactly an integer of at most 20 digits. The text is known to be a number.
fn scaled(text: &str, places: i64) -> Option<i128> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let negative = unsigned.len() < text.len();
    // The digits that matter, without the zeros that may follow; how many of them stand behind the point.
    let (mut value, mut count, mut zeros, mut behind) = (0i128, 0i64, 0i64, 0i64);
    let (mut point, mut exponent) = (false, None);
    for (at, byte) in unsigned.bytes().enumerate() {
        match byte {
            b'.' => point = true,
            b'e' | b'E' => {
                exponent = unsigned.get(at.saturating_add(1)..);
                break;
            }
            b'0' => {
                zeros = zeros.saturating_add(i64::from(count > 0));
                behind = behind.saturating_add(i64::from(point));
            }
            _ => {
                count = count.saturating_add(zeros).saturating_add(1);
                // No integer of 64 bits has more digits.
                if count > 20 {
                    return None;
                }
                value = value.saturating_mul(power(zeros.saturating_add(1))).saturating_add(i128::from(byte & 15));
                zeros = 0;
                behind = behind.saturating_add(i64::from(point));
            }
        }
    }
    if value == 0 {
        return Some(0);
    }
    let exponent: i64 = match exponent {
        // one too long for 64 bits is out of reach
        Some(exponent) => exponent.parse().ok()?,
        None => 0,
    };
    let zeros = exponent.checked_add(zeros.saturating_sub(behind))?.checked_add(places)?;
    if zeros < 0 || count.saturating_add(zeros) > 20 {
        return None;
    }
    let value = value.saturating_mul(power(zeros));
    Some(if negative { value.saturating_neg() } else { value })
}

/// A power of ten with a small exponent.
fn power(exponent: i64) -> i128 {
    10i128.saturating_pow(u32::try_from(exponent).unwrap_or(0))
}

/// A number in the one way: `digits × 10^exponent` without leading or trailing zeros; zero has no digits and no sign.
#[derive(PartialEq, Eq)]
struct Decimal<'a> {
    negative: bool,
    digits: Cow<'a, str>,
    exponent: Exponent,
}

impl<'a> Decimal<'a> {
    /// Reads a text that is known to be a number. Linear in its length, however big the exponent.
    fn read(text: &'a str) -> Self {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = if fraction.is_empty() { Cow::Borrowed(integer) } else { Cow::Owned(format!("{integer}{fraction}")) };
        let digits = match all {
            Cow::Borrowed(all) => Cow::Borrowed(all.trim_matches('0')),
            Cow::Owned(ref all) => Cow::Owned(all.trim_matches('0').to_owned()),
        };
        if digits.is_empty() {
            return Self { negative: false, digits, exponent: Exponent::Small(0) };
        }
        let dropped = all.len().saturating_sub(all.trim_end_matches('0').len());
        let shift = length(dropped).saturating_sub(length(fraction.len()));
        Self { negative: text.starts_with('-'), digits, exponent: Exponent::read(exponent).plus(shift) }
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    /// ECMA-262 `Number::toString` with all the digits.
    fn layout(&self) -> String {
        let (sign, digits) = (self.sign(), &self.digits);
        let count = length(digits.len());
        if count == 0 {
            return "0".to_owned();
        }
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        let split = |at: i64| digits.split_at_checked(usize::try_from(at).unwrap_or(0)).unwrap_or((digits, ""));
        let scientific = self.exponent.plus(count.saturating_sub(1));
        if let Exponent::Small(scientific @ -7..=20) = scientific {
            // Where the point goes, counted from the first digit.
            let point = scientific.saturating_add(1);
            if point >= count {
                return format!("{sign}{digits}{}", zeros(point.saturating_sub(count)));
            } else if point > 0 {
                let (integer, fraction) = split(point);
                return format!("{sign}{integer}.{fraction}");
            } else if point > -6 {
                return format!("{sign}0.{}{digits}", zeros(point.saturating_neg()));
            }
        }
        let (first, rest) = split(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent = scientific.text();
        let plus = if exponent.starts_with('-') { "" } else { "+" };
        format!("{sign}{first}{point}{rest}e{plus}{exponent}")
    }
}

/// An exponent of any size. `Big` is the plain decimal text of one that does not fit, so equal means equal.
#[derive(PartialEq, Eq)]
enum Exponent {
    Small(i64),
    Big(String),
}

impl Exponent {
    fn read(text: &str) -> Self {
        let digits = text.trim_start_matches(['+', '-']).trim_start_matches('0');
        let sign = if text.starts_with('-') && !digits.is_empty() { "-" } else { "" };
        let text = format!("{sign}{}", if digits.is_empty() { "0" } else { digits });
        text.parse().map_or(Self::Big(text), Self::Small)
    }

    /// The sum with a small number, which is at most the length of some text.
    fn plus(&self, small: i64) -> Self {
        match self {
            Self::Small(value) => match value.checked_add(small) {
                Some(sum) => Self::Small(sum),
                None => Self::read(&i128::from(*value).saturating_add(i128::from(small)).to_string()),
            },
            Self::Big(text) => {
                let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
                let mut carry = i128::from(if sign.is_empty() { small } else { small.saturating_neg() });
                // From the last digit on; a negative carry borrows. The text has more digits than any `small`.
                let mut sum: Vec<char> = Vec::with_capacity(digits.len().saturating_add(1));
                for digit in digits.chars().rev().filter_map(|char| char.to_digit(10)) {
                    let place = carry.saturating_add(i128::from(digit));
                    sum.extend(u32::try_from(place.rem_euclid(10)).ok().and_then(|digit| char::from_digit(digit, 10)));
                    carry = place.div_euclid(10);
                }
                let carry = if carry == 0 { String::new() } else { carry.to_string() };
                Self::read(&format!("{sign}{carry}{}", sum.into_iter().rev().collect::<String>()))
            }
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Small(value) => value.to_string(),
            Self::Big(text) => text.clone(),
        }
    }
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    use proptest::prelude::*;

    const MAX: i64 = i64::MAX;

    /// Spelling; as an integer; as ten-thousandths; canonical text.
    const NUMBERS: &[(&str, Option<i64>, Option<i64>, &str)] = &[
        ("0", Some(0), Some(0), "0"),
        ("-0", Some(0), Some(0), "0"),
        ("0.0", Some(0), Some(0), "0"),
        ("-0.000e5", Some(0), Some(0), "0"),
        ("0e999999999999999999999", Some(0), Some(0), "0"),
        ("0e-999999999999999999999", Some(0), Some(0), "0"),
        ("1", Some(1), Some(10_000), "1"),
        ("-1", Some(-1), Some(-10_000), "-1"),
        ("1.0", Some(1), Some(10_000), "1"),
        ("1e0", Some(1), Some(10_000), "1"),
        ("1E+0", Some(1), Some(10_000), "1"),
        ("1e-0", Some(1), Some(10_000), "1"),
        ("10e-1", Some(1), Some(10_000), "1"),
        ("0.1e1", Some(1), Some(10_000), "1"),
        ("1e3", Some(1000), Some(10_000_000), "1000"),
        ("1e00000000000000000000000000000000000000003", Some(1000), Some(10_000_000), "1000"),
        ("1.5", None, Some(15_000), "1.5"),
        ("-1.5", None, Some(-15_000), "-1.5"),
        ("0.1", None, Some(1_000), "0.1"),
        ("0.0001", None, Some(1), "0.0001"),
        ("1e-4", None, Some(1), "0.0001"),
        ("0.00010", None, Some(1), "0.0001"),
        ("0.00001", None, None, "0.00001"),
        ("0.000001", None, None, "0.000001"),
        ("0.0000001", None, None, "1e-7"),
        ("12.3456", None, Some(123_456), "12.3456"),
        ("12.34567", None, None, "12.34567"),
        ("100", Some(100), Some(1_000_000), "100"),
        ("9007199254740992", Some(9_007_199_254_740_992), None, "9007199254740992"),
        ("9007199254740993", Some(9_007_199_254_740_993), None, "9007199254740993"),
        ("9223372036854775807", Some(MAX), None, "9223372036854775807"),
        ("9223372036854775807.0", Some(MAX), None, "9223372036854775807"),
        ("9223372036854775808", None, None, "9223372036854775808"),
        ("-9223372036854775808", Some(i64::MIN), None, "-9223372036854775808"),
        ("-9.223372036854775808e18", Some(i64::MIN), None, "-9223372036854775808"),
        ("-9223372036854775809", None, None, "-9223372036854775809"),
        ("922337203685477.5807", None, Some(MAX), "922337203685477.5807"),
        ("922337203685477.5808", None, None, "922337203685477.5808"),
        ("-922337203685477.5808", None, Some(i64::MIN), "-922337203685477.5808"),
        ("18446744073709551615", None, None, "18446744073709551615"),
        ("0.10000000000000000001", None, None, "0.10000000000000000001"),
        ("1e20", None, None, "100000000000000000000"),
        ("1e21", None, None, "1e+21"),
        ("1e400", None, None, "1e+400"),
        ("1e999999999", None, None, "1e+999999999"),
        ("1e9223372036854775807", None, None, "1e+9223372036854775807"),
        ("10e9223372036854775807", None, None, "1e+9223372036854775808"),
        ("0.1e9223372036854775808", None, None, "1e+9223372036854775807"),
        ("0.1e-9223372036854775808", None, None, "1e-9223372036854775809"),
    ];

    #[test]
    fn number_table() {
        for (text, integer, decimal, canonical) in NUMBERS {
            let number = Number::parse(text).unwrap();
            assert_eq!(number.as_str(), *text);
            assert_eq!(number.as_i64(), *integer, "{text}");
            assert_eq!(number.as_decimal4(), *decimal, "{text}");
            assert_eq!(number.canonical(), *canonical, "{text}");
            assert_eq!(number, Number::parse(canonical).unwrap());
        }
        for (left, .., left_form) in NUMBERS {
            for (right, .., right_form) in NUMBERS {
                assert_eq!(Number::parse(left) == Number::parse(right), left_form == right_form, "{left} {right}");
            }
        }
        assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Number::parse("1.8446744073709551615e19").unwrap().as_u64(), Some(u64::MAX));
        assert_eq!(Number::parse("18446744073709551616").unwrap().as_u64(), None);
        assert_eq!(Number::parse("-1").unwrap().as_u64(), None);
        assert_eq!(Number::parse("-0.0").unwrap().to_f64(), Some(0.0));
    }

    #[test]
    fn only_the_grammar_is_a_number() {
        for text in [
            "",
            "-",
            "+1",
            "01",
            "-01",
            "00",
            ".1",
            "1.",
            "1.e1",
            "1e",
            "1e+",
            "1e-",
            "0x1",
            "1_0",
            " 1",
            "1 ",
            "NaN",
            "Infinity",
            "-Infinity",
            "--1",
            "1.2.3",
            "1e1.5",
            "１",
            "1e1e1",
            "0e",
            "1,0",
        ] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn huge_numbers_cost_their_length() {
        let long = "9".repeat(1_000_000);
        for text in [
            format!("1e{long}"),
            format!("1e-{long}"),
            format!("0.{}1e1000001", "0".repeat(1_000_000)),
            format!("{long}.{long}e-{long}"),
        ] {
            let number = Number::parse(&text).unwrap();
            assert!(number.canonical().len() < text.len() + 24);
            assert_eq!(number.as_i64().is_some(), text.starts_with("0.0"));
            assert_eq!(number, Number::parse(&number.canonical()).unwrap());
            assert_eq!(number.to_f64().is_none(), text.starts_with("1e9"), "{text:.9}");
        }
    }

    /// By way of the digits as text: the value times `10^places`, if exactly a `T`.
    fn slowly<T: std::str::FromStr>(text: &str, places: i64) -> Option<T> {
        let decimal = Decimal::read(text);
        let Exponent::Small(exponent) = decimal.exponent else { return None };
        let zeros = usize::try_from(exponent.checked_add(places)?).ok()?;
        // No integer of 64 bits has more digits.
        if decimal.digits.len().saturating_add(zeros) > 20 && !decimal.digits.is_empty() {
            return None;
        }
        let zeros = if decimal.digits.is_empty() { 1 } else { zeros };
        format!("{}{}{}", decimal.sign(), decimal.digits, "0".repeat(zeros)).parse().ok()
    }

    /// Spellings around every bound: many zeros, long digits, exponents beyond 64 bits.
    fn spelling() -> impl Strategy<Value = String> {
        let integer =
            prop_oneof!["0", "[1-9][0-9]{0,3}", "[1-9]0{0,22}", "[1-9][0-9]{16,21}", "92233720368547758(0[6-9]|1)"];
        let fraction = prop_oneof!["", "\\.0{1,6}", "\\.[0-9]{1,5}0{0,3}", "\\.0{0,20}[0-9]{1,3}"];
        let exponent = prop_oneof![
            3 => "",
            3 => "[eE][+-]?0{0,2}[0-9]{1,2}",
            1 => "e-?92233720368547758(0[678]|10)",
            1 => "e[+-]?[1-9][0-9]{19,22}",
        ];
        ("-?", integer, fraction, exponent).prop_map(|(sign, i, f, e)| format!("{sign}{i}{f}{e}"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn quick_ways_agree_with_slow_ones(text in spelling()) {
            let number = Number::parse(&text).unwrap();
            prop_assert_eq!(to_i64(&text), slowly::<i64>(&text, 0), "{}", text);
            prop_assert_eq!(to_decimal4(&text), slowly::<i64>(&text, 4), "{}", text);
            prop_assert_eq!(number.as_u64(), slowly::<u64>(&text, 0), "{}", text);
            let mut out = String::new();
            write_canonical(&mut out, &text);
            prop_assert_eq!(out, number.canonical(), "{}", text);
        }
    }
}
