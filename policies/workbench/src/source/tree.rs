//! A condition as it is written: a tree in which every node knows its place.

use std::ops::Range;

use cedar_policy_core::parser::Node as Cst;
use cedar_policy_core::parser::cst::{
    Add, And, Expr, ExprData, Ident, Literal, MemAccess, Member, Mult, Name, NegOp, Or, Primary, RelOp, Relation, Str,
    Unary,
};
use cedar_policy_core::parser::unescape::to_unescaped_string;

/// A node. Parentheses are no node of their own: what they hold has them in its span.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, as a byte range of the file.
    pub span: Range<usize>,
    /// Where its operator stands; of `&&`, `||`, `+` and `*` the first.
    pub operator: Option<Range<usize>>,
    /// Its operands, receiver, arguments or elements, in the order of the text.
    pub children: Vec<Self>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `a && b && c`
    All,
    /// `a || b || c`
    Any,
    /// `!a`
    Not,
    /// `if a then b else c`
    If,
    /// `a > b`, `a in b`, …
    Compare(RelOp),
    /// `a has b`: children are `a` and the name or path of names.
    Has,
    /// `a like "b*"`
    Like,
    /// `a is T` or `a is T in b`
    Is,
    /// `a + b - c`
    Add,
    /// `a * b`
    Multiply,
    /// `-a`
    Negate,
    /// `a.name` or `a["name"]`
    Get(String),
    /// `a.name(b)`, or `name(b)` of a function such as `decimal`.
    Call(String),
    /// A number. A minus before it is a [`Kind::Negate`].
    Long(u64),
    /// A text, unescaped.
    Text(String),
    /// `true` or `false`
    Bool(bool),
    /// `principal`, `context`, …, or the name of a type.
    Name(String),
    /// `Toolgate::Server::"crm"`
    Entity,
    /// `[a, b]`
    Set,
    /// `{a: b}`: children are the values.
    Record,
    /// A slot of a template.
    Slot,
}

impl Node {
    /// Whether it only joins others: `&&`, `||`, `!`, `if`.
    pub fn joins(&self) -> bool {
        matches!(self.kind, Kind::All | Kind::Any | Kind::Not | Kind::If)
    }

