//! The snapshot, as one JSON object or as JSON Lines: one object a line, each with its `kind`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::data::json::Json;
use crate::data::snapshot::{
    Approval, Client, Entitlement, Grant, Group, Holder, KillSwitches, Profile, ServicePrincipal, Snapshot, User,
};
use crate::data::time::Instant;
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::de;
use crate::load::json::{JsonLimits, read as read_json, read_lines};
use crate::load::name;

/// Reads a snapshot; a file whose name ends in `.jsonl` is JSON Lines.
pub(crate) fn read(file: &str, bytes: &[u8], limits: &Limits) -> Result<Snapshot, Error> {
    if !file.ends_with(".jsonl") {
        let snapshot = document(bytes, limits)?;
        return check(&snapshot, limits).map(|()| snapshot);
    }
    let (snapshot, lines) = lines(bytes, limits)?;
    check(&snapshot, limits).map(|()| snapshot).map_err(|error| on_its_line(error, &lines))
}

/// Reads a snapshot that is one JSON object.
pub(crate) fn document(bytes: &[u8], limits: &Limits) -> Result<Snapshot, Error> {
    de::from_json(&read_json(bytes, &JsonLimits::snapshot(limits))?)
}

/// What a line can be.
const KINDS: &str = "kinds are `snapshot`, `kill_switches`, `user`, `group`, `client`, `service_principal`, \
                     `entitlement`, `profile`, `grant` and `approval`";

/// One line of a snapshot.
pub(crate) enum Item {
    Snapshot(Snapshot),
    KillSwitches(KillSwitches),
    User(User),
    Group(Group),
    Client(Client),
    ServicePrincipal(ServicePrincipal),
    Entitlement(Entitlement),
    Profile(Profile),
    Grant(Grant),
    Approval(Approval),
}

/// Which lines that stand once have been read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Once {
    pub(crate) snapshot: bool,
    pub(crate) kill_switches: bool,
}

/// Reads one line: `{"kind": "snapshot", "version": …}` and `{"kind": "kill_switches", …}` stand once each; every other
/// kind fills a list. Since `kind` says what a line is, a client's own kind stands there as `client_kind`, an
/// approval's as `approval_kind`.
pub(crate) fn line(bytes: &[u8], json_limits: &JsonLimits, once: &mut Once) -> Result<Item, Error> {
    let Json::Object(mut members) = read_json(bytes, json_limits)? else {
        return Err(Error::new(ErrorKind::WrongType, "this line is not an object"));
    };
    let Some(Json::String(kind)) = members.remove("kind") else {
        return Err(Error::new(ErrorKind::WrongType, "this line has no `kind`").help("write {\"kind\": \"grant\", …}"));
    };
    if let Some(own) = members.remove(&format!("{kind}_kind")) {
        members.insert("kind".into(), own);
    }
    let object = Json::Object(members);
    let first = |seen: &mut bool| match std::mem::replace(seen, true) {
        true => Err(Error::new(ErrorKind::DuplicateId, format!("this is a second `{kind}`"))),
        false => Ok(()),
    };
    Ok(match kind.as_str() {
        "snapshot" => {
            first(&mut once.snapshot)?;
            Item::Snapshot(de::from_json(&object)?)
        }
        "kill_switches" => {
            first(&mut once.kill_switches)?;
            Item::KillSwitches(de::from_json(&object)?)
        }
        "user" => Item::User(de::from_json(&object)?),
        "group" => Item::Group(de::from_json(&object)?),
        "client" => Item::Client(de::from_json(&object)?),
        "service_principal" => Item::ServicePrincipal(de::from_json(&object)?),
        "entitlement" => Item::Entitlement(de::from_json(&object)?),
        "profile" => Item::Profile(de::from_json(&object)?),
        "grant" => Item::Grant(de::from_json(&object)?),
        "approval" => Item::Approval(de::from_json(&object)?),
        unknown => {
            let message = format!("there is no kind `{}`", unknown.escape_debug());
            return Err(Error::new(ErrorKind::InvalidValue, message).help(KINDS));
        }
    })
}

