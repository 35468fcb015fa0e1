//! One policy, ready to be asked: by itself, exactly, and as far as it can be known without arguments.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::pst::{self, Clause, Expr, UnaryOp};
use cedar_policy::{ActionConstraint, Policy as CedarPolicy, PolicySet};

use crate::compile::inspect::{self, Clock};
use crate::compile::vocabulary::REQUEST;
use crate::data::decision::Effect;
use crate::data::policy::Terms;
use crate::error::{Error, ErrorKind};
use crate::load::policies::SourcePolicy;

/// A policy that was validated.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) terms: Terms,
    /// The policy alone in a set: asked by itself, Cedar says true, false or error.
    pub(crate) exact: PolicySet,
    /// What is known of it without arguments.
    pub(crate) any_input: AnyInput,
    /// When time alone could change what it says.
    pub(crate) clock: Clock,
    /// Whether it reads the session's labels.
    pub(crate) reads_labels: bool,
    /// Whether it could forbid asking for an entitlement.
    pub(crate) forbids_requests: bool,
}

/// What is known of a policy when the arguments are not.
#[derive(Clone, Debug)]
pub(crate) enum AnyInput {
    /// It does not read them.
    Exact,
    /// A permit that holds for some arguments at most when this does.
    AtMost(Box<PolicySet>),
    /// A forbid that reads them: some arguments may escape it.
    MayNotHold,
}

/// Compiles validated policies, in the order of their ids.
pub(crate) fn compile(sources: &[SourcePolicy]) -> Result<(Vec<Policy>, BTreeSet<String>), Error> {
    let mut session_labels = BTreeSet::new();
    let mut policies =
        sources.iter().map(|source| compile_one(source, &mut session_labels)).collect::<Result<Vec<_>, _>>()?;
    policies.sort_by(|a, b| a.terms.id.cmp(&b.terms.id));
    Ok((policies, session_labels))
}

fn compile_one(source: &SourcePolicy, session_labels: &mut BTreeSet<String>) -> Result<Policy, Error> {
    let fault = |error: String| Error::new(ErrorKind::PolicySyntax, format!("policy `{}`: {error}", source.terms.id));
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
        (true, Effect::Permit) => {
            let weaker = without_input(source.tree.body()).map_err(|error| fault(error.to_string()))?;
            AnyInput::AtMost(Box::new(alone(weaker).map_err(fault)?))
        }
    };
    let exact = alone(source.cedar.clone()).map_err(fault)?;
    Ok(Policy { terms: source.terms.clone(), exact, any_input, clock, reads_labels, forbids_requests })
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
