import type { Committed } from "../../core/broker/outbox.ts";
import { streamKey } from "../../core/runtime/live.ts";
import type { MemoryJournal } from "../../memory/journal.ts";
import { hashOf } from "../faults.ts";
import type { Surroundings } from "../target.ts";
import type { Hosts } from "./hosts.ts";

/** A store's stream of changes, which invokes instances with them. */
export interface ChangeStream {
  /** Records that are not relayed for sure. */
  waiting(): readonly Committed[];
}

const shardsMax = 3;
/** Records that are handed out at once. */
const batchMax = 100;

/**
 * Each record is in one shard, those of an entity in the same one, in their order. Of a shard one batch is under way at a time;
 * it goes on behind what is relayed, and what is not comes again, with all behind it.
 */
export function createChangeStream(
  world: Surroundings,
  journal: Pick<MemoryJournal, "watch">,
  hosts: Hosts,
): ChangeStream {
  const shards = Array.from({ length: shardsMax }, (_, i) => createShard(`stream${i + 1}`, world, hosts));
  journal.watch((_what, records = []) => {
    for (const { stream, record } of records) {
      shards[hashOf(streamKey(stream)) % shardsMax]?.add({ stream, record });
    }
  });
  return { waiting: () => shards.flatMap(({ waiting }) => waiting) };
}

interface Shard {
  readonly waiting: readonly Committed[];
  add(committed: Committed): void;
}

function createShard(name: string, { scheduler, fates, note }: Surroundings, hosts: Hosts): Shard {
  const site = fates.site(`broker.${name}`);
  const { random } = site;
  const waiting: Committed[] = [];
  let isBusy = false;

  function later(withinMs: number): void {
    if (isBusy || waiting.length === 0) return;
    isBusy = true;
    scheduler.after(10 + withinMs * random(), () => void handOut());
  }

  async function handOut(): Promise<void> {
    const some = waiting.slice(0, 1 + Math.floor(random() * batchMax));
    const host = hosts.pick(random);
    let relayed = 0;
    if (host) {
      const records = some.map(({ stream, record }) => `${stream.entity} ${stream.id} ${record.sequence}`);
      note(name, `to ${host.name}: ${records.join(", ")}`);
      let isOver = false;
      await hosts.invoke(
        site,
        host,
        ({ relay }) => relay(some),
        (count) => {
          // What is heard of a batch that is over moves nothing.
          if (!isOver) relayed = count;
        },
      );
      isOver = true;
      waiting.splice(0, relayed);
    }
    isBusy = false;
    if (host) later(relayed < some.length ? 1_000 : 10);
  }

  hosts.watch(() => later(10));
  return {
    waiting,
    add(committed) {
      waiting.push(committed);
      later(250);
    },
  };
}
