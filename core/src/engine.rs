//! The engine: policies, catalog and snapshot, compiled; immutable, cheap to clone, swapped whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::compile::directory::Directory;
use crate::compile::policies::Policy;
use crate::compile::validate::{self, validate};
use crate::compile::vocabulary::{self, Types};
use crate::compile::{policies, references};
use crate::data::call::{Call, Session};
use crate::data::catalog::{Catalog, Overlay};
use crate::data::decision::{Decision, VisibleTool};
use crate::data::id::{Subject, ToolId};
use crate::data::json::Json;
use crate::data::reason::Reason;
use crate::data::report::{Finding, FindingKind, Report, ToolReport, Typing, TypingNote};
use crate::data::snapshot::Snapshot;
use crate::data::time::Instant;
use crate::data::token::{TokenDecision, TokenRequest};
use crate::error::{Error, ErrorKind};
use crate::eval::{decide, token, visible};
use crate::limits::Limits;
use crate::load::arguments::{Arguments, Coverage, NoteKind, type_arguments};
use crate::load::bundle::{Bundle, Source};
use crate::load::{self, catalog, snapshot, stack, tools_list};

/// Decides tool calls. The one entry type: [`Engine::load`] it, then [`decide`](Engine::decide).
///
/// Immutable, `Send + Sync`, and cheap to clone; to change anything, load another and swap it in whole.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// What an engine is made of.
pub(crate) struct Inner {
    pub(crate) policies: Vec<Policy>,
    pub(crate) catalog: Catalog,
    pub(crate) arguments: BTreeMap<ToolId, Arguments>,
    pub(crate) directory: Directory,
    /// Every label there is: what a session of which nothing is known may have seen.
    pub(crate) all_labels: BTreeSet<String>,
    pub(crate) types: Types,
    pub(crate) schema: cedar_policy::Schema,
    pub(crate) limits: Limits,
    pub(crate) digest: String,
    pub(crate) report: Report,
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
            .and_then(|fragment| fragment.to_cedarschema().ok())
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

fn build(bundle: &Bundle, limits: Limits) -> Result<Inner, Vec<Error>> {
    let mut faults = Faults::default();
    let snapshot = faults.keep(read_snapshot(&bundle.snapshot, &limits));
    let merged = faults.keep(read_catalog(bundle, &limits));
    let files = faults.all(
        bundle
            .policies
            .iter()
            .map(|source| source.text(limits.policy_file_bytes).map(|text| (source.file.clone(), text.to_string()))),
    );
    let sources = match load::policies::read(&files, &limits) {
        Ok(sources) => sources,
        Err(errors) => {
            faults.0.extend(errors);
            Vec::new()
        }
    };
    let types = faults.keep(Types::new());
    let (Some(snapshot), Some((catalog, mut findings)), Some(types), true) =
        (snapshot, merged, types, faults.0.is_empty())
    else {
        return Err(faults.0);
    };

    let arguments: BTreeMap<ToolId, Arguments> = catalog
        .tools
        .values()
        .map(|tool| (tool.id.clone(), type_arguments(&tool.definition.input_schema, &limits)))
        .collect();
    let (schema, found) = validate(&validate::Subject {
        files: &files,
        policies: &sources,
        catalog: &catalog,
        arguments: &arguments,
        types: &types,
    })?;
    findings.extend(found);
    let (policies, session_labels) = policies::compile(&sources).map_err(|error| vec![error])?;
    let directory = Directory::new(snapshot);
    findings.extend(references::unknown(&catalog, &directory, &policies, &sources, &types));

    let tools = catalog.tools.values().flat_map(|tool| tool.labels.iter().cloned());
    let all_labels = tools.chain(session_labels).collect();
    let report =
        Report { tools: arguments.iter().map(|(id, arguments)| tool_report(id, arguments)).collect(), findings };
    let digest = digest(bundle, &limits);
    Ok(Inner { policies, catalog, arguments, directory, all_labels, types, schema, limits, digest, report })
}

fn read_snapshot(source: &Source, limits: &Limits) -> Result<Snapshot, Error> {
    snapshot::read(&source.file, &source.bytes, limits).map_err(|error| error.in_file(&source.file))
}

fn read_catalog(bundle: &Bundle, limits: &Limits) -> Result<(Catalog, Vec<Finding>), Vec<Error>> {
    let mut faults = Faults::default();
    let overlay = match &bundle.overlay {
        None => Some(Overlay::default()),
        Some(source) => faults.keep(
            source
                .text(limits.catalog_bytes)
                .and_then(|text| catalog::overlay(text, limits))
                .map_err(|error| error.in_file(&source.file)),
        ),
    };
    let mut lists = BTreeMap::new();
    let mut findings = Vec::new();
    for (server, source) in &bundle.tools {
        let list = catalog::check_server_id(server, limits).and_then(|()| tools_list::read(&source.bytes, limits));
        if let Some(list) = faults.keep(list.map_err(|error| error.in_file(&source.file))) {
            if list.more {
                let message =
                    format!("`{}` is one page of more: tools on the others are unknown and denied", source.file);
                findings.push(Finding::new(FindingKind::CatalogIncomplete, message));
            }
            lists.insert(server.clone(), list.tools);
        }
    }
    match overlay {
        Some(overlay) if faults.0.is_empty() => {
            let (catalog, found) = catalog::merge(lists, overlay);
            findings.extend(found);
            Ok((catalog, findings))
        }
        _ => Err(faults.0),
    }
}

fn tool_report(id: &ToolId, arguments: &Arguments) -> ToolReport {
    let typing = match arguments.coverage() {
        Coverage::Full => Typing::Full,
        Coverage::Partial => Typing::Partial,
        Coverage::Untyped => Typing::Untyped,
    };
    let notes = arguments.notes.iter().map(|note| TypingNote {
        pointer: note.pointer.clone(),
        left_out: note.kind == NoteKind::LeftOut,
        reason: note.reason.clone(),
    });
    ToolReport { tool: id.clone(), typing, notes: notes.collect() }
}

/// Everything that can change a decision: this version, the limits and every source, each with its length.
fn digest(bundle: &Bundle, limits: &Limits) -> String {
    let mut hash = Sha256::new();
    let mut part = |kind: &str, name: &str, bytes: &[u8]| {
        for piece in [kind.as_bytes(), name.as_bytes(), bytes] {
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece);
        }
    };
    part("toolgate", env!("CARGO_PKG_VERSION"), format!("{limits:?}").as_bytes());
    let mut policies: Vec<&Source> = bundle.policies.iter().collect();
    policies.sort_by(|a, b| a.file.cmp(&b.file));
    policies.iter().for_each(|source| part("policies", "", &source.bytes));
    bundle.tools.iter().for_each(|(server, source)| part("tools", server, &source.bytes));
    bundle.overlay.iter().for_each(|source| part("overlay", "", &source.bytes));
    let lines = if bundle.snapshot.file.ends_with(".jsonl") { "lines" } else { "" };
    part("snapshot", lines, &bundle.snapshot.bytes);
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Collects faults, so that all are reported at once.
#[derive(Default)]
struct Faults(Vec<Error>);

impl Faults {
    fn keep<T>(&mut self, result: Result<T, impl Into<Many>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(errors) => {
                self.0.extend(errors.into().0);
                None
            }
        }
    }

    fn all<T>(&mut self, results: impl Iterator<Item = Result<T, Error>>) -> Vec<T> {
        results.filter_map(|result| self.keep(result)).collect()
    }
}

struct Many(Vec<Error>);

impl From<Error> for Many {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl From<Vec<Error>> for Many {
    fn from(errors: Vec<Error>) -> Self {
        Self(errors)
    }
}

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
