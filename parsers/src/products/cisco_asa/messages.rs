//! The messages of the ASA by id: what each means in ECS, and its texts.
//!
//! Source: Cisco Secure Firewall ASA Series Syslog Messages. Where versions word a message
//! differently, each wording is a template; the first that fits counts.

use std::sync::LazyLock;

use super::rarer;
use crate::ecs;
use crate::event::EventWriter;
use crate::products::text_template::Template;

/// What a message id means.
pub(super) struct Meaning {
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    outcome: &'static str,
}

impl Meaning {
    /// Writes it; `verdict` is the text's own word on allowed or denied. Of a Threat Defense what is denied is a
    /// failure, and what neither ends nor changes accounts is a rule's information, as Elastic's integrations have it.
    pub(super) fn write(&self, writer: &mut EventWriter<'_>, verdict: Option<&'static str>, ftd: bool) {
        if ftd && self.is_of_rules() && writer.first(ecs::NETWORK_TRANSPORT) != Some(b"icmp") {
            return self.write_rule(writer, verdict);
        }
        if !self.action.is_empty() {
            writer.put_str(ecs::EVENT_ACTION, self.action);
        }
        for category in self.categories {
            writer.put_str(ecs::EVENT_CATEGORY, category);
        }
        for kind in self.types {
            writer.put_str(ecs::EVENT_TYPE, kind);
        }
        if let Some(verdict) = verdict {
            writer.put_str(ecs::EVENT_TYPE, verdict);
        }
        if ftd && !self.types.iter().any(|kind| matches!(*kind, "info" | "end")) {
            writer.put_str(ecs::EVENT_TYPE, "info");
        }
        let denied = verdict == Some("denied") || self.types.contains(&"denied");
        if ftd && denied {
            writer.put_str(ecs::EVENT_OUTCOME, "failure");
        } else if !self.outcome.is_empty() {
            writer.put_str(ecs::EVENT_OUTCOME, self.outcome);
        }
    }

    /// Whether the data path says it of traffic.
    fn is_of_rules(&self) -> bool {
        matches!(
            self.action,
            "firewall-rule"
                | "flow-creation"
                | "nat-slot"
                | "url-access"
                | "address-assigned"
                | "dynamic-filter"
                | "ftp-transfer"
        )
    }

    fn write_rule(&self, writer: &mut EventWriter<'_>, verdict: Option<&'static str>) {
        let gone = self.types.contains(&"deletion");
        writer.put_str(ecs::EVENT_ACTION, if gone { "flow-expiration" } else { "firewall-rule" });
        writer.put_str(ecs::EVENT_CATEGORY, "network");
        if self.action == "dynamic-filter" {
            writer.put_str(ecs::EVENT_CATEGORY, "intrusion_detection");
        }
        if gone {
            writer.put_str(ecs::EVENT_TYPE, "connection");
            writer.put_str(ecs::EVENT_TYPE, "end");
            return;
        }
        writer.put_str(ecs::EVENT_TYPE, "info");
        // A translation that failed is no verdict of a rule.
        let own = self.types.iter().copied().find(|kind| matches!(*kind, "allowed" | "denied"));
        match verdict.or(own.filter(|_| self.action != "nat-slot")) {
            Some("denied") => {
                writer.put_str(ecs::EVENT_TYPE, "denied");
                writer.put_str(ecs::EVENT_OUTCOME, "failure");
            }
            Some(verdict) => {
                writer.put_str(ecs::EVENT_TYPE, verdict);
                writer.put_str(ecs::EVENT_OUTCOME, "success");
            }
            None if !self.outcome.is_empty() => writer.put_str(ecs::EVENT_OUTCOME, self.outcome),
            None => {}
        }
    }
}

const fn meaning(
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    outcome: &'static str,
) -> Meaning {
    Meaning { action, categories, types, outcome }
}

const NETWORK: &[&str] = &["network"];
const LOGIN: &[&str] = &["authentication", "network"];

