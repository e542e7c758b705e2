// Every way in which this Worker can be broken to order: a name, and the parts that are other ones.

import Stripe from "stripe";

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
import { Refusal } from "./refusal";
import { enterprise, free, pro, type Limit } from "./tiers";
import { sound, type Parts } from "./visit";
import { cryptoProvider, forged, isHandled } from "./webhook";

/** Signatures that were found good once. It lives as long as the isolate. */
const known = new Set<string>();

/** Limits that somebody copied, long ago. */
const staleLimits: Readonly<Record<string, Limit>> = { free: 5, pro: 30, enterprise: 1000 };

export const defects: Readonly<Record<string, Partial<Parts>>> = {
  // The webhook's signature.

  "accepts-unsigned": {
    readEvent: async (delivery) =>
      delivery.signature ? sound.readEvent(delivery) : JSON.parse(delivery.body),
  },
  "accepts-wrong": {
    readEvent: async (delivery) =>
      delivery.signature ? JSON.parse(delivery.body) : sound.readEvent(delivery),
  },
  "accepts-stale": {
    readEvent: (delivery) => sound.readEvent(delivery, 0),
  },
  // A shortcut for redeliveries: a signature that was good once is not computed again, so that the
  // body beside it is never looked at.
  "accepts-tampered": {
    readEvent: async (delivery) => {
      if (delivery.signature && known.has(delivery.signature)) {
        return JSON.parse(delivery.body);
      }
      const event = await sound.readEvent(delivery);
      known.add(delivery.signature ?? "");
      return event;
    },
  },
  swallows: {
    readEvent: (delivery) =>
      sound.readEvent(delivery).catch((refusal: Refusal) => {
        throw delivery.signature ? new Refusal(200, refusal.message) : refusal;
      }),
  },
  reserialises: {
    readEvent: async (delivery) =>
      sound.readEvent({ ...delivery, body: reserialise(delivery.body) }),
  },
  "first-signature": {
    readEvent: (delivery) =>
      sound.readEvent({ ...delivery, signature: withFirstOnly(delivery.signature) }),
  },
  "sync-crypto": {
    readEvent: async (delivery) => {
      if (!delivery.signature) {
        return sound.readEvent(delivery);
      }
      const { body, signature, secret = "" } = delivery;
      try {
        return Stripe.webhooks.constructEvent(body, signature, secret, undefined, cryptoProvider);
      } catch (error) {
        throw forged(error);
      }
    },
  },

  // What becomes of a genuine event.

  "unhandled-type-refused": {
    applyEvent: async (event, environment) => {
      if (!isHandled(event)) {
        throw new Refusal(400, `Unhandled event type: ${event.type}`);
      }
      return sound.applyEvent(event, environment);
    },
  },
  "not-idempotent": {
    repeat: (event) => {
      throw new Refusal(500, `Duplicate key: ${event.id}`);
    },
  },

  // What answers in the handler's place.

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
  // After one of the above: it then stands in front of every route.
  everywhere: { places: ["webhook", "route", "nothing"] },

  // Tokens, and what they give a right to.

  "auth-none-alg": { authenticate: trusting("none", async () => true) },
  "auth-hs256": { authenticate: trusting("HS256", isKeyedWithPublicKey) },
  "auth-foreign": { authenticate: trusting("RS256", async () => true) },
  "auth-open": { authenticate: trustingAnyone },
  "usage-plan": { planOf: () => free.id },
  "usage-limit": { limitOf: (plan) => staleLimits[plan] ?? 0 },

  // What is for sale.

  "tiers-amount": { tiersOnSale: () => [free, { ...pro, price: 19 }, enterprise] },
  "tiers-limit": { tiersOnSale: () => [free, { ...pro, limit: 30 }, enterprise] },
  "tiers-missing": { tiersOnSale: () => [free, pro] },
  "checkout-wrong-price": {
    priceOf: (tier, environment) => sound.priceOf(tier === pro ? enterprise : pro, environment),
  },
  "checkout-localhost": { returnTo: () => "http://localhost:5173" },
  "checkout-open-redirect": {
    returnTo: (request, environment) =>
      request.headers.get("origin") ?? sound.returnTo(request, environment),
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
      } = sound.checkoutOf(order);
      return sale;
    },
  },
  "checkout-no-tier": {
    checkoutOf: (order) => {
      const metadata = { userId: order.user.id };
      return { ...sound.checkoutOf(order), metadata, subscription_data: { metadata } };
    },
  },

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
      origin ? { "access-control-allow-origin": origin } : sound.crossOrigin(origin, environment),
  },
  "cors-frontend-blocked": {
    crossOrigin: () => ({ "access-control-allow-origin": "https://old.example.com" }),
  },
};

/** The sound Worker with the named defects in it; of two that touch one part, the later wins. */
export function assemble(names: string): { parts: Parts; unknown: string[] } {
  const wanted = list(names);
  return {
    parts: Object.assign({}, sound, ...wanted.map((name) => defects[name])),
    unknown: wanted.filter((name) => !Object.hasOwn(defects, name)),
  };
}

function atWebhook(inFront: Parts["inFront"]): Partial<Parts> {
  return { inFront, places: ["webhook"] };
}

/** Where the webhook's address leads nowhere, so does every address that nobody knows. */
function unlessRouted(inFront: Parts["inFront"]): Partial<Parts> {
  return { inFront, places: ["webhook", "nothing"] };
}

/** A header without its signatures but the first: while a secret is rolled, Stripe sends two. */
function withFirstOnly(header: string | null): string | null {
  const isSignature = (part: string) => part.startsWith("v1=");
  const parts = header?.split(",") ?? [];
  const first = parts.findIndex(isSignature);
  return header && parts.filter((part, index) => !isSignature(part) || index === first).join(",");
}

function reserialise(body: string): string {
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
