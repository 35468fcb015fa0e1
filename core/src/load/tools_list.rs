//! A server's `tools/list` as it came: MCP 2025-06-18, 2025-11-25 and 2026-07-28.
//!
//! Accepted are the result, the JSON-RPC response around it, `{"tools": […]}` and a bare array. Fields that MCP does
//! not define are kept for the digest and otherwise ignored; known fields of a wrong type are refused.

use std::collections::BTreeSet;

use crate::data::canonical;
use crate::data::catalog::{Annotations, ToolDefinition};
use crate::data::json::Json;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::json::{JsonLimits, read as read_json};
use crate::load::name;

/// The members of a tool that its digest covers.
const PINNED: [&str; 5] = ["annotations", "description", "inputSchema", "name", "outputSchema"];

/// The tools of one server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ToolsList {
    pub(crate) tools: Vec<ToolDefinition>,
    /// The server has more pages than were given.
    pub(crate) more: bool,
}

/// Reads one file.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<ToolsList, Error> {
    let document = read_json(bytes, &JsonLimits::catalog(limits))?;
    let (list, pointer) = find(&document)?;
    let more = [Some(&document), document.get("result")]
        .into_iter()
        .flatten()
        .any(|result| result.get("nextCursor").is_some_and(|cursor| *cursor != Json::Null));

    let Json::Array(items) = list else {
        return Err(wrong(list, "an array of tools").at_pointer(pointer));
    };
    let mut tools = Vec::with_capacity(items.len());
    let mut seen = BTreeSet::new();
    let mut lookalikes = name::Lookalikes::default();
    for (index, item) in items.iter().enumerate() {
        let place = |error: Error| under(pointer, error.under(&index.to_string()));
        let tool = definition(item, limits).map_err(place)?;
        if !seen.insert(tool.name.clone()) {
            let error =
                Error::new(ErrorKind::DuplicateId, format!("tool `{}` is listed twice", tool.name.escape_debug()))
                    .help("names are unique on a server (MCP, Tools); ask its maker which one is meant");
            return Err(place(error.under("name")));
        }
        lookalikes.insert("tool name", &tool.name).map_err(|error| place(error.under("name")))?;
        tools.push(tool);
    }
    Ok(ToolsList { tools, more })
}

fn find(document: &Json) -> Result<(&Json, &'static str), Error> {
    if document.as_array().is_some() {
        return Ok((document, ""));
    }
    if let Some(tools) = document.get("tools") {
        return Ok((tools, "/tools"));
    }
    if let Some(tools) = document.get("result").and_then(|result| result.get("tools")) {
        return Ok((tools, "/result/tools"));
    }
    let what = if document.get("error").is_some() { "this is a JSON-RPC error" } else { "there are no `tools` here" };
    Err(Error::new(ErrorKind::WrongType, what)
        .at_pointer("")
        .help("give the result of `tools/list`, the JSON-RPC response around it, or the bare array of tools"))
}

fn under(pointer: &str, error: Error) -> Error {
    pointer.split('/').skip(1).collect::<Vec<_>>().into_iter().rev().fold(error, |error, key| error.under(key))
}

fn definition(item: &Json, limits: &Limits) -> Result<ToolDefinition, Error> {
    let Some(members) = item.as_object() else { return Err(wrong(item, "a tool")) };
    let name = match members.get("name") {
        Some(Json::String(name)) => name.clone(),
        Some(other) => return Err(wrong(other, "a string").under("name")),
        None => return Err(Error::new(ErrorKind::WrongType, "the tool has no `name`")),
    };
    name::check("tool name", &name, limits).map_err(|error| error.under("name"))?;
    let pinned = members.iter().filter(|(key, _)| PINNED.contains(&key.as_str())).map(|(k, v)| (k.clone(), v.clone()));
    Ok(ToolDefinition {
        title: text(members.get("title"), "title")?,
        description: text(members.get("description"), "description")?,
        input_schema: members.get("inputSchema").cloned().unwrap_or(Json::Null),
        annotations: annotations(members.get("annotations"))?,
        digest: canonical::digest(&Json::Object(pinned.collect())),
        name,
    })
}

fn text(value: Option<&Json>, key: &str) -> Result<Option<String>, Error> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(wrong(other, "a string").under(key)),
    }
}

fn annotations(value: Option<&Json>) -> Result<Annotations, Error> {
    let mut all = Annotations::default();
    let members = match value {
        None | Some(Json::Null) => return Ok(all),
        Some(Json::Object(members)) => members,
        Some(other) => return Err(wrong(other, "an object").under("annotations")),
    };
    for (key, hint) in [
        ("readOnlyHint", &mut all.read_only),
        ("destructiveHint", &mut all.destructive),
        ("idempotentHint", &mut all.idempotent),
        ("openWorldHint", &mut all.open_world),
    ] {
        match members.get(key) {
            None | Some(Json::Null) => {}
            Some(Json::Bool(value)) => *hint = *value,
            // FAIL-CLOSED: hint_of_wrong_type_is_refused. `"false"` is not false, and not absent either.
            Some(other) => return Err(wrong(other, "a boolean").under(key).under("annotations")),
        }
    }
    Ok(all)
}

