//! What was proved, for a person and as JSON.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Counterexample, Proof, Report, Status};
use crate::Output;
use crate::render::{BOLD, ERROR, NOTE, clean, count, json_line, paint};

use anstyle::{AnsiColor, Style};

const GOOD: Style = AnsiColor::Green.on_default();
/// How many further environments are named in a line.
const NAMED: usize = 6;

/// The answers for a person; counterexamples as test cases.
pub fn text(report: &Report, name: &str) -> Output {
    let mut out = String::new();
    let width = report.proofs.iter().map(|proof| proof.property.chars().count()).max().unwrap_or(0);
    for proof in &report.proofs {
        headline(&mut out, proof, width);
        counterexamples(&mut out, proof);
        unknown(&mut out, proof);
    }
    compared(&mut out, report);
    let proved = report.proofs.iter().filter(|proof| proof.status == Status::Proved).count();
    let all = report.proofs.len();
    let mut notes =
        format!("{}: {proved} of {all} {} proved", clean(name), if all == 1 { "property" } else { "properties" });
    if !report.closed.is_empty() {
        let _ = write!(notes, "; {} not approved, of which nothing is said", count(report.closed.len(), "tool"));
    }
    notes.push('\n');
    Output { answer: out, notes, code: report.code() }
}

/// The answers as JSON, an object a line: one for each property, then one for what only one of two bundles has.
pub fn json(report: &Report, compared: bool) -> Output {
    #[derive(Serialize)]
    struct Only<'a> {
        only_here: &'a [super::New],
        only_there: &'a [String],
    }
    #[derive(Serialize)]
    struct Closed<'a> {
        not_approved: &'a [String],
    }
    let mut out: String = report.proofs.iter().map(json_line).collect();
    if compared {
        out.push_str(&json_line(&Only { only_here: &report.only_here, only_there: &report.only_there }));
    }
    if !report.closed.is_empty() {
        out.push_str(&json_line(&Closed { not_approved: &report.closed }));
    }
    Output { answer: out, notes: String::new(), code: report.code() }
}

fn headline(out: &mut String, proof: &Proof, width: usize) {
    let (style, mark, word) = match proof.status {
        Status::Proved => (GOOD, '✓', "proved"),
        Status::Refuted => (ERROR, '✗', "refuted"),
        Status::Unknown => (NOTE, '?', "unknown"),
    };
    let padding = " ".repeat(width.saturating_sub(proof.property.chars().count()));
    let how = match (proof.environments, proof.solved) {
        (0, _) => "no tool to ask it of".into(),
        (all, 0) => format!("{}, all plain", count(all, "environment")),
        (all, solved) => format!("{}, {solved} by the solver", count(all, "environment")),
    };
    let _ = writeln!(
        out,
        "{} {}{padding}  {}  {how}",
        paint(style, &mark.to_string()),
        paint(BOLD, &clean(&proof.property)),
        paint(style, word)
    );
    if proof.status != Status::Proved
        && let Some(description) = &proof.description
    {
        let _ = writeln!(out, "  {}", clean(description));
    }
}

/// The first in full; of the others where they are.
fn counterexamples(out: &mut String, proof: &Proof) {
    let Some(first) = proof.counterexamples.first() else { return };
    example(out, first);
    let others = proof.counterexamples.iter().skip(1).map(|other| format!("{} ({})", other.asked, other.principal));
    let others: Vec<String> = others.chain(proof.also.iter().cloned()).collect();
    if !others.is_empty() {
        let shown = others.iter().take(NAMED).map(|other| clean(other)).collect::<Vec<_>>().join(", ");
        let rest = others.len().saturating_sub(NAMED);
        let rest = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        let _ = writeln!(out, "\n  also: {shown}{rest} (--save FILE writes more cases)");
    }
}

fn example(out: &mut String, example: &Counterexample) {
    let _ = writeln!(out, "\n  {} ({}): {}", clean(&example.asked), example.principal, clean(&example.shows));
    match (example.reproduces, &example.outcome) {
        (Some(true), Some(outcome)) => {
            let _ = writeln!(out, "  the engine agrees: {outcome}. As a test case:\n");
        }
        (Some(false), Some(outcome)) => {
            let _ = writeln!(out, "  the engine does not: {outcome}. The case:\n");
        }
        _ => {
            let _ = writeln!(out, "  in Cedar's terms: {}", clean(&example.request));
        }
    }
    if let Some(case) = &example.case {
        case.to_yaml().lines().for_each(|line| {
            let _ = writeln!(out, "  {}", clean(line));
        });
    }
    if let Some(note) = &example.note {
        let _ = writeln!(out, "\n  {} {}", paint(NOTE, "note:"), clean(note));
    }
}

fn unknown(out: &mut String, proof: &Proof) {
    // tools alike are unknown for the same reason
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for unknown in &proof.unknown {
        let asked = unknown.asked.as_deref();
        match reasons.iter_mut().find(|(reason, _)| *reason == unknown.reason) {
            Some((_, all)) => all.extend(asked.filter(|asked| !all.contains(asked))),
            None => reasons.push((&unknown.reason, asked.into_iter().collect())),
        }
    }
    for (reason, asked) in reasons {
        let shown = asked.iter().take(NAMED).map(|asked| clean(asked)).collect::<Vec<_>>().join(", ");
        let rest = asked.len().saturating_sub(NAMED);
        let rest = if rest == 0 { String::new() } else { format!(" and {rest} more") };
        let colon = if asked.is_empty() { "" } else { ": " };
        let _ = writeln!(out, "  {shown}{rest}{colon}{}", clean(reason));
    }
    if let Some(example_) = proof.unknown.iter().find_map(|unknown| unknown.counterexample.as_deref()) {
        example(out, example_);
    }
}

fn compared(out: &mut String, report: &Report) {
    if !report.only_here.is_empty() {
        let _ = writeln!(out, "\n{}", paint(BOLD, "only in this bundle"));
        for new in &report.only_here {
            let permitted = match new.permitted {
                Some(true) => "a policy permits it",
                Some(false) => "no policy permits it",
                None => "unknown whether any policy permits it",
            };
            let _ = writeln!(out, "  {}: {permitted}", clean(&new.asked));
        }
    }
    if !report.only_there.is_empty() {
        let _ = writeln!(out, "\n{}", paint(BOLD, "only in the other bundle"));
        report.only_there.iter().for_each(|asked| {
            let _ = writeln!(out, "  {}", clean(asked));
        });
    }
}
