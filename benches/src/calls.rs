//! The calls of a company's agents, every outcome among them.

use std::fmt::Write;

use toolgate::{Instant, Session};

use crate::policy::{Action, Operation, Policy, Principal, Resource};
use crate::rng::Rng;
use crate::shape::Shape;
use crate::workload::{LABELS, NOW, Who, World};

/// One call, in the pieces a host has it in: strings and the raw bytes of the arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// The user, or the service principal if there is no client.
    pub subject: String,
    /// The client.
    pub client: Option<String>,
    /// `server/name`.
    pub tool: String,
    /// The arguments as JSON, as they came over the wire.
    pub arguments: Vec<u8>,
    /// The labels of the session.
    pub labels: Vec<&'static str>,
    /// How many calls the session has made.
    pub calls: usize,
    /// The session, as the host keeps it.
    pub session: Session,
    /// The time of the call.
    pub now: Instant,
    /// Who calls, by number; none if nobody the company knows.
    pub who: Option<Who>,
    /// The tool, by number.
    pub tool_at: usize,
    /// The whole as one JSON document, for entries that take that.
    pub json: Vec<u8>,
}

/// When every session's user last authenticated.
pub const AUTHENTICATED: &str = "2026-11-20T09:00:00Z";

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Write,
    LargeWrite,
    Delete,
    Unheld,
    Secrets,
    SharedClient,
    UnknownUser,
    ClosedClient,
    WrongArgument,
    Approved,
    Robot,
}

/// Of 64 calls in a row, so many of each kind.
const MIX: [(usize, Kind); 12] = [
    (24, Kind::Read),
    (10, Kind::Write),
    (6, Kind::LargeWrite),
    (4, Kind::Delete),
    (9, Kind::Unheld),
    (2, Kind::Secrets),
    (2, Kind::SharedClient),
    (1, Kind::UnknownUser),
    (1, Kind::ClosedClient),
    (1, Kind::WrongArgument),
    (3, Kind::Approved),
    (1, Kind::Robot),
];

/// The first `count` calls. The first 64 are the first 64 of 65,536.
pub fn calls(world: &World, count: usize) -> Vec<Call> {
    let slots: Vec<Kind> = MIX.iter().flat_map(|(times, kind)| vec![*kind; *times]).collect();
    assert_eq!(slots.len(), 64);
    let mut rng = Rng::new(0xCA11);
    // 37 and 64 have no common factor, so each 64 calls in a row meet every slot once
    (0..count).map(|at| call(world, slots[at * 37 % 64], at, &mut rng)).collect()
}

