//! One call → one decision: gate, approvals, ladder, what could be asked for, and what to say.
//!
//! Total: every way out is a [`Decision`], and every fault on the way is a denial.

use crate::compile::build::Compiled;
use crate::compile::directory::Held;
use crate::compile::inspect::Clock;
use crate::data::call::Call;
use crate::data::catalog::{Server, Tool};
use crate::data::decision::{AccessRequest, ApprovalRequest, Decision, DeterminingPolicy, Effect, Outcome};
use crate::data::reason::Reason;
use crate::data::snapshot::ApprovalKind;
use crate::data::time::Instant;
use crate::eval::access::{self, Candidate, Forbidden};
use crate::eval::approval::{self, Asked, Matter};
use crate::eval::check;
use crate::eval::facts::{self, Facts, Refusal};
use crate::eval::ladder::{Row, Rung, Truth, Verdict, climb};
use crate::eval::referee::{Question, Target};
use crate::eval::ruling::{Ruled, remedy, ruled, verdict};
use crate::eval::say;

/// Decides one call.
pub(crate) fn decide(engine: &Compiled, call: &Call) -> Decision {
    let mut decision = blank(engine);
    match try_decide(engine, call, &mut decision) {
        Ok(()) => {}
        Err(refusal) => {
            decision.outcome = Outcome::Deny;
            decision.reason = refusal.reason;
            decision.detail = Some(refusal.detail);
        }
    }
    say::finish(engine, call, &mut decision);
    decision
}

/// A denial for a call that could not even be read.
pub(crate) fn refuse(engine: &Compiled, reason: Reason, detail: String) -> Decision {
    let mut decision = blank(engine);
    decision.reason = reason;
    decision.detail = Some(detail);
    decision.guidance = engine.catalog.tenant.guidance.clone();
    decision.agent_message = say::refused(reason, None, decision.guidance.as_ref());
    decision
}

/// What nobody has decided yet is denied.
fn blank(engine: &Compiled) -> Decision {
    Decision {
        outcome: Outcome::Deny,
        reason: Reason::InvalidRequest,
        detail: None,
        policies: Vec::new(),
        approval_request: None,
        access_request: None,
        guidance: None,
        step_up: None,
        credential: None,
        obligations: Vec::new(),
        gains_labels: Vec::new(),
        valid_until: None,
        agent_message: String::new(),
        engine: engine.digest.clone(),
        snapshot_version: engine.directory.snapshot.version,
    }
}

/// A call that passed the gate.
struct Case<'a> {
    engine: &'a Compiled,
    call: &'a Call,
    facts: &'a Facts<'a>,
    tool: &'a Tool,
    server: &'a Server,
    binding: &'a str,
}

fn try_decide(engine: &Compiled, call: &Call, decision: &mut Decision) -> Result<(), Refusal> {
    check::limits(call, &engine.limits)?;
    decision.valid_until = earliest(None, facts::snapshot_interval(engine).into_iter(), call.now);
    let facts = facts::subject(engine, &call.subject, call.now)?;
    decision.valid_until = earliest(decision.valid_until, boundaries(engine, &facts, call), call.now);
    let (tool, server) = facts::tool(engine, &call.tool)?;
    let input = check::arguments(engine, tool, &call.arguments)?;
    let binding = check::binding(call, tool);
    let case = Case { engine, call, facts: &facts, tool, server, binding: &binding };

    let matter = case.matter();
    decision.valid_until = earliest(decision.valid_until, matter.boundaries(&engine.policies), call.now);
    let question = Question {
        engine,
        facts: &facts,
        held: &facts.held,
        target: Target::Call { tool, server, input },
        session: &call.session,
        now: call.now,
    };
    let (verdict, rows) = case.climb(&question)?;
    match verdict {
        Verdict::Allowed(Rung::InForce) => case.allow(&rows, decision),
        Verdict::Allowed(rung) => case.ask(rung, &rows, decision),
        Verdict::Undecidable => {
            decision.policies =
                case.policies(&rows, |row| row.effect == Effect::Forbid && row.at.contains(&Truth::Error));
            return Err(Refusal::new(Reason::EvaluationError, "a forbid could not be evaluated"));
        }
        Verdict::Unresolved | Verdict::Forbidden | Verdict::NotPermitted => {
            if !case.offer(&question, decision)? {
                case.refuse(verdict, &rows, decision)?;
            }
        }
    }
    Ok(())
}

