//! Types of arguments: as JSON Schemas, as values of them, and as places that a policy can read.

use serde_json::{Value, json};

use crate::draw::Draw;

/// What an argument may be.
#[derive(Clone, Debug)]
pub(crate) enum Ty {
    Text,
    Enum,
    Long,
    Number,
    Bool,
    Time,
    Day,
    Ip4,
    Ip6,
    /// Any JSON.
    Free,
    List(Box<Self>),
    /// Of different JSON kinds.
    Union(Vec<Self>),
    Map(Box<Self>),
    /// The members, and what others may be.
    Object(Vec<Member>, Option<Box<Self>>),
}

#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) ty: Ty,
    pub(crate) required: bool,
    pub(crate) nullable: bool,
}

/// What a policy finds at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Long,
    Decimal,
    Bool,
    Time,
    Ip,
    Texts,
    Longs,
    Bools,
    Times,
    /// A set of `{key, value}` with texts.
    Entries,
    /// A set of `{a: String, n: Long}`.
    Pairs,
    /// `{a: String, n: Long}`.
    Pair,
}

/// A place that a policy can read, and what must be there first.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) guards: Vec<String>,
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

pub(crate) const TEXTS: &[&str] = &["a", "b", "ab", "acme", "", "a*b", "é", "10", "open", "null", "A", "ba\\\\b"];
const STATES: &[&str] = &["open", "closed", "high"];
pub(crate) const LONGS: &[i64] = &[0, 1, -1, 2, 5, 10, 100, 1000, i64::MAX, i64::MIN, i64::MAX / 2, 3_037_000_500];
const NUMBERS: &[&str] = &["0", "1.5", "-2.25", "10.0", "0.0001", "922337203685477.5807", "1e2", "15e-1", "-0.0", "10"];
const TIMES: &[&str] = &[
    "2026-11-20T10:00:00Z",
    "2026-11-20T09:59:59.999Z",
    "2026-11-20T12:00:00+02:00",
    "2026-11-20T10:00:01Z",
    "1970-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
];
const DAYS: &[&str] = &["2026-11-20", "2026-11-19", "2024-02-29", "1969-12-31"];
const IP4: &[&str] = &["10.0.0.1", "10.0.0.255", "192.168.1.7", "127.0.0.1", "224.0.0.5", "0.0.0.0"];
const IP6: &[&str] = &["::1", "fe80::1", "2001:db8::1", "::", "ff02::1", "2001:DB8:0:0::1"];
const NAMES: &[&str] = &["id", "name", "amount", "tags", "opts", "when", "x-y", "from", "list", "extra", "self"];
/// What stands where something else should.
const WRONG: &[&str] = &[
    "null",
    "\"x\"",
    "1",
    "1.5",
    "1.00001",
    "1e400",
    "9223372036854775808",
    "-9223372036854775809",
    "[]",
    "{}",
    "true",
    "[null]",
    "[[1]]",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "{\"__entity\":{\"type\":\"Toolgate::User\",\"id\":\"u0\"}}",
    "{\"__extn\":{\"fn\":\"ip\",\"arg\":\"::1\"}}",
    "\"2026-11-20\"",
    "\"2026-13-20T10:00:00Z\"",
    "\"10.0.0.1/8\"",
    "\"256.0.0.1\"",
    "01",
    "nul",
    "",
    "\"\n\"",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
];

/// `{a: String, n: Long}`, all of it always there.
fn pair() -> Ty {
    let member = |name, ty| Member { name, ty, required: true, nullable: false };
    Ty::Object(vec![member("a", Ty::Text), member("n", Ty::Long)], None)
}

fn simple(draw: &mut Draw) -> Ty {
    match draw.below(12) {
        0 | 1 => Ty::Text,
        2 => Ty::Enum,
        3 | 4 => Ty::Long,
        5 | 6 => Ty::Number,
        7 => Ty::Bool,
        8 => Ty::Time,
        9 => Ty::Day,
        10 => Ty::Ip4,
        _ => Ty::Ip6,
    }
}

fn any(draw: &mut Draw, depth: usize) -> Ty {
    match draw.below(14) {
        0 => Ty::List(Box::new(Ty::Text)),
        1 => Ty::List(Box::new(Ty::Long)),
        2 => Ty::List(Box::new(pair())),
        3 => Ty::List(Box::new(simple(draw))),
        4 => Ty::Free,
        5 => Ty::Map(Box::new(if draw.one_in(2) { Ty::Text } else { simple(draw) })),
        6 => Ty::Union(match draw.below(5) {
            0 => vec![Ty::Long, Ty::Text],
            1 => vec![Ty::Bool, Ty::Text],
            2 => vec![Ty::Text, Ty::List(Box::new(Ty::Text))],
            3 => vec![pair(), Ty::Number],
            _ => vec![Ty::Long, Ty::Text, Ty::Bool],
        }),
        7 => pair(),
        8 | 9 if depth > 0 => object(draw, depth - 1, &[]),
        10 => Ty::List(Box::new(Ty::Union(vec![Ty::Long, Ty::Text]))),
        _ => simple(draw),
    }
}

