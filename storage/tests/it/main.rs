//! The conformance suite of `shopease-shop`, run for every store: once per engine, each test on an empty store. The
//! `PostgreSQL` tests need `SHOPEASE_TEST_DATABASE_URL`.

mod embedded {
    use shopease_shop::testing::conformance::Guarantee;

    shopease_shop::conformance_suite!(crate::embedded::check);

    async fn check(guarantee: Guarantee) {
        shopease_storage::testing::on_dynamodb(|store| guarantee.check(store)).await;
    }
}

mod postgres {
    use shopease_shop::testing::conformance::Guarantee;

    shopease_shop::conformance_suite!(crate::postgres::check);

    async fn check(guarantee: Guarantee) {
        shopease_storage::testing::on_postgres(guarantee.name, |store| guarantee.check(store)).await;
    }
}
