//! Random companies, policies and calls: what must hold for every one of them. `TOOLGATE_CASES` sets how many.
//!
//! Everything is drawn from a string of bytes, so that proptest shrinks it. The worlds are kept as plain numbers; the
//! naive model below decides from those and from `design.md` alone, and never asks toolgate.

#![expect(clippy::unwrap_used, reason = "a test's own fixtures either load or the test is wrong")]
#![allow(
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::as_conversions,
    reason = "a test's own arithmetic is over small numbers"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, OnceLock};

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;
use serde_json::{Value, json};
use toolgate::{Bundle, Call, Decision, Engine, Instant, Outcome, Reason, Source, TokenRequest, Visibility};

/// 2026-11-20T10:00:00Z. All instants of a world are milliseconds from here.
const NOW: i64 = 1_795_168_800_000;
const MINUTE: i64 = 60_000;
const USERS: usize = 5;
const GROUPS: usize = 4;
const ENTS: usize = 3;
const STAR: usize = 99;
/// (server, tool)
const TOOLS: [usize; 4] = [0, 0, 0, 1];
const OPS: [&str; 3] = ["read", "write", "delete"];
const REUSE: [&str; 4] = ["call", "tool", "operation", "server"];
const VALID: [Option<(&str, i64)>; 4] = [None, Some(("10m", 10)), Some(("1h", 60)), Some(("2h", 120))];

// ------------------------------------------------------------------------------------------------ worlds

/// Bytes to draw from; when they run out, everything is the first choice.
struct Src<'a>(std::slice::Iter<'a, u8>);

impl Src<'_> {
    fn n(&mut self, below: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte)) % below
    }
    fn one_in(&mut self, times: usize) -> bool {
        self.n(times) == times - 1
    }
    fn some(&mut self, below: usize) -> Vec<usize> {
        let bits = self.n(1 << below);
        (0..below).filter(|bit| bits & (1 << bit) != 0).collect()
    }
    fn minutes(&mut self) -> i64 {
        [-180, -120, -90, -60, -30, -10, -5, 0, 5, 30, 60, 120][self.n(12)] * MINUTE
    }
}

