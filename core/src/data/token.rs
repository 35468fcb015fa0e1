//! The token path: what is asked of the issuer, and which scopes it may grant.

use serde::{Deserialize, Serialize};

use crate::data::call::Session;
use crate::data::decision::DeterminingPolicy;
use crate::data::id::Subject;
use crate::data::reason::Reason;
use crate::data::time::Instant;

/// A request for a short-lived token (RFC 8693, ID-JAG), after the host has verified who asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Who asks.
    pub subject: Subject,
    /// The issuer of the server's authorization server.
    pub audience: String,
    /// The server's resource identifier (RFC 8707), compared as an exact string.
    #[serde(default)]
    pub resource: Option<String>,
    /// Scopes separated by spaces; absent or blank: every enabled one that is held.
    #[serde(default)]
    pub scope: Option<String>,
    /// What the host knows of the session; without one, the worst is assumed of every fact in it.
    #[serde(default)]
    pub session: Session,
    /// The time of the decision.
    pub now: Instant,
}

/// Which scopes a token may carry. [`Engine::decide_token`](crate::Engine::decide_token) makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TokenDecision {
    /// The scopes granted, in the order they were asked for.
    pub granted: Vec<String>,
    /// The others, each with its reason.
    pub refused: Vec<RefusedScope>,
    /// What the token is to say; absent if there is to be none.
    pub claims: Option<TokenClaims>,
    /// Why there is a token, or none.
    pub reason: Reason,
    /// More on the reason, for the record.
    pub detail: Option<String>,
    /// The policies that made the difference.
    pub policies: Vec<DeterminingPolicy<'static>>,
    /// What the issuer must know how to do; one it does not know means: issue nothing.
    pub obligations: Vec<String>,
    /// Labels that a session gains with the granted scopes.
    pub gains_labels: Vec<String>,
    /// The digest of everything the engine was built from.
    pub engine: String,
    /// The version of the snapshot decided on.
    pub snapshot_version: u64,
}

/// A scope that is not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedScope {
    /// The scope.
    pub scope: String,
    /// Why not.
    pub reason: Reason,
    /// More on the reason, for the record.
    pub detail: String,
}

/// What the token is to say. The host adds who it is about, signs it, and never lets it live longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenClaims {
    /// The one audience.
    #[serde(rename = "aud")]
    pub audience: String,
    /// The resource it is good for.
    pub resource: Option<String>,
    /// The granted scopes, separated by spaces.
    pub scope: String,
    /// Seconds from `now`.
    pub expires_in: u64,
}
