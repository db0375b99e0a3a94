//! A report as one HTML file without anything from elsewhere, and as lines for a terminal.

mod bars;
mod chart;
mod html;

pub use bars::bars;
pub use html::{drawings, page};
