//! What led to a decision: the same decision, each policy's word at each rung, and the same question for Cedar.

#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod common;

use cedar_policy::{Authorizer, Decision as CedarDecision, EvalResult, Expression, PolicySet, eval_expression};
use common::{Company, find, parse, update, with};
use serde_json::{Value, json};
use toolgate::trace::{Rung, Standing, Truth};
use toolgate::{Effect, Engine, Reason};

const ASKS: &str = r#"
@id("ask") @valid_for("1h") @reuse("tool")
permit (principal, action in Toolgate::Action::"write", resource)
when { principal in resource.entitlements && context.approval.self };

@id("large") @reuse("call")
forbid (principal, action == Toolgate::Action::"crm/update", resource)
when { context.input has amount && context.input.amount > 50 } unless { context.approval.manager };
"#;

fn yes(changes: Value) -> Value {
    let yes = json!({"id": "a", "kind": "self", "by": "alice", "subject": {"user": "alice", "client": "cc"},
        "scope": {"tool": "crm/update"}, "from": "2026-11-20T09:30:00Z", "until": "2026-11-20T12:00:00Z"});
    with(yes, changes)
}

fn large() -> Value {
    with(update(), json!({"arguments": {"id": "1", "amount": 51}}))
}

fn standing(approval: Value, policy: &str) -> Standing {
    let engine = Company::default().policies(ASKS).with("approvals", json!([approval])).load();
    let consultation = engine.trace(&parse(large())).consultation.unwrap();
    let policy = consultation.policies.iter().find(|traced| traced.id == policy).unwrap();
    policy.approvals[0].standing
}

#[test]
fn a_trace_decides_alike_and_says_what_each_policy_said() {
    let engine = Company::default().policies(ASKS).load();
    for call in [find(), update(), large()] {
        assert_eq!(engine.trace(&parse(call.clone())).decision, engine.decide(&parse(call)));
    }
    let consultation = engine.trace(&parse(large())).consultation.unwrap();
    let [ask, large] = &consultation.policies[..] else { panic!("{:?}", consultation.policies) };
    assert_eq!((ask.id.as_str(), ask.effect), ("ask", Effect::Permit));
    assert_eq!(ask.asked, [Truth::False, Truth::True, Truth::True]);
    assert_eq!((large.id.as_str(), large.effect), ("large", Effect::Forbid));
    assert_eq!(large.at, [Truth::True, Truth::True, Truth::False]);
    assert_eq!(consultation.unlocking, ["crm:use"]);
    assert!(consultation.held.contains(&"crm:use".into()));
}

#[test]
fn what_the_gate_refuses_was_asked_of_no_policy() {
    let engine = Company::default().policies(ASKS).load();
    for (change, reason) in [
        (json!({"tool": "crm/raw"}), Reason::ToolNotApproved),
        (json!({"subject": {"user": "nobody", "client": "cc"}}), Reason::SubjectUnknown),
        (json!({"arguments": {"id": 1}}), Reason::ArgumentInvalid),
    ] {
        let trace = engine.trace(&parse(with(update(), change)));
        assert_eq!(trace.decision.reason, reason);
        assert!(trace.consultation.is_none());
    }
    // as it would run otherwise
    assert!(engine.trace(&parse(update())).consultation.is_some());
}

#[test]
fn every_yes_on_record_is_accounted_for() {
    use Standing::{CountsAsManager, CountsAsSelf, NotBegun, NotEligible, NotThisCall, Over, TooWide};
    let at = |text: &str| text.parse().unwrap();
    assert_eq!(standing(yes(json!({})), "ask"), CountsAsSelf);
    assert_eq!(standing(yes(json!({})), "large"), TooWide);
    assert_eq!(standing(yes(json!({"scope": {"server": "crm"}})), "ask"), TooWide);
    assert_eq!(standing(yes(json!({"scope": {"tool": "crm/remove"}})), "ask"), NotThisCall);
    assert_eq!(standing(yes(json!({"by": "bob"})), "ask"), NotEligible);
    let later = "2026-11-20T11:00:00Z";
    assert_eq!(standing(yes(json!({"from": later})), "ask"), NotBegun { from: at(later) });
    let over = yes(json!({"until": "2026-11-20T10:00:00Z"}));
    assert_eq!(standing(over, "ask"), Over { since: at("2026-11-20T10:00:00Z") });
    // the policy's own `@valid_for` ends it
    let old = yes(json!({"from": "2026-11-20T09:00:00Z"}));
    assert_eq!(standing(old, "ask"), Over { since: at("2026-11-20T10:00:00Z") });
    let managers = |by: &str| yes(json!({"kind": "manager", "by": by}));
    assert_eq!(standing(managers("dana"), "ask"), CountsAsManager);
    assert_eq!(standing(managers("bob"), "ask"), NotEligible);
}

#[test]
fn what_counts_lifts_the_lowest_rung() {
    let engine = Company::default().policies(ASKS).with("approvals", json!([yes(json!({}))])).load();
    let consultation = engine.trace(&parse(update())).consultation.unwrap();
    let ask = &consultation.policies[0];
    assert_eq!((ask.counted, ask.at, ask.asked[0]), (Rung::SelfApproval, [Truth::True; 3], Truth::False));
}

/// Cedar's own library, asked the question of the trace, says what the trace says.
#[test]
fn cedar_answers_the_same_question_alike() {
    let engine = Company::default().policies(ASKS).load();
    let set: PolicySet = ASKS.parse().unwrap();
    for call in [update(), large()] {
        let consultation = engine.trace(&parse(call)).consultation.unwrap();
        for (at, level) in Rung::ALL.into_iter().enumerate() {
            let response =
                Authorizer::new().is_authorized(consultation.cedar.at(level), &set, &consultation.cedar.entities);
            let says = |effect, truth| {
                consultation.policies.iter().any(|traced| traced.effect == effect && traced.asked[at] == truth)
            };
            let allowed = says(Effect::Permit, Truth::True) && !says(Effect::Forbid, Truth::True);
            assert_eq!(response.decision() == CedarDecision::Allow, allowed);
        }
    }
    let consultation = engine.trace(&parse(large())).consultation.unwrap();
    let amount: Expression = "context.input.amount".parse().unwrap();
    let value = eval_expression(consultation.cedar.at(Rung::InForce), &consultation.cedar.entities, &amount);
    assert_eq!(value.unwrap(), EvalResult::Long(51));
}

#[test]
fn a_token_request_is_traced_scope_by_scope() {
    let engine: Engine = Company::default().load();
    let request = json!({"subject": {"user": "alice", "client": "cc"}, "audience": "https://auth.files.example/",
        "scope": "files.read nowhere", "now": common::NOW});
    let request = serde_json::from_value(request).unwrap();
    let traced = engine.trace_token(&request);
    let scopes: Vec<&str> = traced.iter().map(|(scope, _)| scope.as_str()).collect();
    assert_eq!(scopes, ["files.read"], "{:?}", engine.decide_token(&request));
    assert!(traced[0].1.policies.iter().any(|policy| policy.id == "tokens"));
}
