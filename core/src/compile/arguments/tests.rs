use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Schema, ValidationMode, Validator,
};
use proptest::prelude::*;
use serde_json::{Value as Serde, json};

use super::*;
use crate::data::canonical::canonical;
use crate::limits::Limits;
use crate::load::arguments::tests::{from_serde, json as parse, typed};
use crate::load::arguments::{Coverage, type_arguments};

/// A schema with one action per tool.
fn schema<'a>(tools: impl IntoIterator<Item = (&'a str, &'a Arguments)>) -> Result<Schema, String> {
    let ty = |ty: &Json| serde_json::from_str::<Serde>(&canonical(ty)).unwrap();
    let actions: serde_json::Map<_, _> = tools
        .into_iter()
        .map(|(name, arguments)| {
            let context = json!({"type": "Record", "attributes": {"input": ty(&cedar_type(arguments))}});
            let applies = json!({"principalTypes": ["Agent"], "resourceTypes": ["Tool"], "context": context});
            (name.to_owned(), json!({"appliesTo": applies}))
        })
        .collect();
    let fragment = json!({"Toolgate": {
        "commonTypes": {"Json": ty(&json_common_type())},
        "entityTypes": {"Agent": {}, "Tool": {}},
        "actions": actions,
    }});
    // Both ways in: the text has a nesting limit that the value has not.
    Schema::from_json_str(&fragment.to_string()).map_err(|error| error.to_string())?;
    Schema::from_json_value(fragment).map_err(|error| error.to_string())
}

fn uid(text: &str) -> EntityUid {
    EntityUid::from_str(text).unwrap()
}

