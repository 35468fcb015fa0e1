//! One policy as data, so that every contestant gets the same one in its own language.

use std::fmt::Write;

/// What a tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Looks.
    Read,
    /// Changes.
    Write,
    /// Takes away.
    Delete,
}

impl Operation {
    /// As policies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Anyone.
    Any,
    /// A person's agent.
    Agent,
    /// An autonomous agent.
    ServicePrincipal,
    /// Whoever is in a group, by its number.
    Group(usize),
    /// Whoever holds an entitlement, by its number.
    Entitlement(usize),
    /// Whoever holds a profile, by its number.
    Profile(usize),
}

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Anything.
    Any,
    /// What tools of these operations do.
    Operations(Vec<Operation>),
    /// Calls of these tools, by their numbers.
    Tools(Vec<usize>),
}

/// What it is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Anything.
    Any,
    /// The tools of a server, by its number.
    Server(usize),
    /// One tool, by its number.
    Tool(usize),
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cond {
    /// The subject holds an entitlement of the tool.
    Entitled,
    /// The tool is sensitive, or is not.
    Sensitive(bool),
    /// The server is trusted, or is not.
    Trusted(bool),
    /// The tool has a label.
    Label(&'static str),
    /// The session has a label.
    Session(&'static str),
    /// The session has made more calls.
    CallsOver(usize),
    /// The client is of a kind.
    ClientKind(&'static str),
    /// The user said yes.
    UserYes,
    /// The manager said yes.
    ManagerYes,
    /// The tool is of an operation.
    Does(Operation),
    /// An optional argument is there and is a larger number.
    HasOver(&'static str, usize),
    /// A number (`a` or `a.b`) is larger.
    Over(&'static str, usize),
    /// A text is this one.
    Is(&'static str, &'static str),
    /// An optional object is there and a text in it is this one.
    HasIs(&'static str, &'static str, &'static str),
    /// A text begins so.
    Begins(&'static str, &'static str),
    /// A boolean is true.
    True(&'static str),
    /// A list has this text.
    Contains(&'static str, &'static str),
    /// One of several conjunctions holds.
    AnyOf(Vec<Vec<Cond>>),
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Whether it permits; else it forbids.
    pub permit: bool,
    /// Who is meant.
    pub principal: Principal,
    /// What is done.
    pub action: Action,
    /// What it is done with.
    pub resource: Resource,
    /// All of these hold.
    pub when: Vec<Cond>,
    /// And this one does not.
    pub unless: Option<Cond>,
    /// How long a yes is good for, as an annotation.
    pub valid_for: Option<&'static str>,
    /// How far a yes reaches, as an annotation.
    pub reuse: Option<&'static str>,
}

/// The names that numbers in policies stand for.
pub trait Names {
    /// A tool's `server/name`.
    fn tool(&self, tool: usize) -> &str;
    /// A server's id.
    fn server(&self, server: usize) -> &str;
    /// A group's id.
    fn group(&self, group: usize) -> &str;
    /// An entitlement's id.
    fn entitlement(&self, entitlement: usize) -> &str;
    /// A profile's id.
    fn profile(&self, profile: usize) -> &str;
}

/// The policy in Cedar.
pub fn cedar(policy: &Policy, names: &dyn Names) -> String {
    let mut out = format!("@id(\"{}\")", policy.id);
    for (key, value) in [("valid_for", policy.valid_for), ("reuse", policy.reuse)] {
        if let Some(value) = value {
            write!(out, " @{key}(\"{value}\")").unwrap();
        }
    }
    let principal = match &policy.principal {
        Principal::Any => "principal".into(),
        Principal::Agent => "principal is Toolgate::Agent".into(),
        Principal::ServicePrincipal => "principal is Toolgate::ServicePrincipal".into(),
        Principal::Group(at) => format!("principal in Toolgate::Group::\"{}\"", names.group(*at)),
        Principal::Entitlement(at) => format!("principal in Toolgate::Entitlement::\"{}\"", names.entitlement(*at)),
        Principal::Profile(at) => format!("principal in Toolgate::Profile::\"{}\"", names.profile(*at)),
    };
    let action = match &policy.action {
        Action::Any => "action".into(),
        Action::Operations(of) if of.len() == 1 => format!("action in Toolgate::Action::\"{}\"", of[0].as_str()),
        Action::Operations(of) => list(of.iter().map(|of| of.as_str())),
        Action::Tools(tools) if tools.len() == 1 => format!("action == Toolgate::Action::\"{}\"", names.tool(tools[0])),
        Action::Tools(tools) => list(tools.iter().map(|tool| names.tool(*tool))),
    };
    let resource = match &policy.resource {
        Resource::Any => "resource".into(),
        Resource::Server(at) => format!("resource in Toolgate::Server::\"{}\"", names.server(*at)),
        Resource::Tool(at) => format!("resource == Toolgate::Tool::\"{}\"", names.tool(*at)),
    };
    let effect = if policy.permit { "permit" } else { "forbid" };
    write!(out, "\n{effect} ({principal}, {action}, {resource})").unwrap();
    if !policy.when.is_empty() {
        write!(out, "\nwhen {{ {} }}", all(&policy.when)).unwrap();
    }
    if let Some(cond) = &policy.unless {
        write!(out, "\nunless {{ {} }}", one(cond)).unwrap();
    }
    out.push_str(";\n\n");
    out
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("Toolgate::Action::\"{name}\"")).collect();
    format!("action in [{}]", names.join(", "))
}

fn all(conds: &[Cond]) -> String {
    conds.iter().map(one).collect::<Vec<_>>().join(" && ")
}

fn one(cond: &Cond) -> String {
    let not = |yes: &bool| if *yes { "" } else { "!" };
    match cond {
        Cond::Entitled => "principal in resource.entitlements".into(),
        Cond::Sensitive(yes) => format!("{}resource.sensitive", not(yes)),
        Cond::Trusted(yes) => format!("{}resource.trusted", not(yes)),
        Cond::Label(label) => format!("resource.labels.contains(\"{label}\")"),
        Cond::Session(label) => format!("context.session.labels.contains(\"{label}\")"),
        Cond::CallsOver(n) => format!("context.session.calls > {n}"),
        Cond::ClientKind(kind) => format!("principal.client.kind == \"{kind}\""),
        Cond::UserYes => "context.approval.self".into(),
        Cond::ManagerYes => "context.approval.manager".into(),
        Cond::Does(of) => format!("action in Toolgate::Action::\"{}\"", of.as_str()),
        Cond::HasOver(name, n) => format!("context.input has {name} && context.input.{name} > {n}"),
        Cond::Over(path, n) => format!("context.input.{path} > {n}"),
        Cond::Is(path, text) => format!("context.input.{path} == \"{text}\""),
        Cond::HasIs(name, member, text) => {
            format!("context.input has {name} && context.input.{name}.{member} == \"{text}\"")
        }
        Cond::Begins(path, text) => format!("context.input.{path} like \"{text}*\""),
        Cond::True(path) => format!("context.input.{path}"),
        Cond::Contains(path, text) => format!("context.input.{path}.contains(\"{text}\")"),
        Cond::AnyOf(ways) => {
            format!("({})", ways.iter().map(|way| format!("({})", all(way))).collect::<Vec<_>>().join(" || "))
        }
    }
}
