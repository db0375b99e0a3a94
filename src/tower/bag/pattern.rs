//! The loops that exporters make of an embedding bag.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::expression::Expression;

/// What becomes of the rows of a bag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reduction {
    Sum,
    Mean,
    Max,
}

impl Reduction {
    const ALL: [Self; 3] = [Self::Sum, Self::Mean, Self::Max];

    pub(super) fn operator(self) -> &'static str {
        match self {
            Self::Sum => "ReduceSum",
            Self::Mean => "ReduceMean",
            Self::Max => "ReduceMax",
        }
    }
}

/// A loop that was recognised.
pub(super) struct Found {
    pub(super) reduction: Reduction,
    bound: HashMap<String, String>,
}

impl Found {
    /// The value outside the loop that has this role in it; `None` where the loop has none.
    pub(super) fn value(&self, role: &str) -> Option<&str> {
        self.bound.get(role)?.strip_prefix('@')
    }

    /// The number that has this role.
    pub(super) fn number(&self, role: &str) -> Option<i64> {
        self.bound.get(role)?.parse().ok()
    }
}

/// The loop as one of the exporters', if it is one.
pub(super) fn find(expression: &Expression) -> Option<Found> {
    PATTERNS.iter().find_map(|(reduction, pattern)| {
        let mut bound = HashMap::new();
        fits(pattern, expression, &mut bound).then_some(Found { reduction: *reduction, bound })
    })
}

/// Whether an expression is a pattern with something in the place of each word that begins with `$`: the same wherever the word stands.
fn fits(pattern: &Expression, expression: &Expression, bound: &mut HashMap<String, String>) -> bool {
    match (pattern, expression) {
        (Expression::Atom(word), Expression::Atom(atom)) => match word.strip_prefix('$') {
            Some(role) => **bound.entry(role.to_owned()).or_insert_with(|| atom.to_string()) == **atom,
            None => word == atom,
        },
        (Expression::List(words), Expression::List(items)) => {
            words.len() == items.len() && words.iter().zip(items.iter()).all(|(word, item)| fits(word, item, bound))
        }
        _ => false,
    }
}

static PATTERNS: LazyLock<Vec<(Reduction, Expression)>> = LazyLock::new(|| {
    let texts = Reduction::ALL.into_iter().flat_map(|reduction| {
        let texts = [vec![whole_bags(reduction), padded_bags(reduction)], script_bags(reduction.operator())].concat();
        texts.into_iter().map(move |text| (reduction, text))
    });
    texts.filter_map(|(reduction, text)| Some((reduction, Expression::parse(&text)?))).collect()
});

/// The dynamo exporter's loop over the bags, which appends a row at a time.
fn appending(row: &str) -> String {
    format!("(Loop rows0 - $runs (while (Less (Add at0 1) $bags)) (at0 0 (Add at0 1)) (rows0 empty (SequenceInsert rows0 {row})))")
}

/// The dynamo exporter, without padding. The last bag is written for offsets that do not end with the number of elements.
fn whole_bags(reduction: Reduction) -> String {
    let start = "(Slice $offsets (Reshape at0 [-1]) (Add (Reshape at0 [-1]) 1))";
    let end = "(Slice $offsets (Add (Reshape at0 [-1]) 1) (Add (Reshape at0 [-1]) 2))";
    let (rows, last) = (format!("(Slice $rows {start} {end})"), "(Equal at0 (Sub $bags 1))");
    let row = match reduction {
        Reduction::Sum => format!("(ReduceSum {rows} [0])"),
        Reduction::Mean => {
            let (sum, count) = (format!("(ReduceSum {rows} [0])"), format!("(Sub (Shape end=1 start=0 $indices) {start})"));
            let of_last = format!("(If (Greater {count} 0) (Div {sum} (Cast to=1 {count})) {sum})");
            format!("(If {last} {of_last} (ReduceMean {rows} [0]))")
        }
        Reduction::Max => format!("(ReduceMax (If {last} (Slice $rows {start} $elements) {rows}) [0])"),
    };
    appending(&format!("(If (Equal {start} {end}) zeros {row})"))
}

/// The dynamo exporter, with a `padding_idx`: a loop inside lists the places of a bag that are none.
fn padded_bags(reduction: Reduction) -> String {
    let (start, end) = ("(Gather $offsets at0)", "(Gather $offsets (Add at0 1))");
    let index = "(If (Less (Gather $indices at1) 0) (Add (Gather $indices at1) $count) (Gather $indices at1))";
    let places = format!(
        "(Loop list1 - (Less {start} {end}) (while (Less (Add at1 1) {end})) (at1 {start} (Add at1 1)) \
         (list1 [] (If (Not (Equal {index} $padding)) (Concat axis=0 list1 (Reshape at1 [-1])) list1)))"
    );
    appending(&format!("(If (Equal (Size {places}) 0) zeros ({} (Gather $rows {places}) [0]))", reduction.operator()))
}

/// TorchScript: it looks up in the loop, has axes as an attribute or as an input, and knows no padding.
fn script_bags(operator: &str) -> Vec<String> {
    let part = |values: &str| format!("(Slice {values} (Unsqueeze (Gather $offsets n0) [0]) (Unsqueeze (Gather $ends n0) [0]) [0])");
    let plain = format!("(Gather $table {})", part("$indices"));
    let weighted = format!("(Mul {plain} (Unsqueeze {} [1]))", part("$weights"));
    let reduced = |rows: &String| [format!("({operator} axes=[0] keepdims=0 {rows})"), format!("({operator} keepdims=0 {rows} [0])")];
    let rows = [plain, weighted];
    rows.iter().flat_map(reduced).map(|row| format!("(Loop stack0 $bags 1 (while (Cast to=9 1)) (stack {row}))")).collect()
}
