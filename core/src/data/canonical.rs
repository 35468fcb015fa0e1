//! The canonical text of a value (RFC 8785) and its digest: what an approval or a record binds to.
//!
//! Owns the order of keys, the escapes and the form of numbers. Refuses nothing: every [`Json`] has one form.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::data::json::{Json, quote};

/// The JSON Canonicalization Scheme of RFC 8785, extended to numbers that a double cannot hold.
///
/// RFC 8785 writes a number as ECMAScript prints the nearest double: the fewest digits that name the double, laid out
/// as `123`, `0.00123` or `1.23e+30`. Where those digits denote exactly the number that was sent, that is its form
/// here. Where they do not (9007199254740993, 2^63 - 1, 0.10000000000000000001, 1e400) RFC 8785 would round, and two
/// different calls would share one digest; such a number has all its digits here, in the same layout.
///
/// Both are one rule: every number is laid out with exactly the digits it has. So each text denotes its value
/// exactly (different values, different texts), and it depends on nothing but the value (equal values, one text).
/// It is longer than what was sent by no more than the 21 zeros that the layout may insert.
///
/// Recursive: a value from the reader is no deeper than its limit.
pub(crate) fn canonical(json: &Json) -> String {
    let mut out = String::new();
    write(&mut out, json);
    out
}

/// `sha256:` and the lower hex of SHA-256 over the [`canonical`] text: equal digests, equal values.
pub(crate) fn digest(json: &Json) -> String {
    written(Sha256::new_with_prefix(canonical(json)))
}

/// A SHA-256 as it is written everywhere.
pub(crate) fn written(hash: Sha256) -> String {
    Written::new(hash).as_str().to_owned()
}

/// `sha256:` and lower hex, without an allocation.
pub(crate) struct Written([u8; 71]);

impl Written {
    pub(crate) fn new(hash: Sha256) -> Self {
        let digit = |half: u8| half.wrapping_add(if half < 10 { b'0' } else { b'a' - 10 });
        let mut all = [0; 71];
        if let Some((prefix, hex)) = all.split_first_chunk_mut::<7>() {
            *prefix = *b"sha256:";
            for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(hash.finalize()) {
                *pair = [digit(byte >> 4), digit(byte & 15)];
            }
        }
        Self(all)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn write(out: &mut String, json: &Json) {
    match json {
        Json::Null | Json::Bool(_) => infallible(write!(out, "{json}")),
        Json::Number(number) => out.push_str(&number.canonical()),
        Json::String(text) => string(out, text),
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(out, item);
            }
            out.push(']');
        }
        Json::Object(fields) => {
            // UTF-16 order differs from that of the map (UTF-8) where U+E000 to U+FFFF meet U+10000 and above.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
            out.push('{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                string(out, key);
                out.push(':');
                write(out, value);
            }
            out.push('}');
        }
    }
}

fn string(out: &mut String, text: &str) {
    infallible(quote(out, text, |_| false));
}

