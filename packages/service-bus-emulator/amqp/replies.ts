import { type AmqpError, type Delivery, type Session, settleDelivery } from "./rhea.ts";

/** Settles deliveries, in the order of the calls. */
export type Reply = (delivery: Delivery, error?: AmqpError) => void;

/**
 * rhea joins what is settled in one tick into one range and gives all of it the outcome of the first one. Equal outcomes
 * may be joined: so a tick sends a run of accepted ones, or one that is not. Source: rhea 3.0.5, write_dispositions.
 */
export function createReplies(): Reply {
  let waiting: { readonly delivery: Delivery; readonly error: AmqpError | undefined }[] = [];

  function flush(): void {
    const refused = waiting.findIndex(({ error }) => error);
    const count = refused === -1 ? waiting.length : Math.max(refused, 1);
    for (const { delivery, error } of waiting.slice(0, count)) settleDelivery(delivery, error);
    waiting = waiting.slice(count);
    if (waiting.length > 0) setImmediate(flush);
  }

  return (delivery, error) => {
    waiting.push({ delivery, error });
    if (waiting.length === 1) setImmediate(flush);
  };
}

const known = new WeakMap<Session, Reply>();

export function repliesOf(session: Session): Reply {
  const found = known.get(session) ?? createReplies();
  known.set(session, found);
  return found;
}
