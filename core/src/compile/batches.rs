//! Cedar's validator, asked in batches: policies that the same few tools stand for, against a schema of those tools.
//!
//! Cedar type-checks each policy for every action of a schema, so a small schema is most of the speed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cedar_policy::ffi::DetailedError;
use cedar_policy::{PolicySet, SchemaFragment, ValidationMode, ValidationWarning, Validator};

use crate::compile::classes::Inventory;
use crate::compile::vocabulary;
use crate::data::id::Operation;
use crate::error::Error;
use crate::load::policies::SourcePolicy;
use crate::parallel;

/// Tools whose policies are best validated together: more make fewer schemas, and each policy slower.
pub(crate) const TOOLS: usize = 4;
/// Policies validated together: few enough that every thread has some.
const POLICIES: usize = 100;

/// One policy to be validated.
pub(crate) struct Task<'a> {
    pub(crate) policy: &'a SourcePolicy,
    /// Tools that stand for all that its scope lets through.
    pub(crate) tools: &'a BTreeSet<usize>,
    /// Whether its scope lets a request for an entitlement or a token through.
    pub(crate) others: bool,
    /// The names of all the tools it names, with the operations of those that there are.
    pub(crate) named: &'a BTreeMap<String, Option<Operation>>,
}

/// What Cedar says of a policy, in an order that is always the same.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) errors: Vec<DetailedError>,
    /// It is false in every class of requests.
    pub(crate) impossible: Option<DetailedError>,
    pub(crate) warnings: Vec<String>,
}

impl Verdict {
    /// Nothing is to be said.
    pub(crate) fn is_clean(&self) -> bool {
        self.errors.is_empty() && self.impossible.is_none() && self.warnings.is_empty()
    }
}

/// What Cedar says of each policy, in their order, or why there is no schema. `fragments` are the tools' own parts of
/// the schema, in the inventory's order. Up to `together` tools share a schema, unless a policy needs more.
pub(crate) fn validate(
    tasks: &[Task<'_>],
    inventory: &Inventory,
    fragments: &[SchemaFragment],
    threads: usize,
    together: usize,
) -> Result<Vec<Verdict>, Error> {
    let bases = [vocabulary::base_fragment(false)?, vocabulary::base_fragment(true)?];
    let batches = batches(tasks, together);
    let done = parallel::map(&batches, threads, |batch| {
        let [without, with] = &bases;
        let base = if batch.others { with } else { without };
        batch.run(tasks, inventory, base, fragments)
    });
    let mut verdicts: Vec<Verdict> = tasks.iter().map(|_| Verdict::default()).collect();
    for found in done {
        for (at, verdict) in found? {
            if let Some(place) = verdicts.get_mut(at) {
                *place = verdict;
            }
        }
    }
    Ok(verdicts)
}

#[derive(Default)]
struct Batch {
    others: bool,
    tools: BTreeSet<usize>,
    tasks: Vec<usize>,
}

/// Those with the same tools together, and as long as they are few, those with other tools too: a tool more than a
/// policy needs is one that its scope refuses, or one more of a class, and changes nothing.
fn batches(tasks: &[Task<'_>], together: usize) -> Vec<Batch> {
    let mut groups: BTreeMap<(bool, &BTreeSet<usize>), Vec<usize>> = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        groups.entry((task.others, task.tools)).or_default().push(at);
    }
    let mut all: Vec<Batch> = Vec::new();
    for ((others, tools), group) in groups {
        for some in group.chunks(POLICIES) {
            let fits = |batch: &&mut Batch| {
                let all = batch.tools.union(tools).count();
                batch.others == others
                    && (all <= together || all == batch.tools.len().min(tools.len()))
                    && batch.tasks.len().saturating_add(some.len()) <= POLICIES
            };
            match all.last_mut().filter(fits) {
                Some(batch) => {
                    batch.tools.extend(tools);
                    batch.tasks.extend(some);
                }
                None => all.push(Batch { others, tools: tools.clone(), tasks: some.to_vec() }),
            }
        }
    }
    all
}

impl Batch {
    fn run(
        &self,
        tasks: &[Task<'_>],
        inventory: &Inventory,
        base: &SchemaFragment,
        fragments: &[SchemaFragment],
    ) -> Result<Vec<(usize, Verdict)>, Error> {
        let mine = || self.tasks.iter().filter_map(|&at| tasks.get(at).map(|task| (at, task)));
        let present = |name: &str| inventory.numbers.get(name).is_some_and(|number| self.tools.contains(number));
        let named: BTreeMap<&str, Option<Operation>> = mine()
            .flat_map(|(_, task)| task.named)
            .map(|(name, operation)| (name.as_str(), *operation))
            .filter(|(name, _)| !present(name))
            .collect();
        let tools = self.tools.iter().filter_map(|number| fragments.get(*number)).cloned();
        let inert = vocabulary::inert_fragment(named)?;
        let schema = vocabulary::join([base.clone(), inert].into_iter().chain(tools))?;

        let mut at_id: HashMap<&str, usize> = HashMap::new();
        let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
        let mut set = PolicySet::new();
        for (at, task) in mine() {
            at_id.insert(&task.policy.terms.id, at);
            let verdict = verdicts.entry(at).or_default();
            if let Err(error) = set.add(task.policy.cedar.clone()) {
                verdict.errors.push(DetailedError { message: error.to_string(), ..DetailedError::default() });
            }
        }
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            let at = at_id.get(error.policy_id().as_ref() as &str);
            if let Some(verdict) = at.and_then(|at| verdicts.get_mut(at)) {
                verdict.errors.push(DetailedError::from(error));
            }
        }
        for warning in result.validation_warnings() {
            let at = at_id.get(warning.policy_id().as_ref() as &str);
            let Some(verdict) = at.and_then(|at| verdicts.get_mut(at)) else { continue };
            let detail = DetailedError::from(warning);
            match warning {
                ValidationWarning::ImpossiblePolicy(_) => verdict.impossible = Some(detail),
                _ => verdict.warnings.push(detail.message),
            }
        }
        for verdict in verdicts.values_mut() {
            // Cedar keeps them in a set without an order
            verdict.errors.sort_by_cached_key(|error| {
                let place = error.source_locations.first().map(|label| (label.loc.start, label.loc.end));
                (place, error.message.clone())
            });
            verdict.warnings.sort();
        }
        Ok(verdicts.into_iter().collect())
    }
}
