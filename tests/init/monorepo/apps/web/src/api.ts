export type GetToken = (options: { template: string }) => Promise<string | null>;

/** The template's name in Clerk's dashboard. */
const TEMPLATE = "lumen-api";

export async function api<T>(path: string, getToken: GetToken, body?: unknown): Promise<T> {
  const token = await getToken({ template: TEMPLATE });
  const response = await fetch(`${import.meta.env.VITE_API_URL}${path}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${token}` },
    body: body ? JSON.stringify(body) : undefined,
  });
  return response.json();
}
