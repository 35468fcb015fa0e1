//! A call against the limits and its tool's declared arguments.

use std::collections::BTreeMap;

use cedar_policy::RestrictedExpression;

use crate::compile::arguments;
use crate::compile::build::Compiled;
use crate::data::call::{Call, Session};
use crate::data::canonical;
use crate::data::catalog::Tool;
use crate::data::id::Subject;
use crate::data::json::Json;
use crate::data::reason::Reason;
use crate::eval::facts::Refusal;
use crate::limits::Limits;

/// Refuses a call that is larger or deeper than the limits, however it was made.
pub(crate) fn limits(call: &Call, limits: &Limits) -> Result<(), Refusal> {
    if call.arguments.as_object().is_none() {
        return Err(Refusal::new(
            Reason::InvalidRequest,
            format!("`arguments` is {}, not an object", call.arguments.kind()),
        ));
    }
    let names = match &call.subject {
        Subject::Agent { user, client } => [user.len(), client.len()],
        Subject::ServicePrincipal { id } => [id.len(), 0],
    };
    let names = names.into_iter().chain([call.tool.server.len(), call.tool.name.len()]);
    if let Some(length) = names.max().filter(|length| *length > limits.name_bytes) {
        return Err(exceeded("a name has", length, "bytes", limits.name_bytes));
    }
    let (mut nodes, mut bytes) = (0usize, 0usize);
    let mut open = vec![(&call.arguments, 1usize)];
    while let Some((value, depth)) = open.pop() {
        nodes = nodes.saturating_add(1);
        if nodes > limits.call_nodes {
            return Err(exceeded("the arguments have more than", limits.call_nodes, "values", limits.call_nodes));
        }
        let mut text = |length: usize| {
            bytes = bytes.saturating_add(length);
            if length > limits.string_bytes {
                return Err(exceeded("a text in the arguments has", length, "bytes", limits.string_bytes));
            }
            if bytes > limits.call_bytes {
                return Err(exceeded("the arguments have more than", limits.call_bytes, "bytes", limits.call_bytes));
            }
            Ok(())
        };
        match value {
            Json::Null | Json::Bool(_) => {}
            Json::Number(number) => text(number.as_str().len())?,
            Json::String(string) => text(string.len())?,
            Json::Array(items) => {
                deeper(depth, limits)?;
                open.extend(items.iter().map(|item| (item, depth.saturating_add(1))));
            }
            Json::Object(members) => {
                deeper(depth, limits)?;
                for (key, value) in members {
                    text(key.len())?;
                    open.push((value, depth.saturating_add(1)));
                }
            }
        }
    }
    session(&call.session, limits)
}

/// Refuses session facts that are longer than the limits.
pub(crate) fn session(session: &Session, limits: &Limits) -> Result<(), Refusal> {
    let labels = session.labels.iter().flatten().map(String::len);
    let texts = [&session.id, &session.acr, &session.channel].into_iter().flatten().map(String::len);
    let all = labels.chain(texts).fold(0usize, usize::saturating_add);
    if all > limits.string_bytes {
        return Err(exceeded("the session facts have", all, "bytes", limits.string_bytes));
    }
    Ok(())
}

fn deeper(depth: usize, limits: &Limits) -> Result<(), Refusal> {
    if depth > limits.depth {
        return Err(exceeded("the arguments are nested deeper than", limits.depth, "levels", limits.depth));
    }
    Ok(())
}

fn exceeded(what: &str, count: usize, unit: &str, limit: usize) -> Refusal {
    Refusal::new(Reason::LimitExceeded, format!("{what} {count} {unit}; the limit is {limit}"))
}

/// The arguments as Cedar values, exactly as declared or not at all.
pub(crate) fn arguments(engine: &Compiled, tool: &Tool, given: &Json) -> Result<RestrictedExpression, Refusal> {
    // FAIL-CLOSED: arguments_of_other_types_are_refused. A condition on a value of another type is silently false.
    let declared = engine.arguments.get(&tool.id).ok_or_else(|| {
        Refusal::new(Reason::EvaluationError, format!("the arguments of `{}` were never typed", tool.id))
    })?;
    arguments::bind(declared, given).map_err(|error| Refusal::new(Reason::ArgumentInvalid, error.brief()))
}

/// The digest that an approval of exactly this call carries.
///
/// SHA-256 of the RFC 8785 form of `{"arguments", "definition", "subject", "tool"}`, where `definition` is the
/// digest of the tool's definition. Order and spelling of the arguments do not matter; every value does.
pub(crate) fn binding(call: &Call, tool: &Tool) -> String {
    let text = |value: &str| Json::String(value.into());
    let subject: BTreeMap<String, Json> = match &call.subject {
        Subject::Agent { user, client } => [("user".into(), text(user)), ("client".into(), text(client))].into(),
        Subject::ServicePrincipal { id } => [("service_principal".into(), text(id))].into(),
    };
    canonical::digest(&Json::Object(
        [
            ("arguments".into(), call.arguments.clone()),
            ("definition".into(), text(&tool.definition.digest)),
            ("subject".into(), Json::Object(subject)),
            ("tool".into(), text(&tool.id.to_string())),
        ]
        .into(),
    ))
}
