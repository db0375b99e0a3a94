//! Tokens to the syntax tree of rules, by recursive descent. What recurses counts its depth, and trees are no deeper than is written.
//!
//! Numbers and conditions have one grammar, from OR down to literals; what is which is told by what is made of it, so that a parenthesis may
//! hold either.

use super::error::{RuleError, RuleProblem};
use super::print::check_length;
use super::tree::{Condition, Formula, Joint, MAX_DEPTH, MAX_TEXT_BYTES, Membership, Number, Truth};
use crate::filter::{Comparison, Expr, Filter, Name, Parser as Tests, Quantifier, Token};

type Result<T> = std::result::Result<T, RuleProblem>;

impl Formula {
    /// Reads a formula in the language that the [module](super) describes.
    ///
    /// # Errors
    /// [`RuleError`], with the column and what was expected there.
    pub fn parse(text: &str) -> std::result::Result<Self, RuleError> {
        Self::read(text).map_err(|problem| problem.of("formula"))
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let mut parser = Parser::new(text)?;
        let piece = parser.any()?;
        let number = parser.number(piece)?;
        parser.end("an operator or the end")?;
        check_length(text, &number.node)?;
        Ok(Self(number.node))
    }
}

impl Condition {
    /// Reads a condition in the language that the [module](super) describes.
    ///
    /// # Errors
    /// [`RuleError`], with the column and what was expected there.
    pub fn parse(text: &str) -> std::result::Result<Self, RuleError> {
        Self::read(text).map_err(|problem| problem.of("condition"))
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let mut parser = Parser::new(text)?;
        let piece = parser.any()?;
        let truth = parser.truth(piece)?;
        parser.end("AND, OR, an operator or the end")?;
        check_length(text, &truth.node)?;
        Ok(Self(truth.node))
    }
}

impl std::str::FromStr for Formula {
    type Err = RuleError;
    fn from_str(text: &str) -> std::result::Result<Self, RuleError> {
        Self::parse(text)
    }
}

impl std::str::FromStr for Condition {
    type Err = RuleError;
    fn from_str(text: &str) -> std::result::Result<Self, RuleError> {
        Self::parse(text)
    }
}

/// A tree with its depth.
pub(super) struct Deep<T> {
    pub(super) node: T,
    pub(super) depth: usize,
}

/// What was read: which of the two it is, may show only later.
pub(super) enum Piece {
    Number(Deep<Number>),
    Truth(Deep<Truth>),
}

