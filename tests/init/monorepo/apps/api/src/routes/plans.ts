import { PLANS } from "@lumen/plans";
import { Hono } from "hono";

import type { AppEnv } from "../lib/env";

export default new Hono<AppEnv>().get("/", (c) => c.json(PLANS));
