"""What Terraform planned or applied, as `terraform show -json` prints it: <name>.json of each state in a directory."""

import json

ENVIRONMENTS = ["dev", "perf", "staging", "canary", "prod"]
# What no environment sets: terraform/emulator/serverless.tfvars.
SERVERLESS = "serverless"
BOOTSTRAP = "bootstrap"
STATES = [*ENVIRONMENTS, SERVERLESS, BOOTSTRAP]


class State:
    """The resources of a state or a plan."""

    def __init__(self, resources, checks=()):
        self.resources, self.checks = resources, checks

    @classmethod
    def read(cls, file):
        document = json.loads(file.read_text())
        return cls(list(walk((document.get("planned_values") or document["values"])["root_module"])), document.get("checks", []))

    def all(self, kind):
        found = [resource["values"] for resource in self.resources if resource["type"] == kind]
        assert found, f"no {kind}"
        return found


def walk(module):
    yield from (resource for resource in module.get("resources", []) if resource["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from walk(child)


def listed(value):
    return value if isinstance(value, list) else [value]
