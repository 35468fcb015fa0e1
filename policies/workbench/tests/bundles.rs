//! Every command on every bundle of the repository; the answers are those of the READMEs.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may panic; clippy only knows those with #[test]"
)]

mod support;

use std::collections::BTreeSet;

use support::{path, policies, run};
use toolgate_workbench::{bundle, source};

/// The bundles of the repository, each with the README that says what its calls come to.
const BUNDLES: &[(&str, &str)] = &[
    ("examples/acme", "examples/acme/README.md"),
    ("packs/starter/example", "packs/starter/README.md"),
    ("packs/toxic-flow/example", "packs/toxic-flow/README.md"),
];

const OUTCOMES: [&str; 5] = ["auto_approve", "self_approve", "manager_approve", "deny", "ticket_fallback"];

/// One row of a README's table: the line, and what it says the outcome, the reason and the approver are.
struct Row {
    line: usize,
    tool: String,
    outcome: String,
    reason: Option<String>,
    by: Option<String>,
}

fn table(readme: &str) -> Vec<Row> {
    let text = std::fs::read_to_string(policies().join(readme)).unwrap();
    let mut rows = Vec::new();
    for text in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = text.trim_matches('|').split('|').map(str::trim).collect();
        let Ok(line) = cells[0].parse() else { continue };
        let cell =
            cells.iter().find(|cell| OUTCOMES.iter().any(|outcome| cell.starts_with(&format!("`{outcome}`")))).unwrap();
        let tool = cells.iter().find_map(|cell| {
            let tool = cell.strip_prefix('`')?.split('`').next()?;
            tool.contains('/').then(|| tool.to_string())
        });
        let words: Vec<&str> = cell.split(['`', ' ', ',']).filter(|word| !word.is_empty()).collect();
        rows.push(Row {
            line,
            // `the same`
            tool: tool.or_else(|| rows.last().map(|row: &Row| row.tool.clone())).unwrap(),
            outcome: words[0].into(),
            reason: cell.split('`').nth(3).map(Into::into),
            by: words.iter().position(|&word| word == "by").map(|at| words[at + 1].to_string()),
        });
    }
    rows
}

