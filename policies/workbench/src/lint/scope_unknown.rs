//! A policy about a scope that the catalog does not have.

use cedar_policy_core::ast::{EntityReference, EntityUID, Expr, PrincipalOrResourceConstraint};

use super::condition::{entity, named, walk};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "scope_unknown",
    level: Level::Warning,
    title: "a policy about a scope that no server has",
    page: include_str!("../../docs/lints/scope_unknown.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let unknown = |uid: &EntityUID| {
        let (_, id) = named(uid).filter(|(kind, _)| kind == "Scope")?;
        let known = id.split_once('/').is_some_and(|(server, scope)| {
            subject.catalog.servers.get(server).is_some_and(|server| server.scopes.contains_key(scope))
        });
        (!known).then(|| id.to_owned())
    };
    let help = "scopes are named `server/scope`, as `[servers.<server>.scopes]` in catalog.toml has them";
    let message = |policy: &str, id: &str| format!("policy `{policy}` names scope `{id}`, and no server has it");
    for policy in &subject.policies {
        if let PrincipalOrResourceConstraint::Eq(EntityReference::EUID(uid))
        | PrincipalOrResourceConstraint::In(EntityReference::EUID(uid))
        | PrincipalOrResourceConstraint::IsIn(_, EntityReference::EUID(uid)) = policy.resource()
            && let Some(id) = unknown(uid)
        {
            let place = policy.place(&policy.text.resource.span);
            findings.find(("policy", policy.id()), place, message(policy.id(), &id), help);
        }
        let Some(condition) = policy.condition() else { continue };
        walk(condition, &mut |part: &Expr| {
            if let Some(id) = entity(part).and_then(unknown) {
                findings.find(("policy", policy.id()), policy.at(part), message(policy.id(), &id), help);
            }
        });
    }
}
