//! What is said to the agent: never more than it may know.
//!
//! In toolgate's own words, a tool that the agent may not see and one that does not exist sound alike. What the
//! administrator wrote for the agent (guidance) is said as written.

use crate::compile::build::Compiled;
use crate::data::call::Call;
use crate::data::decision::{Decision, Guidance, Outcome, Visibility};
use crate::data::id::Subject;
use crate::data::reason::Reason;
use crate::eval::visible;

/// Adds guidance and the sentence for the agent.
pub(crate) fn finish(engine: &Compiled, call: &Call, decision: &mut Decision) {
    if matches!(decision.outcome, Outcome::Deny | Outcome::TicketFallback) {
        // FAIL-CLOSED: a_refusal_offers_nothing
        decision.approval_request = None;
        decision.access_request = None;
        decision.credential = None;
        decision.obligations.clear();
        decision.gains_labels.clear();
        if decision.guidance.is_none() {
            decision.guidance = guidance(engine, call);
        }
        // these are about a tool; an agent that may not see it is not told that it is there
        let about_tool =
            matches!(decision.reason, Reason::ArgumentInvalid | Reason::GrantPending | Reason::StepUpRequired);
        let reason = if about_tool && !may_see(engine, call) { Reason::ToolUnknown } else { decision.reason };
        decision.agent_message = refused(reason, decision.detail.as_deref(), decision.guidance.as_ref());
        return;
    }
    let human = match call.subject {
        Subject::Agent { .. } => "the user",
        Subject::ServicePrincipal { .. } => "the owner",
    };
    decision.agent_message = match (decision.outcome, &decision.access_request) {
        (Outcome::AutoApprove, None) => "This call may run.".into(),
        (Outcome::AutoApprove, Some(_)) => "This call may run once access has been requested.".into(),
        (Outcome::SelfApprove, None) => format!("This call runs once {human} approves it."),
        (_, None) => "This call runs once a manager or another approver approves it.".into(),
        (Outcome::SelfApprove, Some(_)) => format!("Access to this tool can be requested; {human} must agree."),
        (_, Some(_)) => "Access to this tool can be requested; a manager must agree.".into(),
    };
}

/// A refusal in a sentence or two.
pub(crate) fn refused(reason: Reason, detail: Option<&str>, guidance: Option<&Guidance>) -> String {
    let own = match (reason, detail) {
        (Reason::ArgumentInvalid, Some(detail)) => format!("The arguments are not valid: {detail}."),
        (Reason::InvalidRequest, _) => "The call could not be read.".into(),
        (Reason::LimitExceeded, _) => "The call is too large.".into(),
        (Reason::SnapshotStale, _) => "No decisions can be made at the moment; try again later.".into(),
        (Reason::StepUpRequired, _) => "The user must sign in again before this call can run.".into(),
        (Reason::GrantPending, _) => "Access has been granted but has not begun; try again later.".into(),
        _ => "This tool is not available to you.".into(),
    };
    match guidance {
        Some(Guidance { message, url: Some(url) }) => {
            let colon = if message.ends_with(['.', ':', '!', '?']) { "" } else { ":" };
            format!("{own} {message}{colon} {url}")
        }
        Some(Guidance { message, url: None }) => format!("{own} {message}"),
        None => own,
    }
}

/// What an administrator wrote for whoever is refused: the tool's, else the server's, else the tenant's.
fn guidance(engine: &Compiled, call: &Call) -> Option<Guidance> {
    let tool = engine.catalog.tools.get(&call.tool).and_then(|tool| tool.guidance.clone());
    let server = || engine.catalog.servers.get(&call.tool.server).and_then(|server| server.guidance.clone());
    tool.or_else(server).or_else(|| engine.catalog.tenant.guidance.clone())
}

/// Whether the subject may know of the tool at all.
fn may_see(engine: &Compiled, call: &Call) -> bool {
    visible::one(engine, call) != Visibility::Hidden
}
