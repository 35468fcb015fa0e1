//! What led to a decision: for whoever explains, measures or proves policies. Never for the agent.

use cedar_policy::{Entities, Request};
use serde::Serialize;

use crate::compile::build::Compiled;
use crate::compile::people::Recorded;
use crate::compile::symbols;
use crate::data::decision::{Decision, Effect};
use crate::data::reason::Reason;
use crate::data::snapshot::ApprovalKind;
use crate::data::time::Instant;
use crate::data::value::Ent;
use crate::eval::approval::{Asked, Binding, Matter, end};
use crate::eval::detail::Refusal;
use crate::eval::facts;
use crate::eval::input::Space;
use crate::eval::ladder::{Rung, Truth};
use crate::eval::question::{Facets, Input, Question, Target};
use crate::eval::ruling::{row, stand_ins};
use crate::eval::{check, decide, referee};
use crate::load::asking::Asking;

/// A decision, and what the policies were asked on the way to it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trace<'e> {
    /// The same as without a trace.
    pub decision: Decision<'e>,
    /// What the policies were asked of the call as it is; none if it was refused before anybody asked them.
    pub consultation: Option<Consultation>,
}

/// What the policies were asked, and what each said.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Consultation {
    /// The entitlements that the agent holds at that instant, sorted; those of its profiles included.
    pub held: Vec<String>,
    /// The profiles that it holds, sorted.
    pub profiles: Vec<String>,
    /// The entitlements that unlock the tool or scope: any of them.
    pub unlocking: Vec<String>,
    /// Every policy whose scope fits, in the order of the ids.
    pub policies: Vec<PolicyTrace>,
    /// The question in Cedar's own terms.
    pub cedar: CedarQuestion,
}

/// What one policy said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PolicyTrace {
    /// Its `@id`.
    pub id: String,
    /// Permit or forbid.
    pub effect: Effect,
    /// What it says with no approval, with the user's, and with the manager's.
    pub asked: [Truth; 3],
    /// How far the approvals in force count for it.
    pub counted: Rung,
    /// What it says at the three rungs of the ladder: each at least with the approvals that count.
    pub at: [Truth; 3],
    /// Every yes that is on record for the subject, and what it is worth here. Empty where a yes changes nothing.
    pub approvals: Vec<ApprovalTrace>,
}

/// What a recorded yes is worth for one policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ApprovalTrace {
    /// The id of the approval.
    pub id: String,
    /// Whose yes it is.
    pub kind: ApprovalKind,
    /// Who gave it.
    pub by: String,
    /// What it is worth.
    pub standing: Standing,
}

/// Whether a recorded yes counts, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// As the user's yes.
    CountsAsSelf,
    /// As the manager's.
    CountsAsManager,
    /// It begins later.
    NotBegun {
        /// When.
        from: Instant,
    },
    /// It is over: its own end, or the policy's `@valid_for` since it began.
    Over {
        /// Since when.
        since: Instant,
    },
    /// It is about something else.
    NotThisCall,
    /// It covers more than the policy's `@reuse` accepts.
    TooWide,
    /// Whoever gave it may not say yes here, or no longer.
    NotEligible,
}

/// A question to the policies as Cedar's own library takes it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CedarQuestion {
    /// Everything a policy can reach from the request.
    pub entities: Entities,
    /// The request with no approval, with the user's, and with the manager's, which counts as both.
    pub requests: [Request; 3],
    /// The same with a session of no labels, if the host does not say which it has and some policy reads them: a
    /// policy must permit under both.
    pub unlabelled: Option<[Request; 3]>,
}

impl CedarQuestion {
    /// The request at a level of approval.
    pub fn at(&self, level: Rung) -> &Request {
        let [none, own, manager] = &self.requests;
        match level {
            Rung::InForce => none,
            Rung::SelfApproval => own,
            Rung::Manager => manager,
        }
    }
}

/// Decides one call and tells what led to the decision.
pub(crate) fn trace<'e>(engine: &'e Compiled, asking: &Asking<'_>) -> Trace<'e> {
    Trace { decision: decide::decide(engine, asking), consultation: of_call(engine, asking).ok() }
}

