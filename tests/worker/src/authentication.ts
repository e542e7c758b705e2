// Authentication: Clerk's SDK verifies the bearer token with the instance's keys.

import { verifyToken } from "@clerk/backend";

import { list, type Environment } from "./environment";
import { clerkAddress } from "./providers";
import { Refusal } from "./refusal";
import { free } from "./tiers";

export interface Claims {
  sub: string;
  plan?: unknown;
  /** The active organization of the session. */
  o?: { id?: string };
  org_id?: string;
}

export function bearerToken(request: Request): string {
  const [scheme, token] = (request.headers.get("authorization") ?? "").split(" ");
  if (scheme !== "Bearer" || !token) {
    throw new Refusal(401, "Missing or invalid Authorization header");
  }
  return token;
}

export async function authenticate(
  request: Request,
  environment: Environment,
  clockSkewInMs?: number,
): Promise<Claims> {
  const token = bearerToken(request);
  try {
    return await verifyToken(token, {
      secretKey: environment.CLERK_SECRET_KEY,
      authorizedParties: list(environment.CLERK_AUTHORIZED_PARTIES ?? ""),
      ...(clockSkewInMs === undefined ? {} : { clockSkewInMs }),
      ...clerkAddress(environment),
    });
  } catch {
    throw new Refusal(401, "Invalid or expired token");
  }
}

/** Clerk writes `null` into a claim whose metadata is missing, as for users without a plan. */
export function planOf(claims: Claims): string {
  return typeof claims.plan === "string" && claims.plan !== "" ? claims.plan : free.id;
}
