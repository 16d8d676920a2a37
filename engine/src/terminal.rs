//! What people read in a terminal: escaped log text, colours, tables.
//!
//! Log text is written by attackers too. Everything shown passes [`escape_controls`], so that a log line
//! can neither drive the terminal (ANSI and OSC sequences) nor show in another order than it stands
//! (bidirectional overrides) nor hide characters.

mod rows;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use anstyle::{AnsiColor, Effects, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::severity::Severity;

pub use rows::{alert_header, row};

/// Width where the terminal tells none: the width of printed lists since the VT100.
const WIDTH_DEFAULT: usize = 80;

/// Narrowest table drawn; a smaller terminal wraps it.
const WIDTH_MIN: usize = 40;

/// Characters that act instead of showing, or show nothing: Unicode's controls (C0, DEL, C1), line and
/// paragraph separators, and format characters (general category Cf, which holds the bidirectional
/// overrides of UAX #9 §2 and the zero-width ones).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xAD | 0x0600..=0x0605 | 0x061C | 0x06DD | 0x070F | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E
            | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB | 0x1D173..=0x1D17A | 0xE0000..=0xE007F)
}

/// Text fit for a terminal: newline, carriage return and tab as `\n`, `\r`, `\t`, everything else that
/// acts or hides as `\u{1b}`. Text without such characters is not copied.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    let Some(first) = text.find(is_hidden) else { return Cow::Borrowed(text) };
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(&text[..first]);
    for character in text[first..].chars() {
        match character {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            hidden if is_hidden(hidden) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(hidden));
            }
            shown => escaped.push(shown),
        }
    }
    Cow::Owned(escaped)
}

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl ColorChoice {
    /// The decision, from what it depends on. NO_COLOR counts when set to anything but nothing
    /// (no-color.org); the flag is stronger.
    pub fn decide(self, is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && no_color.is_none_or(OsStr::is_empty) && term.is_none_or(|term| term != "dumb"),
        }
    }

    /// The decision for standard output.
    pub fn for_stdout(self) -> bool {
        let (no_color, term) = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
        self.decide(io::stdout().is_terminal(), no_color.as_deref(), term.as_deref())
    }
}

/// The form of results on standard output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum OutputMode {
    /// JSON; a stream that does not end is written as [`OutputMode::Ndjson`].
    Json,
    /// One JSON object a line.
    Ndjson,
    /// A table for people.
    Table,
}

impl OutputMode {
    /// A table where people look, NDJSON where programs read.
    pub fn default_for(is_terminal: bool) -> Self {
        if is_terminal { Self::Table } else { Self::Ndjson }
    }

    /// The default of standard output.
    pub fn for_stdout() -> Self {
        Self::default_for(io::stdout().is_terminal())
    }
}

/// Columns of the terminal on standard output; COLUMNS, else 80, where there is none.
pub fn width() -> usize {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    terminal.or_else(columns).unwrap_or(WIDTH_DEFAULT).clamp(WIDTH_MIN, 1000)
}

/// The colour of a severity: what is worse is seen first.
pub fn severity_style(severity: Severity) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match severity {
        Severity::Critical => Style::new()
            .fg_color(Some(AnsiColor::BrightWhite.into()))
            .bg_color(Some(AnsiColor::Red.into()))
            .effects(Effects::BOLD),
        Severity::High => color(AnsiColor::Red).effects(Effects::BOLD),
        Severity::Medium => color(AnsiColor::Yellow),
        Severity::Low => color(AnsiColor::Cyan),
        Severity::Info => color(AnsiColor::BrightBlack),
    }
}

/// `text` in a style, or plain.
pub fn styled(text: &str, style: Style, color: bool) -> String {
    if color && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// Columns `text` takes on a terminal, where Chinese, Japanese and Korean characters take two.
pub fn display_width(text: &str) -> usize {
    text.width()
}

/// The begin of `text` that fits `width` columns, ending in `…` when something is missing.
pub fn truncate(text: &str, width: usize) -> Cow<'_, str> {
    if display_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let mut kept = String::new();
    let mut used = 0;
    for character in text.chars() {
        let columns = character.width().unwrap_or(0);
        if used + columns + 1 > width {
            break;
        }
        used += columns;
        kept.push(character);
    }
    if width > 0 {
        kept.push('…');
    }
    Cow::Owned(kept)
}

/// To which side a column is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Align {
    /// Text.
    #[default]
    Left,
    /// Numbers.
    Right,
}

/// `text` truncated and padded to exactly `width` columns.
fn fit(text: &str, width: usize, align: Align) -> String {
    let text = truncate(text, width);
    let padding = " ".repeat(width.saturating_sub(display_width(&text)));
    match align {
        Align::Left => format!("{text}{padding}"),
        Align::Right => format!("{padding}{text}"),
    }
}

/// One cell: escaped text and its style.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A plain cell; controls are escaped.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self { text: escape_controls(text.as_ref()).into_owned(), style: Style::new() }
    }

    /// The cell in a style.
    #[must_use]
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

