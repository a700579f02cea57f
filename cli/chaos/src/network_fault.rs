//! Faults of a cluster's network: resources for [Chaos Mesh](https://chaos-mesh.org), which carries them out.
//!
//! The parameters are those of NVIDIA Dynamo's fault injection service: many may be given, and the first that says
//! something makes the fault, in this order: loss, delay, bandwidth, corruption, duplicates. Nothing here talks to a
//! cluster: who creates the resource also looks up the labels of the pods that it is for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Number, Value, json};

const GROUP: &str = "chaos-mesh.org";
const VERSION: &str = "v1alpha1";

/// Between whom the network fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// Frontend and workers.
    FrontendWorker,
    /// Workers and NATS.
    WorkerNats,
    /// Workers and workers.
    WorkerWorker,
    /// Others.
    Custom,
}

impl Partition {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::FrontendWorker, Self::WorkerNats, Self::WorkerWorker, Self::Custom];

    /// Its name, in words with underscores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FrontendWorker => "frontend_worker",
            Self::WorkerNats => "worker_nats",
            Self::WorkerWorker => "worker_worker",
            Self::Custom => "custom",
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Partition {
    type Err = NetworkFaultError;

    fn from_str(name: &str) -> Result<Self, NetworkFaultError> {
        let found = Self::ALL.into_iter().find(|partition| partition.name() == name);
        found.ok_or_else(|| NetworkFaultError::Partition { name: name.into() })
    }
}

/// What happens to packets. Numbers stay as they were given, with or without a fraction.
#[derive(Debug, Clone, PartialEq)]
pub enum Impairment {
    /// So many percent get lost. Without a number the resource asks for a loss and does not say how much.
    Loss(Option<Number>),
    /// They come so many milliseconds later.
    Delay {
        /// Milliseconds.
        latency: Number,
        /// More or less by so many.
        jitter: Option<Number>,
    },
    /// No more than this goes through, as `1mbps`.
    Bandwidth(Value),
    /// So many percent are changed.
    Corrupt(Number),
    /// So many percent come twice.
    Duplicate(Number),
}

impl Impairment {
    const fn action(&self) -> &'static str {
        match self {
            Self::Loss(_) => "loss",
            Self::Delay { .. } => "delay",
            Self::Bandwidth(_) => "bandwidth",
            Self::Corrupt(_) => "corrupt",
            Self::Duplicate(_) => "duplicate",
        }
    }

    fn spec(&self) -> Option<Value> {
        let spec = match self {
            Self::Loss(None) => return None,
            Self::Loss(Some(percent)) => json!({"loss": shown(percent), "correlation": "0"}),
            Self::Delay { latency, jitter: None } => json!({"latency": milliseconds(latency)}),
            Self::Delay { latency, jitter: Some(jitter) } => {
                json!({"latency": milliseconds(latency), "jitter": milliseconds(jitter), "correlation": "0"})
            }
            Self::Bandwidth(rate) => json!({"rate": rate, "limit": "20480", "buffer": "10000"}),
            Self::Corrupt(percent) => json!({"corrupt": shown(percent), "correlation": "0"}),
            Self::Duplicate(percent) => json!({"duplicate": shown(percent), "correlation": "0"}),
        };
        Some(spec)
    }
}

/// Labels, and of each the values that count.
type Labels = Vec<(String, Vec<Value>)>;

/// A fault of a cluster's network.
///
/// ```
/// use serde_json::json;
/// use spanloom_chaos::{NetworkFault, Partition};
///
/// let parameters = json!({"target_pod_prefix": "worker", "delay_ms": 100});
/// let labels = [("app".to_owned(), "worker".to_owned())].into();
/// let parameters = parameters.as_object().ok_or("no object")?;
/// let fault = NetworkFault::from_parameters(Partition::WorkerNats, "dynamo", parameters, labels, Some(60.into()))?;
/// let resource = fault.resource("01234567");
/// assert_eq!(resource["spec"]["delay"], json!({"latency": "100ms"}));
/// assert_eq!(
///     fault.message("01234567"),
///     "NetworkChaos network-chaos-worker-nats-01234567 created in dynamo (delay: 100ms)"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkFault {
    /// Between whom.
    pub partition: Partition,
    /// Where the pods are, and where the resource belongs.
    pub namespace: String,
    /// The labels of the pods whose packets are meant.
    pub pod_labels: BTreeMap<String, String>,
    /// What happens to the packets.
    pub impairment: Impairment,
    /// Only packets to pods with these labels; to all when there is none. Of each label the values that count. An empty
    /// list is a target that leaves nobody out.
    pub targets: Option<Vec<(String, Vec<Value>)>>,
    /// Also packets that leave the cluster.
    pub outside: bool,
    /// For so many seconds; without an end when absent.
    pub seconds: Option<Number>,
}

