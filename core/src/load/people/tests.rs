use proptest::prelude::*;

use super::*;
use crate::data::snapshot::{Grant, Granted, Holder as PlainHolder, User};
use crate::load::people::plain::{Gives, To, plain_length};

fn json_limits() -> JsonLimits {
    JsonLimits::snapshot(&Limits::default())
}

/// What the slow way makes of a line that the scanner took, next to what the scanner made of it.
fn both(bytes: &[u8], limits: &JsonLimits) -> Option<(Item, Item)> {
    let mut scanner = Scanner::new(bytes, limits);
    let (plain, next) = scanner.line(0)?;
    assert_eq!(next, bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at.saturating_add(1)));
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    let fast = match plain {
        Plain::User { id, active, manager } => Item::User(User {
            id: id.into(),
            active,
            manager: manager.map(str::to_owned),
            groups: texts(&scanner.groups),
            entitlements: texts(&scanner.entitlements),
        }),
        Plain::Grant { id, to, what, from, until } => Item::Grant(Grant {
            id: id.into(),
            to: match to {
                To::User(user) => PlainHolder::User(user.into()),
                To::UserClient(user, client) => PlainHolder::UserClient { user: user.into(), client: client.into() },
                To::Group(group) => PlainHolder::Group(group.into()),
                To::ServicePrincipal(id) => PlainHolder::ServicePrincipal(id.into()),
            },
            what: match what {
                Gives::Entitlement(id) => Granted::Entitlement(id.into()),
                Gives::Profile(id) => Granted::Profile(id.into()),
            },
            from,
            until,
        }),
    };
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let slow = snapshot::line(line, limits, &mut Once::default()).unwrap_or_else(|error| panic!("{error}: {text}"));
    Some((fast, slow))
}

fn same(fast: &Item, slow: &Item) -> bool {
    match (fast, slow) {
        (Item::User(fast), Item::User(slow)) => fast == slow,
        (Item::Grant(fast), Item::Grant(slow)) => fast == slow,
        _ => false,
    }
}

