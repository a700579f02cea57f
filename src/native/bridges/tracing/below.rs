//! The caller's span, for tracing spans that have no parent in this program.

use std::cell::RefCell;

use crate::context::{Context, SpanContext};
use crate::native::node::usable;

thread_local! {
    static REMOTE: RefCell<Option<SpanContext>> = const { RefCell::new(None) };
}

/// Puts back what was there before, also after a panic.
struct Before(Option<SpanContext>);

impl Drop for Before {
    fn drop(&mut self) {
        let before = self.0.take();
        REMOTE.with(|remote| *remote.borrow_mut() = before);
    }
}

/// Makes tracing spans below the span of another program: those that start in `make` and have no parent here.
///
/// ```
/// # use tracing_subscriber::layer::SubscriberExt;
/// # let memory = spanloom::MemoryExporter::new();
/// # let loom = spanloom::Loom::builder().exporter(memory.clone()).build();
/// # let subscriber = tracing_subscriber::registry().with(spanloom::tracing::layer(&loom));
/// # tracing::subscriber::with_default(subscriber, || {
/// let headers = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")];
/// let came = spanloom::context::extract(&headers);
/// let request = spanloom::tracing::below(&came, || tracing::info_span!("request"));
/// # });
/// # loom.flush(std::time::Duration::from_secs(30));
/// # memory.each_span(|span| assert_eq!(span.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c"));
/// # assert_eq!(memory.span_count(), 1);
/// ```
pub fn below<T>(context: &Context, make: impl FnOnce() -> T) -> T {
    let span = usable(context.span.as_ref()).cloned();
    let _before = Before(REMOTE.with(|remote| remote.replace(span)));
    make()
}

/// The span of another program that a new root is to stand below.
pub(in crate::native::bridges) fn remote_parent() -> Option<SpanContext> {
    REMOTE.try_with(|remote| remote.borrow().clone()).ok().flatten()
}
