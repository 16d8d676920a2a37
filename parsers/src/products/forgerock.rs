//! ForgeRock / Ping Identity Platform audit events (AM and IDM; "Log event reference", topics access, activity,
//! authentication, config), as the identity cloud's log API wraps them.

use super::json_table::How::{self, *};
use super::json_table::{Clock, Constants, JsonTable, Spec, put_constants, value};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::event::EventWriter;
use crate::number::parse_i64;
use crate::time::SECOND_NS;
use crate::{ecs, products};

/// `forgerock`.
pub(crate) static PRODUCT: Product = Product {
    name: "forgerock",
    title: "ForgeRock Identity Platform",
    document: "ForgeRock AM and IDM: audit log reference",
    namespace: "forgerock",
    module: "forgerock",
    dataset: "forgerock.am_access",
    vendor: "ForgeRock Identity Platform",
    names: NAMES,
    json: &[&TABLE],
    detect: &[
        Detect::Members(&["_id", "eventName", "topic", "transactionId"], read),
        Detect::Members(&["_id", "eventName", "timestamp", "transactionId"], read),
    ],
    ..Product::NONE
};

vendor_names! {
    topic = "topic";
    elapsed = "response.elapsedTime";
    units = "response.elapsedTimeUnits";
    @also
    "transactionId" "realm" "trackingIds" "objectId" "changedFields" "revision" "principal" "entries.moduleId"
    "entries.info.authLevel" "entries.info.ipAddress" "request.protocol" "request.operation" "http.request.headers.host"
    "http.request.headers.user-agent" "roles" "method" "source" "level"
}

/// The words that answer a request.
const RESULTS: How =
    Map(&[("SUCCESSFUL", "success"), ("SUCCESS", "success"), ("FAILED", "failure"), ("FAILURE", "failure")]);

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::FORGEROCK,
    time: &[("timestamp", Clock::IsoUtc)],
    rows: &[
        ("_id", ecs::EVENT_ID, Text),
        ("eventName", ecs::EVENT_ACTION, Text),
        ("operation", ecs::EVENT_REASON, Text),
        ("result", ecs::EVENT_OUTCOME, RESULTS),
        ("status", ecs::EVENT_OUTCOME, RESULTS),
        ("response.status", ecs::EVENT_OUTCOME, RESULTS),
        ("client.ip", ecs::CLIENT_IP, Ip),
        ("client.port", ecs::CLIENT_PORT, Port),
        ("server.ip", ecs::SERVER_IP, Ip),
        ("http.request.method", ecs::HTTP_REQUEST_METHOD, Text),
        ("http.request.path", ecs::URL_FULL, Text),
        ("response.statusCode", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("component", ecs::SERVICE_NAME, Text),
        ("userId", ecs::USER_ID, Text),
        ("runAs", ecs::USER_EFFECTIVE_ID, Text),
        ("message", ecs::MESSAGE, Text),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    let meaning: Constants = match writer.first(ids.topic) {
        Some(b"access") => &[(ecs::EVENT_TYPE, "access")],
        Some(b"authentication") => &[(ecs::EVENT_CATEGORY, "authentication")],
        Some(b"config") => &[(ecs::EVENT_CATEGORY, "configuration")],
        _ => &[],
    };
    put_constants(writer, meaning);
    let unit_ns = match writer.first(ids.units) {
        Some(b"SECONDS") => SECOND_NS,
        Some(b"MICROSECONDS") => 1000,
        Some(b"NANOSECONDS") => 1,
        _ => 1_000_000,
    };
    let elapsed = value(writer, ids.elapsed).and_then(|span| parse_i64(writer.bytes(span)));
    if let Some(duration_ns) = elapsed.and_then(|elapsed| elapsed.checked_mul(unit_ns)) {
        writer.put_i64(ecs::EVENT_DURATION, duration_ns);
    }
    true
}
