//! Delivery: what happens to records between their end and the moment when a destination has them.

mod answer;
mod reason;

pub use answer::Answer;
pub use reason::Reason;