/// What the policies are asked of a call that passes the gate.
fn of_call<'a>(engine: &'a Compiled, asking: &'a Asking<'_>) -> Result<Consultation, Refusal<'a>> {
    check::limits(asking, &engine.limits)?;
    let facts = facts::subject(engine, asking.subject, asking.now)?;
    let (number, tool) = facts::tool(engine, asking.tool)?;
    let server = facts::server(engine, tool.server)?;
    let mut space = Space::default();
    let invalid = || Refusal::new(Reason::ArgumentInvalid, "the arguments are not of their types");
    check::arguments(engine, tool, asking.arguments, &mut space).map_err(|_| invalid())?;
    let frame = space.frame(&tool.plan, asking.arguments);
    let record = frame.value(space.root()).ok_or_else(invalid)?;
    let (binding, facets) = (Binding::new(asking, tool), Facets::new(&asking.session, asking.now));
    let question = Question {
        engine,
        facts: &facts,
        held: &facts.held,
        target: Target::Call { number, tool, input: Input::Given { record, arguments: asking.arguments } },
        facets: &facets,
        before: None,
    };
    let matter = Matter {
        engine,
        facts: &facts,
        server,
        entitlements: &tool.guarded.entitlements,
        asked: Asked::Call { tool, binding: &binding },
        now: asking.now,
    };
    consult(&question, &matter)
}

/// Asks every policy whose scope fits, and keeps what it says.
pub(crate) fn consult(question: &Question<'_>, matter: &Matter<'_>) -> Result<Consultation, Refusal<'static>> {
    let engine = question.engine;
    let refuse = |error: String| Refusal::new(Reason::EvaluationError, error);
    let truths = question.ask().map_err(refuse)?;
    let stand_ins = stand_ins(truths.iter().copied(), matter);
    let policies = truths.iter().filter_map(|(number, asked)| {
        let policy = engine.policy(*number)?;
        let counted = matter.in_force(policy, &stand_ins);
        let effect = policy.terms.effect;
        let standing = |approved: &Recorded| {
            let (approval, end) = (&approved.approval, end(approved, &policy.terms));
            let standing = match matter.counts(approved, policy, &stand_ins) {
                Some(Rung::Manager) => Standing::CountsAsManager,
                Some(_) => Standing::CountsAsSelf,
                None if approval.from > matter.now => Standing::NotBegun { from: approval.from },
                None if !matter.covers(&approval.scope) => Standing::NotThisCall,
                None if end <= matter.now => Standing::Over { since: end },
                None if approval.scope.width() > policy.terms.reuse => Standing::TooWide,
                None => Standing::NotEligible,
            };
            ApprovalTrace {
                id: approval.id.clone(),
                kind: approval.kind,
                by: engine.user_name(approved.by).to_string(),
                standing,
            }
        };
        let moved = asked.iter().any(|truth| asked.first() != Some(truth));
        Some(PolicyTrace {
            id: policy.terms.id.clone(),
            effect,
            asked: *asked,
            counted,
            at: row(effect, *asked, counted, counted).at,
            approvals: if moved { matter.approvals().map(standing).collect() } else { Vec::new() },
        })
    });
    let mut policies: Vec<PolicyTrace> = policies.collect();
    policies.sort_by(|left, right| left.id.cmp(&right.id));
    let names = |kind: u32, ids: &[u32]| {
        let mut names: Vec<String> =
            ids.iter().map(|id| engine.symbols.name(Ent { kind, id: *id }).1.to_string()).collect();
        names.sort();
        names
    };
    Ok(Consultation {
        held: names(symbols::ENTITLEMENT, &question.held.entitlements),
        profiles: names(symbols::PROFILE, &question.held.profiles),
        unlocking: names(symbols::ENTITLEMENT, matter.entitlements),
        policies,
        cedar: referee::Asked::new(question).map_err(refuse)?.into_question(),
    })
}
