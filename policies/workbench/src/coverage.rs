//! Coverage: what of the policies the tests of a bundle reach.
//!
//! A policy is covered by a case whose answer it determined; an operand of a condition by being seen true and by being
//! seen false. An operand counts where Cedar reaches it: in `a && b` nothing is said of `b` while `a` is false.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Entities, EvalResult, Expression, Request, eval_expression};
use serde::Serialize;
use serde_json::Value;
use toolgate::trace::{Consultation, Truth};
use toolgate::{Effect, Engine, Source};

use crate::source::{self, Kind, Node, PolicyFile, PolicyText};
use crate::suite::{Answer, Ask, Results};

mod lcov;
mod report;

pub use lcov::lcov;
pub use report::people;

/// What the cases of a run reached.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// Policy by policy, in the order of files and lines.
    pub policies: Vec<PolicyCoverage>,
    /// Tool by tool; those that no case calls included.
    pub tools: Vec<ToolCoverage>,
}

/// What the cases reached of one policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyCoverage {
    /// Its `@id`.
    pub id: String,
    /// Permit or forbid.
    pub effect: Effect,
    /// The file, as the user would type it.
    pub file: String,
    /// The line of the word `permit` or `forbid`.
    pub line: usize,
    /// Cases in which its scope fitted.
    pub asked: usize,
    /// Cases in which it held, with some yes at least.
    pub satisfied: usize,
    /// Cases whose answer it determined.
    pub determining: usize,
    /// The operands of its conditions, in the order of the text.
    pub operands: Vec<OperandCoverage>,
}

/// How often an operand was seen, at each rung of each case.
#[derive(Clone, Debug, Serialize)]
pub struct OperandCoverage {
    /// Its text, on one line.
    pub text: String,
    /// Its line in the file.
    pub line: usize,
    /// Its column, in characters.
    pub column: usize,
    /// How often it was true.
    pub when_true: usize,
    /// How often it was false.
    pub when_false: usize,
}

/// What the cases reached of one tool.
#[derive(Clone, Debug, Serialize)]
pub struct ToolCoverage {
    /// The tool.
    pub tool: String,
    /// Cases that call it.
    pub cases: usize,
    /// The answers that came out, by outcome and reason.
    pub answers: Vec<Reached>,
}

/// An answer that came out.
#[derive(Clone, Debug, Serialize)]
pub struct Reached {
    /// The outcome.
    pub outcome: String,
    /// The reason.
    pub reason: String,
    /// In how many cases.
    pub cases: usize,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many were reached.
    pub covered: usize,
    /// How many there are.
    pub total: usize,
}

impl Share {
    /// In percent, rounded down to a tenth, so that 100 means all. Nothing of nothing is all.
    #[expect(clippy::cast_precision_loss, reason = "no bundle has so many policies")]
    pub fn percent(self) -> f64 {
        if self.total == 0 {
            return 100.0;
        }
        (self.covered as f64 * 1000.0 / self.total as f64).floor() / 10.0
    }

    fn and(self, other: Self) -> Self {
        Self { covered: self.covered.saturating_add(other.covered), total: self.total.saturating_add(other.total) }
    }
}

impl Coverage {
    /// Policies that determined an answer.
    pub fn of_policies(&self) -> Share {
        let covered = self.policies.iter().filter(|policy| policy.determining > 0).count();
        Share { covered, total: self.policies.len() }
    }

    /// Sides of operands that were seen: true and false of each.
    pub fn of_operands(&self) -> Share {
        let operands = self.policies.iter().flat_map(|policy| &policy.operands);
        let sides = operands.flat_map(|operand| [operand.when_true, operand.when_false]);
        let (mut covered, mut total) = (0usize, 0usize);
        for seen in sides {
            covered = covered.saturating_add(usize::from(seen > 0));
            total = total.saturating_add(1);
        }
        Share { covered, total }
    }

    /// Both together.
    pub fn whole(&self) -> Share {
        self.of_policies().and(self.of_operands())
    }

    /// As JSON, with the shares.
    pub fn json(&self) -> Value {
        let share = |share: Share| serde_json::json!({"covered": share.covered, "total": share.total, "percent": share.percent()});
        serde_json::json!({
            "percent": self.whole().percent(),
            "of_policies": share(self.of_policies()),
            "of_operands": share(self.of_operands()),
            "policies": self.policies,
            "tools": self.tools,
        })
    }
}

