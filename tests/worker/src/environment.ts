// The Worker's bindings, and which of them are required.

export interface Environment {
  /** Usage counts, and the IDs of handled events. */
  USAGE: KVNamespace;

  STRIPE_SECRET_KEY: string;
  STRIPE_PRICE_ID_PRO: string;
  STRIPE_PRICE_ID_ENTERPRISE: string;
  STRIPE_WEBHOOK_SECRET?: string;
  STRIPE_PORTAL_CONFIG_ID?: string;

  CLERK_SECRET_KEY: string;
  CLERK_PUBLISHABLE_KEY: string;
  CLERK_JWT_TEMPLATE: string;
  /** Origins whose tokens are accepted, separated by commas. Any origin if not set. */
  CLERK_AUTHORIZED_PARTIES?: string;

  FRONTEND_URL: string;
  /** Origins that may call from a browser, separated by commas. The frontend's if not set. */
  ALLOWED_ORIGINS?: string;

  /** The providers' own hosts if not set. */
  STRIPE_API_BASE?: string;
  CLERK_API_URL?: string;

  /** "true" if Checkout takes promotion codes, and no card if nothing is due. */
  PROMOTION_CODES?: string;

  /** Names of `styles.ts`, separated by commas. */
  STYLE?: string;
  /** Names of defects, separated by commas. */
  BREAK?: string;
}

/**
 * Without the webhook secret: it exists only after the endpoint does, and the endpoint needs a
 * running Worker to point at.
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
