"""Holds what Terraform plans against its other side: workflows, handlers, timeouts, metrics, quotas, other environments.

Usage: infrastructure.py DIRECTORY

DIRECTORY has the states of bootstrap and all environments. What they contain is in the tables of terraform/expected (tables.py); the checks here
compare it with something else.
"""

import fnmatch
import json
import re
import sys
from pathlib import Path

import yaml
from terraform_state import BOOTSTRAP, ENVIRONMENTS, State, listed

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in sorted((ROOT / ".github/workflows").glob("*.yml"))}


def text(path):
    return (ROOT / path).read_text()


def number(pattern, path):
    found = re.search(pattern, text(path))
    assert found, f"{path} has no {pattern}"
    return int(found.group(1))


# Pipeline and roles


def callers(name):
    """Values of the input `environment` with which workflows call this one."""
    for workflow in WORKFLOWS.values():
        for job in workflow["jobs"].values():
            if job.get("uses") == f"./.github/workflows/{name}":
                value = job["with"]["environment"]
                inputs = (workflow.get("on") or workflow[True])
                if value == "${{ inputs.environment }}":
                    yield from inputs["workflow_dispatch"]["inputs"]["environment"]["options"]
                else:
                    yield value


def logins():
    """Every step that logs in to AWS, with the environments of its job."""
    for name, workflow in WORKFLOWS.items():
        for job in workflow["jobs"].values():
            for step in job.get("steps", []):
                if step.get("uses", "").startswith("aws-actions/configure-aws-credentials@"):
                    environment = job["environment"]
                    yield job, step["with"], set(callers(name)) if environment == "${{ inputs.environment }}" else {environment}


def policies(role, bootstrap):
    documents = [json.loads(policy["policy"]) for policy in bootstrap.all("aws_iam_role_policy") if policy["role"] == role["name"]]
    return [statement for document in documents for statement in document["Statement"]]


def role_of(environment, bootstrap):
    """The role that trusts tokens of jobs of this environment."""
    subject = f"repo:example/shopease:environment:{environment}"
    roles = [role for role in bootstrap.all("aws_iam_role") if f'"{subject}"' in role["assume_role_policy"]]
    assert len(roles) == 1, f"{len(roles)} roles trust {subject}"
    return roles[0]


def every_login_has_a_role(bootstrap, _):
    """The role trusts the subject of the job's token, allows its session, and is the one that the variable is for."""
    known = {environment for _, _, environments in logins() for environment in environments}
    assert known == {*ENVIRONMENTS, "build", "build-pull-request"}, known
    for job, inputs, environments in logins():
        duration = inputs.get("role-duration-seconds", 3600)
        assert duration >= 60 * job["timeout-minutes"], f"the session of {environments} ends before its job"
        for environment in environments:
            role = role_of(environment, bootstrap)
            assert duration <= role["max_session_duration"], f"the role of {environment} refuses a session of {duration} s"
            conditions = json.loads(role["assume_role_policy"])["Statement"][0]["Condition"]["StringEquals"]
            assert conditions.get("token.actions.githubusercontent.com:aud") == "sts.amazonaws.com", conditions
            publishes = any("ecr:PutImage" in listed(statement["Action"]) for statement in policies(role, bootstrap))
            assert publishes == ("PUBLISH" in inputs["role-to-assume"]), f"{environment}: publishes is {publishes}"


def no_build_has_credentials(*_):
    """Build scripts of dependencies run in jobs that cannot request a token."""
    compiles = re.compile(r"cargo|docker buildx build|zips\.sh")
    # A script that a step calls is part of it.
    called = {path.name: path.read_text() for path in (ROOT / ".github/scripts").glob("*.sh")}
    jobs = 0
    for name, workflow in WORKFLOWS.items():
        for key, job in workflow["jobs"].items():
            steps = "\n".join(step.get("run", "") for step in job.get("steps", []))
            steps += "".join(body for script, body in called.items() if script in steps)
            if compiles.search(steps) and "./.ci/run" not in steps:
                jobs += 1
                assert "id-token" not in (job.get("permissions") or {}), f"{name}, job {key}, compiles and may log in"
    assert jobs, "no job compiles"


