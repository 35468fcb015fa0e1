//! What a decision allocates: nothing for a verdict, and little for everything else that is said.

#![expect(clippy::unwrap_used, reason = "a test's own fixtures either load or the test is wrong")]
#![allow(clippy::allow_attributes, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeMap;

use common::{NOW, say};
use serde_json::{Value, json};
use toolgate::{Bundle, Engine, Outcome, RawCall, Reason, Session, Source, SubjectRef};

/// The most that a whole decision may allocate.
const MOST: u64 = 8;

const POLICIES: &str = r#"
@id("reads-run") @description("reading is free") @obligations("log-arguments")
permit (principal, action in Toolgate::Action::"read", resource in Toolgate::Server::"erp")
when { principal in resource.entitlements && context.session.labels.containsAll(["internal"]) };

@id("writes-ask") @valid_for("1h") @reuse("tool") @description("a write needs the user's yes")
permit (principal, action in Toolgate::Action::"write", resource)
when { principal in resource.entitlements && context.approval.self };

@id("large-ones-need-the-manager") @valid_for("10m")
forbid (principal, action == Toolgate::Action::"erp/order", resource)
when { context.input.amount > 1000 && !context.approval.manager };

@id("never-to-strangers") @guidance("Ask the desk") @ticket("https://help.example/orders")
forbid (principal, action in [Toolgate::Action::"erp/order", Toolgate::Action::"erp/find"], resource)
when { context.input.recipient like "*@stranger.example" || context.input.tags.contains("embargo") };

@id("not-at-night")
forbid (principal, action, resource)
when { context.now < datetime("2026-11-20T04:00:00Z") && resource.sensitive };

@id("not-with-secrets")
forbid (principal is Toolgate::Agent, action in [Toolgate::Action::"write", Toolgate::Action::"delete"], resource)
when { context.session.labels.contains("secret") && !(principal.client.kind == "personal") };

@id("admins-delete")
permit (principal in Toolgate::Group::"admins", action in Toolgate::Action::"delete", resource);

@id("audits") @reuse("server")
permit (principal, action == Toolgate::Action::"erp/audit", resource)
when { principal in resource.entitlements };

@id("no-stars")
forbid (principal, action == Toolgate::Action::"request", resource == Toolgate::Entitlement::"erp:everything");
"#;

fn engine() -> Engine {
    let input = json!({"type": "object", "required": ["recipient", "amount", "tags"], "properties": {
        "recipient": {"type": "string"}, "amount": {"type": "integer"}, "price": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}}, "due": {"type": "string", "format": "date-time"},
        "address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}},
        "note": {"type": ["string", "null"]}}});
    let tools: Vec<Value> =
        ["find", "order", "purge", "audit"].map(|name| json!({"name": name, "inputSchema": input})).into();
    let mut overlay = String::from(
        "[servers.erp]\ntrusted = true\ndefault_state = \"approved\"\ncredential = { mode = \"shared\", ref = \"vault:erp\" }\n",
    );
    for (tool, operation, entitlement) in
        [("find", "read", "use"), ("order", "write", "use"), ("purge", "delete", "use"), ("audit", "read", "audit")]
    {
        overlay.push_str(&format!(
            "[[servers.erp.rules]]\ntools = [\"{tool}\"]\noperation = \"{operation}\"\nentitlements = [\"erp:{entitlement}\"]\nlabels = [\"internal\", \"orders\"]\n"
        ));
    }
    let snapshot = json!({
        "version": 7, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
        "users": [
            {"id": "alice", "active": true, "manager": "dana", "groups": ["sales"]},
            {"id": "dana", "active": true}
        ],
        "groups": [{"id": "sales", "parents": ["staff"]}, {"id": "staff"}],
        "clients": [{"id": "cc", "kind": "personal", "state": "active"}],
        "entitlements": [{"id": "erp:audit", "owners": ["dana"], "requestable_by": ["staff"], "request_approval": "manager", "max_duration": "P7D"}],
        "profiles": [{"id": "seller", "entitlements": ["erp:use"]}],
        "grants": [
            {"id": "g1", "to": {"user": "alice"}, "entitlement": "erp:use", "until": "2026-12-01T00:00:00Z"},
            {"id": "g2", "to": {"group": "staff"}, "profile": "seller"},
            {"id": "g3", "to": {"user": "alice", "client": "other"}, "entitlement": "erp:all"}
        ],
    });
    let bundle = Bundle {
        policies: vec![Source::new("all.cedar", POLICIES.as_bytes())],
        tools: BTreeMap::from([("erp".to_string(), Source::new("erp.json", json!({"tools": tools}).to_string()))]),
        overlay: Some(Source::new("catalog.toml", overlay.as_bytes())),
        snapshot: Source::new("snapshot.json", snapshot.to_string()),
    };
    Engine::load(&bundle).unwrap_or_else(|error| panic!("{error}"))
}

