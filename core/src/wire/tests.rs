use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-20T10:00:00Z";

fn sources() -> Value {
    json!({
        "policies": {"reads.cedar": "@id(\"reads\") permit (principal, action in Toolgate::Action::\"read\", resource) \
                                     when { principal in resource.entitlements };"},
        "catalog": {"crm": {"tools": [{"name": "find", "inputSchema": {"type": "object", "properties": {
            "query": {"type": "string"}}}, "annotations": {"readOnlyHint": true}}]}},
        "overlay": "[tenant]\nissuer = \"https://idp.example/\"\n[servers.crm]\ntrusted = true\n\
            default_state = \"approved\"\npath = \"token\"\naudience = \"https://auth.crm.example/\"\n\
            resource_uris = [\"https://crm.example/\"]\nscopes.read = { enabled = true, entitlements = [\"crm:use\"] }\n\
            [[servers.crm.rules]]\ntools = [\"*\"]\nentitlements = [\"crm:use\"]",
        "snapshot": {"version": 7, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
            "users": [{"id": "alice", "active": true}],
            "clients": [{"id": "cc", "kind": "personal", "state": "active"}],
            "grants": [{"id": "g", "to": {"user": "alice"}, "entitlement": "crm:use"}]}
    })
}

fn try_load(sources: &Value) -> Result<Engine, Value> {
    load(sources.to_string().as_bytes()).map_err(|text| {
        let mut errors: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(errors.as_object().unwrap().len(), 1);
        errors["errors"][0].take()
    })
}

fn engine() -> Engine {
    try_load(&sources()).unwrap()
}

fn call() -> Value {
    json!({"subject": {"user": "alice", "client": "cc"}, "tool": "crm/find", "arguments": {"query": "x"}, "now": NOW})
}

fn decided(engine: &Engine, call: &Value) -> (Outcome, Reason, bool) {
    let answer = decide(engine, call.to_string().as_bytes());
    let json: Value = serde_json::from_str(&answer.json).unwrap();
    assert_eq!(json["outcome"], answer.outcome.as_str());
    assert_eq!(json["reason"], answer.reason.code());
    (answer.outcome, answer.reason, answer.allowed)
}

#[test]
fn sources_come_as_json_or_as_text() {
    let inline = engine();
    let mut texts = sources();
    texts["snapshot"] = texts["snapshot"].to_string().into();
    texts["catalog"]["crm"] = texts["catalog"]["crm"].to_string().into();
    let policy = texts["policies"]["reads.cedar"].take();
    texts["policies"] = json!([policy]);
    let by_text = try_load(&texts).unwrap();
    texts["policies"] = policy;
    let mut lines = texts.clone();
    lines.as_object_mut().unwrap().remove("snapshot");
    lines["snapshot_lines"] = [
        json!({"kind": "snapshot", "version": 7, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}),
        json!({"kind": "user", "id": "alice", "active": true}),
        json!({"kind": "client", "id": "cc", "client_kind": "personal", "state": "active"}),
        json!({"kind": "grant", "id": "g", "to": {"user": "alice"}, "entitlement": "crm:use"}),
    ]
    .map(|line| line.to_string())
    .join("\n")
    .into();
    for engine in [&inline, &by_text, &try_load(&texts).unwrap(), &try_load(&lines).unwrap()] {
        assert_eq!(decided(engine, &call()), (Outcome::AutoApprove, Reason::AllowedHeld, true));
        assert_eq!(engine.policy_ids().collect::<Vec<_>>(), ["reads"]);
    }
}

