//! The token path: which scopes a short-lived token may carry when a server is reached directly.
//!
//! `granted = requested ∩ enabled ∩ held by the agent ∩ permitted by policy with the approvals in force`, scope by
//! scope, each refusal with its reason (ID-JAG section 4.3.3; MCP Enterprise-Managed Authorization section 7). Nobody
//! can be asked at a token endpoint, so a scope that would need a yes is not granted. The claims are returned, never
//! a signed token.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::compile::build::Compiled;
use crate::compile::inspect::Clock;
use crate::compile::policies::Policy;
use crate::data::catalog::{Path, Server};
use crate::data::decision::Effect;
use crate::data::policy::Terms;
use crate::data::reason::Reason;
use crate::data::time::Instant;
use crate::data::token::{RefusedScope, TokenClaims, TokenDecision, TokenRequest};
use crate::eval::approval::{Asked, Matter};
use crate::eval::check;
use crate::eval::facts::{self, Facts, Refusal};
use crate::eval::ladder::{Rung, Truth, Verdict};
use crate::eval::referee::{Question, Target};
use crate::eval::ruling::{Ruled, ruled, stand_ins, verdict};

/// How long a token lives where the administrator does not say (ID-JAG's examples; five minutes).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// Decides which scopes a token may carry.
pub(crate) fn decide(engine: &Compiled, request: &TokenRequest) -> TokenDecision {
    let mut decision = TokenDecision {
        granted: Vec::new(),
        refused: Vec::new(),
        claims: None,
        reason: Reason::InvalidRequest,
        detail: None,
        policies: Vec::new(),
        obligations: Vec::new(),
        gains_labels: Vec::new(),
        engine: engine.digest.clone(),
        snapshot_version: engine.directory.snapshot.version,
    };
    if let Err(refusal) = try_decide(engine, request, &mut decision) {
        // FAIL-CLOSED: a_fault_grants_no_scope
        decision.granted.clear();
        decision.obligations.clear();
        decision.gains_labels.clear();
        decision.claims = None;
        decision.reason = refusal.reason;
        decision.detail = Some(refusal.detail);
    }
    decision
}

fn try_decide(engine: &Compiled, request: &TokenRequest, decision: &mut TokenDecision) -> Result<(), Refusal> {
    check_limits(engine, request)?;
    let facts = facts::subject(engine, &request.subject, request.now)?;
    let (server_id, server) = target(engine, request)?;
    let mut until = facts::snapshot_end(engine);
    let mut policies = BTreeSet::new();
    for scope in requested(request, server) {
        let case = Case { engine, facts: &facts, server_id, server, scope: &scope, request };
        match case.decide(&mut until, &mut policies) {
            Ok(()) => decision.granted.push(scope),
            Err(refusal) => {
                decision.refused.push(RefusedScope { reason: refusal.reason, detail: refusal.detail, scope });
            }
        }
    }
    let terms = policies.iter().filter_map(|index| engine.policies.get(*index)).map(|policy| &policy.terms);
    decision.policies = terms.clone().map(Terms::determining).collect();
    let end = request.now.saturating_add(server.max_token_lifetime.unwrap_or(DEFAULT_LIFETIME)).min(until);
    let lifetime = end.since(request.now).map_or(0, |left| left.as_secs());
    if decision.granted.is_empty() || lifetime == 0 {
        // an omitted scope is no free pass: nothing granted is an error
        let reason = decision.refused.first().map_or(Reason::NoGrant, |refused| refused.reason);
        return Err(Refusal::new(reason, "nothing could be granted"));
    }
    let obligations: BTreeSet<&String> = terms.flat_map(|terms| &terms.obligations).collect();
    decision.obligations = obligations.into_iter().cloned().collect();
    let labels = decision.granted.iter().filter_map(|scope| server.scopes.get(scope)).flat_map(|rule| &rule.labels);
    decision.gains_labels = labels.collect::<BTreeSet<_>>().into_iter().cloned().collect();
    decision.reason = Reason::AllowedHeld;
    decision.claims = Some(TokenClaims {
        audience: request.audience.clone(),
        resource: request.resource.clone(),
        scope: decision.granted.join(" "),
        expires_in: lifetime,
    });
    Ok(())
}

fn check_limits(engine: &Compiled, request: &TokenRequest) -> Result<(), Refusal> {
    let texts = [&request.resource, &request.scope].into_iter().flatten().chain([&request.audience]);
    let longest = texts.map(String::len).max().unwrap_or_default();
    let limit = engine.limits.string_bytes;
    if longest > limit {
        return Err(Refusal::new(Reason::LimitExceeded, format!("a text of {longest} bytes; the limit is {limit}")));
    }
    check::session(&request.session, &engine.limits)
}

