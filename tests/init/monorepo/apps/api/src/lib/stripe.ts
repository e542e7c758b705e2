import Stripe from "stripe";

import type { Bindings } from "./env";

const API_VERSION = "2025-08-27.basil";

export const stripeOf = (env: Bindings) =>
  new Stripe(env.STRIPE_SECRET_KEY, {
    apiVersion: API_VERSION,
    httpClient: Stripe.createFetchHttpClient(),
  });

export function tierOf(env: Bindings, priceId: string): string {
  switch (priceId) {
    case env.PRICE_STARTER:
      return "starter";
    case env.PRICE_TEAM:
      return "team";
    default:
      return "free";
  }
}
