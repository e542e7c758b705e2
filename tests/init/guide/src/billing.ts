import { createClerkClient } from "@clerk/backend";
import Stripe from "stripe";

import { authenticate } from "./auth";
import { cors, type Env } from "./index";

export function stripeClient(env: Env): Stripe {
  return new Stripe(env.STRIPE_SECRET_KEY, { apiVersion: "2026-09-30.endive" });
}

export async function startCheckout(request: Request, env: Env): Promise<Response> {
  const { userId } = await authenticate(request, env);
  const { tier } = (await request.json()) as { tier: "pro" | "enterprise" };
  const price = tier === "pro" ? env.STRIPE_PRICE_ID_PRO : env.STRIPE_PRICE_ID_ENTERPRISE;

  const session = await stripeClient(env).checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price, quantity: 1 }],
    success_url: `${env.FRONTEND_URL}/dashboard?upgraded=true`,
    cancel_url: `${env.FRONTEND_URL}/pricing`,
    client_reference_id: userId,
    metadata: { userId, tier },
    subscription_data: { metadata: { userId, tier } },
  });

  return Response.json({ url: session.url }, { headers: cors(env) });
}

export async function openPortal(request: Request, env: Env): Promise<Response> {
  const { userId } = await authenticate(request, env);
  const clerk = createClerkClient({ secretKey: env.CLERK_SECRET_KEY });
  const user = await clerk.users.getUser(userId);
  const customer = user.publicMetadata.stripeCustomerId as string | undefined;
  if (!customer) {
    return Response.json({ error: "No subscription" }, { status: 400, headers: cors(env) });
  }
  const portal = await stripeClient(env).billingPortal.sessions.create({
    customer,
    return_url: `${env.FRONTEND_URL}/dashboard`,
  });
  return Response.json({ url: portal.url }, { headers: cors(env) });
}
