//! Captured state: what a snapshot keeps of a shard or of the tower, rule by rule.
//!
//! State belongs to a rule's definition and to fixed key partitions, so a capture can be taken up under another set of
//! rules, where those whose definition is the same take theirs, and by another number of shards, where each takes the
//! partitions that are its own. All captures of one moment are taken up together.

use std::io;

use crate::RuleSpec;
use crate::image::{Damaged, ImageReader, ImageWriter};

/// The state of one shard, or of the tower, at one moment.
#[derive(Clone, Debug)]
pub struct Capture<E> {
    pub(crate) sources: Vec<u8>,
    pub(crate) rules: Vec<RuleCapture<E>>,
}

/// The state of one rule.
#[derive(Clone, Debug)]
pub(crate) struct RuleCapture<E> {
    pub(crate) definition_digest: [u8; 32],
    pub(crate) id: Box<str>,
    /// What is of all keys.
    pub(crate) head: Vec<u8>,
    pub(crate) parts: Vec<PartCapture<E>>,
    /// What of a shelf belongs to it; empty where there is none.
    pub(crate) shelf: Vec<u8>,
}

/// The keys of one partition.
#[derive(Clone, Debug)]
pub(crate) struct PartCapture<E> {
    pub(crate) place: u8,
    /// Of the sieve before the windows, not of the windows.
    pub(crate) sieved: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) evidence: Vec<E>,
}

impl<E> Capture<E> {
    /// The state of a rule, if it is the same by its definition.
    pub(crate) fn of(&self, spec: &RuleSpec) -> Option<&RuleCapture<E>> {
        self.rules.iter().find(|rule| rule.definition_digest == spec.definition_digest && *rule.id == *spec.id)
    }
}

impl<E: Clone> Capture<E> {
    /// Evidence that the capture refers to, some of it several times.
    pub fn evidence(&self) -> impl Iterator<Item = &E> {
        self.rules.iter().flat_map(|rule| &rule.parts).flat_map(|part| &part.evidence)
    }

    /// What it names of shelves ([`crate::Shelf::name`]).
    pub fn shelves(&self) -> impl Iterator<Item = &[u8]> {
        self.rules.iter().map(|rule| &*rule.shelf).filter(|named| !named.is_empty())
    }

    /// Bytes of state, evidence left out.
    #[must_use]
    pub fn len(&self) -> usize {
        let parts = |rule: &RuleCapture<E>| rule.parts.iter().map(|part| part.bytes.len()).sum::<usize>();
        self.sources.len() + self.rules.iter().map(|rule| rule.head.len() + parts(rule)).sum::<usize>()
    }

    /// Whether there is no state of any rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Writes the capture; evidence as the number that `number` gives it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn io::Write, mut number: impl FnMut(&E) -> u32) -> io::Result<()> {
        let mut head = ImageWriter::<()>::default();
        head.raw(&self.sources);
        head.length(self.rules.len());
        out.write_all(&head.bytes)?;
        for rule in &self.rules {
            let mut head = ImageWriter::<()>::default();
            head.bytes.extend_from_slice(&rule.definition_digest);
            head.raw(rule.id.as_bytes());
            head.raw(&rule.head);
            head.raw(&rule.shelf);
            head.length(rule.parts.len());
            out.write_all(&head.bytes)?;
            for part in &rule.parts {
                let mut head = ImageWriter::<()>::default();
                head.put(&part.place);
                head.put(&part.sieved);
                head.length(part.evidence.len());
                for evidence in &part.evidence {
                    head.length(number(evidence) as usize);
                }
                head.length(part.bytes.len());
                out.write_all(&head.bytes)?;
                out.write_all(&part.bytes)?;
            }
        }
        Ok(())
    }

    /// Takes a capture off the begin of `bytes`; `evidence` by the numbers that it was written with.
    ///
    /// # Errors
    /// When the bytes are none that [`Capture::write`] wrote.
    pub fn read(bytes: &mut &[u8], evidence: &[E]) -> Result<Capture<E>, Damaged> {
        let mut from = ImageReader::<E>::new(bytes, evidence);
        let sources = from.raw()?.to_vec();
        let mut rules = Vec::new();
        for _ in 0..from.length()? {
            let mut definition_digest = [0; 32];
            for byte in &mut definition_digest {
                *byte = from.take()?;
            }
            let id = std::str::from_utf8(from.raw()?).map_err(|_| Damaged("an id is no text"))?.into();
            let head = from.raw()?.to_vec();
            let shelf = from.raw()?.to_vec();
            let mut parts = Vec::new();
            for _ in 0..from.length()? {
                let (place, sieved) = (from.take()?, from.take()?);
                let evidence = (0..from.length()?).map(|_| from.evidence()).collect::<Result<_, _>>()?;
                parts.push(PartCapture { place, sieved, evidence, bytes: from.raw()?.to_vec() });
            }
            rules.push(RuleCapture { definition_digest, id, head, parts, shelf });
        }
        let read = bytes.len() - from.left();
        *bytes = &bytes[read..];
        Ok(Capture { sources, rules })
    }
}
