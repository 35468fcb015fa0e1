//! Cedarling: Cedar behind a service. It makes principal and resource from attributes with each request and gives them
//! no parents, so the policies read attributes where Cedar's own read ancestors.

use std::collections::HashMap;

use cedarling::blocking::Cedarling;
use cedarling::{
    AuthorizationConfig, AuthorizeOptions, BootstrapConfig, CedarEntityMapping, DataStoreConfig, EntityData,
    HttpClientConfig, JwtConfig, LogConfig, LogLevel, LogTypeConfig, PolicyStoreConfig, PolicyStoreSource,
    RequestUnsigned,
};
use serde_json::{Map, Value, json};

use crate::calls::Call;
use crate::peers::facts::{self, Facts};
use crate::policy::{self, Action, Names, Policy, Principal, Resource};
use crate::workload::World;

/// The policy with its scope as attributes, but for the action where it is one tool.
fn flat(policy: &Policy, world: &World) -> String {
    let mut conditions = Vec::new();
    match &policy.principal {
        Principal::Group(at) => conditions.push(format!("principal.groups.contains(\"{}\")", world.group(*at))),
        Principal::Entitlement(at) => {
            conditions.push(format!("principal.holds.contains(\"{}\")", world.entitlement(*at)));
        }
        Principal::Profile(at) => conditions.push(format!("principal.profiles.contains(\"{}\")", world.profile(*at))),
        _ => {}
    }
    if let Action::Operations(of) = &policy.action {
        let of: Vec<String> = of.iter().map(|of| format!("resource.operation == \"{}\"", of.as_str())).collect();
        conditions.push(format!("({})", of.join(" || ")));
    }
    if let Resource::Server(at) = &policy.resource {
        conditions.push(format!("resource.server == \"{}\"", world.server(*at)));
    }
    let mut rest = policy.clone();
    if !matches!(rest.principal, Principal::Agent | Principal::ServicePrincipal) {
        rest.principal = Principal::Any;
    }
    if matches!(rest.action, Action::Operations(_)) {
        rest.action = Action::Any;
    }
    if matches!(rest.resource, Resource::Server(_)) {
        rest.resource = Resource::Any;
    }
    let text = policy::cedar(&rest, world)
        .replace("principal in resource.entitlements", "principal.holds.containsAny(resource.entitlements)")
        .replace("principal.client.kind", "principal.client_kind");
    let text = ["read", "write", "delete"].iter().fold(text, |text, of| {
        text.replace(&format!("action in Toolgate::Action::\"{of}\""), &format!("resource.operation == \"{of}\""))
    });
    if conditions.is_empty() {
        return text;
    }
    // conditions of a policy hold together, however many clauses they stand in
    let end = text.rfind(';').expect("a policy ends");
    let (head, clauses) = text[..end]
        .split_at(text.find("resource").map_or(end, |at| text[at..end].find(')').map_or(end, |close| at + close + 1)));
    format!("{head}\nwhen {{ {} }}{clauses};\n", conditions.join(" && "))
}

pub(super) fn new(world: &World, calls: &[Call]) -> Result<Box<dyn Fn(&Call) -> bool>, String> {
    let policies: Map<String, Value> = world
        .policies
        .iter()
        .map(|policy| {
            let content = json!({"encoding": "none", "content_type": "cedar", "body": flat(policy, world)});
            (policy.id.clone(), json!({"description": policy.id, "policy_content": content}))
        })
        .collect();
    // JSON is YAML, and what begins with a brace is refused as the JSON format of old
    let store = json!({
        "cedar_version": "v4.0.0",
        "policy_stores": {"toolgate": {
            "cedar_version": "v4.0.0", "name": "toolgate", "description": "the company's policies", "policies": policies,
        }},
    });
    let cedarling = Cedarling::new(&BootstrapConfig {
        application_name: "toolgate".into(),
        log_config: LogConfig { log_type: LogTypeConfig::Off, log_level: LogLevel::ERROR },
        policy_store_config: PolicyStoreConfig {
            source: PolicyStoreSource::Yaml(format!("---\n{store}")),
            ..Default::default()
        },
        jwt_config: JwtConfig::new_without_validation(),
        authorization_config: AuthorizationConfig { strict_schema_validation: false, ..Default::default() },
        lock_config: None,
        max_base64_size: None,
        max_default_entities: None,
        data_store_config: DataStoreConfig::default(),
        http_client_config: HttpClientConfig::default(),
        trace_config: None,
    })
    .map_err(|error| error.to_string())?;
    let facts = Facts::new(world, calls);
    let attributes = |value: &Value| -> HashMap<String, Value> {
        let members = value.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    Ok(Box::new(move |call| {
        let entity = |of: &str, id: String, facts: &Value| EntityData {
            cedar_mapping: CedarEntityMapping { entity_type: format!("Toolgate::{of}"), id },
            attributes: attributes(facts),
        };
        let of = if call.client.is_some() { "Agent" } else { "ServicePrincipal" };
        let result = cedarling.authorize_unsigned(RequestUnsigned {
            principal: Some(entity(of, facts::key(call), &facts.subject(call))),
            action: format!("Toolgate::Action::\"{}\"", call.tool),
            context: json!({
                "input": facts::arguments(call), "session": facts::session(call),
                "approval": {"self": false, "manager": false},
            }),
            resource: entity("Tool", call.tool.clone(), &facts.tools[&call.tool]),
            options: AuthorizeOptions::default(),
        });
        result.expect("a request is one").decision
    }))
}
