import { createClerkClient } from "@clerk/backend";
import Stripe from "stripe";

import { stripeClient } from "./billing";
import type { Env } from "./index";

export async function handleStripeWebhook(request: Request, env: Env): Promise<Response> {
  const signature = request.headers.get("stripe-signature");
  if (!signature) {
    return new Response("No signature", { status: 400 });
  }

  const stripe = stripeClient(env);
  let event: Stripe.Event;
  try {
    event = await stripe.webhooks.constructEventAsync(await request.text(), signature, env.STRIPE_WEBHOOK_SECRET);
  } catch {
    return new Response("Invalid signature", { status: 400 });
  }

  switch (event.type) {
    case "checkout.session.completed": {
      const session = event.data.object;
      const userId = session.metadata?.userId;
      if (userId && session.subscription) {
        const subscription = await stripe.subscriptions.retrieve(session.subscription as string);
        await grant(env, stripe, userId, subscription);
      }
      break;
    }
    case "customer.subscription.created":
    case "customer.subscription.updated": {
      const subscription = event.data.object;
      if (subscription.metadata.userId) {
        await grant(env, stripe, subscription.metadata.userId, subscription);
      }
      break;
    }
    case "customer.subscription.deleted": {
      const { userId } = event.data.object.metadata;
      if (userId) {
        await savePlan(env, userId, { plan: "free", subscriptionId: null });
      }
      break;
    }
  }

  return Response.json({ received: true });
}

async function grant(env: Env, stripe: Stripe, userId: string, subscription: Stripe.Subscription) {
  const product = await stripe.products.retrieve(subscription.items.data[0].price.product as string);
  await savePlan(env, userId, {
    plan: product.metadata.plan,
    stripeCustomerId: subscription.customer,
    subscriptionId: subscription.id,
  });
}

async function savePlan(env: Env, userId: string, metadata: UserPublicMetadata) {
  const clerk = createClerkClient({ secretKey: env.CLERK_SECRET_KEY });
  await clerk.users.updateUserMetadata(userId, { publicMetadata: metadata });
}
