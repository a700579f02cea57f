//! The hierarchical registry: what programs with fixed metrics are told by a scrape, recorded from the original.
//!
//! A file tells its programs in words only, so they stand here, by the name of their case. An entry says at which level it
//! scrapes (the root where it does not say) and what came of it: a text, or an error, of which only the meaning counts.

use std::path::Path;

use spanloom::native::meter::Registry;
use spanloom::value::Value;

use crate::entries::{each, equal, is_vector, list, member, text};

pub fn claims(path: &Path, case: &Value) -> bool {
    let is_of_form = || {
        let results = case.get("results").and_then(|results| list(results).ok());
        results.is_some_and(|results| results.iter().any(|entry| entry.get("case").is_some()))
    };
    is_vector(path, "metrics_vectors") || is_of_form()
}

pub fn run(case: &Value) -> Result<(), String> {
    each("result", list(member(case, "results")?)?, |entry| {
        let name = text(entry, "case")?;
        result(name, entry).map_err(|error| format!("case {name:?}: {error}"))
    })
}

fn result(name: &str, entry: &Value) -> Result<(), String> {
    let program = program_of(name).ok_or("no program is known by this name")?;
    let level = entry.get("level").and_then(Value::as_str).unwrap_or("root");
    let got = program().and_then(|tree| Ok(tree.level(level)?.scrape()?)).map_err(|error| error.to_string());
    match (entry.get("error").and_then(Value::as_str), got) {
        (Some(expected), Err(got)) => check_meaning(expected, &got),
        (Some(expected), Ok(got)) => Err(format!("expected the error {expected:?}, got {got:?}")),
        (None, Err(got)) => Err(format!("error {got:?}")),
        (None, Ok(got)) => entry
            .get("text")
            .and_then(Value::as_str)
            .map_or(Ok(()), |expected| equal("text", got.as_str(), expected)),
    }
}

/// How the original's errors are known, and ours.
const MEANINGS: &[(&str, &str)] = &[
    ("Duplicate metrics collector", "duplicate metric"),
    ("Duplicate label", "is there twice"),
    ("automatically added", "set by the registry"),
    ("inconsistent help/type", "metric family"),
    ("not a valid label name", "no name of a label"),
    ("empty help", "empty help"),
    ("buckets must be in increasing order", "sort them"),
    ("only invalid characters", "nothing that a label can hold"),
];

