//! The quick check and binding of arguments beside the slow one.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Value as Serde, json};

use super::*;
use crate::compile::arguments::tests::{tool, values};
use crate::compile::reads::Read;
use crate::data::json::Json;
use crate::data::names::Names;
use crate::data::value;
use crate::limits::Limits;
use crate::load::arguments::tests::{from_serde, typed};
use crate::load::arguments::{Arguments, Value, check, explain, type_arguments};
use crate::load::json::JsonLimits;
use crate::load::tape::Tape;

/// The value of a frame, in the words of the slow check.
fn slow(value: value::Value<'_>, attrs: &Names) -> Value {
    use value::{Record, Set, Value as Quick};
    match value {
        Quick::Bool(bool) => Value::Bool(bool),
        Quick::Long(long) => Value::Long(long),
        Quick::Decimal(scaled) => Value::Decimal(scaled),
        Quick::Datetime(at) => Value::Datetime(at),
        Quick::String(text) => Value::String(text.to_owned()),
        Quick::Ip(ip) => {
            assert_eq!(ip.prefix, if ip.address.is_ipv4() { 32 } else { 128 });
            Value::Ip(match ip.address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => address.segments().map(|part| format!("{part:x}")).join(":"),
            })
        }
        Quick::Set(Set::Given { frame, start, len }) => {
            let cells = frame.items(start, len);
            assert_eq!(cells.len(), usize::try_from(len).unwrap());
            Value::Set(cells.iter().map(|cell| slow(frame.value(*cell).unwrap(), attrs)).collect())
        }
        Quick::Record(Record::Given { frame, start, shape }) => {
            let attributes = &frame.shapes[usize::try_from(shape).unwrap()];
            assert!(attributes.is_sorted_by(|left, right| left < right));
            assert_eq!(frame.members(start, shape).count(), attributes.len());
            let present = frame.members(start, shape).filter_map(|(attr, cell)| Some((attr, frame.value(cell)?)));
            Value::Record(present.map(|(attr, value)| (attrs.name(attr).to_owned(), slow(value, attrs))).collect())
        }
        other => panic!("no argument is {other:?}"),
    }
}

/// The same with the elements of sets in one order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Set(items) => {
            let mut items: Vec<_> = items.into_iter().map(sorted).collect();
            items.sort_by_cached_key(|item| format!("{item:?}"));
            Value::Set(items)
        }
        Value::Record(members) => Value::Record(members.into_iter().map(|(name, v)| (name, sorted(v))).collect()),
        other => other,
    }
}

/// What is read of a value; of a set that is not read whole, nothing but that it is there.
fn projected(value: Value, read: &Read) -> Value {
    match value {
        value if read.whole => value,
        Value::Record(members) => {
            let seen = members.into_iter().filter_map(|(name, value)| {
                let read = read.under.get(&name)?;
                Some((name, projected(value, read)))
            });
            Value::Record(seen.collect())
        }
        Value::Set(_) => Value::Set(vec![]),
        other => other,
    }
}

/// What the quick way says; `None` for refused.
fn quick(arguments: &Arguments, read: &Read, text: &str) -> Option<Value> {
    let mut attrs = Names::default();
    attrs.add("value");
    attrs.add("b");
    let plan = Plan::new(arguments, read, &mut attrs);
    let (mut tape, mut built, mut space) = (Tape::default(), Tape::default(), Space::default());
    let limits = JsonLimits::call(&Limits { depth: 100, ..Limits::default() });
    let item = tape.read(text.as_bytes(), &limits).unwrap();
    let json = item.to_json();
    let mut answers = [item, built.build(&json)].map(|item| {
        bind(&plan, item, &mut space).ok().map(|()| {
            let frame = space.frame(&plan, item);
            sorted(slow(frame.value(space.root()).unwrap(), &attrs))
        })
    });
    assert_eq!(answers[0], answers[1], "from the text and from the tree");
    answers[0].take()
}

/// Quick and slow agree, whatever is read.
fn agree(arguments: &Arguments, text: &str, salt: u64) -> bool {
    let json = Json::parse(text.as_bytes()).unwrap();
    let checked = check(arguments, &json);
    let (mut tape, mut built) = (Tape::default(), Tape::default());
    let limits = JsonLimits::call(&Limits { depth: 100, ..Limits::default() });
    for item in [tape.read(text.as_bytes(), &limits).unwrap(), built.build(&json)] {
        assert_eq!(explain(arguments, item), checked.as_ref().err().map(|error| error.brief()), "{text}");
    }
    let expected = checked.ok().map(|attributes| sorted(Value::Record(attributes)));
    assert_eq!(quick(arguments, &Read::everything(), text), expected, "{text} for {arguments:?}");
    assert_eq!(
        quick(arguments, &Read::default(), text),
        expected.as_ref().map(|_| Value::Record(BTreeMap::new())),
        "{text} for {arguments:?}"
    );
    if let Some(expected) = &expected {
        let read = some_read(expected, &mut { salt | 1 });
        assert_eq!(quick(arguments, &read, text), Some(projected(expected.clone(), &read)), "{text} {read:?}");
    }
    expected.is_some()
}

