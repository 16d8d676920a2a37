//! Indicator lists, and the few of their members that the stream contacts.
//!
//! Values live in ranges the background never uses: 198.19/16 (RFC 2544) and 240/4 (RFC 1112, reserved) for
//! addresses, 100.96.0.0/16 for planted and 248/6 for other networks, 2001:db8:bad::/48, and the top-level
//! domains `.test` and `.example` (RFC 2606). So a hit on the stream is planted, and nothing else is one.

use super::put::{Hex, Piece, put};
use super::rng::{Rng, mix};
use super::sysmon::hex_text;
use super::world::WORDS;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndicatorKind {
    /// One address.
    Ip,
    /// A network in CIDR notation.
    Cidr,
    /// A domain; its subdomains count too.
    Domain,
    /// A whole URL.
    Url,
    /// MD5 of a file.
    Md5,
    /// SHA-1 of a file.
    Sha1,
    /// SHA-256 of a file.
    Sha256,
}

impl IndicatorKind {
    /// Every kind, in the order of the planted list.
    pub const ALL: [IndicatorKind; 7] = [
        IndicatorKind::Ip,
        IndicatorKind::Cidr,
        IndicatorKind::Domain,
        IndicatorKind::Url,
        IndicatorKind::Md5,
        IndicatorKind::Sha1,
        IndicatorKind::Sha256,
    ];

    /// The name in the `type` column.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            IndicatorKind::Ip => "ip",
            IndicatorKind::Cidr => "cidr",
            IndicatorKind::Domain => "domain",
            IndicatorKind::Url => "url",
            IndicatorKind::Md5 => "md5",
            IndicatorKind::Sha1 => "sha1",
            IndicatorKind::Sha256 => "sha256",
        }
    }
}

/// One indicator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Indicator {
    /// What it is.
    pub kind: IndicatorKind,
    /// Its value as listed.
    pub value: String,
}

/// Planted indicators of each kind.
pub const PLANTED_PER_KIND: usize = 8;
/// All planted indicators; a shorter list than this can't hold them.
pub const PLANTED: usize = PLANTED_PER_KIND * IndicatorKind::ALL.len();

/// The planted indicators of a seed: kind k occupies `k * PLANTED_PER_KIND ..`.
#[must_use]
pub fn planted(seed: u64) -> Vec<Indicator> {
    let mut rng = Rng::new(seed, 0x10C, 0);
    let mut all = Vec::with_capacity(PLANTED);
    for kind in IndicatorKind::ALL {
        for number in 0..PLANTED_PER_KIND {
            let value = planted_value(&mut rng, kind, number);
            all.push(Indicator { kind, value });
        }
    }
    all
}

fn planted_value(rng: &mut Rng, kind: IndicatorKind, number: usize) -> String {
    let octet = number as u8;
    match kind {
        IndicatorKind::Ip if number < 6 => Ipv4Addr::new(198, 19, 7 + octet * 3, 10 + octet).to_string(),
        IndicatorKind::Ip => Ipv6Addr::new(0x2001, 0xdb8, 0xbad, 0, 0, 0, 0, 0x10 + u16::from(octet)).to_string(),
        IndicatorKind::Cidr => format!("100.96.{octet}.0/24"),
        IndicatorKind::Domain => format!("{}-{}.test", rng.pick(&WORDS), hex_text(rng, 6)),
        IndicatorKind::Url => {
            format!("http://{}-{}.example/gate/{}.php", rng.pick(&WORDS), hex_text(rng, 6), hex_text(rng, 8))
        }
        IndicatorKind::Md5 => hex_text(rng, 32),
        IndicatorKind::Sha1 => hex_text(rng, 40),
        IndicatorKind::Sha256 => hex_text(rng, 64),
    }
}

