// Stripe Checkout and the customer portal.

import type { User } from "@clerk/backend";
import type Stripe from "stripe";

import type { Claims } from "./authentication";
import type { Environment } from "./environment";
import type { Holder } from "./holder";
import { clerkOf, stripeOf } from "./providers";
import { messageOf, Refusal } from "./refusal";
import type { PaidTier } from "./tiers";
import type { Parts, Visit } from "./visit";

export interface Order {
  /** Who buys. */
  user: User;
  /** Whose plan it will be. */
  holder: Holder;
  /** The key of its ID in Stripe's metadata. */
  key: string;
  tier: PaidTier;
  price: string;
  /** The site that the customer returns to. */
  site: string;
}

export async function createCheckout({ request, environment, parts }: Visit): Promise<Response> {
  const claims = await parts.authenticate(request, environment);
  const tier = parts.tierToSell((await parts.orderIn(request, environment)).tier);
  if (!tier) {
    throw new Refusal(400, "Invalid tier");
  }
  const order: Order = {
    user: await userOf(claims.sub, environment),
    holder: await holderOf(claims, environment, parts),
    key: parts.holder.key,
    tier,
    price: parts.priceOf(tier, environment),
    site: parts.returnTo(request, environment),
  };
  const url = await linkFrom("Failed to create checkout session", async () => {
    const stripe = stripeOf(environment);
    const { subscriptionId } = order.holder.publicMetadata;
    if (subscriptionId && customerOf(order.holder)) {
      return changeSubscription(stripe, String(subscriptionId), order);
    }
    return stripe.checkout.sessions.create({
      ...parts.checkoutOf(order),
      ...(environment.PROMOTION_CODES === "true" && withoutCard),
    });
  });
  return parts.openCheckout(url);
}

/** How the frontend learns where Checkout is. */
export function openCheckout(url: string | null): Response {
  return Response.json({ url });
}

/** A customer whose promotion code makes the first invoice free needs no card. */
const withoutCard = {
  allow_promotion_codes: true,
  payment_method_collection: "if_required",
} as const satisfies Partial<Stripe.Checkout.SessionCreateParams>;

export async function openPortal({ request, environment, parts }: Visit): Promise<Response> {
  const claims = await parts.authenticate(request, environment);
  const customer = customerOf(await holderOf(claims, environment, parts));
  if (!customer) {
    throw new Refusal(400, "No active subscription found");
  }
  const url = await linkFrom("Failed to create portal session", () =>
    stripeOf(environment).billingPortal.sessions.create({
      customer,
      return_url: parts.returnTo(request, environment),
      ...(environment.STRIPE_PORTAL_CONFIG_ID && {
        configuration: environment.STRIPE_PORTAL_CONFIG_ID,
      }),
    }),
  );
  return Response.json({ url });
}

/**
 * The holder and the tier are in the metadata of the session and of the subscription, because the
 * session's metadata does not reach the subscription's events.
 */
export function checkoutOf({
  user,
  holder,
  key,
  tier,
  price,
  site,
}: Order): Stripe.Checkout.SessionCreateParams {
  const metadata = { [key]: holder.id, tier: tier.id };
  const customer = customerOf(holder);
  const email = user.primaryEmailAddress?.emailAddress;
  return {
    mode: "subscription",
    line_items: [{ price, quantity: 1 }],
    success_url: `${site}/dashboard?checkout=success`,
    cancel_url: `${site}/pricing`,
    client_reference_id: user.id,
    metadata,
    subscription_data: { metadata },
    ...(customer ? { customer } : email ? { customer_email: email } : {}),
  };
}

/** From the configuration, never from the request, which could redirect a customer anywhere. */
export function returnTo(_request: Request, environment: Environment): string {
  return environment.FRONTEND_URL.replace(/\/$/, "");
}

/** For paying customers, changes the plan at once: a second Checkout would charge twice. */
async function changeSubscription(
  stripe: Stripe,
  id: string,
  { holder, key, tier, price, site }: Order,
) {
  const subscription = await stripe.subscriptions.retrieve(id);
  await stripe.subscriptions.update(id, {
    items: subscription.items.data.map((item) => ({ id: item.id, price })),
    metadata: { [key]: holder.id, tier: tier.id },
  });
  return { url: `${site}/dashboard?checkout=success` };
}

async function linkFrom(
  failure: string,
  ask: () => Promise<{ url: string | null }>,
): Promise<string | null> {
  try {
    return (await ask()).url;
  } catch (error) {
    throw new Refusal(500, `${failure}: ${messageOf(error)}`);
  }
}

async function userOf(id: string, environment: Environment): Promise<User> {
  try {
    return await clerkOf(environment).users.getUser(id);
  } catch {
    throw new Refusal(500, "Failed to read user");
  }
}

async function holderOf(
  claims: Claims,
  environment: Environment,
  { holder }: Parts,
): Promise<Holder> {
  const id = holder.of(claims);
  try {
    return await holder.read(id, environment);
  } catch {
    throw new Refusal(500, `Failed to read ${id}`);
  }
}

function customerOf({ publicMetadata }: Holder): string | undefined {
  const customer = publicMetadata.stripeCustomerId;
  return typeof customer === "string" ? customer : undefined;
}

/** What the customer asks for. */
export interface Wish {
  tier?: unknown;
  priceId?: unknown;
}

export async function orderIn(request: Request, _environment: Environment): Promise<Wish> {
  try {
    return (await request.json()) ?? {};
  } catch {
    throw new Refusal(400, "Invalid JSON body");
  }
}