/// What cannot be made a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkFaultError {
    /// Nobody said whose packets are meant.
    #[error("target_pod_prefix parameter is required")]
    NoTarget,
    /// There is no such partition.
    #[error("there is no partition {name:?}: use frontend_worker, worker_nats, worker_worker or custom")]
    Partition {
        /// What was asked for.
        name: String,
    },
    /// A parameter is of another kind.
    #[error("parameter {name} is {value}: use {kind}")]
    Kind {
        /// The parameter.
        name: &'static str,
        /// Its value, as JSON.
        value: String,
        /// What it should be.
        kind: &'static str,
    },
}

/// The parameters that are looked at.
pub const NETWORK_PARAMETERS: [&str; 12] = [
    "target_pod_prefix",
    "namespace",
    "fault_id",
    "packet_loss_percent",
    "delay_ms",
    "delay_jitter_ms",
    "bandwidth_limit",
    "corrupt_percent",
    "duplicate_percent",
    "target_nats",
    "target_specific_pods",
    "target_ports",
];

impl NetworkFault {
    /// Makes a fault of parameters. `source` is the namespace where they name none.
    ///
    /// # Errors
    ///
    /// When `target_pod_prefix` is missing, or a parameter that is looked at is of another kind.
    pub fn from_parameters(
        partition: Partition,
        source: &str,
        parameters: &Map<String, Value>,
        pod_labels: BTreeMap<String, String>,
        seconds: Option<Number>,
    ) -> Result<Self, NetworkFaultError> {
        if !said(parameters.get("target_pod_prefix")) {
            return Err(NetworkFaultError::NoTarget);
        }
        let namespace = match parameters.get("namespace") {
            None => source,
            Some(Value::String(namespace)) => namespace,
            Some(value) => return Err(wrong("namespace", value, "a text")),
        };
        Ok(Self {
            partition,
            namespace: namespace.into(),
            pod_labels,
            impairment: impairment(parameters)?,
            targets: targets(parameters)?,
            outside: said(parameters.get("target_ports")),
            seconds: seconds.filter(|seconds| seconds.as_f64() != Some(0.0)),
        })
    }

    /// The name of its resource. The `id` tells faults of a kind apart; eight hex digits are usual.
    #[must_use]
    pub fn name(&self, id: &str) -> String {
        format!("network-chaos-{}-{id}", self.partition.name().replace('_', "-"))
    }

    /// What it does to packets, in one word.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        self.impairment.action()
    }

    /// The resource that Chaos Mesh reads.
    #[must_use]
    pub fn resource(&self, id: &str) -> Value {
        let mut spec = json!({
            "action": self.action(),
            "mode": "all",
            "selector": {"namespaces": [self.namespace], "labelSelectors": self.pod_labels},
            "direction": "to",
        });
        if let Some(impairment) = self.impairment.spec() {
            spec[self.action()] = impairment;
        }
        if let Some(targets) = &self.targets {
            spec["target"] = json!({"mode": "all"});
            if !targets.is_empty() {
                let one_of = |(key, values): &(String, Vec<Value>)| json!({"key": key, "operator": "In", "values": values});
                let labels: Vec<Value> = targets.iter().map(one_of).collect();
                spec["target"]["labelSelectors"] = json!({"matchExpressions": labels});
                spec["target"]["namespaces"] = json!([self.namespace]);
            }
        }
        if let Some(seconds) = &self.seconds {
            spec["duration"] = format!("{}s", shown(seconds)).into();
        }
        if self.outside {
            spec["externalTargets"] = json!([]);
        }
        json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "NetworkChaos",
            "metadata": {
                "name": self.name(id),
                "namespace": self.namespace,
                "labels": {"managed-by": "fault-injection-api", "fault-type": "network-chaos"},
            },
            "spec": spec,
        })
    }

    /// What to tell people once the resource was created.
    #[must_use]
    pub fn message(&self, id: &str) -> String {
        let created = format!("NetworkChaos {} created in {}", self.name(id), self.namespace);
        match &self.impairment {
            Impairment::Loss(Some(percent)) => format!("{created} (packet loss: {}%)", shown(percent)),
            Impairment::Delay { latency, jitter: None } => {
                format!("{created} (delay: {})", milliseconds(latency))
            }
            Impairment::Delay { latency, jitter: Some(jitter) } => {
                format!("{created} (delay: {} ± {})", milliseconds(latency), milliseconds(jitter))
            }
            _ => created,
        }
    }
}

