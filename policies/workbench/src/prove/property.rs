//! What is to be proved: the built-in properties, and an author's own from `properties/*.toml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toolgate::Operation;
use wildmatch::WildMatch;

use super::question::condition;
use super::rewrite;
use super::world::{Asked, PrincipalKind, Target};
use crate::bundle::{self, FileError};
use crate::source::span_of;

/// The folder of a bundle in which properties lie.
pub const FOLDER: &str = "properties";
/// The most bytes of a property file, and of one expression in it.
const FILE_BYTES: usize = 256 * 1024;
const WHEN_BYTES: usize = 4 * 1024;
/// How deep brackets may nest in an expression.
const NESTING: usize = 64;

/// A statement about all calls that it selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The file it stands in; none if it is built in.
    pub file: Option<String>,
    /// Only for this kind of subject.
    pub principal: Option<PrincipalKind>,
    /// Only for tools whose `server/name` one of these globs matches; all if empty.
    pub tools: Vec<String>,
    /// Only for tools on these servers; all if empty.
    pub servers: Vec<String>,
    /// Only for tools with one of these operations; all if empty.
    pub operations: Vec<Operation>,
    /// Only for calls of which this Cedar expression is true.
    pub when: Option<String>,
    /// What is said of them.
    pub then: Then,
}

/// What is said of the calls that a property selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// None runs without somebody's yes. Also written `at least self_approve`.
    NeverAutoApprove,
    /// None runs without the manager's yes.
    AtLeastManagerApprove,
    /// None runs, whoever says yes.
    AlwaysDenied,
    /// Each can run if the right people say yes.
    NeverDeniedByPolicy,
    /// More approval never makes a call less allowed.
    OnlyLoosens,
    /// No policy is in error.
    NeverErrs,
}

impl Then {
    /// As a property file writes it; the last two only stand in what is built in.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NeverAutoApprove => "never auto_approve",
            Self::AtLeastManagerApprove => "at least manager_approve",
            Self::AlwaysDenied => "always denied",
            Self::NeverDeniedByPolicy => "never denied by policy",
            Self::OnlyLoosens => "approval only loosens",
            Self::NeverErrs => "no policy errs",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "never auto_approve" | "at least self_approve" => Some(Self::NeverAutoApprove),
            "at least manager_approve" => Some(Self::AtLeastManagerApprove),
            "always denied" => Some(Self::AlwaysDenied),
            "never denied by policy" => Some(Self::NeverDeniedByPolicy),
            _ => None,
        }
    }
}

impl Property {
    /// The statements that hold for every sensible bundle.
    pub fn built_in() -> Vec<Self> {
        let all = |name: &str, description: &str, then| Self {
            name: name.into(),
            description: Some(description.into()),
            then,
            ..Self::everything()
        };
        vec![
            all("no-policy-errs", "no policy can be in error", Then::NeverErrs),
            all("approval-only-loosens", "more approval never makes a call less allowed", Then::OnlyLoosens),
            Self {
                operations: vec![Operation::Delete],
                ..all("no-delete-runs-by-itself", "no delete runs without somebody's yes", Then::NeverAutoApprove)
            },
            Self {
                when: Some("!(principal in resource.entitlements)".into()),
                ..all("entitled-only", "nobody without an entitlement of the tool is permitted", Then::AlwaysDenied)
            },
        ]
    }

    /// Of every call, and nothing said yet.
    pub(super) fn everything() -> Self {
        Self {
            name: String::new(),
            description: None,
            file: None,
            principal: None,
            tools: Vec::new(),
            servers: Vec::new(),
            operations: Vec::new(),
            when: None,
            then: Then::AlwaysDenied,
        }
    }

    /// Whether it speaks of this target and this kind of subject.
    pub(super) fn selects(&self, target: &Target, principal: PrincipalKind) -> bool {
        if self.principal.is_some_and(|only| only != principal) {
            return false;
        }
        let Asked::Tool(tool) = &target.asked else {
            // of tokens and requests for entitlements only what is said of everything
            return matches!(self.then, Then::OnlyLoosens | Then::NeverErrs);
        };
        let id = tool.to_string();
        (self.tools.is_empty() || self.tools.iter().any(|glob| WildMatch::new(glob).matches(&id)))
            && (self.servers.is_empty() || self.servers.contains(&tool.server))
            && (self.operations.is_empty()
                || target.operation.is_some_and(|operation| self.operations.contains(&operation)))
    }
}

/// The property files of a bundle, sorted; none if there is no such folder.
pub fn find(bundle: &Path) -> Result<Vec<PathBuf>, FileError> {
    let folder = bundle.join(FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let refuse = |error: std::io::Error| FileError::new(folder.display(), bundle::said(&error));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(refuse)? {
        let name = entry.map_err(refuse)?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".toml") && !name.starts_with('.') {
            found.push(folder.join(name.as_ref()));
        }
    }
    found.sort();
    Ok(found)
}

