//! The engine: policies, catalog and snapshot, compiled; immutable, cheap to clone, swapped whole.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::compile::build::{Compiled, build, build_from};
use crate::compile::vocabulary;
use crate::data::call::{Call, RawCall, Session, SessionView};
use crate::data::catalog::Catalog;
use crate::data::decision::{Decision, Outcome, VisibleTool};
use crate::data::delta::Delta;
use crate::data::id::{Subject, SubjectRef};
use crate::data::json::Json;
use crate::data::reason::Reason;
use crate::data::report::Report;
use crate::data::snapshot::Snapshot;
use crate::data::time::Instant;
use crate::data::token::{TokenDecision, TokenRequest};
use crate::error::{Error, ErrorKind};
use crate::eval::trace::{Consultation, Trace};
use crate::eval::{decide, token, trace, visible};
use crate::limits::Limits;
use crate::load::asking::Asking;
use crate::load::bundle::Bundle;
use crate::load::tape::Tape;
use crate::load::{self, stack};
use crate::parallel;

/// Decides tool calls. The one entry type: [`Engine::load`] it, then [`decide`](Engine::decide).
///
/// Immutable, `Send + Sync`, and cheap to clone; to change anything, load another and swap it in whole
/// ([`Live`](crate::Live)).
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Compiled>,
}

impl Engine {
    /// Loads a bundle with the default [`Limits`]. All faults found are returned together.
    pub fn load(bundle: &Bundle) -> Result<Self, LoadError> {
        Self::load_with(bundle, Limits::default())
    }

    /// Loads a bundle.
    pub fn load_with(bundle: &Bundle, limits: Limits) -> Result<Self, LoadError> {
        stack::with_stack(|| build(bundle, limits)).map(Self::of).map_err(LoadError)
    }

    /// Loads another bundle in this one's place, with the same limits. The outcome is that of [`Engine::load_with`], but
    /// of policies that did not change, over tools that did not change as far as they read them, it is known that they
    /// are valid: that is the slowest step.
    pub fn reload(&self, bundle: &Bundle) -> Result<Self, LoadError> {
        let build = || build_from(Some(&self.inner), bundle, self.inner.limits.clone());
        stack::with_stack(build).map(Self::of).map_err(LoadError)
    }

    /// The same engine after grants and approvals were added and revoked; everything else is shared.
    ///
    /// # Errors
    /// A version that is not newer, an id that is there already, and the revocation of something that is not there.
    pub fn with(&self, delta: &Delta) -> Result<Self, Error> {
        self.inner.with(delta).map(Self::of)
    }

