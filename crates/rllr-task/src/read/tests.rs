//! Files that should be read, and files that should not.

mod common;
mod layout;
mod uniform;
mod recognise;
mod table;
mod instruction;
mod trl;
mod judgement;
