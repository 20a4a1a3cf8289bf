import type { TableClient, TableEntity } from "@azure/data-tables";
import { createRuntime, type Runtime } from "holdfast";
import { createMarkedTablesJournal } from "holdfast/azure/tables";
import { cartOf, cartsCount, commandsTo, digits, fillCarts, warmUpWidth } from "../cloud/carts.ts";
import { atOnce, compareAll, keepBusy, timed, type Bench, type Benchmark, type Row, type Shared } from "../harness.ts";
import { cartId } from "../workload.ts";
import { deployments } from "./apps.ts";
import { openAzure } from "./emulators.ts";
import { createSends, type Sends } from "./sends.ts";
import { coverMs, createJumpingSystem, openInstance, system } from "./instance.ts";
import type { Instance } from "./internals.ts";

/** All sides: two tables, one topic. */
interface Store {
  /** The whole, and how to end all its covers. */
  readonly instance: Instance;
  uncover(): void;
  /** The journal without a broker: no wake-ups, nothing published. */
  readonly alone: Runtime;
  /** Inserts a row as large as a record of the instance's. */
  insert(cart: string): Promise<unknown>;
  /** The same, then sends a message as large as an event's, for which nobody waits. */
  insertAndSend(cart: string): Promise<unknown>;
  readonly sends: Sends;
}

async function openStore(bench: Bench): Promise<Shared<Store>> {
  const azure = await bench.shared(openAzure);
  await Promise.all([azure.table("commands"), azure.table("alone")]);
  const jumping = createJumpingSystem();
  const instance = openInstance({
    ...deployments.shop,
    table: azure.tableClient("commands"),
    serviceBus: azure.serviceBusClient(),
    system: jumping,
  });
  const journal = createMarkedTablesJournal({ client: azure.tableClient("alone"), system });
  const alone = createRuntime(deployments.shop.app, { journal, system });
  bench.progress(`${cartsCount} carts with 1 to ${cartsCount} commands, twice`);
  await fillCarts(instance.runtime);
  await instance.publisher.idle();
  await fillCarts(alone);
  const client = azure.tableClient("commands");
  const record = await recordOf(client, cartId(cartsCount - 1), cartsCount);
  let used = 0;
  const insert: Store["insert"] = (cart) =>
    client.createEntity({ ...record, partitionKey: `default.bare.${cart}`, rowKey: rowKeyOf(++used) });
  await atOnce(warmUpWidth, (cartsCount * cartsCount) / 2, (i) => insert(cartOf(i)));
  const sends = createSends(azure.serviceBusClient());
  return {
    value: {
      instance,
      uncover: () => jumping.jump(coverMs),
      alone,
      insert,
      async insertAndSend(cart) {
        await insert(cart);
        sends.send(cart);
      },
      sends,
    },
    async close() {
      await Promise.all([instance.runtime.close(), alone.close()]);
      await instance.publisher.idle();
    },
  };
}

/** A record's row, without what the service adds. */
async function recordOf(client: TableClient, cart: string, sequence: number): Promise<TableEntity> {
  const {
    etag: _,
    timestamp: __,
    "odata.metadata": ___,
    ...row
  } = await client.getEntity(`default.cart.${cart}`, rowKeyOf(sequence));
  // It was found by them.
  return row as TableEntity;
}

/** Of a record: the newest comes first. */
function rowKeyOf(sequence: number): string {
  return `t${digits(Number.MAX_SAFE_INTEGER - sequence)}`;
}

function commands(name: string, width: number): Benchmark {
  const how = width === 1 ? "one at a time" : `${width} at once`;
  const what = `${cartsCount} carts, ${how}`;
  return {
    name,
    async run(bench) {
      const { instance, uncover, alone, insert, insertAndSend, sends } = await bench.shared(openStore);
      // Longer than on one machine, where a command takes a tenth of the time.
      const turnMs = bench.turnMs * 2;
      const command = commandsTo(instance.runtime);
      const commandAlone = commandsTo(alone);
      let inserts = 0;
      /** Per second, what is published behind the answers included. */
      const rate = async (one: (index: number) => Promise<unknown>, idle = async () => {}): Promise<number> => {
        let count = 0;
        const ms = await timed(async () => {
          ({ count } = await keepBusy(width, turnMs, one));
          await idle();
        });
        return (count / ms) * 1_000;
      };
      const sides = await compareAll(bench, what, () => rate(() => insert(cartOf(inserts++))), [
        async () => {
          // Each cart has its wake-up when the clock starts.
          uncover();
          await atOnce(warmUpWidth, cartsCount, command);
          await instance.publisher.idle();
          return rate(command, instance.publisher.idle);
        },
        () => rate(commandAlone),
        () => rate(() => insertAndSend(cartOf(inserts++)), sends.idle),
        () =>
          rate((index) => {
            // Of any hundred in turn no two are to the same cart.
            if (index % cartsCount === 0) uncover();
            return command();
          }, instance.publisher.idle),
      ]);
      // As many as there are sides.
      const [whole, journal, byHand, lone] = sides.map(({ ratio }) => ratio) as [number, number, number, number];
      const against = `bare inserts, ${how}`;
      const row = (name: string, i: number): Row => {
        const { value = 0, ratio = 0 } = sides[i] ?? {};
        return { name, value, unit: "commands/s", ratio, against, bound: null };
      };
      const share = (name: string, value: number): Row => {
        return { name, value: value * 100, unit: "% of the time", ratio: null, against: null, bound: null };
      };
      return [
        { ...row(what, 0), bound: { floor: 0.85 } },
        { ...row("  the same", 0), ratio: whole / byHand, against: "inserts, and sends behind them" },
        row("  nothing published, no wake-ups", 1),
        row("  by hand: inserts, and sends behind them", 2),
        row("  each with a wake-up of its own", 3),
        share("  of a covered command: publishing", 1 - whole / journal),
        share("  of one with a wake-up: the wake-up", 1 - lone / whole),
      ];
    },
  };
}

/** Warm entities on the whole stack against inserts of the same size, through clients of the same settings. */
export const warm: readonly Benchmark[] = [commands("one", 1), commands("16", 16)];
