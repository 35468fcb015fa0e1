//! The company's policies: ten that every company has, then as many of its own as asked for.

use crate::policy::{Action, Cond, Operation, Policy, Principal, Resource};
use crate::rng::Rng;
use crate::workload::{LABELS, World};

/// The first `count` policies. The first 100 of 10,000 are the 100.
pub fn policies(world: &World, count: usize) -> Vec<Policy> {
    if count == 1 {
        return vec![single()];
    }
    let mut rng = Rng::new(0xCEDA);
    let mut all = core();
    while all.len() < count {
        let next = own(world, all.len(), &mut rng);
        all.push(next);
    }
    all.truncate(count);
    all
}

fn permit(id: &str, principal: Principal, action: Action, when: Vec<Cond>) -> Policy {
    let (resource, unless) = (Resource::Any, None);
    Policy { id: id.into(), permit: true, principal, action, resource, when, unless, valid_for: None, reuse: None }
}

fn forbid(id: &str, principal: Principal, action: Action, when: Vec<Cond>) -> Policy {
    Policy { permit: false, ..permit(id, principal, action, when) }
}

fn unless(policy: Policy, cond: Cond) -> Policy {
    Policy { unless: Some(cond), valid_for: Some("15m"), reuse: Some("call"), ..policy }
}

fn does(operation: Operation) -> Action {
    Action::Operations(vec![operation])
}

/// All of the rule in one policy, for the smallest company there is.
fn single() -> Policy {
    let ways = vec![
        vec![Cond::Does(Operation::Read)],
        vec![Cond::Does(Operation::Write), Cond::UserYes],
        vec![Cond::ManagerYes],
    ];
    let policy = permit("the-rule", Principal::Any, Action::Any, vec![Cond::Entitled, Cond::AnyOf(ways)]);
    Policy { valid_for: Some("1h"), reuse: Some("tool"), ..policy }
}

fn core() -> Vec<Policy> {
    let changes = || Action::Operations(vec![Operation::Write, Operation::Delete]);
    let hour = |policy| Policy { valid_for: Some("1h"), reuse: Some("tool"), ..policy };
    vec![
        permit("reads-run", Principal::Any, does(Operation::Read), vec![Cond::Entitled, Cond::Sensitive(false)]),
        hour(permit(
            "writes-ask-the-user",
            Principal::Agent,
            does(Operation::Write),
            vec![Cond::Entitled, Cond::UserYes],
        )),
        permit(
            "deletes-ask-the-manager",
            Principal::Agent,
            does(Operation::Delete),
            vec![Cond::Entitled, Cond::ManagerYes],
        ),
        forbid(
            "secrets-stay",
            Principal::Any,
            Action::Any,
            vec![Cond::Label("external-sink"), Cond::Session("secrets")],
        ),
        hour(permit(
            "sensitive-reads-ask",
            Principal::Any,
            does(Operation::Read),
            vec![Cond::Entitled, Cond::Sensitive(true), Cond::UserYes],
        )),
        unless(
            forbid(
                "toxic-flow",
                Principal::Any,
                Action::Any,
                vec![Cond::Label("external-sink"), Cond::Session("untrusted-content"), Cond::Session("private-data")],
            ),
            Cond::ManagerYes,
        ),
        forbid("shared-clients-only-read", Principal::Agent, changes(), vec![Cond::ClientKind("shared")]),
        unless(
            forbid("untrusted-servers-need-the-manager", Principal::Any, changes(), vec![Cond::Trusted(false)]),
            Cond::ManagerYes,
        ),
        unless(
            forbid(
                "large-amounts-need-the-manager",
                Principal::Any,
                does(Operation::Write),
                vec![Cond::HasOver("amount", 50_000)],
            ),
            Cond::ManagerYes,
        ),
        Policy {
            valid_for: Some("15m"),
            ..permit(
                "autonomous-writes-ask-the-owner",
                Principal::ServicePrincipal,
                does(Operation::Write),
                vec![Cond::Entitled, Cond::UserYes],
            )
        },
    ]
}

/// A policy of one company's own.
fn own(world: &World, at: usize, rng: &mut Rng) -> Policy {
    let tool = rng.below(world.tools.len());
    let facts = &world.tools[tool];
    let shape = facts.shape;
    let only = Action::Tools(vec![tool]);
    // not the groups at the top, which hold half the company
    let group = Principal::Group(rng.between(21, 500));
    let id = |kind: &str| format!("{kind}-{at:05}");
    // nothing but a read is permitted without a human
    let yes = match facts.operation {
        Operation::Read => None,
        Operation::Write => Some(Cond::UserYes),
        Operation::Delete => Some(Cond::ManagerYes),
    };
    match rng.below(100) {
        0..45 => {
            unless(forbid(&id("limit"), Principal::Any, only, vec![shape.condition(rng, false)]), Cond::ManagerYes)
        }
        45..55 => {
            let rare = vec![shape.condition(rng, false), shape.condition(rng, false)];
            forbid(&id("never"), Principal::Any, only, rare)
        }
        55..70 => {
            let when = [shape.condition(rng, true)].into_iter().chain(yes).collect();
            Policy { valid_for: Some("1h"), reuse: Some("tool"), ..permit(&id("team"), group, only, when) }
        }
        70..74 => {
            let entitlement = Principal::Entitlement(rng.below(world.entitlements.len()));
            let tools = Action::Tools((0..3).map(|more| (tool + more * 17) % world.tools.len()).collect());
            permit(&id("entitled"), entitlement, tools, vec![Cond::ManagerYes])
        }
        74..78 => {
            let profile = Principal::Profile(rng.below(world.profiles.len()));
            permit(&id("profile"), profile, only, yes.into_iter().collect())
        }
        78..86 => Policy {
            resource: Resource::Server(facts.server),
            ..permit(&id("team-reads"), group, does(Operation::Read), vec![Cond::Sensitive(false)])
        },
        86..92 => unless(
            Policy {
                resource: Resource::Server(facts.server),
                ..forbid(&id("team-pace"), group, does(Operation::Write), vec![Cond::CallsOver(rng.between(50, 200))])
            },
            Cond::ManagerYes,
        ),
        92..95 => unless(
            Policy {
                resource: Resource::Tool(tool),
                ..forbid(
                    &id("clean-session"),
                    Principal::Any,
                    does(facts.operation),
                    vec![Cond::Session("untrusted-content")],
                )
            },
            Cond::UserYes,
        ),
        95..98 => forbid(&id("no-robots"), Principal::ServicePrincipal, only, vec![shape.condition(rng, true)]),
        _ => {
            let operation = if rng.percent(50) { Operation::Write } else { Operation::Delete };
            let (label, calls) = (*rng.pick(&LABELS), rng.between(150, 400));
            unless(
                Policy {
                    resource: Resource::Server(facts.server),
                    ..forbid(
                        &id("server"),
                        Principal::Any,
                        does(operation),
                        vec![Cond::Session(label), Cond::CallsOver(calls)],
                    )
                },
                Cond::ManagerYes,
            )
        }
    }
}
