//! Checks of `terraform/` without an AWS account: format, validity, descriptions, tests with mocks, checkov, and every
//! environment on moto (apply, a second plan without changes, the tables of what exists, destroy). Everything runs on a
//! copy, so that neither state nor plugins get into the sources, and concurrent runs do not interfere.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::test::Outcome;
use crate::tools::{Scratch, command, execute_logged, find_program, output, python_programs, root};
use crate::{postgres, terraform_modules};

/// The environments, and what none of them sets: `terraform/emulator/serverless.tfvars`.
const STACKS: [&str; 6] = ["dev", "perf", "staging", "canary", "prod", SERVERLESS];
const SERVERLESS: &str = "serverless";
/// The environment that is applied, planned, and destroyed.
const ROUND_TRIP: &str = "dev";
/// The environment whose secrets `terraform/README.md` sets.
const WITH_SECRETS: &str = "staging";
/// What an account has once.
pub const BOOTSTRAP: &str = "bootstrap";
/// Copies of the stack and of the bootstrap with their override and states, next to the sources that other checks use.
const COPIES: [(&str, &str); 2] = [("stack", "emulated"), (BOOTSTRAP, "bootstrapped")];
/// Override the provider and the backend of a copy, so that it reaches the emulator and keeps its state in a file.
const PROVIDER: &str = "provider_override.tf";
const BACKEND: &str = "backend_override.tf";
/// What Terraform applied or planned, as JSON.
const STATES: &str = "states";
/// Location of the functions' artifacts, as in `terraform/emulator/emulator.tfvars`.
const ARTEFACTS: [&str; 2] = ["artefacts", "release"];

/// Runs every check; all are run before the first failure is reported.
///
/// # Errors
/// If a check fails or a tool cannot be installed.
pub fn run() -> Result<Outcome> {
    let Some(terraform) = find_program("terraform", &[]) else {
        return Ok(Outcome::Skipped("terraform is not on PATH".to_owned()));
    };
    let work = WorkingCopy::new(terraform)?;
    // The round trip mostly waits for the provider's own pauses, so the other checks run at the same time.
    let failures: Vec<_> = std::thread::scope(|scope| {
        let round_trip = scope.spawn(|| work.timed("all environments on moto", WorkingCopy::round_trip));
        let mut failures = vec![
            work.timed("format", WorkingCopy::format),
            work.timed("descriptions", |_| terraform_modules::check(&root().join("terraform"))),
            work.timed("checkov", WorkingCopy::checkov),
            work.timed("database users, twice", WorkingCopy::database_users),
            work.timed("first deployment: checks, confirmations", |work| quiet(&mut work.first_deployment()?)),
            work.timed("bootstrap: validate, tests", |work| work.tests("bootstrap")),
            work.timed("stack: validate, tests", |work| work.tests("stack")),
        ];
        failures.push(round_trip.join().unwrap_or_else(|_| Some("a check panicked".to_owned())));
        failures.into_iter().flatten().collect()
    });
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(Outcome::Passed)
}

/// Rewrites the tables of `terraform/expected`.
///
/// # Errors
/// If Terraform is missing, or an environment cannot be applied.
pub fn write_tables() -> Result<()> {
    let work = WorkingCopy::new(find_program("terraform", &[]).context("terraform is not on PATH")?)?;
    let moto = work.start_moto()?;
    work.apply_all(&moto)?;
    work.script("tables.py", &["--write"])
}

/// A copy of `terraform/` and of the files that it reads, for one run.
pub struct WorkingCopy {
    terraform: PathBuf,
    directory: Scratch,
    /// Directory with provider plugins, if they are not to be downloaded.
    plugins: Option<PathBuf>,
}

