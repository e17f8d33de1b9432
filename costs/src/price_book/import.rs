//! Replaces rows of the price book by those of an AWS price list.
