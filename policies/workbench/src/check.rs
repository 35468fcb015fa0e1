//! `toolgate check`: does the bundle load, what was found, and where exactly it is wrong.

use std::fmt::Write as _;

use serde::Serialize;
use toolgate::{Error, FindingKind, ToolReport, Typing};

use crate::Output;
use crate::bundle::{BundleError, FileError, Loaded};
use crate::lint::{Finding, Level};
use crate::render::{BOLD, ERROR, NOTE, clean, count, json_line, paint};

pub(crate) mod quote;
mod show;

use quote::quote;
use show::Shown;
pub(crate) use show::region;

/// How many typing notes, and findings of one lint, are shown unless all are asked for.
const NOTES: usize = 10;

/// How `check` is to answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Show every note.
    pub verbose: bool,
    /// One JSON object instead of text.
    pub json: bool,
    /// Findings of this level and above make the answer a no; errors always do.
    pub deny: Option<Level>,
}

/// What `check --json` prints for a bundle that loads.
#[derive(Serialize)]
struct Loads<'a> {
    loads: bool,
    name: &'a str,
    engine: &'a str,
    policies: usize,
    policies_compiled: usize,
    policies_not_compiled: usize,
    servers: usize,
    tools: Tools,
    users: usize,
    grants: usize,
    snapshot_version: u64,
    ignored_files: &'a [String],
    errors: usize,
    warnings: usize,
    notes: usize,
    findings: Vec<Shown<'a>>,
    typing_notes: Vec<&'a ToolReport>,
}

#[derive(Serialize)]
struct Tools {
    total: usize,
    full: usize,
    partial: usize,
    untyped: usize,
}

/// What `check --json` prints for one that does not.
#[derive(Serialize)]
struct DoesNotLoad {
    loads: bool,
    errors: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    code: &'static str,
    message: String,
    file: Option<String>,
    line: Option<usize>,
    column: Option<usize>,
    pointer: Option<String>,
    help: Option<String>,
}

/// A bundle that loads: what is in it, and what was found. The answer is no if something is wrong.
pub fn report(loaded: &Loaded, findings: &[Finding], options: Options) -> Output {
    let Options { verbose: all, json, deny } = options;
    let denied = |finding: &Finding| finding.level >= deny.unwrap_or(Level::Error);
    let code = u8::from(findings.iter().any(denied));
    let of = |level| findings.iter().filter(|finding| finding.level == level).count();
    let (engine, folder) = (&loaded.engine, &loaded.folder);
    let report = engine.report();
    let tools = Tools {
        total: report.tools.len(),
        full: report.count(Typing::Full),
        partial: report.count(Typing::Partial),
        untyped: report.count(Typing::Untyped),
    };
    let noted: Vec<&ToolReport> = report.tools.iter().filter(|tool| !tool.notes.is_empty()).collect();
    let policies = engine.policy_ids().count();
    let slow = report.findings.iter().filter(|finding| finding.kind == FindingKind::PolicyNotCompiled).count();
    let snapshot = engine.snapshot();
    if json {
        let answer = json_line(&Loads {
            loads: true,
            name: &folder.manifest.name,
            engine: engine.digest(),
            policies,
            policies_compiled: policies.saturating_sub(slow),
            policies_not_compiled: slow,
            servers: engine.catalog().servers.len(),
            tools,
            users: snapshot.users.len(),
            grants: snapshot.grants.len(),
            snapshot_version: snapshot.version,
            ignored_files: &folder.ignored,
            errors: of(Level::Error),
            warnings: of(Level::Warning),
            notes: of(Level::Note),
            findings: findings.iter().map(|finding| Shown::of(finding, folder)).collect(),
            typing_notes: noted,
        });
        return Output { answer, notes: String::new(), code };
    }
    let Tools { total, full, partial, untyped } = tools;
    let mut out = format!(
        "{} loads\n  {}\n  {}\n  {}: {full} fully typed, {partial} partly, {untyped} untyped\n  {}, {}, \
         snapshot {} of {}\n  engine {}\n",
        paint(BOLD, &clean(&folder.manifest.name)),
        policies_in(policies, folder.bundle.policies.len(), slow),
        count(engine.catalog().servers.len(), "server"),
        count(total, "tool"),
        count(snapshot.users.len(), "user"),
        count(snapshot.grants.len(), "grant"),
        snapshot.version,
        snapshot.issued_at,
        engine.digest(),
    );
    show::findings(&mut out, findings, folder, all);
    typing(&mut out, "arguments that policies cannot see", &noted, true, all);
    typing(&mut out, "arguments that reach policies as free-form JSON", &noted, false, all);
    if !folder.ignored.is_empty() {
        let _ = writeln!(out, "\n{}", paint(NOTE, "note: files that were not read"));
        folder.ignored.iter().for_each(|file| {
            let _ = writeln!(out, "  {}", clean(file));
        });
    }
    if !findings.is_empty() {
        let style = if code == 0 { NOTE } else { ERROR };
        let counts = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "note")];
        let counts = counts.into_iter().map(|(level, name)| (of(level), name)).filter(|(number, _)| *number > 0);
        let found: Vec<String> = counts.map(|(number, name)| count(number, name)).collect();
        let _ = writeln!(out, "\n{}", paint(style, &found.join(", ")));
    }
    Output { answer: out, notes: String::new(), code }
}

