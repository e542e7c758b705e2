import { auth } from "@clerk/nextjs/server";
import { NextResponse } from "next/server";

import { stripe } from "@/lib/stripe";

const PRICES: Record<string, string | undefined> = {
  pro: process.env.STRIPE_PRICE_ID_PRO,
  enterprise: process.env.STRIPE_PRICE_ID_ENTERPRISE,
};

export async function POST(request: Request) {
  const { userId } = await auth();
  if (!userId) {
    return NextResponse.json({ error: "Unauthorized" }, { status: 401 });
  }
  const { plan } = await request.json();
  const price = PRICES[plan];
  if (!price) {
    return NextResponse.json({ error: "Unknown plan" }, { status: 400 });
  }
  const metadata = { user_id: userId, plan };
  const session = await stripe.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price, quantity: 1 }],
    success_url: `${process.env.NEXT_PUBLIC_APP_URL}/welcome`,
    cancel_url: `${process.env.NEXT_PUBLIC_APP_URL}/pricing`,
    metadata,
    subscription_data: { metadata },
  });
  return NextResponse.json({ sessionUrl: session.url });
}
