//! Compiles the conditions of policies: from Cedar's public syntax tree to compact code.
//!
//! Owns what can be known beforehand: names become numbers, literals and what is made of them become constants,
//! chains become lists. Nothing is reordered, and an error that Cedar would meet stays where Cedar would meet it.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::pst::{self, BinaryOp, Clause, EntityUID, Expr, Literal, UnaryOp};

use crate::compile::symbols::{Symbols, attr};
use crate::data::names::number;
use crate::data::value::{Attr, Const, Ent, Value};

pub(crate) mod code;
pub(crate) mod extension;
mod fold;
pub(crate) mod operators;
pub(crate) mod pattern;
mod syntax;

pub(crate) use code::{Code, Condition, Dialect, Node, Var};
use operators::{Binary, Unary};
use pattern::Pattern;

/// A construct that is not compiled. The policy has to be asked of Cedar itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) construct: &'static str,
}

/// Steps of `a.b.c` or `1 + 2 + 3` that are nested; more of them become a list.
const NESTED: usize = 4;

/// The levels of approval at which `context.approval.self` and `context.approval.manager` are true.
const SELF_LEVELS: u8 = 0b110;
const MANAGER_LEVELS: u8 = 0b100;

/// Compiles the policies of an engine, one after the other.
#[derive(Debug)]
pub(crate) struct Compiler {
    code: Code,
    /// Constants that are there already.
    known: HashMap<Const, u32>,
}

/// An expression as far as it is known.
enum Item {
    Const(Const),
    Node(Node),
}

const ERROR: Item = Item::Node(Node::Error);

