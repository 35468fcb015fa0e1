//! Policies in the form they are compiled in: what the catalog says of the tool and which rung is meant are put in
//! their place, in the JSON form of Cedar's policies.
//!
//! `context.approval` and the attributes of `resource` become members of `context.toolgate`, which the symbolic
//! environment fills with what they are (see [`environment`](super::environment)). What the catalog decides by itself
//! (`resource in Server::"crm"`, `action in Action::"write"`) becomes `true` or `false`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The member of `context` that holds what is known.
pub(super) const KNOWN: &str = "toolgate";
/// What tools, entitlements and scopes have in common.
pub(super) const ATTRIBUTES: [&str; 5] = ["entitlements", "labels", "sensitive", "trusted", "environment"];

/// An entity as JSON writes it: its type and its id.
pub(super) type Name = (String, String);

/// What a policy is read with.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// The action and the group it is in.
    pub(super) action: &'a [Name],
    /// The resource and what it is in, where the catalog says; an entitlement that is asked for is any.
    pub(super) resource: Option<&'a [Name]>,
    /// Whose catalog: the member of [`KNOWN`] with the attributes of the resource.
    pub(super) facts: &'a str,
    /// Which rung: the member of [`KNOWN`] that stands for `context.approval`.
    pub(super) rung: &'a str,
}

/// Rewrites an expression in place; or says what in it is not supported.
pub(super) fn rewrite(expr: &mut Value, view: &View<'_>) -> Result<(), String> {
    if let Some(known) = decided(expr, view) {
        *expr = json!({"Value": known});
        return Ok(());
    }
    if let Some((variable, attribute)) = attribute(expr) {
        let path = match variable {
            "context" if attribute == "approval" => Some(member(&[KNOWN, view.rung])),
            "resource" if ATTRIBUTES.contains(&attribute) => Some(member(&[KNOWN, view.facts, attribute])),
            _ => None,
        };
        if let Some(path) = path {
            *expr = path;
        }
        return Ok(());
    }
    if variable(expr) == Some("context") {
        return Err("it reads `context` as a whole".into());
    }
    let mut result = Ok(());
    each_operand(expr, &mut |operand| {
        if result.is_ok() {
            result = rewrite(operand, view);
        }
    });
    result
}

/// Calls `visit` for every expression in a policy's conditions, the outer ones first.
pub(super) fn walk(expr: &mut Value, visit: &mut dyn FnMut(&Value)) {
    visit(expr);
    each_operand(expr, &mut |operand| walk(operand, visit));
}

/// The names of attributes that an expression reads or tests.
pub(super) fn attributes(expr: &Value, into: &mut BTreeSet<String>) {
    let fields = expr.as_object().and_then(|op| op.get(".").or_else(|| op.get("has")));
    match fields.and_then(|fields| fields.get("attr")) {
        Some(Value::String(name)) => {
            into.insert(name.clone());
        }
        Some(Value::Array(path)) => into.extend(path.iter().filter_map(Value::as_str).map(Into::into)),
        _ => {}
    }
}

/// Whether an expression is `context.approval`, or asks for it.
pub(super) fn is_approval(expr: &Value) -> bool {
    attribute(expr) == Some(("context", "approval"))
}

/// The entity that an expression names.
pub(super) fn literal(expr: &Value) -> Option<Name> {
    entity(expr.get("Value")?)
}

/// An entity in JSON, escaped or not.
pub(super) fn entity(json: &Value) -> Option<Name> {
    let json = json.get("__entity").unwrap_or(json);
    Some((json.get("type")?.as_str()?.to_owned(), json.get("id")?.as_str()?.to_owned()))
}

/// What the catalog alone decides of an expression.
fn decided(expr: &Value, view: &View<'_>) -> Option<bool> {
    let (operator, operands) = expr.as_object()?.iter().next()?;
    let of = |side: &Value| match variable(side)? {
        "action" => Some(view.action),
        "resource" => view.resource,
        _ => None,
    };
    let (left, right) = (operands.get("left"), operands.get("right"));
    match operator.as_str() {
        "in" => {
            let (line, named) = (of(left?)?, literals(right?)?);
            Some(named.iter().any(|name| line.contains(name)))
        }
        "==" | "!=" => {
            let (left, right) = (left?, right?);
            let (line, name) = match (of(left), of(right)) {
                (Some(line), None) => (line, literal(right)?),
                (None, Some(line)) => (line, literal(left)?),
                _ => return None,
            };
            Some((line.first() == Some(&name)) == (operator == "=="))
        }
        "is" => {
            let line = of(left?)?;
            let is = line.first()?.0 == operands.get("entity_type")?.as_str()?;
            match operands.get("in") {
                None => Some(is),
                Some(within) => Some(is && literals(within)?.iter().any(|name| line.contains(name))),
            }
        }
        _ => None,
    }
}

