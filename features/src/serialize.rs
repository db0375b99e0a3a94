//! Rows from any type that serde can serialize, without the detour over JSON: NaN stays NaN, so that it is refused and not taken as missing.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, SerializeTupleStruct};

use super::error::FeatureError;
use super::row::Row;
use super::value::{MAX_DEPTH, Value};

impl Row {
    /// Makes a row of a struct or a map through `serde::Serialize`; fields and keys become names.
    ///
    /// ```
    /// #[derive(serde::Serialize)]
    /// struct Product<'a> { title: &'a str, price: f32, brand: Option<&'a str> }
    /// let row = torre_features::Row::from_serialize(&Product { title: "Red shoe", price: 9.5, brand: None })?;
    /// assert_eq!(row, torre_features::row! { "title" => "Red shoe", "price" => 9.5, "brand" => null });
    /// # Ok::<(), torre_features::FeatureError>(())
    /// ```
    ///
    /// # Errors
    /// [`FeatureError::Malformed`] (row 0) when it does not serialize to named values, or holds what a row cannot: an integer beyond 64 bits, keys
    /// that are not text, a name twice, nesting beyond 64 levels.
    pub fn from_serialize<T: Serialize + ?Sized>(features: &T) -> Result<Self, FeatureError> {
        match features.serialize(ToValue { left: MAX_DEPTH }) {
            Ok(Value::Object(row)) => Ok(row),
            Ok(other) => Err(FeatureError::malformed(0, format!("expected a struct or a map, got {}", other.describe()))),
            Err(Problem(problem)) => Err(FeatureError::malformed(0, problem)),
        }
    }
}

/// Why something does not serialize to a value.
#[derive(Debug)]
struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl ser::Error for Problem {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self(problem.to_string())
    }
}

/// Serializes into a [`Value`] that may hold `left` more levels of lists and objects.
#[derive(Clone, Copy)]
struct ToValue {
    left: usize,
}

impl ToValue {
    fn inner(self) -> Result<Self, Problem> {
        let left = self.left.checked_sub(1).ok_or_else(|| Problem(format!("nested deeper than {MAX_DEPTH} levels")))?;
        Ok(Self { left })
    }

    fn list(self, length: Option<usize>) -> Result<List, Problem> {
        Ok(List { values: Vec::with_capacity(length.unwrap_or(0).min(4096)), inner: self.inner()? })
    }

    fn object(self) -> Result<Object, Problem> {
        Ok(Object { row: Row::new(), key: None, inner: self.inner()? })
    }
}

macro_rules! value_from {
    ($($call:ident($t:ty)),*) => {$(
        fn $call(self, value: $t) -> Result<Value, Problem> {
            Ok(Value::from(value))
        }
    )*};
}

impl ser::Serializer for ToValue {
    type Ok = Value;
    type Error = Problem;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = Impossible<Value, Problem>;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Impossible<Value, Problem>;

