//! Text to tokens, one at a time: of filters, and of the formulas of rules, which have arithmetic besides.

use std::iter::Peekable;
use std::str::CharIndices;

use super::error::{FilterError, shown};

/// A piece of a filter's text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Token<'a> {
    /// A keyword or a field's name: a letter or `_`, then letters, digits and `_`.
    Word(&'a str),
    /// A field's name in double quotes.
    Name(String),
    /// A text in single quotes.
    Text(String),
    /// An integer, without its sign.
    Int(u64),
    /// A number with a decimal point or an exponent, without its sign; finite.
    Float(f64),
    /// A span of time such as `7d`, in seconds.
    Span(i64),
    /// `$name` or `$"name"`.
    Param(String),
    /// One of `( ) , . + - * / = != < <= > >=`; `<>` is `!=`.
    Symbol(&'static str),
    End,
}

impl Token<'_> {
    /// As an error says what came.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => (*word).chars().take(80).collect(),
            Self::Name(name) => format!("the field {}", shown(name)),
            Self::Text(text) => format!("the string {}", shown(text)),
            Self::Int(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number:?}"),
            Self::Span(seconds) => format!("a span of {seconds} s"),
            Self::Param(name) => format!("the parameter {}", shown(name)),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// The units of spans, longest first, in seconds.
pub(crate) const UNITS: [(char, u64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

pub(crate) fn starts_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(crate) fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Reads tokens off a text.
#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    /// Of the next character, from 1.
    column: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, chars: text.char_indices().peekable(), column: 1 }
    }

    fn bump(&mut self) -> Option<char> {
        let (_, c) = self.chars.next()?;
        self.column += 1;
        Some(c)
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn offset(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.bump();
        }
        found
    }

    fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> &'a str {
        let start = self.offset();
        while self.peek().is_some_and(&mut wanted) {
            self.bump();
        }
        let end = self.offset();
        &self.text[start..end]
    }

    /// The next token and its column.
    pub(crate) fn next(&mut self) -> Result<(Token<'a>, usize), FilterError> {
        self.take_while(char::is_whitespace);
        let column = self.column;
        let Some(c) = self.peek() else { return Ok((Token::End, column)) };
        let token = match c {
            '\'' => Token::Text(self.quoted('\'', column)?),
            '"' => Token::Name(self.quoted('"', column)?),
            '$' => self.param(column)?,
            _ if c.is_ascii_digit() => self.number(column)?,
            _ if starts_word(c) => Token::Word(self.take_while(in_word)),
            _ => self.symbol(column)?,
        };
        Ok((token, column))
    }

    /// A text in quotes, in which the quote is doubled.
    fn quoted(&mut self, quote: char, column: usize) -> Result<String, FilterError> {
        self.bump();
        let mut out = String::new();
        loop {
            match self.bump() {
                Some(c) if c != quote => out.push(c),
                Some(_) if self.take(quote) => out.push(quote),
                Some(_) => return Ok(out),
                None => return Err(syntax(column, format!("a closing {quote} to this one"), "the end")),
            }
        }
    }

    fn param(&mut self, column: usize) -> Result<Token<'a>, FilterError> {
        self.bump();
        if self.peek() == Some('"') {
            return Ok(Token::Param(self.quoted('"', column)?));
        }
        let name = self.take_while(in_word);
        if name.is_empty() { Err(syntax(column, "a name after $", "none")) } else { Ok(Token::Param(name.to_owned())) }
    }

    /// Digits, then what makes them a float or a span.
    fn number(&mut self, column: usize) -> Result<Token<'a>, FilterError> {
        let start = self.offset();
        let mut float = false;
        self.take_while(|c| c.is_ascii_digit());
        if self.peek() == Some('.') {
            float = true;
            self.bump();
            if self.take_while(|c| c.is_ascii_digit()).is_empty() {
                return Err(syntax(column, "a digit after the decimal point", "none"));
            }
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            float = true;
            self.bump();
            if matches!(self.peek(), Some('+' | '-')) {
                self.bump();
            }
            if self.take_while(|c| c.is_ascii_digit()).is_empty() {
                return Err(syntax(column, "digits in the exponent", "none"));
            }
        }
        let end = self.offset();
        let digits = &self.text[start..end];
        let unit = self.take_while(in_word);
        if !unit.is_empty() {
            return span(digits, unit).filter(|_| !float).ok_or_else(|| {
                let got = shown(&self.text[start..end + unit.len()]);
                syntax(column, "a number, or a whole number of s, m, h, d or w (as 7d)", got)
            });
        }
        let beyond = || syntax(column, "a number that 64 bits can hold", shown(digits));
        if float {
            return digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Token::Float).ok_or_else(beyond);
        }
        digits.parse().map(Token::Int).map_err(|_| beyond())
    }

    fn symbol(&mut self, column: usize) -> Result<Token<'a>, FilterError> {
        let first = self.bump().unwrap_or_default();
        Ok(Token::Symbol(match first {
            '(' => "(",
            ')' => ")",
            ',' => ",",
            '.' => ".",
            '+' => "+",
            '-' => "-",
            '*' => "*",
            '/' => "/",
            '=' => "=",
            '!' if self.take('=') => "!=",
            '<' if self.take('=') => "<=",
            '<' if self.take('>') => "!=",
            '<' => "<",
            '>' if self.take('=') => ">=",
            '>' => ">",
            _ => return Err(syntax(column, "a condition", format!("the character {:?}", first))),
        }))
    }
}

/// `7` and `d` as seconds.
fn span<'a>(digits: &str, unit: &str) -> Option<Token<'a>> {
    let mut letters = unit.chars();
    let letter = letters.next()?.to_ascii_lowercase();
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == letter && letters.as_str().is_empty())?;
    let total = digits.parse::<u64>().ok()?.checked_mul(*seconds)?;
    i64::try_from(total).ok().map(Token::Span)
}

/// An error at a column.
pub(crate) fn syntax(column: usize, expected: impl Into<String>, got: impl Into<String>) -> FilterError {
    FilterError::Syntax { column, expected: expected.into(), got: got.into() }
}
