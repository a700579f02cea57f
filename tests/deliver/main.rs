//! Delivery against a network that is made up: scripted faults, ten thousand seeds.

mod answers;
mod batches;
mod ends;
mod faults;
mod http;
mod options;
mod page;
mod world;
