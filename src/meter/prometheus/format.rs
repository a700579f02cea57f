//! The text formats, and which of them a client asks for.

/// How the text is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Prometheus text 0.0.4, which every scraper reads.
    #[default]
    Prometheus,
    /// OpenMetrics 1.0: with units, exemplars and the moments at which series began.
    OpenMetrics,
    /// Prometheus text as NVIDIA Dynamo's registry prints it: infinite values are `inf` and `-inf`.
    Dynamo,
}

impl Format {
    /// The `Content-Type` of an answer in this format.
    ///
    /// ```
    /// use spanloom::meter::prometheus::Format;
    /// assert_eq!(Format::Prometheus.content_type(), "text/plain; version=0.0.4; charset=utf-8");
    /// ```
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            // What Dynamo's server says.
            Self::Dynamo => "text/plain; version=0.0.4",
        }
    }
}

/// The format that the `Accept` header of a request asks for: the one with the higher `q`, of two with the same the one that
/// is named first. Where it names neither the answer is Prometheus text, which a scraper rather takes than none.
///
/// ```
/// use spanloom::meter::prometheus::{Format, negotiate};
/// let accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
/// assert_eq!(negotiate(Some(accept)), Format::OpenMetrics);
/// assert_eq!(negotiate(None), Format::Prometheus);
/// ```
#[must_use]
pub fn negotiate(accept: Option<&str>) -> Format {
    let accept = accept.unwrap_or_default();
    let text = Wish::of(accept, "text/plain", "0.0.4");
    let open = Wish::of(accept, "application/openmetrics-text", "1.0.0");
    let wants_open = open.quality > text.quality || (open.quality == text.quality && open.place < text.place);
    if open.quality > 0 && wants_open { Format::OpenMetrics } else { Format::Prometheus }
}

/// How much a format is wished for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    /// How closely the part of the header names it; 0 where none does.
    closeness: u8,
    /// Thousandths.
    quality: u16,
    /// Which part of the header it is.
    place: usize,
}

impl Wish {
    /// The part that names the media type closest counts, as RFC 9110 says.
    fn of(accept: &str, media_type: &str, version: &str) -> Self {
        let mut best = Self { closeness: 0, quality: 0, place: usize::MAX };
        for (place, part) in accept.split(',').enumerate() {
            let mut words = part.split(';').map(str::trim);
            let range = words.next().unwrap_or_default();
            let mut closeness = closeness(range, media_type);
            let mut quality = 1000;
            for (name, value) in words.filter_map(|word| word.split_once('=')) {
                let value = value.trim().trim_matches('"');
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => quality = thousandths(value),
                    "version" if value == version => closeness += u8::from(closeness > 0),
                    "version" => closeness = 0,
                    _ => {}
                }
            }
            if closeness > best.closeness {
                best = Self { closeness, quality, place };
            }
        }
        best
    }
}

fn closeness(range: &str, media_type: &str) -> u8 {
    let group = media_type.split('/').next().unwrap_or_default();
    if range.eq_ignore_ascii_case(media_type) {
        3
    } else if range.strip_suffix("/*").is_some_and(|named| named.eq_ignore_ascii_case(group)) {
        2
    } else {
        u8::from(range == "*/*")
    }
}

/// A `q` in thousandths; what is none counts as 1, as if it were not there.
fn thousandths(q: &str) -> u16 {
    let (whole, digits) = q.split_once('.').unwrap_or((q, ""));
    let is_number = digits.len() <= 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
    match (whole, is_number) {
        ("0", true) => {
            digits.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
        }
        _ => 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                                text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    const PROMETHEUS_3: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,\
                                application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                                text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

    #[test]
    fn what_clients_send() {
        for (accept, format) in [
            (PROMETHEUS_2, Format::OpenMetrics),
            (PROMETHEUS_3, Format::OpenMetrics),
            ("", Format::Prometheus),
            ("*/*", Format::Prometheus),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Prometheus),
            ("application/json", Format::Prometheus),
            (
                "text/plain;version=0.0.4;q=0.5, application/openmetrics-text; version=\"1.0.0\"; q=0.6",
                Format::OpenMetrics,
            ),
            ("text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0", Format::Prometheus),
            ("application/openmetrics-text, text/plain", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=1.0.0", Format::OpenMetrics),
            (
                "application/openmetrics-text;version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                Format::Prometheus,
            ),
            ("application/openmetrics-text;q=0,*/*", Format::Prometheus),
            ("application/openmetrics-text;q=0", Format::Prometheus),
            ("application/*, text/*;q=0.9", Format::OpenMetrics),
            ("text/plain;q=0, */*", Format::OpenMetrics),
            (";;,,q=;=,/", Format::Prometheus),
        ] {
            assert_eq!(negotiate(Some(accept)), format, "{accept}");
        }
    }

    #[test]
    fn qualities_have_three_digits() {
        for (q, expected) in
            [("1", 1000), ("1.000", 1000), ("0", 0), ("0.", 0), ("0.5", 500), ("0.25", 250), ("0.001", 1)]
        {
            assert_eq!(thousandths(q), expected);
        }
        assert_eq!(thousandths("0.1234"), 1000);
        assert_eq!(thousandths("high"), 1000);
    }
}
