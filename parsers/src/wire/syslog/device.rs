//! The header that Cisco's switches and routers write before `%FACILITY-level-MNEMONIC:`.
//!
//! `count: host: sequence: *stamp zone: %…`, each part there or not as `logging origin-id`, `logging count`,
//! `service sequence-numbers` and `service timestamps` say (Cisco IOS System Message Logging); a relay may have put
//! a stamp and a host before it. IOS XR writes `node:stamp : process[pid]: %…`, NX-OS the year first.

use crate::decode::Context;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::products::cisco_ios;
use crate::scan::until;
use crate::time;

use super::{Header, skip_spaces, take_stamp, token};

/// Most parts of a header: count, relay's stamp and host, host, sequence, node, stamp, process.
const PARTS_MAX: usize = 9;

/// Longest host, node or process name that is looked for.
const NAME_BYTES_MAX: usize = 72;

#[derive(Default)]
struct Head<'a> {
    count: &'a [u8],
    sequence: &'a [u8],
    host: &'a [u8],
    node: &'a [u8],
    process: &'a [u8],
    procid: &'a [u8],
    uptime: &'a [u8],
    stamp: &'a [u8],
    /// Whether the stamp is a relay's, which the device's own replaces.
    relayed: bool,
    message: &'a [u8],
}

/// How far from the start the first pair of a key=value record is looked for: most begin with `date=`, `id=`, `time=`.
const PAIR_WITHIN_BYTES: usize = 8;

/// Reads the header and writes its time; `false` = it is none, nothing was written.
pub(super) fn read<'a>(
    writer: &mut EventWriter<'a>,
    context: &Context<'_>,
    text: &'a [u8],
    header: &mut Header<'a>,
) -> bool {
    // No part of a header is a pair or a column: the records of firewalls are told at a glance.
    let start = &text[..text.len().min(PAIR_WITHIN_BYTES)];
    if matches!(start, [b'0'..=b'9', b',', ..]) || until(start, b'=') < start.len() {
        return false;
    }
    let Some(mut head) = scan(text) else { return false };
    // Behind a relay's header stands no count of the relay's.
    if !header.hostname.is_empty() && head.sequence.is_empty() {
        std::mem::swap(&mut head.count, &mut head.sequence);
    }
    let ids = cisco_ios::ids();
    if !head.stamp.is_empty() {
        take_stamp(writer, context, head.stamp);
    }
    for (id, value) in [(ids.message_count, head.count), (ids.sequence, head.sequence), (ids.uptime, head.uptime)] {
        if !value.is_empty() {
            writer.put_vendor(id, value);
        }
    }
    if !head.node.is_empty() {
        writer.put_vendor(ids.node, head.node);
    }
    let number = if head.sequence.is_empty() { head.count } else { head.sequence };
    if !number.is_empty() {
        let zeros = number.iter().position(|&byte| byte != b'0').unwrap_or(number.len() - 1);
        writer.put_as(ecs::EVENT_SEQUENCE, &number[zeros..], Kind::Number, false);
    }
    header.present = true;
    if !head.host.is_empty() {
        header.hostname = head.host;
    }
    (header.appname, header.procid, header.message) = (head.process, head.procid, head.message);
    true
}

/// Whether `%FACILITY-level-MNEMONIC` and a colon stand at the start.
pub(crate) fn is_mark(text: &[u8]) -> bool {
    let Some(text) = text.strip_prefix(b"%") else { return false };
    let of_mark = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let len = text.iter().take(NAME_BYTES_MAX).take_while(of_mark).count();
    let level = text[..len].windows(3).any(|three| matches!(three, [b'-', b'0'..=b'7', b'-']));
    level && matches!(&text[len..], [b':', ..] | [b' ', b':', ..])
}

