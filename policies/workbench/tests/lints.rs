//! `toolgate check`: the lints on a bundle with seeded faults and on every bundle of the repository, what allows a
//! finding, levels, JSON and SARIF.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic; clippy only knows those with #[test]"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{path, policies, run};
use toolgate_workbench::lint::LINTS;

fn faults() -> String {
    path("workbench/tests/faults")
}

/// What `check --json` found.
fn found(bundle: &str) -> Vec<Value> {
    let ran = run(&["check", bundle, "--json"]);
    assert_eq!(ran.stderr, "");
    let json = ran.json();
    assert_eq!(json[0]["loads"], true, "{}", ran.stdout);
    json[0]["findings"].as_array().unwrap().clone()
}

/// The text between two places, from 1.
fn between(text: &str, from: (u64, u64), to: (u64, u64)) -> String {
    let mut out = String::new();
    for (at, line) in (1..).zip(text.lines()) {
        for (column, c) in (1..).zip(line.chars().chain(['\n'])) {
            if (at, column) >= from && (at, column) < to {
                out.push(c);
            }
        }
    }
    out
}

fn line(finding: &Value) -> String {
    let file = finding["file"].as_str().unwrap();
    let number = |name: &str| finding[name].as_u64().unwrap();
    let (from, to) = ((number("line"), number("column")), (number("end_line"), number("end_column")));
    let text = between(&std::fs::read_to_string(file).unwrap(), from, to);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short = text.chars().take(80).collect::<String>();
    let file = Path::new(file).strip_prefix(faults()).unwrap().display().to_string();
    format!("{file}:{}:{} {} `{short}`", from.0, from.1, finding["lint"].as_str().unwrap())
}

#[test]
fn every_seeded_fault_is_reported_where_it_is_and_nothing_else_is() {
    let found = found(&faults());
    let lines: Vec<String> = found.iter().map(line).collect();
    let expected = std::fs::read_to_string(policies().join("workbench/tests/faults/faults.txt")).unwrap();
    let expected: Vec<&str> = expected.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let missed: Vec<_> = expected.iter().filter(|fault| !lines.iter().any(|line| line == *fault)).collect();
    let alarms: Vec<_> = lines.iter().filter(|line| !expected.contains(&line.as_str())).collect();
    assert!(missed.is_empty() && alarms.is_empty(), "missed: {missed:#?}\nfalse alarms: {alarms:#?}");
    assert_eq!(lines.len(), expected.len());
    assert!(expected.len() >= 60);
    // one a lint at least; no policy that the compiler does not know can be written
    let reported: BTreeSet<&str> = found.iter().map(|finding| finding["lint"].as_str().unwrap()).collect();
    let all: BTreeSet<&str> = LINTS.iter().map(|lint| lint.id).filter(|id| *id != "policy_not_compiled").collect();
    assert_eq!(reported, all);
}

/// What stands above each policy, against what is found in it: independent of `faults.txt`.
#[test]
fn each_policy_has_the_faults_that_stand_above_it() {
    let found = found(&faults());
    let mut policies_seen = 0;
    for file in ["everyday", "forbids", "approvals", "weight"] {
        let file = PathBuf::from(faults()).join(format!("policies/{file}.cedar"));
        let text = std::fs::read_to_string(&file).unwrap();
        let mut in_lines: BTreeMap<u64, &str> = BTreeMap::new();
        for finding in found.iter().filter(|finding| finding["file"] == file.display().to_string()) {
            in_lines.insert(
                finding["line"].as_u64().unwrap() * 1000 + in_lines.len() as u64,
                finding["lint"].as_str().unwrap(),
            );
        }
        let mut at = 0;
        for block in text.split_inclusive("\n\n") {
            let (from, to) = (at + 1, at + block.lines().count() as u64);
            at = to;
            if !block.contains("@id(") {
                continue;
            }
            policies_seen += 1;
            let seeded = block.lines().find_map(|line| line.strip_prefix("// fault: ")).unwrap_or_default();
            let mut seeded: Vec<&str> = seeded.split(", ").filter(|fault| !fault.is_empty()).collect();
            seeded.sort_unstable();
            let mut here: Vec<&str> = in_lines.range(from * 1000..(to + 1) * 1000).map(|(_, lint)| *lint).collect();
            here.sort_unstable();
            assert_eq!(here, seeded, "{}:{from}\n{block}", file.display());
        }
    }
    assert!(policies_seen > 40);
}

