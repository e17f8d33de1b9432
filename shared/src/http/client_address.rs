//! The client's IP address, from a source that the client cannot forge.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::HeaderMap;

/// The header to which a load balancer appends the client's address.
pub const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address, as a request extension. The front door inserts it; the handlers do not read headers for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

/// Where a server gets its clients' addresses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressSource {
    /// The TCP connection: clients connect directly.
    #[default]
    Socket,
    /// The last entry of `X-Forwarded-For`, appended by the load balancer in front.
    ForwardedFor,
}

impl FromStr for AddressSource {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "socket" => Ok(Self::Socket),
            "x-forwarded-for" => Ok(Self::ForwardedFor),
            _ => Err("must be socket or x-forwarded-for"),
        }
    }
}

impl AddressSource {
    /// Returns the address of the client whose request came from `peer`.
    pub fn client(self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let forwarded = if self == Self::ForwardedFor { forwarded_for(headers) } else { None };
        forwarded.unwrap_or(ClientAddress(peer))
    }
}

/// Returns the address that the nearest load balancer appended: the last one. Clients can forge the entries before it.
pub fn forwarded_for(headers: &HeaderMap) -> Option<ClientAddress> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
    let text = last.rsplit(',').next()?.trim();
    // A load balancer can be configured to add the port.
    let address = text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse());
    address.ok().map(ClientAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (FORWARDED_FOR.parse().expect("a name"), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn only_what_the_load_balancer_appended_counts() {
        let peer = IpAddr::from([10, 0, 0, 1]);
        for (values, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            (&["198.51.100.1", "198.51.100.2,203.0.113.7"], "203.0.113.7"),
            (&["203.0.113.7:50000"], "203.0.113.7"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["203.0.113.7, unknown"], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let found = AddressSource::ForwardedFor.client(peer, &headers(values));
            assert_eq!(found.0.to_string(), expected, "{values:?}");
            assert_eq!(AddressSource::Socket.client(peer, &headers(values)).0, peer);
        }
    }
}
