//! Places in the hierarchy, and the labels that tell them.

use super::RegistryError;
use crate::meter::name::label_value;

/// Labels that a registry sets itself: for the names at the first, second and third level below the runtime.
pub const AUTO_LABELS: [&str; 3] = ["dynamo_namespace", "dynamo_component", "dynamo_endpoint"];

/// The label of a worker's id, where there is one.
pub(super) const WORKER_ID: &str = "worker_id";

/// Deeper than this is a mistake. A tree that is freed takes some stack for each level.
const DEEPEST: usize = 64;

/// What a level is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum LevelKind {
    /// The whole program.
    #[default]
    Runtime,
    /// A part of it, below the runtime or another namespace.
    Namespace,
    /// A component of a namespace.
    Component,
    /// An endpoint of a component.
    Endpoint,
}

impl LevelKind {
    /// Its name, for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Namespace => "namespace",
            Self::Component => "component",
            Self::Endpoint => "endpoint",
        }
    }

    const fn may_be_below(self, above: Self) -> bool {
        matches!(
            (above, self),
            (Self::Runtime | Self::Namespace, Self::Namespace)
                | (Self::Namespace, Self::Component)
                | (Self::Component, Self::Endpoint)
        )
    }
}

/// Where a level stands.
///
/// The names of the first three levels below the runtime become labels, whatever kind they have: with a namespace in a namespace
/// the inner one stands in `dynamo_component`, and so on. An empty name has no label.
///
/// ```
/// use spanloom::meter::registry::{LevelKind, Place};
/// let place = Place::default().below(LevelKind::Namespace, "ns-1")?.below(LevelKind::Component, "router")?;
/// let labels: Vec<_> = place.labels().collect();
/// assert_eq!(labels, [("dynamo_namespace", "ns_1"), ("dynamo_component", "router")]);
/// assert_eq!(place.to_string(), "ns-1/router");
/// # Ok::<(), spanloom::meter::registry::RegistryError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    kind: LevelKind,
    /// As they were given, from the first level below the runtime on.
    names: Vec<String>,
    labels: Vec<(&'static str, String)>,
}

impl Place {
    /// What stands there.
    #[must_use]
    pub const fn kind(&self) -> LevelKind {
        self.kind
    }

    /// The place of a level below this one.
    ///
    /// # Errors
    /// When a level of that kind cannot be here, or the name leaves nothing for its label.
    pub fn below(&self, kind: LevelKind, name: &str) -> Result<Self, RegistryError> {
        if !kind.may_be_below(self.kind) {
            return Err(RegistryError::Misplaced { level: kind.word(), above: self.kind.word() });
        }
        if self.names.len() >= DEEPEST {
            return Err(RegistryError::TooDeep { most: DEEPEST });
        }
        let mut place = self.clone();
        place.kind = kind;
        if let Some(label) = AUTO_LABELS.get(self.names.len())
            && !name.is_empty()
        {
            let value = label_value(name).map_err(|_| RegistryError::LevelName { name: name.to_owned() })?;
            place.labels.push((label, value));
        }
        place.names.push(name.to_owned());
        Ok(place)
    }

    /// The labels of all series here.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

impl core::fmt::Display for Place {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.names.is_empty() {
            return f.write_str(self.kind.word());
        }
        for (depth, name) in self.names.iter().enumerate() {
            let between = if depth == 0 { "" } else { "/" };
            write!(f, "{between}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(levels: &[(LevelKind, &str)]) -> Result<Place, RegistryError> {
        levels.iter().try_fold(Place::default(), |place, (kind, name)| place.below(*kind, name))
    }

    #[test]
    fn nested_namespaces_shift_the_labels() {
        use LevelKind::{Component, Endpoint, Namespace};
        let place = place(&[(Namespace, "a"), (Namespace, "b"), (Component, "c"), (Endpoint, "__")]).unwrap();
        let labels: Vec<_> = place.labels().collect();
        assert_eq!(labels, [("dynamo_namespace", "a"), ("dynamo_component", "b"), ("dynamo_endpoint", "c")]);
        assert_eq!(place.to_string(), "a/b/c/__");
    }

    #[test]
    fn an_empty_name_has_no_label_and_keeps_its_place() {
        let place = place(&[(LevelKind::Namespace, ""), (LevelKind::Component, "c")]).unwrap();
        assert_eq!(place.labels().collect::<Vec<_>>(), [("dynamo_component", "c")]);
        assert_eq!(Place::default().to_string(), "runtime");
    }

    #[test]
    fn levels_have_their_order_and_names_something_in_them() {
        let wrong = [
            vec![(LevelKind::Component, "c")],
            vec![(LevelKind::Endpoint, "e")],
            vec![(LevelKind::Namespace, "n"), (LevelKind::Endpoint, "e")],
            vec![(LevelKind::Namespace, "n"), (LevelKind::Component, "c"), (LevelKind::Component, "c")],
        ];
        for levels in wrong {
            assert!(matches!(place(&levels), Err(RegistryError::Misplaced { .. })), "{levels:?}");
        }
        assert_eq!(
            place(&[(LevelKind::Namespace, "@@@")]),
            Err(RegistryError::LevelName { name: "@@@".to_owned() })
        );
        let deep = vec![(LevelKind::Namespace, "n"); DEEPEST + 1];
        assert!(place(&deep[1..]).is_ok());
        assert_eq!(place(&deep), Err(RegistryError::TooDeep { most: DEEPEST }));
    }
}
