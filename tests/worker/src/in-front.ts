// Responses that do not come from the webhook's handler, but from something in front of it.

import type { Visit } from "./visit";

export function redirectToWww({ request }: Visit): Response {
  return redirect(`https://www.example.com${new URL(request.url).pathname}`, 308);
}

/** Clerk's middleware without a public webhook route: redirects pages to the sign-in. */
export function clerkRedirect({ request }: Visit): Response {
  const signIn = new URL("/sign-in", request.url);
  signIn.searchParams.set("redirect_url", request.url);
  return redirect(signIn.href, 307, signedOut);
}

/** The same middleware for requests that are not for a page. */
export function clerkMiddleware(): Response {
  return new Response(null, { status: 401, headers: signedOut });
}

/** Cloudflare's challenge page, which only a browser can pass. */
export function botChallenge(): Response {
  return html(403, "Just a moment...", "Enable JavaScript and cookies to continue", {
    "cf-mitigated": "challenge",
    server: "cloudflare",
  });
}

/** A single-page app, which serves one page for every path. */
export function singlePage(): Response {
  return html(200, "Acme", '<div id="root"></div>');
}

export function notFound(): Response {
  return new Response("Not Found", { status: 404 });
}

export function methodNotAllowed(): Response {
  return new Response("Method Not Allowed", { status: 405, headers: { allow: "GET" } });
}

const signedOut = {
  "x-clerk-auth-status": "signed-out",
  "x-clerk-auth-reason": "session-token-and-uat-missing",
  "x-clerk-auth-message": "",
};

function redirect(location: string, status: number, headers: HeadersInit = {}): Response {
  return new Response(null, { status, headers: { location, ...headers } });
}

function html(status: number, title: string, body: string, headers: HeadersInit = {}): Response {
  const page = `<!doctype html><html lang="en"><head><title>${title}</title></head><body>${body}</body></html>\n`;
  return new Response(page, {
    status,
    headers: { "content-type": "text/html; charset=utf-8", ...headers },
  });
}
