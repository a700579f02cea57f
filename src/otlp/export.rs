//! What the requests of all signals have in common: who speaks ([`Resource`]), through what ([`Scope`]), and the
//! three levels of messages around the items.
//!
//! Traces, logs and metrics use the same field numbers on these levels, so one writer and one pair of views serve all. The
//! resource and the scope are encoded once, when they are made; a request is lengths first, then copies.

use super::any::{KeyValues, check_key_value, put_key_value};
use super::span::messages;
use super::wire::{
    BYTES, DecodeError, Fields, bytes_field_len, own_messages, put_bytes_field, put_varint, tag,
};
use crate::value::Value;

/// Items of a request: field 1 of the request, 2 of the resource's message, 2 of the scope's.
pub(super) const GROUPS: u32 = 1;
pub(super) const WHO: u32 = 1;
pub(super) const ITEMS: u32 = 2;
pub(super) const SCHEMA_URL: u32 = 3;

/// Who made the telemetry: a service and the machine it runs on, as attributes. Encoded once.
///
/// ```
/// use spanloom::otlp::Resource;
/// let resource = Resource::new([("service.name", "planner".into())]);
/// assert_eq!(resource.view().attribute("service.name").and_then(|name| name.as_str()), Some("planner"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    message: Vec<u8>,
    schema_url: String,
}

impl Resource {
    /// The resource with these attributes.
    pub fn new<K: AsRef<str>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Self {
        let mut message = Vec::new();
        for (key, value) in attributes {
            put_key_value(&mut message, 1, key.as_ref(), &value);
        }
        Self { message, schema_url: String::new() }
    }

    /// The resource that was received.
    #[must_use]
    pub fn of_view(view: ResourceView<'_>, schema_url: &str) -> Self {
        Self { message: view.message.into(), schema_url: schema_url.into() }
    }

    /// The resource that has the attributes of this `Span` message of ours: for hosts that can write spans and nothing
    /// else.
    #[must_use]
    pub fn of_span(span: &[u8]) -> Self {
        let mut message = Vec::new();
        for pair in own_messages(span, super::span::field::ATTRIBUTES) {
            put_bytes_field(&mut message, 1, pair);
        }
        Self { message, schema_url: String::new() }
    }

    /// The same with the address of the schema of its attributes.
    #[must_use]
    pub fn with_schema_url(self, url: &str) -> Self {
        Self { schema_url: url.into(), ..self }
    }

    /// What is in it.
    #[must_use]
    pub fn view(&self) -> ResourceView<'_> {
        // What this type holds was written or checked by this crate.
        ResourceView::read(&self.message).unwrap_or_default()
    }

    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    pub(super) fn schema_url(&self) -> &str {
        &self.schema_url
    }
}

/// The library or program part that recorded. Encoded once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    message: Vec<u8>,
    schema_url: String,
}

impl Scope {
    /// The scope with this name and version; an empty version is none.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Self {
        let mut message = Vec::new();
        for (field, text) in [(1, name), (2, version)] {
            if !text.is_empty() {
                put_bytes_field(&mut message, field, text.as_bytes());
            }
        }
        Self { message, schema_url: String::new() }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with_attribute(mut self, key: &str, value: &Value) -> Self {
        put_key_value(&mut self.message, 3, key, value);
        self
    }

    /// The same with the address of the schema of what is recorded.
    #[must_use]
    pub fn with_schema_url(self, url: &str) -> Self {
        Self { schema_url: url.into(), ..self }
    }

    /// What is in it.
    #[must_use]
    pub fn view(&self) -> ScopeView<'_> {
        // What this type holds was written by this crate.
        ScopeView::read(&self.message).unwrap_or_default()
    }

    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    pub(super) fn schema_url(&self) -> &str {
        &self.schema_url
    }
}

/// The lengths of a request's nested messages, known before a byte is written.
struct Lengths {
    items: usize,
    scope_group: usize,
    resource_group: usize,
}

