//! One property asked of one target and one kind of subject.

use std::collections::BTreeSet;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, RequestEnv};
use cedar_policy_symcc::{
    CompiledPolicy, CompiledPolicySet, Env, SymEnv, always_denies_asserts, disjoint_asserts, implies_asserts,
    matches_implies_asserts, never_errors_asserts,
};
use serde_json::Value;

use super::assume;
use super::environment::{BEFORE, Level, NOW, Schemas};
use super::property::{Property, Then};
use super::rewrite::{View, rewrite};
use super::solver::{Ask, Solve};
use super::world::{PrincipalKind, Rule, Target, World};

/// What is asked: a property, or that nothing became more permissive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim<'a> {
    /// A property of one bundle.
    Of(&'a Property),
    /// What is allowed was allowed before; and how the target was then.
    NoMoreThan(&'a World<'a>, &'a Target),
}

/// The answer for one target and one kind of subject.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// It holds; `asked` says whether a solver had to be asked.
    Holds { asked: bool },
    /// A request of which it does not.
    Counter(Box<Counter>),
    /// Nobody knows, and why.
    Unknown(String),
}

/// A request of which a property does not hold, in Cedar's terms.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counter {
    pub(super) env: Env,
    /// What it shows.
    pub(super) shows: Shows,
}

/// What a counterexample shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shows {
    /// It is allowed with at most this much agreement, and should not be.
    Allowed(Level),
    /// It is not allowed with all the agreement there is, and should be.
    NotAllowed,
    /// It is allowed at the first level and not at the second.
    Tightens(Level, Level),
    /// This policy is in error.
    Errs(String, Effect),
}

/// One target and one kind of subject, ready to ask about.
pub(super) struct Scene<'a> {
    schemas: &'a Schemas,
    target: &'a Target,
    principal: PrincipalKind,
    rules: Vec<&'a Rule>,
    request: RequestEnv,
    symbolic: SymEnv,
}

type Asked<T> = Result<T, String>;

/// What the policy made of a property is called.
const PROPERTY: &str = "toolgate property";

impl<'a> Scene<'a> {
    pub(super) fn new(
        schemas: &'a Schemas,
        world: &'a World<'a>,
        target: &'a Target,
        principal: PrincipalKind,
        before: Option<&Target>,
    ) -> Asked<Self> {
        let (request, symbolic) = schemas.environment(target, principal, before.map(|target| &target.facts))?;
        Ok(Self { schemas, target, principal, rules: world.applying(target, principal), request, symbolic })
    }

    /// Asks a claim.
    pub(super) fn judge(&self, claim: Claim<'_>, solver: &mut dyn Solve) -> Found {
        let found = match claim {
            Claim::Of(property) => match property.then {
                Then::NeverErrs => self.never_errs(solver),
                Then::OnlyLoosens => self.only_loosens(solver),
                Then::NeverAutoApprove => self.never_allowed(property, Level::None, solver),
                Then::AtLeastManagerApprove => self.never_allowed(property, Level::AtMostUser, solver),
                Then::AlwaysDenied => self.never_allowed(property, Level::Any, solver),
                Then::NeverDeniedByPolicy => self.never_denied(property, solver),
            },
            Claim::NoMoreThan(before, target) => self.no_more_than(before, target, solver),
        };
        found.unwrap_or_else(Found::Unknown)
    }

    /// Whether any request meets a property's `when`.
    pub(super) fn is_met(&self, property: &Property, solver: &mut dyn Solve) -> Asked<bool> {
        let when = self.when(property)?;
        match solver.ask(&always_denies_asserts(&when)) {
            Ask::Holds { .. } => Ok(false),
            Ask::Counter(_) => Ok(true),
            Ask::Unknown(why) => Err(why),
        }
    }

    /// No request that meets `when` is allowed at a level.
    fn never_allowed(&self, property: &Property, level: Level, solver: &mut dyn Solve) -> Asked<Found> {
        if !self.rules.iter().any(|rule| rule.effect == Effect::Permit) {
            return Ok(Found::Holds { asked: false });
        }
        let allowed = self.compile_set(self.policies(&self.rules, level, NOW)?)?;
        let when = self.when(property)?;
        Ok(found(solver.ask(&disjoint_asserts(&allowed, &when)), Shows::Allowed(level)))
    }

    /// Every request that meets `when` is allowed once everybody has said yes.
    fn never_denied(&self, property: &Property, solver: &mut dyn Solve) -> Asked<Found> {
        let allowed = self.compile_set(self.policies(&self.rules, Level::Manager, NOW)?)?;
        let when = self.when(property)?;
        Ok(found(solver.ask(&implies_asserts(&when, &allowed)), Shows::NotAllowed))
    }

