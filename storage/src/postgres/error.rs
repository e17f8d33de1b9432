//! Converts the driver's errors to the store's. The only code that knows SQLSTATEs and constraint names.

use shopease_shop::domain::{Sku, Subject};
use shopease_shop::ports::StoreError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;

/// Raised by the database functions; the detail is the SKU (see `migrations`).
const OUT_OF_STOCK: &str = "SE001";
const OTHER_VERSION: &str = "SE002";
const FOREIGN_SKU: &str = "SE003";

/// Converts the error of a failed statement. The driver's error is kept as the source.
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    let Some(failure) = database_error(&error) else {
        return match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error.into()),
            error => StoreError::Corrupt(error.into()),
        };
    };
    let detail = failure.detail().unwrap_or_default();
    match failure.code() {
        OUT_OF_STOCK => match detail.parse::<Sku>() {
            Ok(sku) => StoreError::OutOfStock { sku },
            Err(_) => StoreError::Corrupt(error.into()),
        },
        OTHER_VERSION => StoreError::Conflict,
        FOREIGN_SKU => match detail.parse::<Sku>() {
            Ok(sku) => StoreError::AlreadyExists { subject: Subject::Sku(sku) },
            Err(_) => StoreError::Corrupt(error.into()),
        },
        // unique_violation
        "23505" => match failure.constraint().and_then(existing_subject) {
            Some(subject) => StoreError::AlreadyExists { subject },
            None => StoreError::Corrupt(error.into()),
        },
        // lock_not_available, serialization_failure, deadlock_detected: rolled back because of contention
        "55P03" | "40001" | "40P01" => StoreError::Throttled(error.into()),
        code if is_unavailable(code) => StoreError::Unavailable(error.into()),
        _ => StoreError::Corrupt(error.into()),
    }
}

/// Converts the error of a failed migration.
pub(super) fn migration_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => store_error(error),
        error => StoreError::corrupt(error),
    }
}

/// Whether the database rolled the statement back only because of concurrent statements.
pub(super) fn is_rolled_back(error: &sqlx::Error) -> bool {
    database_error(error).is_some_and(|failure| matches!(failure.code(), "40001" | "40P01"))
}

/// Whether the connection ended before the response arrived: the statement may or may not have been executed.
pub(super) fn is_connection_lost(error: &sqlx::Error) -> bool {
    match database_error(error) {
        Some(failure) => failure.code().starts_with("57P0") || failure.code().starts_with("08"),
        None => matches!(error, sqlx::Error::Io(_)),
    }
}

/// Whether the server rejected the login: the password has expired or was changed.
pub(super) fn is_login_rejected(error: &sqlx::Error) -> bool {
    database_error(error).is_some_and(|failure| failure.code().starts_with("28"))
}

/// Whether an unreachable database may become reachable within seconds: it is busy, starting, failing over, or full, or
/// its name does not resolve yet. A wrong password, certificate, or URL is permanent.
pub(super) fn may_recover(error: &sqlx::Error) -> bool {
    match database_error(error) {
        Some(failure) => is_unavailable(failure.code()) && !is_login_rejected(error),
        None => matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut),
    }
}

/// Explains to the operator why a process cannot start with this database, and what to do; `None` if no setting would
/// help.
pub(crate) fn start_problem(error: &StoreError) -> Option<String> {
    let (StoreError::Unavailable(source) | StoreError::Corrupt(source)) = error else { return None };
    let error = source.downcast_ref::<sqlx::Error>()?;
    if is_login_rejected(error) {
        return Some(
            "the database rejected the user or the password. Correct SHOPEASE_DATABASE_URL or SHOPEASE_DATABASE_AUTH"
                .to_owned(),
        );
    }
    match (database_error(error).map(PgDatabaseError::code), error) {
        // invalid_catalog_name
        (Some("3D000"), _) => {
            Some("the database does not exist. Create it, or correct its name in SHOPEASE_DATABASE_URL".to_owned())
        }
        // undefined_table
        (Some("42P01"), _) => Some(
            "the database does not have the shop's tables. Run `shopease migrate` first, or `shopease serve --migrate`"
                .to_owned(),
        ),
        // too_many_connections
        (Some("53300"), _) => Some(
            "the database has no free connections. Reduce SHOPEASE_DATABASE_CONNECTIONS, or increase the database's max_connections"
                .to_owned(),
        ),
        (None, sqlx::Error::Io(reason)) => Some(format!(
            "the database cannot be reached ({reason}). Start it, or correct host and port in SHOPEASE_DATABASE_URL"
        )),
        (None, sqlx::Error::PoolTimedOut) => {
            Some("the database did not respond in time. Check host and port in SHOPEASE_DATABASE_URL".to_owned())
        }
        (None, sqlx::Error::Tls(reason)) => Some(format!(
            "cannot establish a TLS connection to the database ({reason}). Check SHOPEASE_DATABASE_ROOT_CERTIFICATE and the host in SHOPEASE_DATABASE_URL"
        )),
        _ => None,
    }
}

fn database_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error().and_then(|error| error.try_downcast_ref())
}

fn is_unavailable(code: &str) -> bool {
    // connection_exception, insufficient_resources (too many connections), operator_intervention (shutdown, query
    //  canceled), invalid_authorization (a login token expired)
    ["08", "53", "57", "28"].iter().any(|class| code.starts_with(class))
        // idle_in_transaction_session_timeout; read_only_sql_transaction: the writer moved to another host
        || matches!(code, "25P03" | "25006")
}

fn existing_subject(constraint: &str) -> Option<Subject> {
    match constraint {
        "customer_email_key" => Some(Subject::Email),
        "customer_pkey" => Some(Subject::Customer),
        "session_pkey" => Some(Subject::Session),
        "customer_order_pkey" | "customer_order_position_key" => Some(Subject::Order),
        "outbox_pkey" => Some(Subject::OutboxMessage),
        "settings_pkey" => Some(Subject::Settings),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_pool_and_a_dead_socket_are_unavailable_and_a_bad_row_is_corrupt() {
        let reset = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(store_error(sqlx::Error::PoolTimedOut), StoreError::Unavailable(_)));
        assert!(matches!(store_error(reset()), StoreError::Unavailable(_)));
        assert!(matches!(store_error(sqlx::Error::RowNotFound), StoreError::Corrupt(_)));
        assert!(is_connection_lost(&reset()));
        assert!(!is_connection_lost(&sqlx::Error::PoolTimedOut));
        assert!(may_recover(&sqlx::Error::PoolTimedOut) && may_recover(&reset()));
        assert!(!may_recover(&sqlx::Error::Tls("no certificate".into())));
    }

    #[test]
    fn a_shutdown_is_unavailable_and_a_check_violation_is_not() {
        for code in ["57P01", "57P03", "57014", "53300", "08006", "25006"] {
            assert!(is_unavailable(code), "{code}");
        }
        for code in ["23514", "42P01", "22P02", "SE001"] {
            assert!(!is_unavailable(code), "{code}");
        }
    }
}