def no_deployment_is_cancelled(*_):
    """Terraform that is killed leaves its state locked."""
    for name, workflow in WORKFLOWS.items():
        for key, job in workflow["jobs"].items():
            deploys = job.get("uses", "").endswith("/deploy.yml") or "terraform" in str(job.get("steps", ""))
            for concurrency in (workflow.get("concurrency"), job.get("concurrency")):
                assert not (deploys and concurrency and concurrency.get("cancel-in-progress")), f"{name}: a new run cancels {key}"
    for script in (ROOT / ".github/scripts").glob("*.sh"):
        for line in script.read_text().splitlines():
            if re.search(r"terraform_in_stack (plan|apply) ", line):
                assert '"$lock"' in line, f"{script.name} does not wait for a lock: {line.strip()}"


def pushed(rules, images):
    """Images that a lifecycle policy keeps, newest first. Images: (tag or None, index that refers to it or None, age in days)."""
    kept = list(images)
    for rule in sorted(rules, key=lambda rule: rule["rulePriority"]):
        selection = rule["selection"]
        chosen = [image for image in kept if selection["tagStatus"] in ("any", "tagged" if image[0] else "untagged")]
        if selection["countType"] == "imageCountMoreThan":
            expired = chosen[selection["countNumber"]:]
        else:
            expired = [image for image in chosen if image[2] > selection["countNumber"]]
        kept = [image for image in kept if image not in expired]
    return kept


def images_in_use_are_kept(bootstrap, _):
    """A hundred pull requests do not delete prod's image, which is a hundred releases old; a build is an index with four manifests."""
    repositories = {policy["repository"]: json.loads(policy["policy"])["rules"] for policy in bootstrap.all("aws_ecr_lifecycle_policy")}
    pushes = {"build": "release", "build-pull-request": "pull"}
    targets = {}
    for environment in pushes:
        arns = [arn for statement in policies(role_of(environment, bootstrap), bootstrap) if "ecr:PutImage" in listed(statement["Action"]) for arn in listed(statement["Resource"])]
        targets[environment] = {arn.rpartition("/")[2] for arn in arns}
        assert len(targets[environment]) == 1, f"{environment} pushes to {targets[environment]}"
    log = {repository: [] for repository in repositories}
    # Every release follows ten pushes to pull requests; newest first.
    for number in range(1000):
        environment = "build" if number % 10 == 9 else "build-pull-request"
        tag, days = f"{pushes[environment]}-{number}", number // 20
        log[next(iter(targets[environment]))] += [(tag, None, days), *((None, tag, days) for _ in range(4))]
    kept = {repository: {tag for tag, _, _ in pushed(rules, log[repository])} for repository, rules in repositories.items()}
    assert "release-999" in kept[next(iter(targets["build"]))], "the image of a hundred releases ago is deleted"
    assert "pull-0" in kept[next(iter(targets["build-pull-request"]))], "the newest image of dev is deleted"


def matches(pattern, value):
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


def allowed(statements, action, resource, tags):
    """Whether statements allow an action on a resource with tags; conditions on other keys count as met."""
    verdict = False
    for statement in statements:
        if not any(matches(pattern, action) for pattern in listed(statement["Action"])):
            continue
        if not any(matches(pattern, resource) for pattern in listed(statement["Resource"])):
            continue
        conditions = statement.get("Condition", {}).get("StringEquals", {})
        of_tags = {key.partition("/")[2]: value for key, value in conditions.items() if key.startswith("aws:ResourceTag/")}
        asked = any(key.startswith("aws:RequestTag/") for key in conditions)
        if asked or any(tags.get(tag) not in listed(values) for tag, values in of_tags.items()):
            continue
        if statement["Effect"] == "Deny":
            return False
        verdict = True
    return verdict


