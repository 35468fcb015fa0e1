//! `toolgate diff`: what another bundle would decide otherwise, what became more permissive first.
//!
//! Both are asked the same questions: every subject and every tool of either, with samples on both sides of what the
//! policies of either compare with, and recorded calls. It shows what changed, and proves nothing about the rest.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use toolgate::facts::Tool;
use toolgate::{Call, Decision, Engine, Instant, Outcome, RawCall, Reason, Subject, SubjectRef, ToolId, Visibility};

use crate::decide::next;
use crate::matrix::{Grade, Setting, Tries, in_parallel};
use crate::source::PolicyFile;

pub mod text;

/// Which way a change goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is permitted, with less asked, for longer, or more widely.
    Wider,
    /// Less.
    Narrower,
    /// Something else: who is asked, what the host is obliged to.
    Other,
}

/// One answer that changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which way.
    pub direction: Direction,
    /// Whose call.
    pub subject: Subject,
    /// Of which tool.
    pub tool: ToolId,
    /// With which arguments; none if it is known of some only that they could do better.
    pub arguments: Option<Value>,
    /// The line of a recorded call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What changed apart from the outcome, in a few words.
    pub terms: Vec<String>,
    /// The old answer.
    pub old: Answer,
    /// The new one.
    pub new: Answer,
}

/// An answer, in what can be compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The outcome; of no arguments in particular there is none.
    pub outcome: Option<Outcome>,
    /// Why.
    pub reason: Option<Reason>,
    /// Whether access has to be requested first.
    pub requests_access: bool,
    /// The policies that made the difference.
    pub policies: Vec<String>,
    /// What happens next, in a few words.
    pub next: String,
    /// The best that any arguments could reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// The letter of a matrix.
    pub letter: Option<char>,
}

impl Answer {
    fn of(decision: &Decision<'_>) -> Self {
        Self {
            outcome: Some(decision.outcome),
            reason: Some(decision.reason),
            requests_access: decision.access_request.is_some(),
            policies: decision.policies.iter().map(|policy| policy.id.to_string()).collect(),
            next: next(decision),
            visibility: None,
            letter: Some(Grade::of(decision).letter()),
        }
    }

    fn seen(visibility: Visibility) -> Self {
        Self {
            outcome: None,
            reason: None,
            requests_access: false,
            policies: Vec::new(),
            next: String::new(),
            visibility: Some(visibility),
            letter: None,
        }
    }
}

/// Ids that came, went, and stayed with another content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Names {
    /// Only in the new bundle.
    pub added: Vec<String>,
    /// Only in the old one.
    pub removed: Vec<String>,
    /// In both, and not the same.
    pub changed: Vec<String>,
}

impl Names {
    fn of<T: PartialEq>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> Self {
        let only = |one: &BTreeMap<String, T>, other: &BTreeMap<String, T>| {
            one.keys().filter(|id| !other.contains_key(*id)).cloned().collect()
        };
        let differs = |(id, value): &(&String, &T)| old.get(*id).is_some_and(|before| before != *value);
        Self {
            added: only(new, old),
            removed: only(old, new),
            changed: new.iter().filter(differs).map(|(id, _)| id.clone()).collect(),
        }
    }

    /// Whether nothing came, went or changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// One of two bundles.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its engine.
    pub engine: &'a Engine,
    /// Its policies as they are written.
    pub files: &'a [PolicyFile],
    /// When it is asked.
    pub now: Instant,
}

/// What to ask both.
#[derive(Clone, Debug)]
pub struct Questions {
    /// Whose calls.
    pub subjects: Vec<Subject>,
    /// Of which tools.
    pub tools: Vec<ToolId>,
    /// With which arguments.
    pub tries: Tries,
    /// In which session. The time is each side's own.
    pub setting: Setting,
    /// Recorded calls, each with its line, asked as they are.
    pub calls: Vec<(usize, Call)>,
}

/// What differs between two bundles.
#[derive(Clone, Debug, PartialEq)]
pub struct Diff {
    /// Policies; changed in their text.
    pub policies: Names,
    /// Tools; changed in their definition or in what the administrator says.
    pub tools: Names,
    /// Subjects that could call something.
    pub subjects: Names,
    /// Answers, what became more permissive first.
    pub changes: Vec<Change>,
    /// How many questions both were asked.
    pub asked: usize,
}

impl Diff {
    /// How many changes go such a way.
    pub fn count(&self, direction: Direction) -> usize {
        self.changes.iter().filter(|change| change.direction == direction).count()
    }
}

