//! Filters built in code.

use std::ops::{BitAnd, BitOr, Not};

use super::operand::{Name, Operand, Values};
use super::tree::{Comparison, Expr, Filter, Joint, Quantifier};

/// A field of an item, to be tested; see [`field`].
#[derive(Clone, Debug)]
pub struct Field(Box<str>);

/// The field of this name, to be tested.
///
/// ```
/// use torre::filter::{Filter, field};
///
/// let filter = field("price").lt(50) & field("brand").is_in(["a", "b"]) & !field("tags").has("adult");
/// assert_eq!(filter.to_string(), "price < 50 AND brand IN ('a', 'b') AND NOT tags HAS 'adult'");
/// assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
/// ```
#[must_use]
pub fn field(name: &str) -> Field {
    Field(name.into())
}

/// Whether an item lies in a circle: names of the fields of latitude and longitude in degrees, the same of the middle, the radius in
/// kilometres along the surface.
pub fn within(lat_field: &str, lon_field: &str, lat: impl Into<Operand>, lon: impl Into<Operand>, km: impl Into<Operand>) -> Filter {
    let fields = [Name::from(lat_field), Name::from(lon_field)];
    Filter::test(Expr::Within { fields, center: [lat.into(), lon.into()], km: km.into() })
}

/// Whether an item's id is in the stored list of this name.
pub fn in_list(name: impl Into<Operand>) -> Filter {
    Filter::test(Expr::InList(name.into()))
}

impl Field {
    fn name(&self) -> Name {
        Name::from(&*self.0)
    }

    fn compare(&self, op: Comparison, value: impl Into<Operand>) -> Filter {
        Filter::test(Expr::Compare { field: self.name(), op, value: value.into() })
    }

    fn list_has(&self, which: Quantifier, values: impl Into<Values>) -> Filter {
        Filter::test(Expr::Has { field: self.name(), which, values: values.into().0 })
    }

    /// `=`: the field equals the value.
    pub fn eq(&self, value: impl Into<Operand>) -> Filter {
        self.compare(Comparison::Eq, value)
    }

    /// `!=`: the field has another value. Unknown where it has none.
    pub fn ne(&self, value: impl Into<Operand>) -> Filter {
        self.compare(Comparison::Ne, value)
    }

    /// `<`: numbers and times by size, text by its bytes.
    pub fn lt(&self, value: impl Into<Operand>) -> Filter {
        self.compare(Comparison::Lt, value)
    }

    /// `<=`: as [`Field::lt`], or equal.
    pub fn le(&self, value: impl Into<Operand>) -> Filter {
        self.compare(Comparison::Le, value)
    }

    /// `>`: numbers and times by size, text by its bytes.
    pub fn gt(&self, value: impl Into<Operand>) -> Filter {
        self.compare(Comparison::Gt, value)
    }

    /// `>=`: as [`Field::gt`], or equal.
    pub fn ge(&self, value: impl Into<Operand>) -> Filter {
        self.compare(Comparison::Ge, value)
    }

    /// `BETWEEN low AND high`, both ends included.
    pub fn between(&self, low: impl Into<Operand>, high: impl Into<Operand>) -> Filter {
        Filter::test(Expr::Between { field: self.name(), low: low.into(), high: high.into() })
    }

    /// `IN (...)`: the field equals one of the values; of no values, none.
    pub fn is_in(&self, values: impl Into<Values>) -> Filter {
        Filter::test(Expr::In { field: self.name(), values: values.into().0 })
    }

    /// The field by its name alone: a bool that is true.
    pub fn is_true(&self) -> Filter {
        Filter::test(Expr::IsTrue(self.name()))
    }

    /// `IS NULL`: the item has no value there. Never unknown.
    pub fn is_null(&self) -> Filter {
        Filter::test(Expr::IsNull(self.name()))
    }

    /// `IS NOT NULL`: the item has a value there, which may be an empty list. Never unknown.
    pub fn is_not_null(&self) -> Filter {
        self.is_null().negate()
    }

    /// `HAS`: an element of the list equals the value.
    pub fn has(&self, value: impl Into<Operand>) -> Filter {
        self.list_has(Quantifier::Any, [value.into()])
    }

    /// `HAS ANY (...)`: at least one of the values is in the list.
    pub fn has_any(&self, values: impl Into<Values>) -> Filter {
        self.list_has(Quantifier::Any, values)
    }

    /// `HAS ALL (...)`: each of the values is in the list.
    pub fn has_all(&self, values: impl Into<Values>) -> Filter {
        self.list_has(Quantifier::All, values)
    }

    /// `HAS NONE (...)`: none of the values is in the list.
    pub fn has_none(&self, values: impl Into<Values>) -> Filter {
        self.list_has(Quantifier::None, values)
    }

    /// `STARTS WITH`: the text begins with this one, case included.
    pub fn starts_with(&self, prefix: impl Into<Operand>) -> Filter {
        Filter::test(Expr::StartsWith { field: self.name(), prefix: prefix.into() })
    }

    /// `MATCH`: each word is a word of the text, in any case and order; in a list of text, of one of its elements.
    pub fn matches(&self, words: impl Into<Operand>) -> Filter {
        Filter::test(Expr::Match { field: self.name(), words: words.into() })
    }
}

impl BitAnd for Filter {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.join(Joint::And, other)
    }
}

impl BitOr for Filter {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.join(Joint::Or, other)
    }
}

impl Not for Filter {
    type Output = Self;
    fn not(self) -> Self {
        self.negate()
    }
}