    /// Each policy for itself first: then it holds whichever approvals count for which policy.
    fn only_loosens(&self, solver: &mut dyn Solve) -> Asked<Found> {
        const STEPS: [(Level, Level); 2] = [(Level::None, Level::User), (Level::User, Level::Manager)];
        let assume = self.assumption(&self.rules)?;
        let (mut asked, mut tightens) = (false, None);
        for rule in &self.rules {
            for (lower, upper) in STEPS {
                let (lower, upper) = match rule.effect {
                    Effect::Permit => (lower, upper),
                    Effect::Forbid => (upper, lower),
                };
                let compile = |level| self.compile(&rule.policy(&self.view(self.target, level, NOW), assume.as_ref())?);
                match solver.ask(&matches_implies_asserts(&compile(lower)?, &compile(upper)?)) {
                    Ask::Holds { asked: now } => asked |= now,
                    Ask::Counter(_) => tightens = tightens.or(Some(&rule.id)),
                    Ask::Unknown(why) => return Err(why),
                }
            }
        }
        let Some(id) = tightens else { return Ok(Found::Holds { asked }) };
        for (lower, upper) in STEPS {
            let mut less = self.policies(&self.rules, lower, NOW)?;
            less.extend(self.unless_assumed(&self.rules)?);
            let (less, more) = (self.compile_set(less)?, self.compile_set(self.policies(&self.rules, upper, NOW)?)?);
            match solver.ask(&implies_asserts(&less, &more)) {
                Ask::Holds { .. } => {}
                other => return Ok(found(other, Shows::Tightens(lower, upper))),
            }
        }
        Err(format!(
            "policy `{id}` says less with more approval. No call shows it while every policy counts the same approvals, \
             but an approval may count for one policy and not for another (`@valid_for`, `@reuse`, `@approvers`): \
             rewrite the policy so that approval only adds"
        ))
    }

    /// No policy is in error at any rung.
    fn never_errs(&self, solver: &mut dyn Solve) -> Asked<Found> {
        let assume = self.assumption(&self.rules)?;
        let mut asked = false;
        for rule in &self.rules {
            let policy = rule.policy(&self.view(self.target, Level::Any, NOW), assume.as_ref())?;
            match solver.ask(&never_errors_asserts(&self.compile(&policy)?)) {
                Ask::Holds { asked: now } => asked |= now,
                other => return Ok(found(other, Shows::Errs(rule.id.clone(), rule.effect))),
            }
        }
        Ok(Found::Holds { asked })
    }

    /// What is allowed at a rung was allowed at that rung before.
    fn no_more_than(&self, before: &World<'_>, target: &Target, solver: &mut dyn Solve) -> Asked<Found> {
        if !self.rules.iter().any(|rule| rule.effect == Effect::Permit) {
            return Ok(Found::Holds { asked: false });
        }
        let old = before.applying(target, self.principal);
        let every: Vec<&Rule> = self.rules.iter().chain(&old).copied().collect();
        let mut now = self.policies(&self.rules, Level::Any, NOW)?;
        now.extend(self.unless_assumed(&every)?);
        let view = self.view(target, Level::Any, BEFORE);
        let then: Vec<Policy> = old.iter().map(|rule| rule.policy(&view, None)).collect::<Result<_, _>>()?;
        let now = self.compile_set(now)?;
        let then = self.compile_set(then).map_err(|error| {
            format!("the policies compared with do not fit the tool's arguments as they are now: {error}")
        })?;
        Ok(found(solver.ask(&implies_asserts(&now, &then)), Shows::Allowed(Level::Any)))
    }

    fn view<'t>(&self, target: &'t Target, level: Level, facts: &'static str) -> View<'t> {
        View { action: &target.action, resource: target.resource.as_deref(), facts, rung: level.name() }
    }

    fn policies(&self, rules: &[&Rule], level: Level, facts: &'static str) -> Asked<Vec<Policy>> {
        let view = self.view(self.target, level, facts);
        rules.iter().map(|rule| rule.policy(&view, None)).collect()
    }

    /// What holds of every request that reaches the policies, as far as these policies can tell.
    fn assumption(&self, rules: &[&Rule]) -> Asked<Option<Value>> {
        let reads = rules.iter().flat_map(|rule| &rule.reads).cloned().collect();
        let names = rules.iter().flat_map(|rule| &rule.names).cloned().collect();
        self.assumed(&reads, &names, None)
    }

