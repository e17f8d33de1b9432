//! RDS login tokens: a signed URL that the database accepts as a password for 15 minutes. Tokens are generated locally;
//! AWS is called only now and then, for the signing credentials.

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_rds::auth_token::{AuthTokenGenerator, Config};
use secrecy::SecretString;
use shopease_shop::ports::{Source, StoreError};

use super::login::PasswordSource;

/// Generates tokens for one user of one database.
pub struct IamTokens {
    generator: AuthTokenGenerator,
    sdk: SdkConfig,
}

impl IamTokens {
    /// The longest validity that RDS allows.
    const VALID_SECONDS: u64 = 900;

    /// Creates a token source for a user of the database at `host`, with the credentials of this process.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the user name cannot be part of a URL.
    pub async fn of_process(host: &str, port: u16, user: &str, region: &str) -> Result<Self, StoreError> {
        let sdk = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned())).load().await;
        Self::new(host, port, user, sdk)
    }

    fn new(host: &str, port: u16, user: &str, sdk: SdkConfig) -> Result<Self, StoreError> {
        // The generator inserts the name into the URL without escaping.
        if !is_plain_user(user) {
            return Err(StoreError::corrupt(format!(
                "{user:?} cannot log in with IAM: only letters, digits, and _ - . are supported"
            )));
        }
        let config = Config::builder()
            .hostname(host)
            .port(port.into())
            .username(user)
            .expires_in(Self::VALID_SECONDS)
            .build()
            .map_err(StoreError::corrupt)?;
        Ok(Self { generator: AuthTokenGenerator::new(config), sdk })
    }
}

/// Whether a name needs no escaping.
fn is_plain_user(user: &str) -> bool {
    !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[async_trait]
impl PasswordSource for IamTokens {
    async fn password(&self) -> Result<SecretString, Source> {
        self.generator.auth_token(&self.sdk).await.map(|token| token.as_str().into())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::config::Credentials;
    use secrecy::ExposeSecret as _;

    use super::*;

    async fn sdk() -> SdkConfig {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret/key", Some("session".to_owned()), None, "test");
        let region = Region::new("eu-north-1");
        aws_config::defaults(BehaviorVersion::latest()).region(region).credentials_provider(credentials).load().await
    }

    #[tokio::test]
    async fn a_token_is_a_signed_url_of_host_user_and_region_for_15_minutes() {
        let tokens =
            IamTokens::new("shop.abc.eu-north-1.rds.amazonaws.com", 5432, "shop_app", sdk().await).expect("plain");
        let token = tokens.password().await.expect("signing needs no network");
        let (address, query) = token.expose_secret().split_once("/?").expect("an address with a query");
        assert_eq!(address, "shop.abc.eu-north-1.rds.amazonaws.com:5432");
        let parameter = |name: &str| {
            let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
            found.map_or_else(|| panic!("{name} in {query}"), |(_, value)| value.to_owned())
        };
        assert_eq!(parameter("Action"), "connect");
        assert_eq!(parameter("DBUser"), "shop_app");
        assert_eq!(parameter("X-Amz-Expires"), "900");
        let date = parameter("X-Amz-Date");
        let scope = format!("AKIDEXAMPLE%2F{}%2Feu-north-1%2Frds-db%2Faws4_request", &date[..8]);
        assert_eq!(parameter("X-Amz-Credential"), scope);
        assert_eq!(parameter("X-Amz-Security-Token"), "session");
        assert_eq!(parameter("X-Amz-Signature").len(), 64);
    }

    #[tokio::test]
    async fn without_credentials_there_is_no_token_and_no_panic() {
        let region = Region::new("eu-north-1");
        let sdk = aws_config::defaults(BehaviorVersion::latest()).region(region).no_credentials().load().await;
        let tokens = IamTokens::new("db", 5432, "shop", sdk).expect("plain");
        assert!(tokens.password().await.is_err());
    }

    #[tokio::test]
    async fn a_user_name_that_needs_escaping_is_rejected() {
        for user in ["", "a b", "a&DBUser=root", "a%20", "ä", "a/b"] {
            assert!(IamTokens::new("db", 5432, user, sdk().await).is_err(), "{user}");
        }
    }
}
