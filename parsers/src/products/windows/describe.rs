//! The numbers of the Security channel in words, under the names that Elastic's `system.security` gives them.
//!
//! Sources: the parameter message table of the auditing provider (`msobjs.dll`, `%%NNNN`), Microsoft's reference of
//! events 4662, 4719, 4768 and 5152, RFC 4120 §7.5.9 for the Kerberos errors, \[MS-SAMR\] §2.2.1.12 for the flags of an
//! account.

use super::names::Ids;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind};
use crate::products::fields::present;

type Words = &'static [(u32, &'static str)];

/// Sorted by number: `%%NNNN` of access rights.
static ACCESS: Words = &[
    (1537, "DELETE"),
    (1538, "READ_CONTROL"),
    (1539, "WRITE_DAC"),
    (1540, "WRITE_OWNER"),
    (1541, "SYNCHRONIZE"),
    (1542, "ACCESS_SYS_SEC"),
    (1543, "MAX_ALLOWED"),
    (4416, "ReadData (or ListDirectory)"),
    (4417, "WriteData (or AddFile)"),
    (4418, "AppendData (or AddSubdirectory or CreatePipeInstance)"),
    (4419, "ReadEA"),
    (4420, "WriteEA"),
    (4421, "Execute/Traverse"),
    (4422, "DeleteChild"),
    (4423, "ReadAttributes"),
    (4424, "WriteAttributes"),
    (4432, "Query key value"),
    (4433, "Set key value"),
    (4434, "Create sub-key"),
    (4435, "Enumerate sub-keys"),
    (4436, "Notify about changes to keys"),
    (4437, "Create Link"),
    (4480, "Force process termination"),
    (4481, "Create new thread in process"),
    (4482, "Set process session ID"),
    (4483, "Perform virtual memory operation"),
    (4484, "Read from process memory"),
    (4485, "Write to process memory"),
    (4486, "Duplicate handle into or out of process"),
    (4487, "Create a subprocess of process"),
    (4488, "Set process quotas"),
    (4489, "Set process information"),
    (4490, "Query process information"),
    (4491, "Set process termination port"),
    (7680, "Create Child"),
    (7681, "Delete Child"),
    (7682, "List Contents"),
    (7683, "Write Self"),
    (7684, "Read Property"),
    (7685, "Write Property"),
    (7686, "Delete Tree"),
    (7687, "List Object"),
    (7688, "Control Access"),
];

/// Bits of an access mask on a directory object.
static MASK: Words = &[
    (0x1, "Create Child"),
    (0x2, "Delete Child"),
    (0x4, "List Contents"),
    (0x8, "SELF"),
    (0x10, "Read Property"),
    (0x20, "Write Property"),
    (0x40, "Delete Tree"),
    (0x80, "List Object"),
    (0x100, "Control Access"),
    (0x1_0000, "DELETE"),
    (0x2_0000, "READ_CONTROL"),
    (0x4_0000, "WRITE_DAC"),
    (0x8_0000, "WRITE_OWNER"),
    (0x10_0000, "SYNCHRONIZE"),
    (0x100_0000, "ADS_RIGHT_ACCESS_SYSTEM_SECURITY"),
    (0x1000_0000, "ADS_RIGHT_GENERIC_ALL"),
    (0x2000_0000, "ADS_RIGHT_GENERIC_EXECUTE"),
    (0x4000_0000, "ADS_RIGHT_GENERIC_WRITE"),
    (0x8000_0000, "ADS_RIGHT_GENERIC_READ"),
];

