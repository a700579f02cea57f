//! Runs JavaScript over the classes of the module.

use js_sys::{Error, Function, Object, Reflect};
use spanloom_js::{Context, Meter, NodeLog, NodeTraceLog, Redactor, SidGenerator, WorkflowLog};
use wasm_bindgen::{JsCast, JsValue};

/// The exported classes and functions, as a program imports them.
fn exports() -> Object {
    let none = JsValue::UNDEFINED;
    let options = js_sys::JSON::parse(r#"{"port":"8080"}"#).unwrap();
    let sids = SidGenerator::new(&options).unwrap();
    let sid = spanloom_js::Sid::parse(&sids.generate(&none).into()).unwrap();
    let meter = Meter::new(&none).unwrap();
    let name = JsValue::from_str("made");
    let instances: [(&str, JsValue); 11] = [
        ("SidGenerator", sids.into()),
        ("Sid", sid.into()),
        ("NodeLog", NodeLog::new(&none).into()),
        ("NodeTraceLog", NodeTraceLog::new(&none).into()),
        ("WorkflowLog", WorkflowLog::new(&none).into()),
        ("Context", Context::new().into()),
        ("Redactor", Redactor::new(&none).unwrap().into()),
        ("Counter", meter.counter(&name, &none).into()),
        ("Gauge", meter.gauge(&name, &none).into()),
        ("Histogram", meter.histogram(&name, &none).into()),
        ("Meter", meter.into()),
    ];
    let exports = Object::new();
    for (name, instance) in instances {
        let class = Reflect::get(&instance, &"constructor".into()).unwrap();
        Reflect::set(&exports, &name.into(), &class).unwrap();
    }
    exports
}

/// Runs the body of a function that knows the classes and `argument`. What it throws is the error.
pub fn try_run(body: &str, argument: &JsValue) -> Result<JsValue, JsValue> {
    let names = "SidGenerator, Sid, NodeLog, NodeTraceLog, WorkflowLog, Context, Redactor, Meter, Counter, Gauge, Histogram";
    let program = format!("'use strict'; const {{ {names} }} = spanloom; {body}");
    let function = Function::new_with_args("spanloom, argument", &program);
    function.unchecked_ref::<Function>().call2(&JsValue::NULL, &exports(), argument)
}

/// Like [`try_run`]; an exception fails the test.
pub fn run_with(body: &str, argument: &JsValue) -> JsValue {
    try_run(body, argument).unwrap_or_else(|thrown| match thrown.dyn_ref::<Error>() {
        Some(error) => panic!("{}: {}", String::from(error.name()), String::from(error.message())),
        None => panic!("{thrown:?}"),
    })
}

/// Runs a program without argument.
pub fn run(body: &str) -> JsValue {
    run_with(body, &JsValue::UNDEFINED)
}

/// Runs a program that gives a text.
pub fn text(body: &str) -> String {
    run(body).as_string().expect("the program gives a text")
}
