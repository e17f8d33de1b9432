//! Identifiers: a prefix that names the kind, then 26 Crockford base-32 characters (a ULID).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ulid::Ulid;

use super::{Field, Format, RuleError};

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Prefix of all identifiers of this kind.
            pub const PREFIX: &'static str = $prefix;

            /// The identifier with a ULID.
            pub fn from_ulid(ulid: Ulid) -> Self {
                Self(format!("{}{}", $prefix, ulid.to_string()))
            }

            /// Derives an identifier from a name: the first 128 bits of SHA-256 over prefix and name. Two stores that import
            /// the same catalog have the same IDs.
            pub fn derive(name: &str) -> Self {
                let digest = Sha256::new().chain_update($prefix).chain_update(name).finalize();
                let mut bytes = [0_u8; 16];
                bytes.copy_from_slice(&digest[..16]);
                Self::from_ulid(Ulid::from_bytes(bytes))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = RuleError;

            fn from_str(text: &str) -> Result<Self, RuleError> {
                let valid = text.strip_prefix($prefix).is_some_and(|rest| {
                    rest.len() == ulid::ULID_LEN
                        && Ulid::from_string(rest).is_ok_and(|ulid| ulid.to_string() == rest)
                });
                if valid {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(RuleError::malformed(Field::Id, Format::Id))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = RuleError;

            fn try_from(text: String) -> Result<Self, RuleError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id_type!(/// A product.
    ProductId, "prd_");
id_type!(/// A variant of a product.
    VariantId, "var_");
id_type!(/// A cart.
    CartId, "cart_");
id_type!(/// An order.
    OrderId, "ord_");
id_type!(/// A line of an order.
    LineItemId, "li_");
id_type!(/// A payment of an order.
    PaymentId, "pay_");
id_type!(/// A refund of an order.
    RefundId, "ref_");
id_type!(/// A customer with an account.
    CustomerId, "cus_");
id_type!(/// An address of an account.
    AddressId, "adr_");
id_type!(/// A session.
    SessionId, "ses_");
id_type!(/// A message in the outbox.
    OutboxMessageId, "msg_");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_is_stable_and_parses() {
        let id = ProductId::derive("copper-kettle");
        assert_eq!(id, ProductId::derive("copper-kettle"));
        assert_ne!(id, ProductId::derive("copper-kettle-2"));
        assert_eq!(id.as_str().parse::<ProductId>().as_ref(), Ok(&id));
    }

    #[test]
    fn wrong_prefixes_and_invalid_ulids_are_rejected() {
        for text in [
            "",
            "prd_",
            "var_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "prd_01ARZ3NDEKTSV4RRFFQ69G5FA",
            "prd_../../etc/passwd/000000000",
        ] {
            assert!(text.parse::<ProductId>().is_err(), "{text}");
        }
    }
}
