//! Log requests: written by copying log records, read in place; as [`traces`](super::decode_traces) are.

use super::export::{self, Resource, ResourceGroup, ResourceView, Scope, ScopeGroup, ScopeView};
use super::log_record::LogRecordView;
use super::wire::DecodeError;

/// Appends `ResourceLogs` with these `LogRecord` messages to a request, and says how many there were; no records, no
/// bytes.
pub fn encode_logs<'a, I>(resource: &Resource, scope: &Scope, records: I, out: &mut Vec<u8>) -> usize
where
    I: IntoIterator<Item = &'a [u8], IntoIter: Clone>,
{
    export::encode(resource, scope, records.into_iter(), out)
}

/// How many bytes [`encode_logs`] would append.
pub fn logs_len<'a>(
    resource: &Resource,
    scope: &Scope,
    records: impl IntoIterator<Item = &'a [u8]>,
) -> usize {
    export::encoded_len(resource, scope, records.into_iter())
}

/// A checked log request (or `LogsData`, which is the same), read in place.
#[derive(Debug, Clone, Copy)]
pub struct LogsView<'a> {
    message: &'a [u8],
    records: usize,
}

/// A log record, and who recorded it.
#[derive(Debug, Clone, Copy)]
pub struct FoundLogRecord<'a> {
    /// Who made it.
    pub resource: ResourceView<'a>,
    /// Through what it was recorded.
    pub scope: ScopeView<'a>,
    /// The log record.
    pub record: LogRecordView<'a>,
}

/// Reads a log request and checks everything in it.
///
/// # Errors
/// When anything in it is not valid.
pub fn decode_logs(request: &[u8]) -> Result<LogsView<'_>, DecodeError> {
    let records = export::check(request, |record| LogRecordView::read(record).map(|_| ()))?;
    Ok(LogsView { message: request, records })
}

impl<'a> LogsView<'a> {
    /// How many log records there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.records
    }

    /// True when there are no log records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The resources with their scopes.
    pub fn resources(&self) -> impl Iterator<Item = ResourceGroup<'a>> + use<'a> {
        export::groups(self.message)
    }

    /// All log records, in the order in which they stand.
    pub fn records(&self) -> impl Iterator<Item = FoundLogRecord<'a>> + use<'a> {
        self.resources().flat_map(|group| {
            group.scopes().flat_map(move |scope| {
                scope.log_records().map(move |record| FoundLogRecord {
                    resource: group.resource,
                    scope: scope.scope,
                    record,
                })
            })
        })
    }
}

impl<'a> ScopeGroup<'a> {
    /// The items as log records, where this group is part of a log request.
    pub fn log_records(&self) -> impl Iterator<Item = LogRecordView<'a>> + use<'a> {
        self.items().filter_map(|message| LogRecordView::read_checked(message).ok())
    }
}