/// Asks both and compares.
pub fn compare(old: Side<'_>, new: Side<'_>, questions: &Questions) -> Diff {
    let row = |subject: &Subject| cells(old, new, questions, subject);
    let rows = in_parallel(&questions.subjects, row);
    let mut asked = questions.calls.len();
    let mut changes: Vec<Change> = Vec::new();
    for (many, found) in rows {
        asked = asked.saturating_add(many);
        changes.extend(found);
    }
    for (line, call) in &questions.calls {
        let (before, after) = (old.engine.decide(call), new.engine.decide(call));
        if let Some((direction, terms)) = direction(&before, &after) {
            changes.push(Change {
                direction,
                subject: call.subject.clone(),
                tool: call.tool.clone(),
                arguments: serde_json::from_str(&call.arguments.to_string()).ok(),
                line: Some(*line),
                terms,
                old: Answer::of(&before),
                new: Answer::of(&after),
            });
        }
    }
    let key = |change: &Change| {
        let rank = |letter: Option<char>| Grade::all().position(|grade| Some(grade.letter()) == letter).unwrap_or(0);
        // from refused to allowed first, and the furthest first
        let (from, to) = (rank(change.old.letter), rank(change.new.letter));
        let far = if change.direction == Direction::Wider { from.saturating_sub(to) } else { to.saturating_sub(from) };
        (change.direction, change.line.is_none(), usize::MAX.saturating_sub(far))
    };
    changes.sort_by(|one, two| key(one).cmp(&key(two)).then_with(|| one.tool.cmp(&two.tool)));
    Diff {
        policies: Names::of(&policies(old.files), &policies(new.files)),
        tools: Names::of(&tools(old.engine), &tools(new.engine)),
        subjects: Names::of(&subjects(old.engine), &subjects(new.engine)),
        changes,
        asked,
    }
}

/// What changed for one subject, and how many questions were asked.
fn cells(old: Side<'_>, new: Side<'_>, questions: &Questions, subject: &Subject) -> (usize, Vec<Change>) {
    let session = |side: Side<'_>| Setting { now: side.now, ..questions.setting.clone() }.session();
    let (old_session, new_session) = (session(old), session(new));
    let seen = |side: Side<'_>, session| -> BTreeMap<ToolId, Visibility> {
        let visible = side.engine.visible_tools(subject, session, side.now);
        visible.into_iter().map(|tool| (tool.tool.into_owned(), tool.visibility)).collect()
    };
    let (old_seen, new_seen) = (seen(old, &old_session), seen(new, &new_session));
    let (mut asked, mut changes) = (0usize, Vec::new());
    for tool in &questions.tools {
        let name = tool.to_string();
        let before_tool = changes.len();
        for arguments in questions.tries.of(tool) {
            let text = arguments.to_string();
            let call = |session, now| RawCall {
                subject: SubjectRef::from(subject),
                tool: &name,
                arguments: text.as_bytes(),
                session,
                now,
            };
            let before = old.engine.decide_raw(&call(&old_session, old.now));
            let after = new.engine.decide_raw(&call(&new_session, new.now));
            asked = asked.saturating_add(1);
            // a sample that only one side's schema takes says nothing about permissions
            let invalid = |decision: &Decision<'_>| decision.reason == Reason::ArgumentInvalid;
            if invalid(&before) || invalid(&after) {
                continue;
            }
            if let Some((direction, terms)) = direction(&before, &after) {
                changes.push(Change {
                    direction,
                    subject: subject.clone(),
                    tool: tool.clone(),
                    arguments: Some(arguments.clone()),
                    line: None,
                    terms,
                    old: Answer::of(&before),
                    new: Answer::of(&after),
                });
            }
        }
        let of = |seen: &BTreeMap<ToolId, Visibility>| seen.get(tool).copied().unwrap_or(Visibility::Hidden);
        let (before, after) = (of(&old_seen), of(&new_seen));
        let direction = if after < before { Direction::Wider } else { Direction::Narrower };
        let told = changes.iter().skip(before_tool).any(|change| change.direction == direction);
        if before != after && !told {
            changes.push(Change {
                direction,
                subject: subject.clone(),
                tool: tool.clone(),
                arguments: None,
                line: None,
                terms: vec![format!("some arguments could reach {after}, it was {before}")],
                old: Answer::seen(before),
                new: Answer::seen(after),
            });
        }
    }
    (asked, changes)
}

