// Which sites may call this Worker from a browser.

import { list, type Environment } from "./environment";

/** A foreign origin gets the first allowed origin, which its browser rejects. */
export function crossOrigin(origin: string | null, environment: Environment): HeadersInit {
  const allowed = list(environment.ALLOWED_ORIGINS || environment.FRONTEND_URL).map((url) =>
    url.replace(/\/$/, ""),
  );
  const answer = allowed.find((known) => known === origin) ?? allowed[0] ?? "";
  return { "access-control-allow-origin": answer };
}

export function withCrossOrigin(response: Response, headers: HeadersInit): Response {
  const answer = new Response(response.body, response);
  for (const [name, value] of new Headers(headers)) {
    answer.headers.set(name, value);
  }
  answer.headers.append("vary", "Origin");
  return answer;
}

export function answerPreflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST, OPTIONS",
      "access-control-allow-headers": "Authorization, Content-Type",
      "access-control-max-age": "86400",
    },
  });
}