/// The request for a call of the tool `t`, if Cedar's own check of the context agrees.
fn request(arguments: &Arguments, schema: &Schema, input: &Json) -> Result<Request, String> {
    let input = bind(arguments, input).map_err(|error| format!("refused: {error}"))?;
    let context = Context::from_pairs([("input".to_owned(), input)]).map_err(|error| error.to_string())?;
    let (agent, action, tool) =
        (uid(r#"Toolgate::Agent::"a""#), uid(r#"Toolgate::Action::"t""#), uid(r#"Toolgate::Tool::"t""#));
    Request::new(agent, action, tool, context, Some(schema)).map_err(|error| error.to_string())
}

/// What a policy with this condition, valid against the schema, says of a call.
fn holds(schema_text: &str, input: &str, condition: &str) -> bool {
    let arguments = typed(schema_text);
    let schema = schema([("t", &arguments)]).unwrap();
    let policies =
        PolicySet::from_str(&format!("permit (principal, action, resource) when {{ {condition} }};")).unwrap();
    let validated = Validator::new(schema.clone()).validate(&policies, ValidationMode::Strict);
    assert!(validated.validation_passed(), "{validated}");
    let request = request(&arguments, &schema, &parse(input)).unwrap();
    let answer = Authorizer::new().is_authorized(&request, &policies, &Entities::empty());
    assert_eq!(answer.diagnostics().errors().count(), 0);
    answer.decision() == Decision::Allow
}

#[test]
fn a_policy_reads_every_type() {
    let schema = r#"{"type": "object", "properties": {
        "flag": {"type": "boolean"}, "amount": {"type": "integer"}, "price": {"type": "number"},
        "name": {"type": "string"}, "at": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"}, "ip": {"type": "string", "format": "ipv4"},
        "ip6": {"type": "string", "format": "ipv6"}, "tags": {"type": "array", "items": {"type": "string"}},
        "id": {"type": ["string", "integer", "null"]}, "filter": {"type": "object"}, "any": {},
        "to": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "labels": {"type": "object", "additionalProperties": {"type": "integer"}},
        "mixed": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "maybe": {"type": "array", "items": {"type": ["integer", "null"]}}}}"#;
    for (input, condition) in [
        (r#"{"flag": true}"#, "context.input has flag && context.input.flag"),
        (r#"{"amount": 5e4}"#, "context.input has amount && context.input.amount == 50000"),
        (r#"{"price": -0.5}"#, r#"context.input has price && context.input.price == decimal("-0.5")"#),
        (r#"{"price": 1}"#, r#"context.input has price && context.input.price.lessThan(decimal("1.0001"))"#),
        (r#"{"name": "a*\"\n"}"#, r#"context.input has name && context.input.name == "a*\"\n""#),
        (
            r#"{"at": "2024-01-01T01:00:00.25+01:00"}"#,
            r#"context.input has at && context.input.at == datetime("2024-01-01T00:00:00.250Z")"#,
        ),
        (r#"{"day": "2024-01-01"}"#, r#"context.input has day && context.input.day == datetime("2024-01-01")"#),
        (r#"{"ip": "10.0.0.7"}"#, r#"context.input has ip && context.input.ip.isInRange(ip("10.0.0.0/8"))"#),
        (r#"{"ip6": "::ffff:10.0.0.7"}"#, r#"context.input has ip6 && context.input.ip6 == ip("::ffff:a00:7")"#),
        (r#"{"tags": ["x", "y"]}"#, r#"context.input has tags && context.input.tags.containsAll(["y", "x"])"#),
        (r#"{"id": 7}"#, "context.input has id.integer && context.input.id.integer == 7"),
        (r#"{"id": "7"}"#, r#"context.input has id.string && context.input.id.string == "7""#),
        (r#"{"id": null}"#, "!(context.input has id)"),
        (r#"{"filter": {}}"#, "context.input has filter && context.input.filter.keys.isEmpty()"),
        (r#"{"any": {"b": 1, "a": []}}"#, r#"context.input has any && context.input.any.text == "{\"a\":[],\"b\":1}""#),
        (r#"{"any": null}"#, r#"context.input has any && context.input.any.kind == "null""#),
        (r#"{"to": {"city": "Ulm"}}"#, r#"context.input has to && context.input.to.city == "Ulm""#),
        (
            r#"{"labels": {"a": 1}}"#,
            r#"context.input has labels && context.input.labels.entries.contains({key: "a", value: 1})"#,
        ),
        (r#"{"labels": {"a": 1}}"#, r#"context.input has labels && context.input.labels.keys == ["a"]"#),
        (r#"{"maybe": [null, 1]}"#, "context.input has maybe && context.input.maybe.contains(1)"),
        (r#"{"mixed": ["bug", 7]}"#, r#"context.input has mixed && context.input.mixed.string.contains("bug")"#),
        (r#"{"mixed": ["bug", 7]}"#, "context.input has mixed.integer && context.input.mixed.integer == [7]"),
        (r#"{"mixed": []}"#, "context.input has mixed && context.input.mixed.string.isEmpty()"),
    ] {
        assert!(holds(schema, input, condition), "{condition}");
        assert!(!holds(schema, "{}", &condition.replace("!(context.input has id)", "false")), "{condition}");
    }
}

#[test]
fn extras_stand_under_the_star() {
    let schema = r#"{"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": true}"#;
    assert!(holds(schema, r#"{"b": 1, "c": 2}"#, r#"context.input["*"].keys == ["b", "c"]"#));
    assert!(holds(schema, r#"{"a": "x"}"#, r#"context.input["*"].keys.isEmpty()"#));
    let value =
        r#"context.input["*"].entries.contains({key: "b", value: {kind: "number", keys: ["x", "y"], text: "1"}})"#;
    assert!(!holds(schema, r#"{"b": 1}"#, value));
}

#[test]
fn nothing_in_an_argument_becomes_an_entity_or_an_extension() {
    let schema = r#"{"type": "object", "properties": {"s": {"type": "string"}, "f": {}, "n": {"type": "integer"},
        "__entity": {"type": "object", "properties": {"type": {"type": "string"}, "id": {"type": "string"}}}}}"#;
    let entity = r#"{"__entity": {"type": "Toolgate::Agent", "id": "a"}}"#;
    let extension = r#"{"__extn": {"fn": "decimal", "arg": "1.0"}}"#;
    let arguments = typed(schema);
    for escape in [entity, extension] {
        for name in ["s", "n"] {
            let refused = bind(&arguments, &parse(&format!(r#"{{"{name}": {escape}}}"#))).unwrap_err();
            assert_eq!(refused.code(), "wrong_type");
        }
        let free = format!(r#"{{"f": {escape}}}"#);
        assert!(holds(schema, &free, r#"context.input has f && context.input.f.kind == "object""#));
    }
    assert!(holds(schema, entity, r#"context.input has __entity.id && context.input.__entity.id == "a""#));
    for text in
        [r#"Toolgate::Agent::"a""#, "decimal(\"1.0\")", "\"); permit(principal,action,resource);//", "\\\n\u{0}"]
    {
        let input = Json::Object([("s".to_owned(), Json::String(text.to_owned()))].into());
        let bound = bind(&arguments, &input).unwrap();
        let expected =
            RestrictedExpression::new_record([("s".to_owned(), RestrictedExpression::new_string(text.to_owned()))]);
        assert_eq!(format!("{bound:?}"), format!("{:?}", expected.unwrap()));
    }
}

#[test]
fn cedar_takes_every_member_name() {
    let odd = [
        "",
        " ",
        "\"",
        "\\",
        "'",
        "::",
        "a::b",
        "*",
        "/",
        "~",
        "é",
        "名",
        "\u{202e}x",
        "\u{0}",
        "\n",
        "if",
        "in",
        "has",
        "like",
        "is",
        "true",
        "principal",
        "context",
        "type",
        "attributes",
        "required",
        "element",
        "name",
        "__cedar",
        "__cedar::Long",
        "__entity",
        "__extn",
        "__expr",
        "Long",
        "String",
        "Record",
        "Set",
        "Toolgate::Json",
        "${x}",
    ];
    let long = "x".repeat(10_000);
    let names = odd.iter().copied().chain([long.as_str()]);
    let properties: serde_json::Map<_, _> =
        names.clone().map(|name| (name.to_owned(), json!({"type": "integer"}))).collect();
    let arguments =
        type_arguments(&from_serde(&json!({"type": "object", "properties": properties})), &Limits::default());
    assert_eq!(arguments.coverage(), Coverage::Full);
    let schema = schema([("t", &arguments)]).unwrap();
    let values: BTreeMap<_, _> = names.map(|name| (name.to_owned(), parse("1"))).collect();
    request(&arguments, &schema, &Json::Object(values)).unwrap();
}

#[test]
fn cedar_takes_the_deepest_types_there_are() {
    let wraps: [fn(Serde) -> Serde; 5] = [
        |inner| json!({"type": "object", "properties": {"a": inner}}),
        |inner| json!({"type": "object", "additionalProperties": inner}),
        |inner| json!({"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": inner}}),
        |inner| json!({"type": ["object", "array"], "items": {"type": ["null", "string"]}, "properties": {"a": inner}}),
        |inner| json!({"type": ["array", "null"], "items": inner}),
    ];
    for wrap in wraps {
        for levels in 0..70 {
            let inner = (0..levels)
                .fold(json!({"type": "array", "items": {"type": ["integer", "null"]}}), |inner, _| wrap(inner));
            let root = from_serde(&json!({"type": "object", "properties": {"p": inner}}));
            let arguments = type_arguments(&root, &Limits::default());
            assert_eq!(arguments.coverage(), Coverage::Full);
            let schema = schema([("t", &arguments)]).unwrap();
            request(&arguments, &schema, &parse("{}")).unwrap();
        }
    }
    // Thirty levels are typed to the last.
    let arguments = typed(&nest(30, r#"{"type": "object", "properties": {"a": "#, r#"{"type": "integer"}"#, "}}"));
    assert_eq!((arguments.coverage(), arguments.has_free_form()), (Coverage::Full, false));
    let schema = schema([("t", &arguments)]).unwrap();
    request(&arguments, &schema, &parse(&nest(30, r#"{"a": "#, "1", "}"))).unwrap();
    assert!(request(&arguments, &schema, &parse(&nest(30, r#"{"a": "#, "1.5", "}"))).is_err());
}

fn nest(levels: usize, before: &str, middle: &str, after: &str) -> String {
    format!("{}{middle}{}", before.repeat(levels), after.repeat(levels))
}

#[test]
fn an_untyped_tool_has_an_empty_input() {
    let arguments = typed(r#"{"type": "string"}"#);
    let schema = schema([("t", &arguments)]).unwrap();
    request(&arguments, &schema, &parse(r#"{"anything": [1]}"#)).unwrap();
    request(&arguments, &schema, &parse("3")).unwrap();
}

#[test]
fn decimals_are_written_exactly() {
    for (scaled, text) in
        [(0, "0.0000"), (-1, "-0.0001"), (i64::MAX, "922337203685477.5807"), (i64::MIN, "-922337203685477.5808")]
    {
        assert_eq!(decimal(scaled), text);
        Context::from_pairs([("d".to_owned(), RestrictedExpression::new_decimal(text))]).unwrap();
    }
}

/// A schema and a value that it accepts, unless the schema clashes with itself.
fn pairs(clashes: u32) -> impl Strategy<Value = (Serde, Serde)> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(|bool| (json!({"type": "boolean"}), json!(bool))),
        any::<i32>().prop_map(|long| (json!({"type": "integer"}), json!(long))),
        any::<i32>().prop_map(|long| (json!({"type": "number"}), json!(f64::from(long) / 16.0))),
        ".{0,6}".prop_map(|text| (json!({"type": "string"}), json!(text))),
        "[a-c]".prop_map(|text| (json!({"enum": ["a", "b", "c", null, 3]}), json!(text))),
        "[0-9]{4}".prop_map(|year| (json!({"type": "string", "format": "date"}), json!(format!("{year}-02-03")))),
        any::<u32>().prop_map(|ip| {
            (json!({"type": "string", "format": "ipv4"}), json!(std::net::Ipv4Addr::from(ip).to_string()))
        }),
        any::<u128>().prop_map(|ip| {
            (json!({"type": "string", "format": "ipv6"}), json!(std::net::Ipv6Addr::from(ip).to_string()))
        }),
        Just((json!({"type": ["null", "string"]}), Serde::Null)),
        Just((json!({"type": "null"}), Serde::Null)),
        values().prop_map(|value| (json!({}), value)),
        Just((json!({"$ref": "#/$defs/tree"}), json!({"name": "n", "children": [{"name": "m"}]}))),
        Just((json!({"$ref": "#/$defs/id"}), json!(17))),
        values().prop_map(|value| (json!({"$ref": "other.json"}), value)),
    ];
    leaf.prop_recursive(4, 24, 5, move |inner| {
        let member = ("[a-e*]|\\PC{0,3}", any::<bool>(), any::<bool>(), inner.clone());
        let object = (prop::collection::vec(member, 0..5), 0..4_u8, inner.clone()).prop_map(|(members, extras, extra)| {
            let (mut properties, mut value, mut required) = (serde_json::Map::new(), serde_json::Map::new(), vec![]);
            for (name, needed, given, (schema, sample)) in members {
                if properties.contains_key(&name) {
                    continue;
                }
                if needed || given {
                    value.insert(name.clone(), sample);
                }
                if needed {
                    required.push(name.clone());
                }
                properties.insert(name, schema);
            }
            let mut schema = json!({"type": "object", "required": required});
            if !properties.is_empty() || extras != 0 {
                schema["properties"] = Serde::Object(properties);
            }
            match extras {
                1 => schema["additionalProperties"] = json!(false),
                2 => {
                    schema["additionalProperties"] = extra.0;
                    value.entry("extra").or_insert(extra.1);
                }
                _ => {}
            }
            (schema, Serde::Object(value))
        });
        let array = prop::collection::vec(inner.clone(), 0..3).prop_map(|items| {
            let (schemas, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
            (json!({"type": "array", "items": {"anyOf": if schemas.is_empty() { vec![json!(true)] } else { schemas }}}), json!(values))
        });
        let tuple = (prop::collection::vec(inner.clone(), 1..3), any::<bool>()).prop_map(|(items, draft)| {
            let (schemas, values): (Vec<_>, Vec<_>) = items.into_iter().unzip();
            (if draft { json!({"type": "array", "items": schemas}) } else { json!({"prefixItems": schemas}) }, json!(values))
        });
        let union = (prop::collection::vec(inner.clone(), 1..4), any::<prop::sample::Index>(), any::<bool>()).prop_map(
            |(variants, chosen, one)| {
                let (schemas, values): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
                (json!({(if one { "oneOf" } else { "anyOf" }): schemas}), values[chosen.index(values.len())].clone())
            },
        );
        let whole = inner.clone().prop_map(|(schema, value)| (json!({"allOf": [schema, {}], "title": "t"}), value));
        let clash = (inner.clone(), inner).prop_map(|(left, right)| (json!({"allOf": [left.0, right.0]}), left.1));
        prop_oneof![3 => object, 2 => array, 1 => tuple, 2 => union, 1 => whole, clashes => clash]
    })
}

pub(crate) fn values() -> impl Strategy<Value = Serde> {
    let leaf = prop_oneof![
        Just(Serde::Null),
        any::<bool>().prop_map(Serde::from),
        any::<i64>().prop_map(Serde::from),
        any::<f64>().prop_filter_map("finite", |float| float.is_finite().then(|| Serde::from(float))),
        "\\PC{0,4}".prop_map(Serde::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Serde::from),
            prop::collection::btree_map("[a-e*]|__entity|name", inner, 0..3)
                .prop_map(|members| Serde::Object(members.into_iter().collect())),
        ]
    })
}

/// A tool of these arguments, and a call of it.
pub(crate) fn tool(clashes: u32) -> impl Strategy<Value = (Serde, serde_json::Map<String, Serde>)> {
    prop::collection::btree_map("[a-e]|\\PC{1,2}", (pairs(clashes), any::<bool>()), 0..4).prop_map(|members| {
        let (mut properties, mut given, mut required) = (serde_json::Map::new(), serde_json::Map::new(), vec![]);
        for (name, ((schema, value), needed)) in members {
            if needed {
                required.push(name.clone());
            }
            properties.insert(name.clone(), schema);
            given.insert(name, value);
        }
        let document = json!({"type": "object", "properties": properties, "required": required, "$defs": {
            "id": {"type": "integer"},
            "tree": {"type": "object", "required": ["name"], "properties": {
                "name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}},
        }});
        (document, given)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_type_and_the_value_always_agree((document, given) in tool(1), others in prop::collection::vec(values(), 4)) {
        let arguments = type_arguments(&from_serde(&document), &Limits::default());
        prop_assert_ne!(arguments.coverage(), Coverage::Untyped);
        let schema = schema([("t", &arguments)]).map_err(TestCaseError::fail)?;
        let mut inputs = vec![from_serde(&Serde::Object(given.clone())), parse("{}")];
        for other in others {
            inputs.push(from_serde(&other));
            // The same call with one argument of another kind.
            if let Some(name) = given.keys().next() {
                let mut changed = given.clone();
                changed.insert(name.clone(), other);
                inputs.push(from_serde(&Serde::Object(changed)));
            }
        }
        for input in &inputs {
            if let Err(error) = request(&arguments, &schema, input) {
                prop_assert!(error.starts_with("refused: "), "{} for {:?} of {}", error, input, document);
            }
        }
    }

    #[test]
    fn what_conforms_is_accepted((document, given) in tool(0)) {
        let arguments = type_arguments(&from_serde(&document), &Limits::default());
        let accepted = bind(&arguments, &from_serde(&Serde::Object(given.clone())));
        prop_assert!(accepted.is_ok(), "{:?} for {:?} of {}", accepted, given, document);
    }

    /// Documents nobody would write: keywords with anything under them.
    #[test]
    fn no_schema_panics(parts in prop::collection::vec((prop::sample::select(KEYWORDS), values()), 1..6), input in values()) {
        let mut document = json!({"type": "object"});
        let mut inner = Serde::Object(parts.iter().map(|(keyword, value)| ((*keyword).to_owned(), value.clone())).collect());
        for (keyword, _) in &parts {
            inner = json!({(*keyword): {"a": inner.clone(), "$ref": "#"}, "allOf": [inner.clone()], "items": [inner]});
        }
        document["properties"] = json!({"a": inner});
        for document in [document, inner] {
            let arguments = type_arguments(&from_serde(&document), &Limits::default());
            let schema = schema([("t", &arguments)]).map_err(TestCaseError::fail)?;
            for input in [input.clone(), json!({"a": input.clone()})] {
                if let Err(error) = request(&arguments, &schema, &from_serde(&input)) {
                    prop_assert!(error.starts_with("refused: "), "{} for {:?} of {}", error, input, document);
                }
            }
        }
    }
}

const KEYWORDS: &[&str] = &[
    "type",
    "enum",
    "const",
    "format",
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "items",
    "prefixItems",
    "additionalItems",
    "$ref",
    "$id",
    "$defs",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "nullable",
];
