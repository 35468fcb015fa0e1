//! Policies as they are written: every part with its place in the file.
//!
//! For whatever shows, measures or changes the text of policies: coverage, explanations, lints, mutations. What a
//! policy *means* is for the engine to say.

use std::ops::Range;

use cedar_policy_core::parser::cst::{self, Ident};
use cedar_policy_core::parser::{Node as Cst, text_to_cst};
use toolgate::{Effect, Source, Span};

mod tree;

pub use cedar_policy_core::parser::cst::RelOp;
pub use tree::{Kind, Node};

/// A file of policies.
#[derive(Clone, Debug)]
pub struct PolicyFile {
    /// Its name, as errors have it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Its policies, in their order.
    pub policies: Vec<PolicyText>,
}

/// One policy in its file. Places are byte ranges of the file's text.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// Its `@id`; empty if it has none (such a file does not load).
    pub id: String,
    /// Permit or forbid.
    pub effect: Effect,
    /// All of it: from the first annotation to the semicolon.
    pub span: Range<usize>,
    /// The comment lines right above it, `//` included.
    pub comments: Vec<Range<usize>>,
    /// The word `permit` or `forbid`.
    pub effect_span: Range<usize>,
    /// The annotations, in their order.
    pub annotations: Vec<AnnotationText>,
    /// The principal's part of the scope.
    pub principal: ScopeText,
    /// The action's.
    pub action: ScopeText,
    /// The resource's.
    pub resource: ScopeText,
    /// `when` and `unless`, in their order.
    pub clauses: Vec<ClauseText>,
}

/// `@key("value")`.
#[derive(Clone, Debug)]
pub struct AnnotationText {
    /// The key.
    pub key: String,
    /// The value, unescaped; empty if there is none.
    pub value: String,
    /// All of it, from the `@`.
    pub span: Range<usize>,
}

/// One of the three parts of a scope.
#[derive(Clone, Debug)]
pub struct ScopeText {
    /// All of it: `principal is Toolgate::Agent`.
    pub span: Range<usize>,
    /// The type after `is`.
    pub is: Option<Range<usize>>,
    /// The operator, `==` or `in`, and what follows it.
    pub bound: Option<(RelOp, Node)>,
}

/// `when { … }` or `unless { … }`.
#[derive(Clone, Debug)]
pub struct ClauseText {
    /// Whether it says `when`; else `unless`.
    pub when: bool,
    /// All of it.
    pub span: Range<usize>,
    /// What is between the braces.
    pub condition: Node,
}

impl PolicyFile {
    /// Reads a file that has loaded. Its nesting was held to the limits then; nothing here checks that again.
    ///
    /// # Errors
    /// Text that Cedar's parser refuses, in its words.
    pub fn read(source: &Source) -> Result<Self, String> {
        let text = std::str::from_utf8(&source.bytes).map_err(|error| error.to_string())?;
        let parsed = text_to_cst::parse_policies(text).map_err(|error| error.to_string())?;
        let mut policies = Vec::new();
        for node in parsed.node.into_iter().flat_map(|all| all.0) {
            let span = span(&node);
            let Some(cst::Policy::Policy(policy)) = node.node else { return Err("a policy that is none".into()) };
            policies.push(policy_text(text, span, &policy).ok_or("a policy without its parts")?);
        }
        Ok(Self { file: source.file.clone(), text: text.into(), policies })
    }

    /// What stands at a place.
    pub fn at(&self, span: &Range<usize>) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// A place with its line and column.
    pub fn place(&self, span: &Range<usize>) -> Span {
        span_of(&self.text, span)
    }
}

