//! The subject of an X.509 certificate as text (RFC 5280 §4.1, DER by X.690).
//!
//! Only for certificates that a CA of the operator's choice has signed and rustls has verified; even so
//! every length is checked, and what does not parse is no subject.

/// Longest text kept: a name is for an analyst's eyes.
const SUBJECT_BYTES_MAX: usize = 256;

const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;

/// `CN=…, O=…, OU=…, C=…` in the certificate's order; other attributes are left out.
pub(crate) fn of_certificate(der: &[u8]) -> Option<String> {
    let (certificate, _) = expect(SEQUENCE, der)?;
    let (mut body, _) = expect(SEQUENCE, certificate)?;
    if let Some((_, rest)) = expect(VERSION, body) {
        body = rest;
    }
    // serialNumber, signature, issuer, validity come before the subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE] {
        body = expect(tag, body)?.1;
    }
    let (mut names, _) = expect(SEQUENCE, body)?;
    let mut text = String::new();
    while !names.is_empty() && text.len() < SUBJECT_BYTES_MAX {
        let (mut set, rest) = expect(SET, names)?;
        names = rest;
        while !set.is_empty() {
            let (attribute, rest) = expect(SEQUENCE, set)?;
            set = rest;
            let (oid, value) = expect(OID, attribute)?;
            let (_, value, _) = element(value)?;
            // id-at (2.5.4) attributes, RFC 5280 appendix A.1.
            let label = match oid {
                [0x55, 4, 3] => "CN",
                [0x55, 4, 6] => "C",
                [0x55, 4, 10] => "O",
                [0x55, 4, 11] => "OU",
                _ => continue,
            };
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.push_str(label);
            text.push('=');
            text.push_str(&String::from_utf8_lossy(value));
        }
    }
    let mut end = text.len().min(SUBJECT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    (!text.is_empty()).then_some(text)
}

/// The content of the element of this tag at the begin of `der`, and what follows it.
fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and rest of the first element. Lengths of more than four bytes are refused.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (len, rest) = if short < 0x80 {
        (usize::from(short), rest)
    } else {
        let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
        if long.is_empty() || long.len() > 4 {
            return None;
        }
        (long.iter().fold(0usize, |len, &byte| len << 8 | usize::from(byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn certificate() -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["sender.example".to_owned()]).unwrap();
        let mut name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::CommonName, "fw-1");
        name.push(rcgen::DnType::OrganizationName, "銀行");
        params.distinguished_name = name;
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_subject_reads_as_an_analyst_writes_it() {
        assert_eq!(of_certificate(&certificate()).unwrap(), "CN=fw-1, O=銀行");
    }

    #[test]
    fn a_cut_certificate_has_no_subject_or_the_same() {
        let der = certificate();
        for end in 0..der.len() {
            assert_eq!(of_certificate(&der[..end]), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..600, byte in any::<u8>()) {
            let _ = of_certificate(&bytes);
            let mut der = certificate();
            let at = at % der.len();
            der[at] = byte;
            prop_assert!(of_certificate(&der).is_none_or(|text| text.len() <= SUBJECT_BYTES_MAX));
        }
    }
}
