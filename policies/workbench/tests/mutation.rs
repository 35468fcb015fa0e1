//! `toolgate test --mutate`: what no test notices is reported, and nothing else is.

#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{path, run};
use tempfile::TempDir;

/// A bundle of the template's tools and people with these policies and cases.
fn bundle(policies: &str, cases: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let at = dir.path().join("b");
    assert_eq!(run(&["init", at.to_str().unwrap()]).code, 0);
    for folder in ["policies", "tests"] {
        fs::remove_dir_all(at.join(folder)).unwrap();
        fs::create_dir(at.join(folder)).unwrap();
    }
    fs::write(at.join("policies/all.cedar"), policies).unwrap();
    let suite = format!(
        "suite: all\nnow: 2026-11-20T09:30:00Z\ndefaults: {{ session: {{ calls: 0, labels: [] }} }}\n\
         subjects:\n  ann: {{ user: ann, client: claude-code }}\n  tom: {{ user: tom, client: claude-code }}\n\
         arguments:\n  expenses/list_expenses: {{ month: \"2026-10\" }}\n  \
         expenses/submit_expense: {{ amount: 100, purpose: x }}\n  expenses/delete_expense: {{ expense_id: x }}\n\
         cases:\n{cases}"
    );
    fs::write(at.join("tests/all.yaml"), suite).unwrap();
    dir
}

fn case(subject: &str, tool: &str, arguments: &str, expect: &str) -> String {
    format!(
        "  - name: {subject} {tool} {}\n    subject: {subject}\n    tool: expenses/{tool}\n    arguments: {arguments}\n    \
         expect: {expect}\n",
        arguments.replace([':', '{', '}', '"'], " ")
    )
}

fn mutate(dir: &Path) -> (i32, Vec<Value>) {
    let at = dir.join("b");
    let ran = run(&["test", at.to_str().unwrap(), "--mutate", "--json"]);
    (ran.code, ran.json())
}

/// `operator:line` of each survivor.
fn survivors(lines: &[Value]) -> Vec<String> {
    let survived = lines.iter().filter(|line| line["fate"] == "survived");
    survived.map(|line| format!("{}:{}", line["operator"].as_str().unwrap(), line["line"])).collect()
}

const READS: &str = "@id(\"reads\")\npermit (principal, action in Toolgate::Action::\"read\", resource)\n\
                     when { principal in resource.entitlements };\n";

fn reads() -> String {
    case("ann", "list_expenses", "{}", "{ outcome: auto_approve, policies: [reads] }")
        + &case("tom", "list_expenses", "{}", "ticket_fallback")
        + &case("ann", "submit_expense", "{}", "{ outcome: ticket_fallback, policies: [] }")
}

/// A policy with a fault that its tests pass over, where the mutants point to, and the cases that were missing.
struct Fault {
    policy: &'static str,
    /// Those that pass, fault and all.
    weak: fn() -> String,
    /// What survives: the operator, and the line in the policy.
    points_to: &'static str,
    /// The case that a careful author adds: it fails, so the fault is found.
    missing: fn() -> String,
    /// What was meant.
    meant: &'static str,
}

const WRITES: &str = "@id(\"writes\") @valid_for(\"1h\") @reuse(\"tool\")\n\
                      permit (principal, action in Toolgate::Action::\"write\", resource)\n";

fn faults() -> Vec<Fault> {
    vec![
        // meant: from 500.00 on
        Fault {
            policy: "when { principal in resource.entitlements && context.approval.self && context.input.amount <= 50000 };",
            weak: || {
                case("ann", "submit_expense", "{ amount: 100 }", SELF)
                    + &case("ann", "submit_expense", "{ amount: 90000 }", "ticket_fallback")
            },
            points_to: "move-bound:6",
            missing: || {
                case("ann", "submit_expense", "{ amount: 49999 }", SELF)
                    + &case("ann", "submit_expense", "{ amount: 50000 }", "ticket_fallback")
            },
            meant: "when { principal in resource.entitlements && context.approval.self && context.input.amount < 50000 };",
        },
        // meant: both; `||` lets everyone who is asked about little in
        Fault {
            policy: "when { (principal in resource.entitlements || context.input.amount < 500) && context.approval.self };",
            weak: || {
                case("ann", "submit_expense", "{ amount: 100 }", SELF)
                    + &case("tom", "submit_expense", "{ amount: 90000 }", "ticket_fallback")
            },
            points_to: "drop-operand:6",
            missing: || case("tom", "submit_expense", "{ amount: 100 }", "ticket_fallback"),
            meant: "when { principal in resource.entitlements && context.approval.self };",
        },
        // meant: the manager's yes; the tests only see that it does not run
        Fault {
            policy: "when { principal in resource.entitlements && context.approval.self };",
            weak: || {
                case("ann", "submit_expense", "{ amount: 100 }", "{ policies: [writes] }")
                    + &case("tom", "submit_expense", "{}", "ticket_fallback")
            },
            points_to: "swap-approval:6",
            missing: || case("ann", "submit_expense", "{ amount: 100 }", "manager_approve"),
            meant: "when { principal in resource.entitlements && context.approval.manager };",
        },
    ]
}

