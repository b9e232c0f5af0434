//! What the reward models reward: the parts of the panels that need no DOM.

pub mod matrix;

pub mod margins;
pub mod plane;

pub mod annotator;
