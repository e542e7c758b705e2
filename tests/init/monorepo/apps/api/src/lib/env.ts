export interface Bindings {
  APP_URL: string;
  CLERK_SECRET_KEY: string;
  CLERK_PUBLISHABLE_KEY: string;
  STRIPE_SECRET_KEY: string;
  STRIPE_WEBHOOK_SECRET: string;
  STRIPE_PRICE_ID_PRO: string;
  STRIPE_PRICE_ID_ENTERPRISE: string;
  COUNTERS: KVNamespace;
}

export interface AppEnv {
  Bindings: Bindings;
  Variables: { userId: string; tier: string };
}