fn wrong(found: &Json, expected: &str) -> Error {
    Error::new(ErrorKind::WrongType, format!("expected {expected}, found {}", found.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::id::Operation;

    fn list(text: &str) -> Result<ToolsList, Error> {
        read(text.as_bytes(), &Limits::default())
    }

    const TOOL: &str = r#"{"name":"find","inputSchema":{"type":"object"},"_meta":{"x":1}}"#;

    #[test]
    fn every_shape_of_the_list_is_read() {
        let bare = list(&format!("[{TOOL}]")).unwrap();
        assert_eq!(bare.tools[0].name, "find");
        for shape in [
            format!(r#"{{"tools":[{TOOL}]}}"#),
            format!(r#"{{"server":"x","tools":[{TOOL}]}}"#),
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"resultType":"complete","tools":[{TOOL}],"ttlMs":5,"cacheScope":"private"}}}}"#
            ),
        ] {
            assert_eq!(list(&shape).unwrap(), bare);
        }
        assert!(list(&format!(r#"{{"tools":[{TOOL}],"nextCursor":"2"}}"#)).unwrap().more);
        assert!(list(&format!(r#"{{"result":{{"tools":[{TOOL}],"nextCursor":"2"}}}}"#)).unwrap().more);
    }

    #[test]
    fn what_is_no_list_is_refused_with_its_place() {
        for (text, pointer) in [
            (r#"{"jsonrpc":"2.0","error":{"code":1}}"#.to_string(), ""),
            (r#"{"tools":{}}"#.to_string(), "/tools"),
            (r#"{"tools":[7]}"#.to_string(), "/tools/0"),
            (r#"{"result":{"tools":[{}]}}"#.to_string(), "/result/tools/0"),
            (r#"[{"name":7}]"#.to_string(), "/0/name"),
            (r#"[{"name":"a","title":7}]"#.to_string(), "/0/title"),
            (format!(r#"{{"tools":[{TOOL},{TOOL}]}}"#), "/tools/1/name"),
            ("[{\"name\":\"pay\\u202e\"}]".to_string(), "/0/name"),
        ] {
            let error = list(&text).unwrap_err();
            assert_eq!(error.pointer(), Some(pointer), "{text}: {error}");
        }
    }

    #[test]
    fn hints_have_the_defaults_of_the_specification() {
        let operation = |annotations: &str| {
            list(&format!(r#"[{{"name":"a","annotations":{annotations}}}]"#)).unwrap().tools[0].annotations.operation()
        };
        assert_eq!(operation("null"), Operation::Delete);
        assert_eq!(operation("{}"), Operation::Delete);
        assert_eq!(operation(r#"{"destructiveHint":false}"#), Operation::Write);
        assert_eq!(operation(r#"{"readOnlyHint":true}"#), Operation::Read);
        assert_eq!(operation(r#"{"readOnlyHint":true,"destructiveHint":true}"#), Operation::Read);
    }

    #[test]
    fn hint_of_wrong_type_is_refused() {
        assert!(list(r#"[{"name":"a","annotations":{"destructiveHint":false}}]"#).is_ok(), "the twin");
        let error = list(r#"[{"name":"a","annotations":{"destructiveHint":"false"}}]"#).unwrap_err();
        assert_eq!(error.pointer(), Some("/0/annotations/destructiveHint"));
    }

    #[test]
    fn the_digest_covers_what_an_agent_and_a_policy_can_see() {
        let digest = |text: &str| list(&format!("[{text}]")).unwrap().tools[0].digest.clone();
        let base = digest(r#"{"name":"a","description":"x","inputSchema":{"type":"object","title":"t"}}"#);
        assert_eq!(digest(r#"{"inputSchema":{"title":"t","type":"object"},"description":"\u0078","name":"a"}"#), base);
        assert_eq!(
            digest(r#"{"name":"a","description":"x","inputSchema":{"type":"object","title":"t"},"icons":[]}"#),
            base
        );
        for changed in [
            r#"{"name":"b","description":"x","inputSchema":{"type":"object","title":"t"}}"#,
            r#"{"name":"a","description":"y","inputSchema":{"type":"object","title":"t"}}"#,
            r#"{"name":"a","description":"x","inputSchema":{"type":"object","title":"u"}}"#,
            r#"{"name":"a","description":"x","inputSchema":{"type":"object","title":"t"},"annotations":{}}"#,
            r#"{"name":"a","description":"x","inputSchema":{"type":"object","title":"t"},"outputSchema":{}}"#,
        ] {
            assert_ne!(digest(changed), base, "{changed}");
        }
    }
}
