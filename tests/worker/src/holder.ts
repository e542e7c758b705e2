// Whose plan it is: a user's, or in another style an organization's.

import type Stripe from "stripe";

import type { Claims } from "./authentication";
import type { Environment } from "./environment";
import { clerkOf } from "./providers";
import { Refusal } from "./refusal";

export interface Holder {
  id: string;
  publicMetadata: Record<string, unknown>;
}

export interface HolderKind {
  /** The key of its ID in Stripe's metadata. */
  key: string;
  /** The one that a token grants something to. */
  of(claims: Claims): string;
  /** The one that a Checkout Session is for. */
  buying(session: Stripe.Checkout.Session): string | null | undefined;
  read(id: string, environment: Environment): Promise<Holder>;
}

export const users: HolderKind = {
  key: "userId",
  of: ({ sub }) => sub,
  buying: ({ client_reference_id, metadata }) => client_reference_id ?? metadata?.userId,
  read: (id, environment) => clerkOf(environment).users.getUser(id),
};

export const organizations: HolderKind = {
  key: "orgId",
  /** A session token has the active organization in `o`; a template needs a claim of its own. */
  of: ({ o, org_id }) => {
    const id = o?.id ?? org_id;
    if (!id) {
      throw new Refusal(403, "Choose an organization");
    }
    return id;
  },
  /** The reference is the member who bought. */
  buying: ({ metadata }) => metadata?.orgId,
  read: async (id, environment) => {
    const organization = await clerkOf(environment).organizations.getOrganization({
      organizationId: id,
    });
    return { id, publicMetadata: organization.publicMetadata ?? {} };
  },
};
