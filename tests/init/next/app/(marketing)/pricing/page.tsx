import { TIERS } from "@/lib/tiers";

export default function Pricing() {
  return (
    <main>
      {Object.entries(TIERS).map(([tier, { label, price }]) => (
        <section key={tier}>
          <h2>{label}</h2>
          <p>${price} a month</p>
        </section>
      ))}
    </main>
  );
}