impl Lengths {
    fn of<'a>(resource: &Resource, scope: &Scope, items: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut all = Self { items: 0, scope_group: 0, resource_group: 0 };
        // Not a loop: what reads several streams one after the other goes through each of them in one go here.
        items.for_each(|item| {
            all.items += 1;
            all.scope_group += bytes_field_len(ITEMS, item.len());
        });
        all.scope_group += present_len(&scope.message) + present_len(scope.schema_url.as_bytes());
        all.resource_group = bytes_field_len(ITEMS, all.scope_group)
            + present_len(&resource.message)
            + present_len(resource.schema_url.as_bytes());
        all
    }
}

/// Length of a field with a one-byte tag that is left out when empty.
pub(super) fn present_len(content: &[u8]) -> usize {
    if content.is_empty() { 0 } else { bytes_field_len(WHO, content.len()) }
}

pub(super) fn put_present(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    if !content.is_empty() {
        put_bytes_field(out, field, content);
    }
}

pub(super) fn put_header(out: &mut Vec<u8>, field: u32, length: usize) {
    put_varint(out, tag(field, BYTES));
    put_varint(out, length as u64);
}

/// How many bytes [`encode`] will append.
pub(super) fn encoded_len<'a>(
    resource: &Resource,
    scope: &Scope,
    items: impl Iterator<Item = &'a [u8]>,
) -> usize {
    let lengths = Lengths::of(resource, scope, items);
    if lengths.items == 0 { 0 } else { bytes_field_len(GROUPS, lengths.resource_group) }
}

/// Appends one resource with one scope with these items, and says how many there were; nothing where there are none.
pub(super) fn encode<'a>(
    resource: &Resource,
    scope: &Scope,
    items: impl Iterator<Item = &'a [u8]> + Clone,
    out: &mut Vec<u8>,
) -> usize {
    let lengths = Lengths::of(resource, scope, items.clone());
    if lengths.items == 0 {
        return 0;
    }
    out.reserve(bytes_field_len(GROUPS, lengths.resource_group));
    put_header(out, GROUPS, lengths.resource_group);
    put_present(out, WHO, &resource.message);
    put_header(out, ITEMS, lengths.scope_group);
    put_present(out, WHO, &scope.message);
    items.for_each(|item| put_bytes_field(out, ITEMS, item));
    put_present(out, SCHEMA_URL, scope.schema_url.as_bytes());
    put_present(out, SCHEMA_URL, resource.schema_url.as_bytes());
    lengths.items
}

/// A resource, read in place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ResourceView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// How many attributes were left out.
    pub dropped_attributes: u32,
}

impl<'a> ResourceView<'a> {
    /// Reads a `Resource` message and checks all of it.
    ///
    /// # Errors
    /// When anything in it is not valid.
    pub fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut resource = Self { message, dropped_attributes: 0 };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => {
                    check_key_value(found.bytes()?)?;
                }
                2 => resource.dropped_attributes = found.varint32()?,
                3 => check_entity_ref(found.bytes()?)?,
                _ => {}
            }
        }
        Ok(resource)
    }

    /// Its attributes.
    #[must_use]
    pub const fn attributes(&self) -> KeyValues<'a> {
        KeyValues::new(self.message, 1)
    }

    /// The last attribute with this key.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<super::any::AnyView<'a>> {
        self.attributes().filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }
}

/// Nobody reads entity references here; but what is passed on has to be valid.
fn check_entity_ref(message: &[u8]) -> Result<(), DecodeError> {
    let mut fields = Fields::new(message);
    while let Some(found) = fields.next_field()? {
        if (1..=4).contains(&found.number) {
            found.text()?;
        }
    }
    Ok(())
}

/// An instrumentation scope, read in place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ScopeView<'a> {
    /// The whole message.
    pub message: &'a [u8],
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
}