/// The first that says something. Parameters behind it are not looked at.
fn impairment(parameters: &Map<String, Value>) -> Result<Impairment, NetworkFaultError> {
    if let Some(percent) = above_zero(parameters, "packet_loss_percent")? {
        return Ok(Impairment::Loss(Some(percent)));
    }
    if let Some(latency) = above_zero(parameters, "delay_ms")? {
        return Ok(Impairment::Delay { latency, jitter: above_zero(parameters, "delay_jitter_ms")? });
    }
    if let Some(rate) = parameters.get("bandwidth_limit").filter(|rate| said(Some(rate))) {
        return Ok(Impairment::Bandwidth(rate.clone()));
    }
    if let Some(percent) = above_zero(parameters, "corrupt_percent")? {
        return Ok(Impairment::Corrupt(percent));
    }
    let percent = above_zero(parameters, "duplicate_percent")?;
    Ok(percent.map_or(Impairment::Loss(None), Impairment::Duplicate))
}

fn targets(parameters: &Map<String, Value>) -> Result<Option<Labels>, NetworkFaultError> {
    let nats = parameters.get("target_nats").is_none_or(|nats| said(Some(nats)));
    let specific = parameters.get("target_specific_pods");
    if !nats && !said(specific) {
        return Ok(None);
    }
    let mut targets = Vec::new();
    if nats {
        targets
            .push(("app.kubernetes.io/name".to_owned(), vec!["nats".into(), "dynamo-platform-nats".into()]));
    }
    let wrong_pods =
        |value| wrong("target_specific_pods", value, "a list of objects, labels and their values");
    let pods = match specific {
        None => &[],
        Some(Value::Array(pods)) => pods.as_slice(),
        // An empty text and an empty object are lists without pods to the service.
        Some(Value::String(_) | Value::Object(_)) if !said(specific) => &[],
        Some(value) => return Err(wrong_pods(value)),
    };
    for pod in pods {
        let labels = pod.as_object().ok_or_else(|| wrong_pods(pod))?;
        targets.extend(labels.iter().map(|(label, value)| match value {
            Value::Array(values) => (label.clone(), values.clone()),
            value => (label.clone(), vec![value.clone()]),
        }));
    }
    Ok(Some(targets))
}

/// The number of a parameter that is above zero.
fn above_zero(
    parameters: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Number>, NetworkFaultError> {
    match parameters.get(name) {
        // To the service "no" is a zero.
        None | Some(Value::Bool(false)) => Ok(None),
        Some(Value::Number(number)) => {
            Ok(number.as_f64().is_some_and(|value| value > 0.0).then(|| number.clone()))
        }
        Some(value) => Err(wrong(name, value, "a number")),
    }
}

/// A number the way Python writes it, in which the service is written: `5`, `2.5`, `1e-05`.
fn shown(number: &Number) -> String {
    let Some(double) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let text = format!("{double:?}");
    match text.split_once('e').and_then(|(digits, exponent)| Some((digits, exponent.parse::<i32>().ok()?))) {
        Some((digits, exponent)) => format!("{digits}e{exponent:+03}"),
        None => text,
    }
}

fn milliseconds(number: &Number) -> String {
    format!("{}ms", shown(number))
}

/// What the service takes for "yes": all but nothing, zero and what is empty.
fn said(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::Bool(value)) => *value,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(values)) => !values.is_empty(),
        Some(Value::Object(members)) => !members.is_empty(),
    }
}

