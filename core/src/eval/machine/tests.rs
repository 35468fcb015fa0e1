//! Compiled conditions over a small world: the traps, approval, what is not known, long lists, small stacks.

#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicySet, Request, pst};
use serde_json::{Value as Json, json};

use super::store_tests::{Asking, Given, Store, number_of};
use super::{Attribute, Bits, LEVELS, Machine, World};
use crate::compile::condition::{Code, Compiler, Condition, Dialect};
use crate::compile::symbols::{Symbols, attr};
use crate::data::value::{Cell, Frame, Set, Value};

/// The small world: three people, one of whom is not in the store, groups, a document, and values of every type.
pub(super) struct Small {
    pub(super) entities: Entities,
    uids: [EntityUid; 3],
}

fn extension(function: &str, arg: &str) -> Json {
    json!({"__extn": {"fn": function, "arg": arg}})
}

/// A record with a value of every type, and itself again in `r`.
fn values(depth: u32, n: i64) -> Json {
    let user = json!({"__entity": {"type": "U", "id": if n % 2 == 0 { "a" } else { "zz" }}});
    let text = ["a", "ab", "b*", "é"][usize::try_from(n).unwrap() % 4];
    let mut all = json!({
        "b": n % 2 == 0, "n": n, "s": text, "e": user.clone(),
        "l": ["a", "b", n, [1, 2], {"x": 1}], "labels": ["a", "b"],
        "es": [user, {"__entity": {"type": "G", "id": "g"}}],
        "dec": extension("decimal", "1.5"), "dt": extension("datetime", "2026-11-20T10:00:00Z"),
        "du": extension("duration", "1h30m"), "ip": extension("ip", "10.1.0.0/16"),
    });
    if depth > 0 {
        all["r"] = values(depth - 1, n + 1);
    }
    all
}

impl Small {
    pub(super) fn new() -> Self {
        let entity = |kind: &str, id: &str, attrs: Json, parents: &[(&str, &str)]| {
            let parents: Vec<Json> = parents.iter().map(|(kind, id)| json!({"type": kind, "id": id})).collect();
            json!({"uid": {"type": kind, "id": id}, "attrs": attrs, "parents": parents,
                "tags": {"a": 1, "s": "ab", "t": ["a"]}})
        };
        let all = json!([
            entity("U", "a", values(3, 0), &[("G", "g")]),
            entity("U", "b", json!({"b": true, "n": 7}), &[]),
            entity("G", "g", json!({}), &[("G", "h")]),
            entity("G", "h", values(0, 4), &[]),
            entity("D", "d", values(2, 1), &[("G", "h")]),
            entity("Action", "view", json!({}), &[("Action", "all")]),
        ]);
        Self {
            entities: Entities::from_json_value(all, None).unwrap(),
            uids: ["U::\"a\"", "Action::\"view\"", "D::\"d\""].map(|uid| uid.parse().unwrap()),
        }
    }
}

/// A context at a level of approval, with one of several inputs; the later ones are no records.
pub(super) fn context(level: usize, input: usize) -> Json {
    let mut all = json!({
        "approval": {"self": level >= 1, "manager": level >= 2},
        "session": values(1, 2), "now": extension("datetime", "2026-11-20T10:00:00.001Z"), "channel": "a",
    });
    match input {
        0 => all["input"] = values(2, 0),
        1 => all["input"] = values(1, 3),
        2 => all["input"] = json!({}),
        3 => all["input"] = json!({"b": 1, "n": "a", "s": 5, "e": true, "l": [], "r": false, "labels": ["c"]}),
        4 => all["input"] = json!("no record"),
        5 => all["input"] = json!(true),
        _ => {}
    }
    all
}

/// What Cedar says of one policy.
pub(super) fn cedar(authorizer: &Authorizer, policy: &Policy, small: &Small, context: Json) -> &'static str {
    let context = Context::from_json_value(context, None).unwrap();
    let [principal, action, resource] = small.uids.clone();
    let request = Request::new(principal, action, resource, context, None).unwrap();
    let set = PolicySet::from_policies([policy.clone()]).unwrap();
    let response = authorizer.is_authorized(&request, &set, &small.entities);
    match (response.diagnostics().errors().next(), response.decision()) {
        (Some(_), _) => "error",
        (None, Decision::Allow) => "true",
        (None, Decision::Deny) => "false",
    }
}

