//! Random worlds, as plain numbers, and how they are drawn from a string of bytes.

/// 2026-11-20T10:00:00Z. All instants of a world are milliseconds from here.
pub(crate) const NOW: i64 = 1_795_168_800_000;
pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const USERS: usize = 5;
pub(crate) const GROUPS: usize = 4;
pub(crate) const ENTS: usize = 3;
/// Stands for every group.
pub(crate) const STAR: usize = 99;
/// The server of each tool.
pub(crate) const TOOLS: [usize; 4] = [0, 0, 0, 1];
pub(crate) const OPS: [&str; 3] = ["read", "write", "delete"];
pub(crate) const REUSE: [&str; 4] = ["call", "tool", "operation", "server"];
pub(crate) const VALID: [Option<(&str, i64)>; 4] = [None, Some(("10m", 10)), Some(("1h", 60)), Some(("2h", 120))];

/// Bytes to draw from; when they run out, everything is the first choice.
pub(crate) struct Draw<'a>(pub(crate) std::slice::Iter<'a, u8>);

impl Draw<'_> {
    fn below(&mut self, below: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte)) % below
    }
    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }
    fn some(&mut self, below: usize) -> Vec<usize> {
        let bits = self.below(1 << below);
        (0..below).filter(|bit| bits & (1 << bit) != 0).collect()
    }
    fn minutes(&mut self) -> i64 {
        [-180, -120, -90, -60, -30, -10, -5, 0, 5, 30, 60, 120][self.below(12)] * MINUTE
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Condition {
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
pub(crate) enum Who {
    Any,
    Agent,
    ServicePrincipal,
    Group(usize),
    Ent(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Any,
    Operation(usize),
    Tool(usize),
    Tools(Vec<usize>),
    Request,
    IssueToken,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Approver {
    ServerOwner,
    EntitlementOwner,
    Group(usize),
    User(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) forbid: bool,
    pub(crate) who: Who,
    pub(crate) what: What,
    pub(crate) server: Option<usize>,
    pub(crate) when: Option<Condition>,
    pub(crate) unless: Option<Condition>,
    pub(crate) valid_for: usize,
    pub(crate) reuse: usize,
    pub(crate) approvers: Vec<Approver>,
    pub(crate) remedy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Subject {
    Agent(usize, usize),
    ServicePrincipal(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) subject: Subject,
    pub(crate) tool: usize,
    pub(crate) amount: Option<i64>,
    /// Arguments of another type than declared.
    pub(crate) wrong: bool,
    pub(crate) calls: Option<i64>,
    pub(crate) labels: Option<Vec<usize>>,
    pub(crate) signed_in: Option<i64>,
    pub(crate) web: bool,
    pub(crate) now: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Holder {
    User(usize),
    Via(usize, usize),
    Group(usize),
    ServicePrincipal(usize),
}

#[derive(Clone, Debug)]
pub(crate) enum Scope {
    Call(usize),
    Tool(usize),
    Operation(usize, usize),
    Server(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) operation: usize,
    pub(crate) ents: Vec<usize>,
    pub(crate) labels: Vec<usize>,
    pub(crate) sensitive: bool,
    pub(crate) state: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) paused: bool,
    pub(crate) production: bool,
    pub(crate) owner: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) active: bool,
    pub(crate) manager: Option<usize>,
    pub(crate) groups: Vec<usize>,
    pub(crate) own: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct ServicePrincipal {
    pub(crate) active: bool,
    pub(crate) owner: usize,
    pub(crate) manager: Option<usize>,
    pub(crate) groups: Vec<usize>,
}

/// Who may ask for an entitlement or a profile, and who then decides.
#[derive(Clone, Debug)]
pub(crate) struct Requestable {
    pub(crate) owners: Vec<usize>,
    pub(crate) by: Vec<usize>,
    pub(crate) approval: usize,
    pub(crate) ents: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) to: Holder,
    pub(crate) profile: bool,
    pub(crate) what: usize,
    pub(crate) from: Option<i64>,
    pub(crate) until: Option<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Approval {
    pub(crate) manager: bool,
    pub(crate) by: usize,
    pub(crate) subject: Subject,
    pub(crate) scope: Scope,
    pub(crate) from: i64,
    pub(crate) until: i64,
}

/// A scope that the token path may grant.
#[derive(Clone, Debug)]
pub(crate) struct TokenScope {
    pub(crate) enabled: bool,
    pub(crate) ents: Vec<usize>,
    pub(crate) sensitive: bool,
}

/// The kill switches that are set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Killed {
    pub(crate) tenant: bool,
    pub(crate) server: Option<usize>,
    pub(crate) tool: Option<usize>,
    pub(crate) client: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) policies: Vec<Policy>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) servers: Vec<Server>,
    pub(crate) users: Vec<User>,
    /// A group's parents come after it.
    pub(crate) groups: Vec<Vec<usize>>,
    pub(crate) principals: Vec<ServicePrincipal>,
    pub(crate) ents: Vec<Option<Requestable>>,
    pub(crate) profiles: Vec<Requestable>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) killed: Killed,
    pub(crate) max_age: i64,
    pub(crate) scopes: Vec<TokenScope>,
    pub(crate) calls: Vec<Call>,
    /// Ids in the opposite order.
    pub(crate) renamed: bool,
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

fn condition(draw: &mut Draw<'_>, taste: Taste, depth: usize) -> Condition {
    if depth > 0 {
        let inner = |draw: &mut Draw<'_>| Box::new(condition(draw, taste, depth - 1));
        match draw.below(6) {
            0 | 1 => return Condition::And(inner(draw), inner(draw)),
            2 => return Condition::Or(inner(draw), inner(draw)),
            3 if taste.not => return Condition::Not(inner(draw)),
            _ => {}
        }
    }
    match draw.below(18) {
        0..=2 if taste.consent => Condition::SelfYes,
        3 | 4 if taste.consent => Condition::ManagerYes,
        5 | 6 if taste.facts => Condition::Held,
        7 if taste.facts => Condition::Group(draw.below(GROUPS)),
        8 if taste.facts => Condition::Ent(draw.below(ENTS)),
        9 if taste.errors => Condition::CallsPlus,
        10 if taste.errors && taste.input => Condition::AmountTimes,
        11 if taste.input => Condition::Amount([5, 500][draw.below(2)]),
        12 => Condition::Calls([-1, 3, 100][draw.below(3)]),
        13 => Condition::SessionLabel(draw.below(2)),
        14 => Condition::Label(draw.below(2)),
        15 => Condition::Before([-5 * MINUTE, 0, 30 * MINUTE][draw.below(3)]),
        16 => [Condition::SignedInLongAgo, Condition::Web][draw.below(2)].clone(),
        17 => Condition::Production,
        _ => Condition::Sensitive,
    }
}

/// A policy; `rising`: more consent and more grants never take a permission away.
pub(crate) fn policy(draw: &mut Draw<'_>, rising: bool) -> Policy {
    let forbid = draw.below(3) == 2;
    let who = match draw.below(8) {
        0 => Who::Agent,
        1 => Who::ServicePrincipal,
        2 => Who::Group(draw.below(GROUPS)),
        3 if !(rising && forbid) => Who::Ent(draw.below(ENTS)),
        _ => Who::Any,
    };
    let what = match draw.below(12) {
        0..=3 => What::Any,
        4..=7 => What::Operation(draw.below(3)),
        8 => What::Tool(draw.below(TOOLS.len())),
        9 => What::Tools(draw.some(TOOLS.len())),
        10 => What::Request,
        _ => What::IssueToken,
    };
    let input = matches!(what, What::Operation(_) | What::Tool(_) | What::Tools(_));
    let server = if input || matches!(what, What::Any) { draw.one_in(8).then(|| draw.below(2)) } else { None };
    let (for_when, for_unless) = match (rising, forbid) {
        (false, _) => (ANYTHING, ANYTHING),
        (true, false) => (RISING, FIXED),
        (true, true) => (FIXED, RISING),
    };
    let with = |taste: Taste| Taste { input: taste.input && input, ..taste };
    Policy {
        forbid,
        who,
        what,
        server,
        when: (!draw.one_in(6)).then(|| condition(draw, with(for_when), 2)),
        unless: (draw.below(if forbid { 2 } else { 6 }) == 1).then(|| condition(draw, with(for_unless), 1)),
        valid_for: draw.below(VALID.len()),
        reuse: [0, 1, 2, 3, 3, 2][draw.below(6)],
        approvers: approvers(draw),
        remedy: forbid && draw.one_in(6),
    }
}

fn approvers(draw: &mut Draw<'_>) -> Vec<Approver> {
    (0..[0, 0, 1, 2][draw.below(4)])
        .map(|_| match draw.below(4) {
            0 => Approver::ServerOwner,
            1 => Approver::EntitlementOwner,
            2 => Approver::Group(draw.below(GROUPS)),
            _ => Approver::User(draw.below(USERS)),
        })
        .collect()
}

fn subject(draw: &mut Draw<'_>) -> Subject {
    match draw.below(8) {
        0 => Subject::ServicePrincipal(draw.below(2)),
        1 => {
            if draw.below(4) == 3 {
                Subject::Agent(draw.below(USERS + 1), draw.below(4))
            } else {
                Subject::Agent(0, 1)
            }
        }
        2 => Subject::Agent(1, 0),
        _ => Subject::Agent(0, 0),
    }
}

fn requestable(draw: &mut Draw<'_>) -> Requestable {
    Requestable {
        owners: draw.some(USERS),
        by: match draw.below(4) {
            0 => vec![],
            1 => vec![STAR],
            _ => draw.some(GROUPS),
        },
        approval: draw.below(3),
        ents: draw.some(ENTS),
    }
}

fn call(draw: &mut Draw<'_>) -> Call {
    Call {
        subject: subject(draw),
        tool: if draw.one_in(16) { TOOLS.len() } else { draw.below(TOOLS.len()) },
        amount: [None, Some(1), Some(10), Some(1000), Some(i64::MAX)][draw.below(5)],
        wrong: draw.one_in(20),
        calls: [Some(0), Some(5), Some(500), None][draw.below(4)],
        labels: (!draw.one_in(4)).then(|| draw.some(2)),
        signed_in: [Some(-MINUTE), Some(-90 * MINUTE), Some(20 * MINUTE), None][draw.below(4)],
        web: draw.below(2) == 1,
        now: 0,
    }
}

pub(crate) fn approval(draw: &mut Draw<'_>, calls: usize) -> Approval {
    let from = [-180, -60, -50, -30, -10, -5, 0, 5][draw.below(8)] * MINUTE;
    Approval {
        manager: draw.below(2) == 1,
        by: [0, 0, 1, 2, 3, 4][draw.below(6)],
        subject: subject(draw),
        scope: match draw.below(4) {
            0 => Scope::Call(draw.below(calls)),
            1 => Scope::Tool(draw.below(TOOLS.len())),
            2 => Scope::Operation(draw.below(3), draw.below(2)),
            _ => Scope::Server(draw.below(2)),
        },
        from,
        until: from + [5, 60, 240][draw.below(3)] * MINUTE,
    }
}

impl World {
    /// `rising`: more consent and more grants never take a permission away.
    pub(crate) fn drawn(bytes: &[u8], rising: bool) -> Self {
        let draw = &mut Draw(bytes.iter());
        let calls: Vec<Call> = (0..6).map(|_| call(draw)).collect();
        Self {
            policies: (0..2 + draw.below(7)).map(|_| policy(draw, rising)).collect(),
            tools: (0..TOOLS.len())
                .map(|_| Tool {
                    operation: draw.below(3),
                    ents: draw.some(ENTS),
                    labels: draw.some(2),
                    sensitive: draw.below(3) == 2,
                    state: [0, 1, 2][draw.below(48).saturating_sub(45)],
                })
                .collect(),
            servers: (0..2)
                .map(|_| Server { paused: draw.one_in(16), production: draw.below(2) == 0, owner: draw.below(USERS) })
                .collect(),
            users: (0..USERS)
                .map(|at| User {
                    active: !draw.one_in(if at == 0 { 16 } else { 5 }),
                    manager: (!draw.one_in(4)).then(|| draw.below(USERS)),
                    groups: draw.some(GROUPS),
                    own: draw.some(ENTS),
                })
                .collect(),
            groups: (0..GROUPS)
                .map(|at| draw.some(GROUPS).into_iter().filter(|parent| *parent > at).collect())
                .collect(),
            principals: (0..2)
                .map(|_| ServicePrincipal {
                    active: !draw.one_in(8),
                    owner: draw.below(USERS),
                    manager: (draw.below(2) == 1).then(|| draw.below(USERS)),
                    groups: draw.some(GROUPS),
                })
                .collect(),
            ents: (0..ENTS).map(|_| (!draw.one_in(4)).then(|| requestable(draw))).collect(),
            profiles: (0..2).map(|_| requestable(draw)).collect(),
            grants: (0..draw.below(5))
                .map(|_| {
                    let from = (draw.below(3) == 2).then(|| draw.minutes());
                    let profile = draw.below(3) == 2;
                    Grant {
                        to: match draw.below(6) {
                            0..=2 => Holder::User(draw.below(2)),
                            3 => Holder::Via(draw.below(2), draw.below(3)),
                            4 => Holder::Group(draw.below(GROUPS)),
                            _ => Holder::ServicePrincipal(draw.below(2)),
                        },
                        profile,
                        what: draw.below(if profile { 2 } else { ENTS }),
                        from,
                        until: (draw.below(3) == 2)
                            .then(|| from.unwrap_or(-200 * MINUTE) + [20, 200, 400][draw.below(3)] * MINUTE),
                    }
                })
                .collect(),
            approvals: (0..draw.below(8)).map(|_| approval(draw, calls.len())).collect(),
            killed: match draw.below(40) {
                0 => Killed { tenant: true, ..Killed::default() },
                1 => Killed { server: Some(draw.below(2)), ..Killed::default() },
                2 => Killed { tool: Some(draw.below(4)), ..Killed::default() },
                3 => Killed { client: Some(draw.below(3)), ..Killed::default() },
                _ => Killed::default(),
            },
            max_age: if draw.one_in(24) { 30 * MINUTE } else { 24 * 60 * MINUTE },
            scopes: (0..3)
                .map(|_| TokenScope { enabled: !draw.one_in(4), ents: draw.some(ENTS), sensitive: draw.below(3) == 2 })
                .collect(),
            calls,
            renamed: false,
        }
    }
}
