//! The rows of a table file: CSV, JSON (an array of objects, or one a line) or YAML (a list of mappings).

use std::path::Path;

use noroshi_rules::diagnostic::Diagnostic;
use noroshi_rules::yaml::{self, Kind, Node};
use serde_json::{Map, Value};

use super::{COLUMNS_MAX, ROWS_MAX, column, refusal};

/// Endings of the files that are tables.
pub const ENDINGS: &[&str] = &["csv", "json", "ndjson", "jsonl", "yaml", "yml"];

/// What stands between the values of a list in one cell, as in `Tue;Thu`.
const LIST_SEPARATOR: &str = ";";

/// Rows of cells, not typed yet.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The columns, as rules write them.
    pub(super) names: Vec<String>,
    /// By row and column: where the cell stands in `text`.
    pub(super) cells: Vec<(u32, u32)>,
    pub(super) text: String,
    /// By row: the line it begins in; 0 where that is not known.
    pub(super) lines: Vec<u32>,
}

impl Rows {
    pub(super) fn read(path: &Path, text: &str) -> Result<Rows, Diagnostic> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match ending.as_str() {
            "json" | "ndjson" | "jsonl" => Self::of_json(path, text),
            "yaml" | "yml" => Self::of_yaml(path, text),
            _ => Self::of_csv(path, text),
        }
    }

    fn of_csv(path: &Path, text: &str) -> Result<Rows, Diagnostic> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let line_of = |cause: &csv::Error| cause.position().map_or(1, |place| place.line() as u32);
        let broken = |cause: csv::Error| {
            let help = "give every row as many cells as the header, in quotes where a cell holds commas";
            refusal(path, line_of(&cause), cause.to_string()).help(help)
        };
        let headers = reader.headers().map_err(broken)?.clone();
        if headers.iter().all(str::is_empty) {
            return Err(refusal(path, 1, "the table has no header".to_owned()));
        }
        let mut made = Rows { names: headers.iter().map(column::name_of).collect(), ..Rows::default() };
        made.check_width(path)?;
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row).map_err(broken)? {
            made.begin(path, row.position().map_or(0, |place| place.line() as u32))?;
            row.iter().for_each(|cell| made.push(cell));
        }
        Ok(made)
    }

    fn of_json(path: &Path, text: &str) -> Result<Rows, Diagnostic> {
        let broken = |cause: serde_json::Error| {
            let help = "write an array of objects, or one object a line";
            refusal(path, cause.line() as u32, cause.to_string()).help(help)
        };
        let objects: Vec<Map<String, Value>> = if text.trim_start().starts_with('[') {
            serde_json::from_str(text).map_err(broken)?
        } else {
            serde_json::Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().map_err(broken)?
        };
        let rows = objects.into_iter().enumerate().map(|(at, object)| {
            let cells = object.into_iter().map(|(name, value)| {
                let cell =
                    json_cell(&value).ok_or_else(|| format!("`{name}` of row {} is no value, but an object", at + 1));
                (name, cell)
            });
            (0, cells.collect())
        });
        Self::of_objects(path, rows.collect())
    }

    fn of_yaml(path: &Path, text: &str) -> Result<Rows, Diagnostic> {
        let parsed = yaml::parse(text);
        if let Some(fault) = parsed.faults.into_iter().next() {
            let mut told = refusal(path, fault.place.line, fault.message);
            told.help = fault.help;
            return Err(told);
        }
        let mut rows = Vec::new();
        for document in parsed.documents {
            let Kind::List(items) = document.kind else {
                let message = format!("a table is a list of mappings, and this is {}", document.what());
                return Err(refusal(path, document.place.line, message));
            };
            for item in items {
                let Kind::Map(entries) = item.kind else {
                    let message = format!("a row is a mapping, and this is {}", item.what());
                    return Err(refusal(path, item.place.line, message));
                };
                let cells = entries.into_iter().map(|entry| {
                    let cell = yaml_cell(&entry.value)
                        .ok_or_else(|| format!("`{}` is no value, but {}", entry.key, entry.value.what()));
                    (entry.key, cell)
                });
                rows.push((item.place.line, cells.collect()));
            }
        }
        Self::of_objects(path, rows)
    }

    /// The columns are the names of all rows, in the order in which they first come.
    #[allow(clippy::type_complexity)] // line, and name with cell or what is wrong with it
    fn of_objects(path: &Path, rows: Vec<(u32, Vec<(String, Result<String, String>)>)>) -> Result<Rows, Diagnostic> {
        let mut made = Rows::default();
        let mut places = hashbrown::HashMap::new();
        for (line, row) in &rows {
            for (name, _) in row {
                let name = column::name_of(name);
                if !places.contains_key(&name) {
                    places.insert(name.clone(), made.names.len());
                    made.names.push(name);
                }
            }
            if made.names.len() > COLUMNS_MAX {
                return Err(refusal(path, *line, format!("the table has more than {COLUMNS_MAX} columns")));
            }
        }
        if made.names.is_empty() {
            return Err(refusal(path, 1, "the table has no rows with columns".to_owned()));
        }
        for (line, row) in rows {
            made.begin(path, line)?;
            let mut cells = vec![String::new(); made.names.len()];
            for (name, cell) in row {
                cells[places[&column::name_of(&name)]] = cell.map_err(|cause| refusal(path, line.max(1), cause))?;
            }
            cells.iter().for_each(|cell| made.push(cell.trim()));
        }
        Ok(made)
    }

    fn check_width(&self, path: &Path) -> Result<(), Diagnostic> {
        if self.names.len() > COLUMNS_MAX {
            return Err(refusal(path, 1, format!("the table has more than {COLUMNS_MAX} columns")));
        }
        Ok(())
    }

    fn begin(&mut self, path: &Path, line: u32) -> Result<(), Diagnostic> {
        if self.lines.len() == ROWS_MAX {
            return Err(refusal(path, 1, format!("the table has more than {ROWS_MAX} rows")));
        }
        self.lines.push(line);
        Ok(())
    }

    fn push(&mut self, cell: &str) {
        let from = self.text.len() as u32;
        self.text.push_str(cell);
        self.cells.push((from, self.text.len() as u32));
    }
}

