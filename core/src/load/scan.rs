//! A look at the nesting of a text before a recursive parser sees it.
//!
//! Owns the bounds that keep Cedar's and TOML's parsers from running out of stack, which aborts the process. Refuses
//! by counting alone: what it lets through may still not be Cedar or TOML.

use std::ops::Range;

use crate::error::{Error, ErrorKind};
use crate::limits::Limits;

/// Operators, and steps of one `a.b.c`, that one policy may chain: Cedar reads `a && b && c` into a tree as deep as
/// the chain is long. See [`with_stack`](crate::load::stack::with_stack) for what a link of the chain costs.
pub(crate) const CHAIN: usize = 300;

/// Refuses Cedar text whose size, nesting or chains could exhaust the stack of a parser, validator or evaluator.
///
/// Counts high where it need not be exact: an `if` stays open until the bracket, comma or clause around it ends.
///
/// Says where each policy stands, from its first annotation to its `;`, provided that the text is Cedar.
pub(crate) fn cedar(text: &str, limits: &Limits) -> Result<Vec<Range<usize>>, Error> {
    size("policies", text, limits.policy_file_bytes)?;
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut policy = Policy::new();
    let mut tokens = Tokens { text, at: 0 };
    while let Some((start, token)) = tokens.next() {
        let at = |message: String| Error::new(ErrorKind::LimitExceeded, message).at_span(text, start, tokens.at);
        // What stands between two policies belongs to neither.
        let policy_start = *policy.start.get_or_insert(start);
        match token {
            Token::Open(closing) => policy.open(closing),
            Token::Close(closing) => policy.close(closing),
            Token::If => policy.branch(),
            Token::Comma => policy.separate(),
            Token::Semicolon => {}
            Token::Step => policy.step(),
            Token::Unary => policy.unary(),
            Token::Chained => policy.chain(),
            Token::Compared => policy.other(),
            Token::Operand => policy.unary = 0,
        }
        // FAIL-CLOSED: policies_longer_than_the_limit_are_refused
        if tokens.at.saturating_sub(policy_start) > limits.policy_bytes {
            let message = format!("a policy of more than {} bytes", limits.policy_bytes);
            let error = Error::new(ErrorKind::LimitExceeded, message).help("split it, or test membership of a set");
            return Err(error.at_span(text, policy_start, tokens.at));
        }
        // FAIL-CLOSED: nesting_of_cedar_is_refused_beyond_the_limit
        if policy.depth > limits.depth {
            return Err(at(format!("a policy nested more than {} deep", limits.depth))
                .help("name the parts in several policies"));
        }
        // FAIL-CLOSED: runs_of_unary_operators_are_refused_beyond_the_limit
        if policy.unary > limits.depth {
            return Err(at(format!("more than {} `!` or `-` in a row", limits.depth)).help("two of them are none"));
        }
        // FAIL-CLOSED: chains_are_refused_beyond_the_bound
        if policy.operators.saturating_add(policy.most_steps) > CHAIN {
            return Err(at(format!("more than {CHAIN} operators in one policy"))
                .help("test membership of a set with `contains` or `in`, or split the policy"));
        }
        // Only outside of brackets: a stray one inside must not reset the count of what is open.
        if token == Token::Semicolon && policy.levels.len() == 1 {
            policy = Policy::new();
            let from = begins(text, places.last().map_or(0, |last| last.end));
            places.push(from..tokens.at);
        }
    }
    Ok(places)
}

/// Refuses TOML text that is too big, or nests arrays, tables and dotted keys too deep.
pub(crate) fn toml(text: &str, limits: &Limits) -> Result<(), Error> {
    size("TOML", text, limits.catalog_bytes)?;
    let mut scan = Toml { text, at: 0, header: 0, dots: vec![0], line_begins: true, in_header: false };
    while let Some(first) = scan.peek() {
        let start = scan.at;
        scan.token(first);
        let depth = scan.dots.iter().fold(scan.header, |sum, dots| sum.saturating_add(*dots));
        // FAIL-CLOSED: nesting_of_toml_is_refused_beyond_the_limit
        if depth.saturating_add(scan.dots.len()).saturating_sub(1) > limits.depth {
            let message = format!("nested more than {} deep", limits.depth);
            return Err(Error::new(ErrorKind::LimitExceeded, message).at_span(text, start, scan.at));
        }
    }
    Ok(())
}

