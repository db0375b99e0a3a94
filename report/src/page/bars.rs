//! Small charts for a terminal.

/// A line a value: its name, a bar as long as its share of the largest, and the number. `width` is that of the longest bar.
///
/// ```
/// let lines = torre_report::bars(&[("a".to_owned(), 1.0), ("long".to_owned(), 0.5)], 4, |x| format!("{x:.1}"));
/// assert_eq!(lines, ["a    ████ 1.0", "long ██   0.5"]);
/// ```
pub fn bars(values: &[(String, f64)], width: usize, number: impl Fn(f64) -> String) -> Vec<String> {
    let most = values.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let names = values.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(String, f64)| {
        // Eighths of a place, and at least one of anything.
        let eighths = if most > 0.0 { (value.max(0.0) / most * (width * 8) as f64).round() as usize } else { 0 };
        let eighths = if *value > 0.0 { eighths.max(1) } else { eighths };
        let mut bar = "█".repeat(eighths / 8);
        bar.extend(["▏", "▎", "▍", "▌", "▋", "▊", "▉"].get((eighths % 8).wrapping_sub(1)).copied());
        let pad = |text: &str, to: usize| " ".repeat(to.saturating_sub(text.chars().count()));
        format!("{name}{} {bar}{} {}", pad(name, names), pad(&bar, width), number(*value))
    };
    values.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_the_length_of_their_share() {
        let values = [("x".to_owned(), 8.0), ("y".to_owned(), 3.0), ("z".to_owned(), 0.0), ("w".to_owned(), 1e-9)];
        let lines = bars(&values, 1, |x| format!("{x:.0}"));
        assert_eq!(lines, ["x █ 8", "y ▍ 3", "z   0", "w ▏ 0"]);
        assert_eq!(bars(&[("n".to_owned(), 0.0)], 3, |x| x.to_string()), ["n     0"]);
        assert!(bars(&[], 3, |x| x.to_string()).is_empty());
    }
}
