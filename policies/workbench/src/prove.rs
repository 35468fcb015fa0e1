//! `toolgate prove`: statements about *all* calls, by Cedar's symbolic compiler and the solver cvc5.
//!
//! Tools are as the catalog says; people, what they hold, arguments, sessions and times are any. An answer is proved, or
//! refuted by a call that is put to the engine and handed over as a test case, or unknown, with the reason.

use std::collections::BTreeSet;
use std::thread;

use serde::Serialize;
use serde_json::json;

mod arguments;
mod assume;
mod case;
mod counterexample;
mod environment;
mod property;
mod question;
mod recheck;
pub mod report;
mod rewrite;
mod run;
mod solver;
mod world;

pub use case::Case;
pub use counterexample::Counterexample;
pub use property::{
    FOLDER, Property, Then, find as find_properties, parse as parse_properties, read as read_properties,
};
pub use run::{Listener, Options, Progress};
pub use solver::find as find_solver;
pub use world::{Asked, PrincipalKind};

use environment::Schemas;
use question::{Claim, Found};
use run::Job;
use world::{Target, World};

use crate::bundle::Loaded;

/// The name of what `--against` proves.
pub const NO_MORE: &str = "nothing-more-permissive";
/// How many counterexamples of a property are written out.
const EXAMPLES: usize = 20;

/// What was proved, and what not.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// An answer for each property.
    pub proofs: Vec<Proof>,
    /// Tools to which no call gets as far as the policies: disabled, or never approved. Nothing is said of them.
    pub closed: Vec<String>,
    /// What only this bundle has, and whether any policy permits it. Only if two bundles are compared.
    pub only_here: Vec<New>,
    /// What only the other bundle has.
    pub only_there: Vec<String>,
}

/// The answer for one property.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// Its name.
    pub property: String,
    /// What it is for.
    pub description: Option<String>,
    /// The file it stands in; none if it is built in.
    pub file: Option<String>,
    /// The answer.
    pub status: Status,
    /// How many environments (what is asked for × kind of subject) it was asked of.
    pub environments: usize,
    /// For how many of them a solver was needed: in the others it is plain.
    pub solved: usize,
    /// Calls of which it does not hold, one for each environment, and not more than a person reads.
    pub counterexamples: Vec<Counterexample>,
    /// The environments besides in which it does not hold.
    pub also: Vec<String>,
    /// Why it is not known.
    pub unknown: Vec<Unknown>,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds of every call.
    Proved,
    /// There is a call of which it does not hold.
    Refuted,
    /// Nobody knows.
    Unknown,
}

/// Why it is not known whether a property holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Unknown {
    /// Of what; of all if absent.
    pub asked: Option<String>,
    /// Why.
    pub reason: String,
    /// The counterexample that does not reproduce on the engine, if that is why.
    pub counterexample: Option<Box<Counterexample>>,
}

/// Something that only the newer bundle has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct New {
    /// What can be asked for.
    pub asked: String,
    /// Whether a policy permits it to anybody at any rung; absent if nobody knows.
    pub permitted: Option<bool>,
}

impl Report {
    /// 0 if everything is proved, else 1.
    pub fn code(&self) -> u8 {
        u8::from(self.proofs.iter().any(|proof| proof.status != Status::Proved))
    }
}

/// Proves properties of a bundle.
pub fn prove(
    loaded: &Loaded,
    properties: &[Property],
    options: &Options,
    listen: Listener<'_>,
) -> Result<Report, String> {
    deep(|| {
        let world = World::new(loaded)?;
        let schemas = Schemas::new(&loaded.engine.schema())?;
        let mut plan = Plan::default();
        for property in properties {
            plan.add(property, &schemas, &world);
        }
        let proofs = plan.carry_out(options, listen)?;
        Ok(Report { proofs, closed: closed(&world), only_here: Vec::new(), only_there: Vec::new() })
    })
}

