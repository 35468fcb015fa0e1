//! Asking an engine what the cases ask, and comparing.

use std::cell::OnceCell;
use std::collections::HashMap;

use cedar_policy::PolicySet;
use serde_json::Value;
use toolgate::{Bundle, Engine, ToolId, Visibility};
use wildmatch::WildMatch;

use super::cedar;
use super::{Ask, Case, Mismatch, Suite};

/// Which cases to run.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: Option<String>,
}

impl Filter {
    /// Cases of which the suite, the file, the name, the subject or the tool contains `text`, or is matched by it if it
    /// has a `*` or a `?`. Case is ignored.
    pub fn new(text: &str) -> Self {
        Self { text: Some(text.to_lowercase()) }
    }

    /// Whether a case is to run.
    pub fn wants(&self, suite: &Suite, case: &Case) -> bool {
        let Some(text) = &self.text else { return true };
        let (subject, target) = (case.subject(), case.target());
        let names = [Some(&suite.name), Some(&suite.file), Some(&case.name), subject.as_ref(), target.as_ref()];
        names.into_iter().flatten().map(|name| name.to_lowercase()).any(|name| match text.contains(['*', '?']) {
            true => WildMatch::new(text).matches(&name),
            false => name.contains(text.as_str()),
        })
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Results<'s> {
    /// The cases that the filter wanted, in the order of the suites.
    pub cases: Vec<Ran<'s>>,
    /// How many engines had to be made for overlays: one for each that differs.
    pub engines_built: usize,
}

/// One case that ran, or was skipped.
#[derive(Debug)]
pub struct Ran<'s> {
    /// Its suite.
    pub suite: &'s Suite,
    /// The case.
    pub case: &'s Case,
    /// The engine that was asked: the bundle's, with the case's overlay. None if the overlay was refused.
    pub engine: Option<Engine>,
    /// The answer, if one was given.
    pub answer: Option<Answer>,
    /// How it went.
    pub status: Status,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A decision or a token decision, as JSON.
    Json(Value),
    /// How each tool is seen.
    Tools(Vec<(ToolId, Visibility)>),
    /// What Cedar said.
    Cedar(Value),
}

/// How a case went.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// As expected.
    Passed,
    /// Not as expected.
    Failed(Failure),
    /// It did not run, and why.
    Skipped(String),
}

/// Why a case failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Something is not as expected.
    Differs(Vec<Mismatch>),
    /// The cell of a matrix for which nothing is expected.
    Unlisted,
    /// The case could not be asked: the engine refuses its snapshot.
    Refused(String),
}

impl Results<'_> {
    /// How many passed.
    pub fn passed(&self) -> usize {
        self.cases.iter().filter(|ran| ran.status == Status::Passed).count()
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|ran| matches!(ran.status, Status::Failed(_))).count()
    }

    /// How many were skipped.
    pub fn skipped(&self) -> usize {
        self.cases.iter().filter(|ran| matches!(ran.status, Status::Skipped(_))).count()
    }
}

/// Runs suites against an engine and the bundle that it was loaded from. Engines for overlays are made once each.
pub fn run<'s>(engine: &Engine, bundle: &Bundle, suites: &'s [Suite], filter: &Filter) -> Results<'s> {
    let mut engines = Engines { engine, bundle, made: HashMap::new(), policies: OnceCell::new() };
    let mut cases = Vec::new();
    for suite in suites {
        for case in suite.cases.iter().filter(|case| filter.wants(suite, case)) {
            let ran = |engine, answer, status| Ran { suite, case, engine, answer, status };
            cases.push(match &case.skip {
                Some(reason) => ran(None, None, Status::Skipped(reason.clone())),
                None => match engines.of(case) {
                    Ok(engine) => {
                        let (answer, failure) = engines.ask(&engine, case);
                        ran(Some(engine), answer, failure.map_or(Status::Passed, Status::Failed))
                    }
                    Err(message) => ran(None, None, Status::Failed(Failure::Refused(message))),
                },
            });
        }
    }
    Results { cases, engines_built: engines.made.len() }
}

/// The first case that fails, quick ones first; for running the same suites against many engines.
pub fn first_failure<'s>(engine: &Engine, bundle: &Bundle, suites: &'s [Suite]) -> Option<(&'s Suite, &'s Case)> {
    let mut engines = Engines { engine, bundle, made: HashMap::new(), policies: OnceCell::new() };
    let cost = |case: &Case| case.overlay.as_ref().map_or(0, |overlay| if overlay.is_whole() { 2 } else { 1 });
    (0..=2).find_map(|round| {
        suites.iter().find_map(|suite| {
            let cases = suite.cases.iter().filter(|case| case.skip.is_none() && cost(case) == round);
            let mut fails = cases.filter(|case| match engines.of(case) {
                Ok(engine) => engines.ask(&engine, case).1.is_some(),
                Err(_) => true,
            });
            fails.next().map(|case| (suite, case))
        })
    })
}

/// The engines of the cases, one for each overlay that differs.
struct Engines<'a> {
    engine: &'a Engine,
    bundle: &'a Bundle,
    made: HashMap<String, Result<Engine, String>>,
    policies: OnceCell<PolicySet>,
}

impl Engines<'_> {
    fn of(&mut self, case: &Case) -> Result<Engine, String> {
        let Some(overlay) = &case.overlay else { return Ok(self.engine.clone()) };
        if let Some(made) = self.made.get(overlay.key()) {
            return made.clone();
        }
        let made = overlay.engine(self.engine, self.bundle);
        self.made.insert(overlay.key().into(), made.clone());
        made
    }

    fn ask(&self, engine: &Engine, case: &Case) -> (Option<Answer>, Option<Failure>) {
        match &case.ask {
            Ask::Nothing => (None, None),
            Ask::Call { call, expect } => {
                let answer = json(&engine.decide(call));
                let failure =
                    if expect.unlisted { Some(Failure::Unlisted) } else { differs(expect.mismatches(&answer)) };
                (Some(Answer::Json(answer)), failure)
            }
            Ask::Token { request, expect } => {
                let answer = json(&engine.decide_token(request));
                let failure = differs(expect.mismatches(&answer));
                (Some(Answer::Json(answer)), failure)
            }
            Ask::Tools { subject, session, now, expect } => {
                let seen: Vec<(ToolId, Visibility)> = engine
                    .visible_tools(subject, session, *now)
                    .into_iter()
                    .map(|seen| (seen.tool.into_owned(), seen.visibility))
                    .collect();
                let found =
                    |tool: &ToolId| seen.iter().find(|(seen, _)| seen == tool).map(|(_, visibility)| *visibility);
                let mismatches = expect.iter().filter_map(|(tool, expected)| {
                    let actual = found(tool);
                    (actual != Some(*expected)).then(|| Mismatch {
                        field: tool.to_string(),
                        expected: json(expected),
                        actual: json(&actual),
                    })
                });
                let failure = differs(mismatches.collect());
                (Some(Answer::Tools(seen)), failure)
            }
            Ask::Cedar(cedar) => {
                let (answer, mismatches) = cedar.ask(self.policies.get_or_init(|| cedar::policies(self.bundle)));
                (Some(Answer::Cedar(answer)), differs(mismatches))
            }
        }
    }
}

fn json<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

fn differs(mismatches: Vec<Mismatch>) -> Option<Failure> {
    (!mismatches.is_empty()).then_some(Failure::Differs(mismatches))
}