impl Case<'_> {
    fn matter(&self) -> Matter<'_> {
        let asked = Asked::Call { tool: self.tool, binding: self.binding };
        Matter::of_tool(self.engine, self.facts, self.tool, self.server, asked, self.call.now)
    }

    /// Asks the policies and climbs the ladder.
    fn climb(&self, question: &Question<'_>) -> Result<(Verdict, Vec<Ruled>), Refusal> {
        let matter = self.matter();
        let rows = ruled(question, &matter)?;
        Ok((verdict(&matter, &rows), rows))
    }

    fn allow(&self, rows: &[Ruled], decision: &mut Decision) {
        let without: Vec<Row> = rows.iter().map(|ruled| Row { effect: ruled.row.effect, at: ruled.asked }).collect();
        let held = climb(&without, |_| false) == Verdict::Allowed(Rung::InForce);
        decision.outcome = Outcome::AutoApprove;
        decision.reason = if held { Reason::AllowedHeld } else { Reason::AllowedByApproval };
        self.may_run(rows, Rung::InForce, decision);
    }

    /// A human must say yes.
    fn ask(&self, rung: Rung, ruled: &[Ruled], decision: &mut Decision) {
        let rows: Vec<Row> = ruled.iter().map(|ruled| ruled.row).collect();
        let matter = self.matter();
        let policies = &self.engine.policies;
        let asking: Vec<_> = approval::asking(policies, &rows, Rung::InForce, rung).collect();
        let reuse = asking.iter().map(|terms| terms.reuse).min().unwrap_or_default();
        let kind = if rung == Rung::Manager { ApprovalKind::Manager } else { ApprovalKind::SelfApproval };
        decision.outcome = outcome(rung);
        decision.reason = matter.why_ask(policies, &rows, rung);
        decision.approval_request = Some(ApprovalRequest {
            kind,
            approvers: matter.approvers(rung, policies, &rows),
            subject: self.call.subject.clone(),
            scope: approval::scope(self.tool, reuse, self.binding),
            valid_for: asking.iter().filter_map(|terms| terms.valid_for).min(),
            binding: self.binding.to_string(),
        });
        self.may_run(ruled, rung, decision);
    }

    /// What holds for a call that runs now or after a yes.
    fn may_run(&self, rows: &[Ruled], rung: Rung, decision: &mut Decision) {
        let determines = |ruled: &Ruled| match ruled.row.effect {
            Effect::Permit => ruled.row.is(Truth::True, rung),
            // lifted by a yes, given or asked for
            Effect::Forbid => ruled.asked.contains(&Truth::True) && !ruled.row.is(Truth::True, rung),
        };
        decision.policies = self.policies_where(rows, determines);
        let all = self.engine.policies.iter().zip(rows).filter(|(_, ruled)| determines(ruled));
        decision.obligations = all.flat_map(|(policy, _)| policy.terms.obligations.iter().cloned()).collect();
        decision.obligations.sort();
        decision.obligations.dedup();
        decision.credential.clone_from(&self.server.credential);
        decision.gains_labels.clone_from(&self.tool.labels);
    }

    /// Looks for something to ask for that would open the way. Never a dead end: the same ladder says so.
    fn offer(&self, question: &Question<'_>, decision: &mut Decision) -> Result<bool, Refusal> {
        let mut unresolved = None;
        let mut best: Option<((Rung, Rung), AccessRequest, Vec<Ruled>)> = None;
        let mut forbidden = Forbidden::default();
        for candidate in access::candidates(self.engine, self.facts, self.tool) {
            // candidates come in the order of who must agree; what the call itself then needs decides among equals
            let own = candidate.rung();
            if best.as_ref().is_some_and(|((best, reached), ..)| own > *best || *reached == Rung::InForce) {
                break;
            }
            let held = candidate.added_to(self.facts, self.engine);
            let Some((reached, rows)) = self.opens(question, &held)? else { continue };
            if forbidden.forbids(question, &candidate) {
                continue;
            }
            match candidate.request(self.facts, self.engine) {
                Some(request) if best.as_ref().is_none_or(|(friction, ..)| (own, reached) < *friction) => {
                    best = Some(((own, reached), request, rows));
                }
                Some(_) => {}
                None => unresolved = Some(candidate),
            }
        }
        if let Some(((own, reached), request, rows)) = best {
            self.may_run(&rows, reached, decision);
            decision.outcome = if own == Rung::InForce && reached != Rung::InForce {
                // FAIL-CLOSED: automatic_access_is_no_approval. Where asking is enough, the call itself still needs
                // whatever yes it would need if the agent already held the entitlement.
                self.ask(reached, &rows, decision);
                outcome(reached)
            } else {
                outcome(own)
            };
            decision.reason = Reason::NotHeldRequestable;
            decision.access_request = Some(request);
            return Ok(true);
        }
        for (what, from) in access::pending(self.engine, self.facts, self.tool) {
            let mut held = self.facts.held.clone();
            held.add(what, &self.engine.directory);
            if self.opens(question, &held)?.is_some() {
                decision.outcome = Outcome::Deny;
                decision.reason = Reason::GrantPending;
                decision.detail = Some(format!("granted from {from} on"));
                return Ok(true);
            }
        }
        if let Some(Candidate { id, .. }) = unresolved {
            decision.outcome = Outcome::TicketFallback;
            decision.reason = Reason::ApproverUnresolved;
            decision.detail = Some(format!("`{id}` could be requested, and nobody who may agree to it is known"));
            return Ok(true);
        }
        Ok(false)
    }

    /// The rung that would be reached if the agent held that much.
    fn opens(&self, question: &Question<'_>, held: &Held) -> Result<Option<(Rung, Vec<Ruled>)>, Refusal> {
        let target = match &question.target {
            Target::Call { input, .. } => Target::Call { tool: self.tool, server: self.server, input: input.clone() },
            _ => return Ok(None),
        };
        let (verdict, rows) = self.climb(&Question { held, target, ..*question })?;
        Ok(match verdict {
            Verdict::Allowed(rung) => Some((rung, rows)),
            _ => None,
        })
    }

    /// No way: forbidden, or nothing permits it.
    fn refuse(&self, verdict: Verdict, rows: &[Ruled], decision: &mut Decision) -> Result<(), Refusal> {
        match verdict {
            Verdict::Forbidden => {
                let holds = |row: &Row| row.effect == Effect::Forbid && row.is(Truth::True, Rung::Manager);
                decision.policies = self.policies(rows, holds);
                let forbidding = || self.engine.policies.iter().zip(rows).filter(|(_, ruled)| holds(&ruled.row));
                decision.guidance = forbidding().find_map(|(policy, _)| policy.terms.guidance.clone());
                // signing in again must be worth it
                decision.step_up = remedy(&self.engine.policies, rows);
                if decision.step_up.is_some() {
                    return Err(Refusal::new(Reason::StepUpRequired, "the user must authenticate again"));
                }
                Err(Refusal::new(Reason::PolicyDenied, "a forbid holds whatever humans say"))
            }
            Verdict::Unresolved => {
                decision.outcome = Outcome::TicketFallback;
                decision.reason = Reason::ApproverUnresolved;
                decision.detail = Some("nobody who may say yes is known and active".into());
                decision.policies = self.policies_where(rows, |ruled| {
                    ruled.row.effect == Effect::Permit && ruled.row.is(Truth::True, Rung::Manager)
                        || ruled.row.effect == Effect::Forbid && ruled.row.is(Truth::True, Rung::InForce)
                });
                Ok(())
            }
            _ => {
                let human = |id: &String| self.facts.human_entitlements.contains(id);
                decision.outcome = Outcome::TicketFallback;
                decision.reason = if !self.tool.entitlements.iter().any(|id| self.facts.held.entitlements.contains(id))
                    && self.tool.entitlements.iter().any(human)
                {
                    Reason::AgentNotEntitled
                } else {
                    Reason::Ineligible
                };
                Ok(())
            }
        }
    }

    fn policies(&self, rows: &[Ruled], determines: impl Fn(&Row) -> bool) -> Vec<DeterminingPolicy> {
        self.policies_where(rows, |ruled| determines(&ruled.row))
    }

    fn policies_where(&self, rows: &[Ruled], determines: impl Fn(&Ruled) -> bool) -> Vec<DeterminingPolicy> {
        let all = self.engine.policies.iter().zip(rows).filter(|(_, ruled)| determines(ruled));
        all.map(|(policy, _)| policy.terms.determining()).collect()
    }
}

fn outcome(rung: Rung) -> Outcome {
    match rung {
        Rung::InForce => Outcome::AutoApprove,
        Rung::SelfApproval => Outcome::SelfApprove,
        Rung::Manager => Outcome::ManagerApprove,
    }
}

/// The instants at which a grant begins or ends, or a policy that reads the clock could change.
fn boundaries<'a>(engine: &'a Compiled, facts: &'a Facts<'_>, call: &'a Call) -> impl Iterator<Item = Instant> {
    let grants = facts.grants.iter().flat_map(|grant| [grant.from, grant.until]);
    let clocks = engine.policies.iter().flat_map(|policy| match &policy.clock {
        Clock::At(instants) => instants.clone(),
        // Cedar sees milliseconds, so the next one is the first that can differ
        Clock::Always => Instant::from_unix_millis(call.now.unix_millis().saturating_add(1)).into_iter().collect(),
    });
    // an authentication that lies ahead begins to count when it is reached
    grants.flatten().chain(clocks).chain(call.session.authenticated_at)
}

fn earliest(known: Option<Instant>, more: impl Iterator<Item = Instant>, now: Instant) -> Option<Instant> {
    known.into_iter().chain(more).filter(|at| *at > now).min()
}
