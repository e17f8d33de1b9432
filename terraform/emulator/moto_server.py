"""Runs moto as a server on loopback, with the fields that Terraform's AWS provider reads and moto 5.2.5 does not store.

moto implements most calls but drops some fields that the provider reads back; each would appear as a change in the second plan. Every patch below
wraps one private function of moto and names the field that it stores, so the version of moto is pinned and `main` rejects any other.

    python moto_server.py [<bucket of the functions' artifacts> <prefix>]

With TASK_RUNNER, that program runs the container of each task of `run-task`, whose definition it reads; its exit code is the container's.
"""

import io
import json
import os
import subprocess
import sys
import zipfile

os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import boto3
import moto
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.awslambda.models import LambdaFunction
from moto.budgets.responses import BudgetsResponse
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ecs.models import EC2ContainerServiceBackend
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.iam.access_control import PermissionResult
from moto.rds.models import DBInstance, DBParameterGroup
from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.servicequotas.models import ServiceQuotasBackend
from moto.sesv2.responses import SESV2Response
from moto.sesv2.urls import url_paths as sesv2_urls
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_aws_sdk
from moto.stepfunctions.responses import StepFunctionResponse
from moto.server import ThreadedMotoServer

MOTO = "5.2.5"
FUNCTIONS = ["storefront", "catalog", "cart", "checkout", "accounts", "admin", "worker"]


def replaces(owner, name):
    """Replaces a method with a function that gets the original method as its first argument."""
    original = getattr(owner, name, None)

    def install(replacement):
        setattr(owner, name, lambda *args, **kwargs: replacement(original, *args, **kwargs))
        return replacement

    return install


# Application Auto Scaling: tags of scalable targets. moto drops them at registration and has no call that lists them.
scaling_tags = {}


@replaces(ApplicationAutoScalingResponse, "register_scalable_target")
def register_scalable_target(original, request):
    answer = original(request)
    arn = json.loads(answer).get("ScalableTargetARN")
    if arn:
        scaling_tags.setdefault(arn, {}).update(request._get_param("Tags") or {})
    return answer


@replaces(ApplicationAutoScalingResponse, "list_tags_for_resource")
def list_tags_for_resource(_, request):
    return json.dumps({"Tags": scaling_tags.get(request._get_param("ResourceARN"), {})})


@replaces(ApplicationAutoScalingResponse, "tag_resource")
def tag_resource(_, request):
    scaling_tags.setdefault(request._get_param("ResourceARN"), {}).update(request._get_param("Tags") or {})
    return "{}"


# EC2: description of a security group rule. moto stores it only for address ranges, not for groups and prefix lists.
@replaces(SecurityGroupRule, "__init__")
def create_rule(original, rule, *args, **kwargs):
    original(rule, *args, **kwargs)
    # ec2_backend, ip_protocol, group_id, from_port, to_port, then the three kinds of peers.
    others = [*args[5:8], *(kwargs.get(name) for name in ["ip_range", "source_group", "prefix_list_id"])]
    rule.kept_description = next((other["Description"] for other in others if other and "Description" in other), None)


SecurityGroupRule.description = property(lambda rule: rule.kept_description)


# RDS: source of a parameter. The provider reads back only those of source "user".
@replaces(DBParameterGroup, "update_parameters")
def update_parameters(original, group, parameters):
    parameters = list(parameters)
    original(group, parameters)
    for parameter in parameters:
        group.parameters[parameter["ParameterName"]].setdefault("Source", "user")


# RDS: resource ID, which moto gives to all instances alike, and Performance Insights of an instance.
@replaces(DBInstance, "__init__")
def create_instance(original, instance, *args, **kwargs):
    original(instance, *args, **kwargs)
    # The provider takes a name with a hyphen for an identifier.
    instance.dbi_resource_id = "db-" + instance.db_instance_identifier.replace("-", "").upper()
    instance.performance_insights_enabled = kwargs.get("enable_performance_insights", False)
    for field in ["performance_insights_kms_key_id", "performance_insights_retention_period"]:
        if kwargs.get(field) is not None:
            setattr(instance, field, kwargs[field])