/// Bits of the options of a ticket request (RFC 4120 §5.4.1, from the highest bit on).
static TICKET_OPTIONS: Words = &[
    (0x4000_0000, "Forwardable"),
    (0x2000_0000, "Forwarded"),
    (0x1000_0000, "Proxiable"),
    (0x0800_0000, "Proxy"),
    (0x0400_0000, "Allow-postdate"),
    (0x0200_0000, "Postdated"),
    (0x0100_0000, "Invalid"),
    (0x0080_0000, "Renewable"),
    (0x0040_0000, "Initial"),
    (0x0020_0000, "Pre-authent"),
    (0x0010_0000, "Opt-hardware-auth"),
    (0x0008_0000, "Transited-policy-checked"),
    (0x0004_0000, "Ok-as-delegate"),
    (0x0002_0000, "Request-anonymous"),
    (0x0001_0000, "Name-canonicalize"),
    (0x20, "Disable-transited-check"),
    (0x10, "Renewable-ok"),
    (0x8, "Enc-tkt-in-skey"),
    (0x2, "Renew"),
    (0x1, "Validate"),
];

static ENCRYPTION_TYPES: Words = &[
    (0x1, "DES-CBC-CRC"),
    (0x3, "DES-CBC-MD5"),
    (0x11, "AES128-CTS-HMAC-SHA1-96"),
    (0x12, "AES256-CTS-HMAC-SHA1-96"),
    (0x17, "RC4-HMAC"),
    (0x18, "RC4-HMAC-EXP"),
    (0xFFFF_FFFF, "FAIL"),
];

static KERBEROS_ERRORS: Words = &[
    (0x0, "KDC_ERR_NONE"),
    (0x1, "KDC_ERR_NAME_EXP"),
    (0x2, "KDC_ERR_SERVICE_EXP"),
    (0x3, "KDC_ERR_BAD_PVNO"),
    (0x4, "KDC_ERR_C_OLD_MAST_KVNO"),
    (0x5, "KDC_ERR_S_OLD_MAST_KVNO"),
    (0x6, "KDC_ERR_C_PRINCIPAL_UNKNOWN"),
    (0x7, "KDC_ERR_S_PRINCIPAL_UNKNOWN"),
    (0x8, "KDC_ERR_PRINCIPAL_NOT_UNIQUE"),
    (0x9, "KDC_ERR_NULL_KEY"),
    (0xA, "KDC_ERR_CANNOT_POSTDATE"),
    (0xB, "KDC_ERR_NEVER_VALID"),
    (0xC, "KDC_ERR_POLICY"),
    (0xD, "KDC_ERR_BADOPTION"),
    (0xE, "KDC_ERR_ETYPE_NOTSUPP"),
    (0xF, "KDC_ERR_SUMTYPE_NOSUPP"),
    (0x10, "KDC_ERR_PADATA_TYPE_NOSUPP"),
    (0x11, "KDC_ERR_TRTYPE_NO_SUPP"),
    (0x12, "KDC_ERR_CLIENT_REVOKED"),
    (0x13, "KDC_ERR_SERVICE_REVOKED"),
    (0x14, "KDC_ERR_TGT_REVOKED"),
    (0x15, "KDC_ERR_CLIENT_NOTYET"),
    (0x16, "KDC_ERR_SERVICE_NOTYET"),
    (0x17, "KDC_ERR_KEY_EXPIRED"),
    (0x18, "KDC_ERR_PREAUTH_FAILED"),
    (0x19, "KDC_ERR_PREAUTH_REQUIRED"),
    (0x1A, "KDC_ERR_SERVER_NOMATCH"),
    (0x1B, "KDC_ERR_MUST_USE_USER2USER"),
    (0x1F, "KRB_AP_ERR_BAD_INTEGRITY"),
    (0x20, "KRB_AP_ERR_TKT_EXPIRED"),
    (0x21, "KRB_AP_ERR_TKT_NYV"),
    (0x22, "KRB_AP_ERR_REPEAT"),
    (0x23, "KRB_AP_ERR_NOT_US"),
    (0x24, "KRB_AP_ERR_BADMATCH"),
    (0x25, "KRB_AP_ERR_SKEW"),
    (0x26, "KRB_AP_ERR_BADADDR"),
    (0x27, "KRB_AP_ERR_BADVERSION"),
    (0x28, "KRB_AP_ERR_MSG_TYPE"),
    (0x29, "KRB_AP_ERR_MODIFIED"),
    (0x2A, "KRB_AP_ERR_BADORDER"),
    (0x2C, "KRB_AP_ERR_BADKEYVER"),
    (0x2D, "KRB_AP_ERR_NOKEY"),
    (0x2E, "KRB_AP_ERR_MUT_FAIL"),
    (0x2F, "KRB_AP_ERR_BADDIRECTION"),
    (0x30, "KRB_AP_ERR_METHOD"),
    (0x31, "KRB_AP_ERR_BADSEQ"),
    (0x32, "KRB_AP_ERR_INAPP_CKSUM"),
    (0x33, "KRB_AP_PATH_NOT_ACCEPTED"),
    (0x34, "KRB_ERR_RESPONSE_TOO_BIG"),
    (0x3C, "KRB_ERR_GENERIC"),
    (0x3D, "KRB_ERR_FIELD_TOOLONG"),
    (0x3E, "KDC_ERR_CLIENT_NOT_TRUSTED"),
    (0x3F, "KDC_ERR_KDC_NOT_TRUSTED"),
    (0x40, "KDC_ERR_INVALID_SIG"),
    (0x41, "KDC_ERR_KEY_TOO_WEAK"),
    (0x42, "KRB_AP_ERR_USER_TO_USER_REQUIRED"),
    (0x43, "KRB_AP_ERR_NO_TGT"),
    (0x44, "KDC_ERR_WRONG_REALM"),
];