/// What members of each name are in a company, as a rule: policies over several tools can then speak of them.
pub(crate) fn usual(draw: &mut Draw) -> Vec<Ty> {
    NAMES.iter().map(|_| any(draw, 1)).collect()
}

/// An object; the members a policy speaks of are drawn from few names, so that tools share some.
pub(crate) fn object(draw: &mut Draw, depth: usize, usual: &[Ty]) -> Ty {
    let mut members = Vec::new();
    for (at, name) in NAMES.iter().enumerate() {
        if draw.below(5) < 2 {
            let ty = if usual.is_empty() || draw.one_in(3) { any(draw, depth) } else { usual[at].clone() };
            members.push(Member { name, ty, required: draw.one_in(3), nullable: draw.one_in(4) });
        }
    }
    Ty::Object(members, draw.one_in(6).then(|| Box::new(if draw.one_in(2) { Ty::Free } else { simple(draw) })))
}

impl Ty {
    pub(crate) fn schema(&self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Enum => json!({"type": "string", "enum": STATES}),
            Self::Long => json!({"type": "integer"}),
            Self::Number => json!({"type": "number"}),
            Self::Bool => json!({"type": "boolean"}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Day => json!({"type": "string", "format": "date"}),
            Self::Ip4 => json!({"type": "string", "format": "ipv4"}),
            Self::Ip6 => json!({"type": "string", "format": "ipv6"}),
            Self::Free => json!({}),
            Self::List(of) => json!({"type": "array", "items": of.schema()}),
            Self::Union(parts) => {
                let schemas: Vec<Value> = parts.iter().map(Self::schema).collect();
                let plain = schemas.iter().all(|schema| schema.as_object().is_some_and(|members| members.len() == 1));
                if plain {
                    json!({"type": schemas.iter().map(|schema| schema["type"].clone()).collect::<Vec<_>>()})
                } else {
                    json!({"anyOf": schemas})
                }
            }
            Self::Map(of) => json!({"type": "object", "additionalProperties": of.schema()}),
            Self::Object(members, extras) => {
                let mut schema = json!({"type": "object", "properties": {}, "required": []});
                for member in members {
                    let own = member.ty.schema();
                    schema["properties"][member.name] =
                        if member.nullable { json!({"anyOf": [own, {"type": "null"}]}) } else { own };
                    if member.required {
                        schema["required"].as_array_mut().unwrap().push(json!(member.name));
                    }
                }
                if let Some(extras) = extras {
                    schema["additionalProperties"] = extras.schema();
                }
                schema
            }
        }
    }

    /// A value as JSON text. `spoil`: one value in so many is something else; 0: none.
    pub(crate) fn value(&self, draw: &mut Draw, spoil: usize) -> String {
        if spoil > 0 && draw.one_in(spoil) {
            return draw.pick(WRONG).to_string();
        }
        let quoted = |text: &&str| format!("\"{text}\"");
        match self {
            Self::Text => quoted(draw.pick(TEXTS)),
            Self::Enum => quoted(draw.pick(STATES)),
            Self::Long => match draw.below(12) {
                0 => ["1.0", "1e3", "-0", "100e-2"][draw.below(4)].into(),
                _ => draw.pick(LONGS).to_string(),
            },
            Self::Number => draw.pick(NUMBERS).to_string(),
            Self::Bool => (draw.below(2) == 0).to_string(),
            Self::Time => quoted(draw.pick(TIMES)),
            Self::Day => quoted(draw.pick(DAYS)),
            Self::Ip4 => quoted(draw.pick(IP4)),
            Self::Ip6 => quoted(draw.pick(IP6)),
            Self::Free => [
                "1",
                "\"a\"",
                "null",
                "true",
                "[]",
                "{}",
                "{\"a\":1,\"b\":[2,\"x\"]}",
                "[1,\"a\",null]",
                "1.5e3",
                "{\"b\":{},\"a\":\"\"}",
                "{\"__entity\":{\"type\":\"Toolgate::User\",\"id\":\"u0\"}}",
            ][draw.below(11)]
            .into(),
            Self::List(of) => {
                let items: Vec<String> = (0..draw.below(4)).map(|_| of.value(draw, spoil)).collect();
                format!("[{}]", items.join(","))
            }
            Self::Union(parts) => draw.pick(parts).value(draw, spoil),
            Self::Map(of) => {
                let keys = ["a", "b", "acme", "id"].into_iter().filter(|_| draw.one_in(2)).collect::<Vec<_>>();
                let members: Vec<String> =
                    keys.into_iter().map(|key| format!("\"{key}\":{}", of.value(draw, spoil))).collect();
                format!("{{{}}}", members.join(","))
            }
            Self::Object(members, extras) => {
                let mut texts = Vec::new();
                for member in members {
                    let there = member.required || draw.below(10) < 6;
                    if there && !(spoil > 0 && draw.one_in(spoil * 2)) {
                        let value = if member.nullable && draw.one_in(4) {
                            "null".into()
                        } else {
                            member.ty.value(draw, spoil)
                        };
                        texts.push(format!("\"{}\":{value}", member.name));
                    }
                }
                let more = match extras {
                    Some(of) if draw.one_in(2) => Some(of.value(draw, spoil)),
                    None if spoil > 0 && draw.one_in(spoil * 2) => Some("1".into()),
                    _ => None,
                };
                texts.extend(more.map(|value| format!("\"{}\":{value}", ["zz", "acme", "a"][draw.below(3)])));
                if spoil > 0 && draw.one_in(spoil * 4) && !texts.is_empty() {
                    texts.push(texts[0].clone());
                }
                draw.shuffle(&mut texts);
                let space = if draw.one_in(8) { " \t\n" } else { "" };
                format!("{{{space}{}{space}}}", texts.join(&format!("{space},")))
            }
        }
    }

