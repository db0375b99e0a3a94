//! What converters put around trees, and linear models: small operators over rows of f32.

use super::attributes::Attributes;
use super::post::{Post, logistic};
use super::trees::{Classifier, Regressor};
use crate::model_error::ModelError;

type Result<T> = std::result::Result<T, ModelError>;

/// An operator, ready to run.
pub(super) enum Op {
    Regressor(Box<Regressor>),
    Classifier(Box<Classifier>),
    Linear(Linear),
    /// (x - offset) * scale, column by column.
    Scale {
        offset: Vec<f32>,
        scale: Vec<f32>,
    },
    /// Numbers that equal `replaced` become the column's value; two NaNs are equal here.
    Impute {
        replaced: f32,
        values: Vec<f32>,
    },
    Normalize(Norm),
    Unary(Unary),
    /// With a constant for each column, on the right or, `swapped`, on the left.
    Constant {
        by: Arithmetic,
        values: Vec<f32>,
        swapped: bool,
    },
    /// Of two values of one width, or one of them one column wide.
    Binary(Arithmetic),
    Concat,
    Columns(Vec<usize>),
}

/// By what the rows of a `Normalizer` are divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Norm {
    Max,
    L1,
    L2,
}

/// An operator on single numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unary {
    Sigmoid,
    Tanh,
    Relu,
    Exp,
    Neg,
}

/// An operator on two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
}

impl Unary {
    pub(super) fn named(operator: &str) -> Option<Self> {
        Some(match operator {
            "Sigmoid" => Self::Sigmoid,
            "Tanh" => Self::Tanh,
            "Relu" => Self::Relu,
            "Exp" => Self::Exp,
            "Neg" => Self::Neg,
            _ => return None,
        })
    }

    fn of(self, x: f32) -> f32 {
        match self {
            Self::Sigmoid => logistic(x),
            Self::Tanh => x.tanh(),
            // A NaN stays one.
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::Exp => x.exp(),
            Self::Neg => -x,
        }
    }
}

impl Arithmetic {
    pub(super) fn named(operator: &str) -> Option<Self> {
        Some(match operator {
            "Add" => Self::Add,
            "Sub" => Self::Sub,
            "Mul" => Self::Mul,
            "Div" => Self::Div,
            _ => return None,
        })
    }

    fn of(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
        }
    }
}

impl Op {
    /// `Scaler` over `width` columns.
    pub(super) fn scaler(attributes: &Attributes<'_>, width: usize) -> Result<Self> {
        let each = |name: &str| match attributes.floats(name)? {
            [one] => Ok(vec![*one; width]),
            all if all.len() == width => Ok(all.to_vec()),
            other => Err(attributes.error(name, format!("has {} elements; expected 1 or {width}", other.len()))),
        };
        Ok(Self::Scale { offset: each("offset")?, scale: each("scale")? })
    }

    /// `Imputer` over `width` columns.
    pub(super) fn imputer(attributes: &Attributes<'_>, width: usize) -> Result<Self> {
        let values = match attributes.floats("imputed_value_floats")? {
            [one] => vec![*one; width],
            all if all.len() == width => all.to_vec(),
            other => {
                return Err(attributes.error("imputed_value_floats", format!("has {} elements; expected 1 or {width}", other.len())));
            }
        };
        Ok(Self::Impute { replaced: attributes.float("replaced_value_float", 0.0)?, values })
    }

    /// `Normalizer`.
    pub(super) fn normalizer(attributes: &Attributes<'_>) -> Result<Self> {
        Ok(Self::Normalize(match attributes.text("norm", "MAX")? {
            "MAX" => Norm::Max,
            "L1" => Norm::L1,
            "L2" => Norm::L2,
            other => return Err(attributes.error("norm", format!("is {other:?}; expected MAX, L1 or L2"))),
        }))
    }

    /// The branches that a row visits at most.
    pub(super) fn visits(&self) -> u64 {
        match self {
            Self::Regressor(regressor) => regressor.visits(),
            Self::Classifier(classifier) => classifier.visits(),
            _ => 0,
        }
    }

    /// Runs over rows; each input comes with its width. Gives rows of as many columns as the plan has worked out.
    pub(super) fn run(&self, inputs: &[(&[f32], usize)]) -> Vec<f32> {
        let [(rows, width), rest @ ..] = inputs else { return Vec::new() };
        let (rows, width) = (*rows, *width);
        let by_column = |f: &dyn Fn(usize, f32) -> f32| -> Vec<f32> {
            rows.chunks_exact(width).flat_map(|row| row.iter().enumerate().map(|(column, &x)| f(column, x))).collect()
        };
        match self {
            Self::Regressor(regressor) => regressor.run(rows),
            Self::Classifier(classifier) => classifier.run(rows),
            Self::Linear(linear) => linear.run(rows),
            Self::Scale { offset, scale } => by_column(&|column, x| (x - offset[column]) * scale[column]),
            Self::Impute { replaced, values } => {
                by_column(&|column, x| if x == *replaced || x.is_nan() && replaced.is_nan() { values[column] } else { x })
            }
            Self::Normalize(norm) => rows.chunks_exact(width).flat_map(|row| norm.of(row)).collect(),
            Self::Unary(unary) => rows.iter().map(|&x| unary.of(x)).collect(),
            Self::Constant { by, values, swapped } => {
                by_column(&|column, x| if *swapped { by.of(values[column], x) } else { by.of(x, values[column]) })
            }
            Self::Binary(by) => match rest {
                [(others, other)] => binary(*by, (rows, width), (others, *other)),
                _ => Vec::new(),
            },
            Self::Concat => {
                let count = rows.len() / width;
                (0..count)
                    .flat_map(|at| inputs.iter().flat_map(move |(rows, width)| &rows[at * width..(at + 1) * width]))
                    .copied()
                    .collect()
            }
            Self::Columns(columns) => rows.chunks_exact(width).flat_map(|row| columns.iter().map(|&column| row[column])).collect(),
        }
    }
}