fn size(what: &str, text: &str, limit: usize) -> Result<(), Error> {
    // FAIL-CLOSED: size_is_refused_before_content
    if text.len() > limit {
        let message = format!("{} bytes of {what}, where {limit} are allowed", text.len());
        return Err(Error::new(ErrorKind::LimitExceeded, message).at_span("", 0, 0));
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    /// With what closes it.
    Open(u8),
    Close(u8),
    Comma,
    Semicolon,
    /// `if`: nests without a bracket.
    If,
    /// `.name` or a bracket right after an operand: deepens the operand.
    Step,
    /// `!`, or a `-` (which may be binary as well).
    Unary,
    /// An operator of which one may follow another: `&&`, `||`, `+`, `*`.
    Chained,
    /// An operator of which none may follow another, such as `==`.
    Compared,
    /// A name, number or string.
    Operand,
}

/// The tokens of Cedar that matter, with where they start.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl Tokens<'_> {
    fn next(&mut self) -> Option<(usize, Token)> {
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let (first, second) = (*rest.first()?, rest.get(1).copied());
            let start = self.at;
            let (length, token) = match (first, second) {
                (b'"', _) => (string(rest), Some(Token::Operand)),
                // Cedar's comments end at a carriage return as well.
                (b'/', Some(b'/')) => (until(rest, |byte| matches!(byte, b'\n' | b'\r')), None),
                (b'(', _) => (1, Some(Token::Open(b')'))),
                (b'[', _) => (1, Some(Token::Open(b']'))),
                (b'{', _) => (1, Some(Token::Open(b'}'))),
                (b')' | b']' | b'}', _) => (1, Some(Token::Close(first))),
                (b',', _) => (1, Some(Token::Comma)),
                (b';', _) => (1, Some(Token::Semicolon)),
                (b'.', _) => (1, Some(Token::Step)),
                (b'&', Some(b'&')) | (b'|', Some(b'|')) => (2, Some(Token::Chained)),
                (b'=' | b'!' | b'<' | b'>', Some(b'=')) => (2, Some(Token::Compared)),
                (b'+' | b'*' | b'/' | b'%', _) => (1, Some(Token::Chained)),
                (b'!' | b'-', _) => (1, Some(Token::Unary)),
                (b'<' | b'>', _) => (1, Some(Token::Compared)),
                _ if first.is_ascii_alphanumeric() || first == b'_' => {
                    let length = until(rest, |byte| !byte.is_ascii_alphanumeric() && byte != b'_');
                    (length, Some(if rest.get(..length) == Some(b"if") { Token::If } else { Token::Operand }))
                }
                _ => (1, None),
            };
            self.at = start.saturating_add(length);
            if let Some(token) = token {
                return Some((start, token));
            }
        }
    }
}

/// What is known of the policy being scanned.
struct Policy {
    start: Option<usize>,
    /// Open brackets, each with the `if`s and the steps of the operand inside it; the outermost is the policy.
    levels: Vec<Level>,
    /// Open brackets and `if`s.
    depth: usize,
    /// Operators so far: no part of the tree is deeper than that by chains.
    operators: usize,
    /// Steps of the operands that are open now, and the most there ever were.
    steps: usize,
    most_steps: usize,
    /// `!` or `-` in a row.
    unary: usize,
}

#[derive(Default)]
struct Level {
    /// The bracket that ends it; of the outermost level none does.
    closing: u8,
    ifs: usize,
    steps: usize,
}

impl Policy {
    fn new() -> Self {
        let levels = vec![Level::default()];
        Self { start: None, levels, depth: 0, operators: 0, steps: 0, most_steps: 0, unary: 0 }
    }

    fn open(&mut self, closing: u8) {
        // A clause is joined to the next by an `and`; an index or a call deepens its operand.
        if self.levels.len() == 1 {
            self.chain();
        } else {
            self.step();
        }
        self.depth = self.depth.saturating_add(1);
        self.levels.push(Level { closing, ..Level::default() });
    }

    fn close(&mut self, closing: u8) {
        // One that closes nothing is an error of syntax, which is Cedar's to report; to count it would hide depth.
        if self.levels.last().is_some_and(|level| level.closing == closing) {
            self.separate();
            self.levels.pop();
            self.depth = self.depth.saturating_sub(1);
        }
    }

    fn branch(&mut self) {
        self.unary = 0;
        self.depth = self.depth.saturating_add(1);
        if let Some(level) = self.levels.last_mut() {
            level.ifs = level.ifs.saturating_add(1);
        }
    }

