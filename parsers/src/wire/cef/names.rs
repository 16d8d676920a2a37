//! The keys of the CEF standard: their full names, and the schema names their values take besides.

use std::sync::LazyLock;

use crate::dictionary::{FieldId, same};
use crate::ecs;
use crate::products::names::{id_of, vendor_names};
use crate::products::targets::{Target, To, by_id};

vendor_names! {
    version = "cef.version";
    vendor = "cef.device.vendor";
    product = "cef.device.product";
    device_version = "cef.device.version";
    class_id = "cef.device.event_class_id";
    name = "cef.name";
    severity = "cef.severity";
    receipt = "deviceReceiptTime";
    start = "startTime";
    end = "endTime";
    transport = "transportProtocol";
    direction = "deviceDirection";
    request = "requestUrl";
    file_path = "filePath";
    file_hash = "fileHash";
    application = "applicationProtocol";
    dns_domain = "sourceNtDomain";
    cp_severity = "cp_severity";
    rule_uid = "rule_uid";
    ifname = "ifname";
    inzone = "inzone";
    outzone = "outzone";
    category = "deviceEventCategory";
    s1 = "deviceCustomString1";
    s1_label = "deviceCustomString1Label";
    s2 = "deviceCustomString2";
    s2_label = "deviceCustomString2Label";
    s3 = "deviceCustomString3";
    s3_label = "deviceCustomString3Label";
    s4 = "deviceCustomString4";
    s4_label = "deviceCustomString4Label";
    s5 = "deviceCustomString5";
    s5_label = "deviceCustomString5Label";
    s6 = "deviceCustomString6";
    s6_label = "deviceCustomString6Label";
    n1 = "deviceCustomNumber1";
    n1_label = "deviceCustomNumber1Label";
    n2 = "deviceCustomNumber2";
    n2_label = "deviceCustomNumber2Label";
    n3 = "deviceCustomNumber3";
    n3_label = "deviceCustomNumber3Label";
    @also
    "deviceAction" "applicationProtocol" "deviceCustomIPv6Address1" "deviceCustomIPv6Address1Label"
    "deviceCustomIPv6Address2" "deviceCustomIPv6Address2Label" "deviceCustomIPv6Address3"
    "deviceCustomIPv6Address3Label" "deviceCustomIPv6Address4" "deviceCustomIPv6Address4Label"
    "deviceCustomFloatingPoint1" "deviceCustomFloatingPoint1Label" "deviceCustomFloatingPoint2"
    "deviceCustomFloatingPoint2Label" "deviceCustomFloatingPoint3" "deviceCustomFloatingPoint3Label"
    "deviceCustomFloatingPoint4" "deviceCustomFloatingPoint4Label" "deviceCustomNumber1" "deviceCustomNumber1Label"
    "deviceCustomNumber2" "deviceCustomNumber2Label" "deviceCustomNumber3" "deviceCustomNumber3Label"
    "deviceCustomString1" "deviceCustomString1Label" "deviceCustomString2" "deviceCustomString2Label"
    "deviceCustomString3" "deviceCustomString3Label" "deviceCustomString4" "deviceCustomString4Label"
    "deviceCustomString5" "deviceCustomString5Label" "deviceCustomString6" "deviceCustomString6Label"
    "deviceCustomDate1" "deviceCustomDate1Label" "deviceCustomDate2" "deviceCustomDate2Label" "baseEventCount"
    "destinationDnsDomain" "destinationServiceName" "destinationTranslatedAddress" "destinationTranslatedPort"
    "deviceDnsDomain" "deviceExternalId" "deviceFacility" "deviceInboundInterface" "deviceNtDomain"
    "deviceOutboundInterface" "devicePayloadId" "deviceProcessName" "deviceTranslatedAddress" "destinationHostName"
    "destinationMacAddress" "destinationNtDomain" "destinationProcessId" "destinationUserPrivileges"
    "destinationProcessName" "destinationPort" "destinationAddress" "deviceTimeZone" "destinationUserId"
    "destinationUserName" "deviceAddress" "deviceHostName" "deviceMacAddress" "deviceProcessId" "externalId"
    "fileCreateTime" "fileId" "fileModificationTime" "filePermission" "fileType" "filename" "fileSize" "bytesIn"
    "bytesOut" "oldFileCreateTime" "oldFileHash" "oldFileId" "oldFileModificationTime" "oldFileName"
    "oldFilePath" "oldFilePermission" "oldFileSize" "oldFileType" "eventOutcome" "reason" "requestClientApplication"
    "requestContext" "requestCookies" "requestMethod" "sourceHostName" "sourceMacAddress" "sourceNtDomain"
    "sourceDnsDomain" "sourceServiceName" "sourceTranslatedAddress" "sourceTranslatedPort" "sourceProcessId"
    "sourceUserPrivileges" "sourceProcessName" "sourcePort" "sourceAddress" "sourceUserId" "sourceUserName"
    "deviceEventCategory" "eventId" "sourceGeoLatitude" "sourceGeoLongitude" "destinationGeoLatitude"
    "destinationGeoLongitude" "type" "agentAddress" "agentHostName"
}

