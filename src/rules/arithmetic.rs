//! The half of the grammar that makes numbers: sums, products, signs, and what stands between operators.

use super::error::RuleProblem;
use super::function::{FUNCTIONS, Function};
use super::parse::{Deep, Parser, Piece};
use super::tree::{Number, Operator, Truth};
use crate::filter::{Literal, Name, Operand, Place, Term, Token, integer};

type Result<T> = std::result::Result<T, RuleProblem>;

impl Parser<'_> {
    /// A sum of products.
    pub(super) fn sum(&mut self) -> Result<Piece> {
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

impl Number {
    /// The number as a value that a filter can compare with.
    pub(super) fn operand(&self) -> Option<Operand> {
        let term = match self {
            Self::Literal(literal) => Term::Literal(literal.clone()),
            Self::Param(name) => Term::Param(name.text.clone()),
            Self::Now => Term::Now(0),
            Self::Negative(inner) => match &**inner {
                Self::Literal(Literal::Int(number)) => Term::Literal(integer(number.unsigned_abs(), true)?),
                Self::Literal(Literal::Uint(number)) => Term::Literal(integer(*number, true)?),
                Self::Literal(Literal::Float(number)) => Term::Literal(Literal::Float(-number)),
                _ => return None,
            },
            Self::Binary(operator @ (Operator::Add | Operator::Subtract), sides, _) => match &**sides {
                [Self::Now, Self::Span(seconds)] if *operator == Operator::Add => Term::now(*seconds),
                [Self::Now, Self::Span(seconds)] => Term::now(-seconds),
                _ => return None,
            },
            _ => return None,
        };
        Some(Operand::new(term))
    }
}
