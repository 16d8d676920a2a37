//! The criterion bench of every figure: baseline and measured, group by group. What it measures is written to
//! `figures.json` for the table of `make bench`.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use noroshi_benches::figures::GROUPS;
use noroshi_benches::measure::{Case, Figure, Pass, Stopwatch, Turn, median};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nanoseconds of each pass, as criterion asked for them; CPU time, not wall time.
fn bench(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    count: u64,
    pass: &mut Pass,
) -> Vec<f64> {
    let passes = RefCell::new(Vec::new());
    group.throughput(Throughput::Elements(count));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            for _ in 0..iterations {
                let mut watch = Stopwatch::new();
                pass(&mut watch);
                passes.borrow_mut().push(watch.spent().as_nanos() as f64 / count.max(1) as f64);
                spent += watch.spent();
            }
            // Criterion divides by it; a pass below the clock's step is no zero.
            spent.max(Duration::from_nanos(1))
        });
    });
    let mut passes = passes.into_inner();
    passes.sort_by(f64::total_cmp);
    passes
}

fn figure(criterion: &mut Criterion, case: &mut Case) -> Option<Figure> {
    let mut group = criterion.benchmark_group(case.name.replace('/', "_"));
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let baseline = bench(&mut group, case.baseline_name, case.baseline_count, &mut case.baseline);
    let without = match &mut case.without {
        Some(pass) => bench(&mut group, "without", case.count, pass),
        None => vec![0.0],
    };
    let measured = bench(&mut group, "measured", case.count, &mut case.measured);
    group.finish();
    // A filter on the command line leaves cases out.
    if measured.is_empty() || baseline.is_empty() || without.is_empty() {
        return None;
    }
    let turn = Turn { measured: median(&measured), without: median(&without), baseline: median(&baseline) };
    let mut figure = case.figure(&[turn]);
    figure.samples = measured.len();
    figure.ns_range = (measured[0] - turn.without, measured[measured.len() - 1] - turn.without);
    Some(figure)
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
