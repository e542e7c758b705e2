// Runs Workers in workerd, one for each set of bindings.
//
// Reads lines of JSON on standard input and answers each on standard output with the same `id`:
//
//   {"id": "a", "bindings": {"STRIPE_SECRET_KEY": "sk_live_…", …}}   start a Worker
//     {"id": "a", "url": "http://127.0.0.1:40123"}                   its URL
//     {"id": "a", "error": "…"}                                      it could not start
//   {"id": "a", "stop": true}                                        stop it
//     {"id": "a", "stopped": true}
//
// Every Worker has its own workerd process and its own empty key-value store. Lines are handled
// concurrently and answered in any order. A line without an `id` starts another Worker and is answered
// without one. The Workers' logs go to standard error.
//
// Close standard input to stop every Worker and exit. Killing the process leaves them running.

import { createInterface } from "node:readline";

import { Log, LogLevel, Miniflare } from "miniflare";

import { bundle } from "./bundle.mjs";

const script = await bundle("src/worker.ts");

/** Each Worker by its id, as the promise of its start. */
const workers = new Map();

const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on("line", async (line) => {
  if (line.trim() === "") {
    return;
  }
  const { id, ...request } = parse(line);
  try {
    say({ id, ...(await obey(id, request)) });
  } catch (error) {
    say({ id, error: error.message });
  }
});
lines.on("close", leave);
process.on("SIGINT", leave);
process.on("SIGTERM", leave);

/** Parses a line. Invalid JSON is an empty request, which is rejected like any other invalid one. */
function parse(line) {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}

async function obey(id, { bindings, stop }) {
  if (stop === true) {
    return stopWorker(id);
  }
  if (typeof bindings !== "object" || bindings === null) {
    throw new Error("expected one line of JSON with `bindings`, or with `id` and `stop`");
  }
  if (workers.has(id)) {
    throw new Error("a Worker with this id is running");
  }
  const start = startWorker(bindings);
  const key = id ?? Symbol("anonymous");
  workers.set(key, start);
  try {
    return { url: (await start).url };
  } catch (error) {
    workers.delete(key);
    throw error;
  }
}

async function startWorker(bindings) {
  const miniflare = new Miniflare({
    name: "pan-api",
    modules: true,
    script,
    compatibilityDate: "2026-04-26",
    bindings,
    kvNamespaces: ["USAGE"],
    host: "127.0.0.1",
    port: 0,
    // Without this Miniflare asks the network where on earth it runs.
    cf: false,
    log: new Log(LogLevel.ERROR),
    handleRuntimeStdio: (stdout, stderr) => {
      stdout.on("data", (chunk) => process.stderr.write(chunk));
      stderr.on("data", (chunk) => process.stderr.write(chunk));
    },
  });
  try {
    const url = (await miniflare.ready).origin;
    await warmUp(url);
    return { miniflare, url };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

/** The first request compiles the script, and a defect that does not exist shows. */
async function warmUp(url) {
  const response = await fetch(`${url}/health`);
  const body = await response.text();
  if (response.status === 501) {
    throw new Error(body);
  }
}

async function stopWorker(id) {
  const start = workers.get(id);
  if (!start) {
    throw new Error("no Worker with this id is running");
  }
  workers.delete(id);
  await (await start).miniflare.dispose();
  return { stopped: true };
}

async function leave() {
  const started = await Promise.allSettled(workers.values());
  await Promise.allSettled(started.map(({ value }) => value?.miniflare.dispose()));
  process.exit(0);
}

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
