export interface Bindings {
  APP_URL: string;
  CLERK_SECRET_KEY: string;
  CLERK_PUBLISHABLE_KEY: string;
  STRIPE_SECRET_KEY: string;
  STRIPE_WEBHOOK_SECRET: string;
  PRICE_STARTER: string;
  PRICE_TEAM: string;
  COUNTERS: KVNamespace;
}

export interface AppEnv {
  Bindings: Bindings;
  Variables: { userId: string; tier: string };
}
