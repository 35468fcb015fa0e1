//! One policy, ready to be asked: by itself, exactly, and as far as it can be known without arguments.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use cedar_policy::pst::{self, Clause, Expr, UnaryOp};
use cedar_policy::{ActionConstraint, Policy as CedarPolicy, PolicySet};

use crate::compile::inspect::{self, Clock};
use crate::compile::vocabulary::REQUEST;
use crate::data::decision::Effect;
use crate::data::policy::Terms;
use crate::load::policies::SourcePolicy;

/// A policy that was validated.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) terms: Terms,
    /// Its syntax tree.
    pub(crate) tree: Arc<pst::Policy>,
    /// What is known of it without arguments.
    pub(crate) any_input: AnyInput,
    /// When time alone could change what it says.
    pub(crate) clock: Clock,
    /// Whether it reads the session's labels.
    pub(crate) reads_labels: bool,
    /// Whether it could forbid asking for an entitlement.
    pub(crate) forbids_requests: bool,
    cedar: CedarPolicy,
    // made when first asked for: most engines never ask
    exact: OnceLock<Result<PolicySet, String>>,
    weaker: OnceLock<Result<PolicySet, String>>,
}

/// What is known of a policy when the arguments are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnyInput {
    /// It does not read them.
    Exact,
    /// A permit that holds for some arguments at most when [`Policy::weaker`] does.
    AtMost,
    /// A forbid that reads them: some arguments may escape it.
    MayNotHold,
}

impl Policy {
    /// The policy alone in a set: asked by itself, Cedar says true, false or error.
    pub(crate) fn exact(&self) -> Result<&PolicySet, &str> {
        self.exact.get_or_init(|| alone(self.cedar.clone())).as_ref().map_err(String::as_str)
    }

    /// The policy, without the conditions that read arguments, alone in a set.
    pub(crate) fn weaker(&self) -> Result<&PolicySet, &str> {
        let make = || without_input(self.tree.body()).map_err(|error| error.to_string()).and_then(alone);
        self.weaker.get_or_init(make).as_ref().map_err(String::as_str)
    }
}

/// Compiles validated policies, in the order of their ids.
pub(crate) fn compile(sources: &[SourcePolicy]) -> (Vec<Policy>, BTreeSet<String>) {
    let mut session_labels = BTreeSet::new();
    let mut policies: Vec<Policy> = sources.iter().map(|source| compile_one(source, &mut session_labels)).collect();
    policies.sort_by(|a, b| a.terms.id.cmp(&b.terms.id));
    (policies, session_labels)
}

fn compile_one(source: &SourcePolicy, session_labels: &mut BTreeSet<String>) -> Policy {
    let clauses = source.tree.body().clauses();
    let mut clock = Clock::At(Vec::new());
    for clause in clauses {
        let condition = inspect::condition(clause);
        inspect::clock(condition, &mut clock);
    }
    let reads_labels = clauses.iter().any(|clause| inspect::reads_labels(inspect::condition(clause)));
    if reads_labels {
        // whichever text it compares them with
        clauses.iter().for_each(|clause| inspect::texts(inspect::condition(clause), session_labels));
    }
    let forbids_requests = source.terms.effect == Effect::Forbid
        && match source.cedar.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid.id().unescaped() == REQUEST,
            ActionConstraint::In(uids) => uids.iter().any(|uid| uid.id().unescaped() == REQUEST),
        };
    let reads_input = clauses.iter().any(|clause| inspect::reads_input(inspect::condition(clause)));
    let any_input = match (reads_input, source.terms.effect) {
        (false, _) => AnyInput::Exact,
        (true, Effect::Forbid) => AnyInput::MayNotHold,
        (true, Effect::Permit) => AnyInput::AtMost,
    };
    Policy {
        terms: source.terms.clone(),
        tree: source.tree.clone(),
        any_input,
        clock,
        reads_labels,
        forbids_requests,
        cedar: source.cedar.clone(),
        exact: OnceLock::new(),
        weaker: OnceLock::new(),
    }
}

fn alone(policy: CedarPolicy) -> Result<PolicySet, String> {
    PolicySet::from_policies([policy]).map_err(|error| error.to_string())
}

/// The policy with every condition dropped that reads arguments. All conditions of a policy must hold, so it holds
/// at most when those that are left do.
fn without_input(template: &pst::Template) -> Result<CedarPolicy, pst::PstConstructionError> {
    let mut weaker = pst::Template::new(
        template.id.clone(),
        template.effect,
        template.principal.clone(),
        template.action.clone(),
        template.resource.clone(),
    );
    for clause in template.clauses() {
        for (positive, part) in inspect::conjuncts(clause) {
            if inspect::reads_input(part) {
                continue;
            }
            let part = Arc::new(part.clone());
            let part = if positive { part } else { Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr: part }) };
            weaker.try_add_clause(Clause::When(part))?;
        }
    }
    CedarPolicy::from_pst(pst::Policy::Static(weaker.try_into()?))
}
