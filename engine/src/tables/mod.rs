//! Inventories: who and what a bank has, as tables that rules look events up in.
//!
//! Each CSV, JSON or YAML file of the directory is a table, named by its stem. Columns are typed by what
//! they hold and by their header; typed columns are what events are looked up by ([`join`]). A table
//! `geo` says where addresses are, as a MaxMind file does; a table `iocs` is an indicator list too, and a table `holidays` changes
//! the working [`calendar`]s. A table that can't be read is a diagnostic like a broken rule, so that a set is refused whole.

pub mod calendar;
pub mod column;
pub mod join;
pub mod maxmind;
mod rows;
pub mod shift;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use noroshi_correlate::place_value;
use noroshi_parsers::zone::Zone;
use noroshi_rules::diagnostic::{Diagnostic, Place};
use sha2::{Digest as _, Sha256};

use calendar::Calendars;
use column::{Column, Index, Typed};
use maxmind::Database;
pub use rows::ENDINGS;
use rows::Rows;
use shift::{Shift, ShiftColumns};

/// Most rows of one table: every address of a large bank, a few times over.
pub const ROWS_MAX: usize = 5_000_000;
/// Most columns of one table. Exports of asset managers have some fifty.
pub const COLUMNS_MAX: usize = 256;
/// Most tables.
pub const TABLES_MAX: usize = 256;

/// One table.
#[derive(Debug)]
pub struct Table {
    /// The file's stem, lower-case.
    pub name: String,
    /// The columns, in the file's order.
    pub columns: Vec<Column>,
    /// How many rows.
    pub rows: usize,
    cells: Vec<(u32, u32)>,
    text: String,
    /// By row, when it holds; where the table has columns that say so.
    shifts: Option<Vec<Shift>>,
    /// By row, its line in the file; kept of the calendars' table only.
    lines: Vec<u32>,
}

impl Table {
    /// A cell; empty where the file says nothing.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        let (from, to) = self.cells[row * self.columns.len() + column];
        &self.text[from as usize..to as usize]
    }

    /// When the row holds; `None`: the table doesn't say.
    pub fn shift(&self, row: usize) -> Option<&Shift> {
        self.shifts.as_ref().map(|shifts| &shifts[row])
    }
}

/// All tables, immutable.
#[derive(Debug, Default)]
pub struct Tables {
    /// By name.
    pub tables: Vec<Table>,
    /// MaxMind files, by name too.
    pub databases: Vec<Database>,
    /// Zone in which the tables tell times.
    pub zone: Zone,
    /// SHA-256 over names and contents; zero where there are none.
    pub digest: [u8; 32],
    /// Files of the tables that are indicator lists.
    pub indicators: Vec<PathBuf>,
    /// Which days are worked.
    pub calendars: Calendars,
    geo: Option<Geo>,
}

#[derive(Debug)]
struct Geo {
    table: usize,
    network: usize,
    /// By row.
    places: Vec<[u8; 16]>,
}

impl Tables {
    /// Makes the tables of files (path and text), in the order of their paths.
    pub fn new(files: Vec<(PathBuf, String)>, zone: Zone, diagnostics: &mut Vec<Diagnostic>) -> Tables {
        let mut made =
            Tables { calendars: Calendars::new(None).expect("no table, no bad row"), zone, ..Tables::default() };
        let mut hash = Sha256::new();
        for (path, text) in files {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(&name);
            hash.update(Sha256::digest(&text));
            if made.tables.len() == TABLES_MAX {
                diagnostics.push(refusal(&path, 1, format!("more than {TABLES_MAX} tables")));
                continue;
            }
            if made.tables.iter().any(|table| table.name == name) {
                diagnostics.push(refusal(&path, 1, format!("there are two tables `{name}`")));
                continue;
            }
            match read(&path, name, &text) {
                Ok(table) => made.take(table, &path, diagnostics),
                Err(told) => diagnostics.push(told),
            }
            if made.tables.last().is_some_and(|table| table.name == "iocs") {
                made.indicators.push(path);
            }
        }
        if !made.tables.is_empty() {
            made.digest = hash.finalize().into();
        }
        made
    }

    /// Adds MaxMind files (path and bytes), in the order of their paths.
    pub fn add_databases(&mut self, files: Vec<(PathBuf, Vec<u8>)>, diagnostics: &mut Vec<Diagnostic>) {
        if files.is_empty() {
            return;
        }
        let mut hash = Sha256::new();
        hash.update(self.digest);
        for (path, bytes) in files {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
            if self.tables.iter().any(|table| table.name == name)
                || self.databases.iter().any(|database| database.name == name)
            {
                diagnostics.push(refusal(&path, 1, format!("there are two tables `{name}`")));
                continue;
            }
            hash.update(Sha256::digest(&bytes));
            match Database::new(&path, name, bytes) {
                Ok(database) => self.databases.push(database),
                Err(told) => diagnostics.push(told),
            }
        }
        self.digest = hash.finalize().into();
    }

