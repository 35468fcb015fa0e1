//! What the scans let through and what they refuse; and that Cedar survives what they let through.

use std::str::FromStr;
use std::time::{Duration, Instant};

use super::*;
use crate::load::stack::with_stack;

fn policy(condition: &str) -> String {
    format!("permit(principal, action, resource) when {{ {condition} }};")
}

fn scan(text: &str) -> Result<(), Error> {
    cedar(text, &Limits { policy_bytes: usize::MAX, ..Limits::default() }).map(drop)
}

/// Things that nest: what opens a level, what is innermost, what closes it.
const NESTED: &[(&str, &str, &str)] = &[
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{a:", "1", "}"),
    ("!(", "true", ")"),
    ("-(", "1", ")"),
    ("[[],", "1", "]"),
    ("if true then true else ", "true", ""),
    ("if ", "true", " then true else true"),
    ("if true then ", "true", " else true"),
    ("context[", "1", "]"),
    ("[1].contains(", "1", ")"),
    ("// (\n(", "\")\"", ")"),
];

#[test]
fn nesting_of_cedar_is_refused_beyond_the_limit() {
    for (open, middle, close) in NESTED {
        // The brace of the clause is one level, and so is the set inside of a set.
        let most = if *open == "[[]," { 30 } else { 31 };
        for (depth, accepted) in [(1, true), (30, true), (most, true), (most + 1, false), (33, false), (500_000, false)]
        {
            let text = policy(&format!("{}{middle}{}", open.repeat(depth), close.repeat(depth)));
            let start = Instant::now();
            let result = cedar(&text, &Limits { policy_file_bytes: usize::MAX, ..Limits::default() });
            assert!(start.elapsed() < Duration::from_millis(100), "{open} {depth}");
            assert_eq!(result.is_ok(), accepted, "{open} {depth} {result:?}");
            if let Err(error) = result {
                assert_eq!(error.code(), "limit_exceeded");
                assert!(error.message().starts_with("a policy nested") && error.span().is_some(), "{error}");
            }
        }
    }
}

#[test]
fn what_is_not_nested_is_accepted() {
    for text in [
        policy(&format!("{}true", "(true) && ".repeat(100))),
        policy(&format!("\"{}\" == \"\\\"((((\"", "(".repeat(1000))),
        policy(&format!("true // {}\n", "[".repeat(1000))),
        policy(&format!("true // {}\r", "[".repeat(1000))),
        policy(&format!("[{}]", "if true then 1 else 2, ".repeat(100))),
        policy(&format!("[{}].contains(1)", "1, ".repeat(1000))),
        policy(&format!("[{}].contains(1)", "a.b.c, ".repeat(200))),
        policy(&"principal.a.b == resource.c.d && ".repeat(200)),
        policy("x").repeat(1000),
        "@id(\"a;b\")\n".repeat(3),
        String::new(),
    ] {
        assert!(scan(&text).is_ok(), "{text:.80} {:?}", scan(&text));
    }
}

#[test]
fn a_bracket_that_closes_nothing_hides_no_depth() {
    assert!(scan(&policy(&"[)".repeat(100))).is_err());
    assert!(scan(&policy(&"[]".repeat(100))).is_ok());
    assert!(scan(&")".repeat(100)).is_ok());
    assert!(scan(&policy(&"[;".repeat(100))).is_err());
}

#[test]
fn runs_of_unary_operators_are_refused_beyond_the_limit() {
    for operator in ["!", "-", "! ", "- //\n"] {
        assert!(scan(&policy(&format!("{}a", operator.repeat(32)))).is_ok());
        let error = scan(&policy(&format!("{}a", operator.repeat(33)))).unwrap_err();
        assert_eq!(error.message(), "more than 32 `!` or `-` in a row");
        assert!(scan(&policy(&format!("{operator}a && ").repeat(100))).is_ok());
    }
}

