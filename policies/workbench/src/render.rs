//! How things look: tables, colours, durations. Text from data is escaped before it gets near a terminal.

use std::borrow::Cow;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width, presets};
use serde::Serialize;
use toolgate::Outcome;
use unicode_width::UnicodeWidthStr as _;

/// For what is wrong.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// For what is worth a look.
pub const NOTE: Style = AnsiColor::Cyan.on_default();
/// For headings.
pub const BOLD: Style = Style::new().bold();

/// Text in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The colour of an outcome.
pub fn style(outcome: Outcome) -> Style {
    let color = match outcome {
        Outcome::AutoApprove => AnsiColor::Green,
        Outcome::SelfApprove => AnsiColor::Cyan,
        Outcome::ManagerApprove => AnsiColor::Yellow,
        Outcome::Deny => AnsiColor::Red,
        Outcome::TicketFallback => AnsiColor::Magenta,
    };
    color.on_default()
}

/// A mark that tells outcomes apart without colour.
pub fn mark(outcome: Outcome) -> char {
    match outcome {
        Outcome::AutoApprove => '✓',
        Outcome::SelfApprove => '?',
        Outcome::ManagerApprove => '↑',
        Outcome::Deny => '✗',
        Outcome::TicketFallback => '→',
    }
}

/// Text from data with everything escaped that a terminal obeys or that cannot be seen: control, bidirectional,
/// zero-width and private-use characters.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' | '\u{f0000}'..='\u{10ffff}')
}

/// One JSON object on one line, newline included, with the same characters escaped as in [`clean`].
pub fn json_line<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|_| "{}".into());
    let mut out = String::with_capacity(text.len().saturating_add(1));
    // outside strings JSON is ASCII without control characters, so every hit lies in a string
    for c in text.chars() {
        if is_unsafe(c) {
            let mut units = [0u16; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

/// At most `limit` characters, the rest as `…`.
pub fn short(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or("").trim_end())),
        None => Cow::Borrowed(text),
    }
}

/// A duration as annotations write it: `15m`, `1h30m`, `7d`.
pub fn duration(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut out = String::new();
    for (unit, seconds) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
        let count = rest.checked_div(seconds).unwrap_or(0);
        rest = rest.checked_rem(seconds).unwrap_or(0);
        if count > 0 {
            out.push_str(&format!("{count}{unit}"));
        }
    }
    if out.is_empty() { "under 1s".into() } else { out }
}

/// `1 call`, `2 calls`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A table being built. The last column takes what room is left; the others are as wide as their content.
#[derive(Debug)]
pub struct Grid {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

// Colours in cells: comfy-table counts every character, so one private-use character stands for the style and one for
// its end, and each pair is replaced by escapes and two spaces. `clean` lets none of them through from data.
const FIRST_STYLE: char = '\u{e000}';
const END_STYLE: char = '\u{e00f}';

/// An outcome as a coloured table cell. Its width is the text's and two spaces, coloured or not.
pub fn outcome_cell(outcome: Outcome) -> String {
    let index = Outcome::ALL.iter().position(|&other| other == outcome).unwrap_or(0);
    let start =
        u32::try_from(index).ok().and_then(|index| char::from_u32(u32::from(FIRST_STYLE).saturating_add(index)));
    format!("{}{} {outcome}{END_STYLE}", start.unwrap_or(FIRST_STYLE), mark(outcome))
}

fn colour(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut open: Option<Style> = None;
    for c in line.chars() {
        let index = u32::from(c).checked_sub(u32::from(FIRST_STYLE)).and_then(|index| usize::try_from(index).ok());
        if let Some(&outcome) = index.and_then(|index| Outcome::ALL.get(index)) {
            let style = style(outcome);
            out.push_str(&style.to_string());
            open = Some(style);
        } else if c == END_STYLE {
            if let Some(style) = open.take() {
                out.push_str(&format!("{style:#}"));
            }
            out.push_str("  ");
        } else {
            out.push(c);
        }
    }
    out
}

impl Grid {
    /// A table with these column headings.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|&cell| cell.into()).collect(), rows: Vec::new(), right: Vec::new() }
    }

    /// Aligns a column to the right.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Adds a row. Cells may have several lines.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The width every column wants.
    pub fn natural_width(&self) -> usize {
        let (table, gaps) = (self.build(None), self.header.len().saturating_sub(1).saturating_mul(2));
        table.column_max_content_widths().iter().map(|&width| usize::from(width)).sum::<usize>().saturating_add(gaps)
    }

