//! One of the two towers.

use super::field::{Field, FieldOptions, Part};
use super::tables::{TableGradients, Tables};
use crate::batch::Batch;
use crate::config::{Combine, Towers};
use crate::dataset::History;
use crate::dense::Dense;
use crate::entities::{Column, Lists};
use crate::error::TrainError;
use crate::layer::{Dropout, Mlp, MlpShape, MlpTrace, unit, unit_back};
use crate::layout::Layout;
use crate::loops::{AddScaled, KERNEL};
use crate::pool::{Pool, PoolTrace, recency};
use crate::prefix::cut;
use crate::rng::Rng;
use crate::table::Pooling;

/// A tower. Its output is the main embedding, layers over all parts, or a sum (see [`Combine`]), of length 1 where wanted.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Tower {
    pub(crate) dim: usize,
    /// The numbers of a vector that are served: all, or a prefix.
    pub(crate) width: usize,
    pub(crate) fields: Vec<Field>,
    /// The field whose embedding is as wide as the output, and to which the layers add.
    pub(crate) main: Option<usize>,
    pub(crate) combine: Combine,
    pub(crate) mlp: Option<Mlp>,
    pub(crate) normalized: bool,
    history_dropout: f32,
}

/// What a tower is built from.
pub(crate) struct TowerOptions<'a> {
    pub(crate) side: &'static str,
    pub(crate) layouts: &'a [Layout],
    pub(crate) towers: &'a Towers,
    pub(crate) dim: usize,
    pub(crate) normalized: bool,
    /// The input that is the history, of a user tower.
    pub(crate) history: Option<&'a History>,
    /// The name of the table of items.
    pub(crate) main: Option<&'a str>,
}

/// What the way back needs.
#[derive(Debug)]
pub(crate) struct Trace {
    parts: Vec<PartTrace>,
    mlp: Option<MlpTrace>,
    /// Of length 1, with lengths before.
    unit: Option<(Vec<f32>, Vec<f32>)>,
}

#[derive(Debug, Default)]
struct PartTrace {
    /// The lists with a recency's weights.
    weighted: Option<Lists>,
    /// Embeddings one by one, and the pool's own.
    pool: Option<(Vec<f32>, PoolTrace)>,
    dropout: Dropout,
}

impl Tower {
    pub(crate) fn new(options: &TowerOptions<'_>, tables: &mut Tables, rng: &mut Rng) -> Result<Self, TrainError> {
        let TowerOptions { side, layouts, towers, dim, normalized, history, main } = *options;
        let alone = layouts.iter().filter(|layout| layout.weights_of.is_none()).count() == 1;
        let of = FieldOptions { towers, dim, history, main, alone };
        let mut fields = Vec::new();
        for (input, layout) in layouts.iter().enumerate() {
            fields.extend(Field::new(input, layout, &of, tables, rng)?);
        }
        let embeds = |field: &Field| !matches!(field.part, Part::Numbers);
        let is_main = |field: &Field| matches!(field.part, Part::History { .. }) || main == Some(&*layouts[field.input].table) || alone;
        let place = fields.iter().position(|field| embeds(field) && is_main(field));
        let only = alone && place.is_some();
        let wide: usize = match towers.combine {
            Combine::Sum => fields.iter().filter(|field| !embeds(field)).map(|field| field.width).sum(),
            Combine::Add | Combine::Replace if only => 0,
            Combine::Add | Combine::Replace => fields.iter().map(|field| field.width).sum(),
        };
        let hidden = if towers.combine == Combine::Sum { &[][..] } else { &towers.hidden[..] };
        let shape = MlpShape { inputs: wide, hidden, outputs: dim, layer_norm: towers.layer_norm, dropout: towers.dropout };
        let mlp = (wide > 0).then(|| Mlp::new(side, &shape, rng));
        // A tower that is one embedding is that embedding, whatever the way to combine.
        let combine = if only && towers.combine == Combine::Replace { Combine::Add } else { towers.combine };
        Ok(Self { dim, width: dim, fields, main: place, combine, mlp, normalized, history_dropout: towers.history_dropout })
    }

