//! The messages of IOS and NX-OS by facility and mnemonic.
//!
//! Sources: Cisco IOS System Message Guide, Cisco IOS XE System Message Guide, Cisco NX-OS System Messages Reference.
//! Where versions word a message differently, each wording is a template; the first that fits counts.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::ecs;
use crate::event::EventWriter;
use crate::logsource::{self, LogSourceId};
use crate::products::text_template::Template;

/// What a message means.
struct Meaning {
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    outcome: &'static str,
    source: LogSourceId,
}

const fn meaning(
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    outcome: &'static str,
    source: LogSourceId,
) -> Meaning {
    Meaning { action, categories, types, outcome, source }
}

const INFO: &[&str] = &["info"];
const NETWORK: &[&str] = &["network"];
const LOGIN: &[&str] = &["network", "authentication"];
const CONFIG: &[&str] = &["network", "configuration"];
const IOS: LogSourceId = logsource::CISCO_IOS;
const AAA: LogSourceId = logsource::CISCO_IOS_LOGIN;

static ACCESS_LIST: Meaning = meaning("", NETWORK, INFO, "", logsource::CISCO_IOS_ACL);
static LOGGED_IN: Meaning = meaning("logged-in", LOGIN, &["info", "start"], "success", AAA);
static LOGIN_FAILED: Meaning = meaning("logon-failed", LOGIN, INFO, "failure", AAA);
static LOGGED_OUT: Meaning = meaning("logged-out", LOGIN, &["info", "end"], "success", AAA);
static AUTHENTICATED: Meaning = meaning("authenticated", LOGIN, INFO, "success", AAA);
static NOT_AUTHENTICATED: Meaning = meaning("authentication-failed", LOGIN, INFO, "failure", AAA);
static QUIET: Meaning = meaning("login-quiet-mode", LOGIN, INFO, "", AAA);
static CONFIGURED: Meaning = meaning("configured", CONFIG, &["info", "change"], "success", IOS);
static COMMAND: Meaning = meaning("command-executed", CONFIG, &["info", "change"], "success", IOS);
static RELOAD: Meaning = meaning("reload", &["network", "host"], &["info", "end"], "", IOS);
static RESTART: Meaning = meaning("restart", &["network", "host"], &["info", "start"], "", IOS);
static LINK: Meaning = meaning("link-state-changed", NETWORK, &["info", "change"], "", IOS);
static NEIGHBOR: Meaning = meaning("neighbor-changed", NETWORK, &["info", "change"], "", IOS);
static SESSION_STARTED: Meaning = meaning("session-started", NETWORK, &["info", "connection", "start"], "", IOS);
static SESSION_ENDED: Meaning = meaning("session-ended", NETWORK, &["info", "connection", "end"], "", IOS);
static DROPPED: Meaning = meaning("deny", NETWORK, &["info", "denied"], "", logsource::CISCO_IOS_ACL);
static VIOLATION: Meaning = meaning("security-violation", NETWORK, &["info", "denied"], "", IOS);
static JOIN_REFUSED: Meaning = meaning("multicast-join", NETWORK, INFO, "failure", IOS);
static INTRUSION: Meaning = meaning("intrusion-detected", &["network", "intrusion_detection"], INFO, "", IOS);
static SERVER: Meaning = meaning("server-state-changed", NETWORK, INFO, "", IOS);
static PLAIN: Meaning = meaning("", NETWORK, INFO, "", IOS);

