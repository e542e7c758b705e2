import Stripe from "stripe";

import type { Bindings } from "./env";

const API_VERSION = "2026-09-30.endive";

export const stripeOf = (env: Bindings) =>
  new Stripe(env.STRIPE_SECRET_KEY, {
    apiVersion: API_VERSION,
    httpClient: Stripe.createFetchHttpClient(),
  });

export function tierOf(env: Bindings, priceId: string): string {
  switch (priceId) {
    case env.STRIPE_PRICE_ID_PRO:
      return "pro";
    case env.STRIPE_PRICE_ID_ENTERPRISE:
      return "enterprise";
    default:
      return "free";
  }
}
