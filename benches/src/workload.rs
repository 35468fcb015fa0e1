//! A company of any size: tools, people, grants, policies, and the calls of its agents. The same numbers make the
//! same company, byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write;

use toolgate::{Bundle, Limits, Source};

use crate::policy::{self, Names, Operation, Policy};
use crate::rng::Rng;
use crate::shape::Shape;

/// When every call is made.
pub const NOW: &str = "2026-11-20T10:00:00Z";
const SERVERS: [&str; 20] = [
    "crm",
    "billing",
    "mail",
    "codehost",
    "wiki",
    "siem",
    "analytics",
    "storage",
    "tickets",
    "calendar",
    "hr",
    "travel",
    "contracts",
    "ads",
    "chat",
    "cloud",
    "warehouse",
    "payroll",
    "design",
    "web",
];
/// The servers that nobody vouches for.
const UNTRUSTED: [usize; 2] = [18, 19];
/// The labels that tools carry and sessions gather.
pub const LABELS: [&str; 4] = ["private-data", "untrusted-content", "external-sink", "secrets"];
/// The group above all groups.
const STAFF: usize = 0;

/// How large a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Policies.
    pub policies: usize,
    /// Tools, on up to 20 servers.
    pub tools: usize,
    /// Grants; a fifth as many users, up to 200,000.
    pub grants: usize,
}

/// A tool.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Its id, `server/name`.
    pub id: String,
    /// Its name on its server.
    pub name: String,
    /// The number of its server.
    pub server: usize,
    /// What its arguments look like.
    pub shape: Shape,
    /// What it does.
    pub operation: Operation,
    /// The numbers of the entitlements that unlock it.
    pub entitlements: Vec<usize>,
    /// Its labels.
    pub labels: Vec<&'static str>,
    /// Whether it is sensitive.
    pub sensitive: bool,
}

/// What a grant gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// An entitlement.
    Entitlement(usize),
    /// A profile.
    Profile(usize),
}

/// When a grant is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Span {
    Always,
    Until,
    Over,
    Later,
}

/// A grant; whom it is to is where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// What it gives.
    pub what: What,
    /// Only through this client.
    pub client: Option<usize>,
    span: Span,
}

/// A person.
#[derive(Clone, Debug)]
pub struct User {
    /// The id.
    pub id: String,
    /// Whether they work here.
    pub active: bool,
    /// The groups they are directly in.
    pub groups: Vec<usize>,
    manager: usize,
    grants: Vec<Grant>,
}

/// An autonomous agent.
#[derive(Clone, Debug)]
pub struct ServicePrincipal {
    /// The id.
    pub id: String,
    /// The number of the user who answers for it.
    pub owner: usize,
    /// The groups it is directly in.
    pub groups: Vec<usize>,
    grants: Vec<Grant>,
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// The id.
    pub id: String,
    /// `personal`, `shared` …
    pub kind: &'static str,
    state: &'static str,
}

/// A user's yes to a tool.
#[derive(Clone, Copy, Debug)]
pub struct Approval {
    /// Who said yes.
    pub user: usize,
    /// For which client.
    pub client: usize,
    /// To which tool.
    pub tool: usize,
}

/// The company.
#[derive(Clone, Debug)]
pub struct World {
    /// How large it is.
    pub size: Size,
    /// The ids of its servers.
    pub servers: Vec<&'static str>,
    /// Its tools.
    pub tools: Vec<Tool>,
    /// The ids of its entitlements.
    pub entitlements: Vec<String>,
    /// Its profiles: id and entitlements.
    pub profiles: Vec<(String, Vec<usize>)>,
    /// Its groups: id and parent.
    pub groups: Vec<(String, Option<usize>)>,
    /// Its clients; the last two are closed and shared.
    pub clients: Vec<Client>,
    /// Its people.
    pub users: Vec<User>,
    /// Its autonomous agents.
    pub service_principals: Vec<ServicePrincipal>,
    /// What is granted to groups.
    pub group_grants: Vec<Vec<Grant>>,
    /// The approvals in force.
    pub approvals: Vec<Approval>,
    /// Its policies.
    pub policies: Vec<Policy>,
    /// The numbers of the tools that each entitlement unlocks.
    pub unlocks: Vec<Vec<usize>>,
}