#[derive(Clone, Debug)]
enum C {
    SelfYes,
    ManagerYes,
    Held,
    Group(usize),
    Ent(usize),
    Label(usize),
    Sensitive,
    Production,
    SessionLabel(usize),
    Calls(i64),
    Before(i64),
    SignedInLongAgo,
    Amount(i64),
    /// Errs where the amount is huge.
    AmountTimes,
    /// Errs where the number of calls is not known.
    CallsPlus,
    Web,
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

#[derive(Clone, Debug)]
enum Who {
    Any,
    Agent,
    ServicePrincipal,
    Group(usize),
    Ent(usize),
}

#[derive(Clone, Debug)]
enum What {
    Any,
    Operation(usize),
    Tool(usize),
    Tools(Vec<usize>),
    Request,
    IssueToken,
}

#[derive(Clone, Copy, Debug)]
enum Approver {
    ServerOwner,
    EntitlementOwner,
    Group(usize),
    User(usize),
}

#[derive(Clone, Debug)]
struct P {
    forbid: bool,
    who: Who,
    what: What,
    server: Option<usize>,
    when: Option<C>,
    unless: Option<C>,
    valid_for: usize,
    reuse: usize,
    approvers: Vec<Approver>,
    remedy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum S {
    Agent(usize, usize),
    ServicePrincipal(usize),
}

#[derive(Clone, Debug, PartialEq)]
struct K {
    subject: S,
    tool: usize,
    amount: Option<i64>,
    /// Arguments of another type than declared.
    wrong: bool,
    calls: Option<i64>,
    labels: Option<Vec<usize>>,
    signed_in: Option<i64>,
    web: bool,
    now: i64,
}

#[derive(Clone, Debug)]
enum Holder {
    User(usize),
    Via(usize, usize),
    Group(usize),
    ServicePrincipal(usize),
}

#[derive(Clone, Debug)]
enum Scope {
    Call(usize),
    Tool(usize),
    Operation(usize, usize),
    Server(usize),
}

#[derive(Clone, Debug)]
struct Tool {
    operation: usize,
    ents: Vec<usize>,
    labels: Vec<usize>,
    sensitive: bool,
    state: usize,
}

#[derive(Clone, Debug)]
struct User {
    active: bool,
    manager: Option<usize>,
    groups: Vec<usize>,
    own: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Asked {
    owners: Vec<usize>,
    by: Vec<usize>,
    approval: usize,
    ents: Vec<usize>,
}

#[derive(Clone, Debug)]
struct Grant {
    to: Holder,
    profile: bool,
    what: usize,
    from: Option<i64>,
    until: Option<i64>,
}

#[derive(Clone, Debug)]
struct Approval {
    manager: bool,
    by: usize,
    subject: S,
    scope: Scope,
    from: i64,
    until: i64,
}

#[derive(Clone, Debug)]
struct World {
    policies: Vec<P>,
    tools: Vec<Tool>,
    /// Paused, production, owner.
    servers: Vec<(bool, bool, usize)>,
    users: Vec<User>,
    /// A group's parents come after it.
    groups: Vec<Vec<usize>>,
    /// Active, owner, manager, groups.
    principals: Vec<(bool, usize, Option<usize>, Vec<usize>)>,
    ents: Vec<Option<Asked>>,
    profiles: Vec<Asked>,
    grants: Vec<Grant>,
    approvals: Vec<Approval>,
    killed: (bool, Option<usize>, Option<usize>, Option<usize>),
    max_age: i64,
    /// Enabled, entitlements, sensitive.
    scopes: Vec<(bool, Vec<usize>, bool)>,
    calls: Vec<K>,
    /// Ids in the opposite order.
    renamed: bool,
}

/// What a condition may be made of.
#[derive(Clone, Copy)]
struct Taste {
    input: bool,
    consent: bool,
    facts: bool,
    not: bool,
    errors: bool,
}

const ANYTHING: Taste = Taste { input: true, consent: true, facts: true, not: true, errors: true };
/// More consent and more grants never make it false.
const RISING: Taste = Taste { input: true, consent: true, facts: true, not: false, errors: false };
/// Consent and grants do not matter.
const FIXED: Taste = Taste { input: true, consent: false, facts: false, not: true, errors: false };

fn condition(src: &mut Src<'_>, taste: Taste, depth: usize) -> C {
    if depth > 0 {
        let inner = |src: &mut Src<'_>| Box::new(condition(src, taste, depth - 1));
        match src.n(6) {
            0 | 1 => return C::And(inner(src), inner(src)),
            2 => return C::Or(inner(src), inner(src)),
            3 if taste.not => return C::Not(inner(src)),
            _ => {}
        }
    }
    match src.n(18) {
        0..=2 if taste.consent => C::SelfYes,
        3 | 4 if taste.consent => C::ManagerYes,
        5 | 6 if taste.facts => C::Held,
        7 if taste.facts => C::Group(src.n(GROUPS)),
        8 if taste.facts => C::Ent(src.n(ENTS)),
        9 if taste.errors => C::CallsPlus,
        10 if taste.errors && taste.input => C::AmountTimes,
        11 if taste.input => C::Amount([5, 500][src.n(2)]),
        12 => C::Calls([-1, 3, 100][src.n(3)]),
        13 => C::SessionLabel(src.n(2)),
        14 => C::Label(src.n(2)),
        15 => C::Before([-5 * MINUTE, 0, 30 * MINUTE][src.n(3)]),
        16 => [C::SignedInLongAgo, C::Web][src.n(2)].clone(),
        17 => C::Production,
        _ => C::Sensitive,
    }
}

/// A policy; `rising`: more consent and more grants never take a permission away.
fn policy(src: &mut Src<'_>, rising: bool) -> P {
    let forbid = src.n(3) == 2;
    let who = match src.n(8) {
        0 => Who::Agent,
        1 => Who::ServicePrincipal,
        2 => Who::Group(src.n(GROUPS)),
        3 if !(rising && forbid) => Who::Ent(src.n(ENTS)),
        _ => Who::Any,
    };
    let what = match src.n(12) {
        0..=3 => What::Any,
        4..=7 => What::Operation(src.n(3)),
        8 => What::Tool(src.n(TOOLS.len())),
        9 => What::Tools(src.some(TOOLS.len())),
        10 => What::Request,
        _ => What::IssueToken,
    };
    let input = matches!(what, What::Operation(_) | What::Tool(_) | What::Tools(_));
    let server = if input || matches!(what, What::Any) { src.one_in(8).then(|| src.n(2)) } else { None };
    let (for_when, for_unless) = match (rising, forbid) {
        (false, _) => (ANYTHING, ANYTHING),
        (true, false) => (RISING, FIXED),
        (true, true) => (FIXED, RISING),
    };
    let with = |taste: Taste| Taste { input: taste.input && input, ..taste };
    P {
        forbid,
        who,
        what,
        server,
        when: (!src.one_in(6)).then(|| condition(src, with(for_when), 2)),
        unless: (src.n(if forbid { 2 } else { 6 }) == 1).then(|| condition(src, with(for_unless), 1)),
        valid_for: src.n(VALID.len()),
        reuse: [0, 1, 2, 3, 3, 2][src.n(6)],
        approvers: approvers(src),
        remedy: forbid && src.one_in(6),
    }
}

fn approvers(src: &mut Src<'_>) -> Vec<Approver> {
    (0..[0, 0, 1, 2][src.n(4)])
        .map(|_| match src.n(4) {
            0 => Approver::ServerOwner,
            1 => Approver::EntitlementOwner,
            2 => Approver::Group(src.n(GROUPS)),
            _ => Approver::User(src.n(USERS)),
        })
        .collect()
}

fn subject(src: &mut Src<'_>) -> S {
    match src.n(8) {
        0 => S::ServicePrincipal(src.n(2)),
        1 => {
            if src.n(4) == 3 {
                S::Agent(src.n(USERS + 1), src.n(4))
            } else {
                S::Agent(0, 1)
            }
        }
        2 => S::Agent(1, 0),
        _ => S::Agent(0, 0),
    }
}

fn asked(src: &mut Src<'_>) -> Asked {
    Asked {
        owners: src.some(USERS),
        by: match src.n(4) {
            0 => vec![],
            1 => vec![STAR],
            _ => src.some(GROUPS),
        },
        approval: src.n(3),
        ents: src.some(ENTS),
    }
}

fn call(src: &mut Src<'_>) -> K {
    K {
        subject: subject(src),
        tool: if src.one_in(16) { TOOLS.len() } else { src.n(TOOLS.len()) },
        amount: [None, Some(1), Some(10), Some(1000), Some(i64::MAX)][src.n(5)],
        wrong: src.one_in(20),
        calls: [Some(0), Some(5), Some(500), None][src.n(4)],
        labels: (!src.one_in(4)).then(|| src.some(2)),
        signed_in: [Some(-MINUTE), Some(-90 * MINUTE), Some(20 * MINUTE), None][src.n(4)],
        web: src.n(2) == 1,
        now: 0,
    }
}

fn approval(src: &mut Src<'_>, calls: usize) -> Approval {
    let from = [-180, -60, -50, -30, -10, -5, 0, 5][src.n(8)] * MINUTE;
    Approval {
        manager: src.n(2) == 1,
        by: [0, 0, 1, 2, 3, 4][src.n(6)],
        subject: subject(src),
        scope: match src.n(4) {
            0 => Scope::Call(src.n(calls)),
            1 => Scope::Tool(src.n(TOOLS.len())),
            2 => Scope::Operation(src.n(3), src.n(2)),
            _ => Scope::Server(src.n(2)),
        },
        from,
        until: from + [5, 60, 240][src.n(3)] * MINUTE,
    }
}

fn world(bytes: &[u8], rising: bool) -> World {
    let src = &mut Src(bytes.iter());
    let calls: Vec<K> = (0..6).map(|_| call(src)).collect();
    World {
        policies: (0..2 + src.n(7)).map(|_| policy(src, rising)).collect(),
        tools: (0..TOOLS.len())
            .map(|_| Tool {
                operation: src.n(3),
                ents: src.some(ENTS),
                labels: src.some(2),
                sensitive: src.n(3) == 2,
                state: [0, 1, 2][src.n(48).saturating_sub(45)],
            })
            .collect(),
        servers: (0..2).map(|_| (src.one_in(16), src.n(2) == 0, src.n(USERS))).collect(),
        users: (0..USERS)
            .map(|at| User {
                active: !src.one_in(if at == 0 { 16 } else { 5 }),
                manager: (!src.one_in(4)).then(|| src.n(USERS)),
                groups: src.some(GROUPS),
                own: src.some(ENTS),
            })
            .collect(),
        groups: (0..GROUPS).map(|at| src.some(GROUPS).into_iter().filter(|parent| *parent > at).collect()).collect(),
        principals: (0..2)
            .map(|_| (!src.one_in(8), src.n(USERS), (src.n(2) == 1).then(|| src.n(USERS)), src.some(GROUPS)))
            .collect(),
        ents: (0..ENTS).map(|_| (!src.one_in(4)).then(|| asked(src))).collect(),
        profiles: (0..2).map(|_| asked(src)).collect(),
        grants: (0..src.n(5))
            .map(|_| {
                let from = (src.n(3) == 2).then(|| src.minutes());
                let profile = src.n(3) == 2;
                Grant {
                    to: match src.n(6) {
                        0..=2 => Holder::User(src.n(2)),
                        3 => Holder::Via(src.n(2), src.n(3)),
                        4 => Holder::Group(src.n(GROUPS)),
                        _ => Holder::ServicePrincipal(src.n(2)),
                    },
                    profile,
                    what: src.n(if profile { 2 } else { ENTS }),
                    from,
                    until: (src.n(3) == 2).then(|| from.unwrap_or(-200 * MINUTE) + [20, 200, 400][src.n(3)] * MINUTE),
                }
            })
            .collect(),
        approvals: (0..src.n(8)).map(|_| approval(src, calls.len())).collect(),
        killed: match src.n(40) {
            0 => (true, None, None, None),
            1 => (false, Some(src.n(2)), None, None),
            2 => (false, None, Some(src.n(4)), None),
            3 => (false, None, None, Some(src.n(3))),
            _ => (false, None, None, None),
        },
        max_age: if src.one_in(24) { 30 * MINUTE } else { 24 * 60 * MINUTE },
        scopes: (0..3).map(|_| (!src.one_in(4), src.some(ENTS), src.n(3) == 2)).collect(),
        calls,
        renamed: false,
    }
}

// ------------------------------------------------------------------------------------------------ as files

fn at(millis: i64) -> String {
    Instant::from_unix_millis(NOW + millis).unwrap().to_string()
}

impl World {
    fn id(&self, kind: &str, at: usize) -> String {
        if self.renamed { format!("z{kind}-{}", 90 - at) } else { format!("{kind}{at}") }
    }
    fn all(&self, kind: &str, at: &[usize]) -> Vec<String> {
        at.iter().map(|&at| if at == STAR { "*".into() } else { self.id(kind, at) }).collect()
    }
    fn tool_id(&self, tool: usize) -> String {
        format!("{}/{}", self.id("s", TOOLS.get(tool).copied().unwrap_or(0)), self.id("t", tool))
    }

