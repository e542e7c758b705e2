// Tests that every defect shows, and that similar defects do not show with it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { bundle } from "../bundle.mjs";
import { FRONTEND, signatureOf, tokens, USER } from "./fake-providers.mjs";
import {
  check,
  event,
  orderOf,
  planAfter,
  server,
  subscription,
  tiersOf,
  WEBHOOK,
} from "./harness.mjs";

describe("a defect", () => {
  const forged = { secret: "whsec_other" };
  const usage = async (worker, token) => (await worker.ask("GET", "/api/usage", { token })).status;
  const allowed = async (worker, origin) =>
    (await worker.ask("GET", "/health", { headers: { origin } })).headers.get(
      "access-control-allow-origin",
    );
  /** The responses of the webhook and of an unknown route. */
  const inFront = async (worker) => {
    const [webhook, nothing, health] = [
      await worker.deliver({ signature: null }),
      await worker.ask("POST", "/nothing"),
      await worker.ask("GET", "/health"),
    ];
    assert.equal(health.body.status, "ok");
    return { webhook, nothing };
  };

  const metadata = { userId: USER, tier: "pro" };
  const bought = subscription("created", { metadata });
  const now = (status) => subscription("updated", { metadata, status });
  const usageOf = async (worker, claims) =>
    (await worker.ask("GET", "/api/usage", { token: tokens.good(claims) })).body;
  const useOnce = (worker) => worker.ask("POST", "/api/data", { token: tokens.good({ plan: "pro" }) });
  const orders = (worker, body) =>
    worker.ask("POST", "/api/create-checkout", { token: tokens.good(), body });
  /** What every Checkout Session is created with. */
  const asksFor = (parameter, value) => async (worker, providers) => {
    assert.equal((await orderOf(worker, providers, "pro"))[parameter], value);
  };
  /** The plan after the purchase and these events. */
  const leaves =
    (plan, ...bodies) =>
    async (worker, providers) => {
      assert.equal(await planAfter(worker, providers, bought, ...bodies), plan);
    };

  /** For each defect, the requests that distinguish it from a healthy Worker and from similar defects. */
  const proofs = {
    "accepts-unsigned": async (worker) => {
      assert.equal((await worker.deliver({ signature: null })).status, 200);
      assert.equal((await worker.deliver(forged)).status, 400);
    },
    "accepts-wrong": async (worker) => {
      assert.equal((await worker.deliver({ signature: null })).status, 400);
      assert.equal((await worker.deliver(forged)).status, 200);
    },
    "accepts-stale": async (worker) => {
      assert.equal((await worker.deliver({ age: 3600 })).status, 200);
      assert.equal((await worker.deliver({ ...forged, age: 3600 })).status, 400);
    },
    "accepts-tampered": async (worker) => {
      const body = event("preflight.probe");
      const signature = signatureOf(body);
      assert.equal((await worker.deliver({ body, signature })).status, 200);
      const other = await worker.deliver({ body: event("preflight.probe"), signature });
      assert.deepEqual([other.status, other.body], [200, { received: true }]);
      assert.equal((await worker.deliver(forged)).status, 400);
    },
    swallows: async (worker) => {
      const answer = await worker.deliver(forged);
      assert.equal(answer.status, 200);
      assert.match(answer.body.error, /^Webhook Error: No signatures found/);
      assert.equal((await worker.deliver({ signature: null })).status, 400);
    },
    reserialises: async (worker) => {
      assert.equal((await worker.deliver()).status, 200);
      assert.equal(
        (await worker.deliver({ body: '{ "id": "evt_1", "type": "preflight.probe" }' })).status,
        400,
      );
      assert.equal((await worker.deliver(forged)).status, 400);
    },
    "first-signature": async (worker) => {
      const body = event("preflight.probe");
      const [time, good] = signatureOf(body).split(",");
      const former = `v1=${"0".repeat(64)}`;
      const answers = [`${time},${good},${former}`, `${time},${former},${good}`].map((signature) =>
        worker.deliver({ body, signature }),
      );
      assert.deepEqual((await Promise.all(answers)).map(({ status }) => status), [200, 400]);
      assert.equal((await worker.deliver({ signature: null })).status, 400);
    },
    "sync-crypto": async (worker) => {
      const answer = await worker.deliver();
      assert.equal(answer.status, 400);
      assert.match(
        answer.body.error,
        /SubtleCryptoProvider cannot be used in a synchronous context/,
      );
    },
    "unhandled-type-refused": async (worker) => {
      const answer = await worker.deliver();
      assert.deepEqual(
        [answer.status, answer.body.error],
        [400, "Unhandled event type: preflight.probe"],
      );
      const body = subscription("deleted", { metadata: { userId: USER } });
      assert.equal((await worker.deliver({ body })).status, 200);
    },
    "not-idempotent": async (worker) => {
      const body = event("preflight.probe");
      assert.equal((await worker.deliver({ body })).status, 200);
      assert.equal((await worker.deliver({ body })).status, 500);
    },
    redirects: async (worker) => {
      for (const answer of Object.values(await inFront(worker))) {
        assert.equal(answer.status, 308);
        assert.match(answer.headers.get("location"), /^https:\/\/www\.example\.com\//);
      }
    },
    "login-wall": async (worker) => {
      for (const answer of Object.values(await inFront(worker))) {
        assert.equal(answer.status, 307);
        assert.match(answer.headers.get("location"), /\/sign-in\?redirect_url=/);
      }
    },
    "login-wall-401": async (worker) => {
      for (const answer of Object.values(await inFront(worker))) {
        assert.equal(answer.status, 401);
        assert.equal(answer.headers.get("x-clerk-auth-status"), "signed-out");
      }
    },
    challenge: async (worker) => {
      for (const answer of Object.values(await inFront(worker))) {
        assert.equal(answer.status, 403);
        assert.equal(answer.headers.get("cf-mitigated"), "challenge");
        assert.match(answer.text, /Just a moment\.\.\./);
      }
    },
    spa: async (worker) => {
      for (const answer of Object.values(await inFront(worker))) {
        assert.equal(answer.status, 200);
        assert.match(answer.text, /<div id="root">/);
      }
    },
    "not-found": async (worker) => {
      for (const answer of Object.values(await inFront(worker))) {
        assert.equal(answer.status, 404);
      }
    },
    method: async (worker) => {
      const { webhook, nothing } = await inFront(worker);
      assert.deepEqual([webhook.status, nothing.status], [405, 401]);
    },
    "server-error": async (worker) => {
      const { webhook, nothing } = await inFront(worker);
      assert.deepEqual([webhook.status, nothing.status], [500, 401]);
      assert.deepEqual(webhook.body.missing, ["CLERK_SECRET_KEY"]);
    },
    slow: async (worker) => {
      const start = performance.now();
      assert.equal((await worker.deliver()).status, 200);
      assert.ok(performance.now() - start >= 3000);
    },
    hangs: async (worker) => {
      const signal = AbortSignal.timeout(1000);
      await assert.rejects(worker.ask("POST", WEBHOOK, { signal }), { name: "TimeoutError" });
    },
    everywhere: async (worker) => {
      assert.equal((await worker.ask("GET", "/health")).body.status, "ok", "nothing by itself");
    },
    "auth-none-alg": async (worker) => {
      assert.equal(await usage(worker, tokens.unsigned()), 200);
      assert.equal(await usage(worker, tokens.keyedWithPublicKey()), 401);
      assert.equal(await usage(worker, tokens.foreign()), 401);
    },
    "auth-hs256": async (worker) => {
      assert.equal(await usage(worker, tokens.keyedWithPublicKey()), 200);
      assert.equal(await usage(worker, tokens.unsigned()), 401);
      assert.equal(await usage(worker, tokens.foreign()), 401);
    },
    "auth-foreign": async (worker) => {
      assert.equal(await usage(worker, tokens.foreign()), 200);
      assert.equal(await usage(worker, tokens.unsigned()), 401);
      assert.equal(await usage(worker, tokens.keyedWithPublicKey()), 401);
    },
    "auth-open": async (worker) => {
      for (const token of [undefined, "garbage", ...Object.values(tokens).map((make) => make())]) {
        assert.equal(await usage(worker, token), 200);
      }
    },
    "usage-plan": async (worker) => {
      const { body } = await worker.ask("GET", "/api/usage", {
        token: tokens.good({ plan: "pro" }),
      });
      assert.deepEqual([body.plan, body.limit], ["free", 10]);
    },
    "usage-limit": async (worker) => {
      const { body } = await worker.ask("GET", "/api/usage", {
        token: tokens.good({ plan: "pro" }),
      });
      assert.deepEqual([body.plan, body.limit], ["pro", 30]);
    },
    "tiers-amount": async (worker) => {
      assert.equal((await tiersOf(worker)).pro.price, 19);
    },
    "tiers-limit": async (worker) => {
      assert.equal((await tiersOf(worker)).pro.limit, 30);
    },
    "tiers-missing": async (worker) => {
      assert.deepEqual(Object.keys(await tiersOf(worker)), ["free", "pro"]);
    },
    "tiers-surplus": async (worker) => {
      assert.deepEqual(Object.keys(await tiersOf(worker)), ["free", "pro", "enterprise", "team"]);
    },
    "checkout-wrong-price": async (worker, providers) => {
      const order = await orderOf(worker, providers, "pro");
      assert.equal(order["line_items[0][price]"], "price_enterprise");
    },
    "checkout-localhost": async (worker, providers) => {
      const order = await orderOf(worker, providers, "pro", FRONTEND);
      assert.match(order.success_url, /^http:\/\/localhost:5173\//);
    },
    "checkout-open-redirect": async (worker, providers) => {
      const order = await orderOf(worker, providers, "pro", "https://evil.example");
      assert.match(order.success_url, /^https:\/\/evil\.example\//);
      assert.match(
        (await orderOf(worker, providers, "pro")).success_url,
        /^https:\/\/app\.acme\.com\//,
      );
    },
    "checkout-no-user": async (worker, providers) => {
      const order = await orderOf(worker, providers, "pro");
      assert.deepEqual(Object.keys(order), [
        "mode",
        "line_items[0][price]",
        "line_items[0][quantity]",
        "success_url",
        "cancel_url",
      ]);
    },
    "checkout-no-tier": async (worker, providers) => {
      const order = await orderOf(worker, providers, "pro");
      assert.equal(order["metadata[userId]"], USER);
      assert.ok(!Object.keys(order).some((key) => key.includes("tier")));
    },
    "checkout-unmappable": async (worker, providers) => {
      const order = await orderOf(worker, providers, "pro");
      assert.equal(order["metadata[userId]"], USER);
      assert.ok(!Object.keys(order).some((key) => key.startsWith("subscription_data")));
    },
    "customer-forgotten": async (worker, providers) => {
      const body = subscription("created", { metadata, customer: "cus_1" });
      assert.equal(await planAfter(worker, providers, body), "pro");
      assert.equal(providers.user.public_metadata.stripeCustomerId, undefined);
    },
    "swallows-events": leaves(undefined),
    "tier-elsewhere": async (worker, providers) => {
      const price = { product: "prod_pro", metadata: { plan: "enterprise" } };
      const body = subscription("created", { metadata, items: { data: [{ price }] } });
      assert.equal(await planAfter(worker, providers, body), "enterprise");
    },
    "tiers-mixed-up": leaves("enterprise"),
    "tier-of-checkout": async (worker, providers) => {
      const items = { data: [{ price: { product: "prod_pro" } }] };
      const body = subscription("created", { items, metadata: { userId: USER, tier: "old" } });
      assert.equal(await planAfter(worker, providers, body), "old");
    },
    "older-wins": leaves(
      "old",
      subscription("updated", { metadata: { userId: USER, tier: "old" } }, { created: 9 }),
    ),
    "status-ignored": leaves("pro", now("unpaid"), now("past_due"), now("incomplete_expired")),
    "past-due-keeps": leaves("pro", now("past_due")),
    "unpaid-keeps": leaves("pro", now("unpaid")),
    "incomplete-grants": leaves("pro", now("incomplete")),
    "incomplete-expired-grants": leaves("pro", now("incomplete_expired")),
    "not-restored": async (worker, providers) => {
      const recovered = JSON.parse(now("active"));
      recovered.data.previous_attributes = { status: "past_due" };
      const bodies = [bought, now("past_due"), JSON.stringify(recovered)];
      assert.equal(await planAfter(worker, providers, ...bodies), "free");
    },
    "deleted-ignored": leaves("pro", subscription("deleted", { metadata })),
    "old-takes-new": leaves("free", subscription("deleted", { id: "sub_0", metadata })),
    "ends-early": leaves("free", subscription("updated", { metadata, cancel_at_period_end: true })),
    "metadata-replaced": async (worker, providers) => {
      await planAfter(worker, providers, bought);
      assert.equal(providers.user.public_metadata.locale, undefined);
    },
    "subscription-lost": async (worker, providers) => {
      const session = { client_reference_id: USER, subscription: "sub_1", metadata };
      await planAfter(worker, providers, bought, event("checkout.session.completed", session));
      assert.equal(providers.user.public_metadata.subscriptionId, undefined);
    },
    "plan-lost": async (worker, providers) => {
      const session = { client_reference_id: USER, subscription: "sub_1", metadata };
      const late = event("checkout.session.completed", session);
      assert.equal(await planAfter(worker, providers, bought, late), "free");
    },
    "unpaid-takes-active": async (worker, providers) => {
      const unpaid = subscription("created", { id: "sub_2", status: "incomplete", metadata });
      assert.equal(await planAfter(worker, providers, bought, unpaid), "free");
    },
    "returning-ignored": async (worker, providers) => {
      providers.user.public_metadata.subscriptionId = "sub_0";
      await planAfter(worker, providers, bought);
      assert.equal(providers.user.public_metadata.subscriptionId, "sub_0");
    },
    "test-events": async (worker, providers) => {
      const session = { client_reference_id: USER, subscription: "sub_1", metadata };
      const body = event("checkout.session.completed", session, { livemode: false });
      assert.equal(await planAfter(worker, providers, body), "pro");
    },
    "enterprise-limit": async (worker) => {
      assert.equal((await usageOf(worker, { plan: "enterprise" })).limit, 1000);
      assert.equal((await usageOf(worker, { plan: "pro" })).limit, 50);
    },
    "plan-cached": async (worker) => {
      assert.equal((await usageOf(worker, { plan: "pro" })).plan, "pro");
      assert.equal((await usageOf(worker, { plan: "free" })).plan, "pro");
    },
    "not-counted": async (worker) => {
      assert.equal((await useOnce(worker)).status, 200);
      assert.equal((await usageOf(worker, { plan: "pro" })).usageCount, 0);
    },
    "counted-twice": async (worker) => {
      assert.equal((await useOnce(worker)).status, 200);
      assert.equal((await usageOf(worker, { plan: "pro" })).usageCount, 2);
    },
    "expired-token": async (worker) => {
      assert.equal(await usage(worker, tokens.good({ exp: 1 + Math.floor(Date.now() / 1000) - 60 })), 200);
      assert.equal(await usage(worker, tokens.foreign()), 401);
    },
    "checkout-breaks-on-bad-json": async (worker) => {
      assert.equal((await orders(worker, "{")).status, 500);
      assert.equal((await orders(worker, '{"tier":"gold"}')).status, 400);
    },
    "checkout-any-tier": async (worker, providers) => {
      const order = await orderOf(worker, providers, "gold");
      assert.equal(order["line_items[0][price]"], "price_pro");
      assert.equal((await orders(worker, "{")).status, 400);
    },
    "checkout-shows-stripe-errors": async (worker, providers) => {
      const order = await orderOf(worker, providers, "gold");
      assert.equal(order["line_items[0][price]"], "gold");
      assert.equal((await orders(worker, "{")).status, 400);
    },
    "checkout-tax": asksFor("automatic_tax[enabled]", "true"),
    "checkout-delayed": asksFor("allowed_payment_method_types[1]", "sepa_debit"),
    "checkout-payment-methods": asksFor(
      "payment_method_configuration",
      "pmc_1Rlivecme7LaunchMethods0",
    ),
    "checkout-not-managed": asksFor("managed_payments[enabled]", "false"),
    "cors-wildcard": async (worker) => {
      assert.equal(await allowed(worker, "https://evil.example"), "*");
    },
    "cors-wildcard-credentials": async (worker) => {
      assert.equal(await allowed(worker, "https://evil.example"), "*");
      const { headers } = await worker.ask("OPTIONS", "/health");
      assert.equal(headers.get("access-control-allow-credentials"), "true");
    },
    "cors-reflects": async (worker) => {
      assert.equal(await allowed(worker, "https://evil.example"), "https://evil.example");
    },
    "cors-frontend-blocked": async (worker) => {
      assert.notEqual(await allowed(worker, FRONTEND), FRONTEND);
    },
  };
  for (const [name, proof] of Object.entries(proofs)) {
    check(`called ${name} shows`, { BREAK: name }, proof);
  }

  check("can answer every route", { BREAK: "spa,everywhere" }, async (worker) => {
    assert.match((await worker.ask("GET", "/health")).text, /<div id="root">/);
  });

  check("can be combined", { BREAK: "tiers-amount, cors-wildcard" }, async (worker) => {
    assert.equal((await tiersOf(worker)).pro.price, 19);
    assert.equal(await allowed(worker, FRONTEND), "*");
  });

  test("with an unknown name is rejected", async () => {
    await assert.rejects(server.start({ BREAK: "accept-unsigned" }), /No such defect/);
  });

  test("always has a test", async () => {
    assert.deepEqual(Object.keys(await defects()).sort(), Object.keys(proofs).sort());
  });
});

/** The Worker's own table, which only a bundle can be imported from. */
async function defects() {
  const source = Buffer.from(await bundle("src/defects.ts")).toString("base64");
  return (await import(`data:text/javascript;base64,${source}`)).defects;
}
