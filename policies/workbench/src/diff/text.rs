//! What changed, for a person: alike changes of several subjects together.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toolgate::Subject;

use super::{Answer, Change, Diff, Direction, Names};
use crate::matrix::names;
use crate::render::{BOLD, ERROR, NOTE, clean, count, paint, short, style};

/// The most characters of an example.
const EXAMPLE: usize = 200;

/// The whole difference.
pub fn render(diff: &Diff) -> String {
    let mut out = String::new();
    for direction in [Direction::Wider, Direction::Narrower, Direction::Other] {
        let all: Vec<&Change> = diff.changes.iter().filter(|change| change.direction == direction).collect();
        if all.is_empty() {
            continue;
        }
        let heading = match direction {
            Direction::Wider => paint(ERROR, "more permissive"),
            Direction::Narrower => paint(BOLD, "less permissive"),
            Direction::Other => paint(NOTE, "otherwise changed"),
        };
        let _ = writeln!(out, "{heading}");
        for group in groups(&all) {
            show(&mut out, &group);
        }
        out.push('\n');
    }
    for (what, names) in [("policies", &diff.policies), ("tools", &diff.tools), ("subjects", &diff.subjects)] {
        list(&mut out, what, names);
    }
    let (wider, narrower, other) =
        (diff.count(Direction::Wider), diff.count(Direction::Narrower), diff.count(Direction::Other));
    let asked = count(diff.asked, "question");
    if wider.saturating_add(narrower).saturating_add(other) == 0 {
        let _ = writeln!(out, "{asked} asked of both, and no answer changed");
    } else {
        let _ = writeln!(out, "{asked} asked of both: {wider} wider, {narrower} narrower, {other} otherwise changed");
    }
    out
}

/// Alike changes, each with its subjects, in the order of the first.
fn groups<'c>(all: &[&'c Change]) -> Vec<(&'c Change, Vec<&'c Subject>)> {
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<(&Change, Vec<&Subject>)> = Vec::new();
    for change in all {
        // a recorded call stands for itself
        let line = change.line.map_or_else(String::new, |line| line.to_string());
        let key = format!("{}|{}|{}|{:?}|{line}", change.tool, said(&change.old), said(&change.new), change.terms);
        let index = *at.entry(key).or_insert(groups.len());
        match groups.get_mut(index) {
            Some((_, subjects)) if !subjects.contains(&&change.subject) => subjects.push(&change.subject),
            Some(_) => {}
            None => groups.push((change, vec![&change.subject])),
        }
    }
    groups
}

fn show(out: &mut String, (change, subjects): &(&Change, Vec<&Subject>)) {
    let line = change.line.map_or_else(String::new, |line| format!(" (call on line {line})"));
    let arrow = format!("{} → {}", painted(&change.old), painted(&change.new));
    let _ = writeln!(out, "  {}  {arrow}{line}", clean(&change.tool.to_string()));
    let _ = writeln!(out, "      {}", clean(&names(subjects).join("; ")));
    for term in &change.terms {
        let _ = writeln!(out, "      {}", clean(term));
    }
    if change.old.policies != change.new.policies {
        let by = |answer: &Answer| if answer.policies.is_empty() { "none".into() } else { answer.policies.join(", ") };
        let _ = writeln!(out, "      policies: {}, it was {}", clean(&by(&change.new)), clean(&by(&change.old)));
    }
    if let Some(arguments) = &change.arguments {
        let _ = writeln!(out, "      for example with {}", short(&clean(&arguments.to_string()), EXAMPLE));
    }
}

/// The outcome, as text that tells grades apart.
fn said(answer: &Answer) -> String {
    let outcome = match (answer.outcome, answer.visibility) {
        (Some(outcome), _) => outcome.to_string(),
        (None, Some(visibility)) => visibility.to_string(),
        (None, None) => "-".into(),
    };
    match answer.letter {
        Some('a' | 's' | 'm') => format!("{outcome} once access was requested"),
        Some('d') => format!("{outcome} until the user has signed in again"),
        _ => outcome,
    }
}

fn painted(answer: &Answer) -> String {
    let said = said(answer);
    answer.outcome.map_or_else(|| said.clone(), |outcome| paint(style(outcome), &said))
}

fn list(out: &mut String, what: &str, names: &Names) {
    if names.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", paint(BOLD, what));
    for (sign, ids) in [("+", &names.added), ("-", &names.removed), ("~", &names.changed)] {
        for id in ids {
            let _ = writeln!(out, "  {sign} {}", clean(id));
        }
    }
    out.push('\n');
}
