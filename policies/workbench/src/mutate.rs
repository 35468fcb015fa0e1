//! Mutation testing: policies made wrong on purpose, one change at a time, and the tests that do not notice.
//!
//! A mutant that does not load says nothing about the tests and is only counted. One that every test passes survives:
//! either a test is missing, or the change means nothing, which a comment above the policy then has to explain
//! ([`explain`]).

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use toolgate::{Bundle, Engine, Source};

use crate::bundle::Loaded;
use crate::matrix::in_parallel;
use crate::source;
use crate::suite::{Suite, first_failure};

mod bounds;
pub mod explain;
pub mod hint;
mod make;
mod operator;
pub mod report;

pub use make::mutants;
pub use operator::Operator;

/// A policy file with one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// What was done.
    pub operator: Operator,
    /// The `@id` of the policy.
    pub policy: String,
    /// The file, as errors have it.
    pub file: String,
    /// Its number among the policy files.
    pub index: usize,
    /// The line of what was changed, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What was changed, as it is written.
    pub about: String,
    /// The tool, if the policy is about one only.
    pub only_tool: Option<String>,
    /// What is replaced, as a byte range of the file.
    pub span: Range<usize>,
    /// What stands there.
    pub original: String,
    /// What the mutant has there.
    pub replacement: String,
}

impl Mutant {
    /// The text of the file with the change.
    pub fn apply(&self, text: &str) -> String {
        let (before, after) = (text.get(..self.span.start), text.get(self.span.end..));
        format!("{}{}{}", before.unwrap_or_default(), self.replacement, after.unwrap_or_default())
    }

    /// The bundle with the change.
    pub fn bundle(&self, bundle: &Bundle) -> Bundle {
        let mut mutated = bundle.clone();
        if let Some(source) = mutated.policies.get_mut(self.index) {
            let text = self.apply(&String::from_utf8_lossy(&source.bytes));
            *source = Source::new(source.file.clone(), text);
        }
        mutated
    }
}

/// What became of a mutant.
#[derive(Clone, Debug)]
pub enum Fate {
    /// A test noticed.
    Caught {
        /// The suite's name.
        suite: String,
        /// The case's.
        case: String,
    },
    /// It does not load, and why. Nothing is learned from it.
    Refused(String),
    /// No test noticed, and a comment says why that is right.
    Explained(String),
    /// No test noticed.
    Survived(Option<hint::Hint>),
}

/// All mutants and what became of them.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Each with its fate, in the order of the text.
    pub mutants: Vec<(Mutant, Fate)>,
    /// What is wrong with explanations: not readable, or of nothing that survived.
    pub faults: Vec<explain::Fault>,
    /// How many cases there are, skipped ones left out.
    pub cases: usize,
}

impl Outcome {
    /// How many have such a fate.
    pub fn count(&self, is: impl Fn(&Fate) -> bool) -> usize {
        self.mutants.iter().filter(|(_, fate)| is(fate)).count()
    }

    /// Those that survived without an explanation.
    pub fn survivors(&self) -> impl Iterator<Item = (&Mutant, Option<&hint::Hint>)> {
        self.mutants.iter().filter_map(|(mutant, fate)| match fate {
            Fate::Survived(hint) => Some((mutant, hint.as_ref())),
            _ => None,
        })
    }

    /// Whether nothing is left to do.
    pub fn is_clean(&self) -> bool {
        self.survivors().next().is_none() && self.faults.is_empty()
    }
}

/// Told how far it is: mutants done, of how many, and how many of those survived.
pub type Progress<'p> = &'p (dyn Fn(usize, usize, usize) + Sync);

/// Makes every mutant of the policies whose id is wanted, and runs the suites against each, on all processors.
///
/// # Errors
/// A policy file that is none; or a suite that fails already, with the case: nothing can be learned from the others then.
pub fn run(
    loaded: &Loaded,
    suites: &[Suite],
    wanted: &dyn Fn(&str) -> bool,
    progress: Progress<'_>,
) -> Result<Outcome, String> {
    let bundle = &loaded.folder.bundle;
    if let Some((suite, case)) = first_failure(&loaded.engine, bundle, suites) {
        return Err(format!("`{}` of `{}` fails without any change; mend that first", case.name, suite.name));
    }
    let files = source::read(&bundle.policies)?;
    let all = mutants(&files, wanted);
    let fates = fates(loaded, suites, &all, progress);
    let (explanations, mut faults) = explain::read(&files, wanted);
    let mut used: Vec<bool> = vec![false; explanations.len()];
    let searcher = hint::Searcher::new(loaded, &files);
    let judged: Vec<(Mutant, Fate)> = all
        .into_iter()
        .zip(fates)
        .map(|(mutant, fate)| {
            if !matches!(fate, Fate::Survived(_)) {
                return (mutant, fate);
            }
            let mut why = None;
            for (explanation, used) in explanations.iter().zip(&mut used) {
                if explanation.covers(&mutant) {
                    *used = true;
                    why.get_or_insert_with(|| explanation.reason.clone());
                }
            }
            (mutant, why.map_or(Fate::Survived(None), Fate::Explained))
        })
        .collect();
    let idle = explanations.iter().zip(&used).filter(|(_, used)| !**used);
    faults.extend(idle.map(|(explanation, _)| explanation.explains_nothing()));
    let hints = in_parallel(&judged, |(mutant, fate)| match fate {
        Fate::Survived(_) => engine(loaded, mutant).and_then(|engine| searcher.search(&engine, mutant)),
        _ => None,
    });
    let hinted = |((mutant, fate), hint)| match fate {
        Fate::Survived(_) => (mutant, Fate::Survived(hint)),
        fate => (mutant, fate),
    };
    let mutants = judged.into_iter().zip(hints).map(hinted).collect();
    let cases = suites.iter().flat_map(|suite| &suite.cases).filter(|case| case.skip.is_none()).count();
    Ok(Outcome { mutants, faults, cases })
}

/// What each mutant comes to. Those next in line are taken by whichever processor is free.
fn fates(loaded: &Loaded, suites: &[Suite], all: &[Mutant], progress: Progress<'_>) -> Vec<Fate> {
    let (next, done, survived) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    let worker = || {
        let mut mine = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(mutant) = all.get(at) else { return mine };
            let fate = fate(loaded, suites, mutant);
            if matches!(fate, Fate::Survived(_)) {
                survived.fetch_add(1, Ordering::Relaxed);
            }
            let finished = done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            progress(finished, all.len(), survived.load(Ordering::Relaxed));
            mine.push((at, fate));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut fates: Vec<(usize, Fate)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let joined = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(joined).collect()
    });
    fates.sort_by_key(|(at, _)| *at);
    fates.into_iter().map(|(_, fate)| fate).collect()
}

fn fate(loaded: &Loaded, suites: &[Suite], mutant: &Mutant) -> Fate {
    let bundle = mutant.bundle(&loaded.folder.bundle);
    let engine = match loaded.engine.reload(&bundle) {
        Ok(engine) => engine,
        Err(refused) => {
            return Fate::Refused(refused.errors().first().map_or_else(String::new, |error| error.message().into()));
        }
    };
    match first_failure(&engine, &bundle, suites) {
        Some((suite, case)) => Fate::Caught { suite: suite.name.clone(), case: case.name.clone() },
        None => Fate::Survived(None),
    }
}

/// The engine of a mutant.
fn engine(loaded: &Loaded, mutant: &Mutant) -> Option<Engine> {
    loaded.engine.reload(&mutant.bundle(&loaded.folder.bundle)).ok()
}
