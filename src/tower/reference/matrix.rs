//! Matrix products, sums of products by index, convolutions.

use super::call::{Call, Result};
use crate::tower::array::Array;
use crate::tower::shape::{places, strides, volume, walk};

/// Adds the product of two row-major matrices to `out`.
pub(super) fn multiply(a: &[f64], b: &[f64], [rows, inner, columns]: [usize; 3], out: &mut [f64]) {
    for row in 0..rows {
        let out = &mut out[row * columns..(row + 1) * columns];
        for (k, &factor) in a[row * inner..(row + 1) * inner].iter().enumerate() {
            for (sum, x) in out.iter_mut().zip(&b[k * columns..(k + 1) * columns]) {
                *sum += factor * x;
            }
        }
    }
}

pub(super) fn matmul(call: &Call<'_>) -> Result<Array> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let left = if a.rank() == 1 { [&[1], a.shape.as_slice()].concat() } else { a.shape.clone() };
    let right = if b.rank() == 1 { [b.shape.as_slice(), &[1]].concat() } else { b.shape.clone() };
    let ([left_batch @ .., rows, inner], [right_batch @ .., _, columns]) = (left.as_slice(), right.as_slice()) else {
        return Err("expected matrices".to_owned());
    };
    let shape = call.shape()?;
    let batch = shape[..shape.len() - usize::from(a.rank() > 1) - usize::from(b.rank() > 1)].to_vec();
    let mut out = vec![0.0; volume(&shape)];
    let (x, y) = (a.as_floats()?, b.as_floats()?);
    let sizes = (rows * inner, inner * columns, rows * columns);
    for (n, (i, j)) in places(left_batch, &batch).zip(places(right_batch, &batch)).enumerate() {
        let target = &mut out[n * sizes.2..(n + 1) * sizes.2];
        multiply(&x[i * sizes.0..(i + 1) * sizes.0], &y[j * sizes.1..(j + 1) * sizes.1], [*rows, *inner, *columns], target);
    }
    Ok(Array::floats(a.dtype, shape, out))
}

/// Row-major, the other way round.
pub(super) fn transposed(data: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    walk(&[columns, rows], 0, vec![1, columns]).map(|at| data[at]).collect()
}

pub(super) fn gemm(call: &Call<'_>) -> Result<Array> {
    let attributes = call.attributes();
    let side = |place: usize, flag: &str| -> Result<Vec<f64>> {
        let x = call.input(place)?;
        let &[rows, columns] = x.shape.as_slice() else { return Err("expected matrices".to_owned()) };
        Ok(if attributes.flag(flag, false) { transposed(x.as_floats()?, rows, columns) } else { x.as_floats()?.to_vec() })
    };
    let (a, b) = (side(0, "transA")?, side(1, "transB")?);
    let shape = call.shape()?;
    let (rows, columns) = (shape[0], shape[1]);
    let mut out = vec![0.0; rows * columns];
    multiply(&a, &b, [rows, a.len() / rows.max(1), columns], &mut out);
    let (alpha, beta) = (attributes.float("alpha", 1.0), attributes.float("beta", 1.0));
    out.iter_mut().for_each(|x| *x *= alpha);
    if let Some(c) = call.optional(2) {
        let data = c.as_floats()?;
        out.iter_mut().zip(places(&c.shape, &shape)).for_each(|(x, at)| *x += beta * data[at]);
    }
    Ok(Array::floats(call.input(0)?.dtype, shape, out))
}

/// An equation of Einsum: the letters of each input and of the output.
pub(in crate::tower) struct Equation {
    pub(in crate::tower) inputs: Vec<Vec<u8>>,
    pub(in crate::tower) output: Vec<u8>,
}

