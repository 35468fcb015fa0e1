//! YAML → a tree in which every value knows its place. The reader is strict: a key given twice is an error, and so is a
//! document that is huge, deep, or that grows under its aliases.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Options, Spanned};

use super::fault::{Fault, Place};

/// The most bytes of a suite.
pub(crate) const BYTES: usize = 4 * 1024 * 1024;
/// The most values of one file.
const NODES: usize = 200_000;
/// The most that aliases repeat.
const REPEATED: usize = 50_000;
/// How deep values nest.
const DEPTH: usize = 64;

/// A file as it was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: String,
    pub(super) text: String,
    root: Node,
}

/// A value and where it stands.
#[derive(Debug)]
struct Node {
    at: Place,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file, each key with its place.
    Map(Vec<(String, Place, Node)>),
}

impl Document {
    /// Reads one document.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Result<Self, Fault> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(Fault::new(file, "the file is not UTF-8").help("save the file as UTF-8"));
        };
        let mut options = Options::default();
        options.duplicate_keys = DuplicateKeyPolicy::Error;
        options.strict_booleans = true;
        options.with_snippet = false;
        options.reject_non_finite_typeless_float = true;
        options.alias_limits.max_total_replayed_events = REPEATED;
        if let Some(budget) = &mut options.budget {
            budget.max_depth = DEPTH;
            budget.max_nodes = NODES;
            budget.max_documents = 1;
        }
        let root = serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
            let at = error.location().and_then(|location| place(&location)).unwrap_or_default();
            let said = error.without_snippet().to_string();
            Fault::new(file, unreadable(&said)).at(at, text).help("mend the YAML at this place")
        })?;
        Ok(Self { file: file.into(), text: text.into(), root })
    }

    /// The whole as JSON.
    pub(super) fn value(&self) -> Value {
        self.root.value()
    }

    /// A fault of the value (or, if there is none, the key's parent) at a JSON pointer.
    pub(super) fn fault(&self, pointer: &str, message: impl Into<Box<str>>) -> Fault {
        Fault::new(self.file.as_str(), message).pointer(pointer).at(self.place(pointer), &self.text)
    }

    /// Reads a part of the document as a type; `pointer` is where the part stands.
    pub(super) fn read<T: DeserializeOwned>(&self, pointer: &str, value: Value) -> Result<T, Fault> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let mut at = pointer.to_string();
            for segment in error.path() {
                match segment {
                    serde_path_to_error::Segment::Seq { index } => at.push_str(&format!("/{index}")),
                    serde_path_to_error::Segment::Map { key } => at = under(&at, key),
                    _ => {}
                }
            }
            self.fault(&at, said(&error.inner().to_string()))
        })
    }

    /// Where the value at a pointer stands; a key that names no value stands where its object does.
    pub(super) fn place(&self, pointer: &str) -> Place {
        let mut node = &self.root;
        let mut at = node.at;
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::Map(fields) => {
                    fields.iter().find(|(key, _, _)| *key == segment).map(|(_, key_at, node)| (*key_at, node))
                }
                Kind::List(items) => {
                    segment.parse().ok().and_then(|index: usize| items.get(index)).map(|node| (node.at, node))
                }
                _ => None,
            };
            let Some((place, next)) = next else { break };
            (at, node) = (place, next);
        }
        at
    }

    /// The keys of an object in the order of the file.
    pub(super) fn keys(&self, pointer: &str) -> Vec<String> {
        let mut node = &self.root;
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::Map(fields) => fields.iter().find(|(key, _, _)| *key == segment).map(|(_, _, node)| node),
                Kind::List(items) => segment.parse().ok().and_then(|index: usize| items.get(index)),
                _ => None,
            };
            let Some(next) = next else { return Vec::new() };
            node = next;
        }
        let Kind::Map(fields) = &node.kind else { return Vec::new() };
        fields.iter().map(|(key, _, _)| key.clone()).collect()
    }
}

/// The pointer of a field.
pub(super) fn under(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The reader's words in ours. The place is said in a line of its own.
fn unreadable(said: &str) -> String {
    let said = said.split(" at line ").next().unwrap_or(said);
    if said.starts_with("budget breached") || said.starts_with("alias replay") || said.starts_with("recursion limit") {
        return format!("the file is too large or too deep, or its aliases repeat too much: {said}");
    }
    if said.starts_with("recursive references") { "an alias stands within what it names".into() } else { said.into() }
}

/// serde's words in ours.
fn said(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    message.replace("invalid type: ", "wrong type: ").replace("invalid value: ", "wrong value: ")
}

impl Node {
    fn value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Kind::Map(fields) => {
                Value::Object(fields.iter().map(|(key, _, node)| (key.clone(), node.value())).collect::<Map<_, _>>())
            }
        }
    }
}

fn place(location: &serde_saphyr::Location) -> Option<Place> {
    let line = usize::try_from(location.line()).ok().filter(|&line| line > 0)?;
    Some(Place { line, column: usize::try_from(location.column()).ok()? })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Kind>::deserialize(deserializer)?;
        Ok(Self { at: place(&referenced).unwrap_or_default(), kind: value })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Kind, E> {
        Number::from_f64(value).map(Kind::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Kind, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = fields.next_key::<Spanned<String>>()? {
            map.push((key.value, place(&key.referenced).unwrap_or_default(), fields.next_value()?));
        }
        Ok(Kind::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, Fault> {
        Document::parse("x.yaml", text.as_bytes())
    }

    #[test]
    fn values_know_their_place() {
        let document = parse("a: 1\nb:\n  - x: 2026-11-20T10:00:00Z\n    \"y/z\": [true, ~, 1.5]\n").unwrap();
        assert_eq!(
            document.value(),
            serde_json::json!({"a": 1, "b": [{"x": "2026-11-20T10:00:00Z", "y/z": [true, null, 1.5]}]})
        );
        assert_eq!(document.place("/b/0/y~1z/2").line, 4);
        assert_eq!(document.place("/b/0/x"), Place { line: 3, column: 5 });
        assert_eq!(document.place("/b/0/none").line, 3, "the nearest there is");
        assert_eq!(document.keys("/b/0"), ["x", "y/z"]);
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        let document = parse("base: &b { x: 1, y: 2 }\nmore:\n  <<: *b\n  y: 3\n").unwrap();
        assert_eq!(document.value()["more"], serde_json::json!({"x": 1, "y": 3}));
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        for (text, line) in [("a: 1\na: 2\n", 2), ("a: [1\nb: 2\n", 2), ("a: 1\n---\nb: 2\n", 2), ("a:\n\t- x\n", 2)] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.place.map(|place| place.line), Some(line), "{text:?}: {fault:?}");
        }
        assert!(Document::parse("x.yaml", &[0xff]).is_err());
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb: String = (0..9)
            .map(|level| match level {
                0 => "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_string(),
                _ => format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 10].join(", ")),
            })
            .collect();
        for hostile in [bomb, "[".repeat(10_000), "a: &a [*a]\n".into(), format!("{}1", "- ".repeat(5_000))] {
            assert!(parse(&hostile).is_err(), "{}", hostile.chars().take(40).collect::<String>());
        }
    }
}
