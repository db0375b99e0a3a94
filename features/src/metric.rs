//! How near two vectors are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::InvalidOption;

/// How near two vectors are. Scores are always "larger is nearer".
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Inner product; the score is the inner product.
    #[default]
    #[serde(rename = "ip")]
    InnerProduct,
    /// Cosine similarity; vectors are normalised when they come in, the score is the inner product of unit vectors.
    Cosine,
    /// Euclidean distance; the score is the negated squared distance.
    L2,
}

impl Metric {
    /// Its name before it was spelt out; programs that have it go on compiling.
    #[allow(non_upper_case_globals)]
    #[deprecated(note = "spelt out: InnerProduct")]
    pub const Ip: Self = Self::InnerProduct;

    /// The name used in specs, on the command line and in stored settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InnerProduct => "ip",
            Self::Cosine => "cosine",
            Self::L2 => "l2",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = InvalidOption;
    fn from_str(text: &str) -> Result<Self, InvalidOption> {
        match text {
            "ip" => Ok(Self::InnerProduct),
            "cosine" => Ok(Self::Cosine),
            "l2" => Ok(Self::L2),
            _ => Err(InvalidOption::new("metric", text, "ip, cosine or l2")),
        }
    }
}
