//! A run as the page shows it: progress, curves, speed. The same for a recorded and a live run.

pub mod view;

pub mod curves;
pub mod expected_time;

#[cfg(test)]
mod shipped;
