//! Charts of points and lines as SVG: inline in a page, or a file of its own.

use std::fmt::Write;

/// Size of a chart.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
/// Room for numbers and names around the plot: left, right, top, bottom.
const MARGIN: [f64; 4] = [64.0, 150.0, 28.0, 46.0];
/// Colours that are told apart with most kinds of colour blindness (Okabe and Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#555555"];

/// From where to where a value may be.
pub(super) type Span = (f64, f64);
/// Where a point is, and how far up and down it may be.
pub(super) type Point = (f64, f64, Option<Span>);

/// Points that belong together.
pub(super) struct Series {
    pub(super) name: String,
    /// x, y, and how far y may be off either way.
    pub(super) points: Vec<Point>,
    pub(super) dashed: bool,
}

/// How a chart looks that stands in no page.
const STYLE: &str = "svg{font:12px system-ui,sans-serif;fill:#222;background:#fff}.title{font-weight:600;font-size:14px}.grid{stroke:#ddd}\
.end{text-anchor:end}.middle{text-anchor:middle}.mark{fill:none;stroke:#222;stroke-width:2}";

/// A chart of series over one x.
pub(super) struct Chart {
    /// What a file of it is called.
    pub(super) name: &'static str,
    pub(super) title: String,
    pub(super) x: String,
    pub(super) y: String,
    /// Whether x grows by factors.
    pub(super) logarithmic: bool,
    pub(super) series: Vec<Series>,
    /// A point that is ringed.
    pub(super) marked: Option<(f64, f64)>,
}

impl Chart {
    /// The chart as a file of its own.
    pub(super) fn file(&self) -> String {
        let inline = self.svg();
        let (head, rest) = inline.split_once('>').unwrap_or((&inline, ""));
        format!("{head} xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\"><style>{STYLE}</style>{rest}\n")
    }

    pub(super) fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|series| &series.points);
        let place = |x: f64| if self.logarithmic { x.max(1e-9).log2() } else { x };
        let (x_from, x_to) = span(all().map(|point| place(point.0)), 0.06);
        let ys = all().flat_map(|(_, y, off)| [Some(*y), off.map(|off| off.0), off.map(|off| off.1)]).flatten();
        let (y_from, y_to) = span(ys, 0.1);
        let [left, right, top, bottom] = MARGIN;
        let px = |x: f64| left + (place(x) - x_from) / (x_to - x_from) * (WIDTH - left - right);
        let py = |y: f64| HEIGHT - bottom - (y - y_from) / (y_to - y_from) * (HEIGHT - top - bottom);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title><text class=\"title\" x=\"{left}\" y=\"16\">{0}</text>",
            escape(&self.title)
        );
        for y in ticks(y_from, y_to) {
            let at = py(y);
            put(&mut svg, format_args!("<line class=\"grid\" x1=\"{left}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>", WIDTH - right));
            put(&mut svg, format_args!("<text class=\"end\" x=\"{}\" y=\"{:.1}\">{}</text>", left - 6.0, at + 4.0, number(y)));
        }
        let mut xs: Vec<f64> = all().map(|point| point.0).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        let xs = if self.logarithmic && xs.len() <= 8 {
            xs
        } else {
            ticks(x_from, x_to).map(|at| if self.logarithmic { at.exp2() } else { at }).collect()
        };
        for x in xs {
            put(&mut svg, format_args!("<text class=\"middle\" x=\"{:.1}\" y=\"{}\">{}</text>", px(x), HEIGHT - bottom + 18.0, number(x)));
        }
        let (middle, base) = ((left + WIDTH - right) / 2.0, HEIGHT - 8.0);
        put(&mut svg, format_args!("<text class=\"middle\" x=\"{middle}\" y=\"{base}\">{}</text>", escape(&self.x)));
        put(&mut svg, format_args!("<text x=\"6\" y=\"{}\">{}</text>", top + 2.0, escape(&self.y)));
        for (at, series) in self.series.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let line: Vec<String> = series.points.iter().map(|(x, y, _)| format!("{:.1},{:.1}", px(*x), py(*y))).collect();
            let dash = if series.dashed { " stroke-dasharray=\"5 4\"" } else { "" };
            put(
                &mut svg,
                format_args!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>", line.join(" ")),
            );
            for (x, y, off) in &series.points {
                let (x, y) = (px(*x), py(*y));
                if let Some((low, high)) = off {
                    put(
                        &mut svg,
                        format_args!(
                            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\"/>",
                            py(*low),
                            py(*high)
                        ),
                    );
                }
                put(&mut svg, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"));
            }
            let (x, y) = (WIDTH - right + 14.0, top + 14.0 + at as f64 * 18.0);
            put(&mut svg, format_args!("<rect x=\"{x}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>", y - 9.0));
            put(&mut svg, format_args!("<text x=\"{}\" y=\"{y:.1}\">{}</text>", x + 15.0, escape(&series.name)));
        }
        if let Some((x, y)) = self.marked {
            put(&mut svg, format_args!("<circle class=\"mark\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"9\"/>", px(x), py(y)));
        }
        svg + "</svg>"
    }
}

