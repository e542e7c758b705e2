export interface PlanInfo {
  id: string;
  name: string;
  limits: { requests: number | null; members: number };
}

export const PLANS: PlanInfo[] = [
  { id: "free", name: "Free", limits: { requests: 10, members: 1 } },
  { id: "pro", name: "Pro", limits: { requests: 50, members: 3 } },
  { id: "enterprise", name: "Enterprise", limits: { requests: null, members: 25 } },
];
