//! A suite as it is written, before names are looked up and tables written out.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSuite {
    pub(super) suite: String,
    /// For the reader.
    #[serde(default, rename = "description")]
    pub(super) _description: Option<String>,
    pub(super) now: Option<String>,
    pub(super) skip: Option<String>,
    #[serde(default)]
    pub(super) subjects: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) sessions: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) snapshots: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) arguments: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) defaults: RawDefaults,
    #[serde(default)]
    pub(super) cases: Vec<RawCase>,
    #[serde(default)]
    pub(super) matrix: Vec<RawMatrix>,
}

/// What every case of the suite has unless it says otherwise.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefaults {
    pub(super) subject: Option<Value>,
    pub(super) tool: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(super) arguments: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(super) session: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(super) snapshot: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCase {
    pub(super) name: String,
    pub(super) skip: Option<String>,
    pub(super) subject: Option<Value>,
    pub(super) now: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(super) session: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(super) snapshot: Option<Value>,
    pub(super) tool: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(super) arguments: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(super) expect: Option<Value>,
    pub(super) at: Option<BTreeMap<String, Value>>,
    pub(super) tools: Option<BTreeMap<String, String>>,
    pub(super) token: Option<RawToken>,
}

/// [`toolgate::TokenRequest`], of which the case may say the rest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawToken {
    pub(super) subject: Option<Value>,
    pub(super) audience: String,
    pub(super) resource: Option<String>,
    pub(super) scope: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(super) session: Option<Value>,
    pub(super) now: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMatrix {
    pub(super) name: Option<String>,
    pub(super) skip: Option<String>,
    pub(super) now: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(super) session: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    pub(super) snapshot: Option<Value>,
    pub(super) subjects: Vec<String>,
    pub(super) tools: Vec<String>,
    pub(super) expect: BTreeMap<String, Value>,
}

/// `null` is said too: it is not the same as nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
