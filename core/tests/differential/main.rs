//! The compiled engine against Cedar's own evaluator: companies with typed tools, policies of every form, hostile
//! calls. `TOOLGATE_CASES` sets how many companies, `TOOLGATE_SEED` which is the first.

#![expect(clippy::unwrap_used, reason = "a test's own fixtures either load or the test is wrong")]
#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::string_slice,
    clippy::format_push_string,
    clippy::as_conversions,
    reason = "a test's own arithmetic is over small numbers"
)]

mod draw;
mod policies;
mod types;
mod world;

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::Value;
use toolgate::{
    Call as Parsed, Decision, Engine, FindingKind, Outcome, RawCall, Reason, SubjectRef, TokenRequest, Visibility,
};

use draw::Draw;
use world::{Asked, Call, World, approvals, snapshot};

/// Snapshots of a company, and calls under each.
const SNAPSHOTS: usize = 3;
const CALLS: usize = 20;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|count| count.parse().ok()).unwrap_or(otherwise)
}

/// Prints a line that the test runner does not swallow.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[derive(Default)]
struct Tally {
    pairs: u64,
    tokens: u64,
    granted: u64,
    policies: u64,
    refused: BTreeMap<String, usize>,
    outcomes: BTreeMap<Outcome, u64>,
    reasons: BTreeMap<Reason, u64>,
    /// Evaluations of a policy on a call that erred at some level, and all that were counted.
    erred: u64,
    held: u64,
    evaluated: u64,
    by_cedar: u64,
    /// Decisions that say another sentence to the agent, since the engine knows better what is hidden.
    sentences: u64,
}

impl Tally {
    fn say(&self, what: &str) {
        let share = |count: u64, of: u64| format!("{:.1} %", 100.0 * count as f64 / of.max(1) as f64);
        let refused: u64 = self.refused.values().map(|count| *count as u64).sum();
        say(&format!(
            "{what}: {} decisions, {} token decisions ({} with a token)",
            self.pairs, self.tokens, self.granted
        ));
        say(&format!(
            "  {} policies, {refused} others refused by the loader ({}): {:?}",
            self.policies,
            share(refused, self.policies + refused),
            self.refused
        ));
        let outcomes: Vec<String> =
            self.outcomes.iter().map(|(outcome, count)| format!("{outcome} {}", share(*count, self.pairs))).collect();
        say(&format!("  {}", outcomes.join(", ")));
        let mut reasons: Vec<(u64, String)> =
            self.reasons.iter().map(|(reason, count)| (*count, reason.to_string())).collect();
        reasons.sort_by(|left, right| right.cmp(left));
        let reasons: Vec<String> =
            reasons.iter().map(|(count, reason)| format!("{reason} {count} ({})", share(*count, self.pairs))).collect();
        say(&format!("  {}", reasons.join(", ")));
        say(&format!(
            "  in companies where every policy forbids: {} decisions named {} policies that erred and {} that held",
            self.evaluated, self.erred, self.held
        ));
        say(&format!("  {} policies were left to Cedar, {} sentences differed", self.by_cedar, self.sentences));
    }
}

/// How many policies the engine could not compile.
fn left_to_cedar(engine: &Engine) -> u64 {
    let kind = FindingKind::PolicyNotCompiled;
    engine.report().findings.iter().filter(|finding| finding.kind == kind).count() as u64
}

fn parts(call: &Call) -> Option<Parsed> {
    Parsed::parse(&call.json()).ok()
}

/// What differs between the engine and the referee, if anything does.
fn differs(engine: &Engine, referee: &Engine, call: &Call, tally: &mut Tally) -> Option<String> {
    let json = call.json();
    let (ours, mut theirs) = (engine.decide_json(&json), referee.decide_json(&json));
    let parsed = parts(call);
    if ours.agent_message != theirs.agent_message
        && let Some(parsed) = &parsed
    {
        // what both would show, and what the more exact of them knows to be hidden
        let shown = |engine: &Engine| {
            let all = engine.visible_tools(&parsed.subject, &parsed.session, parsed.now);
            all.into_iter().find(|tool| tool.tool.to_string() == call.tool).map(|tool| tool.visibility)
        };
        if shown(engine) == Some(Visibility::Hidden) && shown(referee) != Some(Visibility::Hidden) {
            tally.sentences += 1;
            theirs.agent_message = ours.agent_message.clone();
        }
    }
    *tally.outcomes.entry(ours.outcome).or_default() += 1;
    *tally.reasons.entry(ours.reason).or_default() += 1;
    if ours != theirs {
        return Some(format!("the engine says {ours:#?}\nthe referee {theirs:#?}"));
    }
    let parsed = parsed?;
    // all ways to ask
    let again = engine.decide(&parsed);
    if (again.outcome, again.reason) != (ours.outcome, ours.reason) || again.policies != ours.policies {
        return Some(format!("asked as JSON {ours:#?}\nasked as a call {again:#?}"));
    }
    let raw = RawCall {
        subject: SubjectRef::from(&parsed.subject),
        tool: &call.tool,
        arguments: call.arguments.as_deref().unwrap_or("{}").as_bytes(),
        session: &parsed.session,
        now: parsed.now,
    };
    let again = engine.decide_raw(&raw);
    if again != ours {
        return Some(format!("asked as JSON {ours:#?}\nasked raw {again:#?}"));
    }
    let verdict = engine.verdict(&raw);
    if verdict != (ours.outcome, ours.reason) {
        return Some(format!("decided {ours:#?}\nthe verdict is {verdict:?}"));
    }
    None
}

