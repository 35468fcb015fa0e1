//! Do the policies fit the catalog? Cedar's strict validation, and what it lets pass that a gate must not.
//!
//! Cedar warns where toolgate refuses: a policy that can never hold is a rule somebody relies on in vain. It says
//! nothing of a misspelt name under `has`, which is false for ever. Both are errors here. A policy that applies to no
//! tool of *this* catalog is reported as inert and kept, so that a pack fits any catalog.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use cedar_policy::pst::{Expr, Var};
use cedar_policy::{ActionConstraint, EntityUid};

use crate::compile::batches::{self, Task, Verdict};
use crate::compile::classes::{Applies, Classes, Digest, Inventory, Question, Tools, digest, part};
use crate::compile::inspect;
use crate::compile::notices::Notices;
use crate::compile::vocabulary::{self, ISSUE_TOKEN, REQUEST, Types};
use crate::data::id::{Operation, ToolId};
use crate::data::report::{Finding, FindingKind};
use crate::error::{Error, ErrorKind};
use crate::load::arguments::{Arguments, PathAnswer, closest};
use crate::load::policies::{SourcePolicy, place_diagnostic};
use crate::parallel;

/// What policies are checked against.
pub(crate) struct Subject<'a> {
    pub(crate) files: &'a [(String, String)],
    pub(crate) policies: &'a [SourcePolicy],
    pub(crate) arguments: &'a BTreeMap<ToolId, Arguments>,
    pub(crate) types: &'a Types,
    pub(crate) inventory: Inventory,
    /// What was found valid before, if anything was.
    pub(crate) before: Option<&'a Arc<Memo>>,
    /// How many threads to use; what is found does not depend on it.
    pub(crate) threads: usize,
}

/// Digests of policies that Cedar has nothing to say of, each with all that Cedar would say the same on: the policy's
/// text, the classes of actions that it can tell apart, and the tools that it names.
pub(crate) type Memo = HashSet<Digest>;

/// Policies that are valid.
pub(crate) struct Valid {
    /// What is worth knowing though it is no error.
    pub(crate) findings: Vec<Finding>,
    pub(crate) memo: Arc<Memo>,
    /// How many policies Cedar was asked about; of the others it is known.
    pub(crate) asked: usize,
}

/// A policy on its way to Cedar.
struct Checked {
    question: Question,
    /// The tools that it names, with the operations of those that there are.
    named: BTreeMap<String, Option<Operation>>,
}

impl Checked {
    fn task<'a>(&'a self, policy: &'a SourcePolicy, classes: &'a Classes) -> Task<'a> {
        let Applies { request, token, .. } = self.question.applies;
        Task { policy, tools: &classes.tools, others: request || token, named: &self.named }
    }
}

