//! The test cards and their behavior. They have no card numbers, only last digits in their labels.

use shopease_shop::domain::HOSTED_PAGE;

/// How the bank of a test card responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    Approves,
    Declines(&'static str),
    /// The bank's page must ask the shopper first.
    RequiresAction,
    /// Not a card: the payment page asks for one.
    AsksForCard,
    /// The bank authorizes the amount, but the authorization expires at once.
    ExpiresAtOnce,
}

const CARDS: [(&str, &str, Behavior); 5] = [
    ("card_approved", "Test card ending in 4242 (approved)", Behavior::Approves),
    ("card_declined", "Test card ending in 0002 (declined)", Behavior::Declines("card_declined")),
    (
        "card_insufficient_funds",
        "Test card ending in 9995 (insufficient funds)",
        Behavior::Declines("insufficient_funds"),
    ),
    ("card_requires_action", "Test card ending in 3220 (bank confirmation required)", Behavior::RequiresAction),
    ("card_expires", "Test card ending in 7777 (approved, then expires)", Behavior::ExpiresAtOnce),
];

/// Tokens and labels of all test cards.
pub fn test_cards() -> impl Iterator<Item = (&'static str, &'static str)> {
    CARDS.iter().map(|(token, label, _)| (*token, *label))
}

/// The cards that the payment page offers: those without a page of their own.
pub(super) fn cards_of_page() -> impl Iterator<Item = (&'static str, &'static str)> {
    let cards = CARDS.iter().filter(|(.., behavior)| *behavior != Behavior::RequiresAction);
    cards.map(|(token, label, _)| (*token, *label))
}

/// The behavior of a token's card; `None` for unknown tokens. A token of the fields on the checkout page has a prefix, as at Stripe.
pub(super) fn behavior(token: &str) -> Option<Behavior> {
    let token = token.strip_prefix("ctoken_").unwrap_or(token);
    if token == HOSTED_PAGE {
        return Some(Behavior::AsksForCard);
    }
    CARDS.iter().find(|(name, ..)| *name == token).map(|(.., behavior)| *behavior)
}
