//! Random companies, policies and calls: what must hold for every one of them. `TOOLGATE_CASES` sets how many.
//!
//! Everything is drawn from a string of bytes, so that proptest shrinks it. The worlds are kept as plain numbers; the
//! naive model decides from those and from `DESIGN.md` alone, and never asks toolgate.

#![expect(clippy::unwrap_used, reason = "a test's own fixtures either load or the test is wrong")]
#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "a test's own arithmetic is over small numbers"
)]

mod model;
mod world;
mod written;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::Value;
use toolgate::{Decision, Engine, Instant, Outcome, Reason, Source, TokenRequest, Visibility};

use model::{Model, Target};
use world::{Approver, Call, Condition, Draw, MINUTE, NOW, Policy, TokenScope, What, Who, World, approval, policy};

fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("TOOLGATE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        cases,
        max_shrink_iters: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 700)
}

/// From most to least permissive; what must first be asked for is less than any yes.
fn rank(decision: &Decision) -> usize {
    match decision.outcome {
        Outcome::Deny | Outcome::TicketFallback => 4,
        _ if decision.access_request.is_some() => 3,
        Outcome::AutoApprove => 0,
        Outcome::SelfApprove => 1,
        Outcome::ManagerApprove => 2,
    }
}

fn text(world: &World) -> String {
    let policies: String = world.policies.iter().enumerate().map(|(p, it)| world.cedar(p, it)).collect();
    format!("{policies}\n{}\n{}", world.overlay(), world.snapshot())
}

/// What a decision says apart from the engine it names, and a yes that is wanted for whatever reason.
fn said(decision: &Decision) -> Value {
    let mut value = serde_json::to_value(decision).unwrap();
    value["engine"] = Value::Null;
    value
}

fn without(mut said: Value, what: &str) -> Value {
    said[what] = Value::Null;
    said
}

fn a_policy_that_never_holds() -> Policy {
    Policy {
        forbid: false,
        who: Who::Any,
        what: What::Any,
        server: None,
        when: Some(Condition::Not(Box::new(Condition::Calls(-1)))),
        unless: None,
        valid_for: 1,
        reuse: 0,
        approvers: vec![Approver::Group(0)],
        remedy: false,
    }
}

/// Gates that say nothing of a tool.
fn shuts_the_token_path(gate: &Reason) -> bool {
    matches!(
        gate,
        Reason::SnapshotStale
            | Reason::SubjectUnknown
            | Reason::SubjectInactive
            | Reason::ClientNotAllowed
            | Reason::OwnerInactive
    )
}

proptest! {
    #![proptest_config(config(120))]

    /// Design §2, the whole ladder: the engine and the naive model agree on outcome and reason.
    #[test]
    fn the_engine_agrees_with_the_naive_model(bytes in bytes()) {
        let world = World::drawn(&bytes, false);
        let engine = world.load();
        for call in &world.calls {
            let decision = engine.decide_json(&world.call_json(call));
            let (outcome, reasons, access) = Model::new(&world, call).decide();
            let outcome_agrees = decision.outcome == outcome && decision.access_request.is_some() == access;
            prop_assert!(
                outcome_agrees && reasons.contains(&decision.reason),
                "the model says {outcome} {reasons:?} {access}\n{call:?}\n{decision:#?}\n{}", text(&world)
            );
        }
    }
}

proptest! {
    #![proptest_config(config(120))]

    /// The compiled engine and Cedar's own evaluator decide alike, to the byte; but where the engine knows that no
    /// arguments open a tool and the referee's coarser view shows it, what is said to the agent differs.
    #[test]
    fn the_engine_agrees_with_the_referee(bytes in bytes()) {
        let world = World::drawn(&bytes, false);
        let engine = world.load();
        let referee = engine.referee();
        for call in &world.calls {
            let json = world.call_json(call);
            let parsed = toolgate::Call::parse(&json).unwrap();
            let (ours, mut theirs) = (engine.decide_json(&json), referee.decide_json(&json));
            let hides = |engine: &toolgate::Engine| {
                let all = engine.visible_tools(&parsed.subject, &parsed.session, parsed.now);
                let shown = all.into_iter().find(|tool| *tool.tool == parsed.tool);
                shown.is_none_or(|tool| tool.visibility == Visibility::Hidden)
            };
            if ours.agent_message != theirs.agent_message && hides(&engine) && !hides(&referee) {
                theirs.agent_message = ours.agent_message.clone();
            }
            prop_assert_eq!(ours, theirs, "{:?}\n{}", call, text(&world));
            let request = TokenRequest {
                subject: parsed.subject.clone(), audience: "https://as/".into(), resource: Some("https://tok/".into()),
                scope: None, session: parsed.session.clone(), now: parsed.now,
            };
            prop_assert_eq!(engine.decide_token(&request), referee.decide_token(&request), "{}", text(&world));
        }
    }
}