/// How many policies there are in how many files, and how many of them are slow.
fn policies_in(policies: usize, files: usize, slow: usize) -> String {
    let policies = if policies == 1 { "1 policy".into() } else { format!("{policies} policies") };
    let compiled = if slow == 0 { "all compiled".into() } else { format!("{slow} asked of Cedar itself (slower)") };
    format!("{policies} in {}, {compiled}", count(files, "file"))
}

fn typing(out: &mut String, heading: &str, noted: &[&ToolReport], left_out: bool, all: bool) {
    let notes = noted.iter().flat_map(|tool| tool.notes.iter().map(|note| (&tool.tool, note)));
    let notes: Vec<_> = notes.filter(|(_, note)| note.left_out == left_out).collect();
    if notes.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{}", paint(NOTE, &format!("note: {heading}")));
    let shown = if all { notes.len() } else { NOTES };
    for (tool, note) in notes.iter().take(shown) {
        let pointer = if note.pointer.is_empty() { "/" } else { &note.pointer };
        let _ = writeln!(out, "  {} {}: {}", clean(&tool.to_string()), clean(pointer), clean(&note.reason));
    }
    let rest = notes.len().saturating_sub(shown);
    if rest > 0 {
        let _ = writeln!(out, "  and {rest} more (--verbose or --json shows all)");
    }
}

/// A bundle that does not load: every fault with its place, in the manner of rustc.
pub fn failure(error: &BundleError) -> String {
    let (shown, number): (Vec<String>, usize) = match error {
        BundleError::Unreadable(errors) => (errors.iter().map(file_error).collect(), errors.len()),
        BundleError::Refused { errors, sources } => {
            let text = |error: &Error| {
                let source = sources.iter().find(|source| Some(source.file.as_str()) == error.file())?;
                std::str::from_utf8(&source.bytes).ok()
            };
            (errors.iter().map(|error| fault(error, text(error))).collect(), errors.len())
        }
    };
    format!("{}\n{}\n", shown.join("\n"), paint(ERROR, &count(number, "error")))
}

/// The same for machines.
pub fn failure_json(error: &BundleError) -> String {
    let errors = match error {
        BundleError::Unreadable(errors) => errors
            .iter()
            .map(|error| Fault {
                code: "file",
                message: error.message.clone(),
                file: Some(error.path.clone()),
                line: None,
                column: None,
                pointer: None,
                help: error.help.clone(),
            })
            .collect(),
        BundleError::Refused { errors, .. } => errors
            .iter()
            .map(|error| Fault {
                code: error.code(),
                message: error.message().into(),
                file: error.file().map(Into::into),
                line: error.span().map(|span| span.line),
                column: error.span().map(|span| span.column),
                pointer: error.pointer().map(Into::into),
                help: Some(error.next_step().into()),
            })
            .collect(),
    };
    json_line(&DoesNotLoad { loads: false, errors })
}

/// `check` on a bundle that does not load: 1 if it is refused, 2 if it cannot be read.
pub fn refused(error: &BundleError, json: bool) -> Output {
    let code = if matches!(error, BundleError::Unreadable(_)) { 2 } else { 1 };
    match (json, code) {
        (true, _) => Output { answer: failure_json(error), notes: String::new(), code },
        (false, 1) => Output { answer: failure(error), notes: String::new(), code },
        (false, _) => Output { answer: String::new(), notes: failure(error), code },
    }
}

/// A file that could not be read, for people.
pub fn file_error(error: &FileError) -> String {
    let mut out = format!("{}: {}\n --> {}\n", paint(ERROR, "error"), clean(&error.message), clean(&error.path));
    if let Some(help) = &error.help {
        let _ = writeln!(out, " help: {}", clean(help));
    }
    out
}

fn fault(error: &Error, text: Option<&str>) -> String {
    let mut out = format!("{}: {}\n", paint(ERROR, &format!("error[{}]", error.code())), clean(error.message()));
    let place = error.span().map_or_else(String::new, |span| format!(":{}:{}", span.line, span.column));
    if let Some(file) = error.file() {
        let _ = writeln!(out, " --> {}{place}", clean(file));
    }
    if let Some(pointer) = error.pointer().filter(|pointer| !pointer.is_empty()) {
        let _ = writeln!(out, " at: {}", clean(pointer));
    }
    if let (Some(span), Some(text)) = (error.span(), text)
        && let Some(line) = text.lines().nth(span.line.saturating_sub(1))
    {
        let marked = text.get(span.start..span.end).unwrap_or("").lines().next().unwrap_or("").chars().count();
        quote(&mut out, ERROR, line, span.line, span.column.saturating_sub(1), marked);
    }
    let _ = writeln!(out, " help: {}", clean(error.next_step()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_policies_are_counted() {
        assert_eq!(policies_in(21, 6, 0), "21 policies in 6 files, all compiled");
        assert_eq!(policies_in(21, 6, 2), "21 policies in 6 files, 2 asked of Cedar itself (slower)");
        assert_eq!(policies_in(1, 1, 1), "1 policy in 1 file, 1 asked of Cedar itself (slower)");
    }
}