/// The short keys of the standard and their full names, sorted by key.
static SHORT: &[(&[u8], &str)] = &[
    (b"act", "deviceAction"),
    (b"agt", "agentAddress"),
    (b"ahost", "agentHostName"),
    (b"app", "applicationProtocol"),
    (b"c6a1", "deviceCustomIPv6Address1"),
    (b"c6a1Label", "deviceCustomIPv6Address1Label"),
    (b"c6a2", "deviceCustomIPv6Address2"),
    (b"c6a2Label", "deviceCustomIPv6Address2Label"),
    (b"c6a3", "deviceCustomIPv6Address3"),
    (b"c6a3Label", "deviceCustomIPv6Address3Label"),
    (b"c6a4", "deviceCustomIPv6Address4"),
    (b"c6a4Label", "deviceCustomIPv6Address4Label"),
    (b"cat", "deviceEventCategory"),
    (b"cfp1", "deviceCustomFloatingPoint1"),
    (b"cfp1Label", "deviceCustomFloatingPoint1Label"),
    (b"cfp2", "deviceCustomFloatingPoint2"),
    (b"cfp2Label", "deviceCustomFloatingPoint2Label"),
    (b"cfp3", "deviceCustomFloatingPoint3"),
    (b"cfp3Label", "deviceCustomFloatingPoint3Label"),
    (b"cfp4", "deviceCustomFloatingPoint4"),
    (b"cfp4Label", "deviceCustomFloatingPoint4Label"),
    (b"cn1", "deviceCustomNumber1"),
    (b"cn1Label", "deviceCustomNumber1Label"),
    (b"cn2", "deviceCustomNumber2"),
    (b"cn2Label", "deviceCustomNumber2Label"),
    (b"cn3", "deviceCustomNumber3"),
    (b"cn3Label", "deviceCustomNumber3Label"),
    (b"cnt", "baseEventCount"),
    (b"cs1", "deviceCustomString1"),
    (b"cs1Label", "deviceCustomString1Label"),
    (b"cs2", "deviceCustomString2"),
    (b"cs2Label", "deviceCustomString2Label"),
    (b"cs3", "deviceCustomString3"),
    (b"cs3Label", "deviceCustomString3Label"),
    (b"cs4", "deviceCustomString4"),
    (b"cs4Label", "deviceCustomString4Label"),
    (b"cs5", "deviceCustomString5"),
    (b"cs5Label", "deviceCustomString5Label"),
    (b"cs6", "deviceCustomString6"),
    (b"cs6Label", "deviceCustomString6Label"),
    (b"dhost", "destinationHostName"),
    (b"dlat", "destinationGeoLatitude"),
    (b"dlong", "destinationGeoLongitude"),
    (b"dmac", "destinationMacAddress"),
    (b"dntdom", "destinationNtDomain"),
    (b"dpid", "destinationProcessId"),
    (b"dpriv", "destinationUserPrivileges"),
    (b"dproc", "destinationProcessName"),
    (b"dpt", "destinationPort"),
    (b"dst", "destinationAddress"),
    (b"dtz", "deviceTimeZone"),
    (b"duid", "destinationUserId"),
    (b"duser", "destinationUserName"),
    (b"dvc", "deviceAddress"),
    (b"dvchost", "deviceHostName"),
    (b"dvcmac", "deviceMacAddress"),
    (b"dvcpid", "deviceProcessId"),
    (b"end", "endTime"),
    (b"fname", "filename"),
    (b"fsize", "fileSize"),
    (b"in", "bytesIn"),
    (b"msg", "message"),
    (b"out", "bytesOut"),
    (b"outcome", "eventOutcome"),
    (b"proto", "transportProtocol"),
    (b"request", "requestUrl"),
    (b"rt", "deviceReceiptTime"),
    (b"shost", "sourceHostName"),
    (b"slat", "sourceGeoLatitude"),
    (b"slong", "sourceGeoLongitude"),
    (b"smac", "sourceMacAddress"),
    (b"sntdom", "sourceNtDomain"),
    (b"spid", "sourceProcessId"),
    (b"spriv", "sourceUserPrivileges"),
    (b"sproc", "sourceProcessName"),
    (b"spt", "sourcePort"),
    (b"src", "sourceAddress"),
    (b"start", "startTime"),
    (b"suid", "sourceUserId"),
    (b"suser", "sourceUserName"),
];

