//! Evaluates compiled conditions, for all levels of approval at once and with as much of the world as is known.
//!
//! A truth value is a set of bits a level: may it be true, may it be false, may it be an error. With everything known
//! exactly one of them is set. What is not known sets several, and never too few. Errors are values here: `&&`, `||`
//! and `if` stop where Cedar's evaluator stops, so a policy errs when and only when it errs in Cedar.

use crate::compile::condition::operators::{self, Binary, Unary};
use crate::compile::condition::{Code, Condition, Dialect, Node, Var};
use crate::compile::symbols::attr;
use crate::data::value::{Attr, Const, Record, Set, Value};

mod outcome;
mod scratch;
mod world;

pub(crate) use outcome::Bits;
use outcome::{Res, There, approvals, found, is_there, known, there, unknown_binary};
use scratch::Scratch;
pub(crate) use world::{Attribute, World};

/// All three levels of approval: none, the user's, the manager's.
pub(crate) const LEVELS: u8 = 0b111;

/// An evaluator. What conditions build is kept in it until the next one: nothing is allocated before something is.
#[derive(Debug)]
pub(crate) struct Machine<'a, 'w, W> {
    code: &'a Code,
    world: &'w W,
    scratch: Scratch<'a>,
    /// Whether approval was made into something else than a truth value, which only one level at a time can follow.
    mixed: bool,
}

