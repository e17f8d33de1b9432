"""ministack with features that this project's load balancer and policies need and that its release lacks.

This patches private functions, so the release is pinned (xtask/src/sam.rs), and a patch fails at import if its target is missing:
weighted forward actions, the condition key dynamodb:LeadingKeys, and the resource of ssm:GetParametersByPath.
"""

import json
import random
import sys
from contextvars import ContextVar

from ministack.core import iam_actions, iam_evaluator
from ministack.services import alb


def patch(module, name, replacement):
    """Replaces a function by one that gets the original as its first argument."""
    original = getattr(module, name)
    setattr(module, name, lambda *args, **named: replacement(original, *args, **named))


def parsed_actions(original, params, prefix="DefaultActions"):
    actions = original(params, prefix)
    for place, action in enumerate(actions, 1):
        groups, at = [], f"{prefix}.member.{place}.ForwardConfig.TargetGroups.member"
        while arn := alb._p(params, f"{at}.{len(groups) + 1}.TargetGroupArn"):
            groups.append((arn, int(alb._p(params, f"{at}.{len(groups) + 1}.Weight", "1"))))
        if groups:
            action["Weighted"] = groups
    return actions


# Seeded, so that every run makes the same choices.
DRAW = random.Random(80)


async def chosen_action(original, action, *args, **named):
    groups = action.get("Weighted")
    if groups:
        [(arn, _)] = DRAW.choices(groups, [weight for _, weight in groups])
        action = {**action, "TargetGroupArn": arn}
    return await original(action, *args, **named)


# Partition keys of the current request, by IAM action.
LEADING_KEYS = ContextVar("leading_keys", default={})
MEMBERS = {"Put": ("PutItem", "Item"), "Update": ("UpdateItem", "Key"), "Delete": ("DeleteItem", "Key"), "Get": ("GetItem", "Key")}


def partition(attributes):
    return attributes["pk"]["S"]


def leading_keys(body):
    """The partition keys in a DynamoDB request, by the IAM action that they are checked for (None: the action of the request)."""
    request = json.loads(body or b"{}")
    if "TransactItems" in request:
        found = {}
        for entry in request["TransactItems"]:
            for member, (action, attributes) in MEMBERS.items():
                if member in entry:
                    found.setdefault(f"dynamodb:{action}", []).append(partition(entry[member][attributes]))
        return found
    if "KeyConditionExpression" in request:
        name = request["KeyConditionExpression"].split("=")[1].split()[0]
        return {None: [request["ExpressionAttributeValues"][name]["S"]]}
    if "RequestItems" in request:
        keys = []
        for entries in request["RequestItems"].values():
            if isinstance(entries, dict):
                keys += [partition(key) for key in entries["Keys"]]
            else:
                keys += [partition(change.get("Item") or change.get("Key")) for entry in entries for change in entry.values()]
        return {None: keys}
    attributes = request.get("Key") or request.get("Item")
    return {None: [partition(attributes)]} if attributes else {}


def service_context(original, body):
    LEADING_KEYS.set(leading_keys(body))
    return original(body)


def enforced(original, access_key, action, service, region, resource_arn="*", service_context=None):
    if service == "dynamodb":
        keys = LEADING_KEYS.get()
        keys = keys.get(action) or keys.get(None)
        if keys:
            service_context = {**(service_context or {}), "dynamodb:LeadingKeys": keys}
    return original(access_key, action, service, region, resource_arn=resource_arn, service_context=service_context)


def resource(original, service, method, path, headers, body, query, region, account):
    """GetParametersByPath is authorized on the path, as in AWS; the release uses *."""
    prefix = json.loads(body or b"{}").get("Path") if service == "ssm" else None
    if prefix:
        return f"arn:aws:ssm:{region}:{account}:parameter{prefix.rstrip('/')}"
    return original(service, method, path, headers, body, query, region, account)


patch(alb, "_parse_actions", parsed_actions)
patch(alb, "_execute_action", chosen_action)
patch(iam_actions, "dynamodb_service_context", service_context)
patch(iam_actions, "extract_resource_arn", resource)
patch(iam_evaluator, "enforce", enforced)

from ministack.app import main  # noqa: E402  (must be imported after the patches)

sys.exit(main())
