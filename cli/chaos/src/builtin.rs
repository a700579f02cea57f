//! The scenarios that come with the crate. Each is a file in `scenarios/`, and an example of the format.

use crate::scenario::{Scenario, ScenarioError};

macro_rules! built_in {
    ($($name:literal)*) => {
        /// Names of the built-in scenarios. The letters and numbers are those of the fault table in the documentation.
        pub const BUILT_IN: &[&str] = &[$($name),*];

        const TEXTS: &[&str] = &[$(include_str!(concat!("../scenarios/", $name, ".json"))),*];
    };
}

built_in! { "F01" "F02" "F03" "F04" "F05" "F06" "F07" "F08" "F09" "F10" "F11" "F12" "F13" "F14" "F16" "F30" "network" }

impl Scenario {
    /// A built-in scenario.
    ///
    /// # Errors
    /// When there is none of this name.
    ///
    /// ```
    /// use spanloom_chaos::{BUILT_IN, Scenario};
    /// assert!(Scenario::built_in("F08")?.about.contains("Retry-After"));
    /// assert!(Scenario::built_in("F99").is_err());
    /// assert!(BUILT_IN.contains(&"F12"));
    /// # Ok::<(), spanloom_chaos::ScenarioError>(())
    /// ```
    pub fn built_in(name: &str) -> Result<Self, ScenarioError> {
        Self::from_json(Self::built_in_text(name)?)
    }

    /// The text of a built-in scenario.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn built_in_text(name: &str) -> Result<&'static str, ScenarioError> {
        let found = BUILT_IN.iter().position(|known| known.eq_ignore_ascii_case(name));
        let text = found.and_then(|index| TEXTS.get(index).copied());
        text.ok_or_else(|| ScenarioError::Unknown(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_can_be_read() {
        for name in BUILT_IN {
            let scenario = Scenario::built_in(name).unwrap();
            assert!(scenario.name.starts_with(name), "{name}");
            assert!(!scenario.about.is_empty(), "{name}");
            let again = Scenario::from_json(&serde_json::to_string(&scenario).unwrap()).unwrap();
            assert_eq!(again, scenario);
        }
    }
}
