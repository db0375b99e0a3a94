//! The syntax tree against a schema.

use super::bound::{Bound, BoundField, Node, Source, Test};
use super::circle::Circle;
use super::constant::{Given, Scope, Subject, unknown_field};
use super::error::{FilterError, shown};
use super::operand::{Name, Operand, ValueList};
use super::params::Params;
use super::tree::{Comparison, Expr, Filter, MAX_DEPTH, MAX_TESTS, Quantifier};
use super::typed;
use crate::features::{FieldType, ID_FIELD, Schema, Tokens};

impl Filter {
    /// Resolves names, parameters and types: fields are those of the schema and `id`; `now` is the time of the query in unix seconds.
    ///
    /// # Errors
    /// [`FilterError`]: a field or parameter that is not there (the error names those that are), a value of another type than its field, a
    /// null or NaN to compare with.
    pub fn bind(&self, schema: &Schema, params: &Params, now: f64) -> Result<Bound, FilterError> {
        let mut binder = Binder { schema, scope: Scope::new(params, now)?, fields: Vec::new(), lists: Vec::new(), tests: 0 };
        let root = binder.node(&self.expr)?;
        Ok(Bound { root, fields: binder.fields, lists: binder.lists })
    }
}

struct Binder<'a> {
    schema: &'a Schema,
    scope: Scope<'a>,
    fields: Vec<BoundField>,
    lists: Vec<Box<str>>,
    tests: usize,
}

impl<'a> Binder<'a> {
    fn node(&mut self, expr: &'a Expr) -> Result<Node, FilterError> {
        match expr {
            Expr::And(parts) => Ok(Node::And(self.nodes(parts)?)),
            Expr::Or(parts) => Ok(Node::Or(self.nodes(parts)?)),
            Expr::Not(inner) => Ok(not(self.node(inner)?)),
            Expr::TooDeep => Err(FilterError::TooDeep { column: None, limit: MAX_DEPTH }),
            test => {
                self.count_test(1)?;
                self.test(test)
            }
        }
    }

    fn nodes(&mut self, parts: &'a [Expr]) -> Result<Vec<Node>, FilterError> {
        parts.iter().map(|part| self.node(part)).collect()
    }

    fn count_test(&mut self, more: usize) -> Result<(), FilterError> {
        self.tests = self.tests.saturating_add(more);
        if self.tests > MAX_TESTS {
            return Err(FilterError::TooMany { column: None, what: "tests", limit: MAX_TESTS });
        }
        Ok(())
    }

    fn test(&mut self, expr: &'a Expr) -> Result<Node, FilterError> {
        match expr {
            Expr::IsTrue(name) => self.is_true(name),
            Expr::IsNull(name) => {
                let (field, _) = self.field(name)?;
                Ok(Node::Test { field, test: Test::Null })
            }
            Expr::Compare { field, op, value } => self.compare(field, *op, value),
            Expr::Between { field, low, high } => self.between(field, low, high),
            Expr::In { field, values } => self.is_in(field, values),
            Expr::Has { field, which, values } => self.has(field, *which, values),
            Expr::StartsWith { field, prefix } => self.starts_with(field, prefix),
            Expr::Match { field, words } => self.matches(field, words),
            Expr::Within { fields, center, km } => self.within(fields, center, km),
            Expr::InList(name) => self.in_list(name),
            // `node` has taken the others.
            Expr::And(_) | Expr::Or(_) | Expr::Not(_) | Expr::TooDeep => self.node(expr),
        }
    }

    /// The field's place among those of the filter, and its type.
    fn field(&mut self, name: &'a Name) -> Result<(usize, Subject<'a>), FilterError> {
        let place = match self.fields.iter().position(|field| field.name == name.text) {
            Some(place) => place,
            None => {
                let (kind, source) = self.resolve(name)?;
                self.fields.push(BoundField { name: name.text.clone(), kind, source });
                self.fields.len() - 1
            }
        };
        let BoundField { kind, source, .. } = self.fields[place];
        Ok((place, Subject { name, kind, id: source == Source::Id }))
    }

    fn resolve(&self, name: &Name) -> Result<(FieldType, Source), FilterError> {
        if *name.text == *ID_FIELD {
            return Ok((FieldType::Text, Source::Id));
        }
        let fields = &self.schema.fields;
        let found = fields.iter().position(|field| *field.name == *name.text);
        found.map(|place| (fields[place].kind, Source::Schema(place))).ok_or_else(|| {
            let others = fields.iter().map(|field| field.name.as_str()).filter(|other| *other != ID_FIELD);
            unknown_field(name, std::iter::once(ID_FIELD).chain(others))
        })
    }

    fn is_true(&mut self, name: &'a Name) -> Result<Node, FilterError> {
        let (field, subject) = self.field(name)?;
        match subject.kind {
            FieldType::Bool => Ok(Node::Test { field, test: Test::Bool(true) }),
            _ => Err(typed::lacks(&subject, "truth of its own")),
        }
    }