/// Refuses a text of lines that is too long.
pub(crate) fn check_length(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    if bytes.len() > limits.snapshot_lines_bytes {
        let message = format!("the snapshot has {} bytes, more than {}", bytes.len(), limits.snapshot_lines_bytes);
        return Err(Error::new(ErrorKind::LimitExceeded, message).help("raise `snapshot_lines_bytes`"));
    }
    Ok(())
}

/// A line without its end; nothing if it is blank.
pub(crate) fn line_content(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).then_some(line)
}

/// Whether the head of lines has lists of its own.
pub(crate) fn has_lists(head: &Snapshot) -> bool {
    let Snapshot { users, groups, clients, service_principals, entitlements, profiles, grants, approvals, .. } = head;
    let people = !users.is_empty() || !groups.is_empty() || !clients.is_empty() || !service_principals.is_empty();
    people || !entitlements.is_empty() || !profiles.is_empty() || !grants.is_empty() || !approvals.is_empty()
}

/// No line says what snapshot this is.
pub(crate) fn headless() -> Error {
    Error::new(ErrorKind::WrongType, "no line has the kind `snapshot`")
        .help("begin with {\"kind\": \"snapshot\", \"version\": 1, \"issued_at\": …, \"max_age\": …}")
}

fn lines(bytes: &[u8], limits: &Limits) -> Result<(Snapshot, Lines), Error> {
    check_length(bytes, limits)?;
    let json_limits = JsonLimits::snapshot(limits);
    let mut once = Once::default();
    let mut head: Option<Snapshot> = None;
    let mut kill_switches = None;
    let mut rest = Parts::default();
    let mut lines = Lines::new();
    for (number, bytes) in read_lines(bytes) {
        let (list, count) = match line(bytes, &json_limits, &mut once).map_err(|error| error.on_line(number))? {
            Item::Snapshot(snapshot) => {
                head = Some(snapshot);
                continue;
            }
            Item::KillSwitches(switches) => {
                kill_switches = Some(switches);
                continue;
            }
            Item::User(user) => ("users", push(&mut rest.users, user)),
            Item::Group(group) => ("groups", push(&mut rest.groups, group)),
            Item::Client(client) => ("clients", push(&mut rest.clients, client)),
            Item::ServicePrincipal(principal) => ("service_principals", push(&mut rest.service_principals, principal)),
            Item::Entitlement(entitlement) => ("entitlements", push(&mut rest.entitlements, entitlement)),
            Item::Profile(profile) => ("profiles", push(&mut rest.profiles, profile)),
            Item::Grant(grant) => ("grants", push(&mut rest.grants, grant)),
            Item::Approval(approval) => ("approvals", push(&mut rest.approvals, approval)),
        };
        lines.insert(format!("/{list}/{count}"), number);
    }
    let mut snapshot = head.ok_or_else(headless)?;
    snapshot.users.extend(rest.users);
    snapshot.groups.extend(rest.groups);
    snapshot.clients.extend(rest.clients);
    snapshot.service_principals.extend(rest.service_principals);
    snapshot.entitlements.extend(rest.entitlements);
    snapshot.profiles.extend(rest.profiles);
    snapshot.grants.extend(rest.grants);
    snapshot.approvals.extend(rest.approvals);
    snapshot.kill_switches = kill_switches.unwrap_or(snapshot.kill_switches);
    Ok((snapshot, lines))
}

/// The line each object of a list stands on, by its place in the document that the lines amount to.
type Lines = HashMap<String, usize>;

/// The lists that lines fill.
#[derive(Default)]
struct Parts {
    users: Vec<User>,
    groups: Vec<Group>,
    clients: Vec<Client>,
    service_principals: Vec<ServicePrincipal>,
    entitlements: Vec<Entitlement>,
    profiles: Vec<Profile>,
    grants: Vec<Grant>,
    approvals: Vec<Approval>,
}

/// Puts one object into its list and says at which place.
fn push<T>(list: &mut Vec<T>, item: T) -> usize {
    list.push(item);
    list.len().saturating_sub(1)
}

/// A fault in an object that came on a line of its own, at that line.
fn on_its_line(error: Error, lines: &Lines) -> Error {
    let object = error.pointer().map(|pointer| pointer.split('/').take(3).collect::<Vec<_>>().join("/"));
    match object.and_then(|object| lines.get(&object)) {
        Some(&line) => error.on_line(line),
        None => error,
    }
}