    /// The nodes below it, itself included, that join nothing.
    pub fn operands<'a>(&'a self, into: &mut Vec<&'a Self>) {
        if self.joins() {
            self.children.iter().for_each(|child| child.operands(into));
        } else {
            into.push(self);
        }
    }

    /// Every node, from the outermost, in the order of the text.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        visit(self);
        self.children.iter().for_each(|child| child.walk(visit));
    }

    pub(super) fn of(text: &str, expr: &Cst<Option<Expr>>) -> Option<Self> {
        Reader { text }.expr(expr)
    }
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn expr(&self, expr: &Cst<Option<Expr>>) -> Option<Node> {
        let Some(Expr::Expr(inner)) = &expr.node else { return None };
        match inner.expr.as_ref() {
            ExprData::Or(or) => self.or(or),
            ExprData::If(condition, then, otherwise) => {
                let children = vec![self.expr(condition)?, self.expr(then)?, self.expr(otherwise)?];
                Some(Node { kind: Kind::If, span: span(expr), operator: None, children })
            }
        }
    }

    fn or(&self, node: &Cst<Option<Or>>) -> Option<Node> {
        let or = node.node.as_ref()?;
        let all = std::iter::once(&or.initial).chain(&or.extended).map(|part| self.and(part));
        self.chain(Kind::Any, span(node), all.collect::<Option<_>>()?)
    }

    fn and(&self, node: &Cst<Option<And>>) -> Option<Node> {
        let and = node.node.as_ref()?;
        let all = std::iter::once(&and.initial).chain(&and.extended).map(|part| self.relation(part));
        self.chain(Kind::All, span(node), all.collect::<Option<_>>()?)
    }

    fn relation(&self, node: &Cst<Option<Relation>>) -> Option<Node> {
        let (kind, children) = match node.node.as_ref()? {
            Relation::Common { initial, extended } => match extended.as_slice() {
                [] => return self.add(initial),
                [(op, right)] => (Kind::Compare(*op), vec![self.add(initial)?, self.add(right)?]),
                // Cedar's parser refuses `a < b < c`
                _ => return None,
            },
            Relation::Has { target, field } => (Kind::Has, vec![self.add(target)?, self.add(field)?]),
            Relation::Like { target, pattern } => (Kind::Like, vec![self.add(target)?, self.add(pattern)?]),
            Relation::IsIn { target, entity_type, in_entity } => {
                let mut children = vec![self.add(target)?, self.add(entity_type)?];
                if let Some(entity) = in_entity {
                    children.push(self.add(entity)?);
                }
                (Kind::Is, children)
            }
        };
        Some(Node { kind, span: span(node), operator: self.between(&children), children })
    }

    fn add(&self, node: &Cst<Option<Add>>) -> Option<Node> {
        let add = node.node.as_ref()?;
        let all = std::iter::once(&add.initial).chain(add.extended.iter().map(|(_, part)| part));
        self.chain(Kind::Add, span(node), all.map(|part| self.multiply(part)).collect::<Option<_>>()?)
    }

    fn multiply(&self, node: &Cst<Option<Mult>>) -> Option<Node> {
        let mult = node.node.as_ref()?;
        let all = std::iter::once(&mult.initial).chain(mult.extended.iter().map(|(_, part)| part));
        self.chain(Kind::Multiply, span(node), all.map(|part| self.unary(part)).collect::<Option<_>>()?)
    }

    fn unary(&self, node: &Cst<Option<Unary>>) -> Option<Node> {
        let unary = node.node.as_ref()?;
        let item = self.member(&unary.item)?;
        let (kind, count) = match unary.op {
            None => return Some(item),
            Some(NegOp::Bang(count)) => (Kind::Not, count),
            Some(NegOp::Dash(count)) => (Kind::Negate, count),
            Some(NegOp::OverBang | NegOp::OverDash) => return None,
        };
        let whole = span(node);
        // `!!a` is two nodes; each sign is one byte, whatever blanks are between
        let signs = self.text.get(whole.start..item.span.start).unwrap_or_default();
        let places: Vec<usize> = signs.match_indices(['!', '-']).map(|(at, _)| at).collect();
        let mut inner = item;
        for sign in places.iter().rev().take(usize::from(count)) {
            let start = whole.start.saturating_add(*sign);
            let operator = start..start.saturating_add(1);
            inner = Node {
                kind: kind.clone(),
                span: start..inner.span.end,
                operator: Some(operator),
                children: vec![inner],
            };
        }
        Some(inner)
    }

    fn member(&self, node: &Cst<Option<Member>>) -> Option<Node> {
        let member = node.node.as_ref()?;
        let start = span(node).start;
        let mut inner = self.primary(&member.item)?;
        let mut steps = member.access.iter().peekable();
        while let Some(step) = steps.next() {
            let mut end = span(step).end;
            let (kind, mut more) = match step.node.as_ref()? {
                MemAccess::Field(name) => {
                    let name = name.node.as_ref()?.to_string();
                    match steps.peek().and_then(|next| Some((next, next.node.as_ref()?))) {
                        Some((next, MemAccess::Call(arguments))) => {
                            end = span(next).end;
                            let arguments = self.all(arguments)?;
                            steps.next();
                            (Kind::Call(name), arguments)
                        }
                        _ => (Kind::Get(name), Vec::new()),
                    }
                }
                MemAccess::Call(arguments) => {
                    // a function has no receiver
                    let Kind::Name(name) = inner.kind else { return None };
                    let arguments = self.all(arguments)?;
                    inner = Node { kind: Kind::Call(name), span: start..end, operator: None, children: arguments };
                    continue;
                }
                MemAccess::Index(index) => match self.expr(index)?.kind {
                    Kind::Text(name) => (Kind::Get(name), Vec::new()),
                    _ => return None,
                },
            };
            let mut children = vec![inner];
            children.append(&mut more);
            inner = Node { kind, span: start..end, operator: None, children };
        }
        Some(inner)
    }

    fn primary(&self, node: &Cst<Option<Primary>>) -> Option<Node> {
        let leaf = |kind| Some(Node { kind, span: span(node), operator: None, children: Vec::new() });
        match node.node.as_ref()? {
            Primary::Literal(literal) => match literal.node.as_ref()? {
                Literal::True => leaf(Kind::Bool(true)),
                Literal::False => leaf(Kind::Bool(false)),
                Literal::Num(number) => leaf(Kind::Long(*number)),
                Literal::Str(text) => leaf(Kind::Text(unescaped(text.node.as_ref()?))),
            },
            Primary::Ref(_) => leaf(Kind::Entity),
            Primary::Name(name) => leaf(Kind::Name(written(name.node.as_ref()?)?)),
            Primary::Slot(_) => leaf(Kind::Slot),
            Primary::Expr(inner) => {
                let inner = self.expr(inner)?;
                Some(Node { span: span(node), ..inner })
            }
            Primary::EList(elements) => {
                Some(Node { kind: Kind::Set, span: span(node), operator: None, children: self.all(elements)? })
            }
            Primary::RInits(fields) => {
                let values = fields.iter().map(|field| self.expr(&field.node.as_ref()?.1));
                let children = values.collect::<Option<_>>()?;
                Some(Node { kind: Kind::Record, span: span(node), operator: None, children })
            }
        }
    }

    fn all(&self, nodes: &[Cst<Option<Expr>>]) -> Option<Vec<Node>> {
        nodes.iter().map(|node| self.expr(node)).collect()
    }

    /// What joins several; a single one is itself.
    fn chain(&self, kind: Kind, span: Range<usize>, mut children: Vec<Node>) -> Option<Node> {
        if children.len() == 1 {
            return children.pop();
        }
        Some(Node { kind, span, operator: self.between(&children), children })
    }

    /// What stands between the first two.
    fn between(&self, children: &[Node]) -> Option<Range<usize>> {
        let [left, right, ..] = children else { return None };
        let between = self.text.get(left.span.end..right.span.start)?;
        let start = left.span.end.saturating_add(between.len().saturating_sub(between.trim_start().len()));
        Some(start..start.saturating_add(between.trim().len()))
    }
}

/// What a text means. A pattern of `like` has `\*`, which is no escape of a text: it stays as written.
pub(super) fn unescaped(text: &Str) -> String {
    let (Str::String(text) | Str::Invalid(text)) = text;
    to_unescaped_string(text).unwrap_or_else(|_| text.clone()).to_string()
}

fn written(name: &Name) -> Option<String> {
    let path = name.path.iter().map(|part| part.node.as_ref().map(Ident::to_string));
    let mut parts: Vec<String> = path.collect::<Option<_>>()?;
    parts.push(name.name.node.as_ref()?.to_string());
    Some(parts.join("::"))
}

fn span<N>(node: &Cst<N>) -> Range<usize> {
    super::span(node)
}
