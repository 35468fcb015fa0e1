//! Explanations: every reason with the fact behind it, every call of every bundle, and what would have been nearest.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic; clippy only knows those with #[test]"
)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::{command, path, policies, run, run_with};
use toolgate::trace::Rung;
use toolgate::{Bundle, Engine, Outcome, Reason, Source};
use toolgate_workbench::bundle::read_bundle;
use toolgate_workbench::explain::{CameTo, Explanation, Kind, Part, explain_json, text};
use toolgate_workbench::source::{self, PolicyFile};

const BUNDLES: &[&str] = &["examples/acme", "packs/starter/example", "packs/toxic-flow/example", "workbench/template"];

fn acme() -> Bundle {
    read_bundle(&policies().join("examples/acme")).unwrap().bundle
}

/// The call on a line of acme's.
fn line(number: usize) -> Value {
    let calls = std::fs::read_to_string(policies().join("examples/acme/calls.jsonl")).unwrap();
    serde_json::from_str(calls.lines().nth(number.checked_sub(1).unwrap()).unwrap()).unwrap()
}

/// A value with some of its fields changed.
fn with(mut value: Value, changes: &[(&str, Value)]) -> Value {
    for (pointer, new) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        value.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}"))[key] = new.clone();
    }
    value
}

struct Asked {
    engine: Engine,
    files: Vec<PolicyFile>,
}

impl Asked {
    fn new(bundle: &Bundle) -> Self {
        let engine = Engine::load(bundle).unwrap_or_else(|error| panic!("{error}"));
        Self { engine, files: source::read(&bundle.policies).unwrap() }
    }

    fn explain(&self, call: &Value) -> Explanation<'_> {
        explain_json(&self.engine, &self.files, call.to_string().as_bytes())
    }
}

/// Acme with another snapshot.
fn people(change: impl Fn(&mut Value)) -> Bundle {
    let mut bundle = acme();
    let mut snapshot: Value = serde_json::from_slice(&bundle.snapshot.bytes).unwrap();
    change(&mut snapshot);
    bundle.snapshot = Source::new("snapshot.json", snapshot.to_string());
    bundle
}

/// An object of a list by its id.
fn one<'v>(snapshot: &'v mut Value, list: &str, id: &str) -> &'v mut Value {
    snapshot[list].as_array_mut().unwrap().iter_mut().find(|item| item["id"] == id).expect(id)
}

fn tools(from: &str, to: &str) -> Bundle {
    let mut bundle = acme();
    let overlay = String::from_utf8(bundle.overlay.unwrap().bytes).unwrap();
    assert!(overlay.contains(from));
    bundle.overlay = Some(Source::new("catalog.toml", overlay.replacen(from, to, 1)));
    bundle
}

fn also(policy: &str) -> Bundle {
    let mut bundle = acme();
    bundle.policies.push(Source::new("more.cedar", policy));
    bundle
}

