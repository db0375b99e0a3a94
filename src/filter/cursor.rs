//! The token that a parser looks at.

use super::error::FilterError;
use super::lexer::{Lexer, Token, syntax};

/// Stands on a token of a text. A copy stays there: what was read from it can be read again.
#[derive(Clone)]
pub(crate) struct Cursor<'a> {
    lexer: Lexer<'a>,
    pub(crate) token: Token<'a>,
    /// Of the token, from 1.
    pub(crate) column: usize,
}

impl<'a> Cursor<'a> {
    /// On the first token.
    pub(crate) fn new(text: &'a str) -> Result<Self, FilterError> {
        let mut lexer = Lexer::new(text);
        let (token, column) = lexer.next()?;
        Ok(Self { lexer, token, column })
    }

    pub(crate) fn advance(&mut self) -> Result<(), FilterError> {
        (self.token, self.column) = self.lexer.next()?;
        Ok(())
    }

    pub(crate) fn is_word(&self, keyword: &str) -> bool {
        matches!(self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn take_word(&mut self, keyword: &str) -> Result<bool, FilterError> {
        let found = self.is_word(keyword);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(crate) fn need_word(&mut self, keyword: &str, expected: &str) -> Result<(), FilterError> {
        if self.take_word(keyword)? { Ok(()) } else { Err(self.expected(expected)) }
    }

    pub(crate) fn take_symbol(&mut self, symbol: &'static str) -> Result<bool, FilterError> {
        let found = self.token == Token::Symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(crate) fn need_symbol(&mut self, symbol: &'static str, expected: &str) -> Result<(), FilterError> {
        if self.take_symbol(symbol)? { Ok(()) } else { Err(self.expected(expected)) }
    }

    pub(crate) fn expected(&self, expected: &str) -> FilterError {
        syntax(self.column, expected, self.token.describe())
    }
}
