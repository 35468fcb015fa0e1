//! Sample calls: arguments made from a tool's schema and from the values that policies compare with.
//!
//! A cell of a matrix needs arguments to be decided, and those that matter lie on both sides of what policies compare
//! with. Samples show what is reached; they prove nothing about what is not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use toolgate::Instant;
use toolgate::facts::Tool;

use crate::source::{Kind, Node, PolicyFile};

mod schema;

/// The most samples of one tool.
const SAMPLES: usize = 64;

/// What policies compare the context with, by path: `input.amount`, `session.acr`, `now`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    values: BTreeMap<Vec<String>, BTreeSet<Seen>>,
}

/// A value that a policy compares something with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Bool(bool),
    Long(i64),
    Decimal(String),
    Text(String),
}

impl Compared {
    /// Everything that policies compare with.
    pub fn of<'a>(files: impl IntoIterator<Item = &'a PolicyFile>) -> Self {
        let mut all = Self::default();
        for policy in files.into_iter().flat_map(|file| &file.policies) {
            policy.operands().into_iter().for_each(|operand| all.read(operand));
        }
        all
    }

    /// The texts that a path is compared with, such as the `acr` or the labels of the session.
    pub fn texts(&self, path: &[&str]) -> BTreeSet<&str> {
        let at = self.values.iter().filter(|(at, _)| at.iter().map(String::as_str).eq(path.iter().copied()));
        let text = |seen: &'_ Seen| matches!(seen, Seen::Text(_));
        at.flat_map(|(_, values)| values.iter().filter(|seen| text(seen)))
            .filter_map(|seen| if let Seen::Text(text) = seen { Some(text.as_str()) } else { None })
            .collect()
    }

    /// The instants that the time of the call is compared with.
    pub fn instants(&self) -> BTreeSet<Instant> {
        let instant = |text: &str| {
            let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
            whole.parse().ok()
        };
        self.texts(&["now"]).into_iter().filter_map(instant).collect()
    }

    /// Arguments for a tool that its schema accepts as far as can be told, the plainest first; at most 64. The engine
    /// says which of them it takes.
    pub fn arguments(&self, tool: &Tool) -> Vec<Value> {
        let shape = serde_json::from_str(&tool.definition.input_schema.to_string()).unwrap_or(Value::Null);
        let plain = schema::example(&shape, false);
        let full = schema::example(&shape, true);
        let mut bases = vec![plain];
        if !bases.contains(&full) {
            bases.push(full);
        }
        // by path, what it may be; with all of them combined where that is not too much
        let mut choices: Vec<(&[String], Vec<Value>)> = Vec::new();
        for (path, seen) in &self.values {
            let Some(("input", path)) = path.split_first().map(|(first, rest)| (first.as_str(), rest)) else {
                continue;
            };
            let Some(place) = schema::at(&shape, path) else { continue };
            let mut values: Vec<Value> = seen.iter().flat_map(Seen::around).collect();
            values.extend(schema::alternatives(place));
            let is_list = place.get("type").and_then(Value::as_str) == Some("array");
            let values = values.into_iter().map(|value| if is_list { Value::from(vec![value]) } else { value });
            choices.push((path, values.collect()));
        }
        let mut out = bases.clone();
        let whole = choices.iter().fold(1usize, |product, (_, values)| product.saturating_mul(values.len().max(1)));
        for base in &bases {
            if whole <= SAMPLES {
                let mut combined = vec![base.clone()];
                for (path, values) in &choices {
                    let with = |base: &Value| values.iter().map(|value| set(base, path, value)).collect::<Vec<_>>();
                    combined = combined.iter().flat_map(with).collect();
                }
                out.extend(combined);
            }
            for (path, values) in &choices {
                out.extend(values.iter().map(|value| set(base, path, value)));
            }
        }
        let mut distinct: Vec<Value> = Vec::new();
        for sample in out {
            if distinct.len() < SAMPLES && !distinct.contains(&sample) {
                distinct.push(sample);
            }
        }
        distinct
    }

    fn read(&mut self, operand: &Node) {
        if let Some(path) = path(operand) {
            // a condition by itself
            self.values.entry(path).or_default().extend([Seen::Bool(true), Seen::Bool(false)]);
            return;
        }
        let (mut paths, mut seen) = (BTreeSet::new(), BTreeSet::new());
        gather(operand, &mut paths, &mut seen);
        for path in paths {
            self.values.entry(path).or_default().extend(seen.iter().cloned());
        }
    }
}

impl Seen {
    /// The value and its neighbours on both sides.
    fn around(&self) -> Vec<Value> {
        match self {
            Self::Bool(value) => vec![(*value).into()],
            Self::Long(value) => {
                [value.saturating_sub(1), *value, value.saturating_add(1)].into_iter().map(Value::from).collect()
            }
            Self::Decimal(text) => schema::decimals(text),
            Self::Text(text) => vec![text.clone().into(), format!("{text}x").into()],
        }
    }
}