#[test]
fn usual_lines_are_taken_and_others_left() {
    for (line, taken) in [
        (r#"{"kind":"grant","id":"g1","to":{"user":"u1"},"entitlement":"e"}"#, true),
        (
            r#"{"kind":"grant","id":"g1","to":{"user":"u1","client":"c"},"profile":"p","until":"2026-12-01T00:00:00Z"}"#,
            true,
        ),
        (
            r#" { "id" : "g1" , "kind":"grant", "to": {"group":"é"}, "entitlement":"e", "from": "2026-12-01T00:00:00.5+01:00"}	"#,
            true,
        ),
        (r#"{"kind":"user","id":"u1","active":true,"manager":"u2","groups":["a","b"],"entitlements":[]}"#, true),
        (r#"{"active":false,"kind":"user","id":""}"#, true),
        (r#"{"kind":"user","id":"u1"}"#, false),
        (r#"{"kind":"user","id":"u1","active":true,"manager":null}"#, false),
        (r#"{"kind":"user","id":"u1","active":true,"active":true}"#, false),
        (r#"{"kind":"user","id":"u\u0031","active":true}"#, false),
        (r#"{"kind":"user","id":"u1","active":true,"to":{"user":"u1"}}"#, false),
        (r#"{"kind":"user","id":"u1","active":true} {}"#, false),
        (r#"{"kind":"user","id":"u1","active":trueish}"#, false),
        (r#"{"kind":"user","id":"u1","active":true,"groups":["a",]}"#, false),
        (r#"{"kind":"grant","id":"g1","to":{"user":"u1","group":"g"},"entitlement":"e"}"#, false),
        (r#"{"kind":"grant","id":"g1","to":{"user":"u1"},"entitlement":"e","profile":"p"}"#, false),
        (r#"{"kind":"grant","id":"g1","to":{"user":"u1"},"entitlement":"e","until":"2026-02-30T00:00:00Z"}"#, false),
        (r#"{"kind":"grant","id":"g1","to":{"user":"u1"},"entitlement":"e","why":"x"}"#, false),
        (r#"{"kind":"client","id":"c","client_kind":"personal","state":"active"}"#, false),
    ] {
        for end in ["", "\n", "\r\n", "\n{}"] {
            let text = format!("{line}{end}");
            let mut scanner = Scanner::new(text.as_bytes(), &json_limits());
            assert_eq!(scanner.line(0).is_some(), taken, "{text}");
            if end != "\n{}" {
                let both = both(text.as_bytes(), &json_limits());
                assert!(both.is_none_or(|(fast, slow)| same(&fast, &slow)), "{text}");
            }
        }
    }
}

#[test]
fn the_end_of_utf_8_is_not_the_end_of_a_line() {
    let line = br#"{"kind":"user","id":"u1","active":true}"#;
    let broken = [line.as_slice(), b"\xff\n"].concat();
    assert!(Scanner::new(line, &json_limits()).line(0).is_some(), "the twin");
    assert!(Scanner::new(&broken, &json_limits()).line(0).is_none());
}

#[test]
fn limits_hold_for_lines_that_are_taken() {
    let line = br#"{"kind":"user","id":"u1","active":true,"groups":["a"]}"#;
    let taken = |limits: JsonLimits| Scanner::new(line, &limits).line(0).is_some();
    assert!(taken(JsonLimits { bytes: line.len(), ..json_limits() }), "the twin");
    assert!(!taken(JsonLimits { bytes: line.len() - 1, ..json_limits() }));
    assert!(!taken(JsonLimits { depth: 1, ..json_limits() }));
    assert!(!taken(JsonLimits { nodes: 4, ..json_limits() }));
    assert!(!taken(JsonLimits { string_bytes: 5, ..json_limits() }));
}

/// A text that is nearly a line: fields and values that belong there, in any order, some of them odd.
fn line() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        8 => "\"[a-c]{1,2}\"",
        1 => Just("\"\"".to_owned()),
        1 => Just("\"é\"".to_owned()),
        1 => Just("\"\\u0061\"".to_owned()),
        1 => Just("null".to_owned()),
        1 => Just("\"a\tb\"".to_owned()),
    ];
    let texts = proptest::collection::vec(text.clone(), 0..3).prop_map(|all| format!("[{}]", all.join(",")));
    let time = prop_oneof![
        6 => "\"20(2[0-9]|99)-[01][0-9]-[0-3][0-9]T[0-2][0-9]:00:00Z\"",
        1 => Just("\"2026-01-01T00:00:00.25+01:00\"".to_owned()),
        1 => Just("\"2026-01-01\"".to_owned()),
        1 => Just("1".to_owned()),
    ];
    let member = |key: &'static str, value: BoxedStrategy<String>| {
        value.prop_map(move |value| format!("\"{key}\":{value}")).boxed()
    };
    let to = prop_oneof![
        4 => member("user", text.clone().boxed()).prop_map(|member| format!("{{{member}}}")),
        2 => (member("user", text.clone().boxed()), member("client", text.clone().boxed())).prop_map(|(a, b)| format!("{{{b},{a}}}")),
        2 => member("group", text.clone().boxed()).prop_map(|member| format!("{{{member}}}")),
        2 => member("service_principal", text.clone().boxed()).prop_map(|member| format!("{{{member}}}")),
        1 => (member("user", text.clone().boxed()), member("group", text.clone().boxed())).prop_map(|(a, b)| format!("{{{a},{b}}}")),
        1 => Just("{}".to_owned()),
    ];
    let active = prop_oneof![4 => Just("true".to_owned()), 4 => Just("false".to_owned()), 1 => Just("1".to_owned())];
    let some = |member: BoxedStrategy<String>| proptest::option::weighted(0.5, member);
    let user = (
        Just("\"kind\":\"user\"".to_owned()),
        member("id", text.clone().boxed()),
        member("active", active.boxed()),
        some(member("manager", text.clone().boxed())),
        some(member("groups", texts.clone().boxed())),
        some(member("entitlements", texts.boxed())),
    );
    let user = user.prop_map(|(kind, id, active, manager, groups, own)| {
        [kind, id, active].into_iter().chain(manager).chain(groups).chain(own).collect::<Vec<_>>()
    });
    let grant = (
        Just("\"kind\":\"grant\"".to_owned()),
        member("id", text.clone().boxed()),
        member("to", to.boxed()),
        prop_oneof![8 => member("entitlement", text.clone().boxed()), 2 => member("profile", text.clone().boxed())],
        some(member("from", time.clone().boxed())),
        some(member("until", time.boxed())),
    );
    let grant = grant.prop_map(|(kind, id, to, what, from, until)| {
        [kind, id, to, what].into_iter().chain(from).chain(until).collect::<Vec<_>>()
    });
    let extra = prop_oneof![
        12 => Just(None),
        1 => member("active", Just("true".to_owned()).boxed()).prop_map(Some),
        1 => member("entitlement", text.boxed()).prop_map(Some),
        1 => Just(Some("\"other\":1".to_owned())),
        1 => Just(Some("\"user_kind\":\"user\"".to_owned())),
        1 => Just(Some("\"grant_kind\":\"grant\"".to_owned())),
    ];
    let space = || prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\t"), 1 => Just("\r")];
    (prop_oneof![user, grant].prop_shuffle(), extra, space(), space(), space()).prop_map(|(mut all, extra, a, b, c)| {
        all.extend(extra);
        format!("{a}{{{b}{}{c}}}{a}", all.join(&format!("{b},{c}")))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_taken_is_read_the_same_the_slow_way(
        mut bytes in line().prop_map(String::into_bytes),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..4, proptest::sample::select(&b"{}[]\",:\\ \t\r\n0aZ\xc3\xff\0"[..])), 0..3),
        end in proptest::sample::select(&["", "\n", "\r\n"][..]),
    ) {
        for (at, what, byte) in changes {
            if bytes.is_empty() { break }
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => { bytes.remove(at); }
                _ => bytes.truncate(at),
            }
        }
        bytes.retain(|byte| *byte != b'\n');
        bytes.extend_from_slice(end.as_bytes());
        if let Some((fast, slow)) = both(&bytes, &json_limits()) {
            prop_assert!(same(&fast, &slow), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn strings_end_where_they_end(bytes in proptest::collection::vec(prop_oneof![6 => any::<u8>(), 1 => proptest::sample::select(&b"\"\\\x1f \x80\xa2\xdc\x9f"[..])], 0..40)) {
        let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
        for start in 0..bytes.len() {
            let rest = &bytes[start..];
            prop_assert_eq!(plain_length(rest), rest.iter().position(special).unwrap_or(rest.len()));
        }
    }

    #[test]
    fn most_usual_lines_are_taken(id in "[a-z]{1,8}", user in "[a-z é]{0,8}", until in proptest::option::of("20[0-8][0-9]-0[1-9]-1[0-9]T0[0-9]:00:00Z")) {
        let until = until.map_or(String::new(), |until| format!(",\"until\":\"{until}\""));
        let line = format!("{{\"kind\":\"grant\",\"id\":\"{id}\",\"to\":{{\"user\":\"{user}\"}},\"entitlement\":\"e\"{until}}}");
        let (fast, slow) = both(line.as_bytes(), &json_limits()).unwrap();
        prop_assert!(same(&fast, &slow));
    }
}