const SELF: &str = "{ outcome: self_approve, policies: [writes], approval_request: { valid_for: PT1H, scope: { tool: expenses/submit_expense } } }";

#[test]
fn faults_that_pass_their_tests_are_pointed_to() {
    for fault in faults() {
        let with = |condition: &str| format!("{READS}{WRITES}{condition}\n");
        let weak =
            reads().replace("{ outcome: ticket_fallback, policies: [] }", "{ policies: [writes] }") + &(fault.weak)();
        let dir = bundle(&with(fault.policy), &weak);
        let at = dir.path().join("b");
        let at = at.to_str().unwrap();
        let tested = run(&["test", at]);
        assert_eq!(tested.code, 0, "the tests pass, fault and all: {}", tested.stdout);

        let (code, lines) = mutate(dir.path());
        let found = survivors(&lines);
        assert_eq!(code, 1);
        assert!(found.contains(&fault.points_to.to_string()), "{}: {found:?}", fault.policy);
        // the sample call is about the very thing: with it the author sees what was not meant
        let hinted = lines.iter().any(|line| {
            line["fate"] == "survived"
                && fault.points_to.starts_with(line["operator"].as_str().unwrap())
                && line["hint"].is_object()
        });
        assert!(hinted, "{}", fault.policy);

        // the missing case fails on the fault, passes on what was meant, and then this place is quiet
        let strong = weak + &(fault.missing)().replacen("- name: ", "- name: missing ", 1);
        let broken = bundle(&with(fault.policy), &strong);
        assert_eq!(run(&["test", broken.path().join("b").to_str().unwrap()]).code, 1);
        let mended = bundle(&with(fault.meant), &strong);
        let tested = run(&["test", mended.path().join("b").to_str().unwrap()]);
        assert_eq!(tested.code, 0, "{}", tested.stdout);
        let (_, lines) = mutate(mended.path());
        assert!(!survivors(&lines).contains(&fault.points_to.to_string()), "{:?}", survivors(&lines));
    }
}

#[test]
fn a_policy_that_decides_nothing_survives_its_removal() {
    // a forbid under a wider one: shadowed
    let shadowed = format!(
        "{READS}@id(\"none\")\nforbid (principal, action in Toolgate::Action::\"write\", resource);\n\
         @id(\"vain\")\nforbid (principal, action == Toolgate::Action::\"expenses/submit_expense\", resource)\n\
         when {{ context.input.amount > 5 }};\n"
    );
    let weak = case("ann", "list_expenses", "{}", "auto_approve")
        + &case("tom", "list_expenses", "{}", "ticket_fallback")
        + &case("ann", "submit_expense", "{}", "deny")
        + &case("ann", "delete_expense", "{}", "ticket_fallback");
    let (code, lines) = mutate(bundle(&shadowed, &weak).path());
    assert_eq!(code, 1);
    assert!(survivors(&lines).contains(&"drop-policy:7".to_string()), "{:?}", survivors(&lines));

    let alone = format!("{READS}@id(\"none\")\nforbid (principal, action in Toolgate::Action::\"write\", resource);\n");
    let (_, lines) = mutate(bundle(&alone, &weak).path());
    assert!(survivors(&lines).iter().all(|found| !found.starts_with("drop-policy")), "{:?}", survivors(&lines));
}

