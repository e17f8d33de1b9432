//! The test cards: what each of them does. No card here has a number, only the last digits in its label.

/// How the bank behind a test card answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Approves,
    Declines(&'static str),
    /// Wants to ask the shopper first, on its own page.
    RequiresAction,
    /// Holds the money, but for no time at all.
    ExpiresAtOnce,
}

const CARDS: [(&str, &str, Behaviour); 5] = [
    ("card_approved", "Test card ending in 4242 (is approved)", Behaviour::Approves),
    ("card_declined", "Test card ending in 0002 (is declined)", Behaviour::Declines("card_declined")),
    (
        "card_insufficient_funds",
        "Test card ending in 9995 (has insufficient funds)",
        Behaviour::Declines("insufficient_funds"),
    ),
    ("card_requires_action", "Test card ending in 3220 (the bank asks you first)", Behaviour::RequiresAction),
    ("card_expires", "Test card ending in 7777 (is approved, then expires)", Behaviour::ExpiresAtOnce),
];

/// Tokens and labels of all test cards, for a form.
pub fn test_cards() -> Vec<(String, String)> {
    CARDS.iter().map(|(token, label, _)| ((*token).to_owned(), (*label).to_owned())).collect()
}

/// What a token's card does; `None` for unknown tokens.
pub(super) fn behaviour(token: &str) -> Option<Behaviour> {
    CARDS.iter().find(|(known, ..)| *known == token).map(|(.., behaviour)| *behaviour)
}
