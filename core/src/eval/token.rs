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
use crate::data::call::Session;
use crate::data::catalog::Server;
use crate::data::decision::{DeterminingPolicy, Effect};
use crate::data::reason::Reason;
use crate::data::time::Instant;
use crate::data::token::{RefusedScope, TokenClaims, TokenDecision, TokenRequest};
use crate::eval::facts::{self, Facts, Refusal};
use crate::eval::ladder::{Row, Rung, Truth, Verdict, climb};
use crate::eval::referee::{self, Question, Target};

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
        engine: engine.digest.clone(),
        snapshot_version: engine.directory.snapshot.version,
    };
    if let Err(refusal) = try_decide(engine, request, &mut decision) {
        // FAIL-CLOSED: a_fault_grants_no_scope
        decision.granted.clear();
        decision.claims = None;
        decision.reason = refusal.reason;
        decision.detail = Some(refusal.detail);
    }
    decision
}

fn try_decide(engine: &Compiled, request: &TokenRequest, decision: &mut TokenDecision) -> Result<(), Refusal> {
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
    decision.policies = policies.into_iter().map(|index| determining(engine, index)).collect();
    let end = request.now.saturating_add(server.max_token_lifetime.unwrap_or(DEFAULT_LIFETIME)).min(until);
    let lifetime = end.since(request.now).map_or(0, |left| left.as_secs());
    if decision.granted.is_empty() || lifetime == 0 {
        // an omitted scope is no free pass: nothing granted is an error
        let reason = decision.refused.first().map_or(Reason::NoGrant, |refused| refused.reason);
        return Err(Refusal::new(reason, "nothing could be granted"));
    }
    decision.reason = Reason::AllowedHeld;
    decision.claims = Some(TokenClaims {
        audience: request.audience.clone(),
        resource: request.resource.clone(),
        scope: decision.granted.join(" "),
        expires_in: lifetime,
    });
    Ok(())
}

/// The server that the audience and resource name together; both are compared as exact strings.
fn target<'a>(engine: &'a Compiled, request: &TokenRequest) -> Result<(&'a str, &'a Server), Refusal> {
    if engine.catalog.tenant.issuer.as_ref() == Some(&request.audience) {
        return Err(Refusal::new(Reason::AudienceIsIssuer, "the audience is the issuer of the token itself"));
    }
    let found = engine.catalog.servers.iter().find(|(_, server)| {
        server.path == crate::data::catalog::Path::Token
            && server.audience.as_ref() == Some(&request.audience)
            && match &request.resource {
                // FAIL-CLOSED: audience_and_resource_belong_together
                Some(resource) => server.resource_uris.contains(resource),
                None => true,
            }
    });
    let Some((id, server)) = found else {
        return Err(Refusal::new(
            Reason::TargetNotRegistered,
            "no server is registered for this audience and resource",
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
        let session = self.request.session.clone();
        let verdict = self.ask(&session, determining)?;
        match verdict {
            Verdict::Allowed(Rung::InForce) => {}
            Verdict::Allowed(_) | Verdict::Unresolved => return refuse(Reason::ApprovalRequired),
            Verdict::Forbidden => return refuse(Reason::PolicyDenied),
            Verdict::Undecidable => return refuse(Reason::EvaluationError),
            Verdict::NotPermitted => return refuse(Reason::Ineligible),
        }
        *until = (*until).min(self.earliest());
        Ok(())
    }

    fn ask(&self, session: &Session, determining: &mut BTreeSet<usize>) -> Result<Verdict, Refusal> {
        let truths = referee::ask(&Question {
            engine: self.engine,
            facts: self.facts,
            held: &self.facts.held,
            target: Target::Scope { server_id: self.server_id, server: self.server, scope: self.scope },
            session,
            channel: "",
            now: self.request.now,
        })
        .map_err(|error| Refusal::new(Reason::EvaluationError, error))?;
        let policies = &self.engine.policies;
        let rows: Vec<Row> =
            policies.iter().zip(truths).map(|(policy, at)| Row { effect: policy.terms.effect, at }).collect();
        let verdict = climb(&rows, |_| true);
        determining.extend(rows.iter().enumerate().filter_map(|(index, row)| {
            let forbids = row.effect == Effect::Forbid && row.is(Truth::True, Rung::Manager);
            let permits = row.effect == Effect::Permit && row.is(Truth::True, Rung::InForce);
            (permits || forbids).then_some(index)
        }));
        Ok(verdict)
    }

    /// No token outlives what it was granted on: the first end of a grant, or a policy's next change with time.
    fn earliest(&self) -> Instant {
        let now = self.request.now;
        let grants = self.engine.directory.grants_to(self.facts.subject, &self.facts.groups);
        let ends = grants.filter(|grant| grant.in_force(now)).filter_map(|grant| grant.until);
        let clocks = self.engine.policies.iter().filter_map(|policy| match &policy.clock {
            Clock::At(instants) => instants.iter().copied().filter(|at| *at > now).min(),
            // a rule by the time of day cannot bound a token; it is asked again at the next one
            Clock::Always => None,
        });
        ends.chain(clocks).min().unwrap_or(Instant::MAX)
    }
}

fn determining(engine: &Compiled, index: usize) -> DeterminingPolicy {
    let terms = engine.policies.get(index).map(|policy| &policy.terms);
    DeterminingPolicy {
        id: terms.map(|terms| terms.id.clone()).unwrap_or_default(),
        effect: terms.map_or(Effect::Forbid, |terms| terms.effect),
        description: terms.and_then(|terms| terms.description.clone()),
    }
}