fn binary(by: Arithmetic, (a, a_width): (&[f32], usize), (b, b_width): (&[f32], usize)) -> Vec<f32> {
    let width = a_width.max(b_width);
    let pairs = a.chunks_exact(a_width).zip(b.chunks_exact(b_width));
    pairs.flat_map(|(a, b)| (0..width).map(move |at| by.of(a[at % a_width], b[at % b_width]))).collect()
}

impl Norm {
    fn of(self, row: &[f32]) -> Vec<f32> {
        let norm = match self {
            Self::Max => row.iter().copied().fold(f32::MIN, |most, x| if x > most { x } else { most }),
            Self::L1 => row.iter().map(|x| x.abs()).sum(),
            Self::L2 => row.iter().map(|x| x * x).sum(),
        };
        let of = |x: f32| match self {
            _ if norm == 0.0 => x,
            Self::L2 => (x * x / norm).sqrt().copysign(x),
            _ => x / norm,
        };
        row.iter().map(|&x| of(x)).collect()
    }
}

/// `LinearRegressor` or `LinearClassifier`.
pub(super) struct Linear {
    width: usize,
    /// Row after row, one a target.
    coefficients: Vec<f32>,
    /// One a target.
    intercepts: Vec<f32>,
    post: Post,
    /// There is one score, and two classes.
    second_class: bool,
}

impl Linear {
    /// `LinearRegressor` over `width` columns.
    pub(super) fn regressor(attributes: &Attributes<'_>, width: usize) -> Result<Self> {
        let targets = super::trees::targets(attributes.int("targets", 1)?)?;
        let intercepts = match attributes.floats("intercepts")? {
            [] => vec![0.0; targets],
            all if all.len() == targets => all.to_vec(),
            other => return Err(attributes.error("intercepts", format!("has {} elements; there are {targets} targets", other.len()))),
        };
        Self { width, coefficients: Vec::new(), intercepts, post: Post::read(attributes)?, second_class: false }.with(attributes)
    }

    /// `LinearClassifier` over `width` columns.
    pub(super) fn classifier(attributes: &Attributes<'_>, width: usize) -> Result<Self> {
        let (numbers, texts) = (attributes.ints("classlabels_ints")?, attributes.texts("classlabels_strings")?);
        let labels = if texts.is_empty() { numbers.len() } else { texts.len() };
        let intercepts = attributes.floats("intercepts")?.to_vec();
        let second_class = intercepts.len() == 1 && labels == 2;
        if intercepts.is_empty() || (intercepts.len() != labels && !second_class) {
            return Err(attributes.error("intercepts", format!("has {} elements; there are {labels} labels", intercepts.len())));
        }
        let post = Post::read(attributes)?;
        if second_class && post == Post::Probit {
            return Err(attributes.error("post_transform", "is PROBIT, which has no one meaning for two classes"));
        }
        Self { width, coefficients: Vec::new(), intercepts, post, second_class }.with(attributes)
    }

    fn with(mut self, attributes: &Attributes<'_>) -> Result<Self> {
        self.coefficients = attributes.floats("coefficients")?.to_vec();
        let expected = self.intercepts.len() * self.width;
        if self.coefficients.len() != expected {
            let reason = format!(
                "has {} elements; {} columns and {} targets want {expected}",
                self.coefficients.len(),
                self.width,
                self.intercepts.len()
            );
            return Err(attributes.error("coefficients", reason));
        }
        Ok(self)
    }

    /// Numbers that it makes of a row.
    pub(super) fn targets(&self) -> usize {
        self.intercepts.len() + usize::from(self.second_class)
    }

    fn run(&self, rows: &[f32]) -> Vec<f32> {
        let mut scores = Vec::with_capacity(rows.len() / self.width * self.targets());
        for row in rows.chunks_exact(self.width) {
            let from = scores.len();
            for (coefficients, &intercept) in self.coefficients.chunks_exact(self.width).zip(&self.intercepts) {
                // In f64: runtimes add in different orders, and this is near all of them.
                let sum: f64 = row.iter().zip(coefficients).map(|(&x, &c)| f64::from(x) * f64::from(c)).sum();
                scores.push((sum + f64::from(intercept)) as f32);
            }
            if self.second_class {
                let score = if self.post == Post::Logistic { logistic(scores[from]) } else { scores[from] };
                scores[from] = 1.0 - score;
                scores.push(score);
            } else {
                self.post.apply(&mut scores[from..]);
            }
        }
        scores
    }
}
