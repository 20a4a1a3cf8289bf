import type { Change, DeadLetter, QueuedMessage } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import type { DeliveryStore } from "holdfast/testing";

export interface StoreMutant {
  /** What it does wrong. */
  readonly flaw: string;
  /** The case that has to catch it; others may as well. */
  readonly by: string;
  /** Which suite that case is of. */
  readonly suite: "store" | "delivery";
  create(): DeliveryStore;
}

/** The memory journal with some methods replaced; the new ones get the sound journal. */
const broken = (change: (sound: DeliveryStore) => Partial<DeliveryStore>) => (): DeliveryStore => {
  const sound = createMemoryJournal();
  return { ...sound, ...change(sound) };
};

/** Settles what `change` makes of each change. */
const settling = (change: (one: Change) => readonly Change[]) =>
  broken((sound) => ({
    settle: (consumer, owner, progress) =>
      sound.settle(consumer, owner, { ...progress, changes: progress.changes.flatMap(change) }),
  }));

/** Without its guard. */
const unguarded = (kind: "delete" | "postpone" | "bury") =>
  settling((one) => (one.kind === kind ? [{ ...one, sequence: undefined }] : [one]));

const ignoresLeases = broken((sound) => ({
  take: (consumer, claim) => sound.take(consumer, { ...claim, now: claim.now + 1_000_000_000, longest: 0 }),
}));

/** Nobody is told that the owner has changed. */
const ignoresOwner = broken((sound) => {
  const owners = new Map<string, string>();
  return {
    async take(consumer, claim) {
      const answer = await sound.take(consumer, claim);
      if (answer.kind === "taken") owners.set(consumer, claim.owner);
      return answer;
    },
    settle: (consumer, owner, progress) => sound.settle(consumer, owners.get(consumer) ?? owner, progress),
  };
});

const appliesNotPosition = broken((sound) => {
  const positions = new Map<string, number>();
  return {
    async take(consumer, claim) {
      const answer = await sound.take(consumer, claim);
      positions.set(consumer, answer.position);
      return answer;
    },
    settle: (consumer, owner, progress) =>
      sound.settle(consumer, owner, { ...progress, position: positions.get(consumer) ?? 0 }),
  };
});

/** Due at the later of the two times. */
const armsLater = broken((sound) => {
  const due = new Map<string, number>();
  return {
    settle: (consumer, owner, progress) =>
      sound.settle(consumer, owner, {
        ...progress,
        changes: progress.changes.flatMap((one): readonly Change[] => {
          if (one.kind !== "arm") return [one];
          const key = JSON.stringify([consumer, one.stream, one.name]);
          const latest = Math.max(one.due, due.get(key) ?? 0);
          due.set(key, latest);
          // The row is made anew, with the same name.
          return [
            { kind: "disarm", stream: one.stream },
            { ...one, due: latest },
          ];
        }),
      }),
  };
});

const redrivesToAll = broken((sound) => ({
  async redrive(ids, now) {
    const letters = await sound.dead({ limit: 1_000 });
    const count = await sound.redrive(ids, now);
    for (const { consumer: _of, name, body, attributes } of letters.filter(({ id }) => ids.includes(id))) {
      const copy = { created: now, ...(name && { name }), ...(body && { body }), ...(attributes && { attributes }) };
      await sound.send("subscription:two", [copy]);
    }
    return count;
  },
}));

const deadAsDue = broken((sound) => ({
  async due(consumer, range) {
    const due = await sound.due(consumer, range);
    const dead = await sound.dead({ consumer, limit: 1_000 });
    const back = dead.map(({ consumer: _of, reason: _why, ...message }: DeadLetter): QueuedMessage => message);
    return { ...due, messages: [...due.messages, ...back] };
  },
}));

const skipping = broken((sound) => ({
  recordsAfter: async (position, limit) =>
    (await sound.recordsAfter(position, limit)).filter((record) => record.position !== 3),
}));

