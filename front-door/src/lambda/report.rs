//! The duration and usage of an invocation, in the format of Lambda's REPORT line.

use std::fmt;
use std::time::Duration;

use crate::units::milliseconds;

/// How an invocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With a response.
    Success,
    /// With an error of the function, its runtime, or its process.
    Error,
    /// With a timeout.
    Timeout,
}

/// The report of one invocation.
#[derive(Debug, Clone)]
pub struct Report {
    /// Function name.
    pub function: String,
    /// Number of the environment within the function, from 1.
    pub environment: u64,
    /// Request ID of the invocation.
    pub request_id: String,
    /// From the event's delivery until the runtime requested the next one.
    pub duration: Duration,
    /// From the start of the process until the runtime requested its first event; only for the first invocation.
    pub init: Option<Duration>,
    /// Memory size of the function, MB.
    pub memory_mb: u32,
    /// Most memory that the environment's processes have used so far, in bytes; `None` if the system does not report
    /// it.
    pub max_memory_bytes: Option<u64>,
    /// CPU time of this invocation, including the init phase; `None` if the system does not report it.
    pub cpu: Option<Duration>,
    /// How the invocation ended.
    pub ending: Ending,
}

impl Report {
    /// Milliseconds that Lambda bills: duration plus, for a first invocation, init, rounded up together (init is billed
    /// for every configuration since 2025-08-01, and always was for custom runtimes).
    pub fn billed_ms(&self) -> u64 {
        let billed = self.duration + self.init.unwrap_or_default();
        u64::try_from(billed.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).max(1)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB",
            self.request_id,
            milliseconds(self.duration),
            self.billed_ms(),
            self.memory_mb,
        )?;
        if let Some(bytes) = self.max_memory_bytes {
            write!(out, "\tMax Memory Used: {} MB", bytes.div_ceil(1024 * 1024))?;
        }
        if let Some(init) = self.init {
            write!(out, "\tInit Duration: {:.2} ms", milliseconds(init))?;
        }
        match self.ending {
            Ending::Success => Ok(()),
            Ending::Error => write!(out, "\tStatus: error"),
            Ending::Timeout => write!(out, "\tStatus: timeout"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(duration_us: u64, init_us: Option<u64>) -> Report {
        Report {
            function: "cart".to_owned(),
            environment: 1,
            request_id: "id".to_owned(),
            duration: Duration::from_micros(duration_us),
            init: init_us.map(Duration::from_micros),
            memory_mb: 128,
            max_memory_bytes: Some(10 * 1024 * 1024 + 1),
            cpu: None,
            ending: Ending::Success,
        }
    }

    #[test]
    fn duration_and_init_are_rounded_up_together() {
        assert_eq!(report(0, None).billed_ms(), 1);
        assert_eq!(report(1_000, None).billed_ms(), 1);
        assert_eq!(report(1_001, None).billed_ms(), 2);
        assert_eq!(report(1_400, Some(10_400)).billed_ms(), 12);
        assert_eq!(report(1_400, Some(10_600)).billed_ms(), 12);
        assert_eq!(report(1_400, Some(10_601)).billed_ms(), 13);
    }

    #[test]
    fn the_line_has_the_format_of_cloudwatch() {
        assert_eq!(
            report(1_230, Some(9_876)).to_string(),
            "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 12 ms\tMemory Size: 128 MB\t\
             Max Memory Used: 11 MB\tInit Duration: 9.88 ms"
        );
    }
}