impl Names for World {
    fn tool(&self, tool: usize) -> &str {
        &self.tools[tool].id
    }
    fn server(&self, server: usize) -> &str {
        self.servers[server]
    }
    fn group(&self, group: usize) -> &str {
        &self.groups[group].0
    }
    fn entitlement(&self, entitlement: usize) -> &str {
        &self.entitlements[entitlement]
    }
    fn profile(&self, profile: usize) -> &str {
        &self.profiles[profile].0
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// A user through a client.
    Agent(usize, usize),
    /// A service principal.
    ServicePrincipal(usize),
}

impl World {
    /// Makes a company.
    pub fn new(size: Size) -> Self {
        // policies have a seed of their own, so that 100 are the first 100 of 10,000 and the people stay the same
        let mut rng = Rng::new(0x5EED);
        let servers: Vec<&'static str> = SERVERS[..size.tools.clamp(1, 20)].to_vec();
        let verbs = ["read", "write", "export", "admin"];
        let entitlements: Vec<String> = (0..2_000)
            .map(|at| {
                format!("{}:{}-{:03}", servers[at % servers.len()], verbs[at / servers.len() % 4], at / servers.len())
            })
            .collect();
        let tools: Vec<Tool> = (0..size.tools).map(|at| tool(at, &servers, &mut rng)).collect();
        let mut unlocks = vec![Vec::new(); entitlements.len()];
        for (at, tool) in tools.iter().enumerate() {
            tool.entitlements.iter().for_each(|entitlement| unlocks[*entitlement].push(at));
        }
        let used: Vec<usize> = (0..entitlements.len()).filter(|at| !unlocks[*at].is_empty()).collect();
        let what = |rng: &mut Rng| match rng.below(100) {
            0..12 => What::Profile(rng.below(200)),
            12..24 => What::Entitlement(rng.below(2_000)),
            _ => What::Entitlement(*rng.pick(&used)),
        };
        let profiles = (0..200)
            .map(|at| {
                let bundled = rng.between(4, 9);
                (format!("profile-{at:03}"), (0..bundled).map(|_| *rng.pick(&used)).collect())
            })
            .collect();
        let groups = (0..500).map(|at| (group(at), (at > 0).then(|| (at - 1) / 4))).collect();
        let mut clients: Vec<Client> = ["claude-code", "cursor", "windsurf", "zed", "desktop", "browser"]
            .into_iter()
            .map(String::from)
            .chain((6..18).map(|at| format!("client-{at:02}")))
            .map(|id| Client { id, kind: "personal", state: "active" })
            .collect();
        clients.push(Client { id: "retired-client".into(), kind: "personal", state: "closed" });
        clients.push(Client { id: "team-assistant".into(), kind: "shared", state: "active" });

        let people = (size.grants / 5).clamp(20, 200_000);
        let mut users: Vec<User> = (0..people)
            .map(|at| User {
                id: format!("user-{at:06}@example.com"),
                active: at < 10 || !rng.percent(2),
                groups: (0..rng.between(1, 4)).map(|_| rng.between(1, 500)).collect(),
                // whoever has no manager is asked for in vain: a ticket
                manager: if rng.percent(95) { rng.below(people) } else { usize::MAX },
                grants: Vec::new(),
            })
            .collect();
        let mut service_principals: Vec<ServicePrincipal> = (0..(people / 200).clamp(5, 1_000))
            .map(|at| ServicePrincipal {
                id: format!("robot-{at:04}"),
                owner: rng.below(people.min(10)),
                groups: vec![rng.between(1, 500)],
                grants: Vec::new(),
            })
            .collect();
        let grant = |rng: &mut Rng, what: What, one_client: usize| Grant {
            what,
            client: rng.percent(one_client).then(|| rng.below(6)),
            span: match rng.below(100) {
                0..20 => Span::Until,
                20..22 => Span::Over,
                22..23 => Span::Later,
                _ => Span::Always,
            },
        };
        let to_groups = (size.grants / 100).min(1_000);
        let to_robots = (service_principals.len() * 5).min(size.grants / 10);
        let mut group_grants = vec![Vec::new(); 500];
        for at in 0..size.grants {
            let what = what(&mut rng);
            if at < to_groups {
                group_grants[rng.between(1, 500)].push(grant(&mut rng, what, 0));
            } else if at < to_groups + to_robots {
                let robots = service_principals.len();
                service_principals[at % robots].grants.push(grant(&mut rng, what, 0));
            } else {
                users[at % people].grants.push(grant(&mut rng, what, 10));
            }
        }
        let mut world = Self {
            size,
            servers,
            tools,
            entitlements,
            profiles,
            groups,
            clients,
            users,
            service_principals,
            group_grants,
            approvals: Vec::new(),
            policies: Vec::new(),
            unlocks,
        };
        for at in 0..(people / 20).clamp(8, 5_000) {
            let user = at * 7919 % people;
            let client = rng.below(6);
            if let Some(tool) = world.tool_held(Who::Agent(user, client), Operation::Write, &mut rng) {
                world.approvals.push(Approval { user, client, tool });
            }
        }
        world.policies = crate::rules::policies(&world, size.policies);
        world
    }

