//! Metrics whose labels have names that are known only when the program runs.

use crate::meter::registry::RegistryError;
use crate::native::meter::{AnyLabels, Handle};
use crate::value::ValueRef;

/// So many values are looked up without making a list of them.
const ROOM: usize = 16;

/// A metric whose labels got their names when the program ran.
///
/// ```
/// use spanloom::native::meter::Registry;
/// let registry = Registry::new();
/// let names = std::env::args().take(1).map(|_| "route".to_owned()).collect::<Vec<_>>();
/// let requests = registry.counter("requests_total", "Requests").labelled_by(&names)?;
/// requests.with(&["/ask"])?.add(1);
/// assert!(requests.with(&["/ask", "200"]).is_err());
/// # Ok::<(), spanloom::meter::registry::RegistryError>(())
/// ```
pub struct LabelledBy<H: Handle> {
    name: Box<str>,
    labels: Box<[Box<str>]>,
    handles: AnyLabels<H>,
}

impl<H: Handle> LabelledBy<H> {
    pub(super) fn new(name: &str, labels: Box<[Box<str>]>, handles: AnyLabels<H>) -> Self {
        Self { name: name.into(), labels, handles }
    }

    /// The handle for these values of the labels, in the order of their names.
    ///
    /// # Errors
    /// When there are more or fewer values than names.
    pub fn with(&self, values: &[&str]) -> Result<&H, RegistryError> {
        if values.len() != self.labels.len() {
            return Err(RegistryError::LabelValues {
                name: self.name.to_string(),
                wanted: self.labels.len(),
                given: values.len(),
            });
        }
        let pairs = self.labels.iter().zip(values).map(|(name, value)| (&**name, ValueRef::Str(value)));
        let mut room = [("", ValueRef::Null); ROOM];
        let Some(all) = room.get_mut(..values.len()) else {
            return Ok(self.handles.with(&pairs.collect::<Vec<_>>()));
        };
        all.iter_mut().zip(pairs).for_each(|(place, pair)| *place = pair);
        Ok(self.handles.with(all))
    }
}

impl<H: Handle> std::fmt::Debug for LabelledBy<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LabelledBy").field("labels", &self.labels).field("handles", &self.handles).finish()
    }
}