pub(super) fn one(bits: Bits, level: u8) -> &'static str {
    match (bits.t & level != 0, bits.f & level != 0, bits.e & level != 0) {
        (true, false, false) => "true",
        (false, true, false) => "false",
        (false, false, true) => "error",
        other => panic!("not one of the three: {other:?}"),
    }
}

pub(super) fn parse(condition: &str) -> Policy {
    Policy::parse(None, format!("permit (principal, action, resource) {condition};"))
        .unwrap_or_else(|error| panic!("{condition}: {error:?}"))
}

pub(super) fn compile(policy: &Policy, dialect: Dialect, symbols: &mut Symbols) -> (Code, Condition) {
    let pst::Policy::Static(policy) = policy.to_pst().unwrap() else { panic!("a link") };
    let mut compiler = Compiler::new(dialect);
    let condition = compiler.add(policy.body().clauses(), symbols).unwrap();
    (compiler.finish(), condition)
}

pub(super) fn asking<'a>(small: &Small, store: &'a Store, context: &'a Given, symbols: &mut Symbols) -> Asking<'a> {
    let [principal, action, resource] = small.uids.each_ref().map(|uid| number_of(uid, symbols));
    Asking { store, principal, action, resource, context, unknown: HashMap::new() }
}

pub(super) fn given(json: Json, symbols: &mut Symbols) -> Given {
    Given::new(Context::from_json_value(json, None).unwrap(), symbols)
}

/// What a condition is, and what Cedar says; they must agree.
fn both(condition: &str) -> &'static str {
    let small = Small::new();
    let mut symbols = Symbols::toolgate();
    let store = Store::new(&small.entities, &mut symbols);
    let policy = parse(condition);
    let (code, compiled) = compile(&policy, Dialect::Plain, &mut symbols);
    let given = given(context(0, 0), &mut symbols);
    let asking = asking(&small, &store, &given, &mut symbols);
    let ours = one(Machine::new(&code, &asking).run(compiled, 1), 1);
    assert_eq!(ours, cedar(&Authorizer::new(), &policy, &small, context(0, 0)), "{condition}");
    ours
}

