//! Head sampling: the decision when a span starts.
//!
//! A [`Sampler`] is a plain `Copy` value. A decision looks at two flags of the parent and at most one number of the trace
//! id, so it fits in front of everything else that starting a span would cost.

use core::fmt;

use thiserror::Error;

use super::probability::{Randomness, Threshold, scaled};
use crate::id::TraceId;

/// What happens to a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing is recorded; the context still goes on, with the sampled flag off.
    Drop,
    /// It is recorded but not exported: the sampled flag is off.
    RecordOnly,
    /// It is recorded and exported: the sampled flag is on.
    Sample,
}

impl Decision {
    /// True when something is recorded.
    #[inline]
    #[must_use]
    pub const fn is_recording(self) -> bool {
        !matches!(self, Self::Drop)
    }

    /// The sampled flag of the span.
    #[inline]
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        matches!(self, Self::Sample)
    }

    /// The same, but recorded in any case: what tail sampling needs.
    #[inline]
    #[must_use]
    pub const fn recorded(self) -> Self {
        if let Self::Drop = self { Self::RecordOnly } else { self }
    }

    const fn from_flag(sampled: bool) -> Self {
        if sampled { Self::Sample } else { Self::Drop }
    }
}

/// What is known of a parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parent {
    /// Its sampled flag.
    pub sampled: bool,
    /// True when it came from another process.
    pub is_remote: bool,
}

/// A share of all traces, chosen by their ids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    rate: f64,
    rule: Rule,
}

/// How a trace id is held against a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule {
    /// otel-go's: the upper 63 bits of the id's right half are below the bound.
    Below(u64),
    /// OpenTelemetry's: the randomness of the trace reaches the threshold.
    Reaches(Threshold),
}

impl Ratio {
    /// OpenTelemetry's rule: R >= T over the right-most seven bytes.
    #[must_use]
    pub fn threshold(rate: f64) -> Self {
        Self { rate, rule: Rule::Reaches(Threshold::of_ratio(rate)) }
    }

    /// otel-go's rule, which the semantic router uses.
    #[must_use]
    pub fn bits(rate: f64) -> Self {
        // A rate of 1 is the whole range: one above the largest number of 63 bits.
        Self { rate, rule: Rule::Below(scaled(rate, 1 << 63)) }
    }

    /// The rate.
    #[must_use]
    pub const fn rate(&self) -> f64 {
        self.rate
    }

    /// The threshold to write into `tracestate`; `None` under otel-go's rule, which has none.
    #[must_use]
    pub const fn threshold_value(&self) -> Option<Threshold> {
        if let Rule::Reaches(threshold) = self.rule { Some(threshold) } else { None }
    }

    /// True when the trace belongs to the share.
    #[inline]
    #[must_use]
    pub fn admits(&self, trace_id: TraceId) -> bool {
        match self.rule {
            Rule::Below(bound) => trace_id.low_half() >> 1 < bound,
            Rule::Reaches(threshold) => threshold.admits(Randomness::of_trace(trace_id)),
        }
    }

    /// The same where `tracestate` gave the randomness (`rv`); otel-go's rule does not look at it.
    #[inline]
    #[must_use]
    pub fn admits_randomness(&self, trace_id: TraceId, explicit: Option<Randomness>) -> bool {
        match (self.rule, explicit) {
            (Rule::Reaches(threshold), Some(randomness)) => threshold.admits(randomness),
            _ => self.admits(trace_id),
        }
    }
}

/// A sampler that does not look at parents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Root {
    /// Takes every trace.
    AlwaysOn,
    /// Takes none.
    AlwaysOff,
    /// Takes a share.
    Ratio(Ratio),
}

impl Root {
    #[inline]
    fn admits(&self, trace_id: TraceId, explicit: Option<Randomness>) -> bool {
        match self {
            Self::AlwaysOn => true,
            Self::AlwaysOff => false,
            Self::Ratio(ratio) => ratio.admits_randomness(trace_id, explicit),
        }
    }
}

