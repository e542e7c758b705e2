// The parts of Stripe's and Clerk's APIs that the Worker uses, on localhost, with one user.

import { createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";

export const USER = "user_canary";
export const WEBHOOK_SECRET = "whsec_TheWorkersOwnWebhookSecret00001";
export const FRONTEND = "https://app.acme.com";

export const CHECKOUT = "https://checkout.stripe.com/c/pay/cs_live_1";
export const PORTAL = "https://billing.stripe.com/p/session/live_1";

const STRIPE_KEY = "sk_live_51Acme";
const CLERK_KEY = "sk_live_Clerk";

/** An error for both: Stripe's SDK reads `error`, Clerk's reads `errors`. */
const REFUSED = {
  error: { type: "invalid_request_error", message: "Invalid API Key provided" },
  errors: [{ code: "clerk_key_invalid", message: "The provided Clerk Secret Key is invalid." }],
};

const KEY_ID = "ins_production";
const instance = generateKeyPairSync("rsa", { modulusLength: 2048 });
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** Starts the providers, which record every request and store what the Worker writes to the user. */
export async function startProviders() {
  const providers = { requests: [], user: canary() };
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    providers.requests.push({ call: `${request.method} ${request.url}`, body });
    const [status, answer] = answerTo(providers.user, request, body);
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  providers.url = `http://127.0.0.1:${server.address().port}`;
  providers.stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return providers;
}

/** The bindings of a healthy deployment, with changes. */
export function bindings(providers, changes = {}) {
  return {
    STRIPE_SECRET_KEY: STRIPE_KEY,
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_PRICE_ID_PRO: "price_pro",
    STRIPE_PRICE_ID_ENTERPRISE: "price_enterprise",
    STRIPE_API_BASE: providers.url,
    CLERK_SECRET_KEY: CLERK_KEY,
    CLERK_PUBLISHABLE_KEY: "pk_live_Y2xlcmsuYWNtZS5jb20k",
    CLERK_JWT_TEMPLATE: "pan-api",
    CLERK_API_URL: providers.url,
    FRONTEND_URL: FRONTEND,
    ...changes,
  };
}

/** A `Stripe-Signature` header for this body. */
export function signatureOf(body, { secret = WEBHOOK_SECRET, age = 0, scheme = "v1" } = {}) {
  const time = Math.floor(Date.now() / 1000) - age;
  const mac = createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
  return `t=${time},${scheme}=${mac}`;
}

/** Tokens from Clerk, and forged ones. */
export const tokens = {
  good: (claims) => token("RS256", claims, (input) => sign("sha256", input, instance.privateKey)),
  foreign: (claims) =>
    token("RS256", claims, (input) => sign("sha256", input, stranger.privateKey)),
  unsigned: (claims) => token("none", claims, () => Buffer.alloc(0)),
  keyedWithPublicKey: (claims) =>
    token("HS256", claims, (input) => {
      const pem = createPublicKey(instance.privateKey).export({ type: "spki", format: "pem" });
      return createHmac("sha256", pem).update(input).digest();
    }),
};

function token(alg, claims, signer) {
  const now = Math.floor(Date.now() / 1000);
  const lifetime = { iat: now, nbf: now - 5, exp: now + 60 };
  const parts = [
    { alg, kid: KEY_ID, typ: "JWT" },
    { iss: "https://clerk.acme.com", sub: USER, azp: FRONTEND, ...lifetime, ...claims },
  ];
  const input = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return `${input}.${signer(Buffer.from(input)).toString("base64url")}`;
}

function canary() {
  return {
    object: "user",
    id: USER,
    primary_email_address_id: "idn_1",
    email_addresses: [{ id: "idn_1", email_address: "canary@acme.com", linked_to: [] }],
    public_metadata: { locale: "de" },
  };
}

function answerTo(user, { method, url, headers }, body) {
  if (![`Bearer ${STRIPE_KEY}`, `Bearer ${CLERK_KEY}`].includes(headers.authorization)) {
    return [401, REFUSED];
  }
  switch (`${method} ${url}`) {
    case "GET /v1/jwks": {
      const key = instance.publicKey.export({ format: "jwk" });
      return [200, { keys: [{ ...key, kid: KEY_ID, alg: "RS256", use: "sig" }] }];
    }
    case `GET /v1/users/${USER}`:
      return [200, user];
    case `PATCH /v1/users/${USER}/metadata`:
      merge(user.public_metadata, JSON.parse(body).public_metadata);
      return [200, user];
    case "POST /v1/checkout/sessions":
      return [200, { object: "checkout.session", id: "cs_live_1", url: CHECKOUT }];
    case "GET /v1/products/prod_pro":
      return [200, { object: "product", id: "prod_pro", metadata: { plan: "pro" } }];
    case `PUT /v1/users/${USER}/metadata`:
      user.public_metadata = JSON.parse(body).public_metadata;
      return [200, user];
    case "POST /v1/billing_portal/sessions":
      return [200, { object: "billing_portal.session", url: PORTAL }];
    case "GET /v1/subscriptions/sub_1":
    case "POST /v1/subscriptions/sub_1":
      return [200, { object: "subscription", id: "sub_1", items: { data: [{ id: "si_1" }] } }];
    default:
      return [404, { errors: [{ code: "resource_not_found", message: "not found" }] }];
  }
}

/** Merges metadata like Clerk: `null` removes a key. */
function merge(metadata, changes) {
  Object.assign(metadata, changes);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) {
      delete metadata[key];
    }
  }
}
