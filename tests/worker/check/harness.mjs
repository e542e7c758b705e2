// Starts Workers for the tests, each with its own providers, and sends them requests.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { bindings, CHECKOUT, signatureOf, startProviders, tokens } from "./fake-providers.mjs";

export const WEBHOOK = "/webhook/stripe";

/** One `serve.mjs` for each file of tests. `start` resolves to a Worker once it responds. */
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

/** A test with its own Worker and providers. */
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
  /** Signs like Stripe unless the test says otherwise. `sent` replaces the body after signing. */
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

/** An event with a unique ID, unless the envelope has one. */
export function event(type, object = {}, envelope = {}) {
  const id = `evt_${Math.random().toString(36).slice(2)}`;
  return JSON.stringify({
    id,
    object: "event",
    created: 1000,
    livemode: true,
    ...envelope,
    type,
    data: { object },
  });
}

/** A subscription event. The subscription is active by default, and its price names no product. */
export function subscription(what, changes, envelope) {
  const object = {
    id: "sub_1",
    object: "subscription",
    customer: "cus_1",
    status: "active",
    items: { data: [] },
  };
  return event(`customer.subscription.${what}`, { ...object, ...changes }, envelope);
}

/** The user's plan after these events. */
export async function planAfter(worker, providers, ...bodies) {
  for (const body of bodies) {
    assert.equal((await worker.deliver({ body })).status, 200);
  }
  return providers.user.public_metadata.plan;
}

export async function tiersOf(worker) {
  const { body } = await worker.ask("GET", "/api/tiers");
  return Object.fromEntries(body.tiers.map((tier) => [tier.id, tier]));
}

/** The Worker's request to Stripe when the canary buys a tier. */
export async function orderOf(worker, providers, tier, origin) {
  const answer = await worker.ask("POST", "/api/create-checkout", {
    token: tokens.good(),
    headers: origin ? { origin } : {},
    body: JSON.stringify({ tier }),
  });
  assert.deepEqual([answer.status, answer.body], [200, { url: CHECKOUT }]);
  return Object.fromEntries(new URLSearchParams(providers.requests.at(-1).body));
}
