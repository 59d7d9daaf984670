//! Random secrets and the hashes that are kept in their place. It must never log or store a secret.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use units::Secret;

use crate::StoreError;

/// blake3 of a whole secret (prefix included), 32 bytes.
///
/// Secrets hold 256 random bits, so a plain fast hash cannot be searched; a slow one would only slow
/// the gateway down.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a secret as presented.
    pub fn of(secret: &str) -> Self {
        Self(*blake3::hash(secret.as_bytes()).as_bytes())
    }

    /// A hash read from where it was kept.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first four bytes in hexadecimal: enough to tell two apart in a log.
    pub fn short(&self) -> String {
        let [a, b, c, d, ..] = self.0;
        format!("{a:02x}{b:02x}{c:02x}{d:02x}")
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretHash({}…)", self.short())
    }
}

/// 32 bytes from the operating system.
pub(crate) fn random_bytes() -> Result<[u8; 32], StoreError> {
    let mut bytes = [0; 32];
    let refused =
        |error: getrandom::Error| std::io::Error::other(format!("no random bytes: {error}"));
    getrandom::fill(&mut bytes).map_err(refused)?;
    Ok(bytes)
}

/// A fresh secret: `prefix` and 43 characters of base64url that hold 32 random bytes.
pub(crate) fn fresh_secret(prefix: &str) -> Result<Secret, StoreError> {
    Ok(Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random_bytes()?))))
}

/// A second secret that only the bearer of the first can know; `purpose` must be unique in the product.
pub(crate) fn derived_secret(purpose: &str, secret: &str) -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(blake3::derive_key(purpose, secret.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_prefix_and_43_url_safe_characters_never_the_same_twice() {
        let secret = fresh_secret("tg_").unwrap();
        let random = secret.expose().strip_prefix("tg_").unwrap();
        assert_eq!(random.len(), 43);
        assert!(random.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_ne!(secret, fresh_secret("tg_").unwrap());
    }

    #[test]
    fn a_hash_is_blake3_of_the_whole_text_and_hides_most_of_itself() {
        let hash = SecretHash::of("tg_x");
        assert_eq!(hash.as_bytes(), blake3::hash(b"tg_x").as_bytes());
        assert_eq!(format!("{hash:?}").chars().count(), "SecretHash(00000000…)".chars().count());
    }

    #[test]
    fn a_derived_secret_depends_on_purpose_and_secret() {
        let csrf = derived_secret("a", "token");
        assert_ne!(csrf, derived_secret("b", "token"));
        assert_ne!(csrf, derived_secret("a", "other"));
        assert_eq!(csrf, derived_secret("a", "token"));
    }
}
