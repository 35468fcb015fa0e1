//! The Cedar vocabulary of one engine: a fixed base plus one action per tool, so that arguments are typed.
//!
//! Tool, entitlement and scope share their attributes, so that a policy with an open scope type-checks.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema, SchemaFragment};
use serde_json::{Map, Value, json};

use crate::compile::arguments::{cedar_type, json_common_type};
use crate::data::catalog::Catalog;
use crate::data::id::{Operation, ToolId};
use crate::data::json::Json;
use crate::error::{Error, ErrorKind};
use crate::load::arguments::Arguments;

/// The action for asking for an entitlement.
pub(crate) const REQUEST: &str = "request";
/// The action for putting a scope into a token.
pub(crate) const ISSUE_TOKEN: &str = "issue_token";
/// The environment of a server nobody placed: the one that needs most care.
pub(crate) const DEFAULT_ENVIRONMENT: &str = "production";

/// The entity types, parsed once.
#[derive(Clone, Debug)]
pub(crate) struct Types {
    pub(crate) action: EntityTypeName,
    pub(crate) agent: EntityTypeName,
    pub(crate) client: EntityTypeName,
    pub(crate) entitlement: EntityTypeName,
    pub(crate) group: EntityTypeName,
    pub(crate) profile: EntityTypeName,
    pub(crate) scope: EntityTypeName,
    pub(crate) server: EntityTypeName,
    pub(crate) service_principal: EntityTypeName,
    pub(crate) tool: EntityTypeName,
    pub(crate) user: EntityTypeName,
}

impl Types {
    pub(crate) fn new() -> Result<Self, Error> {
        let name = |text: &str| {
            format!("Toolgate::{text}")
                .parse()
                .map_err(|error| Error::new(ErrorKind::Schema, format!("entity type `{text}`: {error}")))
        };
        Ok(Self {
            action: name("Action")?,
            agent: name("Agent")?,
            client: name("Client")?,
            entitlement: name("Entitlement")?,
            group: name("Group")?,
            profile: name("Profile")?,
            scope: name("Scope")?,
            server: name("Server")?,
            service_principal: name("ServicePrincipal")?,
            tool: name("Tool")?,
            user: name("User")?,
        })
    }
}

/// The entity `id` of a type. Ids are data: they never pass through Cedar's parser.
pub(crate) fn uid(entity_type: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(entity_type.clone(), EntityId::new(id))
}

/// The schema for a catalog. `absent` are tools that policies name and the catalog does not have: they become
/// actions that apply to nothing, so that a policy that lists several tools fits a catalog with some of them.
pub(crate) fn schema(
    catalog: &Catalog,
    arguments: &BTreeMap<ToolId, Arguments>,
    absent: &BTreeSet<String>,
) -> Result<SchemaFragment, Error> {
    let mut actions = base_actions(true);
    for (id, tool) in &catalog.tools {
        actions.insert(id.to_string(), tool_action(tool.operation, arguments.get(id))?);
    }
    for name in absent {
        actions.entry(name.clone()).or_insert_with(|| json!({}));
    }
    base(&actions)
}

/// The part of the schema that is the same for every catalog: all of it but the tools' actions. Unless `all`, the
/// actions for requests and tokens apply to nothing.
pub(crate) fn base_fragment(all: bool) -> Result<SchemaFragment, Error> {
    base(&base_actions(all))
}

/// The part of the schema that is one tool's. Fits beside the base, in a schema of several fragments.
pub(crate) fn tool_fragment(
    name: &str,
    operation: Operation,
    arguments: Option<&Arguments>,
) -> Result<SchemaFragment, Error> {
    fragment(json!({"Toolgate": {"entityTypes": {}, "actions": {name: tool_action(operation, arguments)?}}}))
}

/// Actions that policies name and that apply to nothing: tools of no catalog, or of which only the name matters.
pub(crate) fn inert_fragment<'a>(
    names: impl IntoIterator<Item = (&'a str, Option<Operation>)>,
) -> Result<SchemaFragment, Error> {
    let actions = names.into_iter().map(|(name, operation)| {
        let groups: Vec<_> = operation.iter().map(|operation| json!({"id": operation.as_str()})).collect();
        (name.to_owned(), json!({"memberOf": groups}))
    });
    fragment(json!({"Toolgate": {"entityTypes": {}, "actions": actions.collect::<Map<_, _>>()}}))
}

/// Fragments as one schema.
pub(crate) fn join(fragments: impl IntoIterator<Item = SchemaFragment>) -> Result<Schema, Error> {
    Schema::from_schema_fragments(fragments).map_err(no_schema)
}

