//! The identity of a span as other programs see it.

use super::traceparent;
use super::{TraceState, TraceparentError};
use crate::{SpanId, TraceId};

/// The two flags of a trace that the W3C defines; other bits are dropped on the way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// No flag is set.
    pub const NONE: Self = Self(0);
    /// The caller may have recorded its span.
    pub const SAMPLED: Self = Self(1);
    /// The right-most seven bytes of the trace id are random (Level 2).
    pub const RANDOM: Self = Self(2);

    /// The known flags of this byte.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// The flags as the byte that is sent.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// True where the sampled flag is set.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// True where the random flag is set.
    #[must_use]
    pub const fn is_random(self) -> bool {
        self.0 & Self::RANDOM.0 != 0
    }

    /// These flags with the sampled flag set or cleared.
    #[must_use]
    pub const fn with_sampled(self, on: bool) -> Self {
        self.with(Self::SAMPLED, on)
    }

    /// These flags with the random flag set or cleared.
    ///
    /// Only who makes a trace id knows whether it is random; everybody else passes the flag on as it came.
    #[must_use]
    pub const fn with_random(self, on: bool) -> Self {
        self.with(Self::RANDOM, on)
    }

    const fn with(self, flag: Self, on: bool) -> Self {
        if on { Self(self.0 | flag.0) } else { Self(self.0 & !flag.0) }
    }
}

/// How a new trace begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootOptions {
    /// Sets the sampled flag. On by default.
    pub sampled: bool,
    /// Sets the random flag. Off by default: peers that know Level 1 only may refuse the flags `03`, and the trace
    /// would break there. Switch it on where all peers know Level 2 and the trace ids are random.
    pub random_flag: bool,
}

impl Default for RootOptions {
    fn default() -> Self {
        Self { sampled: true, random_flag: false }
    }
}

/// The part of a span that crosses process borders: which trace, which span, which flags.
///
/// ```
/// use spanloom::context::SpanContext;
/// let span: SpanContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03".parse()?;
/// assert!(span.is_remote && span.flags.is_sampled() && span.flags.is_random());
/// assert_eq!(span.traceparent(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03");
/// # Ok::<(), spanloom::context::TraceparentError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// Sampled and random.
    pub flags: TraceFlags,
    /// What tracing systems along the way have noted down.
    pub trace_state: TraceState,
    /// True where the context came from another program.
    pub is_remote: bool,
}

impl SpanContext {
    /// The first span of a new trace. It begins with an empty tracestate.
    #[must_use]
    pub const fn root(trace_id: TraceId, span_id: SpanId, options: RootOptions) -> Self {
        let flags = TraceFlags::NONE.with_sampled(options.sampled).with_random(options.random_flag);
        Self { trace_id, span_id, flags, trace_state: TraceState::EMPTY, is_remote: false }
    }

    /// A local span below this one: same trace, flags and tracestate.
    ///
    /// The sampled flag may be changed on the child, since it has an id of its own; the random flag may not.
    #[must_use]
    pub fn child(&self, span_id: SpanId) -> Self {
        Self { span_id, is_remote: false, ..self.clone() }
    }

    /// True where both ids are set. Anything else is never sent.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.trace_id.is_valid() && self.span_id.is_valid()
    }

    /// The value of the `traceparent` header: always version `00`, whatever version came in.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let text = traceparent::write(self);
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl core::str::FromStr for SpanContext {
    type Err = TraceparentError;

    /// Reads a `traceparent` value: a remote span without tracestate.
    fn from_str(text: &str) -> Result<Self, TraceparentError> {
        traceparent::read(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_flag_bits_are_dropped() {
        for bits in 0..=u8::MAX {
            assert_eq!(TraceFlags::from_bits(bits).bits(), bits & 3);
        }
    }

    #[test]
    fn a_new_trace_is_sampled_and_says_random_only_when_asked() {
        let root = |options| {
            SpanContext::root(TraceId::from_halves(1, 1), SpanId::from_u64(1), options).flags.bits()
        };
        assert_eq!(root(RootOptions::default()), 1);
        assert_eq!(root(RootOptions { random_flag: true, ..RootOptions::default() }), 3);
        assert_eq!(root(RootOptions { sampled: false, random_flag: true }), 2);
    }

    #[test]
    fn a_child_keeps_all_but_the_span() {
        let mut parent: SpanContext =
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02".parse().unwrap();
        parent.trace_state.insert("vendor", "1").unwrap();
        let child = parent.child(SpanId::from_u64(7));
        assert_eq!(child, SpanContext { span_id: SpanId::from_u64(7), is_remote: false, ..parent.clone() });
        assert!(child.flags.is_random() && !child.flags.is_sampled() && !child.is_remote);
    }
}
