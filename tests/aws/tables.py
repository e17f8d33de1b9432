"""Compares every resource of a kind, in all environments, with the committed tables of terraform/expected.

Usage: tables.py DIRECTORY [--write] [--only NAME ...]

DIRECTORY is that of infrastructure.py. --write replaces the tables. --only compares the columns of these states and leaves the others as committed.

A line is a fact about a resource; its last column names the environments in which it holds. Values that AWS assigns are replaced by the resource that
has them, in <>, and names of the environment by {env}, so that lines of environments can be equal.
"""

import argparse
import difflib
import json
import re
import sys
from functools import partial
from pathlib import Path

from terraform_state import BOOTSTRAP, ENVIRONMENTS, SERVERLESS, STATES, State, listed

EXPECTED = Path(__file__).resolve().parents[2] / "terraform/expected"
COLUMNS = [*ENVIRONMENTS, SERVERLESS]

# Attributes by type of resource. Nested blocks are flattened into paths.
SETTINGS = {
    "protection": {
        "aws_cloudwatch_log_group": ["retention_in_days", "kms_key_id"],
        "aws_db_instance": [
            "backup_retention_period", "delete_automated_backups", "deletion_protection", "iam_database_authentication_enabled", "instance_class",
            "kms_key_id", "manage_master_user_password", "multi_az", "publicly_accessible", "skip_final_snapshot", "storage_encrypted",
        ],
        "aws_db_parameter_group": ["parameter"],
        "aws_dynamodb_table": ["deletion_protection_enabled", "point_in_time_recovery", "server_side_encryption", "ttl"],
        "aws_ecr_repository": ["encryption_configuration", "force_delete", "image_scanning_configuration", "image_tag_mutability"],
        "aws_kms_key": ["deletion_window_in_days", "enable_key_rotation"],
        "aws_lb": ["enable_deletion_protection"],
        "aws_s3_bucket": ["force_destroy"],
        "aws_s3_bucket_lifecycle_configuration": ["rule"],
        "aws_s3_bucket_ownership_controls": ["rule"],
        "aws_s3_bucket_public_access_block": ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"],
        "aws_s3_bucket_server_side_encryption_configuration": ["rule"],
        "aws_s3_bucket_versioning": ["versioning_configuration"],
        "aws_sns_topic": ["kms_master_key_id"],
        "aws_ssm_parameter": ["key_id", "type"],
    },
    "front-door": {
        "aws_apigatewayv2_stage": ["default_route_settings"],
        "aws_lb": ["access_logs", "desync_mitigation_mode", "drop_invalid_header_fields", "idle_timeout", "internal", "security_groups", "subnets"],
        "aws_lb_listener": ["certificate_arn", "port", "protocol", "ssl_policy"],
        "aws_wafv2_web_acl": ["default_action", "rule"],
        "aws_wafv2_web_acl_association": ["resource_arn", "web_acl_arn"],
        "aws_wafv2_web_acl_logging_configuration": ["log_destination_configs", "logging_filter", "redacted_fields"],
    },
    "health-checks": {
        "aws_lb_target_group": ["deregistration_delay", "health_check", "lambda_multi_value_headers_enabled", "port", "protocol", "target_type"],
        "aws_lb_target_group_attachment": ["target_group_arn", "target_id"],
    },
    "network": {
        "aws_flow_log": ["log_destination", "traffic_type"],
        "aws_nat_gateway": ["subnet_id"],
        "aws_route": ["destination_cidr_block", "gateway_id", "nat_gateway_id", "route_table_id", "vpc_endpoint_id"],
        "aws_route_table_association": ["route_table_id", "subnet_id"],
        "aws_subnet": ["cidr_block", "map_public_ip_on_launch"],
        "aws_vpc_endpoint": ["private_dns_enabled", "route_table_ids", "security_group_ids", "service_name", "subnet_ids", "vpc_endpoint_type"],
    },
    "scaling": {
        "aws_appautoscaling_policy": ["policy_type", "resource_id", "scalable_dimension", "target_tracking_scaling_policy_configuration"],
        "aws_appautoscaling_scheduled_action": ["resource_id", "scalable_dimension", "scalable_target_action", "schedule", "timezone"],
        "aws_appautoscaling_target": ["max_capacity", "min_capacity", "resource_id", "scalable_dimension"],
        "aws_budgets_budget": ["cost_filter", "limit_amount", "limit_unit", "notification", "time_unit"],
    },
    "services": {
        "aws_ecs_service": [
            "alarms", "capacity_provider_strategy", "deployment_circuit_breaker", "deployment_maximum_percent", "deployment_minimum_healthy_percent", "desired_count",
            "health_check_grace_period_seconds", "launch_type", "load_balancer", "network_configuration", "service_connect_configuration",
            "service_registries", "task_definition",
        ],
    },
    "tasks": {
        "aws_ecs_task_definition": ["container_definitions", "cpu", "execution_role_arn", "memory", "network_mode", "runtime_platform", "task_role_arn"],
    },
    "functions": {
        "aws_cloudwatch_event_rule": ["schedule_expression"],
        "aws_cloudwatch_event_target": ["arn", "retry_policy"],
        "aws_lambda_alias": ["function_name", "routing_config"],
        "aws_lambda_function": [
            "architectures", "environment", "handler", "logging_config", "memory_size", "reserved_concurrent_executions", "role", "runtime", "s3_bucket",
            "s3_key", "timeout", "tracing_config", "vpc_config",
        ],
        "aws_lambda_function_event_invoke_config": ["maximum_event_age_in_seconds", "maximum_retry_attempts", "qualifier"],
    },
}
# Attributes whose values AWS assigns.
ASSIGNED = ["address", "arn", "arn_suffix", "dns_name", "id", "key_id", "prefix_list_id", "resource_id", "zone_id"]
# A value that changes from one apply to the next, unlike a name.
RANDOM = re.compile(r"arn:|http://|db-|\w+/.*[0-9a-f]{16}|[\w-]*\d[\w-]{7,}")
# Left when everything in the state is replaced: the key that AWS keeps for a service.
FOREIGN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def label(resource):
    """The address as a reader needs it: module.function["cart"].aws_iam_role.this -> function[cart].iam_role."""
    address = re.sub(r"\bmodule\.|\baws_|\[0\]|\.this\b|\"", "", resource["address"].replace("us-east-1", "{region}"))
    # A service is written twice in the module, with and without scaling.
    return re.sub(r"\.(fixed|scaled)$", "", address)