impl WorkingCopy {
    /// # Errors
    /// If the files cannot be copied.
    pub fn new(terraform: PathBuf) -> Result<Self> {
        let directory = Scratch::new("terraform")?;
        let copy = directory.path();
        fs::create_dir_all(copy.join("functions"))?;
        for file in ["functions/settings.json", "functions/access.json"] {
            fs::copy(root().join(file), copy.join(file))?;
        }
        copy_tree(&root().join("terraform"), &copy.join("terraform"))?;
        for (source, emulated) in COPIES {
            let emulated = copy.join("terraform").join(emulated);
            copy_tree(&root().join("terraform").join(source), &emulated)?;
            for file in [PROVIDER, BACKEND] {
                fs::copy(root().join("terraform/emulator").join(file), emulated.join(file))?;
            }
        }
        Ok(Self { terraform, directory, plugins: plugin_directory() })
    }

    /// Runs a check and prints its duration. Returns the error if it failed.
    fn timed(&self, name: &str, part: impl FnOnce(&Self) -> Result<()>) -> Option<String> {
        let begun = Instant::now();
        let result = part(self);
        let seconds = begun.elapsed().as_secs();
        match result {
            Ok(()) => println!("  {seconds:>4} s  {name}"),
            Err(error) => {
                println!("  {seconds:>4} s  {name}: FAILED\n{error:#}");
                return Some(format!("{name} failed"));
            }
        }
        None
    }

    fn terraform(&self, directory: &str) -> Command {
        let mut terraform = command(&self.terraform);
        terraform.current_dir(self.directory.path().join("terraform").join(directory));
        for_terraform(&mut terraform);
        terraform
    }

    /// Runs the pipeline from an empty account to an empty account, or only its first deployments: `tests/aws/rehearse.py`.
    ///
    /// # Errors
    /// If a tool cannot be installed, or a step ends differently than it must.
    pub fn rehearse(&self, shopease: &Path, whole: bool) -> Result<()> {
        let copy = self.directory.path();
        copy_tree(&root().join(".github"), &copy.join(".github"))?;
        for (sources, _) in COPIES {
            let sources = copy.join("terraform").join(sources);
            fs::copy(root().join("terraform/emulator").join(PROVIDER), sources.join(PROVIDER))?;
        }
        let described = copy.join("rehearsal.json");
        let moto = Moto::start(&copy.join("terraform/emulator"), |server| {
            server.env("TASK_RUNNER", root().join("tests/aws/rehearsal/run_task.py")).env("REHEARSAL", &described);
        })?;
        let programs = moto_programs()?;
        let mut rehearsal = command(programs.join("python"));
        rehearsal.arg("tests/aws/rehearse.py").arg(copy).arg(shopease).arg(postgres::binaries()?);
        rehearsal.args(whole.then_some("--whole")).env("REHEARSAL", described).env("PATH", first_on_path(&programs)?);
        self.for_scripts(&mut rehearsal);
        execute_logged("rehearse", moto.of(&mut rehearsal))?;
        if whole {
            execute_logged("first-deployment", self.first_deployment()?.arg("--whole"))?;
        }
        Ok(())
    }

    /// The command that runs the scripts of a first deployment and of a teardown until they would create or destroy
    /// something; with `--whole`, completely: `tests/aws/first_deployment.py`.
    fn first_deployment(&self) -> Result<Command> {
        let programs = moto_programs()?;
        let mut test = command(programs.join("python"));
        test.arg("tests/aws/first_deployment.py").env("PATH", first_on_path(&programs)?);
        self.for_scripts(&mut test);
        Ok(test)
    }

    /// Settings for a Python script that runs Terraform.
    fn for_scripts(&self, script: &mut Command) {
        for_terraform(script).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(plugins) = &self.plugins {
            script.env("TF_CLI_ARGS_init", format!("-plugin-dir={}", plugins.display()));
        }
    }

    fn init(&self, directory: &str, arguments: &[&str]) -> Result<()> {
        let mut init = self.terraform(directory);
        init.args(["init", "-no-color", "-input=false"]).args(arguments);
        if let Some(plugins) = &self.plugins {
            init.arg(format!("-plugin-dir={}", plugins.display()));
        } else {
            let cache = root().join("target/xtask/terraform-plugins");
            fs::create_dir_all(&cache)?;
            init.env("TF_PLUGIN_CACHE_DIR", cache);
        }
        quiet(&mut init)
    }

