//! The definitions case by case: window edges, episodes, cuts, lateness, futures, reloads, the table of delays.

mod common;

use std::sync::Arc;

use common::{EPOCH, Random, SECOND, hit, hit_ns, message, message_with, rule, source_rows};
use noroshi_correlate::{
    Condition, Ended, Finding, Hit, Kind, Op, Refusal, RuleSpec, Shard, ShardConfig, ShardMessage, SourceId, State,
    ValueCount, WatermarkPolicy, reference,
};

fn count(op: Op, number: i128, window_s: i64) -> RuleSpec {
    rule(Kind::EventCount, Condition::new(vec![(op, number)]), window_s)
}

/// Each time is a batch of its own, with lateness 10 s.
fn run(rule: &RuleSpec, hits: &[Hit<()>]) -> (Vec<Finding<()>>, Shard<()>) {
    let mut shard = Shard::new(ShardConfig::default(), std::slice::from_ref(rule));
    let mut found = Vec::new();
    for (at, hit) in hits.iter().enumerate() {
        shard.accept(message(at, std::slice::from_ref(hit), 10), &mut found);
    }
    (found, shard)
}

fn finish(mut found: Vec<Finding<()>>, mut shard: Shard<()>) -> Vec<Finding<()>> {
    shard.finish(&mut found);
    found.retain(|finding| finding.state == State::Final);
    found
}

fn finals(rule: &RuleSpec, times: &[i64]) -> Vec<Finding<()>> {
    let hits: Vec<_> = times.iter().map(|&time_s| hit(time_s, 0, 1, 0)).collect();
    let (found, shard) = run(rule, &hits);
    finish(found, shard)
}

/// First, trigger, last in seconds, and members.
fn spans(found: &[Finding<()>]) -> Vec<(i64, i64, i64, u64)> {
    let seconds = |time: i64| (time - EPOCH) / SECOND;
    let span = |f: &Finding<()>| (seconds(f.first_ns), seconds(f.trigger_ns), seconds(f.last_ns), f.count);
    found.iter().map(span).collect()
}

#[test]
fn the_start_of_a_window_is_excluded_and_its_end_included() {
    let three = count(Op::Gte, 3, 10);
    assert_eq!(spans(&finals(&three, &[0, 5, 10])), []);
    assert_eq!(spans(&finals(&three, &[1, 5, 10])), [(1, 10, 10, 3)]);
    let edge = [hit_ns(EPOCH, &[0], 1, 0), hit(5, 0, 1, 0), hit_ns(EPOCH + 10 * SECOND - 1, &[0], 1, 0)];
    let (found, shard) = run(&three, &edge);
    assert_eq!(finish(found, shard).len(), 1);
}

#[test]
fn identical_hits_all_count() {
    assert_eq!(spans(&finals(&count(Op::Gte, 5, 10), &[7, 7, 7, 7, 7])), [(7, 7, 7, 5)]);
    assert_eq!(spans(&finals(&count(Op::Eq, 5, 10), &[7, 7, 7, 7, 7])), [(7, 7, 7, 5)]);
}

#[test]
fn a_gap_of_exactly_the_window_splits() {
    let two = count(Op::Gte, 2, 10);
    assert_eq!(spans(&finals(&two, &[0, 1, 11, 11])), [(0, 1, 1, 2), (11, 11, 11, 2)]);
    assert_eq!(spans(&finals(&two, &[0, 1, 10, 10])), [(0, 1, 10, 4)]);
}

#[test]
fn an_episode_is_cut_at_max_episode_and_the_next_takes_the_rest() {
    let rule = RuleSpec { max_episode_ns: 20 * SECOND, ..count(Op::Gte, 2, 10) };
    let found = finals(&rule, &[0, 5, 10, 15, 20, 25, 30, 35]);
    assert_eq!(spans(&found), [(0, 5, 20, 5), (25, 25, 35, 3)]);
    assert_eq!(found.iter().map(|f| f.ended).collect::<Vec<_>>(), [Some(Ended::MaxEpisode), Some(Ended::Input)]);
}