impl Compiler {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { code: Code::new(dialect), known: HashMap::new() }
    }

    /// Compiles the clauses of one policy: all of `when` and none of `unless` must hold.
    pub(crate) fn add(&mut self, clauses: &[Clause], symbols: &mut Symbols) -> Result<Condition, Unknown> {
        let mut parts = Vec::new();
        for clause in clauses {
            match clause {
                Clause::When(expr) => syntax::chain(BinaryOp::And, expr, &mut parts),
                Clause::Unless(expr) => parts.push((false, expr.as_ref())),
            }
        }
        let item = self.connective(true, &parts, symbols)?;
        Ok(Condition(self.put(item)))
    }

    /// The code so far.
    pub(crate) fn code(&self) -> &Code {
        &self.code
    }

    /// The code of all of them.
    pub(crate) fn finish(mut self) -> Code {
        self.code.shrink();
        self.code
    }

    fn expr(&mut self, expr: &Expr, symbols: &mut Symbols) -> Result<Item, Unknown> {
        // down the first operands without recursion, however long the chain
        let (mut steps, mut at) = (Vec::new(), expr);
        while let Some(first) = syntax::first_operand(at) {
            steps.push(at);
            at = first;
        }
        let mut item = self.seed(at, symbols)?;
        let mut links = None;
        let count = steps.len();
        for (done, step) in steps.into_iter().rev().enumerate() {
            if let Item::Node(node) = &item
                && links.is_none()
                && done >= NESTED
                && count.saturating_sub(done) > NESTED
            {
                links = Some((self.code.add(*node), Vec::new()));
                item = Item::Node(Node::Hole);
            }
            item = self.step(step, item, symbols)?;
            if let Some((_, links)) = &mut links {
                links.push(self.put(item));
                item = Item::Node(Node::Hole);
            }
        }
        Ok(match links {
            None => item,
            Some((seed, links)) => {
                let (start, len) = self.code.add_links(&links);
                Item::Node(Node::Chain { seed, start, len })
            }
        })
    }

    /// An expression that does not begin with another one.
    fn seed(&mut self, expr: &Expr, symbols: &mut Symbols) -> Result<Item, Unknown> {
        Ok(match expr {
            Expr::Literal(literal) => Item::Const(match literal {
                Literal::Bool(value) => Const::Bool(*value),
                Literal::Long(value) => Const::Long(*value),
                Literal::String(text) => Const::String(text.as_str().into()),
                Literal::EntityUID(uid) => Const::Entity(entity(uid, symbols)),
                _ => return unknown("a literal of an unknown kind"),
            }),
            Expr::Var(var) => Item::Node(match var {
                pst::Var::Principal => Node::Var(Var::Principal),
                pst::Var::Action => Node::Var(Var::Action),
                pst::Var::Resource => Node::Var(Var::Resource),
                pst::Var::Context => Node::Context,
            }),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => {
                let item = self.expr(expr, symbols)?;
                self.not(&item)
            }
            Expr::BinaryOp { op: op @ (BinaryOp::And | BinaryOp::Or), .. } => {
                let mut parts = Vec::new();
                syntax::chain(*op, expr, &mut parts);
                self.connective(*op == BinaryOp::And, &parts, symbols)?
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                let test = self.expr(cond, symbols)?;
                let yes = self.expr(then_expr, symbols)?;
                let no = self.expr(else_expr, symbols)?;
                match test {
                    Item::Const(Const::Bool(true)) => yes,
                    Item::Const(Const::Bool(false)) => no,
                    Item::Const(_) | Item::Node(Node::Error) => ERROR,
                    test => {
                        let (test, yes, no) = (self.put(test), self.put(yes), self.put(no));
                        Item::Node(Node::If { test, yes, no })
                    }
                }
            }
            Expr::Set(items) => self.set(items, symbols)?,
            Expr::Record(fields) => {
                let mut items = Vec::with_capacity(fields.len());
                for (name, field) in fields {
                    items.push((symbols.attr(name), self.expr(field, symbols)?));
                }
                self.record(items)
            }
            Expr::Slot(_) => return unknown("a template slot"),
            Expr::Unknown { .. } => return unknown("an unknown"),
            _ => return unknown("an expression of an unknown kind"),
        })
    }

    /// An expression that begins with another one, which is compiled already.
    fn step(&mut self, expr: &Expr, left: Item, symbols: &mut Symbols) -> Result<Item, Unknown> {
        Ok(match expr {
            Expr::UnaryOp { op, .. } => {
                let Some(op) = syntax::unary(*op) else { return unknown("a unary operator of an unknown kind") };
                self.unary(op, left)
            }
            Expr::BinaryOp { op, right, .. } => {
                let Some(op) = syntax::binary(*op) else { return unknown("a binary operator of an unknown kind") };
                let right = self.expr(right, symbols)?;
                self.binary(op, left, right)
            }
            Expr::GetAttr { attr, .. } => {
                let attr = symbols.attr(attr);
                self.attr(left, attr)
            }
            Expr::HasAttr { attrs, .. } => {
                let attrs: Vec<Attr> = attrs.iter().map(|attr| symbols.attr(attr)).collect();
                self.has(left, &attrs)
            }
            Expr::Like { pattern, .. } => self.like(left, Pattern::new(pattern)),
            Expr::Is { entity_type, in_expr, .. } => {
                let kind = symbols.kind(&entity_type.to_string());
                let right = in_expr.as_ref().map(|right| self.expr(right, symbols)).transpose()?;
                self.is(left, kind, right)
            }
            _ => return unknown("an expression of an unknown kind"),
        })
    }

    /// `&&` or `||` of parts; each is negated unless it is marked.
    fn connective(&mut self, all: bool, parts: &[(bool, &Expr)], symbols: &mut Symbols) -> Result<Item, Unknown> {
        let mut items = Vec::new();
        for (plain, part) in parts {
            let item = self.expr(part, symbols)?;
            match if *plain { item } else { self.not(&item) } {
                // it settles nothing
                Item::Const(Const::Bool(value)) if value == all => {}
                // nothing after it is evaluated
                Item::Const(Const::Bool(value)) => {
                    items.push(Node::Bool(value));
                    break;
                }
                Item::Const(_) | Item::Node(Node::Error) => {
                    items.push(Node::Error);
                    break;
                }
                Item::Node(node) => items.push(node),
            }
        }
        Ok(match items.as_slice() {
            [] => Item::Const(Const::Bool(all)),
            [Node::Bool(value)] => Item::Const(Const::Bool(*value)),
            [node] if node.is_test() => Item::Node(*node),
            _ => {
                let links: Vec<u32> = items.into_iter().map(|node| self.code.add(node)).collect();
                let (start, len) = self.code.add_links(&links);
                Item::Node(if all { Node::All { start, len } } else { Node::Any { start, len } })
            }
        })
    }

    fn set(&mut self, items: &[Arc<Expr>], symbols: &mut Symbols) -> Result<Item, Unknown> {
        let mut compiled = Vec::with_capacity(items.len());
        for item in items {
            compiled.push(self.expr(item, symbols)?);
        }
        if compiled.iter().any(|item| matches!(item, Item::Node(Node::Error))) {
            return Ok(ERROR);
        }
        if compiled.iter().all(|item| matches!(item, Item::Const(_))) {
            let consts = compiled.into_iter().filter_map(|item| match item {
                Item::Const(constant) => Some(constant),
                Item::Node(_) => None,
            });
            return Ok(Item::Const(fold::set(consts.collect())));
        }
        let links: Vec<u32> = compiled.into_iter().map(|item| self.put(item)).collect();
        let (start, len) = self.code.add_links(&links);
        Ok(Item::Node(Node::Set { start, len }))
    }

    fn record(&mut self, mut items: Vec<(Attr, Item)>) -> Item {
        items.sort_by_key(|(attr, _)| *attr);
        if items.iter().any(|(_, item)| matches!(item, Item::Node(Node::Error))) {
            return ERROR;
        }
        if items.iter().all(|(_, item)| matches!(item, Item::Const(_))) {
            let consts = items.into_iter().filter_map(|(attr, item)| match item {
                Item::Const(constant) => Some((attr, constant)),
                Item::Node(_) => None,
            });
            return Item::Const(Const::Record(consts.collect()));
        }
        let links: Vec<u32> = items.into_iter().flat_map(|(attr, item)| [attr, self.put(item)]).collect();
        let (start, _) = self.code.add_links(&links);
        Item::Node(Node::Record { start, len: number(links.len()) })
    }

    fn not(&mut self, item: &Item) -> Item {
        match *item {
            Item::Const(Const::Bool(value)) => Item::Const(Const::Bool(!value)),
            Item::Const(_) | Item::Node(Node::Error) => ERROR,
            // two of them are none, except that the operand must be a truth value
            Item::Node(Node::Not(inner)) => {
                let node = self.code.node(inner);
                if node.is_test() {
                    return Item::Node(node);
                }
                let (start, len) = self.code.add_links(&[inner]);
                Item::Node(Node::All { start, len })
            }
            Item::Node(node) => Item::Node(Node::Not(self.code.add(node))),
        }
    }

    fn unary(&mut self, op: Unary, item: Item) -> Item {
        match item {
            Item::Const(constant) => result(fold::unary(op, &constant)),
            Item::Node(Node::Error) => ERROR,
            Item::Node(node) => Item::Node(Node::Unary { op, of: self.code.add(node) }),
        }
    }

    fn binary(&mut self, op: Binary, left: Item, right: Item) -> Item {
        match (&left, &right) {
            (Item::Node(Node::Error), _) | (_, Item::Node(Node::Error)) => return ERROR,
            (Item::Const(left), Item::Const(right)) => match fold::binary(op, left, right) {
                fold::Folded::Known(result) => return Item::Const(result),
                fold::Folded::Error => return ERROR,
                fold::Folded::Open => {}
            },
            (_, Item::Const(right)) if op == Binary::In && !fold::can_hold_entities(right) => return ERROR,
            (Item::Node(Node::Var(var)), Item::Const(Const::Entity(entity))) if op == Binary::In => {
                return Item::Node(Node::VarIn { var: *var, entity: *entity });
            }
            (Item::Node(Node::Var(var)), Item::Node(Node::VarAttr { var: of, attr })) if op == Binary::In => {
                return Item::Node(Node::VarInAttr { var: *var, of: *of, attr: *attr });
            }
            _ => {}
        }
        let (left, right) = (self.put(left), self.put(right));
        Item::Node(Node::Binary { op, left, right })
    }

    fn attr(&mut self, item: Item, name: Attr) -> Item {
        let toolgate = self.code.dialect == Dialect::Toolgate;
        match item {
            Item::Const(Const::Record(fields)) => result(fold::get(&fields, name).cloned()),
            Item::Const(Const::Entity(_)) => Item::Node(Node::Attr { of: self.put(item), attr: name }),
            Item::Const(_) | Item::Node(Node::Error) => ERROR,
            Item::Node(Node::Context) if toolgate && name == attr::APPROVAL => Item::Node(Node::ApprovalRecord),
            Item::Node(Node::Context) => Item::Node(Node::ContextAttr(name)),
            Item::Node(Node::ApprovalRecord) => match name {
                attr::SELF => Item::Node(Node::Approval(SELF_LEVELS)),
                attr::MANAGER => Item::Node(Node::Approval(MANAGER_LEVELS)),
                _ => ERROR,
            },
            Item::Node(Node::ContextAttr(of)) => Item::Node(Node::ContextPath { of, attr: name }),
            Item::Node(Node::Var(var)) => Item::Node(Node::VarAttr { var, attr: name }),
            Item::Node(Node::VarAttr { var, attr: of }) => Item::Node(Node::VarPath { var, of, attr: name }),
            Item::Node(_) => Item::Node(Node::Attr { of: self.put(item), attr: name }),
        }
    }

    /// `has a.b.c`: whether each step is there, as far as it is asked.
    fn has(&mut self, item: Item, names: &[Attr]) -> Item {
        let toolgate = self.code.dialect == Dialect::Toolgate;
        let Some((first, rest)) = names.split_first() else { return ERROR };
        match &item {
            Item::Node(Node::Error) => return ERROR,
            Item::Const(Const::Record(fields)) => {
                return match (fold::get(fields, *first), rest) {
                    (None, _) => Item::Const(Const::Bool(false)),
                    (Some(_), []) => Item::Const(Const::Bool(true)),
                    (Some(value), rest) => self.has(Item::Const(value.clone()), rest),
                };
            }
            Item::Const(Const::Entity(_)) => {}
            Item::Const(_) => return ERROR,
            Item::Node(Node::ApprovalRecord) => {
                return match (*first, rest) {
                    (attr::SELF | attr::MANAGER, []) => Item::Const(Const::Bool(true)),
                    // a truth value has no attributes, and asking is an error
                    (attr::SELF | attr::MANAGER, _) => ERROR,
                    _ => Item::Const(Const::Bool(false)),
                };
            }
            Item::Node(Node::Context) if toolgate && *first == attr::APPROVAL => {
                return match rest {
                    [] => Item::Const(Const::Bool(true)),
                    rest => self.has(Item::Node(Node::ApprovalRecord), rest),
                };
            }
            Item::Node(Node::Context) => {
                let there = Node::ContextHas(*first);
                if rest.is_empty() {
                    return Item::Node(there);
                }
                let Item::Node(further) = self.has(Item::Node(Node::ContextAttr(*first)), rest) else { return ERROR };
                let links = [self.code.add(there), self.code.add(further)];
                let (start, len) = self.code.add_links(&links);
                return Item::Node(Node::All { start, len });
            }
            Item::Node(_) => {}
        }
        let of = self.put(item);
        if rest.is_empty() {
            return Item::Node(Node::Has { of, attr: *first });
        }
        let (start, len) = self.code.add_links(names);
        Item::Node(Node::HasPath { of, start, len })
    }

    fn like(&mut self, item: Item, pattern: Pattern) -> Item {
        match item {
            Item::Const(Const::String(text)) => Item::Const(Const::Bool(pattern.matches(&text))),
            Item::Const(_) | Item::Node(Node::Error) => ERROR,
            Item::Node(node) => {
                let (of, pattern) = (self.code.add(node), self.code.add_pattern(pattern));
                Item::Node(Node::Like { of, pattern })
            }
        }
    }

    fn is(&mut self, item: Item, kind: u32, right: Option<Item>) -> Item {
        match (item, right) {
            (Item::Const(Const::Entity(entity)), _) if entity.kind != kind => Item::Const(Const::Bool(false)),
            (Item::Const(Const::Entity(_)), None) => Item::Const(Const::Bool(true)),
            (left @ Item::Const(Const::Entity(_)), Some(right)) => self.binary(Binary::In, left, right),
            (Item::Const(_) | Item::Node(Node::Error), _) => ERROR,
            (left, None) => Item::Node(Node::Is { of: self.put(left), kind }),
            (left, Some(right)) => {
                let (of, right) = (self.put(left), self.put(right));
                Item::Node(Node::IsIn { of, kind, right })
            }
        }
    }

    fn put(&mut self, item: Item) -> u32 {
        match item {
            Item::Node(node) => self.code.add(node),
            Item::Const(Const::Bool(value)) => self.code.add(Node::Bool(value)),
            Item::Const(constant) => {
                let id = match self.known.get(&constant) {
                    Some(id) => *id,
                    None => {
                        let id = self.code.add_constant(constant.clone());
                        self.known.insert(constant, id);
                        id
                    }
                };
                self.code.add(Node::Const(id))
            }
        }
    }
}

/// An entity that a policy names, numbered if it is not yet.
pub(crate) fn entity(uid: &EntityUID, symbols: &mut Symbols) -> Ent {
    let kind = symbols.kind(&uid.ty.to_string());
    symbols.entity(kind, &uid.eid)
}

fn unknown<T>(construct: &'static str) -> Result<T, Unknown> {
    Err(Unknown { construct })
}

fn result(constant: Option<Const>) -> Item {
    constant.map_or(ERROR, Item::Const)
}

/// Whether a value is one that owns nothing, as a constant.
pub(crate) fn scalar(value: Value<'_>) -> Option<Const> {
    Some(match value {
        Value::Bool(value) => Const::Bool(value),
        Value::Long(value) => Const::Long(value),
        Value::String(text) => Const::String(text.into()),
        Value::Entity(entity) => Const::Entity(entity),
        Value::Decimal(value) => Const::Decimal(value),
        Value::Datetime(value) => Const::Datetime(value),
        Value::Duration(value) => Const::Duration(value),
        Value::Ip(ip) => Const::Ip(ip),
        Value::Set(_) | Value::Record(_) => return None,
    })
}

#[cfg(test)]
mod tests;
