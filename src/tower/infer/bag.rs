//! Elements parted into bags: a loop over them has been seen to read nothing else, and its offsets to part them evenly.

use super::node::{Node, Result};
use crate::tower::value::Value;

/// What a loop reads beside the elements and their offsets, by the place of the input.
const ENDS: usize = 2;
const BAGS: usize = 3;
const ELEMENTS: usize = 4;
const RUNS: usize = 5;
const INDICES: usize = 6;

pub(super) fn bags(node: &Node<'_>) -> Result<Value> {
    node.at_most(INDICES + 1)?;
    let x = node.input(0)?;
    let Some((&elements, inner)) = x.shape.split_first() else { return node.fail("a single number has no bags") };
    let (offsets, total) = (node.content(1)?, elements as i64);
    let Some(bags) = offsets.len().checked_sub(1).filter(|&bags| bags > 0 && elements >= bags && elements.is_multiple_of(bags)) else {
        return node
            .fail(format!("{elements} elements in bags from {offsets:?}; a tower's bags are lists of one length, one for each row"));
    };
    let length = total / bags as i64;
    let even: Vec<i64> = (0..=bags as i64).map(|at| at * length).collect();
    let wanted = [(1, even.as_slice()), (ENDS, &even[1..]), (BAGS, &[bags as i64]), (ELEMENTS, &[total]), (RUNS, &[1])];
    for (place, wanted) in wanted {
        if let Some(content) = node.optional_content(place)?.filter(|content| *content != wanted) {
            return node.fail(format!("bags by {content:?} where {wanted:?} would be lists of one length, one for each row"));
        }
    }
    if let Some(indices) = node.optional(INDICES).filter(|indices| indices.shape.first() != Some(&elements)) {
        return node.fail(format!("bags of {elements} elements over indices {:?}", indices.shape));
    }
    Ok(x.reshaped([&[bags, elements / bags], inner].concat()))
}
