//! The command line itself: exit codes, errors with their place, input, pipes.

mod support;

use std::fs;
use std::process::Stdio;

use support::{command, path, run, run_with};

const CALL: &str = r#"{"subject": {"user": "ann", "client": "claude-code"}, "tool": "expenses/list_expenses",
  "arguments": {"month": "2026-10"}, "session": {"labels": []},
  "now": "2026-11-20T09:30:00Z"}"#;

/// A fresh bundle, as `init` writes it.
#[expect(clippy::expect_used, reason = "tests may panic; clippy only knows those with #[test]")]
fn fresh() -> (tempfile::TempDir, String) {
    let temp = tempfile::tempdir().expect("a temporary folder");
    let dir = temp.path().join("demo").display().to_string();
    let ran = run(&["init", &dir]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (temp, dir)
}

#[test]
fn init_writes_a_bundle_with_all_five_outcomes() {
    let (_temp, dir) = fresh();
    let check = run(&["check", &dir]);
    assert_eq!(check.code, 0, "{}", check.stdout);
    assert!(!check.stdout.contains("note:"), "nothing to find in the template: {}", check.stdout);
    let decided = run(&["decide", &dir, "--calls", &format!("{dir}/calls.jsonl"), "--json"]);
    let outcomes: Vec<String> =
        decided.json().iter().map(|decision| decision["outcome"].as_str().unwrap().into()).collect();
    assert_eq!(
        outcomes,
        [
            "auto_approve",
            "self_approve",
            "manager_approve",
            "auto_approve",
            "deny",
            "manager_approve",
            "deny",
            "ticket_fallback"
        ],
        "{}",
        decided.stdout
    );
}

#[test]
fn init_refuses_a_folder_that_is_not_empty() {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("mine.txt"), "mine").unwrap();
    let dir = temp.path().display().to_string();
    let ran = run(&["init", &dir]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("not empty") && ran.stderr.contains(&dir), "{}", ran.stderr);
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    assert_eq!(run(&["init", &format!("{dir}/mine.txt")]).code, 2);
    fs::create_dir(temp.path().join("empty")).unwrap();
    assert_eq!(run(&["init", &format!("{dir}/empty")]).code, 0);
}

#[test]
fn one_call_sets_the_exit_code() {
    let (_temp, dir) = fresh();
    let decide = |call: &str| run_with(&["decide", &dir], call.as_bytes());
    let ran = decide(CALL);
    assert_eq!(ran.code, 0, "one object over many lines: {}", ran.stdout);
    assert!(ran.stdout.contains("auto_approve") && ran.stdout.contains("1 call: 1 auto_approve"), "{}", ran.stdout);
    assert_eq!(decide(&CALL.replace("ann", "tom")).code, 1, "ticket_fallback");
    assert_eq!(decide(&CALL.replace("list_", "delete_")).code, 1, "deny");
    let calls = std::fs::read_to_string(format!("{dir}/calls.jsonl")).unwrap();
    let asks = decide(calls.lines().nth(1).unwrap());
    assert!(asks.code == 1 && asks.stdout.contains("self_approve"), "nobody was asked yet: {}", asks.stdout);
    let several = format!("{0}\n{0}\n", CALL.replace("ann", "tom").replace('\n', " "));
    assert_eq!(decide(&several).code, 0, "the answers are in the output");
    assert_eq!(decide("").code, 2, "no calls");
    assert_eq!(run(&["decide", &dir, "--calls", "no-such-file.jsonl"]).code, 2);
    assert_eq!(run(&["decide", "no-such-folder", "--calls", "-"]).code, 2);
}

#[test]
fn a_line_that_is_no_call_is_denied_not_skipped() {
    let (_temp, dir) = fresh();
    let good = CALL.replace('\n', " ");
    let input = format!("{good}\n\nnot json\n{{\"tool\": \"a/b\", \"tool\": \"c/d\"}}\n{good}\n");
    let ran = run_with(&["decide", &dir, "--json", "--calls", "-"], input.as_bytes());
    let reasons: Vec<_> = ran.json().iter().map(|decision| decision["reason"].as_str().unwrap().to_string()).collect();
    assert_eq!(reasons, ["allowed_held", "invalid_request", "invalid_request", "allowed_held"]);
    let ran = run_with(&["decide", &dir], b"{\n  \"subject\": 1,\n}\n");
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("1 call: 1 deny"), "a broken object is one call: {}", ran.stdout);
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let (_temp, dir) = fresh();
    let call = CALL.replace("expenses/list_expenses", "expenses/\\u001b[2J\\u009b\\u202e").replace('\n', " ");
    for args in [vec!["decide", &dir], vec!["decide", &dir, "--json"]] {
        let ran = run_with(&args, call.as_bytes());
        assert!(!ran.stdout.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202e}')), "{:?}", ran.stdout);
    }
}