#[test]
fn every_call_comes_out_as_the_readme_says() {
    for (bundle, readme) in BUNDLES {
        let bundle_path = path(bundle);
        let ran = run(&["decide", &bundle_path, "--calls", &format!("{bundle_path}/calls.jsonl"), "--json"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{bundle}");
        let (decisions, rows) = (ran.json(), table(readme));
        let calls = std::fs::read_to_string(policies().join(bundle).join("calls.jsonl")).unwrap();
        assert_eq!((decisions.len(), calls.lines().count()), (rows.len(), rows.len()), "{bundle}");
        let mut wrong = Vec::new();
        for ((decision, call), row) in decisions.iter().zip(calls.lines()).zip(&rows) {
            let call: serde_json::Value = serde_json::from_str(call).unwrap();
            assert_eq!(call["tool"], row.tool.as_str(), "{bundle} line {}", row.line);
            let (outcome, reason) = (&decision["outcome"], &decision["reason"]);
            let asked = if decision["access_request"].is_null() { "approval_request" } else { "access_request" };
            let approvers = &decision[asked]["approvers"];
            let fits = outcome == row.outcome.as_str()
                && row.reason.as_ref().is_none_or(|expected| reason == expected.as_str())
                && row.by.as_ref().is_none_or(|by| approvers[0] == by.as_str() && approvers[1].is_null());
            if !fits {
                wrong.push(format!(
                    "line {}: expected {} {:?} by {:?}, not {outcome} {reason} by {approvers}; {}",
                    row.line, row.outcome, row.reason, row.by, decision["detail"]
                ));
            }
        }
        assert!(wrong.is_empty(), "{bundle}\n{}", wrong.join("\n"));
    }
    let acme = table("examples/acme/README.md");
    assert_eq!(acme.len(), 20);
    assert!(acme.iter().all(|row| row.reason.is_some()));
    assert_eq!(acme.iter().map(|row| row.outcome.as_str()).collect::<BTreeSet<_>>(), BTreeSet::from(OUTCOMES));
}

#[test]
fn the_table_shows_every_call_within_the_width() {
    for (bundle, readme) in BUNDLES {
        let (bundle, rows) = (path(bundle), table(readme));
        for width in ["80", "100", "180"] {
            let out = support::command()
                .args(["decide", &bundle, "--calls", &format!("{bundle}/calls.jsonl")])
                .env("COLUMNS", width)
                .output()
                .unwrap();
            let text = String::from_utf8(out.stdout).unwrap();
            for row in &rows {
                assert!(text.contains(&row.tool), "{width}: {}\n{text}", row.tool);
            }
            let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= width.parse().unwrap(), "{widest} > {width}\n{text}");
            assert!(text.contains(&format!("\n{} calls:", rows.len())));
        }
    }
}

#[test]
fn every_bundle_checks() {
    for (bundle, _) in BUNDLES {
        let bundle = path(bundle);
        let ran = run(&["check", &bundle]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
        assert!(ran.stdout.contains("fully typed") && ran.stdout.contains("engine sha256:"), "{}", ran.stdout);
        let ran = run(&["check", &bundle, "--json"]);
        let json = ran.json();
        assert_eq!((ran.code, json.len(), &json[0]["loads"]), (0, 1, &true.into()));
        assert_eq!(json[0]["tools"]["total"], json[0]["tools"]["full"], "{}", ran.stdout);
    }
}

#[test]
fn every_bundle_has_a_schema() {
    for (bundle, _) in BUNDLES {
        let ran = run(&["schema", &path(bundle)]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        assert!(ran.stdout.contains("namespace Toolgate") && !ran.stdout.contains("\\t"), "{}", ran.stdout);
    }
}

#[test]
fn every_bundle_has_an_inventory() {
    for (bundle, _) in BUNDLES {
        let bundle = path(bundle);
        let (people, machines) = (run(&["tools", &bundle]), run(&["tools", &bundle, "--json"]));
        assert_eq!((people.code, machines.code), (0, 0));
        for tool in machines.json() {
            let tool_id = tool["tool"].as_str().unwrap();
            assert!(people.stdout.contains(tool_id), "{tool_id}\n{}", people.stdout);
            assert_eq!(tool["digest"].as_str().unwrap().len(), "sha256:".len() + 64);
        }
    }
}

#[test]
fn what_can_be_called_is_visible() {
    for (bundle, _) in BUNDLES {
        let bundle = path(bundle);
        let decisions = run(&["decide", &bundle, "--calls", &format!("{bundle}/calls.jsonl"), "--json"]).json();
        let calls = std::fs::read_to_string(format!("{bundle}/calls.jsonl")).unwrap();
        for (call, decision) in calls.lines().zip(decisions) {
            let call: serde_json::Value = serde_json::from_str(call).unwrap();
            let subject = match call["subject"]["service_principal"].as_str() {
                Some(id) => id.to_string(),
                None => format!(
                    "{}/{}",
                    call["subject"]["user"].as_str().unwrap(),
                    call["subject"]["client"].as_str().unwrap()
                ),
            };
            let labels: Vec<&str> =
                call["session"]["labels"].as_array().into_iter().flatten().filter_map(|label| label.as_str()).collect();
            let labels = labels.join(",");
            let mut args =
                vec!["tools", &bundle, "--subject", &subject, "--now", call["now"].as_str().unwrap(), "--json"];
            if !labels.is_empty() {
                args.extend(["--labels", labels.as_str()]);
            }
            if let Some(acr) = call["session"]["acr"].as_str() {
                args.extend(["--acr", acr]);
            }
            let ran = run(&args);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            let seen = ran.json().into_iter().find(|tool| tool["tool"] == call["tool"]);
            if ["auto_approve", "self_approve", "manager_approve"].iter().any(|outcome| decision["outcome"] == *outcome)
            {
                assert!(seen.is_some(), "{call} can be called or asked for, and is hidden");
            }
        }
    }
}

/// Every policy that ships is found in its text, with all of its conditions.
#[test]
fn every_policy_is_found_in_its_text() {
    for (bundle, _) in BUNDLES {
        let loaded = bundle::load(&policies().join(bundle)).unwrap();
        let files = source::read(&loaded.folder.bundle.policies).unwrap();
        let mut found: Vec<&str> =
            files.iter().flat_map(|file| &file.policies).map(|policy| policy.id.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, loaded.engine.policy_ids().collect::<Vec<_>>());
        for file in &files {
            for policy in &file.policies {
                assert!(!policy.comments.is_empty(), "{}", policy.id);
                let whole = file.at(&policy.span);
                assert_eq!(whole.matches("when {").count() + whole.matches("unless {").count(), policy.clauses.len());
            }
        }
    }
}
