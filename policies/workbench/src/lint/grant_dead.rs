//! A grant that gives nothing to anybody any more.

use std::collections::BTreeSet;

use toolgate::facts::Holder;

use super::place::Step;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "grant_dead",
    level: Level::Note,
    title: "a grant that is over, or whose holder is not active",
    page: include_str!("../../docs/lints/grant_dead.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let snapshot = subject.snapshot;
    let users: BTreeSet<&str> = snapshot.users.iter().map(|user| user.id.as_str()).collect();
    let machines: BTreeSet<&str> = snapshot.service_principals.iter().map(|own| own.id.as_str()).collect();
    for grant in &snapshot.grants {
        // a holder that nothing defines is another matter
        let inactive = match &grant.to {
            Holder::User(id) | Holder::UserClient { user: id, .. } => {
                users.contains(id.as_str()) && !subject.people.users.contains(id.as_str())
            }
            Holder::ServicePrincipal(id) => {
                machines.contains(id.as_str()) && !subject.people.service_principals.contains(id.as_str())
            }
            Holder::Group(_) => false,
        };
        let (why, member) = match grant.until {
            Some(until) if until <= snapshot.issued_at => {
                (format!("was over before the snapshot was made, at {until}"), "until")
            }
            _ if inactive => ("is for somebody who is not active".into(), "to"),
            _ => continue,
        };
        let place = subject.places.snapshot("grants", &grant.id, &[Step::Key(member)]);
        let message = format!("grant `{}` {why}: it gives nothing", grant.id);
        findings.find(("grant", &grant.id), place, message, "leave it out of the next snapshot");
    }
}
