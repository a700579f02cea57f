//! `docs/reliability.md` says what is there.

use std::path::Path;

use spanloom::deliver::{Options, Reason};

const PAGE: &str = include_str!("../../docs/reliability.md");

/// The second cell of the row that begins with this code.
#[track_caller]
fn row(name: &str) -> &'static str {
    let start = format!("| `{name}` |");
    let row = PAGE.lines().find_map(|line| line.strip_prefix(start.as_str()));
    let row = row.unwrap_or_else(|| panic!("the page has no row for {name}"));
    row.split('|').next().unwrap_or_default().trim()
}

#[test]
fn every_reason_is_explained() {
    for reason in Reason::ALL {
        assert!(!row(reason.name()).is_empty());
    }
}

#[test]
fn the_numbers_are_those_of_the_code() {
    let options = Options::default();
    for (name, number) in [
        ("batch_spans", options.batch_spans),
        ("batch_bytes", options.batch_bytes),
        ("request_bytes", options.request_bytes),
        ("queue_spans", options.queue_spans),
        ("queue_bytes", options.queue_bytes),
        ("in_flight", options.in_flight as u64),
    ] {
        assert_eq!(row(name), number.to_string(), "{name}");
    }
    for (name, duration) in
        [("linger", options.linger), ("timeout", options.timeout), ("retry_for", options.retry_for)]
    {
        assert_eq!(row(name), format!("{} s", duration.as_secs()), "{name}");
    }
    let (first, longest) = (options.retry_first.as_secs(), options.retry_longest.as_secs());
    assert!(PAGE.contains(&format!("min({longest} s, {first} s * 2^(n-1))")));
    assert!(PAGE.contains(&format!("counts as {} min", options.asked_longest.as_secs() / 60)));
}

#[test]
fn the_tests_that_it_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named: Vec<(&str, &str)> = PAGE.split('`').filter_map(|code| code.split_once(".rs::")).collect();
    assert!(named.len() > 10, "{}", named.len());
    for (file, test) in named {
        let code = std::fs::read_to_string(root.join(format!("{file}.rs"))).expect(file);
        assert!(code.contains(&format!("fn {test}(")), "{file}.rs has no {test}");
    }
}
