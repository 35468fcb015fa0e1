//! The usual lines of a snapshot, users and grants, read in one pass and without a copy.
//!
//! Owns nothing: a line it does not take (an escape, a key given twice, `null`, anything amiss) is read the slow way,
//! which decides. What it takes, the slow way takes with the same meaning.

use crate::data::time::Instant;
use crate::data::times;
use crate::load::json::JsonLimits;

/// A line that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plain<'a> {
    /// The groups and entitlements are left in the scanner.
    User {
        id: &'a str,
        active: bool,
        manager: Option<&'a str>,
    },
    Grant {
        id: &'a str,
        to: To<'a>,
        what: Gives<'a>,
        from: Option<Instant>,
        until: Option<Instant>,
    },
}

/// Whom a grant names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To<'a> {
    User(&'a str),
    UserClient(&'a str, &'a str),
    Group(&'a str),
    ServicePrincipal(&'a str),
}

/// What a grant gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives<'a> {
    Entitlement(&'a str),
    Profile(&'a str),
}

/// Takes lines from a text.
pub(crate) struct Scanner<'a> {
    /// As far as it is UTF-8.
    text: &'a str,
    /// Whether that is all of it.
    whole: bool,
    /// How long a line may be.
    longest: usize,
    at: usize,
    /// Of the user on the line that was taken last.
    pub(crate) groups: Vec<&'a str>,
    pub(crate) entitlements: Vec<&'a str>,
}

/// What a line says, each at most once.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a str>,
    id: Option<&'a str>,
    active: Option<bool>,
    manager: Option<&'a str>,
    groups: Option<()>,
    entitlements: Option<()>,
    to: Option<To<'a>>,
    entitlement: Option<&'a str>,
    profile: Option<&'a str>,
    from: Option<Instant>,
    until: Option<Instant>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: &JsonLimits) -> Self {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                bytes.get(..error.valid_up_to()).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
            }
        };
        // a value takes at least a byte, and what is taken is two deep
        let longest = if limits.depth < 2 { 0 } else { limits.bytes.min(limits.nodes).min(limits.string_bytes) };
        let whole = text.len() == bytes.len();
        Self { text, whole, longest, at: 0, groups: Vec::new(), entitlements: Vec::new() }
    }

    /// The line that begins at a byte, and where the next begins; or nothing.
    pub(crate) fn line(&mut self, start: usize) -> Option<(Plain<'a>, usize)> {
        self.at = start;
        self.groups.clear();
        self.entitlements.clear();
        let mut fields = Fields::default();
        self.space();
        self.object(|scanner, key| match key {
            "kind" => put(&mut fields.kind, scanner.string()?),
            "id" => put(&mut fields.id, scanner.string()?),
            "active" => put(&mut fields.active, scanner.bool()?),
            "manager" => put(&mut fields.manager, scanner.string()?),
            "groups" => {
                let all = std::mem::take(&mut scanner.groups);
                scanner.groups = scanner.strings(all)?;
                put(&mut fields.groups, ())
            }
            "entitlements" => {
                let all = std::mem::take(&mut scanner.entitlements);
                scanner.entitlements = scanner.strings(all)?;
                put(&mut fields.entitlements, ())
            }
            "to" => put(&mut fields.to, scanner.to()?),
            "entitlement" => put(&mut fields.entitlement, scanner.string()?),
            "profile" => put(&mut fields.profile, scanner.string()?),
            "from" => put(&mut fields.from, scanner.instant()?),
            "until" => put(&mut fields.until, scanner.instant()?),
            _ => None,
        })?;
        self.space();
        self.eat(b'\r');
        let ended = self.eat(b'\n') || (self.whole && self.at == self.text.len());
        if !ended || self.at.wrapping_sub(start) > self.longest {
            return None;
        }
        Some((fields.line()?, self.at))
    }

    /// Reads an object, of each field the value with `value`.
    fn object(&mut self, mut value: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        loop {
            self.space();
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            self.space();
            value(self, key)?;
            self.space();
            if !self.eat(b',') {
                return self.expect(b'}');
            }
        }
    }

    fn to(&mut self) -> Option<To<'a>> {
        let (mut user, mut client, mut group, mut principal) = (None, None, None, None);
        self.object(|scanner, key| {
            let slot = match key {
                "user" => &mut user,
                "client" => &mut client,
                "group" => &mut group,
                "service_principal" => &mut principal,
                _ => return None,
            };
            put(slot, scanner.string()?)
        })?;
        match (user, client, group, principal) {
            (Some(user), None, None, None) => Some(To::User(user)),
            (Some(user), Some(client), None, None) => Some(To::UserClient(user, client)),
            (None, None, Some(group), None) => Some(To::Group(group)),
            (None, None, None, Some(principal)) => Some(To::ServicePrincipal(principal)),
            _ => None,
        }
    }

    fn strings(&mut self, mut all: Vec<&'a str>) -> Option<Vec<&'a str>> {
        self.expect(b'[')?;
        self.space();
        if self.eat(b']') {
            return Some(all);
        }
        loop {
            self.space();
            all.push(self.string()?);
            self.space();
            if !self.eat(b',') {
                return self.expect(b']').map(|()| all);
            }
        }
    }

    /// A string without escapes and control characters.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let rest = self.text.get(self.at..)?;
        let length = plain_length(rest.as_bytes());
        self.at = self.at.wrapping_add(length);
        self.expect(b'"')?;
        rest.get(..length)
    }

    fn instant(&mut self) -> Option<Instant> {
        times::read(self.string()?)
    }

    fn bool(&mut self) -> Option<bool> {
        let rest = self.text.get(self.at..)?;
        let (word, value) = if rest.starts_with("true") { ("true", true) } else { ("false", false) };
        rest.starts_with(word).then(|| self.at = self.at.wrapping_add(word.len()))?;
        Some(value)
    }

    fn space(&mut self) {
        while self.eat(b' ') || self.eat(b'\t') {}
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at = self.at.wrapping_add(usize::from(found));
        found
    }
}