fn token_differs(
    engine: &Engine,
    referee: &Engine,
    call: &Call,
    scope: Option<String>,
    tally: &mut Tally,
) -> Option<String> {
    let parsed = parts(call)?;
    let request = TokenRequest {
        subject: parsed.subject,
        audience: "https://as/".into(),
        resource: Some("https://tok/".into()),
        scope,
        session: parsed.session,
        now: parsed.now,
    };
    let (ours, theirs) = (engine.decide_token(&request), referee.decide_token(&request));
    tally.tokens += 1;
    tally.granted += u64::from(ours.claims.is_some());
    (ours != theirs).then(|| format!("the engine says {ours:#?}\nthe referee {theirs:#?}"))
}

/// The smallest company found in which they still differ, with everything that is in it.
fn told(world: &World, snapshot: &Value, call: &Call, scope: Option<&String>, seed: u64) -> String {
    let bad = |world: &World, snapshot: &Value| {
        let engine = Engine::load(&world.bundle(snapshot)).ok()?;
        let (referee, tally) = (engine.referee(), &mut Tally::default());
        differs(&engine, &referee, call, tally)
            .or_else(|| token_differs(&engine, &referee, call, scope.cloned(), tally))
    };
    let (mut world, mut snapshot) = (world.clone(), snapshot.clone());
    for at in (0..world.policies.len()).rev() {
        let mut less = world.clone();
        less.policies.remove(at);
        if bad(&less, &snapshot).is_some() {
            world = less;
        }
    }
    for list in ["approvals", "grants", "profiles", "entitlements", "groups"] {
        for at in (0..snapshot[list].as_array().unwrap().len()).rev() {
            let mut less = snapshot.clone();
            less[list].as_array_mut().unwrap().remove(at);
            if bad(&world, &less).is_some() {
                snapshot = less;
            }
        }
    }
    let why = bad(&world, &snapshot).unwrap_or_else(|| "not when loaded again".into());
    let call = String::from_utf8_lossy(&call.json()).into_owned();
    format!("TOOLGATE_SEED={seed} TOOLGATE_CASES=1\n{}--- the call\n{call}\n{why}", world.text(&snapshot))
}

/// The same company under policies that all forbid: then a decision names every one that errs, or that holds.
fn count_truths(world: &World, snapshot: &Value, calls: &[Call], seed: u64, tally: &mut Tally) {
    let mut strict = world.clone();
    strict.policies.iter_mut().for_each(|text| *text = text.replace("\npermit (", "\nforbid ("));
    let Ok(engine) = Engine::load(&strict.bundle(snapshot)) else { return };
    let referee = engine.referee();
    for call in calls {
        let own = &mut Tally::default();
        assert!(differs(&engine, &referee, call, own).is_none(), "{}", told(&strict, snapshot, call, None, seed));
        let decision = engine.decide_json(&call.json());
        tally.evaluated += 1;
        match decision.reason {
            Reason::EvaluationError => tally.erred += decision.policies.len() as u64,
            _ => tally.held += decision.policies.len() as u64,
        }
    }
}

