//! Faults of a cluster's network: parameters, and the resource that they make.
//!
//! The labels of the target's pods came from the recording's cluster; a case shows them in its resource alone. A fault that
//! cannot be has no resource; how its message is worded counts where the service words it, not where Python does.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value as Json, json};
use spanloom::value::Value;
use spanloom_chaos::{NetworkFault, NetworkFaultError, Partition};

use crate::entries::{all, each, is_vector, list, member, text};

pub fn claims(path: &Path, case: &Value) -> bool {
    is_vector(path, "network_chaos") || (case.get("partition_type").is_some() && case.get("cases").is_some())
}

pub fn run(case: &Value) -> Result<(), String> {
    let partition = text(case, "partition_type")?.parse::<Partition>().map_err(|error| error.to_string())?;
    let (source, id) = (text(case, "source")?, text(case, "uuid_hex8")?);
    each("case", list(member(case, "cases")?)?, |entry| {
        let entry: Json = serde_json::from_str(&entry.to_json()).map_err(|error| error.to_string())?;
        let parameters = entry["parameters"].as_object().ok_or("no parameters")?;
        let labels = pod_labels(&entry["resource"])?;
        let seconds = entry["duration"].as_number().cloned();
        match NetworkFault::from_parameters(partition, source, parameters, labels, seconds) {
            Ok(fault) => made(&entry, &fault, id),
            Err(error) => refused(&entry, &error),
        }
    })
}

fn pod_labels(resource: &Json) -> Result<BTreeMap<String, String>, String> {
    let labels = &resource["spec"]["selector"]["labelSelectors"];
    if labels.is_null() {
        Ok(BTreeMap::new())
    } else {
        serde_json::from_value(labels.clone()).map_err(|error| error.to_string())
    }
}

fn made(entry: &Json, fault: &NetworkFault, id: &str) -> Result<(), String> {
    let resource = fault.resource(id);
    let (group, version) =
        resource["apiVersion"].as_str().and_then(|api| api.split_once('/')).ok_or("no group")?;
    let plural = resource["kind"].as_str().ok_or("no kind")?.to_lowercase();
    let call = json!({"group": group, "version": version, "namespace": fault.namespace, "plural": plural});
    // Who asked for the fault named it; the case tells that name only here.
    let tracked = entry["tracked"].as_object().and_then(|tracked| tracked.keys().next());
    let fault_id = entry["parameters"]["fault_id"].as_str().or(tracked.map(String::as_str));
    let about = json!({
        "chaos_name": resource["metadata"]["name"],
        "namespace": fault.namespace,
        "action": fault.action(),
    });
    let tracked = json!({ fault_id.unwrap_or("a fault without an id"): about });
    let message = fault.message(id).into();
    all([
        same(entry, "ok", &true.into()),
        same(entry, "message", &message),
        same(entry, "resource", &resource),
        same(entry, "call", &call),
        same(entry, "tracked", &tracked),
    ])
}

fn refused(entry: &Json, error: &NetworkFaultError) -> Result<(), String> {
    let message = match error {
        NetworkFaultError::NoTarget => same(entry, "message", &error.to_string().into()),
        _ => Ok(()),
    };
    all([
        same(entry, "ok", &false.into()),
        message,
        same(entry, "resource", &Json::Null),
        same(entry, "call", &Json::Null),
        same(entry, "tracked", &Json::Object(Map::new())),
    ])
    .map_err(|differences| format!("refused: {error}: {differences}"))
}

fn same(entry: &Json, name: &str, got: &Json) -> Result<(), String> {
    let expected = &entry[name];
    if expected == got { Ok(()) } else { Err(format!("{name}: expected {expected}, got {got}")) }
}