    /// The expression of this level ends.
    fn separate(&mut self) {
        self.other();
        if let Some(level) = self.levels.last_mut() {
            self.depth = self.depth.saturating_sub(std::mem::take(&mut level.ifs));
        }
    }

    /// The operand of this level ends.
    fn other(&mut self) {
        self.unary = 0;
        if let Some(level) = self.levels.last_mut() {
            self.steps = self.steps.saturating_sub(std::mem::take(&mut level.steps));
        }
    }

    fn chain(&mut self) {
        self.other();
        self.operators = self.operators.saturating_add(1);
    }

    fn step(&mut self) {
        self.unary = 0;
        self.steps = self.steps.saturating_add(1);
        self.most_steps = self.most_steps.max(self.steps);
        if let Some(level) = self.levels.last_mut() {
            level.steps = level.steps.saturating_add(1);
        }
    }

    fn unary(&mut self) {
        let row = self.unary.saturating_add(1);
        self.chain();
        self.unary = row;
    }
}

/// Where something stands again, behind spaces and comments.
fn begins(text: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let spaces = rest.len().saturating_sub(rest.trim_start().len());
        let comment = rest.get(spaces..).filter(|rest| rest.starts_with("//"));
        let Some(comment) = comment else { return at.saturating_add(spaces) };
        let length = until(comment.as_bytes(), |byte| matches!(byte, b'\n' | b'\r'));
        at = at.saturating_add(spaces).saturating_add(length);
    }
}

struct Toml<'a> {
    text: &'a str,
    at: usize,
    /// Names in the last `[table.header]`.
    header: usize,
    /// Dots of the key or value at hand, for each open bracket; the first is outside of all.
    dots: Vec<usize>,
    line_begins: bool,
    in_header: bool,
}

impl Toml<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn token(&mut self, first: u8) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let line_begins = std::mem::take(&mut self.line_begins);
        let outside = self.dots.len() == 1;
        let mut length = 1;
        match first {
            b'#' => length = until(rest, |byte| byte == b'\n'),
            b'"' if rest.starts_with(br#"""""#) => length = block(rest, br#"""""#, true),
            b'\'' if rest.starts_with(b"'''") => length = block(rest, b"'''", false),
            // A string that its line does not close is no TOML, and toml says so; it must not hide what follows.
            b'"' => length = string(rest).min(until(rest, |byte| byte == b'\n').max(1)),
            b'\'' => {
                let inside = rest.get(1..).unwrap_or_default();
                length = until(inside, |byte| matches!(byte, b'\'' | b'\n')).saturating_add(1);
                length = length.saturating_add(usize::from(rest.get(length) == Some(&b'\'')));
            }
            b'[' if line_begins && outside => {
                self.header = 1;
                self.in_header = true;
            }
            // Of `[[array.of.tables]]` the second bracket.
            b'[' if self.in_header => {}
            b']' if self.in_header => {}
            b'[' | b'{' => self.dots.push(0),
            b']' | b'}' if !outside => {
                self.dots.pop();
            }
            b'.' if self.in_header => self.header = self.header.saturating_add(1),
            b'.' => {
                if let Some(dots) = self.dots.last_mut() {
                    *dots = dots.saturating_add(1);
                }
            }
            b',' => self.clear(),
            b'\n' if outside => {
                self.clear();
                self.in_header = false;
                self.line_begins = true;
            }
            b' ' | b'\t' | b'\r' => self.line_begins = line_begins,
            _ => {}
        }
        self.at = self.at.saturating_add(length).min(self.text.len());
    }

    fn clear(&mut self) {
        if let Some(dots) = self.dots.last_mut() {
            *dots = 0;
        }
    }
}

/// Bytes up to the first that `ends`.
fn until(bytes: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| ends(*byte)).unwrap_or(bytes.len())
}

/// Bytes of the string that begins here, both quotes included; `\` escapes what follows.
fn string(bytes: &[u8]) -> usize {
    block(bytes, b"\"", true)
}

fn block(bytes: &[u8], quotes: &[u8], escapes: bool) -> usize {
    let mut at = quotes.len();
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(quotes) {
            return at.saturating_add(quotes.len());
        }
        at = at.saturating_add(if escapes && rest.first() == Some(&b'\\') { 2 } else { 1 });
    }
    bytes.len()
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
