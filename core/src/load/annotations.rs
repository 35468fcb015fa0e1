//! A policy's annotations: which there are, and what they may say. Unknown ones are refused.

use crate::data::decision::{Effect, Guidance, StepUp};
use crate::data::policy::{Approver, Terms};
use crate::data::snapshot::Reuse;
use crate::data::time::parse_short;
use crate::error::{Error, ErrorKind};
use crate::load::name;

/// The annotations toolgate knows.
const KNOWN: &[&str] =
    &["approvers", "description", "guidance", "id", "obligations", "remedy", "reuse", "tags", "ticket", "valid_for"];

/// Reads the annotations of one policy.
pub(crate) fn read<'a>(
    effect: Effect,
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Terms, Error> {
    let mut terms = Terms {
        id: String::new(),
        effect,
        description: None,
        valid_for: None,
        reuse: Reuse::default(),
        approvers: Vec::new(),
        guidance: None,
        obligations: Vec::new(),
        step_up: None,
    };
    let (mut message, mut ticket) = (None, None);
    for (key, value) in annotations {
        match key {
            "id" => terms.id = id(value)?,
            "description" => terms.description = Some(text(key, value)?),
            "valid_for" => {
                terms.valid_for = Some(parse_short(value).map_err(|error| {
                    Error::new(ErrorKind::PolicyAnnotation, format!("`@valid_for`: {}", error.message()))
                        .help(error.next_step())
                })?);
            }
            "reuse" => terms.reuse = reuse(value)?,
            "approvers" => {
                terms.approvers = list(key, value)?.iter().map(|item| approver(item)).collect::<Result<_, _>>()?;
            }
            "guidance" => message = Some(text(key, value)?),
            "ticket" => ticket = Some(text(key, value)?),
            "obligations" => terms.obligations = list(key, value)?,
            "remedy" => terms.step_up = Some(remedy(effect, value)?),
            "tags" => {
                list(key, value)?;
            }
            unknown => {
                return Err(Error::new(
                    ErrorKind::PolicyAnnotation,
                    format!("`@{unknown}` is not an annotation of toolgate"),
                )
                .help(format!(
                    "known are {}",
                    KNOWN.iter().map(|name| format!("`@{name}`")).collect::<Vec<_>>().join(", ")
                )));
            }
        }
    }
    if terms.id.is_empty() {
        return Err(Error::new(ErrorKind::PolicyId, "this policy has no `@id`")
            .help("write `@id(\"a-short-name\")` above it; decisions and approvals refer to it"));
    }
    if message.is_some() || ticket.is_some() {
        terms.guidance = Some(Guidance { message: message.unwrap_or_else(|| "Open a ticket".into()), url: ticket });
    }
    Ok(terms)
}

fn id(value: &str) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    if value.is_empty() || value.len() > 128 || !value.chars().all(plain) {
        return Err(Error::new(ErrorKind::PolicyId, format!("`{}` cannot be an `@id`", value.escape_debug()))
            .help("use 1 to 128 of the characters A-Z a-z 0-9 - _ . : /"));
    }
    Ok(value.into())
}

fn text(key: &str, value: &str) -> Result<String, Error> {
    if value.trim().is_empty() {
        return Err(Error::new(ErrorKind::PolicyAnnotation, format!("`@{key}` is empty"))
            .help("give it a text in quotation marks, or leave it out"));
    }
    if let Some(char) = name::unseen(value) {
        let message = format!("`@{key}` has a character that cannot be seen (U+{:04X})", u32::from(char));
        return Err(Error::new(ErrorKind::PolicyAnnotation, message).help("remove it; write one line of plain text"));
    }
    Ok(value.into())
}

fn list(key: &str, value: &str) -> Result<Vec<String>, Error> {
    value.split(',').map(|item| text(key, item.trim())).collect()
}

fn reuse(value: &str) -> Result<Reuse, Error> {
    match value {
        "call" => Ok(Reuse::Call),
        "tool" => Ok(Reuse::Tool),
        "operation" => Ok(Reuse::Operation),
        "server" => Ok(Reuse::Server),
        other => Err(Error::new(ErrorKind::PolicyAnnotation, format!("`@reuse` cannot be `{}`", other.escape_debug()))
            .help("write `call`, `tool`, `operation` or `server`")),
    }
}

