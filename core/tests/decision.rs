//! What a decision carries besides the outcome: policies, requests, guidance, and what the agent is told.

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

use common::{Company, find, update};
use serde_json::{Value, json};
use toolgate::facts::Scope;
use toolgate::{Decision, Outcome, Reason, Visibility};

fn ids<'a>(decision: &'a Decision<'_>) -> Vec<&'a str> {
    decision.policies.iter().map(|policy| &*policy.id).collect()
}

fn bob(mut call: Value) -> Value {
    call["subject"] = json!({"user": "bob", "client": "cc"});
    call
}

#[test]
fn the_decision_is_the_documented_json() {
    let decision = serde_json::to_value(Company::default().decide(update())).unwrap();
    let binding = decision["approval_request"]["binding"].clone();
    assert!(binding.as_str().is_some_and(|binding| binding.len() == 71 && binding.starts_with("sha256:")));
    assert_eq!(
        decision,
        json!({
            "outcome": "self_approve", "reason": "approval_required", "detail": null,
            "policies": [{"id": "writes-ask", "effect": "permit", "description": "a write needs the user's yes"}],
            "approval_request": {"kind": "self", "approvers": ["alice"], "subject": {"user": "alice", "client": "cc"},
                "scope": {"tool": "crm/update"}, "valid_for": "PT1H", "binding": binding},
            "access_request": null, "guidance": null, "step_up": null,
            "credential": {"mode": "shared", "ref": "vault:crm"},
            "obligations": [], "gains_labels": ["private-data"], "valid_until": "2026-11-21T09:00:00Z",
            "agent_message": "This call runs once the user approves it.",
            "engine": decision["engine"], "snapshot_version": 7
        })
    );
}

#[test]
fn determining_policies_are_those_that_made_the_difference() {
    let company = Company::default().more_policies(
        r#"@id("beside") permit (principal, action in Toolgate::Action::"write", resource) when { resource.sensitive };
        @id("large") @valid_for("15m") forbid (principal, action == Toolgate::Action::"crm/update", resource)
        when { context.input has amount && context.input.amount > 100 } unless { context.approval.manager };"#,
    );
    assert_eq!(ids(&company.decide(find())), ["reads-run"]);
    assert_eq!(ids(&company.decide(update())), ["writes-ask"]);
    let large = company.decide(json!({"tool": "crm/update", "arguments": {"id": "1", "amount": 101}}));
    assert_eq!((large.outcome, ids(&large)), (Outcome::ManagerApprove, vec!["large", "writes-ask"]));
    let request = large.approval_request.unwrap();
    assert_eq!(
        (request.valid_for.unwrap().as_secs(), request.scope.into_owned()),
        (900, Scope::Call(request.binding.clone()))
    );
    assert_eq!(ids(&company.decide(json!({"tool": "crm/remove"}))), ["no-deletes"]);
}

#[test]
fn guidance_is_the_most_specific_there_is() {
    let message = |company: &Company, call: Value| company.decide(call).guidance.unwrap().into_owned().message;
    let company = Company::default();
    let refused = || bob(find());
    assert_eq!(message(&company, refused()), "Ask the help desk");
    assert_eq!(message(&company, json!({"tool": "crm/remove"})), "Deleting is done by hand");
    let mut server = company.clone();
    server.overlay =
        server.overlay.replace("owner = \"olga\"", "owner = \"olga\"\nguidance = { message = \"Ask sales\" }");
    assert_eq!(message(&server, refused()), "Ask sales");
    let mut tool = server.clone();
    tool.overlay = tool.overlay.replace(
        "labels = [\"private-data\"]",
        "labels = [\"private-data\"]\nguidance = { message = \"Ask for the CRM\" }",
    );
    assert_eq!(message(&tool, refused()), "Ask for the CRM");
}

/// In toolgate's own words, a tool that the agent may not see and one that does not exist sound alike.
#[test]
fn a_hidden_tool_sounds_like_no_tool() {
    let company = Company::default();
    let engine = company.load();
    let said = |call: Value| {
        let decision = common::decide(&engine, call);
        (decision.agent_message, decision.guidance)
    };
    let unknown = said(bob(json!({"tool": "crm/no_such_tool", "arguments": {"id": "1"}})));
    for hidden in [
        bob(find()),
        bob(json!({"tool": "crm/find", "arguments": {"query": 5}})),
        bob(json!({"tool": "crm/raw"})),
        bob(json!({"tool": "nowhere/find"})),
    ] {
        assert_eq!(said(hidden.clone()), unknown, "{hidden}");
    }
    // whoever may see the tool is told what is wrong
    let alice = said(json!({"tool": "crm/find", "arguments": {"query": 5}})).0;
    assert!(alice.contains("query") && alice.contains("string"), "{alice}");
    // the record tells them apart
    assert_eq!(common::decide(&engine, bob(json!({"tool": "crm/raw"}))).reason, Reason::ToolNotApproved);
}

