//! Storage of Torre: bytes, keys, durability.
//!
//! It keeps the records, vectors, tombstones, manifests and settings of collections in one ordered store, and the chunks of segments and other blobs
//! in a second one, both on sled, or both in memory. It knows bytes only: what a record, a vector or a segment means is Torre's affair.
//!
//! - A [`Batch`] is committed whole or not at all, and is durable when [`Storage::commit`] returns ([`Durability::Commit`], the default).
//!   Many threads may commit at once: they share one flush.
//! - Blobs are written first ([`Storage::write_blob`]), made durable ([`Storage::flush_blobs`]), then named by a [`Manifest`] in a batch.
//!   What no manifest names is swept on open.
//! - Every value carries its key's checksum, every batch a number, and a marker file the last number known durable: damaged, moved,
//!   missing or forgotten bytes are an [`Error`], never an answer.
//! - Nothing here panics or waits for ever on damaged files: the store runs on threads of its own under [`OpenOptions::timeout`].
//!
//! It is not a general key-value store, and a directory is open to one writer or to any number of readers ([`Storage::open_read_only`]).
//!
//! ```
//! use torre_storage::{Batch, CollectionId, Storage};
//!
//! let storage = Storage::in_memory();
//! let shop = CollectionId(1);
//! let mut batch = Batch::new();
//! batch.put_collection(shop, b"settings");
//! batch.put_record(shop, 0, b"a red mug");
//! storage.commit(batch)?;
//! assert_eq!(storage.record(shop, 0)?.as_deref(), Some(&b"a red mug"[..]));
//! # Ok::<(), torre_storage::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod backend;
mod batch;
mod blob;
mod check;
pub mod codec;
mod commit;
mod directory;
mod disk_size;
mod durability;
mod envelope;
mod error;
#[cfg(test)]
mod fault_tests;
mod flush;
mod flusher;
mod fsync;
#[cfg(all(test, not(feature = "schedules")))]
mod full_disk_tests;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod layout;
mod lock;
mod manifest;
mod marker;
mod open;
#[cfg(test)]
mod opening_tests;
mod plan;
mod progress;
mod queue;
mod read;
#[cfg(test)]
mod reading_tests;
mod remove;
mod room;
mod salvage;
#[cfg(all(test, feature = "schedules"))]
mod schedule_tests;
mod storage;
mod sweep;
mod swept;
#[doc(hidden)]
pub mod sync;
#[cfg(test)]
mod tests;
mod unflushed;
#[cfg(test)]
mod wrong_tests;

pub use batch::Batch;
pub use check::Checked;
pub use directory::Create;
pub use durability::{Durability, Sequence};
pub use error::{Error, Foreign, Result};
pub use key::{CollectionId, LAST_ROW, SpaceId};
pub use manifest::{BlobMeta, Manifest, PolicyMeta, RankerMeta, SegmentMeta, SpaceMeta, TrainingMeta};
pub use marker::FORMAT;
pub use open::OpenOptions;
pub use read::{Rows, Tombstones};
pub use salvage::{Report, verify};
pub use storage::Storage;
pub use swept::Swept;
