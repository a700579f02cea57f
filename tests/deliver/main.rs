//! Delivery against a network that is made up: scripted faults, ten thousand seeds.

mod faults;
mod options;
mod page;
mod rules;
mod world;