/// Ids unique and safe, intervals that are ones, groups without cycles.
fn check(snapshot: &Snapshot, limits: &Limits) -> Result<(), Error> {
    ids("users", "user id", snapshot.users.iter().map(|user| &user.id), limits)?;
    ids("groups", "group id", snapshot.groups.iter().map(|group| &group.id), limits)?;
    ids("clients", "client id", snapshot.clients.iter().map(|client| &client.id), limits)?;
    ids("service_principals", "service principal id", snapshot.service_principals.iter().map(|p| &p.id), limits)?;
    ids("entitlements", "entitlement id", snapshot.entitlements.iter().map(|entitlement| &entitlement.id), limits)?;
    ids("profiles", "profile id", snapshot.profiles.iter().map(|profile| &profile.id), limits)?;
    ids("grants", "grant id", snapshot.grants.iter().map(|grant| &grant.id), limits)?;
    ids("approvals", "approval id", snapshot.approvals.iter().map(|approval| &approval.id), limits)?;
    for (index, grant) in snapshot.grants.iter().enumerate() {
        check_grant(grant).map_err(|error| error.under(&index.to_string()).under("grants"))?;
    }
    for (index, approval) in snapshot.approvals.iter().enumerate() {
        check_approval(approval).map_err(|error| error.under(&index.to_string()).under("approvals"))?;
    }
    acyclic(&snapshot.groups, limits)
}

fn ids<'a>(list: &str, what: &str, ids: impl Iterator<Item = &'a String>, limits: &Limits) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    let mut lookalikes = name::Lookalikes::default();
    for (index, id) in ids.enumerate() {
        let place = |error: Error| error.under("id").under(&index.to_string()).under(list);
        check_id(list, what, id, limits).map_err(place)?;
        if !seen.insert(id) {
            return Err(place(twice(what, id)));
        }
        lookalikes.insert(what, id).map_err(place)?;
    }
    Ok(())
}

/// People, groups and records are named as directories name them; what policies name, more strictly.
pub(crate) fn check_id(list: &str, what: &str, id: &str, limits: &Limits) -> Result<(), Error> {
    if matches!(list, "users" | "groups" | "grants" | "approvals") {
        name::check_visible(what, id, limits)
    } else {
        name::check(what, id, limits)
    }
}

/// A second definition.
pub(crate) fn twice(what: &str, id: &str) -> Error {
    Error::new(ErrorKind::DuplicateId, format!("{what} `{id}` stands twice")).help("each id is defined once")
}

/// Whether a grant could ever be one.
pub(crate) fn check_grant(grant: &Grant) -> Result<(), Error> {
    let client = if let Holder::UserClient { client, .. } = &grant.to { Some(client.as_str()) } else { None };
    check_grant_parts(client, grant.from, grant.until)
}

/// The same for its parts.
pub(crate) fn check_grant_parts(
    client: Option<&str>,
    from: Option<Instant>,
    until: Option<Instant>,
) -> Result<(), Error> {
    if let (Some(from), Some(until)) = (from, until)
        && until <= from
    {
        return Err(interval());
    }
    if client == Some("") {
        return Err(Error::new(ErrorKind::InvalidValue, "an empty `client` is no client").under("client").under("to"));
    }
    Ok(())
}

/// Whether an approval could ever be one.
pub(crate) fn check_approval(approval: &Approval) -> Result<(), Error> {
    if approval.until <= approval.from { Err(interval()) } else { Ok(()) }
}

fn interval() -> Error {
    Error::new(ErrorKind::InvalidValue, "`until` is not after `from`")
        .under("until")
        .help("intervals are [from, until)")
}

