//! `torre report`: what width and coding of the vectors buy on the caller's own data, as a page, as JSON and as small charts.

use std::path::PathBuf;

use clap::Args;
use serde_json::Value as Json;
use torre::{BuildOptions, CollectionOptions, Database, Progress, Refine, TowerPair, TowerSource};
use torre_report::{Baseline, Latency, Measure, Popularity, Scores, Setting, TradeOff, bars, drawings, page};
use torre_train::{Dataset, Part, Trained};

use super::args::{DataArgs, TowerArgs};
use super::files;
use super::fit::{config, fit, join};
use super::load::load;
use super::make::{answers, times};
use super::rivals::Held;
use super::show::KS;
use super::specs::given;
use super::stock::import;
use crate::repl::Failure;
use crate::repl::output::{Output, Record, to_json};
use crate::repl::values::at_least_one;

/// Ways to keep vectors beside their codes: the name on the page, and what is kept.
const CODES: [(&str, Refine); 4] = [("f32", Refine::F32), ("f16", Refine::F16), ("int8", Refine::Int8), ("codes alone", Refine::None)];
/// Places of the longest bar of the terminal's charts.
const BAR: usize = 32;
/// Users at most that are measured on what was trained on.
const LEARNED: usize = 5_000;
/// Where the random numbers of intervals come from.
const SEED: u64 = 1;