static CATEGORIES: Words = &[
    (8272, "System"),
    (8273, "Logon/Logoff"),
    (8274, "Object Access"),
    (8275, "Privilege Use"),
    (8276, "Detailed Tracking"),
    (8277, "Policy Change"),
    (8278, "Account Management"),
    (8279, "DS Access"),
    (8280, "Account Logon"),
];

/// Sorted by number. The same numbers name the subcategory as `%%NNNNN` and the task of each audit event.
static SUBCATEGORIES: Words = &[
    (12288, "Security State Change"),
    (12289, "Security System Extension"),
    (12290, "System Integrity"),
    (12291, "IPsec Driver"),
    (12292, "Other System Events"),
    (12544, "Logon"),
    (12545, "Logoff"),
    (12546, "Account Lockout"),
    (12547, "IPsec Main Mode"),
    (12548, "Special Logon"),
    (12549, "IPsec Quick Mode"),
    (12550, "IPsec Extended Mode"),
    (12551, "Other Logon/Logoff Events"),
    (12552, "Network Policy Server"),
    (12553, "User / Device Claims"),
    (12554, "Group Membership"),
    (12800, "File System"),
    (12801, "Registry"),
    (12802, "Kernel Object"),
    (12803, "SAM"),
    (12804, "Other Object Access Events"),
    (12805, "Certification Services"),
    (12806, "Application Generated"),
    (12807, "Handle Manipulation"),
    (12808, "File Share"),
    (12809, "Filtering Platform Packet Drop"),
    (12810, "Filtering Platform Connection"),
    (12811, "Detailed File Share"),
    (12812, "Removable Storage"),
    (12813, "Central Policy Staging"),
    (13056, "Sensitive Privilege Use"),
    (13057, "Non Sensitive Privilege Use"),
    (13058, "Other Privilege Use Events"),
    (13312, "Process Creation"),
    (13313, "Process Termination"),
    (13314, "DPAPI Activity"),
    (13315, "RPC Events"),
    (13316, "Plug and Play Events"),
    (13317, "Token Right Adjusted Events"),
    (13568, "Audit Policy Change"),
    (13569, "Authentication Policy Change"),
    (13570, "Authorization Policy Change"),
    (13571, "MPSSVC Rule-Level Policy Change"),
    (13572, "Filtering Platform Policy Change"),
    (13573, "Other Policy Change Events"),
    (13824, "User Account Management"),
    (13825, "Computer Account Management"),
    (13826, "Security Group Management"),
    (13827, "Distribution Group Management"),
    (13828, "Application Group Management"),
    (13829, "Other Account Management Events"),
    (14080, "Directory Service Access"),
    (14081, "Directory Service Changes"),
    (14082, "Directory Service Replication"),
    (14083, "Detailed Directory Service Replication"),
    (14336, "Credential Validation"),
    (14337, "Kerberos Service Ticket Operations"),
    (14338, "Other Account Logon Events"),
    (14339, "Kerberos Authentication Service"),
];

