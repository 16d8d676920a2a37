//! Cases, a scalar twin, and properties over arbitrary bytes in arbitrary cuts.

use super::*;
use proptest::prelude::*;

/// One record as found in the whole stream: absolute range, flags, part, offset, line.
type Found = (usize, usize, FrameFlags, u32, u64, u64);

/// The slow twin: the whole stream at once, byte by byte, straight from the module's contract.
fn scalar(stream: &[u8], framing: Framing, max: usize) -> Vec<Found> {
    let mut found = Vec::new();
    let (mut at, mut line, mut after_octets) = (0, 1u64, false);
    while at < stream.len() {
        let rest = &stream[at..];
        if after_octets && rest[0] == framing.trailer {
            at += 1;
            after_octets = false;
            continue;
        }
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let prefixed = digits > 0 && rest[digits..].starts_with(b" <") && framing.octet_counting;
        if prefixed && digits <= 7 && rest[0] != b'0' {
            let count = std::str::from_utf8(&rest[..digits]).unwrap().parse::<usize>().unwrap();
            let start = at + digits + 1;
            let here = count.min(stream.len() - start);
            let mut flags = FrameFlags::OCTET_COUNTED;
            let mut cuts: Vec<(usize, usize)> = Vec::new();
            let mut from = 0;
            while count - from > max && here - from >= max {
                cuts.push((from, from + max));
                from += max;
            }
            cuts.push((from, here));
            if here < count {
                flags |= FrameFlags::UNTERMINATED;
            }
            pieces(&mut found, &cuts, start, flags, FrameFlags::OCTET_COUNTED, line);
            at = start + here;
            after_octets = here == count;
        } else {
            let mut end = 0;
            while end < rest.len() && rest[end] != framing.trailer {
                end += 1;
            }
            let terminated = end < rest.len();
            let first = if framing.octet_counting && (after_octets || prefixed) {
                FrameFlags::RESYNC
            } else {
                FrameFlags::empty()
            };
            // A prefix longer than the twenty digits looked at is text.
            let first = if prefixed && digits > 20 && !after_octets { FrameFlags::empty() } else { first };
            // So is one that the first part does not show whole.
            let first = if digits + 2 > max + 1 && !after_octets { FrameFlags::empty() } else { first };
            let mut cuts: Vec<(usize, usize)> = Vec::new();
            let mut from = 0;
            while end - from > max {
                cuts.push((from, from + max));
                from += max;
            }
            let mut last = FrameFlags::empty();
            let mut content = end;
            if !terminated {
                last = FrameFlags::UNTERMINATED;
            } else if framing.trailer == b'\n' && end > from && rest[end - 1] == b'\r' {
                content = end - 1;
                last = FrameFlags::CR_STRIPPED;
            }
            cuts.push((from, content));
            let before = found.len();
            pieces(&mut found, &cuts, at, last, FrameFlags::empty(), line);
            found[before].2 |= first;
            at += end + usize::from(terminated);
            after_octets = false;
        }
        line += 1;
    }
    found
}

fn pieces(
    found: &mut Vec<Found>,
    cuts: &[(usize, usize)],
    start: usize,
    last: FrameFlags,
    each: FrameFlags,
    line: u64,
) {
    for (part, &(a, b)) in cuts.iter().enumerate() {
        let mut flags = each;
        if cuts.len() > 1 {
            flags |= FrameFlags::PART;
            if part == 0 {
                flags |= FrameFlags::PART_FIRST;
            }
            if part + 1 == cuts.len() {
                flags |= FrameFlags::PART_LAST;
            }
        }
        if part + 1 == cuts.len() {
            flags |= last;
        }
        found.push((start + a, start + b, flags, part as u32, start as u64, line));
    }
}