#[test]
fn missing_files_are_named_with_the_way_out() {
    let (temp, dir) = fresh();
    let refused = |expected: &[&str]| {
        let ran = run(&["check", &dir]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        for text in expected {
            assert!(ran.stderr.contains(text), "{text}\n{}", ran.stderr);
        }
        assert_eq!(run(&["tools", &dir]).code, 2);
    };
    let file = |name: &str| temp.path().join("demo").join(name);
    fs::write(file("snapshot.jsonl"), "{}").unwrap();
    refused(&["demo/snapshot.json", "snapshot.jsonl` lies beside it"]);
    fs::remove_file(file("snapshot.jsonl")).unwrap();
    fs::remove_file(file("snapshot.json")).unwrap();
    fs::remove_dir_all(file("policies")).unwrap();
    refused(&["demo/snapshot.json", "demo/policies/*.cedar", "no file matches", "help:", "2 errors"]);
    fs::remove_file(file("toolgate.toml")).unwrap();
    refused(&["demo/toolgate.toml", "toolgate init", "1 error"]);
    let ran = run(&["check", &dir, "--json"]);
    assert_eq!((ran.code, &ran.json()[0]["loads"]), (2, &false.into()));
    assert_eq!(run(&["check", "no-such-folder"]).code, 2);
}

#[test]
fn manifest_patterns_are_checked() {
    let (temp, dir) = fresh();
    let manifest = temp.path().join("demo/toolgate.toml");
    let check = |policies: &str| {
        fs::write(&manifest, format!("name = \"demo\"\nformat = 1\npolicies = {policies}\n")).unwrap();
        run(&["check", &dir])
    };
    let twice = check(r#"["policies/*.cedar", "policies/limits.cedar", "policies/../policies/*.cedar"]"#);
    assert_eq!(twice.code, 0, "a file that two patterns match is read once: {}", twice.stdout);
    for (policies, expected) in [
        (r#"["policies/*.cedar", "more/*.cedar"]"#, "no file matches"),
        (r#"["*/x.cedar"]"#, "not of a folder"),
        (r#"["/etc/*.cedar"]"#, "not a path relative"),
        (r#"["policies/gone.cedar"]"#, "no such file"),
        ("[]", "is empty"),
    ] {
        let ran = check(policies);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.contains(expected), "{policies}: {}", ran.stderr);
    }
}

#[test]
fn faults_are_shown_with_their_place() {
    let (temp, dir) = fresh();
    let file = |name: &str| temp.path().join("demo").join(name);
    let check = |name: &str, text: &str, expected: &[&str]| {
        let before = fs::read_to_string(file(name)).unwrap_or_default();
        fs::write(file(name), text).unwrap();
        let ran = run(&["check", &dir]);
        assert_eq!(ran.code, 1, "{name}: {}{}", ran.stdout, ran.stderr);
        for text in expected {
            assert!(ran.stdout.contains(text), "{text}\n{}", ran.stdout);
        }
        let json = run(&["check", &dir, "--json"]).json();
        assert_eq!(json.len(), 1);
        assert!(json[0]["errors"][0]["file"].as_str().unwrap().ends_with(name), "{json:?}");
        let decide = run_with(&["decide", &dir], CALL.as_bytes());
        assert_eq!((decide.code, decide.stdout.as_str()), (2, ""));
        assert!(decide.stderr.contains("error["), "{}", decide.stderr);
        if before.is_empty() { fs::remove_file(file(name)).unwrap() } else { fs::write(file(name), before).unwrap() }
    };
    check(
        "toolgate.toml",
        "name = \"demo\"\nformat = = 1\n",
        &["error[toml_syntax]", "demo/toolgate.toml:2", "^", "1 error"],
    );
    check("catalog.toml", "[servers.expenses]\ntrusty = true\n", &["error[unknown_field]", "demo/catalog.toml"]);
    check(
        "policies/bad.cedar",
        "@id(\"bad\")\npermit (principal, action, ressource);\n",
        &["error[policy_syntax]", "demo/policies/bad.cedar:2:", " 2 | permit", "^"],
    );
    check(
        "policies/zz.cedar",
        "@id(\"no-deletes\")\nforbid (principal, action, resource);\n",
        &["error[duplicate_id]", "demo/policies/zz.cedar:1:1", "help: the other one is in"],
    );
    check(
        "policies/bad.cedar",
        "@id(\"bad\")\nforbid (principal, action, resource) when { context.nothing };\n",
        &["error[policy_", "demo/policies/bad.cedar:"],
    );
    check(
        "snapshot.json",
        "{\"version\": 1, \"version\": 2}",
        &["error[json_duplicate_key]", "demo/snapshot.json", "at: /version"],
    );
    check("catalog/expenses.json", "{\"tools\": [", &["error[json_syntax]", "demo/catalog/expenses.json"]);
}

#[test]
fn files_that_are_not_read_are_mentioned() {
    let (temp, dir) = fresh();
    fs::write(temp.path().join("demo/catalog/notes.txt"), "").unwrap();
    fs::write(temp.path().join("demo/policies/.hidden.cedar"), "not cedar").unwrap();
    let ran = run(&["check", &dir]);
    assert_eq!(ran.code, 0);
    assert!(ran.stdout.contains("catalog/notes.txt") && ran.stdout.contains(".hidden.cedar"), "{}", ran.stdout);
}

#[test]
fn a_subject_sees_its_tools() {
    let (_temp, dir) = fresh();
    let now = "2026-11-20T10:30:00Z";
    let ran = run(&["tools", &dir, "--subject", "ann/claude-code", "--now", now]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("list_expenses") && !ran.stdout.contains("delete_expense"), "{}", ran.stdout);
    let all = run(&["tools", &dir, "--subject", "ann/claude-code", "--now", now, "--all", "--json"]);
    let seen: Vec<_> =
        all.json().iter().map(|tool| (tool["tool"].to_string(), tool["visibility"].to_string())).collect();
    assert!(seen.contains(&("\"expenses/delete_expense\"".into(), "\"hidden\"".into())), "{seen:?}");
    let stale = run(&["tools", &dir, "--subject", "ann/claude-code", "--now", "2026-11-21T09:00:00Z"]);
    assert!(stale.stderr.contains("warning: the snapshot is good from"), "{}", stale.stderr);
    let unknown = run(&["tools", &dir, "--subject", "ghost", "--now", now]);
    assert!(unknown.stderr.contains("no service principal `ghost`"), "{}", unknown.stderr);
    assert_eq!(run(&["tools", &dir, "--subject", "ann/", "--now", now]).code, 2);
    assert_eq!(run(&["tools", &dir, "--subject", "ann/claude-code", "--now", "today"]).code, 2);
    assert_eq!(run(&["tools", &dir, "--all"]).code, 2, "--all is about a subject");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let acme = path("examples/acme");
    for args in [vec!["schema", acme.as_str()], vec!["tools", &acme], vec!["check", &acme], vec!["--help"]] {
        let mut child = command().args(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let out = child.wait_with_output().unwrap();
        assert_eq!((out.status.code(), String::from_utf8(out.stderr).unwrap().as_str()), (Some(0), ""), "{args:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_a_fault() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let out = command().args(["schema", &path("examples/acme")]).stdout(full).output().unwrap();
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8(out.stderr).unwrap().contains("cannot be written"));
}

#[test]
fn colour_can_be_asked_for_and_refused() {
    let (_temp, dir) = fresh();
    let calls = format!("{dir}/calls.jsonl");
    let stdout = |name: &str| {
        let out = command().args(["decide", &dir, "--calls", &calls]).env(name, "1").output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    assert!(stdout("CLICOLOR_FORCE").contains("\u{1b}[32m✓ auto_approve"));
    assert!(!stdout("NO_COLOR").contains('\u{1b}'));
}

#[test]
fn help_ends_with_examples() {
    let top = run(&["--help"]);
    assert!(top.code == 0 && top.stdout.contains("Examples:") && top.stdout.contains("Exit codes:"));
    for command in ["decide", "tools", "schema", "check", "init"] {
        assert!(top.stdout.contains(command));
        let help = run(&[command, "--help"]);
        assert!(help.code == 0 && help.stdout.contains("Examples:"), "{command}");
    }
    assert_eq!(run(&["--version"]).stdout, format!("toolgate {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(run(&["nonsense"]).code, 2);
}
