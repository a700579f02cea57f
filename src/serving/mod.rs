//! What a benchmark of a serving engine measured.
//!
//! A benchmark sends requests and notes when each chunk of a streamed answer came ([`ServedRequest`]). Of these,
//! [`serving_stats`] makes four latencies: the time to the first token (TTFT), the time for an output token after it
//! (TPOT), between chunks (ITL), and the whole (E2EL), and with the benchmark's duration the throughput. Only requests that
//! succeeded count. Goodput is the throughput of those that held all limits of a [`Goodput`].
//!
//! The numbers are those of vLLM's and Dynamo's benchmark clients, bit for bit.

mod goodput;
mod request;
mod sample;

pub use goodput::{Goodput, GoodputError};
pub use request::ServedRequest;
pub use sample::Latency;

/// What a benchmark measured as a whole. Throughputs are per second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServingStats {
    /// Requests that succeeded. With none, nothing else was measured.
    pub completed: u64,
    /// Tokens that went in.
    pub total_input: u64,
    /// Tokens that came out.
    pub total_output: u64,
    /// Requests.
    pub request_throughput: f64,
    /// Requests that held all limits; 0 when there are no limits.
    pub request_goodput: f64,
    /// Tokens that came out.
    pub output_throughput: f64,
    /// Tokens that went in or came out.
    pub total_token_throughput: f64,
    /// From sending a request to the first chunk.
    pub ttft: Latency,
    /// Of an output token after the first; requests with one token have none.
    pub tpot: Latency,
    /// Between chunks, those of all requests in one list.
    pub itl: Latency,
    /// From sending a request to the last chunk.
    pub e2el: Latency,
    /// The output tokens of each request; 0 for one that failed.
    pub output_lens: Vec<u64>,
}

/// Statistics of the requests of a benchmark that took so many seconds.
///
/// ```
/// use spanloom::serving::{Goodput, ServedRequest, serving_stats};
/// let requests = [
///     ServedRequest::from_chunk_times(100, 3, 10.0, &[10.25, 10.5, 10.75]),
///     ServedRequest::from_chunk_times(200, 1, 10.0, &[11.0]),
///     ServedRequest::failed(300),
/// ];
/// let goodput = Goodput::default().limit("ttft", 500.0)?;
/// let stats = serving_stats(&requests, 2.0, &[99.0], &goodput);
/// assert_eq!((stats.completed, stats.total_input, stats.total_output), (2, 300, 4));
/// assert_eq!((stats.request_throughput, stats.request_goodput), (1.0, 0.5));
/// assert_eq!((stats.ttft.mean, stats.tpot.mean), (625.0, 250.0));
/// # Ok::<(), spanloom::serving::GoodputError>(())
/// ```
#[must_use]
pub fn serving_stats(
    requests: &[ServedRequest],
    seconds: f64,
    percentiles: &[f64],
    goodput: &Goodput,
) -> ServingStats {
    let served = || requests.iter().filter(|request| request.success);
    let completed = served().count();
    let total_input = sum(served().map(|request| request.input_tokens));
    let total_output = sum(served().map(|request| request.output_tokens));
    let good = served().filter(|request| goodput.holds(request)).count();
    let latency = |seconds: Vec<f64>| Latency::of_seconds(&seconds, percentiles);
    // Over no time there is no throughput.
    let per_second = |number: f64| if seconds > 0.0 { number / seconds } else { 0.0 };
    ServingStats {
        completed: completed as u64,
        total_input,
        total_output,
        request_throughput: per_second(completed as f64),
        request_goodput: per_second(good as f64),
        output_throughput: per_second(total_output as f64),
        total_token_throughput: per_second(total_input.saturating_add(total_output) as f64),
        ttft: latency(served().map(|request| request.ttft).collect()),
        tpot: latency(served().filter_map(ServedRequest::tpot).collect()),
        itl: latency(served().flat_map(|request| request.itl.iter().copied()).collect()),
        e2el: latency(served().map(|request| request.latency).collect()),
        output_lens: requests
            .iter()
            .map(|request| if request.success { request.output_tokens } else { 0 })
            .collect(),
    }
}

fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(output_tokens: u64, ttft: f64, latency: f64) -> ServedRequest {
        ServedRequest { success: true, input_tokens: 10, output_tokens, ttft, itl: Vec::new(), latency }
    }

    #[test]
    fn failed_requests_count_nowhere() {
        let failed = ServedRequest { success: false, ..request(7, 1.0, 2.0) };
        let stats = serving_stats(&[failed], 2.0, &[50.0], &Goodput::default());
        let nothing = Latency { percentiles: vec![(50.0, 0.0)], ..Latency::default() };
        let expected = ServingStats {
            ttft: nothing.clone(),
            tpot: nothing.clone(),
            itl: nothing.clone(),
            e2el: nothing,
            output_lens: vec![0],
            ..ServingStats::default()
        };
        assert_eq!(stats, expected);
    }

    #[test]
    fn one_token_and_none_have_no_time_per_token() {
        let stats =
            serving_stats(&[request(1, 1.0, 1.0), request(0, 1.0, 3.0)], 2.0, &[], &Goodput::default());
        assert_eq!(stats.tpot, Latency::default());
        assert_eq!((stats.completed, stats.output_lens), (2, vec![1, 0]));
    }

    #[test]
    fn over_no_time_there_is_no_throughput() {
        for seconds in [0.0, -1.0, f64::NAN] {
            let stats = serving_stats(&[request(2, 1.0, 2.0)], seconds, &[], &Goodput::default());
            assert_eq!((stats.request_throughput, stats.total_token_throughput), (0.0, 0.0));
        }
    }
}
