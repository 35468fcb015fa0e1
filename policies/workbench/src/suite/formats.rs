//! The results for machines: JSON, JUnit XML, TAP.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use serde_json::{Value, json};

use super::report::lines;
use super::{Answer, Failure, Mismatch, Ran, Results, Status};
use crate::render::json_line;

/// One case as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    bundle: &'a str,
    suite: &'a str,
    case: &'a str,
    file: &'a str,
    line: usize,
    status: &'static str,
    subject: Option<String>,
    target: Option<String>,
    now: Option<String>,
    /// Why it was skipped, or could not be asked.
    message: Option<String>,
    mismatches: &'a [Mismatch],
    answer: Option<Value>,
}

/// The results as JSON, a case a line, then a summary.
pub fn json(results: &Results<'_>, bundle: &str) -> String {
    let mut out: String = results.cases.iter().map(|ran| json_line(&line(ran, bundle))).collect();
    out += &json_line(&json!({
        "bundle": bundle,
        "summary": {
            "cases": results.cases.len(),
            "passed": results.passed(),
            "failed": results.failed(),
            "skipped": results.skipped(),
            "engines_built": results.engines_built,
        }
    }));
    out
}

fn line<'a>(ran: &'a Ran<'_>, bundle: &'a str) -> Line<'a> {
    let (status, message, mismatches) = match &ran.status {
        Status::Passed => ("passed", None, &[][..]),
        Status::Skipped(reason) => ("skipped", Some(reason.clone()), &[][..]),
        Status::Failed(Failure::Differs(mismatches)) => ("failed", None, mismatches.as_slice()),
        Status::Failed(Failure::Unlisted) => ("failed", Some("nothing is expected here".into()), &[][..]),
        Status::Failed(Failure::Refused(message)) => ("failed", Some(message.clone()), &[][..]),
    };
    Line {
        bundle,
        suite: &ran.suite.name,
        case: &ran.case.name,
        file: &ran.suite.file,
        line: ran.case.line,
        status,
        subject: ran.case.subject(),
        target: ran.case.target(),
        now: ran.case.now().map(|now| now.to_string()),
        message,
        mismatches,
        answer: ran.answer.as_ref().map(|answer| match answer {
            Answer::Json(answer) | Answer::Cedar(answer) => answer.clone(),
            Answer::Tools(seen) => seen.iter().map(|(tool, seen)| (tool.to_string(), json!(seen))).collect(),
        }),
    }
}

/// The results of several bundles as one JUnit report.
pub fn junit(all: &[(String, Results<'_>)]) -> Result<String, String> {
    let mut report = Report::new("toolgate test");
    for (bundle, results) in all {
        let mut suite: Option<(*const super::Suite, TestSuite)> = None;
        for ran in &results.cases {
            let (case, same) = (junit_case(ran), std::ptr::from_ref(ran.suite));
            if suite.as_ref().is_none_or(|(of, _)| *of != same) {
                report.add_test_suites(suite.take().map(|(_, suite)| suite));
                let mut next = TestSuite::new(format!("{bundle}: {}", ran.suite.name));
                next.add_property(("file", ran.suite.file.as_str()));
                suite = Some((same, next));
            }
            if let Some((_, suite)) = &mut suite {
                suite.add_test_case(case);
            }
        }
        report.add_test_suites(suite.map(|(_, suite)| suite));
    }
    report.to_string().map_err(|error| error.to_string())
}

fn junit_case(ran: &Ran<'_>) -> TestCase {
    let status = match &ran.status {
        Status::Passed => TestCaseStatus::success(),
        Status::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
        Status::Failed(failure) => {
            let refused = matches!(failure, Failure::Refused(_));
            let kind = if refused { NonSuccessKind::Error } else { NonSuccessKind::Failure };
            let text = text(failure, ran);
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(brief(failure)).set_description(text);
            status
        }
    };
    let mut case = TestCase::new(ran.case.name.as_str(), status);
    case.set_classname(ran.suite.file.as_str());
    case
}

/// What differs, on one line.
fn brief(failure: &Failure) -> String {
    match failure {
        Failure::Differs(mismatches) => {
            let one = |it: &Mismatch| format!("{}: expected {}, got {}", it.field, it.expected, it.actual);
            mismatches.iter().map(one).collect::<Vec<_>>().join("; ")
        }
        Failure::Unlisted => "nothing is expected here".into(),
        Failure::Refused(message) => message.clone(),
    }
}

fn text(failure: &Failure, ran: &Ran<'_>) -> String {
    let mut out = format!("{}:{}\n", ran.suite.file, ran.case.line);
    for (sign, line) in lines(failure, ran.answer.as_ref()) {
        let _ = writeln!(out, "{sign} {line}");
    }
    out
}

/// The results of several bundles as TAP 14.
pub fn tap(all: &[(String, Results<'_>)]) -> String {
    let total = all.iter().map(|(_, results)| results.cases.len()).fold(0usize, usize::saturating_add);
    let mut out = format!("TAP version 14\n1..{total}\n");
    let cases = all.iter().flat_map(|(bundle, results)| results.cases.iter().map(move |ran| (bundle, ran)));
    for (number, (bundle, ran)) in (1usize..).zip(cases) {
        let name = escaped(&format!("{bundle}: {}: {}", ran.suite.name, ran.case.name));
        let _ = match &ran.status {
            Status::Passed => writeln!(out, "ok {number} - {name}"),
            Status::Skipped(reason) => writeln!(out, "ok {number} - {name} # SKIP {}", escaped(reason)),
            Status::Failed(failure) => {
                let place = json!({"file": ran.suite.file, "line": ran.case.line});
                let (message, text) = (json!(brief(failure)), json!(text(failure, ran)));
                // JSON strings are YAML
                writeln!(
                    out,
                    "not ok {number} - {name}\n  ---\n  message: {message}\n  at: {place}\n  diff: {text}\n  ..."
                )
            }
        };
    }
    out
}

/// A description on one line; `#` would begin a directive.
fn escaped(text: &str) -> String {
    crate::render::clean(&text.replace('\\', "\\\\").replace('#', "\\#").replace('\n', " ")).into_owned()
}
