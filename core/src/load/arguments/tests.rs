use super::*;
use crate::error::Error;

/// Reads a JSON text.
pub(crate) fn json(text: &str) -> Json {
    from_serde(&serde_json::from_str(text).unwrap())
}

/// The same JSON in our words.
pub(crate) fn from_serde(value: &serde_json::Value) -> Json {
    match value {
        serde_json::Value::Null => Json::Null,
        serde_json::Value::Bool(bool) => Json::Bool(*bool),
        serde_json::Value::Number(number) => Json::Number(crate::Number::parse(&number.to_string()).unwrap()),
        serde_json::Value::String(text) => Json::String(text.clone()),
        serde_json::Value::Array(elements) => Json::Array(elements.iter().map(from_serde).collect()),
        serde_json::Value::Object(members) => {
            Json::Object(members.iter().map(|(key, value)| (key.clone(), from_serde(value))).collect())
        }
    }
}

/// The types for a schema.
pub(crate) fn typed(schema: &str) -> Arguments {
    type_arguments(&json(schema), &Limits::default())
}

/// The type in a short hand, declared members first.
fn short(ty: &Type) -> String {
    match ty {
        Type::Json => "json".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Long => "long".to_owned(),
        Type::Decimal => "decimal".to_owned(),
        Type::Text(Text::Open) => "string".to_owned(),
        Type::Text(Text::OneOf(values)) => values.iter().cloned().collect::<Vec<_>>().join("|"),
        Type::Text(Text::Instant { .. }) => "datetime".to_owned(),
        Type::Text(Text::Ip { .. }) => "ip".to_owned(),
        Type::Set(element) => format!("[{}]", short(element)),
        Type::Sets { null, parts } => {
            let parts: Vec<_> = parts.iter().map(|(kind, ty)| format!("{kind}=[{}]", short(ty))).collect();
            format!("[<{}{}>]", parts.join(" "), if *null { " null" } else { "" })
        }
        Type::Record(record) => short_record(record),
        Type::Map(map) => short_map(map),
        Type::OneOf { null, parts } => {
            let parts: Vec<_> = parts.iter().map(|(kind, ty)| format!("{kind}={}", short(ty))).collect();
            format!("<{}{}>", parts.join(" "), if *null { " null" } else { "" })
        }
        Type::Nothing => "nothing".to_owned(),
    }
}

fn short_record(record: &Record) -> String {
    let members = record.members.iter().map(|(name, member)| match &member.slot {
        Slot::Typed { ty, nullable } => {
            let mark = if member.required { "" } else { "?" };
            format!("{name}{mark}{}: {}", if *nullable { "0" } else { "" }, short(ty))
        }
        Slot::Null => format!("{name} null"),
        Slot::LeftOut(_) => format!("{name} out"),
        Slot::Refused => format!("{name} never"),
    });
    let extras = match &record.extras {
        Extras::Refused => None,
        Extras::Typed(map) => Some(format!("*: {}", short_map(map))),
        Extras::LeftOut(_) => Some("* out".to_owned()),
    };
    format!("{{{}}}", members.chain(extras).collect::<Vec<_>>().join(", "))
}

fn short_map(map: &Map) -> String {
    map.value.as_ref().map_or_else(|| "map".to_owned(), |value| format!("map {}", short(value)))
}

/// The short hand of a property `p` with that schema.
fn property(schema: &str) -> String {
    let arguments = typed(&format!(
        r##"{{"type": "object", "properties": {{"p": {schema}}}, "$defs": {{"s": {{"type": "string"}},
            "n": {{"type": "object", "properties": {{"v": {{"type": "integer"}}, "next": {{"$ref": "#/$defs/n"}}}}}},
            "loop": {{"$ref": "#/$defs/loop"}}, "own": {{"$id": "urn:x", "items": {{"$ref": "#/$defs/s"}}}}}}}}"##
    ));
    let text = short_record(arguments.root.as_ref().unwrap());
    text.strip_prefix("{p").and_then(|text| text.strip_suffix('}')).unwrap().to_owned()
}

