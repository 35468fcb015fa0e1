//! What is said of a condition, against Cedar's own evaluator on random conditions and requests.

#![expect(clippy::arithmetic_side_effects, reason = "tests may panic; clippy only knows those with #[test]")]

use std::cell::Cell;

use cedar_policy_core::ast::{Context, EntityUID, EntityUIDEntry, Expr, Request, RestrictedExpr, Value};
use cedar_policy_core::entities::Entities;
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use super::*;

/// A small generator; the same seed gives the same conditions.
struct Random(Cell<u64>);

impl Random {
    fn below(&self, limit: usize) -> usize {
        let mut state = self.0.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.0.set(state);
        (state % limit as u64) as usize
    }

    fn of<'t>(&self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }

    fn number(&self, depth: usize) -> String {
        const LEAVES: &[&str] =
            &["context.a", "context.b", "context.a", "0", "1", "5", "-3", "10", "4611686018427387904"];
        match self.below(if depth == 0 { 1 } else { 4 }) {
            0 => self.of(LEAVES).into(),
            1 => format!("({} + {})", self.number(depth - 1), self.number(depth - 1)),
            2 => format!("({} - {})", self.number(depth - 1), self.number(depth - 1)),
            _ => format!("({} * {})", self.number(depth - 1), self.of(&["2", "-1", "3", "context.b"])),
        }
    }

    fn text(&self) -> &'static str {
        self.of(&["context.s", "context.t", "context.s", "\"x\"", "\"y\""])
    }

    fn condition(&self, depth: usize) -> String {
        if depth == 0 {
            return match self.below(9) {
                0..=3 => {
                    let operator = self.of(&["<", "<=", ">", ">=", "==", "!="]);
                    format!("{} {operator} {}", self.number(1), self.number(1))
                }
                4 => format!("{} == {}", self.text(), self.text()),
                5 => format!("[\"x\", \"z\"].contains({})", self.text()),
                6 => self.of(&["context.approval.self", "context.approval.manager"]).into(),
                7 => format!("{} like \"{}\"", self.text(), self.of(&["*", "x*", ""])),
                _ => self.of(&["context.f", "context.f == false", "true", "false"]).into(),
            };
        }
        let part = || self.condition(depth - 1);
        match self.below(7) {
            0..=2 => format!("({} && {})", part(), part()),
            3 | 4 => format!("({} || {})", part(), part()),
            5 => format!("!({})", part()),
            _ => format!("(if {} then {} else {})", part(), part(), part()),
        }
    }

    fn context(&self) -> String {
        let number = || self.of(&["0", "1", "4", "5", "6", "-3", "11", "9223372036854775807", "-9223372036854775808"]);
        let (own, manager) = [(false, false), (true, false), (true, true)][self.below(3)];
        format!(
            "{{a: {}, b: {}, s: \"{}\", t: \"{}\", f: {}, approval: {{self: {own}, manager: {manager}}}}}",
            number(),
            number(),
            self.of(&["x", "y", "z"]),
            self.of(&["x", "", "z"]),
            self.of(&["true", "false"]),
        )
    }
}

fn evaluate(expr: &Expr, context: &str) -> Result<Value, String> {
    let context = context.parse::<RestrictedExpr>().map_err(|error| error.to_string())?;
    let context = Context::from_expr(context.as_borrowed(), Extensions::all_available());
    let context = context.map_err(|error| error.to_string())?;
    let someone = "A::\"a\"".parse::<EntityUID>().map_err(|error| error.to_string())?;
    let someone = || EntityUIDEntry::known(someone.clone(), None);
    let request = Request::new_unchecked(someone(), someone(), someone(), Some(context));
    let entities = Entities::new();
    let evaluator = Evaluator::new(request, &entities, Extensions::all_available());
    evaluator.interpret(expr, &std::collections::HashMap::new()).map_err(|error| error.to_string())
}

#[test]
fn what_is_said_of_a_condition_is_so_for_every_request() {
    let random = Random(Cell::new(0x2545_f491_4f6c_dd1d));
    let (mut said, mut overflowed) = ([0usize; 3], 0usize);
    for _ in 0..2_500 {
        let text = random.condition(random.below(4));
        let expr: Expr = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut told = false;
        let mut overflow = |_: &Expr| told = true;
        let truth = Reasoner { given: &|_| None, constant: &mut |_, _| {}, overflow: &mut overflow }
            .truth(&expr, &Facts::default());
        said[truth as usize] += 1;
        for _ in 0..25 {
            let context = random.context();
            match evaluate(&expr, &context) {
                Ok(value) => {
                    let value = Truth::of(value == Value::from(true));
                    assert!(truth == Truth::Open || truth == value, "{text} was said to be {truth:?}\n{context}");
                }
                Err(error) => {
                    overflowed += 1;
                    assert!(told, "{text}: {error}\n{context}");
                }
            }
        }
    }
    // the test would see a fault of each kind
    assert!(said.iter().all(|count| *count > 50) && overflowed > 500, "{said:?} {overflowed}");
}

#[test]
fn what_follows_from_a_condition_holds_whenever_it_does() {
    let random = Random(Cell::new(0x9e37_79b9_7f4a_7c15));
    let mut followed = 0usize;
    for _ in 0..5_000 {
        let (one, other) = (random.condition(random.below(3)), random.condition(random.below(2)));
        let (first, second): (Expr, Expr) = (one.parse().unwrap(), other.parse().unwrap());
        let mut facts = Facts::default();
        facts.assume(&first, true);
        let follows = truth(&second, &facts, &|_| None);
        if follows == Truth::Open {
            continue;
        }
        for _ in 0..10 {
            let context = random.context();
            if evaluate(&first, &context) != Ok(Value::from(true)) {
                continue;
            }
            followed += 1;
            if let Ok(value) = evaluate(&second, &context) {
                assert_eq!(Truth::of(value == Value::from(true)), follows, "{one}\ngives {other}\n{context}");
            }
        }
    }
    assert!(followed > 500, "{followed}");
}

#[test]
fn guards_on_the_left_are_taken_into_account() {
    let overflows = |text: &str| {
        let expr: Expr = text.parse().unwrap();
        let mut told = false;
        let mut overflow = |_: &Expr| told = true;
        Reasoner { given: &|_| None, constant: &mut |_, _| {}, overflow: &mut overflow }
            .truth(&expr, &Facts::default());
        told
    };
    assert!(
        overflows("context.a * 2 > 5")
            && overflows("-context.a > 5")
            && overflows("context.a < 9 && context.a * 2 > 5")
    );
    assert!(!overflows("context.a > -9 && context.a < 9 && context.a * 2 > 5"));
    assert!(!overflows("context.a < 0 || context.a > 1000 || context.a * 2 > 5"));
    assert!(overflows("context.a * 2 > 5 && context.a > -9 && context.a < 9"), "the guard comes too late");
}
