import { clerkClient } from "@clerk/nextjs/server";
import { headers } from "next/headers";
import type Stripe from "stripe";

import { stripe } from "@/lib/stripe";

export async function POST(request: Request) {
  const signature = (await headers()).get("stripe-signature")!;
  let event: Stripe.Event;
  try {
    event = stripe.webhooks.constructEvent(await request.text(), signature, process.env.STRIPE_WEBHOOK_SECRET!);
  } catch (error) {
    return new Response(`Webhook error: ${error}`, { status: 400 });
  }

  if (
    event.type === "checkout.session.completed" ||
    event.type === "customer.subscription.updated" ||
    event.type === "customer.subscription.deleted"
  ) {
    const object = event.data.object;
    const { user_id: userId, plan } = object.metadata ?? {};
    if (userId) {
      const client = await clerkClient();
      const isOver = event.type === "customer.subscription.deleted";
      await client.users.updateUserMetadata(userId, {
        publicMetadata: { plan: isOver ? "free" : plan, stripe_customer: object.customer },
      });
    }
  }
  return new Response(null, { status: 200 });
}
