//! The same verdicts as Cedar's own full run: each policy, against the whole schema, for every action.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::ffi::DetailedError;
use cedar_policy::{PolicySet, Schema, ValidationMode, ValidationWarning, Validator};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::*;
use crate::data::catalog::Catalog;
use crate::limits::Limits;
use crate::load::arguments::type_arguments;
use crate::load::bundle::Source;
use crate::load::catalog;
use crate::load::policies::read;
use crate::load::tools_list;

/// Everything that a subject borrows.
struct World {
    files: Vec<(String, String)>,
    policies: Vec<SourcePolicy>,
    catalog: Catalog,
    arguments: BTreeMap<ToolId, Arguments>,
    types: Types,
}

impl World {
    fn new(tools: &[Value], policies: &[String]) -> Self {
        let text: String = policies.iter().enumerate().map(|(at, text)| format!("@id(\"p{at}\") {text}\n")).collect();
        let files = vec![("all.cedar".to_owned(), text)];
        let limits = Limits::default();
        let list = tools_list::read(Value::from(tools).to_string().as_bytes(), &limits).unwrap().tools;
        let overlay = catalog::overlay("[servers.s]\ntrusted = true\ndefault_state = \"approved\"\n", &limits).unwrap();
        let (catalog, _) = catalog::merge([("s".to_owned(), list)].into(), overlay);
        let typed = |tool: &crate::data::catalog::Tool| type_arguments(&tool.definition.input_schema, &limits);
        let arguments = catalog.tools.values().map(|tool| (tool.id.clone(), typed(tool))).collect();
        let policies = read(&files, &limits, 2).unwrap_or_else(|errors| panic!("{errors:?}\n{}", files[0].1));
        Self { files, policies, catalog, arguments, types: Types::new().unwrap() }
    }

    fn subject(&self, threads: usize) -> Subject<'_> {
        Subject {
            files: &self.files,
            policies: &self.policies,
            arguments: &self.arguments,
            types: &self.types,
            inventory: Inventory::new(&self.catalog, &self.arguments),
            before: None,
            threads,
        }
    }

    /// What is said of each policy that gets as far as Cedar, and what it is remembered by.
    fn said(&self, threads: usize, together: usize) -> BTreeMap<String, (Said, Digest)> {
        let subject = self.subject(threads);
        let checked: Vec<_> = self
            .policies
            .iter()
            .filter_map(|policy| Some((policy, subject.check(policy).ok()?)))
            .filter(|(_, checked)| !subject.inventory.is_empty(&checked.question.applies))
            .collect();
        let classes: Vec<_> = checked.iter().map(|(_, it)| subject.inventory.classes(&it.question)).collect();
        let keys: Vec<(&SourcePolicy, Digest)> = checked
            .iter()
            .zip(&classes)
            .map(|((policy, checked), classes)| (*policy, subject.key(policy, checked, classes)))
            .collect();
        let tasks: Vec<_> =
            checked.iter().zip(&classes).map(|((policy, checked), classes)| checked.task(policy, classes)).collect();
        let fragments: Vec<_> = subject
            .inventory
            .tools
            .iter()
            .map(|row| vocabulary::tool_fragment(&row.name, row.operation, self.arguments.get(&row.id)).unwrap())
            .collect();
        let verdicts = batches::validate(&tasks, &subject.inventory, &fragments, threads, together).unwrap();
        let said = |(verdict, (policy, key)): (Verdict, (&SourcePolicy, Digest))| {
            let said = Said {
                errors: verdict.errors.iter().map(|error| place(error, policy.origin)).collect(),
                impossible: verdict.impossible.is_some(),
                warnings: verdict.warnings.into_iter().collect(),
            };
            (policy.terms.id.clone(), (said, key))
        };
        verdicts.into_iter().zip(keys).map(said).collect()
    }

    /// What Cedar says, asked as plainly as can be.
    fn full_run(&self) -> BTreeMap<String, Said> {
        let subject = self.subject(1);
        let live = self.policies.iter().filter_map(|policy| Some((policy, subject.check(policy).ok()?)));
        let live: Vec<_> = live.filter(|(_, it)| !subject.inventory.is_empty(&it.question.applies)).collect();
        let names = live.iter().flat_map(|(_, checked)| checked.named.keys().cloned());
        let absent = names.filter(|name| !subject.inventory.numbers.contains_key(name)).collect();
        let fragment = vocabulary::schema(&self.catalog, &self.arguments, &absent).unwrap();
        let schema = Schema::from_schema_fragments([fragment]).unwrap();
        let mut said: BTreeMap<String, Said> =
            live.iter().map(|(policy, _)| (policy.terms.id.clone(), Said::default())).collect();
        let set = PolicySet::from_policies(live.iter().map(|(policy, _)| policy.cedar.clone())).unwrap();
        let origin = |id: &str| self.policies.iter().find(|policy| policy.terms.id == id).unwrap().origin;
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            let id: &str = error.policy_id().as_ref();
            said.get_mut(id).unwrap().errors.insert(place(&DetailedError::from(error), origin(id)));
        }
        for warning in result.validation_warnings() {
            let said = said.get_mut(warning.policy_id().as_ref() as &str).unwrap();
            match warning {
                ValidationWarning::ImpossiblePolicy(_) => said.impossible = true,
                other => drop(said.warnings.insert(DetailedError::from(other).message)),
            }
        }
        said
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    /// Where they are; their words differ from one action to the next.
    errors: BTreeSet<(usize, usize)>,
    impossible: bool,
    warnings: BTreeSet<String>,
}

