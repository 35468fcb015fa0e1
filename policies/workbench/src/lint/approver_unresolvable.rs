//! Approvers of whom none is there: what needs their yes ends in a ticket.

use std::collections::BTreeSet;

use super::subject::{Policy, Subject};
use super::{Findings, Level, Lint};

pub(super) const LINT: Lint = Lint {
    id: "approver_unresolvable",
    level: Level::Warning,
    title: "`@approvers` of whom none can approve",
    page: include_str!("../../docs/lints/approver_unresolvable.md"),
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for policy in subject.policies.iter().filter(|policy| policy.reads(&["context", "approval"])) {
        let Some(approvers) = policy.annotation("approvers") else { continue };
        let approvers: Vec<&str> = approvers.split(',').map(str::trim).collect();
        // the owners of what a caller lacks are another matter for every call
        if approvers.contains(&"entitlement-owner") {
            continue;
        }
        let there = |approver: &&str| match approver.split_once(':') {
            Some(("group", id)) => subject.people.groups.contains(id),
            Some(("user", id)) => subject.people.users.contains(id),
            _ => false,
        };
        if approvers.iter().any(there) {
            continue;
        }
        let message = if approvers.contains(&"server-owner") {
            let lost = ownerless(subject, policy);
            let Some(first) = lost.first() else { continue };
            let more = lost.len().saturating_sub(1);
            let others = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            format!(
                "policy `{}` asks the server's owner, and server `{first}`{others} has none who is active",
                policy.id()
            )
        } else {
            format!("policy `{}` asks `{}`, and nobody there is active", policy.id(), approvers.join(", "))
        };
        let help = "name somebody who can say yes; until then such a call ends in a ticket";
        findings.find(("policy", policy.id()), policy.at_annotation("approvers"), message, help);
    }
}

/// The servers that the policy is about and that nobody active owns.
fn ownerless<'a>(subject: &Subject<'a>, policy: &Policy<'_>) -> Vec<&'a str> {
    let offered = subject.tools_of(policy).into_iter().filter(|tool| subject.is_offered(tool));
    let servers: BTreeSet<&str> = offered.map(|tool| tool.id.server.as_str()).collect();
    let owned = |server: &str| {
        let owner = subject.catalog.servers.get(server).and_then(|server| server.owner.as_deref());
        owner.is_some_and(|owner| subject.people.users.contains(owner))
    };
    servers.into_iter().filter(|server| !owned(server)).collect()
}
