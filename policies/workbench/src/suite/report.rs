//! The results for people: a line a suite, what differs and why, and a summary.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

use super::{Answer, Case, Failure, Fault, LoadError, Mismatch, Ran, Results, Status, Suite};
use crate::check;
use crate::render::{BOLD, ERROR, NOTE, clean, count, paint, short};

/// What every result is made of.
const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default();
const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();

/// The results for people; every case if `verbose`, else those that failed or were skipped.
pub fn people(results: &Results<'_>, verbose: bool) -> String {
    let mut out = String::new();
    let mut suites: Vec<&Suite> = Vec::new();
    for ran in &results.cases {
        if !suites.iter().any(|suite| std::ptr::eq(*suite, ran.suite)) {
            suites.push(ran.suite);
        }
    }
    for suite in suites {
        let cases: Vec<&Ran<'_>> = results.cases.iter().filter(|ran| std::ptr::eq(ran.suite, suite)).collect();
        let of = |wanted: fn(&Status) -> bool| cases.iter().filter(|ran| wanted(&ran.status)).count();
        let failed = of(|status| matches!(status, Status::Failed(_)));
        let skipped = of(|status| matches!(status, Status::Skipped(_)));
        let mark = if failed > 0 { paint(RED, "✗") } else { paint(GREEN, "✓") };
        let counts = counts(of(|status| *status == Status::Passed), failed, skipped);
        let _ = writeln!(out, "{mark} {}  {counts}  {}", paint(BOLD, &clean(&suite.name)), clean(&suite.file));
        for ran in cases {
            case(&mut out, ran, verbose);
        }
    }
    let counts = counts(results.passed(), results.failed(), results.skipped());
    let _ = writeln!(out, "\n{}: {counts}", count(results.cases.len(), "case"));
    out
}

fn counts(passed: usize, failed: usize, skipped: usize) -> String {
    let mut parts = vec![paint(GREEN, &format!("{passed} passed"))];
    if failed > 0 {
        parts.push(paint(RED, &format!("{failed} failed")));
    }
    if skipped > 0 {
        parts.push(paint(YELLOW, &format!("{skipped} skipped")));
    }
    parts.join(", ")
}

fn case(out: &mut String, ran: &Ran<'_>, verbose: bool) {
    let name = clean(&ran.case.name);
    match &ran.status {
        Status::Passed if verbose => {
            let _ = writeln!(out, "    {} {name}", paint(GREEN, "✓"));
        }
        Status::Passed => {}
        Status::Skipped(reason) => {
            let _ = writeln!(out, "    {} {name}: skipped, {}", paint(YELLOW, "-"), clean(reason));
        }
        Status::Failed(failure) => {
            let place = format!("{}:{}", clean(&ran.suite.file), ran.case.line);
            let _ = writeln!(out, "    {} {name}  {place}", paint(RED, "✗"));
            let _ = writeln!(out, "        {}", clean(&asked(ran.case)));
            for (sign, line) in lines(failure, ran.answer.as_ref()) {
                let style = match sign {
                    '-' => GREEN,
                    '+' => RED,
                    _ => anstyle::Style::new(),
                };
                let _ = writeln!(out, "        {}", paint(style, &format!("{sign} {}", clean(&line))));
            }
        }
    }
}

/// What was asked, in short.
fn asked(case: &Case) -> String {
    let now = case.now().map(|now| now.to_string());
    [case.subject(), case.target(), now].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What a failed case says, a line each: `-` what was expected, `+` what came, nothing what else is worth knowing.
pub(super) fn lines(failure: &Failure, answer: Option<&Answer>) -> Vec<(char, String)> {
    let mut lines = Vec::new();
    match failure {
        Failure::Refused(message) => {
            lines.push((' ', "the snapshot of this case is refused:".into()));
            lines.extend(message.lines().map(|line| (' ', line.to_string())));
        }
        Failure::Unlisted => {
            lines.push((' ', "nothing is expected here: list it under `expect`, or add `\"*\"`".into()));
        }
        Failure::Differs(mismatches) => mismatches.iter().for_each(|mismatch| diff(&mut lines, mismatch)),
    }
    let named = |field: &str| {
        let Failure::Differs(mismatches) = failure else { return false };
        mismatches.iter().any(|mismatch| mismatch.field == field)
    };
    if let Some(Answer::Json(answer) | Answer::Cedar(answer)) = answer {
        for field in
            ["outcome", "reason", "detail", "policies", "approvers", "errors"].into_iter().filter(|field| !named(field))
        {
            let text = match field {
                "policies" => policies(answer),
                "approvers" => approvers(answer),
                field => answer.get(field).map(plain).unwrap_or_default(),
            };
            if !text.is_empty() {
                lines.push((' ', format!("{field}: {text}")));
            }
        }
    }
    lines
}

/// The policies that made the difference, in short.
fn policies(answer: &Value) -> String {
    let policies = answer.get("policies").and_then(Value::as_array).into_iter().flatten();
    let one = |policy: &Value| Some(format!("{} ({})", policy.get("id")?.as_str()?, policy.get("effect")?.as_str()?));
    policies.filter_map(one).collect::<Vec<_>>().join(", ")
}

fn approvers(answer: &Value) -> String {
    let of = |request: &str| answer.get(request)?.get("approvers").map(plain);
    of("approval_request").or_else(|| of("access_request")).unwrap_or_default()
}

/// A value on one line.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What differs, line by line where the value has several.
fn diff(lines: &mut Vec<(char, String)>, mismatch: &Mismatch) {
    let expected = written(&mismatch.field, &mismatch.expected);
    let actual = written(&mismatch.field, &projected(&mismatch.expected, &mismatch.actual));
    for change in TextDiff::from_lines(&expected, &actual).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        lines.push((sign, change.value().trim_end_matches('\n').to_string()));
    }
}

