//! The canonical text of a flow record: one JSON object, members in the order of the wire.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A JSON object being written. One buffer, reused for every record.
#[derive(Default)]
pub(super) struct Object {
    text: Vec<u8>,
    /// Whether a member was written at this depth, so that the next needs a comma.
    comma: bool,
}

impl Object {
    /// Begins anew.
    pub(super) fn begin(&mut self) {
        self.text.clear();
        self.text.push(b'{');
        self.comma = false;
    }

    /// The object's text, once ended.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Opens an object below `name`.
    pub(super) fn open(&mut self, name: &str) {
        self.name(name);
        self.text.push(b'{');
        self.comma = false;
    }

    /// Closes the innermost object.
    pub(super) fn close(&mut self) {
        self.text.push(b'}');
        self.comma = true;
    }

    fn name(&mut self, name: &str) {
        if self.comma {
            self.text.push(b',');
        }
        self.comma = true;
        self.text.push(b'"');
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
    }

    fn digits(&mut self, value: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = value;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.text.extend_from_slice(&digits[at..]);
    }

    /// A member whose name ends in two numbers: `enterprise_9_12235`.
    pub(super) fn numbered(
        &mut self,
        prefix: &str,
        first: u32,
        second: Option<u16>,
        value: impl FnOnce(&mut Value<'_>),
    ) {
        if self.comma {
            self.text.push(b',');
        }
        self.comma = true;
        self.text.push(b'"');
        self.text.extend_from_slice(prefix.as_bytes());
        self.digits(first.into());
        if let Some(second) = second {
            self.text.push(b'_');
            self.digits(second.into());
        }
        self.text.extend_from_slice(b"\":");
        value(&mut Value(self));
    }

    /// A member whose name has a prefix.
    pub(super) fn prefixed(&mut self, prefix: &str, name: &str, value: impl FnOnce(&mut Value<'_>)) {
        if self.comma {
            self.text.push(b',');
        }
        self.comma = true;
        self.text.push(b'"');
        self.text.extend_from_slice(prefix.as_bytes());
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
        value(&mut Value(self));
    }

    /// A member.
    pub(super) fn member(&mut self, name: &str, value: impl FnOnce(&mut Value<'_>)) {
        self.name(name);
        value(&mut Value(self));
    }

    pub(super) fn unsigned(&mut self, name: &str, value: u64) {
        self.member(name, |out| out.unsigned(value));
    }

    pub(super) fn text_member(&mut self, name: &str, value: &str) {
        self.member(name, |out| out.string(value.as_bytes()));
    }

    pub(super) fn time(&mut self, name: &str, time_ns: i64) {
        self.member(name, |out| out.time(time_ns));
    }

    pub(super) fn base64(&mut self, name: &str, octets: &[u8]) {
        self.member(name, |out| out.base64(octets));
    }
}

/// The place of a member's value.
pub(super) struct Value<'o>(&'o mut Object);

impl Value<'_> {
    pub(super) fn unsigned(&mut self, value: u64) {
        self.0.digits(value);
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.0.text.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(super) fn float(&mut self, value: f64) {
        use std::io::Write as _;
        if value.is_finite() {
            // A Vec takes every byte.
            let _ = write!(self.0.text, "{value}");
        } else {
            self.0.text.extend_from_slice(b"null");
        }
    }

    pub(super) fn ip(&mut self, ip: IpAddr) {
        use std::io::Write as _;
        let _ = write!(self.0.text, "\"{ip}\"");
    }

    pub(super) fn peer(&mut self, peer: std::net::SocketAddr) {
        use std::io::Write as _;
        let _ = write!(self.0.text, "\"{peer}\"");
    }

    pub(super) fn time(&mut self, time_ns: i64) {
        let mut out = [0; 32];
        let len = crate::time::write_rfc3339(time_ns, &mut out);
        self.0.text.push(b'"');
        self.0.text.extend_from_slice(&out[..len]);
        self.0.text.push(b'"');
    }

    /// Text of the exporter's: what is no UTF-8 is replaced, the octets stay in `record`.
    pub(super) fn string(&mut self, value: &[u8]) {
        self.0.text.push(b'"');
        for chunk in value.utf8_chunks() {
            for &byte in chunk.valid().as_bytes() {
                match byte {
                    b'"' | b'\\' => self.0.text.extend_from_slice(&[b'\\', byte]),
                    0..0x20 | 0x7f => {
                        self.0.text.extend_from_slice(b"\\u00");
                        self.hex_digits(byte);
                    }
                    _ => self.0.text.push(byte),
                }
            }
            if !chunk.invalid().is_empty() {
                self.0.text.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        self.0.text.push(b'"');
    }

    fn hex_digits(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0.text.push(DIGITS[usize::from(byte >> 4)]);
        self.0.text.push(DIGITS[usize::from(byte & 15)]);
    }

    /// Octets of no known meaning, in hexadecimal.
    pub(super) fn hex(&mut self, octets: &[u8]) {
        self.0.text.push(b'"');
        octets.iter().for_each(|&byte| self.hex_digits(byte));
        self.0.text.push(b'"');
    }

    pub(super) fn mac(&mut self, octets: &[u8; 6]) {
        self.0.text.push(b'"');
        for (at, &byte) in octets.iter().enumerate() {
            if at > 0 {
                self.0.text.push(b':');
            }
            self.hex_digits(byte);
        }
        self.0.text.push(b'"');
    }

    /// Few octets as a list of numbers, as Elastic writes `application_id`.
    pub(super) fn octets(&mut self, octets: &[u8]) {
        /// More than this is a section of a packet, which is kept in base64.
        const LIST_MAX: usize = 16;
        if octets.len() > LIST_MAX {
            return self.base64(octets);
        }
        self.0.text.push(b'[');
        for (at, &byte) in octets.iter().enumerate() {
            if at > 0 {
                self.0.text.push(b',');
            }
            self.0.digits(byte.into());
        }
        self.0.text.push(b']');
    }

    pub(super) fn base64(&mut self, octets: &[u8]) {
        self.0.text.push(b'"');
        let from = self.0.text.len();
        self.0.text.resize(from + octets.len().div_ceil(3) * 4, 0);
        let written = STANDARD.encode_slice(octets, &mut self.0.text[from..]).unwrap_or_default();
        self.0.text.truncate(from + written);
        self.0.text.push(b'"');
    }
}

/// The octets of an address, of either family.
pub(super) fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(IpAddr::V4(Ipv4Addr::from(octets)));
    }
    <[u8; 16]>::try_from(octets).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_every_kind_are_json() {
        let mut object = Object::default();
        object.begin();
        object.open("a");
        object.unsigned("n", u64::MAX);
        object.text_member("s", "q\"\\\u{1}é");
        object.close();
        object.member("bad", |out| out.string(b"x\xffy"));
        object.member("mac", |out| out.mac(&[0, 1, 2, 0xab, 4, 5]));
        object.member("f", |out| out.float(0.5));
        object.member("none", |out| out.float(f64::NAN));
        object.numbered("enterprise_", 9, Some(7), |out| out.hex(&[0xde, 0xad]));
        object.base64("record", b"\x00\x01");
        object.member("list", |out| out.octets(&[3, 0]));
        object.member("list_long", |out| out.octets(&[0; 18]));
        object.close();
        let value: serde_json::Value = serde_json::from_slice(object.text()).unwrap();
        assert_eq!(value["a"]["n"], u64::MAX);
        assert_eq!(value["a"]["s"], "q\"\\\u{1}é");
        assert_eq!(value["bad"], "x\u{fffd}y");
        assert_eq!(value["mac"], "00:01:02:ab:04:05");
        assert_eq!(value["f"], 0.5);
        assert!(value["none"].is_null());
        assert_eq!(value["enterprise_9_7"], "dead");
        assert_eq!(value["record"], "AAE=");
        assert_eq!(value["list"], serde_json::json!([3, 0]));
        assert_eq!(value["list_long"], "AAAAAAAAAAAAAAAAAAAAAAAA");
    }
}
