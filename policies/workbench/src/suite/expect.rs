//! What a case expects, and where the answer differs from it.

use serde::Serialize;
use serde_json::{Map, Value};
use toolgate::{Instant, Outcome, Reason};

/// What of an answer a case names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    /// Field by field; what is not named may be anything.
    fields: Vec<(String, Value)>,
    /// Nothing was said of this answer, and what is not said is not expected.
    pub(super) unlisted: bool,
}

/// A field that is not as expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mismatch {
    /// The field.
    pub field: String,
    /// What the case says.
    pub expected: Value,
    /// What the answer says.
    pub actual: Value,
}

/// Whose answer is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answering {
    Call,
    Token,
}

/// The fields of a decision that can be expected.
const DECISION: &[&str] = &[
    "outcome",
    "reason",
    "detail",
    "policies",
    "approvers",
    "approval_request",
    "access_request",
    "guidance",
    "step_up",
    "credential",
    "obligations",
    "gains_labels",
    "valid_until",
    "agent_message",
    "engine",
    "snapshot_version",
];
/// The fields of a token decision that can be expected.
const TOKEN: &[&str] = &[
    "granted",
    "refused",
    "claims",
    "reason",
    "detail",
    "policies",
    "obligations",
    "gains_labels",
    "engine",
    "snapshot_version",
];
/// Words of which a list names those that will do: `outcome: [deny, ticket_fallback]`.
const ONE_OF: &[&str] = &["outcome", "reason"];
/// Lists in which the order says nothing.
const SETS: &[&str] = &["policies", "approvers", "obligations", "gains_labels", "granted", "refused"];

impl Expect {
    /// Nothing was said, so nothing is expected: the world is closed.
    pub(super) fn unlisted() -> Self {
        Self { fields: Vec::new(), unlisted: true }
    }

    /// Reads an expectation: a bare outcome (for a token a bare reason), or an object of fields. On an error the key
    /// at fault, the message and the way out.
    pub(super) fn read(value: &Value, of: Answering) -> Result<Self, (Option<String>, String, String)> {
        let bare = if of == Answering::Call { "outcome" } else { "reason" };
        let fields = match value {
            Value::String(text) => Map::from_iter([(bare.to_string(), Value::String(text.clone()))]),
            Value::Object(fields) if !fields.is_empty() => fields.clone(),
            _ => {
                let message = format!("an expectation is {} `{bare}` or an object of fields", article(bare));
                return Err((
                    None,
                    message,
                    "write `auto_approve`, or `{ outcome: deny, reason: policy_denied }`".into(),
                ));
            }
        };
        let known = if of == Answering::Call { DECISION } else { TOKEN };
        let is_bare = value.is_string();
        for (field, value) in &fields {
            // a bare word has no key
            let at = (!is_bare).then(|| field.clone());
            if !known.contains(&field.as_str()) {
                let fields = known.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
                return Err((at, format!("an answer has no field `{field}`"), format!("it has {fields}")));
            }
            check(field, value).map_err(|(message, help)| (at, message, help))?;
        }
        Ok(Self { fields: fields.into_iter().collect(), unlisted: false })
    }

    /// The outcome it names.
    pub fn outcome(&self) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == "outcome").and_then(|(_, value)| value.as_str())
    }

    /// What is named, field by field.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.fields.iter().map(|(field, value)| (field.as_str(), value))
    }

    /// Where an answer, as JSON, differs.
    pub(super) fn mismatches(&self, answer: &Value) -> Vec<Mismatch> {
        if self.unlisted {
            let actual = answer.get("outcome").cloned().unwrap_or_default();
            return vec![Mismatch { field: "outcome".into(), expected: Value::Null, actual }];
        }
        let differ = |(field, expected): &(String, Value)| {
            let actual = actual(answer, field, expected);
            let same = match expected {
                Value::Array(any) if ONE_OF.contains(&field.as_str()) => any.contains(&actual),
                expected => same(expected, &actual, SETS.contains(&field.as_str())),
            };
            (!same).then(|| Mismatch { field: field.clone(), expected: expected.clone(), actual })
        };
        self.fields.iter().filter_map(differ).collect()
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with('o') { "an" } else { "a" }
}

