//! Delivery against a network that is made up: scripted faults, ten thousand seeds.

mod faults;
mod http;
mod options;
mod page;
mod rules;
mod world;
