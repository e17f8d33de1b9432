//! The test cards and their behavior. They have no card numbers, only last digits in their labels.

/// How the bank of a test card responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    Approves,
    Declines(&'static str),
    /// The bank's page must ask the shopper first.
    RequiresAction,
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

/// Tokens and labels of all test cards, for a form.
pub fn test_cards() -> Vec<(String, String)> {
    CARDS.iter().map(|(token, label, _)| ((*token).to_owned(), (*label).to_owned())).collect()
}

/// The behavior of a token's card; `None` for unknown tokens.
pub(super) fn behavior(token: &str) -> Option<Behavior> {
    CARDS.iter().find(|(name, ..)| *name == token).map(|(.., behavior)| *behavior)
}
