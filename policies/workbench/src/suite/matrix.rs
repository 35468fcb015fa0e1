//! Matrices: subjects × tools, each cell a case. What is not listed is not expected.

use serde_json::Value;
use toolgate::{Call, ToolId};
use wildmatch::WildMatch;

use super::expand::Expander;
use super::expect::{Answering, Expect, near};
use super::fault::Fault;
use super::raw::RawMatrix;
use super::yaml::{Document, under};
use super::{Ask, Case};

/// The cells of a matrix.
pub(super) fn expand(expander: &Expander<'_>, at: usize, raw: &RawMatrix) -> Result<Vec<Case>, Fault> {
    let (document, pointer) = (expander.document, format!("/matrix/{at}"));
    let now = expander.now(&pointer, raw.now.as_deref())?;
    let snapshot = under(&pointer, "snapshot");
    let overlay =
        expander.overlay(&[("/defaults/snapshot", &expander.raw.defaults.snapshot), (&snapshot, &raw.snapshot)])?;
    let session = expander.session_of(&under(&pointer, "session"), &raw.session)?;
    let tools = tools(expander, &pointer, raw)?;
    if raw.subjects.is_empty() {
        return Err(document
            .fault(&under(&pointer, "subjects"), "`subjects` is empty")
            .help("name one, or `\"*\"` for all"));
    }
    let everyone = raw.subjects.iter().any(|name| name == "*");
    let subjects: Vec<String> = if everyone { document.keys("/subjects") } else { raw.subjects.clone() };
    let rows = rows(expander, &pointer, raw, &subjects, &tools)?;
    let place = under(&pointer, "expect");
    let mut cases = Vec::new();
    for name in &subjects {
        let subject = expander.subject(&under(&pointer, "subjects"), &Value::String(name.clone()))?;
        for tool in &tools {
            let row = rows.iter().filter(|row| row.subject == *name || row.subject == "*");
            // a row of the subject's own comes first
            let mut row: Vec<&Row> = row.collect();
            row.sort_by_key(|row| row.subject == "*" && name != "*");
            let found = row.iter().find_map(|row| row.expect(tool));
            let (expect, line) = match found {
                Some((expect, at)) => (expect, document.place(at).line),
                None => (Expect::unlisted(), document.place(&place).line),
            };
            let call = Call {
                subject: subject.clone(),
                tool: tool.clone(),
                arguments: expander.arguments(tool, &[])?,
                session: session.clone(),
                now,
            };
            let title = raw.name.as_ref().map_or_else(String::new, |name| format!("{name}: "));
            cases.push(Case {
                name: format!("{title}{name} × {tool}"),
                line,
                skip: raw.skip.clone(),
                overlay: overlay.clone(),
                ask: Ask::Call { call: Box::new(call), expect },
            });
        }
    }
    Ok(cases)
}

/// The tools that the patterns name, in the order of their ids.
fn tools(expander: &Expander<'_>, pointer: &str, raw: &RawMatrix) -> Result<Vec<ToolId>, Fault> {
    let place = under(pointer, "tools");
    if raw.tools.is_empty() {
        return Err(expander.document.fault(&place, "`tools` is empty").help("name one, or `\"*\"` for all"));
    }
    let all: Vec<ToolId> = expander.tools.iter().cloned().collect();
    for (at, pattern) in raw.tools.iter().enumerate() {
        if !all.iter().any(|tool| matches(pattern, tool)) {
            return Err(no_tool(expander.document, &format!("{place}/{at}"), pattern, &all));
        }
    }
    Ok(all.into_iter().filter(|tool| raw.tools.iter().any(|pattern| matches(pattern, tool))).collect())
}

/// What is expected of one subject, or of all.
struct Row {
    subject: String,
    /// Patterns, the expectation of each, and where it stands.
    cells: Vec<(String, Expect, String)>,
}