/// Proves that a bundle permits nothing, at any rung, that another one did not; and of both that no policy can be in
/// error, which is assumed for that.
pub fn compare(loaded: &Loaded, before: &Loaded, options: &Options, listen: Listener<'_>) -> Result<Report, String> {
    deep(|| {
        let (world, old) = (World::new(loaded)?, World::new(before)?);
        let (schemas, old_schemas) = (Schemas::new(&loaded.engine.schema())?, Schemas::new(&before.engine.schema())?);
        let of = |name: &str, description: &str, then| Property {
            name: name.into(),
            description: Some(description.into()),
            then,
            ..Property::everything()
        };
        let no_more = of(NO_MORE, "nothing is allowed at any rung that was not allowed before", Then::AlwaysDenied);
        let errs = of("no-policy-errs", "no policy can be in error", Then::NeverErrs);
        let erred = of("no-policy-erred", "no policy of the other bundle can be in error", Then::NeverErrs);
        let fresh = of("new", "only here", Then::AlwaysDenied);
        let twin = |target: &Target| old.targets.iter().find(|other| other.asked == target.asked);

        let mut plan = Plan::default();
        plan.add(&errs, &schemas, &world);
        plan.add(&erred, &old_schemas, &old);
        plan.compare(&no_more, &schemas, &world, &old);
        let mut proofs = plan.carry_out(options, listen)?;
        // first what was asked for; what it stands on follows
        proofs.rotate_right(1);

        let unmatched: Vec<&Target> = world.targets.iter().filter(|target| twin(target).is_none()).collect();
        let mut news = Plan::default();
        for target in &unmatched {
            news.add_target(&fresh, &schemas, &world, target);
        }
        let only_here = news.which_permit(&unmatched, options, listen)?;
        let still: BTreeSet<&Asked> = world.targets.iter().map(|target| &target.asked).collect();
        let only_there = old.targets.iter().map(|target| &target.asked).filter(|asked| !still.contains(asked));
        let only_there = only_there.map(ToString::to_string).collect();
        Ok(Report { proofs, closed: closed(&world), only_here, only_there })
    })
}

/// Properties and where to ask them.
#[derive(Default)]
struct Plan<'a> {
    properties: Vec<&'a Property>,
    jobs: Vec<Job<'a>>,
}

impl<'a> Plan<'a> {
    fn add(&mut self, property: &'a Property, schemas: &'a Schemas, world: &'a World<'a>) {
        let proof = self.properties.len();
        self.properties.push(property);
        for target in &world.targets {
            for principal in PrincipalKind::ALL.into_iter().filter(|principal| property.selects(target, *principal)) {
                self.jobs.push(Job { proof, schemas, world, target, principal, claim: Claim::Of(property) });
            }
        }
    }

    fn add_target(&mut self, property: &'a Property, schemas: &'a Schemas, world: &'a World<'a>, target: &'a Target) {
        let proof = self.properties.len();
        self.properties.push(property);
        for principal in PrincipalKind::ALL {
            self.jobs.push(Job { proof, schemas, world, target, principal, claim: Claim::Of(property) });
        }
    }

    fn compare(&mut self, property: &'a Property, schemas: &'a Schemas, world: &'a World<'a>, old: &'a World<'a>) {
        let proof = self.properties.len();
        self.properties.push(property);
        for target in &world.targets {
            let Some(before) = old.targets.iter().find(|other| other.asked == target.asked) else { continue };
            for principal in PrincipalKind::ALL {
                let claim = Claim::NoMoreThan(old, before);
                self.jobs.push(Job { proof, schemas, world, target, principal, claim });
            }
        }
    }

    fn carry_out(&self, options: &Options, listen: Listener<'_>) -> Result<Vec<Proof>, String> {
        let names: Vec<&str> = self.properties.iter().map(|property| property.name.as_str()).collect();
        let found = run::all(&self.jobs, &names, options, listen)?;
        let proofs = self.properties.iter().enumerate().map(|(number, property)| {
            let own = self.jobs.iter().zip(&found).filter(|(job, _)| job.proof == number).collect::<Vec<_>>();
            proof(property, &own, options)
        });
        Ok(proofs.collect())
    }

