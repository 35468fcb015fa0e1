//! The JSON Schemas say what the readers say: what is published validates, what a reader refuses its schema refuses, and
//! a field that one of them learns the other must learn as well.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may panic; clippy only knows those with #[test]"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use support::{path, policies, run};
use toolgate::{Bundle, Call, Delta, Engine, Error, Manifest, Source, TokenRequest};
use toolgate_workbench::schemas::{FORMATS, find};
use toolgate_workbench::suite;

const BUNDLES: &[&str] = &["examples/acme", "packs/starter/example", "packs/toxic-flow/example", "workbench/template"];

fn schema(name: &str) -> Value {
    serde_json::from_str(find(name).unwrap().schema).unwrap()
}

fn validator(name: &str) -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema(name)).unwrap()
}

fn holds(name: &str, validator: &Validator, value: &Value, what: &str) {
    let faults: Vec<String> =
        validator.iter_errors(value).map(|fault| format!("{} at {}", fault, fault.instance_path())).collect();
    assert!(faults.is_empty(), "{name}: {what}\n{}", faults.join("\n"));
}

fn read_text(relative: &str) -> String {
    std::fs::read_to_string(policies().join(relative)).unwrap()
}

fn toml(text: &str) -> Value {
    let value: toml::Value = toml::from_str(text).unwrap();
    serde_json::to_value(value).unwrap()
}

/// What a reader says of a text.
type Reader = fn(&Value) -> Result<(), Error>;

fn bundle_error(overlay: Option<Source>, snapshot: Source) -> Result<(), Error> {
    let bundle = Bundle { policies: Vec::new(), tools: BTreeMap::new(), overlay, snapshot };
    Engine::load(&bundle).map(drop).map_err(|error| error.errors()[0].clone())
}

