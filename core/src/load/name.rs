//! Names that cannot be taken for one another.
//!
//! A name is an identity by its exact bytes, and a person who reads it goes by its looks. Owns the rule that the two
//! agree (UTS #39). Refuses what is invisible, unusual or drawn like something else; ASCII is never refused for looks.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::general_security_profile::IdentifierType;
use unicode_security::{GeneralSecurityProfile, MixedScript, RestrictionLevel, RestrictionLevelDetection, skeleton};

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// Refuses a name that could be taken for another. `what` says what is named: `tool name`, `client id`.
pub(crate) fn check(what: &str, name: &str, limits: &Limits) -> Result<(), Error> {
    let refuse = |why: &str| Error::new(ErrorKind::NameUnsafe, format!("the {what} {} {why}", shown(name)));
    check_visible(what, name, limits)?;
    if plain(name) {
        return Ok(());
    }
    let mut previous = None;
    for char in name.chars() {
        if let Some(fault) = unusual_char(previous, char) {
            let message = format!("has {fault} (U+{:04X})", u32::from(char));
            return Err(refuse(&message).help("use letters, digits and punctuation of one script"));
        }
        previous = Some(char);
    }
    if name.is_ascii() {
        return Ok(());
    }
    if !one_writing_system(name) {
        return Err(refuse("mixes scripts").help("use the letters of one script"));
    }
    let latin = name.chars().any(|char| char.is_ascii_alphabetic());
    let mut ascii_looks = name.chars().filter(|char| !char.is_ascii() && looks(&char.to_string()).is_ascii());
    // All of it looks like ASCII, or a part among ASCII letters does.
    if let Some(char) = ascii_looks.next().filter(|_| latin || looks(name).is_ascii()) {
        let message = format!("has a character that looks like ASCII and is not (U+{:04X})", u32::from(char));
        return Err(refuse(&message).help(format!("did you mean `{}`?", looks(name).escape_default())));
    }
    Ok(())
}

/// Refuses only what cannot be seen or has two spellings. For people and groups, which directories name as they like
/// (`O’Brien`, `Отдел IT`); that no two of them look alike is [`Lookalikes`]' to see.
pub(crate) fn check_visible(what: &str, name: &str, limits: &Limits) -> Result<(), Error> {
    if name.is_empty() {
        return Err(Error::new(ErrorKind::NameUnsafe, format!("the {what} is empty")));
    }
    // FAIL-CLOSED: names_longer_than_the_limit_are_refused
    if name.len() > limits.name_bytes {
        let message = format!("a {what} of {} bytes, where {} are allowed", name.len(), limits.name_bytes);
        return Err(Error::new(ErrorKind::LimitExceeded, message));
    }
    if plain(name) {
        return Ok(());
    }
    let refuse = |why: &str| Error::new(ErrorKind::NameUnsafe, format!("the {what} {} {why}", shown(name)));
    // FAIL-CLOSED: each_unsafe_name_is_refused_and_its_twin_accepted
    if name.starts_with(' ') || name.ends_with(' ') {
        return Err(refuse("begins or ends with a space").help("remove it"));
    }
    for char in name.chars() {
        if let Some(fault) = unseen_char(char) {
            let message = format!("has {fault} (U+{:04X})", u32::from(char));
            return Err(refuse(&message).help("remove it"));
        }
    }
    if !name.is_ascii() && !name.nfc().eq(name.chars()) {
        return Err(refuse("is not in normal form C").help("normalise it: one character has two spellings otherwise"));
    }
    Ok(())
}

/// Whether all of it is visible ASCII, in which there is nothing more to look for.
fn plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The first of some names that looks like one before it, by its place. Only those that share their looks with one that
/// is not ASCII are kept, so a million in ASCII take no room.
pub(crate) fn first_lookalike<'a>(what: &str, names: impl Iterator<Item = &'a str> + Clone) -> Option<(usize, Error)> {
    let foreign: BTreeSet<String> = names.clone().filter(|name| !name.is_ascii()).map(looks).collect();
    let mut lookalikes = Lookalikes::default();
    let mut alike = names.enumerate().filter(|(_, name)| !foreign.is_empty() && foreign.contains(&looks(name)));
    alike.find_map(|(at, name)| lookalikes.insert(what, name).err().map(|error| (at, error)))
}

