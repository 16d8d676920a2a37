//! HTTP for feeds: resolved first, then connected to what was resolved, and never to what a feed has no business with.
//!
//! A feed's server may redirect, and whoever writes its DNS chooses addresses. So every name is resolved here, for each hop
//! anew, and addresses of loopback, links, multicast and cloud metadata are refused whatever name led there; private ones are for the host
//! alone that the operator named. What else is needed, `allow_networks` says.

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::config::{FeedConfig, holds, parse_network};

/// Redirects followed: a mirror, a load balancer, a moved path.
const REDIRECTS_MAX: u32 = 5;
/// Longest header value sent or kept.
const HEADER_BYTES_MAX: usize = 4_096;

/// Addresses that answer to whoever runs on the machine (documentation of AWS, Alibaba Cloud, Azure and Oracle Cloud).
const METADATA: [IpAddr; 4] = [
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
];

/// Speaks to the server of one feed.
pub(super) struct Client {
    agent: ureq::Agent,
    config: FeedConfig,
}

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: u16,
    response: ureq::http::Response<ureq::Body>,
}

impl Client {
    pub(super) fn new(config: &FeedConfig) -> Result<Self, String> {
        let url: Uri = config.url.as_deref().unwrap_or_default().parse().map_err(|_| "the URL is none".to_owned())?;
        let mut tls = TlsConfig::builder();
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
            let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if certificates.is_empty() {
                return Err(format!("{} holds no certificate; give a PEM file", path.display()));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let built = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(config.timeout_s.max(1))))
            .http_status_as_error(false)
            .https_only(!config.allow_http)
            .max_redirects(REDIRECTS_MAX)
            // What the engine talks to stands in its configuration, not in its environment.
            .proxy(None)
            .user_agent(concat!("noroshi/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.build())
            .build();
        let guard = Guard {
            host: url.host().unwrap_or_default().to_ascii_lowercase(),
            allowed: config.allow_networks.iter().filter_map(|network| parse_network(network)).collect(),
            resolver: DefaultResolver::default(),
        };
        let agent = ureq::Agent::with_parts(built, DefaultConnector::default(), guard);
        Ok(Client { agent, config: config.clone() })
    }

    /// Asks for a document; the body is not read yet.
    pub(super) fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let mut request = self.agent.get(url);
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty() && value.len() <= HEADER_BYTES_MAX) {
            request = request.header(*name, *value);
        }
        if let Some(path) = &self.config.authorization_file {
            // Read anew for each request: a secret may be changed without a restart.
            let text =
                std::fs::read_to_string(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))?;
            let value = text.trim();
            if value.is_empty()
                || value.len() > HEADER_BYTES_MAX
                || !value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
            {
                return Err(format!("{} does not hold one line of printable ASCII", path.display()));
            }
            request = request.header("Authorization", value);
        }
        let response = request.call().map_err(|cause| cause.to_string())?;
        Ok(Answer { status: response.status().as_u16(), response })
    }
}

impl Answer {
    /// A header's value; empty where it is not there or no text.
    pub(super) fn header(&self, name: &str) -> String {
        let value = self.response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if value.len() <= HEADER_BYTES_MAX { value.to_owned() } else { String::new() }
    }

    /// `Err` for anything but 200.
    pub(super) fn ok(self) -> Result<Self, String> {
        match self.status {
            200 => Ok(self),
            401 | 403 => Err(format!("the server answers {}; check authorization_file", self.status)),
            status => Err(format!("the server answers {status}")),
        }
    }

    /// Writes the body to `out`, up to a bound.
    pub(super) fn write_to(self, out: &mut impl std::io::Write, bytes_max: u64) -> Result<u64, String> {
        let mut body = self.response.into_body().into_reader().take(bytes_max.saturating_add(1));
        let written = std::io::copy(&mut body, out).map_err(|cause| cause.to_string())?;
        if written > bytes_max {
            Err(format!("the document is over {bytes_max} bytes long; raise bytes_max"))
        } else {
            Ok(written)
        }
    }
}

/// Resolves names and keeps the addresses that may be connected to.
#[derive(Debug)]
struct Guard {
    /// The host that the operator named.
    host: String,
    allowed: Vec<(IpAddr, u8)>,
    resolver: DefaultResolver,
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        let named = uri.host().is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        let mut kept = self.empty();
        let mut refused = None;
        for address in found.iter() {
            match self.refusal(address.ip(), named) {
                None => kept.push(*address),
                Some(why) => refused = Some((address.ip(), why)),
            }
        }
        match refused {
            Some((ip, why)) if kept.is_empty() => {
                let message = format!(
                    "`{}` is at {ip}, {why}; add its network to allow_networks if it should be",
                    uri.host().unwrap_or_default()
                );
                Err(ureq::Error::Io(std::io::Error::new(std::io::ErrorKind::PermissionDenied, message)))
            }
            _ => Ok(kept),
        }
    }
}

impl Guard {
    /// Why an address may not be connected to.
    fn refusal(&self, ip: IpAddr, named: bool) -> Option<&'static str> {
        let ip = embedded(ip);
        if self.allowed.iter().any(|&network| holds(network, ip)) {
            return None;
        }
        let (local, private) = match ip {
            IpAddr::V4(ip) => {
                let [a, b, ..] = ip.octets();
                let local = ip.is_loopback() || ip.is_link_local() || ip.is_broadcast() || a == 0;
                (local, ip.is_private() || a == 100 && b & 0xC0 == 64)
            }
            IpAddr::V6(ip) => {
                (ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local(), ip.is_unique_local())
            }
        };
        if local {
            Some("which is the machine itself or its link")
        } else if METADATA.contains(&ip) {
            Some("where clouds keep credentials")
        } else if ip.is_multicast() {
            Some("which is no host")
        } else if private && !named {
            Some("which is private, and not the host that the feed names")
        } else {
            None
        }
    }
}

/// The IPv4 address inside an IPv6 one: mapped (RFC 4291 §2.5.5.2), or of the well-known NAT64 prefix (RFC 6052 §2.1).
fn embedded(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) if ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0] => {
            let [.., a, b, c, d] = ip.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_feed_has_no_business_with_is_refused() {
        let guard = Guard {
            host: "feeds.example.com".into(),
            allowed: vec![parse_network("127.0.0.2/32").expect("a network")],
            resolver: DefaultResolver::default(),
        };
        for (address, named, after_redirect) in [
            ("127.0.0.1", false, false),
            ("127.0.0.2", true, true),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::7f00:1", false, false),
            ("fd00:ec2::254", false, false),
            ("100.100.100.200", false, false),
            ("0.0.0.0", false, false),
            ("::1", false, false),
            ("fe80::1", false, false),
            ("224.0.0.1", false, false),
            ("10.1.2.3", true, false),
            ("fd12::1", true, false),
            ("100.64.0.1", true, false),
            ("203.0.113.9", true, true),
            ("2001:db8::1", true, true),
        ] {
            let ip: IpAddr = address.parse().expect("an address");
            assert_eq!(guard.refusal(ip, true).is_none(), named, "{address}");
            assert_eq!(guard.refusal(ip, false).is_none(), after_redirect, "{address} after a redirect");
        }
    }
}
