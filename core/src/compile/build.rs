//! A bundle → everything a decision needs, checked and put together. All faults are collected.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use crate::compile::classes;
use crate::compile::condition::{Code, Compiler, Dialect};
use crate::compile::index::Index;
use crate::compile::inventory::{self, Inventory};
use crate::compile::people::People;
use crate::compile::policies::{self, Brief, Policy};
use crate::compile::reads::Reads;
use crate::compile::references::Known;
use crate::compile::scope::{Actions, Bound, Scope};
use crate::compile::symbols::Symbols;
use crate::compile::validate::{self, Memo, validate};
use crate::compile::vocabulary::{self, Types};
use crate::data::canonical;
use crate::data::catalog::{Catalog, Overlay};
use crate::data::delta::Delta;
use crate::data::id::ToolId;
use crate::data::names::index;
use crate::data::report::{Finding, FindingKind, Report, ToolReport, Typing, TypingNote};
use crate::data::value::Const;
use crate::error::Error;
use crate::limits::Limits;
use crate::load::arguments::{Arguments, Coverage, NoteKind, type_arguments};
use crate::load::bundle::{Bundle, Source};
use crate::load::people::Loaded;
use crate::load::policies::SourcePolicy;
use crate::load::{self, catalog, people, tools_list};
use crate::parallel;

/// What an engine is made of: what stays the same when grants and approvals change, and those.
#[derive(Clone)]
pub(crate) struct Compiled {
    rules: Arc<Rules>,
    pub(crate) people: People,
    pub(crate) digest: String,
    /// The digest of the snapshot alone, and of every change since.
    pub(crate) snapshot_digest: String,
    /// Whether Cedar's own evaluator answers instead of the compiled one.
    pub(crate) by_referee: bool,
}

/// Policies and catalog, and every name there is.
pub(crate) struct Rules {
    pub(crate) symbols: Symbols,
    /// In the order of their ids.
    pub(crate) policies: Vec<Policy>,
    /// What is asked of each policy that could apply, without touching the rest of it.
    pub(crate) briefs: Box<[Brief]>,
    pub(crate) code: Code,
    pub(crate) index: Index,
    pub(crate) catalog: Catalog,
    pub(crate) inventory: Inventory,
    pub(crate) arguments: BTreeMap<ToolId, Arguments>,
    /// Every label there is: what a session of which nothing is known may have seen.
    pub(crate) all_labels: Box<[Const]>,
    /// Whether any policy could forbid asking for an entitlement.
    pub(crate) forbids_requests: bool,
    pub(crate) types: Types,
    pub(crate) limits: Limits,
    pub(crate) report: Report,
    /// The policies found valid, for the next build.
    pub(crate) memo: Arc<Memo>,
    /// How many policies Cedar's validator was asked about; of the others the last build knew.
    #[cfg_attr(not(test), expect(dead_code, reason = "for seeing that a reload does not start anew"))]
    pub(crate) validated: usize,
    schema: OnceLock<Result<cedar_policy::Schema, String>>,
}

impl Deref for Compiled {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.rules
    }
}

impl Compiled {
    /// The same with other grants and approvals; everything else is shared.
    pub(crate) fn with(&self, delta: &Delta) -> Result<Self, Error> {
        let people = self.people.with(delta, &self.symbols.people(), &self.limits)?;
        let delta = serde_json::to_string(delta).unwrap_or_default();
        let after = |digest: &str| {
            let mut hash = Sha256::new();
            for part in [digest.as_bytes(), delta.as_bytes()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
            canonical::written(hash)
        };
        Ok(Self {
            rules: Arc::clone(&self.rules),
            people,
            digest: after(&self.digest),
            // FAIL-CLOSED: another_change_of_the_same_version_is_refused
            snapshot_digest: after(&self.snapshot_digest),
            by_referee: self.by_referee,
        })
    }
}

impl Rules {
    /// What there is to know of a policy in short.
    pub(crate) fn brief(&self, number: u32) -> Option<&Brief> {
        self.briefs.get(index(number))
    }

    /// The policy of a number.
    pub(crate) fn policy(&self, number: u32) -> Option<&Policy> {
        self.policies.get(index(number))
    }

    /// The schema that the policies are valid against, made when it is first asked for: policies are validated against
    /// parts of it, and only Cedar's own checks of a request need the whole.
    ///
    /// That it can be made is known: its parts were made when the policies were validated, and no name is in two.
    pub(crate) fn schema(&self) -> Result<&cedar_policy::Schema, String> {
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
        inventory: classes::Inventory::new(&catalog, &arguments),
        before: previous.map(|previous| &previous.memo),
        threads,
    })?;
    findings.extend(valid.findings);