/// `base` with `value` at `path`.
fn set(base: &Value, path: &[String], value: &Value) -> Value {
    let Some((name, rest)) = path.split_first() else { return value.clone() };
    let mut map = base.as_object().cloned().unwrap_or_else(Map::new);
    let under = set(map.get(name).unwrap_or(&Value::Null), rest, value);
    map.insert(name.clone(), under);
    map.into()
}

/// The paths into the context and the literals of a comparison.
fn gather(node: &Node, paths: &mut BTreeSet<Vec<String>>, seen: &mut BTreeSet<Seen>) {
    if let Some(path) = path(node) {
        paths.insert(path);
        return;
    }
    let only = node.children.first();
    match (&node.kind, only.map(|child| &child.kind)) {
        (Kind::Bool(value), _) => seen.extend([Seen::Bool(*value)]),
        (Kind::Long(value), _) => seen.extend(i64::try_from(*value).ok().map(Seen::Long)),
        (Kind::Text(text), _) => seen.extend([Seen::Text(text.clone())]),
        (Kind::Negate, Some(Kind::Long(value))) => {
            seen.extend(i64::try_from(*value).ok().map(|value| Seen::Long(value.saturating_neg())));
            return;
        }
        (Kind::Call(name), Some(Kind::Text(text))) if name == "decimal" => {
            seen.insert(Seen::Decimal(text.clone()));
            return;
        }
        (Kind::Like, _) => {
            for pattern in node.children.iter().skip(1) {
                if let Kind::Text(pattern) = &pattern.kind {
                    seen.insert(Seen::Text(pattern.replace("\\*", "\u{0}").replace('*', "x").replace('\u{0}', "*")));
                }
            }
            only.into_iter().for_each(|target| gather(target, paths, seen));
            return;
        }
        _ => {}
    }
    node.children.iter().for_each(|part| gather(part, paths, seen));
}

/// `context.input.amount` → `[input, amount]`.
fn path(node: &Node) -> Option<Vec<String>> {
    let (Kind::Get(name), [base]) = (&node.kind, node.children.as_slice()) else { return None };
    let mut path = match &base.kind {
        Kind::Name(variable) if variable == "context" => Vec::new(),
        _ => path(base)?,
    };
    path.push(name.clone());
    Some(path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate::{Bundle, Engine, Source};

    use super::*;
    use crate::source;

    fn samples(input: &Value, condition: &str) -> Vec<Value> {
        let policy =
            format!("@id(\"p\") permit (principal, action == Toolgate::Action::\"s/t\", resource) {condition};");
        let bundle = Bundle {
            policies: vec![Source::new("p.cedar", policy)],
            tools: [("s".into(), Source::new("s.json", json!([{"name": "t", "inputSchema": input}]).to_string()))]
                .into(),
            overlay: None,
            snapshot: Source::new(
                "s.json",
                r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#,
            ),
        };
        let engine = Engine::load(&bundle).unwrap();
        Compared::of(&source::read(&bundle.policies).unwrap())
            .arguments(engine.catalog().tools.values().next().unwrap())
    }

    #[test]
    fn both_sides_of_a_bound_are_tried() {
        let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}, "note": {"type": "string"}},
            "required": ["n"]});
        let all = samples(&schema, "when { context.input.n > 500 }");
        assert_eq!(all[0], json!({"n": 1}), "the plainest comes first");
        for n in [499, 500, 501] {
            assert!(all.contains(&json!({ "n": n })) && all.contains(&json!({"n": n, "note": "x"})), "{all:?}");
        }
    }

    #[test]
    fn conditions_on_several_arguments_are_combined() {
        let schema = json!({"type": "object", "required": ["a", "b", "c"], "properties":
            {"a": {"type": "string"}, "b": {"type": "boolean"}, "c": {"type": "array", "items": {"type": "string"}}}});
        let all = samples(
            &schema,
            "when { context.input.a like \"x/*\" && context.input.b && context.input.c.contains(\"k\") }",
        );
        assert!(all.contains(&json!({"a": "x/x", "b": true, "c": ["k"]})), "{all:?}");
        assert!(all.contains(&json!({"a": "x/x", "b": false, "c": ["k"]})), "{all:?}");
    }

    #[test]
    fn what_the_session_is_compared_with_is_known() {
        let text = "permit (principal, action, resource) when { context.session.acr == \"phr\" && \
                    context.session.labels.containsAny([\"a\", \"b\"]) && context.now < datetime(\"2026-12-01\") };";
        let file = PolicyFile::read(&Source::new("p.cedar", text)).unwrap();
        let compared = Compared::of([&file]);
        assert_eq!(compared.texts(&["session", "acr"]), BTreeSet::from(["phr"]));
        assert_eq!(compared.texts(&["session", "labels"]), BTreeSet::from(["a", "b"]));
        assert_eq!(compared.instants().into_iter().next().unwrap().to_string(), "2026-12-01T00:00:00Z");
    }
}
