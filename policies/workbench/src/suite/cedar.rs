//! Cedar's own test files (`cedar run-tests`): a JSON array of requests, each with its entities and the answer. They run
//! on the bundle's policies by Cedar's authorizer: allow or deny at one rung, no outcomes.

use std::path::Path;

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, Policy, PolicyId, PolicySet, Request};
use serde::Deserialize;
use serde_json::{Value, json};
use toolgate::{Bundle, Source};

use super::expect::Mismatch;
use super::fault::Fault;
use super::yaml::{BYTES, Document};
use super::{Ask, Case, Suite};
use crate::bundle;

/// A request to Cedar and the answer that is expected.
#[derive(Clone, Debug)]
pub struct CedarCase {
    request: Request,
    entities: Entities,
    allow: bool,
    reason: Vec<String>,
    num_errors: usize,
}

#[derive(Deserialize)]
struct RawCase {
    name: Option<String>,
    request: RawRequest,
    entities: Value,
    decision: RawDecision,
    reason: Vec<String>,
    num_errors: usize,
}

#[derive(Deserialize)]
struct RawRequest {
    principal: String,
    action: String,
    resource: String,
    #[serde(default)]
    context: Value,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawDecision {
    Allow,
    Deny,
}

impl CedarCase {
    /// Who asks.
    pub(super) fn principal(&self) -> String {
        self.request.principal().map(ToString::to_string).unwrap_or_default()
    }

    /// What for.
    pub(super) fn action(&self) -> String {
        self.request.action().map(ToString::to_string).unwrap_or_default()
    }

    /// What Cedar says, and where that differs. As with Cedar's own runner the policies named are some of those that
    /// determine the answer, and errors are counted.
    pub(super) fn ask(&self, policies: &PolicySet) -> (Value, Vec<Mismatch>) {
        let response = Authorizer::new().is_authorized(&self.request, policies, &self.entities);
        let mut reason: Vec<String> = response.diagnostics().reason().map(ToString::to_string).collect();
        reason.sort();
        let errors: Vec<String> = response.diagnostics().errors().map(ToString::to_string).collect();
        let word = |allow: bool| if allow { "allow" } else { "deny" };
        let allowed = response.decision() == Decision::Allow;
        let mut differs = Vec::new();
        let mut differ = |field: &str, expected: Value, actual: Value| {
            differs.push(Mismatch { field: field.into(), expected, actual });
        };
        if allowed != self.allow {
            differ("decision", json!(word(self.allow)), json!(word(allowed)));
        }
        if !self.reason.iter().all(|id| reason.contains(id)) {
            differ("reason", json!(self.reason), json!(reason));
        }
        if errors.len() != self.num_errors {
            differ("num_errors", json!(self.num_errors), json!(errors.len()));
        }
        (json!({"decision": word(allowed), "reason": reason, "errors": errors}), differs)
    }
}

/// The bundle's policies for Cedar's authorizer, each under its `@id`.
pub(super) fn policies(bundle: &Bundle) -> PolicySet {
    let mut all = Vec::new();
    for source in &bundle.policies {
        // the bundle loads, so its policies can be read
        let text = String::from_utf8_lossy(&source.bytes);
        let Ok(set) = text.parse::<PolicySet>() else { continue };
        let named = |policy: &Policy| match policy.annotation("id") {
            Some(id) => policy.new_id(PolicyId::new(id)),
            None => policy.clone(),
        };
        all.extend(set.policies().map(named).collect::<Vec<_>>());
    }
    PolicySet::from_policies(all).unwrap_or_default()
}

/// Whether a file is one of Cedar's: a JSON array of objects that have a `request`.
pub(super) fn is_one(source: &Source) -> bool {
    if !source.file.ends_with(".json") || !source.bytes.trim_ascii_start().starts_with(b"[") {
        return false;
    }
    match serde_json::from_slice::<Value>(&source.bytes) {
        Ok(Value::Array(items)) => items.first().is_some_and(|item| item.get("request").is_some()),
        _ => false,
    }
}

/// Reads a file of Cedar's.
pub fn read(source: &Source) -> Result<Suite, Fault> {
    let document = Document::parse(&source.file, &source.bytes)?;
    let Value::Array(items) = document.value() else {
        return Err(document.fault("", "this is no list of cases").help("`cedar run-tests` has a JSON array"));
    };
    let mut cases = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let pointer = format!("/{at}");
        let raw: RawCase = document.read(&pointer, item)?;
        let name = raw.name.clone().unwrap_or_else(|| format!("case {}", at.saturating_add(1)));
        let line = document.place(&pointer).line;
        let case = case(&document, &pointer, raw)?;
        cases.push(Case { name, line, skip: None, overlay: None, ask: Ask::Cedar(Box::new(case)) });
    }
    let name = Path::new(&source.file).file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(Suite { name: format!("cedar {}", name.unwrap_or_default()), file: source.file.clone(), cases })
}

fn case(document: &Document, pointer: &str, raw: RawCase) -> Result<CedarCase, Fault> {
    let uid = |field: &str, text: &str| -> Result<EntityUid, Fault> {
        text.parse().map_err(|error| {
            let message = format!("`{text}` is no entity: {error}");
            document.fault(&format!("{pointer}/request/{field}"), message).help("write `Type::\"id\"`")
        })
    };
    let principal = uid("principal", &raw.request.principal)?;
    let action = uid("action", &raw.request.action)?;
    let resource = uid("resource", &raw.request.resource)?;
    let context = match raw.request.context {
        Value::Null => Context::empty(),
        value => Context::from_json_value(value, None)
            .map_err(|error| document.fault(&format!("{pointer}/request/context"), error.to_string()))?,
    };
    let request = Request::new(principal, action, resource, context, None)
        .map_err(|error| document.fault(&format!("{pointer}/request"), error.to_string()))?;
    let place = format!("{pointer}/entities");
    let entities = match &raw.entities {
        Value::String(file) => entities_of(document, &place, file)?,
        value => value.clone(),
    };
    let entities = Entities::from_json_value(entities, None)
        .map_err(|error| document.fault(&place, format!("these are no entities: {error}")))?;
    let allow = matches!(raw.decision, RawDecision::Allow);
    Ok(CedarCase { request, entities, allow, reason: raw.reason, num_errors: raw.num_errors })
}

/// Entities from a file beside the tests, never from outside their folder.
fn entities_of(document: &Document, pointer: &str, file: &str) -> Result<Value, Fault> {
    let folder = Path::new(&document.file).parent().unwrap_or_else(|| Path::new("."));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let path = folder.join(file);
    let inside = |path: &Path| Some(path.canonicalize().ok()?.starts_with(folder.canonicalize().ok()?));
    match inside(&path) {
        None => return Err(document.fault(pointer, format!("there is no file `{}`", path.display()))),
        Some(false) => {
            let message = format!("`{file}` lies outside the folder of the tests");
            return Err(document.fault(pointer, message).help("copy it beside the tests"));
        }
        Some(true) => {}
    }
    let source = bundle::read(&path, BYTES).map_err(|error| document.fault(pointer, error.to_string()))?;
    serde_json::from_slice(&source.bytes)
        .map_err(|error| document.fault(pointer, format!("`{}` is no JSON: {error}", path.display())))
}
