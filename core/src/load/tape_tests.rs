use super::*;
use crate::limits::Limits;
use crate::load::json::JsonLimits;

fn limits() -> JsonLimits {
    JsonLimits::call(&Limits::default())
}

#[test]
fn the_way_around() {
    let mut tape = Tape::default();
    let text = r#"{"a":[1,[],{"b":"x"}],"\u0062":"\ttab","n":null,"t":true,"f":false,"":-1.50}"#;
    let item = tape.read(text.as_bytes(), &limits()).unwrap();
    assert_eq!((item.kind(), item.source()), (Kind::Object, text));
    let keys: Vec<_> = item.members().map(|(key, _)| key.text().unwrap()).collect();
    assert_eq!(keys, ["a", "b", "n", "t", "f", ""]);
    for (key, value) in item.members() {
        assert_eq!(key.key_hash(), hash(key.text().unwrap().as_bytes()));
        assert_eq!(item.get(key.text().unwrap()).map(|value| value.at), Some(value.at));
    }
    assert!(item.get("c").is_none() && item.get("tab").is_none());
    let a = item.get("a").unwrap();
    let kinds: Vec<_> = a.elements().map(|item| item.kind()).collect();
    assert_eq!(kinds, [Kind::Number, Kind::Array, Kind::Object]);
    assert_eq!(a.elements().last().unwrap().get("b").unwrap().text(), Some("x"));
    assert_eq!((a.members().count(), a.number(), a.text()), (0, None, None));
    assert_eq!(item.get("b").unwrap().text(), Some("\ttab"));
    assert_eq!(item.get("").unwrap().number(), Some("-1.50"));
    assert_eq!(item.elements().count(), 0);
    assert_eq!(Item::empty().members().count(), 0);
    assert_eq!(Item::empty().to_json(), Json::Object(BTreeMap::new()));
    for (kind, name) in [(Kind::True, "boolean"), (Kind::Made, "string"), (Kind::Null, "null")] {
        assert_eq!(kind.name(), name);
    }
}

#[test]
fn equal_texts_are_the_same_and_no_others() {
    let text = "abcdefghijklmnopqrstuvwxyz";
    for length in 0..=text.len() {
        let one = text[..length].to_owned();
        assert!(same(&one, &text[..length]) && !same(&one, &format!("{one}x")) && !same(&format!("{one}x"), &one));
        for at in 0..length {
            let mut other = one.clone();
            other.replace_range(at..=at, "X");
            assert!(!same(&one, &other), "{one} {other}");
        }
    }
}

#[test]
fn a_tape_is_used_again() {
    let mut tape = Tape::default();
    for text in [r#"{"a":"\n"}"#, "[1,2]", "broken", r#"{"a":{"b":"\"é"}}"#, "null"] {
        let again = tape.read(text.as_bytes(), &limits()).map(Item::to_json);
        assert_eq!(again, Json::parse(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_value_laid_out_is_the_value() {
    let text = r#"{"a":[1,[],{"b":"x"}],"b":"\ttab","e":{},"n":null,"t":true,"f":false,"":-1.50,"z":[[[]],[{}]]}"#;
    let json = Json::parse(text.as_bytes()).unwrap();
    let mut tape = Tape::default();
    for _ in 0..2 {
        let item = tape.build(&json);
        assert_eq!(item.to_json(), json);
        assert_eq!(item.get("b").and_then(|item| item.text()), Some("\ttab"));
        assert_eq!(item.get("").and_then(|item| item.number()), Some("-1.50"));
    }
    for scalar in ["1", "\"x\"", "false", "[]"] {
        let json = Json::parse(scalar.as_bytes()).unwrap();
        assert_eq!(tape.build(&json).to_json(), json);
    }
}

/// An object with `count` keys of that form, and perhaps one of them once more at the end.
fn object(count: usize, key: impl Fn(usize) -> String, twice: Option<usize>) -> String {
    let members: Vec<_> = (0..count).chain(twice).map(|n| format!("\"{}\":{{}}", key(n))).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn keys_given_twice_are_found_among_any_number() {
    // The second and third kinds share their first and last bytes and their lengths, so one hash stands for all.
    let kinds: [fn(usize) -> String; 4] = [
        |n| format!("key{n}"),
        |n| format!("prefix--{n:06}--suffix"),
        |n| format!("prefix--\\u0061{n:06}--suffix"),
        |n| char::from_u32(0x4e00 + n as u32).unwrap().to_string(),
    ];
    for key in kinds {
        for count in [1, 2, 3, 5, 8, 16, 17, 31, 33, 64, 65, 200, 1_000] {
            let text = object(count, key, None);
            assert_eq!(Json::parse(text.as_bytes()).unwrap().as_object().unwrap().len(), count, "{text:.90}");
            for twice in [0, count / 2, count - 1] {
                let text = object(count, key, Some(twice));
                let error = Json::parse(text.as_bytes()).unwrap_err();
                assert_eq!(error.code(), "json_duplicate_key", "{text:.90}");
                let pointer = format!("/{}", key(twice).replace("\\u0061", "a"));
                assert_eq!(error.pointer(), Some(pointer.as_str()));
                assert_eq!(error.span().unwrap().start, text.rfind(&format!("\"{}\"", key(twice))).unwrap());
            }
        }
    }
}

#[test]
fn the_first_of_two_faults_is_told() {
    for (text, code, pointer) in [
        (r#"{"a":1,"a":[}"#, "json_duplicate_key", "/a"),
        (r#"{"a":1,"a":{"b":1,"b":2}}"#, "json_duplicate_key", "/a"),
        (r#"{"a":1,"c":{"b":1,"b":2},"a":1}"#, "json_duplicate_key", "/c/b"),
        (r#"[1,{"a":[],"a":[1,2,{"b":x}]}]"#, "json_duplicate_key", "/1/a"),
        (r#"[1,{"a":[],"b":[1,2,{"b":x}],"a":1}]"#, "json_syntax", "/1/b/2/b"),
    ] {
        let error = Json::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.pointer()), (code, Some(pointer)), "{text}");
    }
}

/// Ten thousand keys, all of one hash: sorting bounds the work.
#[test]
fn many_keys_are_read_fast() {
    let limits = JsonLimits { bytes: usize::MAX, nodes: usize::MAX, depth: 4, string_bytes: 100 };
    for key in [|n| format!("prefix--{n:06}--suffix"), |n| format!("{n}")] {
        let text = object(100_000, key, None);
        let started = std::time::Instant::now();
        assert_eq!(Tape::default().read(text.as_bytes(), &limits).unwrap().members().count(), 100_000);
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

#[test]
fn a_usual_call_fits_without_an_allocation() {
    let mut tape = Tape::default();
    let read = |tape: &mut Tape, members: usize| {
        let text = object(members, |n| format!("key-{n}"), None);
        tape.read(text.as_bytes(), &limits()).unwrap();
        (tape.nodes.spilled(), tape.made.capacity())
    };
    assert_eq!(read(&mut tape, 60), (false, 0));
    assert_eq!(read(&mut tape, 64), (true, 0), "the twin: a node for the object and two for each member");
}
