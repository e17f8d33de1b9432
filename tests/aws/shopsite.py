"""Processes on free local ports, and a simple browser."""

import html.parser
import http.client
import json
import os
import random
import re
import socket
import subprocess
import sys
import time
import urllib.parse


PORTS = iter(random.sample(range(20_000, 32_000), 12_000))


def free_port():
    """Returns a port below the ephemeral range (from 32,768), so that it stays free until its server starts."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no port is free")


class Process:
    """A process that ends with its block. Its log is shown if the block fails."""

    def __init__(self, name, command, log_directory, **options):
        self.name, self.log = name, os.path.join(log_directory, f"{name}.log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if error:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                print(f"--- {self.name}\n{''.join(log.readlines()[-40:])}", file=sys.stderr)

    def wait_for(self, port, path, seconds=60):
        """Waits until a GET returns 200."""
        end = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}")
            try:
                if Browser(port).get(path).status == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not respond to {path} after {seconds} s")
            time.sleep(0.1)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body.decode("utf-8", "replace")

    def title(self):
        found = re.search(r"<title>(.*?)</title>", self.text, re.DOTALL)
        return found[1].strip() if found else ""

    def expect(self, status, *words):
        missing = [word for word in words if word not in self.text]
        if self.status != status or missing:
            raise AssertionError(f"expected {status} with {words}, got {self.status} without {missing}:\n{self.text[:3000]}")
        return self


class Forms(html.parser.HTMLParser):
    """The forms of a page, with their actions and the fields that a browser would send."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.select = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form":
            self.forms.append((attributes.get("action"), {}))
        if not self.forms:
            return
        fields, name = self.forms[-1][1], attributes.get("name")
        if tag == "input" and name:
            chosen = attributes.get("type") not in ("radio", "checkbox") or "checked" in attributes
            if chosen:
                fields[name] = attributes.get("value", "")
            elif attributes.get("type") == "radio":
                fields.setdefault(name, attributes.get("value", ""))
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and ("selected" in attributes or self.select not in fields):
            fields[self.select] = attributes.get("value", "")

    def to(self, action):
        for found, fields in self.forms:
            if found and found.split("?")[0] == action:
                return fields
        raise AssertionError(f"no form to {action} among {[found for found, _ in self.forms]}")


class Browser:
    """Keeps cookies and follows redirects. `host` is sent in the Host header, whatever the address."""

    def __init__(self, port, host="localhost", extra_headers=None):
        self.port, self.host, self.cookies, self.extra_headers = port, host, {}, extra_headers or {}
        self.page, self.path = None, "/"

    def request(self, method, path, body=None, headers=None):
        sent = {"Host": self.host, "Accept": "text/html, application/json", **self.extra_headers, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            answer = Response(response.status, response.headers, response.read())
        finally:
            connection.close()
        for cookie in answer.headers.get_all("set-cookie") or []:
            name, value = cookie.split(";")[0].split("=", 1)
            self.cookies[name.strip()] = value
        return answer

    def follow(self, answer, path):
        for _ in range(5):
            location = answer.headers.get("location")
            if answer.status not in (302, 303) or not location:
                break
            path = urllib.parse.urlsplit(location)._replace(scheme="", netloc="").geturl()
            answer = self.request("GET", path)
        self.page, self.path = answer, path
        return answer

    def get(self, path):
        return self.follow(self.request("GET", path), path)

    def post_json(self, path, document):
        headers = {"Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        return self.request("POST", path, json.dumps(document), headers)

    def submit(self, form, /, **values):
        """Submits the form with this action of the current page."""
        fields = {**Forms(self.page.text).to(form), **values}
        body = urllib.parse.urlencode(fields)
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        return self.follow(self.request("POST", form, body, headers), form)