pub(super) struct Parser<'a> {
    pub(super) tests: Tests<'a>,
    /// Open parentheses, calls, signs and NOTs.
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(RuleProblem::TooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
        }
        Ok(Self { tests: Tests::new(text).map_err(RuleProblem::of_filter)?, depth: 0 })
    }

    pub(super) fn column(&self) -> usize {
        self.tests.at.column
    }

    pub(super) fn expected<T>(&self, expected: &str) -> Result<T> {
        Err(RuleProblem::of_filter(self.tests.at.expected(expected)))
    }

    fn end(&self, expected: &str) -> Result<()> {
        if self.tests.at.token == Token::End { Ok(()) } else { self.expected(expected) }
    }

    pub(super) fn symbol(&mut self, symbol: &'static str) -> Result<bool> {
        self.tests.at.take_symbol(symbol).map_err(RuleProblem::of_filter)
    }

    fn word(&mut self, word: &str) -> Result<bool> {
        self.tests.at.take_word(word).map_err(RuleProblem::of_filter)
    }

    pub(super) fn need(&mut self, symbol: &'static str, expected: &str) -> Result<()> {
        if self.symbol(symbol)? { Ok(()) } else { self.expected(expected) }
    }

    fn too_deep<T>(&self) -> Result<T> {
        Err(RuleProblem::TooDeep { column: self.column(), limit: MAX_DEPTH })
    }

    /// A node above others of this depth.
    pub(super) fn over<T>(&self, node: T, below: usize) -> Result<Deep<T>> {
        if below >= MAX_DEPTH { self.too_deep() } else { Ok(Deep { node, depth: below + 1 }) }
    }

    /// Reads what is one level deeper in the text.
    pub(super) fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return self.too_deep();
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// The piece as a number.
    pub(super) fn number(&self, piece: Piece) -> Result<Deep<Number>> {
        match piece {
            Piece::Number(number) => Ok(number),
            Piece::Truth(_) => self.expected("a number before this (a condition stands in if(condition, number, number))"),
        }
    }

    /// The piece as a condition: of a field by itself, whether it is true.
    pub(super) fn truth(&self, piece: Piece) -> Result<Deep<Truth>> {
        let node = match piece {
            Piece::Truth(truth) => return Ok(truth),
            Piece::Number(Deep { node: Number::Field(field), .. }) => Truth::Item(Filter::test(Expr::IsTrue(field))),
            Piece::Number(Deep { node: Number::User(field), .. }) => Truth::User(Filter::test(Expr::IsTrue(field))),
            Piece::Number(_) => return self.expected("a comparison (=, !=, <, <=, >, >=)"),
        };
        Ok(Deep { node, depth: 1 })
    }

    pub(super) fn any(&mut self) -> Result<Piece> {
        self.joined(Joint::Or, Self::and)
    }

    fn and(&mut self) -> Result<Piece> {
        self.joined(Joint::And, Self::not)
    }

    fn joined(&mut self, joint: Joint, part: fn(&mut Self) -> Result<Piece>) -> Result<Piece> {
        let first = part(self)?;
        if !self.tests.at.is_word(joint.word()) {
            return Ok(first);
        }
        let mut next = self.truth(first)?;
        let (mut parts, mut below) = (Vec::new(), 0);
        loop {
            // What is joined in the same way comes into one node.
            below = below.max(next.depth - usize::from(joint.is(&next.node)));
            parts.extend(joint.parts(next.node));
            if !self.word(joint.word())? {
                return Ok(Piece::Truth(self.over(joint.of(parts), below)?));
            }
            let piece = part(self)?;
            next = self.truth(piece)?;
        }
    }

    fn not(&mut self) -> Result<Piece> {
        if !self.word("not")? {
            return self.comparison();
        }
        let piece = self.inside(Self::not)?;
        let Deep { node, depth } = self.truth(piece)?;
        Ok(Piece::Truth(self.over(node.negated(), depth)?))
    }

    /// A number, compared with another one or not; or one test of a field.
    fn comparison(&mut self) -> Result<Piece> {
        if self.tests.at.is_word("in") {
            let list = self.tests.in_list().map_err(RuleProblem::of_filter)?;
            return self.test(list, Truth::Item);
        }
        let left = match self.sum()? {
            Piece::Number(left) => left,
            truth => return Ok(truth),
        };
        if let Some(comparison) = self.tests.comparison() {
            self.tests.at.advance().map_err(RuleProblem::of_filter)?;
            return self.compared(left, comparison);
        }
        let tested = ["is", "not", "between", "in", "has", "starts", "match"].iter().any(|word| self.tests.at.is_word(word));
        match left.node {
            Number::Field(name) if tested => match self.among(&name)? {
                Some(among) => Ok(among),
                None => self.test_of(name, Truth::Item),
            },
            Number::User(name) if tested => self.test_of(name, Truth::User),
            node => Ok(Piece::Number(Deep { node, depth: left.depth })),
        }
    }

    /// What tests a field of the item against the values of one of the user: `[NOT] IN user.f`, `[NOT] HAS [ANY|ALL|NONE] user.f`. Nothing is
    /// read where another test follows.
    fn among(&mut self, item: &Name) -> Result<Option<Piece>> {
        let before = self.tests.at.clone();
        let negated = self.word("not")?;
        let membership = if self.word("in")? {
            Some(Membership::In)
        } else if self.word("has")? {
            let all = [("any", Quantifier::Any), ("all", Quantifier::All), ("none", Quantifier::None)];
            let said = all.into_iter().find(|(word, _)| self.tests.at.is_word(word));
            if said.is_some() {
                self.tests.at.advance().map_err(RuleProblem::of_filter)?;
            }
            Some(Membership::Has(said.map_or(Quantifier::Any, |(_, quantifier)| quantifier)))
        } else {
            None
        };
        if let Some(membership) = membership
            && self.word("user")?
            && self.symbol(".")?
        {
            self.tests.count_test().map_err(RuleProblem::of_filter)?;
            let user = self.tests.field().map_err(RuleProblem::of_filter)?;
            let among = Truth::Among(item.clone(), membership, user);
            return self.over(if negated { among.negated() } else { among }, 1).map(|deep| Some(Piece::Truth(deep)));
        }
        self.tests.at = before;
        Ok(None)
    }

    /// What follows the name of a field in a filter.
    fn test_of(&mut self, name: Name, of: fn(Filter) -> Truth) -> Result<Piece> {
        self.tests.count_test().map_err(RuleProblem::of_filter)?;
        let test = self.tests.test(name).map_err(RuleProblem::of_filter)?;
        self.test(test, of)
    }

    /// One test of a filter, or its negation.
    pub(super) fn test(&self, test: Filter, of: fn(Filter) -> Truth) -> Result<Piece> {
        let node = match test.expr {
            Expr::Not(inner) => of(Filter::test(*inner)).negated(),
            expr => of(Filter::test(expr)),
        };
        Ok(Piece::Truth(self.over(node, 1)?))
    }

    /// What follows a number and a comparison. A field against a single value is a test of filters, so that it is one of text and bools too.
    fn compared(&mut self, left: Deep<Number>, op: Comparison) -> Result<Piece> {
        let is_field = matches!(left.node, Number::Field(_) | Number::User(_));
        let is_value = matches!(self.tests.at.token, Token::Text(_)) || self.tests.at.is_word("true") || self.tests.at.is_word("false");
        let (value, depth, right) = if is_field && is_value {
            (Some(self.tests.value("a value").map_err(RuleProblem::of_filter)?), 1, None)
        } else {
            let piece = self.sum()?;
            let right = self.number(piece)?;
            (right.node.operand().filter(|_| is_field), right.depth, Some(right.node))
        };
        let test = |field, value| Filter::test(Expr::Compare { field, op, value });
        let node = match (left.node, value, right) {
            (Number::Field(field), Some(value), _) => Truth::Item(test(field, value)),
            (Number::User(field), Some(value), _) => Truth::User(test(field, value)),
            (left, _, Some(right)) => Truth::Compare(op, Box::new([left, right])),
            _ => return self.expected("a number"),
        };
        Ok(Piece::Truth(self.over(node, left.depth.max(depth))?))
    }
}
