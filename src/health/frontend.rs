//! What a frontend answers: it is healthy as long as it runs, and tells which workers it knows.

use std::collections::BTreeSet;

use super::Answer;
use super::answer::JSON;
use crate::json::{Style, Writer};
use crate::value::{Value, ValueSink as _};

/// A worker's endpoint, as a frontend knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The namespace of its component.
    pub namespace: String,
    /// Its component.
    pub component: String,
    /// The name of the endpoint.
    pub endpoint: String,
    /// Which one of several it is.
    pub instance_id: u64,
    /// How it is reached, told as it is.
    pub transport: Value,
}

impl Instance {
    fn address(&self) -> String {
        let Self { namespace, component, endpoint, .. } = self;
        format!("dyn://{namespace}.{component}.{endpoint}")
    }
}

/// The answer to "are you alive?" of a frontend.
///
/// ```
/// use spanloom::health::frontend_live;
/// assert_eq!(frontend_live(false).body, r#"{"message":"Service is live","status":"live"}"#);
/// assert_eq!(frontend_live(true).status, 503);
/// ```
#[must_use]
pub fn frontend_live(ending: bool) -> Answer {
    if ending {
        Answer::new(503, JSON, r#"{"message":"Service is shutting down","status":"shutting_down"}"#)
    } else {
        Answer::new(200, JSON, r#"{"message":"Service is live","status":"live"}"#)
    }
}

/// The answer to "are you healthy?" of a frontend that knows these instances: none where they could not be found out.
///
/// ```
/// use spanloom::health::frontend_health;
/// assert_eq!(frontend_health(&[]).body, r#"{"endpoints":[],"instances":[],"status":"healthy"}"#);
/// ```
#[must_use]
pub fn frontend_health(instances: &[Instance]) -> Answer {
    let addresses: BTreeSet<String> = instances.iter().map(Instance::address).collect();
    let mut body = String::new();
    let mut json = Writer::new(&mut body, Style::Compact);
    json.begin_map();
    json.key("endpoints");
    json.begin_array();
    for address in &addresses {
        json.string(address);
    }
    json.end_array();
    json.key("instances");
    json.begin_array();
    for instance in instances {
        json.begin_map();
        json.key("component");
        json.string(&instance.component);
        json.key("endpoint");
        json.string(&instance.endpoint);
        json.key("instance_id");
        json.uint(instance.instance_id);
        json.key("namespace");
        json.string(&instance.namespace);
        json.key("transport");
        instance.transport.tell(&mut json);
        json.end_map();
    }
    json.end_array();
    json.key("status");
    json.string("healthy");
    json.end_map();
    Answer::new(200, JSON, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(endpoint: &str, instance_id: u64) -> Instance {
        Instance {
            namespace: "ns".into(),
            component: "backend".into(),
            endpoint: endpoint.into(),
            instance_id,
            transport: Value::from([("nats_tcp", Value::from("a.b-1"))]),
        }
    }

    #[test]
    fn endpoints_are_sorted_and_unique_and_instances_are_whole() {
        let answer = frontend_health(&[instance("z", 2), instance("a", u64::MAX), instance("z", 1)]);
        assert_eq!((answer.status, answer.content_type.as_ref()), (200, "application/json"));
        let row = |endpoint: &str, id: u64| {
            format!(
                r#"{{"component":"backend","endpoint":"{endpoint}","instance_id":{id},"namespace":"ns","transport":{{"nats_tcp":"a.b-1"}}}}"#
            )
        };
        let rows = [row("z", 2), row("a", u64::MAX), row("z", 1)].join(",");
        let expected = format!(
            r#"{{"endpoints":["dyn://ns.backend.a","dyn://ns.backend.z"],"instances":[{rows}],"status":"healthy"}}"#
        );
        assert_eq!(answer.body, expected);
    }

    #[test]
    fn a_frontend_lives_until_it_ends() {
        let live = |ending| (frontend_live(ending).status, frontend_live(ending).body);
        assert_eq!(live(false), (200, r#"{"message":"Service is live","status":"live"}"#.to_owned()));
        let ending = r#"{"message":"Service is shutting down","status":"shutting_down"}"#;
        assert_eq!(live(true), (503, ending.to_owned()));
    }
}
