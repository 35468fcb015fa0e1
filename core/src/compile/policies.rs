//! One policy, ready to be asked: by itself, exactly, and as far as it can be known without arguments.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use cedar_policy::pst::{self, Clause, Expr, UnaryOp};
use cedar_policy::{ActionConstraint, Policy as CedarPolicy, PolicySet};

use crate::compile::condition::{Compiler, Condition};
use crate::compile::inspect::{self, Clock};
use crate::compile::symbols::{self, Symbols};
use crate::compile::vocabulary::REQUEST;
use crate::data::decision::Effect;
use crate::data::policy::{Approver, Terms};
use crate::load::policies::SourcePolicy;

/// A policy that was validated.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) terms: Terms,
    /// As Cedar has it, with the text it was parsed from.
    pub(crate) cedar: CedarPolicy,
    /// Its compiled conditions; none if they have something that the compiler does not know. Then Cedar is asked.
    pub(crate) condition: Option<Condition>,
    /// Who stands in the manager's place, by number; empty: the manager.
    pub(crate) approvers: Vec<ApproverNumber>,
    /// When time alone could change what it says.
    pub(crate) clock: Clock,
    /// Whether it reads the session's labels.
    pub(crate) reads_labels: bool,
    /// Whether it reads what the principal holds.
    pub(crate) reads_held: bool,
    /// Whether it is a forbid that some arguments surely escape.
    pub(crate) escapable: bool,
    /// Whether it could forbid asking for an entitlement.
    pub(crate) forbids_requests: bool,
    alone: OnceLock<Result<Alone, String>>,
}

/// A policy in short: what a decision looks at even if the policy then says nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brief {
    pub(crate) condition: Option<Condition>,
    pub(crate) effect: Effect,
    pub(crate) reads_labels: bool,
    pub(crate) reads_held: bool,
    pub(crate) escapable: bool,
    pub(crate) forbids_requests: bool,
    /// Whether time alone could change what it says.
    pub(crate) timed: bool,
}

/// An [`Approver`], its users and groups by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApproverNumber {
    ServerOwner,
    EntitlementOwner,
    Group(u32),
    User(u32),
}

/// A policy by itself, for Cedar's own evaluator.
#[derive(Debug)]
pub(crate) struct Alone {
    /// The policy alone in a set: asked by itself, Cedar says true, false or error.
    pub(crate) exact: PolicySet,
    /// What is known of it without arguments.
    pub(crate) any_input: AnyInput,
}

/// What is known of a policy when the arguments are not.
#[derive(Debug)]
pub(crate) enum AnyInput {
    /// It does not read them.
    Exact,
    /// A permit that holds for some arguments at most when this does.
    AtMost(Box<PolicySet>),
    /// A forbid that reads them: some arguments may escape it.
    MayNotHold,
}

/// Compiles one validated policy. `session_labels` gathers the texts it could compare labels with.
pub(crate) fn compile(
    source: SourcePolicy,
    compiler: &mut Compiler,
    symbols: &mut Symbols,
    session_labels: &mut BTreeSet<String>,
) -> Policy {
    let clauses = source.tree.body().clauses();
    let mut clock = Clock::At(Vec::new());
    for clause in clauses {
        inspect::clock(inspect::condition(clause), &mut clock);
    }
    clock.sort();
    let reads_labels = clauses.iter().any(|clause| inspect::reads_labels(inspect::condition(clause)));
    if reads_labels {
        // whichever text it compares them with
        clauses.iter().for_each(|clause| inspect::texts(inspect::condition(clause), session_labels));
    }
    let reads_held = clauses.iter().any(|clause| inspect::reads_held(inspect::condition(clause)));
    let forbids_requests = source.terms.effect == Effect::Forbid
        && match source.cedar.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid.id().unescaped() == REQUEST,
            ActionConstraint::In(uids) => uids.iter().any(|uid| uid.id().unescaped() == REQUEST),
        };
    let mut number = |approver: &Approver| match approver {
        Approver::ServerOwner => ApproverNumber::ServerOwner,
        Approver::EntitlementOwner => ApproverNumber::EntitlementOwner,
        Approver::Group(id) => ApproverNumber::Group(symbols.entity(symbols::GROUP, id).id),
        Approver::User(id) => ApproverNumber::User(symbols.entity(symbols::USER, id).id),
    };
    let approvers = source.terms.approvers.iter().map(&mut number).collect();
    let condition = compiler.add(clauses, symbols).ok();
    let escapable = source.terms.effect == Effect::Forbid
        && condition.is_some_and(|condition| compiler.code().begins_with_input(condition));
    Policy {
        terms: source.terms,
        cedar: source.cedar,
        condition,
        approvers,
        clock,
        reads_labels,
        reads_held,
        escapable,
        forbids_requests,
        alone: OnceLock::new(),
    }
}

impl Policy {
    pub(crate) fn brief(&self) -> Brief {
        Brief {
            condition: self.condition,
            effect: self.terms.effect,
            reads_labels: self.reads_labels,
            reads_held: self.reads_held,
            escapable: self.escapable,
            forbids_requests: self.forbids_requests,
            timed: self.clock != Clock::At(Vec::new()),
        }
    }

    /// The policy by itself. Made when it is first asked for: only Cedar's own evaluator needs it.
    pub(crate) fn alone(&self) -> Result<&Alone, String> {
        self.alone.get_or_init(|| self.make_alone()).as_ref().map_err(Clone::clone)
    }

    fn make_alone(&self) -> Result<Alone, String> {
        let tree = self.cedar.to_pst().map_err(|error| error.to_string())?;
        let reads_input = tree.body().clauses().iter().any(|clause| inspect::reads_input(inspect::condition(clause)));
        let any_input = match (reads_input, self.terms.effect) {
            (false, _) => AnyInput::Exact,
            (true, Effect::Forbid) => AnyInput::MayNotHold,
            (true, Effect::Permit) => {
                let weaker = without_input(tree.body()).map_err(|error| error.to_string())?;
                AnyInput::AtMost(Box::new(alone(weaker)?))
            }
        };
        Ok(Alone { exact: alone(self.cedar.clone())?, any_input })
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