    fn cedar_condition(&self, c: &C) -> String {
        let both = |a: &C, op: &str, b: &C| format!("({} {op} {})", self.cedar_condition(a), self.cedar_condition(b));
        match c {
            C::SelfYes => "context.approval.self".into(),
            C::ManagerYes => "context.approval.manager".into(),
            C::Held => "principal in resource.entitlements".into(),
            C::Group(g) => format!("principal in Toolgate::Group::\"{}\"", self.id("g", *g)),
            C::Ent(e) => format!("principal in Toolgate::Entitlement::\"{}\"", self.id("e", *e)),
            C::Label(l) => format!("resource.labels.contains(\"l{l}\")"),
            C::Sensitive => "resource.sensitive".into(),
            C::Production => "resource.environment == \"production\"".into(),
            C::SessionLabel(l) => format!("context.session.labels.contains(\"l{l}\")"),
            C::Calls(n) => format!("context.session.calls > {n}"),
            C::Before(t) => format!("context.now < datetime(\"{}\")", at(*t)),
            C::SignedInLongAgo => {
                "context.now.durationSince(context.session.authenticated_at) > duration(\"1h\")".into()
            }
            C::Amount(n) => format!("(context.input has amount && context.input.amount > {n})"),
            C::AmountTimes => "(context.input has amount && context.input.amount * 1000 > 50)".into(),
            C::CallsPlus => "context.session.calls + 1 > 5".into(),
            C::Web => "context.channel == \"web\"".into(),
            C::Not(c) => format!("!({})", self.cedar_condition(c)),
            C::And(a, b) => both(a, "&&", b),
            C::Or(a, b) => both(a, "||", b),
        }
    }

    fn cedar(&self, at: usize, p: &P) -> String {
        let mut text = format!("@id(\"{}\") @reuse(\"{}\")", self.id("p", at), REUSE[p.reuse]);
        if let Some((valid_for, _)) = VALID[p.valid_for] {
            text.push_str(&format!(" @valid_for(\"{valid_for}\")"));
        }
        let approvers: Vec<String> = p
            .approvers
            .iter()
            .map(|approver| match approver {
                Approver::ServerOwner => "server-owner".into(),
                Approver::EntitlementOwner => "entitlement-owner".into(),
                Approver::Group(g) => format!("group:{}", self.id("g", *g)),
                Approver::User(u) => format!("user:{}", self.id("u", *u)),
            })
            .collect();
        if !approvers.is_empty() {
            text.push_str(&format!(" @approvers(\"{}\")", approvers.join(", ")));
        }
        if p.remedy {
            text.push_str(" @remedy(\"reauthenticate\")");
        }
        let who = match &p.who {
            Who::Any => String::new(),
            Who::Agent => " is Toolgate::Agent".into(),
            Who::ServicePrincipal => " is Toolgate::ServicePrincipal".into(),
            Who::Group(g) => format!(" in Toolgate::Group::\"{}\"", self.id("g", *g)),
            Who::Ent(e) => format!(" in Toolgate::Entitlement::\"{}\"", self.id("e", *e)),
        };
        let action = |name: &str| format!("Toolgate::Action::\"{name}\"");
        let what = match &p.what {
            What::Any => String::new(),
            What::Operation(op) => format!(" in {}", action(OPS[*op])),
            What::Tool(tool) => format!(" == {}", action(&self.tool_id(*tool))),
            What::Tools(tools) => {
                let tools = tools.iter().map(|tool| action(&self.tool_id(*tool)));
                format!(" in [{}]", tools.chain([action("s0/absent")]).collect::<Vec<_>>().join(", "))
            }
            What::Request => format!(" == {}", action("request")),
            What::IssueToken => format!(" == {}", action("issue_token")),
        };
        let server = p.server.map_or(String::new(), |s| format!(" in Toolgate::Server::\"{}\"", self.id("s", s)));
        let effect = if p.forbid { "forbid" } else { "permit" };
        text.push_str(&format!("\n{effect} (principal{who}, action{what}, resource{server})"));
        for (word, clause) in [("when", &p.when), ("unless", &p.unless)] {
            if let Some(c) = clause {
                text.push_str(&format!(" {word} {{ {} }}", self.cedar_condition(c)));
            }
        }
        text + ";\n"
    }

    fn overlay(&self) -> String {
        let mut toml = String::new();
        for (s, (paused, production, owner)) in self.servers.iter().enumerate() {
            let id = self.id("s", s);
            let environment = if *production { "production" } else { "test" };
            toml.push_str(&format!(
                "[servers.{id}]\npaused = {paused}\nenvironment = \"{environment}\"\nowner = \"{}\"\n",
                self.id("u", *owner)
            ));
            for (t, tool) in self.tools.iter().enumerate().filter(|(t, _)| TOOLS[*t] == s) {
                let labels: Vec<String> = tool.labels.iter().map(|l| format!("l{l}")).collect();
                toml.push_str(&format!(
                    "[[servers.{id}.rules]]\ntools = [\"{}\"]\noperation = \"{}\"\nentitlements = {:?}\nlabels = {:?}\nsensitive = {}\nstate = \"{}\"\n",
                    self.id("t", t), OPS[tool.operation], self.all("e", &tool.ents), labels, tool.sensitive,
                    ["approved", "disabled", "unset"][tool.state],
                ));
            }
        }
        toml.push_str("[servers.tok]\npath = \"token\"\naudience = \"https://as/\"\nresource_uris = [\"https://tok/\"]\nmax_token_lifetime = \"PT3H\"\n");
        for (s, (enabled, ents, sensitive)) in self.scopes.iter().enumerate() {
            toml.push_str(&format!(
                "[servers.tok.scopes.sc{s}]\nenabled = {enabled}\nentitlements = {:?}\nsensitive = {sensitive}\n",
                self.all("e", ents)
            ));
        }
        toml
    }

    fn subject(&self, subject: S) -> Value {
        match subject {
            S::Agent(user, client) => json!({"user": self.id("u", user), "client": self.id("c", client)}),
            S::ServicePrincipal(id) => json!({"service_principal": self.id("sp", id)}),
        }
    }

