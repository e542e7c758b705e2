export const TIERS = {
  free: { label: "Free", price: 0, monthlyLimit: 10 },
  pro: { label: "Pro", price: 29, monthlyLimit: 50 },
  enterprise: { label: "Enterprise", price: 99, monthlyLimit: -1 },
} as const;

export type Tier = keyof typeof TIERS;
