//! A sample of a stream of unknown length, spread evenly over it.

/// Keeps at most `most` values of any number. Files of queries are often sorted: their first ones are like each other.
pub(super) struct Spread<T> {
    most: usize,
    step: usize,
    seen: usize,
    kept: Vec<T>,
}

impl<T> Spread<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, step: 1, seen: 0, kept: Vec::new() }
    }

    /// Whether the next value is to be kept; it is pushed then, else passed over.
    pub(super) fn wants_next(&mut self) -> bool {
        self.seen += 1;
        (self.seen - 1).is_multiple_of(self.step)
    }

    /// Keeps a value that is wanted. Twice as many as asked for are held, then every second one goes.
    pub(super) fn push(&mut self, value: T) {
        self.kept.push(value);
        if self.kept.len() >= self.most.saturating_mul(2) {
            let mut at = 0;
            self.kept.retain(|_| {
                at += 1;
                at % 2 == 1
            });
            self.step *= 2;
        }
    }

    /// What was kept, in order.
    pub(super) fn finish(self) -> Vec<T> {
        let Self { most, kept, .. } = self;
        let have = kept.len();
        if have <= most {
            return kept;
        }
        // The last of those that are to come at `n * have / most`.
        let mut next = 0;
        let chosen = |(at, value): (usize, T)| {
            (at == next * have / most).then(|| {
                next += 1;
                value
            })
        };
        kept.into_iter().enumerate().filter_map(chosen).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize, most: usize) -> Vec<usize> {
        let mut spread = Spread::new(most);
        for value in 0..length {
            if spread.wants_next() {
                spread.push(value);
            }
        }
        spread.finish()
    }

    #[test]
    fn a_sample_is_as_large_as_asked_and_reaches_to_the_end() {
        for (length, most) in [(0, 5), (5, 5), (6, 5), (9, 5), (10, 5), (1000, 7), (4095, 200), (10_000, 200), (10_000, 1)] {
            let sample = sample(length, most);
            assert_eq!(sample.len(), length.min(most), "{length} {most}");
            assert!(sample.is_sorted() && sample.first().is_none_or(|&first| first == 0));
            let widest = sample.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
            assert!(widest <= 3 * length.div_ceil(most), "{length} {most}: a gap of {widest}");
            if let Some(last) = sample.last() {
                assert!(length - last <= 3 * length.div_ceil(most), "{length} {most}: ends at {last}");
            }
        }
        assert_eq!(sample(5000, usize::MAX).len(), 5000);
    }
}