/// Measures what the cases of a run reached. Token requests count for policies; tool lists and Cedar's own tests do not.
pub fn measure(results: &Results<'_>, engine: &Engine, policies: &[Source]) -> Result<Coverage, String> {
    let files = source::read(policies)?;
    let mut meters: BTreeMap<&str, Meter<'_>> = BTreeMap::new();
    for file in &files {
        for policy in &file.policies {
            meters.insert(&policy.id, Meter::new(file, policy));
        }
    }
    let mut tools: BTreeMap<String, BTreeMap<(String, String), usize>> =
        engine.catalog().tools.keys().map(|tool| (tool.to_string(), BTreeMap::new())).collect();
    for ran in &results.cases {
        let (Some(engine), Some(Answer::Json(answer))) = (&ran.engine, &ran.answer) else { continue };
        let consultations: Vec<Consultation> = match &ran.case.ask {
            Ask::Call { call, .. } => {
                let word = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default().to_string();
                let answers = tools.entry(call.tool.to_string()).or_default();
                let count = answers.entry((word("outcome"), word("reason"))).or_default();
                *count = count.saturating_add(1);
                engine.trace(call).consultation.into_iter().collect()
            }
            Ask::Token { request, .. } => engine.trace_token(request).into_iter().map(|(_, asked)| asked).collect(),
            _ => continue,
        };
        // a policy that is asked of several scopes of one token is asked once
        let (mut asked, mut satisfied) = (BTreeSet::new(), BTreeSet::new());
        for consultation in &consultations {
            for policy in &consultation.policies {
                asked.insert(policy.id.clone());
                if policy.at.contains(&Truth::True) || policy.asked.contains(&Truth::True) {
                    satisfied.insert(policy.id.clone());
                }
                if let Some(meter) = meters.get_mut(policy.id.as_str()) {
                    meter.observe(consultation);
                }
            }
        }
        let determining = answer.get("policies").and_then(Value::as_array).into_iter().flatten();
        let determining: Vec<&str> = determining.filter_map(|policy| policy.get("id")?.as_str()).collect();
        for (id, meter) in &mut meters {
            meter.asked = meter.asked.saturating_add(usize::from(asked.contains(*id)));
            meter.satisfied = meter.satisfied.saturating_add(usize::from(satisfied.contains(*id)));
            meter.determining = meter.determining.saturating_add(usize::from(determining.contains(id)));
        }
    }
    let in_order = files.iter().flat_map(|file| &file.policies);
    Ok(Coverage {
        policies: in_order.filter_map(|policy| meters.get(policy.id.as_str())).map(Meter::read).collect(),
        tools: tools
            .into_iter()
            .map(|(tool, answers)| ToolCoverage {
                tool,
                cases: answers.values().fold(0, |sum, cases| sum.saturating_add(*cases)),
                answers: answers
                    .into_iter()
                    .map(|((outcome, reason), cases)| Reached { outcome, reason, cases })
                    .collect(),
            })
            .collect(),
    })
}

/// What is counted of one policy.
struct Meter<'a> {
    file: &'a PolicyFile,
    policy: &'a PolicyText,
    asked: usize,
    satisfied: usize,
    determining: usize,
    /// By where each operand begins: what it is, and how often it was true and false.
    operands: BTreeMap<usize, (Option<Expression>, [usize; 2])>,
}

impl<'a> Meter<'a> {
    fn new(file: &'a PolicyFile, policy: &'a PolicyText) -> Self {
        let operand = |node: &Node| (node.span.start, (file.at(&node.span).parse().ok(), [0, 0]));
        let operands = policy.operands().into_iter().map(operand).collect();
        Self { file, policy, asked: 0, satisfied: 0, determining: 0, operands }
    }

    /// Evaluates the conditions at each rung as Cedar does, and counts the operands on the way.
    fn observe(&mut self, consultation: &Consultation) {
        let cedar = &consultation.cedar;
        let requests = cedar.requests.iter().chain(cedar.unlabelled.iter().flatten());
        for request in requests {
            let policy = self.policy;
            for clause in &policy.clauses {
                // a clause that does not hold, or that errs, ends it
                if self.value(&clause.condition, request, &cedar.entities) != Some(clause.when) {
                    break;
                }
            }
        }
    }

    /// The value of a condition; none if it errs.
    fn value(&mut self, node: &Node, request: &Request, entities: &Entities) -> Option<bool> {
        match &node.kind {
            Kind::All | Kind::Any => {
                let ends = node.kind == Kind::Any;
                for child in &node.children {
                    if self.value(child, request, entities)? == ends {
                        return Some(ends);
                    }
                }
                Some(!ends)
            }
            Kind::Not => Some(!self.value(node.children.first()?, request, entities)?),
            Kind::If => {
                let [condition, then, otherwise] = node.children.as_slice() else { return None };
                let branch = if self.value(condition, request, entities)? { then } else { otherwise };
                self.value(branch, request, entities)
            }
            _ => {
                let (expression, seen) = self.operands.get_mut(&node.span.start)?;
                let Ok(EvalResult::Bool(value)) = eval_expression(request, entities, expression.as_ref()?) else {
                    return None;
                };
                let [when_true, when_false] = seen;
                let count = if value { when_true } else { when_false };
                *count = count.saturating_add(1);
                Some(value)
            }
        }
    }

    fn read(&self) -> PolicyCoverage {
        let operands = self.policy.operands().into_iter().filter(|node| !matches!(node.kind, Kind::Bool(_)));
        let operand = |node: &Node| {
            let place = self.file.place(&node.span);
            let [when_true, when_false] = self.operands.get(&node.span.start).map_or([0, 0], |(_, seen)| *seen);
            let text = self.file.at(&node.span).split_whitespace().collect::<Vec<_>>().join(" ");
            OperandCoverage { text, line: place.line, column: place.column, when_true, when_false }
        };
        PolicyCoverage {
            id: self.policy.id.clone(),
            effect: self.policy.effect,
            file: self.file.file.clone(),
            line: self.file.place(&self.policy.effect_span).line,
            asked: self.asked,
            satisfied: self.satisfied,
            determining: self.determining,
            operands: operands.map(operand).collect(),
        }
    }
}
