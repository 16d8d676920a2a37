//! Plain lists, one indicator a line, and CSV with a header.
//!
//! In a list the kind of each line is guessed from its form; in CSV a `type` column says it, or the feed's column map where it is. Defanged
//! forms (`hxxp`, `[.]`) are made whole. A line that is no indicator is told and skipped.

use std::borrow::Cow;
use std::io::BufRead;
use std::path::Path;

use hashbrown::HashMap;

use super::super::builder::{Builder, validity};
use super::super::context::{self, Context, Details, Feed, Tlp};
use super::super::kind::{self, IndicatorKind};
use super::{Refused, Teller, next_line};
use crate::suggest::nearest;

/// Most columns of a CSV file.
const COLUMNS_MAX: usize = 256;

const VALUE: &[&str] =
    &["indicator", "value", "ioc", "ioc_value", "indicator_value", "observable", "pattern", "address", "dst"];
const KIND: &[&str] = &["type", "kind", "ioc_type", "indicator_type", "category"];
const CONFIDENCE: &[&str] = &["confidence", "confidence_level", "confidence_score"];
const TLP: &[&str] = &["tlp", "marking"];
const FROM: &[&str] = &["valid_from"];
/// When it was seen first or changed: the lifetime that a feed gives counts from here, but it held before, too.
const SEEN: &[&str] = &["last_seen", "last_seen_utc", "modified", "first_seen", "first_seen_utc", "firstseen"];
const UNTIL: &[&str] = &["valid_until", "valid_to", "expires", "expiration", "expiry", "expires_at"];
const LABELS: &[&str] = &["labels", "tags"];
const THREATS: &[&str] = &["threat", "threats", "threat_name", "malware", "malware_printable", "signature", "family"];
const REFERENCES: &[&str] = &["reference", "references", "link"];
const DESCRIPTION: &[&str] = &["description", "comment"];

/// What a column says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Value,
    Kind,
    Confidence,
    Tlp,
    From,
    Seen,
    Until,
    Labels,
    Threats,
    References,
    Description,
    /// Kept as it is, under its own name.
    Further,
}

struct Layout {
    separator: u8,
    names: Vec<String>,
    roles: Vec<Role>,
    /// The kind of all rows, where no column says it.
    kind: Option<IndicatorKind>,
    value: usize,
    kind_at: Option<usize>,
}

/// Rows that say the same in their other columns share it: what stands there, and its number.
#[derive(Default)]
struct Shared {
    by_text: HashMap<Vec<u8>, u32>,
    text: Vec<u8>,
}

/// Texts remembered; a feed whose every row says something else would otherwise be held twice.
const SHARED_MAX: usize = 4_096;

