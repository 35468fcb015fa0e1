//! A matrix as one HTML page that needs nothing else: no network, no fonts, and no script to be read.

use std::fmt::Write as _;

use serde::Serialize;
use toolgate::{Engine, Outcome};

use super::{Answer, Cell, Grade, Matrix, names};
use crate::render::{clean, count};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the script knows of one cell.
#[derive(Serialize)]
struct Detail<'a> {
    visibility: String,
    unsure: bool,
    answers: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    letter: char,
    meaning: &'static str,
    #[serde(flatten)]
    answer: &'a Answer,
}

impl<'a> Shown<'a> {
    fn of(answer: &'a Answer) -> Self {
        Self { letter: answer.grade.letter(), meaning: answer.grade.meaning(), answer }
    }
}

/// The page. `name` is the bundle's.
pub fn page(matrix: &Matrix, name: &str, engine: &Engine) -> String {
    let groups = matrix.groups();
    let mut head = String::new();
    for (number, (subjects, _)) in (1usize..).zip(&groups) {
        let names = names(subjects);
        let title = escape(&names.join("; "));
        let short = names.first().map_or("", String::as_str);
        let more = match names.len().saturating_sub(1) {
            0 => String::new(),
            rest => format!(" <small>and {rest} more</small>"),
        };
        let _ = write!(
            head,
            "<th scope=\"col\" data-col=\"{number}\" data-text=\"{}\" title=\"{title}\"><span><b>{number}</b> {}{more}</span></th>",
            title.to_lowercase(),
            escape(short),
        );
    }
    let mut body = String::new();
    let mut server = None;
    for (at, row) in matrix.rows.iter().enumerate() {
        if server != Some(&row.tool.server) {
            server = Some(&row.tool.server);
            let _ = write!(
                body,
                "<tr class=\"server\" data-server=\"{0}\"><th scope=\"rowgroup\">{0}</th><td colspan=\"{1}\"></td></tr>",
                escape(&row.tool.server),
                groups.len(),
            );
        }
        let _ = write!(
            body,
            "<tr data-server=\"{}\" data-text=\"{}\"><th scope=\"row\"><span>{}</span> <small>{}</small></th>",
            escape(&row.tool.server),
            escape(&row.tool.to_string()).to_lowercase(),
            escape(&row.tool.name),
            row.operation,
        );
        for (column, (_, cells)) in (1usize..).zip(&groups) {
            body += &cells.get(at).map_or_else(String::new, |cell| cell_html(cell, column));
        }
        body += "</tr>\n";
    }
    let people: String = (1usize..)
        .zip(&groups)
        .map(|(number, (subjects, _))| {
            let all = names(subjects).iter().map(|name| escape(name)).collect::<Vec<_>>().join("<br>");
            format!("<li value=\"{number}\">{all}</li>")
        })
        .collect();
    let labels: Vec<&str> = matrix.setting.labels.iter().map(String::as_str).collect();
    let session = if labels.is_empty() {
        "in a new session".to_owned()
    } else {
        format!("in a new session that has seen {}", escape(&labels.join(", ")))
    };
    let acr = matrix.setting.acr.as_ref().map_or_else(String::new, |acr| format!(", signed in by {}", escape(acr)));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n<title>{name}: who may call what</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<header>\n<h1>{name}: who may call what</h1>\n\
         <p>{subjects} × {tools} at <time>{now}</time>, {session}{acr}. Snapshot {version}, engine <code>{digest}</code>.\
         </p>\n{controls}\n</header>\n<main>\n{legend}\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" \
         aria-label=\"the matrix\">\n<table>\n<thead><tr><th scope=\"col\" class=\"corner\">tool</th>{head}</tr></thead>\n\
         <tbody>\n{body}</tbody>\n</table>\n</div>\n<p id=\"none\" role=\"status\" hidden>Nothing matches.</p>\n\
         <section><h2>Subjects</h2>\n<p>Subjects for whom everything comes out alike share a column.</p>\n\
         <ol class=\"people\">{people}</ol></section>\n</main>\n\
         <dialog id=\"why\" aria-labelledby=\"why-title\"><form method=\"dialog\"><h2 id=\"why-title\"></h2>\
         <button autofocus>Close</button></form><div id=\"why-body\"></div></dialog>\n\
         <script type=\"application/json\" id=\"data\">{data}</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        name = escape(name),
        subjects = count(matrix.subjects.len(), "subject"),
        tools = count(matrix.rows.len(), "tool"),
        now = matrix.setting.now,
        version = engine.snapshot_version(),
        digest = engine.digest().get(..19).unwrap_or_default(),
        controls = controls(matrix),
        legend = legend(matrix),
        data = data(&groups.iter().map(|(_, cells)| *cells).collect::<Vec<_>>()),
    )
}

