//! The data types for `serde`, with the feature `serde`.
//!
//! A [`Value`] is whatever the format has: order of keys and the difference of whole and floating-point numbers are kept.
//! The logs go through a [`Value`], so they have the same form here as in their JSON. Serde walks nested values on the
//! stack; so that no input uses it up, nothing may nest deeper than [`MAX_DEPTH`](crate::json::MAX_DEPTH).

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

use crate::json::MAX_DEPTH;
use crate::usage::{Usage, UsageMode};
use crate::value::{Value, ValueBuilder};
use crate::workflow::{NodeLog, NodeTraceLog, WorkflowLog};
use crate::{Sid, SidError};

const TOO_DEEP: &str = "values nest too deep";

/// A value, and how many levels it may have.
struct Nested<'a>(&'a Value, u32);

impl Serialize for Nested<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let below = || self.1.checked_sub(1).ok_or_else(|| S::Error::custom(TOO_DEEP));
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Double(value) => serializer.serialize_f64(*value),
            Value::String(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_bytes(value),
            Value::Array(values) => {
                let below = below()?;
                let mut seq = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    seq.serialize_element(&Nested(value, below))?;
                }
                seq.end()
            }
            Value::Map(entries) => {
                let below = below()?;
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &Nested(value, below))?;
                }
                map.end()
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Nested(self, MAX_DEPTH).serialize(serializer)
    }
}

/// Reads a value of so many levels.
struct Levels(u32);

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }
    #[expect(clippy::cast_precision_loss, reason = "what is larger than an i64 is a double, as in JSON")]
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Double(value as f64), Value::Int))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(value.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let below = self.0.checked_sub(1).ok_or_else(|| A::Error::custom(TOO_DEEP))?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Levels(below))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let below = self.0.checked_sub(1).ok_or_else(|| A::Error::custom(TOO_DEEP))?;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.push((key, map.next_value_seed(Levels(below))?));
        }
        Ok(Value::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Levels(MAX_DEPTH).deserialize(deserializer)
    }
}

impl Serialize for Sid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Sid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|error: SidError| D::Error::custom(error))
    }
}

fn told(tell: impl FnOnce(&mut ValueBuilder)) -> Value {
    let mut builder = ValueBuilder::default();
    tell(&mut builder);
    builder.finish()
}

impl Serialize for NodeLog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        told(|builder| self.tell(builder)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NodeLog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for NodeTraceLog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        told(|builder| self.tell(builder)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NodeTraceLog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The form is that of the log alone: which types stream is configuration, and has its default when read.
impl Serialize for WorkflowLog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.log.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WorkflowLog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NodeTraceLog::deserialize(deserializer).map(Self::from)
    }
}

const USAGE_NAMES: [&str; 7] =
    ["prompt", "completion", "question", "total", "cache_read", "cache_write", "reasoning"];
const USAGE_MODES: [(&str, UsageMode); 3] =
    [("total", UsageMode::Total), ("delta", UsageMode::Delta), ("cumulative", UsageMode::Cumulative)];

/// A map of the fields by their names; `mode` is `total`, `delta` or `cumulative`. On the way in, what is missing has
/// its default, and what is not known is passed over.
impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(USAGE_NAMES.len() + 1))?;
        for (name, number) in USAGE_NAMES.iter().zip(self.numbers()) {
            map.serialize_entry(name, &number)?;
        }
        let mode = USAGE_MODES.iter().find(|(_, mode)| *mode == self.mode).map_or("total", |(name, _)| name);
        map.serialize_entry("mode", mode)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(UsageVisitor)
    }
}

struct UsageVisitor;

impl<'de> Visitor<'de> for UsageVisitor {
    type Value = Usage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("token usage")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Usage, A::Error> {
        let mut usage = Usage::default();
        while let Some(name) = map.next_key::<String>()? {
            let place = match name.as_str() {
                "prompt" => &mut usage.prompt,
                "completion" => &mut usage.completion,
                "question" => &mut usage.question,
                "total" => &mut usage.total,
                "cache_read" => &mut usage.cache_read,
                "cache_write" => &mut usage.cache_write,
                "reasoning" => &mut usage.reasoning,
                "mode" => {
                    let word = map.next_value::<String>()?;
                    let known = USAGE_MODES.iter().find(|(name, _)| *name == word);
                    usage.mode = known.ok_or_else(|| A::Error::custom("unknown usage mode"))?.1;
                    continue;
                }
                _ => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                    continue;
                }
            };
            *place = map.next_value()?;
        }
        Ok(usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Style;
    use crate::workflow::{NodeAbout, TraceAbout};

    #[test]
    fn values_have_the_same_json_as_their_own() {
        let text = r#"{"b":1,"a":[1.0,-0.0,9007199254740993,1e300,null,true,"ü\n"],"":{"x":{}}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(value.to_json(), text);
        let printed = serde_json::to_string(&value).unwrap();
        assert_eq!(Value::from_json(&printed), Ok(value));
        assert_eq!(
            serde_json::from_str::<Value>("18446744073709551615").unwrap(),
            Value::Double(1.844_674_407_370_955_2e19)
        );
    }

    #[test]
    fn depth_is_bounded() {
        let mut value = Value::Null;
        for _ in 0..128 {
            value = Value::Array(vec![value]);
        }
        assert!(serde_json::to_string(&value).is_ok());
        value = Value::Array(vec![value]);
        assert!(serde_json::to_string(&value).is_err());
        for _ in 0..100_000 {
            value = Value::Array(vec![value]);
        }
        assert!(serde_json::to_string(&value).is_err());
    }

    #[test]
    fn logs_have_the_form_of_their_json() {
        let mut log = NodeTraceLog::new(&TraceAbout { sid: "s", ..TraceAbout::default() }, 5);
        let mut node = NodeLog::new("1", &NodeAbout::default(), 5);
        node.append_config([("t".into(), 0.5.into()), ("n".into(), 1.into())]);
        node.set_first_cost_time(2.0);
        assert_eq!(serde_json::to_string(&node).unwrap(), node.to_json(Style::Compact));
        log.add_nodes([node]);
        let text = serde_json::to_string(&log).unwrap();
        assert_eq!(text, log.to_json(Style::Compact));
        assert_eq!(serde_json::from_str::<NodeTraceLog>(&text).unwrap(), log);
        assert_eq!(serde_json::from_str::<WorkflowLog>(&text).unwrap().log, log);
        let error = serde_json::from_str::<NodeLog>(r#"{"duration":"x"}"#).unwrap_err();
        assert!(error.to_string().contains("field duration: expected an integer"), "{error}");
    }

    #[test]
    fn sids_are_texts_and_usage_is_a_map() {
        let text = r#""svc00010001@hf000000000010a0b802""#;
        let sid: Sid = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&sid).unwrap(), text);
        assert!(serde_json::from_str::<Sid>("\"no\"").is_err());
        let usage: Usage = serde_json::from_str(r#"{"prompt":3,"mode":"delta","x":[]}"#).unwrap();
        assert_eq!(usage, Usage { prompt: 3, mode: UsageMode::Delta, ..Usage::default() });
        let again = serde_json::to_string(&usage).unwrap();
        assert_eq!(serde_json::from_str::<Usage>(&again).unwrap(), usage);
        assert!(serde_json::from_str::<Usage>(r#"{"mode":"x"}"#).is_err());
    }
}