# Budgets: subscribers. moto stores the subscribers of a notification but has no call that lists them.
@replaces(BudgetsResponse, "describe_subscribers_for_notification")
def subscribers_of_notification(_, request):
    budget = request.backend.budgets[request._get_param("AccountId")][request._get_param("BudgetName")]
    wanted = request._get_param("Notification")
    same = ["NotificationType", "ComparisonOperator", "Threshold"]
    found = [kept for kept in budget.notifications if all(kept.details.get(key) == wanted.get(key) for key in same)]
    return json.dumps({"Subscribers": found[0].subscribers if found else []})


# Budgets: tags, which moto lacks.
budget_tags = {}


@replaces(BudgetsResponse, "create_budget")
def create_budget(original, request):
    answer = original(request)
    name = request._get_param("Budget")["BudgetName"]
    arn = f"arn:aws:budgets::{request._get_param('AccountId')}:budget/{name}"
    budget_tags[arn] = {tag["Key"]: tag["Value"] for tag in request._get_param("ResourceTags") or []}
    return answer


@replaces(BudgetsResponse, "list_tags_for_resource")
def tags_of_budget(_, request):
    tags = budget_tags.get(request._get_param("ResourceARN"), {})
    return json.dumps({"ResourceTags": [{"Key": key, "Value": value} for key, value in tags.items()]})


# Lambda: log group and VPC of a function; moto returns a VPC that does not exist.
@replaces(LambdaFunction, "__init__")
def create_function(original, function, account_id, spec, *args, **kwargs):
    original(function, account_id, spec, *args, **kwargs)
    function.kept_logging = spec.get("LoggingConfig")


@replaces(LambdaFunction, "get_configuration")
def function_configuration(original, function, *args, **kwargs):
    configuration = original(function, *args, **kwargs)
    configuration["LoggingConfig"] = getattr(function, "kept_logging", None) or {
        "LogFormat": "Text",
        "LogGroup": f"/aws/lambda/{function.function_name}",
    }
    vpc = configuration.get("VpcConfig") or {}
    if vpc.get("SubnetIds"):
        network = ec2_backends[function.account_id][function.region]
        vpc["VpcId"] = network.get_subnet(vpc["SubnetIds"][0]).vpc_id
    return configuration


# ECS: fields of a service that moto drops. The response copies the service's attributes by name.
SERVICE_FIELDS = {
    "availabilityZoneRebalancing": "availability_zone_rebalancing",
    "capacityProviderStrategy": "capacity_provider_strategy",
    "deploymentConfiguration": "deployment_configuration",
    "enableECSManagedTags": "enable_ecs_managed_tags",
    "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
}


@replaces(EC2ContainerServiceResponse, "create_service")
def create_service(original, request):
    answer = original(request)
    cluster, name = request._get_param("cluster", "default"), request._get_param("serviceName")
    service = request.ecs_backend.describe_services(cluster, [name])[0][0]
    for field, attribute in SERVICE_FIELDS.items():
        value = request._get_param(field)
        if value is not None:
            setattr(service, attribute, value)
            setattr(service, field, value)
    # moto takes a service with capacity providers for one on EC2.
    if request._get_param("capacityProviderStrategy"):
        service.launch_type = "FARGATE"
    return answer


# SES: the event destinations of configuration sets, which moto does not have, and the options of a set, where it returns empty maps.
event_destinations = {}
SET_URL = "{0}/v2/email/configuration-sets/(?P<ConfigurationSetName>[^/]+)"
for path in ["/event-destinations$", "/event-destinations/(?P<EventDestinationName>[^/]+)$"]:
    sesv2_urls[SET_URL + path] = SESV2Response.dispatch


def destinations_of(request):
    return event_destinations.setdefault(request._get_param("ConfigurationSetName"), [])


@replaces(SESV2Response, "create_configuration_set_event_destination")
def create_event_destination(_, request):
    destinations_of(request).append({"Name": request._get_param("EventDestinationName"), **request._get_param("EventDestination")})
    return "{}"


@replaces(SESV2Response, "get_configuration_set_event_destinations")
def get_event_destinations(_, request):
    return json.dumps({"EventDestinations": destinations_of(request)})


@replaces(SESV2Response, "delete_configuration_set_event_destination")
def delete_event_destination(_, request):
    destinations_of(request).clear()
    return "{}"


