//! What is known of a condition before anything is asked, and Cedar's extension values.

#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;

use cedar_policy::{Context, Entities, EvalResult, Expression, Policy, Request, eval_expression};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

fn clauses(condition: &str) -> Vec<Clause> {
    let policy = Policy::parse(None, format!("permit (principal, action, resource) {condition};")).unwrap();
    policy.to_pst().unwrap().body().clauses().clone()
}

/// The node that a condition comes to.
fn root(condition: &str) -> (Node, Code) {
    let mut compiler = Compiler::new(Dialect::Toolgate);
    let root = compiler.add(&clauses(condition), &mut Symbols::toolgate()).unwrap();
    let code = compiler.finish();
    (code.node(root.0), code)
}

#[test]
fn what_is_known_is_folded() {
    for (condition, expected) in [
        ("", Node::Bool(true)),
        ("when { true && !false && (1 < 2 || principal.x) }", Node::Bool(true)),
        ("unless { [1, 2, 2].containsAll([2]) }", Node::Bool(false)),
        ("when { decimal(\"1.5\").lessThan(decimal(\"1.50001\")) }", Node::Error),
        ("when { decimal(\"1.5\").lessThan(decimal(\"1.6\")) }", Node::Bool(true)),
        ("when { {a: {b: \"xy\"}}.a.b like \"x*\" }", Node::Bool(true)),
        ("when { {a: {b: 1}} has a.b && !({a: {b: 1}} has a.c) }", Node::Bool(true)),
        ("when { {a: {b: 1}} has a.b.c }", Node::Error),
        ("when { if 1 == 1 then true else 1 + \"a\" == 2 }", Node::Bool(true)),
        ("when { 9223372036854775807 + 1 > 0 }", Node::Error),
        ("when { 5 }", Node::Error),
        ("when { principal in [Toolgate::Group::\"a\", 1] }", Node::Error),
        ("when { Toolgate::User::\"a\" is Toolgate::User }", Node::Bool(true)),
        ("when { context.approval.self }", Node::Approval(0b110)),
        ("when { context[\"approval\"].manager }", Node::Approval(0b100)),
        ("when { context.approval.other }", Node::Error),
        ("when { context has approval.manager && !(context has approval.other) }", Node::Bool(true)),
        ("when { context has approval.self.deep }", Node::Error),
    ] {
        assert_eq!(root(condition).0, expected, "{condition}");
    }
}

/// What comes before an error may make it never happen.
#[test]
fn an_error_stays_where_it_is_met() {
    let (node, code) = root("when { context.approval.self && ip(\"nowhere\").isIpv4() && principal.x }");
    let Node::All { start, len } = node else { panic!("{node:?}") };
    let nodes: Vec<Node> = code.links(start, len).iter().map(|id| code.node(*id)).collect();
    assert_eq!(nodes, [Node::Approval(0b110), Node::Error], "and nothing after it");
}

#[test]
fn common_tests_are_single_nodes() {
    assert!(matches!(root("when { principal in Toolgate::Group::\"g\" }").0, Node::VarIn { var: Var::Principal, .. }));
    assert!(matches!(root("when { principal in resource.entitlements }").0, Node::VarInAttr { .. }));
    assert!(matches!(root("when { context has input }").0, Node::ContextHas(attr::INPUT)));
    let items: Vec<String> = (0..1_000).map(|n| format!("\"{n}\"")).collect();
    let (node, code) = root(&format!("when {{ [{}].contains(context.channel) }}", items.join(", ")));
    let Node::Binary { op: Binary::Contains, left, .. } = node else { panic!("{node:?}") };
    let Node::Const(id) = code.node(left) else { panic!("{:?}", code.node(left)) };
    assert!(matches!(code.constant(id), Some(Const::Set(items)) if items.len() == 1_000));
}

#[test]
fn a_constant_is_kept_once() {
    let mut compiler = Compiler::new(Dialect::Toolgate);
    let mut symbols = Symbols::toolgate();
    for _ in 0..10 {
        compiler.add(&clauses("when { [\"a\", \"b\"].contains(context.channel) }"), &mut symbols).unwrap();
        compiler.add(&clauses("when { [\"b\", \"a\"].contains(context.channel) }"), &mut symbols).unwrap();
    }
    let code = compiler.finish();
    assert!(code.constant(0).is_some() && code.constant(1).is_none());
}

#[test]
fn what_is_not_compiled_is_named() {
    let slot = vec![Clause::When(Arc::new(Expr::Slot(pst::SlotId::Principal)))];
    let error = Compiler::new(Dialect::Plain).add(&slot, &mut Symbols::default()).unwrap_err();
    assert_eq!(error.construct, "a template slot");
}