    fn snapshot(&self) -> Value {
        let user = |u: &Option<usize>| u.map(|u| self.id("u", u));
        let asked = |kind: &str, at: usize, a: &Asked| {
            let mut value = json!({"id": self.id(kind, at), "owners": self.all("u", &a.owners),
                "requestable_by": self.all("g", &a.by), "request_approval": (["auto", "self", "manager"][a.approval])});
            if kind == "f" {
                value["entitlements"] = json!(self.all("e", &a.ents));
            }
            value
        };
        let (tenant, server, tool, client) = self.killed;
        json!({
            "version": 1, "issued_at": at(-60 * MINUTE), "max_age": format!("PT{}M", self.max_age / MINUTE),
            "users": self.users.iter().enumerate().map(|(u, it)| json!({"id": self.id("u", u), "active": it.active,
                "manager": user(&it.manager), "groups": self.all("g", &it.groups), "entitlements": self.all("e", &it.own)})).collect::<Vec<_>>(),
            "groups": self.groups.iter().enumerate().map(|(g, parents)| json!({"id": self.id("g", g), "parents": self.all("g", parents)})).collect::<Vec<_>>(),
            "clients": (0..3).map(|c| json!({"id": self.id("c", c), "kind": "personal", "state": (["active", "hidden", "closed"][c])})).collect::<Vec<_>>(),
            "service_principals": self.principals.iter().enumerate().map(|(p, (active, owner, manager, groups))| json!({"id": self.id("sp", p),
                "active": active, "owner": self.id("u", *owner), "manager": user(manager), "groups": self.all("g", groups)})).collect::<Vec<_>>(),
            "entitlements": self.ents.iter().enumerate().filter_map(|(e, it)| it.as_ref().map(|it| asked("e", e, it))).collect::<Vec<_>>(),
            "profiles": self.profiles.iter().enumerate().map(|(f, it)| asked("f", f, it)).collect::<Vec<_>>(),
            "grants": self.grants.iter().enumerate().map(|(g, it)| {
                let to = match it.to {
                    Holder::User(u) => json!({"user": self.id("u", u)}),
                    Holder::Via(u, c) => json!({"user": self.id("u", u), "client": self.id("c", c)}),
                    Holder::Group(g) => json!({"group": self.id("g", g)}),
                    Holder::ServicePrincipal(p) => json!({"service_principal": self.id("sp", p)}),
                };
                let (key, what) = if it.profile { ("profile", self.id("f", it.what)) } else { ("entitlement", self.id("e", it.what)) };
                json!({"id": self.id("gr", g), "to": to, key: what, "from": it.from.map(at), "until": it.until.map(at)})
            }).collect::<Vec<_>>(),
            "approvals": self.approvals.iter().enumerate().map(|(a, it)| {
                let scope = match it.scope {
                    Scope::Call(call) => json!({"call": self.binding(&self.calls[call])}),
                    Scope::Tool(tool) => json!({"tool": self.tool_id(tool)}),
                    Scope::Operation(op, server) => json!({"operation": OPS[op], "server": self.id("s", server)}),
                    Scope::Server(server) => json!({"server": self.id("s", server)}),
                };
                json!({"id": self.id("a", a), "kind": if it.manager { "manager" } else { "self" }, "by": self.id("u", it.by),
                    "subject": self.subject(it.subject), "scope": scope, "from": at(it.from), "until": at(it.until)})
            }).collect::<Vec<_>>(),
            "kill_switches": {"tenant": tenant, "servers": server.iter().map(|s| self.id("s", *s)).collect::<Vec<_>>(),
                "tools": tool.iter().map(|t| self.tool_id(*t)).collect::<Vec<_>>(), "clients": client.iter().map(|c| self.id("c", *c)).collect::<Vec<_>>()},
        })
    }

    fn bundle(&self) -> Bundle {
        let schema = json!({"type": "object", "properties": {"amount": {"type": "integer"}}});
        let list = |server: usize| {
            let tools = (0..TOOLS.len()).filter(|t| TOOLS[*t] == server);
            json!(tools.map(|t| json!({"name": self.id("t", t), "inputSchema": schema})).collect::<Vec<_>>())
                .to_string()
        };
        Bundle {
            policies: self
                .policies
                .iter()
                .enumerate()
                .map(|(p, it)| Source::new(format!("{p}.cedar"), self.cedar(p, it)))
                .collect(),
            tools: (0..2).map(|s| (self.id("s", s), Source::new("catalog", list(s)))).collect(),
            overlay: Some(Source::new("catalog.toml", self.overlay())),
            snapshot: Source::new("snapshot.json", self.snapshot().to_string()),
        }
    }

    fn load(&self) -> Engine {
        Engine::load(&self.bundle()).unwrap_or_else(|error| panic!("{error}\n{self:#?}"))
    }

    fn call(&self, k: &K) -> Vec<u8> {
        let mut arguments = json!({});
        if let Some(amount) = k.amount {
            arguments["amount"] = json!(amount);
        }
        if k.wrong {
            arguments["amount"] = json!("many");
        }
        let session = json!({"calls": k.calls, "labels": k.labels.as_ref().map(|all| all.iter().map(|l| format!("l{l}")).collect::<Vec<_>>()),
            "authenticated_at": k.signed_in.map(at), "channel": k.web.then_some("web")});
        json!({"subject": self.subject(k.subject), "tool": self.tool_id(k.tool), "arguments": arguments,
            "session": session, "now": at(k.now)})
        .to_string()
        .into_bytes()
    }

    /// The binding of a call, asked of a company where everybody must always be asked.
    fn binding(&self, k: &K) -> String {
        type Known = HashMap<(bool, Vec<u8>), String>;
        static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
        let key = (self.renamed, self.call(k));
        let known = KNOWN.get_or_init(Mutex::default);
        if let Some(found) = known.lock().unwrap().get(&key) {
            return found.clone();
        }
        let asks = P {
            forbid: false,
            who: Who::Any,
            what: What::Any,
            server: None,
            when: Some(C::SelfYes),
            unless: None,
            valid_for: 0,
            reuse: 0,
            approvers: vec![],
            remedy: false,
        };
        let mut world = world(&[], false);
        world.renamed = self.renamed;
        world.policies = vec![asks];
        world.killed = (false, None, None, None);
        world.grants.clear();
        world.approvals.clear();
        let decision = world.load().decide_json(&key.1);
        let binding = decision.approval_request.map_or_else(|| "sha256:none".into(), |request| request.binding);
        known.lock().unwrap().insert(key, binding.clone());
        binding
    }
}

// ------------------------------------------------------------------------------------------------ the naive model

/// What a policy is asked about.
#[derive(Clone, Copy)]
enum Target {
    Call(usize),
    Request(usize),
    Scope(usize),
}

#[derive(Clone)]
struct Person {
    requester: usize,
    manager: Option<usize>,
    groups: BTreeSet<usize>,
    own: Vec<usize>,
    ents: BTreeSet<usize>,
    profiles: BTreeSet<usize>,
    pending: Vec<(i64, bool, usize)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Allowed(usize),
    Unresolved,
    Forbidden,
    Undecidable,
    Nothing,
}

/// True, false, or error.
type Truth = Result<bool, ()>;

struct Model<'a> {
    w: &'a World,
    k: &'a K,
    /// What an unknown set of session labels is taken for: all there are, or none.
    all_labels: std::cell::Cell<bool>,
}

impl Model<'_> {
    /// Design §2.1: every gate that is shut. Which is named first is not said, so any of them will do.
    fn gate(&self) -> Vec<Reason> {
        let (w, k) = (self.w, self.k);
        let mut shut = Vec::new();
        let (tenant, server, tool, client) = w.killed;
        if k.now >= -60 * MINUTE + w.max_age {
            shut.push(Reason::SnapshotStale);
        }
        match k.subject {
            S::Agent(user, via) => {
                match w.users.get(user) {
                    None => shut.push(Reason::SubjectUnknown),
                    Some(user) if !user.active => shut.push(Reason::SubjectInactive),
                    _ => {}
                }
                if via >= 2 {
                    shut.push(Reason::ClientNotAllowed);
                }
                if client == Some(via) {
                    shut.push(Reason::KillSwitchActive);
                }
            }
            S::ServicePrincipal(id) => {
                let (active, owner, ..) = &w.principals[id];
                if !active {
                    shut.push(Reason::SubjectInactive);
                }
                if !w.users[*owner].active {
                    shut.push(Reason::OwnerInactive);
                }
            }
        }
        if tenant {
            shut.push(Reason::KillSwitchActive);
        }
        match w.tools.get(k.tool) {
            None => shut.push(Reason::ToolUnknown),
            Some(it) => {
                if server == Some(TOOLS[k.tool]) || tool == Some(k.tool) {
                    shut.push(Reason::KillSwitchActive);
                }
                if w.servers[TOOLS[k.tool]].0 {
                    shut.push(Reason::ServerPaused);
                }
                if it.state != 0 {
                    shut.push(Reason::ToolNotApproved);
                }
                if k.wrong {
                    shut.push(Reason::ArgumentInvalid);
                }
            }
        }
        shut
    }