    fn format(&self) -> Result<()> {
        quiet(self.terraform(".").args(["fmt", "-no-color", "-check", "-diff", "-recursive"]))
    }

    /// # Errors
    /// What checkov finds.
    pub fn checkov(&self) -> Result<()> {
        let program = python_programs("checkov", &["checkov==3.3.30"])?.join("checkov");
        let mut checkov = command(program);
        checkov.current_dir(self.directory.path()).args(["--directory", "terraform", "--framework", "terraform"]);
        checkov.args(COPIES.map(|(_, emulated)| format!("--skip-path=terraform/{emulated}")));
        quiet(checkov.args(["--compact", "--quiet", "--skip-download"]))
    }

    /// # Errors
    /// What `terraform test` finds.
    pub fn tests(&self, directory: &str) -> Result<()> {
        self.init(directory, &["-backend=false"])?;
        quiet(self.terraform(directory).args(["validate", "-no-color"]))?;
        quiet(self.terraform(directory).args(["test", "-no-color"]))
    }

    fn round_trip(&self) -> Result<()> {
        let moto = self.start_moto()?;
        self.apply_all(&moto)?;
        // Exit code 2 means that there are changes: something is read back differently than it was written.
        let nothing_changes = |name| quiet(self.emulated("plan", name, &moto).arg("-detailed-exitcode"));
        nothing_changes(ROUND_TRIP).context("the second plan is not empty")?;
        self.script("infrastructure.py", &[])?;
        self.script("tables.py", &[])?;
        self.set_secrets(&moto)?;
        nothing_changes(WITH_SECRETS).context("the plan is not empty after an operator has set the secrets")?;
        quiet(self.emulated("destroy", ROUND_TRIP, &moto).arg("-auto-approve"))
    }

    /// An empty AWS for the copies.
    ///
    /// # Errors
    /// If moto or the provider cannot be installed.
    pub fn start_moto(&self) -> Result<Moto> {
        let moto = Moto::start(&self.directory.path().join("terraform/emulator"), |server| {
            server.args(ARTEFACTS);
        })?;
        COPIES.iter().try_for_each(|(_, emulated)| self.init(emulated, &[]))?;
        Ok(moto)
    }

