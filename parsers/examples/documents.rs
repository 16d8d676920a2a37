//! Lines in, one ECS document a line out: what a decoder makes of a file, without the engine.
//!
//! `cargo run -p noroshi-parsers --example documents -- [ZONE] < lines > documents`

use std::io::{BufWriter, Read as _, Write as _};
use std::sync::Arc;

use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::document::to_json;
use noroshi_parsers::event::Event;
use noroshi_parsers::time::take_iso;
use noroshi_parsers::zone::Zone;

fn main() -> std::io::Result<()> {
    let zone = std::env::args().nth(1).map_or(Ok(Zone::default()), |name| Zone::parse(&name));
    let zone = zone.map_err(|error| std::io::Error::other(format!("the zone: {error}")))?;
    let (reference, _) = take_iso(b"2026-03-15T12:00:00Z").expect("it is a stamp");
    let options = SourceOptions {
        zone,
        reference_time_ns: reference.civil.at_offset(0).expect("it is in range"),
        ..SourceOptions::default()
    };
    let dictionary = Arc::new(Dictionary::new());
    let mut decoder = Decoder::new(Arc::clone(&dictionary));
    let mut event = Event::new();
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for record in input.strip_suffix(b"\n").unwrap_or(&input).split(|&byte| byte == b'\n') {
        decoder.decode(record, 0, &options, &mut event);
        serde_json::to_writer(&mut out, &to_json(event.view(record), &dictionary))?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
