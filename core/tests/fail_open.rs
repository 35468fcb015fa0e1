//! Where plain Cedar, or a gate built on it, answers Allow and should not. Each is denied; each has a twin that runs.

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

use common::{Company, find, parse, update};
use serde_json::{Value, json};
use toolgate::{Json, Outcome, Reason};

/// A company in which every write runs, so that only what a test adds can stop one.
fn open(more: &str) -> Company {
    Company::default().policies(&format!("@id(\"open\") permit (principal, action, resource);\n{more}"))
}

fn write(arguments: Value) -> Value {
    json!({"tool": "crm/update", "arguments": arguments})
}

const OVERFLOW: &str = r#"@id("overflow") forbid (principal, action == Toolgate::Action::"crm/update", resource)
    when { context.input has amount && context.input.amount * 2 > 100 };"#;

/// Finding 1 and 2: a forbid that overflows is skipped by Cedar, strictly validated or not.
#[test]
fn a_forbid_that_errs_denies() {
    let company = open(OVERFLOW);
    let twin = company.decide(write(json!({"id": "1", "amount": 5})));
    assert_eq!(twin.outcome, Outcome::AutoApprove);
    assert_eq!(company.decide(write(json!({"id": "1", "amount": 51}))).reason, Reason::PolicyDenied);
    let broken = company.decide(write(json!({"id": "1", "amount": i64::MAX})));
    assert_eq!((broken.outcome, broken.reason), (Outcome::Deny, Reason::EvaluationError));
    assert_eq!(broken.policies[0].id, "overflow");
}

/// The same where an approval in force would hide the rung it errs at.
#[test]
fn a_forbid_that_errs_denies_under_every_approval() {
    let company = open(
        r#"@id("late") @reuse("tool") forbid (principal, action == Toolgate::Action::"crm/update", resource)
        when { !context.approval.manager && context.input has amount && context.input.amount * 2 > 100 };"#,
    )
    .with(
        "approvals",
        json!([{"id": "a", "kind": "manager", "by": "dana", "subject": {"user": "alice", "client": "cc"},
        "scope": {"tool": "crm/update"}, "from": "2026-11-20T09:00:00Z", "until": "2026-11-20T11:00:00Z"}]),
    );
    assert_eq!(company.decide(write(json!({"id": "1", "amount": 51}))).reason, Reason::AllowedByApproval, "the twin");
    assert_eq!(company.decide(write(json!({"id": "1", "amount": i64::MAX}))).reason, Reason::EvaluationError);
}

/// Finding 3: comparing values of two types is false without an error. The gate takes only the declared type.
#[test]
fn arguments_of_other_types_are_refused() {
    let company = open(
        r#"@id("not-100") forbid (principal, action == Toolgate::Action::"crm/update", resource)
        when { context.input has amount && context.input.amount == 100 };"#,
    );
    assert_eq!(company.decide(write(json!({"id": "1", "amount": 99}))).outcome, Outcome::AutoApprove, "the twin");
    assert_eq!(company.decide(write(json!({"id": "1", "amount": 100}))).reason, Reason::PolicyDenied);
    for amount in [json!("100"), json!([100]), json!(100.5), json!(true), json!({"value": 100}), Value::Null] {
        let decision = company.decide(write(json!({"id": "1", "amount": amount})));
        assert_eq!((decision.outcome, decision.reason), (Outcome::Deny, Reason::ArgumentInvalid), "{amount}");
        assert!(decision.detail.unwrap().contains("amount"));
    }
}

/// Numbers are exact or refused: every spelling of 100 is 100, and nothing is rounded to it.
#[test]
fn every_spelling_of_a_number_is_its_value() {
    let engine = open(
        r#"@id("not-100") forbid (principal, action == Toolgate::Action::"crm/update", resource)
        when { context.input has amount && context.input.amount == 100 };"#,
    )
    .load();
    let reason = |number: &str| {
        let text = format!(
            r#"{{"subject":{{"user":"alice","client":"cc"}},"tool":"crm/update","now":"{}","arguments":{{"id":"1","amount":{number}}}}}"#,
            common::NOW
        );
        engine.decide_json(text.as_bytes()).reason
    };
    for number in ["100", "100.0", "1e2", "1E+2", "1000e-1", "10000.0e-2"] {
        assert_eq!(reason(number), Reason::PolicyDenied, "{number}");
    }
    for number in ["99", "-100", "0", "-0", "9223372036854775807", "-9223372036854775808", "101e0"] {
        assert_eq!(reason(number), Reason::AllowedHeld, "{number}");
    }
    for number in ["100.00000000000000000001", "99.99999999999999999999", "9223372036854775808", "1e400", "1e-400"] {
        assert_eq!(reason(number), Reason::ArgumentInvalid, "{number}");
    }
    for number in ["0100", "+100", "100.", ".1e3", "0x64", "NaN", "Infinity", "1_00"] {
        assert_eq!(reason(number), Reason::InvalidRequest, "{number}");
    }
}

