//! How far each producer that numbers its batches has come: what keeps a batch that is sent again from being kept twice.
//!
//! A number stands in the frame of its batch, so that both are durable or neither. When a write-ahead segment is sealed, its numbers go
//! into [`FILE`] before it is removed.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use noroshi_files::{Files, replace_durably};
use serde::{Deserialize, Serialize};

use crate::frame::{Frame, Numbered};

/// Where the table lies, below the archive's directory.
pub(crate) const FILE: &str = "producers.json";

/// Producers remembered, as many as inputs remember; beyond, those not heard of for longest are forgotten.
const PRODUCERS_MAX: usize = 4096;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Kept {
    sequence: u64,
    /// When its last batch came, nanoseconds since 1970 UTC.
    received_ns: i64,
}

/// The newest batch kept of each producer.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Table(BTreeMap<String, Kept>);

impl Table {
    /// The table in `directory`; one that is not there is empty.
    ///
    /// # Errors
    /// Those of `read`, and `InvalidData` for a file that is no such table.
    pub(crate) fn read(files: &dyn Files, directory: &Path) -> io::Result<Self> {
        match files.read(&directory.join(FILE)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Takes note of a frame's number; `true` = it tells something new.
    pub(crate) fn note(&mut self, frame: &Frame<'_>) -> bool {
        let Some(Numbered { producer, sequence }) = &frame.numbered else { return false };
        let received_ns = frame.entries.last().map_or(0, |entry| entry.receive_time_ns);
        match self.0.get_mut(producer) {
            Some(kept) if kept.sequence >= *sequence => false,
            Some(kept) => {
                *kept = Kept { sequence: *sequence, received_ns: kept.received_ns.max(received_ns) };
                true
            }
            None => {
                self.0.insert(producer.clone(), Kept { sequence: *sequence, received_ns });
                true
            }
        }
    }

    /// Writes the table, durably.
    ///
    /// # Errors
    /// Those of the write; the table before it stands then.
    pub(crate) fn write(&mut self, files: &dyn Files, directory: &Path) -> io::Result<()> {
        while self.0.len() > PRODUCERS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, kept)| kept.received_ns).map(|(producer, _)| producer.clone());
            let Some(oldest) = oldest else { break };
            self.0.remove(&oldest);
        }
        let bytes = serde_json::to_vec(&self.0).map_err(io::Error::other)?;
        replace_durably(files, &directory.join(FILE), &bytes)
    }

    /// Its numbers.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = Numbered> {
        self.0.iter().map(|(producer, kept)| Numbered { producer: producer.clone(), sequence: kept.sequence })
    }
}

#[cfg(test)]
mod tests {
    use noroshi_files::SimulatedDisk;

    use super::*;
    use crate::frame::{Entry, FrameWriter};

    fn noted(table: &mut Table, producer: &str, sequence: u64, received_ns: i64) -> bool {
        let numbered = Numbered { producer: producer.to_owned(), sequence };
        let mut writer = FrameWriter::new(0, "http", Some(&numbered), ["o".into()].into_iter());
        writer.push(b"r", &Entry { receive_time_ns: received_ns, ..Entry::default() });
        let bytes = writer.finish().0;
        table.note(&Frame::parse(&bytes).expect("a frame").0)
    }

    #[test]
    fn the_newest_number_of_each_producer_comes_back_and_a_flood_forgets_the_oldest() {
        let disk = SimulatedDisk::new();
        let directory = Path::new("/archive");
        disk.create_directory(directory).expect("a directory");
        let mut table = Table::read(&disk, directory).expect("none yet");
        assert!(noted(&mut table, "a", 7, 1_000_000) && !noted(&mut table, "a", 6, 1_000_001));
        for n in 0..PRODUCERS_MAX as u64 {
            assert!(noted(&mut table, &format!("p{n}"), 1, n as i64));
        }
        table.write(&disk, directory).expect("room");
        let back = Table::read(&disk, directory).expect("it stands");
        assert_eq!(back, table);
        let numbers: Vec<_> = back.numbers().collect();
        assert_eq!((numbers.len(), &numbers[0].producer, numbers[0].sequence), (PRODUCERS_MAX, &"a".to_owned(), 7));
        assert!(numbers.iter().all(|numbered| numbered.producer != "p0"), "the one not heard of for longest");
    }
}