const ACL_PORTS: &[&str] = &[
    "list {+access_list} {verdict} {transport} {source.address}({source.port}) ({+interface.name} {source.mac}) -> {destination.address}({destination.port}), {network.packets} packet",
    "list {+access_list} {verdict} {transport} {source.address}({source.port}) -> {destination.address}({destination.port}), {network.packets} packet",
    "list {+access_list} {verdict} {transport} {source.address}({source.port}) {_} -> {destination.address}({destination.port}), {network.packets} packet",
];
const ACL_ICMP: &[&str] = &[
    "list {+access_list} {verdict} {transport} {source.address} ({+interface.name} {source.mac}) -> {destination.address} ({+icmp.type}/{+icmp.code}), {network.packets} packet",
    "list {+access_list} {verdict} {transport} {source.address} -> {destination.address} ({+icmp.type}/{+icmp.code}), {network.packets} packet",
];
const ACL_BARE: &[&str] = &[
    "list {+access_list} {verdict} {transport} {source.address} ({+interface.name} {source.mac}) -> {destination.address}, {network.packets} packet",
    "list {+access_list} {verdict} {transport} {source.address} -> {destination.address} ({_}), {network.packets} packet",
    "list {+access_list} {verdict} {transport} {source.address} -> {destination.address}, {network.packets} packet",
];
const ACL_STANDARD: &[&str] = &["list {+access_list} {verdict} {source.address} {network.packets} packet"];
const CLIENT: &[&str] = &[
    "{_} for client ({source.mac}) with reason ({reason}) on Interface {+interface.name} AuditSessionID {+session_id}~ Username: {source.user.name}",
    "{_} for client ({source.mac}) on Interface {+interface.name} AuditSessionID {+session_id}~ Username: {source.user.name}",
    "{_} for client ({source.mac}) on Interface {+interface.name} AuditSessionID {+session_id}",
    "{_} for client ({source.mac}) on Interface {+interface.name}",
];
const MD5: &[&str] = &[
    "{_} MD5 digest from {source.address}({source.port}) to {destination.address}({destination.port}) (RST) tableid - {+tableid}",
    "{_} MD5 digest from {source.address}({source.port}) to {destination.address}({destination.port}) tableid - {+tableid}",
    "{_} MD5 digest from {source.address}({source.port}) to {destination.address}({destination.port})",
    "{_} MD5 digest from {source.address}:{source.port} to {destination.address}:{destination.port}",
];
const LOGIN_TEXT: &[&str] = &[
    "{_} [user: {source.user.name}] [Source: {source.address}] [localport: {destination.port}] [Reason: {reason}] [ACL: {+access_list}] at",
    "{_} [user: {source.user.name}] [Source: {source.address}] [localport: {destination.port}] [Reason: {reason}] at",
    "{_} [user: {source.user.name}] [Source: {source.address}] [localport: {destination.port}] at",
    "{_} [user: {source.user.name}] [Source: {source.address}] [localport: {destination.port}]",
];
const PRIVILEGE: &[&str] =
    &["Authentication to {_}rivilege level {+privilege} {_} by {source.user.name} on {+line} ({source.address})"];
const DAEMON: &[&str] = &[
    "pam_aaa:{_} for user {source.user.name} from {source.address} - {process.name}[{process.pid}]",
    "pam_aaa:{_} failed for user {source.user.name} from {source.address} - {process.name}[",
    "error: PAM: {_} for illegal user {source.user.name} from {source.address} - {process.name}[{process.pid}]",
    "error: PAM: {_} for {source.user.name} from {source.address} - {process.name}[{process.pid}]",
    "error: {_} for user {source.user.name} from {source.address} - {process.name}[{process.pid}]",
    "Failed {+method} for invalid user {source.user.name} from {source.address} port {source.port}",
    "Failed {+method} for {source.user.name} from {source.address} port {source.port}",
];

