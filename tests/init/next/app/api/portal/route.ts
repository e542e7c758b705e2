import { currentUser } from "@clerk/nextjs/server";
import { NextResponse } from "next/server";

import { stripe } from "@/lib/stripe";

export async function POST() {
  const user = await currentUser();
  const customer = user?.publicMetadata.stripe_customer as string | undefined;
  if (!customer) {
    return NextResponse.json({ error: "No subscription" }, { status: 400 });
  }
  const session = await stripe.billingPortal.sessions.create({
    customer,
    return_url: `${process.env.NEXT_PUBLIC_APP_URL}/settings`,
  });
  return NextResponse.json({ url: session.url });
}
