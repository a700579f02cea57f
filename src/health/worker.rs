//! What a worker answers, as Dynamo's system server does: compact JSON with sorted keys, under the name of plain text.

use std::time::Duration;

use super::{Answer, Board, Exporters, Status};
use crate::json::{Style, Writer};
use crate::value::ValueSink as _;

impl Board {
    /// The answer to "are you ready?" after the program has run for so long. Where exporters are given they are in it,
    /// under a key of their own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use spanloom::health::{Board, Status};
    /// let mut board = Board::new(Status::NotReady, ["generate"]);
    /// board.register("generate");
    /// let answer = board.answer(board.status(), Duration::new(18, 356_504_530), None);
    /// assert_eq!(
    ///     (answer.status, answer.body.as_str()),
    ///     (200, r#"{"endpoints":{"generate":"ready"},"status":"ready","uptime":{"nanos":356504530,"secs":18}}"#)
    /// );
    /// ```
    #[must_use]
    pub fn answer(&self, status: Status, uptime: Duration, exporters: Option<&Exporters>) -> Answer {
        let mut body = String::new();
        let mut json = Writer::new(&mut body, Style::Compact);
        json.begin_map();
        json.key("endpoints");
        json.begin_map();
        for (name, status) in self.endpoints() {
            json.key(name);
            json.string(status.name());
        }
        json.end_map();
        if let Some(exporters) = exporters {
            json.key("exporters");
            exporters.tell(&mut json);
        }
        json.key("status");
        json.string(status.name());
        json.key("uptime");
        json.begin_map();
        json.key("nanos");
        json.uint(uptime.subsec_nanos().into());
        json.key("secs");
        json.uint(uptime.as_secs());
        json.end_map();
        json.end_map();
        Answer::text(status.http(), body)
    }

    /// The answer to "is this endpoint ready?". `Route not found` for one that nobody has heard of.
    ///
    /// ```
    /// use spanloom::health::{Board, Status};
    /// let board = Board::new(Status::NotReady, ["generate"]);
    /// let answer = board.answer_for("generate");
    /// assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"endpoint":"generate","status":"notready"}"#));
    /// assert_eq!(board.answer_for("embed").status, 404);
    /// ```
    #[must_use]
    pub fn answer_for(&self, endpoint: &str) -> Answer {
        let Some(known) = self.status_of(endpoint) else { return Answer::not_found() };
        let status = if self.is_ending() { Status::NotReady } else { known };
        let mut body = String::new();
        let mut json = Writer::new(&mut body, Style::Compact);
        json.begin_map();
        json.key("endpoint");
        json.string(endpoint);
        json.key("status");
        json.string(status.name());
        json.end_map();
        Answer::text(status.http(), body)
    }

    /// What checks have found, as JSON.
    ///
    /// ```
    /// use spanloom::health::{Board, Status};
    /// let mut board = Board::new(Status::Ready, [""; 0]);
    /// board.watch("generate");
    /// assert_eq!(
    ///     board.summary(),
    ///     r#"{"endpoint_statuses":{"generate":{"healthy":false,"status":"NotReady"}},"endpoints_checked":1,"status":"notready"}"#
    /// );
    /// ```
    #[must_use]
    pub fn summary(&self) -> String {
        let mut body = String::new();
        let mut json = Writer::new(&mut body, Style::Compact);
        json.begin_map();
        json.key("endpoint_statuses");
        json.begin_map();
        for (name, status) in self.targets() {
            json.key(name);
            json.begin_map();
            json.key("healthy");
            json.bool(status.is_ready());
            json.key("status");
            json.string(status.long_name());
            json.end_map();
        }
        json.end_map();
        json.key("endpoints_checked");
        json.uint(u64::try_from(self.targets().count()).unwrap_or(u64::MAX));
        json.key("status");
        json.string(Status::of(self.targets().all(|(_, status)| status.is_ready())).name());
        json.end_map();
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_worker() {
        let none = [""; 0];
        let answer = |board: &Board| {
            let answer = board.answer(board.status(), Duration::new(3, 7), None);
            assert_eq!(answer.content_type, "text/plain; charset=utf-8");
            (answer.status, answer.body)
        };
        let expected = |status: u16, body: &str| (status, body.to_owned());
        let mut board = Board::new(Status::Ready, none);
        let empty = r#"{"endpoints":{},"status":"ready","uptime":{"nanos":7,"secs":3}}"#;
        assert_eq!(answer(&board), expected(200, empty));
        board.unregister("b\"\n");
        board.register("a");
        let two = r#"{"endpoints":{"a":"ready","b\"\n":"notready"},"status":"ready","uptime":{"nanos":7,"secs":3}}"#;
        assert_eq!(answer(&board), expected(200, two));
        board.end();
        assert_eq!(
            answer(&board),
            expected(503, &two.replace(r#""status":"ready""#, r#""status":"notready""#))
        );
        assert_eq!(board.answer_for("a").status, 503);
    }

    #[test]
    fn the_summary() {
        let mut board = Board::new(Status::NotReady, [""; 0]);
        let empty = r#"{"endpoint_statuses":{},"endpoints_checked":0,"status":"ready"}"#;
        assert_eq!(board.summary(), empty);
        board.watch("b");
        board.watch("a");
        board.register("c");
        board.checked("a", Status::Ready);
        assert_eq!(
            board.summary(),
            r#"{"endpoint_statuses":{"a":{"healthy":true,"status":"Ready"},"b":{"healthy":false,"status":"NotReady"}},"endpoints_checked":2,"status":"notready"}"#
        );
        board.checked("b", Status::Ready);
        assert!(board.summary().ends_with(r#""status":"ready"}"#));
    }
}
