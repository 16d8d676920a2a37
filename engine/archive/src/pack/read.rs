//! Reads a pack and holds it to its proofs and its signature. Nothing of it is written anywhere, and no name in it is a path.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use noroshi_files::{Files, SimulatedDisk};
use noroshi_tree::proof::{PROOF_BYTES_MAX, Policy, Proof};
use noroshi_tree::record::Record;
use noroshi_tree::{Checkpoint, Hash, KeyKind, Note, Verifier};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::write::is_log_key;
use super::{
    ALERT, CHECKPOINT, FORMAT, LOG_KEY, MANIFEST, MEMBER_BYTES_MAX, MEMBERS_MAX, NAME_BYTES_MAX, PARQUET, PROOFS,
    RECORDS, SIGNATURE, UNPACKED_BYTES_MAX, proof_name, signed_text,
};
use crate::catalog::{Catalog, Sealed};
use crate::sealer::hex;
use crate::search::Search;
use crate::verify::each_record;

/// Largest window that a pack's compression may ask memory for, as a power of two: zstd's own default.
const WINDOW_LOG_MAX: u32 = 27;

/// Faults told; a pack with more is not looked at further.
const FAULTS_MAX: usize = 100;

/// What a pack is held to.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// Keys of which one must have signed. None = the pack's own, which shows no more than that it agrees with itself.
    pub keys: Vec<Verifier>,
    /// Witnesses that must all have cosigned the checkpoint.
    pub witnesses: Vec<Verifier>,
}

/// What is wrong with a pack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which member, escaped.
    pub member: String,
    /// Which record, where it is one.
    pub sequence: Option<u64>,
    /// In a sentence.
    pub told: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.member)?;
        if let Some(sequence) = self.sequence {
            write!(f, "record {sequence}: ")?;
        }
        write!(f, "{}", self.told)
    }
}

/// A pack that was read.
#[derive(Debug, Default)]
pub struct Read {
    /// What is wrong, in the order of the members.
    pub faults: Vec<Fault>,
    /// What could not be decided, and why.
    pub undecided: Vec<String>,
    /// The manifest; to be believed where there are no faults.
    pub manifest: Value,
    /// The alert, where the pack is of one.
    pub alert: Option<Value>,
    /// Members.
    pub members: usize,
    /// Records with a proof that holds.
    pub proven: usize,
    /// Lines of `records.ndjson`.
    pub events: usize,
    /// The state of the tree that the proofs lead to.
    pub checkpoint: Option<Checkpoint>,
    /// Witnesses of [`Against`] that cosigned it, and when, seconds since 1970.
    pub witnessed: Vec<(String, u64)>,
    /// The key that signed.
    pub key: Option<Verifier>,
    /// The rows, as Parquet.
    pub parquet: Vec<u8>,
}

/// Reads a pack to its end.
///
/// Members are held to bounds ([`super::MEMBERS_MAX`], [`super::MEMBER_BYTES_MAX`], [`super::UNPACKED_BYTES_MAX`]); what
/// is no plain file of a plain name ends the reading.
pub fn read(input: impl io::Read, against: &Against) -> Read {
    let failed = Cell::new(false);
    let source = Source { input, failed: &failed };
    let mut reading = Reading::new(against);
    let done = zstd::Decoder::new(source).and_then(|mut zstd| {
        zstd.window_log_max(WINDOW_LOG_MAX)?;
        reading.members(zstd)
    });
    if let Err(cause) = done {
        if failed.get() {
            reading.read.undecided.push(format!("cannot read the pack: {cause}"));
        } else {
            let member = reading.at.clone();
            reading.fault(&member, None, format!("it is damaged here: {cause}"));
        }
        return reading.read;
    }
    reading.finish()
}

/// The pack's file: tells its own failures from those of what is in it.
struct Source<'f, R> {
    input: R,
    failed: &'f Cell<bool>,
}

impl<R: io::Read> io::Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer);
        self.failed.set(self.failed.get() || read.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::Interrupted));
        read
    }
}

/// What was read of a member.
struct Seen {
    name: String,
    bytes: u64,
    sha256: String,
}