#[test]
fn the_traps_are_cedars() {
    for (condition, expected) in [
        // an absent entity has nothing, and reading from it is an error
        ("when { U::\"zz\" has b }", "false"),
        ("when { U::\"zz\" has r.n }", "false"),
        ("when { U::\"zz\".b }", "error"),
        ("when { U::\"zz\" in U::\"zz\" }", "true"),
        ("when { U::\"zz\" in G::\"g\" }", "false"),
        ("when { U::\"zz\".hasTag(\"a\") }", "false"),
        ("when { U::\"zz\".getTag(\"a\") == 1 }", "error"),
        ("when { principal.getTag(\"nope\") == 1 }", "error"),
        ("when { principal.hasTag(1) }", "error"),
        // an absent attribute is an error, unless nobody looks
        ("when { context.nope == 1 }", "error"),
        ("when { context has nope && context.nope == 1 }", "false"),
        ("when { true || context.nope }", "true"),
        ("when { context.nope || true }", "error"),
        ("when { false && 1 }", "false"),
        ("when { true && 1 }", "error"),
        ("when { false || 1 }", "error"),
        ("when { if true then true else 1 }", "true"),
        ("when { if 1 then true else true }", "error"),
        ("when { !(!principal.n) }", "error"),
        ("when { !(!principal.b) }", "true"),
        ("when { principal.n }", "error"),
        // equality asks across types, comparison does not
        ("when { context.input.n == \"0\" }", "false"),
        ("when { context.input.n != \"0\" }", "true"),
        ("when { context.input.n < \"1\" }", "error"),
        ("when { decimal(\"1.0\") < decimal(\"2.0\") }", "error"),
        ("when { datetime(\"2026-01-01\") < duration(\"1h\") }", "error"),
        ("when { duration(\"60m\") == duration(\"1h\") }", "true"),
        ("when { ip(\"10.0.0.1/8\") == ip(\"10.0.0.0/8\") }", "false"),
        ("when { [1, 2, 2] == [2, 1] }", "true"),
        ("when { [1, [2]] == [[2, 2], 1, 1] }", "true"),
        ("when { {a: 1, b: 2} == {b: 2, a: 1} }", "true"),
        ("when { {a: 1} == {a: 1, b: 2} }", "false"),
        ("when { [] == {} }", "false"),
        // every item of a set on the right of `in` must be an entity, even after one that matches
        ("when { principal in [G::\"g\", 1] }", "error"),
        ("when { principal in [] }", "false"),
        ("when { principal in principal.es }", "true"),
        ("when { principal in principal.l }", "error"),
        ("when { principal in 1 }", "error"),
        ("when { \"a\" in [\"a\"] }", "error"),
        ("when { principal is G in 1 }", "false"),
        ("when { principal is U in 1 }", "error"),
        ("when { 1 is U }", "error"),
        ("when { [1, 2].contains([1]) }", "false"),
        ("when { 1.contains(1) }", "error"),
        ("when { [1, 2].containsAll(1) }", "error"),
        ("when { [1, 2].containsAll([]) }", "true"),
        ("when { [1, 2].containsAny([]) }", "false"),
        // a failed constructor fails where it is met
        ("when { false && decimal(\"x\") == decimal(\"x\") }", "false"),
        ("when { decimal(\"x\") == decimal(\"x\") }", "error"),
        ("when { decimal(context.input.s) == decimal(\"1.0\") }", "error"),
        ("when { 9223372036854775807 + principal.n - principal.n == 0 }", "false"),
        ("when { 9223372036854775807 + G::\"h\".n > 0 }", "error"),
        ("when { -context.nope == 1 }", "error"),
        ("when { (-9223372036854775807 - 1) * (principal.n - 1) == 0 }", "error"),
        ("when { 1 has a }", "error"),
        ("when { context has input.s.x }", "error"),
        ("when { context has input.nope.x }", "false"),
        ("when { context.s like \"*\" }", "error"),
        ("when { context.input.n like \"*\" }", "error"),
        ("when { principal.s like \"a\" } unless { principal.b && false }", "true"),
        ("when { true } unless { principal.n }", "error"),
    ] {
        assert_eq!(both(condition), expected, "{condition}");
    }
}

/// The level decides where approval is made into another value, one level at a time.
#[test]
fn approval_is_followed_through_other_values() {
    let small = Small::new();
    let mut symbols = Symbols::toolgate();
    let store = Store::new(&small.entities, &mut symbols);
    let empty = Given::default();
    for (condition, expected) in [
        ("when { context.approval.self }", ["false", "true", "true"]),
        ("when { context.approval.manager }", ["false", "false", "true"]),
        ("when { context.approval == {self: true, manager: false} }", ["false", "true", "false"]),
        ("when { (if context.approval.self then 1 else 2) == 2 }", ["true", "false", "false"]),
        ("when { [context.approval.manager].contains(true) }", ["false", "false", "true"]),
        ("when { context == {approval: {self: true, manager: true}} }", ["false", "false", "true"]),
        ("when { (if context.approval.manager then principal else 1) == principal }", ["false", "false", "true"]),
        ("when { context.approval.self && {a: context.approval.self}.a }", ["false", "true", "true"]),
        ("when { context.approval.self || principal.nope }", ["error", "true", "true"]),
        ("when { !context.approval.manager && [1, context.approval.self] == [1, true] }", ["false", "true", "false"]),
    ] {
        let (code, compiled) = compile(&parse(condition), Dialect::Toolgate, &mut symbols);
        let asking = asking(&small, &store, &empty, &mut symbols);
        let bits = Machine::new(&code, &asking).run(compiled, LEVELS);
        assert_eq!([1, 2, 4].map(|level| one(bits, level)), expected, "{condition}");
    }
}

