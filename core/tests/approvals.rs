//! Approval reuse: exactly the calls, people, time and terms a yes was given for, and nothing beside.

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

use std::borrow::Cow;

use common::{Company, parse, update};
use serde_json::{Value, json};
use toolgate::facts::Scope;
use toolgate::{Outcome, Reason};

/// Four policies that accept approvals of four widths, each on writes.
fn reuse(width: &str) -> Company {
    Company::default().policies(&format!(
        r#"@id("ask") @valid_for("1h") @reuse("{width}")
        permit (principal, action, resource) when {{ principal in resource.entitlements && context.approval.self }};"#
    ))
}

fn yes(scope: Value) -> Value {
    json!({"id": "a", "kind": "self", "by": "alice", "subject": {"user": "alice", "client": "cc"},
        "scope": scope, "from": "2026-11-20T09:30:00Z", "until": "2026-11-20T12:00:00Z"})
}

fn runs(company: &Company, approval: &Value, call: &Value) -> bool {
    let decision = company.clone().with("approvals", json!([approval])).decide(call.clone());
    assert!(matches!(decision.outcome, Outcome::AutoApprove | Outcome::SelfApprove), "{decision:?}");
    decision.outcome == Outcome::AutoApprove
}

/// The binding the decision asks for.
fn binding(company: &Company, call: &Value) -> String {
    company.decide(call.clone()).approval_request.unwrap().binding
}

#[test]
fn a_yes_counts_up_to_the_width_a_policy_accepts() {
    let call = update();
    let bound = binding(&reuse("call"), &call);
    let scopes = [
        json!({"call": bound}),
        json!({"tool": "crm/update"}),
        json!({"operation": "write", "server": "crm"}),
        json!({"server": "crm"}),
    ];
    for (accepted, width) in ["call", "tool", "operation", "server"].iter().enumerate() {
        for (given, scope) in scopes.iter().enumerate() {
            assert_eq!(
                runs(&reuse(width), &yes(scope.clone()), &call),
                given <= accepted,
                "{scope} under @reuse({width})"
            );
        }
    }
}

#[test]
fn a_yes_covers_only_its_scope() {
    let server = reuse("server");
    let other = json!({"tool": "crm/remove", "arguments": {"id": "1"}});
    let bound = binding(&server, &update());
    for (scope, covers_update, covers_other) in [
        (json!({"call": bound}), true, false),
        (json!({"tool": "crm/update"}), true, false),
        (json!({"operation": "write", "server": "crm"}), true, false),
        (json!({"operation": "delete", "server": "crm"}), false, true),
        (json!({"server": "crm"}), true, true),
        (json!({"server": "files"}), false, false),
        (json!({"tool": "files/update"}), false, false),
    ] {
        assert_eq!(runs(&server, &yes(scope.clone()), &update()), covers_update, "{scope}");
        assert_eq!(runs(&server, &yes(scope.clone()), &other), covers_other, "{scope}");
    }
}

#[test]
fn intervals_are_half_open_to_the_nanosecond() {
    let company = reuse("tool");
    let at = |now: &str, until: &str| {
        let mut approval = yes(json!({"tool": "crm/update"}));
        approval["until"] = json!(until);
        let mut call = update();
        call["now"] = json!(now);
        runs(&company, &approval, &call)
    };
    // its own interval
    assert!(!at("2026-11-20T09:29:59.999999999Z", "2026-11-20T10:00:00Z"));
    assert!(at("2026-11-20T09:30:00Z", "2026-11-20T10:00:00Z"));
    assert!(at("2026-11-20T09:59:59.999999999Z", "2026-11-20T10:00:00Z"));
    assert!(!at("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"));
    // the policy's hour, where the approval itself would last longer
    assert!(at("2026-11-20T10:29:59.999999999Z", "2026-11-20T12:00:00Z"));
    assert!(!at("2026-11-20T10:30:00Z", "2026-11-20T12:00:00Z"));
}

