import { createClerkClient } from "@clerk/backend";
import { Hono } from "hono";

import { requireUser } from "../lib/auth";
import type { AppEnv } from "../lib/env";
import { stripeOf } from "../lib/stripe";

const billing = new Hono<AppEnv>();

billing.use(requireUser);

billing.post("/checkout", async (c) => {
  const body = await c.req.json<{ priceId: string }>();
  const session = await stripeOf(c.env).checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: body.priceId, quantity: 1 }],
    success_url: `${c.env.APP_URL}/settings/billing?ok`,
    cancel_url: `${c.env.APP_URL}/settings/billing`,
    subscription_data: { metadata: { clerkUserId: c.get("userId") } },
  });
  return c.json({ checkoutUrl: session.url });
});

billing.post("/portal", async (c) => {
  const clerk = createClerkClient({ secretKey: c.env.CLERK_SECRET_KEY });
  const user = await clerk.users.getUser(c.get("userId"));
  const portal = await stripeOf(c.env).billingPortal.sessions.create({
    customer: String(user.publicMetadata.customerId),
    return_url: `${c.env.APP_URL}/settings/billing`,
  });
  return c.json({ portalUrl: portal.url });
});

export default billing;