#[test]
fn every_reason_is_explained_by_its_fact() {
    let approval = |field: &'static str, value: Value| {
        people(move |snapshot| one(snapshot, "approvals", "a-alice-updates")[field] = value.clone())
    };
    let unknown = json!({"user": "nobody", "client": "cursor"});
    let overflow =
        "@id(\"overflow\") forbid (principal, action == Toolgate::Action::\"billing/create_refund\", resource)
        when { context.input.amount * 9223372036854775807 > 1 };";
    let cases: Vec<(Reason, Bundle, Value, &str)> = vec![
        (Reason::AllowedHeld, acme(), line(1), "reads-run permits it"),
        (Reason::AllowedByApproval, acme(), line(3), "a-alice-updates by alice, for writes-ask-the-user: counts"),
        (Reason::ApprovalRequired, acme(), line(2), "alice must"),
        (Reason::ApprovalExpired, acme(), line(4), "over since 2026-11-20T11:00:00Z"),
        (Reason::OutOfScope, approval("scope", json!({"server": "crm"})), line(3), "covers more than `@reuse` accepts"),
        (Reason::ApprovalUnverifiable, approval("by", json!("bob")), line(3), "bob may not say yes here"),
        (Reason::NotHeldRequestable, acme(), line(6), "analytics:read, which may be asked for"),
        (
            Reason::GrantPending,
            people(|snapshot| {
                let grant = json!({"id": "later", "to": {"user": "frank"}, "entitlement": "analytics:read", "from": "2026-11-20T20:00:00Z"});
                snapshot["grants"].as_array_mut().unwrap().push(grant);
            }),
            line(6),
            "from 2026-11-20T20:00:00Z on",
        ),
        (Reason::Ineligible, acme(), line(8), "none of what unlocks the tool (crm:admin)"),
        (Reason::PolicyDenied, acme(), line(7), "crm-records-are-not-deleted forbids it, whoever says yes"),
        (
            Reason::AgentNotEntitled,
            people(|snapshot| one(snapshot, "users", "alice")["entitlements"] = json!(["crm:admin"])),
            line(8),
            "the person holds what unlocks the tool (crm:admin)",
        ),
        (Reason::SubjectUnknown, acme(), with(line(1), &[("/subject", unknown)]), "user `nobody`"),
        (
            Reason::SubjectInactive,
            people(|snapshot| one(snapshot, "users", "alice")["active"] = json!(false)),
            line(2),
            "`active` is false",
        ),
        (Reason::ClientNotAllowed, acme(), line(18), "client `intern-bot` is closed"),
        (
            Reason::OwnerInactive,
            people(|snapshot| one(snapshot, "users", "sam")["active"] = json!(false)),
            line(9),
            "owner `sam`",
        ),
        (
            Reason::KillSwitchActive,
            people(|snapshot| snapshot["kill_switches"]["servers"] = json!(["crm"])),
            line(2),
            "a kill switch is on",
        ),
        (
            Reason::ServerPaused,
            tools("[servers.crm]", "[servers.crm]\npaused = true"),
            line(2),
            "`paused = true` of server `crm`",
        ),
        (Reason::ToolUnknown, acme(), line(20), "server `crm` has no tool `archive_record`"),
        (
            Reason::ToolNotApproved,
            acme(),
            with(line(17), &[("/tool", json!("codehost/run_workflow"))]),
            "the overlay says `disabled`",
        ),
        (
            Reason::ToolDefinitionChanged,
            tools(
                "tools = [\"create_*\"]",
                "tools = [\"run_report\"]\npin = \"sha256:00\"\n[[servers.analytics.rules]]\ntools = [\"create_*\"]",
            ),
            line(1),
            "the tool is pinned to sha256:00 and its definition now is sha256:",
        ),
        (Reason::ArgumentInvalid, acme(), line(19), "at `/amount`: expected integer"),
        (Reason::StepUpRequired, acme(), line(17), "merging-needs-a-strong-sign-in forbids it until"),
        (
            Reason::ApproverUnresolved,
            people(|snapshot| {
                one(snapshot, "users", "alice").as_object_mut().unwrap().remove("manager");
            }),
            line(13),
            "nobody who may is known",
        ),
        (
            Reason::SnapshotStale,
            acme(),
            with(line(1), &[("/now", json!("2026-11-23T10:00:00Z"))]),
            "the snapshot is good from 2026-11-20T09:00:00Z until 2026-11-21T09:00:00Z",
        ),
        (
            Reason::EvaluationError,
            also(overflow),
            line(12),
            "overflow could not be evaluated, and a forbid in error is taken to hold",
        ),
        (
            Reason::LimitExceeded,
            acme(),
            with(line(1), &[("/arguments/property_id", json!("x".repeat(70_000)))]),
            "beyond a limit",
        ),
        (Reason::InvalidRequest, acme(), json!({"subject": 1}), "this is no call"),
    ];
    let mut seen = BTreeSet::new();
    for (reason, bundle, call, fact) in &cases {
        let asked = Asked::new(bundle);
        let explained = asked.explain(call);
        assert_eq!(explained.decision.reason, *reason, "{:?}", explained.decision.detail);
        assert!(explained.because.contains(fact), "{reason}: {}", explained.because);
        assert!(text(&explained, 80).replace("\n  ", " ").contains(fact.split(' ').next().unwrap()));
        seen.insert(*reason);
    }
    let tokens = [
        Reason::UnknownScope,
        Reason::ScopeNotEnabled,
        Reason::NoGrant,
        Reason::TargetNotRegistered,
        Reason::AudienceIsIssuer,
    ];
    let all: BTreeSet<Reason> = Reason::ALL.iter().copied().filter(|reason| !tokens.contains(reason)).collect();
    assert_eq!(seen, all, "every reason that a call can have");
}

