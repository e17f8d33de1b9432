// The ways to run the shop that the docs describe: starts the processes, waits until they are ready, and stops them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, setDefaultAutoSelectFamilyAttemptTimeout } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const shopease = required("SHOPEASE_BINARY");

// `localhost` has two addresses; a busy machine may need more than the default of a quarter of a second for each.
setDefaultAutoSelectFamilyAttemptTimeout(10_000);

export function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; run this by \`cargo xtask test --only journeys\``);
  return value;
}

/** The first of several free ports in a row, below those that the system gives to outgoing connections: none of these takes it
 *  between now and its use. */
async function freePort(count = 1) {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 12_000);
    const servers = Array.from({ length: count }, (_, at) => createServer().listen(first + at, "127.0.0.1"));
    const listening = await Promise.all(servers.map((server) => once(server, "listening").then(() => true, () => false)));
    await Promise.all(servers.filter((server) => server.listening).map((server) => once(server.close(), "close")));
    if (listening.every(Boolean)) return first;
  }
}

/** A process of a deployment. Its output is shown only when something goes wrong. */
class Process {
  constructor(name, program, args, env) {
    this.name = name;
    this.log = "";
    // A process group of its own, so that its child processes (cargo, functions) stop with it.
    this.child = spawn(program, args, { cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on("data", (data) => (this.log = (this.log + data).slice(-20_000)));
    }
    this.ended = once(this.child, "exit").then(([code, signal]) => (this.exit = { code, signal }));
  }

  async ready(url, seconds = 60) {
    const deadline = Date.now() + seconds * 1000;
    while (Date.now() < deadline) {
      if (this.exit) break;
      const answer = await fetch(url).catch(() => undefined);
      if (answer?.ok) return;
      await sleep(100);
    }
    throw new Error(`${this.name} did not become ready at ${url}:\n${this.log}`);
  }

  async stop() {
    if (!this.exit) process.kill(-this.child.pid, "SIGTERM");
    const late = sleep(30_000, "late", { ref: false });
    if ((await Promise.race([this.ended, late])) === "late") {
      process.kill(-this.child.pid, "SIGKILL");
      throw new Error(`${this.name} did not stop in 30 s after SIGTERM:\n${this.log}`);
    }
    return this.exit;
  }
}

/** Starts a part of the shop and waits until its store responds. */
async function serve(name, args, env) {
  const port = await freePort();
  const process = new Process(name, shopease, args, { SHOPEASE_HTTP_PORT: `${port}`, ...env });
  await process.ready(`http://127.0.0.1:${port}/readyz`);
  return { process, url: `http://localhost:${port}` };
}

/** The shop as started by `cargo run`: one process, embedded store, demo catalog unless another is given. */
export async function embedded({ catalog, ...settings } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "shopease-"));
  const enginePort = await freePort();
  const engine = { SHOPEASE_EMBEDDED_PORT: `${enginePort}`, SHOPEASE_EMBEDDED_ACCESS_KEY: "test" };
  const env = { SHOPEASE_DATA_DIR: directory, ...engine, ...settings };
  if (catalog) {
    const reading = new Process("shopease import", shopease, ["import", catalog], env);
    const { code } = await reading.ended;
    if (code !== 0) throw new Error(`shopease import ${catalog}: exit code ${code}\n${reading.log}`);
  }
  let running = await serve("shopease", [], env);
  return {
    name: "one process, embedded store",
    get url() {
      return running.url;
    },
    directory,
    engine: `http://test@127.0.0.1:${enginePort}`,
    processes: () => [running.process],
    async restart() {
      const { code } = await running.process.stop();
      if (code !== 0) throw new Error(`exit code ${code} after SIGTERM:\n${running.process.log}`);
      running = await serve("shopease", [], env);
    },
    async stop() {
      await running.process.stop();
      await rm(directory, { recursive: true });
    },
  };
}

