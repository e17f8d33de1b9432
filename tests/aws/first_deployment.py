"""Runs scripts/first-deployment.sh and scripts/teardown.sh on an emulated AWS, from an account with a hosted zone to the same account.

Usage: first_deployment.py [--whole]. Without --whole, nothing is deployed: arguments, checks, and confirmations. Terraform, the AWS CLI, and moto must be
installed; TF_CLI_ARGS_init may name a directory of plugins.

What cannot run here is replaced: docker and cargo record their calls and leave what a build leaves, and curl answers as the shop does.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[2]
REPLACED = ["aws", "cargo", "curl", "docker"]
FUNCTIONS = ["storefront", "catalog", "cart", "checkout", "accounts", "admin", "worker"]
DOMAIN = "dev.example.com"
OPERATOR = "operator@example.com"
PASSWORD = "a long password"


def client(service):
    return boto3.client(service)


################################################################################
# Programs that stand for others: first_deployment.py --as PROGRAM ARGUMENTS
################################################################################


def stand_for(program, arguments):
    place = Path(os.environ["STAND_INS"])
    faults = (place / "faults").read_text().split() if (place / "faults").exists() else []
    if program == "aws":
        if arguments == ["--version"]:
            print("aws-cli/1.46.2 Python/3.11" if "aws" in faults else "aws-cli/2.31.0 Python/3.13 Linux/6.1 exe/x86_64")
            return
        # Version 1, which PyPI has, ignores AWS_ENDPOINT_URL for RDS.
        os.execv(os.environ["AWS_OF_THE_EMULATOR"], [program, *arguments, "--endpoint-url", os.environ["AWS_ENDPOINT_URL"]])
    with (place / "calls").open("a") as calls:
        calls.write(json.dumps([program, *arguments]) + "\n")
    {"cargo": cargo, "curl": curl, "docker": docker}[program](place, arguments, faults)


def docker(_, arguments, faults):
    if arguments[0] == "login":
        assert sys.stdin.read()
    if arguments[:2] == ["buildx", "build"]:
        if "docker" in faults:
            sys.exit("ERROR: failed to solve: no space left on device")
        repository, tag = arguments[arguments.index("--tag") + 1].partition("/")[2].split(":")
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {}, "layers": [{"digest": f"sha256:{64 * '1'}"}]}
        client("ecr").put_image(repositoryName=repository, imageTag=tag, imageManifest=json.dumps(manifest))


def cargo(place, arguments, _):
    if arguments[:2] == ["lambda", "build"]:
        for function in FUNCTIONS:
            built = Path("target/lambda") / function
            built.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(built / "bootstrap.zip", "w") as archive:
                archive.writestr("bootstrap", function)
    if arguments[0] == "run":
        assert os.environ["AWS_ACCESS_KEY_ID"] and os.environ["SHOPEASE_DYNAMODB_TABLE"] == "shopease-dev"
        command = arguments[arguments.index("--") + 1 :]
        done = place / command[0]
        if command[0] == "operator":
            if done.exists():
                sys.exit(f"Error: {command[1]} is already an operator; to set a new password, run: shopease operator {command[1]} --reset-password")
            if len(sys.stdin.readline().strip()) < 10:
                sys.exit("Error: the password is too short")
            assert command == ["operator", OPERATOR], command
        done.touch()


def curl(place, arguments, _):
    address = arguments[-1]
    if "truststore" in address:
        Path(arguments[arguments.index("--output") + 1]).write_text("certificates")
        return
    assert address.startswith(f"https://{DOMAIN}/"), arguments
    if "--dump-header" in arguments:
        served = place / "served"
        count = len(served.read_text()) if served.exists() else 0
        served.write_text((count + 1) * ".")
        print(f"HTTP/2 200\r\nx-shopease-path: {['fargate', 'lambda'][count % 2]}\r\n\r")
        return
    items = '{"id":"prd_1"}' if (place / "import").exists() else ""
    path = address.removeprefix(f"https://{DOMAIN}")
    print({"/healthz": "ok", "/readyz": "ready", "/products": '<a href="/products/mug">'}.get(path, f'{{"items":[{items}]}}'))


################################################################################
# The scripts
################################################################################


class Account:
    def __init__(self, directory):
        self.directory, self.place = directory, directory / "stand-ins"
        for source in [".github/scripts", "scripts", "terraform"]:
            shutil.copytree(ROOT / source, directory / source, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        for source in ["functions/settings.json", "functions/access.json", "docs/first-deployment.md", "docs/teardown.md"]:
            (directory / source).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / source, directory / source)
        for root in ["stack", "bootstrap"]:
            shutil.copy(ROOT / "terraform/emulator/provider_override.tf", directory / "terraform" / root)
        (self.place / "bin").mkdir(parents=True)
        for program in REPLACED:
            file = self.place / "bin" / program
            file.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" --as {program} "$@"\n')
            file.chmod(0o755)
        self.environment = {
            **os.environ,
            "STAND_INS": str(self.place), "AWS_OF_THE_EMULATOR": shutil.which("aws"), "PATH": f"{self.place / 'bin'}:{os.environ['PATH']}",
            "TF_VAR_wait_for_tasks": "false", "TF_CLI_ARGS": "-no-color", "TF_CLI_ARGS_apply": "-parallelism=20", "TF_CLI_ARGS_destroy": "-parallelism=20",
        }
        self.zone = client("route53").create_hosted_zone(Name="example.com.", CallerReference="test")["HostedZone"]["Id"].removeprefix("/hostedzone/")
        self.inventory_before = inventory()

    def run(self, script, arguments, given="", faults="", **environment):
        (self.place / "faults").write_text(faults)
        done = subprocess.run(
            [self.directory / "scripts" / script, *arguments], cwd=self.directory, env={**self.environment, **environment},
            input=given, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        return done.returncode, done.stdout

    def deploy(self, *options, zone=None, **other):
        arguments = ["--domain", DOMAIN, "--zone", zone or self.zone, "--operator", OPERATOR, "--repository", "example/shopease", "--release", "first"]
        return self.run("first-deployment.sh", [*arguments, *options], **other)

    def calls(self, *beginning):
        file = self.place / "calls"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return sum(line[: len(beginning)] == list(beginning) for line in lines)

    def unchanged(self, output):
        assert inventory() == self.inventory_before, f"{inventory()}\n{output}"


def inventory():
    """What an account has, besides what AWS keeps of it: keys that wait for their deletion, inactive clusters, keys of services. moto also keeps the
    private zone of a deleted namespace."""
    keys = [client("kms").describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in client("kms").list_keys()["Keys"]]
    own = {"TagKey": "Project", "TagValue": "shopease"}
    clusters = client("ecs").describe_clusters(clusters=client("ecs").list_clusters()["clusterArns"])["clusters"]
    names = lambda service, call, found, name, **options: sorted(entry[name] if name else entry for entry in getattr(client(service), call)(**options)[found])
    zones = [zone for zone in client("route53").list_hosted_zones()["HostedZones"] if zone["Name"] == "example.com."]
    return {
        "addresses": names("ec2", "describe_addresses", "Addresses", "PublicIp"),
        "alarms": names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "buckets": names("s3", "list_buckets", "Buckets", "Name"),
        "certificates": names("acm", "list_certificates", "CertificateSummaryList", "CertificateArn"),
        "clusters": [cluster["clusterName"] for cluster in clusters if cluster["status"] == "ACTIVE"],
        "functions": names("lambda", "list_functions", "Functions", "FunctionName"),
        "keys": [key["KeyId"] for key in keys if key["KeyState"] != "PendingDeletion" and own in client("kms").list_resource_tags(KeyId=key["KeyId"])["Tags"]],
        "load balancers": names("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
        "logs": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "namespaces": names("servicediscovery", "list_namespaces", "Namespaces", "Name"),
        "parameters": names("ssm", "get_parameters_by_path", "Parameters", "Name", Path="/shopease", Recursive=True),
        "policies": names("iam", "list_policies", "Policies", "PolicyName", Scope="Local"),
        "providers": names("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList", "Arn"),
        "records": sorted(record["Name"] for zone in zones for record in client("route53").list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]),
        "repositories": names("ecr", "describe_repositories", "repositories", "repositoryName"),
        "roles": names("iam", "list_roles", "Roles", "RoleName"),
        "tables": names("dynamodb", "list_tables", "TableNames", None),
        "topics": names("sns", "list_topics", "Topics", "TopicArn"),
        "networks": names("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    }


def expect(found, code, *texts, absent=()):
    returned, output = found
    assert returned == code, f"exit code {returned} instead of {code}:\n{output[-6000:]}"
    for text in texts:
        assert text in output, f"no {text!r} in:\n{output[-6000:]}"
    for text in absent:
        assert text not in output, f"{text!r} in:\n{output[-6000:]}"
    return output


################################################################################
# What they do, in this order
################################################################################


def wrong_arguments_and_help(account):
    expect(account.run("first-deployment.sh", ["--help"]), 0, "Usage: scripts/first-deployment.sh")
    expect(account.run("teardown.sh", ["--help"]), 0, "Usage: scripts/teardown.sh")
    expect(account.run("first-deployment.sh", ["--domain", DOMAIN]), 2, "--domain, --zone, and --operator are required")
    expect(account.run("first-deployment.sh", ["--domain"]), 2, "--domain needs a value")
    expect(account.deploy("--password", PASSWORD), 2, "Unknown argument: --password")
    expect(account.deploy("--environment", "prod"), 2, "docs/development-to-production.md")
    expect(account.run("teardown.sh", ["--environment", "production"]), 2, "one of dev perf staging canary prod")


def missing_prerequisites_are_listed_at_once(account):
    programs = account.directory / "programs"
    programs.mkdir()
    for name in ["bash", "cat", "cp", "dirname", "head", "jq", "mktemp", "rm", "sed", "sort", "sh", "awk", "grep", "terraform", "env"]:
        (programs / name).symlink_to(shutil.which(name))
    (programs / "aws").symlink_to(account.place / "bin/aws")
    networks = [client("ec2").create_vpc(CidrBlock=f"10.{200 + number}.0.0/16")["Vpc"]["VpcId"] for number in range(4)]
    addresses = [client("ec2").allocate_address(Domain="vpc")["AllocationId"] for _ in range(5)]
    output = expect(
        account.deploy("--yes", zone="Z0000000000000", faults="aws", PATH=str(programs)), 1,
        "Nothing was changed. First resolve:", "docker is not installed", "cargo is not installed", "curl is not installed", "zip is not installed",
        "The AWS CLI must be version 2, and is aws-cli/1.46.2", "Hosted zone Z0000000000000 cannot be read", 'The quota "VPCs per Region" is 5, and 6 are needed',
        'The quota "EC2-VPC Elastic IPs" is 5, and 6 are needed',
    )
    for address in addresses:
        client("ec2").release_address(AllocationId=address)
    for network in networks:
        client("ec2").delete_vpc(VpcId=network)
    account.unchanged(output)
    expect(account.deploy("--yes", "--domain", "dev.example.org"), 1, "dev.example.org does not belong to hosted zone", "which is example.com")
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    expect(account.deploy("--yes", **none), 1, "no valid credentials")
    expect(account.run("teardown.sh", [], given="dev\n", **none), 1, "no valid credentials")


def nothing_is_created_before_it_is_confirmed(account):
    output = expect(account.deploy("--dry-run"), 0, "All checks passed. Nothing was created.", "USD a day without a request", "create the OIDC provider")
    output += expect(account.deploy(given=f"y\n{PASSWORD}\n"), 1, "Nothing was created.")
    output += expect(account.deploy("--yes", given=""), 1, "The operator's password is missing")
    output += expect(account.run("teardown.sh", [], given="dev\n"), 0, "There is nothing to destroy.")
    account.unchanged(output)


def a_failed_step_is_continued(account):
    expect(
        account.deploy("--yes", given=PASSWORD, faults="docker"), 1,
        "[1/7] State bucket, repositories, roles: done in", "no space left on device", "[2/7] Image of the shop: failed after", "Correct what Docker",
        "run the same command again", absent=["[3/7]"],
    )
    assert not inventory()["networks"][1:], "the environment was created"
    expect(
        account.deploy(given="yes\nshort\n"), 1, "No changes.", "[6/7] Operator: failed after", "the password is too short",
        "keep the OIDC provider", absent=["[7/7]"],
    )
    output = expect(
        account.deploy(given=f"yes\n{PASSWORD}\n"), 0, "The repository has the image already.", "The bucket has the functions already.",
        "The shop has products already.", "[7/7] Smoke test: done in", "https://dev.example.com is deployed", "20 fargate", "20 lambda",
    )
    assert PASSWORD not in output
    assert [account.calls("docker", "buildx", "build"), account.calls("cargo", "lambda", "build")] == [2, 1]


def a_second_run_does_nothing_twice(account):
    before = inventory()
    output = expect(account.deploy("--yes", given=PASSWORD), 0, f"{OPERATOR} is already an operator, and keeps the password.")
    assert output.count("No changes.") == 2, output
    assert inventory() == before
    assert [account.calls("docker", "buildx", "build"), account.calls("cargo", "lambda", "build"), account.calls("cargo", "run", "--quiet", "--features", "dynamodb", "--", "import")] == [2, 1, 1]


def another_checkout_is_warned(account):
    state = account.directory / "terraform/bootstrap/terraform.tfstate"
    moved = state.rename(state.with_suffix(".away"))
    expect(account.deploy("--yes", given=PASSWORD), 1, "terraform/bootstrap has no state here: use the checkout that created it")
    moved.rename(state)


def nothing_is_destroyed_before_it_is_confirmed(account):
    before = inventory()
    client("logs").create_log_group(logGroupName="/aws/ecs/containerinsights/shopease-dev/performance")
    client("ssm").put_parameter(Name="/shopease/dev/written-by-an-operator", Value="x", Type="String")
    left = ["log group /aws/ecs/containerinsights/shopease-dev/performance: aws logs delete-log-group", "parameter /shopease/dev/written-by-an-operator"]
    output = expect(account.run("teardown.sh", ["--dry-run"]), 0, "Nothing was destroyed.", "with all their data", "all images and releases", *left, absent=["/shopease/dev/deployment/url"])
    output += expect(account.run("teardown.sh", [], given="y\n"), 1, "Nothing was destroyed.")
    output += expect(account.run("teardown.sh", [], given="\n"), 1, "Nothing was destroyed.")
    client("logs").delete_log_group(logGroupName="/aws/ecs/containerinsights/shopease-dev/performance")
    assert len(inventory()["functions"]) == len(before["functions"]) and inventory()["networks"] == before["networks"], output


def teardown_leaves_nothing(account):
    expect(
        account.run("teardown.sh", ["--keep-bootstrap"], given="dev\n"), 0, "[1/2] Environment dev", "It stays: --keep-bootstrap.",
        "- parameter /shopease/dev/written-by-an-operator: aws ssm delete-parameter", "- KMS key arn:aws:kms:",
    )
    client("ssm").delete_parameter(Name="/shopease/dev/written-by-an-operator")
    output = expect(account.run("teardown.sh", [], given="dev\n"), 0, "It is destroyed already.", "[2/2] Bootstrap: done in", "costs nothing until then")
    account.unchanged(output)
    expect(account.run("teardown.sh", [], given="dev\n"), 0, "There is nothing to destroy.")


def the_provider_of_others_is_used_and_stays(account):
    arn = client("iam").create_open_id_connect_provider(Url="https://token.actions.githubusercontent.com", ThumbprintList=[40 * "0"])["OpenIDConnectProviderArn"]
    account.inventory_before = inventory()
    expect(account.deploy("--yes", given=PASSWORD, faults="docker"), 1, "use the account's OIDC provider", "[1/7] State bucket, repositories, roles: done in")
    output = expect(account.run("teardown.sh", [], given="dev\n"), 0, "[2/2] Bootstrap: done in")
    account.unchanged(output)
    assert arn in inventory()["providers"]


QUICK = [wrong_arguments_and_help, missing_prerequisites_are_listed_at_once, nothing_is_created_before_it_is_confirmed]
WHOLE = [
    a_failed_step_is_continued,
    a_second_run_does_nothing_twice,
    another_checkout_is_warned,
    nothing_is_destroyed_before_it_is_confirmed,
    teardown_leaves_nothing,
    the_provider_of_others_is_used_and_stays,
]


def main(whole):
    directory = Path(tempfile.mkdtemp())
    log = (directory / "moto.log").open("w")
    server = subprocess.Popen([sys.executable, "moto_server.py"], cwd=ROOT / "terraform/emulator", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        ready = next((line for line in server.stdout if line.startswith("ready ")), None)
        assert ready, (directory / "moto.log").read_text()
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "TF_CLI_CONFIG_FILE", "TF_DATA_DIR"]:
            os.environ.pop(name, None)
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ready.split()[1]}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }
        account = Account(directory / "checkout")
        for scenario in [*QUICK, *(WHOLE if whole else [])]:
            begun = time.monotonic()
            scenario(account)
            print(f"  {time.monotonic() - begun:6.1f} s  {scenario.__name__.replace('_', ' ')}", flush=True)
    except BaseException:
        print((directory / "moto.log").read_text()[-4000:])
        raise
    finally:
        server.stdin.close()
        server.wait()
        shutil.rmtree(directory)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as"]:
        stand_for(sys.argv[2], sys.argv[3:])
    else:
        main(sys.argv[1:] == ["--whole"])