    /// Who calls, and what they hold at an instant.
    fn person(&self, now: i64) -> Person {
        let w = self.w;
        let (requester, manager, direct, own) = match self.k.subject {
            S::Agent(user, _) => (user, w.users[user].manager, w.users[user].groups.clone(), w.users[user].own.clone()),
            S::ServicePrincipal(id) => {
                let (_, owner, manager, groups) = &w.principals[id];
                (*owner, manager.or(w.users[*owner].manager), groups.clone(), vec![])
            }
        };
        let groups = self.upwards(&direct);
        let mut person = Person {
            requester,
            manager: manager.filter(|m| *m != requester && w.users[*m].active),
            groups,
            own,
            ents: BTreeSet::new(),
            profiles: BTreeSet::new(),
            pending: vec![],
        };
        for grant in &w.grants {
            let mine = match (&grant.to, self.k.subject) {
                (Holder::User(u), S::Agent(user, _)) => *u == user,
                (Holder::Via(u, c), S::Agent(user, client)) => (*u, *c) == (user, client),
                (Holder::Group(g), S::Agent(..)) => person.groups.contains(g),
                (Holder::ServicePrincipal(p), S::ServicePrincipal(id)) => *p == id,
                _ => false,
            };
            if mine && grant.from.is_none_or(|from| from <= now) && grant.until.is_none_or(|until| now < until) {
                self.give(&mut person, grant.profile, grant.what);
            } else if mine && grant.from.is_some_and(|from| from > now) {
                person.pending.push((grant.from.unwrap(), grant.profile, grant.what));
            }
        }
        person
    }

    fn upwards(&self, direct: &[usize]) -> BTreeSet<usize> {
        let mut groups: BTreeSet<usize> = direct.iter().copied().collect();
        for g in 0..GROUPS {
            if groups.contains(&g) {
                groups.extend(self.w.groups[g].iter().copied());
            }
        }
        groups
    }

    fn give(&self, person: &mut Person, profile: bool, what: usize) {
        if profile {
            person.profiles.insert(what);
            person.ents.extend(self.w.profiles[what].ents.iter().copied());
        } else {
            person.ents.insert(what);
        }
    }

    /// Design §2, Cedar's own rules: `level` 0 nobody, 1 the user, 2 the manager too.
    fn eval(&self, c: &C, person: &Person, target: Target, level: usize) -> Truth {
        let (w, k) = (self.w, self.k);
        let calls = k.calls.unwrap_or(i64::MAX);
        let (ents, labels, sensitive, production): (Vec<usize>, &[usize], bool, bool) = match target {
            Target::Call(t) => {
                (w.tools[t].ents.clone(), &w.tools[t].labels, w.tools[t].sensitive, w.servers[TOOLS[t]].1)
            }
            Target::Request(e) => (vec![e], &[], false, true),
            Target::Scope(s) => (w.scopes[s].1.clone(), &[], w.scopes[s].2, true),
        };
        Ok(match c {
            C::SelfYes => level >= 1,
            C::ManagerYes => level >= 2,
            C::Held => ents.iter().any(|e| person.ents.contains(e)),
            C::Group(g) => person.groups.contains(g),
            C::Ent(e) => person.ents.contains(e),
            C::Label(l) => labels.contains(l),
            C::Sensitive => sensitive,
            C::Production => production,
            C::SessionLabel(l) => k.labels.as_ref().map_or_else(|| self.all_labels.get(), |all| all.contains(l)),
            C::Calls(n) => calls > *n,
            C::Before(t) => k.now < *t,
            C::SignedInLongAgo => k.signed_in.is_none_or(|at| at > k.now || k.now - at > 60 * MINUTE),
            C::Amount(n) => k.amount.is_some_and(|amount| amount > *n),
            C::AmountTimes => match k.amount {
                Some(amount) => amount.checked_mul(1000).ok_or(())? > 50,
                None => false,
            },
            C::CallsPlus => calls.checked_add(1).ok_or(())? > 5,
            C::Web => k.web,
            C::Not(c) => !self.eval(c, person, target, level)?,
            C::And(a, b) => self.eval(a, person, target, level)? && self.eval(b, person, target, level)?,
            C::Or(a, b) => self.eval(a, person, target, level)? || self.eval(b, person, target, level)?,
        })
    }

    /// Design §3: of what the host leaves out, the worst is assumed; of unknown labels both extremes are tried.
    fn says(&self, p: &P, person: &Person, target: Target, level: usize) -> Truth {
        let [all, none] = [true, false].map(|all| {
            self.all_labels.set(all);
            self.says_with(p, person, target, level)
        });
        let (all, none) = (all?, none?);
        Ok(if p.forbid { all || none } else { all && none })
    }

    fn says_with(&self, p: &P, person: &Person, target: Target, level: usize) -> Truth {
        let who = match p.who {
            Who::Any => true,
            Who::Agent => matches!(self.k.subject, S::Agent(..)),
            Who::ServicePrincipal => matches!(self.k.subject, S::ServicePrincipal(_)),
            Who::Group(g) => person.groups.contains(&g),
            Who::Ent(e) => person.ents.contains(&e),
        };
        let what = match (&p.what, target) {
            (What::Any, _) | (What::Request, Target::Request(_)) | (What::IssueToken, Target::Scope(_)) => true,
            (What::Operation(op), Target::Call(t)) => self.w.tools[t].operation == *op,
            (What::Tool(tool), Target::Call(t)) => *tool == t,
            (What::Tools(tools), Target::Call(t)) => tools.contains(&t),
            _ => false,
        };
        let server = match (p.server, target) {
            (None, _) => true,
            (Some(s), Target::Call(t)) => TOOLS[t] == s,
            _ => false,
        };
        Ok(who
            && what
            && server
            && p.when.as_ref().map_or(Ok(true), |c| self.eval(c, person, target, level))?
            && !p.unless.as_ref().map_or(Ok(false), |c| self.eval(c, person, target, level))?)
    }

    /// Who may say yes in the manager's place for one policy.
    fn eligible(&self, p: &P, person: &Person) -> BTreeSet<usize> {
        let w = self.w;
        if p.approvers.is_empty() {
            return person.manager.into_iter().collect();
        }
        let tool = &w.tools[self.k.tool];
        let named = p.approvers.iter().flat_map(|approver| match approver {
            Approver::ServerOwner => vec![w.servers[TOOLS[self.k.tool]].2],
            Approver::EntitlementOwner => {
                tool.ents.iter().filter_map(|e| w.ents[*e].as_ref()).flat_map(|e| e.owners.clone()).collect()
            }
            Approver::Group(g) => (0..USERS).filter(|u| self.upwards(&w.users[*u].groups).contains(g)).collect(),
            Approver::User(u) => vec![*u],
        });
        named.filter(|u| *u != person.requester && w.users[*u].active).collect()
    }