/// The other member `index` of a list, never planted and never in the stream.
fn filler(seed: u64, index: u64) -> Indicator {
    let mut rng = Rng::new(seed, 0x10D, index);
    let scattered = (index as u32).wrapping_mul(0x9E37_79B1);
    let mut out = Vec::with_capacity(64);
    let kind = match rng.below(100) {
        0..40 => IndicatorKind::Domain,
        40..60 => IndicatorKind::Ip,
        60..75 => IndicatorKind::Url,
        75..85 => IndicatorKind::Sha256,
        85..93 => IndicatorKind::Md5,
        93..98 => IndicatorKind::Sha1,
        _ => IndicatorKind::Cidr,
    };
    match kind {
        // An odd multiplication keeps 27 bits distinct: 240.0.0.0 to 247.255.255.255.
        IndicatorKind::Ip => IpAddr::V4(Ipv4Addr::from(0xF000_0000 | scattered & 0x07FF_FFFF)).put(&mut out),
        IndicatorKind::Cidr => {
            put!(&mut out; IpAddr::V4(Ipv4Addr::from(0xF800_0000 | (scattered & 0xF_FFFF) << 6)), "/26");
        }
        IndicatorKind::Domain => put!(&mut out; rng.pick(&WORDS), "x", Hex(index, 6), ".example"),
        IndicatorKind::Url => {
            put!(&mut out; "https://", rng.pick(&WORDS), "y", Hex(index, 6), ".example/", rng.pick(&WORDS), "/", Hex(rng.draw(), 8));
        }
        IndicatorKind::Md5 => put!(&mut out; Hex(mix(index), 16), Hex(rng.draw(), 16)),
        IndicatorKind::Sha1 => put!(&mut out; Hex(mix(index), 16), Hex(rng.draw(), 16), Hex(rng.draw(), 8)),
        IndicatorKind::Sha256 => {
            put!(&mut out; Hex(mix(index), 16), Hex(rng.draw(), 16), Hex(rng.draw(), 16), Hex(rng.draw(), 16));
        }
    }
    Indicator { kind, value: String::from_utf8(out).unwrap_or_default() }
}

/// The `count` indicators of a seed, the planted ones spread evenly over the list.
///
/// A list shorter than [`PLANTED`] holds the first planted ones only.
pub fn list(seed: u64, count: u64) -> impl Iterator<Item = Indicator> {
    let planted = planted(seed);
    let wanted = count.min(PLANTED as u64);
    let mut next = 0;
    (0..count).map(move |index| {
        if next < wanted && index == next * count / wanted {
            next += 1;
            planted[next as usize - 1].clone()
        } else {
            filler(seed, index)
        }
    })
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ListForm {
    /// `type,value,source` with a header line.
    Csv,
    /// One value a line.
    Plain,
}

/// Writes a list of `count` indicators.
///
/// # Errors
/// What the writer returns.
pub fn write_list(seed: u64, count: u64, form: ListForm, out: &mut impl Write) -> io::Result<()> {
    if form == ListForm::Csv {
        out.write_all(b"type,value,source\n")?;
    }
    let mut line = Vec::with_capacity(96);
    for indicator in list(seed, count) {
        line.clear();
        match form {
            ListForm::Csv => {
                put!(&mut line; indicator.kind.name(), ",", indicator.value, ",feed-", mix(indicator.value.len() as u64) % 4, "\n");
            }
            ListForm::Plain => put!(&mut line; indicator.value, "\n"),
        }
        out.write_all(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn lists_hold_every_planted_indicator_once_and_no_value_twice() {
        for count in [1_000, 50_000] {
            let values: Vec<String> = list(7, count).map(|indicator| indicator.value).collect();
            assert_eq!(values.len() as u64, count);
            assert_eq!(values.iter().collect::<HashSet<_>>().len(), values.len(), "a value is listed twice");
            for indicator in planted(7) {
                assert!(values.contains(&indicator.value), "{} is missing", indicator.value);
            }
        }
    }

    #[test]
    fn csv_has_a_header_and_one_line_each() {
        let mut out = Vec::new();
        write_list(7, 100, ListForm::Csv, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("type,value,source\nip,198.19.7.10,"), "{}", &text[..60]);
        assert_eq!(text.lines().count(), 101);
    }
}
