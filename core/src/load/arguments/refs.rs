//! Where a `$ref` leads. Inside the same document only: nothing is ever fetched.

use crate::data::json::Json;

/// The schema `reference` points at, or why it is not followed.
pub(super) fn resolve<'a>(root: &'a Json, reference: &str) -> Result<&'a Json, String> {
    // FAIL-CLOSED: an_address_an_anchor_or_a_way_through_a_nested_id_is_not_followed
    let Some(fragment) = reference.strip_prefix('#') else {
        return Err("its `$ref` leads out of the schema, and nothing is fetched".to_owned());
    };
    let fragment = percent_decode(fragment).ok_or_else(|| "its `$ref` is not a valid pointer".to_owned())?;
    if fragment.is_empty() {
        return Ok(root);
    }
    let Some(path) = fragment.strip_prefix('/') else {
        return Err("its `$ref` names an anchor; only pointers such as `#/$defs/name` are followed".to_owned());
    };
    let mut place = root;
    for (depth, token) in path.split('/').enumerate() {
        if depth > 0 && place.get("$id").is_some_and(|id| id.as_str().is_some()) {
            return Err("its `$ref` passes through a schema with its own `$id`".to_owned());
        }
        let token = unescape(token).ok_or_else(|| "its `$ref` is not a valid pointer".to_owned())?;
        let next = match place {
            Json::Object(members) => members.get(&token),
            Json::Array(elements) => index(&token).and_then(|index| elements.get(index)),
            _ => None,
        };
        place = next.ok_or_else(|| "its `$ref` points at nothing".to_owned())?;
    }
    Ok(place)
}

/// RFC 6901: `~1` is `/`, `~0` is `~`, any other `~` is an error.
fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (escaped, rest) = part.split_at_checked(1)?;
        plain.push(match escaped {
            "0" => '~',
            "1" => '/',
            _ => return None,
        });
        plain.push_str(rest);
    }
    Some(plain)
}

fn index(token: &str) -> Option<usize> {
    let plain = token.bytes().all(|byte| byte.is_ascii_digit()) && (token == "0" || !token.starts_with('0'));
    plain.then(|| token.parse().ok()).flatten()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::arguments::tests::json;

    fn find(reference: &str) -> Result<Json, String> {
        let root = json(
            r#"{"$id": "https://x.test/s", "$defs": {"a/b": 1, "c~d": 2, "e f": 3, "%25": 4, "l": [5, 6],
            "own": {"$id": "urn:x", "t": 7}}}"#,
        );
        resolve(&root, reference).cloned()
    }

    #[test]
    fn pointers_are_followed_with_their_escapes() {
        for (reference, value) in [
            ("#/$defs/a~1b", "1"),
            ("#/$defs/c~0d", "2"),
            ("#/%24defs/e%20f", "3"),
            ("#/$defs/%2525", "4"),
            ("#/$defs/l/1", "6"),
        ] {
            assert_eq!(find(reference), Ok(json(value)), "{reference}");
        }
        assert!(find("#").is_ok());
    }

    #[test]
    fn an_address_an_anchor_or_a_way_through_a_nested_id_is_not_followed() {
        for (reference, reason) in [
            ("https://x.test/s#/$defs/l", "leads out"),
            ("other.json", "leads out"),
            ("", "leads out"),
            ("#anchor", "anchor"),
            ("#/$defs/own/t", "its own `$id`"),
            ("#/$defs/none", "points at nothing"),
            ("#/$defs/l/01", "points at nothing"),
            ("#/$defs/l/-", "points at nothing"),
            ("#/$defs/l/99999999999999999999", "points at nothing"),
            ("#/$defs/c~2d", "not a valid pointer"),
            ("#/$defs/c~", "not a valid pointer"),
            ("#/$defs/%f", "not a valid pointer"),
            ("#/$defs/%+1", "not a valid pointer"),
            ("#/$defs/%ff", "not a valid pointer"),
            ("#/$defs/%é0", "not a valid pointer"),
        ] {
            assert!(find(reference).unwrap_err().contains(reason), "{reference}");
        }
    }
}
