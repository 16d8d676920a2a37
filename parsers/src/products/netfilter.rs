//! Packets logged by the Linux kernel: iptables `LOG`, nftables `log`, UFW, and the
//! firewalls built on them (Ubiquiti, OpenWrt).
//!
//! The text is that of the kernel's `nf_log_syslog.c`: a prefix of the rule's choice, then
//! `KEY=value` pairs and bare flags. The prefix is all that says what became of the packet.

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::logsource;
use crate::products;
use crate::products::Product;
use crate::scan::{NextPlace, until};
use crate::wire::syslog::Header;

/// `netfilter`.
pub(crate) static PRODUCT: Product = Product {
    name: "netfilter",
    title: "Linux kernel iptables, nftables, ufw",
    document: "Linux kernel nf_log_syslog; iptables-extensions(8) LOG",
    namespace: "iptables",
    module: "iptables",
    dataset: "iptables.log",
    names: NAMES,
    ..Product::NONE
};

crate::products::names::vendor_names! {
    prefix = "PREFIX";
    input = "IN";
    output = "OUT";
    physin = "PHYSIN";
    physout = "PHYSOUT";
    mac = "MAC";
    src = "SRC";
    dst = "DST";
    len = "LEN";
    tos = "TOS";
    prec = "PREC";
    tc = "TC";
    ttl = "TTL";
    hoplimit = "HOPLIMIT";
    flowlbl = "FLOWLBL";
    id = "ID";
    proto = "PROTO";
    spt = "SPT";
    dpt = "DPT";
    window = "WINDOW";
    res = "RES";
    urgp = "URGP";
    icmp_type = "TYPE";
    icmp_code = "CODE";
    seq = "SEQ";
    spi = "SPI";
    mark = "MARK";
    uid = "UID";
    gid = "GID";
    fragment = "FRAGMENT";
    flags = "FLAGS";
    inner = "INNER";
}

/// Longest action lowered. A rule's prefix holds at most 127 bytes (`NF_LOG_PREFIXLEN`).
const LOWERED_BYTES_MAX: usize = 128;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    let Some(from) = pairs_start(text) else { return false };
    let core = writer.core();
    core.product = products::NETFILTER;
    core.log_source = logsource::LINUX_NETFILTER;
    writer.put(ecs::MESSAGE, after_stamp(writer.record(), header));
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    if !header.hostname.is_empty() && writer.derives() {
        writer.put(ecs::OBSERVER_NAME, header.hostname);
    }
    let mut prefix = without_uptime(text[..from].trim_ascii());
    // `stamp DENY: IN=…` without a host: the prefix was taken for the tag.
    if prefix.is_empty() && !matches!(header.appname, b"kernel" | b"") {
        prefix = header.appname;
    }
    let verdict = put_prefix(writer, prefix);
    if let Some(kind) = verdict {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    writer.put_str(ecs::EVENT_TYPE, "connection");
    put_pairs(writer, context, &text[from..]);
    true
}

/// What follows the stamp, as Elastic's iptables integration keeps it: host and tag are part
/// of the text, because the prefix may have been taken for either.
fn after_stamp<'a>(record: &'a [u8], header: &Header<'a>) -> &'a [u8] {
    let first = if !header.hostname.is_empty() {
        header.hostname
    } else if !header.appname.is_empty() {
        header.appname
    } else {
        header.message
    };
    let from = (first.as_ptr() as usize).wrapping_sub(record.as_ptr() as usize);
    record.get(from..).unwrap_or(header.message)
}

/// Where the pairs begin: at `IN=…OUT=`, or at the first pair of a line that lost its head.
fn pairs_start(text: &[u8]) -> Option<usize> {
    for at in memchr::memchr_iter(b'=', text) {
        if text[..at].ends_with(b"IN") && text[at - 2..].len() > 4 && !text[..at].ends_with(b"PHYSIN") {
            let bounded = at == 2 || !text[at - 3].is_ascii_alphanumeric();
            let rest = &text[at..];
            let out =
                rest.iter().position(|&byte| byte == b' ').is_some_and(|space| rest[space..].starts_with(b" OUT="));
            return (bounded && out).then_some(at - 2);
        }
        if text[..at].ends_with(b" PROTO") && memchr::memmem::find(&text[at..], b" DPT=").is_some() {
            return Some(0);
        }
    }
    None
}

/// The rule's prefix without printk's `[16571.459614]`.
fn without_uptime(prefix: &[u8]) -> &[u8] {
    let Some(inner) = prefix.strip_prefix(b"[") else { return prefix };
    let len = inner.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b' ')).count();
    match &inner[len..] {
        [b']', rest @ ..] if inner[..len].contains(&b'.') => rest.trim_ascii_start(),
        _ => prefix,
    }
}

