//! Uploaded pictures: decoded within limits and encoded again, so that nothing of an upload but its pixels reaches a shopper; and a
//! directory that keeps the files.

mod directory;
mod maker;

pub use directory::PictureDirectory;
pub use maker::Maker;
