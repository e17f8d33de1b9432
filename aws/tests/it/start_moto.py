"""Runs moto with users who may read, write, or neither, and checks signatures and policies. Prints its endpoint; ends with its input."""

import json
import os
import sys
import urllib.request

# Set before moto is loaded. Authentication starts when it is enabled below.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000000"
os.environ.update(AWS_ACCESS_KEY_ID="setup", AWS_SECRET_ACCESS_KEY="setup", AWS_REGION="eu-north-1", AWS_EC2_METADATA_DISABLED="true")

import boto3
from moto.server import ThreadedMotoServer

PREFIX = "/shopease/test/backend"
BUCKET = "shop-assets"
DATABASE = "shop"

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
endpoint = f"http://{host}:{port}"


def client(service):
    return boto3.client(service, endpoint_url=endpoint, region_name="eu-north-1")


def user(name, *actions):
    iam = client("iam")
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=policy)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return [key["AccessKeyId"], key["SecretAccessKey"]]


ssm = client("ssm")
for number in range(23):
    ssm.put_parameter(Name=f"{PREFIX}/filler-{number}", Value=f"value {number}", Type="String")
ssm.put_parameter(Name=f"{PREFIX}/stripe-secret-key", Value="sk_test_of_moto", Type="SecureString")
ssm.put_parameter(Name=f"{PREFIX}/below/deeper", Value="not ours", Type="String")
client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})

sqs = client("sqs")
QUEUE = sqs.create_queue(QueueName="bounces")["QueueUrl"]
for body in json.loads(sys.argv[1]):
    sqs.send_message(QueueUrl=QUEUE, MessageBody=body)

client("rds").create_db_instance(
    DBInstanceIdentifier=DATABASE,
    DBInstanceClass="db.t4g.micro",
    Engine="postgres",
    AllocatedStorage=20,
    MasterUsername="owner",
    MasterUserPassword="a long password",
)

told = {
    "endpoint": endpoint,
    "prefix": PREFIX,
    "bucket": BUCKET,
    "reader": user("reader", "ssm:GetParametersByPath", "s3:GetObject", "s3:ListBucket"),
    "writer": user("writer", "s3:PutObject"),
    "queue": QUEUE,
    "worker": user("worker", "sqs:ReceiveMessage", "sqs:DeleteMessage"),
    "database": DATABASE,
    "keeper": user("keeper", "rds:CreateDBSnapshot", "rds:DescribeDBSnapshots", "rds:AddTagsToResource"),
    "nobody": user("nobody", "sns:Publish"),
}
reset = urllib.request.Request(f"{endpoint}/moto-api/reset-auth", b"0", {"content-type": "text/plain"}, method="POST")
urllib.request.urlopen(reset).read()
print(json.dumps(told), flush=True)
sys.stdin.read()