/// The errors mean the same where both are of one kind and ours names what the original's puts in quotes.
fn check_meaning(expected: &str, got: &str) -> Result<(), String> {
    let meaning = MEANINGS.iter().find(|(theirs, _)| expected.contains(theirs));
    let quoted = expected.split('\'').skip(1).step_by(2);
    let mut wanted = meaning.map(|(_, ours)| *ours).into_iter().chain(quoted);
    match wanted.find(|wanted| !got.contains(wanted)) {
        Some(wanted) => Err(format!("expected the error {expected:?}, got {got:?} without {wanted:?}")),
        None => Ok(()),
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Program = fn() -> Result<Tree, Failure>;

struct Tree {
    root: Registry,
    namespace: Registry,
    component: Registry,
    endpoint: Registry,
}

impl Tree {
    fn new() -> Result<Self, Failure> {
        Self::named("ns", "comp", "ep")
    }

    fn named(namespace: &str, component: &str, endpoint: &str) -> Result<Self, Failure> {
        let root = Registry::new();
        let namespace = root.namespace(namespace)?;
        let component = namespace.component(component)?;
        let endpoint = component.endpoint(endpoint)?;
        Ok(Self { root, namespace, component, endpoint })
    }

    fn level(&self, name: &str) -> Result<&Registry, Failure> {
        match name {
            "root" | "runtime" => Ok(&self.root),
            "namespace" => Ok(&self.namespace),
            "component" => Ok(&self.component),
            "endpoint" => Ok(&self.endpoint),
            other => Err(format!("no level is called {other:?}").into()),
        }
    }
}

fn program_of(name: &str) -> Option<Program> {
    let program: Program = match name {
        "tree" => tree,
        "same_name_two_endpoints" => two_endpoints,
        "duplicate_series_later_dropped" => duplicate_series,
        "duplicate_register_same_registry" => || {
            let tree = two_endpoints()?;
            tree.endpoint.counter("requests_total", "Total").build()?;
            Ok(tree)
        },
        "help_mismatch" => || {
            let tree = duplicate_series()?;
            tree.component.endpoint("ep4")?.counter("requests_total", "Another text").build()?;
            Ok(tree)
        },
        "type_mismatch" => || {
            let tree = Tree::new()?;
            tree.endpoint.counter("x", "X").build()?;
            tree.component.endpoint("ep5")?.gauge("x", "X").build()?;
            Ok(tree)
        },
        "callbacks_only" => text_callbacks,
        "update_callback_first_scrape" => update_callbacks,
        "update_callback_second_scrape" => || {
            let tree = update_callbacks()?;
            tree.root.scrape()?;
            Ok(tree)
        },
        "reserved_label" => || {
            let tree = Tree::new()?;
            tree.endpoint.counter("a", "A").label("dynamo_namespace", "x").build()?;
            Ok(tree)
        },
        "duplicate_label_key" => || {
            let tree = Tree::new()?;
            tree.endpoint.counter("a", "A").label("k", "x").label("k", "y").build()?;
            Ok(tree)
        },
        "vec_label_conflicts_const" => || {
            let tree = Tree::new()?;
            tree.endpoint.counter("a", "A").fractional().label("k", "x").labelled(["k"])?;
            Ok(tree)
        },
        "bad_label_name" => || {
            let tree = Tree::new()?;
            tree.endpoint.counter("a", "A").label("bad-name", "x").build()?;
            Ok(tree)
        },
        "empty_help" => || {
            let tree = Tree::new()?;
            tree.endpoint.counter("a", "").build()?;
            Ok(tree)
        },
        "bad_buckets" => || {
            let tree = Tree::new()?;
            tree.endpoint.histogram("h", "H").buckets([1.0, 0.5]).build()?;
            Ok(tree)
        },
        "empty_buckets_default" => || {
            let tree = Tree::new()?;
            tree.endpoint.histogram("h2", "H").buckets([]).build()?;
            Ok(tree)
        },
        "namespace_all_invalid" => || Tree::named("@@@", "comp", "ep"),
        "namespace_empty" => || {
            let tree = Tree::named("", "comp", "ep")?;
            tree.namespace.counter("emptyns", "A").build()?;
            Ok(tree)
        },
        "empty_registry" => Tree::new,
        _ => return None,
    };
    Some(program)
}

fn tree() -> Result<Tree, Failure> {
    let tree = Tree::named("ns-1", "comp.x", "ep:z")?;
    let endpoint = &tree.endpoint;
    endpoint.counter("requests_total", "Requests").build()?.add(42);
    let latency = endpoint
        .histogram("latency seconds", "Latency\nwith \\ newline")
        .label("zone", "a\"b\\c\nd")
        .buckets([0.1, 1.0, 2.5])
        .build()?;
    [0.05, 0.1, 0.7, 3.0].into_iter().for_each(|seconds| latency.record(seconds));
    let names = ["k".to_owned()];
    endpoint.counter("cv", "CV").fractional().labelled_by(&names)?.with(&["v"])?.add(2.5);
    for (name, help, value) in [("nan", "N", f64::NAN), ("inf", "I", f64::INFINITY), ("small", "S", 1e-7)] {
        endpoint.gauge(name, help).build()?.set(value);
    }
    tree.component.gauge("9temp", "Gauge").build()?.set(-0.5);
    let vec = tree.namespace.gauge("vec", "Vec").whole().label("svc", "x").labelled(["b", "a"])?;
    vec.with(["2", "1"]).set(7);
    vec.with(["1", "1"]).set(-3);
    tree.root.gauge("uptime_seconds", "Up").build()?.set(1e21);
    Ok(tree)
}

fn two_endpoints() -> Result<Tree, Failure> {
    let tree = Tree::named("ns", "comp", "ep1")?;
    tree.endpoint.counter("requests_total", "Total").build()?.add(100);
    tree.component.endpoint("ep2")?.counter("requests_total", "Total").build()?.add(200);
    Ok(tree)
}

fn duplicate_series() -> Result<Tree, Failure> {
    let tree = two_endpoints()?;
    tree.component.endpoint("ep2")?.counter("requests_total", "Total").build()?.add(999);
    Ok(tree)
}

fn text_callbacks() -> Result<Tree, Failure> {
    let tree = Tree::new()?;
    tree.endpoint.add_text(|| Ok("ext_a 1".to_owned()));
    tree.endpoint.add_text(|| Ok(String::new()));
    tree.endpoint.add_text(|| Err("no text".into()));
    tree.component.add_text(|| Ok("ext_b 2\n".to_owned()));
    tree.root.add_text(|| Ok("ext_root 3".to_owned()));
    Ok(tree)
}

fn update_callbacks() -> Result<Tree, Failure> {
    let tree = text_callbacks()?;
    let gauge = tree.endpoint.gauge("g", "G").whole().build()?;
    tree.endpoint.on_scrape(move || {
        gauge.add(1);
        Ok(())
    });
    tree.endpoint.on_scrape(|| Err("no update".into()));
    Ok(tree)
}