    /// Applies the bootstrap and every environment, and keeps what they are. All at the same time: an apply mostly waits
    /// for the provider's pauses.
    ///
    /// # Errors
    /// What Terraform or the provider reject.
    pub fn apply_all(&self, moto: &Moto) -> Result<()> {
        fs::create_dir_all(self.directory.path().join(STATES))?;
        let apply = |name| {
            quiet(self.emulated("apply", name, moto).arg("-auto-approve"))?;
            self.show(name, &format!("{name}.tfstate"), moto)
        };
        let failures: Vec<_> = std::thread::scope(|scope| {
            let applies: Vec<_> =
                STACKS.into_iter().chain([BOOTSTRAP]).map(|name| (name, scope.spawn(move || apply(name)))).collect();
            let ends = applies.into_iter().map(|(name, apply)| (name, apply.join()));
            let failure = |(name, end): (&str, std::thread::Result<Result<()>>)| match end {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("{name}: {error:#}")),
                Err(_) => Some(format!("{name}: the apply panicked")),
            };
            ends.filter_map(failure).collect()
        });
        ensure!(failures.is_empty(), "{}", failures.join("\n"));
        Ok(())
    }

    /// Replaces what is known of a state by what its sources make of it now, without applying it.
    ///
    /// # Errors
    /// What Terraform or the provider reject.
    pub fn plan(&self, name: &str, moto: &Moto) -> Result<()> {
        let file = format!("{name}.plan");
        quiet(self.emulated("plan", name, moto).args(["-refresh=false", "-lock=false"]).arg(format!("-out={file}")))?;
        self.show(name, &file, moto)
    }

    /// Where a state or a plan is as JSON, for the scripts.
    pub fn shown(&self, name: &str) -> PathBuf {
        self.directory.path().join(STATES).join(format!("{name}.json"))
    }

    fn show(&self, name: &str, file: &str, moto: &Moto) -> Result<()> {
        let mut show = self.terraform(copy_of(name));
        let shown = output(moto.of(show.args(["show", "-json", file])))?;
        Ok(fs::write(self.shown(name), shown)?)
    }

    /// Runs a script of `tests/aws` on the states.
    ///
    /// # Errors
    /// What it finds.
    pub fn script(&self, script: &str, arguments: &[&str]) -> Result<()> {
        let mut python = command(moto_programs()?.join("python"));
        python.arg(format!("tests/aws/{script}")).arg(self.directory.path().join(STATES)).args(arguments);
        quiet(python.env("PYTHONDONTWRITEBYTECODE", "1"))
    }

    /// All that a file of the sources became.
    pub fn copies(&self, file: &str) -> Vec<PathBuf> {
        let emulated = COPIES.iter().filter_map(|(source, emulated)| {
            let rest = file.strip_prefix(&format!("terraform/{source}/"))?;
            Some(format!("terraform/{emulated}/{rest}"))
        });
        std::iter::once(file.to_owned()).chain(emulated).map(|file| self.directory.path().join(file)).collect()
    }

    /// Sets the secrets with the commands of the document, and then describes one differently, as a later release may.
    fn set_secrets(&self, moto: &Moto) -> Result<()> {
        let document = fs::read_to_string(root().join("terraform/README.md"))?;
        let commands =
            document.split("```sh\n").find_map(|block| block.split_once("```").filter(|it| it.0.contains("put()")));
        let (commands, _) = commands.context("terraform/README.md does not set the secrets")?;
        ensure!(
            commands.contains(&format!("/{WITH_SECRETS}/")),
            "terraform/README.md sets no secret of {WITH_SECRETS}"
        );
        let mut shell = command("bash");
        shell.args(["-euc", commands]);
        for name in ["STRIPE_KEY", "WEBHOOK_SECRET", "DATADOG_KEY"] {
            shell.env(name, "set by an operator");
        }
        shell.env("PATH", first_on_path(&moto_programs()?)?);
        quiet(moto.of(&mut shell))?;
        let stack = self.directory.path().join("terraform").join(copy_of(WITH_SECRETS)).join("main.tf");
        let (before, after) = ("API key of Datadog's log intake", "Key of Datadog's intake");
        let text = fs::read_to_string(&stack)?;
        ensure!(text.contains(before), "{} does not describe Datadog's key", stack.display());
        Ok(fs::write(stack, text.replace(before, after))?)
    }

    fn database_users(&self) -> Result<()> {
        let mut users = command("python3");
        users.arg("tests/aws/database_users.py").arg(self.directory.path()).arg(postgres::binaries()?);
        quiet(users.env("PYTHONDONTWRITEBYTECODE", "1"))
    }

    /// A Terraform command with the variables and the state of an environment, or of the bootstrap, against moto.
    fn emulated(&self, verb: &str, name: &str, moto: &Moto) -> Command {
        let mut terraform = self.terraform(copy_of(name));
        terraform.args([verb, "-no-color", "-input=false", "-parallelism=20"]).arg(format!("-state={name}.tfstate"));
        match name {
            BOOTSTRAP => terraform.args([
                "-var=region=us-east-1",
                "-var=repository=example/shopease",
                "-var=reading_accounts=[\"111111111111\"]",
            ]),
            SERVERLESS => {
                terraform.args(["-var-file=../emulator/emulator.tfvars", "-var-file=../emulator/serverless.tfvars"])
            }
            _ => terraform.arg("-var-file=../emulator/emulator.tfvars").arg(format!("-var-file=envs/{name}.tfvars")),
        };
        moto.of(&mut terraform);
        terraform
    }
}

