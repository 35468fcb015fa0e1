//! The facts of a company as JSON, prepared once.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::calls::Call;
use crate::policy::Names;
use crate::workload::{What, Who, World};

/// Who calls, and what is called.
pub struct Facts {
    /// By subject and client.
    pub subjects: HashMap<String, Value>,
    /// By `server/name`.
    pub tools: HashMap<String, Value>,
}

/// The key of a call's subject.
pub fn key(call: &Call) -> String {
    match &call.client {
        Some(client) => format!("{}#{client}", call.subject),
        None => call.subject.clone(),
    }
}

impl Facts {
    /// The facts that these calls need.
    pub fn new(world: &World, calls: &[Call]) -> Self {
        let mut subjects = HashMap::new();
        for call in calls {
            let Some(who) = call.who else { continue };
            let (kind, client_kind) = match who {
                Who::Agent(_, client) => ("agent", world.clients[client].kind),
                Who::ServicePrincipal(_) => ("service_principal", "none"),
            };
            let groups: Vec<&str> = world.groups_of(who).into_iter().map(|at| world.group(at)).collect();
            let holds: Vec<&str> = world.entitlements_of(who).into_iter().map(|at| world.entitlement(at)).collect();
            let profiles = world.held(who).into_iter().filter_map(|what| match what {
                What::Profile(at) => Some(world.profile(at)),
                What::Entitlement(_) => None,
            });
            let profiles: Vec<&str> = profiles.collect();
            let facts = json!({"kind": kind, "client_kind": client_kind, "groups": groups, "holds": holds, "profiles": profiles});
            subjects.insert(key(call), facts);
        }
        let tools = world.tools.iter().map(|tool| {
            let unlocked: Vec<&str> = tool.entitlements.iter().map(|at| world.entitlement(*at)).collect();
            let facts = json!({
                "server": world.servers[tool.server], "operation": tool.operation.as_str(), "entitlements": unlocked,
                "labels": tool.labels, "sensitive": tool.sensitive, "trusted": world.trusted(tool.server),
            });
            (tool.id.clone(), facts)
        });
        Self { subjects, tools: tools.collect() }
    }

    /// What is known of a call's subject; of an unknown one, nothing.
    pub fn subject(&self, call: &Call) -> Value {
        self.subjects.get(&key(call)).cloned().unwrap_or_else(
            || json!({"kind": "agent", "client_kind": "none", "groups": [], "holds": [], "profiles": []}),
        )
    }
}

/// A call's arguments.
pub fn arguments(call: &Call) -> Value {
    serde_json::from_slice(&call.arguments).unwrap_or_else(|_| Value::Object(Map::new()))
}

/// A call's session.
pub fn session(call: &Call) -> Value {
    json!({"calls": call.calls, "labels": call.labels})
}