#[test]
fn an_alert_is_open_at_once_and_final_after_last_and_window() {
    let three = count(Op::Gte, 3, 10);
    let (found, mut shard) = run(&three, &[hit(0, 0, 1, 0), hit(1, 0, 1, 0), hit(2, 0, 1, 0)]);
    assert_eq!(found.iter().map(|f| (f.state, f.count)).collect::<Vec<_>>(), [(State::Open, 3)]);
    let mut more = Vec::new();
    // Lateness 10 s: the watermark is 12 s, which has not passed last + W = 12 s.
    shard.accept(message(3, &[hit(22, 9, 1, 0)], 10), &mut more);
    assert!(more.is_empty());
    shard.accept(message(4, &[hit(23, 9, 1, 0)], 10), &mut more);
    assert_eq!(more.len(), 1);
    assert_eq!((more[0].state, more[0].ended), (State::Final, Some(Ended::Watermark)));
    assert_eq!((more[0].id, more[0].updates, more[0].supersedes.len()), (found[0].id, 1, 0));
}

/// The worked example of docs/CORRELATION.md.
#[test]
fn the_worked_example() {
    let three = count(Op::Gte, 3, 60);
    let times = [0, 20, 50, 55, 100, 170, 260];
    let (found, shard) = run(&three, &times.map(|time_s| hit(time_s, 0, 1, 0)));
    let told: Vec<_> = found.iter().map(|f| f.state).collect();
    assert_eq!(told, [State::Open, State::Final]);
    let found = finish(found, shard);
    assert_eq!(spans(&found), [(0, 50, 100, 5)]);
    assert_eq!(found[0].ended, Some(Ended::Watermark));
    let (other, shard) = run(&three, &[0, 20, 55, 50, 100, 170, 260].map(|time_s| hit(time_s, 0, 1, 0)));
    let first = other[0].id;
    let other = finish(other, shard);
    assert_eq!(common::finals(&other), common::finals(&found));
    assert_eq!(other[0].supersedes, [first]);
}

#[test]
fn updates_come_once_a_second() {
    let mut shard = Shard::new(ShardConfig::default(), &[count(Op::Gte, 1, 1000)]);
    let mut found = Vec::new();
    for at in 0..100 {
        let mut message = message(at, &[hit(0, 0, 1, 0)], 10);
        message.receive_time_ns = EPOCH + at as i64 * SECOND / 20;
        shard.accept(message, &mut found);
    }
    assert_eq!(found.iter().map(|f| f.count).collect::<Vec<_>>(), [1, 21, 41, 61, 81]);
    shard.tick(EPOCH + 10 * SECOND, &mut found);
    assert_eq!(found.last().map(|f| (f.count, f.updates)), Some((100, 5)));
    shard.tick(EPOCH + 20 * SECOND, &mut found);
    assert_eq!(found.len(), 6);
}

#[test]
fn an_in_time_hit_moves_the_trigger_and_joins_episodes() {
    let two = count(Op::Gte, 2, 10);
    let hits = [hit(2, 0, 1, 0), hit(4, 0, 1, 0), hit(11, 1, 1, 0), hit(1, 0, 1, 0)];
    let (found, shard) = run(&two, &hits);
    let first = found[0].id;
    let found = finish(found, shard);
    assert_eq!(spans(&found), [(1, 2, 4, 3)]);
    assert_eq!(found[0].supersedes, [first]);

    let hits = [hit(0, 0, 1, 0), hit(1, 0, 1, 0), hit(11, 0, 1, 0), hit(11, 0, 1, 0), hit(9, 0, 1, 0)];
    let (mut found, mut shard) = run(&two, &hits[..4]);
    shard.tick(EPOCH + 2 * SECOND, &mut found);
    let last = ShardMessage { receive_time_ns: EPOCH + 4 * SECOND, ..message(4, &hits[4..], 10) };
    shard.accept(last, &mut found);
    let second = found.iter().find(|f| f.trigger_ns == EPOCH + 11 * SECOND).unwrap().id;
    let found = finish(found, shard);
    assert_eq!(spans(&found), [(0, 1, 11, 5)]);
    assert_eq!(found[0].updates, 2);
    assert_eq!(found[0].supersedes, [second]);
}

