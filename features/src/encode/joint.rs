//! Indexes and columns that several fields make together: crosses and places.

use super::at::{At, given, number};
use crate::bucket::SEPARATOR;
use crate::error::FeatureError;
use crate::geo::Place;
use crate::op::{Op, Piece};
use crate::row::Row;
use crate::value::{Digits, Value};

/// What a cross is made of.
const CATEGORY: &str = "a string or an integer";

impl Piece {
    /// The place of the index of several fields; `None` where one of them is missing and may be.
    pub(super) fn joint_place(&self, row: &Row, at: At<'_>) -> Result<Option<u64>, FeatureError> {
        match &self.op {
            Op::Cross { buckets, hash } => Ok(self.joined(row, at)?.map(|text| hash.bucket(&text, *buckets))),
            Op::GeoCell { resolution, buckets, hash } => Ok(self.geo_place(row, at)?.map(|place| {
                let (down, across) = place.cell(*resolution);
                hash.bucket(&format!("{resolution}/{down}/{across}"), *buckets)
            })),
            // The parser keeps the other operations from here.
            _ => Ok(None),
        }
    }

    /// The categories of all fields with a separator between them.
    fn joined(&self, row: &Row, at: At<'_>) -> Result<Option<String>, FeatureError> {
        let mut text = Some(String::new());
        for (n, field) in self.fields.iter().enumerate() {
            let at = At { field, ..at };
            let Some(value) = given(row.get(field)) else {
                if self.is_strict() {
                    return Err(at.bad(CATEGORY, None));
                }
                text = None;
                continue;
            };
            let mut digits = Digits::default();
            let category = value.as_category(&mut digits).ok_or_else(|| at.bad(CATEGORY, Some(value)))?;
            if let Some(text) = &mut text {
                text.extend((n > 0).then_some(char::from(SEPARATOR)));
                text.push_str(category);
            }
        }
        Ok(text)
    }

    /// Latitude and longitude, of two fields or of a list in one; `None` where one of them is missing and may be.
    pub(super) fn geo_place(&self, row: &Row, at: At<'_>) -> Result<Option<Place>, FeatureError> {
        const EXPECTED: &str = "a list of latitude and longitude";
        let [(latitude, at), (longitude, beside)] = match &*self.fields {
            [latitude, longitude] => [latitude, longitude].map(|field| (given(row.get(field)), At { field, ..at })),
            _ => match given(row.get(at.field)) {
                Some(Value::List(values)) if values.len() == 2 => [&values[0], &values[1]].map(|value| (given(Some(value)), at)),
                Some(Value::List(values)) => {
                    return Err(FeatureError::value(at.field, at.row, EXPECTED, format!("a list of {}", values.len())));
                }
                None if !self.is_strict() => return Ok(None),
                other => return Err(at.bad(EXPECTED, other)),
            },
        };
        let latitude = self.degrees(latitude, Place::LATITUDE, "latitude", at)?;
        let longitude = self.degrees(longitude, Place::LONGITUDE, "longitude", beside)?;
        Ok(latitude.zip(longitude).map(|(latitude, longitude)| Place::new(latitude, longitude)))
    }

    fn degrees(&self, value: Option<&Value>, most: f64, what: &str, at: At<'_>) -> Result<Option<f64>, FeatureError> {
        if value.is_none() && !self.is_strict() {
            return Ok(None);
        }
        let degrees = number(value, at)?;
        if degrees.abs() <= most { Ok(Some(degrees)) } else { Err(at.bad(format!("a {what} from -{most} to {most}"), value)) }
    }
}
