//! One request of a benchmark.

/// What a benchmark knows of a request. Times are seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServedRequest {
    /// True when an answer came, whole and without an error.
    pub success: bool,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// From sending the request to the first chunk of its answer.
    pub ttft: f64,
    /// From each chunk to the next one.
    pub itl: Vec<f64>,
    /// From sending the request to the last chunk.
    pub latency: f64,
}

impl ServedRequest {
    /// A request that failed.
    ///
    /// ```
    /// assert!(!spanloom::serving::ServedRequest::failed(100).success);
    /// ```
    #[must_use]
    pub fn failed(input_tokens: u64) -> Self {
        Self { input_tokens, ..Self::default() }
    }

    /// A request that was sent, and whose chunks came, at these times of one clock. Only chunks with content are meant,
    /// not the mark of the end. One without chunks failed.
    ///
    /// ```
    /// use spanloom::serving::ServedRequest;
    /// let request = ServedRequest::from_chunk_times(812, 64, 5.0, &[5.5, 5.75, 6.0]);
    /// assert_eq!((request.ttft, request.latency), (0.5, 1.0));
    /// assert_eq!(request.itl, [0.25, 0.25]);
    /// ```
    #[must_use]
    pub fn from_chunk_times(input_tokens: u64, output_tokens: u64, sent: f64, chunks: &[f64]) -> Self {
        let (Some(first), Some(last)) = (chunks.first(), chunks.last()) else {
            return Self::failed(input_tokens);
        };
        let itl = chunks.iter().zip(chunks.iter().skip(1)).map(|(before, after)| after - before).collect();
        Self { success: true, input_tokens, output_tokens, ttft: first - sent, itl, latency: last - sent }
    }

    /// The time for an output token after the first one, where there is another one.
    ///
    /// ```
    /// use spanloom::serving::ServedRequest;
    /// let request = ServedRequest { output_tokens: 5, ttft: 1.0, latency: 2.0, ..ServedRequest::default() };
    /// assert_eq!(request.tpot(), Some(0.25));
    /// assert_eq!(ServedRequest { output_tokens: 1, ..request }.tpot(), None);
    /// ```
    #[must_use]
    pub fn tpot(&self) -> Option<f64> {
        (self.output_tokens > 1).then(|| (self.latency - self.ttft) / (self.output_tokens - 1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_chunks_a_request_failed() {
        assert_eq!(ServedRequest::from_chunk_times(7, 3, 1.0, &[]), ServedRequest::failed(7));
    }

    #[test]
    fn the_only_chunk_is_the_first_and_the_last() {
        let request = ServedRequest::from_chunk_times(7, 3, 1.0, &[1.5]);
        assert_eq!((request.ttft, request.latency, request.itl), (0.5, 0.5, vec![]));
    }
}
