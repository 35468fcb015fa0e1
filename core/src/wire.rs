//! The text boundary: all that an engine takes and gives, as JSON. What the bindings for other languages call.
//!
//! Owns the JSON of requests and answers, so that every language has the same. Total: what cannot be read is a denial,
//! and where there is nothing to deny, a text of errors. Each text is read once, by the reader that reads everything
//! else, and the same text gives the same bytes.
//!
//! ```
//! use toolgate::{Live, wire};
//! let engine = wire::load(br#"{
//!     "policies": "@id(\"reads-run\") permit (principal, action in Toolgate::Action::\"read\", resource);",
//!     "catalog": {"crm": [{"name": "find", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}}]},
//!     "overlay": "[servers.crm]\ntrusted = true\ndefault_state = \"approved\"",
//!     "snapshot": {"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H",
//!         "users": [{"id": "alice", "active": true}], "clients": [{"id": "cc", "kind": "personal", "state": "active"}]}
//! }"#).unwrap();
//! let call = br#"{"subject": {"user": "alice", "client": "cc"}, "tool": "crm/find", "now": "2026-11-20T10:00:00Z"}"#;
//! assert!(wire::decide(&engine, call).allowed);
//! // what is no call is a denial, and says so in the same form
//! assert!(wire::decide(&engine, b"run it!").json.starts_with(r#"{"outcome":"deny","reason":"invalid_request""#));
//! // what is no delta has nothing to deny
//! assert!(wire::apply(&Live::new(engine), b"{}").unwrap_err().contains(r#""code":"wrong_type""#));
//! ```

mod call;
mod errors;
mod sources;

use serde::{Deserialize, Serialize};

use crate::data::call::Session;
use crate::data::decision::{Decision, Outcome, Visibility};
use crate::data::id::Subject;
use crate::data::reason::Reason;
use crate::data::report::Report;
use crate::data::time::Instant;
use crate::data::token::TokenRequest;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::live::Live;
use crate::load::json::{JsonLimits, read as read_json};
use crate::load::{de, delta};
use crate::parallel;

pub use self::call::Parts;
pub use self::errors::errors;
pub use self::sources::{load, reload};

/// A decision: the whole of it as JSON, and in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What is to happen.
    pub outcome: Outcome,
    /// Why, as a code.
    pub reason: Reason,
    /// Whether the call may run now: [`Decision::is_allowed`].
    pub allowed: bool,
    /// The decision.
    pub json: String,
}

impl From<Decision<'_>> for Answer {
    fn from(decision: Decision<'_>) -> Self {
        Self {
            outcome: decision.outcome,
            reason: decision.reason,
            allowed: decision.is_allowed(),
            json: text(&decision),
        }
    }
}

/// Decides a call. What cannot be read is denied as `invalid_request` or `limit_exceeded`.
pub fn decide(engine: &Engine, call: &[u8]) -> Answer {
    engine.decide_json(call).into()
}

/// Decides many calls, in their order: the same answers as one by one. On so many threads at most; 0 = all there are.
pub fn decide_many<T: AsRef<[u8]> + Sync>(engine: &Engine, calls: &[T], threads: usize) -> Vec<Answer> {
    let threads = if threads == 0 { parallel::threads() } else { threads };
    parallel::map(calls, threads, |call| decide(engine, call.as_ref()))
}

/// Decides which scopes a token may carry. What cannot be read is granted nothing, with the reason.
pub fn decide_token(engine: &Engine, request: &[u8]) -> String {
    text(&match read::<TokenRequest>(engine, request) {
        Ok(request) => engine.decide_token(&request),
        // FAIL-CLOSED: a_request_that_cannot_be_read_is_granted_nothing
        Err(error) => engine.refuse_token(&error),
    })
}

/// Who sees tools, and when.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Viewer {
    subject: Subject,
    #[serde(default)]
    session: Session,
    now: Instant,
}

/// What a subject sees of every tool: `[{"tool": "crm/find", "visibility": "callable"}, …]`. The request is
/// `{"subject": …, "session": …, "now": …}`.
pub fn visible_tools(engine: &Engine, request: &[u8]) -> Result<String, String> {
    let viewer: Viewer = read(engine, request).map_err(|error| errors(&[error]))?;
    Ok(text(&engine.visible_tools(&viewer.subject, &viewer.session, viewer.now)))
}

/// The same engine after a [`Delta`](crate::Delta).
pub fn with(engine: &Engine, change: &[u8]) -> Result<Engine, String> {
    let changed = delta::read(change, engine.limits()).and_then(|delta| engine.with(&delta));
    changed.map_err(|error| errors(&[error]))
}

/// Changes the engine in use by a [`Delta`](crate::Delta).
pub fn apply(live: &Live, change: &[u8]) -> Result<(), String> {
    let limits = live.engine().limits().clone();
    let applied = delta::read(change, &limits).and_then(|delta| live.apply(&delta));
    applied.map_err(|error| errors(&[error]))
}

/// Puts another engine into use; never one with an older snapshot.
pub fn swap(live: &Live, engine: Engine) -> Result<(), String> {
    live.swap(engine).map_err(|error| errors(&[error]))
}

/// What an engine is: its digest, the version of its snapshot, the ids of its policies, and what loading found.
pub fn describe(engine: &Engine) -> String {
    #[derive(Serialize)]
    struct Description<'e> {
        engine: &'e str,
        snapshot_version: u64,
        policies: Vec<&'e str>,
        report: &'e Report,
    }
    text(&Description {
        engine: engine.digest(),
        snapshot_version: engine.snapshot_version(),
        policies: engine.policy_ids().collect(),
        report: engine.report(),
    })
}

/// Every code there is, so that a binding can show that its own lists are complete.
pub fn codes() -> String {
    #[derive(Serialize)]
    struct Codes {
        outcomes: [Outcome; 5],
        reasons: &'static [Reason],
        visibilities: [Visibility; 4],
        errors: Vec<&'static str>,
    }
    text(&Codes {
        outcomes: Outcome::ALL,
        reasons: Reason::ALL,
        visibilities: [Visibility::Callable, Visibility::NeedsApproval, Visibility::Requestable, Visibility::Hidden],
        errors: ErrorKind::ALL.iter().map(|kind| kind.code()).collect(),
    })
}

fn read<T: serde::de::DeserializeOwned>(engine: &Engine, request: &[u8]) -> Result<T, Error> {
    de::from_json(&read_json(request, &JsonLimits::call(engine.limits()))?)
}

/// Compact JSON, members in the order of the type. Nothing that is said here fails to serialise; were it otherwise, an
/// empty object allows nothing.
fn text<T: Serialize>(value: &T) -> String {
    // a usual decision fits, so it is written without growing
    let mut json = Vec::with_capacity(1024);
    let written = serde_json::to_writer(&mut json, value).ok().and_then(|()| String::from_utf8(json).ok());
    written.unwrap_or_else(|| "{}".into())
}

#[cfg(test)]
mod tests;
