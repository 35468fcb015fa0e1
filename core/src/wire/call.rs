//! A call put together from texts.

/// The parts of a call, each a JSON text, as a host has them: the agent's arguments often are one already.
///
/// ```
/// use toolgate::wire::Parts;
/// let parts = Parts {
///     subject: r#"{"user": "alice", "client": "cc"}"#,
///     tool: r#""crm/find""#,
///     arguments: Some(r#"{"query": "acme"}"#),
///     session: None,
///     now: r#""2026-11-20T10:00:00Z""#,
/// };
/// assert!(toolgate::Call::parse(parts.to_json().as_bytes()).is_ok());
/// let sly = Parts { arguments: Some(r#"{}, "session": {"labels": []}"#), ..parts };
/// assert!(toolgate::Call::parse(sly.to_json().as_bytes()).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Who calls: an object.
    pub subject: &'a str,
    /// The tool: a string, quotes included.
    pub tool: &'a str,
    /// An object; none is the empty one.
    pub arguments: Option<&'a str>,
    /// An object; none is the empty one.
    pub session: Option<&'a str>,
    /// The time of the decision: a string, quotes included.
    pub now: &'a str,
}

impl Parts<'_> {
    /// The call.
    ///
    /// Whatever the parts hold, none can speak for another: every member is there once, so one that a part brings along
    /// is there twice or is unknown, and a part that ends the object early leaves bytes after it. All of these are
    /// refused by the reader.
    pub fn to_json(&self) -> String {
        // FAIL-CLOSED: no_part_of_a_call_speaks_for_another
        let members = [
            ("{\"subject\":", self.subject),
            (",\"tool\":", self.tool),
            (",\"arguments\":", self.arguments.unwrap_or("{}")),
            (",\"session\":", self.session.unwrap_or("{}")),
            (",\"now\":", self.now),
        ];
        let length: usize = members.iter().map(|(name, part)| name.len().saturating_add(part.len())).sum();
        let mut call = String::with_capacity(length.saturating_add(1));
        for (name, part) in members {
            call.push_str(name);
            call.push_str(part);
        }
        call.push('}');
        call
    }
}