#[test]
fn every_call_of_every_bundle_is_explained() {
    for bundle in BUNDLES {
        let folder = policies().join(bundle);
        let asked = Asked::new(&read_bundle(&folder).unwrap().bundle);
        for text_of in std::fs::read_to_string(folder.join("calls.jsonl")).unwrap().lines() {
            let call: Value = serde_json::from_str(text_of).unwrap();
            let explained = asked.explain(&call);
            let decision = asked.engine.decide_json(text_of.as_bytes());
            assert_eq!(explained.decision, decision);
            assert!(!explained.because.is_empty());
            consistent(&explained);
            let page = text(&explained, 80);
            assert!(page.contains(decision.reason.code()));
            for line in plain(&page).lines() {
                let unbroken = !line.trim().contains(' ');
                assert!(line.chars().count() <= 80 || unbroken, "{line}");
            }
        }
    }
}

/// What is said of the rungs is what was decided.
fn consistent(explained: &Explanation<'_>) {
    let decision = &explained.decision;
    let Some(rung) = explained.rungs.iter().find(|rung| rung.allowed).map(|rung| rung.rung) else {
        assert!(decision.outcome != Outcome::AutoApprove || decision.access_request.is_some());
        return;
    };
    if decision.access_request.is_none() && decision.reason != Reason::ApproverUnresolved {
        let expected = match rung {
            Rung::InForce => Outcome::AutoApprove,
            Rung::SelfApproval => Outcome::SelfApprove,
            Rung::Manager => Outcome::ManagerApprove,
        };
        assert_eq!(decision.outcome, expected);
    }
    // a permit that holds misses nothing, one that does not misses something
    for near in &explained.nearest {
        assert!(!near.missing.is_empty(), "{}", near.id);
    }
    assert!(explained.nearest.windows(2).all(|pair| pair[0].missing.len() <= pair[1].missing.len()));
}

fn plain(page: &str) -> String {
    let mut out = String::new();
    let mut parts = page.split('\u{1b}');
    out.push_str(parts.next().unwrap_or_default());
    parts.for_each(|part| out.push_str(part.split_once('m').map_or("", |(_, rest)| rest)));
    out
}

fn changes(explained: &Explanation<'_>) -> Vec<(Kind, String, Outcome)> {
    explained.changes.iter().map(|change| (change.kind, change.what.clone(), change.outcome)).collect()
}

#[test]
fn what_would_change_the_outcome_was_tried() {
    let asked = Asked::new(&acme());
    let refund = changes(&asked.explain(&line(13)));
    for expected in [
        (Kind::Approval, "alice's own yes".to_string(), Outcome::ManagerApprove),
        (Kind::Approval, "dana's yes, as the manager".to_string(), Outcome::AutoApprove),
        (Kind::Argument, "`context.input.amount` is 50000".to_string(), Outcome::SelfApprove),
        (Kind::Time, "at 2026-11-21T09:00:00Z, all else unchanged".to_string(), Outcome::Deny),
    ] {
        assert!(refund.contains(&expected), "{refund:?}");
    }
    let huge = with(line(13), &[("/arguments/amount", json!(2_000_000))]);
    let huge = changes(&asked.explain(&huge));
    assert!(
        huge.contains(&(Kind::Argument, "`context.input.amount` is 1000000".into(), Outcome::ManagerApprove)),
        "{huge:?}"
    );
    let missing = changes(&asked.explain(&line(8)));
    assert!(
        missing.contains(&(Kind::Entitlement, "the agent holds `crm:admin`".into(), Outcome::SelfApprove)),
        "{missing:?}"
    );
    let sign_in = changes(&asked.explain(&line(17)));
    assert!(
        sign_in.contains(&(Kind::Session, "the user signed in with `phr`".into(), Outcome::SelfApprove)),
        "{sign_in:?}"
    );
    let toxic = changes(&asked.explain(&line(15)));
    assert!(toxic.contains(&(Kind::Session, "the session has seen nothing".into(), Outcome::SelfApprove)), "{toxic:?}");
    let desk = changes(&asked.explain(&line(14)));
    assert!(
        desk.contains(&(Kind::Argument, "`context.input.percent` is 20.0".into(), Outcome::SelfApprove)),
        "{desk:?}"
    );
    let deleted = changes(&asked.explain(&line(7)));
    assert!(deleted.iter().all(|(kind, ..)| *kind == Kind::Time), "nothing helps: {deleted:?}");
}