struct Reading<'a> {
    against: &'a Against,
    keys: Vec<Verifier>,
    read: Read,
    /// The member at hand, for what goes wrong in it.
    at: String,
    seen: Vec<Seen>,
    names: BTreeSet<String>,
    hashes: BTreeMap<u64, Hash>,
    /// Records without a proof: to be in the manifest's list.
    unproven: BTreeSet<u64>,
    checkpoint_text: String,
    manifest: Vec<u8>,
    signature: Vec<u8>,
    ended: bool,
}

impl<'a> Reading<'a> {
    fn new(against: &'a Against) -> Self {
        Reading {
            against,
            keys: against.keys.clone(),
            read: Read::default(),
            at: "the begin".into(),
            seen: Vec::new(),
            names: BTreeSet::new(),
            hashes: BTreeMap::new(),
            unproven: BTreeSet::new(),
            checkpoint_text: String::new(),
            manifest: Vec::new(),
            signature: Vec::new(),
            ended: false,
        }
    }

    fn fault(&mut self, member: &str, sequence: Option<u64>, told: impl Into<String>) {
        if self.read.faults.len() < FAULTS_MAX {
            let member = member.chars().flat_map(char::escape_debug).take(2 * NAME_BYTES_MAX).collect();
            self.read.faults.push(Fault { member, sequence, told: told.into() });
        }
    }

