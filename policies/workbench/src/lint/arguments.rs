//! What a tool's `inputSchema` says of one argument.

use toolgate::Json;
use toolgate::facts::Tool;

/// How far references are followed.
const REFERENCES: usize = 16;

/// One argument of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    /// The tool has none of that name.
    Absent,
    /// It has.
    Known {
        /// Whether a call may leave it out.
        optional: bool,
        /// What it can be.
        kind: Kind<'a>,
    },
    /// The schema is too intricate to say.
    Unclear,
}

/// What an argument can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// Any text.
    Free,
    /// One of these texts; others are refused before any policy is asked.
    Listed(Vec<&'a str>),
    /// A list of any texts.
    FreeItems,
    /// A list of some of these texts.
    ListedItems(Vec<&'a str>),
    /// Something else.
    Other,
}

/// Looks an argument up: `["filter", "state"]`.
pub(super) fn look<'a>(tool: &'a Tool, path: &[&str]) -> Argument<'a> {
    let root = &tool.definition.input_schema;
    follow(root, root, path, false)
}

fn follow<'a>(root: &'a Json, schema: &'a Json, path: &[&str], optional: bool) -> Argument<'a> {
    let Some((schema, nullable)) = resolve(root, schema) else { return Argument::Unclear };
    let optional = optional || nullable;
    let Some((name, rest)) = path.split_first() else {
        return Argument::Known { optional, kind: kind(root, schema) };
    };
    if let Some(variants) = variants(schema) {
        // `context.input.id.integer`: another kind may come instead
        let of_kind = |variant: &&'a Json| resolve(root, variant).is_some_and(|(schema, _)| type_of(schema) == *name);
        return match variants.into_iter().find(of_kind) {
            Some(variant) => follow(root, variant, rest, true),
            None => Argument::Unclear,
        };
    }
    if schema.get("allOf").is_some() || schema.get("type").is_some_and(|own| own.as_array().is_some()) {
        return Argument::Unclear;
    }
    let Some(member) = schema.get("properties").and_then(|properties| properties.get(name)) else {
        return if *name == "*" || type_of(schema) != "object" { Argument::Unclear } else { Argument::Absent };
    };
    let required = schema.get("required").and_then(Json::as_array).unwrap_or_default();
    let is_required = required.iter().any(|required| required.as_str() == Some(name));
    follow(root, member, rest, optional || !is_required)
}

/// Follows `$ref` within the document, and takes `null` out of alternatives.
fn resolve<'a>(root: &'a Json, schema: &'a Json) -> Option<(&'a Json, bool)> {
    let (mut schema, mut nullable) = (schema, false);
    for _ in 0..REFERENCES {
        if let Some(reference) = schema.get("$ref") {
            let pointer = reference.as_str()?.strip_prefix("#")?;
            schema = pointer.split('/').skip(1).try_fold(root, |at, name| at.get(name))?;
            continue;
        }
        let Some(variants) = variants(schema) else { return Some((schema, nullable)) };
        let some: Vec<&Json> = variants.iter().copied().filter(|variant| type_of(variant) != "null").collect();
        nullable |= some.len() < variants.len();
        match some.as_slice() {
            [one] => schema = one,
            _ => return Some((schema, nullable)),
        }
    }
    None
}

fn variants(schema: &Json) -> Option<Vec<&Json>> {
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf"))?;
    list.as_array().map(|variants| variants.iter().collect())
}

fn type_of(schema: &Json) -> &str {
    match schema.get("type").and_then(Json::as_str) {
        Some(own) => own,
        None if schema.get("properties").is_some() => "object",
        None => "",
    }
}

fn kind<'a>(root: &'a Json, schema: &'a Json) -> Kind<'a> {
    match type_of(schema) {
        "string" | "" => match listed(schema) {
            Some(texts) => Kind::Listed(texts),
            None if type_of(schema).is_empty() => Kind::Other,
            None => match schema.get("format").and_then(Json::as_str) {
                Some("date-time" | "date" | "ipv4" | "ipv6") => Kind::Other,
                _ => Kind::Free,
            },
        },
        "array" => match schema.get("items").and_then(|items| resolve(root, items)) {
            Some((items, _)) => match kind(root, items) {
                Kind::Free => Kind::FreeItems,
                Kind::Listed(texts) => Kind::ListedItems(texts),
                _ => Kind::Other,
            },
            None => Kind::Other,
        },
        _ => Kind::Other,
    }
}

/// The texts of `enum` or `const`, if all are texts.
fn listed(schema: &Json) -> Option<Vec<&str>> {
    if let Some(only) = schema.get("const") {
        return only.as_str().map(|text| vec![text]);
    }
    schema.get("enum")?.as_array()?.iter().map(Json::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use toolgate::{Bundle, Engine, Source};

    #[test]
    fn schemas_are_read() {
        let list = r##"[{"name": "t", "inputSchema": {"type": "object", "required": ["free", "box", "maybe"], "properties": {
            "free": {"type": "string"}, "listed": {"enum": ["a", "b"]}, "day": {"type": "string", "format": "date"},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "all": {"type": "array", "items": {"$ref": "#/$defs/word"}},
            "box": {"type": "object", "properties": {"in": {"type": "integer"}}}},
            "$defs": {"word": {"type": "string", "enum": ["x"]}}}}]"##;
        let snapshot = r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#;
        let engine = Engine::load(&Bundle {
            policies: vec![],
            tools: [("s".to_owned(), Source::new("s.json", list))].into(),
            overlay: None,
            snapshot: Source::new("snapshot.json", snapshot),
        })
        .unwrap();
        let tool = engine.catalog().tools.values().next().unwrap();
        let known = |optional, kind| Argument::Known { optional, kind };
        assert_eq!(look(tool, &["free"]), known(false, Kind::Free));
        assert_eq!(look(tool, &["listed"]), known(true, Kind::Listed(vec!["a", "b"])));
        assert_eq!(look(tool, &["day"]), known(true, Kind::Other));
        assert_eq!(look(tool, &["maybe"]), known(true, Kind::Free));
        assert_eq!(look(tool, &["either", "string"]), known(true, Kind::Free));
        assert_eq!(look(tool, &["all"]), known(true, Kind::ListedItems(vec!["x"])));
        assert_eq!(look(tool, &["box", "in"]), known(true, Kind::Other));
        assert_eq!(look(tool, &["nothing"]), Argument::Absent);
    }
}