/// Who decides, by what the parent is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParentBased {
    /// Without a parent.
    pub root: Root,
    /// Under a sampled parent from another process.
    pub remote_sampled: Root,
    /// Under a parent from another process that is not sampled.
    pub remote_not_sampled: Root,
    /// Under a sampled parent of this process.
    pub local_sampled: Root,
    /// Under a parent of this process that is not sampled.
    pub local_not_sampled: Root,
}

impl ParentBased {
    /// Follows any parent; `root` decides where there is none.
    #[must_use]
    pub const fn new(root: Root) -> Self {
        Self {
            root,
            remote_sampled: Root::AlwaysOn,
            remote_not_sampled: Root::AlwaysOff,
            local_sampled: Root::AlwaysOn,
            local_not_sampled: Root::AlwaysOff,
        }
    }
}

/// Decides over spans when they start.
///
/// ```
/// use spanloom::sample::{Decision, Parent, Sampler};
/// let sampler = Sampler::default();
/// let trace_id = "0af7651916cd43dd8448eb211c80319c".parse()?;
/// assert_eq!(sampler.decide(None, trace_id), Decision::Sample);
/// let parent = Parent { sampled: false, is_remote: true };
/// assert_eq!(sampler.decide(Some(parent), trace_id), Decision::Drop);
/// # Ok::<(), spanloom::IdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampler {
    /// Does not look at parents.
    Root(Root),
    /// Looks at the parent first.
    ParentBased(ParentBased),
}

impl Default for Sampler {
    /// Follows the parent; takes every trace that starts here.
    fn default() -> Self {
        Self::parent_based(Root::AlwaysOn)
    }
}

impl Sampler {
    /// Takes every trace.
    pub const ALWAYS_ON: Self = Self::Root(Root::AlwaysOn);
    /// Takes none.
    pub const ALWAYS_OFF: Self = Self::Root(Root::AlwaysOff);

    /// Takes a share by OpenTelemetry's rule.
    #[must_use]
    pub fn ratio(rate: f64) -> Self {
        Self::Root(Root::Ratio(Ratio::threshold(rate)))
    }

    /// Follows any parent; `root` decides where there is none.
    #[must_use]
    pub const fn parent_based(root: Root) -> Self {
        Self::ParentBased(ParentBased::new(root))
    }

    /// Decides over a span.
    #[inline]
    #[must_use]
    pub fn decide(&self, parent: Option<Parent>, trace_id: TraceId) -> Decision {
        self.decide_with(parent, trace_id, None)
    }

    /// Decides over a span whose `tracestate` gave the randomness of the trace.
    #[inline]
    #[must_use]
    pub fn decide_with(
        &self,
        parent: Option<Parent>,
        trace_id: TraceId,
        explicit: Option<Randomness>,
    ) -> Decision {
        Decision::from_flag(self.part_for(parent).admits(trace_id, explicit))
    }

    /// The part that decides under this parent; its ratio is the one to hand on in `tracestate`.
    #[inline]
    #[must_use]
    pub const fn part_for(&self, parent: Option<Parent>) -> &Root {
        match (self, parent) {
            (Self::Root(part), _) => part,
            (Self::ParentBased(parts), None) => &parts.root,
            (Self::ParentBased(parts), Some(Parent { sampled: true, is_remote: true })) => {
                &parts.remote_sampled
            }
            (Self::ParentBased(parts), Some(Parent { sampled: false, is_remote: true })) => {
                &parts.remote_not_sampled
            }
            (Self::ParentBased(parts), Some(Parent { sampled: true, is_remote: false })) => {
                &parts.local_sampled
            }
            (Self::ParentBased(parts), Some(Parent { sampled: false, is_remote: false })) => {
                &parts.local_not_sampled
            }
        }
    }

