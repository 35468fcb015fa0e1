//! Raw Cedar as its own users run it: policies parsed once, entities made once, a request from JSON for each call,
//! and the verdict alone. No gate, no approvals, no rungs, nothing to say.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request,
    RestrictedExpression, Schema, ValidationMode, Validator,
};
use serde_json::{Value, json};

use crate::calls::Call;
use crate::policy::Names;
use crate::workload::{What, Who, World};

/// Everything that is prepared once.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    agent: EntityTypeName,
    service_principal: EntityTypeName,
    action: EntityTypeName,
    tool: EntityTypeName,
}

impl Cedar {
    /// Parses the company's policies and makes entities of its facts: groups, entitlements, profiles, tools, and the
    /// agents that these calls are by.
    pub fn new(world: &World, calls: &[Call]) -> Self {
        Self {
            authorizer: Authorizer::new(),
            policies: parse(&world.cedar()),
            entities: Entities::from_entities(entities(world, calls), None).expect("the entities fit together"),
            agent: name("Agent"),
            service_principal: name("ServicePrincipal"),
            action: name("Action"),
            tool: name("Tool"),
        }
    }

    /// The request of a call, its context from JSON. It says only what these policies read.
    pub fn request(&self, call: &Call) -> Request {
        let input: Value = serde_json::from_slice(&call.arguments).expect("arguments are JSON");
        let context = json!({
            "input": input,
            "approval": {"self": false, "manager": false},
            "session": {"calls": call.calls, "labels": call.labels},
        });
        let principal = match &call.client {
            Some(client) => uid(&self.agent, &format!("{}#{client}", call.subject)),
            None => uid(&self.service_principal, &call.subject),
        };
        let context = Context::from_json_value(context, None).expect("the context is one");
        let (action, tool) = (uid(&self.action, &call.tool), uid(&self.tool, &call.tool));
        Request::new(principal, action, tool, context, None).expect("the request is one")
    }

    /// Whether Cedar allows a request.
    pub fn allows(&self, request: &Request) -> bool {
        let response = self.authorizer.is_authorized(request, &self.policies, &self.entities);
        response.decision() == Decision::Allow
    }

    /// Whether Cedar allows a call.
    pub fn decide(&self, call: &Call) -> u8 {
        self.allows(&self.request(call)).into()
    }
}

/// Parses policies.
pub fn parse(text: &str) -> PolicySet {
    text.parse().expect("the policies are Cedar")
}

/// Parses policies and a schema, and validates strictly.
pub fn validate(text: &str, schema: &str) -> bool {
    let (schema, _) = Schema::from_cedarschema_str(schema).expect("the schema is one");
    Validator::new(schema).validate(&parse(text), ValidationMode::Strict).validation_passed()
}

fn name(of: &str) -> EntityTypeName {
    format!("Toolgate::{of}").parse().expect("a type name")
}

fn uid(of: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(of.clone(), EntityId::new(id))
}

/// The company as Cedar entities.
fn entities(world: &World, calls: &[Call]) -> Vec<Entity> {
    let [agent, robot, user, client, group, entitlement, profile, server, tool, action] =
        ["Agent", "ServicePrincipal", "User", "Client", "Group", "Entitlement", "Profile", "Server", "Tool", "Action"]
            .map(name);
    let text = |text: &str| RestrictedExpression::new_string(text.into());
    let truth = RestrictedExpression::new_bool;
    let entity = |uid: EntityUid, attributes: Vec<(&str, RestrictedExpression)>, parents: HashSet<EntityUid>| {
        let attributes: HashMap<String, RestrictedExpression> =
            attributes.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        Entity::new(uid, attributes, parents).expect("an entity")
    };
    let none = HashSet::new;
    let mut all = Vec::new();
    for (id, parent) in &world.groups {
        let parents = parent.iter().map(|parent| uid(&group, world.group(*parent))).collect();
        all.push(entity(uid(&group, id), Vec::new(), parents));
    }
    for (id, bundled) in &world.profiles {
        let parents = bundled.iter().map(|at| uid(&entitlement, world.entitlement(*at))).collect();
        all.push(entity(uid(&profile, id), Vec::new(), parents));
    }
    all.extend(world.entitlements.iter().map(|id| entity(uid(&entitlement, id), Vec::new(), none())));
    all.extend(world.servers.iter().map(|id| entity(uid(&server, id), Vec::new(), none())));
    all.extend(["read", "write", "delete"].iter().map(|id| entity(uid(&action, id), Vec::new(), none())));
    for one in &world.clients {
        all.push(entity(uid(&client, &one.id), vec![("kind", text(one.kind))], none()));
    }
    for one in &world.tools {
        let unlocked = one.entitlements.iter().map(|at| uid(&entitlement, world.entitlement(*at)));
        let attributes = vec![
            ("entitlements", RestrictedExpression::new_set(unlocked.map(RestrictedExpression::new_entity_uid))),
            ("labels", RestrictedExpression::new_set(one.labels.iter().map(|label| text(label)))),
            ("sensitive", truth(one.sensitive)),
            ("trusted", truth(world.trusted(one.server))),
        ];
        all.push(entity(uid(&tool, &one.id), attributes, [uid(&server, world.servers[one.server])].into()));
        all.push(entity(uid(&action, &one.id), Vec::new(), [uid(&action, one.operation.as_str())].into()));
    }
    let callers: BTreeSet<Who> = calls.iter().filter_map(|call| call.who).collect();
    for who in callers {
        let held = world.held(who).into_iter().map(|what| match what {
            What::Entitlement(at) => uid(&entitlement, world.entitlement(at)),
            What::Profile(at) => uid(&profile, world.profile(at)),
        });
        let groups = world.groups_of(who).into_iter().map(|at| uid(&group, world.group(at)));
        let parents: HashSet<EntityUid> = held.chain(groups).collect();
        let reference = |of: &EntityTypeName, id: &str| RestrictedExpression::new_entity_uid(uid(of, id));
        all.push(match who {
            Who::Agent(person, through) => {
                let (person, through) = (&world.users[person].id, &world.clients[through].id);
                let attributes = vec![("user", reference(&user, person)), ("client", reference(&client, through))];
                entity(uid(&agent, &format!("{person}#{through}")), attributes, parents)
            }
            Who::ServicePrincipal(at) => {
                let one = &world.service_principals[at];
                let attributes = vec![("owner", reference(&user, &world.users[one.owner].id))];
                entity(uid(&robot, &one.id), attributes, parents)
            }
        });
    }
    all
}
