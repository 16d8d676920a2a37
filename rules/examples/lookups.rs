//! Loads indicator files given as arguments; prints size, what was skipped, and the cost of
//! looking values up.
//!
//! `cargo run --release -p noroshi-rules --example lookups -- FILE…`

use std::path::PathBuf;
use std::time::Instant;

use noroshi_parsers::ecs;
use noroshi_parsers::event::Event;
use noroshi_rules::Indicators;

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let text = std::fs::read_to_string(&path)?;
        files.push((path, text));
    }
    let begun = Instant::now();
    let (set, diagnostics) = Indicators::load(files);
    let took = begun.elapsed();
    for told in diagnostics.iter().take(20) {
        println!("{told}");
    }
    println!("{} indicators in {took:?}, {} MiB", set.len(), set.memory_bytes() >> 20);

    let mut event = Event::new();
    let mut hits = Vec::new();
    for (name, field) in [("ip", ecs::SOURCE_IP), ("domain", ecs::DNS_QUESTION_NAME), ("url", ecs::URL_FULL)] {
        const TIMES: u32 = 200_000;
        let texts: Vec<String> = (0..TIMES)
            .map(|number| match name {
                "ip" => format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255),
                "domain" => format!("host{number}.dept.example.org"),
                _ => format!("https://host{number}.example.org/a/b?c=d"),
            })
            .collect();
        // Making the event costs too: the same loop without the look-up is taken off.
        let mut run = |looks: bool| {
            let begun = Instant::now();
            for text in &texts {
                event.clear();
                event.writer(text.as_bytes()).put(field, text.as_bytes());
                if looks {
                    set.lookup(&event.view(text.as_bytes()), &mut hits);
                }
            }
            begun.elapsed()
        };
        run(true);
        let without = run(false);
        let each = run(true).saturating_sub(without) / TIMES;
        println!("{name}: {each:?} each, {} hits", hits.len());
    }
    Ok(())
}