/// The entities that an expression names: one, or a set of them.
fn literals(expr: &Value) -> Option<Vec<Name>> {
    match expr.get("Set") {
        Some(Value::Array(items)) => items.iter().map(literal).collect(),
        _ => literal(expr).map(|name| vec![name]),
    }
}

fn variable(expr: &Value) -> Option<&str> {
    expr.get("Var")?.as_str()
}

/// `variable.attribute`, or `variable has attribute`, which is no use of the whole variable.
fn attribute(expr: &Value) -> Option<(&str, &str)> {
    let op = expr.as_object()?;
    let fields = op.get(".").or_else(|| op.get("has"))?;
    let attribute = match fields.get("attr")? {
        // `has` says nothing new of what is always there
        _ if op.contains_key("has") => "",
        Value::String(name) => name,
        _ => return None,
    };
    Some((variable(fields.get("left")?)?, attribute))
}

fn member(path: &[&str]) -> Value {
    path.iter().fold(json!({"Var": "context"}), |left, attr| json!({".": {"left": left, "attr": attr}}))
}

fn each_operand(expr: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    let Some((operator, operands)) = expr.as_object_mut().and_then(|op| op.iter_mut().next()) else { return };
    match (operator.as_str(), operands) {
        ("Value" | "Var" | "Slot" | "Unknown", _) => {}
        ("Record", Value::Object(fields)) => fields.values_mut().for_each(visit),
        (_, Value::Array(items)) => items.iter_mut().for_each(visit),
        (_, Value::Object(fields)) => operands_of(fields, visit),
        _ => {}
    }
}

fn operands_of(fields: &mut Map<String, Value>, visit: &mut dyn FnMut(&mut Value)) {
    for (name, operand) in fields {
        if matches!(name.as_str(), "left" | "right" | "arg" | "if" | "then" | "else" | "in") {
            visit(operand);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_rewrite(condition: &str) -> (Value, Result<(), String>) {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        let mut json = cedar_policy::Policy::parse(None, text).unwrap().to_json().unwrap();
        let name = |kind: &str, id: &str| (format!("Toolgate::{kind}"), id.to_owned());
        let action = [name("Action", "crm/find"), name("Action", "read")];
        let resource = [name("Tool", "crm/find"), name("Server", "crm")];
        let view = View { action: &action, resource: Some(&resource), facts: "resource", rung: "none" };
        let result = rewrite(&mut json["conditions"][0]["body"], &view);
        (json, result)
    }

    fn rewritten(condition: &str) -> String {
        let (json, result) = try_rewrite(condition);
        result.unwrap();
        let policy = cedar_policy::Policy::from_json(None, json).unwrap().to_string();
        policy.split_once("when {").unwrap().1.trim().trim_end_matches("};").trim().to_owned()
    }

    #[test]
    fn what_the_catalog_decides_is_decided() {
        for (condition, becomes) in [
            (r#"resource in Toolgate::Server::"crm""#, "true"),
            (r#"resource in Toolgate::Server::"mail""#, "false"),
            (r#"resource in [Toolgate::Server::"mail", Toolgate::Server::"crm"]"#, "true"),
            (r#"resource == Toolgate::Tool::"crm/find""#, "true"),
            (r#"Toolgate::Tool::"crm/other" != resource"#, "true"),
            (r#"resource is Toolgate::Tool in Toolgate::Server::"crm""#, "true"),
            (r#"resource is Toolgate::Scope"#, "false"),
            (r#"action in Toolgate::Action::"read""#, "true"),
            (r#"action == Toolgate::Action::"read""#, "false"),
        ] {
            assert_eq!(rewritten(condition), becomes, "{condition}");
        }
    }

    #[test]
    fn rung_and_attributes_move() {
        assert_eq!(rewritten("context.approval.self"), "context.toolgate.none.self");
        assert_eq!(rewritten(r#"resource.labels.contains("x")"#), r#"context.toolgate.resource.labels.contains("x")"#);
        assert_eq!(
            rewritten("context.now > context.session.authenticated_at"),
            "context.now > context.session.authenticated_at"
        );
        assert_eq!(rewritten("context has approval"), "context has approval");
        // a record may have members that look like operators
        assert_eq!(
            rewritten(r#"{"in": context.approval.self} == {"in": true}"#),
            r#"{"in": context.toolgate.none.self} == {"in": true}"#
        );
    }

    #[test]
    fn the_whole_context_is_refused() {
        assert!(try_rewrite("context == context").1.unwrap_err().contains("as a whole"));
        assert!(try_rewrite("{a: context} has a").1.is_err());
    }
}