fn place(error: &DetailedError, origin: usize) -> (usize, usize) {
    error
        .source_locations
        .first()
        .map_or((0, 0), |label| (origin.saturating_add(label.loc.start), origin.saturating_add(label.loc.end)))
}

/// The schema of one argument.
fn leaf() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({"type": "integer"}),
        json!({"type": "integer"}),
        json!({"type": "string"}),
        json!({"type": "boolean"}),
        json!({"type": "number"}),
        json!({"type": ["string", "integer"]}),
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"type": "array", "items": {"type": "integer"}}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        json!({}),
    ])
}

/// A member and whether it is required, for some of three names.
type Members = Vec<Option<(Value, bool)>>;

fn members(member: BoxedStrategy<Value>) -> impl Strategy<Value = Members> {
    prop::collection::vec(prop::option::weighted(0.7, (member, any::<bool>())), 3)
}

fn object(members: &Members) -> Value {
    let given = || ["a", "b", "c"].into_iter().zip(members).filter_map(|(name, it)| Some((name, it.as_ref()?)));
    let properties: BTreeMap<_, _> = given().map(|(name, (schema, _))| (name, schema)).collect();
    let required: Vec<_> = given().filter(|(_, (_, required))| *required).map(|(name, _)| name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn argument() -> impl Strategy<Value = Value> {
    prop_oneof![3 => leaf(), 2 => members(leaf().boxed()).prop_map(|members| object(&members))]
}

/// What one tool has differently from the others.
#[derive(Clone, Debug)]
enum Change {
    Nothing,
    Required(usize),
    Inside(usize),
    Other(usize, Option<(Value, bool)>),
}

/// Up to five tools, `s/t0` and so on, that are much alike.
pub(crate) fn tools() -> impl Strategy<Value = Vec<Value>> {
    let change = prop_oneof![
        1 => Just(Change::Nothing),
        2 => (0..3_usize).prop_map(Change::Required),
        1 => (0..3_usize).prop_map(Change::Inside),
        3 => (0..3_usize, prop::option::weighted(0.8, (argument(), any::<bool>()))).prop_map(|(at, it)| Change::Other(at, it)),
    ];
    let hints = prop::sample::select(vec![
        json!({"readOnlyHint": true}),
        json!({"readOnlyHint": true}),
        json!({"destructiveHint": false}),
        json!({"destructiveHint": true}),
    ]);
    (members(argument().boxed()), prop::collection::vec((change, hints), 1..6)).prop_map(|(first, changes)| {
        let tool = |(at, (change, hints)): (usize, (Change, Value))| {
            let mut members = first.clone();
            match change {
                Change::Nothing => {}
                Change::Required(at) => members[at].iter_mut().for_each(|(_, required)| *required ^= true),
                Change::Inside(at) => {
                    if let Some((schema, _)) = &mut members[at]
                        && let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
                    {
                        properties.insert("a".into(), json!({"type": "string"}));
                        schema["required"] = json!(["a"]);
                    }
                }
                Change::Other(at, member) => members[at] = member,
            }
            json!({"name": format!("t{at}"), "inputSchema": object(&members), "annotations": hints})
        };
        changes.into_iter().enumerate().map(tool).collect()
    })
}

/// One of them, or one that there is not.
fn action() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => (0..6_usize).prop_map(|at| format!("Toolgate::Action::\"s/t{at}\"")),
        1 => Just("Toolgate::Action::\"request\"".to_owned()),
        1 => Just("Toolgate::Action::\"issue_token\"".to_owned()),
    ]
}

