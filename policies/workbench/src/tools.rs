//! `toolgate tools`: the inventory, or what one subject sees of it.

use std::collections::BTreeSet;

use serde::Serialize;
use toolgate::facts::{OperationSource, Tool, ToolState};
use toolgate::{Engine, Instant, Operation, Session, Subject, ToolId, Typing, Visibility};

use crate::Output;
use crate::render::{Grid, clean, count, json_line};

/// Whose tools, when and in which session.
#[derive(Clone, Debug)]
pub struct View {
    /// Who.
    pub subject: Subject,
    /// When.
    pub now: Instant,
    /// What has flowed into the session so far.
    pub labels: BTreeSet<String>,
    /// How the user signed in, if known.
    pub acr: Option<String>,
    /// Whether to list hidden tools too.
    pub all: bool,
}

/// `alice/claude-code` is an agent, `soc-triage` a service principal.
pub fn parse_subject(text: &str) -> Result<Subject, String> {
    match text.split_once('/') {
        None if !text.is_empty() => Ok(Subject::service_principal(text)),
        Some((user, client)) if !user.is_empty() && !client.is_empty() => Ok(Subject::agent(user, client)),
        _ => Err("write `user/client`, or the id of a service principal".into()),
    }
}

#[derive(Serialize)]
struct Seen<'a> {
    tool: &'a ToolId,
    visibility: Visibility,
    operation: Operation,
    entitlements: &'a [String],
}

/// What a subject sees, in a session that has just begun.
pub fn visible(engine: &Engine, view: &View, json: bool, width: usize) -> Output {
    let session = Session {
        calls: Some(0),
        labels: Some(view.labels.clone()),
        authenticated_at: Some(view.now),
        acr: view.acr.clone(),
        ..Session::default()
    };
    let everything = engine.visible_tools(&view.subject, &session, view.now);
    let (mut rows, mut lines) = (Grid::new(&["tool", "visibility", "operation", "unlocked by any of"]), String::new());
    let mut counts = [0usize; 4];
    for seen in &everything {
        let at = match seen.visibility {
            Visibility::Callable => 0,
            Visibility::NeedsApproval => 1,
            Visibility::Requestable => 2,
            Visibility::Hidden => 3,
        };
        counts.iter_mut().skip(at).take(1).for_each(|count| *count = count.saturating_add(1));
        let Some(tool) = engine.catalog().tools.get(&seen.tool) else { continue };
        if seen.visibility == Visibility::Hidden && !view.all {
            continue;
        }
        let Tool { operation, entitlements, .. } = tool;
        if json {
            lines += &json_line(&Seen {
                tool: &seen.tool,
                visibility: seen.visibility,
                operation: *operation,
                entitlements,
            });
        } else {
            rows.row(vec![
                text(&seen.tool.to_string()),
                seen.visibility.to_string(),
                operation.to_string(),
                list(entitlements),
            ]);
        }
    }
    let notes = warnings(engine, view);
    if json {
        return Output { answer: lines, notes, code: 0 };
    }
    let [callable, approval, requestable, hidden] = counts;
    let total = count(everything.len(), "tool");
    let summary =
        format!("{total}: {callable} callable, {approval} needs_approval, {requestable} requestable, {hidden} hidden");
    let all = if hidden > 0 && !view.all { " (--all)" } else { "" };
    let rows = if callable.saturating_add(approval).saturating_add(requestable) == 0 && !view.all {
        String::new()
    } else {
        rows.render(width) + "\n"
    };
    let answer = format!("{} at {}\n\n{rows}{summary}{all}\n", text(&view.subject.to_string()), view.now);
    Output { answer, notes, code: 0 }
}

/// Why the answer may not be what was expected.
fn warnings(engine: &Engine, view: &View) -> String {
    let (mut out, snapshot) = (String::new(), engine.snapshot());
    let mut warn = |message: String| out += &format!("warning: {}\n", clean(&message));
    let end = snapshot.issued_at.saturating_add(snapshot.max_age);
    if view.now < snapshot.issued_at || view.now >= end {
        let from = snapshot.issued_at;
        warn(format!(
            "the snapshot is good from {from} until {end}, not at {}: every tool is hidden; try --now {from}",
            view.now
        ));
    }
    match &view.subject {
        Subject::Agent { user, client } => {
            if !snapshot.users.iter().any(|known| known.id == *user) {
                warn(format!("the snapshot has no user `{user}`"));
            }
            if !snapshot.clients.iter().any(|known| known.id == *client) {
                warn(format!("the snapshot has no client `{client}`"));
            }
        }
        Subject::ServicePrincipal { id } => {
            if !snapshot.service_principals.iter().any(|known| known.id == *id) {
                warn(format!("the snapshot has no service principal `{id}`; an agent is written `user/client`"));
            }
        }
    }
    let known: BTreeSet<&String> = engine.catalog().tools.values().flat_map(|tool| &tool.labels).collect();
    for label in view.labels.iter().filter(|label| !known.contains(label)) {
        warn(format!("no tool has the label `{label}`"));
    }
    out
}

