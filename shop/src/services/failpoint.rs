//! Named points at which a test can crash the process, between any two writes of a checkout.
//!
//! `SHOPEASE_FAILPOINT=<name>` aborts the process when it first passes that point, `<name>:<n>` the n-th time. Only in builds with
//! debug assertions; release builds ignore it.

/// Passes a point.
#[inline]
pub(super) fn failpoint(name: &str) {
    #[cfg(debug_assertions)]
    armed::pass(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use crate::ports::{Env as _, ProcessEnv};

    struct Armed {
        name: String,
        passes_left: AtomicU32,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    pub fn pass(name: &str) {
        let armed = ARMED.get_or_init(|| {
            let text = ProcessEnv.var("SHOPEASE_FAILPOINT")?;
            let (name, pass) = text.split_once(':').unwrap_or((&text, "1"));
            Some(Armed { name: name.to_owned(), passes_left: AtomicU32::new(pass.parse().unwrap_or(1)) })
        });
        let Some(armed) = armed else { return };
        if armed.name == name && armed.passes_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Like `kill -9`: no destructors, no flush, no response.
            std::process::abort();
        }
    }
}
