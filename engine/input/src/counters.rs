//! What each input counts. Nothing is lost in silence: `records = handed + dropped` holds for every
//! input once it has stopped, and up to the batches in flight before.

use std::sync::atomic::{AtomicU64, Ordering};

use noroshi_parsers::wire::flow::FlowCounters;

/// Why records that were received were not handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// The queue stayed full until the time for a clean stop had run out.
    QueueFull,
    /// Nobody reads the queue any more.
    ConsumerGone,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one input. All only grow, [`InputCounters::connections_open`] excepted.
        #[derive(Default, Debug)]
        pub struct InputCounters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        impl InputCounters {
            /// Every counter by name, for metrics and the ledger.
            pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*]
            }
        }
    };
}

counters! {
    /// Records received (parts of long records one by one).
    records,
    /// Their bytes, without separators and octet counts.
    bytes,
    /// Records handed over.
    handed,
    /// Records dropped because the queue stayed full through the time for a clean stop.
    dropped_queue_full,
    /// Records dropped because nobody reads the queue any more.
    dropped_consumer_gone,
    /// Datagrams the kernel dropped because the socket's buffer was full; never received by us.
    kernel_drops,
    /// Datagrams of flow records.
    flow_datagrams,
    /// Those that break their protocol; they go on whole.
    flow_malformed,
    /// Templates learnt or refreshed.
    flow_templates,
    /// Templates refused: without fields, too wide, or without length.
    flow_templates_refused,
    /// Templates forgotten because their exporter sent too many.
    flow_templates_evicted,
    /// Exporters forgotten because there are too many.
    flow_exporters_evicted,
    /// Data sets whose template was not known; they go on undecoded.
    flow_no_template,
    /// What exporters sent and did not arrive, by their sequence numbers.
    flow_lost,
    /// Sequence numbers of exporters that went back.
    flow_sequence_resets,
    /// Datagrams with more flow records than are read one by one.
    flow_records_capped,
    /// Datagrams longer than the receive buffer; their begin was kept.
    truncated_datagrams,
    /// Parts of records longer than the limit.
    oversize_parts,
    /// Records framed by newline where an octet count was due.
    framing_resync,
    /// Records framed by newline over TLS, where RFC 5425 allows octet counting only.
    newline_over_tls,
    /// Records whose stream ended before they were complete.
    unterminated,
    /// Records put together from several lines.
    joined,
    /// Of those, how many met a bound of lines, bytes or time before their end.
    joins_cut,
    /// Audit groups handed over early: too many were open, or one had too many records.
    groups_cut,
    /// Connections accepted.
    connections,
    /// Connections open now.
    connections_open,
    /// Connections refused because too many were open.
    connections_refused,
    /// Connections closed because nothing came for too long.
    idle_closed,
    /// Connections closed because too many of the listener held unfinished records.
    buffers_exhausted,
    /// Connections that ended with an error, failed accepts, and failed reads of a UDP socket.
    connection_errors,
    /// TLS handshakes that failed, missing client certificates included.
    tls_handshake_failures,
    /// Records whose senders were told that they are kept.
    acknowledged,
    /// Records whose senders were told to send them again.
    not_acknowledged,
    /// RELP sessions closed for something that is no frame, too long, or not asked for.
    relp_malformed,
    /// HTTP requests.
    requests,
    /// HTTP requests without a token that is known.
    requests_unauthorized,
    /// HTTP requests whose body does not hold what it should.
    requests_malformed,
    /// HTTP requests with more than is taken, packed or unpacked.
    requests_too_long,
    /// HTTP requests whose body broke off or took too long.
    requests_broken_off,
    /// HTTP requests told to come again: too much was in flight, or their records are not kept.
    requests_put_off,
    /// Numbered batches that were sent again after they were kept.
    batches_repeated,
    /// Files found.
    files_opened,
    /// Files replaced by a new one of the same name.
    files_rotated,
    /// Files cut back to nothing and begun anew.
    files_truncated,
    /// Files whose name is gone.
    files_vanished,
    /// Errors when opening, reading or looking up files.
    file_errors,
    /// Checkpoints whose file could not be found again: what was not yet read of it is lost to us.
    checkpoints_lost,
}

impl InputCounters {
    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    /// The sum of all reasons.
    pub fn dropped(&self) -> u64 {
        self.dropped_queue_full.load(Ordering::Relaxed) + self.dropped_consumer_gone.load(Ordering::Relaxed)
    }

    /// Adds what a flow decoder counted since it was last looked at.
    pub(crate) fn add_flows(&self, now: &FlowCounters, before: &FlowCounters) {
        for (counter, now, before) in [
            (&self.flow_datagrams, now.datagrams, before.datagrams),
            (&self.flow_malformed, now.malformed, before.malformed),
            (&self.flow_templates, now.templates, before.templates),
            (&self.flow_templates_refused, now.templates_refused, before.templates_refused),
            (&self.flow_templates_evicted, now.templates_evicted, before.templates_evicted),
            (&self.flow_exporters_evicted, now.exporters_evicted, before.exporters_evicted),
            (&self.flow_no_template, now.no_template, before.no_template),
            (&self.flow_lost, now.lost, before.lost),
            (&self.flow_sequence_resets, now.sequence_resets, before.sequence_resets),
            (&self.flow_records_capped, now.records_capped, before.records_capped),
        ] {
            if now > before {
                Self::add(counter, now - before);
            }
        }
    }

    pub(crate) fn drop_records(&self, reason: DropReason, records: u64) {
        let counter = match reason {
            DropReason::QueueFull => &self.dropped_queue_full,
            DropReason::ConsumerGone => &self.dropped_consumer_gone,
        };
        Self::add(counter, records);
    }
}

/// Counts of one read, kept local and published once.
#[derive(Default)]
pub(crate) struct Tally {
    pub records: u64,
    pub bytes: u64,
    pub oversize_parts: u64,
    pub framing_resync: u64,
    pub newline: u64,
    pub unterminated: u64,
    pub truncated: u64,
}

impl Tally {
    #[inline]
    pub(crate) fn count(&mut self, len: usize, flags: crate::RecordFlags) {
        use crate::RecordFlags as F;
        self.records += 1;
        self.bytes += len as u64;
        if flags == F::empty() {
            self.newline += 1;
            return;
        }
        self.newline += u64::from(!flags.contains(F::OCTET_COUNTED));
        self.oversize_parts += u64::from(flags.contains(F::PART));
        self.framing_resync += u64::from(flags.contains(F::RESYNC));
        self.unterminated += u64::from(flags.contains(F::UNTERMINATED));
        self.truncated += u64::from(flags.contains(F::TRUNCATED));
    }

    pub(crate) fn publish(self, counters: &InputCounters, over_tls: bool) {
        let mut pairs = [
            (&counters.records, self.records),
            (&counters.bytes, self.bytes),
            (&counters.oversize_parts, self.oversize_parts),
            (&counters.framing_resync, self.framing_resync),
            (&counters.unterminated, self.unterminated),
            (&counters.truncated_datagrams, self.truncated),
            (&counters.newline_over_tls, self.newline),
        ];
        if !over_tls {
            pairs[6].1 = 0;
        }
        for (counter, n) in pairs {
            if n > 0 {
                InputCounters::add(counter, n);
            }
        }
    }
}
