//! From policies to mutants: each one text edit of one file.

use std::collections::BTreeSet;
use std::ops::Range;

use toolgate::Span;

use super::bounds::{self, Order};
use super::{Mutant, Operator};
use crate::source::{Kind, Node, PolicyFile, PolicyText, RelOp, ScopeText};

/// Every mutant of the policies whose id is wanted, in the order of the text.
pub fn mutants(files: &[PolicyFile], wanted: &dyn Fn(&str) -> bool) -> Vec<Mutant> {
    let mut all = Vec::new();
    for (index, file) in files.iter().enumerate() {
        for policy in file.policies.iter().filter(|policy| wanted(&policy.id)) {
            let mut maker = Maker { file, index, policy, seen: BTreeSet::new(), made: Vec::new() };
            maker.policy();
            all.extend(maker.made);
        }
    }
    all
}

struct Maker<'a> {
    file: &'a PolicyFile,
    index: usize,
    policy: &'a PolicyText,
    seen: BTreeSet<(usize, usize, String)>,
    made: Vec<Mutant>,
}

impl Maker<'_> {
    fn policy(&mut self) {
        let policy = self.policy;
        self.make(Operator::DropPolicy, policy.span.clone(), String::new(), policy.effect_span.clone());
        let flipped = if self.file.at(&policy.effect_span) == "permit" { "forbid" } else { "permit" };
        self.edit(Operator::FlipEffect, &policy.effect_span, flipped);
        self.annotations();
        self.scope("principal", &policy.principal);
        self.scope("action", &policy.action);
        self.scope("resource", &policy.resource);
        for clause in &policy.clauses {
            self.edit(Operator::DropClause, &clause.span, "");
            self.condition(&clause.condition);
        }
    }

    fn annotations(&mut self) {
        for annotation in &self.policy.annotations {
            let drop = match annotation.key.as_str() {
                "valid_for" => Operator::DropValidFor,
                "approvers" => Operator::DropApprovers,
                "remedy" => Operator::DropRemedy,
                "obligations" => Operator::DropObligations,
                "reuse" => {
                    let wider = match annotation.value.as_str() {
                        "call" => "tool",
                        "tool" => "operation",
                        "operation" => "server",
                        _ => continue,
                    };
                    self.edit(Operator::WidenReuse, &annotation.span, &format!("@reuse(\"{wider}\")"));
                    continue;
                }
                _ => continue,
            };
            self.edit(drop, &annotation.span, "");
            if let (Operator::DropValidFor, Some(double)) = (drop, doubled(&annotation.value)) {
                self.edit(Operator::DoubleValidFor, &annotation.span, &format!("@valid_for(\"{double}\")"));
            }
        }
    }

    fn scope(&mut self, name: &str, scope: &ScopeText) {
        if scope.is.is_some() || scope.bound.is_some() {
            self.edit(Operator::WidenScope, &scope.span, name);
        }
        if let (Some(is), Some((_, bound))) = (&scope.is, &scope.bound) {
            // `is T in G`: each half by itself
            let (kind, entity) = (self.file.at(is).to_owned(), self.file.at(&bound.span).to_owned());
            self.edit(Operator::WidenScope, &scope.span, &format!("{name} is {kind}"));
            self.edit(Operator::WidenScope, &scope.span, &format!("{name} in {entity}"));
        }
        if let Some((RelOp::In, bound)) = &scope.bound {
            self.elements(bound);
        }
    }

    fn condition(&mut self, node: &Node) {
        match node.kind {
            Kind::All | Kind::Any => {
                for at in 0..node.children.len() {
                    self.drop_child(Operator::DropOperand, node, at);
                }
            }
            Kind::If => {
                for branch in node.children.iter().skip(1) {
                    let text = format!("({})", self.file.at(&branch.span));
                    self.edit(Operator::PickBranch, &node.span, &text);
                }
            }
            Kind::Not => {}
            _ => {
                let negated = format!("!({})", self.file.at(&node.span));
                self.edit(Operator::NegateOperand, &node.span, &negated);
                node.walk(&mut |part| self.part(part));
                return;
            }
        }
        node.children.iter().for_each(|child| self.condition(child));
    }

    /// What can be changed inside an operand.
    fn part(&mut self, node: &Node) {
        self.bound(node);
        if node.kind == Kind::Set {
            self.elements(node);
        }
        let (Kind::Get(name), [base]) = (&node.kind, node.children.as_slice()) else { return };
        let other = match name.as_str() {
            "self" => "manager",
            "manager" => "self",
            _ => return,
        };
        let (Kind::Get(approval), [context]) = (&base.kind, base.children.as_slice()) else { return };
        if approval == "approval" && context.kind == Kind::Name("context".into()) {
            self.edit(Operator::SwapApproval, &node.span, &format!("context.approval.{other}"));
        }
    }

    fn bound(&mut self, node: &Node) {
        let [left, right] = node.children.as_slice() else { return };
        let (left_text, right_text) = (self.file.at(&left.span).to_owned(), self.file.at(&right.span).to_owned());
        if let Some(order) = Order::of(node) {
            let written = |order: Order, left: &str, right: &str| match node.kind {
                Kind::Call(_) => format!("{left}.{}({right})", order.method()),
                _ => format!("{left} {} {right}", order.sign()),
            };
            let mut replace = |text: String| {
                let text = if self.file.at(&node.span).starts_with('(') { format!("({text})") } else { text };
                self.edit(Operator::MoveBound, &node.span, &text);
            };
            replace(written(order.flipped(), &left_text, &right_text));
            if let Some(moved) = bounds::stepped(right, order.other_step()) {
                replace(written(order, &left_text, &moved));
            } else if let Some(moved) = bounds::stepped(left, order.other_step().saturating_neg()) {
                replace(written(order, &moved, &right_text));
            }
        } else if matches!(node.kind, Kind::Compare(RelOp::Eq | RelOp::NotEq)) {
            for side in [left, right].into_iter().filter(|side| bounds::is_integer(side)) {
                for moved in [1, -1].into_iter().filter_map(|steps| bounds::stepped(side, steps)) {
                    self.edit(Operator::MoveBound, &side.span, &moved);
                }
            }
        }
    }

    /// A set without one of its literals. The last one stays.
    fn elements(&mut self, set: &Node) {
        if set.kind != Kind::Set || set.children.len() < 2 {
            return;
        }
        for (at, element) in set.children.iter().enumerate() {
            let literal = matches!(element.kind, Kind::Text(_) | Kind::Long(_) | Kind::Entity | Kind::Bool(_))
                || bounds::stepped(element, 0).is_some();
            if literal {
                self.drop_child(Operator::DropElement, set, at);
            }
        }
    }

    /// A chain or list without its part number `at`, and without what stood between.
    fn drop_child(&mut self, operator: Operator, parent: &Node, at: usize) {
        let child = parent.children.get(at);
        let next = parent.children.get(at.saturating_add(1));
        let before = at.checked_sub(1).and_then(|before| parent.children.get(before));
        let span = match (child, next, before) {
            (Some(child), Some(next), _) => child.span.start..next.span.start,
            (Some(child), None, Some(before)) => before.span.end..child.span.end,
            _ => return,
        };
        let place = child.map_or_else(|| span.clone(), |child| child.span.clone());
        self.make(operator, span, String::new(), place);
    }

    fn edit(&mut self, operator: Operator, span: &Range<usize>, replacement: &str) {
        self.make(operator, span.clone(), replacement.into(), span.clone());
    }

    /// `billing/create_refund` of `action == Toolgate::Action::"billing/create_refund"`. A mutant with another scope is
    /// about other tools as well.
    fn only_tool(&self, operator: Operator) -> Option<String> {
        let (RelOp::Eq, bound) = self.policy.action.bound.as_ref()? else { return None };
        let name = self.file.at(&bound.span).strip_suffix('"')?.rsplit_once("::\"")?.1;
        (operator != Operator::WidenScope).then(|| name.to_owned())
    }

    fn make(&mut self, operator: Operator, span: Range<usize>, replacement: String, place: Range<usize>) {
        let original = self.file.at(&span).to_owned();
        if original == replacement || !self.seen.insert((span.start, span.end, replacement.clone())) {
            return;
        }
        let Span { line, column, .. } = self.file.place(&place);
        self.made.push(Mutant {
            operator,
            policy: self.policy.id.clone(),
            file: self.file.file.clone(),
            index: self.index,
            about: self.file.at(&place).to_owned(),
            only_tool: self.only_tool(operator),
            span,
            line,
            column,
            original,
            replacement,
        });
    }
}

