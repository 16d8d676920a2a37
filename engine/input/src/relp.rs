//! RELP listeners: every record is answered when it is kept, and not before (RELP specification, version 1).
//!
//! What one read brings is handed over together and answered together, in the order received. A refused record ends the
//! session: the sender's library then opens a new one and sends again what was not answered.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use noroshi_parsers::frame::{RelpFault, relp_frame, relp_offer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::Clock;
use crate::batch::Origin;
use crate::collector::{CONNECTION_BUFFER_BYTES, CONNECTION_BUFFERS_BYTES_MAX};
use crate::counters::InputCounters;
use crate::door::{Door, Io, Visitor};
use crate::handover::{Claim, Handover, Room};
use crate::receipt::Answer;

/// Longest data of one frame: far above what rsyslog sends (8 KiB by default, 128 KiB where RELP's own bound is not raised). A longer frame
/// is refused and ends its session, told and counted: a sender that cannot be answered would only come again.
pub const RELP_DATA_BYTES_MAX: usize = 16 << 20;

/// Commands of one session that wait for their answers. Senders stop at 128 by default, 1,000 over satellites; beyond, nothing more
/// is read until some are answered.
pub const RELP_WINDOW_MAX: usize = 4096;

/// Commands taken from one read at most, so that the window bounds them.
const COMMANDS_AT_ONCE_MAX: usize = 1024;

/// Bytes read at once.
const READ_BYTES: usize = 128 << 10;

/// Seconds a sender may leave its answers unread before it is given up.
pub const ANSWER_TIMEOUT_S: u64 = 30;

/// On a stop, how long answers are waited for that are still due.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// What the server calls itself in the answer to `open`.
const SOFTWARE: &str = concat!("relp_software=noroshi,", env!("CARGO_PKG_VERSION"));

/// One listener with what its sessions share.
pub(crate) struct RelpInput {
    pub door: Arc<Door>,
    pub idle_timeout_s: u64,
    pub handover: Handover,
    /// For unfinished frames beyond a buffer's begin.
    pub buffers: Room,
    pub clock: Arc<dyn Clock>,
}

/// The room for unfinished frames of one listener.
pub(crate) fn buffers_room() -> Room {
    Room::new(CONNECTION_BUFFERS_BYTES_MAX)
}

/// What is to be written once a group of commands is worked off.
enum Reply {
    /// The answer to `open` and other commands that are answered at once.
    Text(u32, String),
    /// As the records fare.
    Record(u32),
}

/// Commands that came together.
struct Group {
    /// Their place in the order of answers.
    number: u64,
    replies: Vec<Reply>,
    answer: Answer,
    /// The session is over once this is written.
    last: bool,
    /// Held until it is written.
    _window: Option<OwnedSemaphorePermit>,
}

impl RelpInput {
    /// Serves until the stop.
    pub(crate) async fn run(self: Arc<Self>, listener: TcpListener) {
        let this = Arc::clone(&self);
        let serve = move |visitor: Visitor, io: Box<dyn Io>| {
            let this = Arc::clone(&this);
            async move { this.session(visitor, io).await }
        };
        self.door.keep(listener, serve).await;
    }

    async fn session(&self, visitor: Visitor, io: Box<dyn Io>) {
        let Visitor { peer, connection, subject, .. } = visitor;
        let origin = Arc::new(Origin::Relp { peer, connection, subject });
        let (reader, writer) = tokio::io::split(io);
        let (groups, due) = mpsc::unbounded_channel();
        let session = Session {
            input: self,
            origin,
            buffer: Vec::with_capacity(CONNECTION_BUFFER_BYTES),
            claim: None,
            open: false,
            groups,
            number: 0,
            window: Arc::new(Semaphore::new(RELP_WINDOW_MAX)),
        };
        // The writer ends when the reader and all receipts have let go of the channel, or at the first refusal; a sender
        // that is refused is not read on.
        let mut writing = std::pin::pin!(write_answers(writer, due));
        let written = tokio::select! {
            written = &mut writing => written,
            () = session.read(reader) => {
                if self.door.shutdown.is_requested() {
                    tokio::time::timeout(STOP_WAIT, writing).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                } else {
                    writing.await
                }
            }
        };
        if written.is_err() {
            InputCounters::add(&self.handover.counters.connection_errors, 1);
        }
    }
}

