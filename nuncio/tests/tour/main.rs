//! What the documentation promises: the output of the tour and the examples, how few crates there are, and a tree without stubs.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod acceptance;
mod crates;
mod examples;
mod front;
mod output;
mod tree;
#[path = "../../examples/tour/walk/mod.rs"]
mod walk;