    fn take(&mut self, table: Table, path: &Path, diagnostics: &mut Vec<Diagnostic>) {
        if table.name == "geo" {
            match Geo::of(&table, self.tables.len(), path) {
                Ok(geo) => self.geo = Some(geo),
                Err(told) => {
                    diagnostics.push(told);
                    return;
                }
            }
        }
        if table.name == calendar::TABLE {
            match Calendars::new(Some(&table)) {
                Ok(calendars) => self.calendars = calendars,
                Err((row, cause)) => {
                    diagnostics.push(refusal(path, table.lines.get(row).copied().unwrap_or(1), cause));
                    return;
                }
            }
        }
        self.tables.push(table);
    }

    /// Whether there is a table `geo`, or a MaxMind file that knows countries.
    pub fn has_geo(&self) -> bool {
        self.geo.is_some() || self.databases.iter().any(Database::has_places)
    }

    /// Where an address is, as correlations of the kind `travel` compare it: by the table `geo`, else by a MaxMind file.
    pub fn place(&self, address: &[u8]) -> Option<[u8; 16]> {
        let address: IpAddr = noroshi_parsers::ip::parse(address)?;
        let in_table = self.geo.as_ref().and_then(|geo| {
            let Some(Index::Networks(networks)) = &self.tables[geo.table].columns[geo.network].index else {
                return None;
            };
            Some(geo.places[*networks.longest(address)?.first()? as usize])
        });
        in_table.or_else(|| self.databases.iter().find_map(|database| database.place(address.to_canonical())))
    }
}

impl Geo {
    fn of(table: &Table, at: usize, path: &Path) -> Result<Geo, Diagnostic> {
        let named = |names: &[&str]| table.columns.iter().position(|column| names.contains(&column.name.as_str()));
        let network = table.columns.iter().position(|column| matches!(column.index, Some(Index::Networks(_))));
        let country = named(&["country", "country_iso_code", "country_code"]);
        let (Some(network), Some(country)) = (network, country) else {
            let message = "a table `geo` needs a column of networks and a column `country`";
            return Err(refusal(path, 1, message.to_owned()).help("write for example `cidr,country,lat,lon`"));
        };
        let coordinates = named(&["lat", "latitude"]).zip(named(&["lon", "lng", "longitude"]));
        let places = (0..table.rows).map(|row| {
            let code = table.cell(row, country).as_bytes();
            let &[a, b] = code else {
                let message = format!("`{}` is no country code of two letters", table.cell(row, country));
                return Err(refusal(path, row as u32 + 2, message));
            };
            let degrees = |column| table.cell(row, column).parse::<f64>().ok();
            let point = coordinates.and_then(|(lat, lon)| degrees(lat).zip(degrees(lon)));
            Ok(place_value([a, b], point))
        });
        Ok(Geo { table: at, network, places: places.collect::<Result<_, _>>()? })
    }
}

fn refusal(path: &Path, line: u32, message: String) -> Diagnostic {
    Diagnostic::error(path, Place { line, column: 1 }, message)
}

fn read(path: &Path, name: String, text: &str) -> Result<Table, Diagnostic> {
    let Rows { names, cells, text, lines } = Rows::read(path, text)?;
    let mut table =
        Table { name, columns: Vec::new(), rows: lines.len(), cells, text, shifts: None, lines: Vec::new() };
    let wide = names.len();
    let of_column = |column: usize| {
        let (cells, text) = (&table.cells, &table.text);
        (0..table.rows).map(move |row| {
            let (from, to) = cells[row * wide + column];
            &text[from as usize..to as usize]
        })
    };
    let mut columns = Vec::with_capacity(wide);
    for (at, name) in names.iter().enumerate() {
        let typed = Typed::of(name, of_column(at));
        let index = Index::new(typed, at == 0, of_column(at)).map_err(|(row, cell)| {
            let message = format!("`{cell}` in column `{name}` is no {}", typed.as_str());
            refusal(path, lines[row], message)
        })?;
        columns.push(Column { name: name.clone(), typed, index });
    }
    if let Some(shift) = ShiftColumns::of(&names) {
        let cell = |row: usize, at: usize| {
            let (from, to) = table.cells[row * wide + at];
            &table.text[from as usize..to as usize]
        };
        let shifts = (0..table.rows).map(|row| {
            let parts = [shift.days, shift.from, shift.to].map(|at| at.map_or("", |at| cell(row, at)));
            Shift::parse(parts).map_err(|cause| refusal(path, lines[row], cause))
        });
        table.shifts = Some(shifts.collect::<Result<_, _>>()?);
    }
    table.columns = columns;
    if table.name == calendar::TABLE {
        table.lines = lines;
    }
    Ok(table)
}