/// A scalar as text; a list of them with [`LIST_SEPARATOR`] between.
fn json_cell(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(json_cell).collect::<Option<Vec<_>>>()?.join(LIST_SEPARATOR),
        Value::Object(_) => return None,
    })
}

fn yaml_cell(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Scalar(_) => Some(node.text().unwrap_or_default()),
        Kind::List(items) => Some(items.iter().map(yaml_cell).collect::<Option<Vec<_>>>()?.join(LIST_SEPARATOR)),
        Kind::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, text: &str) -> Result<Vec<Vec<String>>, String> {
        let made =
            Rows::read(Path::new(name), text).map_err(|told| format!("{}: {}", told.place.line, told.message))?;
        let cells: Vec<&str> = made.cells.iter().map(|&(from, to)| &made.text[from as usize..to as usize]).collect();
        let wide = made.names.len();
        assert_eq!(cells.len(), wide * made.lines.len());
        let body = cells.chunks(wide).map(|row| row.iter().map(|&cell| cell.to_owned()).collect());
        Ok(std::iter::once(made.names.clone()).chain(body).collect())
    }

    #[test]
    fn the_same_table_in_every_form() {
        let csv = "ip,Days,seats\n192.0.2.1,Tue;Thu,4\n192.0.2.2,,\n";
        let json = r#"[{"ip":"192.0.2.1","Days":["Tue","Thu"],"seats":4},{"ip":"192.0.2.2","Days":null}]"#;
        let lines = "{\"ip\":\"192.0.2.1\",\"Days\":\"Tue;Thu\",\"seats\":4}\n{\"ip\":\"192.0.2.2\"}\n";
        let yaml = "- ip: 192.0.2.1\n  Days: [Tue, Thu]\n  seats: 4\n- ip: 192.0.2.2\n";
        let made = rows("t.csv", csv).unwrap();
        assert_eq!(made, [["ip", "days", "seats"], ["192.0.2.1", "Tue;Thu", "4"], ["192.0.2.2", "", ""]]);
        for (name, text) in [("t.json", json), ("t.ndjson", lines), ("t.yaml", yaml), ("T.YML", yaml)] {
            assert_eq!(rows(name, text).as_ref(), Ok(&made), "{name}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_place() {
        assert!(rows("t.json", "{\"a\":1}\n{\"a\":").unwrap_err().starts_with("2: EOF"));
        assert_eq!(rows("t.json", "[{\"a\":{\"b\":1}}]").unwrap_err(), "1: `a` of row 1 is no value, but an object");
        assert_eq!(rows("t.json", "[]").unwrap_err(), "1: the table has no rows with columns");
        assert_eq!(rows("t.yaml", "a: 1").unwrap_err(), "1: a table is a list of mappings, and this is a mapping");
        assert_eq!(rows("t.yaml", "- a: 1\n- 2").unwrap_err(), "2: a row is a mapping, and this is a number");
        assert_eq!(rows("t.yaml", "- a: 1\n- a: {b: 1}").unwrap_err(), "2: `a` is no value, but a mapping");
        assert!(rows("t.csv", "a,b\n1\n").unwrap_err().starts_with("2: "));
    }
}
