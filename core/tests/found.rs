//! Faults found by review and by fuzzing, one test each.

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

use common::{Company, decide, find, parse, shared, update, with};
use serde_json::{Value, json};
use toolgate::{Bundle, Engine, Outcome, Reason, Session, Source, Subject, TokenRequest, Visibility};

/// `visible_tools` hides the tool, and the refusal says that access to it has been granted.
#[test]
fn a_pending_grant_does_not_tell_of_a_hidden_tool() {
    let company = Company::default().and(
        "grants",
        json!([
        {"id": "later", "to": {"user": "bob"}, "entitlement": "crm:export", "from": "2026-11-21T00:00:00Z"}]),
    );
    let engine = company.load();
    let bob = json!({"subject": {"user": "bob", "client": "cc"}});
    let say = |tool: &str| decide(&engine, with(json!({"tool": tool}), bob.clone())).agent_message;
    let shown = engine.visible_tools(&Subject::agent("bob", "cc"), &Session::default(), common::NOW.parse().unwrap());
    let export = shown.iter().find(|tool| tool.tool.name == "export").unwrap();
    assert!(export.visibility != Visibility::Hidden || say("crm/export") == say("crm/nothing"));
}

/// The same for a tool that wants a fresh sign-in: hidden from the list, so nobody is ever told to sign in.
#[test]
fn a_tool_that_wants_a_sign_in_is_not_hidden_and_told_of() {
    let company = Company::default().more_policies(
        r#"@id("sign-in") @remedy("reauthenticate") forbid (principal, action in Toolgate::Action::"read", resource)
        when { context.now.durationSince(context.session.authenticated_at) > duration("15m") };"#,
    );
    let engine = company.load();
    assert_eq!(decide(&engine, find()).reason, Reason::StepUpRequired);
    let shown = engine.visible_tools(&Subject::agent("alice", "cc"), &Session::default(), common::NOW.parse().unwrap());
    assert_ne!(shown.iter().find(|tool| tool.tool.name == "find").unwrap().visibility, Visibility::Hidden);
}

/// The one question "may the call run now" is answered yes although the agent does not hold what it needs yet.
#[test]
fn what_must_be_requested_first_is_not_allowed_now() {
    let company = Company::default().with(
        "entitlements",
        json!([
        {"id": "crm:export", "requestable_by": ["*"], "request_approval": "auto"}]),
    );
    let decision = company.decide(json!({"tool": "crm/export"}));
    assert!(decision.access_request.is_some());
    assert!(!decision.is_allowed(), "{decision:#?}");
}

/// `visible_tools` does not know the channel, and hides what a call over it could run.
#[test]
fn a_channel_does_not_hide_what_can_be_called() {
    let company = Company::default().policies(
        r#"@id("chat") permit (principal, action, resource) when { principal in resource.entitlements && context.channel == "chat" };"#,
    );
    let engine = company.load();
    assert_eq!(decide(&engine, with(find(), json!({"session": {"channel": "chat"}}))).outcome, Outcome::AutoApprove);
    let session = Session { channel: Some("chat".into()), ..Session::default() };
    let shown = engine.visible_tools(&Subject::agent("alice", "cc"), &session, common::NOW.parse().unwrap());
    assert_ne!(shown.iter().find(|tool| tool.tool.name == "find").unwrap().visibility, Visibility::Hidden);
}

/// A session of which nothing is said has every label, also the ones that a permit asks for.
#[test]
fn leaving_the_labels_out_never_opens_the_gate() {
    let company = Company::default().policies(
        r#"@id("attended") permit (principal, action, resource)
        when { principal in resource.entitlements && context.session.labels.contains("human-present") };"#,
    );
    assert_ne!(
        company.decide(with(find(), json!({"session": {"labels": []}}))).outcome,
        Outcome::AutoApprove,
        "the twin"
    );
    assert_ne!(company.decide(find()).outcome, Outcome::AutoApprove);
}

/// A label that a policy looks for in any other way than beside `context.session.labels` is not assumed.
#[test]
fn every_label_a_policy_looks_for_is_assumed() {
    let company = Company::default().more_policies(
        r#"@id("toxic") forbid (principal, action, resource)
        when { {seen: context.session.labels}.seen.contains("untrusted-content") };"#,
    );
    assert_eq!(
        company.decide(with(find(), json!({"session": {"labels": ["untrusted-content"]}}))).outcome,
        Outcome::Deny,
        "the twin"
    );
    assert_eq!(company.decide(find()).outcome, Outcome::Deny);
}