/// `15m` → `30m`: every number twice.
fn doubled(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        out += &format!("{}{}", number.checked_mul(2)?, after.get(..unit)?);
        rest = after.get(unit..)?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use toolgate::Source;

    use super::*;

    fn made(text: &str) -> Vec<(Operator, String)> {
        let file = PolicyFile::read(&Source::new("a.cedar", text)).unwrap();
        let all = mutants(&[file], &|_| true);
        all.iter().map(|mutant| (mutant.operator, mutant.apply(text))).collect()
    }

    fn condition(text: &str) -> Vec<String> {
        let policy = |inner: &str| format!("@id(\"p\") permit (principal, action, resource) when {{ {inner} }};");
        let outer = policy("\u{0}");
        let (before, after) = outer.split_once('\u{0}').unwrap();
        let inner = |(_, text): (Operator, String)| Some(text.strip_prefix(before)?.strip_suffix(after)?.to_owned());
        made(&policy(text)).into_iter().filter_map(inner).collect()
    }

    #[test]
    fn operands_are_negated_and_dropped() {
        assert_eq!(
            condition("a.b && (c.d || !e.f)"),
            [
                "(c.d || !e.f)",
                "a.b",
                "!(a.b) && (c.d || !e.f)",
                "a.b && (!e.f)",
                "a.b && (c.d)",
                "a.b && (!(c.d) || !e.f)",
                "a.b && (c.d || !!(e.f))",
            ]
        );
        assert_eq!(condition("if a.b then c.d else e.f").into_iter().take(2).collect::<Vec<_>>(), ["(c.d)", "(e.f)"]);
    }

    #[test]
    fn bounds_move_both_ways_and_no_two_are_alike() {
        let moved = |text: &str| condition(text).into_iter().skip(1).collect::<Vec<_>>();
        assert_eq!(moved("a.b > 5"), ["a.b >= 5", "a.b > 6"]);
        assert_eq!(moved("a.b <= 5"), ["a.b < 5", "a.b <= 6"]);
        assert_eq!(moved("5 < a.b"), ["5 <= a.b", "6 < a.b"]);
        assert_eq!(moved("5 >= a.b"), ["5 > a.b", "6 >= a.b"]);
        assert_eq!(moved("a.b == -1"), ["a.b == 0", "a.b == -2"]);
        assert_eq!(
            moved("a.b.greaterThan(decimal(\"20.0\"))"),
            ["a.b.greaterThanOrEqual(decimal(\"20.0\"))", "a.b.greaterThan(decimal(\"20.0001\"))"]
        );
        assert_eq!(moved("a.b > c.d"), ["a.b >= c.d"]);
    }

    #[test]
    fn approvals_are_swapped_and_nothing_else_of_that_name() {
        assert!(condition("context.approval.self").contains(&"context.approval.manager".into()));
        assert!(condition("context.input.approval.self").iter().all(|text| !text.contains("manager")));
    }

    #[test]
    fn sets_lose_each_literal() {
        assert_eq!(
            condition("[\"a\", \"b\"].contains(c.d)").into_iter().skip(1).collect::<Vec<_>>(),
            ["[\"b\"].contains(c.d)", "[\"a\"].contains(c.d)"]
        );
        assert_eq!(condition("[\"a\"].contains(c.d)").len(), 1);
    }

    #[test]
    fn scopes_and_annotations_are_loosened() {
        let text = "@id(\"p\") @valid_for(\"1h30m\") @reuse(\"call\") @obligations(\"log\")\n\
                    forbid (principal is T::A in T::G::\"g\", action in [A::\"x\", A::\"y\"], resource);";
        let all = made(text);
        for (operator, part) in [
            (Operator::DropPolicy, ""),
            (Operator::FlipEffect, "permit (principal is"),
            (Operator::DropValidFor, "@id(\"p\")  @reuse"),
            (Operator::DoubleValidFor, "@valid_for(\"2h60m\")"),
            (Operator::WidenReuse, "@reuse(\"tool\")"),
            (Operator::DropObligations, "@reuse(\"call\") \n"),
            (Operator::WidenScope, "(principal, action in"),
            (Operator::WidenScope, "(principal is T::A, action"),
            (Operator::WidenScope, "(principal in T::G::\"g\", action"),
            (Operator::DropElement, "action in [A::\"y\"]"),
            (Operator::WidenScope, "action, resource)"),
        ] {
            assert!(all.iter().any(|(found, text)| *found == operator && text.contains(part)), "{operator}: {all:#?}");
        }
    }
}
