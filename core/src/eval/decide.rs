//! One call → one decision: gate, approvals, ladder, what could be asked for, and what to say.
//!
//! Total: every way out is a [`Decision`], and every fault on the way is a denial.

use std::borrow::Cow;

use crate::compile::build::Compiled;
use crate::compile::inventory::{Candidate, ServerEntry, ToolEntry};
use crate::data::decision::{ApprovalRequest, Decision, DeterminingPolicy, Effect, Outcome};
use crate::data::id::SubjectRef;
use crate::data::reason::Reason;
use crate::data::snapshot::{ApprovalKind, Scope};
use crate::data::time::Instant;
use crate::eval::access::{self, Forbidden};
use crate::eval::approval::{self, Asked, Binding, Matter};
use crate::eval::check;
use crate::eval::detail::{Detail, Refusal};
use crate::eval::facts::{self, Facts, earliest};
use crate::eval::input::Space;
use crate::eval::ladder::{Row, Rung, Truth, Verdict, climb};
use crate::eval::question::{Before, Facets, Input, Question, Target, Truths};
use crate::eval::ruling::{Rows, Ruled, remedy, ruled, verdict};
use crate::eval::say;
use crate::load::asking::Asking;

/// Decides one call.
pub(crate) fn decide<'e>(engine: &'e Compiled, asking: &Asking<'_>) -> Decision<'e> {
    let mut decision = blank(engine);
    let mut answer = Answer { outcome: Outcome::Deny, reason: Reason::InvalidRequest, full: Some(&mut decision) };
    answer.take(engine, asking);
    (decision.outcome, decision.reason) = (answer.outcome, answer.reason);
    say::finish(engine, asking, &mut decision);
    decision
}

/// Decides one call, and says no more than the outcome and the reason. Allocates nothing for usual calls.
pub(crate) fn verdict_of(engine: &Compiled, asking: &Asking<'_>) -> (Outcome, Reason) {
    let mut answer = Answer { outcome: Outcome::Deny, reason: Reason::InvalidRequest, full: None };
    answer.take(engine, asking);
    (answer.outcome, answer.reason)
}

/// A denial for a call that could not even be read.
pub(crate) fn refuse(engine: &Compiled, reason: Reason, detail: String) -> Decision<'_> {
    let mut decision = blank(engine);
    decision.reason = reason;
    decision.detail = Some(detail);
    decision.guidance = engine.catalog.tenant.guidance.as_ref().map(Cow::Borrowed);
    decision.agent_message = say::refused(reason, None, decision.guidance.as_deref());
    decision
}

/// What nobody has decided yet is denied.
fn blank(engine: &Compiled) -> Decision<'_> {
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
        gains_labels: Cow::Borrowed(&[]),
        valid_until: None,
        agent_message: Cow::Borrowed(""),
        engine: Cow::Borrowed(&engine.digest),
        snapshot_version: engine.people.version(),
    }
}

/// What is decided so far: the verdict, and all the rest for whoever wants it.
struct Answer<'d, 'e> {
    outcome: Outcome,
    reason: Reason,
    full: Option<&'d mut Decision<'e>>,
}

/// A call that passed the gate.
struct Case<'a, 'e> {
    engine: &'e Compiled,
    facts: &'a Facts<'a>,
    tool: &'e ToolEntry,
    server: &'e ServerEntry,
    binding: &'a Binding<'a>,
    subject: SubjectRef<'a>,
    now: Instant,
}

