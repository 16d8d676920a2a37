//! Indicator files: plain lists, one a line, and CSV with a header.
//!
//! In a list the kind of each line is guessed from its form; in CSV a `type` column says it.
//! Defanged forms (`hxxp`, `[.]`) are made whole. A line that is no indicator is told and skipped.

use std::path::Path;

use hashbrown::HashMap;

use super::table::FILES_MAX;
use super::value::{self, KeyBuffer, URL_BYTES_MAX};
use super::{Extra, IndicatorKind, Indicators};
use crate::diagnostic::{Diagnostic, Place};
use crate::suggest::nearest;

/// Bad lines told one by one for each file; the rest are counted in one more.
pub(super) const TOLD_MAX: usize = 50;
/// Longest further column kept.
const COLUMN_BYTES_MAX: usize = 1_024;
/// Most columns of a CSV file.
const COLUMNS_MAX: usize = 256;

/// Rows that say the same in their further columns share it.
#[derive(Default)]
pub(super) struct Extras(HashMap<Extra, u32>);

const VALUE_COLUMNS: [&str; 9] =
    ["indicator", "value", "ioc", "ioc_value", "indicator_value", "observable", "pattern", "address", "dst"];
const TYPE_COLUMNS: [&str; 5] = ["type", "kind", "ioc_type", "indicator_type", "category"];

/// The kinds by the names that files give them; `None` inside is "guess".
#[rustfmt::skip]
const KINDS: [(&str, Option<IndicatorKind>); 32] = [
    ("ip", Some(IndicatorKind::Ip)), ("ipv4", Some(IndicatorKind::Ip)), ("ipv6", Some(IndicatorKind::Ip)),
    ("ipv4-addr", Some(IndicatorKind::Ip)), ("ipv6-addr", Some(IndicatorKind::Ip)), ("ip-src", Some(IndicatorKind::Ip)),
    ("ip-dst", Some(IndicatorKind::Ip)), ("ip_address", Some(IndicatorKind::Ip)), ("ip:port", Some(IndicatorKind::Ip)),
    ("cidr", Some(IndicatorKind::Cidr)), ("network", Some(IndicatorKind::Cidr)), ("subnet", Some(IndicatorKind::Cidr)),
    ("domain", Some(IndicatorKind::Domain)), ("hostname", Some(IndicatorKind::Domain)), ("host", Some(IndicatorKind::Domain)),
    ("fqdn", Some(IndicatorKind::Domain)), ("domain-name", Some(IndicatorKind::Domain)),
    ("url", Some(IndicatorKind::Url)), ("uri", Some(IndicatorKind::Url)), ("link", Some(IndicatorKind::Url)),
    ("md5", Some(IndicatorKind::Md5)), ("md5_hash", Some(IndicatorKind::Md5)),
    ("sha1", Some(IndicatorKind::Sha1)), ("sha-1", Some(IndicatorKind::Sha1)), ("sha1_hash", Some(IndicatorKind::Sha1)),
    ("sha256", Some(IndicatorKind::Sha256)), ("sha-256", Some(IndicatorKind::Sha256)), ("sha256_hash", Some(IndicatorKind::Sha256)),
    ("sha512", Some(IndicatorKind::Sha512)), ("sha-512", Some(IndicatorKind::Sha512)),
    ("hash", None), ("file", None),
];

fn kind_named(name: &str) -> Option<Option<IndicatorKind>> {
    let name = name.trim().to_ascii_lowercase();
    KINDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// The columns of a CSV file.
struct Layout {
    separator: char,
    value: usize,
    /// The column that says the kind, or the kind of all rows.
    kind: Result<usize, Option<IndicatorKind>>,
}

struct Teller<'a> {
    file: &'a Path,
    told: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Teller<'_> {
    fn tell(&mut self, line: usize, message: String, help: Option<String>) {
        self.told += 1;
        if self.told <= TOLD_MAX {
            let place = Place { line: line as u32, column: 1 };
            let mut told = Diagnostic::warning(self.file, place, message);
            told.help = help;
            self.diagnostics.push(told);
        }
    }

    fn finish(self) {
        if self.told > TOLD_MAX {
            let message = format!("{} more lines are no indicators and were skipped", self.told - TOLD_MAX);
            self.diagnostics.push(Diagnostic::warning(self.file, Place { line: 1, column: 1 }, message));
        }
    }
}

