//! Compiled conditions against Cedar: random expressions, well-typed and not, over a small world.

#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;

use cedar_policy::Authorizer;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::store_tests::{Given, Store};
use super::tests::{Small, asking, cedar, compile, context, given, one, parse};
use super::{Attribute, LEVELS, Machine};
use crate::compile::condition::Dialect;
use crate::compile::symbols::{Symbols, attr};

/// Inputs that are records, and all of them.
const RECORDS: usize = 4;
const INPUTS: usize = 7;

/// Writes expressions from a run of random bytes.
struct Writer<'a> {
    bytes: &'a [u8],
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Long,
    Text,
    Entity,
    Set,
    Record,
    Decimal,
    Datetime,
    Duration,
    Ip,
}

const KINDS: [Kind; 10] = [
    Kind::Bool,
    Kind::Long,
    Kind::Text,
    Kind::Entity,
    Kind::Set,
    Kind::Record,
    Kind::Decimal,
    Kind::Datetime,
    Kind::Duration,
    Kind::Ip,
];

impl Writer<'_> {
    fn byte(&mut self) -> usize {
        self.at += 1;
        usize::from(self.bytes.get(self.at - 1).copied().unwrap_or(0))
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.byte() % from.len()]
    }

    fn kind(&mut self) -> Kind {
        KINDS[self.byte() % KINDS.len()]
    }

    fn expr(&mut self, kind: Kind, depth: usize) -> String {
        // now and then something of another type
        let kind = if self.byte() % 16 == 15 { self.kind() } else { kind };
        if self.at >= self.bytes.len() {
            return self.leaf(kind);
        }
        if depth == 0 || self.byte().is_multiple_of(5) {
            return if self.byte().is_multiple_of(3) { self.leaf(kind) } else { self.path(kind, depth) };
        }
        let depth = depth - 1;
        if self.byte().is_multiple_of(12) {
            let (test, yes, no) = (self.expr(Kind::Bool, depth), self.expr(kind, depth), self.expr(kind, depth));
            return format!("(if {test} then {yes} else {no})");
        }
        match kind {
            Kind::Bool => self.test(depth),
            Kind::Long => match self.byte() % 5 {
                0 => format!("(-({}))", self.expr(Kind::Long, depth)),
                1 => {
                    let method = self.pick(&["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"]);
                    format!("{}.{method}()", self.expr(Kind::Duration, depth))
                }
                2 => {
                    // longer than what is nested
                    let first = self.expr(Kind::Long, 0);
                    let rest: Vec<String> = (0..self.byte() % 9 + 1)
                        .map(|_| format!(" {} {}", self.pick(&["+", "-", "*"]), self.expr(Kind::Long, 0)))
                        .collect();
                    format!("({first}{})", rest.concat())
                }
                _ => {
                    let op = self.pick(&["+", "-", "*"]);
                    format!("({} {op} {})", self.expr(Kind::Long, depth), self.expr(Kind::Long, depth))
                }
            },
            Kind::Text => format!("{}.getTag({})", self.expr(Kind::Entity, depth), self.expr(Kind::Text, 0)),
            Kind::Entity => self.path(kind, depth),
            Kind::Set => {
                let kind = self.kind();
                let items: Vec<String> = (0..self.byte() % 4).map(|_| self.expr(kind, depth)).collect();
                format!("[{}]", items.join(", "))
            }
            Kind::Record => {
                let kind = self.kind();
                format!("{{b: {}, \"x y\": {}}}", self.expr(Kind::Bool, depth), self.expr(kind, depth))
            }
            Kind::Decimal => format!("decimal({})", self.text(&["1.0", "0.5", "-0.0001", "1", "1.00000", "a"])),
            Kind::Datetime => match self.byte() % 3 {
                0 => format!("{}.toDate()", self.expr(Kind::Datetime, depth)),
                1 => format!("{}.offset({})", self.expr(Kind::Datetime, depth), self.expr(Kind::Duration, depth)),
                _ => format!("datetime({})", self.text(&["2026-11-20", "1969-12-31T23:59:59.999Z", "2026-11-31"])),
            },
            Kind::Duration => match self.byte() % 3 {
                0 => format!("{}.toTime()", self.expr(Kind::Datetime, depth)),
                1 => {
                    format!("{}.durationSince({})", self.expr(Kind::Datetime, depth), self.expr(Kind::Datetime, depth))
                }
                _ => format!("duration({})", self.text(&["1h", "-1d2h3m4s5ms", "1m1h", "9223372036854775807ms"])),
            },
            Kind::Ip => format!("ip({})", self.text(&["10.0.0.0/8", "::1", "224.0.0.1", "10.1.2.3", "1.2.3", "a"])),
        }
    }

    /// A literal, or something that is one as far as is known.
    fn text(&mut self, from: &[&str]) -> String {
        let text = format!("\"{}\"", self.pick(from));
        if self.byte().is_multiple_of(6) {
            format!("(if {} then {text} else \"\")", self.expr(Kind::Bool, 0))
        } else {
            text
        }
    }

    fn test(&mut self, depth: usize) -> String {
        let kind = self.kind();
        match self.byte() % 24 {
            0 => format!("(!{})", self.expr(Kind::Bool, depth)),
            1 => format!("(!(!{}))", self.expr(Kind::Bool, depth)),
            2 | 3 => {
                let op = self.pick(&[" && ", " || "]);
                let parts: Vec<String> = (0..self.byte() % 4 + 2).map(|_| self.expr(Kind::Bool, depth)).collect();
                format!("({})", parts.join(op))
            }
            4 => {
                let (and, or) = (self.expr(Kind::Bool, depth), self.expr(Kind::Bool, depth));
                format!("({and} && ({or} || {}) && {})", self.expr(Kind::Bool, depth), self.expr(Kind::Bool, depth))
            }
            5 | 6 => {
                let op = self.pick(&["==", "!="]);
                format!("({} {op} {})", self.expr(kind, depth), self.expr(kind, depth))
            }
            7..=9 => {
                let kind = [Kind::Long, Kind::Datetime, Kind::Duration][self.byte() % 3];
                let op = self.pick(&["<", "<=", ">", ">="]);
                format!("({} {op} {})", self.expr(kind, depth), self.expr(kind, depth))
            }
            10 => {
                let of = [Kind::Record, Kind::Entity][self.byte() % 2];
                let attrs =
                    self.pick(&["b", "nope", "\"x y\"", "r.n", "r.r.s", "e.n", "approval", "input.n", "r.nope.x"]);
                format!("({} has {attrs})", self.expr(of, depth))
            }
            11 => {
                let attrs = self.pick(&["input", "input.b", "approval.self", "approval.self.x", "approval.no", "nope"]);
                format!("(context has {attrs})")
            }
            12 | 13 => format!("({} in {})", self.expr(Kind::Entity, depth), self.expr(Kind::Entity, depth)),
            14 => {
                let many: Vec<String> = (0..self.byte() % 4).map(|_| self.expr(Kind::Entity, 0)).collect();
                format!("({} in [{}])", self.expr(Kind::Entity, depth), many.join(", "))
            }
            15 => format!("({} in {})", self.expr(Kind::Entity, depth), self.expr(Kind::Set, depth)),
            16 => {
                let method = self.pick(&["contains", "containsAll", "containsAny"]);
                let kind = if method == "contains" { kind } else { Kind::Set };
                format!("{}.{method}({})", self.expr(Kind::Set, depth), self.expr(kind, depth))
            }
            17 => format!("{}.isEmpty()", self.expr(Kind::Set, depth)),
            18 => {
                let pattern = self.pick(&["a*", "*", "", "*b", "a\\*", "*\\**", "a*b*", "é", "*é"]);
                format!("({} like \"{pattern}\")", self.expr(Kind::Text, depth))
            }
            19 => {
                let kind = self.pick(&["U", "G", "Action", "Nowhere::U"]);
                let within = if self.byte().is_multiple_of(2) {
                    format!(" in {}", self.expr(Kind::Entity, depth))
                } else {
                    String::new()
                };
                format!("({} is {kind}{within})", self.expr(Kind::Entity, depth))
            }
            20 => format!("{}.hasTag({})", self.expr(Kind::Entity, depth), self.expr(Kind::Text, depth)),
            21 => {
                let method = self.pick(&["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"]);
                format!("{}.{method}({})", self.expr(Kind::Decimal, depth), self.expr(Kind::Decimal, depth))
            }
            22 => {
                let method = self.pick(&["isIpv4", "isIpv6", "isLoopback", "isMulticast"]);
                format!("{}.{method}()", self.expr(Kind::Ip, depth))
            }
            _ => format!("{}.isInRange({})", self.expr(Kind::Ip, depth), self.expr(Kind::Ip, depth)),
        }
    }

    fn leaf(&mut self, kind: Kind) -> String {
        self.pick(match kind {
            Kind::Bool => &["true", "false", "context.approval.self", "context.approval.manager"],
            Kind::Long => &["0", "1", "5", "9223372036854775807", "(-9223372036854775808)", "(-1)"],
            Kind::Text => &["\"\"", "\"a\"", "\"ab\"", "\"s\"", "\"b*\"", "\"é\""],
            Kind::Entity => &[
                "principal",
                "action",
                "resource",
                "U::\"a\"",
                "U::\"b\"",
                "U::\"zz\"",
                "G::\"g\"",
                "G::\"h\"",
                "Action::\"all\"",
            ],
            Kind::Set => &["[]", "[1, 2]", "[\"a\", \"b\"]", "[[1, 2]]", "[U::\"a\", G::\"h\"]", "[{x: 1}]"],
            Kind::Record => &["{}", "{x: 1}", "context", "context.approval", "{self: true, manager: false}"],
            Kind::Decimal => &["decimal(\"1.5\")", "decimal(\"-922337203685477.5808\")"],
            Kind::Datetime => &["datetime(\"2026-11-20T10:00:00Z\")", "context.now"],
            Kind::Duration => &["duration(\"1h30m\")", "duration(\"-9223372036854775808ms\")"],
            Kind::Ip => &["ip(\"10.1.0.0/16\")", "ip(\"127.0.0.1\")"],
        })
        .to_string()
    }

    /// An attribute somewhere in the world.
    fn path(&mut self, kind: Kind, depth: usize) -> String {
        let name = match kind {
            Kind::Bool => "b",
            Kind::Long => "n",
            Kind::Text => "s",
            Kind::Entity => "e",
            Kind::Set => self.pick(&["l", "labels", "es"]),
            Kind::Record => "r",
            Kind::Decimal => "dec",
            Kind::Datetime => "dt",
            Kind::Duration => "du",
            Kind::Ip => "ip",
        };
        let base = match self.byte() % 10 {
            0 if depth > 0 => self.expr(Kind::Entity, depth - 1),
            1 if depth > 0 => self.expr(Kind::Record, depth - 1),
            2 => "context".into(),
            3 | 4 => "context.input".into(),
            5 => "context.session".into(),
            6 => "principal".into(),
            7 => "principal.e".into(),
            8 => "principal.r.r.r.e.r".into(),
            _ => "resource".into(),
        };
        format!("{base}.{name}")
    }
}

