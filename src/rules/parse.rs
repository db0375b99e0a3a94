//! Tokens to the syntax tree of rules, by recursive descent. What recurses counts its depth, and trees are no deeper than is written.
//!
//! Numbers and conditions have one grammar, from OR down to literals; what is which is told by what is made of it, so that a parenthesis may
//! hold either.

use super::error::{RuleError, RuleProblem};
use super::function::{FUNCTIONS, Function};
use super::tree::{Condition, Formula, Joint, MAX_DEPTH, MAX_TEXT_BYTES, Number, Operator, Truth};
use crate::filter::{Comparison, Expr, Filter, Literal, Name, Operand, Parser as Tests, Place, Term, Token, integer};

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
struct Deep<T> {
    node: T,
    depth: usize,
}

/// What was read: which of the two it is, may show only later.
enum Piece {
    Number(Deep<Number>),
    Truth(Deep<Truth>),
}

struct Parser<'a> {
    tests: Tests<'a>,
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

    fn column(&self) -> usize {
        self.tests.at.column
    }

    fn expected<T>(&self, expected: &str) -> Result<T> {
        Err(RuleProblem::of_filter(self.tests.at.expected(expected)))
    }

    fn end(&self, expected: &str) -> Result<()> {
        if self.tests.at.token == Token::End { Ok(()) } else { self.expected(expected) }
    }

    fn symbol(&mut self, symbol: &'static str) -> Result<bool> {
        self.tests.at.take_symbol(symbol).map_err(RuleProblem::of_filter)
    }

    fn word(&mut self, word: &str) -> Result<bool> {
        self.tests.at.take_word(word).map_err(RuleProblem::of_filter)
    }

    fn need(&mut self, symbol: &'static str, expected: &str) -> Result<()> {
        if self.symbol(symbol)? { Ok(()) } else { self.expected(expected) }
    }

    fn too_deep<T>(&self) -> Result<T> {
        Err(RuleProblem::TooDeep { column: self.column(), limit: MAX_DEPTH })
    }

    /// A node above others of this depth.
    fn over<T>(&self, node: T, below: usize) -> Result<Deep<T>> {
        if below >= MAX_DEPTH { self.too_deep() } else { Ok(Deep { node, depth: below + 1 }) }
    }

    /// Reads what is one level deeper in the text.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_DEPTH {
            return self.too_deep();
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// The piece as a number.
    fn number(&self, piece: Piece) -> Result<Deep<Number>> {
        match piece {
            Piece::Number(number) => Ok(number),
            Piece::Truth(_) => self.expected("a number before this (a condition stands in if(condition, number, number))"),
        }
    }

    /// The piece as a condition: of a field by itself, whether it is true.
    fn truth(&self, piece: Piece) -> Result<Deep<Truth>> {
        let node = match piece {
            Piece::Truth(truth) => return Ok(truth),
            Piece::Number(Deep { node: Number::Field(field), .. }) => Truth::Item(Filter::test(Expr::IsTrue(field))),
            Piece::Number(Deep { node: Number::User(field), .. }) => Truth::User(Filter::test(Expr::IsTrue(field))),
            Piece::Number(_) => return self.expected("a comparison (=, !=, <, <=, >, >=)"),
        };
        Ok(Deep { node, depth: 1 })
    }

    fn any(&mut self) -> Result<Piece> {
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
            Number::Field(name) if tested => self.test_of(name, Truth::Item),
            Number::User(name) if tested => self.test_of(name, Truth::User),
            node => Ok(Piece::Number(Deep { node, depth: left.depth })),
        }
    }

    /// What follows the name of a field in a filter.
    fn test_of(&mut self, name: Name, of: fn(Filter) -> Truth) -> Result<Piece> {
        self.tests.count_test().map_err(RuleProblem::of_filter)?;
        let test = self.tests.test(name).map_err(RuleProblem::of_filter)?;
        self.test(test, of)
    }

    /// One test of a filter, or its negation.
    fn test(&self, test: Filter, of: fn(Filter) -> Truth) -> Result<Piece> {
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
            (operand(&right.node).filter(|_| is_field), right.depth, Some(right.node))
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

    fn sum(&mut self) -> Result<Piece> {
        self.chain(Self::product, [("+", Operator::Add), ("-", Operator::Subtract)])
    }

    fn product(&mut self) -> Result<Piece> {
        self.chain(Self::signed, [("*", Operator::Multiply), ("/", Operator::Divide)])
    }

    /// Operands of one rank, from left to right.
    fn chain(&mut self, part: fn(&mut Self) -> Result<Piece>, operators: [(&'static str, Operator); 2]) -> Result<Piece> {
        let mut whole = part(self)?;
        loop {
            let at = Place::new(self.column());
            let found = operators.iter().find(|(symbol, _)| self.tests.at.token == Token::Symbol(symbol));
            let Some((_, operator)) = found else { return Ok(whole) };
            let left = self.number(whole)?;
            self.tests.at.advance().map_err(RuleProblem::of_filter)?;
            let piece = part(self)?;
            let right = self.number(piece)?;
            let node = Number::Binary(*operator, Box::new([left.node, right.node]), at);
            whole = Piece::Number(self.over(node, left.depth.max(right.depth))?);
        }
    }

    fn signed(&mut self) -> Result<Piece> {
        if !self.symbol("-")? {
            return self.atom();
        }
        let piece = self.inside(Self::signed)?;
        let Deep { node, depth } = self.number(piece)?;
        Ok(Piece::Number(self.over(Number::Negative(Box::new(node)), depth)?))
    }

    fn atom(&mut self) -> Result<Piece> {
        if self.symbol("(")? {
            let inner = self.inside(Self::any)?;
            self.need(")", "an operator or `)`")?;
            return Ok(inner);
        }
        let at = Place::new(self.column());
        let node = match &mut self.tests.at.token {
            Token::Int(number) => integer(*number, false).map(Number::Literal),
            Token::Float(number) => Some(Number::Literal(Literal::Float(*number))),
            Token::Span(seconds) => Some(Number::Span(*seconds)),
            Token::Param(name) => Some(Number::Param(Name { text: std::mem::take(name).into_boxed_str(), at })),
            Token::Word(_) => return self.named(),
            Token::Name(_) => return self.field(),
            _ => None,
        };
        let Some(node) = node else { return self.expected("a number, a field, a function, a $parameter or `(`") };
        self.tests.at.advance().map_err(RuleProblem::of_filter)?;
        Ok(Piece::Number(Deep { node, depth: 1 }))
    }

    fn field(&mut self) -> Result<Piece> {
        let name = self.tests.field().map_err(RuleProblem::of_filter)?;
        Ok(Piece::Number(Deep { node: Number::Field(name), depth: 1 }))
    }

    /// A word: a function with its arguments, a score, a field of the item, the user or the candidate.
    fn named(&mut self) -> Result<Piece> {
        let column = self.column();
        let name = self.tests.field().map_err(RuleProblem::of_filter)?;
        let is = |word: &str| name.text.eq_ignore_ascii_case(word);
        if self.symbol("(")? {
            if is("within") {
                let test = self.tests.within().map_err(RuleProblem::of_filter)?;
                return self.test(test, Truth::Item);
            }
            return if is("if") { self.inside(Self::branches) } else { self.inside(|parser| parser.call(&name, column)) };
        }
        let node = match self.tests.at.token {
            Token::Symbol(".") if is("user") => Number::User(self.after_dot()?),
            Token::Symbol(".") if is("value") => Number::Value(self.after_dot()?),
            _ if is("score") => Number::Score,
            _ if is("rank_score") => Number::RankScore,
            _ => Number::Field(name),
        };
        Ok(Piece::Number(Deep { node, depth: 1 }))
    }

    fn after_dot(&mut self) -> Result<Name> {
        self.need(".", "`.`")?;
        self.tests.field().map_err(RuleProblem::of_filter)
    }

    /// What follows `if(`.
    fn branches(&mut self) -> Result<Piece> {
        let piece = self.any()?;
        let condition = self.truth(piece)?;
        let mut depth = condition.depth;
        let mut branch = || {
            self.need(",", "`,` and a number")?;
            let piece = self.any()?;
            let branch = self.number(piece)?;
            depth = depth.max(branch.depth);
            Ok::<_, RuleProblem>(branch.node)
        };
        let branches = [branch()?, branch()?];
        self.need(")", "`)`")?;
        Ok(Piece::Number(self.over(Number::If(Box::new(condition.node), Box::new(branches)), depth)?))
    }

    /// What follows the name of a function and `(`.
    fn call(&mut self, name: &Name, column: usize) -> Result<Piece> {
        if name.text.eq_ignore_ascii_case("now") {
            self.need(")", "`)` after now(")?;
            return Ok(Piece::Number(Deep { node: Number::Now, depth: 1 }));
        }
        let Some((function, fewest, most)) = Function::find(&name.text) else {
            let all: Vec<&str> = FUNCTIONS.iter().map(|(_, name, ..)| *name).collect();
            return Err(RuleProblem::Syntax {
                column,
                expected: format!("a function (if, now, {})", all.join(", ")),
                got: format!("{name}("),
            });
        };
        let (mut arguments, mut depth) = (Vec::new(), 0);
        loop {
            let piece = self.any()?;
            let argument = self.number(piece)?;
            depth = depth.max(argument.depth);
            arguments.push(argument.node);
            if !self.symbol(",")? {
                break;
            }
        }
        if !(fewest..=most).contains(&arguments.len()) {
            let count = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
            let (expected, got) = (format!("{count} arguments of {}", function.name()), format!("{} of them", arguments.len()));
            return Err(RuleProblem::Syntax { column, expected, got });
        }
        self.need(")", "`,` or `)`")?;
        Ok(Piece::Number(self.over(Number::Call(function, arguments, Place::new(column)), depth)?))
    }
}

/// The number as a value that a filter can compare with.
fn operand(number: &Number) -> Option<Operand> {
    let term = match number {
        Number::Literal(literal) => Term::Literal(literal.clone()),
        Number::Param(name) => Term::Param(name.text.clone()),
        Number::Now => Term::Now(0),
        Number::Negative(inner) => match &**inner {
            Number::Literal(Literal::Int(number)) => Term::Literal(integer(number.unsigned_abs(), true)?),
            Number::Literal(Literal::Uint(number)) => Term::Literal(integer(*number, true)?),
            Number::Literal(Literal::Float(number)) => Term::Literal(Literal::Float(-number)),
            _ => return None,
        },
        Number::Binary(operator @ (Operator::Add | Operator::Subtract), sides, _) => match &**sides {
            [Number::Now, Number::Span(seconds)] if *operator == Operator::Add => Term::now(*seconds),
            [Number::Now, Number::Span(seconds)] => Term::now(-seconds),
            _ => return None,
        },
        _ => return None,
    };
    Some(Operand::new(term))
}
