//! Do the policies fit the catalog? Cedar's strict validation, and what it lets pass that a gate must not.
//!
//! Cedar warns where toolgate refuses: a policy that can never hold is a rule somebody relies on in vain. It says
//! nothing of a misspelt name under `has`, which is false for ever. Both are errors here. A policy that applies to no
//! tool of *this* catalog is reported as inert and kept, so that a pack fits any catalog.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::ffi::DetailedError;
use cedar_policy::pst::{Expr, Var};
use cedar_policy::{ActionConstraint, EntityUid, PolicySet, Schema, ValidationMode, ValidationWarning, Validator};

use crate::compile::inspect;
use crate::compile::vocabulary::{self, ISSUE_TOKEN, REQUEST, Types};
use crate::data::catalog::Catalog;
use crate::data::id::{Operation, ToolId};
use crate::data::report::{Finding, FindingKind};
use crate::error::{Error, ErrorKind};
use crate::load::arguments::{Arguments, PathAnswer, closest};
use crate::load::policies::{SourcePolicy, place_diagnostic};
use crate::load::stack;

/// What policies are checked against.
pub(crate) struct Subject<'a> {
    pub(crate) files: &'a [(String, String)],
    pub(crate) policies: &'a [SourcePolicy],
    pub(crate) catalog: &'a Catalog,
    pub(crate) arguments: &'a BTreeMap<ToolId, Arguments>,
    pub(crate) types: &'a Types,
    /// The tools by their written ids, which are the names of their actions.
    pub(crate) tools: BTreeMap<String, Operation>,
}

