//! What each audit record type means in ECS.
//!
//! The actions are the words that go-libaudit's normalisation gave them and that Auditbeat
//! and Elastic's integration share. Types not here take their own name in lower case.

use crate::ecs;
use crate::event::EventWriter;

/// Action, categories and types of a record type.
pub(super) struct Meaning {
    pub(super) action: &'static str,
    pub(super) categories: &'static [&'static str],
    pub(super) types: &'static [&'static str],
}

impl Meaning {
    pub(super) fn write(&self, writer: &mut EventWriter<'_>) {
        writer.put_str(ecs::EVENT_ACTION, self.action);
        for category in self.categories {
            writer.put_str(ecs::EVENT_CATEGORY, category);
        }
        for kind in self.types {
            writer.put_str(ecs::EVENT_TYPE, kind);
        }
    }
}

macro_rules! meanings {
    ($($name:literal = $action:literal [$($category:literal)*] [$($kind:literal)*];)*) => {
        /// The meaning of a record type.
        pub(super) fn of(name: &[u8]) -> Option<&'static Meaning> {
            $(
                if name == $name.as_bytes() {
                    static MEANING: Meaning =
                        Meaning { action: $action, categories: &[$($category),*], types: &[$($kind),*] };
                    return Some(&MEANING);
                }
            )*
            None
        }
    };
}

meanings! {
    "SYSCALL" = "syscall" ["process"] ["info"];
    "USER_AUTH" = "authenticated" ["authentication"] ["info"];
    "USER_ACCT" = "was-authorized" ["authentication"] ["info"];
    "USER_LOGIN" = "logged-in" ["authentication"] ["start"];
    "USER_LOGOUT" = "logged-out" ["authentication"] ["end"];
    "LOGIN" = "changed-login-id-to" ["authentication"] ["start"];
    "USER_START" = "started-session" ["session"] ["start"];
    "USER_END" = "ended-session" ["session"] ["end"];
    "USER_ERR" = "error" ["authentication"] ["info"];
    "USER_CMD" = "ran-command" ["process"] ["start"];
    "CRED_ACQ" = "acquired-credentials" ["authentication"] ["info"];
    "CRED_DISP" = "disposed-credentials" ["authentication"] ["info"];
    "CRED_REFR" = "refreshed-credentials" ["authentication"] ["info"];
    "USER_CHAUTHTOK" = "changed-password" ["iam"] ["user" "change"];
    "USER_MGMT" = "modified-user-account" ["iam"] ["user" "change"];
    "ADD_USER" = "added-user-account" ["iam"] ["user" "creation"];
    "DEL_USER" = "deleted-user-account" ["iam"] ["user" "deletion"];
    "ADD_GROUP" = "added-group-account-to" ["iam"] ["group" "creation"];
    "DEL_GROUP" = "deleted-group-account-from" ["iam"] ["group" "deletion"];
    "GRP_MGMT" = "modified-group-account" ["iam"] ["group" "change"];
    "GRP_CHAUTHTOK" = "changed-group-password" ["iam"] ["group" "change"];
    "ACCT_LOCK" = "locked-account" ["iam"] ["user" "change"];
    "ACCT_UNLOCK" = "unlocked-account" ["iam"] ["user" "change"];
    "ROLE_ASSIGN" = "assigned-user-role-to" ["iam"] ["user" "change"];
    "ROLE_REMOVE" = "removed-user-role-from" ["iam"] ["user" "change"];
    "SERVICE_START" = "started-service" ["process"] ["start"];
    "SERVICE_STOP" = "stopped-service" ["process"] ["end"];
    "SYSTEM_BOOT" = "booted-system" ["host"] ["info"];
    "SYSTEM_SHUTDOWN" = "shutdown-system" ["host"] ["info"];
    "SYSTEM_RUNLEVEL" = "changed-to-runlevel" ["host"] ["change"];
    "DAEMON_START" = "started-audit" ["process"] ["start"];
    "DAEMON_END" = "shutdown-audit" ["process"] ["end"];
    "DAEMON_ABORT" = "aborted-auditd-startup" ["process"] ["end"];
    "DAEMON_CONFIG" = "changed-auditd-configuration" ["process" "configuration"] ["change"];
    "CONFIG_CHANGE" = "changed-audit-configuration" ["process" "configuration"] ["change"];
    "USYS_CONFIG" = "changed-configuration" ["configuration"] ["change"];
    "CRYPTO_SESSION" = "started-crypto-session" ["process"] ["info"];
    "CRYPTO_KEY_USER" = "negotiated-crypto-key" ["process"] ["info"];
    "CRYPTO_LOGIN" = "crypto-officer-logged-in" ["process"] ["info"];
    "CRYPTO_LOGOUT" = "crypto-officer-logged-out" ["process"] ["info"];
    "VIRT_CONTROL" = "issued-vm-control" ["host"] ["creation"];
    "VIRT_MACHINE_ID" = "assigned-vm-id" ["host"] ["creation"];
    "VIRT_RESOURCE" = "assigned-vm-resource" ["host"] ["change"];
    "KERN_MODULE" = "loaded-kernel-module" ["driver"] ["start"];
    "NETFILTER_CFG" = "loaded-firewall-rule-to" ["configuration"] ["change"];
    "MAC_POLICY_LOAD" = "loaded-selinux-policy" ["configuration"] ["access"];
    "MAC_STATUS" = "changed-selinux-enforcement" ["configuration"] ["change"];
    "MAC_CONFIG_CHANGE" = "changed-selinux-boolean" ["configuration"] ["change"];
    "TTY" = "typed" ["process"] ["info"];
    "USER_TTY" = "typed" ["process"] ["info"];
    "SECCOMP" = "violated-seccomp-policy" ["process"] ["info"];
    "ANOM_ABEND" = "crashed-program" ["process"] ["end"];
    "ANOM_PROMISCUOUS" = "changed-promiscuous-mode-on-device" ["network"] ["info"];
    "ANOM_LOGIN_FAILURES" = "failed-log-in-too-many-times-to" ["authentication"] ["info"];
    "ANOM_LOGIN_ACCT" = "attempted-log-in-to-locked-account" ["authentication"] ["info"];
    "ANOM_LOGIN_LOCATION" = "attempted-log-in-from-unusual-place-to" ["authentication"] ["info"];
    "ANOM_LOGIN_TIME" = "attempted-log-in-during-unusual-hour-to" ["authentication"] ["info"];
    "SOFTWARE_UPDATE" = "package-updated" ["package"] ["change"];
}