/// Writing to a `String` cannot fail.
fn infallible(result: std::fmt::Result) {
    debug_assert!(result.is_ok(), "writing to a string failed");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::data::json::Number;

    fn number(text: &str) -> String {
        canonical(&Json::Number(Number::parse(text).unwrap()))
    }

    /// RFC 8785 appendix B: doubles by their bits, and their form.
    #[test]
    fn appendix_b() {
        for (bits, form) in [
            (0x0000_0000_0000_0000_u64, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let double = f64::from_bits(bits);
            assert_eq!(ryu_js::Buffer::new().format(double), form, "{bits:x}");
            assert_eq!(number(form), form);
        }
    }

    #[test]
    fn beyond_doubles_every_digit_is_kept() {
        for (text, form) in [
            ("9007199254740993", "9007199254740993"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808.000", "-9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.10000000000000000001", "0.10000000000000000001"),
            ("0.1000", "0.1"),
            ("1e400", "1e+400"),
            ("10e399", "1e+400"),
            ("-12.5E-400", "-1.25e-399"),
            ("0e999999999999999999999", "0"),
            ("1e999999999999999999999", "1e+999999999999999999999"),
            ("10e999999999999999999999", "1e+1000000000000000000000"),
            ("0.001e1000000000000000000000000000000000000000001", "1e+999999999999999999999999999999999999999998"),
            ("100e-1000000000000000000000000000000000000000001", "1e-999999999999999999999999999999999999999999"),
            ("1234567890123456789012", "1.234567890123456789012e+21"),
        ] {
            assert_eq!(number(text), form);
        }
    }

    #[test]
    fn keys_are_in_utf16_order_and_escapes_are_those_of_rfc_8785() {
        // The example of RFC 8785 section 3.2.3, and of 3.2.2.
        let json = Json::parse(
            br#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
            "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .unwrap();
        let text = canonical(&json);
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| text.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{text}");
        let json =
            Json::parse(br#"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#);
        assert_eq!(
            canonical(&json.unwrap()),
            "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
    }

    #[test]
    fn digest_is_that_of_the_canonical_text() {
        // printf '{"a":1}' | sha256sum
        let expected = "sha256:015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
        for text in [r#"{"a":1}"#, r#"{ "\u0061" : 1.0 }"#, r#"{"a":10e-1}"#] {
            assert_eq!(digest(&Json::parse(text.as_bytes()).unwrap()), expected);
        }
        assert_ne!(digest(&Json::parse(br#"{"a":"1"}"#).unwrap()), expected);
    }

    /// Few digits and exponents, so that equal values are common.
    fn spelling() -> impl Strategy<Value = String> {
        ("-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3}0{0,3})?", proptest::option::of(-6..6_i32))
            .prop_map(|(mantissa, exponent)| mantissa + &exponent.map(|e| format!("e{e}")).unwrap_or_default())
    }

    /// The value times 10^12, by schoolbook.
    fn naive(text: &str) -> i128 {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: i128 = format!("{integer}{fraction}").parse().unwrap();
        let power = exponent.parse::<i32>().unwrap().saturating_add(12).saturating_sub(fraction.len() as i32);
        digits.saturating_mul(10_i128.pow(power.try_into().unwrap()))
    }

    fn divided(value: i128, by: i128) -> Option<i128> {
        (value.checked_rem(by) == Some(0)).then(|| value.checked_div(by))?
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            "-?(0|[1-9][0-9]{0,2})".prop_map(|text| Json::Number(Number::parse(&text).unwrap())),
            "[a\u{0}\"\\\\\u{e000}\u{10000}]{0,2}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                proptest::collection::btree_map("[ab\u{e000}\u{10000}]{0,1}", inner, 0..3)
                    .prop_map(|fields: BTreeMap<_, _>| Json::from(fields)),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn equal_values_and_only_they_have_equal_texts(left in spelling(), right in spelling()) {
            let equal = naive(&left) == naive(&right);
            prop_assert_eq!(number(&left) == number(&right), equal);
            prop_assert_eq!(Number::parse(&left) == Number::parse(&right), equal);
            prop_assert_eq!(naive(&left), naive(&number(&left).replace("e+", "e")));
            let left_number = Number::parse(&left).unwrap();
            prop_assert_eq!(left_number.as_i64().map(i128::from), divided(naive(&left), 10_i128.pow(12)));
            prop_assert_eq!(left_number.as_decimal4().map(i128::from), divided(naive(&left), 10_i128.pow(8)));
        }

        #[test]
        fn doubles_are_written_as_ecmascript_writes_them(bits in any::<u64>()) {
            let double = f64::from_bits(bits);
            if double.is_finite() {
                let mut buffer = ryu_js::Buffer::new();
                let shortest = buffer.format(double);
                prop_assert_eq!(&number(shortest), shortest);
                prop_assert_eq!(Number::parse(shortest).unwrap().to_f64(), Some(double));
            }
        }

        #[test]
        fn equal_json_and_only_it_has_equal_digests(left in any_json(), right in any_json()) {
            prop_assert_eq!(left == right, digest(&left) == digest(&right));
            let again = Json::parse(canonical(&left).as_bytes()).unwrap();
            prop_assert_eq!(&again, &left);
            prop_assert_eq!(digest(&again), digest(&left));
        }
    }
}