fn group() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["read", "write", "delete"]).prop_map(|name| format!("Toolgate::Action::\"{name}\""))
}

fn path() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a.a", "a.b", "b.a", "b.c", "a.keys", "b.string", "c.text"])
        .prop_map(str::to_owned)
}

/// Something that may stand where a truth value is wanted, well-typed more often than not.
fn condition() -> impl Strategy<Value = String> {
    let test = prop::sample::select(vec![
        " > 1",
        " == 1",
        " == \"x\"",
        " like \"x*\"",
        "",
        ".contains(\"x\")",
        ".contains(1)",
        " has a",
        " has b.a",
        " == context.input.a",
        ".lessThan(decimal(\"1.0\"))",
        ".isEmpty()",
        " in resource",
    ]);
    let guarded = (path(), test.clone()).prop_map(|(path, test)| match path.split_once('.') {
        None => format!("(context.input has {path} && context.input.{path}{test})"),
        Some(_) => format!("(context has input.{path} && context.input.{path}{test})"),
    });
    let leaf = prop_oneof![
        8 => guarded,
        3 => (path(), test.clone()).prop_map(|(path, test)| format!("context.input.{path}{test}")),
        2 => path().prop_map(|path| format!("context.input has {path}")),
        1 => path().prop_map(|path| format!("context has input.{path}")),
        1 => (path(), test).prop_map(|(path, test)| format!("{{x: context.input}}.x.{path}{test}")),
        1 => prop::sample::select(vec![
            "context has input", "context == context", "{x: context.input} == {x: context.input}",
            "context.input.a == context.input.b", "[context.input.a, 1].contains(1)", "[] == [context.input.a]",
            "(if context.input has a then context.input.a else 1) == 1", "{x: context}.x has input",
            "(if context.approval.self then context.input else context.input).a == 1",
        ]).prop_map(str::to_owned),
        3 => prop::sample::select(vec![
            "principal in resource.entitlements", "resource.sensitive", "principal is Toolgate::Agent",
            "principal.user in Toolgate::Group::\"g\"", "principal.owner in Toolgate::Group::\"g\"",
            "resource is Toolgate::Tool", "resource is Toolgate::Scope", "context.approval.self", "true", "false",
            "resource.labels.contains(\"x\")", "context.session.calls < 3", "context.now == context.channel",
        ]).prop_map(str::to_owned),
        2 => action().prop_map(|action| format!("action == {action}")),
        2 => (action(), group()).prop_map(|(action, group)| format!("action in [{action}, {group}]")),
        1 => group().prop_map(|group| format!("action in {group}")),
        1 => (action(), group()).prop_map(|(action, group)| format!("{action} in {group}")),
        1 => action().prop_map(|action| format!("[action].contains({action})")),
        1 => (action(), group()).prop_map(|(action, group)| format!("(if action == {action} then action else action) in {group}")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} && {right})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} || {right})")),
            1 => inner.clone().prop_map(|inner| format!("!({inner})")),
            1 => (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| format!("(if {a} then {b} else {c})")),
        ]
    })
}

