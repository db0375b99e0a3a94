//! Tokens to the syntax tree, by recursive descent. Only parentheses recurse, and their depth is bounded.

use super::cursor::Cursor;
use super::error::FilterError;
use super::lexer::{Token, syntax};
use super::operand::{Literal, Name, Operand, Place, Term, ValueList};
use super::tree::{Comparison, Expr, Filter, Joint, MAX_DEPTH, MAX_TESTS, MAX_VALUES, Quantifier};

/// The longest text that is read: longer lists are given as parameters.
pub(crate) const MAX_TEXT_BYTES: usize = 1 << 20;

/// Words that are no field's name unless they stand in double quotes.
pub(crate) const RESERVED: [&str; 9] = ["and", "or", "not", "in", "is", "between", "null", "true", "false"];

/// Words that are no field's name in the formulas of rules, which have filters' tests in them: fields of these names are written in quotes.
pub(crate) const RESERVED_IN_RULES: [&str; 2] = ["score", "rank_score"];

impl Filter {
    /// Reads a filter in the language that the [module](super) describes.
    ///
    /// # Errors
    /// [`FilterError`], with the column and what was expected there.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let mut parser = Parser::new(text)?;
        let filter = parser.or()?;
        match parser.at.token {
            Token::End => Ok(filter),
            _ => Err(parser.at.expected("AND, OR or the end")),
        }
    }
}

impl std::str::FromStr for Filter {
    type Err = FilterError;
    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}

