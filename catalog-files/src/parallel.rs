//! Runs the CPU-bound work of an import (sanitizing descriptions, indexing words) on all cores.

use std::num::NonZero;
use std::{panic, thread};

/// Applies `work` to every element, on one thread per core; results keep their order. Blocks the caller: an import has
/// the process to itself.
pub(super) fn in_parallel<T: Send, R: Send>(elements: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = elements.len().div_ceil(threads).max(1);
    if elements.len() <= 1 || threads == 1 {
        return elements.into_iter().map(work).collect();
    }
    let mut rest = elements.into_iter();
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(threads);
        while rest.len() > 0 {
            let part: Vec<T> = rest.by_ref().take(share).collect();
            workers.push(scope.spawn(|| part.into_iter().map(&work).collect::<Vec<R>>()));
        }
        let results =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
        results.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_their_elements() {
        for length in [0, 1, 2, 3, 7, 100] {
            let doubled: Vec<usize> = (0..length).map(|n| 2 * n).collect();
            assert_eq!(in_parallel((0..length).collect(), |n| 2 * n), doubled, "{length}");
        }
    }
}
