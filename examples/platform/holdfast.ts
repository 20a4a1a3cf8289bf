import { holdfast, type Holdfast } from "holdfast";
import { workflows, type DeclareWorkflow } from "holdfast/workflows";

export type Kind = "database" | "queue" | "web-app" | "container" | "machine";

/** What to make, and for whom: together they are its name, and the same name is the same thing. */
export interface Order {
  readonly kind: Kind;
  readonly owner: string;
}

/** What came of it: where it is, or why there is none, and will be none. */
export type Made = { readonly ok: true; readonly address: string } | { readonly ok: false; readonly reason: string };

/** The cloud that the platform stands on. */
export interface Cloud {
  /** Makes it. The same key again is the same deed, with the same answer. */
  create(order: Order, key: string): Promise<Made>;
  /** Removes it for good: what asks for it later, since it was slow on its way, is refused. */
  remove(order: Order): Promise<void>;
}

export interface Services {
  readonly cloud: Cloud;
}

export const h: Holdfast<Services> = holdfast<Services>();
export const workflow: DeclareWorkflow<Services> = workflows<Services>();
