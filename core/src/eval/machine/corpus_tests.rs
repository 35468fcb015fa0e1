//! Cedar's own machine-made test corpus, if it is there: every decision, reason and error.

#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use cedar_policy::pst::{self, Effect};
use cedar_policy::{Context, Entities, EntityUid, Policy, PolicySet, Schema};
use serde_json::Value as Json;

use super::store_tests::{Asking, Given, Store, number_of};
use super::{Bits, Machine};
use crate::compile::condition::{Compiler, Dialect};
use crate::compile::index::{Asked, Index};
use crate::compile::scope::Scope;
use crate::compile::symbols::Symbols;

/// What the corpus counts to.
#[derive(Default)]
struct Counts {
    cases: AtomicUsize,
    requests: AtomicUsize,
    allowed: AtomicUsize,
    errors: AtomicUsize,
    fallbacks: AtomicUsize,
    /// Policies with a call that has the wrong number of operands.
    arity: AtomicUsize,
    wrong: AtomicUsize,
}

#[test]
fn the_corpus_is_decided_as_cedar_decides_it() {
    let Some(folder) = unpacked() else { return };
    let entries = |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries(&folder)
        .filter(|path| path.is_dir())
        .flat_map(|folder| entries(&folder))
        .filter(|path| path.to_string_lossy().ends_with(".json") && !path.to_string_lossy().ends_with(".entities.json"))
        .collect();
    files.sort();
    let counts = Counts::default();
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        for worker in 0..workers {
            let (files, counts) = (&files, &counts);
            std::thread::Builder::new()
                .stack_size(32 * 1024 * 1024)
                .spawn_scoped(scope, move || {
                    files.iter().skip(worker).step_by(workers).for_each(|file| case(file, counts));
                })
                .unwrap();
        }
    });
    std::fs::remove_dir_all(&folder).unwrap();
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    say(&format!(
        "corpus: {} cases, {} requests, {} allowed, {} with errors, {} fallbacks; {} policies with calls of the wrong arity",
        count(&counts.cases),
        count(&counts.requests),
        count(&counts.allowed),
        count(&counts.errors),
        count(&counts.fallbacks),
        count(&counts.arity),
    ));
    assert_eq!((count(&counts.wrong), count(&counts.fallbacks)), (0, 0));
    assert_eq!((count(&counts.cases), count(&counts.requests)), (files.len(), files.len() * 8));
    assert!(files.len() >= 3957, "half of the published corpus is that much");
    assert!(count(&counts.allowed) > 1_000 && count(&counts.errors) > 1_000);
}

