// One request, and the parts that this Worker is built from.

import type Stripe from "stripe";

import { authenticate, planOf, type Claims } from "./authentication";
import {
  checkoutOf,
  openCheckout,
  orderIn,
  returnTo,
  type Order,
  type Wish,
} from "./billing";
import { crossOrigin } from "./cors";
import {
  applyEvent,
  grants,
  isCurrent,
  isLatest,
  isOfThisMode,
  saveMetadata,
  subscriptionOf,
  tierOf,
  type PublicMetadata,
  type Purchase,
} from "./entitlement";
import type { Environment } from "./environment";
import { users, type HolderKind } from "./holder";
import {
  limitOf,
  priceOf,
  tiersOnSale,
  tierToSell,
  type Limit,
  type PaidTier,
  type Tier,
} from "./tiers";
import { readEvent, repeat, type Delivery } from "./webhook";

export interface Visit {
  request: Request;
  environment: Environment;
  parts: Parts;
}

/** What a path leads to: the webhook, another route, or nothing. */
export type Place = "webhook" | "route" | "nothing";

/** The Worker's decisions. A defect replaces some of them. */
export interface Parts {
  /** Answers at these places before the Worker's own code. `null` passes the request on. */
  inFront(visit: Visit): Response | null | Promise<Response | null>;
  places: readonly Place[];

  readEvent(delivery: Delivery, toleranceSeconds?: number): Promise<Stripe.Event>;
  repeat(event: Stripe.Event): object;
  applyEvent(event: Stripe.Event, environment: Environment, parts: Parts): Promise<void>;

  isOfThisMode(event: Stripe.Event, environment: Environment): boolean;
  isLatest(event: Stripe.Event, subscription: string, environment: Environment): Promise<boolean>;
  grants(
    subscription: Stripe.Subscription,
    previous: Partial<Stripe.Subscription> | undefined,
  ): boolean;
  tierOf(purchase: Purchase, environment: Environment): Promise<string | undefined>;
  subscriptionOf(session: Stripe.Checkout.Session): string | null | undefined;
  /** Whose plan it is. */
  holder: HolderKind;
  /** Whether a subscription is the one that the holder has. */
  isCurrent(id: string, current: unknown): boolean;
  saveMetadata(holder: string, metadata: PublicMetadata, environment: Environment): Promise<void>;

  authenticate(
    request: Request,
    environment: Environment,
    clockSkewInMs?: number,
  ): Promise<Claims>;
  planOf(claims: Claims): string;
  limitOf(plan: string): Limit;
  usesPerCall: number;

  tiersOnSale(): readonly Tier[];
  /** The method and path of Checkout. */
  checkoutRoute: string;
  orderIn(request: Request, environment: Environment): Promise<Wish>;
  openCheckout(url: string | null): Response;
  tierToSell(id: unknown): PaidTier | undefined;
  priceOf(tier: PaidTier, environment: Environment): string;
  checkoutOf(order: Order): Stripe.Checkout.SessionCreateParams;
  returnTo(request: Request, environment: Environment): string;

  crossOrigin(origin: string | null, environment: Environment): HeadersInit;
}

export const healthy: Parts = {
  inFront: () => null,
  places: [],
  readEvent,
  repeat,
  applyEvent,
  isOfThisMode,
  isLatest,
  grants,
  tierOf,
  subscriptionOf,
  holder: users,
  isCurrent,
  saveMetadata,
  authenticate,
  planOf,
  limitOf,
  usesPerCall: 1,
  tiersOnSale,
  checkoutRoute: "POST /api/create-checkout",
  orderIn,
  openCheckout,
  tierToSell,
  priceOf,
  checkoutOf,
  returnTo,
  crossOrigin,
};