#[test]
fn the_engine_agrees_with_cedar_itself() {
    let (first, companies) = (number("TOOLGATE_SEED", 0), number("TOOLGATE_CASES", 50));
    let mut tally = Tally::default();
    for seed in first..first + companies {
        let draw = &mut Draw::new(seed);
        let mut world = World::drawn(draw);
        let mut people = snapshot(draw);
        let mut engine = world.load(&people, &mut tally.refused);
        tally.policies += world.policies.len() as u64;
        tally.by_cedar += left_to_cedar(&engine);
        let calls: Vec<Call> = (0..CALLS).map(|_| world.call(draw)).collect();
        if seed % 4 == 0 {
            count_truths(&world, &people, &calls, seed, &mut tally);
        }
        let mut asked = Vec::new();
        for turn in 0..SNAPSHOTS {
            if turn > 0 {
                // of the same people at first: what they were asked for, they now may have said yes to
                if turn > 1 {
                    people = snapshot(draw);
                }
                people["approvals"] = approvals(draw, &world, &asked);
                engine = engine.reload(&world.bundle(&people)).unwrap();
            }
            let referee = engine.referee();
            for call in &calls {
                let call = if turn > 1 && !draw.one_in(3) { &world.call(draw) } else { call };
                tally.pairs += 1;
                let scope = (!draw.one_in(3)).then(|| ["sc0", "sc1 sc2", "sc2 sc0 zz"][draw.below(3)].to_string());
                let bad = differs(&engine, &referee, call, &mut tally).is_some()
                    || token_differs(&engine, &referee, call, scope.clone(), &mut tally).is_some();
                assert!(!bad, "{}", told(&world, &people, call, scope.as_ref(), seed));
                if let Some(request) = engine.decide_json(&call.json()).approval_request {
                    let request = serde_json::to_value(request).unwrap();
                    asked.push(Asked { subject: call.subject.clone(), request });
                }
            }
        }
        if (seed + 1 - first) % 500 == 0 {
            say(&format!("{} companies, {} decisions, no disagreement", seed + 1 - first, tally.pairs));
        }
    }
    tally.say("the engine agrees with Cedar itself");
    assert_eq!(tally.by_cedar, 0, "every policy is compiled");
    // worlds in which little happens would agree on anything
    if companies >= 50 {
        assert_eq!(tally.outcomes.len(), Outcome::ALL.len(), "{:?}", tally.outcomes);
        assert!(tally.erred > 0 && tally.granted > 0 && tally.reasons.len() >= 20, "{:?}", tally.reasons);
    }
}

/// What a decision lets the agent find, as [`Visibility`] has it.
fn found(decision: &Decision<'_>) -> Visibility {
    match decision.outcome {
        // something must happen first, though it is the user's own to do
        Outcome::Deny if decision.reason == Reason::StepUpRequired => Visibility::NeedsApproval,
        Outcome::Deny | Outcome::TicketFallback => Visibility::Hidden,
        _ if decision.access_request.is_some() => Visibility::Requestable,
        Outcome::AutoApprove => Visibility::Callable,
        Outcome::SelfApprove | Outcome::ManagerApprove => Visibility::NeedsApproval,
    }
}

/// Arguments of each tool that are tried.
const TRIED: usize = 24;

#[test]
fn what_is_hidden_is_never_reached() {
    let (first, companies) = (number("TOOLGATE_SEED", 0), number("TOOLGATE_CASES", 50));
    let (mut tried, mut shown_as, mut exact) = (0u64, BTreeMap::<Visibility, u64>::new(), 0u64);
    for seed in first..first + companies {
        // others than in the test above
        let draw = &mut Draw::new(seed ^ (1 << 40));
        let mut world = World::drawn(draw);
        let mut people = snapshot(draw);
        people["approvals"] = approvals(draw, &world, &[]);
        let engine = world.load(&people, &mut BTreeMap::new());
        let referee = engine.referee();
        for _ in 0..4 {
            let call = world.call(draw);
            let Some(parsed) = parts(&Call { arguments: None, ..call.clone() }) else { continue };
            let shown = |engine: &Engine| -> BTreeMap<String, Visibility> {
                let all = engine.visible_tools(&parsed.subject, &parsed.session, parsed.now);
                all.into_iter().map(|tool| (tool.tool.to_string(), tool.visibility)).collect()
            };
            let (ours, theirs) = (shown(&engine), shown(&referee));
            for (tool, (name, _)) in world.tools.iter().enumerate() {
                let most = (0..TRIED).map(|_| {
                    let call = Call { tool: name.clone(), arguments: Some(world.arguments(draw, tool, 0)), ..call.clone() };
                    let decision = engine.decide_json(&call.json());
                    let found = found(&decision);
                    tried += 1;
                    for (who, shown) in [("the engine", ours[name]), ("the referee", theirs[name])] {
                        assert!(
                            shown <= found,
                            "{who} shows it as {shown}\nTOOLGATE_SEED={seed} TOOLGATE_CASES=1\n{}--- the call\n{}\n{decision:#?}",
                            world.text(&people),
                            String::from_utf8_lossy(&call.json())
                        );
                    }
                    found
                });
                let most = most.min();
                *shown_as.entry(ours[name]).or_default() += 1;
                exact += u64::from(most == Some(ours[name]));
            }
        }
    }
    assert!(companies < 50 || exact * 3 > tried / TRIED as u64, "what is shown is near what is found");
    say(&format!("what is hidden is never reached: {tried} calls; {exact} tools as shown, of {shown_as:?}"));
}
