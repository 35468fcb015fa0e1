//! Ids that nothing defines. They grant nothing, so they are no errors; they are seldom meant.

use std::collections::BTreeSet;

use crate::compile::people::People;
use crate::compile::symbols::{self, Symbols};
use crate::compile::vocabulary::Types;
use crate::data::catalog::Catalog;
use crate::data::policy::Approver;
use crate::data::report::{About, Finding, FindingKind};
use crate::data::snapshot::{Granted, Holder, Snapshot};
use crate::load::policies::SourcePolicy;

/// What is known by name: what the snapshot defines, and what it or the catalog mentions.
pub(crate) struct Known<'a> {
    pub(crate) people: &'a People,
    pub(crate) symbols: &'a Symbols,
    pub(crate) catalog: &'a Catalog,
}

/// References that lead nowhere.
#[derive(Default)]
struct Lost(BTreeSet<(About, &'static str, String)>);

impl Lost {
    fn check(&mut self, known: bool, from: impl FnOnce() -> About, what: &'static str, id: &str) {
        if !known {
            self.0.insert((from(), what, id.into()));
        }
    }

    fn findings(self) -> Vec<Finding> {
        let say = |(from, what, name): (About, &str, String)| {
            let by = match from.what {
                "kill switch" => "a kill switch".to_owned(),
                kind => format!("{kind} `{}`", from.id),
            };
            let message = format!("{by} names {what} `{}`, which nothing defines", name.escape_debug());
            Finding::new(FindingKind::ReferenceUnknown, message).about(from.what, &from.id).naming(&name)
        };
        self.0.into_iter().map(say).collect()
    }
}

impl Known<'_> {
    /// Whether the snapshot defines it. Numbers of what it defines come first.
    fn defines(&self, kind: u32, id: &str) -> bool {
        let [users, groups, clients, service_principals, entitlements, profiles] = self.people.counts();
        let defined = match kind {
            symbols::USER => users,
            symbols::GROUP => groups,
            symbols::CLIENT => clients,
            symbols::SERVICE_PRINCIPAL => service_principals,
            symbols::ENTITLEMENT => entitlements,
            symbols::PROFILE => profiles,
            _ => 0,
        };
        self.symbols.find(kind, id).is_some_and(|entity| entity.id < defined)
    }

    /// Whether the snapshot mentions something that it does not define, entitlements apart.
    fn has_strangers(&self) -> bool {
        let [users, groups, clients, service_principals, _, profiles] = self.people.counts();
        [
            (symbols::USER, users),
            (symbols::GROUP, groups),
            (symbols::CLIENT, clients),
            (symbols::SERVICE_PRINCIPAL, service_principals),
            (symbols::PROFILE, profiles),
        ]
        .into_iter()
        .any(|(kind, defined)| self.symbols.entities(kind) > defined)
    }

    /// Every reference that leads nowhere, once. To be called before policies add names of their own.
    pub(crate) fn unknown(&self, sources: &[SourcePolicy], types: &Types) -> Vec<Finding> {
        let mut lost = Lost::default();
        if self.has_strangers() {
            let names = self.symbols.people();
            let loose = self.people.loose_grants(&names);
            self.in_snapshot(&Snapshot { grants: loose, ..self.people.without_grants(&names) }, &mut lost);
        }
        self.in_catalog(&mut lost);
        for source in sources {
            self.in_policy(source, types, &mut lost);
        }
        lost.findings()
    }

    fn in_snapshot(&self, snapshot: &Snapshot, lost: &mut Lost) {
        let mut check = |kind, what, id: &str, from, name: &str| {
            lost.check(self.defines(kind, id), || about(from, name), what, id);
        };
        for user in &snapshot.users {
            user.groups.iter().for_each(|id| check(symbols::GROUP, "group", id, "user", &user.id));
            user.manager.iter().for_each(|id| check(symbols::USER, "manager", id, "user", &user.id));
        }
        for group in &snapshot.groups {
            group.parents.iter().for_each(|id| check(symbols::GROUP, "group", id, "group", &group.id));
        }
        for principal in &snapshot.service_principals {
            let (from, name) = ("service principal", &principal.id);
            check(symbols::USER, "owner", &principal.owner, from, name);
            principal.manager.iter().for_each(|id| check(symbols::USER, "manager", id, from, name));
            principal.groups.iter().for_each(|id| check(symbols::GROUP, "group", id, from, name));
        }
        for grant in &snapshot.grants {
            let name = &grant.id;
            match &grant.to {
                Holder::User(id) => check(symbols::USER, "user", id, "grant", name),
                Holder::UserClient { user, client } => {
                    check(symbols::USER, "user", user, "grant", name);
                    check(symbols::CLIENT, "client", client, "grant", name);
                }
                Holder::Group(id) => check(symbols::GROUP, "group", id, "grant", name),
                Holder::ServicePrincipal(id) => {
                    check(symbols::SERVICE_PRINCIPAL, "service principal", id, "grant", name);
                }
            }
            if let Granted::Profile(id) = &grant.what {
                check(symbols::PROFILE, "profile", id, "grant", name);
            }
        }
    }

    fn in_catalog(&self, lost: &mut Lost) {
        let catalog = self.catalog;
        // a kill switch that names nothing stops nothing, whatever whoever pressed it believes
        let switches = self.people.kill_switches();
        for id in &switches.servers {
            lost.check(catalog.servers.contains_key(id), || about("kill switch", "servers"), "server", id);
        }
        for id in &switches.tools {
            lost.check(catalog.tools.contains_key(id), || about("kill switch", "tools"), "tool", &id.to_string());
        }
        for id in &switches.clients {
            lost.check(self.defines(symbols::CLIENT, id), || about("kill switch", "clients"), "client", id);
        }
        for (id, server) in &catalog.servers {
            if let Some(owner) = &server.owner {
                lost.check(self.defines(symbols::USER, owner), || about("server", id), "owner", owner);
            }
        }
    }

    fn in_policy(&self, source: &SourcePolicy, types: &Types, lost: &mut Lost) {
        let from = || about("policy", &source.terms.id);
        for approver in &source.terms.approvers {
            match approver {
                Approver::Group(id) => lost.check(self.defines(symbols::GROUP, id), from, "group", id),
                Approver::User(id) => lost.check(self.defines(symbols::USER, id), from, "user", id),
                Approver::ServerOwner | Approver::EntitlementOwner => {}
            }
        }
        for uid in &source.literals {
            let (kind, id) = (uid.type_name(), uid.id().unescaped());
            let (known, what) = if kind == &types.server {
                (self.catalog.servers.contains_key(id), "server")
            } else if kind == &types.tool {
                (self.symbols.find(symbols::TOOL, id).is_some(), "tool")
            } else if kind == &types.group {
                (self.defines(symbols::GROUP, id), "group")
            } else if kind == &types.client {
                (self.defines(symbols::CLIENT, id), "client")
            } else if kind == &types.user {
                (self.defines(symbols::USER, id), "user")
            } else if kind == &types.service_principal {
                (self.defines(symbols::SERVICE_PRINCIPAL, id), "service principal")
            } else if kind == &types.profile {
                (self.defines(symbols::PROFILE, id), "profile")
            } else if kind == &types.entitlement {
                // most entitlements need no definition: being mentioned anywhere but in a policy is enough
                (self.symbols.find(symbols::ENTITLEMENT, id).is_some(), "entitlement")
            } else {
                continue;
            };
            lost.check(known, from, what, id);
        }
    }
}

fn about(what: &'static str, id: &str) -> About {
    About { what, id: id.into() }
}
