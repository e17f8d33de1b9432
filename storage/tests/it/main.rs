//! Every store is held to the store ports: the conformance suite of `shopease-shared`, once per engine, each test on
//! an empty store of its own. The `PostgreSQL` tests need `SHOPEASE_TEST_DATABASE_URL`; see [`postgres`].

#[cfg(feature = "embedded")]
mod embedded;
#[cfg(feature = "postgres")]
mod postgres;