fn case(file: &Path, counts: &Counts) {
    let read = |extension: &str| std::fs::read_to_string(file.with_extension(extension)).unwrap();
    let case: Json = serde_json::from_str(&read("json")).unwrap();
    let (schema, _) = Schema::from_cedarschema_str(&read("cedarschema")).unwrap();
    let policies: PolicySet = read("cedar").parse().unwrap();
    let entities = Entities::from_json_str(&read("entities.json"), Some(&schema)).unwrap();
    counts.cases.fetch_add(1, Ordering::Relaxed);

    let mut symbols = Symbols::default();
    let mut compiler = Compiler::new(Dialect::Plain);
    let (mut compiled, mut scopes) = (Vec::new(), Vec::new());
    for policy in policies.policies() {
        let policy = match policy.to_pst() {
            Ok(policy) => policy,
            // the parser lets a call with the wrong number of operands pass, and the tree has no place for one
            Err(error) => {
                assert!(matches!(error, pst::PstConstructionError::WrongArity(_)), "{}: {error}", file.display());
                counts.arity.fetch_add(1, Ordering::Relaxed);
                with_errors_for_calls(policy).to_pst().unwrap()
            }
        };
        let pst::Policy::Static(policy) = policy else { panic!("a link") };
        let body = policy.body();
        match compiler.add(body.clauses(), &mut symbols) {
            Ok(condition) => compiled.push((policy.id().to_string(), body.effect, condition)),
            Err(unknown) => {
                say(&format!("{}: {}", file.display(), unknown.construct));
                counts.fallbacks.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        scopes.push(Scope::new(body, &mut symbols).unwrap());
    }
    let code = compiler.finish();
    let index = Index::new(&scopes);
    let store = Store::new(&entities, &mut symbols);

    for request in case["requests"].as_array().unwrap() {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let uid = |name: &str| EntityUid::from_json(request[name].clone()).unwrap();
        let action = uid("action");
        let context = Context::from_json_value(request["context"].clone(), Some((&schema, &action))).unwrap();
        let context = Given::new(context, &mut symbols);
        let asking = Asking {
            store: &store,
            principal: number_of(&uid("principal"), &mut symbols),
            action: number_of(&action, &mut symbols),
            resource: number_of(&uid("resource"), &mut symbols),
            context: &context,
            unknown: HashMap::new(),
        };
        let mut machine = Machine::new(&code, &asking);
        let (mut permits, mut forbids, mut errors) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for policy in candidates(&index, &store, &asking) {
            let (id, effect, condition) = &compiled[policy];
            match machine.run(*condition, 1) {
                Bits { t: 1, f: 0, e: 0 } if *effect == Effect::Permit => permits.insert(id.clone()),
                Bits { t: 1, f: 0, e: 0 } => forbids.insert(id.clone()),
                Bits { t: 0, f: 1, e: 0 } => false,
                Bits { t: 0, f: 0, e: 1 } => errors.insert(id.clone()),
                other => panic!("{}: {other:?}", file.display()),
            };
        }
        let allow = forbids.is_empty() && !permits.is_empty();
        let reasons = if forbids.is_empty() { permits } else { forbids };
        let names = |name: &str| -> BTreeSet<String> {
            request[name].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_string()).collect()
        };
        let expected = (request["decision"] == "allow", names("reason"), names("errors"));
        counts.allowed.fetch_add(usize::from(expected.0), Ordering::Relaxed);
        counts.errors.fetch_add(usize::from(!expected.2.is_empty()), Ordering::Relaxed);
        if (allow, reasons, errors) != expected {
            say(&format!("WRONG: {} {}", file.display(), request["description"]));
            counts.wrong.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The policy with each call of the wrong arity replaced by one that is always an error, as that call is.
fn with_errors_for_calls(policy: &Policy) -> Policy {
    fn replace(json: &mut Json) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(replace),
            Json::Object(fields) => {
                fields.values_mut().for_each(replace);
                if let (1, Some((name, Json::Array(operands)))) = (fields.len(), fields.iter().next())
                    && arity(name).is_some_and(|arity| arity != operands.len())
                {
                    *json = serde_json::json!({"decimal": [{"Value": "no number"}]});
                }
            }
            _ => {}
        }
    }
    let mut json = policy.to_json().unwrap();
    replace(&mut json["conditions"]);
    Policy::from_json(Some(policy.id().clone()), json).unwrap()
}

fn arity(function: &str) -> Option<usize> {
    Some(match function {
        "decimal" | "ip" | "datetime" | "duration" => 1,
        "isIpv4" | "isIpv6" | "isLoopback" | "isMulticast" | "toDate" | "toTime" => 1,
        "toMilliseconds" | "toSeconds" | "toMinutes" | "toHours" | "toDays" => 1,
        "lessThan" | "lessThanOrEqual" | "greaterThan" | "greaterThanOrEqual" => 2,
        "isInRange" | "offset" | "durationSince" => 2,
        _ => return None,
    })
}

fn candidates(index: &Index, store: &Store, asking: &Asking<'_>) -> Vec<usize> {
    let (principal_in, resource_in) = (store.above(asking.principal), store.above(asking.resource));
    let slices =
        |above: &'_ [(u32, Vec<u32>)]| above.iter().map(|(kind, ids)| (*kind, ids.clone())).collect::<Vec<_>>();
    let (principal_in, resource_in) = (slices(&principal_in), slices(&resource_in));
    let principal_in: Vec<(u32, &[u32])> = principal_in.iter().map(|(kind, ids)| (*kind, ids.as_slice())).collect();
    let resource_in: Vec<(u32, &[u32])> = resource_in.iter().map(|(kind, ids)| (*kind, ids.as_slice())).collect();
    let action_in: Vec<_> = store
        .above(asking.action)
        .into_iter()
        .flat_map(|(kind, ids)| ids.into_iter().map(move |id| crate::data::value::Ent { kind, id }))
        .collect();
    let mut found: smallvec::SmallVec<[u32; 8]> = smallvec::SmallVec::new();
    index.find(
        &Asked {
            principal: asking.principal,
            principal_in: &principal_in,
            action: asking.action,
            action_in: &action_in,
            resource: asking.resource,
            resource_in: &resource_in,
        },
        &mut found,
    );
    found.into_iter().map(crate::data::names::index).collect()
}

/// The corpus in a folder of its own, if it is there: whatever archives of it there are.
fn unpacked() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cedar-corpus");
    let files = std::fs::read_dir(&shared).into_iter().flatten().map(|entry| entry.unwrap().path());
    let archives: Vec<_> = files.filter(|path| path.to_string_lossy().ends_with(".tar.gz")).collect();
    if archives.is_empty() {
        say("SKIPPED: there is no `shared` folder with Cedar's corpus beside the repository");
        return None;
    }
    let folder = std::env::temp_dir().join(format!("toolgate-corpus-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for archive in archives {
        let done = Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(&folder).status().unwrap();
        assert!(done.success(), "{}", archive.display());
    }
    Some(folder)
}

/// Prints a line that the test runner does not swallow.
fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}
