//! Names of OpenTelemetry as names of Prometheus.
//!
//! A metric's name is cut into words at every character that cannot stand in it. The words of its unit are put behind where
//! they are not among them yet, `ratio` behind a gauge of unit `1`, and `total` behind a sum that never goes down. So
//! `http.server.request.duration` in `s` is `http_server_request_duration_seconds`.
//!
//! In the name of a label each character that cannot stand there becomes a `_`. Two keys may get one name that way: their
//! values are then joined, which the writer does.

use crate::meter::StreamKind;

/// The name of a metric of OpenTelemetry as Prometheus writes it; empty where nothing of it is left.
///
/// ```
/// use spanloom::meter::StreamKind;
/// use spanloom::meter::prometheus::metric_name;
/// assert_eq!(metric_name("process.memory.usage", "By", StreamKind::Gauge), "process_memory_usage_bytes");
/// ```
#[must_use]
pub fn metric_name(name: &str, unit: &str, kind: StreamKind) -> String {
    let mut words: Vec<&str> = words(name).collect();
    if words.is_empty() {
        return String::new();
    }
    let suffix = unit_words(unit);
    for word in suffix.split('_').filter(|word| !word.is_empty()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if unit == "1" && kind == StreamKind::Gauge {
        to_the_end(&mut words, "ratio");
    }
    if matches!(kind, StreamKind::Sum { monotonic: true, .. }) {
        to_the_end(&mut words, "total");
    }
    let joined = words.join("_");
    if joined.starts_with(|first: char| first.is_ascii_digit()) { format!("_{joined}") } else { joined }
}

/// The name of a label: no character that cannot stand there, and not of those that Prometheus keeps for itself.
///
/// ```
/// use spanloom::meter::prometheus::label_name;
/// assert_eq!(label_name("http.status_code"), "http_status_code");
/// ```
#[must_use]
pub fn label_name(key: &str) -> String {
    let name = clean(key, false);
    // Two underscores begin the names that Prometheus gives itself, such as `__name__`.
    match name.strip_prefix("__") {
        Some(rest) => format!("_{}", rest.trim_start_matches('_')),
        None => name,
    }
}

/// A name in which only what cannot stand in it was replaced.
pub(super) fn clean(name: &str, colons: bool) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    let mut clean = String::with_capacity(name.len() + 1);
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        clean.push('_');
    }
    clean.extend(name.chars().map(|c| if allowed(c) { c } else { '_' }));
    clean
}

/// The unit as it stands at the end of names: empty for none.
pub(super) fn unit_suffix(unit: &str, kind: StreamKind) -> String {
    if unit == "1" && kind == StreamKind::Gauge { "ratio".to_owned() } else { unit_words(unit) }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|word| !word.is_empty())
}

fn to_the_end<'a>(words: &mut Vec<&'a str>, word: &'a str) {
    words.retain(|known| *known != word);
    words.push(word);
}

/// A unit of UCUM in words that are joined by `_`. What stands in braces is a remark and no unit.
fn unit_words(unit: &str) -> String {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let is_remark = |part: &str| part.is_empty() || part.contains(['{', '}']);
    let mut text = String::new();
    if main != "1" && !is_remark(main) {
        put_unit(&mut text, main, long_form(main));
    }
    if !is_remark(per) {
        put_unit(&mut text, "per", None);
        put_unit(&mut text, per, one_of(per));
    }
    text
}

fn put_unit(text: &mut String, unit: &str, known: Option<&str>) {
    for word in words(known.unwrap_or(unit)) {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(word);
    }
}

fn long_form(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" | "kBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        _ => return None,
    })
}

/// A unit behind a stroke: one of it.
fn one_of(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "s" => "second",
        "m" | "min" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" | "wk" => "week",
        "mo" => "month",
        "y" | "a" => "year",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Temporality;

    const COUNTER: StreamKind = StreamKind::Sum { monotonic: true, temporality: Temporality::Cumulative };
    const UP_DOWN: StreamKind = StreamKind::Sum { monotonic: false, temporality: Temporality::Cumulative };
    const HISTOGRAM: StreamKind = StreamKind::Histogram { temporality: Temporality::Cumulative };
    const GAUGE: StreamKind = StreamKind::Gauge;

    #[test]
    fn metric_names() {
        for (name, unit, kind, expected) in [
            ("http.server.request.duration", "s", HISTOGRAM, "http_server_request_duration_seconds"),
            ("gen_ai.client.token.usage", "{token}", HISTOGRAM, "gen_ai_client_token_usage"),
            ("process.cpu.time", "s", COUNTER, "process_cpu_time_seconds_total"),
            ("requests", "", COUNTER, "requests_total"),
            ("requests.total", "1", COUNTER, "requests_total"),
            ("total.requests", "", COUNTER, "requests_total"),
            ("requests_total", "", GAUGE, "requests_total"),
            ("wait_seconds", "s", GAUGE, "wait_seconds"),
            ("wait_seconds_total", "s", COUNTER, "wait_seconds_total"),
            ("bytes.sent", "By", COUNTER, "bytes_sent_total"),
            ("cpu.utilization", "1", GAUGE, "cpu_utilization_ratio"),
            ("cpu.utilization", "1", UP_DOWN, "cpu_utilization"),
            ("cpu.load", "%", GAUGE, "cpu_load_percent"),
            ("disk.io", "By/s", GAUGE, "disk_io_bytes_per_second"),
            ("throughput", "{token}/s", GAUGE, "throughput_per_second"),
            ("speed", "m/s", GAUGE, "speed_meters_per_second"),
            ("boxes", "widgets", GAUGE, "boxes_widgets"),
            ("queue", "{item}", UP_DOWN, "queue"),
            ("__a..b--c__", "", GAUGE, "a_b_c"),
            ("9lives", "", GAUGE, "_9lives"),
            ("a:b", "", GAUGE, "a:b"),
            ("größe", "", GAUGE, "gr_e"),
            ("bad\nname{x=\"1\"} 2", "", GAUGE, "bad_name_x_1_2"),
            ("...", "s", COUNTER, ""),
            ("total", "", COUNTER, "total"),
            ("x", "%\n/\"", GAUGE, "x_per"),
        ] {
            assert_eq!(metric_name(name, unit, kind), expected, "{name} {unit} {kind:?}");
        }
    }

    #[test]
    fn label_names() {
        for (key, expected) in [
            ("http.route", "http_route"),
            ("a__b", "a__b"),
            ("_a", "_a"),
            ("__name__", "_name__"),
            (".._x", "_x"),
            ("1st", "_1st"),
            ("", "_"),
            ("a:b", "a_b"),
            ("x=\"1\",y", "x__1__y"),
            ("ü", "_"),
        ] {
            assert_eq!(label_name(key), expected, "{key}");
        }
    }

    #[test]
    fn valid_names_stay_when_they_are_cleaned() {
        for name in ["dynamo_component__9temp", "a:b", "_x", "__x"] {
            assert_eq!(clean(name, true), name);
        }
        assert_eq!(clean("9 a:b\n", false), "_9_a_b_");
    }
}