# What a pull request must not do to another environment: action, resource with {name}, whether only the tag says whose it is.
ATTACKS = [
    ("rds:DeleteDBInstance", "arn:aws:rds:us-east-1:123456789012:db:{name}"),
    ("rds:ModifyDBInstance", "arn:aws:rds:us-east-1:123456789012:db:{name}"),
    ("dynamodb:DeleteTable", "arn:aws:dynamodb:us-east-1:123456789012:table/{name}"),
    ("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:123456789012:table/{name}"),
    ("lambda:UpdateFunctionCode", "arn:aws:lambda:us-east-1:123456789012:function:{name}-checkout"),
    ("ecs:UpdateService", "arn:aws:ecs:us-east-1:123456789012:service/{name}/{name}-backend"),
    ("ecs:DeleteCluster", "arn:aws:ecs:us-east-1:123456789012:cluster/{name}"),
    ("elasticloadbalancing:DeleteLoadBalancer", "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/{name}/0123456789abcdef"),
    ("s3:DeleteObject", "arn:aws:s3:::{name}-assets-123456789012/assets/shop.css"),
    ("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/{path}/backend/stripe-secret-key"),
    ("kms:ScheduleKeyDeletion", "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"),
    ("kms:Decrypt", "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"),
    ("ec2:DeleteVpc", "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-0"),
    ("ec2:CreateNetworkInterface", "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-0"),
]


def environments_are_separate(bootstrap, _):
    """The role of one environment, and whatever it creates within the boundary, cannot touch another environment; on its own it can work."""
    boundaries = {policy["name"]: json.loads(policy["policy"])["Statement"] for policy in bootstrap.all("aws_iam_policy")}
    for one in ENVIRONMENTS:
        role = role_of(one, bootstrap)
        deploys = policies(role, bootstrap)
        for other in ENVIRONMENTS:
            for action, pattern in ATTACKS:
                resource = pattern.format(name=f"shopease-{other}", path=f"shopease/{other}")
                for who, statements in (("its role", deploys), ("a role that it creates", boundaries[f"shopease-{one}-boundary"])):
                    may = allowed(statements, action, resource, {"Environment": other})
                    assert one == other or not may, f"in {one}, {who} may {action} {resource}"
            own = ATTACKS[0][1].format(name=f"shopease-{one}")
            assert allowed(deploys, "rds:ModifyDBInstance", own, {"Environment": one}), f"the role of {one} cannot deploy"
        for action in ("iam:UpdateAssumeRolePolicy", "iam:PutRolePolicy", "iam:PassRole", "iam:AttachRolePolicy"):
            assert not allowed(deploys, action, role["arn"], {}), f"the role of {one} may {action} on itself"


def other_accounts_read_artefacts(bootstrap, _):
    """Accounts of the environments pull images and read functions."""
    images = [policy["policy"] for policy in bootstrap.all("aws_ecr_repository_policy")]
    assert len(images) == 4 and all("arn:aws:iam::111111111111:root" in policy for policy in images), images
    buckets = {policy["bucket"]: policy["policy"] for policy in bootstrap.all("aws_s3_bucket_policy")}
    readable = [name for name, policy in buckets.items() if "arn:aws:iam::111111111111:root" in policy]
    assert readable == ["shopease-artefacts-123456789012"], readable


# Terraform and the shop


def requests_end_in_order(_, stacks):
    """The frontend ends a request to the backend before Service Connect does, and the load balancer waits longest."""
    deadline = number(r"const TIMEOUT: Duration = Duration::from_secs\((\d+)\)", "shared/src/client.rs")
    for name, stack in stacks.items():
        servers = 0
        for service in stack.all("aws_ecs_service"):
            for connect in service["service_connect_configuration"]:
                for server in connect["service"]:
                    servers += 1
                    limits = [timeout["per_request_timeout_seconds"] or 15 for timeout in server["timeout"] or [{"per_request_timeout_seconds": None}]]
                    assert deadline < limits[0], f"{name}: Service Connect ends a request after {limits[0]} s, the frontend after {deadline} s"
        assert servers, f"{name}: no service is reachable by Service Connect"
        for balancer in stack.all("aws_lb"):
            assert balancer["idle_timeout"] > deadline, f"{name}: the load balancer ends a request after {balancer['idle_timeout']} s"


