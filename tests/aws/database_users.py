"""Creates the database users twice, as the pipeline does, on a PostgreSQL that treats members of rds_iam like RDS: they cannot log in with a password.

Usage: database_users.py WORK_DIRECTORY DIRECTORY_OF_POSTGRESQL_PROGRAMS
"""

import os
import pwd
import re
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "terraform/stack/database_users.sql"
# What a migration creates, and the shop uses.
TABLE = "CREATE TABLE product (id bigserial PRIMARY KEY, title text)"
USE = "INSERT INTO product (title) VALUES ('Kettle'); SELECT title FROM product"


class Server:
    """A PostgreSQL whose first user has the rights of RDS's: it creates roles and databases, and is no superuser."""

    def __init__(self, work, programs):
        self.programs, self.data = Path(programs), Path(work) / "users"
        # PostgreSQL refuses to run as root.
        self.user = pwd.getpwnam("postgres") if os.getuid() == 0 else None
        self.data.mkdir()
        if self.user:
            Path(work).chmod(0o755)
            os.chown(self.data, self.user.pw_uid, self.user.pw_gid)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.run("initdb", "--username=rdsadmin", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "--pgdata", self.data)
        self.version = int(re.search(r"(\d+)", (self.data / "PG_VERSION").read_text()).group())

    def __enter__(self):
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off -c max_connections=200"
        self.run("pg_ctl", "start", "--wait", "--silent", "--pgdata", self.data, "--log", self.data / "log", "--options", options)
        return self

    def create_first_user(self):
        self.sql("rdsadmin", "postgres", "CREATE ROLE rds_iam; CREATE ROLE postgres LOGIN CREATEROLE CREATEDB")
        if self.version >= 16:
            # Plain PostgreSQL lets only a member grant a role; RDS lets its first user.
            self.sql("rdsadmin", "postgres", "GRANT rds_iam TO postgres WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        self.sql("rdsadmin", "postgres", "CREATE DATABASE shopease OWNER postgres", transaction=())

    def __exit__(self, *_):
        self.run("pg_ctl", "stop", "--mode=immediate", "--silent", "--pgdata", self.data)

    def demand_iam(self, method="reject"):
        """Refuses the password of members, or demands another one. Since 16, the right to grant rds_iam makes its owner one, so there the shop's users stand for it."""
        members = "+rds_iam" if self.version < 16 else "+shopease_migrate,+shopease"
        (self.data / "pg_hba.conf").write_text(f"host all {members} 127.0.0.1/32 {method}\nhost all all 127.0.0.1/32 trust\n")
        self.run("pg_ctl", "reload", "--pgdata", self.data)

    def accept_everybody(self):
        (self.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
        self.run("pg_ctl", "reload", "--pgdata", self.data)

    def run(self, program, *arguments):
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
        subprocess.run([self.programs / program, *arguments], stdout=subprocess.DEVNULL, check=True, cwd="/", **who)

    def sql(self, user, database, statements, transaction=("--single-transaction",)):
        """Runs statements in one transaction, as the task database-users does. Returns what they print."""
        url = f"postgres://{user}@127.0.0.1:{self.port}/{database}"
        options = ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--quiet", "--tuples-only", "--no-align", *transaction]
        done = subprocess.run([self.programs / "psql", *options, "--command", statements, url], text=True, capture_output=True)
        if done.returncode:
            raise AssertionError(f"{user} on PostgreSQL {self.version}: {done.stderr.strip()}")
        return done.stdout.strip()


def main(work, programs):
    with Server(work, programs) as server:
        server.create_first_user()
        for _ in range(2):
            # The first user logs in with its password, also after the users exist.
            server.sql("postgres", "shopease", SCRIPT.read_text())
            server.demand_iam()
        members = "SELECT roleid::regrole FROM pg_auth_members WHERE member = 'postgres'::regrole AND roleid <> 'rds_iam'::regrole"
        assert server.sql("postgres", "shopease", members) == "", "the first user is a member of what it created"
        iam = "SELECT string_agg(member::regrole::text, ' ' ORDER BY member::regrole::text) FROM pg_auth_members WHERE roleid = 'rds_iam'::regrole AND member <> 'postgres'::regrole"
        assert server.sql("postgres", "shopease", iam) == "shopease shopease_migrate", "both users log in with IAM, and nobody else does"
        server.accept_everybody()
        server.sql("shopease_migrate", "shopease", TABLE)
        assert server.sql("shopease", "shopease", USE) == "Kettle", "the shop's user reads and writes what the owner creates"
        try:
            server.sql("shopease", "shopease", "DROP TABLE product")
        except AssertionError as refused:
            assert "must be owner" in str(refused), refused
        else:
            raise AssertionError("the shop's user can change the schema")
        print(f"database users on PostgreSQL {server.version}: twice, with a password")


if __name__ == "__main__":
    main(*sys.argv[1:])
