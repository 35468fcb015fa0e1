//! `toolgate matrix`: who may call what.
//!
//! What a call leads to depends on its arguments, so a cell is decided with several: samples on both sides of what the
//! policies compare with ([`samples`](crate::samples)), and those of recorded calls. It says every outcome that came
//! out, and whether some other arguments could reach better: that the engine knows of *all* arguments.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use toolgate::facts::{ClientState, Snapshot};
use toolgate::{
    Call, Decision, Engine, Instant, Operation, Outcome, RawCall, Reason, Session, Subject, SubjectRef, ToolId,
    Visibility,
};
use wildmatch::WildMatch;

use crate::decide::next;
use crate::samples::Compared;
use crate::tools::parse_subject;

mod grade;
pub mod html;
pub mod text;

pub use grade::Grade;

/// The most cells of a matrix.
pub const CELLS: usize = 500_000;

/// When, and in which session.
#[derive(Clone, Debug)]
pub struct Setting {
    /// When.
    pub now: Instant,
    /// What has flowed into the session so far.
    pub labels: BTreeSet<String>,
    /// How the user signed in, if known.
    pub acr: Option<String>,
}

impl Setting {
    /// A session that has just begun, but for the labels.
    pub fn session(&self) -> Session {
        Session {
            calls: Some(0),
            labels: Some(self.labels.clone()),
            authenticated_at: Some(self.now),
            acr: self.acr.clone(),
            ..Session::default()
        }
    }
}

/// One way a cell was answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// The outcome.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Whether access has to be requested first.
    pub requests_access: bool,
    /// The policies that made the difference.
    pub policies: Vec<String>,
    /// What happens next, in a few words.
    pub next: String,
    /// Arguments that were answered so.
    pub arguments: Value,
    #[serde(skip)]
    grade: Grade,
}

impl Answer {
    fn of(decision: &Decision<'_>, arguments: &Value) -> Self {
        Self {
            outcome: decision.outcome,
            reason: decision.reason,
            requests_access: decision.access_request.is_some(),
            policies: decision.policies.iter().map(|policy| policy.id.to_string()).collect(),
            next: next(decision),
            arguments: arguments.clone(),
            grade: Grade::of(decision),
        }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.grade == other.grade && self.reason == other.reason && self.policies == other.policies
    }
}

/// One subject and one tool.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The best that any arguments could reach.
    pub visibility: Visibility,
    /// What came out, from most to least, each once.
    pub answers: Vec<Answer>,
    /// Whether other arguments could do better than any that was tried.
    pub could_be_better: bool,
}

impl Cell {
    /// The grades that came out, from most to least, each once.
    pub fn grades(&self) -> Vec<Grade> {
        let mut grades: Vec<Grade> = self.answers.iter().map(|answer| answer.grade).collect();
        grades.dedup();
        grades
    }

    /// Its letters, and `?` if other arguments could do better.
    pub fn letters(&self) -> String {
        let mut letters: String = self.grades().into_iter().map(Grade::letter).collect();
        if self.could_be_better {
            letters.push('?');
        }
        letters
    }
}

/// A tool of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The tool.
    pub tool: ToolId,
    /// What it does.
    pub operation: Operation,
}

/// Subjects × tools.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// When, and in which session.
    pub setting: Setting,
    /// The subjects.
    pub subjects: Vec<Subject>,
    /// The tools, by server.
    pub rows: Vec<Row>,
    /// By subject, the cells in the order of the rows.
    pub cells: Vec<Vec<Cell>>,
}

impl Matrix {
    /// Subjects that have the same letters everywhere, together; in the order of the first of each.
    pub fn groups(&self) -> Vec<(Vec<&Subject>, &[Cell])> {
        let mut at: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        let mut groups: Vec<(Vec<&Subject>, &[Cell])> = Vec::new();
        for (subject, cells) in self.subjects.iter().zip(&self.cells) {
            let letters = cells.iter().map(Cell::letters).collect();
            let index = *at.entry(letters).or_insert(groups.len());
            match groups.get_mut(index) {
                Some((subjects, _)) => subjects.push(subject),
                None => groups.push((vec![subject], cells)),
            }
        }
        groups
    }
}

/// Everyone who could call something: each active user through each client in use, and each active service principal.
pub fn everyone(snapshot: &Snapshot) -> Vec<Subject> {
    let in_use = |state: ClientState| matches!(state, ClientState::Active | ClientState::Hidden);
    let clients = || snapshot.clients.iter().filter(|client| in_use(client.state));
    let users = snapshot.users.iter().filter(|user| user.active);
    let agents = users.flat_map(|user| clients().map(|client| Subject::agent(&user.id, &client.id)));
    let services = snapshot.service_principals.iter().filter(|service| service.active);
    let mut all: Vec<Subject> = agents.chain(services.map(|it| Subject::service_principal(&it.id))).collect();
    all.sort();
    all
}

/// A subject as the command line has it: `alice/claude-code`, `soc-triage`.
pub fn written(subject: &Subject) -> String {
    match subject {
        Subject::Agent { user, client } => format!("{user}/{client}"),
        Subject::ServicePrincipal { id } => id.clone(),
    }
}