type Source = (&'static str, &'static str, &'static Meaning, &'static [&'static str]);

/// Facility (empty = any), mnemonic, meaning, texts.
static MESSAGES: &[Source] = &[
    ("", "IPACCESSLOGP", &ACCESS_LIST, ACL_PORTS),
    ("", "IPACCESSLOGDP", &ACCESS_LIST, ACL_ICMP),
    ("", "IPACCESSLOGNP", &ACCESS_LIST, ACL_BARE),
    ("", "IPACCESSLOGRP", &ACCESS_LIST, ACL_BARE),
    ("", "IPACCESSLOGSP", &ACCESS_LIST, ACL_BARE),
    ("", "IPACCESSLOGS", &ACCESS_LIST, ACL_STANDARD),
    ("", "IPACCESSLOGRL", &PLAIN, &["access-list logging rate-limited or missed {+count} packet"]),
    ("", "ACCESSLOGP", &ACCESS_LIST, ACL_PORTS),
    ("", "ACCESSLOGDP", &ACCESS_LIST, ACL_ICMP),
    ("", "ACCESSLOGNP", &ACCESS_LIST, ACL_BARE),
    ("", "ACCESSLOGSP", &ACCESS_LIST, ACL_BARE),
    ("SEC_LOGIN", "LOGIN_SUCCESS", &LOGGED_IN, LOGIN_TEXT),
    ("SEC_LOGIN", "WEBLOGIN_SUCCESS", &LOGGED_IN, LOGIN_TEXT),
    ("SEC_LOGIN", "LOGIN_FAILED", &LOGIN_FAILED, LOGIN_TEXT),
    ("SEC_LOGIN", "QUIET_MODE_ON", &QUIET, LOGIN_TEXT),
    ("SEC_LOGIN", "QUIET_MODE_OFF", &QUIET, &[]),
    ("SYS", "LOGIN_SUCCESS", &LOGGED_IN, LOGIN_TEXT),
    (
        "SYS",
        "LOGOUT",
        &LOGGED_OUT,
        &["User {source.user.name} has {+action} {+session.type} session {+session.number}({source.address})"],
    ),
    (
        "SYS",
        "TTY_EXPIRE_TIMER",
        &LOGGED_OUT,
        &["({_}, tty {+session.number} ({source.address})), user {source.user.name}"],
    ),
    (
        "SYS",
        "CONFIG_I",
        &CONFIGURED,
        &[
            "Configured from {_} by {source.user.name} on {+line} ({source.address})",
            "Configured from {_} by {source.user.name} on {+line}",
            "Configured from {_} by {source.user.name}",
        ],
    ),
    (
        "SYS",
        "CONFIG_P",
        &CONFIGURED,
        &[
            "Configured programmatically by process {process.name} from {_} as {source.user.name} on {+line}",
            "Configured programmatically by process {process.name} from {_} as {source.user.name}",
        ],
    ),
    ("SYS", "CONFIG", &CONFIGURED, &["Configured from {_} by {source.address}"]),
    ("SYS", "PRIV_AUTH_PASS", &AUTHENTICATED, PRIVILEGE),
    ("SYS", "PRIV_AUTH_FAIL", &NOT_AUTHENTICATED, PRIVILEGE),
    (
        "SYS",
        "PRIV_I",
        &AUTHENTICATED,
        &["Privilege level set to {+privilege} by {source.user.name} on {+line} ({source.address})"],
    ),
    ("SYS", "RELOAD", &RELOAD, &["Reload requested by {source.user.name} on {+line}.~ Reload Reason: {reason}."]),
    ("SYS", "RESTART", &RESTART, &[]),
    (
        "SYS",
        "LOGGINGHOST_STARTSTOP",
        &SERVER,
        &[
            "Logging to host {destination.address} port {destination.port} {+state}",
            "Logging to host {destination.address} {+state}",
        ],
    ),
    ("PARSER", "CFGLOG_LOGGEDCMD", &COMMAND, &["User:{source.user.name}  logged command:{+command}"]),
    ("PARSER", "CFGLOG_PASSWORDCMD", &COMMAND, &["User:{source.user.name}  logged command:{+command}"]),
    ("MGBL-CONFIG", "DB_COMMIT", &CONFIGURED, &["Configuration committed by user '{source.user.name}'."]),
    ("MGBL-SYS", "CONFIG_I", &CONFIGURED, &["Configured from {_} by {source.user.name}"]),
    (
        "SECURITY-LOGIN",
        "AUTHEN_SUCCESS",
        &LOGGED_IN,
        &["Successfully authenticated user '{source.user.name}' from '{source.address}' on '{+line}'"],
    ),
    (
        "SECURITY-SSHD",
        "INFO_SUCCESS",
        &LOGGED_IN,
        &["Successfully authenticated user '{source.user.name}' from '{source.address}' on '{+line}'"],
    ),
    (
        "SECURITY-SSHD",
        "INFO_FAILURE",
        &LOGIN_FAILED,
        &["Failed authentication attempt by user '{source.user.name}' from '{source.address}' on '{+line}'"],
    ),
    ("LINK", "UPDOWN", &LINK, &["Interface {+interface.name}, changed state to {+state}"]),
    ("LINK", "CHANGED", &LINK, &["Interface {+interface.name}, changed state to {+state}"]),
    ("LINEPROTO", "UPDOWN", &LINK, &["Line protocol on Interface {+interface.name}, changed state to {+state}"]),
    ("PKT_INFRA-LINK", "UPDOWN", &LINK, &["Interface {+interface.name}, changed state to {+state}"]),
    (
        "PKT_INFRA-LINEPROTO",
        "UPDOWN",
        &LINK,
        &["Line protocol on Interface {+interface.name}, changed state to {+state}"],
    ),
    (
        "ETHPORT",
        "IF_UP",
        &LINK,
        &["Interface {+interface.name} is {+state} in {_}", "Interface {+interface.name} is {+state}"],
    ),
    ("ETHPORT", "IF_DOWN_LINK_FAILURE", &LINK, &["Interface {+interface.name} is {+state} ({reason})"]),
    ("ETHPORT", "IF_DOWN_ADMIN_DOWN", &LINK, &["Interface {+interface.name} is {+state} ({reason})"]),
    ("ETHPORT", "IF_DOWN_INTERFACE_REMOVED", &LINK, &["Interface {+interface.name} is {+state} ({reason})"]),
    ("ETHPORT", "IF_DOWN_NONE", &LINK, &["Interface {+interface.name} is {+state} ({reason})"]),
    ("ETHPORT", "IF_DOWN_CFG_CHANGE", &LINK, &["Interface {+interface.name} is {+state}({reason})"]),
    ("ETHPORT", "IF_ADMIN_UP", &LINK, &["Interface {+interface.name} is {+state}"]),
    (
        "SSH",
        "SSH2_SESSION",
        &SESSION_STARTED,
        &[
            "SSH2 Session request from {source.address} (tty = {+session.number}) using crypto cipher '{+cipher}', hmac '{+hmac}' {+outcome}",
        ],
    ),
    (
        "SSH",
        "SSH2_USERAUTH",
        &AUTHENTICATED,
        &[
            "User '{source.user.name}' authentication for SSH2 Session from {source.address} (tty = {+session.number}) using crypto cipher '{+cipher}', hmac '{+hmac}' {+outcome}",
        ],
    ),
    (
        "SSH",
        "SSH2_CLOSE",
        &SESSION_ENDED,
        &[
            "SSH2 Session from {source.address} (tty = {+session.number}) for user '{source.user.name}' using crypto cipher '{+cipher}', hmac '{+hmac}' closed",
        ],
    ),
    (
        "SSH",
        "SSH_SESSION",
        &SESSION_STARTED,
        &[
            "SSH Session request from {source.address} (tty = {+session.number}) using crypto cipher '{+cipher}' {+outcome}",
        ],
    ),
    (
        "SSH",
        "SSH_USERAUTH",
        &AUTHENTICATED,
        &[
            "User '{source.user.name}' authentication for SSH Session from {source.address} (tty = {+session.number}) using crypto cipher '{+cipher}' {+outcome}",
        ],
    ),
    (
        "SSH",
        "SSH_CLOSE",
        &SESSION_ENDED,
        &[
            "SSH Session from {source.address} (tty = {+session.number}) for user '{source.user.name}' using crypto cipher '{+cipher}' closed",
        ],
    ),
    (
        "SSH",
        "SSH2_UNEXPECTED_MSG",
        &PLAIN,
        &["Unexpected message type has arrived. Terminating the connection from {source.address}"],
    ),
    (
        "WEBSERVER",
        "LOGIN_PASSED",
        &LOGGED_IN,
        &["Login Successful from host {source.address} by user '{source.user.name}' using crypto cipher '{+cipher}'"],
    ),
    (
        "WEBSERVER",
        "LOGIN_FAILED",
        &LOGIN_FAILED,
        &["Login Un-Successful from host {source.address} by user '{source.user.name}'"],
    ),
    ("WEBUI", "INSTALL_OPERATION_INFO", &COMMAND, &["User: {source.user.name}, Install Operation: {+command}"]),
    (
        "AUTHMGR",
        "START",
        &PLAIN,
        &["Starting '{+method}' for client ({source.mac}) on Interface {+interface.name} AuditSessionID {+session_id}"],
    ),
    ("AUTHMGR", "SUCCESS", &AUTHENTICATED, CLIENT),
    ("AUTHMGR", "FAIL", &NOT_AUTHENTICATED, CLIENT),
    (
        "AUTHMGR",
        "RESULT",
        &PLAIN,
        &[
            "Authentication result '{+outcome}' from '{+method}' for client ({source.mac}) on Interface {+interface.name} AuditSessionID {+session_id}",
        ],
    ),
    (
        "AUTHMGR",
        "SECURITY_VIOLATION",
        &VIOLATION,
        &["Security violation on the interface {+interface.name}, new MAC address ({source.mac}) is seen"],
    ),
    ("SESSION_MGR", "SUCCESS", &AUTHENTICATED, CLIENT),
    ("SESSION_MGR", "FAIL", &NOT_AUTHENTICATED, CLIENT),
    ("DOT1X", "SUCCESS", &AUTHENTICATED, CLIENT),
    ("DOT1X", "FAIL", &NOT_AUTHENTICATED, CLIENT),
    ("MAB", "SUCCESS", &AUTHENTICATED, CLIENT),
    ("MAB", "FAIL", &NOT_AUTHENTICATED, CLIENT),
    ("EPM", "POLICY_APP_SUCCESS", &PLAIN, &["{_} IP {source.address}| MAC {source.mac}|"]),
    ("TCP", "BADAUTH", &PLAIN, MD5),
    ("PIM-SW1", "INVALID_RP_JOIN", &JOIN_REFUSED, PIM),
    ("PIM", "INVALID_RP_JOIN", &JOIN_REFUSED, PIM),
    (
        "PORT_SECURITY",
        "PSECURE_VIOLATION",
        &VIOLATION,
        &["Security violation occurred, caused by MAC address {source.mac} on port {+interface.name}."],
    ),
    (
        "SW_MATM",
        "MACFLAP_NOTIF",
        &PLAIN,
        &["Host {source.mac} in vlan {network.vlan.id} is flapping between port {+interface.name} and port {_}"],
    ),
    ("SW_DAI", "DHCP_SNOOPING_DENY", &VIOLATION, DAI),
    ("SW_DAI", "ACL_DENY", &VIOLATION, DAI),
    ("SW_DAI", "INVALID_ARP", &VIOLATION, DAI),
    ("IP", "DUPADDR", &PLAIN, &["Duplicate address {source.address} on {+interface.name}, sourced by {source.mac}"]),
    (
        "OSPF",
        "ADJCHG",
        &NEIGHBOR,
        &["Process {+process_id}, Nbr {+neighbor} on {+interface.name} from {+old_state} to {+state}, {reason}"],
    ),
    ("OSPF", "NOVALIDKEY", &PLAIN, &["{reason} on interface {+interface.name}"]),
    (
        "ROUTING-OSPF",
        "ADJCHG",
        &NEIGHBOR,
        &["Process {+process_id}, Nbr {+neighbor} on {+interface.name} {_} from {+old_state} to {+state}, {reason}"],
    ),
    (
        "BGP",
        "ADJCHANGE",
        &NEIGHBOR,
        &["neighbor {+neighbor} vpn vrf {_} {+state} ", "neighbor {+neighbor} {+state}~ {reason}"],
    ),
    ("BGP", "NOTIFICATION", &NEIGHBOR, &["{+action} neighbor {+neighbor} {_} ({reason})"]),
    ("BGP_SESSION", "ADJCHANGE", &NEIGHBOR, &["neighbor {+neighbor} {_} {reason}"]),
    ("ROUTING-BGP", "ADJCHANGE", &NEIGHBOR, &["neighbor {+neighbor} {+state}~ {reason}"]),
    ("DUAL", "NBRCHANGE", &NEIGHBOR, &["{_}: Neighbor {+neighbor} ({+interface.name}) is {+state}: {reason}"]),
    (
        "CDP",
        "NATIVE_VLAN_MISMATCH",
        &PLAIN,
        &["Native VLAN mismatch discovered on {+interface.name} ({+vlan}), with {+neighbor} "],
    ),
    ("SNMP", "AUTHFAIL", &NOT_AUTHENTICATED, &["Authentication failure for SNMP req from host {source.address}"]),
    ("RADIUS", "RADIUS_DEAD", &SERVER, &["RADIUS server {server.address}:{_} is {+state}."]),
    ("RADIUS", "RADIUS_ALIVE", &SERVER, &["RADIUS server {server.address}:{_} is {+state}."]),
    (
        "FW",
        "SESS_AUDIT_TRAIL_START",
        &SESSION_STARTED,
        &[
            "{_}tart {network.protocol} session: initiator ({source.address}:{source.port}) -- responder ({destination.address}:{destination.port})",
        ],
    ),
    (
        "FW",
        "SESS_AUDIT_TRAIL",
        &SESSION_ENDED,
        &[
            "{_}top {network.protocol} session: initiator ({source.address}:{source.port}) sent {source.bytes} bytes -- responder ({destination.address}:{destination.port}) sent {destination.bytes} bytes",
        ],
    ),
    (
        "FW",
        "DROP_PKT",
        &DROPPED,
        &[
            "Dropping {transport} pkt from {+interface.name} {source.address}:{source.port} => {destination.address}:{destination.port}(target:class)-({+zone_pair}) due to {reason} with ip ident",
            "Dropping {transport} session {source.address}:{source.port} {destination.address}:{destination.port} on zone-pair {+zone_pair} class {_} due to {reason} with ip ident",
            "Dropping {transport} session {source.address}:{source.port} {destination.address}:{destination.port}~ due to {reason} with ip ident",
        ],
    ),
    (
        "FW",
        "PASS_PKT",
        &SESSION_STARTED,
        &[
            "Passing {transport} pkt from {+interface.name} {source.address}:{source.port} => {destination.address}:{destination.port}(target:class)-({+zone_pair})",
        ],
    ),
    (
        "IPS",
        "SIGNATURE",
        &INTRUSION,
        &[
            "Sig:{rule.id} Subsig:{+signature.subid} Sev:{+signature.severity} {rule.name} [{source.address}:{source.port} -> {destination.address}:{destination.port}]",
        ],
    ),
    (
        "CRYPTO",
        "RECVD_PKT_INV_SPI",
        &PLAIN,
        &[
            "decaps: rec'd IPSEC packet has invalid spi for destaddr={destination.address}, prot={_}, spi={+spi}, srcaddr={source.address}~, input interface={+interface.name}",
        ],
    ),
    (
        "VSHD",
        "VSHD_SYSLOG_CONFIG_I",
        &CONFIGURED,
        &[
            "Configured from {+line} by {source.user.name} on {source.address}@{_}",
            "Configured from {+line} by {source.user.name} on {_}",
        ],
    ),
    ("AUTHPRIV", "SYSTEM_MSG", &NOT_AUTHENTICATED, DAEMON),
    ("DAEMON", "SYSTEM_MSG", &PLAIN, DAEMON),
    (
        "ACLLOG",
        "ACLLOG_FLOW_INTERVAL",
        &PLAIN,
        &[
            "Src IP: {source.address}, Dst IP: {destination.address}, Src Port: {source.port}, Dst Port: {destination.port}, Src Intf: {+interface.name}, Protocol: \"{transport}\"({_}), ACL Name: {+access_list}, ACE Action: {+action}, Appl Intf: {_}, Hit-count: {network.packets}",
            "Source IP: {source.address}, Destination IP: {destination.address}, Source Port: {source.port}, Destination Port: {destination.port}, Source Interface: {+interface.name}, Protocol: \"{transport}\"({_}), Hit-count = {network.packets}",
        ],
    ),
];

const PIM: &[&str] =
    &["Received (*, {+pim.group.ip}) {+action} from {source.address} for invalid RP {destination.address}"];
const DAI: &[&str] = &[
    "{_} on {+interface.name}, vlan {network.vlan.id}.([{source.mac}/{source.address}/{destination.mac}/{destination.address}/",
];

/// A message's meaning with its compiled texts.
pub(super) struct Row {
    facility: &'static [u8],
    meaning: &'static Meaning,
    pub(super) templates: Vec<Template>,
}

impl Row {
    /// Writes the meaning; `verdict` is the text's own word on allowed or denied.
    pub(super) fn put(&self, writer: &mut EventWriter<'_>, verdict: Option<&'static str>) {
        let Meaning { action, categories, types, outcome, source } = *self.meaning;
        // NX-OS has one log source; there the row's facility is its own.
        if writer.core().log_source == IOS {
            writer.core().log_source = source;
        }
        let action = match verdict {
            Some("denied") => "deny",
            Some(_) => "allow",
            None => action,
        };
        if !action.is_empty() {
            writer.put_str(ecs::EVENT_ACTION, action);
        }
        categories.iter().for_each(|category| writer.put_str(ecs::EVENT_CATEGORY, category));
        types.iter().copied().chain(verdict).for_each(|kind| writer.put_str(ecs::EVENT_TYPE, kind));
        if !outcome.is_empty() {
            writer.put_str(ecs::EVENT_OUTCOME, outcome);
        }
    }
}

static ROWS: LazyLock<HashMap<&'static [u8], Vec<Row>>> = LazyLock::new(|| {
    let mut rows: HashMap<_, Vec<Row>> = HashMap::new();
    for &(facility, mnemonic, meaning, texts) in MESSAGES {
        let templates = texts.iter().map(|text| Template::compile(text)).collect();
        rows.entry(mnemonic.as_bytes()).or_default().push(Row { facility: facility.as_bytes(), meaning, templates });
    }
    rows
});