    /// Decides one call. Never fails: a fault is a denial with its code.
    pub fn decide(&self, call: &Call) -> Decision<'_> {
        match unusable(call) {
            Some(detail) => decide::refuse(&self.inner, Reason::InvalidRequest, detail),
            None => raw(call, |call| self.decide_raw(call)),
        }
    }

    /// Decides one call as a gateway has it, without taking a copy of anything.
    ///
    /// ```
    /// # use toolgate::{Bundle, Engine, Reason, RawCall, Session, Source, SubjectRef};
    /// # let engine = Engine::load(&Bundle { policies: vec![], tools: Default::default(), overlay: None,
    /// #     snapshot: Source::new("s.json", r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#) })?;
    /// let decision = engine.decide_raw(&RawCall {
    ///     subject: SubjectRef::Agent { user: "alice", client: "claude-code" },
    ///     tool: "crm/find",
    ///     arguments: br#"{"query": "acme"}"#,
    ///     session: &Session::default(),
    ///     now: "2026-11-20T10:00:00Z".parse()?,
    /// });
    /// assert_eq!(decision.reason, Reason::SubjectUnknown);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn decide_raw(&self, call: &RawCall<'_>) -> Decision<'_> {
        let mut tape = Tape::default();
        self.read_and_decide(self.asking(call, &mut tape))
    }

    /// Decides one call as JSON. What cannot be read is denied as `invalid_request` or `limit_exceeded`.
    pub fn decide_json(&self, call: &[u8]) -> Decision<'_> {
        let mut tape = Tape::default();
        self.read_and_decide(Asking::read(&mut tape, call, &self.inner.limits))
    }

    /// Decides many calls on so many threads at most, in their order: the same decisions as one by one.
    pub fn decide_many(&self, calls: &[Call], threads: usize) -> Vec<Decision<'_>> {
        parallel::map(calls, threads, |call| self.decide(call))
    }

    /// Decides one call, and tells what the policies were asked and what each said. Slow, and never for the agent.
    ///
    /// ```
    /// # use toolgate::{Bundle, Call, Engine, Source};
    /// # let engine = Engine::load(&Bundle { policies: vec![], tools: Default::default(), overlay: None,
    /// #     snapshot: Source::new("s.json", r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#) })?;
    /// # let call = br#"{"subject": {"user": "alice", "client": "cc"}, "tool": "crm/find", "now": "2026-11-20T10:00:00Z"}"#;
    /// let trace = engine.trace(&Call::parse(call)?);
    /// assert_eq!(trace.decision, engine.decide_json(call));
    /// assert!(trace.consultation.is_none(), "nobody knows alice: the gate refuses before any policy is asked");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace(&self, call: &Call) -> Trace<'_> {
        let traced = |call: &RawCall<'_>| {
            let mut tape = Tape::default();
            let asking = self.asking(call, &mut tape).ok()?;
            Some(stack::with_stack(|| trace::trace(&self.inner, &asking)))
        };
        let traced = if unusable(call).is_none() { raw(call, traced) } else { None };
        traced.unwrap_or_else(|| Trace { decision: self.decide(call), consultation: None })
    }

    /// What the policies are asked for each scope of a token request that the server knows. Empty if the request is
    /// refused before anybody asks them. Slow, and never for the agent.
    pub fn trace_token(&self, request: &TokenRequest) -> Vec<(String, Consultation)> {
        stack::with_stack(|| token::trace(&self.inner, request))
    }

    /// The outcome and the reason of a decision, and nothing else: for a host that only wants to know whether to run
    /// the call. Allocates nothing for usual calls.
    pub fn verdict(&self, call: &RawCall<'_>) -> (Outcome, Reason) {
        let mut tape = Tape::default();
        match self.asking(call, &mut tape) {
            Ok(asking) => self.on_its_stack(|| decide::verdict_of(&self.inner, &asking)),
            Err(error) => (Outcome::Deny, unread(&error)),
        }
    }

    fn asking<'a>(&self, call: &RawCall<'a>, tape: &'a mut Tape) -> Result<Asking<'a>, Error> {
        let session = SessionView::from(call.session);
        Asking::from_parts(tape, call.subject, call.tool, Some(call.arguments), session, call.now, &self.inner.limits)
    }

    fn read_and_decide(&self, asking: Result<Asking<'_>, Error>) -> Decision<'_> {
        match asking {
            Ok(asking) => self.on_its_stack(|| decide::decide(&self.inner, &asking)),
            Err(error) => decide::refuse(&self.inner, unread(&error), error.to_string()),
        }
    }

    /// Cedar's own evaluator needs a deep stack; the compiled one hardly any.
    fn on_its_stack<R>(&self, decide: impl FnOnce() -> R) -> R {
        if self.inner.by_referee { stack::with_stack(decide) } else { stack::with_little_stack(decide) }
    }

    /// Every tool of the catalog and the best that some arguments could reach; hidden ones are to be left out of a
    /// tool list. Never hides a tool that a call could run, have approved or ask for.
    pub fn visible_tools(&self, subject: &Subject, session: &Session, now: Instant) -> Vec<VisibleTool<'_>> {
        let session = SessionView::from(session);
        self.on_its_stack(|| visible::all(&self.inner, SubjectRef::from(subject), &session, now))
    }

    /// Decides which scopes a token for a directly reached server may carry. The same policies, the same snapshot.
    pub fn decide_token(&self, request: &TokenRequest) -> TokenDecision {
        self.on_its_stack(|| token::decide(&self.inner, request))
    }

    /// The same engine, answering by Cedar's own evaluator, one policy at a time: some thousand times slower, and what
    /// the compiled engine has to agree with. For hosts that want to see that for themselves.
    ///
    /// ```
    /// # use toolgate::{Bundle, Engine, Source};
    /// # let engine = Engine::load(&Bundle { policies: vec![], tools: Default::default(), overlay: None,
    /// #     snapshot: Source::new("s.json", r#"{"version": 1, "issued_at": "2026-11-20T09:00:00Z", "max_age": "PT24H"}"#) })?;
    /// let call = br#"{"subject": {"user": "alice", "client": "cc"}, "tool": "crm/find", "now": "2026-11-20T10:00:00Z"}"#;
    /// assert_eq!(engine.decide_json(call), engine.referee().decide_json(call));
    /// # Ok::<(), toolgate::LoadError>(())
    /// ```
    pub fn referee(&self) -> Self {
        let mut inner = Compiled::clone(&self.inner);
        inner.by_referee = true;
        Self::of(inner)
    }

    /// What loading found that is no error.
    pub fn report(&self) -> &Report {
        &self.inner.report
    }

    /// The catalog, as decided on.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The snapshot, as decided on. Made anew from the engine's tables: for large ones this takes a while.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.people.to_snapshot(&self.inner.symbols.people())
    }

    /// The version of the snapshot.
    pub fn snapshot_version(&self) -> u64 {
        self.inner.people.version()
    }

    /// The ids of the policies, sorted.
    pub fn policy_ids(&self) -> impl Iterator<Item = &str> {
        self.inner.policies.iter().map(|policy| policy.terms.id.as_str())
    }

    /// The limits that calls and changes are held to.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The digest of everything the engine was built from; every decision names it.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    /// The Cedar schema that policies are validated against, in Cedar's own syntax.
    pub fn schema(&self) -> String {
        vocabulary::schema(&self.inner.catalog, &self.inner.arguments, &BTreeSet::new())
            .ok()
            .and_then(|fragment| vocabulary::print(&fragment))
            .unwrap_or_default()
    }

    fn of(inner: Compiled) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// The answer to a request for a token that cannot be read.
    pub(crate) fn refuse_token(&self, error: &Error) -> TokenDecision {
        token::refuse(&self.inner, unread(error), error.to_string())
    }

    /// Whether both have the same snapshot, whatever else they differ in.
    pub(crate) fn same_snapshot(&self, other: &Self) -> bool {
        self.inner.snapshot_digest == other.inner.snapshot_digest
    }
}

