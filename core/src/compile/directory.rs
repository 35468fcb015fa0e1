//! The snapshot, indexed: who somebody is, what they hold at an instant, who may approve for them.

use std::collections::{BTreeSet, HashMap};

use crate::data::id::Subject;
use crate::data::snapshot::{
    Client, Entitlement, Grant, Granted, Group, Holder, Profile, ServicePrincipal, Snapshot, User,
};
use crate::data::time::Instant;

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
            snapshot,
        }
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.users.get(id).and_then(|&at| self.snapshot.users.get(at))
    }

    pub(crate) fn active_user(&self, id: &str) -> Option<&User> {
        self.user(id).filter(|user| user.active)
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
    pub(crate) fn grants_to<'a, 'b>(
        &'a self,
        subject: &'b Subject,
        groups: &'b BTreeSet<&str>,
    ) -> impl Iterator<Item = &'a Grant> {
        self.snapshot.grants.iter().filter(move |grant| match (&grant.to, subject) {
            (Holder::User(holder), Subject::Agent { user, .. }) => holder == user,
            (Holder::UserClient { user: holder, client: via }, Subject::Agent { user, client }) => {
                holder == user && via == client
            }
            (Holder::Group(group), Subject::Agent { .. }) => groups.contains(group.as_str()),
            (Holder::ServicePrincipal(holder), Subject::ServicePrincipal { id }) => holder == id,
            _ => false,
        })
    }
}

/// The entitlements and profiles a subject's agent holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) entitlements: BTreeSet<String>,
    pub(crate) profiles: BTreeSet<String>,
}

impl Held {
    /// Adds what a grant gives.
    pub(crate) fn add(&mut self, what: &Granted, directory: &Directory) {
        match what {
            Granted::Entitlement(id) => {
                self.entitlements.insert(id.clone());
            }
            Granted::Profile(id) => {
                self.profiles.insert(id.clone());
                let bundled =
                    directory.profile(id).iter().flat_map(|profile| &profile.entitlements).cloned().collect::<Vec<_>>();
                self.entitlements.extend(bundled);
            }
        }
    }
}

impl Grant {
    /// Whether the grant is in force: half-open, `[from, until)`.
    pub(crate) fn in_force(&self, now: Instant) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}
