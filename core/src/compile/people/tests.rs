use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::compile::people::directory_tests::Directory;
use crate::data::id::Subject;
use crate::data::snapshot::{self as plain, ApprovalKind, Granted, Scope, Snapshot};
use crate::error::Error;
use crate::limits::Limits;
use crate::load::{people, snapshot};

/// Names of people and things. Few, so that they meet; now and then one that is refused, or looks like another.
pub(super) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        120 => "[a-f]",
        30 => "[a-f][0-9]",
        1 => select(&["", " a", "cop", "сор", "é", "l1", "ll", "*", "カ", "力", "a\u{202e}"][..]).prop_map(str::to_owned),
    ]
}

fn names(most: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(name(), 0..=most)
}

/// Ids of one list: nearly always distinct.
fn ids(most: usize) -> impl Strategy<Value = Vec<String>> {
    let distinct = proptest::collection::hash_set(name(), 0..=most).prop_map(|all| all.into_iter().collect::<Vec<_>>());
    prop_oneof![30 => distinct.prop_shuffle(), 1 => names(most)]
}

fn instant() -> impl Strategy<Value = Instant> {
    let texts = [
        "1969-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
        "2026-06-01T00:00:00.5Z",
        "2027-01-01T00:00:00Z",
        "2120-01-01T00:00:00Z",
    ];
    (0..texts.len()).prop_map(move |at| texts[at].parse().unwrap())
}

/// A time that has an end nearly always, after its beginning.
fn interval() -> impl Strategy<Value = (Instant, Instant)> {
    prop_oneof![
        60 => (instant(), instant()).prop_filter("ends later", |(from, until)| from < until),
        1 => (instant(), instant()),
    ]
}

fn holder() -> impl Strategy<Value = plain::Holder> {
    prop_oneof![
        3 => name().prop_map(plain::Holder::User),
        2 => (name(), name()).prop_map(|(user, client)| plain::Holder::UserClient { user, client }),
        2 => name().prop_map(plain::Holder::Group),
        1 => name().prop_map(plain::Holder::ServicePrincipal),
    ]
}

pub(super) fn grant_of(id: String) -> impl Strategy<Value = plain::Grant> {
    let what = prop_oneof![3 => name().prop_map(Granted::Entitlement), 1 => name().prop_map(Granted::Profile)];
    (holder(), what, interval(), any::<[bool; 2]>()).prop_map(move |(to, what, (from, until), [begins, ends])| {
        let (from, until) = (begins.then_some(from), ends.then_some(until));
        plain::Grant { id: id.clone(), to, what, from, until }
    })
}

pub(super) fn approval_of(id: String) -> impl Strategy<Value = plain::Approval> {
    let subject = prop_oneof![
        (name(), name()).prop_map(|(user, client)| Subject::agent(user, client)),
        name().prop_map(Subject::service_principal)
    ];
    (name(), subject, interval()).prop_map(move |(by, subject, (from, until))| plain::Approval {
        id: id.clone(),
        kind: ApprovalKind::Manager,
        by,
        subject,
        scope: Scope::Server("s".into()),
        from,
        until,
    })
}

fn each<T: std::fmt::Debug, S: Strategy<Value = T>>(
    most: usize,
    of: impl Fn(String) -> S + Clone,
) -> impl Strategy<Value = Vec<T>> {
    ids(most).prop_flat_map(move |ids| ids.into_iter().map(of.clone()).collect::<Vec<_>>())
}

fn definition() -> impl Strategy<Value = (Vec<String>, Vec<String>, Vec<String>, bool)> {
    (names(2), names(2), names(3), any::<bool>())
}