fn entitlement(approval: &str) -> Value {
    json!({"id": "crm:export", "requestable_by": ["staff"], "request_approval": approval, "max_duration": "P7D"})
}

fn profile(id: &str, approval: &str, by: &str) -> Value {
    json!({"id": id, "entitlements": ["crm:export", "crm:more"], "requestable_by": [by], "request_approval": approval})
}

fn export() -> Value {
    json!({"tool": "crm/export"})
}

#[test]
fn what_is_offered_has_the_least_friction() {
    let asked = |entitlements: Value, profiles: Value| {
        let decision =
            Company::default().with("entitlements", entitlements).with("profiles", profiles).decide(export());
        let request = decision.access_request.unwrap();
        (decision.outcome, request.entitlement.or(request.profile).unwrap().into_owned(), request.approvers.join(","))
    };
    let is = |outcome, id: &str, approvers: &str| (outcome, id.to_string(), approvers.to_string());
    assert_eq!(asked(json!([entitlement("manager")]), json!([])), is(Outcome::ManagerApprove, "crm:export", "dana"));
    assert_eq!(
        asked(json!([entitlement("manager")]), json!([profile("z", "self", "*")])),
        is(Outcome::SelfApprove, "z", "alice")
    );
    assert_eq!(
        asked(json!([entitlement("self")]), json!([profile("b", "self", "*"), profile("a", "self", "*")])),
        is(Outcome::SelfApprove, "a", "alice")
    );
    assert_eq!(
        asked(json!([entitlement("self")]), json!([profile("a", "auto", "marketing")])),
        is(Outcome::SelfApprove, "crm:export", "alice")
    );
}

#[test]
fn a_dead_end_is_never_offered() {
    let company = Company::default().with("entitlements", json!([entitlement("self")]));
    assert_eq!(company.decide(export()).reason, Reason::NotHeldRequestable);
    let forbidden = company
        .clone()
        .more_policies("@id(\"no-export\") forbid (principal, action == Toolgate::Action::\"crm/export\", resource);");
    assert_eq!(forbidden.decide(export()).reason, Reason::PolicyDenied, "granting it would not help");
    let mut nobody = company.with("entitlements", json!([entitlement("manager")]));
    nobody.snapshot["users"][0]["manager"] = json!("gone");
    let stuck = nobody.decide(export());
    assert_eq!((stuck.outcome, stuck.reason), (Outcome::TicketFallback, Reason::ApproverUnresolved));
}

#[test]
fn granting_what_was_offered_opens_the_way() {
    let company = Company::default().with("entitlements", json!([entitlement("manager")]));
    let request = company.decide(export()).access_request.unwrap();
    let granted = company.and(
        "grants",
        json!([{"id": "new", "to": {"user": "alice", "client": "cc"},
        "entitlement": request.entitlement.unwrap(), "until": "2026-11-27T10:00:00Z"}]),
    );
    assert_eq!(granted.decide(export()).outcome, Outcome::AutoApprove);
    let mut elsewhere = export();
    elsewhere["subject"] = json!({"service_principal": "bot"});
    assert_ne!(granted.decide(elsewhere).outcome, Outcome::AutoApprove, "hers, through that client only");
}

#[test]
fn a_step_up_is_asked_for_only_if_it_helps() {
    let company = Company::default().more_policies(
        r#"@id("fresh") @remedy("reauthenticate acr=phr max_age=15m") forbid (principal, action, resource)
        when { context.now.durationSince(context.session.authenticated_at) > duration("15m") };"#,
    );
    let signed_in = |mut call: Value, at: &str| {
        call["session"] = json!({"authenticated_at": at});
        company.decide(call)
    };
    assert_eq!(signed_in(find(), "2026-11-20T09:50:00Z").outcome, Outcome::AutoApprove);
    let old = signed_in(find(), "2026-11-20T09:00:00Z");
    let step_up = old.step_up.clone().unwrap();
    assert_eq!((old.outcome, old.reason), (Outcome::Deny, Reason::StepUpRequired));
    assert_eq!(
        (step_up.remedy.as_str(), step_up.acr_values.as_slice(), step_up.max_age.unwrap().as_secs()),
        ("reauthenticate", &["phr".to_string()][..], 900)
    );
    // signing in would not help: nothing permits it, or something else forbids it
    assert_eq!(signed_in(bob(find()), "2026-11-20T09:00:00Z").reason, Reason::PolicyDenied);
    assert_eq!(signed_in(json!({"tool": "crm/remove"}), "2026-11-20T09:00:00Z").reason, Reason::PolicyDenied);
}

