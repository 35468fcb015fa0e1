//! Conditions, operand by operand: what each came to, with which values, and which ones stand in the way.

use cedar_policy::{EvalResult, Expression, Request, eval_expression};
use serde::Serialize;
use toolgate::trace::CedarQuestion;

use crate::render::short;
use crate::source::{Kind, Node, PolicyFile, PolicyText, RelOp};

/// How much of a value is shown.
const VALUE: usize = 80;
/// How many elements of a set are.
const ELEMENTS: usize = 12;

/// What stands in a condition without joining others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Operand {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub part: Part,
    /// What it came to.
    pub came_to: CameTo,
    /// Why it could not be evaluated.
    pub error: Option<String>,
    /// What it read.
    pub values: Vec<Value>,
    /// The yes that would make it true, if that is what it asks for.
    pub asks_for: Option<Yes>,
}

/// Where an operand stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The scope: principal, action or resource.
    Scope,
    /// A `when`.
    When,
    /// An `unless`.
    Unless,
}

/// What an operand came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CameTo {
    /// True.
    True,
    /// False.
    False,
    /// It could not be evaluated, often because what stands before it is false.
    Error,
}

/// Whose yes an operand reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Yes {
    /// The user's.
    #[serde(rename = "self")]
    Own,
    /// The manager's.
    Manager,
}

/// What an operand read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Value {
    /// Such as `context.input.amount`.
    pub path: String,
    /// Such as `75000`.
    pub value: String,
}

/// The question that operands are evaluated against.
pub(super) struct Asked<'a> {
    pub(super) question: &'a CedarQuestion,
    pub(super) request: &'a Request,
}

