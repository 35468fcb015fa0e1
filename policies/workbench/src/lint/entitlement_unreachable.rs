//! An entitlement that a tool wants, that nobody holds and nobody can ask for.

use std::collections::{BTreeMap, BTreeSet};

use toolgate::facts::{Granted, Path};

use super::place::{Place, Step};
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "entitlement_unreachable",
    level: Level::Warning,
    title: "an entitlement that nobody holds and nobody can request",
    page: include_str!("../../docs/lints/entitlement_unreachable.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let wanted = wanted(subject);
    if wanted.is_empty() {
        return;
    }
    let reachable = reachable(subject);
    for (id, by) in wanted {
        if reachable.contains(id) {
            continue;
        }
        let message = format!("nobody's agent holds `{id}`, which unlocks {by}, and nobody can request it");
        let help = "grant it, make it requestable (`requestable_by`), or name another entitlement";
        findings.find(("entitlement", id), place(subject, id), message, help);
    }
}

/// What tools and scopes that can be used name, each with the first that does.
fn wanted<'a>(subject: &Subject<'a>) -> BTreeMap<&'a str, String> {
    let mut wanted = BTreeMap::new();
    for tool in subject.catalog.tools.values().filter(|tool| subject.is_offered(tool)) {
        for entitlement in &tool.entitlements {
            wanted.entry(entitlement.as_str()).or_insert_with(|| format!("`{}`", tool.id));
        }
    }
    for (id, server) in subject.catalog.servers.iter().filter(|(_, server)| server.path == Path::Token) {
        for (name, scope) in server.scopes.iter().filter(|(_, scope)| scope.enabled) {
            for entitlement in &scope.entitlements {
                wanted.entry(entitlement.as_str()).or_insert_with(|| format!("scope `{name}` of server `{id}`"));
            }
        }
    }
    wanted
}

/// What somebody holds, now or later, or can ask for.
fn reachable<'a>(subject: &Subject<'a>) -> BTreeSet<&'a str> {
    let snapshot = subject.snapshot;
    let (mut reachable, mut profiles): (BTreeSet<&str>, BTreeSet<&str>) = (BTreeSet::new(), BTreeSet::new());
    for grant in &snapshot.grants {
        let over = grant.until.is_some_and(|until| until <= snapshot.issued_at);
        if over || !subject.people.reaches(&grant.to) {
            continue;
        }
        match &grant.what {
            Granted::Entitlement(id) => reachable.insert(id),
            Granted::Profile(id) => profiles.insert(id),
        };
    }
    for profile in &snapshot.profiles {
        if profiles.contains(profile.id.as_str()) || subject.people.can_ask(&profile.requestable_by) {
            reachable.extend(profile.entitlements.iter().map(String::as_str));
        }
    }
    let asked = snapshot.entitlements.iter().filter(|own| subject.people.can_ask(&own.requestable_by));
    reachable.extend(asked.map(|own| own.id.as_str()));
    reachable
}

/// The first rule or scope that names it.
fn place(subject: &Subject<'_>, entitlement: &str) -> Place {
    let key = Step::Key;
    for (id, server) in &subject.catalog.servers {
        let names = |list: &[String]| list.iter().any(|own| own == entitlement);
        for (at, rule) in server.rules.iter().enumerate() {
            if rule.entitlements.as_deref().is_some_and(names) {
                let rule = [key("servers"), key(id), key("rules"), Step::At(at), key("entitlements")];
                return subject.places.overlay(&[&rule[..], &[Step::Is(entitlement)]].concat());
            }
        }
        for (name, scope) in &server.scopes {
            if names(&scope.entitlements) {
                let scope = [key("servers"), key(id), key("scopes"), key(name), key("entitlements")];
                return subject.places.overlay(&[&scope[..], &[Step::Is(entitlement)]].concat());
            }
        }
    }
    subject.places.overlay(&[])
}