fn base_actions(all: bool) -> Map<String, Value> {
    let groups = Operation::ALL.iter().map(|operation| (operation.to_string(), json!({})));
    let others = [(REQUEST, "Entitlement"), (ISSUE_TOKEN, "Scope")].map(|(name, resource)| {
        (name.to_owned(), if all { json!({"appliesTo": applies_to(resource, None)}) } else { json!({}) })
    });
    groups.chain(others).collect()
}

fn tool_action(operation: Operation, arguments: Option<&Arguments>) -> Result<Value, Error> {
    let input = match arguments {
        Some(arguments) => value(&cedar_type(arguments))?,
        None => json!({"type": "Record", "attributes": {}}),
    };
    Ok(json!({"memberOf": [{"id": operation.as_str()}], "appliesTo": applies_to("Tool", Some(input))}))
}

fn base(actions: &Map<String, Value>) -> Result<SchemaFragment, Error> {
    let entity = |members: &[&str], attributes: Value| json!({"memberOfTypes": members, "shape": {"type": "Record", "attributes": attributes}});
    let holder = ["Entitlement", "Profile", "Group"];
    let entity_types = json!({
        "Agent": entity(&holder, json!({"user": reference("User"), "client": reference("Client")})),
        "ServicePrincipal": entity(&holder, json!({"owner": reference("User")})),
        "User": entity(&["Group", "Entitlement"], json!({})),
        "Client": entity(&[], json!({"kind": {"type": "String"}})),
        "Group": entity(&["Group"], json!({})),
        "Profile": entity(&["Entitlement"], json!({})),
        "Server": entity(&[], json!({})),
        "Tool": entity(&["Server"], guarded()),
        "Entitlement": entity(&[], guarded()),
        "Scope": entity(&["Server"], guarded()),
    });
    fragment(json!({"Toolgate": {
        "entityTypes": entity_types,
        "actions": actions,
        "commonTypes": {"Approval": approval(), "Session": session(), "Json": value(&json_common_type())?},
    }}))
}

fn fragment(document: Value) -> Result<SchemaFragment, Error> {
    SchemaFragment::from_json_value(document).map_err(no_schema)
}

fn no_schema(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Schema, format!("the catalog does not make a Cedar schema: {error}"))
}

/// The schema in Cedar's own syntax. Cedar prints `__cedar::String` where `String` means the same.
pub(crate) fn print(fragment: &SchemaFragment) -> Option<String> {
    let text = fragment.to_cedarschema().ok()?;
    let (mut out, mut rest) = (String::with_capacity(text.len()), text.as_str());
    let mut quoted = false;
    while let Some(char) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("__cedar::").filter(|_| !quoted) {
            rest = after;
            continue;
        }
        let length = match char {
            '\\' if quoted => rest.chars().take(2).map(char::len_utf8).sum(),
            _ => char.len_utf8(),
        };
        quoted ^= char == '"';
        let (done, after) = rest.split_at_checked(length)?;
        out.push_str(done);
        rest = after;
    }
    Some(out)
}

fn value(json: &Json) -> Result<Value, Error> {
    serde_json::to_value(json).map_err(|error| Error::new(ErrorKind::Schema, error.to_string()))
}

fn reference(name: &str) -> Value {
    json!({"type": "EntityOrCommon", "name": name})
}

/// What tool, entitlement and scope have in common.
fn guarded() -> Value {
    json!({
        "entitlements": {"type": "Set", "element": reference("Entitlement")},
        "labels": {"type": "Set", "element": {"type": "String"}},
        "sensitive": {"type": "Boolean"},
        "trusted": {"type": "Boolean"},
        "environment": {"type": "String"},
    })
}

fn applies_to(resource: &str, input: Option<Value>) -> Value {
    let mut attributes = json!({
        "approval": reference("Approval"),
        "session": reference("Session"),
        "now": {"type": "Extension", "name": "datetime"},
        "channel": {"type": "String"},
    });
    if let (Some(input), Some(attributes)) = (input, attributes.as_object_mut()) {
        attributes.insert("input".into(), input);
    }
    json!({
        "principalTypes": ["Agent", "ServicePrincipal"],
        "resourceTypes": [resource],
        "context": {"type": "Record", "attributes": attributes},
    })
}

fn approval() -> Value {
    json!({"type": "Record", "attributes": {"self": {"type": "Boolean"}, "manager": {"type": "Boolean"}}})
}

fn session() -> Value {
    json!({"type": "Record", "attributes": {
        "id": {"type": "String"},
        "calls": {"type": "Long"},
        "labels": {"type": "Set", "element": {"type": "String"}},
        "authenticated_at": {"type": "Extension", "name": "datetime"},
        "acr": {"type": "String"},
    }})
}
