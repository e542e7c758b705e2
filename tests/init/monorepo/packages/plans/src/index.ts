export interface PlanInfo {
  id: string;
  name: string;
  limits: { requests: number | null; members: number };
}

export const PLANS: PlanInfo[] = [
  { id: "free", name: "Free", limits: { requests: 100, members: 1 } },
  { id: "starter", name: "Starter", limits: { requests: 5_000, members: 3 } },
  { id: "team", name: "Team", limits: { requests: null, members: 25 } },
];