proptest! {
    #![proptest_config(config(28))]

    /// Design §5, `visible_tools` is a superset: whatever a call finds is shown, and what is hidden finds nothing.
    #[test]
    fn what_is_hidden_is_never_reached(bytes in bytes()) {
        let world = World::drawn(&bytes, false);
        let engine = world.load();
        for call in &world.calls {
            let parsed = toolgate::Call::parse(&world.call_json(call)).unwrap();
            let shown: BTreeMap<_, _> = engine
                .visible_tools(&parsed.subject, &parsed.session, parsed.now)
                .into_iter()
                .map(|tool| (tool.tool.into_owned(), tool.visibility))
                .collect();
            for amount in [None, Some(1), Some(10), Some(1000), Some(i64::MAX)] {
                let call = Call { amount, ..call.clone() };
                let decision = engine.decide_json(&world.call_json(&call));
                let shown = shown.get(&parsed.tool).copied().unwrap_or(Visibility::Hidden);
                let least = match (rank(&decision), decision.access_request.is_some()) {
                    (4, _) => Visibility::Hidden,
                    (_, true) => Visibility::Requestable,
                    (0, _) => Visibility::Callable,
                    _ => Visibility::NeedsApproval,
                };
                prop_assert!(shown <= least, "shown as {shown}\n{call:?}\n{decision:#?}\n{}", text(&world));
            }
        }
    }

    /// Cedar's rule at every rung: a forbid more never allows more.
    #[test]
    fn a_forbid_more_never_allows_more(bytes in bytes(), more in proptest::collection::vec(any::<u8>(), 60)) {
        let world = World::drawn(&bytes, false);
        let mut stricter = world.clone();
        stricter.policies.push(Policy { forbid: true, ..policy(&mut Draw(more.iter()), false) });
        let (before, after) = (world.load(), stricter.load());
        for call in &world.calls {
            let json = world.call_json(call);
            let (before, after) = (before.decide_json(&json), after.decide_json(&json));
            prop_assert!(rank(&before) <= rank(&after), "{before:#?}\n{after:#?}\n{}", text(&stricter));
        }
    }

    /// What never holds changes nothing; nor do the order of policies, the order of files, or a policy said twice.
    #[test]
    fn what_says_nothing_new_changes_nothing(bytes in bytes(), turn in 0usize..8) {
        let world = World::drawn(&bytes, false);
        let mut never = world.clone();
        never.policies.push(a_policy_that_never_holds());
        let mut twice = world.clone();
        let again = twice.policies[turn % twice.policies.len()].clone();
        twice.policies.push(again);
        let mut turned = world.bundle();
        let by = turn % turned.policies.len();
        turned.policies.rotate_left(by);
        let mut one_file = world.bundle();
        let all: Vec<_> = one_file.policies.iter().rev().flat_map(|p| p.bytes.clone()).collect();
        one_file.policies = vec![Source::new("all.cedar", all)];
        let [turned, one_file] = [turned, one_file].map(|bundle| Engine::load(&bundle).unwrap());
        let engines = [world.load(), never.load(), twice.load(), turned, one_file];
        prop_assert_eq!(engines[0].digest(), engines[3].digest());
        for call in &world.calls {
            let json = world.call_json(call);
            let [first, never, twice, turned, one] = engines.each_ref().map(|engine| said(&engine.decide_json(&json)));
            prop_assert_eq!(&first, &turned);
            prop_assert_eq!(&first, &one);
            // its `@valid_for` is one more instant at which an approval could stop to count
            prop_assert_eq!(without(first.clone(), "valid_until"), without(never, "valid_until"));
            prop_assert_eq!(without(first, "policies"), without(twice, "policies"));
        }
    }

    /// Grants only give: where no policy asks for their absence, one less never allows more.
    #[test]
    fn a_grant_less_never_allows_more(bytes in bytes(), which in 0usize..8) {
        let world = World::drawn(&bytes, true);
        prop_assume!(!world.grants.is_empty());
        let mut poorer = world.clone();
        poorer.grants.remove(which % world.grants.len());
        let (before, after) = (world.load(), poorer.load());
        for call in &world.calls {
            let json = world.call_json(call);
            let (before, after) = (before.decide_json(&json), after.decide_json(&json));
            // what is held or will be is not asked for: without it, it may be
            if after.access_request.is_none() {
                prop_assert!(rank(&before) <= rank(&after), "{before:#?}\n{after:#?}\n{}", text(&world));
            }
        }
    }

    /// Approvals only give: where no policy asks for their absence, one more never refuses more.
    #[test]
    fn an_approval_more_never_refuses_more(bytes in bytes(), more in proptest::collection::vec(any::<u8>(), 12)) {
        let world = World::drawn(&bytes, true);
        let mut richer = world.clone();
        richer.approvals.push(approval(&mut Draw(more.iter()), world.calls.len()));
        let (before, after) = (world.load(), richer.load());
        for call in &world.calls {
            let json = world.call_json(call);
            let (before, after) = (before.decide_json(&json), after.decide_json(&json));
            prop_assert!(rank(&after) <= rank(&before), "{before:#?}\n{after:#?}\n{}", text(&richer));
        }
    }

    /// Names mean nothing: other ids, in another order, the same outcome.
    #[test]
    fn other_names_the_same_outcome(bytes in bytes()) {
        let world = World::drawn(&bytes, false);
        let renamed = World { renamed: true, ..world.clone() };
        let engines = (world.load(), renamed.load());
        for call in &world.calls {
            let first = engines.0.decide_json(&world.call_json(call));
            let second = engines.1.decide_json(&renamed.call_json(call));
            prop_assert_eq!(first.reason, second.reason, "{:?}\n{}", call, text(&world));
            prop_assert_eq!(first.outcome, second.outcome);
        }
    }

    /// The same inputs, the same bytes: again, from other threads, and with the files in another order.
    #[test]
    fn the_same_inputs_give_the_same_bytes(bytes in bytes()) {
        let world = World::drawn(&bytes, false);
        let engine = world.load();
        let mut turned = world.bundle();
        turned.policies.reverse();
        let other = Engine::load(&turned).unwrap();
        for call in &world.calls {
            let json = world.call_json(call);
            let first = serde_json::to_vec(&engine.decide_json(&json)).unwrap();
            prop_assert_eq!(&first, &serde_json::to_vec(&engine.decide_json(&json)).unwrap());
            std::thread::scope(|scope| {
                let all: Vec<_> = (0..4)
                    .map(|thread| if thread % 2 == 0 { &engine } else { &other })
                    .map(|engine| scope.spawn(|| serde_json::to_vec(&engine.decide_json(&json)).unwrap()))
                    .collect();
                for thread in all {
                    assert_eq!(first, thread.join().unwrap());
                }
            });
        }
    }

    /// `valid_until` is the first instant at which time alone could change the answer: before it, nothing changes.
    #[test]
    fn nothing_changes_before_valid_until(bytes in bytes(), share in 1i64..1000) {
        let world = World::drawn(&bytes, false);
        let engine = world.load();
        for call in &world.calls {
            let mut later = toolgate::Call::parse(&world.call_json(call)).unwrap();
            let first = engine.decide(&later);
            let last = first.valid_until.map_or(NOW + 365 * 24 * 60 * MINUTE, Instant::unix_millis);
            prop_assert!(last > NOW);
            let within = NOW + (last - 1 - NOW) * share / 1000;
            let brink = Instant::from_unix_millis(last - 1).unwrap().to_string();
            let brink = brink.trim_end_matches('Z');
            let (whole, fraction) = brink.split_once('.').unwrap_or((brink, ""));
            let brink: Instant = format!("{whole}.{fraction:0<3}999999Z").parse().unwrap();
            for now in [Instant::from_unix_millis(within).unwrap(), brink] {
                later.now = now;
                let mut then = engine.decide(&later);
                then.valid_until = first.valid_until;
                prop_assert_eq!(said(&first), said(&then), "at {}\n{}", now, text(&world));
            }
        }
    }

    /// Design §6: granted ⊆ requested ∩ enabled ∩ held ∩ permitted; each refusal has a reason; no token outlives
    /// what it rests on.
    #[test]
    fn a_token_carries_no_more_than_it_may(bytes in bytes(), asks in 0usize..16) {
        let mut world = World::drawn(&bytes, false);
        // what a yes to a whole server adds: `the_token_path_counts_approvals_in_force`
        world.approvals.clear();
        let engine = world.load();
        let names: Vec<String> = (0..4).filter(|s| asks & (1 << s) != 0).map(|s| format!("sc{s}")).collect();
        for call in &world.calls {
            let call = Call { tool: 0, ..call.clone() };
            let parsed = toolgate::Call::parse(&world.call_json(&call)).unwrap();
            let request = TokenRequest {
                subject: parsed.subject.clone(), audience: "https://as/".into(), resource: Some("https://tok/".into()),
                scope: (!names.is_empty()).then(|| names.join(" ")), session: parsed.session, now: parsed.now,
            };
            let decision = engine.decide_token(&request);
            let told = || format!("{decision:#?}\n{}", text(&world));
            prop_assert_eq!(decision.claims.is_none(), decision.granted.is_empty(), "{}", told());
            let Some(claims) = &decision.claims else { continue };
            prop_assert_eq!(&claims.scope, &decision.granted.join(" "));
            prop_assert!(claims.expires_in > 0 && claims.expires_in <= 3 * 3600);
            let model = Model::new(&world, &call);
            prop_assert!(!model.gate().iter().any(shuts_the_token_path), "{}", told());
            let end = i64::try_from(claims.expires_in).unwrap() * 1000;
            prop_assert!(end <= -60 * MINUTE + world.max_age, "{}", told());
            let (now, then) = (model.person(0), model.person(end - 1));
            for scope in &decision.granted {
                prop_assert!(names.is_empty() || names.contains(scope), "{}", told());
                let at: usize = scope.trim_start_matches("sc").parse().unwrap();
                let TokenScope { enabled, ents, .. } = &world.scopes[at];
                prop_assert!(*enabled && ents.iter().any(|e| now.ents.contains(e)), "{}", told());
                prop_assert!(ents.iter().any(|e| then.ents.contains(e)), "outlives what is held\n{}", told());
                let says = |p: &Policy| model.says(p, &now, Target::Scope(at), 0);
                prop_assert!(world.policies.iter().any(|p| !p.forbid && says(p) == Ok(true)), "{}", told());
                prop_assert!(world.policies.iter().all(|p| !p.forbid || says(p) == Ok(false)), "{}", told());
            }
            for name in &names {
                let granted = decision.granted.contains(name);
                let refused = decision.refused.iter().filter(|refused| refused.scope == *name).count();
                prop_assert_eq!(usize::from(granted) + refused, 1, "{}", told());
            }
        }
    }
}

/// The generator is worth something: every outcome and most reasons come up.
#[test]
fn the_worlds_are_varied() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..60u64 {
        let mut state = seed;
        let bytes: Vec<u8> = (0..700)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let world = World::drawn(&bytes, false);
        let engine = world.load();
        for call in &world.calls {
            let decision = engine.decide_json(&world.call_json(call));
            *seen.entry(format!("{} {}", decision.outcome, decision.reason)).or_default() += 1;
        }
    }
    println!("{seen:#?}");
    for needed in [
        "auto_approve allowed_held",
        "auto_approve allowed_by_approval",
        "self_approve approval_required",
        "manager_approve approval_required",
        "deny policy_denied",
        "deny evaluation_error",
        "ticket_fallback ineligible",
    ] {
        assert!(seen.contains_key(needed), "{needed}\n{seen:#?}");
    }
}