/// Feeds the stream in the given cuts the way an input does: unconsumed bytes are offered again.
fn framed(stream: &[u8], framing: Framing, max: usize, cuts: &[usize]) -> Vec<Found> {
    let mut framer = Framer::resume(framing, max, Position { offset: 0, line: 1 });
    let mut found = Vec::new();
    let (mut done, mut offered) = (0, 0);
    let mut feed = |until: usize, end: bool, done: &mut usize| {
        let base = *done;
        let consumed = framer.frame(&stream[base..until], end, |f| {
            found.push((base + f.start, base + f.end, f.flags, f.part, f.offset, f.line));
        });
        *done += consumed;
        // The bound that keeps memory bounded: what stays is a record's limit or an undecided count.
        assert!(end || until - *done <= max.max(OCTET_COUNT_DIGITS_MAX + 1));
        assert!(framer.position().offset <= *done as u64);
    };
    for cut in cuts {
        offered = (offered + cut).min(stream.len());
        feed(offered, false, &mut done);
    }
    feed(stream.len(), true, &mut done);
    assert_eq!(done, stream.len());
    found
}

#[track_caller]
fn check(stream: &str, expected: &[(&str, &str)]) {
    let bytes = stream.as_bytes();
    let one: Vec<_> = framed(bytes, Framing::MIXED, RECORD_BYTES_MAX, &[]);
    let single: Vec<usize> = vec![1; bytes.len()];
    assert_eq!(one, framed(bytes, Framing::MIXED, RECORD_BYTES_MAX, &single), "byte by byte differs");
    let shown: Vec<(&str, String)> = one.iter().map(|f| (&stream[f.0..f.1], format!("{:?}", f.2))).collect();
    let expected: Vec<(&str, String)> = expected.iter().map(|(r, f)| (*r, (*f).to_owned())).collect();
    assert_eq!(shown, expected);
}

