import { NextResponse } from "next/server";

import { TIERS } from "@/lib/tiers";

export const dynamic = "force-static";

export function GET() {
  return NextResponse.json(TIERS);
}
