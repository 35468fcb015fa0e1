//! A bundle as it is proved: what is called, by whom, and the policies that have a say.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy, PolicySet};
use serde_json::{Value, json};
use toolgate::facts::ToolState;
use toolgate::{Operation, ToolId};

use super::rewrite::{self, Name};
use crate::bundle::Loaded;

const NAMESPACE: &str = "Toolgate";

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// A user through a client.
    Agent,
    /// An autonomous agent.
    ServicePrincipal,
}

impl PrincipalKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Agent, Self::ServicePrincipal];

    /// As the formats write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::ServicePrincipal => "service_principal",
        }
    }

    /// Its entity type.
    pub(super) fn type_name(self) -> String {
        kind(match self {
            Self::Agent => "Agent",
            Self::ServicePrincipal => "ServicePrincipal",
        })
    }
}

/// An entity type of the vocabulary.
pub(super) fn kind(name: &str) -> String {
    format!("{NAMESPACE}::{name}")
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asked {
    /// Running a tool.
    Tool(ToolId),
    /// An entitlement, whichever.
    Request,
    /// A scope in a token.
    Scope {
        /// The server.
        server: String,
        /// The scope.
        scope: String,
    },
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tool(id) => write!(f, "{id}"),
            Self::Request => f.write_str("request (any entitlement)"),
            Self::Scope { server, scope } => write!(f, "issue_token {scope} of {server}"),
        }
    }
}

/// What the catalog says of a tool or scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) entitlements: BTreeSet<String>,
    pub(super) labels: BTreeSet<String>,
    pub(super) sensitive: bool,
    pub(super) trusted: bool,
    pub(super) environment: String,
}

/// Something that can be asked for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) asked: Asked,
    pub(super) operation: Option<Operation>,
    /// The action and the group it is in.
    pub(super) action: Vec<Name>,
    /// The resource and the server it is on; an entitlement is any.
    pub(super) resource: Option<Vec<Name>>,
    pub(super) facts: Facts,
    /// The tool's `inputSchema`.
    pub(super) schema: Option<Value>,
}

/// A policy, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) effect: Effect,
    est: Value,
    /// The attributes that it reads.
    pub(super) reads: BTreeSet<String>,
    /// The entities that it names.
    pub(super) names: BTreeSet<Name>,
}

/// A bundle as it is proved.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) targets: Vec<Target>,
    pub(super) rules: Vec<Rule>,
    /// Tools to which no call gets as far as the policies: disabled, or never approved.
    pub(super) closed: Vec<ToolId>,
}

impl<'a> World<'a> {
    pub(super) fn new(loaded: &'a Loaded) -> Result<Self, String> {
        let catalog = loaded.engine.catalog();
        let server = |id: &str| catalog.servers.get(id);
        let place = |id: &str| server(id).and_then(|server| server.environment.clone());
        let facts = |id: &str, entitlements: &[String], labels: &[String], sensitive: bool| Facts {
            entitlements: entitlements.iter().cloned().collect(),
            labels: labels.iter().cloned().collect(),
            sensitive,
            trusted: server(id).is_some_and(|server| server.trusted),
            // a server nobody placed is where most care is needed
            environment: place(id).unwrap_or_else(|| "production".into()),
        };
        let (mut targets, mut closed) = (Vec::new(), Vec::new());
        for tool in catalog.tools.values() {
            if tool.state != ToolState::Approved {
                closed.push(tool.id.clone());
                continue;
            }
            let id = tool.id.to_string();
            targets.push(Target {
                asked: Asked::Tool(tool.id.clone()),
                operation: Some(tool.operation),
                action: vec![(kind("Action"), id.clone()), (kind("Action"), tool.operation.as_str().to_owned())],
                resource: Some(vec![(kind("Tool"), id), (kind("Server"), tool.id.server.clone())]),
                facts: facts(&tool.id.server, &tool.entitlements, &tool.labels, tool.sensitive),
                schema: serde_json::to_value(&tool.definition.input_schema).ok(),
            });
        }
        targets.push(Target {
            asked: Asked::Request,
            operation: None,
            action: vec![(kind("Action"), "request".into())],
            resource: None,
            facts: Facts { trusted: true, environment: "production".into(), ..Facts::default() },
            schema: None,
        });
        for (id, server) in &catalog.servers {
            for (name, scope) in server.scopes.iter().filter(|(_, scope)| scope.enabled) {
                targets.push(Target {
                    asked: Asked::Scope { server: id.clone(), scope: name.clone() },
                    operation: None,
                    action: vec![(kind("Action"), "issue_token".into())],
                    resource: Some(vec![(kind("Scope"), format!("{id}/{name}")), (kind("Server"), id.clone())]),
                    facts: facts(id, &scope.entitlements, &scope.labels, scope.sensitive),
                    schema: None,
                });
            }
        }
        Ok(Self { loaded, targets, rules: rules(loaded)?, closed })
    }