#[test]
fn conditions_that_can_be_undone_wait_for_the_watermark() {
    let (found, mut shard) = run(&count(Op::Lt, 2, 10), &[hit(0, 0, 1, 0), hit(5, 0, 1, 0)]);
    assert!(found.is_empty(), "{found:?}");
    let mut more = Vec::new();
    shard.accept(message(2, &[hit(10, 9, 1, 0)], 10), &mut more);
    assert!(more.is_empty(), "the watermark stands at the hit, so another could still come");
    shard.accept(message(3, &[hit(11, 9, 1, 0)], 10), &mut more);
    assert_eq!(more.iter().map(|f| (f.state, f.count)).collect::<Vec<_>>(), [(State::Open, 1)]);
    assert_eq!(spans(&finish(more, shard)).first(), Some(&(0, 0, 0, 1)));

    // The watermark jumps past one hit and onto the next, which a twin then undoes.
    let hits = [hit(5, 0, 1, 0), hit(10, 0, 1, 0), hit(20, 9, 1, 0), hit(10, 0, 1, 0), hit(21, 9, 1, 0)];
    let (found, shard) = run(&count(Op::Lt, 2, 3), &hits);
    let found: Vec<_> = finish(found, shard).into_iter().filter(|f| f.key == hits[0].key).collect();
    assert_eq!(spans(&found), [(5, 5, 5, 1)]);

    assert_eq!(spans(&finals(&count(Op::Eq, 2, 10), &[0, 1, 2, 30, 31])), [(0, 1, 1, 2), (30, 31, 31, 2)]);
    let range = rule(Kind::EventCount, Condition::new(vec![(Op::Gte, 2), (Op::Lte, 3)]), 10);
    assert_eq!(spans(&finals(&range, &[0, 1, 2, 3, 4])), [(0, 1, 2, 3)]);
}

#[test]
fn values_count_once_and_missing_ones_not_at_all() {
    let spray = rule(Kind::ValueCount, Condition::new(vec![(Op::Gte, 3)]), 10);
    let hits = [(0, 1), (1, 1), (2, 2), (3, 0), (4, 2), (5, 3), (6, 3)].map(|(time_s, value)| hit(time_s, 0, value, 0));
    let (found, shard) = run(&spray, &hits);
    assert_eq!(shard.rule_counters()[0].no_value, 1);
    let found = finish(found, shard);
    assert_eq!(spans(&found), [(0, 5, 6, 6)]);
    assert_eq!(found[0].value_count, Some(ValueCount { number: 3, approximate: false }));
}

#[test]
fn beyond_the_cap_the_number_is_approximate() {
    let scan = rule(Kind::ValueCount, Condition::new(vec![(Op::Gte, 11_000)]), 100);
    let mut shard = Shard::new(ShardConfig::default(), &[scan]);
    let hits = (0..12_000u32).map(|n| {
        let mut value = [0; 16];
        value[..4].copy_from_slice(&n.to_le_bytes());
        Hit { value: Some(value), digest: value, ..hit(i64::from(n / 200), 0, 1, 0) }
    });
    let mut found = Vec::new();
    shard.accept(message(0, &hits.collect::<Vec<_>>(), 10), &mut found);
    let found = finish(found, shard);
    let counted = found[0].value_count.unwrap();
    assert!(counted.approximate && counted.number.abs_diff(12_000) < 360, "{counted:?}");
    assert_eq!(found[0].count, 12_000);
}

/// 20 sources with gaps of 5–25 s, threshold 5 in 60 s, delays up to 0, 5, 30, 120 s under L = 120 s.
#[test]
fn the_table_of_delays_has_no_misses_and_no_false_alerts() {
    let five = count(Op::Gte, 5, 60);
    for delay_s in [0u64, 5, 30, 120] {
        let (mut missed, mut false_alerts, mut bursts) = (0, 0, 0);
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let mut hits = Vec::new();
            for source in 0..20u8 {
                let mut time_ns = EPOCH;
                while time_ns < EPOCH + 600 * SECOND {
                    time_ns += 5 * SECOND + random.below(20 * SECOND as u64) as i64;
                    hits.push((
                        random.below(delay_s * SECOND as u64 + 1) as i64,
                        hit_ns(time_ns, &[source], 1, source),
                    ));
                }
            }
            let truth: Vec<_> = hits.iter().map(|(_, hit)| hit.clone()).collect();
            let end = truth.iter().map(|hit| hit.time_ns).max().unwrap();
            let truth = reference::evaluate(&five, 0, &truth, end);
            let truth: Vec<_> = truth.iter().map(Finding::canonical_bytes).collect();
            bursts += truth.len();

            hits.sort_by_key(|(delay_ns, hit)| hit.time_ns + delay_ns);
            let hits: Vec<_> = hits.into_iter().map(|(_, hit)| hit).collect();
            let mut shard = Shard::new(ShardConfig::default(), std::slice::from_ref(&five));
            let mut found = Vec::new();
            for (at, batch) in hits.chunks(5).enumerate() {
                shard.accept(message(at, batch, 120), &mut found);
            }
            shard.finish(&mut found);
            let found = common::finals(&found);
            missed += truth.iter().filter(|&finding| !found.contains(finding)).count();
            false_alerts += found.iter().filter(|&finding| !truth.contains(finding)).count();
        }
        assert!(bursts > 500, "the trials must contain bursts: {bursts}");
        assert_eq!((missed, false_alerts), (0, 0), "delay up to {delay_s} s");
    }
}