    /// Design §2.2: how far the approvals in force count for one policy.
    fn in_force(&self, p: &P, person: &Person) -> usize {
        let w = self.w;
        // who said yes in the manager's place, for something that only a manager moves: as good as the user's own yes
        let target = Target::Call(self.k.tool);
        let moved = |q: &&P| self.says(q, person, target, 1) != self.says(q, person, target, 2);
        let stands_in = |a: &Approval| {
            w.policies.iter().filter(moved).any(|q| self.fits(a, q) && self.eligible(q, person).contains(&a.by))
        };
        let level = |a: &Approval| match a.manager {
            _ if !self.fits(a, p) => 0,
            true if self.eligible(p, person).contains(&a.by) => 2,
            true => usize::from(stands_in(a)),
            false => usize::from(a.by == person.requester),
        };
        w.approvals.iter().map(level).max().unwrap_or(0)
    }

    fn fits(&self, a: &Approval, p: &P) -> bool {
        let (w, k) = (self.w, self.k);
        {
            let (covers, width) = match a.scope {
                Scope::Call(c) => {
                    let other = &w.calls[c];
                    ((other.subject, other.tool, other.amount) == (k.subject, k.tool, k.amount) && !other.wrong, 0)
                }
                Scope::Tool(t) => (t == k.tool, 1),
                Scope::Operation(op, s) => (op == w.tools[k.tool].operation && s == TOOLS[k.tool], 2),
                Scope::Server(s) => (s == TOOLS[k.tool], 3),
            };
            let young = VALID[p.valid_for].is_none_or(|(_, minutes)| k.now - a.from < minutes * MINUTE);
            a.subject == k.subject && a.from <= k.now && k.now < a.until && covers && width <= p.reuse && young
        }
    }

    /// Design §2.3 to 2.5. `consent`: whether the approvals in force count.
    fn ladder(&self, person: &Person, consent: bool) -> Verdict {
        let target = Target::Call(self.k.tool);
        let policies = &self.w.policies;
        let says = |p: &P, level| self.says(p, person, target, level);
        if policies.iter().any(|p| p.forbid && (0..3).any(|level| says(p, level).is_err())) {
            return Verdict::Undecidable;
        }
        let holds = |p: &P, rung: usize| {
            let in_force = if consent { self.in_force(p, person) } else { 0 };
            says(p, rung.max(in_force)) == Ok(true)
        };
        let permit = |rung| policies.iter().any(|p| !p.forbid && holds(p, rung));
        let allowed = |rung| permit(rung) && !policies.iter().any(|p| p.forbid && holds(p, rung));
        // somebody for every forbid that only a manager moves, and for one of the permits
        let resolves = || {
            let moved = policies
                .iter()
                .filter(|p| if p.forbid { holds(p, 1) && !holds(p, 2) } else { !permit(1) && holds(p, 2) });
            let (forbids, permits): (Vec<_>, Vec<_>) = moved.partition(|p| p.forbid);
            let somebody = |p: &&P| !self.eligible(p, person).is_empty();
            match (forbids.is_empty(), permits.is_empty()) {
                (true, true) => person.manager.is_some(),
                (_, no_permits) => forbids.iter().all(somebody) && (no_permits || permits.iter().any(somebody)),
            }
        };
        match (0..3).find(|rung| allowed(*rung) && (*rung < 2 || resolves())) {
            Some(rung) => Verdict::Allowed(rung),
            None if allowed(2) => Verdict::Unresolved,
            None if policies.iter().any(|p| p.forbid && holds(p, 2)) => Verdict::Forbidden,
            None => Verdict::Nothing,
        }
    }

    /// Design §2: the outcome, and the reasons that may be given for it.
    fn decide(&self) -> (Outcome, Vec<Reason>, bool) {
        let shut = self.gate();
        if !shut.is_empty() {
            return (Outcome::Deny, shut, false);
        }
        let rungs = [Outcome::AutoApprove, Outcome::SelfApprove, Outcome::ManagerApprove];
        let (w, person) = (self.w, self.person(self.k.now));
        let verdict = self.ladder(&person, true);
        match verdict {
            Verdict::Allowed(0) => {
                let held = self.ladder(&person, false) == Verdict::Allowed(0);
                return (
                    Outcome::AutoApprove,
                    vec![if held { Reason::AllowedHeld } else { Reason::AllowedByApproval }],
                    false,
                );
            }
            Verdict::Allowed(rung) => {
                let mut why = vec![Reason::ApprovalRequired];
                let mine: Vec<_> =
                    w.approvals.iter().filter(|a| a.subject == self.k.subject && a.from <= self.k.now).collect();
                if !mine.is_empty() {
                    why.extend([Reason::OutOfScope, Reason::ApprovalUnverifiable, Reason::ApprovalExpired]);
                }
                return (rungs[rung], why, false);
            }
            Verdict::Undecidable => return (Outcome::Deny, vec![Reason::EvaluationError], false),
            _ => {}
        }
        // step 6: least friction (who must agree, then what the call still needs), then id
        let wanted: Vec<usize> =
            w.tools[self.k.tool].ents.iter().copied().filter(|e| !person.ents.contains(e)).collect();
        let may = |a: &Asked| a.by.iter().any(|g| *g == STAR || person.groups.contains(g));
        let mut candidates: Vec<(usize, String, bool, usize, Vec<usize>)> = Vec::new();
        for &e in &wanted {
            if let Some(asked) = w.ents[e].as_ref().filter(|asked| may(asked)) {
                candidates.push((asked.approval, w.id("e", e), false, e, vec![e]));
            }
        }
        for (f, asked) in w.profiles.iter().enumerate() {
            if may(asked) && !person.profiles.contains(&f) && asked.ents.iter().any(|e| wanted.contains(e)) {
                candidates.push((asked.approval, w.id("f", f), true, f, asked.ents.clone()));
            }
        }
        candidates.retain(|(_, _, profile, what, _)| !person.pending.iter().any(|(_, p, w)| (p, w) == (profile, what)));
        let mut unresolved = false;
        let mut offers = Vec::new();
        for (approval, id, profile, what, ents) in candidates {
            let mut richer = person.clone();
            self.give(&mut richer, profile, what);
            let Verdict::Allowed(rung) = self.ladder(&richer, true) else { continue };
            let refused = ents.iter().any(|e| {
                let says = |p: &P, level| self.says(p, &person, Target::Request(*e), level);
                w.policies
                    .iter()
                    .any(|p| p.forbid && (says(p, approval) == Ok(true) || (0..3).any(|level| says(p, level).is_err())))
            });
            if refused {
                continue;
            }
            if approval == 2 && person.manager.is_none() {
                unresolved = true;
                continue;
            }
            // what asking alone gives still needs the yes that the call needs
            let outcome = if approval == 0 { rung } else { approval };
            offers.push((approval, rung, id, profile, outcome));
        }
        if let Some((.., outcome)) = offers.into_iter().min() {
            return (rungs[outcome], vec![Reason::NotHeldRequestable], true);
        }
        for (_, profile, what) in &person.pending {
            let mut richer = person.clone();
            self.give(&mut richer, *profile, *what);
            let gives = if *profile { w.profiles[*what].ents.clone() } else { vec![*what] };
            let concerns = gives.iter().any(|e| w.tools[self.k.tool].ents.contains(e));
            if concerns && matches!(self.ladder(&richer, true), Verdict::Allowed(_)) {
                return (Outcome::Deny, vec![Reason::GrantPending], false);
            }
        }
        if unresolved {
            return (Outcome::TicketFallback, vec![Reason::ApproverUnresolved], false);
        }
        match verdict {
            Verdict::Forbidden => (Outcome::Deny, vec![Reason::PolicyDenied, Reason::StepUpRequired], false),
            Verdict::Unresolved => (Outcome::TicketFallback, vec![Reason::ApproverUnresolved], false),
            _ => {
                let held = w.tools[self.k.tool].ents.iter().any(|e| person.ents.contains(e));
                let human = w.tools[self.k.tool].ents.iter().any(|e| person.own.contains(e));
                let why = if !held && human { Reason::AgentNotEntitled } else { Reason::Ineligible };
                (Outcome::TicketFallback, vec![why], false)
            }
        }
    }
}

// ------------------------------------------------------------------------------------------------ properties

fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("TOOLGATE_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        cases,
        max_shrink_iters: 400,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 700)
}