    fn assumed(
        &self,
        reads: &BTreeSet<String>,
        names: &BTreeSet<super::rewrite::Name>,
        when: Option<&str>,
    ) -> Asked<Option<Value>> {
        let mut parts = assume::of(self.principal, reads, names);
        for part in assume::of_arguments(self.target, reads) {
            let alone = policy(PROPERTY, "permit", "when", &condition(&part)?)?;
            if self.compile(&alone).is_ok() {
                parts.push(part);
            }
        }
        // last, so that what holds of every request is known by then
        parts.extend(when.map(|when| format!("({when})")));
        if parts.is_empty() { Ok(None) } else { condition(&parts.join(" && ")).map(Some) }
    }

    /// Nothing is permitted unless what holds of every request holds of this one. It is never in error.
    fn unless_assumed(&self, rules: &[&Rule]) -> Asked<Option<Policy>> {
        let Some(assume) = self.assumption(rules)? else { return Ok(None) };
        let forbid = policy("toolgate assumes", "forbid", "unless", &assume)?;
        Ok(Some(forbid))
    }

    /// A permit for the requests that a property speaks of.
    fn when(&self, property: &Property) -> Asked<CompiledPolicySet> {
        let mut reads: BTreeSet<String> = self.rules.iter().flat_map(|rule| &rule.reads).cloned().collect();
        let mut names: BTreeSet<_> = self.rules.iter().flat_map(|rule| &rule.names).cloned().collect();
        if let Some(when) = &property.when {
            assume::read(&condition(when)?, &mut reads, &mut names);
        }
        let assumed = self.assumed(&reads, &names, property.when.as_deref())?;
        let mut assumed = assumed.unwrap_or_else(|| serde_json::json!({"Value": true}));
        rewrite(&mut assumed, &self.view(self.target, Level::Any, NOW)).map_err(|error| format!("`when`: {error}"))?;
        let permit = policy(PROPERTY, "permit", "when", &assumed)?;
        self.compile_set([permit]).map_err(|error| {
            format!(
                "its `when` does not fit this tool ({error}): change it, or narrow `tools`, `servers` or `operations`"
            )
        })
    }

    fn compile(&self, policy: &Policy) -> Asked<CompiledPolicy> {
        CompiledPolicy::compile_with_custom_symenv(policy, &self.request, self.schemas.schema(), self.symbolic.clone())
            .map_err(|error| explained(&error))
    }

    fn compile_set(&self, policies: impl IntoIterator<Item = Policy>) -> Asked<CompiledPolicySet> {
        let set = PolicySet::from_policies(policies).map_err(|error| error.to_string())?;
        CompiledPolicySet::compile_with_custom_symenv(&set, &self.request, self.schemas.schema(), self.symbolic.clone())
            .map_err(|error| explained(&error))
    }
}

fn found(ask: Ask, shows: Shows) -> Found {
    match ask {
        Ask::Holds { asked } => Found::Holds { asked },
        Ask::Counter(env) => Found::Counter(Box::new(Counter { env: *env, shows })),
        Ask::Unknown(why) => Found::Unknown(why),
    }
}

/// The JSON of an expression.
pub(super) fn condition(text: &str) -> Asked<Value> {
    let policy = Policy::parse(None, format!("permit (principal, action, resource) when {{ {text} }};"));
    let json = policy.map_err(|error| error.to_string())?.to_json().map_err(|error| error.to_string())?;
    json.pointer("/conditions/0/body").cloned().ok_or_else(|| "there is no condition".into())
}

fn policy(id: &str, effect: &str, kind: &str, condition: &Value) -> Asked<Policy> {
    let all = serde_json::json!({"op": "All"});
    let json = serde_json::json!({
        "effect": effect, "principal": all, "action": all, "resource": all,
        "conditions": [{"kind": kind, "body": condition}],
    });
    Policy::from_json(Some(PolicyId::new(id)), json).map_err(|error| error.to_string())
}

/// Why something cannot be compiled.
fn explained(error: &cedar_policy_symcc::err::Error) -> String {
    use cedar_policy_symcc::err::Error;
    match error {
        Error::PolicyNotWellTyped { errs } => {
            let own = format!("for policy `{PROPERTY}`, ");
            let mut said: Vec<String> = errs.iter().map(|error| error.to_string().replace(&own, "")).collect();
            said.dedup();
            said.join("; ")
        }
        other => other.to_string(),
    }
}