#[test]
fn each_rule_gives_its_type() {
    for (schema, expected) in [
        // One kind.
        (r#"{"type": "boolean"}"#, "?: bool"),
        (r#"{"type": "integer"}"#, "?: long"),
        (r#"{"type": "number"}"#, "?: decimal"),
        (r#"{"type": "number", "enum": [1, 2]}"#, "?: decimal"),
        (r#"{"enum": [1, 2]}"#, "?: long"),
        (r#"{"enum": [1, 2.5]}"#, "?: decimal"),
        (r#"{"type": "string", "format": "email"}"#, "?: string"),
        (r#"{"type": "string", "format": "date"}"#, "?: datetime"),
        (r#"{"type": "string", "format": "ipv6"}"#, "?: ip"),
        (r#"{"type": "null"}"#, " null"),
        (r#"{"type": "array"}"#, "?: [json]"),
        (r#"{"type": "array", "items": {"type": "string"}}"#, "?: [string]"),
        (r#"{"type": "object"}"#, "?: json"),
        // Strings.
        (r#"{"type": "string", "enum": ["a", "b"]}"#, "?: a|b"),
        (r#"{"const": "a"}"#, "?: a"),
        (r#"{"enum": ["a", "b"], "const": "b"}"#, "?: b"),
        (r#"{"anyOf": [{"const": "a"}, {"enum": ["b"]}]}"#, "?: a|b"),
        (r#"{"anyOf": [{"const": "a"}, {"type": "string"}]}"#, "?: string"),
        (
            r#"{"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}"#,
            "?: datetime",
        ),
        (r#"{"anyOf": [{"type": "string", "format": "date"}, {"type": "string"}]}"#, "?: string"),
        // Null.
        (r#"{"type": ["integer", "null"]}"#, "?0: long"),
        (r#"{"anyOf": [{"type": "integer"}, {"type": "null"}]}"#, "?0: long"),
        (r#"{"type": "integer", "nullable": true}"#, "?0: long"),
        (r##"{"$ref": "#/$defs/s", "nullable": true}"##, "?0: string"),
        (r#"{"type": "array", "items": {"type": ["integer", "null"]}}"#, "?: [<integer=[long] null>]"),
        // Several kinds.
        (r#"{"type": ["string", "integer"]}"#, "?: <integer=long string=string>"),
        (r#"{"anyOf": [{"type": "integer"}, {"type": "number"}]}"#, "?: decimal"),
        (r#"{"type": ["boolean", "array", "null"], "items": {"type": "string"}}"#, "?0: <array=[string] boolean=bool>"),
        (
            r#"{"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "integer"}}]}"#,
            "?: [<integer=[long] string=[string]>]",
        ),
        (r#"{"anyOf": [{"type": "string"}, {}]}"#, "?: json"),
        (r#"{"type": "string", "anyOf": [{"type": "string"}, {"type": "integer"}]}"#, "?: string"),
        // Objects.
        (r#"{"properties": {"a": {"type": "string"}}, "required": ["a"]}"#, "?: {a: string}"),
        (r#"{"type": "object", "required": ["a"]}"#, "?: json"),
        (r#"{"type": "object", "properties": {"b": {}}, "required": ["a"]}"#, "?: {a: json, b?: json}"),
        (r#"{"type": "object", "additionalProperties": false}"#, "?: {}"),
        (r#"{"type": "object", "additionalProperties": true}"#, "?: map json"),
        (r#"{"type": "object", "additionalProperties": {"type": "integer"}}"#, "?: map long"),
        (r#"{"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": false}"#, "?: map long"),
        (r#"{"additionalProperties": {"$ref": "x.json"}}"#, "?: map"),
        (r#"{"properties": {"a": {}}, "additionalProperties": {"type": "string"}}"#, "?: {a?: json, *: map string}"),
        (r#"{"properties": {"*": {}}, "additionalProperties": {"type": "string"}}"#, "?: {*?: json, * out}"),
        (r#"{"properties": {"a": false, "b": true}}"#, "?: {a never, b?: json}"),
        (
            r#"{"oneOf": [{"properties": {"k": {"const": "x"}, "a": {"type": "integer"}}, "required": ["k", "a"]},
                {"properties": {"k": {"const": "y"}, "a": {"type": "string"}, "b": {}}, "required": ["k", "b"]}]}"#,
            "?: {a?: <integer=long string=string>, b?: json, k: x|y}",
        ),
        (
            r#"{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}"#,
            "?: {a?: string, b?: string}",
        ),
        (
            r#"{"anyOf": [{"properties": {"a": {"type": "integer"}}}, {"additionalProperties": {"type": "string"}}]}"#,
            "?: {a?: <integer=long string=string>, *: map string}",
        ),
        // Arrays.
        (r#"{"prefixItems": [{"type": "string"}, {"type": "integer"}]}"#, "?: [<integer=[long] string=[string]>]"),
        (
            r#"{"items": [{"type": "string"}], "additionalItems": {"type": "boolean"}}"#,
            "?: [<boolean=[bool] string=[string]>]",
        ),
        (r#"{"prefixItems": [{"type": "string"}], "items": false}"#, "?: [string]"),
        (r#"{"items": false}"#, "?: [nothing]"),
        // allOf.
        (r#"{"allOf": [{"type": ["string", "null"]}, {"type": ["string", "integer"]}]}"#, "?: string"),
        (r#"{"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}"#, "?: b"),
        (r#"{"allOf": [{"type": "number"}, {"type": "integer"}]}"#, "?: long"),
        (
            r#"{"allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "integer"}}, "required": ["a"]}]}"#,
            "?: {a: string, b?: long}",
        ),
        (r#"{"allOf": [{"type": "string"}, {"type": "integer"}]}"#, " out"),
        (r#"{"type": "string", "enum": []}"#, " out"),
        // $ref.
        (r##"{"$ref": "#/$defs/s"}"##, "?: string"),
        (r##"{"$ref": "#/$defs/s", "enum": ["a"]}"##, "?: a"),
        (r##"{"$ref": "#/$defs/n"}"##, "?: {next?: json, v?: long}"),
        (r##"{"$ref": "#/$defs/loop"}"##, "?: json"),
        (r##"{"$ref": "#"}"##, "?: json"),
        (r##"{"$ref": "#/$defs/own"}"##, " out"),
        (r##"{"$ref": "#s"}"##, " out"),
        (r##"{"$dynamicRef": "#s"}"##, " out"),
        (r#"{"$ref": "https://x.test/schema.json"}"#, " out"),
        (r#"{"anyOf": [{"type": "string"}, {"$ref": "x.json"}]}"#, " out"),
        (r#"{"type": "array", "items": {"$ref": "x.json"}}"#, " out"),
        // Nothing said, or nonsense.
        ("{}", "?: json"),
        ("true", "?: json"),
        (r#"{"description": "d", "default": 3, "not": {"type": "string"}, "minimum": 1}"#, "?: json"),
        ("false", " never"),
        ("3", " out"),
        (r#"{"type": "text"}"#, " out"),
        (r#"{"type": [[]]}"#, " out"),
        (r#"{"properties": []}"#, " out"),
    ] {
        assert_eq!(property(schema), expected, "{schema}");
    }
}

#[test]
fn the_root_is_a_record() {
    for (schema, expected) in [
        (r#"{"type": "object"}"#, "{}"),
        (r#"{"type": "object", "properties": {}}"#, "{}"),
        (r#"{"properties": {"a": {}}}"#, "{a?: json}"),
        (r#"{"type": "object", "required": ["a"]}"#, "{a: json}"),
        (r#"{"type": "object", "additionalProperties": {}}"#, "{*: map json}"),
        (
            r#"{"type": "object", "additionalProperties": {"type": "string"}, "required": ["a"]}"#,
            "{a: string, *: map string}",
        ),
    ] {
        assert_eq!(short_record(typed(schema).root.as_ref().unwrap()), expected, "{schema}");
    }
    for nothing in ["{}", "true", "null"] {
        let arguments = typed(nothing);
        assert_eq!(short_record(arguments.root.as_ref().unwrap()), "{*: map json}", "{nothing}");
        assert_eq!((arguments.coverage(), arguments.notes.len()), (Coverage::Full, 1));
    }
    for schema in [
        "false",
        "[]",
        r#"{"type": "string"}"#,
        r#"{"type": ["object", "null"]}"#,
        r#"{"type": "object", "$ref": "x.json"}"#,
        r#"{"type": "object", "allOf": [{"type": "string"}]}"#,
    ] {
        let arguments = typed(schema);
        assert_eq!((arguments.coverage(), arguments.notes.len()), (Coverage::Untyped, 1), "{schema}");
        assert_eq!(check(&arguments, &json(r#"{"x": 1}"#)), Ok(BTreeMap::new()));
    }
}

#[test]
fn notes_name_the_argument() {
    let arguments = typed(
        r#"{"type": "object", "properties": {"a/b": {"type": "array", "items": {"properties": {"c": {}}}},
            "d": {"type": "array", "items": {"properties": {"e": {}, "f": {"$ref": "x"}}}},
            "g": {"type": "array", "items": {"type": "array", "items": {"$ref": "x"}}}}}"#,
    );
    let notes: Vec<_> = arguments.notes.iter().map(|note| (note.pointer.as_str(), note.kind)).collect();
    use NoteKind::{FreeForm, LeftOut};
    assert_eq!(notes, [("/a~1b/*/c", FreeForm), ("/d/*/e", FreeForm), ("/d/*/f", LeftOut), ("/g", LeftOut)]);
    assert_eq!((arguments.coverage(), arguments.has_free_form()), (Coverage::Partial, true));
}

#[test]
fn a_schema_that_unfolds_to_too_many_types_is_untyped() {
    let defs: Vec<_> = (0..30)
        .map(|level| {
            let next = level + 1;
            format!(r##""d{level}": {{"properties": {{"a": {{"$ref": "#/$defs/d{next}"}}, "b": {{"$ref": "#/$defs/d{next}"}}}}}}"##)
        })
        .collect();
    let bomb = |keyword: &str| {
        format!(r##"{{"type": "object", {keyword}, "$defs": {{{}, "d30": {{"type": "string"}}}}}}"##, defs.join(", "))
    };
    let started = std::time::Instant::now();
    for keyword in [
        r##""properties": {"p": {"$ref": "#/$defs/d0"}}"##,
        r##""allOf": [{"$ref": "#/$defs/d0"}, {"$ref": "#/$defs/d1"}]"##,
        r##""anyOf": [{"$ref": "#/$defs/d0"}, {"$ref": "#/$defs/d1"}]"##,
    ] {
        assert_eq!(typed(&bomb(keyword)).coverage(), Coverage::Untyped);
    }
    // Few types, but each of them large and copied for every variant.
    let values: Vec<_> = (0..5_000).map(|index| format!("\"v{index}\"")).collect();
    let variants = vec!["{}"; 500].join(", ");
    let copies = format!(
        r#"{{"type": "object", "properties": {{"p": {{"enum": [{}], "anyOf": [{variants}]}}}}}}"#,
        values.join(", ")
    );
    assert_eq!(typed(&copies).coverage(), Coverage::Untyped);
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    // No references at all: the root and 2 000 properties are one too many.
    let flat = |count: usize| {
        let properties: Vec<_> = (0..count).map(|at| format!(r#""p{at}": {{"type": "string"}}"#)).collect();
        typed(&format!(r#"{{"type": "object", "properties": {{{}}}}}"#, properties.join(", "))).coverage()
    };
    assert_eq!((flat(1_999), flat(2_000)), (Coverage::Full, Coverage::Untyped));
    // The twin: as many levels, one way down each.
    let line: Vec<_> = (0..30)
        .map(|level| format!(r##""d{level}": {{"properties": {{"a": {{"$ref": "#/$defs/d{}"}}}}}}"##, level + 1))
        .collect();
    let line = format!(
        r##"{{"type": "object", "properties": {{"p": {{"$ref": "#/$defs/d0"}}}}, "$defs": {{{}, "d30": {{"type": "string"}}}}}}"##,
        line.join(", ")
    );
    assert_eq!((typed(&line).coverage(), typed(&line).has_free_form()), (Coverage::Full, false));
}

#[test]
fn a_long_chain_of_references_ends_free_form_and_without_overflow() {
    let chain: Vec<_> = (0..1_500).map(|at| format!(r##""d{at}": {{"$ref": "#/$defs/d{}"}}"##, at + 1)).collect();
    let schema = format!(
        r##"{{"type": "object", "properties": {{"p": {{"$ref": "#/$defs/d0"}}}}, "$defs": {{{}, "d1500": {{"type": "string"}}}}}}"##,
        chain.join(", ")
    );
    assert_eq!(short_record(typed(&schema).root.as_ref().unwrap()), "{p?: json}");
}

/// What a property `p` of that schema makes of a value; `None` if it is not seen.
fn give(schema: &str, value: &str) -> Result<Option<Value>, Error> {
    let arguments = typed(&format!(r#"{{"type": "object", "properties": {{"p": {schema}}}}}"#));
    Ok(check(&arguments, &Json::Object([("p".to_owned(), json(value))].into()))?.remove("p"))
}

/// The same for a number as it is written.
fn give_number(schema: &str, text: &str) -> Option<Value> {
    let number = Json::Number(crate::Number::parse(text)?);
    let arguments = typed(&format!(r#"{{"type": "object", "properties": {{"p": {schema}}}}}"#));
    check(&arguments, &Json::Object([("p".to_owned(), number)].into())).ok()?.remove("p")
}

#[test]
fn a_number_that_is_not_exact_is_refused() {
    let (integer, number, string) = (r#"{"type": "integer"}"#, r#"{"type": "number"}"#, r#"{"type": "string"}"#);
    for (text, long, decimal) in [
        ("0", Some(0), Some(0)),
        ("-0", Some(0), Some(0)),
        ("-0.0", Some(0), Some(0)),
        ("1.0", Some(1), Some(10_000)),
        ("1e3", Some(1_000), Some(10_000_000)),
        ("1E+3", Some(1_000), Some(10_000_000)),
        ("1200e-2", Some(12), Some(120_000)),
        ("12.34", None, Some(123_400)),
        ("0.0001", None, Some(1)),
        ("0.00010", None, Some(1)),
        ("0.00001", None, None),
        ("1e-5", None, None),
        ("9007199254740993", Some(9_007_199_254_740_993), None),
        ("922337203685477", Some(922_337_203_685_477), Some(9_223_372_036_854_770_000)),
        ("922337203685477.5807", None, Some(i64::MAX)),
        ("922337203685477.5808", None, None),
        ("-922337203685477.5808", None, Some(i64::MIN)),
        ("9223372036854775807", Some(i64::MAX), None),
        ("9223372036854775808", None, None),
        ("-9223372036854775808", Some(i64::MIN), None),
        ("-9223372036854775809", None, None),
        ("1e19", None, None),
        ("1e400", None, None),
        ("1e-400", None, None),
        ("1e999999999999", None, None),
    ] {
        assert_eq!(give_number(integer, text), long.map(Value::Long), "{text}");
        assert_eq!(give_number(number, text), decimal.map(Value::Decimal), "{text}");
        assert_eq!(give_number(string, text), None, "{text}");
    }
}

#[test]
fn a_value_of_another_kind_is_refused() {
    let kinds = [
        ("boolean", "true"),
        ("integer", "1"),
        ("string", r#""1""#),
        ("array", "[1]"),
        ("object", r#"{"a": 1}"#),
        ("null", "null"),
    ];
    for (declared, _) in kinds {
        for (given, value) in kinds {
            let answer = give(&format!(r#"{{"type": "{declared}"}}"#), value);
            // A bare object is free-form, a bare array one of free-form elements; neither takes another kind.
            let expected = declared == given || declared == "object";
            assert_eq!(answer.is_ok(), expected, "{given} for {declared}");
        }
    }
}

#[test]
fn null_is_absence_only_where_it_is_allowed() {
    let nullable = r#"{"type": ["string", "null"]}"#;
    assert_eq!(give(nullable, "null"), Ok(None));
    assert_eq!(give(nullable, r#""""#), Ok(Some(Value::String(String::new()))));
    assert_eq!(give(r#"{"type": "string"}"#, "null").unwrap_err().pointer(), Some("/p"));
    assert_eq!(
        give(r#"{"type": "array", "items": {"type": "string"}}"#, "[null]").unwrap_err().pointer(),
        Some("/p/0")
    );
    let elements = give(r#"{"type": "array", "items": {"type": ["string", "null"]}}"#, r#"[null, "a"]"#);
    assert_eq!(elements, Ok(Some(Value::Set(vec![Value::String("a".into())]))));
}

#[test]
fn listed_values_and_formats_are_checked() {
    for (schema, good, bad) in [
        (r#"{"enum": ["a", "b"]}"#, r#""b""#, r#""B""#),
        (r#"{"type": "string", "format": "date"}"#, r#""2024-02-29""#, r#""2023-02-29""#),
        (r#"{"type": "string", "format": "date-time"}"#, r#""2024-02-29T00:00:00Z""#, r#""2024-02-29""#),
        (r#"{"type": "string", "format": "ipv4"}"#, r#""10.0.0.1""#, r#""10.0.0.01""#),
        (r#"{"type": "string", "format": "ipv4"}"#, r#""0.0.0.0""#, r#""10.0.0.0/8""#),
        (r#"{"type": "string", "format": "ipv6"}"#, r#""::1""#, r#""fe80::1%eth0""#),
        (r#"{"items": false}"#, "[]", "[1]"),
    ] {
        assert!(give(schema, good).is_ok(), "{schema}");
        assert!(give(schema, bad).is_err(), "{schema}");
    }
}

#[test]
fn a_missing_required_argument_is_refused() {
    let arguments = typed(r#"{"type": "object", "properties": {"a": {"properties": {"b": {}}, "required": ["b"]}}}"#);
    assert!(check(&arguments, &json("{}")).is_ok());
    let error = check(&arguments, &json(r#"{"a": {}}"#)).unwrap_err();
    assert_eq!(error.to_string(), "at `/a`: required argument `b` is missing (give it a value)");
    // Seen by policies or not.
    let arguments = typed(r#"{"type": "object", "properties": {"a": {"$ref": "x"}}, "required": ["a"]}"#);
    assert!(check(&arguments, &json("{}")).is_err());
    assert_eq!(check(&arguments, &json(r#"{"a": 1}"#)), Ok(BTreeMap::new()));
}

#[test]
fn an_undeclared_argument_is_refused() {
    let closed = typed(r#"{"type": "object", "properties": {"a": {}}}"#);
    let error = check(&closed, &json(r#"{"b": 1}"#)).unwrap_err();
    assert_eq!((error.code(), error.pointer()), ("unknown_field", Some("")));
    let open = typed(r#"{"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}"#);
    assert!(check(&open, &json(r#"{"b": 1}"#)).is_ok());
    assert_eq!(check(&open, &json(r#"{"b": "1"}"#)).unwrap_err().pointer(), Some("/b"));
}

#[test]
fn a_member_whose_schema_is_false_is_refused() {
    assert!(give("false", "null").is_err());
    assert!(check(&typed(r#"{"type": "object", "properties": {"p": false}}"#), &json("{}")).is_ok());
}

#[test]
fn messages_do_not_echo_what_is_long_or_invisible() {
    let long = format!("\"{}\"", "x".repeat(1_000));
    let message = give(r#"{"type": "integer"}"#, &long).unwrap_err().to_string();
    assert_eq!(message, format!("at `/p`: expected integer, found string `{}…`", "x".repeat(64)));
    let message = give(r#"{"type": "integer"}"#, r#""a\u001b[31m\u202e\n""#).unwrap_err().to_string();
    assert_eq!(message, r"at `/p`: expected integer, found string `a\u{1b}[31m\u{202e}\n`");
    let closed = typed(r#"{"type": "object"}"#);
    let error = check(&closed, &json(&format!(r#"{{"{}\u0007": 1}}"#, "k".repeat(60)))).unwrap_err();
    assert!(error.message().contains(r"k\u{7}`"), "{error}");
}
