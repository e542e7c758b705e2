// Stripe's webhook: verifies each event, and handles it once.

import Stripe from "stripe";

import { messageOf, Refusal } from "./refusal";
import type { Visit } from "./visit";

export interface Delivery {
  /** The raw bytes, which the signature covers. */
  body: string;
  signature: string | null;
  secret: string | undefined;
}

/** How long a handled event is remembered. Stripe can resend one for 30 days. */
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
    await parts.applyEvent(event, environment, parts);
    // Only now, so that a failed event is handled when Stripe resends it.
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

/** The SDK parses the header first, so it reports a missing secret only for a valid header. */
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

function memoryOf(event: Stripe.Event): string {
  return `event:${event.id}`;
}

/** JSON with the content type of plain text, as `new Response` and many Workers send it. */
function answer(body: object, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}