class Names:
    """Replaces what differs between environments, or from one apply to the next."""

    def __init__(self, state, project, environment):
        self.project, self.environment = project, environment
        labels = {}
        for resource in state.resources:
            values, name = resource["values"], label(resource)
            found = {values.get(attribute): f"<{name}>" for attribute in ASSIGNED}
            found |= {secret["secret_arn"]: f"<{name} secret>" for secret in values.get("master_user_secret") or []}
            for value, text in found.items():
                # Attachments and policies have the ID of what they belong to, and a longer name.
                if isinstance(value, str) and (RANDOM.match(value) or resource["type"] == "aws_apigatewayv2_api"):
                    labels[value] = min(labels.get(value, text), text, key=len)
        self.labels = sorted(labels.items(), key=lambda pair: -len(pair[0]))

    def plain(self, value):
        if value is None:
            return "(unknown)"
        if isinstance(value, bool):
            return str(value).lower()
        value = str(value)
        for assigned, text in self.labels:
            value = value.replace(assigned, text)
        value = FOREIGN.sub("<not of this state>", value)
        value = re.sub(r"arn:aws:([\w-]+):[^:]*:(?:123456789012)?:", r"\1:", value).replace("us-east-1", "{region}").replace("123456789012", "{account}")
        # {env} may also be a word of another name, so whole words only.
        return re.sub(r"\s+", " ", re.sub(rf"\b{self.environment}\b", "{env}", value.replace(self.project, "shopease")))

    def flat(self, value, path=""):
        """Pairs of path and text of a nested value; what is empty is left out."""
        if isinstance(value, dict):
            for key in sorted(value):
                yield from self.flat(value[key], f"{path}.{key}" if path else key)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for item in value:
                key = next((key for key in ("name", "id") if item.get(key)), None)
                rest = {inner: item[inner] for inner in item if inner != key}
                # Of a pair of name and value, the name belongs to the path.
                rest = next(iter(rest.values())) if key and len(rest) == 1 else rest
                place = f"{path}[{self.plain(item[key])}]" if key else path
                # A block that is there, such as allow {}.
                yield from list(self.flat(rest, place)) or [(place, "yes")]
        elif isinstance(value, list):
            words = [self.plain(word) for word in value]
            if words:
                yield path, " ".join(words if path.endswith("command") else sorted(words))
        elif value not in (None, ""):
            yield path, self.plain(value)