static AUDIT_CHANGES: Words = &[
    (8448, "Success removed"),
    (8449, "Success Added"),
    (8450, "Failure removed"),
    (8451, "Failure Added"),
    (8452, "Success include removed"),
    (8453, "Success include added"),
    (8454, "Success exclude removed"),
    (8455, "Success exclude added"),
    (8456, "Failure include removed"),
    (8457, "Failure include added"),
    (8458, "Failure exclude removed"),
    (8459, "Failure exclude added"),
];

/// Layers of the filtering platform.
static LAYERS: Words = &[
    (14596, "IP Packet"),
    (14597, "Transport"),
    (14598, "Forward"),
    (14599, "Stream"),
    (14600, "Datagram Data"),
    (14601, "ICMP Error"),
    (14602, "MAC 802.3"),
    (14603, "MAC Native"),
    (14604, "vSwitch"),
    (14608, "Resource Assignment"),
    (14609, "Listen"),
    (14610, "Receive/Accept"),
    (14611, "Connect"),
    (14612, "Flow Established"),
    (14614, "Resource Release"),
    (14615, "Endpoint Closure"),
    (14616, "Connect Redirect"),
    (14617, "Bind Redirect"),
];

static ACCOUNT_FLAGS: Words = &[
    (0x1, "USER_ACCOUNT_DISABLED"),
    (0x2, "USER_HOME_DIRECTORY_REQUIRED"),
    (0x4, "USER_PASSWORD_NOT_REQUIRED"),
    (0x8, "USER_TEMP_DUPLICATE_ACCOUNT"),
    (0x10, "USER_NORMAL_ACCOUNT"),
    (0x20, "USER_MNS_LOGON_ACCOUNT"),
    (0x40, "USER_INTERDOMAIN_TRUST_ACCOUNT"),
    (0x80, "USER_WORKSTATION_TRUST_ACCOUNT"),
    (0x100, "USER_SERVER_TRUST_ACCOUNT"),
    (0x200, "USER_DONT_EXPIRE_PASSWORD"),
    (0x400, "USER_ACCOUNT_AUTO_LOCKED"),
    (0x800, "USER_ENCRYPTED_TEXT_PASSWORD_ALLOWED"),
    (0x1000, "USER_SMARTCARD_REQUIRED"),
    (0x2000, "USER_TRUSTED_FOR_DELEGATION"),
    (0x4000, "USER_NOT_DELEGATED"),
    (0x8000, "USER_USE_DES_KEY_ONLY"),
    (0x1_0000, "USER_DONT_REQUIRE_PREAUTH"),
    (0x2_0000, "USER_PASSWORD_EXPIRED"),
    (0x4_0000, "USER_TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION"),
    (0x8_0000, "USER_NO_AUTH_DATA_REQUIRED"),
    (0x10_0000, "USER_PARTIAL_SECRETS_ACCOUNT"),
    (0x20_0000, "USER_USE_AES_KEYS"),
];

/// The name of a task of the Security channel.
pub(super) fn task(number: u32) -> Option<&'static str> {
    word(SUBCATEGORIES, number)
}

fn word(words: Words, number: u32) -> Option<&'static str> {
    words.iter().find(|(other, _)| *other == number).map(|&(_, word)| word)
}

/// A number as Windows writes it: decimal, or hexadecimal behind `0x`.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    let hex = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"));
    let (digits, radix) = hex.map_or((text, 10), |hex| (hex, 16));
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0u32, |value, &byte| value.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?))
}

/// Most `%%NNNN` of one value put into words.
const PARAMETERS_MAX: usize = 64;

