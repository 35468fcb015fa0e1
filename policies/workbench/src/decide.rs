//! `toolgate decide`: calls in, decisions out.

use std::io::Read as _;
use std::path::Path;

use serde::de::IgnoredAny;
use toolgate::facts::{RequestApproval, Scope};
use toolgate::{AccessRequest, ApprovalRequest, Call, Decision, Engine, Outcome, Reason};

use crate::bundle::{self, FileError};
use crate::render::{self, Grid, clean, count, duration, outcome_cell, paint, short};

/// The most bytes of calls read at once.
const CALLS_BYTES: usize = 256 * 1024 * 1024;
/// What the last column of the widest table needs to be worth it.
const NEXT_WIDTH: usize = 36;

/// One call, decided.
#[derive(Clone, Debug)]
pub struct Decided<'e> {
    /// The line of the input on which the call stands, from 1.
    pub line: usize,
    /// The call, if it could be read.
    pub call: Option<Call>,
    /// The answer.
    pub decision: Decision<'e>,
}

/// Reads calls from a file, or from stdin if the path is `-`.
pub fn read_calls(path: &Path) -> Result<Vec<u8>, FileError> {
    if path != Path::new("-") {
        // a pipe such as `<(jq …)` is no regular file, yet as good
        if path.metadata().is_ok_and(|meta| meta.is_file()) || !path.exists() {
            return Ok(bundle::read(path, CALLS_BYTES)?.bytes);
        }
        let file = std::fs::File::open(path).map_err(|error| FileError::new(path.display(), bundle::said(&error)))?;
        return read_all(file, &path.display().to_string());
    }
    read_all(std::io::stdin().lock(), "stdin")
}

fn read_all(from: impl std::io::Read, name: &str) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(CALLS_BYTES).unwrap_or(u64::MAX);
    from.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| FileError::new(name, bundle::said(&error)))?;
    if bytes.len() > CALLS_BYTES {
        return Err(
            FileError::new(name, format!("there is more than {CALLS_BYTES} bytes")).help("decide the calls in parts")
        );
    }
    Ok(bytes)
}

/// Decides every call of the input. A line that is no call is denied, never skipped; blank lines are no lines.
pub fn all<'e>(engine: &'e Engine, input: &[u8]) -> Vec<Decided<'e>> {
    let decided = |(line, bytes): (usize, &[u8])| Decided {
        line,
        call: Call::parse(bytes).ok(),
        decision: engine.decide_json(bytes),
    };
    split(input).into_iter().map(decided).collect()
}

