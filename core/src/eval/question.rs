//! What is asked of the policies, and what they answer.

use smallvec::SmallVec;

use crate::compile::build::Compiled;
use crate::compile::inventory::{Guarded, ScopeEntry, ToolEntry};
use crate::compile::policies::Brief;
use crate::data::call::SessionView;
use crate::data::decision::Effect;
use crate::data::time::Instant;
use crate::data::value::Value;
use crate::eval::facts::{Facts, Held};
use crate::eval::ladder::Truth;
use crate::eval::machine::{Bits, LEVELS};
use crate::eval::{referee, world};
use crate::load::people::What;
use crate::load::tape::Item;

/// What is asked of the policies.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) engine: &'a Compiled,
    pub(crate) facts: &'a Facts<'a>,
    /// What the agent holds, or would if it were given what it asks for.
    pub(crate) held: &'a Held,
    pub(crate) target: Target<'a>,
    pub(crate) facets: &'a Facets<'a>,
    /// The same question, answered when the agent held less.
    pub(crate) before: Option<Before<'a>>,
}

/// What the policies answered when the agent held less. Those that do not read what it holds say the same now.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a> {
    /// All that they said.
    pub(crate) truths: &'a Truths,
    /// What it holds now besides.
    pub(crate) more: What,
}

/// What the question is about.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Running a tool.
    Call { number: u32, tool: &'a ToolEntry, input: Input<'a> },
    /// Asking for an entitlement.
    Request { entitlement: u32, own: &'a [u32; 1] },
    /// Putting a scope into a token.
    Scope { server: u32, scope: &'a ScopeEntry },
}

/// The arguments of the call.
#[derive(Clone, Copy)]
pub(crate) enum Input<'a> {
    /// These: as policies see them, and as they were given.
    Given { record: Value<'a>, arguments: Item<'a> },
    /// Some or other.
    Unknown,
}

/// What policies see of the session and the time.
#[derive(Clone, Debug)]
pub(crate) struct Facets<'a> {
    pub(crate) id: &'a str,
    pub(crate) calls: i64,
    /// `None` where the host does not say.
    pub(crate) labels: Option<&'a [&'a str]>,
    /// Milliseconds since 1970.
    pub(crate) authenticated_at: i64,
    pub(crate) acr: &'a str,
    pub(crate) channel: &'a str,
    /// Milliseconds since 1970: Cedar's `datetime` has no more, so `now` is rounded down.
    pub(crate) now: i64,
}

impl<'a> Facets<'a> {
    // FAIL-CLOSED: an_absent_session_fact_is_the_worst
    pub(crate) fn new(session: &'a SessionView<'_>, now: Instant) -> Self {
        // an authentication that lies in the future did not happen
        let authenticated = session.authenticated_at.filter(|at| *at <= now);
        Self {
            id: session.id.unwrap_or_default(),
            calls: session.calls.and_then(|calls| i64::try_from(calls).ok()).unwrap_or(i64::MAX),
            labels: session.labels.as_deref(),
            authenticated_at: authenticated.map_or(0, Instant::unix_millis),
            acr: session.acr.unwrap_or_default(),
            channel: session.channel.unwrap_or_default(),
            now: now.unix_millis(),
        }
    }
}

/// What the policies whose scope fits say at each level of approval, in the order of their numbers.
pub(crate) type Truths = SmallVec<[(u32, [Truth; 3]); 32]>;

impl<'a> Question<'a> {
    /// What every policy whose scope fits says at each level of approval; or what Cedar would not accept.
    pub(crate) fn ask(&self) -> Result<Truths, String> {
        self.ask_some(|_| true)
    }

    /// The same of some policies.
    pub(crate) fn ask_some(&self, wanted: impl Fn(&Brief) -> bool) -> Result<Truths, String> {
        let mut truths = Truths::new();
        self.ask_each(wanted, |policy, _, says| truths.push((policy, says)))?;
        Ok(truths)
    }

    /// The same, told one after the other.
    #[inline]
    pub(crate) fn ask_each(
        &self,
        wanted: impl Fn(&Brief) -> bool,
        mut told: impl FnMut(u32, &Brief, [Truth; 3]),
    ) -> Result<(), String> {
        if self.engine.by_referee {
            return referee::ask(self, wanted, &mut told);
        }
        world::ask(self, wanted, told)
    }

    /// The tool, scope or entitlement, as policies see it.
    pub(crate) fn guarded(&self) -> Option<&'a Guarded> {
        match self.target {
            Target::Call { tool, .. } => Some(&tool.guarded),
            Target::Scope { scope, .. } => Some(&scope.guarded),
            Target::Request { .. } => None,
        }
    }

    /// The server that it is on.
    pub(crate) fn server(&self) -> Option<u32> {
        match self.target {
            Target::Call { tool, .. } => Some(tool.server),
            Target::Scope { server, .. } => Some(server),
            Target::Request { .. } => None,
        }
    }
}

/// What a policy says at each level, of all that it might, the answer that opens most: a permit may hold, and a forbid
/// may not. Where everything is known there is but one.
pub(crate) fn most_open(effect: Effect, bits: Bits) -> [Truth; 3] {
    if bits.t | bits.e == 0 && bits.f == LEVELS {
        return [Truth::False; 3];
    }
    let (first, then) = match effect {
        Effect::Permit => ((bits.t, Truth::True), (bits.f, Truth::False)),
        Effect::Forbid => ((bits.f, Truth::False), (bits.t, Truth::True)),
    };
    let at = |level: u8| {
        if first.0 & level != 0 {
            first.1
        } else if then.0 & level != 0 {
            then.1
        } else {
            Truth::Error
        }
    };
    [at(0b001), at(0b010), at(0b100)]
}

/// The answer that opens less: an error, else a forbid that holds, else a permit that does not.
pub(crate) fn worse(effect: Effect, left: [Truth; 3], right: [Truth; 3]) -> [Truth; 3] {
    let less_open = if effect == Effect::Forbid { Truth::True } else { Truth::False };
    let one = |a: Truth, b: Truth| {
        if a == Truth::Error || b == Truth::Error {
            Truth::Error
        } else if a == less_open || b == less_open {
            less_open
        } else {
            a
        }
    };
    let ([a, b, c], [x, y, z]) = (left, right);
    [one(a, x), one(b, y), one(c, z)]
}
