//! A row a user: user, items, scores; packed with zstd.

use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::{ArrayBuilder, Float32Builder, ListBuilder, StringBuilder};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::error::HitProblem;
use super::writer::{HitOptions, Hits, UserHits, flushed};

/// Users that are handed to the writer at once, and users of a row group, which it holds in memory.
const BATCH: usize = 4096;
const GROUP: usize = 1 << 16;

pub(super) struct Parquet {
    writer: ArrowWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    ranked: bool,
    users: StringBuilder,
    items: ListBuilder<StringBuilder>,
    scores: ListBuilder<Float32Builder>,
    ranks: ListBuilder<Float32Builder>,
}

impl Parquet {
    pub(super) fn begin(out: BufWriter<File>, options: HitOptions) -> Result<Self, HitProblem> {
        let list = |name: &str, of: DataType| Field::new(name, DataType::List(Arc::new(Field::new("item", of, true))), true);
        let mut fields = vec![Field::new("user", DataType::Utf8, false), list("items", DataType::Utf8), list("scores", DataType::Float32)];
        if options.ranked {
            fields.push(list("rank_scores", DataType::Float32));
        }
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP))
            .build();
        let writer = ArrowWriter::try_new(out, Arc::clone(&schema), Some(properties)).map_err(problem)?;
        Ok(Self {
            writer,
            schema,
            ranked: options.ranked,
            users: StringBuilder::new(),
            items: ListBuilder::new(StringBuilder::new()),
            scores: ListBuilder::new(Float32Builder::new()),
            ranks: ListBuilder::new(Float32Builder::new()),
        })
    }

    fn write(&mut self) -> Result<(), HitProblem> {
        let mut columns: Vec<arrow_array::ArrayRef> =
            vec![Arc::new(self.users.finish()), Arc::new(self.items.finish()), Arc::new(self.scores.finish())];
        if self.ranked {
            columns.push(Arc::new(self.ranks.finish()));
        }
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| HitProblem::Parquet { what: error.to_string() })?;
        self.writer.write(&batch).map_err(problem)
    }
}

impl Hits for Parquet {
    fn add(&mut self, hits: &UserHits<'_>) -> Result<(), HitProblem> {
        self.users.append_value(hits.user);
        for hit in hits.answer.into_iter().flatten() {
            self.items.values().append_value(hit.id.as_str());
            self.scores.values().append_value(hit.score);
            if self.ranked {
                self.ranks.values().append_option(hit.rank_score);
            }
        }
        self.items.append(hits.answer.is_some());
        self.scores.append(hits.answer.is_some());
        if self.ranked {
            self.ranks.append(hits.answer.is_some());
        }
        if self.users.len() >= BATCH { self.write() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<File, HitProblem> {
        if self.users.len() > 0 {
            self.write()?;
        }
        flushed(self.writer.into_inner().map_err(problem)?)
    }
}

fn problem(error: parquet::errors::ParquetError) -> HitProblem {
    match error {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(error) => HitProblem::Io(*error),
            Err(other) => HitProblem::Parquet { what: other.to_string() },
        },
        other => HitProblem::Parquet { what: other.to_string() },
    }
}
