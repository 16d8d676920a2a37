//! AWS Signature Version 4 of a request without a query, as headers.
//!
//! By hand, because it is forty lines over a MAC that is there already, and the clients of others bring a second HTTP stack or
//! cannot set the headers of an object lock.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::round::hex;

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) key: String,
    pub(super) secret: String,
    /// Of credentials that are lent for a time.
    pub(super) token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What is signed.
pub(super) struct Signed<'s> {
    pub(super) method: &'s str,
    /// As the `Host` header has it, in lower case.
    pub(super) host: &'s str,
    /// As it is sent: [`escaped_path`].
    pub(super) path: &'s str,
    /// Names in lower case.
    pub(super) headers: &'s [(&'static str, String)],
    /// SHA-256 of the body, in hex.
    pub(super) payload: &'s str,
    pub(super) region: &'s str,
}

impl Signed<'_> {
    /// All headers to be sent beside `Host`. `moment` is `20260302T100000Z`.
    pub(super) fn headers(&self, credentials: &Credentials, moment: &str) -> Vec<(&'static str, String)> {
        let mut headers = self.headers.to_vec();
        headers.push(("x-amz-content-sha256", self.payload.to_owned()));
        headers.push(("x-amz-date", moment.to_owned()));
        headers.extend(credentials.token.clone().map(|token| ("x-amz-security-token", token)));
        let mut sorted: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.trim())).collect();
        sorted.push(("host", self.host));
        sorted.sort_unstable();
        let names = sorted.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String = sorted.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let Signed { method, path, payload, region, .. } = self;
        let request = format!("{method}\n{path}\n\n{lines}\n{names}\n{payload}");
        let day = &moment[..moment.len().min(8)];
        let scope = format!("{day}/{region}/s3/aws4_request");
        let digest = hex(&Sha256::digest(request.as_bytes()).into());
        let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}");
        let first = mac(format!("AWS4{}", credentials.secret).as_bytes(), day);
        let key = [region, "s3", "aws4_request"].iter().fold(first, |key, part| mac(&key, part));
        let signature = hex(&mac(&key, &text));
        let by = &credentials.key;
        headers.push((
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={by}/{scope},SignedHeaders={names},Signature={signature}"),
        ));
        headers
    }
}

fn mac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// A path with all but unreserved characters and slashes escaped, as it is signed and sent.
pub(super) fn escaped_path(path: &str) -> String {
    use fmt::Write as _;
    path.bytes().fold(String::with_capacity(path.len() + 16), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example "PUT Object" of the S3 API reference, "Authenticating Requests: Using the Authorization Header".
    #[test]
    fn the_reference_s_example_is_signed_as_there() {
        let credentials = Credentials {
            key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            token: None,
        };
        let headers = [
            ("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned()),
        ];
        let payload = hex(&Sha256::digest(b"Welcome to Amazon S3.").into());
        let path = escaped_path("/test$file.text");
        assert_eq!(path, "/test%24file.text");
        let signed = Signed {
            method: "PUT",
            host: "examplebucket.s3.amazonaws.com",
            path: &path,
            headers: &headers,
            payload: &payload,
            region: "us-east-1",
        };
        let headers = signed.headers(&credentials, "20130524T000000Z");
        assert_eq!(
            headers.last().unwrap().1,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        );
    }

    #[test]
    fn a_lent_key_s_token_is_signed_and_no_secret_is_shown() {
        let credentials = Credentials { key: "k".into(), secret: "hidden".into(), token: Some("t".into()) };
        let signed =
            Signed { method: "PUT", host: "h", path: "/b/a", headers: &[], payload: "00", region: "ap-northeast-1" };
        let headers = signed.headers(&credentials, "20260302T100000Z");
        assert!(headers.contains(&("x-amz-security-token", "t".into())));
        assert!(headers.last().unwrap().1.contains("host;x-amz-content-sha256;x-amz-date;x-amz-security-token"));
        assert!(!format!("{credentials:?}").contains("hidden"));
    }
}