    fn which_permit(&self, targets: &[&Target], options: &Options, listen: Listener<'_>) -> Result<Vec<New>, String> {
        let names: Vec<&str> = self.properties.iter().map(|property| property.name.as_str()).collect();
        let found = run::all(&self.jobs, &names, options, listen)?;
        let permitted = |number: usize| {
            let mut own = self.jobs.iter().zip(&found).filter(|(job, _)| job.proof == number).map(|(_, found)| found);
            if own.clone().any(|found| matches!(found, Found::Counter(_))) {
                return Some(true);
            }
            own.all(|found| matches!(found, Found::Holds { .. })).then_some(false)
        };
        let new =
            |(number, target): (usize, &&Target)| New { asked: target.asked.to_string(), permitted: permitted(number) };
        Ok(targets.iter().enumerate().map(new).collect())
    }
}

/// The answer for a property from the answers for its environments.
fn proof(property: &Property, own: &[(&Job<'_>, &Found)], options: &Options) -> Proof {
    let (mut counterexamples, mut also, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for (job, found) in own {
        match found {
            Found::Holds { .. } => {}
            Found::Counter(_) if counterexamples.len() >= EXAMPLES => {
                also.push(format!("{} ({})", job.target.asked, job.principal.as_str()));
            }
            Found::Counter(counter) => match counterexample::of(property, job, counter) {
                Ok(example) if example.reproduces == Some(false) => unknown.push(Unknown {
                    asked: Some(job.target.asked.to_string()),
                    reason: "the solver found a call that the engine does not treat that way".into(),
                    counterexample: Some(Box::new(example)),
                }),
                Ok(example) => counterexamples.push(example),
                Err(reason) => unknown.push(Unknown {
                    asked: Some(job.target.asked.to_string()),
                    reason: format!("the solver found a call that cannot be written down: {reason}"),
                    counterexample: None,
                }),
            },
            Found::Unknown(reason) => unknown.push(Unknown {
                asked: Some(job.target.asked.to_string()),
                reason: reason.clone(),
                counterexample: None,
            }),
        }
    }
    if property.file.is_some() && counterexamples.is_empty() && unknown.is_empty() {
        unknown.extend(says_nothing(property, own, options));
    }
    let status = match (counterexamples.is_empty(), unknown.is_empty()) {
        (false, _) => Status::Refuted,
        (true, false) => Status::Unknown,
        (true, true) => Status::Proved,
    };
    Proof {
        property: property.name.clone(),
        description: property.description.clone(),
        file: property.file.clone(),
        status,
        environments: own.len(),
        solved: own.iter().filter(|(_, found)| !matches!(found, Found::Holds { asked: false })).count(),
        counterexamples,
        also,
        unknown,
    }
}

/// Whether a property that holds speaks of no call at all.
fn says_nothing(property: &Property, own: &[(&Job<'_>, &Found)], options: &Options) -> Option<Unknown> {
    let reason = if own.is_empty() {
        "it selects no tool of this bundle, so it says nothing: look at `tools`, `servers`, `operations`".to_owned()
    } else if property.when.is_some() {
        let jobs: Vec<&Job<'_>> = own.iter().map(|(job, _)| *job).collect();
        match run::is_met(&jobs, property, options) {
            Ok(true) => return None,
            Ok(false) => "no call can meet its `when`, so it says nothing".to_owned(),
            Err(why) => format!("whether any call meets its `when` is not known: {why}"),
        }
    } else {
        return None;
    };
    Some(Unknown { asked: None, reason, counterexample: None })
}

fn closed(world: &World<'_>) -> Vec<String> {
    world.closed.iter().map(ToString::to_string).collect()
}

/// The suite of all counterexamples, for `tests/`; none if there are none.
pub fn suite(report: &Report) -> Option<String> {
    let examples = report.proofs.iter().flat_map(|proof| &proof.counterexamples);
    let cases: Vec<String> = examples.filter_map(|example| example.case.as_ref()).map(Case::to_yaml).collect();
    if cases.is_empty() {
        return None;
    }
    Some(format!("suite: {}\ncases:\n{}", json!("counterexamples of toolgate prove"), cases.concat()))
}

/// Runs on a stack that is deep enough for whatever the engine has let through.
fn deep<T: Send>(work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(run::STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| format!("no thread to prove on: {error}"))?;
        thread.join().unwrap_or_else(|_| Err("the symbolic compiler panicked; please report it".into()))
    })
}
