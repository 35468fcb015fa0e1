//! What can be said of a condition without a call: true, false, or it depends.
//!
//! Everything here is sound and nothing complete: what it calls constant is constant for every request, and of what it
//! leaves open a solver (`toolgate prove`) may know more.

use std::collections::HashMap;

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, PatternElem, UnaryOp};
use toolgate::Instant;

use super::condition::{boolean, chain, children, elements, is_path, key, text};

/// What a condition comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Open,
}

impl Truth {
    fn of(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Open => Self::Open,
        }
    }
}

/// The numbers from the first to the second.
type Reach = (i128, i128);

const LONG: Reach = (i64::MIN as i128, i64::MAX as i128);

/// What is known where a part of a condition is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    known: HashMap<String, bool>,
    reach: HashMap<String, Reach>,
    texts: HashMap<String, String>,
}

/// Works out what conditions come to.
pub(super) struct Reasoner<'a> {
    /// What is known of a part from elsewhere: a tool's attributes, a supposition.
    pub(super) given: &'a dyn Fn(&Expr) -> Option<bool>,
    /// Told of each operand of `&&` and `||` that cannot be but true, or false.
    pub(super) constant: &'a mut dyn FnMut(&Expr, bool),
    /// Told of each arithmetic that can leave 64 bits.
    pub(super) overflow: &'a mut dyn FnMut(&Expr),
}

/// What a condition comes to, given something of its parts.
pub(super) fn truth(expr: &Expr, facts: &Facts, given: &dyn Fn(&Expr) -> Option<bool>) -> Truth {
    Reasoner { given, constant: &mut |_, _| {}, overflow: &mut |_| {} }.truth(expr, facts)
}

impl Facts {
    /// Takes an expression for true, or false.
    pub(super) fn assume(&mut self, expr: &Expr, value: bool) {
        match expr.expr_kind() {
            ExprKind::And { .. } if value => chain(expr, true).into_iter().for_each(|part| self.assume(part, true)),
            ExprKind::Or { .. } if !value => chain(expr, false).into_iter().for_each(|part| self.assume(part, false)),
            ExprKind::UnaryApp { op: UnaryOp::Not, arg } => self.assume(arg, !value),
            ExprKind::BinaryApp { op, arg1, arg2 } => {
                self.compare(*op, arg1, arg2, value);
                self.note(expr, value);
            }
            _ => {
                // a manager's yes counts as the user's too
                if is_path(expr, &["context", "approval", "manager"]) && value {
                    self.known.insert(key_of(&["context", "approval", "self"]), true);
                }
                if is_path(expr, &["context", "approval", "self"]) && !value {
                    self.known.insert(key_of(&["context", "approval", "manager"]), false);
                }
                self.note(expr, value);
            }
        }
    }

    /// Takes a principal's type for known.
    pub(super) fn principal_is(&mut self, name: &str) {
        for other in ["Toolgate::Agent", "Toolgate::ServicePrincipal"] {
            self.known.insert(format!("(is {other} principal)"), other == name);
        }
    }

    fn note(&mut self, expr: &Expr, value: bool) {
        self.known.insert(key(expr), value);
    }

    fn compare(&mut self, op: BinaryOp, left: &Expr, right: &Expr, value: bool) {
        match op {
            BinaryOp::Eq => {
                if let (Some(value_of), Some(value)) = (boolean(right).or_else(|| boolean(left)), Some(value)) {
                    let part = if boolean(right).is_some() { left } else { right };
                    self.assume(part, value_of == value);
                }
                if value {
                    for (part, other) in [(left, right), (right, left)] {
                        if let Some(text) = text(other) {
                            self.texts.insert(key(part), text.into());
                        }
                        self.narrow(part, self.reach_of(other));
                    }
                }
            }
            BinaryOp::Less | BinaryOp::LessEq => {
                // a < b is a <= b - 1; not a < b is b <= a
                let strict = i128::from(op == BinaryOp::Less);
                let ((least, _), (_, most)) = (self.reach_of(left), self.reach_of(right));
                let ((right_least, _), (_, left_most)) = (self.reach_of(right), self.reach_of(left));
                if value {
                    self.narrow(left, (i128::MIN, most.saturating_sub(strict)));
                    self.narrow(right, (least.saturating_add(strict), i128::MAX));
                } else {
                    let gap = 1i128.saturating_sub(strict);
                    self.narrow(left, (right_least.saturating_add(gap), i128::MAX));
                    self.narrow(right, (i128::MIN, left_most.saturating_sub(gap)));
                }
            }
            _ => {}
        }
    }