fn wrong(name: &'static str, value: &Value, kind: &'static str) -> NetworkFaultError {
    NetworkFaultError::Kind { name, value: value.to_string(), kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(parameters: Value) -> Result<NetworkFault, NetworkFaultError> {
        let mut parameters = parameters.as_object().unwrap().clone();
        parameters.entry("target_pod_prefix").or_insert("worker".into());
        NetworkFault::from_parameters(Partition::Custom, "here", &parameters, BTreeMap::new(), None)
    }

    fn spec(parameters: Value) -> Value {
        fault(parameters).unwrap().resource("1")["spec"].clone()
    }

    #[test]
    fn the_first_that_says_something_makes_the_fault() {
        let mut parameters = json!({
            "packet_loss_percent": 5, "delay_ms": 10, "bandwidth_limit": "1mbps", "corrupt_percent": 2.5,
            "duplicate_percent": 3,
        });
        for (off, action, said) in [
            ("", "loss", json!({"loss": "5", "correlation": "0"})),
            ("packet_loss_percent", "delay", json!({"latency": "10ms"})),
            ("delay_ms", "bandwidth", json!({"rate": "1mbps", "limit": "20480", "buffer": "10000"})),
            ("bandwidth_limit", "corrupt", json!({"corrupt": "2.5", "correlation": "0"})),
            ("corrupt_percent", "duplicate", json!({"duplicate": "3", "correlation": "0"})),
            ("duplicate_percent", "loss", Value::Null),
        ] {
            parameters.as_object_mut().unwrap().remove(off);
            let spec = spec(parameters.clone());
            assert_eq!((spec["action"].as_str(), &spec[action]), (Some(action), &said));
        }
    }

    #[test]
    fn zero_and_less_say_nothing() {
        let spec = spec(
            json!({"packet_loss_percent": false, "delay_ms": -5, "bandwidth_limit": "", "corrupt_percent": 0.0}),
        );
        assert_eq!((&spec["action"], spec.get("loss")), (&json!("loss"), None));
    }

    #[test]
    fn jitter_comes_with_a_delay() {
        let fault = fault(json!({"delay_ms": 10, "delay_jitter_ms": 2.5})).unwrap();
        assert_eq!(
            fault.resource("1")["spec"]["delay"],
            json!({"latency": "10ms", "jitter": "2.5ms", "correlation": "0"})
        );
        assert!(fault.message("1").ends_with("created in here (delay: 10ms ± 2.5ms)"));
    }

    #[test]
    fn targets_are_labels() {
        let nats = json!([{"key": "app.kubernetes.io/name", "operator": "In", "values": ["nats", "dynamo-platform-nats"]}]);
        assert_eq!(spec(json!({}))["target"]["labelSelectors"]["matchExpressions"], nats);
        let pods = json!([{"app": "x", "tier": ["a", "b"]}, {"zone": "z"}]);
        let own = spec(json!({"target_nats": false, "target_specific_pods": pods}));
        let own = own["target"]["labelSelectors"]["matchExpressions"].as_array().unwrap().len();
        assert_eq!(own, 3);
        assert_eq!(spec(json!({"target_nats": false})).get("target"), None);
        let anybody = spec(json!({"target_nats": false, "target_specific_pods": [{}]}));
        assert_eq!(anybody["target"], json!({"mode": "all"}));
    }

    #[test]
    fn pods_that_are_no_list_are_refused_where_targets_are_looked_for() {
        for pods in [json!(null), json!(0), json!(false)] {
            assert!(fault(json!({"target_specific_pods": pods})).is_err(), "{pods}");
            let unread = fault(json!({"target_specific_pods": pods, "target_nats": false})).unwrap();
            assert_eq!(unread.targets, None);
        }
        for pods in [json!(""), json!({})] {
            let nats = fault(json!({"target_specific_pods": pods})).unwrap();
            assert_eq!(nats.targets.map(|targets| targets.len()), Some(1), "{pods}");
        }
    }

    #[test]
    fn numbers_are_written_as_the_service_does() {
        for (number, text) in [
            (json!(5), "5"),
            (json!(5.0), "5.0"),
            (json!(0.0001), "0.0001"),
            (json!(1e-5), "1e-05"),
            (json!(1.5e-7), "1.5e-07"),
            (json!(1e15), "1000000000000000.0"),
            (json!(1e16), "1e+16"),
            (json!(1.5e300), "1.5e+300"),
            (json!(u64::MAX), "18446744073709551615"),
        ] {
            assert_eq!(spec(json!({"corrupt_percent": number}))["corrupt"]["corrupt"], text);
        }
    }

    #[test]
    fn ports_mean_targets_outside() {
        assert_eq!(spec(json!({"target_ports": [4222]}))["externalTargets"], json!([]));
        assert_eq!(spec(json!({"target_ports": []})).get("externalTargets"), None);
    }

    #[test]
    fn the_namespace_is_the_source_or_another_one() {
        assert_eq!(fault(json!({})).unwrap().namespace, "here");
        assert_eq!(fault(json!({"namespace": "there"})).unwrap().namespace, "there");
    }

    #[test]
    fn a_duration_of_zero_is_none() {
        let labels = BTreeMap::new;
        let parameters = json!({"target_pod_prefix": "w"}).as_object().unwrap().clone();
        for (seconds, duration) in [(Number::from(0), None), (Number::from(5), Some(json!("5s")))] {
            let fault =
                NetworkFault::from_parameters(Partition::Custom, "n", &parameters, labels(), Some(seconds));
            assert_eq!(fault.unwrap().resource("1")["spec"].get("duration").cloned(), duration);
        }
    }

    #[test]
    fn what_is_of_another_kind_is_refused() {
        let told = |parameters| fault(parameters).unwrap_err().to_string();
        assert_eq!(told(json!({"target_pod_prefix": ""})), "target_pod_prefix parameter is required");
        assert_eq!(told(json!({"delay_ms": "10"})), "parameter delay_ms is \"10\": use a number");
        assert!(
            told(json!({"target_specific_pods": ["app"]}))
                .starts_with("parameter target_specific_pods is \"app\"")
        );
        assert!(told(json!({"namespace": 7})).contains("use a text"));
        assert!("nats".parse::<Partition>().is_err());
    }

    #[test]
    fn partitions_have_their_names() {
        for partition in Partition::ALL {
            assert_eq!(partition.to_string().parse(), Ok(partition));
        }
    }
}
