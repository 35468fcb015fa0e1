//! Compiled conditions: a flat arena of small nodes that refer to each other by number.

use crate::compile::condition::operators::{Binary, Unary};
use crate::compile::condition::pattern::Pattern;
use crate::compile::symbols::attr;
use crate::data::names::index;
use crate::data::value::{Attr, Const, Ent};

/// What `context` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `context.approval` is how much human consent a question assumes; the rest is the world's.
    Toolgate,
    /// A record like any other, as in Cedar itself.
    #[cfg_attr(not(test), expect(dead_code, reason = "for comparing with Cedar on its own corpus"))]
    Plain,
}

/// All conditions of an engine.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) dialect: Dialect,
    nodes: Vec<Node>,
    links: Vec<u32>,
    consts: Vec<Const>,
    patterns: Vec<Pattern>,
}

/// The condition of one policy: all its clauses together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition(pub(crate) u32);

/// One of the request's three entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Var {
    Principal,
    Action,
    Resource,
}

/// A step of evaluation. Numbers are of nodes, unless said otherwise; a `start` and `len` are a range of links.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node {
    /// Always an error.
    Error,
    /// In a chain: the value so far.
    Hole,
    Bool(bool),
    /// The number of a constant.
    Const(u32),
    Var(Var),
    /// The whole context, as a record.
    Context,
    ContextAttr(Attr),
    ContextHas(Attr),
    /// Whether the level is one of these.
    Approval(u8),
    /// Both approvals, as a record.
    ApprovalRecord,
    /// An attribute of one of the three entities.
    VarAttr {
        var: Var,
        attr: Attr,
    },
    /// An attribute of an attribute of the context, such as `context.session.calls`.
    ContextPath {
        of: Attr,
        attr: Attr,
    },
    /// An attribute of an attribute of one of the three entities, such as `principal.client.kind`.
    VarPath {
        var: Var,
        of: Attr,
        attr: Attr,
    },
    /// Whether one of the three entities is in this one.
    VarIn {
        var: Var,
        entity: Ent,
    },
    /// Whether one of the three is in an attribute of another, such as `principal in resource.entitlements`.
    VarInAttr {
        var: Var,
        of: Var,
        attr: Attr,
    },
    /// `&&` of the links.
    All {
        start: u32,
        len: u32,
    },
    /// `||` of the links.
    Any {
        start: u32,
        len: u32,
    },
    Not(u32),
    If {
        test: u32,
        yes: u32,
        no: u32,
    },
    /// A long chain such as `a.b.c` or `1 + 2 + 3`, without recursion: the links are applied to the seed in turn.
    Chain {
        seed: u32,
        start: u32,
        len: u32,
    },
    Unary {
        op: Unary,
        of: u32,
    },
    Binary {
        op: Binary,
        left: u32,
        right: u32,
    },
    Attr {
        of: u32,
        attr: Attr,
    },
    Has {
        of: u32,
        attr: Attr,
    },
    /// `has a.b.c`; the links are attributes.
    HasPath {
        of: u32,
        start: u32,
        len: u32,
    },
    Like {
        of: u32,
        pattern: u32,
    },
    Is {
        of: u32,
        kind: u32,
    },
    IsIn {
        of: u32,
        kind: u32,
        right: u32,
    },
    Set {
        start: u32,
        len: u32,
    },
    /// The links are an attribute and a node in turn, sorted by attribute.
    Record {
        start: u32,
        len: u32,
    },
}

impl Node {
    /// Whether it can only be a truth value or an error.
    pub(crate) fn is_test(&self) -> bool {
        match self {
            Self::Error
            | Self::Bool(_)
            | Self::ContextHas(_)
            | Self::Approval(_)
            | Self::VarIn { .. }
            | Self::VarInAttr { .. }
            | Self::All { .. }
            | Self::Any { .. }
            | Self::Not(_)
            | Self::Has { .. }
            | Self::HasPath { .. }
            | Self::Like { .. }
            | Self::Is { .. }
            | Self::IsIn { .. } => true,
            Self::Unary { op, .. } => op.is_test(),
            Self::Binary { op, .. } => op.is_test(),
            _ => false,
        }
    }
}

impl Code {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, nodes: Vec::new(), links: Vec::new(), consts: Vec::new(), patterns: Vec::new() }
    }

    /// A node; an error for none of these, which the compiler never refers to.
    #[inline]
    pub(crate) fn node(&self, id: u32) -> Node {
        self.nodes.get(index(id)).copied().unwrap_or(Node::Error)
    }

    #[inline]
    pub(crate) fn links(&self, start: u32, len: u32) -> &[u32] {
        self.links.get(index(start)..index(start.saturating_add(len))).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn constant(&self, id: u32) -> Option<&Const> {
        self.consts.get(index(id))
    }

    /// The constant that a node is.
    #[inline]
    pub(crate) fn const_of(&self, id: u32) -> Option<&Const> {
        match self.node(id) {
            Node::Const(id) => self.constant(id),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn pattern(&self, id: u32) -> Option<&Pattern> {
        self.patterns.get(index(id))
    }

    /// Whether what is tested first is an argument: without arguments the condition may be false, whatever comes next.
    pub(crate) fn begins_with_input(&self, condition: Condition) -> bool {
        let mut node = self.node(condition.0);
        while let Node::All { start, len } = node {
            let Some(first) = self.links(start, len).first() else { return false };
            node = self.node(*first);
        }
        if let Node::Not(of) = node {
            node = self.node(of);
        }
        let is_argument = |id: u32| matches!(self.node(id), Node::ContextPath { of: attr::INPUT, .. });
        match node {
            Node::Has { of, .. } => self.node(of) == Node::ContextAttr(attr::INPUT),
            Node::Like { of, .. } => is_argument(of),
            Node::Binary { left, right, .. } => is_argument(left) && matches!(self.node(right), Node::Const(_)),
            _ => false,
        }
    }

    pub(super) fn add(&mut self, node: Node) -> u32 {
        push(&mut self.nodes, node)
    }

    pub(super) fn add_links(&mut self, links: &[u32]) -> (u32, u32) {
        let start = crate::data::names::number(self.links.len());
        self.links.extend_from_slice(links);
        (start, crate::data::names::number(links.len()))
    }

    pub(super) fn add_constant(&mut self, constant: Const) -> u32 {
        push(&mut self.consts, constant)
    }

    pub(super) fn add_pattern(&mut self, pattern: Pattern) -> u32 {
        push(&mut self.patterns, pattern)
    }

    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.links.shrink_to_fit();
        self.consts.shrink_to_fit();
        self.patterns.shrink_to_fit();
    }
}

fn push<T>(items: &mut Vec<T>, item: T) -> u32 {
    let id = crate::data::names::number(items.len());
    items.push(item);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_small() {
        assert_eq!(size_of::<Node>(), 16);
    }
}