fn scan(text: &[u8]) -> Option<Head<'_>> {
    let mut head = Head::default();
    let mut rest = text;
    for _ in 0..PARTS_MAX {
        rest = skip_spaces(rest);
        while let [b':', behind @ ..] = rest {
            rest = skip_spaces(behind);
        }
        if rest.first() == Some(&b'%') {
            head.message = rest;
            return is_mark(rest).then_some(head);
        }
        let counted = !head.count.is_empty() || !head.sequence.is_empty();
        if let Some((len, zoned)) = stamp_len(rest) {
            let behind = &rest[len..];
            match behind {
                [b':', after @ ..] | [b' ', b':', after @ ..] => {
                    (head.stamp, head.relayed) = (&rest[..len], false);
                    rest = after;
                    // Some messages of IOS have no mark.
                    if counted && head.node.is_empty() && rest.starts_with(b" ") && !rest.starts_with(b" %") {
                        head.message = skip_spaces(rest);
                        return Some(head);
                    }
                    continue;
                }
                [b' ', after @ ..] if !zoned && head.host.is_empty() => {
                    let (host, after) = token(after)?;
                    if host.is_empty() || host.len() > NAME_BYTES_MAX {
                        return None;
                    }
                    (head.stamp, head.relayed) = (&rest[..len], true);
                    head.host = host.strip_suffix(b":").unwrap_or(host);
                    rest = after;
                    continue;
                }
                _ => return None,
            }
        }
        // A wireless controller names its task: `*Dot1x_NW_MsgTask_4: `.
        if let Some(task) = rest.strip_prefix(b"*") {
            let end = until(&task[..task.len().min(NAME_BYTES_MAX)], b':');
            head.process = &task[..end];
            rest = task.get(end + 1..)?;
            continue;
        }
        let end = rest.iter().take(NAME_BYTES_MAX).position(|byte| matches!(byte, b':' | b' ' | b'['))?;
        let (word, behind) = rest.split_at(end);
        if word.is_empty() || !word.iter().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let number = word.iter().all(u8::is_ascii_digit);
        match behind {
            // `00:00:46: `, time since the start.
            [b':', m, n, b':', s, t, b':', after @ ..]
                if number && [m, n, s, t].iter().all(|byte| byte.is_ascii_digit()) =>
            {
                head.uptime = &rest[..end + 6];
                rest = after;
            }
            [b':', after @ ..] | [b' ', b':', after @ ..] => {
                if number {
                    if !after.is_empty() && after[0] != b' ' {
                        return None;
                    }
                    if head.count.is_empty() && head.host.is_empty() && head.stamp.is_empty() {
                        head.count = word;
                    } else {
                        head.sequence = word;
                    }
                } else if is_uptime(word) {
                    head.uptime = word;
                } else if word.contains(&b'/') {
                    head.node = word;
                } else if !head.stamp.is_empty() && !head.relayed {
                    head.process = word;
                } else {
                    head.host = word;
                }
                rest = after;
            }
            [b'[', inner @ ..] => {
                let close = until(&inner[..inner.len().min(NAME_BYTES_MAX)], b']');
                let after = inner.get(close + 1..)?;
                if !matches!(after, [b':', ..] | [b' ', b':', ..]) {
                    return None;
                }
                (head.process, head.procid) = (word, &inner[..close]);
                rest = skip_spaces(after);
            }
            // The host before the node of IOS XR, or before a count.
            [b' ', after @ ..]
                if !number && (after.starts_with(b"RP/") || after.starts_with(b"LC/") || after.starts_with(b"0/")) =>
            {
                head.host = word;
                rest = after;
            }
            _ => return None,
        }
    }
    None
}

/// `2y10w`, `3w2d`, `1d03h`.
fn is_uptime(word: &[u8]) -> bool {
    word.len() >= 4
        && word[0].is_ascii_digit()
        && word.last().is_some_and(|byte| matches!(byte, b'w' | b'd' | b'h'))
        && word.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'y' | b'w' | b'd' | b'h'))
}

/// How long the stamp at the start is, with its clock mark and zone, and whether it has a zone.
fn stamp_len(text: &[u8]) -> Option<(usize, bool)> {
    let mut at = usize::from(matches!(text.first(), Some(b'*' | b'.')));
    let marked = at == 1;
    let first = *text.get(at)?;
    let mut rich = marked;
    if first.is_ascii_digit() {
        if let Some((stamp, rest)) = time::take_iso(&text[at..]) {
            return Some((text.len() - rest.len(), stamp.offset_s.is_some()));
        }
        // The year comes first.
        let year = text.get(at..at + 5)?;
        if !year[..4].iter().all(u8::is_ascii_digit) || year[4] != b' ' {
            return None;
        }
        rich = true;
        at += 5;
    }
    time::month(text.get(at..)?)?;
    at += 3;
    if text.get(at) != Some(&b' ') {
        return None;
    }
    let mut rest = skip_spaces(&text[at..]);
    for _ in 0..2 {
        let digits = rest.iter().take(5).take_while(|byte| byte.is_ascii_digit()).count();
        if rest.get(digits) != Some(&b' ') || digits == 0 {
            break;
        }
        rich |= digits == 4;
        rest = skip_spaces(&rest[digits..]);
    }
    let (.., behind) = time::take_clock(rest)?;
    let (_, precision, behind) = time::take_fraction(behind);
    rich |= precision != crate::event::TimePrecision::Second;
    let mut behind = behind;
    if let [b' ', a, b, c, d, after @ ..] = behind {
        if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) && matches!(after, [b' ' | b':', ..]) {
            (behind, rich) = (after, true);
        }
    }
    let len = text.len() - behind.len();
    Some(match zone_len(behind, rich) {
        Some(zone) => (len + zone, true),
        None => (len, false),
    })
}

/// How long the blank and the zone name at the start are, where a colon follows.
fn zone_len(text: &[u8], rich: bool) -> Option<usize> {
    let name = text.strip_prefix(b" ")?;
    let letters = name.iter().take(6).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let offset = match &name[letters..] {
        after @ [b'+' | b'-', ..] => after.len() - time::take_offset(after)?.1.len(),
        _ => 0,
    };
    let len = letters + offset;
    let known = matches!(&name[..letters], b"UTC" | b"GMT") || super::zone_hours(&name[..letters]).is_some();
    let closed = matches!(&name[len..], [b':', ..] | [b' ', b':', ..]);
    ((2..=5).contains(&letters) && closed && (known || rich)).then_some(1 + len)
}