/// Writes the prefix, the action it names, and the rule where the prefix tells it; returns
/// `allowed` or `denied`.
fn put_prefix(writer: &mut EventWriter<'_>, prefix: &[u8]) -> Option<&'static str> {
    if prefix.is_empty() {
        return None;
    }
    writer.put_vendor(ids().prefix, prefix);
    if !writer.derives() {
        return None;
    }
    let inner = prefix.trim_ascii_end();
    let inner = inner.strip_suffix(b":").unwrap_or(inner);
    // Ubiquiti: `[RULE_SET-NUMBER-A]`, where zones form the set's name as `from-to`.
    if let Some(rule) = inner.strip_prefix(b"[").and_then(|rule| rule.strip_suffix(b"]")) {
        if let [rule @ .., b'-', verdict @ (b'A' | b'D' | b'R')] = rule {
            let (action, kind) = match verdict {
                b'A' => ("accept", "allowed"),
                b'D' => ("drop", "denied"),
                _ => ("reject", "denied"),
            };
            writer.put_str(ecs::EVENT_ACTION, action);
            if let Some(dash) = rule.iter().rposition(|&byte| byte == b'-') {
                let (set, number) = (&rule[..dash], &rule[dash + 1..]);
                writer.put(ecs::RULE_NAME, set);
                writer.put(ecs::RULE_ID, number);
                if let Some(dash) = set.iter().position(|&byte| byte == b'-') {
                    writer.put(ecs::OBSERVER_INGRESS_ZONE, &set[..dash]);
                    writer.put(ecs::OBSERVER_EGRESS_ZONE, &set[dash + 1..]);
                }
            }
            return Some(kind);
        }
    }
    // `[UFW BLOCK]`, `iptables DROP_INPUT:`, `nft-drop: `: the last word says what was done.
    let words = inner.strip_prefix(b"[").and_then(|words| words.strip_suffix(b"]")).unwrap_or(inner);
    let last = words.rsplit(|&byte| byte == b' ').next().unwrap_or(words);
    if last.is_empty() {
        return None;
    }
    put_lower(writer, ecs::EVENT_ACTION, last);
    if contains_word(words, &[b"drop", b"deny", b"denied", b"block", b"reject"]) {
        Some("denied")
    } else if contains_word(words, &[b"accept", b"allow", b"pass", b"permit"]) {
        Some("allowed")
    } else {
        None
    }
}

/// Whether any of `words`, which are in lower case, is in `text` in any case.
fn contains_word(text: &[u8], words: &[&[u8]]) -> bool {
    // Where one may begin is told by its first letter.
    let first = words.iter().fold(0u32, |first, word| first | 1 << (word[0] & 31));
    (0..text.len()).any(|at| {
        first >> (text[at] & 31) & 1 != 0
            && words.iter().any(|word| text[at..].get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word)))
    })
}

fn put_lower(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    if !value.iter().any(u8::is_ascii_uppercase) {
        writer.put(id, value);
        return;
    }
    let mut lower = [0u8; LOWERED_BYTES_MAX];
    let len = value.len().min(LOWERED_BYTES_MAX);
    lower[..len].copy_from_slice(&value[..len]);
    lower[..len].make_ascii_lowercase();
    writer.put(id, &lower[..len]);
}

/// A key of at most eight bytes as a number, 0 for a longer one: so that a key is told by comparing numbers.
#[inline]
const fn key_word(key: &[u8]) -> u64 {
    // Two halves that overlap, for a key of four bytes or more; else its bytes one by one.
    match (key.first_chunk::<4>(), key.last_chunk::<4>()) {
        (Some(head), Some(tail)) if key.len() <= 8 => {
            let (head, tail) = (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64);
            head | tail << ((key.len() - 4) * 8)
        }
        (Some(_), _) => 0,
        _ => match *key {
            [a] => a as u64,
            [a, b] => a as u64 | (b as u64) << 8,
            [a, b, c] => a as u64 | (b as u64) << 8 | (c as u64) << 16,
            _ => 0,
        },
    }
}

/// The keys of `nf_log_syslog.c` as [`key_word`] tells them.
mod key {
    use super::key_word;

