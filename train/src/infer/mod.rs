//! Feature specs from the data: what each field is and how a tower reads it, with the reasons.

mod choose;
mod facts;
mod kind;
mod spec;

pub use kind::{Kind, Kinds};
pub use spec::{FieldChoice, Inferred, SpecOptions, infer_item, infer_user};