#[test]
fn profiles_groups_and_clients_give_what_they_say() {
    let with = |grant: Value| {
        Company::default()
            .with("profiles", json!([{"id": "seller", "entitlements": ["crm:export"]}]))
            .and("clients", json!([{"id": "other", "kind": "shared", "state": "hidden"}]))
            .with("grants", json!([grant]))
    };
    let runs = |company: &Company, subject: Value| {
        let mut call = export();
        call["subject"] = subject;
        company.decide(call).outcome == Outcome::AutoApprove
    };
    let [alice, alice_other, bob, bot] = [
        json!({"user": "alice", "client": "cc"}),
        json!({"user": "alice", "client": "other"}),
        json!({"user": "bob", "client": "cc"}),
        json!({"service_principal": "bot"}),
    ];
    for (to, holders) in [
        (json!({"user": "alice"}), [true, true, false, false]),
        (json!({"user": "alice", "client": "other"}), [false, true, false, false]),
        (json!({"group": "staff"}), [true, true, true, false]),
        (json!({"group": "marketing"}), [false; 4]),
        (json!({"service_principal": "bot"}), [false, false, false, true]),
    ] {
        let company = with(json!({"id": "g", "to": to, "profile": "seller"}));
        for (subject, holds) in [&alice, &alice_other, &bob, &bot].into_iter().zip(holders) {
            assert_eq!(runs(&company, subject.clone()), holds, "{to}: {subject}");
        }
    }
    // the human's own entitlement is not the agent's
    assert!(!runs(&with(json!({"id": "g", "to": {"user": "dana"}, "entitlement": "crm:export"})), alice));
}

#[test]
fn tools_are_shown_by_the_best_that_arguments_could_reach() {
    let company = Company::default().with("entitlements", json!([entitlement("manager")])).more_policies(
        r#"@id("small-writes") permit (principal, action == Toolgate::Action::"crm/update", resource)
        when { principal in resource.entitlements && context.input has amount && context.input.amount < 10 };"#,
    );
    let engine = company.load();
    let seen = |user: &str| {
        let subject = toolgate::Subject::agent(user, "cc");
        let tools = engine.visible_tools(&subject, &Default::default(), common::NOW.parse().unwrap());
        tools.into_iter().map(|tool| format!("{} {}", tool.tool.name, tool.visibility)).collect::<Vec<_>>()
    };
    assert_eq!(
        seen("alice"),
        ["export requestable", "find callable", "raw hidden", "remove hidden", "update callable"]
    );
    assert_eq!(seen("bob"), ["export hidden", "find hidden", "raw hidden", "remove hidden", "update hidden"]);
    assert!(seen("nobody").iter().all(|tool| tool.ends_with("hidden")));
    let asks = Company::default().load();
    let tools =
        asks.visible_tools(&toolgate::Subject::agent("alice", "cc"), &Default::default(), common::NOW.parse().unwrap());
    assert_eq!(tools[4].visibility, Visibility::NeedsApproval);
}

/// The schema reads as a person would write it, and names in quotation marks stay what they are.
#[test]
fn the_schema_is_printed_for_people() {
    let tools = r#"[{"name": "put", "inputSchema": {"type": "object", "properties": {
        "a": {"type": "string"}, "x\\\"y: __cedar::String": {"type": "array", "items": {"type": "integer"}}}}}]"#;
    let engine = Company {
        tools: tools.into(),
        ..Company::default().policies("@id(\"open\") permit (principal, action, resource);")
    }
    .load();
    let schema = engine.schema();
    assert!(schema.contains("a?: String") && schema.contains("Set<Long>"), "{schema}");
    assert!(schema.contains("y: __cedar::String"), "{schema}");
    assert!(cedar_policy::Schema::from_cedarschema_str(&schema).is_ok(), "{schema}");
}

/// A tool that declares no schema takes any argument, and policies see which.
#[test]
fn a_tool_without_a_schema_takes_anything() {
    for schema in ["", ", \"inputSchema\": {}", ", \"inputSchema\": null", ", \"inputSchema\": true"] {
        let company = Company { tools: format!("[{{\"name\": \"put\"{schema}}}]"), ..Company::default() }.policies(
            r#"@id("open") permit (principal, action, resource);
            @id("no-force") forbid (principal, action == Toolgate::Action::"crm/put", resource)
            when { context.input["*"].keys.contains("force") };"#,
        );
        let put = |arguments: Value| company.decide(json!({"tool": "crm/put", "arguments": arguments})).reason;
        assert_eq!(put(json!({"name": [1, null]})), Reason::AllowedHeld, "{schema}");
        assert_eq!(put(json!({"force": false})), Reason::PolicyDenied, "{schema}");
    }
}