/// Finding 3 again: an argument under another name is invisible to every policy.
#[test]
fn undeclared_arguments_are_refused() {
    let company = open("");
    assert_eq!(company.decide(write(json!({"id": "1"}))).outcome, Outcome::AutoApprove, "the twin");
    for arguments in
        [json!({"id": "1", "Amount": 100}), json!({"id": "1", "amount ": 100}), json!({"id": "1", "amo\u{00AD}unt": 1})]
    {
        assert_eq!(company.decide(write(arguments.clone())).reason, Reason::ArgumentInvalid, "{arguments}");
    }
    assert_eq!(
        company.decide(write(json!({"amount": 1}))).reason,
        Reason::ArgumentInvalid,
        "a required one is missing"
    );
}

/// Finding 5: an escape in an argument is text, never an entity or an extension value.
#[test]
fn escapes_in_arguments_stay_text() {
    let tools = r#"[{"name": "put", "inputSchema": {"type": "object", "properties": {"value": {}, "text": {"type": "string"}}}}]"#;
    let company = Company { tools: tools.into(), ..open("") };
    let put = |arguments: Value| json!({"tool": "crm/put", "arguments": arguments});
    let boss = json!({"__entity": {"type": "Toolgate::User", "id": "olga"}});
    let address = json!({"__extn": {"fn": "ip", "arg": "10.0.0.1"}});

    // as a text: refused, for it is none
    assert_eq!(company.decide(put(json!({"text": "olga"}))).outcome, Outcome::AutoApprove, "the twin");
    for escape in [&boss, &address] {
        assert_eq!(company.decide(put(json!({"text": escape}))).reason, Reason::ArgumentInvalid);
    }
    // as any JSON: an object with a strange key, which is what it is
    let policed = Company {
        tools: tools.into(),
        ..open(
            r#"@id("no-entities") forbid (principal, action == Toolgate::Action::"crm/put", resource)
            when { context.input has value && context.input.value.keys.contains("__entity") };"#,
        )
    };
    assert_eq!(policed.decide(put(json!({"value": boss}))).reason, Reason::PolicyDenied);
    assert_eq!(policed.decide(put(json!({"value": address}))).reason, Reason::AllowedHeld);
}

