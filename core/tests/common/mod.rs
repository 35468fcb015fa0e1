//! A small company to test against: one server, a few people, and whatever a test changes.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "every test file uses its own part of this"
)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use toolgate::{Bundle, Call, Decision, Engine, LoadError, Source};

/// When every test's calls are made, unless it says otherwise.
pub const NOW: &str = "2026-11-20T10:00:00Z";

/// The tools of the server `crm`.
pub const TOOLS: &str = r#"{"tools": [
  {"name": "find", "description": "Find records", "inputSchema": {"type": "object", "properties": {
     "query": {"type": "string"}, "limit": {"type": "integer"}}, "required": ["query"]},
   "annotations": {"readOnlyHint": true}},
  {"name": "update", "inputSchema": {"type": "object", "properties": {
     "id": {"type": "string"}, "amount": {"type": "integer"}, "note": {"type": ["string", "null"]}},
     "required": ["id"]},
   "annotations": {"destructiveHint": false}},
  {"name": "remove", "inputSchema": {"type": "object", "properties": {"id": {"type": "string"}}}},
  {"name": "export", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}},
  {"name": "raw", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}}
]}"#;

/// The overlay: everything approved but `raw`.
pub const OVERLAY: &str = r#"
[tenant]
issuer = "https://idp.example/"
guidance = { message = "Ask the help desk", url = "https://help.example/" }

[servers.crm]
trusted = true
default_state = "approved"
owner = "olga"
credential = { mode = "shared", ref = "vault:crm" }

[[servers.crm.rules]]
tools = ["*"]
entitlements = ["crm:use"]
labels = ["private-data"]

[[servers.crm.rules]]
tools = ["export"]
entitlements = ["crm:export"]

[[servers.crm.rules]]
tools = ["raw"]
state = "disabled"

[servers.files]
path = "token"
audience = "https://auth.files.example/"
resource_uris = ["https://files.example/"]
max_token_lifetime = "PT10M"
scopes."files.read" = { enabled = true, entitlements = ["crm:use"] }
scopes."files.write" = { enabled = true, entitlements = ["files:write"] }
scopes."files.all" = { entitlements = ["crm:use"] }
scopes."files.ask" = { enabled = true, entitlements = ["crm:use"], sensitive = true }
"#;

/// The policies: reads run, writes ask, deletes never.
pub const POLICIES: &str = r#"
@id("reads-run")
permit (principal, action in Toolgate::Action::"read", resource)
when { principal in resource.entitlements };

@id("writes-ask") @valid_for("1h") @reuse("tool") @description("a write needs the user's yes")
permit (principal, action in Toolgate::Action::"write", resource)
when { principal in resource.entitlements && context.approval.self };

@id("no-deletes") @guidance("Deleting is done by hand") @ticket("https://help.example/delete")
forbid (principal, action in Toolgate::Action::"delete", resource);

@id("tokens")
permit (principal, action == Toolgate::Action::"issue_token", resource)
when { principal in resource.entitlements && (!resource.sensitive || context.approval.self) };
"#;

/// The snapshot: alice may use the CRM, dana is her manager, bot is autonomous.
pub fn snapshot() -> Value {
    json!({
        "version": 7, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
        "users": [
            {"id": "alice", "active": true, "manager": "dana", "groups": ["sales"], "entitlements": ["crm:export"]},
            {"id": "bob", "active": true, "groups": ["sales"]},
            {"id": "dana", "active": true, "manager": "olga"},
            {"id": "olga", "active": true},
            {"id": "gone", "active": false}
        ],
        "groups": [{"id": "sales", "parents": ["staff"]}, {"id": "staff"}],
        "clients": [
            {"id": "cc", "kind": "personal", "state": "active"},
            {"id": "old", "kind": "personal", "state": "closed"}
        ],
        "service_principals": [
            {"id": "bot", "active": true, "owner": "alice", "groups": ["sales"]},
            {"id": "orphan", "active": true, "owner": "gone"},
            {"id": "off", "active": false, "owner": "alice"}
        ],
        "entitlements": [],
        "profiles": [],
        "grants": [
            {"id": "g-alice", "to": {"user": "alice"}, "entitlement": "crm:use"},
            {"id": "g-bot", "to": {"service_principal": "bot"}, "entitlement": "crm:use"}
        ],
        "approvals": []
    })
}

/// A company under test.
#[derive(Clone)]
pub struct Company {
    pub tools: String,
    pub overlay: String,
    pub policies: String,
    pub snapshot: Value,
}

impl Default for Company {
    fn default() -> Self {
        Self { tools: TOOLS.into(), overlay: OVERLAY.into(), policies: POLICIES.into(), snapshot: snapshot() }
    }
}

impl Company {
    /// The usual company with one member of the snapshot replaced.
    pub fn with(mut self, member: &str, value: Value) -> Self {
        self.snapshot[member] = value;
        self
    }

    /// The usual company with more entries in a list of the snapshot.
    pub fn and(mut self, list: &str, more: Value) -> Self {
        let more = more.as_array().unwrap().clone();
        self.snapshot[list].as_array_mut().unwrap().extend(more);
        self
    }

    /// The usual company under other policies.
    pub fn policies(mut self, policies: &str) -> Self {
        self.policies = policies.into();
        self
    }

    /// The usual company with more policies.
    pub fn more_policies(mut self, policies: &str) -> Self {
        self.policies.push_str(policies);
        self
    }

    pub fn bundle(&self) -> Bundle {
        Bundle {
            policies: vec![Source::new("policies/all.cedar", self.policies.as_bytes())],
            tools: BTreeMap::from([("crm".to_string(), Source::new("catalog/crm.json", self.tools.as_bytes()))]),
            overlay: Some(Source::new("catalog.toml", self.overlay.as_bytes())),
            snapshot: Source::new("snapshot.json", self.snapshot.to_string()),
        }
    }

    pub fn try_load(&self) -> Result<Engine, LoadError> {
        Engine::load(&self.bundle())
    }

    pub fn load(&self) -> Engine {
        self.try_load().unwrap_or_else(|error| panic!("the company does not load:\n{error}"))
    }

    /// Loads and decides one call.
    pub fn decide(&self, call: Value) -> Decision<'static> {
        decide(&self.load(), call).into_owned()
    }
}

/// Decides a call written as JSON; `now` and alice are filled in.
pub fn decide(engine: &Engine, call: Value) -> Decision<'_> {
    engine.decide_json(full(call).to_string().as_bytes())
}

/// A call written as JSON; `now` and alice are filled in.
pub fn parse(call: Value) -> Call {
    Call::parse(full(call).to_string().as_bytes()).unwrap()
}

fn full(mut call: Value) -> Value {
    let members = call.as_object_mut().unwrap();
    members.entry("now").or_insert_with(|| json!(NOW));
    members.entry("subject").or_insert_with(|| json!({"user": "alice", "client": "cc"}));
    call
}

/// An object with some members replaced.
pub fn with(mut object: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

/// Alice reads.
pub fn find() -> Value {
    json!({"tool": "crm/find", "arguments": {"query": "acme"}})
}

/// Alice writes.
pub fn update() -> Value {
    json!({"tool": "crm/update", "arguments": {"id": "1", "amount": 5}})
}

/// The folder of shared test inputs beside the repository, if it is there.
pub fn shared() -> Option<std::path::PathBuf> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    if folder.join("catalogs").is_dir() {
        return Some(folder);
    }
    say("SKIPPED: there is no `shared` folder beside the repository");
    None
}

/// Prints a line that the test runner does not swallow.
pub fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}
