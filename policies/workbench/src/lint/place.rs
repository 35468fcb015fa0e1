//! Where a finding is: in a policy file, in `catalog.toml`, in a tool list, in the snapshot.
//!
//! Places are looked for when a finding needs one, in text that has loaded before.

use std::cell::OnceCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toolgate::{Bundle, Source, Span};

use crate::source::span_of;

/// Where a finding is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the user would type it.
    pub file: String,
    /// Where in it, if that is known.
    pub span: Option<Span>,
    /// In JSON, the pointer of the value.
    pub pointer: Option<String>,
}

/// A step into a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'s> {
    /// A member by its name.
    Key(&'s str),
    /// An element by its number.
    At(usize),
    /// The first element whose member has this text.
    Where(&'s str, &'s str),
    /// The first element that is this text.
    Is(&'s str),
}

/// Finds places in the sources of a bundle.
pub(super) struct Places<'a> {
    bundle: &'a Bundle,
    manifest: Option<&'a Source>,
    overlay: OnceCell<Option<Spanned<DeTable<'a>>>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(bundle: &'a Bundle, manifest: Option<&'a Source>) -> Self {
        Self { bundle, manifest, overlay: OnceCell::new() }
    }

    /// In `catalog.toml`. As near as can be: what is not there is looked for further out.
    pub(super) fn overlay(&self, steps: &[Step<'_>]) -> Place {
        let Some(source) = &self.bundle.overlay else {
            return Place { file: "catalog.toml".into(), span: None, pointer: None };
        };
        let text = text(source);
        let table = self.overlay.get_or_init(|| DeTable::parse(text).ok());
        let found = table.as_ref().and_then(|table| in_toml(table.get_ref(), steps));
        Place { file: source.file.clone(), span: found.map(|range| span_of(text, &range)), pointer: None }
    }

    /// In `toolgate.toml`, at a lint's level.
    pub(super) fn manifest(&self, lint: &str) -> Place {
        let Some(source) = self.manifest else {
            return Place { file: crate::bundle::MANIFEST.into(), span: None, pointer: None };
        };
        let text = text(source);
        let table = DeTable::parse(text).ok();
        let found = table.as_ref().and_then(|table| in_toml(table.get_ref(), &[Step::Key("lints"), Step::Key(lint)]));
        Place { file: source.file.clone(), span: found.map(|range| span_of(text, &range)), pointer: None }
    }

    /// At a tool in its server's list.
    pub(super) fn tool(&self, server: &str, name: &str) -> Place {
        let Some(source) = self.bundle.tools.get(server) else { return self.overlay(&[Step::Key("servers")]) };
        let (text, tool) = (text(source), Step::Where("name", name));
        let ways: [&[Step<'_>]; 3] =
            [&[tool], &[Step::Key("tools"), tool], &[Step::Key("result"), Step::Key("tools"), tool]];
        let found = ways.into_iter().find_map(|steps| {
            let within = in_json(text, 0, steps).filter(|found| found.whole)?;
            let name = in_json(text, within.at.start, &[Step::Key("name")]).filter(|found| found.whole);
            Some((name.map_or_else(|| within.at.clone(), |name| name.at), within.pointer))
        });
        let (range, pointer) = found.unzip();
        Place { file: source.file.clone(), span: range.map(|range| span_of(text, &range)), pointer }
    }

    /// Where a tool list says that there is more.
    pub(super) fn cursor(&self, file: &str) -> Place {
        let source = self.bundle.tools.values().find(|source| source.file == file);
        let ways: [&[Step<'_>]; 2] = [&[Step::Key("nextCursor")], &[Step::Key("result"), Step::Key("nextCursor")]];
        let found = source.and_then(|source| {
            let text = text(source);
            let found = ways.into_iter().find_map(|steps| in_json(text, 0, steps).filter(|found| found.whole))?;
            Some((span_of(text, &found.at), found.pointer))
        });
        let (span, pointer) = found.unzip();
        Place { file: file.into(), span, pointer }
    }

    /// At one thing in the snapshot: `users` and an id, and a member of it.
    pub(super) fn snapshot(&self, section: &str, id: &str, more: &[Step<'_>]) -> Place {
        let source = &self.bundle.snapshot;
        let text = text(source);
        let (range, pointer) = if source.file.ends_with(".jsonl") {
            (in_lines(text, section, id, more), None)
        } else {
            let mut steps = vec![Step::Key(section), Step::Where("id", id)];
            steps.extend(more);
            in_json(text, 0, &steps).map(|found| (found.at, found.pointer)).unzip()
        };
        Place { file: source.file.clone(), span: range.map(|range| span_of(text, &range)), pointer }
    }

    /// What stands at a place in the snapshot.
    pub(super) fn snapshot_text(&self, place: &Place) -> Option<&'a str> {
        let span = place.span.as_ref()?;
        text(&self.bundle.snapshot).get(span.start..span.end)
    }

    /// At a kill switch.
    pub(super) fn kill_switch(&self, list: &str, name: &str) -> Place {
        let source = &self.bundle.snapshot;
        let text = text(source);
        let steps = [Step::Key("kill_switches"), Step::Key(list), Step::Is(name)];
        let (range, pointer) = in_json(text, 0, &steps).map(|found| (found.at, found.pointer)).unzip();
        Place { file: source.file.clone(), span: range.map(|range| span_of(text, &range)), pointer }
    }
}

fn text(source: &Source) -> &str {
    std::str::from_utf8(&source.bytes).unwrap_or_default()
}

fn in_toml(table: &DeTable<'_>, steps: &[Step<'_>]) -> Option<Range<usize>> {
    let mut found = None;
    let mut fields = Some(table);
    let mut items: Option<&[Spanned<DeValue<'_>>]> = None;
    for step in steps {
        let value = match step {
            Step::Key(name) => {
                let Some((key, value)) = fields.and_then(|fields| fields.get_key_value(*name)) else { return found };
                let plain = !matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
                found = Some(if plain { value.span() } else { key.span() });
                value
            }
            Step::At(at) => {
                let Some(value) = items.and_then(|items| items.get(*at)) else { return found };
                found = Some(value.span());
                value
            }
            Step::Is(text) => {
                let is = |value: &&Spanned<DeValue<'_>>| matches!(value.get_ref(), DeValue::String(own) if own == text);
                let Some(value) = items.and_then(|items| items.iter().find(is)) else { return found };
                found = Some(value.span());
                value
            }
            Step::Where(..) => return found,
        };
        (fields, items) = match value.get_ref() {
            DeValue::Table(table) => (Some(table), None),
            DeValue::Array(items) => (None, Some(&items[..])),
            _ => (None, None),
        };
    }
    found
}

/// What was found in JSON.
#[derive(Clone, Debug)]
struct Found {
    at: Range<usize>,
    pointer: String,
    /// Whether every step was there; else this is as far as they led.
    whole: bool,
}

/// Follows steps into JSON that is known to be well formed.
fn in_json(text: &str, start: usize, steps: &[Step<'_>]) -> Option<Found> {
    let mut at = blanks(text, start);
    let mut found = Found { at: at..value_end(text, at)?, pointer: String::new(), whole: true };
    for step in steps {
        let Some((range, name)) = step_into(text, at, step) else {
            found.whole = false;
            return (!found.pointer.is_empty()).then_some(found);
        };
        at = range.start;
        found.pointer.push('/');
        found.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        found.at = range;
    }
    Some(found)
}

fn step_into(text: &str, start: usize, step: &Step<'_>) -> Option<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let object = bytes.get(start) == Some(&b'{');
    if !object && bytes.get(start) != Some(&b'[') {
        return None;
    }
    let (mut at, mut count) = (blanks(text, start.saturating_add(1)), 0usize);
    loop {
        match bytes.get(at)? {
            b'}' | b']' => return None,
            b',' => at = blanks(text, at.saturating_add(1)),
            _ => {}
        }
        let mut name = count.to_string();
        if object {
            let end = value_end(text, at)?;
            name = serde_json::from_str(text.get(at..end)?).ok()?;
            // past the colon
            at = blanks(text, blanks(text, end).saturating_add(1));
        }
        let end = value_end(text, at)?;
        let is = |wanted: &str, range: &Range<usize>| {
            text.get(range.clone()).and_then(|text| serde_json::from_str::<String>(text).ok()).as_deref()
                == Some(wanted)
        };
        let hit = match step {
            Step::Key(wanted) => object && name == *wanted,
            Step::At(wanted) => !object && count == *wanted,
            Step::Is(wanted) => !object && is(wanted, &(at..end)),
            Step::Where(key, wanted) => {
                !object && step_into(text, at, &Step::Key(key)).is_some_and(|(range, _)| is(wanted, &range))
            }
        };
        if hit {
            return Some((at..end, name));
        }
        count = count.saturating_add(1);
        at = blanks(text, end);
    }
}

fn blanks(text: &str, mut at: usize) -> usize {
    while text.as_bytes().get(at).is_some_and(u8::is_ascii_whitespace) {
        at = at.saturating_add(1);
    }
    at
}

/// One past the end of the value that begins here.
fn value_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth, mut quoted) = (start, 0usize, false);
    loop {
        let byte = *bytes.get(at)?;
        at = at.saturating_add(1);
        match byte {
            b'\\' if quoted => at = at.saturating_add(1),
            b'"' => quoted = !quoted,
            _ if quoted => continue,
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let over = match byte {
            b'"' | b'}' | b']' => !quoted,
            _ => !quoted && bytes.get(at).is_none_or(|next| b",]} \t\r\n:".contains(next)),
        };
        if over && depth == 0 {
            return Some(at);
        }
    }
}

/// One thing of a snapshot in lines.
fn in_lines(text: &str, section: &str, id: &str, more: &[Step<'_>]) -> Option<Range<usize>> {
    let kind = match section {
        "entitlements" => "entitlement",
        "service_principals" => "service_principal",
        other => other.strip_suffix('s')?,
    };
    let mut start = 0usize;
    for line in text.split_inclusive('\n') {
        let is = |key: &str, wanted: &str| {
            let value = step_into(line, blanks(line, 0), &Step::Key(key));
            value.is_some_and(|(range, _)| {
                line.get(range).and_then(|text| serde_json::from_str::<String>(text).ok()).as_deref() == Some(wanted)
            })
        };
        if line.contains(id) && is("kind", kind) && is("id", id) {
            let found = in_json(line, 0, more)?.at;
            return Some(found.start.saturating_add(start)..found.end.saturating_add(start));
        }
        start = start.saturating_add(line.len());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" {"a": [1, {"id": "x\"y", "b": "c, ]"}, "z"], "n": {"k": null}, "tools": [{"name": "t"}]}"#;

    fn at(steps: &[Step<'_>]) -> Option<(&'static str, bool)> {
        in_json(TEXT, 0, steps).map(|found| (TEXT.get(found.at).unwrap(), found.whole))
    }

    #[test]
    fn json_is_stepped_into() {
        use Step::{At, Is, Key, Where};
        assert_eq!(at(&[Key("a"), At(0)]), Some(("1", true)));
        assert_eq!(at(&[Key("a"), Where("id", "x\"y"), Key("b")]), Some(("\"c, ]\"", true)));
        assert_eq!(at(&[Key("a"), Is("z")]), Some(("\"z\"", true)));
        assert_eq!(at(&[Key("n"), Key("k")]), Some(("null", true)));
        assert_eq!(at(&[Key("n"), Key("q")]), Some(("{\"k\": null}", false)));
        assert_eq!(at(&[Key("q")]), None);
        assert_eq!(in_json(TEXT, 0, &[Key("a"), At(1), Key("b")]).unwrap().pointer, "/a/1/b");
    }

    #[test]
    fn lines_are_found() {
        let text =
            "{\"kind\": \"snapshot\", \"version\": 1}\n{\"kind\": \"grant\", \"id\": \"g1\", \"until\": \"x\"}\n";
        let found = in_lines(text, "grants", "g1", &[Step::Key("until")]).unwrap();
        assert_eq!(text.get(found).unwrap(), "\"x\"");
        assert!(in_lines(text, "users", "g1", &[]).is_none());
    }

    #[test]
    fn toml_is_stepped_into() {
        use Step::{At, Is, Key};
        let text = "[servers.crm]\nowner = \"dana\"\n[[servers.crm.rules]]\ntools = [\"a*\", \"b\"]\npin = \"x\"\n";
        let table = DeTable::parse(text).unwrap();
        let at = |steps: &[Step<'_>]| in_toml(table.get_ref(), steps).and_then(|range| text.get(range));
        assert_eq!(at(&[Key("servers"), Key("crm"), Key("owner")]), Some("\"dana\""));
        assert_eq!(at(&[Key("servers"), Key("crm")]), Some("crm"));
        assert_eq!(at(&[Key("servers"), Key("crm"), Key("rules"), At(0), Key("pin")]), Some("\"x\""));
        assert_eq!(at(&[Key("servers"), Key("crm"), Key("rules"), At(0), Key("tools"), Is("b")]), Some("\"b\""));
    }
}
