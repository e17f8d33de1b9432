"""Deploys the functions with SAM to an emulated AWS that enforces policies, then tests both paths behind one load balancer.

Usage: functions.py WORK_DIRECTORY BINARIES SAM_CLI
"""

import json
import os
import re
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
from shopsite import Browser, Process, free_port

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ["storefront", "catalog", "cart", "checkout", "accounts", "admin", "worker"]
ENVIRONMENT, STACK = "dev", "shopease"
SHOP_NAME = "Kettles"
SECRET = "whsec_of_the_test"
PASSWORD = "correct horse battery"
OPERATOR = "operator@example.com"
REQUESTS = 200


def report_step(text, begun=[time.monotonic()]):
    now = time.monotonic()
    print(f"  {now - begun[0]:6.1f} s  {text}", flush=True)
    begun[0] = now


def package(work, binaries):
    """Creates zip files like `cargo lambda build`, from binaries of the development profile, and a template that refers to them."""
    def pack(name):
        stripped = work / f"{name}.stripped"
        subprocess.run(["strip", "--output-file", stripped, binaries / name], check=True)
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        with zipfile.ZipFile(work / f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(entry, stripped.read_bytes())
        stripped.unlink()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(pack, FUNCTIONS))
    text = (ROOT / "sam/template.yaml").read_text()
    text, built = re.subn(r"    Metadata: .*Binary: (\w+).*\n    Properties:\n", rf"    Properties:\n      CodeUri: {work}/\1.zip\n", text)
    assert built == len(FUNCTIONS), built
    path = work / "template.yaml"
    path.write_text(text)
    return path


