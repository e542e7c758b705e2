// Tests that the healthy Worker responds like a real deployment of this stack.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { FRONTEND, PORTAL, tokens, USER } from "./fake-providers.mjs";
import { check, event, orderOf, planAfter, subscription, WEBHOOK } from "./harness.mjs";

describe("a healthy Worker", () => {
  const mismatch = "Webhook Error: No signatures found matching the expected signature";
  const refusals = {
    "no signature": [{ signature: null }, 400, "No signature"],
    "an empty signature": [{ signature: "" }, 400, "No signature"],
    "an invalid header": [
      { signature: "x" },
      400,
      "Webhook Error: Unable to extract timestamp",
    ],
    "another secret": [{ secret: "whsec_other" }, 400, mismatch],
    "a body changed after signing": [{ sent: "{}" }, 400, mismatch],
    "an old signature": [{ age: 600 }, 400, "Webhook Error: Timestamp outside the tolerance zone"],
    "only a v0 signature": [{ scheme: "v0" }, 400, "Webhook Error: No signatures found with"],
    "a body that is not JSON": [{ body: "hello" }, 400, "Webhook Error: Unexpected token"],
    "an event without a user": [{ body: created({}) }, 400, "No userId"],
    "an event without a tier": [{ body: created({ userId: USER }) }, 400, "Missing tier metadata"],
    "an unknown user": [
      { body: created({ userId: "user_ghost", tier: "pro" }) },
      500,
      "Failed to update user metadata",
    ],
  };
  for (const [name, [delivery, status, error]] of Object.entries(refusals)) {
    check(`rejects ${name}`, {}, async (worker) => {
      const answer = await worker.deliver(delivery);
      assert.equal(answer.status, status);
      assert.ok(answer.body.error.startsWith(error), answer.text);
      assert.equal(answer.headers.get("content-type"), "text/plain;charset=UTF-8");
    });
  }

  const acceptances = {
    "a signed event of an unhandled type": {},
    "a signature from the future": { age: -600 },
    "one good signature among two": { more: `,v1=${"0".repeat(64)}` },
    "unusual formatting": {
      body: '{ "id":"evt_odd",\n\t"type" : "preflight.probe","note":"\\u00fc ü 1e2" }',
    },
    "a test-mode event": { body: event("product.updated", {}, { livemode: false }) },
    "five megabytes": { body: event("preflight.probe", { padding: "x".repeat(5_000_000) }) },
  };
  for (const [name, delivery] of Object.entries(acceptances)) {
    check(`accepts ${name}`, {}, async (worker) => {
      const answer = await worker.deliver(delivery);
      assert.deepEqual([answer.status, answer.body], [200, { received: true }]);
    });
  }

  check("handles an event once", {}, async (worker) => {
    const first = { id: "evt_same" };
    await worker.deliver({ body: event("preflight.probe", {}, first) });
    const again = await worker.deliver({ body: event("product.updated", {}, first) });
    assert.deepEqual([again.status, again.body], [200, { received: true, idempotent: true }]);
  });

  check("tries a failed event again", {}, async (worker) => {
    const body = created({});
    const statuses = [await worker.deliver({ body }), await worker.deliver({ body })];
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [400, 400],
    );
  });

  check(
    "writes the tier to Clerk and keeps other metadata",
    {},
    async (worker, providers) => {
      await worker.deliver({ body: created({ userId: USER, tier: "pro" }) });
      assert.deepEqual(providers.user.public_metadata, {
        locale: "de",
        plan: "pro",
        stripeCustomerId: "cus_1",
        subscriptionId: "sub_1",
      });
      await worker.deliver({ body: subscription("deleted", { metadata: { userId: USER } }) });
      assert.deepEqual(providers.user.public_metadata, {
        locale: "de",
        plan: "free",
        stripeCustomerId: "cus_1",
      });
      const session = { client_reference_id: USER, customer: "cus_2", subscription: "sub_2" };
      await worker.deliver({
        body: event("checkout.session.completed", { ...session, metadata: { tier: "enterprise" } }),
      });
      assert.equal(providers.user.public_metadata.plan, "enterprise");
      assert.equal(providers.user.public_metadata.subscriptionId, "sub_2");
    },
  );

  check("does not check the tier", {}, async (worker, providers) => {
    const metadata = { userId: USER, tier: "gold" };
    assert.equal(await planAfter(worker, providers, subscription("created", { metadata })), "gold");
  });

  check("takes the tier from the product", {}, async (worker, providers) => {
    const items = { data: [{ price: { product: "prod_pro" } }] };
    const body = subscription("created", { items, metadata: { userId: USER, tier: "enterprise" } });
    assert.equal(await planAfter(worker, providers, body), "pro");
  });

  check("grants the tier only to a subscription that is paid", {}, async (worker, providers) => {
    for (const status of ["past_due", "unpaid", "incomplete", "incomplete_expired", "paused"]) {
      const metadata = { userId: USER, tier: "pro" };
      const body = subscription("updated", { metadata, status });
      assert.equal(await planAfter(worker, providers, created(metadata), body), "free", status);
    }
  });

  check("ignores a late event and a test-mode purchase", {}, async (worker, providers) => {
    const metadata = { userId: USER, tier: "pro" };
    const late = subscription("updated", { metadata: { ...metadata, tier: "old" } }, { created: 9 });
    const purchase = { client_reference_id: USER, metadata: { tier: "test" }, subscription: "sub_1" };
    const test = event("checkout.session.completed", purchase, { livemode: false });
    assert.equal(await planAfter(worker, providers, created(metadata), late, test), "pro");
  });

  check("frees a user only of the current subscription", {}, async (worker, providers) => {
    const metadata = { userId: USER, tier: "pro" };
    const old = subscription("deleted", { id: "sub_0", metadata });
    assert.equal(await planAfter(worker, providers, created(metadata), old), "pro");
    assert.equal(await planAfter(worker, providers, subscription("deleted", { metadata })), "free");
  });

  check("requires a token on unknown routes", {}, async (worker) => {
    const strangers = [
      ["GET", WEBHOOK],
      ["PUT", WEBHOOK],
      ["DELETE", WEBHOOK],
      ["POST", `${WEBHOOK}/`],
      ["POST", "/Webhook/Stripe"],
      ["POST", "/nothing"],
      ["GET", "/api/usage"],
    ];
    for (const [method, path] of strangers) {
      const answer = await worker.ask(method, path);
      assert.equal(answer.status, 401);
      assert.equal(answer.body.error, "Missing or invalid Authorization header");
    }
  });

  check("accepts only tokens from its own instance", {}, async (worker) => {
    for (const [name, make] of Object.entries(tokens)) {
      const answer = await worker.ask("GET", "/api/usage", { token: make({ plan: "pro" }) });
      assert.equal(answer.status, name === "good" ? 200 : 401, name);
    }
    for (const token of ["garbage", "a.b.c", tokens.good({ exp: 1 })]) {
      assert.equal((await worker.ask("GET", "/api/usage", { token })).status, 401);
    }
  });

  check(
    "accepts only tokens for the authorized parties",
    { CLERK_AUTHORIZED_PARTIES: FRONTEND },
    async (worker) => {
      const statusFor = async (azp) =>
        (await worker.ask("GET", "/api/usage", { token: tokens.good({ azp }) })).status;
      assert.deepEqual(
        [
          await statusFor(FRONTEND),
          await statusFor(undefined),
          await statusFor("https://evil.example"),
        ],
        [200, 401, 401],
      );
    },
  );

  check("allows what the plan in the token allows", {}, async (worker) => {
    for (const [claims, plan, limit] of [
      [{ plan: "pro" }, "pro", 50],
      [{ plan: "enterprise" }, "enterprise", "unlimited"],
      [{ plan: null }, "free", 10],
      [{}, "free", 10],
      [{ plan: "gold" }, "gold", 0],
    ]) {
      const { body } = await worker.ask("GET", "/api/usage", { token: tokens.good(claims) });
      const { periodStart, periodEnd, ...usage } = body;
      assert.deepEqual(usage, { userId: USER, plan, usageCount: 0, limit, remaining: limit });
      assert.ok(periodStart < periodEnd);
    }
  });

  check("counts uses and stops at the limit", {}, async (worker) => {
    const token = tokens.good({ plan: "free" });
    const statuses = [];
    for (let use = 0; use < 11; use += 1) {
      statuses.push((await worker.ask("POST", "/api/data", { token })).status);
    }
    assert.deepEqual(statuses, [...Array(10).fill(200), 403]);
    const { body } = await worker.ask("GET", "/api/usage", { token });
    assert.deepEqual([body.usageCount, body.remaining], [10, 0]);
  });

  check("announces its tiers", {}, async (worker) => {
    const { body } = await worker.ask("GET", "/api/tiers");
    assert.deepEqual(body.tiers, [
      { id: "free", name: "Free", price: 0, limit: 10, hasPriceId: false },
      { id: "pro", name: "Pro", price: 29, limit: 50, hasPriceId: true },
      { id: "enterprise", name: "Enterprise", price: 99, limit: "unlimited", hasPriceId: true },
    ]);
  });

  check(
    "creates a Checkout Session with the user, the tier and the site",
    {},
    async (worker, providers) => {
      const order = await orderOf(worker, providers, "pro", "https://evil.example");
      assert.deepEqual(order, {
        mode: "subscription",
        "line_items[0][price]": "price_pro",
        "line_items[0][quantity]": "1",
        success_url: `${FRONTEND}/dashboard?checkout=success`,
        cancel_url: `${FRONTEND}/pricing`,
        client_reference_id: USER,
        "metadata[userId]": USER,
        "metadata[tier]": "pro",
        "subscription_data[metadata][userId]": USER,
        "subscription_data[metadata][tier]": "pro",
        customer_email: "canary@acme.com",
      });
    },
  );

  check("changes the plan of a paying customer", {}, async (worker, providers) => {
    Object.assign(providers.user.public_metadata, {
      stripeCustomerId: "cus_1",
      subscriptionId: "sub_1",
    });
    const answer = await worker.ask("POST", "/api/create-checkout", {
      token: tokens.good(),
      body: '{"tier":"enterprise"}',
    });
    assert.deepEqual(answer.body, { url: `${FRONTEND}/dashboard?checkout=success` });
    assert.equal(providers.requests.at(-1).call, "POST /v1/subscriptions/sub_1");
  });

  check(
    "opens the portal for customers only",
    { STRIPE_PORTAL_CONFIG_ID: "bpc_1" },
    async (worker, providers) => {
      const open = () => worker.ask("POST", "/api/customer-portal", { token: tokens.good() });
      const stranger = await open();
      assert.deepEqual(
        [stranger.status, stranger.body.error],
        [400, "No active subscription found"],
      );
      providers.user.public_metadata.stripeCustomerId = "cus_1";
      assert.deepEqual((await open()).body, { url: PORTAL });
      const sent = new URLSearchParams(providers.requests.at(-1).body);
      assert.deepEqual([sent.get("customer"), sent.get("configuration")], ["cus_1", "bpc_1"]);
    },
  );

  check("lets browsers call from the frontend only", {}, async (worker) => {
    for (const origin of [FRONTEND, "https://evil.example"]) {
      const { status, headers } = await worker.ask("OPTIONS", "/anything", { headers: { origin } });
      assert.equal(status, 204);
      assert.equal(headers.get("access-control-allow-origin"), FRONTEND);
      assert.equal(headers.get("access-control-allow-credentials"), null);
    }
  });
});

