// What a verified event does: writes the tier of a subscription to its holder at Clerk.

import Stripe from "stripe";

import type { Environment } from "./environment";
import { clerkOf, stripeOf } from "./providers";
import { messageOf, Refusal } from "./refusal";
import { free } from "./tiers";
import type { Parts } from "./visit";

/** What was bought, as far as an event tells. */
export interface Purchase {
  metadata: Stripe.Metadata | null;
  price?: Stripe.Price | undefined;
}

/** Without a key that is `undefined`; `null` removes a key. */
export type PublicMetadata = Record<string, string | null | undefined>;

export async function applyEvent(
  event: Stripe.Event,
  environment: Environment,
  parts: Parts,
): Promise<void> {
  if (!parts.isOfThisMode(event, environment)) {
    return;
  }
  switch (event.type) {
    case "checkout.session.completed": {
      const session = event.data.object;
      const tier = await parts.tierOf({ metadata: session.metadata }, environment);
      return grant(environment, parts, parts.holder.buying(session), {
        plan: tier,
        stripeCustomerId: idOf(session.customer),
        subscriptionId: parts.subscriptionOf(session),
      });
    }
    case "customer.subscription.created":
    case "customer.subscription.updated": {
      const subscription = event.data.object;
      if (!(await parts.isLatest(event, subscription.id, environment))) {
        return;
      }
      if (!parts.grants(subscription, event.data.previous_attributes)) {
        return end(environment, parts, subscription);
      }
      const { metadata, customer, id } = subscription;
      const price = subscription.items.data[0]?.price;
      return grant(environment, parts, metadata[parts.holder.key], {
        plan: await parts.tierOf({ metadata, price }, environment),
        stripeCustomerId: idOf(customer),
        subscriptionId: id,
      });
    }
    case "customer.subscription.deleted": {
      if (await parts.isLatest(event, event.data.object.id, environment)) {
        await end(environment, parts, event.data.object);
      }
    }
  }
}

async function grant(
  environment: Environment,
  parts: Parts,
  id: string | null | undefined,
  metadata: PublicMetadata,
): Promise<void> {
  if (!id) {
    throw new Refusal(400, `No ${parts.holder.key}`);
  }
  if (!metadata.plan) {
    throw new Refusal(400, "Missing tier metadata");
  }
  return parts.saveMetadata(id, metadata, environment);
}

/** Takes the tier, but not from a holder with a newer subscription. Keeps the customer for the portal. */
async function end(
  environment: Environment,
  parts: Parts,
  { id, metadata }: Stripe.Subscription,
): Promise<void> {
  const holder = metadata[parts.holder.key];
  if (!holder) {
    throw new Refusal(400, `No ${parts.holder.key}`);
  }
  const { publicMetadata } = await calling(() => parts.holder.read(holder, environment));
  if (parts.isCurrent(id, publicMetadata.subscriptionId)) {
    await parts.saveMetadata(holder, { plan: free.id, subscriptionId: null }, environment);
  }
}

export function isOfThisMode(event: Stripe.Event, environment: Environment): boolean {
  return event.livemode === environment.STRIPE_SECRET_KEY.includes("_live_");
}

/** The product says which tier it is. A Checkout Session's event does not name the product. */
export async function tierOf(
  { metadata, price }: Purchase,
  environment: Environment,
): Promise<string | undefined> {
  const id = idOf(price?.product);
  const product = id && (await stripeOf(environment).products.retrieve(id));
  return (product && product.metadata.plan) || metadata?.tier;
}

export function grants({ status }: Stripe.Subscription): boolean {
  return status === "active" || status === "trialing";
}

export function isCurrent(id: string, current: unknown): boolean {
  return typeof current !== "string" || current === id;
}

export function subscriptionOf({ subscription }: Stripe.Checkout.Session): string | null | undefined {
  return idOf(subscription);
}

/** Stripe promises no order: an older event must not undo a newer one. */
export async function isLatest(
  event: Stripe.Event,
  subscription: string,
  environment: Environment,
): Promise<boolean> {
  const key = `last-event:${subscription}`;
  if (event.created < Number(await environment.USAGE.get(key))) {
    return false;
  }
  await environment.USAGE.put(key, String(event.created));
  return true;
}

/** Merges into the user's metadata. */
export async function saveMetadata(
  userId: string,
  publicMetadata: PublicMetadata,
  environment: Environment,
): Promise<void> {
  await calling(() => clerkOf(environment).users.updateUserMetadata(userId, { publicMetadata }));
}

/** Stripe sends an event again that was answered 500. */
export async function calling<T>(clerk: () => Promise<T>): Promise<T> {
  try {
    return await clerk();
  } catch (error) {
    console.error(messageOf(error));
    throw new Refusal(500, "Failed to update user metadata");
  }
}

function idOf(reference: string | { id: string } | null | undefined): string | undefined {
  return typeof reference === "string" ? reference : reference?.id;
}
