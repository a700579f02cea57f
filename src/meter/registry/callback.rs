//! What a program has called at a scrape.

use std::sync::Arc;

use crate::meter::prometheus::FamilyError;

/// What went wrong in a callback.
pub type CallbackError = Box<dyn std::error::Error + Send + Sync>;

/// Brings metrics up to date.
pub(super) type Update = Arc<dyn Fn() -> Result<(), CallbackError> + Send + Sync>;

/// Gives text that stands behind the metrics.
pub(super) type Text = Arc<dyn Fn() -> Result<String, CallbackError> + Send + Sync>;

/// Is told what went wrong at a scrape.
pub(super) type OnProblem = Arc<dyn Fn(&RegistryProblem) + Send + Sync>;

/// Something that went wrong at a scrape and did not end it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryProblem {
    /// An update callback failed: its metrics may be old.
    #[error("an update callback of {place} failed: {error}")]
    Update {
        /// Its level.
        place: String,
        /// What it said.
        error: CallbackError,
    },
    /// A text callback failed: its text is left out.
    #[error("a text callback of {place} failed: {error}")]
    Text {
        /// Its level.
        place: String,
        /// What it said.
        error: CallbackError,
    },
    /// Series that another level has with the same name and labels: the later ones are left out.
    #[error("{count} series are there already, with the same name and labels: they are left out")]
    DuplicateSeries {
        /// How many.
        count: u64,
    },
    /// Metrics do not fit together: a page that nobody is told the error of could not be made.
    #[error("there is no page of metrics: {error}")]
    Unfit {
        /// What does not fit.
        error: FamilyError,
    },
}