/// What is certain although the arguments are not known.
#[test]
fn what_does_not_depend_on_arguments_is_certain() {
    let small = Small::new();
    let mut symbols = Symbols::toolgate();
    let store = Store::new(&small.entities, &mut symbols);
    let empty = Given::default();
    let (yes, no, error) = (Bits { t: 7, f: 0, e: 0 }, Bits { t: 0, f: 7, e: 0 }, Bits { t: 0, f: 0, e: 7 });
    let (bool, open) = (Bits { t: 7, f: 7, e: 0 }, Bits { t: 7, f: 7, e: 7 });
    for (condition, expected) in [
        ("when { context has input }", yes),
        ("when { context has input.amount }", bool),
        ("when { context.input has amount }", bool),
        ("when { context.input has amount.value }", open),
        ("when { context.input.amount > 5 }", open),
        ("when { context.input.amount > 5 && false }", Bits { t: 0, f: 7, e: 7 }),
        ("when { context.input.amount > 5 && context.approval.manager }", Bits { t: 4, f: 7, e: 7 }),
        ("when { context.input has amount || true }", yes),
        ("when { context.input has amount && principal.nope }", Bits { t: 0, f: 7, e: 7 }),
        ("when { principal.n > 5 && context.input.amount > 5 }", no),
        ("when { context.input == 5 }", no),
        ("when { context.input == {} }", bool),
        ("when { context.input > 5 }", error),
        ("when { context.input.amount + context.nope > 5 }", error),
        ("when { [1, context.input.amount].contains(1) }", open),
    ] {
        let (code, compiled) = compile(&parse(condition), Dialect::Toolgate, &mut symbols);
        let mut asking = asking(&small, &store, &empty, &mut symbols);
        asking.unknown.insert(attr::INPUT, Attribute::UnknownRecord);
        assert_eq!(Machine::new(&code, &asking).run(compiled, LEVELS), expected, "{condition}");
    }
}

#[test]
fn what_begins_with_an_argument_may_be_false_whatever_comes_next() {
    let (small, mut symbols, empty) = (Small::new(), Symbols::toolgate(), Given::default());
    let store = Store::new(&small.entities, &mut symbols);
    for (condition, begins) in [
        ("when { context.input.amount > 5 }", true),
        ("when { context.input has amount && context.input.amount > 5 }", true),
        ("when { !(context.input.to like \"a*\") && principal.b } unless { context.approval.manager }", true),
        ("when { context.input.tags.contains(\"a\") } when { principal.nope }", true),
        ("unless { context.input.state == \"open\" }", true),
        ("when { context.input.amount > 5 || principal.b }", false),
        ("when { !(context.input.amount > 5 && principal.b) }", false),
        ("when { principal.b && context.input.amount > 5 }", false),
        ("when { context.input > 5 }", false),
    ] {
        let (code, compiled) = compile(&parse(condition), Dialect::Toolgate, &mut symbols);
        assert_eq!(code.begins_with_input(compiled), begins, "{condition}");
        let mut asking = asking(&small, &store, &empty, &mut symbols);
        asking.unknown.insert(attr::INPUT, Attribute::UnknownRecord);
        let bits = Machine::new(&code, &asking).run(compiled, LEVELS);
        assert!(!begins || bits.f == LEVELS, "{condition}: {bits:?}");
    }
}

/// A world of one record, which is given in the form of a call's arguments.
struct Arguments<'a> {
    frame: &'a Frame<'a>,
}

impl<'a> World<'a> for Arguments<'a> {
    fn principal(&self) -> crate::data::value::Ent {
        crate::data::value::Ent { kind: 0, id: 0 }
    }

    fn action(&self) -> crate::data::value::Ent {
        self.principal()
    }

    fn resource(&self) -> crate::data::value::Ent {
        self.principal()
    }

    fn attr(&self, _: crate::data::value::Ent, _: u32) -> Attribute<'a> {
        Attribute::Value(Value::Set(Set::Texts(&["x", "7", "x"])))
    }

    fn tag(&self, _: crate::data::value::Ent, _: &str) -> Attribute<'a> {
        Attribute::Value(Value::Set(Set::Entities { kind: 0, ids: &[0, 4, 9] }))
    }

    fn is_in(&self, one: crate::data::value::Ent, other: crate::data::value::Ent) -> bool {
        one == other
    }

    fn context(&self, _: u32) -> Attribute<'a> {
        self.frame.value(self.frame.cells[0]).map_or(Attribute::Missing, Attribute::Value)
    }

    fn context_attrs(&self) -> &[u32] {
        &[attr::INPUT]
    }
}