    /// The policies whose scope lets through what is asked, for this kind of principal.
    pub(super) fn applying(&self, target: &Target, principal: PrincipalKind) -> Vec<&Rule> {
        self.rules.iter().filter(|rule| rule.applies(target, principal)).collect()
    }
}

impl Rule {
    fn new(policy: &Policy) -> Result<Self, String> {
        let id = policy.annotation("id").map_or_else(|| policy.id().to_string(), Into::into);
        let mut est = policy.to_json().map_err(|error| format!("policy `{id}`: {error}"))?;
        let (mut reads, mut names) = (BTreeSet::new(), BTreeSet::new());
        let bodies = est.get_mut("conditions").and_then(Value::as_array_mut).into_iter().flatten();
        for body in bodies.filter_map(|condition| condition.get_mut("body")) {
            rewrite::walk(body, &mut |expr| {
                rewrite::attributes(expr, &mut reads);
                names.extend(rewrite::literal(expr));
            });
        }
        let scope = est.get("principal");
        names.extend(scope.iter().flat_map(|scope| uids(scope)));
        names.extend(scope.and_then(|scope| scope.get("in")).iter().flat_map(|scope| uids(scope)));
        Ok(Self { id, effect: policy.effect(), est, reads, names })
    }

    fn applies(&self, target: &Target, principal: PrincipalKind) -> bool {
        let part = |name: &str| self.est.get(name).unwrap_or(&Value::Null);
        let is = |scope: &Value, name: &str| scope.get("entity_type").is_none_or(|kind| kind == name);
        is(part("principal"), &principal.type_name())
            && within(part("action"), &target.action)
            && match &target.resource {
                Some(line) => {
                    line.first().is_some_and(|(name, _)| is(part("resource"), name)) && within(part("resource"), line)
                }
                None => is(part("resource"), &kind("Entitlement")),
            }
    }

    /// The policy for one target, read with a view and under an assumption (an expression in JSON).
    pub(super) fn policy(&self, view: &rewrite::View<'_>, assume: Option<&Value>) -> Result<Policy, String> {
        let say = |error: String| format!("policy `{}` is not supported: {error}", self.id);
        let mut est = self.est.clone();
        let mut conditions = Vec::new();
        conditions.extend(assume.map(|assume| json!({"kind": "when", "body": assume})));
        for condition in est.get("conditions").and_then(Value::as_array).into_iter().flatten() {
            let mut condition = condition.clone();
            if let Some(body) = condition.get_mut("body") {
                rewrite::rewrite(body, view).map_err(say)?;
            }
            conditions.push(condition);
        }
        if let Some(parts) = est.as_object_mut() {
            parts.insert("action".into(), json!({"op": "All"}));
            if view.resource.is_some() {
                parts.insert("resource".into(), json!({"op": "All"}));
            }
            parts.insert("conditions".into(), Value::Array(conditions));
            parts.remove("annotations");
        }
        Policy::from_json(Some(cedar_policy::PolicyId::new(&self.id)), est).map_err(|error| say(error.to_string()))
    }
}

/// The entities that a part of a scope names.
fn uids(scope: &Value) -> Vec<Name> {
    let many = scope.get("entities").and_then(Value::as_array).into_iter().flatten();
    many.chain(scope.get("entity")).filter_map(rewrite::entity).collect()
}

/// Whether an entity passes a part of a scope, given itself and what it is in.
fn within(scope: &Value, line: &[Name]) -> bool {
    match scope.get("op").and_then(Value::as_str) {
        Some("==") => uids(scope).first() == line.first(),
        Some("in") => uids(scope).iter().any(|name| line.contains(name)),
        Some("is") => scope.get("in").is_none_or(|scope| uids(scope).iter().any(|name| line.contains(name))),
        _ => true,
    }
}

fn rules(loaded: &Loaded) -> Result<Vec<Rule>, String> {
    let mut rules = Vec::new();
    for source in &loaded.folder.bundle.policies {
        let text = String::from_utf8_lossy(&source.bytes);
        // the engine has read it: it is not nested too deeply, and every policy has an id
        let set: PolicySet = text.parse().map_err(|error| format!("{}: {error}", source.file))?;
        for policy in set.policies() {
            rules.push(Rule::new(policy)?);
        }
    }
    rules.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(rules)
}