/// What Cedar makes of an expression, if it is no error.
fn cedar(expression: &str) -> Option<EvalResult> {
    let uid = "U::\"a\"".parse::<cedar_policy::EntityUid>().unwrap();
    let request = Request::new(uid.clone(), uid.clone(), uid, Context::empty(), None).unwrap();
    eval_expression(&request, &Entities::empty(), &expression.parse::<Expression>().unwrap()).ok()
}

fn quoted(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\u{{{:x}}}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}

const TEXTS: [&str; 34] = [
    "1.5",
    "-0.0001",
    "0.0",
    "922337203685477.5807",
    "-922337203685477.5808",
    "922337203685477.5808",
    "00012.3400",
    "2026-11-20",
    "0000-01-01",
    "9999-12-31T23:59:59.999Z",
    "2024-02-29T12:30:45Z",
    "2023-02-29",
    "1900-02-29",
    "2000-02-29T00:00:00.123+2359",
    "1969-12-31T23:59:59.999-0001",
    "2026-11-20T10:00:00+2400",
    "2026-11-20T24:00:00Z",
    "1d2h3m4s5ms",
    "-1d",
    "5ms",
    "1m1ms",
    "9223372036854775807ms",
    "-9223372036854775808ms",
    "106751991167d7h12m55s807ms",
    "9223372036854775808ms",
    "18446744073709551616s",
    "127.0.0.1",
    "10.0.0.0/8",
    "1.2.3.4/32",
    "::1",
    "ffee::/64",
    "::ffff:1.2.3.4",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
    "0.0.0.0/0",
];

#[test]
fn extension_values_are_read_as_cedar_reads_them() {
    let counts: RefCell<BTreeMap<(&str, bool), u32>> = RefCell::default();
    let check = |text: &str| {
        let of = quoted(text);
        let long = |expression: String| match cedar(&expression) {
            Some(EvalResult::Long(long)) => Some(long),
            None => None,
            other => panic!("{other:?}"),
        };
        let count = |kind, read: bool| *counts.borrow_mut().entry((kind, read)).or_default() += 1;
        let duration = extension::duration(text);
        assert_eq!(duration, long(format!("duration({of}).toMilliseconds()")), "{text:?}");
        count("duration", duration.is_some());
        let since = format!("datetime({of}).durationSince(datetime(\"1970-01-01\")).toMilliseconds()");
        let datetime = extension::datetime(text);
        assert_eq!(datetime, long(since), "{text:?}");
        count("datetime", datetime.is_some());
        let decimal = extension::decimal(text);
        let same = decimal.map(|value| {
            let sign = if value < 0 { "-" } else { "" };
            let abs = i128::from(value).abs();
            format!("decimal({of}) == decimal(\"{sign}{}.{:04}\")", abs / 10_000, abs % 10_000)
        });
        let same = cedar(&same.unwrap_or_else(|| format!("decimal({of})")));
        assert!(decimal.is_none() == same.is_none() && same.is_none_or(|s| s == EvalResult::Bool(true)), "{text:?}");
        count("decimal", decimal.is_some());
        let ip = extension::ip(text);
        let same = ip.map(|ip| format!("ip({of}) == ip(\"{}/{}\")", ip.address, ip.prefix));
        let same = cedar(&same.unwrap_or_else(|| format!("ip({of})")));
        assert!(ip.is_none() == same.is_none() && same.is_none_or(|s| s == EvalResult::Bool(true)), "{text:?}");
        count("ip", ip.is_some());
    };
    TEXTS.iter().for_each(|text| check(text));
    let letters: Vec<char> = "0123456789999-+.:/TZdhms f٣\n".chars().collect();
    let edit = (any::<prop::sample::Index>(), 0..3u8, prop::sample::select(letters));
    let texts = (prop::sample::select(&TEXTS[..]), proptest::collection::vec(edit, 0..4));
    let mut runner = TestRunner::new(Config { cases: 3_000, failure_persistence: None, ..Config::default() });
    let run = runner.run(&texts, |(text, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (at, how, letter) in edits {
            let at = at.index(chars.len() + 1);
            match how {
                0 => chars.insert(at, letter),
                1 if at < chars.len() => chars[at] = letter,
                2 if at < chars.len() => drop(chars.remove(at)),
                _ => {}
            }
        }
        check(&chars.into_iter().collect::<String>());
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    let counts = counts.into_inner();
    assert!(counts.len() == 8 && counts.values().all(|count| *count > 100), "{counts:?}");
}
