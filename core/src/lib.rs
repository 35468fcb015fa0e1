#![doc = include_str!("../README.md")]

mod compile {
    pub(crate) mod arguments;
    pub(crate) mod batches;
    pub(crate) mod build;
    pub(crate) mod classes;
    pub(crate) mod condition;
    pub(crate) mod index;
    pub(crate) mod inspect;
    pub(crate) mod inventory;
    pub(crate) mod notices;
    pub(crate) mod people;
    pub(crate) mod plan;
    pub(crate) mod policies;
    pub(crate) mod reads;
    pub(crate) mod references;
    pub(crate) mod scope;
    pub(crate) mod symbols;
    pub(crate) mod validate;
    pub(crate) mod vocabulary;
}
mod data {
    pub(crate) mod call;
    pub(crate) mod canonical;
    pub(crate) mod catalog;
    pub(crate) mod decision;
    pub(crate) mod delta;
    pub(crate) mod id;
    pub(crate) mod ids;
    pub(crate) mod json;
    pub(crate) mod lists;
    pub(crate) mod names;
    pub(crate) mod number;
    pub(crate) mod policy;
    pub(crate) mod reason;
    pub(crate) mod report;
    pub(crate) mod shards;
    pub(crate) mod snapshot;
    pub(crate) mod time;
    pub(crate) mod times;
    pub(crate) mod token;
    pub(crate) mod value;
}
mod engine;
mod error;
mod eval {
    pub(crate) mod access;
    pub(crate) mod approval;
    pub(crate) mod binding;
    pub(crate) mod check;
    pub(crate) mod decide;
    pub(crate) mod detail;
    pub(crate) mod facts;
    pub(crate) mod input;
    pub(crate) mod ladder;
    pub(crate) mod machine;
    pub(crate) mod question;
    pub(crate) mod referee;
    pub(crate) mod ruling;
    pub(crate) mod say;
    pub(crate) mod token;
    pub(crate) mod trace;
    pub(crate) mod visible;
    pub(crate) mod world;
}
mod limits;
mod live;
mod load {
    pub(crate) mod annotations;
    pub(crate) mod arguments;
    pub(crate) mod asking;
    pub(crate) mod bundle;
    pub(crate) mod call;
    pub(crate) mod canonical;
    pub(crate) mod catalog;
    pub(crate) mod de;
    pub(crate) mod delta;
    pub(crate) mod json;
    pub(crate) mod name;
    pub(crate) mod people;
    pub(crate) mod policies;
    pub(crate) mod reader;
    pub(crate) mod scan;
    pub(crate) mod snapshot;
    pub(crate) mod stack;
    pub(crate) mod tape;
    pub(crate) mod toml;
    pub(crate) mod tools_list;
}
mod parallel;
pub mod wire;

// The public names, in the order of the story: load a bundle, decide a call, act on the decision.
pub use crate::engine::{Engine, LoadError};
pub use crate::error::{Error, ErrorKind, Span};
pub use crate::limits::Limits;
pub use crate::live::{InUse, Live};
pub use crate::load::bundle::{Bundle, LintLevel, Manifest, Source};

pub use crate::data::call::{Call, RawCall, Session};
pub use crate::data::delta::{Changes, Delta};
pub use crate::data::id::{InvalidToolId, Operation, Subject, SubjectRef, ToolId};
pub use crate::data::json::{Json, Number};
pub use crate::data::time::Instant;

pub use crate::data::decision::{
    AccessRequest, ApprovalRequest, Credential, CredentialMode, Decision, DeterminingPolicy, Effect, Guidance, Outcome,
    StepUp, Visibility, VisibleTool,
};
pub use crate::data::reason::Reason;
pub use crate::data::report::{About, Finding, FindingKind, Report, ToolReport, Typing, TypingNote};
pub use crate::data::token::{RefusedScope, TokenClaims, TokenDecision, TokenRequest};

/// What an engine decides on: the tool inventory and the people.
pub mod facts {
    pub use crate::data::catalog::{
        Annotations, Catalog, OperationSource, Overlay, Path, Rule, ScopeRule, Server, Tenant, Tool, ToolDefinition,
        ToolState,
    };
    pub use crate::data::delta::{Changes, Delta};
    pub use crate::data::snapshot::{
        Approval, ApprovalKind, Client, ClientKind, ClientState, Entitlement, Grant, Granted, Group, Holder,
        KillSwitches, Profile, RequestApproval, Reuse, Scope, ServicePrincipal, Snapshot, User,
    };
}

/// What led to a decision: for whoever explains, measures or proves policies, never for the agent.
pub mod trace {
    pub use crate::eval::ladder::{Rung, Truth};
    pub use crate::eval::trace::{ApprovalTrace, CedarQuestion, Consultation, PolicyTrace, Standing, Trace};
}