pub(super) fn file(
    file: &Path,
    text: &str,
    set: &mut Indicators,
    extras: &mut Extras,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let number = set.files.len();
    set.headers.push(Vec::new());
    let mut teller = Teller { file, told: 0, diagnostics };
    if number >= FILES_MAX {
        teller.tell(1, format!("more than {FILES_MAX} indicator files"), Some("join them".into()));
        return;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_csv = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let mut layout = None;
    let mut begun = false;
    let mut buffer = KeyBuffer::<URL_BYTES_MAX>::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with(';') || line.starts_with("//") {
            continue;
        }
        if !begun {
            begun = true;
            if let Some((found, header)) = read_header(line, is_csv) {
                set.headers[number] = header;
                layout = Some(found);
                continue;
            }
        }
        let row = match &layout {
            Some(layout) => csv_row(line, layout, set.headers[number].len()),
            None => Ok(Row { kind: None, value: plain(line), rest: Vec::new() }),
        };
        let row = match row {
            Ok(row) => row,
            Err((message, help)) => {
                teller.tell(at + 1, message, help);
                continue;
            }
        };
        let Some((kind, key)) = normalise(&row.value, row.kind, &mut buffer) else {
            teller.tell(at + 1, refusal(&row.value, row.kind), None);
            continue;
        };
        let extra = if row.rest.is_empty() { 0 } else { extras.number(row.rest, set) };
        set.has[kind as usize] = true;
        if !set.table.add(kind, key, number as u16, at as u32 + 1, extra) {
            teller.tell(at + 1, "the indicator set is full".into(), Some("load fewer indicators".into()));
        }
    }
    teller.finish();
}

impl Extras {
    fn number(&mut self, rest: Vec<(u16, Box<str>)>, set: &mut Indicators) -> u32 {
        let rest = rest.into_boxed_slice();
        if let Some(known) = self.0.get(&rest) {
            return *known;
        }
        let number = set.extras.len() as u32;
        set.extras.push(rest.clone());
        self.0.insert(rest, number);
        number
    }
}

/// An indicator line of a list: up to a comment.
fn plain(line: &str) -> String {
    let end = [" #", "\t#", " ;"].iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
    line[..end].trim().to_owned()
}

fn read_header(line: &str, is_csv: bool) -> Option<(Layout, Vec<String>)> {
    let separator = [',', ';', '\t'].into_iter().find(|separator| line.contains(*separator));
    if separator.is_none() && !is_csv {
        return None;
    }
    let separator = separator.unwrap_or(',');
    let header: Vec<String> =
        split(line, separator)?.into_iter().map(|name| name.trim().to_ascii_lowercase()).collect();
    if header.len() > COLUMNS_MAX {
        return None;
    }
    let position = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|column| column == name));
    if let Some(value) = position(&VALUE_COLUMNS) {
        let kind = position(&TYPE_COLUMNS).ok_or(None);
        return Some((Layout { separator, value, kind }, header));
    }
    // A column named after a kind, as in `ip,first_seen`.
    let (value, kind) = header.iter().enumerate().find_map(|(at, name)| Some((at, kind_named(name)?)))?;
    Some((Layout { separator, value, kind: Err(kind) }, header))
}

struct Row {
    kind: Option<IndicatorKind>,
    value: String,
    rest: Vec<(u16, Box<str>)>,
}

type Refusal = (String, Option<String>);

fn csv_row(line: &str, layout: &Layout, columns: usize) -> Result<Row, Refusal> {
    let Some(cells) = split(line, layout.separator) else {
        return Err(("a quoted field does not end on its line".into(), Some("close the quote".into())));
    };
    let Some(value) = cells.get(layout.value).map(|cell| cell.trim()).filter(|cell| !cell.is_empty()) else {
        return Err(("the line has no indicator".into(), None));
    };
    let kind = match layout.kind {
        Err(kind) => kind,
        Ok(column) => {
            let name = cells.get(column).map_or("", |cell| cell.trim());
            match kind_named(name) {
                Some(kind) => kind,
                None if name.is_empty() => None,
                None => {
                    let help = nearest(name, KINDS.iter().map(|(known, _)| *known))
                        .map(|near| format!("did you mean `{near}`?"));
                    return Err((format!("the indicator type `{name}` is not supported"), help));
                }
            }
        }
    };
    let is_rest = |at: usize| at != layout.value && layout.kind.as_ref().ok() != Some(&at) && at < columns;
    let rest = cells.iter().enumerate().filter(|(at, cell)| is_rest(*at) && !cell.trim().is_empty());
    let rest = rest.map(|(at, cell)| {
        let cell = cell.trim();
        let end = (0..=cell.len().min(COLUMN_BYTES_MAX)).rev().find(|end| cell.is_char_boundary(*end)).unwrap_or(0);
        (at as u16, cell[..end].into())
    });
    Ok(Row { kind, value: value.to_owned(), rest: rest.collect() })
}

