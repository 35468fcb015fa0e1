//! Quoting a source line, in the manner of rustc.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::render::{clean, paint};

/// How much of a source line is quoted, and how much of that before the place.
const QUOTE: usize = 100;
const QUOTE_BEFORE: usize = 60;

/// A source line with carets under `marked` characters from `column` (from 0) on; long lines are cut around the place.
pub(crate) fn quote(out: &mut String, style: Style, line: &str, number: usize, column: usize, marked: usize) {
    let skip = if line.chars().count() > QUOTE { column.saturating_sub(QUOTE_BEFORE) } else { 0 };
    let window: Vec<char> = line.chars().skip(skip).take(QUOTE).collect();
    let part = |from: usize, many: usize| -> String {
        let text: String = window.iter().skip(from).take(many).map(|&c| if c == '\t' { ' ' } else { c }).collect();
        clean(&text).into_owned()
    };
    let column = column.saturating_sub(skip);
    let (before, under) = (part(0, column), part(column, marked));
    let lead = if skip > 0 { "…" } else { "" };
    let tail = if line.chars().count() > skip.saturating_add(QUOTE) { "…" } else { "" };
    let gutter = " ".repeat(number.to_string().len());
    let carets = paint(style, &"^".repeat(under.width().max(1)));
    let indent = " ".repeat(lead.width().saturating_add(before.width()));
    let _ = writeln!(out, " {gutter} |\n {number} | {lead}{}{tail}\n {gutter} | {indent}{carets}", part(0, QUOTE));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::ERROR;

    #[test]
    fn carets_stand_under_the_place() {
        let mut out = String::new();
        quote(&mut out, ERROR, "\tpermit (x\u{1b}, y)", 12, 11, 1);
        let plain = out.replace(&ERROR.to_string(), "").replace("\u{1b}[0m", "");
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[1], " 12 |  permit (x\\u{1b}, y)");
        assert_eq!(lines[2].find('^'), lines[1].find(','));
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let mut out = String::new();
        quote(&mut out, ERROR, &"x".repeat(5_000), 1, 2_500, 3);
        assert!(out.lines().all(|line| line.chars().count() < 130), "{out}");
        assert!(out.contains('…'));
    }
}