#[test]
fn values_are_the_same_in_every_form() {
    let mut symbols = Symbols::toolgate();
    let mut shape: Vec<u32> = ["list", "gone", "word", "inner", "flag"].iter().map(|name| symbols.attr(name)).collect();
    shape.sort_unstable();
    let at = |name: &str| shape.iter().position(|attr| symbols.find_attr(name) == Some(*attr)).unwrap();
    let texts = "abc";
    let mut cells = vec![Cell::Record { start: 1, shape: 0 }];
    cells.extend([Cell::Missing; 5]);
    cells[1 + at("list")] = Cell::Set { start: 6, len: 3 };
    cells[1 + at("word")] = Cell::Word("integer");
    cells[1 + at("inner")] = Cell::Record { start: 9, shape: 1 };
    cells[1 + at("flag")] = Cell::Bool(true);
    cells.extend([Cell::Given { start: 0, end: 1 }, Cell::Made { start: 0, end: 1 }, Cell::Long(5)]);
    cells.push(Cell::Missing);
    let shapes: Vec<Box<[u32]>> = vec![shape.clone().into(), [symbols.attr("x")].into()];
    let frame = Frame { given: texts, made: "7", cells: &cells, shapes: &shapes };
    let world = Arguments { frame: &frame };
    for (condition, expected) in [
        ("when { context.input == {list: [\"7\", 5, \"a\"], word: \"integer\", inner: {}, flag: true} }", "true"),
        (
            "when { {list: [\"7\", 5, \"a\"], word: \"integer\", inner: {}, flag: true, gone: 1} == context.input }",
            "false",
        ),
        ("when { context.input.list == [5, context.input.list] }", "false"),
        ("when { context.input.list.containsAny(principal.x) }", "true"),
        ("when { principal.x.containsAll(context.input.list) }", "false"),
        ("when { principal.x == [\"x\", \"7\"] && [\"7\", \"x\"] == principal.x }", "true"),
        ("when { context.input has gone || context.input.inner has x }", "false"),
        ("when { context.input.gone == 1 }", "error"),
        ("when { context.input.list.contains(\"7\") && !context.input.list.contains(\"b\") }", "true"),
        ("when { context.input.flag && context.input.inner == {} }", "true"),
        ("when { principal.getTag(\"t\").contains(Toolgate::Action::\"a\") }", "true"),
        ("when { principal in principal.getTag(\"t\") }", "true"),
        ("when { principal.getTag(\"t\") == [Toolgate::Action::\"a\"] }", "false"),
        ("when { principal.getTag(\"t\").containsAll([Toolgate::Action::\"a\", 5]) }", "false"),
        ("when { [context.input.list, context.input].contains([\"a\", \"7\", 5]) }", "true"),
    ] {
        symbols.entity(crate::compile::symbols::ACTION, "a");
        let (code, compiled) = compile(&parse(condition), Dialect::Plain, &mut symbols);
        assert_eq!(one(Machine::new(&code, &world).run(compiled, 1), 1), expected, "{condition}");
    }
}

/// Long lists are compared in time that is not their product: this ends soon, or not at all.
#[test]
fn long_lists_are_sorted_before_they_are_compared() {
    let count = 60_000_u32;
    let mut symbols = Symbols::toolgate();
    let mut shape = [symbols.attr("one"), symbols.attr("other")];
    shape.sort_unstable();
    let mut cells = vec![
        Cell::Record { start: 1, shape: 0 },
        Cell::Set { start: 3, len: count },
        Cell::Set { start: 3 + count, len: count },
    ];
    cells.extend((0..count).map(|n| Cell::Long(i64::from(n))));
    cells.extend((0..count).rev().map(|n| Cell::Long(i64::from(n))));
    let shapes: Vec<Box<[u32]>> = vec![shape.into()];
    let frame = Frame { given: "", made: "", cells: &cells, shapes: &shapes };
    let world = Arguments { frame: &frame };
    for (condition, expected) in [
        ("when { context.input.one == context.input.other }", "true"),
        ("when { context.input.one.containsAll(context.input.other) }", "true"),
        ("when { context.input.one.containsAny([-1, -2]) }", "false"),
        ("when { {a: context.input.one} == {a: context.input.other} }", "true"),
        ("when { [context.input.one].contains(context.input.other) }", "true"),
        ("when { context.input.one.contains(context.input.other) }", "false"),
    ] {
        let (code, compiled) = compile(&parse(condition), Dialect::Plain, &mut symbols);
        assert_eq!(one(Machine::new(&code, &world).run(compiled, 1), 1), expected, "{condition}");
    }
    let mut odd = cells.clone();
    odd[3] = Cell::Long(-1);
    let frame = Frame { cells: &odd, ..frame };
    let (code, compiled) =
        compile(&parse("when { context.input.one == context.input.other }"), Dialect::Plain, &mut symbols);
    assert_eq!(one(Machine::new(&code, &Arguments { frame: &frame }).run(compiled, 1), 1), "false");
}