#[test]
fn chains_are_refused_beyond_the_bound() {
    // Two operators are the scope and the clause.
    for link in ["true && ", "true || ", "1 + ", "1 * ", "1 - ", "!true && "] {
        let count = if link.starts_with('!') { (CHAIN - 2) / 2 } else { CHAIN - 2 };
        assert!(scan(&policy(&format!("{}1", link.repeat(count)))).is_ok(), "{link}");
        let error = scan(&policy(&format!("{}1", link.repeat(count + 1)))).unwrap_err();
        assert_eq!((error.code(), error.message()), ("limit_exceeded", "more than 300 operators in one policy"));
    }
    for (link, count) in [(".a", CHAIN - 2), ("[\"a\"]", CHAIN - 2), (".f()", (CHAIN - 2) / 2)] {
        assert!(scan(&policy(&format!("a{}", link.repeat(count)))).is_ok(), "{link}");
        assert!(scan(&policy(&format!("a{}", link.repeat(count + 1)))).is_err(), "{link}");
    }
    assert!(scan(&"permit(principal, action, resource) when { true };".repeat(CHAIN)).is_ok());
    let clauses = |count| format!("permit(principal, action, resource) {};", "when { true }".repeat(count));
    assert!(scan(&clauses(CHAIN - 1)).is_ok());
    assert!(scan(&clauses(CHAIN)).is_err());
}

#[test]
fn policies_longer_than_the_limit_are_refused() {
    let limits = Limits { policy_bytes: 60, policy_file_bytes: 150, ..Limits::default() };
    let fits = format!("a{};", " ".repeat(58));
    assert!(cedar(&fits.repeat(2), &limits).is_ok());
    assert!(cedar(&format!("{fits}// between\n{fits}"), &limits).is_ok());
    assert!(cedar(&format!("a{fits}"), &limits).is_err());
    assert!(cedar(&"a".repeat(60), &limits).is_ok());
    assert!(cedar(&"a".repeat(61), &limits).is_err());
    assert!(cedar(&policy("\";;;;;;;;;;;;;;;;;;;;;;;\""), &limits).is_err());
    assert_eq!(cedar(&fits.repeat(3), &limits).unwrap_err().message(), "180 bytes of policies, where 150 are allowed");
}

#[test]
fn what_the_scan_lets_through_cedar_survives_on_any_thread() {
    let mut texts: Vec<_> = NESTED
        .iter()
        .map(|(open, middle, close)| policy(&format!("{}{middle}{}", open.repeat(30), close.repeat(30))))
        .collect();
    for (link, last) in [("1==1&&", "true"), ("1==2||", "true"), ("1+", "1==1"), ("1*", "1==1")] {
        let chain = format!("{}{last}", link.repeat(240));
        texts.push(policy(&chain));
        // All of the nesting around all of the chain, and a part of the chain at each level.
        texts.push(policy(&format!("{}{chain}{}", "(".repeat(31), ")".repeat(31))));
        let part = format!("&&{}1==1)", "1==1&&".repeat(6));
        texts.push(policy(&format!("{}{last}{}", "(".repeat(31), part.repeat(31))));
    }
    texts.push(policy(&format!("context{}==1", ".a".repeat(CHAIN - 2))));
    texts.push(policy(&format!("{}1{}", "[".repeat(31), "]==[]".repeat(31))));
    for stack in [128, 512, 2048, 8192] {
        let texts = texts.clone();
        let thread = std::thread::Builder::new().stack_size(stack * 1024).spawn(move || {
            for text in &texts {
                scan(text).unwrap();
                with_stack(|| survive(text));
            }
        });
        thread.unwrap().join().unwrap();
    }
}

/// Does with a policy whatever the engine may do.
fn survive(text: &str) {
    let policies = cedar_policy::PolicySet::from_str(text).unwrap_or_default();
    let (schema, _) = cedar_policy::Schema::from_cedarschema_str(
        "entity U; entity R; action a appliesTo { principal: U, resource: R, context: {a: Long} };",
    )
    .unwrap();
    cedar_policy::Validator::new(schema).validate(&policies, cedar_policy::ValidationMode::Strict);
    for policy in policies.policies() {
        assert!(policy.to_pst().is_ok() && policy.to_json().is_ok(), "{text:.99}");
    }
    let [principal, action, resource] = ["U::\"a\"", "Action::\"a\"", "R::\"a\""].map(|uid| uid.parse().unwrap());
    let context = cedar_policy::Context::empty();
    let request = cedar_policy::Request::new(principal, action, resource, context, None).unwrap();
    let entities = cedar_policy::Entities::empty();
    let response = cedar_policy::Authorizer::new().is_authorized(&request, &policies, &entities);
    let errors: String = response.diagnostics().errors().map(ToString::to_string).collect();
    assert!(!errors.contains("recursion"), "{text:.99} {errors}");
}

