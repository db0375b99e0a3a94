//! Which column of a file of events is what.

use torre_features::Row;

use super::options::FileOptions;
use crate::error::TrainError;

/// What a column of events says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    User,
    Item,
    Time,
    Weight,
    Label,
    Event,
}

impl Role {
    pub(super) const ALL: [Self; 6] = [Self::User, Self::Item, Self::Time, Self::Weight, Self::Label, Self::Event];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Item => "item",
            Self::Time => "time",
            Self::Weight => "weight",
            Self::Label => "label",
            Self::Event => "event",
        }
    }

    /// Names that columns of this kind have in files of others, without case, dashes and spaces; the likeliest first.
    fn usual(self) -> &'static [&'static str] {
        match self {
            Self::User => {
                &["user", "userid", "uid", "customer", "customerid", "visitor", "visitorid", "reviewerid", "sessionid", "session"]
            }
            Self::Item => &[
                "item",
                "itemid",
                "product",
                "productid",
                "movie",
                "movieid",
                "article",
                "articleid",
                "book",
                "bookid",
                "track",
                "trackid",
                "stockcode",
                "sku",
                "asin",
                "parentasin",
                "iid",
            ],
            Self::Time => &["time", "timestamp", "ts", "datetime", "date", "unixreviewtime", "createdat", "invoicedate", "at"],
            Self::Weight => &["weight"],
            Self::Label => &["label", "clicked", "click"],
            Self::Event => &["event", "eventtype", "action", "behavior", "behaviour"],
        }
    }
}

/// The column of each role, as far as there is one.
#[derive(Clone, Default, Debug)]
pub(super) struct Roles([Option<String>; 6]);

impl Roles {
    /// By what the options say, else by what the first rows have.
    pub(super) fn of(options: &FileOptions, rows: &[Row]) -> Result<Self, TrainError> {
        if let Some((field, _)) = options.columns.iter().find(|(field, _)| !Role::ALL.iter().any(|role| role.name() == field)) {
            return Err(TrainError::Data(format!(
                "events have no field {field:?}; name columns for user, item, time, weight, label or event"
            )));
        }
        let mut names: Vec<&str> = Vec::new();
        for row in rows {
            for (name, _) in row.iter() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let find = |role: Role| {
            let like = |usual: &&str| names.iter().find(|name| simple(name) == **usual).map(|&name| name.to_owned());
            options.column(role.name()).map(str::to_owned).or_else(|| role.usual().iter().find_map(like))
        };
        let roles = Self(Role::ALL.map(find));
        for role in [Role::User, Role::Item] {
            if roles.column(role).is_none() {
                let known = names.join(", ");
                let role = role.name();
                return Err(TrainError::Data(format!(
                    "no column is the {role} of an event; say it with {role}=COLUMN; the columns are {known}"
                )));
            }
        }
        if let Some(missing) = roles.0.iter().flatten().find(|column| !rows.is_empty() && !names.contains(&column.as_str())) {
            return Err(TrainError::Data(format!("there is no column {missing:?}; the columns are {}", names.join(", "))));
        }
        Ok(roles)
    }

    pub(super) fn column(&self, role: Role) -> Option<&str> {
        self.0[role as usize].as_deref()
    }
}

/// A name without its case, dashes and spaces.
fn simple(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use torre_features::row;

    #[test]
    fn columns_are_found_by_their_usual_names() {
        let roles =
            Roles::of(&FileOptions::default(), &[row! { "Customer ID" => 1 }, row! { "StockCode" => "a", "InvoiceDate" => "x" }]).unwrap();
        let found: Vec<Option<&str>> = Role::ALL.iter().map(|&role| roles.column(role)).collect();
        assert_eq!(found, [Some("Customer ID"), Some("StockCode"), Some("InvoiceDate"), None, None, None]);
    }

    #[test]
    fn what_is_said_goes_first_and_what_is_missing_is_named() {
        let said = |pairs: &[(&str, &str)]| {
            let columns = pairs.iter().map(|(field, column)| ((*field).to_owned(), (*column).to_owned())).collect();
            Roles::of(&FileOptions { columns, ..FileOptions::default() }, &[row! { "user" => 1, "item" => 2, "4" => 3 }])
        };
        assert_eq!(said(&[("time", "4")]).unwrap().column(Role::Time), Some("4"));
        assert!(said(&[("time", "5")]).unwrap_err().to_string().contains("no column \"5\"; the columns are user, item, 4"));
        assert!(said(&[("when", "4")]).unwrap_err().to_string().contains("no field \"when\""));
        let error = Roles::of(&FileOptions::default(), &[row! { "user" => 1, "thing" => 2 }]).unwrap_err().to_string();
        assert!(error.contains("item=COLUMN; the columns are user, thing"), "{error}");
    }
}
