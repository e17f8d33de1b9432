//! Guarantees of [`AccountStore`](crate::ports::AccountStore), [`SessionStore`](crate::ports::SessionStore) and
//! [`Health`](crate::ports::Health).

use std::slice;

use time::Duration;

use super::support::{KEPT_UNTIL, NOW, race};
use crate::domain::{Customer, CustomerId, EmailChange, EmailState, PasswordReset, Role, Session, Subject};
use crate::ports::{MAX_LISTED_SESSIONS, SharedStore, StoreError};
use crate::testing::fixtures::{customer, session};

pub(super) async fn an_account_is_found_by_id_and_by_email(store: SharedStore) {
    let mut ada = customer("ada");
    ada.name = String::from("Ada \"O'Neil\" 王 \\ %");
    ada.role = Role::Operator;
    ada.created_at = NOW + Duration::milliseconds(7);
    let bob = customer("bob");
    for account in [&ada, &bob] {
        store.insert_customer(account).await.expect("the account is inserted");
    }
    for account in [&ada, &bob] {
        let by_id = store.find_customer(&account.id).await.expect("an account is read");
        let by_email = store.find_customer_by_email(&account.email).await.expect("an account is read");
        assert!(by_id.as_ref() == Some(account), "{by_id:?}");
        assert!(by_email.as_ref() == Some(account), "{by_email:?}");
    }
    let carol = customer("carol");
    assert_eq!(store.find_customer(&carol.id).await.expect("nothing is read"), None);
    assert_eq!(store.find_customer_by_email(&carol.email).await.expect("nothing is read"), None);
}

pub(super) async fn an_email_has_one_account(store: SharedStore) {
    let first = customer("ada");
    store.insert_customer(&first).await.expect("the account is inserted");
    let second = Customer { id: CustomerId::derive("second"), name: "Second".to_owned(), ..first.clone() };
    assert_email_taken(&store.insert_customer(&second).await);
    let found = store.find_customer_by_email(&first.email).await.expect("an account is read");
    assert!(found == Some(first), "the first account stays as it is");
    assert_eq!(store.find_customer(&second.id).await.expect("nothing is read"), None, "the second left no trace");
}

