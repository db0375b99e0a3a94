//! Trees that grow as bytes say, with every mode, shared branches, ties and missing values.

use super::table::{Form, LEAF, MEMBER, Row, Table};

/// Numbers of features and thresholds: few, so that they meet.
pub(crate) const NUMBERS: [f32; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    3.0,
    -2.5,
    1e-45,
    -1e-45,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    1.000_000_1,
];

/// Bytes that decide; zeros when they have run out.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let byte = self.0.split_off_first().copied().unwrap_or(0);
        usize::from(byte) % end.max(1)
    }

    /// A feature's value; some are missing.
    pub(crate) fn value(&mut self) -> f32 {
        match self.below(20) {
            at if at < NUMBERS.len() => NUMBERS[at],
            _ => f32::NAN,
        }
    }

    /// Rows of features.
    pub(crate) fn rows(&mut self, width: usize) -> Vec<f32> {
        let count = [1, 2, 3, 15, 16, 17, 33, 200][self.below(8)];
        (0..count * width).map(|_| self.value()).collect()
    }

    /// A table of trees that a ranker takes.
    pub(crate) fn table(&mut self) -> Table {
        let form = [Form::Regressor, Form::Classifier, Form::Five][self.below(3)];
        let targets = match form {
            Form::Classifier => 2 + self.below(3),
            _ => [1, 1, 2, 3][self.below(4)],
        };
        let width = [1, 3, 20, 150][self.below(4)];
        let aggregate = if form == Form::Classifier { 1 } else { self.below(4) as u8 };
        let post = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"][self.below(if form == Form::Five { 1 } else { 4 })];
        let mut table = Table { form, width, targets, rows: Vec::new(), aggregate, post, base: Vec::new() };
        // Trees of one kind of test, which can be complete, or of all kinds.
        let modes: &[u8] = [&[0u8][..], &[1], &[3], &[0, 1, 2, 3], &[0, 1, 2, 3, 4, 5, MEMBER]][self.below(5)];
        let deepest = [0, 1, 3, 4, 6, 9][self.below(6)];
        for tree in 0..1 + self.below(12) {
            let mut growing = Growing { table: &mut table, tree: tree as i64 * 3, done: Vec::new(), next: 0, modes };
            growing.grow(self, deepest);
            // The root is done last and has to stand first.
            let done = std::mem::take(&mut growing.done);
            table.rows.extend(done.into_iter().rev());
        }
        let votes_for_second = table.rows.iter().any(|row| row.weights.iter().any(|weight| weight.0 > 0));
        let bases = match (form, targets) {
            (Form::Five, _) => 0,
            (Form::Classifier, 2) => usize::from(!votes_for_second),
            _ => targets,
        };
        if self.below(2) == 1 {
            table.base = (0..bases).map(|_| self.below(100) as f32 / 64.0 - 0.5).collect();
        }
        table
    }
}

struct Growing<'a> {
    table: &'a mut Table,
    tree: i64,
    /// Nodes whose paths all end; a new one may share them.
    done: Vec<Row>,
    next: i64,
    modes: &'a [u8],
}

impl Growing<'_> {
    /// Grows a node with all that is below it, and gives its number.
    fn grow(&mut self, bytes: &mut Bytes<'_>, levels: usize) -> i64 {
        let shared = levels > 0 && !self.done.is_empty() && bytes.below(12) == 1 && levels < 9;
        if shared && self.next > 1 {
            return self.done[bytes.below(self.done.len())].node;
        }
        // Numbers need not be dense, nor in order.
        let node = self.next * 5 % 65_521;
        self.next += 1;
        let mut row = Row {
            tree: self.tree,
            node,
            mode: LEAF,
            feature: 0,
            threshold: 0.0,
            members: Vec::new(),
            missing: false,
            yes: 0,
            no: 0,
            weights: Vec::new(),
        };
        if levels == 0 || bytes.below(8) == 1 || self.next > 300 {
            row.weights = self.weights(bytes);
        } else {
            let modes = if self.table.form == Form::Five { self.modes } else { &self.modes[..self.modes.len().min(6)] };
            row.mode = modes[bytes.below(modes.len())];
            row.feature = bytes.below(self.table.width) as i64;
            row.threshold = NUMBERS[bytes.below(NUMBERS.len())];
            row.missing = bytes.below(2) == 1;
            if row.mode == MEMBER {
                row.members = (0..1 + bytes.below(5)).map(|_| NUMBERS[bytes.below(NUMBERS.len())]).collect();
            }
            row.yes = self.grow(bytes, levels - 1);
            row.no = self.grow(bytes, levels - 1);
        }
        self.done.push(row);
        node
    }

    fn weights(&self, bytes: &mut Bytes<'_>) -> Vec<(i64, f32)> {
        let value = |bytes: &mut Bytes<'_>| (bytes.below(256) as f32 - 100.0) / 97.0;
        let targets = self.table.targets;
        match (self.table.form, targets) {
            (_, 1) => vec![(0, value(bytes))],
            (Form::Five, _) => vec![(bytes.below(targets) as i64, value(bytes))],
            // Votes for one class only are a case of their own.
            (Form::Classifier, 2) if self.tree == 0 => vec![(0, value(bytes).abs())],
            _ => {
                let mut weights = Vec::new();
                for target in 0..targets as i64 {
                    if bytes.below(4) > 0 {
                        weights.push((target, value(bytes)));
                    }
                }
                weights
            }
        }
    }
}