/// The reading half of one connection.
struct Session<'a> {
    input: &'a RelpInput,
    origin: Arc<Origin>,
    buffer: Vec<u8>,
    /// For the buffer beyond its begin.
    claim: Option<Claim>,
    /// `open` was answered.
    open: bool,
    groups: mpsc::UnboundedSender<Group>,
    number: u64,
    window: Arc<Semaphore>,
}

impl Session<'_> {
    /// Reads until the session ends, whoever ends it.
    async fn read(mut self, mut reader: ReadHalf<Box<dyn Io>>) {
        let counters = Arc::clone(&self.input.handover.counters);
        let idle = Duration::from_secs(self.input.idle_timeout_s);
        loop {
            if !self.make_room() {
                return;
            }
            let read = tokio::select! {
                biased;
                () = self.input.door.shutdown.requested() => return,
                read = tokio::time::timeout(idle, reader.read_buf(&mut self.buffer)) => read,
            };
            match read {
                Ok(Ok(0)) => return,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    if error.kind() != io::ErrorKind::UnexpectedEof {
                        InputCounters::add(&counters.connection_errors, 1);
                    }
                    return;
                }
                Err(_) => return InputCounters::add(&counters.idle_closed, 1),
            }
            loop {
                match self.take().await {
                    Took::All => break,
                    Took::More => {}
                    Took::Last => return,
                }
            }
        }
    }

    /// Room for the next read; false when the listener's budget for unfinished frames is used up.
    fn make_room(&mut self) -> bool {
        let (len, capacity) = (self.buffer.len(), self.buffer.capacity());
        if capacity - len >= CONNECTION_BUFFER_BYTES / 4 {
            return true;
        }
        let more = capacity.max(READ_BYTES);
        let claimed = match &mut self.claim {
            Some(claim) => claim.grow(more),
            none => {
                *none = self.input.buffers.try_claim(more);
                none.is_some()
            }
        };
        if !claimed {
            InputCounters::add(&self.input.handover.counters.buffers_exhausted, 1);
            tracing::warn!(input = %self.input.door.name, origin = ?self.origin,
                "RELP session closed: too many sessions hold unfinished frames");
            return false;
        }
        self.buffer.reserve_exact(capacity + more - len);
        true
    }

    /// Hands over what the buffer holds of whole frames.
    async fn take(&mut self) -> Took {
        let input = self.input;
        let mut parcel = input.handover.parcel(None, input.clock.now_ns());
        let mut replies = Vec::new();
        let (mut at, mut took, mut bytes) = (0, Took::All, 0);
        while replies.len() < COMMANDS_AT_ONCE_MAX {
            let frame = match relp_frame(&self.buffer[at..], RELP_DATA_BYTES_MAX) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(fault) => {
                    InputCounters::add(&input.handover.counters.relp_malformed, 1);
                    tracing::warn!(input = %input.door.name, origin = ?self.origin, ?fault, "RELP session closed: no frame");
                    if let RelpFault::TooLong { transaction, .. } = fault {
                        replies.push(Reply::Text(transaction, format!("500 longer than {RELP_DATA_BYTES_MAX} bytes")));
                    }
                    took = Took::Last;
                    break;
                }
            };
            at += frame.bytes;
            match (frame.transaction, frame.command) {
                // Hints are for information only.
                (0, _) => {}
                (number, b"open") => {
                    let (text, open) = open(frame.data);
                    self.open = open;
                    replies.push(Reply::Text(number, text));
                    if !open {
                        took = Took::Last;
                        break;
                    }
                }
                (number, b"syslog") if self.open => {
                    let record = frame.data.strip_suffix(b"\n").unwrap_or(frame.data);
                    bytes += record.len();
                    parcel.add(record, &self.origin, 0);
                    replies.push(Reply::Record(number));
                }
                (number, b"close") => {
                    replies.push(Reply::Text(number, "200 OK".to_owned()));
                    took = Took::Last;
                    break;
                }
                (number, _) => {
                    InputCounters::add(&input.handover.counters.relp_malformed, 1);
                    replies.push(Reply::Text(number, "500 command not supported in this state".to_owned()));
                    took = Took::Last;
                    break;
                }
            }
        }
        if replies.len() == COMMANDS_AT_ONCE_MAX && took == Took::All {
            took = Took::More;
        }
        let window = Arc::clone(&self.window).acquire_many_owned(replies.len() as u32).await.ok();
        let number = self.number;
        self.number += 1;
        let last = took == Took::Last;
        if parcel.records() == 0 {
            let _ = self.groups.send(Group { number, replies, answer: Answer::Kept, last, _window: window });
        } else if let Some(held) = input.handover.in_flight.claim(bytes).await {
            let groups = self.groups.clone();
            let answered = move |answer: &Answer| {
                let answer = answer.clone();
                let _ = groups.send(Group { number, replies, answer, last, _window: window });
            };
            drop(parcel.hand_over(held, answered));
        }
        self.buffer.drain(..at);
        if self.buffer.len() < CONNECTION_BUFFER_BYTES / 2
            && self.buffer.capacity() > READ_BYTES + CONNECTION_BUFFER_BYTES
        {
            self.buffer.shrink_to(CONNECTION_BUFFER_BYTES);
            self.claim = None;
        }
        took
    }
}

