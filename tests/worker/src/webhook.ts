// Stripe's webhook: who paid for what, written to where the customer's next token is made from.

import Stripe from "stripe";

import type { Environment } from "./environment";
import { clerkOf } from "./providers";
import { messageOf, Refusal } from "./refusal";
import { free } from "./tiers";
import type { Visit } from "./visit";

export interface Delivery {
  /** The bytes as they came: the signature covers these and no copy of them. */
  body: string;
  signature: string | null;
  secret: string | undefined;
}

/** How long a dealt-with event is remembered: Stripe lets one be sent again for 30 days. */
const MEMORY_SECONDS = 30 * 24 * 60 * 60;

const HANDLED: readonly string[] = [
  "checkout.session.completed",
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.deleted",
] satisfies Stripe.Event["type"][];

export const cryptoProvider = Stripe.createSubtleCryptoProvider();

export async function receiveEvent({ request, environment, parts }: Visit): Promise<Response> {
  const delivery = {
    body: await request.text(),
    signature: request.headers.get("stripe-signature"),
    secret: environment.STRIPE_WEBHOOK_SECRET,
  };
  try {
    const event = await parts.readEvent(delivery);
    if (await environment.USAGE.get(memoryOf(event))) {
      return answer(parts.repeat(event));
    }
    await parts.applyEvent(event, environment);
    // Only now: what failed must be tried again when Stripe sends it again.
    await environment.USAGE.put(memoryOf(event), event.type, { expirationTtl: MEMORY_SECONDS });
    return answer({ received: true });
  } catch (error) {
    if (error instanceof Refusal) {
      return answer({ error: error.message }, error.status);
    }
    throw error;
  }
}

export async function readEvent(
  { body, signature, secret }: Delivery,
  toleranceSeconds: number = Stripe.webhooks.DEFAULT_TOLERANCE,
): Promise<Stripe.Event> {
  if (!signature) {
    throw new Refusal(400, "No signature");
  }
  try {
    return await Stripe.webhooks.constructEventAsync(
      body,
      signature,
      secret ?? "",
      toleranceSeconds,
      cryptoProvider,
    );
  } catch (error) {
    throw forged(error);
  }
}

/** The SDK reads the header first, so that it misses the secret only for a well-formed signature. */
export function forged(error: unknown): Refusal {
  const message = messageOf(error);
  return message.startsWith("No webhook secret value was provided")
    ? new Refusal(500, "Webhook secret not configured")
    : new Refusal(400, `Webhook Error: ${message}`);
}

export function repeat(_event: Stripe.Event): object {
  return { received: true, idempotent: true };
}

export function isHandled(event: Stripe.Event): boolean {
  return HANDLED.includes(event.type);
}

export async function applyEvent(event: Stripe.Event, environment: Environment): Promise<void> {
  switch (event.type) {
    case "checkout.session.completed": {
      const { client_reference_id, metadata, customer, subscription } = event.data.object;
      const userId = client_reference_id ?? metadata?.userId;
      return grant(environment, userId, metadata?.tier, idOf(customer), idOf(subscription));
    }
    case "customer.subscription.created":
    case "customer.subscription.updated": {
      const { id, metadata, customer } = event.data.object;
      return grant(environment, metadata?.userId, metadata?.tier, idOf(customer), id);
    }
    case "customer.subscription.deleted": {
      // The customer stays known: invoices can still be looked at in the portal.
      const { metadata } = event.data.object;
      return remember(environment, metadata?.userId, { plan: free.id, subscriptionId: null });
    }
  }
}

async function grant(
  environment: Environment,
  userId: string | undefined,
  tier: string | undefined,
  stripeCustomerId: string | undefined,
  subscriptionId: string | undefined,
): Promise<void> {
  if (userId && !tier) {
    throw new Refusal(400, "Missing tier metadata");
  }
  return remember(environment, userId, { plan: tier, stripeCustomerId, subscriptionId });
}

/** Merges: whatever else is known about the user stays, and `null` takes a key away. */
async function remember(
  environment: Environment,
  userId: string | undefined,
  publicMetadata: Record<string, string | null | undefined>,
): Promise<void> {
  if (!userId) {
    throw new Refusal(400, "No userId");
  }
  try {
    await clerkOf(environment).users.updateUserMetadata(userId, { publicMetadata });
  } catch (error) {
    console.error(messageOf(error));
    throw new Refusal(500, "Failed to update user metadata");
  }
}

function idOf(reference: string | { id: string } | null | undefined): string | undefined {
  return typeof reference === "string" ? reference : reference?.id;
}

function memoryOf(event: Stripe.Event): string {
  return `event:${event.id}`;
}

/** JSON under the name of plain text, as a bare `new Response` sends it and many Workers do. */
function answer(body: object, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}