/// Finding 6: two values under one key, and the gate and the server each take another.
#[test]
fn duplicate_keys_are_refused() {
    let engine = open("").load();
    let call = |arguments: &str| {
        let text = format!(
            r#"{{"subject":{{"user":"alice","client":"cc"}},"tool":"crm/update","now":"{}","arguments":{arguments}}}"#,
            common::NOW
        );
        engine.decide_json(text.as_bytes()).reason
    };
    assert_eq!(call(r#"{"id":"1"}"#), Reason::AllowedHeld, "the twin");
    assert_eq!(call(r#"{"id":"1","id":"2"}"#), Reason::InvalidRequest);
    assert_eq!(call(r#"{"id":"1","\u0069d":"2"}"#), Reason::InvalidRequest);
    assert_eq!(call("{\"id\":\"1\"} "), Reason::AllowedHeld);
    assert_eq!(call(r#"{"id":"\ud800"}"#), Reason::InvalidRequest);
}

/// Finding 7: on a small stack Cedar gives up on a forbid and answers Allow.
#[test]
fn the_answer_does_not_depend_on_the_stack() {
    let deep = format!("{}context.input has amount && context.input.amount > 100{}", "(".repeat(12), ")".repeat(12));
    let nested = (0..4).fold(deep, |inner, _| format!("if ({inner}) then true else false"));
    let company = open(&format!(
        "@id(\"nested\") forbid (principal, action == Toolgate::Action::\"crm/update\", resource) when {{ {nested} }};"
    ));
    let decide = |kib: usize, amount: i64| {
        let company = company.clone();
        let thread = std::thread::Builder::new().stack_size(kib * 1024);
        thread
            .spawn(move || company.decide(write(json!({"id": "1", "amount": amount}))).reason)
            .unwrap()
            .join()
            .unwrap()
    };
    for kib in [64, 96, 112, 120, 128, 132, 256, 512, 2048, 8192] {
        assert_eq!(decide(kib, 5), Reason::AllowedHeld, "the twin at {kib} KiB");
        assert_eq!(decide(kib, 101), Reason::PolicyDenied, "{kib} KiB");
    }
}

/// Finding 8: nesting that aborts the process in Cedar's parser is an error here.
#[test]
fn nesting_is_refused_before_any_parser_sees_it() {
    for depth in [33, 148, 1_000, 100_000] {
        let condition = format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
        let company = open(&format!("@id(\"deep\") forbid (principal, action, resource) when {{ {condition} }};"));
        let error = company.try_load().unwrap_err();
        assert_eq!(error.errors()[0].code(), "limit_exceeded", "{depth}: {error}");
    }
    let shallow = open("@id(\"shallow\") forbid (principal, action, resource) when { ((((((true)))))) };");
    assert!(shallow.try_load().is_ok(), "the twin: {:?}", shallow.try_load());

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(Json::parse(deep.as_bytes()).unwrap_err().code(), "limit_exceeded");
    let list = format!(r#"[{{"name":"a","inputSchema":{deep}}}]"#);
    let company = Company { tools: list, ..open("") };
    assert_eq!(company.try_load().unwrap_err().errors()[0].code(), "limit_exceeded");
}

/// A principal that the entity store lacks makes `in` false and attribute access an error in Cedar.
#[test]
fn an_absent_principal_never_reaches_a_policy() {
    let company = open(
        r#"@id("bob") forbid (principal, action, resource) when { principal.owner in Toolgate::Group::"staff" };"#
            .replace("(principal,", "(principal is Toolgate::ServicePrincipal,")
            .as_str(),
    );
    let by = |subject: Value| {
        let mut call = find();
        call["subject"] = subject;
        company.decide(call).reason
    };
    assert_eq!(by(json!({"user": "alice", "client": "cc"})), Reason::AllowedHeld, "the twin");
    assert_eq!(
        by(json!({"service_principal": "bot"})),
        Reason::PolicyDenied,
        "alice owns it and is in sales, so in staff"
    );
    assert_eq!(by(json!({"user": "mallory", "client": "cc"})), Reason::SubjectUnknown);
    assert_eq!(by(json!({"service_principal": "mallory"})), Reason::SubjectUnknown);
}

/// Experiment 5: a misspelt name under `has` validates cleanly in Cedar and is false for ever.
#[test]
fn a_misspelt_name_under_has_does_not_load() {
    let load = |condition: &str| {
        open(&format!("@id(\"typo\") forbid (principal, action == Toolgate::Action::\"crm/update\", resource) when {{ {condition} }};"))
            .try_load()
            .map(|_| ())
            .map_err(|error| (error.errors()[0].code(), error.to_string()))
    };
    assert_eq!(load("context.input has amount && context.input.amount > 100"), Ok(()), "the twin");
    for (condition, near) in [
        ("context.input has amuont && context.input.amuont > 100", "`amount`"),
        ("context.input has amuont || context.input has note", "`amount`"),
        ("context has inputs", "`input`"),
        ("context.session has label", "`labels`"),
        ("resource has sensitiv", "`sensitive`"),
        ("principal has usr", "`user`"),
    ] {
        let (code, message) = load(condition).unwrap_err();
        assert!(code == "policy_attribute" && message.contains(near), "{condition}: {message}");
    }
}

/// A rule that can never hold is refused; one for tools that this catalog lacks is kept and reported.
#[test]
fn impossible_policies_are_errors_and_inert_ones_are_not() {
    let impossible = open(
        "@id(\"never\") forbid (principal, action, resource) when { resource.sensitive && !resource.sensitive && false };",
    );
    assert_eq!(impossible.try_load().unwrap_err().errors()[0].code(), "policy_validation");

    let inert = open(
        "@id(\"elsewhere\") forbid (principal, action == Toolgate::Action::\"crm/updat\", resource) when { context.input.amount > 1 };",
    );
    let report = inert.load().report().clone();
    assert!(report.findings.iter().any(|finding| finding.message.contains("`crm/update`")), "{report:?}");

    let listed = open(
        "@id(\"some\") forbid (principal, action in [Toolgate::Action::\"crm/update\", Toolgate::Action::\"other/x\"], resource);",
    );
    assert_eq!(listed.decide(update()).reason, Reason::PolicyDenied);

    for (action, code) in [
        ("== Toolgate::Action::\"read\"", "policy_validation"),
        ("== Toolgate::Action::\"raed\"", "policy_validation"),
        ("== Action::\"read\"", "policy_validation"),
    ] {
        let wrong = open(&format!("@id(\"wrong\") forbid (principal, action {action}, resource);"));
        assert_eq!(wrong.try_load().unwrap_err().errors()[0].code(), code, "{action}");
    }
}

/// What the host leaves out is the worst it could be.
#[test]
fn an_absent_session_fact_is_the_worst() {
    let company = open(
        r#"
        @id("toxic") forbid (principal, action, resource)
        when { context.session.labels.containsAll(["private-data", "untrusted-content"]) };
        @id("busy") forbid (principal, action, resource) when { context.session.calls > 100 };
        @id("stale") forbid (principal, action, resource)
        when { context.now.durationSince(context.session.authenticated_at) > duration("1h") };
        @id("weak") forbid (principal, action, resource) when { context.session.acr != "phr" };
    "#,
    );
    let good =
        json!({"labels": ["private-data"], "calls": 3, "authenticated_at": "2026-11-20T09:30:00Z", "acr": "phr"});
    let with = |session: Value| {
        let mut call = find();
        call["session"] = session;
        company.decide(call)
    };
    assert_eq!(with(good.clone()).outcome, Outcome::AutoApprove, "the twin");
    for (fact, policy) in [("labels", "toxic"), ("calls", "busy"), ("authenticated_at", "stale"), ("acr", "weak")] {
        let mut session = good.clone();
        session.as_object_mut().unwrap().remove(fact);
        let decision = with(session);
        assert_eq!(decision.policies.iter().map(|policy| &*policy.id).collect::<Vec<_>>(), [policy], "{fact}");
    }
    let mut future = good;
    future["authenticated_at"] = json!("2026-11-20T10:00:01Z");
    assert_eq!(with(future).policies[0].id, "stale", "an authentication that lies ahead did not happen");
    assert_eq!(company.decide(find()).outcome, Outcome::Deny, "no session at all");
}

/// Limits hold for a call however it was made, and each of them set to nothing denies everything.
#[test]
fn limits_deny_whatever_way_the_call_came() {
    let engine = open("").load();
    let mut call = parse(update());
    call.arguments = (0..40).fold(Json::from(1i64), |inner, _| Json::Array(vec![inner]));
    assert_eq!(engine.decide(&call).reason, Reason::InvalidRequest, "not an object");
    call.arguments = (0..40).fold(Json::from(1i64), |inner, _| Json::Object([("id".to_string(), inner)].into()));
    assert_eq!(engine.decide(&call).reason, Reason::LimitExceeded);
    call.arguments = Json::Object([("id".to_string(), Json::from("x".repeat(70_000).as_str()))].into());
    assert_eq!(engine.decide(&call).reason, Reason::LimitExceeded);
    call.arguments = Json::Object([("id".to_string(), Json::Array(vec![Json::Null; 20_000]))].into());
    assert_eq!(engine.decide(&call).reason, Reason::LimitExceeded);

    for limits in [
        toolgate::Limits { call_bytes: 0, ..Default::default() },
        toolgate::Limits { call_nodes: 0, ..Default::default() },
        toolgate::Limits { string_bytes: 0, ..Default::default() },
    ] {
        let engine = toolgate::Engine::load_with(&open("").bundle(), limits.clone()).unwrap();
        assert_eq!(engine.decide(&parse(update())).reason, Reason::LimitExceeded, "{limits:?}");
        assert_eq!(common::decide(&engine, update()).reason, Reason::LimitExceeded, "{limits:?}");
    }
}
