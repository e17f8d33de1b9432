"""A load balancer that serves the shop as the emulated AWS says: rule, weights, target group, and the release behind it.

moto stores rules, services, and aliases but serves nothing. This reads them for every request, sends it to real processes of the shop, started with the
variables of Terraform's task definitions, and counts what each target group answers. It stands in for CloudWatch, too, and fires the alarm of a target
group that answers 5xx. All releases run the same binary; a release that is to fail is answered for here.
"""

import fnmatch
import http.client
import json
import random
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "shop.example.test"


class Front:
    def __init__(self, prefix, client, start_shop, directory):
        self.prefix, self.client, self.start_shop = prefix, client, start_shop
        # How a release fails: "errors" or "empty".
        self.faults = {}
        self.known, self.read_at, self.shop = None, 0, None
        self.served, self.errors, self.lock = {}, {}, threading.Lock()
        certificate, key = directory / "front.pem", directory / "front.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
             "-out", certificate, "-keyout", key], check=True, capture_output=True,
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        port = self.server.server_address[1]
        (directory / ".curlrc").write_text(f'cacert = "{certificate}"\nconnect-to = "{NAME}:443:127.0.0.1:{port}"\n')
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def handler(front):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                # The token of a job, which GitHub issues.
                status, body = (200, b'{"value": "token"}') if self.path.startswith("/_token") else front.get(self.path)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        return Handler

    def get(self, path):
        """The status and the body of a response, from the target group that the rules choose."""
        rules, groups = self.state()
        rule = next(rule for rule in rules if any(fnmatch.fnmatchcase(path.partition("?")[0], pattern) for pattern in rule["patterns"]))
        arns, weights = zip(*rule["weights"].items())
        group = groups[random.choices(arns, weights)[0]]
        release = group["release"]()
        # A target group whose service does not exist has no targets.
        status, body = self.answer(path, release) if release else (503, b"no target")
        with self.lock:
            self.served[release] = self.served.get(release, 0) + 1
            if status >= 500:
                self.errors[group["suffix"]] = self.errors.get(group["suffix"], 0) + 1
                if self.errors[group["suffix"]] == 2:
                    self.fire(group["suffix"])
        return status, body

    def answer(self, path, release):
        fault = self.faults.get(release)
        if fault == "errors":
            return 500, b"broken"
        if self.shop is None:
            with self.lock:
                self.shop = self.shop or self.start_shop()
        connection = http.client.HTTPConnection("127.0.0.1", self.shop["backend" if path.startswith("/api/") else "frontend"], timeout=30)
        connection.request("GET", path, headers={"host": NAME, "x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, b"{}" if fault == "empty" else body

    def fire(self, suffix):
        for alarm in self.alarms():
            if any(metric["Dimensions"] and {"Name": "TargetGroup", "Value": suffix} in metric["Dimensions"] for metric in alarm["metrics"]):
                self.client("cloudwatch").set_alarm_state(AlarmName=alarm["name"], StateValue="ALARM", StateReason="The rehearsal counted errors")

    def recover(self):
        """Minutes pass without errors."""
        self.errors = {}
        for alarm in self.alarms():
            self.client("cloudwatch").set_alarm_state(AlarmName=alarm["name"], StateValue="OK", StateReason="The rehearsal counted none")

    def alarms(self):
        for page in self.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=self.prefix):
            for alarm in page["MetricAlarms"]:
                queries = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", []) if "MetricStat" in query]
                errors = [metric for metric in queries if metric["MetricName"] == "HTTPCode_Target_5XX_Count"]
                if errors:
                    yield {"name": alarm["AlarmName"], "metrics": errors}

    def state(self):
        """Rules, and target groups with what is behind them; read once a second."""
        with self.lock:
            if time.monotonic() - self.read_at > 1:
                self.known, self.read_at = self.read(), time.monotonic()
            return self.known

    def read(self):
        balancing, tasks, functions = self.client("elbv2"), self.client("ecs"), self.client("lambda")
        balancer = next(found for found in balancing.describe_load_balancers()["LoadBalancers"] if found["LoadBalancerName"] == self.prefix)
        listener = next(found for found in balancing.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"] if found["Port"] == 443)
        rules = []
        for rule in balancing.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
            if not rule["IsDefault"]:
                patterns = [value for condition in rule["Conditions"] for value in condition.get("Values") or condition["PathPatternConfig"]["Values"]]
                rules.append((int(rule["Priority"]), {"patterns": patterns, "weights": weights(rule["Actions"])}))
        rules = [rule for _, rule in sorted(rules, key=lambda pair: pair[0])] + [{"patterns": ["*"], "weights": weights(listener["DefaultActions"])}]
        services = {}
        for service in running(tasks, self.prefix):
            definition = tasks.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
            services[service["loadBalancers"][0]["targetGroupArn"]] = variables(definition)["DD_VERSION"]
        groups = {}
        for group in balancing.describe_target_groups(TargetGroupArns=sorted({arn for rule in rules for arn in rule["weights"]}))["TargetGroups"]:
            arn = group["TargetGroupArn"]
            if group["TargetType"] == "lambda":
                target = balancing.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"][0]["Target"]["Id"]
                name, alias = target.split(":")[-2:]
                release = chosen_version(functions, name, alias)
            else:
                release = lambda arn=arn: services.get(arn)
            groups[arn] = {"suffix": arn.rpartition(":")[2], "release": release}
        return rules, groups


def running(tasks, cluster):
    """Services that are not deleted: moto lists those, too."""
    found = [tasks.describe_services(cluster=cluster, services=[arn])["services"][0] for arn in tasks.list_services(cluster=cluster)["serviceArns"]]
    return [service for service in found if service["status"] == "ACTIVE"]


def weights(actions):
    """Weights of an action's target groups."""
    (action,) = [action for action in actions if action["Type"] == "forward"]
    if "ForwardConfig" in action:
        return {group["TargetGroupArn"]: group.get("Weight", 1) for group in action["ForwardConfig"]["TargetGroups"]}
    return {action["TargetGroupArn"]: 1}


def variables(definition):
    container = definition["containerDefinitions"][0]
    return {variable["name"]: variable["value"] for variable in container["environment"]}


def versions(functions, name, alias):
    """The share of each version of an alias."""
    found = functions.get_alias(FunctionName=name, Name=alias)
    further = (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return {found["FunctionVersion"]: 1 - sum(further.values()), **further}


def chosen_version(functions, name, alias):
    """A function that chooses the release that an invocation of the alias gets."""
    shares = versions(functions, name, alias)
    releases = {
        version: functions.get_function(FunctionName=name, Qualifier=version)["Configuration"]["Environment"]["Variables"]["DD_VERSION"] for version in shares
    }
    return lambda: releases[random.choices(list(shares), list(shares.values()))[0]]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]
