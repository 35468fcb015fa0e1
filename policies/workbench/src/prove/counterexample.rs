//! A counterexample for the author: the case, what the engine makes of it, and what that shows.

use std::collections::BTreeSet;

use cedar_policy::Effect;
use serde::Serialize;
use serde_json::{Value, json};

use super::assume;
use super::case::{Case, Making};
use super::environment::Level;
use super::property::{Property, Then};
use super::question::{Claim, Counter, Shows, condition};
use super::recheck::{self, Checked};
use super::rewrite::Name;
use super::run::Job;
use super::world::{Target, World};

/// An hour in milliseconds: how long a recorded yes of a case lasts.
const HOUR: i64 = 3_600_000;

/// A call of which a property does not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counterexample {
    /// What is asked for.
    pub asked: String,
    /// By whom: `agent` or `service_principal`.
    pub principal: &'static str,
    /// What it shows.
    pub shows: String,
    /// Whether the engine does what the solver says; absent if there is no call to put to it.
    pub reproduces: Option<bool>,
    /// The engine's answer.
    pub outcome: Option<String>,
    /// What to know about the case.
    pub note: Option<String>,
    /// The test case; none if what is asked for is no tool.
    pub case: Option<Case>,
    /// The request in Cedar's terms.
    pub request: String,
}

/// Makes a counterexample of what the solver found, and puts it to the engine.
pub(super) fn of(property: &Property, job: &Job<'_>, counter: &Counter) -> Result<Counterexample, String> {
    let (reads, names) = mentioned(property, job)?;
    let snapshot = job.world.loaded.engine.snapshot();
    let making = Making {
        counter,
        target: job.target,
        principal: job.principal,
        reads: &reads,
        names: &names,
        snapshot: &snapshot,
    };
    let request = &counter.env.request;
    let context = request.context().map(ToString::to_string).unwrap_or_default();
    let named = |uid: Option<&cedar_policy::EntityUid>| uid.map(ToString::to_string).unwrap_or_default();
    let mut example = Counterexample {
        asked: job.target.asked.to_string(),
        principal: job.principal.as_str(),
        shows: shown(&counter.shows, None),
        reproduces: None,
        outcome: None,
        note: None,
        case: None,
        request: format!(
            "{} / {} / {} / {context}",
            named(request.principal()),
            named(request.action()),
            named(request.resource())
        ),
    };
    let Some(mut case) = making.case()? else { return Ok(example) };
    case.name = format!("{}: {} ({})", property.name, job.target.asked, job.principal.as_str());
    let loaded = job.world.loaded;
    let checked = recheck::check(loaded, &case)?;
    let meets = property.when.as_deref().is_none_or(|when| checked.meets(when));
    let mut outcome = checked.outcome.clone();
    let reproduces = match (&counter.shows, job.claim) {
        (_, Claim::NoMoreThan(before, _)) => {
            let old = recheck::check(before.loaded, &case)?;
            case.expect = no_more_than(&old.outcome);
            let (now, then) = (checked.allowed.unwrap_or_default(), old.allowed.unwrap_or_default());
            now.iter().zip(then).any(|(now, then)| *now && !then)
        }
        (Shows::Allowed(level), _) => {
            case.expect = wanted(property);
            let levels = match level {
                Level::None => 1,
                Level::AtMostUser => 2,
                _ => 3,
            };
            meets && checked.allowed.unwrap_or_default().iter().take(levels).any(|allowed| *allowed)
        }
        (Shows::NotAllowed, _) => {
            case.expect = wanted(property);
            meets && checked.allowed == Some([false; 3])
        }
        (Shows::Tightens(lower, _), _) => {
            let [none, user, manager] = checked.allowed.unwrap_or_default();
            approve(&mut case, job, *lower)?;
            case.expect = json!({"outcome": ["auto_approve"]});
            outcome = recheck::check(loaded, &case)?.outcome;
            if *lower == Level::None { none && !user } else { user && !manager }
        }
        (Shows::Errs(id, effect), _) => {
            let note = match effect {
                Effect::Forbid => {
                    case.expect = json!({"outcome": "deny", "reason": "policy_denied"});
                    "the case wants a plain denial; if this call should not be denied, say there what you want"
                }
                Effect::Permit => {
                    case.expect = json!(checked.outcome);
                    "a permit in error permits nothing, so the case passes today; say there what you want of this call"
                }
            };
            example.note = Some(note.into());
            checked.errs.contains(id)
        }
    };
    if let Some(why) = checked.refused() {
        example.note = Some(format!("the engine asks no policy about this call: {why}"));
    } else if !reproduces && !meets {
        example.note = Some("`when` is not true of this call as the engine sees it".into());
    }
    example.shows = shown(&counter.shows, Some(&checked));
    example.reproduces = Some(reproduces);
    example.outcome = Some(outcome);
    example.case = Some(case);
    Ok(example)
}

