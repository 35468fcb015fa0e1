//! `toolgate matrix` and `toolgate diff`.

#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{command, path, run, run_with};
use tempfile::TempDir;

const NOW: &str = "2026-11-20T10:00:00Z";
const SHIPPED: [&str; 4] = ["examples/acme", "packs/starter/example", "packs/toxic-flow/example", "workbench/template"];

/// A copy of acme with changes of its files.
fn changed(edits: &[(&str, &str, &str)]) -> (TempDir, String) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let dir = TempDir::new().unwrap();
    let to = dir.path().join("acme");
    copy(&PathBuf::from(path("examples/acme")), &to);
    for (file, from, into) in edits {
        let text = fs::read_to_string(to.join(file)).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        fs::write(to.join(file), text.replace(from, into)).unwrap();
    }
    let at = to.display().to_string();
    (dir, at)
}

fn cell(lines: &[Value], subject: &Value, tool: &str) -> Value {
    lines.iter().find(|line| line["subject"] == *subject && line["tool"] == tool).unwrap().clone()
}

fn alice() -> Value {
    json!({"user": "alice", "client": "claude-code"})
}

#[test]
fn a_cell_says_every_outcome_that_arguments_lead_to() {
    let acme = path("examples/acme");
    let ran = run(&["matrix", &acme, "--now", NOW, "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines = ran.json();
    let refund = cell(&lines, &alice(), "billing/create_refund");
    assert_eq!((&refund["outcome"], &refund["letters"]), (&json!("self_approve"), &json!("SMD")));
    // each outcome with arguments that lead to it: decide says the same
    for answer in refund["answers"].as_array().unwrap() {
        let call = json!({"subject": alice(), "tool": "billing/create_refund", "arguments": answer["arguments"],
            "session": {"calls": 0, "labels": [], "authenticated_at": NOW}, "now": NOW});
        let decided = run_with(&["decide", &acme, "--json"], call.to_string().as_bytes()).json();
        assert_eq!((&decided[0]["outcome"], &decided[0]["reason"]), (&answer["outcome"], &answer["reason"]));
    }
    assert_eq!(cell(&lines, &alice(), "crm/search_records")["letters"], "A");
    assert_eq!(cell(&lines, &alice(), "crm/export_contacts")["letters"], "m");
    let frank = json!({"user": "frank", "client": "cursor"});
    assert_eq!(cell(&lines, &frank, "codehost/merge_pull_request")["letters"], "d");
    // gina left, and intern-bot is closed
    assert!(lines.iter().all(|line| line["subject"]["user"] != "gina" && line["subject"]["client"] != "intern-bot"));
}

#[test]
fn what_the_session_has_seen_counts() {
    let acme = path("examples/acme");
    let letters = |labels: &str| {
        let args = [
            "matrix",
            &acme,
            "--now",
            NOW,
            "--json",
            "--subject",
            "alice/claude-code",
            "--tool",
            "mail/send_message",
            "--labels",
            labels,
        ];
        run(&args).json()[0]["letters"].clone()
    };
    assert_eq!(letters(""), "S");
    assert_eq!(letters("private-data,untrusted-content"), "M");
    assert_eq!(letters("secrets"), "D");
}

#[test]
fn every_shipped_bundle_has_a_matrix_that_fits_the_terminal() {
    for bundle in SHIPPED {
        let at = path(bundle);
        for width in [60usize, 80, 120] {
            let ran = command().args(["matrix", &at]).env("COLUMNS", width.to_string()).output().unwrap();
            assert!(ran.status.success());
            let text = String::from_utf8(ran.stdout).unwrap();
            assert!(text.contains("subjects\n  1  "), "{text}");
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{bundle} at {width}: {line}");
            }
        }
        let lines = run(&["matrix", &at, "--json"]).json();
        assert!(lines.iter().all(|line| !line["answers"].as_array().unwrap().is_empty()), "{bundle}");
    }
}

#[test]
fn the_page_needs_nothing_else_and_runs_nothing_of_the_data() {
    let (dir, at) = changed(&[("snapshot.json", "\"carol\"", "\"<img src=x onerror=alert(1)>\"")]);
    let page = dir.path().join("m.html");
    let ran = run(&["matrix", &at, "--now", NOW, "--html", page.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let html = fs::read_to_string(page).unwrap();
    assert!(html.contains("&lt;img src=x") && !html.contains("<img"));
    for outside in ["http://", "https://", "//cdn", "<link", "src="] {
        // the data may name addresses; markup may not
        let markup = html.split("<script type=\"application/json\"").next().unwrap();
        assert!(!markup.replace("&lt;img src=x", "").contains(outside), "{outside}");
    }
    assert!(
        html.contains("default-src 'none'") && html.contains("lang=\"en\"") && html.contains("prefers-color-scheme")
    );
    let data = html.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert!(data.as_array().unwrap().len() > 5);
}

#[test]
fn patterns_that_name_nothing_are_errors() {
    let acme = path("examples/acme");
    for args in [["--subject", "ghost/*"], ["--tool", "ghost/*"]] {
        let ran = run(&["matrix", &acme, args[0], args[1]]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains("`ghost/*`"), "{}", ran.stderr);
    }
    assert_eq!(run(&["matrix", &acme, "--subject", "alice/*", "--tool", "crm/*"]).code, 0);
}

#[test]
fn recorded_calls_are_tried_too() {
    let acme = path("examples/acme");
    let args =
        ["matrix", &acme, "--now", NOW, "--subject", "frank/cursor", "--tool", "codehost/delete_branch", "--json"];
    let arguments = |lines: Vec<Value>| lines[0]["answers"].to_string();
    assert!(!arguments(run(&args).json()).contains("release/7"));
    let call = json!({"subject": alice(), "tool": "codehost/delete_branch", "now": NOW,
        "arguments": {"repo": "shop", "branch": "release/7", "force": true}});
    let with: Vec<&str> = args.iter().copied().chain(["--calls", "-"]).collect();
    let ran = run_with(&with, call.to_string().as_bytes());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let broken = run_with(&with, b"{\"tool\": 1}");
    assert_eq!(broken.code, 2);
    assert!(broken.stderr.contains("-:1"), "{}", broken.stderr);
}

#[test]
fn a_bundle_does_not_differ_from_itself() {
    for bundle in SHIPPED {
        let at = path(bundle);
        let ran = run(&["diff", &at, &at, "--fail-on", "any"]);
        assert_eq!(ran.code, 0, "{bundle}: {}", ran.stdout);
        assert!(ran.stdout.contains("no answer changed"));
    }
}

#[test]
fn what_became_more_permissive_comes_first_and_is_the_exit_code() {
    let acme = path("examples/acme");
    let looser = [
        ("policies/money.cedar", "context.input.amount > 50000", "context.input.amount > 80000"),
        (
            "policies/writes.cedar",
            "when { principal.client.kind == \"shared\" }",
            "when { principal.client.kind == \"service\" }",
        ),
    ];
    let (_dir, new) = changed(&looser);
    let ran = run(&["diff", &acme, &new]);
    assert_eq!(ran.code, 1);
    let text = &ran.stdout;
    assert!(text.starts_with("more permissive\n"), "{text}");
    assert!(text.contains("billing/create_refund  manager_approve → self_approve"), "{text}");
    assert!(text.contains("~ large-refunds-need-the-manager"), "{text}");
    // from refused to allowed before from much asked to less asked
    let refused = text.find("deny → self_approve").unwrap();
    assert!(refused < text.find("manager_approve → self_approve").unwrap(), "{text}");
    assert_eq!(run(&["diff", &acme, &new, "--fail-on", "never"]).code, 0);
    // the other way round nothing became more permissive, and yet something changed
    let back = run(&["diff", &new, &acme]);
    assert_eq!(back.code, 0, "{}", back.stdout);
    assert!(back.stdout.starts_with("less permissive\n"), "{}", back.stdout);
    assert_eq!(run(&["diff", &new, &acme, "--fail-on", "any"]).code, 1);
}

#[test]
fn longer_and_wider_yeses_are_more_permissive() {
    let acme = path("examples/acme");
    for (from, into) in [("@valid_for(\"1h\")", "@valid_for(\"2h\")"), ("@reuse(\"tool\")", "@reuse(\"server\")")] {
        let (_dir, new) = changed(&[("policies/writes.cedar", from, into)]);
        let lines = run(&["diff", &acme, &new, "--json"]).json();
        let changes: Vec<&Value> = lines.iter().filter(|line| line["kind"] == "change").collect();
        assert!(
            !changes.is_empty() && changes.iter().all(|change| change["direction"] == "wider"),
            "{into}: {changes:?}"
        );
        assert_eq!(run(&["diff", &new, &acme]).code, 0, "{into}: the other way is narrower");
    }
}

#[test]
fn who_and_what_came_and_went_is_listed() {
    let acme = path("examples/acme");
    let (_dir, new) = changed(&[
        ("policies/money.cedar", "@id(\"huge-refunds-are-made-by-finance\")", "@id(\"huge-refunds\")"),
        ("snapshot.json", "\"id\": \"bob\"", "\"id\": \"bert\""),
        ("catalog/crm.json", "\"merge_accounts\"", "\"merge_all\""),
    ]);
    let lines = run(&["diff", &acme, &new, "--json"]).json();
    let summary = lines.last().unwrap();
    let names = |what: &str, how: &str| summary[what][how].to_string();
    assert!(names("policies", "added").contains("huge-refunds"));
    assert!(names("policies", "removed").contains("huge-refunds-are-made-by-finance"));
    assert!(
        names("tools", "added").contains("crm/merge_all") && names("tools", "removed").contains("crm/merge_accounts")
    );
    assert!(names("subjects", "added").contains("bert/cursor") && names("subjects", "removed").contains("bob/cursor"));
}

#[test]
fn recorded_calls_are_decided_by_both() {
    let acme = path("examples/acme");
    let (_dir, new) =
        changed(&[("policies/money.cedar", "context.input.amount > 50000", "context.input.amount > 80000")]);
    let call = |amount: u64| {
        json!({"subject": alice(), "tool": "billing/create_refund", "now": NOW, "session": {"labels": []},
            "arguments": {"invoice_id": "i", "amount": amount, "currency": "EUR"}})
        .to_string()
    };
    let args = ["diff", &acme, &new, "--tool", "crm/search_records", "--calls", "-"];
    let ran = run_with(&args, format!("{}\n{}", call(100), call(60_000)).as_bytes());
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("(call on line 2)") && !ran.stdout.contains("line 1"), "{}", ran.stdout);
    assert_eq!(run_with(&args, call(100).as_bytes()).code, 0);
}
