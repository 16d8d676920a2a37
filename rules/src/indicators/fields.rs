//! Which fields are looked up, and as what.

use noroshi_parsers::dictionary::FieldType;
use noroshi_parsers::ecs;

use super::IndicatorKind;

/// What a field of an event can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    None,
    Ip,
    /// A domain name or an address.
    Host,
    Url,
    /// A path of a web address, whole with the event's host.
    UrlPath,
    Hash,
    /// Digests of certificates.
    Certificate,
    /// A file's name.
    FileName,
    /// A file's path: looked up whole and by its last part.
    FilePath,
    /// A registry path: looked up whole and without its last part.
    Registry,
    /// Text of one kind.
    Text(IndicatorKind),
}

/// The class of an ECS field (ECS 8.11). `related.*` repeats other fields.
fn class_of(name: &str, kind: FieldType) -> Class {
    use IndicatorKind::{Asn, Cve, Email, Imphash, Ja3, UserAgent};
    if name.starts_with("related.") || name.starts_with("threat.") {
        return Class::None;
    }
    match name {
        "url.full" | "url.original" | "http.request.referrer" | "event.url" => return Class::Url,
        "url.path" => return Class::UrlPath,
        "dns.question.name" | "dns.answers.data" | "dns.answers.name" | "url.domain" | "tls.client.server_name" => {
            return Class::Host;
        }
        "source.address" | "destination.address" | "client.address" | "server.address" => return Class::Host,
        "source.domain" | "destination.domain" | "client.domain" | "server.domain" => return Class::Host,
        "file.name" | "dll.name" | "process.name" | "process.parent.name" | "email.attachments.file.name" => {
            return Class::FileName;
        }
        "file.path" | "dll.path" | "file.target_path" | "process.executable" | "process.parent.executable" => {
            return Class::FilePath;
        }
        "registry.path" | "registry.key" => return Class::Registry,
        "user_agent.original" => return Class::Text(UserAgent),
        "tls.client.ja3" | "tls.server.ja3s" => return Class::Text(Ja3),
        "vulnerability.id" => return Class::Text(Cve),
        _ => {}
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    if kind == FieldType::Ip {
        Class::Ip
    } else if ends(&[".hash.md5", ".hash.sha1", ".hash.sha256", ".hash.sha512"]) {
        if name.starts_with("tls.") { Class::Certificate } else { Class::Hash }
    } else if name.starts_with("email.") && ends(&[".address"]) || ends(&[".email"]) {
        Class::Text(Email)
    } else if ends(&[".pe.imphash"]) {
        Class::Text(Imphash)
    } else if ends(&[".as.number"]) {
        Class::Text(Asn)
    } else {
        Class::None
    }
}

/// Names that products give to facts which ECS 8.11 has no field for.
pub(super) const VENDOR: [(&str, Class); 6] = [
    ("ja4", Class::Text(IndicatorKind::Ja4)),
    ("tls.ja4", Class::Text(IndicatorKind::Ja4)),
    ("tls.client.ja4", Class::Text(IndicatorKind::Ja4)),
    ("ja3", Class::Text(IndicatorKind::Ja3)),
    ("tls.ja3.hash", Class::Text(IndicatorKind::Ja3)),
    ("tls.ja3s.hash", Class::Text(IndicatorKind::Ja3)),
];

/// The classes of the schema's fields, by id, where a set that `has` kinds can say anything of them.
pub(super) fn classes(has: impl Fn(IndicatorKind) -> bool) -> Vec<Class> {
    ecs::FIELDS.iter().map(|field| useful(class_of(field.name, field.kind), &has)).collect()
}

/// The class, or none where no indicator of the set could be there.
pub(super) fn useful(class: Class, has: impl Fn(IndicatorKind) -> bool) -> Class {
    use IndicatorKind::{
        Certificate, Cidr, Domain, FileName, Hostname, Ip, Md5, RegistryKey, Sha1, Sha256, Sha512, Url,
    };
    let hosts = [Ip, Cidr, Domain, Hostname];
    let of_use = match class {
        Class::None => false,
        Class::Ip => has(Ip) || has(Cidr),
        Class::Host => hosts.into_iter().any(&has),
        Class::Url => has(Url) || hosts.into_iter().any(&has),
        Class::UrlPath => has(Url),
        Class::Hash => [Md5, Sha1, Sha256, Sha512].into_iter().any(&has),
        Class::Certificate => has(Certificate),
        Class::FileName | Class::FilePath => has(FileName),
        Class::Registry => has(RegistryKey),
        Class::Text(kind) => has(kind),
    };
    if of_use { class } else { Class::None }
}