fn policy() -> impl Strategy<Value = String> {
    let principal = prop::sample::select(vec![
        "principal",
        "principal",
        "principal in Toolgate::Group::\"g\"",
        "principal is Toolgate::Agent",
        "principal is Toolgate::ServicePrincipal in Toolgate::Entitlement::\"e\"",
        "principal == Toolgate::User::\"u\"",
    ]);
    let actions = prop_oneof![
        3 => Just("action".to_owned()),
        3 => action().prop_map(|action| format!("action == {action}")),
        2 => prop::collection::vec(prop_oneof![action(), group()], 1..4).prop_map(|some| format!("action in [{}]", some.join(", "))),
        2 => group().prop_map(|group| format!("action in {group}")),
    ];
    let resource = prop::sample::select(vec![
        "resource",
        "resource",
        "resource",
        "resource is Toolgate::Tool",
        "resource in Toolgate::Server::\"s\"",
        "resource == Toolgate::Entitlement::\"e\"",
        "resource is Toolgate::Group",
    ]);
    let clause = (prop::sample::select(vec!["when", "unless"]), condition());
    let clauses = prop::collection::vec(clause, 0..3);
    (principal, actions, resource, clauses).prop_map(|(principal, action, resource, clauses)| {
        let clauses: String =
            clauses.into_iter().map(|(word, condition)| format!(" {word} {{ {condition} }}")).collect();
        format!("permit ({principal}, {action}, {resource}){clauses};")
    })
}

#[test]
fn verdicts_are_those_of_a_full_run() {
    let (valid, wrong, impossible, warned) = (Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0));
    let (kept, forgotten) = (Cell::new(0), Cell::new(0));
    let count = |cell: &Cell<u32>, is: bool| cell.set(cell.get() + u32::from(is));
    let input = (tools(), tools(), prop::collection::vec(policy(), 1..20));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(150));
    let done = runner.run(&input, |(tools, others, policies)| {
        let world = World::new(&tools, &policies);
        let full = world.full_run();
        // each with no more tools than it needs: another could hide that one is missing
        let said = world.said(1, 0);
        let only: BTreeMap<_, _> = said.iter().map(|(id, (said, _))| (id.clone(), said.clone())).collect();
        prop_assert_eq!(&only, &full);
        prop_assert_eq!(&world.said(3, batches::TOOLS), &said, "on more threads, in greater batches");
        for said in full.values() {
            count(&valid, *said == Said::default());
            count(&wrong, !said.errors.is_empty());
            count(&impossible, said.impossible);
            count(&warned, !said.warnings.is_empty());
        }
        // what is remembered of a policy holds in another catalog as far as it is the same there
        let other = World::new(&others, &policies);
        let full = other.full_run();
        for (id, (_, key)) in other.said(1, 0) {
            let known = said.get(&id).is_some_and(|(said, known)| *known == key && *said == Said::default());
            count(&kept, known);
            count(&forgotten, !known);
            prop_assert!(!known || full[&id] == Said::default(), "{id} of {}", policies.join("\n"));
        }
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    for (what, cell) in [
        ("valid", valid),
        ("wrong", wrong),
        ("impossible", impossible),
        ("warned", warned),
        ("kept", kept),
        ("forgotten", forgotten),
    ] {
        assert!(cell.get() > 20, "{what}: {}", cell.get());
    }
}

/// The bundle of a folder as it ships.
fn shipped(folder: &str) -> (Vec<Source>, BTreeMap<String, Source>, Source) {
    let root = format!("{}/../policies/{folder}", env!("CARGO_MANIFEST_DIR"));
    let files = |part: &str| -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> =
            std::fs::read_dir(format!("{root}/{part}")).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        files
    };
    let source = |path: &std::path::Path| Source::new(path.to_string_lossy(), std::fs::read(path).unwrap());
    let policies = files("policies").iter().map(|path| source(path)).collect();
    let stem = |path: &std::path::Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let tools = files("catalog").iter().map(|path| (stem(path), source(path))).collect();
    (policies, tools, source(std::path::Path::new(&format!("{root}/catalog.toml"))))
}

