"""Builds and starts the runtime stage of the image without a daemon: non-root, on a read-only root, without a shell.

Usage: image.py WORK_DIRECTORY STATIC_BINARY ANY_BINARY

The earlier stages compile the shop and need base images; here a local binary replaces them. ANY_BINARY is the shop with the embedded
store, whose engine is the container's DynamoDB.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from shopsite import Browser, Process, free_port

ROOT = Path(__file__).resolve().parents[2]
STAGE = "FROM scratch AS runtime\n"
# Maximum size of everything except the binary: CA certificates and one line of configuration.
LIMIT_OF_THE_REST = 2_000_000
NAME = "shop-store.localhost"


def buildah(work, *arguments, **options):
    storage = ["--storage-driver", "vfs", "--root", str(work / "storage"), "--runroot", str(work / "run")]
    done = subprocess.run(["buildah", *storage, *arguments], stdout=subprocess.PIPE, check=True, text=True, **options)
    return done.stdout.strip()


def build(work, binary):
    """Builds the image. Returns the sizes of the binary and of all other files."""
    tree = work / "context" / "image"
    (tree / "etc/ssl/certs").mkdir(parents=True)
    (tree / "etc/ssl/rds").mkdir(parents=True)
    subprocess.run(["strip", "--output-file", tree / "shopease", binary], check=True)
    (tree / "shopease").chmod(0o755)
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    for copy in ("certs/ca-certificates.crt", "rds/global-bundle.pem"):
        shutil.copyfile(authorities, tree / "etc/ssl" / copy)
    (tree / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    _, found, runtime = (ROOT / "ecs-adapter/Dockerfile").read_text().partition(STAGE)
    assert found, "the Dockerfile has no stage `runtime`"
    (work / "context/Dockerfile").write_text(f"FROM scratch AS builder\nCOPY image/ /image/\n\n{STAGE}{runtime}")
    # Docker's format, because OCI images have no HEALTHCHECK.
    buildah(work, "bud", "--isolation", "chroot", "--format", "docker", "--quiet", "--tag", "shopease-test", str(work / "context"))
    sizes = {path: path.stat().st_size for path in tree.rglob("*") if path.is_file()}
    rest = sum(size for path, size in sizes.items() if path.name != "shopease")
    assert rest < LIMIT_OF_THE_REST, f"{rest} bytes besides the binary"
    return sizes[tree / "shopease"], rest


def needs_no_library(binary):
    """Checks that the executable needs neither an interpreter nor shared libraries."""
    headers = subprocess.run(["readelf", "--program-headers", "--dynamic", binary], stdout=subprocess.PIPE, check=True, text=True).stdout
    assert "INTERP" not in headers and "(NEEDED)" not in headers, headers


class NameServer(threading.Thread):
    """Resolves every A record to 127.0.0.1, and counts the queries for the store."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 53))
        self.queries = 0

    def run(self):
        while True:
            question, client = self.socket.recvfrom(512)
            end = question.index(b"\0", 12) + 5
            a_record = question[end - 4:end - 2] == b"\0\1"
            self.queries += NAME.split(".", maxsplit=1)[0].encode() in question
            answer = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if a_record else b""
            self.socket.sendto(question[:2] + b"\x81\x80\0\1" + (b"\0\1" if a_record else b"\0\0") + b"\0\0\0\0" + question[12:end] + answer, client)


def contained(root, user, command):
    """The command like a container runtime starts it: with its own mounts, a read-only root, devices, hosts, resolver and user."""
    script = """
        set -e
        mount --bind "$0" "$0"
        for file in hosts resolv.conf; do mount --bind "$0.$file" "$0/etc/$file"; done
        for device in null random urandom; do mount --bind "/dev/$device" "$0/dev/$device"; done
        mount -o remount,ro,bind "$0"
        cd "$0"
        user=$1; shift
        exec chroot --userspec="$user" . "$@"
    """
    return ["unshare", "--mount", "sh", "-c", script, str(root), user, *command]


def main():
    work, binary, helper = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    needs_no_library(binary)
    begun = time.monotonic()
    binary_size, rest = build(work, binary)
    print(f"  built in {time.monotonic() - begun:.1f} s: {binary_size / 1e6:.1f} MB binary (development profile, stripped), {rest / 1e6:.2f} MB other files")
    container = buildah(work, "from", "--pull-never", "shopease-test")
    config = json.loads(buildah(work, "inspect", "--type", "image", "shopease-test"))["Docker"]["config"]
    mounted = Path(buildah(work, "mount", container))
    user = config["User"]
    assert user.split(":")[0] not in ("", "0", "root"), f"runs as {user!r}"
    assert config["Entrypoint"] == ["/shopease"] and config["Cmd"] == ["serve"], config
    assert config["Healthcheck"]["Test"] == ["CMD", "/shopease", "healthcheck"], config["Healthcheck"]
    assert not any((mounted / shell).exists() for shell in ("bin/sh", "bin/bash", "usr/bin/env")), "there is a shell"

    # A copy of the mounted root, so that the mount points of the runtime do not change the image.
    root = work / "root"
    shutil.copytree(mounted, root, symlinks=True)
    address = "127.0.0.53"
    server = NameServer(address)
    server.start()
    for file, text in (("hosts", "127.0.0.1 localhost\n"), ("resolv.conf", f"nameserver {address}\n")):
        (root / "etc" / file).touch()
        Path(f"{root}.{file}").write_text(text)

    (root / "dev").mkdir()
    for device in ("null", "random", "urandom"):
        (root / "dev" / device).touch()

    engine, port = free_port(), free_port()
    plain = {"PATH": os.environ["PATH"]}
    store = {**plain, "SHOPEASE_EMBEDDED_PORT": str(engine), "SHOPEASE_EMBEDDED_ACCESS_KEY": "test", "SHOPEASE_DATA_DIR": str(work / "data"), "SHOPEASE_HTTP_PORT": str(free_port())}
    environment = {**plain, **dict(entry.split("=", 1) for entry in config["Env"]),
                   "SHOPEASE_STORE": "dynamodb", "SHOPEASE_DYNAMODB_ENDPOINT": f"http://test@{NAME}:{engine}", "SHOPEASE_HTTP_PORT": str(port)}
    with Process("store", [helper, "serve"], work, env=store) as lender:
        lender.wait_for(int(store["SHOPEASE_HTTP_PORT"]), "/readyz")
        command = contained(root, user, config["Entrypoint"] + config["Cmd"])
        with Process("container", command, work, env=environment) as running:
            running.wait_for(port, "/healthz")
            Browser(port).get("/readyz").expect(200)
            Browser(port).get("/products").expect(200, "/products/")
            assert server.queries, "the name of the store was not resolved"
            status = Path(f"/proc/{running.process.pid}/status").read_text()
            ids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
            assert set(ids) == {user.split(":")[0]}, f"runs with {ids}"
            healthcheck = config["Healthcheck"]["Test"][1:]
            assert subprocess.run(contained(root, user, healthcheck), env=environment, check=False).returncode == 0
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(25) == 0, running.process.returncode
        # The port is closed now, so the same check must fail.
        failed = subprocess.run(contained(root, user, healthcheck), env=environment, check=False, stderr=subprocess.DEVNULL)
        assert failed.returncode == 1, failed.returncode
    lines = [json.loads(line) for line in (work / "container.log").read_text().splitlines()]
    assert lines, "the log is empty"
    print(f"  served as {user} from a read-only root: health, readiness, a product page; {len(lines)} JSON log lines; SIGTERM ended it with exit code 0")


main()