export const storeMutants: readonly StoreMutant[] = [
  {
    flaw: "lets anybody settle",
    by: "settle: of somebody who is not the owner is refused as a whole",
    suite: "store",
    create: ignoresOwner,
  },
  {
    flaw: "lets anybody settle (as an app sees it)",
    by: "subscriptions: a handler that runs when the owner changes is told to stop, and cannot call any more",
    suite: "delivery",
    create: ignoresOwner,
  },
  {
    flaw: "applies the changes of somebody who is not the owner, and then says no",
    by: "settle: of somebody who is not the owner is refused as a whole",
    suite: "store",
    create: broken((sound) => ({
      async settle(consumer, owner, progress) {
        if (await sound.settle(consumer, owner, progress)) return true;
        const { changes } = progress;
        const sent = changes.flatMap((one) => (one.kind === "arm" ? [{ name: one.name, created: one.now }] : []));
        await sound.send(consumer, sent);
        return false;
      },
    })),
  },
  {
    flaw: "applies the changes but not the position",
    by: "settle: stores the position and the end of the lease",
    suite: "store",
    create: appliesNotPosition,
  },
  {
    flaw: "applies the changes but not the position (as an app sees it)",
    by: "subscriptions: a restart goes on where the cursor stands, parked entities included",
    suite: "delivery",
    create: appliesNotPosition,
  },
  {
    flaw: "stores the position but not the changes",
    by: "settle: many changes are stored together with the position",
    suite: "store",
    create: settling(() => []),
  },
  {
    flaw: "stores the position but not the changes (as an app sees it)",
    by: "subscriptions: a restart goes on where the cursor stands, parked entities included",
    suite: "delivery",
    create: settling(() => []),
  },
  {
    flaw: "applies the changes in another order",
    by: "settle: applies its changes in their order",
    suite: "store",
    create: broken((sound) => ({
      settle: (consumer, owner, progress) =>
        sound.settle(consumer, owner, { ...progress, changes: progress.changes.toReversed() }),
    })),
  },
  {
    flaw: "does not renew the lease",
    by: "settle: stores the position and the end of the lease",
    suite: "store",
    create: broken((sound) => ({
      settle: (consumer, owner, progress) => sound.settle(consumer, owner, { ...progress, until: 0 }),
    })),
  },
  {
    flaw: "loses the rows of parked streams",
    by: "take: whoever takes it over gets its parked streams, each with the last sequence up to its position",
    suite: "store",
    create: settling((one) => (one.kind === "park" ? [] : [one])),
  },
  {
    flaw: "loses the rows of parked streams (as an app sees it)",
    by: "subscriptions: a restart goes on where the cursor stands, parked entities included",
    suite: "delivery",
    create: settling((one) => (one.kind === "park" ? [] : [one])),
  },
  {
    flaw: "keeps the first row of a parked stream",
    by: "park: a later one replaces the row of its stream",
    suite: "store",
    create: broken((sound) => {
      const parked = new Set<string>();
      return {
        settle: (consumer, owner, progress) =>
          sound.settle(consumer, owner, {
            ...progress,
            changes: progress.changes.filter((one) => {
              if (one.kind === "unpark") parked.delete(one.stream.id);
              if (one.kind !== "park") return true;
              const isNew = !parked.has(one.at.stream.id);
              parked.add(one.at.stream.id);
              return isNew;
            }),
          }),
      };
    }),
  },
  {
    flaw: "forgets the failures of parked streams",
    by: "subscriptions: failures are counted across restarts",
    suite: "delivery",
    create: settling((one) => (one.kind === "park" ? [{ ...one, failures: undefined }] : [one])),
  },
  {
    flaw: "does not unpark",
    by: "unpark: removes the row of its stream, of its consumer",
    suite: "store",
    create: settling((one) => (one.kind === "unpark" ? [] : [one])),
  },
  {
    flaw: "gives parked streams as far as the stream goes, not as the cursor",
    by: "take: whoever takes it over gets its parked streams, each with the last sequence up to its position",
    suite: "store",
    create: broken((sound) => ({
      async take(consumer, claim) {
        const answer = await sound.take(consumer, claim);
        if (answer.kind === "held") return answer;
        const through = async (lane: (typeof answer.parked)[number]): Promise<number> =>
          (await sound.history(lane.at.stream, { after: 0, limit: 1_000 })).length;
        const lanes = answer.parked.map(async (lane) => ({ ...lane, through: await through(lane) }));
        return { ...answer, parked: await Promise.all(lanes) };
      },
    })),
  },
  {
    flaw: "tells of parked streams only whoever is new",
    by: "take: the owner that takes it again gets its parked streams, too: it may not have heard of them",
    suite: "store",
    create: broken((sound) => ({
      async take(consumer, claim) {
        const answer = await sound.take(consumer, claim);
        return answer.kind === "taken" && answer.kept ? { ...answer, parked: [] } : answer;
      },
    })),
  },
  {
    flaw: "takes the later time when a message is armed again",
    by: "arm: a message that is armed again is due at the earlier of the two times, its sequence moves on, and it has never failed",
    suite: "store",
    create: armsLater,
  },
  {
    flaw: "takes the later time when a message is armed again (as an app sees it)",
    by: "timers: the same name replaces: for later it fires later, for earlier it fires earlier",
    suite: "delivery",
    create: armsLater,
  },
  {
    flaw: "deletes a message that was armed in the meantime",
    by: "delete: removes a message; with a sequence only if nothing has armed it since",
    suite: "store",
    create: unguarded("delete"),
  },
  {
    flaw: "postpones a message that was armed in the meantime",
    by: "postpone: changes time, failures and body; with a sequence only if nothing has armed it since",
    suite: "store",
    create: unguarded("postpone"),
  },
  {
    flaw: "buries a message that was armed in the meantime",
    by: "bury: with a sequence, only if nothing has armed it since",
    suite: "store",
    create: unguarded("bury"),
  },
  {
    flaw: "buries a message that was armed in the meantime (as an app sees it)",
    by: "timers: one that is set anew while its command is given up is not lost",
    suite: "delivery",
    create: unguarded("bury"),
  },
  {
    flaw: "brings a message forward that is failing",
    by: "plan: leaves a message alone that is failing",
    suite: "store",
    create: broken((sound) => ({
      async settle(consumer, owner, progress) {
        const { messages } = await sound.due(consumer, { now: Number.MAX_SAFE_INTEGER, limit: 1_000 });
        const changes = progress.changes.flatMap((one): readonly Change[] => {
          const standing = one.kind === "plan" && messages.find(({ name }) => name === one.name);
          if (one.kind !== "plan" || !standing) return [one];
          return [{ kind: "postpone", id: standing.id, due: one.due, failures: undefined, body: one.body }];
        });
        return sound.settle(consumer, owner, { ...progress, changes });
      },
    })),
  },
  {
    flaw: "doubles a dead letter that is settled twice",
    by: "dead: one that is settled again, as its answer was lost, is one dead letter",
    suite: "store",
    create: broken((sound) => {
      let n = 0;
      return {
        settle: (consumer, owner, progress) =>
          sound.settle(consumer, owner, {
            ...progress,
            changes: progress.changes.map((one) =>
              one.kind === "dead" && !one.message.again
                ? { ...one, message: { ...one.message, again: `copy ${++n}` } }
                : one,
            ),
          }),
        dead: async (query) =>
          (await sound.dead(query)).map(({ again, ...letter }) => ({
            ...letter,
            ...(again !== undefined && !again.startsWith("copy") && { again }),
          })),
      };
    }),
  },
  {
    flaw: "disarms dead letters",
    by: "disarm: removes what waits of a stream, and no dead letter",
    suite: "store",
    create: broken((sound) => ({
      async settle(consumer, owner, progress) {
        const settled = await sound.settle(consumer, owner, progress);
        for (const one of progress.changes) {
          if (one.kind !== "disarm") continue;
          const dead = await sound.dead({ limit: 1_000 });
          await sound.drop(dead.filter(({ stream }) => stream?.id === one.stream.id).map(({ id }) => id));
        }
        return settled;
      },
    })),
  },
  {
    flaw: "redrives to all consumers",
    by: "redrive: puts a dead letter back at its own consumer, due, with no failure counted",
    suite: "store",
    create: redrivesToAll,
  },
  {
    flaw: "redrives with the failures counted",
    by: "redrive: puts a dead letter back at its own consumer, due, with no failure counted",
    suite: "store",
    create: broken((sound) => {
      const counted = new Map<number, DeadLetter["failures"]>();
      return {
        async redrive(ids, now) {
          for (const { id, failures } of await sound.dead({ limit: 1_000 })) counted.set(id, failures);
          return sound.redrive(ids, now);
        },
        async due(consumer, range) {
          const due = await sound.due(consumer, range);
          const messages = due.messages.map((message) => {
            const failures = message.failures ?? counted.get(message.id);
            return { ...message, ...(failures && { failures }) };
          });
          return { ...due, messages };
        },
      };
    }),
  },
  {
    flaw: "counts ids that are not dead",
    by: "redrive: ids that are not dead are ignored, and one that is named twice is one",
    suite: "store",
    create: broken((sound) => ({
      async redrive(ids, now) {
        await sound.redrive(ids, now);
        return ids.length;
      },
    })),
  },
  {
    flaw: "lists dead letters from the start, whatever the page",
    by: "dead: lists dead letters in ascending order of ids, in pages, of one consumer or of all",
    suite: "store",
    create: broken((sound) => ({ dead: (query) => sound.dead({ ...query, after: 0 }) })),
  },
  {
    flaw: "lists the dead letters of all consumers",
    by: "dead: lists dead letters in ascending order of ids, in pages, of one consumer or of all",
    suite: "store",
    create: broken((sound) => ({ dead: ({ consumer: _of, ...query }) => sound.dead(query) })),
  },
  {
    flaw: "drops what is not dead",
    by: "drop: removes dead letters for good, and nothing else",
    suite: "store",
    create: broken((sound) => {
      const dropped = new Set<number>();
      return {
        async drop(ids) {
          for (const id of ids) dropped.add(id);
          return sound.drop(ids);
        },
        async due(consumer, range) {
          const due = await sound.due(consumer, range);
          return { ...due, messages: due.messages.filter(({ id }) => !dropped.has(id)) };
        },
      };
    }),
  },
  {
    flaw: "skips a record",
    by: "recordsAfter: gives the records of all streams in the order of their commits, with their streams",
    suite: "store",
    create: skipping,
  },
  {
    flaw: "gives records in the order of streams",
    by: "recordsAfter: gives the records of all streams in the order of their commits, with their streams",
    suite: "store",
    create: broken((sound) => ({
      recordsAfter: async (position, limit) =>
        (await sound.recordsAfter(position, limit)).toSorted((a, b) => (a.stream.id < b.stream.id ? -1 : 1)),
    })),
  },
  {
    flaw: "gives the first record behind a position twice",
    by: "recordsAfter: pages of any size give each record once",
    suite: "store",
    create: broken((sound) => ({
      recordsAfter: (position, limit) => sound.recordsAfter(Math.max(0, position - 1), limit),
    })),
  },
  {
    flaw: "gives payloads that were erased",
    by: "recordsAfter: payloads that were erased are blank, in their places; the tombstone and the others stay",
    suite: "store",
    create: broken((sound) => {
      const kept = new Map<string, Awaited<ReturnType<DeliveryStore["recordsAfter"]>>[number]>();
      return {
        async recordsAfter(position, limit) {
          const records = await sound.recordsAfter(position, limit);
          return records.map((record) => {
            const key = String(record.position);
            kept.set(key, kept.get(key) ?? record);
            return kept.get(key) ?? record;
          });
        },
      };
    }),
  },
  {
    flaw: "leaves the reasons of erased streams",
    by: "erase: blanks the reasons of the stream's dead letters, which may quote what was erased",
    suite: "store",
    create: broken((sound) => {
      const reasons = new Map<number, DeadLetter["reason"]>();
      return {
        async erase(stream, tombstone) {
          for (const { id, reason } of await sound.dead({ limit: 1_000 })) reasons.set(id, reason);
          await sound.erase(stream, tombstone);
        },
        dead: async (query) =>
          (await sound.dead(query)).map((letter) => ({ ...letter, reason: reasons.get(letter.id) ?? letter.reason })),
      };
    }),
  },
  {
    flaw: "gives dead letters as due",
    by: "due: what is dead is not due",
    suite: "store",
    create: deadAsDue,
  },
  {
    flaw: "gives what is due in the order it came",
    by: "due: gives what is due by now, the earliest first, those of equal times in the order they came",
    suite: "store",
    create: broken((sound) => ({
      async due(consumer, range) {
        const due = await sound.due(consumer, range);
        return { ...due, messages: due.messages.toSorted((a, b) => a.id - b.id) };
      },
    })),
  },
  {
    flaw: "does not say when the next one is due",
    by: "due: says when the next one is due that is not due yet",
    suite: "store",
    create: broken((sound) => ({
      due: async (consumer, range) => ({ ...(await sound.due(consumer, range)), nextAt: undefined }),
    })),
  },
  {
    flaw: "does not say when the next parked stream is due",
    by: "due: says when the next parked stream is due, be that in the past; it is no message",
    suite: "store",
    create: broken((sound) => ({
      due: async (consumer, range) => ({ ...(await sound.due(consumer, range)), parkedAt: undefined }),
    })),
  },
  {
    flaw: "ignores leases",
    by: "take: while somebody else's lease lasts it is held, with its end and how far it got",
    suite: "store",
    create: ignoresLeases,
  },
  {
    flaw: "holds for ever what a clock that went wrong has taken",
    by: "take: a lease that ends later than any clock can have meant does not count",
    suite: "store",
    create: broken((sound) => ({
      take: (consumer, claim) => sound.take(consumer, { ...claim, longest: Number.MAX_SAFE_INTEGER }),
    })),
  },
  {
    flaw: "begins at the beginning, whoever asks",
    by: "take: a consumer that is new begins where it says: at the beginning, or behind the last record",
    suite: "store",
    create: broken((sound) => ({
      take: (consumer, claim) => sound.take(consumer, { ...claim, start: "beginning" }),
    })),
  },
  {
    flaw: "says that everything was kept",
    by: "take: when the lease has ended it is taken over, where it stands",
    suite: "store",
    create: broken((sound) => ({
      async take(consumer, claim) {
        const answer = await sound.take(consumer, claim);
        return answer.kind === "taken" ? { ...answer, kept: true } : answer;
      },
    })),
  },
  {
    flaw: "tells nobody of messages that have come",
    by: "watch: says at once that this instance has stored a record, or a message",
    suite: "store",
    create: broken((sound) => ({
      watch: (listener) => sound.watch((what, records) => (what === "records" ? listener(what, records) : undefined)),
    })),
  },
  {
    flaw: "goes on telling those who have stopped to watch",
    by: "watch: says at once that this instance has stored a record, or a message",
    suite: "store",
    create: broken((sound) => ({
      watch(listener) {
        sound.watch(listener);
        return () => {};
      },
    })),
  },
  {
    flaw: "loses all but the first of the messages that are sent together",
    by: "send: stores messages as they are, due at once, also for a consumer that nobody has taken yet",
    suite: "store",
    create: broken((sound) => ({ send: (consumer, messages) => sound.send(consumer, messages.slice(0, 1)) })),
  },
];