#[test]
fn a_yes_for_one_call_is_for_nothing_else() {
    let company = reuse("call");
    let call = json!({"tool": "crm/update", "arguments": {"id": "1", "amount": 5, "note": "x"}});
    let approval = yes(json!({"call": binding(&company, &call)}));
    assert!(runs(&company, &approval, &call));
    // the same value, written otherwise
    let same = json!({"arguments": {"note": "x", "amount": 5.0, "id": "1"}, "tool": "crm/update"});
    assert!(runs(&company, &approval, &same));
    for arguments in [
        json!({"id": "2", "amount": 5, "note": "x"}),
        json!({"id": "1", "amount": 6, "note": "x"}),
        json!({"id": "1", "amount": 5, "note": null}),
        json!({"id": "1", "amount": 5}),
    ] {
        assert!(!runs(&company, &approval, &json!({"tool": "crm/update", "arguments": arguments})), "{arguments}");
    }
    // above 2^53, where doubles run together
    let big = |n: i64| json!({"tool": "crm/update", "arguments": {"id": "1", "amount": n}});
    let approval = yes(json!({"call": binding(&company, &big(9_007_199_254_740_993))}));
    assert!(runs(&company, &approval, &big(9_007_199_254_740_993)));
    assert!(!runs(&company, &approval, &big(9_007_199_254_740_992)));
    // the tool's definition has changed since
    let mut changed = company.clone();
    changed.tools = changed
        .tools
        .replace("Find records", "Find records!")
        .replace("\"name\": \"update\"", "\"name\": \"update\", \"description\": \"and more\"");
    assert!(!runs(&changed, &approval, &big(9_007_199_254_740_993)));
}

#[test]
fn a_yes_is_for_one_subject() {
    let company = reuse("tool")
        .and("clients", json!([{"id": "other", "kind": "personal", "state": "active"}]))
        .and("grants", json!([{"id": "g-staff", "to": {"group": "staff"}, "entitlement": "crm:use"}]));
    let approval = yes(json!({"tool": "crm/update"}));
    for (subject, covered) in [
        (json!({"user": "alice", "client": "cc"}), true),
        (json!({"user": "alice", "client": "other"}), false),
        (json!({"user": "bob", "client": "cc"}), false),
        (json!({"service_principal": "bot"}), false),
    ] {
        let mut call = update();
        call["subject"] = subject.clone();
        assert_eq!(runs(&company, &approval, &call), covered, "{subject}");
    }
}

/// Who may say yes: the user for themselves, the manager for the manager, and never the requester in the manager's place.
#[test]
fn the_approver_is_eligible_now() {
    let manager = Company::default().policies(
        r#"@id("ask") @valid_for("1h") @reuse("tool")
        permit (principal, action, resource) when { principal in resource.entitlements && context.approval.manager };"#,
    );
    let decide = |company: &Company, kind: &str, by: &str| {
        let mut approval = yes(json!({"tool": "crm/update"}));
        approval["kind"] = json!(kind);
        approval["by"] = json!(by);
        company.clone().with("approvals", json!([approval])).decide(update()).outcome
    };
    assert_eq!(decide(&manager, "manager", "dana"), Outcome::AutoApprove);
    for by in ["alice", "olga", "bob", "gone", "nobody"] {
        assert_eq!(decide(&manager, "manager", by), Outcome::ManagerApprove, "{by}");
    }
    assert_eq!(decide(&manager, "self", "alice"), Outcome::ManagerApprove, "her own yes is not the manager's");
    assert_eq!(decide(&reuse("tool"), "manager", "dana"), Outcome::AutoApprove, "the manager's counts as both");
    assert_eq!(decide(&reuse("tool"), "self", "dana"), Outcome::SelfApprove, "nobody says yes for her");

    let mut left = manager.clone();
    left.snapshot["users"][2]["active"] = json!(false);
    assert_eq!(decide(&left, "manager", "dana"), Outcome::TicketFallback, "a manager who left approves nothing");
    let mut own = manager;
    own.snapshot["users"][0]["manager"] = json!("alice");
    assert_eq!(decide(&own, "manager", "alice"), Outcome::TicketFallback, "nobody is their own manager");
}

#[test]
fn approvers_stand_in_the_managers_place() {
    let asked = |approvers: &str| {
        let company = Company::default()
            .policies(&format!(
                r#"@id("ask") @approvers("{approvers}")
                permit (principal, action, resource) when {{ principal in resource.entitlements && context.approval.manager }};"#
            ))
            .with("entitlements", json!([{"id": "crm:use", "owners": ["dana", "alice", "gone"]}]));
        let decision = company.decide(update());
        (decision.outcome, decision.approval_request.map(|request| request.approvers).unwrap_or_default())
    };
    let list = |names: &[&str]| {
        (Outcome::ManagerApprove, names.iter().map(|name| Cow::from(name.to_string())).collect::<Vec<_>>())
    };
    assert_eq!(asked("server-owner"), list(&["olga"]));
    assert_eq!(asked("entitlement-owner"), list(&["dana"]), "the requester and who left are left out");
    assert_eq!(asked("group:sales"), list(&["bob"]));
    assert_eq!(asked("group:staff"), list(&["bob"]), "through the nested group");
    assert_eq!(asked("user:dana, server-owner"), list(&["dana", "olga"]));
    assert_eq!(asked("user:alice"), (Outcome::TicketFallback, vec![]));
    assert_eq!(asked("group:nobody"), (Outcome::TicketFallback, vec![]));
}