/// From most to least permissive; what must first be asked for is less than any yes.
fn rank(decision: &Decision) -> usize {
    match decision.outcome {
        Outcome::Deny | Outcome::TicketFallback => 4,
        _ if decision.access_request.is_some() => 3,
        Outcome::AutoApprove => 0,
        Outcome::SelfApprove => 1,
        Outcome::ManagerApprove => 2,
    }
}

fn text(world: &World) -> String {
    let policies: String = world.policies.iter().enumerate().map(|(p, it)| world.cedar(p, it)).collect();
    format!("{policies}\n{}\n{}", world.overlay(), world.snapshot())
}

/// What a decision says apart from the engine it names, and a yes that is wanted for whatever reason.
fn said(decision: &Decision) -> Value {
    let mut value = serde_json::to_value(decision).unwrap();
    value["engine"] = Value::Null;
    value
}

proptest! {
    #![proptest_config(config(120))]

    /// Design §2, the whole ladder: the engine and the naive model agree on outcome and reason.
    #[test]
    fn the_engine_agrees_with_the_naive_model(bytes in bytes()) {
        let world = world(&bytes, false);
        let engine = world.load();
        for k in &world.calls {
            let decision = engine.decide_json(&world.call(k));
            let (outcome, reasons, access) = Model { w: &world, k, all_labels: Default::default() }.decide();
            prop_assert!(
                decision.outcome == outcome && reasons.contains(&decision.reason) && decision.access_request.is_some() == access,
                "the model says {outcome} {reasons:?} {access}\n{k:?}\n{decision:#?}\n{}", text(&world)
            );
        }
    }
}