impl Row {
    fn expect(&self, tool: &ToolId) -> Option<(Expect, &str)> {
        let patterns: Vec<&str> = self.cells.iter().map(|(pattern, _, _)| pattern.as_str()).collect();
        best(&patterns, tool).and_then(|at| self.cells.get(at)).map(|(_, expect, at)| (expect.clone(), at.as_str()))
    }
}

fn rows(
    expander: &Expander<'_>,
    pointer: &str,
    raw: &RawMatrix,
    subjects: &[String],
    tools: &[ToolId],
) -> Result<Vec<Row>, Fault> {
    let (document, place) = (expander.document, under(pointer, "expect"));
    let mut rows = Vec::new();
    for (subject, value) in &raw.expect {
        let at = under(&place, subject);
        if subject != "*" && !subjects.contains(subject) {
            let names: Vec<&str> = subjects.iter().map(String::as_str).collect();
            let message = format!("`{subject}` is not one of the matrix's subjects");
            return Err(document.fault(&at, message).help(near(subject, &names)));
        }
        let patterns: Vec<&String> = value
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys())
            .filter(|key| key.contains(['/', '*']))
            .collect();
        let cells = match value {
            Value::Object(fields) if !patterns.is_empty() => {
                if let Some(key) = fields.keys().find(|key| !patterns.contains(key)) {
                    let message = format!("`{key}` is no tool, and the others are");
                    return Err(document
                        .fault(&under(&at, key), message)
                        .help("write `server/name`, a pattern or `\"*\"`"));
                }
                let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                check_patterns(document, &at, &names, tools)?;
                let cell = |(pattern, value): (&String, &Value)| {
                    let place = under(&at, pattern);
                    Ok((pattern.clone(), expander.expect(&place, value, Answering::Call)?, place))
                };
                fields.iter().map(cell).collect::<Result<_, Fault>>()?
            }
            value => vec![("*".into(), expander.expect(&at, value, Answering::Call)?, at)],
        };
        rows.push(Row { subject: subject.clone(), cells });
    }
    Ok(rows)
}

/// Whether a pattern names a tool.
fn matches(pattern: &str, tool: &ToolId) -> bool {
    WildMatch::new(pattern).matches(&tool.to_string())
}

/// The most specific of the patterns that name a tool: an exact name, else the one with the most characters of its own.
pub(super) fn best(patterns: &[&str], tool: &ToolId) -> Option<usize> {
    let specific = |pattern: &str| {
        let own = pattern.chars().filter(|c| !matches!(c, '*' | '?')).count();
        (!pattern.contains(['*', '?']), own)
    };
    let named = patterns.iter().enumerate().filter(|(_, pattern)| matches(pattern, tool));
    named.max_by_key(|(_, pattern)| specific(pattern)).map(|(at, _)| at)
}

/// Every pattern names a tool: one that names none is a slip.
pub(super) fn check_patterns(
    document: &Document,
    place: &str,
    patterns: &[&str],
    tools: &[ToolId],
) -> Result<(), Fault> {
    for pattern in patterns.iter().filter(|pattern| **pattern != "*") {
        if !tools.iter().any(|tool| matches(pattern, tool)) {
            return Err(no_tool(document, &under(place, pattern), pattern, tools));
        }
    }
    Ok(())
}

fn no_tool(document: &Document, place: &str, pattern: &str, tools: &[ToolId]) -> Fault {
    let names: Vec<String> = tools.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    document.fault(place, format!("`{pattern}` names no tool")).help(match names.len() {
        0..=40 => near(pattern, &names),
        _ => "`toolgate tools BUNDLE` lists them".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_pattern_counts() {
        let tool = ToolId::new("crm", "search_records");
        let patterns = ["*", "crm/*", "crm/search_*", "crm/search_records", "mail/*"];
        assert_eq!(best(&patterns, &tool), Some(3));
        assert_eq!(best(&patterns[..3], &tool), Some(2));
        assert_eq!(best(&patterns[4..], &tool), None);
    }
}