    /// The places a policy can read. `sure`: what is required is there, whichever tool is called.
    pub(crate) fn places(&self, path: &str, guards: &[String], sure: bool, into: &mut Vec<Place>) {
        let mut here = |kind| into.push(Place { guards: guards.to_vec(), path: path.into(), kind });
        match self {
            Self::Text | Self::Enum => here(Kind::Text),
            Self::Long => here(Kind::Long),
            Self::Number => here(Kind::Decimal),
            Self::Bool => here(Kind::Bool),
            Self::Time | Self::Day => here(Kind::Time),
            Self::Ip4 | Self::Ip6 => here(Kind::Ip),
            Self::Free => {
                for (name, kind) in [("kind", Kind::Text), ("keys", Kind::Texts), ("text", Kind::Text)] {
                    into.push(Place { guards: guards.to_vec(), path: format!("{path}.{name}"), kind });
                }
            }
            Self::List(of) => match &**of {
                Self::Text | Self::Enum => here(Kind::Texts),
                Self::Long => here(Kind::Longs),
                Self::Bool => here(Kind::Bools),
                Self::Time | Self::Day => here(Kind::Times),
                Self::Object(..) => here(Kind::Pairs),
                Self::Union(_) => {
                    for (name, kind) in [("integer", Kind::Longs), ("string", Kind::Texts)] {
                        into.push(Place { guards: guards.to_vec(), path: format!("{path}.{name}"), kind });
                    }
                }
                _ => {}
            },
            Self::Union(parts) => {
                for part in parts {
                    let schema = part.schema();
                    let name = schema["type"].as_str().unwrap_or_default();
                    let mut guards = guards.to_vec();
                    guards.push(format!("{path} has {name}"));
                    part.places(&format!("{path}.{name}"), &guards, true, into);
                }
            }
            Self::Map(of) => map(of, path, guards, into),
            Self::Object(members, extras) => {
                let whole = members.iter().map(|member| member.name).eq(["a", "n"]);
                if whole {
                    here(Kind::Pair);
                }
                for member in members {
                    let plain = !member.name.contains('-');
                    let (has, at) = match (plain, path.strip_prefix("context.")) {
                        // the whole way at once, now and then
                        (true, Some(rest)) if member.name == "from" && !rest.contains('"') => {
                            (format!("context has {rest}.{}", member.name), format!("{path}.{}", member.name))
                        }
                        (true, _) => (format!("{path} has {}", member.name), format!("{path}.{}", member.name)),
                        _ => (format!("{path} has \"{}\"", member.name), format!("{path}[\"{}\"]", member.name)),
                    };
                    let mut guards = guards.to_vec();
                    if !sure || !member.required || member.nullable {
                        guards.push(has);
                    }
                    member.ty.places(&at, &guards, true, into);
                }
                if let Some(of) = extras {
                    let mut guards = guards.to_vec();
                    if !sure {
                        guards.push(format!("{path} has \"*\""));
                    }
                    map(of, &format!("{path}[\"*\"]"), &guards, into);
                }
            }
        }
    }
}

fn map(of: &Ty, path: &str, guards: &[String], into: &mut Vec<Place>) {
    let mut at = |name: &str, kind| into.push(Place { guards: guards.to_vec(), path: format!("{path}.{name}"), kind });
    at("keys", Kind::Texts);
    if matches!(of, Ty::Text | Ty::Enum) {
        at("entries", Kind::Entries);
    }
}