pub(super) fn world() -> impl Strategy<Value = Snapshot> {
    let user = |id: String| {
        (any::<bool>(), proptest::option::of(name()), names(3), names(3)).prop_map(
            move |(active, manager, groups, own)| plain::User {
                id: id.clone(),
                active,
                manager,
                groups,
                entitlements: own,
            },
        )
    };
    // mostly without cycles: a parent comes later in the alphabet
    let group = |id: String| {
        names(2).prop_map(move |mut parents| {
            if id != "b" {
                parents.retain(|parent| *parent > id);
            }
            plain::Group { id: id.clone(), parents }
        })
    };
    let client = |id: String| {
        (
            select(&[ClientKind::Personal, ClientKind::Shared][..]),
            select(&[ClientState::Active, ClientState::Closed][..]),
        )
            .prop_map(move |(kind, state)| plain::Client { id: id.clone(), kind, state })
    };
    let principal = |id: String| {
        (any::<bool>(), name(), proptest::option::of(name()), names(2)).prop_map(
            move |(active, owner, manager, groups)| plain::ServicePrincipal {
                id: id.clone(),
                active,
                owner,
                manager,
                groups,
            },
        )
    };
    let entitlement = |id: String| {
        definition().prop_map(move |(owners, requestable_by, _, long)| plain::Entitlement {
            id: id.clone(),
            owners,
            requestable_by,
            request_approval: if long { RequestApproval::Auto } else { RequestApproval::Manager },
            max_duration: long.then_some(Duration::from_secs(3600)),
        })
    };
    let profile = |id: String| {
        definition().prop_map(move |(owners, requestable_by, entitlements, long)| plain::Profile {
            id: id.clone(),
            entitlements,
            owners,
            requestable_by,
            request_approval: RequestApproval::SelfApproval,
            max_duration: long.then_some(Duration::from_secs(7200)),
        })
    };
    let people =
        (each(8, user), each(6, group), each(4, client), each(4, principal), each(4, entitlement), each(4, profile));
    (people, each(60, grant_of), each(12, approval_of), any::<bool>(), names(2)).prop_map(
        |((users, groups, clients, service_principals, entitlements, profiles), grants, approvals, tenant, servers)| {
            Snapshot {
                version: 5,
                issued_at: "2026-01-01T00:00:00Z".parse().unwrap(),
                max_age: Duration::from_secs(86_400),
                users,
                groups,
                clients,
                service_principals,
                entitlements,
                profiles,
                grants,
                approvals,
                kill_switches: KillSwitches { tenant, servers, ..KillSwitches::default() },
            }
        },
    )
}

/// JSON Lines of a snapshot in any order of kinds, and that of a document.
fn lines(snapshot: &Snapshot, order: &[usize]) -> String {
    let value = |item: serde_json::Value, kind: &str| {
        let serde_json::Value::Object(mut line) = item else { panic!() };
        if let Some(own) = line.remove("kind") {
            line.insert(format!("{kind}_kind"), own);
        }
        line.insert("kind".into(), kind.into());
        serde_json::Value::Object(line).to_string()
    };
    fn all<T: serde::Serialize>(items: &[T]) -> Vec<serde_json::Value> {
        items.iter().map(|item| serde_json::to_value(item).unwrap()).collect()
    }
    let head = serde_json::json!({
        "version": snapshot.version, "issued_at": snapshot.issued_at.to_string(), "max_age": "PT24H",
    });
    let parts = [
        ("snapshot", vec![head]),
        ("kill_switches", all(std::slice::from_ref(&snapshot.kill_switches))),
        ("user", all(&snapshot.users)),
        ("group", all(&snapshot.groups)),
        ("client", all(&snapshot.clients)),
        ("service_principal", all(&snapshot.service_principals)),
        ("entitlement", all(&snapshot.entitlements)),
        ("profile", all(&snapshot.profiles)),
        ("grant", all(&snapshot.grants)),
        ("approval", all(&snapshot.approvals)),
    ];
    let lines = order.iter().flat_map(|at| parts[*at].1.iter().map(|item| value(item.clone(), parts[*at].0)));
    lines.collect::<Vec<_>>().join("\n")
}

fn order() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just((0..10).collect::<Vec<_>>()), Just((0..10).collect::<Vec<_>>()).prop_shuffle()]
}

pub(super) fn load(snapshot: &Snapshot) -> Result<(People, PeopleNames), Error> {
    people::from_snapshot(snapshot.clone(), &Limits::default()).map(People::new)
}

