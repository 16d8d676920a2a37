//! Fuzzes framing, splitting, joining and the decoders: `NOROSHI_FUZZ_TARGET` is `frame`, `split`, `join`, `flow`, `relp`, `hec`,
//! `bulk`, or a format's name.
//!
//! A decoder target reads any bytes as one record of a source that is told to speak the format. It must
//! not panic, must keep the raw bytes, and must say the same when asked twice.
#![no_main]

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::document::to_json;
use noroshi_parsers::event::Event;
use noroshi_parsers::frame::{BulkItems, Framer, Framing, HecEnvelopes, HecEvent, Position, relp_frame};
use noroshi_parsers::join::{At, Join, Lines, Step, audit};
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::split::elements;
use noroshi_parsers::wire::flow::{FlowDecoder, FlowProtocol};

enum Target {
    Frame,
    Split,
    Join,
    Flow,
    Relp,
    Hec,
    Bulk,
    /// Records of a declared format; of none where the name is a folder of several products' lines.
    Records(Option<ProductId>),
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("NOROSHI_FUZZ_TARGET").unwrap_or_else(|_| "syslog".to_owned());
    match name.as_str() {
        "frame" => Target::Frame,
        "flow" => Target::Flow,
        "split" => Target::Split,
        "relp" => Target::Relp,
        "hec" => Target::Hec,
        "bulk" => Target::Bulk,
        "join" => Target::Join,
        format => Target::Records(ProductId::by_name(format)),
    }
});

thread_local! {
    static DECODER: RefCell<(Arc<Dictionary>, Decoder, Event)> = RefCell::new({
        let dictionary = Arc::new(Dictionary::new());
        (Arc::clone(&dictionary), Decoder::new(dictionary), Event::new())
    });
}

fuzz_target!(|bytes: &[u8]| {
    match &*TARGET {
        Target::Frame => frame(bytes),
        Target::Split => split(bytes),
        Target::Join => join(bytes),
        Target::Flow => flow(bytes),
        Target::Relp => relp(bytes),
        Target::Hec => hec(bytes),
        Target::Bulk => bulk(bytes),
        Target::Records(format) => decode(bytes, *format),
    }
});

fn decode(record: &[u8], format: Option<ProductId>) {
    const RECEIVED_NS: i64 = 1_790_000_000_000_000_000;
    DECODER.with_borrow_mut(|(dictionary, decoder, event)| {
        let options = SourceOptions { format, ..SourceOptions::default() };
        decoder.decode(record, RECEIVED_NS, &options, event);
        let first = to_json(event.view(record), dictionary);
        assert_eq!(event.view(record).original(), record);
        decoder.decode(record, RECEIVED_NS, &options, event);
        assert_eq!(first, to_json(event.view(record), dictionary));
    });
}

/// Frames lie one behind the other; a frame that is cut is none yet, wherever.
fn relp(mut bytes: &[u8]) {
    while let Ok(Some(frame)) = relp_frame(bytes, 4096) {
        assert!(frame.bytes <= bytes.len() && bytes[frame.bytes - 1] == b'\n' && frame.data.len() <= 4096);
        assert_eq!(relp_frame(&bytes[..frame.bytes - 1], 4096), Ok(None));
        bytes = &bytes[frame.bytes..];
    }
}

/// Events lie in the body, in order; text is never longer than it is written.
fn hec(body: &[u8]) {
    let mut at = body.as_ptr() as usize;
    for envelope in HecEnvelopes::new(body).flatten() {
        let raw = match envelope.event {
            HecEvent::Json(json) => json,
            HecEvent::Text(text) => {
                let mut out = Vec::new();
                text.append_to(&mut out);
                assert!(out.len() <= text.raw().len());
                text.raw()
            }
        };
        assert!(!raw.is_empty() && raw.as_ptr() as usize > at);
        at = raw.as_ptr() as usize + raw.len();
    }
    assert!(at <= body.as_ptr() as usize + body.len());
}

/// Documents are lines of the body.
fn bulk(body: &[u8]) {
    for item in BulkItems::new(body).flatten() {
        assert!(!item.source.contains(&b'\n'));
    }
}

/// Elements lie in the record, in order, and none is empty.
fn split(record: &[u8]) {
    let mut end = 0;
    for (at, element) in elements(record).into_iter().flatten().enumerate() {
        assert_eq!(element.index as usize, at);
        assert!(end <= element.range.start && element.range.start < element.range.end);
        end = element.range.end;
    }
    assert!(end <= record.len());
}

/// No line goes on with a record that is not open, and what is given up is given up once.
fn join(bytes: &[u8]) {
    for (_, join) in Join::ALL {
        let mut lines = Lines::new(join);
        let mut open = false;
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let at = At { first: number == 0, ends: !line.ends_with(b"\r") };
            let mut step = lines.step(line, at);
            if step == Step::Broken {
                assert!(open, "nothing is open to be broken");
                open = false;
                step = lines.step(line, at);
            }
            open = match step {
                Step::Begins { open } => open,
                Step::Continues { open: more } => {
                    assert!(open, "nothing is open to go on");
                    more
                }
                Step::Broken => panic!("broken twice"),
            };
            audit::read(line);
        }
    }
}

/// Reads the bytes as datagrams of one exporter, each behind a byte that tells protocol and length. Every
/// record must be a JSON object, and a second exporter must see none of the first one's templates.
fn flow(bytes: &[u8]) {
    let peer = |last| std::net::SocketAddr::from(([192, 0, 2, last], 2055));
    let mut decoder = FlowDecoder::new();
    let mut rest = bytes;
    while let Some((&head, body)) = rest.split_first() {
        let protocol = if head & 1 == 0 { FlowProtocol::Netflow } else { FlowProtocol::Sflow };
        let (datagram, after) = body.split_at(body.len().min(usize::from(head) * 4));
        decoder.decode(protocol, peer(1), datagram, &mut |record| {
            assert!(record.starts_with(b"{") && record.ends_with(b"}"));
            assert!(std::str::from_utf8(record).is_ok());
        });
        rest = after;
    }
    let before = decoder.counters();
    decoder.decode(FlowProtocol::Netflow, peer(2), bytes, &mut |_| {});
    assert!(decoder.counters().datagrams == before.datagrams + 1);
}

/// Frames the bytes in one piece and in two; both must give the same records.
fn frame(bytes: &[u8]) {
    const RECORD_BYTES_MAX: usize = 64;
    let whole = records(&[bytes], RECORD_BYTES_MAX);
    let cut = bytes.first().map_or(0, |&byte| usize::from(byte) % (bytes.len() + 1));
    assert_eq!(whole, records(&[&bytes[..cut], &bytes[cut..]], RECORD_BYTES_MAX));
}

fn records(pieces: &[&[u8]], record_bytes_max: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::resume(Framing::MIXED, record_bytes_max, Position { offset: 0, line: 1 });
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        buffer.extend_from_slice(piece);
        let end = at + 1 == pieces.len();
        let consumed = framer.frame(&buffer, end, |frame| found.push(buffer[frame.start..frame.end].to_vec()));
        buffer.drain(..consumed);
    }
    found
}
