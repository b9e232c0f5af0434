//! Who computes the independent parts of a step. This crate starts no threads; a program that has some lends them.
//!
//! On a CPU many operations of a step keep one core busy. Micro-batches and rows do not depend on each other, so
//! computing several of them side by side keeps all cores busy. Results are added up in the order of the parts, whoever
//! is done first, so a step is as repeatable as without helpers.

/// A part of a step.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Computes independent parts of a step.
pub trait Workers: Send + Sync {
    /// How many parts are computed at the same time, so held in memory; at least 1.
    fn count(&self) -> usize;

    /// Runs every job, in any order, and returns when all are done.
    fn run(&self, jobs: Vec<Job<'_>>);
}

/// One part after the other, where the caller is: right for a GPU, which takes in work in one queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneByOne;

impl Workers for OneByOne {
    fn count(&self) -> usize {
        1
    }

    fn run(&self, jobs: Vec<Job<'_>>) {
        for job in jobs {
            job();
        }
    }
}

/// What `work` makes of each item, in the items' order; as many at a time as there are workers.
pub(crate) fn map<I: Send, O: Send>(
    workers: &dyn Workers,
    items: Vec<I>,
    work: impl Fn(I) -> O + Sync,
) -> Vec<O> {
    let mut results: Vec<Option<O>> = items.iter().map(|_| None).collect();
    let (work, count) = (&work, workers.count().max(1));
    let mut items = items.into_iter();
    for results in results.chunks_mut(count) {
        let jobs = results.iter_mut().zip(&mut items);
        let job = |(result, item): (&'_ mut Option<O>, I)| *result = Some(work(item));
        let job = &job;
        workers.run(
            jobs.map(|part| -> Job<'_> { Box::new(move || job(part)) })
                .collect(),
        );
    }
    let done = results.into_iter();
    done.map(|result| result.expect("workers run every job"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Runs jobs from the last to the first, and notes how many it got.
    struct Backwards(Mutex<Vec<usize>>);

    impl Workers for Backwards {
        fn count(&self) -> usize {
            2
        }

        fn run(&self, jobs: Vec<Job<'_>>) {
            self.0.lock().unwrap().push(jobs.len());
            for job in jobs.into_iter().rev() {
                job();
            }
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn results_come_in_the_order_of_the_items_and_no_more_at_a_time_than_there_are_workers() {
        let workers = Backwards(Mutex::default());
        let squares = map(&workers, vec![1, 2, 3, 4, 5], |x| x * x);
        assert_eq!(squares, [1, 4, 9, 16, 25]);
        assert_eq!(*workers.0.lock().unwrap(), [2, 2, 1]);
        assert_eq!(map(&OneByOne, vec![3, 4], |x| x + 1), [4, 5]);
    }
}
