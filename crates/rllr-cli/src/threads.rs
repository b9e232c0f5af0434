//! Threads that compute the parts of a training step side by side.

use std::sync::Arc;

use burn::tensor::Device;
use rayon::{ThreadPool, ThreadPoolBuilder};
use rllr_train::{Job, OneByOne, SharedWorkers, Workers};

/// A thread for each core.
///
/// Each thread is a pool of its own: operations that Burn would divide among all cores stay with the part that they
/// belong to, and no thread waits for another one before its part is done.
struct Threads {
    pools: Vec<ThreadPool>,
}

/// Who computes the parts of a step on `device`: on a CPU as many threads as Burn's operations would use (one a core, or
/// `RAYON_NUM_THREADS`), on a GPU nobody but the caller, because it takes in work in one queue.
#[must_use]
pub fn workers_for(device: &Device) -> SharedWorkers {
    if device.clone().inner() != Device::flex() {
        return Arc::new(OneByOne);
    }
    workers(rayon::current_num_threads())
}

/// So many threads; nobody but the caller where there would be one, or where they cannot be started.
#[must_use]
pub fn workers(count: usize) -> SharedWorkers {
    let pool = |_| ThreadPoolBuilder::new().num_threads(1).build();
    match (0..count).map(pool).collect::<Result<Vec<_>, _>>() {
        Ok(pools) if count > 1 => Arc::new(Threads { pools }),
        _ => Arc::new(OneByOne),
    }
}

impl Workers for Threads {
    fn count(&self) -> usize {
        self.pools.len()
    }

    fn run(&self, jobs: Vec<Job<'_>>) {
        let mut jobs = jobs.into_iter().peekable();
        while jobs.peek().is_some() {
            spread(&self.pools, &mut jobs);
        }
    }
}

/// Gives the next jobs to the pools, one each, and waits for them.
fn spread<'a>(pools: &[ThreadPool], jobs: &mut impl Iterator<Item = Job<'a>>) {
    let Some((pool, others)) = pools.split_first() else {
        return;
    };
    let Some(job) = jobs.next() else {
        return;
    };
    pool.in_place_scope(|scope| {
        scope.spawn(|_| job());
        spread(others, jobs);
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Barrier, Mutex};

    use super::*;

    /// Three jobs that wait for each other would wait forever if fewer ran at a time; five need two rounds.
    #[test]
    fn jobs_run_at_the_same_time_each_in_a_thread_of_its_own() {
        let workers = workers(3);
        assert_eq!(workers.count(), 3);
        let (all, names) = (Barrier::new(3), Mutex::new(Vec::new()));
        let job = || {
            all.wait();
            let threads = rayon::current_num_threads();
            names.lock().unwrap().push((std::thread::current().id(), threads));
        };
        workers.run((0..3).map(|_| -> Job<'_> { Box::new(job) }).collect());
        let names = names.into_inner().unwrap();
        assert!(names.iter().all(|(_, threads)| *threads == 1), "{names:?}");
        let different: BTreeSet<String> = names.iter().map(|(id, _)| format!("{id:?}")).collect();
        assert_eq!(different.len(), 3);

        let done = Mutex::new(0);
        let count = || *done.lock().unwrap() += 1;
        workers.run((0..5).map(|_| -> Job<'_> { Box::new(count) }).collect());
        assert_eq!(*done.lock().unwrap(), 5);
    }

    #[test]
    fn one_thread_is_the_caller() {
        let workers = workers(1);
        assert_eq!(workers.count(), 1);
        let caller = std::thread::current().id();
        workers.run(vec![Box::new(move || {
            assert_eq!(std::thread::current().id(), caller)
        })]);
    }
}
