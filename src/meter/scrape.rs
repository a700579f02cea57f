//! A collection of a book for who asks stream by stream.

use std::sync::Arc;

use super::book::Told;
use super::prometheus::MetricSource;
use super::{MetricSink, Point, Reader, Saying, Stream};

/// What everything in a [`Book`](super::Book) stands at, told as often as it is asked for.
///
/// ```
/// use spanloom::meter::prometheus::{Families, Format, PrometheusOptions};
/// use spanloom::meter::{Book, Instrument, InstrumentKind, Labels, Slot};
/// let book = Book::default();
/// let requests = book.sums::<i64>(Instrument::new("requests", InstrumentKind::Counter));
/// requests.series(&Labels::new([("route", "/ask".into())]), || 5).cell.add(Slot::ONLY, 2);
///
/// let options = PrometheusOptions::new(Format::Prometheus);
/// let text = Families::of(&[&book.scrape(10)], &options)?.to_text();
/// assert_eq!(text, "# TYPE requests_total counter\nrequests_total{route=\"/ask\"} 2\n");
/// # Ok::<(), spanloom::meter::prometheus::FamilyError>(())
/// ```
pub struct Scrape {
    pub(super) told: Vec<Arc<dyn Told>>,
    pub(super) saying: Saying,
}

impl std::fmt::Debug for Scrape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.told.iter().map(|told| told.head().name.to_owned()).collect();
        f.debug_struct("Scrape").field("streams", &names).field("saying", &self.saying).finish()
    }
}

impl MetricSource for Scrape {
    fn streams(&self, tell: &mut dyn FnMut(&Stream<'_>)) {
        self.told.iter().for_each(|told| tell(&told.head()));
    }

    fn points(&self, index: usize, tell: &mut dyn FnMut(&Point<'_>)) {
        if let Some(told) = self.told.get(index) {
            // Such a reader remembers nothing, so a new one will do.
            told.tell(index, &mut Reader::cumulative(), &self.saying, &mut Points(tell));
        }
    }
}

/// Passes points on.
struct Points<'a>(&'a mut dyn FnMut(&Point<'_>));

impl MetricSink for Points<'_> {
    fn stream(&mut self, _stream: &Stream<'_>) {}

    fn point(&mut self, point: &Point<'_>) {
        (self.0)(point);
    }
}

#[cfg(test)]
mod tests {
    use super::Points;
    use crate::meter::prometheus::{Families, Format, PrometheusOptions};
    use crate::meter::{
        Aggregation, Book, BookOptions, Instrument, InstrumentKind, Labels, Reader, Slot, View,
    };

    #[test]
    fn a_book_becomes_text() {
        let dropped = View::of("secret").aggregation(Aggregation::Drop);
        let book = Book::new(BookOptions { views: vec![dropped], ..BookOptions::default() });
        let counter = |name: &str| book.sums::<i64>(Instrument::new(name, InstrumentKind::Counter));
        counter("secret").series(&Labels::none(), || 1).cell.add(Slot::ONLY, 1);
        let _unused = counter("unused");
        let load = book.gauges::<f64>(Instrument::new("load", InstrumentKind::Gauge).observed());
        let series = load.series(&Labels::new([("cpu", 0.into())]), || 1);
        book.observe(move |saying| saying.say(&series, 0.5));
        counter("a.b").series(&Labels::none(), || 1).cell.add(Slot::ONLY, 7);

        let scrape = book.scrape(10);
        // A collection that comes between does not take away what was said.
        book.collect(&mut Reader::delta(), 11, &mut Points(&mut |_| {}));
        let options = PrometheusOptions::new(Format::Prometheus);
        assert_eq!(
            Families::of(&[&scrape], &options).unwrap().to_text(),
            "# TYPE a_b_total counter\na_b_total 7\n# TYPE load gauge\nload{cpu=\"0\"} 0.5\n"
        );
    }
}