fn cell_html(cell: &Cell, column: usize) -> String {
    let grades = cell.grades();
    let letters: String = grades
        .iter()
        .map(|grade| format!("<i class=\"{}\">{}</i>", class(*grade), grade.letter()))
        .chain(cell.could_be_better.then(|| "<i class=\"unsure\">?</i>".to_owned()))
        .collect();
    let words: Vec<&str> = grades.iter().map(|grade| grade.meaning()).collect();
    let codes: String = grades.iter().map(|grade| grade.letter()).collect();
    format!(
        "<td data-col=\"{column}\" data-is=\"{codes}\"><button type=\"button\" aria-label=\"{}\">{letters}</button></td>",
        escape(&words.join(", or ")),
    )
}

/// The style class: of the outcome, and whether something comes first.
fn class(grade: Grade) -> String {
    let outcome = match grade.outcome() {
        Outcome::AutoApprove => "auto",
        Outcome::SelfApprove => "self",
        Outcome::ManagerApprove => "manager",
        Outcome::Deny => "deny",
        Outcome::TicketFallback => "ticket",
    };
    let first = if grade.letter().is_ascii_lowercase() { " first" } else { "" };
    format!("{outcome}{first}")
}

fn occurring(matrix: &Matrix) -> Vec<Grade> {
    let occurs = |grade: &Grade| matrix.cells.iter().flatten().any(|cell| cell.grades().contains(grade));
    Grade::all().filter(occurs).collect()
}

fn controls(matrix: &Matrix) -> String {
    let boxes: String = occurring(matrix)
        .into_iter()
        .map(|grade| {
            let letter = grade.letter();
            format!(
                "<label><input type=\"checkbox\" name=\"is\" value=\"{letter}\"><i class=\"{}\">{letter}</i> {}{}</label>",
                class(grade),
                grade.outcome(),
                match letter {
                    'd' => ", sign in again",
                    'a' | 's' | 'm' => " once requested",
                    _ => "",
                },
            )
        })
        .collect();
    format!(
        "<form id=\"filter\" hidden><label>Tool <input type=\"search\" name=\"tool\" placeholder=\"billing/\"></label>\
         <label>Subject <input type=\"search\" name=\"subject\" placeholder=\"alice\"></label>\
         <fieldset><legend>Only what can come out as</legend>{boxes}</fieldset></form>"
    )
}

fn legend(matrix: &Matrix) -> String {
    let rows: String = occurring(matrix)
        .into_iter()
        .map(|grade| {
            let (class, letter) = (class(grade), grade.letter());
            format!(
                "<div><dt><i class=\"{class}\">{letter}</i> {}</dt><dd>{}</dd></div>",
                grade.outcome(),
                grade.meaning()
            )
        })
        .collect();
    let unsure = if matrix.cells.iter().flatten().any(|cell| cell.could_be_better) {
        " <i class=\"unsure\">?</i> other arguments than those that were tried could reach better."
    } else {
        ""
    };
    format!(
        "<details open><summary>What the letters mean</summary><dl>{rows}</dl><p>Several letters in a cell: it depends \
         on the arguments; the best comes first.{unsure} A cell opens with the policies and an example.</p></details>"
    )
}

/// What the script shows of each cell, by column and row, as JSON that is safe inside a script element.
fn data(columns: &[&[Cell]]) -> String {
    let detail = |cell: &Cell| {
        serde_json::to_value(Detail {
            visibility: cell.visibility.to_string(),
            unsure: cell.could_be_better,
            answers: cell.answers.iter().map(Shown::of).collect(),
        })
        .unwrap_or_default()
    };
    let all: Vec<Vec<serde_json::Value>> = columns.iter().map(|cells| cells.iter().map(detail).collect()).collect();
    crate::render::json_line(&all).trim_end().replace('<', "\\u003c")
}

/// Text from data, for HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_data_is_no_markup() {
        assert_eq!(escape("<b a='\"'>&\u{202e}"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;\\u{202e}");
    }
}
