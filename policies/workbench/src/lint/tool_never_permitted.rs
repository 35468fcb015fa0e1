//! An approved tool that no permit can ever let through.

use std::collections::BTreeMap;

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind};
use toolgate::Effect;
use toolgate::facts::Tool;

use super::condition::{elements, entity, is_path, named, text};
use super::facts::{Truth, truth};
use super::scope::Bound;
use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "tool_never_permitted",
    level: Level::Warning,
    title: "an approved tool that no policy can permit",
    page: include_str!("../../docs/lints/tool_never_permitted.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let (permits, forbids) = (ByAction::of(subject, Effect::Permit), ByAction::of(subject, Effect::Forbid));
    let mut servers: BTreeMap<&str, (usize, Vec<&Tool>)> = BTreeMap::new();
    for tool in subject.catalog.tools.values().filter(|tool| subject.is_offered(tool)) {
        let (all, never) = servers.entry(&tool.id.server).or_default();
        *all = all.saturating_add(1);
        let knowing = |expr: &Expr| known(tool, expr);
        let says = |policy: &Policy<'_>| match policy.condition() {
            _ if !policy.actions.lets(tool) || !Bound::of(policy.resource()).lets_tool(tool) => Truth::False,
            None => Truth::True,
            Some(condition) => truth(condition, &policy.facts(), &knowing),
        };
        if permits.of_tool(tool).any(|policy| says(policy) != Truth::False) {
            continue;
        }
        // refused to everybody by a forbid: somebody has said so
        let whoever =
            |policy: &&Policy<'_>| policy.text.principal.is.is_none() && policy.text.principal.bound.is_none();
        if forbids.of_tool(tool).filter(whoever).any(|policy| says(policy) == Truth::True) {
            continue;
        }
        never.push(tool);
    }
    for (server, (all, never)) in servers {
        let help = "permit it, give it the entitlements that unlock it, or set its state to `disabled`";
        if never.len() == all && all > 1 {
            let place = subject.places.overlay(&[super::place::Step::Key("servers"), super::place::Step::Key(server)]);
            let message = format!("no policy can permit any of the {all} approved tools of server `{server}`");
            findings.find(("server", server), place, message, help);
            continue;
        }
        for tool in never {
            let id = tool.id.to_string();
            let why = if tool.entitlements.is_empty() { "; it names no entitlement" } else { "" };
            let message = format!("no policy can permit the {} `{id}`{why}", tool.operation);
            findings.find(("tool", &id), subject.places.tool(server, &tool.id.name), message, help);
        }
    }
}

/// Policies by the actions that their scopes name.
struct ByAction<'s, 'a> {
    any: Vec<&'s Policy<'a>>,
    named: BTreeMap<&'s str, Vec<&'s Policy<'a>>>,
}

impl<'s, 'a> ByAction<'s, 'a> {
    fn of(subject: &'s Subject<'a>, effect: Effect) -> Self {
        let mut all = Self { any: Vec::new(), named: BTreeMap::new() };
        for policy in subject.with(effect) {
            if policy.actions.any {
                all.any.push(policy);
            }
            let operations = policy.actions.operations.iter().copied();
            for name in operations.chain(policy.actions.tools.iter().map(String::as_str)) {
                all.named.entry(name).or_default().push(policy);
            }
        }
        all
    }

    fn of_tool(&self, tool: &Tool) -> impl Iterator<Item = &'s Policy<'a>> {
        let of = |name: &str| self.named.get(name).into_iter().flatten().copied().collect::<Vec<_>>();
        let (operation, itself) = (of(tool.operation.as_str()), of(&tool.id.to_string()));
        self.any.clone().into_iter().chain(operation).chain(itself)
    }
}

/// What the catalog says of a tool, wherever a condition asks for it.
fn known(tool: &Tool, expr: &Expr) -> Option<bool> {
    match expr.expr_kind() {
        ExprKind::GetAttr { attr, expr: base } if is_path(base, &["resource"]) && attr == "sensitive" => {
            Some(tool.sensitive)
        }
        ExprKind::BinaryApp { op, arg1, arg2 } => {
            let labels = |expr: &Expr| is_path(expr, &["resource", "labels"]);
            let has = |label: &str| tool.labels.iter().any(|own| own == label);
            let texts = |expr: &'_ Expr| -> Option<Vec<String>> {
                elements(expr)?.iter().map(|item| text(item).map(str::to_owned)).collect()
            };
            match op {
                BinaryOp::In if is_path(arg1, &["principal"]) && is_path(arg2, &["resource", "entitlements"]) => {
                    tool.entitlements.is_empty().then_some(false)
                }
                BinaryOp::In if is_path(arg1, &["resource"]) => {
                    let (kind, id) = named(entity(arg2)?)?;
                    Some(match kind.as_str() {
                        "Server" => id == tool.id.server,
                        "Tool" => id == tool.id.to_string(),
                        _ => false,
                    })
                }
                BinaryOp::Eq if is_path(arg1, &["resource"]) => {
                    let (kind, id) = named(entity(arg2)?)?;
                    Some(kind == "Tool" && id == tool.id.to_string())
                }
                BinaryOp::Contains if labels(arg1) => Some(has(text(arg2)?)),
                BinaryOp::ContainsAll if labels(arg1) => Some(texts(arg2)?.iter().all(|label| has(label))),
                BinaryOp::ContainsAny if labels(arg1) => Some(texts(arg2)?.iter().any(|label| has(label))),
                _ => None,
            }
        }
        ExprKind::Is { expr: base, entity_type } if is_path(base, &["resource"]) => {
            Some(entity_type.to_string() == "Toolgate::Tool")
        }
        _ => None,
    }
}
