use proptest::prelude::*;
use proptest::sample::select;

use super::tests::{approval_of, grant_of, load, looks_up_the_same, loose, name, world};
use super::*;
use crate::compile::people::directory_tests::Directory;
use crate::data::delta::{Changes, Delta};
use crate::data::snapshot::Snapshot;
use crate::limits::Limits;
use crate::load::{delta, snapshot};

/// A change of what may be there, most often of what is.
fn delta_for(snapshot: &Snapshot) -> impl Strategy<Value = Delta> + use<> {
    let known = |ids: Vec<String>| {
        let any = name().boxed();
        if ids.is_empty() { any } else { prop_oneof![20 => select(ids), 1 => any].boxed() }
    };
    let (grants, approvals) = (
        known(snapshot.grants.iter().map(|grant| grant.id.clone()).collect()),
        known(snapshot.approvals.iter().map(|approval| approval.id.clone()).collect()),
    );
    let new = prop_oneof![10 => "[n-z][0-9]{1,3}", 1 => name()];
    let grant = new.clone().prop_flat_map(grant_of);
    let approval = new.prop_flat_map(approval_of);
    let few = || 0..3usize;
    let version = snapshot.version;
    (
        prop_oneof![20 => Just(version.saturating_add(1)), 1 => Just(version)],
        proptest::collection::vec(grants, few()),
        proptest::collection::vec(grant, few()),
        proptest::collection::vec(approvals, few()),
        proptest::collection::vec(approval, few()),
    )
        .prop_map(|(version, revoked, added, approvals_revoked, approvals_added)| Delta {
            version,
            issued_at: "2026-01-02T00:00:00Z".parse().unwrap(),
            grants: Changes { add: added, revoke: revoked },
            approvals: Changes { add: approvals_added, revoke: approvals_revoked },
        })
}

/// The change of a plain snapshot, if that makes one.
fn changed(snapshot: &Snapshot, delta: &Delta) -> Option<Snapshot> {
    let mut all = snapshot.clone();
    if delta.version <= all.version {
        return None;
    }
    (all.version, all.issued_at) = (delta.version, delta.issued_at);
    for id in &delta.grants.revoke {
        let at = all.grants.iter().position(|grant| grant.id == *id)?;
        all.grants.remove(at);
    }
    for id in &delta.approvals.revoke {
        let at = all.approvals.iter().position(|approval| approval.id == *id)?;
        all.approvals.remove(at);
    }
    all.grants.extend(delta.grants.add.iter().cloned());
    all.approvals.extend(delta.approvals.add.iter().cloned());
    let written = serde_json::to_string(&all).unwrap();
    snapshot::read("s.json", written.as_bytes(), &Limits::default()).ok()
}

