//! Feature specs of both sides: given, or what the training part suggests.

use std::path::Path;

use torre::FeatureSpec;
use torre_train::{FieldChoice, Joined};

use super::args::TowerArgs;
use super::files;
use crate::repl::Failure;

/// The specs of both sides, as texts, and why they are so.
pub(super) struct Specs {
    pub(super) texts: [String; 2],
    pub(super) choices: [Vec<FieldChoice>; 2],
}

/// The specs that the arguments name, where they name some.
pub(super) fn given(args: &TowerArgs) -> Result<Option<(FeatureSpec, FeatureSpec)>, Failure> {
    let (Some(item), Some(user)) = (&args.item_spec, &args.user_spec) else { return Ok(None) };
    let read = |path: &Path| {
        let parsed = FeatureSpec::parse(&files::text(path)?);
        parsed.map_err(|error| Failure::new(format!("{}: {error}", path.display())))
    };
    let (item, user) = (read(item)?, read(user)?);
    if (item.tower(), user.tower()) != (torre::TowerRole::Item, torre::TowerRole::User) {
        return Err(Failure::usage(format!("--item-spec is of the tower {}, --user-spec of the tower {}", item.tower(), user.tower())));
    }
    Ok(Some((item, user)))
}

/// The specs to train by: the given ones, else what the training part says.
pub(super) fn specs(joined: &Joined, args: &TowerArgs, given: Option<&(FeatureSpec, FeatureSpec)>) -> Specs {
    match given {
        Some((item, user)) => Specs { texts: [item.to_json().to_owned(), user.to_json().to_owned()], choices: [vec![], vec![]] },
        None => {
            let (item, user) = joined.infer(&args.spec_options());
            Specs { texts: [item.to_text(), user.to_text()], choices: [item.choices, user.choices] }
        }
    }
}
