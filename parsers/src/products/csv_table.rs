//! Tables that say which names the columns of a comma-separated record take.

use super::names::id_of;
use super::targets::{self, To};
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_i64;
use crate::wire::csv::{Cells, Plain};

/// One column: the vendor's name, and the schema name its value takes besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Empty where the vendor reserves the column.
    pub(crate) name: &'static str,
    to: FieldId,
    how: To,
}

/// A column that the vendor reserves, or that says nothing of the event.
pub(crate) const SKIP: Column = own("");

/// A column under the vendor's name alone.
pub(crate) const fn own(name: &'static str) -> Column {
    Column { name, to: FieldId::UNNAMED, how: To::Text }
}

/// A column under the vendor's name and one of the schema.
pub(crate) const fn col(name: &'static str, to: FieldId, how: To) -> Column {
    Column { name, to, how }
}

/// A run of columns by id.
pub(crate) type Resolved = Vec<(FieldId, Option<(FieldId, To)>)>;

/// The columns of `parts`, one after another, by id.
pub(crate) fn resolve(parts: &[&[Column]]) -> Resolved {
    let target = |column: &Column| (column.to != FieldId::UNNAMED).then_some((column.to, column.how));
    parts
        .iter()
        .flat_map(|part| part.iter())
        .map(|column| {
            let id = if column.name.is_empty() { FieldId::UNNAMED } else { id_of(column.name) };
            (id, target(column))
        })
        .collect()
}

/// How many names `own` and `tables` hold.
pub(crate) const fn names_len(own: &[&'static str], tables: &[&[Column]]) -> usize {
    let mut len = own.len();
    let mut at = 0;
    while at < tables.len() {
        len += tables[at].len();
        at += 1;
    }
    len
}

/// The names of `own` and `tables`, for a product's row. Reserved columns leave the first name again.
pub(crate) const fn names<const N: usize>(own: &[&'static str], tables: &[&[Column]]) -> [&'static str; N] {
    let mut names = [own[0]; N];
    let mut len = 0;
    while len < own.len() {
        names[len] = own[len];
        len += 1;
    }
    let mut at = 0;
    while at < tables.len() {
        let mut column = 0;
        while column < tables[at].len() {
            if !tables[at][column].name.is_empty() {
                names[len] = tables[at][column].name;
            }
            len += 1;
            column += 1;
        }
        at += 1;
    }
    names
}

/// Writes the cells that `columns` name, as many as there are; the answer is how many were read.
#[inline]
pub(crate) fn read(
    writer: &mut EventWriter<'_>,
    cells: &mut Cells<'_>,
    columns: &[(FieldId, Option<(FieldId, To)>)],
) -> usize {
    if let (Some(mut plain), Some(place)) = (cells.plain(), writer.place_of(cells.rest())) {
        let place = place - cells.at() as u32;
        let count = read_plain(writer, &mut plain, place, columns);
        cells.resume(&plain);
        return count;
    }
    for (at, &(id, target)) in columns.iter().enumerate() {
        let Some(cell) = cells.next() else { return at };
        if matches!(cell.text, b"" | b" ") || id == FieldId::UNNAMED {
            continue;
        }
        let value = cell.span(writer);
        writer.put_span(id, value, Kind::Text, true);
        if let Some((to, how)) = target {
            targets::put(writer, id, to, how, value);
        }
    }
    columns.len()
}

/// Cells whose ends are looked for at once, before any is written: the two loops apart have few enough values each to
/// stay in registers (8 % of a PAN-OS record).
const ENDS: usize = 64;

/// As [`read`] for cells without quotes, of a text that begins at `place` of the record.
fn read_plain(
    writer: &mut EventWriter<'_>,
    cells: &mut Plain<'_>,
    place: u32,
    columns: &[(FieldId, Option<(FieldId, To)>)],
) -> usize {
    let derives = writer.derives();
    let mut ends = [0; ENDS];
    let mut read = 0;
    for columns in columns.chunks(ENDS) {
        let mut from = cells.at();
        let count = cells.ends(&mut ends[..columns.len()]);
        let mut run = writer.run();
        for (&(id, target), &end) in columns.iter().zip(&ends[..count]) {
            let (begin, end) = (from, end as usize);
            from = end + 1;
            let cell = cells.cell(begin, end);
            if matches!(cell, b"" | b" ") || id == FieldId::UNNAMED {
                continue;
            }
            let value = Span::at(place + begin as u32, cell.len());
            if !run.put(id, value, Kind::Text, true) {
                drop(run);
                writer.put_span(id, value, Kind::Text, true);
                run = writer.run();
            }
            match target {
                Some((to, To::Text)) if derives && (run.has(to) || run.put(to, value, Kind::Text, false)) => {}
                Some((to, To::Number))
                    if derives
                        && (run.has(to) || parse_i64(cell).is_some() && run.put(to, value, Kind::Number, false)) => {}
                Some((to, how)) if derives => {
                    drop(run);
                    targets::put(writer, id, to, how, value);
                    run = writer.run();
                }
                _ => {}
            }
        }
        drop(run);
        read += count;
        if count < columns.len() {
            break;
        }
    }
    read
}
