//! Ids that nothing defines. They grant nothing, so they are no errors; they are seldom meant.

use std::collections::{BTreeSet, HashSet};

use crate::compile::directory::Directory;
use crate::compile::policies::Policy;
use crate::compile::vocabulary::Types;
use crate::data::catalog::Catalog;
use crate::data::policy::Approver;
use crate::data::report::{Finding, FindingKind};
use crate::data::snapshot::{Granted, Holder};
use crate::load::policies::SourcePolicy;

/// Every reference that leads nowhere, once.
pub(crate) fn unknown(
    catalog: &Catalog,
    directory: &Directory,
    policies: &[Policy],
    sources: &[SourcePolicy],
    types: &Types,
) -> Vec<Finding> {
    let snapshot = &directory.snapshot;
    let mut all = BTreeSet::new();
    let mut check = |known: bool, from: &dyn Fn() -> String, what: &str, id: &str| {
        if !known {
            all.insert((from(), format!("{what} `{}`", id.escape_debug())));
        }
    };

    for user in &snapshot.users {
        let from = || format!("user `{}`", user.id);
        user.groups.iter().for_each(|id| check(directory.group(id).is_some(), &from, "group", id));
        user.manager.iter().for_each(|id| check(directory.user(id).is_some(), &from, "manager", id));
    }
    for group in &snapshot.groups {
        let from = || format!("group `{}`", group.id);
        group.parents.iter().for_each(|id| check(directory.group(id).is_some(), &from, "group", id));
    }
    for principal in &snapshot.service_principals {
        let from = || format!("service principal `{}`", principal.id);
        check(directory.user(&principal.owner).is_some(), &from, "owner", &principal.owner);
        principal.manager.iter().for_each(|id| check(directory.user(id).is_some(), &from, "manager", id));
        principal.groups.iter().for_each(|id| check(directory.group(id).is_some(), &from, "group", id));
    }
    for grant in &snapshot.grants {
        let from = || format!("grant `{}`", grant.id);
        match &grant.to {
            Holder::User(id) => check(directory.user(id).is_some(), &from, "user", id),
            Holder::UserClient { user, client } => {
                check(directory.user(user).is_some(), &from, "user", user);
                check(directory.client(client).is_some(), &from, "client", client);
            }
            Holder::Group(id) => check(directory.group(id).is_some(), &from, "group", id),
            Holder::ServicePrincipal(id) => {
                check(directory.service_principal(id).is_some(), &from, "service principal", id);
            }
        }
        if let Granted::Profile(id) = &grant.what {
            check(directory.profile(id).is_some(), &from, "profile", id);
        }
    }
    // a kill switch that names nothing stops nothing, whatever whoever pressed it believes
    let switches = &snapshot.kill_switches;
    let from = || "a kill switch".to_string();
    switches.servers.iter().for_each(|id| check(catalog.servers.contains_key(id), &from, "server", id));
    switches.tools.iter().for_each(|id| check(catalog.tools.contains_key(id), &from, "tool", &id.to_string()));
    switches.clients.iter().for_each(|id| check(directory.client(id).is_some(), &from, "client", id));

    for (id, server) in &catalog.servers {
        server.owner.iter().for_each(|owner| {
            check(directory.user(owner).is_some(), &|| format!("server `{id}`"), "owner", owner);
        });
    }
    for policy in policies {
        for approver in &policy.terms.approvers {
            let from = || format!("policy `{}`", policy.terms.id);
            match approver {
                Approver::Group(id) => check(directory.group(id).is_some(), &from, "group", id),
                Approver::User(id) => check(directory.user(id).is_some(), &from, "user", id),
                Approver::ServerOwner | Approver::EntitlementOwner => {}
            }
        }
    }
    let entitlements = known_entitlements(catalog, directory);
    let tools: HashSet<String> = catalog.tools.keys().map(ToString::to_string).collect();
    for source in sources {
        let from = || format!("policy `{}`", source.terms.id);
        for uid in &source.literals {
            let id = uid.id().unescaped();
            let kind = uid.type_name();
            if kind == &types.server {
                check(catalog.servers.contains_key(id), &from, "server", id);
            } else if kind == &types.tool {
                check(tools.contains(id), &from, "tool", id);
            } else if kind == &types.group {
                check(directory.group(id).is_some(), &from, "group", id);
            } else if kind == &types.client {
                check(directory.client(id).is_some(), &from, "client", id);
            } else if kind == &types.user {
                check(directory.user(id).is_some(), &from, "user", id);
            } else if kind == &types.service_principal {
                check(directory.service_principal(id).is_some(), &from, "service principal", id);
            } else if kind == &types.profile {
                check(directory.profile(id).is_some(), &from, "profile", id);
            } else if kind == &types.entitlement {
                check(entitlements.contains(id), &from, "entitlement", id);
            }
        }
    }
    all.into_iter()
        .map(|(from, what)| {
            Finding::new(FindingKind::ReferenceUnknown, format!("{from} names {what}, which nothing defines"))
        })
        .collect()
}

/// Every entitlement that something mentions beside policies: most need no definition.
fn known_entitlements<'a>(catalog: &'a Catalog, directory: &'a Directory) -> HashSet<&'a str> {
    let snapshot = &directory.snapshot;
    let defined = snapshot.entitlements.iter().map(|entitlement| &entitlement.id);
    let bundled = snapshot.profiles.iter().flat_map(|profile| &profile.entitlements);
    let own = snapshot.users.iter().flat_map(|user| &user.entitlements);
    let granted = snapshot.grants.iter().filter_map(|grant| match &grant.what {
        Granted::Entitlement(id) => Some(id),
        Granted::Profile(_) => None,
    });
    let unlocking = catalog.tools.values().flat_map(|tool| &tool.entitlements);
    let scopes = catalog.servers.values().flat_map(|server| server.scopes.values());
    let scopes = scopes.flat_map(|scope| &scope.entitlements);
    defined.chain(bundled).chain(own).chain(granted).chain(unlocking).chain(scopes).map(String::as_str).collect()
}