def run(command, work, environment):
    """Runs a command to completion. Its output is shown if it fails."""
    done = subprocess.run(command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        lines = done.stdout.decode(errors="replace").replace("\r", "\n").splitlines()
        raise RuntimeError(f"{command} failed:\n" + "\n".join(line for line in lines if "Uploading to" not in line))


class Cloud:
    """The emulator, and clients with the permissions of the account's root user."""

    def __init__(self, work):
        self.port = free_port()
        url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ, "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0", "TMPDIR": str(work), "HOME": str(work),
        }
        for name in list(self.environment):
            if name.startswith("SHOPEASE_") or name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
                del self.environment[name]
        settings = {"AUTH": "true", "GATEWAY_PORT": str(self.port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
        server = [sys.executable, str(Path(__file__).with_name("emulator.py"))]
        self.process = Process("ministack", server, work, env={**self.environment, **settings})
        self.process.wait_for(self.port, "/_ministack/health")

    def client(self, service):
        return boto3.client(service, region_name="us-east-1", endpoint_url=self.environment["AWS_ENDPOINT_URL"],
                            aws_access_key_id="test", aws_secret_access_key="test")


def shop(browser, email):
    """Shops from the home page to the order page. Returns the path of the order."""
    browser.get("/").expect(200, SHOP_NAME)
    browser.get("/search?q=linen+note").expect(200, "/products/linen-bound-notebook")
    browser.get("/products/linen-bound-notebook").expect(200, "Add to cart")
    browser.submit("/cart/line-items").expect(200, "cart", "/products/linen-bound-notebook")
    browser.get("/products/hand-coffee-grinder").expect(200)
    browser.submit("/cart/line-items").expect(200, "/products/hand-coffee-grinder")
    browser.get("/checkout").expect(200)
    browser.submit("/checkout", email=email, name="Ada Lovelace", line1="Gartenweg 3", postal_code="10115", city="Berlin",
                   country="DE", action="review").expect(200, "Order and pay")
    browser.submit("/checkout", action="place").expect(200, "Thank you")
    assert browser.path.startswith("/orders/"), browser.path
    return browser.path


def sign_in(browser, email):
    """Signs in through the API: the emulator treats every POST to /login as a request to Cognito."""
    browser.post_json("/api/v1/sessions", {"email": email, "password": PASSWORD}).expect(201)


def journey(cloud, port, host, work, binaries, environment):
    guest = Browser(port, host)
    report_step(f"a guest's order: {shop(guest, 'guest@example.com').split('?')[0]}")
    known = Browser(port, host)
    known.get("/products/linen-bound-notebook")
    known.submit("/cart/line-items").expect(200)
    known.get("/register").expect(200)
    known.submit("/register", name="Ada Lovelace", email="ada@example.com", password=PASSWORD).expect(200)
    order = shop(known, "ada@example.com").split("?")[0]
    known.get("/account").expect(200, order)
    known.submit("/logout")
    sign_in(known, "ada@example.com")
    report_step("an account: registered with a cart, ordered, listed, signed out and in")

    subprocess.run([binaries / "shopease", "operator", OPERATOR], input=PASSWORD.encode(), env=environment, check=True, stdout=subprocess.DEVNULL)
    operator = Browser(port, host)
    sign_in(operator, OPERATOR)
    operator.get("/admin").expect(200, order.rsplit("/", 1)[1])
    operator.get(f"/admin{order}").expect(200)
    operator.get("/admin/stock/linen-bound-notebook").expect(200)
    report_step("an operator: orders, an order, stock")

    for path, words in (("/api/v1/products?q=linen", "linen-bound-notebook"), ("/api/v1/categories", "items"), ("/readyz", "ready")):
        Browser(port, host).get(path).expect(200, words)
    Browser(port, host).get("/no-such-page").expect(404)
    assert Browser(port, host).request("DELETE", "/cart").status == 405
    head = Browser(port, host).request("HEAD", "/products")
    assert (head.status, head.text) == (200, ""), head.status
    answer = cloud.client("lambda").invoke(FunctionName=f"shopease-{ENVIRONMENT}-worker", Payload=b"{}")
    report = answer["Payload"].read().decode()
    assert "FunctionError" not in answer, report
    report_step(f"API, HEAD, 404, 405, and the worker: {report}")


def enforcement(cloud, port, host):
    """Checks that policies are enforced: a function fails without a statement of its role, and works again with it."""
    iam = cloud.client("iam")
    role = cloud.client("lambda").get_function(FunctionName=f"shopease-{ENVIRONMENT}-cart")["Configuration"]["Role"].split("/")[-1]
    policy = iam.get_role_policy(RoleName=role, PolicyName="run")["PolicyDocument"]
    without = {**policy, "Statement": [each for each in policy["Statement"] if "dynamodb:PutItem" not in each["Action"]]}
    assert len(without["Statement"]) == len(policy["Statement"]) - 1
    foreign = {**policy, "Statement": [
        {**each, "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ORDER#*"]}}} if "Condition" in each else each
        for each in policy["Statement"]]}
    for document, expected in ((without, 500), (foreign, 500), (policy, 200)):
        iam.put_role_policy(RoleName=role, PolicyName="run", PolicyDocument=json.dumps(document))
        browser = Browser(port, host)
        browser.get("/products/linen-bound-notebook")
        status = browser.submit("/cart/line-items").status
        assert status // 100 == expected // 100, f"{status} with {document}"
    report_step("the policies are enforced: action and partition keys")


