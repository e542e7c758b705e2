// The tiers on sale. The site shows these prices; Stripe charges its own.

import type { Environment } from "./environment";

export type Limit = number | "unlimited";

export interface Tier {
  id: string;
  name: string;
  /** US dollars a month. */
  price: number;
  /** Uses a month. */
  limit: Limit;
}

export interface PaidTier extends Tier {
  priceVariable: "STRIPE_PRICE_ID_PRO" | "STRIPE_PRICE_ID_ENTERPRISE";
}

export const pro: PaidTier = {
  id: "pro",
  name: "Pro",
  price: 29,
  limit: 50,
  priceVariable: "STRIPE_PRICE_ID_PRO",
};

export const enterprise: PaidTier = {
  id: "enterprise",
  name: "Enterprise",
  price: 99,
  limit: "unlimited",
  priceVariable: "STRIPE_PRICE_ID_ENTERPRISE",
};

export const free: Tier = { id: "free", name: "Free", price: 0, limit: 10 };

const paidTiers: readonly PaidTier[] = [pro, enterprise];

export function tiersOnSale(): readonly Tier[] {
  return [free, ...paidTiers];
}

export function tierToSell(id: unknown): PaidTier | undefined {
  return paidTiers.find((tier) => tier.id === id);
}

/** An unknown plan has no allowance, so that a mistake in Clerk gives nothing away. */
export function limitOf(plan: string): Limit {
  return tiersOnSale().find((tier) => tier.id === plan)?.limit ?? 0;
}

export function priceOf(tier: PaidTier, environment: Environment): string {
  return environment[tier.priceVariable];
}

export function announce(tiers: readonly Tier[]): Response {
  return Response.json({
    tiers: tiers.map((tier) => ({
      id: tier.id,
      name: tier.name,
      price: tier.price,
      limit: tier.limit,
      hasPriceId: "priceVariable" in tier,
    })),
  });
}
