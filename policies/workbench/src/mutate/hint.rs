//! A call that a survivor answers otherwise, looked for among samples: the test that is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};
use toolgate::facts::{Approval, ApprovalKind, Changes, Delta, Grant, Granted, Holder, Scope, Snapshot};
use toolgate::{Decision, Engine, Instant, RawCall, Session, Subject, SubjectRef, ToolId};

use super::Mutant;
use crate::bundle::Loaded;
use crate::matrix::{everyone, moment};
use crate::samples::Compared;
use crate::source::PolicyFile;

/// The most calls that are tried for one survivor, and how many more once a lesser difference is found.
const CALLS: usize = 20_000;
const MORE: usize = 2_000;
/// The most yeses that are given to single calls.
const FOLLOWED: usize = 200;
/// The most subjects that are tried.
const SUBJECTS: usize = 60;

/// A call, and what differs between the policies and the mutant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hint {
    /// The call, as a case of a suite has it.
    pub case: Map<String, Value>,
    /// What the policies say, field by field.
    pub expect: Map<String, Value>,
    /// What the mutant says instead.
    pub instead: Map<String, Value>,
}

/// How approvals stand while looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Yes {
    Nobody,
    User,
    Manager,
}

/// What agents hold while looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    AsGranted,
    Everything,
}

/// In which order to look: as things are first.
const WORLDS: [(Held, Yes); 6] = [
    (Held::AsGranted, Yes::Nobody),
    (Held::Everything, Yes::Nobody),
    (Held::AsGranted, Yes::User),
    (Held::AsGranted, Yes::Manager),
    (Held::Everything, Yes::User),
    (Held::Everything, Yes::Manager),
];

/// Grants and approvals besides those of the snapshot.
#[derive(Clone, Debug, Default)]
struct World {
    grants: Vec<Grant>,
    approvals: Vec<Approval>,
}

/// Looks for calls. Made once for all survivors.
pub struct Searcher<'l> {
    engine: &'l Engine,
    snapshot: Snapshot,
    subjects: Vec<Subject>,
    arguments: BTreeMap<ToolId, Vec<(Value, String)>>,
    /// The first entitlement that unlocks each tool.
    unlocks: Vec<(ToolId, String)>,
    sessions: Vec<Session>,
    times: Vec<Instant>,
}

impl<'l> Searcher<'l> {
    /// Over the samples of a bundle.
    pub fn new(loaded: &'l Loaded, files: &[PolicyFile]) -> Self {
        let engine = &loaded.engine;
        let snapshot = engine.snapshot();
        let compared = Compared::of(files);
        let mut subjects = everyone(&snapshot);
        subjects.truncate(SUBJECTS);
        let sample = |value: Value| {
            let text = value.to_string();
            (value, text)
        };
        let of = |tool: &toolgate::facts::Tool| compared.arguments(tool).into_iter().map(sample).collect();
        let arguments = engine.catalog().tools.values().map(|tool| (tool.id.clone(), of(tool))).collect();
        let end = snapshot.issued_at.saturating_add(snapshot.max_age);
        let good = |at: &Instant| (snapshot.issued_at..end).contains(at);
        let mut times = vec![moment(None, engine)];
        for edge in compared.instants() {
            let near = [-1, 0, 1].map(|step| Instant::from_unix_millis(edge.unix_millis().saturating_add(step)));
            times.extend(near.into_iter().flatten().filter(good));
        }
        let sessions = sessions(engine, &compared, times.first().copied().unwrap_or(snapshot.issued_at));
        let first = |tool: &toolgate::facts::Tool| Some((tool.id.clone(), tool.entitlements.first()?.clone()));
        let unlocks = engine.catalog().tools.values().filter_map(first).collect();
        Self { engine, snapshot, subjects, arguments, unlocks, sessions, times }
    }

