//! What a node computes, as an expression in brackets: `(Add at0 1)`.
//!
//! Nodes inside a loop are written out where they are read; what lies outside is a name, or a number where it is a small constant. Casts
//! to the type of a neighbour and identities are left out, and so are attributes that have their default.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tract_onnx::pb;
use tract_onnx::pb::attribute_proto::AttributeType;

use crate::tower::attributes::Attributes;
use crate::tower::tensor;
use crate::tower::value::Dtype;

/// Nodes that are written out, and how deep in one another: a bag has a few hundred, and some twenty.
const STEPS: usize = 4_096;
const DEPTH: usize = 48;
/// Elements of a constant that is written as numbers.
const LITERAL: usize = 4;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Expression {
    Atom(Arc<str>),
    List(Arc<[Expression]>),
}

impl Expression {
    pub(super) fn atom(text: impl Into<Arc<str>>) -> Self {
        Self::Atom(text.into())
    }

    pub(super) fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(items.into_iter().collect())
    }

    fn is(&self, text: &str) -> bool {
        matches!(self, Self::Atom(atom) if **atom == *text)
    }

    /// Reads what [`fmt::Display`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut open = vec![Vec::new()];
        for word in spaced.split_whitespace() {
            match word {
                "(" => open.push(Vec::new()),
                ")" => {
                    let items = open.pop()?;
                    open.last_mut()?.push(Self::list(items));
                }
                word => open.last_mut()?.push(Self::atom(word)),
            }
        }
        let mut all = open.pop().filter(|_| open.is_empty())?;
        all.pop().filter(|_| all.is_empty())
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atom(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("(")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { " " })?;
                }
                f.write_str(")")
            }
        }
    }
}

/// A graph in which names are looked up, inside the graph around it.
struct Scope<'a> {
    around: Option<&'a Scope<'a>>,
    /// How many loops are around.
    loops: usize,
    /// What has no maker: the values that a loop hands to its body.
    given: HashMap<&'a str, Expression>,
    makers: HashMap<&'a str, (&'a pb::NodeProto, usize)>,
    weights: HashMap<&'a str, &'a pb::TensorProto>,
    left: &'a Cell<usize>,
}

/// The expression of a loop's output of this place; `None` where it has what no bag has.
pub(super) fn of_loop(graph: &pb::GraphProto, node: &pb::NodeProto, output: usize) -> Option<Expression> {
    let left = Cell::new(STEPS);
    let scope = Scope::of(graph, None, &left);
    scope.repeated(node, output, 0)
}

impl<'a> Scope<'a> {
    fn of(graph: &'a pb::GraphProto, around: Option<&'a Scope<'a>>, left: &'a Cell<usize>) -> Self {
        let outputs = |node: &'a pb::NodeProto| node.output.iter().enumerate().map(move |(at, name)| (name.as_str(), (node, at)));
        Self {
            around,
            loops: around.map_or(0, |scope| scope.loops),
            given: HashMap::new(),
            makers: graph.node.iter().flat_map(outputs).collect(),
            weights: graph.initializer.iter().map(|weights| (weights.name.as_str(), weights)).collect(),
            left,
        }
    }

    fn value(&self, name: &str, depth: usize) -> Option<Expression> {
        self.left.set(self.left.get().checked_sub(1)?);
        if name.is_empty() {
            return Some(Expression::atom("-"));
        }
        if let Some(given) = self.given.get(name) {
            return Some(given.clone());
        }
        let outer = || Some(Expression::atom(format!("@{name}")));
        if let Some(weights) = self.weights.get(name) {
            return literal(weights).or_else(outer);
        }
        match (self.makers.get(name), self.around) {
            (Some((node, _)), _) if node.op_type == "Constant" => Attributes(node).tensor("value").and_then(literal).or_else(outer),
            (Some((node, _)), None) if node.op_type == "SequenceEmpty" => Some(Expression::atom("empty")),
            (Some(&(node, output)), Some(_)) => self.node(node, output, depth.checked_add(1).filter(|&depth| depth < DEPTH)?),
            (None, Some(around)) => around.value(name, depth),
            (_, None) => outer(),
        }
    }

    fn node(&self, node: &'a pb::NodeProto, output: usize, depth: usize) -> Option<Expression> {
        match node.op_type.as_str() {
            "CastLike" | "Identity" => return self.value(node.input.first()?, depth),
            "If" => return self.branch(node, output, depth),
            "Loop" => return self.repeated(node, output, depth),
            _ if !node.domain.is_empty() || output > 0 => return None,
            _ => {}
        }
        let mut items = vec![Expression::atom(node.op_type.as_str())];
        let mut attributes: Vec<&pb::AttributeProto> = node.attribute.iter().filter(|attribute| !is_default(node, attribute)).collect();
        attributes.sort_by(|a, b| a.name.cmp(&b.name));
        for attribute in attributes {
            items.push(Expression::atom(match AttributeType::try_from(attribute.r#type).ok()? {
                AttributeType::Int => format!("{}={}", attribute.name, attribute.i),
                AttributeType::Ints => format!("{}={}", attribute.name, bracketed(&attribute.ints)),
                _ => return None,
            }));
        }
        for input in &node.input {
            items.push(self.value(input, depth)?);
        }
        Some(Expression::list(items))
    }

