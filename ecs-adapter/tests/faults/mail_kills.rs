//! `kill -9` at random moments while the shop sends mails: none is lost, and a kill doubles at most the mail that was being sent.

use std::collections::BTreeSet;
use std::time::Duration;

use shopease_mail::testing::{Received, Relay};
use shopease_shop::testing::SeededRandom;

use crate::random_kills::under_load;
use crate::site::{Site, Store};

crate::both_stores!(a_shop_killed_while_it_sends_mails_loses_none);

const KILLS: u32 = 3;

async fn a_shop_killed_while_it_sends_mails_loses_none(store: Store) {
    let mut random = SeededRandom::new(crate::seed());
    let relay = Relay::start().await;
    // Most of the time, a mail is being sent.
    relay.delay(Duration::from_millis(30));
    let mut site = Site::open(store).await;
    site.variables = vec![
        ("SHOPEASE_MAIL", "smtp".to_owned()),
        ("SHOPEASE_MAIL_SMTP_URL", relay.url()),
        ("SHOPEASE_MAIL_FROM", "Shop <orders@shop.test>".to_owned()),
        ("SHOPEASE_WORKER_SECONDS", "1".to_owned()),
    ];
    let kills = KILLS * crate::scale();
    let mut sent_before_a_kill = 0;
    for round in 0..kills {
        let wait = Duration::from_millis(1_500 + random.number() % 2_000);
        under_load(&site, round, wait).await;
        sent_before_a_kill += usize::from(!relay.received().is_empty());
        // The lease of the killed worker expires.
        site.pass_time(31);
    }
    assert!(sent_before_a_kill > 0, "the workers were killed before they sent anything");
    site.settle().await;
    let received = relay.received();
    for (topic, kind) in [("order.paid", "order_confirmation"), ("order.refunded", "order_refunded")] {
        let events: BTreeSet<_> = site.receiver.events().into_iter().filter(|(event, _)| event == topic).collect();
        let mails = received.iter().map(Received::id).filter(|id| id.contains(kind));
        let mails: BTreeSet<_> = mails.collect();
        assert_eq!(mails.len(), events.len(), "{topic}: mails were lost, or sent about nothing");
    }
    let distinct: BTreeSet<_> = received.iter().map(Received::id).collect();
    let doubled = received.len() - distinct.len();
    println!("{} mails, {doubled} doubled, 0 lost by {kills} kills", distinct.len());
    assert!(distinct.len() > 10, "too few mails for a test");
    assert!(doubled <= usize::try_from(kills).expect("small"), "a kill doubled more than the mail that was being sent");
    site.close().await;
}