/// The row of a message.
pub(super) fn find(facility: &[u8], mnemonic: &[u8]) -> Option<&'static Row> {
    let rows = ROWS.get(mnemonic)?;
    rows.iter().find(|row| row.facility.is_empty() || row.facility == facility)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a search from the top of the list, and every text against its naive twin.
    #[test]
    fn messages_read_as_the_naive_twin_reads_them() {
        let mut read = 0;
        crate::testing::hold(b" :/(),.", |record| {
            let Some(mark) = record.iter().rposition(|&byte| byte == b'%') else { return };
            let Some(end) = record[mark..].windows(2).position(|pair| pair == b": ") else { return };
            let words: Vec<&[u8]> = record[mark + 1..mark + end].split(|&byte| byte == b'-').collect();
            let [facility, .., mnemonic] = words[..] else { return };
            let listed = |(of, name, ..): &&(&str, &str, _, _)| {
                name.as_bytes() == mnemonic && (of.is_empty() || of.as_bytes() == facility)
            };
            let expected = MESSAGES.iter().find(listed);
            let found = find(facility, mnemonic);
            assert_eq!(found.map(|row| row.facility), expected.map(|(of, ..)| of.as_bytes()));
            assert_eq!(found.map(|row| row.templates.len()), expected.map(|(.., texts)| texts.len()));
            for template in found.iter().flat_map(|row| &row.templates) {
                read += usize::from(crate::products::text_template::twin::check(template, &record[mark + end + 2..]));
            }
        });
        assert!(read > 500, "only {read} messages are of their texts");
    }

    #[test]
    fn rows_compile_and_are_found() {
        for (facility, mnemonic, ..) in MESSAGES {
            assert!(find(facility.as_bytes(), mnemonic.as_bytes()).is_some(), "{facility}-{mnemonic}");
        }
        assert!(find(b"FMANFP", b"IPACCESSLOGP").is_some() && find(b"OTHER", b"UPDOWN").is_none());
    }
}
