//! What the fuzz targets reach of the inside. No API: it changes without notice.

use torre_storage::{Storage, codec};

use crate::db::{Database, Running};
use crate::error::Result;
use crate::features::{EncodeOptions, FeatureSpec, Lookup, LookupError, Row, TensorData, TowerRole};
use crate::quantizer::Quantizer;
use crate::quantizer::calibration::Calibration;
use crate::segment::{Column, Ids, Record, Rows, Settings, TrainingHead, Values, delta};
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
    /// A delta entry.
    Delta,
    /// A vector.
    Vector,
    /// The features of a row.
    Row,
    /// So many ids of a segment.
    Ids(usize),
    /// So many row numbers of a segment.
    Rows(usize),
    /// A column of so many rows, its parts end to end: number u8, length u16, bytes.
    Column(usize),
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
        Stored::Delta => Some(delta::encode(delta::decode(bytes).ok()?.iter().map(|(row, fields)| (*row, fields)))),
        Stored::Vector => Some(Values::encode(&Values::decode(bytes).ok()?.to_vec())),
        Stored::Row => Row::from_bytes(bytes).map(|row| row.to_bytes()),
        Stored::Ids(count) => {
            let ids = Ids::from_bytes(bytes, count)?;
            // Every id, by place and by name: what decodes can also be looked up.
            (0..ids.len()).all(|at| ids.find(ids.get(at)).is_some()).then(|| ids.to_bytes())
        }
        Stored::Rows(count) => Rows::from_bytes(bytes, 0, count).map(|rows| rows.to_bytes()),
        Stored::Column(rows) => {
            let column = Column::from_parts(&column_parts(bytes)?, rows).ok()?;
            // Every value can be read.
            (0..column.len()).for_each(|at| drop(column.value(at)));
            let parts = column.parts().ok()?;
            Some(parts.iter().flat_map(|(part, bytes)| [&[*part as u8], &(bytes.len() as u16).to_le_bytes()[..], bytes].concat()).collect())
        }
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

fn column_parts(mut bytes: &[u8]) -> Option<Vec<(u16, Vec<u8>)>> {
    let mut parts = Vec::new();
    while let Some((&number, rest)) = bytes.split_first() {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (part, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        parts.push((u16::from(number), part.to_vec()));
        bytes = rest;
    }
    Some(parts)
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
    // The clock stands still: a batch and its rows alone are to agree.
    let options = EncodeOptions { lookup: Some(&Stand), lenient, now: Some(1_764_244_800.25), ..EncodeOptions::default() };
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

/// Attaches a ranker with the spec that the file brings, else one that fits what the file declares, and scores rows with it: together, and each
/// alone.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model).
pub fn ranker(onnx: &[u8]) -> Result<()> {
    crate::ranker::fuzzing::ranker(onnx)
}

/// Grows trees from bytes, writes them into a file, and scores rows with the ranker that comes of it and with a loop over the tables.
///
/// # Panics
/// When the two differ, or the file is refused.
pub fn trees(bytes: &[u8]) {
    crate::ranker::fuzzing::trees(bytes);
}

/// Evaluates a formula and a condition for an item's row, a row that is the user too: whatever comes of it, it comes of it again.
pub fn rules(formula: Option<&crate::rules::Formula>, condition: Option<&crate::rules::Condition>, row: &Row, schema: &crate::Schema) {
    use crate::rules::fuzzing::Setting;
    let params = crate::filter::Params::from(crate::row! { "i" => 5, "f" => 0.5, "t" => "a", "b" => true, "x" => null });
    let score = row.get("f").and_then(crate::Value::as_f64).filter(|number| number.is_finite()).unwrap_or(0.25);
    let setting = Setting {
        schema,
        params: &params,
        user: row,
        now: 1_000_000_000.5,
        row,
        score,
        rank: Some(score),
        value: (score > 1.0).then_some(2.0),
    };
    if let Some(formula) = formula {
        let number = setting.number(formula);
        assert_eq!(number, setting.number(formula), "evaluated twice");
        assert!(number.ok().flatten().is_none_or(f64::is_finite), "{formula}");
    }
    if let Some(condition) = condition {
        assert_eq!(setting.truth(condition), setting.truth(condition), "evaluated twice");
    }
}