    fn compare(&mut self, name: &'a Name, op: Comparison, operand: &'a Operand) -> Result<Node, FilterError> {
        let (field, subject) = self.field(name)?;
        let ordered = !matches!(op, Comparison::Eq | Comparison::Ne);
        if subject.kind.element().is_some() || (ordered && subject.kind == FieldType::Bool) {
            return Err(typed::lacks(&subject, op.symbol()));
        }
        let given = self.scope.value(operand)?;
        let test = typed::compare(&subject, op, &given)?;
        let node = Node::Test { field, test };
        Ok(if op == Comparison::Ne { not(node) } else { node })
    }

    fn between(&mut self, name: &'a Name, low: &'a Operand, high: &'a Operand) -> Result<Node, FilterError> {
        let (field, subject) = self.field(name)?;
        if subject.kind.element().is_some() || subject.kind == FieldType::Bool {
            return Err(typed::lacks(&subject, "BETWEEN"));
        }
        let (low, high) = (self.scope.value(low)?, self.scope.value(high)?);
        let test = typed::between(&subject, &low, &high)?;
        Ok(Node::Test { field, test })
    }

    fn is_in(&mut self, name: &'a Name, values: &'a ValueList) -> Result<Node, FilterError> {
        let (field, subject) = self.field(name)?;
        if subject.kind.element().is_some() || subject.kind == FieldType::Bool {
            return Err(typed::lacks(&subject, "IN"));
        }
        Ok(Node::Test { field, test: typed::one_of(&subject, &self.scope.values(values)?)? })
    }

    fn has(&mut self, name: &'a Name, which: Quantifier, values: &'a ValueList) -> Result<Node, FilterError> {
        let (field, subject) = self.field(name)?;
        if subject.kind.element().is_none() {
            return Err(typed::lacks(&subject, "HAS"));
        }
        let values = self.scope.values(values)?;
        let any = |values: &[Given<'_>]| -> Result<Node, FilterError> {
            let test = match typed::one_of(&subject, values)? {
                Test::Known(false) => Test::Known(false),
                test => Test::Element(Box::new(test)),
            };
            Ok(Node::Test { field, test })
        };
        match which {
            Quantifier::Any => any(&values),
            Quantifier::None => Ok(not(any(&values)?)),
            Quantifier::All if values.is_empty() => Ok(Node::Test { field, test: Test::Known(true) }),
            Quantifier::All => {
                self.count_test(values.len() - 1)?;
                let mut each = values.iter().map(|value| any(std::slice::from_ref(value))).collect::<Result<Vec<_>, _>>()?;
                Ok(if each.len() == 1 { each.swap_remove(0) } else { Node::And(each) })
            }
        }
    }

    fn starts_with(&mut self, name: &'a Name, prefix: &'a Operand) -> Result<Node, FilterError> {
        let (field, subject) = self.field(name)?;
        if subject.kind != FieldType::Text {
            return Err(typed::lacks(&subject, "STARTS WITH"));
        }
        let prefix = self.scope.value(prefix)?;
        Ok(Node::Test { field, test: Test::Prefix(subject.text(&prefix)?.into()) })
    }

    fn matches(&mut self, name: &'a Name, words: &'a Operand) -> Result<Node, FilterError> {
        let (field, subject) = self.field(name)?;
        if subject.scalar() != FieldType::Text {
            return Err(typed::lacks(&subject, "MATCH"));
        }
        let given = self.scope.value(words)?;
        let text = subject.text(&given)?;
        let mut tokens = Tokens::default();
        tokens.split(&text, true, usize::MAX);
        let mut words: Vec<Box<str>> = tokens.iter().map(Into::into).collect();
        words.sort_unstable();
        words.dedup();
        if words.is_empty() {
            return Err(FilterError::NoWords { column: given.column(), got: shown(&text) });
        }
        let test = Test::Words(words.into());
        let list = subject.kind.element().is_some();
        Ok(Node::Test { field, test: if list { Test::Element(Box::new(test)) } else { test } })
    }

    fn within(&mut self, fields: &'a [Name; 2], center: &'a [Operand; 2], km: &'a Operand) -> Result<Node, FilterError> {
        let [lat, lon] = fields;
        let mut place = |name| {
            let (field, subject) = self.field(name)?;
            match subject.kind {
                FieldType::Int | FieldType::Float => Ok(field),
                _ => Err(typed::lacks(&subject, "WITHIN")),
            }
        };
        let (lat, lon) = (place(lat)?, place(lon)?);
        let [north, east] = center;
        let north = self.scope.value(north)?.argument("the latitude of WITHIN", "a number from -90 to 90", -90.0, 90.0)?;
        let east = self.scope.value(east)?.argument("the longitude of WITHIN", "a number from -180 to 180", -180.0, 180.0)?;
        let km = self.scope.value(km)?.argument("the distance of WITHIN", "kilometres, from 0 up", 0.0, f64::MAX)?;
        Ok(Node::Within { lat, lon, circle: Circle::new(north, east, km) })
    }

    fn in_list(&mut self, name: &'a Operand) -> Result<Node, FilterError> {
        let given = self.scope.value(name)?;
        let name = given.text_argument("the name of IN LIST")?;
        let place = self.lists.iter().position(|list| **list == *name).unwrap_or_else(|| {
            self.lists.push(name.into());
            self.lists.len() - 1
        });
        Ok(Node::InList(place))
    }
}

fn not(node: Node) -> Node {
    Node::Not(Box::new(node))
}
