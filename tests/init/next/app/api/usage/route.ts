import { auth } from "@clerk/nextjs/server";
import { NextResponse } from "next/server";

import { TIERS, type Tier } from "@/lib/tiers";

export async function GET() {
  const { userId, sessionClaims } = await auth();
  if (!userId) {
    return NextResponse.json({ error: "Unauthorized" }, { status: 401 });
  }
  const plan = (sessionClaims?.metadata?.plan ?? "free") as Tier;
  return NextResponse.json({ plan, limit: TIERS[plan].monthlyLimit });
}
