//! Embedding bags: PyTorch exports an `EmbeddingBag` as a loop over its bags. A loop that does exactly what one of the exporters writes
//! becomes a lookup and a masked reduction, which compute the same; any other stays what it is, and is refused as such.
//!
//! `expression` writes a loop down as one expression, without the names and the order that an exporter happened to choose, `pattern` has
//! the expressions of the exporters, and `rewrite` puts nodes in a loop's place. That the bags are lists of one length, one for each row
//! of the batch, is not told by the loop but by its offsets: the node that stands for the bags checks them while shapes are inferred.

mod expression;
mod operator;
mod pattern;
mod rewrite;
#[cfg(test)]
mod tests;

pub(super) use self::operator::OPERATOR;
pub(super) use self::rewrite::rewrite;
