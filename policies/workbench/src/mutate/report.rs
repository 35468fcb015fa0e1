//! What became of the mutants: for a person the survivors, each with its place, its change and the test that is
//! missing; for machines all of them.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::{Fate, Mutant, Outcome, hint::Hint};
use crate::render::{BOLD, ERROR, NOTE, clean, count, json_line, paint};
use crate::source::PolicyFile;

const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default();
/// The most lines of a change that are shown.
const LINES: usize = 8;

/// The survivors, what is wrong with explanations, and the score.
pub fn people(outcome: &Outcome, files: &[PolicyFile], name: &str) -> String {
    let mut out = String::new();
    for (mutant, hint) in outcome.survivors() {
        let place = format!("{}:{}:{}", clean(&mutant.file), mutant.line, mutant.column);
        let _ = writeln!(
            out,
            "{}: `{}`, {}\n --> {place}",
            paint(ERROR, &format!("survived[{}]", mutant.operator)),
            clean(&mutant.policy),
            mutant.operator.unnoticed(),
        );
        let text = files.get(mutant.index).map_or("", |file| file.text.as_str());
        change(&mut out, mutant, text);
        missing(&mut out, mutant, hint);
        out.push('\n');
    }
    for fault in &outcome.faults {
        let _ = writeln!(
            out,
            "{}: {}\n --> {}:{}\n",
            paint(ERROR, "explanation"),
            clean(&fault.message),
            clean(&fault.file),
            fault.line
        );
    }
    let explained: Vec<(&Mutant, &str)> = outcome
        .mutants
        .iter()
        .filter_map(|(mutant, fate)| if let Fate::Explained(why) = fate { Some((mutant, why.as_str())) } else { None })
        .collect();
    if !explained.is_empty() {
        let _ = writeln!(out, "{}", paint(NOTE, "note: survivors that are explained"));
        for (mutant, why) in explained {
            let place = format!("{}:{}", clean(&mutant.file), mutant.line);
            let _ = writeln!(out, "  {} of `{}` ({place}): {}", mutant.operator, clean(&mutant.policy), clean(why));
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", summary(outcome, name));
    out
}

/// One line: how many, how many were caught, what is left.
fn summary(outcome: &Outcome, name: &str) -> String {
    let Tally { caught, survived, explained, refused, score } = Tally::of(outcome);
    let valid = caught.saturating_add(survived).saturating_add(explained);
    let mut parts = vec![paint(GREEN, &format!("{caught} caught"))];
    let left = format!("{survived} survived");
    parts.push(if survived > 0 { paint(RED, &left) } else { left });
    if explained > 0 {
        parts.push(format!("{explained} explained"));
    }
    let score = score.map_or_else(String::new, |score| format!("; score {score} %"));
    let tried = count(outcome.cases, "case");
    format!(
        "{}: {} against {tried}: {}{score}; {refused} more do not load and say nothing",
        paint(BOLD, &clean(name)),
        count(valid, "mutant"),
        parts.join(", "),
    )
}

/// How many came to what.
#[derive(Serialize)]
struct Tally {
    caught: usize,
    survived: usize,
    explained: usize,
    refused: usize,
    /// Of those that could be caught, how many were, in percent, rounded down.
    score: Option<usize>,
}

impl Tally {
    fn of(outcome: &Outcome) -> Self {
        let caught = outcome.count(|fate| matches!(fate, Fate::Caught { .. }));
        let survived = outcome.count(|fate| matches!(fate, Fate::Survived(_)));
        Self {
            caught,
            survived,
            explained: outcome.count(|fate| matches!(fate, Fate::Explained(_))),
            refused: outcome.count(|fate| matches!(fate, Fate::Refused(_))),
            score: caught.saturating_mul(100).checked_div(caught.saturating_add(survived)),
        }
    }
}

/// The lines that differ, whole.
fn change(out: &mut String, mutant: &Mutant, text: &str) {
    let start =
        text.get(..mutant.span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at.saturating_add(1));
    let rest = text.get(mutant.span.end..).unwrap_or_default();
    let end = mutant.span.end.saturating_add(rest.find('\n').unwrap_or(rest.len()));
    let old = text.get(start..end).unwrap_or_default();
    let lead = text.get(start..mutant.span.start).unwrap_or_default();
    let tail = text.get(mutant.span.end..end).unwrap_or_default();
    let new = format!("{lead}{}{tail}", mutant.replacement);
    let first = text.get(..start).unwrap_or_default().matches('\n').count().saturating_add(1);
    let last = first.saturating_add(old.lines().count());
    let width = last.to_string().len();
    let (same, new): (Vec<&str>, Vec<&str>) = (new.lines().collect(), new.lines().collect());
    let old: Vec<&str> = old.lines().collect();
    for (at, line) in old.iter().enumerate().take(LINES) {
        // a line that stays is shown once
        if same.get(at) == Some(line) {
            let number = first.saturating_add(at);
            let _ = writeln!(out, " {number:>width$}    {}", clean(line));
            continue;
        }
        let number = first.saturating_add(at);
        let _ = writeln!(out, " {number:>width$}  {}", paint(RED, &format!("- {}", clean(line))));
    }
    let rest = old.len().saturating_sub(LINES);
    if rest > 0 {
        let _ = writeln!(out, " {:>width$}  {}", "", paint(RED, &format!("- … and {}", count(rest, "more line"))));
    }
    for (at, line) in new.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()).take(LINES) {
        if old.get(at) != Some(line) {
            let _ = writeln!(out, " {:>width$}  {}", "", paint(GREEN, &format!("+ {}", clean(line))));
        }
    }
}

fn missing(out: &mut String, mutant: &Mutant, hint: Option<&Hint>) {
    let Some(hint) = hint else {
        let _ = writeln!(out, " help: {}", mutant.operator.advice());
        let about = match mutant.about.lines().count() {
            1 => format!(" of `{}`", clean(&mutant.about)),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "       no sample call was answered otherwise; if none can be, say why above the policy:\n       \
             // mutants: allow {}{about} because …",
            mutant.operator,
        );
        return;
    };
    let _ = writeln!(out, " help: this case would notice (the mutant says {}):", inline(&hint.instead));
    let _ = writeln!(out, "  - name: …");
    for (key, value) in &hint.case {
        let _ = writeln!(out, "    {}: {}", key, flow(value));
    }
    let _ = writeln!(out, "    expect: {}", flow(&Value::Object(hint.expect.clone())));
}

fn inline(fields: &serde_json::Map<String, Value>) -> String {
    fields.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect::<Vec<_>>().join(", ")
}

/// A value as YAML on one line. JSON is YAML; plain words need no quotes.
fn flow(value: &Value) -> String {
    let plain = |text: &str| {
        let safe = |c: char| c.is_ascii_alphanumeric() || "_-/.".contains(c);
        let word = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic()) && text.chars().all(safe);
        word && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str())
    };
    match value {
        Value::String(text) if plain(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".into(),
        Value::Object(fields) => {
            let field =
                |(key, value): (&String, &Value)| format!("{}: {}", flow(&Value::String(key.clone())), flow(value));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        other => clean(&other.to_string()).into_owned(),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    bundle: &'a str,
    fate: &'static str,
    operator: &'static str,
    policy: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    original: &'a str,
    replacement: &'a str,
    /// The case that noticed.
    #[serde(skip_serializing_if = "Option::is_none")]
    caught_by: Option<By<'a>>,
    /// Why it does not load, or why it may survive.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// A case that would notice.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a Hint>,
}

#[derive(Serialize)]
struct By<'a> {
    suite: &'a str,
    case: &'a str,
}

#[derive(Serialize)]
struct FaultLine<'a> {
    kind: &'static str,
    bundle: &'a str,
    file: &'a str,
    line: usize,
    message: &'a str,
}

