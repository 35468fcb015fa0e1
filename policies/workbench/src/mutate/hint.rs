//! A call that a survivor answers otherwise, looked for among samples: the test that is missing.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};
use toolgate::facts::{Approval, ApprovalKind, Changes, Delta, Scope, Snapshot};
use toolgate::{Decision, Engine, Instant, RawCall, Session, Subject, SubjectRef, ToolId};

use super::Mutant;
use crate::bundle::Loaded;
use crate::matrix::{everyone, moment};
use crate::samples::Compared;
use crate::source::PolicyFile;

/// The most calls that are tried for one survivor, and how many more once a lesser difference is found.
const CALLS: usize = 40_000;
const MORE: usize = 4_000;
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

/// Looks for calls. Made once for all survivors.
pub struct Searcher<'l> {
    engine: &'l Engine,
    snapshot: Snapshot,
    subjects: Vec<Subject>,
    arguments: BTreeMap<ToolId, Vec<(Value, String)>>,
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
        Self { engine, snapshot, subjects, arguments, sessions, times }
    }

    /// A call that the mutant, loaded as `other`, answers otherwise; best one with another outcome.
    pub fn search(&self, other: &Engine, mutant: &Mutant) -> Option<Hint> {
        let (mut lesser, mut left) = (None, CALLS);
        for yes in [Yes::Nobody, Yes::User, Yes::Manager] {
            for now in &self.times {
                let approvals = self.approvals(yes, *now);
                let (Some(one), Some(two)) = (self.with(self.engine, &approvals), self.with(other, &approvals)) else {
                    continue;
                };
                for session in &self.sessions {
                    for (tool, samples) in &self.arguments {
                        if named_another(mutant, tool) {
                            continue;
                        }
                        let name = tool.to_string();
                        for subject in &self.subjects {
                            for (arguments, text) in samples {
                                let bytes = text.as_bytes();
                                let subject = SubjectRef::from(subject);
                                let call = RawCall { subject, tool: &name, arguments: bytes, session, now: *now };
                                let (expected, actual) = (one.decide_raw(&call), two.decide_raw(&call));
                                left = left.checked_sub(1)?;
                                let found = || {
                                    let approvals = approvals.iter().filter(|yes| is_for(yes, &call, tool));
                                    hint(&call, arguments, approvals, &expected, &actual)
                                };
                                if expected.outcome != actual.outcome {
                                    return found();
                                }
                                if lesser.is_none() && !same(&expected, &actual) {
                                    lesser = found();
                                    left = left.min(MORE);
                                }
                                if left == 0 {
                                    return lesser;
                                }
                            }
                        }
                    }
                }
            }
        }
        lesser
    }

    fn with(&self, engine: &Engine, approvals: &[Approval]) -> Option<Engine> {
        if approvals.is_empty() {
            return Some(engine.clone());
        }
        let approvals = Changes { add: approvals.to_vec(), revoke: Vec::new() };
        let version = self.snapshot.version.checked_add(1)?;
        let issued_at = self.snapshot.issued_at;
        engine.with(&Delta { version, issued_at, grants: Changes::default(), approvals }).ok()
    }

    /// A fresh yes of everybody to every tool.
    fn approvals(&self, yes: Yes, now: Instant) -> Vec<Approval> {
        let (from, until) = (now, now.saturating_add(std::time::Duration::from_secs(3600)));
        let mut all = Vec::new();
        for subject in &self.subjects {
            let (kind, by) = match yes {
                Yes::Nobody => return Vec::new(),
                Yes::User => (ApprovalKind::SelfApproval, self.own(subject)),
                Yes::Manager => (ApprovalKind::Manager, self.manager(subject)),
            };
            let Some(by) = by else { continue };
            for tool in self.arguments.keys() {
                let (id, subject, scope) = (format!("yes-{}", all.len()), subject.clone(), Scope::Tool(tool.clone()));
                all.push(Approval { id, kind, by: by.clone(), subject, scope, from, until });
            }
        }
        all
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

/// Whether the policy is about one tool only, and another one.
fn named_another(mutant: &Mutant, tool: &ToolId) -> bool {
    mutant.only_tool.as_ref().is_some_and(|only| *only != tool.to_string())
}

/// New sessions, and such as policies look for: with labels, with a way of signing in.
fn sessions(engine: &Engine, compared: &Compared, now: Instant) -> Vec<Session> {
    let base = Session {
        calls: Some(0),
        labels: Some(BTreeSet::new()),
        authenticated_at: Some(now),
        ..Session::default()
    };
    let mut all = vec![base.clone()];
    let known: BTreeSet<&str> = engine.catalog().tools.values().flat_map(|tool| &tool.labels).map(String::as_str).collect();
    let labels: Vec<&str> = compared.texts(&["session", "labels"]).into_iter().filter(|it| known.contains(it)).collect();
    let with = |labels: &[&str]| Session {
        labels: Some(labels.iter().map(|&label| label.to_owned()).collect()),
        ..base.clone()
    };
    all.extend(labels.iter().map(|&label| with(&[label])));
    let pairs = labels.iter().enumerate().flat_map(|(at, one)| {
        labels.iter().skip(at.saturating_add(1)).map(|two| [*one, *two]).collect::<Vec<_>>()
    });
    all.extend(pairs.take(6).map(|pair| with(&pair)));
    let acrs = compared.texts(&["session", "acr"]);
    all.extend(acrs.into_iter().map(|acr| Session { acr: Some(acr.to_owned()), ..base.clone() }));
    all
}

fn is_for(approval: &Approval, call: &RawCall<'_>, tool: &ToolId) -> bool {
    SubjectRef::from(&approval.subject) == call.subject && approval.scope == Scope::Tool(tool.clone())
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
fn hint<'a>(
    call: &RawCall<'_>,
    arguments: &Value,
    approvals: impl Iterator<Item = &'a Approval>,
    expected: &Decision<'_>,
    actual: &Decision<'_>,
) -> Option<Hint> {
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
    case.insert("arguments".into(), arguments.clone());
    let mut session = Map::new();
    session.insert("labels".into(), json!(call.session.labels));
    if let Some(acr) = &call.session.acr {
        session.insert("acr".into(), json!(acr));
    }
    case.insert("session".into(), session.into());
    let approvals: Vec<&Approval> = approvals.collect();
    if !approvals.is_empty() {
        case.insert("snapshot".into(), json!({ "approvals": approvals }));
    }
    Some(Hint { case, expect, instead })
}

/// Of two objects, the fields that differ.
fn parts(one: &Value, two: &Value) -> (Value, Value) {
    let (Value::Object(left), Value::Object(right)) = (one, two) else { return (one.clone(), two.clone()) };
    let differs = |(key, value): &(&String, &Value)| right.get(*key) != Some(value);
    let keys: Vec<&String> = left.iter().filter(differs).map(|(key, _)| key).collect();
    let of = |map: &Map<String, Value>| -> Value {
        keys.iter().map(|key| ((*key).clone(), map.get(*key).cloned().unwrap_or_default())).collect::<Map<_, _>>().into()
    };
    (of(left), of(right))
}