    /// The groups a subject is in and all above them.
    pub fn groups_of(&self, who: Who) -> Vec<usize> {
        let mut all = Vec::new();
        let direct = match who {
            Who::Agent(user, _) => &self.users[user].groups,
            Who::ServicePrincipal(at) => &self.service_principals[at].groups,
        };
        for group in direct {
            let mut at = Some(*group);
            while let Some(group) = at.filter(|group| !all.contains(group)) {
                all.push(group);
                at = self.groups[group].1;
            }
        }
        all
    }

    /// What a subject's agent holds now; of profiles not what they bundle.
    pub fn held(&self, who: Who) -> Vec<What> {
        let mut grants: Vec<&Grant> = Vec::new();
        match who {
            Who::Agent(user, client) => {
                let own = self.users[user].grants.iter();
                grants.extend(own.filter(|grant| grant.client.is_none_or(|only| only == client)));
                self.groups_of(who).iter().for_each(|group| grants.extend(&self.group_grants[*group]));
            }
            Who::ServicePrincipal(at) => grants.extend(&self.service_principals[at].grants),
        }
        let in_force = grants.iter().filter(|grant| matches!(grant.span, Span::Always | Span::Until));
        in_force.map(|grant| grant.what).collect()
    }

    /// The entitlements a subject's agent holds now, those in profiles included.
    pub fn entitlements_of(&self, who: Who) -> Vec<usize> {
        let mut all = Vec::new();
        for what in self.held(who) {
            match what {
                What::Entitlement(at) => all.push(at),
                What::Profile(at) => all.extend(&self.profiles[at].1),
            }
        }
        all
    }

    /// Some tool of an operation that a subject holds an entitlement of.
    pub fn tool_held(&self, who: Who, operation: Operation, rng: &mut Rng) -> Option<usize> {
        let held = self.entitlements_of(who).into_iter().flat_map(|at| &self.unlocks[at]);
        let tools: Vec<usize> = held.copied().filter(|tool| self.tools[*tool].operation == operation).collect();
        (!tools.is_empty()).then(|| *rng.pick(&tools))
    }

    /// Whether a server's own word is believed.
    pub fn trusted(&self, server: usize) -> bool {
        !UNTRUSTED.contains(&server)
    }

    /// The policies in Cedar.
    pub fn cedar(&self) -> String {
        self.policies.iter().map(|policy| policy::cedar(policy, self)).collect()
    }

    /// Limits that let this much in.
    pub fn limits(&self) -> Limits {
        Limits {
            snapshot_bytes: 1 << 30,
            snapshot_nodes: 200_000_000,
            catalog_bytes: 64 << 20,
            catalog_nodes: 5_000_000,
            policy_file_bytes: 256 << 20,
            ..Limits::default()
        }
    }

    /// The sources of an engine.
    pub fn bundle(&self) -> Bundle {
        Bundle {
            policies: vec![Source::new("policies/all.cedar", self.cedar())],
            tools: self.tools_lists(),
            overlay: Some(Source::new("catalog.toml", self.overlay())),
            snapshot: Source::new("snapshot.jsonl", self.snapshot()),
        }
    }

    /// The same without people.
    pub fn bundle_without_people(&self) -> Bundle {
        Bundle { snapshot: Source::new("snapshot.jsonl", HEAD), ..self.bundle() }
    }

    /// The people alone.
    pub fn bundle_of_people(&self) -> Bundle {
        Bundle {
            policies: Vec::new(),
            tools: BTreeMap::new(),
            overlay: None,
            snapshot: Source::new("snapshot.jsonl", self.snapshot()),
        }
    }

