//! An entitlement that agents are given and that opens nothing.

use std::collections::BTreeSet;

use cedar_policy_core::ast::EntityReference;
use cedar_policy_core::ast::PrincipalOrResourceConstraint as Constraint;
use toolgate::facts::Granted;

use super::condition::{entity, named, walk};
use super::place::Step;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "entitlement_unlocks_nothing",
    level: Level::Warning,
    title: "an entitlement that unlocks no tool and no scope",
    page: include_str!("../../docs/lints/entitlement_unlocks_nothing.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let (catalog, snapshot) = (subject.catalog, subject.snapshot);
    let scopes = catalog.servers.values().flat_map(|server| server.scopes.values());
    let mut used: BTreeSet<&str> =
        catalog.tools.values().flat_map(|tool| &tool.entitlements).map(String::as_str).collect();
    used.extend(scopes.flat_map(|scope| &scope.entitlements).map(String::as_str));
    // a policy may ask for one by its name, and forbid asking for it
    let mut in_policies: BTreeSet<String> = BTreeSet::new();
    for policy in &subject.policies {
        for constraint in [policy.principal(), policy.resource()] {
            if let Constraint::Eq(EntityReference::EUID(uid))
            | Constraint::In(EntityReference::EUID(uid))
            | Constraint::IsIn(_, EntityReference::EUID(uid)) = constraint
            {
                in_policies.extend(named(uid).map(|(_, id)| id.to_owned()));
            }
        }
        if let Some(condition) = policy.condition() {
            walk(condition, &mut |part| {
                in_policies.extend(entity(part).and_then(named).map(|(_, id)| id.to_owned()));
            });
        }
    }
    // what only people hold is theirs, in the products themselves
    let people: BTreeSet<&str> =
        snapshot.users.iter().flat_map(|user| &user.entitlements).map(String::as_str).collect();
    let mut given: BTreeSet<&str> =
        snapshot.profiles.iter().flat_map(|profile| &profile.entitlements).map(String::as_str).collect();
    given.extend(snapshot.grants.iter().filter_map(|grant| match &grant.what {
        Granted::Entitlement(id) => Some(id.as_str()),
        Granted::Profile(_) => None,
    }));
    for entitlement in &snapshot.entitlements {
        let id = entitlement.id.as_str();
        let for_agents = given.contains(id) || !entitlement.requestable_by.is_empty() || !people.contains(id);
        if used.contains(id) || in_policies.contains(id) || !for_agents {
            continue;
        }
        let place = subject.places.snapshot("entitlements", id, &[Step::Key("id")]);
        let message = format!("entitlement `{id}` unlocks nothing: no tool, scope or policy names it");
        let help = "name it in a rule of catalog.toml, or remove it and its grants";
        findings.find(("entitlement", id), place, message, help);
    }
}
