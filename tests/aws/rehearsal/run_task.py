"""Runs the container of a one-off task that moto was told to run, on the PostgreSQL of the rehearsal.

Standard input has the container's definition with its overrides. The file REHEARSAL has the address of the database, and the programs of the images by
their repository. Login by IAM, TLS, and the network are AWS's: the address, the password, and these settings are replaced.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

# What only RDS can satisfy.
OF_AWS = ["SHOPEASE_DATABASE_AUTH", "SHOPEASE_DATABASE_REGION", "SHOPEASE_DATABASE_ROOT_CERTIFICATE"]
# Stands for a token of IAM: the database demands it from users that log in with IAM.
TOKEN = "token-of-iam"
PSQL = "shopease-psql"


def translated(environment, database):
    """The variables of a container, for a process on this machine."""
    host, port = database.split(":")
    found = {name: value for name, value in environment.items() if name not in OF_AWS}
    if "SHOPEASE_DATABASE_URL" in found:
        user, name = re.fullmatch(r"postgres://(\w+)@[^/]+/(\w+)\?sslmode=verify-full", found["SHOPEASE_DATABASE_URL"]).groups()
        found["SHOPEASE_DATABASE_URL"] = f"postgres://{user}:{TOKEN}@{database}/{name}?sslmode=disable"
    if "PGHOST" in found:
        found |= {"PGHOST": host, "PGPORT": port, "PGSSLMODE": "disable"}
    return found


def main():
    container, rehearsal = json.load(sys.stdin), json.loads(Path(os.environ["REHEARSAL"]).read_text())
    database, programs = rehearsal["database"], rehearsal["programs"]
    repository = re.fullmatch(r"[^/]+/([\w-]+)@sha256:[0-9a-f]{64}", container["image"]).group(1)
    variables = {variable["name"]: variable["value"] for variable in container["environment"]}
    environment = {"PATH": os.environ["PATH"], **translated(variables, database)}
    # The shop is the entry point of its image; psql is on the PATH of its own.
    arguments = container["command"][1:] if repository == PSQL else container["command"]
    code = subprocess.run([programs[repository], *arguments], env=environment).returncode
    if repository == PSQL and code == 0:
        for user in ("shopease", "shopease_migrate"):
            change = f"ALTER ROLE {user} PASSWORD '{TOKEN}'"
            subprocess.run([programs[PSQL], "--quiet", "--command", change, f"postgres://rdsadmin@{database}/postgres"], check=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