/// Words of a closed list are spelt as there.
fn check(field: &str, value: &Value) -> Result<(), (String, String)> {
    let word = |what: &str, words: &[&str], value: &Value| match value.as_str() {
        Some(word) if words.contains(&word) => Ok(()),
        Some(word) => Err((format!("there is no {what} `{word}`"), near(word, words))),
        None => Err((format!("{} {what} is a word, or a list of those that will do", article(what)), near("", words))),
    };
    let one_of = |what: &str, words: Vec<&str>| match value {
        Value::Array(any) if !any.is_empty() => any.iter().try_for_each(|value| word(what, &words, value)),
        value => word(what, &words, value),
    };
    match field {
        "outcome" => one_of("outcome", Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect()),
        "reason" => one_of("reason", Reason::ALL.iter().map(|reason| reason.code()).collect()),
        "policies" | "approvers" | "obligations" | "gains_labels" | "granted" if !value.is_array() => {
            Err((format!("`{field}` is a list"), "write `[…]`; `[]` for none".into()))
        }
        "refused" => {
            let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
            match value {
                Value::Array(_) => Ok(()),
                Value::Object(scopes) => scopes.values().try_for_each(|reason| match reason.as_str() {
                    Some(reason) if reasons.contains(&reason) => Ok(()),
                    other => {
                        let word = other.unwrap_or("that");
                        Err((format!("there is no reason `{word}`"), near(word, &reasons)))
                    }
                }),
                _ => Err((
                    "`refused` is a list of scopes, or an object of their reasons".into(),
                    "write `{ pages.write: scope_not_enabled }`".into(),
                )),
            }
        }
        _ => Ok(()),
    }
}