    fn members(&mut self, unpacked: impl io::Read) -> io::Result<()> {
        let refused = |told: String| io::Error::new(io::ErrorKind::InvalidData, told);
        let mut unpacked = unpacked.take(UNPACKED_BYTES_MAX);
        let mut tar = tar::Archive::new(&mut unpacked);
        // Raw: extended headers, through which names and sizes of any length come in, are members like others, and refused.
        for entry in tar.entries()?.raw(true) {
            let mut entry = entry?;
            let header = entry.header();
            let name = header.path_bytes().into_owned();
            let shown = String::from_utf8_lossy(&name[..name.len().min(NAME_BYTES_MAX)]).into_owned();
            self.at.clone_from(&shown);
            let plain = |part: &[u8]| {
                !part.is_empty()
                    && part.iter().all(|b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_'))
            };
            let is_plain = name.len() <= NAME_BYTES_MAX
                && name.split(|&byte| byte == b'/').all(|part| plain(part) && part != b"." && part != b"..");
            if !is_plain {
                return Err(refused("a member's name is no plain one; packs have no such members".into()));
            }
            if header.entry_type() != tar::EntryType::Regular {
                return Err(refused("it is no plain file; packs have no links, devices or directories".into()));
            }
            let bytes = header.entry_size()?;
            if bytes > MEMBER_BYTES_MAX {
                return Err(refused(format!("it says to have {bytes} bytes; {MEMBER_BYTES_MAX} are the most")));
            }
            if self.seen.len() >= MEMBERS_MAX {
                return Err(refused(format!("there are more than {MEMBERS_MAX} members")));
            }
            if !self.names.insert(shown.clone()) {
                return Err(refused("there is a second member of this name".into()));
            }
            if self.ended {
                return Err(refused("it stands behind the signature".into()));
            }
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            if content.len() as u64 != bytes {
                return Err(refused(format!("it ends after {} of {bytes} bytes", content.len())));
            }
            self.seen.push(Seen { name: shown.clone(), bytes, sha256: hex(&Sha256::digest(&content)) });
            self.member(&shown, content);
            if self.read.faults.len() >= FAULTS_MAX {
                return Err(refused("there are many more faults".into()));
            }
        }
        self.at = "behind the last member".into();
        let mut rest = [0; 1 << 14];
        loop {
            match unpacked.read(&mut rest)? {
                0 if unpacked.limit() == 0 => {
                    return Err(refused(format!("the pack unpacks to more than {UNPACKED_BYTES_MAX} bytes")));
                }
                0 => return Ok(()),
                read if rest[..read].iter().any(|&byte| byte != 0) => {
                    return Err(refused("there are bytes that belong to no member".into()));
                }
                _ => {}
            }
        }
    }

    fn member(&mut self, name: &str, content: Vec<u8>) {
        match name {
            CHECKPOINT => self.checkpoint(&content),
            LOG_KEY => self.log_key(&content),
            ALERT => match serde_json::from_slice(&content) {
                Ok(alert) => self.read.alert = Some(alert),
                Err(_) => self.fault(name, None, "it is not JSON"),
            },
            RECORDS => self.records(&content),
            PARQUET => self.read.parquet = content,
            MANIFEST => self.manifest = content,
            SIGNATURE => {
                self.signature = content;
                self.ended = true;
            }
            _ if name.starts_with(PROOFS) => self.proof(name, &content),
            _ => {}
        }
    }

    fn checkpoint(&mut self, content: &[u8]) {
        self.checkpoint_text = String::from_utf8_lossy(content).into_owned();
    }

    fn log_key(&mut self, content: &[u8]) {
        let key = std::str::from_utf8(content).ok().and_then(|text| Verifier::parse(text.trim()).ok());
        let Some(key) = key.filter(is_log_key) else {
            return self.fault(LOG_KEY, None, "it is no verifier key of an archive");
        };
        if self.against.keys.is_empty() {
            self.keys = vec![key];
        } else if !self.against.keys.contains(&key) {
            self.fault(LOG_KEY, None, "it is another key than the one given");
        }
        // From here on it can be told whether the tree's state was signed.
        match Note::parse(self.checkpoint_text.as_bytes()).and_then(|note| {
            let (checkpoint, signed) = Checkpoint::of_note(&note, &self.keys)?;
            Ok((checkpoint, signed.first().map(|signed| signed.by.clone()), note))
        }) {
            Ok((checkpoint, key, note)) => {
                self.read.checkpoint = Some(checkpoint);
                self.read.key = key;
                self.witnesses(&note);
            }
            Err(cause) => self.fault(CHECKPOINT, None, cause.to_string()),
        }
    }

    fn witnesses(&mut self, note: &Note) {
        let against = self.against;
        if against.witnesses.is_empty() {
            return;
        }
        let signed = note.verify(&against.witnesses).unwrap_or_default();
        let cosigned = signed.iter().filter(|signed| signed.by.kind() == KeyKind::Cosignature);
        self.read.witnessed = cosigned.filter_map(|s| Some((s.by.name().to_owned(), s.time_s?))).collect();
        for witness in &against.witnesses {
            if !self.read.witnessed.iter().any(|(name, _)| name == witness.name()) {
                self.fault(CHECKPOINT, None, format!("the witness `{}` did not cosign it", witness.name()));
            }
        }
    }

    fn proof(&mut self, name: &str, content: &[u8]) {
        let policy = Policy { log: self.keys.clone(), ..Policy::default() };
        if content.len() > PROOF_BYTES_MAX {
            return self.fault(name, None, "it is longer than a proof can be");
        }
        let proof = match Proof::parse(content) {
            Ok(proof) => proof,
            Err(cause) => return self.fault(name, None, cause.to_string()),
        };
        match proof.verify(&policy) {
            Err(cause) => self.fault(name, None, cause.to_string()),
            Ok(shown) => {
                let Some(record) = shown.record else { return self.fault(name, None, "it proves no record") };
                if proof_name(record.sequence) != name {
                    return self.fault(name, Some(record.sequence), "it is the proof of another record");
                }
                if Some(&shown.checkpoint) != self.read.checkpoint.as_ref() {
                    return self.fault(name, Some(record.sequence), "it leads to another state than the checkpoint");
                }
                self.hashes.insert(record.sequence, record.hash());
            }
        }
    }

    fn records(&mut self, content: &[u8]) {
        let mut whole: BTreeSet<u64> = BTreeSet::new();
        let lines = content.strip_suffix(b"\n").unwrap_or(content).split(|&byte| byte == b'\n');
        for (at, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
            self.read.events += 1;
            let line: Option<Value> = serde_json::from_slice(line).ok();
            let Some((line, sequence)) = line.and_then(|line| line["sequence"].as_u64().map(|n| (line, n))) else {
                self.fault(RECORDS, None, format!("line {} is no record", at + 1));
                continue;
            };
            match Readable::of(&line) {
                Some(readable) => {
                    whole.insert(sequence);
                    let record = Record {
                        input: &readable.input,
                        sequence,
                        received_ns: readable.received_ns,
                        raw: &readable.raw,
                    };
                    self.is_proven(RECORDS, &record);
                }
                // The further events of a record that holds several.
                None if whole.contains(&sequence) || line["event"]["noroshi"]["element"].is_u64() => {}
                None => self.fault(RECORDS, Some(sequence), "it has no bytes"),
            }
        }
        let missing: Vec<u64> = self.hashes.keys().filter(|sequence| !whole.contains(sequence)).copied().collect();
        for sequence in missing.into_iter().take(FAULTS_MAX) {
            self.fault(RECORDS, Some(sequence), "it is proven and missing here");
        }
    }

    fn is_proven(&mut self, member: &str, record: &Record<'_>) {
        match self.hashes.get(&record.sequence) {
            Some(hash) if *hash == record.hash() => {}
            Some(_) => self.fault(member, Some(record.sequence), "it is not the record that is proven"),
            None => drop(self.unproven.insert(record.sequence)),
        }
    }

    fn finish(mut self) -> Read {
        self.read.members = self.seen.len();
        self.read.proven = self.hashes.len();
        for needed in [CHECKPOINT, LOG_KEY, RECORDS, PARQUET, MANIFEST, SIGNATURE] {
            if !self.names.contains(needed) {
                self.fault(needed, None, "it is missing");
            }
        }
        if self.names.contains(SIGNATURE) && self.signed() {
            self.listed();
        }
        // A reader of Parquet is shown only what the archive's key has signed.
        if self.read.faults.is_empty() {
            self.columns();
        }
        // Told as they stand in the pack, whatever showed first.
        let places: BTreeMap<String, usize> =
            self.seen.iter().enumerate().map(|(at, seen)| (seen.name.clone(), at)).collect();
        self.read.faults.sort_by_key(|fault| places.get(&fault.member).copied().unwrap_or(usize::MAX));
        self.read
    }

    /// Whether the manifest is the one that was signed.
    fn signed(&mut self) -> bool {
        let note = match Note::parse(&self.signature) {
            Ok(note) => note,
            Err(cause) => {
                self.fault(SIGNATURE, None, cause.to_string());
                return false;
            }
        };
        if let Err(cause) = note.verify(&self.keys) {
            self.fault(SIGNATURE, None, cause.to_string());
            return false;
        }
        if note.text().lines().next() != Some(FORMAT) {
            self.read.undecided.push("the pack is of another version than this program reads; use that one".into());
            return false;
        }
        if note.text() != signed_text(&hex(&Sha256::digest(&self.manifest))) {
            self.fault(MANIFEST, None, "it is not the one that was signed");
            return false;
        }
        match serde_json::from_slice(&self.manifest) {
            Ok(manifest) => self.read.manifest = manifest,
            Err(_) => {
                self.fault(MANIFEST, None, "it is not JSON");
                return false;
            }
        }
        true
    }

    /// Holds the members to the manifest, and what is not proven to what it says of that.
    fn listed(&mut self) {
        let listed = self.read.manifest["files"].as_array().cloned().unwrap_or_default();
        let of = |file: &Value| {
            (file["name"].as_str().unwrap_or_default().to_owned(), file["bytes"].as_u64(), file["sha256"].clone())
        };
        let listed: BTreeMap<String, (Option<u64>, Value)> =
            listed.iter().map(of).map(|(name, bytes, sha256)| (name, (bytes, sha256))).collect();
        let mut faults = Vec::new();
        for seen in self.seen.iter().filter(|seen| ![MANIFEST, SIGNATURE].contains(&seen.name.as_str())) {
            match listed.get(&seen.name) {
                None => faults.push((seen.name.clone(), "the manifest does not have it")),
                Some((bytes, _)) if *bytes != Some(seen.bytes) => {
                    faults.push((seen.name.clone(), "it has another length than the manifest says"));
                }
                Some((_, sha256)) if sha256 != &seen.sha256 => {
                    faults.push((seen.name.clone(), "its bytes are not those that the manifest says"));
                }
                Some(_) => {}
            }
        }
        let missing = listed.keys().filter(|name| !self.names.contains(*name));
        faults.extend(missing.map(|name| (name.clone(), "the manifest has it and the pack does not")));
        for (name, told) in faults {
            self.fault(&name, None, told);
        }
        let unsealed = self.read.manifest["not_sealed"].as_array().into_iter().flatten();
        let unsealed: BTreeSet<u64> = unsealed.filter_map(Value::as_u64).collect();
        for sequence in std::mem::take(&mut self.unproven) {
            if !unsealed.contains(&sequence) {
                self.fault(RECORDS, Some(sequence), "it has no proof");
            }
        }
        if !unsealed.is_empty() {
            self.read.undecided.push(format!(
                "{} records were not sealed when the pack was made, and are not proven; make it again, they are by now",
                unsealed.len()
            ));
        }
    }

    /// The records of the Parquet file against the proofs.
    fn columns(&mut self) {
        let disk = SimulatedDisk::new();
        let path = Path::new("/pack").join(PARQUET);
        let mut found: Vec<(u64, Hash)> = Vec::new();
        let looked = put(&disk, &path, &self.read.parquet)
            .and_then(|()| each_record(&disk, &path, &mut |record| found.push((record.sequence, record.hash()))));
        if let Err(cause) = looked {
            return self.fault(PARQUET, None, format!("it cannot be read: {cause}"));
        }
        for (sequence, hash) in &found {
            if self.hashes.get(sequence).is_some_and(|proven| proven != hash) {
                self.fault(PARQUET, Some(*sequence), "it is not the record that is proven");
            }
        }
        let found: BTreeSet<u64> = found.into_iter().map(|(sequence, _)| sequence).collect();
        let missing: Vec<u64> = self.hashes.keys().filter(|sequence| !found.contains(sequence)).copied().collect();
        for sequence in missing.into_iter().take(FAULTS_MAX) {
            self.fault(PARQUET, Some(sequence), "it is proven and missing here");
        }
    }
}

/// What a line of `records.ndjson` says that a proof binds.
struct Readable {
    input: String,
    received_ns: i64,
    raw: Vec<u8>,
}

impl Readable {
    fn of(line: &Value) -> Option<Self> {
        let raw = match (&line["raw"], &line["raw_base64"]) {
            (Value::String(text), Value::Null) => text.clone().into_bytes(),
            (Value::Null, Value::String(text)) => STANDARD.decode(text).ok()?,
            _ => return None,
        };
        let received: jiff::Timestamp = line["received"].as_str()?.parse().ok()?;
        let received_ns = i64::try_from(received.as_nanosecond()).ok()?;
        Some(Readable { input: line["input"].as_str()?.to_owned(), received_ns, raw })
    }
}

fn put(disk: &SimulatedDisk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        disk.create_directory(directory)?;
    }
    io::Write::write_all(&mut disk.create(path)?, bytes)
}

/// A search over the rows of a pack, as over an archive: in memory.
///
/// # Errors
/// Those of a disk in memory: none that a caller can do anything about.
pub fn search(parquet: &[u8]) -> io::Result<Search> {
    let (disk, directory) = (SimulatedDisk::new(), Path::new("/pack"));
    put(&disk, &directory.join(PARQUET), parquet)?;
    disk.create_directory(&directory.join(crate::archive::WAL))?;
    let sealed = Sealed {
        file: PARQUET.into(),
        bytes: parquet.len() as u64,
        sha256: hex(&Sha256::digest(parquet)),
        rows: 0,
        first_sequence: 0,
        end_sequence: u64::MAX,
        raw_bytes: 0,
        time_min_ns: i64::MIN,
        time_max_ns: i64::MAX,
        received_min_ns: i64::MIN,
        received_max_ns: i64::MAX,
        inputs: BTreeMap::new(),
        first_leaf: 0,
        end_leaf: 0,
        manifest_leaf: None,
        kept_ns: None,
    };
    Catalog::default().append(&disk, directory, sealed)?;
    Search::open(Arc::new(disk), directory, BTreeMap::new())
}
