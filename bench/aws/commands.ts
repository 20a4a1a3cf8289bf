import { DynamoDBClient, GetItemCommand, PutItemCommand, type AttributeValue } from "@aws-sdk/client-dynamodb";
import { createRuntime, type Runtime } from "holdfast";
import { createDynamoJournal } from "holdfast/aws/dynamodb";
import app from "../../examples/shop/app.ts";
import { cartOf, cartsCount, commandsTo, digits, fillCarts, warmUpWidth } from "../cloud/carts.ts";
import { atOnce, compare, keepBusy, perSecond, type Bench, type Benchmark, type Shared } from "../harness.ts";
import { cartId } from "../workload.ts";
import { openDynamo, system } from "./dynamo.ts";

/** Both sides, on one table. */
interface Store {
  readonly runtime: Runtime;
  /** Puts an item as large as a record of the runtime's, on the condition that it is not there. */
  put(cart: string): Promise<unknown>;
}

async function openStore(bench: Bench): Promise<Shared<Store>> {
  const dynamo = await bench.shared(openDynamo);
  const table = await dynamo.table("commands");
  const journal = createDynamoJournal({ client: dynamo.client(), table, system });
  const runtime = createRuntime(app, { journal, system });
  bench.progress(`${cartsCount} carts with 1 to ${cartsCount} commands`);
  await fillCarts(runtime);
  const client = dynamo.client();
  const record = await recordOf(client, table, cartId(cartsCount - 1), cartsCount);
  let used = 0;
  const put: Store["put"] = (cart) => {
    const sk = `r${digits(++used)}`;
    const Item = { ...record, pk: { S: `default/bare/${cart}` }, sk: { S: sk } };
    return client.send(new PutItemCommand({ TableName: table, Item, ConditionExpression: "attribute_not_exists(pk)" }));
  };
  await atOnce(warmUpWidth, (cartsCount * cartsCount) / 2, (i) => put(cartOf(i)));
  return { value: { runtime, put }, close: () => runtime.close() };
}

async function recordOf(
  client: DynamoDBClient,
  TableName: string,
  cart: string,
  sequence: number,
): Promise<Record<string, AttributeValue>> {
  const Key = { pk: { S: `default/cart/${cart}` }, sk: { S: `r${digits(sequence)}` } };
  const { Item } = await client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
  if (Item === undefined) throw new Error(`The journal has no record ${sequence} of ${cart}.`);
  return Item;
}

function commands(name: string, what: string, width: number): Benchmark {
  return {
    name,
    async run(bench) {
      const { runtime, put } = await bench.shared(openStore);
      // Longer than on one machine, where a command takes a tenth of the time.
      const turnMs = bench.turnMs * 2;
      let puts = 0;
      const command = commandsTo(runtime);
      const { value, ratio } = await compare(
        bench,
        what,
        async () => perSecond(await keepBusy(width, turnMs, () => put(cartOf(puts++)))),
        async () => perSecond(await keepBusy(width, turnMs, command)),
      );
      const against = `bare puts, ${width === 1 ? "one at a time" : `${width} at once`}`;
      return [{ name: what, value, unit: "commands/s", ratio, against, bound: { floor: 0.85 } }];
    },
  };
}

/** Warm entities against conditional puts of the same size, through clients of the same settings. */
export const warm: readonly Benchmark[] = [
  commands("one", `${cartsCount} carts, one at a time`, 1),
  commands("16", `${cartsCount} carts, 16 at once`, 16),
];
