//! `toolgate fmt`: policies in the layout of Cedar's own formatter, every comment kept.
//!
//! Owns what that formatter does not: blank lines between comments, and the proof that no comment is lost.

use std::ops::Range;

use cedar_policy_formatter::{Config, policies_str_to_pretty};
use serde::Serialize;
use similar::TextDiff;
use toolgate::Limits;

use crate::Output;
use crate::bundle::FileError;
use crate::check::file_error;
use crate::render::{ERROR, NOTE, clean, count, json_line, paint};
use crate::stack;

/// How wide a line of a policy may be where it can be broken.
pub const LINE_WIDTH: usize = 100;
/// How far a part of a policy is indented.
pub const INDENT: isize = 4;

/// What one policy may chain: more than this the loader refuses as well.
const CHAIN: usize = 300;

/// What became of one file.
#[derive(Clone, Debug)]
pub struct Formatted {
    /// The path as the user would type it.
    pub file: String,
    /// The text as it was.
    pub before: String,
    /// The text as it should be, or why it is left alone.
    pub after: Result<String, FileError>,
}

impl Formatted {
    /// Formats the text of a file.
    pub fn new(file: impl Into<String>, before: impl Into<String>) -> Self {
        let (file, before) = (file.into(), before.into());
        let after = format(&before).map_err(|message| {
            FileError::new(&file, message).help("the file is left as it is; `toolgate check` says where it is wrong")
        });
        Self { file, before, after }
    }

    /// Whether there is something to write.
    pub fn changes(&self) -> bool {
        self.after.as_ref().is_ok_and(|after| *after != self.before)
    }
}

/// What `fmt --json` prints for each file.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    status: &'static str,
    message: Option<&'a str>,
}

/// Formats policies. Formatting twice is formatting once.
///
/// An error says why the text is left alone: it does not parse, or it would lose a comment.
pub fn format(text: &str) -> Result<String, String> {
    let parts = split(text)?;
    let work = || {
        // a policy that does not stand where `split` thinks it does is found here
        let once = lay_out(text, &parts)?;
        let twice = split(&once).and_then(|parts| lay_out(&once, &parts))?;
        if twice == once { Ok(once) } else { Err("formatting it twice is not formatting it once".into()) }
    };
    stack::deep(work).unwrap_or_else(|| Err("Cedar's formatter gave up on it".into()))
}

/// What was done, or with `check` what would be: 1 if something is not formatted, 2 if a file is left alone.
pub fn report(files: &[Formatted], check: bool, json: bool) -> Output {
    let mut out = Output::default();
    let (mut changed, mut failed) = (0usize, 0usize);
    for file in files {
        let name = clean(&file.file);
        let (status, message) = match &file.after {
            Err(error) => {
                failed = failed.saturating_add(1);
                if !json {
                    out.notes += &file_error(error);
                }
                ("left_alone", Some(error.message.as_str()))
            }
            Ok(after) if *after == file.before => ("unchanged", None),
            Ok(after) => {
                changed = changed.saturating_add(1);
                if check && !json {
                    out.answer += &format!("{name} is not formatted\n{}", diff(&file.before, after));
                } else if !json {
                    out.answer += &format!("formatted {name}\n");
                }
                (if check { "not_formatted" } else { "formatted" }, None)
            }
        };
        if json {
            out.answer += &json_line(&Line { file: &file.file, status, message });
        }
    }
    if !json {
        let verb = if check { "not formatted" } else { "formatted" };
        let left = if failed > 0 { paint(ERROR, &format!(", {failed} left alone")) } else { String::new() };
        out.notes += &format!("{}: {changed} {verb}{left}\n", count(files.len(), "file"));
    }
    out.code = match (failed, changed) {
        (1.., _) => 2,
        (0, 1..) if check => 1,
        _ => 0,
    };
    out
}

/// What changes, line by line.
fn diff(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut out = String::new();
    for line in diff.unified_diff().context_radius(2).to_string().lines() {
        let text = clean(line);
        out += &match line.as_bytes().first() {
            Some(b'-') => paint(ERROR, &text),
            Some(b'+' | b'@') => paint(NOTE, &text),
            _ => text.into_owned(),
        };
        out.push('\n');
    }
    out
}