/// What the property wants of the call: any outcome that does not break it.
fn wanted(property: &Property) -> Value {
    let outcomes: &[&str] = match property.then {
        Then::NeverAutoApprove => &["self_approve", "manager_approve", "deny", "ticket_fallback"],
        Then::AtLeastManagerApprove => &["manager_approve", "deny", "ticket_fallback"],
        Then::NeverDeniedByPolicy => &["auto_approve", "self_approve", "manager_approve"],
        _ => &["deny", "ticket_fallback"],
    };
    json!({"outcome": outcomes})
}

/// What is as little as before, or less.
fn no_more_than(outcome: &str) -> Value {
    let ladder = ["auto_approve", "self_approve", "manager_approve"];
    let at = ladder.iter().position(|step| *step == outcome).unwrap_or(ladder.len());
    let less = ladder.iter().skip(at).chain(&["deny", "ticket_fallback"]);
    json!({"outcome": less.collect::<Vec<_>>()})
}

/// The attributes and the entities that the policies, those compared with, and the property mention.
fn mentioned(property: &Property, job: &Job<'_>) -> Result<(BTreeSet<String>, BTreeSet<Name>), String> {
    let (mut reads, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |world: &World<'_>, target: &Target| {
        for rule in world.applying(target, job.principal) {
            names.extend(rule.names.iter().cloned());
            reads.extend(rule.reads.iter().cloned());
        }
    };
    add(job.world, job.target);
    if let Claim::NoMoreThan(before, target) = job.claim {
        add(before, target);
    }
    if let Some(when) = &property.when {
        assume::read(&condition(when)?, &mut reads, &mut names);
    }
    Ok((reads, names))
}

/// Records the yes that makes the difference: the user's or owner's, or the manager's.
fn approve(case: &mut Case, job: &Job<'_>, lower: Level) -> Result<(), String> {
    let binding = recheck::binding(job.world.loaded, case)?;
    let users = case.snapshot.pointer("/users/0/id").cloned().unwrap_or_default();
    let manager = case.snapshot.pointer("/users/1/id").cloned().unwrap_or_default();
    let (kind, by) = if lower == Level::None { ("self", users) } else { ("manager", manager) };
    let now: toolgate::Instant = case.now.parse().map_err(|error: toolgate::Error| error.to_string())?;
    let until = toolgate::Instant::from_unix_millis(now.unix_millis().saturating_add(HOUR));
    let until = until.ok_or("the time of the counterexample is beyond any calendar")?;
    let approval = json!({
        "id": "some-approval", "kind": kind, "by": by, "subject": case.subject, "scope": {"call": binding},
        "from": case.now, "until": until.to_string(),
    });
    if let Some(overlay) = case.snapshot.as_object_mut() {
        overlay.insert("approvals".into(), json!([approval]));
    }
    Ok(())
}

/// What it shows, in words.
fn shown(shows: &Shows, checked: Option<&Checked>) -> String {
    let lowest = checked.and_then(|checked| checked.allowed?.iter().position(|allowed| *allowed));
    let allowed = |level: usize| match level {
        0 => "it runs and nobody is asked",
        1 => "it runs once the user agrees",
        _ => "it runs once the manager agrees",
    };
    match shows {
        Shows::Allowed(level) => match (lowest, level) {
            (Some(lowest), _) => allowed(lowest).into(),
            (None, Level::None) => allowed(0).into(),
            (None, Level::AtMostUser) => "it runs, at most with the user's yes".into(),
            (None, _) => "it can be allowed".into(),
        },
        Shows::NotAllowed => "it does not run, whoever agrees".into(),
        Shows::Tightens(Level::None, _) => "it runs by itself, and no longer once the user agrees".into(),
        Shows::Tightens(..) => "it runs once the user agrees, and no longer once the manager agrees too".into(),
        Shows::Errs(id, Effect::Forbid) => {
            format!("forbid `{id}` is in error: the call is denied as `evaluation_error`")
        }
        Shows::Errs(id, Effect::Permit) => format!("permit `{id}` is in error: it permits nothing"),
    }
}