#[test]
fn survivors_are_explained_above_their_policy_and_idle_explanations_are_faults() {
    let vain = |comment: &str| {
        format!("{READS}{comment}@id(\"vain\")\nforbid (principal, action in Toolgate::Action::\"write\", resource);\n")
    };
    let cases = reads().replace("{ outcome: ticket_fallback, policies: [] }", "{ agent_message: x }");
    // nothing is asked about writes
    let cases: String = cases.split_inclusive("  - name").filter(|part| !part.contains("agent_message")).collect();
    let cases = cases.trim_end_matches("  - name").to_string();
    let all = "// mutants: allow drop-policy because writes have no tool yet\n\
               // mutants: allow flip-effect because writes have no tool yet\n\
               // mutants: allow widen-scope of `action in Toolgate::Action::\"write\"` because it is asked elsewhere\n";
    let (code, lines) = mutate(bundle(&vain(""), &cases).path());
    assert_eq!(code, 1, "{lines:?}");
    let unexplained = survivors(&lines).len();
    assert!(unexplained > 0);

    let (_, lines) = mutate(bundle(&vain(all), &cases).path());
    let explained: Vec<&Value> = lines.iter().filter(|line| line["fate"] == "explained").collect();
    assert!(!explained.is_empty() && survivors(&lines).len() + explained.len() == unexplained, "{lines:?}");
    assert!(explained.iter().all(|line| line["reason"].as_str().is_some_and(|reason| !reason.is_empty())));

    let idle = "// mutants: allow drop-remedy because it has none\n// mutants: allow drop-policy\n";
    let (code, lines) = mutate(bundle(&vain(idle), &cases).path());
    let faults: Vec<&str> = lines
        .iter()
        .filter(|line| line["kind"] == "explanation")
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!((code, faults.len()), (1, 2), "{faults:?}");
    assert!(faults.iter().any(|message| message.contains("the reason is missing")));
    assert!(faults.iter().any(|message| message.contains("no `drop-remedy` survives here")));
}

#[test]
fn no_mutant_of_the_shipped_policies_survives_unexplained() {
    let bundles: [&[&str]; 4] = [
        &["examples/acme"],
        &["packs/starter/example"],
        // the example stands on starter, whose own tests are beside starter
        &["packs/toxic-flow/example", "--policy", "toxic-flow-*"],
        &["workbench/template"],
    ];
    for bundle in bundles {
        let at = path(bundle[0]);
        let mut args = vec!["test", &at, "--mutate"];
        args.extend(&bundle[1..]);
        let ran = run(&args);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(" caught, 0 survived"), "{}", ran.stdout);
    }
}

#[test]
fn a_person_reads_the_place_the_change_and_the_missing_test() {
    let dir = bundle(READS, &case("ann", "list_expenses", "{}", "auto_approve"));
    let at = dir.path().join("b");
    let ran = run(&["test", at.to_str().unwrap(), "--mutate"]);
    assert_eq!(ran.code, 1);
    for part in [
        "survived[drop-clause]: `reads`, no test needs this condition",
        "all.cedar:3:1\n",
        "- when { principal in resource.entitlements };",
        "help: this case would notice (the mutant says outcome: auto_approve)",
        "    subject: { ",
        "expect: { outcome: ",
    ] {
        assert!(ran.stdout.contains(part), "{part}:\n{}", ran.stdout);
    }
}

#[test]
fn what_cannot_be_learned_from_is_said() {
    // a suite that fails already
    let dir = bundle(READS, &case("ann", "list_expenses", "{}", "deny"));
    let ran = run(&["test", dir.path().join("b").to_str().unwrap(), "--mutate"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("fails without any change; mend that first"), "{}", ran.stderr);
    // no suite
    fs::remove_file(dir.path().join("b/tests/all.yaml")).unwrap();
    let ran = run(&["test", dir.path().join("b").to_str().unwrap(), "--mutate"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("has no tests, so nothing can notice a change"), "{}", ran.stderr);
    // no such policy
    let dir = bundle(READS, &reads());
    let at = dir.path().join("b");
    let ran = run(&["test", at.to_str().unwrap(), "--mutate", "--policy", "ghost-*"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("`ghost-*`"), "{}", ran.stderr);
    // and one there is
    assert_eq!(run(&["test", at.to_str().unwrap(), "--mutate", "--policy", "rea*"]).code, 0);
}