static BUILT: Meaning = meaning("flow-creation", NETWORK, &["connection", "start"], "success");
static TEARDOWN: Meaning = meaning("flow-expiration", NETWORK, &["connection", "end"], "success");
pub(super) static DENIED: Meaning = meaning("firewall-rule", NETWORK, &["connection", "denied"], "success");
pub(super) static DISCARDED: Meaning = meaning("firewall-rule", NETWORK, &["connection", "denied"], "failure");
pub(super) static BY_RULE: Meaning = meaning("firewall-rule", NETWORK, &["connection"], "success");
static ALLOWED: Meaning = meaning("firewall-rule", NETWORK, &["connection", "allowed"], "success");
static NO_ROUTE: Meaning = meaning("firewall-rule", NETWORK, &["connection", "info"], "failure");
static DUPLICATE: Meaning = meaning("firewall-rule", NETWORK, &["connection", "info"], "");
static NAT_BUILT: Meaning = meaning("nat-slot", &["network", "configuration"], &["creation"], "success");
static NAT_GONE: Meaning = meaning("nat-slot", &["network", "configuration"], &["deletion"], "success");
pub(super) static NAT_FAILED: Meaning = meaning("nat-slot", NETWORK, &["connection", "denied"], "failure");
pub(super) static LOGGED_IN: Meaning = meaning("logged-in", LOGIN, &["allowed", "info"], "success");
pub(super) static LOGIN_FAILED: Meaning = meaning("logon-failed", LOGIN, &["denied", "info"], "failure");
pub(super) static LOGGED_OUT: Meaning = meaning("logged-out", LOGIN, &["info"], "success");
static LOCKED_OUT: Meaning = meaning("user-locked-out", &["iam"], &["user", "change"], "success");
static UNLOCKED: Meaning = meaning("user-unlocked", &["iam"], &["user", "change"], "success");
static USER_ADDED: Meaning = meaning("user-added", &["iam"], &["user", "creation"], "success");
static USER_DELETED: Meaning = meaning("user-deleted", &["iam"], &["user", "deletion"], "success");
static PRIVILEGE: Meaning = meaning("privilege-level-changed", &["iam"], &["user", "change"], "success");
pub(super) static CONFIGURATION: Meaning = meaning("configuration", &["configuration"], &["info"], "success");
pub(super) static SERVER_FAILED: Meaning = meaning("server-failed", NETWORK, &["info"], "failure");
static SERVER_ACTIVE: Meaning = meaning("server-active", NETWORK, &["info"], "success");
static URL_ALLOWED: Meaning = meaning("url-access", NETWORK, &["access", "allowed"], "success");
static URL_DENIED: Meaning = meaning("url-access", NETWORK, &["access", "denied"], "success");
static FTP: Meaning = meaning("ftp-transfer", NETWORK, &["connection", "info"], "success");
static OFFLOADED: Meaning = meaning("flow-offload-started", NETWORK, &["connection", "start"], "success");
static OFFLOAD_ENDED: Meaning = meaning("flow-offload-ended", NETWORK, &["connection", "end"], "success");
pub(super) static DYNAMIC_FILTER: Meaning = meaning("dynamic-filter", NETWORK, &["connection", "info"], "");
static DYNAMIC_DROPPED: Meaning = meaning("dynamic-filter", NETWORK, &["connection", "denied"], "success");
static INTRUSION: Meaning = meaning("intrusion-detected", &["network", "intrusion_detection"], &["info"], "");
pub(super) static SHUNNED: Meaning = meaning("packet-shunned", NETWORK, &["connection", "denied"], "success");
static THREAT: Meaning = meaning("", NETWORK, &["info"], "");
static SA_CREATED: Meaning = meaning("sa-created", NETWORK, &["connection", "start"], "success");
static SA_DELETED: Meaning = meaning("sa-deleted", NETWORK, &["connection", "end"], "success");
static IKE_STARTED: Meaning = meaning("connection-started", NETWORK, &["connection", "start"], "success");
static IKE_INFO: Meaning = meaning("", NETWORK, &["info"], "");
static IKE_DONE: Meaning = meaning("firewall-rule", NETWORK, &["connection", "info"], "success");
static IKE_NEGOTIATED: Meaning = meaning("firewall-rule", NETWORK, &["connection", "start"], "success");
static VPN_ERROR: Meaning = meaning("client-vpn-error", NETWORK, &["info"], "failure");
static VPN_DENIED: Meaning = meaning("client-vpn-error", NETWORK, &["connection", "denied"], "failure");
static VPN_SESSION: Meaning =
    meaning("client-vpn-connected", &["network", "session"], &["connection", "start"], "success");
static VPN_CONNECTED: Meaning = meaning("client-vpn-connected", NETWORK, &["connection", "start"], "success");
static VPN_GONE: Meaning = meaning("client-vpn-disconnected", NETWORK, &["connection", "end"], "success");
static VPN_RESUMED: Meaning = meaning("client-vpn-resumed", NETWORK, &["connection", "start"], "success");
static VPN_ACCESS: Meaning = meaning("", LOGIN, &["allowed", "info"], "success");
static VPN_ACCESS_DENIED: Meaning = meaning("", LOGIN, &["denied", "info"], "failure");
pub(super) static VPN_ADDRESS: Meaning = meaning("address-assigned", NETWORK, &["connection", "info"], "success");
pub(super) static CONNECTION_INFO: Meaning = meaning("", NETWORK, &["connection", "info"], "success");
static CONNECTION_NEUTRAL: Meaning = meaning("", NETWORK, &["connection", "info"], "");
static CONNECTION_START: Meaning = meaning("", NETWORK, &["connection", "start"], "success");
static CONNECTION_END: Meaning = meaning("", NETWORK, &["connection", "end"], "success");
static CONNECTION_CLOSING: Meaning = meaning("", NETWORK, &["connection", "end"], "");
static CONNECTION_FAILED: Meaning = meaning("", NETWORK, &["connection", "info"], "failure");
pub(super) static PLAIN: Meaning = meaning("", NETWORK, &[], "");
pub(super) static SIP: Meaning = meaning("firewall-rule", NETWORK, &["info"], "success");