/// The directory with the state of this name.
fn copy_of(name: &str) -> &'static str {
    let [stack, bootstrap] = COPIES.map(|(_, emulated)| emulated);
    if name == BOOTSTRAP { bootstrap } else { stack }
}

/// The programs of moto's environment: Python, and the AWS CLI.
fn moto_programs() -> Result<PathBuf> {
    python_programs("moto", &["moto[server]==5.2.5", "awscli==1.46.2"])
}

/// `PATH` with this directory before the others.
fn first_on_path(directory: &Path) -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::iter::once(directory.to_path_buf()).chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(directories)?)
}

/// Settings for Terraform in a process that runs it.
fn for_terraform(command: &mut Command) -> &mut Command {
    command.env("TF_IN_AUTOMATION", "1").env("CHECKPOINT_DISABLE", "1").env_remove("TF_DATA_DIR");
    if std::env::var_os("TF_CLI_CONFIG_FILE").is_some_and(|file| !Path::new(&file).exists()) {
        command.env_remove("TF_CLI_CONFIG_FILE");
    }
    command
}

/// A moto server that ends with this value, because its standard input ends.
pub struct Moto {
    process: Child,
    port: u16,
}

impl Moto {
    fn start(emulator: &Path, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        let python = moto_programs()?.join("python");
        let log_file = emulator.join("moto.log");
        let log = File::create(&log_file)?;
        let mut server = command(python);
        server.current_dir(emulator).arg("moto_server.py");
        configure(&mut server);
        let process = server.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut moto = Self { process, port: 0 };
        let output = moto.process.stdout.take().context("moto has no output")?;
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        if let Some(port) = lines.find_map(|line| line.strip_prefix("ready ").map(str::to_owned)) {
            moto.port = port.parse().with_context(|| format!("moto listens on {port:?}"))?;
            return Ok(moto);
        }
        bail!("moto did not start:\n{}", fs::read_to_string(log_file)?);
    }

    /// Points a command at this server.
    fn of<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", self.port));
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_REGION", "us-east-1").env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command.env_remove("AWS_PROFILE").env_remove("AWS_SESSION_TOKEN")
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Nothing to do about a process that has already exited.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Runs a command; its output is shown only if it fails.
fn quiet(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    // Skips the lines about what worked.
    let progress = [
        ": Creating...",
        "Still ",
        ": Reading...",
        ": Destroying...",
        ": Creation complete",
        ": Read complete",
        ": Refreshing state",
        ": Destruction complete",
    ];
    let lines: Vec<_> = text.lines().filter(|line| !progress.iter().any(|noise| line.contains(noise))).collect();
    let last = lines[lines.len().saturating_sub(150)..].join("\n");
    bail!("{command:?} ({}):\n{last}", output.status);
}

/// Directory with provider plugins, as `<host>/<namespace>/<provider>`: from `TF_PLUGIN_DIR`, or a usual system
/// directory.
fn plugin_directory() -> Option<PathBuf> {
    let (given, home) = (std::env::var_os("TF_PLUGIN_DIR"), std::env::var_os("HOME"));
    if let Some(given) = given {
        return Some(given.into());
    }
    let home = home.map(|home| PathBuf::from(home).join(".terraform.d"));
    let places = ["/opt", "/usr/local/share/terraform", "/usr/share/terraform"].map(PathBuf::from);
    let holds_aws = |directory: &PathBuf| subdirectories(directory).any(|host| host.join("hashicorp/aws").is_dir());
    home.into_iter().chain(places).flat_map(|place| subdirectories(&place).collect::<Vec<_>>()).find(holds_aws)
}

/// Direct subdirectories; none if the directory does not exist.
pub fn subdirectories(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        // Leftovers of a developer's own Terraform runs.
        if name.to_string_lossy().starts_with(".terraform") || name.to_string_lossy().contains(".tfstate") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