#[test]
fn newline_and_octet_counting_mix_on_one_stream() {
    check(
        "<13>one\n8 <13>twoX<13>three\r\n9 <13>four\n\n<13>five\n",
        &[
            ("<13>one", "{}"),
            ("<13>twoX", r#"{"octet_counted"}"#),
            ("<13>three", r#"{"resync", "cr_stripped"}"#),
            ("<13>four\n", r#"{"octet_counted"}"#),
            ("<13>five", "{}"),
        ],
    );
}

#[test]
fn a_number_is_a_count_only_before_a_priority() {
    check("12 monkeys\n2026 <x\n", &[("12 monkeys", "{}"), ("<x\n", r#"{"octet_counted", "unterminated"}"#)]);
    check("7\n77\n", &[("7", "{}"), ("77", "{}")]);
    check("12 ", &[("12 ", r#"{"unterminated"}"#)]);
}

#[test]
fn a_gigabyte_prefix_is_text_and_told() {
    check(
        "1073741824 <13>lie\n<13>next\n012 <13>zero\n",
        &[("1073741824 <13>lie", r#"{"resync"}"#), ("<13>next", "{}"), ("012 <13>zero", r#"{"resync"}"#)],
    );
}

#[test]
fn a_half_frame_is_kept_and_flagged() {
    check("20 <13>half", &[("<13>half", r#"{"octet_counted", "unterminated"}"#)]);
    check("<13>half", &[("<13>half", r#"{"unterminated"}"#)]);
}

#[test]
fn empty_lines_are_records_and_nul_is_content() {
    check("\n\r\na\0b\n", &[("", "{}"), ("", r#"{"cr_stripped"}"#), ("a\0b", "{}")]);
}

#[test]
fn nul_ends_records_where_declared() {
    let framing = Framing { octet_counting: true, trailer: 0 };
    let found = framed(b"<1>a\r\0<1>b\nc\0", framing, 100, &[]);
    let ranges: Vec<_> = found.iter().map(|f| (f.0, f.1)).collect();
    assert_eq!(ranges, [(0, 5), (6, 12)]);
}

#[test]
fn a_ten_megabyte_line_becomes_parts_that_share_their_offset() {
    let mut stream = b"before\n".to_vec();
    stream.resize(7 + 10_000_000, b'x');
    stream.extend_from_slice(b"\nafter\n");
    let cuts = vec![65_536; stream.len() / 65_536];
    let found = framed(&stream, Framing::NEWLINE, RECORD_BYTES_MAX, &cuts);
    assert_eq!(found.len(), 1 + 10 + 1);
    let parts = &found[1..11];
    assert!(parts.iter().all(|p| p.4 == 7 && p.5 == 2 && p.2.contains(FrameFlags::PART)));
    assert_eq!(parts.iter().map(|p| p.1 - p.0).sum::<usize>(), 10_000_000);
    assert!(parts[0].2.contains(FrameFlags::PART_FIRST) && parts[9].2.contains(FrameFlags::PART_LAST));
    assert_eq!(parts.iter().map(|p| p.3).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    assert_eq!((found[11].4, found[11].5), (10_000_008, 3));
}

#[test]
fn a_count_over_the_limit_becomes_parts_and_always_gets_a_last_one() {
    let stream = b"9999999 <13>abcdefgh";
    let found = framed(stream, Framing::MIXED, 4, &[9, 4, 3]);
    let last = found.last().unwrap();
    assert_eq!((last.0, last.1), (20, 20));
    assert!(last.2.contains(FrameFlags::PART_LAST | FrameFlags::UNTERMINATED));
}

#[test]
fn resume_position_is_the_begin_of_the_unfinished_record() {
    let mut framer = Framer::resume(Framing::MIXED, 4, Position { offset: 100, line: 7 });
    assert_eq!(framer.frame(b"ab\n12 <13>cdefg", false, |_| {}), 14);
    assert!(framer.inside_record());
    assert_eq!(framer.position(), Position { offset: 103, line: 8 });
    let mut uncounted = Framer::resume(Framing::NEWLINE, 4, Position { offset: 5, line: 0 });
    uncounted.frame(b"a\nb\n", false, |f| assert_eq!(f.line, 0));
    assert_eq!(uncounted.position(), Position { offset: 9, line: 0 });
}

fn syslog_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"<13>".to_vec()),
        Just(b" <".to_vec()),
        Just(b"\xff\xfe".to_vec()),
        (0u64..40).prop_map(|n| n.to_string().into_bytes()),
        (0u64..30).prop_map(|n| format!("{n} <").into_bytes()),
        (0u64..u64::MAX).prop_map(|n| format!("{n} <").into_bytes()),
        "[a-z0-9 ]{0,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

fn framing() -> impl Strategy<Value = Framing> {
    (any::<bool>(), prop_oneof![4 => Just(b'\n'), 1 => Just(0u8)])
        .prop_map(|(octet_counting, trailer)| Framing { octet_counting, trailer })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_cut_gives_what_the_scalar_twin_gives(
        stream in syslog_like(),
        framing in framing(),
        max in 1usize..40,
        cuts in proptest::collection::vec(0usize..12, 0..60),
    ) {
        let expected = scalar(&stream, framing, max);
        prop_assert_eq!(&framed(&stream, framing, max, &[]), &expected);
        prop_assert_eq!(&framed(&stream, framing, max, &cuts), &expected);
        prop_assert_eq!(&framed(&stream, framing, max, &vec![1; stream.len()]), &expected);
    }

    #[test]
    fn no_byte_is_lost_between_records(stream in syslog_like(), framing in framing(), max in 1usize..40) {
        let mut at = 0;
        for (start, end, flags, part, ..) in framed(&stream, framing, max, &[]) {
            let mut gap = &stream[at..start];
            if flags.contains(FrameFlags::OCTET_COUNTED) && part == 0 {
                let digits = gap.iter().rev().skip(1).take_while(|b| b.is_ascii_digit()).count();
                prop_assert!(gap.ends_with(b" ") && (1..=OCTET_COUNT_DIGITS_MAX).contains(&digits));
                gap = &gap[..gap.len() - digits - 1];
            }
            let trailers = [&[][..], &[framing.trailer][..], b"\r\n"];
            prop_assert!(trailers.contains(&gap), "lost {:?}", gap);
            at = end;
        }
        prop_assert!([&[][..], &[framing.trailer][..], b"\r\n"].contains(&&stream[at..]));
    }
}
