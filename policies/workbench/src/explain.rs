//! `toolgate explain`: why this outcome, rung by rung, and why not a better one. For people who write policies and
//! answer for them, never for the agent: it names policies, entitlements and people.

use serde::Serialize;
use toolgate::trace::{ApprovalTrace, Consultation, PolicyTrace, Rung, Standing, Truth};
use toolgate::{Call, Decision, Effect, Engine, Instant, Operation, Reason, Subject, ToolId};

use crate::source::{self, PolicyFile, PolicyText};
use crate::stack;

mod changes;
mod conditions;
mod facts;
mod text;

pub use changes::{Change, Kind};
pub use conditions::{CameTo, Operand, Part, Value, Yes};
pub use facts::{EntitlementFact, Relation, ToolFact};
pub use text::text;

/// How many of the nearest policies are shown.
const NEAREST: usize = 3;

/// Why a call came out as it did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Explanation<'e> {
    /// The line of the input on which the call stands, if it was one of several.
    pub line: Option<usize>,
    /// Who called what, and when; absent if it was no call.
    pub call: Option<Asked>,
    /// The decision, as the host gets it.
    pub decision: Decision<'e>,
    /// Why, in a sentence.
    pub because: String,
    /// The facts that led there, a sentence each.
    pub facts: Vec<String>,
    /// The tool; absent if there is none.
    pub tool: Option<ToolFact>,
    /// The three rungs, from the lowest; none if the call was refused before any policy was asked.
    pub rungs: Vec<RungView>,
    /// Every policy whose scope fits, forbids first.
    pub policies: Vec<PolicyView>,
    /// The permits that came nearest to holding and do not as things stand, the nearest first.
    pub nearest: Vec<Near>,
    /// What would change the outcome. Each was tried.
    pub changes: Vec<Change>,
}

/// Who called what, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Who called.
    pub subject: Subject,
    /// What.
    pub tool: ToolId,
    /// When.
    pub now: Instant,
}

/// What the policies said at one rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RungView {
    /// How much consent is assumed.
    pub rung: Rung,
    /// Whether the call would be allowed.
    pub allowed: bool,
    /// The permits that hold.
    pub permits: Vec<String>,
    /// The forbids that hold.
    pub forbids: Vec<String>,
    /// The forbids that cannot be evaluated.
    pub errors: Vec<String>,
}

/// A policy whose scope fits the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyView {
    /// Its `@id`.
    pub id: String,
    /// Permit or forbid.
    pub effect: Effect,
    /// Its `@description`.
    pub description: Option<String>,
    /// The file it is in.
    pub file: String,
    /// The line of its first annotation, from 1.
    pub line: usize,
    /// What it says at the three rungs, from the lowest.
    pub at: [Truth; 3],
    /// The operands of its conditions, as things stand.
    pub operands: Vec<Operand>,
    /// The yeses on record, and what each is worth for it.
    pub approvals: Vec<ApprovalTrace>,
}

/// A permit that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Near {
    /// Its `@id`.
    pub id: String,
    /// Its `@description`.
    pub description: Option<String>,
    /// The file it is in.
    pub file: String,
    /// The line of its first annotation, from 1.
    pub line: usize,
    /// The fewest operands that would have to come out otherwise. A part of the scope counts as one.
    pub missing: Vec<Operand>,
}

/// What a call looks like to whoever explains it.
struct Case<'c> {
    files: &'c [PolicyFile],
    consultation: &'c Consultation,
}

