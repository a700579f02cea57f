//! Serving benchmarks: results of requests, and their statistics. Numbers are compared bit for bit.

use std::path::Path;

use spanloom::serving::{Goodput, Latency, ServedRequest, ServingStats, serving_stats};
use spanloom::value::Value;

use crate::entries::{all, each, equal, is_vector, list, map, member, number, numbers, whole};

pub fn claims(path: &Path, case: &Value) -> bool {
    let is_benchmark = |entry: &Value| entry.get("requests").is_some() && entry.get("percentiles").is_some();
    is_vector(path, "serving_metrics") || list(case).is_ok_and(|list| list.iter().any(is_benchmark))
}

pub fn run(case: &Value) -> Result<(), String> {
    each("benchmark", list(case)?, benchmark)
}

fn benchmark(entry: &Value) -> Result<(), String> {
    let requests: Vec<ServedRequest> =
        list(member(entry, "requests")?)?.iter().map(request).collect::<Result<_, _>>()?;
    let goodput = match (goodput(entry)?, entry.get("expected")) {
        // A limit that is refused has no statistics.
        (Err(_), None | Some(Value::Null)) => return Ok(()),
        (Err(error), _) => return Err(error),
        (Ok(goodput), _) => goodput,
    };
    let percentiles = numbers(member(entry, "percentiles")?)?;
    let stats = serving_stats(&requests, number(member(entry, "duration_s")?)?, &percentiles, &goodput);

    let lens = stats.output_lens.iter().map(|&len| len as f64).collect();
    let statistics =
        map(member(entry, "expected")?)?.iter().map(|(name, expected)| statistic(&stats, name, expected));
    all(statistics.chain([
        entry
            .get("actual_output_lens")
            .map_or(Ok(()), |expected| equal("output lens", lens, numbers(expected)?)),
        match entry.get("warned") {
            Some(Value::Bool(warned)) => equal("warned", stats.completed == 0, *warned),
            _ => Ok(()),
        },
    ]))
}

fn request(entry: &Value) -> Result<ServedRequest, String> {
    Ok(ServedRequest {
        success: member(entry, "success")? == &Value::Bool(true),
        input_tokens: whole(entry, "prompt_len")?,
        output_tokens: whole(entry, "output_tokens")?,
        ttft: number(member(entry, "ttft")?)?,
        itl: numbers(member(entry, "itl")?)?,
        latency: number(member(entry, "latency")?)?,
    })
}

/// The limits; the inner error when one of them is refused.
fn goodput(entry: &Value) -> Result<Result<Goodput, String>, String> {
    let mut goodput = Goodput::default();
    for (name, limit) in map(member(entry, "goodput_ms")?)? {
        match goodput.limit(name, number(limit)?) {
            Ok(limited) => goodput = limited,
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    Ok(Ok(goodput))
}

fn statistic(stats: &ServingStats, name: &str, expected: &Value) -> Result<(), String> {
    let got = match name {
        "completed" => stats.completed as f64,
        "total_input" => stats.total_input as f64,
        "total_output" => stats.total_output as f64,
        "request_throughput" => stats.request_throughput,
        "request_goodput" => stats.request_goodput,
        "output_throughput" => stats.output_throughput,
        "total_token_throughput" => stats.total_token_throughput,
        _ => return of_latency(stats, name, expected),
    };
    equal(name, got, number(expected)?)
}

/// A statistic whose name is like `mean_ttft_ms`.
fn of_latency(stats: &ServingStats, name: &str, expected: &Value) -> Result<(), String> {
    let unknown = || format!("statistic {name:?} is not known");
    let (kind, of) = name.strip_suffix("_ms").and_then(|name| name.split_once('_')).ok_or_else(unknown)?;
    let latency: &Latency = match of {
        "ttft" => &stats.ttft,
        "tpot" => &stats.tpot,
        "itl" => &stats.itl,
        "e2el" => &stats.e2el,
        _ => return Err(unknown()),
    };
    let got = match kind {
        "mean" => latency.mean,
        "median" => latency.median,
        "std" => latency.std,
        "percentiles" => {
            let got =
                latency.percentiles.iter().map(|&(which, value)| vec![which, value]).collect::<Vec<_>>();
            let expected = list(expected)?.iter().map(numbers).collect::<Result<Vec<_>, _>>()?;
            return equal(name, got, expected);
        }
        _ => return Err(unknown()),
    };
    equal(name, got, number(expected)?)
}
