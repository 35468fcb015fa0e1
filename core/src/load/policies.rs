//! Cedar text → policies with known annotations and unique ids. Whether they fit the catalog is `validate`'s.

use std::collections::BTreeMap;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet, pst};

use crate::data::decision::Effect;
use crate::data::policy::Terms;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::{annotations, scan, stack};

/// One policy as it was written.
#[derive(Clone, Debug)]
pub(crate) struct SourcePolicy {
    pub(crate) terms: Terms,
    /// Named by its `@id`, with the source text it was parsed from.
    pub(crate) cedar: CedarPolicy,
    /// Its syntax tree, which Cedar makes by parsing the text once more.
    pub(crate) tree: pst::Policy,
    /// The file, and where in it the policy stands.
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Reads the policy files, in order. All faults are collected.
pub(crate) fn read(files: &[(String, String)], limits: &Limits) -> Result<Vec<SourcePolicy>, Vec<Error>> {
    let mut policies: Vec<SourcePolicy> = Vec::new();
    let mut errors = Vec::new();
    let mut first: BTreeMap<String, usize> = BTreeMap::new();

    for (index, (name, text)) in files.iter().enumerate() {
        let parsed = match parse(text, limits) {
            Ok(parsed) => parsed,
            Err(found) => {
                errors.extend(found.into_iter().map(|error| error.in_file(name)));
                continue;
            }
        };
        let mut from = 0;
        for cedar in parsed {
            let (start, end) = place(text, &cedar, from);
            from = end;
            let effect = match cedar.effect() {
                cedar_policy::Effect::Permit => Effect::Permit,
                cedar_policy::Effect::Forbid => Effect::Forbid,
            };
            let terms = match annotations::read(effect, cedar.annotations()) {
                Ok(terms) => terms,
                Err(error) => {
                    errors.push(error.at_span(text, start, end).in_file(name));
                    continue;
                }
            };
            if let Some(earlier) = first.get(&terms.id).and_then(|&at| policies.get(at)) {
                let other = files.get(earlier.file).map_or("", |(name, _)| name);
                errors.push(
                    Error::new(ErrorKind::DuplicateId, format!("`@id(\"{}\")` stands above two policies", terms.id))
                        .help(format!("the other one is in `{other}`; give each its own"))
                        .at_span(text, start, end)
                        .in_file(name),
                );
                continue;
            }
            let cedar = cedar.new_id(PolicyId::new(&terms.id));
            let tree = match cedar.to_pst() {
                Ok(tree) => tree,
                Err(error) => {
                    let error = Error::new(ErrorKind::PolicySyntax, format!("policy `{}`: {error}", terms.id));
                    errors.push(error.at_span(text, start, end).in_file(name));
                    continue;
                }
            };
            first.insert(terms.id.clone(), policies.len());
            policies.push(SourcePolicy { terms, cedar, tree, file: index, start, end });
        }
    }
    if errors.is_empty() { Ok(policies) } else { Err(errors) }
}

fn parse(text: &str, limits: &Limits) -> Result<Vec<CedarPolicy>, Vec<Error>> {
    scan::cedar(text, limits).map_err(|error| vec![error])?;
    let parsed = stack::with_stack(|| text.parse::<PolicySet>().map_err(Box::new));
    let set = match parsed {
        Ok(set) => set,
        Err(errors) => {
            let place = |error| place_diagnostic(ErrorKind::PolicySyntax, &DetailedError::from(error), text);
            return Err(errors.iter().map(place).collect());
        }
    };
    if let Some(template) = set.templates().next() {
        let at = template.to_cedar();
        let start = text.find(&at).unwrap_or(0);
        return Err(vec![
            Error::new(ErrorKind::PolicySyntax, "a template (`?principal`, `?resource`) decides nothing by itself")
                .help("write the policy out, with `principal in` a group or entitlement")
                .at_span(text, start, start.saturating_add(at.len())),
        ]);
    }
    Ok(set.policies().cloned().collect())
}

/// An error of Cedar's as one of ours, at its first label.
pub(crate) fn place_diagnostic(kind: ErrorKind, detail: &DetailedError, text: &str) -> Error {
    let mut error = Error::new(kind, detail.message.replace('\n', " "));
    if let Some(help) = &detail.help {
        error = error.help(help.replace('\n', " "));
    }
    match detail.source_locations.first() {
        Some(label) => error.at_span(text, label.loc.start, label.loc.end),
        None => error,
    }
}

/// Where a policy stands in its file. Cedar keeps the text it parsed, so it is looked for from where the last ended.
fn place(text: &str, policy: &CedarPolicy, from: usize) -> (usize, usize) {
    let source = policy.to_cedar().unwrap_or_default();
    let found = text.get(from..).and_then(|rest| rest.find(&source)).map(|at| from.saturating_add(at));
    match found {
        Some(start) => (start, start.saturating_add(source.len())),
        None => (from, from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(texts: &[&str]) -> Result<Vec<SourcePolicy>, Vec<Error>> {
        let files: Vec<_> =
            texts.iter().enumerate().map(|(i, text)| (format!("{i}.cedar"), text.to_string())).collect();
        read(&files, &Limits::default())
    }

    const ONE: &str = "@id(\"one\") permit (principal, action, resource);\n";

    #[test]
    fn ids_are_required_unique_and_placed() {
        assert_eq!(load(&[ONE, "@id(\"two\") forbid (principal, action, resource);"]).unwrap().len(), 2);

        let errors = load(&[ONE, "// again\n@id(\"one\") forbid (principal, action, resource);"]).unwrap_err();
        assert_eq!(errors[0].code(), "duplicate_id");
        assert_eq!((errors[0].file(), errors[0].span().unwrap().line), (Some("1.cedar"), 2));

        let errors = load(&["\n\npermit (principal, action, resource);", ONE]).unwrap_err();
        assert_eq!((errors[0].code(), errors[0].span().unwrap().line), ("policy_id", 3));
    }

    #[test]
    fn all_faults_are_reported() {
        let errors = load(&[
            "permit (principal, action, resource);",
            "permit (",
            "@id(\"x\") @who(\"me\") forbid (principal, action, resource);",
        ])
        .unwrap_err();
        let codes: Vec<_> = errors.iter().map(Error::code).collect();
        assert_eq!(codes, ["policy_id", "policy_syntax", "policy_annotation"]);
        assert!(errors.iter().all(|error| error.span().is_some()), "{errors:?}");
    }

    #[test]
    fn templates_are_refused() {
        let errors = load(&["@id(\"t\") permit (principal == ?principal, action, resource);"]).unwrap_err();
        assert_eq!(errors[0].code(), "policy_syntax");
    }

    #[test]
    fn a_repeated_annotation_is_refused() {
        assert!(load(&["@id(\"a\") @id(\"b\") permit (principal, action, resource);"]).is_err());
    }
}