def settings(state, names, wanted):
    for resource in state.resources:
        for attribute in wanted.get(resource["type"], []):
            if attribute not in resource["values"]:
                yield label(resource), attribute, "(unknown)"
                continue
            value = resource["values"][attribute]
            if attribute == "container_definitions":
                value = json.loads(value or "[]")
            for path, text in names.flat(value, attribute.removesuffix("_definitions")):
                yield label(resource), path, text


def connections(state, names):
    """Rules of security groups, also those that a group itself or the older resource types would have."""
    for resource in state.resources:
        values, kind = resource["values"], resource["type"]
        if kind in ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"):
            peers = [values.get(name) for name in ("cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id")]
            peer = " ".join(names.plain(peer) for peer in peers if peer) or "(unknown)"
            yield kind.split("_")[-2], names.plain(values.get("security_group_id")), f"{values['ip_protocol']} {ports(values)}", peer
        elif kind == "aws_security_group_rule":
            peers = values.get("cidr_blocks") or [values.get("source_security_group_id")]
            yield values["type"], names.plain(values.get("security_group_id")), f"{values['protocol']} {ports(values)}", " ".join(map(names.plain, peers))
        elif kind in ("aws_security_group", "aws_default_security_group"):
            for way in ("ingress", "egress"):
                for rule in values.get(way) or []:
                    peers = rule["cidr_blocks"] + rule["ipv6_cidr_blocks"] + rule["prefix_list_ids"] + rule["security_groups"]
                    yield way, f"<{label(resource)}>", f"{rule['protocol']} {ports(rule)}", " ".join(map(names.plain, peers))


def ports(rule):
    return str(rule["from_port"]) if rule["from_port"] == rule["to_port"] else f"{rule['from_port']}-{rule['to_port']}"


def forwards(state, names):
    """Where the load balancer sends requests: of a rule, every target group with its weight."""
    for resource in state.resources:
        values = resource["values"]
        if resource["type"] == "aws_lb_listener":
            requests, actions = f"port {values['port']}, everything else", values["default_action"]
        elif resource["type"] == "aws_lb_listener_rule":
            patterns = " ".join(sorted(pattern for condition in values["condition"] for path in condition["path_pattern"] for pattern in path["values"]))
            requests, actions = f"port 443, {values['priority']:>3}: {patterns}", values["action"]
        else:
            continue
        for action in actions:
            groups = [(group.get("arn"), group["weight"]) for forward in action.get("forward") or [] for group in forward["target_group"]]
            if action.get("target_group_arn") and not groups:
                groups = [(action["target_group_arn"], 100)]
            for redirect in action.get("redirect") or []:
                yield requests, f"{redirect['status_code']} {redirect['protocol']}:{redirect['port']}", "100"
            for group, weight in groups:
                yield requests, names.plain(group), str(weight)