/// A service principal's own yes is its owner's.
#[test]
fn an_autonomous_agent_never_approves_itself() {
    let mut call = update();
    call["subject"] = json!({"service_principal": "bot"});
    let request = reuse("tool").decide(call.clone()).approval_request.unwrap();
    assert_eq!(request.approvers, ["alice"]);
    let manager = Company::default()
        .policies(r#"@id("ask") permit (principal, action, resource) when { context.approval.manager };"#);
    assert_eq!(manager.decide(call.clone()).approval_request.unwrap().approvers, ["dana"], "the owner's manager");
    let mut named = manager.clone();
    named.snapshot["service_principals"][0]["manager"] = json!("olga");
    assert_eq!(named.decide(call.clone()).approval_request.unwrap().approvers, ["olga"]);
    named.snapshot["service_principals"][0]["manager"] = json!("alice");
    assert_eq!(named.decide(call).outcome, Outcome::TicketFallback, "the owner is the requester");
}

/// The strictest terms among the policies that ask.
#[test]
fn the_request_asks_for_what_every_policy_accepts() {
    let company = reuse("server").more_policies(
        r#"@id("short") @valid_for("15m") @reuse("tool")
        forbid (principal, action, resource) unless { context.approval.self };
        @id("unasked") @valid_for("1m") forbid (principal, action in Toolgate::Action::"read", resource) unless { context.approval.self };"#,
    );
    let request = company.decide(update()).approval_request.unwrap();
    assert_eq!(request.valid_for.unwrap().as_secs(), 900);
    assert_eq!(*request.scope, Scope::Tool("crm/update".parse().unwrap()));

    let bare = Company::default()
        .policies("@id(\"bare\") permit (principal, action, resource) when { context.approval.self };");
    let request = bare.decide(update()).approval_request.unwrap();
    assert_eq!(
        (request.valid_for, request.scope.into_owned()),
        (None, Scope::Call(request.binding.clone())),
        "this call only"
    );
}

/// Two people must say yes: one is asked for, then the other, and then the call runs.
#[test]
fn asking_ends() {
    let company = reuse("tool").more_policies(
        r#"@id("finance") @valid_for("15m") @approvers("user:olga")
        forbid (principal, action, resource) unless { context.approval.manager };
        @id("security") @valid_for("15m") @approvers("user:bob")
        forbid (principal, action, resource) unless { context.approval.manager };"#,
    );
    let mut approvals = Vec::new();
    for approver in ["olga", "bob"] {
        let decision = company.clone().with("approvals", json!(approvals)).decide(update());
        let request = decision.approval_request.unwrap();
        assert_eq!(
            (decision.outcome, request.approvers.as_slice()),
            (Outcome::ManagerApprove, &[Cow::Borrowed(approver)][..])
        );
        approvals.push(json!({"id": approver, "kind": request.kind, "by": approver, "subject": request.subject,
            "scope": request.scope, "from": common::NOW, "until": "2026-11-20T10:15:00Z"}));
    }
    // each stood in the manager's place, and a manager's yes counts as the user's too
    let decision = company.with("approvals", json!(approvals)).decide(update());
    assert_eq!((decision.outcome, decision.reason), (Outcome::AutoApprove, Reason::AllowedByApproval));
}

/// A yes in the manager's place is good for the policy that gave the place, and as the user's own; not as the manager's.
#[test]
fn a_stand_in_is_no_manager_elsewhere() {
    let company = reuse("tool").more_policies(
        r#"@id("finance") @reuse("tool") @approvers("user:olga")
        forbid (principal, action == Toolgate::Action::"crm/update", resource) unless { context.approval.manager };"#,
    );
    let olga = json!([{"id": "a", "kind": "manager", "by": "olga", "subject": {"user": "alice", "client": "cc"},
        "scope": {"tool": "crm/update"}, "from": "2026-11-20T09:30:00Z", "until": "2026-11-20T12:00:00Z"}]);
    let decide = |company: &Company| company.clone().with("approvals", olga.clone()).decide(update()).outcome;
    assert_eq!(decide(&company), Outcome::AutoApprove);
    assert_eq!(decide(&reuse("tool")), Outcome::SelfApprove, "where no policy puts her in the manager's place");
    let both = company.more_policies(
        r#"@id("manager") @reuse("tool") forbid (principal, action, resource) unless { context.approval.manager };"#,
    );
    assert_eq!(decide(&both), Outcome::ManagerApprove, "dana is asked for the other");
}

#[test]
fn an_approval_never_lifts_a_forbid_that_does_not_mention_it() {
    let approval = json!([{"id": "a", "kind": "manager", "by": "dana", "subject": {"user": "alice", "client": "cc"},
        "scope": {"server": "crm"}, "from": "2026-11-20T09:30:00Z", "until": "2026-11-20T12:00:00Z"}]);
    let company = reuse("server").with("approvals", approval);
    assert_eq!(company.decide(update()).outcome, Outcome::AutoApprove, "the twin");
    let forbidden = company.more_policies("@id(\"never\") @reuse(\"server\") forbid (principal, action, resource);");
    assert_eq!(forbidden.decide(update()).reason, Reason::PolicyDenied);
}

#[test]
fn valid_until_is_the_first_instant_that_could_change_the_answer() {
    let until = |company: &Company| company.decide(update()).valid_until.map(|at| at.to_string());
    let company = reuse("tool");
    assert_eq!(until(&company).as_deref(), Some("2026-11-21T09:00:00Z"), "the snapshot's end");
    let granted = company.clone().with(
        "grants",
        json!([
        {"id": "g", "to": {"user": "alice"}, "entitlement": "crm:use", "until": "2026-11-20T20:00:00Z"},
        {"id": "later", "to": {"group": "staff"}, "entitlement": "crm:export", "from": "2026-11-20T19:00:00Z"},
        {"id": "others", "to": {"user": "bob"}, "entitlement": "crm:use", "until": "2026-11-20T11:00:00Z"}]),
    );
    assert_eq!(until(&granted).as_deref(), Some("2026-11-20T19:00:00Z"));
    let approved = granted.with("approvals", json!([yes(json!({"tool": "crm/update"}))]));
    assert_eq!(until(&approved).as_deref(), Some("2026-11-20T10:30:00Z"), "the policy's hour");
    let clock = company.clone().more_policies(
        "@id(\"freeze\") forbid (principal, action, resource) when { context.now >= datetime(\"2026-11-20T18:00:00Z\") };",
    );
    assert_eq!(until(&clock).as_deref(), Some("2026-11-20T18:00:00Z"));
    let hours = company.more_policies(
        "@id(\"hours\") forbid (principal, action, resource) when { context.now.toTime() > duration(\"18h\") };",
    );
    assert_eq!(until(&hours).as_deref(), Some("2026-11-20T10:00:00.001Z"), "any time could matter");
}

#[test]
fn parsing_is_shared_with_the_json_door() {
    let engine = reuse("tool").load();
    assert_eq!(engine.decide(&parse(update())), common::decide(&engine, update()));
}

/// Found by trying: her own yes in force was called expired because a manager's policy is stricter.
#[test]
fn a_yes_that_could_not_count_is_not_expired() {
    let company = Company::default().more_policies(
        r#"@id("large") @valid_for("15m") forbid (principal, action == Toolgate::Action::"crm/update", resource)
        unless { context.approval.manager };"#,
    );
    let decide = |from: &str| {
        let mut approval = yes(json!({"tool": "crm/update"}));
        approval["from"] = json!(from);
        company.clone().with("approvals", json!([approval])).decide(update())
    };
    let decision = decide("2026-11-20T09:30:00Z");
    assert_eq!((decision.outcome, decision.reason), (Outcome::ManagerApprove, Reason::ApprovalRequired));
    let mut manager = yes(json!({"tool": "crm/update"}));
    manager["kind"] = json!("manager");
    manager["by"] = json!("dana");
    manager["from"] = json!("2026-11-20T09:50:00Z");
    let decision = company.with("approvals", json!([manager])).decide(update());
    assert_eq!(
        (decision.outcome, decision.reason),
        (Outcome::ManagerApprove, Reason::OutOfScope),
        "the forbid takes a yes for one call only"
    );
}