fn small_snapshot() -> Source {
    Source::new("s.json", r#"{"version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H"}"#)
}

const HEAD: &str = r#"{"kind":"snapshot","version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H"}"#;

/// The formats that have a reader, and one text of each in which every object occurs.
fn readers() -> Vec<(&'static str, Reader, Value)> {
    let acme = |name: &str| serde_json::from_str::<Value>(&read_text(&format!("examples/acme/{name}"))).unwrap();
    let (user, subject) = (json!({"user": "a", "client": "c"}), json!({"service_principal": "p"}));
    let approval = json!({"id": "y", "kind": "self", "by": "a", "subject": user, "scope": {"operation": "write", "server": "s"},
        "from": "2026-11-20T10:00:00Z", "until": "2026-11-20T11:00:00Z"});
    let grant =
        json!({"id": "g", "to": {"user": "a", "client": "c"}, "entitlement": "e", "from": "2026-11-20T10:00:00Z"});
    let session = json!({"id": "s", "calls": 1, "labels": ["l"], "authenticated_at": "2026-11-20T09:00:00Z"});
    let whole = json!({"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
        "users": [{"id": "a", "active": true, "manager": "b", "groups": ["g"], "entitlements": []}],
        "groups": [{"id": "g", "parents": []}], "clients": [{"id": "c", "kind": "personal", "state": "active"}],
        "service_principals": [{"id": "p", "active": true, "owner": "a", "groups": []}],
        "entitlements": [{"id": "e", "owners": ["a"], "requestable_by": ["*"], "request_approval": "auto", "max_duration": "P7D"}],
        "profiles": [{"id": "r", "entitlements": ["e"], "request_approval": "self"}],
        "grants": [grant], "approvals": [approval],
        "kill_switches": {"tenant": false, "servers": ["s"], "tools": ["s/t"], "clients": []}});
    let overlay = json!({"tenant": {"guidance": {"message": "m", "url": "u"}, "issuer": "i"}, "servers": {"s": {
        "trusted": true, "path": "token", "default_state": "approved", "credential": {"mode": "shared", "ref": "r"},
        "guidance": {"message": "m"}, "max_token_lifetime": "PT5M", "resource_uris": ["u"],
        "rules": [{"tools": ["*"], "operation": "read", "entitlements": ["e"], "sensitive": true, "guidance": {"message": "m"}}],
        "scopes": {"x": {"enabled": true, "entitlements": ["e"], "labels": [], "sensitive": false}}}}});
    vec![
        (
            "toolgate",
            |value| Manifest::parse("toolgate.toml", &toml_text(value)).map(drop),
            json!({"name": "a", "format": 1, "policies": ["a.cedar"], "snapshot": "s.json"}),
        ),
        (
            "catalog",
            |value| bundle_error(Some(Source::new("catalog.toml", toml_text(value))), small_snapshot()),
            overlay,
        ),
        ("snapshot", |value| bundle_error(None, Source::new("s.json", value.to_string())), whole),
        ("snapshot", |value| bundle_error(None, Source::new("s.json", value.to_string())), acme("snapshot.json")),
        (
            "delta",
            |value| Delta::parse(value.to_string().as_bytes()).map(drop),
            json!({"version": 2, "issued_at": "2026-11-20T10:00:00Z",
            "grants": {"add": [grant], "revoke": ["g"]}, "approvals": {"add": [approval], "revoke": []}}),
        ),
        (
            "call",
            |value| Call::parse(value.to_string().as_bytes()).map(drop),
            json!({"subject": user, "tool": "s/t", "arguments": {"a": 1}, "session": session, "now": "2026-11-20T10:00:00Z"}),
        ),
        (
            "call",
            |value| Call::parse(value.to_string().as_bytes()).map(drop),
            json!({"subject": subject, "tool": "s/t", "now": "2026-11-20T10:00:00Z"}),
        ),
    ]
}

fn toml_text(value: &Value) -> String {
    toml::to_string(value).unwrap_or_else(|_| "null = {".into())
}

#[test]
fn every_schema_is_one_and_says_what_it_is() {
    for format in FORMATS {
        let schema = schema(format.name);
        assert!(jsonschema::meta::is_valid(&schema), "{}", format.name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(
            schema["$id"]
                .as_str()
                .unwrap()
                .ends_with(&format!("/policies/workbench/schemas/{}.schema.json", format.name))
        );
        assert!(schema["title"].is_string() && schema["description"].is_string(), "{}", format.name);
        let validator = validator(format.name);
        for example in schema["examples"].as_array().into_iter().flatten() {
            holds(format.name, &validator, example, "its own example");
        }
        described(format.name, &schema, "");
    }
    let files: BTreeSet<String> = std::fs::read_dir(policies().join("workbench/schemas"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".schema.json", ""))
        .collect();
    assert_eq!(files, FORMATS.iter().map(|format| format.name.to_string()).collect());
}

/// Every object is closed or open on purpose, and every definition has a description.
fn described(name: &str, schema: &Value, at: &str) {
    if let Some(fields) = schema.as_object() {
        if fields.contains_key("properties") && fields.contains_key("type") {
            assert_eq!(fields.get("additionalProperties"), Some(&json!(false)), "{name} {at}");
        }
        for (key, value) in fields.get("$defs").and_then(Value::as_object).into_iter().flatten() {
            assert!(value["description"].is_string(), "{name}: {key}");
        }
        fields
            .iter()
            .filter(|(key, _)| *key != "examples")
            .for_each(|(key, value)| described(name, value, &format!("{at}/{key}")));
    } else if let Some(items) = schema.as_array() {
        items.iter().for_each(|item| described(name, item, at));
    }
}

#[test]
fn a_definition_is_the_same_in_every_schema() {
    let mut known: BTreeMap<String, (Value, &str)> = BTreeMap::new();
    for format in FORMATS {
        for (name, definition) in schema(format.name)["$defs"].as_object().into_iter().flatten() {
            let (first, of) = known.entry(name.clone()).or_insert_with(|| (definition.clone(), format.name));
            assert_eq!(first, definition, "`{name}` in {} is not that in {of}", format.name);
        }
    }
}

#[test]
fn what_is_published_validates() {
    let [toolgate, catalog, snapshot, call, line] =
        ["toolgate", "catalog", "snapshot", "call", "snapshot-line"].map(validator);
    for bundle in BUNDLES {
        holds("toolgate", &toolgate, &toml(&read_text(&format!("{bundle}/toolgate.toml"))), bundle);
        holds("catalog", &catalog, &toml(&read_text(&format!("{bundle}/catalog.toml"))), bundle);
        let people: Value = serde_json::from_str(&read_text(&format!("{bundle}/snapshot.json"))).unwrap();
        holds("snapshot", &snapshot, &people, bundle);
        for text in read_text(&format!("{bundle}/calls.jsonl")).lines() {
            holds("call", &call, &serde_json::from_str(text).unwrap(), text);
        }
        for item in lines(&people) {
            holds("snapshot-line", &line, &item, bundle);
        }
    }
}

/// A snapshot as JSON Lines has it.
fn lines(snapshot: &Value) -> Vec<Value> {
    let mut head = Map::from_iter([("kind".to_string(), json!("snapshot"))]);
    let mut all = Vec::new();
    for (key, value) in snapshot.as_object().unwrap() {
        let kind = match key.as_str() {
            "entitlements" => "entitlement",
            "kill_switches" => "kill_switches",
            list => list.trim_end_matches('s'),
        };
        let line = |item: &Value| {
            let mut line = item.as_object().unwrap().clone();
            if let Some(own) = line.insert("kind".into(), json!(kind)) {
                line.insert(format!("{kind}_kind"), own);
            }
            Value::Object(line)
        };
        match value {
            Value::Array(items) => all.extend(items.iter().map(line)),
            Value::Object(_) => all.push(line(value)),
            other => {
                head.insert(key.clone(), other.clone());
            }
        }
    }
    all.insert(0, Value::Object(head));
    all
}

#[test]
fn what_is_printed_validates() {
    let [decision, explanation] = ["decision", "explanation"].map(validator);
    for bundle in BUNDLES {
        let (bundle, calls) = (path(bundle), path(&format!("{bundle}/calls.jsonl")));
        for printed in run(&["decide", &bundle, "--calls", &calls, "--json"]).json() {
            holds("decision", &decision, &printed, &bundle);
        }
        for printed in run(&["explain", &bundle, "--call", &calls, "--json"]).json() {
            holds("explanation", &explanation, &printed, &bundle);
        }
    }
    let engine = toolgate_workbench::bundle::load(&policies().join("examples/acme")).unwrap().engine;
    let request = json!({"subject": {"user": "alice", "client": "claude-code"}, "audience": "https://auth.wiki.acme.example/",
        "scope": "pages.read pages.write", "now": "2026-11-20T10:00:00Z"});
    holds("token-request", &validator("token-request"), &request, "a request");
    let answer = serde_json::to_value(engine.decide_token(&serde_json::from_value(request).unwrap())).unwrap();
    assert!(answer["claims"].is_object() && !answer["refused"].as_array().unwrap().is_empty(), "{answer}");
    holds("token-decision", &validator("token-decision"), &answer, "an answer");
    for (name, printed) in [("decision", BTreeSet::new()), ("token-decision", keys(&answer))] {
        let schema = schema(name);
        let known = keys(&schema["properties"]);
        assert_eq!(schema["required"].as_array().unwrap().len(), known.len(), "{name} prints every field");
        assert!(printed.is_subset(&known));
    }
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect()
}

/// Every object of a value, by its pointer.
fn objects(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.push(at.to_string());
            fields.iter().for_each(|(key, value)| objects(value, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| objects(item, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

/// Objects whose keys are ids or arguments, not fields.
fn is_free(at: &str) -> bool {
    at == "/servers" || at.ends_with("/scopes") || at.starts_with("/arguments")
}

#[test]
fn schema_and_reader_refuse_the_same_mutations() {
    let mut tried = 0;
    for (name, reader, good) in readers() {
        let validator = validator(name);
        reader(&good).unwrap_or_else(|error| panic!("{name}: {error}"));
        holds(name, &validator, &good, "what the reader takes");
        let mut places = Vec::new();
        objects(&good, "", &mut places);
        // one large file has the same objects over and over
        places.truncate(60);
        for at in places.iter().filter(|at| !is_free(at)) {
            for key in keys(good.pointer(at).unwrap()).into_iter().chain(["unknown_field".to_string()]) {
                let change = |value: Option<Value>| {
                    let mut changed = good.clone();
                    let fields = changed.pointer_mut(at).unwrap().as_object_mut().unwrap();
                    match value {
                        Some(value) => fields.insert(key.clone(), value),
                        None => fields.remove(&key),
                    };
                    changed
                };
                for value in [None, Some(json!(7.5)), Some(json!([[1]])), Some(json!({"x": 1})), Some(json!("\u{1}?"))]
                {
                    if format!("{at}/{key}").starts_with("/arguments") {
                        continue;
                    }
                    let changed = change(value);
                    let (read, valid) = (reader(&changed), validator.is_valid(&changed));
                    tried += 1;
                    // a reader may know more: ids that must be defined, seen or safe
                    let knows_more =
                        read.as_ref().is_err_and(|error| !matches!(error.code(), "unknown_field" | "wrong_type"));
                    assert!(
                        read.is_ok() == valid || knows_more && valid,
                        "{name} {at}/{key}: {read:?}, schema {valid}\n{changed}"
                    );
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
}

/// The fields a reader knows, as it says them when it meets one that it does not know.
fn known(error: &Error) -> BTreeSet<String> {
    let help = error.next_step();
    help.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

#[test]
fn schema_and_reader_know_the_same_fields() {
    let mut compared = 0;
    for (name, reader, good) in readers() {
        let document = schema(name);
        let mut places = Vec::new();
        objects(&good, "", &mut places);
        places.truncate(60);
        for at in places.iter().filter(|at| !is_free(at)) {
            let mut changed = good.clone();
            changed.pointer_mut(at).unwrap().as_object_mut().unwrap().insert("unknown_field".into(), json!(1));
            let error = reader(&changed).unwrap_err();
            if error.code() != "unknown_field" || known(&error).is_empty() {
                // a call's own fields are told one by one
                continue;
            }
            let mut fields = BTreeSet::new();
            fields_at(&document, &document, at, &mut fields);
            let mut expected = known(&error);
            if name == "call" && at.is_empty() {
                expected.insert("arguments".into());
            }
            assert_eq!(fields, expected, "{name} {at}");
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

/// The fields that a schema knows at a pointer, of all its alternatives.
fn fields_at(document: &Value, schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return fields_at(document, target, at, found);
    }
    for either in ["oneOf", "anyOf"] {
        schema[either].as_array().into_iter().flatten().for_each(|one| fields_at(document, one, at, found));
    }
    let Some(rest) = at.strip_prefix('/') else {
        found.extend(keys(&schema["properties"]));
        return;
    };
    let (first, more) = rest.split_once('/').map_or((rest, String::new()), |(first, more)| (first, format!("/{more}")));
    let next = [&schema["properties"][first], &schema["items"], &schema["additionalProperties"]];
    next.into_iter().filter(|next| next.is_object()).for_each(|next| fields_at(document, next, &more, found));
}

#[test]
fn lines_of_a_snapshot_are_read_as_their_schema_says() {
    let validator = validator("snapshot-line");
    let people = readers().into_iter().find(|(name, ..)| *name == "snapshot").unwrap().2;
    let reader = |line: &Value| {
        let text = if line["kind"] == "snapshot" { line.to_string() } else { format!("{HEAD}\n{line}") };
        bundle_error(None, Source::new("s.jsonl", text))
    };
    let mut kinds = BTreeSet::new();
    for line in lines(&people) {
        kinds.insert(line["kind"].to_string());
        reader(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        holds("snapshot-line", &validator, &line, "what the reader takes");
        let fields = line.as_object().unwrap();
        for key in fields.keys() {
            for value in [None, Some(json!(7.5))] {
                let mut changed = fields.clone();
                match value {
                    Some(value) => changed.insert(key.clone(), value),
                    None => changed.remove(key),
                };
                let changed = Value::Object(changed);
                assert_eq!(reader(&changed).is_ok(), validator.is_valid(&changed), "{changed}");
            }
        }
        let mut changed = fields.clone();
        changed.insert("unknown_field".into(), json!(1));
        assert!(reader(&Value::Object(changed.clone())).is_err() && !validator.is_valid(&Value::Object(changed)));
    }
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}

#[test]
fn token_requests_are_read_as_their_schema_says() {
    let validator = validator("token-request");
    let good = json!({"subject": {"user": "a", "client": "c"}, "audience": "x", "resource": "r", "scope": "s",
        "session": {"id": "s"}, "now": "2026-11-20T10:00:00Z"});
    let reads = |value: &Value| serde_json::from_value::<TokenRequest>(value.clone()).is_ok();
    assert!(reads(&good) && validator.is_valid(&good));
    for key in keys(&good).into_iter().chain(["unknown_field".to_string()]) {
        for value in [None, Some(json!(7.5)), Some(json!({"x": 1}))] {
            let mut changed = good.clone();
            match value {
                Some(value) => changed.as_object_mut().unwrap().insert(key.clone(), value),
                None => changed.as_object_mut().unwrap().remove(&key),
            };
            assert_eq!(reads(&changed), validator.is_valid(&changed), "{changed}");
        }
    }
    let unknown = serde_json::from_value::<TokenRequest>(json!({"unknown_field": 1})).unwrap_err().to_string();
    let known: BTreeSet<String> = unknown.split('`').skip(3).step_by(2).map(str::to_string).collect();
    assert_eq!(known, keys(&schema("token-request")["properties"]), "{unknown}");
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// A suite in which every object occurs.
const SUITE: &str = r#"
suite: everything
description: for the schema
now: 2026-11-20T10:00:00Z
subjects: { alice: { user: alice, client: claude-code }, soc: { service_principal: soc-triage } }
sessions: { fresh: { calls: 0, labels: [] } }
snapshots: { none: { grants: [ { id: g-staff-office, until: "2026-11-20T09:30:00Z" } ], kill_switches: { tenant: true }, remove: { approvals: [] } } }
arguments: { crm/search_records: { object: contact, query: x } }
defaults: { subject: alice, session: fresh }
cases:
  - name: a call
    tool: crm/search_records
    snapshot: [ none, { users: [ { id: alice, active: false } ] } ]
    session: [ fresh, { labels: [a] } ]
    expect: { outcome: deny, reason: kill_switch_active, policies: [], approvers: [] }
  - name: a clock
    subject: { user: alice, client: cursor }
    tool: crm/search_records
    arguments: { query: y }
    at: { "2026-11-20T10:00:00Z": auto_approve, "2026-11-20T11:00:00Z": { outcome: auto_approve } }
  - name: a token
    now: 2026-11-20T11:00:00Z
    token: { audience: "https://auth.wiki.acme.example/", scope: pages.read, session: { labels: [] } }
    expect: { granted: [pages.read], refused: { } }
  - name: a list
    skip: later
    tools: { "crm/*": hidden }
matrix:
  - name: who
    subjects: ["*"]
    tools: ["crm/*"]
    expect: { alice: { "crm/search_records": auto_approve, "*": deny }, "*": { outcome: deny } }
"#;

/// Objects of a suite whose keys are names, times or arguments.
fn is_named(at: &str) -> bool {
    let parts: Vec<&str> = at.split('/').skip(1).collect();
    match parts.as_slice() {
        ["subjects" | "sessions" | "snapshots"] | ["arguments", ..] => true,
        ["cases", _, "arguments" | "at" | "tools", ..] => parts.len() == 3,
        ["cases", _, "expect", "refused"] => true,
        ["matrix", _, "expect"] => true,
        ["matrix", _, "expect", row] => *row == "alice",
        _ => false,
    }
}

#[test]
fn suites_are_read_as_their_schema_says() {
    let (validator, document) = (validator("tests"), schema("tests"));
    let mut suites = 0;
    for bundle in BUNDLES {
        for entry in std::fs::read_dir(policies().join(bundle).join("tests")).into_iter().flatten() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read_to_string(&file).unwrap();
                holds("tests", &validator, &yaml(&text), &file.display().to_string());
                suites += 1;
            }
        }
    }
    assert!(suites >= 4, "{suites}");
    let engine = toolgate_workbench::bundle::load(&policies().join("examples/acme")).unwrap().engine;
    let reader = suite::Reader::new(&engine);
    let read = |value: &Value| reader.read("x.yaml", value.to_string().as_bytes());
    let good = yaml(SUITE);
    read(&good).unwrap_or_else(|faults| panic!("{}", faults.iter().map(ToString::to_string).collect::<String>()));
    holds("tests", &validator, &good, "what the reader takes");
    let mut places = Vec::new();
    objects(&good, "", &mut places);
    let mut compared = 0;
    for at in places.iter().filter(|at| !is_named(at)) {
        let change = |key: &str, value: Value| {
            let mut changed = good.clone();
            changed.pointer_mut(at).unwrap()[key] = value;
            changed
        };
        let changed = change("unknown_field", json!(1));
        let faults = read(&changed).expect_err(at);
        assert!(!validator.is_valid(&changed), "{at}");
        for key in keys(good.pointer(at).unwrap()) {
            let changed = change(&key, json!(7.5));
            // the answer's own fields are compared, not read
            let free = at.contains("/expect")
                && !matches!(key.as_str(), "outcome" | "reason" | "policies" | "approvers" | "granted" | "refused");
            if !free {
                assert!(read(&changed).is_err() && !validator.is_valid(&changed), "{at}/{key}");
            }
        }
        // both know the same fields
        let said = &faults[0].message;
        if let Some((_, known)) = said.split_once(", expected ").filter(|_| said.contains("unknown field")) {
            let known: BTreeSet<String> = known.split('`').skip(1).step_by(2).map(str::to_string).collect();
            let mut fields = BTreeSet::new();
            fields_at(&document, &document, at, &mut fields);
            assert_eq!(fields, known, "{at}");
            compared += 1;
        }
    }
    assert!(compared >= 12, "{compared}");
    let no_name = json!({"now": "2026-11-20T10:00:00Z", "cases": []});
    assert!(read(&no_name).is_err() && !validator.is_valid(&no_name));
}

#[test]
#[cfg(feature = "prove")]
fn properties_are_read_as_their_schema_says() {
    use toolgate_workbench::prove::parse_properties as parse;

    let validator = validator("properties");
    let good = toml(
        "[[property]]\nname = \"a\"\nprincipal = \"agent\"\ntools = [\"s/*\"]\nwhen = \"resource.sensitive\"\nthen = \"always denied\"\n",
    );
    holds("properties", &validator, &good, "a property");
    for (key, value) in
        [("then", json!("sometimes")), ("name", json!("a b")), ("principal", json!("user")), ("x", json!(1))]
    {
        let mut changed = good.clone();
        changed["property"][0][key] = value;
        assert!(read(&changed).is_err() && !validator.is_valid(&changed), "{key}");
    }
    assert!(read(&json!({})).is_err() && !validator.is_valid(&json!({})));
}

#[test]
fn the_command_prints_them() {
    for format in FORMATS {
        let ran = run(&["schema", "--format", format.name]);
        assert_eq!((ran.code, ran.stdout.as_str()), (0, format.schema));
    }
    let list = run(&["schema", "--formats"]);
    assert!(list.code == 0 && FORMATS.iter().all(|format| list.stdout.contains(format.about)), "{}", list.stdout);
    let unknown = run(&["schema", "--format", "snapshots"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("snapshot-line"), "{}", unknown.stderr);
    assert_eq!(run(&["schema"]).code, 2);
    assert_eq!(run(&["schema", &path("examples/acme"), "--format", "call"]).code, 2);
    assert!(run(&["schema", &path("examples/acme")]).stdout.contains("namespace Toolgate"));
}