    fn tools_lists(&self) -> BTreeMap<String, Source> {
        let mut lists: BTreeMap<String, String> = BTreeMap::new();
        for tool in &self.tools {
            let list = lists.entry(self.servers[tool.server].into()).or_default();
            let separator = if list.is_empty() { "" } else { ",\n" };
            let hints = match tool.operation {
                Operation::Read => r#"{"readOnlyHint":true}"#,
                Operation::Write => r#"{"readOnlyHint":false,"destructiveHint":false}"#,
                Operation::Delete => r#"{"readOnlyHint":false,"destructiveHint":true}"#,
            };
            write!(
                list,
                r#"{separator}{{"name":"{}","description":"{}","inputSchema":{},"annotations":{hints}}}"#,
                tool.name,
                tool.shape.description(),
                tool.shape.schema()
            )
            .unwrap();
        }
        let source = |(server, list): (String, String)| {
            (server.clone(), Source::new(format!("catalog/{server}.json"), format!("{{\"tools\":[{list}]}}")))
        };
        lists.into_iter().map(source).collect()
    }

    fn overlay(&self) -> String {
        let mut out = String::from(
            "[tenant]\nguidance = { message = \"Ask the IT desk\", url = \"https://help.example.com/new\" }\n",
        );
        for (at, server) in self.servers.iter().enumerate() {
            write!(
                out,
                "\n[servers.{server}]\ntrusted = {}\nowner = \"{}\"\ndefault_state = \"approved\"\n\
                 credential = {{ mode = \"shared\", ref = \"vault:{server}-agents\" }}\n",
                self.trusted(at),
                self.users[at % 10].id
            )
            .unwrap();
            for tool in self.tools.iter().filter(|tool| tool.server == at) {
                let entitlements: Vec<&str> = tool.entitlements.iter().map(|at| self.entitlement(*at)).collect();
                write!(
                    out,
                    "\n[[servers.{server}.rules]]\ntools = [\"{}\"]\noperation = \"{}\"\nentitlements = {:?}\n\
                     labels = {:?}\nsensitive = {}\n",
                    tool.name,
                    tool.operation.as_str(),
                    entitlements,
                    tool.labels,
                    tool.sensitive
                )
                .unwrap();
            }
        }
        out
    }