def both_paths(cloud, ports):
    """A load balancer with the rules that Terraform makes of its routes.json, on the services and the functions: 80/20, 0/100 and 100/0."""
    elb = cloud.client("elbv2")
    subnets = [subnet["SubnetId"] for subnet in cloud.client("ec2").describe_subnets()["Subnets"]][:2]
    name = f"shopease-{ENVIRONMENT}"
    balancer = elb.create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    groups = {}

    def group(key, target, **settings):
        groups[key] = elb.create_target_group(Name=f"{name}-{key}", **settings)["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=groups[key], Targets=[target])

    for service, port in ports.items():
        group(service, {"Id": "127.0.0.1", "Port": port}, Protocol="HTTP", Port=port, TargetType="ip", VpcId="vpc-1")
    for area in FUNCTIONS[:-1]:
        arn = cloud.client("lambda").get_function(FunctionName=f"{name}-{area}")["Configuration"]["FunctionArn"]
        group(area, {"Id": arn}, TargetType="lambda")
        elb.modify_target_group_attributes(TargetGroupArn=groups[area], Attributes=[{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}])
    listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[
        {"Type": "forward", "TargetGroupArn": groups["frontend"]}])["Listeners"][0]["ListenerArn"]
    routes = json.loads((ROOT / "terraform/routes.json").read_text())

    def weighted(rule, fargate, functions):
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": groups[rule["service"]], "Weight": fargate}, {"TargetGroupArn": groups[rule["area"]], "Weight": functions}]}}]

    rules = []
    for priority, rule in enumerate([*routes["rules"], {**routes["default"], "patterns": ["/*"]}], 1):
        made = elb.create_rule(ListenerArn=listener, Priority=priority, Actions=weighted(rule, 80, 20),
                               Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": rule["patterns"]}}])
        rules.append((made["Rules"][0]["RuleArn"], rule))

    def counted(path, requests):
        browser = Browser(cloud.port, f"{name}.alb.localhost")
        runtimes = [browser.get(path).expect(200).headers.get("x-shopease-path") for _ in range(requests)]
        assert set(runtimes) <= {"lambda", "fargate"}, set(runtimes)
        return runtimes.count("lambda")

    share = counted("/products", REQUESTS)
    # Four standard deviations of a binomial distribution: fails wrongly once in 16,000 runs.
    spread = 4 * (REQUESTS * 0.2 * 0.8) ** 0.5
    assert abs(share - REQUESTS * 0.2) <= spread, f"{share} of {REQUESTS} reached the functions, expected 20%"
    report_step(f"80/20: {REQUESTS - share} of {REQUESTS} requests reached the services, {share} the functions")
    for fargate, functions, expected in ((0, 100, 10), (100, 0, 0)):
        for arn, rule in rules:
            elb.modify_rule(RuleArn=arn, Actions=weighted(rule, fargate, functions))
        found = counted("/cart", 10)
        assert found == expected, f"{found} of 10 on the functions at {fargate}/{functions}"
        Browser(cloud.port, f"{name}.alb.localhost").get("/api/v1/products?q=linen").expect(200, "linen-bound-notebook")
    report_step("0/100 and 100/0: all requests on the one side")


def main():
    work, binaries, sam = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    template = package(work, binaries)
    report_step("packaged")
    cloud = Cloud(work)
    payments, backend, frontend = free_port(), free_port(), free_port()
    environment = {**cloud.environment, "SHOPEASE_STORE": "dynamodb", "SHOPEASE_DYNAMODB_TABLE": f"shopease-{ENVIRONMENT}",
                   "SHOPEASE_FAKE_PAYMENTS_URL": f"http://127.0.0.1:{payments}",
                   "SHOPEASE_PAYMENT_WEBHOOK_SECRET": SECRET, "SHOPEASE_WORKER_SECONDS": "0",
                   "SHOPEASE_NAME": SHOP_NAME}
    shopease = str(binaries / "shopease")
    with cloud.process, Process("payments", [shopease, "fake-payments", "--port", str(payments)], work,
                                env={**cloud.environment, "SHOPEASE_PAYMENT_WEBHOOK_SECRET": SECRET}):
        deploy = [sam, "deploy", "--template-file", str(template), "--config-file", str(ROOT / "sam/samconfig.toml"), "--no-confirm-changeset",
                  "--parameter-overrides", f"Environment={ENVIRONMENT}", f"FakePaymentsUrl=http://127.0.0.1:{payments}"]
        for function in FUNCTIONS:
            secret = f"/shopease/{ENVIRONMENT}/{function}/payment-webhook-secret"
            cloud.client("ssm").put_parameter(Name=secret, Value=SECRET, Type="SecureString")
        run(deploy, work, cloud.environment)
        stack = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        url = next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "Url")
        host = url.split("://")[1].split(".")[0] + ".execute-api.localhost"
        report_step(f"deployed: {url}")
        with Process("backend", [shopease, "serve", "--role", "backend", "--demo", "--port", str(backend)], work, env=environment) as services:
            services.wait_for(backend, "/readyz", 120)
            at = {**environment, "SHOPEASE_BACKEND_URL": f"http://127.0.0.1:{backend}"}
            with Process("frontend", [shopease, "serve", "--role", "frontend", "--port", str(frontend)], work, env=at) as pages:
                pages.wait_for(frontend, "/healthz")
                report_step("the demo catalog is imported, frontend and backend are ready")
                journey(cloud, cloud.port, host, work, binaries, environment)
                enforcement(cloud, cloud.port, host)
                both_paths(cloud, {"frontend": frontend, "backend": backend})
        delete = [sam, "delete", "--no-prompts", "--stack-name", STACK, "--region", "us-east-1"]
        run(delete, work, cloud.environment)
        left = cloud.client("lambda").list_functions()["Functions"]
        assert not left, left
        report_step("deleted")


main()
