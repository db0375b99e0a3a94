//! A collection's policies: kept, listed, dropped.

use crate::db::{Collection, Database};
use crate::error::{Error, Result};
use crate::features::ID_FIELD;
use crate::ingest;
use crate::rules::{Policy, RuleProblem};

/// Policies that one collection can have.
const MOST: usize = 64;

impl Collection {
    /// Keeps a policy under a name, in the place of one that has it: whoever asks meanwhile has the old one or the new one. Answers its version:
    /// 1, and one more each time the name is set again. Durable on return.
    ///
    /// ```
    /// use torre::rules::Policy;
    /// use torre::{CollectionOptions, Database, Field, FieldType, Item, Metric, NoProgress, row};
    ///
    /// # fn main() -> torre::Result<()> {
    /// let options = CollectionOptions::vectors(1, Metric::InnerProduct).field(Field::new("promo", FieldType::Bool))?;
    /// let items = Database::in_memory()?.create_collection("items", options)?;
    /// items.add_index("promo", &NoProgress)?;
    /// let item = |id: &str, promo: bool| Ok::<Item, torre::Error>(Item::new(id)?.with_row(row! { "promo" => promo }).with_vector([1.0]));
    /// items.upsert_many([item("a", false)?, item("b", true)?])?;
    /// assert_eq!(items.set_policy("homepage", &Policy::new().boost("0.2*promo")?)?, 1);
    /// assert_eq!(items.search(&[1.0]).policy("homepage").run()?.ids().collect::<Vec<_>>(), ["b", "a"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Rule`] for rules that no query can mean, or of fields that are not indexed; [`Error::InvalidOption`] for a name or a number of
    /// policies that cannot be; storage errors. Nothing has changed then.
    pub fn set_policy(&self, name: &str, policy: &Policy) -> Result<u64> {
        policy.check()?;
        let schema = self.schema();
        for (rule, field) in policy.fields() {
            if field != ID_FIELD && !schema.indexed().any(|known| known.name == field) {
                let indexed = schema.indexed().map(|field| field.name.clone()).collect();
                let rule = format!("policy {name:?}, {rule}");
                return Err(RuleProblem::NotIndexed { column: None, field: field.to_owned(), indexed }.of(rule).into());
            }
        }
        self.put_policy(name, policy, None)
    }

    /// Keeps a policy whatever fields it reads, with a version that is `given` where it comes from elsewhere.
    pub(super) fn put_policy(&self, name: &str, policy: &Policy, given: Option<u64>) -> Result<u64> {
        Database::check_name(name)?;
        self.may_write()?;
        let names = self.core.shared.policies.names();
        if names.len() >= MOST && !names.iter().any(|known| known == name) {
            let expected = format!("at most {MOST} in one collection");
            return Err(Error::InvalidOption { option: "policies", given: format!("{} and another one", names.len()), expected });
        }
        ingest::put_policy(&self.core.writer, name, policy, given)
    }

    /// Removes the policy of a name. Durable on return.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`]; storage errors.
    pub fn drop_policy(&self, name: &str) -> Result<()> {
        self.may_write()?;
        if ingest::drop_policy(&self.core.writer, name)? { Ok(()) } else { Err(self.unknown_policy(name)) }
    }

    /// The policy of a name, and its version.
    ///
    /// # Errors
    /// [`Error::UnknownPolicy`].
    pub fn policy(&self, name: &str) -> Result<(Policy, u64)> {
        let kept = self.core.shared.policies.get(name).ok_or_else(|| self.unknown_policy(name))?;
        Ok((kept.policy.clone(), kept.version))
    }

    /// The names of its policies and their versions, in alphabetical order.
    #[must_use]
    pub fn policies(&self) -> Vec<(String, u64)> {
        self.core.shared.policies.list()
    }

    fn unknown_policy(&self, name: &str) -> Error {
        Error::UnknownPolicy { name: name.to_owned(), known: self.core.shared.policies.names() }
    }
}