impl Asked<'_> {
    fn eval(&self, text: &str) -> Result<EvalResult, String> {
        let expression: Expression = text.parse().map_err(|_| "it is no expression by itself".to_string())?;
        eval_expression(self.request, &self.question.entities, &expression).map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_string()
        })
    }

    fn truth(&self, text: &str) -> (CameTo, Option<String>) {
        match self.eval(text) {
            Ok(EvalResult::Bool(true)) => (CameTo::True, None),
            Ok(EvalResult::Bool(false)) => (CameTo::False, None),
            Ok(_) => (CameTo::Error, Some("it is not true or false".into())),
            Err(error) => (CameTo::Error, Some(error)),
        }
    }

    /// One operand with what it came to.
    fn operand(&self, file: &PolicyFile, node: &Node, part: Part) -> Operand {
        let text = file.at(&node.span);
        let (came_to, error) = self.truth(text);
        let mut values = Vec::new();
        let mut asks_for = None;
        for path in paths(node) {
            let path = file.at(&path.span);
            match path {
                "context.approval.manager" => asks_for = Some(Yes::Manager),
                "context.approval.self" => asks_for = asks_for.or(Some(Yes::Own)),
                // who and what the call is about stands at the top
                "principal" | "action" | "resource" | "context" => {}
                _ => {
                    let value = self.eval(path).map_or_else(|error| error, |value| shown(&value));
                    let value = Value { path: one_line(path), value };
                    if !values.contains(&value) && value.path != one_line(text) {
                        values.push(value);
                    }
                }
            }
        }
        Operand { text: one_line(text), part, came_to, error, values, asks_for }
    }

    /// Every operand of the conditions, in the order of the text.
    pub(super) fn operands(&self, file: &PolicyFile, policy: &PolicyText) -> Vec<Operand> {
        let of = |clause: &crate::source::ClauseText| {
            let part = if clause.when { Part::When } else { Part::Unless };
            let mut nodes = Vec::new();
            clause.condition.operands(&mut nodes);
            nodes.into_iter().map(move |node| self.operand(file, node, part)).collect::<Vec<_>>()
        };
        policy.clauses.iter().flat_map(of).collect()
    }

    /// The parts of the scope that do not fit.
    pub(super) fn scope(&self, file: &PolicyFile, policy: &PolicyText) -> Vec<Operand> {
        let parts = [&policy.principal, &policy.action, &policy.resource];
        let bound = parts.into_iter().filter(|part| part.is.is_some() || part.bound.is_some());
        let fits = bound.map(|part| {
            let text = file.at(&part.span);
            let (came_to, error) = self.truth(text);
            let path = text.split_whitespace().next().unwrap_or_default();
            let values = self.eval(path).map(|value| Value { path: path.into(), value: shown(&value) });
            let values = values.into_iter().filter(|_| path != "principal").collect();
            Operand { text: one_line(text), part: Part::Scope, came_to, error, values, asks_for: None }
        });
        fits.filter(|operand| operand.came_to != CameTo::True).collect()
    }

    /// The fewest operands that would have to come out otherwise for the conditions to hold, or not to.
    pub(super) fn missing(&self, file: &PolicyFile, policy: &PolicyText, holds: bool) -> Vec<Operand> {
        let each = policy.clauses.iter().map(|clause| {
            let part = if clause.when { Part::When } else { Part::Unless };
            (clause, part)
        });
        let mut all: Vec<Vec<Operand>> = Vec::new();
        for (clause, part) in each {
            // what must be true for the clause to be fulfilled, or not
            all.push(self.flips(file, &clause.condition, part, clause.when == holds).0);
        }
        if holds {
            return all.into_iter().flatten().collect();
        }
        // one clause that is not fulfilled is enough
        all.into_iter().min_by_key(Vec::len).unwrap_or_default()
    }

    /// The operands that must come out otherwise, and whether the node could be evaluated at all.
    fn flips(&self, file: &PolicyFile, node: &Node, part: Part, want: bool) -> (Vec<Operand>, CameTo) {
        let truth = if node.joins() { self.truth(file.at(&node.span)).0 } else { CameTo::False };
        let fits = matches!((truth, want), (CameTo::True, true) | (CameTo::False, false));
        if node.joins() && fits {
            return (Vec::new(), truth);
        }
        match (&node.kind, node.children.as_slice()) {
            (Kind::All, children) => self.several(file, children, part, want, want),
            (Kind::Any, children) => self.several(file, children, part, want, !want),
            (Kind::Not, [inner]) => self.flips(file, inner, part, !want),
            (Kind::If, [test, then, otherwise]) => {
                let (taken, other, holds) = match self.truth(file.at(&test.span)).0 {
                    CameTo::True => (then, otherwise, true),
                    _ => (otherwise, then, false),
                };
                let stay = self.flips(file, taken, part, want).0;
                let mut turn = self.flips(file, test, part, !holds).0;
                turn.extend(self.flips(file, other, part, want).0);
                (if turn.len() < stay.len() { turn } else { stay }, truth)
            }
            _ => {
                let operand = self.operand(file, node, part);
                let came_to = operand.came_to;
                match (came_to, want) {
                    (CameTo::True, true) | (CameTo::False, false) => (Vec::new(), came_to),
                    _ => (vec![operand], came_to),
                }
            }
        }
    }

    /// Several joined nodes: each must come out as wanted, or one of them is enough.
    fn several(
        &self,
        file: &PolicyFile,
        children: &[Node],
        part: Part,
        want: bool,
        each: bool,
    ) -> (Vec<Operand>, CameTo) {
        let mut all: Vec<(Vec<Operand>, CameTo)> = Vec::new();
        for child in children {
            let (flips, truth) = self.flips(file, child, part, want);
            // what cannot be evaluated after something that is missing may well be what that guards
            let guarded = truth == CameTo::Error && all.iter().any(|(flips, _)| !flips.is_empty());
            if !(each && guarded) {
                all.push((flips, truth));
            }
        }
        let flips = if each {
            all.into_iter().flat_map(|(flips, _)| flips).collect()
        } else {
            let usable = |(_, truth): &&(Vec<Operand>, CameTo)| *truth != CameTo::Error;
            let some = all.iter().any(|one| usable(&one));
            let all = all.into_iter().filter(|one| !some || usable(&one));
            all.map(|(flips, _)| flips).min_by_key(Vec::len).unwrap_or_default()
        };
        (flips, CameTo::False)
    }
}

