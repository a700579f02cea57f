//! Whatever a server says: an answer, and no more of its text than is shown to people.

use std::time::Duration;

use proptest::prelude::*;
use spanloom::deliver::{Answer, HttpResponse, answer_of_http};

/// Text that is nearly a date, nearly a number, or anything.
fn header() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(prop_oneof![
        "[0-9]{1,25}",
        "(Sun|Sunday), [0-9]{2}[ -](Nov|Feb|Foo)[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} (GMT|CET)",
        "Sun (Nov|Feb) [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}",
        ".{0,40}",
    ])
}

fn content_type() -> impl Strategy<Value = Option<&'static str>> {
    let types = ["application/json", "application/x-protobuf", "text/html; charset=utf-8", ";", ""];
    proptest::option::of(proptest::sample::select(types.to_vec()))
}

proptest! {
    #[test]
    fn every_answer_means_something(
        status in prop_oneof![any::<u16>(), 200u16..600],
        retry_after in header(),
        date in header(),
        content_type in content_type(),
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..3_000),
            ".{0,2000}".prop_map(String::into_bytes),
        ],
        now in any::<u64>(),
    ) {
        let response = HttpResponse {
            status,
            retry_after: retry_after.as_deref(),
            date: date.as_deref(),
            content_type,
            body: &body,
        };
        match answer_of_http(&response, Duration::from_secs(now)) {
            Answer::Taken { .. } | Answer::Partly { .. } => prop_assert!((200..300).contains(&status)),
            Answer::Unclear { why } => {
                prop_assert!((200..300).contains(&status));
                prop_assert!(why.chars().count() < 300 && !why.contains(char::is_control));
            }
            Answer::Later { why, .. } => {
                prop_assert!([429, 502, 503, 504].contains(&status));
                prop_assert!(why.chars().count() < 300 && !why.contains(char::is_control));
            }
            Answer::TooLarge { .. } => prop_assert_eq!(status, 413),
            Answer::Refused { why, .. } => {
                prop_assert!(!(200..300).contains(&status));
                prop_assert!(why.chars().count() < 300 && !why.contains(char::is_control));
            }
        }
    }
}