/// Walks up from every group, without recursion. A group that is met again while it is open contains itself.
pub(crate) fn acyclic(groups: &[Group], limits: &Limits) -> Result<(), Error> {
    let index: BTreeMap<&str, usize> = groups.iter().enumerate().map(|(at, group)| (group.id.as_str(), at)).collect();
    let parents = |at: usize| {
        let ids = groups.get(at).into_iter().flat_map(|group| &group.parents);
        ids.filter_map(|parent| index.get(parent.as_str()).copied())
    };
    let refuse = |kind, at: usize, what: &str| {
        let id = groups.get(at).map_or("", |group| group.id.as_str());
        let error = Error::new(kind, format!("group `{id}` {what}"));
        error.under("parents").under(&at.to_string()).under("groups")
    };
    // how many groups lie above each, itself included; while a group is open: none
    let mut above: Vec<Option<usize>> = vec![None; groups.len()];
    let mut open = vec![false; groups.len()];
    for start in 0..groups.len() {
        let mut stack = vec![(start, false)];
        while let Some((at, leaving)) = stack.pop() {
            let (Some(depth), Some(is_open)) = (above.get(at).copied(), open.get_mut(at)) else { continue };
            if leaving {
                let highest = parents(at).filter_map(|parent| above.get(parent).copied().flatten()).max();
                let depth = highest.unwrap_or_default().saturating_add(1);
                if depth > limits.group_depth {
                    let what = format!("has more than {} groups above it", limits.group_depth);
                    return Err(refuse(ErrorKind::LimitExceeded, at, &what).help("raise `group_depth`"));
                }
                *is_open = false;
                above.get_mut(at).into_iter().for_each(|above| *above = Some(depth));
                continue;
            }
            if depth.is_some() {
                continue;
            }
            if *is_open {
                return Err(refuse(ErrorKind::SnapshotCycle, at, "contains itself").help("take one of the parents out"));
            }
            *is_open = true;
            stack.push((at, true));
            stack.extend(parents(at).map(|parent| (parent, false)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(members: &str) -> Result<Snapshot, Error> {
        let text = format!(r#"{{"version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H"{members}}}"#);
        read("snapshot.json", text.as_bytes(), &Limits::default())
    }

    fn fault(members: &str) -> (&'static str, String) {
        let error = snapshot(members).unwrap_err();
        (error.code(), error.pointer().unwrap_or_default().to_string())
    }

    #[test]
    fn faults_are_placed() {
        assert!(snapshot("").is_ok());
        for (members, code, pointer) in [
            (r#","usres":[]"#, "unknown_field", "/usres"),
            (r#","users":[{"id":"a","active":true},{"id":"a","active":false}]"#, "duplicate_id", "/users/1/id"),
            (r#","users":[{"id":"a"}]"#, "wrong_type", "/users/0"),
            (r#","users":[{"id":"a","active":"yes"}]"#, "wrong_type", "/users/0/active"),
            (r#","users":[{"id":"","active":true}]"#, "name_unsafe", "/users/0/id"),
            (
                ",\"users\":[{\"id\":\"alice\",\"active\":true},{\"id\":\"\u{430}lice\",\"active\":true}]",
                "name_unsafe",
                "/users/1/id",
            ),
            (r#","clients":[{"id":"c","kind":"robot","state":"active"}]"#, "invalid_value", "/clients/0/kind"),
            (r#","grants":[{"id":"g","to":{"user":"a"}}]"#, "invalid_value", "/grants/0"),
            (
                r#","grants":[{"id":"g","to":{"user":"a","group":"b"},"entitlement":"e"}]"#,
                "invalid_value",
                "/grants/0/to",
            ),
            (
                r#","grants":[{"id":"g","to":{"user":"a"},"entitlement":"e","until":1}]"#,
                "wrong_type",
                "/grants/0/until",
            ),
            (
                r#","grants":[{"id":"g","to":{"user":"a"},"entitlement":"e","from":"2026-01-02T00:00:00Z","until":"2026-01-02T00:00:00Z"}]"#,
                "invalid_value",
                "/grants/0/until",
            ),
            (r#","entitlements":[{"id":"e","max_duration":"P1M"}]"#, "invalid_value", "/entitlements/0/max_duration"),
            (
                r#","approvals":[{"id":"a","kind":"self","by":"b","subject":{"user":"b"},"scope":{"server":"s"},"from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"}]"#,
                "invalid_value",
                "/approvals/0/subject",
            ),
            (r#","kill_switches":{"tools":["find"]}"#, "invalid_value", "/kill_switches/tools/0"),
        ] {
            assert_eq!(fault(members), (code, pointer.to_string()), "{members}");
        }
        let error =
            read("s.json", br#"{"version":1,"issued_at":"2026-11-20T09:00:00Z"}"#, &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("`max_age`"), "{error}");
    }

    #[test]
    fn groups_that_contain_each_other_are_refused() {
        let diamond = r#","groups":[{"id":"a","parents":["b","c"]},{"id":"b","parents":["d"]},{"id":"c","parents":["d"]},{"id":"d"}]"#;
        assert!(snapshot(diamond).is_ok(), "the twin");
        for cycle in [
            r#","groups":[{"id":"a","parents":["a"]}]"#,
            r#","groups":[{"id":"a","parents":["b"]},{"id":"b","parents":["a"]}]"#,
            r#","groups":[{"id":"a","parents":["b"]},{"id":"b","parents":["c","d"]},{"id":"c"},{"id":"d","parents":["b"]}]"#,
        ] {
            assert_eq!(fault(cycle).0, "snapshot_cycle", "{cycle}");
        }
        // deep nesting costs no stack, and every call: it is bounded
        let chain = |length: usize| {
            let groups =
                (0..length).map(|n| format!(r#"{{"id":"g{n}","parents":["g{}"]}}"#, n + 1)).collect::<Vec<_>>();
            format!(r#","groups":[{}]"#, groups.join(","))
        };
        assert!(snapshot(&chain(64)).is_ok());
        assert_eq!(fault(&chain(65)).0, "limit_exceeded");
        assert_eq!(fault(&chain(50_000)).0, "limit_exceeded");
    }

    #[test]
    fn faults_name_their_line() {
        let head = r#"{"kind":"snapshot","version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H"}"#;
        for (line, pointer) in [
            (r#"{"kind":"user","id":"b","active":"yes"}"#, "/active"),
            (r#"{"kind":"user","id":"a","active":true}"#, "/users/1/id"),
            (r#"{"kind":"group","id":"g","parents":["g"]}"#, "/groups/0/parents"),
        ] {
            let text = format!("{head}\n{}\n{line}\n", r#"{"kind":"user","id":"a","active":true}"#);
            let error = read("s.jsonl", text.as_bytes(), &Limits::default()).unwrap_err();
            assert_eq!((error.span().map(|span| span.line), error.pointer()), (Some(3), Some(pointer)), "{error}");
        }
    }

    #[test]
    fn lines_say_the_same_as_one_document() {
        let document = snapshot(
            r#","users":[{"id":"a","active":true},{"id":"b","active":true}],
            "clients":[{"id":"c","kind":"personal","state":"active"}],
            "grants":[{"id":"g","to":{"user":"a"},"entitlement":"e"}],
            "approvals":[{"id":"y","kind":"self","by":"a","subject":{"user":"a","client":"c"},"scope":{"server":"s"},"from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"}],
            "kill_switches":{"tenant":true}"#,
        );
        let lines = r#"{"kind":"snapshot","version":1,"issued_at":"2026-11-20T09:00:00Z","max_age":"PT24H"}
            {"kind":"user","id":"a","active":true}

            {"kind":"client","id":"c","client_kind":"personal","state":"active"}
            {"kind":"user","id":"b","active":true}
            {"kind":"kill_switches","tenant":true}
            {"kind":"approval","id":"y","approval_kind":"self","by":"a","subject":{"user":"a","client":"c"},"scope":{"server":"s"},"from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z"}
            {"kind":"grant","id":"g","to":{"user":"a"},"entitlement":"e"}"#;
        let read_lines = |text: &str| read("snapshot.jsonl", text.as_bytes(), &Limits::default());
        assert_eq!(read_lines(lines), document);
        for (bad, line) in [
            ("\n{\"kind\":\"usr\"}", 10),
            ("\n{}", 10),
            ("\n[]", 10),
            ("\n{\"kind\":", 10),
            ("\n{\"kind\":\"snapshot\"}", 10),
        ] {
            let error = read_lines(&format!("{lines}\n{bad}")).unwrap_err();
            assert_eq!(error.span().map(|span| span.line), Some(line), "{error}");
        }
        assert!(
            read_lines("{\"kind\":\"user\",\"id\":\"a\",\"active\":true}")
                .unwrap_err()
                .to_string()
                .contains("`snapshot`")
        );
    }
}
