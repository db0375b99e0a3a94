//! The score of one stored item.

use super::collection::Collection;
use crate::error::Result;
use crate::index::flat::score_of_row;
use crate::vector::validate;

impl Collection {
    /// The score of a stored item for a vector, as an exact search would give it; `None` where there is no such item.
    ///
    /// # Errors
    /// Those of a search for a vector that cannot be used; storage errors.
    pub fn score(&self, vector: &[f32], id: &str) -> Result<Option<f32>> {
        let query = validate(vector, self.dim(), self.metric(), 0)?;
        Ok(self.get(id)?.and_then(|item| item.vector().map(|stored| score_of_row(self.metric(), &query, stored))))
    }
}