fn call(world: &World, kind: Kind, at: usize, rng: &mut Rng) -> Call {
    let mut labels: Vec<&'static str> = match rng.below(10) {
        0..5 => Vec::new(),
        5..8 => vec![LABELS[0]],
        8 => vec![LABELS[1]],
        _ => vec![LABELS[0], LABELS[1]],
    };
    let person = |rng: &mut Rng| loop {
        let user = rng.below(world.users.len());
        if world.users[user].active {
            return user;
        }
    };
    let mut who = Who::Agent(person(rng), rng.below(18));
    let mut wanted = Operation::Read;
    match kind {
        Kind::Write | Kind::LargeWrite | Kind::SharedClient => wanted = Operation::Write,
        Kind::Delete => wanted = Operation::Delete,
        Kind::Robot => who = Who::ServicePrincipal(rng.below(world.service_principals.len())),
        _ => {}
    }
    if let (Kind::SharedClient | Kind::ClosedClient, Who::Agent(user, _)) = (kind, who) {
        let closed = world.clients.len() - 2;
        who = Who::Agent(user, if matches!(kind, Kind::ClosedClient) { closed } else { closed + 1 });
    }
    let mut tool = None;
    match kind {
        Kind::Unheld => tool = Some(rng.below(world.tools.len())),
        Kind::Secrets => {
            labels = vec![LABELS[3]];
            let sinks = (0..world.tools.len()).filter(|tool| world.tools[*tool].labels.contains(&"external-sink"));
            let sinks: Vec<usize> = sinks.collect();
            tool = (!sinks.is_empty()).then(|| *rng.pick(&sinks));
        }
        Kind::Approved if !world.approvals.is_empty() => {
            let approval = rng.pick(&world.approvals);
            (who, tool) = (Who::Agent(approval.user, approval.client), Some(approval.tool));
        }
        _ => {
            for _ in 0..20 {
                tool = world.tool_held(who, wanted, rng);
                match who {
                    _ if tool.is_some() => break,
                    Who::Agent(_, client) => who = Who::Agent(person(rng), client),
                    Who::ServicePrincipal(_) => {
                        who = Who::ServicePrincipal(rng.below(world.service_principals.len()));
                    }
                }
            }
        }
    }
    let tool_at = tool.unwrap_or_else(|| rng.below(world.tools.len()));
    let facts = &world.tools[tool_at];
    let mut arguments = facts.shape.arguments(rng, matches!(kind, Kind::LargeWrite));
    if matches!(kind, Kind::WrongArgument) {
        // what no schema declares is refused
        arguments.replace_range(..1, "{\"undeclared\":17,");
    }
    let (subject, client) = match who {
        Who::Agent(user, client) => {
            let unknown = matches!(kind, Kind::UnknownUser);
            let user = &world.users[user].id;
            let user = if unknown { user.replace("user-", "gone-") } else { user.clone() };
            (user, Some(world.clients[client].id.clone()))
        }
        Who::ServicePrincipal(at) => (world.service_principals[at].id.clone(), None),
    };
    let calls = rng.below(250);
    let mut json = String::new();
    match &client {
        Some(client) => write!(json, r#"{{"subject":{{"user":"{subject}","client":"{client}"}}"#).unwrap(),
        None => write!(json, r#"{{"subject":{{"service_principal":"{subject}"}}"#).unwrap(),
    }
    write!(
        json,
        r#","tool":"{}","arguments":{arguments},"session":{{"id":"s-{at}","calls":{calls},"labels":{labels:?},"authenticated_at":"{AUTHENTICATED}","acr":"pwd"}},"now":"{NOW}"}}"#,
        facts.id
    )
    .unwrap();
    let session = Session {
        id: Some(format!("s-{at}")),
        calls: Some(calls as u64),
        labels: Some(labels.iter().map(ToString::to_string).collect()),
        authenticated_at: Some(AUTHENTICATED.parse().unwrap()),
        acr: Some("pwd".into()),
        channel: None,
    };
    Call {
        session,
        now: NOW.parse().unwrap(),
        subject,
        client,
        tool: facts.id.clone(),
        arguments: arguments.into_bytes(),
        labels,
        calls,
        who: (!matches!(kind, Kind::UnknownUser)).then_some(who),
        tool_at,
        json: json.into_bytes(),
    }
}

/// How many policies have a call in their scope: what an index cannot skip.
pub fn in_scope(world: &World, call: &Call) -> usize {
    let Some(who) = call.who else { return 0 };
    let groups = world.groups_of(who);
    let entitlements = world.entitlements_of(who);
    let held = world.held(who);
    let tool = &world.tools[call.tool_at];
    let is_in = |policy: &&Policy| {
        (match &policy.principal {
            Principal::Any => true,
            Principal::Agent => matches!(who, Who::Agent(..)),
            Principal::ServicePrincipal => matches!(who, Who::ServicePrincipal(_)),
            Principal::Group(at) => groups.contains(at),
            Principal::Entitlement(at) => entitlements.contains(at),
            Principal::Profile(at) => held.contains(&crate::workload::What::Profile(*at)),
        }) && (match &policy.action {
            Action::Any => true,
            Action::Operations(of) => of.contains(&tool.operation),
            Action::Tools(of) => of.contains(&call.tool_at),
        }) && (match &policy.resource {
            Resource::Any => true,
            Resource::Server(at) => *at == tool.server,
            Resource::Tool(at) => *at == call.tool_at,
        })
    };
    world.policies.iter().filter(is_in).count()
}

/// The kinds of tools there are, for what needs to tell them apart.
pub fn shape(world: &World, call: &Call) -> Shape {
    world.tools[call.tool_at].shape
}
