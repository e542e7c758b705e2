// Every defect that this Worker can have: a name, and the parts that it replaces.

import Stripe from "stripe";

import { calling } from "./entitlement";
import { list, refuseWithout } from "./environment";
import { isKeyedWithPublicKey, trusting, trustingAnyone } from "./forged-tokens";
import {
  botChallenge,
  clerkMiddleware,
  clerkRedirect,
  methodNotAllowed,
  notFound,
  redirectToWww,
  singlePage,
} from "./in-front";
import { clerkOf } from "./providers";
import { Refusal } from "./refusal";
import { styles } from "./styles";
import { enterprise, free, pro, type Limit } from "./tiers";
import { healthy, type Parts } from "./visit";
import { cryptoProvider, forged, isHandled } from "./webhook";

/** Signatures that were verified once. It lives as long as the isolate. */
const known = new Set<string>();

/** The first plan of each user. It lives as long as the isolate. */
const plans = new Map<string, string>();

/** An outdated copy of the limits. */
const staleLimits: Readonly<Record<string, Limit>> = { free: 5, pro: 30, enterprise: 1000 };

export const defects: Readonly<Record<string, Partial<Parts>>> = {
  // The webhook's signature.

  "accepts-unsigned": {
    readEvent: async (delivery) =>
      delivery.signature ? healthy.readEvent(delivery) : JSON.parse(delivery.body),
  },
  "accepts-wrong": {
    readEvent: async (delivery) =>
      delivery.signature ? JSON.parse(delivery.body) : healthy.readEvent(delivery),
  },
  "accepts-stale": {
    readEvent: (delivery) => healthy.readEvent(delivery, 0),
  },
  // A shortcut for redeliveries: a known signature is not verified again, whatever the body is.
  "accepts-tampered": {
    readEvent: async (delivery) => {
      if (delivery.signature && known.has(delivery.signature)) {
        return JSON.parse(delivery.body);
      }
      const event = await healthy.readEvent(delivery);
      known.add(delivery.signature ?? "");
      return event;
    },
  },
  swallows: {
    readEvent: (delivery) =>
      healthy.readEvent(delivery).catch((refusal: Refusal) => {
        throw delivery.signature ? new Refusal(200, refusal.message) : refusal;
      }),
  },
  reserialises: {
    readEvent: async (delivery) =>
      healthy.readEvent({ ...delivery, body: reserialize(delivery.body) }),
  },
  "first-signature": {
    readEvent: (delivery) =>
      healthy.readEvent({ ...delivery, signature: withFirstOnly(delivery.signature) }),
  },
  "sync-crypto": {
    readEvent: async (delivery) => {
      if (!delivery.signature) {
        return healthy.readEvent(delivery);
      }
      const { body, signature, secret = "" } = delivery;
      try {
        return Stripe.webhooks.constructEvent(body, signature, secret, undefined, cryptoProvider);
      } catch (error) {
        throw forged(error);
      }
    },
  },

  // Genuine events.

  "unhandled-type-refused": {
    applyEvent: async (event, environment, parts) => {
      if (!isHandled(event)) {
        throw new Refusal(400, `Unhandled event type: ${event.type}`);
      }
      return healthy.applyEvent(event, environment, parts);
    },
  },
  "not-idempotent": {
    repeat: (event) => {
      throw new Refusal(500, `Duplicate key: ${event.id}`);
    },
  },

  // What an event does to its user.

  "swallows-events": { applyEvent: async () => {} },
  "tier-elsewhere": { tierOf: async ({ price }) => price?.metadata.plan },
  "tiers-mixed-up": {
    tierOf: async (purchase, environment) => {
      const tier = await healthy.tierOf(purchase, environment);
      return tier === pro.id ? enterprise.id : tier === enterprise.id ? pro.id : tier;
    },
  },
  "tier-of-checkout": { tierOf: async ({ metadata }) => metadata?.tier },
  "older-wins": { isLatest: async () => true },
  "status-ignored": { grants: () => true },
  "past-due-keeps": alsoGrants("past_due"),
  "unpaid-keeps": alsoGrants("unpaid"),
  "incomplete-grants": alsoGrants("incomplete"),
  "incomplete-expired-grants": alsoGrants("incomplete_expired"),
  "not-restored": {
    grants: (subscription, previous) =>
      healthy.grants(subscription, previous) && previous?.status !== "past_due",
  },
  "deleted-ignored": {
    applyEvent: async (event, environment, parts) =>
      event.type === "customer.subscription.deleted"
        ? undefined
        : healthy.applyEvent(event, environment, parts),
  },
  "old-takes-new": { isCurrent: () => true },
  "ends-early": {
    grants: (subscription, previous) =>
      healthy.grants(subscription, previous) && !subscription.cancel_at_period_end,
  },
  "metadata-replaced": {
    saveMetadata: async (userId, publicMetadata, environment) => {
      await calling(() => clerkOf(environment).users.updateUser(userId, { publicMetadata }));
    },
  },
  "plan-lost": {
    tierOf: async (purchase, environment) =>
      purchase.price ? healthy.tierOf(purchase, environment) : "free",
  },
  "unpaid-takes-active": unpaidTakesActive(),
  "returning-ignored": {
    saveMetadata: async (userId, { subscriptionId, ...metadata }, environment) => {
      const { publicMetadata } = await clerkOf(environment).users.getUser(userId);
      const had = publicMetadata.subscriptionId;
      if (subscriptionId && had && had !== subscriptionId) {
        return;
      }
      const kept = subscriptionId ? { subscriptionId } : {};
      return healthy.saveMetadata(userId, { ...metadata, ...kept }, environment);
    },
  },
  "customer-forgotten": {
    saveMetadata: (userId, { stripeCustomerId, ...metadata }, environment) =>
      healthy.saveMetadata(userId, metadata, environment),
  },
  "subscription-lost": { subscriptionOf: () => null },
  "test-events": { isOfThisMode: () => true },

  // Something else answers in place of the handler.

  redirects: unlessRouted(redirectToWww),
  "login-wall": unlessRouted(clerkRedirect),
  "login-wall-401": unlessRouted(clerkMiddleware),
  challenge: unlessRouted(botChallenge),
  spa: unlessRouted(singlePage),
  "not-found": unlessRouted(notFound),
  method: atWebhook(methodNotAllowed),
  "server-error": atWebhook(() => refuseWithout(["CLERK_SECRET_KEY"])),
  slow: atWebhook(() => pass(3)),
  hangs: atWebhook(() => pass(600)),
  // Together with one of the above: it then answers every route.
  everywhere: { places: ["webhook", "route", "nothing"] },

  // Tokens and usage.

  "auth-none-alg": { authenticate: trusting("none", async () => true) },
  "auth-hs256": { authenticate: trusting("HS256", isKeyedWithPublicKey) },
  "auth-foreign": { authenticate: trusting("RS256", async () => true) },
  "auth-open": { authenticate: trustingAnyone },
  "usage-plan": { planOf: () => free.id },
  "usage-limit": { limitOf: (plan) => staleLimits[plan] ?? 0 },
  "enterprise-limit": {
    limitOf: (plan) => (plan === enterprise.id ? 1000 : healthy.limitOf(plan)),
  },
  "plan-cached": {
    planOf: (claims) => {
      const plan = plans.get(claims.sub) ?? healthy.planOf(claims);
      plans.set(claims.sub, plan);
      return plan;
    },
  },
  "not-counted": { usesPerCall: 0 },
  "counted-twice": { usesPerCall: 2 },
  "expired-token": {
    authenticate: (request, environment) =>
      healthy.authenticate(request, environment, 24 * 60 * 60 * 1000),
  },

  // Tiers and checkout.

  "tiers-amount": { tiersOnSale: () => [free, { ...pro, price: 19 }, enterprise] },
  "tiers-limit": { tiersOnSale: () => [free, { ...pro, limit: 30 }, enterprise] },
  "tiers-missing": { tiersOnSale: () => [free, pro] },
  "tiers-surplus": {
    tiersOnSale: () => [...healthy.tiersOnSale(), { ...pro, id: "team", name: "Team" }],
  },
  "checkout-wrong-price": {
    priceOf: (tier, environment) => healthy.priceOf(tier === pro ? enterprise : pro, environment),
  },
  "checkout-localhost": { returnTo: () => "http://localhost:5173" },
  "checkout-open-redirect": {
    returnTo: (request, environment) =>
      request.headers.get("origin") ?? healthy.returnTo(request, environment),
  },
  "checkout-no-user": {
    checkoutOf: (order) => {
      const {
        client_reference_id,
        metadata,
        subscription_data,
        customer,
        customer_email,
        ...sale
      } = healthy.checkoutOf(order);
      return sale;
    },
  },
  "checkout-no-tier": {
    checkoutOf: (order) => {
      const metadata = { [order.key]: order.holder.id };
      return { ...healthy.checkoutOf(order), metadata, subscription_data: { metadata } };
    },
  },
  "checkout-unmappable": {
    checkoutOf: (order) => {
      const { subscription_data, ...session } = healthy.checkoutOf(order);
      return session;
    },
  },
  "checkout-breaks-on-bad-json": { orderIn: (request) => request.json() },
  "checkout-any-tier": { tierToSell: (id) => healthy.tierToSell(id) ?? pro },
  // Takes what the customer asks for as the price.
  "checkout-shows-stripe-errors": {
    tierToSell: (id) => healthy.tierToSell(id) ?? { ...pro, id: String(id) },
    priceOf: (tier, environment) =>
      healthy.tierToSell(tier.id) ? healthy.priceOf(tier, environment) : tier.id,
  },
  "checkout-tax": alsoAsksFor({ automatic_tax: { enabled: true } }),
  "checkout-delayed": alsoAsksFor({ allowed_payment_method_types: ["card", "sepa_debit"] }),
  "checkout-payment-methods": alsoAsksFor({
    payment_method_configuration: "pmc_1Rlivecme7LaunchMethods0",
  }),
  "checkout-not-managed": alsoAsksFor({ managed_payments: { enabled: false } }),

  // Browsers.

  "cors-wildcard": { crossOrigin: () => ({ "access-control-allow-origin": "*" }) },
  "cors-wildcard-credentials": {
    crossOrigin: () => ({
      "access-control-allow-origin": "*",
      "access-control-allow-credentials": "true",
    }),
  },
  "cors-reflects": {
    crossOrigin: (origin, environment) =>
      origin ? { "access-control-allow-origin": origin } : healthy.crossOrigin(origin, environment),
  },
  "cors-frontend-blocked": {
    crossOrigin: () => ({ "access-control-allow-origin": "https://old.example.com" }),
  },
};