def every_path_is_watched(_, stacks):
    """Each target group, of tasks and of functions, has an alarm on 5xx: a canary on either path is judged by them."""
    for name, stack in stacks.items():
        groups = {group["arn_suffix"] for group in stack.all("aws_lb_target_group")}
        watched = {
            metric["dimensions"]["TargetGroup"]
            for alarm in stack.all("aws_cloudwatch_metric_alarm")
            for query in alarm["metric_query"]
            for metric in query["metric"]
            if metric["metric_name"] == "HTTPCode_Target_5XX_Count"
        }
        assert groups == watched, f"{name}: no alarm on {groups - watched}"


def a_rollback_is_a_failure(_, stacks):
    """Each service is compared with its task definition after an apply."""
    for name, stack in stacks.items():
        checked = {check["address"]["to_display"] for check in stack.checks if check["address"]["kind"] == "resource"}
        for resource in stack.resources:
            if resource["type"] == "aws_ecs_service":
                address = re.sub(r"\[[^]]*\]", "", resource["address"])
                assert address in checked, f"{name}: nothing notices that ECS rolled {address} back"


def alarms_watch_what_is_written(_, stacks):
    """Metrics of the shop in alarms are those that its processes write, under the names that they have in the environment."""
    source = text("process/src/telemetry/metrics.rs")
    words = source + text("shop/src/services/worker.rs") + "".join(path.read_text() for path in (ROOT / "shop/src").rglob("*.rs"))
    watched = {}
    for name, stack in stacks.items():
        seen = set()
        for alarm in stack.all("aws_cloudwatch_metric_alarm"):
            for query in alarm["metric_query"]:
                for metric in query["metric"]:
                    if metric["namespace"].startswith("AWS/"):
                        continue
                    assert metric["namespace"] == f"shopease/{name}", metric
                    assert f'"{metric["metric_name"]}"' in source, f"the shop writes no metric {metric['metric_name']}"
                    (dimension, value), = [pair for pair in metric["dimensions"].items() if pair[0] != "Service"]
                    assert f'"{dimension}"' in source, f"{metric['metric_name']} has no dimension {dimension}"
                    assert f'"{value}"' in words or f'"order.{value}"' in words, f"{metric['metric_name']} is never {value}"
                    seen.add((metric["metric_name"], value))
                    watched.setdefault((name, metric["metric_name"] == "Worker"), set()).add(metric["dimensions"]["Service"])
        expected = {("Payments", "unknown"), ("Orders", "refund_failed"), *(("Worker", result) for result in ("failed", "undelivered", "runs", "store_unavailable"))}
        assert expected <= seen, f"{name}: no alarm on {expected - seen}"
    assert ("Orders", "placed") in seen, "prod has an alarm when nobody orders"
    for name, stack in stacks.items():
        processes_write_what_is_watched(name, stack, watched)


