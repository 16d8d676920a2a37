//! Messages of the ASA that few networks see, by id: the rest of [`super::messages`], kept apart for its length.
//!
//! Source: Cisco Secure Firewall ASA Series Syslog Messages. Ids that only tell of the device's own state (memory, failover,
//! licences) have no row: their level, id and text say it all.

use super::messages::{
    BY_RULE, CONFIGURATION, CONNECTION_INFO, DENIED, DISCARDED, DYNAMIC_FILTER, LOGGED_IN, LOGGED_OUT, LOGIN_FAILED,
    NAT_FAILED, PLAIN, SERVER_FAILED, SHUNNED, SIP, SVC, Source, VPN_ADDRESS,
};

const UAUTH: &[&str] =
    &["UAUTH: Session={+session_id}, User={source.user.name}, Assigned IP={source.address}, {reason}"];
const ESP: &[&str] = &[
    "IPSEC: Received an {_} packet (SPI= {_}, sequence number= {_}) from {source.address} (user= {user.name}) to {destination.address}~ {reason}",
    "IPSEC: Received an {_} packet (SPI= {_}, sequence number= {_}) from {source.address} to {destination.address}~ {reason}",
];
const REKEYING: &[&str] = &[
    "IPSEC: An {direction} {+tunnel_type} SA (SPI= {_}) between {src} and {dst} (user= {user.name}) is rekeying due to {reason}",
    "IPSEC: An {direction} {+tunnel_type} SA (SPI={_}) between {src} and {dst} (user={user.name}) is rekeying due to {reason}",
];
const SHELL: &[&str] = &[
    "SSH session from {source.address} on interface {interface} for user \"{source.user.name}\" disconnected by SSH server, reason: {reason}",
    "SSH session from {source.address} on interface {interface} for user {source.user.name} disconnected by SSH server, reason: {reason}",
];

