//! Indicators of compromise, looked up on typed fields.
//!
//! An indicator is not searched for in text: addresses are compared with addresses, names
//! with names on label boundaries, so `5.1.2.3` is not in `45.1.2.3` and `evil.com` is not in
//! `notevil.com`, but `a.evil.com` is under `evil.com`. One hash table over one arena: a
//! value that is no indicator costs one hash and one cache line.

mod read;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::path::{Path, PathBuf};

use noroshi_parsers::dictionary::{FieldId, FieldType};
use noroshi_parsers::ecs;
use noroshi_parsers::event::{EventView, Kind};
use sha2::{Digest as _, Sha256};

use crate::diagnostic::Diagnostic;
use table::Table;
use value::{DOMAIN_BYTES_MAX, KeyBuffer, URL_BYTES_MAX};

/// Most indicators of one set; numbers are 32 bits wide with room to spare.
pub const INDICATORS_MAX: usize = 50_000_000;

/// What an indicator is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum IndicatorKind {
    /// An address.
    Ip = 1,
    /// A network.
    Cidr,
    /// A domain name and everything under it.
    Domain,
    /// A web address.
    Url,
    /// A file's MD5.
    Md5,
    /// A file's SHA-1.
    Sha1,
    /// A file's SHA-256.
    Sha256,
    /// A file's SHA-512.
    Sha512,
}

impl IndicatorKind {
    /// All kinds.
    pub const ALL: [IndicatorKind; 8] = [
        IndicatorKind::Ip,
        IndicatorKind::Cidr,
        IndicatorKind::Domain,
        IndicatorKind::Url,
        IndicatorKind::Md5,
        IndicatorKind::Sha1,
        IndicatorKind::Sha256,
        IndicatorKind::Sha512,
    ];

    /// The name in files and alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            IndicatorKind::Ip => "ip",
            IndicatorKind::Cidr => "cidr",
            IndicatorKind::Domain => "domain",
            IndicatorKind::Url => "url",
            IndicatorKind::Md5 => "md5",
            IndicatorKind::Sha1 => "sha1",
            IndicatorKind::Sha256 => "sha256",
            IndicatorKind::Sha512 => "sha512",
        }
    }
}

/// An indicator, by its place in the set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IndicatorIndex(pub u32);

/// An event holds an indicator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IndicatorHit {
    /// Where in the event.
    pub field: FieldId,
    /// Which indicator.
    pub indicator: IndicatorIndex,
    /// What it is.
    pub kind: IndicatorKind,
}

/// What is known of an indicator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description<'a> {
    /// Normalised: lower case, refanged, addresses canonical, web addresses without `http(s)://`.
    pub value: String,
    /// What it is.
    pub kind: IndicatorKind,
    /// The file it is from.
    pub file: &'a Path,
    /// The line, from 1.
    pub line: u32,
    /// The other columns of a CSV file that are not empty, such as source and confidence.
    pub columns: Vec<(&'a str, &'a str)>,
}

/// What a field of an event can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    None,
    Ip,
    /// A domain name or an address.
    Host,
    Url,
    Hash,
}

/// Which fields are looked up, by their ECS names. `related.*` repeats other fields.
fn class_of(name: &str, kind: FieldType) -> Class {
    if name.starts_with("related.") || name.starts_with("threat.") {
        return Class::None;
    }
    match name {
        "url.full" | "url.original" | "http.request.referrer" | "event.url" => return Class::Url,
        "dns.question.name" | "dns.answers.data" | "dns.answers.name" | "url.domain" | "tls.client.server_name" => {
            return Class::Host;
        }
        "source.address" | "destination.address" | "client.address" | "server.address" => return Class::Host,
        "source.domain" | "destination.domain" | "client.domain" | "server.domain" => return Class::Host,
        _ => {}
    }
    if kind == FieldType::Ip {
        Class::Ip
    } else if [".hash.md5", ".hash.sha1", ".hash.sha256", ".hash.sha512"].iter().any(|end| name.ends_with(end)) {
        Class::Hash
    } else {
        Class::None
    }
}

/// Further columns of a row: their numbers and texts.
type Extra = Box<[(u16, Box<str>)]>;

/// An immutable set of indicators.
#[derive(Debug)]
pub struct Indicators {
    table: Table,
    /// Prefix lengths in use, longest first.
    v4_prefixes: Vec<u8>,
    v6_prefixes: Vec<u8>,
    has: [bool; 9],
    classes: Vec<Class>,
    files: Vec<PathBuf>,
    /// Column names by file.
    headers: Vec<Vec<String>>,
    /// Further columns, shared by rows that say the same.
    extras: Vec<Extra>,
    digest: [u8; 32],
}

