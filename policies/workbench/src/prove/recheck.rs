//! A counterexample put to the real engine: does it do what the symbolic compiler says it does?

use cedar_policy::{Authorizer, Decision as Cedar, Policy, PolicySet};
use serde_json::{Map, Value, json};
use toolgate::facts::Snapshot;
use toolgate::trace::{Consultation, Rung, Truth};
use toolgate::{Bundle, Call, Effect, Engine, Source};

use super::case::Case;
use crate::bundle::Loaded;

/// What the engine makes of a case.
pub(super) struct Checked {
    /// The outcome, and the reason.
    pub(super) outcome: String,
    pub(super) reason: String,
    /// What the policies say at each level of approval: none, the user's, the manager's.
    pub(super) allowed: Option<[bool; 3]>,
    /// The policies that are in error at some level.
    pub(super) errs: Vec<String>,
    /// Why the policies were not asked.
    detail: Option<String>,
    consultation: Option<Consultation>,
}

impl Checked {
    /// Whether a property's `when` is true of the call, by Cedar's own evaluator.
    pub(super) fn meets(&self, when: &str) -> bool {
        let Some(consultation) = &self.consultation else { return false };
        let text = format!("permit (principal, action, resource) when {{ {when} }};");
        let Ok(policy) = Policy::parse(None, text) else { return false };
        let Ok(set) = PolicySet::from_policies([policy]) else { return false };
        let (request, entities) = (consultation.cedar.at(Rung::InForce), &consultation.cedar.entities);
        Authorizer::new().is_authorized(request, &set, entities).decision() == Cedar::Allow
    }

    /// Why the policies were not asked, if they were not.
    pub(super) fn refused(&self) -> Option<String> {
        if self.allowed.is_some() {
            return None;
        }
        Some(self.detail.clone().unwrap_or_else(|| self.reason.clone()))
    }
}

/// Decides a case on a bundle.
pub(super) fn check(loaded: &Loaded, case: &Case) -> Result<Checked, String> {
    let engine = engine(loaded, &case.snapshot)?;
    let call = call(case)?;
    let trace = engine.trace(&call);
    let allowed = trace.consultation.as_ref().map(allowed);
    let errs = |consultation: &Consultation| {
        let broken = consultation.policies.iter().filter(|policy| policy.asked.contains(&Truth::Error));
        broken.map(|policy| policy.id.clone()).collect()
    };
    Ok(Checked {
        outcome: trace.decision.outcome.as_str().to_owned(),
        reason: trace.decision.reason.code().to_owned(),
        allowed,
        errs: trace.consultation.as_ref().map(errs).unwrap_or_default(),
        detail: trace.decision.detail.clone(),
        consultation: trace.consultation,
    })
}

/// The digest by which an approval names exactly this call.
pub(super) fn binding(loaded: &Loaded, case: &Case) -> Result<String, String> {
    // a policy that always asks: the request for the yes names the call
    let asks = "@id(\"asks\") permit (principal, action, resource) when { context.approval.self };";
    let bundle = Bundle { policies: vec![Source::new("asks.cedar", asks)], ..loaded.folder.bundle.clone() };
    let bundle = Bundle { snapshot: snapshot(loaded, &case.snapshot)?, ..bundle };
    let engine = Engine::load(&bundle).map_err(|error| error.to_string())?;
    let decision = engine.decide(&call(case)?).into_owned();
    let request = decision.approval_request.ok_or("nobody can be asked for a yes to this call")?;
    Ok(request.binding.to_string())
}

fn call(case: &Case) -> Result<Call, String> {
    Call::parse(case.call().to_string().as_bytes()).map_err(|error| error.to_string())
}

/// What the policies allow at each level of approval; nothing where a forbid is in error.
fn allowed(consultation: &Consultation) -> [bool; 3] {
    let policies = &consultation.policies;
    let any = |effect: Effect, truth: Truth, level: usize| {
        policies.iter().any(|policy| policy.effect == effect && policy.asked.get(level) == Some(&truth))
    };
    let broken = (0..3).any(|level| any(Effect::Forbid, Truth::Error, level));
    [0, 1, 2]
        .map(|level| !broken && any(Effect::Permit, Truth::True, level) && !any(Effect::Forbid, Truth::True, level))
}

/// The bundle's engine with an overlay over its snapshot.
fn engine(loaded: &Loaded, overlay: &Value) -> Result<Engine, String> {
    let bundle = Bundle { snapshot: snapshot(loaded, overlay)?, ..loaded.folder.bundle.clone() };
    loaded.engine.reload(&bundle).map_err(|error| error.to_string())
}

fn snapshot(loaded: &Loaded, overlay: &Value) -> Result<Source, String> {
    let snapshot: Snapshot = loaded.engine.snapshot();
    let mut json = serde_json::to_value(&snapshot).map_err(|error| error.to_string())?;
    let fields = json.as_object_mut().ok_or("the snapshot is no object")?;
    for (name, value) in overlay.as_object().into_iter().flatten() {
        match value {
            Value::Array(items) => {
                let list = fields.entry(name).or_insert_with(|| json!([]));
                items.iter().for_each(|item| lay_over(list, item));
            }
            Value::Object(lists) if name == "remove" => remove(fields, lists),
            other => {
                fields.insert(name.clone(), other.clone());
            }
        }
    }
    Ok(Source::new("snapshot.json", json.to_string()))
}

/// Lays an object over the one of the same id, field by field.
fn lay_over(list: &mut Value, item: &Value) {
    let Some(items) = list.as_array_mut() else { return };
    match items.iter_mut().find(|known| known.get("id") == item.get("id")).and_then(Value::as_object_mut) {
        Some(known) => {
            known.extend(item.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        }
        None => items.push(item.clone()),
    }
}

fn remove(fields: &mut Map<String, Value>, lists: &Map<String, Value>) {
    for (name, ids) in lists {
        if let (Some(items), Some(ids)) = (fields.get_mut(name).and_then(Value::as_array_mut), ids.as_array()) {
            items.retain(|item| !item.get("id").is_some_and(|id| ids.contains(id)));
        }
    }
}
