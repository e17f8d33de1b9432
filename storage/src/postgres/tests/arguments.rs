//! Values that must not change on their way from a function's argument into a column.

use shopease_shop::testing::fixtures::{cart, visitor};
use sqlx::types::Json;
use time::{Duration, OffsetDateTime};

use super::super::PostgresStore;
use super::super::arguments::SaveCart;
use super::{LATER, NOW};
use crate::testing::on_schema;

#[tokio::test(flavor = "multi_thread")]
async fn documents_keep_their_text_and_times_their_microseconds() {
    on_schema("arguments", |config| async move {
        let store = PostgresStore::connect(&config).await.expect("a store");
        // jsonb would sort and merge the keys, shorten the number, and reject the NUL.
        let lines = r#"[{"b": 1.10, "a": 12345678901234567890.123456789,  "b":"\u0000\ud83d\ude00"}]"#;
        let mut cart = cart(&visitor("ada"), &[]);
        cart.updated_at = NOW + Duration::microseconds(123_457);
        let expires_at = LATER - Duration::microseconds(1);
        let argument = SaveCart::new(&cart, lines, expires_at, None);
        sqlx::query("SELECT save_cart($1)").bind(Json(&argument)).execute(&store.pool).await.expect("it is saved");
        let saved: (String, OffsetDateTime, OffsetDateTime) =
            sqlx::query_as("SELECT lines::text, updated_at, expires_at FROM cart")
                .fetch_one(&store.pool)
                .await
                .expect("a row");
        assert_eq!(saved, (lines.to_owned(), cart.updated_at, expires_at));
        store.close().await;
    })
    .await;
}