/// What keeps a call that a host put together from being asked about at all.
fn unusable(call: &Call) -> Option<String> {
    if call.arguments.as_object().is_none() {
        return Some(format!("`arguments` is {}, not an object", call.arguments.kind()));
    }
    // FAIL-CLOSED: a_server_with_a_slash_is_no_server. Written out, it would be another server's tool.
    if call.tool.server.contains('/') {
        return Some(format!("server `{}` has a slash", call.tool.server.escape_debug()));
    }
    None
}

/// Asks about a call as a gateway has it: there is one reader, and it holds what it is given to the limits.
fn raw<R>(call: &Call, ask: impl FnOnce(&RawCall<'_>) -> R) -> R {
    let (tool, arguments) = (call.tool.to_string(), call.arguments.to_string());
    ask(&RawCall {
        subject: SubjectRef::from(&call.subject),
        tool: &tool,
        arguments: arguments.as_bytes(),
        session: &call.session,
        now: call.now,
    })
}

/// The reason for a call that could not be read.
fn unread(error: &Error) -> Reason {
    if error.kind() == ErrorKind::LimitExceeded { Reason::LimitExceeded } else { Reason::InvalidRequest }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("digest", &self.inner.digest)
            .field("policies", &self.inner.policies.len())
            .field("tools", &self.inner.catalog.tools.len())
            .field("snapshot_version", &self.snapshot_version())
            .finish_non_exhaustive()
    }
}

/// Everything that kept a bundle from loading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(Vec<Error>);

impl LoadError {
    /// The faults, at least one.
    pub fn errors(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// The JSON of a call is read with the engine's limits; without an engine, with the default ones.
impl Call {
    /// Reads a call from JSON, strictly: duplicate keys, unknown fields and trailing bytes are errors.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        load::call::read(json, &Limits::default())
    }

    /// The same for JSON already read.
    pub fn from_json(json: &Json) -> Result<Self, Error> {
        load::call::from_json(json.clone())
    }
}
