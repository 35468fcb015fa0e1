//! A bundle → everything a decision needs, checked and put together. All faults are collected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use cedar_policy::Schema;
use sha2::{Digest, Sha256};

use crate::compile::classes::Inventory;
use crate::compile::directory::Directory;
use crate::compile::policies::{self, Policy};
use crate::compile::references;
use crate::compile::validate::{self, Memo, validate};
use crate::compile::vocabulary::{self, Types};
use crate::data::canonical;
use crate::data::catalog::{Catalog, Overlay};
use crate::data::id::ToolId;
use crate::data::report::{Finding, FindingKind, Report, ToolReport, Typing, TypingNote};
use crate::data::snapshot::Snapshot;
use crate::error::Error;
use crate::limits::Limits;
use crate::load::arguments::{Arguments, Coverage, NoteKind, type_arguments};
use crate::load::bundle::{Bundle, Source};
use crate::load::{self, catalog, snapshot, tools_list};
use crate::parallel;

/// What an engine is made of.
pub(crate) struct Compiled {
    pub(crate) policies: Vec<Policy>,
    pub(crate) catalog: Catalog,
    pub(crate) arguments: BTreeMap<ToolId, Arguments>,
    pub(crate) directory: Directory,
    /// Every label there is: what a session of which nothing is known may have seen.
    pub(crate) all_labels: BTreeSet<String>,
    pub(crate) types: Types,
    pub(crate) limits: Limits,
    pub(crate) digest: String,
    pub(crate) report: Report,
    /// The policies found valid, for the next build.
    pub(crate) memo: Arc<Memo>,
    /// How many policies Cedar's validator was asked about; of the others the last build knew.
    pub(crate) validated: usize,
    schema: OnceLock<Result<Schema, String>>,
}

impl Compiled {
    /// The schema that the policies are valid against, made when it is first asked for: policies are validated against
    /// parts of it, and only Cedar's own checks of a request need the whole.
    ///
    /// That it can be made is known: its parts were made when the policies were validated, and no name is in two.
    pub(crate) fn schema(&self) -> Result<&Schema, String> {
        let make = || {
            let whole = vocabulary::schema(&self.catalog, &self.arguments, &BTreeSet::new());
            whole.and_then(|fragment| vocabulary::join([fragment])).map_err(|error| error.to_string())
        };
        self.schema.get_or_init(make).as_ref().map_err(Clone::clone)
    }
}

/// Checks and compiles a bundle.
pub(crate) fn build(bundle: &Bundle, limits: Limits) -> Result<Compiled, Vec<Error>> {
    build_from(None, bundle, limits)
}

/// Checks and compiles a bundle, and spares itself what it knows from the last one. The outcome is the same.
pub(crate) fn build_from(previous: Option<&Compiled>, bundle: &Bundle, limits: Limits) -> Result<Compiled, Vec<Error>> {
    let threads = parallel::threads();
    let mut faults = Faults::default();
    let snapshot = faults.keep(read_snapshot(&bundle.snapshot, &limits));
    let merged = faults.keep(read_catalog(bundle, &limits));
    let files = faults.all(
        bundle
            .policies
            .iter()
            .map(|source| source.text(limits.policy_file_bytes).map(|text| (source.file.clone(), text.to_string()))),
    );
    let sources = match load::policies::read(&files, &limits, threads) {
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
    let valid = validate(&validate::Subject {
        files: &files,
        policies: &sources,
        arguments: &arguments,
        types: &types,
        inventory: Inventory::new(&catalog, &arguments),
        before: previous.map(|previous| &previous.memo),
        threads,
    })?;
    findings.extend(valid.findings);
    let (policies, session_labels) = policies::compile(&sources);
    let directory = Directory::new(snapshot);
    findings.extend(references::unknown(&catalog, &directory, &policies, &sources, &types));

    let tools = catalog.tools.values().flat_map(|tool| tool.labels.iter().cloned());
    let scopes = catalog.servers.values().flat_map(|server| server.scopes.values());
    let scopes = scopes.flat_map(|scope| scope.labels.iter().cloned());
    let all_labels = tools.chain(scopes).chain(session_labels).collect();
    let report =
        Report { tools: arguments.iter().map(|(id, arguments)| tool_report(id, arguments)).collect(), findings };
    let digest = digest(bundle, &limits);
    Ok(Compiled {
        policies,
        catalog,
        arguments,
        directory,
        all_labels,
        types,
        limits,
        digest,
        report,
        memo: valid.memo,
        validated: valid.asked,
        schema: OnceLock::new(),
    })
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
    canonical::written(hash)
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

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
