//! What the fuzz targets reach of the inside. No API: it changes without notice.

use torre_storage::{Storage, codec};

use crate::db::{Database, Running};
use crate::error::Result;
use crate::features::{EncodeOptions, FeatureSpec, Lookup, LookupError, Row, TensorData, TowerRole};
use crate::quantizer::Quantizer;
use crate::quantizer::calibration::Calibration;
use crate::segment::{Ids, Record, Rows, Settings, TrainingHead, Values};
use crate::tower::TowerSource;

/// A database on an open storage, without the background thread. Its builds are quick ones: there are many, and nobody looks at how good
/// they are.
///
/// # Errors
/// Storage errors; damage.
pub fn database(storage: Storage) -> Result<Database> {
    Database::over(storage, Running { rounds: Some(0), ..Running::default() })
}

/// What stored bytes are to be decoded as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stored {
    /// A record: id, features.
    Record,
    /// A vector.
    Vector,
    /// The features of a row.
    Row,
    /// So many ids of a segment.
    Ids(usize),
    /// So many row numbers of a segment.
    Rows(usize),
    /// A quantizer.
    Quantizer,
    /// A calibration.
    Calibration,
    /// A collection's settings.
    Settings,
    /// The head of a training.
    Head,
}

/// Decodes stored bytes and encodes what came of them; `None` where they are refused.
pub fn recode(what: Stored, bytes: &[u8]) -> Option<Vec<u8>> {
    match what {
        Stored::Record => {
            let record = Record::decode(bytes).ok()?;
            Some(Record::encode(record.id, record.features))
        }
        Stored::Vector => Some(Values::encode(&Values::decode(bytes).ok()?.to_vec())),
        Stored::Row => Row::from_bytes(bytes).map(|row| row.to_bytes()),
        Stored::Ids(count) => {
            let ids = Ids::from_bytes(bytes, count)?;
            // Every id, by place and by name: what decodes can also be looked up.
            (0..ids.len()).all(|at| ids.find(ids.get(at)).is_some()).then(|| ids.to_bytes())
        }
        Stored::Rows(count) => Rows::from_bytes(bytes, 0, count).map(|rows| rows.to_bytes()),
        Stored::Quantizer => Quantizer::from_bytes(bytes).map(|quantizer| quantizer.to_bytes()),
        Stored::Calibration => Calibration::from_bytes(bytes).map(|calibration| {
            for k in [1, 10, 1000] {
                let _ = calibration.pick(0.95, k, 1 << 20);
            }
            calibration.to_bytes()
        }),
        Stored::Settings => codec::decode::<Settings>(bytes).and_then(|settings| codec::encode(&settings)).ok(),
        Stored::Head => codec::decode::<TrainingHead>(bytes).and_then(|settings| codec::encode(&settings)).ok(),
    }
}

/// An input tensor: name, shape, and its elements' bits.
pub type TensorBits = (String, Vec<usize>, Vec<u64>);

/// Every text but those that begin with `-` has a stored vector, made of its bytes.
struct Stand;

impl Lookup for Stand {
    fn vector(&self, id: &str, out: &mut [f32]) -> Result<bool, LookupError> {
        out.iter_mut().zip(id.bytes().cycle()).for_each(|(out, byte)| *out = f32::from(byte));
        Ok(!id.starts_with('-') && !id.is_empty())
    }
}

/// The tensors of rows, by a feature spec.
///
/// # Errors
/// [`Error::Feature`](crate::Error::Feature).
pub fn tensors(spec: &FeatureSpec, rows: &[Row], lenient: bool) -> Result<Vec<TensorBits>> {
    let options = EncodeOptions { lookup: Some(&Stand), lenient, ..EncodeOptions::default() };
    let tensors = spec.encode(&rows.iter().collect::<Vec<_>>(), &options)?;
    let bits = |data: TensorData| match data {
        TensorData::I64(data) => data.into_iter().map(i64::cast_unsigned).collect(),
        TensorData::F32(data) => data.into_iter().map(|x| u64::from(x.to_bits())).collect(),
    };
    Ok(tensors.into_iter().map(|tensor| (tensor.name.to_string(), tensor.shape, bits(tensor.data))).collect())
}

/// What a spec says of a row, and of a row of its fields in a CSV file.
pub fn inspect(spec: &FeatureSpec, row: &Row) -> (crate::FeatureReport, Vec<Option<crate::FieldType>>) {
    (spec.inspect(row, None), row.iter().map(|(name, _)| spec.field_type(name)).collect())
}

/// Attaches one tower: the item tower, or the user tower where the file says that it is one. Golden rows are run.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model).
pub fn attach(onnx: &[u8]) -> Result<TowerRole> {
    Ok(crate::TowerReport::of(&TowerSource::new(onnx))?.role)
}
