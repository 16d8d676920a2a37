//! What a column holds, and finding its rows by a value of an event.

use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use ipnet::IpNet;

/// Longest value looked up; longer ones are in no inventory.
pub const VALUE_BYTES_MAX: usize = 512;

/// A column.
#[derive(Debug)]
pub struct Column {
    /// Its header in lower case, blanks as `_`.
    pub name: String,
    /// What it holds.
    pub typed: Typed,
    /// Rows by value, where events are looked up by it.
    pub index: Option<Index>,
}

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typed {
    /// Addresses, and networks among them.
    Network,
    /// MAC addresses.
    Mac,
    /// Host or domain names.
    Host,
    /// Accounts.
    User,
    /// Digests of files.
    Hash,
    /// Anything else.
    Text,
}

const HOSTS: &[&str] = &[
    "host",
    "hostname",
    "host_name",
    "computer",
    "computer_name",
    "device",
    "fqdn",
    "ws",
    "workstation",
    "domain",
    "server",
];
const USERS: &[&str] = &["user", "username", "user_name", "account", "login", "identity", "principal"];

/// A header as rules write it.
pub fn name_of(header: &str) -> String {
    header.trim().to_lowercase().replace([' ', '-', '.'], "_")
}

impl Typed {
    /// By what the values are; names of hosts and accounts look like any other, so by the header.
    pub fn of<'a>(name: &str, values: impl Iterator<Item = &'a str> + Clone) -> Typed {
        let mut filled = values.filter(|value| !value.is_empty()).peekable();
        let any = filled.peek().is_some();
        let all = |test: fn(&str) -> bool| any && filled.clone().all(test);
        if all(|value| network(value).is_some()) || matches!(name, "ip" | "cidr" | "network" | "address") && any {
            return Typed::Network;
        }
        if all(|value| mac(value.as_bytes()).is_some()) || (name == "mac" && any) {
            return Typed::Mac;
        }
        if all(|value| matches!(value.len(), 32 | 40 | 64 | 128) && value.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Typed::Hash;
        }
        match name {
            name if HOSTS.contains(&name) => Typed::Host,
            name if USERS.contains(&name) => Typed::User,
            _ => Typed::Text,
        }
    }

    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Typed::Network => "address or network",
            Typed::Mac => "MAC address",
            Typed::Host => "host name",
            Typed::User => "account",
            Typed::Hash => "digest",
            Typed::Text => "text",
        }
    }
}

fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpNet>() {
        Ok(network) => Some(network),
        Err(_) => noroshi_parsers::ip::parse(text.as_bytes()).map(|ip| IpNet::from(ip.to_canonical())),
    }
}

fn mac(text: &[u8]) -> Option<[u8; 12]> {
    let mut digits = [0; 12];
    let mut at = 0;
    for byte in text.iter().filter(|byte| !matches!(byte, b':' | b'-' | b'.')) {
        *digits.get_mut(at).filter(|_| byte.is_ascii_hexdigit())? = byte.to_ascii_lowercase();
        at += 1;
    }
    (at == 12).then_some(digits)
}

/// Rows by value.
#[derive(Debug)]
pub enum Index {
    /// Networks that may hold an address.
    Networks(Networks),
    /// Values in their one spelling.
    Values(Typed, HashMap<Box<[u8]>, Vec<u32>, FixedState>),
}

impl Index {
    /// The index of a column. Text is looked up by only in the first column.
    ///
    /// # Errors
    /// The row and value that are not of the column's type.
    pub fn new<'a>(
        typed: Typed,
        first: bool,
        cells: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Index>, (usize, String)> {
        if typed == Typed::Text && !first {
            return Ok(None);
        }
        let mut networks = Networks::default();
        let mut values: HashMap<Box<[u8]>, Vec<u32>, FixedState> = HashMap::default();
        for (row, cell) in cells.enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let wrong = || (row, cell.to_owned());
            if typed == Typed::Network {
                networks.add(network(cell).ok_or_else(wrong)?, row as u32);
                continue;
            }
            let mut buffer = [0; VALUE_BYTES_MAX];
            let value = normal(typed, cell.as_bytes(), &mut buffer).ok_or_else(wrong)?;
            values.entry(value.into()).or_default().push(row as u32);
        }
        Ok(Some(match typed {
            Typed::Network => Index::Networks(networks.sorted()),
            _ => Index::Values(typed, values),
        }))
    }

    /// The rows that an event's value is looked up to. Host names are found by their parent domains and by their first label too.
    pub fn rows(&self, value: &[u8]) -> &[u32] {
        let (typed, values) = match self {
            Index::Networks(networks) => {
                return noroshi_parsers::ip::parse(value).and_then(|ip| networks.longest(ip)).unwrap_or_default();
            }
            Index::Values(typed, values) => (*typed, values),
        };
        let mut buffer = [0; VALUE_BYTES_MAX];
        let Some(value) = normal(typed, value, &mut buffer) else { return &[] };
        if let Some(rows) = values.get(value) {
            return rows;
        }
        if typed == Typed::Host {
            let mut rest = value;
            while let Some(dot) = rest.iter().position(|&byte| byte == b'.') {
                rest = &rest[dot + 1..];
                if let Some(rows) = values.get(rest).filter(|_| rest.contains(&b'.')) {
                    return rows;
                }
            }
            let label = value.split(|&byte| byte == b'.').next().unwrap_or_default();
            return values.get(label).map_or(&[], Vec::as_slice);
        }
        &[]
    }
}

