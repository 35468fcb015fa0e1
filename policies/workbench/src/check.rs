//! `toolgate check`: does the bundle load, what was found, and where exactly it is wrong.

use std::fmt::Write as _;

use serde::Serialize;
use toolgate::{Error, Finding, FindingKind, ToolReport, Typing};
use unicode_width::UnicodeWidthStr;

use crate::Output;
use crate::bundle::{BundleError, FileError, Loaded};
use crate::render::{BOLD, ERROR, NOTE, clean, count, json_line, paint};

/// How many typing notes are shown unless all are asked for.
const NOTES: usize = 10;
/// How much of a source line is quoted, and how much of that before the place.
const QUOTE: usize = 100;
const QUOTE_BEFORE: usize = 60;

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
    findings: &'a [Finding],
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

/// A bundle that loads: what is in it, and what was found.
pub fn report(loaded: &Loaded, all: bool, json: bool) -> Output {
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
        return Output::answer(json_line(&Loads {
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
            findings: &report.findings,
            typing_notes: noted,
        }));
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
    findings(&mut out, &report.findings);
    typing(&mut out, "arguments that policies cannot see", &noted, true, all);
    typing(&mut out, "arguments that reach policies as free-form JSON", &noted, false, all);
    if !folder.ignored.is_empty() {
        let _ = writeln!(out, "\n{}", paint(NOTE, "note: files that were not read"));
        folder.ignored.iter().for_each(|file| {
            let _ = writeln!(out, "  {}", clean(file));
        });
    }
    Output::answer(out)
}

/// How many policies there are in how many files, and how many of them are slow.
fn policies_in(policies: usize, files: usize, slow: usize) -> String {
    let policies = if policies == 1 { "1 policy".into() } else { format!("{policies} policies") };
    let compiled = if slow == 0 { "all compiled".into() } else { format!("{slow} asked of Cedar itself (slower)") };
    format!("{policies} in {}, {compiled}", count(files, "file"))
}

fn findings(out: &mut String, findings: &[Finding]) {
    let mut kinds: Vec<FindingKind> = Vec::new();
    for finding in findings {
        if !kinds.contains(&finding.kind) {
            kinds.push(finding.kind);
        }
    }
    for kind in kinds {
        let _ = writeln!(out, "\n{}", paint(NOTE, &format!("note: {}", heading(kind))));
        for finding in findings.iter().filter(|finding| finding.kind == kind) {
            let about = finding.about.as_ref().filter(|about| !finding.message.contains(about.as_str()));
            let about = about.map_or_else(String::new, |about| format!("{}: ", clean(about)));
            let _ = writeln!(out, "  {about}{}", clean(&finding.message));
        }
    }
}

fn heading(kind: FindingKind) -> String {
    match kind {
        FindingKind::CatalogIncomplete => "tool lists with more pages than are here".into(),
        FindingKind::OverlayUnused => "overlay entries for nothing in the catalog".into(),
        FindingKind::PolicyInert => "policies that apply to no tool here".into(),
        FindingKind::PolicyNotCompiled => "policies that Cedar's own evaluator answers; slower".into(),
        FindingKind::PolicyWarning => "warnings of Cedar's validator".into(),
        FindingKind::ReferenceUnknown => "ids that nothing defines; they grant nothing".into(),
        other => format!("{other:?}"),
    }
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
        quote(&mut out, line, span.line, span.column.saturating_sub(1), marked);
    }
    let _ = writeln!(out, " help: {}", clean(error.next_step()));
    out
}

/// A source line with carets under `marked` characters from `column` (from 0) on; long lines are cut around the place.
pub(crate) fn quote(out: &mut String, line: &str, number: usize, column: usize, marked: usize) {
    let skip = if line.chars().count() > QUOTE { column.saturating_sub(QUOTE_BEFORE) } else { 0 };
    let window: Vec<char> = line.chars().skip(skip).take(QUOTE).collect();
    let part = |from: usize, many: usize| -> String {
        let text: String = window.iter().skip(from).take(many).map(|&c| if c == '\t' { ' ' } else { c }).collect();
        clean(&text).into_owned()
    };
    let column = column.saturating_sub(skip);
    let (before, under) = (part(0, column), part(column, marked));
    let lead = if skip > 0 { "…" } else { "" };
    let tail = if line.chars().count() > skip.saturating_add(QUOTE) { "…" } else { "" };
    let gutter = " ".repeat(number.to_string().len());
    let carets = paint(ERROR, &"^".repeat(under.width().max(1)));
    let indent = " ".repeat(lead.width().saturating_add(before.width()));
    let _ = writeln!(out, " {gutter} |\n {number} | {lead}{}{tail}\n {gutter} | {indent}{carets}", part(0, QUOTE));
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

    #[test]
    fn carets_stand_under_the_place() {
        let mut out = String::new();
        quote(&mut out, "\tpermit (x\u{1b}, y)", 12, 11, 1);
        let plain = out.replace(&ERROR.to_string(), "").replace("\u{1b}[0m", "");
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[1], " 12 |  permit (x\\u{1b}, y)");
        assert_eq!(lines[2].find('^'), lines[1].find(','));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let mut out = String::new();
        quote(&mut out, &"x".repeat(5_000), 1, 2_500, 3);
        assert!(out.lines().all(|line| line.chars().count() < 130), "{out}");
        assert!(out.contains('…'));
    }
}