#[test]
fn nesting_of_toml_is_refused_beyond_the_limit() {
    let nested = |open: &str, close: &str, depth| format!("a = {}1{}", open.repeat(depth), close.repeat(depth));
    for depth in [32, 33, 1_000_000] {
        for text in [
            nested("[", "]", depth),
            nested("{a = ", "}", depth),
            nested("[\n#[\n", "]", depth),
            format!("a{} = 1", ".a".repeat(depth)),
            format!("[a{}]", ".a".repeat(depth - 1)),
            format!("[[a{}]]", ".a".repeat(depth - 1)),
            format!("[a.b]\na{} = 1", ".b".repeat(depth - 2)),
            format!("[[a.b]]\na.b = {}1", "[".repeat(depth - 3)),
            format!("a = {}", "{a.b = ".repeat(depth / 2) + if depth % 2 == 1 { "[" } else { "" }),
        ] {
            if depth > 33 && text.starts_with("a = {a.b") {
                continue;
            }
            let start = Instant::now();
            let result = toml(&text, &Limits { catalog_bytes: usize::MAX, ..Limits::default() });
            assert_eq!(result.is_ok(), depth == 32, "{text:.80} {result:?}");
            assert!(start.elapsed() < Duration::from_millis(100));
        }
    }
    for text in [
        "a = \"[[[[\"\n".repeat(50),
        "a = '[[[['\n".repeat(50),
        "a = 1 # [[[[\n".repeat(50),
        "a = \"\"\"[\"[\\\"[\n[\"\"\"\n".repeat(50),
        "a = '''['[\n['''\n".repeat(50),
        "[a.b]\n[[c.d]]\n".repeat(50),
        format!("a = [{}]", "1.5, ".repeat(50)),
        "a.b = 1.5\n".repeat(50),
    ] {
        assert!(toml(&text, &Limits::default()).is_ok(), "{text:.40}");
    }
    assert!(toml("a = 1", &Limits { catalog_bytes: 5, ..Limits::default() }).is_ok());
    assert!(toml("a = 11", &Limits { catalog_bytes: 5, ..Limits::default() }).is_err());
}

#[test]
fn a_string_that_ends_nowhere_hides_nothing() {
    for text in ["a = \"\nb = ", "a = '\nb = ", "a = \"x\\\nb = "] {
        assert!(toml(&format!("{text}{}", "[".repeat(33)), &Limits::default()).is_err(), "{text}");
        assert!(toml(&format!("{text}{}", "[".repeat(32)), &Limits::default()).is_ok(), "{text}");
    }
}

#[test]
fn size_is_refused_before_content() {
    let limits = Limits { policy_file_bytes: 3, ..Limits::default() };
    assert_eq!(cedar("((((", &limits).unwrap_err().message(), "4 bytes of policies, where 3 are allowed");
    assert!(cedar("(((", &limits).is_ok());
}

#[test]
fn a_scan_says_where_each_policy_stands() {
    let text = "\u{feff}// ;\r@id(\"a;\")\npermit (principal, action, resource) when { \"};\" == \";\" };forbid (principal);  // ; \n\n // b;\npermit ()\n; // end;";
    let text = text.trim_start_matches('\u{feff}');
    let places = cedar(text, &Limits::default()).unwrap();
    let found: Vec<&str> = places.iter().map(|place| text.get(place.clone()).unwrap()).collect();
    assert_eq!(
        found,
        [
            "@id(\"a;\")\npermit (principal, action, resource) when { \"};\" == \";\" };",
            "forbid (principal);",
            "permit ()\n;"
        ]
    );
    assert!(cedar(" // only; a comment;\n", &Limits::default()).unwrap().is_empty());
}