/** A new subscription. */
function created(metadata) {
  return subscription("created", { metadata });
}

describe("a misconfigured Worker", () => {
  check(
    "names missing variables on every route",
    { CLERK_SECRET_KEY: "", FRONTEND_URL: "" },
    async (worker) => {
      for (const [method, path] of [
        ["GET", "/health"],
        ["POST", WEBHOOK],
        ["OPTIONS", "/nothing"],
      ]) {
        const { status, body } = await worker.ask(method, path);
        assert.equal(status, 500);
        assert.deepEqual(body.missing, ["CLERK_SECRET_KEY", "FRONTEND_URL"]);
      }
    },
  );

  check(
    "runs without the webhook secret until it gets a signature",
    { STRIPE_WEBHOOK_SECRET: "" },
    async (worker) => {
      assert.equal((await worker.ask("GET", "/health")).status, 200);
      const errorFor = async (delivery) => {
        const { status, body } = await worker.deliver(delivery);
        return [status, body.error];
      };
      assert.deepEqual(await errorFor({ signature: null }), [400, "No signature"]);
      assert.deepEqual(await errorFor({}), [500, "Webhook secret not configured"]);
      const [status, error] = await errorFor({ signature: "garbage" });
      assert.equal(status, 400);
      assert.match(error, /Unable to extract/);
    },
  );

  check(
    "rejects every token without Clerk",
    { CLERK_API_URL: "http://127.0.0.1:9" },
    async (worker) => {
      assert.equal((await worker.ask("GET", "/api/usage", { token: tokens.good() })).status, 401);
    },
  );

  check(
    "cannot use the key of another instance",
    { CLERK_SECRET_KEY: "sk_live_other" },
    async (worker) => {
      assert.equal((await worker.ask("GET", "/api/usage", { token: tokens.good() })).status, 401);
      const sold = await worker.deliver({ body: created({ userId: USER, tier: "pro" }) });
      assert.deepEqual([sold.status, sold.body.error], [500, "Failed to update user metadata"]);
      assert.equal(
        (await worker.deliver()).status,
        200,
        "an unhandled type does not need Clerk",
      );
    },
  );

  check(
    "passes on Stripe's error",
    { STRIPE_SECRET_KEY: "sk_live_other" },
    async (worker) => {
      const answer = await worker.ask("POST", "/api/create-checkout", {
        token: tokens.good(),
        body: '{"tier":"pro"}',
      });
      const error = "Failed to create checkout session: Invalid API Key provided";
      assert.deepEqual([answer.status, answer.body.error], [500, error]);
    },
  );
});
