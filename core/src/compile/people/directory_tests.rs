//! The snapshot indexed in the plain way: what the tables are compared with.

use std::collections::{BTreeSet, HashMap};

use crate::data::id::Subject;
use crate::data::snapshot::{
    Approval, Client, Entitlement, Grant, Group, Holder, Profile, ServicePrincipal, Snapshot, User,
};

/// Look-ups over a checked snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) snapshot: Snapshot,
    users: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    clients: HashMap<String, usize>,
    service_principals: HashMap<String, usize>,
    entitlements: HashMap<String, usize>,
    profiles: HashMap<String, usize>,
    /// Grants by whom they name: a subject is named by few of them.
    grants: HashMap<Holding, Vec<usize>>,
    /// Approvals by the subject they are for.
    approvals: HashMap<Subject, Vec<usize>>,
}

/// Whom a grant names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holding {
    User(String),
    Group(String),
    ServicePrincipal(String),
}

impl Directory {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        fn index<T>(items: &[T], id: impl Fn(&T) -> &String) -> HashMap<String, usize> {
            items.iter().enumerate().map(|(at, item)| (id(item).clone(), at)).collect()
        }
        Self {
            users: index(&snapshot.users, |user| &user.id),
            groups: index(&snapshot.groups, |group| &group.id),
            clients: index(&snapshot.clients, |client| &client.id),
            service_principals: index(&snapshot.service_principals, |principal| &principal.id),
            entitlements: index(&snapshot.entitlements, |entitlement| &entitlement.id),
            profiles: index(&snapshot.profiles, |profile| &profile.id),
            grants: gather(snapshot.grants.iter().map(|grant| match &grant.to {
                Holder::User(id) | Holder::UserClient { user: id, .. } => Holding::User(id.clone()),
                Holder::Group(id) => Holding::Group(id.clone()),
                Holder::ServicePrincipal(id) => Holding::ServicePrincipal(id.clone()),
            })),
            approvals: gather(snapshot.approvals.iter().map(|approval| approval.subject.clone())),
            snapshot,
        }
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id).and_then(|&at| self.snapshot.users.get(at))
    }

    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.get(id).and_then(|&at| self.snapshot.groups.get(at))
    }

    pub(crate) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.get(id).and_then(|&at| self.snapshot.clients.get(at))
    }

    pub(crate) fn service_principal(&self, id: &str) -> Option<&ServicePrincipal> {
        self.service_principals.get(id).and_then(|&at| self.snapshot.service_principals.get(at))
    }

    pub(crate) fn entitlement(&self, id: &str) -> Option<&Entitlement> {
        self.entitlements.get(id).and_then(|&at| self.snapshot.entitlements.get(at))
    }

    pub(crate) fn profile(&self, id: &str) -> Option<&Profile> {
        self.profiles.get(id).and_then(|&at| self.snapshot.profiles.get(at))
    }

    /// The groups and all groups above them. Loading refused cycles; an undefined group has no parents.
    pub(crate) fn with_ancestors<'a>(&'a self, groups: &'a [String]) -> BTreeSet<&'a str> {
        let mut all = BTreeSet::new();
        let mut open: Vec<&str> = groups.iter().map(String::as_str).collect();
        while let Some(id) = open.pop() {
            if all.insert(id) {
                open.extend(self.group(id).iter().flat_map(|group| &group.parents).map(String::as_str));
            }
        }
        all
    }

    /// The active users of a group, nested groups included.
    pub(crate) fn active_members(&self, group: &str) -> impl Iterator<Item = &str> {
        self.snapshot
            .users
            .iter()
            .filter(move |user| user.active && self.with_ancestors(&user.groups).contains(group))
            .map(|user| user.id.as_str())
    }

    /// The grants whose holder includes `subject`, in force or not. `groups` are the user's, ancestors included.
    pub(crate) fn grants_to<'a>(&'a self, subject: &Subject, groups: &BTreeSet<&str>) -> Vec<&'a Grant> {
        let mut names = Vec::new();
        match subject {
            Subject::Agent { user, .. } => {
                names.push(Holding::User(user.clone()));
                names.extend(groups.iter().map(|group| Holding::Group((*group).to_string())));
            }
            Subject::ServicePrincipal { id } => names.push(Holding::ServicePrincipal(id.clone())),
        }
        let through = |grant: &&Grant| match (&grant.to, subject) {
            (Holder::UserClient { client: via, .. }, Subject::Agent { client, .. }) => via == client,
            _ => true,
        };
        let all = names.iter().filter_map(|name| self.grants.get(name)).flatten();
        all.filter_map(|&at| self.snapshot.grants.get(at)).filter(through).collect()
    }

    /// The approvals for exactly this subject, in force or not.
    pub(crate) fn approvals_for(&self, subject: &Subject) -> impl Iterator<Item = &Approval> {
        let all = self.approvals.get(subject).into_iter().flatten();
        all.filter_map(|&at| self.snapshot.approvals.get(at))
    }
}

/// The positions of equal keys together.
fn gather<K: Eq + std::hash::Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, Vec<usize>> {
    let mut all: HashMap<K, Vec<usize>> = HashMap::new();
    for (at, key) in keys.enumerate() {
        all.entry(key).or_default().push(at);
    }
    all
}
