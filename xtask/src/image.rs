//! The step `image`: the runtime stage of the Dockerfile, built and started without a daemon.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::journeys;
use crate::test::Outcome;
use crate::tools::{Scratch, apt_install, cargo, command, execute, execute_logged, find_program, is_root, root, timed};

/// Builds the image around a binary of the development profile, starts it like a container runtime, requests pages from
/// it, and stops it.
///
/// # Errors
/// If a part fails.
pub fn run() -> Result<Outcome> {
    if !is_root() {
        return Ok(Outcome::Skipped("requires root, to mount and to change the root directory".to_owned()));
    }
    if find_program("buildah", &[]).is_none()
        && let Err(error) = apt_install(&["buildah"])
    {
        return Ok(Outcome::Skipped(format!("no buildah: {error:#}")));
    }
    let linked = timed("linked statically", static_binary)?;
    let shopease = timed("binaries", journeys::build)?;
    let work = Scratch::new("image")?;
    let mut test = command("python3");
    test.arg(root().join("tests/aws/image.py")).arg(work.path()).arg(linked).arg(shopease);
    timed("image", || execute_logged("image", test.env("PYTHONDONTWRITEBYTECODE", "1")))?;
    Ok(Outcome::Passed)
}

/// The features in the Dockerfile's build of the shop.
///
/// # Errors
/// If the Dockerfile cannot be read or does not list them.
pub fn features() -> Result<String> {
    let dockerfile = std::fs::read_to_string(root().join("ecs-adapter/Dockerfile"))?;
    let named = dockerfile.lines().find_map(|line| line.trim().strip_prefix("FEATURES=\""));
    let named = named.and_then(|rest| rest.split('"').next()).context("ecs-adapter/Dockerfile names no FEATURES")?;
    Ok(named.to_owned())
}

/// A copy of the shop with the features of the Dockerfile, linked as there. The step `features` has compiled its
/// dependencies.
fn static_binary() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["rustc", "--quiet", "--package", "shopease-ecs-adapter", "--bin", "shopease"]);
    build.args(["--no-default-features", "--features", &features()?, "--", "-C", "target-feature=+crt-static"]);
    execute(&mut build)?;
    let copy = root().join("target/xtask/shopease-static");
    std::fs::copy(root().join("target/debug/shopease"), &copy)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use crate::tools::root;

    #[test]
    fn terraform_and_the_image_use_the_same_paths() {
        let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
        let (stack, image) = (read("terraform/stack/variables.tf"), read("ecs-adapter/Dockerfile"));
        let default = |name: &str| {
            let line = stack.lines().find(|line| line.trim_start().starts_with(&format!("{name} "))).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        };
        let (binary, authority) = (default("binary"), default("rds_authority"));
        assert!(image.contains(&format!("ENTRYPOINT [\"{binary}\"]")), "{binary}");
        assert!(image.contains(&format!("--output /image{authority} ")), "{authority}");
    }
}
