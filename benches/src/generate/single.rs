//! Formats that are measured alone and have no share of the mixed stream: PAN-OS traffic (PAN-OS Administrator's Guide
//! 11.1, "Traffic Log Fields"), AWS CloudTrail records (CloudTrail User Guide, "CloudTrail record contents"), and the short
//! form of a FortiGate session, 24 fields, as `set brief-traffic-format` writes it.

use super::put::{Guid, Hex, put};
use super::scene::Scene;
use super::world;

/// `2026/11/23 10:00:00`, as PAN-OS writes a time.
fn slashed(out: &mut Vec<u8>, scene: &Scene<'_>) {
    let date = scene.stamp.date();
    put!(out; &date[..4], "/", &date[5..7], "/", &date[8..10], " ", scene.stamp.time());
}

pub(crate) fn write_panos(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (inside, remote, user) = (scene.inside(), scene.outside_v4(), scene.user());
    let (port, nat_port, unit) = (scene.port(), scene.port(), scene.rng.range(1, 4));
    let (sent, received) = (scene.rng.size(20), scene.rng.size(24));
    let app = scene.rng.pick(&["ssl", "web-browsing", "dns", "ms-update", "zoom-base"]);
    let end = scene.rng.pick(&["tcp-fin", "tcp-rst-from-client", "tcp-rst-from-server", "aged-out"]);
    put!(out; "<14>", scene.stamp.bsd, " pa-dc-", unit, " 1,");
    slashed(out, scene);
    put!(out; ",01990000000", unit, ",TRAFFIC,end,2816,");
    slashed(out, scene);
    put!(out; ",", inside, ",", remote, ",", world::public(unit), ",", remote, ",staff to internet,bank\\", user, ",,", app,
        ",vsys1,trust,untrust,ethernet1/2,ethernet1/1,to-siem,");
    slashed(out, scene);
    put!(out; ",", 100_000 + scene.serial, ",1,", port, ",443,", nat_port, ",443,0x40001c,tcp,allow,", sent + received, ",", sent, ",", received,
        ",", sent / 900 + received / 1_200 + 2, ",");
    slashed(out, scene);
    put!(out; ",", scene.rng.range(0, 600), ",business-and-economy,,", 7_300_000_000_000_000_000 + scene.serial,
        ",0x8000000000000000,10.0.0.0-10.255.255.255,Japan,,", sent / 900 + 1, ",", received / 1_200 + 1, ",", end,
        ",11,0,0,0,,pa-dc-", unit, ",from-policy,,,0,,0,,N/A,0,0,0,0,", Guid(0x5c0e_7b1a, unit), ",0");
}

pub(crate) fn write_cloudtrail(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (user, remote) = (scene.user(), scene.outside_v4());
    let account = 111_100_000_000 + scene.rng.range(1, 40);
    let calls = [
        ("ec2.amazonaws.com", "DescribeInstances", "true"),
        ("s3.amazonaws.com", "GetBucketPolicy", "true"),
        ("sts.amazonaws.com", "AssumeRole", "true"),
        ("iam.amazonaws.com", "ListUsers", "true"),
        ("kms.amazonaws.com", "Decrypt", "true"),
        ("ec2.amazonaws.com", "RunInstances", "false"),
    ];
    let (source, name, read_only) = calls[scene.rng.below(calls.len() as u64) as usize];
    let (one, two) = (scene.rng.draw(), scene.rng.draw());
    put!(out; "{\"eventVersion\":\"1.10\",\"userIdentity\":{\"type\":\"AssumedRole\",\"principalId\":\"AROA", Hex(one, 16), ":", user,
        "\",\"arn\":\"arn:aws:sts::", account, ":assumed-role/operator/", user, "\",\"accountId\":\"", account, "\",\"accessKeyId\":\"ASIA", Hex(two, 16),
        "\",\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\",\"principalId\":\"AROA", Hex(one, 16), "\",\"arn\":\"arn:aws:iam::", account,
        ":role/operator\",\"accountId\":\"", account, "\",\"userName\":\"operator\"},\"attributes\":{\"creationDate\":\"", scene.stamp.iso,
        "Z\",\"mfaAuthenticated\":\"true\"}}},\"eventTime\":\"", scene.stamp.iso, "Z\",\"eventSource\":\"", source, "\",\"eventName\":\"", name,
        "\",\"awsRegion\":\"ap-northeast-1\",\"sourceIPAddress\":\"", remote, "\",\"userAgent\":\"aws-cli/2.27.1 md/awscrt#0.26.1 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.13.3\"",
        ",\"requestParameters\":{\"filterSet\":{\"items\":[{\"name\":\"vpc-id\",\"valueSet\":{\"items\":[{\"value\":\"vpc-", Hex(two, 12), "\"}]}}]},\"maxResults\":100}",
        ",\"responseElements\":null,\"requestID\":\"", Guid(one, two), "\",\"eventID\":\"", Guid(two, one),
        "\",\"readOnly\":", read_only, ",\"eventType\":\"AwsApiCall\",\"managementEvent\":true,\"recipientAccountId\":\"", account,
        "\",\"eventCategory\":\"Management\",\"tlsDetails\":{\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\",\"clientProvidedHostHeader\":\"", source, "\"}}");
}

pub(crate) fn write_fortigate_brief(out: &mut Vec<u8>, scene: &mut Scene<'_>) {
    let (inside, remote, port, unit) = (scene.inside(), scene.outside_v4(), scene.port(), scene.rng.range(1, 4));
    let (sent, received) = (scene.rng.size(20), scene.rng.size(24));
    put!(out; "<189>date=", scene.stamp.date(), " time=", scene.stamp.time(), " devname=\"FGT-DC-0", unit, "\" devid=\"FG200FTK2290000", unit,
        "\" eventtime=", scene.stamp.ns, " tz=\"+0000\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" srcip=", inside,
        " srcport=", port, " srcintf=\"port1\" dstip=", remote, " dstport=443 dstintf=\"wan1\" sessionid=", 1_000_000 + scene.serial,
        " proto=6 action=\"close\" policyid=12 service=\"HTTPS\" duration=", scene.rng.range(1, 600), " sentbyte=", sent, " rcvdbyte=", received);
}