#[test]
fn no_false_alarm_on_the_bundles_of_the_repository() {
    let mut bundles = vec![policies().join("examples/acme"), policies().join("workbench/template")];
    for pack in std::fs::read_dir(policies().join("packs")).unwrap() {
        let example = pack.unwrap().path().join("example");
        assert!(example.is_dir(), "{}", example.display());
        bundles.push(example);
    }
    assert!(bundles.len() >= 4);
    for bundle in bundles {
        let ran = run(&["check", &bundle.display().to_string(), "--deny", "notes"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
        assert!(!ran.stdout.contains("page:"), "{}", ran.stdout);
    }
}

#[test]
fn every_page_can_be_asked_for() {
    for lint in LINTS {
        let ran = run(&["check", "--explain", lint.id]);
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, lint.page, ""));
    }
    let ran = run(&["check", "--explain", "forbid-behind-hass"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("did you mean `forbid_behind_has`?"), "{}", ran.stderr);
    let list = run(&["check", "--lints"]);
    assert!(LINTS.iter().all(|lint| list.stdout.contains(lint.id)), "{}", list.stdout);
    assert_eq!(run(&["check"]).code, 2, "a bundle is wanted");
}

/// A bundle that is clean, with one policy more and these lines in its toolgate.toml.
fn demo(policy: &str, manifest: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let bundle = dir.path().join("demo").display().to_string();
    assert_eq!(run(&["init", &bundle]).code, 0);
    std::fs::write(format!("{bundle}/policies/more.cedar"), policy).unwrap();
    let file = format!("{bundle}/toolgate.toml");
    let own = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{own}\n{manifest}")).unwrap();
    (dir, bundle)
}

const DODGED: &str = "@id(\"costly\")\nforbid (principal, action == Toolgate::Action::\"expenses/submit_expense\", resource)\n\
                      when { context.session.calls * 2 > 10 };\n";

#[test]
fn findings_look_like_errors() {
    let (_dir, bundle) = demo(DODGED, "");
    let ran = run(&["check", &bundle]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "a warning is no failure");
    let expected = "
warning[forbid_can_error]: a forbid whose condition can be an error
 --> BUNDLE/policies/more.cedar:3:8
   |
 3 | when { context.session.calls * 2 > 10 };
   |        ^^^^^^^^^^^^^^^^^^^^^^^^^
 `context.session.calls * 2` is an error for numbers that are too large: then policy `costly` denies every such call, \
                    with `evaluation_error`
 help: bound the number on the left of `&&` first, or compare without computing
 page: policies/workbench/docs/lints/forbid_can_error.md (`toolgate check --explain forbid_can_error`)

1 warning
";
    assert!(ran.stdout.ends_with(&expected.replace("BUNDLE", &bundle)), "{}", ran.stdout);
}

#[test]
fn levels_decide_the_exit_code() {
    for (manifest, deny, code) in [
        ("", None, 0),
        ("", Some("warnings"), 1),
        ("", Some("notes"), 1),
        ("[lints]\nforbid_can_error = \"error\"", None, 1),
        ("[lints]\nforbid_can_error = \"note\"", Some("warnings"), 0),
        ("[lints]\nforbid_can_error = \"note\"", Some("notes"), 1),
        ("[lints]\nforbid_can_error = \"allow\"", Some("notes"), 0),
        // a lint that there is not allows nothing
        ("[lints]\nforbid_can_err = \"allow\"", None, 1),
    ] {
        let (_dir, bundle) = demo(DODGED, manifest);
        let mut args = vec!["check", bundle.as_str()];
        if let Some(deny) = deny {
            args.extend(["--deny", deny]);
        }
        let (people, machines) = (run(&args), run(&[args.as_slice(), &["--json"]].concat()));
        assert_eq!((people.code, machines.code), (code, code), "{manifest} {deny:?}: {}", people.stdout);
    }
    let (_dir, bundle) = demo(DODGED, "[lints]\nforbid_can_error = \"quiet\"");
    let ran = run(&["check", &bundle]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("toolgate.toml:") && ran.stdout.contains("quiet"), "{}", ran.stdout);
}

#[test]
fn a_comment_allows_what_is_meant() {
    let lints = |comment: &str| {
        let (_dir, bundle) = demo(&format!("{comment}\n{DODGED}"), "");
        found(&bundle).iter().map(|finding| finding["lint"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for allows in [
        "// toolgate: allow forbid_can_error because it is bounded elsewhere",
        "  //toolgate: allow forbid_can_error because it is bounded elsewhere\n// more words",
        "// toolgate: allow forbid_can_error, policy_shadowed because it is bounded elsewhere",
    ] {
        let left = lints(allows);
        assert!(left.iter().all(|lint| lint == "allow_unused"), "{allows}: {left:?}");
    }
    for (does_not, wanted) in [
        ("// toolgate: allow forbid_can_error", ["forbid_can_error", "allow_invalid"]),
        ("// toolgate: allow forbid_can_error because ", ["forbid_can_error", "allow_invalid"]),
        ("// toolgate: ignore forbid_can_error because of this", ["forbid_can_error", "allow_invalid"]),
        ("// toolgate: allow unguarded_like because of this", ["forbid_can_error", "allow_unused"]),
    ] {
        assert_eq!(lints(does_not), wanted, "{does_not}");
    }
    // it speaks for the policy below it, and for no other
    let other = DODGED.replace("costly", "other");
    let comment = "// toolgate: allow forbid_can_error because it is bounded elsewhere";
    let (_dir, bundle) = demo(&format!("{comment}\n{DODGED}\n{}", other.replace("* 2", "* 3")), "");
    let left: Vec<_> = found(&bundle);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["about"]["id"], "other");
}

#[test]
fn sarif_has_what_code_hosts_ask_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.sarif").display().to_string();
    let ran = run(&["check", &faults(), "--sarif", &file]);
    assert_eq!(ran.code, 1, "errors among the faults");
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(sarif["$schema"].as_str().unwrap().ends_with("sarif-schema-2.1.0.json"));
    let run_ = &sarif["runs"][0];
    assert_eq!(run_["columnKind"], "unicodeCodePoints");
    let rules = run_["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), LINTS.len());
    for (rule, lint) in rules.iter().zip(LINTS) {
        assert_eq!((&rule["id"], &rule["help"]["markdown"]), (&lint.id.into(), &lint.page.into()));
        assert_eq!(rule["shortDescription"]["text"], lint.title);
        assert!(!rule["help"]["text"].as_str().unwrap().contains("```"));
        assert!(rule["helpUri"].as_str().unwrap().starts_with("https://"));
    }
    let results = run_["results"].as_array().unwrap();
    let findings = found(&faults());
    assert_eq!(results.len(), findings.len());
    for (result, finding) in results.iter().zip(&findings) {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
        assert!(result["message"]["text"].as_str().unwrap().starts_with(finding["message"].as_str().unwrap()));
        let place = &result["locations"][0]["physicalLocation"];
        let (region, number) = (&place["region"], |name: &str| finding[name].as_u64().unwrap());
        assert_eq!(
            (&region["startLine"], &region["startColumn"], &region["endLine"], &region["endColumn"]),
            (
                &number("line").into(),
                &number("column").into(),
                &number("end_line").into(),
                &number("end_column").into()
            )
        );
        assert_eq!(place["artifactLocation"]["uri"], finding["file"]);
        assert!(result["partialFingerprints"]["toolgate/v1"].is_string());
    }
}

#[test]
fn sarif_says_why_a_bundle_does_not_load() {
    let (dir, bundle) = demo("@id(\"x\")\npermit (principal, action, nothing);\n", "");
    let file = dir.path().join("out.sarif").display().to_string();
    assert_eq!(run(&["check", &bundle, "--sarif", &file]).code, 1);
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"policy_syntax".into(), &"error".into()));
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
    // a folder that is not there cannot be written to
    assert_eq!(run(&["check", &bundle, "--sarif", &format!("{bundle}/no/such/folder")]).code, 2);
}

#[test]
fn what_loading_finds_is_reported_once() {
    let findings = found(&faults());
    for finding in &findings {
        let same =
            |other: &&Value| ["file", "line", "column", "lint", "message"].iter().all(|key| other[key] == finding[key]);
        assert_eq!(findings.iter().filter(same).count(), 1, "{finding}");
    }
    let owners = findings.iter().filter(|finding| finding["message"].as_str().unwrap().contains("`noone`"));
    assert_eq!(owners.count(), 1, "an owner whom nothing defines is one fault");
}
