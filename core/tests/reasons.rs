//! Every reason code, triggered; and the twin of each refusal, where the call would otherwise run.

#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod common;

use std::collections::BTreeSet;

use common::{Company, find, update, with};
use serde_json::{Value, json};
use toolgate::{Decision, Outcome, Reason, TokenDecision};

/// What was seen: outcome and reason.
fn seen(decision: &Decision) -> (Outcome, Reason) {
    (decision.outcome, decision.reason)
}

fn approval(changes: Value) -> Value {
    let approval = json!({
        "id": "a1", "kind": "self", "by": "alice", "subject": {"user": "alice", "client": "cc"},
        "scope": {"tool": "crm/update"}, "from": "2026-11-20T09:30:00Z", "until": "2026-11-20T12:00:00Z"
    });
    json!([with(approval, changes)])
}

fn requestable(by: &str, approval: &str) -> Value {
    json!([{"id": "crm:export", "requestable_by": [by], "request_approval": approval, "max_duration": "P7D"}])
}

fn export() -> Value {
    json!({"tool": "crm/export"})
}

/// The calls and companies that trigger each reason of the gateway path.
fn cases() -> Vec<(Outcome, Reason, Company, Value)> {
    use Outcome::{AutoApprove, Deny, ManagerApprove, SelfApprove, TicketFallback};
    let usual = Company::default;
    let kill = |switches: Value| usual().with("kill_switches", switches);
    let bot = |id: &str| with(find(), json!({"subject": {"service_principal": id}}));
    let user = |user: &str, client: &str| with(find(), json!({"subject": {"user": user, "client": client}}));
    let mut paused = usual();
    paused.overlay = paused.overlay.replace("[servers.crm]\n", "[servers.crm]\npaused = true\n");
    let mut pinned = usual();
    pinned
        .overlay
        .push_str(&format!("[[servers.crm.rules]]\ntools = [\"find\"]\npin = \"sha256:{}\"\n", "0".repeat(64)));
    // rules of a server come before other tables in TOML
    pinned.overlay = reorder(&pinned.overlay);
    let step_up = usual().more_policies(
        r#"@id("sign-in") @remedy("reauthenticate max_age=15m")
        forbid (principal, action in Toolgate::Action::"read", resource)
        when { context.now.durationSince(context.session.authenticated_at) > duration("15m") };"#,
    );
    let overflow = usual().more_policies(
        r#"@id("overflow") forbid (principal, action == Toolgate::Action::"crm/update", resource)
        when { context.input has amount && context.input.amount * 2 > 100 };"#,
    );
    let deep = (0..40).fold(json!("x"), |inner, _| json!([inner]));

    vec![
        (AutoApprove, Reason::AllowedHeld, usual(), find()),
        (AutoApprove, Reason::AllowedByApproval, usual().with("approvals", approval(json!({}))), update()),
        (SelfApprove, Reason::ApprovalRequired, usual(), update()),
        (SelfApprove, Reason::ApprovalExpired,
            usual().with("approvals", approval(json!({"from": "2026-11-20T09:00:00Z", "until": "2026-11-20T10:00:00Z"}))), update()),
        (SelfApprove, Reason::OutOfScope, usual().with("approvals", approval(json!({"scope": {"server": "crm"}}))), update()),
        (SelfApprove, Reason::ApprovalUnverifiable, usual().with("approvals", approval(json!({"by": "bob"}))), update()),
        (ManagerApprove, Reason::NotHeldRequestable, usual().with("entitlements", requestable("staff", "manager")), export()),
        (Deny, Reason::GrantPending, usual().and("grants", json!([
            {"id": "later", "to": {"user": "bob"}, "entitlement": "crm:export", "from": "2026-11-21T00:00:00Z"}])),
            with(export(), json!({"subject": {"user": "bob", "client": "cc"}}))),
        (TicketFallback, Reason::Ineligible, usual(), with(export(), json!({"subject": {"user": "bob", "client": "cc"}}))),
        (Deny, Reason::PolicyDenied, usual(), json!({"tool": "crm/remove"})),
        (TicketFallback, Reason::AgentNotEntitled, usual(), export()),
        (Deny, Reason::SubjectUnknown, usual(), user("nobody", "cc")),
        (Deny, Reason::SubjectUnknown, usual(), bot("nobody")),
        (Deny, Reason::SubjectInactive, usual(), user("gone", "cc")),
        (Deny, Reason::SubjectInactive, usual(), bot("off")),
        (Deny, Reason::ClientNotAllowed, usual(), user("alice", "old")),
        (Deny, Reason::ClientNotAllowed, usual(), user("alice", "unheard-of")),
        (Deny, Reason::OwnerInactive, usual(), bot("orphan")),
        (Deny, Reason::KillSwitchActive, kill(json!({"tenant": true})), find()),
        (Deny, Reason::KillSwitchActive, kill(json!({"servers": ["crm"]})), find()),
        (Deny, Reason::KillSwitchActive, kill(json!({"tools": ["crm/find"]})), find()),
        (Deny, Reason::KillSwitchActive, kill(json!({"clients": ["cc"]})), find()),
        (Deny, Reason::ServerPaused, paused, find()),
        (Deny, Reason::ToolUnknown, usual(), json!({"tool": "crm/fnid"})),
        (Deny, Reason::ToolUnknown, usual(), json!({"tool": "crn/find"})),
        (Deny, Reason::ToolNotApproved, usual(), json!({"tool": "crm/raw"})),
        (Deny, Reason::ToolDefinitionChanged, pinned, find()),
        (Deny, Reason::ArgumentInvalid, usual(), json!({"tool": "crm/find", "arguments": {"query": 5}})),
        (Deny, Reason::StepUpRequired, step_up, find()),
        (TicketFallback, Reason::ApproverUnresolved,
            usual().more_policies("@id(\"ask-the-manager\") forbid (principal, action, resource) unless { context.approval.manager };")
                .and("grants", json!([{"id": "g-bob", "to": {"user": "bob"}, "entitlement": "crm:use"}])), user("bob", "cc")),
        (Deny, Reason::SnapshotStale, usual(), with(find(), json!({"now": "2026-11-21T09:00:00Z"}))),
        (Deny, Reason::SnapshotStale, usual(), with(find(), json!({"now": "2026-11-20T08:58:59Z"}))),
        (Deny, Reason::EvaluationError, overflow, json!({"tool": "crm/update", "arguments": {"id": "1", "amount": i64::MAX}})),
        (Deny, Reason::LimitExceeded, usual(), json!({"tool": "crm/find", "arguments": {"query": deep}})),
        (Deny, Reason::InvalidRequest, usual(), json!({"tool": "crm/find", "hurry": true})),
    ]
}