#[test]
fn random_expressions_are_what_they_are_in_cedar() {
    let (small, authorizer) = (Small::new(), Authorizer::new());
    let mut symbols = Symbols::toolgate();
    let store = Store::new(&small.entities, &mut symbols);
    let inputs: Vec<Given> = (0..INPUTS).map(|input| given(context(0, input), &mut symbols)).collect();
    let plain: Vec<Given> = (0..3).map(|level| given(context(level, 0), &mut symbols)).collect();
    let symbols = RefCell::new(symbols);
    let counts: RefCell<BTreeMap<&str, u32>> = RefCell::default();
    let count = |name: &'static str| *counts.borrow_mut().entry(name).or_default() += 1;

    let cases = std::env::var("TOOLGATE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let run = runner.run(&proptest::collection::vec(any::<u8>(), 20..200), |bytes| {
        let symbols = &mut *symbols.borrow_mut();
        let mut writer = Writer { bytes: &bytes, at: 0 };
        let mut condition = format!("when {{ {} }}", writer.expr(Kind::Bool, 4));
        if writer.byte() % 4 == 3 {
            condition.push_str(&format!(" unless {{ {} }}", writer.expr(Kind::Bool, 2)));
        }
        let policy = parse(&condition);

        // as Cedar has it, one level after the other
        let (code, compiled) = compile(&policy, Dialect::Plain, symbols);
        let mut by_level = Vec::new();
        for (level, plain) in plain.iter().enumerate() {
            let asking = asking(&small, &store, plain, symbols);
            let expected = cedar(&authorizer, &policy, &small, context(level, 0));
            let bits = Machine::new(&code, &asking).run(compiled, 1);
            prop_assert_eq!(one(bits, 1), expected, "{} at level {}", &condition, level);
            count(expected);
            by_level.push(expected);
        }

        // all levels at once
        let (code, compiled) = compile(&policy, Dialect::Toolgate, symbols);
        let mut known = asking(&small, &store, &inputs[0], symbols);
        let attrs: Vec<_> = inputs[0].attrs.iter().copied().filter(|attr| *attr != attr::APPROVAL).collect();
        let without = Given { values: inputs[0].values.clone(), attrs };
        known.context = &without;
        let mut machine = Machine::new(&code, &known);
        let bits = machine.run(compiled, LEVELS);
        let at_once: Vec<&str> = [1, 2, 4].iter().map(|level| one(bits, *level)).collect();
        prop_assert_eq!(&at_once, &by_level, "{}", &condition);
        prop_assert_eq!(machine.run(compiled, LEVELS), bits, "again: {}", &condition);
        if by_level.iter().any(|result| *result != by_level[0]) {
            count("by level");
        }

        // not knowing covers whatever is known later
        for (unknown, last) in [(Attribute::UnknownRecord, RECORDS), (Attribute::Unknown, INPUTS)] {
            let mut open = asking(&small, &store, &without, symbols);
            open.unknown.insert(attr::INPUT, unknown);
            let cover = Machine::new(&code, &open).run(compiled, LEVELS);
            prop_assert_eq!(cover.t | cover.f | cover.e, LEVELS, "{}", &condition);
            prop_assert!(cover.f == LEVELS || !code.begins_with_input(compiled), "{}: {:?}", &condition, cover);
            if cover.t & cover.f == 0 && cover.t & cover.e == 0 && cover.f & cover.e == 0 {
                count("settled");
            } else {
                count("open");
            }
            for input in &inputs[..last] {
                let attrs: Vec<_> = input.attrs.iter().copied().filter(|attr| *attr != attr::APPROVAL).collect();
                let given = Given { values: input.values.clone(), attrs };
                let asking = asking(&small, &store, &given, symbols);
                let bits = Machine::new(&code, &asking).run(compiled, LEVELS);
                let covered = bits.t & !cover.t == 0 && bits.f & !cover.f == 0 && bits.e & !cover.e == 0;
                prop_assert!(covered, "{}: {:?} does not cover {:?}", &condition, cover, bits);
            }
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    let counts = counts.into_inner();
    for (name, least) in [("true", 10), ("false", 10), ("error", 10), ("by level", 100), ("settled", 10), ("open", 10)]
    {
        assert!(counts.get(name).copied().unwrap_or(0) >= cases / least, "{counts:?}");
    }
}