/// The names of one namespace, no two of which look alike.
#[derive(Debug, Default)]
pub(crate) struct Lookalikes {
    /// By looks. One that is not ASCII shares its looks with none; of several in ASCII any one will do.
    names: BTreeMap<String, String>,
}

impl Lookalikes {
    /// Adds a name, or refuses one that looks like a name that is there. The same name twice is the same name; two
    /// names in ASCII (`l1` and `ll`) are told apart by those who chose them.
    pub(crate) fn insert(&mut self, what: &str, name: &str) -> Result<(), Error> {
        let other = self.names.entry(looks(name)).or_insert_with(|| name.to_owned());
        // FAIL-CLOSED: names_that_look_alike_are_refused
        if other != name && !(other.is_ascii() && name.is_ascii()) {
            return Err(looks_like(what, name, other));
        }
        Ok(())
    }
}

/// Whether two names have their looks in common.
pub(crate) fn look_alike(one: &str, other: &str) -> bool {
    one != other && looks(one) == looks(other)
}

/// A name looks like another.
pub(crate) fn looks_like(what: &str, name: &str, other: &str) -> Error {
    let message = format!("the {what} {} looks like {}, which is another", shown(name), shown(other));
    Error::new(ErrorKind::NameUnsafe, message).help("rename one of the two")
}

/// The skeleton of UTS #39: what two names that look alike have in common.
fn looks(name: &str) -> String {
    skeleton(name).collect()
}

/// The first character of a text for people that they could not see, or not tell from another.
pub(crate) fn unseen(text: &str) -> Option<char> {
    text.chars().find(|char| unseen_char(*char).is_some())
}

/// What is wrong with a character that cannot be seen, or not told from another.
fn unseen_char(char: char) -> Option<&'static str> {
    if char.is_ascii_graphic() || char == ' ' {
        return None;
    }
    Some(match char {
        _ if char.is_control() => "a control character",
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "a character that changes the direction of text"
        }
        '\u{2028}' | '\u{2029}' => "a line separator",
        _ if char.is_whitespace() => "a space that is not the plain one",
        // Joiners have a meaning in some scripts, and none that the eye could check.
        '\u{200b}'..='\u{200d}' => "an invisible character",
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => "a character of private use",
        _ => match char.identifier_type() {
            Some(IdentifierType::Default_Ignorable) => "an invisible character",
            None | Some(IdentifierType::Not_Character) => "a character that Unicode does not define",
            _ => return None,
        },
    })
}

/// What is wrong with a character in the name of something that is called, after the one before it.
fn unusual_char(previous: Option<char>, char: char) -> Option<&'static str> {
    if char.is_ascii_graphic() || char == ' ' {
        return None;
    }
    Some(match char {
        // A dot over a dot: `i̇` is drawn as `i`.
        '\u{307}' if matches!(previous, Some('i' | 'j' | 'l' | 'ı' | 'ȷ')) => "a mark that cannot be seen",
        _ if is_combining_mark(char)
            && previous.is_none_or(|before| before.is_ascii_punctuation() || before == ' ') =>
        {
            "a mark without a letter"
        }
        _ if char.identifier_allowed() => return None,
        _ if char.identifier_type() == Some(IdentifierType::Not_NFKC) => "another form of a plain character",
        _ => "a character that is not used in names",
    })
}

/// One script, or one of the sets that are written together: Japanese, Chinese or Korean with Latin.
fn one_writing_system(name: &str) -> bool {
    // Punctuation of ASCII belongs to every script, and not to identifiers, which the level would hold against it.
    let letters: String = name.chars().filter(|char| !char.is_ascii() || char.is_ascii_alphanumeric()).collect();
    letters.is_single_script() || letters.detect_restriction_level() <= RestrictionLevel::HighlyRestrictive
}