    pub(super) const IN: u64 = key_word(b"IN");
    pub(super) const OUT: u64 = key_word(b"OUT");
    pub(super) const SRC: u64 = key_word(b"SRC");
    pub(super) const DST: u64 = key_word(b"DST");
    pub(super) const SPT: u64 = key_word(b"SPT");
    pub(super) const DPT: u64 = key_word(b"DPT");
    pub(super) const PROTO: u64 = key_word(b"PROTO");
    pub(super) const MAC: u64 = key_word(b"MAC");
    pub(super) const LEN: u64 = key_word(b"LEN");
    pub(super) const TOS: u64 = key_word(b"TOS");
    pub(super) const PREC: u64 = key_word(b"PREC");
    pub(super) const TTL: u64 = key_word(b"TTL");
    pub(super) const ID: u64 = key_word(b"ID");
    pub(super) const WINDOW: u64 = key_word(b"WINDOW");
    pub(super) const RES: u64 = key_word(b"RES");
    pub(super) const URGP: u64 = key_word(b"URGP");
    pub(super) const TYPE: u64 = key_word(b"TYPE");
    pub(super) const CODE: u64 = key_word(b"CODE");
    pub(super) const SEQ: u64 = key_word(b"SEQ");
    pub(super) const TC: u64 = key_word(b"TC");
    pub(super) const HOPLIMIT: u64 = key_word(b"HOPLIMIT");
    pub(super) const FLOWLBL: u64 = key_word(b"FLOWLBL");
    pub(super) const PHYSIN: u64 = key_word(b"PHYSIN");
    pub(super) const PHYSOUT: u64 = key_word(b"PHYSOUT");
    pub(super) const SPI: u64 = key_word(b"SPI");
    pub(super) const MARK: u64 = key_word(b"MARK");
    pub(super) const UID: u64 = key_word(b"UID");
    pub(super) const GID: u64 = key_word(b"GID");
}

fn put_pairs(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8]) {
    let ids = ids();
    let mut blanks = NextPlace::of(text, b' ');
    let mut at = 0;
    while at < text.len() {
        let from = at;
        let rest = &text[from..];
        if let Some((key, len)) = short_key(rest) {
            let value_from = from + len + 1;
            let end = blanks.from(value_from).unwrap_or(text.len());
            if put_known(writer, ids, key, &text[value_from..end]) {
                at = end + 1;
                continue;
            }
        }
        at = put_word(writer, context, text, from);
    }
}

/// Writes the word at `from`, whatever it is; returns where the next may begin.
#[inline(never)]
fn put_word(writer: &mut EventWriter<'_>, context: &Context<'_>, text: &[u8], from: usize) -> usize {
    let ids = ids();
    let word = &text[from..from + until(&text[from..], b' ')];
    let next = from + word.len() + 1;
    if word.is_empty() {
        return next;
    }
    // The packet that an ICMP error is about: another connection, kept apart.
    if word[0] == b'[' {
        let inner = &text[from + 1..];
        let len = until(inner, b']');
        writer.put_vendor(ids.inner, inner[..len].trim_ascii());
        return from + 1 + len + 1;
    }
    let equals = until(word, b'=');
    if equals == word.len() {
        match word {
            b"DF" | b"MF" | b"CE" => writer.put_vendor(ids.fragment, word),
            _ => writer.put_vendor(ids.flags, word),
        }
        return next;
    }
    let (key, value) = (&word[..equals], &word[equals + 1..]);
    if put_known(writer, ids, key_word(key), value) {
        return next;
    }
    match context.dictionary.find(key) {
        Some(id) => writer.put_vendor(id, value),
        None => {
            let (name, value) = (writer.span_of(key), writer.span_of(value));
            writer.put_unnamed(name, value, Kind::Text);
        }
    }
    next
}

/// What stands before a `=` among the first eight bytes, as [`key_word`] tells it, and its length. It is a key
/// only if it is one that is known: a flag and a blank may stand before the key.
#[inline]
fn short_key(text: &[u8]) -> Option<(u64, usize)> {
    const LOW: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let bytes = u64::from_le_bytes(*text.first_chunk::<8>()?);
    let word = bytes ^ (LOW * 0x3D);
    let hits = word.wrapping_sub(LOW) & !word & HIGH;
    if hits == 0 {
        return None;
    }
    // Below the lowest hit lie the bits of the key and seven of the `=`.
    let key = bytes & ((hits & hits.wrapping_neg()).wrapping_sub(1) >> 7);
    Some((key, (hits.trailing_zeros() / 8) as usize))
}

