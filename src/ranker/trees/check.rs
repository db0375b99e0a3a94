//! Decides whether trees may run: every path ends at a leaf, soon enough, and asks for features that there are.

use super::super::limits;
use super::ensemble::{Ensemble, Link};
use crate::model_error::ModelError;

/// What a branch is while paths are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Not,
    /// On the path that is followed now: to meet it again is a cycle.
    OnPath,
    Done,
}

/// The longest path of each tree, in branches. Branches may be shared, as the converters of categorical splits do, so this is a graph
/// without cycles rather than a tree.
///
/// # Errors
/// [`ModelError::Graph`] names the branch; [`ModelError::TooLarge`].
pub(super) fn check(ensemble: &Ensemble, width: usize) -> Result<Vec<u32>, ModelError> {
    for (at, branch) in ensemble.branches.iter().enumerate() {
        let fault = |reason: String| Err(ModelError::graph(format!("branch {at} of the trees"), reason));
        if branch.feature as usize >= width {
            return fault(format!("it asks for feature {}; there are {width}", branch.feature));
        }
        // Infinite ones are in use: where all values but the missing ones go one way.
        if branch.test.threshold().is_some_and(f32::is_nan) {
            return fault("its threshold is NaN".to_owned());
        }
    }
    if ensemble.roots.is_empty() {
        return Err(ModelError::graph("trees", "there are none"));
    }
    let mut seen = vec![Seen::Not; ensemble.branches.len()];
    let mut length = vec![0u32; ensemble.branches.len()];
    let depths: Vec<u32> = ensemble.roots.iter().map(|&root| longest(ensemble, root, &mut seen, &mut length)).collect::<Result<_, _>>()?;
    if let Some(at) = seen.iter().position(|&seen| seen == Seen::Not) {
        return Err(ModelError::graph(format!("branch {at} of the trees"), "no tree leads to it"));
    }
    let visits = visits(&depths);
    if visits > limits::VISITS {
        return Err(ModelError::TooLarge { what: "branches and leaves on a row's path", got: visits, limit: limits::VISITS });
    }
    Ok(depths)
}

/// What a row visits at most: the branches of the longest path of each tree, and its leaf.
pub(super) fn visits(depths: &[u32]) -> u64 {
    depths.iter().fold(0, |sum, &depth| sum + u64::from(depth) + 1)
}

/// The longest path from `root`. An own stack: depth is the file's choice.
fn longest(ensemble: &Ensemble, root: Link, seen: &mut [Seen], length: &mut [u32]) -> Result<u32, ModelError> {
    let Link::Branch(root) = root else { return Ok(0) };
    let mut path = vec![root];
    while let Some(&at) = path.last() {
        let branch = &ensemble.branches[at as usize];
        if seen[at as usize] == Seen::Done {
            path.pop();
            continue;
        }
        let below = [branch.yes, branch.no].map(|link| match link {
            Link::Branch(next) => Some(next),
            Link::Leaf(_) => None,
        });
        if seen[at as usize] == Seen::OnPath {
            // All below is done.
            let deepest = below.iter().flatten().map(|&next| length[next as usize]).max().unwrap_or(0);
            length[at as usize] = 1 + deepest + members(ensemble, at);
            seen[at as usize] = Seen::Done;
            path.pop();
            continue;
        }
        seen[at as usize] = Seen::OnPath;
        for next in below.into_iter().flatten() {
            match seen[next as usize] {
                Seen::Not => path.push(next),
                Seen::OnPath => return Err(ModelError::graph(format!("branch {next} of the trees"), "a path comes back to it")),
                Seen::Done => {}
            }
        }
    }
    Ok(length[root as usize])
}

/// What a branch costs beyond one comparison.
fn members(ensemble: &Ensemble, at: u32) -> u32 {
    match ensemble.branches[at as usize].test {
        super::ensemble::Test::Member { from, to } => to - from,
        _ => 0,
    }
}