/// Slots of the table of short keys: eight times as many as keys, so that most stand where they are looked for.
const SLOTS: usize = 1024;

/// A short key, its full name and that one's id.
type Short = (&'static [u8], &'static str, FieldId);

#[inline]
fn slot(key: &[u8]) -> usize {
    let mut head = [0; 8];
    let len = key.len().min(8);
    head[..len].copy_from_slice(&key[..len]);
    let mixed = (u64::from_le_bytes(head) ^ (key.len() as u64) << 59).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 54) as usize
}

/// The short keys by [`slot`], each at its own or the next that was free.
fn shorts() -> &'static [Short; SLOTS] {
    static SHORTS: LazyLock<Box<[Short; SLOTS]>> = LazyLock::new(|| {
        let mut table: Box<[Short; SLOTS]> = Box::new([(b"", "", FieldId::UNNAMED); SLOTS]);
        for &(short, full) in SHORT {
            let mut at = slot(short);
            while !table[at].0.is_empty() {
                at = (at + 1) % SLOTS;
            }
            table[at] = (short, full, id_of(full));
        }
        table
    });
    &SHORTS
}

/// The full name and id of a short key of the standard.
#[inline]
pub(super) fn full_name(key: &[u8]) -> Option<(&'static str, FieldId)> {
    let table = shorts();
    let mut at = slot(key);
    loop {
        let (short, full, id) = table[at];
        if short.is_empty() {
            return None;
        }
        if same(short, key) {
            return Some((full, id));
        }
        at = (at + 1) % SLOTS;
    }
}

