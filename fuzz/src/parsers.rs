//! Fuzzes framing, splitting, joining and the decoders: `NOROSHI_FUZZ_TARGET` is `frame`, `split`, `join`, `flow`, or a format's name.
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
use noroshi_parsers::frame::{Framer, Framing, Position};
use noroshi_parsers::join::{At, Join, Lines, Step, audit};
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::split::elements;
use noroshi_parsers::wire::flow::{FlowDecoder, FlowProtocol};

enum Target {
    Frame,
    Split,
    Join,
    Flow,
    /// Records of a declared format; of none where the name is a folder of several products' lines.
    Records(Option<ProductId>),
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("NOROSHI_FUZZ_TARGET").unwrap_or_else(|_| "syslog".to_owned());
    match name.as_str() {
        "frame" => Target::Frame,
        "flow" => Target::Flow,
        "split" => Target::Split,
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
