//! The call: who wants to run what, with which arguments, in which session, at what time.

use std::collections::BTreeSet;

use serde::Deserialize;
use smallvec::SmallVec;

use crate::data::id::{Subject, SubjectRef, ToolId};
use crate::data::json::Json;
use crate::data::time::Instant;

/// One tool call to decide. [`Call::parse`] reads it from JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub subject: Subject,
    /// The tool.
    pub tool: ToolId,
    /// The tool's arguments, an object.
    pub arguments: Json,
    /// What the host knows of the session. Without one, the worst is assumed of every fact in it.
    pub session: Session,
    /// The time of the decision. toolgate has no clock.
    pub now: Instant,
}

impl Call {
    /// A call without arguments and without session facts.
    ///
    /// ```
    /// use toolgate::{Call, Instant, Subject, ToolId};
    /// let now: Instant = "2026-11-20T10:00:00Z".parse()?;
    /// let call = Call::new(Subject::agent("alice", "claude-code"), ToolId::new("crm", "list_accounts"), now);
    /// assert_eq!(call.session.labels, None, "unknown, which is not the same as none");
    /// # Ok::<(), toolgate::Error>(())
    /// ```
    pub fn new(subject: Subject, tool: ToolId, now: Instant) -> Self {
        Self { subject, tool, arguments: Json::Object(Default::default()), session: Session::default(), now }
    }
}

/// What the host knows of the session so far. Policies read it as `context.session`.
///
/// A fact that is absent is the worst it could be: every label, more calls than can be counted, authenticated in
/// 1970. Policies need no `has`. Texts that are absent (`id`, `acr`, `channel`) are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The host's id of the session.
    pub id: Option<String>,
    /// Calls run so far.
    pub calls: Option<u64>,
    /// What has flowed into the session, as [`Decision::gains_labels`](crate::Decision::gains_labels) told the host.
    /// Labels only join; they are never taken away.
    pub labels: Option<BTreeSet<String>>,
    /// When the user last authenticated.
    pub authenticated_at: Option<Instant>,
    /// The authentication context class (OpenID Connect Core 1.0 section 2, `acr`).
    pub acr: Option<String>,
    /// How calls reach the host, for policies that care: `context.channel`.
    pub channel: Option<String>,
}

/// A call as a gateway has it: borrowed texts, and the arguments as JSON.
#[derive(Clone, Copy, Debug)]
pub struct RawCall<'a> {
    /// Who calls.
    pub subject: SubjectRef<'a>,
    /// The tool, as `server/name`.
    pub tool: &'a str,
    /// The tool's arguments, a JSON object.
    pub arguments: &'a [u8],
    /// What the host knows of the session.
    pub session: &'a Session,
    /// The time of the decision.
    pub now: Instant,
}

/// [`Session`], borrowed from wherever its texts are. What is absent is as bad there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionView<'a> {
    pub(crate) id: Option<&'a str>,
    pub(crate) calls: Option<u64>,
    /// Sorted, each once.
    pub(crate) labels: Option<SmallVec<[&'a str; 8]>>,
    pub(crate) authenticated_at: Option<Instant>,
    pub(crate) acr: Option<&'a str>,
    pub(crate) channel: Option<&'a str>,
}

impl SessionView<'_> {}

impl<'a> From<&'a Session> for SessionView<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            id: session.id.as_deref(),
            calls: session.calls,
            labels: session.labels.as_ref().map(|labels| labels.iter().map(String::as_str).collect()),
            authenticated_at: session.authenticated_at,
            acr: session.acr.as_deref(),
            channel: session.channel.as_deref(),
        }
    }
}

#[cfg(test)]
impl SessionView<'_> {
    /// The same with texts of its own.
    pub(crate) fn to_owned(&self) -> Session {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Session {
            id: text(self.id),
            calls: self.calls,
            labels: self.labels.as_ref().map(|labels| labels.iter().map(|label| (*label).to_owned()).collect()),
            authenticated_at: self.authenticated_at,
            acr: text(self.acr),
            channel: text(self.channel),
        }
    }
}
