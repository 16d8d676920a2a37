//! Microsoft DHCP Server audit log: `DhcpSrvLog-*.log` (IPv4) and `DhcpV6SrvLog-*.log`, comma-separated.
//!
//! The columns and the meaning of each id stand in the head that the server writes to every file; the actions are
//! those of Elastic's `microsoft_dhcp`.

use super::fields::{put_mac, relate};
use super::names::vendor_names;
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span, TimePrecision};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, take_clock};
use crate::wire::csv::Cells;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `ms_dhcp`.
pub(crate) static PRODUCT: Product = Product {
    name: "ms_dhcp",
    title: "Microsoft DHCP Server audit log",
    document: "Microsoft: DHCP Server log file format, event ids",
    namespace: "microsoft.dhcp",
    module: "microsoft_dhcp",
    dataset: "microsoft_dhcp.log",
    vendor: "Microsoft",
    product: "DHCP Server",
    names: NAMES,
    detect: &[Detect::Line("0123456789", decode), Detect::Shape("0123456789", decode)],
    ..Product::NONE
};

vendor_names! {
    mac_address = "mac_address";
    transaction_id = "transaction_id";
    result = "result";
    result_description = "result_description";
    probation_time = "probation_time";
    correlation_id = "correlation_id";
    dhc_id = "dhc_id";
    vendor_hex = "vendor.hex";
    vendor_string = "vendor.string";
    user_hex = "user.hex";
    user_string = "user.string";
    relay_agent_info = "relay_agent_info";
    dns_error_code = "dns_error_code";
    error_code = "error_code";
    duid_length = "duid.length";
    duid_hex = "duid.hex";
    subnet_prefix = "subnet_prefix";
}

/// What an id means.
struct Meaning {
    id: u32,
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    failed: bool,
    reason: &'static str,
}

macro_rules! meanings {
    ($($id:literal $action:literal [$($category:literal)*] [$($kind:literal)*] $failed:literal $reason:literal;)*) => {
        &[$(Meaning {
            id: $id, action: $action, categories: &[$($category),*], types: &[$($kind),*], failed: $failed, reason: $reason,
        },)*]
    };
}