pub(super) const SVC: &str = "Group {source.user.group.name} User {source.user.name} IP {source.address} {reason}";
const IKE: &[&str] = &[
    "Group = {source.user.group.name}, Username = {source.user.name}, IP = {source.address}, {reason}",
    "Group = {source.user.group.name}, IP = {source.address}, {reason}",
    "IP = {source.address}, {reason}",
];
const IKE2: &[&str] =
    &["Local:{ike_src} Remote:{ike_dst} Username:{user.name} {reason}", "Local:{ike_src} Remote:{ike_dst} {reason}"];
const AAA: &[&str] = &["AAA user {+aaa_type} {_} {pairs}"];
const FLOW: &[&str] =
    &["Teardown {transport} connection {connection} for {src} to {dst} duration {duration} bytes {bytes}~ {closing}"];
const STUB_BUILT: &[&str] = &["Built {_} stub {transport} connection for {src} to {dst}"];
const STUB_GONE: &[&str] =
    &["Teardown {_} {transport} connection for {src} to {dst} duration {duration} forwarded bytes {bytes}~ {closing}"];

pub(super) type Source = (u32, &'static Meaning, &'static [&'static str]);

/// Sorted by id.
static MESSAGES: &[Source] = &[
    (
        106001,
        &DENIED,
        &["{direction} {transport} connection denied from {src} to {dst} flags {+tcp_flags} on interface {interface}"],
    ),
    (106002, &DENIED, &["{transport} Connection denied by outbound list {_} src {src} dest {dst}"]),
    (106006, &DENIED, &["Deny {direction} {transport} from {src} to {dst}~ on interface {interface}"]),
    (106007, &DENIED, &["Deny {direction} {transport} from {src} to {dst} due to {reason}"]),
    (106010, &DENIED, &["Deny {direction} protocol {iana} src {src} dst {dst}"]),
    (106011, &DENIED, &["Deny {direction} (No xlate) {transport} src {src} dst {dst}"]),
    (106012, &DENIED, &["Deny IP from {src} to {dst}, {reason}"]),
    (106013, &DENIED, &["Dropping echo request from {src} to PAT address {dst}"]),
    (106014, &DENIED, &["Deny {direction} {transport} src {src} dst {dst} (type {+icmp_type}, code {+icmp_code})"]),
    (
        106015,
        &DENIED,
        &["Deny {transport} (no connection) from {src} to {dst} flags {+tcp_flags} on interface {interface}"],
    ),
    (106016, &DENIED, &["Deny IP spoof from ({source.address}) to {dst} on interface {interface}"]),
    (106017, &DENIED, &["Deny IP due to Land Attack from {src} to {dst}"]),
    (106018, &DENIED, &["{transport} packet type {+icmp_type} denied by outbound list {_} src {src} dest {dst}"]),
    (106020, &DENIED, &["Deny IP teardrop fragment (size = {_}, offset = {_}) from {src} to {dst}"]),
    (106021, &DENIED, &["Deny {transport} reverse path check from {src} to {dst} on interface {interface}"]),
    (106022, &DENIED, &["Deny {transport} connection spoof from {src} to {dst} on interface {interface}"]),
    (
        106023,
        &DENIED,
        &[
            "Deny protocol {iana} src {src} dst {dst} by access-group \"{rule.name}\"",
            "Deny {transport} src {src} dst {dst} by access-group \"{rule.name}\"",
            "Deny {transport} src {src} dst {dst} (type {+icmp_type}, code {+icmp_code}) by access-group \"{rule.name}\"",
            "Deny {transport} src {src} dst {dst}~ by access-group {rule.name} ",
        ],
    ),
    (106027, &DENIED, &["{_}Deny src {src} dst {dst} by access-group \"{rule.name}\""]),
    (106100, &BY_RULE, &["access-list {rule.name} {verdict} {transport} {acl_src} -> {acl_dst} hit-cnt {+hit_count} "]),
    (
        106102,
        &BY_RULE,
        &[
            "access-list {rule.name} {verdict} {transport} for user {user.name} {acl_src} -> {acl_dst} hit-cnt {+hit_count} ",
        ],
    ),
    (
        106103,
        &BY_RULE,
        &[
            "access-list {rule.name} {verdict} {transport} for user {user.name} {acl_src} -> {acl_dst} hit-cnt {+hit_count} ",
        ],
    ),
    (109001, &CONNECTION_NEUTRAL, &["Auth start for user {source.user.name} from {src} to {dst}"]),
    (109002, &LOGIN_FAILED, &["Auth from {src} to {dst} failed ({reason}) on interface {interface}"]),
    (
        109005,
        &LOGGED_IN,
        &["Authentication succeeded for user {source.user.name} from {src} to {dst} on interface {interface}"],
    ),
    (
        109006,
        &LOGIN_FAILED,
        &["Authentication failed for user {source.user.name} from {src} to {dst} on interface {interface}"],
    ),
    (
        109007,
        &LOGGED_IN,
        &["Authorization permitted for user {source.user.name} from {src} to {dst} on interface {interface}"],
    ),
    (
        109008,
        &LOGIN_FAILED,
        &["Authorization denied for user {source.user.name} from {src} to {dst} on interface {interface}"],
    ),
    (
        109024,
        &LOGIN_FAILED,
        &["Authorization denied from {src} to {dst} (not authenticated) on interface {interface}~ using {_}"],
    ),
    (
        109025,
        &LOGIN_FAILED,
        &[
            "Authorization denied (acl={rule.name}) for user {source.user.name} from {src} to {dst} on interface {interface} using {network.protocol}",
        ],
    ),
    (110002, &NO_ROUTE, &["{reason} for {transport} from {src} to {dst}"]),
    (110003, &NO_ROUTE, &["{reason} for {transport} from {src} to {dst}"]),
    (111001, &CONFIGURATION, &["Begin configuration: {source.address} writing to {_}"]),
    (111004, &CONFIGURATION, &["{source.address} end configuration: {_}"]),
    (111005, &CONFIGURATION, &["{source.address} end configuration: {_}"]),
    (111007, &CONFIGURATION, &["Begin configuration: {source.address} reading from {_}"]),
    (111008, &CONFIGURATION, &["User '{admin}' executed the '{+command_line_arguments}' command."]),
    (111009, &CONFIGURATION, &["User '{admin}' executed cmd: {+command_line_arguments}"]),
    (
        111010,
        &CONFIGURATION,
        &["User '{admin}', running '{+application}' from IP {source.address}, executed '{+command_line_arguments}'"],
    ),
    (113003, &LOGGED_IN, &["AAA group policy for user {source.user.name} is being set to {+group_policy}"]),
    (113004, &LOGGED_IN, AAA),
    (113005, &LOGIN_FAILED, AAA),
    (113006, &LOCKED_OUT, &["User {source.user.name} locked out on exceeding {_}"]),
    (113007, &UNLOCKED, &["User {source.user.name} unlocked by {user.name}"]),
    (113008, &LOGGED_IN, &["AAA transaction status {_}: {pairs}"]),
    (
        113009,
        &LOGGED_IN,
        &[
            "AAA retrieved default group policy {+group_policy} for user = {source.user.name}",
            "AAA retrieved default group policy {+group_policy} for user {source.user.name}",
        ],
    ),
    (113010, &LOGGED_IN, &["AAA challenge received for user {source.user.name} from server {destination.address}"]),
    (113011, &LOGGED_IN, &["AAA retrieved user specific group policy {+group_policy} for user = {source.user.name}"]),
    (113012, &LOGGED_IN, AAA),
    (113013, &LOGIN_FAILED, &["AAA unable to complete the request Error: {pairs}"]),
    (113014, &LOGIN_FAILED, AAA),
    (113015, &LOGIN_FAILED, AAA),
    (113016, &LOGIN_FAILED, AAA),
    (113017, &LOGIN_FAILED, AAA),
    (
        113019,
        &VPN_GONE,
        &[
            "Group = {source.user.group.name}, Username = {source.user.name}, IP = {destination.address}, Session disconnected. Session Type: {+session_type}, Duration: {duration}, Bytes xmt: {source.bytes}, Bytes rcv: {destination.bytes}, Reason: {reason}",
        ],
    ),
    (
        113021,
        &LOGIN_FAILED,
        &["Attempted console login failed. User {source.user.name} did NOT have appropriate Admin Rights"],
    ),
    (
        113022,
        &SERVER_FAILED,
        &["AAA Marking {network.protocol} server {destination.address} in aaa-server group {_} as FAILED"],
    ),
    (
        113023,
        &SERVER_ACTIVE,
        &["AAA Marking {network.protocol} server {destination.address} in aaa-server group {_} as ACTIVE"],
    ),
    (113029, &VPN_DENIED, &[SVC]),
    (113030, &VPN_DENIED, &[SVC]),
    (113031, &VPN_DENIED, &[SVC]),
    (113032, &VPN_DENIED, &[SVC]),
    (113033, &VPN_DENIED, &[SVC]),
    (113034, &VPN_DENIED, &[SVC]),
    (113035, &VPN_DENIED, &[SVC]),
    (113036, &VPN_DENIED, &[SVC]),
    (113037, &VPN_DENIED, &["{reason}"]),
    (113038, &VPN_DENIED, &[SVC]),
    (113039, &VPN_SESSION, &[SVC]),
    (
        209005,
        &DENIED,
        &[
            "Discard IP fragment set with more than {_} elements:  src = {source.address}, dest = {destination.address}, proto = {transport}, id = {_}",
            "Discard IP fragment set with more than {_} elements: src = {source.address}, dest = {destination.address}, proto = {transport}, id = {_}",
        ],
    ),
    (210007, &NAT_FAILED, &["LU allocate xlate failed for {_} {transport} translation from {src} to {dst}"]),
    (302010, &PLAIN, &["{+connections_in_use} in use, {+connections_most_used} most used"]),
    (302013, &BUILT, &["Built {direction} {transport} connection {connection} for {first} to {second}~ ({user.name})"]),
    (302014, &TEARDOWN, FLOW),
    (302015, &BUILT, &["Built {direction} {transport} connection {connection} for {first} to {second}~ ({user.name})"]),
    (302016, &TEARDOWN, FLOW),
    (
        302017,
        &BUILT,
        &["Built {direction} {transport} connection {connection} from {first} to {second}~ ({user.name})"],
    ),
    (
        302018,
        &TEARDOWN,
        &[
            "Teardown {transport} connection {connection} from {src} to {dst} duration {duration} bytes {bytes}~ {closing}",
        ],
    ),
    (
        302020,
        &BUILT,
        &["Built {direction} {transport} connection for faddr {dst} gaddr {global} laddr {src}~ {icmp_tail}"],
    ),
    (302021, &TEARDOWN, &["Teardown {transport} connection for faddr {dst} gaddr {global} laddr {src}~ {icmp_tail}"]),
    (302022, &BUILT, STUB_BUILT),
    (302023, &TEARDOWN, STUB_GONE),
    (302024, &BUILT, STUB_BUILT),
    (302025, &TEARDOWN, STUB_GONE),
    (302026, &BUILT, STUB_BUILT),
    (302027, &TEARDOWN, STUB_GONE),
    (302033, &BUILT, &["Pre-allocated H323 GUP Connection for faddr {dst} to laddr {src}"]),
    (302035, &BUILT, &["Built {direction} {transport} connection {connection} for {first} to {second}~ ({user.name})"]),
    (302036, &TEARDOWN, FLOW),
    (302303, &BUILT, &["Built {transport} state-bypass connection {connection} from {src} to {dst}"]),
    (
        302304,
        &TEARDOWN,
        &[
            "Teardown {transport} state-bypass connection {connection} from {src} to {dst} duration {duration} bytes {bytes}~ {closing}",
        ],
    ),
    (
        302305,
        &BUILT,
        &[
            "Built {transport} state-bypass connection {connection} from {src} to {dst}",
            "Built {transport} state-bypass connection {connection} for {src} to {dst}",
        ],
    ),
    (
        302306,
        &TEARDOWN,
        &[
            "Teardown {transport} state-bypass connection {connection} from {src} to {dst} duration {duration} bytes {bytes}~ {closing}",
            "Teardown {transport} state-bypass connection {connection} for {src} to {dst} duration {duration} bytes {bytes}~ {closing}",
        ],
    ),
    (303002, &FTP, &["FTP connection from {src} to {dst}, user {source.user.name} {_} file {file.path}"]),
    (
        304001,
        &URL_ALLOWED,
        &[
            "{source.user.name}@{source.address}({_}) Accessed {_}URL {destination.address}:{url}",
            "{source.user.name}@{source.address} Accessed {_}URL {destination.address}:{url}",
            "{source.address} Accessed {_}URL {_}@{destination.address}:{url}",
            "{source.address} Accessed {_}URL {destination.address}:{url}",
        ],
    ),
    (
        304002,
        &URL_DENIED,
        &[
            "Access denied URL {url} SRC {source.address} DEST {destination.address} on interface {interface}",
            "Access denied URL {url} SRC {source.address} DEST {destination.address}",
        ],
    ),
    (305005, &NAT_FAILED, &["No translation group found for {transport} src {src} dst {dst}"]),
    (305006, &NAT_FAILED, &["{_} translation creation failed for {transport} src {src} dst {dst}"]),
    (305009, &NAT_BUILT, &["Built {_} translation from {src} to {dst}"]),
    (305010, &NAT_GONE, &["Teardown {_} translation from {src} to {dst} duration {duration}"]),
    (305011, &NAT_BUILT, &["Built {_} {transport} translation from {src} to {dst}"]),
    (305012, &NAT_GONE, &["Teardown {_} {transport} translation from {src} to {dst} duration {duration}"]),
    (
        305013,
        &NAT_FAILED,
        &[
            "Asymmetric NAT rules matched for forward and reverse flows; Connection for {transport} src {src} dst {dst} denied due to {reason}",
        ],
    ),
    (
        313001,
        &DENIED,
        &["Denied {transport} type={+icmp_type}, code={+icmp_code} from {source.address} on interface {interface}"],
    ),
    (
        313004,
        &DENIED,
        &[
            "Denied {transport} type={+icmp_type}, from laddr {src} on interface {interface} to {dst}: {reason}",
            "Denied {transport} type={+icmp_type}, from {src} on interface {interface} to {dst}: {reason}",
        ],
    ),
    (
        313005,
        &DENIED,
        &[
            "No matching connection for ICMP error message: {transport} src {outer_src} dst {outer_dst} (type {+icmp_type}, code {+icmp_code}) on {_} interface.  Original IP payload: {_} src {source.address}/{source.port} dst {destination.address}/{destination.port}.",
            "No matching connection for ICMP error message: {transport} src {outer_src} dst {outer_dst} (type {+icmp_type}, code {+icmp_code}) on {_} interface. Original IP payload: {_} src {source.address}/{source.port} dst {destination.address}/{destination.port}.",
            "No matching connection for ICMP error message: {transport} src {src} dst {dst} (type {+icmp_type}, code {+icmp_code}) on {_} interface.",
        ],
    ),
    (
        313008,
        &DENIED,
        &["Denied {transport} type={+icmp_type}, code={+icmp_code} from {source.address} on interface {interface}"],
    ),
    (
        313009,
        &DENIED,
        &["Denied invalid {transport} code {+icmp_code}, for {src} to {dst}, ICMP id {_}, ICMP type {+icmp_type}"],
    ),
    (322001, &DENIED, &["Deny MAC address {source.mac}, possible spoof attempt on interface {interface}"]),
    (
        338001,
        &DYNAMIC_FILTER,
        &[
            "Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst}, source {_} resolved from {_} list: {source.domain},~ {_}",
        ],
    ),
    (
        338002,
        &DYNAMIC_FILTER,
        &[
            "Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst}, destination {_} resolved from {_} list: {destination.domain}~,",
        ],
    ),
    (
        338003,
        &DYNAMIC_FILTER,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338004,
        &DYNAMIC_FILTER,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338005,
        &DYNAMIC_DROPPED,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338006,
        &DYNAMIC_DROPPED,
        &[
            "Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst}, destination {_} resolved from {_} list: {destination.domain}~,",
        ],
    ),
    (
        338007,
        &DYNAMIC_DROPPED,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338008,
        &DYNAMIC_DROPPED,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338101,
        &DYNAMIC_FILTER,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338102,
        &DYNAMIC_FILTER,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338103,
        &DYNAMIC_FILTER,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338104,
        &DYNAMIC_FILTER,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338201,
        &DYNAMIC_DROPPED,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338202,
        &DYNAMIC_DROPPED,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338203,
        &DYNAMIC_DROPPED,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (
        338204,
        &DYNAMIC_DROPPED,
        &["Dynamic {_}ilter {+filter_action} {_}listed {transport} traffic from {src} to {dst},~ {reason}"],
    ),
    (401004, &SHUNNED, &["Shunned packet: {source.address} ==> {destination.address} on interface {interface}"]),
    (419002, &DUPLICATE, &["Duplicate {transport} SYN from {src} to {dst} with different initial sequence number"]),
    (434002, &DENIED, &["SFR requested to drop {transport} packet from {src} to {dst}"]),
    (500004, &DENIED, &["Invalid transport field for protocol={transport}, from {src} to {dst}"]),
    (502101, &USER_ADDED, &["New user added to local dbase: Uname: {user.target.name} Priv: {+privilege.new} "]),
    (502102, &USER_DELETED, &["User deleted from local dbase: Uname: {user.target.name} Priv: {+privilege.old} "]),
    (502103, &PRIVILEGE, &["User priv level changed: Uname: {admin} From: {+privilege.old} To: {+privilege.new}"]),
    (
        602303,
        &SA_CREATED,
        &[
            "IPSEC: An {direction} {+tunnel_type} SA (SPI={_}) between {src} and {dst} (user= {user.name}) has been created.",
        ],
    ),
    (
        602304,
        &SA_DELETED,
        &[
            "IPSEC: An {direction} {+tunnel_type} SA (SPI={_}) between {src} and {dst} (user= {user.name}) has been deleted.",
        ],
    ),
    (605004, &LOGIN_FAILED, &["Login denied from {src} to {dst} for user \"{source.user.name}\""]),
    (605005, &LOGGED_IN, &["Login permitted from {src} to {dst} for user \"{source.user.name}\""]),
    (607001, &SIP, &["Pre-allocate SIP {+connection_type} secondary channel for {dst} to {src} from {_} message"]),
    (609001, &BUILT, &["Built local-host {src}"]),
    (609002, &TEARDOWN, &["Teardown local-host {src} duration {duration}"]),
    (
        611101,
        &LOGGED_IN,
        &[
            "User authentication succeeded: IP address: {source.address}, Uname: {admin}",
            "User authentication succeeded: Uname: {admin}",
        ],
    ),
    (
        611102,
        &LOGIN_FAILED,
        &[
            "User authentication failed: IP address: {source.address}, Uname: {admin}",
            "User authentication failed: Uname: {admin}",
        ],
    ),
    (611103, &LOGGED_OUT, &["User logged out: Uname: {user.name}"]),
    (710001, &CONNECTION_NEUTRAL, &["{transport} access requested from {src} to {dst}"]),
    (710002, &ALLOWED, &["{transport} access permitted from {src} to {dst}"]),
    (710003, &DENIED, &["{transport} access denied by ACL from {src} to {dst}"]),
    (710005, &DISCARDED, &["{transport} request discarded from {src} to {dst}"]),
    (710006, &DISCARDED, &["{transport} request discarded from {src} to {dst}"]),
    (713049, &IKE_NEGOTIATED, IKE),
    (713119, &IKE_DONE, IKE),
    (
        713120,
        &IKE_DONE,
        &[
            "Group = {source.user.group.name}, IP = {source.address}, {reason} (msgid={event.id})",
            "Group = {source.user.group.name}, Username = {source.user.name}, IP = {source.address}, {reason} (msgid={event.id})",
            IKE[1],
        ],
    ),
    (
        713228,
        &VPN_ADDRESS,
        &[
            "Group = {source.user.group.name}, Username = {source.user.name}, IP = {source.address}, Assigned private IP address {+assigned_ip} to remote user",
        ],
    ),
    (713901, &VPN_ERROR, IKE),
    (
        716001,
        &VPN_SESSION,
        &["Group {source.user.group.name} User {source.user.name} IP {source.address} {_} session started"],
    ),
    (
        716002,
        &VPN_GONE,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {source.address} {_} session terminated: {reason}.",
            "Group {source.user.group.name} User {source.user.name} IP {source.address} {_} session terminated: {reason}",
        ],
    ),
    (
        716003,
        &VPN_ACCESS,
        &["Group {source.user.group.name} User {source.user.name} IP {source.address} WebVPN access GRANTED: {url}"],
    ),
    (
        716004,
        &VPN_ACCESS_DENIED,
        &["Group {source.user.group.name} User {source.user.name} WebVPN access DENIED to specified location: {url}"],
    ),
    (
        716038,
        &LOGGED_IN,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {source.address} Authentication: successful, Session Type: {+session_type}.",
        ],
    ),
    (
        716039,
        &LOGIN_FAILED,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {source.address} Authentication: rejected, Session Type: {+session_type}.",
            "Authentication: rejected, group = {source.user.group.name} user = {source.user.name}, Session Type: {+session_type}",
        ],
    ),
    (716058, &VPN_GONE, &[SVC]),
    (
        716059,
        &VPN_RESUMED,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {destination.address} AnyConnect session resumed. Connection from {source.address}",
            "Group {source.user.group.name} User {source.user.name} IP {destination.address} AnyConnect session resumed connection from IP {source.address}",
        ],
    ),
    (
        721016,
        &VPN_CONNECTED,
        &["({+device_type}) WebVPN session for client user {source.user.name}, {_} {destination.ip} has been created."],
    ),
    (
        721018,
        &VPN_GONE,
        &["({+device_type}) WebVPN session for client user {source.user.name}, {_} {destination.ip} has been deleted."],
    ),
    (722011, &IKE_INFO, &[SVC]),
    (722012, &IKE_INFO, &[SVC]),
    (722022, &CONNECTION_INFO, &[SVC]),
    (722023, &CONNECTION_END, &[SVC]),
    (722028, &CONNECTION_END, &[SVC]),
    (722029, &CONNECTION_END, &[SVC]),
    (722030, &CONNECTION_END, &[SVC]),
    (722031, &CONNECTION_END, &[SVC]),
    (722032, &CONNECTION_START, &[SVC]),
    (
        722033,
        &CONNECTION_START,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {source.address} {rest}First {transport} SVC {_}",
            SVC,
        ],
    ),
    (
        722034,
        &CONNECTION_NEUTRAL,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {source.address} {rest}New {transport} SVC {_}",
            SVC,
        ],
    ),
    (722035, &CONNECTION_NEUTRAL, &[SVC]),
    (722036, &CONNECTION_NEUTRAL, &[SVC]),
    (722037, &CONNECTION_CLOSING, &[SVC]),
    (
        722051,
        &VPN_ADDRESS,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {source.address} {rest}IPv4 Address {+assigned_ip} {_}",
            "Group {source.user.group.name} User {source.user.name} IP {source.address} {rest}Address {+assigned_ip} {_}",
        ],
    ),
    (
        722055,
        &CONNECTION_NEUTRAL,
        &[
            "Group {source.user.group.name} User {source.user.name} IP {source.address} Client Type: {user_agent.original}",
        ],
    ),
    (725001, &CONNECTION_START, &["Starting SSL handshake with {+peer_type} {src} to {dst} for {_} session"]),
    (
        725002,
        &CONNECTION_INFO,
        &[
            "Device completed SSL handshake with {+peer_type} {src} to {dst} for TLSv{tls.version} session",
            "Device completed SSL handshake with {+peer_type} {src}~ to {dst}",
        ],
    ),
    (
        725003,
        &CONNECTION_INFO,
        &[
            "SSL {+peer_type} {src} to {dst} requesting to resume previous session",
            "SSL {+peer_type} {src} requesting to resume previous session",
        ],
    ),
    (725006, &CONNECTION_FAILED, &["Device failed SSL handshake with {+peer_type} {src}~ to {dst}"]),
    (
        725007,
        &CONNECTION_END,
        &["SSL session with {+peer_type} {src} to {dst} terminated", "SSL session with {+peer_type} {src} terminated"],
    ),
    (
        733100,
        &THREAT,
        &[
            "[{+burst.object}] drop {+burst.id} exceeded. Current burst rate is {+burst.current_rate} per second, max configured rate is {+burst.configured_rate}; Current average rate is {+burst.avg_rate} per second, max configured rate is {+burst.configured_avg_rate}; Cumulative total count is {+burst.cumulative_count}",
        ],
    ),
    (737003, &CONNECTION_FAILED, &["IPAA: {_} for tunnel-group {+tunnel_group}"]),
    (737006, &CONNECTION_INFO, &["IPAA: {_} for tunnel-group {+tunnel_group}"]),
    (
        737016,
        &CONNECTION_INFO,
        &[
            "IPAA: Session={+session_id}, Freeing local pool {+pool_name} address {+pool_address}",
            "IPAA: Freeing local pool {+pool_name} address {+pool_address}",
        ],
    ),
    (
        737026,
        &CONNECTION_INFO,
        &[
            "IPAA: Session={+session_id}, Client assigned {+pool_address} from local pool {+pool_name}",
            "IPAA: Client assigned {+pool_address} from local pool {+pool_name}",
        ],
    ),
    (737034, &CONNECTION_FAILED, &["IPAA: Session={+session_id}, {reason}"]),
    (750001, &IKE_STARTED, IKE2),
    (750002, &IKE_STARTED, IKE2),
    (750006, &SA_CREATED, IKE2),
    (750007, &SA_DELETED, IKE2),
    (805001, &OFFLOADED, &["Offloaded {transport} Flow for connection {connection} from {src} to {dst}"]),
    (
        805002,
        &OFFLOAD_ENDED,
        &["{transport} Flow is no longer offloaded for connection {connection} from {src} to {dst}"],
    ),
];