/// What is looked up by number, by name.
fn named<'a>(names: &'a crate::data::names::Names, all: &[u32]) -> BTreeSet<&'a str> {
    all.iter().map(|id| names.name(*id)).collect()
}

/// Everything that can be looked up, as the plain directory has it.
pub(super) fn looks_up_the_same(people: &People, names: &PeopleNames, directory: &Directory) {
    for (id, name) in (0..names.users.len()).map(|id| (id, names.users.name(id))) {
        let (user, plain) = (people.user(id), directory.user(name));
        assert_eq!(user.is_some(), plain.is_some(), "user {name}");
        let (Some(user), Some(plain)) = (user, plain) else { continue };
        assert_eq!((user.active, people.is_active(id)), (plain.active, plain.active));
        assert_eq!(user.manager.map(|id| names.users.name(id)), plain.manager.as_deref());
        assert!(user.direct_groups.iter().map(|id| names.groups.name(*id)).eq(plain.groups.iter()));
        assert!(user.groups.is_sorted_by(|one, other| one < other), "{:?}", user.groups);
        let closure = directory.with_ancestors(&plain.groups);
        assert_eq!(named(&names.groups, user.groups), closure);
        assert!(user.entitlements.is_sorted_by(|one, other| one < other));
        assert_eq!(
            named(&names.entitlements, user.entitlements),
            plain.entitlements.iter().map(String::as_str).collect()
        );
        for client in 0..names.clients.len() {
            let subject = Subject::agent(name, names.clients.name(client));
            let holders = [Holder::User(id)].into_iter().chain(user.groups.iter().map(|id| Holder::Group(*id)));
            let through = |(_, grant): &(Holder, Grant)| grant.client.is_none_or(|via| via == client);
            let all = holders.flat_map(|holder| people.grants(holder).map(move |grant| (holder, grant)));
            same_grants(names, all.filter(through), &directory.grants_to(&subject, &closure));
            same_approvals(people, SubjectId::Agent { user: id, client }, directory, &subject);
        }
    }
    for (id, name) in (0..names.service_principals.len()).map(|id| (id, names.service_principals.name(id))) {
        let (principal, plain) = (people.service_principal(id), directory.service_principal(name));
        assert_eq!(principal.is_some(), plain.is_some());
        if let (Some(principal), Some(plain)) = (principal, plain) {
            assert_eq!(principal.active, plain.active);
            assert_eq!(names.users.name(principal.owner), plain.owner);
            assert_eq!(principal.manager.map(|id| names.users.name(id)), plain.manager.as_deref());
            assert_eq!(named(&names.groups, principal.groups), directory.with_ancestors(&plain.groups));
            assert!(principal.direct_groups.iter().map(|id| names.groups.name(*id)).eq(plain.groups.iter()));
        }
        let subject = Subject::service_principal(name);
        let holder = Holder::ServicePrincipal(id);
        let all = people.grants(holder).map(|grant| (holder, grant));
        same_grants(names, all, &directory.grants_to(&subject, &BTreeSet::new()));
        same_approvals(people, SubjectId::ServicePrincipal(id), directory, &subject);
    }
    for (id, name) in (0..names.groups.len()).map(|id| (id, names.groups.name(id))) {
        assert_eq!(people.is_group(id), directory.group(name).is_some());
        let parents = directory.group(name).map_or(&[][..], |group| &group.parents);
        assert!(people.parents(id).iter().map(|id| names.groups.name(*id)).eq(parents));
        let members: Vec<&str> = people.active_members(id).map(|id| names.users.name(id)).collect();
        assert_eq!(members, directory.active_members(name).collect::<Vec<_>>());
    }
    for (id, name) in (0..names.clients.len()).map(|id| (id, names.clients.name(id))) {
        assert_eq!(people.client(id), directory.client(name).map(|client| (client.kind, client.state)));
    }
    for (id, name) in (0..names.entitlements.len()).map(|id| (id, names.entitlements.name(id))) {
        let (found, plain) = (people.entitlement(id), directory.entitlement(name));
        assert_eq!(found.is_some(), plain.is_some());
        let (Some(found), Some(plain)) = (found, plain) else { continue };
        assert!(found.owners.iter().map(|id| names.users.name(*id)).eq(plain.owners.iter()));
        assert_eq!(
            named(&names.groups, found.requestable_by),
            plain.requestable_by.iter().map(String::as_str).collect()
        );
        assert_eq!(found.by_everyone, plain.requestable_by.iter().any(|group| group == "*"));
        assert_eq!((found.request_approval, found.max_duration), (plain.request_approval, plain.max_duration));
        assert!(found.entitlements.is_empty());
    }
    for (id, name) in (0..names.profiles.len()).map(|id| (id, names.profiles.name(id))) {
        let (found, plain) = (people.profile(id), directory.profile(name));
        assert_eq!(found.is_some(), plain.is_some());
        let (Some(found), Some(plain)) = (found, plain) else { continue };
        assert!(found.owners.iter().map(|id| names.users.name(*id)).eq(plain.owners.iter()));
        assert_eq!(
            named(&names.entitlements, found.entitlements),
            plain.entitlements.iter().map(String::as_str).collect()
        );
        assert!(found.entitlements.is_sorted_by(|one, other| one < other));
        assert_eq!(found.by_everyone, plain.requestable_by.iter().any(|group| group == "*"));
        assert_eq!((found.request_approval, found.max_duration), (plain.request_approval, plain.max_duration));
    }
}