/// Tables of one server stand together.
fn reorder(overlay: &str) -> String {
    let at = overlay.find("[servers.files]").unwrap();
    let rule = overlay.find("[[servers.crm.rules]]\ntools = [\"find\"]\npin").unwrap();
    format!("{}{}\n{}", &overlay[..at], &overlay[rule..], &overlay[at..rule])
}

#[test]
fn every_reason_of_the_gateway_path_is_triggered() {
    for (outcome, reason, company, call) in cases() {
        let decision = company.decide(call.clone());
        assert_eq!(seen(&decision), (outcome, reason), "{call}\n{decision:#?}");
        assert_eq!(decision.snapshot_version, 7);
        assert!(decision.engine.starts_with("sha256:"));
        assert!(!decision.agent_message.is_empty());
        if matches!(outcome, Outcome::Deny | Outcome::TicketFallback) {
            assert_eq!(
                (&decision.approval_request, &decision.access_request, &decision.credential),
                (&None, &None, &None)
            );
        }
    }
}

/// The company of each refusal, and the same call without what refuses it.
#[test]
fn the_twin_of_each_refusal_runs() {
    let usual = Company::default();
    let bot = with(find(), json!({"subject": {"service_principal": "bot"}}));
    for call in [
        find(),
        bot,
        with(find(), json!({"now": "2026-11-21T08:59:59.999999999Z"})),
        with(find(), json!({"now": "2026-11-20T08:59:00Z"})),
    ] {
        assert_eq!(seen(&usual.decide(call.clone())), (Outcome::AutoApprove, Reason::AllowedHeld), "{call}");
    }
    let asks = usual.decide(json!({"tool": "crm/update", "arguments": {"id": "1", "amount": i64::MAX}}));
    assert_eq!(asks.outcome, Outcome::SelfApprove);
    let off = usual.clone().with("kill_switches", json!({"tenant": false, "servers": ["files"], "clients": ["old"]}));
    assert_eq!(off.decide(find()).outcome, Outcome::AutoApprove);
}

fn token(request: Value) -> TokenDecision {
    let request = with(
        json!({"subject": {"user": "alice", "client": "cc"}, "audience": "https://auth.files.example/",
            "resource": "https://files.example/", "now": common::NOW}),
        request,
    );
    let request = serde_json::from_value(request).unwrap();
    Company::default().load().decide_token(&request)
}

fn refused(scope: &str) -> Reason {
    let decision = token(json!({"scope": format!("files.read {scope}")}));
    assert_eq!(decision.granted, ["files.read"], "{decision:#?}");
    decision.refused[0].reason
}

#[test]
fn every_reason_of_the_token_path_is_triggered() {
    assert_eq!(refused("files.raed"), Reason::UnknownScope);
    assert_eq!(refused("files.all"), Reason::ScopeNotEnabled);
    assert_eq!(refused("files.write"), Reason::NoGrant);
    assert_eq!(refused("files.ask"), Reason::ApprovalRequired);
    for (change, reason) in [
        (json!({"audience": "https://idp.example/"}), Reason::AudienceIsIssuer),
        (json!({"audience": "https://auth.files.example"}), Reason::TargetNotRegistered),
        (json!({"resource": "https://files.example"}), Reason::TargetNotRegistered),
        (json!({"subject": {"user": "gone", "client": "cc"}}), Reason::SubjectInactive),
        (json!({"subject": {"user": "bob", "client": "cc"}}), Reason::NoGrant),
    ] {
        let decision = token(change.clone());
        assert_eq!((decision.reason, decision.claims), (reason, None), "{change}");
        assert!(decision.granted.is_empty());
    }
}

#[test]
fn a_token_carries_what_is_held_and_ends_with_it() {
    let all = token(json!({}));
    assert_eq!(all.granted, ["files.read"], "omitted: every enabled one that is held, nothing else");
    let claims = all.claims.unwrap();
    assert_eq!((claims.scope.as_str(), claims.expires_in), ("files.read", 600));
    // one minute before the snapshot ends
    let late = token(json!({"now": "2026-11-21T08:59:00Z"})).claims.unwrap();
    assert_eq!(late.expires_in, 60);
}

#[test]
fn no_reason_is_left_untriggered() {
    let mut all: BTreeSet<Reason> = cases().into_iter().map(|(_, reason, ..)| reason).collect();
    all.extend([
        Reason::UnknownScope,
        Reason::ScopeNotEnabled,
        Reason::NoGrant,
        Reason::AudienceIsIssuer,
        Reason::TargetNotRegistered,
    ]);
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !all.contains(reason)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