/// The name in backticks, with every character that is not ASCII or a plain letter as its code point.
fn shown(name: &str) -> String {
    let mut out = String::from("`");
    for char in name.chars() {
        if char.is_ascii_graphic() || char == ' ' || (char.is_alphanumeric() && char.identifier_allowed()) {
            out.push(char);
        } else {
            out.push_str(&format!("<U+{:04X}>", u32::from(char)));
        }
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(name: &str) -> Result<(), Error> {
        check("user id", name, &Limits::default())
    }

    #[test]
    fn each_unsafe_name_is_refused_and_its_twin_accepted() {
        for (refused, accepted) in [
            ("", "a"),
            (" admin", "admin"),
            ("admin ", "ad min"),
            ("\u{a0}admin", "admin"),
            ("ad\u{a0}min", "ad min"),
            ("ad\tmin", "ad-min"),
            ("ad\nmin", "ad_min"),
            ("ad\rmin", "ad.min"),
            ("ad\u{0}min", "ad0min"),
            ("ad\u{1b}[0mmin", "ad[0mmin"),
            ("ad\u{7f}min", "ad~min"),
            ("ad\u{85}min", "ad/min"),
            ("ad\u{2028}min", "ad:min"),
            ("ad\u{2029}min", "ad@min"),
            ("ad\u{3000}min", "ad+min"),
            ("ad\u{2003}min", "ad#min"),
            ("ad\u{200b}min", "admin"),
            ("ad\u{200c}min", "admin"),
            ("ad\u{200d}min", "admin"),
            ("ad\u{2060}min", "admin"),
            ("\u{feff}admin", "admin"),
            ("ad\u{ad}min", "admin"),
            ("ad\u{34f}min", "admin"),
            ("ad\u{115f}min", "admin"),
            ("ad\u{3164}min", "admin"),
            ("ad\u{fe0f}min", "admin"),
            ("ad\u{e0041}min", "admin"),
            ("ad\u{180e}min", "admin"),
            ("ad\u{202e}nim", "adnim"),
            ("\u{200f}admin", "admin"),
            ("ad\u{2066}min", "admin"),
            ("ad\u{61c}min", "admin"),
            ("ad\u{e000}min", "admin"),
            ("ad\u{f0000}min", "admin"),
            ("ad\u{10fffd}min", "admin"),
            ("ad\u{378}min", "admin"),
            ("ad\u{ffff}min", "admin"),
            ("ad\u{fdd0}min", "admin"),
            ("ad\u{fffd}min", "admin"),
            // Not in normal form C, and what it is in it.
            ("e\u{301}te", "éte"),
            ("\u{212b}ngstrom", "\u{e5}ngstrom"),
            ("か\u{3099}", "が"),
            // Cyrillic in Latin, Latin in Cyrillic, and each by itself.
            ("аdmin", "админ"),
            ("admіn", "admin"),
            ("aдмин", "админ"),
            ("сор", "сорт-я"),
            ("сор", "cop"),
            ("а", "я"),
            ("Α", "Ω"),
            ("ραγραl", "παράδειγμα"),
            ("user:сор", "юзер:сорт"),
            // Drawn as ASCII.
            ("ａｄｍｉｎ", "admin"),
            ("𝐚dmin", "admin"),
            ("admın", "admin"),
            ("ﬁle", "file"),
            ("payノadmin", "pay/admin"),
            ("ad\u{2010}min", "col·lecció"),
            ("a⁄b", "a/b"),
            ("a\u{2024}b", "a.b"),
            ("x²", "x2"),
            ("№5", "No5"),
            ("\u{2018}a\u{2019}", "'a'"),
            ("a–b", "a-b"),
            ("i\u{307}d", "id"),
            ("a.\u{301}", "á."),
            ("\u{301}a", "á"),
            ("日本\u{202e}", "日本"),
            ("顧客привет", "顧客api"),
            ("caf\u{e9}\u{200b}", "café"),
            ("😀", "smile"),
        ] {
            let error = ok(refused).expect_err(&refused.escape_unicode().to_string());
            assert_eq!(error.code(), "name_unsafe");
            assert!(
                !error
                    .to_string()
                    .chars()
                    .any(|char| unseen_char(char).or_else(|| unusual_char(Some('x'), char)).is_some() && char != '…'),
                "{error:?}"
            );
            assert!(ok(accepted).is_ok(), "{accepted} {:?}", ok(accepted));
        }
    }

    #[test]
    fn usual_names_are_accepted() {
        for name in [
            "create_issue",
            "github/create-issue",
            "alice@example.com",
            "Order Desk (EU)",
            "a",
            "l1O0",
            "C++",
            "{}",
            "`",
            "zażółć",
            "Größe",
            "naïve",
            "İstanbul",
            "東京",
            "とうきょう",
            "トーキョー",
            "東京タワー",
            "顧客API",
            "한국어",
            "привет-мир",
            "ελληνικά",
            "עברית",
            "العربية",
            "हिन्दी",
            "ไทย",
            "中文名",
            "Đặng",
            "user 東京",
        ] {
            assert!(ok(name).is_ok(), "{name} {:?}", ok(name));
        }
    }

    #[test]
    fn people_and_groups_are_named_as_directories_name_them() {
        let seen = |name: &str| check_visible("group id", name, &Limits::default());
        for name in ["Отдел IT", "Команда DevOps", "R&D – EU", "O’Brien", "Équipe 😀", "alice"] {
            assert!(seen(name).is_ok(), "{:?}", seen(name));
        }
        for name in
            ["", " a", "a ", "a\u{202e}b", "a\u{200b}b", "a\u{a0}b", "e\u{301}", "a\nb", "a\u{feff}b", "\u{e000}"]
        {
            assert_eq!(seen(name).unwrap_err().code(), "name_unsafe", "{name:?}");
        }
    }

    #[test]
    fn names_longer_than_the_limit_are_refused() {
        let limits = Limits { name_bytes: 6, ..Limits::default() };
        assert!(check("user id", "東京", &limits).is_ok());
        let error = check("user id", "東京a", &limits).unwrap_err();
        assert_eq!((error.code(), error.message()), ("limit_exceeded", "a user id of 7 bytes, where 6 are allowed"));
    }

    #[test]
    fn the_message_shows_what_cannot_be_seen() {
        for (name, message) in [
            (
                "ad\u{202e}min",
                "the user id `ad<U+202E>min` has a character that changes the direction of text (U+202E)",
            ),
            ("\u{1b}[2J", "the user id `<U+001B>[2J` has a control character (U+001B)"),
            ("", "the user id is empty"),
            ("e\u{301}", "the user id `e<U+0301>` is not in normal form C"),
            ("admın", "the user id `admın` has a character that looks like ASCII and is not (U+0131)"),
            ("аdmin", "the user id `аdmin` mixes scripts"),
        ] {
            assert_eq!(ok(name).unwrap_err().message(), message);
        }
    }

    #[test]
    fn names_that_look_alike_are_refused() {
        for (first, second, accepted) in [
            ("alice", "bob", true),
            ("alice", "alice", true),
            ("l1", "ll", true),
            ("rn", "m", true),
            ("Alice", "alice", true),
            ("東京", "とうきょう", true),
            ("naïve", "naive", true),
            ("ニ一", "二一", false),
            ("カ", "力", false),
            ("ø", "o\u{338}", false),
            ("工ヲ", "エヲ", false),
            ("cop", "сор", false),
        ] {
            for (one, other) in [(first, second), (second, first)] {
                let mut names = Lookalikes::default();
                assert!(names.insert("user id", one).is_ok());
                let result = names.insert("user id", other);
                assert_eq!(result.is_ok(), accepted, "{one} {other} {result:?}");
                assert!(names.insert("user id", one).is_ok());
            }
        }
        let mut names = Lookalikes::default();
        for name in ["ll", "l1", "1l", "сорт"] {
            assert!(names.insert("user id", name).is_ok());
        }
        let error = names.insert("user id", "с\u{43e}рт").map(|()| names.insert("user id", "copт"));
        assert!(error.unwrap().is_err());
    }
}