/// The operands that are missing of a permit with this condition, for acme's line 12: a refund of 12000 by alice.
fn missing(condition: &str) -> Vec<(String, CameTo)> {
    let policy =
        format!("@id(\"x\") permit (principal, action in Toolgate::Action::\"write\", resource)\n{condition};");
    let asked = Asked::new(&also(&policy));
    let call = with(line(12), &[("/tool", json!("billing/create_refund"))]);
    let explained = asked.explain(&call);
    let near = explained.nearest.iter().find(|near| near.id == "x").unwrap_or_else(|| panic!("{condition}"));
    near.missing.iter().map(|operand| (operand.text.clone(), operand.came_to)).collect()
}

#[test]
fn the_fewest_operands_in_the_way_are_named() {
    let no = |text: &str| (text.to_string(), CameTo::False);
    let yes = |text: &str| (text.to_string(), CameTo::True);
    assert_eq!(missing("when { resource.sensitive && resource.trusted }"), [no("resource.sensitive")]);
    assert_eq!(missing("when { !resource.trusted }"), [yes("resource.trusted")]);
    assert_eq!(missing("unless { resource.trusted }"), [yes("resource.trusted")]);
    assert_eq!(
        missing("when { (resource.sensitive && !resource.trusted) || context.session.calls > 9 }"),
        [no("context.session.calls > 9")]
    );
    assert_eq!(
        missing("when { if resource.sensitive then true else context.session.calls > 9 && !resource.trusted }"),
        [no("resource.sensitive")]
    );
    assert_eq!(
        missing("when { context.session.acr == \"phr\" } unless { resource.trusted || context.session.calls < 9 }"),
        [no("context.session.acr == \"phr\""), yes("resource.trusted"), yes("context.session.calls < 9")]
    );
    // what a guard keeps from being evaluated is not held against the policy
    let mut call = line(12);
    call["arguments"].as_object_mut().unwrap().remove("note");
    let policy = "@id(\"x\") permit (principal, action == Toolgate::Action::\"billing/create_refund\", resource)
        when { context.input has note && context.input.note like \"ok*\" };";
    let asked = Asked::new(&also(policy));
    let explained = asked.explain(&call);
    let near = explained.nearest.iter().find(|near| near.id == "x").unwrap();
    assert_eq!(
        near.missing.iter().map(|operand| operand.text.as_str()).collect::<Vec<_>>(),
        ["context.input has note"]
    );
}

#[test]
fn a_policy_out_of_scope_is_near_only_if_nothing_in_scope_is_open() {
    let asked = Asked::new(&acme());
    let near = asked.explain(&line(8)).nearest;
    let reads = near.iter().find(|near| near.id == "reads-run").unwrap();
    assert_eq!((reads.missing[0].part, reads.missing[0].came_to), (Part::Scope, CameTo::False));
    assert!(near.iter().all(|near| near.id != "autonomous-writes-ask-the-owner"), "a person is no service principal");
    assert!(near.iter().all(|near| near.id != "tokens-for-plain-scopes"), "a call is no token");
    let open = asked.explain(&line(13)).nearest;
    assert_eq!(open.iter().map(|near| near.id.as_str()).collect::<Vec<_>>(), ["writes-ask-the-user"]);
}

#[test]
fn unknown_labels_are_explained() {
    let folder = policies().join("packs/toxic-flow/example");
    let asked = Asked::new(&read_bundle(&folder).unwrap().bundle);
    let calls = std::fs::read_to_string(folder.join("calls.jsonl")).unwrap();
    let explained = asked.explain(&serde_json::from_str(calls.lines().nth(11).unwrap()).unwrap());
    assert_eq!(explained.decision.reason, Reason::PolicyDenied);
    assert!(explained.facts.iter().any(|fact| fact.contains("unknown labels, which counts as all of them")));
    assert!(changes(&explained).iter().any(|(kind, what, _)| *kind == Kind::Session && what.contains("seen nothing")));
    // a permit that holds under all labels and not under none names what is missing under none
    let policy = "@id(\"x\") permit (principal, action in Toolgate::Action::\"write\", resource)
        when { context.session.labels.contains(\"secrets\") };";
    let asked = Asked::new(&also(policy));
    let mut call = line(2);
    call["session"].as_object_mut().unwrap().remove("labels");
    let explained = asked.explain(&call);
    let near = explained.nearest.iter().find(|near| near.id == "x").unwrap();
    assert_eq!(near.missing[0].text, "context.session.labels.contains(\"secrets\")");
}

#[test]
fn whole_pages_are_as_expected() {
    for number in [3, 8, 13, 17, 20] {
        let out = command()
            .current_dir(policies())
            .args(["explain", "examples/acme", "--call", "examples/acme/calls.jsonl", "--line", &number.to_string()])
            .output()
            .unwrap();
        let page = String::from_utf8(out.stdout).unwrap();
        let place = policies().join(format!("workbench/tests/expected/explain-{number}.txt"));
        if std::env::var_os("TOOLGATE_UPDATE_EXPECTED").is_some() {
            std::fs::write(&place, without_digest(&page)).unwrap();
        }
        let expected = std::fs::read_to_string(&place).unwrap();
        assert_eq!(without_digest(&page), expected, "line {number}; TOOLGATE_UPDATE_EXPECTED=1 writes it anew");
    }
}

/// The page without the engine's digest, which any change of the bundle changes.
fn without_digest(page: &str) -> String {
    let line = |line: &str| match line.strip_prefix("  engine ") {
        Some(_) => "  engine …\n".to_string(),
        None => format!("{line}\n"),
    };
    page.lines().map(line).collect()
}

#[test]
fn the_command_explains_one_call_or_all() {
    let (bundle, calls) = (path("examples/acme"), path("examples/acme/calls.jsonl"));
    let all = run(&["explain", &bundle, "--call", &calls, "--json"]);
    assert_eq!((all.code, all.json().len()), (0, 20));
    assert_eq!(all.json()[12]["line"], 13);
    let one = run(&["explain", &bundle, "--calls", &calls, "--line", "13", "--json"]);
    assert_eq!(one.json(), all.json()[12..13]);
    let piped = run_with(&["explain", &bundle, "--call", "-", "--json"], line(13).to_string().as_bytes());
    assert_eq!(piped.json()[0]["line"], Value::Null);
    assert_eq!(piped.json()[0]["decision"], one.json()[0]["decision"]);
    for (args, said) in [
        (vec!["explain", &bundle, "--call", &calls, "--line", "99"], "no call on line 99"),
        (vec!["explain", &bundle, "--call", "nowhere.json"], "there is no such file"),
        (vec!["explain", "nowhere", "--call", &calls], "there is no such folder"),
    ] {
        let ran = run(&args);
        assert!(ran.code == 2 && ran.stderr.contains(said) && ran.stdout.is_empty(), "{}", ran.stderr);
    }
    let empty = run_with(&["explain", &bundle, "--call", "-"], b"\n");
    assert!(empty.code == 2 && empty.stderr.contains("there are no calls"), "{}", empty.stderr);
    let help = run(&["explain", "--help"]).stdout;
    assert!(help.contains("Never show it to the agent"), "{help}");
}

#[test]
fn hostile_calls_are_explained_without_harm() {
    let bundle = path("examples/acme");
    let nasty = "\u{1b}]0;x\u{7}\u{202e}\u{200b}";
    let mut calls = vec![
        with(line(1), &[("/subject/user", json!(nasty))]).to_string().into_bytes(),
        with(line(1), &[("/tool", json!(format!("crm/{nasty}")))]).to_string().into_bytes(),
        with(line(2), &[("/arguments/value", json!(nasty)), ("/session/labels", json!([nasty]))])
            .to_string()
            .into_bytes(),
        with(line(2), &[("/tool", json!(format!("crm/{}", "x".repeat(100_000))))]).to_string().into_bytes(),
        format!("{{\"subject\":{}", "[".repeat(100_000)).into_bytes(),
        b"\xff\xfe".to_vec(),
        b"null".to_vec(),
    ];
    let labels: Vec<String> = (0..5_000).map(|number| format!("label-{number}")).collect();
    calls.push(with(line(2), &[("/session/labels", json!(labels))]).to_string().into_bytes());
    for call in calls {
        for json in [false, true] {
            let args: &[&str] = if json { &["--json"] } else { &[] };
            let ran = run_with(&[&["explain", &bundle, "--call", "-"], args].concat(), &call);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            assert!(!ran.stdout.contains(['\u{7}', '\u{202e}', '\u{200b}']), "{}", ran.stdout);
            assert!(!json || ran.json()[0]["because"].is_string());
            assert!(json || ran.stdout.len() < 20_000, "{}", ran.stdout.len());
        }
    }
}