impl<'e> Answer<'_, 'e> {
    fn take(&mut self, engine: &'e Compiled, asking: &Asking<'_>) {
        if let Err(refusal) = self.try_take(engine, asking) {
            self.outcome = Outcome::Deny;
            self.because(&refusal);
        }
    }

    fn because(&mut self, refusal: &Refusal<'_>) {
        self.reason = refusal.reason;
        self.detail(&refusal.detail);
    }

    fn detail(&mut self, detail: &Detail<'_>) {
        if let Some(decision) = &mut self.full {
            decision.detail = Some(detail.to_string());
        }
    }

    fn until(&mut self, at: impl IntoIterator<Item = Option<Instant>>, now: Instant) {
        if let Some(decision) = &mut self.full {
            decision.valid_until = earliest(decision.valid_until, at, now);
        }
    }

    fn try_take<'a>(&mut self, engine: &'e Compiled, asking: &'a Asking<'_>) -> Result<(), Refusal<'a>>
    where
        'e: 'a,
    {
        let now = asking.now;
        check::limits(asking, &engine.limits)?;
        self.until(engine.people.interval().map(Some), now);
        let facts = facts::subject(engine, asking.subject, now)?;
        // an authentication that lies ahead begins to count when it is reached
        self.until([facts.next_change, asking.session.authenticated_at], now);
        let (number, tool) = facts::tool(engine, asking.tool)?;
        let server = facts::server(engine, tool.server)?;
        let mut space = Space::default();
        check::arguments(engine, tool, asking.arguments, &mut space).map_err(|detail| match self.full {
            Some(_) => Refusal { reason: Reason::ArgumentInvalid, detail: Detail::Made(detail().into()) },
            None => Refusal { reason: Reason::ArgumentInvalid, detail: Detail::Arguments },
        })?;
        let frame = space.frame(&tool.plan, asking.arguments);
        let binding = Binding::new(asking, tool);
        let facets = Facets::new(&asking.session, now);
        let case = Case { engine, facts: &facts, tool, server, binding: &binding, subject: asking.subject, now };

        // FAIL-CLOSED: arguments_of_other_types_are_refused, and what was not kept cannot be looked into
        let record = frame.value(space.root()).ok_or_else(|| Refusal::new(Reason::EvaluationError, "no arguments"))?;
        let input = Input::Given { record, arguments: asking.arguments };
        let question = Question {
            engine,
            facts: &facts,
            held: &facts.held,
            target: Target::Call { number, tool, input },
            facets: &facets,
            before: None,
        };
        let mut truths = Truths::new();
        let (verdict, rows) = case.climb(&question, Some(&mut truths), self)?;
        match verdict {
            Verdict::Allowed(Rung::InForce) => case.allow(&rows, self),
            Verdict::Allowed(rung) => case.ask(rung, &rows, self),
            Verdict::Undecidable => {
                self.reason = Reason::EvaluationError;
                self.detail(&Detail::Said("a forbid could not be evaluated"));
                case.name(&rows, self, |ruled| {
                    ruled.row.effect == Effect::Forbid && ruled.row.at.contains(&Truth::Error)
                });
            }
            Verdict::Unresolved | Verdict::Forbidden | Verdict::NotPermitted => {
                if !case.offer(&question, &truths, self)? {
                    case.refuse(verdict, &rows, self);
                }
            }
        }
        Ok(())
    }
}

