//! The pages of the lints: every example is compiled. What is to be avoided is reported, what is to be preferred is not.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic; clippy only knows those with #[test]"
)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use toolgate::{Bundle, Engine, Source};
use toolgate_workbench::bundle;
use toolgate_workbench::lint::{self, Finding, LINTS};

/// One fenced block: its language and what follows it, and its text.
struct Block {
    kind: String,
    text: String,
}

fn blocks(page: &str, heading: &str) -> Vec<Block> {
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    for line in section.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some(Block { kind: kind.into(), text: String::new() }),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => block.text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    assert!(open.is_none());
    found
}

fn base() -> Bundle {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples");
    bundle::read_bundle(&dir).unwrap().bundle
}

/// The base with one example in it.
fn with(block: &Block) -> Bundle {
    let mut bundle = base();
    match block.kind.as_str() {
        "cedar" => bundle.policies.push(Source::new("example.cedar", block.text.as_bytes())),
        "toml" => {
            let engine = Engine::load(&base()).unwrap();
            let digest = &engine.catalog().tools[&"files/read_file".parse().unwrap()].definition.digest;
            let text = block.text.replace("sha256:{read_file}", digest);
            let own = std::str::from_utf8(&bundle.overlay.as_ref().unwrap().bytes).unwrap().to_owned();
            // a server that the example has replaces the base's
            let name = text.lines().find_map(|line| line.strip_prefix("[servers.")).unwrap().trim_end_matches(']');
            let tables = own.split("\n\n").filter(|table| {
                let head = table.trim_start_matches('[').strip_prefix("servers.").unwrap();
                head.split(['.', ']']).next() != Some(name)
            });
            let kept = tables.collect::<Vec<_>>().join("\n\n");
            bundle.overlay = Some(Source::new("catalog.toml", format!("{kept}\n\n{text}")));
        }
        "json" => {
            let mut snapshot: Value = serde_json::from_slice(&bundle.snapshot.bytes).unwrap();
            let example: BTreeMap<String, Vec<Value>> = serde_json::from_str(&block.text).unwrap();
            for (section, items) in example {
                let all = snapshot[&section].as_array_mut().unwrap();
                all.retain(|own| items.iter().all(|item| item["id"] != own["id"]));
                all.extend(items);
            }
            bundle.snapshot = Source::new("snapshot.json", serde_json::to_vec_pretty(&snapshot).unwrap());
        }
        other => {
            let file = other.strip_prefix("json ").unwrap_or_else(|| panic!("what is a block of `{other}`?"));
            let server = file.strip_suffix(".json").unwrap();
            bundle.tools.insert(server.into(), Source::new(file, block.text.as_bytes()));
        }
    }
    bundle
}

fn check(bundle: &Bundle) -> Vec<Finding> {
    let engine = Engine::load(bundle).unwrap_or_else(|error| panic!("{error}"));
    lint::check_sources(&engine, bundle, &engine.snapshot(), None)
}

fn said(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}: {}", finding.lint.id, finding.message)).collect()
}

#[test]
fn nothing_is_found_in_what_the_examples_are_added_to() {
    assert_eq!(said(&check(&base())), [""; 0]);
}

#[test]
fn what_is_to_be_avoided_is_reported_and_nothing_else_is() {
    for lint in LINTS.iter().filter(|lint| lint.id != "policy_not_compiled") {
        let examples = blocks(lint.page, "Avoid");
        assert!(!examples.is_empty(), "{}", lint.id);
        for example in examples {
            let found = check(&with(&example));
            let ids: Vec<&str> = found.iter().map(|finding| finding.lint.id).collect();
            assert!(!ids.is_empty() && ids.iter().all(|id| *id == lint.id), "{}: {:?}", lint.id, said(&found));
            for finding in &found {
                assert!(finding.place.span.is_some(), "{}: {:?}", lint.id, finding.place);
            }
        }
    }
}

#[test]
fn what_is_to_be_preferred_is_not_reported() {
    for lint in LINTS.iter().filter(|lint| lint.id != "policy_not_compiled") {
        let examples = blocks(lint.page, "Prefer");
        assert!(!examples.is_empty(), "{}", lint.id);
        for example in examples {
            assert_eq!(said(&check(&with(&example))), [""; 0], "{}", lint.id);
        }
    }
}