/// Sorted by id; no id is in the other table.
pub(super) static MESSAGES: &[Source] = &[
    (109010, &LOGIN_FAILED, &["Auth from {src} to {dst} failed (too many pending auths) on interface {interface}"]),
    (109011, &LOGGED_IN, &["Authen Session Start: user '{source.user.name}', sid {+session_id}"]),
    (109012, &LOGGED_OUT, &["Authen Session End: user '{source.user.name}', sid {+session_id}, elapsed {_} seconds"]),
    (109016, &LOGIN_FAILED, &["Can't find authorization ACL {_} for user '{source.user.name}'"]),
    (109017, &LOGIN_FAILED, &["User at {source.address} exceeded auth proxy connection limit~ (max)"]),
    (
        109023,
        &DENIED,
        &["User from {src} to {dst} on interface {interface} must authenticate before using this service"],
    ),
    (109201, &LOGGED_IN, UAUTH),
    (109207, &PLAIN, UAUTH),
    (109210, &LOGGED_OUT, UAUTH),
    (111002, &CONFIGURATION, &["Begin configuration: {source.address} reading from {_}"]),
    (111003, &CONFIGURATION, &["{source.address} Erase configuration"]),
    (201009, &DENIED, &["TCP connection limit of {_} for host {source.address} on {interface} exceeded"]),
    (
        201010,
        &DENIED,
        &["Embryonic connection limit exceeded {_} for {_} packet from {src} to {dst} on interface {interface}"],
    ),
    (201011, &DENIED, &["Connection limit exceeded {_} for {_} packet from {src} to {dst} on interface {interface}"]),
    (
        201012,
        &DENIED,
        &[
            "Per-client embryonic connection limit exceeded {_} for {_} packet from {src} to {dst} on interface {interface}",
        ],
    ),
    (
        201013,
        &DENIED,
        &["Per-client connection limit exceeded {_} for {_} packet from {src} to {dst} on interface {interface}"],
    ),
    (
        209003,
        &DISCARDED,
        &[
            "Fragment database limit of {_} exceeded: src = {source.address}, dest = {destination.address}, proto = {transport}, id = {_}",
        ],
    ),
    (
        209004,
        &DISCARDED,
        &[
            "Invalid IP fragment, size = {_} exceeds maximum size = {_}: src = {source.address}, dest = {destination.address}, proto = {transport}, id = {_}",
        ],
    ),
    (
        303003,
        &DENIED,
        &["FTP {_} command denied - failed strict inspection, terminating connection from {src} to {dst}"],
    ),
    (
        303004,
        &DENIED,
        &["FTP {_} command unsupported - failed strict inspection, terminating connection from {src} to {dst}"],
    ),
    (303005, &BY_RULE, &["Strict FTP inspection matched {_} in policy-map {rule.name}, {_} from {src} to {dst}"]),
    (304003, &SERVER_FAILED, &["URL Server {destination.address} timed out URL {url}"]),
    (304004, &SERVER_FAILED, &["URL Server {destination.address} request failed URL {url}"]),
    (304006, &SERVER_FAILED, &["URL Server {destination.address} not responding"]),
    (305016, &NAT_FAILED, &["Unable to create {transport} connection from {src} to {dst} due to {reason}"]),
    (308001, &LOGIN_FAILED, &["console enable password incorrect for {_} tries (from {source.address})"]),
    (315011, &LOGGED_OUT, SHELL),
    (
        322002,
        &DENIED,
        &[
            "ARP inspection check failed for arp {_} received from host {source.mac} on interface {interface}. This host is advertising {_}",
        ],
    ),
    (
        322003,
        &DENIED,
        &[
            "ARP inspection check failed for arp {_} received from host {source.mac} on interface {interface}. This host is advertising {_}",
        ],
    ),
    (338301, &DYNAMIC_FILTER, &["Intercepted DNS reply for {_} {server.domain} from {src} to {dst}, matched {_}"]),
    (401002, &SHUNNED, &["Shun added: {source.address} {destination.address} {_} {_}"]),
    (401003, &PLAIN, &["Shun deleted: {source.address}"]),
    (402114, &DISCARDED, ESP),
    (
        402115,
        &DISCARDED,
        &["IPSEC: Received a packet from {source.address} to {destination.address} containing {reason}"],
    ),
    (402116, &DISCARDED, ESP),
    (
        402117,
        &DISCARDED,
        &["IPSEC: Received a non-IPsec packet (protocol= {transport}) from {source.address} to {destination.address}"],
    ),
    (402119, &DISCARDED, ESP),
    (402120, &DISCARDED, ESP),
    (
        405001,
        &CONNECTION_INFO,
        &["Received ARP {_} collision from {source.address}/{source.mac} on interface {interface}~ with {reason}"],
    ),
    (
        405002,
        &DISCARDED,
        &["Received mac mismatch collision from {source.address}/{source.mac} for authenticated host"],
    ),
    (406001, &DENIED, &["FTP port command low port: {src} to {destination.address} on interface {interface}"]),
    (407001, &DENIED, &["Deny traffic for local-host {src}, license limit of {_} exceeded"]),
    (410001, &DISCARDED, &["Dropped {transport} DNS {_} from {src} to {dst}; {reason}"]),
    (
        411001,
        &PLAIN,
        &[
            "Line protocol on Interface {interface}, changed state to up",
            "Line protocol on interface {interface} changed state to up",
        ],
    ),
    (
        411002,
        &PLAIN,
        &[
            "Line protocol on Interface {interface}, changed state to down",
            "Line protocol on interface {interface} changed state to down",
        ],
    ),
    (
        418001,
        &DENIED,
        &["Through-the-device packet to/from management-only network is denied: {transport} src {src} dst {dst}"],
    ),
    (419001, &DISCARDED, &["Dropping TCP packet from {src} to {dst}, reason: {reason}"]),
    (420002, &DENIED, &["IPS requested to drop {transport} packet from {src} to {dst}"]),
    (420003, &DENIED, &["IPS requested to reset {transport} connection from {src} to {dst}"]),
    (431001, &DISCARDED, &["RTP conformance: Dropping RTP packet from {src} to {dst}, Drop reason: {reason}"]),
    (431002, &DISCARDED, &["RTCP conformance: Dropping RTCP packet from {src} to {dst}, Drop reason: {reason}"]),
    (
        434004,
        &CONNECTION_INFO,
        &[
            "SFR requested ASA to bypass further packet redirection and process {transport} flow from {src} to {dst} locally",
        ],
    ),
    (
        500003,
        &DISCARDED,
        &[
            "Bad {transport} hdr length (hdrlen={_}, pktlen={_}) from {src} to {dst}, flags: {+tcp_flags}, on interface {interface}",
        ],
    ),
    (
        602101,
        &PLAIN,
        &[
            "PMTU-D packet {_} bytes greater than effective mtu {_} dest_addr={destination.address}, src_addr={source.address}, prot={transport}",
        ],
    ),
    (604103, &VPN_ADDRESS, &["DHCP daemon interface {interface}: address granted {source.mac} ({source.address})"]),
    (606001, &LOGGED_IN, &["ASDM session number {+session_id} from {source.address} started"]),
    (606002, &LOGGED_OUT, &["ASDM session number {+session_id} from {source.address} ended"]),
    (606003, &PLAIN, &["ASDM logging session number {+session_id} from {source.address} started"]),
    (606004, &PLAIN, &["ASDM logging session number {+session_id} from {source.address} ended"]),
    (608001, &SIP, &["Pre-allocate Skinny {+connection_type} secondary channel for {dst} to {src} from {_} message"]),
    (702305, &CONNECTION_INFO, REKEYING),
    (702307, &CONNECTION_INFO, REKEYING),
    (722003, &LOGIN_FAILED, &["IP {source.address} Error authenticating SVC connect request"]),
    (722006, &CONNECTION_INFO, &[SVC]),
    (722010, &CONNECTION_INFO, &[SVC]),
    (722013, &CONNECTION_INFO, &[SVC]),
    (722027, &CONNECTION_INFO, &[SVC]),
    (722038, &CONNECTION_INFO, &[SVC]),
    (
        722041,
        &CONNECTION_INFO,
        &[
            "TunnelGroup {+tunnel_group} GroupPolicy {+group_policy} User {source.user.name} IP {source.address} {reason}",
        ],
    ),
    (722043, &CONNECTION_INFO, &[SVC]),
    (722053, &CONNECTION_INFO, &[SVC]),
    (733102, &SHUNNED, &["Threat-detection adds host {source.address} to shun list"]),
    (733103, &PLAIN, &["Threat-detection removes host {source.address} from shun list"]),
    (
        734001,
        &PLAIN,
        &[
            "DAP: User {source.user.name}, Addr {source.address}, Connection {+connection_type}: The following DAP records",
        ],
    ),
    (746012, &PLAIN, &["user-identity: Add IP-User mapping {source.address} - {source.user.name} {reason}"]),
    (746013, &PLAIN, &["user-identity: Delete IP-User mapping {source.address} - {source.user.name} {reason}"]),
];