#[derive(Serialize)]
struct Summary<'a> {
    kind: &'static str,
    bundle: &'a str,
    cases: usize,
    #[serde(flatten)]
    tally: Tally,
}

/// Every mutant, then faults, then a summary: an object a line.
pub fn json(outcome: &Outcome, bundle: &str) -> String {
    let mut out = String::new();
    for (mutant, fate) in &outcome.mutants {
        let mut line = Line {
            kind: "mutant",
            bundle,
            fate: "survived",
            operator: mutant.operator.name(),
            policy: &mutant.policy,
            file: &mutant.file,
            line: mutant.line,
            column: mutant.column,
            original: &mutant.original,
            replacement: &mutant.replacement,
            caught_by: None,
            reason: None,
            hint: None,
        };
        match fate {
            Fate::Caught { suite, case } => (line.fate, line.caught_by) = ("caught", Some(By { suite, case })),
            Fate::Refused(why) => (line.fate, line.reason) = ("refused", Some(why.as_str())),
            Fate::Explained(why) => (line.fate, line.reason) = ("explained", Some(why.as_str())),
            Fate::Survived(hint) => line.hint = hint.as_ref(),
        }
        out += &json_line(&line);
    }
    for fault in &outcome.faults {
        let (file, line, message) = (fault.file.as_str(), fault.line, fault.message.as_str());
        out += &json_line(&FaultLine { kind: "explanation", bundle, file, line, message });
    }
    out + &json_line(&Summary { kind: "summary", bundle, cases: outcome.cases, tally: Tally::of(outcome) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_yaml_on_one_line() {
        let value =
            json!({"a": "word", "b": "two words", "c": [1, true, null], "no": "yes", "t": "2026-01-01", "e": {}});
        assert_eq!(
            flow(&value),
            r#"{ a: word, b: "two words", c: [1, true, null], e: {}, "no": "yes", t: "2026-01-01" }"#
        );
    }
}