/// A forbid on an agent by any name but the internal `5:alice/cc` loads without a word and never holds.
#[test]
fn a_forbid_on_nobody_is_reported() {
    for head in [r#"principal == Toolgate::Agent::"alice""#, r#"principal == Toolgate::ServicePrincipal::"bto""#] {
        let company =
            Company::default().more_policies(&format!("@id(\"not-alice\") forbid ({head}, action, resource);"));
        if let Ok(engine) = company.try_load() {
            assert!(!engine.report().findings.is_empty(), "{head} says nothing and forbids nothing");
        }
    }
    let user = Company::default().more_policies(
        r#"@id("not-alise") forbid (principal is Toolgate::Agent, action, resource) when { principal.user == Toolgate::User::"alise" };"#,
    );
    assert!(!user.load().report().findings.is_empty(), "no user `alise`");
}

/// One of two permits is enough; that nobody may say yes to the other takes the first one's manager away.
#[test]
fn a_second_permit_does_not_take_the_approver_away() {
    let one = Company::default().policies(
        r#"@id("manager") permit (principal, action, resource) when { principal in resource.entitlements && context.approval.manager };"#,
    );
    assert_eq!(one.decide(find()).outcome, Outcome::ManagerApprove, "the twin");
    let two = one.more_policies(
        r#"@id("security") @approvers("group:nobody") permit (principal, action, resource)
        when { principal in resource.entitlements && context.approval.manager };"#,
    );
    let decision = two.decide(find());
    assert_eq!(decision.outcome, Outcome::ManagerApprove, "{decision:#?}");
}

/// Whoever stands in the manager's place for a forbid said yes; the permit that would take the user's own yes does
/// not count it, and the next answer calls that yes unverifiable.
#[test]
fn the_yes_that_was_asked_for_counts_as_both() {
    let company = Company::default().more_policies(
        r#"@id("owner") @reuse("tool") @approvers("server-owner") forbid (principal, action in Toolgate::Action::"write", resource)
        unless { context.approval.manager };"#,
    );
    let request = company.decide(update()).approval_request.unwrap();
    assert_eq!(request.approvers, ["olga"]);
    let yes = json!([{"id": "a", "kind": request.kind, "by": "olga", "subject": request.subject, "scope": request.scope,
        "from": "2026-11-20T09:59:00Z", "until": "2026-11-20T10:30:00Z"}]);
    let decision = company.with("approvals", yes).decide(update());
    assert_ne!(decision.reason, Reason::ApprovalUnverifiable, "{decision:#?}");
    assert_eq!(decision.outcome, Outcome::AutoApprove);
}

/// Of two things that asking alone gives, the one by id is offered, though the other needs no further yes.
#[test]
fn the_least_friction_is_the_whole_way() {
    let names = |first: &str, second: &str| {
        let mut company = Company::default().policies(&format!(
            r#"@id("asks") permit (principal in Toolgate::Entitlement::"{first}", action, resource) when {{ context.approval.manager }};
            @id("runs") permit (principal in Toolgate::Entitlement::"{second}", action, resource);"#
        ));
        company.overlay = company.overlay.replace("[\"crm:export\"]", &format!("[\"{first}\", \"{second}\"]"));
        let asked = |id: &str| json!({"id": id, "requestable_by": ["*"], "request_approval": "auto"});
        company.with("entitlements", json!([asked(first), asked(second)])).decide(json!({"tool": "crm/export"})).outcome
    };
    assert_eq!(names("b", "a"), Outcome::AutoApprove, "the twin");
    assert_eq!(names("a", "b"), Outcome::AutoApprove);
}

/// A forbid on asking that only a manager lifts does not stop a request that nobody has to agree to.
#[test]
fn a_request_is_judged_at_the_yes_it_will_get() {
    let company = Company::default()
        .with("entitlements", json!([{"id": "crm:export", "requestable_by": ["*"], "request_approval": "auto"}]))
        .more_policies(
            r#"@id("ask-the-manager") forbid (principal, action == Toolgate::Action::"request", resource) unless { context.approval.manager };"#,
        );
    let decision = company.decide(json!({"tool": "crm/export"}));
    assert_ne!(decision.outcome, Outcome::AutoApprove, "{decision:#?}");
}

