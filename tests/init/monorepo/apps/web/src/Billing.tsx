import { useAuth } from "@clerk/clerk-react";
import { PLANS } from "@lumen/plans";

import { api } from "./api";

export function Billing() {
  const { getToken } = useAuth();

  const buy = async (priceId: string) => {
    const { checkoutUrl } = await api<{ checkoutUrl: string }>("/v1/billing/checkout", getToken, { priceId });
    location.assign(checkoutUrl);
  };

  return (
    <ul>
      {PLANS.map((plan) => (
        <li key={plan.id}>
          {plan.name}: {plan.limits.requests === null ? "unlimited" : plan.limits.requests} requests
          <button onClick={() => buy(plan.id)}>Choose</button>
        </li>
      ))}
    </ul>
  );
}