impl<T: std::fmt::Display> From<T> for Cell {
    fn from(value: T) -> Self {
        Self::new(value.to_string())
    }
}

/// A table whose columns are as wide as their widest cell, shrunk (the widest first) to the terminal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<Cell>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table with these column heads.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns.iter().map(|&(name, align)| (escape_controls(name).into_owned(), align)).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When it has not as many cells as the table has columns.
    pub fn push(&mut self, row: impl IntoIterator<Item = Cell>) {
        let row: Vec<Cell> = row.into_iter().collect();
        assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// True when no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| display_width(name)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(display_width(&cell.text));
            }
        }
        let gaps = GAP.len() * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > width {
            match widths.iter_mut().max() {
                // Below four columns a cell shows nothing; the terminal then wraps.
                Some(widest) if *widest > 4 => *widest -= 1,
                _ => break,
            }
        }
        widths
    }

    /// The table as lines, each ended by a newline and without trailing blanks.
    pub fn render(&self, width: usize, color: bool) -> String {
        let widths = self.widths(width);
        let bold = Style::new().effects(Effects::BOLD);
        let heads: Vec<Cell> = self.columns.iter().map(|(name, _)| Cell { text: name.clone(), style: bold }).collect();
        let mut text = String::new();
        for row in std::iter::once(&heads).chain(&self.rows) {
            let aligns = self.columns.iter().map(|(_, align)| *align);
            text.push_str(&line(row.iter().zip(widths.iter().copied()).zip(aligns), color));
            text.push('\n');
        }
        text
    }
}

/// One line of cells in columns.
fn line<'a>(cells: impl Iterator<Item = ((&'a Cell, usize), Align)>, color: bool) -> String {
    let mut line = String::new();
    for (index, ((cell, width), align)) in cells.enumerate() {
        if index > 0 {
            line.push_str(GAP);
        }
        line.push_str(&styled(&fit(&cell.text, width, align), cell.style, color));
    }
    line.truncate(line.trim_end_matches(' ').len());
    line
}

/// A number with its thousands apart: `1 234 567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_escape(text: &str, expected: &str) {
        assert_eq!(escape_controls(text), expected);
    }

    #[test]
    fn terminal_sequences_are_shown_not_obeyed() {
        check_escape("\x1b[2J\x1b[1;1Hgone", "\\u{1b}[2J\\u{1b}[1;1Hgone");
        check_escape("\x1b]52;c;cm0gLXJm\x07", "\\u{1b}]52;c;cm0gLXJm\\u{7}"); // OSC 52: sets the clipboard
        check_escape("\u{9b}31mred", "\\u{9b}31mred"); // CSI as one C1 character
        check_escape("a\x08\x7fb\0", "a\\u{8}\\u{7f}b\\u{0}");
        check_escape("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree");
    }

    #[test]
    fn overrides_and_invisible_characters_are_shown() {
        check_escape("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp.exe");
        check_escape("\u{2066}x\u{2069}\u{200b}\u{feff}\u{ad}", "\\u{2066}x\\u{2069}\\u{200b}\\u{feff}\\u{ad}");
        check_escape("\u{2028}\u{e0041}", "\\u{2028}\\u{e0041}");
    }

    #[test]
    fn text_without_controls_is_borrowed() {
        for text in ["", "plain", "狼煙 ログ", "C:\\temp \\u{1b}"] {
            assert!(matches!(escape_controls(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn colour_follows_flag_then_no_color_then_terminal() {
        let set = Some(OsStr::new("1"));
        let empty = Some(OsStr::new(""));
        let dumb = Some(OsStr::new("dumb"));
        assert!(ColorChoice::Auto.decide(true, None, None));
        assert!(ColorChoice::Auto.decide(true, empty, None));
        assert!(!ColorChoice::Auto.decide(true, set, None));
        assert!(!ColorChoice::Auto.decide(true, None, dumb));
        assert!(!ColorChoice::Auto.decide(false, None, None));
        assert!(ColorChoice::Always.decide(false, set, dumb));
        assert!(!ColorChoice::Never.decide(true, None, None));
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(display_width("狼煙"), 4);
        assert_eq!(truncate("狼煙のろし", 5), "狼煙…");
        assert_eq!(truncate("狼煙のろし", 6), "狼煙…");
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("abcd", 3), "ab…");
        assert_eq!(truncate("abcd", 0), "");
    }

    #[test]
    fn a_table_is_aligned_and_shrinks_its_widest_column() {
        let mut table = Table::new(&[("input", Align::Left), ("records", Align::Right)]);
        table.push(["狼煙".into(), 12.into()]);
        table.push(["a-long-input-name\x1b[m".into(), 1_234_567.into()]);
        assert_eq!(
            table.render(80, false),
            "input                      records\n狼煙                            12\na-long-input-name\\u{1b}[m  1234567\n"
        );
        assert_eq!(table.render(20, false), "input        records\n狼煙              12\na-long-inp…  1234567\n");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1 234 567");
    }
}