/// Writing to a string does not fail.
fn put(svg: &mut String, piece: std::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(piece);
}

/// From the least to the largest with some room; never empty.
fn span(values: impl Iterator<Item = f64>, room: f64) -> (f64, f64) {
    let (from, to) = values.filter(|x| x.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), x| (from.min(x), to.max(x)));
    if from > to {
        return (0.0, 1.0);
    }
    let room = if to > from { (to - from) * room } else { (from.abs() * 0.1).max(0.5) };
    (from - room, to + room)
}

/// Four to nine round numbers within a span.
fn ticks(from: f64, to: f64) -> impl Iterator<Item = f64> {
    let raw = (to - from) / 6.0;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= raw).unwrap_or(raw);
    let first = (from / step).ceil();
    (0..12).map(move |n| (first + f64::from(n)) * step).take_while(move |tick| *tick <= to)
}

/// A number in few characters.
pub(super) fn number(x: f64) -> String {
    let digits = match x.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{x:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Text within HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_lies_within_the_chart() {
        let points = vec![(32.0, 0.1, Some((0.05, 0.15))), (512.0, 0.2, None), (64.0, -0.3, None)];
        let series = [Series { name: "a <b>".to_owned(), points, dashed: true }];
        for logarithmic in [false, true] {
            let chart = Chart { name: "t", title: "t".into(), x: "x".into(), y: "y".into(), logarithmic, series: vec![], marked: None };
            assert!(chart.svg().ends_with("</svg>"), "without points");
            let chart = Chart {
                series: vec![Series { points: series[0].points.clone(), name: series[0].name.clone(), dashed: true }],
                marked: Some((64.0, -0.3)),
                ..chart
            };
            let svg = chart.svg();
            assert_eq!((svg.matches("<circle").count(), svg.contains("a &lt;b&gt;")), (4, true));
            let file = chart.file();
            assert!(file.starts_with("<svg viewBox=") && file.contains(" xmlns=") && file.matches("<style>").count() == 1, "{file}");
            assert_eq!(file.matches("<circle").count(), 4);
            for at in svg.split("cx=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok()) {
                assert!((MARGIN[0]..=WIDTH - MARGIN[1]).contains(&at), "{at}");
            }
            for at in svg.split("cy=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok()) {
                assert!((MARGIN[2]..=HEIGHT - MARGIN[3]).contains(&at), "{at}");
            }
        }
    }

    #[test]
    fn ticks_are_round_and_within() {
        for (from, to) in [(0.0, 1.0), (-3.2, 17.0), (0.1711, 0.1893), (5.0, 5_000_000.0)] {
            let got: Vec<f64> = ticks(from, to).collect();
            assert!((3..=10).contains(&got.len()) && got.iter().all(|tick| (from..=to).contains(tick)), "{from} {to}: {got:?}");
        }
        assert_eq!([0.0, 0.1234, 1.5, 20.0, 1234.5].map(number), ["0", "0.123", "1.5", "20", "1234"]);
    }
}