/// What the host must know of before it acts is said for a call and not for a token.
#[test]
fn the_obligations_of_a_token_are_said() {
    let company = Company::default()
        .policies(&common::POLICIES.replace("@id(\"tokens\")", "@id(\"tokens\") @obligations(\"notify-owner\")"));
    let decision = token(&company, Some("files.read"), Some("https://files.example/"));
    let said = serde_json::to_string(&decision).unwrap();
    assert!(decision.granted.is_empty() || said.contains("notify-owner"), "{said}");
}

fn token(company: &Company, scope: Option<&str>, resource: Option<&str>) -> toolgate::TokenDecision {
    company.load().decide_token(&TokenRequest {
        subject: Subject::agent("alice", "cc"),
        audience: "https://auth.files.example/".into(),
        resource: resource.map(Into::into),
        scope: scope.map(Into::into),
        session: Session::default(),
        now: common::NOW.parse().unwrap(),
    })
}

/// Design §6: rung 0 is the approvals in force; the token path never looks at them.
#[test]
fn the_token_path_counts_approvals_in_force() {
    let company = Company::default()
        .policies(&common::POLICIES.replace("@id(\"tokens\")", "@id(\"tokens\") @reuse(\"server\") @valid_for(\"2h\")"))
        .with(
            "approvals",
            json!([{"id": "a", "kind": "self", "by": "alice", "subject": {"user": "alice", "client": "cc"},
            "scope": {"server": "files"}, "from": "2026-11-20T09:30:00Z", "until": "2026-11-20T10:05:00Z"}]),
        );
    let decision = token(&company, Some("files.ask"), Some("https://files.example/"));
    assert_eq!(decision.granted, ["files.ask"], "{decision:#?}");
    assert_eq!(decision.claims.unwrap().expires_in, 300, "no longer than the yes");
}

/// A scope value with a space in the overlay puts other scopes into the token than were decided on.
#[test]
fn a_scope_with_a_space_does_not_load() {
    let mut company = Company::default();
    company.overlay.push_str("scopes.\"files.list files.all\" = { enabled = true, entitlements = [\"crm:use\"] }\n");
    if company.try_load().is_ok() {
        let scope = token(&company, None, Some("https://files.example/")).claims.unwrap().scope;
        assert!(!scope.split(' ').any(|scope| scope == "files.all"), "`files.all` is not enabled: {scope}");
    }
}

/// Two servers share an authorization server; without a resource the first by id is taken.
#[test]
fn an_audience_of_two_servers_needs_a_resource() {
    let mut company = Company::default();
    company.overlay.push_str(
        "[servers.archive]\npath = \"token\"\naudience = \"https://auth.files.example/\"\nresource_uris = [\"https://archive.example/\"]\nscopes.\"files.read\" = { enabled = true, entitlements = [\"crm:use\"] }\n",
    );
    let decision = token(&company, Some("files.read"), None);
    assert_eq!(decision.reason, Reason::TargetNotRegistered, "which of the two is meant? {decision:#?}");
}

/// A token request is held to no limit.
#[test]
fn a_token_request_is_held_to_the_limits() {
    let decision = token(&Company::default(), Some(&format!("files.read {}", "x ".repeat(1_000_000))), None);
    assert_eq!(decision.reason, Reason::LimitExceeded, "{} bytes", decision.detail.unwrap_or_default().len());
}

/// A chain of groups costs the square of its length on every call, so its length is bounded.
#[test]
fn a_deep_chain_of_groups_does_not_load() {
    let chain = |length: usize| {
        let above = |at| if at + 1 < length { vec![format!("g{}", at + 1)] } else { vec![] };
        let groups: Vec<Value> = (0..length).map(|at| json!({"id": format!("g{at}"), "parents": above(at)})).collect();
        Company::default().with("groups", json!(groups)).try_load()
    };
    assert!(chain(64).is_ok(), "the twin");
    assert_eq!(chain(65).unwrap_err().errors()[0].code(), "limit_exceeded");
}

/// The overlay printed in formats.md does not load: its rule pins a glob, and its pin is no digest.
#[test]
fn the_overlay_of_the_formats_loads_as_printed() {
    let Some(shared) = shared() else { return };
    let formats = std::fs::read_to_string(shared.join("formats.md")).unwrap();
    let sample = formats.lines().skip_while(|line| !line.starts_with("### catalog.toml")).skip(1);
    let overlay: String =
        sample.take_while(|line| !line.starts_with("###")).map(|line| format!("{}\n", line.trim_start())).collect();
    let company = Company { overlay, ..Company::default() };
    assert!(company.try_load().is_ok(), "{}", company.try_load().unwrap_err());
}