/// Of an object that was expected in part, that part.
fn projected(expected: &Value, actual: &Value) -> Value {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let part = |(key, value): (&String, &Value)| {
                (key.clone(), projected(value, actual.get(key).unwrap_or(&Value::Null)))
            };
            let mut fields: Map<String, Value> = expected.iter().map(part).collect();
            // all that is there, where none of it was named
            if expected.keys().all(|key| !actual.contains_key(key)) {
                fields.extend(actual.clone());
            }
            Value::Object(fields)
        }
        (_, actual) => actual.clone(),
    }
}

/// A field as YAML, long values over several lines.
fn written(field: &str, value: &Value) -> String {
    match value {
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            let mut items: Vec<String> = items.iter().map(inline).collect();
            items.sort();
            format!("{field}: [{}]\n", items.join(", "))
        }
        Value::Object(fields) if !fields.is_empty() => {
            let mut out = format!("{field}:\n");
            for (key, value) in fields {
                written(key, value).lines().for_each(|line| {
                    let _ = writeln!(out, "  {line}");
                });
            }
            out
        }
        value => format!("{field}: {}\n", inline(value)),
    }
}

fn inline(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

/// Suites that do not load, for people.
pub fn failure(error: &LoadError) -> String {
    let blocks: Vec<String> = match error {
        LoadError::Unreadable(errors) => errors.iter().map(check::file_error).collect(),
        LoadError::Refused(faults) => faults.iter().map(fault).collect(),
    };
    let summary = format!("{}\n", paint(ERROR, &count(blocks.len(), "error")));
    blocks.join("\n") + "\n" + &summary
}

/// A fault with the line it is on.
fn fault(fault: &Fault) -> String {
    let mut out = format!("{}: {}\n", paint(ERROR, "error"), clean(&fault.message));
    let place = fault.place.map_or_else(String::new, |place| format!(":{}:{}", place.line, place.column));
    let _ = writeln!(out, " --> {}{place}", clean(&fault.file));
    if let Some(pointer) = fault.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
        let _ = writeln!(out, " at: {}", clean(pointer));
    }
    if let (Some(place), Some(line)) = (fault.place, &fault.line) {
        check::quote::quote(&mut out, ERROR, line, place.line, place.column.saturating_sub(1), 1);
    }
    if let Some(help) = &fault.help {
        let _ = writeln!(out, " help: {}", clean(help));
    }
    out
}

/// Why a run says nothing, if it does: no suites, a suite without cases, or a filter that matches nothing.
pub fn nothing(suites: &[Suite], results: &Results<'_>, filter: Option<&str>) -> Option<String> {
    let (message, help) = if suites.is_empty() {
        ("there are no tests".to_string(), "write a suite, such as `tests/first.yaml`; `toolgate init DIR` shows one")
    } else if let Some(suite) = suites.iter().find(|suite| suite.cases.is_empty()) {
        (
            format!("{}: the suite `{}` has no cases", suite.file, short(&suite.name, 80)),
            "write one, or remove the file",
        )
    } else if results.cases.is_empty() {
        let filter = filter.unwrap_or_default();
        (
            format!("no case matches `{filter}`"),
            "a filter is a part of a suite's, case's, subject's or tool's name, or a pattern with `*`",
        )
    } else {
        return None;
    };
    Some(format!("{}: {}\n help: {help}\n", paint(ERROR, "error"), clean(&message)))
}

/// A heading for one of several bundles.
pub fn heading(bundle: &str) -> String {
    format!("{}\n", paint(NOTE, &clean(bundle)))
}