def policies(state, names):
    """What every role and every resource's own policy allows, an action a line; who may assume a role; who may invoke a function."""
    roles = {resource["values"]["name"]: label(resource) for resource in state.resources if resource["type"] == "aws_iam_role"}
    for resource in state.resources:
        values, kind, owner = resource["values"], resource["type"], label(resource)
        if kind == "aws_iam_role":
            yield from statements(names, owner, values["assume_role_policy"])
            if values.get("permissions_boundary"):
                yield owner, "limit", names.plain(values["permissions_boundary"]), "", ""
        elif kind == "aws_iam_role_policy":
            yield from statements(names, roles.get(values.get("role"), "(unknown)"), values.get("policy"))
        elif kind == "aws_iam_role_policy_attachment":
            yield roles.get(values.get("role"), "(unknown)"), "attach", names.plain(values.get("policy_arn")), "", ""
        elif kind in ("aws_ecr_repository_policy", "aws_iam_policy", "aws_kms_key", "aws_s3_bucket_policy", "aws_sns_topic_policy"):
            yield from statements(names, owner, values.get("policy"))
        elif kind == "aws_lambda_permission":
            condition = f"{values['principal']} from {names.plain(values.get('source_arn'))}"
            yield owner, "allow", values["action"], f"{names.plain(values['function_name'])}:{values.get('qualifier')}", condition


def statements(names, owner, policy):
    if policy is None:
        yield owner, "allow", "(unknown)", "", ""
        return
    for statement in json.loads(policy)["Statement"]:
        conditions = [f"{who} {names.plain(value)}" for who, values in principals(statement) for value in sorted(listed(values))]
        for operator, keys in sorted(statement.get("Condition", {}).items()):
            for key, values in sorted(keys.items()):
                conditions.append(f"{names.plain(key)} {operator} {' '.join(sorted(map(names.plain, listed(values))))}")
        actions = [f"all but {action}" for action in listed(statement.get("NotAction", []))] or listed(statement["Action"])
        for action in actions:
            for resource in listed(statement.get("Resource", "")):
                yield owner, statement["Effect"].lower(), action, names.plain(resource), "; ".join(conditions)


def principals(statement):
    principal = statement.get("Principal", {})
    return [("Principal", principal)] if isinstance(principal, str) else sorted(principal.items())


def alarms(state, names):
    signs = {"GreaterThanThreshold": ">", "LessThanThreshold": "<", "GreaterThanOrEqualToThreshold": ">=", "LessThanOrEqualToThreshold": "<="}
    for resource in state.resources:
        if resource["type"] != "aws_cloudwatch_metric_alarm":
            continue
        values = resource["values"]

        def metric(of):
            dimensions = " ".join(f"{key}={names.plain(value)}" for key, value in sorted((of.get("dimensions") or {}).items()))
            statistic = of.get("statistic") or of.get("extended_statistic") or of.get("stat")
            return f"{statistic} of {names.plain(of['namespace'])} {of['metric_name']} {dimensions}".strip()

        if values.get("metric_query"):
            queries = [query for query in values["metric_query"] if not query["expression"]]
            formula = next(query["expression"] for query in values["metric_query"] if query["expression"])
            period = {query["metric"][0]["period"] for query in queries}.pop()
            measured = [f"{query['id']} = {metric(query['metric'][0])}" for query in queries]
        else:
            formula, period, measured = "", values["period"], [metric(values)]
        count = values["evaluation_periods"]
        threshold = f"{values['threshold']:,}" if values["threshold"] >= 10000 else str(values["threshold"])
        condition = f"{formula} {signs[values['comparison_operator']]} {threshold}".strip()
        condition += f", {values.get('datapoints_to_alarm') or count} of {count} x {period} s"
        actions = sorted({names.plain(action) for action in (values["alarm_actions"] or []) + (values["ok_actions"] or [])})
        notified = " ".join(actions) if values["actions_enabled"] else "(disabled)"
        yield names.plain(values["alarm_name"]), condition, values["treat_missing_data"], notified, "; ".join(sorted(measured))


