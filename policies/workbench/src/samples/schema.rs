//! Values that a JSON Schema accepts, as far as can be told without solving it.

use serde_json::{Map, Value};

/// How deep examples go.
const DEPTH: usize = 8;
/// The most items made for a list.
const ITEMS: u64 = 8;
/// The longest text made for `minLength`.
const TEXT: u64 = 256;

/// The plainest value: what is required and nothing else, or everything there is.
pub(super) fn example(schema: &Value, full: bool) -> Value {
    let value = make(schema, full, DEPTH);
    if value.is_object() { value } else { Map::new().into() }
}

/// The schema of what stands at a path.
pub(super) fn at<'a>(schema: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(schema, |at, name| at.get("properties")?.get(name))
}

/// The values of an `enum`, and both truths.
pub(super) fn alternatives(schema: &Value) -> Vec<Value> {
    match (schema.get("enum"), kind(schema)) {
        (Some(Value::Array(values)), _) => values.clone(),
        (_, Some("boolean")) => vec![true.into(), false.into()],
        _ => Vec::new(),
    }
}

/// A decimal and its neighbours in the fourth place, as JSON numbers.
pub(super) fn decimals(text: &str) -> Vec<Value> {
    let (sign, digits) = text.strip_prefix('-').map_or((1i64, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let scaled = format!("{whole}{part:0<4}").parse::<i64>().ok().map(|value| value.saturating_mul(sign));
    let Some(scaled) = scaled else { return Vec::new() };
    let number = |scaled: i64| {
        let (whole, part) = (scaled.unsigned_abs() / 10_000, scaled.unsigned_abs() % 10_000);
        let sign = if scaled < 0 { "-" } else { "" };
        serde_json::from_str(&format!("{sign}{whole}.{part:04}")).ok()
    };
    [scaled.saturating_sub(1), scaled, scaled.saturating_add(1)].into_iter().filter_map(number).collect()
}

fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => Some(kind),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ if schema.get("properties").is_some() => Some("object"),
        _ => None,
    }
}

fn make(schema: &Value, full: bool, depth: usize) -> Value {
    if let Some(value) = schema.get("const") {
        return value.clone();
    }
    if let Some(value) = schema.get("enum").and_then(|values| values.get(0)) {
        return value.clone();
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
    let Some(deeper) = depth.checked_sub(1) else { return Value::Null };
    match kind(schema) {
        Some("boolean") => false.into(),
        Some("integer" | "number") => {
            let least = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|low| low.saturating_add(1)));
            let most = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|high| high.saturating_sub(1)));
            1i64.max(least.unwrap_or(i64::MIN)).min(most.unwrap_or(i64::MAX)).into()
        }
        Some("string") => text(schema).into(),
        Some("array") => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).max(u64::from(full)).min(ITEMS);
            let item = schema.get("items").map_or(Value::Null, |items| make(items, full, deeper));
            (0..least).map(|_| item.clone()).collect::<Vec<_>>().into()
        }
        Some("object") => {
            let required: Vec<&str> = match schema.get("required") {
                Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
            properties
                .filter(|(name, _)| full || required.contains(&name.as_str()))
                .map(|(name, schema)| (name.clone(), make(schema, full, deeper)))
                .collect::<Map<_, _>>()
                .into()
        }
        _ => {
            let one = ["anyOf", "oneOf", "allOf"].into_iter().find_map(|name| schema.get(name)?.get(0));
            one.map_or_else(|| "x".into(), |schema| make(schema, full, deeper))
        }
    }
}

fn text(schema: &Value) -> String {
    let formatted = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("date") => "2026-01-01",
        Some("email") => "a@example.com",
        Some("uri" | "url") => "https://example.com/",
        Some("ipv4") => "192.0.2.1",
        Some("ipv6") => "2001:db8::1",
        Some("uuid") => "00000000-0000-4000-8000-000000000000",
        _ => "x",
    };
    let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0).min(TEXT);
    let mut text = formatted.to_owned();
    while u64::try_from(text.len()).unwrap_or(TEXT) < least {
        text.push('x');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn decimals_have_neighbours_in_the_fourth_place() {
        let text = |values: Vec<Value>| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(decimals("20.0")), ["19.9999", "20.0", "20.0001"]);
        assert_eq!(text(decimals("-0.5")), ["-0.5001", "-0.5", "-0.4999"]);
        assert!(decimals("what").is_empty());
    }

    #[test]
    fn examples_keep_to_what_the_schema_says() {
        let schema = json!({"type": "object", "required": ["n", "s", "l", "e"], "properties": {
            "n": {"type": "integer", "minimum": 10}, "s": {"type": ["null", "string"], "minLength": 3},
            "l": {"type": "array", "minItems": 2, "items": {"type": "boolean"}}, "e": {"enum": ["a", "b"]},
            "o": {"properties": {"x": {"type": "string", "format": "date"}}}}});
        assert_eq!(example(&schema, false), json!({"n": 10, "s": "xxx", "l": [false, false], "e": "a"}));
        assert_eq!(example(&schema, true)["o"], json!({"x": "2026-01-01"}));
        assert_eq!(example(&json!(true), false), json!({}), "arguments are an object");
    }

    #[test]
    fn a_schema_that_never_ends_does_end() {
        let mut deep = json!({"type": "string"});
        for _ in 0..60 {
            deep = json!({"type": "object", "required": ["a"], "properties": {"a": deep}});
        }
        assert!(example(&deep, true).to_string().len() < 200);
    }
}