#[test]
fn exactly_the_listed_late_hits_are_left_out() {
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let rule = count(Op::Gte, 3, 20);
        let mut hits: Vec<_> = (0..200).map(|_| hit(random.below(300) as i64, random.below(2) as u8, 1, 0)).collect();
        for (n, hit) in hits.iter_mut().enumerate() {
            hit.digest[2..4].copy_from_slice(&(n as u16).to_le_bytes());
        }
        // Delays of up to 60 s under a lateness of 10 s.
        hits.sort_by_cached_key(|hit| hit.time_ns + random.below(60) as i64 * SECOND);
        let (mut found, mut shard) = run(&rule, &hits);
        shard.finish(&mut found);
        let mut refused = Vec::new();
        shard.drain_refused(&mut refused);
        assert!(!refused.is_empty() && refused.iter().all(|refused| refused.refusal == Refusal::Late));
        assert_eq!(shard.rule_counters()[0].late, refused.len() as u64);
        let in_time: Vec<_> = hits
            .iter()
            .filter(|hit| !refused.iter().any(|late| (late.time_ns, late.digest) == (hit.time_ns, hit.digest)))
            .cloned()
            .collect();
        assert_eq!(in_time.len() + refused.len(), hits.len());
        let end = hits.iter().map(|hit| hit.time_ns).max().unwrap();
        let expected = reference::evaluate(&rule, 0, &in_time, end);
        assert_eq!(
            common::finals(&found),
            expected.iter().map(Finding::canonical_bytes).collect::<Vec<_>>(),
            "seed {seed}"
        );
    }
}

#[test]
fn a_clock_in_the_future_closes_no_window_and_pins_no_state() {
    let three = count(Op::Gte, 3, 60);
    let good: Vec<_> = (0..60).map(|n| hit(n * 10, 0, 1, 0)).collect();
    let (expected, shard) = run(&three, &good);
    let expected = common::finals(&finish(expected, shard));

    let mut shard = Shard::new(ShardConfig::default(), &[three]);
    let mut found = Vec::new();
    for (at, good) in good.iter().enumerate() {
        // Source 1 runs ten minutes ahead; once an event is dated 2106.
        let mut ahead = hit_ns(good.time_ns + 600 * SECOND, &[0], 1, 1);
        if at == 30 {
            ahead.time_ns = 4_291_747_200 * SECOND;
        }
        ahead.future = true;
        shard.accept(message(at, &[ahead, good.clone()], 10), &mut found);
    }
    let mut later = Vec::new();
    shard.accept(message(good.len(), &[hit(10_000, 1, 1, 0)], 10), &mut later);
    assert_eq!(shard.rule_counters()[0].keys_live, 1, "only the last hit's key holds state");
    found.extend(later);
    let counters = shard.rule_counters()[0];
    assert_eq!((counters.future, counters.late), (60, 0));
    let mut refused = Vec::new();
    shard.drain_refused(&mut refused);
    assert_eq!(refused.iter().filter(|refused| refused.refusal == Refusal::Future).count(), 60);
    let mut finals = finish(found, shard);
    finals.iter_mut().for_each(|finding| finding.ended = Some(Ended::Input));
    assert_eq!(common::finals(&finals), expected);
}

#[test]
fn a_silent_source_holds_the_others_until_it_is_idle() {
    let mut shard = Shard::new(ShardConfig::default(), &[count(Op::Gte, 1, 10)]);
    let mut found = Vec::new();
    let mut sources = source_rows(&[(0, 0), (1, 0)], 0);
    sources.iter_mut().for_each(|source| source.idle_timeout_ns = 300 * SECOND);
    shard.accept(message_with(0, vec![hit(0, 0, 1, 0)], sources.clone()), &mut found);
    let mut moved = sources[..1].to_vec();
    moved[0].max_event_time_ns += 200 * SECOND;
    let at = |seconds: i64| EPOCH + seconds * SECOND;
    shard.accept(ShardMessage { receive_time_ns: at(200), ..message_with(1, vec![], moved) }, &mut found);
    assert!(found.iter().all(|finding| finding.state == State::Open));
    shard.tick(at(300), &mut found);
    assert!(found.iter().all(|finding| finding.state == State::Open));
    shard.tick(at(301), &mut found);
    assert_eq!(found.last().map(|finding| finding.state), Some(State::Final));
}

