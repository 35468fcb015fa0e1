//! A call as JSON. Its arguments stay JSON: they are the agent's, not ours to interpret.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::data::call::{Call, Session};
use crate::data::id::{Subject, ToolId};
use crate::data::json::Json;
use crate::data::time::Instant;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::de;
use crate::load::json::{JsonLimits, read as read_json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    subject: Subject,
    tool: ToolId,
    #[serde(default)]
    session: Session,
    now: Instant,
}

/// Reads a call.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Call, Error> {
    from_json(read_json(bytes, &JsonLimits::call(limits))?)
}

/// Reads a call from JSON already read. Absent arguments are none (MCP, `CallToolRequestParams`).
pub(crate) fn from_json(json: Json) -> Result<Call, Error> {
    let Json::Object(mut members) = json else {
        return Err(
            Error::new(ErrorKind::WrongType, format!("a call is an object, not {}", json.kind())).at_pointer("")
        );
    };
    let arguments = match members.remove("arguments") {
        None => Json::Object(BTreeMap::new()),
        Some(arguments @ Json::Object(_)) => arguments,
        Some(other) => {
            return Err(Error::new(ErrorKind::WrongType, format!("expected an object, found {}", other.kind()))
                .under("arguments"));
        }
    };
    let raw: RawCall = de::from_json(&Json::Object(members))?;
    let RawCall { subject, tool, session, now } = raw;
    Ok(Call { subject, tool, arguments, session, now })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Result<Call, Error> {
        read(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn a_call_is_read_strictly() {
        let good = r#"{"subject":{"user":"alice","client":"cc"},"tool":"crm/find","now":"2026-11-20T10:00:00Z"}"#;
        assert_eq!(call(good).unwrap().arguments, Json::Object(BTreeMap::new()));
        for (bad, pointer) in [
            (r#"{"subject":{"user":"alice"},"tool":"crm/find","now":"2026-11-20T10:00:00Z"}"#, "/subject"),
            (r#"{"subject":{"user":"alice","client":"cc"},"tool":"find","now":"2026-11-20T10:00:00Z"}"#, "/tool"),
            (r#"{"subject":{"user":"alice","client":"cc"},"tool":"crm/find","now":1763632800}"#, "/now"),
            (
                r#"{"subject":{"user":"alice","client":"cc"},"tool":"crm/find","now":"2026-11-20T10:00:00Z","note":1}"#,
                "/note",
            ),
            (
                r#"{"subject":{"user":"alice","client":"cc"},"tool":"crm/find","now":"2026-11-20T10:00:00Z","arguments":[]}"#,
                "/arguments",
            ),
            (
                r#"{"subject":{"user":"alice","client":"cc"},"tool":"crm/find","now":"2026-11-20T10:00:00Z","session":{"calls":-1}}"#,
                "/session/calls",
            ),
            (r#"[]"#, ""),
        ] {
            let error = call(bad).unwrap_err();
            assert_eq!(error.pointer(), Some(pointer), "{bad}: {error}");
        }
        let missing = call(r#"{"subject":{"user":"alice","client":"cc"},"tool":"crm/find"}"#).unwrap_err();
        assert!(missing.to_string().contains("`now`"), "{missing}");
    }
}
