//! Tables of what the reader takes and what it refuses, and the comparison with `serde_json`.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// What is accepted, and its compact text.
const ACCEPTED: &[(&[u8], &str)] = &[
    (b"null", "null"),
    (b"true", "true"),
    (b"false", "false"),
    (b"0", "0"),
    (b"-0", "-0"),
    (b"-1.25e-3", "-1.25e-3"),
    (b"1E+2", "1E+2"),
    (b"123456789012345678901234567890", "123456789012345678901234567890"),
    (b"1e999999999999", "1e999999999999"),
    (b" \t\r\n1 \t\r\n", "1"),
    (b"\"\"", "\"\""),
    (b"[]", "[]"),
    (b"[ ]", "[]"),
    (b"{}", "{}"),
    (b"{ }", "{}"),
    (b"[[],{},[{}]]", "[[],{},[{}]]"),
    (b"[1,2,3]", "[1,2,3]"),
    (b"[ 1 , 2 ]", "[1,2]"),
    (br#"{"a":1}"#, r#"{"a":1}"#),
    (br#" { "a" : [ 1 , { "b" : null } ] , "c" : "d" } "#, r#"{"a":[1,{"b":null}],"c":"d"}"#),
    (br#"{"b":1,"a":2}"#, r#"{"a":2,"b":1}"#),
    (br#"{"":1}"#, r#"{"":1}"#),
    (br#"{"":1,"a":{"":2}}"#, r#"{"":1,"a":{"":2}}"#),
    (br#"{"a":{"a":1},"b":{"a":1}}"#, r#"{"a":{"a":1},"b":{"a":1}}"#),
    (br#"[{"a":1},{"a":1}]"#, r#"[{"a":1},{"a":1}]"#),
    (br#"{"a":1,"A":2}"#, r#"{"A":2,"a":1}"#),
    (br#""\"\\\/\b\f\n\r\t""#, r#""\"\\/\b\f\n\r\t""#),
    (br#""\u0000""#, r#""\u0000""#),
    (br#""\uFFFF\uffff""#, "\"\u{ffff}\u{ffff}\""),
    (br#""\uFEFF""#, "\"\u{feff}\""),
    (br#""\u0061\u00e9\u20AC""#, "\"aé€\""),
    (br#""\ud83d\ude00""#, "\"😀\""),
    (br#""\uD800\uDC00\uDBFF\uDFFF""#, "\"\u{10000}\u{10ffff}\""),
    ("\"é€😀\u{7f}\"".as_bytes(), "\"é€😀\\u007f\""),
    ("\"\u{2028}\u{2029}\"".as_bytes(), r#""\u2028\u2029""#),
    ("\"a\u{feff}\"".as_bytes(), "\"a\u{feff}\""),
    ("\"\u{fdd0}\u{10ffff}\"".as_bytes(), "\"\u{fdd0}\u{10ffff}\""),
    (br#""/* no comment */ // none""#, r#""/* no comment */ // none""#),
    (br#""[[[[{{{{""#, r#""[[[[{{{{""#),
    (br#""\\u0000""#, r#""\\u0000""#),
    (br#"{"__entity":{"type":"U","id":"a"}}"#, r#"{"__entity":{"id":"a","type":"U"}}"#),
];

/// Text, code, pointer, line and column.
type Refused = (&'static [u8], &'static str, &'static str, (usize, usize));

/// What is refused.
const REFUSED: &[Refused] = &[
    (b"", "json_syntax", "", (1, 1)),
    (b"  \n ", "json_syntax", "", (2, 2)),
    // Words.
    (b"nul", "json_syntax", "", (1, 1)),
    (b"True", "json_syntax", "", (1, 1)),
    (b"NULL", "json_syntax", "", (1, 1)),
    (b"nullx", "json_syntax", "", (1, 5)),
    (b"undefined", "json_syntax", "", (1, 1)),
    (b"NaN", "json_syntax", "", (1, 1)),
    (b"[NaN]", "json_syntax", "/0", (1, 2)),
    (b"Infinity", "json_syntax", "", (1, 1)),
    (b"-Infinity", "json_syntax", "", (1, 2)),
    (b"-NaN", "json_syntax", "", (1, 2)),
    // Numbers.
    (b"+1", "json_syntax", "", (1, 1)),
    (b"01", "json_syntax", "", (1, 1)),
    (b"-01", "json_syntax", "", (1, 2)),
    (b"00", "json_syntax", "", (1, 1)),
    (b".5", "json_syntax", "", (1, 1)),
    (b"1.", "json_syntax", "", (1, 3)),
    (b"-.5", "json_syntax", "", (1, 2)),
    (b"1.e5", "json_syntax", "", (1, 3)),
    (b"1e", "json_syntax", "", (1, 3)),
    (b"1e+", "json_syntax", "", (1, 4)),
    (b"1e1.5", "json_syntax", "", (1, 4)),
    (b"0x10", "json_syntax", "", (1, 2)),
    (b"1_000", "json_syntax", "", (1, 2)),
    (b"-", "json_syntax", "", (1, 2)),
    (b"--1", "json_syntax", "", (1, 2)),
    (b"- 1", "json_syntax", "", (1, 2)),
    (b"1 2", "json_syntax", "", (1, 3)),
    ("１".as_bytes(), "json_syntax", "", (1, 1)),
    // Strings.
    (b"\"", "json_syntax", "", (1, 2)),
    (b"\"a", "json_syntax", "", (1, 3)),
    (b"'a'", "json_syntax", "", (1, 1)),
    (b"\"\n\"", "json_syntax", "", (1, 2)),
    (b"\"\x00\"", "json_syntax", "", (1, 2)),
    (b"\"a\x1f\"", "json_syntax", "", (1, 3)),
    (b"\"\t\"", "json_syntax", "", (1, 2)),
    (br#""\"#, "json_syntax", "", (1, 3)),
    (br#""\""#, "json_syntax", "", (1, 4)),
    (br#""\x41""#, "json_syntax", "", (1, 2)),
    (br#""\'""#, "json_syntax", "", (1, 2)),
    (br#""\0""#, "json_syntax", "", (1, 2)),
    (br#""\U0041""#, "json_syntax", "", (1, 2)),
    ("\"\\é\"".as_bytes(), "json_syntax", "", (1, 2)),
    (br#""\u""#, "json_syntax", "", (1, 4)),
    (br#""\u004""#, "json_syntax", "", (1, 7)),
    (br#""\u00g0""#, "json_syntax", "", (1, 6)),
    (br#""\u+041""#, "json_syntax", "", (1, 4)),
    (br#""\u{41}""#, "json_syntax", "", (1, 4)),
    // Lone surrogates, in both orders.
    (br#""\ud800""#, "json_syntax", "", (1, 2)),
    (br#""\udc00""#, "json_syntax", "", (1, 2)),
    (br#""\udc00\ud800""#, "json_syntax", "", (1, 2)),
    (br#""\ud800\ud800""#, "json_syntax", "", (1, 2)),
    (br#""\ud800\u0041""#, "json_syntax", "", (1, 2)),
    (br#""\ud800a""#, "json_syntax", "", (1, 2)),
    (br#""\ud800\n""#, "json_syntax", "", (1, 2)),
    (br#""\ud800\u""#, "json_syntax", "", (1, 10)),
    (br#""a\ud83d\ude00\ude00""#, "json_syntax", "", (1, 15)),
    (br#"{"\ud800":1}"#, "json_syntax", "", (1, 3)),
    // Arrays.
    (b"[", "json_syntax", "/0", (1, 2)),
    (b"]", "json_syntax", "", (1, 1)),
    (b"[1", "json_syntax", "/1", (1, 3)),
    (b"[1,", "json_syntax", "/1", (1, 4)),
    (b"[1,]", "json_syntax", "/1", (1, 4)),
    (b"[,1]", "json_syntax", "/0", (1, 2)),
    (b"[1,,2]", "json_syntax", "/1", (1, 4)),
    (b"[1 2]", "json_syntax", "/1", (1, 4)),
    (b"[1}", "json_syntax", "/1", (1, 3)),
    (b"[1]]", "json_syntax", "", (1, 4)),
    (b"[:1]", "json_syntax", "/0", (1, 2)),
    // Objects.
    (b"{", "json_syntax", "", (1, 2)),
    (b"{1:1}", "json_syntax", "", (1, 2)),
    (b"{a:1}", "json_syntax", "", (1, 2)),
    (b"{'a':1}", "json_syntax", "", (1, 2)),
    (br#"{"a"}"#, "json_syntax", "/a", (1, 5)),
    (br#"{"a" 1}"#, "json_syntax", "/a", (1, 6)),
    (br#"{"a":}"#, "json_syntax", "/a", (1, 6)),
    (br#"{"a":1"#, "json_syntax", "", (1, 7)),
    (br#"{"a":1,}"#, "json_syntax", "", (1, 8)),
    (br#"{"a":1]"#, "json_syntax", "", (1, 7)),
    (br#"{"a":1 "b":2}"#, "json_syntax", "", (1, 8)),
    (br#"{"a"::1}"#, "json_syntax", "/a", (1, 6)),
    (br#"{,"a":1}"#, "json_syntax", "", (1, 2)),
    (br#"{null:1}"#, "json_syntax", "", (1, 2)),
    (b"{\"x\":[1,\n {\"a/b\":[tru]}]}", "json_syntax", "/x/1/a~1b/0", (2, 10)),
    // Keys given twice.
    (br#"{"a":1,"a":1}"#, "json_duplicate_key", "/a", (1, 8)),
    (br#"{"a":1,"\u0061":2}"#, "json_duplicate_key", "/a", (1, 8)),
    (br#"{"\u0061":1,"a":2}"#, "json_duplicate_key", "/a", (1, 13)),
    (br#"{"":1,"":2}"#, "json_duplicate_key", "/", (1, 7)),
    (br#"[{"a":1},{"b":1,"c":{"a":1,"b":2,"a":3}}]"#, "json_duplicate_key", "/1/c/a", (1, 34)),
    (br#"{"\ud83d\ude00":1,"\uD83D\uDE00":2}"#, "json_duplicate_key", "/\u{1f600}", (1, 19)),
    (br#"{"a":1,"a"}"#, "json_duplicate_key", "/a", (1, 8)),
    // What is around the value.
    ("\u{feff}{}".as_bytes(), "json_syntax", "", (1, 1)),
    (b"\xff\xfe{\x00}\x00", "json_syntax", "", (1, 1)),
    (b"{}x", "json_syntax", "", (1, 3)),
    (b"{}{}", "json_syntax", "", (1, 3)),
    (b"{}\n,", "json_syntax", "", (2, 1)),
    (b"1\x00", "json_syntax", "", (1, 2)),
    (b"{}\xff", "json_syntax", "", (1, 3)),
    (b"// x\n1", "json_syntax", "", (1, 1)),
    (b"1 // x", "json_syntax", "", (1, 3)),
    (b"[1,/* x */2]", "json_syntax", "/1", (1, 4)),
    (b"# x\n1", "json_syntax", "", (1, 1)),
    (b"\x0b1", "json_syntax", "", (1, 1)),
    ("\u{a0}1".as_bytes(), "json_syntax", "", (1, 1)),
    ("1\u{2003}".as_bytes(), "json_syntax", "", (1, 2)),
    // Not UTF-8.
    (b"\"\xff\"", "json_syntax", "", (1, 2)),
    (b"[\"\xc0\xaf\"]", "json_syntax", "/0", (1, 3)),
    (b"{\"a\":\"\xed\xa0\x80\"}", "json_syntax", "/a", (1, 7)),
    (b"\"\xf4\x90\x80\x80\"", "json_syntax", "", (1, 2)),
    (b"\"\xe2\x82\"", "json_syntax", "", (1, 2)),
    (b"{\"\xff\":1}", "json_syntax", "", (1, 3)),
    (b"[1,\xff]", "json_syntax", "/1", (1, 4)),
    (b"tru\xff", "json_syntax", "", (1, 1)),
];

fn parse(bytes: &[u8]) -> Result<Json, Error> {
    Json::parse(bytes)
}

#[test]
fn table_of_accepted_texts() {
    for (bytes, compact) in ACCEPTED {
        let json = parse(bytes).unwrap_or_else(|error| panic!("{}: {error}", bytes.escape_ascii()));
        assert_eq!(json.to_string(), *compact);
        assert_eq!(parse(compact.as_bytes()).unwrap(), json);
    }
    assert!(ACCEPTED.len() + REFUSED.len() >= 150);
}

#[test]
fn table_of_refused_texts() {
    for (bytes, code, pointer, place) in REFUSED {
        let text = bytes.escape_ascii();
        let error = parse(bytes).expect_err(&text.to_string());
        let span = error.span().unwrap();
        assert_eq!(
            (error.code(), error.pointer(), (span.line, span.column)),
            (*code, Some(*pointer), *place),
            "{text}"
        );
        assert!(span.start <= span.end, "{text}");
    }
}

#[test]
fn a_key_given_twice_is_refused_in_any_spelling() {
    for spelling in ["a", "\\u0061", "\\u0041", "b", "a\\u0000"] {
        let text = format!(r#"{{"a":1,"{spelling}":2}}"#);
        assert_eq!(parse(text.as_bytes()).is_err(), matches!(spelling, "a" | "\\u0061"), "{text}");
    }
    let error = parse(br#"{"\u001b":1,"\u001b":2}"#).unwrap_err();
    assert_eq!(error.message(), r#"the key "\u001b" is given twice"#);
}

#[test]
fn messages_are_for_people() {
    for (text, message) in [
        ("[1,]", "line 1, column 4: at `/1`: expected a value, found `]`"),
        ("{\"a\":1", "line 1, column 7: expected `,` or `}` after this field, found the end of the text"),
        ("{}\u{202e}", "line 1, column 3: expected nothing more: the JSON text ends before this, found U+202E"),
        (
            "\"\u{7}\"",
            "line 1, column 2: a bare control character U+0007 in a string \
             (write it as an escape such as `\\n` or `\\u0000`)",
        ),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap_err().to_string(), message);
    }
}

#[test]
fn each_limit_has_a_last_accepted_and_a_first_refused() {
    let limits = JsonLimits { bytes: 30, nodes: 4, depth: 2, string_bytes: 3 };
    for (accepted, refused) in [
        ("                             1", "                              1"),
        ("[1,2,3]", "[1,2,3,4]"),
        (r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":2,"c":[3]}"#),
        ("[[1]]", "[[[]]]"),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"b":{}}}"#),
        (r#""abc""#, r#""abcd""#),
        (r#""\u0061bc""#, r#""\u0061bcd""#),
        (r#"{"abc":1}"#, r#"{"abcd":1}"#),
        (r#""é1""#, r#""éé""#),
        ("123", "1234"),
    ] {
        assert!(read(accepted.as_bytes(), &limits).is_ok(), "{accepted}");
        let error = read(refused.as_bytes(), &limits).unwrap_err();
        assert_eq!(error.code(), "limit_exceeded", "{refused}");
        assert!(error.pointer().is_some() && error.span().is_some(), "{refused}");
    }
    let none = JsonLimits { bytes: 10, nodes: 0, depth: 0, string_bytes: 0 };
    assert!(read(b"1", &none).is_err());
    assert!(read(b"null", &JsonLimits { nodes: 1, ..none }).is_ok());
    assert!(read(b"[]", &JsonLimits { nodes: 1, ..none }).is_err());
}

#[test]
fn size_is_refused_before_content() {
    let limits = JsonLimits { bytes: 5, ..JsonLimits::call(&Limits::default()) };
    let error = read(&[0xff; 6], &limits).unwrap_err();
    assert_eq!((error.code(), error.message()), ("limit_exceeded", "6 bytes of JSON, where 5 are allowed"));
    assert_eq!(read(&[0xff; 5], &limits).unwrap_err().code(), "json_syntax");
    assert!(read(b"12345", &limits).is_ok());
}

#[test]
fn nesting_is_refused_fast() {
    let limits = JsonLimits { bytes: usize::MAX, ..JsonLimits::call(&Limits::default()) };
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"":"#, "}]")] {
        for depth in [31, 32, 33, 100, 1_000_000] {
            let pairs = if open.starts_with("[{") { depth / 2 } else { depth };
            let text = format!("{}1{}", open.repeat(pairs), close.repeat(pairs));
            let start = Instant::now();
            let result = read(text.as_bytes(), &limits);
            assert!(start.elapsed() < Duration::from_millis(500));
            assert_eq!(result.is_ok(), depth <= 32 || pairs <= 16, "{open} {depth}");
            assert!(result.is_ok_and(|_| true) || depth > 32);
        }
    }
    let error = read("[".repeat(1_000_000).as_bytes(), &limits).unwrap_err();
    assert_eq!((error.code(), error.span().unwrap().column), ("limit_exceeded", 33));
}

#[test]
fn wide_input_is_linear() {
    let limits = JsonLimits::snapshot(&Limits::default());
    let text = format!("[{}1]", r#"{"a":"b","c":[1,2]},"#.repeat(200_000));
    let start = Instant::now();
    assert!(read(text.as_bytes(), &limits).is_ok());
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(read(text.as_bytes(), &JsonLimits::call(&Limits::default())).unwrap_err().code(), "limit_exceeded");
}

#[test]
fn lines_are_numbered_and_blank_ones_skipped() {
    let lines: Vec<_> = read_lines(b"1\r\n\n \t\r\n[2]\n\"3\"").collect();
    assert_eq!(lines, [(1, &b"1"[..]), (4, b"[2]"), (5, b"\"3\"")]);
    assert_eq!(read_lines(b"").count(), 0);
}

/// Texts that are JSON, or nearly.
fn nearly_json() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        proptest::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "null",
            "true",
            "false",
            "0",
            "1",
            "-",
            ".",
            "e",
            "+",
            " ",
            "\n",
            "\"a\"",
            "\"b\":",
            "\"\\u0061\"",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\t",
            "\u{0}",
            "é",
            "1.5",
            "-0",
            "[]",
            "{}",
            "1e5",
            "\u{feff}",
            "/",
            "\"\\n\"",
            "\"\u{1}\"",
            "01",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,2}",
    ];
    let soup = proptest::collection::vec(token, 0..8).prop_map(|tokens| tokens.concat());
    let leaf = prop_oneof![
        Just("null".to_owned()),
        "-?(0|[1-9][0-9]{0,2})(\\.[0-9]{1,2})?(e[+-]?[0-9])?",
        "\"[a-c\\\\\"ué]{0,3}\"",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            proptest::collection::vec(("[ab]{0,1}", inner), 0..4).prop_map(|fields| format!(
                "{{{}}}",
                fields.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect::<Vec<_>>().join(",")
            )),
        ]
    });
    // A tree with one character gone is a near miss.
    let bitten = (tree.clone(), any::<proptest::sample::Index>()).prop_map(|(text, at)| {
        text.chars().enumerate().filter(|(i, _)| *i != at.index(text.len())).map(|c| c.1).collect()
    });
    prop_oneof![soup, tree, bitten]
}

fn same(ours: &Json, theirs: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(ours), Value::Bool(theirs)) => ours == theirs,
        (Json::Number(ours), Value::Number(theirs)) => {
            ours.as_i64().is_some_and(|ours| theirs.as_i64() == Some(ours)) || ours.to_f64() == theirs.as_f64()
        }
        (Json::String(ours), Value::String(theirs)) => ours == theirs,
        (Json::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            ours.len() == theirs.len() && ours.iter().all(|(key, ours)| theirs.get(key).is_some_and(|v| same(ours, v)))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..Default::default() })]

    /// `serde_json` takes keys given twice and refuses numbers beyond a double; for the rest we agree.
    #[test]
    fn agrees_with_serde_json(text in nearly_json()) {
        match (parse(text.as_bytes()), serde_json::from_str::<serde_json::Value>(&text)) {
            (Ok(ours), Ok(theirs)) => prop_assert!(same(&ours, &theirs), "{}", text),
            (Err(ours), Ok(_)) => prop_assert_eq!(ours.code(), "json_duplicate_key", "{}", text),
            (Ok(_), Err(theirs)) => prop_assert!(theirs.to_string().contains("number out of range"), "{}", text),
            (Err(_), Err(_)) => {}
        }
    }

    /// Doubles beyond what fits in a machine word and a small power of ten: both sides round to the nearest.
    #[test]
    fn large_and_small_doubles_agree_with_serde_json(digits in 1u64..1_000_000_000, exponent in -300i32..300) {
        let text = format!("{digits}e{exponent}");
        let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert!(same(&parse(text.as_bytes()).unwrap(), &theirs), "{}", text);
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error_with_a_place(bytes in any::<Vec<u8>>()) {
        if let Err(error) = parse(&bytes) {
            prop_assert!(error.pointer().is_some() && error.span().is_some());
        }
    }
}

/// Found by the comparison with serde_json, which was the one in error.
#[test]
fn a_double_is_the_nearest_one() {
    for text in ["1.51e50", "8.5e-98", "123456789e250"] {
        let theirs: serde_json::Value = serde_json::from_str(text).unwrap();
        let nearest: f64 = text.parse().unwrap();
        assert!(same(&parse(text.as_bytes()).unwrap(), &theirs) && theirs.as_f64() == Some(nearest), "{text}");
    }
}