/// A part of what is in a value.
fn some_read(value: &Value, state: &mut u64) -> Read {
    let mut draw = || {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % 4
    };
    let mut read = Read { whole: draw() == 0, ..Read::default() };
    if let Value::Record(members) = value {
        let chosen: Vec<_> = members.iter().filter(|_| draw() != 0).collect();
        for (name, member) in chosen {
            read.under.insert(name.clone(), some_read(member, state));
        }
    }
    read
}

/// Writes JSON with the spellings that the draws say.
fn spelled(value: &Serde, draws: &mut impl Iterator<Item = u8>) -> String {
    let text = |text: &str, draws: &mut dyn Iterator<Item = u8>| {
        let escape = draws.next().unwrap_or(0).is_multiple_of(4);
        if escape {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{units}\"")
        } else {
            serde_json::to_string(text).unwrap()
        }
    };
    match value {
        Serde::String(string) => text(string, draws),
        Serde::Number(number) if number.is_i64() => match draws.next().unwrap_or(0) % 8 {
            0 => format!("{number}.0"),
            1 => format!("{number}e0"),
            2 => format!("{number}0e-1"),
            3 => format!("{number}.00001"),
            _ => number.to_string(),
        },
        Serde::Array(items) => {
            format!("[{}]", items.iter().map(|item| spelled(item, draws)).collect::<Vec<_>>().join(" ,"))
        }
        Serde::Object(members) => {
            let mut all = Vec::new();
            for (key, value) in members {
                let key = text(key, draws);
                all.push(format!("{key}: {}", spelled(value, draws)));
            }
            if draws.next().unwrap_or(0).is_multiple_of(2) {
                all.reverse();
            }
            format!("{{{}}}", all.join(", "))
        }
        other => other.to_string(),
    }
}