#[test]
fn shipped_policies_are_as_valid_as_in_a_full_run() {
    let (policies, tools, overlay) = shipped("examples/acme");
    let limits = Limits::default();
    let lists = tools.iter().map(|(id, source)| (id.clone(), tools_list::read(&source.bytes, &limits).unwrap().tools));
    let overlay = catalog::overlay(overlay.text(usize::MAX).unwrap(), &limits).unwrap();
    let (catalog, _) = catalog::merge(lists.collect(), overlay);
    let typed = |tool: &crate::data::catalog::Tool| type_arguments(&tool.definition.input_schema, &limits);
    let arguments = catalog.tools.values().map(|tool| (tool.id.clone(), typed(tool))).collect();
    let mut files: Vec<_> =
        policies.iter().map(|source| (source.file.clone(), source.text(usize::MAX).unwrap().to_owned())).collect();
    // and some that are wrong in it
    files.push((
        "wrong.cedar".into(),
        "@id(\"w0\") permit (principal, action, resource) when { context.input.amount > 1 };\
         @id(\"w1\") permit (principal, action, resource) when { context.input has amount && context.input.amount > \"1\" };\
         @id(\"w2\") permit (principal, action in Toolgate::Action::\"read\", resource is Toolgate::Scope);"
            .into(),
    ));
    let policies = read(&files, &limits, 2).unwrap();
    let world = World { files, policies, catalog, arguments, types: Types::new().unwrap() };
    let full = world.full_run();
    let wrong = |id: &str| !full[id].errors.is_empty();
    assert!(full.len() > 15 && wrong("w0") && wrong("w1") && full["w2"].impossible);
    assert_eq!(full.values().filter(|said| **said != Said::default()).count(), 3, "what ships is valid");
    assert_eq!(world.said(2, 0).into_iter().map(|(id, (said, _))| (id, said)).collect::<BTreeMap<_, _>>(), full);
}

#[test]
fn tools_are_told_apart_as_far_as_a_policy_reads_them() {
    let tool = |at: usize, properties: Value, required: Value| {
        let schema =
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        json!({"name": format!("t{at}"), "inputSchema": schema, "annotations": {"readOnlyHint": at != 4}})
    };
    let tools = [
        tool(0, json!({"a": {"type": "integer"}}), json!(["a"])),
        tool(1, json!({"a": {"type": "integer"}}), json!([])),
        tool(2, json!({"a": {"type": "string"}}), json!(["a"])),
        tool(3, json!({}), json!([])),
        tool(4, json!({"a": {"type": "integer"}, "b": {"type": "string"}}), json!(["a"])),
    ];
    let one = "action == Toolgate::Action::\"s/t0\"";
    for (scope, condition, wanted) in [
        ("action", "context.input.a > 1", &[0, 1, 2, 3][..]),
        ("action", "context.input has a && context.input.a > 1", &[0, 1, 2, 3]),
        ("action", "context.input has a", &[0, 1, 3]),
        ("action", "context.input has b && context.approval.self", &[0, 4]),
        ("action", "context has input && context.approval.self", &[0]),
        ("action", "context == context", &[0, 1, 2, 3, 4]),
        ("action", "{x: context.input}.x.a == 1", &[0, 1, 2, 3, 4]),
        ("action", "action == Toolgate::Action::\"s/t1\"", &[0, 1, 4]),
        ("action", "action in Toolgate::Action::\"read\" && context.input has b", &[0, 4]),
        ("action in Toolgate::Action::\"read\"", "context.input has b || context.input.a == 1", &[0, 1, 2, 3]),
        ("action in Toolgate::Action::\"write\"", "context.input has a", &[]),
        ("action in [Toolgate::Action::\"write\", Toolgate::Action::\"s/t2\"]", "context.input has b", &[2]),
        (one, "context.input.a == 1 && context.input has b", &[0]),
    ] {
        let world = World::new(&tools, &[format!("permit (principal, {scope}, resource) when {{ {condition} }};")]);
        let subject = world.subject(1);
        let checked = subject.check(&world.policies[0]).unwrap();
        let found: Vec<usize> = subject.inventory.classes(&checked.question).tools.into_iter().collect();
        assert_eq!(found, wanted, "{scope} {condition}");
    }
}
