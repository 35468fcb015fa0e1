//! `toolgate prove`, with the real solver. Without one, tests say so and pass.

#![cfg(feature = "prove")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests may panic; clippy only knows those with #[test]"
)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Ran, command, path, run};
use tempfile::TempDir;

/// The bundles of the repository.
const BUNDLES: [&str; 3] = ["examples/acme", "packs/starter/example", "packs/toxic-flow/example"];
const BUILT_IN: [&str; 4] = ["no-policy-errs", "approval-only-loosens", "no-delete-runs-by-itself", "entitled-only"];

/// Whether there is a solver; says so if not.
fn solver(test: &str) -> bool {
    let there = toolgate_workbench::prove::find_solver().is_ok();
    if !there {
        // the test runner swallows what is printed by `println!`
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: cvc5 is missing");
    }
    there
}

/// A copy of a bundle.
struct Copied {
    _dir: TempDir,
    bundle: PathBuf,
}

impl Copied {
    fn path(&self) -> &Path {
        &self.bundle
    }
}

/// In which file, which text, and what stands there instead; at the end if no text is named.
type Change<'a> = (&'a str, &'a str, &'a str);

/// A copy of a bundle with some texts replaced.
fn changed(bundle: &str, changes: &[Change<'_>]) -> Copied {
    let dir = tempfile::tempdir().unwrap();
    // a pack's example names the policies of its pack, and of others
    let folder = bundle.split('/').next().unwrap();
    copy(Path::new(&path(folder)), &dir.path().join(folder));
    let copied = Copied { bundle: dir.path().join(bundle), _dir: dir };
    for (file, from, to) in changes {
        let file = copied.path().join(file);
        let text = on_one_line(&file, &std::fs::read_to_string(&file).unwrap_or_default());
        assert!(text.contains(from), "{}: {from}", file.display());
        let text = if from.is_empty() { format!("{text}\n{to}") } else { text.replacen(from, to, 1) };
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    copied
}

/// Policies without comments and line breaks, so that a change does not hang on how they are laid out.
fn on_one_line(file: &Path, text: &str) -> String {
    if file.extension().is_none_or(|extension| extension != "cedar") {
        return text.into();
    }
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ").replace("( ", "(").replace(" )", ")")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

fn prove(dir: &Path, more: &[&str]) -> Ran {
    let dir = dir.display().to_string();
    let ran = run(&[&["prove", dir.as_str(), "--json"], more].concat());
    assert!(ran.code < 2, "{}", ran.stderr);
    ran
}

/// The answer for a property.
fn answer(ran: &Ran, property: &str) -> Value {
    let answers = ran.json();
    answers.into_iter().find(|answer| answer["property"] == property).unwrap_or_else(|| panic!("no `{property}`"))
}

/// The property is refuted, the engine agrees, and it does not do what the case wants.
fn refuted(ran: &Ran, property: &str) -> Value {
    let answer = answer(ran, property);
    assert_eq!((answer["status"].as_str(), ran.code), (Some("refuted"), 1), "{property}: {answer}");
    let example = answer["counterexamples"][0].clone();
    assert_eq!(example["reproduces"], true, "{property}: {example}");
    let expect = &example["case"]["expect"];
    let wanted = expect["outcome"].as_array().is_some_and(|any| any.contains(&example["outcome"]));
    assert!(!wanted, "{property}: {example}");
    example
}

fn outcomes(dir: &Path) -> Vec<Value> {
    let (dir, calls) = (dir.display().to_string(), path("examples/acme/calls.jsonl"));
    run(&["decide", &dir, "--calls", &calls, "--json"])
        .json()
        .into_iter()
        .map(|decision| decision["outcome"].clone())
        .collect()
}

#[test]
fn everything_shipped_is_proved() {
    if !solver("everything_shipped_is_proved") {
        return;
    }
    for bundle in BUNDLES {
        let ran = prove(Path::new(&path(bundle)), &[]);
        assert_eq!(ran.code, 0, "{bundle}: {}", ran.stdout);
        for property in BUILT_IN {
            assert_eq!(answer(&ran, property)["status"], "proved", "{bundle}");
        }
        let text = run(&["prove", &path(bundle)]);
        assert!(text.stdout.lines().all(|line| line.contains("proved")), "{}", text.stdout);
    }
    let ran = prove(Path::new(&path("examples/acme")), &[]);
    assert!(
        ran.json().iter().filter(|answer| answer["file"].is_string()).count() >= 10,
        "acme has properties of its own"
    );
    // two tools of acme were never approved
    assert!(ran.stdout.contains("\"not_approved\":[\"codehost/run_workflow\",\"web/submit_form\"]"), "{}", ran.stdout);
}

/// Bugs that none of acme's twenty calls notices, and the property that does.
const BUGS: &[(&str, &[Change<'_>])] = &[
    ("large-refunds-need-the-manager", &[("policies/money.cedar", "amount > 50000", "amount > 60000")]),
    (
        "huge-refunds-are-never-made",
        &[("policies/money.cedar", "amount > 1000000 }", "amount > 1000000 } unless { context.approval.manager }")],
    ),
    (
        "no-delete-runs-by-itself",
        &[(
            "policies/deletes.cedar",
            "&& context.approval.manager",
            "&& (context.approval.manager || principal.client.kind == \"ephemeral\")",
        )],
    ),
    (
        "entitled-only",
        &[(
            "policies/reads.cedar",
            "principal in resource.entitlements && !",
            "(principal in resource.entitlements || principal is Toolgate::Agent && principal.user in resource.entitlements) && !",
        )],
    ),
    (
        "toxic-flow-needs-the-manager",
        &[(
            "policies/toxic-flow.cedar",
            "forbid (principal, action, resource)",
            "forbid (principal, action in Toolgate::Action::\"write\", resource)",
        )],
    ),
    (
        "secrets-stay",
        &[(
            "policies/toxic-flow.cedar",
            "(context.session.labels.contains(\"secrets\") ||",
            "(context.session.labels.contains(\"secrets\") && context.session.calls < 100 ||",
        )],
    ),
    (
        "shared-clients-change-nothing",
        &[(
            "policies/writes.cedar",
            "action in [Toolgate::Action::\"write\", Toolgate::Action::\"delete\"], resource) when { principal.client",
            "action in Toolgate::Action::\"write\", resource) when { principal.client",
        )],
    ),
    (
        "service-principals-never-delete",
        &[
            ("policies/deletes.cedar", "permit (principal is Toolgate::Agent,", "permit (principal,"),
            (
                "policies/autonomous.cedar",
                "action in Toolgate::Action::\"delete\", resource);",
                "action in Toolgate::Action::\"delete\", resource)\nwhen { resource in Toolgate::Server::\"crm\" };",
            ),
        ],
    ),
    (
        "bulk-exports-need-the-manager",
        &[(
            "policies/reads.cedar",
            "!(context.input has limit && context.input.limit <= 10000)",
            "context.input has limit && context.input.limit > 10000",
        )],
    ),
    ("no-policy-errs", &[("policies/money.cedar", "amount > 50000", "amount * 2 > 100000")]),
    (
        "approval-only-loosens",
        &[(
            "policies/reads.cedar",
            "",
            "@id(\"odd\") forbid (principal is Toolgate::Agent, action in Toolgate::Action::\"read\", resource) when { context.approval.self && principal.client.kind == \"service\" };",
        )],
    ),
    (
        "small-refunds-stay-possible",
        &[(
            "policies/money.cedar",
            "",
            "@id(\"tiny\") forbid (principal, action == Toolgate::Action::\"billing/create_refund\", resource) when { context.input.amount < 100 };",
        )],
    ),
    (
        "crm-records-are-not-deleted",
        &[(
            "policies/deletes.cedar",
            "resource in Toolgate::Server::\"crm\");",
            "resource in Toolgate::Server::\"crm\")\nunless { principal in Toolgate::Group::\"sales-operations\" };",
        )],
    ),
    (
        "writes-ask-somebody",
        &[(
            "policies/writes.cedar",
            "&& context.approval.self };",
            "&& (context.approval.self || context.now > datetime(\"2027-01-01\")) };",
        )],
    ),
];

#[test]
fn bugs_that_the_calls_do_not_notice_are_found() {
    if !solver("bugs_that_the_calls_do_not_notice_are_found") {
        return;
    }
    let sound = outcomes(Path::new(&path("examples/acme")));
    for (property, changes) in BUGS {
        let dir = changed("examples/acme", changes);
        assert_eq!(outcomes(dir.path()), sound, "{property}: the calls do not notice");
        refuted(&prove(dir.path(), &["--only", property]), property);
        let twin = prove(Path::new(&path("examples/acme")), &["--only", property]);
        assert_eq!(answer(&twin, property)["status"], "proved");
    }
}

#[test]
fn the_packs_are_no_less_sharp() {
    if !solver("the_packs_are_no_less_sharp") {
        return;
    }
    let starter = "packs/starter/example";
    for (property, from, to) in [
        (
            "no-delete-runs-by-itself",
            "principal in resource.entitlements && context.approval.manager",
            "principal in resource.entitlements",
        ),
        ("entitled-only", "principal in resource.entitlements && resource.sensitive &&", "resource.sensitive &&"),
    ] {
        let dir = changed(starter, &[("../policies/starter.cedar", from, to)]);
        refuted(&prove(dir.path(), &["--only", property]), property);
    }
    // a pack of forbids permits nothing by itself; with a permit beside it, it is the permit that is at fault
    let open = "@id(\"open\") permit (principal, action, resource);";
    let dir = changed("packs/toxic-flow/example", &[("../policies/toxic-flow.cedar", "", open)]);
    refuted(&prove(dir.path(), &[]), "entitled-only");
}

#[test]
fn an_own_property_is_proved_or_refuted() {
    if !solver("an_own_property_is_proved_or_refuted") {
        return;
    }
    let acme = path("examples/acme");
    let file = |when: &str, then: &str| {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "[[property]]\nname = \"mine\"\ntools = [\"billing/*_refund\"]\nwhen = '{when}'\nthen = \"{then}\"\n"
        );
        std::fs::write(dir.path().join("mine.toml"), text).unwrap();
        dir
    };
    for (when, then, status) in [
        ("context.input.amount > 50000", "at least manager_approve", "proved"),
        ("context.input.amount > 49999", "at least manager_approve", "refuted"),
        ("context.input.amount < 0", "at least self_approve", "proved"),
        ("context.input.amount < 0", "never auto_approve", "proved"),
        ("context.input.amount < 0", "at least manager_approve", "refuted"),
        ("context.input.amount > 1000000", "always denied", "proved"),
        ("context.input.amount > 999999", "always denied", "refuted"),
        (
            "principal in resource.entitlements && principal is Toolgate::ServicePrincipal && context.input.amount == 5 && context.session.labels.isEmpty()",
            "never denied by policy",
            "proved",
        ),
        ("principal is Toolgate::ServicePrincipal && context.input.amount == 5", "never denied by policy", "refuted"),
        // no such currency: the gate refuses it
        ("context.input.currency == \"XXX\"", "never denied by policy", "unknown"),
        ("context.input.amount > 3 && context.input.amount < 3", "always denied", "unknown"),
        ("context.input.colour == \"red\"", "always denied", "unknown"),
    ] {
        let dir = file(when, then);
        let property = dir.path().join("mine.toml").display().to_string();
        let ran = prove(Path::new(&acme), &["--property", &property, "--only", "mine"]);
        assert_eq!(answer(&ran, "mine")["status"], status, "{when}: {then}: {}", ran.stdout);
        if status == "refuted" {
            let example = refuted(&ran, "mine");
            assert_eq!(example["case"]["tool"], "billing/create_refund");
        }
        if status == "unknown" {
            assert!(answer(&ran, "mine")["unknown"][0]["reason"].as_str().unwrap().len() > 20);
        }
    }
}

#[test]
fn a_property_of_no_tool_says_nothing() {
    if !solver("a_property_of_no_tool_says_nothing") {
        return;
    }
    for (line, status) in [
        ("tools = [\"billing/*\"]", "proved"),
        ("tools = [\"bills/*\"]", "unknown"),
        ("operations = [\"read\"]\nservers = [\"nowhere\"]", "unknown"),
    ] {
        let text = format!(
            "[[property]]\nname = \"mine\"\n{line}\nwhen = 'principal is Toolgate::ServicePrincipal && context.session.labels.contains(\"secrets\") && resource.labels.contains(\"external-sink\") || context.session.calls == 7 && !(principal in resource.entitlements)'\nthen = \"always denied\"\n"
        );
        let dir = changed("examples/acme", &[("properties/mine.toml", "", &text)]);
        let ran = prove(dir.path(), &["--only", "mine"]);
        assert_eq!(answer(&ran, "mine")["status"], status, "{}", ran.stdout);
    }
}

#[test]
fn what_the_solver_cannot_do_is_unknown() {
    if !solver("what_the_solver_cannot_do_is_unknown") {
        return;
    }
    // two primes of 31 bits
    let when = "context.input.amount > 1 && context.input.amount < 4000000000 && context.session.calls > 1 && \
                context.session.calls < 4000000000 && context.input.amount * context.session.calls == 4611685975477714963";
    let text = format!(
        "[[property]]\nname = \"hard\"\ntools = [\"billing/create_refund\"]\nwhen = '{when}'\nthen = \"never denied by policy\"\n"
    );
    let dir = changed("examples/acme", &[("properties/hard.toml", "", &text)]);
    let ran = prove(dir.path(), &["--only", "hard", "--timeout", "1"]);
    let answer = answer(&ran, "hard");
    assert_eq!((answer["status"].as_str(), ran.code), (Some("unknown"), 1));
    assert!(answer["unknown"][0]["reason"].as_str().unwrap().contains("gave up within 1 s"), "{answer}");
}

#[test]
fn counterexamples_become_a_suite() {
    if !solver("counterexamples_become_a_suite") {
        return;
    }
    let dir = changed("examples/acme", BUGS[2].1);
    let suite = dir.path().join("found.yaml");
    let ran = run(&["prove", &dir.path().display().to_string(), "--save", &suite.display().to_string()]);
    assert_eq!(ran.code, 1);
    let text = std::fs::read_to_string(&suite).unwrap();
    assert!(text.contains("kind: ephemeral"), "{text}");
    assert!(ran.stdout.contains("the engine agrees: auto_approve"), "{}", ran.stdout);
    // every case fails where it was found, and passes where the policy is as it should be
    let count = text.lines().filter(|line| line.starts_with("  - name: ")).count();
    let results = |bundle: &Path| {
        std::fs::create_dir_all(bundle.join("tests")).unwrap();
        std::fs::write(bundle.join("tests/found.yaml"), &text).unwrap();
        let filter = "counterexamples of toolgate prove";
        let ran = run(&["test", &bundle.display().to_string(), "--filter", filter, "--json"]);
        let all: Vec<Value> = ran.json().into_iter().filter(|line| line.get("case").is_some()).collect();
        assert_eq!(all.len(), count, "{}{}", ran.stdout, ran.stderr);
        all.iter().map(|line| line["status"].clone()).collect::<Vec<_>>()
    };
    assert!(count >= 2 && results(dir.path()).iter().all(|status| status == "failed"));
    assert!(results(changed("examples/acme", &[]).path()).iter().all(|status| status == "passed"));
}

#[test]
fn nothing_became_more_permissive() {
    if !solver("nothing_became_more_permissive") {
        return;
    }
    let acme = path("examples/acme");
    let against = |new: &Path, old: &str| {
        let ran = prove(new, &["--against", old]);
        let status = answer(&ran, "nothing-more-permissive")["status"].as_str().unwrap().to_owned();
        (status, ran)
    };
    assert_eq!(against(Path::new(&acme), &acme).0, "proved");
    for (what, changes) in [
        ("a bound", ("policies/money.cedar", "amount > 50000", "amount > 50001")),
        ("whom to ask", ("policies/deletes.cedar", "&& context.approval.manager", "&& context.approval.self")),
        ("a label", ("catalog.toml", "labels = [\"external-sink\"]", "labels = []")),
        ("an entitlement", ("catalog.toml", "entitlements = [\"crm:admin\"]", "entitlements = [\"crm:read\"]")),
        (
            "an operation",
            (
                "catalog.toml",
                "entitlements = [\"analytics:write\"]",
                "entitlements = [\"analytics:write\"]\noperation = \"read\"",
            ),
        ),
        ("trust", ("catalog.toml", "trusted = false", "trusted = true\ndefault_state = \"approved\"")),
    ] {
        let dir = changed("examples/acme", &[changes]);
        let (status, ran) = against(dir.path(), &acme);
        if what == "trust" {
            // the tool is not approved there, so it is only here
            assert!(ran.stdout.contains("{\"asked\":\"web/submit_form\",\"permitted\":"), "{}", ran.stdout);
        } else {
            assert_eq!(status, "refuted", "{what}");
            refuted(&ran, "nothing-more-permissive");
            // the other way round it is less, unless what changed is another thing
            let back = against(Path::new(&acme), &dir.path().display().to_string()).0;
            assert_eq!(back, if what == "an entitlement" { "refuted" } else { "proved" }, "{what}");
        }
    }
}

#[test]
fn tools_of_only_one_bundle_are_told_apart() {
    if !solver("tools_of_only_one_bundle_are_told_apart") {
        return;
    }
    let acme = path("examples/acme");
    let fewer = changed(
        "examples/acme",
        &[(
            "catalog.toml",
            "[[servers.mail.rules]]",
            "[[servers.mail.rules]]\ntools = [\"send_message\"]\nstate = \"disabled\"\n\n[[servers.mail.rules]]",
        )],
    );
    let ran = prove(fewer.path(), &["--against", &acme]);
    let only = ran.json().into_iter().find(|line| line.get("only_there").is_some()).unwrap();
    assert_eq!(only["only_there"], serde_json::json!(["mail/send_message"]));
    assert_eq!((ran.code, only["only_here"].as_array().unwrap().len()), (0, 0), "less is no more");
    let ran = prove(Path::new(&acme), &["--against", &fewer.path().display().to_string()]);
    let only = ran.json().into_iter().find(|line| line.get("only_here").is_some()).unwrap();
    assert_eq!(only["only_here"], serde_json::json!([{"asked": "mail/send_message", "permitted": true}]));
}

#[test]
fn arguments_of_another_type_are_not_compared() {
    if !solver("arguments_of_another_type_are_not_compared") {
        return;
    }
    let other = changed(
        "examples/acme",
        &[
            ("catalog/billing.json", "\"amount\": {", "\"sum\": {"),
            ("catalog/billing.json", "\"amount\"", "\"sum\""),
            ("policies/money.cedar", "context.input.amount > 50000", "context.input.sum > 50000"),
            ("policies/money.cedar", "context.input.amount > 1000000", "context.input.sum > 1000000"),
        ],
    );
    let ran = prove(other.path(), &["--against", &path("examples/acme")]);
    let answer = answer(&ran, "nothing-more-permissive");
    assert_eq!(answer["status"], "unknown", "{answer}");
    assert_eq!(answer["unknown"][0]["asked"], "billing/create_refund");
    assert!(answer["unknown"][0]["reason"].as_str().unwrap().contains("do not fit the tool's arguments"), "{answer}");
}

#[test]
fn without_a_solver_it_says_how_to_get_one() {
    for (variable, value, says) in [
        ("PATH", "/nowhere", "is not installed"),
        ("CVC5", "/nowhere/cvc5", "there is no such file"),
        ("CVC5", env!("CARGO_BIN_EXE_toolgate"), "does not answer like cvc5"),
    ] {
        let mut command = command();
        command.env_remove("CVC5").env(variable, value).args(["prove", &path("examples/acme")]);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(says) && stderr.contains("apt-get install cvc5") && output.stdout.is_empty(),
            "{stderr}"
        );
    }
}

#[test]
fn mistakes_in_property_files_have_a_place() {
    let dir =
        changed("examples/acme", &[("properties/bad.toml", "", "[[property]]\nname = \"x\"\nthen = \"often\"\n")]);
    let ran = run(&["prove", &dir.path().display().to_string()]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("bad.toml:2:1") && ran.stderr.contains("`often` is nothing to prove"),
        "{}",
        ran.stderr
    );
    let twice = changed(
        "examples/acme",
        &[("properties/again.toml", "", "[[property]]\nname = \"secrets-stay\"\nthen = \"always denied\"\n")],
    );
    let ran = run(&["prove", &twice.path().display().to_string()]);
    assert!(ran.code == 2 && ran.stderr.contains("another property `secrets-stay`"), "{}", ran.stderr);
    let ran = run(&["prove", &path("examples/acme"), "--only", "secret-stays"]);
    assert!(ran.code == 2 && ran.stderr.contains("there is no property `secret-stays`"), "{}", ran.stderr);
}