/// Writes the value of a key that the kernel prints; `false` = it is another. Always in place: the call costs
/// as much as the value.
#[inline(always)]
fn put_known(writer: &mut EventWriter<'_>, ids: &Ids, key: u64, value: &[u8]) -> bool {
    let derives = writer.derives();
    let id = match key {
        key::IN => {
            if derives && !value.is_empty() {
                writer.put(ecs::OBSERVER_INGRESS_INTERFACE_NAME, value);
            }
            ids.input
        }
        key::OUT => {
            if derives && !value.is_empty() {
                writer.put(ecs::OBSERVER_EGRESS_INTERFACE_NAME, value);
            }
            ids.output
        }
        key::SRC => {
            if derives {
                put_ip(writer, ecs::SOURCE_IP, ecs::SOURCE_ADDRESS, value);
            }
            ids.src
        }
        key::DST => {
            if derives {
                put_ip(writer, ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS, value);
            }
            ids.dst
        }
        key::SPT => {
            if derives {
                writer.put_port(ecs::SOURCE_PORT, value);
            }
            ids.spt
        }
        key::DPT => {
            if derives {
                writer.put_port(ecs::DESTINATION_PORT, value);
            }
            ids.dpt
        }
        key::PROTO => {
            if derives {
                put_protocol(writer, value);
            }
            ids.proto
        }
        key::MAC => {
            if derives {
                put_mac(writer, value);
            }
            ids.mac
        }
        key::LEN => ids.len,
        key::TOS => ids.tos,
        key::PREC => ids.prec,
        key::TTL => ids.ttl,
        key::ID => ids.id,
        key::WINDOW => ids.window,
        key::RES => ids.res,
        key::URGP => ids.urgp,
        key::TYPE => ids.icmp_type,
        key::CODE => ids.icmp_code,
        key::SEQ => ids.seq,
        key::TC => ids.tc,
        key::HOPLIMIT => ids.hoplimit,
        key::FLOWLBL => ids.flowlbl,
        key::PHYSIN => ids.physin,
        key::PHYSOUT => ids.physout,
        key::SPI => ids.spi,
        key::MARK => ids.mark,
        key::UID => ids.uid,
        key::GID => ids.gid,
        _ => return false,
    };
    writer.put_vendor(id, value);
    true
}

fn put_ip(writer: &mut EventWriter<'_>, id: FieldId, address: FieldId, value: &[u8]) {
    let Some(ip) = crate::ip::parse(value) else {
        writer.defect(Defect::AddressInvalid);
        return;
    };
    let again = writer.core().source_ip == Some(ip) && id == ecs::DESTINATION_IP;
    let span = writer.put_addr(id, ip, value);
    writer.put_span(address, span, Kind::Text, false);
    if !again {
        writer.put_span(ecs::RELATED_IP, span, Kind::Text, false);
    }
    if id == ecs::SOURCE_IP {
        writer.put_str(ecs::NETWORK_TYPE, if ip.is_ipv4() { "ipv4" } else { "ipv6" });
    }
}

/// A name the kernel prints, or the protocol's number.
fn put_protocol(writer: &mut EventWriter<'_>, value: &[u8]) {
    let (transport, number) = match value {
        b"TCP" | b"6" => ("tcp", "6"),
        b"UDP" | b"17" => ("udp", "17"),
        b"ICMP" | b"1" => ("icmp", "1"),
        b"ICMPv6" | b"58" => ("ipv6-icmp", "58"),
        b"UDPLITE" | b"136" => ("udplite", "136"),
        b"SCTP" | b"132" => ("sctp", "132"),
        b"ESP" | b"50" => ("esp", "50"),
        b"AH" | b"51" => ("ah", "51"),
        b"GRE" | b"47" => ("gre", "47"),
        b"2" => ("igmp", "2"),
        _ => {
            let number = crate::number::parse_u64(value).is_some_and(|number| number < 256);
            if number {
                writer.put(ecs::NETWORK_IANA_NUMBER, value);
            } else {
                put_lower(writer, ecs::NETWORK_TRANSPORT, value);
            }
            return;
        }
    };
    writer.put_str(ecs::NETWORK_TRANSPORT, transport);
    writer.put_str(ecs::NETWORK_IANA_NUMBER, number);
}

/// `MAC=` is the link header: destination, source, and what the payload is. ECS writes
/// addresses in upper case with dashes (RFC 7042 §2.1).
fn put_mac(writer: &mut EventWriter<'_>, value: &[u8]) {
    if value.len() < 35 || value[17] != b':' {
        return;
    }
    for (id, octets) in [(ecs::DESTINATION_MAC, value.get(..17)), (ecs::SOURCE_MAC, value.get(18..35))] {
        let Some(mac) = octets.and_then(|octets| octets.first_chunk()).and_then(dashed) else { return };
        writer.put(id, &mac);
    }
}

