//! What an indicator can be, and the names that files give it.

/// What an indicator is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum IndicatorKind {
    /// An address.
    Ip = 1,
    /// A network.
    Cidr,
    /// A domain name and everything under it.
    Domain,
    /// A host name alone: nothing under it. What domains of a feed without `subdomains` are.
    Hostname,
    /// A web address.
    Url,
    /// A mail address.
    Email,
    /// A file's MD5.
    Md5,
    /// A file's SHA-1.
    Sha1,
    /// A file's SHA-256.
    Sha256,
    /// A file's SHA-512.
    Sha512,
    /// The digest of a program's import table.
    Imphash,
    /// A file's name, or its whole path.
    FileName,
    /// A registry key, with the values directly in it.
    RegistryKey,
    /// A user agent, whole.
    UserAgent,
    /// A JA3 or JA3S fingerprint.
    Ja3,
    /// A JA4 fingerprint.
    Ja4,
    /// The digest of a certificate.
    Certificate,
    /// An autonomous system.
    Asn,
    /// An address of a cryptocurrency.
    CryptoAddress,
    /// A vulnerability's CVE number.
    Cve,
}

/// How many kinds there are, one more for the number no kind has.
pub(super) const KINDS_COUNT: usize = IndicatorKind::ALL.len() + 1;

impl IndicatorKind {
    /// All kinds, by number.
    pub const ALL: [IndicatorKind; 20] = [
        IndicatorKind::Ip,
        IndicatorKind::Cidr,
        IndicatorKind::Domain,
        IndicatorKind::Hostname,
        IndicatorKind::Url,
        IndicatorKind::Email,
        IndicatorKind::Md5,
        IndicatorKind::Sha1,
        IndicatorKind::Sha256,
        IndicatorKind::Sha512,
        IndicatorKind::Imphash,
        IndicatorKind::FileName,
        IndicatorKind::RegistryKey,
        IndicatorKind::UserAgent,
        IndicatorKind::Ja3,
        IndicatorKind::Ja4,
        IndicatorKind::Certificate,
        IndicatorKind::Asn,
        IndicatorKind::CryptoAddress,
        IndicatorKind::Cve,
    ];

    /// The kind of a number, as [`IndicatorKind`] counts them.
    #[inline]
    pub(super) fn of_number(number: u8) -> IndicatorKind {
        Self::ALL[usize::from(number) - 1]
    }

    /// The name in files and alerts.
    pub fn as_str(self) -> &'static str {
        match self {
            IndicatorKind::Ip => "ip",
            IndicatorKind::Cidr => "cidr",
            IndicatorKind::Domain => "domain",
            IndicatorKind::Hostname => "hostname",
            IndicatorKind::Url => "url",
            IndicatorKind::Email => "email",
            IndicatorKind::Md5 => "md5",
            IndicatorKind::Sha1 => "sha1",
            IndicatorKind::Sha256 => "sha256",
            IndicatorKind::Sha512 => "sha512",
            IndicatorKind::Imphash => "imphash",
            IndicatorKind::FileName => "file-name",
            IndicatorKind::RegistryKey => "registry-key",
            IndicatorKind::UserAgent => "user-agent",
            IndicatorKind::Ja3 => "ja3",
            IndicatorKind::Ja4 => "ja4",
            IndicatorKind::Certificate => "certificate",
            IndicatorKind::Asn => "asn",
            IndicatorKind::CryptoAddress => "crypto-address",
            IndicatorKind::Cve => "cve",
        }
    }

    /// What ECS calls it in `threat.indicator.type` (ECS 8.11, threat fields; STIX's names of observables). `v6` tells addresses apart.
    pub fn ecs_type(self, v6: bool) -> &'static str {
        match self {
            IndicatorKind::Ip | IndicatorKind::Cidr if v6 => "ipv6-addr",
            IndicatorKind::Ip | IndicatorKind::Cidr => "ipv4-addr",
            IndicatorKind::Domain | IndicatorKind::Hostname => "domain-name",
            IndicatorKind::Url => "url",
            IndicatorKind::Email => "email-addr",
            IndicatorKind::Md5
            | IndicatorKind::Sha1
            | IndicatorKind::Sha256
            | IndicatorKind::Sha512
            | IndicatorKind::Imphash
            | IndicatorKind::FileName => "file",
            IndicatorKind::RegistryKey => "windows-registry-key",
            IndicatorKind::Certificate => "x509-certificate",
            IndicatorKind::Asn => "autonomous-system",
            IndicatorKind::UserAgent | IndicatorKind::Ja3 | IndicatorKind::Ja4 => "network-traffic",
            // ECS has no words for these.
            IndicatorKind::CryptoAddress | IndicatorKind::Cve => "artifact",
        }
    }
}