proptest! {
    #![proptest_config(config(28))]

    /// Design §5, `visible_tools` is a superset: whatever a call finds is shown, and what is hidden finds nothing.
    #[test]
    fn what_is_hidden_is_never_reached(bytes in bytes()) {
        let world = world(&bytes, false);
        let engine = world.load();
        for k in &world.calls {
            let call = Call::parse(&world.call(k)).unwrap();
            let shown: BTreeMap<_, _> = engine
                .visible_tools(&call.subject, &call.session, call.now)
                .into_iter()
                .map(|tool| (tool.tool, tool.visibility))
                .collect();
            for amount in [None, Some(1), Some(10), Some(1000), Some(i64::MAX)] {
                let k = K { amount, ..k.clone() };
                let decision = engine.decide_json(&world.call(&k));
                let shown = shown.get(&call.tool).copied().unwrap_or(Visibility::Hidden);
                let least = match (rank(&decision), decision.access_request.is_some()) {
                    (4, _) => Visibility::Hidden,
                    (_, true) => Visibility::Requestable,
                    (0, _) => Visibility::Callable,
                    _ => Visibility::NeedsApproval,
                };
                prop_assert!(shown <= least, "shown as {shown}\n{k:?}\n{decision:#?}\n{}", text(&world));
            }
        }
    }

    /// Cedar's rule at every rung: a forbid more never allows more.
    #[test]
    fn a_forbid_more_never_allows_more(bytes in bytes(), more in proptest::collection::vec(any::<u8>(), 60)) {
        let world = world(&bytes, false);
        let mut stricter = world.clone();
        stricter.policies.push(P { forbid: true, ..policy(&mut Src(more.iter()), false) });
        let (before, after) = (world.load(), stricter.load());
        for k in &world.calls {
            let (before, after) = (before.decide_json(&world.call(k)), after.decide_json(&world.call(k)));
            prop_assert!(rank(&before) <= rank(&after), "{before:#?}\n{after:#?}\n{}", text(&stricter));
        }
    }

    /// What never holds changes nothing; nor do the order of policies, the order of files, or a policy said twice.
    #[test]
    fn what_says_nothing_new_changes_nothing(bytes in bytes(), turn in 0usize..8) {
        let world = world(&bytes, false);
        let mut never = world.clone();
        let calls = Some(C::Not(Box::new(C::Calls(-1))));
        never.policies.push(P { forbid: false, who: Who::Any, what: What::Any, server: None, when: calls, unless: None,
            valid_for: 1, reuse: 0, approvers: vec![Approver::Group(0)], remedy: false });
        let mut twice = world.clone();
        let again = twice.policies[turn % twice.policies.len()].clone();
        twice.policies.push(again);
        let mut turned = world.bundle();
        let by = turn % turned.policies.len();
        turned.policies.rotate_left(by);
        let mut one_file = world.bundle();
        one_file.policies = vec![Source::new("all.cedar", one_file.policies.iter().rev().flat_map(|p| p.bytes.clone()).collect::<Vec<_>>())];
        let engines = [world.load(), never.load(), twice.load(), Engine::load(&turned).unwrap(), Engine::load(&one_file).unwrap()];
        prop_assert_eq!(engines[0].digest(), engines[3].digest());
        for k in &world.calls {
            let [first, never, twice, turned, one] = engines.each_ref().map(|engine| said(&engine.decide_json(&world.call(k))));
            prop_assert_eq!(&first, &turned);
            prop_assert_eq!(&first, &one);
            let without = |mut value: Value, what: &[&str]| { what.iter().for_each(|what| value[*what] = Value::Null); value };
            // its `@valid_for` is one more instant at which an approval could stop to count
            prop_assert_eq!(without(first.clone(), &["valid_until"]), without(never, &["valid_until"]));
            prop_assert_eq!(without(first, &["policies"]), without(twice, &["policies"]));
        }
    }

    /// Grants only give: where no policy asks for their absence, one less never allows more.
    #[test]
    fn a_grant_less_never_allows_more(bytes in bytes(), which in 0usize..8) {
        let world = world(&bytes, true);
        prop_assume!(!world.grants.is_empty());
        let mut poorer = world.clone();
        poorer.grants.remove(which % world.grants.len());
        let (before, after) = (world.load(), poorer.load());
        for k in &world.calls {
            let (before, after) = (before.decide_json(&world.call(k)), after.decide_json(&world.call(k)));
            // what is held or will be is not asked for: without it, it may be
            if after.access_request.is_none() {
                prop_assert!(rank(&before) <= rank(&after), "{before:#?}\n{after:#?}\n{}", text(&world));
            }
        }
    }

    /// Approvals only give: where no policy asks for their absence, one more never refuses more.
    #[test]
    fn an_approval_more_never_refuses_more(bytes in bytes(), more in proptest::collection::vec(any::<u8>(), 12)) {
        let world = world(&bytes, true);
        let mut richer = world.clone();
        richer.approvals.push(approval(&mut Src(more.iter()), world.calls.len()));
        let (before, after) = (world.load(), richer.load());
        for k in &world.calls {
            let (before, after) = (before.decide_json(&world.call(k)), after.decide_json(&world.call(k)));
            prop_assert!(rank(&after) <= rank(&before), "{before:#?}\n{after:#?}\n{}", text(&richer));
        }
    }

    /// Names mean nothing: other ids, in another order, the same outcome.
    #[test]
    fn other_names_the_same_outcome(bytes in bytes()) {
        let world = world(&bytes, false);
        let renamed = World { renamed: true, ..world.clone() };
        let engines = (world.load(), renamed.load());
        for k in &world.calls {
            let (first, second) = (engines.0.decide_json(&world.call(k)), engines.1.decide_json(&renamed.call(k)));
            prop_assert_eq!(first.reason, second.reason, "{:?}\n{}", k, text(&world));
            prop_assert_eq!(first.outcome, second.outcome);
        }
    }

    /// The same inputs, the same bytes: again, from other threads, and with the files in another order.
    #[test]
    fn the_same_inputs_give_the_same_bytes(bytes in bytes()) {
        let world = world(&bytes, false);
        let engine = world.load();
        let mut turned = world.bundle();
        turned.policies.reverse();
        let other = Engine::load(&turned).unwrap();
        for k in &world.calls {
            let call = world.call(k);
            let first = serde_json::to_vec(&engine.decide_json(&call)).unwrap();
            prop_assert_eq!(&first, &serde_json::to_vec(&engine.decide_json(&call)).unwrap());
            std::thread::scope(|scope| {
                let all: Vec<_> = (0..4)
                    .map(|thread| if thread % 2 == 0 { &engine } else { &other })
                    .map(|engine| scope.spawn(|| serde_json::to_vec(&engine.decide_json(&call)).unwrap()))
                    .collect();
                for thread in all {
                    assert_eq!(first, thread.join().unwrap());
                }
            });
        }
    }

    /// `valid_until` is the first instant at which time alone could change the answer: before it, nothing changes.
    #[test]
    fn nothing_changes_before_valid_until(bytes in bytes(), share in 1i64..1000) {
        let world = world(&bytes, false);
        let engine = world.load();
        for k in &world.calls {
            let mut call = Call::parse(&world.call(k)).unwrap();
            let first = engine.decide(&call);
            let last = first.valid_until.map_or(NOW + 365 * 24 * 60 * MINUTE, Instant::unix_millis);
            prop_assert!(last > NOW);
            let within = NOW + (last - 1 - NOW) * share / 1000;
            let brink = Instant::from_unix_millis(last - 1).unwrap().to_string();
            let (whole, fraction) = brink.trim_end_matches('Z').split_once('.').unwrap_or_else(|| (brink.trim_end_matches('Z'), ""));
            let brink: Instant = format!("{whole}.{fraction:0<3}999999Z").parse().unwrap();
            for now in [Instant::from_unix_millis(within).unwrap(), brink] {
                call.now = now;
                let mut later = engine.decide(&call);
                later.valid_until = first.valid_until;
                prop_assert_eq!(said(&first), said(&later), "at {}\n{}", now, text(&world));
            }
        }
    }

    /// Design §6: granted ⊆ requested ∩ enabled ∩ held ∩ permitted; each refusal has a reason; no token outlives
    /// what it rests on.
    #[test]
    fn a_token_carries_no_more_than_it_may(bytes in bytes(), asks in 0usize..16) {
        let mut world = world(&bytes, false);
        // what a yes to a whole server adds: `the_token_path_counts_approvals_in_force`
        world.approvals.clear();
        let engine = world.load();
        let names: Vec<String> = (0..4).filter(|s| asks & (1 << s) != 0).map(|s| format!("sc{s}")).collect();
        for k in &world.calls {
            let call = Call::parse(&world.call(&K { tool: 0, ..k.clone() })).unwrap();
            let request = TokenRequest {
                subject: call.subject.clone(), audience: "https://as/".into(), resource: Some("https://tok/".into()),
                scope: (!names.is_empty()).then(|| names.join(" ")), session: call.session, now: call.now,
            };
            let decision = engine.decide_token(&request);
            let told = || format!("{decision:#?}\n{}", text(&world));
            prop_assert_eq!(decision.claims.is_none(), decision.granted.is_empty(), "{}", told());
            let Some(claims) = &decision.claims else { continue };
            prop_assert_eq!(&claims.scope, &decision.granted.join(" "));
            prop_assert!(claims.expires_in > 0 && claims.expires_in <= 3 * 3600);
            let k = K { tool: 0, ..k.clone() };
            let model = Model { w: &world, k: &k, all_labels: Default::default() };
            prop_assert!(model.gate().iter().all(|reason| !matches!(reason, Reason::SnapshotStale | Reason::SubjectUnknown
                | Reason::SubjectInactive | Reason::ClientNotAllowed | Reason::OwnerInactive)), "{}", told());
            let end = i64::try_from(claims.expires_in).unwrap() * 1000;
            prop_assert!(end <= -60 * MINUTE + world.max_age, "{}", told());
            let (now, then) = (model.person(0), model.person(end - 1));
            for scope in &decision.granted {
                prop_assert!(names.is_empty() || names.contains(scope), "{}", told());
                let at: usize = scope.trim_start_matches("sc").parse().unwrap();
                let (enabled, ents, _) = &world.scopes[at];
                prop_assert!(*enabled && ents.iter().any(|e| now.ents.contains(e)), "{}", told());
                prop_assert!(ents.iter().any(|e| then.ents.contains(e)), "outlives what is held\n{}", told());
                let says = |p: &P| model.says(p, &now, Target::Scope(at), 0);
                prop_assert!(world.policies.iter().any(|p| !p.forbid && says(p) == Ok(true)), "{}", told());
                prop_assert!(world.policies.iter().all(|p| !p.forbid || says(p) == Ok(false)), "{}", told());
            }
            for name in &names {
                let granted = decision.granted.contains(name);
                let refused = decision.refused.iter().filter(|refused| refused.scope == *name).count();
                prop_assert_eq!(usize::from(granted) + refused, 1, "{}", told());
            }
        }
    }
}

/// The generator is worth something: every outcome and most reasons come up.
#[test]
fn the_worlds_are_varied() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..60u64 {
        let mut state = seed;
        let bytes: Vec<u8> = (0..700)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        let world = world(&bytes, false);
        let engine = world.load();
        for k in &world.calls {
            let decision = engine.decide_json(&world.call(k));
            *seen.entry(format!("{} {}", decision.outcome, decision.reason)).or_default() += 1;
        }
    }
    println!("{seen:#?}");
    for needed in [
        "auto_approve allowed_held",
        "auto_approve allowed_by_approval",
        "self_approve approval_required",
        "manager_approve approval_required",
        "deny policy_denied",
        "deny evaluation_error",
        "ticket_fallback ineligible",
    ] {
        assert!(seen.contains_key(needed), "{needed}\n{seen:#?}");
    }
}
