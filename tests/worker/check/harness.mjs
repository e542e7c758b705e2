// Workers to test, each with providers of its own, and the requests that are made of them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { bindings, CHECKOUT, signatureOf, startProviders, tokens } from "./fake-providers.mjs";

export const WEBHOOK = "/webhook/stripe";

/** One `serve.mjs` for a whole file of tests; `start` resolves to a Worker once it answers. */
export const server = {
  waiting: new Map(),

  async start(wanted) {
    const id = `worker-${Math.random()}`;
    const { url } = await this.say(id, { bindings: wanted });
    return client(url, () => this.say(id, { stop: true }));
  },

  async say(id, request) {
    const answered = new Promise((resolve) => this.waiting.set(id, resolve));
    this.child.stdin.write(`${JSON.stringify({ id, ...request })}\n`);
    const { error, ...answer } = await answered;
    if (error) {
      throw new Error(error);
    }
    return answer;
  },
};

before(() => {
  const script = fileURLToPath(new URL("../serve.mjs", import.meta.url));
  server.child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "ignore"] });
  createInterface({ input: server.child.stdout }).on("line", (line) => {
    const { id, ...answer } = JSON.parse(line);
    server.waiting.get(id)(answer);
  });
});

after(async () => {
  server.child.stdin.end();
  await once(server.child, "exit");
});

/** A test with a Worker and with providers that are all its own. */
export function check(name, changes, body) {
  test(name, async () => {
    const providers = await startProviders();
    const worker = await server.start(bindings(providers, changes));
    try {
      await body(worker, providers);
    } finally {
      await worker.stop();
      providers.stop();
    }
  });
}

function client(url, stop) {
  const ask = async (method, path, { token, headers = {}, body, signal } = {}) => {
    const authorization = token && { authorization: `Bearer ${token}` };
    const response = await fetch(url + path, {
      method,
      redirect: "manual",
      headers: { ...authorization, ...headers },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parsed(text) };
  };
  /** Signs like Stripe, but for what the test says otherwise; `sent` is a body that was not signed. */
  const deliver = ({
    body = event("preflight.probe"),
    sent = body,
    signature,
    more = "",
    ...how
  } = {}) => {
    const header = signature === undefined ? signatureOf(body, how) + more : signature;
    const headers = header === null ? {} : { "stripe-signature": header };
    return ask("POST", WEBHOOK, { headers, body: sent });
  };
  return { ask, deliver, stop };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** An event of an id that nothing else has, unless the envelope says one. */
export function event(type, object = {}, envelope = {}) {
  const id = `evt_${Math.random().toString(36).slice(2)}`;
  return JSON.stringify({
    id,
    object: "event",
    livemode: true,
    ...envelope,
    type,
    data: { object },
  });
}

/** An event of a subscription, which is active unless it is said otherwise. */
export function subscription(what, changes) {
  const object = { id: "sub_1", object: "subscription", customer: "cus_1", status: "active" };
  return event(`customer.subscription.${what}`, { ...object, ...changes });
}

export async function tiersOf(worker) {
  const { body } = await worker.ask("GET", "/api/tiers");
  return Object.fromEntries(body.tiers.map((tier) => [tier.id, tier]));
}

/** What the Worker asks of Stripe for a canary who buys a tier. */
export async function orderOf(worker, providers, tier, origin) {
  const answer = await worker.ask("POST", "/api/create-checkout", {
    token: tokens.good(),
    headers: origin ? { origin } : {},
    body: JSON.stringify({ tier }),
  });
  assert.deepEqual([answer.status, answer.body], [200, { url: CHECKOUT }]);
  return Object.fromEntries(new URLSearchParams(providers.requests.at(-1).body));
}
