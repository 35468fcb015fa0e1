//! The index against asking every policy.

#![allow(
    clippy::allow_attributes,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const KINDS: u32 = 3;
const IDS: u32 = 9;

fn ent() -> impl Strategy<Value = Ent> {
    (0..KINDS, 0..IDS).prop_map(|(kind, id)| Ent { kind, id })
}

fn bound() -> impl Strategy<Value = Bound> {
    prop_oneof![
        2 => Just(Bound::Any),
        1 => (0..KINDS).prop_map(Bound::Is),
        2 => ent().prop_map(Bound::Eq),
        3 => ent().prop_map(Bound::In),
        2 => (0..KINDS, ent()).prop_map(|(kind, above)| Bound::IsIn(kind, above)),
    ]
}

fn actions() -> impl Strategy<Value = Actions> {
    prop_oneof![
        Just(Actions::Any),
        ent().prop_map(Actions::Eq),
        proptest::collection::vec(ent(), 0..4).prop_map(|some| Actions::In(some.into())),
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    (bound(), actions(), bound()).prop_map(|(principal, action, resource)| Scope { principal, action, resource })
}

/// An entity and what it is in.
fn placed() -> impl Strategy<Value = (Ent, BTreeSet<Ent>)> {
    (ent(), proptest::collection::btree_set(ent(), 0..12))
}

fn by_kind(above: &BTreeSet<Ent>) -> Vec<(u32, Vec<u32>)> {
    (0..KINDS).map(|kind| (kind, above.iter().filter(|e| e.kind == kind).map(|e| e.id).collect())).collect()
}

fn slices(above: &[(u32, Vec<u32>)]) -> Vec<(u32, &[u32])> {
    above.iter().map(|(kind, ids)| (*kind, ids.as_slice())).collect()
}

#[test]
fn the_index_finds_what_asking_every_policy_finds() {
    let (found_some, found_none) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let scopes = proptest::collection::vec(scope(), 0..250);
    let requests = proptest::collection::vec((placed(), placed(), placed()), 1..8);
    let run = runner.run(&(scopes, requests), |(scopes, requests)| {
        let index = Index::new(&scopes);
        for ((principal, principal_in), (action, action_in), (resource, resource_in)) in requests {
            // sometimes an entity is listed as being in itself
            let is_in = |entity: Ent, above: Ent| {
                let all = [(principal, &principal_in), (action, &action_in), (resource, &resource_in)];
                entity == above || all.iter().any(|(one, all)| *one == entity && all.contains(&above))
            };
            // one entity cannot be in different places
            if principal == action || principal == resource || action == resource {
                continue;
            }
            let expected: Vec<u32> = (0..)
                .zip(&scopes)
                .filter(|(_, scope)| scope.matches(principal, action, resource, is_in))
                .map(|(policy, _)| policy)
                .collect();
            let (principals, resources) = (by_kind(&principal_in), by_kind(&resource_in));
            let (mut principals, resources) = (slices(&principals), slices(&resources));
            // one kind may have two lists, with something in common
            if let Some((kind, ids)) = principals.first().copied() {
                principals.push((kind, &ids[ids.len() / 2..]));
            }
            let groups: Vec<Ent> = action_in.iter().copied().collect();
            let asked = Asked {
                principal,
                principal_in: &principals,
                action,
                action_in: &groups,
                resource,
                resource_in: &resources,
            };
            let mut found: SmallVec<[u32; 8]> = SmallVec::new();
            index.find(&asked, &mut found);
            prop_assert_eq!(found.as_slice(), &expected, "{:?}", asked);
            // in two steps: as if the principal had been in half of it before
            let halves: Vec<_> = principals.iter().map(|(kind, ids)| (*kind, ids.split_at(ids.len() / 2))).collect();
            let half = |second: bool| -> Vec<(u32, &[u32])> {
                halves.iter().map(|(kind, (some, rest))| (*kind, if second { *rest } else { *some })).collect()
            };
            let mut in_steps: SmallVec<[u32; 8]> = SmallVec::new();
            index.find(&Asked { principal_in: &half(false), ..asked }, &mut in_steps);
            index.find_more(&Asked { principal_in: &half(true), ..asked }, &mut in_steps);
            prop_assert_eq!(in_steps.as_slice(), &expected, "{:?}", asked);
            let counter = if found.is_empty() { &found_none } else { &found_some };
            counter.set(counter.get() + 1);
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    assert!(found_some.get() > 500 && found_none.get() > 5, "{} {}", found_some.get(), found_none.get());
}

#[test]
fn a_long_list_of_held_entitlements_is_searched_from_the_shorter_side() {
    // one policy for each of 2,000 entitlements under one action, and a policy each under 50 others
    let action = |id| Ent { kind: 0, id };
    let scopes: Vec<Scope> = (0..2_000)
        .map(|id| Scope {
            principal: Bound::In(Ent { kind: 1, id }),
            action: Actions::In([action(if id < 1_950 { 0 } else { id })].into()),
            resource: Bound::Any,
        })
        .collect();
    let index = Index::new(&scopes);
    let held: Vec<u32> = (0..4_000).step_by(2).collect();
    let find = |action, held: &[u32]| {
        let asked = Asked {
            principal: Ent { kind: 2, id: 0 },
            principal_in: &[(1, held)],
            action,
            action_in: &[],
            resource: Ent { kind: 3, id: 0 },
            resource_in: &[],
        };
        let mut found: SmallVec<[u32; 8]> = SmallVec::new();
        index.find(&asked, &mut found);
        found.to_vec()
    };
    assert_eq!(find(action(0), &held), (0..1_950).step_by(2).collect::<Vec<u32>>());
    assert_eq!(find(action(1_998), &held), [1_998]);
    assert_eq!(find(action(1_999), &held), [0_u32; 0]);
    assert_eq!(find(action(0), &[7, 1_949, 1_950]), [7, 1_949]);
}

#[test]
fn memory_is_linear_in_policies() {
    let scopes = |count: u32| -> Vec<Scope> {
        (0..count)
            .map(|id| Scope {
                principal: Bound::In(Ent { kind: 1, id: id % 100 }),
                action: Actions::Eq(Ent { kind: 0, id: id % 1_000 }),
                resource: Bound::Any,
            })
            .collect()
    };
    let per_policy = |count: u32| Index::new(&scopes(count)).size() / usize::try_from(count).unwrap();
    let (few, many) = (per_policy(1_000), per_policy(64_000));
    assert!(few < 200 && many < 200, "{few} and {many} bytes a policy");
}
