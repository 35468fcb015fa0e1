//! A call against the limits and its tool's declared arguments.

use crate::compile::build::Compiled;
use crate::compile::inventory::ToolEntry;
use crate::data::call::SessionView;
use crate::data::id::SubjectRef;
use crate::data::reason::Reason;
use crate::eval::detail::{Detail, Refusal};
use crate::eval::input::{Space, bind};
use crate::limits::Limits;
use crate::load::arguments;
use crate::load::asking::Asking;
use crate::load::tape::Item;

/// Refuses a call whose names or session facts are longer than the limits. The arguments were read within them.
pub(crate) fn limits<'a>(asking: &Asking<'_>, limits: &Limits) -> Result<(), Refusal<'a>> {
    let subject = match asking.subject {
        SubjectRef::Agent { user, client } => user.len().max(client.len()),
        SubjectRef::ServicePrincipal { id } => id.len(),
    };
    // its parts are shorter than the whole
    let tool = if asking.tool.len() <= limits.name_bytes {
        0
    } else {
        let (server, name) = asking.tool.split_once('/').unwrap_or((asking.tool, ""));
        server.len().max(name.len())
    };
    let longest = subject.max(tool);
    if longest > limits.name_bytes {
        return Err(exceeded("a name has", longest, limits.name_bytes));
    }
    session(&asking.session, limits)
}

/// Refuses session facts that are longer than the limits.
pub(crate) fn session<'a>(session: &SessionView<'_>, limits: &Limits) -> Result<(), Refusal<'a>> {
    let labels = session.labels.iter().flat_map(|labels| labels.iter()).map(|label| label.len());
    let texts = [session.id, session.acr, session.channel].into_iter().flatten().map(str::len);
    let all = labels.chain(texts).fold(0usize, usize::saturating_add);
    if all > limits.string_bytes {
        return Err(exceeded("the session facts have", all, limits.string_bytes));
    }
    Ok(())
}

fn exceeded<'a>(what: &'static str, count: usize, limit: usize) -> Refusal<'a> {
    Refusal { reason: Reason::LimitExceeded, detail: Detail::Exceeded { what, count, unit: "bytes", limit } }
}

/// Takes the arguments as policies see them, exactly as declared or not at all. The error is why, for whoever asks.
pub(crate) fn arguments<'a>(
    engine: &'a Compiled,
    tool: &'a ToolEntry,
    given: Item<'a>,
    space: &mut Space,
) -> Result<(), impl FnOnce() -> String + use<'a>> {
    // FAIL-CLOSED: arguments_of_other_types_are_refused. A condition on a value of another type is silently false.
    bind(&tool.plan, given, space).map_err(move |_| {
        move || {
            let Some(declared) = engine.arguments.get(&tool.id) else {
                return format!("the arguments of `{}` were never typed", tool.id);
            };
            arguments::explain(declared, given).unwrap_or_else(|| "the arguments could not be taken".to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tape::Tape;

    #[test]
    fn long_names_and_facts_are_beyond_the_limits() {
        let limits = Limits { name_bytes: 4, string_bytes: 8, ..Limits::default() };
        let within = |subject: &str, tool: &str, session: &str| {
            let text =
                format!(r#"{{"subject":{subject},"tool":"{tool}","session":{session},"now":"2026-11-20T10:00:00Z"}}"#);
            let mut tape = Tape::default();
            let asking = Asking::read(&mut tape, text.as_bytes(), &Limits::default()).unwrap();
            super::limits(&asking, &limits).is_ok()
        };
        let fits = r#"{"user":"abcd","client":"abcd"}"#;
        assert!(within(fits, "abcd/abcd", r#"{"id":"12","acr":"34","channel":"5","labels":["6","78","6"]}"#));
        assert!(within(r#"{"service_principal":"abcd"}"#, "a/b", "{}"));
        assert!(!within(r#"{"user":"abcde","client":"a"}"#, "a/b", "{}"));
        assert!(!within(r#"{"user":"a","client":"abcde"}"#, "a/b", "{}"));
        assert!(!within(r#"{"service_principal":"abcde"}"#, "a/b", "{}"));
        assert!(!within(fits, "abcde/b", "{}"));
        assert!(!within(fits, "a/bcdef", "{}"));
        assert!(!within(fits, "a/b", r#"{"id":"12","acr":"34","channel":"56","labels":["6","78"]}"#));
    }
}
