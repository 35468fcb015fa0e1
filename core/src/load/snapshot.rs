//! The snapshot, as one JSON object or as JSON Lines: one object a line, each with its `kind`.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::json::Json;
use crate::data::snapshot::{Approval, Grant, Group, Holder, Snapshot};
use crate::error::{Error, ErrorKind};
use crate::limits::Limits;
use crate::load::de;
use crate::load::json::{JsonLimits, read as read_json, read_lines};
use crate::load::name;

/// Reads a snapshot; a file whose name ends in `.jsonl` is JSON Lines.
pub(crate) fn read(file: &str, bytes: &[u8], limits: &Limits) -> Result<Snapshot, Error> {
    let snapshot = if file.ends_with(".jsonl") { lines(bytes, limits) } else { document(bytes, limits) }?;
    check(&snapshot, limits)?;
    Ok(snapshot)
}

fn document(bytes: &[u8], limits: &Limits) -> Result<Snapshot, Error> {
    de::from_json(&read_json(bytes, &JsonLimits::snapshot(limits))?)
}

/// The lines of a JSON Lines snapshot and the members they fill.
const KINDS: [(&str, &str); 8] = [
    ("approval", "approvals"),
    ("client", "clients"),
    ("entitlement", "entitlements"),
    ("grant", "grants"),
    ("group", "groups"),
    ("profile", "profiles"),
    ("service_principal", "service_principals"),
    ("user", "users"),
];

/// `{"kind": "snapshot", "version": …}` and `{"kind": "kill_switches", …}` once each; every other kind fills a list.
/// Since `kind` says what a line is, a client's own kind stands there as `client_kind`, an approval's as
/// `approval_kind`.
fn lines(bytes: &[u8], limits: &Limits) -> Result<Snapshot, Error> {
    let json_limits = JsonLimits::snapshot(limits);
    if bytes.len() > limits.snapshot_bytes {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!("the snapshot has {} bytes, more than {}", bytes.len(), limits.snapshot_bytes),
        )
        .help("raise `snapshot_bytes`"));
    }
    let mut head: Option<BTreeMap<String, Json>> = None;
    let mut kill_switches = None;
    let mut parts: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for (number, line) in read_lines(bytes) {
        let place = |error: Error| error.on_line(number);
        let Json::Object(mut members) = read_json(line, &json_limits).map_err(place)? else {
            return Err(place(Error::new(ErrorKind::WrongType, "this line is not an object")));
        };
        let Some(Json::String(kind)) = members.remove("kind") else {
            return Err(place(Error::new(ErrorKind::WrongType, "this line has no `kind`"))
                .help("write {\"kind\": \"grant\", …}"));
        };
        if let Some(own) = members.remove(&format!("{kind}_kind")) {
            members.insert("kind".into(), own);
        }
        match (kind.as_str(), KINDS.iter().find(|(name, _)| *name == kind)) {
            (_, Some((_, list))) => parts.entry(list).or_default().push(Json::Object(members)),
            ("snapshot", None) if head.is_none() => head = Some(members),
            ("kill_switches", None) if kill_switches.is_none() => kill_switches = Some(Json::Object(members)),
            ("snapshot" | "kill_switches", None) => {
                return Err(place(Error::new(ErrorKind::DuplicateId, format!("this is a second `{kind}`"))));
            }
            _ => {
                return Err(place(Error::new(ErrorKind::InvalidValue, format!("there is no kind `{}`", kind.escape_debug())))
                    .help("kinds are `snapshot`, `kill_switches`, `user`, `group`, `client`, `service_principal`, `entitlement`, `profile`, `grant` and `approval`"));
            }
        }
    }
    let mut all = head.ok_or_else(|| {
        Error::new(ErrorKind::WrongType, "no line has the kind `snapshot`")
            .help("begin with {\"kind\": \"snapshot\", \"version\": 1, \"issued_at\": …, \"max_age\": …}")
    })?;
    all.extend(parts.into_iter().map(|(list, items)| (list.to_string(), Json::Array(items))));
    all.extend(kill_switches.map(|switches| ("kill_switches".to_string(), switches)));
    de::from_json(&Json::Object(all))
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
    acyclic(&snapshot.groups)
}

fn ids<'a>(list: &str, what: &str, ids: impl Iterator<Item = &'a String>, limits: &Limits) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    let mut lookalikes = name::Lookalikes::default();
    for (index, id) in ids.enumerate() {
        let place = |error: Error| error.under("id").under(&index.to_string()).under(list);
        name::check(what, id, limits).map_err(place)?;
        if !seen.insert(id) {
            return Err(place(
                Error::new(ErrorKind::DuplicateId, format!("{what} `{id}` stands twice"))
                    .help("each id is defined once"),
            ));
        }
        lookalikes.insert(what, id).map_err(place)?;
    }
    Ok(())
}

fn check_grant(grant: &Grant) -> Result<(), Error> {
    if let (Some(from), Some(until)) = (grant.from, grant.until)
        && until <= from
    {
        return Err(interval());
    }
    if let Holder::UserClient { client, .. } = &grant.to
        && client.is_empty()
    {
        return Err(Error::new(ErrorKind::InvalidValue, "an empty `client` is no client").under("client").under("to"));
    }
    Ok(())
}

fn check_approval(approval: &Approval) -> Result<(), Error> {
    if approval.until <= approval.from { Err(interval()) } else { Ok(()) }
}

fn interval() -> Error {
    Error::new(ErrorKind::InvalidValue, "`until` is not after `from`")
        .under("until")
        .help("intervals are [from, until)")
}

/// Walks up from every group, without recursion: a group that is met again while it is open contains itself.
fn acyclic(groups: &[Group]) -> Result<(), Error> {
    let index: BTreeMap<&str, usize> = groups.iter().enumerate().map(|(at, group)| (group.id.as_str(), at)).collect();
    let parents = |at: usize| {
        groups
            .get(at)
            .into_iter()
            .flat_map(|group| &group.parents)
            .filter_map(|parent| index.get(parent.as_str()).copied())
    };
    // 0: not seen, 1: open, 2: done
    let mut state = vec![0u8; groups.len()];
    for start in 0..groups.len() {
        let mut stack = vec![(start, false)];
        while let Some((at, leaving)) = stack.pop() {
            let Some(mark) = state.get_mut(at) else { continue };
            if leaving {
                *mark = 2;
                continue;
            }
            match *mark {
                2 => continue,
                1 => {
                    let id = groups.get(at).map_or("", |group| group.id.as_str());
                    return Err(Error::new(ErrorKind::SnapshotCycle, format!("group `{id}` contains itself"))
                        .under("parents")
                        .under(&at.to_string())
                        .under("groups")
                        .help("take one of the parents out"));
                }
                _ => *mark = 1,
            }
            stack.push((at, true));
            stack.extend(parents(at).filter(|&parent| state.get(parent) != Some(&2)).map(|parent| (parent, false)));
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
        // deep nesting costs no stack
        let chain: Vec<String> = (0..50_000).map(|n| format!(r#"{{"id":"g{n}","parents":["g{}"]}}"#, n + 1)).collect();
        assert!(snapshot(&format!(r#","groups":[{}]"#, chain.join(","))).is_ok());
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