impl<'e> Case<'_, 'e> {
    fn matter(&self) -> Matter<'_> {
        Matter {
            engine: self.engine,
            facts: self.facts,
            server: self.server,
            entitlements: &self.tool.guarded.entitlements,
            asked: Asked::Call { tool: self.tool, binding: self.binding },
            now: self.now,
        }
    }

    /// Asks the policies and climbs the ladder; notes when time alone could change what they say.
    fn climb(
        &self,
        question: &Question<'_>,
        kept: Option<&mut Truths>,
        answer: &mut Answer<'_, 'e>,
    ) -> Result<(Verdict, Rows), Refusal<'static>> {
        let matter = self.matter();
        let rows = ruled(question, &matter, kept)?;
        if answer.full.is_some() {
            let timed = rows.iter().filter(|ruled| ruled.timed);
            let clocks = timed.filter_map(|ruled| self.engine.policy(ruled.policy)?.clock.next(self.now));
            answer.until(clocks.map(Some), self.now);
            answer.until([matter.next_change(&rows)], self.now);
        }
        Ok((verdict(&matter, &rows), rows))
    }

    fn allow(&self, rows: &[Ruled], answer: &mut Answer<'_, 'e>) {
        // without any approval
        let without = rows.iter().map(|ruled| Row { effect: ruled.row.effect, at: ruled.asked });
        let held = climb(without, |_| false) == Verdict::Allowed(Rung::InForce);
        answer.outcome = Outcome::AutoApprove;
        answer.reason = if held { Reason::AllowedHeld } else { Reason::AllowedByApproval };
        self.may_run(rows, Rung::InForce, answer);
    }

    /// A human must say yes.
    fn ask(&self, rung: Rung, rows: &[Ruled], answer: &mut Answer<'_, 'e>) {
        let matter = self.matter();
        answer.outcome = outcome(rung);
        answer.reason = matter.why_ask(rows, rung);
        if let Some(decision) = &mut answer.full {
            let asking = approval::asking(self.engine, rows, Rung::InForce, rung);
            let reuse = asking.iter().map(|policy| policy.terms.reuse).min().unwrap_or_default();
            let kind = if rung == Rung::Manager { ApprovalKind::Manager } else { ApprovalKind::SelfApproval };
            let binding = self.binding.get().to_string();
            let approvers = matter.approvers(rung, rows);
            decision.approval_request = Some(ApprovalRequest {
                kind,
                approvers: approvers.iter().map(|user| Cow::Borrowed(self.engine.user_name(*user))).collect(),
                subject: self.subject.to_owned(),
                scope: match approval::scope(self.tool, reuse) {
                    Some(scope) => Cow::Borrowed(scope),
                    None => Cow::Owned(Scope::Call(binding.clone())),
                },
                valid_for: asking.iter().filter_map(|policy| policy.terms.valid_for).min(),
                binding,
            });
        }
        self.may_run(rows, rung, answer);
    }

    /// What holds for a call that runs now or after a yes.
    fn may_run(&self, rows: &[Ruled], rung: Rung, answer: &mut Answer<'_, 'e>) {
        let determines = |ruled: &Ruled| match ruled.row.effect {
            Effect::Permit => ruled.row.is(Truth::True, rung),
            // lifted by a yes, given or asked for
            Effect::Forbid => ruled.asked.contains(&Truth::True) && !ruled.row.is(Truth::True, rung),
        };
        self.name(rows, answer, determines);
        let Some(decision) = &mut answer.full else { return };
        let all = rows.iter().filter(|ruled| determines(ruled)).filter_map(|ruled| self.engine.policy(ruled.policy));
        decision.obligations =
            all.flat_map(|policy| policy.terms.obligations.iter().map(|text| Cow::Borrowed(text.as_str()))).collect();
        decision.obligations.sort();
        decision.obligations.dedup();
        decision.credential = self.server.credential.as_ref().map(Cow::Borrowed);
        decision.gains_labels = Cow::Borrowed(&self.tool.labels);
    }

    /// Looks for something to ask for that would open the way. Never a dead end: the same ladder says so.
    /// `truths` is what the policies say as it is.
    fn offer(
        &self,
        question: &Question<'_>,
        truths: &Truths,
        answer: &mut Answer<'_, 'e>,
    ) -> Result<bool, Refusal<'static>> {
        let mut unresolved: Option<&'e Candidate> = None;
        let mut best: Option<((Rung, Rung), &'e Candidate, Rows)> = None;
        let mut forbidden = Forbidden::default();
        for candidate in access::candidates(self.engine, self.facts, self.tool) {
            // candidates come in the order of who must agree; what the call itself then needs decides among equals
            let own = candidate.rung();
            if best.as_ref().is_some_and(|((best, reached), ..)| own > *best || *reached == Rung::InForce) {
                break;
            }
            let before = Before { truths, more: candidate.what() };
            let Some((reached, rows)) = self.opens(question, before, answer)? else { continue };
            if forbidden.forbids(question, candidate) {
                continue;
            }
            if !candidate.can_be_agreed(self.facts) {
                unresolved = Some(candidate);
            } else if best.as_ref().is_none_or(|(friction, ..)| (own, reached) < *friction) {
                best = Some(((own, reached), candidate, rows));
            }
        }
        if let Some(((own, reached), candidate, rows)) = best {
            self.may_run(&rows, reached, answer);
            answer.outcome = if own == Rung::InForce && reached != Rung::InForce {
                // FAIL-CLOSED: automatic_access_is_no_approval. Where asking is enough, the call itself still needs
                // whatever yes it would need if the agent already held the entitlement.
                self.ask(reached, &rows, answer);
                outcome(reached)
            } else {
                outcome(own)
            };
            answer.reason = Reason::NotHeldRequestable;
            if let Some(decision) = &mut answer.full {
                decision.access_request = Some(candidate.request(self.facts, self.engine));
            }
            return Ok(true);
        }
        for (what, from) in access::pending(self.engine, self.facts, self.tool) {
            if self.opens(question, Before { truths, more: what }, answer)?.is_some() {
                answer.outcome = Outcome::Deny;
                answer.because(&Refusal { reason: Reason::GrantPending, detail: Detail::Granted { from } });
                return Ok(true);
            }
        }
        if let Some(Candidate { id, .. }) = unresolved {
            answer.outcome = Outcome::TicketFallback;
            let after = " could be requested, and nobody who may agree to it is known";
            answer.because(&Refusal::about(Reason::ApproverUnresolved, "", id, after));
            return Ok(true);
        }
        Ok(false)
    }

    /// The rung that would be reached if the agent held more.
    fn opens(
        &self,
        question: &Question<'_>,
        before: Before<'_>,
        answer: &mut Answer<'_, 'e>,
    ) -> Result<Option<(Rung, Rows)>, Refusal<'static>> {
        let held = self.facts.held.with(before.more, &self.engine.people);
        let question = Question { held: &held, before: Some(before), ..*question };
        let (verdict, rows) = self.climb(&question, None, answer)?;
        Ok(match verdict {
            Verdict::Allowed(rung) => Some((rung, rows)),
            _ => None,
        })
    }

    /// No way: forbidden, or nothing permits it.
    fn refuse(&self, verdict: Verdict, rows: &[Ruled], answer: &mut Answer<'_, 'e>) {
        match verdict {
            Verdict::Forbidden => {
                let holds =
                    |ruled: &Ruled| ruled.row.effect == Effect::Forbid && ruled.row.is(Truth::True, Rung::Manager);
                // signing in again must be worth it
                let step_up = remedy(self.engine, rows);
                answer.outcome = Outcome::Deny;
                answer.because(&match step_up {
                    Some(_) => Refusal::new(Reason::StepUpRequired, "the user must authenticate again"),
                    None => Refusal::new(Reason::PolicyDenied, "a forbid holds whatever humans say"),
                });
                self.name(rows, answer, holds);
                if let Some(decision) = &mut answer.full {
                    let mut forbidding = rows.iter().filter(|ruled| holds(ruled));
                    let guidance =
                        forbidding.find_map(|ruled| self.engine.policy(ruled.policy)?.terms.guidance.as_ref());
                    decision.guidance = guidance.map(Cow::Borrowed);
                    decision.step_up = step_up.map(Cow::Borrowed);
                }
            }
            Verdict::Unresolved => {
                answer.outcome = Outcome::TicketFallback;
                answer.because(&Refusal::new(Reason::ApproverUnresolved, "nobody who may say yes is known and active"));
                self.name(rows, answer, |ruled| {
                    ruled.row.effect == Effect::Permit && ruled.row.is(Truth::True, Rung::Manager)
                        || ruled.row.effect == Effect::Forbid && ruled.row.is(Truth::True, Rung::InForce)
                });
            }
            _ => {
                let unlocking = &self.tool.guarded.entitlements;
                let human = |id: &u32| self.facts.own().binary_search(id).is_ok();
                let held = unlocking.iter().any(|id| self.facts.held.has(*id));
                answer.outcome = Outcome::TicketFallback;
                answer.reason =
                    if !held && unlocking.iter().any(human) { Reason::AgentNotEntitled } else { Reason::Ineligible };
            }
        }
    }

    /// Names the policies that determine the answer.
    fn name(&self, rows: &[Ruled], answer: &mut Answer<'_, 'e>, determines: impl Fn(&Ruled) -> bool) {
        let Some(decision) = &mut answer.full else { return };
        let all = rows.iter().filter(|ruled| determines(ruled));
        let all = all.filter_map(|ruled| self.engine.policy(ruled.policy));
        let count = all.clone().count();
        let mut policies: Vec<DeterminingPolicy<'e>> = Vec::with_capacity(count);
        policies.extend(all.map(|policy| policy.terms.determining()));
        decision.policies = policies;
    }
}

fn outcome(rung: Rung) -> Outcome {
    match rung {
        Rung::InForce => Outcome::AutoApprove,
        Rung::SelfApproval => Outcome::SelfApprove,
        Rung::Manager => Outcome::ManagerApprove,
    }
}
