//! What the messages of SonicOS tell, by the ids of the Log Events Reference Guide.

/// A kind of message in the schema's words; actions as Elastic's integration names them.
pub(super) struct Class {
    pub(super) action: &'static str,
    pub(super) kind: &'static str,
    pub(super) category: &'static str,
    pub(super) types: &'static [&'static str],
    pub(super) outcome: &'static str,
}

const fn event(
    action: &'static str,
    category: &'static str,
    types: &'static [&'static str],
    outcome: &'static str,
) -> Class {
    Class { action, kind: "event", category, types, outcome }
}

static OPENED: Class = event("connection-start", "network", &["connection", "start"], "success");
static CLOSED: Class = event("connection-end", "network", &["connection", "end"], "success");
static DENIED: Class = event("connection-denied", "network", &["connection", "denied"], "success");
static FORWARDED: Class = event("packet-forwarded", "network", &["connection", "allowed"], "success");
static MANAGED: Class = event("packet-management", "network", &["connection", "allowed"], "success");
static LOGIN: Class = event("login-success", "authentication", &["start", "info"], "success");
static LOGIN_FAILED: Class = event("login-failure", "authentication", &["start", "info"], "failure");
static LOGOUT: Class = event("logout", "authentication", &["end", "info"], "success");
static SESSION: Class = event("session-start", "session", &["start"], "success");
static SESSION_END: Class = event("session-end", "session", &["end"], "success");
static CHANGED: Class = event("config-change", "configuration", &["change"], "success");
static CHANGE_FAILED: Class = event("config-change", "configuration", &["change"], "failure");
static LOG_FAILED: Class = event("internal-log-failure", "host", &["info"], "failure");
static ATTACK: Class = Class {
    action: "attack-detected",
    kind: "alert",
    category: "intrusion_detection",
    types: &["info"],
    outcome: "success",
};
static PREVENTED: Class = Class {
    action: "attack-prevented",
    kind: "alert",
    category: "intrusion_detection",
    types: &["denied"],
    outcome: "success",
};
static VIRUS: Class = Class {
    action: "virus-detected",
    kind: "alert",
    category: "malware",
    types: &["info", "denied"],
    outcome: "success",
};

/// By `m`, the id of the message.
pub(super) fn class(message: u64) -> Option<&'static Class> {
    Some(match message {
        98 => &OPENED,
        537 => &CLOSED,
        // Sites, cookies and applets blocked; packets and connections dropped.
        14 | 16 | 17 | 18 | 19 | 20 | 21 | 28 | 36 | 37 | 38 | 39 | 40 | 41 | 42 | 43 | 46 | 47 | 48 | 60 | 61 | 62 => {
            &DENIED
        }
        173 | 174 | 175 | 347 | 522 | 523 | 524 | 533 | 534 | 535 | 536 | 597 | 598 | 599 | 616 => &DENIED,
        646 | 647 | 648 | 708..=714 | 734..=737 | 760 | 901 => &DENIED,
        1197..=1201 | 1254 | 1257 | 1302 | 1303 | 1447 | 1460..=1462 | 1473..=1476 => &DENIED,
        22 | 23 | 25 | 27 | 70 | 81 | 82 | 83 | 177 | 178 | 179 | 229 | 267 | 428 | 446 | 527 | 528 | 529 | 580
        | 583 => &ATTACK,
        606 | 608 | 789 | 794 | 856 | 857 | 858 | 860 | 864 | 866 | 867 | 897 | 898 | 899 | 900 | 1154 => &ATTACK,
        1213 | 1214 | 1366 | 1369 | 1387 | 1450 | 1451 | 1452 | 1480 => &ATTACK,
        609 | 790 | 793 | 795 | 796 | 1155 | 1158 | 1373..=1376 => &PREVENTED,
        123 | 124 | 125 | 159 | 809 | 810 | 1559 => &VIRUS,
        29 | 31 | 199 | 235 | 236 | 237 | 238 | 328 | 1080 => &LOGIN,
        30 | 32 | 33 | 34 | 35 | 200 | 243 | 244 | 245 | 246 | 329 | 438 | 486 | 549 | 550 | 557 | 558 | 559 => {
            &LOGIN_FAILED
        }
        745..=759 | 986 | 987 | 1011 | 1048 | 1073..=1075 | 1081 | 1117..=1119 | 1243 => &LOGIN_FAILED,
        24 | 261..=265 | 1008 | 1024 | 1153 => &LOGOUT,
        994 | 996 | 997 => &SESSION,
        995 | 998 => &SESSION_END,
        340 | 341 | 1382 | 1432 => &CHANGED,
        1383 | 1433 => &CHANGE_FAILED,
        1107 => &LOG_FAILED,
        526 => &MANAGED,
        1235 => &FORWARDED,
        _ => return None,
    })
}

/// By `fw_action`, what was done with the packet.
pub(super) fn class_of_verdict(verdict: &[u8]) -> Option<&'static Class> {
    Some(match verdict {
        b"drop" => &DENIED,
        b"forward" => &FORWARDED,
        b"mgmt" => &MANAGED,
        _ => return None,
    })
}

/// By `c`, the legacy category: a bit mask of which one is set.
pub(super) fn class_of_category(category: u64) -> Option<&'static Class> {
    Some(match category {
        // Blocked sites and code; dropped TCP, UDP and ICMP, from the WAN and from the LAN.
        4 | 8 | 64 | 128 | 256 | 2048 | 4096 | 8192 => &DENIED,
        32 => &ATTACK,
        _ => return None,
    })
}
