//! What the structs of a format get, and what their authors are told.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct User {
    id: UserId,
    #[serde(default)]
    active: bool,
    until: Option<i64>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    level: u8,
    #[serde(default)]
    weight: f64,
    #[serde(default)]
    effect: Effect,
    #[serde(default)]
    attributes: BTreeMap<UserId, Json>,
    #[serde(default)]
    pair: Option<(u64, String)>,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct UserId(String);

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Effect {
    #[default]
    Allow,
    Deny,
    Only(Vec<UserId>),
    Limited {
        calls: u32,
    },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct File {
    users: BTreeMap<String, User>,
}

fn user(text: &str) -> Result<User, Error> {
    from_json(&Json::parse(text.as_bytes())?)
}

#[test]
fn a_struct_gets_its_fields() {
    let user = user(
        r#"{"id":"a","active":true,"until":1e3,"groups":["x","y"],"level":255.0,"weight":0.5,"effect":{"only":["b"]},
        "attributes":{"n":12.50,"s":{"t":[null,18446744073709551616]}},"pair":[18446744073709551615,"x"]}"#,
    )
    .unwrap();
    assert_eq!((user.id, user.active, user.until, user.level), (UserId("a".into()), true, Some(1000), 255));
    assert_eq!((user.groups, user.weight), (vec!["x".to_owned(), "y".to_owned()], 0.5));
    assert_eq!(user.effect, Effect::Only(vec![UserId("b".into())]));
    // Exactly as it was sent.
    assert_eq!(user.attributes[&UserId("n".into())].to_string(), "12.50");
    assert_eq!(user.attributes[&UserId("s".into())].to_string(), r#"{"t":[null,18446744073709551616]}"#);
    assert_eq!(user.pair, Some((u64::MAX, "x".to_owned())));
}

#[test]
fn null_and_absent_are_none() {
    for text in [r#"{"id":"a"}"#, r#"{"id":"a","until":null,"pair":null}"#] {
        assert_eq!((user(text).unwrap().until, user(text).unwrap().effect), (None, Effect::Allow));
    }
    for (text, effect) in [
        (r#""deny""#, Effect::Deny),
        (r#"{"deny":null}"#, Effect::Deny),
        (r#"{"limited":{"calls":3}}"#, Effect::Limited { calls: 3 }),
    ] {
        assert_eq!(user(&format!(r#"{{"id":"a","effect":{text}}}"#)).unwrap().effect, effect);
    }
}

/// The rest of a user with the id `a`; code, pointer, message with help.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        r#""activ":true"#,
        "unknown_field",
        "/activ",
        "`activ` is not a field here (known fields: `id`, `active`, `until`, `groups`, `level`, `weight`, `effect`, \
         `attributes`, `pair`)",
    ),
    (r#""active":1"#, "wrong_type", "/active", "expected true or false, found a number"),
    (r#""active":"true""#, "wrong_type", "/active", "expected true or false, found a string"),
    (r#""active":null"#, "wrong_type", "/active", "expected true or false, found null"),
    (r#""until":"1""#, "wrong_type", "/until", "expected a whole number, found a string"),
    (
        r#""until":1.5"#,
        "wrong_type",
        "/until",
        "expected a whole number from -9223372036854775808 to 9223372036854775807, found `1.5`",
    ),
    (r#""level":256"#, "wrong_type", "/level", "expected a whole number from 0 to 255, found `256`"),
    (r#""level":-1"#, "wrong_type", "/level", "expected a whole number from 0 to 255, found `-1`"),
    (r#""level":1e99"#, "wrong_type", "/level", "expected a whole number from 0 to 255, found `1e99`"),
    (r#""weight":1e999"#, "wrong_type", "/weight", "the number `1e999` is too big"),
    (r#""groups":"x""#, "wrong_type", "/groups", "expected an array, found a string"),
    (r#""groups":["x",{}]"#, "wrong_type", "/groups/1", "expected a string, found an object"),
    (r#""groups":{"0":"x"}"#, "wrong_type", "/groups", "expected an array, found an object"),
    (r#""attributes":[]"#, "wrong_type", "/attributes", "expected an object, found an array"),
    (r#""pair":[1]"#, "wrong_type", "/pair", "expected an array of 2 items, found 1"),
    (r#""pair":[1,"x",2]"#, "wrong_type", "/pair", "expected an array of 2 items, found 3"),
    (r#""pair":[1,2]"#, "wrong_type", "/pair/1", "expected a string, found a number"),
    (
        r#""effect":"permit""#,
        "invalid_value",
        "/effect",
        "`permit` is not a value here (known values: `allow`, `deny`, `only`, `limited`)",
    ),
    (
        r#""effect":{"pe/rmit":1}"#,
        "invalid_value",
        "/effect/pe~1rmit",
        "`pe/rmit` is not a value here (known values: `allow`, `deny`, `only`, `limited`)",
    ),
    (r#""effect":1"#, "wrong_type", "/effect", "expected one of `allow`, `deny`, `only`, `limited`, found a number"),
    (r#""effect":{}"#, "wrong_type", "/effect", "expected one field of `allow`, `deny`, `only`, `limited`"),
    (r#""effect":{"deny":1}"#, "wrong_type", "/effect/deny", "`deny` takes no value"),
    (r#""effect":"only""#, "wrong_type", "/effect", "`only` needs a value (write {\"only\": …})"),
    (r#""effect":{"only":["a",1]}"#, "wrong_type", "/effect/only/1", "expected a string, found a number"),
    (r#""effect":{"limited":{}}"#, "wrong_type", "/effect/limited", "`calls` is missing"),
];

#[test]
fn people_are_told_what_is_wrong_and_where() {
    for (rest, code, pointer, message) in REFUSED {
        // At the top, and inside of another object.
        let text = format!(r#"{{"id":"a",{rest}}}"#);
        let error = user(&text).unwrap_err();
        assert_eq!((error.code(), error.pointer()), (*code, Some(*pointer)), "{text} {error}");
        assert_eq!(error.to_string(), format!("at `{pointer}`: {message}"));
        let inside = format!(r#"{{"users":{{"b":{{"id":"b"}},"x~y":{text}}}}}"#);
        let error = from_json::<File>(&Json::parse(inside.as_bytes()).unwrap()).unwrap_err();
        assert_eq!(error.pointer(), Some(format!("/users/x~0y{pointer}").as_str()));
    }
    let error = user("{}").unwrap_err();
    assert_eq!((error.code(), error.pointer(), error.message()), ("wrong_type", Some(""), "`id` is missing"));
    let error = user("[]").unwrap_err();
    assert_eq!((error.code(), error.pointer()), ("wrong_type", Some("")));
}

#[test]
fn messages_carry_no_control_characters_and_no_long_text() {
    let error = user(&format!(r#"{{"id":"a","\u001b[31m{}":1}}"#, "x".repeat(10_000))).unwrap_err();
    assert!(error.message().len() < 200 && error.message().starts_with("`\\u001b[31mxx"), "{}", error.message());
}

#[test]
fn json_is_read_from_other_formats_too() {
    let json: Json = serde_json::from_str(r#"{"a":[1,-2,1.5,null,true,"x",18446744073709551615]}"#).unwrap();
    assert_eq!(json.to_string(), r#"{"a":[1,-2,1.5,null,true,"x",18446744073709551615]}"#);
    assert!(serde_json::from_str::<Json>(r#"{"a":1,"a":2}"#).is_err());
}

#[test]
fn toml_is_read_alike() {
    let text = "[users.b]\nid = \"b\"\nuntil = 0x10\neffect.limited.calls = 1_000\nattributes.n = 12.50\n\
                attributes.d = 2026-01-02T03:04:05Z\nweight = +5e-1\n";
    let file: File = from_toml(text).unwrap();
    let user = &file.users["b"];
    assert_eq!((user.until, user.weight), (Some(16), 0.5));
    assert_eq!(user.effect, Effect::Limited { calls: 1000 });
    assert_eq!(user.attributes[&UserId("n".into())].to_string(), "12.50");
    assert_eq!(user.attributes[&UserId("d".into())].as_str(), Some("2026-01-02T03:04:05Z"));
}

#[test]
fn errors_in_toml_have_their_place() {
    for (text, code, pointer, place) in [
        ("[users\n", "toml_syntax", None, (1, 7)),
        ("a = 1\na = 2\n", "toml_syntax", None, (2, 1)),
        ("users = 1 2\n", "toml_syntax", None, (1, 9)),
        ("[users.b]\nid = 1\n", "wrong_type", Some("/users/b/id"), (2, 6)),
        ("[users.b]\nid = \"b\"\nactiv = true\n", "unknown_field", Some("/users/b/activ"), (3, 1)),
        ("[users.b]\nactive = true\n", "wrong_type", Some("/users/b"), (1, 1)),
        ("[users.b]\nid = \"b\"\ngroups = [\n\"é\", 2]\n", "wrong_type", Some("/users/b/groups/1"), (4, 6)),
        ("[users.b]\nid = \"b\"\nweight = inf\n", "wrong_type", None, (3, 10)),
        ("[users.b]\nid = \"b\"\nweight = -nan\n", "wrong_type", None, (3, 10)),
        ("[user]\n", "unknown_field", Some("/user"), (1, 2)),
    ] {
        let error = from_toml::<File>(text).unwrap_err();
        let span = error.span().unwrap();
        assert_eq!((error.code(), error.pointer(), (span.line, span.column)), (code, pointer, place), "{text} {error}");
    }
}