pub(super) async fn one_of_many_concurrent_registrations_wins(store: SharedStore) {
    for round in 0..5 {
        let account = |number: usize| Customer {
            id: CustomerId::derive(&format!("{round} {number}")),
            name: format!("number {number}"),
            ..customer(&format!("ada{round}"))
        };
        let results = race(16, |number| {
            let (store, account) = (store.clone(), account(number));
            async move { store.insert_customer(&account).await }
        })
        .await;
        let winners: Vec<usize> = (0..16).filter(|number| results[*number].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        results.iter().filter(|result| result.is_err()).for_each(assert_email_taken);
        for number in 0..16 {
            let found = store.find_customer(&account(number).id).await.expect("an account is read");
            assert!(found == (number == winners[0]).then(|| account(number)), "{found:?}");
        }
        let found = store.find_customer_by_email(&account(0).email).await.expect("an account is read");
        assert!(found == Some(account(winners[0])), "{found:?}");
    }
}

pub(super) async fn an_account_is_replaced_in_order_of_its_versions(store: SharedStore) {
    let first = customer("ada");
    let reset = PasswordReset { digest: "ab".repeat(32), expires_at: NOW + Duration::hours(1) };
    let second = Customer { password_reset: Some(reset), version: 2, ..first.clone() };
    let third = Customer { password_hash: "other".to_owned(), password_changes: 1, version: 3, ..first.clone() };
    assert_conflict(&store.replace_customer(&first, &second).await, "nothing to replace");
    store.insert_customer(&first).await.expect("the account is inserted");
    assert_conflict(&store.replace_customer(&second, &third).await, "a version is missing");
    for (previous, next) in [(&first, &second), (&second, &third)] {
        store.replace_customer(previous, next).await.expect("the account is replaced");
        assert_conflict(&store.replace_customer(previous, next).await, "twice");
        assert!(store.find_customer(&first.id).await.expect("an account is read").as_ref() == Some(next));
    }
    assert!(store.find_customer_by_email(&first.email).await.expect("an account is read") == Some(third.clone()));
    let results = race(16, |number| {
        let fourth = Customer { name: format!("number {number}"), version: 4, ..third.clone() };
        let (store, third) = (store.clone(), third.clone());
        async move { store.replace_customer(&third, &fourth).await }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
}

pub(super) async fn a_pending_email_belongs_to_no_account(store: SharedStore) {
    let pending = |name: &str| Customer {
        id: CustomerId::derive(name),
        email_state: EmailState::Pending,
        email_change: Some(EmailChange { email: customer("ada").email, digest: None, expires_at: KEPT_UNTIL }),
        ..customer("ada")
    };
    let confirmed = |pending: &Customer| Customer {
        email_state: EmailState::Confirmed,
        email_change: None,
        version: 2,
        ..pending.clone()
    };
    let (first, second) = (pending("first"), pending("second"));
    for account in [&first, &second] {
        store.insert_customer(account).await.expect("others can have the address, too");
        assert!(store.find_customer(&account.id).await.expect("an account is read").as_ref() == Some(account));
    }
    assert_eq!(store.find_customer_by_email(&first.email).await.expect("nothing is read"), None);
    store.replace_customer(&second, &confirmed(&second)).await.expect("the address is free");
    assert_email_taken(&store.replace_customer(&first, &confirmed(&first)).await);
    let found = store.find_customer_by_email(&first.email).await.expect("an account is read");
    assert!(found == Some(confirmed(&second)), "{found:?}");
    assert!(store.find_customer(&first.id).await.expect("an account is read") == Some(first));
}

pub(super) async fn an_email_changes_with_its_account(store: SharedStore) {
    let (ada, bob) = (customer("ada"), customer("bob"));
    for account in [&ada, &bob] {
        store.insert_customer(account).await.expect("the account is inserted");
    }
    let taken = Customer { email: bob.email.clone(), version: 2, ..ada.clone() };
    assert_email_taken(&store.replace_customer(&ada, &taken).await);
    assert!(store.find_customer_by_email(&ada.email).await.expect("an account is read") == Some(ada.clone()));
    let moved = Customer { email: customer("countess").email, version: 2, ..ada.clone() };
    store.replace_customer(&ada, &moved).await.expect("the address is free");
    assert!(store.find_customer_by_email(&moved.email).await.expect("an account is read") == Some(moved.clone()));
    assert_eq!(store.find_customer_by_email(&ada.email).await.expect("nothing is read"), None);
    let next = Customer { id: CustomerId::derive("next"), ..ada };
    store.insert_customer(&next).await.expect("the former address is free");
}

pub(super) async fn a_removed_account_leaves_its_email_free(store: SharedStore) {
    let ada = customer("ada");
    assert_conflict(&store.remove_customer(&ada).await, "nothing to remove");
    store.insert_customer(&ada).await.expect("the account is inserted");
    let renamed = Customer { name: "Countess".to_owned(), version: 2, ..ada.clone() };
    store.replace_customer(&ada, &renamed).await.expect("the account is replaced");
    assert_conflict(&store.remove_customer(&ada).await, "another version");
    store.remove_customer(&renamed).await.expect("the account is removed");
    assert_eq!(store.find_customer(&ada.id).await.expect("nothing is read"), None);
    assert_eq!(store.find_customer_by_email(&ada.email).await.expect("nothing is read"), None);
    store.insert_customer(&Customer { id: CustomerId::derive("next"), ..ada }).await.expect("the address is free");
}

fn assert_conflict(result: &Result<(), StoreError>, when: &str) {
    assert!(matches!(result, Err(StoreError::Conflict)), "{when}: {result:?}");
}

pub(super) async fn a_session_expires(store: SharedStore) {
    let ada = customer("ada");
    let short = session(&ada, "short", NOW + Duration::minutes(30));
    let long = session(&ada, "long", KEPT_UNTIL);
    for session in [&short, &long] {
        store.insert_session(session).await.expect("the session is inserted");
    }
    let tick = Duration::milliseconds(1);
    for (session, now, there) in [
        (&short, NOW, true),
        (&short, short.expires_at - tick, true),
        (&short, short.expires_at, false),
        (&long, short.expires_at, true),
        (&long, long.expires_at + Duration::days(365), false),
    ] {
        let found = store.find_session(&session.token_digest, now).await.expect("a session is read");
        assert_eq!(found.as_ref(), there.then_some(session), "at {now}");
    }
    let unknown = session(&ada, "unknown", KEPT_UNTIL).token_digest;
    assert_eq!(store.find_session(&unknown, NOW).await.expect("nothing is read"), None);
}

pub(super) async fn removing_a_session_is_idempotent_and_affects_no_other(store: SharedStore) {
    let ada = customer("ada");
    let (ended, kept) = (session(&ada, "ended", KEPT_UNTIL), session(&ada, "kept", KEPT_UNTIL));
    for session in [&ended, &kept] {
        store.insert_session(session).await.expect("the session is inserted");
    }
    for _ in 0..2 {
        store.remove_sessions(slice::from_ref(&ended)).await.expect("the session is removed");
        assert_eq!(store.find_session(&ended.token_digest, NOW).await.expect("nothing is read"), None);
        assert_eq!(store.list_sessions(&ada.id, NOW).await.expect("sessions"), slice::from_ref(&kept));
    }
    let found = store.find_session(&kept.token_digest, NOW).await.expect("a session is read");
    assert_eq!(found, Some(kept), "the other session is unaffected");
}

pub(super) async fn the_sessions_of_a_customer_are_listed_until_they_expire(store: SharedStore) {
    let (ada, bob) = (customer("ada"), customer("bob"));
    let expiring = |name: &str, seconds: i64| session(&ada, name, NOW + Duration::seconds(seconds));
    let (second, first) = (expiring("second", 20), expiring("first", 30));
    let device = Some("Firefox on Linux".to_owned());
    let third = Session { device, password_changes: 2, ..expiring("third", 10) };
    for session in [&second, &first, &third, &session(&bob, "bob", KEPT_UNTIL)] {
        store.insert_session(session).await.expect("the session is inserted");
    }
    let listed = |at: i64| {
        let (store, id) = (store.clone(), ada.id.clone());
        async move { store.list_sessions(&id, NOW + Duration::seconds(at)).await.expect("sessions") }
    };
    assert_eq!(listed(9).await, [first.clone(), second.clone(), third]);
    assert_eq!(listed(10).await, [first.clone(), second]);
    assert_eq!(listed(29).await, [first]);
    assert_eq!(listed(30).await, []);
    assert_eq!(store.list_sessions(&customer("carol").id, NOW).await.expect("nothing is read"), []);
}

pub(super) async fn at_most_a_hundred_sessions_are_listed_and_any_number_is_removed(store: SharedStore) {
    let ada = customer("ada");
    let more = i64::try_from(MAX_LISTED_SESSIONS).expect("a small number") + 5;
    let sessions: Vec<_> = (0..more)
        .map(|number| session(&ada, &number.to_string(), KEPT_UNTIL - Duration::milliseconds(number)))
        .collect();
    for session in &sessions {
        store.insert_session(session).await.expect("the session is inserted");
    }
    let listed = store.list_sessions(&ada.id, NOW).await.expect("sessions");
    assert_eq!(listed, sessions[..MAX_LISTED_SESSIONS]);
    store.remove_sessions(&sessions[1..]).await.expect("the sessions are removed");
    assert_eq!(store.list_sessions(&ada.id, NOW).await.expect("sessions"), sessions[..1]);
}

pub(super) async fn a_working_store_is_healthy(store: SharedStore) {
    store.check().await.expect("an empty store is healthy");
    store.insert_customer(&customer("ada")).await.expect("the account is inserted");
    store.check().await.expect("a store with content is healthy");
}

fn assert_email_taken(result: &Result<(), StoreError>) {
    assert!(matches!(result, Err(StoreError::AlreadyExists { subject: Subject::Email })), "{result:?}");
}
