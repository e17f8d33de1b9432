//! Settings of glibc's allocator, which reads them from the environment when a process starts.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Settings by name, see `mallopt(3)`. Setting a threshold also prevents glibc from raising it with each freed block up
/// to 32 MiB, after which it keeps large blocks. With fewer arenas than 8 per core, fewer of them keep what they freed.
const SETTINGS: [(&str, &str); 3] =
    [("MALLOC_MMAP_THRESHOLD_", "131072"), ("MALLOC_TRIM_THRESHOLD_", "131072"), ("MALLOC_ARENA_MAX", "2")];

/// Starts this program again in the same process, with the settings that are not set yet. Large answers and uploads
/// then return their memory to the system.
pub fn return_freed_memory() {
    let missing: Vec<_> = SETTINGS.into_iter().filter(|(name, _)| env::var_os(name).is_none()).collect();
    if missing.is_empty() {
        return;
    }
    let Ok(program) = env::current_exe() else { return };
    let mut arguments = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = arguments.next() {
        again.arg0(name);
    }
    // Returns only if it fails. The program then runs as it is and needs more memory.
    let error = again.args(arguments).envs(missing).exec();
    eprintln!("shopease: the settings of the allocator are not in effect: {error}");
}