impl<'a, 'w, W: World<'a>> Machine<'a, 'w, W> {
    pub(crate) fn new(code: &'a Code, world: &'w W) -> Self {
        Self { code, world, scratch: Scratch::default(), mixed: false }
    }

    /// What a condition is at these levels of approval; nothing is said of others.
    pub(crate) fn run(&mut self, condition: Condition, levels: u8) -> Bits {
        self.scratch.clear();
        self.mixed = false;
        let bits = self.bits(condition.0, levels);
        if !self.mixed {
            return bits;
        }
        let mut all = Bits::NOTHING;
        for level in [0b001, 0b010, 0b100] {
            if levels & level != 0 {
                self.scratch.clear();
                all = all.or(self.bits(condition.0, level));
            }
        }
        all
    }

    /// An expression as a truth value, at the levels of the mask.
    fn bits(&mut self, id: u32, mask: u8) -> Bits {
        match self.code.node(id) {
            Node::Bool(value) => Bits::known(value, mask),
            Node::Error => Bits::error(mask),
            Node::Approval(levels) => Bits { t: mask & levels, f: mask & !levels, e: 0 },
            Node::VarIn { var, entity } => Bits::known(self.world.is_in(self.world.var(var), entity), mask),
            Node::VarInAttr { var, of, attr } => Bits::of(&self.is_in_attr(var, of, attr), mask),
            Node::All { start, len } => self.all(start, len, mask),
            Node::Any { start, len } => self.any(start, len, mask),
            Node::Not(of) => self.bits(of, mask).not(),
            Node::If { test, yes, no } => {
                let test = self.bits(test, mask);
                let mut bits = Bits::error(test.e);
                if test.t != 0 {
                    bits = bits.or(self.bits(yes, test.t));
                }
                if test.f != 0 {
                    bits = bits.or(self.bits(no, test.f));
                }
                bits
            }
            node @ Node::Binary { op, left, right } => {
                let left = self.operand(left, mask);
                match (&left, self.code.const_of(right)) {
                    // a constant makes nothing more certain
                    (Res::Unknown | Res::Error, Some(_)) => return Bits::of(&left, mask),
                    // what is asked most often, by the short way
                    (Res::Known(value), Some(constant)) => {
                        if let Some(truth) = operators::compare(op, value, constant) {
                            return Bits::known(truth, mask);
                        }
                        if let (Binary::Contains, Value::Set(set), Const::String(text)) = (op, value, constant) {
                            return Bits::known(self.scratch.contains_text(*set, text), mask);
                        }
                    }
                    _ => {}
                }
                Bits::of(&self.apply(node, &left, mask), mask)
            }
            Node::Has { of, attr } => {
                let of = self.operand(of, mask);
                Bits::of(&self.test(&of, attr), mask)
            }
            node => match self.leaf(node) {
                Some(leaf) => Bits::of(&leaf, mask),
                None => Bits::of(&self.node(node, mask), mask),
            },
        }
    }

    fn all(&mut self, start: u32, len: u32, mask: u8) -> Bits {
        let code = self.code;
        let mut bits = Bits { t: mask, f: 0, e: 0 };
        for id in code.links(start, len) {
            let part = self.bits(*id, bits.t);
            bits = Bits { t: part.t, f: bits.f | part.f, e: bits.e | part.e };
            if bits.t == 0 {
                break;
            }
        }
        bits
    }

    fn any(&mut self, start: u32, len: u32, mask: u8) -> Bits {
        let code = self.code;
        let mut bits = Bits { t: 0, f: mask, e: 0 };
        for id in code.links(start, len) {
            let part = self.bits(*id, bits.f);
            bits = Bits { t: bits.t | part.t, f: part.f, e: bits.e | part.e };
            if bits.f == 0 {
                break;
            }
        }
        bits
    }

    /// An expression as a value, the same at all levels of the mask.
    fn value(&mut self, id: u32, mask: u8) -> Res<'a> {
        self.node(self.code.node(id), mask)
    }

    /// The same, inlined for what operands mostly are.
    #[inline]
    fn operand(&mut self, id: u32, mask: u8) -> Res<'a> {
        let node = self.code.node(id);
        match self.leaf(node) {
            Some(leaf) => leaf,
            None => self.node(node, mask),
        }
    }

    /// What is found without evaluating anything else.
    #[inline]
    fn leaf(&self, node: Node) -> Option<Res<'a>> {
        Some(match node {
            Node::Const(id) => self.code.constant(id).map_or(Res::Error, |constant| Res::Known(constant.value())),
            Node::Var(var) => Res::Known(Value::Entity(self.world.var(var))),
            Node::VarAttr { var, attr } => found(self.world.var_attr(var, attr)),
            Node::VarPath { var, of, attr } => found(self.world.var_path(var, of, attr)),
            Node::ContextAttr(attr) => found(self.world.context(attr)),
            Node::ContextPath { of, attr } => found(self.world.context_path(of, attr)),
            Node::ContextHas(attr) => there(is_there(self.world.context(attr))),
            _ => return None,
        })
    }

    fn is_in_attr(&self, var: Var, of: Var, attr: Attr) -> Res<'a> {
        let entity = self.world.var(var);
        match self.world.var_attr(of, attr) {
            Attribute::Value(Value::Set(Set::Entities { kind, ids })) => known(self.world.is_in_any(entity, kind, ids)),
            right => self.binary(Binary::In, &Res::Known(Value::Entity(entity)), &found(right)),
        }
    }

    fn node(&mut self, node: Node, mask: u8) -> Res<'a> {
        match node {
            Node::Const(_)
            | Node::Var(_)
            | Node::VarAttr { .. }
            | Node::VarPath { .. }
            | Node::ContextAttr(_)
            | Node::ContextPath { .. }
            | Node::ContextHas(_) => self.leaf(node).unwrap_or(Res::Error),
            Node::VarIn { var, entity } => known(self.world.is_in(self.world.var(var), entity)),
            Node::VarInAttr { var, of, attr } => self.is_in_attr(var, of, attr),
            Node::Attr { of, .. }
            | Node::Has { of, .. }
            | Node::HasPath { of, .. }
            | Node::Like { of, .. }
            | Node::Is { of, .. }
            | Node::IsIn { of, .. }
            | Node::Unary { of, .. }
            | Node::Binary { left: of, .. } => {
                let left = self.value(of, mask);
                self.apply(node, &left, mask)
            }
            Node::Bool(value) => known(value),
            Node::Error | Node::Hole => Res::Error,
            Node::Chain { seed, start, len } => self.chain(seed, start, len, mask),
            Node::All { start, len } => {
                let bits = self.all(start, len, mask);
                self.uniform(bits, mask)
            }
            Node::Any { start, len } => {
                let bits = self.any(start, len, mask);
                self.uniform(bits, mask)
            }
            Node::Not(of) => {
                let bits = self.bits(of, mask).not();
                self.uniform(bits, mask)
            }
            Node::Approval(levels) => self.uniform(Bits { t: mask & levels, f: mask & !levels, e: 0 }, mask),
            Node::If { test, yes, no } => self.branch(test, yes, no, mask),
            Node::ApprovalRecord => self.approval(mask),
            Node::Context => self.context(mask),
            Node::Set { start, len } => self.set(start, len, mask),
            Node::Record { start, len } => self.record(start, len, mask),
        }
    }

    /// The rest of an expression of which the first operand is known.
    fn apply(&mut self, node: Node, left: &Res<'a>, mask: u8) -> Res<'a> {
        match node {
            Node::Attr { attr, .. } => self.get(left, attr),
            Node::Has { attr, .. } => self.test(left, attr),
            Node::HasPath { start, len, .. } => self.has_path(left, start, len),
            Node::Like { pattern, .. } => match (left, self.code.pattern(pattern)) {
                (Res::Known(Value::String(text)), Some(pattern)) => known(pattern.matches(text)),
                (Res::Unknown, _) => Res::Unknown,
                _ => Res::Error,
            },
            Node::Is { kind, .. } => match left {
                Res::Known(Value::Entity(entity)) => known(entity.kind == kind),
                Res::Unknown => Res::Unknown,
                _ => Res::Error,
            },
            Node::IsIn { kind, right, .. } => match left {
                Res::Known(Value::Entity(entity)) if entity.kind != kind => known(false),
                Res::Known(Value::Entity(_)) => {
                    let right = self.value(right, mask);
                    self.binary(Binary::In, left, &right)
                }
                Res::Unknown => Res::Unknown,
                _ => Res::Error,
            },
            Node::Unary { op, .. } => match (left, op) {
                (Res::Known(Value::Set(set)), Unary::IsEmpty) => known(!self.scratch.any(*set, &mut |_| true)),
                (Res::Known(value), _) => operators::unary(op, *value).map_or(Res::Error, Res::Known),
                (Res::Unknown, _) => Res::Unknown,
                (Res::Error | Res::AnyRecord | Res::AnyBool, _) => Res::Error,
            },
            Node::Binary { op, right, .. } => {
                if matches!(left, Res::Error) {
                    return Res::Error;
                }
                let right = self.value(right, mask);
                self.binary(op, left, &right)
            }
            _ => Res::Error,
        }
    }

    fn chain(&mut self, seed: u32, start: u32, len: u32, mask: u8) -> Res<'a> {
        let code = self.code;
        let mut so_far = self.value(seed, mask);
        for id in code.links(start, len) {
            so_far = self.apply(code.node(*id), &so_far, mask);
        }
        so_far
    }

    fn branch(&mut self, test: u32, yes: u32, no: u32, mask: u8) -> Res<'a> {
        let test = self.bits(test, mask);
        match (self.uniform(test, mask), yes, no) {
            (Res::Known(Value::Bool(true)), yes, _) => self.value(yes, mask),
            (Res::Known(Value::Bool(false)), _, no) => self.value(no, mask),
            (Res::Error, ..) => Res::Error,
            (_, yes, no) => {
                // either of them, or an error: what they have in common
                match (self.value(yes, mask), self.value(no, mask)) {
                    (Res::Error, Res::Error) => Res::Error,
                    _ => Res::Unknown,
                }
            }
        }
    }

    /// A truth value as a value; if it is not the same at all levels, they have to be followed one at a time.
    fn uniform(&mut self, bits: Bits, mask: u8) -> Res<'a> {
        let Bits { t, f, e } = bits;
        match (t == mask, f == mask, e == mask) {
            (true, false, false) if f | e == 0 => known(true),
            (false, true, false) if t | e == 0 => known(false),
            (false, false, true) if t | f == 0 => Res::Error,
            (true, true, false) if e == 0 => Res::AnyBool,
            _ => {
                // at one level each bit is all or nothing, so this ends
                let whole = |bits: u8| bits == 0 || bits == mask;
                self.mixed |= !(whole(t) && whole(f) && whole(e));
                Res::Unknown
            }
        }
    }

    fn get(&self, value: &Res<'a>, attr: Attr) -> Res<'a> {
        match value {
            Res::Known(Value::Record(record)) => self.scratch.get(*record, attr).map_or(Res::Error, Res::Known),
            Res::Known(Value::Entity(entity)) => found(self.world.attr(*entity, attr)),
            Res::AnyRecord | Res::Unknown => Res::Unknown,
            Res::Known(_) | Res::Error | Res::AnyBool => Res::Error,
        }
    }

    /// `has`, with one attribute.
    fn test(&self, value: &Res<'a>, attr: Attr) -> Res<'a> {
        match value {
            Res::Unknown => Res::Unknown,
            value => self.has(value, attr).map_or(Res::Error, there),
        }
    }

    /// `None` is an error; of what may be anything it is not asked.
    fn has(&self, value: &Res<'a>, attr: Attr) -> Option<There> {
        match value {
            Res::Known(Value::Record(record)) => {
                Some(if self.scratch.get(*record, attr).is_some() { There::Yes } else { There::No })
            }
            Res::Known(Value::Entity(entity)) => Some(is_there(self.world.attr(*entity, attr))),
            Res::AnyRecord => Some(There::Unknown),
            Res::Known(_) | Res::Error | Res::AnyBool | Res::Unknown => None,
        }
    }

    fn has_path(&self, value: &Res<'a>, start: u32, len: u32) -> Res<'a> {
        let mut at = *value;
        let mut certain = true;
        for attr in self.code.links(start, len) {
            if matches!(at, Res::Unknown) {
                return Res::Unknown;
            }
            match self.has(&at, *attr) {
                None if certain => return Res::Error,
                None => return Res::Unknown,
                Some(There::No) if certain => return known(false),
                Some(There::No) => return Res::Unknown,
                Some(There::Yes) => {}
                Some(There::Unknown) => certain = false,
            }
            at = self.get(&at, *attr);
        }
        if certain { known(true) } else { Res::Unknown }
    }

    fn binary(&self, op: Binary, left: &Res<'a>, right: &Res<'a>) -> Res<'a> {
        match (left, right) {
            (Res::Error, _) | (_, Res::Error) => Res::Error,
            (Res::Known(left), Res::Known(right)) => self.known_binary(op, *left, *right),
            (left, right) => unknown_binary(op, left, right),
        }
    }

    fn known_binary(&self, op: Binary, left: Value<'a>, right: Value<'a>) -> Res<'a> {
        match op {
            Binary::Eq => known(self.scratch.equal(left, right)),
            Binary::NotEq => known(!self.scratch.equal(left, right)),
            Binary::In => self.is_in(left, right),
            Binary::Contains => match left {
                Value::Set(set) => known(self.scratch.contains(set, right)),
                _ => Res::Error,
            },
            Binary::ContainsAll => match (left, right) {
                (Value::Set(set), Value::Set(all)) => known(self.scratch.contains_all(set, all)),
                _ => Res::Error,
            },
            Binary::ContainsAny => match (left, right) {
                (Value::Set(set), Value::Set(some)) => known(self.scratch.contains_any(set, some)),
                _ => Res::Error,
            },
            Binary::HasTag | Binary::GetTag => match (left, right) {
                (Value::Entity(entity), Value::String(tag)) => {
                    let found_tag = self.world.tag(entity, tag);
                    if op == Binary::HasTag { there(is_there(found_tag)) } else { found(found_tag) }
                }
                _ => Res::Error,
            },
            _ => operators::binary(op, left, right).map_or(Res::Error, Res::Known),
        }
    }

    fn is_in(&self, left: Value<'a>, right: Value<'a>) -> Res<'a> {
        let Value::Entity(entity) = left else { return Res::Error };
        match right {
            Value::Entity(ancestor) => known(self.world.is_in(entity, ancestor)),
            Value::Set(Set::Entities { kind, ids }) => known(self.world.is_in_any(entity, kind, ids)),
            Value::Set(set) => {
                // all of them must be entities, whichever of them it is in
                if self.scratch.any(set, &mut |item| !matches!(item, Value::Entity(_))) {
                    return Res::Error;
                }
                known(self.scratch.any(set, &mut |item| match item {
                    Value::Entity(ancestor) => self.world.is_in(entity, ancestor),
                    _ => false,
                }))
            }
            _ => Res::Error,
        }
    }

    /// `context.approval` as a record, at one level.
    fn approval(&mut self, mask: u8) -> Res<'a> {
        match approvals(mask) {
            Some(record) => Res::Known(Value::Record(Record::Const(record))),
            None => {
                self.mixed = true;
                Res::AnyRecord
            }
        }
    }

    /// The whole context as a record.
    fn context(&mut self, mask: u8) -> Res<'a> {
        let pending = self.scratch.pending.len();
        if self.code.dialect == Dialect::Toolgate {
            match self.approval(mask) {
                Res::Known(value) => self.scratch.pending.push((attr::APPROVAL, value)),
                other => return other,
            }
        }
        let mut all_known = true;
        for attr in self.world.context_attrs() {
            match self.world.context(*attr) {
                Attribute::Value(value) => self.scratch.pending.push((*attr, value)),
                Attribute::Missing | Attribute::NoEntity => {}
                Attribute::Unknown | Attribute::UnknownRecord => all_known = false,
            }
        }
        if !all_known {
            self.scratch.pending.truncate(pending);
            return Res::AnyRecord;
        }
        Res::Known(self.scratch.record(pending))
    }

    fn set(&mut self, start: u32, len: u32, mask: u8) -> Res<'a> {
        let code = self.code;
        let mut unknown = false;
        // what an item builds itself must not come between the items
        let pending = self.scratch.pending.len();
        for id in code.links(start, len) {
            match self.value(*id, mask) {
                Res::Known(value) => self.scratch.pending.push((0, value)),
                Res::Error => {
                    self.scratch.pending.truncate(pending);
                    return Res::Error;
                }
                _ => unknown = true,
            }
        }
        if unknown {
            self.scratch.pending.truncate(pending);
            return Res::Unknown;
        }
        Res::Known(self.scratch.set(pending))
    }

    fn record(&mut self, start: u32, len: u32, mask: u8) -> Res<'a> {
        let code = self.code;
        let (mut unknown, mut certain) = (false, true);
        let pending = self.scratch.pending.len();
        for pair in code.links(start, len).chunks_exact(2) {
            let [attr, id] = pair else { return Res::Error };
            match self.value(*id, mask) {
                Res::Known(value) => self.scratch.pending.push((*attr, value)),
                Res::Error => {
                    self.scratch.pending.truncate(pending);
                    return Res::Error;
                }
                other => {
                    unknown = true;
                    certain &= !matches!(other, Res::Unknown);
                }
            }
        }
        if unknown {
            self.scratch.pending.truncate(pending);
            return if certain { Res::AnyRecord } else { Res::Unknown };
        }
        Res::Known(self.scratch.record(pending))
    }
}

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod store_tests;
#[cfg(test)]
mod tests;
