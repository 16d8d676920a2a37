use super::*;

fn input(ledger: &Ledger, name: &str) -> Arc<InputLedger> {
    ledger.add_input(name, Arc::new(InputCounters::default()))
}

fn receive(input: &InputLedger, records: u64) {
    input.counters.records.fetch_add(records, Ordering::Release);
}

#[test]
fn the_account_combines_input_kernel_workers_and_spool() {
    let ledger = Ledger::default();
    let fw = input(&ledger, "fw");
    receive(&fw, 100);
    fw.counters.kernel_drops.fetch_add(7, Ordering::Release);
    fw.counters.dropped_queue_full.fetch_add(3, Ordering::Release);
    fw.parsed(90);
    fw.unparsed_kept(4);
    fw.dropped(Reason::SpoolFull, 1);
    let balance = fw.balance();
    assert_eq!(
        balance,
        Balance {
            received: 107,
            parsed: 90,
            unparsed_kept: 4,
            dropped: BTreeMap::from([("kernel_udp", 7), ("queue_full", 3), ("spool_full", 1)]),
            in_flight: 2,
            surplus: 0,
        }
    );
    ledger.assert_balanced();
    fw.parsed(2);
    ledger.assert_settled();
}

#[test]
#[should_panic(expected = "input fw does not balance")]
fn a_record_counted_twice_is_found() {
    let ledger = Ledger::default();
    let fw = input(&ledger, "fw");
    receive(&fw, 1);
    fw.parsed(1);
    fw.unparsed_kept(1);
    ledger.assert_balanced();
}

#[test]
fn the_law_holds_at_every_moment_under_concurrency() {
    const RECORDS: u64 = 20_000;
    let ledger = Ledger::default();
    let inputs: Vec<_> = (0..3).map(|n| input(&ledger, &format!("in{n}"))).collect();
    std::thread::scope(|scope| {
        for input in &inputs {
            let (to_worker, from_input) = crossbeam_channel::bounded::<u64>(8);
            scope.spawn(move || {
                for number in 0..RECORDS {
                    receive(input, 1);
                    to_worker.send(number).unwrap();
                }
            });
            for _ in 0..2 {
                let from_input = from_input.clone();
                scope.spawn(move || {
                    for number in from_input {
                        match number % 10 {
                            0 => input.unparsed_kept(1),
                            1 => input.dropped(Reason::SpoolFull, 1),
                            2 => input.dropped_at(Reason::Stopped, 1, 0),
                            _ => input.parsed(1),
                        }
                    }
                });
            }
        }
        let ledger = &ledger;
        scope.spawn(move || {
            while ledger.balance().parsed < 3 * RECORDS * 7 / 10 {
                ledger.assert_balanced();
                ledger.tick(90 * MINUTE_NS);
                std::thread::yield_now();
            }
        });
    });
    ledger.assert_settled();
    let total = ledger.balance();
    assert_eq!(total.received, 3 * RECORDS);
    assert_eq!(total.dropped, BTreeMap::from([("spool_full", 6_000), ("stopped", 6_000)]));
}

#[test]
fn a_loss_marks_every_minute_since_the_last_tick() {
    let ledger = Ledger::default();
    let fw = input(&ledger, "fw");
    let at = |minute: i64, second: i64| minute * MINUTE_NS + second * 1_000_000_000;
    ledger.tick(at(10, 0));
    fw.counters.kernel_drops.fetch_add(5, Ordering::Release);
    ledger.tick(at(12, 30));
    ledger.tick(at(14, 0));
    assert!(!ledger.lossy_between(at(0, 0), at(9, 59)));
    assert!(ledger.lossy_between(at(10, 59), at(10, 59)));
    assert!(ledger.lossy_between(at(12, 59), at(20, 0)));
    assert!(!ledger.lossy_between(at(13, 0), at(20, 0)));
    assert!(!ledger.lossy_between(at(12, 0), at(9, 0)), "an empty range");
}

#[test]
fn a_loss_of_known_time_marks_its_minute_only() {
    let ledger = Ledger::default();
    let fw = input(&ledger, "fw");
    ledger.tick(100 * MINUTE_NS);
    fw.dropped_at(Reason::SpoolFull, 2, 50 * MINUTE_NS + 1);
    ledger.tick(101 * MINUTE_NS);
    assert!(ledger.lossy_between(50 * MINUTE_NS, 50 * MINUTE_NS));
    assert!(!ledger.lossy_between(51 * MINUTE_NS, 200 * MINUTE_NS));
}

