//! Archived records as batches, to be worked once more.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use crossbeam_channel::{Receiver, bounded};
use noroshi_archive::search::Search;
use noroshi_archive::{Stored, Transport};
use noroshi_input::{Batch, FileIdentity, InputIndex, Origin, RecordFlags, RecordMarks, RecordRef, Said};
use serde_json::{Map, Value};
use tracing::{error, info};

use crate::pipeline::InputSettings;

/// The batch of records that were read together, as it was but for what says how far files were read.
pub(crate) fn batch_of(records: &[Stored], input: InputIndex) -> Batch {
    let mut batch = Batch::default();
    batch.input = input;
    batch.receive_time_ns = records.first().map_or(0, |stored| stored.entry.receive_time_ns);
    let mut origins: Vec<(Transport, &str, Option<&str>)> = Vec::new();
    for Stored { entry, origin, said, raw, .. } in records {
        let said = said.as_deref();
        let known = origins.iter().position(|&known| known == (entry.transport, origin, said));
        let at = known.unwrap_or_else(|| {
            origins.push((entry.transport, origin, said));
            batch.origins.push(Arc::new(origin_of(entry.transport, origin, said)));
            origins.len() - 1
        });
        batch.records.push(RecordRef {
            at: batch.bytes.len() as u32,
            len: raw.len() as u32,
            origin: at as u16,
            flags: RecordFlags::from_bits(entry.flags),
            marks: RecordMarks::from_bits(entry.marks),
            lines: entry.lines,
            part: entry.part,
            offset: entry.offset,
            line: entry.line,
            receive_time_ns: entry.receive_time_ns,
            stated_time_ns: entry.stated_time_ns,
        });
        batch.bytes.extend_from_slice(raw);
    }
    batch
}

/// Batches on their way to the workers.
const QUEUE_BATCHES: usize = 16;

/// The batches that the archive holds from record `from` on of inputs that nobody can read again: files are read on from
/// their places. `from` is how far the state taken up reaches; without one, what is sealed counts as worked off. `None` = nothing is left.
/// To be asked for before the archive is opened, which seals what lies there.
pub(crate) fn left_over(search: Search, from: Option<u64>, inputs: &Arc<[InputSettings]>) -> Option<Receiver<Batch>> {
    let from = from.unwrap_or(search.sealed_until()).max(search.sequences().start);
    if from >= search.sequences().end {
        return None;
    }
    let (queue, batches) = bounded(QUEUE_BATCHES);
    let inputs = Arc::clone(inputs);
    let feed = move || {
        let (mut held, mut records, mut of_no_input): (Vec<Stored>, u64, u64) = (Vec::new(), 0, 0);
        let send = |held: &mut Vec<Stored>| {
            let input = held.first().and_then(|first| inputs.iter().position(|input| *input.name == first.input));
            let sent = input.is_none_or(|input| queue.send(batch_of(held, input as InputIndex)).is_ok());
            held.clear();
            sent
        };
        let read = search.records_from(from, &mut |stored| {
            if !inputs.iter().any(|input| *input.name == stored.input) {
                of_no_input += 1;
                return true;
            }
            if matches!(stored.entry.transport, Transport::File | Transport::Unknown) {
                return true;
            }
            let goes_on = held.first().is_none_or(|first| (first.batch, &first.input) == (stored.batch, &stored.input));
            let taken = goes_on || send(&mut held);
            held.push(stored);
            records += 1;
            taken
        });
        if !held.is_empty() {
            send(&mut held);
        }
        match read {
            Ok(()) => info!(
                records,
                of_no_input, "records that were kept and not worked off before the last stop are worked off"
            ),
            Err(cause) => error!(
                records,
                "cannot read back all records that were kept and not worked off before the last stop: {cause}; search the archive for what \
                 alerts may be missing"
            ),
        }
    };
    match std::thread::Builder::new().name("again".into()).spawn(feed) {
        Ok(_) => Some(batches),
        Err(cause) => {
            error!("cannot work off what was kept before the last stop: {cause}");
            None
        }
    }
}

/// Where a record came from. Numbers of connections and inodes are not kept: they mean nothing after a restart.
fn origin_of(transport: Transport, text: &str, said: Option<&str>) -> Origin {
    // An address that cannot be read was none: what an archive of another version holds.
    let peer = || text.parse().unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
    match transport {
        Transport::Stdin => Origin::Stdin,
        Transport::Udp => {
            let listener = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
            Origin::Udp { peer: peer(), listener }
        }
        Transport::Tcp => Origin::Tcp { peer: peer(), connection: 0 },
        Transport::Tls => Origin::Tls { peer: peer(), connection: 0, subject: None },
        Transport::Relp => Origin::Relp { peer: peer(), connection: 0, subject: None },
        Transport::Http => {
            let said = said.and_then(said_of).map(Box::new);
            Origin::Http { peer: peer(), connection: 0, subject: None, token: None, said }
        }
        Transport::File | Transport::Unknown => {
            Origin::File { path: PathBuf::from(text), identity: FileIdentity::default() }
        }
    }
}

/// What a sender says of its records, as the archive keeps it.
pub(crate) fn said_text(said: &Said) -> String {
    let members = [
        ("host", &said.host),
        ("source", &said.source),
        ("sourcetype", &said.sourcetype),
        ("index", &said.index),
        ("fields", &said.fields),
    ];
    let told = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.as_deref()?))));
    Value::Object(told.collect::<Map<_, _>>()).to_string()
}

fn said_of(text: &str) -> Option<Said> {
    let said: Value = serde_json::from_str(text).ok()?;
    let member = |name: &str| said.get(name)?.as_str().map(Box::from);
    Some(Said {
        host: member("host"),
        source: member("source"),
        sourcetype: member("sourcetype"),
        index: member("index"),
        fields: member("fields"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sender_says_is_read_back() {
        let said = Said { host: Some("web\n1\"".into()), fields: Some(r#"{"a":"b"}"#.into()), ..Said::default() };
        assert_eq!(said_of(&said_text(&said)), Some(said));
        assert_eq!(said_of("{\"host\":"), None);
    }
}
