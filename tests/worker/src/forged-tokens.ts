// Broken ways to verify a token, for Workers that accept forged ones.

import { authenticate, bearerToken, type Claims } from "./authentication";
import type { Environment } from "./environment";
import { clerkOf } from "./providers";
import type { Parts } from "./visit";

type Authenticate = Parts["authenticate"];

/** Accepts a token of this algorithm if `proof` does, and verifies every other token correctly. */
export function trusting(
  algorithm: string,
  proof: (token: string, environment: Environment) => Promise<boolean>,
): Authenticate {
  return async (request, environment) => {
    const token = bearerToken(request);
    const claims = claimsOf(token, algorithm);
    return claims && (await proof(token, environment))
      ? claims
      : authenticate(request, environment);
  };
}

/** Accepts everyone, with or without a token. */
export const trustingAnyone: Authenticate = async (request, environment) =>
  authenticate(request, environment).catch(() => ({ sub: "user_anonymous" }));

/**
 * Algorithm confusion: uses the public key, as the dashboard shows it, as the shared secret of an
 * HMAC. Anyone can make such a token, because the key is public.
 */
export async function isKeyedWithPublicKey(
  token: string,
  environment: Environment,
): Promise<boolean> {
  const [header, payload, signature] = token.split(".");
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  const { keys } = await clerkOf(environment).jwks.getJwks();
  for (const key of keys ?? []) {
    const pem = await pemOf(key as JsonWebKey);
    for (const secret of [pem, `${pem}\n`]) {
      const hmac = { name: "HMAC", hash: "SHA-256" };
      const bytes = new TextEncoder().encode(secret);
      const shared = await crypto.subtle.importKey("raw", bytes, hmac, false, ["verify"]);
      if (await crypto.subtle.verify(hmac, shared, bytesOf(signature ?? ""), signed)) {
        return true;
      }
    }
  }
  return false;
}

async function pemOf(key: JsonWebKey): Promise<string> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const publicKey = await crypto.subtle.importKey("jwk", key, algorithm, true, ["verify"]);
  const der = new Uint8Array((await crypto.subtle.exportKey("spki", publicKey)) as ArrayBuffer);
  const lines = btoa(String.fromCharCode(...der)).match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PUBLIC KEY-----", ...lines, "-----END PUBLIC KEY-----"].join("\n");
}

function claimsOf(token: string, algorithm: string): Claims | null {
  try {
    const [header, payload] = token
      .split(".")
      .map((part) => new TextDecoder().decode(bytesOf(part)));
    return JSON.parse(header ?? "").alg === algorithm ? JSON.parse(payload ?? "") : null;
  } catch {
    return null;
  }
}

function bytesOf(base64url: string): Uint8Array {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