HEADS = {
    "alarms": ["alarm", "alarms if", "without data", "notifies", "measures"],
    "connections": ["direction", "security group", "port", "peer"],
    "forwards": ["requests", "target", "weight"],
    "policies": ["of", "effect", "action", "resource", "condition"],
}
READERS = {"alarms": alarms, "connections": connections, "forwards": forwards, "policies": policies}
READERS |= {kind: partial(settings, wanted=wanted) for kind, wanted in SETTINGS.items()}
# Tables of the account, from the state of terraform/bootstrap.
OF_ACCOUNT = ["policies", "protection"]


class Table:
    """Facts, each with the columns in which it holds."""

    def __init__(self, kind, columns):
        self.kind, self.columns, self.present, self.rows = kind, columns, set(), {}

    def add(self, column, facts):
        self.present.add(column)
        for fact in facts:
            # A vertical bar in a value would look like a column.
            self.rows.setdefault(tuple(cell.replace(" | ", " / ").strip() or "-" for cell in fact), set()).add(column)

    def complete(self, committed):
        """Takes the columns of which there is no state from the committed table."""
        absent = set(self.columns) - self.present
        for line in committed.splitlines()[1:]:
            *fact, where = (cell.strip() for cell in line.split(" | "))
            for column in absent & set(self.columns if where == "all" else where.split()):
                self.add(column, [fact])

    def __str__(self):
        every = set(self.columns)
        rows = [(*fact, "all" if where == every else " ".join(name for name in self.columns if name in where)) for fact, where in sorted(self.rows.items()) if where]
        rows.insert(0, (*HEADS.get(self.kind, ["resource", "setting", "value"]), "environments"))
        # Widths in steps, and none beyond a limit, so that one cell does not change all lines.
        widths = [min(60, -20 * (-max(len(row[column]) for row in rows) // 20)) for column in range(len(rows[0]))]
        return "".join(" | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() + "\n" for row in rows)


def of_environment(bootstrap, environment):
    """What an environment has in the account: its own role, and what all share."""
    resources = []
    for resource in bootstrap.resources:
        owner = re.search(r'module\.deploy\["(\w+)"\]', resource["address"].replace("us-east-1", "{region}"))
        if not owner or owner.group(1) == environment:
            resources.append(resource | {"address": resource["address"].replace(f'["{environment}"]', "")})
    return State(resources)


def found(directory, names):
    """Tables with the facts of these states, by file name."""
    tables = {}

    def add(kind, prefix, columns, column, state, project, environment):
        table = tables.setdefault(f"{prefix}{kind}.txt", Table(kind, columns))
        table.add(column, READERS[kind](state, Names(state, project, environment)))

    for name in names:
        state = State.read(directory / f"{name}.json")
        if name == BOOTSTRAP:
            for environment in ENVIRONMENTS:
                for kind in OF_ACCOUNT:
                    add(kind, "account-", ENVIRONMENTS, environment, of_environment(state, environment), "shopease", environment)
        else:
            project, environment = ("serverless", "dev") if name == SERVERLESS else ("shopease", name)
            for kind in READERS:
                add(kind, "", COLUMNS, name, state, project, environment)
    return tables


def main(directory, write, names):
    tables, different = found(directory, names), 0
    for file, table in sorted(tables.items()):
        path = EXPECTED / file
        committed = path.read_text() if path.exists() else ""
        table.complete(committed)
        current = str(table)
        if write:
            path.write_text(current)
        elif current != committed:
            different += 1
            before, after = (re.sub(" +\\| ", " | ", text).splitlines() for text in (committed, current))
            print("\n".join(difflib.unified_diff(before, after, f"terraform/expected/{file}", "in the states", n=0, lineterm="")))
    if set(names) == set(STATES):
        for path in EXPECTED.glob("*.txt"):
            if path.name not in tables:
                different += 1
                print(f"terraform/expected/{path.name} is a table of nothing")
    return f"{different} tables differ; if this is intended, write them: cargo xtask tables" if different else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", nargs="+", choices=STATES, default=STATES)
    given = parser.parse_args()
    sys.exit(main(given.directory, given.write, given.only))
