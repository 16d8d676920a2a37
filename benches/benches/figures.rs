//! The criterion bench of every figure: baseline and measured, group by group. What it measures is written to
//! `figures.json` for the table of `make bench`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use noroshi_benches::figures::GROUPS;
use noroshi_benches::measure::{Case, Figure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One criterion sample is so many turns of baseline, what is taken off, and measured; criterion sees the time of the
/// last less that of the second. So a ratio here is taken as the gate takes it.
fn figure(criterion: &mut Criterion, case: &mut Case) -> Option<Figure> {
    let turns = RefCell::new(Vec::new());
    let mut group = criterion.benchmark_group("figures");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(case.count));
    group.bench_function(case.name.clone(), |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = 0.0;
            for _ in 0..iterations {
                let turn = case.turn();
                spent += (turn.measured - turn.without) * case.count as f64;
                turns.borrow_mut().push(turn);
            }
            // Criterion divides by it: noise that makes it negative is no time.
            Duration::from_nanos(spent.max(1.0) as u64)
        });
    });
    group.finish();
    let turns = turns.into_inner();
    // A filter on the command line leaves cases out.
    (!turns.is_empty()).then(|| case.figure(&turns))
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut figures = Vec::new();
    for (name, group) in GROUPS {
        let cases = group().unwrap_or_else(|wrong| panic!("{name}: a wrong answer is not timed: {wrong:?}"));
        for mut case in cases {
            figures.extend(figure(&mut criterion, &mut case));
        }
    }
    criterion.final_summary();
    if let Some(directory) = std::env::var_os("NOROSHI_BENCH_DATA").map(PathBuf::from) {
        std::fs::create_dir_all(&directory).expect("the data directory is writable");
        let text = serde_json::to_string_pretty(&figures).expect("figures are JSON");
        std::fs::write(directory.join("figures.json"), text).expect("the data directory is writable");
    }
}
