//! From any JavaScript value to a [`ValueSink`]: bounded, without recursion, and without ever throwing.
//!
//! One loop over a stack of open containers. A container that is open already is a cycle; one below the depth limit
//! is told as an empty map, which [`Bounded`] turns into null and counts; once [`Bounded`] has left a value out, what
//! is open is closed and nothing more is read. Every question that runs code of the program is guarded by
//! [`ask`]: an exception makes that value the text `[unreadable]`.
//!
//! | JavaScript | told as |
//! |---|---|
//! | `undefined`, `null`, holes of arrays | null |
//! | a number that is a safe integer, but -0 | whole number |
//! | any other number | double |
//! | a `BigInt` of 64 bits with sign; a larger one | whole number; text of its digits |
//! | a string | text; half a surrogate pair becomes U+FFFD |
//! | a symbol; a function | text `Symbol(name)`; `[function]` |
//! | `Uint8Array` (`Buffer`), `Uint8ClampedArray`, `DataView`, `ArrayBuffer` | bytes; none where detached |
//! | an array, another typed array, a `Set` | array |
//! | a `Map`, `Headers`, `URLSearchParams`, `FormData` | map; keys that are no strings become text |
//! | a `Date`; an invalid one | text by ISO 8601; `Invalid Date` |
//! | an `Error` | map: `name`, `message`, then its own properties |
//! | a regular expression | its text |
//! | a generator, an iterator, a promise, a weak collection | text such as `[Generator]`: nothing is consumed |
//! | an object with `toJSON` | what that gives |
//! | any other object | map of its own enumerable properties |
//! | a container inside itself | text `[cycle]` |
//! | what throws when it is read | text `[unreadable]` |

mod ask;

use js_sys::{Array, JsString, Object, Reflect};
use spanloom::value::{Bounded, Bounds, Cuts, Value, ValueBuilder, ValueSink};
use wasm_bindgen::{JsCast, JsValue};

pub use ask::{call, get, tag};

/// How large a value may grow.
pub const BOUNDS: Bounds = Bounds { depth: 16, nodes: 10_000, text: usize::MAX, bytes: 16 << 20 };

/// Bytes, or UTF-16 units, that are copied out of JavaScript at most; two more than may be kept, so that a cut is seen
/// and falls between characters.
const COPIED: u32 = (16 << 20) + 2;

const CYCLE: &str = "[cycle]";
const UNREADABLE: &str = "[unreadable]";

/// A value as it was found.
pub struct Visited {
    /// The value.
    pub value: Value,
    /// What the bounds took away.
    pub cuts: Cuts,
    /// How many values threw when they were read.
    pub unreadable: u32,
}

/// Reads a value.
pub fn visit(value: &JsValue) -> Visited {
    let mut builder = ValueBuilder::default();
    let mut bounded = Bounded::new(&mut builder, BOUNDS);
    let mut unreadable = 0;
    walk(value, &mut bounded, &mut unreadable);
    let cuts = bounded.cuts();
    Visited { value: builder.finish(), cuts, unreadable }
}

/// A container that is being told.
struct Open {
    /// The container, and what its `toJSON` gave: either may turn up again below.
    containers: [JsValue; 2],
    rest: Rest,
}

/// What is still to be told of a container.
enum Rest {
    Items { list: JsValue, next: u32, length: u32 },
    Properties { object: JsValue, keys: Array, next: u32 },
    Entries { iterator: JsValue },
    Members { iterator: JsValue },
}

/// What a value turned out to be.
enum Shape {
    Text(String),
    Bytes(Vec<u8>),
    Container(Rest),
}

fn walk<S: ValueSink>(root: &JsValue, sink: &mut Bounded<'_, S>, unreadable: &mut u32) {
    let mut open: Vec<Open> = Vec::new();
    let mut found = Some(Ok(root.clone()));
    loop {
        match found.take() {
            None => {}
            Some(Ok(value)) => match begin(&value, &open, sink) {
                Ok(container) => open.extend(container),
                Err(_) => found = Some(Err(JsValue::NULL)),
            },
            Some(Err(_)) => {
                *unreadable = unreadable.saturating_add(1);
                sink.string(UNREADABLE);
            }
        }
        if found.is_some() {
            continue;
        }
        let Some(innermost) = open.last_mut() else { return };
        let is_full = sink.cuts().left_out > 0;
        found = if is_full { None } else { innermost.rest.next(sink).transpose() };
        if found.is_none() {
            innermost.rest.end(sink);
            open.pop();
        }
    }
}

