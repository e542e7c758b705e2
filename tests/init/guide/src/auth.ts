import { verifyToken } from "@clerk/backend";

import type { Env } from "./index";
import type { Plan } from "./plans";

export async function authenticate(request: Request, env: Env): Promise<{ userId: string; plan: Plan }> {
  const token = request.headers.get("Authorization")?.replace("Bearer ", "");
  if (!token) {
    throw new Error("Missing token");
  }
  const claims = await verifyToken(token, { secretKey: env.CLERK_SECRET_KEY });
  return { userId: claims.sub, plan: (claims.plan as Plan | undefined) ?? "free" };
}
