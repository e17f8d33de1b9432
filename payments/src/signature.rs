//! Webhook signatures: `t=<unix time>,v1=<hex HMAC-SHA256 of "t.body">`, the format introduced by Stripe.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use shopease_shop::domain::hex;
use shopease_shop::ports::WebhookError;
use subtle::{Choice, ConstantTimeEq as _};
use time::{Duration, OffsetDateTime};

/// Largest difference between the time in a signature and now, in both directions.
pub const TOLERANCE: Duration = Duration::minutes(5);

/// Signs `body`, sent at `time`.
pub fn sign(secret: &SecretString, time: OffsetDateTime, body: &[u8]) -> String {
    let unix = time.unix_timestamp();
    format!("t={unix},v1={}", mac(secret, &unix.to_string(), body))
}

/// Verifies a signature: one of its `v1` values must be valid, and its time must be close to `now`.
///
/// # Errors
/// [`WebhookError::Forged`] if there is no signature, it cannot be parsed, or no value is valid;
/// [`WebhookError::Stale`] if it is valid but more than [`TOLERANCE`] away from `now`.
pub fn verify(
    secret: &SecretString,
    signature: Option<&str>,
    body: &[u8],
    now: OffsetDateTime,
) -> Result<(), WebhookError> {
    let mut time = None;
    let mut values = Vec::new();
    for part in signature.ok_or(WebhookError::Forged)?.split(',') {
        match part.trim().split_once('=') {
            Some(("t", unix)) if time.is_none() => time = Some(unix),
            // With two times, it would be ambiguous which one was signed.
            Some(("t", _)) => return Err(WebhookError::Forged),
            Some(("v1", value)) => values.push(value),
            // Other schemes, such as `v0` of test events, are not trusted.
            _ => {}
        }
    }
    let unix = time.ok_or(WebhookError::Forged)?;
    let sent = unix.parse().ok().and_then(|unix| OffsetDateTime::from_unix_timestamp(unix).ok());
    let sent = sent.ok_or(WebhookError::Forged)?;

    // An empty secret would be known to everyone.
    if secret.expose_secret().is_empty() {
        return Err(WebhookError::Forged);
    }
    let expected = mac(secret, unix, body);
    let right = values.iter().fold(Choice::from(0), |right, value| right | value.as_bytes().ct_eq(expected.as_bytes()));
    if !bool::from(right) {
        return Err(WebhookError::Forged);
    }
    if (now - sent).abs() > TOLERANCE { Err(WebhookError::Stale) } else { Ok(()) }
}

fn mac(secret: &SecretString, unix: &str, body: &[u8]) -> String {
    // HMAC accepts keys of any length; the error exists only in its type.
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return String::new() };
    let mac = mac.chain_update(unix).chain_update(".").chain_update(body);
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-15 12:00 UTC);
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;

    fn secret() -> SecretString {
        SecretString::from("whsec_test")
    }

    fn check(signature: Option<&str>, body: &[u8]) -> Result<(), WebhookError> {
        verify(&secret(), signature, body, NOW)
    }

    #[test]
    fn the_value_is_hmac_sha256_of_time_point_body() {
        // Computed with: printf '1768478400.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
        let expected = "t=1768478400,v1=70081cf22b758bcde77d8fb8eb865a64650d4a36c8e2f1dab65e2e2b4cc7974f";
        assert_eq!(sign(&secret(), NOW, BODY), expected);
    }

    #[test]
    fn one_valid_value_among_several_is_enough() {
        let good = sign(&secret(), NOW, BODY);
        let (time, value) = good.split_once(',').expect("two parts");
        let old = sign(&SecretString::from("rolled"), NOW, BODY);
        let other = old.split_once(',').expect("two parts").1;
        for header in [good.clone(), format!("{time},{other},{value}"), format!("{time}, {value},{other},v0=1")] {
            assert_eq!(check(Some(&header), BODY), Ok(()), "{header}");
        }
        assert_eq!(check(Some(&old), BODY), Err(WebhookError::Forged));
    }

    #[test]
    fn a_missing_malformed_or_mismatched_signature_is_forged() {
        let good = sign(&secret(), NOW, BODY);
        let (time, value) = good.split_once(',').expect("two parts");
        assert_eq!(check(None, BODY), Err(WebhookError::Forged));
        assert_eq!(check(Some(&good), b"{}"), Err(WebhookError::Forged));
        let cut = value[..value.len() - 1].to_owned();
        for header in [
            String::new(),
            time.to_owned(),
            value.to_owned(),
            format!("{time},v1="),
            format!("{time},{cut}"),
            format!("{time},v0={}", &value[3..]),
            format!("t=1768478401,{value}"),
            format!("t=1768478401,{good}"),
            format!("t=now,{value}"),
            format!("t=99999999999999999,{value}"),
        ] {
            assert_eq!(check(Some(&header), BODY), Err(WebhookError::Forged), "{header}");
        }
        let empty = SecretString::from("");
        assert_eq!(verify(&empty, Some(&sign(&empty, NOW, BODY)), BODY, NOW), Err(WebhookError::Forged));
    }

    #[test]
    fn five_minutes_are_tolerated_both_ways() {
        for (seconds, expected) in
            [(-301, Err(WebhookError::Stale)), (-300, Ok(())), (300, Ok(())), (301, Err(WebhookError::Stale))]
        {
            let signature = sign(&secret(), NOW + Duration::seconds(seconds), BODY);
            assert_eq!(check(Some(&signature), BODY), expected, "{seconds} s");
        }
    }
}