/// The subjects that patterns name: `alice/*`, `*/cursor`, `soc-triage`. One without `*` need not be among everyone.
/// No pattern means everyone. A pattern that names nobody is an error.
pub fn pick_subjects(everyone: Vec<Subject>, patterns: &[String]) -> Result<Vec<Subject>, String> {
    if patterns.is_empty() {
        return Ok(everyone);
    }
    let mut picked = BTreeSet::new();
    for pattern in patterns {
        if !pattern.contains(['*', '?']) {
            picked.insert(parse_subject(pattern).map_err(|error| format!("`{pattern}`: {error}"))?);
            continue;
        }
        let wild = WildMatch::new(pattern);
        let before = picked.len();
        let mut found = everyone.iter().filter(|subject| wild.matches(&written(subject))).peekable();
        if found.peek().is_none() {
            return Err(format!("nobody is called `{pattern}`: write `user/client`, or the id of a service principal"));
        }
        picked.extend(found.cloned());
        debug_assert!(picked.len() >= before);
    }
    Ok(picked.into_iter().collect())
}

/// The tools that globs on `server/name` name; all without one. A glob that names none is an error.
pub fn pick_tools(engine: &Engine, globs: &[String]) -> Result<Vec<ToolId>, String> {
    let all = || engine.catalog().tools.keys().cloned();
    if globs.is_empty() {
        return Ok(all().collect());
    }
    let mut picked = BTreeSet::new();
    for glob in globs {
        let wild = WildMatch::new(glob);
        let mut found = all().filter(|tool| wild.matches(&tool.to_string())).peekable();
        if found.peek().is_none() {
            return Err(format!("no tool is called `{glob}`: a tool is written `server/name`"));
        }
        picked.extend(found);
    }
    Ok(picked.into_iter().collect())
}

/// The arguments to try on each tool: samples, and those of recorded calls.
#[derive(Clone, Debug, Default)]
pub struct Tries {
    by_tool: BTreeMap<ToolId, Vec<Value>>,
}

impl Tries {
    /// Samples for these tools of these engines.
    pub fn samples(engines: &[&Engine], compared: &Compared, tools: &[ToolId]) -> Self {
        let mut by_tool: BTreeMap<ToolId, Vec<Value>> = BTreeMap::new();
        for id in tools {
            let tries = by_tool.entry(id.clone()).or_default();
            for tool in engines.iter().filter_map(|engine| engine.catalog().tools.get(id)) {
                for sample in compared.arguments(tool) {
                    if !tries.contains(&sample) {
                        tries.push(sample);
                    }
                }
            }
        }
        Self { by_tool }
    }

    /// Adds the arguments of a recorded call.
    pub fn add(&mut self, call: &Call) {
        let arguments = serde_json::from_str(&call.arguments.to_string()).unwrap_or(Value::Null);
        let tries = self.by_tool.entry(call.tool.clone()).or_default();
        if !tries.contains(&arguments) {
            tries.push(arguments);
        }
    }

    /// What to try on a tool.
    pub fn of(&self, tool: &ToolId) -> &[Value] {
        self.by_tool.get(tool).map_or(&[], Vec::as_slice)
    }
}

/// Decides every cell, on all processors.
pub fn build(engine: &Engine, subjects: Vec<Subject>, tools: &[ToolId], tries: &Tries, setting: Setting) -> Matrix {
    let rows: Vec<Row> = tools
        .iter()
        .filter_map(|id| engine.catalog().tools.get(id))
        .map(|tool| Row { tool: tool.id.clone(), operation: tool.operation })
        .collect();
    let session = setting.session();
    let row = |subject: &Subject| -> Vec<Cell> { cells(engine, subject, &rows, tries, &session, setting.now) };
    let cells = in_parallel(&subjects, row);
    Matrix { setting, subjects, rows, cells }
}

/// Does the same with each item, on all processors, in order.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let part = items.len().div_ceil(threads.max(1)).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            items.chunks(part).map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>())).collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn cells(
    engine: &Engine,
    subject: &Subject,
    rows: &[Row],
    tries: &Tries,
    session: &Session,
    now: Instant,
) -> Vec<Cell> {
    let seen: BTreeMap<&ToolId, Visibility> = BTreeMap::new();
    let visible = engine.visible_tools(subject, session, now);
    let seen = visible.iter().fold(seen, |mut seen, tool| {
        seen.insert(&*tool.tool, tool.visibility);
        seen
    });
    let cell = |row: &Row| {
        let visibility = seen.get(&row.tool).copied().unwrap_or(Visibility::Hidden);
        let name = row.tool.to_string();
        let mut answers: Vec<Answer> = Vec::new();
        let mut refused = None;
        for arguments in tries.of(&row.tool) {
            let text = arguments.to_string();
            let subject = SubjectRef::from(subject);
            let decision =
                engine.decide_raw(&RawCall { subject, tool: &name, arguments: text.as_bytes(), session, now });
            let answer = Answer::of(&decision, arguments);
            if decision.reason == Reason::ArgumentInvalid {
                refused.get_or_insert(answer);
            } else if !answers.iter().any(|other| other.says_the_same(&answer)) {
                answers.push(answer);
            }
        }
        if answers.is_empty() {
            answers.extend(refused);
        }
        answers.sort_by_key(|answer| answer.grade);
        let could_be_better = answers.first().is_none_or(|best| better(visibility, best.grade));
        Cell { visibility, answers, could_be_better }
    };
    rows.iter().map(cell).collect()
}

