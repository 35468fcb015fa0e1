//! Whether `context.input.<path>` exists, so that a misspelt name is refused where Cedar's `has` would just be false.

use super::{Arguments, EXTRAS, Extras, Map, Record, Slot, Type};

/// What there is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PathAnswer {
    /// An attribute, required or not.
    Exists,
    /// An argument that policies do not see, for this reason.
    LeftOut(String),
    /// Nothing. The names that come closest to the one that fails, best first.
    No(Vec<String>),
}

impl Arguments {
    /// What there is at `context.input.<path>`; the empty path is `context.input` itself.
    pub(crate) fn has_path(&self, path: &[&str]) -> PathAnswer {
        match &self.root {
            _ if path.is_empty() => PathAnswer::Exists,
            Some(root) => in_record(root, path),
            None => PathAnswer::LeftOut(self.notes.first().map(|note| note.reason.clone()).unwrap_or_default()),
        }
    }
}

fn in_record(record: &Record, path: &[&str]) -> PathAnswer {
    let Some((name, rest)) = path.split_first() else { return PathAnswer::Exists };
    if let Some(member) = record.members.get(*name) {
        return match &member.slot {
            Slot::Typed { ty, .. } => in_type(ty, rest),
            Slot::Null => PathAnswer::LeftOut("it can only be `null`".to_owned()),
            Slot::LeftOut(reason) => PathAnswer::LeftOut(reason.clone()),
            Slot::Refused => PathAnswer::LeftOut("its schema is `false`, so it is never given".to_owned()),
        };
    }
    if let (Extras::Typed(map), EXTRAS) = (&record.extras, *name) {
        return in_map(map, rest);
    }
    let declared = record.members.iter().filter(|(_, member)| member.attribute().is_some());
    let extras = matches!(record.extras, Extras::Typed(_)).then_some(EXTRAS);
    PathAnswer::No(closest(name, declared.map(|(name, _)| name.as_str()).chain(extras)))
}

fn in_type(ty: &Type, path: &[&str]) -> PathAnswer {
    let Some((name, rest)) = path.split_first() else { return PathAnswer::Exists };
    match ty {
        Type::Record(record) => in_record(record, path),
        Type::Map(map) => in_map(map, path),
        Type::Sets { parts, .. } if parts.len() > 1 => {
            let names: Vec<&str> = parts.keys().copied().collect();
            leaves(&names, name, rest)
        }
        Type::OneOf { parts, .. } => match parts.get(*name) {
            Some(ty) => in_type(ty, rest),
            None => PathAnswer::No(closest(name, parts.keys().copied())),
        },
        Type::Json | Type::Nothing => leaves(&["kind", "keys", "text"], name, rest),
        Type::Bool | Type::Long | Type::Decimal | Type::Text(_) | Type::Set(_) | Type::Sets { .. } => {
            PathAnswer::No(Vec::new())
        }
    }
}

fn in_map(map: &Map, path: &[&str]) -> PathAnswer {
    let Some((name, rest)) = path.split_first() else { return PathAnswer::Exists };
    if map.value.is_none() && *name == "entries" {
        return PathAnswer::LeftOut("its values cannot be typed".to_owned());
    }
    leaves(if map.value.is_some() { &["keys", "entries"] } else { &["keys"] }, name, rest)
}

fn leaves(names: &[&str], name: &str, rest: &[&str]) -> PathAnswer {
    match (names.contains(&name), rest) {
        (true, []) => PathAnswer::Exists,
        (true, _) => PathAnswer::No(Vec::new()),
        (false, _) => PathAnswer::No(closest(name, names.iter().copied())),
    }
}

/// Up to three names that could have been meant.
pub(crate) fn closest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = plain(name);
    let far = (wanted.len() / 3).max(1);
    let mut found: Vec<_> = names
        .filter(|name| name.len() <= 128)
        .map(|name| (distance(&wanted, &plain(name)), name))
        .filter(|(distance, _)| *distance <= far)
        .collect();
    found.sort_unstable();
    found.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// The letters alone: `userId` for `user_id` is not a mistake worth counting.
fn plain(name: &str) -> Vec<char> {
    name.chars().filter(|char| !matches!(char, '_' | '-')).flat_map(char::to_lowercase).take(128).collect()
}

/// Levenshtein's distance.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, one) in left.iter().enumerate() {
        let mut next = vec![index.saturating_add(1)];
        for ((above, diagonal), other) in row.iter().skip(1).zip(&row).zip(right) {
            let before = next.last().copied().unwrap_or_default();
            let changed = diagonal.saturating_add(usize::from(one != other));
            next.push(above.min(&before).saturating_add(1).min(changed));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::arguments::tests::typed;

    fn no(names: &[&str]) -> PathAnswer {
        PathAnswer::No(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_path_exists_exactly_where_the_record_type_has_it() {
        let arguments = typed(
            r#"{"type": "object", "required": ["id"], "properties": {
                "id": {"type": ["integer", "string"]}, "tags": {"type": "array", "items": {"type": "string"}},
                "filter": {"type": "object"}, "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "user_name": {"type": "string"}, "out": {"$ref": "x.json"}, "nothing": {"type": "null"}, "never": false,
                "odd": {"type": "object", "additionalProperties": {"$ref": "x.json"}},
                "address": {"type": "object", "properties": {"street": {"type": "string"}}, "additionalProperties": true}}}"#,
        );
        for path in [
            &[][..],
            &["id"],
            &["id", "integer"],
            &["tags"],
            &["filter", "keys"],
            &["labels", "entries"],
            &["address", "street"],
            &["address", "*", "keys"],
            &["odd", "keys"],
        ] {
            assert_eq!(arguments.has_path(path), PathAnswer::Exists, "{path:?}");
        }
        for path in [&["out"][..], &["out", "deeper"], &["nothing"], &["never"], &["odd", "entries"]] {
            assert!(matches!(arguments.has_path(path), PathAnswer::LeftOut(_)), "{path:?}");
        }
        for (path, names) in [
            (&["userName"][..], &["user_name"][..]),
            (&["user_nmae"], &["user_name"]),
            (&["zzz"], &[]),
            (&["id", "intger"], &["integer"]),
            (&["tags", "0"], &[]),
            (&["filter", "key"], &["keys"]),
            (&["filter", "keys", "x"], &[]),
            (&["labels", "entrys"], &["entries"]),
            (&["labels", "env"], &[]),
            (&["address", "stret"], &["street"]),
            (&["*"], &[]),
        ] {
            assert_eq!(arguments.has_path(path), no(names), "{path:?}");
        }
    }

    #[test]
    fn of_an_untyped_tool_every_path_is_left_out() {
        assert!(matches!(typed("[]").has_path(&["x"]), PathAnswer::LeftOut(_)));
    }

    #[test]
    fn distance_is_levenshteins() {
        for (left, right, expected) in [("", "", 0), ("kitten", "sitting", 3), ("", "abc", 3), ("flaw", "lawn", 2)] {
            assert_eq!(distance(&plain(left), &plain(right)), expected);
        }
    }
}
