//! A client that is closed or deleted, and still has grants or policies of its own.

use std::collections::BTreeMap;

use toolgate::facts::{ClientState, Holder};

use super::condition::{entity, named, walk};
use super::place::Step;
use super::subject::Subject;
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "client_gone",
    level: Level::Warning,
    title: "a grant or a policy for a client that is closed or deleted",
    page: include_str!("../../docs/lints/client_gone.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let gone: BTreeMap<&str, &str> = subject
        .snapshot
        .clients
        .iter()
        .filter_map(|client| match client.state {
            ClientState::Closed => Some((client.id.as_str(), "closed")),
            ClientState::Deleted => Some((client.id.as_str(), "deleted")),
            ClientState::Active | ClientState::Hidden => None,
        })
        .collect();
    if gone.is_empty() {
        return;
    }
    for grant in &subject.snapshot.grants {
        let Holder::UserClient { client, .. } = &grant.to else { continue };
        let Some(state) = gone.get(client.as_str()) else { continue };
        let place = subject.places.snapshot("grants", &grant.id, &[Step::Key("to"), Step::Key("client")]);
        let message = format!("grant `{}` is for client `{client}`, which is {state}: it gives nothing", grant.id);
        findings.find(("grant", &grant.id), place, message, "revoke it, or grant it for a client that is in use");
    }
    for policy in &subject.policies {
        let Some(condition) = policy.condition() else { continue };
        walk(condition, &mut |part| {
            let Some((_, id)) = entity(part).and_then(named).filter(|(kind, _)| kind == "Client") else { return };
            let Some(state) = gone.get(id) else { return };
            let message = format!("policy `{}` names client `{id}`, which is {state}: it makes no call", policy.id());
            let help = "remove it from the condition, or reopen the client";
            findings.find(("policy", policy.id()), policy.at(part), message, help);
        });
    }
}
