//! The one place where an event becomes owned: a hit makes its record evidence.

use std::sync::Arc;

use noroshi_input::{Batch, Origin, RecordRef};
use noroshi_parsers::dictionary::FieldId;
use noroshi_parsers::ecs;
use noroshi_parsers::event::EventView;
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::products;
use sha2::{Digest as _, Sha256};

/// Bytes of a raw record that an alert carries. A screen of text; the whole record is where `file`,
/// `line` and `offset` say, and `raw_bytes` tells how long it is.
pub const EVIDENCE_RAW_BYTES_MAX: usize = 8 << 10;

/// Values of one entity field that evidence keeps.
const ENTITY_VALUES_MAX: usize = 16;

/// What an analyst pivots on, in the order alerts show it.
pub const ENTITY_FIELDS: &[FieldId] = &[
    ecs::SOURCE_IP,
    ecs::SOURCE_PORT,
    ecs::SOURCE_DOMAIN,
    ecs::SOURCE_MAC,
    ecs::SOURCE_USER_NAME,
    ecs::DESTINATION_IP,
    ecs::DESTINATION_PORT,
    ecs::DESTINATION_DOMAIN,
    ecs::DESTINATION_USER_NAME,
    ecs::CLIENT_IP,
    ecs::SERVER_IP,
    ecs::USER_NAME,
    ecs::USER_DOMAIN,
    ecs::USER_ID,
    ecs::USER_EMAIL,
    ecs::USER_TARGET_NAME,
    ecs::USER_EFFECTIVE_NAME,
    ecs::GROUP_NAME,
    ecs::HOST_NAME,
    ecs::HOST_IP,
    ecs::OBSERVER_NAME,
    ecs::PROCESS_NAME,
    ecs::PROCESS_EXECUTABLE,
    ecs::PROCESS_COMMAND_LINE,
    ecs::PROCESS_PID,
    ecs::PROCESS_PARENT_EXECUTABLE,
    ecs::FILE_PATH,
    ecs::FILE_NAME,
    ecs::FILE_HASH_MD5,
    ecs::FILE_HASH_SHA1,
    ecs::FILE_HASH_SHA256,
    ecs::PROCESS_HASH_MD5,
    ecs::PROCESS_HASH_SHA1,
    ecs::PROCESS_HASH_SHA256,
    ecs::REGISTRY_PATH,
    ecs::URL_FULL,
    ecs::URL_ORIGINAL,
    ecs::URL_DOMAIN,
    ecs::URL_PATH,
    ecs::DNS_QUESTION_NAME,
    ecs::RELATED_IP,
    ecs::SERVICE_NAME,
    ecs::CLOUD_ACCOUNT_ID,
    ecs::EVENT_CODE,
    ecs::EVENT_ACTION,
    ecs::EVENT_OUTCOME,
    ecs::EVENT_CATEGORY,
];

/// Where decoders put the addresses of peers.
const ADDRESS_FIELDS: [FieldId; 4] = [ecs::SOURCE_IP, ecs::CLIENT_IP, ecs::DESTINATION_IP, ecs::RELATED_IP];

/// A record that a rule or indicator hit, with what alerts tell of it.
#[derive(Debug)]
pub struct Evidence {
    /// Event time.
    pub time_ns: i64,
    /// Where it came from.
    pub origin: Arc<Origin>,
    /// Name of the input; empty for files named on the command line.
    pub input: Arc<str>,
    /// Its number in the file, from 1; 0 where it has none.
    pub line: u64,
    /// Byte offset in file or stream; number of the datagram.
    pub offset: u64,
    /// Which event of a record that holds several, from 0; `offset` is then its own.
    pub element: Option<u32>,
    /// When it was read; 0 = not known.
    pub receive_time_ns: i64,
    /// The record, up to [`EVIDENCE_RAW_BYTES_MAX`].
    pub raw: Box<[u8]>,
    /// How long the whole record is.
    pub raw_bytes: usize,
    /// The product that decoded it.
    pub product: ProductId,
    /// Values of [`ENTITY_FIELDS`].
    pub entities: Box<[(FieldId, Box<str>)]>,
    /// SHA-256 of the content, cut to 16 bytes. Of an audit record: its node, time and serial, so that the records of one
    /// event are one. Of any other: the raw record and, for files and standard input, its place; for sockets, the input and the sender. Not the place
    /// in a socket's stream: that depends on how the records travelled.
    pub digest: [u8; 16],
}

