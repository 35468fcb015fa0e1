//! `// toolgate: allow <lint> because <reason>`: leaving out what was looked at and is meant.

use std::ops::Range;

use toolgate::{Bundle, Source};

use super::place::Place;
use super::subject::Subject;
use super::{Findings, allow_invalid, allow_unused, find};
use crate::source::PolicyFile;
use crate::source::span_of;

/// One comment, and what it speaks for.
struct Allow {
    file: String,
    place: Place,
    lints: Vec<String>,
    over: Range<usize>,
    used: Vec<bool>,
}

/// Takes out what comments allow, and reports comments that allow nothing.
pub(super) fn apply(_subject: &Subject<'_>, bundle: &Bundle, files: &[PolicyFile], findings: &mut Findings) {
    let mut allows = Vec::new();
    findings.lint = &allow_invalid::LINT;
    for file in files {
        in_policies(file, &mut allows, findings);
    }
    bundle.overlay.iter().for_each(|source| in_overlay(source, &mut allows, findings));
    findings.all.retain(|finding| {
        let Some(span) = finding.place.span else { return true };
        let mut kept = true;
        for allow in allows.iter_mut().filter(|allow| allow.file == finding.place.file) {
            if !allow.over.contains(&span.start) {
                continue;
            }
            for (lint, used) in allow.lints.iter().zip(&mut allow.used) {
                if lint == finding.lint.id {
                    (*used, kept) = (true, false);
                }
            }
        }
        kept
    });
    findings.lint = &allow_unused::LINT;
    for allow in allows {
        for (lint, _) in allow.lints.iter().zip(&allow.used).filter(|(_, used)| !**used) {
            let message = format!("this comment allows `{lint}`, and nothing is found here that it would allow");
            findings.find(("lint", lint), allow.place.clone(), message, "remove it, so that it hides nothing later");
        }
    }
}

fn in_policies(file: &PolicyFile, allows: &mut Vec<Allow>, findings: &mut Findings) {
    let mut start = 0usize;
    for (at, policy) in file.policies.iter().enumerate() {
        // what stands between this policy and the one before speaks for this one
        let over = start..policy.span.end;
        start = policy.span.end;
        let rest = file.policies.get(at.saturating_add(1)).is_none();
        let end = if rest { file.text.len() } else { policy.span.end };
        for (line, comment) in comments(&file.text, over.start..end, "//") {
            if let Some(allow) = read(&file.file, &file.text, &line, comment, policy.span.clone(), findings) {
                allows.push(allow);
            }
        }
    }
}

/// In `catalog.toml` a comment above a table speaks for the table, and any other for the next line.
fn in_overlay(source: &Source, allows: &mut Vec<Allow>, findings: &mut Findings) {
    let Ok(text) = std::str::from_utf8(&source.bytes) else { return };
    for (line, comment) in comments(text, 0..text.len(), "#") {
        let mut over = line.end..line.end;
        let mut in_table = false;
        let mut at = line.end;
        for next in text.get(line.end..).unwrap_or_default().split_inclusive('\n') {
            let (begin, trimmed) = (at, next.trim());
            at = at.saturating_add(next.len());
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let header = trimmed.starts_with('[');
            if header && in_table {
                break;
            }
            over = if in_table { over.start..at } else { begin..at };
            if !header && !in_table {
                break;
            }
            in_table = true;
        }
        if let Some(allow) = read(&source.file, text, &line, comment, over, findings) {
            allows.push(allow);
        }
    }
}

/// The comment lines in a part of a text: where each stands, and what follows `toolgate:`.
fn comments<'t>(text: &'t str, within: Range<usize>, mark: &str) -> Vec<(Range<usize>, &'t str)> {
    let mut found = Vec::new();
    let mut at = within.start;
    for line in text.get(within).unwrap_or_default().split_inclusive('\n') {
        let start = at;
        at = at.saturating_add(line.len());
        let trimmed = line.trim();
        let Some(comment) = trimmed.strip_prefix(mark).and_then(|rest| rest.trim_start().strip_prefix("toolgate:"))
        else {
            continue;
        };
        let indent = line.len().saturating_sub(line.trim_start().len());
        let start = start.saturating_add(indent);
        found.push((start..start.saturating_add(trimmed.len()), comment.trim()));
    }
    found
}

fn read(
    file: &str,
    text: &str,
    line: &Range<usize>,
    comment: &str,
    over: Range<usize>,
    findings: &mut Findings,
) -> Option<Allow> {
    let place = Place { file: file.into(), span: Some(span_of(text, line)), pointer: None };
    let mut refuse = |message: String, help: String| {
        findings.find(("comment", comment), place.clone(), message, help);
    };
    let usage = "write `toolgate: allow <lint> because <reason>`; several lints are separated by commas";
    let Some(rest) = comment.strip_prefix("allow ") else {
        refuse(format!("`{comment}` is nothing that a comment can tell toolgate"), usage.into());
        return None;
    };
    let (names, reason) = rest.split_once(" because ").unwrap_or((rest, ""));
    let names: Vec<String> = names.trim_end_matches(" because").split(',').map(|name| name.trim().into()).collect();
    if reason.trim().is_empty() {
        refuse("this comment gives no reason, so it allows nothing".into(), usage.into());
        return None;
    }
    let mut lints = Vec::new();
    for name in names {
        match find(&name) {
            Some(_) => lints.push(name),
            None => refuse(format!("there is no lint `{name}`"), allow_invalid::near(&name)),
        }
    }
    let used = vec![false; lints.len()];
    Some(Allow { file: file.into(), place, lints, over, used })
}
