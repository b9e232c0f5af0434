//! Who computes the independent parts of a step. This crate starts no threads; a program that has some lends them.
//!
//! On a CPU many operations of a step keep one core busy. Micro-batches and rows do not depend on each other, so
//! computing several of them side by side keeps all cores busy.
//!
//! What the parts are follows from the settings alone, never from the number of workers, and results are added up in the
//! order of the parts, whoever is done first. So a step is the same with any workers, bit by bit, and a run may go on
//! with others than it began with.

use std::sync::Arc;

use burn::module::Module;

/// A part of a step.
pub type Job<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Computes independent parts of a step.
pub trait Workers: Send + Sync {
    /// How many parts are computed at the same time, so held in memory; at least 1.
    fn count(&self) -> usize;

    /// Runs every job, in any order, and returns when all are done.
    fn run(&self, jobs: Vec<Job<'_>>);
}

/// Workers that several trainers may have.
pub type SharedWorkers = Arc<dyn Workers>;

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
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> O + Sync,
) -> Vec<O> {
    map_in_turns(workers, items, work).collect()
}

/// [`map`], a turn at a time: the next turn is begun when the results of the one before have been taken, so no more is
/// held than what the workers make together.
pub(crate) fn map_in_turns<I: Send, O: Send>(
    workers: &dyn Workers,
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> O + Sync,
) -> impl Iterator<Item = O> {
    let count = workers.count().max(1);
    let mut items = items.into_iter();
    let turns = std::iter::from_fn(move || {
        let turn: Vec<I> = items.by_ref().take(count).collect();
        (!turn.is_empty()).then(|| together(workers, turn, &work))
    });
    turns.flatten()
}

/// What `work` makes of each item, all at the same time. An item that is alone is left to the caller, who has the
/// threads that the device divides large operations among.
fn together<I: Send, O: Send>(
    workers: &dyn Workers,
    items: Vec<I>,
    work: &(impl Fn(I) -> O + Sync),
) -> Vec<O> {
    if items.len() == 1 {
        return items.into_iter().map(work).collect();
    }
    let mut results: Vec<Option<O>> = items.iter().map(|_| None).collect();
    let jobs = results.iter_mut().zip(items);
    let jobs = jobs.map(|(result, item)| -> Job<'_> { Box::new(move || *result = Some(work(item))) });
    workers.run(jobs.collect());
    let done = results.into_iter();
    done.map(|result| result.expect("workers run every job"))
        .collect()
}

/// The same parameters, whose gradients are computed apart: autodiff keeps everything that shares a parameter in one
/// graph, and works on a graph in one thread at a time. What is frozen stays frozen.
pub(crate) fn with_own_graph<M: Module>(module: &M) -> M {
    module.valid().train()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Three at a time, in threads where there are threads.
    pub(crate) struct Threads;

    impl Workers for Threads {
        fn count(&self) -> usize {
            3
        }

        #[cfg(not(target_arch = "wasm32"))]
        fn run(&self, jobs: Vec<Job<'_>>) {
            std::thread::scope(|scope| {
                for job in jobs {
                    scope.spawn(job);
                }
            });
        }

        #[cfg(target_arch = "wasm32")]
        fn run(&self, jobs: Vec<Job<'_>>) {
            for job in jobs.into_iter().rev() {
                job();
            }
        }
    }

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
        // The last is alone, and left to the caller.
        assert_eq!(*workers.0.lock().unwrap(), [2, 2]);
        assert_eq!(map(&OneByOne, vec![3, 4], |x| x + 1), [4, 5]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_turn_begins_when_the_results_of_the_one_before_are_taken() {
        let workers = Backwards(Mutex::default());
        let begun = Mutex::new(0);
        let mut results = map_in_turns(&workers, 0..4, |x| {
            *begun.lock().unwrap() += 1;
            x
        });
        assert_eq!(results.next(), Some(0));
        assert_eq!(*begun.lock().unwrap(), 2);
        assert_eq!(results.next(), Some(1));
        assert_eq!(*begun.lock().unwrap(), 2);
        assert_eq!(results.next(), Some(2));
        assert_eq!(*begun.lock().unwrap(), 4);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn a_graph_of_its_own_has_the_same_parameters_and_the_frozen_ones_stay_frozen() {
        use burn::nn::LinearConfig;
        use burn::tensor::Device;
        let mut layer = LinearConfig::new(2, 2).init(&Device::flex().autodiff());
        layer.bias = layer.bias.map(|bias| bias.set_require_grad(false));
        let apart = with_own_graph(&layer);
        assert_eq!(apart.weight.id, layer.weight.id);
        assert!(apart.weight.is_require_grad());
        assert!(!apart.bias.as_ref().unwrap().is_require_grad());
        let gradients = apart.weight.val().sum().backward();
        assert!(apart.weight.grad(&gradients).is_some());
        assert!(layer.weight.grad(&gradients).is_none());
    }
}
