//! What is said to the agent: never more than it may know.
//!
//! In toolgate's own words, a tool that the agent may not see and one that does not exist sound alike. What the
//! administrator wrote for the agent (guidance) is said as written.

use std::borrow::Cow;

use crate::compile::build::Compiled;
use crate::compile::symbols;
use crate::data::decision::{Decision, Guidance, Outcome, Visibility};
use crate::data::id::SubjectRef;
use crate::data::reason::Reason;
use crate::eval::visible;
use crate::load::asking::Asking;

/// Adds guidance and the sentence for the agent.
pub(crate) fn finish<'e>(engine: &'e Compiled, asking: &Asking<'_>, decision: &mut Decision<'e>) {
    if matches!(decision.outcome, Outcome::Deny | Outcome::TicketFallback) {
        // FAIL-CLOSED: a_refusal_offers_nothing
        decision.approval_request = None;
        decision.access_request = None;
        decision.credential = None;
        decision.obligations.clear();
        decision.gains_labels = Cow::Borrowed(&[]);
        if decision.guidance.is_none() {
            decision.guidance = guidance(engine, asking.tool).map(Cow::Borrowed);
        }
        // these are about a tool; an agent that may not see it is not told that it is there
        let about_tool =
            matches!(decision.reason, Reason::ArgumentInvalid | Reason::GrantPending | Reason::StepUpRequired);
        let hidden = about_tool && visible::one(engine, asking) == Visibility::Hidden;
        let reason = if hidden { Reason::ToolUnknown } else { decision.reason };
        decision.agent_message = refused(reason, decision.detail.as_deref(), decision.guidance.as_deref());
        return;
    }
    let agent = matches!(asking.subject, SubjectRef::Agent { .. });
    decision.agent_message = Cow::Borrowed(match (decision.outcome, &decision.access_request) {
        (Outcome::AutoApprove, None) => "This call may run.",
        (Outcome::AutoApprove, Some(_)) => "This call may run once access has been requested.",
        (Outcome::SelfApprove, None) if agent => "This call runs once the user approves it.",
        (Outcome::SelfApprove, None) => "This call runs once the owner approves it.",
        (_, None) => "This call runs once a manager or another approver approves it.",
        (Outcome::SelfApprove, Some(_)) if agent => "Access to this tool can be requested; the user must agree.",
        (Outcome::SelfApprove, Some(_)) => "Access to this tool can be requested; the owner must agree.",
        (_, Some(_)) => "Access to this tool can be requested; a manager must agree.",
    });
}

/// A refusal in a sentence or two.
pub(crate) fn refused(reason: Reason, detail: Option<&str>, guidance: Option<&Guidance>) -> Cow<'static, str> {
    let own = match (reason, detail) {
        (Reason::ArgumentInvalid, Some(detail)) => Cow::Owned(["The arguments are not valid: ", detail, "."].concat()),
        (Reason::InvalidRequest, _) => Cow::Borrowed("The call could not be read."),
        (Reason::LimitExceeded, _) => Cow::Borrowed("The call is too large."),
        (Reason::SnapshotStale, _) => Cow::Borrowed("No decisions can be made at the moment; try again later."),
        (Reason::StepUpRequired, _) => Cow::Borrowed("The user must sign in again before this call can run."),
        (Reason::GrantPending, _) => Cow::Borrowed("Access has been granted but has not begun; try again later."),
        _ => Cow::Borrowed("This tool is not available to you."),
    };
    match guidance {
        Some(Guidance { message, url: Some(url) }) => {
            let colon = if message.ends_with(['.', ':', '!', '?']) { " " } else { ": " };
            Cow::Owned([&own, " ", message, colon, url].concat())
        }
        Some(Guidance { message, url: None }) => Cow::Owned([&own, " ", message].concat()),
        None => own,
    }
}

/// What an administrator wrote for whoever is refused: the tool's, else the server's, else the tenant's.
fn guidance<'e>(engine: &'e Compiled, tool: &str) -> Option<&'e Guidance> {
    let known = engine.symbols.find(symbols::TOOL, tool).and_then(|tool| engine.inventory.tool(tool.id));
    if let Some(tool) = known {
        return tool.guidance.as_ref();
    }
    let server = tool.split_once('/').and_then(|(server, _)| engine.symbols.find(symbols::SERVER, server));
    match server.and_then(|server| engine.inventory.server(server.id)) {
        Some(server) => server.guidance.as_ref(),
        None => engine.catalog.tenant.guidance.as_ref(),
    }
}