impl<'a> ScopeView<'a> {
    /// Reads an `InstrumentationScope` message and checks all of it.
    ///
    /// # Errors
    /// When anything in it is not valid.
    pub fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut scope = Self { message, ..Self::default() };
        let mut fields = Fields::new(message);
        while let Some(found) = fields.next_field()? {
            match found.number {
                1 => scope.name = found.text()?,
                2 => scope.version = found.text()?,
                3 => {
                    check_key_value(found.bytes()?)?;
                }
                4 => scope.dropped_attributes = found.varint32()?,
                _ => {}
            }
        }
        Ok(scope)
    }

    /// Its attributes.
    #[must_use]
    pub const fn attributes(&self) -> KeyValues<'a> {
        KeyValues::new(self.message, 3)
    }
}

/// All items of one resource, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceGroup<'a> {
    /// Who made them.
    pub resource: ResourceView<'a>,
    message: &'a [u8],
}

impl<'a> ResourceGroup<'a> {
    /// The scopes through which they were recorded.
    pub fn scopes(&self) -> impl Iterator<Item = ScopeGroup<'a>> + use<'a> {
        messages(self.message, ITEMS).filter_map(|message| ScopeGroup::head(message).ok())
    }

    /// Schema of the resource's attributes.
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        schema_url(self.message)
    }

    fn head(message: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { resource: ResourceView::read(who(message))?, message })
    }
}

/// All items of one scope, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScopeGroup<'a> {
    /// Through what they were recorded.
    pub scope: ScopeView<'a>,
    message: &'a [u8],
}

impl<'a> ScopeGroup<'a> {
    /// The items: `Span`, `LogRecord` or `Metric` messages.
    pub fn items(&self) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        messages(self.message, ITEMS)
    }

    /// Schema of the items.
    #[must_use]
    pub fn schema_url(&self) -> &'a str {
        schema_url(self.message)
    }

    fn head(message: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { scope: ScopeView::read(who(message))?, message })
    }
}

/// The resource or scope of a group: the first one, which stands before all items where encoders put it.
fn who(message: &[u8]) -> &[u8] {
    messages(message, WHO).next().unwrap_or_default()
}

fn schema_url(message: &[u8]) -> &str {
    messages(message, SCHEMA_URL).last().and_then(|url| core::str::from_utf8(url).ok()).unwrap_or_default()
}

/// The groups of a request.
pub(super) fn groups(request: &[u8]) -> impl Iterator<Item = ResourceGroup<'_>> {
    messages(request, GROUPS).filter_map(|message| ResourceGroup::head(message).ok())
}

/// Goes through a request once, checks everything in it, items by `check`, and counts them.
#[inline]
pub(super) fn check<'a>(
    request: &'a [u8],
    check_item: impl Fn(&'a [u8]) -> Result<(), DecodeError>,
) -> Result<usize, DecodeError> {
    let mut items = 0;
    let mut groups = Fields::new(request);
    while let Some(found) = groups.next_field()? {
        if found.number != GROUPS {
            continue;
        }
        let mut group = Fields::new(found.bytes()?);
        while let Some(found) = group.next_field()? {
            match found.number {
                WHO => {
                    ResourceView::read(found.bytes()?)?;
                }
                ITEMS => items += check_scope_group(found.bytes()?, &check_item)?,
                SCHEMA_URL => {
                    found.text()?;
                }
                _ => {}
            }
        }
    }
    Ok(items)
}

#[inline]
fn check_scope_group<'a>(
    message: &'a [u8],
    check_item: &impl Fn(&'a [u8]) -> Result<(), DecodeError>,
) -> Result<usize, DecodeError> {
    let mut items = 0;
    let mut fields = Fields::new(message);
    while let Some(found) = fields.next_field()? {
        match found.number {
            WHO => {
                ScopeView::read(found.bytes()?)?;
            }
            ITEMS => {
                check_item(found.bytes()?)?;
                items += 1;
            }
            SCHEMA_URL => {
                found.text()?;
            }
            _ => {}
        }
    }
    Ok(items)
}
