import { Hono } from "hono";

import { requireUser } from "../lib/auth";
import type { AppEnv } from "../lib/env";

const usage = new Hono<AppEnv>();

usage.get("/", requireUser, async (c) => {
  const used = Number((await c.env.COUNTERS.get(c.get("userId"))) ?? "0");
  return c.json({ tier: c.get("tier"), used });
});

export default usage;
