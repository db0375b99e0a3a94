//! The names of what lies in a database's directory.

/// The file that says that a database is here.
pub(crate) const MARKER: &str = "TORRE";
/// The marker's next version, while it is written.
pub(crate) const MARKER_TEMPORARY: &str = "TORRE.tmp";
/// The file of flushed commits.
pub(crate) const PROGRESS: &str = "progress";
/// A file that is there for a moment only.
pub(crate) const PROBE: &str = "TORRE.probe";
/// The file that is locked.
pub(crate) const LOCK: &str = "LOCK";
/// Directory of the store of records, tombstones, manifests and settings.
pub(crate) const RECORDS: &str = "records";
/// Directory of the store of blob chunks.
pub(crate) const BLOBS: &str = "blobs";
