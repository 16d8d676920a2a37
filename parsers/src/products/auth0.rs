//! Auth0 tenant logs (Auth0 Docs: Log Event Type Codes, Log Schemas), alone or within a log stream's `data`.

use super::json_table::How::*;
use super::json_table::{Clock, Constants, JsonTable, Spec};
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `auth0`.
pub(crate) static PRODUCT: Product = Product {
    name: "auth0",
    title: "Auth0 tenant logs",
    document: "Auth0 Docs: log event type codes and log schemas",
    namespace: "auth0.logs",
    module: "auth0",
    dataset: "auth0.logs",
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["log_id", "date", "type"], read),
        Detect::Members(&["log_id", "type", "client_id", "ip"], read),
    ],
    ..Product::NONE
};

const A: crate::dictionary::FieldId = ecs::EVENT_ACTION;
const C: crate::dictionary::FieldId = ecs::EVENT_CATEGORY;
const T: crate::dictionary::FieldId = ecs::EVENT_TYPE;
const O: crate::dictionary::FieldId = ecs::EVENT_OUTCOME;
const L: crate::dictionary::FieldId = ecs::LOG_LEVEL;

/// An event that succeeded, by its description.
macro_rules! ok {
    ($action:literal $(, $id:ident = $word:literal)*) => {
        &[(A, $action), (O, "success"), (L, "info") $(, ($id, $word))*]
    };
}

/// An event that failed.
macro_rules! failed {
    ($action:literal $(, $id:ident = $word:literal)*) => {
        &[(A, $action), (O, "failure"), (L, "error") $(, ($id, $word))*]
    };
}

/// An event that is neither.
macro_rules! told {
    ($action:literal $(, $id:ident = $word:literal)*) => {
        &[(A, $action), (O, "unknown"), (L, "info") $(, ($id, $word))*]
    };
}