/// Explains one call. `files` are the policies that the engine was loaded from.
pub fn explain<'e>(engine: &'e Engine, files: &[PolicyFile], call: &Call) -> Explanation<'e> {
    let work = || {
        let trace = engine.trace(call);
        let snapshot = engine.snapshot();
        let mut explanation = Explanation {
            call: Some(Asked { subject: call.subject.clone(), tool: call.tool.clone(), now: call.now }),
            because: facts::because(engine, &snapshot, call, &trace),
            facts: facts::facts(engine, &snapshot, call, &trace),
            tool: facts::tool(engine, &snapshot, call, trace.consultation.as_ref()),
            ..bare(trace.decision)
        };
        if let Some(consultation) = &trace.consultation {
            let case = Case { files, consultation };
            explanation.rungs = rungs(&consultation.policies);
            explanation.policies = case.policies();
            let allowed = explanation.rungs.first().is_some_and(|rung| rung.allowed);
            explanation.nearest = if allowed { Vec::new() } else { case.nearest() };
        }
        explanation.changes = changes::changes(engine, &snapshot, files, call, &trace.consultation, &explanation);
        explanation
    };
    stack::deep(work).unwrap_or_else(|| bare(engine.decide(call)))
}

/// Explains a call that is JSON, or why it is no call.
pub fn explain_json<'e>(engine: &'e Engine, files: &[PolicyFile], json: &[u8]) -> Explanation<'e> {
    match Call::parse(json) {
        Ok(call) => explain(engine, files, &call),
        Err(_) => {
            let decision = engine.decide_json(json);
            Explanation { because: facts::no_call(&decision), ..bare(decision) }
        }
    }
}

fn bare(decision: Decision<'_>) -> Explanation<'_> {
    Explanation {
        line: None,
        call: None,
        because: decision.reason.code().into(),
        decision,
        facts: Vec::new(),
        tool: None,
        rungs: Vec::new(),
        policies: Vec::new(),
        nearest: Vec::new(),
        changes: Vec::new(),
    }
}

/// What a policy says at a rung.
fn at(policy: &PolicyTrace, rung: Rung) -> Truth {
    let [in_force, own, manager] = policy.at;
    match rung {
        Rung::InForce => in_force,
        Rung::SelfApproval => own,
        Rung::Manager => manager,
    }
}

fn rungs(policies: &[PolicyTrace]) -> Vec<RungView> {
    let of = |rung| {
        let who = |effect, truth| -> Vec<String> {
            let all = policies.iter().filter(|policy| policy.effect == effect && at(policy, rung) == truth);
            all.map(|policy| policy.id.clone()).collect()
        };
        let (permits, forbids) = (who(Effect::Permit, Truth::True), who(Effect::Forbid, Truth::True));
        let errors = who(Effect::Forbid, Truth::Error);
        let allowed = !permits.is_empty() && forbids.is_empty() && errors.is_empty();
        RungView { rung, allowed, permits, forbids, errors }
    };
    Rung::ALL.into_iter().map(of).collect()
}

impl<'c> Case<'c> {
    /// The question as it stands for a policy: with the yeses that count for it. A session whose labels nobody told
    /// has all of them, or none; `none` chooses.
    fn asked(&self, counted: Rung, none: bool) -> conditions::Asked<'c> {
        let question = &self.consultation.cedar;
        let request = match (&question.unlabelled, none) {
            (Some([in_force, own, manager]), true) => match counted {
                Rung::InForce => in_force,
                Rung::SelfApproval => own,
                Rung::Manager => manager,
            },
            _ => question.at(counted),
        };
        conditions::Asked { question, request }
    }

    fn policies(&self) -> Vec<PolicyView> {
        let view = |traced: &PolicyTrace| {
            let (file, policy) = source::find(self.files, &traced.id)?;
            Some(PolicyView {
                id: traced.id.clone(),
                effect: traced.effect,
                description: description(policy),
                file: file.file.clone(),
                line: file.place(&policy.span).line,
                at: traced.at,
                operands: self.asked(traced.counted, false).operands(file, policy),
                approvals: traced.approvals.clone(),
            })
        };
        let mut views: Vec<PolicyView> = self.consultation.policies.iter().filter_map(view).collect();
        views.sort_by_key(|view| view.effect != Effect::Forbid);
        views
    }

    /// The permits that do not hold, those with the fewest operands in the way first.
    fn nearest(&self) -> Vec<Near> {
        let mut found: Vec<(bool, Near)> = Vec::new();
        // what is out of scope is no near miss where something in scope needs no more than a yes
        let permits =
            |traced: &PolicyTrace| traced.effect == Effect::Permit && at(traced, Rung::Manager) == Truth::True;
        let open = self.consultation.policies.iter().any(permits);
        for file in self.files {
            for policy in file.policies.iter().filter(|policy| policy.effect == Effect::Permit) {
                let traced = self.consultation.policies.iter().find(|traced| traced.id == policy.id);
                if traced.is_some_and(|traced| at(traced, Rung::InForce) == Truth::True) {
                    continue;
                }
                let counted = traced.map_or(Rung::InForce, |traced| traced.counted);
                let asked = self.asked(counted, false);
                let scope = if traced.is_some() { Vec::new() } else { asked.scope(file, policy) };
                if traced.is_none() && (open || scope.is_empty() || self.is_about_others(file, policy, &scope)) {
                    continue;
                }
                let outside = !scope.is_empty();
                let mut conditions = asked.missing(file, policy, true);
                if conditions.is_empty() && !outside {
                    conditions = self.asked(counted, true).missing(file, policy, true);
                }
                let missing: Vec<Operand> = scope.into_iter().chain(conditions).collect();
                let (line, file) = (file.place(&policy.span).line, file.file.clone());
                let near = Near { id: policy.id.clone(), description: description(policy), file, line, missing };
                found.push((outside, near));
            }
        }
        found.sort_by(|(left_outside, left), (right_outside, right)| {
            let key = |outside: bool, near: &Near| (near.missing.len(), outside, near.id.clone());
            key(*left_outside, left).cmp(&key(*right_outside, right))
        });
        found.into_iter().map(|(_, near)| near).take(NEAREST).collect()
    }

    /// Whether a policy out of scope is about other tools by name, about tokens and requests, or for others: no near
    /// miss.
    fn is_about_others(&self, file: &PolicyFile, policy: &PolicyText, misses: &[Operand]) -> bool {
        let action = conditions::one_line(file.at(&policy.action.span));
        let other_operation = Operation::ALL
            .iter()
            .any(|operation| action.contains(&format!("Toolgate::Action::\"{}\"", operation.as_str())));
        // nor does a person become a service principal
        let principal = conditions::one_line(file.at(&policy.principal.span));
        misses.iter().any(|miss| miss.text == principal || miss.text == action && !other_operation)
    }
}