    /// Vectors, one after another. `rng` in training alone.
    pub(crate) fn forward(&self, tables: &Tables, batch: &Batch, mut rng: Option<&mut Rng>) -> (Vec<f32>, Trace) {
        let mut parts = Vec::with_capacity(self.fields.len());
        let mut traces = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let (part, trace) = self.part(field, tables, batch, rng.as_deref_mut());
            parts.push(part);
            traces.push(trace);
        }
        let mut out = vec![0f32; batch.count * self.dim];
        for (n, (field, part)) in self.fields.iter().zip(&parts).enumerate() {
            if self.adds(n) {
                KERNEL.run(AddScaled { out: &mut out, x: part, by: field.scale });
            }
        }
        let mut trace = Trace { parts: traces, mlp: None, unit: None };
        if let Some(mlp) = &self.mlp {
            let (y, of_mlp) = mlp.forward(self.wide(&parts, batch.count), rng);
            KERNEL.run(AddScaled { out: &mut out, x: &y, by: 1.0 });
            trace.mlp = Some(of_mlp);
        }
        if self.width < self.dim {
            out = cut(&out, self.dim, self.width);
        }
        if self.normalized {
            let lengths = unit(&mut out, self.width);
            trace.unit = Some((out.clone(), lengths));
        }
        (out, trace)
    }

    /// Adds up the derivatives by parameters and tables.
    pub(crate) fn backward(&mut self, tables: &Tables, batch: &Batch, trace: &Trace, mut d: Vec<f32>, gradients: &mut TableGradients) {
        if let Some((y, lengths)) = &trace.unit {
            unit_back(y, lengths, &mut d, self.dim);
        }
        let wide = self.mlp.as_mut().zip(trace.mlp.as_ref()).map(|(mlp, trace)| mlp.backward(trace, &d));
        let (mut column, width) = (0, wide.as_ref().map_or(0, |wide| wide.len() / batch.count.max(1)));
        for n in 0..self.fields.len() {
            let field = &self.fields[n];
            let mut of_part = vec![0f32; batch.count * field.width];
            if self.adds(n) {
                KERNEL.run(AddScaled { out: &mut of_part, x: &d, by: field.scale });
            }
            if self.is_wide(n) {
                if let Some(wide) = &wide {
                    for (to, from) in of_part.chunks_exact_mut(field.width).zip(wide.chunks_exact(width)) {
                        to.iter_mut().zip(&from[column..]).for_each(|(to, from)| *to += from);
                    }
                }
                column += field.width;
            }
            part_back(&mut self.fields[n], tables, batch, &trace.parts[n], of_part, gradients);
        }
    }

    /// Whether a field's embedding is added to the output as it is.
    pub(crate) fn adds(&self, field: usize) -> bool {
        match self.combine {
            Combine::Sum => !matches!(self.fields[field].part, Part::Numbers),
            Combine::Add => self.main == Some(field),
            Combine::Replace => false,
        }
    }

    /// Whether a field is among what the layers take.
    pub(crate) fn is_wide(&self, field: usize) -> bool {
        self.mlp.is_some() && (self.combine != Combine::Sum || matches!(self.fields[field].part, Part::Numbers))
    }

    fn wide(&self, parts: &[Vec<f32>], count: usize) -> Vec<f32> {
        let taken: Vec<usize> = (0..self.fields.len()).filter(|&n| self.is_wide(n)).collect();
        let mut wide = Vec::with_capacity(count * taken.iter().map(|&n| self.fields[n].width).sum::<usize>());
        for row in 0..count {
            for &n in &taken {
                let width = self.fields[n].width;
                wide.extend_from_slice(&parts[n][row * width..][..width]);
            }
        }
        wide
    }

    fn part(&self, field: &Field, tables: &Tables, batch: &Batch, mut rng: Option<&mut Rng>) -> (Vec<f32>, PartTrace) {
        let mut out = vec![0f32; batch.count * field.width];
        let mut trace = PartTrace::default();
        match (&field.part, &batch.columns[field.input]) {
            (Part::Numbers, Column::Numbers { values, .. }) => out.copy_from_slice(values),
            (Part::Embedding { table, pooling }, Column::Lists(lists)) => tables.list[*table].pool(lists, *pooling, &mut out),
            (Part::History { table, pool }, Column::Lists(lists)) => {
                let table = &tables.list[*table];
                match &**pool {
                    Pool::Mean => table.pool(lists, Pooling::Mean, &mut out),
                    Pool::Recency { half_life } => {
                        let weighted = trace.weighted.insert(recency(lists, *half_life));
                        table.pool(weighted, Pooling::Sum, &mut out);
                    }
                    _ => {
                        let mut e = vec![0f32; lists.indexes.len() * field.width];
                        table.gather(&lists.indexes, &mut e);
                        if let Some((y, of_pool)) = pool.forward(&lists.starts, &e, rng.as_deref_mut()) {
                            out = y;
                            trace.pool = Some((e, of_pool));
                        }
                    }
                }
                trace.dropout = Dropout::forward(&mut out, self.history_dropout, rng);
            }
            _ => {}
        }
        (out, trace)
    }

    pub(crate) fn parameters<'a>(&'a mut self, out: &mut Vec<&'a mut Dense>) {
        for field in &mut self.fields {
            if let Part::History { pool, .. } = &mut field.part {
                pool.parameters(out);
            }
        }
        if let Some(mlp) = &mut self.mlp {
            mlp.parameters(out);
        }
    }
}

/// The way back of one field.
fn part_back(field: &mut Field, tables: &Tables, batch: &Batch, trace: &PartTrace, mut d: Vec<f32>, gradients: &mut TableGradients) {
    let Column::Lists(lists) = &batch.columns[field.input] else { return };
    match &mut field.part {
        Part::Numbers => {}
        Part::Embedding { table, pooling } => gradients[*table].add_pooled(lists, *pooling, &d, field.width),
        Part::History { table, pool } => {
            trace.dropout.backward(&mut d);
            let (gradient, width) = (&mut gradients[*table], tables.list[*table].width);
            match (&trace.weighted, &trace.pool) {
                (Some(weighted), _) => gradient.add_pooled(weighted, Pooling::Sum, &d, width),
                (None, Some((e, of_pool))) => {
                    let de = pool.backward(&lists.starts, e, of_pool, &d);
                    gradient.add_rows(&lists.indexes, &de, width);
                }
                (None, None) => gradient.add_pooled(lists, Pooling::Mean, &d, width),
            }
        }
    }
}
