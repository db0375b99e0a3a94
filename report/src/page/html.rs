//! The page of a trade-off.

use std::fmt::Write;

use super::chart::{Chart, Series, Span, escape, number};
use crate::tradeoff::{SettingReport, TradeOff};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
h1{font-size:1.5rem}svg{width:100%;height:auto;margin:1rem 0;font:12px system-ui,sans-serif;fill:#222}svg .title{font-weight:600;font-size:14px}\
svg .grid{stroke:#ddd}svg .end{text-anchor:end}svg .middle{text-anchor:middle}svg .mark{fill:none;stroke:#222;stroke-width:2}\
table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}\
td:nth-child(2),th:nth-child(2){text-align:left}tr.sweet{font-weight:600;background:#f2f7fb}\
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}svg{fill:#ddd}svg .grid{stroke:#333}svg .mark{stroke:#ddd}\
td,th{border-color:#333}tr.sweet{background:#1d2a35}}";

/// The whole page, in UTF-8: nothing in it comes from a network, and it runs no program.
pub fn page(title: &str, report: &TradeOff) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{0}</title><style>{STYLE}</style></head><body>\n<h1>{0}</h1>\n<p>{1} on {2} held-out users; lines through a point are 95 % intervals.</p>\n",
        escape(title),
        escape(&report.measure),
        report.users
    );
    let mut put = |piece: String| html.push_str(&piece);
    report.reasons.iter().for_each(|reason| put(format!("<p>{}</p>\n", escape(reason))));
    for chart in charts(report) {
        put(format!("<figure>{}</figure>\n", chart.svg()));
    }
    put(table(report));
    html.push_str("</body></html>\n");
    html
}

/// The charts of the page, each with a name and as an SVG file of its own.
pub fn drawings(report: &TradeOff) -> Vec<(&'static str, String)> {
    charts(report).iter().map(|chart| (chart.name, chart.file())).collect()
}

/// The codes, in the order in which they come.
fn codes(report: &TradeOff) -> Vec<&str> {
    let mut codes: Vec<&str> = Vec::new();
    for setting in &report.settings {
        if !codes.contains(&setting.code.as_str()) {
            codes.push(&setting.code);
        }
    }
    codes
}

fn charts(report: &TradeOff) -> Vec<Chart> {
    let sweet = report.sweet_spot.and_then(|at| report.settings.get(at));
    let series = |x: fn(&SettingReport) -> f64, y: fn(&SettingReport) -> (f64, Option<Span>)| -> Vec<Series> {
        let of = |code: &str| {
            let own = report.settings.iter().filter(|setting| setting.code == code);
            let mut points: Vec<_> = own.map(|setting| (x(setting), y(setting).0, y(setting).1)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            Series { name: code.to_owned(), points, dashed: false }
        };
        codes(report).into_iter().map(of).collect()
    };
    let quality = |setting: &SettingReport| (setting.quality.mean, Some((setting.quality.low, setting.quality.high)));
    let by_dim = Chart {
        name: "quality-by-width",
        title: format!("{} by width of the vectors", report.measure),
        x: "dimensions".to_owned(),
        y: report.measure.clone(),
        logarithmic: true,
        series: with_baselines(report, series(|setting| setting.dim as f64, quality)),
        marked: sweet.map(|setting| (setting.dim as f64, setting.quality.mean)),
    };
    let by_memory = Chart {
        name: "quality-by-memory",
        title: format!("{} by memory", report.measure),
        x: "bytes a row".to_owned(),
        y: report.measure.clone(),
        logarithmic: true,
        series: series(|setting| setting.bytes_per_row, quality),
        marked: sweet.map(|setting| (setting.bytes_per_row, setting.quality.mean)),
    };
    let latency = |setting: &SettingReport| {
        (setting.latency.p50_us.unwrap_or(0.0), setting.latency.p99_us.map(|p99| (setting.latency.p50_us.unwrap_or(0.0), p99)))
    };
    let by_latency = Chart {
        name: "latency-by-width",
        title: "Time of one query, median to 99th percentile".to_owned(),
        x: "dimensions".to_owned(),
        y: "microseconds".to_owned(),
        logarithmic: true,
        series: series(|setting| setting.dim as f64, latency),
        marked: None,
    };
    let mut charts = vec![by_dim, by_memory, by_latency];
    charts.extend(by_heart(report));
    charts
}

/// What was trained on against what was not, by width.
fn by_heart(report: &TradeOff) -> Option<Chart> {
    let code = codes(report).into_iter().next()?;
    let own: Vec<&SettingReport> =
        report.settings.iter().filter(|setting| setting.code == code && setting.trained_quality.is_some()).collect();
    if own.is_empty() {
        return None;
    }
    let points = |y: fn(&SettingReport) -> f64| own.iter().map(|setting| (setting.dim as f64, y(setting), None)).collect();
    let series = vec![
        Series { name: "trained on".to_owned(), points: points(|setting| setting.trained_quality.unwrap_or(0.0)), dashed: true },
        Series { name: "held out".to_owned(), points: points(|setting| setting.quality.mean), dashed: false },
    ];
    let (title, y) = ("Learned by heart?".to_owned(), report.measure.clone());
    Some(Chart { name: "learned-by-heart", title, x: "dimensions".to_owned(), y, logarithmic: true, series, marked: None })
}

fn with_baselines(report: &TradeOff, mut series: Vec<Series>) -> Vec<Series> {
    let dims = report.settings.iter().map(|setting| setting.dim as f64);
    let (from, to) = (dims.clone().fold(f64::INFINITY, f64::min), dims.fold(0.0, f64::max));
    for (name, quality) in &report.baselines {
        series.push(Series { name: name.clone(), points: vec![(from, *quality, None), (to, *quality, None)], dashed: true });
    }
    series
}

fn table(report: &TradeOff) -> String {
    let mut html = format!(
        "<table><thead><tr><th>dimensions</th><th>code</th><th>{}</th><th>95 %</th><th>p against the best</th><th>bytes a row</th><th>1M rows, MB</th>\
         <th>100M rows, GB</th><th>p50 us</th><th>p99 us</th><th>training, s</th></tr></thead><tbody>\n",
        escape(&report.measure)
    );
    for (at, setting) in report.settings.iter().enumerate() {
        let class = if report.sweet_spot == Some(at) { " class=\"sweet\"" } else { "" };
        let p = setting.against_best.map_or_else(|| "best".to_owned(), |against| format!("{:.3}", against.p_value));
        let time = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), number);
        let cells = [
            setting.dim.to_string(),
            escape(&setting.code),
            format!("{:.4}", setting.quality.mean),
            format!("{:.4} to {:.4}", setting.quality.low, setting.quality.high),
            p,
            number(setting.bytes_per_row),
            number(setting.megabytes_per_million),
            number(setting.gigabytes_per_hundred_million),
            time(setting.latency.p50_us),
            time(setting.latency.p99_us),
            number(setting.train_seconds),
        ];
        // Writing to a string does not fail.
        let _ = writeln!(html, "<tr{class}><td>{}</td></tr>", cells.join("</td><td>"));
    }
    html + "</tbody></table>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Measure;
    use crate::tradeoff::tests::setting;

    #[test]
    fn the_page_is_whole_and_reaches_nowhere() {
        let settings = [setting(32, "f32", 120, 128.0), setting(64, "f32", 199, 256.0), setting(64, "int8 <&>", 198, 70.0)];
        let report = TradeOff::new(&settings, Measure::Ndcg, vec![("popularity".to_owned(), 0.1)], 1);
        let html = page("Shop & <sons>", &report);
        for outside in ["http", "src=", "<script", "url(", "@import", "<link"] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("Shop &amp; &lt;sons&gt;") && html.contains("int8 &lt;&amp;&gt;"));
        assert_eq!((html.matches("<svg").count(), html.matches("</svg>").count(), html.matches("class=\"sweet\"").count()), (4, 4, 1));
        for tag in ["table", "tbody", "figure", "tr", "td", "p", "body"] {
            assert_eq!(
                html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count(),
                html.matches(&format!("</{tag}>")).count(),
                "{tag}"
            );
        }
        let drawings = drawings(&report);
        let names: std::collections::BTreeSet<&str> = drawings.iter().map(|(name, _)| *name).collect();
        assert_eq!((drawings.len(), names.len()), (4, 4));
        assert!(page("none", &TradeOff::new(&[], Measure::Ndcg, vec![], 1)).contains("nothing was measured"));
    }
}