/// Lays out each policy by Cedar's formatter, and between them the comments as they are.
fn lay_out(text: &str, parts: &[Range<usize>]) -> Result<String, String> {
    let config = Config { line_width: LINE_WIDTH, indent_width: INDENT };
    let (mut out, mut at) = (String::new(), 0usize);
    for part in parts {
        between(&mut out, text.get(at..part.start).unwrap_or_default());
        let policy = text.get(part.clone()).unwrap_or_default();
        let policy = policies_str_to_pretty(policy, &config).map_err(|error| reason(&error.to_string()))?;
        out.push_str(policy.trim());
        out.push('\n');
        at = part.end;
    }
    between(&mut out, text.get(at..).unwrap_or_default());
    out.truncate(out.trim_end().len());
    out.push('\n');
    if comments(text) == comments(&out) { Ok(out) } else { Err("formatting it would lose or move a comment".into()) }
}

/// The formatter's first line, without its wording around it.
fn reason(error: &str) -> String {
    match error.lines().next() {
        Some("cannot parse input policies") | None => "this is not Cedar".into(),
        Some(line) => format!("Cedar's formatter refuses it: {line}"),
    }
}

/// Comments between policies: as they are, of blank lines one at most, and one before the first.
fn between(out: &mut String, text: &str) {
    let mut blank = !out.is_empty();
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            blank = !out.is_empty();
        } else {
            if std::mem::take(&mut blank) {
                out.push('\n');
            }
            out.push_str(line);
            out.push('\n');
        }
    }
    // a policy begins on a line of its own, after a blank one unless its comment stands right above
    let ends_blank =
        text.rsplit_once('\n').is_some_and(|(before, _)| before.trim_end_matches([' ', '\t', '\r']).ends_with('\n'));
    if !out.is_empty() && (blank && text.trim().is_empty() || ends_blank) && !out.ends_with("\n\n") {
        out.push('\n');
    }
}

/// Where each policy stands, from its first token to what follows its `;` on the line.
///
/// Refuses by counting what the loader refuses as well: nesting, chains and policies that are too long for Cedar's
/// recursive parser.
fn split(text: &str) -> Result<Vec<Range<usize>>, String> {
    let limits = Limits::default();
    let (mut parts, mut start, mut depth, mut links) = (Vec::new(), None, 0usize, 0usize);
    let mut tokens = Tokens { text, at: 0 };
    while let Some((kind, token)) = tokens.next() {
        if kind == Kind::Comment {
            continue;
        }
        let from = *start.get_or_insert(token.start);
        match text.get(token.clone()).unwrap_or_default() {
            "(" | "[" | "{" => depth = depth.saturating_add(1),
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "&" | "|" | "+" | "*" | "-" | "!" | "." | "if" => links = links.saturating_add(1),
            ";" if depth == 0 => {
                let rest = text.get(token.end..).unwrap_or_default();
                let line = rest.lines().next().unwrap_or_default();
                let remark = line.trim_start().starts_with("//");
                let end = if remark { token.end.saturating_add(line.trim_end().len()) } else { token.end };
                parts.push(from..end);
                tokens.at = end;
                (start, links) = (None, 0);
                continue;
            }
            _ => {}
        }
        // `&&` and `||` are two marks each
        if depth > limits.depth || links > CHAIN.saturating_mul(2) {
            return Err(format!(
                "a policy nests more than {} deep or chains more than {CHAIN} operators",
                limits.depth
            ));
        }
        if token.end.saturating_sub(from) > limits.policy_bytes {
            return Err(format!("a policy has more than {} bytes", limits.policy_bytes));
        }
    }
    match start {
        // what is left is no policy, and Cedar says so
        Some(start) => parts.push(start..text.trim_end().len().max(start)),
        None => {}
    }
    Ok(parts)
}