/// Puts each `%%NNNN` of a value into words.
fn parameters(writer: &mut EventWriter<'_>, from: FieldId, words: Words, to: FieldId) {
    let Some(span) = present(writer, from) else { return };
    let mut at = 0;
    for _ in 0..PARAMETERS_MAX {
        let rest = writer.bytes(span).get(at..).unwrap_or_default();
        let Some(found) = memchr::memmem::find(rest, b"%%") else { return };
        let digits = &rest[found + 2..];
        let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        at += found + 2 + len;
        if let Some(word) = number(&digits[..len]).and_then(|number| word(words, number)) {
            put(writer, to, word);
        }
    }
}

/// Puts each bit of a value into words.
fn bits(writer: &mut EventWriter<'_>, from: FieldId, words: Words, to: FieldId) {
    let Some(mask) = present(writer, from).and_then(|span| number(writer.bytes(span))) else { return };
    for &(bit, word) in words {
        if mask & bit != 0 {
            put(writer, to, word);
        }
    }
}

fn whole(writer: &mut EventWriter<'_>, from: FieldId, words: Words, to: FieldId) {
    let found = present(writer, from).and_then(|span| number(writer.bytes(span))).and_then(|code| word(words, code));
    if let Some(word) = found {
        put(writer, to, word);
    }
}

fn put(writer: &mut EventWriter<'_>, to: FieldId, word: &'static str) {
    writer.put_str_vendor(to, word);
}

/// Puts what an event of the Security channel numbers into words.
pub(super) fn normalise(writer: &mut EventWriter<'_>, ids: &Ids, event_id: u32) {
    match event_id {
        4656 | 4658 | 4660..=4663 | 4673 | 4674 | 4691 | 5140 | 5145 => {
            parameters(writer, ids.access_list, ACCESS, ids.access_list_description);
            bits(writer, ids.access_mask, MASK, ids.access_mask_description);
            parameters(writer, ids.access_mask, ACCESS, ids.access_mask_description);
        }
        4719 | 4912 => {
            parameters(writer, ids.category_id, CATEGORIES, ids.category);
            parameters(writer, ids.subcategory_id, SUBCATEGORIES, ids.subcategory);
            parameters(writer, ids.audit_policy_changes, AUDIT_CHANGES, ids.audit_policy_changes_description);
        }
        4720 | 4738 | 4741 | 4742 => bits(writer, ids.new_uac_value, ACCOUNT_FLAGS, ids.new_uac_list),
        4768..=4773 => {
            bits(writer, ids.ticket_options, TICKET_OPTIONS, ids.ticket_options_description);
            let (encryption, description) = (ids.ticket_encryption_type, ids.ticket_encryption_type_description);
            whole(writer, encryption, ENCRYPTION_TYPES, description);
            whole(writer, ids.status, KERBEROS_ERRORS, ids.status_description);
        }
        5150..=5159 => {
            parameters(writer, ids.layer_name, LAYERS, ids.layer_name_description);
            for (from, to) in [
                (ids.remote_user_id, ids.remote_user_description),
                (ids.remote_machine_id, ids.remote_machine_description),
            ] {
                if writer.first(from) == Some(b"S-1-0-0") {
                    put(writer, to, "Nobody");
                }
            }
        }
        _ => {}
    }
    // An event that says "no process" says so in the schema as well.
    if let Some((span, _)) = writer.first_span(ids.process_name).filter(|&(span, _)| writer.bytes(span) == b"-") {
        writer.put_span(crate::ecs::PROCESS_EXECUTABLE, span, Kind::Text, false);
        writer.put_span(crate::ecs::PROCESS_NAME, span, Kind::Text, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_windows_writes_them() {
        for (text, expected) in [
            ("0x12", Some(18)),
            ("18", Some(18)),
            ("0X1f", Some(31)),
            ("0x", None),
            ("", None),
            ("4294967296", None),
            ("1a", None),
        ] {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn no_number_has_two_words() {
        for words in
            [ACCESS, MASK, TICKET_OPTIONS, ENCRYPTION_TYPES, KERBEROS_ERRORS, CATEGORIES, SUBCATEGORIES, LAYERS]
        {
            for (at, (number, _)) in words.iter().enumerate() {
                assert!(words[at + 1..].iter().all(|(other, _)| other != number), "{number}");
            }
        }
    }
}
