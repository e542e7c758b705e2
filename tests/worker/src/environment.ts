// What a deployment binds to the Worker, and what it cannot do without.

export interface Environment {
  /** Counts of use, and the ids of the events that were dealt with. */
  USAGE: KVNamespace;

  STRIPE_SECRET_KEY: string;
  STRIPE_PRICE_ID_PRO: string;
  STRIPE_PRICE_ID_ENTERPRISE: string;
  STRIPE_WEBHOOK_SECRET?: string;
  STRIPE_PORTAL_CONFIG_ID?: string;

  CLERK_SECRET_KEY: string;
  CLERK_PUBLISHABLE_KEY: string;
  CLERK_JWT_TEMPLATE: string;
  /** Origins whose tokens are accepted, separated by commas; any origin when it is left out. */
  CLERK_AUTHORIZED_PARTIES?: string;

  FRONTEND_URL: string;
  /** Origins that browsers may call from, separated by commas; the frontend's when it is left out. */
  ALLOWED_ORIGINS?: string;

  /** The providers' own hosts when left out. */
  STRIPE_API_BASE?: string;
  CLERK_API_URL?: string;

  /** Names of defects, separated by commas. */
  BREAK?: string;
}

/**
 * The webhook secret is not among them: it exists only once the endpoint does, and the endpoint
 * needs a Worker to point at, so a Worker without it has to run.
 */
const required = [
  "STRIPE_SECRET_KEY",
  "STRIPE_PRICE_ID_PRO",
  "STRIPE_PRICE_ID_ENTERPRISE",
  "CLERK_SECRET_KEY",
  "CLERK_PUBLISHABLE_KEY",
  "CLERK_JWT_TEMPLATE",
  "FRONTEND_URL",
] as const satisfies readonly (keyof Environment)[];

export function missingVariables(environment: Environment): string[] {
  return required.filter((name) => !environment[name]);
}

export function refuseWithout(missing: readonly string[]): Response {
  return Response.json({ error: "Missing environment variables", missing }, { status: 500 });
}

export function list(variable: string): string[] {
  return variable
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