/// Reads filters, and single tests in the middle of a longer text.
pub(crate) struct Parser<'a> {
    pub(crate) at: Cursor<'a>,
    /// Open parentheses.
    depth: usize,
    tests: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    /// On the first token.
    pub(crate) fn new(text: &'a str) -> Result<Self, FilterError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(FilterError::TooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
        }
        Ok(Self { at: Cursor::new(text)?, depth: 0, tests: 0, values: 0 })
    }

    fn or(&mut self) -> Result<Filter, FilterError> {
        self.joined(Joint::Or, "or", Self::and)
    }

    fn and(&mut self) -> Result<Filter, FilterError> {
        self.joined(Joint::And, "and", Self::not)
    }

    fn joined(&mut self, joint: Joint, word: &str, part: fn(&mut Self) -> Result<Filter, FilterError>) -> Result<Filter, FilterError> {
        let mut joined = part(self)?;
        while self.at.take_word(word)? {
            joined = joined.join(joint, part(self)?);
            self.check_depth(&joined)?;
        }
        Ok(joined)
    }

    fn not(&mut self) -> Result<Filter, FilterError> {
        let mut negated = false;
        while self.at.take_word("not")? {
            negated = !negated;
        }
        let filter = self.atom()?;
        let filter = if negated { filter.negate() } else { filter };
        self.check_depth(&filter)?;
        Ok(filter)
    }

    fn check_depth(&self, filter: &Filter) -> Result<(), FilterError> {
        if filter.is_too_deep() { Err(FilterError::TooDeep { column: Some(self.at.column), limit: MAX_DEPTH }) } else { Ok(()) }
    }

    fn atom(&mut self) -> Result<Filter, FilterError> {
        if self.at.take_symbol("(")? {
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return Err(FilterError::TooDeep { column: Some(self.at.column), limit: MAX_DEPTH });
            }
            let inner = self.or()?;
            self.at.need_symbol(")", "AND, OR or `)`")?;
            self.depth -= 1;
            return Ok(inner);
        }
        self.count_test()?;
        if self.at.is_word("in") {
            return self.in_list();
        }
        let unquoted = matches!(self.at.token, Token::Word(_));
        let field = self.field()?;
        if unquoted && field.text.eq_ignore_ascii_case("within") && self.at.token == Token::Symbol("(") {
            return self.within();
        }
        self.test(field)
    }

    /// Counts a test, of which there may be so many.
    pub(crate) fn count_test(&mut self) -> Result<(), FilterError> {
        self.tests += 1;
        if self.tests > MAX_TESTS {
            return Err(FilterError::TooMany { column: Some(self.at.column), what: "tests", limit: MAX_TESTS });
        }
        Ok(())
    }

    /// `IN LIST` and the name of one.
    pub(crate) fn in_list(&mut self) -> Result<Filter, FilterError> {
        self.at.need_word("in", "IN LIST")?;
        self.at.need_word("list", "LIST, as in IN LIST 'name'")?;
        Ok(Filter::test(Expr::InList(self.value("the name of a list")?)))
    }

    /// What follows the name of a field.
    pub(crate) fn test(&mut self, field: Name) -> Result<Filter, FilterError> {
        if let Some(op) = self.comparison() {
            self.at.advance()?;
            return Ok(Filter::test(Expr::Compare { field, op, value: self.value("a value")? }));
        }
        if self.at.take_word("is")? {
            let negated = self.at.take_word("not")?;
            self.at.need_word("null", "NULL or NOT NULL")?;
            let test = Filter::test(Expr::IsNull(field));
            return Ok(if negated { test.negate() } else { test });
        }
        let negated = self.at.take_word("not")?;
        let test = if self.at.take_word("between")? {
            let low = self.value("a value")?;
            self.at.need_word("and", "AND and the upper end")?;
            Expr::Between { field, low, high: self.value("a value")? }
        } else if self.at.take_word("in")? {
            Expr::In { field, values: self.values("`(` and values, or a $parameter; IN LIST stands without a field")? }
        } else if self.at.take_word("has")? {
            self.has(field)?
        } else if self.at.take_word("starts")? {
            self.at.need_word("with", "WITH")?;
            Expr::StartsWith { field, prefix: self.value("a text")? }
        } else if self.at.take_word("match")? {
            Expr::Match { field, words: self.value("a text")? }
        } else if negated {
            return Err(self.at.expected("BETWEEN, IN, HAS, STARTS WITH or MATCH"));
        } else if matches!(self.at.token, Token::End | Token::Symbol(")")) || self.at.is_word("and") || self.at.is_word("or") {
            Expr::IsTrue(field)
        } else {
            return Err(self
                .at
                .expected("=, !=, <, <=, >, >=, [NOT] BETWEEN, [NOT] IN, IS [NOT] NULL, HAS, STARTS WITH or MATCH after a field"));
        };
        let test = Filter::test(test);
        Ok(if negated { test.negate() } else { test })
    }

    /// The comparison that the token stands for.
    pub(crate) fn comparison(&self) -> Option<Comparison> {
        let Token::Symbol(symbol) = self.at.token else { return None };
        let all = [Comparison::Eq, Comparison::Ne, Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge];
        all.into_iter().find(|op| op.symbol() == symbol)
    }

    fn has(&mut self, field: Name) -> Result<Expr, FilterError> {
        for (word, which) in [("any", Quantifier::Any), ("all", Quantifier::All), ("none", Quantifier::None)] {
            if self.at.take_word(word)? {
                return Ok(Expr::Has { field, which, values: self.values("`(` and values, or a $parameter")? });
            }
        }
        let value = self.value("a value, or ANY, ALL or NONE")?;
        Ok(Expr::Has { field, which: Quantifier::Any, values: ValueList::Each(vec![value]) })
    }

    /// What follows the word WITHIN.
    pub(crate) fn within(&mut self) -> Result<Filter, FilterError> {
        self.at.need_symbol("(", "`(`")?;
        let lat = self.field()?;
        self.at.need_symbol(",", "`,`")?;
        let lon = self.field()?;
        self.at.need_symbol(",", "`,`")?;
        let north = self.value("a latitude")?;
        self.at.need_symbol(",", "`,`")?;
        let east = self.value("a longitude")?;
        self.at.need_symbol(",", "`,`")?;
        let km = self.value("a distance in km")?;
        self.at.need_symbol(")", "`)`")?;
        Ok(Filter::test(Expr::Within { fields: [lat, lon], center: [north, east], km }))
    }

    /// The name of a field.
    pub(crate) fn field(&mut self) -> Result<Name, FilterError> {
        let at = Place::new(self.at.column);
        let text: Box<str> = match &self.at.token {
            Token::Word(word) if RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved)) => {
                return Err(self.at.expected("a field (one of such a name stands in double quotes)"));
            }
            Token::Word(word) => (*word).into(),
            Token::Name(name) => name.as_str().into(),
            _ => return Err(self.at.expected("a field, `(`, NOT, IN LIST or WITHIN")),
        };
        self.at.advance()?;
        Ok(Name { text, at })
    }

    /// The values of a list in parentheses, or the parameter that is one.
    fn values(&mut self, expected: &str) -> Result<ValueList, FilterError> {
        let at = Place::new(self.at.column);
        if let Token::Param(name) = &mut self.at.token {
            let text = std::mem::take(name).into_boxed_str();
            self.at.advance()?;
            return Ok(ValueList::Param(Name { text, at }));
        }
        self.at.need_symbol("(", expected)?;
        let mut values = Vec::new();
        if self.at.take_symbol(")")? {
            return Ok(ValueList::Each(values));
        }
        loop {
            values.push(self.value("a value")?);
            if !self.at.take_symbol(",")? {
                break;
            }
        }
        self.at.need_symbol(")", "`,` or `)`")?;
        Ok(ValueList::Each(values))
    }

    /// A literal, a parameter or the time of the query.
    pub(crate) fn value(&mut self, expected: &str) -> Result<Operand, FilterError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(FilterError::TooMany { column: Some(self.at.column), what: "values", limit: MAX_VALUES });
        }
        let at = Place::new(self.at.column);
        let negative = self.at.take_symbol("-")?;
        if !negative {
            self.at.take_symbol("+")?;
        }
        let signed = at.column() != Some(self.at.column);
        let term = match &mut self.at.token {
            Token::Int(number) => Term::Literal(integer(*number, negative).ok_or_else(|| {
                syntax(at.column().unwrap_or_default(), "a number that 64 bits can hold", format!("the number -{number}"))
            })?),
            Token::Float(number) => Term::Literal(Literal::Float(if negative { -*number } else { *number })),
            _ if signed => return Err(self.at.expected("a number after the sign")),
            Token::Text(text) => Term::Literal(Literal::Text(std::mem::take(text).into_boxed_str())),
            Token::Param(name) => Term::Param(std::mem::take(name).into_boxed_str()),
            Token::Word(word) if word.eq_ignore_ascii_case("true") => Term::Literal(Literal::Bool(true)),
            Token::Word(word) if word.eq_ignore_ascii_case("false") => Term::Literal(Literal::Bool(false)),
            Token::Word(word) if word.eq_ignore_ascii_case("null") => {
                return Err(FilterError::Null { column: Some(self.at.column), got: "NULL".to_owned() });
            }
            Token::Word(word) if word.eq_ignore_ascii_case("now") => {
                self.at.advance()?;
                let term = Term::Now(self.now()?);
                return Ok(Operand { term, at });
            }
            Token::Word(_) | Token::Name(_) => return Err(self.at.expected(&format!("{expected} (text stands in single quotes)"))),
            _ => return Err(self.at.expected(expected)),
        };
        self.at.advance()?;
        Ok(Operand { term, at })
    }

    /// What follows the word now: the seconds to add.
    fn now(&mut self) -> Result<i64, FilterError> {
        self.at.need_symbol("(", "`()` after now")?;
        self.at.need_symbol(")", "`)` after now(")?;
        let negative = self.at.take_symbol("-")?;
        if !negative && !self.at.take_symbol("+")? {
            return Ok(0);
        }
        let Token::Span(seconds) = self.at.token else {
            return Err(self.at.expected("a span of time such as 90s, 15m, 12h, 7d or 2w"));
        };
        self.at.advance()?;
        Ok(if negative { -seconds } else { seconds })
    }
}

/// An integer of 64 bits, signed or not; `None` below the least.
pub(crate) fn integer(magnitude: u64, negative: bool) -> Option<Literal> {
    if negative {
        return 0i64.checked_sub_unsigned(magnitude).map(Literal::Int);
    }
    Some(i64::try_from(magnitude).map_or(Literal::Uint(magnitude), Literal::Int))
}
