export const TIERS = {
  free: { label: "Free", price: 0, monthlyLimit: 20 },
  writer: { label: "Writer", price: 12, monthlyLimit: 500 },
  studio: { label: "Studio", price: 49, monthlyLimit: -1 },
} as const;

export type Tier = keyof typeof TIERS;