impl Evidence {
    /// Keeps what alerts need of a record.
    pub fn of(event: EventView<'_>, batch: &Batch, record: &RecordRef, element: Option<u32>, input: &Arc<str>) -> Self {
        let raw = event.original();
        let origin = Arc::clone(batch.origin(record));
        let mut sha = Sha256::new();
        let serial = event.first(ecs::EVENT_SEQUENCE).filter(|_| event.core().product == products::AUDITD);
        match serial {
            Some(serial) => {
                sha.update(b"audit");
                sha.update(event.core().time_ns.to_le_bytes());
                sha.update(serial);
            }
            None => {
                sha.update((raw.len() as u64).to_le_bytes());
                sha.update(raw);
            }
        }
        let node = event.first(ecs::HOST_NAME).filter(|_| serial.is_some());
        if let Some(node) = node {
            sha.update(node);
        }
        match &*origin {
            _ if node.is_some() => {}
            Origin::File { path, .. } => sha.update(path.as_os_str().as_encoded_bytes()),
            Origin::Stdin => sha.update(b"-"),
            _ => {
                sha.update(input.as_bytes());
                // One forwarder sends for many hosts; who says so much of a record is its sender as the peer is of others.
                match origin.said().and_then(|said| said.host.as_deref()) {
                    Some(host) => sha.update(host),
                    None => sha.update(origin.peer().map(|peer| peer.ip().to_string()).unwrap_or_default()),
                }
            }
        }
        if serial.is_none() && matches!(&*origin, Origin::File { .. } | Origin::Stdin) {
            sha.update(record.line.to_le_bytes());
            sha.update(record.offset.to_le_bytes());
        }
        let mut entities = Vec::new();
        for &id in ENTITY_FIELDS {
            for value in event.values(id).take(ENTITY_VALUES_MAX).filter(|value| !value.is_empty()) {
                entities.push((id, String::from_utf8_lossy(value).into_owned().into_boxed_str()));
            }
        }
        // What a daemon says in words may name its peer there alone.
        let is_address = |id: FieldId| ADDRESS_FIELDS.contains(&id);
        if event.core().log_source.get().categories.contains(&"messages")
            && !entities.iter().any(|(id, _)| is_address(*id))
        {
            let found = noroshi_rules::key::written(&event).into_iter();
            entities.extend(found.map(|address| (ecs::RELATED_IP, String::from_utf8_lossy(&address).into())));
        }
        Evidence {
            time_ns: event.core().time_ns,
            origin,
            input: Arc::clone(input),
            line: record.line,
            offset: record.offset,
            element,
            receive_time_ns: record.receive_time_ns,
            raw: raw[..raw.len().min(EVIDENCE_RAW_BYTES_MAX)].into(),
            raw_bytes: raw.len(),
            product: event.core().product,
            entities: entities.into(),
            digest: first_16(&sha.finalize()),
        }
    }
}

/// Evidence as the shards hold it: shared by every key and correlation that its record hit.
#[derive(Clone, Debug)]
pub struct Shared(pub Arc<Evidence>);

impl noroshi_correlate::Evidence for Shared {
    fn bytes(&self) -> usize {
        let entities: usize = self.0.entities.iter().map(|(_, value)| value.len() + 24).sum();
        size_of::<Evidence>() + self.0.raw.len() + entities
    }

    fn touch(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// The first 16 bytes of a SHA-256.
pub(crate) fn first_16(digest: &[u8]) -> [u8; 16] {
    digest.first_chunk().copied().expect("a SHA-256 has 32 bytes")
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