/// Sorted by id.
#[rustfmt::skip]
static MEANINGS: &[Meaning] = meanings! {
    0 "log-start" ["process"] ["start"] false "The log was started.";
    1 "log-end" ["process"] ["end"] false "The log was stopped.";
    2 "log-pause" ["process"] ["change"] true "The log was temporarily paused due to low disk space.";
    10 "dhcp-new" ["network"] ["allowed" "connection"] false "A new IP address was leased to a client.";
    11 "dhcp-renew" ["network"] ["allowed" "connection"] false "A lease was renewed by a client.";
    12 "dhcp-release" ["network"] ["allowed" "connection"] false "A lease was released by a client.";
    13 "" ["network"] ["connection"] false "An IP address was found to be in use on the network.";
    14 "" ["network"] ["connection" "denied"] true "A lease request could not be satisfied because the scope's address pool was exhausted.";
    15 "dhcp-deny" ["network"] ["connection" "denied"] true "A lease was denied.";
    16 "dhcp-delete" ["network"] ["connection"] false "A lease was deleted.";
    17 "dhcp-expire" ["network"] ["connection"] false "A lease was expired and DNS records for an expired leases have not been deleted.";
    18 "dhcp-expire" ["network"] ["connection"] false "A lease was expired and DNS records were deleted.";
    20 "" ["network"] ["allowed" "connection"] false "A BOOTP address was leased to a client.";
    21 "" ["network"] ["allowed" "connection"] false "A dynamic BOOTP address was leased to a client.";
    22 "" ["network"] ["connection" "denied"] true "A BOOTP request could not be satisfied because the scope's address pool for BOOTP was exhausted.";
    23 "" ["network"] ["connection" "denied"] true "A BOOTP IP address was deleted after checking to see it was not in use.";
    24 "ip-cleanup-start" ["process"] ["start"] false "IP address cleanup operation has began.";
    25 "ip-cleanup-end" ["process"] ["start"] false "IP address cleanup statistics.";
    30 "dhcp-dns-update" ["network"] ["connection"] false "DNS update request to the named DNS server.";
    31 "dhcp-dns-update" ["network"] ["connection"] true "DNS update failed.";
    32 "dhcp-dns-update" ["network"] ["connection"] false "DNS update successful.";
    33 "" ["network"] ["connection"] true "Packet dropped due to NAP policy.";
    34 "dhcp-dns-update" ["network"] ["connection"] true "DNS update request failed.as the DNS update request queue limit exceeded.";
    35 "dhcp-dns-update" ["network"] ["connection" "denied"] true "DNS update request failed.";
    36 "" ["network"] ["connection" "denied"] true "Packet dropped because the server is in failover standby role or the hash of the client ID does not match.";
    50 "rogue-server-detection" ["authentication" "network"] ["connection"] true "The DHCP server could not locate the applicable domain for its configured Active Directory installation.";
    51 "rogue-server-detection" ["authentication" "network"] ["allowed" "connection"] false "The DHCP server was authorized to start on the network.";
    52 "rogue-server-detection" ["authentication" "network"] ["connection"] false "The DHCP server was recently upgraded to a Windows Server 2008 operating system, and, therefore, the unauthorized DHCP server detection feature (used to determine whether the server has been authorized in Active Directory) was disabled.";
    53 "rogue-server-detection" ["authentication" "network"] ["allowed" "connection"] false "The DHCP server was authorized to start using previously cached information. AD DS could not be found at the time the server was started on the network.";
    54 "rogue-server-detection" ["authentication" "network"] ["connection" "denied"] true "The DHCP server was not authorized to start on the network. When this event occurs, it is likely followed by the server being stopped.";
    55 "rogue-server-detection" ["authentication" "network"] ["allowed" "connection"] false "The DHCP server was successfully authorized to start on the network.";
    56 "rogue-server-detection" ["authentication" "network"] ["connection" "denied"] true "The DHCP server was not authorized to start on the network and was shut down by the operating system. You must first authorize the server in the directory before starting it again.";
    57 "rogue-server-detection" ["authentication" "network"] ["connection"] false "Another DHCP server exists and is authorized for service in the same domain.";
    58 "rogue-server-detection" ["authentication" "network"] ["connection"] true "The DHCP server could not locate the specified domain.";
    59 "rogue-server-detection" ["authentication" "network"] ["connection"] true "A network-related failure prevented the server from determining if it is authorized.";
    60 "rogue-server-detection" ["authentication" "network"] ["connection"] false "No domain controller running Windows Server 2008 was located. For detecting whether the server is authorized, a domain controller that is enabled for AD DS is required.";
    61 "rogue-server-detection" ["authentication" "network"] ["connection"] false "Another DHCP server was found on the network that belongs to the Active Directory domain.";
    62 "rogue-server-detection" ["authentication" "network"] ["connection"] false "Another DHCP server was found on the network.";
    63 "rogue-server-detection" ["authentication" "network"] ["connection"] false "The DHCP server is trying once more to determine whether it is authorized to start and provide service on the network.";
    64 "rogue-server-detection" ["authentication" "network"] ["connection"] false "The DHCP server has its service bindings or network connections configured so that it is not enabled to provide service.";
    11000 "dhcpv6-solicit" ["network"] ["connection" "protocol"] false "";
    11001 "dhcpv6-advertise" ["network"] ["connection" "protocol"] false "";
    11002 "dhcpv6-request" ["network"] ["connection" "protocol"] false "";
    11003 "dhcpv6-confirm" ["network"] ["connection" "protocol"] false "";
    11004 "dhcpv6-renew" ["network"] ["connection" "protocol"] false "";
    11005 "dhcpv6-rebind" ["network"] ["connection" "protocol"] false "";
    11006 "dhcpv6-decline" ["network"] ["connection" "protocol"] true "";
    11007 "dhcpv6-release" ["network"] ["connection"] false "";
    11008 "dhcpv6-info-request" ["network"] ["connection"] false "";
    11009 "dhcpv6-scope-full" ["network"] ["connection"] false "";
    11010 "log-start" ["process"] ["start"] false "";
    11011 "log-stop" ["process"] ["end"] false "";
    11012 "log-pause" ["process"] ["change"] false "";
    11013 "log-file" ["process"] ["info"] false "";
    11014 "dhcpv6-bad-address" ["network"] ["connection"] true "";
    11015 "dhcpv6-address-in-use" ["network"] ["connection"] false "";
    11016 "dhcpv6-client-deleted" ["network"] ["connection"] false "";
    11017 "ipv6-dns-record-not-deleted" ["network"] ["connection"] false "";
    11018 "dhcpv6-expired" ["network"] ["connection"] false "";
    11019 "dhcpv6-lease-expired-deleted" ["network"] ["connection"] false "";
    11020 "dhcpv6-cleanup-start" ["process"] ["start"] false "";
    11021 "dhcpv6-cleanup-end" ["process"] ["end"] false "";
    11022 "ipv6-dns-update-request" ["network"] ["connection" "start"] false "";
    11023 "ipv6-dns-update-failed" ["network"] ["connection" "end"] true "";
    11024 "ipv6-dns-update-successful" ["network"] ["connection" "end"] false "";
    11028 "ipv6-dns-update-request-queue-exceeded" ["network"] ["connection" "end"] true "";
    11029 "ipv6-dns-update-request-failed" ["network"] ["connection" "end"] true "";
    11030 "dhcpv6-stateless-clients-pruged" ["process"] ["change"] false "";
    11031 "dhcpv6-stateless-clients-expired" ["process"] ["change"] false "";
    11032 "dhcpv6-stateless-client-info-request" ["network"] ["info"] false "";
};

