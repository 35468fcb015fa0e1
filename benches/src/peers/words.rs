//! Policies as one expression, in languages that have no scopes.

use crate::policy::{Action, Cond, Names, Policy, Principal, Resource};

/// How a language says what policies say.
pub struct Words {
    /// Before the names of the roots: `principal`, `resource`, `action`, `session`, `input`.
    pub prefix: &'static str,
    /// Whether an optional member is there: root, member.
    pub has: fn(&str, &str) -> String,
    /// Whether a text begins so: text, beginning.
    pub begins: fn(&str, &str) -> String,
    /// Whether the subject holds an entitlement of the tool.
    pub entitled: &'static str,
    /// No approval is given, so this is false.
    pub no: &'static str,
}

/// The policy's scope and conditions, joined by `and`.
pub fn expression(policy: &Policy, names: &dyn Names, words: &Words) -> String {
    let p = words.prefix;
    let mut parts = Vec::new();
    match &policy.principal {
        Principal::Any => {}
        Principal::Agent => parts.push(format!("{p}principal.kind == \"agent\"")),
        Principal::ServicePrincipal => parts.push(format!("{p}principal.kind == \"service_principal\"")),
        Principal::Group(at) => parts.push(format!("\"{}\" in {p}principal.groups", names.group(*at))),
        Principal::Entitlement(at) => parts.push(format!("\"{}\" in {p}principal.holds", names.entitlement(*at))),
        Principal::Profile(at) => parts.push(format!("\"{}\" in {p}principal.profiles", names.profile(*at))),
    }
    // the action first: it says no most often
    let action = match &policy.action {
        Action::Any => None,
        Action::Operations(of) => {
            Some(any(of.iter().map(|of| format!("{p}resource.operation == \"{}\"", of.as_str()))))
        }
        Action::Tools(of) => Some(any(of.iter().map(|tool| format!("{p}action == \"{}\"", names.tool(*tool))))),
    };
    if let Some(action) = action {
        parts.insert(0, action);
    }
    match &policy.resource {
        Resource::Any => {}
        Resource::Server(at) => parts.push(format!("{p}resource.server == \"{}\"", names.server(*at))),
        Resource::Tool(at) => parts.push(format!("{p}action == \"{}\"", names.tool(*at))),
    }
    parts.extend(policy.when.iter().map(|cond| one(cond, words)));
    // `unless` a yes, and none is given
    if parts.is_empty() { "true".into() } else { parts.join(" && ") }
}

fn any(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(" || ")) }
}

fn one(cond: &Cond, words: &Words) -> String {
    let p = words.prefix;
    let input = |path: &str| format!("{p}input.{path}");
    match cond {
        Cond::Entitled => words.entitled.into(),
        Cond::Sensitive(yes) => format!("{p}resource.sensitive == {yes}"),
        Cond::Trusted(yes) => format!("{p}resource.trusted == {yes}"),
        Cond::Label(label) => format!("\"{label}\" in {p}resource.labels"),
        Cond::Session(label) => format!("\"{label}\" in {p}session.labels"),
        Cond::CallsOver(n) => format!("{p}session.calls > {n}"),
        Cond::ClientKind(kind) => format!("{p}principal.client_kind == \"{kind}\""),
        Cond::UserYes | Cond::ManagerYes => words.no.into(),
        Cond::Does(of) => format!("{p}resource.operation == \"{}\"", of.as_str()),
        Cond::HasOver(name, n) => format!("{} && {} > {n}", (words.has)(&format!("{p}input"), name), input(name)),
        Cond::Over(path, n) => format!("{} > {n}", input(path)),
        Cond::Is(path, text) => format!("{} == \"{text}\"", input(path)),
        Cond::HasIs(name, member, text) => {
            format!("{} && {}.{member} == \"{text}\"", (words.has)(&format!("{p}input"), name), input(name))
        }
        Cond::Begins(path, text) => (words.begins)(&input(path), text),
        Cond::True(path) => format!("{} == true", input(path)),
        Cond::Contains(path, text) => format!("\"{text}\" in {}", input(path)),
        Cond::AnyOf(ways) => any(ways
            .iter()
            .map(|way| format!("({})", way.iter().map(|cond| one(cond, words)).collect::<Vec<_>>().join(" && ")))),
    }
}
