//! Indicators being read: appended as they come, put in order when all are there.

use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::context::{Context, Contexts, Details, Feed, FileOf, Interner, WORDS_BYTES_MAX};
use super::hash::Seeds;
use super::known_good::Reading;
use super::network::{Network, Networks};
use super::table::{DROPPED, Entries, Table};
use super::{INDICATORS_MAX, IndicatorKind, Indicators, fields, read, value};
use crate::diagnostic::{Diagnostic, Place};

/// What must be in the same event as an indicator for it to be a hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Term {
    /// Another indicator, by number.
    Indicator(u32),
    /// `source.port`.
    SourcePort(u16),
    /// `destination.port`.
    DestinationPort(u16),
}

/// What became of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Indicators taken.
    pub taken: usize,
    /// Entries that are no indicator we can look up, each told or counted by name.
    pub refused: usize,
    /// Entries left out because their source says so: revoked, deleted, not for detection.
    pub left_out: usize,
    /// Whether the file could be read to its end; one that could not gave nothing.
    pub whole: bool,
}

/// Reads feeds and known-good lists into one set.
pub struct Builder {
    pub(super) entries: Entries,
    hashes: Vec<u64>,
    seeds: Seeds,
    pub(super) contexts: Contexts,
    interner: Interner,
    /// Most bytes of words; [`WORDS_BYTES_MAX`].
    pub(super) words_bytes_max: usize,
    /// Statements whose words were over that bound.
    shortened: usize,
    files: Vec<FileOf>,
    pub(super) conjunctions: Vec<Vec<Term>>,
    known_good: Reading,
    scan_records: bool,
    digests: Vec<[u8; 32]>,
    diagnostics: Vec<Diagnostic>,
    key: Vec<u8>,
    room: Vec<u8>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

/// A point of a [`Builder`] to go back to.
#[derive(Clone, Debug)]
pub struct Mark {
    entries: usize,
    arena: usize,
    conjunctions: usize,
    diagnostics: usize,
    digests: usize,
}

impl Builder {
    /// Nothing read yet.
    pub fn new() -> Self {
        Builder {
            entries: Entries::default(),
            hashes: Vec::new(),
            seeds: Seeds::random(),
            contexts: Contexts { all: Vec::new(), details: vec![Details::default()] },
            interner: Interner::default(),
            words_bytes_max: WORDS_BYTES_MAX,
            shortened: 0,
            files: Vec::new(),
            conjunctions: Vec::new(),
            known_good: Reading::default(),
            scan_records: false,
            digests: Vec::new(),
            diagnostics: Vec::new(),
            key: Vec::new(),
            room: Vec::new(),
        }
    }

    /// Reads one file of a feed: a plain list, CSV, MISP or STIX, by its content. A JSON file that ends early or is broken gives nothing: half
    /// a feed is not the feed.
    pub fn read(&mut self, path: &Path, feed: &Feed, input: &mut dyn Read) -> Summary {
        let mark = self.mark();
        self.files.push(FileOf { path: path.to_owned(), feed: feed.name.clone() });
        let mut digesting = Digesting { input, hash: Sha256::new() };
        let mut told = Vec::new();
        let mut reading = read::file(path, feed, &mut digesting, self, &mut told);
        self.diagnostics.append(&mut told);
        if reading.whole {
            reading.taken = self.entries.all[mark.entries..].iter().filter(|entry| entry.context != DROPPED).count();
            let digest = digesting.hash.finalize().into();
            self.digests.push(digest);
        } else {
            // What is wrong with it stays told.
            self.roll_back(&Mark { diagnostics: self.diagnostics.len(), ..mark });
            reading.taken = 0;
        }
        reading
    }

    /// Whether the text of records is searched, too: defanged and embedded values that no decoder made a field of.
    pub fn scan_records(&mut self, scan: bool) {
        self.scan_records = scan;
    }

    /// Where reading stands.
    pub fn mark(&self) -> Mark {
        Mark {
            entries: self.entries.all.len(),
            arena: self.entries.arena_len(),
            conjunctions: self.conjunctions.len(),
            diagnostics: self.diagnostics.len(),
            digests: self.digests.len(),
        }
    }