#[test]
fn what_keeps_sources_from_loading_has_a_code_and_a_place() {
    let with = |member: &str, value: Value| {
        let mut sources = sources();
        sources[member] = value;
        try_load(&sources).unwrap_err()
    };
    let cases = [
        (with("policies", json!(5)), "wrong_type", json!(null), json!("/policies")),
        (with("policies", json!(["permit"])), "policy_syntax", json!("policies/0.cedar"), json!(null)),
        (with("policies", json!({"a.cedar": 1})), "wrong_type", json!("a.cedar"), json!("/policies")),
        (with("hurry", json!(1)), "unknown_field", json!(null), json!("/hurry")),
        (with("snapshot", json!(null)), "wrong_type", json!(null), json!("")),
        (with("snapshot_lines", json!("")), "invalid_value", json!(null), json!("/snapshot_lines")),
        (with("snapshot", json!("{")), "json_syntax", json!("snapshot.json"), json!("")),
        (with("catalog", json!({"crm": {"tools": 1}})), "wrong_type", json!("catalog/crm.json"), json!("/tools")),
        (with("overlay", json!("=")), "toml_syntax", json!("catalog.toml"), json!(null)),
        (with("limits", json!({"call_bytes": -1})), "wrong_type", json!(null), json!("/limits/call_bytes")),
        (with("limits", json!({"bytes": 1})), "unknown_field", json!(null), json!("/limits/bytes")),
    ];
    for (error, code, file, pointer) in cases {
        assert_eq!((&error["code"], &error["file"], &error["pointer"]), (&json!(code), &file, &pointer), "{error}");
        assert!(error["help"].as_str().is_some_and(|help| !help.is_empty()), "{error}");
        assert!(error["text"].as_str().unwrap().contains(error["message"].as_str().unwrap()), "{error}");
        assert_eq!(error.as_object().unwrap().len(), 8);
    }
    assert_eq!(with("policies", json!("\n  permit"))["line"], 2);
    assert!(load(b"\xff").unwrap_err().contains("json_syntax"));
    assert!(load(br#"{"policies": "", "policies": ""}"#).unwrap_err().contains("json_duplicate_key"));
}

#[test]
fn limits_come_with_the_sources_and_stay() {
    let mut sources = sources();
    sources["limits"] = json!({"call_bytes": 200});
    let small = try_load(&sources).unwrap();
    let mut long = call();
    long["arguments"]["query"] = "x".repeat(200).into();
    assert_eq!(decided(&small, &long), (Outcome::Deny, Reason::LimitExceeded, false));
    assert_eq!(decided(&small, &call()).0, Outcome::AutoApprove, "the twin");
    assert_eq!(decided(&engine(), &long).0, Outcome::AutoApprove, "the twin");
    assert!(reload(&small, sources.to_string().as_bytes()).unwrap_err().contains("/limits"));
    sources.as_object_mut().unwrap().remove("limits");
    let again = reload(&small, sources.to_string().as_bytes()).unwrap();
    assert_eq!(decided(&again, &long).1, Reason::LimitExceeded);
}

#[test]
fn no_part_of_a_call_speaks_for_another() {
    let engine = engine();
    let honest = Parts {
        subject: r#"{"user":"alice","client":"cc"}"#,
        tool: r#""crm/find""#,
        arguments: Some(r#"{"query":"x"}"#),
        session: None,
        now: r#""2026-11-20T10:00:00Z""#,
    };
    let ask = |parts: Parts<'_>| decide(&engine, parts.to_json().as_bytes());
    assert!(ask(honest).allowed);
    assert!(ask(Parts { arguments: None, session: Some(r#"{"calls":1}"#), ..honest }).allowed);
    let whole = decide(&engine, honest.to_json().replace(",\"session\":{}", "").as_bytes());
    assert_eq!(ask(honest), whole, "an empty session is none");

    let mut tried = 0;
    for brought in ["subject", "tool", "arguments", "session", "now", "s\\u0065ssion", "other", ""] {
        for value in ["{}", "\"crm/find\"", "\"2026-11-20T10:00:00Z\"", r#"{"user":"alice","client":"cc"}"#] {
            for (before, after) in [("", ""), ("", "}"), ("", "}{\"a\":{}"), ("{", "}"), ("", ",")] {
                let sly = |honest: &str| format!("{before}{honest},\"{brought}\":{value}{after}");
                let (subject, tool, now) = (sly(honest.subject), sly(honest.tool), sly(honest.now));
                let (arguments, session) = (sly("{}"), sly("{}"));
                for parts in [
                    Parts { subject: &subject, ..honest },
                    Parts { tool: &tool, ..honest },
                    Parts { arguments: Some(&arguments), ..honest },
                    Parts { session: Some(&session), ..honest },
                    Parts { now: &now, ..honest },
                    // two that fit together
                    Parts { tool: "\"crm/find\",\"arguments\":{\"a\":[", arguments: Some("]}"), ..honest },
                    Parts { arguments: Some("{\"query\":\""), session: Some("\"},\"session\":{}"), ..honest },
                ] {
                    let answer = ask(parts);
                    assert!(!answer.allowed, "{}", parts.to_json());
                    assert_eq!(answer.reason, Reason::InvalidRequest, "{}", parts.to_json());
                    tried += 1;
                }
            }
        }
    }
    assert_eq!(tried, 8 * 4 * 5 * 7);
}

#[test]
fn many_calls_are_decided_as_one_by_one() {
    let engine = engine();
    let calls: Vec<String> = (0..500)
        .map(|n| if n % 7 == 0 { "{".into() } else { call().to_string().replace('x', &"y".repeat(n)) })
        .collect();
    let one_by_one: Vec<Answer> = calls.iter().map(|call| decide(&engine, call.as_bytes())).collect();
    for threads in [0, 1, 3] {
        assert_eq!(decide_many(&engine, &calls, threads), one_by_one);
    }
}

#[test]
fn a_request_that_cannot_be_read_is_granted_nothing() {
    let engine = engine();
    let ask = |request: Value| -> Value {
        serde_json::from_str(&decide_token(&engine, request.to_string().as_bytes())).unwrap()
    };
    let good = json!({"subject": {"user": "alice", "client": "cc"}, "audience": "https://auth.crm.example/",
        "resource": "https://crm.example/", "now": NOW});
    // no policy permits the scope; what is refused is said scope by scope
    let refused = ask(good.clone());
    assert_eq!(refused["refused"][0]["scope"], "read", "{refused}");
    for (member, value) in [("hurry", json!(1)), ("now", json!(0)), ("subject", json!({"user": "alice"}))] {
        let mut bad = good.clone();
        bad[member] = value;
        let refused = ask(bad);
        assert_eq!((&refused["reason"], &refused["claims"]), (&json!("invalid_request"), &json!(null)), "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(member), "{refused}");
    }
    assert!(decide_token(&engine, &b" ".repeat(300_000)).contains("limit_exceeded"));
}

#[test]
fn tools_are_shown_to_who_can_be_read() {
    let engine = engine();
    let view = |request: Value| visible_tools(&engine, request.to_string().as_bytes());
    let subject = json!({"user": "alice", "client": "cc"});
    let seen = view(json!({"subject": subject, "now": NOW})).unwrap();
    assert_eq!(seen, r#"[{"tool":"crm/find","visibility":"callable"}]"#);
    let hidden = view(json!({"subject": {"user": "bob", "client": "cc"}, "now": NOW})).unwrap();
    assert_eq!(hidden, r#"[{"tool":"crm/find","visibility":"hidden"}]"#);
    for (request, code) in [
        (json!({"subject": subject}), "wrong_type"),
        (json!({"subject": subject, "now": NOW, "tool": "crm/find"}), "unknown_field"),
    ] {
        let errors = view(request).unwrap_err();
        assert!(errors.contains(code), "{errors}");
    }
}

#[test]
fn deltas_and_swaps_change_the_engine_in_use() {
    let live = Live::new(engine());
    let allowed = || decided(&live.engine(), &call()).2;
    let revoke = json!({"version": 8, "issued_at": "2026-11-20T09:30:00Z", "grants": {"revoke": ["g"]}}).to_string();
    let without = with(&live.engine(), revoke.as_bytes()).unwrap();
    assert!(allowed() && !decided(&without, &call()).2);
    apply(&live, revoke.as_bytes()).unwrap();
    assert!(!allowed());
    assert!(apply(&live, revoke.as_bytes()).unwrap_err().contains("snapshot_older"));
    assert!(swap(&live, engine()).unwrap_err().contains("snapshot_older"));
    assert!(with(&live.engine(), br#"{"version": 9}"#).unwrap_err().contains("issued_at"));
    let mut newer = sources();
    newer["snapshot"]["version"] = 9.into();
    swap(&live, try_load(&newer).unwrap()).unwrap();
    assert!(allowed());
}

#[test]
fn an_engine_describes_itself() {
    let described: Value = serde_json::from_str(&describe(&engine())).unwrap();
    assert_eq!(described["policies"], json!(["reads"]));
    assert_eq!(described["snapshot_version"], 7);
    assert_eq!(described["report"]["tools"][0]["typing"], "full");
    let codes: Value = serde_json::from_str(&codes()).unwrap();
    assert_eq!(codes["outcomes"][0], "auto_approve");
    assert_eq!(codes["reasons"].as_array().unwrap().len(), Reason::ALL.len());
    assert!(codes["errors"].as_array().unwrap().contains(&json!("json_syntax")));
}
