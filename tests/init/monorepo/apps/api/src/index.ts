import { Hono } from "hono";
import { cors } from "hono/cors";

import billing from "./routes/billing";
import plans from "./routes/plans";
import usage from "./routes/usage";
import { stripeWebhook } from "./routes/webhook";
import type { AppEnv } from "./lib/env";

const app = new Hono<AppEnv>();

app.use("/v1/*", (c, next) => cors({ origin: c.env.APP_URL })(c, next));

app.get("/healthz", (c) => c.text("ok"));
app.post("/stripe/events", stripeWebhook);

const v1 = app.basePath("/v1");
v1.route("/billing", billing);
v1.route("/usage", usage);
v1.route("/plans", plans);

export default app;
