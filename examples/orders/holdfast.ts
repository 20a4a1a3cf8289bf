import { holdfast, type Holdfast } from "holdfast";

/** Which deed, for which order. The same key again is the same deed: whoever does it honours that. */
export interface Deed {
  readonly order: string;
  readonly key: string;
}

/** What departments do outside. */
export interface World {
  /** Takes the money; undefined where the card is refused. */
  charge(deed: Deed, total: number): Promise<string | undefined>;
  refund(deed: Deed): Promise<void>;
  /** False where it cannot be made. */
  make(deed: Deed): Promise<boolean>;
  /** The parcel's number. */
  ship(deed: Deed): Promise<string>;
  /** False where the parcel is lost. */
  carry(deed: Deed): Promise<boolean>;
  /** What the customer complains of; undefined if all is well. */
  ask(deed: Deed): Promise<string | undefined>;
  /** True where the customer keeps what he has. */
  negotiate(deed: Deed): Promise<boolean>;
}

export const h: Holdfast<World> = holdfast<World>();
