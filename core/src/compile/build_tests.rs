//! What a build spares itself after another, and what it leaves for later.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::compile::validate::tests::tools;

const POLICIES: [&str; 4] = [
    r#"@id("one") permit (principal, action == Toolgate::Action::"s/t0", resource) when { context.input has a && context.input.a > 1 };"#,
    r#"@id("reads") permit (principal, action in Toolgate::Action::"read", resource) when { resource.sensitive };"#,
    r#"@id("some") forbid (principal, action, resource) when { context has input.b && resource.sensitive };"#,
    r#"@id("else") forbid (principal, action == Toolgate::Action::"s/gone", resource) when { context.input.x };"#,
];

fn bundle(policies: &[&str], tools: &Value) -> Bundle {
    Bundle {
        policies: vec![Source::new("all.cedar", policies.join("\n"))],
        tools: [("s".to_owned(), Source::new("s.json", tools.to_string()))].into(),
        overlay: Some(Source::new("catalog.toml", "[servers.s]\ntrusted = true\ndefault_state = \"approved\"\n")),
        snapshot: Source::new("s.json", r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#),
    }
}

fn two_tools() -> Value {
    let tool = |name: &str, properties: Value| json!({"name": name, "inputSchema": {"type": "object", "properties": properties}, "annotations": {"readOnlyHint": true}});
    json!([
        tool("t0", json!({"a": {"type": "integer"}, "z": {"type": "string"}})),
        tool("t1", json!({"b": {"type": "string"}, "z": {"type": "string"}})),
    ])
}

fn load(bundle: &Bundle, previous: Option<&Compiled>) -> Result<Compiled, Vec<Error>> {
    build_from(previous, bundle, Limits::default())
}

#[test]
fn a_reload_asks_only_of_what_changed() {
    let first = build(&bundle(&POLICIES, &two_tools()), Limits::default()).unwrap();
    assert_eq!(first.validated, 3, "one applies to nothing");
    let reload = |policies: &[&str], change: &dyn Fn(&mut Value)| {
        let mut tools = two_tools();
        change(&mut tools);
        load(&bundle(policies, &tools), Some(&first)).map(|it| it.validated)
    };
    let asked = |change: &dyn Fn(&mut Value)| reload(&POLICIES, change).unwrap();
    assert_eq!(asked(&|_| {}), 0);

    // a policy, or its place
    let mut policies = POLICIES;
    policies.swap(0, 2);
    assert_eq!(reload(&policies, &|_| {}).unwrap(), 0);
    policies[1] =
        r#"@id("reads") permit (principal, action in Toolgate::Action::"read", resource) when { resource.trusted };"#;
    assert_eq!(reload(&policies, &|_| {}).unwrap(), 1);
    policies[1] =
        r#"@id("reads") permit (principal, action in Toolgate::Action::"read", resource) when { resource.trust };"#;
    assert_eq!(reload(&policies, &|_| {}).unwrap_err().len(), 1);

    // what no policy reads, what one reads, and what makes a new class
    let of = |tool: usize, name: &'static str, schema: Value| {
        move |tools: &mut Value| tools[tool]["inputSchema"]["properties"][name] = schema.clone()
    };
    assert_eq!(asked(&of(0, "z", json!({"type": "integer"}))), 0);
    assert_eq!(asked(&of(0, "a", json!({"type": "integer", "minimum": 3}))), 0);
    assert_eq!(asked(&of(1, "a", json!({"type": "string"}))), 0, "of a tool whose policy does not read it");
    assert_eq!(asked(&of(1, "b", json!({"type": "integer"}))), 0, "its presence is all that is read");
    assert_eq!(asked(&of(0, "b", json!({"type": "string"}))), 1, "no tool is without it any more");
    assert_eq!(asked(&|tools| tools[0]["inputSchema"]["required"] = json!(["a"])), 1);
    assert_eq!(asked(&|tools| tools[1]["inputSchema"]["required"] = json!(["b"])), 1);
    assert_eq!(asked(&|tools| tools[1]["annotations"] = json!({})), 0, "the other read stands for all");
    assert_eq!(reload(&POLICIES, &of(0, "a", json!({"type": "string"}))).unwrap_err().len(), 1);

    // tools that policies name come and go
    assert_eq!(asked(&|tools| tools[0]["name"] = json!("other")), 0);
    let come = |tools: &mut Value| {
        tools[1]["name"] = json!("gone");
        tools[1]["inputSchema"]["properties"]["x"] = json!({"type": "boolean"});
        tools[1]["inputSchema"]["required"] = json!(["x"]);
    };
    assert_eq!(asked(&come), 1);
}

#[test]
fn a_reload_is_the_load_of_the_same() {
    let first = build(&bundle(&POLICIES, &two_tools()), Limits::default()).unwrap();
    let again = load(&bundle(&POLICIES, &two_tools()), Some(&first)).unwrap();
    assert!(Arc::ptr_eq(&first.memo, &again.memo) && first.report == again.report && first.digest == again.digest);
    let fewer = bundle(&POLICIES[..1], &two_tools());
    let (fresh, reloaded) = (load(&fewer, None).unwrap(), load(&fewer, Some(&first)).unwrap());
    assert!(fresh.memo == reloaded.memo && fresh.report == reloaded.report && fresh.memo.len() == 1);
}

/// The whole schema is made late; it can be, for its parts were made early.
#[test]
fn the_whole_schema_can_be_made_of_whatever_loads() {
    let strange = "a\"\\\n\u{202e}Toolgate::Json __cedar::Long";
    let list = json!([
        {"name": "t0", "inputSchema": {"type": "object", "properties": {strange: {"type": "string"}, "": {}, "*": {}}}},
        {"name": "t1", "inputSchema": {"type": "object", "additionalProperties": {"type": "array", "items": {}}}},
        {"name": "t2", "inputSchema": 5},
    ]);
    let loaded = build(&bundle(&POLICIES[3..], &list), Limits::default()).unwrap();
    assert_eq!(loaded.schema().unwrap().actions().count(), 3 + 2 + 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_whole_schema_can_be_made_of_any_tools(tools in tools()) {
        let loaded = build(&bundle(&POLICIES[1..2], &Value::from(tools.clone())), Limits::default()).unwrap();
        prop_assert_eq!(loaded.schema().unwrap().actions().count(), tools.len().saturating_add(5));
    }
}

#[test]
fn policies_that_are_asked_of_cedar_are_reported() {
    let text = r#"
        @id("one") permit (principal, action, resource);
        @id("other") permit (principal, action, resource) when { context.approval.self };
    "#;
    let files = [("all.cedar".to_owned(), text.to_owned())];
    let sources = load::policies::read(&files, &Limits::default(), 1).unwrap();
    let mut policies = compile(sources, &mut Symbols::toolgate()).policies;
    assert_eq!(not_compiled(&policies).count(), 0);
    policies[1].condition = None;
    let found: Vec<Finding> = not_compiled(&policies).collect();
    assert_eq!((found.len(), found[0].kind), (1, FindingKind::PolicyNotCompiled));
    assert_eq!(found[0].about.as_ref().map(|about| about.id.as_str()), Some("other"));
    assert!(found[0].message.contains("`other`"), "{}", found[0].message);
    assert_eq!(serde_json::to_value(found[0].kind).unwrap(), "policy_not_compiled");
}