/// Columns of an IPv4 record: the eighth is the user's name and goes to the schema alone.
const COLUMNS_MAX: usize = 19;

/// Ids from here on are of the IPv6 server, which writes other columns.
const FIRST_V6: u32 = 1000;

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let mut cells = Cells::new(text);
    let mut next = || cells.next().map(|cell| cell.text);
    let (Some(code), Some(date), Some(clock)) = (next(), next(), next()) else { return false };
    if !(2..=5).contains(&code.len()) {
        return false;
    }
    let Some(id) = parse_u64(code).and_then(|id| u32::try_from(id).ok()) else { return false };
    let Some(civil) = civil(date, clock) else { return false };
    if civil.is_valid() {
        context.set_stamp(writer, &Stamp { civil, offset_s: None, precision: TimePrecision::Second });
    } else {
        writer.defect(Defect::TimeUnreadable);
    }
    let core = writer.core();
    core.product = products::MS_DHCP;
    core.log_source = logsource::MS_DHCP;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put(ecs::EVENT_CODE, code);
    put_meaning(writer, id);
    put_columns(writer, cells, id >= FIRST_V6);
    true
}

/// `MM/DD/YY` or `MM/DD/YYYY`, and `hh:mm:ss`.
fn civil(date: &[u8], clock: &[u8]) -> Option<Civil> {
    let (hour, minute, second, rest) = take_clock(clock)?;
    let mut parts = date.split(|&byte| byte == b'/').map(|part| parse_u64(part).filter(|_| part.len() <= 4));
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    if !rest.is_empty() || parts.next().is_some() || month > 99 || day > 99 {
        return None;
    }
    let year = if year < 100 { 2000 + year } else { year };
    Some(Civil { year: year as i64, month: month as u32, day: day as u32, hour, minute, second, nano: 0 })
}

fn put_meaning(writer: &mut EventWriter<'_>, id: u32) {
    let meaning = MEANINGS.binary_search_by_key(&id, |meaning| meaning.id).ok().map(|at| &MEANINGS[at]);
    let failed = meaning.is_some_and(|meaning| meaning.failed);
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    let Some(meaning) = meaning else { return };
    for (id, text) in [(ecs::EVENT_ACTION, meaning.action), (ecs::EVENT_REASON, meaning.reason)] {
        if !text.is_empty() {
            writer.put_str(id, text);
        }
    }
    meaning.categories.iter().for_each(|category| writer.put_str(ecs::EVENT_CATEGORY, category));
    meaning.types.iter().for_each(|kind| writer.put_str(ecs::EVENT_TYPE, kind));
}

