import type { App } from "../app.ts";
import { HoldfastError } from "../errors.ts";
import type { Journal } from "../journal/port.ts";
import { streamKey } from "../runtime/live.ts";
import type { System } from "../runtime/system.ts";
import { reasonOf } from "../delivery/reason.ts";
import type { Bus, BusResults, Parcel, Publication } from "./bus.ts";
import type { FailureStore } from "./failures.ts";
import { createMarks, type Marks } from "./marks.ts";
import { createOutbox, type Committed, type Outgoing } from "./outbox.ts";

/** Brings what was committed to the broker. */
export interface Relay {
  /**
   * Publishes what the records hold, in the order of each stream. Answers which of them the broker does not have for
   * sure; the later ones of their streams are among them, and all of them are to be relayed again. Begins nothing after
   * `deadline` (epoch milliseconds). Never rejects.
   */
  relay(records: readonly Committed[], deadline: number): Promise<readonly Committed[]>;
}

export interface RelayPorts {
  readonly app: App;
  readonly bus: Bus;
  readonly journal: Pick<Journal, "history">;
  readonly failures: Pick<FailureStore, "bury">;
  readonly system: System;
  /**
   * How far streams are published. With it every gap is closed, however wide, or nothing goes. Default: what this relay has
   * published itself; a stream that is new to it begins with what it gets, and what lies far behind that comes by itself.
   */
  readonly marks?: Marks;
}

/** Records that are missing before one, and are read from the journal at once. */
const gapMax = 1_000;

/** A stream's records that are still to be relayed. */
interface Lane {
  readonly key: string;
  readonly records: Committed[];
  /** What is left of the first of them; absent: it was not looked at yet. */
  rest?: Outgoing[] | undefined;
  /** The broker did not take something, so nothing after it may go. */
  blocked: boolean;
}

export function createRelay({ app, bus, journal, failures, system, marks: given }: RelayPorts): Relay {
  const marks = given ?? createMarks();
  const outbox = createOutbox(app);

  async function laneOf(key: string, records: readonly Committed[]): Promise<Lane> {
    const lane: Lane = { key, records: [], blocked: false };
    // What is forgotten is relayed once more, which is harmless; what is known closes gaps.
    let before = marks.get(key);
    for (const committed of records) {
      const { sequence } = committed.record;
      if (before !== undefined && sequence <= before) continue;
      try {
        if (before !== undefined && sequence > before + 1 && !lane.blocked) {
          lane.records.push(...(await missing(committed, before)));
        }
      } catch (error) {
        refused(lane, committed, error);
      }
      lane.records.push(committed);
      before = sequence;
    }
    return lane;
  }

  /** The records between `after` and that one: a store may hand them out later, but it has them. */
  async function missing({ stream, record }: Committed, after: number): Promise<readonly Committed[]> {
    const limit = record.sequence - 1 - after;
    if (limit > gapMax && given) {
      throw new HoldfastError("overloaded", `${limit} records are not published yet.`, { retry: "later" });
    }
    if (limit > gapMax) {
      // Whoever remembers so little of a stream does not know it.
      system.log.warn({ stream, after, sequence: record.sequence }, "records are missing before one; it goes alone");
      return [];
    }
    const records = await journal.history(stream, { after, limit });
    return records.map((record) => ({ stream, record }));
  }

  /** Lets go of records that are done, and looks at the next one that holds anything; what nobody can read is given up. */
  async function advance(lane: Lane): Promise<void> {
    for (let [committed] = lane.records; committed && !lane.blocked; [committed] = lane.records) {
      try {
        lane.rest ??= [...outbox(committed)];
      } catch (error) {
        await giveUp(lane, committed, error);
      }
      if (lane.blocked || (lane.rest?.length ?? 0) > 0) return;
      lane.records.shift();
      lane.rest = undefined;
      marks.raise(lane.key, committed.record.sequence);
    }
  }

  /** A record that is damaged is so at every attempt; the stream's later ones go on. */
  async function giveUp(lane: Lane, { stream, record }: Committed, error: unknown): Promise<void> {
    const now = system.now();
    system.log.error(
      { stream, sequence: record.sequence, error },
      "a record cannot be relayed; it is among the dead letters",
    );
    try {
      await failures.bury({
        consumer: "relay",
        stream,
        sequence: record.sequence,
        n: 1,
        created: now,
        failures: { attempts: 1, since: now },
        reason: reasonOf(error),
      });
    } catch (failure) {
      refused(lane, { stream, record }, failure);
    }
  }

  function refused(lane: Lane, { stream, record }: Committed, error: unknown): void {
    lane.blocked = true;
    system.log.warn({ stream, sequence: record.sequence, error }, "a record could not be relayed; it is relayed again");
  }

  /** Sends the next item of each lane. */
  async function round(lanes: readonly Lane[]): Promise<void> {
    const events: [Lane, Publication][] = [];
    const messages = { sends: [] as [Lane, Parcel][], timers: [] as [Lane, Parcel][] };
    for (const lane of lanes) {
      const item = lane.rest?.[0];
      if (item?.kind === "event") events.push([lane, item.publication]);
      else if (item) messages[item.consumer].push([lane, item.parcel]);
    }
    await Promise.all([
      send(events, bus.publish),
      send(messages.sends, (parcels) => bus.send("sends", parcels)),
      send(messages.timers, (parcels) => bus.send("timers", parcels)),
    ]);
  }

  async function send<Item>(
    items: readonly (readonly [Lane, Item])[],
    deliver: (items: readonly Item[]) => Promise<BusResults>,
  ): Promise<void> {
    if (items.length === 0) return;
    const results = await deliver(items.map(([, item]) => item));
    for (const [i, [lane]] of items.entries()) {
      const error = results[i];
      const [committed] = lane.records;
      if (error === undefined) lane.rest?.shift();
      else if (committed) refused(lane, committed, error);
    }
  }

  return {
    async relay(records, deadline) {
      const streams = new Map<string, Committed[]>();
      for (const committed of records) {
        const key = streamKey(committed.stream);
        const others = streams.get(key);
        if (others) others.push(committed);
        else streams.set(key, [committed]);
      }
      for (const others of streams.values()) others.sort((a, b) => a.record.sequence - b.record.sequence);
      const lanes = await Promise.all([...streams].map(([key, some]) => laneOf(key, some)));
      for (;;) {
        await Promise.all(lanes.map(advance));
        const going = lanes.filter(({ blocked, records: some }) => !blocked && some.length > 0);
        if (going.length === 0 || system.now() >= deadline) break;
        await round(going);
      }
      const left = new Set(lanes.flatMap(({ records: some }) => some.map(({ record }) => record)));
      return records.filter(({ record }) => left.has(record));
    },
  };
}
