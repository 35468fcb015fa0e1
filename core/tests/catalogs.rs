//! Real servers' tool lists: all load, and their arguments are typed as far as can be.

#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod common;

use std::collections::BTreeMap;

use toolgate::facts::ToolState;
use toolgate::{Bundle, Call, Engine, Json, Outcome, Source, Subject, Typing, Visibility};

const OPEN: &str = r#"@id("open") permit (principal, action, resource);"#;
const SNAPSHOT: &str = r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
    "users": [{"id": "alice", "active": true}], "clients": [{"id": "cc", "kind": "personal", "state": "active"}]}"#;

/// Every list in the folder, under an overlay that approves all of it.
fn bundle(folder: &std::path::Path) -> Bundle {
    let mut tools = BTreeMap::new();
    let mut overlay = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let server = path.file_stem().unwrap().to_string_lossy().into_owned();
        overlay.push_str(&format!("[servers.{server}]\ntrusted = true\ndefault_state = \"approved\"\n"));
        tools.insert(server, Source::new(path.to_string_lossy(), std::fs::read(&path).unwrap()));
    }
    Bundle {
        policies: vec![Source::new("open.cedar", OPEN)],
        tools,
        overlay: Some(Source::new("catalog.toml", overlay)),
        snapshot: Source::new("snapshot.json", SNAPSHOT),
    }
}

#[test]
fn every_real_list_loads_and_is_typed() {
    let Some(shared) = common::shared() else { return };
    let bundle = bundle(&shared.join("catalogs"));
    let engine = Engine::load(&bundle).unwrap_or_else(|error| panic!("{error}"));
    let report = engine.report();
    let (all, full) = (report.tools.len(), report.count(Typing::Full));
    let free_form = report.tools.iter().filter(|tool| tool.typing == Typing::Full && !tool.notes.is_empty()).count();
    common::say(&format!(
        "{all} tools of {} servers: {full} fully typed ({free_form} with free-form parts), {} partly, {} untyped",
        bundle.tools.len(),
        report.count(Typing::Partial),
        report.count(Typing::Untyped),
    ));
    for tool in report.tools.iter().filter(|tool| tool.typing != Typing::Full) {
        println!("  {}: {:?}", tool.tool, tool.notes);
    }
    assert!(bundle.tools.len() >= 11 && all >= 263);
    assert!(full * 100 >= all * 97, "{full} of {all}");

    // each can be decided on, and is shown to whoever may call it
    let now = "2026-11-20T10:00:00Z".parse().unwrap();
    let alice = Subject::agent("alice", "cc");
    let visible = engine.visible_tools(&alice, &Default::default(), now);
    assert!(visible.iter().all(|tool| tool.visibility == Visibility::Callable));
    for (id, tool) in &engine.catalog().tools {
        assert_eq!(tool.state, ToolState::Approved);
        let mut call = Call::new(alice.clone(), id.clone(), now);
        let unknown = engine.decide(&call);
        assert!(matches!(unknown.outcome, Outcome::AutoApprove | Outcome::Deny), "{unknown:?}");
        call.arguments = Json::Object([("no such argument".to_string(), Json::Null)].into());
        assert_eq!(engine.decide(&call).outcome, Outcome::Deny, "{id}");
    }
}

/// The schema that is printed is the schema that policies are checked against, and Cedar reads it.
#[test]
fn the_schema_is_cedar() {
    let Some(shared) = common::shared() else { return };
    let engine = Engine::load(&bundle(&shared.join("catalogs"))).unwrap();
    let (schema, warnings) = cedar_policy::Schema::from_cedarschema_str(&engine.schema()).unwrap();
    assert_eq!(warnings.count(), 0);
    let tools = schema.actions().filter(|action| action.id().unescaped().contains('/')).count();
    assert_eq!(tools, engine.catalog().tools.len());
}