/// Whether all policies are valid.
pub(crate) fn validate(subject: &Subject<'_>) -> Result<Valid, Vec<Error>> {
    let threads = subject.threads;
    let checked = parallel::map(subject.policies, threads, |policy| subject.check(policy));

    let mut places: HashMap<&Question, usize> = HashMap::new();
    let mut questions: Vec<&Question> = Vec::new();
    for checked in checked.iter().flatten() {
        places.entry(&checked.question).or_insert_with(|| {
            questions.push(&checked.question);
            questions.len().saturating_sub(1)
        });
    }
    let classes = parallel::map(&questions, threads, |question| subject.inventory.classes(question));
    let classes_of = |checked: &Checked| places.get(&checked.question).and_then(|at| classes.get(*at));

    let both: Vec<_> = subject.policies.iter().zip(&checked).collect();
    let names = parallel::map(&both, threads, |(policy, checked)| match checked {
        Ok(checked) => {
            classes_of(checked).map(|classes| subject.check_names(policy, checked, classes)).unwrap_or_default()
        }
        Err(_) => Vec::new(),
    });
    let mut errors = Vec::new();
    let mut findings = Vec::new();
    let mut live: Vec<(&SourcePolicy, &Checked, &Classes)> = Vec::new();
    for ((policy, checked), names) in both.into_iter().zip(names) {
        match checked {
            Err(found) => errors.extend(found.iter().cloned()),
            Ok(checked) if subject.inventory.is_empty(&checked.question.applies) => {
                findings.push(subject.inert(policy));
            }
            Ok(checked) => {
                errors.extend(names);
                live.extend(classes_of(checked).map(|classes| (policy, checked, classes)));
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }

    // all of them, so that whatever could keep the whole schema from being made shows now
    let fragments = parallel::map(&subject.inventory.tools, threads, |row| {
        vocabulary::tool_fragment(&row.name, row.operation, subject.arguments.get(&row.id))
    });
    let fragments = fragments.into_iter().collect::<Result<Vec<_>, _>>().map_err(|error| vec![error])?;

    let known = |key: &Digest| subject.before.is_some_and(|memo| memo.contains(key));
    let keys = parallel::map(&live, threads, |(policy, checked, classes)| subject.key(policy, checked, classes));
    let (mut tasks, mut memo, mut asked) = (Vec::new(), Memo::with_capacity(keys.len()), Vec::new());
    for ((policy, checked, classes), key) in live.into_iter().zip(keys) {
        if known(&key) {
            memo.insert(key);
            continue;
        }
        tasks.push(checked.task(policy, classes));
        asked.push(key);
    }
    let verdicts = batches::validate(&tasks, &subject.inventory, &fragments, threads, batches::TOOLS)
        .map_err(|error| vec![error])?;
    for ((task, key), verdict) in tasks.iter().zip(asked).zip(verdicts) {
        if verdict.is_clean() {
            memo.insert(key);
            continue;
        }
        let found = verdict.warnings.iter().map(|warning| {
            Finding::new(FindingKind::PolicyWarning, warning.clone()).about_policy(&task.policy.terms.id)
        });
        findings.extend(found);
        errors.extend(subject.cedar_errors(task.policy, &verdict));
    }
    if errors.is_empty() {
        let memo = match subject.before {
            Some(before) if **before == memo => before.clone(),
            _ => Arc::new(memo),
        };
        Ok(Valid { findings, memo, asked: tasks.len() })
    } else {
        Err(errors)
    }
}

impl Subject<'_> {
    /// What a policy asks of the catalog, or why it is refused whatever the catalog has.
    fn check(&self, policy: &SourcePolicy) -> Result<Checked, Vec<Error>> {
        let mut errors = Vec::new();
        let mut named = BTreeMap::new();
        for uid in &policy.literals {
            match self.action_literal(uid) {
                Ok(Some(name)) => {
                    named.insert(name.to_owned(), self.tool(name).map(|(_, operation)| operation));
                }
                Ok(None) => {}
                Err(error) => errors.push(self.place(error, policy)),
            }
        }
        let notices = Notices::of(&policy.tree);
        let numbers = || named.keys().filter_map(|name| self.tool(name)).map(|(number, _)| number).collect();
        let apart = notices.action.then(numbers);
        match self.applies_to(policy) {
            Ok(applies) if errors.is_empty() => {
                Ok(Checked { question: Question { applies, input: notices.input(), apart }, named })
            }
            Ok(_) => Err(errors),
            Err(error) => {
                errors.push(self.place(error, policy));
                Err(errors)
            }
        }
    }

    fn tool(&self, name: &str) -> Option<(usize, Operation)> {
        let number = *self.inventory.numbers.get(name)?;
        self.inventory.tools.get(number).map(|row| (number, row.operation))
    }

    /// Everything that could change what Cedar says of a policy.
    fn key(&self, policy: &SourcePolicy, checked: &Checked, classes: &Classes) -> Digest {
        let text = self.files.get(policy.file).and_then(|(_, text)| text.get(policy.start..policy.end));
        digest(|hash| {
            part(hash, text.unwrap_or_default().as_bytes());
            part(hash, &classes.digest);
            for (name, operation) in &checked.named {
                part(hash, name.as_bytes());
                part(hash, operation.map_or("", Operation::as_str).as_bytes());
            }
        })
    }

    /// The name of the tool that a policy means, whether this catalog has it or not.
    fn action_literal<'u>(&self, uid: &'u EntityUid) -> Result<Option<&'u str>, Error> {
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
        if self.inventory.numbers.contains_key(name) {
            return Ok(Some(name));
        }
        match [REQUEST, ISSUE_TOKEN].contains(&name) || group(name).is_some() {
            true => Ok(None),
            false if name.contains('/') => Ok(Some(name)),
            false => {
                Err(Error::new(ErrorKind::PolicyValidation, format!("there is no action `{}`", name.escape_debug()))
                    .help("actions are `read`, `write`, `delete`, `request`, `issue_token` and tools as `server/name`"))
            }
        }
    }

    /// The actions of this catalog that a policy's scope lets through.
    fn applies_to(&self, policy: &SourcePolicy) -> Result<Applies, Error> {
        let named = match policy.cedar.action_constraint() {
            ActionConstraint::Any => return Ok(Applies { request: true, token: true, tools: Tools::All }),
            ActionConstraint::In(uids) => uids,
            ActionConstraint::Eq(uid) => {
                if group(uid.id().unescaped()).is_some() {
                    return Err(Error::new(
                        ErrorKind::PolicyValidation,
                        format!("`action == {uid}` never holds: no call is the group itself"),
                    )
                    .help(format!("write `action in {uid}`")));
                }
                vec![uid]
            }
        };
        let names = || named.iter().map(|uid| uid.id().unescaped());
        Ok(Applies {
            request: names().any(|name| name == REQUEST),
            token: names().any(|name| name == ISSUE_TOKEN),
            tools: Tools::Some {
                operations: names().filter_map(group).collect(),
                named: names().filter_map(|name| self.tool(name)).map(|(number, _)| number).collect(),
            },
        })
    }

    fn inert(&self, policy: &SourcePolicy) -> Finding {
        let mut message = format!("policy `{}` applies to no tool of this catalog", policy.terms.id);
        if let ActionConstraint::Eq(uid) = policy.cedar.action_constraint()
            && let Some(near) =
                closest(uid.id().unescaped(), self.inventory.tools.iter().map(|row| row.name.as_str())).first()
        {
            message.push_str(&format!("; did you mean `{near}`?"));
        }
        Finding::new(FindingKind::PolicyInert, message).about_policy(&policy.terms.id)
    }

    /// Names under `has` that exist for none of the actions the policy applies to.
    fn check_names(&self, policy: &SourcePolicy, checked: &Checked, classes: &Classes) -> Vec<Error> {
        let mut errors = Vec::new();
        for clause in policy.tree.body().clauses() {
            inspect::walk(inspect::condition(clause), &mut |expr| {
                if let Expr::HasAttr { expr: base, attrs } = expr
                    && let Some((var, mut path)) = inspect::path(base)
                {
                    path.extend(attrs.iter().map(|attr| attr.as_str()));
                    if let Err(error) = self.check_name(var, &path, checked, classes) {
                        errors.push(self.place(error, policy));
                    }
                }
            });
        }
        errors
    }

    fn check_name(&self, var: &Var, path: &[&str], checked: &Checked, classes: &Classes) -> Result<(), Error> {
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
            (Var::Context, ["input", rest @ ..]) if !rest.is_empty() => {
                self.check_argument(rest, &checked.question.applies, classes)
            }
            (Var::Context, [name]) => fixed(CONTEXT, name, "`context`"),
            _ => Ok(()),
        }
    }

    fn check_argument(&self, path: &[&str], applies: &Applies, classes: &Classes) -> Result<(), Error> {
        let arguments_of = |number: &usize| {
            let row = self.inventory.tools.get(*number)?;
            Some((&row.id, self.arguments.get(&row.id)?))
        };
        let shown = path.join(".");
        // either all tools of a class have it or none has
        let has = |(_, arguments): (_, &Arguments)| arguments.has_path(path) == PathAnswer::Exists;
        if classes.tools.iter().filter_map(arguments_of).any(has) {
            return Ok(());
        }
        let (mut near, mut left_out) = (BTreeSet::new(), None);
        for (id, arguments) in self.inventory.members(&applies.tools).iter().filter_map(arguments_of) {
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

    /// One fault shows once for each class of actions that the policy applies to, each time in other words.
    fn cedar_errors(&self, policy: &SourcePolicy, verdict: &Verdict) -> Vec<Error> {
        let Some((name, text)) = self.files.get(policy.file) else { return Vec::new() };
        let mut seen = BTreeSet::new();
        let mut errors = Vec::new();
        let impossible = verdict.impossible.iter().map(|detail| (detail, true));
        for (detail, impossible) in verdict.errors.iter().map(|detail| (detail, false)).chain(impossible) {
            let place = match detail.source_locations.first() {
                Some(label) => format!("{}..{}", label.loc.start, label.loc.end),
                None => detail.message.clone(),
            };
            if !seen.insert(place) {
                continue;
            }
            let error = place_diagnostic(ErrorKind::PolicyValidation, detail, text, policy.origin);
            let error = if error.span().is_some() { error } else { error.at_span(text, policy.start, policy.end) };
            let error = if impossible {
                error.help("its condition is false for every request there could be: mend or remove it")
            } else {
                error
            };
            errors.push(error.in_file(name));
        }
        errors
    }

    fn place(&self, error: Error, policy: &SourcePolicy) -> Error {
        match self.files.get(policy.file) {
            Some((name, text)) => error.at_span(text, policy.start, policy.end).in_file(name),
            None => error,
        }
    }
}

/// The group of tools that an action is.
fn group(action: &str) -> Option<Operation> {
    Operation::ALL.into_iter().find(|operation| operation.as_str() == action)
}

#[cfg(test)]
#[path = "validate_tests.rs"]
pub(crate) mod tests;
