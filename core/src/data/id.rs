//! Who calls, and what: identities are exact bytes and compared as such.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A tool's identity: the server and the name on it. `search` on two servers is two tools.
///
/// Written `server/name`; a server id has no slash, so the first one separates.
///
/// ```
/// use toolgate::ToolId;
/// let id: ToolId = "crm/update_account".parse().unwrap();
/// assert_eq!((id.server.as_str(), id.name.as_str()), ("crm", "update_account"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolId {
    /// The server's id, as the administrator named it (never what the server says of itself).
    pub server: String,
    /// The tool's name as the server publishes it.
    pub name: String,
}

impl ToolId {
    /// The tool `name` on `server`.
    pub fn new(server: impl Into<String>, name: impl Into<String>) -> Self {
        Self { server: server.into(), name: name.into() }
    }
}

impl fmt::Display for ToolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.server, self.name)
    }
}

impl std::str::FromStr for ToolId {
    type Err = InvalidToolId;

    fn from_str(text: &str) -> Result<Self, InvalidToolId> {
        let (server, name) = tool_parts(text).ok_or(InvalidToolId)?;
        Ok(Self::new(server, name))
    }
}

/// The server and the name in `server/name`.
pub(crate) fn tool_parts(text: &str) -> Option<(&str, &str)> {
    // names are short: nothing finds it sooner
    let slash = text.bytes().position(|byte| byte == b'/')?;
    let (server, name) = (text.get(..slash)?, text.get(slash.saturating_add(1)..)?);
    (!server.is_empty() && !name.is_empty()).then_some((server, name))
}

/// What is said of a text that is not `server/name`.
pub(crate) fn names_no_tool(text: &str) -> String {
    format!("`{}` does not name a tool: write `server/name`", text.escape_debug())
}

impl Serialize for ToolId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ToolId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| serde::de::Error::custom(names_no_tool(&text)))
    }
}

/// The text is not `server/name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tool is named `server/name`")]
pub struct InvalidToolId;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "RawSubject")]
pub enum Subject {
    /// A user working through a client such as a coding assistant.
    Agent {
        /// The user's id.
        user: String,
        /// The client's id.
        client: String,
    },
    /// An autonomous agent with an owner.
    ServicePrincipal {
        /// Its id.
        id: String,
    },
}

impl Subject {
    /// The agent of `user` that works through `client`.
    pub fn agent(user: impl Into<String>, client: impl Into<String>) -> Self {
        Self::Agent { user: user.into(), client: client.into() }
    }

    /// The service principal `id`.
    pub fn service_principal(id: impl Into<String>) -> Self {
        Self::ServicePrincipal { id: id.into() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent { user, client } => write!(f, "{user} via {client}"),
            Self::ServicePrincipal { id } => f.write_str(id),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Agent { user, client } => {
                map.serialize_entry("user", user)?;
                map.serialize_entry("client", client)?;
            }
            Self::ServicePrincipal { id } => map.serialize_entry("service_principal", id)?,
        }
        map.end()
    }
}

/// Who calls, borrowed from wherever the names are.
///
/// ```
/// use toolgate::{Subject, SubjectRef};
/// let subject = Subject::agent("alice", "claude-code");
/// assert_eq!(SubjectRef::from(&subject), SubjectRef::Agent { user: "alice", client: "claude-code" });
/// assert_eq!(SubjectRef::from(&subject).to_owned(), subject);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectRef<'a> {
    /// A user working through a client such as a coding assistant.
    Agent {
        /// The user's id.
        user: &'a str,
        /// The client's id.
        client: &'a str,
    },
    /// An autonomous agent with an owner.
    ServicePrincipal {
        /// Its id.
        id: &'a str,
    },
}

impl SubjectRef<'_> {
    /// The same with names of its own.
    pub fn to_owned(self) -> Subject {
        match self {
            Self::Agent { user, client } => Subject::agent(user, client),
            Self::ServicePrincipal { id } => Subject::service_principal(id),
        }
    }
}

impl<'a> From<&'a Subject> for SubjectRef<'a> {
    fn from(subject: &'a Subject) -> Self {
        match subject {
            Subject::Agent { user, client } => Self::Agent { user, client },
            Subject::ServicePrincipal { id } => Self::ServicePrincipal { id },
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubject {
    user: Option<String>,
    client: Option<String>,
    service_principal: Option<String>,
}

impl TryFrom<RawSubject> for Subject {
    type Error = &'static str;

    fn try_from(raw: RawSubject) -> Result<Self, Self::Error> {
        match (raw.user, raw.client, raw.service_principal) {
            (Some(user), Some(client), None) => Ok(Self::Agent { user, client }),
            (None, None, Some(id)) => Ok(Self::ServicePrincipal { id }),
            _ => Err("a subject is either `user` with `client`, or `service_principal`"),
        }
    }
}

/// What a tool does to the world. Ordered by risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Changes nothing.
    Read,
    /// Adds or changes.
    Write,
    /// Destroys.
    Delete,
}

impl Operation {
    /// Every operation, by risk.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Delete];

    /// `read`, `write` or `delete`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