    /// The sampler that `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name; empty texts count as unset.
    ///
    /// # Errors
    /// When the name is not known. OpenTelemetry wants that to be a warning, with [`Sampler::default`] in its place.
    pub fn from_otel(name: &str, arg: Option<&str>) -> Result<Chosen, SamplerError> {
        let lower = name.trim().to_ascii_lowercase();
        let (parent_based, root) = match lower.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None if lower.is_empty() => (true, "always_on"),
            None => (false, lower.as_str()),
        };
        let (root, warning) = match root {
            "always_on" => (Root::AlwaysOn, None),
            "always_off" => (Root::AlwaysOff, None),
            "traceidratio" => {
                let (rate, warning) = rate_of(arg);
                (Root::Ratio(Ratio::threshold(rate)), warning)
            }
            "jaeger_remote" => return Err(SamplerError::Unsupported { name: lower }),
            "xray" if !parent_based => return Err(SamplerError::Unsupported { name: lower }),
            _ => return Err(SamplerError::Unknown { name: name.into() }),
        };
        let sampler = if parent_based { Self::parent_based(root) } else { Self::Root(root) };
        Ok(Chosen { sampler, warning })
    }

    /// The sampler that the semantic router's `sampling.type` and `sampling.rate` name. It does not look at parents.
    #[must_use]
    pub fn from_router(sampling_type: &str, rate: f64) -> Chosen {
        match sampling_type.trim().to_lowercase().as_str() {
            "" | "always_on" => Self::ALWAYS_ON.into(),
            "always_off" => Self::ALWAYS_OFF.into(),
            "probabilistic" | "traceidratio" | "trace_id_ratio" if rate.is_nan() => Chosen {
                sampler: Self::ALWAYS_ON,
                warning: Some(SamplerWarning::Rate { text: "NaN".into() }),
            },
            "probabilistic" | "traceidratio" | "trace_id_ratio" => {
                Self::Root(Root::Ratio(Ratio::bits(rate))).into()
            }
            _ => Chosen {
                sampler: Self::ALWAYS_ON,
                warning: Some(SamplerWarning::UnknownType { sampling_type: sampling_type.into() }),
            },
        }
    }
}

/// A sampler by name, and what was wrong with the request.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The sampler.
    pub sampler: Sampler,
    /// What to tell the user, where something was replaced.
    pub warning: Option<SamplerWarning>,
}

impl From<Sampler> for Chosen {
    fn from(sampler: Sampler) -> Self {
        Self { sampler, warning: None }
    }
}

/// Something that was asked for cannot be had and was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SamplerWarning {
    /// The rate is no number from 0 to 1; 1.0 counts.
    #[error("sampling rate {text:?} is no number from 0 to 1: 1.0 is used")]
    Rate {
        /// What was given.
        text: String,
    },
    /// The semantic router's sampling type is not known; every trace is taken.
    #[error("tracing_sampling_type_unknown: {sampling_type:?}, fallback: always_on")]
    UnknownType {
        /// What was given.
        sampling_type: String,
    },
}

/// Why a name gives no sampler.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// OpenTelemetry does not have it.
    #[error("there is no sampler {name:?}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// OpenTelemetry has it, this crate does not: it asks a server.
    #[error("sampler {name:?} needs a sampling server, which is not supported")]
    Unsupported {
        /// The name.
        name: String,
    },
}

fn rate_of(arg: Option<&str>) -> (f64, Option<SamplerWarning>) {
    let text = arg.unwrap_or_default().trim();
    if text.is_empty() {
        return (1.0, None);
    }
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=1.0).contains(&rate) => (rate, None),
        _ => (1.0, Some(SamplerWarning::Rate { text: text.into() })),
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlwaysOn => f.write_str("AlwaysOnSampler"),
            Self::AlwaysOff => f.write_str("AlwaysOffSampler"),
            // The original makes another sampler of a full rate, and cuts negative ones.
            Self::Ratio(ratio) if ratio.rate >= 1.0 => f.write_str("AlwaysOnSampler"),
            Self::Ratio(ratio) => {
                f.write_str("TraceIDRatioBased{")?;
                write_shortest(f, ratio.rate.max(0.0))?;
                f.write_str("}")
            }
        }
    }
}