#[test]
fn a_forgotten_loss_still_makes_older_ranges_lossy() {
    let ledger = Ledger::default();
    let fw = input(&ledger, "fw");
    for minute in 0..=MINUTES_MAX as i64 {
        fw.dropped_at(Reason::Stopped, 1, minute * 2 * MINUTE_NS);
    }
    assert_eq!(lock(&ledger.losses).minutes.len(), MINUTES_MAX);
    assert!(ledger.lossy_between(0, 0), "minute 0 is forgotten, not forgiven");
    assert!(!ledger.lossy_between(MINUTE_NS, MINUTE_NS), "after the newest forgotten");
    assert!(ledger.lossy_between(2 * MINUTE_NS, 2 * MINUTE_NS));
}

#[test]
fn minutes_hold_what_each_input_did_and_forget_after_a_day() {
    let ledger = Ledger::default();
    let (fw, web) = (input(&ledger, "fw"), input(&ledger, "web"));
    receive(&fw, 10);
    fw.parsed(9);
    ledger.tick(MINUTE_NS);
    receive(&fw, 1);
    receive(&web, 2);
    ledger.tick(MINUTE_NS + 1);
    let row = |input: &str, received, parsed| MinuteRow {
        minute: 1,
        input: input.to_owned(),
        counts: Counts { received, parsed, ..Counts::default() },
        unsynced: 0,
    };
    assert_eq!(ledger.minutes(), [row("fw", 11, 9), row("web", 2, 0)]);
    assert_eq!(ledger.finished(MINUTE_NS + 2, false), []);
    fw.defects(3);
    fw.late(2);
    fw.unsynced(7);
    ledger.tick(2 * MINUTE_NS);
    fw.unsynced(0);
    // A minute that is over is given once; the one at hand is not over.
    assert_eq!(ledger.finished(2 * MINUTE_NS, false), [row("fw", 11, 9), row("web", 2, 0)]);
    assert_eq!(ledger.finished(2 * MINUTE_NS, false), []);
    let counts = Counts { defects: 3, late: 2, ..Counts::default() };
    let open = MinuteRow { minute: 2, input: "fw".to_owned(), counts, unsynced: 7 };
    assert_eq!(ledger.unfinished(), std::slice::from_ref(&open));
    assert_eq!(ledger.finished(2 * MINUTE_NS, true), [open]);
    // What comes in the same minute after that is a row of its own.
    receive(&fw, 1);
    ledger.tick(2 * MINUTE_NS + 1);
    let counts = Counts { received: 1, ..Counts::default() };
    assert_eq!(ledger.unfinished(), [MinuteRow { minute: 2, input: "fw".to_owned(), counts, unsynced: 0 }]);
    receive(&web, 1);
    ledger.tick(MINUTE_NS * (2 + MINUTES_MAX as i64));
    assert_eq!((ledger.minutes().len(), ledger.unfinished().len()), (1, 1));
}

#[test]
fn the_summary_tells_losses_and_rates() {
    let ledger = Ledger::default();
    let (fw, web) = (input(&ledger, "fw"), input(&ledger, "web\x1b[2J"));
    receive(&fw, 1_000_000);
    fw.parsed(999_990);
    fw.dropped(Reason::SpoolFull, 10);
    fw.hits(12);
    receive(&web, 500);
    web.parsed(490);
    web.unparsed_kept(10);
    ledger.alerts(3);
    assert_eq!(
        ledger.summary(Duration::from_secs(2), 100, false),
        "input          received     parsed  kept raw  dropped  in flight  hits\n\
         fw            1 000 000    999 990         0       10          0    12\n\
         web\\u{1b}[2J        500        490        10        0          0     0\n\
         total         1 000 500  1 000 480        10       10          0    12\n\
         dropped spool_full: 10\n\
         3 alerts in 2.0 s, 500 250 records/s; received = parsed + kept raw + dropped + in flight\n"
    );
}

#[test]
fn metrics_name_input_and_reason() {
    let ledger = Ledger::default();
    let fw = input(&ledger, "fw");
    receive(&fw, 5);
    fw.parsed(3);
    fw.dropped(Reason::KernelUdp, 0);
    let mut text = Exposition::default();
    ledger.append_metrics(&mut text);
    let text = text.render();
    for line in [
        "noroshi_records_received_total{input=\"fw\"} 5\n",
        "noroshi_records_parsed_total{input=\"fw\"} 3\n",
        "noroshi_records_in_flight{input=\"fw\"} 2\n",
        "noroshi_records_dropped_total{input=\"fw\",reason=\"kernel_udp\"} 0\n",
        "# TYPE noroshi_input_connections_open gauge\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}