    /// `(If condition then else)`.
    fn branch(&self, node: &'a pb::NodeProto, output: usize, depth: usize) -> Option<Expression> {
        let mut items = vec![Expression::atom("If"), self.value(node.input.first()?, depth)?];
        for name in ["then_branch", "else_branch"] {
            let graph = node.attribute.iter().find(|attribute| attribute.name == name)?.g.as_ref()?;
            let inside = Scope::of(graph, Some(self), self.left);
            items.push(inside.value(&graph.output.get(output)?.name, depth)?);
        }
        Some(Expression::list(items))
    }

    /// `(Loop output times condition (while condition) (state first next) ... (stack value) ...)`. A state has the name of what it
    /// begins with: `rows` an empty sequence, `list` an empty tensor, `at` a number; each with how many loops are around.
    fn repeated(&self, node: &'a pb::NodeProto, output: usize, depth: usize) -> Option<Expression> {
        let body = node.attribute.iter().find(|attribute| attribute.name == "body")?.g.as_ref()?;
        let [times, condition, first @ ..] = node.input.as_slice() else { return None };
        let [count, go_on, states @ ..] = body.input.as_slice() else { return None };
        let [repeat, results @ ..] = body.output.as_slice() else { return None };
        let (next, stacked) = results.split_at_checked(first.len())?;
        let first = first.iter().map(|name| self.value(name, depth)).collect::<Option<Vec<_>>>()?;
        let kind = |first: &Expression| {
            if first.is("empty") {
                "rows"
            } else if first.is("[]") {
                "list"
            } else {
                "at"
            }
        };
        let names: Vec<Expression> = first.iter().map(|first| Expression::atom(format!("{}{}", kind(first), self.loops))).collect();
        if states.len() != first.len() || names.iter().enumerate().any(|(at, name)| names[..at].contains(name)) {
            return None;
        }
        let mut inside = Scope::of(body, Some(self), self.left);
        inside.loops += 1;
        inside.given.insert(&count.name, Expression::atom(format!("n{}", self.loops)));
        inside.given.insert(&go_on.name, Expression::atom(format!("go{}", self.loops)));
        inside.given.extend(states.iter().zip(&names).map(|(state, name)| (state.name.as_str(), name.clone())));
        let result = match names.get(output) {
            Some(name) => name.clone(),
            None => Expression::atom(format!("stack{}", output - names.len())),
        };
        let mut items = vec![Expression::atom("Loop"), result, self.value(times, depth)?, self.value(condition, depth)?];
        items.push(Expression::list([Expression::atom("while"), inside.value(&repeat.name, depth)?]));
        let mut all = Vec::with_capacity(names.len());
        for ((name, first), next) in names.into_iter().zip(first).zip(next) {
            let next = inside.value(&next.name, depth)?;
            all.push((name.to_string(), Expression::list([name, first, next])));
        }
        all.sort_by(|a, b| a.0.cmp(&b.0));
        items.extend(all.into_iter().map(|(_, state)| state));
        for stacked in stacked {
            items.push(Expression::list([Expression::atom("stack"), inside.value(&stacked.name, depth)?]));
        }
        Some(Expression::list(items))
    }
}

fn is_default(node: &pb::NodeProto, attribute: &pb::AttributeProto) -> bool {
    let reduces = node.op_type.starts_with("Reduce");
    attribute.r#type == AttributeType::Int as i32
        && match attribute.name.as_str() {
            "axis" => node.op_type == "Gather" && attribute.i == 0,
            "keepdims" => reduces && attribute.i == 1,
            "noop_with_empty_axes" => reduces && attribute.i == 0,
            _ => false,
        }
}

fn bracketed(numbers: &[i64]) -> String {
    format!("[{}]", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

/// A small constant: an integer, a list of integers, or a row of zeros.
fn literal(tensor: &pb::TensorProto) -> Option<Expression> {
    let volume = tensor.dims.iter().try_fold(1i64, |volume, &dim| volume.checked_mul(dim))?;
    let integers = [Dtype::I64, Dtype::I32, Dtype::Bool].iter().any(|dtype| dtype.to_onnx() == tensor.data_type);
    if integers && tensor.dims.len() < 2 && usize::try_from(volume).is_ok_and(|volume| volume <= LITERAL) {
        let array = tensor::content(tensor, "constant").ok()?;
        return Some(match array.as_integers().ok()? {
            [number] if array.shape.is_empty() => Expression::atom(number.to_string()),
            numbers => Expression::atom(bracketed(numbers)),
        });
    }
    let row = matches!(tensor.dims.as_slice(), [1, _]) && tensor.data_type == Dtype::F32.to_onnx();
    let zero = |tensor: &pb::TensorProto| tensor.raw_data.iter().all(|&byte| byte == 0) && tensor.float_data.iter().all(|&x| x == 0.0);
    (row && zero(tensor)).then(|| Expression::atom("zeros"))
}
