//! A matrix for a terminal: tools down, subjects across, folded where there is no room.

use unicode_width::UnicodeWidthStr as _;

use super::{Cell, Grade, Matrix, Row, names};
use crate::render::{BOLD, clean, count, paint, style};

/// The most columns that a tool's name may take.
const NAME: usize = 40;
/// The least room for cells.
const ROOM: usize = 16;

/// The matrix, at most `width` wide.
pub fn render(matrix: &Matrix, width: usize) -> String {
    let groups = matrix.groups();
    let (subjects, tools) = (count(matrix.subjects.len(), "subject"), count(matrix.rows.len(), "tool"));
    let mut out = fold(&[format!("{subjects} × {tools} at {}{}", matrix.setting.now, session(matrix))], width, 0);
    out.push('\n');
    out += &format!("\n{}\n", paint(BOLD, "subjects"));
    for (number, (subjects, _)) in (1usize..).zip(&groups) {
        let lead = format!("{number:>3}  ");
        out += &lead;
        out += &fold(&names(subjects), width.saturating_sub(lead.len()), lead.len());
        out.push('\n');
    }
    let longest = |row: &Row| clean(&row.tool.name).width().saturating_add(2);
    let name = matrix.rows.iter().map(longest).max().unwrap_or(0).min(NAME).min(width.saturating_sub(ROOM)).max(12);
    let cells = groups.iter().flat_map(|(_, cells)| cells.iter());
    let wide = cells.map(|cell| cell.letters().len()).max().unwrap_or(1).max(groups.len().to_string().len());
    let column = wide.saturating_add(2);
    // the name, the operation, two spaces
    let room = width.saturating_sub(name).saturating_sub(8);
    let many = room.checked_div(column).unwrap_or(1).max(1);
    let numbered: Vec<(usize, &[Cell])> = (1usize..).zip(groups.iter().map(|(_, cells)| *cells)).collect();
    for part in numbered.chunks(many) {
        out.push('\n');
        let numbers: String = part.iter().map(|(number, _)| format!("  {number:<wide$}")).collect();
        out += &paint(BOLD, format!("{:name$}  {:6}{numbers}", "tool", "").trim_end());
        out.push('\n');
        let mut server = None;
        for (at, row) in matrix.rows.iter().enumerate() {
            if server != Some(&row.tool.server) {
                server = Some(&row.tool.server);
                out += &format!("{}\n", clean(&row.tool.server));
            }
            let cells = part.iter().filter_map(|(_, cells)| cells.get(at));
            let cells: String = cells.map(|cell| format!("  {}", painted(cell, wide))).collect();
            let (short, operation) = (cut(&clean(&row.tool.name), name.saturating_sub(2)), row.operation.as_str());
            let gap = " ".repeat(name.saturating_sub(2).saturating_sub(short.width()));
            out += format!("  {short}{gap}  {operation:6}{cells}").trim_end();
            out.push('\n');
        }
    }
    out.push('\n');
    out += &legend(matrix, width);
    out
}

fn session(matrix: &Matrix) -> String {
    let mut out = String::from(", in a new session");
    if !matrix.setting.labels.is_empty() {
        let labels: Vec<&str> = matrix.setting.labels.iter().map(String::as_str).collect();
        out += &format!(" that has seen {}", clean(&labels.join(", ")));
    }
    if let Some(acr) = &matrix.setting.acr {
        out += &format!(", signed in by {}", clean(acr));
    }
    out
}

fn painted(cell: &Cell, wide: usize) -> String {
    let letters: String =
        cell.grades().into_iter().map(|grade| paint(style(grade.outcome()), &grade.letter().to_string())).collect();
    let unsure = if cell.could_be_better { "?" } else { "" };
    let gap = " ".repeat(wide.saturating_sub(cell.letters().len()));
    format!("{letters}{unsure}{gap}")
}

/// What the letters that occur mean.
fn legend(matrix: &Matrix, width: usize) -> String {
    let cells = || matrix.cells.iter().flatten();
    let mut out = String::new();
    for grade in Grade::all().filter(|grade| cells().any(|cell| cell.grades().contains(grade))) {
        let letter = paint(style(grade.outcome()), &grade.letter().to_string());
        out += &format!("{letter}  {}: {}\n", grade.outcome(), grade.meaning());
    }
    let wrap = |text: &str| format!("{}\n", fold(&[text.to_owned()], width, 0));
    if cells().any(|cell| cell.grades().len() > 1) {
        out += &wrap("Several letters: it depends on the arguments; the best comes first.");
    }
    if cells().any(|cell| cell.could_be_better) {
        out += &wrap("?  other arguments than those that were tried could reach better");
    }
    out
}

fn cut(text: &str, most: usize) -> String {
    if text.width() <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    for c in text.chars() {
        if out.width().saturating_add(2) > most {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Parts in a row, `; ` between them, broken at spaces; further lines are indented.
fn fold(parts: &[String], width: usize, indent: usize) -> String {
    let (mut out, mut used) = (String::new(), 0usize);
    for word in clean(&parts.join("; ")).split(' ') {
        if used > 0 && used.saturating_add(word.width()).saturating_add(1) > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used = used.saturating_add(1);
        }
        out.push_str(word);
        used = used.saturating_add(word.width());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_and_long_lists_are_folded() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("a_very_long_name", 10), "a_very_lo…");
        assert_eq!(fold(&["one via a, b".into(), "two via c".into()], 13, 4), "one via a, b;\n    two via c");
    }
}
