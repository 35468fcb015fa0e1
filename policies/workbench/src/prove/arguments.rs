//! The way back: from `context.input` in Cedar's JSON to the arguments that a tool takes.

use serde_json::{Map, Value, json};
use toolgate::Instant;

/// The kinds of JSON that a value of several kinds is spread over.
const KINDS: [&str; 8] = ["string", "integer", "number", "boolean", "array", "object", "datetime", "ip"];
/// The member for what an object may hold besides what it declares.
const EXTRAS: &str = "*";

/// Arguments that come out as `input`, as far as the schema tells. The engine has the last word.
pub(super) fn from_input(input: &Value, schema: &Value) -> Value {
    value(input, schema, schema)
}

/// Milliseconds since 1970 of a `datetime` in Cedar's JSON.
pub(super) fn millis(datetime: &Value) -> Option<i64> {
    let call = datetime.get("__extn")?;
    match (call.get("fn")?.as_str()?, call.get("arg"), call.get("args")) {
        ("datetime", Some(text), _) => instant(text.as_str()?).map(Instant::unix_millis),
        ("duration", Some(text), _) => text.as_str()?.strip_suffix("ms")?.parse().ok(),
        ("offset", _, Some(Value::Array(parts))) => {
            parts.iter().map(millis).try_fold(0i64, |sum, part| sum.checked_add(part?))
        }
        _ => None,
    }
}

/// An instant, of which Cedar may write only the day.
fn instant(text: &str) -> Option<Instant> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}

fn value(input: &Value, schema: &Value, root: &Value) -> Value {
    let schema = resolved(schema, root);
    match input {
        // what no policy reads is any text, and the gate wants one of these
        Value::String(text) => match listed(schema) {
            texts if texts.is_empty() || texts.contains(&text.as_str()) => input.clone(),
            texts => json!(texts.first()),
        },
        Value::Array(items) => {
            let of = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(items.iter().map(|item| value(item, of, root)).collect())
        }
        Value::Object(members) if members.contains_key("__extn") => extension(input, schema),
        Value::Object(members) => object(members, schema, root),
        other => other.clone(),
    }
}

fn object(members: &Map<String, Value>, schema: &Value, root: &Value) -> Value {
    let declared = schema.get("properties").and_then(Value::as_object);
    let declares = |name: &str| declared.is_some_and(|declared| declared.contains_key(name));
    if members.len() == 3 && ["kind", "keys", "text"].iter().all(|name| members.contains_key(*name) && !declares(name))
    {
        return free_form(members);
    }
    if members.is_empty() && !may_be(schema, "object") {
        // of a value of several kinds that no policy reads, none is there
        return some(schema, root, 4);
    }
    let spread = !members.is_empty() && members.keys().all(|name| KINDS.contains(&name.as_str()) && !declares(name));
    if spread && declared.is_none() {
        let one = members.iter().next().map(|(_, only)| only);
        return match one {
            // an array of several kinds: a set each
            Some(Value::Array(_)) if members.len() > 1 || schema.get("items").is_some() => {
                let of = schema.get("items").unwrap_or(&Value::Null);
                let items = members.values().filter_map(Value::as_array).flatten();
                Value::Array(items.map(|item| value(item, of, root)).collect())
            }
            Some(only) => value(only, schema, root),
            None => json!({}),
        };
    }
    let mut out = Map::new();
    for (name, member) in members {
        if name == EXTRAS && !declares(EXTRAS) {
            let entries = member.get("entries").and_then(Value::as_array).into_iter().flatten();
            let of = schema.get("additionalProperties").unwrap_or(&Value::Null);
            for entry in entries {
                if let (Some(key), Some(held)) = (entry.get("key").and_then(Value::as_str), entry.get("value")) {
                    out.insert(key.to_owned(), value(held, of, root));
                }
            }
        } else {
            let of = declared.and_then(|declared| declared.get(name)).unwrap_or(&Value::Null);
            out.insert(name.clone(), value(member, of, root));
        }
    }
    // what may be null is optional to policies, and still has to be there
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        out.entry(name).or_insert(Value::Null);
    }
    Value::Object(out)
}