/// A byte range of a text with its line and column.
pub(crate) fn span_of(text: &str, range: &Range<usize>) -> Span {
    let before = text.get(..range.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
    Span {
        start: range.start,
        end: range.end,
        line: before.matches('\n').count().saturating_add(1),
        column: before.get(line_start..).unwrap_or_default().chars().count().saturating_add(1),
    }
}

/// Reads every policy file of a bundle that has loaded.
pub fn read(sources: &[Source]) -> Result<Vec<PolicyFile>, String> {
    let one = |source| PolicyFile::read(source).map_err(|error| format!("{}: {error}", source.file));
    sources.iter().map(one).collect()
}

/// A policy of these files by its id, with the file it is in.
pub fn find<'a>(files: &'a [PolicyFile], id: &str) -> Option<(&'a PolicyFile, &'a PolicyText)> {
    let of = |file: &'a PolicyFile| file.policies.iter().find(|policy| policy.id == id).map(|policy| (file, policy));
    files.iter().find_map(of)
}

impl PolicyText {
    /// An annotation by its key.
    pub fn annotation(&self, key: &str) -> Option<&AnnotationText> {
        self.annotations.iter().find(|annotation| annotation.key == key)
    }

    /// The operands of the conditions that are no `&&`, `||`, `!` or `if` themselves, in the order of the text.
    pub fn operands(&self) -> Vec<&Node> {
        let mut all = Vec::new();
        self.clauses.iter().for_each(|clause| clause.condition.operands(&mut all));
        all
    }
}

fn policy_text(text: &str, span: Range<usize>, policy: &cst::PolicyImpl) -> Option<PolicyText> {
    let annotation = |node: &Cst<Option<cst::Annotation>>| {
        let annotation = node.node.as_ref()?;
        let key = annotation.key.node.as_ref()?.to_string();
        let value = annotation.value.as_ref().and_then(|value| value.node.as_ref()).map(tree::unescaped);
        Some(AnnotationText { key, value: value.unwrap_or_default(), span: self::span(node) })
    };
    let annotations: Vec<AnnotationText> = policy.annotations.iter().filter_map(annotation).collect();
    let [principal, action, resource] = policy.variables.as_slice() else { return None };
    let id = annotations.iter().find(|annotation| annotation.key == "id");
    Some(PolicyText {
        id: id.map(|id| id.value.clone()).unwrap_or_default(),
        effect: match policy.effect.node.as_ref()? {
            Ident::Permit => Effect::Permit,
            _ => Effect::Forbid,
        },
        comments: comments(text, span.start),
        span,
        effect_span: self::span(&policy.effect),
        principal: scope(text, principal)?,
        action: scope(text, action)?,
        resource: scope(text, resource)?,
        clauses: policy.conds.iter().map(|clause| clause_text(text, clause)).collect::<Option<_>>()?,
        annotations,
    })
}

fn scope(text: &str, node: &Cst<Option<cst::VariableDef>>) -> Option<ScopeText> {
    let part = node.node.as_ref()?;
    Some(ScopeText {
        span: span(node),
        is: part.entity_type.as_ref().map(span),
        bound: match &part.ineq {
            Some((op, bound)) => Some((*op, Node::of(text, bound)?)),
            None => None,
        },
    })
}

fn clause_text(text: &str, node: &Cst<Option<cst::Cond>>) -> Option<ClauseText> {
    let clause = node.node.as_ref()?;
    Some(ClauseText {
        when: matches!(clause.cond.node.as_ref()?, Ident::When),
        span: span(node),
        condition: Node::of(text, clause.expr.as_ref()?)?,
    })
}

/// The comment lines that end right above a place, in their order.
fn comments(text: &str, start: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut end = text.get(..start).and_then(|before| before.rfind('\n'));
    while let Some(line_end) = end {
        let before = text.get(..line_end).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let line = text.get(line_start..line_end).unwrap_or_default();
        if !line.trim_start().starts_with("//") {
            break;
        }
        let indent = line.len().saturating_sub(line.trim_start().len());
        found.push(line_start.saturating_add(indent)..line_end);
        end = line_start.checked_sub(1);
    }
    found.reverse();
    found
}