def processes_write_what_is_watched(name, stack, watched):
    definitions = [json.loads(task["container_definitions"]) for task in stack.all("aws_ecs_task_definition")]
    apps = [container for containers in definitions for container in containers if container.get("command") == ["serve"]]
    variables = [{variable["name"]: variable["value"] for variable in container["environment"]} for container in apps]
    variables += [function["environment"][0]["variables"] for function in stack.all("aws_lambda_function")]
    assert all(of.get("SHOPEASE_METRICS") == "emf" for of in variables), f"{name}: a process writes no metrics"
    written = {of["DD_SERVICE"]: of for of in variables}
    workers = {service for service, of in written.items() if of.get("SHOPEASE_WORKER_SECONDS", "0" if service != "shopease-worker" else "1") != "0"}
    assert watched[name, True] == workers, f"{name}: alarms watch the workers {watched[name, True]}, {workers} run"
    orders = {service for service in written if service.removeprefix("shopease-") in ("backend", "checkout", "admin", "worker")}
    assert watched[name, False] == orders, f"{name}: alarms watch the orders of {watched[name, False]}, {orders} change them"
    for containers in definitions:
        routers = [container for container in containers if container.get("firelensConfiguration")]
        for router in routers:
            file = router["firelensConfiguration"]["options"]["config-file-value"]
            copied = text("terraform/modules/log-router/image/Dockerfile")
            assert f"COPY {Path(file).name} {file}\n" in copied, f"the router's image has no {file}"
            named = set(re.findall(r"\$\{(\w+)\}", text(f"terraform/modules/log-router/image/{Path(file).name}")))
            assert named <= {variable["name"] for variable in router["environment"]}, named


def quotas_are_documented(_, stacks):
    """Quotas that all environments in one account need are in docs/limits.md, with these numbers."""
    limits = text("docs/limits.md")
    for what, kind, of_account in [("VPCs per Region", "aws_vpc", 1), ("Elastic IP addresses per Region", "aws_eip", 0)]:
        needed = of_account + sum(len(stack.all(kind)) for stack in stacks.values())
        row = re.search(rf"^\| {what} \| (\d+) \| (\d+) \|", limits, re.MULTILINE)
        assert row, f"docs/limits.md has no row {what}"
        assert int(row.group(2)) == needed, f"five environments need {needed} {what}, docs/limits.md says {row.group(2)}"


# Properties that no rewritten table may lose


def only_the_load_balancer_is_open(_, stacks):
    """Addresses may reach nothing but ports 80 and 443 of the load balancer."""
    for name, stack in stacks.items():
        for rule in stack.all("aws_vpc_security_group_ingress_rule"):
            if rule["cidr_ipv4"] or rule["cidr_ipv6"] or rule["prefix_list_id"]:
                assert rule["from_port"] == rule["to_port"] and rule["to_port"] in (80, 443), f"{name}: port {rule['from_port']} is open"
        assert not any(group.get("ingress") for group in stack.all("aws_security_group")), f"{name}: a group has rules of its own"


def prod_is_protected(_, stacks):
    """Nothing that holds data or the address of the shop can be deleted by mistake."""
    prod = stacks["prod"]
    assert all(balancer["enable_deletion_protection"] for balancer in prod.all("aws_lb"))
    assert all(table["deletion_protection_enabled"] for table in prod.all("aws_dynamodb_table"))
    assert all(database["deletion_protection"] and not database["skip_final_snapshot"] for database in prod.all("aws_db_instance"))
    assert not any(bucket["force_destroy"] for bucket in prod.all("aws_s3_bucket"))


def services_return_and_scale(_, stacks):
    """Every service rolls a failed deployment back, and every scaling target has policies, of which one counts the requests of its own target group."""
    for name, stack in stacks.items():
        for service in stack.all("aws_ecs_service"):
            (breaker,), (alarms,) = service["deployment_circuit_breaker"], service["alarms"]
            assert breaker["enable"] and breaker["rollback"] and alarms["enable"] and alarms["rollback"], f"{name}: {service['name']}"
        for task in stack.all("aws_ecs_task_definition"):
            assert task["runtime_platform"][0]["cpu_architecture"] == "ARM64", f"{name}: {task['family']}"
        if name in ("perf", "staging", "prod"):
            services = {target["resource_id"].rpartition("/")[2] for target in stack.all("aws_appautoscaling_target")}
            scaled = {metric: {} for metric in ("ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget")}
            for policy in stack.all("aws_appautoscaling_policy"):
                (metric,) = policy["target_tracking_scaling_policy_configuration"][0]["predefined_metric_specification"]
                scaled[metric["predefined_metric_type"]][policy["resource_id"].rpartition("/")[2]] = metric["resource_label"]
            assert len(services) == 2 and all(set(found) == services for found in scaled.values()), f"{name}: {scaled}"
            groups = {group["arn"]: group["arn_suffix"] for group in stack.all("aws_lb_target_group")}
            (balancer,) = stack.all("aws_lb")
            for service in stack.all("aws_ecs_service"):
                if label := scaled["ALBRequestCountPerTarget"].get(service["name"]):
                    assert label == f"{balancer['arn_suffix']}/{groups[service['load_balancer'][0]['target_group_arn']]}", f"{name}: {label}"