    /// A call that the mutant, loaded as `other`, answers otherwise; best one with another outcome.
    pub fn search(&self, other: &Engine, mutant: &Mutant) -> Option<Hint> {
        let mut search = Search { searcher: self, mutant, lesser: None, left: CALLS, followed: 0 };
        for (held, yes) in WORLDS {
            for now in &self.times {
                let changes = self.changes(held, yes, *now);
                let (Some(one), Some(two)) = (self.with(self.engine, &changes), self.with(other, &changes)) else {
                    continue;
                };
                if let Some(found) = search.calls(&one, &two, &changes, *now) {
                    return Some(found);
                }
            }
        }
        search.lesser
    }

    fn with(&self, engine: &Engine, changes: &World) -> Option<Engine> {
        if changes.grants.is_empty() && changes.approvals.is_empty() {
            return Some(engine.clone());
        }
        let added = changes.clone();
        let grants = Changes { add: added.grants, revoke: Vec::new() };
        let approvals = Changes { add: added.approvals, revoke: Vec::new() };
        let version = engine.snapshot_version().checked_add(1)?;
        engine.with(&Delta { version, issued_at: self.snapshot.issued_at, grants, approvals }).ok()
    }

    /// What is granted and approved besides.
    fn changes(&self, held: Held, yes: Yes, now: Instant) -> World {
        let mut world = World::default();
        for subject in &self.subjects {
            for (tool, entitlement) in &self.unlocks {
                if held == Held::Everything {
                    world.grants.push(Grant {
                        id: format!("g-{}", world.grants.len()),
                        to: match subject.clone() {
                            Subject::Agent { user, client } => Holder::UserClient { user, client },
                            Subject::ServicePrincipal { id } => Holder::ServicePrincipal(id),
                        },
                        what: Granted::Entitlement(entitlement.clone()),
                        from: None,
                        until: None,
                    });
                }
                if yes != Yes::Nobody {
                    let id = format!("y-{}", world.approvals.len());
                    world.approvals.extend(self.yes(yes, id, subject, Scope::Tool(tool.clone()), now));
                }
            }
        }
        world
    }

    /// A fresh yes, by whoever may say it.
    fn yes(&self, yes: Yes, id: String, subject: &Subject, scope: Scope, now: Instant) -> Option<Approval> {
        let (kind, by) = match yes {
            Yes::Nobody => return None,
            Yes::User => (ApprovalKind::SelfApproval, self.own(subject)?),
            Yes::Manager => (ApprovalKind::Manager, self.manager(subject)?),
        };
        let (from, until) = (now, now.saturating_add(Duration::from_secs(3600)));
        Some(Approval { id, kind, by, subject: subject.clone(), scope, from, until })
    }

    fn own(&self, subject: &Subject) -> Option<String> {
        match subject {
            Subject::Agent { user, .. } => Some(user.clone()),
            Subject::ServicePrincipal { id } => {
                self.snapshot.service_principals.iter().find(|service| service.id == *id).map(|it| it.owner.clone())
            }
        }
    }

    fn manager(&self, subject: &Subject) -> Option<String> {
        let of = |user: &str| self.snapshot.users.iter().find(|known| known.id == user)?.manager.clone();
        match subject {
            Subject::Agent { user, .. } => of(user),
            Subject::ServicePrincipal { id } => {
                let service = self.snapshot.service_principals.iter().find(|service| service.id == *id)?;
                service.manager.clone().or_else(|| of(&service.owner))
            }
        }
    }
}

/// One search.
struct Search<'s> {
    searcher: &'s Searcher<'s>,
    mutant: &'s Mutant,
    /// A difference, though not in the outcome.
    lesser: Option<Hint>,
    /// How many calls may still be tried.
    left: usize,
    /// How many yeses were given to single calls.
    followed: usize,
}