impl Equation {
    /// Reads an equation of plain letters; one without "->" gives the letters that occur once, in alphabetical order.
    pub(in crate::tower) fn parse(text: &str) -> std::result::Result<Self, String> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let (left, right) = text.split_once("->").map_or((text.as_str(), None), |(left, right)| (left, Some(right)));
        if left.bytes().chain(right.unwrap_or_default().bytes()).any(|c| c != b',' && !c.is_ascii_alphabetic()) {
            return Err(format!("the equation {text:?}; only letters, commas and -> are supported"));
        }
        let inputs: Vec<Vec<u8>> = left.split(',').map(|letters| letters.as_bytes().to_vec()).collect();
        let once = || {
            let mut letters: Vec<u8> = left.bytes().filter(|c| *c != b',' && left.bytes().filter(|d| d == c).count() == 1).collect();
            letters.sort_unstable();
            letters
        };
        Ok(Self { inputs, output: right.map_or_else(once, |right| right.as_bytes().to_vec()) })
    }
}

pub(super) fn einsum(call: &Call<'_>) -> Result<Array> {
    let equation = Equation::parse(call.attributes().text("equation", ""))?;
    let sources = (0..call.inputs.len()).map(|place| call.input(place)).collect::<Result<Vec<_>>>()?;
    let mut letters = equation.output.clone();
    letters.extend(equation.inputs.iter().flatten());
    let mut seen = [false; 256];
    letters.retain(|&letter| !std::mem::replace(&mut seen[usize::from(letter)], true));
    let size = |letter: &u8| {
        let all = equation.inputs.iter().zip(&sources);
        all.filter_map(|(own, source)| own.iter().position(|l| l == letter).map(|at| source.shape[at])).max().unwrap_or(1)
    };
    let sizes: Vec<usize> = letters.iter().map(size).collect();
    let walks = equation.inputs.iter().zip(&sources).map(|(own, source)| {
        let steps = strides(&source.shape);
        let step = |letter: &u8| (0..own.len()).filter(|&at| own[at] == *letter && source.shape[at] > 1).map(|at| steps[at]).sum();
        Ok((source.as_floats()?, letters.iter().map(step).collect::<Vec<usize>>()))
    });
    let walks = walks.collect::<Result<Vec<_>>>()?;
    let shape = call.shape()?;
    let count = volume(&sizes[equation.output.len()..]);
    let mut out = vec![0.0; volume(&shape)];
    let mut iterators: Vec<_> = walks.iter().map(|(data, steps)| walk(&sizes, 0, steps.clone()).map(|at| data[at])).collect();
    for sum in &mut out {
        for _ in 0..count {
            *sum += iterators.iter_mut().map(|numbers| numbers.next().unwrap_or_default()).product::<f64>();
        }
    }
    Ok(Array::floats(sources[0].dtype, shape, out))
}

/// A convolution over one dimension: `[N, C, L]` with weights `[M, C / groups, K]`.
pub(super) fn conv(call: &Call<'_>) -> Result<Array> {
    let (x, w) = (call.input(0)?, call.input(1)?);
    let attributes = call.attributes();
    let one = |name: &str, default: i64| attributes.ints(name).and_then(|list| list.first().copied()).unwrap_or(default);
    let (stride, dilation, pad) = (one("strides", 1), one("dilations", 1), one("pads", 0));
    let groups = usize::try_from(attributes.int("group", 1)).unwrap_or(1).max(1);
    let shape = call.shape()?;
    let (&[_, channels, length], &[filters, depth, width]) = (x.shape.as_slice(), w.shape.as_slice()) else {
        return Err("expected three dimensions".to_owned());
    };
    let (data, weights, bias) = (x.as_floats()?, w.as_floats()?, call.optional_floats(2)?);
    let at = |place: usize| {
        let (n, filter, l) = (place / (shape[2] * filters), place / shape[2] % filters, place % shape[2]);
        let first = filter / (filters / groups) * depth;
        let mut sum = bias.map_or(0.0, |bias| bias[filter]);
        for k in 0..width {
            let from = l as i64 * stride + k as i64 * dilation - pad;
            if let Some(from) = usize::try_from(from).ok().filter(|&from| from < length) {
                sum += (0..depth)
                    .map(|c| data[(n * channels + first + c) * length + from] * weights[(filter * depth + c) * width + k])
                    .sum::<f64>();
            }
        }
        sum
    };
    Ok(Array::floats(x.dtype, shape.clone(), (0..volume(&shape)).map(at).collect()))
}
