//! Ids: a short prefix that says of what, then a UUIDv7 in hexadecimal (`key_0193…`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// Why a text is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of this kind: expected `{prefix}` and 32 hexadecimal digits")]
pub struct IdError {
    prefix: &'static str,
    text: String,
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The prefix every id of this kind starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id; ids made later sort later.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// An id from its 128 bits (for seeded data, where ids must be reproducible).
            pub const fn from_u128(bits: u128) -> Self {
                Self(Uuid::from_u128(bits))
            }

            /// The 128 bits of the id.
            pub const fn as_u128(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; uuid::fmt::Simple::LENGTH];
                f.write_str($prefix)?;
                f.write_str(self.0.simple().encode_lower(&mut buffer))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32)
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or_else(|| IdError { prefix: $prefix, text: text.chars().take(64).collect() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_u128(self.0.as_u128())
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
                } else {
                    u128::deserialize(deserializer).map(Self::from_u128)
                }
            }
        }
    };
}

prefixed_id!(
    /// One client request, whatever number of attempts it took.
    RequestId,
    "req_"
);
prefixed_id!(
    /// A virtual key.
    KeyId,
    "key_"
);
prefixed_id!(
    /// A budget.
    BudgetId,
    "bud_"
);
prefixed_id!(
    /// A statement.
    StatementId,
    "stm_"
);
prefixed_id!(
    /// A console session.
    SessionId,
    "ses_"
);
prefixed_id!(
    /// An incident that alerts were raised about.
    IncidentId,
    "inc_"
);
prefixed_id!(
    /// One message to one alert channel.
    DeliveryId,
    "dlv_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_tells_its_kind() {
        let id = KeyId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("key_"));
        let error = id.to_string().replace("key_", "req_").parse::<KeyId>();
        assert!(error.is_err_and(|e| e.to_string().contains("expected `key_`")));
    }

    #[test]
    fn later_ids_sort_later() {
        let first = RequestId::generate();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(first < RequestId::generate());
    }
}
