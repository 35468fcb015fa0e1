//! Findings, for people and for machines.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::{NOTES, quote};
use crate::bundle::BundleFolder;
use crate::lint::{Finding, Level};
use crate::render::{ERROR, NOTE, clean, paint};

/// For what is most likely wrong.
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// A finding as JSON has it.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    lint: &'static str,
    level: &'static str,
    about: About<'a>,
    message: &'a str,
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    pointer: Option<&'a str>,
    help: &'a str,
    page: String,
}

#[derive(Serialize)]
struct About<'a> {
    what: &'static str,
    id: &'a str,
}

impl<'a> Shown<'a> {
    pub(super) fn of(finding: &'a Finding, folder: &BundleFolder) -> Self {
        let region = region(finding, folder);
        Self {
            lint: finding.lint.id,
            level: finding.level.as_str(),
            about: About { what: finding.what, id: &finding.id },
            message: &finding.message,
            file: &finding.place.file,
            line: region.map(|region| region.line),
            column: region.map(|region| region.column),
            end_line: region.map(|region| region.end_line),
            end_column: region.map(|region| region.end_column),
            pointer: finding.place.pointer.as_deref(),
            help: &finding.help,
            page: finding.lint.page_path(),
        }
    }
}

/// Lines and columns of a finding, from 1; the end is one past the last character.
#[derive(Clone, Copy)]
pub(crate) struct Region {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
}

/// Where a finding begins and ends.
pub(crate) fn region(finding: &Finding, folder: &BundleFolder) -> Option<Region> {
    let span = finding.place.span?;
    let marked = folder.text(&finding.place.file).and_then(|text| text.get(span.start..span.end)).unwrap_or_default();
    let last = marked.rsplit('\n').next().unwrap_or_default().chars().count();
    let lines = marked.matches('\n').count();
    Some(Region {
        line: span.line,
        column: span.column,
        end_line: span.line.saturating_add(lines),
        end_column: if lines == 0 { span.column.saturating_add(last) } else { last.saturating_add(1) },
    })
}

/// Findings in groups, one a lint.
pub(super) fn findings(out: &mut String, findings: &[Finding], folder: &BundleFolder, all: bool) {
    for group in findings.chunk_by(|one, next| one.lint.id == next.lint.id) {
        let Some(first) = group.first() else { continue };
        let style = match first.level {
            Level::Error => ERROR,
            Level::Warning => WARNING,
            Level::Note => NOTE,
        };
        let head = format!("{}[{}]", first.level.as_str(), first.lint.id);
        let _ = writeln!(out, "\n{}: {}", paint(style, &head), first.lint.title);
        let shown = if all { group.len() } else { NOTES };
        for finding in group.iter().take(shown) {
            one(out, style, finding, folder);
        }
        let rest = group.len().saturating_sub(shown);
        if rest > 0 {
            let _ = writeln!(out, " and {rest} more (--verbose or --json shows all)");
        }
        let _ = writeln!(out, " page: {} (`toolgate check --explain {}`)", first.lint.page_path(), first.lint.id);
    }
}

fn one(out: &mut String, style: Style, finding: &Finding, folder: &BundleFolder) {
    let place = &finding.place;
    let at = place.span.map_or_else(String::new, |span| format!(":{}:{}", span.line, span.column));
    let _ = writeln!(out, " --> {}{at}", clean(&place.file));
    if let Some(pointer) = place.pointer.as_deref().filter(|pointer| !pointer.is_empty()) {
        let _ = writeln!(out, " at: {}", clean(pointer));
    }
    if let (Some(span), Some(text)) = (place.span, folder.text(&place.file))
        && let Some(line) = text.lines().nth(span.line.saturating_sub(1))
    {
        let marked = text.get(span.start..span.end).unwrap_or("").lines().next().unwrap_or("").chars().count();
        quote(out, style, line, span.line, span.column.saturating_sub(1), marked);
    }
    let _ = writeln!(out, " {}", clean(&finding.message));
    let _ = writeln!(out, " help: {}", clean(&finding.help));
}