/// Whether what any arguments could reach is more than the best that was tried.
fn better(visibility: Visibility, best: Grade) -> bool {
    let reached = match best.letter() {
        'A' => Visibility::Callable,
        'S' | 'M' | 'd' => Visibility::NeedsApproval,
        'a' | 's' | 'm' => Visibility::Requestable,
        _ => Visibility::Hidden,
    };
    visibility < reached
}

/// What `matrix --json` prints, a cell a line.
#[derive(Serialize)]
struct Line<'a> {
    subject: &'a Subject,
    tool: &'a ToolId,
    operation: Operation,
    /// The best that came out.
    outcome: Option<Outcome>,
    letters: String,
    visibility: Visibility,
    could_be_better: bool,
    answers: &'a [Answer],
}

/// The cells, one JSON object a line.
pub fn json(matrix: &Matrix) -> String {
    let mut out = String::new();
    for (subject, cells) in matrix.subjects.iter().zip(&matrix.cells) {
        for (row, cell) in matrix.rows.iter().zip(cells) {
            out += &crate::render::json_line(&Line {
                subject,
                tool: &row.tool,
                operation: row.operation,
                outcome: cell.answers.first().map(|answer| answer.outcome),
                letters: cell.letters(),
                visibility: cell.visibility,
                could_be_better: cell.could_be_better,
                answers: &cell.answers,
            });
        }
    }
    out
}

/// When to look, if nobody says: now, if the snapshot is good now; else the moment it was issued.
pub fn moment(clock: Option<Instant>, engine: &Engine) -> Instant {
    let snapshot = engine.snapshot();
    let end = snapshot.issued_at.saturating_add(snapshot.max_age);
    clock.filter(|now| (snapshot.issued_at..end).contains(now)).unwrap_or(snapshot.issued_at)
}

/// `bob, dana via claude-code, cursor`: agents with the same clients together, service principals by themselves.
pub fn names(subjects: &[&Subject]) -> Vec<String> {
    let mut clients: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut services = Vec::new();
    for subject in subjects {
        match subject {
            Subject::Agent { user, client } => drop(clients.entry(user).or_default().insert(client)),
            Subject::ServicePrincipal { id } => services.push(format!("{id} (service principal)")),
        }
    }
    let mut users: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
    for (user, clients) in clients {
        users.entry(clients).or_default().push(user);
    }
    let join = |clients: BTreeSet<&str>| clients.into_iter().collect::<Vec<_>>().join(", ");
    let mut agents: Vec<String> =
        users.into_iter().map(|(clients, users)| format!("{} via {}", users.join(", "), join(clients))).collect();
    agents.sort();
    agents.extend(services);
    agents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_arguments_could_reach_is_more_or_less_than_what_some_did() {
        let grade = |letter| Grade::all().find(|grade| grade.letter() == letter).unwrap();
        assert!(better(Visibility::Callable, grade('S')) && !better(Visibility::Callable, grade('A')));
        assert!(better(Visibility::Requestable, grade('T')) && !better(Visibility::Hidden, grade('D')));
        assert!(!better(Visibility::NeedsApproval, grade('d')));
    }

    #[test]
    fn agents_with_the_same_clients_are_named_together() {
        let subjects = [
            Subject::agent("bob", "cursor"),
            Subject::agent("alice", "cursor"),
            Subject::agent("bob", "cc"),
            Subject::service_principal("triage"),
            Subject::agent("dana", "cc"),
            Subject::agent("dana", "cursor"),
        ];
        let all: Vec<_> = subjects.iter().collect();
        assert_eq!(names(&all), ["alice via cursor", "bob, dana via cc, cursor", "triage (service principal)"]);
    }

    #[test]
    fn patterns_pick_subjects_and_one_that_names_nobody_is_an_error() {
        let all =
            || vec![Subject::agent("alice", "cc"), Subject::agent("bob", "cc"), Subject::service_principal("soc")];
        let pick = |patterns: &[&str]| pick_subjects(all(), &patterns.iter().map(|&it| it.into()).collect::<Vec<_>>());
        assert_eq!(pick(&[]).unwrap().len(), 3);
        assert_eq!(pick(&["*/cc"]).unwrap(), all()[..2]);
        assert_eq!(pick(&["soc"]).unwrap(), all()[2..]);
        assert_eq!(pick(&["ghost/cc"]).unwrap(), [Subject::agent("ghost", "cc")], "who was named is asked about");
        assert!(pick(&["ghost/*"]).unwrap_err().contains("`ghost/*`"));
        assert!(pick(&["ghost/"]).is_err());
    }
}
