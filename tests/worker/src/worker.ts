// A Worker of the reference stack: Stripe takes the money, Clerk stores the plan, and the Worker connects them.

import { createCheckout, openPortal } from "./billing";
import { answerPreflight, withCrossOrigin } from "./cors";
import { assemble } from "./defects";
import { missingVariables, refuseWithout, type Environment } from "./environment";
import { messageOf, Refusal } from "./refusal";
import { announce } from "./tiers";
import { serveData, showUsage } from "./usage";
import type { Parts, Place, Visit } from "./visit";
import { receiveEvent } from "./webhook";

type Handler = (visit: Visit) => Response | Promise<Response>;

const WEBHOOK = "/webhook/stripe";

const routes: Readonly<Record<string, Handler>> = {
  [`POST ${WEBHOOK}`]: receiveEvent,
  "GET /health": () => Response.json({ status: "ok" }),
  "GET /api/tiers": ({ parts }) => announce(parts.tiersOnSale()),
  "GET /api/usage": showUsage,
  "POST /api/data": serveData,
  "POST /api/customer-portal": openPortal,
};

export default {
  async fetch(request, environment): Promise<Response> {
    const { parts, unknown } = assemble(environment.STYLE ?? "", environment.BREAK ?? "");
    if (unknown.length > 0) {
      // Fail loudly: with a misspelled defect, a healthy Worker would pass for a broken one.
      return Response.json({ error: "No such defect", unknown }, { status: 501 });
    }
    const missing = missingVariables(environment);
    if (missing.length > 0) {
      return refuseWithout(missing);
    }
    const response = await answer({ request, environment, parts });
    return withCrossOrigin(response, parts.crossOrigin(request.headers.get("origin"), environment));
  },
} satisfies ExportedHandler<Environment>;

async function answer(visit: Visit): Promise<Response> {
  const { request, parts } = visit;
  const path = new URL(request.url).pathname;
  try {
    const inFront = parts.places.includes(placeOf(path, parts)) ? await parts.inFront(visit) : null;
    if (inFront) {
      return inFront;
    }
    if (request.method === "OPTIONS") {
      return answerPreflight();
    }
    const route = `${request.method} ${path}`;
    const handle = route === parts.checkoutRoute ? createCheckout : (routes[route] ?? unknownRoute);
    return await handle(visit);
  } catch (error) {
    if (error instanceof Refusal) {
      return Response.json({ error: error.message }, { status: error.status });
    }
    console.error(messageOf(error));
    return Response.json({ error: "Internal error" }, { status: 500 });
  }
}

function placeOf(path: string, parts: Parts): Place {
  if (path === WEBHOOK) {
    return "webhook";
  }
  return [...Object.keys(routes), parts.checkoutRoute].some((route) => route.endsWith(` ${path}`)) ? "route" : "nothing";
}

/** Unauthenticated callers do not learn which routes exist. */
async function unknownRoute({ request, environment, parts }: Visit): Promise<Response> {
  await parts.authenticate(request, environment);
  throw new Refusal(404, "Not found");
}