/// The comments of a text, in order.
fn comments(text: &str) -> Vec<&str> {
    let mut tokens = Tokens { text, at: 0 };
    let mut all = Vec::new();
    while let Some((kind, token)) = tokens.next() {
        if kind == Kind::Comment {
            all.push(text.get(token).unwrap_or_default().trim_end());
        }
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Comment,
    Word,
}

/// Words, strings, comments and single marks of Cedar, with where they stand.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl Tokens<'_> {
    fn next(&mut self) -> Option<(Kind, Range<usize>)> {
        let rest = self.text.get(self.at..)?;
        let skipped = rest.len().saturating_sub(rest.trim_start().len());
        let start = self.at.saturating_add(skipped);
        let rest = rest.trim_start();
        let first = rest.chars().next()?;
        let name = |c: char| c.is_alphanumeric() || c == '_';
        let (kind, length) = if rest.starts_with("//") {
            (Kind::Comment, rest.find(['\n', '\r']).unwrap_or(rest.len()))
        } else if first == '"' {
            (Kind::Word, string(rest))
        } else if name(first) {
            (Kind::Word, rest.find(|c| !name(c)).unwrap_or(rest.len()))
        } else {
            (Kind::Word, first.len_utf8())
        };
        self.at = start.saturating_add(length);
        Some((kind, start..self.at))
    }
}

/// The length of a string with its quotation marks.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at.saturating_add(1),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRETTY: &str = "\
// The file.

// The policy,
// on two lines.
@id(\"a\")
permit (
    principal,
    action in Toolgate::Action::\"read\",
    resource
)
when { principal in resource.entitlements }; // says enough

// Another.
@id(\"b\")
forbid (principal, action, resource);

// The end.
";

    #[test]
    fn comments_and_the_lines_between_them_stay() {
        let ugly = "  // The file.\n\n\n\n// The policy,\n// on two lines.\r\n@id(\"a\") permit(principal,action in Toolgate::Action::\"read\"\n,resource)when{principal in resource.entitlements};// says enough\n// Another.\n@id(\"b\")\nforbid(principal,action,resource);\n\n\n// The end.";
        let pretty = format(ugly).unwrap();
        assert_eq!(pretty, PRETTY.replace("; // says enough\n\n", "; // says enough\n\n"));
        assert_eq!(format(PRETTY).unwrap(), PRETTY);
    }

    #[test]
    fn comments_inside_a_policy_stay() {
        let text = "permit (principal, // who\n action, resource)\nwhen {\n// why\ntrue && // and\nfalse };\n";
        let pretty = format(text).unwrap();
        for comment in ["// who", "// why", "// and"] {
            assert!(pretty.contains(comment), "{pretty}");
        }
        assert_eq!(format(&pretty).unwrap(), pretty);
    }

    #[test]
    fn strings_are_no_comments_and_end_no_policy() {
        let text = "@id(\"a;//b\\\"{\")\nforbid (principal, action, resource)\nwhen { context.channel like \"; // \\\"*\" };\n";
        assert_eq!(format(text).unwrap(), text);
        assert_eq!(comments(text), [""; 0]);
        assert_eq!(split(text).unwrap().len(), 1);
    }

    #[test]
    fn nothing_and_comments_alone_are_formatted() {
        assert_eq!(format("// a\n\n\n// b").unwrap(), "// a\n\n// b\n");
        assert_eq!(format("").unwrap(), "\n");
    }

    #[test]
    fn what_does_not_parse_is_left_alone() {
        for text in [
            "permit",
            "permit (principal, action, resource)",
            "permit (principal, action);",
            "\"",
            "};",
            "permit (principal, action, resource) when { true } }; ;",
        ] {
            assert!(format(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hostile_text_is_refused_quickly() {
        let policy = |condition: &str| format!("permit (principal, action, resource) when {{ {condition} }};");
        for condition in [
            format!("{}true{}", "(".repeat(4_000), ")".repeat(4_000)),
            format!("{}true", "!".repeat(9_000)),
            format!("true{}", " && true".repeat(1_000)),
            format!("{}true", "if true then true else ".repeat(700)),
            format!("context.{}", "a.".repeat(4_000)),
            format!("\"{}\" == \"\"", "x".repeat(20_000)),
        ] {
            assert!(format(&policy(&condition)).is_err());
        }
        assert!(format(&policy(&format!("{}true{}", "(".repeat(20), ")".repeat(20)))).is_ok());
    }
}
