"""Runs a job of a workflow as GitHub does: its scripts, in order, with their conditions and variables. Actions of others are not run."""

import os
import re
import subprocess
import time

import yaml


class StepFailed(Exception):
    """A script of the job ended with an exit code other than 0."""


class Workflow:
    def __init__(self, file, root):
        self.root = root
        document = yaml.safe_load(file.read_text())
        (self.job,) = document["jobs"].values()
        # YAML takes the key `on` for a boolean.
        self.inputs = document[True]["workflow_call"]["inputs"]

    def actions(self):
        return [step["uses"].partition("@")[0] for step in self.job["steps"] if "uses" in step]

    def run(self, inputs, variables, environment, log, temporary):
        """Runs the job, and raises the failure of its first script that failed. Returns seconds by step."""
        given = {name: inputs.get(name, declared.get("default", "")) for name, declared in self.inputs.items()}
        scope = {"inputs": given, "vars": variables, "steps": {}, "runner": {"temp": str(temporary)}}
        exported = temporary / "environment"
        exported.write_text("")
        own = {name: rendered(value, scope) for name, value in self.job["env"].items()}
        environment = {**environment, **own, "RUNNER_TEMP": str(temporary), "GITHUB_ENV": str(exported)}
        seconds, failure = {}, None
        for step in self.job["steps"]:
            condition = step.get("if", "true")
            wanted = evaluated(condition, scope, failure is not None) and ("failure()" in condition) == (failure is not None)
            conclusion = "skipped"
            if wanted and "run" in step:
                begun = time.monotonic()
                environment |= dict(line.split("=", 1) for line in exported.read_text().splitlines())
                code = execute(step["run"], environment, self.root, log)
                seconds[step["name"]] = time.monotonic() - begun
                conclusion = "failure" if code else "success"
                if code and failure is None:
                    failure = f"{step['name']}: exit code {code}"
                elif code:
                    raise StepFailed(f"{step['name']}: exit code {code}, after {failure}")
            if "id" in step:
                scope["steps"][step["id"]] = {"conclusion": conclusion}
        if failure:
            raise StepFailed(failure)
        return seconds


def execute(script, environment, root, log):
    with log.open("a") as output:
        output.write(f"\n==> {script}\n")
        output.flush()
        return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=root, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL).returncode


def evaluated(expression, scope, failed):
    """An expression of GitHub: names, literals, comparisons, && and ||."""

    def named(match):
        value = scope
        for part in match.group(0).split("."):
            value = value.get(part, "") if isinstance(value, dict) else ""
        return repr(value)

    source = re.sub(r"\b(?:inputs|vars|steps|runner)\.[\w.-]+", named, expression)
    source = re.sub(r"\btrue\b", "True", re.sub(r"\bfalse\b", "False", source))
    source = source.replace("&&", " and ").replace("||", " or ").replace("failure()", repr(failed))
    return eval(source, {"__builtins__": {}})  # noqa: S307: a file of this repository


def rendered(value, scope):
    """A value with its expressions replaced, as a variable of the environment."""
    text = re.sub(r"\$\{\{ *(.+?) *\}\}", lambda match: str(evaluated(match.group(1), scope, False)), str(value))
    return os.fspath(text)
