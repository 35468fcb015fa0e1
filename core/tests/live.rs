//! The engine in use: no decision is made by half of one engine and half of another, and nothing goes back.

#![expect(clippy::unwrap_used, reason = "a test's own fixtures either load or the test is wrong")]
#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test's own arithmetic is over small numbers"
)]

mod common;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{Company, find, parse, say, update, with};
use serde_json::{Value, json};
use toolgate::{Call, Decision, Delta, Engine, ErrorKind, Live, Outcome, Reason};

const READERS: usize = 16;
/// From one swap to the next: a thousand a second, and some for the beginning and end of a round.
const SWAP: Duration = Duration::from_micros(900);

/// How long the readers read: a second, and as many seconds as `TOOLGATE_CASES` says.
fn length() -> Duration {
    let cases = std::env::var("TOOLGATE_CASES").ok().and_then(|count| count.parse().ok());
    Duration::from_secs(cases.unwrap_or(1))
}

/// An engine that says its mark wherever it can: in its policies, its catalog and its snapshot.
fn marked(version: u64, mark: &str) -> Engine {
    let policies = format!(
        "@id(\"reads-{mark}\") @description(\"{mark}\") @obligations(\"{mark}\")
         permit (principal in Toolgate::Group::\"g-{mark}\", action in Toolgate::Action::\"read\", resource);
         @id(\"never-{mark}\") @guidance(\"{mark}\")
         forbid (principal, action in Toolgate::Action::\"delete\", resource)
         when {{ resource.labels.contains(\"{mark}\") }};
         @id(\"asks-{mark}\") @reuse(\"tool\") @obligations(\"{mark}\")
         permit (principal, action in Toolgate::Action::\"write\", resource)
         when {{ principal in Toolgate::Entitlement::\"e-{mark}\" && context.approval.manager }};"
    );
    let overlay = format!(
        "[tenant]\nguidance = {{ message = \"{mark}\" }}
         [servers.crm]\ntrusted = true\ndefault_state = \"approved\"
         credential = {{ mode = \"shared\", ref = \"{mark}\" }}
         [[servers.crm.rules]]\ntools = [\"*\"]\nlabels = [\"{mark}\"]\nentitlements = [\"e-{mark}\"]"
    );
    let mut company = Company { overlay, policies, ..Company::default() };
    for (name, value) in [
        ("version", json!(version)),
        (
            "users",
            json!([{"id": "alice", "active": true, "manager": format!("m-{mark}"), "groups": [format!("g-{mark}")]},
            {"id": format!("m-{mark}"), "active": true}]),
        ),
        ("grants", json!([{"id": "g", "to": {"user": "alice"}, "entitlement": format!("e-{mark}")}])),
        ("service_principals", json!([])),
    ] {
        company = company.with(name, value);
    }
    company.load()
}

/// Every mark in a decision.
fn marks(decision: &Decision<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for policy in &decision.policies {
        all.push(policy.id.rsplit('-').next().unwrap().to_string());
    }
    all.extend(decision.guidance.iter().map(|guidance| guidance.message.clone()));
    all.extend(decision.obligations.iter().map(ToString::to_string));
    all.extend(decision.gains_labels.iter().cloned());
    all.extend(decision.credential.iter().filter_map(|credential| credential.reference.clone()));
    let request = decision.approval_request.iter().flat_map(|request| &request.approvers);
    all.extend(request.map(|user| user.trim_start_matches("m-").to_string()));
    all
}

fn remove() -> Value {
    json!({"tool": "crm/remove", "arguments": {"id": "1"}})
}

/// Many read while one swaps a thousand times a second: every decision is wholly of one engine, one that was in use
/// between its beginning and its end, and no reader sees an older one after a newer one.
#[test]
fn no_decision_is_torn() {
    // one for each swap would be too many to load: these take turns, and a swap within one version is allowed only
    // over the same snapshot, so turns are taken by versions that rise
    let engines: Vec<Engine> = (0..200).map(|at| marked(at, &format!("m{at:03}"))).collect();
    let known: HashMap<&str, u64> = engines.iter().map(|engine| (engine.digest(), engine.snapshot_version())).collect();
    assert_eq!(known.len(), engines.len());
    let calls = [parse(find()), parse(update()), parse(remove())];
    let (total, swaps, seen) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    while start.elapsed() < length() {
        let live = Live::new(engines[0].clone());
        // raised after a swap: what was surely in use; raised before: what might be
        let (least, most, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for reader in 0..READERS {
                let (live, known, calls) = (&live, &known, &calls);
                let (least, most, done, total, seen) = (&least, &most, &done, &total, &seen);
                scope.spawn(move || {
                    let (mut last, mut count, mut different) = (0, 0u64, 0u64);
                    while !done.load(Ordering::SeqCst) {
                        let call = &calls[(reader + usize::try_from(count).unwrap()) % calls.len()];
                        let before = least.load(Ordering::SeqCst);
                        let engine = live.engine();
                        let decision = engine.decide(call);
                        let after = most.load(Ordering::SeqCst);
                        let version = decision.snapshot_version;
                        assert_eq!(known[&*decision.engine], version, "digest and snapshot belong together");
                        assert!((before..=after).contains(&version), "{version} was not in use: {before}..={after}");
                        assert!(version >= last, "{version} after {last}");
                        let mark = format!("m{version:03}");
                        let marks = marks(&decision);
                        assert!(!marks.is_empty() && marks.iter().all(|found| *found == mark), "{decision:#?}");
                        let wanted = [Outcome::AutoApprove, Outcome::ManagerApprove, Outcome::Deny];
                        assert!(wanted.contains(&decision.outcome), "{decision:#?}");
                        different += u64::from(version != last);
                        last = version;
                        count += 1;
                    }
                    total.fetch_add(count, Ordering::SeqCst);
                    seen.fetch_add(different, Ordering::SeqCst);
                });
            }
            let begun = Instant::now();
            for (at, engine) in (1..).zip(&engines[1..]) {
                // by the clock: a writer that had to wait for a processor catches up
                std::thread::sleep((begun + SWAP * at).saturating_duration_since(Instant::now()));
                most.store(engine.snapshot_version(), Ordering::SeqCst);
                live.swap(engine.clone()).unwrap();
                least.store(engine.snapshot_version(), Ordering::SeqCst);
                swaps.fetch_add(1, Ordering::SeqCst);
            }
            done.store(true, Ordering::SeqCst);
        });
    }
    let [total, swaps, seen] = [total, swaps, seen].map(AtomicU64::into_inner);
    assert!(seen > 0, "no reader ever saw a swap");
    say(&format!(
        "{READERS} readers, {swaps} swaps ({:.0} a second), {total} decisions, {seen} of them the first by another engine: \
         0 torn",
        swaps as f64 / start.elapsed().as_secs_f64()
    ));
}

fn delta(version: u64, grants: Value, approvals: Value) -> Delta {
    let delta =
        json!({"version": version, "issued_at": "2026-11-20T09:00:00Z", "grants": grants, "approvals": approvals});
    Delta::parse(delta.to_string().as_bytes()).unwrap()
}

/// Revoked is revoked from the next decision on, for every reader, however many read meanwhile.
#[test]
fn a_revoked_grant_is_refused_from_the_next_decision_on() {
    let live = Live::new(Company::default().load());
    let call = parse(find());
    assert_eq!(live.engine().decide(&call).outcome, Outcome::AutoApprove);
    // odd: granted for sure; even: revoked for sure; while it changes, either
    let (phase, done, checked) = (AtomicU64::new(1), AtomicBool::new(false), AtomicU64::new(0));
    let end = Instant::now() + length();
    std::thread::scope(|scope| {
        for _ in 0..READERS {
            let (live, call, phase, done, checked) = (&live, &call, &phase, &done, &checked);
            scope.spawn(move || {
                while !done.load(Ordering::SeqCst) {
                    let before = phase.load(Ordering::SeqCst);
                    let outcome = live.engine().decide(call).outcome;
                    // known only where nothing changed from the beginning to the end
                    if before == phase.load(Ordering::SeqCst) && before % 4 != 2 && before % 4 != 0 {
                        let wanted = if before % 4 == 1 { Outcome::AutoApprove } else { Outcome::TicketFallback };
                        assert_eq!(outcome, wanted, "in phase {before}");
                        checked.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let mut version = 7;
        while Instant::now() < end {
            std::thread::sleep(Duration::from_millis(1));
            version += 1;
            phase.fetch_add(1, Ordering::SeqCst);
            live.apply(&delta(version, json!({"revoke": ["g-alice"]}), json!({}))).unwrap();
            assert_ne!(live.engine().decide(&call).outcome, Outcome::AutoApprove, "the next decision");
            phase.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
            version += 1;
            phase.fetch_add(1, Ordering::SeqCst);
            let again = json!({"add": [{"id": "g-alice", "to": {"user": "alice"}, "entitlement": "crm:use"}]});
            live.apply(&delta(version, again, json!({}))).unwrap();
            phase.fetch_add(1, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    });
    let (checked, version) = (checked.into_inner(), live.engine().snapshot_version());
    assert!(checked > 0);
    say(&format!("{checked} decisions while grants came and went, up to version {version}: each as it should be"));
}

/// Several writers at once: each change is there, and the version never goes back.
#[test]
fn changes_made_at_once_are_all_there() {
    let live = Live::new(Company::default().load());
    let next = AtomicU64::new(8);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (live, next) = (&live, &next);
            scope.spawn(move || {
                for turn in 0..25 {
                    let grant =
                        json!({"id": format!("w{writer}-{turn}"), "to": {"user": "bob"}, "entitlement": "crm:use"});
                    // somebody else's newer change may come first: then this one needs a newer version still
                    loop {
                        let version = next.fetch_add(1, Ordering::SeqCst);
                        let seen = live.engine().snapshot_version();
                        match live.apply(&delta(version, json!({"add": [grant]}), json!({}))) {
                            Ok(()) => break,
                            Err(error) => assert_eq!(error.kind(), ErrorKind::SnapshotOlder, "{error}"),
                        }
                        assert!(live.engine().snapshot_version() >= seen);
                    }
                }
            });
        }
    });
    let grants = live.engine().snapshot().grants;
    assert_eq!(grants.iter().filter(|grant| grant.id.starts_with('w')).count(), 100);
}

#[test]
fn older_and_equal_but_different_snapshots_are_refused() {
    let company = Company::default();
    let live = Live::new(company.load());
    let older = company.clone().with("version", json!(6)).load();
    let different = company.clone().with("grants", json!([])).load();
    for (what, engine) in [("older", older), ("another of the same version", different)] {
        let error = live.swap(engine).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotOlder, "{what}");
        assert_eq!(live.engine().decide(&parse(find())).outcome, Outcome::AutoApprove, "{what}: nothing changed");
    }
    // the twins: the same snapshot under other policies, and a newer one
    let other = company.clone().more_policies("@id(\"none\") forbid (principal, action, resource);").load();
    live.swap(other).unwrap();
    assert_eq!(live.engine().decide(&parse(find())).reason, Reason::PolicyDenied);
    live.swap(company.clone().with("version", json!(8)).load()).unwrap();
    assert_eq!(live.engine().decide(&parse(find())).outcome, Outcome::AutoApprove);
    for version in [7, 8] {
        let error = live.apply(&delta(version, json!({"revoke": ["g-alice"]}), json!({}))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SnapshotOlder, "{version}");
    }
    assert_eq!(live.engine().decide(&parse(find())).outcome, Outcome::AutoApprove);
    live.apply(&delta(9, json!({"revoke": ["g-alice"]}), json!({}))).unwrap();
    assert_ne!(live.engine().decide(&parse(find())).outcome, Outcome::AutoApprove);
    // what was revoked by a delta does not come back with the snapshot it changed
    assert!(live.swap(company.with("version", json!(8)).load()).is_err());
}

/// A revoked grant does not come back under the same version, by another change of the same snapshot.
#[test]
fn another_change_of_the_same_version_is_refused() {
    let company = Company::default();
    let loaded = company.load();
    let revoked = delta(8, json!({"revoke": ["g-alice"]}), json!({}));
    let other = delta(8, json!({"revoke": ["g-bot"]}), json!({}));
    let live = Live::new(loaded.with(&revoked).unwrap());
    let error = live.swap(loaded.with(&other).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SnapshotOlder);
    assert_ne!(live.engine().decide(&parse(find())).outcome, Outcome::AutoApprove);
    // the twin: the same change of the same snapshot, under other policies
    let policies = company.more_policies("@id(\"none\") forbid (principal, action, resource);").load();
    live.swap(policies.with(&revoked).unwrap()).unwrap();
    assert_eq!(live.engine().decide(&parse(find())).reason, Reason::PolicyDenied);
}

/// A change that cannot be made changes nothing, in whole or in part.
#[test]
fn a_delta_that_does_not_fit_changes_nothing() {
    let live = Live::new(Company::default().load());
    let before = live.engine().digest().to_string();
    for (what, grants) in [
        ("revokes what is not there", json!({"revoke": ["g-alice", "nothing"]})),
        (
            "adds what is there",
            json!({"revoke": ["g-bot"], "add": [{"id": "g-alice", "to": {"user": "bob"}, "entitlement": "x"}]}),
        ),
    ] {
        assert!(live.apply(&delta(8, grants, json!({}))).is_err(), "{what}");
        assert_eq!(live.engine().digest(), before, "{what}");
        assert_eq!(live.engine().snapshot_version(), 7, "{what}");
    }
}

/// Many changes, one after the other, and the whole loaded anew say the same of everything.
#[test]
fn a_chain_of_deltas_equals_a_whole_reload() {
    let company = Company::default();
    let mut engine = company.load();
    let mut grants: BTreeMap<String, Value> = BTreeMap::new();
    for grant in company.snapshot["grants"].as_array().unwrap() {
        grants.insert(grant["id"].as_str().unwrap().into(), grant.clone());
    }
    let mut approvals: BTreeMap<String, Value> = BTreeMap::new();
    let whom = [
        json!({"user": "alice"}),
        json!({"user": "alice", "client": "cc"}),
        json!({"group": "staff"}),
        json!({"service_principal": "bot"}),
    ];
    for turn in 0u64..60 {
        let version = 8 + turn;
        let (mut add, mut revoke, mut yes, mut no) = (vec![], vec![], vec![], vec![]);
        if turn % 3 == 1 {
            let id = grants.keys().nth(usize::try_from(turn).unwrap() % grants.len()).unwrap().clone();
            grants.remove(&id);
            revoke.push(id);
        }
        for more in 0..turn % 3 {
            let id = format!("g{turn}-{more}");
            let what = ["crm:use", "crm:export", "files:write"][usize::try_from(turn + more).unwrap() % 3];
            let mut grant = json!({"id": id, "to": whom[usize::try_from(turn * 7 + more).unwrap() % whom.len()], "entitlement": what});
            if turn % 4 == 0 {
                grant["until"] = json!("2026-11-20T10:00:00Z");
            }
            if turn % 5 == 0 {
                grant["from"] = json!("2026-11-20T09:59:00Z");
            }
            grants.insert(id, grant.clone());
            add.push(grant);
        }
        if turn % 4 == 2 {
            let id = format!("a{turn}");
            let approval = json!({"id": id, "kind": "self", "by": "alice", "subject": {"user": "alice", "client": "cc"},
                "scope": {"tool": "crm/update"}, "from": "2026-11-20T09:30:00Z", "until": "2026-11-20T10:30:00Z"});
            approvals.insert(id, approval.clone());
            yes.push(approval);
        } else if let Some(id) = approvals.keys().next().cloned() {
            approvals.remove(&id);
            no.push(id);
        }
        engine = engine
            .with(&delta(version, json!({"add": add, "revoke": revoke}), json!({"add": yes, "revoke": no})))
            .unwrap();
        let whole = company
            .clone()
            .with("version", json!(version))
            .with("grants", Value::Array(grants.values().cloned().collect()))
            .with("approvals", Value::Array(approvals.values().cloned().collect()))
            .load();
        for call in calls() {
            let (ours, theirs) = (engine.decide(&call), whole.decide(&call));
            // which engine it was is the one thing that may differ
            let said = |decision: &Decision<'_>| with(serde_json::to_value(decision).unwrap(), json!({"engine": null}));
            assert_eq!(said(&ours), said(&theirs), "after {} changes: {call:?}", turn + 1);
        }
        let all = |engine: &Engine| {
            let mut snapshot = engine.snapshot();
            snapshot.grants.sort_by(|a, b| a.id.cmp(&b.id));
            snapshot
        };
        assert_eq!(all(&engine), all(&whole));
    }
}

/// Calls of several people and all tools.
fn calls() -> Vec<Call> {
    let subjects = [
        json!({"user": "alice", "client": "cc"}),
        json!({"user": "bob", "client": "cc"}),
        json!({"service_principal": "bot"}),
    ];
    let mut all = Vec::new();
    for subject in subjects {
        for call in
            [find(), update(), remove(), json!({"tool": "crm/export", "arguments": {}}), json!({"tool": "crm/raw"})]
        {
            for now in ["2026-11-20T10:00:00Z", "2026-11-20T09:59:30Z", "2026-11-20T10:45:00Z"] {
                all.push(parse(with(call.clone(), json!({"subject": subject, "now": now}))));
            }
        }
    }
    all
}

/// Many at once give the same bytes as one by one, on however many threads.
#[test]
fn many_at_once_are_as_one_by_one() {
    let engine = Company::default().load();
    let calls: Vec<Call> = calls().into_iter().cycle().take(1001).collect();
    let bytes = |decision: &Decision<'_>| serde_json::to_vec(decision).unwrap();
    let one_by_one: Vec<_> = calls.iter().map(|call| bytes(&engine.decide(call))).collect();
    for threads in [0, 1, 2, 4, 7, 2000] {
        let many: Vec<_> = engine.decide_many(&calls, threads).iter().map(bytes).collect();
        assert_eq!(many, one_by_one, "on {threads} threads");
    }
    assert!(engine.decide_many(&[], 4).is_empty());
    assert!(one_by_one.iter().collect::<std::collections::BTreeSet<_>>().len() >= 6, "they are not all alike");
}
