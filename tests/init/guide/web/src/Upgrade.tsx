import { useAuth } from "@clerk/clerk-react";

const API = import.meta.env.VITE_API_URL;

export function Upgrade() {
  const { getToken } = useAuth();

  async function upgrade(tier: string) {
    const token = await getToken({ template: "pan-api" });
    const response = await fetch(`${API}/api/create-checkout`, {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ tier }),
    });
    const { url } = await response.json();
    window.location.href = url;
  }

  return <button onClick={() => upgrade("pro")}>Upgrade to Pro</button>;
}
