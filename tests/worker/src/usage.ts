// A customer's usage and limit for each calendar month.

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
  const count = used + visit.parts.usesPerCall;
  await visit.environment.USAGE.put(counterOf(userId), String(count));
  return Response.json({ success: true, usage: { plan, count, limit } });
}

async function allowanceOf({ request, environment, parts }: Visit) {
  const claims = await parts.authenticate(request, environment);
  const plan = parts.planOf(claims);
  return { userId: parts.holder.of(claims), plan, limit: parts.limitOf(plan) };
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
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  // Day 0 of the next month is the last day of this one.
  return { start: dateOf(year, month, 1), end: dateOf(year, month + 1, 0) };
}

function dateOf(year: number, month: number, day: number): string {
  return new Date(Date.UTC(year, month, day)).toISOString().slice(0, 10);
}