/// What to compare, on which data, and where the page goes.
#[derive(Args, Clone, Debug)]
pub(crate) struct Report {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    towers: TowerArgs,
    /// Widths of the vectors to compare
    #[arg(long, value_name = "NUMBERS,...", value_delimiter = ',', default_value = "16,32,64,128", value_parser = at_least_one, allow_negative_numbers = true)]
    dims: Vec<usize>,
    /// The page; the same as JSON goes beside it
    #[arg(long, value_name = "FILE.html", default_value = "report.html")]
    out: PathBuf,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Trains a pair for each width, or one whose prefixes are of all widths, keeps it in each way, and measures through the index.
pub(crate) fn report(args: &Report, progress: &dyn Progress) -> Result<Output, Failure> {
    if args.towers.item_spec.is_some() {
        return Err(Failure::usage("report infers the specs for each width; --item-spec and --user-spec say one"));
    }
    let options = config(&args.towers)?;
    let none = given(&args.towers)?;
    let loaded = load(&args.data, options.training.seed, progress)?;
    let split = loaded.split.report.clone();
    let (joined, mut notes) = join(loaded, None)?;
    let (mut settings, mut baselines) = (Vec::new(), Vec::new());
    let one_training = !args.towers.matryoshka.is_empty();
    let widths = if one_training { [args.towers.prefixes(), vec![args.towers.width()]].concat() } else { args.dims.clone() };
    let mut trained_last = None;
    for dim in widths {
        let fitted = match trained_last.take() {
            Some(fitted) if one_training => fitted,
            _ => {
                let mut towers = args.towers.clone();
                towers.dim = dim;
                fit(joined.clone(), split.clone(), &towers, none.as_ref(), None, progress)?
            }
        };
        let (mut dataset, trained) = (fitted.dataset.clone(), fitted.trained.prefix(dim));
        dataset.set_width(dim)?;
        let cases = dataset.cases(Part::Test);
        let held = Held::new(&fitted.joined, &cases, &args.towers.history);
        let measured = |hits: &[Vec<u32>]| {
            let mut scores = Scores::new(KS[0]);
            hits.iter().zip(&held.users).for_each(|(hits, user)| scores.add(hits, &user.relevant));
            scores
        };
        let learned = learned(&dataset, &trained);
        if baselines.is_empty() {
            let popularity = Popularity::new(&fitted.joined.chosen());
            let hits: Vec<Vec<u32>> = held.users.iter().map(|user| popularity.recommend(&user.history, &user.seen, KS[0])).collect();
            baselines.extend(measured(&hits).mean(Measure::Ndcg).map(|quality| (popularity.name().to_owned(), quality)));
        }
        let written = trained.files(&dataset, &Json::Null)?;
        for (code, refine) in CODES {
            let pair = TowerPair::new(TowerSource::new(written.item.clone()), TowerSource::new(written.user.clone()))?;
            let database = Database::in_memory()?;
            let collection = database.create_collection("items", CollectionOptions::towers(&pair).lenient(true).refine(refine))?;
            import(&collection, &fitted.joined, progress)?;
            let built = collection.build(&BuildOptions::default(), progress)?;
            let hits = answers(&collection, &fitted.joined, &held, KS[0], progress)?;
            settings.push(Setting {
                dim,
                code: code.to_owned(),
                scores: measured(&hits),
                trained: learned,
                bytes_per_row: built.bytes_per_row,
                latency: Latency::of(&times(&collection, &held, progress)?),
                train_seconds: fitted.seconds,
            });
        }
        trained_last = Some(fitted);
    }
    let report = TradeOff::new(&settings, Measure::Ndcg, baselines, SEED);
    let json = to_json(&report);
    files::write(&args.out, page("Width and coding of the vectors", &report))?;
    files::write(&args.out.with_extension("json"), &json)?;
    for (name, svg) in drawings(&report) {
        files::write(&args.out.with_extension(format!("{name}.svg")), svg)?;
    }
    notes.extend(charts(&report));
    notes.extend(report.reasons.iter().cloned());
    notes.push(format!(
        "the page is {}, the numbers are in {}, the charts beside it as .svg",
        args.out.display(),
        args.out.with_extension("json").display()
    ));
    Ok(Output { json, records: records(&report), notes, ..Output::default() })
}

/// The measure on what was trained on: the last chosen item of users, by exact ranking.
fn learned(dataset: &Dataset, trained: &Trained) -> Option<f64> {
    let cases = dataset.learned(LEARNED);
    let mut scores = Scores::new(KS[0]);
    let rankings = trained.rankings(dataset, &cases, KS[0]);
    rankings.iter().zip(&cases).for_each(|(hits, case)| scores.add(hits, &case.relevant));
    scores.mean(Measure::Ndcg)
}

fn records(report: &TradeOff) -> Vec<Record> {
    let record = |(at, setting): (usize, &torre_report::SettingReport)| -> Record {
        vec![
            ("dimensions".to_owned(), Json::from(setting.dim)),
            ("code".to_owned(), Json::from(setting.code.clone())),
            (report.measure.clone(), Json::from(setting.quality.to_string())),
            ("trained on".to_owned(), setting.trained_quality.map_or(Json::Null, |quality| Json::from(format!("{quality:.4}")))),
            ("bytes a row".to_owned(), Json::from(format!("{:.0}", setting.bytes_per_row))),
            ("p50 us".to_owned(), Json::from(setting.latency.p50_us)),
            ("p99 us".to_owned(), Json::from(setting.latency.p99_us)),
            ("training s".to_owned(), Json::from(format!("{:.1}", setting.train_seconds))),
            ("".to_owned(), Json::from(if report.sweet_spot == Some(at) { "<- take this" } else { "" })),
        ]
    };
    report.settings.iter().enumerate().map(record).collect()
}

fn charts(report: &TradeOff) -> Vec<String> {
    let values = |of: fn(&torre_report::SettingReport) -> f64| -> Vec<(String, f64)> {
        report.settings.iter().map(|setting| (format!("{} {}", setting.dim, setting.code), of(setting))).collect()
    };
    let mut lines = vec![report.measure.clone()];
    lines.extend(bars(&values(|setting| setting.quality.mean), BAR, |x| format!("{x:.4}")));
    lines.push("bytes a row".to_owned());
    lines.extend(bars(&values(|setting| setting.bytes_per_row), BAR, |x| format!("{x:.0}")));
    lines
}
