import type { Bus, BusResults, Parcel, Publication } from "../../core/broker/bus.ts";
import type { MarkStore } from "../../core/broker/marks.ts";
import type { FailureStore } from "../../core/broker/failures.ts";
import { carriedFields } from "../../core/broker/outbox.ts";
import type { PlaceStore } from "../../core/broker/places.ts";
import type { App } from "../../core/app.ts";
import { isHoldfastError, refusal, type HoldfastError } from "../../core/errors.ts";
import type { MemoryBroker } from "../../memory/broker.ts";
import type { Remote } from "../calls.ts";
import type { Connection, Surroundings } from "../target.ts";

/** Entries of one request to a broker. */
const entriesMax = 10;

/** The broker as an instance reaches it: requests fail as a whole, and entries of them one by one. */
export function createRemoteBus(
  broker: Bus,
  { fates }: Pick<Surroundings, "fates">,
  { name, remote }: Pick<Connection, "name" | "remote">,
): Bus {
  async function deliver<Item>(
    method: string,
    items: readonly Item[],
    take: (item: Item) => Promise<BusResults>,
  ): Promise<BusResults> {
    const entries = fates.site(`${name}.${method}/entry`);
    const one = async (item: Item): Promise<HoldfastError | undefined> => {
      const fate = entries.pick(["throttle", "lost"]);
      if (fate === "throttle") return failed("The broker refused it.");
      const [error] = await take(item);
      return fate === "lost" ? failed("Nobody knows whether the broker took it.") : error;
    };
    const requests = Array.from({ length: Math.ceil(items.length / entriesMax) }, (_, i) =>
      items.slice(i * entriesMax, (i + 1) * entriesMax),
    );
    const results = await Promise.all(
      requests.map((some) =>
        remote(method, () => Promise.all(some.map(one)), { mayBeLate: true }).catch((error: unknown) =>
          some.map(() => (isHoldfastError(error) ? error : failed(String(error)))),
        ),
      ),
    );
    return results.flat();
  }
  return {
    publish: (events) => deliver("publish", events, (event) => broker.publish([event])),
    send: (consumer, messages) => deliver("sendMessages", messages, (message) => broker.send(consumer, [message])),
  };
}

function failed(message: string): HoldfastError {
  return refusal("overloaded", message);
}

/**
 * What lies between those who send and the broker's memory: filters may let too much through, and do where the one who
 * publishes does not know what they compare; and what is not to come before a time may come up to two minutes before it.
 */
export function createFront(
  broker: MemoryBroker,
  { scheduler, fates }: Surroundings,
): {
  readonly deploy: MemoryBroker["subscribe"];
  readonly of: (app: App) => Bus;
  readonly send: Bus["send"];
} {
  const { random } = fates.site("broker.front");
  // A policy that cannot say all that the app's filters do.
  const isWide = random() < 0.3;
  let compared: ReturnType<typeof carriedFields> = new Map();

  function early(parcel: Parcel): Parcel {
    const { notBefore } = parcel;
    if (notBefore === undefined) return parcel;
    const delayMs = Math.max(0, notBefore - scheduler.now());
    if (random() < 0.2) return { ...parcel, notBefore: notBefore - 120_000 * random() };
    // In seconds, rounded up.
    return { ...parcel, notBefore: scheduler.now() + 1_000 * Math.ceil(delayMs / 1_000) };
  }

  const send: Bus["send"] = (consumer, messages) => broker.send(consumer, messages.map(early));

  return {
    send,
    deploy(app) {
      compared = carriedFields(app);
      return broker.subscribe(app);
    },
    of(app) {
      const carried = carriedFields(app);
      const isKnown = ({ type }: Publication): boolean => {
        return !isWide && (carried.get(type) ?? []).join() === (compared.get(type) ?? []).join();
      };
      return {
        publish: (events) =>
          broker.publish(events.map((event) => (isKnown(event) ? event : { ...event, fields: undefined }))),
        send,
      };
    },
  };
}

/** Rows of failures, each call through `remote`. */
export function remoteFailures(own: FailureStore, remote: Remote): FailureStore {
  return {
    failures: (...args) => remote("failures", () => own.failures(...args)),
    saveFailures: (...args) => remote("saveFailures", () => own.saveFailures(...args), { mayBeLate: true }),
    bury: (...args) => remote("bury", () => own.bury(...args)),
    dead: (...args) => remote("dead", () => own.dead(...args)),
    drop: (...args) => remote("drop", () => own.drop(...args)),
    blank: (...args) => remote("blank", () => own.blank(...args)),
  };
}

/** Rows of places, each call through `remote`. */
export function remotePlaces(own: PlaceStore, remote: Remote): PlaceStore {
  return {
    place: (...args) => remote("place", () => own.place(...args)),
    savePlace: (...args) => remote("savePlace", () => own.savePlace(...args), { mayBeLate: true }),
    backfilled: (...args) => remote("backfilled", () => own.backfilled(...args)),
    setBackfilled: (...args) => remote("setBackfilled", () => own.setBackfilled(...args)),
  };
}

/** How far streams are published, each call through `remote`. */
export function remoteMarks(own: MarkStore, remote: Remote): MarkStore {
  return {
    unpublished: (...args) => remote("unpublished", () => own.unpublished(...args)),
    setPublished: (...args) => remote("setPublished", () => own.setPublished(...args), { mayBeLate: true }),
  };
}