/// Reads property files. No two properties share a name.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Property>, Vec<FileError>> {
    let mut names: BTreeSet<String> = Property::built_in().into_iter().map(|property| property.name).collect();
    let (mut properties, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let source = match bundle::read(path, FILE_BYTES) {
            Ok(source) => source,
            Err(error) => {
                problems.push(error);
                continue;
            }
        };
        match parse(&source.file, &String::from_utf8_lossy(&source.bytes)) {
            Ok(found) => {
                for property in found {
                    if names.insert(property.name.clone()) {
                        properties.push(property);
                    } else {
                        let message = format!("there is another property `{}`", property.name);
                        problems.push(FileError::new(&source.file, message).help("give each a name of its own"));
                    }
                }
            }
            Err(error) => problems.push(error),
        }
    }
    if problems.is_empty() { Ok(properties) } else { Err(problems) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    property: Vec<toml::Spanned<Raw>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    description: Option<String>,
    principal: Option<RawPrincipal>,
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    servers: Vec<String>,
    #[serde(default)]
    operations: Vec<Operation>,
    when: Option<String>,
    then: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawPrincipal {
    Agent,
    ServicePrincipal,
}

/// Reads one property file.
pub fn parse(file: &str, text: &str) -> Result<Vec<Property>, FileError> {
    let raw: File = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let help = "a property has `name`, `then`, and if you like `description`, `principal`, `tools`, `servers`, `operations`, `when`";
        FileError::new(at(file, text, start), error.message().trim()).help(help)
    })?;
    let read = |raw: toml::Spanned<Raw>| {
        let place = at(file, text, raw.span().start);
        check(file, raw.into_inner()).map_err(|(message, help)| FileError::new(place, message).help(help))
    };
    raw.property.into_iter().map(read).collect()
}

fn check(file: &str, raw: Raw) -> Result<Property, (String, String)> {
    let sound =
        !raw.name.is_empty() && raw.name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !sound || raw.name.len() > 100 {
        let help = "use letters, digits, `-`, `_` and `.`, at most 100 of them";
        return Err((format!("`{}` is no name", raw.name.escape_debug()), help.into()));
    }
    let Some(then) = Then::parse(&raw.then) else {
        let help = "write `never auto_approve`, `at least self_approve`, `at least manager_approve`, `always denied` or `never denied by policy`";
        return Err((
            format!("property `{}`: `{}` is nothing to prove", raw.name, raw.then.escape_debug()),
            help.into(),
        ));
    };
    if let Some(when) = &raw.when {
        expression(when).map_err(|(message, help)| (format!("property `{}`: {message}", raw.name), help))?;
    }
    Ok(Property {
        name: raw.name,
        description: raw.description,
        file: Some(file.into()),
        principal: raw.principal.map(|principal| match principal {
            RawPrincipal::Agent => PrincipalKind::Agent,
            RawPrincipal::ServicePrincipal => PrincipalKind::ServicePrincipal,
        }),
        tools: raw.tools,
        servers: raw.servers,
        operations: raw.operations,
        when: raw.when,
        then,
    })
}

/// Whether a text is one Cedar expression that can be parsed safely.
fn expression(text: &str) -> Result<(), (String, String)> {
    let help = "write what would stand between the braces of a policy's `when { … }`";
    if text.len() > WHEN_BYTES {
        return Err((format!("`when` has {} bytes; the limit is {WHEN_BYTES}", text.len()), help.into()));
    }
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '(' | '[' | '{' | '!' | '-' => depth = depth.saturating_add(1),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING {
            return Err((format!("`when` nests deeper than {NESTING}"), help.into()));
        }
    }
    if let Err(error) = text.parse::<cedar_policy::Expression>() {
        return Err((format!("`when` is no Cedar expression: {error}"), help.into()));
    }
    let mut json = condition(text).map_err(|error| (format!("`when` is no Cedar expression: {error}"), help.into()))?;
    let mut reads_approval = false;
    rewrite::walk(&mut json, &mut |expr| reads_approval |= rewrite::is_approval(expr));
    if reads_approval {
        let message = "`when` reads `context.approval`, and `then` says what must be agreed to".to_owned();
        return Err((message, "say in `when` which calls are meant, whoever agreed to them".into()));
    }
    Ok(())
}

fn at(file: &str, text: &str, byte: usize) -> String {
    let span = span_of(text, &(byte..byte));
    format!("{file}:{}:{}", span.line, span.column)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[property]]\nname = \"refunds\"\ntools = [\"billing/*\"]\noperations = [\"write\"]\nprincipal = \"agent\"\nwhen = 'context.input.amount > 50000'\nthen = \"at least manager_approve\"\n";

    #[test]
    fn a_property_is_read() {
        let [property] = parse("p.toml", GOOD).unwrap().try_into().unwrap();
        assert_eq!((property.name.as_str(), property.then), ("refunds", Then::AtLeastManagerApprove));
        assert_eq!(property.principal, Some(PrincipalKind::Agent));
        assert_eq!(property.operations, [Operation::Write]);
    }

    #[test]
    fn mistakes_have_a_place() {
        for (from, to, place, message) in [
            ("then =", "than =", "p.toml:", "than"),
            ("at least manager_approve", "sometimes", "p.toml:1:1", "`sometimes` is nothing to prove"),
            ("name = \"refunds\"", "name = \"re funds\"", "p.toml:1:1", "is no name"),
            ("amount > 50000", "amount >", "p.toml:1:1", "no Cedar expression"),
            ("amount > 50000", "amount > 5 } unless { true", "p.toml:1:1", "no Cedar expression"),
            ("\"write\"", "\"wipe\"", "p.toml:4:", "wipe"),
            ("[[property]]", "[[properties]]", "p.toml:1:", "properties"),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            let error = parse("p.toml", &text).unwrap_err();
            assert!(error.path.starts_with(place) && error.message.contains(message), "{error}");
            assert!(error.help.is_some());
        }
    }

    #[test]
    fn what_would_exhaust_the_stack_is_not_parsed() {
        for hostile in ["(".repeat(2_000), "!".repeat(2_000), "-".repeat(2_000), "a.".repeat(5_000)] {
            let text = GOOD.replace("context.input.amount", &hostile);
            assert!(parse("p.toml", &text).is_err());
        }
    }
}
