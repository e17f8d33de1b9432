"""Rehearses the pipeline on an emulated AWS, from an empty account to an empty account: its scripts, run as its workflow runs them.

Usage: rehearse.py DIRECTORY SHOPEASE DIRECTORY_OF_POSTGRESQL_PROGRAMS [--whole]

DIRECTORY is a copy of the repository's scripts and of terraform/, whose provider reaches moto. Without --whole: bootstrap, two deployments, a changed
secret, a failing path, destroy. Started by `cargo xtask rehearse`, which sets the environment.

The database is a PostgreSQL that treats logins as RDS does; migrations are the shop's own, and so are the processes that answer the smoke test.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import boto3

from database_users import Server
from rehearsal import front, run_task, workflow

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "staging"
PREFIX = f"shopease-{ENVIRONMENT}"
ACCOUNT = "123456789012"
FUNCTIONS = ["storefront", "catalog", "cart", "checkout", "accounts", "admin", "worker"]
SECRET = f"/shopease/{ENVIRONMENT}/backend/stripe-secret-key"
NOT_REHEARSED = [
    "login of GitHub's jobs, and the rights of every role: moto allows everything",
    "compiling the image and the zips; layers of an image (a manifest is pushed)",
    "tasks of services: moto starts none, so nothing waits for them, and ECS rolls nothing back (circuit breaker)",
    "the functions' code: requests to them are answered by the same processes (the step `sam` runs functions)",
    "IAM and TLS towards the database: its users must present a fixed password instead of a token",
    "CloudWatch: the rehearsal counts errors of each target group, and sets the state of its alarm",
    "EventBridge: the rehearsal starts the rounds that move requests between the paths",
    "load test and synthetic shoppers: other tests run these programs",
    "Datadog, mails, payments: nothing leaves the machine",
]


def client(service):
    return boto3.client(service)


class Rehearsal:
    def __init__(self, directory, database, shopease, psql):
        self.directory, self.database, self.shopease = directory, database, shopease
        programs = {"shopease": str(shopease), run_task.PSQL: str(psql)}
        Path(os.environ["REHEARSAL"]).write_text(json.dumps({"database": database, "programs": programs}))
        self.temporary = directory / "runner"
        self.temporary.mkdir()
        self.log = directory / "rehearsal.log"
        self.rows, self.digests, self.processes = [], {}, []
        self.front = front.Front(PREFIX, client, self.start_shop, directory)
        self.deployment = workflow.Workflow(directory / ".github/workflows/deploy.yml", directory)
        self.variables = {}
        self.environment = {**os.environ, "CURL_HOME": str(directory), "CANARY_PAUSE": "1", "TF_VAR_wait_for_tasks": "false", "TF_CLI_ARGS": "-no-color"}
        self.environment |= {"REHEARSAL_SHOP": str(shopease), "PATH": f"{ROOT / 'tests/aws/rehearsal'}:{os.environ['PATH']}"}
        self.environment |= {"ACTIONS_ID_TOKEN_REQUEST_URL": f"https://{front.NAME}/_token?api-version=2", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "job"}

    def stop(self):
        for process in self.processes:
            process.terminate()

    def step(self, name, part):
        begun = time.monotonic()
        details = part()
        self.rows.append((name, time.monotonic() - begun, details or ""))
        print(f"  {self.rows[-1][1]:6.1f} s  {name}", flush=True)

    def shell(self, script, **environment):
        code = workflow.execute(script, {**self.environment, **environment}, self.directory, self.log)
        assert code == 0, f"{script}: exit code {code}"

    def output(self, name):
        shown = subprocess.run(["terraform", "-chdir=terraform/bootstrap", "output", "-json", name], cwd=self.directory, env=self.environment, capture_output=True, text=True, check=True)
        return json.loads(shown.stdout)

    # Steps of an account's life

    def bootstrap(self):
        arguments = "-var=repository=example/shopease -var=disposable=true -var=region=$AWS_REGION"
        self.shell(f"terraform -chdir=terraform/bootstrap init -input=false && terraform -chdir=terraform/bootstrap apply -input=false -auto-approve {arguments}")
        registry = f"{ACCOUNT}.dkr.ecr.{os.environ['AWS_REGION']}.amazonaws.com"
        self.variables = {
            "AWS_REGION": os.environ["AWS_REGION"], "ARTEFACTS_BUCKET": self.output("artefact_bucket"), "ARTEFACTS_PREFIX": "functions",
            "IMAGE_REPOSITORY": f"{registry}/shopease", "STATE_BUCKET": self.output("state_bucket"), "CATALOG": "demo",
            "DOMAIN": json.dumps({"name": front.NAME}), "BOUNDARY_ARN": self.output("permissions_boundaries")[ENVIRONMENT],
            "DEPLOY_ROLE_ARN": self.output("deploy_roles")[ENVIRONMENT],
            "PSQL_DIGEST": "sha256:" + 64 * "3", "ROUTER_DIGEST": "sha256:" + 64 * "2",
        }

    def publish(self, release):
        build = self.temporary / release
        (build / "functions").mkdir(parents=True)
        (build / "image.tar").touch()
        for function in FUNCTIONS:
            (build / f"functions/{function}.zip").write_bytes(artefact(f"{release} {function}"))
        published = self.temporary / "published"
        published.write_text("")
        names = ["ARTEFACTS_BUCKET", "ARTEFACTS_PREFIX", "IMAGE_REPOSITORY"]
        self.shell(f".github/scripts/publish.sh {build}", RELEASE=release, GITHUB_OUTPUT=str(published), **{name: self.variables[name] for name in names})
        self.digests[release] = published.read_text().strip().removeprefix("digest=")

    def deploy(self, release, **inputs):
        """The job of deploy.yml; shoppers use the shop meanwhile. Returns the seconds of its steps."""
        self.front.recover()
        given = {"environment": ENVIRONMENT, "release": release, "digest": self.digests[release], **inputs}
        with Shoppers(self.front):
            steps = self.deployment.run(given, self.variables, self.environment, self.log, self.temporary)
        return ", ".join(f"{name} {seconds:.0f}" for name, seconds in steps.items())

    def fails(self, release, step, expected, **inputs):
        before = self.live_versions()
        try:
            self.deploy(release, **inputs)
        except workflow.StepFailed as failed:
            assert str(failed).startswith(f"{step}: exit code"), failed
        else:
            raise AssertionError(f"{release} was deployed")
        self.serves(expected)
        assert self.live_versions() == before, f"aliases point to {self.live_versions()} instead of {before}"

    def change_secret(self):
        """What the runbook does, and a deployment afterwards."""
        key = client("ssm").get_parameter(Name=f"/shopease/{ENVIRONMENT}/deployment/kms-key-arn")["Parameter"]["Value"]
        client("ssm").put_parameter(Name=SECRET, Value="sk_test_changed", Type="SecureString", KeyId=key, Overwrite=True)

    def secret_is_kept(self):
        value = client("ssm").get_parameter(Name=SECRET, WithDecryption=True)["Parameter"]["Value"]
        assert value == "sk_test_changed", f"the secret is {value}"

    def shift_paths(self):
        """Alarms of the paths, and the rounds that follow them."""
        rules = client("events")
        (machine,) = [found["stateMachineArn"] for found in client("stepfunctions").list_state_machines()["stateMachines"]]
        inputs = {kind: rules.list_targets_by_rule(Rule=f"{PREFIX}-path-shift-{kind}")["Targets"][0]["Input"] for kind in ("minute", "recovered")}
        configured = self.shares()
        assert set(configured.values()) == {10}, configured
        for what, kind, alarms, expected in [
            ("both are healthy", "minute", {}, 10),
            ("functions fail", "minute", {"lambda-failures": "ALARM"}, 0),
            ("both fail", "minute", {"fargate-responses": "ALARM"}, 10),
            ("tasks fail", "minute", {"lambda-failures": "OK"}, 100),
            ("tasks still fail", "recovered", {}, 100),
            ("tasks are healthy, the minute changes nothing", "minute", {"fargate-responses": "OK"}, 100),
            ("their recovery does", "recovered", {}, 10),
        ]:
            for alarm, state in alarms.items():
                client("cloudwatch").set_alarm_state(AlarmName=f"{PREFIX}-path-{alarm}", StateValue=state, StateReason="rehearsal")
            self.round(machine, inputs[kind])
            assert set(self.shares().values()) == {expected}, f"{what}: functions get {self.shares()} instead of {expected} %"
        assert self.shares() == configured

    def round(self, machine, given):
        states = client("stepfunctions")
        execution = states.start_execution(stateMachineArn=machine, name=f"round-{time.time_ns()}", input=given)["executionArn"]
        for _ in range(100):
            found = states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                break
            time.sleep(0.2)
        assert found["status"] == "SUCCEEDED", found

    def shares(self):
        """Percentage of the functions in every rule."""
        self.front.read_at = 0
        rules, groups = self.front.state()
        return {str(rule["patterns"]): sum(weight for arn, weight in rule["weights"].items() if "-fn-" in groups[arn]["suffix"]) for rule in rules}

    def destroy(self):
        variables = f"-var-file=envs/{ENVIRONMENT}.tfvars -var='image={{digest=\"{self.digests['release-1']}\",router_digest=\"{self.variables['ROUTER_DIGEST']}\"}}'"
        self.shell(f"terraform -chdir=terraform/stack destroy -input=false -auto-approve {variables} -var='domain={self.variables['DOMAIN']}' -var='functions={{bucket=\"none\",prefix=\"none\"}}'")
        self.shell("terraform -chdir=terraform/bootstrap destroy -input=false -auto-approve -var=repository=example/shopease -var=disposable=true -var=region=$AWS_REGION")
        left = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
        left += [role["RoleName"] for role in client("iam").list_roles()["Roles"]]
        left += [found["FunctionName"] for found in client("lambda").list_functions()["Functions"]]
        left += [found["DBInstanceIdentifier"] for found in client("rds").describe_db_instances()["DBInstances"]]
        left += [found["LoadBalancerName"] for found in client("elbv2").describe_load_balancers()["LoadBalancers"]]
        assert not left, f"left after destroying everything: {left}"

    # What is true afterwards

    def nothing_has_drifted(self):
        """What exists is what the running release and the sources describe: drift.yml."""
        seconds = workflow.Workflow(self.directory / ".github/workflows/drift.yml", self.directory).run(
            {"environment": ENVIRONMENT}, self.variables, self.environment, self.log, self.temporary
        )
        return ", ".join(f"{name} {taken:.0f}" for name, taken in seconds.items())

    def live_versions(self):
        return {function: front.versions(client("lambda"), f"{PREFIX}-{function}", "live") for function in FUNCTIONS if function != "worker"}

    def serves(self, release):
        """Only this release serves, on both paths, without a canary."""
        self.front.read_at = 0
        rules, groups = self.front.state()
        weighted = {arn for rule in rules for arn, weight in rule["weights"].items() if weight}
        assert len(weighted) == 2 + len(FUNCTIONS) - 1, f"{len(weighted)} target groups get requests"
        for arn in weighted:
            served = {groups[arn]["release"]() for _ in range(20)}
            assert served == {release}, f"{groups[arn]['suffix']} serves {served} instead of {release}"
        services = sorted(service["serviceName"] for service in front.running(client("ecs"), PREFIX))
        assert services == [f"{PREFIX}-backend", f"{PREFIX}-frontend"], services
        assert all(list(shares.values()) == [1] for shares in self.live_versions().values()), self.live_versions()

    def canary_was_seen(self, former, release):
        """Both releases answered while the canary ran, the new one about a tenth of the requests."""
        served = self.front.served
        assert served.get(release) and served.get(former), f"served: {served}"

    def start_shop(self):
        """The shop's processes with the variables of the task definitions. Returns their ports."""
        ports = {role: front.free_port() for role in ("backend", "frontend")}
        tasks, log = client("ecs"), (self.directory / "shop.log").open("w")
        for role in ports:
            definition = tasks.describe_task_definition(taskDefinition=f"{PREFIX}-{role}")["taskDefinition"]
            variables = run_task.translated(front.variables(definition), self.database)
            variables |= {"SHOPEASE_HTTP_PORT": str(ports[role]), "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"], "PATH": os.environ["PATH"]}
            if role == "frontend":
                variables["SHOPEASE_BACKEND_URL"] = f"http://127.0.0.1:{ports['backend']}"
            for secret in definition["containerDefinitions"][0].get("secrets", []):
                name = secret["valueFrom"].partition(":parameter")[2]
                variables[secret["name"]] = client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
            variables |= {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")}
            self.processes.append(subprocess.Popen([self.shopease, "serve"], env=variables, stdout=log, stderr=log, cwd=self.temporary))
        deadline = time.monotonic() + 60
        for port in ports.values():
            while not answers(port):
                assert time.monotonic() < deadline, f"the shop does not start:\n{(self.directory / 'shop.log').read_text()[-4000:]}"
                time.sleep(0.2)
        return ports


def answers(port):
    try:
        with front.socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def artefact(content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("bootstrap", content)
    return buffer.getvalue()


class Shoppers:
    """Requests to pages and to the API, once there is a release. None may reach a target group without a service."""

    def __init__(self, front):
        self.front, self.ended, self.failure = front, threading.Event(), None
        self.thread = threading.Thread(target=self.run, daemon=True)
        # A first deployment has nobody to serve.
        self.paths = ["/products", "/api/v1/products?limit=1"] if front.served else []

    def __enter__(self):
        self.front.served = {}
        self.thread.start()

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        if self.failure:
            raise self.failure
        assert None not in self.front.served, f"{self.front.served[None]} requests reached a target group without a service: {self.front.served}"

    def run(self):
        try:
            while self.paths and not self.ended.wait(0.05):
                for path in self.paths:
                    self.front.get(path)
        except Exception as failure:  # The main thread raises it.
            self.failure = failure


def rehearse(all_of_it, of):
    of.step("bootstrap", of.bootstrap)
    of.step("publish a release", lambda: of.publish("release-1"))
    of.step("deploy: nothing exists yet", lambda: of.deploy("release-1"))
    of.serves("release-1")
    of.step("change a secret", of.change_secret)
    of.step("deploy again: nothing else changed", lambda: of.deploy("release-1"))
    of.serves("release-1")
    if all_of_it:
        of.step("publish three releases", lambda: [of.publish(f"release-{number}") for number in (2, 3, 4)] and None)
        of.step("deploy: canary on both paths, then all", lambda: of.deploy("release-2"))
        of.canary_was_seen("release-1", "release-2")
        of.serves("release-2")
        of.front.faults = {"release-3": "errors", "release-4": "empty"}
        of.step("a release with errors: its canary is removed", lambda: of.fails("release-3", "Canary", "release-2"))
        of.step("a release that fails its smoke test: the former returns", lambda: of.fails("release-4", "Smoke test", "release-2"))
        of.step("roll back to the first release", lambda: of.deploy("release-1", migrate=False, digest=""))
        of.serves("release-1")
    of.secret_is_kept()
    of.step("a path fails: its requests leave, and return", of.shift_paths)
    of.step("nothing has drifted", of.nothing_has_drifted)
    of.step("destroy stack and bootstrap", of.destroy)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("shopease", type=Path)
    parser.add_argument("postgresql", type=Path)
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()
    with Server(arguments.directory, arguments.postgresql) as server:
        server.create_first_user()
        server.demand_iam("password")
        of = Rehearsal(arguments.directory.resolve(), f"127.0.0.1:{server.port}", arguments.shopease, server.programs / "psql")
        try:
            rehearse(arguments.whole, of)
        except BaseException:
            print(of.log.read_text()[-8000:])
            raise
        finally:
            of.stop()
    print("\n| step | s | its parts, s |\n|---|--:|---|")
    for name, seconds, details in of.rows:
        print(f"| {name} | {seconds:.0f} | {details} |")
    print(f"| all | {sum(seconds for _, seconds, _ in of.rows):.0f} | |\n")
    for what in NOT_REHEARSED:
        print(f"not rehearsed: {what}")


if __name__ == "__main__":
    sys.exit(main())
