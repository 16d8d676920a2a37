//! Kubernetes audit events (`audit.k8s.io/v1`).

use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Spec};
use super::names::vendor_names;
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_KIND, EVENT_TYPE};
use crate::event::EventWriter;
use crate::number::parse_u64;
use crate::time::take_iso;
use crate::{ecs, logsource, products};

/// `kubernetes_audit`.
pub(crate) static PRODUCT: Product = Product {
    name: "kubernetes_audit",
    title: "Kubernetes audit",
    document: "Kubernetes: Auditing; kube-apiserver Audit Configuration (v1), Event",
    namespace: "kubernetes.audit",
    module: "kubernetes",
    dataset: "kubernetes.audit_logs",
    names: NAMES,
    json: &[&TABLE],
    detect: &[Detect::Members(&["auditID", "verb", "requestURI"], read)],
    ..Product::NONE
};

// Sigma's rules for Kubernetes speak these names.
vendor_names! {
    status = "responseStatus.code";
    received = "requestReceivedTimestamp";
    stage_time = "stageTimestamp";
    decision = "annotations.authorization.k8s.io/decision";
    @also
    "kind" "apiVersion" "level" "stage" "user.groups" "user.extra" "impersonatedUser.groups" "objectRef.apiGroup"
    "objectRef.resourceVersion" "objectRef.subresource" "objectRef.uid" "responseStatus.status"
    "responseStatus.reason" "responseStatus.metadata" "requestObject" "responseObject" "requestObject.kind"
    "requestObject.metadata.name" "requestObject.metadata.namespace" "requestObject.spec.containers.image"
    "requestObject.spec.containers.securityContext.privileged" "requestObject.spec.hostNetwork"
    "requestObject.spec.hostPID" "requestObject.roleRef.name" "requestObject.subjects.name" "hostPath" "capabilities"
    "annotations" "annotations.authorization.k8s.io/reason"
}

static TABLE: JsonTable = JsonTable::new(Spec {
    product: products::KUBERNETES_AUDIT,
    log_source: logsource::KUBERNETES_AUDIT,
    constants: &[(EVENT_KIND, "event"), (ecs::ORCHESTRATOR_TYPE, "kubernetes")],
    time: &[
        ("requestReceivedTimestamp", Clock::IsoUtc),
        ("stageTimestamp", Clock::IsoUtc),
        ("timestamp", Clock::IsoUtc),
    ],
    rows: &[
        ("auditID", ecs::EVENT_ID, Text),
        (
            "verb",
            ecs::EVENT_ACTION,
            Means(&[
                ("create", &[(EVENT_TYPE, "creation")]),
                ("update", &[(EVENT_TYPE, "change")]),
                ("patch", &[(EVENT_TYPE, "change")]),
                ("delete", &[(EVENT_TYPE, "deletion")]),
                ("deletecollection", &[(EVENT_TYPE, "deletion")]),
                ("get", &[(EVENT_TYPE, "access")]),
                ("list", &[(EVENT_TYPE, "access")]),
                ("watch", &[(EVENT_TYPE, "access")]),
            ]),
        ),
        ("requestURI", ecs::URL_ORIGINAL, Url),
        ("user.username", ecs::USER_NAME, User),
        ("user.uid", ecs::USER_ID, Text),
        ("impersonatedUser.username", ecs::USER_EFFECTIVE_NAME, User),
        ("impersonatedUser.uid", ecs::USER_EFFECTIVE_ID, Text),
        ("sourceIPs", ecs::SOURCE_IP, Ip),
        ("sourceIPs", ecs::RELATED_IP, Set),
        ("userAgent", ecs::USER_AGENT_ORIGINAL, Text),
        ("objectRef.resource", ecs::ORCHESTRATOR_RESOURCE_TYPE, Text),
        ("objectRef.name", ecs::ORCHESTRATOR_RESOURCE_NAME, Text),
        ("objectRef.namespace", ecs::ORCHESTRATOR_NAMESPACE, Text),
        ("objectRef.apiVersion", ecs::ORCHESTRATOR_API_VERSION, Text),
        ("responseStatus.code", ecs::HTTP_RESPONSE_STATUS_CODE, Number),
        ("responseStatus.message", ecs::MESSAGE, Text),
        ("responseStatus.reason", ecs::EVENT_REASON, Text),
        (
            "annotations.authorization.k8s.io/decision",
            EVENT_TYPE,
            OnlyMeans(&[("allow", &[(EVENT_TYPE, "allowed")]), ("forbid", &[(EVENT_TYPE, "denied")])]),
        ),
    ],
    ..Spec::NONE
});

fn read(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    TABLE.apply(writer, context);
    let ids = ids();
    if let Some(code) = writer.first(ids.status).and_then(parse_u64) {
        writer.put_str(ecs::EVENT_OUTCOME, if code < 400 { "success" } else { "failure" });
    } else if writer.first(ids.decision) == Some(b"forbid") {
        writer.put_str(ecs::EVENT_OUTCOME, "failure");
    }
    let instant = |writer: &EventWriter<'_>, id| {
        let (stamp, _) = take_iso(writer.first(id)?)?;
        stamp.civil.at_offset(stamp.offset_s.unwrap_or(0))
    };
    if let (Some(from), Some(to)) = (instant(writer, ids.received), instant(writer, ids.stage_time)) {
        writer.put_i64(ecs::EVENT_DURATION, to.saturating_sub(from));
    }
    true
}