/// What a change of one fact would make an operand come out as wanted: the path of the fact and its new value.
pub(super) fn remedy(file: &PolicyFile, node: &Node, want: bool) -> Option<(Vec<String>, New)> {
    let parts = |path: &Node| -> Vec<String> { file.at(&path.span).split('.').map(str::to_string).collect() };
    match (&node.kind, node.children.as_slice()) {
        (Kind::Compare(op), [left, right]) => {
            // the literal may stand on either side
            let (path, literal, op) = match (&left.kind, &right.kind) {
                (Kind::Get(_), _) => (left, right, *op),
                (_, Kind::Get(_)) => (right, left, turned(*op)?),
                _ => return None,
            };
            let new = match &literal.kind {
                Kind::Text(text) if same(op, want) => New::Text(text.clone()),
                _ => New::Long(bound(op, long(literal)?, want)?),
            };
            Some((parts(path), new))
        }
        (Kind::Call(name), [path, limit]) if matches!(path.kind, Kind::Get(_)) => {
            let (Kind::Call(function), [text]) = (&limit.kind, limit.children.as_slice()) else { return None };
            let Kind::Text(text) = &text.kind else { return None };
            // the bound itself lies on the side that is wanted
            let at_bound = match name.as_str() {
                "greaterThan" | "lessThan" => !want,
                "greaterThanOrEqual" | "lessThanOrEqual" => want,
                _ => false,
            };
            (function == "decimal" && at_bound).then(|| (parts(path), New::Decimal(text.clone())))
        }
        _ => None,
    }
}

/// A value to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum New {
    Long(i64),
    Decimal(String),
    Text(String),
}

fn long(node: &Node) -> Option<i64> {
    match (&node.kind, node.children.as_slice()) {
        (Kind::Long(number), _) => i64::try_from(*number).ok(),
        (Kind::Negate, [inner]) => long(inner)?.checked_neg(),
        _ => None,
    }
}

fn same(op: RelOp, want: bool) -> bool {
    matches!((op, want), (RelOp::Eq, true) | (RelOp::NotEq, false))
}

/// The value nearest to the bound for which the comparison comes out as wanted.
fn bound(op: RelOp, bound: i64, want: bool) -> Option<i64> {
    match (op, want) {
        (RelOp::Greater, true) | (RelOp::LessEq, false) => bound.checked_add(1),
        (RelOp::Less, true) | (RelOp::GreaterEq, false) => bound.checked_sub(1),
        (RelOp::Greater | RelOp::Less, false) | (RelOp::GreaterEq | RelOp::LessEq, true) => Some(bound),
        _ if same(op, want) => Some(bound),
        _ => None,
    }
}

/// The operator with its sides exchanged.
fn turned(op: RelOp) -> Option<RelOp> {
    Some(match op {
        RelOp::Less => RelOp::Greater,
        RelOp::LessEq => RelOp::GreaterEq,
        RelOp::Greater => RelOp::Less,
        RelOp::GreaterEq => RelOp::LessEq,
        RelOp::Eq | RelOp::NotEq => op,
        _ => return None,
    })
}

/// The longest attribute paths that a node reads.
fn paths(node: &Node) -> Vec<&Node> {
    let variable = |name: &str| matches!(name, "principal" | "action" | "resource" | "context");
    let mut found = Vec::new();
    match &node.kind {
        Kind::Get(_) => found.push(node),
        Kind::Name(name) if variable(name) => found.push(node),
        // what is asked for is a name, not a value; what it is asked of may be large
        Kind::Has => {}
        Kind::Is => found.extend(node.children.iter().take(1).flat_map(paths)),
        _ => found.extend(node.children.iter().flat_map(paths)),
    }
    found
}

/// Text from a policy on one line.
pub(super) fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// A value for a person.
fn shown(value: &EvalResult) -> String {
    let text = match value {
        EvalResult::Bool(value) => value.to_string(),
        EvalResult::Long(value) => value.to_string(),
        EvalResult::String(text) => format!("\"{}\"", short(text, VALUE)),
        EvalResult::EntityUid(uid) => AsRef::<str>::as_ref(uid.id()).to_string(),
        EvalResult::Set(set) if set.is_empty() => "empty".into(),
        EvalResult::Set(set) => {
            let rest = set.len().saturating_sub(ELEMENTS);
            let mut elements: Vec<String> = set.iter().take(ELEMENTS).map(shown).collect();
            if rest > 0 {
                elements.push(format!("{rest} more"));
            }
            format!("[{}]", elements.join(", "))
        }
        EvalResult::Record(record) => {
            format!("{{{}}}", record.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", "))
        }
        EvalResult::ExtensionValue(text) => {
            // `decimal("25.5")` is 25.5 to a person
            let inner = text.split_once("(\"").and_then(|(_, rest)| rest.strip_suffix("\")"));
            inner.unwrap_or(text).to_string()
        }
    };
    short(&text, VALUE.saturating_mul(4)).into_owned()
}