    let mut symbols = Symbols::toolgate();
    let (people, names) = People::new(snapshot);
    symbols.take(names);
    inventory::number_names(&catalog, &mut symbols);
    findings.extend(Known { people: &people, symbols: &symbols, catalog: &catalog }.unknown(&sources, &types));

    let compiled = compile(sources, &mut symbols);
    findings.extend(not_compiled(&compiled.policies));
    let inventory = inventory::take(&catalog, &arguments, &people, &mut symbols, &compiled.reads);
    let labels = labels(&catalog, &compiled.session_labels);
    let report =
        Report { tools: arguments.iter().map(|(id, arguments)| tool_report(id, arguments)).collect(), findings };
    symbols.shrink();
    let rules = Rules {
        forbids_requests: compiled.policies.iter().any(|policy| policy.forbids_requests),
        briefs: compiled.policies.iter().map(Policy::brief).collect(),
        policies: compiled.policies,
        code: compiled.code,
        index: compiled.index,
        catalog,
        inventory,
        arguments,
        all_labels: labels,
        types,
        limits,
        report,
        memo: valid.memo,
        validated: valid.asked,
        schema: OnceLock::new(),
        symbols,
    };
    let digest = digest(bundle, &rules.limits);
    Ok(Compiled { rules: Arc::new(rules), people, digest, snapshot_digest: snapshot_digest(bundle), by_referee: false })
}

struct CompiledPolicies {
    policies: Vec<Policy>,
    code: Code,
    index: Index,
    session_labels: BTreeSet<String>,
    reads: Reads,
}

/// Compiles the policies, in the order of their ids.
fn compile(mut sources: Vec<SourcePolicy>, symbols: &mut Symbols) -> CompiledPolicies {
    sources.sort_by(|a, b| a.terms.id.cmp(&b.terms.id));
    let mut compiler = Compiler::new(Dialect::Toolgate);
    let mut session_labels = BTreeSet::new();
    let mut reads = Reads::default();
    let mut scopes = Vec::with_capacity(sources.len());
    let mut policies = Vec::with_capacity(sources.len());
    for source in sources {
        let scope = Scope::new(source.tree.body(), symbols);
        if let Ok(scope) = &scope {
            reads.add(&source.tree, &scope.action);
        } else {
            reads.add(&source.tree, &Actions::Any);
        }
        let mut policy = policies::compile(source, &mut compiler, symbols, &mut session_labels);
        // a scope that is not known is found for every request, and the policy then asked of Cedar
        scopes.push(scope.unwrap_or_else(|_| {
            policy.condition = None;
            Scope { principal: Bound::Any, action: Actions::Any, resource: Bound::Any }
        }));
        policies.push(policy);
    }
    CompiledPolicies { policies, code: compiler.finish(), index: Index::new(&scopes), session_labels, reads }
}

/// The policies that Cedar's own evaluator answers.
fn not_compiled(policies: &[Policy]) -> impl Iterator<Item = Finding> {
    policies.iter().filter(|policy| policy.condition.is_none()).map(|Policy { terms, .. }| {
        let message = format!(
            "policy `{}` has something that the compiler does not know, so every call that it could be about waits for \
             Cedar's own evaluator: its answers are the same, but slow; write the policy in another way, or report it",
            terms.id
        );
        Finding::new(FindingKind::PolicyNotCompiled, message).about_policy(&terms.id)
    })
}

fn labels(catalog: &Catalog, of_policies: &BTreeSet<String>) -> Box<[Const]> {
    let tools = catalog.tools.values().flat_map(|tool| &tool.labels);
    let scopes = catalog.servers.values().flat_map(|server| server.scopes.values());
    let scopes = scopes.flat_map(|scope| &scope.labels);
    inventory::texts(tools.chain(scopes).chain(of_policies).map(String::as_str))
}

fn read_snapshot(source: &Source, limits: &Limits) -> Result<Loaded, Error> {
    people::read(&source.file, &source.bytes, limits).map_err(|error| error.in_file(&source.file))
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
                findings.push(Finding::new(FindingKind::CatalogIncomplete, message).about("file", &source.file));
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

/// The digest of the snapshot alone.
fn snapshot_digest(bundle: &Bundle) -> String {
    canonical::written(Sha256::new_with_prefix(&bundle.snapshot.bytes))
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
