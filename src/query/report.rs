//! What an explanation says of a query's ranker and of its rules.

use serde::Serialize;

/// What a query's ranker had to go by.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RankerExplain {
    /// Candidates that were ranked.
    pub candidates: u64,
    /// Features that some of them lack, in the ranker's order: absent, null, or unknown to a vocabulary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingFeature>,
}

/// A feature that candidates lack.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[non_exhaustive]
pub struct MissingFeature {
    /// Its name.
    pub feature: String,
    /// How many lack it.
    pub candidates: u64,
}

/// What one boost added to the score of a hit.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Contribution {
    /// The formula.
    pub rule: String,
    /// What it added; null, and nothing added, where it had no value.
    pub adds: Option<f64>,
}

/// What a query's rules did.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct RulesExplain {
    /// The policy that was asked for by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Candidates that went through boosts and burials.
    pub candidates: u64,
    /// Candidates that were buried.
    pub buried: u64,
    /// Rows that were left out because their value had its hits already.
    pub over_limit: u64,
    /// How many times more rows were retrieved because too many were left out.
    pub widened: u64,
    /// Items of the collection that `require` and `forbid` leave out.
    pub left_out: u64,
    /// Pinned items that have their place.
    pub pinned: u64,
    /// Pinned items that are not in the collection, or are left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unpinned: Vec<String>,
    /// Fields of the user that rules read and the user has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}