/// The kinds by the names that files give them; `None` inside is "guess".
pub(super) const NAMES: &[(&str, Option<IndicatorKind>)] = {
    use IndicatorKind::*;
    &[
        ("ip", Some(Ip)),
        ("ipv4", Some(Ip)),
        ("ipv6", Some(Ip)),
        ("ipv4-addr", Some(Ip)),
        ("ipv6-addr", Some(Ip)),
        ("ip-src", Some(Ip)),
        ("ip-dst", Some(Ip)),
        ("ip-src|port", Some(Ip)),
        ("ip-dst|port", Some(Ip)),
        ("ip_address", Some(Ip)),
        ("ip:port", Some(Ip)),
        ("cidr", Some(Cidr)),
        ("network", Some(Cidr)),
        ("subnet", Some(Cidr)),
        ("ip_range", Some(Cidr)),
        ("domain", Some(Domain)),
        ("hostname", Some(Domain)),
        ("host", Some(Domain)),
        ("fqdn", Some(Domain)),
        ("domain-name", Some(Domain)),
        ("hostname|port", Some(Domain)),
        ("url", Some(Url)),
        ("uri", Some(Url)),
        ("link", Some(Url)),
        ("email", Some(Email)),
        ("email-addr", Some(Email)),
        ("email-src", Some(Email)),
        ("email-dst", Some(Email)),
        ("email-reply-to", Some(Email)),
        ("e-mail", Some(Email)),
        ("email_address", Some(Email)),
        ("md5", Some(Md5)),
        ("md5_hash", Some(Md5)),
        ("sha1", Some(Sha1)),
        ("sha-1", Some(Sha1)),
        ("sha1_hash", Some(Sha1)),
        ("sha256", Some(Sha256)),
        ("sha-256", Some(Sha256)),
        ("sha256_hash", Some(Sha256)),
        ("sha512", Some(Sha512)),
        ("sha-512", Some(Sha512)),
        ("imphash", Some(Imphash)),
        ("filename", Some(FileName)),
        ("file-name", Some(FileName)),
        ("file_name", Some(FileName)),
        ("file-path", Some(FileName)),
        ("process-name", Some(FileName)),
        ("regkey", Some(RegistryKey)),
        ("registry", Some(RegistryKey)),
        ("registry-key", Some(RegistryKey)),
        ("registry_key", Some(RegistryKey)),
        ("windows-registry-key", Some(RegistryKey)),
        ("user-agent", Some(UserAgent)),
        ("user_agent", Some(UserAgent)),
        ("http-user-agent", Some(UserAgent)),
        ("ja3", Some(Ja3)),
        ("ja3s", Some(Ja3)),
        ("ja3-fingerprint-md5", Some(Ja3)),
        ("ja4", Some(Ja4)),
        ("certificate", Some(Certificate)),
        ("x509-fingerprint-md5", Some(Certificate)),
        ("x509-fingerprint-sha1", Some(Certificate)),
        ("x509-fingerprint-sha256", Some(Certificate)),
        ("certificate-hash", Some(Certificate)),
        ("ssl-fingerprint", Some(Certificate)),
        ("asn", Some(Asn)),
        ("as", Some(Asn)),
        ("autonomous-system", Some(Asn)),
        ("crypto-address", Some(CryptoAddress)),
        ("cryptocurrency", Some(CryptoAddress)),
        ("btc", Some(CryptoAddress)),
        ("bitcoin", Some(CryptoAddress)),
        ("xmr", Some(CryptoAddress)),
        ("dash", Some(CryptoAddress)),
        ("eth", Some(CryptoAddress)),
        ("cve", Some(Cve)),
        ("vulnerability", Some(Cve)),
        ("hash", None),
        ("file", None),
        ("filehash", None),
    ]
};

/// The kind that a file calls `name`: outside `None` for names nobody knows, inside for those that say no kind.
pub(super) fn named(name: &str) -> Option<Option<IndicatorKind>> {
    let name = name.trim();
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
}