fn approver(item: &str) -> Result<Approver, Error> {
    match item.split_once(':') {
        None if item == "server-owner" => Ok(Approver::ServerOwner),
        None if item == "entitlement-owner" => Ok(Approver::EntitlementOwner),
        Some(("group", id)) if !id.is_empty() => Ok(Approver::Group(id.into())),
        Some(("user", id)) if !id.is_empty() => Ok(Approver::User(id.into())),
        _ => Err(Error::new(ErrorKind::PolicyAnnotation, format!("`@approvers` cannot be `{}`", item.escape_debug()))
            .help("write `server-owner`, `entitlement-owner`, `group:<id>` or `user:<id>`, separated by commas")),
    }
}

/// `reauthenticate`, and after it `acr=<class>` and `max_age=<duration>` where the policy asks for that much.
fn remedy(effect: Effect, value: &str) -> Result<StepUp, Error> {
    let refuse = |why: String| {
        Error::new(ErrorKind::PolicyAnnotation, format!("`@remedy`: {why}"))
            .help("write `reauthenticate`, optionally followed by `acr=<class>` and `max_age=<duration>`")
    };
    if effect == Effect::Permit {
        return Err(refuse("only a forbid can be remedied".into()));
    }
    let mut words = value.split_ascii_whitespace();
    if words.next() != Some("reauthenticate") {
        return Err(refuse(format!("`{}` is not a remedy", value.escape_debug())));
    }
    let mut step_up = StepUp { remedy: "reauthenticate".into(), acr_values: Vec::new(), max_age: None };
    for word in words {
        match word.split_once('=') {
            Some(("acr", class)) if !class.is_empty() => step_up.acr_values.push(class.into()),
            Some(("max_age", age)) => {
                step_up.max_age = Some(parse_short(age).map_err(|error| refuse(error.message().into()))?);
            }
            _ => return Err(refuse(format!("`{}` says nothing", word.escape_debug()))),
        }
    }
    Ok(step_up)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn permit(annotations: &[(&'static str, &'static str)]) -> Result<Terms, Error> {
        read(Effect::Permit, annotations.iter().copied())
    }

    #[test]
    fn every_known_annotation_is_read() {
        let terms = read(
            Effect::Forbid,
            [
                ("id", "large-refunds"),
                ("description", "money above the line"),
                ("valid_for", "15m"),
                ("reuse", "operation"),
                ("approvers", "server-owner, group:finance, user:dana, entitlement-owner"),
                ("guidance", "Ask finance"),
                ("ticket", "https://help.example.com/refund"),
                ("obligations", "log-arguments, notify-owner"),
                ("remedy", "reauthenticate acr=phr max_age=15m"),
                ("tags", "money"),
            ],
        )
        .unwrap();
        assert_eq!(terms.valid_for, Some(Duration::from_secs(900)));
        assert_eq!(terms.reuse, Reuse::Operation);
        assert_eq!(terms.approvers.len(), 4);
        assert_eq!(terms.guidance.unwrap().url.unwrap(), "https://help.example.com/refund");
        assert_eq!(terms.obligations, ["log-arguments", "notify-owner"]);
        assert_eq!(terms.step_up.unwrap().max_age, Some(Duration::from_secs(900)));
    }

    #[test]
    fn what_is_not_said_is_the_narrowest() {
        let terms = permit(&[("id", "a")]).unwrap();
        assert_eq!((terms.valid_for, terms.reuse), (None, Reuse::Call));
    }

    #[test]
    fn wrong_annotations_are_refused() {
        for bad in [
            &[][..],
            &[("id", "")],
            &[("id", "has space")],
            &[("id", "a"), ("valid-for", "1h")],
            &[("id", "a"), ("valid_for", "PT1H")],
            &[("id", "a"), ("reuse", "Tool")],
            &[("id", "a"), ("approvers", "manager")],
            &[("id", "a"), ("approvers", "group:")],
            &[("id", "a"), ("guidance", " ")],
            &[("id", "a"), ("obligations", "a,,b")],
            &[("id", "a"), ("remedy", "reauthenticate")],
        ] {
            assert!(permit(bad).is_err(), "{bad:?}");
        }
        assert!(read(Effect::Forbid, [("id", "a"), ("remedy", "reauthenticate")]).is_ok(), "the twin");
        assert!(read(Effect::Forbid, [("id", "a"), ("remedy", "reboot")]).is_err());
    }
}