/// The server that the audience and resource name together; both are compared as exact strings.
fn target<'a>(engine: &'a Compiled, request: &TokenRequest) -> Result<(&'a str, &'a Server), Refusal> {
    if engine.catalog.tenant.issuer.as_ref() == Some(&request.audience) {
        return Err(Refusal::new(Reason::AudienceIsIssuer, "the audience is the issuer of the token itself"));
    }
    let mut found = engine.catalog.servers.iter().filter(|(_, server)| {
        server.path == Path::Token
            && server.audience.as_ref() == Some(&request.audience)
            && match &request.resource {
                // FAIL-CLOSED: audience_and_resource_belong_together
                Some(resource) => server.resource_uris.contains(resource),
                None => true,
            }
    });
    let (Some((id, server)), None) = (found.next(), found.next()) else {
        return Err(Refusal::new(
            Reason::TargetNotRegistered,
            "not exactly one server is registered for this audience and resource",
        ));
    };
    if engine.directory.snapshot.kill_switches.servers.contains(id) {
        return Err(Refusal::new(Reason::KillSwitchActive, format!("server `{id}` is switched off")));
    }
    if server.paused {
        return Err(Refusal::new(Reason::ServerPaused, format!("server `{id}`")));
    }
    Ok((id, server))
}

/// The scopes asked for, once each; every enabled one if none is named.
fn requested(request: &TokenRequest, server: &Server) -> Vec<String> {
    let named: Vec<&str> =
        request.scope.as_deref().unwrap_or("").split(' ').filter(|scope| !scope.is_empty()).collect();
    if named.is_empty() {
        return server.scopes.iter().filter(|(_, rule)| rule.enabled).map(|(scope, _)| scope.clone()).collect();
    }
    let mut seen = BTreeSet::new();
    named.into_iter().filter(|scope| seen.insert(*scope)).map(ToString::to_string).collect()
}

struct Case<'a> {
    engine: &'a Compiled,
    facts: &'a Facts<'a>,
    server_id: &'a str,
    server: &'a Server,
    scope: &'a str,
    request: &'a TokenRequest,
}

impl Case<'_> {
    fn decide(&self, until: &mut Instant, determining: &mut BTreeSet<usize>) -> Result<(), Refusal> {
        let refuse = |reason| Err(Refusal::new(reason, format!("scope `{}`", self.scope.escape_debug())));
        let Some(rule) = self.server.scopes.get(self.scope) else { return refuse(Reason::UnknownScope) };
        if !rule.enabled {
            return refuse(Reason::ScopeNotEnabled);
        }
        let held = |id: &String| self.facts.held.entitlements.contains(id);
        if !rule.entitlements.iter().any(held) {
            let human = rule.entitlements.iter().any(|id| self.facts.human_entitlements.contains(id));
            return refuse(if human { Reason::AgentNotEntitled } else { Reason::NoGrant });
        }
        let matter = Matter {
            engine: self.engine,
            facts: self.facts,
            server_id: self.server_id,
            server: self.server,
            entitlements: &rule.entitlements,
            asked: Asked::Token,
            now: self.request.now,
        };
        let question = Question {
            engine: self.engine,
            facts: self.facts,
            held: &self.facts.held,
            target: Target::Scope { server_id: self.server_id, server: self.server, scope: self.scope },
            session: &self.request.session,
            now: self.request.now,
        };
        let rows = ruled(&question, &matter)?;
        determining.extend(rows.iter().enumerate().filter_map(|(index, ruled)| {
            let permits = ruled.row.effect == Effect::Permit && ruled.row.is(Truth::True, Rung::InForce);
            let forbids = ruled.row.effect == Effect::Forbid && ruled.asked.contains(&Truth::True);
            (permits || forbids).then_some(index)
        }));
        match verdict(&matter, &rows) {
            Verdict::Allowed(Rung::InForce) => {}
            Verdict::Allowed(_) | Verdict::Unresolved => return refuse(Reason::ApprovalRequired),
            Verdict::Forbidden => return refuse(Reason::PolicyDenied),
            Verdict::Undecidable => return refuse(Reason::EvaluationError),
            Verdict::NotPermitted => return refuse(Reason::Ineligible),
        }
        let approvals = ends(&self.engine.policies, &rows, &matter);
        *until = (*until).min(self.earliest()).min(approvals.unwrap_or(Instant::MAX));
        Ok(())
    }

    /// No token outlives what it was granted on: the first end of a grant, or a policy's next change with time.
    fn earliest(&self) -> Instant {
        let now = self.request.now;
        let ends = self.facts.grants.iter().filter(|grant| grant.in_force(now)).filter_map(|grant| grant.until);
        let clocks = self.engine.policies.iter().filter_map(|policy| match &policy.clock {
            Clock::At(instants) => instants.iter().copied().filter(|at| *at > now).min(),
            // a rule by the time of day cannot bound a token; it is asked again at the next one
            Clock::Always => None,
        });
        ends.chain(clocks).min().unwrap_or(Instant::MAX)
    }
}

/// When the first approval that counts for one of the policies stops to.
fn ends(policies: &[Policy], rows: &[Ruled], matter: &Matter<'_>) -> Option<Instant> {
    let truths: Vec<_> = rows.iter().map(|ruled| ruled.asked).collect();
    let stand_ins = stand_ins(policies, &truths, matter);
    policies.iter().filter_map(|policy| matter.end(&policy.terms, &stand_ins)).min()
}