/// The one spelling of a value.
fn normal<'b>(typed: Typed, value: &[u8], buffer: &'b mut [u8; VALUE_BYTES_MAX]) -> Option<&'b [u8]> {
    if typed == Typed::Mac {
        buffer[..12].copy_from_slice(&mac(value)?);
        return Some(&buffer[..12]);
    }
    let mut value = value.trim_ascii();
    match typed {
        Typed::Host => value = value.strip_suffix(b".").unwrap_or(value),
        Typed::User => {
            if let Some(at) = value.iter().rposition(|&byte| byte == b'\\') {
                value = &value[at + 1..];
            }
            if let Some(at) = value.iter().position(|&byte| byte == b'@').filter(|&at| at > 0) {
                value = &value[..at];
            }
        }
        _ => {}
    }
    let lower = buffer.get_mut(..value.len()).filter(|lower| !lower.is_empty())?;
    lower.copy_from_slice(value);
    lower.make_ascii_lowercase();
    Some(lower)
}

/// Rows by the network's bits, for one length of prefix.
type OfLength = HashMap<u128, Vec<u32>, FixedState>;

/// Networks by length of prefix, the longest first.
#[derive(Debug, Default)]
pub struct Networks {
    by_length: Vec<(u8, OfLength)>,
}

impl Networks {
    fn add(&mut self, network: IpNet, row: u32) {
        let length = match network {
            IpNet::V4(network) => network.prefix_len() + 96,
            IpNet::V6(network) => network.prefix_len(),
        };
        let at = match self.by_length.iter().position(|(known, _)| *known == length) {
            Some(at) => at,
            None => {
                self.by_length.push((length, HashMap::default()));
                self.by_length.len() - 1
            }
        };
        self.by_length[at].1.entry(masked(bits(network.addr()), length)).or_default().push(row);
    }

    fn sorted(mut self) -> Self {
        self.by_length.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        self
    }

    /// Whether a network of this row holds the address.
    pub fn holds(&self, row: u32, address: IpAddr) -> bool {
        let bits = bits(address);
        let found = |(length, networks): &(u8, OfLength)| {
            networks.get(&masked(bits, *length)).is_some_and(|rows| rows.contains(&row))
        };
        self.by_length.iter().any(found)
    }

    /// The rows of the longest network that holds the address.
    pub fn longest(&self, address: IpAddr) -> Option<&[u32]> {
        let bits = bits(address);
        self.by_length.iter().find_map(|(length, networks)| networks.get(&masked(bits, *length)).map(Vec::as_slice))
    }
}

fn bits(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(ip) => u128::from_be_bytes(ip.to_ipv6_mapped().octets()),
        IpAddr::V6(ip) => u128::from_be_bytes(ip.octets()),
    }
}

fn masked(bits: u128, length: u8) -> u128 {
    if length == 0 { 0 } else { bits >> (128 - length) << (128 - length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, cells: &[&str], typed: Typed, found: &[(&str, &[u32])]) {
        assert_eq!(Typed::of(name, cells.iter().copied()), typed);
        let index = Index::new(typed, true, cells.iter().copied()).unwrap().unwrap();
        for (value, rows) in found {
            assert_eq!(index.rows(value.as_bytes()), *rows, "{value}");
        }
    }

    #[test]
    fn values_are_found_in_any_spelling() {
        check(
            "src",
            &["192.0.2.0/24", "192.0.2.128/25", "2001:db8::/32", "192.0.2.7"],
            Typed::Network,
            &[
                ("192.0.2.9", &[0]),
                ("192.0.2.200", &[1]),
                ("::ffff:192.0.2.7", &[3]),
                ("2001:db8::1", &[2]),
                ("198.51.100.1", &[]),
                ("no address", &[]),
            ],
        );
        check("m", &["00:50:56:AB:00:01", ""], Typed::Mac, &[("0050.56ab.0001", &[0]), ("00-50-56-AB-00-02", &[])]);
        check(
            "host",
            &["dc01", "share.example", "dc01"],
            Typed::Host,
            &[
                ("DC01.corp.example", &[0, 2]),
                ("files.share.example", &[1]),
                ("notshare.example", &[]),
                ("example", &[]),
            ],
        );
        check("account", &["mori"], Typed::User, &[("CORP\\Mori", &[0]), ("mori@corp.example", &[0]), ("kato", &[])]);
        let digest = "AB".repeat(32);
        check("sha256", &[&digest], Typed::Hash, &[(&digest.to_lowercase(), &[0])]);
        check("name", &["Open SSL"], Typed::Text, &[("open ssl", &[0])]);
    }

    #[test]
    fn a_column_named_for_addresses_holds_nothing_else() {
        let cells = ["192.0.2.1", "none"];
        assert_eq!(Typed::of("ip", cells.into_iter()), Typed::Network);
        assert_eq!(Index::new(Typed::Network, false, cells.into_iter()).unwrap_err(), (1, "none".to_owned()));
    }
}
