//! What the demo found: one JSON object, or a page for a person.

use std::fmt::{self, Display};
use std::path::PathBuf;

use serde::Serialize;

use super::rules::{Effect, in_words};
use super::thousands::thousands;
use torre::Row;
use torre::rules::Policy;
use torre_report::{Cutoff, Latency};

/// Hits of a recommendation, and those that are judged.
pub(super) const K: usize = 10;
/// Widest title on the page, in characters.
const TITLE: usize = 51;

/// Everything that one run of the demo has to say.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Report {
    pub(super) seed: u64,
    pub(super) products: usize,
    pub(super) shoppers: usize,
    /// Clicks before the held-out days.
    pub(super) clicks: usize,
    /// How towers and second stage were trained, if they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trained: Option<TrainLine>,
    pub(super) import: ImportLine,
    pub(super) index: IndexLine,
    /// The rules by which products are shown.
    pub(super) policy: Policy,
    pub(super) shown: Vec<Shown>,
    pub(super) held_out: HeldOut,
    /// What comes with the demo, where others were trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compared: Option<Compared>,
    /// Of a recommendation, from the raw row to the hits.
    pub(super) query: Latency,
    /// The same with the second stage.
    pub(super) ranked_query: Latency,
    /// Where the database was kept, if it was.
    pub(super) kept: Option<PathBuf>,
}

/// How the import went.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct ImportLine {
    pub(super) rows: u64,
    pub(super) seconds: f64,
    pub(super) rows_per_second: f64,
}

/// How both stages were trained.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct TrainLine {
    /// Epochs of the towers, as many as were best on the days that choose.
    pub(super) epochs: usize,
    /// Their nDCG@20 then.
    pub(super) validation_ndcg: Option<f64>,
    /// Trees of the second stage.
    pub(super) trees: usize,
    pub(super) seconds: f64,
}

/// The towers and the second stage that come with the demo, on the same shop.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Compared {
    pub(super) towers: Cutoff,
    pub(super) ranked: Cutoff,
}

/// What was built.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct IndexLine {
    pub(super) dim: usize,
    pub(super) lists: usize,
    pub(super) m: usize,
    pub(super) bytes_per_row: f64,
    pub(super) seconds: f64,
}

/// Quality against held-out clicks, beside two baselines.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct HeldOut {
    pub(super) shoppers: usize,
    pub(super) towers: Cutoff,
    /// The towers' best products, ordered by the second stage.
    pub(super) ranked: Cutoff,
    pub(super) own_categories: Cutoff,
    pub(super) popularity: Cutoff,
}

/// One shopper, before and after.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Shown {
    pub(super) who: String,
    /// The raw row that the user tower read.
    pub(super) user: Row,
    /// The last products looked at, newest last.
    pub(super) looked_at: Vec<Line>,
    /// How many products were looked at in all.
    pub(super) looked_at_in_all: usize,
    /// What is recommended, best first.
    pub(super) hits: Vec<Line>,
    /// What the rules did.
    pub(super) rules: Effect,
}

/// A product on the page.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Line {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) brand: String,
    pub(super) category: String,
    pub(super) price: f64,
    /// How many are in stock.
    pub(super) stock: u32,
    /// Of a hit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f32>,
    /// Of a hit: what a rule added to its score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) boost: Option<f64>,
    /// Of a hit: whether the shopper clicked it in the held-out days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clicked_later: Option<bool>,
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "A shop from seed {}: {} products, {} shoppers, 60 days, {} clicks; the last 10 days held out.",
            self.seed,
            thousands(self.products as u64),
            thousands(self.shoppers as u64),
            thousands(self.clicks as u64)
        )?;
        writeln!(f)?;
        if let Some(TrainLine { epochs, trees, seconds, .. }) = self.trained {
            writeln!(f, "train    two towers in {epochs} epochs, a second stage of {trees} trees, {seconds:.1} s")?;
        }
        let ImportLine { rows, seconds, rows_per_second } = self.import;
        writeln!(
            f,
            "import   {} raw rows through the item tower in {seconds:.2} s ({} rows/s, each batch durable)",
            thousands(rows),
            thousands(rows_per_second as u64)
        )?;
        let IndexLine { dim, lists, m, bytes_per_row, seconds } = self.index;
        writeln!(
            f,
            "index    vectors of length {dim}, {lists} lists, codes of {m} bytes, {bytes_per_row:.0} bytes a row in RAM, {seconds:.2} s"
        )?;
        writeln!(f, "rules    {}", in_words(&self.policy))?;
        for shown in &self.shown {
            write!(f, "\n{shown}")?;
        }
        writeln!(f, "\n* = clicked in the held-out days")?;
        write!(f, "\n{}", self.held_out)?;
        if let Some(compared) = &self.compared {
            write!(f, "{}", self.held_out.line("the shipped towers", compared.towers))?;
            write!(f, "{}", self.held_out.line("the shipped towers, second stage", compared.ranked))?;
        }
        let (p50_us, p99_us) = (self.query.p50_us.unwrap_or(0.0), self.query.p99_us.unwrap_or(0.0));
        writeln!(f, "\nA recommendation took {p50_us:.0} us (median), {p99_us:.0} us (99th percentile), from the raw row to the hits;")?;
        writeln!(f, "with the second stage {:.0} us.", self.ranked_query.p50_us.unwrap_or(0.0))?;
        if let Some(path) = &self.kept {
            writeln!(f, "\nThe database is kept. Try:  torre {}", path.display())?;
        }
        Ok(())
    }
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.who)?;
        match self.looked_at.len() {
            0 => writeln!(f, "  has looked at nothing yet")?,
            last => {
                writeln!(f, "  looked at (the last {last} of {})", self.looked_at_in_all)?;
                self.looked_at.iter().try_for_each(|line| writeln!(f, "{line}"))?;
            }
        }
        writeln!(f, "  gets (ordered by the second stage and the rules; price, stock, what the boost adds)")?;
        self.hits.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "  {}", self.rules)
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.clicked_later == Some(true) { '*' } else { ' ' };
        write!(f, "  {mark} {:TITLE$}  {:17} {:>8.2} {:>3}", shortened(&self.title), self.category, self.price, self.stock)?;
        self.boost.map_or(Ok(()), |boost| write!(f, "  {boost:+.2}"))
    }
}

impl Display for HeldOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shoppers = thousands(self.shoppers as u64);
        writeln!(f, "Ten products for each of {shoppers} shoppers, none seen before, against what they then clicked:")?;
        writeln!(f, "                                     hit rate@10   ndcg@10")?;
        for (name, quality) in [
            ("the two towers", self.towers),
            ("the towers, then the second stage", self.ranked),
            ("popular in their own categories", self.own_categories),
            ("popular", self.popularity),
        ] {
            f.write_str(&self.line(name, quality))?;
        }
        Ok(())
    }
}

impl HeldOut {
    /// A line of the table, with what it is beside popularity.
    fn line(&self, name: &str, quality: Cutoff) -> String {
        let rate = |quality: Cutoff| quality.hit_rate.unwrap_or(0.0);
        let (percent, times) = (rate(quality) * 100.0, rate(quality) / rate(self.popularity));
        let beside = if times.is_finite() && times > 1.0 { format!("   {times:.1} x popularity") } else { String::new() };
        format!("  {name:34} {percent:>9.1} %   {:>7.4}{beside}\n", quality.ndcg.unwrap_or(0.0))
    }
}

fn shortened(title: &str) -> String {
    if title.chars().count() <= TITLE {
        return title.to_owned();
    }
    let mut short: String = title.chars().take(TITLE - 1).collect();
    short.push('…');
    short
}