#[test]
fn nothing_is_built_before_something_is_made() {
    let small = Small::new();
    let mut symbols = Symbols::toolgate();
    let store = Store::new(&small.entities, &mut symbols);
    let given = given(context(0, 0), &mut symbols);
    let (code, plain) =
        compile(&parse("when { principal in principal.es && principal.l.contains(2) }"), Dialect::Plain, &mut symbols);
    let asking = asking(&small, &store, &given, &mut symbols);
    let mut machine = Machine::new(&code, &asking);
    machine.run(plain, 1);
    assert_eq!(machine.scratch.pending.capacity() + machine.scratch.items.capacity(), 0);
    let (code, built) = compile(&parse("when { [principal].contains(resource) }"), Dialect::Plain, &mut symbols);
    let mut machine = Machine::new(&code, &asking);
    machine.run(built, 1);
    assert!(machine.scratch.pending.capacity() > 0 && machine.scratch.items.capacity() > 0, "the twin");
}

/// The deepest conditions that the text scan lets through, on a small stack.
#[test]
fn the_deepest_conditions_fit_on_a_small_stack() {
    const DEEP: usize = 30;
    let nest = |open: &str, middle: &str, close: &str| format!("{}{middle}{}", open.repeat(DEEP), close.repeat(DEEP));
    let conditions = [
        nest("1 + (", "1", ")") + " > 0",
        nest("(if context.approval.self then ", "true", " else false)"),
        nest("[1, ", "principal", "]") + " == []",
        nest("{a: ", "principal", "}") + " == {}",
        nest("!(true && ", "principal.b", ")"),
        nest("[1].contains(", "principal", ")"),
        nest("(principal is U in ", "G::\"g\"", ")"),
        nest("false || (true && ", "context.approval.self", ")"),
        nest("(1 + 2 * -(if principal.b then 1 else ", "3", "))") + " > 0",
        format!("principal{} == 1", ".r".repeat(290)),
        format!("0{} == 290", " + 1".repeat(290)),
        format!("true{}", " && principal.b".repeat(290)),
        format!("false{}", " || !principal.b".repeat(290)),
    ];
    let policies: Vec<Policy> = std::thread::Builder::new()
        .stack_size(256 * 1024 * 1024)
        .spawn(move || conditions.iter().map(|text| parse(&format!("when {{ {text} }}"))).collect())
        .unwrap()
        .join()
        .unwrap();
    let (code, compiled) = std::thread::Builder::new()
        .stack_size(256 * 1024 * 1024)
        .spawn(move || {
            let mut symbols = Symbols::toolgate();
            let mut compiler = Compiler::new(Dialect::Toolgate);
            let mut add = |policy: &Policy| {
                let policy = policy.to_pst().unwrap();
                compiler.add(policy.body().clauses(), &mut symbols).unwrap()
            };
            let compiled: Vec<Condition> = policies.iter().map(&mut add).collect();
            (Arc::new(compiler.finish()), compiled)
        })
        .unwrap()
        .join()
        .unwrap();
    // an optimised build needs less than 48 KiB
    let stack = if cfg!(debug_assertions) { 256 * 1024 } else { 48 * 1024 };
    let done = std::thread::Builder::new().stack_size(stack).spawn(move || {
        let frame = Frame { given: "", made: "", cells: &[Cell::Bool(true)], shapes: &[] };
        let world = Arguments { frame: &frame };
        let mut machine = Machine::new(&code, &world);
        compiled
            .iter()
            .map(|condition| machine.run(*condition, LEVELS))
            .filter(|bits| bits.t | bits.f | bits.e == 7)
            .count()
    });
    assert_eq!(done.unwrap().join().unwrap(), 13);
}
