//! The engine: policies, catalog and snapshot, compiled; immutable, cheap to clone, swapped whole.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::compile::build::{Compiled, build, build_from};
use crate::compile::vocabulary;
use crate::data::call::{Call, Session};
use crate::data::catalog::Catalog;
use crate::data::decision::{Decision, VisibleTool};
use crate::data::id::Subject;
use crate::data::json::Json;
use crate::data::reason::Reason;
use crate::data::report::Report;
use crate::data::snapshot::Snapshot;
use crate::data::time::Instant;
use crate::data::token::{TokenDecision, TokenRequest};
use crate::error::{Error, ErrorKind};
use crate::eval::{decide, token, visible};
use crate::limits::Limits;
use crate::load::bundle::Bundle;
use crate::load::{self, stack};

/// Decides tool calls. The one entry type: [`Engine::load`] it, then [`decide`](Engine::decide).
///
/// Immutable, `Send + Sync`, and cheap to clone; to change anything, load another and swap it in whole.
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
        stack::with_stack(|| build(bundle, limits)).map(|inner| Self { inner: Arc::new(inner) }).map_err(LoadError)
    }

    /// Loads another bundle in this one's place, with the same limits. The outcome is that of [`Engine::load_with`], but
    /// of policies that did not change, over tools that did not change as far as they read them, it is known that they
    /// are valid: that is the slowest step.
    pub fn reload(&self, bundle: &Bundle) -> Result<Self, LoadError> {
        let build = || build_from(Some(&self.inner), bundle, self.inner.limits.clone());
        stack::with_stack(build).map(|inner| Self { inner: Arc::new(inner) }).map_err(LoadError)
    }

    /// Decides one call. Never fails: a fault is a denial with its code.
    pub fn decide(&self, call: &Call) -> Decision {
        stack::with_stack(|| decide::decide(&self.inner, call))
    }

    /// Decides one call as JSON. What cannot be read is denied as `invalid_request` or `limit_exceeded`.
    pub fn decide_json(&self, call: &[u8]) -> Decision {
        match load::call::read(call, &self.inner.limits) {
            Ok(call) => self.decide(&call),
            Err(error) => {
                let limit = error.kind() == ErrorKind::LimitExceeded;
                let reason = if limit { Reason::LimitExceeded } else { Reason::InvalidRequest };
                decide::refuse(&self.inner, reason, error.to_string())
            }
        }
    }

    /// Every tool of the catalog and the best that some arguments could reach; hidden ones are to be left out of a
    /// tool list. Never hides a tool that a call could run, have approved or ask for.
    pub fn visible_tools(&self, subject: &Subject, session: &Session, now: Instant) -> Vec<VisibleTool> {
        stack::with_stack(|| visible::all(&self.inner, subject, session, now))
    }

    /// Decides which scopes a token for a directly reached server may carry. The same policies, the same snapshot.
    pub fn decide_token(&self, request: &TokenRequest) -> TokenDecision {
        stack::with_stack(|| token::decide(&self.inner, request))
    }

    /// What loading found that is no error.
    pub fn report(&self) -> &Report {
        &self.inner.report
    }

    /// The catalog, as decided on.
    pub fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// The snapshot, as decided on.
    pub fn snapshot(&self) -> &Snapshot {
        &self.inner.directory.snapshot
    }

    /// The ids of the policies, sorted.
    pub fn policy_ids(&self) -> impl Iterator<Item = &str> {
        self.inner.policies.iter().map(|policy| policy.terms.id.as_str())
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
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("digest", &self.inner.digest)
            .field("policies", &self.inner.policies.len())
            .field("tools", &self.inner.catalog.tools.len())
            .field("snapshot_version", &self.snapshot().version)
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