fn world_and_deltas() -> impl Strategy<Value = (Snapshot, Vec<Delta>)> {
    world().prop_flat_map(|world| {
        let deltas = proptest::collection::vec(delta_for(&world), 0..6).prop_map(|mut deltas| {
            let newer = |(at, delta): (u64, &mut Delta)| delta.version = delta.version.saturating_add(at);
            (0..).zip(&mut deltas).for_each(newer);
            deltas
        });
        (Just(world), deltas)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn changes_amount_to_the_snapshot_they_lead_to((world, deltas) in world_and_deltas()) {
        let Ok((mut people, names)) = load(&world) else { return Ok(()) };
        let before = people.clone();
        let mut plain = world.clone();
        for delta in &deltas {
            let written = serde_json::to_string(delta).unwrap();
            prop_assert_eq!(&delta::read(written.as_bytes(), &Limits::default()).unwrap(), delta);
            let (next, expected) = (people.with(delta, &names.as_ref(), &Limits::default()), changed(&plain, delta));
            prop_assert_eq!(next.is_ok(), expected.is_some(), "{:?} {:?}", next.err(), delta);
            let (Ok(next), Some(expected)) = (next, expected) else { continue };
            (people, plain) = (next, expected);
            prop_assert_eq!(&people.to_snapshot(&names.as_ref()), &plain);
            let directory = Directory::new(plain.clone());
            looks_up_the_same(&people, &names, &directory);
            prop_assert_eq!(people.loose_grants(&names.as_ref()), loose(&plain, &directory));
        }
        prop_assert_eq!(before.to_snapshot(&names.as_ref()), world, "what was there before has not changed");
    }
}

/// A snapshot of which nearly all is usual.
fn small() -> Snapshot {
    let text = r#"{"version":42,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H",
        "users":[{"id":"alice","active":true,"groups":["staff"]}],"groups":[{"id":"staff"}],
        "clients":[{"id":"cli","kind":"personal","state":"active"}],
        "grants":[{"id":"g1","to":{"user":"alice"},"entitlement":"read"},
                  {"id":"g2","to":{"user":"alice"},"entitlement":"write"},
                  {"id":"g3","to":{"group":"staff"},"entitlement":"read"}],
        "approvals":[{"id":"a1","kind":"self","by":"alice","subject":{"user":"alice","client":"cli"},
            "scope":{"server":"s"},"from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"}]}"#;
    snapshot::read("s.json", text.as_bytes(), &Limits::default()).unwrap()
}

#[expect(clippy::unwrap_in_result, reason = "a test that cannot read its change has failed")]
fn apply(people: &People, names: &PeopleNames, delta: &str) -> Result<People, (&'static str, String)> {
    let delta = Delta::parse(delta.as_bytes()).unwrap();
    people
        .with(&delta, &names.as_ref(), &Limits::default())
        .map_err(|error| (error.code(), error.pointer().unwrap_or_default().to_owned()))
}

#[test]
fn what_is_revoked_is_gone_at_once() {
    let (people, names) = load(&small()).unwrap();
    let alice = Holder::User(names.users.get("alice").unwrap());
    let agent = SubjectId::Agent { user: 0, client: names.clients.get("cli").unwrap() };
    let after = apply(
        &people,
        &names,
        r#"{"version":43,"issued_at":"2026-11-20T10:00:00Z","grants":{"revoke":["g1"]},"approvals":{"revoke":["a1"]}}"#,
    )
    .unwrap();
    let what = |people: &People| people.grants(alice).map(|grant| grant.what).collect::<Vec<_>>();
    let [read, write] = ["read", "write"].map(|id| What::Entitlement(names.entitlements.get(id).unwrap()));
    assert_eq!((what(&people), what(&after)), (vec![read, write], vec![write]));
    assert_eq!((people.approvals(agent).len(), after.approvals(agent).len()), (1, 0));
    assert_eq!((after.version(), after.issued_at().to_string().as_str()), (43, "2026-11-20T10:00:00Z"));
    // the same id again is another grant, and can be revoked as well
    let again = apply(
        &after,
        &names,
        r#"{"version":44,"issued_at":"2026-11-20T10:00:00Z","grants":{"add":[{"id":"g1","to":{"user":"alice"},"entitlement":"new"}]}}"#,
    )
    .unwrap();
    assert_eq!((what(&again).len(), what(&again)[0]), (2, write));
    let gone = apply(&again, &names, r#"{"version":45,"issued_at":"2026-11-20T10:00:00Z","grants":{"revoke":["g1"]}}"#)
        .unwrap();
    assert_eq!(what(&gone), [write]);
}

#[test]
fn a_change_is_newer_than_what_it_changes() {
    let (people, names) = load(&small()).unwrap();
    let with = |version: u64| {
        apply(&people, &names, &format!(r#"{{"version":{version},"issued_at":"2026-11-20T10:00:00Z"}}"#))
    };
    assert!(with(43).is_ok() && with(99).is_ok());
    for version in [0, 41, 42] {
        assert_eq!(with(version).unwrap_err(), ("snapshot_older", "/version".to_owned()));
    }
}

#[test]
fn faults_in_a_change_are_placed() {
    let (people, names) = load(&small()).unwrap();
    let grant = r#""to":{"user":"alice"},"entitlement":"read""#;
    let yes = r#""kind":"self","by":"alice","subject":{"user":"alice","client":"cli"},"scope":{"server":"s"},"from":"2026-01-01T00:00:00Z""#;
    for (change, code, pointer) in [
        (r#""grants":{"revoke":["g4"]}"#.to_owned(), "invalid_value", "/grants/revoke/0"),
        (r#""grants":{"revoke":["g1","g1"]}"#.to_owned(), "invalid_value", "/grants/revoke/1"),
        (format!(r#""grants":{{"add":[{{"id":"g1",{grant}}}]}}"#), "duplicate_id", "/grants/add/0/id"),
        (
            format!(r#""grants":{{"add":[{{"id":"n",{grant}}},{{"id":"n",{grant}}}]}}"#),
            "duplicate_id",
            "/grants/add/1/id",
        ),
        (format!(r#""grants":{{"add":[{{"id":" n",{grant}}}]}}"#), "name_unsafe", "/grants/add/0/id"),
        (format!(r#""grants":{{"add":[{{"id":"ɡ1",{grant}}}]}}"#), "name_unsafe", "/grants/add/0/id"),
        (
            format!(
                r#""grants":{{"add":[{{"id":"n",{grant},"from":"2026-01-01T00:00:00Z","until":"2026-01-01T00:00:00Z"}}]}}"#
            ),
            "invalid_value",
            "/grants/add/0/until",
        ),
        (
            r#""grants":{"add":[{"id":"n","to":{"user":"a","client":""},"entitlement":"read"}]}"#.to_owned(),
            "invalid_value",
            "/grants/add/0/to/client",
        ),
        (r#""approvals":{"revoke":["a2"]}"#.to_owned(), "invalid_value", "/approvals/revoke/0"),
        (
            format!(r#""approvals":{{"add":[{{"id":"a1",{yes},"until":"2026-01-02T00:00:00Z"}}]}}"#),
            "duplicate_id",
            "/approvals/add/0/id",
        ),
        (
            format!(r#""approvals":{{"add":[{{"id":"a2",{yes},"until":"2025-01-02T00:00:00Z"}}]}}"#),
            "invalid_value",
            "/approvals/add/0/until",
        ),
    ] {
        let text = format!(r#"{{"version":43,"issued_at":"2026-11-20T10:00:00Z",{change}}}"#);
        assert_eq!(apply(&people, &names, &text).unwrap_err(), (code, pointer.to_owned()), "{change}");
    }
    let twin = format!(
        r#"{{"version":43,"issued_at":"2026-11-20T10:00:00Z","grants":{{"add":[{{"id":"g1",{grant}}}],"revoke":["g1"]}},
            "approvals":{{"add":[{{"id":"a2",{yes},"until":"2026-01-02T00:00:00Z"}}]}}}}"#
    );
    assert!(apply(&people, &names, &twin).is_ok());
}

#[test]
fn unknown_fields_of_a_change_are_refused() {
    for (text, pointer) in [
        (r#"{"version":1,"issued_at":"2026-11-20T10:00:00Z","users":[]}"#, "/users"),
        (r#"{"version":1,"issued_at":"2026-11-20T10:00:00Z","grants":{"remove":["g"]}}"#, "/grants/remove"),
    ] {
        let error = Delta::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.code(), error.pointer()), ("unknown_field", Some(pointer)));
    }
}

#[test]
fn many_changes_share_what_they_do_not_touch() {
    let (mut people, names) = load(&small()).unwrap();
    let first = people.clone();
    for n in 0..600u64 {
        let text = format!(
            r#"{{"version":{},"issued_at":"2026-11-20T10:00:00Z","grants":{{"add":[{{"id":"n{n}","to":{{"user":"u{}"}},"entitlement":"read"}}]}}}}"#,
            n + 43,
            n % 50
        );
        people = apply(&people, &names, &text).unwrap();
    }
    assert!(Arc::ptr_eq(&first.tables, &people.tables));
    assert_eq!((people.to_snapshot(&names.as_ref()).grants.len(), first.to_snapshot(&names.as_ref())), (603, small()));
}