/// Tells a scalar, or opens a container. An error means that nothing was told.
fn begin<S: ValueSink>(
    value: &JsValue,
    open: &[Open],
    sink: &mut Bounded<'_, S>,
) -> Result<Option<Open>, JsValue> {
    if !value.is_object() {
        tell_primitive(value, sink);
        return Ok(None);
    }
    let is_open = |value: &JsValue| {
        open.iter().any(|open| open.containers.iter().any(|container| Object::is(container, value)))
    };
    if is_open(value) {
        sink.string(CYCLE);
        return Ok(None);
    }
    let mut shown = value.clone();
    let mut shape = shape_of(&shown)?;
    if matches!(shape, Shape::Container(Rest::Properties { .. }))
        && let Some(json) = ask::call(value, "toJSON", &JsValue::from_str(""))?
    {
        if !json.is_object() {
            tell_primitive(&json, sink);
            return Ok(None);
        }
        if is_open(&json) {
            sink.string(CYCLE);
            return Ok(None);
        }
        shape = shape_of(&json)?;
        shown = json;
    }
    match shape {
        Shape::Text(text) => sink.string(&text),
        Shape::Bytes(bytes) => sink.bytes(&bytes),
        Shape::Container(rest) => {
            rest.begin(sink);
            if open.len() < BOUNDS.depth as usize {
                return Ok(Some(Open { containers: [value.clone(), shown], rest }));
            }
            rest.end(sink);
        }
    }
    Ok(None)
}

fn tell_primitive<S: ValueSink>(value: &JsValue, sink: &mut S) {
    if let Some(number) = value.as_f64() {
        tell_number(number, sink);
    } else if let Some(string) = value.dyn_ref::<JsString>() {
        sink.string(&ask::text(string, COPIED));
    } else if let Some(value) = value.as_bool() {
        sink.bool(value);
    } else if value.is_null() || value.is_undefined() {
        sink.null();
    } else if value.is_function() {
        sink.string("[function]");
    } else if let Ok(number) = i64::try_from(value.clone()) {
        sink.int(number);
    } else {
        sink.string(&primitive_text(value));
    }
}

/// The text of a symbol, a large `BigInt`, or a key of a map.
fn primitive_text(value: &JsValue) -> String {
    ask::text(&ask::text_of_primitive(value), COPIED)
}

fn tell_number<S: ValueSink>(number: f64, sink: &mut S) {
    const SAFE: f64 = 9_007_199_254_740_991.0;
    let is_whole = number.fract() == 0.0 && number.abs() <= SAFE;
    if is_whole && !(number == 0.0 && number.is_sign_negative()) {
        sink.int(number as i64);
    } else {
        sink.double(number);
    }
}

fn shape_of(value: &JsValue) -> Result<Shape, JsValue> {
    let is_array = ask::is_array(value)?;
    let is_view = ask::is_view(value);
    if is_array {
        return items(value).map(Shape::Container);
    }
    let tag = ask::tag(value)?;
    let name = tag.strip_prefix("[object ").and_then(|tag| tag.strip_suffix(']')).unwrap_or(&tag);
    if is_view {
        return match name {
            "Uint8Array" | "Uint8ClampedArray" | "DataView" => bytes_of_view(value),
            _ => items(value).map(Shape::Container),
        };
    }
    // A value may call itself what it is not: then the question for its inside fails, and it is an object like others.
    let known = match name {
        "Map" => ask::entries_of_map(value).map(|iterator| Shape::Container(Rest::Entries { iterator })),
        "Set" => ask::values_of_set(value).map(|iterator| Shape::Container(Rest::Members { iterator })),
        "Date" => ask::time_of_date(value).map(|_| Shape::Text(date_text(value))),
        "RegExp" => ask::text_of_regexp(value).map(Shape::Text),
        "ArrayBuffer" | "SharedArrayBuffer" => ask::bytes_of_buffer(value, COPIED as usize).map(Shape::Bytes),
        "Headers" | "URLSearchParams" | "FormData" => entries(value),
        "Error" | "DOMException" => properties(value, &["name", "message"]).map(Shape::Container),
        "Promise" | "WeakMap" | "WeakSet" | "WeakRef" => Ok(Shape::Text(format!("[{name}]"))),
        _ if is_consumed(name) => Ok(Shape::Text(format!("[{name}]"))),
        _ => Err(JsValue::NULL),
    };
    known.or_else(|_| properties(value, &[]).map(Shape::Container))
}