/// The standard's names as Elastic's CEF integration maps them.
static TARGETS: &[Target] = &[
    ("deviceAction", ecs::EVENT_ACTION, To::Text),
    ("applicationProtocol", ecs::NETWORK_PROTOCOL, To::Text),
    ("deviceCustomIPv6Address2", ecs::SOURCE_IP, To::Ip),
    ("deviceCustomIPv6Address3", ecs::DESTINATION_IP, To::Ip),
    ("destinationTranslatedAddress", ecs::DESTINATION_NAT_IP, To::Ip),
    ("destinationTranslatedPort", ecs::DESTINATION_NAT_PORT, To::Port),
    ("sourceTranslatedAddress", ecs::SOURCE_NAT_IP, To::Ip),
    ("sourceTranslatedPort", ecs::SOURCE_NAT_PORT, To::Port),
    ("deviceInboundInterface", ecs::OBSERVER_INGRESS_INTERFACE_NAME, To::Text),
    ("deviceOutboundInterface", ecs::OBSERVER_EGRESS_INTERFACE_NAME, To::Text),
    ("deviceProcessName", ecs::PROCESS_NAME, To::Text),
    ("deviceProcessId", ecs::PROCESS_PID, To::Number),
    ("destinationHostName", ecs::DESTINATION_DOMAIN, To::Text),
    ("destinationMacAddress", ecs::DESTINATION_MAC, To::Mac),
    ("destinationNtDomain", ecs::DESTINATION_USER_DOMAIN, To::Text),
    ("destinationUserPrivileges", ecs::DESTINATION_USER_GROUP_NAME, To::Text),
    ("destinationPort", ecs::DESTINATION_PORT, To::Port),
    ("destinationAddress", ecs::DESTINATION_IP, To::Ip),
    ("destinationUserId", ecs::DESTINATION_USER_ID, To::Text),
    ("destinationUserName", ecs::DESTINATION_USER_NAME, To::Text),
    ("deviceTimeZone", ecs::EVENT_TIMEZONE, To::Text),
    ("deviceAddress", ecs::OBSERVER_IP, To::Ip),
    ("deviceHostName", ecs::OBSERVER_HOSTNAME, To::Text),
    ("deviceMacAddress", ecs::OBSERVER_MAC, To::Mac),
    ("externalId", ecs::EVENT_ID, To::Text),
    ("eventId", ecs::EVENT_ID, To::Text),
    ("filePath", ecs::FILE_PATH, To::Text),
    ("filename", ecs::FILE_NAME, To::Text),
    ("fileSize", ecs::FILE_SIZE, To::Number),
    ("fileType", ecs::FILE_TYPE, To::Text),
    ("fileId", ecs::FILE_INODE, To::Text),
    ("bytesIn", ecs::SOURCE_BYTES, To::Number),
    ("bytesOut", ecs::DESTINATION_BYTES, To::Number),
    ("eventOutcome", ecs::EVENT_OUTCOME, To::Text),
    ("reason", ecs::EVENT_REASON, To::Text),
    ("requestClientApplication", ecs::USER_AGENT_ORIGINAL, To::Text),
    ("requestContext", ecs::HTTP_REQUEST_REFERRER, To::Text),
    ("requestMethod", ecs::HTTP_REQUEST_METHOD, To::Text),
    ("sourceHostName", ecs::SOURCE_DOMAIN, To::Text),
    ("sourceMacAddress", ecs::SOURCE_MAC, To::Mac),
    ("sourceNtDomain", ecs::SOURCE_USER_DOMAIN, To::Text),
    ("sourceUserPrivileges", ecs::SOURCE_USER_GROUP_NAME, To::Text),
    ("sourcePort", ecs::SOURCE_PORT, To::Port),
    ("sourceAddress", ecs::SOURCE_IP, To::Ip),
    ("sourceUserId", ecs::SOURCE_USER_ID, To::Text),
    ("sourceUserName", ecs::SOURCE_USER_NAME, To::Text),
];

/// The table by field id.
#[inline]
pub(super) fn targets() -> &'static [Option<(FieldId, To)>] {
    static BY_ID: LazyLock<Vec<Option<(FieldId, To)>>> = LazyLock::new(|| by_id(TARGETS));
    &BY_ID
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_are_sorted_and_full_names_have_ids() {
        assert!(SHORT.is_sorted_by_key(|&(short, _)| short));
        for (short, full) in SHORT {
            assert_eq!(full_name(short).map(|(name, _)| name), Some(*full));
            assert!(NAMES.contains(full) || *full == "message", "{full}");
        }
        assert!(full_name(b"").is_none() && full_name(b"srcx").is_none() && full_name(b"cfp1Labex").is_none());
        for (name, ..) in TARGETS {
            assert!(NAMES.contains(name), "{name}");
        }
    }
}
