//! The words every layer shares: item ids, kinds of refine vectors, defaults.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
pub(crate) use crate::features::Metric;
use crate::features::Value;

/// Hits of a query that does not say how many it wants.
pub(crate) const DEFAULT_K: usize = 10;
/// Share of the true nearest rows that a query finds on average when it does not say.
pub const DEFAULT_RECALL: f32 = 0.95;

/// Longest item id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 512;

/// An item's id: text of 1 to 512 bytes. An integer is its decimal text, so `42` and `"42"` are the same item.
///
/// ```
/// use torre::ItemId;
///
/// assert_eq!(ItemId::from(42), ItemId::new("42")?);
/// assert_eq!(ItemId::new("").unwrap_err().to_string(), "invalid item id: 0 bytes; expected 1 to 512");
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(Box<str>);

impl ItemId {
    /// Checks the length and takes the text as an id.
    ///
    /// # Errors
    /// [`Error::InvalidId`] when the text is empty or longer than 512 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if text.is_empty() || text.len() > MAX_ID_BYTES {
            return Err(Error::InvalidId { bytes: text.len(), limit: MAX_ID_BYTES });
        }
        Ok(Self(text.into_boxed_str()))
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ItemId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ItemId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for ItemId {
    type Error = Error;
    fn try_from(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for ItemId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

macro_rules! id_from_integer {
    ($($t:ty),*) => {$(
        impl From<$t> for ItemId {
            fn from(number: $t) -> Self {
                Self(number.to_string().into_boxed_str())
            }
        }
    )*};
}
id_from_integer!(i32, i64, u32, u64, usize);

impl From<ItemId> for Value {
    fn from(id: ItemId) -> Self {
        Self::from(id.as_str())
    }
}

/// What is kept beside the codes so that candidates can be scored again, closer to the truth.
///
/// ```
/// use torre::Refine;
///
/// assert_eq!("int8".parse::<Refine>()?, Refine::Int8);
/// assert_eq!(Refine::default().name(), "auto");
/// # Ok::<(), torre::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Refine {
    /// Nothing: candidates keep the score of their code.
    None,
    /// One byte a dimension and one scale a vector.
    Int8,
    /// IEEE half precision.
    F16,
    /// The vector as it came.
    F32,
    /// The smallest of int8, f16 and f32 that tells the data's near neighbours apart, found out by every build (the default).
    #[default]
    Auto,
}

impl Refine {
    /// The name used on the command line and in stored settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Int8 => "int8",
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::Auto => "auto",
        }
    }
}

impl FromStr for Refine {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "int8" => Ok(Self::Int8),
            "f16" => Ok(Self::F16),
            "f32" => Ok(Self::F32),
            "auto" => Ok(Self::Auto),
            _ => {
                Err(Error::InvalidOption { option: "refine", given: text.to_owned(), expected: "auto, int8, f16, f32 or none".to_owned() })
            }
        }
    }
}