    fn narrow(&mut self, expr: &Expr, (least, most): Reach) {
        if matches!(expr.expr_kind(), ExprKind::GetAttr { .. }) {
            let known = self.reach.entry(key(expr)).or_insert(LONG);
            *known = (known.0.max(least), known.1.min(most));
        }
    }

    /// What a number can be, without looking into arithmetic.
    fn reach_of(&self, expr: &Expr) -> Reach {
        match expr.expr_kind() {
            ExprKind::Lit(Literal::Long(number)) => (i128::from(*number), i128::from(*number)),
            ExprKind::GetAttr { .. } => self.reach.get(&key(expr)).copied().unwrap_or(LONG),
            ExprKind::ExtensionFunctionApp { .. } => instant(expr).map_or(LONG, |at| (at, at)),
            _ => LONG,
        }
    }
}

impl Reasoner<'_> {
    /// What an expression comes to where the facts hold.
    pub(super) fn truth(&mut self, expr: &Expr, facts: &Facts) -> Truth {
        if let Some(value) = (self.given)(expr) {
            return Truth::of(value);
        }
        match expr.expr_kind() {
            ExprKind::Lit(Literal::Bool(value)) => Truth::of(*value),
            ExprKind::And { .. } => self.joined(expr, facts, true),
            ExprKind::Or { .. } => self.joined(expr, facts, false),
            ExprKind::UnaryApp { op: UnaryOp::Not, arg } => self.truth(arg, facts).not(),
            ExprKind::If { test_expr, then_expr, else_expr } => {
                let test = self.truth(test_expr, facts);
                let (mut yes, mut no) = (facts.clone(), facts.clone());
                yes.assume(test_expr, true);
                no.assume(test_expr, false);
                match test {
                    Truth::True => self.truth(then_expr, &yes),
                    Truth::False => self.truth(else_expr, &no),
                    Truth::Open => {
                        let (then, otherwise) = (self.truth(then_expr, &yes), self.truth(else_expr, &no));
                        if then == otherwise { then } else { Truth::Open }
                    }
                }
            }
            _ => {
                children(expr).into_iter().for_each(|child| self.arithmetic(child, facts));
                self.part(expr, facts)
            }
        }
    }

    /// `a && b && …` if `and`, else `a || b || …`.
    fn joined(&mut self, expr: &Expr, facts: &Facts, and: bool) -> Truth {
        let mut facts = facts.clone();
        let mut open = false;
        let operands = chain(expr, and);
        for operand in operands {
            let truth = self.truth(operand, &facts);
            if truth != Truth::Open {
                (self.constant)(operand, truth == Truth::True);
            }
            if truth == Truth::of(!and) {
                // whatever comes before only decides whether this one is asked
                return truth;
            }
            open |= truth == Truth::Open;
            facts.assume(operand, and);
        }
        if open { Truth::Open } else { Truth::of(and) }
    }

    fn part(&mut self, expr: &Expr, facts: &Facts) -> Truth {
        if let Some(value) = facts.known.get(&key(expr)) {
            return Truth::of(*value);
        }
        match expr.expr_kind() {
            ExprKind::BinaryApp { op: BinaryOp::Eq, arg1, arg2 } => self.equal(arg1, arg2, facts),
            ExprKind::BinaryApp { op: op @ (BinaryOp::Less | BinaryOp::LessEq), arg1, arg2 } => {
                let ((least, most), (other_least, other_most)) = (self.number(arg1, facts), self.number(arg2, facts));
                let strict = i128::from(*op == BinaryOp::Less);
                if most.saturating_add(strict) <= other_least {
                    Truth::True
                } else if least.saturating_add(strict) > other_most {
                    Truth::False
                } else {
                    Truth::Open
                }
            }
            ExprKind::BinaryApp { op: BinaryOp::Contains, arg1, arg2 } => {
                let Some(items) = elements(arg1) else { return Truth::Open };
                if items.is_empty() {
                    return Truth::False;
                }
                let known = text(arg2).map(str::to_owned).or_else(|| facts.texts.get(&key(arg2)).cloned());
                match (known, items.iter().map(text).collect::<Option<Vec<_>>>()) {
                    (Some(known), Some(texts)) => Truth::of(texts.contains(&known.as_str())),
                    _ => Truth::Open,
                }
            }
            ExprKind::Like { pattern, .. }
                if !pattern.is_empty() && pattern.iter().all(|part| *part == PatternElem::Wildcard) =>
            {
                Truth::True
            }
            _ => Truth::Open,
        }
    }

    fn equal(&mut self, left: &Expr, right: &Expr, facts: &Facts) -> Truth {
        if let Some(value) = boolean(right) {
            let truth = self.truth(left, facts);
            return if value { truth } else { truth.not() };
        }
        if let Some(value) = boolean(left) {
            let truth = self.truth(right, facts);
            return if value { truth } else { truth.not() };
        }
        let (left_key, right_key) = (key(left), key(right));
        if left_key == right_key {
            return Truth::True;
        }
        let known = |expr: &Expr, key: &str| text(expr).map(str::to_owned).or_else(|| facts.texts.get(key).cloned());
        if let (Some(left), Some(right)) = (known(left, &left_key), known(right, &right_key)) {
            return Truth::of(left == right);
        }
        let ((least, most), (other_least, other_most)) = (self.number(left, facts), self.number(right, facts));
        if most < other_least || other_most < least {
            Truth::False
        } else if least == most && other_least == other_most {
            Truth::True
        } else {
            Truth::Open
        }
    }

    /// Looks for arithmetic that can leave 64 bits.
    fn arithmetic(&mut self, expr: &Expr, facts: &Facts) {
        match expr.expr_kind() {
            ExprKind::UnaryApp { op: UnaryOp::Neg, .. }
            | ExprKind::BinaryApp { op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, .. } => {
                self.compute(expr, facts, true);
            }
            // a condition within a value has its own facts
            ExprKind::If { .. } | ExprKind::And { .. } | ExprKind::Or { .. } => {
                self.truth(expr, facts);
            }
            _ => children(expr).into_iter().for_each(|child| self.arithmetic(child, facts)),
        }
    }

    fn number(&mut self, expr: &Expr, facts: &Facts) -> Reach {
        self.compute(expr, facts, false)
    }

    /// What a number can be. What leaves 64 bits is an error: the value, if there is one, lies within.
    fn compute(&mut self, expr: &Expr, facts: &Facts, tell: bool) -> Reach {
        let (least, most) = match expr.expr_kind() {
            ExprKind::UnaryApp { op: UnaryOp::Neg, arg } => {
                let (least, most) = self.compute(arg, facts, tell);
                (0i128.saturating_sub(most), 0i128.saturating_sub(least))
            }
            ExprKind::BinaryApp { op: op @ (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul), arg1, arg2 } => {
                let (left, right) = (self.compute(arg1, facts, tell), self.compute(arg2, facts, tell));
                match op {
                    BinaryOp::Add => (left.0.saturating_add(right.0), left.1.saturating_add(right.1)),
                    BinaryOp::Sub => (left.0.saturating_sub(right.1), left.1.saturating_sub(right.0)),
                    _ => {
                        let corners = [(left.0, right.0), (left.0, right.1), (left.1, right.0), (left.1, right.1)]
                            .map(|(left, right)| left.saturating_mul(right));
                        let least = corners.iter().copied().min().unwrap_or(LONG.0);
                        (least, corners.iter().copied().max().unwrap_or(LONG.1))
                    }
                }
            }
            _ => return facts.reach_of(expr),
        };
        if tell && (least < LONG.0 || most > LONG.1) {
            (self.overflow)(expr);
        }
        (least.max(LONG.0), most.min(LONG.1))
    }
}

fn key_of(path: &[&str]) -> String {
    let mut names = path.iter();
    let mut out = names.next().copied().unwrap_or_default().to_owned();
    names.for_each(|name| out.push_str(&format!(".{name:?}")));
    out
}

/// `datetime("…")` in milliseconds.
fn instant(expr: &Expr) -> Option<i128> {
    let ExprKind::ExtensionFunctionApp { fn_name, args } = expr.expr_kind() else { return None };
    let [argument] = args.as_slice() else { return None };
    if fn_name.to_string() != "datetime" {
        return None;
    }
    let text = text(argument)?;
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.into() };
    text.parse::<Instant>().ok().map(|at| i128::from(at.unix_millis()))
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