fn put_columns(writer: &mut EventWriter<'_>, mut cells: Cells<'_>, v6: bool) {
    let ids = ids();
    // From the seventh column on.
    let v4_names: [Option<FieldId>; COLUMNS_MAX - 6] = [
        Some(ids.mac_address),
        None,
        Some(ids.transaction_id),
        Some(ids.result),
        Some(ids.probation_time),
        Some(ids.correlation_id),
        Some(ids.dhc_id),
        Some(ids.vendor_hex),
        Some(ids.vendor_string),
        Some(ids.user_hex),
        Some(ids.user_string),
        Some(ids.relay_agent_info),
        Some(ids.dns_error_code),
    ];
    let v6_names = [ids.error_code, ids.duid_length, ids.duid_hex, ids.user_string, ids.dhc_id, ids.subnet_prefix];
    let mut columns = 3;
    for (at, cell) in cells.by_ref().enumerate() {
        columns += 1;
        if cell.text.is_empty() {
            continue;
        }
        let value = cell.span(writer);
        match at {
            0 => writer.put_span(ecs::MESSAGE, value, Kind::Text, false),
            1 => {
                if writer.put_ip_span(ecs::SOURCE_IP, value) {
                    relate(writer, ecs::SOURCE_IP, ecs::RELATED_IP);
                }
            }
            2 => put_host(writer, value),
            _ if v6 => {
                if let Some(&id) = v6_names.get(at - 3) {
                    writer.put_span(id, value, Kind::Text, true);
                }
            }
            4 => {
                writer.put_span(ecs::USER_NAME, value, Kind::Text, false);
                relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
            }
            _ => {
                if let Some(id) = v4_names.get(at - 3).copied().flatten() {
                    writer.put_span(id, value, Kind::Text, true);
                }
            }
        }
    }
    if cells.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    put_mac(writer, ids.mac_address, ecs::SOURCE_MAC);
    let description = match writer.first(ids.result) {
        Some(b"0") => "NoQuarantine",
        Some(b"1") => "Quarantine",
        Some(b"2") => "Drop Packet",
        Some(b"3") => "Probation",
        Some(b"6") => "No Quarantine Information",
        _ => "",
    };
    if !description.is_empty() {
        writer.put_str_vendor(ids.result_description, description);
    }
    if !(6..=COLUMNS_MAX).contains(&columns) {
        writer.defect(Defect::ColumnCount);
    }
}

/// The client's name in lower case: names compare without case (RFC 4343).
fn put_host(writer: &mut EventWriter<'_>, name: Span) {
    /// The longest name (RFC 1035 §2.3.4); a longer one stays as written.
    const NAME_BYTES_MAX: usize = 255;
    let text = writer.bytes(name);
    let lowered = if text.len() <= NAME_BYTES_MAX && text.iter().any(u8::is_ascii_uppercase) {
        let mut lowered = [0; NAME_BYTES_MAX];
        let len = text.len();
        lowered[..len].copy_from_slice(text);
        lowered[..len].make_ascii_lowercase();
        writer.span_of(&lowered[..len])
    } else {
        name
    };
    writer.put_span(ecs::SOURCE_ADDRESS, lowered, Kind::Text, false);
    writer.put_span(ecs::SOURCE_DOMAIN, lowered, Kind::Text, false);
    relate(writer, ecs::SOURCE_DOMAIN, ecs::RELATED_HOSTS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_are_sorted() {
        assert!(MEANINGS.is_sorted_by_key(|meaning| meaning.id));
    }

    #[test]
    fn dates_as_the_server_writes_them() {
        for (date, year) in
            [("03/01/26", Some(2026)), ("03/01/2026", Some(2026)), ("3-1-26", None), ("03/01/26/1", None)]
        {
            assert_eq!(civil(date.as_bytes(), b"08:09:10").map(|civil| civil.year), year, "{date}");
        }
        assert!(civil(b"03/01/26", b"08:09:10 AM").is_none());
    }
}