/// The word that was probably meant, else all of them.
pub(super) fn near(word: &str, words: &[&str]) -> String {
    let ratio = |known: &str| similar::TextDiff::from_chars(word, known).ratio();
    let best = words.iter().map(|&known| (ratio(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((ratio, known)) if ratio > 0.6 => format!("did you mean `{known}`?"),
        _ => format!("write one of {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// What an answer says of a field, in the form that the expectation has.
fn actual(answer: &Value, field: &str, expected: &Value) -> Value {
    let get = |field: &str| answer.get(field).cloned().unwrap_or_default();
    match field {
        "policies" if is_words(expected) => pluck(&get("policies"), "id"),
        "approvers" => {
            let of = |request: &str| answer.get(request)?.get("approvers").cloned();
            of("approval_request").or_else(|| of("access_request")).unwrap_or_else(|| Value::Array(Vec::new()))
        }
        "refused" if expected.is_object() => {
            let refused = get("refused");
            let pair = |item: &Value| Some((item.get("scope")?.as_str()?.to_string(), item.get("reason")?.clone()));
            Value::Object(refused.as_array().into_iter().flatten().filter_map(pair).collect())
        }
        "refused" if is_words(expected) => pluck(&get("refused"), "scope"),
        _ => get(field),
    }
}

fn is_words(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

fn pluck(list: &Value, field: &str) -> Value {
    let items = list.as_array().into_iter().flatten();
    Value::Array(items.map(|item| item.get(field).cloned().unwrap_or_default()).collect())
}

/// Whether what is expected is there. Of an object only what is named counts; a list is compared whole.
fn same(expected: &Value, actual: &Value, set: bool) -> bool {
    match (expected, actual) {
        // what a token refuses is a closed list too
        (Value::Object(expected), Value::Object(actual)) if set => {
            expected.len() == actual.len() && expected.iter().all(|(key, value)| actual.get(key) == Some(value))
        }
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().all(|(key, value)| same(value, actual.get(key).unwrap_or(&Value::Null), false))
        }
        (Value::Array(expected), Value::Array(actual)) if set => {
            let within =
                |one: &[Value], other: &[Value]| one.iter().all(|item| other.iter().any(|it| same(item, it, false)));
            expected.len() == actual.len()
                && within(expected, actual)
                && actual.iter().all(|item| expected.iter().any(|it| same(it, item, false)))
        }
        (Value::Array(expected), Value::Array(actual)) => {
            expected.len() == actual.len() && expected.iter().zip(actual).all(|(one, other)| same(one, other, false))
        }
        (Value::String(expected), Value::String(actual)) => expected == actual || same_instant(expected, actual),
        (Value::Number(expected), Value::Number(actual)) => {
            expected == actual || (expected.as_f64() == actual.as_f64() && expected.is_f64() != actual.is_f64())
        }
        (expected, actual) => expected == actual,
    }
}

fn same_instant(one: &str, other: &str) -> bool {
    let read = |text: &str| text.contains('T').then(|| text.parse::<Instant>().ok()).flatten();
    read(one).zip(read(other)).is_some_and(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(expected: &Value, answer: &Value) -> Vec<String> {
        let expect = Expect::read(expected, Answering::Call).unwrap();
        expect.mismatches(answer).into_iter().map(|mismatch| mismatch.field).collect()
    }

    fn answer() -> Value {
        json!({
            "outcome": "self_approve", "reason": "approval_required",
            "policies": [{"id": "a", "effect": "permit"}, {"id": "b", "effect": "forbid"}],
            "approval_request": {"approvers": ["alice", "bob"], "valid_for": "PT1H", "scope": {"tool": "crm/x"}},
            "access_request": null, "valid_until": "2026-12-01T00:00:00Z", "snapshot_version": 42
        })
    }

    #[test]
    fn only_what_is_named_counts() {
        let answer = answer();
        for expected in [
            json!("self_approve"),
            json!({"outcome": ["manager_approve", "self_approve"], "reason": ["approval_required"]}),
            json!({"policies": ["b", "a"]}),
            json!({"policies": [{"id": "a"}, {"id": "b", "effect": "forbid"}]}),
            json!({"approvers": ["bob", "alice"]}),
            json!({"approval_request": {"valid_for": "PT1H", "scope": {"tool": "crm/x"}}}),
            json!({"access_request": null, "guidance": null}),
            json!({"valid_until": "2026-12-01T01:00:00+01:00", "snapshot_version": 42}),
        ] {
            assert!(fields(&expected, &answer).is_empty(), "{expected}");
        }
        for (expected, field) in [
            (json!("auto_approve"), "outcome"),
            (json!({"outcome": ["deny", "ticket_fallback"]}), "outcome"),
            (json!({"policies": ["a"]}), "policies"),
            (json!({"policies": ["a", "b", "c"]}), "policies"),
            (json!({"policies": ["a", "a"]}), "policies"),
            (json!({"approvers": []}), "approvers"),
            (json!({"approval_request": null}), "approval_request"),
            (json!({"approval_request": {"valid_for": "PT2H"}}), "approval_request"),
            (json!({"approval_request": {"no_such": 1}}), "approval_request"),
            (json!({"valid_until": null}), "valid_until"),
            (json!({"snapshot_version": 43}), "snapshot_version"),
        ] {
            assert_eq!(fields(&expected, &answer), [field], "{expected}");
        }
        let unlisted = Expect::unlisted().mismatches(&answer);
        assert_eq!(unlisted.len(), 1, "a closed world");
    }

    #[test]
    fn what_nobody_can_mean_is_refused() {
        for (expected, help) in [
            (json!("auto_aprove"), "did you mean `auto_approve`?"),
            (json!({"outcome": "allow"}), "write one of"),
            (json!({"outcome": ["deny", "allow"]}), "write one of"),
            (json!({"outcome": []}), "write one of"),
            (json!({"reason": "policy_deny"}), "did you mean `policy_denied`?"),
            (json!({"outcom": "deny"}), "`outcome`"),
            (json!({"policies": "a"}), "[]"),
            (json!({}), "auto_approve"),
            (json!(null), "auto_approve"),
            (json!(1), "auto_approve"),
        ] {
            let (_, message, said) = Expect::read(&expected, Answering::Call).unwrap_err();
            assert!(said.contains(help), "{expected}: {message}; {said}");
        }
    }
}