    fn snapshot(&self) -> String {
        let mut out = String::with_capacity(self.size.grants * 100 + self.users.len() * 150);
        out.push_str(HEAD);
        for (at, (id, parent)) in self.groups.iter().enumerate() {
            let parent = parent.map(|parent| format!("\"{}\"", self.group(parent))).unwrap_or_default();
            assert!(at != STAFF || parent.is_empty());
            writeln!(out, r#"{{"kind":"group","id":"{id}","parents":[{parent}]}}"#).unwrap();
        }
        for client in &self.clients {
            writeln!(
                out,
                r#"{{"kind":"client","id":"{}","client_kind":"{}","state":"{}"}}"#,
                client.id, client.kind, client.state
            )
            .unwrap();
        }
        let mut rng = Rng::new(0xA5C);
        let mut asking = |out: &mut String| match rng.below(10) {
            0..4 => {}
            draw => {
                let by = if draw < 7 { "*".to_string() } else { group(rng.between(0, 5)) };
                let approval = ["auto", "self", "manager"][rng.below(3)];
                write!(out, r#","requestable_by":["{by}"],"request_approval":"{approval}","max_duration":"P7D""#)
                    .unwrap();
            }
        };
        for (at, id) in self.entitlements.iter().enumerate() {
            write!(out, r#"{{"kind":"entitlement","id":"{id}","owners":["{}"]"#, self.users[at % 10].id).unwrap();
            asking(&mut out);
            out.push_str("}\n");
        }
        for (at, (id, bundled)) in self.profiles.iter().enumerate() {
            let mut ids: Vec<&str> = bundled.iter().map(|at| self.entitlement(*at)).collect();
            ids.dedup();
            write!(out, r#"{{"kind":"profile","id":"{id}","entitlements":{ids:?}"#).unwrap();
            if at % 4 == 0 {
                asking(&mut out);
            }
            out.push_str("}\n");
        }
        for user in &self.users {
            let groups: Vec<&str> = user.groups.iter().map(|at| self.group(*at)).collect();
            write!(out, r#"{{"kind":"user","id":"{}","active":{},"groups":{groups:?}"#, user.id, user.active).unwrap();
            if let Some(manager) = self.users.get(user.manager) {
                write!(out, r#","manager":"{}""#, manager.id).unwrap();
            }
            out.push_str("}\n");
        }
        for robot in &self.service_principals {
            let groups: Vec<&str> = robot.groups.iter().map(|at| self.group(*at)).collect();
            let owner = &self.users[robot.owner];
            writeln!(
                out,
                r#"{{"kind":"service_principal","id":"{}","active":true,"owner":"{}","groups":{groups:?}}}"#,
                robot.id, owner.id
            )
            .unwrap();
        }
        let mut number = 0;
        let mut grant = |out: &mut String, to: &str, id: &str, grant: &Grant| {
            write!(out, r#"{{"kind":"grant","id":"g{number:07}","to":{{"{to}":"{id}""#).unwrap();
            number += 1;
            if let Some(client) = grant.client {
                write!(out, r#","client":"{}""#, self.clients[client].id).unwrap();
            }
            match grant.what {
                What::Entitlement(at) => write!(out, r#"}},"entitlement":"{}""#, self.entitlement(at)).unwrap(),
                What::Profile(at) => write!(out, r#"}},"profile":"{}""#, self.profile(at)).unwrap(),
            }
            match grant.span {
                Span::Always => {}
                Span::Until => write!(out, r#","until":"2026-12-{:02}T00:00:00Z""#, number % 28 + 1).unwrap(),
                Span::Over => out.push_str(r#","from":"2026-10-01T00:00:00Z","until":"2026-11-01T00:00:00Z""#),
                Span::Later => out.push_str(r#","from":"2026-12-01T00:00:00Z""#),
            }
            out.push_str("}\n");
        };
        for (group, grants) in self.group_grants.iter().enumerate() {
            grants.iter().for_each(|given| grant(&mut out, "group", self.group(group), given));
        }
        for robot in &self.service_principals {
            robot.grants.iter().for_each(|given| grant(&mut out, "service_principal", &robot.id, given));
        }
        for user in &self.users {
            user.grants.iter().for_each(|given| grant(&mut out, "user", &user.id, given));
        }
        for (at, approval) in self.approvals.iter().enumerate() {
            let (user, client) = (&self.users[approval.user].id, &self.clients[approval.client].id);
            writeln!(
                out,
                r#"{{"kind":"approval","id":"a{at:05}","approval_kind":"self","by":"{user}","subject":{{"user":"{user}","client":"{client}"}},"scope":{{"tool":"{}"}},"from":"2026-11-20T09:30:00Z","until":"2026-11-20T10:30:00Z"}}"#,
                self.tool(approval.tool)
            )
            .unwrap();
        }
        out
    }
}

const HEAD: &str =
    "{\"kind\":\"snapshot\",\"version\":42,\"issued_at\":\"2026-11-20T09:00:00Z\",\"max_age\":\"PT24H\"}\n";

fn group(at: usize) -> String {
    if at == STAFF { "staff".into() } else { format!("group-{at:03}") }
}

fn tool(at: usize, servers: &[&'static str], rng: &mut Rng) -> Tool {
    let shape = Shape::ALL[match rng.below(100) {
        0..28 => 0,
        28..52 => 1,
        52..66 => 2,
        66..78 => 3,
        78..90 => 4,
        _ => 5,
    }];
    let server = at % servers.len();
    let name = format!("{}_{:03}", shape.verb(), at / servers.len());
    let per_server = 2_000 / servers.len();
    let entitlements =
        (0..rng.between(1, 3)).map(|_| server + servers.len() * rng.below(per_server.min(60))).collect::<Vec<_>>();
    let mut entitlements = entitlements;
    entitlements.sort_unstable();
    entitlements.dedup();
    let labels: Vec<&'static str> = match (shape, rng.below(10)) {
        (Shape::Message, _) => vec![LABELS[2]],
        (_, 0..3) => vec![LABELS[0]],
        (Shape::Search, 3) => vec![LABELS[1]],
        (Shape::Get, 3) => vec![LABELS[3]],
        (Shape::Change, 3) => vec![LABELS[2]],
        _ => Vec::new(),
    };
    let operation = shape.operation();
    let sensitive = operation == Operation::Read && rng.percent(10);
    Tool { id: format!("{}/{name}", servers[server]), name, server, shape, operation, entitlements, labels, sensitive }
}