impl fmt::Display for Sampler {
    /// The description of the OpenTelemetry SDKs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(part) => part.fmt(f),
            Self::ParentBased(parts) => write!(
                f,
                "ParentBased{{root:{},remoteParentSampled:{},remoteParentNotSampled:{},\
                 localParentSampled:{},localParentNotSampled:{}}}",
                parts.root,
                parts.remote_sampled,
                parts.remote_not_sampled,
                parts.local_sampled,
                parts.local_not_sampled
            ),
        }
    }
}

/// Writes a number from 0 to 1 with its shortest digits, small ones with an exponent of two digits, as Go's `%g` does.
fn write_shortest(f: &mut fmt::Formatter<'_>, rate: f64) -> fmt::Result {
    if rate == 0.0 || rate >= 1e-4 {
        return write!(f, "{rate}");
    }
    let text = format!("{rate:e}");
    match text.split_once("e-") {
        Some((digits, exponent)) => write!(f, "{digits}e-{exponent:0>2}"),
        None => f.write_str(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(text: &str) -> TraceId {
        text.parse().unwrap()
    }

    #[test]
    fn the_routers_names() {
        for (name, rate, description, warned) in [
            ("always_on", 0.0, "AlwaysOnSampler", false),
            ("", 0.0, "AlwaysOnSampler", false),
            ("  ALWAYS_Off ", 1.0, "AlwaysOffSampler", false),
            ("probabilistic", 0.1, "TraceIDRatioBased{0.1}", false),
            ("TraceIdRatio", 0.5, "TraceIDRatioBased{0.5}", false),
            ("\ttrace_id_ratio\n", 0.00001, "TraceIDRatioBased{1e-05}", false),
            ("probabilistic", 0.000123, "TraceIDRatioBased{0.000123}", false),
            ("probabilistic", -2.0, "TraceIDRatioBased{0}", false),
            ("probabilistic", 1.5, "AlwaysOnSampler", false),
            ("probabilistic", f64::NAN, "AlwaysOnSampler", true),
            ("parentbased_always_on", 0.1, "AlwaysOnSampler", true),
        ] {
            let chosen = Sampler::from_router(name, rate);
            assert_eq!(chosen.sampler.to_string(), description, "{name:?}");
            assert_eq!(chosen.warning.is_some(), warned, "{name:?}");
        }
    }

    #[test]
    fn the_routers_ratio_looks_at_bits() {
        let low = |low: &str| format!("0af7651916cd43dd{low}");
        for (id, rate, sampled) in [
            (low("8448eb211c80319c"), 0.50, false),
            (low("8448eb211c80319c"), 0.52, true),
            (low("1999999999999999"), 0.1, true),
            (low("199999999999a000"), 0.1, false),
            (low("ffffffffffffffff"), 1.0, true),
            (low("0000000000000000"), 0.0, false),
            (low("0000000000000000"), -1.0, false),
        ] {
            let sampler = Sampler::from_router("probabilistic", rate).sampler;
            for parent in [None, Some(Parent { sampled: !sampled, is_remote: true })] {
                assert_eq!(sampler.decide(parent, trace(&id)).is_sampled(), sampled, "{id} {rate}");
            }
        }
    }

    #[test]
    fn opentelemetrys_names() {
        let default = Sampler::default().to_string();
        assert_eq!(
            default,
            "ParentBased{root:AlwaysOnSampler,remoteParentSampled:AlwaysOnSampler,\
             remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,\
             localParentNotSampled:AlwaysOffSampler}"
        );
        let ratio =
            |rate: &str| default.replacen("AlwaysOnSampler", &format!("TraceIDRatioBased{{{rate}}}"), 1);
        for (name, arg, description, warned) in [
            ("", None, default.clone(), false),
            ("always_on", None, "AlwaysOnSampler".into(), false),
            ("Always_OFF", Some("0.5"), "AlwaysOffSampler".into(), false),
            ("traceidratio", Some("0.25"), "TraceIDRatioBased{0.25}".into(), false),
            ("traceidratio", None, "AlwaysOnSampler".into(), false),
            ("traceidratio", Some(""), "AlwaysOnSampler".into(), false),
            ("traceidratio", Some("many"), "AlwaysOnSampler".into(), true),
            ("traceidratio", Some("1.5"), "AlwaysOnSampler".into(), true),
            ("traceidratio", Some("nan"), "AlwaysOnSampler".into(), true),
            ("parentbased_always_on", None, default.clone(), false),
            ("parentbased_traceidratio", Some("0.5"), ratio("0.5"), false),
            (
                "parentbased_always_off",
                None,
                default.replacen("AlwaysOnSampler", "AlwaysOffSampler", 1),
                false,
            ),
        ] {
            let chosen = Sampler::from_otel(name, arg).unwrap();
            assert_eq!(chosen.sampler.to_string(), description, "{name} {arg:?}");
            assert_eq!(chosen.warning.is_some(), warned, "{name} {arg:?}");
        }
        for name in ["on", "parentbased_", "parentbased_xray", "ratio"] {
            assert_eq!(Sampler::from_otel(name, None), Err(SamplerError::Unknown { name: name.into() }));
        }
        for name in ["xray", "jaeger_remote", "parentbased_jaeger_remote"] {
            assert!(
                matches!(Sampler::from_otel(name, None), Err(SamplerError::Unsupported { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn each_kind_of_parent_has_its_part() {
        let ratio = |rate| Root::Ratio(Ratio::threshold(rate));
        let sampler = Sampler::ParentBased(ParentBased {
            root: ratio(0.1),
            remote_sampled: ratio(0.2),
            remote_not_sampled: ratio(0.3),
            local_sampled: ratio(0.4),
            local_not_sampled: ratio(0.5),
        });
        for (parent, rate) in [
            (None, 0.1),
            (Some((true, true)), 0.2),
            (Some((false, true)), 0.3),
            (Some((true, false)), 0.4),
            (Some((false, false)), 0.5),
        ] {
            let parent = parent.map(|(sampled, is_remote)| Parent { sampled, is_remote });
            assert_eq!(sampler.part_for(parent), &ratio(rate));
        }
    }

    #[test]
    fn explicit_randomness_counts_for_thresholds_only() {
        let id = trace("0af7651916cd43dd00ffffffffffffff");
        let low = Randomness::parse("00000000000000");
        assert_eq!(Sampler::ratio(0.5).decide(None, id), Decision::Sample);
        assert_eq!(Sampler::ratio(0.5).decide_with(None, id, low), Decision::Drop);
        let router = Sampler::from_router("probabilistic", 0.5).sampler;
        assert_eq!(router.decide_with(None, id, low), router.decide(None, id));
    }

    #[test]
    fn a_higher_rate_takes_what_a_lower_one_takes() {
        let mut low = 1u64;
        for _ in 0..2000 {
            low = low.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let id = TraceId::from_halves(1, low);
            for make in [Ratio::threshold, Ratio::bits] {
                let taken: Vec<bool> =
                    [0.0, 0.01, 0.3, 0.7, 1.0].iter().map(|rate| make(*rate).admits(id)).collect();
                assert!(taken.is_sorted(), "{id}");
                assert!(!taken[0] && taken[4]);
            }
        }
    }

    #[test]
    fn recording_and_the_flag() {
        assert_eq!(Decision::Drop.recorded(), Decision::RecordOnly);
        assert_eq!(Decision::Sample.recorded(), Decision::Sample);
        assert!(Decision::RecordOnly.is_recording() && !Decision::RecordOnly.is_sampled());
    }
}