/// The cells of a CSV line (RFC 4180 §2, quoted cells on one line). `None`: a quote stays open.
fn split(line: &str, separator: char) -> Option<Vec<String>> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(next) = rest.next() {
        let cell = cells.last_mut()?;
        if quoted {
            match next {
                '"' if rest.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' => quoted = false,
                other => cell.push(other),
            }
        } else if next == '"' && cell.trim().is_empty() {
            cell.clear();
            quoted = true;
        } else if next == separator {
            cells.push(String::new());
        } else {
            cell.push(next);
        }
    }
    (!quoted).then_some(cells)
}

/// Makes a defanged value whole.
fn refang(text: &str) -> String {
    const MARKS: [(&str, &str); 9] = [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[/]", "/"),
        ("\\.", "."),
    ];
    let mut text = text.to_owned();
    for (mark, whole) in MARKS {
        if text.contains(mark) {
            text = text.replace(mark, whole);
        }
    }
    let is_defanged =
        text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("hxxp") || head.eq_ignore_ascii_case("h**p"));
    if is_defanged { format!("http{}", &text[4..]) } else { text }
}

fn refusal(value: &str, kind: Option<IndicatorKind>) -> String {
    let shown: String = value.chars().take(80).collect();
    match kind {
        Some(kind) => format!("`{shown}` is no {}", kind.as_str()),
        None => format!("`{shown}` is no address, network, domain, url or hash"),
    }
}

/// The key of a value; without a kind it is guessed from the form.
fn normalise<'a>(
    text: &str,
    kind: Option<IndicatorKind>,
    buffer: &'a mut KeyBuffer<URL_BYTES_MAX>,
) -> Option<(IndicatorKind, &'a [u8])> {
    let text = refang(text.trim().trim_matches('"'));
    let kind = match kind {
        Some(kind) => kind,
        None => guess(&text)?,
    };
    let bytes = text.as_bytes();
    match kind {
        IndicatorKind::Ip => {
            let (host, _) = value::split_port(bytes);
            // An address alone has colons of its own: try it whole first.
            let Some(ip) = noroshi_parsers::ip::parse(bytes).or_else(|| noroshi_parsers::ip::parse(host)) else {
                return if text.contains('/') { normalise(&text, Some(IndicatorKind::Cidr), buffer) } else { None };
            };
            let (octets, len) = value::octets(ip.to_canonical());
            buffer.set(&octets[..len]);
        }
        IndicatorKind::Cidr => {
            let (address, prefix) = text.split_once('/')?;
            let ip = noroshi_parsers::ip::parse(address.trim().as_bytes())?;
            let (octets, len) = value::octets(ip);
            let prefix: u8 = prefix.trim().parse().ok()?;
            if usize::from(prefix) > len * 8 {
                return None;
            }
            let (key, key_len) = value::network_key(&octets[..len], prefix);
            buffer.set(&key[..key_len]);
        }
        IndicatorKind::Domain => {
            let name = text.trim_start_matches("*.").trim_start_matches('.');
            // A top-level domain alone would match half the world, an address is none.
            if noroshi_parsers::ip::parse(name.as_bytes()).is_some() {
                return None;
            }
            value::domain(name.as_bytes(), buffer)?;
        }
        IndicatorKind::Url => {
            let whole = if text.contains("://") { text } else { format!("http://{text}") };
            value::url(whole.as_bytes(), buffer)?;
        }
        IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256 | IndicatorKind::Sha512 => {
            let mut digest = [0; 64];
            let (found, bytes) = value::hash(bytes, &mut digest)?;
            if found != kind {
                return None;
            }
            buffer.set(bytes);
        }
    }
    Some((kind, buffer.bytes()))
}

fn guess(text: &str) -> Option<IndicatorKind> {
    let mut digest = [0; 64];
    if let Some((kind, _)) = value::hash(text.as_bytes(), &mut digest) {
        return Some(kind);
    }
    let (host, _) = value::split_port(text.as_bytes());
    if noroshi_parsers::ip::parse(text.as_bytes()).is_some() || noroshi_parsers::ip::parse(host).is_some() {
        return Some(IndicatorKind::Ip);
    }
    if let Some((address, prefix)) = text.split_once('/') {
        if noroshi_parsers::ip::parse(address.as_bytes()).is_some() && prefix.parse::<u8>().is_ok() {
            return Some(IndicatorKind::Cidr);
        }
        return Some(IndicatorKind::Url);
    }
    text.contains('.').then_some(IndicatorKind::Domain)
}
