//! What a customer has used of what the plan allows, by calendar month.

import { Refusal } from "./refusal";
import type { Limit } from "./tiers";
import type { Visit } from "./visit";

export async function showUsage(visit: Visit): Promise<Response> {
  const { userId, plan, limit } = await allowanceOf(visit);
  const { start, end } = currentMonth();
  const usageCount = await countOf(visit, userId);
  return Response.json({
    userId,
    plan,
    usageCount,
    limit,
    remaining: remainingOf(limit, usageCount),
    periodStart: start,
    periodEnd: end,
  });
}

export async function serveData(visit: Visit): Promise<Response> {
  const { userId, plan, limit } = await allowanceOf(visit);
  const used = await countOf(visit, userId);
  if (remainingOf(limit, used) === 0) {
    throw new Refusal(403, "Usage limit reached");
  }
  await visit.environment.USAGE.put(counterOf(userId), String(used + 1));
  return Response.json({ success: true, usage: { plan, count: used + 1, limit } });
}

async function allowanceOf({ request, environment, parts }: Visit) {
  const claims = await parts.authenticate(request, environment);
  const plan = parts.planOf(claims);
  return { userId: claims.sub, plan, limit: parts.limitOf(plan) };
}

async function countOf({ environment }: Visit, userId: string): Promise<number> {
  return Number(await environment.USAGE.get(counterOf(userId)));
}

function remainingOf(limit: Limit, used: number): Limit {
  return limit === "unlimited" ? limit : Math.max(0, limit - used);
}

function counterOf(userId: string): string {
  return `usage:${userId}:${currentMonth().start}`;
}

function currentMonth(): { start: string; end: string } {
  const now = new Date();
  const firstDay = (month: number, day: number) =>
    new Date(Date.UTC(now.getUTCFullYear(), month, day)).toISOString().slice(0, 10);
  return { start: firstDay(now.getUTCMonth(), 1), end: firstDay(now.getUTCMonth() + 1, 0) };
}