pub(super) fn read(
    path: &Path,
    feed: &Feed,
    mut input: impl BufRead,
    builder: &mut Builder,
    teller: &mut Teller<'_>,
) -> Result<(), Refused> {
    let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    let (mut line, mut too_long, mut at) = (Vec::new(), false, 0);
    let mut layout: Option<Layout> = None;
    let mut begun = false;
    let mut shared = Shared::default();
    let plain_context = builder.context(context_of(None, feed, &[], &mut Details::default()), Details::default());
    loop {
        match next_line(&mut input, &mut line, &mut too_long) {
            Ok(true) => at += 1,
            Ok(false) => return Ok(()),
            Err(cause) => {
                let message = format!("cannot read the file: {cause}");
                return Err(Refused { line: at + 1, message, help: "check the file" });
            }
        }
        if too_long {
            teller.tell(at, "the line is over 65,536 bytes long", Some("is this a list or CSV file?".into()));
            continue;
        }
        let Ok(text) = std::str::from_utf8(&line) else {
            teller.tell(at, "the line is not UTF-8", None);
            continue;
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with(['#', ';']) || text.starts_with("//") {
            continue;
        }
        if !begun {
            begun = true;
            match header(text, is_csv, feed) {
                Ok(Some(found)) => {
                    layout = Some(found);
                    continue;
                }
                Ok(None) => {}
                Err(message) => {
                    let help = "name the columns as the file's first line does";
                    return Err(Refused { line: at, message, help });
                }
            }
        }
        let Some(layout) = &layout else {
            let value = plain(text);
            if builder.add(value, None, feed, plain_context, at as u32).is_none() {
                teller.tell(at, refusal(value, None), None);
            }
            continue;
        };
        let mut cells = Vec::with_capacity(layout.names.len());
        if !split(text, layout.separator, &mut cells) {
            teller.tell(at, "a quoted field does not end on its line", Some("close the quote".into()));
            continue;
        }
        let Some(value) = cells.get(layout.value).map(|cell| cell.trim()).filter(|cell| !cell.is_empty()) else {
            teller.tell(at, "the line has no indicator", None);
            continue;
        };
        let kind = match kind_of(&cells, layout) {
            Ok(kind) => kind,
            Err((message, help)) => {
                teller.tell(at, message, help);
                continue;
            }
        };
        let context = shared.context(&cells, layout, feed, builder, plain_context);
        if builder.add(value, kind, feed, context, at as u32).is_none() {
            teller.tell(at, refusal(value, kind), None);
        }
    }
}

impl Shared {
    fn context(
        &mut self,
        cells: &[Cow<'_, str>],
        layout: &Layout,
        feed: &Feed,
        builder: &mut Builder,
        plain: u32,
    ) -> u32 {
        self.text.clear();
        let mut any = false;
        for (at, cell) in cells.iter().enumerate() {
            if !matches!(layout.roles.get(at), Some(Role::Value | Role::Kind) | None) {
                self.text.extend_from_slice(cell.trim().as_bytes());
                any |= !cell.trim().is_empty();
            }
            self.text.push(0);
        }
        if !any {
            return plain;
        }
        if let Some(known) = self.by_text.get(self.text.as_slice()) {
            return *known;
        }
        let mut details = Details::default();
        let context = context_of(Some(layout), feed, cells, &mut details);
        let number = builder.context(context, details);
        if self.by_text.len() < SHARED_MAX {
            self.by_text.insert(self.text.clone(), number);
        }
        number
    }
}

/// What a row says beside its indicator.
fn context_of(layout: Option<&Layout>, feed: &Feed, cells: &[Cow<'_, str>], details: &mut Details) -> Context {
    let (mut confidence, mut tlp, mut from, mut seen, mut until) = (None, None, None, None, None);
    let roles = layout.map_or(&[][..], |layout| &layout.roles);
    for ((cell, role), at) in cells.iter().zip(roles).zip(0..) {
        let cell = cell.trim();
        if cell.is_empty() {
            continue;
        }
        let words = || cell.split([',', ';', '|']).map(str::trim);
        let understood = match role {
            Role::Value | Role::Kind => true,
            Role::Confidence => {
                confidence = context::confidence(cell);
                confidence.is_some()
            }
            Role::Tlp => {
                tlp = Tlp::parse(cell);
                tlp.is_some()
            }
            Role::From => {
                from = context::stamp_s(cell);
                from.is_some()
            }
            // Also told as it stands.
            Role::Seen => {
                seen = context::stamp_s(cell);
                false
            }
            Role::Until => {
                until = context::stamp_s(cell);
                until.is_some()
            }
            Role::Labels => {
                words().for_each(|word| details.label(word));
                true
            }
            Role::Threats => {
                words().for_each(|word| details.threat(word));
                true
            }
            Role::References => {
                details.reference(cell);
                true
            }
            Role::Description => {
                details.describe(cell);
                true
            }
            Role::Further => false,
        };
        if !understood {
            details.column(layout.and_then(|layout| layout.names.get(at)).map_or("", String::as_str), cell);
        }
    }
    let (valid_from_s, valid_until_s) = validity(from, seen, until, feed);
    Context {
        confidence: confidence.or(feed.confidence).unwrap_or(u8::MAX),
        tlp: tlp.or(feed.tlp),
        valid_from_s,
        valid_until_s,
        ..Context::default()
    }
}

/// An indicator line of a list: up to a comment.
pub(super) fn plain(line: &str) -> &str {
    let marks = [" #", "\t#", " ;"];
    if !line.contains(['#', ';']) {
        return line.trim();
    }
    let end = marks.iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
    line[..end].trim()
}

/// The layout that a first line says, if it is a header. `Err`: a column of the feed's map is not there.
fn header(line: &str, is_csv: bool, feed: &Feed) -> Result<Option<Layout>, String> {
    let map = &feed.columns;
    let mapped = *map != super::super::context::ColumnMap::default();
    let separator = [b',', b';', b'\t', b'|'].into_iter().find(|&separator| line.contains(char::from(separator)));
    if separator.is_none() && !is_csv && !mapped {
        return Ok(None);
    }
    let separator = separator.unwrap_or(b',');
    let mut cells = Vec::new();
    if !split(line, separator, &mut cells) || cells.len() > COLUMNS_MAX {
        return Ok(None);
    }
    let names: Vec<String> = cells.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
    let mut roles = vec![Role::Further; names.len()];
    let mut place = |given: &Option<String>, usual: &[&str], role: Role| -> Result<Option<usize>, String> {
        let free = |at: &usize| roles[*at] == Role::Further;
        let found = match given {
            Some(name) => {
                let wanted = name.trim().to_ascii_lowercase();
                let found = names.iter().position(|column| *column == wanted);
                Some(found.ok_or_else(|| format!("no column is named `{name}`; there are {}", names.join(", ")))?)
            }
            None => usual.iter().find_map(|name| names.iter().position(|column| column == name)).filter(free),
        };
        if let Some(at) = found {
            roles[at] = role;
        }
        Ok(found)
    };
    let mut value = place(&map.value, VALUE, Role::Value)?;
    let mut kind = None;
    if value.is_none() {
        // A column named after a kind, as in `ip,first_seen`.
        let named = names.iter().enumerate().find_map(|(at, name)| Some((at, kind::named(name)?)));
        let Some((at, found)) = named else {
            return if mapped { Err("no column holds the indicators; name it as `value`".into()) } else { Ok(None) };
        };
        (value, kind) = (Some(at), found);
        place(&Some(names[at].clone()), &[], Role::Value)?;
    }
    let kind_at = if kind.is_none() { place(&map.kind, KIND, Role::Kind)? } else { None };
    place(&map.confidence, CONFIDENCE, Role::Confidence)?;
    place(&map.tlp, TLP, Role::Tlp)?;
    place(&map.valid_from, FROM, Role::From)?;
    place(&None, SEEN, Role::Seen)?;
    place(&map.valid_until, UNTIL, Role::Until)?;
    place(&map.labels, LABELS, Role::Labels)?;
    place(&map.threats, THREATS, Role::Threats)?;
    place(&map.references, REFERENCES, Role::References)?;
    place(&map.description, DESCRIPTION, Role::Description)?;
    Ok(value.map(|value| Layout { separator, names, roles, kind, value, kind_at }))
}

type Refusal = (String, Option<String>);

fn kind_of(cells: &[Cow<'_, str>], layout: &Layout) -> Result<Option<IndicatorKind>, Refusal> {
    let Some(at) = layout.kind_at else { return Ok(layout.kind) };
    let name = cells.get(at).map_or("", |cell| cell.trim());
    match kind::named(name) {
        Some(kind) => Ok(kind),
        None if name.is_empty() => Ok(None),
        None => {
            let help = nearest(name, kind::NAMES.iter().map(|(known, _)| *known))
                .map(|near| format!("did you mean `{near}`?"));
            let shown: String = name.chars().take(80).collect();
            Err((format!("the indicator type `{shown}` is not supported"), help))
        }
    }
}

/// The cells of a CSV line (RFC 4180 §2, quoted cells on one line). False: a quote stays open.
fn split<'a>(line: &'a str, separator: u8, cells: &mut Vec<Cow<'a, str>>) -> bool {
    cells.clear();
    if memchr::memchr(b'"', line.as_bytes()).is_none() {
        let mut from = 0;
        for at in memchr::memchr_iter(separator, line.as_bytes()) {
            cells.push(Cow::Borrowed(&line[from..at]));
            from = at + 1;
        }
        cells.push(Cow::Borrowed(&line[from..]));
        return true;
    }
    let mut cell = String::new();
    let mut quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(next) = rest.next() {
        if quoted {
            match next {
                '"' if rest.next_if_eq(&'"').is_some() => cell.push('"'),
                '"' => quoted = false,
                other => cell.push(other),
            }
        } else if next == '"' && cell.trim().is_empty() {
            cell.clear();
            quoted = true;
        } else if next == char::from(separator) {
            cells.push(Cow::Owned(std::mem::take(&mut cell)));
        } else {
            cell.push(next);
        }
    }
    cells.push(Cow::Owned(cell));
    !quoted
}

pub(super) fn refusal(value: &str, kind: Option<IndicatorKind>) -> String {
    let shown: String = value.chars().take(80).collect();
    match kind {
        Some(kind) => format!("`{shown}` is no {}", kind.as_str()),
        None => format!("`{shown}` is no indicator of a known kind"),
    }
}
