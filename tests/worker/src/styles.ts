// Other ways to build a sound Worker: where it reads the token, and how customers ask for Checkout.

import { calling } from "./entitlement";
import { organizations } from "./holder";
import { clerkOf } from "./providers";
import { Refusal } from "./refusal";
import { priceOf, tiersOnSale } from "./tiers";
import { healthy, type Parts } from "./visit";

export const styles: Readonly<Record<string, Partial<Parts>>> = {
  /** What a member uses, the organization pays for. */
  organizations: {
    holder: organizations,
    saveMetadata: async (organizationId, publicMetadata, environment) => {
      await calling(() =>
        clerkOf(environment).organizations.updateOrganizationMetadata(organizationId, {
          publicMetadata,
        }),
      );
    },
  },
  /** Next.js apps read the session token from Clerk's cookies, which is what Clerk's SDK does here. */
  cookies: {
    authenticate: async (request, environment) => {
      const state = await clerkOf(environment).authenticateRequest(request);
      const claims = state.toAuth()?.sessionClaims;
      if (!claims) {
        throw new Refusal(401, state.reason ?? "Signed out");
      }
      return claims;
    },
    crossOrigin: (origin, environment) => ({
      ...healthy.crossOrigin(origin, environment),
      "access-control-allow-credentials": "true",
    }),
  },
  price: {
    checkoutRoute: "POST /api/checkout",
    orderIn: async (request, environment) => {
      const { priceId } = await healthy.orderIn(request, environment);
      const isSold = (tier: object) =>
        "priceVariable" in tier && priceOf(tier as never, environment) === priceId;
      return { tier: tiersOnSale().find(isSold)?.id };
    },
    openCheckout: (checkoutUrl) => Response.json({ checkoutUrl }),
  },
  link: {
    checkoutRoute: "GET /buy",
    orderIn: async (request) => ({ tier: new URL(request.url).searchParams.get("plan") }),
    openCheckout: (url) => new Response(null, { status: 303, headers: { location: url ?? "/" } }),
  },
};