    /// The table at most `width` wide, a line each, coloured.
    pub fn render(&self, width: usize) -> String {
        let wanted = self.build(None).column_max_content_widths();
        let last = self.header.len().saturating_sub(1);
        let total = u16::try_from(width).unwrap_or(u16::MAX).max(40);
        // one long name is not to squeeze the others: it gets two fifths, or what they leave
        let wants =
            |from: usize, to: usize| wanted.iter().skip(from).take(to).fold(0u16, |sum, &w| sum.saturating_add(w));
        let widest = wanted.iter().take(last).copied().max().unwrap_or(0);
        let fifths = total.saturating_mul(2) / 5;
        let gaps = u16::try_from(last).unwrap_or(0).saturating_mul(2);
        let taken =
            wants(0, last).saturating_sub(widest).saturating_add(gaps).saturating_add(wants(last, 1).min(fifths));
        let most = total.saturating_sub(taken).max(fifths);
        let others =
            wanted.iter().take(last).fold(0u16, |sum, &width| sum.saturating_add(width.min(most).saturating_add(2)));
        let mut table = self.build(Some(usize::from(total.saturating_sub(others)).max(10)));
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(total);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if index == last { 0 } else { 2 }));
            if self.right.contains(&index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            let content = wanted.get(index).copied().unwrap_or(0).min(most);
            if index != last {
                // the constraint counts the padding
                column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(content.saturating_add(2))));
            }
        }
        let mut out = String::new();
        for (index, line) in table.lines().enumerate() {
            let line = colour(line.trim_end());
            out.push_str(&if index == 0 { paint(BOLD, line.trim_end()) } else { line.trim_end().into() });
            out.push('\n');
        }
        out
    }

    /// The table; what stands in the last column wrapped to `last` if given.
    fn build(&self, last: Option<usize>) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(Row::from(self.header.clone()));
        for row in &self.rows {
            let mut row = row.clone();
            if let (Some(width), Some(cell)) = (last, row.last_mut()) {
                *cell = cell.lines().map(|line| wrap(line, width)).collect::<Vec<_>>().join("\n");
            }
            table.add_row(Row::from(row));
        }
        table
    }
}

/// Breaks a line at spaces; what follows is indented like its beginning. (comfy-table would lose the indent.)
pub(crate) fn wrap(line: &str, width: usize) -> String {
    let text = line.trim_start_matches(' ');
    let indent = " ".repeat(line.len().saturating_sub(text.len()));
    let (mut out, mut used) = (String::new(), 0usize);
    for word in text.split(' ') {
        let wide = word.width().saturating_add(1);
        if used == 0 {
            out.push_str(&indent);
            used = indent.len().saturating_add(wide);
        } else if used.saturating_add(wide) <= width.saturating_add(1) {
            out.push(' ');
            used = used.saturating_add(wide);
        } else {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&indent);
            used = indent.len().saturating_add(wide);
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(clean("a\u{1b}[31m\u{9b}\u{202e}\u{e000}é"), "a\\u{1b}[31m\\u{9b}\\u{202e}\\u{e000}é");
        assert_eq!(json_line(&"\u{7f}\u{9b}\u{e0041}\n"), "\"\\u007f\\u009b\\udb40\\udc41\\n\"\n");
        assert!(matches!(clean("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn durations_are_short() {
        for (seconds, text) in [(0, "under 1s"), (900, "15m"), (5_400, "1h30m"), (604_800, "7d")] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_coloured_cell_is_as_wide_as_a_plain_one() {
        let mut grid = Grid::new(&["a", "b"]);
        grid.row(vec![outcome_cell(Outcome::Deny), "x".into()]);
        grid.row(vec!["  deny  ".into(), "x".into()]);
        let text = grid.render(80);
        let lines: Vec<_> = text.lines().collect();
        let plain = lines[1].replace("\u{1b}[31m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, "✗ deny    x");
        assert_eq!(lines[2].find('x').unwrap(), plain.chars().position(|c| c == 'x').unwrap());
    }

    #[test]
    fn wrapped_lines_keep_their_indent() {
        assert_eq!(wrap("  one two three", 9), "  one two\n  three");
        assert_eq!(wrap("one  two", 5), "one\ntwo");
        assert_eq!(wrap("averylongword x", 5), "averylongword\nx");
        assert_eq!(wrap("", 5), "");
    }

    #[test]
    fn no_line_is_wider_than_asked_for() {
        let mut grid = Grid::new(&["one", "two", "three"]);
        grid.row(vec!["x".repeat(70), "y".repeat(70), "lorem ipsum ".repeat(20)]);
        assert!(grid.natural_width() > 300);
        assert!(grid.render(80).lines().skip(1).all(|line| line.chars().count() <= 80));
    }
}
