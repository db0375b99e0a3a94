//! Results as text: tables that fit the terminal, JSON, a line a value.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, presets};
use serde_json::Value as Json;

use super::output::{Layout, Output, Record};

/// How the shell shows results.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mode {
    /// Tables for people.
    #[default]
    Table,
    /// The whole result as one JSON value.
    Json,
    /// Hits and other parts of a result, a JSON value a line.
    Jsonl,
    /// `name = value`, a line a value.
    Line,
}

impl Mode {
    pub(super) const ALL: [(Self, &'static str); 4] =
        [(Self::Table, "table"), (Self::Json, "json"), (Self::Jsonl, "jsonl"), (Self::Line, "line")];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, name)| name)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(mode, _)| *mode)
    }
}

/// The text of a result, ending in a line end unless it is empty. Without a `width` nothing is cut.
pub(crate) fn render(output: &Output, mode: Mode, width: Option<u16>) -> String {
    match mode {
        Mode::Json => format!("{}\n", output.json),
        Mode::Jsonl if output.parts.is_empty() && !output.json.starts_with('[') => format!("{}\n", output.json),
        Mode::Jsonl => output.parts.iter().fold(String::new(), |text, part| text + part + "\n"),
        Mode::Line => with_notes(lines(&output.records), &output.notes),
        Mode::Table => with_notes(table(output, width), &output.notes),
    }
}

fn with_notes(mut text: String, notes: &[String]) -> String {
    for note in notes {
        text.push_str(&printable(note));
        text.push('\n');
    }
    text
}

fn table(output: &Output, width: Option<u16>) -> String {
    let columns = columns(&output.records);
    if columns.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_truncation_indicator("…");
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.max(20)),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    match output.layout {
        Layout::Table => {
            table.set_header(columns.iter().map(|name| Cell::new(printable(name))));
            for record in &output.records {
                add(&mut table, columns.iter().map(|name| value(record, name)).map(|value| value.map_or_else(|| Cell::new(""), cell)));
            }
            if let Some(width) = width {
                keep_whole(&mut table, &output.records, &columns, usize::from(width.max(20)));
            }
        }
        Layout::Card => {
            for (name, value) in output.records.iter().flatten() {
                add(&mut table, [Cell::new(printable(name)), Cell::new(text(value))]);
            }
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// A number that is cut is another number: columns of numbers keep their width where there is room for them, and the others make it. Where
/// there is not, the scores do.
fn keep_whole(table: &mut Table, records: &[Record], columns: &[&str], width: usize) {
    // Two spaces and a line a column, and of one that is cut a character and the sign that says so.
    const FRAME: usize = 3;
    const LEAST: usize = 2;
    let widths: Vec<Option<usize>> = columns.iter().map(|name| width_of_numbers(records, name)).collect();
    for kept in [|_: &str| true, |name: &str| name == "#" || name == "score", |name: &str| name == "score"] {
        let kept = |at: &usize| widths[*at].filter(|_| kept(columns[*at]));
        let needed: usize = (0..columns.len()).map(|at| kept(&at).unwrap_or(LEAST) + FRAME).sum();
        if needed < width {
            for at in (0..columns.len()).filter(|at| kept(at).is_some()) {
                if let Some(column) = table.column_mut(at) {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
            return;
        }
    }
}

/// Width of a column all of whose values are numbers.
fn width_of_numbers(records: &[Record], name: &str) -> Option<usize> {
    let mut widest = name.chars().count();
    for value in records.iter().filter_map(|record| value(record, name)) {
        if !value.is_number() {
            return None;
        }
        widest = widest.max(text(value).len());
    }
    Some(widest)
}

/// A row of one line: longer values are cut to fit.
fn add(table: &mut Table, cells: impl IntoIterator<Item = Cell>) {
    let mut row = Row::from(cells.into_iter().collect::<Vec<_>>());
    row.max_height(1);
    table.add_row(row);
}

fn cell(value: &Json) -> Cell {
    let cell = Cell::new(text(value));
    if value.is_number() { cell.set_alignment(CellAlignment::Right) } else { cell }
}

fn lines(records: &[Record]) -> String {
    let widest = records.iter().flatten().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (at, record) in records.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        for (name, value) in record {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{:>widest$} = {}", printable(name), text(value));
        }
    }
    out
}

/// Names of all records' values, in the order in which they first come.
fn columns(records: &[Record]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in records.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

fn value<'r>(record: &'r Record, name: &str) -> Option<&'r Json> {
    record.iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

/// The text in one line, with control codes (of hostile data, to the terminal) made visible.
fn printable(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    text.chars().fold(String::with_capacity(text.len() + 8), |mut out, character| {
        if character.is_control() {
            out.extend(character.escape_default())
        } else {
            out.push(character)
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn output() -> Output {
        let rows = [json!({"id": "a", "score": 0.5, "title": "Long ".repeat(30)}), json!({"id": "b\n\u{1b}[31m", "score": 12.25})];
        Output::list(&rows, |row| {
            row.as_object().map(|fields| fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect()).unwrap_or_default()
        })
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let text = render(&output(), Mode::Table, Some(40));
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.contains('…') && text.contains("b\\n\\u{1b}[31m"), "{text}");
        assert_eq!(text.lines().count(), 6, "{text}");
        let wide = render(&output(), Mode::Table, None);
        assert!(wide.contains(&"Long ".repeat(29)), "{wide}");
    }

    #[test]
    fn a_narrow_terminal_cuts_text_before_numbers() {
        let row = |at: usize| json!({"#": at, "id": format!("product-{at:08}"), "score": 0.912_345_67 - at as f64, "title": "Long ".repeat(9), "brand": "A brand of its own"});
        let rows: Vec<Json> = (1..12).map(row).collect();
        let record = |row: &Json| ["#", "id", "score", "title", "brand"].map(|name| (name.to_owned(), row[name].clone())).to_vec();
        let output = Output::list(&rows, record);
        for width in [36, 40, 60, 80] {
            let text = render(&output, Mode::Table, Some(width));
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{width}: {text}");
            for row in &rows {
                assert!(text.contains(&format!(" {} ", row["score"])), "{width}: {text}");
            }
        }
        assert!(render(&output, Mode::Table, Some(20)).contains('…'));
    }

    #[test]
    fn the_other_modes() {
        assert!(render(&output(), Mode::Json, None).starts_with(r#"[{"id":"a","#));
        assert_eq!(render(&output(), Mode::Jsonl, None).lines().count(), 2);
        assert!(render(&output(), Mode::Line, None).contains("   id = a\nscore = 0.5\n"));
        let note = Output::note(&json!({"deleted": 1}), "1 item deleted");
        assert_eq!(render(&note, Mode::Table, Some(80)), "1 item deleted\n");
        assert_eq!(render(&note, Mode::Jsonl, None), "{\"deleted\":1}\n");
        assert_eq!(render(&Output::default(), Mode::Table, None), "");
    }

    #[test]
    fn modes_have_names() {
        for (mode, name) in Mode::ALL {
            assert_eq!((Mode::parse(name), mode.name()), (Some(mode), name));
        }
    }
}