def weights_are_those_of_the_rules(_, stacks):
    """Functions get the share of requests that the environment's file says: read from the rules, not from what they are made of."""
    for name, stack in stacks.items():
        share = re.search(r"^lambda_weight\s*= (\d+)", text(f"terraform/stack/envs/{name}.tfvars"), re.MULTILINE)
        functions = {group["arn"] for group in stack.all("aws_lb_target_group") if group["target_type"] == "lambda"}
        split = 0
        for rule in stack.all("aws_lb_listener_rule"):
            for forward in rule["action"][0]["forward"]:
                weights = {group["arn"]: group["weight"] for group in forward["target_group"]}
                assert sum(weights.values()) == 100, f"{name}: {weights}"
                assert sum(weight for arn, weight in weights.items() if arn in functions) == int(share.group(1) if share else 0), f"{name}: {weights}"
                split += 1
        assert split == len(json.loads(text("terraform/routes.json"))["rules"]), f"{name}: {split} rules split requests"


def tasks_can_start(_, stacks):
    """The execution role may read and decrypt every secret of its task; logs that go through a router have one."""
    for name, stack in stacks.items():
        roles = {role["arn"]: role for role in stack.all("aws_iam_role")}
        for task in stack.all("aws_ecs_task_definition"):
            statements = policies(roles[task["execution_role_arn"]], stack)
            containers = json.loads(task["container_definitions"])
            for container in containers:
                logs = container["logConfiguration"]
                for secret in (container.get("secrets") or []) + (logs.get("secretOptions") or []):
                    arn = secret["valueFrom"].removesuffix(":password::")
                    action = "ssm:GetParameters" if ":ssm:" in arn else "secretsmanager:GetSecretValue"
                    assert allowed(statements, action, arn, {}), f"{name}: {task['family']} may not {action} {arn}"
                    assert any(allowed(statements, "kms:Decrypt", key["arn"], {}) for key in stack.all("aws_kms_key")), f"{name}: {task['family']} may not decrypt"
                if logs["logDriver"] == "awsfirelens":
                    assert any(other.get("firelensConfiguration") for other in containers), f"{name}: {task['family']} has no log router"


CHECKS = [
    every_login_has_a_role,
    no_build_has_credentials,
    no_deployment_is_cancelled,
    images_in_use_are_kept,
    environments_are_separate,
    other_accounts_read_artefacts,
    requests_end_in_order,
    every_path_is_watched,
    a_rollback_is_a_failure,
    alarms_watch_what_is_written,
    quotas_are_documented,
    only_the_load_balancer_is_open,
    prod_is_protected,
    services_return_and_scale,
    weights_are_those_of_the_rules,
    tasks_can_start,
]


def main(directory):
    bootstrap, *stacks = [State.read(Path(directory) / f"{name}.json") for name in [BOOTSTRAP, *ENVIRONMENTS]]
    stacks = dict(zip(ENVIRONMENTS, stacks))
    failed = 0
    for check in CHECKS:
        try:
            check(bootstrap, stacks)
        except AssertionError as problem:
            failed += 1
            print(f"{check.__name__}: {problem}\n    {check.__doc__}")
    return f"{failed} of {len(CHECKS)} checks failed" if failed else None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
