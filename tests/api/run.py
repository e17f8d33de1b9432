"""Starts a shop with the demo catalog, runs the curl commands of the API's description, then schemathesis with every check on.

Environment: SHOPEASE_BINARY. `cargo xtask test --only api` installs schemathesis and sets it.
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def get(url):
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.load(response)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def wait_until_ready(shop, url):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and shop.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the shop did not become ready")


def run_commands(document, url, directory):
    """The commands of the description, as a reader copies them: they end with the order."""
    [script] = re.findall(r"```sh\n(.*?)```", document["info"]["description"], re.DOTALL)
    script = script.replace("http://localhost:8080", url)
    bash = ["bash", "-euo", "pipefail", "-c", script]
    printed = subprocess.run(bash, cwd=directory, check=True, stdout=subprocess.PIPE, text=True).stdout
    order = json.loads(printed[printed.rindex('{"id":"ord_'):])
    placed = order["state"], [(line["sku"], line["quantity"]) for line in order["lines"]]
    if placed != ("paid", [("KET-COP-08", 1)]):
        raise SystemExit(f"the commands of the description placed another order: {placed}")
    print(f"the commands of the description placed order {order['order_number']}")


def users(url, directory):
    """Two shoppers and the operator, by their tokens."""
    password = "correct horse battery"
    tokens = {}
    for name in ("ada", "bob"):
        body = {"email": f"{name}@shopease.test", "name": name, "password": password}
        tokens[name] = post(f"{url}/api/v1/accounts", body)["token"]
    password = (directory / "data/operator-password.txt").read_text().strip()
    body = {"email": "operator@shopease.test", "password": password}
    tokens["operator"] = post(f"{url}/api/v1/sessions", body)["token"]
    header = {name: {"name": "Authorization", "value": f"Bearer {token}"} for name, token in tokens.items()}
    return {"auth": [{"name": name, "fixedHeaders": [header[name]]} for name in tokens]}


def check(url, directory):
    file = directory / "users.json"
    file.write_text(json.dumps(users(url, directory)))
    st = [Path(sys.executable).with_name("st"), "--config-file", HERE / "schemathesis.toml"]
    settings = {"SHOPEASE_API_USERS": str(file), "SCHEMATHESIS_HOOKS": str(HERE / "checks.py")}
    arguments = ["run", f"{url}/api/openapi.json", *sys.argv[1:]]
    return subprocess.run([*st, *arguments], cwd=directory, env=os.environ | settings).returncode


def main():
    with tempfile.TemporaryDirectory(prefix="shopease-api-") as name:
        directory, port = Path(name), free_port()
        url = f"http://localhost:{port}"
        env = os.environ | {"SHOPEASE_DATA_DIR": str(directory / "data"), "SHOPEASE_HTTP_PORT": str(port)}
        with open(directory / "shop.log", "w+") as log:
            shop = subprocess.Popen([os.environ["SHOPEASE_BINARY"]], env=env, stdout=log, stderr=log)
            try:
                wait_until_ready(shop, url)
                run_commands(get(f"{url}/api/openapi.json"), url, directory)
                return check(url, directory)
            finally:
                shop.terminate()
                shop.wait(timeout=30)
                log.seek(0)
                print(*[line for line in log if " ERROR " in line or "panicked" in line], sep="")


if __name__ == "__main__":
    sys.exit(main())