impl Search<'_> {
    fn calls(&mut self, one: &Engine, two: &Engine, world: &World, now: Instant) -> Option<Hint> {
        let searcher = self.searcher;
        for session in &searcher.sessions {
            for (tool, samples) in searcher.arguments.iter().filter(|(tool, _)| !named_another(self.mutant, tool)) {
                let name = tool.to_string();
                let unlocks =
                    searcher.unlocks.iter().find(|(known, _)| known == tool).map(|(_, entitlement)| entitlement);
                for subject in &searcher.subjects {
                    for (arguments, text) in samples {
                        self.left = self.left.checked_sub(1)?;
                        let (bytes, subject_of) = (text.as_bytes(), SubjectRef::from(subject));
                        let call = RawCall { subject: subject_of, tool: &name, arguments: bytes, session, now };
                        let asked = Asked { unlocks, call, tool, arguments };
                        let found = self.differs(one, two, world, &asked);
                        if found.is_some() {
                            return found;
                        }
                        if self.lesser.is_none() {
                            let found = self.followed(one, two, world, &asked, subject);
                            if found.is_some() {
                                return found;
                            }
                        }
                    }
                }
            }
        }
        None
    }

    /// A difference in the outcome; a lesser one is kept.
    fn differs(&mut self, one: &Engine, two: &Engine, world: &World, asked: &Asked<'_>) -> Option<Hint> {
        let (expected, actual) = (one.decide_raw(&asked.call), two.decide_raw(&asked.call));
        if expected.outcome != actual.outcome {
            return hint(asked, world, &expected, &actual);
        }
        if self.lesser.is_none() && !same(&expected, &actual) {
            self.lesser = hint(asked, world, &expected, &actual);
            self.left = self.left.min(MORE);
        }
        None
    }

    /// The same call after somebody said yes to just this one.
    fn followed(
        &mut self,
        one: &Engine,
        two: &Engine,
        world: &World,
        asked: &Asked<'_>,
        subject: &Subject,
    ) -> Option<Hint> {
        let decision = one.decide_raw(&asked.call);
        let about = decision.policies.iter().any(|policy| policy.id == self.mutant.policy);
        let binding = decision.approval_request.as_ref().filter(|_| about)?.binding.clone();
        for yes in [Yes::User, Yes::Manager] {
            self.followed = self.followed.checked_add(1).filter(|&followed| followed <= FOLLOWED)?;
            let scope = Scope::Call(binding.clone());
            let yes = self.searcher.yes(yes, "y-call".into(), subject, scope, asked.call.now)?;
            let world = World { grants: world.grants.clone(), approvals: vec![yes] };
            let only = World { grants: Vec::new(), approvals: world.approvals.clone() };
            let (one, two) = (self.searcher.with(one, &only)?, self.searcher.with(two, &only)?);
            let found = self.differs(&one, &two, &world, asked);
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// A call, and what it was made of.
struct Asked<'a> {
    unlocks: Option<&'a String>,
    call: RawCall<'a>,
    tool: &'a ToolId,
    arguments: &'a Value,
}

impl Asked<'_> {
    /// What of the world is about this call.
    fn snapshot(&self, world: &World) -> Map<String, Value> {
        let mut snapshot = Map::new();
        let mine = |holder: &Holder| match (holder, self.call.subject) {
            (Holder::UserClient { user, client }, SubjectRef::Agent { user: of, client: through }) => {
                user == of && client == through
            }
            (Holder::ServicePrincipal(one), SubjectRef::ServicePrincipal { id }) => one == id,
            _ => false,
        };
        let unlocks = |grant: &&Grant| matches!(&grant.what, Granted::Entitlement(id) if Some(id) == self.unlocks);
        let grant = world.grants.iter().filter(|grant| mine(&grant.to)).find(unlocks);
        let covers = |scope: &Scope| matches!(scope, Scope::Call(_)) || *scope == Scope::Tool(self.tool.clone());
        let approvals: Vec<&Approval> = world
            .approvals
            .iter()
            .filter(|yes| SubjectRef::from(&yes.subject) == self.call.subject && covers(&yes.scope))
            .collect();
        snapshot.extend(grant.map(|grant| ("grants".to_owned(), json!([grant]))));
        if !approvals.is_empty() {
            snapshot.insert("approvals".into(), json!(approvals));
        }
        snapshot
    }
}

/// Whether the policy is about one tool only, and another one.
fn named_another(mutant: &Mutant, tool: &ToolId) -> bool {
    mutant.only_tool.as_ref().is_some_and(|only| *only != tool.to_string())
}

