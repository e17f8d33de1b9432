//! The usage of an execution environment: from its own control group (cgroup v2) if one can be created, otherwise from
//! `/proc`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

/// Attempts to remove a control group, and the pause between them: a killed process takes a moment to exit.
const REMOVALS: u32 = 200;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

/// Measures the processes of an environment and their children.
#[derive(Debug)]
pub struct Meter {
    pids: Vec<u32>,
    memory_mb: u32,
    group: Option<PathBuf>,
}

/// A reading of a [`Meter`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU time so far.
    pub cpu: Option<Duration>,
    /// Most memory used so far, in bytes.
    pub max_memory_bytes: Option<u64>,
}

impl Meter {
    /// Creates a meter without processes.
    pub fn start(memory_mb: u32) -> Self {
        Self { pids: Vec::new(), memory_mb, group: None }
    }

    /// Adds a process: the first one gets its own control group if the system allows it, others join it.
    pub fn add(&mut self, pid: u32) {
        if self.pids.is_empty() {
            self.group = group_of(pid, self.memory_mb);
        } else if let Some(group) = &self.group {
            // Fails only if the process has already exited, and then there is nothing to count.
            let _ = fs::write(group.join("cgroup.procs"), pid.to_string());
        }
        self.pids.push(pid);
    }

    /// Measures a process without moving it to a control group.
    pub fn watch(pid: u32) -> Self {
        Self { pids: vec![pid], memory_mb: 0, group: None }
    }

    /// Reads the counters. After a process has exited, `/proc` has no data for it. Without a control group, shared
    /// pages count for each process.
    pub fn read(&self) -> Usage {
        let group = self.group.as_deref();
        let pids = || self.pids.iter().copied();
        Usage {
            cpu: group
                .and_then(cpu_of_group)
                .or_else(|| pids().filter_map(cpu_of_process).reduce(|sum, cpu| sum + cpu)),
            max_memory_bytes: group
                .and_then(memory_of_group)
                .or_else(|| pids().filter_map(memory_of_process).reduce(|sum, bytes| sum + bytes)),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let Some(group) = self.group.take() else { return };
        // Fails while a process is still in it.
        if fs::remove_dir(&group).is_err() {
            thread::spawn(move || {
                for _ in 0..REMOVALS {
                    thread::sleep(REMOVAL_PAUSE);
                    if fs::remove_dir(&group).is_ok() {
                        break;
                    }
                }
            });
        }
    }
}

/// The mount point of cgroup v2.
static MOUNT: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (directory, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(directory))
    })
});

/// Creates the group `front-door-<pid>` below the mount point of cgroup v2 and moves the process into it.
fn group_of(pid: u32, memory_mb: u32) -> Option<PathBuf> {
    let group = MOUNT.as_ref()?.join(format!("front-door-{pid}"));
    fs::create_dir(&group).ok()?;
    if fs::write(group.join("cgroup.procs"), pid.to_string()).is_err() {
        let _ = fs::remove_dir(&group);
        return None;
    }
    // Only if the memory controller is enabled; otherwise the limit is not enforced.
    let limit = u64::from(memory_mb) * 1024 * 1024;
    if group.join("memory.max").exists() {
        let _ = fs::write(group.join("memory.max"), limit.to_string());
    }
    Some(group)
}

fn cpu_of_group(group: &Path) -> Option<Duration> {
    let text = fs::read_to_string(group.join("cpu.stat")).ok()?;
    let microseconds = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?.trim().parse().ok()?;
    Some(Duration::from_micros(microseconds))
}

fn memory_of_group(group: &Path) -> Option<u64> {
    fs::read_to_string(group.join("memory.peak")).ok()?.trim().parse().ok()
}

/// Sum over the running threads. Runtimes keep their threads, so little is missed.
fn cpu_of_process(pid: u32) -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// The largest resident set, in `kB` of 1,024 bytes.
fn memory_of_process(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}
