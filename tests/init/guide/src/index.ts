import { authenticate } from "./auth";
import { openPortal, startCheckout } from "./billing";
import { LIMITS, plans } from "./plans";
import { handleStripeWebhook } from "./webhook";

export interface Env {
  CLERK_SECRET_KEY: string;
  STRIPE_SECRET_KEY: string;
  STRIPE_WEBHOOK_SECRET: string;
  STRIPE_PRICE_ID_PRO: string;
  STRIPE_PRICE_ID_ENTERPRISE: string;
  FRONTEND_URL: string;
  USAGE: KVNamespace;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url);

    if (request.method === "OPTIONS") {
      return new Response(null, { status: 204, headers: cors(env) });
    }

    if (url.pathname === "/health") {
      return Response.json({ status: "ok" });
    }

    if (url.pathname === "/webhook/stripe" && request.method === "POST") {
      return handleStripeWebhook(request, env);
    }

    if (url.pathname === "/api/tiers" && request.method === "GET") {
      return Response.json({ tiers: plans }, { headers: cors(env) });
    }

    if (url.pathname === "/api/create-checkout" && request.method === "POST") {
      return startCheckout(request, env);
    }

    if (url.pathname === "/api/customer-portal" && request.method === "POST") {
      return openPortal(request, env);
    }

    if (url.pathname === "/api/usage") {
      const { userId, plan } = await authenticate(request, env);
      const used = Number((await env.USAGE.get(`usage:${userId}`)) ?? 0);
      return Response.json({ plan, used, limit: LIMITS[plan] }, { headers: cors(env) });
    }

    return new Response("Not found", { status: 404 });
  },
} satisfies ExportedHandler<Env>;

export function cors(env: Env): HeadersInit {
  return {
    "Access-Control-Allow-Origin": env.FRONTEND_URL,
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
  };
}
