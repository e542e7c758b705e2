// Serves the Worker in workerd, once for every set of bindings that is asked for.
//
// One line of JSON on standard input, one on standard output, matched by an id of the asker's choice:
//
//   {"id": "a", "bindings": {"STRIPE_SECRET_KEY": "sk_live_…", …}}   start a Worker
//     {"id": "a", "url": "http://127.0.0.1:40123"}                   it answers there
//     {"id": "a", "error": "…"}                                      it could not be started
//   {"id": "a", "stop": true}                                        stop it
//     {"id": "a", "stopped": true}
//
// Every Worker is a workerd of its own, with a key-value store of its own that starts empty. Lines
// are worked on at the same time and answered in any order. A line without an id is one more Worker,
// answered without an id. The Workers' logs go to standard error.
//
// Closing standard input stops every Worker and ends the process. Killing the process outright would
// leave them running, which nobody who merely drops the pipe can do.

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

/** What a line asks for that is not even JSON is answered like any other request that makes no sense. */
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