    value_from!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_str(&str)
    );

    fn serialize_i128(self, value: i128) -> Result<Value, Problem> {
        match i64::try_from(value) {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => u64::try_from(value)
                .map(Value::from)
                .map_err(|_| Problem(format!("the integer {value} has more than 64 bits; give it as text"))),
        }
    }

    fn serialize_u128(self, value: u128) -> Result<Value, Problem> {
        u64::try_from(value).map(Value::from).map_err(|_| Problem(format!("the integer {value} has more than 64 bits; give it as text")))
    }

    fn serialize_char(self, value: char) -> Result<Value, Problem> {
        Ok(Value::from(value.encode_utf8(&mut [0; 4]) as &str))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Problem> {
        Ok(Value::from(bytes))
    }

    fn serialize_none(self) -> Result<Value, Problem> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Problem> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Problem> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Problem> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<Value, Problem> {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<Value, Problem> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Problem> {
        let mut object = self.object()?;
        object.field(variant, value)?;
        Ok(Value::Object(object.row))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List, Problem> {
        self.list(length)
    }

    fn serialize_tuple(self, length: usize) -> Result<List, Problem> {
        self.list(Some(length))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<List, Problem> {
        self.list(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeTupleVariant, Problem> {
        Err(Problem(format!("{name}::{variant} with several values is no feature")))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Object, Problem> {
        self.object()
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Object, Problem> {
        self.object()
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Self::SerializeStructVariant, Problem> {
        Err(Problem(format!("{name}::{variant} with several values is no feature")))
    }
}

/// A list being read.
struct List {
    values: Vec<Value>,
    inner: ToValue,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.values.push(value.serialize(self.inner)?);
        Ok(())
    }
}

impl SerializeSeq for List {
    type Ok = Value;
    type Error = Problem;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.push(value)
    }
    fn end(self) -> Result<Value, Problem> {
        Ok(Value::List(self.values))
    }
}

impl SerializeTuple for List {
    type Ok = Value;
    type Error = Problem;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.push(value)
    }
    fn end(self) -> Result<Value, Problem> {
        Ok(Value::List(self.values))
    }
}

impl SerializeTupleStruct for List {
    type Ok = Value;
    type Error = Problem;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        self.push(value)
    }
    fn end(self) -> Result<Value, Problem> {
        Ok(Value::List(self.values))
    }
}

/// A struct or a map being read.
struct Object {
    row: Row,
    key: Option<Box<str>>,
    inner: ToValue,
}

impl Object {
    fn field<T: Serialize + ?Sized>(&mut self, name: impl Into<Box<str>>, value: &T) -> Result<(), Problem> {
        let name = name.into();
        if self.row.contains(&name) {
            return Err(Problem(format!("the field {name:?} comes twice")));
        }
        self.row.push(name, value.serialize(self.inner)?);
        Ok(())
    }
}

impl SerializeStruct for Object {
    type Ok = Value;
    type Error = Problem;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Problem> {
        self.field(name, value)
    }
    fn end(self) -> Result<Value, Problem> {
        Ok(Value::Object(self.row))
    }
}

impl SerializeMap for Object {
    type Ok = Value;
    type Error = Problem;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Problem> {
        let key = key.serialize(self.inner)?;
        let mut digits = super::value::Digits::default();
        let name = key.as_category(&mut digits).ok_or_else(|| Problem(format!("expected text as a name, got {}", key.describe())))?;
        self.key = Some(name.into());
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Problem> {
        let name = self.key.take().ok_or_else(|| Problem("a value without a name".to_owned()))?;
        self.field(name, value)
    }

    fn end(self) -> Result<Value, Problem> {
        Ok(Value::Object(self.row))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::row;

    #[derive(Serialize)]
    enum Kind {
        Shoe,
        Sized(u8),
        Pair(u8, u8),
    }

    #[derive(Serialize)]
    struct Place {
        lat: f32,
    }

    #[derive(Serialize)]
    struct Product<'a> {
        title: &'a str,
        price: f64,
        count: u64,
        kind: Kind,
        tags: Vec<Option<&'a str>>,
        pair: (i8, char),
        brand: Option<String>,
        unit: (),
        place: Place,
        #[serde(skip)]
        _hidden: u8,
    }

    fn product(kind: Kind) -> Product<'static> {
        let place = Place { lat: 0.5 };
        Product {
            title: "t",
            price: f64::NAN,
            count: u64::MAX,
            kind,
            tags: vec![Some("a"), None],
            pair: (-1, 'é'),
            brand: None,
            unit: (),
            place,
            _hidden: 0,
        }
    }

    #[test]
    fn structs_become_rows() {
        let row = Row::from_serialize(&product(Kind::Shoe)).unwrap_or_default();
        // NaN is not null: it is kept, to be refused by name when the row is used.
        assert!(matches!(row.get("price"), Some(Value::Float(x)) if x.is_nan()));
        let mut row = row;
        row.remove("price");
        let expected = row! {
            "title" => "t", "count" => u64::MAX, "kind" => "Shoe", "tags" => [Some("a"), None],
            "pair" => [Value::Int(-1), "é".into()], "brand" => null, "unit" => null, "place" => row! { "lat" => 0.5 },
        };
        assert_eq!(row, expected);
        assert_eq!(
            Row::from_serialize(&product(Kind::Sized(3))).ok().and_then(|mut row| row.remove("kind")),
            Some(row! { "Sized" => 3 }.into())
        );
        assert_eq!(Row::from_serialize(&expected).ok(), Some(expected));
        assert_eq!(Row::from_serialize(&BTreeMap::from([(1u8, "x"), (2, "y")])).ok(), Some(row! { "1" => "x", "2" => "y" }));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        let problem = |error: Result<Row, FeatureError>| error.map_or_else(|error| error.to_string(), |row| format!("{row:?}"));
        assert_eq!(problem(Row::from_serialize(&5)), "row 0: expected a struct or a map, got the number 5");
        assert_eq!(problem(Row::from_serialize(&[1, 2])), "row 0: expected a struct or a map, got a list");
        assert_eq!(problem(Row::from_serialize(&None::<Place>)), "row 0: expected a struct or a map, got nothing");
        assert!(problem(Row::from_serialize(&product(Kind::Pair(1, 2)))).contains("Kind::Pair"));
        assert!(problem(Row::from_serialize(&BTreeMap::from([("x", u128::MAX)]))).contains("more than 64 bits"));
        assert!(problem(Row::from_serialize(&BTreeMap::from([([1, 2], 1)]))).contains("text as a name"));
        let mut deep = Value::Int(1);
        for _ in 0..MAX_DEPTH {
            deep = Value::List(vec![deep]);
        }
        assert!(problem(Row::from_serialize(&row! { "deep" => deep })).contains("nested deeper"));
    }
}