#[derive(Serialize)]
struct Item<'a> {
    tool: &'a ToolId,
    operation: Operation,
    operation_source: OperationSource,
    state: ToolState,
    paused: bool,
    entitlements: &'a [String],
    labels: &'a [String],
    sensitive: bool,
    typing: Typing,
    digest: &'a str,
    pin: Option<&'a str>,
}

/// The inventory.
pub fn inventory(engine: &Engine, json: bool, width: usize) -> Output {
    let catalog = engine.catalog();
    let header = ["tool", "operation", "says", "state", "unlocked by any of", "labels", "arguments", "digest"];
    let (mut wide, mut lines) = (Grid::new(&header), String::new());
    let mut narrow = Grid::new(&["tool, digest", "operation", "state", "unlocked by, labels"]);
    for report in &engine.report().tools {
        let Some(tool) = catalog.tools.get(&report.tool) else { continue };
        let paused = catalog.servers.get(&tool.id.server).is_some_and(|server| server.paused);
        if json {
            lines += &json_line(&Item {
                tool: &tool.id,
                operation: tool.operation,
                operation_source: tool.operation_source,
                state: tool.state,
                paused,
                entitlements: &tool.entitlements,
                labels: &tool.labels,
                sensitive: tool.sensitive,
                typing: report.typing,
                digest: &tool.definition.digest,
                pin: tool.pin.as_deref(),
            });
            continue;
        }
        let (id, operation, says) =
            (text(&tool.id.to_string()), tool.operation.to_string(), source(tool.operation_source));
        let state = state(tool.state, paused);
        let sensitive = tool.sensitive.then(|| "sensitive".to_string());
        let labels = list(&tool.labels.iter().cloned().chain(sensitive).collect::<Vec<_>>());
        let typing = match report.typing {
            Typing::Full => "typed",
            Typing::Partial => "partly typed",
            Typing::Untyped => "untyped",
        };
        let digest = brief(&tool.definition.digest);
        let (unlocked, pinned) = (list(&tool.entitlements), if tool.pin.is_some() { " pinned" } else { "" });
        narrow.row(vec![
            format!("{id}\n  {digest}{pinned}"),
            format!("{operation}\n{says}"),
            format!("{state}\n{typing}"),
            format!("{unlocked}\n{labels}"),
        ]);
        wide.row(vec![id, operation, says.into(), state, unlocked, labels, typing.into(), format!("{digest}{pinned}")]);
    }
    if json {
        return Output::answer(lines);
    }
    let rows = if wide.natural_width() <= width { wide.render(width) } else { narrow.render(width) };
    let (tools, servers) = (count(catalog.tools.len(), "tool"), count(catalog.servers.len(), "server"));
    Output::answer(format!("{rows}\n{tools} on {servers}\n"))
}

/// Who says what a tool does.
fn source(source: OperationSource) -> &'static str {
    match source {
        OperationSource::Overlay => "administrator",
        OperationSource::Annotations => "server",
        OperationSource::Default => "nobody",
    }
}

fn state(state: ToolState, paused: bool) -> String {
    let state = match state {
        ToolState::Approved => "approved",
        ToolState::Disabled => "disabled",
        ToolState::Unset => "unset",
    };
    if paused { format!("{state}, paused") } else { state.into() }
}

fn brief(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "-".into() } else { text(&items.join(", ")) }
}

fn text(text: &str) -> String {
    clean(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_an_agent() {
        assert_eq!(parse_subject("alice/claude-code"), Ok(Subject::agent("alice", "claude-code")));
        assert_eq!(parse_subject("soc-triage"), Ok(Subject::service_principal("soc-triage")));
        for bad in ["", "/", "alice/", "/cursor"] {
            assert!(parse_subject(bad).is_err(), "{bad}");
        }
    }
}