/// The calls of the input with the line each begins on: JSON Lines, or one object over many lines.
pub fn split(input: &[u8]) -> Vec<(usize, &[u8])> {
    let lines: Vec<(usize, &[u8])> = (1usize..)
        .zip(input.split(|&byte| byte == b'\n'))
        .map(|(number, line)| (number, line.trim_ascii()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let Some(&(first, line)) = lines.first() else { return Vec::new() };
    if lines.len() > 1 {
        let whole = || serde_json::from_slice::<IgnoredAny>(input).is_ok();
        // a broken object over many lines is one broken call; a broken line among good ones is one broken line
        let unfinished = || serde_json::from_slice::<IgnoredAny>(line).is_err_and(|error| error.is_eof());
        if !lines.iter().any(|(_, line)| is_object(line)) && unfinished() || whole() {
            return vec![(first, input.trim_ascii())];
        }
    }
    lines
}

fn is_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// 1 if the only call may not run now, else 0. A call that somebody must be asked about may not: `decide && run` in a
/// script would run it.
pub fn exit_code(decided: &[Decided<'_>]) -> u8 {
    match decided {
        [one] => u8::from(!one.decision.is_allowed()),
        _ => 0,
    }
}

/// The decisions as JSON, an object a line.
pub fn json(decided: &[Decided<'_>]) -> String {
    decided.iter().map(|decided| render::json_line(&decided.decision)).collect()
}

/// The decisions as a table for people, at most `width` wide, and how often each outcome came out.
pub fn table(decided: &[Decided<'_>], width: usize) -> String {
    let mut wide = Grid::new(&["#", "time", "subject", "tool", "  outcome", "reason", "next"]).right(0);
    // two lines a call where there is no room for one
    let mut narrow = Grid::new(&["#", "time", "subject, tool", "  outcome, reason, next"]).right(0);
    for Decided { line, call, decision } in decided {
        let (line, time) =
            (line.to_string(), call.as_ref().map_or_else(|| "-".into(), |call| clock(&call.now.to_string())));
        let subject = call.as_ref().map_or_else(|| "-".into(), |call| clean(&call.subject.to_string()).into_owned());
        let tool = call.as_ref().map_or_else(|| "-".into(), |call| clean(&call.tool.to_string()).into_owned());
        let (outcome, reason) = (outcome_cell(decision.outcome), decision.reason.code().to_string());
        let next = clean(&next(decision)).into_owned();
        let stacked =
            vec![line.clone(), time.clone(), format!("{subject}\n{tool}"), format!("{outcome}{reason}\n  {next}")];
        narrow.row(stacked);
        wide.row(vec![line, time, subject, tool, outcome, reason, next]);
    }
    let longest = decided.iter().map(|decided| next(&decided.decision).chars().count()).max().unwrap_or(0);
    let fits = wide.natural_width().saturating_sub(longest.saturating_sub(NEXT_WIDTH)) <= width;
    let rows = if fits { wide.render(width) } else { narrow.render(width) };
    format!("{rows}\n{}\n", summary(decided, width))
}

/// How often each outcome came out; those that did not are left out.
fn summary(decided: &[Decided<'_>], width: usize) -> String {
    let calls = count(decided.len(), "call");
    let (mut wide, mut counts) = (calls.len(), Vec::new());
    for outcome in Outcome::ALL {
        let number = decided.iter().filter(|decided| decided.decision.outcome == outcome).count();
        if number > 0 {
            let text = format!("{number} {outcome}");
            wide = wide.saturating_add(text.len()).saturating_add(2);
            counts.push(paint(render::style(outcome), &text));
        }
    }
    let gap = if wide > width { '\n' } else { ' ' };
    format!("{calls}:{gap}{}", counts.join(", "))
}

/// `HH:MM` of an instant in RFC 3339.
fn clock(instant: &str) -> String {
    let time = instant.split_once('T').map_or(instant, |(_, time)| time);
    time.get(..5).unwrap_or(time).to_string()
}

/// What happens now, in a few words: whom to ask for what, or where to turn.
pub fn next(decision: &Decision<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    if let Some(request) = &decision.access_request {
        parts.push(ask_access(request));
    }
    if let Some(request) = &decision.approval_request {
        parts.push(ask_approval(request));
    }
    if decision.is_allowed() {
        parts.push("run it".into());
    }
    if !decision.gains_labels.is_empty() && decision.outcome == Outcome::AutoApprove {
        parts.push(format!("session gains {}", decision.gains_labels.join(", ")));
    }
    if !decision.obligations.is_empty() {
        parts.push(format!("must: {}", decision.obligations.join(", ")));
    }
    if let Some(step_up) = &decision.step_up {
        let acr = if step_up.acr_values.is_empty() {
            String::new()
        } else {
            format!(" with {}", step_up.acr_values.join(" or "))
        };
        let age = step_up.max_age.map_or_else(String::new, |age| format!(", {} ago at most", duration(age)));
        parts.push(format!("sign in again{acr}{age}"));
    } else if matches!(decision.outcome, Outcome::Deny | Outcome::TicketFallback) {
        match (&decision.detail, decision.policies.first()) {
            (_, Some(policy)) if decision.reason == Reason::PolicyDenied => parts.push(format!("by {}", policy.id)),
            // which one is said already
            _ if decision.reason == Reason::ToolUnknown => {}
            (Some(detail), _) => parts.push(short(detail, 160).into_owned()),
            _ => {}
        }
        if let Some(guidance) = &decision.guidance {
            parts.push(guidance.url.clone().unwrap_or_else(|| short(&guidance.message, 160).into_owned()));
        }
    }
    if parts.is_empty() { "-".into() } else { parts.join("; ") }
}

fn ask_approval(request: &ApprovalRequest<'_>) -> String {
    let what = match &*request.scope {
        Scope::Call(_) => "this call".into(),
        Scope::Tool(_) => "this tool".into(),
        Scope::Operation { operation, server } => format!("every {operation} on {server}"),
        Scope::Server(server) => format!("all of {server}"),
    };
    let long = request.valid_for.map_or_else(String::new, |valid_for| format!(", for {}", duration(valid_for)));
    format!("ask {}: {what}{long}", request.approvers.join(" or "))
}

fn ask_access(request: &AccessRequest<'_>) -> String {
    let what = request.entitlement.as_ref().or(request.profile.as_ref()).map_or("access", |id| id);
    let long = request.max_duration.map_or_else(String::new, |most| format!(", up to {}", duration(most)));
    match request.approval {
        RequestApproval::Auto => format!("request {what}{long}; nobody has to agree"),
        _ => format!("ask {} for {what}{long}", request.approvers.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &str) -> Vec<usize> {
        split(input.as_bytes()).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn json_lines_and_one_object_over_many_lines_are_told_apart() {
        assert_eq!(lines("{}\n\n{}\r\n"), [1, 3]);
        assert_eq!(lines("\n{\n  \"a\": 1\n}\n"), [2]);
        assert_eq!(lines("{\n  \"a\": 1,\n}\n"), [1], "broken, and still one call");
        assert_eq!(lines("{\"a\":\n{}\n}\n"), [1], "one object whole");
        assert_eq!(lines("{\"a\"\n{}\n{}\n"), [1, 2, 3], "a cut line among good ones");
        assert_eq!(lines("what\nis\nthis"), [1, 2, 3]);
        assert_eq!(lines(" \n\t\n"), [0usize; 0]);
    }

    #[test]
    fn the_clock_shows_hours_and_minutes() {
        assert_eq!(clock("2026-11-20T09:35:00Z"), "09:35");
        assert_eq!(clock("-009999-01-02T01:59:59Z"), "01:59");
        assert_eq!(clock("?"), "?");
    }
}
