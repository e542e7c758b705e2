// Stripe and Clerk through their own SDKs, at the configured addresses.

import { createClerkClient, type ClerkClient } from "@clerk/backend";
import Stripe from "stripe";

import type { Environment } from "./environment";

export function stripeOf(environment: Environment): Stripe {
  const base = new URL(environment.STRIPE_API_BASE ?? "https://api.stripe.com");
  const plain = base.protocol === "http:";
  return new Stripe(environment.STRIPE_SECRET_KEY, {
    protocol: plain ? "http" : "https",
    host: base.hostname,
    port: base.port || (plain ? 80 : 443),
    httpClient: Stripe.createFetchHttpClient(),
    telemetry: false,
  });
}

export function clerkOf(environment: Environment): ClerkClient {
  return createClerkClient({
    secretKey: environment.CLERK_SECRET_KEY,
    publishableKey: environment.CLERK_PUBLISHABLE_KEY,
    ...clerkAddress(environment),
    telemetry: { disabled: true },
  });
}

/** Empty if not set, so that the SDK uses its default. */
export function clerkAddress(environment: Environment): { apiUrl?: string } {
  return environment.CLERK_API_URL ? { apiUrl: environment.CLERK_API_URL } : {};
}
