//! What the lints look at: one bundle that has loaded, its policies parsed, its people counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use cedar_policy_core::ast::{self, Expr, PrincipalOrResourceConstraint};
use toolgate::facts::{Catalog, Holder, Path, Snapshot, Tool, ToolState};
use toolgate::{Bundle, Effect, Engine, Source};

use super::condition::span;
use super::facts::Facts;
use super::place::{Place, Places};
use super::scope::{Actions, Bound};
use crate::source::{PolicyFile, PolicyText};

/// Everything a lint may look at.
pub(super) struct Subject<'a> {
    pub(super) engine: &'a Engine,
    pub(super) catalog: &'a Catalog,
    pub(super) snapshot: &'a Snapshot,
    pub(super) policies: Vec<Policy<'a>>,
    pub(super) people: People<'a>,
    pub(super) places: Places<'a>,
    by_operation: BTreeMap<&'static str, Vec<&'a Tool>>,
}

/// A policy as it is written and as Cedar understands it.
pub(super) struct Policy<'a> {
    pub(super) file: &'a PolicyFile,
    pub(super) text: &'a PolicyText,
    pub(super) actions: Actions,
    body: ast::Policy,
}

/// Who is there to hold, ask and approve.
pub(super) struct People<'a> {
    /// Users who are active.
    pub(super) users: BTreeSet<&'a str>,
    /// Groups with an active user, in it or in a group below.
    pub(super) groups: BTreeSet<&'a str>,
    /// Groups with an active service principal, likewise.
    machine_groups: BTreeSet<&'a str>,
    /// Service principals that are active.
    pub(super) service_principals: BTreeSet<&'a str>,
}

impl<'a> Subject<'a> {
    /// Parses the policies of a bundle that has loaded.
    pub(super) fn new(
        engine: &'a Engine,
        bundle: &'a Bundle,
        snapshot: &'a Snapshot,
        files: &'a [PolicyFile],
        manifest: Option<&'a Source>,
    ) -> Self {
        let catalog = engine.catalog();
        let mut by_operation: BTreeMap<&'static str, Vec<&'a Tool>> = BTreeMap::new();
        for tool in catalog.tools.values() {
            by_operation.entry(tool.operation.as_str()).or_default().push(tool);
        }
        Self {
            engine,
            catalog,
            snapshot,
            policies: files.iter().flat_map(policies).collect(),
            people: People::of(snapshot),
            places: Places::new(bundle, manifest),
            by_operation,
        }
    }

    /// The policies of one effect.
    pub(super) fn with(&self, effect: Effect) -> impl Iterator<Item = &Policy<'a>> {
        self.policies.iter().filter(move |policy| policy.text.effect == effect)
    }

    /// The tools that a policy's scope lets through.
    pub(super) fn tools_of(&self, policy: &Policy<'_>) -> Vec<&'a Tool> {
        let actions = &policy.actions;
        let resource = Bound::of(policy.resource());
        let fits = |tool: &&'a Tool| resource.lets_tool(tool);
        if actions.any {
            return self.catalog.tools.values().filter(fits).collect();
        }
        let of_operations = actions.operations.iter().filter_map(|name| self.by_operation.get(name)).flatten().copied();
        let named = actions.tools.iter().filter_map(|name| self.tool(name));
        let named = named.filter(|tool| !actions.operations.contains(tool.operation.as_str()));
        of_operations.chain(named).filter(fits).collect()
    }

    /// A tool by its id as text.
    pub(super) fn tool(&self, name: &str) -> Option<&'a Tool> {
        self.catalog.tools.get(&name.parse().ok()?)
    }

    /// Whether calls of a tool pass the gateway and may be made at all.
    pub(super) fn is_offered(&self, tool: &Tool) -> bool {
        let server = self.catalog.servers.get(&tool.id.server);
        tool.state == ToolState::Approved && server.is_none_or(|server| server.path == Path::Gateway)
    }
}

fn policies(file: &PolicyFile) -> Vec<Policy<'_>> {
    // the same parser has read the file before; if it fails nevertheless there is nothing to look at
    let Ok(parsed) = cedar_policy_core::parser::parse_policyset(&file.text) else { return Vec::new() };
    let mut bodies: HashMap<String, ast::Policy> = HashMap::new();
    for policy in parsed.into_policies() {
        bodies.insert(policy.id().to_string(), policy);
    }
    let texts = file.policies.iter().enumerate();
    texts
        .filter_map(|(at, text)| {
            let body = bodies.remove(&format!("policy{at}"))?;
            Some(Policy { file, text, actions: Actions::of(body.action_constraint()), body })
        })
        .collect()
}

