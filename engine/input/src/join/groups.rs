//! The records of one audit event, brought together by node and serial.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use noroshi_parsers::join::audit::{AuditRecord, GROUP_SPAN_NS, Part};

use super::Stream;
use super::batches::Batches;
use crate::batch::{Origin, RecordMarks, RecordRef};
use crate::counters::InputCounters;

/// Nodes with open groups at once. A node's name is its sender's to choose; over it all groups are handed over.
pub(super) const NODES_MAX: usize = 1_024;

/// Open groups of one node. Its processors each have some in flight.
pub(super) const NODE_GROUPS_MAX: usize = 64;

/// Records of one group. EXECVE takes several for long command lines, PATH one for each of some ten.
pub(super) const GROUP_RECORDS_MAX: usize = 256;

/// A record that waits for the others of its serial.
#[derive(Debug)]
struct Member {
    record: RecordRef,
    origin: Arc<Origin>,
    at: usize,
}

#[derive(Debug)]
pub(super) struct Group {
    /// `EPOCH:SERIAL`
    id: Box<[u8]>,
    time_ns: i64,
    /// When its last record was read.
    pub(super) since_ns: i64,
    bytes: Vec<u8>,
    members: Vec<Member>,
}

impl Group {
    fn add(&mut self, bytes: &[u8], record: &RecordRef, origin: &Arc<Origin>, now_ns: i64) {
        self.members.push(Member { record: *record, origin: Arc::clone(origin), at: self.bytes.len() });
        self.bytes.extend_from_slice(bytes);
        self.since_ns = now_ns;
    }

    /// Hands it over: its records one behind the other.
    fn emit(self, out: &mut Batches) -> usize {
        let count = self.members.len();
        for (number, member) in self.members.iter().enumerate() {
            let mut record = member.record;
            if number + 1 < count {
                record.marks |= RecordMarks::GROUPED_WITH_NEXT;
            }
            out.push(&self.bytes[member.at..member.at + record.len as usize], &record, &member.origin);
        }
        self.bytes.len()
    }

    pub(super) fn is_of(&self, stream: Stream) -> bool {
        self.members.iter().any(|member| Stream::of(&member.origin) == Some(stream))
    }
}

/// Open groups by node. No node without a group stays in the table.
#[derive(Debug, Default)]
pub(super) struct Groups {
    nodes: BTreeMap<Box<[u8]>, VecDeque<Group>>,
}

impl Groups {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Takes a record; the answer is how many bytes are held more, or fewer.
    #[expect(clippy::too_many_arguments, reason = "a record with all that is known of it")]
    pub(super) fn take(
        &mut self,
        found: &AuditRecord<'_>,
        bytes: &[u8],
        record: &RecordRef,
        origin: &Arc<Origin>,
        now_ns: i64,
        counters: &InputCounters,
        out: &mut Batches,
    ) -> isize {
        let mut room = [0; 17];
        let node = if found.node.is_empty() { node_of(origin, &mut room) } else { found.node };
        let part = found.part();
        let mut held = 0isize;
        if !self.nodes.contains_key(node) {
            if part != Part::Open {
                out.push(bytes, record, origin);
                return 0;
            }
            if self.nodes.len() >= NODES_MAX {
                held -= self.close_all(true, counters, out) as isize;
            }
            self.nodes.insert(node.into(), VecDeque::new());
        }
        let Some(groups) = self.nodes.get_mut(node) else { return held };
        // Another event of the node so much later: what is older is complete.
        while let Some(at) = groups.iter().position(|group| found.time_ns - group.time_ns > GROUP_SPAN_NS) {
            held -= groups.remove(at).map_or(0, |group| group.emit(out)) as isize;
        }
        match groups.iter().position(|group| *group.id == *found.id) {
            Some(at) => {
                groups[at].add(bytes, record, origin, now_ns);
                held += bytes.len() as isize;
                let full = groups[at].members.len() >= GROUP_RECORDS_MAX;
                if part == Part::Last || full {
                    held -= groups.remove(at).map_or(0, |group| group.emit(out)) as isize;
                    InputCounters::add(&counters.groups_cut, u64::from(part != Part::Last));
                }
            }
            None if part != Part::Open => out.push(bytes, record, origin),
            None => {
                if groups.len() >= NODE_GROUPS_MAX {
                    held -= groups.pop_front().map_or(0, |group| group.emit(out)) as isize;
                    InputCounters::add(&counters.groups_cut, 1);
                }
                let mut group = Group {
                    id: found.id.into(),
                    time_ns: found.time_ns,
                    since_ns: now_ns,
                    bytes: Vec::with_capacity(4 * bytes.len()),
                    members: Vec::with_capacity(6),
                };
                group.add(bytes, record, origin, now_ns);
                held += bytes.len() as isize;
                groups.push_back(group);
            }
        }
        if groups.is_empty() {
            self.nodes.remove(node);
        }
        held
    }

    /// Hands all groups over; the answer is how many bytes they held.
    pub(super) fn close_all(&mut self, cut: bool, counters: &InputCounters, out: &mut Batches) -> usize {
        let count: usize = self.nodes.values().map(VecDeque::len).sum();
        InputCounters::add(&counters.groups_cut, if cut { count as u64 } else { 0 });
        self.close_where(|_| true, out)
    }

    /// Hands over the groups that are `done`; the answer is how many bytes they held.
    pub(super) fn close_where(&mut self, done: impl Fn(&Group) -> bool, out: &mut Batches) -> usize {
        let mut held = 0;
        self.nodes.retain(|_, groups| {
            while let Some(at) = groups.iter().position(&done) {
                held += groups.remove(at).map_or(0, |group| group.emit(out));
            }
            !groups.is_empty()
        });
        held
    }

    /// Where the first record of a file stands that is held.
    pub(super) fn begin_of(&self, stream: Stream) -> Option<(u64, u64)> {
        let members = self.nodes.values().flatten().flat_map(|group| &group.members);
        let ours = members.filter(|member| Stream::of(&member.origin) == Some(stream));
        ours.map(|member| (member.record.offset, member.record.line)).min()
    }
}

/// What stands in for a node's name: the sender's address, or the file.
fn node_of<'a>(origin: &Origin, room: &'a mut [u8; 17]) -> &'a [u8] {
    match origin {
        Origin::File { identity, .. } => {
            room[..8].copy_from_slice(&identity.dev.to_le_bytes());
            room[8..16].copy_from_slice(&identity.ino.to_le_bytes());
            room[16] = 1;
        }
        Origin::Stdin => room[16] = 2,
        _ => {
            let ip = match origin.peer().map(|peer| peer.ip()) {
                Some(std::net::IpAddr::V4(ip)) => ip.to_ipv6_mapped(),
                Some(std::net::IpAddr::V6(ip)) => ip,
                None => return &[],
            };
            room[..16].copy_from_slice(&ip.octets());
            room[16] = 3;
        }
    }
    room
}