/// The grants that name what is not defined, as one would find them in the plain snapshot.
pub(super) fn loose(snapshot: &Snapshot, directory: &Directory) -> Vec<plain::Grant> {
    let defined = |grant: &&plain::Grant| {
        let holder = match &grant.to {
            plain::Holder::User(user) => directory.user(user).is_some(),
            plain::Holder::UserClient { user, client } => {
                directory.user(user).is_some() && directory.client(client).is_some()
            }
            plain::Holder::Group(group) => directory.group(group).is_some(),
            plain::Holder::ServicePrincipal(id) => directory.service_principal(id).is_some(),
        };
        holder && !matches!(&grant.what, Granted::Profile(id) if directory.profile(id).is_none())
    };
    snapshot.grants.iter().filter(|grant| !defined(grant)).cloned().collect()
}

/// The same grants, those of one holder in the same order. What only changes mention has no name here.
fn same_grants(names: &PeopleNames, all: impl Iterator<Item = (Holder, Grant)>, plain: &[&plain::Grant]) {
    type Key = (String, String, Option<Instant>, Option<Instant>);
    let mut found: Vec<(Holder, Key)> = Vec::new();
    for (holder, grant) in all {
        let what = match grant.what {
            What::Entitlement(id) => format!("e {}", names.entitlements.name(id)),
            What::Profile(id) => format!("p {}", names.profiles.name(id)),
        };
        found.push((
            holder,
            (what, grant.client.map_or(String::new(), |id| names.clients.name(id).into()), grant.from, grant.until),
        ));
    }
    let mut expected: Vec<(Holder, Key)> = Vec::new();
    for grant in plain {
        let what = match &grant.what {
            Granted::Entitlement(id) => format!("e {}", names.entitlements.get(id).map_or("", |_| id)),
            Granted::Profile(id) => format!("p {}", names.profiles.get(id).map_or("", |_| id)),
        };
        let (holder, client) = match &grant.to {
            plain::Holder::User(user) => (Holder::User(names.users.get(user).unwrap()), ""),
            plain::Holder::UserClient { user, client } => {
                (Holder::User(names.users.get(user).unwrap()), client.as_str())
            }
            plain::Holder::Group(group) => (Holder::Group(names.groups.get(group).unwrap()), ""),
            plain::Holder::ServicePrincipal(id) => {
                (Holder::ServicePrincipal(names.service_principals.get(id).unwrap()), "")
            }
        };
        expected.push((holder, (what, client.into(), grant.from, grant.until)));
    }
    found.sort_by_key(|(holder, _)| *holder);
    expected.sort_by_key(|(holder, _)| *holder);
    assert_eq!(found, expected);
}