/// `aa:bb:cc:dd:ee:ff` as `AA-BB-CC-DD-EE-FF`.
#[inline]
fn dashed(octets: &[u8; 17]) -> Option<[u8; 17]> {
    let mut mac = [b'-'; 17];
    let mut valid = true;
    for at in 0..17 {
        let byte = octets[at];
        if at % 3 == 2 {
            valid &= byte == b':';
        } else {
            mac[at] = UPPER_HEX[usize::from(byte)];
            valid &= mac[at] != 0;
        }
    }
    valid.then_some(mac)
}

/// A hexadecimal digit in upper case, 0 for any other byte.
static UPPER_HEX: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_hexdigit() {
            table[byte] = (byte as u8).to_ascii_uppercase();
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use crate::testing::fields;

    #[track_caller]
    fn check(input: &str, wanted: &str, expected: &str) {
        assert_eq!(fields(input.as_bytes(), "UTC", wanted), expected, "{input}");
    }

    #[test]
    fn a_dropped_packet() {
        check(
            "<4>Jan 01 2026 10:00:00 gw1 kernel: [81.25] [UFW BLOCK] IN=eth0 OUT= \
             MAC=02:00:00:00:00:01:02:00:00:00:00:aa:08:00 SRC=203.0.113.7 DST=192.0.2.10 LEN=60 TOS=0x00 PREC=0x00 \
             TTL=51 ID=4711 DF PROTO=TCP SPT=40000 DPT=22 WINDOW=64240 RES=0x00 SYN URGP=0",
            "event.action event.type source.* destination.* network.* observer.name observer.ingress.interface.name \
             observer.egress.interface.name related.ip FLAGS FRAGMENT LEN defects",
            "event.action=block; event.type=denied,connection; source.mac=02-00-00-00-00-AA; source.ip=203.0.113.7; \
             source.address=203.0.113.7; source.port=40000; destination.mac=02-00-00-00-00-01; \
             destination.ip=192.0.2.10; destination.address=192.0.2.10; destination.port=22; network.type=ipv4; \
             network.transport=tcp; network.iana_number=6; observer.name=gw1; observer.ingress.interface.name=eth0; \
             related.ip=203.0.113.7,192.0.2.10; FLAGS=SYN; FRAGMENT=DF; LEN=60; defects=zone_assumed",
        );
    }

    #[test]
    fn the_packet_inside_an_icmp_error_is_not_the_packet() {
        check(
            "Jan 01 2026 10:00:00 DENY: IN=eth0 OUT= MAC= SRC=192.0.2.1 DST=192.0.2.2 LEN=88 PROTO=ICMP TYPE=3 CODE=1 \
             [SRC=192.0.2.2 DST=198.51.100.9 LEN=60 PROTO=UDP SPT=1 DPT=2 LEN=40 ] MARK=0x1",
            "event.action event.type source.ip destination.ip source.port TYPE CODE INNER MARK network.transport",
            "event.action=deny; event.type=denied,connection; source.ip=192.0.2.1; destination.ip=192.0.2.2; TYPE=3; \
             CODE=1; INNER=SRC=192.0.2.2 DST=198.51.100.9 LEN=60 PROTO=UDP SPT=1 DPT=2 LEN=40; MARK=0x1; \
             network.transport=icmp",
        );
    }

    #[test]
    fn prefixes() {
        for (prefix, expected) in [
            ("[wan-lan-10-R]", "event.action=reject; event.type=denied,connection; rule.name=wan-lan; rule.id=10"),
            ("[LOCAL_IN-3-A]", "event.action=accept; event.type=allowed,connection; rule.name=LOCAL_IN; rule.id=3"),
            ("nft-drop: ", "event.action=nft-drop; event.type=denied,connection"),
            ("FW_LOG ", "event.action=fw_log; event.type=connection"),
            ("[9.1] ", "event.type=connection"),
            ("", "event.type=connection"),
        ] {
            check(
                &format!("Jan 01 2026 10:00:00 gw1 kernel: {prefix}IN=a OUT=b SRC=::1 DST=::2 PROTO=58"),
                "event.action event.type rule.*",
                expected,
            );
        }
    }

    #[test]
    fn other_kernel_messages_are_left_alone() {
        for text in ["usb 1-1: new device", "link IN=1 something", "PLUGIN=1 OUT=2"] {
            check(&format!("<6>Jan 01 2026 10:00:00 gw1 kernel: {text}"), "event.category", "");
        }
    }

    #[test]
    fn values_that_are_not_what_they_must_be() {
        check(
            "IN=a OUT= SRC=999.1.1.1 DST=host PROTO=TCP SPT=70000 DPT=x MAC=zz",
            "source.* destination.* SRC SPT defects",
            "SRC=999.1.1.1; SPT=70000; defects=time_missing,address_invalid,number_invalid",
        );
    }
}
