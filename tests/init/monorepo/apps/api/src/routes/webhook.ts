import { createClerkClient } from "@clerk/backend";
import type { Context } from "hono";
import type Stripe from "stripe";

import type { AppEnv } from "../lib/env";
import { stripeOf, tierOf } from "../lib/stripe";

const GRANTS = ["customer.subscription.created", "customer.subscription.updated"];

export async function stripeWebhook(c: Context<AppEnv>) {
  const stripe = stripeOf(c.env);
  const signature = c.req.header("stripe-signature") ?? "";
  let event: Stripe.Event;
  try {
    event = await stripe.webhooks.constructEventAsync(await c.req.text(), signature, c.env.STRIPE_WEBHOOK_SECRET);
  } catch {
    return c.json({ error: "bad signature" }, 400);
  }

  if (GRANTS.includes(event.type)) {
    await save(c, event.data.object as Stripe.Subscription);
  } else if (event.type === "customer.subscription.deleted") {
    await save(c, event.data.object, "free");
  }
  return c.json({ received: true });
}

async function save(c: Context<AppEnv>, subscription: Stripe.Subscription, tier?: string) {
  const userId = subscription.metadata["clerkUserId"];
  if (!userId) {
    return;
  }
  const clerk = createClerkClient({ secretKey: c.env.CLERK_SECRET_KEY });
  await clerk.users.updateUserMetadata(userId, {
    publicMetadata: {
      tier: tier ?? tierOf(c.env, subscription.items.data[0].price.id),
      customerId: subscription.customer,
      subscription: subscription.id,
    },
  });
}