/// What a holder has at an instant is what goes through the grants say, one by one.
pub(super) fn same_holdings(people: &People, names: &PeopleNames) {
    let all = |names: &crate::data::names::Names, of: fn(u32) -> Holder| (0..names.len()).map(of).collect::<Vec<_>>();
    let holders = [
        all(&names.users, Holder::User),
        all(&names.groups, Holder::Group),
        all(&names.service_principals, Holder::ServicePrincipal),
    ];
    let times = [
        "1969-01-01T00:00:00Z",
        "2025-12-31T23:59:59.999Z",
        "2026-01-01T00:00:00Z",
        "2026-06-01T00:00:00.499999999Z",
        "2026-06-01T00:00:00.5Z",
        "2026-12-31T23:59:59.999999999Z",
        "2027-01-01T00:00:00Z",
        "2120-01-01T00:00:00Z",
    ];
    for now in times.map(|text| text.parse::<Instant>().unwrap()) {
        for holder in holders.iter().flatten() {
            for via in [0, 1, 2, NONE] {
                let mut found = Vec::new();
                let mut changes = Changes::default();
                people.holdings(*holder, via, &Now::new(now), &mut changes, &mut |holding| found.push(holding));
                let grants: Vec<Grant> =
                    people.grants(*holder).filter(|grant| grant.client.is_none_or(|client| client == via)).collect();
                let holds =
                    |grant: &Grant| grant.from.is_none_or(|at| at <= now) && grant.until.is_none_or(|at| now < at);
                let expected = grants.iter().filter_map(|grant| match grant.from {
                    _ if holds(grant) => Some(Holding::Now(grant.what)),
                    Some(from) if now < from => Some(Holding::From(grant.what, from)),
                    _ => None,
                });
                assert_eq!(found, expected.collect::<Vec<_>>(), "{holder:?} at {now}");
                let ahead = |at: &Instant| *at > now;
                let next = grants.iter().flat_map(|grant| [grant.from, grant.until]).flatten().filter(ahead).min();
                let first_end = grants.iter().filter(|grant| holds(grant)).filter_map(|grant| grant.until).min();
                assert_eq!(people.instants(&changes), (next, first_end), "{holder:?} at {now}");
            }
        }
    }
}

fn same_approvals(people: &People, subject: SubjectId, directory: &Directory, plain: &Subject) {
    let found: Vec<&plain::Approval> = people.approvals(subject).iter().map(|recorded| &*recorded.approval).collect();
    assert_eq!(found, directory.approvals_for(plain).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_snapshot_is_read_refused_and_written_as_the_plain_one_is(world in world(), order in order()) {
        let document = serde_json::to_string(&world).unwrap();
        for (file, text) in [("s.json", document), ("s.jsonl", lines(&world, &order))] {
            let expected = snapshot::read(file, text.as_bytes(), &Limits::default());
            let loaded = people::read(file, text.as_bytes(), &Limits::default()).map(People::new);
            let restored = loaded.map(|(people, names)| people.to_snapshot(&names.as_ref()));
            prop_assert_eq!(restored, expected);
        }
    }

    #[test]
    fn lines_that_are_broken_are_refused_as_ever(
        world in world(),
        order in order(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), select(&b"{}[]\",:\\ \t\r\n0aZ\xff\0"[..])), 0..3),
    ) {
        let mut bytes = lines(&world, &order).into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let expected = snapshot::read("s.jsonl", &bytes, &Limits::default());
        let loaded = people::read("s.jsonl", &bytes, &Limits::default()).map(People::new);
        let restored = loaded.map(|(people, names)| people.to_snapshot(&names.as_ref()));
        prop_assert_eq!(restored, expected);
    }

    #[test]
    fn everything_is_looked_up_as_the_plain_directory_has_it(world in world()) {
        if let Ok((people, names)) = load(&world) {
            let directory = Directory::new(world.clone());
            looks_up_the_same(&people, &names, &directory);
            prop_assert_eq!(people.loose_grants(&names.as_ref()), loose(&world, &directory));
            same_holdings(&people, &names);
        }
    }
}