fn span<N>(node: &Cst<N>) -> Range<usize> {
    node.loc.as_ref().map_or(0..0, |loc| loc.start()..loc.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"// a file

// Money.
// Above the line.
@id("large")
@description("say \"no\"")
forbid (
    principal is Toolgate::Agent,
    action == Toolgate::Action::"billing/refund",
    resource in Toolgate::Server::"billing"
)
when { context.input.amount > 500 && !(context.input.note like "a*" || resource.sensitive) }
unless { if context.approval.manager then true else ["a", "b"].contains(context.session.acr) };

@id("plain") permit (principal, action, resource);
"#;

    fn read() -> PolicyFile {
        PolicyFile::read(&Source::new("a.cedar", TEXT)).unwrap()
    }

    #[test]
    fn every_part_stands_where_it_says() {
        let file = read();
        let [large, plain] = &file.policies[..] else { panic!() };
        assert_eq!((large.id.as_str(), large.effect), ("large", Effect::Forbid));
        assert_eq!((plain.id.as_str(), plain.effect), ("plain", Effect::Permit));
        assert_eq!(file.at(&large.effect_span), "forbid");
        assert_eq!(large.annotation("description").unwrap().value, "say \"no\"");
        assert_eq!(file.at(&large.annotations[0].span), "@id(\"large\")");
        assert_eq!(file.at(&large.principal.span), "principal is Toolgate::Agent");
        assert_eq!(file.at(large.principal.is.as_ref().unwrap()), "Toolgate::Agent");
        let (op, bound) = large.action.bound.as_ref().unwrap();
        assert_eq!((*op, file.at(&bound.span)), (RelOp::Eq, "Toolgate::Action::\"billing/refund\""));
        assert_eq!(large.resource.bound.as_ref().unwrap().0, RelOp::In);
        let comments: Vec<&str> = large.comments.iter().map(|span| file.at(span)).collect();
        assert_eq!(comments, ["// Money.", "// Above the line."]);
        assert!(file.at(&large.span).starts_with("@id") && file.at(&large.span).ends_with(';'));
        assert!(plain.comments.is_empty() && plain.clauses.is_empty());
        let place = file.place(&large.effect_span);
        assert_eq!((place.line, place.column), (7, 1));
        assert_eq!(large.clauses.iter().map(|clause| clause.when).collect::<Vec<_>>(), [true, false]);
        assert!(file.at(&large.clauses[1].span).starts_with("unless {"));
    }

    #[test]
    fn conditions_fall_into_operands() {
        let file = read();
        let policy = &file.policies[0];
        let texts: Vec<&str> = policy.operands().into_iter().map(|node| file.at(&node.span)).collect();
        assert_eq!(
            texts,
            [
                "context.input.amount > 500",
                "context.input.note like \"a*\"",
                "resource.sensitive",
                "context.approval.manager",
                "true",
                "[\"a\", \"b\"].contains(context.session.acr)",
            ]
        );
        let when = &policy.clauses[0].condition;
        assert_eq!(when.kind, Kind::All);
        assert_eq!(when.children[0].kind, Kind::Compare(RelOp::Greater));
        assert_eq!(file.at(when.children[0].operator.as_ref().unwrap()), ">");
        assert_eq!(when.children[1].kind, Kind::Not);
        assert_eq!(file.at(&when.children[1].span), "!(context.input.note like \"a*\" || resource.sensitive)");
        let otherwise = &policy.clauses[1].condition.children[2];
        assert_eq!(otherwise.kind, Kind::Call("contains".into()));
        assert_eq!(otherwise.children[0].kind, Kind::Set);
        assert_eq!(otherwise.children[0].children[1].kind, Kind::Text("b".into()));
        assert_eq!(otherwise.children[1].kind, Kind::Get("acr".into()));
    }

    #[test]
    fn what_does_not_parse_is_an_error() {
        assert!(PolicyFile::read(&Source::new("a.cedar", "permit (principal")).is_err());
    }
}