fn description(policy: &PolicyText) -> Option<String> {
    policy.annotation("description").map(|annotation| annotation.value.clone())
}

/// What a recorded yes is worth, in words.
fn standing(approval: &ApprovalTrace) -> String {
    match approval.standing {
        Standing::CountsAsSelf => "counts as the user's".into(),
        Standing::CountsAsManager => "counts as the manager's".into(),
        Standing::NotBegun { from } => format!("begins at {from}"),
        Standing::Over { since } => format!("over since {since}"),
        Standing::NotThisCall => "is about other calls".into(),
        Standing::TooWide => "covers more than `@reuse` accepts here".into(),
        Standing::NotEligible => format!("{} may not say yes here", approval.by),
        _ => "does not count".into(),
    }
}

/// Whether a decision was made by the policies, not at the gate.
fn asked_policies(reason: Reason) -> bool {
    use Reason as R;
    matches!(
        reason,
        R::AllowedHeld
            | R::AllowedByApproval
            | R::ApprovalRequired
            | R::ApprovalExpired
            | R::OutOfScope
            | R::ApprovalUnverifiable
            | R::NotHeldRequestable
            | R::GrantPending
            | R::Ineligible
            | R::PolicyDenied
            | R::AgentNotEntitled
            | R::StepUpRequired
            | R::ApproverUnresolved
            | R::EvaluationError
    )
}
