//! Who may send by HTTP: tokens from a file or an environment variable, compared in constant time.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq as _};

/// Shortest token taken: what is shorter is guessed. Splunk's are UUIDs of 36 characters.
pub const TOKEN_BYTES_MIN: usize = 16;

/// Longest token taken, and tokens of one input: every request is compared with all of them.
pub const TOKEN_BYTES_MAX: usize = 1024;

/// See [`TOKEN_BYTES_MAX`].
pub const TOKENS_MAX: usize = 1024;

/// One token.
struct Token {
    name: Arc<str>,
    secret: Box<[u8]>,
}

/// The tokens of one input.
#[derive(Default)]
pub(crate) struct Tokens(Vec<Token>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|token| &token.name)).finish()
    }
}

/// Why a request is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It carries no `Authorization`.
    Missing,
    /// Its `Authorization` is of no kind that is understood.
    Unreadable,
    /// Its token is none of ours.
    Unknown,
}

impl Tokens {
    /// Reads tokens: one a line, `NAME TOKEN` or `TOKEN` alone; `#` begins a comment line.
    ///
    /// # Errors
    /// What is wrong, with its line; no token is told.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, secret) = match line.split_once(char::is_whitespace) {
                Some((name, secret)) => (name.to_owned(), secret.trim()),
                None => (format!("token {number}"), line),
            };
            if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!("line {number}: a token is printable ASCII without spaces"));
            }
            if !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&secret.len()) {
                return Err(format!("line {number}: a token has {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} characters"));
            }
            tokens.push(Token { name: name.into(), secret: secret.as_bytes().into() });
        }
        match tokens.len() {
            0 => Err("no token in it".to_owned()),
            1..=TOKENS_MAX => Ok(Self(tokens)),
            many => Err(format!("{many} tokens where at most {TOKENS_MAX} are taken")),
        }
    }

    /// Reads the tokens of a file.
    ///
    /// # Errors
    /// When it cannot be read, or as [`Tokens::parse`].
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text)
    }

    /// Adds those of another source.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// No request needs a token.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the token that an `Authorization` header carries: `Splunk TOKEN`, `Bearer TOKEN`, `ApiKey BASE64(ID:TOKEN)`,
    /// `Basic BASE64(USER:TOKEN)`; `None` where none is needed.
    pub(crate) fn admit(&self, authorization: Option<&[u8]>) -> Result<Option<Arc<str>>, Refusal> {
        if self.is_empty() {
            return Ok(None);
        }
        let header = authorization.ok_or(Refusal::Missing)?.trim_ascii();
        let space = header.iter().position(|&byte| byte == b' ').ok_or(Refusal::Unreadable)?;
        let (scheme, rest) = (&header[..space], header[space..].trim_ascii());
        let secret = match scheme.to_ascii_lowercase().as_slice() {
            b"splunk" | b"bearer" => rest.to_vec(),
            b"basic" | b"apikey" => {
                let pair = STANDARD.decode(rest).map_err(|_| Refusal::Unreadable)?;
                let colon = pair.iter().position(|&byte| byte == b':').ok_or(Refusal::Unreadable)?;
                pair[colon + 1..].to_vec()
            }
            _ => return Err(Refusal::Unreadable),
        };
        self.find(&secret).map(Some).ok_or(Refusal::Unknown)
    }

    /// Every token is compared, whichever fits: the time tells nothing but their number and lengths.
    fn find(&self, secret: &[u8]) -> Option<Arc<str>> {
        let mut found = None;
        for token in &self.0 {
            let equal: Choice = token.secret.ct_eq(secret);
            if bool::from(equal) {
                found = Some(&token.name);
            }
        }
        found.map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::parse("# senders\nweb 0123456789abcdef-web\n\n0123456789abcdef-two\n").expect("sound")
    }

    #[test]
    fn every_way_to_say_a_token_is_understood() {
        let basic = format!("Basic {}", STANDARD.encode("any:0123456789abcdef-web"));
        let key = format!("ApiKey {}", STANDARD.encode("id:0123456789abcdef-two"));
        for (header, name) in [
            ("Splunk 0123456789abcdef-web", "web"),
            ("splunk   0123456789abcdef-web ", "web"),
            ("Bearer 0123456789abcdef-two", "token 4"),
            (&basic, "web"),
            (&key, "token 4"),
        ] {
            assert_eq!(tokens().admit(Some(header.as_bytes())), Ok(Some(name.into())), "{header}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        for (header, refusal) in [
            (None, Refusal::Missing),
            (Some("0123456789abcdef-web"), Refusal::Unreadable),
            (Some("Digest 0123456789abcdef-web"), Refusal::Unreadable),
            (Some("Basic 0123456789abcdef-web"), Refusal::Unreadable),
            (Some("Splunk 0123456789abcdef-we"), Refusal::Unknown),
            (Some("Splunk "), Refusal::Unreadable),
        ] {
            assert_eq!(tokens().admit(header.map(str::as_bytes)), Err(refusal), "{header:?}");
        }
        assert_eq!(Tokens::default().admit(None), Ok(None), "none needed");
    }

    #[test]
    fn a_weak_or_broken_list_is_refused_without_telling_a_token() {
        for (text, told) in [
            ("", "no token in it"),
            ("# only this", "no token in it"),
            ("web short", "line 1: a token has 16 to 1024 characters"),
            ("\nweb 0123456789abcdef more", "line 2: a token is printable ASCII without spaces"),
        ] {
            assert_eq!(Tokens::parse(text).expect_err("is refused"), told);
        }
        assert!(!format!("{:?}", tokens()).contains("0123"));
    }
}