/** Takes the tier for a subscription that was never paid, whichever one the user has. */
function unpaidTakesActive(): Partial<Parts> {
  const unpaid = new Set<string>();
  return {
    grants: (subscription, previous) => {
      if (subscription.status.startsWith("incomplete")) {
        unpaid.add(subscription.id);
      }
      return healthy.grants(subscription, previous);
    },
    isCurrent: (id, current) => unpaid.has(id) || healthy.isCurrent(id, current),
  };
}

/** The healthy Worker in these styles with these defects. If two replace one part, the later wins. */
export function assemble(inStyles: string, broken: string): { parts: Parts; unknown: string[] } {
  const known = { ...styles, ...defects };
  const wanted = [...list(inStyles), ...list(broken)];
  return {
    parts: Object.assign({}, healthy, ...wanted.map((name) => known[name])),
    unknown: wanted.filter((name) => !Object.hasOwn(known, name)),
  };
}

/** Grants the tier for one more status. */
function alsoGrants(status: Stripe.Subscription.Status): Partial<Parts> {
  return {
    grants: (subscription, previous) =>
      healthy.grants(subscription, previous) || subscription.status === status,
  };
}

/** Creates Checkout Sessions with more parameters. */
function alsoAsksFor(parameters: Partial<Stripe.Checkout.SessionCreateParams>): Partial<Parts> {
  return { checkoutOf: (order) => ({ ...healthy.checkoutOf(order), ...parameters }) };
}

function atWebhook(inFront: Parts["inFront"]): Partial<Parts> {
  return { inFront, places: ["webhook"] };
}

/** Answers the webhook's route and every unknown route. */
function unlessRouted(inFront: Parts["inFront"]): Partial<Parts> {
  return { inFront, places: ["webhook", "nothing"] };
}

/** A header with only its first signature. While a secret is rolled, Stripe sends two. */
function withFirstOnly(header: string | null): string | null {
  const isSignature = (part: string) => part.startsWith("v1=");
  const parts = header?.split(",") ?? [];
  const first = parts.findIndex(isSignature);
  return header && parts.filter((part, index) => !isSignature(part) || index === first).join(",");
}

function reserialize(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch (error) {
    throw forged(error);
  }
}

/** Lets a request pass after so many seconds. */
async function pass(seconds: number): Promise<null> {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return null;
}
