import { verifyToken } from "@clerk/backend";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";

import type { AppEnv } from "./env";

export const requireUser = createMiddleware<AppEnv>(async (c, next) => {
  const token = c.req.header("authorization")?.slice("Bearer ".length);
  if (!token) {
    throw new HTTPException(401, { message: "Sign in first" });
  }
  const payload = await verifyToken(token, { secretKey: c.env.CLERK_SECRET_KEY });
  const metadata = payload.metadata as { tier?: string } | undefined;
  c.set("userId", payload.sub);
  c.set("tier", metadata?.tier ?? "free");
  await next();
});