/// Whether a schema says outright that a value may be of this type, or says nothing.
fn may_be(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(types)) => types.iter().any(|one| one == name),
        _ => schema.get("properties").is_some() || schema.get("anyOf").or_else(|| schema.get("oneOf")).is_none(),
    }
}

/// Some value that a schema accepts.
fn some(schema: &Value, root: &Value, depth: usize) -> Value {
    let schema = resolved(schema, root);
    let variant = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(|variants| variants.get(0));
    if let (Some(variant), Some(depth)) = (variant, depth.checked_sub(1)) {
        return some(variant, root, depth);
    }
    let first = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().find_map(Value::as_str),
        other => other.and_then(Value::as_str),
    };
    match first {
        Some("string") => json!(listed(schema).first().copied().unwrap_or_default()),
        Some("integer" | "number") => json!(0),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("null") => Value::Null,
        _ => json!({}),
    }
}

/// Free-form JSON, which policies see as its kind, its keys and its text.
fn free_form(members: &Map<String, Value>) -> Value {
    let text = members.get("text").and_then(Value::as_str).unwrap_or_default();
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    match members.get("kind").and_then(Value::as_str) {
        Some("string") => Value::String(text.to_owned()),
        Some("array") => json!([]),
        Some("integer" | "number") => json!(0),
        Some("boolean") => json!(false),
        Some("null") => Value::Null,
        _ => {
            let keys = members.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            Value::Object(keys.map(|key| (key.to_owned(), Value::Null)).collect())
        }
    }
}

fn extension(input: &Value, schema: &Value) -> Value {
    let call = input.get("__extn");
    let text = call.and_then(|call| call.get("arg")).and_then(Value::as_str).unwrap_or_default();
    match call.and_then(|call| call.get("fn")).and_then(Value::as_str) {
        Some("decimal") => {
            let short = text.trim_end_matches('0').trim_end_matches('.');
            serde_json::from_str(short).unwrap_or_else(|_| json!(0))
        }
        Some("datetime" | "offset") => {
            let at = millis(input).and_then(Instant::from_unix_millis).map(|at| at.to_string()).unwrap_or_default();
            let date = schema.get("format").and_then(Value::as_str) == Some("date");
            json!(if date { at.split('T').next().unwrap_or_default() } else { &at })
        }
        _ => json!(text),
    }
}

/// The texts of which a schema lists all there are.
pub(super) fn listed(schema: &Value) -> Vec<&str> {
    let all = schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"));
    all.filter_map(Value::as_str).collect()
}

/// A schema with its `$ref` followed, a few times.
pub(super) fn resolved<'a>(mut schema: &'a Value, root: &'a Value) -> &'a Value {
    for _ in 0..8 {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_json() {
        let schema = json!({
            "$defs": {"money": {"type": "number"}},
            "properties": {
                "amount": {"$ref": "#/$defs/money"}, "day": {"type": "string", "format": "date"},
                "at": {"type": "string", "format": "date-time"}, "ids": {"type": "array", "items": {"type": "integer"}},
                "id": {"type": ["string", "integer"]}, "any": {}, "kind": {"type": "string"},
                "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "nullable": {"type": ["string", "null"]},
                "one": {"enum": ["b", "c"]}, "of": {"enum": ["b", "c"]},
            },
            "additionalProperties": {"type": "string"},
            "required": ["id", "nullable"],
        });
        let extn = |name: &str, arg: &str| json!({"__extn": {"fn": name, "arg": arg}});
        let offset = json!({"__extn": {"fn": "offset", "args": [extn("datetime", "1970-01-01"), extn("duration", "86400000ms")]}});
        let input = json!({
            "amount": extn("decimal", "20.5000"), "day": offset, "at": offset, "ids": [1, 2], "id": {"integer": 7},
            "any": {"kind": "object", "keys": ["a"], "text": "?"}, "kind": "x", "one": "", "of": "c", "either": {},
            "*": {"keys": ["more"], "entries": [{"key": "more", "value": "y"}]},
        });
        assert_eq!(
            from_input(&input, &schema),
            json!({
                "amount": 20.5, "day": "1970-01-02", "at": "1970-01-02T00:00:00Z", "ids": [1, 2], "id": 7,
                "any": {"a": null}, "kind": "x", "more": "y", "one": "b", "of": "c", "either": 0, "nullable": null,
            })
        );
    }
}
