//! Reading from the device while it works on.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::{ExecutionError, Int, Tensor, TensorData, Transaction};

use super::GenerateError;

type Reading = Pin<Box<dyn Future<Output = Result<Vec<TensorData>, ExecutionError>>>>;

/// A read that is under way: the copy is queued behind the work so far, and later work does not delay it.
pub(super) enum ReadBack {
    Waiting(Reading),
    Done(Result<Vec<TensorData>, ExecutionError>),
}

/// What was read, floats first.
pub(super) struct Numbers(Vec<TensorData>);

impl ReadBack {
    /// Queues the read. A future does nothing before it is polled, so it is polled once.
    pub(super) fn start(floats: Vec<Tensor<2>>, ints: Vec<Tensor<2, Int>>) -> Self {
        let transaction = floats
            .into_iter()
            .fold(Transaction::default(), Transaction::register);
        let transaction = ints.into_iter().fold(transaction, Transaction::register);
        let mut reading: Reading = Box::pin(transaction.execute_async());
        match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(numbers) => Self::Done(numbers),
            Poll::Pending => Self::Waiting(reading),
        }
    }

    /// Waits until the numbers are here.
    pub(super) async fn finish(self) -> Result<Numbers, GenerateError> {
        let numbers = match self {
            Self::Done(numbers) => numbers,
            Self::Waiting(reading) => reading.await,
        };
        numbers.map(Numbers).map_err(GenerateError::Device)
    }
}

impl Numbers {
    pub(super) fn any_int_above_zero(&self) -> bool {
        self.0
            .last()
            .is_some_and(|data| data.iter::<i64>().any(|number| number > 0))
    }

    /// Token ids, which are the last tensor.
    pub(super) fn ids(&self) -> Vec<u32> {
        let ids = self.0.last().map(|data| data.iter::<i64>());
        let id = |id| u32::try_from(id).expect("a token id is an index into the vocabulary");
        ids.into_iter().flatten().map(id).collect()
    }

    /// Floats, which are the first of two tensors; empty when there is but one.
    pub(super) fn floats(&self) -> Vec<f32> {
        match self.0.as_slice() {
            [floats, _] => floats.iter::<f32>().collect(),
            _ => Vec::new(),
        }
    }
}
