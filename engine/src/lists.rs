//! Lists of values for the placeholders of rules (`expand`): text files and columns of tables.
//!
//! `Servers.txt` is the list `%Servers%`, one value a line, `#` begins a comment. Each column of `assets.csv` is a
//! list, `%assets.hostname%`, and its first column is `%assets%` too. Values are patterns: `srv*` means what it means
//! in a rule.

use std::path::{Path, PathBuf};

use noroshi_rules::diagnostic::{Diagnostic, Place};
use noroshi_rules::rule::Placeholders;

/// Largest file of values read: one value may stand for 100,000, and a hundred columns of those are this long.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// The files at the paths: files as they are, of directories those that end in `.txt` or `.csv`.
pub fn files(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        match std::fs::read_dir(path) {
            Ok(entries) => {
                let is_list = |path: &PathBuf| path.is_file() && matches!(extension(path), "txt" | "csv");
                found.extend(entries.flatten().map(|entry| entry.path()).filter(is_list));
            }
            Err(_) => found.push(path.clone()),
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Adds the lists at the paths. A list of the same name that is there already stays: what the configuration says
/// itself goes before files. A file that cannot be read is an error.
pub fn read(paths: &[PathBuf], lists: &mut Placeholders, diagnostics: &mut Vec<Diagnostic>) {
    for file in files(paths) {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = match text(&file) {
            Ok(text) => text,
            Err(cause) => {
                let message = format!("cannot read the list: {cause}");
                let told = Diagnostic::error(&file, Place { line: 1, column: 1 }, message);
                diagnostics.push(told.help("check the path, who may read it, and that it is UTF-8"));
                continue;
            }
        };
        if extension(&file) == "csv" {
            table(&file, &stem, &text, lists, diagnostics);
        } else {
            let values = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            lists.entry(stem).or_insert_with(|| values.map(str::to_owned).collect());
        }
    }
}

fn text(file: &Path) -> Result<String, String> {
    let bytes = std::fs::metadata(file).map_err(|cause| cause.to_string())?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("it is {bytes} bytes long, over the bound of {FILE_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(file).map_err(|cause| cause.to_string())?;
    Ok(text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// The columns of a table (RFC 4180), its first line their names. Empty cells are no values.
fn table(file: &Path, stem: &str, text: &str, lists: &mut Placeholders, diagnostics: &mut Vec<Diagnostic>) {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let names: Vec<String> = match reader.headers() {
        Ok(names) => names.iter().map(|name| format!("{stem}.{}", name.trim())).collect(),
        Err(_) => Vec::new(),
    };
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    for row in reader.records() {
        match row {
            Ok(row) => {
                for (column, cell) in columns.iter_mut().zip(row.iter()) {
                    let cell = cell.trim();
                    if !cell.is_empty() && !column.iter().rev().take(8).any(|value| value == cell) {
                        column.push(cell.to_owned());
                    }
                }
            }
            Err(cause) => {
                let line = cause.position().map_or(1, csv::Position::line) as u32;
                let told = Diagnostic::warning(file, Place { line, column: 1 }, format!("not a row: {cause}"));
                diagnostics.push(told.help("the row is left out; quote cells that hold commas"));
            }
        }
    }
    for values in &mut columns {
        values.sort_unstable();
        values.dedup();
    }
    if let Some(first) = columns.first() {
        lists.entry(stem.to_owned()).or_insert_with(|| first.clone());
    }
    for (name, values) in names.into_iter().zip(columns) {
        lists.entry(name).or_insert(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_columns_are_lists() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("Servers.txt", "# ours\nsrv*\n\n gateway \n");
        write("assets.csv", "hostname,ip\nws1,192.0.2.1\n\"a,b\",192.0.2.2\nws1,\n");
        write("notes.md", "x");
        let (mut lists, mut diagnostics) = (Placeholders::new(), Vec::new());
        lists.insert("assets.ip".into(), vec!["198.51.100.1".into()]);
        read(&[folder.path().to_owned()], &mut lists, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        assert_eq!(lists["Servers"], ["srv*", "gateway"]);
        assert_eq!(lists["assets.hostname"], ["a,b", "ws1"]);
        assert_eq!(lists["assets"], ["a,b", "ws1"]);
        assert_eq!(lists["assets.ip"], ["198.51.100.1"]);
        assert_eq!(lists.len(), 4);
        read(&[folder.path().join("missing.txt")], &mut lists, &mut diagnostics);
        assert!(diagnostics[0].message.starts_with("cannot read the list"));
    }
}