#[test]
fn an_unchanged_rule_keeps_its_state_over_a_reload() {
    let kept = count(Op::Gte, 3, 60);
    let changed = RuleSpec { id: "other".into(), definition_digest: [8; 32], ..count(Op::Gte, 2, 60) };
    let mut shard = Shard::new(ShardConfig::default(), &[changed.clone(), kept.clone()]);
    let mut found = Vec::new();
    let of = |rule: u32, time_s: i64| Hit { rule, ..hit(time_s, 0, 1, 0) };
    shard.accept(message(0, &[of(0, 0), of(0, 1), of(1, 0), of(1, 1)], 10), &mut found);
    assert_eq!(found.len(), 1);
    // The kept rule moves to the front; the other comes back with another definition.
    let anew = RuleSpec { definition_digest: [9; 32], ..changed };
    let rules = Some(Arc::new(vec![kept, anew]));
    shard.accept(ShardMessage { rules, ..message(1, &[of(0, 2), of(1, 2)], 10) }, &mut found);
    let told: Vec<_> = found.iter().map(|f| (f.spec.id.as_str(), f.state, f.ended, f.count)).collect();
    let expected = [
        ("other", State::Open, None, 2),
        ("other", State::Final, Some(Ended::Reload), 2),
        ("brute-force", State::Open, None, 3),
    ];
    assert_eq!(told, expected);
    assert_eq!(shard.rule_counters()[0].complete_since_ns, i64::MIN);
    assert_eq!(shard.rule_counters()[1].complete_since_ns, EPOCH + SECOND);
}

#[test]
fn evidence_is_first_and_last_members_without_repetition() {
    let rule = RuleSpec { evidence_max: 2, ..count(Op::Gte, 2, 100) };
    let seconds = |members: &[noroshi_correlate::Member<()>]| {
        members.iter().map(|member| (member.time_ns - EPOCH) / SECOND).collect::<Vec<_>>()
    };
    let found = finals(&rule, &[1, 2, 3]);
    assert_eq!((seconds(&found[0].evidence_first), seconds(&found[0].evidence_last)), (vec![1, 2], vec![3]));
    let found = finals(&rule, &[1, 2, 3, 4, 5, 6]);
    assert_eq!((seconds(&found[0].evidence_first), seconds(&found[0].evidence_last)), (vec![1, 2], vec![5, 6]));
}

#[test]
fn sources_are_named_in_order_and_capped() {
    let rule = count(Op::Gte, 2, 1000);
    let hits: Vec<_> = (0..100u8).rev().map(|source| hit(i64::from(source), 0, 1, source)).collect();
    let mut shard = Shard::new(ShardConfig { policy: WatermarkPolicy::EndOfInput, ..Default::default() }, &[rule]);
    let mut found = Vec::new();
    shard.accept(message(0, &hits, 0), &mut found);
    let found = finish(found, shard);
    assert_eq!(found[0].sources, (0..64).map(SourceId).collect::<Vec<_>>());
    assert!(found[0].sources_more);
}

#[test]
fn messages_out_of_order_wait_and_gaps_are_counted() {
    let mut shard = Shard::new(ShardConfig::default(), &[count(Op::Gte, 2, 10)]);
    let mut found = Vec::new();
    shard.accept(message(2, &[hit(1, 0, 1, 0)], 10), &mut found);
    shard.accept(message(0, &[hit(0, 0, 1, 0)], 10), &mut found);
    shard.accept(message(0, &[hit(0, 0, 1, 0)], 10), &mut found);
    assert!(found.is_empty());
    assert_eq!((shard.counters().waiting, shard.counters().repeated), (1, 1));
    shard.finish(&mut found);
    assert_eq!((shard.counters().missing, found.len()), (1, 2));
}

#[test]
fn times_at_the_ends_of_the_clock_do_no_harm() {
    for (kind, op) in [(Kind::EventCount, Op::Gte), (Kind::ValueCount, Op::Lte)] {
        let rule = RuleSpec { max_episode_ns: i64::MAX, ..rule(kind, Condition::new(vec![(op, 1)]), 60) };
        let mut shard = Shard::new(ShardConfig { policy: WatermarkPolicy::EndOfInput, ..Default::default() }, &[rule]);
        let mut found = Vec::new();
        let times = [i64::MAX, i64::MIN, 0, i64::MAX - 1];
        let hits: Vec<_> = times.iter().map(|&time_ns| hit_ns(time_ns, &[0], 1, 0)).collect();
        shard.accept(message(0, &hits, 0), &mut found);
        assert_eq!(finish(found, shard).iter().map(|finding| finding.count).collect::<Vec<_>>(), [1, 1, 2]);
    }
}
