"""What the step `api` adds to schemathesis."""

import schemathesis

# Rules about a value alone: the schema has to state them.
IN_THE_SCHEMA = {"length", "line", "range", "format", "decimals"}
# The same rules about a sum of quantities, and about the cards of the payment provider in use.
IN_THE_SHOP = {("quantity", "range"), ("payment_method", "format")}


@schemathesis.check
def the_schema_states_the_rules(ctx, response, case):
    """Some operations may respond with 422, but not because of a rule that the schema could state."""
    if response.status_code != 422 or not case.meta.generation.mode.is_positive:
        return
    problem = response.json()
    # JSON Schema calls 5.0 an integer. The shop takes quantities and money only without a fraction.
    if "floating point" in problem.get("hint", ""):
        return
    for error in problem.get("errors", []):
        rule = error.get("field"), error.get("rule")
        if rule[1] in IN_THE_SCHEMA and rule not in IN_THE_SHOP:
            raise AssertionError(f"the schema does not state a rule: {error['message']}")


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """Signs out a session of nobody: without their sessions, the users could do nothing from then on."""
    if case.operation.definition.raw["operationId"] == "log_out" and "Authorization" in case.headers:
        case.headers["Authorization"] = "Bearer ses_" + "A" * 43
