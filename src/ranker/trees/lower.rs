//! Every test as one range of sort keys.
//!
//! | test | keys that pass | NaN passes | NaN does not |
//! | --- | --- | --- | --- |
//! | x <= t | up to key(t) | it is below all | it is above all |
//! | x < t | below key(t) | it is below all | it is above all |
//! | x >= t | not below key(t) | it is above all | it is below all |
//! | x > t | not up to key(t) | it is above all | it is below all |
//! | x == t | key(t) | it has a test of its own before | |
//! | x != t | not key(t) | | always passes |
//! | x in a set | a test of x == t for each member | it has a test of its own before | |
//!
//! "It is below all" means that the branch reads the column in which missing values have the lowest key: a feature has two columns where both
//! are needed.

use std::ops::RangeInclusive;

use super::ensemble::{Branch, Ensemble, Link, Test};
use super::key::{HIGHEST, LOWEST, below, key, up_to};

/// A feature, and the key of its missing values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Column {
    pub(super) feature: u32,
    pub(super) missing: i32,
}

/// A branch on a range of keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Node {
    /// The column that is asked.
    pub(super) column: u32,
    /// The keys for which the path goes on at `yes`.
    pub(super) range: RangeInclusive<i32>,
    pub(super) yes: Link,
    pub(super) no: Link,
}

/// All trees as branches on ranges; links are to nodes of this list and to leaves.
pub(super) struct Lowered {
    pub(super) columns: Vec<Column>,
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<Link>,
}

/// Lowers checked trees. Nodes stand in the order in which branches stand in the file.
pub(super) fn lower(ensemble: &Ensemble) -> Lowered {
    let mut starts = Vec::with_capacity(ensemble.branches.len());
    let mut count = 0u32;
    for branch in &ensemble.branches {
        starts.push(count);
        count += tests(branch);
    }
    let moved = |link: Link| match link {
        Link::Branch(at) => Link::Branch(starts[at as usize]),
        leaf => leaf,
    };
    let mut lowering = Lowering { columns: Columns::default(), nodes: Vec::with_capacity(count as usize) };
    for branch in &ensemble.branches {
        lowering.branch(&Branch { yes: moved(branch.yes), no: moved(branch.no), ..*branch }, &ensemble.members);
    }
    let roots = ensemble.roots.iter().map(|&root| moved(root)).collect();
    Lowered { columns: lowering.columns.list, nodes: lowering.nodes, roots }
}

/// How many nodes a branch becomes.
fn tests(branch: &Branch) -> u32 {
    match branch.test {
        Test::Eq(_) => 1 + u32::from(branch.missing),
        Test::Member { from, to } => to - from + u32::from(branch.missing),
        _ => 1,
    }
}

struct Lowering {
    columns: Columns,
    nodes: Vec<Node>,
}

impl Lowering {
    fn branch(&mut self, branch: &Branch, members: &[f32]) {
        let Branch { feature, missing, yes, no, .. } = *branch;
        let (low, high) = if missing { (LOWEST, HIGHEST) } else { (HIGHEST, LOWEST) };
        match branch.test {
            Test::Leq(t) => self.node(feature, low, up_to(t), yes, no),
            Test::Lt(t) => self.node(feature, low, below(t), yes, no),
            Test::Gte(t) => self.node(feature, high, below(t), no, yes),
            Test::Gt(t) => self.node(feature, high, up_to(t), no, yes),
            Test::Neq(t) => self.node(feature, LOWEST, key(t)..=key(t), no, yes),
            Test::Eq(t) => self.equal(feature, missing, &[t], yes, no),
            Test::Member { from, to } => self.equal(feature, missing, &members[from as usize..to as usize], yes, no),
        }
    }

    /// Tests for missing values, then for each of the members.
    fn equal(&mut self, feature: u32, missing: bool, members: &[f32], yes: Link, no: Link) {
        if missing {
            let next = Link::Branch(self.nodes.len() as u32 + 1);
            self.node(feature, LOWEST, LOWEST..=LOWEST, yes, next);
        }
        for (at, &member) in members.iter().enumerate() {
            let last = at + 1 == members.len();
            let next = if last { no } else { Link::Branch(self.nodes.len() as u32 + 1) };
            self.node(feature, LOWEST, key(member)..=key(member), yes, next);
        }
    }

    fn node(&mut self, feature: u32, missing: i32, range: RangeInclusive<i32>, yes: Link, no: Link) {
        let column = self.columns.of(Column { feature, missing });
        self.nodes.push(Node { column, range, yes, no });
    }
}

/// The columns that nodes read, numbered as they come up.
#[derive(Default)]
struct Columns {
    list: Vec<Column>,
    /// The number of a feature's column with missing values lowest, and highest.
    known: Vec<[Option<u32>; 2]>,
}

impl Columns {
    fn of(&mut self, column: Column) -> u32 {
        let feature = column.feature as usize;
        if self.known.len() <= feature {
            self.known.resize(feature + 1, [None; 2]);
        }
        *self.known[feature][usize::from(column.missing == HIGHEST)].get_or_insert_with(|| {
            self.list.push(column);
            self.list.len() as u32 - 1
        })
    }
}
