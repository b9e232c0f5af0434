//! How fast uniform JSON lines are read, in megabytes a second on one core.
//!
//! `cargo run --release -p rllr-task --example read_speed -- FILE.jsonl [REPEATS]`
//!
//! Each file is held in memory, so the disk plays no part. One JSON object is printed per measurement.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "a program that measures: it reads files and a clock, and prints"
)]

use std::error::Error;
use std::time::Instant;

use rllr_task::Tasks;
use rllr_task::read::{ReadOptions, examples, labelled_examples};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("usage: read_speed FILE.jsonl [REPEATS]")?;
    let repeats: usize = arguments.next().map_or(Ok(20), |text| text.parse())?;
    let bytes = std::fs::read(&file)?;
    let tasks = Tasks::builtin();
    let options = || ReadOptions::new(&file);
    measure("examples", &bytes, repeats, || {
        count(examples(&bytes[..], options()))
    })?;
    measure("labelled_examples", &bytes, repeats, || {
        count(labelled_examples(&bytes[..], &tasks, options()))
    })
}

/// The number of rows, each of which is made and dropped.
fn count<T, E>(rows: impl Iterator<Item = Result<T, E>>) -> Result<usize, E> {
    rows.map(|row| row.map(drop))
        .try_fold(0, |count, row| row.map(|()| count + 1))
}

fn measure<E: Error + 'static>(
    what: &str,
    bytes: &[u8],
    repeats: usize,
    read: impl Fn() -> Result<usize, E>,
) -> Result<(), Box<dyn Error>> {
    let mut rows = 0;
    let mut secs = Vec::new();
    for _ in 0..repeats {
        let start = Instant::now();
        rows = read()?;
        secs.push(start.elapsed().as_secs_f64());
    }
    secs.sort_by(f64::total_cmp);
    let per_sec = |secs: f64| bytes.len() as f64 / secs / 1e6;
    let (best, median) = (per_sec(secs[0]), per_sec(secs[secs.len() / 2]));
    println!(
        "{{\"benchmark\": \"read_speed/{what}\", \"rows\": {rows}, \"bytes\": {}, \"repeats\": {repeats}, \
         \"megabytes_per_sec_median\": {median:.1}, \"megabytes_per_sec_best\": {best:.1}}}",
        bytes.len()
    );
    Ok(())
}