/// Ranges whose messages share a text: intrusions (400000–400051), IKEv1 (713, 715), IKEv2 (750–752).
static FAMILIES: &[(std::ops::RangeInclusive<u32>, Source)] = &[
    (
        400_000..=400_051,
        (
            0,
            &INTRUSION,
            &[
                "IPS:{rule.id} {rule.name} from {src} to {dst} on interface {interface}",
                "IDS:{rule.id} {rule.name} from {src} to {dst} on interface {interface}",
            ],
        ),
    ),
    (713_000..=713_999, (0, &IKE_INFO, IKE)),
    (715_000..=715_999, (0, &IKE_INFO, IKE)),
    (750_000..=752_999, (0, &IKE_INFO, IKE2)),
];

/// A message id's meaning with its compiled texts.
pub(super) struct Row {
    id: u32,
    pub(super) meaning: &'static Meaning,
    pub(super) templates: Vec<Template>,
}

fn compile(&(id, meaning, texts): &Source) -> Row {
    Row { id, meaning, templates: texts.iter().map(|text| Template::compile(text)).collect() }
}

static ROWS: LazyLock<(Vec<Row>, Vec<Row>)> = LazyLock::new(|| {
    let mut rows: Vec<Row> = MESSAGES.iter().chain(rarer::MESSAGES).map(compile).collect();
    rows.sort_by_key(|row| row.id);
    (rows, FAMILIES.iter().map(|(_, source)| compile(source)).collect())
});