/// The schema that the policies were found valid against, and what is worth knowing though it is no error.
pub(crate) fn validate(subject: &Subject<'_>) -> Result<(BTreeSet<String>, Vec<Finding>), Vec<Error>> {
    let mut errors = Vec::new();
    let mut findings = Vec::new();
    let mut set = PolicySet::new();
    let mut absent = BTreeSet::new();

    for policy in subject.policies {
        for uid in policy.cedar.entity_literals() {
            match subject.action_literal(&uid) {
                Ok(Some(name)) => {
                    absent.insert(name);
                }
                Ok(None) => {}
                Err(error) => errors.push(subject.place(error, policy)),
            }
        }
        match subject.applies_to(policy) {
            Ok(applies) if applies.is_empty() => findings.push(subject.inert(policy)),
            Ok(applies) => {
                errors.extend(subject.check_names(policy, &applies));
                if let Err(error) = set.add(policy.cedar.clone()) {
                    errors.push(subject.place(Error::new(ErrorKind::PolicyId, error.to_string()), policy));
                }
            }
            Err(error) => errors.push(subject.place(error, policy)),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }

    let schema = vocabulary::schema(subject.catalog, subject.arguments, &absent)
        .and_then(|fragment| {
            Schema::from_schema_fragments([fragment]).map_err(|error| {
                Error::new(ErrorKind::Schema, format!("the catalog does not make a Cedar schema: {error}"))
            })
        })
        .map_err(|error| vec![error])?;
    let result = stack::with_stack(|| Validator::new(schema.clone()).validate(&set, ValidationMode::Strict));
    let mut seen = BTreeSet::new();
    for error in result.validation_errors() {
        errors.extend(subject.cedar_error(error.policy_id().as_ref(), &DetailedError::from(error), &mut seen));
    }
    for warning in result.validation_warnings() {
        let id = warning.policy_id().as_ref();
        let detail = DetailedError::from(warning);
        if matches!(warning, ValidationWarning::ImpossiblePolicy(_)) {
            let error = subject.cedar_error(id, &detail, &mut seen);
            errors.extend(
                error.map(|error| {
                    error.help("its condition is false for every request there could be: mend or remove it")
                }),
            );
        } else {
            findings.push(Finding::new(FindingKind::PolicyWarning, detail.message).about_policy(id));
        }
    }
    if errors.is_empty() { Ok((absent, findings)) } else { Err(errors) }
}

impl Subject<'_> {
    /// The name of an action that a policy means and this catalog does not have.
    fn action_literal(&self, uid: &EntityUid) -> Result<Option<String>, Error> {
        let name = uid.id().unescaped();
        if uid.type_name() == &self.types.agent {
            return Err(Error::new(
                ErrorKind::PolicyValidation,
                format!("an agent has no name of its own, and `{uid}` is none"),
            )
            .help(
                "write `principal.user == Toolgate::User::\"…\"`, and `principal.client == Toolgate::Client::\"…\"`",
            ));
        }
        if uid.type_name() != &self.types.action {
            if uid.type_name().basename() == "Action" {
                return Err(Error::new(ErrorKind::PolicyValidation, format!("`{uid}` is not an action here"))
                    .help(format!("write `Toolgate::Action::\"{}\"`", name.escape_debug())));
            }
            return Ok(None);
        }
        let known = [REQUEST, ISSUE_TOKEN].contains(&name) || is_group(name) || self.tools.contains_key(name);
        match known {
            true => Ok(None),
            false if name.contains('/') => Ok(Some(name.to_string())),
            false => {
                Err(Error::new(ErrorKind::PolicyValidation, format!("there is no action `{}`", name.escape_debug()))
                    .help("actions are `read`, `write`, `delete`, `request`, `issue_token` and tools as `server/name`"))
            }
        }
    }

    /// The actions of this catalog that a policy's scope lets through.
    fn applies_to(&self, policy: &SourcePolicy) -> Result<BTreeSet<String>, Error> {
        let named = match policy.cedar.action_constraint() {
            ActionConstraint::Any => {
                return Ok(self.tools.keys().cloned().chain([REQUEST.into(), ISSUE_TOKEN.into()]).collect());
            }
            ActionConstraint::In(uids) => uids,
            ActionConstraint::Eq(uid) => {
                if is_group(uid.id().unescaped()) {
                    return Err(Error::new(
                        ErrorKind::PolicyValidation,
                        format!("`action == {uid}` never holds: no call is the group itself"),
                    )
                    .help(format!("write `action in {uid}`")));
                }
                vec![uid]
            }
        };
        let mut applies = BTreeSet::new();
        for uid in named {
            let name = uid.id().unescaped();
            if [REQUEST, ISSUE_TOKEN].contains(&name) || self.tools.contains_key(name) {
                applies.insert(name.to_string());
            }
            let group = self.tools.iter().filter(|(_, operation)| operation.as_str() == name);
            applies.extend(group.map(|(tool, _)| tool.clone()));
        }
        Ok(applies)
    }

    fn inert(&self, policy: &SourcePolicy) -> Finding {
        let mut message = format!("policy `{}` applies to no tool of this catalog", policy.terms.id);
        if let ActionConstraint::Eq(uid) = policy.cedar.action_constraint()
            && let Some(near) = closest(uid.id().unescaped(), self.tools.keys().map(String::as_str)).first()
        {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        Finding::new(FindingKind::PolicyInert, message).about_policy(&policy.terms.id)
    }

    /// Names under `has` that exist for none of the actions the policy applies to.
    fn check_names(&self, policy: &SourcePolicy, applies: &BTreeSet<String>) -> Vec<Error> {
        let mut errors = Vec::new();
        for clause in policy.tree.body().clauses() {
            inspect::walk(inspect::condition(clause), &mut |expr| {
                if let Expr::HasAttr { expr: base, attrs } = expr
                    && let Some((var, mut path)) = inspect::path(base)
                {
                    path.extend(attrs.iter().map(|attr| attr.as_str()));
                    if let Err(error) = self.check_name(var, &path, applies) {
                        errors.push(self.place(error, policy));
                    }
                }
            });
        }
        errors
    }

    fn check_name(&self, var: &Var, path: &[&str], applies: &BTreeSet<String>) -> Result<(), Error> {
        let unknown = |name: &str, where_: &str, known: &[&str]| {
            let error = Error::new(
                ErrorKind::PolicyAttribute,
                format!("`has {name}` is never true: {where_} has no such attribute"),
            );
            match closest(name, known.iter().copied()).first() {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None if known.is_empty() => error.help("it has none at all"),
                None => error.help(format!("known are {}", known.join(", "))),
            }
        };
        const PRINCIPAL: &[&str] = &["user", "client", "owner"];
        const RESOURCE: &[&str] = &["entitlements", "environment", "labels", "sensitive", "trusted"];
        const CONTEXT: &[&str] = &["approval", "channel", "input", "now", "session"];
        const SESSION: &[&str] = &["acr", "authenticated_at", "calls", "id", "labels"];
        let fixed = |known: &[&str], name: &str, where_: &str| {
            if known.contains(&name) { Ok(()) } else { Err(unknown(name, where_, known)) }
        };
        match (var, path) {
            (Var::Principal, ["client", name]) => fixed(&["kind"], name, "`principal.client`"),
            (Var::Principal, [entity @ ("user" | "owner"), name]) => fixed(&[], name, &format!("`principal.{entity}`")),
            (Var::Principal, [name]) => fixed(PRINCIPAL, name, "a principal"),
            (Var::Resource, [name]) => fixed(RESOURCE, name, "a resource"),
            (Var::Context, ["session", name]) => fixed(SESSION, name, "`context.session`"),
            (Var::Context, ["approval", name]) => fixed(&["manager", "self"], name, "`context.approval`"),
            (Var::Context, ["input", rest @ ..]) if !rest.is_empty() => self.check_argument(rest, applies),
            (Var::Context, [name]) => fixed(CONTEXT, name, "`context`"),
            _ => Ok(()),
        }
    }

    fn check_argument(&self, path: &[&str], applies: &BTreeSet<String>) -> Result<(), Error> {
        let shown = path.join(".");
        let (mut near, mut left_out) = (BTreeSet::new(), None);
        for (id, arguments) in self.arguments.iter().filter(|(id, _)| applies.contains(&id.to_string())) {
            match arguments.has_path(path) {
                PathAnswer::Exists => return Ok(()),
                PathAnswer::LeftOut(reason) => left_out = left_out.or_else(|| Some((id.clone(), reason))),
                PathAnswer::No(names) => near.extend(names),
            }
        }
        if let Some((tool, reason)) = left_out {
            return Err(Error::new(
                ErrorKind::PolicyAttribute,
                format!(
                    "`context.input has {shown}` is never true: `{tool}` leaves it out of `context.input` ({reason})"
                ),
            )
            .help("policies cannot see this argument; decide on others, or refuse the tool"));
        }
        let error = Error::new(
            ErrorKind::PolicyAttribute,
            format!("`context.input has {shown}` is never true: no tool this policy applies to has that argument"),
        );
        match closest(path.last().copied().unwrap_or_default(), near.iter().map(String::as_str)).first() {
            Some(near) => Err(error.help(format!("did you mean `{near}`?"))),
            None => Err(error.help("`toolgate schema` prints what tools take")),
        }
    }

    fn cedar_error(&self, id: &str, detail: &DetailedError, seen: &mut BTreeSet<(String, String)>) -> Option<Error> {
        let policy = self.policies.iter().find(|policy| policy.terms.id == id)?;
        let (name, text) = self.files.get(policy.file)?;
        // one fault shows once for each action that the policy applies to, each time in other words
        let place = match detail.source_locations.first() {
            Some(label) => format!("{}..{}", label.loc.start, label.loc.end),
            None => detail.message.clone(),
        };
        if !seen.insert((id.to_string(), place)) {
            return None;
        }
        let error = place_diagnostic(ErrorKind::PolicyValidation, detail, text);
        let error = if error.span().is_some() { error } else { error.at_span(text, policy.start, policy.end) };
        Some(error.in_file(name))
    }

    fn place(&self, error: Error, policy: &SourcePolicy) -> Error {
        match self.files.get(policy.file) {
            Some((name, text)) => error.at_span(text, policy.start, policy.end).in_file(name),
            None => error,
        }
    }
}

/// Whether an action is one of the groups that tools are in.
fn is_group(action: &str) -> bool {
    Operation::ALL.iter().any(|operation| operation.as_str() == action)
}