/// The value with one part of it changed: gone, twice in an array, of another name or another value.
fn changed(value: &mut Serde, draws: &mut impl Iterator<Item = u8>, other: &Serde) {
    let draw = draws.next().unwrap_or(0);
    match value {
        Serde::Object(members) if !members.is_empty() && !draw.is_multiple_of(8) => {
            let name = members.keys().cycle().nth(usize::from(draw / 8)).unwrap().clone();
            match draw % 8 {
                1 => drop(members.remove(&name)),
                2 => drop(members.insert(format!("{name}x"), other.clone())),
                3 => drop(members.insert("*".to_owned(), other.clone())),
                _ => changed(members.get_mut(&name).unwrap(), draws, other),
            }
        }
        Serde::Array(items) if !items.is_empty() && !draw.is_multiple_of(8) => {
            let at = (0..items.len()).cycle().nth(usize::from(draw / 8)).unwrap();
            match draw % 8 {
                1 => drop(items.remove(at)),
                2 => items.push(items[at].clone()),
                3 => items.push(other.clone()),
                _ => changed(&mut items[at], draws, other),
            }
        }
        place => *place = other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_quick_check_agrees_with_the_slow_one(
        (document, given) in tool(1),
        others in prop::collection::vec(values(), 6),
        draws in prop::collection::vec(any::<u8>(), 256),
        salt in any::<u64>(),
    ) {
        let arguments = type_arguments(&from_serde(&document), &Limits::default());
        let mut draws = draws.into_iter().cycle();
        let given = Serde::Object(given);
        let mut inputs = vec![given.clone(), json!({})];
        for other in others {
            let mut near = given.clone();
            changed(&mut near, &mut draws, &other);
            inputs.extend([near, other]);
        }
        for input in inputs {
            let text = spelled(&input, &mut draws);
            agree(&arguments, &text, salt);
        }
    }
}

#[test]
fn each_type_and_its_twin() {
    let schema = r#"{"type": "object", "properties": {
        "flag": {"type": "boolean"}, "amount": {"type": "integer"}, "price": {"type": "number"},
        "name": {"type": "string"}, "kind": {"enum": ["a", "b"]}, "at": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"}, "ip": {"type": "string", "format": "ipv4"},
        "ip6": {"type": "string", "format": "ipv6"}, "tags": {"type": "array", "items": {"type": "string"}},
        "id": {"type": ["string", "integer", "null"]}, "filter": {"type": "object"}, "any": {}, "never": false,
        "to": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "labels": {"type": "object", "additionalProperties": {"type": "integer"}},
        "mixed": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
        "maybe": {"type": "array", "items": {"type": ["integer", "null"]}}, "null": {"type": "null"},
        "none": {"items": false}, "out": {"$ref": "x.json"}, "odd": {"additionalProperties": {"$ref": "x.json"}}}}"#;
    let arguments = typed(schema);
    for (accepted, refused) in [
        ("{}", "[]"),
        (r#"{"flag":true}"#, r#"{"flag":1}"#),
        (r#"{"amount":5e1}"#, r#"{"amount":5e-1}"#),
        (r#"{"amount":-9223372036854775808}"#, r#"{"amount":9223372036854775808}"#),
        (r#"{"price":0.0001}"#, r#"{"price":0.00001}"#),
        (r#"{"name":"\u0061\"\n"}"#, r#"{"name":null}"#),
        (r#"{"kind":"\u0061"}"#, r#"{"kind":"c"}"#),
        (r#"{"at":"2024-01-01T01:00:00.25+01:00"}"#, r#"{"at":"2024-01-01"}"#),
        (r#"{"day":"2024-01-01"}"#, r#"{"day":"2024-01-01T00:00:00Z"}"#),
        (r#"{"ip":"10.0.0.7"}"#, r#"{"ip":"::1"}"#),
        (r#"{"ip6":"::ffff:10.0.0.7"}"#, r#"{"ip6":"::1/64"}"#),
        (r#"{"tags":["a","a"]}"#, r#"{"tags":["a",1]}"#),
        (r#"{"id":7}"#, r#"{"id":7.5}"#),
        (r#"{"id":null}"#, r#"{"id":[]}"#),
        (r#"{"filter":{"b":1,"a":[{}]}}"#, r#"{"never":null}"#),
        (r#"{"any":{"b":1,"\u0061":"\u0000"},"out":[{}]}"#, r#"{"other":1}"#),
        (r#"{"to":{"city":"x"}}"#, r#"{"to":{}}"#),
        (r#"{"labels":{"a":1,"b":2}}"#, r#"{"labels":{"a":"1"}}"#),
        (r#"{"mixed":[1,"a",2,1]}"#, r#"{"mixed":[1,null]}"#),
        (r#"{"maybe":[1,null,2]}"#, r#"{"maybe":[1,"a"]}"#),
        (r#"{"null":null,"none":[]}"#, r#"{"null":1}"#),
        (r#"{"odd":{"a":[1],"b":null}}"#, r#"{"none":[null]}"#),
    ] {
        for salt in 0..8 {
            assert!(agree(&arguments, accepted, salt), "{accepted}");
            assert!(!agree(&arguments, refused, salt), "{refused}");
        }
    }
    assert!(agree(&typed("[]"), "[1]", 0), "an untyped tool takes anything");
    assert!(agree(&typed("{}"), r#"{"a":1,"b":{"c":"\u0061"}}"#, 0));
}

/// Two thousand names that share one hash: they are found by their order, and each is found.
#[test]
fn names_of_one_hash_are_told_apart() {
    let names: Vec<_> = (0..1_500).map(|n| format!("prefix--{n:06}--suffix")).collect();
    let properties: serde_json::Map<_, _> =
        names.iter().map(|name| (name.clone(), json!({"type": "integer"}))).collect();
    for count in [3, 8, 9, 1_500] {
        let properties: serde_json::Map<_, _> = properties.clone().into_iter().take(count).collect();
        let document = json!({"type": "object", "properties": properties, "required": [names[0]]});
        let arguments = type_arguments(&from_serde(&document), &Limits::default());
        let members: Vec<_> = names.iter().take(count).enumerate().map(|(n, name)| format!("\"{name}\":{n}")).collect();
        assert!(agree(&arguments, &format!("{{{}}}", members.join(",")), 7));
        assert!(!agree(&arguments, &format!("{{{}}}", members[1..].join(",")), 7));
        assert!(!agree(&arguments, &format!("{{{},\"prefix--x00000--suffix\":1}}", members.join(",")), 7));
    }
}

/// The schemas of real servers, with calls made from their own types and calls that miss them.
#[test]
fn real_schemas_agree() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/catalogs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        // a line that the test runner does not swallow
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no `shared` folder beside the repository");
        return;
    };
    let (mut accepted, mut refused) = (0, 0);
    for entry in entries {
        let list: Serde = serde_json::from_slice(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap();
        let tools = list.get("tools").or_else(|| list.pointer("/result/tools")).unwrap_or(&list);
        for tool in tools.as_array().unwrap() {
            let arguments = type_arguments(&from_serde(&tool["inputSchema"]), &Limits::default());
            let properties = tool["inputSchema"]["properties"].as_object().cloned().unwrap_or_default();
            let samples =
                [json!("a"), json!(1), json!(true), json!(["x"]), json!([{"a": 1}]), json!({"a": "b"}), json!(null)];
            let fitting = |name: &str| {
                samples.iter().find(|sample| {
                    let one = Json::Object([(name.to_owned(), from_serde(sample))].into());
                    check(&arguments, &one).map_or_else(|error| error.message().contains("is missing"), |_| true)
                })
            };
            let full: serde_json::Map<_, _> =
                properties.keys().map(|name| (name.clone(), fitting(name).cloned().unwrap_or(Serde::Null))).collect();
            let mut inputs = vec![Serde::Object(full.clone()), json!({}), json!({"surely-not-declared": 1})];
            for (name, sample) in properties.keys().flat_map(|name| samples.iter().map(move |sample| (name, sample))) {
                let mut one = full.clone();
                one.insert(name.clone(), sample.clone());
                inputs.push(Serde::Object(one));
            }
            for (salt, input) in (0..).zip(inputs) {
                let ok = agree(&arguments, &input.to_string(), salt);
                accepted += usize::from(ok);
                refused += usize::from(!ok);
            }
        }
    }
    assert!(accepted > 300 && refused > 300, "{accepted} {refused}");
}
