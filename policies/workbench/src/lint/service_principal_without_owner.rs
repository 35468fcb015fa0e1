//! A service principal for which nobody answers: every call of it is denied.

use super::place::Step;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "service_principal_without_owner",
    level: Level::Warning,
    title: "a service principal without an active owner",
    page: include_str!("../../docs/lints/service_principal_without_owner.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for principal in subject.snapshot.service_principals.iter().filter(|principal| principal.active) {
        let (id, owner) = (principal.id.as_str(), principal.owner.as_str());
        if subject.people.users.contains(owner) {
            continue;
        }
        let known = subject.snapshot.users.iter().any(|user| user.id == owner);
        let why = if known { "is not active" } else { "is no user of this snapshot" };
        let message = format!(
            "the owner of service principal `{id}`, `{owner}`, {why}: every call of it is denied as `owner_inactive`"
        );
        let help = "give it an owner who is active, or make it inactive";
        let place = subject.places.snapshot("service_principals", id, &[Step::Key("owner")]);
        findings.find(("service_principal", id), place, message, help);
    }
}
