//! Coverage: what no case reaches is named, as text, JSON and LCOV.

mod support;

use std::fs;

use support::{Ran, path, run};

/// The template with only the cases of its suite that `filter` finds.
fn template(args: &[&str]) -> Ran {
    run(&[&["test", &path("workbench/template")], args].concat())
}

#[test]
fn what_no_case_reaches_is_named() {
    let ran = template(&["--coverage", "--filter", "reading runs at once"]);
    assert_eq!(ran.code, 0);
    for text in [
        "(1 of 4 policies determined an answer, 1 of 10 sides of operands were seen)",
        "never asked: no case is in its scope",
        "never false: `principal in resource.entitlements` at 15:8",
        "tools that no case calls: expenses/delete_expense, expenses/submit_expense",
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{}", ran.stdout);
    }
    let ran = template(&["--coverage", "--filter", "500.00 is the user's"]);
    for text in
        ["never true: `context.input.amount > 50000`", "never reached: `context.approval.manager`", "never held"]
    {
        assert!(ran.stdout.contains(text), "{text}\n{}", ran.stdout);
    }
    assert!(
        !ran.stdout.contains("`context.approval.self`"),
        "each rung is asked: it was false, then true\n{}",
        ran.stdout
    );
}

#[test]
fn thresholds_decide_the_exit_code() {
    assert_eq!(template(&["--min-coverage", "100", "--min-policies", "100", "--min-operands", "100%"]).code, 0);
    let part = ["--filter", "reading runs at once"];
    for (option, percent, text) in [
        ("--min-coverage", "14.3", "14.2 % is covered, less than 14.3 %"),
        ("--min-policies", "25.1", "25 % of the policies determined an answer, less than 25.1 %"),
        ("--min-operands", "11", "10 % of the sides of operands were seen, less than 11 %"),
    ] {
        let ran = template(&[&part[..], &[option, percent]].concat());
        assert_eq!(ran.code, 1, "{option}");
        assert!(ran.stderr.contains(text), "{}", ran.stderr);
    }
    assert_eq!(template(&[&part[..], &["--min-policies", "25"]].concat()).code, 0, "just enough");
    assert_eq!(template(&["--min-coverage", "101"]).code, 2);
}

#[test]
fn json_has_every_policy_operand_and_answer() {
    let ran = template(&["--coverage", "--json", "--filter", "cent more"]);
    let line = ran.json().pop().unwrap();
    let coverage = &line["coverage"];
    let policies = coverage["policies"].as_array().unwrap();
    let ids: Vec<&str> = policies.iter().map(|policy| policy["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["reads-run", "writes-ask-the-user", "large-expenses-ask-the-manager", "no-deletes"]);
    let large = &policies[2];
    assert_eq!((&large["asked"], &large["satisfied"], &large["determining"]), (&1.into(), &1.into(), &1.into()));
    let operand = &large["operands"][0];
    assert_eq!(operand["text"], "context.input.amount > 50000");
    assert_eq!((&operand["when_true"], &operand["when_false"]), (&3.into(), &0.into()), "at three rungs");
    assert_eq!(large["operands"][1]["when_true"], 1, "the manager's yes, at the top");
    let tools = coverage["tools"].as_array().unwrap();
    let submit = tools.iter().find(|tool| tool["tool"] == "expenses/submit_expense").unwrap();
    assert_eq!(submit["answers"][0]["outcome"], "manager_approve");
    assert_eq!(submit["answers"][0]["reason"], "approval_required");
}

#[test]
fn lcov_has_a_record_for_each_file() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("lcov.info");
    let ran = template(&["--lcov", file.to_str().unwrap(), "--filter", "500.00 is the user's"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!((text.matches("SF:").count(), text.matches("end_of_record").count()), (2, 2));
    for line in [
        "FN:9,large-expenses-ask-the-manager",
        "FNDA:0,large-expenses-ask-the-manager",
        "FNDA:1,writes-ask-the-user",
        "BRDA:14,0,0,0",
        "BRDA:14,0,1,3",
        "BRDA:15,0,2,-",
        "DA:14,3",
        "DA:15,0",
        "DA:22,0",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    // the counts are those of the lines
    for (count, of) in [("BRF:", "BRDA:"), ("LF:", "DA:"), ("FNF:", "FN:")] {
        let said: usize = text.lines().filter_map(|line| line.strip_prefix(count)?.parse::<usize>().ok()).sum();
        assert_eq!(said, text.lines().filter(|line| line.starts_with(of)).count(), "{count}");
    }
}
