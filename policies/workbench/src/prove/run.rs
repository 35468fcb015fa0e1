//! The work of a proof: every property, every target, every kind of subject, shared out among solvers.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::environment::Schemas;
use super::property::Property;
use super::question::{Claim, Found, Scene};
use super::solver::{Known, Worker};
use super::world::{PrincipalKind, Target, World};

/// The symbolic compiler recurses into policies, which may nest.
pub(super) const STACK: usize = 256 * 1024 * 1024;

/// How to prove.
#[derive(Clone, Debug)]
pub struct Options {
    /// The solver; see [`find_solver`](super::find_solver).
    pub solver: PathBuf,
    /// How long one question may take.
    pub timeout: Duration,
    /// How many solvers work at once.
    pub workers: usize,
}

/// How far the work is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The number of the property, from 1, and of how many.
    pub property: (usize, usize),
    /// The number of the environment, from 1, and of how many for this property.
    pub environment: (usize, usize),
    /// The name of the property.
    pub name: &'a str,
    /// What is asked for in this environment.
    pub asked: &'a super::Asked,
}

/// Who listens to the progress.
pub type Listener<'a> = &'a (dyn Fn(&Progress<'_>) + Sync);

/// One property of one target and one kind of subject.
pub(super) struct Job<'a> {
    /// The number of the proof it belongs to.
    pub(super) proof: usize,
    pub(super) schemas: &'a Schemas,
    pub(super) world: &'a World<'a>,
    pub(super) target: &'a Target,
    pub(super) principal: PrincipalKind,
    pub(super) claim: Claim<'a>,
}

impl<'a> Job<'a> {
    fn scene(&self) -> Result<Scene<'a>, String> {
        let before = match self.claim {
            Claim::NoMoreThan(_, before) => Some(before),
            Claim::Of(_) => None,
        };
        Scene::new(self.schemas, self.world, self.target, self.principal, before)
    }

    fn run(&self, worker: &mut Worker<'_>) -> Found {
        match self.scene() {
            Ok(scene) => scene.judge(self.claim, worker),
            Err(why) => Found::Unknown(why),
        }
    }
}

/// Does the jobs; the answers come in their order. `names` are those of the proofs.
pub(super) fn all(
    jobs: &[Job<'_>],
    names: &[&str],
    options: &Options,
    listen: Listener<'_>,
) -> Result<Vec<Found>, String> {
    let known = Known::default();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
    let answers: Mutex<Vec<Option<Found>>> = Mutex::new(vec![None; jobs.len()]);
    let work = || {
        let mut worker = match Worker::new(&options.solver, options.timeout, &known) {
            Ok(worker) => worker,
            Err(why) => {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
                return;
            }
        };
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(at) else { return };
            listen(&progress(jobs, at, job, names));
            let found = job.run(&mut worker);
            if let Some(answer) = answers.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
                *answer = Some(found);
            }
        }
    };
    thread::scope(|scope| {
        let workers = (0..options.workers.clamp(1, jobs.len().max(1)))
            .map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work))
            .collect::<Vec<_>>();
        for worker in workers {
            match worker.map(|worker| worker.join()) {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err("the symbolic compiler panicked; please report it".to_owned()),
                Err(error) => return Err(format!("no thread for a solver: {error}")),
            }
        }
        Ok(())
    })?;
    if let Some(why) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(why);
    }
    let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(answers.into_iter().map(|found| found.unwrap_or_else(|| Found::Unknown("it was never asked".into()))).collect())
}

/// Whether any call meets the property's `when` in one of the jobs. Asked of properties that hold: one that speaks of
/// no call at all would hold of anything.
pub(super) fn is_met(jobs: &[&Job<'_>], property: &Property, options: &Options) -> Result<bool, String> {
    let known = Known::default();
    let mut worker = Worker::new(&options.solver, options.timeout, &known)?;
    for job in jobs {
        if job.scene()?.is_met(property, &mut worker)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn progress<'a>(jobs: &[Job<'a>], at: usize, job: &Job<'a>, names: &[&'a str]) -> Progress<'a> {
    let first = jobs.partition_point(|other| other.proof < job.proof);
    let last = jobs.partition_point(|other| other.proof <= job.proof);
    Progress {
        property: (job.proof.saturating_add(1), names.len()),
        environment: (at.saturating_sub(first).saturating_add(1), last.saturating_sub(first)),
        name: names.get(job.proof).copied().unwrap_or_default(),
        asked: &job.target.asked,
    }
}