@replaces(SESV2Response, "get_configuration_set")
def get_configuration_set(original, request):
    options = {name: value for name, value in json.loads(original(request)).items() if value}
    return json.dumps({**options, "SendingOptions": {"SendingEnabled": True}})


# CloudWatch: the state that alarms must have, which moto ignores if they are selected by name.
@replaces(CloudWatchResponse, "describe_alarms")
def describe_alarms(original, request):
    answer = original(request)
    if state := request._get_param("StateValue"):
        answer.result["MetricAlarms"] = [alarm for alarm in answer.result["MetricAlarms"] if alarm.state_value == state]
    return answer


# Service Quotas: those of services besides VPC, with the values of an account that has been used for a while.
QUOTAS = {"L-0263D0A3": 5.0, "L-3032A538": 6.0, "L-36FBB829": 6.0, "L-B99A9384": 1000.0}


@replaces(ServiceQuotasBackend, "get_service_quota")
def get_service_quota(original, backend, service_code, quota_code):
    if quota_code in QUOTAS:
        return {"ServiceCode": service_code, "QuotaCode": quota_code, "Value": QUOTAS[quota_code]}
    return original(backend, service_code, quota_code)


# Step Functions: versions, of which there are none, and the check of a definition before it is stored. moto reads the definition when it stores it.
@replaces(StepFunctionResponse, "list_state_machine_versions")
def versions(*_):
    return ActionResult({"stateMachineVersions": []})


@replaces(StepFunctionResponse, "validate_state_machine_definition")
def validate_definition(*_):
    return ActionResult({"result": "OK", "diagnostics": []})


# Step Functions: the name of a service in a definition, which is that of AWS's SDK for Java and not always that of the SDK for Python.
@replaces(state_task_service_aws_sdk, "boto_client_for")
def client_of_task(original, *args, **kwargs):
    kwargs["service"] = {"elasticloadbalancingv2": "elbv2"}.get(kwargs["service"], kwargs["service"])
    return original(*args, **kwargs)


# S3: the policy of a bucket. moto does not know the condition that limits the denial to plain HTTP, which it speaks itself.
@replaces(FakeBucket, "get_permission")
def permission(*_):
    return PermissionResult.NEUTRAL


# S3: emptying a bucket after its versioning was suspended, which Terraform does in this order. moto disposes of the content of every version, and a delete
# marker has none.
FakeDeleteMarker.dispose = lambda marker, garbage=False: None


# ECS: the tasks of run-task, which moto does not run. Their containers share the memory of the task, which moto cannot add up.
@replaces(EC2ContainerServiceBackend, "_calculate_task_resource_requirements")
def task_requirements(*_):
    return {"CPU": 0, "MEMORY": 0, "PORTS": [], "PORTS_UDP": []}


@replaces(EC2ContainerServiceBackend, "run_task")
def run_task(original, backend, *args, **kwargs):
    tasks = original(backend, *args, **kwargs)
    if runner := os.environ.get("TASK_RUNNER"):
        for task in tasks:
            container = backend.describe_task_definition(task.task_definition_arn).container_definitions[0]
            for override in task.overrides.get("containerOverrides", []):
                container = {**container, **override}
            done = subprocess.run([sys.executable, runner], input=json.dumps(container), text=True, stdout=sys.stderr)
            task.containers[0].exitCode = done.returncode
            task.stopped_reason, task.desired_status, task.last_status = "Essential container in task exited", "STOPPED", "STOPPED"
    return tasks


def artefact():
    """Returns a zip with a bootstrap that does nothing: moto runs no functions without Docker."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("bootstrap", "#!/bin/sh\n")
    return buffer.getvalue()


def main(bucket=None, prefix=None):
    if moto.__version__ != MOTO:
        raise SystemExit(f"this file patches moto {MOTO}, but {moto.__version__} is installed")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    _, port = server.get_host_and_port()
    # State machines are executed, and call this server.
    default_user_config["stepfunctions"]["execute_state_machine"] = True
    os.environ["MOTO_PORT"] = str(port)
    storage = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    if bucket:
        storage.create_bucket(Bucket=bucket)
    for function in FUNCTIONS if bucket else []:
        storage.put_object(Bucket=bucket, Key=f"{prefix}/{function}.zip", Body=artefact())
    print(f"ready {port}", flush=True)
    # Exits with its parent, which holds the other end of standard input.
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
