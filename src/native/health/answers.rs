//! From a request to its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::handle::Inner;
use crate::config::ExportersInHealth;
use crate::health::{Answer, Exporters, Route, Status, frontend_health, frontend_live};
use crate::native::suppress::suppress;

impl Inner {
    /// What the program is, and its exporters where they have to do with it.
    pub(super) fn status(&self) -> (Status, Option<Exporters>) {
        let role = self.options.settings.exporters;
        // Before our own lock: a loom has locks, too.
        let exporters = if role == ExportersInHealth::Hidden { None } else { self.exporters() };
        let own = self.state().board.status();
        let status = exporters.as_ref().map_or(own, |exporters| exporters.judge(own, role));
        (status, exporters)
    }

    pub(super) fn answer(&self, method: &str, target: &str, accept: &str) -> Answer {
        let route = self.options.paths.route(target);
        if route == Route::Unknown || route == Route::Metrics && self.options.metrics.is_none() {
            return Answer::not_found();
        }
        match method {
            "GET" => self.answer_route(&route, accept),
            "HEAD" => self.answer_route(&route, accept).without_body(),
            _ => Answer::method_not_allowed(),
        }
    }

    fn answer_route(&self, route: &Route, accept: &str) -> Answer {
        match route {
            Route::Health => match &self.options.instances {
                // A frontend that cannot find out whom it knows tells that it knows nobody.
                Some(hook) => frontend_health(&call(&**hook).unwrap_or_default()),
                None => self.answer_as_worker(),
            },
            Route::Live if self.options.instances.is_some() || self.options.plain_live => {
                frontend_live(self.state().board.is_ending())
            }
            Route::Live => self.answer_as_worker(),
            Route::Endpoint(name) => self.state().board.answer_for(name),
            Route::Metrics => self.page_of_metrics(accept),
            Route::Unknown => Answer::not_found(),
        }
    }

    fn answer_as_worker(&self) -> Answer {
        let (status, exporters) = self.status();
        self.state().board.answer(status, self.now(), exporters.as_ref())
    }

    fn page_of_metrics(&self, accept: &str) -> Answer {
        let Some(hook) = &self.options.metrics else { return Answer::not_found() };
        match call(|| hook(accept)) {
            Some((content_type, page)) => Answer::new(200, content_type, page),
            None => Answer::text(500, "Failed to get metrics"),
        }
    }
}

/// Calls what the program gave us: without its being traced, and without its panics.
fn call<T>(hook: impl Fn() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(|| suppress(hook))).ok()
}