/// True for what would be used up by looking.
fn is_consumed(name: &str) -> bool {
    name.ends_with("Generator") || name.ends_with("Iterator") || name == "Iterator Helper"
}

fn date_text(date: &JsValue) -> String {
    ask::iso_of_date(date).unwrap_or_else(|_| "Invalid Date".into())
}

fn bytes_of_view(view: &JsValue) -> Result<Shape, JsValue> {
    // A view of a buffer that is gone throws or has no length: either way there are no bytes.
    Ok(Shape::Bytes(ask::bytes_of_view(view, COPIED as usize).unwrap_or_default()))
}

fn entries(value: &JsValue) -> Result<Shape, JsValue> {
    let iterator = ask::call(value, "entries", &JsValue::UNDEFINED)?.ok_or(JsValue::NULL)?;
    Ok(Shape::Container(Rest::Entries { iterator }))
}

fn items(list: &JsValue) -> Result<Rest, JsValue> {
    // Not a number gives 0, and infinity the largest number: the bounds end it.
    let length = ask::number(list, "length")? as u32;
    Ok(Rest::Items { list: list.clone(), next: 0, length })
}

fn properties(object: &JsValue, first: &[&str]) -> Result<Rest, JsValue> {
    let own = ask::keys(object)?;
    let keys = if first.is_empty() {
        own
    } else {
        let first: Array = first.iter().map(|key| JsValue::from_str(key)).collect();
        let others = own.iter().filter(|key| first.index_of(key, 0) < 0).collect::<Array>();
        first.concat(&others)
    };
    Ok(Rest::Properties { object: object.clone(), keys, next: 0 })
}

impl Rest {
    const fn is_list(&self) -> bool {
        matches!(self, Self::Items { .. } | Self::Members { .. })
    }

    fn begin<S: ValueSink>(&self, sink: &mut S) {
        if self.is_list() { sink.begin_array() } else { sink.begin_map() }
    }

    fn end<S: ValueSink>(&self, sink: &mut S) {
        if self.is_list() { sink.end_array() } else { sink.end_map() }
    }

    /// The next value, behind its key. An error is a value that cannot be read.
    fn next<S: ValueSink>(&mut self, sink: &mut S) -> Result<Option<JsValue>, JsValue> {
        match self {
            Self::Items { list, next, length } => {
                if next >= length {
                    return Ok(None);
                }
                *next += 1;
                Reflect::get_u32(list, *next - 1).map(Some)
            }
            Self::Properties { object, keys, next } => {
                if *next >= keys.length() {
                    return Ok(None);
                }
                *next += 1;
                let key = keys.get(*next - 1);
                sink.key(&primitive_text(&key));
                Reflect::get(object, &key).map(Some)
            }
            // An iterator that throws is at its end: it might throw for ever.
            Self::Members { iterator } => Ok(ask::next(iterator).unwrap_or_default()),
            Self::Entries { iterator } => {
                let Ok(Some(entry)) = ask::next(iterator) else { return Ok(None) };
                let key = Reflect::get_u32(&entry, 0);
                sink.key(&key.map_or_else(|_| UNREADABLE.into(), |key| key_text(&key)));
                Reflect::get_u32(&entry, 1).map(Some)
            }
        }
    }
}

/// The key of a `Map` as text. An object has none that does not run its code.
fn key_text(key: &JsValue) -> String {
    if key.is_object() || key.is_function() { "[object]".into() } else { primitive_text(key) }
}