impl<'a> Fields<'a> {
    /// What the fields make together, if each belongs there.
    fn line(self) -> Option<Plain<'a>> {
        match self {
            Self {
                kind: Some("grant"),
                id: Some(id),
                active: None,
                manager: None,
                groups: None,
                entitlements: None,
                to: Some(to),
                entitlement,
                profile,
                from,
                until,
            } => {
                let what = match (entitlement, profile) {
                    (Some(entitlement), None) => Gives::Entitlement(entitlement),
                    (None, Some(profile)) => Gives::Profile(profile),
                    _ => return None,
                };
                Some(Plain::Grant { id, to, what, from, until })
            }
            Self {
                kind: Some("user"),
                id: Some(id),
                active: Some(active),
                manager,
                groups: _,
                entitlements: _,
                to: None,
                entitlement: None,
                profile: None,
                from: None,
                until: None,
            } => Some(Plain::User { id, active, manager }),
            _ => None,
        }
    }
}

/// How many bytes come before the first that ends a string or makes it unusual; eight at a time.
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // the upper bit of each byte below `least`; above the first of them it may be wrong
    let below = |word: u64, least: u8| word.wrapping_sub(ONES.wrapping_mul(u64::from(least))) & !word & (ONES << 7);
    let equal = |word: u64, byte: u8| below(word ^ ONES.wrapping_mul(u64::from(byte)), 1);
    let mut length = 0usize;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*word);
        let found = below(word, b' ') | equal(word, b'"') | equal(word, b'\\');
        if found != 0 {
            return length.wrapping_add(usize::try_from(found.trailing_zeros() / 8).unwrap_or(0));
        }
        length = length.wrapping_add(8);
        rest = after;
    }
    let special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    length.wrapping_add(rest.iter().position(special).unwrap_or(rest.len()))
}

/// Fills a field that is empty.
fn put<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}