/// The type codes, by the documentation's list.
const TYPES: &[(&str, Constants)] = &[
    ("admin_update_launch", ok!("auth0-update-launched", C = "configuration", T = "change")),
    ("api_limit", failed!("rate-limit-on-auth-api", C = "network")),
    ("api_limit_warning", told!("rate-limit-on-auth-api-warning", C = "network")),
    ("cls", ok!("passwordless-code-link-sent")),
    ("cs", ok!("passwordless-code-sent")),
    ("depnote", told!("deprecation-notice")),
    ("du", ok!("deleted-user", C = "iam", T = "user", T = "deletion")),
    ("f", failed!("failed-login")),
    ("fapi", failed!("failed-api-operation", C = "web")),
    ("fc", failed!("failed-by-connector")),
    ("fce", failed!("failed-to-change-user-email", C = "iam", T = "user", T = "change")),
    ("fco", failed!("failed-by-cors", C = "web")),
    ("fcoa", failed!("failed-cross-origin-auth")),
    ("fcp", failed!("failed-to-change-password", C = "iam", T = "user", T = "change")),
    ("fcph", failed!("failed-post-change-password-hook")),
    ("fcpn", failed!("failed-to-change-phone-number", C = "iam", T = "user", T = "change")),
    ("fcpr", failed!("failed-change-password-request", C = "iam", T = "user", T = "change")),
    ("fcpro", failed!("failed-to-provision-ad-ldap-connector")),
    ("fcu", failed!("failed-to-change-username", C = "iam", T = "user", T = "change")),
    ("fd", failed!("failed-to-generate-delegation-token")),
    ("fdeac", failed!("failed-to-activate-device")),
    ("fdeaz", failed!("device-authorization-request-failed")),
    ("fdecc", failed!("user-canceled-device-confirmation")),
    ("fdu", failed!("failed-user-deletion", C = "iam", T = "user", T = "deletion")),
    (
        "feacft",
        failed!(
            "failed-to-exchange-auth-code-for-access-token",
            C = "network",
            C = "web",
            T = "protocol",
            T = "access"
        ),
    ),
    (
        "feccft",
        failed!(
            "failed-exchange-of-access-token-for-client-credentials",
            C = "network",
            C = "web",
            T = "protocol",
            T = "access"
        ),
    ),
    (
        "fede",
        failed!(
            "failed-to-exchange-device-code-for-access-token",
            C = "network",
            C = "web",
            T = "protocol",
            T = "access"
        ),
    ),
    ("fens", failed!("failed-exchange-of-native-social-login")),
    ("feoobft", failed!("failed-to-exchange-password-and-oob-challenge-for-access-token")),
    ("feotpft", failed!("failed-to-exchange-password-and-otp-challenge-for-access-token")),
    ("fepft", failed!("failed-to-exchange-password-for-access-token")),
    ("fepotpft", failed!("failed-to-exchange-passwordless-otp-for-access-token")),
    ("fercft", failed!("failed-to-exchange-password-and-mfa-recovery-code-for-access-token")),
    ("fertft", failed!("failed-to-exchange-refresh-token-for-access-token")),
    ("ferrt", failed!("failed-exchange-of-rotating-refresh-token")),
    ("fi", failed!("failed-to-accept-user-invite")),
    ("flo", failed!("user-logout-failed", C = "session", T = "end")),
    ("fn", failed!("failed-to-send-email-notification")),
    ("fp", failed!("incorrect-password")),
    ("fs", failed!("failed-signup")),
    ("fsa", failed!("failed-silent-auth")),
    ("fu", failed!("invalid-email-or-username")),
    ("fui", failed!("failed-to-import-users", C = "iam", T = "user", T = "creation")),
    ("fv", failed!("failed-to-send-verification-email")),
    ("fvr", failed!("failed-to-process-verification-email-request")),
    ("gd_auth_failed", failed!("mfa-auth-failed")),
    ("gd_auth_rejected", failed!("user-rejected-mfa-request")),
    ("gd_auth_succeed", ok!("mfa-auth-success")),
    ("gd_enrollment_complete", ok!("mfa-enrollment-complete")),
    ("gd_otp_rate_limit_exceed", failed!("too-many-otp-failures")),
    ("gd_recovery_failed", failed!("recovery-failed")),
    ("gd_recovery_succeed", ok!("recovery-success")),
    ("gd_send_email", ok!("mfa-email-sent")),
    ("gd_send_pn", ok!("push-notification-sent")),
    ("gd_send_sms", ok!("sms-sent")),
    ("gd_start_auth", told!("second-factor-auth-started")),
    ("gd_start_enroll", told!("mfa-enroll-started")),
    ("gd_unenroll", ok!("device-used-for-second-factor-auth-unenrolled")),
    ("gd_update_device_account", ok!("device-used-for-second-factor-auth-updated")),
    ("limit_delegation", failed!("too-many-calls-to-delegation")),
    ("limit_mu", failed!("blocked-ip-address")),
    ("limit_sul", failed!("blocked-user-account")),
    ("limit_wc", failed!("blocked-account")),
    ("mfar", told!("mfa-required")),
    ("mgmt_api_read", ok!("success-mgmt-api-op-secrets-returned", C = "web", C = "iam", T = "access")),
    ("pla", told!("pre-login-assessment")),
    ("pwd_leak", failed!("breached-password")),
    ("s", ok!("successful-login", C = "session", T = "start")),
    ("sapi", ok!("success-mgmt-api-op", C = "web", C = "iam", T = "access", T = "change")),
    ("sce", ok!("change-user-email-success", C = "iam", T = "user", T = "change")),
    ("scoa", ok!("cross-origin-auth-success")),
    ("scp", ok!("change-password-success", C = "iam", T = "user", T = "change")),
    ("scph", ok!("post-change-password-hook-success")),
    ("scpn", ok!("change-phone-number-success", C = "iam", T = "user", T = "change")),
    ("scpr", ok!("change-password-request-success", C = "iam", T = "user", T = "change")),
    ("scu", ok!("change-username-success", C = "iam", T = "user", T = "change")),
    ("sd", ok!("delegation-success")),
    ("sdu", ok!("user-deletion-success", C = "iam", T = "user", T = "deletion")),
    (
        "seacft",
        ok!("success-exchange-auth-code-for-access-token", C = "network", C = "web", T = "protocol", T = "access"),
    ),
    (
        "seccft",
        ok!(
            "success-exchange-client-credentials-for-access-token",
            C = "network",
            C = "web",
            T = "protocol",
            T = "access"
        ),
    ),
    (
        "sede",
        ok!("success-exchange-device-code-for-access-token", C = "network", C = "web", T = "protocol", T = "access"),
    ),
    ("sens", ok!("native-social-login")),
    ("seoobft", ok!("success-exchange-password-and-oob-challenge-for-access-token")),
    ("seotpft", ok!("success-exchange-password-and-otp-challenge-for-access-token")),
    ("sepft", ok!("success-exchange-password-for-access-token")),
    ("sercft", ok!("success-exchange-password-and-mfa-recovery-code-for-access-token")),
    ("sertft", ok!("success-exchange-refresh-token-for-access-token")),
    ("signup_pwd_leak", failed!("breached-password-on-signup")),
    ("si", ok!("success-accept-user-invite")),
    ("slo", ok!("user-logout-successful", C = "session", T = "end")),
    ("srrt", ok!("success-revoke-refresh-token")),
    ("ss", told!("success-signup")),
    ("ssa", ok!("success-silent-auth")),
    ("sui", ok!("user-import-success", C = "iam", T = "user", T = "creation")),
    ("sv", ok!("sent-verification-email", C = "iam", T = "user")),
    ("svr", ok!("success-verification-email-request")),
    ("sys_os_update_end", told!("auth0-os-update-ended")),
    ("sys_os_update_start", told!("auth0-os-update-started")),
    ("sys_update_end", told!("auth0-update-ended")),
    ("sys_update_start", told!("auth0-update-started")),
    ("ublkdu", told!("user-login-block-released")),
    ("w", told!("warnings-during-login")),
];

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::AUTH0,
    log_source: logsource::AUTH0,
    constants: &[(ecs::EVENT_KIND, "event"), (C, "authentication"), (T, "info")],
    time: &[("date", Clock::IsoUtc)],
    rows: &[
        ("log_id", ecs::EVENT_ID, Text),
        ("_id", ecs::EVENT_ID, Text),
        ("type", A, OnlyMeans(TYPES)),
        ("type", A, Text),
        ("description", ecs::MESSAGE, Text),
        ("ip", ecs::SOURCE_IP, Ip),
        ("user_id", ecs::USER_ID, Text),
        ("user_name", ecs::USER_NAME, User),
        ("user_agent", ecs::USER_AGENT_ORIGINAL, Text),
        ("details.request.method", ecs::HTTP_REQUEST_METHOD, Text),
        ("details.request.path", ecs::URL_PATH, Text),
        ("details.response.statusCode", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
    ],
    also: &[
        "client_id",
        "client_name",
        "connection",
        "connection_id",
        "strategy",
        "strategy_type",
        "hostname",
        "audience",
        "scope",
        "isMobile",
        "details.error.message",
        "details.error.type",
        "location_info.country_code",
        "location_info.city_name",
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    match writer.first(ecs::SOURCE_IP) {
        Some(ip) if ip.contains(&b':') => writer.put_str(ecs::NETWORK_TYPE, "ipv6"),
        Some(_) => writer.put_str(ecs::NETWORK_TYPE, "ipv4"),
        None => {}
    }
    true
}