impl Policy<'_> {
    /// Its `@id`.
    pub(super) fn id(&self) -> &str {
        &self.text.id
    }

    /// Its conditions as one: `when` and not `unless`.
    pub(super) fn condition(&self) -> Option<&Expr> {
        self.body.non_scope_constraints()
    }

    /// The principal's part of its scope.
    pub(super) fn principal(&self) -> &PrincipalOrResourceConstraint {
        self.body.template().principal_constraint().as_inner()
    }

    /// The resource's.
    pub(super) fn resource(&self) -> &PrincipalOrResourceConstraint {
        self.body.template().resource_constraint().as_inner()
    }

    /// What its scope says of the principal's type.
    pub(super) fn facts(&self) -> Facts {
        let mut facts = Facts::default();
        let kind = match self.principal() {
            PrincipalOrResourceConstraint::Is(kind) | PrincipalOrResourceConstraint::IsIn(kind, _) => kind.to_string(),
            PrincipalOrResourceConstraint::Eq(_) if self.text.principal.bound.is_some() => {
                "Toolgate::ServicePrincipal".into()
            }
            _ => return facts,
        };
        facts.principal_is(&kind);
        facts
    }

    /// An annotation's value.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        self.text.annotation(key).map(|annotation| annotation.value.as_str())
    }

    /// A place in its file.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place { file: self.file.file.clone(), span: Some(self.file.place(span)), pointer: None }
    }

    /// Where its effect and its scope stand.
    pub(super) fn head(&self) -> Place {
        self.place(&self.text.effect_span)
    }

    /// Where an annotation stands.
    pub(super) fn at_annotation(&self, key: &str) -> Place {
        self.text.annotation(key).map_or_else(|| self.head(), |annotation| self.place(&annotation.span))
    }

    /// Where a part of its condition stands.
    pub(super) fn at(&self, expr: &Expr) -> Place {
        span(expr).map_or_else(|| self.head(), |span| self.place(&span))
    }

    /// A part of its condition as it is written.
    pub(super) fn written(&self, expr: &Expr) -> String {
        let text = span(expr).map(|span| self.file.at(&span)).unwrap_or_default();
        crate::render::short(&text.split_whitespace().collect::<Vec<_>>().join(" "), 80).into_owned()
    }

    /// Whether a part of the condition reads this path, `context.approval` for instance.
    pub(super) fn reads(&self, wanted: &[&str]) -> bool {
        let mut found = false;
        if let Some(condition) = self.condition() {
            super::condition::walk(condition, &mut |expr| found |= super::condition::is_path(expr, wanted));
        }
        found
    }
}

impl<'a> People<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        let parents: HashMap<&str, &Vec<String>> =
            snapshot.groups.iter().map(|group| (group.id.as_str(), &group.parents)).collect();
        let above = |direct: Vec<&'a String>| {
            let (mut found, mut open): (BTreeSet<&str>, Vec<&str>) = (BTreeSet::new(), Vec::new());
            open.extend(direct.into_iter().map(String::as_str));
            while let Some(group) = open.pop() {
                if found.insert(group) {
                    open.extend(parents.get(group).into_iter().flat_map(|above| above.iter()).map(String::as_str));
                }
            }
            found
        };
        let users = || snapshot.users.iter().filter(|user| user.active);
        let machines = || snapshot.service_principals.iter().filter(|principal| principal.active);
        Self {
            users: users().map(|user| user.id.as_str()).collect(),
            groups: above(users().flat_map(|user| &user.groups).collect()),
            machine_groups: above(machines().flat_map(|principal| &principal.groups).collect()),
            service_principals: machines().map(|principal| principal.id.as_str()).collect(),
        }
    }

    /// Whether a grant to a holder reaches anybody.
    pub(super) fn reaches(&self, holder: &Holder) -> bool {
        match holder {
            Holder::User(user) | Holder::UserClient { user, .. } => self.users.contains(user.as_str()),
            Holder::Group(group) => self.groups.contains(group.as_str()),
            Holder::ServicePrincipal(id) => self.service_principals.contains(id.as_str()),
        }
    }

    /// Whether anybody may ask for what these groups may ask for.
    pub(super) fn can_ask(&self, groups: &[String]) -> bool {
        let machines = |group: &str| self.machine_groups.contains(group);
        groups.iter().any(|group| match group.as_str() {
            "*" => !self.users.is_empty() || !self.service_principals.is_empty(),
            group => self.groups.contains(group) || machines(group),
        })
    }
}
