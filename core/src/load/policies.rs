//! Cedar text → policies with known annotations and unique ids. Whether they fit the catalog is `validate`'s.
//!
//! A file is parsed in pieces of whole policies, on all threads. If Cedar takes one amiss, the file is parsed once more
//! as a whole, so that what is said of it does not depend on the pieces.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{EntityUid, Policy as CedarPolicy, PolicyId, PolicySet, pst};

use crate::data::decision::Effect;
use crate::data::policy::Terms;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::{annotations, scan, stack};
use crate::parallel;

/// Policies parsed at once: Cedar's parser takes a while to start, and is slower in long texts.
const PIECE: usize = 64;

/// One policy as it was written.
#[derive(Clone, Debug)]
pub(crate) struct SourcePolicy {
    pub(crate) terms: Terms,
    /// Named by its `@id`, with the source text it was parsed from.
    pub(crate) cedar: CedarPolicy,
    /// Its syntax tree, which Cedar makes by parsing the text once more.
    pub(crate) tree: Arc<pst::Policy>,
    /// Every entity it names.
    pub(crate) literals: Vec<EntityUid>,
    /// The file, and where in it the policy stands.
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where in the file the text begins that Cedar's own places count from.
    pub(crate) origin: usize,
}

/// Reads the policy files, in order, on up to `threads` threads. All faults are collected.
pub(crate) fn read(
    files: &[(String, String)],
    limits: &Limits,
    threads: usize,
) -> Result<Vec<SourcePolicy>, Vec<Error>> {
    let mut policies: Vec<SourcePolicy> = Vec::new();
    let mut errors = Vec::new();
    let mut first: HashMap<String, usize> = HashMap::new();

    for (index, found) in parse(files, limits, threads).into_iter().enumerate() {
        let Some((name, text)) = files.get(index) else { continue };
        let found = match found {
            Ok(found) => found,
            Err(found) => {
                errors.extend(found.into_iter().map(|error| error.in_file(name)));
                continue;
            }
        };
        for Found { place: Range { start, end }, origin, read } in found {
            let (terms, cedar, tree, literals) = match read {
                Ok(read) => read,
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
            first.insert(terms.id.clone(), policies.len());
            policies.push(SourcePolicy { terms, cedar, tree, literals, file: index, start, end, origin });
        }
    }
    if errors.is_empty() { Ok(policies) } else { Err(errors) }
}

/// A policy that Cedar parsed, and what was read of it.
struct Found {
    place: Range<usize>,
    origin: usize,
    read: Result<(Terms, CedarPolicy, Arc<pst::Policy>, Vec<EntityUid>), Error>,
}

/// The policies of each file, or what is wrong with it.
fn parse(files: &[(String, String)], limits: &Limits, threads: usize) -> Vec<Result<Vec<Found>, Vec<Error>>> {
    let scanned = parallel::map(files, threads, |(_, text)| scan::cedar(text, limits));
    let mut pieces: Vec<(usize, usize, &str, &[Range<usize>])> = Vec::new();
    for (index, ((_, text), places)) in files.iter().zip(&scanned).enumerate() {
        let Ok(places) = places else { continue };
        let mut from = 0;
        for some in places.chunks(PIECE) {
            let to = some.last().map_or(from, |last| last.end);
            pieces.push((index, from, text.get(from..to).unwrap_or_default(), some));
            from = to;
        }
        // nothing but spaces and comments, or what Cedar refuses
        pieces.push((index, from, text.get(from..).unwrap_or_default(), &[]));
    }
    let parsed = parallel::map(&pieces, threads, |(_, origin, text, places)| piece(text, *origin, places));

    let mut all: Vec<Result<Vec<Found>, Vec<Error>>> =
        scanned.iter().map(|places| places.as_ref().map(|_| Vec::new()).map_err(|error| vec![error.clone()])).collect();
    let mut amiss = vec![false; files.len()];
    for ((index, ..), found) in pieces.iter().zip(parsed) {
        match (found, all.get_mut(*index), amiss.get_mut(*index)) {
            (Some(found), Some(Ok(file)), _) => file.extend(found),
            (None, _, Some(amiss)) => *amiss = true,
            _ => {}
        }
    }
    for (((_, text), file), amiss) in files.iter().zip(&mut all).zip(amiss) {
        if amiss {
            *file = whole(text);
        }
    }
    all
}

/// The policies of a piece of a file, if Cedar takes it, and finds them where the scan did.
fn piece(text: &str, origin: usize, places: &[Range<usize>]) -> Option<Vec<Found>> {
    let set = text.parse::<PolicySet>().ok()?;
    let as_scanned = |(policy, place): (&CedarPolicy, &Range<usize>)| {
        let length = policy.to_cedar().map(|source| source.len());
        length == Some(place.end.saturating_sub(place.start))
    };
    let agrees = set.templates().next().is_none()
        && set.policies().count() == places.len()
        && set.policies().zip(places).all(as_scanned);
    agrees.then(|| {
        set.policies()
            .zip(places)
            .map(|(cedar, place)| Found { place: place.clone(), origin, read: read_one(cedar) })
            .collect()
    })
}

/// The policies of a file that is parsed as a whole, or everything that is wrong with it.
fn whole(text: &str) -> Result<Vec<Found>, Vec<Error>> {
    let parsed = stack::with_stack(|| text.parse::<PolicySet>().map_err(Box::new));
    let set = match parsed {
        Ok(set) => set,
        Err(errors) => {
            let place = |error| place_diagnostic(ErrorKind::PolicySyntax, &DetailedError::from(error), text, 0);
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
    let mut from = 0;
    let found = set.policies().map(|cedar| {
        let place = place(text, cedar, from);
        from = place.end;
        Found { place, origin: 0, read: stack::with_stack(|| read_one(cedar)) }
    });
    Ok(found.collect())
}

fn read_one(cedar: &CedarPolicy) -> Result<(Terms, CedarPolicy, Arc<pst::Policy>, Vec<EntityUid>), Error> {
    let effect = match cedar.effect() {
        cedar_policy::Effect::Permit => Effect::Permit,
        cedar_policy::Effect::Forbid => Effect::Forbid,
    };
    let terms = annotations::read(effect, cedar.annotations())?;
    let cedar = cedar.new_id(PolicyId::new(&terms.id));
    let tree = cedar
        .to_pst()
        .map_err(|error| Error::new(ErrorKind::PolicySyntax, format!("policy `{}`: {error}", terms.id)))?;
    let literals = cedar.entity_literals();
    Ok((terms, cedar, Arc::new(tree), literals))
}

/// An error of Cedar's as one of ours, at its first label, which counts from `origin`.
pub(crate) fn place_diagnostic(kind: ErrorKind, detail: &DetailedError, text: &str, origin: usize) -> Error {
    let mut error = Error::new(kind, detail.message.replace('\n', " "));
    if let Some(help) = &detail.help {
        error = error.help(help.replace('\n', " "));
    }
    match detail.source_locations.first() {
        Some(label) => {
            error.at_span(text, origin.saturating_add(label.loc.start), origin.saturating_add(label.loc.end))
        }
        None => error,
    }
}

/// Where a policy stands in its file. Cedar keeps the text it parsed, so it is looked for from where the last ended.
fn place(text: &str, policy: &CedarPolicy, from: usize) -> Range<usize> {
    let source = policy.to_cedar().unwrap_or_default();
    let found = text.get(from..).and_then(|rest| rest.find(&source)).map(|at| from.saturating_add(at));
    match found {
        Some(start) => start..start.saturating_add(source.len()),
        None => from..from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(texts: &[&str]) -> Result<Vec<SourcePolicy>, Vec<Error>> {
        let files: Vec<_> =
            texts.iter().enumerate().map(|(i, text)| (format!("{i}.cedar"), text.to_string())).collect();
        let read_on = |threads| read(&files, &Limits::default(), threads);
        let places = |read: &Result<Vec<SourcePolicy>, Vec<Error>>| match read {
            Ok(policies) => {
                Ok(policies.iter().map(|it| (it.terms.clone(), it.file, it.start, it.end)).collect::<Vec<_>>())
            }
            Err(errors) => Err(errors.clone()),
        };
        let read = read_on(1);
        assert_eq!(places(&read), places(&read_on(3)), "on more threads");
        read
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
    fn places_are_those_of_the_file_however_it_is_cut() {
        let one = |at: usize| {
            format!("// ; {at}\n@id(\"p{at}\")\npermit (principal, action, resource) when {{ \";\" == \"{at}\" }};")
        };
        let text: String = (0..PIECE * 2 + 3).map(one).collect();
        let policies = load(&[&text]).unwrap();
        assert_eq!(policies.len(), PIECE * 2 + 3);
        for (at, policy) in policies.iter().enumerate() {
            assert_eq!(policy.terms.id, format!("p{at}"));
            let written = text.get(policy.start..policy.end).unwrap();
            assert!(written.starts_with(&format!("@id(\"p{at}\")")) && written.ends_with("};"), "{written}");
            assert_eq!(policy.cedar.to_cedar().unwrap(), written);
            assert_eq!(policy.origin, if at < PIECE { 0 } else { policies[at / PIECE * PIECE - 1].end });
        }
        // a fault is told as Cedar tells it of the whole file
        let broken = text.replace("\"100\" }", "\"100\" + }");
        let errors = load(&[&broken]).unwrap_err();
        let cedar = broken.parse::<PolicySet>().unwrap_err();
        assert_eq!(errors.len(), cedar.iter().count());
        assert_eq!(errors[0].span().unwrap().line, 1 + 100 * 2 + 2);
        // and what is no policy at the end of one
        let errors = load(&[&format!("{text} permit")]).unwrap_err();
        assert_eq!((errors[0].code(), errors[0].span().unwrap().line), ("policy_syntax", (PIECE * 2 + 3) * 2 + 1));
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