/// About 300 bytes.
fn arguments(amount: i64, recipient: &str) -> String {
    json!({"recipient": recipient, "amount": amount, "price": 12.5, "tags": ["spring", "bulk", "partner"],
        "due": "2026-12-01T12:00:00Z", "address": {"street": "12 Long Acre", "city": "Lower Kingswood"},
        "note": "Please deliver to the back door; ring twice. The usual discount applies to everything on this order."})
    .to_string()
}

#[test]
fn a_verdict_allocates_nothing_and_a_decision_little() {
    let engine = engine();
    let labels = ["internal", "orders"].map(String::from).into();
    let session = Session {
        id: Some("s-1".into()),
        calls: Some(3),
        labels: Some(labels),
        authenticated_at: Some("2026-11-20T09:30:00Z".parse().unwrap()),
        ..Session::default()
    };
    let (small, large) = (arguments(10, "bob@known.example"), arguments(5000, "bob@known.example"));
    let stranger = arguments(10, "bob@stranger.example");
    assert!((270..330).contains(&small.len()), "{} bytes", small.len());
    let cases = [
        ("erp/find", &small, Outcome::AutoApprove, Reason::AllowedHeld),
        ("erp/order", &small, Outcome::SelfApprove, Reason::ApprovalRequired),
        ("erp/order", &large, Outcome::ManagerApprove, Reason::ApprovalRequired),
        ("erp/order", &stranger, Outcome::Deny, Reason::PolicyDenied),
        ("erp/purge", &small, Outcome::TicketFallback, Reason::Ineligible),
        ("erp/audit", &small, Outcome::ManagerApprove, Reason::NotHeldRequestable),
    ];
    let mut told = Vec::new();
    let mut exceeded = false;
    for (tool, arguments, outcome, reason) in cases {
        let call = RawCall {
            subject: SubjectRef::Agent { user: "alice", client: "cc" },
            tool,
            arguments: arguments.as_bytes(),
            session: &session,
            now: NOW.parse().unwrap(),
        };
        let (mut verdict, mut decision) = (None, None);
        let for_verdict = allocation_counter::measure(|| verdict = Some(engine.verdict(&call)));
        let for_decision = allocation_counter::measure(|| decision = Some(engine.decide_raw(&call)));
        assert_eq!(verdict, Some((outcome, reason)), "{decision:#?}");
        let decision = decision.unwrap();
        assert_eq!((decision.outcome, decision.reason), (outcome, reason));
        let (verdict, decision) = (for_verdict.count_total, for_decision.count_total);
        exceeded |= verdict > 0 || decision > MOST;
        told.push(format!("{outcome} ({reason}) {verdict}/{decision}"));
    }
    say(&format!("allocations of a verdict/a decision: {}", told.join(", ")));
    assert!(!exceeded, "a verdict allocates nothing, and a decision at most {MOST} times: {told:?}");
    // the twin: it is counted at all
    assert_eq!(allocation_counter::measure(|| drop(Box::new(1u8))).count_total, 1);
}
