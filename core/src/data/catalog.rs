//! The tool inventory: what servers publish, and what the administrator says about it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::data::decision::{Credential, Guidance};
use crate::data::id::{Operation, ToolId};
use crate::data::json::Json;
use crate::data::time::iso;

/// A tool as its server publishes it in `tools/list` (MCP 2025-06-18 to 2026-07-28).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolDefinition {
    /// The tool's name; unique on its server, compared as bytes.
    pub name: String,
    /// For display only.
    pub title: Option<String>,
    /// For the model.
    pub description: Option<String>,
    /// What the tool takes.
    pub input_schema: Json,
    /// The server's hints.
    pub annotations: Annotations,
    /// SHA-256 over the RFC 8785 form of name, schemas, annotations and description, as published.
    pub digest: String,
}

/// The behaviour hints of a tool, with the defaults of the specification (`ToolAnnotations`, MCP 2026-07-28).
///
/// All are hints: they lower the risk of a tool only if its server is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotations {
    /// Changes nothing. Default false.
    pub read_only: bool,
    /// May destroy; means something only if not read-only. Default true.
    pub destructive: bool,
    /// Repeating it changes nothing more. Default false.
    pub idempotent: bool,
    /// Reaches beyond a closed world. Default true.
    pub open_world: bool,
}

impl Default for Annotations {
    fn default() -> Self {
        Self { read_only: false, destructive: true, idempotent: false, open_world: true }
    }
}

impl Annotations {
    /// The operation the hints amount to.
    pub fn operation(self) -> Operation {
        match (self.read_only, self.destructive) {
            (true, _) => Operation::Read,
            (false, false) => Operation::Write,
            (false, true) => Operation::Delete,
        }
    }
}

/// A tool as the decision sees it: the definition under the administrator's overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The tool's identity.
    pub id: ToolId,
    /// What the server publishes.
    pub definition: ToolDefinition,
    /// What it does to the world.
    pub operation: Operation,
    /// Who says so.
    pub operation_source: OperationSource,
    /// Whether it may be used at all.
    pub state: ToolState,
    /// Any of these unlocks it.
    pub entitlements: Vec<String>,
    /// What running it brings into a session, or can do to one.
    pub labels: Vec<String>,
    /// Whether it handles sensitive data.
    pub sensitive: bool,
    /// The digest the definition must have.
    pub pin: Option<String>,
    /// Help for whoever is refused.
    pub guidance: Option<Guidance>,
}

/// Who said what a tool does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationSource {
    /// The administrator's overlay.
    Overlay,
    /// The annotations of a trusted server.
    Annotations,
    /// Nobody: the worst is assumed.
    Default,
}

/// Whether a tool may be used at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolState {
    /// It may.
    Approved,
    /// It may not.
    Disabled,
    /// Nobody said yet, so it may not.
    #[default]
    Unset,
}

/// The administrator's overlay (`catalog.toml`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// The whole organisation.
    #[serde(default)]
    pub tenant: Tenant,
    /// Servers by id.
    #[serde(default)]
    pub servers: BTreeMap<String, Server>,
}

/// What holds for the whole organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Help for whoever is refused, where nothing more specific is said.
    pub guidance: Option<Guidance>,
    /// The issuer of the organisation's own tokens; never an audience of one.
    pub issuer: Option<String>,
}

/// What the administrator says about a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Whether its annotations may lower risk.
    #[serde(default)]
    pub trusted: bool,
    /// Whether every call on it is refused for now.
    #[serde(default)]
    pub paused: bool,
    /// How it is reached.
    #[serde(default)]
    pub path: Path,
    /// Where it belongs; `production` if nobody says.
    pub environment: Option<String>,
    /// The user who answers for it.
    pub owner: Option<String>,
    /// The state of tools no rule speaks of.
    #[serde(default)]
    pub default_state: ToolState,
    /// What it is called with.
    pub credential: Option<Credential>,
    /// Help for whoever is refused.
    pub guidance: Option<Guidance>,
    /// Token path: the issuer of its authorization server.
    pub audience: Option<String>,
    /// Token path: its resource identifiers (RFC 8707, RFC 9728).
    #[serde(default)]
    pub resource_uris: Vec<String>,
    /// Token path: the longest a token may live.
    #[serde(default, with = "iso::option")]
    pub max_token_lifetime: Option<Duration>,
    /// In order; a later rule overrides what it names.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// Token path: scopes by value.
    #[serde(default)]
    pub scopes: BTreeMap<String, ScopeRule>,
}

/// How a server is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// Every call passes the gateway.
    #[default]
    Gateway,
    /// Directly, with a short-lived token.
    Token,
}

/// What the administrator says about some tools of a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Globs on names: `*` is any run of characters, `?` any one.
    pub tools: Vec<String>,
    /// Overrides annotations.
    pub operation: Option<Operation>,
    /// Any of these unlocks the tool.
    pub entitlements: Option<Vec<String>>,
    /// What running it brings into a session, or can do to one.
    pub labels: Option<Vec<String>>,
    /// Whether it handles sensitive data.
    pub sensitive: Option<bool>,
    /// Whether it may be used at all.
    pub state: Option<ToolState>,
    /// The digest the definition must have.
    pub pin: Option<String>,
    /// Help for whoever is refused.
    pub guidance: Option<Guidance>,
}

/// What the administrator says about a scope.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeRule {
    /// Whether tokens may carry it.
    #[serde(default)]
    pub enabled: bool,
    /// Any of these unlocks it.
    #[serde(default)]
    pub entitlements: Vec<String>,
    /// What a session gains with it.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Whether it opens sensitive data.
    #[serde(default)]
    pub sensitive: bool,
}

/// Everything that can be called, and what the administrator says about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalog {
    /// What holds for the whole organisation.
    pub tenant: Tenant,
    /// Servers by id, those without an overlay entry included.
    pub servers: BTreeMap<String, Server>,
    /// Tools by identity.
    pub tools: BTreeMap<ToolId, Tool>,
}