/** `cargo lambda watch` on the data of a running shop: all functions on production paths. */
export async function lambda(engine) {
  const port = await freePort();
  const env = { SHOPEASE_STORE: "dynamodb", SHOPEASE_DYNAMODB_ENDPOINT: engine, SHOPEASE_FAKE_PAYMENTS_URL: "in-process" };
  const args = ["lambda", "watch", "--package", "shopease-functions", "--ignore-changes", "--invoke-port", `${port}`];
  const watch = new Process("cargo lambda watch", required("CARGO_LAMBDA"), args, env);
  // The first request of each function waits until cargo has checked it.
  for (const path of ["/healthz", "/api/v1/categories", "/cart", "/api/v1/orders", "/login"]) {
    await watch.ready(`http://localhost:${port}${path}`, 400);
  }
  return { name: "Lambda functions by cargo lambda watch", url: `http://localhost:${port}`, processes: () => [watch], stop: () => watch.stop() };
}

/** The front door: the server and the real functions behind one address, on their own embedded store. */
export async function frontDoor() {
  const directory = await mkdtemp(join(tmpdir(), "front-door-"));
  const port = await freePort(3);
  const binaries = dirname(shopease);
  const args = ["--port", `${port}`, "--binaries", binaries, "--data-dir", join(directory, "data"), "--fargate", "split"];
  const door = new Process("front-door", join(binaries, "front-door"), args, {});
  const url = `http://localhost:${port}`;
  await door.ready(`${url}/readyz`);
  return {
    name: "front door",
    url,
    processes: () => [door],
    /** Changes the weights of every area, as the live page does. */
    async weigh(fargate, lambda) {
      const answer = await fetch(`${url}/_front-door/weights`, { method: "POST", body: JSON.stringify({ fargate, lambda }) });
      if (!answer.ok) throw new Error(`weights: ${answer.status} ${await answer.text()}`);
    },
    async stop() {
      const { code } = await door.stop();
      if (code !== 0) throw new Error(`exit code ${code} after SIGTERM:\n${door.log}`);
      await rm(directory, { recursive: true });
    },
  };
}

/** The interactive cost report, and the same report as a self-contained file. */
export async function costs() {
  const directory = await mkdtemp(join(tmpdir(), "costs-"));
  const program = join(dirname(shopease), "costs");
  const file = join(directory, "report.html");
  const written = new Process("costs report", program, ["report", "--profile", "small-shop", "--output", file], {});
  const { code } = await written.ended;
  if (code !== 0) throw new Error(`costs report: exit code ${code}\n${written.log}`);
  const port = await freePort();
  const serving = new Process("costs serve", program, ["serve", "--profile", "small-shop", "--port", `${port}`], {});
  const url = `http://localhost:${port}`;
  await serving.ready(url);
  return {
    name: "costs",
    url,
    file: `file://${file}`,
    processes: () => [serving],
    async stop() {
      await serving.stop();
      await rm(directory, { recursive: true });
    },
  };
}

/** Frontend and backend as two processes on one store. */
async function pair(name, env) {
  const backend = await serve("backend", ["serve", "--role", "backend", "--migrate", "--demo"], env);
  const frontend = await serve("frontend", ["serve", "--role", "frontend"], { SHOPEASE_BACKEND_URL: backend.url });
  return {
    name,
    url: frontend.url,
    processes: () => [frontend.process, backend.process],
    async stop() {
      await frontend.process.stop();
      await backend.process.stop();
    },
  };
}

export function onPostgres() {
  const env = {
    SHOPEASE_STORE: "postgres",
    SHOPEASE_DATABASE_URL: required("SHOPEASE_TEST_DATABASE_URL"),
    // A machine that freezes for a second must not look like a shop without a database.
    SHOPEASE_DATABASE_ACQUIRE_TIMEOUT_MS: "30000",
  };
  return pair("frontend and backend, PostgreSQL", env);
}

export function onDynamoDb(engine) {
  const env = { SHOPEASE_STORE: "dynamodb", SHOPEASE_DYNAMODB_ENDPOINT: engine, SHOPEASE_DYNAMODB_TABLE: "two-processes" };
  return pair("frontend and backend, DynamoDB", env);
}
