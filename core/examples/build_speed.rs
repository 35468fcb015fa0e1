//! How long an engine takes to build, beside how long Cedar takes to parse its policies:
//! `cargo run --release -p toolgate --example build_speed -- 10000 1000`.

#![expect(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a workload of known sizes")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use cedar_policy::PolicySet;
use serde_json::{Map, Value, json};
use toolgate::{Bundle, Engine, Source};

const OPERATIONS: [&str; 3] = ["read", "write", "delete"];
const TYPES: [&str; 4] = ["integer", "string", "boolean", "tags"];
/// Names of arguments that tools share, each of one type in most tools.
const NAMES: usize = 60;
const TOOLS_PER_SERVER: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sizes = std::env::args().skip(1).map(|size| size.parse::<usize>());
    let policies = sizes.next().transpose()?.unwrap_or(10_000);
    let tools = sizes.next().transpose()?.unwrap_or(1_000);
    let bundle = bundle(policies, tools);

    let text = std::str::from_utf8(&bundle.policies[0].bytes)?;
    println!("{policies} policies in {} KiB, {tools} tools", text.len() / 1024);
    for _ in 0..3 {
        let start = Instant::now();
        let parsed: PolicySet = text.parse()?;
        let parse = start.elapsed();
        assert_eq!(parsed.policies().count(), policies);
        drop(parsed);

        let start = Instant::now();
        let engine = Engine::load(&bundle)?;
        let build = start.elapsed();
        println!(
            "Cedar parses in {parse:.0?}, the engine is built in {build:.0?}: {:.2} times ({} findings)",
            build.as_secs_f64() / parse.as_secs_f64(),
            engine.report().findings.len()
        );
    }
    Ok(())
}

/// 60 % name one tool and read its arguments, 20 % are about operations, 10 % about everything that has some argument,
/// 10 % about a few tools.
fn bundle(policies: usize, tools: usize) -> Bundle {
    let mut random = Random(7);
    let kinds: Vec<Vec<(usize, usize, bool)>> = (0..tools)
        .map(|_| {
            (0..3 + random.below(5))
                .map(|_| {
                    let name = random.below(NAMES);
                    // one in eight tools has another idea of what a name stands for
                    let kind = if random.below(8) == 0 { random.below(TYPES.len()) } else { name % TYPES.len() };
                    (name, kind, random.below(3) == 0)
                })
                .collect()
        })
        .collect();
    let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut overlay = String::new();
    for (at, arguments) in kinds.iter().enumerate() {
        let server = format!("server{}", at / TOOLS_PER_SERVER);
        let list = lists.entry(server.clone()).or_insert_with(|| {
            let _ = write!(overlay, "[servers.{server}]\ntrusted = true\ndefault_state = \"approved\"\n");
            Vec::new()
        });
        let mut properties = Map::new();
        let mut required = Vec::new();
        for (name, kind, always) in arguments {
            let name = format!("argument_{name}");
            let schema = match TYPES[*kind] {
                "tags" => {
                    json!({"type": "array", "items": {"type": "string"}, "description": "what it is filed under"})
                }
                simple => json!({"type": simple, "description": "one of the things the tool wants to know"}),
            };
            if properties.insert(name.clone(), schema).is_none() && *always {
                required.push(name);
            }
        }
        let hints = match at % 3 {
            0 => json!({"readOnlyHint": true}),
            1 => json!({"destructiveHint": false}),
            _ => json!({"destructiveHint": true}),
        };
        list.push(json!({
            "name": format!("tool{at}"),
            "description": "does one thing to one kind of record",
            "inputSchema": {"type": "object", "properties": properties, "required": required},
            "annotations": hints,
        }));
    }

    let mut text = String::new();
    for at in 0..policies {
        let effect = if random.below(4) == 0 { "forbid" } else { "permit" };
        let principal = match random.below(3) {
            0 => "principal".to_string(),
            1 => format!("principal in Toolgate::Group::\"group{}\"", random.below(500)),
            _ => format!("principal in Toolgate::Entitlement::\"entitlement{}\"", random.below(2000)),
        };
        let action = |tool: usize| format!("Toolgate::Action::\"server{}/tool{tool}\"", tool / TOOLS_PER_SERVER);
        let (scope, condition) = match random.below(10) {
            0..6 => {
                let tool = random.below(tools);
                let (name, ..) = kinds[tool][random.below(kinds[tool].len())];
                // of two with one name the last counts
                let last = kinds[tool].iter().rev().find(|(other, ..)| *other == name);
                let kind = last.map_or(0, |(_, kind, _)| *kind);
                (format!("action == {}", action(tool)), reads(name, kind, &mut random))
            }
            6 | 7 => {
                let condition = match random.below(3) {
                    0 => "principal in resource.entitlements && !resource.sensitive".to_string(),
                    1 => "principal in resource.entitlements && context.approval.self".to_string(),
                    _ => format!(
                        "resource.labels.contains(\"label{}\") && resource.environment == \"production\"",
                        random.below(20)
                    ),
                };
                (format!("action in Toolgate::Action::\"{}\"", OPERATIONS[random.below(3)]), condition)
            }
            8 => {
                let name = random.below(NAMES);
                let other = random.below(NAMES);
                let condition = match random.below(2) {
                    0 => format!("context has input && context.input has argument_{name} && resource.sensitive"),
                    _ => format!("context has input.argument_{name} && context.session.calls > {other}"),
                };
                ("action".to_string(), condition)
            }
            _ => {
                let some: Vec<_> = (0..2 + random.below(4)).map(|_| action(random.below(tools))).collect();
                let condition = match random.below(2) {
                    0 => "context.approval.manager && principal in resource.entitlements".to_string(),
                    _ => "context.session.calls < 100 && context.session.acr == \"phr\"".to_string(),
                };
                (format!("action in [{}]", some.join(", ")), condition)
            }
        };
        let _ = writeln!(
            text,
            "// number {at} of many\n@id(\"policy-{at}\")\n@description(\"what it is for, in a sentence\")\n{effect} ({principal}, {scope}, resource)\nwhen {{ {condition} }};\n"
        );
    }
    Bundle {
        policies: vec![Source::new("all.cedar", text)],
        tools: lists
            .into_iter()
            .map(|(server, tools)| {
                let list = Value::Array(tools).to_string();
                (server.clone(), Source::new(format!("{server}.json"), list))
            })
            .collect(),
        overlay: Some(Source::new("catalog.toml", overlay)),
        snapshot: Source::new(
            "snapshot.json",
            r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#,
        ),
    }
}

fn reads(name: usize, kind: usize, random: &mut Random) -> String {
    let at = format!("context.input.argument_{name}");
    let test = match TYPES[kind] {
        "integer" => format!("{at} > {}", random.below(100_000)),
        "string" => format!("{at} == \"value{}\"", random.below(50)),
        "boolean" => at,
        _ => format!("{at}.contains(\"tag{}\")", random.below(50)),
    };
    format!("context.input has argument_{name} && {test} && context.approval.self")
}

/// The same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % bound
    }
}
