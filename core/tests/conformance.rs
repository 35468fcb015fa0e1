//! The cases that every language replays (`policies/conformance`), replayed here through the text boundary.
//!
//! `TOOLGATE_BLESS=1` writes the bytes that are expected; what was meant (outcome, reason) stands in the cases, is
//! written by hand, and is checked either way.

#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use toolgate::{Engine, Outcome, Reason, wire};

/// The fewest cases there are to be.
const CASES: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    bundle: String,
    /// Long runs in `call` or `token`: each mark stands for a text so many times.
    #[serde(default)]
    fill: Vec<(String, String, usize)>,
    /// Applied to the engine first.
    delta: Option<String>,
    call: Option<String>,
    /// A call that is no text.
    hex: Option<String>,
    token: Option<String>,
    view: Option<String>,
    outcome: Option<String>,
    reason: Option<String>,
    /// The code of the error that there is instead of an answer.
    error: Option<String>,
    /// What is seen of some tools.
    shows: Option<BTreeMap<String, String>>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../policies/conformance")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(folder_name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder().join(folder_name)).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn blessing() -> bool {
    std::env::var_os("TOOLGATE_BLESS").is_some()
}

fn bundles() -> BTreeMap<String, Engine> {
    let load = |file: String| {
        let engine = wire::load(read(&format!("bundles/{file}")).as_bytes());
        (file.replace(".json", ""), engine.unwrap_or_else(|errors| panic!("{file}: {errors}")))
    };
    files("bundles").into_iter().map(load).collect()
}

/// The answer to a case, its outcome and reason as the answer says them.
fn replay(engine: &Engine, case: &Case) -> String {
    let changed = case.delta.as_ref().map(|delta| wire::with(engine, delta.as_bytes()));
    let engine = match changed {
        None => engine,
        Some(Ok(ref changed)) => changed,
        Some(Err(errors)) => return errors,
    };
    let filled = |text: &str| {
        let fill = |text: String, (mark, run, times): &(String, String, usize)| text.replace(mark, &run.repeat(*times));
        case.fill.iter().fold(text.to_owned(), fill)
    };
    match (&case.call, &case.hex, &case.token, &case.view) {
        (Some(call), None, None, None) => wire::decide(engine, filled(call).as_bytes()).json,
        (None, Some(hex), None, None) => wire::decide(engine, &bytes(hex)).json,
        (None, None, Some(request), None) => wire::decide_token(engine, filled(request).as_bytes()),
        (None, None, None, Some(request)) => {
            wire::visible_tools(engine, request.as_bytes()).unwrap_or_else(|errors| errors)
        }
        _ => panic!("{}: ask one thing", case.name),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) * 16 + digit(pair[1])).collect()
}

/// What was meant, as far as the case says it.
fn check(case: &Case, answer: &str) -> Result<(), String> {
    let said: Value = serde_json::from_str(answer).unwrap();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if case.error.is_some() {
        let code = text(&said["errors"][0]["code"]);
        return if code == case.error { Ok(()) } else { Err(format!("{code:?}, not {:?}", case.error)) };
    }
    if let Some(shows) = &case.shows {
        let seen = |tool: &str| said.as_array()?.iter().find(|seen| seen["tool"] == tool)?["visibility"].as_str();
        let wrong = shows.iter().find(|(tool, wanted)| seen(tool) != Some(wanted.as_str()));
        return wrong.map_or(Ok(()), |(tool, _)| Err(format!("`{tool}` is {:?}", seen(tool))));
    }
    let (outcome, reason) = (text(&said["outcome"]), text(&said["reason"]));
    assert!(case.reason.is_some(), "{}: say what is meant", case.name);
    if (&outcome, &reason) != (&case.outcome, &case.reason) {
        return Err(format!(
            "{} {} ({}), not {} {}",
            outcome.unwrap_or_default(),
            reason.unwrap_or_default(),
            said["detail"],
            case.outcome.as_deref().unwrap_or_default(),
            case.reason.as_deref().unwrap_or_default()
        ));
    }
    Ok(())
}

#[test]
fn every_case_answers_as_meant_and_to_the_byte() {
    let bundles = bundles();
    let (mut wrong, mut names, mut outcomes, mut reasons) = (vec![], BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for file in files("cases") {
        let expected_file = format!("expected/{file}");
        let expected = if blessing() { String::new() } else { read(&expected_file) };
        let mut expected = expected.lines();
        let mut blessed = String::new();
        for line in read(&format!("cases/{file}")).lines() {
            let case: Case = serde_json::from_str(line).unwrap_or_else(|error| panic!("{file}: {error}: {line}"));
            let engine = bundles.get(&case.bundle).unwrap_or_else(|| panic!("{}: no such bundle", case.name));
            let answer = replay(engine, &case);
            if let Err(what) = check(&case, &answer) {
                wrong.push(format!("{file}: {}: {what}", case.name));
            }
            assert_eq!(answer, replay(&engine.referee(), &case), "{file}: {}: the referee disagrees", case.name);
            if blessing() {
                writeln!(blessed, "{answer}").unwrap();
            } else if expected.next() != Some(answer.as_str()) {
                wrong.push(format!("{file}: {}: other bytes: {answer}", case.name));
            }
            outcomes.extend(case.outcome.clone());
            reasons.extend(case.reason.clone());
            assert!(names.insert(case.name.clone()), "two cases are called `{}`", case.name);
        }
        assert_eq!(expected.next(), None, "{expected_file} has lines without a case");
        if blessing() {
            std::fs::write(folder().join(&expected_file), blessed).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(files("cases"), files("expected").into_iter().filter(|file| file != "random.json").collect::<Vec<_>>());
    assert!(names.len() >= CASES, "{} cases", names.len());
    for outcome in Outcome::ALL {
        assert!(outcomes.contains(outcome.as_str()), "no case comes out as {outcome}");
    }
    for reason in Reason::ALL {
        assert!(reasons.contains(reason.code()), "no case has the reason {reason}");
    }
}

/// Random calls that every language makes for itself. See the README beside the cases.
#[derive(Deserialize)]
struct Random {
    bundle: String,
    seed: u32,
    calls: usize,
    slots: Vec<Vec<String>>,
}

#[test]
fn random_calls_are_decided_to_the_byte() {
    let random: Random = serde_json::from_str(&read("random.json")).unwrap();
    let engine = &bundles()[&random.bundle];
    let mut state = random.seed;
    let mut next = |count: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        usize::try_from(state).unwrap() % count
    };
    let calls: Vec<String> =
        (0..random.calls).map(|_| random.slots.iter().map(|slot| slot[next(slot.len())].as_str()).collect()).collect();
    let answers = wire::decide_many(engine, &calls, 0);
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Sha256::new();
    for answer in &answers {
        *outcomes.entry(answer.outcome.to_string()).or_default() += 1;
        all.update(answer.json.as_bytes());
        all.update(b"\n");
    }
    let digest = all.finalize().iter().fold("sha256:".to_string(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    let found = serde_json::json!({"decisions": digest, "outcomes": outcomes});
    for outcome in Outcome::ALL {
        let count = outcomes.get(outcome.as_str()).copied().unwrap_or(0);
        assert!(count * 100 >= random.calls, "{outcome}: {count} of {}", random.calls);
    }
    if blessing() {
        std::fs::write(folder().join("expected/random.json"), format!("{found}\n")).unwrap();
    }
    let expected: Value = serde_json::from_str(&read("expected/random.json")).unwrap();
    assert_eq!(found, expected);
}
