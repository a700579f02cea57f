//! The rows of the table, in its order.

use crate::harness::{Measure, Pace, Scenario, Series, compare};
use crate::hosts::{self, NODE, PYTHON};
use crate::table::{Goal, Row, Skipped, Unit};
use crate::{decode, peers};

/// How a row is measured.
type Measured = Result<Row, Skipped>;

/// Every row by its name.
pub const ROWS: &[(&str, fn(&'static str, Pace) -> Measured)] = &[];
