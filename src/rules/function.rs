//! The functions of formulas.

/// A function of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Function {
    /// The least; null where an argument is.
    Min,
    /// The greatest; null where an argument is.
    Max,
    Abs,
    /// ln(1 + x), also where x is small.
    Ln1p,
    /// The natural logarithm.
    Log,
    Exp,
    Sqrt,
    Pow,
    /// Freshness of a time: 1 now and later, half of that a half-life ago, a quarter two of them ago.
    Decay,
    /// The first that is not null.
    Coalesce,
}

/// Names and the fewest and most arguments.
pub(crate) const FUNCTIONS: [(Function, &str, usize, usize); 10] = [
    (Function::Min, "min", 2, MOST_ARGUMENTS),
    (Function::Max, "max", 2, MOST_ARGUMENTS),
    (Function::Abs, "abs", 1, 1),
    (Function::Ln1p, "ln1p", 1, 1),
    (Function::Log, "log", 1, 1),
    (Function::Exp, "exp", 1, 1),
    (Function::Sqrt, "sqrt", 1, 1),
    (Function::Pow, "pow", 2, 2),
    (Function::Decay, "decay", 2, 2),
    (Function::Coalesce, "coalesce", 1, MOST_ARGUMENTS),
];

/// A function takes at most so many arguments.
const MOST_ARGUMENTS: usize = 64;

impl Function {
    pub(crate) fn find(name: &str) -> Option<(Self, usize, usize)> {
        let found = FUNCTIONS.iter().find(|(_, known, ..)| known.eq_ignore_ascii_case(name));
        found.map(|(function, _, fewest, most)| (*function, *fewest, *most))
    }

    pub(crate) fn name(self) -> &'static str {
        FUNCTIONS.iter().find(|(function, ..)| *function == self).map_or("", |(_, name, ..)| name)
    }

    /// Its value of arguments none of which is null, at the time `now`; not finite where it has none. [`Function::Coalesce`] is not asked.
    pub(crate) fn of(self, arguments: &[f64], now: f64) -> f64 {
        match (self, arguments) {
            (Self::Min | Self::Coalesce, all) => all.iter().copied().reduce(f64::min).unwrap_or(f64::NAN),
            (Self::Max, all) => all.iter().copied().reduce(f64::max).unwrap_or(f64::NAN),
            (Self::Abs, [x]) => x.abs(),
            (Self::Ln1p, [x]) => x.ln_1p(),
            (Self::Log, [x]) => x.ln(),
            (Self::Exp, [x]) => x.exp(),
            (Self::Sqrt, [x]) => x.sqrt(),
            (Self::Pow, [x, y]) => x.powf(*y),
            (Self::Decay, [time, half_life]) if *half_life > 0.0 => (-((now - time).max(0.0) / half_life)).exp2(),
            // Parsing has counted them; a half-life of nothing has no value.
            _ => f64::NAN,
        }
    }
}
