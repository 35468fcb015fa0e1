//! `toolgate prove` against the engine: a property is proved exactly where no call breaks it.
//!
//! One bundle with a tool for every combination of a few bounds and approvals; what is true of each is found by trying
//! every amount that could make a difference.

#![cfg(feature = "prove")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use toolgate::{Call, Outcome};
use toolgate_workbench::bundle;
use toolgate_workbench::prove::{self, Options, Status};

const ASKED: [&str; 3] = ["true", "context.approval.self", "context.approval.manager"];
const THEN: [&str; 4] = ["never auto_approve", "at least manager_approve", "always denied", "never denied by policy"];

/// Whether an outcome is what a property wants.
fn keeps(then: &str, outcome: Outcome) -> bool {
    match then {
        "never auto_approve" => outcome != Outcome::AutoApprove,
        "at least manager_approve" => !matches!(outcome, Outcome::AutoApprove | Outcome::SelfApprove),
        "always denied" => matches!(outcome, Outcome::Deny | Outcome::TicketFallback),
        _ => !matches!(outcome, Outcome::Deny | Outcome::TicketFallback),
    }
}

#[test]
fn proved_is_what_no_call_breaks() {
    let Ok(solver) = prove::find_solver() else {
        let _ = writeln!(std::io::stderr(), "SKIPPED proved_is_what_no_call_breaks: cvc5 is missing");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    };
    let (mut tools, mut policies, mut properties, mut cases) = (Vec::new(), String::new(), String::new(), Vec::new());
    for (permit, asks) in ASKED.iter().enumerate() {
        for (forbid, lifts) in ASKED.iter().enumerate() {
            for bound in 0..3 {
                for from in 0..3 {
                    let tool = format!("t{permit}{forbid}{bound}{from}");
                    let action = format!("Toolgate::Action::\"s/{tool}\"");
                    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]});
                    tools.push(json!({"name": tool, "inputSchema": schema}));
                    let holds = "principal in resource.entitlements && resource in Toolgate::Server::\"s\"";
                    let _ = writeln!(
                        policies,
                        "@id(\"p-{tool}\") permit (principal, action == {action}, resource) when {{ {holds} && {asks} }};"
                    );
                    // `unless { true }` would never hold, which does not load
                    let unless = if *lifts == "true" { "false" } else { lifts };
                    let _ = writeln!(
                        policies,
                        "@id(\"f-{tool}\") forbid (principal, action == {action}, resource) when {{ context.input.n > {bound} }} unless {{ {unless} && resource.labels.isEmpty() }};"
                    );
                    for (number, then) in THEN.iter().enumerate() {
                        let when = format!(
                            "context.input.n >= {from} && context.input.n < {} && principal in resource.entitlements && principal is Toolgate::Agent",
                            from + 2
                        );
                        let _ = writeln!(
                            properties,
                            "[[property]]\nname = \"{tool}-{number}\"\ntools = [\"s/{tool}\"]\nwhen = '{when}'\nthen = \"{then}\""
                        );
                        cases.push((tool.clone(), from, *then));
                    }
                }
            }
        }
    }
    write("toolgate.toml", "name = \"model\"\nformat = 1\n");
    write("policies/all.cedar", &policies);
    write("properties/all.toml", &properties);
    write("catalog/s.json", &json!(tools).to_string());
    write(
        "catalog.toml",
        "[servers.s]\ndefault_state = \"approved\"\n[[servers.s.rules]]\ntools = [\"*\"]\nentitlements = [\"e\"]\n",
    );
    let snapshot = json!({
        "version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
        "users": [{"id": "ann", "active": true, "manager": "max"}, {"id": "max", "active": true}],
        "clients": [{"id": "cc", "kind": "personal", "state": "active"}], "entitlements": [{"id": "e"}],
        "grants": [{"id": "g", "to": {"user": "ann"}, "entitlement": "e"}],
    });
    write("snapshot.json", &snapshot.to_string());

    let loaded = bundle::load(dir.path()).expect("it loads");
    let files = prove::find_properties(dir.path()).unwrap();
    let properties = prove::read_properties(&files).expect("they can be read");
    let options = Options { solver, timeout: Duration::from_secs(60), workers: 2 };
    let seen = Mutex::new(Vec::new());
    let report = prove::prove(&loaded, &properties, &options, &|progress| {
        seen.lock().unwrap().push((progress.property, progress.environment, progress.name.to_owned()));
    });
    let report = report.expect("it can be proved");

    let mut counts = [0, 0];
    assert_eq!(report.proofs.len(), cases.len());
    for (proof, (tool, from, then)) in report.proofs.iter().zip(&cases) {
        let broken = (*from..*from + 2).any(|n| {
            let call = json!({
                "subject": {"user": "ann", "client": "cc"}, "tool": format!("s/{tool}"), "arguments": {"n": n},
                "session": {"labels": []}, "now": "2026-11-20T10:00:00Z",
            });
            let call = Call::parse(call.to_string().as_bytes()).unwrap();
            !keeps(then, loaded.engine.decide(&call).outcome)
        });
        let expected = if broken { Status::Refuted } else { Status::Proved };
        assert_eq!(proof.status, expected, "{}: {then}: {:?}", proof.property, proof.unknown);
        counts[usize::from(broken)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 50), "both happen: {counts:?}");

    // every environment of every property was told of
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.len(), cases.len() * 2);
    assert!(seen.iter().all(|((property, of), (environment, all), _)| property <= of
        && *of == cases.len()
        && environment <= all
        && *all == 2));
}
