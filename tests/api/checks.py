"""What the step `api` adds to schemathesis."""

import json
import os
from pathlib import Path

import schemathesis

USERS = json.loads(Path(os.environ["SHOPEASE_API_USERS"]).read_text())["auth"]
TOKENS = {user["name"]: user["fixedHeaders"][0]["value"] for user in USERS}

# Rules about a value alone: the schema has to state them.
IN_THE_SCHEMA = {"length", "line", "range", "format", "decimals"}
# The same rules about a sum of quantities, about the cards of the payment provider in use, and about the content of a file.
IN_THE_SHOP = {("quantity", "range"), ("payment_method", "format"), ("picture", "format")}


@schemathesis.check
def the_schema_states_the_rules(ctx, response, case):
    """Some operations may respond with 422, but not because of a rule that the schema could state."""
    if response.status_code != 422 or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    # JSON Schema calls 5.0 an integer. The shop takes quantities and money only without a fraction.
    if "floating point" in problem.get("hint", ""):
        return
    # Settings and products are checked as a whole, with the rules of the pages on which operators edit them.
    if case.operation.definition.raw["operationId"] in {"update_settings", "create_product", "update_product"}:
        return
    for error in problem.get("errors", []):
        rule = error.get("field"), error.get("rule")
        if rule[1] in IN_THE_SCHEMA and rule not in IN_THE_SHOP:
            raise AssertionError(f"the schema does not state a rule: {error['message']}")


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Who calls. Requests with wrong credentials or none stay as they are."""
    if case.headers.get("Authorization") not in TOKENS.values():
        return
    operation = case.operation.definition.raw
    if operation["operationId"] in {"register", "log_in", "log_out", "reset_password", "confirm_email", "change_password", "delete_account", "end_session"}:
        # They end the session of the caller, and later requests need the sessions of the users.
        case.headers["Authorization"] = "Bearer vis_" + "A" * 43
    elif "admin" in operation["tags"]:
        case.headers["Authorization"] = TOKENS["operator"]
