//! Scopes: which actions and entities a policy is about, and whether one scope lets through all that another does.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{
    ActionConstraint, EntityReference, EntityUID, PrincipalOrResourceConstraint as Constraint,
};
use toolgate::Operation;
use toolgate::facts::Tool;

use super::condition::named;
use super::subject::{Policy, Subject};

/// The actions that a scope lets through.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Actions {
    /// All there are.
    pub(super) any: bool,
    /// Asking for an entitlement.
    pub(super) request: bool,
    /// Putting a scope into a token.
    pub(super) token: bool,
    /// Calls of tools of these operations.
    pub(super) operations: BTreeSet<&'static str>,
    /// Calls of these tools.
    pub(super) tools: BTreeSet<String>,
}

impl Actions {
    pub(super) fn of(constraint: &ActionConstraint) -> Self {
        let mut actions = Self::default();
        let uids: Vec<&EntityUID> = match constraint {
            ActionConstraint::In(uids) => uids.iter().map(AsRef::as_ref).collect(),
            ActionConstraint::Eq(uid) => vec![uid],
            _ => return Self { any: true, ..actions },
        };
        for uid in uids {
            let id: &str = uid.eid().as_ref();
            match Operation::ALL.into_iter().find(|operation| operation.as_str() == id) {
                Some(operation) => {
                    actions.operations.insert(operation.as_str());
                }
                None if id == "request" => actions.request = true,
                None if id == "issue_token" => actions.token = true,
                None => {
                    actions.tools.insert(id.into());
                }
            }
        }
        actions
    }

    /// Whether calls of a tool pass.
    pub(super) fn lets(&self, tool: &Tool) -> bool {
        self.any || self.operations.contains(tool.operation.as_str()) || self.tools.contains(&tool.id.to_string())
    }

    /// Whether any tool could pass.
    pub(super) fn about_tools(&self) -> bool {
        self.any || !self.operations.is_empty() || !self.tools.is_empty()
    }

    /// Whether everything that `other` lets through passes.
    fn covers(&self, other: &Self, subject: &Subject<'_>) -> bool {
        let operation = |tool: &str| subject.tool(tool).map(|tool| tool.operation.as_str());
        let tool = |name: &String| {
            self.tools.contains(name) || operation(name).is_some_and(|operation| self.operations.contains(operation))
        };
        self.any
            || !other.any
                && (self.request || !other.request)
                && (self.token || !other.token)
                && other.operations.is_subset(&self.operations)
                && other.tools.iter().all(tool)
    }
}

/// What a scope says of the principal or the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// `is Toolgate::Tool` → `Tool`
    is: Option<String>,
    /// `in Toolgate::Server::"crm"` → `(Server, crm)`
    within: Option<(String, String)>,
    /// `== Toolgate::Tool::"crm/find"`
    same: Option<(String, String)>,
}

impl Bound {
    pub(super) fn of(constraint: &Constraint) -> Self {
        let entity = |reference: &EntityReference| match reference {
            EntityReference::EUID(uid) => named(uid).map(|(kind, id)| (kind, id.to_owned())),
            EntityReference::Slot(_) => None,
        };
        let plain = |name: String| name.strip_prefix("Toolgate::").map(str::to_owned);
        let none = Self { is: None, within: None, same: None };
        match constraint {
            Constraint::Any => none,
            Constraint::Eq(uid) => Self { same: entity(uid), ..none },
            Constraint::In(uid) => Self { within: entity(uid), ..none },
            Constraint::Is(kind) => Self { is: plain(kind.to_string()), ..none },
            Constraint::IsIn(kind, uid) => Self { is: plain(kind.to_string()), within: entity(uid), same: None },
        }
    }

    /// Whether a tool passes.
    pub(super) fn lets_tool(&self, tool: &Tool) -> bool {
        let itself = |(kind, id): &(String, String)| kind == "Tool" && *id == tool.id.to_string();
        let on = |(kind, id): &(String, String)| kind == "Server" && *id == tool.id.server;
        self.is.as_ref().is_none_or(|kind| kind == "Tool")
            && self.same.as_ref().is_none_or(itself)
            && self.within.as_ref().is_none_or(|entity| itself(entity) || on(entity))
    }

    /// Whether a scope of a token passes.
    pub(super) fn lets_scope(&self, server: &str, scope: &str) -> bool {
        let itself = |(kind, id): &(String, String)| kind == "Scope" && *id == format!("{server}/{scope}");
        let on = |(kind, id): &(String, String)| kind == "Server" && id == server;
        self.is.as_ref().is_none_or(|kind| kind == "Scope")
            && self.same.as_ref().is_none_or(itself)
            && self.within.as_ref().is_none_or(|entity| itself(entity) || on(entity))
    }

    /// Whether only what is in an entity of one of these types passes.
    pub(super) fn is_within(&self, kinds: &[&str]) -> bool {
        self.within.as_ref().is_some_and(|(kind, _)| kinds.contains(&kind.as_str()))
    }

    /// Whether everything that `other` lets through passes, taken by themselves.
    fn covers(&self, other: &Self) -> bool {
        let kind = |wanted: &String| {
            other.is.as_ref() == Some(wanted) || other.same.as_ref().is_some_and(|(kind, _)| kind == wanted)
        };
        let within = |wanted: &(String, String)| {
            let on = |(kind, id): &(String, String)| {
                wanted.0 == "Server"
                    && (kind == "Tool" || kind == "Scope")
                    && id.split_once('/').is_some_and(|(server, _)| server == wanted.1)
            };
            other.within.as_ref() == Some(wanted) || other.same.as_ref().is_some_and(|same| same == wanted || on(same))
        };
        self.is.as_ref().is_none_or(kind)
            && self.within.as_ref().is_none_or(within)
            && (self.same.is_none() || self.same == other.same)
    }
}

/// Whether the scope of `wide` lets through every request that the scope of `narrow` does.
pub(super) fn covers(wide: &Policy<'_>, narrow: &Policy<'_>, subject: &Subject<'_>) -> bool {
    if !wide.actions.covers(&narrow.actions, subject) {
        return false;
    }
    if !Bound::of(wide.principal()).covers(&Bound::of(narrow.principal())) {
        return false;
    }
    let (resource, other) = (Bound::of(wide.resource()), Bound::of(narrow.resource()));
    if resource.covers(&other) {
        return true;
    }
    // a call of a tool is about that tool, so the actions say what the resource can be
    let actions = &narrow.actions;
    let only_tools = !actions.any && !actions.request && !actions.token;
    let named = only_tools && actions.operations.is_empty() && !actions.tools.is_empty();
    if named {
        return actions.tools.iter().all(|name| match (subject.tool(name), name.split_once('/')) {
            (Some(tool), _) => resource.lets_tool(tool),
            _ => false,
        });
    }
    only_tools && resource == Bound { is: Some("Tool".into()), within: None, same: None }
}