/// Which way an answer changed, and what of its terms; nothing if it did not.
fn direction(old: &Decision<'_>, new: &Decision<'_>) -> Option<(Direction, Vec<String>)> {
    let (before, after) = (Grade::of(old), Grade::of(new));
    let mut ways = BTreeSet::new();
    let mut terms = Vec::new();
    if before != after {
        // another outcome has its own terms; two ways of refusing differ in what is said only
        let way = match (before.leads_anywhere() || after.leads_anywhere(), after < before) {
            (false, _) => Direction::Other,
            (true, true) => Direction::Wider,
            (true, false) => Direction::Narrower,
        };
        return Some((way, terms));
    }
    if let (Some(one), Some(two)) = (&old.approval_request, &new.approval_request) {
        if one.valid_for != two.valid_for {
            // nothing said means this call only
            let longer = one.valid_for.unwrap_or_default() < two.valid_for.unwrap_or_default();
            ways.insert(if longer { Direction::Wider } else { Direction::Narrower });
            let said = |time: Option<_>| time.map_or_else(|| "this call".into(), crate::render::duration);
            terms.push(format!("a yes is good for {}, it was {}", said(two.valid_for), said(one.valid_for)));
        }
        if one.scope.width() != two.scope.width() {
            let wider = one.scope.width() < two.scope.width();
            ways.insert(if wider { Direction::Wider } else { Direction::Narrower });
            terms.push(format!("a yes covers {} than it did", if wider { "more" } else { "less" }));
        }
        if one.approvers != two.approvers {
            ways.insert(Direction::Other);
            terms.push(format!("{} is asked, it was {}", two.approvers.join(" or "), one.approvers.join(" or ")));
        }
    }
    if let (Some(one), Some(two)) = (&old.access_request, &new.access_request)
        && one != two
    {
        ways.insert(Direction::Other);
        terms.push("another access request".into());
    }
    if old.obligations != new.obligations && after.leads_anywhere() {
        let fewer = new.obligations.iter().all(|duty| old.obligations.contains(duty));
        ways.insert(if fewer { Direction::Wider } else { Direction::Other });
        terms.push(format!("the host must {}, it was {}", duties(new), duties(old)));
    }
    // the first is what a reviewer has to know
    ways.into_iter().next().map(|way| (way, terms))
}

fn duties(decision: &Decision<'_>) -> String {
    if decision.obligations.is_empty() { "do nothing".into() } else { decision.obligations.join(", ") }
}

fn policies(files: &[PolicyFile]) -> BTreeMap<String, String> {
    let of = |file: &'_ PolicyFile| -> Vec<(String, String)> {
        file.policies.iter().map(|policy| (policy.id.clone(), file.at(&policy.span).to_owned())).collect()
    };
    files.iter().flat_map(of).collect()
}

fn tools(engine: &Engine) -> BTreeMap<String, Tool> {
    engine.catalog().tools.values().map(|tool| (tool.id.to_string(), tool.clone())).collect()
}

fn subjects(engine: &Engine) -> BTreeMap<String, ()> {
    let everyone = crate::matrix::everyone(&engine.snapshot());
    everyone.into_iter().map(|subject| (crate::matrix::written(&subject), ())).collect()
}

/// When to ask both, if nobody says: now, or the moment the newer snapshot was issued, if both are good then; else each
/// at the moment its own was issued.
pub fn moments(clock: Option<Instant>, old: &Engine, new: &Engine) -> (Instant, Instant) {
    let span = |engine: &Engine| {
        let snapshot = engine.snapshot();
        (snapshot.issued_at, snapshot.issued_at.saturating_add(snapshot.max_age))
    };
    let ((old_from, old_end), (new_from, new_end)) = (span(old), span(new));
    let good = |at: &Instant| (old_from..old_end).contains(at) && (new_from..new_end).contains(at);
    match clock.into_iter().chain([old_from.max(new_from)]).find(good) {
        Some(both) => (both, both),
        None => (old_from, new_from),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    kind: &'static str,
    #[serde(flatten)]
    change: &'a Change,
}

#[derive(Serialize)]
struct Summary<'a> {
    kind: &'static str,
    wider: usize,
    narrower: usize,
    other: usize,
    asked: usize,
    policies: &'a Names,
    tools: &'a Names,
    subjects: &'a Names,
}

/// The changes, then a summary: an object a line.
pub fn json(diff: &Diff) -> String {
    let line = |change| crate::render::json_line(&Line { kind: "change", change });
    let lines: String = diff.changes.iter().map(line).collect();
    lines
        + &crate::render::json_line(&Summary {
            kind: "summary",
            wider: diff.count(Direction::Wider),
            narrower: diff.count(Direction::Narrower),
            other: diff.count(Direction::Other),
            asked: diff.asked,
            policies: &diff.policies,
            tools: &diff.tools,
            subjects: &diff.subjects,
        })
}
