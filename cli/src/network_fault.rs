//! `spanloom chaos network-fault`: writes the resource of a fault for Chaos Mesh.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};
use spanloom_chaos::{NETWORK_PARAMETERS, NetworkFault, Partition};

const EXAMPLES: &str = "\
Examples:
  spanloom chaos network-fault --partition-type worker_nats --source my-namespace --label app=worker \\
      --param target_pod_prefix=worker --param delay_ms=100 --duration 60 | kubectl apply -f -

Parameters (the first of loss, delay, bandwidth, corruption, duplicates makes the fault):
  target_pod_prefix      needed: whose packets are meant
  packet_loss_percent    delay_ms           delay_jitter_ms
  bandwidth_limit        corrupt_percent    duplicate_percent
  namespace              by default the source
  target_nats            only packets to NATS, by default true
  target_specific_pods   packets to these: [{\"label\": \"value\"}]
  target_ports           also packets that leave the cluster

Exit codes:
  0  the resource is written
  1  the parameters make no fault
  2  the arguments are wrong";

/// Write a fault of a cluster's network as a resource for Chaos Mesh.
///
/// The resource is JSON on stdout, for `kubectl apply -f -`; what it does is told on stderr. Nothing is created here.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Between whom: frontend_worker, worker_nats, worker_worker, custom
    #[arg(long)]
    partition_type: Partition,

    /// The namespace of the pods
    #[arg(long)]
    source: String,

    /// A label of the pods whose packets are meant
    #[arg(long = "label", value_name = "KEY=VALUE", required = true, value_parser = pair)]
    labels: Vec<(String, String)>,

    /// A parameter; its value is JSON, or else a text
    #[arg(long = "param", value_name = "KEY=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,

    /// Ends after so many seconds
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u32>,

    /// What tells this fault from others of its kind; random digits by default
    #[arg(long)]
    id: Option<String>,
}

/// Runs the command.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    let parameters = parameters(arguments.parameters)?;
    let fault = NetworkFault::from_parameters(
        arguments.partition_type,
        &arguments.source,
        &parameters,
        arguments.labels.into_iter().collect(),
        arguments.duration.map(Into::into),
    )?;
    let id = arguments.id.unwrap_or_else(|| format!("{:08x}", fastrand::u32(..)));
    let text =
        serde_json::to_string_pretty(&fault.resource(&id)).context("cannot write the resource")? + "\n";
    crate::chaos::say(&text)?;
    eprintln!("once applied: {}", fault.message(&id));
    Ok(ExitCode::SUCCESS)
}

fn parameters(given: Vec<(String, String)>) -> Result<Map<String, Value>> {
    let mut parameters = Map::new();
    for (name, text) in given {
        if !NETWORK_PARAMETERS.contains(&name.as_str()) {
            bail!("there is no parameter {name:?}: use one of {}", NETWORK_PARAMETERS.join(", "));
        }
        let value = value(&name, text);
        if parameters.insert(name.clone(), value).is_some() {
            bail!("parameter {name:?} is given twice");
        }
    }
    Ok(parameters)
}

/// JSON, but where a text is wanted: there `7` is one.
fn value(name: &str, text: String) -> Value {
    if ["target_pod_prefix", "namespace", "fault_id", "bandwidth_limit"].contains(&name) {
        return text.into();
    }
    serde_json::from_str(&text).unwrap_or_else(|_| text.into())
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("not of the form KEY=VALUE".into()),
    }
}
