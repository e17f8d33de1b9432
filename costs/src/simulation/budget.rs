//! A budget that refills evenly and does not save up: AWS's rate limits are such.

use super::{Nanos, seconds};

/// At most `size` at once, refilled at `size` in `seconds`.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    size: f64,
    per_second: f64,
    left: f64,
    at: Nanos,
}

impl Budget {
    pub(super) fn new(size: u32, in_seconds: f64) -> Self {
        let size = f64::from(size);
        Self { size, per_second: size / in_seconds, left: size, at: 0 }
    }

    /// Takes one if there is one.
    pub(super) fn take(&mut self, now: Nanos) -> bool {
        self.left = (self.left + seconds(now - self.at) * self.per_second).min(self.size);
        self.at = now;
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::super::SECOND;
    use super::*;

    #[test]
    fn what_is_not_used_is_not_saved() {
        let mut budget = Budget::new(1000, 10.0);
        let taken = |budget: &mut Budget, at: Nanos| (0..5000).filter(|_| budget.take(at)).count();
        assert_eq!(taken(&mut budget, 0), 1000);
        assert_eq!(taken(&mut budget, SECOND), 100);
        assert_eq!(taken(&mut budget, 600 * SECOND), 1000);
    }
}