impl Indicators {
    /// Loads plain lists and CSV files (name and content). Lines that are no indicator are
    /// told and skipped.
    pub fn load(mut files: Vec<(PathBuf, String)>) -> (Indicators, Vec<Diagnostic>) {
        files.sort();
        let mut diagnostics = Vec::new();
        let mut set = Indicators {
            table: Table::default(),
            v4_prefixes: Vec::new(),
            v6_prefixes: Vec::new(),
            has: [false; 9],
            classes: ecs::FIELDS.iter().map(|field| class_of(field.name, field.kind)).collect(),
            files: Vec::new(),
            headers: Vec::new(),
            extras: vec![Box::default()],
            digest: [0; 32],
        };
        let mut digests: Vec<[u8; 32]> = Vec::with_capacity(files.len());
        let mut extras = read::Extras::default();
        for (file, text) in files {
            digests.push(Sha256::digest(text.as_bytes()).into());
            read::file(&file, &text, &mut set, &mut extras, &mut diagnostics);
            set.files.push(file);
        }
        for (prefixes, bits) in [(&mut set.v4_prefixes, 4), (&mut set.v6_prefixes, 16)] {
            prefixes.extend(set.table.prefixes(bits));
        }
        set.table.finish();
        digests.sort_unstable();
        let mut hash = Sha256::new();
        digests.iter().for_each(|digest| hash.update(digest));
        set.digest = hash.finalize().into();
        (set, diagnostics)
    }

    /// How many indicators there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 over the files' contents, whatever their order and names.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Bytes held, near enough.
    pub fn memory_bytes(&self) -> usize {
        self.table.memory_bytes() + self.extras.len() * 64
    }

    /// Appends what `event` holds to `hits`: each indicator once for each field. Allocates nothing else.
    pub fn lookup(&self, event: &EventView<'_>, hits: &mut Vec<IndicatorHit>) {
        if self.is_empty() {
            return;
        }
        let from = hits.len();
        for field in event.fields() {
            let Some(class) = self.classes.get(field.id.index()) else { continue };
            if *class == Class::None || field.kind == Kind::Null {
                continue;
            }
            self.lookup_value(field.id, *class, event.value(field), hits);
        }
        // Equal values under one name, as in arrays, are one finding.
        if hits.len() > from + 1 {
            hits[from..].sort_unstable();
            let mut kept = from + 1;
            for at in from + 1..hits.len() {
                if hits[at] != hits[kept - 1] {
                    hits[kept] = hits[at];
                    kept += 1;
                }
            }
            hits.truncate(kept);
        }
    }

    fn lookup_value(&self, field: FieldId, class: Class, value: &[u8], hits: &mut Vec<IndicatorHit>) {
        match class {
            Class::None => {}
            Class::Ip => {
                self.ip(field, value, hits);
            }
            Class::Host => self.host(field, value, hits),
            Class::Hash => {
                let mut buffer = [0; 64];
                if let Some((kind, digest)) = value::hash(value, &mut buffer) {
                    self.exact(field, kind, digest, hits);
                }
            }
            Class::Url => {
                let mut buffer = KeyBuffer::<URL_BYTES_MAX>::new();
                let Some(host) = value::url(value, &mut buffer) else { return };
                if self.has[IndicatorKind::Url as usize] {
                    self.exact(field, IndicatorKind::Url, buffer.bytes(), hits);
                }
                let host = &buffer.bytes()[host];
                self.host(field, host, hits);
            }
        }
    }

    fn ip(&self, field: FieldId, value: &[u8], hits: &mut Vec<IndicatorHit>) -> bool {
        let Some(ip) = noroshi_parsers::ip::parse(value) else { return false };
        let (octets, len) = value::octets(ip.to_canonical());
        let octets = &octets[..len];
        if self.has[IndicatorKind::Ip as usize] {
            self.exact(field, IndicatorKind::Ip, octets, hits);
        }
        for &prefix in if len == 4 { &self.v4_prefixes } else { &self.v6_prefixes } {
            let (key, key_len) = value::network_key(octets, prefix);
            self.exact(field, IndicatorKind::Cidr, &key[..key_len], hits);
        }
        true
    }

    fn host(&self, field: FieldId, value: &[u8], hits: &mut Vec<IndicatorHit>) {
        if self.ip(field, value, hits) || !self.has[IndicatorKind::Domain as usize] {
            return;
        }
        let mut buffer = KeyBuffer::<DOMAIN_BYTES_MAX>::new();
        let Some(name) = value::domain(value, &mut buffer) else { return };
        // The name and its parents, down to two labels: no indicator is shorter.
        let mut rest = name;
        while let Some(dot) = memchr::memchr(b'.', rest) {
            self.exact(field, IndicatorKind::Domain, rest, hits);
            rest = &rest[dot + 1..];
        }
    }

    #[inline]
    fn exact(&self, field: FieldId, kind: IndicatorKind, key: &[u8], hits: &mut Vec<IndicatorHit>) {
        self.table.find(kind, key, |found| hits.push(IndicatorHit { field, indicator: IndicatorIndex(found), kind }));
    }

    /// What is known of an indicator.
    ///
    /// # Panics
    /// If `indicator` is of another set.
    pub fn describe(&self, indicator: IndicatorIndex) -> Description<'_> {
        let entry = self.table.entry(indicator.0);
        let header = &self.headers[entry.file as usize];
        let extra = &self.extras[entry.extra as usize];
        Description {
            value: value::show(entry.kind, self.table.key(entry)),
            kind: entry.kind,
            file: &self.files[entry.file as usize],
            line: entry.line,
            columns: extra.iter().map(|(column, text)| (header[usize::from(*column)].as_str(), &**text)).collect(),
        }
    }
}