/// The row of a message id.
pub(super) fn find(id: u32) -> Option<&'static Row> {
    let (rows, families) = &*ROWS;
    if let Ok(at) = rows.binary_search_by_key(&id, |row| row.id) {
        return Some(&rows[at]);
    }
    FAMILIES.iter().position(|(ids, _)| ids.contains(&id)).map(|at| &families[at])
}

/// The numbers of single messages and of families, as listed.
#[cfg(test)]
pub(super) fn all_ids() -> impl Iterator<Item = u32> {
    let families = FAMILIES.iter().flat_map(|(ids, _)| [*ids.start(), *ids.end()]);
    MESSAGES.iter().chain(rarer::MESSAGES).map(|(id, ..)| *id).chain(families)
}

/// Every row with the numbers it is for: single messages before families.
#[cfg(test)]
pub(super) fn compiled() -> Vec<(std::ops::RangeInclusive<u32>, &'static Row)> {
    let (rows, families) = &*ROWS;
    let single = rows.iter().map(|row| (row.id..=row.id, row));
    single.chain(FAMILIES.iter().map(|(ids, _)| ids.clone()).zip(families)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_compile() {
        for table in [MESSAGES, rarer::MESSAGES] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        assert!(ROWS.0.windows(2).all(|pair| pair[0].id < pair[1].id), "no id stands in both tables");
        for (id, ..) in MESSAGES.iter().chain(rarer::MESSAGES) {
            assert!(find(*id).is_some_and(|row| !row.templates.is_empty()), "{id}");
        }
        assert!(find(713_500).is_some() && find(199_005).is_none());
    }
}