    /// Forgets everything that was read since. What would have been told of it is the answer.
    pub fn roll_back(&mut self, mark: &Mark) -> Vec<Diagnostic> {
        self.entries.truncate(mark.entries, mark.arena);
        self.hashes.truncate(mark.entries);
        self.conjunctions.truncate(mark.conjunctions);
        self.digests.truncate(mark.digests);
        self.diagnostics.split_off(mark.diagnostics)
    }

    /// Adds to what is to be told.
    pub fn tell(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reads one known-good list: a MISP warning list, or a plain list of values.
    pub fn read_known_good(&mut self, path: &Path, input: &mut dyn Read) {
        let mut digesting = Digesting { input, hash: Sha256::new() };
        match read::known_good(path, &mut digesting, &mut self.known_good) {
            Ok(()) => self.digests.push(digesting.hash.finalize().into()),
            Err(cause) => self.diagnostics.push(
                Diagnostic::error(
                    path,
                    Place { line: 1, column: 1 },
                    format!("cannot read the known-good list: {cause}"),
                )
                .help("give a MISP warning list (JSON with `name`, `type` and `list`) or one value a line"),
            ),
        }
    }

    /// The set, and everything that was to be told.
    pub fn finish(mut self) -> (Indicators, Vec<Diagnostic>) {
        if let (1.., Some(file)) = (self.shortened, self.files.last()) {
            let message = format!(
                "descriptions, references and further columns of {} statements were not kept: all together are over the bound of {} MiB",
                self.shortened,
                self.words_bytes_max >> 20
            );
            self.diagnostics.push(
                Diagnostic::warning(&file.path, Place { line: 1, column: 1 }, message)
                    .help("the indicators hold; leave out feeds that say much of each"),
            );
        }
        let mapped = !self.conjunctions.is_empty();
        let (table, numbers) = Table::build(self.entries, &self.hashes, mapped);
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        if table.has(IndicatorKind::Cidr) {
            for (number, entry) in table.entries.all.iter().enumerate() {
                if entry.kind() == IndicatorKind::Cidr {
                    let mut room = [0; 4];
                    network(table.entries.key(entry, &mut room), number as u32, &mut v4, &mut v6);
                }
            }
        }
        let conjunctions = self.conjunctions.into_iter().map(|terms| {
            let renumbered = terms.into_iter().map(|term| match term {
                Term::Indicator(number) => Term::Indicator(numbers[number as usize]),
                other => other,
            });
            renumbered.collect()
        });
        let mut digests = self.digests;
        digests.sort_unstable();
        let mut hash = Sha256::new();
        digests.iter().for_each(|digest| hash.update(digest));
        let mut contexts = self.contexts;
        contexts.all.shrink_to_fit();
        let classes = fields::classes(|kind| table.has(kind));
        let mut is_of_use = Box::new([false; 1 << 16]);
        for (of_use, class) in is_of_use.iter_mut().zip(&classes) {
            *of_use = *class != fields::Class::None;
        }
        let set = Indicators {
            classes,
            is_of_use,
            networks: Networks::new(v4, v6),
            conjunctions: conjunctions.collect(),
            seeds: self.seeds,
            contexts,
            files: self.files,
            known_good: self.known_good.finish(),
            scan_records: self.scan_records,
            expired: Default::default(),
            digest: hash.finalize().into(),
            table,
        };
        (set, self.diagnostics)
    }

    /// The number of the file being read.
    fn file(&self) -> u32 {
        self.files.len() as u32 - 1
    }

    /// Appends an indicator: its number, or `None` where `text` is none (of that kind) or the set is full.
    pub(super) fn add(
        &mut self,
        text: &str,
        kind: Option<IndicatorKind>,
        feed: &Feed,
        context: u32,
        line: u32,
    ) -> Option<u32> {
        let (kind, hash) = self.normalise(text, kind, feed.subdomains)?;
        let number = self.entries.all.len();
        if number >= INDICATORS_MAX || !self.entries.push(kind, &self.key, context, line) {
            return None;
        }
        self.hashes.push(hash);
        Some(number as u32)
    }

    /// Puts the key of a value into `self.key`; without a kind it is guessed from the form.
    fn normalise(&mut self, text: &str, kind: Option<IndicatorKind>, subdomains: bool) -> Option<(IndicatorKind, u64)> {
        let text = text.trim().trim_matches('"');
        // Names, paths and agents keep their brackets and backslashes.
        let verbatim =
            matches!(kind, Some(IndicatorKind::FileName | IndicatorKind::RegistryKey | IndicatorKind::UserAgent));
        let whole = if verbatim { text.into() } else { value::refang(text) };
        normal_form(&whole, kind, subdomains, self.seeds, &mut self.key, &mut self.room)
    }

    /// Numbers what is said of an indicator.
    pub(super) fn context(&mut self, context: Context, mut details: Details) -> u32 {
        self.bound(&mut details, 0);
        let details =
            if details == Details::default() { 0 } else { self.interner.details(&mut self.contexts, details) };
        let file = self.file();
        self.interner.context(&mut self.contexts, Context { file, details, ..context })
    }

    /// Shortens words that find no room beside those kept and `others` bytes that wait.
    pub(super) fn bound(&mut self, details: &mut Details, others: usize) {
        let is_long = !details.description.is_empty() || !details.references.is_empty() || !details.columns.is_empty();
        if is_long && self.interner.words_bytes + others + details.memory_bytes() > self.words_bytes_max {
            details.shorten();
            self.shortened += 1;
        }
    }

    /// Says later what is known of indicators appended before.
    pub(super) fn set_context(&mut self, numbers: std::ops::Range<u32>, context: u32) {
        for entry in &mut self.entries.all[numbers.start as usize..numbers.end as usize] {
            entry.context = context;
        }
    }
}

/// The time an indicator holds: as it says, else as long as its feed gives it, counted from when it was valid, seen or read.
pub(super) fn validity(from_s: Option<u32>, seen_s: Option<u32>, until_s: Option<u32>, feed: &Feed) -> (u32, u32) {
    let begun = from_s.into_iter().chain(seen_s).max().or((feed.read_s > 0).then_some(feed.read_s));
    let given = begun
        .zip(feed.lifetime_s)
        .map(|(begun, lifetime_s)| u32::try_from(u64::from(begun).saturating_add(lifetime_s)).unwrap_or(u32::MAX));
    (from_s.unwrap_or(0), until_s.or(given).unwrap_or(0))
}

/// The key of a value, its kind and its hash; without a kind it is guessed from the form. `None` where it is none.
pub(super) fn normal_form(
    text: &str,
    kind: Option<IndicatorKind>,
    subdomains: bool,
    seeds: Seeds,
    key: &mut Vec<u8>,
    room: &mut Vec<u8>,
) -> Option<(IndicatorKind, u64)> {
    let kind = match kind {
        Some(kind) => kind,
        None => guess(text)?,
    };
    let bytes = text.as_bytes();
    match kind {
        IndicatorKind::Ip | IndicatorKind::Cidr => {
            let (address, prefix) = match text.split_once('/') {
                Some((address, prefix)) => (address.trim().as_bytes(), Some(prefix.trim().parse::<u8>().ok()?)),
                // MISP writes a port behind a bar.
                None => (text.split('|').next()?.as_bytes(), None),
            };
            // An address alone has colons of its own: try it whole first.
            let ip = noroshi_parsers::ip::parse(address)
                .or_else(|| noroshi_parsers::ip::parse(value::split_port(address).0))?;
            let (octets, len) = value::octets(if prefix.is_none() { ip.to_canonical() } else { ip });
            let octets = &octets[..len];
            key.clear();
            match prefix {
                Some(prefix) if usize::from(prefix) > len * 8 => None,
                Some(prefix) if usize::from(prefix) < len * 8 => {
                    let (network, network_len) = value::network_key(octets, prefix);
                    key.extend_from_slice(&network[..network_len]);
                    Some((IndicatorKind::Cidr, seeds.text(IndicatorKind::Cidr, key)))
                }
                _ => {
                    key.extend_from_slice(octets);
                    Some((IndicatorKind::Ip, seeds.ip(octets)))
                }
            }
        }
        // Feeds call many a bare address a domain.
        IndicatorKind::Domain | IndicatorKind::Hostname if noroshi_parsers::ip::parse(bytes).is_some() => {
            normal_form(text, Some(IndicatorKind::Ip), subdomains, seeds, key, room)
        }
        IndicatorKind::Domain | IndicatorKind::Hostname => {
            let name = text.trim_start_matches("*.").trim_start_matches('.');
            let below = name.len() < text.len() || subdomains && kind == IndicatorKind::Domain;
            let name = value::name(name.split('|').next()?.as_bytes());
            let name = name.strip_suffix(b"/").unwrap_or(&name);
            let last = name.rsplit(|&byte| byte == b'.').next()?;
            // A top-level domain alone would match half the world, an address is none.
            if !value::is_domain(name) || last.iter().all(u8::is_ascii_digit) {
                return None;
            }
            key.clear();
            key.extend(name.iter().map(u8::to_ascii_lowercase));
            let hash = seeds.name(key, |_, _| {});
            if below {
                Some((IndicatorKind::Domain, hash))
            } else {
                Some((IndicatorKind::Hostname, Seeds::alone(hash)))
            }
        }
        IndicatorKind::Url => {
            let with_scheme;
            let whole = if text.contains("://") {
                bytes
            } else {
                with_scheme = format!("http://{text}");
                with_scheme.as_bytes()
            };
            if whole.iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
                return None;
            }
            let url = value::url(whole, room)?;
            url.key(key);
            let host = seeds.name(&value::name(url.host), |_, _| {});
            Some((kind, seeds.url(host, url.scheme, url.port, url.tail)))
        }
        IndicatorKind::Md5 | IndicatorKind::Sha1 | IndicatorKind::Sha256 | IndicatorKind::Sha512 => {
            let mut digest = [0; 64];
            let (found, digest) = value::hash(bytes, &mut digest)?;
            key.clear();
            key.extend_from_slice(digest);
            (found == kind).then(|| (kind, seeds.digest(kind, bytes)))
        }
        _ => value::text(kind, bytes, key).then(|| (kind, seeds.text(kind, key))),
    }
}

fn guess(text: &str) -> Option<IndicatorKind> {
    let bytes = text.as_bytes();
    if let Some((kind, _)) = value::hash(bytes, &mut [0; 64]) {
        return Some(kind);
    }
    let parse = noroshi_parsers::ip::parse;
    if parse(bytes).or_else(|| parse(value::split_port(bytes).0)).is_some() {
        return Some(IndicatorKind::Ip);
    }
    let head = |word: &str| text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    if head("CVE-") {
        return Some(IndicatorKind::Cve);
    }
    if ["HKEY_", "HKLM\\", "HKCU\\", "HKU\\", "HKCR\\"].into_iter().any(head) {
        return Some(IndicatorKind::RegistryKey);
    }
    if head("AS") && text.len() > 2 && text[2..].bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(IndicatorKind::Asn);
    }
    if let Some((address, prefix)) = text.split_once('/') {
        let network = parse(address.as_bytes()).is_some() && prefix.parse::<u8>().is_ok();
        return Some(if network { IndicatorKind::Cidr } else { IndicatorKind::Url });
    }
    if text.contains('@') {
        return Some(IndicatorKind::Email);
    }
    text.contains('.').then_some(IndicatorKind::Domain)
}

/// First and last address of a network by its key.
fn network(key: &[u8], number: u32, v4: &mut Vec<Network<u32>>, v6: &mut Vec<Network<u128>>) {
    let prefix = u32::from(key[0]);
    let address = match (<[u8; 4]>::try_from(&key[1..]), <[u8; 16]>::try_from(&key[1..])) {
        (Ok(octets), _) => IpAddr::from(octets),
        (_, Ok(octets)) => IpAddr::from(octets),
        _ => return,
    };
    match address {
        IpAddr::V4(ip) => {
            let rest = u32::MAX.checked_shr(prefix).unwrap_or(0);
            v4.push(Network { first: u32::from(ip), last: u32::from(ip) | rest, number });
        }
        IpAddr::V6(ip) => {
            let rest = u128::MAX.checked_shr(prefix).unwrap_or(0);
            v6.push(Network { first: u128::from(ip), last: u128::from(ip) | rest, number });
        }
    }
}

/// Hashes what is read through it.
struct Digesting<'a> {
    input: &'a mut dyn Read,
    hash: Sha256,
}

impl std::io::Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