/// New sessions, and such as policies look for: with labels, with a way of signing in.
fn sessions(engine: &Engine, compared: &Compared, now: Instant) -> Vec<Session> {
    let base =
        Session { calls: Some(0), labels: Some(BTreeSet::new()), authenticated_at: Some(now), ..Session::default() };
    let mut all = vec![base.clone()];
    let known: BTreeSet<&str> =
        engine.catalog().tools.values().flat_map(|tool| &tool.labels).map(String::as_str).collect();
    let labels: Vec<&str> =
        compared.texts(&["session", "labels"]).into_iter().filter(|it| known.contains(it)).collect();
    let with = |labels: &[&str]| Session {
        labels: Some(labels.iter().map(|&label| label.to_owned()).collect()),
        ..base.clone()
    };
    all.extend(labels.iter().map(|&label| with(&[label])));
    let pairs = labels
        .iter()
        .enumerate()
        .flat_map(|(at, one)| labels.iter().skip(at.saturating_add(1)).map(|two| [*one, *two]).collect::<Vec<_>>());
    all.extend(pairs.take(6).map(|pair| with(&pair)));
    let acrs = compared.texts(&["session", "acr"]);
    all.extend(acrs.into_iter().map(|acr| Session { acr: Some(acr.to_owned()), ..base.clone() }));
    all
}

/// Whether two decisions are alike in all that policies say.
fn same(one: &Decision<'_>, two: &Decision<'_>) -> bool {
    one.outcome == two.outcome
        && one.reason == two.reason
        && one.policies == two.policies
        && one.approval_request == two.approval_request
        && one.access_request == two.access_request
        && one.step_up == two.step_up
        && one.obligations == two.obligations
        && one.guidance == two.guidance
}

/// The fields that differ, and the call as a case.
fn hint(asked: &Asked<'_>, world: &World, expected: &Decision<'_>, actual: &Decision<'_>) -> Option<Hint> {
    let call = &asked.call;
    let of = |decision: &Decision<'_>| -> Option<Map<String, Value>> {
        let mut fields = serde_json::to_value(decision).ok()?.as_object()?.clone();
        let policies: Vec<&str> = decision.policies.iter().map(|policy| &*policy.id).collect();
        fields.insert("policies".into(), json!(policies));
        Some(fields)
    };
    let (expected, actual) = (of(expected)?, of(actual)?);
    let (mut expect, mut instead) = (Map::new(), Map::new());
    for field in ["outcome", "reason", "policies", "approval_request", "access_request", "step_up", "obligations"] {
        let (one, two) = (expected.get(field)?, actual.get(field)?);
        if one == two {
            continue;
        }
        let (one, two) = parts(one, two);
        expect.insert(field.into(), one);
        instead.insert(field.into(), two);
        if field == "outcome" {
            break;
        }
    }
    let mut case = Map::new();
    case.insert("now".into(), json!(call.now));
    case.insert("subject".into(), json!(call.subject.to_owned()));
    case.insert("tool".into(), json!(call.tool));
    case.insert("arguments".into(), asked.arguments.clone());
    let mut session = Map::new();
    session.insert("labels".into(), json!(call.session.labels));
    if let Some(acr) = &call.session.acr {
        session.insert("acr".into(), json!(acr));
    }
    case.insert("session".into(), session.into());
    let snapshot = asked.snapshot(world);
    if !snapshot.is_empty() {
        case.insert("snapshot".into(), snapshot.into());
    }
    Some(Hint { case, expect, instead })
}

/// Of two objects, the fields that differ.
fn parts(one: &Value, two: &Value) -> (Value, Value) {
    let (Value::Object(left), Value::Object(right)) = (one, two) else { return (one.clone(), two.clone()) };
    let differs = |(key, value): &(&String, &Value)| right.get(*key) != Some(value);
    let keys: Vec<&String> = left.iter().filter(differs).map(|(key, _)| key).collect();
    let of = |map: &Map<String, Value>| -> Value {
        keys.iter()
            .map(|key| ((*key).clone(), map.get(*key).cloned().unwrap_or_default()))
            .collect::<Map<_, _>>()
            .into()
    };
    (of(left), of(right))
}