/// A fault in JSON Lines is placed by a pointer into a document that nobody wrote.
#[test]
fn faults_in_json_lines_name_their_line() {
    let mut bundle: Bundle = Company::default().bundle();
    bundle.snapshot = Source::new(
        "snapshot.jsonl",
        concat!(
            r#"{"kind": "snapshot", "version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#,
            "\n",
            r#"{"kind": "group", "id": "a"}"#,
            "\n",
            r#"{"kind": "user", "id": "u", "active": "yes"}"#,
            "\n"
        ),
    );
    let error = Engine::load(&bundle).unwrap_err().to_string();
    assert!(error.contains(".jsonl:3"), "{error}");
}

/// A group as directories name them keeps the whole snapshot from loading.
#[test]
fn names_as_directories_have_them_load() {
    for id in ["Отдел IT", "Команда DevOps", "R&D – EU", "O’Brien"] {
        let company = Company::default().and("groups", json!([{"id": id}]));
        assert!(company.try_load().is_ok(), "{}", company.try_load().unwrap_err());
    }
}

/// `has` on a name that `principal.user` does not have is false for ever, and loads.
#[test]
fn a_misspelt_name_of_the_user_under_has_does_not_load() {
    let company = Company::default().more_policies(
        r#"@id("suspended") forbid (principal is Toolgate::Agent, action, resource)
        when { principal.user has suspended || context.session.calls > 100 };"#,
    );
    assert!(company.try_load().is_err());
}

/// Control: a call parsed and decided is what `decide_json` decides.
#[test]
fn the_twin_of_all_these_runs() {
    let engine = Company::default().load();
    assert_eq!(engine.decide(&parse(find())), decide(&engine, find()));
}

/// Guidance is said to the agent: what is in it must not move a terminal or hide a word.
#[test]
fn guidance_has_no_control_characters() {
    for text in ["line\\none", "\\u{1b}[31mred", "a\\u{202e}b"] {
        let company = Company::default().more_policies(&format!(
            "@id(\"g\") @guidance(\"{text}\") forbid (principal, action in Toolgate::Action::\"delete\", resource);"
        ));
        assert_eq!(company.try_load().unwrap_err().errors()[0].code(), "policy_annotation", "{text}");
    }
    for text in ["a\\nb", "a\\u001bb"] {
        let mut company = Company::default();
        company.overlay = company.overlay.replace("Ask the help desk", text);
        assert_eq!(company.try_load().unwrap_err().errors()[0].code(), "invalid_value", "{text}");
    }
    let plain = Company::default().more_policies("@id(\"g\") @guidance(\"Fragen Sie die IT – danke!\") forbid (principal, action in Toolgate::Action::\"delete\", resource);");
    assert!(plain.try_load().is_ok(), "the twin");
}

/// A duration that is read is written so that it can be read again.
#[test]
fn a_duration_of_ages_does_not_load() {
    for (age, loads) in [("P36525D", true), ("P36526D", false), ("P7304484DT24H", false)] {
        assert_eq!(Company::default().with("max_age", json!(age)).try_load().is_ok(), loads, "{age}");
    }
}

/// Unknown labels could be all there are or none; a policy is asked under both.
#[test]
fn unknown_labels_open_nothing() {
    let company = |condition: &str, effect: &str| {
        Company::default()
            .policies("@id(\"open\") permit (principal in Toolgate::Group::\"staff\", action, resource);")
            .more_policies(&format!("@id(\"p\") {effect} (principal, action, resource) when {{ {condition} }};"))
    };
    for condition in [
        "context.session.labels.contains(\"x\")",
        "!context.session.labels.contains(\"x\")",
        "context.session.labels.isEmpty()",
    ] {
        assert_eq!(company(condition, "forbid").decide(find()).outcome, Outcome::Deny, "{condition}");
        let permit = Company {
            policies: company(condition, "permit").policies.replace("Group::\"staff\"", "Group::\"nobody\""),
            ..Company::default()
        };
        assert_eq!(permit.decide(find()).outcome, Outcome::TicketFallback, "{condition}");
        let known = |labels: Value| permit.decide(with(find(), json!({"session": {"labels": labels}}))).outcome;
        assert!([known(json!([])), known(json!(["x"]))].contains(&Outcome::AutoApprove), "the twin: {condition}");
    }
}
