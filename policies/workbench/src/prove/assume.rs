//! What holds of every request that reaches the policies, whatever they say: written in Cedar, never in error.
//!
//! Without it a counterexample could be a call that the gate refuses, or a state that no snapshot has. Only what the
//! policies read is spoken of, so that questions stay small and alike.

use std::collections::BTreeSet;

use serde_json::Value;
use toolgate::facts::ClientKind;

use super::arguments;
use super::rewrite::{self, Name};
use super::world::{PrincipalKind, Target, kind};

/// How deep into objects the enumerations of arguments are looked for.
const DEPTH: usize = 4;

/// What may be assumed, given the attributes that are read and the entities that are named.
pub(super) fn of(principal: PrincipalKind, reads: &BTreeSet<String>, names: &BTreeSet<Name>) -> Vec<String> {
    let mut all = Vec::new();
    if principal == PrincipalKind::Agent {
        if reads.contains("kind") {
            let kinds = [ClientKind::Personal, ClientKind::Shared, ClientKind::Service, ClientKind::Ephemeral];
            let kinds: Vec<String> = kinds.iter().map(|kind| text(kind.as_str())).collect();
            all.push(format!("[{}].contains(principal.client.kind)", kinds.join(", ")));
        }
        // an agent is in the groups of its user, and in no others
        for (name, id) in names.iter().filter(|(name, _)| *name == kind("Group")) {
            let group = format!("{name}::{}", text(id));
            all.push(format!("(principal in {group}) == (principal.user in {group})"));
        }
    }
    if reads.contains("calls") {
        all.push("context.session.calls >= 0".into());
    }
    let (now, authenticated) = (reads.contains("now"), reads.contains("authenticated_at"));
    if now {
        all.push("context.now >= datetime(\"1970-01-01\") && context.now < datetime(\"9999-01-01\")".into());
    }
    if authenticated {
        // an authentication that lies in the future did not happen
        all.push("context.session.authenticated_at >= datetime(\"1970-01-01\")".into());
        all.push("context.session.authenticated_at <= context.now && context.now < datetime(\"9999-01-01\")".into());
    }
    all
}

/// What may be assumed of the arguments: texts of which the schema lists all there are. Schemas come in more shapes than
/// this knows, so a part that does not fit the arguments' types is to be left out; nothing is lost but sharpness.
pub(super) fn of_arguments(target: &Target, reads: &BTreeSet<String>) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(schema) = &target.schema {
        enumerations(schema, schema, "context.input", reads, DEPTH, &mut all);
    }
    all
}

/// What an expression reads and names.
pub(super) fn read(expr: &Value, reads: &mut BTreeSet<String>, names: &mut BTreeSet<Name>) {
    rewrite::walk(&mut expr.clone(), &mut |expr| {
        rewrite::attributes(expr, reads);
        names.extend(rewrite::literal(expr));
    });
}

fn enumerations(
    schema: &Value,
    root: &Value,
    path: &str,
    reads: &BTreeSet<String>,
    depth: usize,
    into: &mut Vec<String>,
) {
    let Some(depth) = depth.checked_sub(1) else { return };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    for (name, schema) in properties.filter(|(name, _)| reads.contains(*name)) {
        let schema = arguments::resolved(schema, root);
        let member = format!("{path}[{}]", text(name));
        let mut parts = Vec::new();
        if schema.get("type").and_then(Value::as_str) == Some("string") {
            let listed: Vec<String> = arguments::listed(schema).into_iter().map(text).collect();
            if !listed.is_empty() {
                parts.push(format!("[{}].contains({member})", listed.join(", ")));
            }
        }
        enumerations(schema, root, &member, reads, depth, &mut parts);
        if parts.is_empty() {
            continue;
        }
        let parts = parts.join(" && ");
        if required.contains(&name.as_str()) {
            into.push(parts);
        } else {
            into.push(format!("(if {path} has {} then {parts} else true)", text(name)));
        }
    }
}

/// A text as Cedar writes it.
pub(super) fn text(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