/// What [`Session::take`] found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Took {
    /// Every whole frame.
    All,
    /// There may be more.
    More,
    /// The session ends.
    Last,
}

/// The answer to `open`, and whether the session is open then. Version 0 is what librelp speaks, 1 what the specification says; both
/// are the same on the wire.
fn open(offers: &[u8]) -> (String, bool) {
    match relp_offer(offers, "relp_version") {
        Some(version @ (b"0" | b"1")) => {
            let version = char::from(version[0]);
            (format!("200 OK\nrelp_version={version}\n{SOFTWARE}\ncommands=syslog"), true)
        }
        _ => ("500 relp_version 0 or 1 is needed".to_owned(), false),
    }
}

/// Writes answers in the order of their commands until nobody owes one, the session is over, or a record is refused.
async fn write_answers(mut writer: WriteHalf<Box<dyn Io>>, mut due: mpsc::UnboundedReceiver<Group>) -> io::Result<()> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    let mut text = String::new();
    let mut over = false;
    while !over {
        let Some(group) = due.recv().await else { break };
        early.insert(group.number, group);
        let mut windows = Vec::new();
        while let Some(group) = early.remove(&next).filter(|_| !over) {
            next += 1;
            over = group.last;
            for reply in &group.replies {
                match (reply, &group.answer) {
                    (Reply::Text(number, said), _) => response(&mut text, *number, said),
                    (Reply::Record(number), Answer::Kept) => response(&mut text, *number, "200 OK"),
                    (Reply::Record(number), Answer::Refused(reason)) => {
                        response(&mut text, *number, &format!("500 {}", reason.replace('\n', " ")));
                        over = true;
                    }
                }
            }
            windows.push(group);
        }
        write(&mut writer, &mut text).await?;
    }
    text.push_str("0 serverclose 0\n");
    write(&mut writer, &mut text).await?;
    tokio::time::timeout(Duration::from_secs(ANSWER_TIMEOUT_S), writer.shutdown()).await?
}

async fn write(writer: &mut WriteHalf<Box<dyn Io>>, text: &mut String) -> io::Result<()> {
    let written = async {
        writer.write_all(text.as_bytes()).await?;
        writer.flush().await
    };
    tokio::time::timeout(Duration::from_secs(ANSWER_TIMEOUT_S), written).await??;
    text.clear();
    Ok(())
}

fn response(text: &mut String, transaction: u32, said: &str) {
    use std::fmt::Write as _;
    let _ = writeln!(text, "{transaction} rsp {} {said}", said.len());
}

#[cfg(test)]
#[path = "relp_tests.rs"]
mod tests;
