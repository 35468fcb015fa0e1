//! `toolgate test`: the shipped suites pass, what is wrong is reported, what is not said is not expected.

#![expect(clippy::unwrap_used, clippy::string_slice, reason = "tests may panic; clippy only knows those with #[test]")]

mod support;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{Ran, command, path, run};
use toolgate::{Bundle, Engine};
use toolgate_workbench::bundle::{self, Loaded};
use toolgate_workbench::suite::{self, Filter, LoadError, Suite};

const BUNDLES: [&str; 4] = ["examples/acme", "packs/starter/example", "packs/toxic-flow/example", "workbench/template"];

/// The head of a suite on the template: who there is.
const HEAD: &str = "suite: mine
now: 2026-11-20T09:30:00Z
subjects:
  ann: { user: ann, client: claude-code }
  tom: { user: tom, client: claude-code }
defaults: { session: { calls: 0, labels: [] } }
arguments:
  expenses/list_expenses: { month: \"2026-10\" }
  expenses/submit_expense: { amount: 4200, purpose: Train }
";

/// The template with these suites in place of its own.
fn template(suites: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("demo");
    assert_eq!(run(&["init", dir.to_str().unwrap()]).code, 0);
    fs::remove_file(dir.join("tests/expenses.yaml")).unwrap();
    for (name, text) in suites {
        fs::write(dir.join("tests").join(name), text).unwrap();
    }
    (temp, dir)
}

/// Runs the suite that `cases` is after the head.
fn with(cases: &str, args: &[&str]) -> Ran {
    let (_temp, dir) = template(&[("mine.yaml", &format!("{HEAD}{cases}"))]);
    run(&[&["test", dir.to_str().unwrap()], args].concat())
}

fn load(dir: &Path) -> (Loaded, Vec<Suite>) {
    let loaded = bundle::load(dir).unwrap();
    let suites = suite::load(dir, &loaded).unwrap();
    (loaded, suites)
}

#[test]
fn the_shipped_suites_pass_and_cover_everything() {
    for bundle in BUNDLES {
        let ran = run(&["test", &path(bundle), "--coverage", "--min-coverage", "100", "--json"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{bundle}\n{}", ran.stdout);
        let lines = ran.json();
        let summary = lines.iter().find(|line| line["summary"].is_object()).unwrap();
        assert!(summary["summary"]["cases"].as_u64().unwrap() > 20, "{bundle}");
        assert_eq!((&summary["summary"]["failed"], &summary["summary"]["skipped"]), (&0.into(), &0.into()), "{bundle}");
        let coverage = &lines.last().unwrap()["coverage"];
        assert_eq!(coverage["percent"], 100.0, "{bundle}");
        let idle: Vec<_> = coverage["tools"].as_array().unwrap().iter().filter(|tool| tool["cases"] == 0).collect();
        assert!(idle.is_empty(), "{bundle}: no case calls {idle:?}");
    }
}

#[test]
fn a_failure_shows_what_was_expected_what_came_and_why() {
    let cases = "cases:
  - name: it runs
    subject: ann
    tool: expenses/submit_expense
    arguments: { amount: 60000 }
    expect: { outcome: auto_approve, approvers: [ann], approval_request: { kind: self } }
  - { name: it reads, subject: ann, tool: expenses/list_expenses, expect: auto_approve }
";
    let ran = with(cases, &[]);
    assert_eq!(ran.code, 1);
    for text in [
        "✗ mine  1 passed, 1 failed",
        "mine.yaml:11",
        "ann via claude-code, expenses/submit_expense, 2026-11-20T09:30:00Z",
        "- outcome: auto_approve",
        "+ outcome: manager_approve",
        "- approvers: [ann]",
        "+ approvers: [max]",
        "-   kind: self",
        "+   kind: manager",
        "reason: approval_required",
        "policies: large-expenses-ask-the-manager (forbid), writes-ask-the-user (permit)",
        "2 cases: 1 passed, 1 failed",
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{}", ran.stdout);
    }
    assert!(!ran.stdout.contains("it reads"), "those that pass are counted");
    assert!(with(cases, &["-v"]).stdout.contains("✓ it reads"));
    let json = with(cases, &["--json"]).json();
    assert_eq!(json[0]["status"], "failed");
    assert_eq!(json[0]["mismatches"].as_array().unwrap().len(), 3);
    assert_eq!((&json[1]["status"], &json[2]["summary"]["failed"]), (&"passed".into(), &1.into()));
}

#[test]
fn what_a_matrix_does_not_list_fails() {
    let matrix = |expect: &str| {
        format!(
            "matrix:\n  - subjects: [ann, tom]\n    tools: [\"expenses/*_expense*\", expenses/list_expenses]\n    expect: {expect}\n"
        )
    };
    let open = with(&matrix("{ ann: { expenses/list_expenses: auto_approve } }"), &[]);
    assert_eq!(open.code, 1);
    assert!(open.stdout.contains("6 cases: 1 passed, 5 failed"), "{}", open.stdout);
    assert!(open.stdout.contains("tom × expenses/list_expenses") && open.stdout.contains("nothing is expected here"));
    let closed = "{ ann: { \"*\": auto_approve, expenses/submit_expense: self_approve },
              tom: ticket_fallback, \"*\": { expenses/delete_expense: deny } }";
    // a subject's own `*` comes before everybody's pattern
    let ran = with(&matrix(closed), &[]);
    assert!(ran.stdout.contains("6 cases: 4 passed, 2 failed"), "{}", ran.stdout);
    let closed = "{ ann: { expenses/list_expenses: auto_approve, expenses/submit_expense: self_approve },
              \"*\": { \"*\": ticket_fallback, expenses/delete_expense: { outcome: deny, policies: [] } } }";
    let ran = with(&matrix(closed), &[]);
    assert!(ran.stdout.contains("6 cases: 6 passed"), "{}", ran.stdout);
}

#[test]
fn tool_lists_are_open_until_a_star_closes_them() {
    let case = |tools: &str| format!("cases:\n  - {{ name: list, subject: ann, tools: {tools} }}\n");
    assert_eq!(with(&case("{ expenses/list_expenses: callable }"), &[]).code, 0);
    let ran = with(&case("{ expenses/list_expenses: callable, \"*\": hidden }"), &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("- expenses/submit_expense: hidden"), "{}", ran.stdout);
    assert!(ran.stdout.contains("+ expenses/submit_expense: needs_approval"), "{}", ran.stdout);
}

#[test]
fn what_is_wrong_with_a_suite_is_said_with_its_place() {
    let case =
        |rest: &str| format!("cases:\n  - name: a\n    subject: ann\n    tool: expenses/list_expenses\n    {rest}\n");
    for (cases, line, pointer, text) in [
        (case("expct: deny"), 14, "/cases/0/expct", "unknown field `expct`"),
        (case("expect: dney"), 14, "/cases/0/expect", "did you mean `deny`?"),
        (case("expect: { reason: policy_deny }"), 14, "/cases/0/expect/reason", "did you mean `policy_denied`?"),
        (case("expect: { policy: [a] }"), 14, "/cases/0/expect/policy", "no field `policy`"),
        (case("now: today\n    expect: deny"), 14, "/cases/0/now", "is not an instant"),
        (case("at: { noon: deny }"), 14, "/cases/0/at/noon", "is not an instant"),
        (case("at: { \"2026-11-20T10:00:00Z\": deny }\n    expect: deny"), 11, "/cases/0", "`at` and `expect`"),
        (case("skip: later"), 11, "/cases/0", "nothing is expected"),
        (case("session: { label: [] }\n    expect: deny"), 14, "/cases/0/session/label", "unknown field `label`"),
        (case("session: tired\n    expect: deny"), 14, "/cases/0/session", "`sessions` has no `tired`"),
        (case("arguments: nothing\n    expect: deny"), 14, "/cases/0/arguments", "`arguments` has no `nothing`"),
        (case("snapshot: { grant: [] }\n    expect: deny"), 14, "/cases/0/snapshot/grant", "a snapshot has no `grant`"),
        (
            case("snapshot: { users: [{ id: ann, activ: true }] }\n    expect: deny"),
            14,
            "/cases/0/snapshot/users/0/activ",
            "unknown field `activ`",
        ),
        (
            case("snapshot: { remove: { grants: [g-none] } }\n    expect: deny"),
            14,
            "/cases/0/snapshot/remove/grants",
            "there is no `g-none`",
        ),
        (
            case("token: { audience: x }\n    expect: { granted: [] }"),
            11,
            "/cases/0",
            "one of `tool`, `tools` and `token`",
        ),
        (case("expect: deny").replace("ann", "anne"), 12, "/cases/0/subject", "did you mean `ann`?"),
        (case("expect: deny").replace("expenses/", "expenses-"), 13, "/cases/0/tool", "write `server/name`"),
        (
            "cases:\n  - { name: a, subject: ann, tools: { \"mail/*\": hidden } }\n".into(),
            11,
            "/cases/0/tools/mail~1*",
            "names no tool",
        ),
        (
            "matrix:\n  - { subjects: [ann], tools: [expenses/list], expect: {} }\n".into(),
            11,
            "/matrix/0/tools/0",
            "did you mean `expenses/list_expenses`?",
        ),
        (
            "matrix:\n  - { subjects: [ann], tools: [\"*\"], expect: { tom: deny } }\n".into(),
            11,
            "/matrix/0/expect/tom",
            "not one of the matrix's subjects",
        ),
    ] {
        let ran = with(&cases, &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{cases}\n{}", ran.stderr);
        for part in [text, pointer, &format!("mine.yaml:{line}:")] {
            assert!(ran.stderr.contains(part), "{cases}\n{part}\n{}", ran.stderr);
        }
    }
    assert_eq!(with(&case("expect: auto_approve"), &[]).code, 0, "the twin of all of them");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let cases = "cases:\n  - { name: a, subject: ann, tool: x, expect: deny }\n  - { name: a, subject: bo, tool: a/b, expect: deny }\n";
    let ran = with(cases, &[]);
    assert!(ran.stderr.contains("3 errors"), "{}", ran.stderr);
}

#[test]
fn a_case_says_when_or_does_not_load() {
    let case = "cases:\n  - { name: a, subject: ann, tool: expenses/list_expenses, expect: auto_approve }\n";
    let head = HEAD.replace("now: 2026-11-20T09:30:00Z\n", "");
    let (_temp, dir) = template(&[("mine.yaml", &format!("{head}{case}"))]);
    let ran = run(&["test", dir.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("it is not said when this happens") && ran.stderr.contains("mine.yaml:10"),
        "{}",
        ran.stderr
    );
}

#[test]
fn nothing_to_run_is_a_failure() {
    let (_temp, dir) = template(&[]);
    let dir = dir.to_str().unwrap();
    let ran = run(&["test", dir]);
    assert_eq!(ran.code, 1, "an empty folder");
    assert!(ran.stderr.contains("there are no tests"), "{}", ran.stderr);
    fs::remove_dir(format!("{dir}/tests")).unwrap();
    let ran = run(&["test", dir]);
    assert_eq!(ran.code, 2, "no folder");
    assert!(ran.stderr.contains("demo/tests"), "{}", ran.stderr);
    let ran = with("", &[]);
    assert_eq!(ran.code, 1, "an empty suite");
    assert!(ran.stderr.contains("the suite `mine` has no cases"), "{}", ran.stderr);
    let case = "cases:\n  - { name: a, subject: ann, tool: expenses/list_expenses, expect: auto_approve }\n";
    let ran = with(case, &["--filter", "nowhere"]);
    assert_eq!(ran.code, 1, "a filter that matches nothing");
    assert!(ran.stderr.contains("no case matches `nowhere`"), "{}", ran.stderr);
    assert_eq!(run(&["test", "no-such-folder"]).code, 2);
}

#[test]
fn a_filter_finds_suites_cases_subjects_and_tools() {
    let count = |filter: &str| {
        let ran = run(&["test", &path("examples/acme"), "--filter", filter, "--json"]);
        ran.json().last().unwrap()["summary"]["cases"].as_u64().unwrap()
    };
    let all =
        run(&["test", &path("examples/acme"), "--json"]).json().last().unwrap()["summary"]["cases"].as_u64().unwrap();
    for filter in ["writes", "CENT MORE", "frank via cursor", "billing/*", "*/export_*", "company.yaml"] {
        let some = count(filter);
        assert!(some > 0 && some < all, "{filter}: {some} of {all}");
    }
    assert_eq!(count("a cent more"), 1);
}

#[test]
fn overlays_lie_over_the_snapshot_field_by_field() {
    let cases = "snapshots:
  ann-left: { users: [{ id: ann, active: false }] }
  ann-back: { users: [{ id: ann, active: true }] }
cases:
  - { name: left, subject: ann, tool: expenses/list_expenses, snapshot: ann-left,
      expect: { outcome: deny, reason: subject_inactive } }
  - { name: back, subject: ann, tool: expenses/submit_expense, snapshot: [ann-left, ann-back],
      expect: { outcome: self_approve } }
  - { name: as in the bundle, subject: ann, tool: expenses/list_expenses, snapshot: [ann-left, ~], expect: auto_approve }
  - { name: ended, subject: ann, tool: expenses/submit_expense,
      snapshot: { grants: [{ id: g-ann-writes, until: 2026-11-20T09:00:00Z }] },
      expect: { outcome: manager_approve, reason: not_held_requestable } }
  - { name: not ended, subject: ann, tool: expenses/submit_expense,
      snapshot: { grants: [{ id: g-ann-writes, until: 2026-11-20T10:00:00Z }] }, expect: self_approve }
  - { name: taken away, subject: ann, tool: expenses/list_expenses,
      snapshot: { remove: { grants: [g-office-reads, g-ann-writes] } },
      expect: { outcome: manager_approve, reason: not_held_requestable } }
  - { name: refused, subject: ann, tool: expenses/list_expenses,
      snapshot: { groups: [{ id: office, parents: [office] }] }, expect: auto_approve }
";
    let ran = with(cases, &[]);
    assert!(ran.stdout.contains("7 cases: 6 passed, 1 failed"), "{}", ran.stdout);
    assert!(ran.stdout.contains("the snapshot of this case is refused"), "{}", ran.stdout);
}

#[test]
fn a_session_lies_over_the_default_and_null_makes_a_fact_unknown() {
    let (_temp, dir) = template(&[(
        "mine.yaml",
        &format!(
            "{}sessions: {{ phr: {{ acr: phr }} }}\ncases:\n{}",
            HEAD.replace("defaults: { session: { calls: 0, labels: [] } }", "defaults: { session: { calls: 1, labels: [a], acr: pwd } }"),
            ["session: phr", "session: [phr, { labels: ~ }]", "session: ~", "session: [~, phr]"]
                .map(|session| format!("  - {{ name: '{session}', subject: ann, tool: expenses/list_expenses, expect: auto_approve, {session} }}\n"))
                .concat()
        ),
    )]);
    let (_, suites) = load(&dir);
    let sessions: Vec<_> = suites[0].cases.iter().map(|case| case.call().unwrap().session.clone()).collect();
    let facts =
        |at: usize| (sessions[at].calls, sessions[at].labels.clone().map(|it| it.len()), sessions[at].acr.as_deref());
    assert_eq!(facts(0), (Some(1), Some(1), Some("phr")));
    assert_eq!(facts(1), (Some(1), None, Some("phr")));
    assert_eq!(facts(2), (None, None, None));
    assert_eq!(facts(3), (None, None, Some("phr")));
}

#[test]
fn junit_and_tap_say_the_same() {
    let cases = "cases:
  - { name: 'good <#1>', subject: ann, tool: expenses/list_expenses, expect: auto_approve }
  - { name: bad, subject: ann, tool: expenses/list_expenses, expect: deny }
  - { name: later, subject: ann, tool: expenses/list_expenses, expect: deny, skip: 'waits for #7' }
";
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("report.xml");
    let ran = with(cases, &["--tap", "--junit", file.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(&lines[..2], ["TAP version 14", "1..3"]);
    assert!(lines[2].starts_with("ok 1 - ") && lines[2].ends_with("mine: good <\\#1>"), "{}", ran.stdout);
    assert!(lines[3].starts_with("not ok 2 - ") && ran.stdout.contains("  ...\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("mine: later # SKIP waits for \\#7"), "{}", ran.stdout);
    let xml = fs::read_to_string(&file).unwrap();
    for text in [
        "<testsuites name=\"toolgate test\" tests=\"3\" failures=\"1\" errors=\"0\"",
        "testcase name=\"good &lt;#1&gt;\"",
        "<failure message=\"outcome: expected &quot;deny&quot;, got &quot;auto_approve&quot;\"",
        "<skipped message=\"waits for #7\"",
    ] {
        assert!(xml.contains(text), "{text}\n{xml}");
    }
    let ran = with(cases, &["--junit", "/no/such/folder/x.xml"]);
    assert_eq!(ran.code, 2);
}

#[test]
fn several_bundles_run_and_one_that_does_not_load_stops_them() {
    let bundles = BUNDLES.map(path);
    let all: Vec<&str> = bundles.iter().map(String::as_str).collect();
    let ran = run(&[&["test"], all.as_slice(), &["--filter", "a cent more"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "a filter need not match in each: {}", ran.stdout);
    let ran = run(&["test", &bundles[0], "no-such-folder"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
}

#[test]
fn cedars_own_tests_run_on_the_bundles_policies() {
    let case = |decision: &str, reason: &str| {
        format!(
            r#"[{{"name": "large", "request": {{"principal": "Toolgate::Agent::\"ann\"",
              "action": "Toolgate::Action::\"expenses/submit_expense\"", "resource": "Toolgate::Tool::\"x\"",
              "context": {{"input": {{"amount": 60000}}, "approval": {{"self": true, "manager": false}}}}}},
              "entities": "people.json", "decision": "{decision}", "reason": ["{reason}"], "num_errors": 0}}]"#
        )
    };
    let people = r#"[{"uid": {"type": "Toolgate::Action", "id": "expenses/submit_expense"}, "attrs": {}, "parents": [{"type": "Toolgate::Action", "id": "write"}]},
        {"uid": {"type": "Toolgate::Tool", "id": "x"}, "attrs": {"entitlements": []}, "parents": []}]"#;
    let good = case("deny", "large-expenses-ask-the-manager");
    let (_temp, dir) = template(&[("cedar.json", &good), ("people.json", people)]);
    let ran = run(&["test", dir.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("cedar cedar.json  1 passed"), "{}", ran.stdout);
    for (bad, text) in
        [(case("allow", "no-deletes"), "+ decision: deny"), (case("deny", "no-deletes"), "- reason: [no-deletes]")]
    {
        fs::write(dir.join("tests/cedar.json"), bad).unwrap();
        let ran = run(&["test", dir.to_str().unwrap()]);
        assert_eq!(ran.code, 1);
        assert!(ran.stdout.contains(text), "{}", ran.stdout);
    }
    // from elsewhere, and never entities from outside the folder
    fs::write(dir.join("calls.json"), good.replace("people.json", "../people.json")).unwrap();
    fs::remove_dir_all(dir.join("tests")).unwrap();
    fs::write(dir.parent().unwrap().join("people.json"), people).unwrap();
    let elsewhere = dir.join("calls.json");
    let ran = run(&["test", dir.to_str().unwrap(), "--cedar-tests", elsewhere.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("outside the folder"), "{}", ran.stderr);
    fs::write(dir.join("people.json"), people).unwrap();
    fs::write(&elsewhere, &good).unwrap();
    let ran = run(&["test", dir.to_str().unwrap(), "--cedar-tests", elsewhere.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// A thousand cases, a few overlays: as many engines as overlays.
#[test]
fn engines_are_built_once_for_each_overlay() {
    let mut cases = String::from("cases:\n");
    for number in 0..1000 {
        let snapshot = match number % 4 {
            0 => "{ users: [{ id: tom, active: false }] }",
            1 => "{ grants: [{ id: g-tom, to: { user: tom }, entitlement: \"expenses:read\" }] }",
            2 => "{ remove: { approvals: [a-ann-submits] } }",
            _ => "~",
        };
        cases += &format!(
            "  - {{ name: n{number}, subject: ann, tool: expenses/submit_expense, arguments: {{ amount: {} }}, snapshot: {snapshot}, expect: self_approve }}\n",
            number + 1
        );
    }
    let (_temp, dir) = template(&[("mine.yaml", &format!("{HEAD}{cases}"))]);
    let (loaded, suites) = load(&dir);
    let results = suite::run(&loaded.engine, &loaded.folder.bundle, &suites, &Filter::default());
    assert_eq!((results.passed(), results.cases.len(), results.engines_built), (1000, 1000, 3));
}

#[test]
fn the_same_suites_run_against_other_engines() {
    for bundle in BUNDLES {
        let (loaded, suites) = load(Path::new(&path(bundle)));
        let bundle = &loaded.folder.bundle;
        assert!(suite::first_failure(&loaded.engine, bundle, &suites).is_none());
        // every policy is missed by some case if it is taken away
        for (at, source) in bundle.policies.iter().enumerate() {
            let text = String::from_utf8(source.bytes.clone()).unwrap();
            for id in text.match_indices("@id(").map(|(at, _)| at) {
                let end = id + text[id..].find(";\n").unwrap_or_else(|| panic!("{}", source.file)) + 1;
                let mut changed: Bundle = bundle.clone();
                changed.policies[at].bytes = format!("{}{}", &text[..id], &text[end..]).into_bytes();
                let engine: Engine = loaded.engine.reload(&changed).unwrap();
                let failure = suite::first_failure(&engine, &changed, &suites);
                assert!(failure.is_some(), "{}: nobody misses {}", source.file, &text[id..end]);
            }
        }
    }
}

#[test]
fn hostile_suites_are_refused() {
    let bomb: String = (0..12)
        .map(|level| match level {
            0 => "l0: &l0 [x, x, x, x, x, x, x, x]\n".into(),
            _ => format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 8].join(", ")),
        })
        .collect();
    for text in [bomb, "suite: ".to_string() + &"[".repeat(100_000), "a: &a [*a]".into(), "suite: x\nsuite: y\n".into()]
    {
        let (_temp, dir) = template(&[("mine.yaml", &text)]);
        let loaded = bundle::load(&dir).unwrap();
        assert!(matches!(suite::load(&dir, &loaded), Err(LoadError::Refused(_))));
    }
}

#[test]
fn watching_runs_again_when_a_policy_changes() {
    let case = "cases:\n  - { name: a, subject: ann, tool: expenses/submit_expense, expect: self_approve }\n";
    let (_temp, dir) = template(&[("mine.yaml", &format!("{HEAD}{case}"))]);
    let mut child = command()
        .args(["test", dir.to_str().unwrap(), "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let first = lines.by_ref().find(|line| line.starts_with("1 case")).unwrap();
    assert_eq!(first, "1 case: 1 passed");
    let policy = dir.join("policies/everyday.cedar");
    let text = fs::read_to_string(&policy).unwrap().replace("context.approval.self", "context.approval.manager");
    fs::write(&policy, text).unwrap();
    let second = lines.by_ref().find(|line| line.starts_with("1 case")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second, "1 case: 0 passed, 1 failed");
}
