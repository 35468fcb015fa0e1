//! The canonical text of a value, straight from its tape: what [`canonical`](crate::data::canonical::canonical) gives
//! for the tree.
//!
//! Owns nothing of the form itself. Refuses nothing.

use smallvec::SmallVec;

use crate::data::json::quote;
use crate::data::number::write_canonical;
use crate::load::reader::plain_end;
use crate::load::tape::{Item, Kind};

/// Appends the RFC 8785 text of a value. Recursive: a value from the reader is no deeper than its limit.
pub(crate) fn write(out: &mut String, item: Item<'_>) {
    match item.kind() {
        Kind::Null => out.push_str("null"),
        Kind::False => out.push_str("false"),
        Kind::True => out.push_str("true"),
        Kind::Number => write_canonical(out, item.number().unwrap_or_default()),
        Kind::Given => write_string(out, item.text().unwrap_or_default(), true),
        Kind::Made => write_string(out, item.text().unwrap_or_default(), false),
        Kind::Array => {
            out.push('[');
            for (index, item) in item.elements().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(out, item);
            }
            out.push(']');
        }
        Kind::Object => {
            let mut members: SmallVec<[Member<'_>; 8]> = item.members().map(Member::from).collect();
            // The order of UTF-16 code units is that of bytes where there is only ASCII.
            if members.iter().all(|member| member.name.is_ascii()) {
                members.sort_unstable_by_key(|member| member.name);
            } else {
                members.sort_unstable_by(|left, right| left.name.encode_utf16().cmp(right.name.encode_utf16()));
            }
            out.push('{');
            for (index, Member { name, given, key }) in members.into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write_string(out, name, given);
                out.push(':');
                write(out, item.value_of(key));
            }
            out.push('}');
        }
    }
}

/// Appends a string as RFC 8785 writes it.
pub(crate) fn write_text(out: &mut String, text: &str) {
    write_string(out, text, plain_end(text.as_bytes(), 0) == text.len());
}

/// What needed no escape in its source needs none here.
fn write_string(out: &mut String, text: &str, plain: bool) {
    if plain {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        let written = quote(out, text, |_| false);
        debug_assert!(written.is_ok(), "writing to a string failed");
    }
}

struct Member<'t> {
    name: &'t str,
    given: bool,
    key: u32,
}

impl<'t> From<(Item<'t>, Item<'t>)> for Member<'t> {
    #[inline]
    fn from((key, _): (Item<'t>, Item<'t>)) -> Self {
        Self { name: key.text().unwrap_or_default(), given: key.kind() == Kind::Given, key: key.place() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::canonical::canonical;
    use crate::data::json::Json;
    use crate::limits::Limits;
    use crate::load::json::JsonLimits;
    use crate::load::tape::Tape;

    fn any_text() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            any::<bool>().prop_map(|bool| bool.to_string()),
            "-?(0|[1-9][0-9]{0,21})(\\.[0-9]{1,3})?(e[+-]?[0-9]{1,2})?",
            "[a\u{0}\"\\\\\u{7f}\u{e000}\u{10000}]{0,3}".prop_map(|text| serde_json::to_string(&text).unwrap()),
            Just(r#""\u0061\/\ud83d\ude00""#.to_owned()),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let key =
                "[ab\u{0}\"\u{7f}\u{e000}\u{ffff}\u{10000}]{0,2}".prop_map(|key| serde_json::to_string(&key).unwrap());
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
                (proptest::collection::btree_map(key, inner, 0..12), any::<bool>()).prop_map(|(fields, turned)| {
                    let mut fields: Vec<_> =
                        fields.into_iter().map(|(key, value)| format!("{key} : {value}")).collect();
                    if turned {
                        fields.reverse();
                    }
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..Default::default() })]

        #[test]
        fn it_is_the_canonical_text_of_the_tree(text in any_text()) {
            let json = Json::parse(text.as_bytes()).unwrap();
            let (mut tape, mut out) = (Tape::default(), String::new());
            write(&mut out, tape.read(text.as_bytes(), &JsonLimits::call(&Limits::default())).unwrap());
            prop_assert_eq!(&out, &canonical(&json));
            out.clear();
            write(&mut out, tape.build(&json));
            prop_assert_eq!(&out, &canonical(&json));
            out.clear();
            write_text(&mut out, &text);
            prop_assert_eq!(out, canonical(&Json::String(text)));
        }
    }
}
