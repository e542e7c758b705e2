export type Plan = "free" | "pro" | "enterprise";

/** Requests a month. */
export const LIMITS: Record<Plan, number> = {
  free: 10,
  pro: 50,
  enterprise: Infinity,
};

export const plans = [
  { id: "free", name: "Free", price: 0 },
  { id: "pro", name: "Pro", price: 29 },
  { id: "enterprise", name: "Enterprise", price: 99 },
];
